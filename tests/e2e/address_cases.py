"""Where tunnels listen and whereto they connect: families, names, ports, paths, many at once."""

import os
import socket
import time

from suite import suite
from tunnels import LOCAL, Pair, check_traffic, dial, pair_to_target
import ends
import ports
import traffic
from cases import Skip, check, wait_until

BASE = {"key": ends.KEY}


def need_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        raise Skip("no IPv6 here") from None


def run_tunnel(case, local, remote, listen, target_text, target, address, tcp=(), udp=(), **client):
    text = ends.ini(ends.section("server", "far", {**BASE, "listen": listen, "target": target_text}),
                    ends.section("client", "near", {**BASE, "localaddr": local, "remoteaddr": remote, **client}))
    p = ends.start_daemon(case, text, tcp=tcp, udp=udp)
    if isinstance(address, str):  # which may be there from before
        check(p.wait_log("ready", 20), f"nobody listens on {address}")
    check_traffic(address, target)
    return p


@suite.case("ipv6_all_the_way", tags=["short"])
def ipv6(case):
    need_ipv6()
    local, far = case.port(), case.port()
    target = traffic.Target(("::1", 0))
    p = run_tunnel(case, f"[::1]:{local}", f"[::1]:{far}", f"[::1]:{far}", f"[::1]:{target.port}", target,
                   ("::1", local), [local], [far])
    ends.stop_cleanly(p)


@suite.case("an_empty_host_listens_on_both_families")
def every_address(case):
    need_ipv6()
    local, far = case.port(), case.port()
    target = traffic.Target()
    text = ends.ini(
        ends.section("server", "far", {**BASE, "listen": f":{far}", "target": f"{LOCAL}:{target.port}"}),
        ends.section("client", "four", {**BASE, "localaddr": f":{local}", "remoteaddr": f"{LOCAL}:{far}"}),
        ends.section("client", "six", {**BASE, "localaddr": f"{LOCAL}:{local + 1}",
                                       "remoteaddr": f"[::1]:{far}"}))
    p = ends.start_daemon(case, text, tcp=[local], udp=[far])
    for address in ((LOCAL, local), ("::1", local), (LOCAL, local + 1)):
        check_traffic(address, target)
    ends.stop_cleanly(p)


@suite.case("replies_leave_from_the_address_that_was_asked", tags=["short"])
def asked_address(case):
    """The kernel would answer 127.0.0.1 from itself; the client takes packets of its server only."""
    local, far = case.port(), case.port()
    target = traffic.Target()
    p = run_tunnel(case, f"{LOCAL}:{local}", f"127.0.0.77:{far}", f":{far}", f"{LOCAL}:{target.port}", target,
                   (LOCAL, local), [local], [far])
    ends.stop_cleanly(p)


@suite.case("a_host_name_as_remoteaddr_and_target", tags=["short"])
def host_name(case):
    local, far = case.port(), case.port()
    target = traffic.Target()
    p = run_tunnel(case, f"{LOCAL}:{local}", f"localhost:{far}", f":{far}", f"localhost:{target.port}", target,
                   (LOCAL, local), [local], [far])
    ends.stop_cleanly(p)


@suite.case("a_name_that_does_not_exist_delays_and_is_told")
def unknown_name(case):
    local = case.port()
    text = ends.ini(ends.section("client", "near", {
        **BASE, "localaddr": f"{LOCAL}:{local}", "remoteaddr": "no-such-host.invalid:29900"}))
    p = ends.start_daemon(case, text, tcp=[local])
    with dial((LOCAL, local)) as s:
        s.sendall(b"hello")
        check(p.wait_log(r"no-such-host\.invalid", 20), "the log does not tell of the name")
        before = p.cpu_seconds()
        time.sleep(3)
        used = p.cpu_seconds() - before
        check(p.alive(), "the daemon ended")
        check(used < 0.3, f"{used:.2f} s of CPU in 3 s of waiting")
    ends.stop_cleanly(p)


@suite.case("unix_sockets_at_both_ends", tags=["short"])
def unix_sockets(case):
    far = case.port()
    near, behind = case.path("near.sock"), case.path("behind.sock")
    target = traffic.Target(behind)
    p = run_tunnel(case, near, f"{LOCAL}:{far}", f"{LOCAL}:{far}", behind, target, near, (), [far])
    ends.stop_cleanly(p)
    check(not os.path.exists(near), "the Unix socket is still there after the stop")


