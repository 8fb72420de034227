"""A process that stands still for a while: what waits to be read is read before anything is given up."""

import signal
import socket
import struct
import threading
import time

from suite import suite
from tunnels import Listener, Pair, counters, dial, echo, read_exactly, read_to_end, worst_round
from cases import check


def stand(process, seconds):
    process.signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.signal(signal.SIGCONT)


BRIEF = {"sessiontimeout": 3, "keepalive": 1}


def add_session(role, settings):
    @suite.case(f"a_{role}_that_was_stopped_reads_what_waits_before_it_gives_up", seconds=60)
    def stopped(case):
        """For longer than the session may be silent; the other end says something each second."""
        pair = Pair(case, Listener(echo).text, **settings)
        with dial(pair.address) as s:
            s.settimeout(10)
            worst_round(s, 0.5)
            opened = counters(pair.server)["PassiveOpens"]
            stand(getattr(pair, role), 5)
            worst = worst_round(s, 2)
            check(worst < 1, f"a round trip took {worst:.1f} s")
        if role == "client":  # another waits for its server and opens a second session meanwhile
            check(counters(pair.server)["PassiveOpens"] == opened, "a session was opened instead")
        pair.stop()


add_session("client", {"client": BRIEF, "server": {"keepalive": 1}})
add_session("server", {"client": {"keepalive": 1}, "server": BRIEF})


@suite.case("a_half_closed_stream_was_not_idle_while_the_process_stood", seconds=60)
def half_closed(case):
    """What came for it meanwhile is seen before closewait is over."""
    def serve(conn):
        read_to_end(conn)
        for _ in range(50):
            conn.sendall(b"x")
            time.sleep(0.1)

    pair = Pair(case, Listener(serve).text, client={"closewait": 2})
    with dial(pair.address) as s:
        s.settimeout(20)
        s.shutdown(socket.SHUT_WR)
        read_exactly(s, 1)
        stand(pair.client, 4)
        read_exactly(s, 49)
        check(s.recv(1) == b"", "there is more")
    pair.stop()


@suite.case("what_a_local_peer_said_before_its_reset_is_read_after_a_standstill", seconds=60)
def reset_meanwhile(case):
    """Its connection has failed, but the bytes before that wait to be read."""
    got = []

    def serve(conn):
        try:
            while data := conn.recv(65536):
                got.append(data)
        except OSError as e:
            got.append(e)

    pair = Pair(case, Listener(serve).text, client={"tcptimeout": 2})
    socks = [dial(pair.address) for _ in range(10)]
    for s in socks:
        s.sendall(b"a")
    end = time.monotonic() + 10
    while len(got) < 10:
        check(time.monotonic() < end, "the target does not have the first bytes")
        time.sleep(0.05)

    def reset():
        for s in socks:
            s.sendall(b"b" * 1000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()

    threading.Timer(0.5, reset).start()
    stand(pair.client, 3)
    end = time.monotonic() + 10
    while sum(isinstance(x, OSError) for x in got) < 10 and time.monotonic() < end:
        time.sleep(0.05)
    count = sum(len(x) for x in got if isinstance(x, bytes))
    check(count == 10 * 1001, f"{count} of {10 * 1001} bytes came")
    check(sum(isinstance(x, OSError) for x in got) == 10, "what was cut short ended as if it were whole")
    pair.stop()
