"""What the log tells of streams: their names, and how they ended."""

import os
import re
import signal
import socket
import struct

import ends
from cases import check, wait_until
from control import Channel
from control_cases import BASE, Controlled
from suite import suite
from traffic import Target
from tunnels import LOCAL, Listener, check_traffic, dial, echo, pair_to_target, read_exactly

ENDED = re.compile(r"^.* info \[(?P<tag>\S+)\] (?:stream (?P<session>\S+)/(?P<stream>\d+)|connection) of (?P<client>\S+)"
                   r"(?: to (?P<target>\S+))? ended after (?P<seconds>\d+\.\d{3}) s, (?P<out>\d+) bytes out, "
                   r"(?P<into>\d+) in: (?P<how>.+)$", re.M)


def ended(process, tag):
    return [m for m in ENDED.finditer(process.log()) if m["tag"] == tag]


def wait_ended(process, tag, count):
    wait_until(lambda: len(ended(process, tag)) >= count, 20, f"{count} streams of {tag} have ended in the log")
    return ended(process, tag)


def break_off(sock):
    """Close it so that its peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def text_of(sock):
    return "%s:%d" % sock.getsockname()


def until_end(sock):
    """What is left of it, and whether it ended with a reset."""
    sock.settimeout(20)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


@suite.case("streams_are_told_at_debug_by_the_names_that_kcptunctl_has", tags=["short"])
def names(case):
    listener = Listener(echo)
    d = Controlled(case, listener.text, loglevel="debug")
    with dial(d.address) as s:
        s.sendall(b"hello")
        read_exactly(s, 5)
        rows = {r["tunnel"]: r for r in Channel(d.sock).good("streams")["streams"]}
        sessions = {r["tunnel"]: r for r in Channel(d.sock).good("sessions")["sessions"]}
        near = f"stream {rows['near']['stream']} of {text_of(s)}"
        far = f"stream {rows['far']['stream']} of {sessions['far']['peer']} to {listener.text}"
    check(rows["near"]["session"] == sessions["near"]["session"], f"{rows} {sessions}")
    for tag, way in (("near", "to"), ("far", "of")):
        name = "session {session} ({conv}) {way} {peer}".format(way=way, **sessions[tag])
        check(d.process.wait_log(rf" info \[{tag}\] {re.escape(name)} opened$", 5), f"no {name} opened")
    for tag, name in (("near", near), ("far", far)):
        check(d.process.wait_log(rf" debug \[{tag}\] {re.escape(name)} opened$", 5), f"no {name} opened")
        check(d.process.wait_log(rf" debug \[{tag}\] {re.escape(name)} ended after \d+\.\d\d\d s, 5 bytes out, 5 in: "
                                 r"closed$", 20), f"no {name} ended")
    d.stop()


@suite.case("streams_are_not_told_at_info_without_accesslog")
def not_told(case):
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target)
    pair.stop()
    for p in pair.ends():
        check(" stream " not in p.log(), f"{p.name} tells of streams: {p.log()}")


@suite.case("accesslog_has_one_line_for_each_stream_however_many", seconds=60)
def one_each(case):
    """More than the quota of other lines lets pass in a minute, and with debug, which adds only what begins."""
    target, count = Target(), 700
    d = Controlled(case, f"{LOCAL}:{target.port}", accesslog=True, server={"accesslog": True, "quiet": True})
    check_traffic(d.address, target, [(1, 1)] * 3)
    ports = set()
    for _ in range(count // 50):
        conns = [dial(d.address) for _ in range(50)]
        ports |= {text_of(s) for s in conns}
        for s in conns:
            s.close()
    for tag in ("near", "far"):
        lines = wait_ended(d.process, tag, count + 3)
        check(len(lines) == len({(m["session"], m["stream"]) for m in lines}) == count + 3, f"{len(lines)} of {tag}")
    check(ports <= {m["client"] for m in ended(d.process, "near")}, "some client is not told")
    check("is not told" not in d.process.log(), "the quota has struck")
    first = ended(d.process, "far")[0]
    check(first["target"] == f"{LOCAL}:{target.port}" and int(first["out"]) > 0 and int(first["into"]) > 0, first[0])
    d.stop()


@suite.case("accesslog_counts_bytes_and_time")
def counts(case):
    listener = Listener(echo)
    d = Controlled(case, listener.text, accesslog=True, loglevel="debug", server={"accesslog": True})
    with dial(d.address) as s:
        s.sendall(b"x" * 1000)
        read_exactly(s, 1000)
        channel = Channel(d.sock)
        wait_until(lambda: channel.good("streams near")["streams"][0]["age_s"] > 1.2, 10, "time goes by")
    for tag in ("near", "far"):
        m, = wait_ended(d.process, tag, 1)
        check(1.2 <= float(m["seconds"]) < 15 and m["out"] == m["into"] == "1000" and m["how"] == "closed", m[0])
    check(" debug [near] stream near/1/3 of " in d.process.log(), "it does not tell that it was opened")
    check(len(re.findall(r"stream \S+ of \S+ .*ended", d.process.log())) == 2, "an end is told twice")
    d.stop()


@suite.case("accesslog_says_how_a_stream_ended", seconds=60)
def how(case):
    listener = Listener(echo)
    d = Controlled(case, listener.text, accesslog=True, server={"accesslog": True, "closewait": 1})
    channel = Channel(d.sock)

    def talk():
        s = dial(d.address)
        s.sendall(b"hello")
        read_exactly(s, 5)
        return s

    break_off(talk())
    check([wait_ended(d.process, tag, 1)[0]["how"] for tag in ("near", "far")] == ["reset by the client"] * 2,
          d.process.log())
    s = talk()
    session = channel.good("streams near")["streams"][0]["session"]
    channel.good(f"close {session}")
    check(until_end(s), "the closed session's connection ended without a reset")
    check(wait_ended(d.process, "near", 2)[1]["how"] == "its session ended: closed by kcptunctl", d.process.log())
    check(wait_ended(d.process, "far", 2)[1]["how"] == "reset by the client", d.process.log())
    s = talk()
    d.process.term()
    s.close()
    check({ended(d.process, tag)[2]["how"] for tag in ("near", "far")} == {"the tunnel stopped"}, d.process.log())


@suite.case("accesslog_tells_of_resets_and_timeouts_of_targets", seconds=60)
def targets(case):
    def reset(conn):
        conn.recv(1)
        break_off(conn)

    def half_closed(conn):
        conn.shutdown(socket.SHUT_WR)
        until_end(conn)

    for name, handler, options, near, far in (
            ("reset", reset, {}, "reset by the server", "reset by the target"),
            ("idle", half_closed, {"closewait": 1}, "reset by the server", "timed out, half closed (closewait)")):
        listener = Listener(handler)
        local, port = case.port(), case.port()
        p = ends.start_daemon(case, ends.ini(
            ends.section("server", "far", {**BASE, "listen": f"{LOCAL}:{port}", "target": listener.text,
                                            "accesslog": True, **options}),
            ends.section("client", "near", {**BASE, "localaddr": f"{LOCAL}:{local}", "remoteaddr": f"{LOCAL}:{port}",
                                            "accesslog": True})), name, tcp=[local], udp=[port])
        with dial((LOCAL, local)) as s:
            s.sendall(b"x")
            until_end(s)
            for tag, words in (("near", near), ("far", far)):
                check(wait_ended(p, tag, 1)[0]["how"] == words, f"{name}: {p.log()}")
        ends.stop_cleanly(p)


@suite.case("a_target_that_refuses_is_told_with_stream_and_client")
def refused(case):
    target = f"{LOCAL}:{case.port()}"
    d = Controlled(case, target, server={"accesslog": True})
    try:  # the reset may be there before connect() returns
        with dial(d.address) as s:
            until_end(s)
    except ConnectionError:
        pass
    name = rf"stream far/1/3 of {LOCAL}:\d+"
    check(d.process.wait_log(rf" warn \[far\] {name}: cannot connect to target {target}: Connection refused$", 5),
          d.process.log())
    m, = wait_ended(d.process, "far", 1)
    check(m["how"] == "the target could not be reached" and m["target"] == target, m[0])
    d.stop()


@suite.case("a_connection_that_no_server_answers_is_in_the_accesslog_on_a_unix_socket_too", seconds=60)
def unanswered(case):
    local, path = case.port(), case.path("local.sock")
    both = {**BASE, "connecttimeout": 2, "accesslog": True}
    p = ends.start_daemon(case, ends.ini(
        ends.section("client", "near", {**both, "remoteaddr": f"{LOCAL}:{case.port()}", "localaddr": f"{LOCAL}:{local}"}),
        ends.section("client", "lost", {**both, "remoteaddr": "nosuch.invalid:9", "localaddr": path})), tcp=[local])
    wait_until(lambda: os.path.exists(path), 20, "the socket")
    with dial((LOCAL, local)) as s, socket.socket(socket.AF_UNIX) as u:
        u.connect(path)
        until_end(s)
        until_end(u)
        for tag, client in (("near", text_of(s)), ("lost", "unix")):
            m, = wait_ended(p, tag, 1)
            check(m["client"] == client and m["how"] == "no server answered (connecttimeout)", m[0])
    check(re.search(r" warn \[lost\] connection of unix reset: nosuch.invalid:9 has not answered", p.log()), p.log())
    ends.stop_cleanly(p)


@suite.case("a_reload_turns_the_accesslog_on_for_streams_that_run")
def reloaded(case):
    listener = Listener(echo)
    d = Controlled(case, listener.text)
    with dial(d.address) as s:
        s.sendall(b"hello")
        read_exactly(s, 5)
        case.write("kcptund.ini", d.text.replace("[client near]\n", "[client near]\naccesslog = yes\n"))
        d.process.signal(signal.SIGHUP)
        check(d.process.wait_log(r"\[near\] reload: changed in place: accesslog", 20), d.process.log())
    m, = wait_ended(d.process, "near", 1)
    check(m["into"] == "5", m[0])
    case.write("kcptund.ini", d.text)
    d.process.signal(signal.SIGHUP)
    wait_until(lambda: d.process.log().count("[near] reload: changed in place: accesslog") == 2, 20, "the second reload")
    with dial(d.address) as s:
        s.sendall(b"hello")
        read_exactly(s, 5)
    channel = Channel(d.sock)
    wait_until(lambda: not channel.good("streams")["streams"], 20, "the stream is over")
    check(len(ended(d.process, "near")) == 1 and not ended(d.process, "far"), d.process.log())
    d.stop()
