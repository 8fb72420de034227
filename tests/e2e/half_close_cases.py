"""One direction of a connection ends before the other, in every order."""

import hashlib
import os
import socket
import struct
import subprocess
import threading
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, dial, read_exactly, read_to_end
import ends
from cases import check

MB = 1 << 20


def digest(data):
    return hashlib.sha256(data).hexdigest().encode()


@suite.case("socat_answer_after_the_end_of_the_question", tags=["short"])
def socat_sha256(case):
    """sha256sum answers only when it saw the end of its input."""
    case.need("socat")
    data = os.urandom(3 * MB + 17)
    port = case.port()
    far = case.start(["socat", f"TCP-LISTEN:{port},bind={LOCAL},fork,reuseaddr", "EXEC:sha256sum"], "socat")
    ends.wait_ready(far, tcp=[port])
    pair = Pair(case, f"{LOCAL}:{port}")
    got = subprocess.run(["socat", "-t", "15", "-", f"TCP:{LOCAL}:{pair.local}"], input=data,
                         capture_output=True, timeout=20).stdout
    check(got.split()[:1] == [digest(data)], f"socat got {got[:80]!r}")
    pair.stop()


def half_close_pair(case, handler, **options):
    far = Listener(handler)
    return Pair(case, far.text, **options), far


@suite.case("client_ends_first_and_reads_a_long_answer")
def client_ends_first(case):
    answer = os.urandom(5 * MB)

    def serve(conn):
        question = read_to_end(conn)
        time.sleep(1)
        conn.sendall(answer)
        return question

    pair, far = half_close_pair(case, serve)
    with dial(pair.address) as s:
        s.sendall(b"question")
        s.shutdown(socket.SHUT_WR)
        check(read_to_end(s) == answer, "the answer is not the one sent")
    check(far.result() == b"question", "the question is not the one sent")
    pair.stop()


@suite.case("target_ends_first_and_reads_on")
def target_ends_first(case):
    data = os.urandom(5 * MB)

    def serve(conn):
        conn.sendall(b"banner")
        conn.shutdown(socket.SHUT_WR)
        return digest(read_to_end(conn))

    pair, far = half_close_pair(case, serve)
    with dial(pair.address) as s:
        check(read_to_end(s) == b"banner", "no banner and end of stream")
        time.sleep(1)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        check(far.result() == digest(data), "the target read something else")
    pair.stop()


@suite.case("client_ends_before_it_sent_anything")
def client_ends_at_once(case):
    def serve(conn):
        question = read_to_end(conn)
        conn.sendall(b"so quiet?")
        return question

    pair, far = half_close_pair(case, serve)
    with dial(pair.address) as s:
        s.shutdown(socket.SHUT_WR)
        check(read_to_end(s) == b"so quiet?", "no answer after an empty question")
    check(far.result() == b"", "the target read something")
    pair.stop()


@suite.case("both_end_at_the_same_time_with_data_behind_them")
def both_end(case):
    up, down = os.urandom(2 * MB), os.urandom(2 * MB)

    def serve(conn):
        sender = threading.Thread(target=lambda: (conn.sendall(down), conn.shutdown(socket.SHUT_WR)))
        sender.start()
        got = read_to_end(conn)
        sender.join()
        return got

    pair, far = half_close_pair(case, serve)
    with dial(pair.address) as s:
        sender = threading.Thread(target=lambda: (s.sendall(up), s.shutdown(socket.SHUT_WR)))
        sender.start()
        check(read_to_end(s) == down, "the client read something else")
        sender.join()
    check(far.result() == up, "the target read something else")
    pair.stop()


@suite.case("the_last_bytes_before_a_close_arrive")
def close_at_once(case):
    """A peer that writes and closes at once: the end must not overtake the data."""
    def serve(conn):
        return digest(read_to_end(conn, pause=0.001))

    pair, far = half_close_pair(case, serve)
    for size in (1, 1000, 100_000, 2 * MB):
        data = os.urandom(size)
        with dial(pair.address) as s:
            s.sendall(data)
        check(far.result() == digest(data), f"not all of {size} bytes arrived")
    pair.stop()


