"""proxyprotocol: what a target is told of the tunnel's client before the first byte of a stream."""

import hashlib
import os
import random
import re
import socket
import struct
import threading

from suite import suite
from tunnels import LOCAL, Listener, Pair, check_traffic, dial, echo, read_exactly
import ends
import faults
import traffic
from cases import Skip, check, wait_until
from control import Channel, ctl_good
from control_cases import Controlled
from reload_cases import ping
from target_cases import is_cut

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V2 = {"proxyprotocol": "v2"}


def header_of(data):
    """(source, destination) of a whole header of version 2, as its specification has them."""
    check(data[:12] == SIGNATURE, f"no signature: {data!r}")
    version, family, length = struct.unpack(">BBH", data[12:16])
    check(version == 0x21, f"version and command are {version:#x}")
    check(length == len(data) - 16, f"it says {length} bytes, and there are {len(data) - 16}")
    if family == 0x11:
        kind, form = socket.AF_INET, ">4s4sHH"
    else:
        check(family == 0x21, f"the family is {family:#x}")
        kind, form = socket.AF_INET6, ">16s16sHH"
    source, destination, source_port, destination_port = struct.unpack(form, data[16:])
    return ((socket.inet_ntop(kind, source), source_port), (socket.inet_ntop(kind, destination), destination_port))


def read_header(conn):
    head = read_exactly(conn, 16)
    return header_of(head + read_exactly(conn, struct.unpack(">H", head[14:])[0]))


def told_then_echo(told):
    """A handler that adds to a list what each connection begins with."""
    def serve(conn):
        told.append(read_header(conn))
        echo(conn)
    return serve


class ProxiedTarget(traffic.Target):
    """Checked traffic behind a header."""

    def __init__(self, *arguments):
        self.told = []
        super().__init__(*arguments)

    async def _follow_plan(self, sock):
        head = await traffic._receive_exactly(sock, 16)
        rest = await traffic._receive_exactly(sock, struct.unpack(">H", head[14:])[0])
        self.told.append(header_of(head + rest))
        await super()._follow_plan(sock)


def peers(process):
    """Where the sessions that a server opened are from, by its log."""
    found = re.findall(r"session \S+ \(\w+\) of (\S+):(\d+) opened", process.log())
    return {(host.strip("[]"), int(port)) for host, port in found}


def check_told(told, process, destination):
    check(told, "nothing was told")
    for source, to in told:
        check(source in peers(process), f"the source is {source}, of {peers(process)}")
        check(to == destination, f"the destination is {to}, not {destination}")


@suite.case("a_target_is_told_of_the_client", tags=["short"])
def ipv4(case):
    target = ProxiedTarget()
    pair = Pair(case, f"{LOCAL}:{target.port}", server=V2)
    check_traffic(pair.address, target, [(3_000_000, 1), (1, 3_000_000), (0, 100), (100, 0)])
    check(len(target.told) == 4, f"{len(target.told)} headers")
    check_told(target.told, pair.server, (LOCAL, pair.far))
    check({source[0] for source, _ in target.told} == {LOCAL}, f"{target.told}")
    pair.stop()


@suite.case("a_target_is_told_of_a_client_over_ipv6", tags=["short"])
def ipv6(case):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        raise Skip("there is no IPv6 here") from None
    target = ProxiedTarget()
    port, local = case.port(), case.port()
    server = ends.start_server(case, ends.OURS, V2, f"[::1]:{port}", f"{LOCAL}:{target.port}")
    client = ends.start_client(case, ends.OURS, {}, f"{LOCAL}:{local}", f"[::1]:{port}")
    check_traffic((LOCAL, local), target)
    check_told(target.told, server, ("::1", port))
    check({source[0] for source, _ in target.told} == {"::1"}, f"{target.told}")
    ends.stop_cleanly(client)
    ends.stop_cleanly(server)


def add_wildcard(name, listen, ask, want):
    @suite.case(f"a_server_that_listens_on_{name}_tells_which_of_them_was_asked", tags=["short"])
    def wildcard(case):
        told = []
        port, local = case.port(), case.port()
        server = ends.start_server(case, ends.OURS, V2, f"{listen}:{port}", Listener(told_then_echo(told)).text)
        client = ends.start_client(case, ends.OURS, {}, f"{LOCAL}:{local}", f"{ask}:{port}")
        with dial((LOCAL, local)) as s:
            ping(s)
        check_told(told, server, (want, port))
        ends.stop_cleanly(client)
        ends.stop_cleanly(server)


add_wildcard("all_addresses", "", "127.0.0.5", "127.0.0.5")
add_wildcard("all_of_ipv4", "0.0.0.0", "127.0.0.6", "127.0.0.6")


@suite.case("the_header_comes_without_a_word_of_the_client", tags=["short"])
def silent_client(case):
    """A target that reads it, and only then speaks first; nothing of it is counted."""
    told = []

    def serve(conn):
        told.append(read_header(conn))
        conn.sendall(b"220 ready\r\n")
        echo(conn)
    d = Controlled(case, Listener(serve).text, server=V2)
    with dial(d.address) as s:
        check(read_exactly(s, 11) == b"220 ready\r\n", "another greeting")
        rows = [r for r in Channel(d.sock).good("streams")["streams"] if r["tunnel"] == "far"]
        check(len(rows) == 1 and rows[0]["bytes_in"] == 0 and rows[0]["bytes_out"] == 11, f"{rows}")
        s.sendall(b"QUIT\r\n")  # which the signature has, too
        check(read_exactly(s, 6) == b"QUIT\r\n", "no echo")
    check_told(told, d.process, (LOCAL, d.far))
    d.stop()