@suite.case("a_stale_unix_socket_is_replaced")
def stale_unix_socket(case):
    far, near = case.port(), case.path("near.sock")
    target = traffic.Target()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(near)  # stays behind, as after kill -9
    p = run_tunnel(case, near, f"{LOCAL}:{far}", f"{LOCAL}:{far}", f"{LOCAL}:{target.port}", target, near,
                   (), [far])
    ends.stop_cleanly(p)


@suite.case("a_unix_socket_that_another_process_took_over_is_left_to_it")
def taken_over(case):
    near, target = case.path("near.sock"), traffic.Target()
    first, second = (ends.ini(ends.section("client", "near", {
        **BASE, "localaddr": near, "remoteaddr": f"{LOCAL}:{case.port()}"})) for _ in range(2))
    p = ends.start_daemon(case, first, "first")
    wait_until(lambda: os.path.exists(near), 10, "the first listens")
    os.unlink(near)
    q = ends.start_daemon(case, second, "second")
    wait_until(lambda: os.path.exists(near), 10, "the second listens")
    ends.stop_cleanly(p)
    check(os.path.exists(near), "the second's socket was removed by the first")
    ends.stop_cleanly(q)
    check(not os.path.exists(near), "the second's socket is still there")
    check(target.accepted == 0, "who called?")


@suite.case("closed_standard_descriptors_are_taken_by_nothing_else")
def closed_descriptors(case):
    local = case.port()
    path = case.write("closed.ini", ends.ini(ends.section("client", "near", {
        **BASE, "localaddr": f"{LOCAL}:{local}", "remoteaddr": f"{LOCAL}:{case.port()}"})))
    p = case.start(["sh", "-c", 'exec "$0" -c "$1" 0<&- 1>&- 2>&-', ends.kcptund(), path], "closed")
    ends.wait_ready(p, tcp=[local])
    links = [os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in range(3)]
    check(links == ["/dev/null"] * 3, f"descriptors 0 to 2 are {links}")
    ends.stop_cleanly(p)


@suite.case("a_server_listens_on_every_port_of_a_range")
def server_range(case):
    local, first = case.port(8), case.port(8)
    target = traffic.Target()
    tunnels = [ends.section("server", "far", {**BASE, "listen": f"{LOCAL}:{first}-{first + 7}",
                                              "target": f"{LOCAL}:{target.port}"})]
    tunnels += [ends.section("client", f"to-{i}", {**BASE, "localaddr": f"{LOCAL}:{local + i}",
                                                   "remoteaddr": f"{LOCAL}:{first + i}"}) for i in range(8)]
    p = ends.start_daemon(case, ends.ini(*tunnels), tcp=range(local, local + 8), udp=range(first, first + 8))
    for i in range(8):
        check_traffic((LOCAL, local + i), target, [(1000, 1000)])
    ends.stop_cleanly(p)


@suite.case("a_client_draws_a_port_for_each_session")
def client_range(case):
    local, first = case.port(), case.port(5)
    heard = []
    for port in range(first, first + 5):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((LOCAL, port))
        s.setblocking(False)
        heard.append(s)
    text = ends.ini(ends.section("client", "near", {
        **BASE, "localaddr": f"{LOCAL}:{local}", "remoteaddr": f"{LOCAL}:{first}-{first + 4}", "conn": 12}))
    p = ends.start_daemon(case, text, tcp=[local])
    conns = [dial((LOCAL, local)) for _ in range(12)]
    for c in conns:
        c.sendall(b"x")

    def peers():
        for s in heard:
            try:
                while True:
                    found.add((s.getsockname()[1], s.recvfrom(2048)[1]))
            except BlockingIOError:
                pass
        return len({source for _, source in found}) >= 12

    found = set()
    wait_until(peers, 10, "datagrams from 12 sessions with a UDP port each")
    used = {port for port, _ in found}
    # That 12 draws of 5 ports give only one has a chance of 1 in 48 million.
    check(len(used) >= 2, f"all 12 sessions went to port {used}")
    ends.stop_cleanly(p)


