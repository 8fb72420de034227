"""conn = auto: sessions that come with streams, and streams that do not wait for each other."""

import os
import sys
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, check_traffic, dial, echo, pair_to_target, read_exactly, read_to_end
import control
import ends
import traffic
from cases import check, wait_until

BADNET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "badnet.py")
DELAY = 0.3  # s, one way
AUTO = {"conn": "auto"}
MB = 1 << 20


def ask(s, data=b"hello"):
    s.sendall(data)
    check(read_exactly(s, len(data)) == data, "the echo differs")


class Watched:
    """A pair whose client can be looked into, behind a relay with a delay if one is given."""

    def __init__(self, case, target, delay=0.0, **options):
        self.pair = Pair(case, target, client={**AUTO, **options})
        ends.stop_cleanly(self.pair.client)
        self.path = case.path("control")
        text = self.pair.texts["client"].replace("control = none", f"control = {self.path}")
        if delay:
            near = case.port()
            relay = case.start([sys.executable, BADNET, "--listen", near, "--to", self.pair.far,
                                "--delay", delay * 1000], "badnet")
            ends.wait_ready(relay, udp=[near])
            text = text.replace(f"remoteaddr = {LOCAL}:{self.pair.far}", f"remoteaddr = {LOCAL}:{near}")
        self.pair.texts["client"] = text
        self.pair.start_client("client2")
        self.address = self.pair.address
        self.wait_sessions(1)

    def sessions(self):
        return control.Channel(self.path).good("sessions")["sessions"]

    def streams(self):
        """How many each session has, the most first."""
        return sorted((s["streams"] for s in self.sessions()), reverse=True)

    def wait_sessions(self, count, seconds=20):
        wait_until(lambda: [s["state"] for s in self.sessions()] == ["open"] * count, seconds,
                   f"{count} sessions that were heard")


@suite.case("conn_auto_opens_sessions_as_streams_come")
def as_streams_come(case):
    w = Watched(case, Listener(echo).text)
    conns = []
    for count in range(1, 9):
        conns.append(dial(w.address))
        ask(conns[-1])
        check(w.streams() == [1] * count, f"{w.streams()} streams after {count} connections")
    for _ in range(8):
        conns.append(dial(w.address))
        ask(conns[-1])
    check(w.streams() == [2] * 8, f"{w.streams()} of 16")
    for s in conns:
        s.close()
    wait_until(lambda: sum(w.streams()) == 0, 20, "all streams are over")
    check(len(w.sessions()) == 8, "a session ended at once")
    with dial(w.address) as s:  # they are used again, and no more are made
        ask(s)
    check(len(w.sessions()) == 8, f"{len(w.sessions())} sessions")
    w.pair.stop()


@suite.case("conn_auto_with_one_stream_at_a_time_has_one_session")
def one_at_a_time(case):
    w = Watched(case, Listener(echo).text)
    for _ in range(10):
        with dial(w.address) as s:
            ask(s)
        wait_until(lambda: sum(w.streams()) == 0, 20, "the stream is over")
    check(len(w.sessions()) == 1, f"{len(w.sessions())} sessions")
    w.pair.stop()


@suite.case("conn_auto_first_data_of_a_further_session_leaves_at_once")
def leaves_at_once(case):
    w = Watched(case, Listener(echo).text, DELAY)
    with dial(w.address) as first:
        ask(first)
        start = time.monotonic()
        with dial(w.address) as second:
            ask(second)
            took = time.monotonic() - start
            check(w.streams() == [1, 1], f"{w.streams()}")
    case.note = f"{took / DELAY / 2:.2f} round trips"
    check(took < 3 * DELAY, f"{took:.2f} s, with a round trip of {2 * DELAY:.1f} s")
    w.pair.stop()


@suite.case("conn_auto_ends_sessions_that_are_quiet", seconds=150)
def quiet_ones_end(case):
    w = Watched(case, Listener(echo).text)
    conns = [dial(w.address) for _ in range(4)]
    for s in conns:
        ask(s)
    w.wait_sessions(4)
    for s in conns[1:]:
        s.close()

    def only_one_is_left():
        ask(conns[0])
        return len(w.sessions()) == 1
    wait_until(only_one_is_left, 100, "those without streams have ended")
    conns[0].close()
    time.sleep(1)
    check(len(w.sessions()) == 1, "the last one has ended")
    w.pair.stop()


@suite.case("conn_auto_carries_bulk_and_talk_beside_each_other")
def bulk_and_talk(case):
    sizes = []

    def serve(conn):
        if read_exactly(conn, 1) == b"b":
            sizes.append(len(read_to_end(conn)))
            return
        echo(conn)

    w = Watched(case, Listener(serve).text, 0.02)
    data = os.urandom(MB)
    with dial(w.address) as bulk, dial(w.address) as talk:
        bulk.sendall(b"b")
        talk.sendall(b"t")
        for _ in range(4):
            bulk.sendall(data)
            ask(talk)
        check(w.streams() == [1, 1], f"{w.streams()}: both are in one session")
        bulk.shutdown(1)
        wait_until(lambda: sizes == [4 * MB], 30, "the bulk is through")
    w.pair.stop()


@suite.case("conn_auto_survives_a_server_that_starts_anew", seconds=120)
def server_starts_anew(case):
    w = Watched(case, Listener(echo).text)
    conns = [dial(w.address) for _ in range(3)]
    for s in conns:
        ask(s)
    w.pair.server.term(10)
    w.pair.start_server("server2")

    def works():
        try:
            with dial(w.address, 5) as s:
                ask(s)
            return True
        except OSError:
            return False
    wait_until(works, 80, "connections work again")
    for s in conns:
        s.close()
    w.pair.stop()


@suite.case("conn_auto_heeds_maxstreams_of_each_session")
def maxstreams(case):
    w = Watched(case, Listener(echo).text, maxstreams=2)
    conns = [dial(w.address) for _ in range(16)]
    for s in conns:
        ask(s)
    check(w.streams() == [2] * 8, f"{w.streams()}")
    for s in conns:
        s.close()
    w.pair.stop()


@suite.case("conn_auto_is_served_by_a_go_server")
def go_server(case):
    target = traffic.Target()
    far, near = case.port(), case.port()
    ends.start_server(case, ends.GO, {"mode": "fast", "smuxver": 2}, f":{far}", f"{LOCAL}:{target.port}")
    client = ends.start_client(case, ends.OURS, AUTO, f"{LOCAL}:{near}", f"{LOCAL}:{far}")
    check_traffic((LOCAL, near), target, [(200_000 + i, 300_000 - i) for i in range(12)])
    opened = client.log().count("to %s:%d opened" % (LOCAL, far))
    check(opened == 8, f"{opened} sessions")
    ends.stop_cleanly(client)


@suite.case("conn_auto_renews_its_sessions_with_a_reload_and_by_age", seconds=60)
def renewed(case):
    pair, target = pair_to_target(case, client={**AUTO, "autoexpire": 2})
    check_traffic(pair.address, target)
    time.sleep(3)
    check_traffic(pair.address, target)
    wait_until(lambda: pair.client.log().count("opened") >= 2, 20, "another session")
    pair.stop()
