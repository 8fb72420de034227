"""Peers that break off, give up, never read, never speak; and that nothing of it is kept or hidden."""

import errno
import os
import socket
import struct
import threading
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, check_traffic, counters, dial, pair_to_target, read_exactly, read_to_end
import ends
import memory
from relay import Path
import traffic
from cases import check, wait_until
from echo import EchoTarget

MB = 1 << 20
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a RST
RESET_SEEN = str(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


def hang_up(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def was_reset(sock, seconds=10, say=b""):
    """Say that and read to the end; True when that end was a reset, False for one in good order."""
    sock.settimeout(seconds)
    try:
        if say:
            sock.sendall(say)
        while sock.recv(65536):
            pass
        return False
    except ConnectionResetError:
        return True


def send_without_end(conn):
    """Target: how long until it noticed that nobody reads."""
    read_exactly(conn, 1)
    conn.settimeout(20)
    try:
        while True:
            conn.sendall(bytes(65536))
    except (BrokenPipeError, ConnectionResetError):
        return time.monotonic()


def add_abort(version):
    @suite.case(f"an_aborted_download_stops_the_target_smux_{version}", seconds=40)
    def aborted(case):
        far = Listener(send_without_end)
        pair = Pair(case, far.text, client={"smuxver": version})
        s = dial(pair.address)
        s.sendall(b"?")
        read_exactly(s, 100_000)
        hang_up(s)
        start = time.monotonic()
        took = far.result(15) - start
        check(took < 3, f"the target sent for {took:.1f} s after the reader had hung up")
        pair.stop()


add_abort(1)
add_abort(2)


@suite.case("a_close_in_the_middle_of_a_download_stops_the_target", seconds=40)
def closed_download(case):
    far = Listener(send_without_end)
    pair = Pair(case, far.text)
    s = dial(pair.address)
    s.sendall(b"?")
    read_exactly(s, 100_000)
    s.close()
    start = time.monotonic()
    took = far.result(15) - start
    check(took < 3, f"the target sent for {took:.1f} s after the reader had closed")
    pair.stop()


@suite.case("a_target_that_breaks_off_resets_the_client_behind_its_data")
def broken_target(case):
    data = os.urandom(MB)

    def serve(conn):
        read_exactly(conn, 1)
        conn.sendall(data)
        time.sleep(0.5)  # a reset takes from the kernel what was not read
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    far = Listener(serve)
    pair = Pair(case, far.text)
    with dial(pair.address) as s:
        s.sendall(b"?")
        check(read_exactly(s, len(data)) == data, "the data before the reset is not the one sent")
        check(was_reset(s), "the target's reset looks like an end in good order")
    pair.stop()


@suite.case("a_refused_target_is_a_reset")
def refused(case):
    pair = Pair(case, f"{LOCAL}:{case.port()}")
    try:
        with dial(pair.address, 10) as s:
            check(was_reset(s, say=b"anybody?"), "nobody there, but the connection ended in good order")
    except ConnectionResetError:
        pass  # before we could say anything
    pair.stop()


def add_death(role, at_end, limit):
    @suite.case(f"a_{'killed' if role == 'server' else 'stopped'}_{role}_is_no_regular_end", seconds=limit + 20)
    def death(case):
        seen = threading.Event()

        def serve(conn):
            conn.sendall(read_exactly(conn, 1) + b"the beginning")
            seen.set()
            return was_reset(conn, limit)

        far = Listener(serve)
        pair = Pair(case, far.text, client={"sessiontimeout": 20})
        with dial(pair.address) as s:
            s.sendall(b"?")
            read_exactly(s, 14)
            at_end(pair)
            check(was_reset(s, limit), f"the {role}'s end looks to the client like one of the stream")
        if role == "client":
            check(far.result(10), "the client's end looks to the target like one of the stream")


add_death("server", lambda pair: pair.server.kill(), 40)
add_death("client", lambda pair: pair.client.term(), 10)


@suite.case("a_half_closed_upload_on_a_slow_line_gets_its_answer", seconds=60)
def slow_upload(case):
    """The last bytes take longer than closewait: the stream is busy, not idle."""
    def serve(conn):
        got = read_to_end(conn)
        conn.sendall(b"thank you")
        return len(got)

    far = Listener(serve)
    pair = Pair(case, far.text, client={"closewait": 1, "ratelimit": 40_000, "compression": "none",
                                        "datashard": 0, "sndwnd": 128}, server={"closewait": 1})
    data = os.urandom(300_000)
    with dial(pair.address, 40) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        check(read_to_end(s) == b"thank you", "no answer")
    check(far.result() == len(data), "not all of the question arrived")
    pair.stop()


@suite.case("closewait_0_closes_both_directions", seconds=40)
def closewait_0(case):
    def serve(conn):
        read_exactly(conn, 5)
        return was_reset(conn)

    far = Listener(serve)
    pair = Pair(case, far.text, client={"closewait": 0}, server={"closewait": 0})
    with dial(pair.address) as s:
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        was_reset(s, 5)
    far.result(5)
    # Bytes of the other direction must not stop the clock for good.
    chatty = Listener(lambda conn: (conn.sendall(b"x" * 10), time.sleep(0.01), conn.sendall(b"y"),
                                    was_reset(conn)))
    pair.stop()
    pair = Pair(case, chatty.text, client={"closewait": 0}, server={"closewait": 0})
    for _ in range(20):
        with dial(pair.address) as s:
            s.shutdown(socket.SHUT_WR)
            was_reset(s, 6)
    pair.stop()


@suite.case("a_stopped_client_stops_a_download_that_asked_all_its_questions")
def stopped_in_answer(case):
    def serve(conn):
        read_to_end(conn)
        conn.settimeout(20)
        try:
            while True:
                conn.sendall(b"tick")
                time.sleep(0.05)
        except (BrokenPipeError, ConnectionResetError):
            return time.monotonic()

    far = Listener(serve)
    pair = Pair(case, far.text)
    with dial(pair.address) as s:
        s.shutdown(socket.SHUT_WR)
        read_exactly(s, 8)
        ends.stop_cleanly(pair.client)
        stopped = time.monotonic()
        check(was_reset(s), "the client's end looks like that of the answer")
    took = far.result(15) - stopped
    check(took < 3, f"the target sent for {took:.1f} s to a client that had stopped")


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def wait_for_quiet(processes):
    """How many descriptors each has once that number no longer changes."""
    while True:
        before = [descriptors(p) for p in processes]
        time.sleep(1)
        if [descriptors(p) for p in processes] == before:
            return before


@suite.case("thousands_of_short_connections_leave_nothing", seconds=90, tags=["alone"])
def short_connections(case):
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target, [(1000, 1000)] * 300)
    time.sleep(1)
    before = [(descriptors(p), p.rss_kib()) for p in pair.ends()]
    for i in range(10):
        check_traffic(pair.address, target, [(3000, 3000)] * 300, 30)
        broken = [dial(pair.address) for _ in range(100)]
        for s in broken:
            s.sendall(b"not a plan")
            hang_up(s)
        wait_until(lambda: target.accepted == 300 + 400 * (i + 1), 20, "each of them came to the target")
        faults = target.settle()
        check(len(faults) == 100 and set(faults) == {RESET_SEEN}, f"100 resets came to the target as {faults}")
    for p, (fds, rss) in zip(pair.ends(), before):
        wait_until(lambda: descriptors(p) <= fds, 15,
                   lambda: f"{p.name} is back at {fds} descriptors, has {descriptors(p)}")
        wait_until(lambda: p.rss_kib() < rss + 3000, 20, lambda: f"{p.name} is back at {rss} KiB, has {p.rss_kib()}")
    for p in pair.ends():
        streams = counters(p).get("CurrStreams", 0)
        check(streams == 0, f"{p.name} still has {streams} streams")
    pair.stop()


@suite.case("five_thousand_connections_at_once", seconds=180, tags=["alone"])
def many_connections(case):
    count = 5000
    target = EchoTarget(case)
    many = {"maxstreams": 6000, "quiet": True}
    pair = Pair(case, target.text, client={**many, "conn": 1}, server=many)
    with dial(pair.address) as s:
        memory.ask(s)
    wait_until(lambda: target.counts.ended == 1, 20, "the first connection has ended")
    everybody = [*pair.ends(), target.process]
    before = wait_for_quiet(everybody)
    conns = []
    for _ in range(count):
        # What overflows the target's queue would be its kernel's to refuse, not ours.
        wait_until(lambda: target.has_room(len(conns)), 60, "the target keeps up")
        conns.append(dial(pair.address, 60))
    for i, s in enumerate(conns):
        s.sendall(bytes([i % 251]))
    for i, s in enumerate(conns):
        check(read_exactly(s, 1) == bytes([i % 251]), f"connection {i} was given a byte of another")
    for p, fds in zip(everybody, before):
        check(descriptors(p) >= fds + count, f"{p.name} has {descriptors(p)} descriptors, not {count} more than {fds}")
    case.note = f"{max(p.rss_kib() for p in pair.ends())} KiB resident"
    for s in conns:
        s.close()
    for p, fds in zip(everybody, before):
        wait_until(lambda: descriptors(p) <= fds, 60,
                   lambda: f"{p.name} is back at {fds} descriptors, has {descriptors(p)}")
    counts = target.counts
    check((counts.accepted, counts.ended, counts.reset, counts.broken) == (count + 1, count + 1, 0, 0),
          f"of {count + 1} connections the target accepted {counts.accepted}; {counts.ended} ended in good order, "
          f"{counts.reset} by a reset, {counts.broken} otherwise")
    pair.stop()


@suite.case("connections_that_wait_leave_descriptors_for_the_session", seconds=60)
def waiting_descriptors(case):
    """More clients than descriptors before the server is there: none of them may block the session itself."""
    pair, target = pair_to_target(case, descriptors=48)
    pair.server.kill()
    pair.client.kill()
    pair.start_client("client2")
    waiting = []
    for _ in range(120):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(pair.address)
        waiting.append(s)
    time.sleep(32)  # the first session is given up, the next one takes a socket
    pair.start_server("server2")
    for s in waiting[60:]:
        s.close()
    wait_until(lambda: pair.server.wait_log("opened", 0), 25, "a session although descriptors are rare")
    for s in waiting:
        s.close()


@suite.case("who_gave_up_waiting_is_not_served", seconds=60)
def gave_up(case):
    pair, target = pair_to_target(case, client={"closewait": 1})
    pair.server.kill()
    pair.client.kill()
    pair.start_client("client2")
    for _ in range(50):
        s = dial(pair.address)
        s.sendall(b"hello?")
        s.close()
    time.sleep(32)  # the session is given up, they wait for the next
    check(descriptors(pair.client) < 30, f"{descriptors(pair.client)} descriptors for clients that left")
    pair.start_server("server2")
    wait_until(lambda: pair.server.wait_log("opened", 0), 35, "a new session")
    time.sleep(1)
    check(target.accepted == 0, f"{target.accepted} connections for clients that left")
    pair.stop()


@suite.case("replayed_datagrams_from_many_addresses_stay_cheap", seconds=90, tags=["alone"])
def replay(case):
    """Each is a valid first packet of a conversation, and without a nonce the server can't know that it came before:
    sessions are bounded, and so is the log."""
    null = {"crypt": "null"}
    pair, target = pair_to_target(case, client=null, server={"maxsessions": 500, "sessiontimeout": 12, **null})
    path = Path(case, pair)
    check_traffic(pair.address, target, [(20_000, 20_000)])
    rss = pair.server.rss_kib()
    lines = len(pair.server.log().splitlines())
    cpu = pair.server.cpu_seconds()
    first = list(path.kept[:40])
    for _ in range(1500):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for data in first:
                s.sendto(data, (LOCAL, pair.far))
    time.sleep(0.5)
    cpu = pair.server.cpu_seconds() - cpu
    peak = pair.server.rss_kib()
    said = len(pair.server.log().splitlines()) - lines
    case.note = f"{peak - rss} KiB, {said} lines, {cpu:.2f} s of CPU for 60,000 datagrams"
    check(peak - rss < 500 * 128, f"{peak - rss} KiB more for 500 sessions that nobody is behind")
    check(said < 700, f"{said} lines logged for replayed packets")
    traffic.run_plan(pair.address, [(20_000, 20_000)], 20)  # the target has faults to tell: of what was repeated to it
    wait_until(lambda: counters(pair.server).get("CurrEstab", 0) <= 1, 60, "the replayed sessions are gone")
    pair.stop()