@suite.case("a_client_and_a_server_on_the_same_range")
def both_ranges(case):
    local, first = case.port(), case.port(10)
    target = traffic.Target()
    p = run_tunnel(case, f"{LOCAL}:{local}", f"{LOCAL}:{first}-{first + 9}", f"{LOCAL}:{first}-{first + 9}",
                   f"{LOCAL}:{target.port}", target, (LOCAL, local), [local], range(first, first + 10), conn=6)
    check_traffic((LOCAL, local), target, [(50_000, 50_000)] * 24)
    ends.stop_cleanly(p)


@suite.case("seven_tunnels_of_both_roles_in_one_process", seconds=40, tags=["short"])
def many_tunnels(case):
    kinds = [{"crypt": "aes"}, {"crypt": "salsa20", "smuxver": 1}, {"crypt": "aes-128-gcm", "nocomp": True},
             {"crypt": "none", "datashard": 0, "parityshard": 0}, {"crypt": "null", "datashard": 5, "parityshard": 2},
             {"crypt": "chacha20-poly1305", "compression": "zstd"}, {"crypt": "3des", "key": "another"}]
    local, far = case.port(len(kinds)), case.port(len(kinds))
    targets = [traffic.Target() for _ in kinds]
    tunnels = []
    for i, (kind, target) in enumerate(zip(kinds, targets)):
        tunnels.append(ends.section("server", f"far{i}", {
            **BASE, **kind, "listen": f"{LOCAL}:{far + i}", "target": f"{LOCAL}:{target.port}"}))
        tunnels.append(ends.section("client", f"near{i}", {
            **BASE, **kind, "localaddr": f"{LOCAL}:{local + i}", "remoteaddr": f"{LOCAL}:{far + i}"}))
    n = len(kinds)
    p = ends.start_daemon(case, ends.ini(*tunnels), tcp=range(local, local + n), udp=range(far, far + n))
    for i, target in enumerate(targets):
        check_traffic((LOCAL, local + i), target)
        check(target.accepted == 3, f"target {i} was asked {target.accepted} times")
    ends.stop_cleanly(p)


@suite.case("a_chain_of_two_tunnels")
def chain(case):
    """Client, server, and behind that the next tunnel's client: what relays do."""
    second, target = pair_to_target(case, together=True)
    first = Pair(case, f"{LOCAL}:{second.local}", client={"crypt": "tea"}, server={"crypt": "tea"})
    check_traffic(first.address, target)
    first.stop()
    second.stop()


@suite.case("an_address_in_use_is_told_and_ends_the_start")
def address_in_use(case):
    taken = socket.create_server((LOCAL, 0))
    port = taken.getsockname()[1]
    path = case.write("kcptund.ini", ends.ini(ends.section("client", "near", {
        **BASE, "localaddr": f"{LOCAL}:{port}", "remoteaddr": f"{LOCAL}:{case.port()}"})))
    p = case.start([ends.kcptund(), "-c", path], "kcptund")
    code = p.wait(5)
    check(code not in (None, 0), f"exit code {code}")
    check(str(port) in p.log(), "the log does not name the port")
    check(not ports.listening("udp", port), "something is left")


@suite.case("what_cannot_be_listened_on_is_told_in_words")
def cannot_listen(case):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((LOCAL, 0))
    port = taken.getsockname()[1]
    far = f"{LOCAL}:{case.port()}"
    faults = {
        ("server", f"{LOCAL}:{port}"): rf"cannot listen on udp {LOCAL}:{port}: Address already in use",
        ("client", case.write("notes.txt", "keep me")):
            r"cannot listen on \S+/notes\.txt: it is there and is no socket",
        ("client", case.path("none/a.sock")): r"cannot listen on \S+/none/a\.sock: No such file or directory",
    }
    for i, ((role, at), pattern) in enumerate(faults.items()):
        keys = {"listen": at, "target": far} if role == "server" else {"localaddr": at, "remoteaddr": far}
        path = case.write("kcptund.ini", ends.ini(ends.section(role, "t", {**BASE, **keys})))
        p = case.start([ends.kcptund(), "-c", path], f"kcptund{i}")
        code = p.wait(10)
        check(code not in (None, 0), f"exit code {code} for {at}")
        check(p.wait_log(rf"\[t\] {pattern}$", 0), f"its log does not say {pattern!r}")
    with open(case.path("notes.txt")) as f:
        check(f.read() == "keep me", "a file that is no socket was removed")