@suite.case("a_target_may_speak_before_it_reads_the_header", tags=["short"])
def speaks_first(case):
    told = []

    def serve(conn):
        conn.sendall(b"220 ready\r\n")
        told.append(read_header(conn))
        echo(conn)
    pair = Pair(case, Listener(serve).text, server=V2)
    with dial(pair.address) as s:
        check(read_exactly(s, 11) == b"220 ready\r\n", "another greeting")
        ping(s)
    check_told(told, pair.server, (LOCAL, pair.far))
    pair.stop()


@suite.case("the_header_is_no_part_of_the_bytes", tags=["short"])
def whole(case):
    def serve(conn):
        read_header(conn)
        size = struct.unpack(">I", read_exactly(conn, 4))[0]
        got = hashlib.sha256()
        for _ in range(size // 65536):
            got.update(read_exactly(conn, 65536))
        conn.sendall(got.digest())
        conn.recv(1)
    pair = Pair(case, Listener(serve).text, server=V2)
    data = random.Random(7).randbytes(64 * 65536)
    with dial(pair.address) as s:
        s.sendall(struct.pack(">I", len(data)) + data)
        check(read_exactly(s, 32) == hashlib.sha256(data).digest(), "the target got other bytes")
    pair.stop()


@suite.case("a_unix_socket_gets_the_header_also_as_the_second_target", tags=["short"])
def unix(case):
    path = case.path("app.sock")
    target = ProxiedTarget(path)
    pair = Pair(case, f"{LOCAL}:{case.port()}, {path}", server=V2)
    check_traffic(pair.address, target)
    check_told(target.told, pair.server, (LOCAL, pair.far))
    pair.stop()


@suite.case("targets_that_close_at_once_do_no_harm", tags=["short"])
def closes(case):
    """In good order, and by a reset; before the header, and behind it."""
    ways = iter(range(1000))
    lock = threading.Lock()
    told = []

    def serve(conn):
        with lock:
            way = next(ways) % 4
        if way & 1:
            read_header(conn)
        if way & 2:
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    listener = Listener(serve)
    pair = Pair(case, listener.text, server=V2)
    for _ in range(40):
        check(is_cut(pair.address), "somebody answers")
    listener.handler = told_then_echo(told)
    with dial(pair.address) as s:
        ping(s)
    check_told(told, pair.server, (LOCAL, pair.far))
    pair.stop()


@suite.case("a_header_that_the_socket_does_not_take_at_once_comes_later", tags=["short"])
def later(case):
    """The system refuses it some times; nothing that the client says gets before it."""
    told = []
    target = Listener(told_then_echo(told))
    fault = faults.Fault(case)
    far, local = case.port(), case.port()
    text = ends.ini(ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{far}", "target": target.text, **V2}))
    server = ends.start_daemon(case, text, "server", udp=[far], env=fault.env())
    client = ends.start_client(case, ends.OURS, {}, f"{LOCAL}:{local}", f"{LOCAL}:{far}")
    for error in ("EAGAIN", "EINTR"):
        fault.arm("send", error, 1, 5)
        sent = os.urandom(100_000)
        with dial((LOCAL, local)) as s:
            threading.Thread(target=s.sendall, args=(sent,), daemon=True).start()
            check(read_exactly(s, len(sent)) == sent, "not what was sent")
        check(fault.figures()[1] == 5, f"{fault.figures()[1]} calls were refused")
    fault.arm("send", "ECONNRESET", 1, 1)
    check(is_cut((LOCAL, local)), "it goes on without a header")
    fault.disarm()
    with dial((LOCAL, local)) as s:
        ping(s)
    check(len(told) == 3, f"{told}")
    check_told(told, server, (LOCAL, far))
    ends.stop_cleanly(client)
    ends.stop_cleanly(server)


@suite.case("a_reload_turns_the_header_on_and_off", tags=["short"])
def reloaded(case):
    seen = []

    def serve(conn):
        first = read_exactly(conn, 1)
        if first == SIGNATURE[:1]:
            head = first + read_exactly(conn, 15)
            seen.append(header_of(head + read_exactly(conn, struct.unpack(">H", head[14:])[0])))
        else:
            seen.append(None)
            conn.sendall(first)
        echo(conn)
    d = Controlled(case, Listener(serve).text)

    def served():
        seen.clear()
        with dial(d.address) as s:
            ping(s)
        wait_until(lambda: seen, 10, "it was served")
        return seen[0]
    kept = dial(d.address)
    ping(kept)
    check(served() is None, "a header that nobody asked for")
    off = d.text
    case.write("kcptund.ini", off.replace("[server far]\n", "[server far]\nproxyprotocol = v2\n"))
    said = ctl_good(d.sock, "reload")
    check("far: changed in place: proxyprotocol" in said, said)
    check(served() is not None, "no header")
    case.write("kcptund.ini", off)
    ctl_good(d.sock, "reload")
    check(served() is None, "still a header")
    ping(kept)
    kept.close()
    d.stop()