@suite.case("a_reset_client_ends_the_target_connection")
def reset_client(case):
    def serve(conn):
        read_exactly(conn, 5)
        conn.sendall(b"ok")
        try:
            return len(read_to_end(conn))
        except ConnectionResetError:
            return 0

    pair, far = half_close_pair(case, serve, client={"closewait": 2}, server={"closewait": 2})
    with dial(pair.address) as s:
        s.sendall(b"hello")
        read_exactly(s, 2)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    check(far.result(10) == 0, "the target read on after the reset")
    pair.stop()


@suite.case("a_refused_target_ends_the_client_connection")
def refused_target(case):
    pair = Pair(case, f"{LOCAL}:{case.port()}")
    try:
        with dial(pair.address, 10) as s:
            s.sendall(b"anybody?")
            got = read_to_end(s)
    except ConnectionResetError:  # may come as soon as the connection is there
        got = b""
    check(got == b"", f"data from nowhere: {got!r}")
    check(pair.server.wait_log(r"refused", 20), "the server's log does not say that the target refused")
    pair.stop()


@suite.case("a_half_closed_stream_that_is_idle_ends_after_closewait")
def closewait(case):
    def serve(conn):
        read_exactly(conn, 5)
        try:
            return read_to_end(conn)
        except ConnectionResetError:
            return b""

    pair, far = half_close_pair(case, serve, client={"closewait": 2}, server={"closewait": 2})
    with dial(pair.address) as s:
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        start = time.monotonic()
        far.result(10)  # saw the end of its input, but sends nothing and would stay
        s.settimeout(10)
        try:
            read_to_end(s)
        except ConnectionResetError:
            pass
        check(time.monotonic() - start < 10, "the client's connection outlived closewait")
    pair.stop()


@suite.case("a_half_closed_stream_in_use_lives_beyond_closewait")
def closewait_in_use(case):
    def serve(conn):
        read_to_end(conn)
        for _ in range(8):
            conn.sendall(b"tick")
            time.sleep(0.5)
        return True

    pair, far = half_close_pair(case, serve, client={"closewait": 2}, server={"closewait": 2})
    with dial(pair.address) as s:
        s.shutdown(socket.SHUT_WR)
        check(read_to_end(s) == b"tick" * 8, "the stream was cut although it was in use")
    far.result()
    pair.stop()


@suite.case("what_is_uploaded_slowly_arrives_when_the_target_ended_first_and_the_client_has_closed", seconds=40)
def both_ended(case):
    """The kernel has seen both ends, and holds bytes that the stream had no room for yet: nobody has vanished."""
    def serve(conn):
        conn.shutdown(socket.SHUT_WR)
        return read_to_end(conn)

    pair, far = half_close_pair(case, serve, client={"tcptimeout": 1, "ratelimit": 40_000})
    data = os.urandom(180_000)  # what the stream takes, and what the kernel does
    with dial(pair.address) as s:
        check(s.recv(1) == b"", "the target's end did not come")
        s.sendall(data)
    start = time.monotonic()
    check(far.result() == data, "the upload is not what was sent")
    case.note = f"{time.monotonic() - start:.1f} s after the end"
    pair.stop()


@suite.case("a_client_that_does_not_read_stops_only_itself")
def slow_reader(case):
    """Back-pressure: the target cannot push without end, and other streams go on."""
    def serve(conn):
        if read_exactly(conn, 1) == b"f":
            conn.sendall(b"fast" * 1000)
            return 0
        conn.settimeout(3)
        sent = 0
        try:
            while sent < 200 * MB:
                sent += conn.send(bytes(65536))
        except socket.timeout:
            pass
        return sent

    pair, far = half_close_pair(case, serve, client={"smuxver": 2, "streambuf": MB},
                                server={"smuxver": 2, "streambuf": MB})
    with dial(pair.address) as slow:
        slow.sendall(b"s")
        time.sleep(1)
        for _ in range(5):
            with dial(pair.address, 5) as s:
                s.sendall(b"f")
                check(read_exactly(s, 4000) == b"fast" * 1000, "the fast stream got something else")
            far.result()
        sent = far.result()
        check(sent < 50 * MB, f"{sent >> 20} MiB went into a stream that nobody reads")
        rss = max(p.rss_kib() for p in pair.ends())
        check(rss < 40 * 1024, f"{rss} KiB resident with one stream stopped")
        case.note = f"{sent >> 10} KiB until it stopped, {rss} KiB resident"
    pair.stop()
