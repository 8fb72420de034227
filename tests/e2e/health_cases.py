"""How a tunnel is: in words, in metrics, and as the exit status of kcptunctl check."""

import json
import socket
import time

import openmetrics
from suite import suite
from tunnels import LOCAL, Listener, check_traffic, dial, echo
import ends
from cases import check, wait_until
from control import ctl, ctl_good
from control_cases import Controlled, controlled

WELL, DEGRADED, DOWN, UNKNOWN = range(4)


def client(case, name, key, port, **settings):
    """One more of the daemon's tunnels, which leads to a port."""
    local = case.port()
    return local, ends.section("client", name, {"key": key, "localaddr": f"{LOCAL}:{local}",
                                                "remoteaddr": f"{port}", **settings})


def start(case, *sections):
    sock = case.path("control.sock")
    path = case.write("kcptund.ini", ends.ini(*sections, control=sock))
    p = case.start([ends.kcptund(), "-c", path], "kcptund")
    check(p.wait_log("ready", 20), "it did not start")
    return p, sock


def line_of(out, name):
    lines = [line for line in out.splitlines() if line.startswith(name + " ")]
    check(len(lines) == 1, f"{name} is in {len(lines)} lines of:\n{out}")
    return lines[0]


@suite.case("check_says_that_all_is_well", tags=["short"])
def well(case):
    d, target = controlled(case, conn=1)
    check_traffic(d.address, target)
    code, out, _ = ctl(d.sock, "check")
    check(code == WELL, f"{code}: {out}")
    for name in ("near", "far"):
        check(line_of(out, name).startswith(f"{name} well: 1 session, last heard "), out)
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == WELL and out.count("\n") == 1, f"{code}: {out}")
    doc = json.loads(ctl_good(d.sock, "--json", "check"))
    check({row["health"] for row in doc["tunnels"]} == {"well"}, f"{doc}")
    points = openmetrics.parse_old(ctl_good(d.sock, "-p", "status"))
    check([openmetrics.value(points, "kcptun_tunnel_health", tunnel="near", health=h)
           for h in ("well", "degraded", "down")] == [1, 0, 0], "the metrics disagree")
    d.stop()
    code, out, _ = ctl(d.sock, "check")
    check(code == DOWN and out.startswith("down: "), f"without a daemon: {code} {out}")


@suite.case("check_knows_who_has_no_server", seconds=40)
def no_server(case):
    port, away = case.port(), case.port()
    server = ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{port}", "target": f"{LOCAL}:1"})
    sections = [client(case, "wrong", "quite another key", f"{LOCAL}:{port}")[1],
                client(case, "alone", ends.KEY, f"{LOCAL}:{away}")[1],
                client(case, "noname", ends.KEY, f"nosuch.invalid:{port}")[1]]
    p, sock = start(case, server, *sections)
    code, out, _ = ctl(sock, "check")
    check(code == DEGRADED and "wrong degraded: connecting for" in out, f"at once: {code} {out}")
    wait_until(lambda: "firewall" in ctl(sock, "check")[1], 15, "the diagnosis")
    code, out, _ = ctl(sock, "check")
    check(code == DOWN, f"{code}: {out}")
    check(line_of(out, "far") == "far well: no session", out)
    for name, words in (("wrong", ("no answer", "wrong key")), ("alone", ("no answer", "Connection refused")),
                        ("noname", ("no answer", "nosuch.invalid"))):
        line = line_of(out, name)
        check(line.startswith(f"{name} down: connecting for ") and all(w in line for w in words), line)
    status = ctl_good(sock, "status")
    check("wrong down: " in status and line_of(status.split("\n\n")[1], "wrong").split()[2] == "down", status)
    code, out, err = ctl(sock, "check", "nope")
    check(code == UNKNOWN and out.startswith("unknown: there is no tunnel"), f"{code}: {out} {err}")
    check(ctl(sock, "check", "a", "b")[0] == UNKNOWN, "two names")
    ends.stop_cleanly(p)


@suite.case("check_tells_of_a_target_that_refuses_and_of_one_that_is_back", seconds=120)
def no_target(case):
    port = case.port()
    d = Controlled(case, f"{LOCAL}:{port}")
    try:  # the reset may be there before connect() returns
        with dial(d.address) as s:
            s.settimeout(10)
            s.sendall(b"x")
            check(not s.recv(1), "somebody answers")
    except ConnectionError:
        pass
    code, out, _ = ctl(d.sock, "check")
    check(code == DEGRADED and "cannot connect to target" in line_of(out, "far"), f"{code}: {out}")
    wait_until(lambda: ctl(d.sock, "check")[0] == WELL, 90, "the refusal is forgotten")
    d.stop()


@suite.case("check_tells_of_a_tunnel_that_could_not_be_started", tags=["short"])
def failed(case):
    taken = socket.create_server((LOCAL, 0))
    port = case.port()
    server = ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{port}", "target": f"{LOCAL}:1"})
    text = ends.section("client", "near", {"key": ends.KEY, "localaddr": "%s:%d" % taken.getsockname(),
                                           "remoteaddr": f"{LOCAL}:{port}"})
    p, sock = start(case, server, text)
    code, out, _ = ctl(sock, "check")
    line = line_of(out, "near")
    check(code == DOWN and line.startswith("near down: failed: ") and "in use" in line and "try" in line, f"{code} {out}")
    ends.stop_cleanly(p)


@suite.case("connections_that_wait_for_a_server_end_after_connecttimeout", seconds=60)
def late(case):
    listener = Listener(echo)
    port = case.port()
    local, text = client(case, "near", ends.KEY, f"{LOCAL}:{port}", connecttimeout=3)
    lost, other = client(case, "lost", ends.KEY, f"nosuch.invalid:{port}", connecttimeout=3)
    ever, third = client(case, "ever", ends.KEY, f"{LOCAL}:{port}", connecttimeout=0)
    p, _ = start(case, text, other, third)
    waits = dial((LOCAL, ever))
    waits.sendall(b"hello")
    for address in ((LOCAL, local), (LOCAL, lost)):
        begin = time.monotonic()
        with dial(address) as s:
            s.sendall(b"hello")
            s.settimeout(20)
            try:
                check(not s.recv(1), "somebody answers")
            except ConnectionResetError:
                pass
            took = time.monotonic() - begin
        check(2.5 < took < 6, f"it was reset after {took:.1f} s")
    check("connecttimeout" in p.log(), "the log does not say why")
    server = ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{port}", "target": listener.text})
    ends.start_daemon(case, ends.ini(server), "server", udp=[port])
    waits.settimeout(20)
    check(waits.recv(5) == b"hello", "who waits for ever is served when there is a server")
    waits.close()
    ends.stop_cleanly(p)
