"""kcptunctl drain, restart and close: a tunnel is emptied, started anew, or loses one stream."""

import os
import socket
import threading
import time

from suite import suite
from tunnels import LOCAL, Listener, dial
from cases import check, wait_until
from control import Channel, ctl, ctl_good
from control_cases import as_nobody
from failed_cases import Set, answers, busy, deaf_name_server
from reload_cases import ping


def echoing(case, **near):
    """A daemon with both ends in front of an echo, and a connection through it."""
    d = Set(case)
    d.sections["near"][1].update(near)
    d.start()
    s = dial((LOCAL, d.near))
    ping(s)
    return d, s


def ask(d):
    return Channel(d.sock)


def is_refused(port):
    try:
        dial((LOCAL, port)).close()
    except ConnectionRefusedError:
        return True
    return False


def was_reset(sock):
    """The other end tells of a break, not of an end."""
    try:
        sock.recv(100)
    except ConnectionResetError:
        return True
    return False


def is_cut(port):
    """A connection is taken, and then gets nowhere."""
    try:
        with dial((LOCAL, port)) as s:
            s.sendall(b"is there anybody?")
            return s.recv(100) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True


# ---- drain --------------------------------------------------------------------------------------


@suite.case("a_drained_client_refuses_connections_and_keeps_its_streams", tags=["short"])
def drain_client(case):
    d, s = echoing(case)
    out = ctl_good(d.sock, "drain", "near")
    check("near takes no new connections, 1 stream left" in out, out)
    check(is_refused(d.near), "a connection is taken")
    ping(s)
    row = d.rows()["near"]
    check((row["state"], row["health"], row["health_text"]) == ("draining", "degraded", "draining: 1 stream left"), f"{row}")
    check("near degraded: draining: 1 stream left" in ctl_good(d.sock, "status"), "status does not say it")
    code, out, _ = ctl(d.sock, "check", "near")
    check(code == 1 and out == "near degraded: draining: 1 stream left\n", f"{code} {out}")
    check(ask(d).good("drain near")["streams"] == 1, "a second time is something else")
    ping(s)
    s.close()
    wait_until(lambda: d.rows()["near"]["health_text"] == "draining: 0 streams left", 10, "the stream is over")
    wait_until(lambda: d.rows()["near"]["sessions"] == 0, 10, "its sessions are over as well")
    check(is_refused(d.near), "a connection is taken")
    out = ctl_good(d.sock, "restart", "near")
    check("restarted" in out and "it was draining, and takes connections again" in out, out)
    with dial((LOCAL, d.near)) as again:
        ping(again)
    check(d.rows()["near"]["state"] == "running", f"{d.rows()['near']}")
    d.stop()


@suite.case("a_drained_client_goes_on_without_its_unix_socket")
def drain_unix(case):
    d = Set(case)
    d.client("near", case.path("near.sock"))
    d.start()

    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(case.path("near.sock"))
        return s
    s = connect()
    ping(s)
    ctl_good(d.sock, "drain", "near")
    try:
        connect()
        check(False, "a connection is taken")
    except FileNotFoundError:
        pass
    ping(s)
    ctl_good(d.sock, "restart", "near")
    check(s.recv(100) == b"", "the stream outlived the restart")
    ping(connect())
    d.stop()


@suite.case("a_drained_server_refuses_streams_and_sessions_and_keeps_what_it_has", tags=["short"], seconds=60)
def drain_server(case):
    d, s = echoing(case, conn=1)
    ctl_good(d.sock, "drain", "far")
    check(d.rows()["far"]["health_text"] == "draining: 1 stream left", f"{d.rows()['far']}")
    check(is_cut(d.near), "a stream is served")
    ping(s)
    other = case.port()
    d.client("other", f"{LOCAL}:{other}")
    code, said = d.reload()
    check(code == 0 and "far: unchanged; still draining" in said and "near: unchanged\n" in said, said)
    with dial((LOCAL, other)) as late:
        late.sendall(b"late")
        stats = ask(d)
        wait_until(lambda: stats.good("stats far")["tunnels"][0]["counters"]["SessionsRefused"] > 0, 20,
                   "a session is refused")
        check(d.rows()["far"]["sessions"] == 1, "a session was opened")
        ping(s)
        out = ctl_good(d.sock, "restart", "far")
        check("restarted, 1 session with 1 stream closed" in out, out)
        check(late.recv(4) == b"late", "who waited is not served")
    check(was_reset(s), "the stream outlived the restart")
    wait_until(lambda: answers(d.near), 20, "a new connection is served")
    d.stop()


@suite.case("a_reload_that_starts_a_drained_tunnel_anew_ends_the_draining", tags=["short"])
def drain_and_reload(case):
    d, s = echoing(case)
    ctl_good(d.sock, "drain", "near")
    for change, said in (({}, "near: unchanged; still draining"),
                         ({"quiet": "yes"}, "near: changed in place: quiet; still draining"),
                         ({"keepalive": 9}, "near: changed for new sessions: keepalive; still draining")):
        d.sections["near"][1].update(change)
        answer = d.reload()
        check(answer[0] == 0 and said in answer[1], f"{answer}")
        ping(s)
        check(is_refused(d.near), "a connection is taken")
    taken, port = busy()
    d.sections["near"][1]["localaddr"] = f"{LOCAL}:{port}"
    code, out = d.reload()
    check(code == 1 and "near: not changed" in out and d.rows()["near"]["state"] == "draining", f"{code} {out}")
    taken.close()
    d.sections["near"][1].update({"localaddr": f"{LOCAL}:{d.near}", "dscp": 1})
    code, out = d.reload()
    check(code == 0 and "near: restarted: dscp; it was draining, and takes connections again" in out, out)
    with dial((LOCAL, d.near)) as again:
        ping(again)
    ping(s)
    ctl_good(d.sock, "drain", "near")
    del d.sections["near"]
    code, out = d.reload()
    check(code == 0 and "near: removed" in out, out)
    d.stop()


@suite.case("a_daemon_with_drained_tunnels_stops_as_any_other")
def drain_and_stop(case):
    d, s = echoing(case)
    ctl_good(d.sock, "drain", "near")
    ctl_good(d.sock, "drain", "far")
    ping(s)
    d.stop()


# ---- restart ------------------------------------------------------------------------------------


@suite.case("restart_closes_the_sessions_of_a_client_and_starts_it_anew", tags=["short"])
def restart_client(case):
    d, s = echoing(case)
    before = d.rows()["near"]
    inode = d.inode("tcp", d.near)
    out = ctl_good(d.sock, "restart", "near")
    check(out == "near: restarted, 1 session with 1 stream closed\n", out)
    check(was_reset(s), "the stream outlived it")
    wait_until(lambda: d.rows()["far"]["streams"] == 0, 10, "the server was told")
    with dial((LOCAL, d.near)) as again:
        ping(again)
    after = d.rows()["near"]
    check(after["age_s"] < before["age_s"] + 60 and d.inode("tcp", d.near) == inode, "it listens with another socket")
    check(d.reload() == (0, "far: unchanged\nnear: unchanged\n"), "its configuration is another")
    for _ in range(3):
        ctl_good(d.sock, "restart", "near")
        wait_until(lambda: answers(d.near), 20, "it is of use again")
    d.stop()


@suite.case("restart_closes_the_sessions_of_a_server_and_tells_its_clients", tags=["short"])
def restart_server(case):
    d, s = echoing(case)
    inode = d.inode("udp", d.far)
    out = ctl_good(d.sock, "restart", "far")
    check(out == "far: restarted, 1 session with 1 stream closed\n", out)
    check(was_reset(s), "the stream outlived it")
    begin = time.monotonic()
    wait_until(lambda: answers(d.near), 20, "it is of use again")
    case.note = f"{time.monotonic() - begin:.2f} s until it was of use again"
    check(d.inode("udp", d.far) == inode, "it has another socket")
    d.stop()


@suite.case("restart_tries_one_that_has_failed_at_once", tags=["short"])
def restart_failed(case):
    d = Set(case)
    taken, port = busy(socket.SOCK_DGRAM)
    d.server("second", f"{LOCAL}:{port}")
    d.start()
    for _ in range(4):  # the next try by itself is seconds away then
        code, _, err = ctl(d.sock, "restart", "second")
        check(code == 1 and "second: not started, it is tried again: cannot listen on" in err, f"{code} {err}")
    check(d.rows()["second"]["state"] == "failed", f"{d.rows()}")
    check(ask(d).code("drain second") == "not-running", "what does not run was drained")
    taken.close()
    out = ctl_good(d.sock, "restart", "second")
    check(out == "second: started\n" and d.rows()["second"]["state"] == "running", out)
    d.stop()


def begin_restart(d, asking, other):
    """One that waits for name servers."""
    before = len(d.process.log())
    asking.send("restart near\n")
    wait_until(lambda: "restart near" in d.process.log()[before:], 10, "it is asked for")
    check(other.code("restart far") == "busy", "there are two at a time")


@suite.case("restart_ends_nothing_when_the_name_is_not_known_any_more", seconds=60)
def restart_without_a_name(case):
    prefix = deaf_name_server(case, [f"{LOCAL} near.example"])
    d = Set(case)
    d.client("near", f"near.example:{d.near}")
    d.start(prefix)
    s = dial((LOCAL, d.near))
    ping(s)
    case.write("hosts", f"{LOCAL} localhost\n")  # the file that is mounted
    code, _, err = ctl(d.sock, "restart", "near", seconds=40)
    check(code == 1 and "near: not restarted, it goes on as it was: cannot listen on near.example" in err, f"{code} {err}")
    ping(s)
    with dial((LOCAL, d.near)) as again:
        ping(again)
    # while one is under way there is no other, and a reload waits
    first, second, third = ask(d), ask(d), ask(d)
    begin_restart(d, first, second)
    third.send("reload\n")
    ctl_good(d.sock, "drain", "near")
    ping(s)
    doc = first.read()
    check(doc["code"] == "restart" and doc["lines"][0]["failed"], f"{doc}")
    check(third.read()["type"] == "reload" and d.rows()["near"]["state"] == "draining", "the reload was forgotten")
    # who asked may go, and a stop does not wait
    begin_restart(d, first, second)
    first.close()
    begin = time.monotonic()
    d.stop()
    check(time.monotonic() - begin < 3, "the stop waits for the name servers")


@suite.case("a_restart_under_way_is_answered_by_a_stop")
def restart_and_stop(case):
    prefix = deaf_name_server(case, [f"{LOCAL} near.example"])
    d = Set(case)
    d.client("near", f"near.example:{d.near}")
    d.start(prefix)
    case.write("hosts", f"{LOCAL} localhost\n")
    first, second = ask(d), ask(d)
    begin_restart(d, first, second)
    d.stop()
    doc = first.read()
    check(doc["code"] == "restart" and doc["lines"][0]["text"] == "not restarted: stopping", f"{doc}")


@suite.case("restarts_under_traffic_leave_nothing_behind", seconds=60)
def restart_under_traffic(case):
    d, s = echoing(case, snmplog=case.path("near.csv"), snmpperiod=1)
    s.close()
    over = threading.Event()

    def look():
        c = ask(d)
        while not over.is_set():
            for command in ("status", "stats", "sessions", "streams"):
                c.good(command)

    def push():
        while not over.is_set():
            try:
                with dial((LOCAL, d.near)) as c:
                    c.sendall(b"x" * 200_000)
                    c.recv(1000)
            except OSError:
                pass
    threads = [threading.Thread(target=f) for f in (push, push, push, push, look)]
    for t in threads:
        t.start()
    for i in range(20):
        ctl_good(d.sock, "restart", "near" if i % 2 else "far")
        time.sleep(0.05)
    over.set()
    for t in threads:
        t.join()
    wait_until(lambda: answers(d.near), 20, "it is of use again")
    wait_until(lambda: d.rows()["near"]["streams"] == d.rows()["far"]["streams"] == 0, 20, "all streams are over")

    def lines():
        with open(case.path("near.csv")) as f:
            return len(f.readlines())
    before = lines()
    wait_until(lambda: lines() > before, 10, "its counters are written on")
    d.stop()


# ---- close --------------------------------------------------------------------------------------


def told(conn):
    """What a target's connection ended with."""
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
        return "end"
    except ConnectionResetError:
        return "reset"


@suite.case("close_resets_one_stream_at_both_ends_and_no_other", tags=["short"])
def close_stream(case):
    hold = Listener(told)
    d = Set(case, hold)
    d.sections["near"][1]["conn"] = 1
    d.start()
    for end in ("near", "far"):
        first, second = dial((LOCAL, d.near)), dial((LOCAL, d.near))
        ping(first)
        ping(second)
        peer = "%s:%d" % first.getsockname()
        rows = ask(d).good("streams near")["streams"]
        name = next(r["stream"] for r in rows if r["peer"] == peer)
        check(name == next(f"{r['session']}/{r['sid']}" for r in rows if r["peer"] == peer), f"{rows}")
        if end == "far":
            far = ask(d).good("streams far")["streams"]
            name = next(r["stream"] for r in far if r["stream"].endswith("/" + name.rsplit("/", 1)[1]))
        check(name in ctl_good(d.sock, "streams"), f"the table does not show {name}")
        out = ctl_good(d.sock, "close", name)
        check(out == f"stream {name} reset\n", out)
        check(was_reset(first), "its local peer saw an end, or nothing")
        check(hold.result() == "reset", "its target saw an end")
        ping(second)
        check(ask(d).code(f"close {name}") == "not-found", "closed twice")
        check(d.rows()["near"]["sessions"] == 1, "the session went with it")
        second.close()
        check(hold.result() == "end", "the other one was broken, too")
    d.stop()


# ---- who may, and what is no name ----------------------------------------------------------------


@suite.case("drain_restart_and_close_take_names_that_are", tags=["short"])
def hostile_names(case):
    d, s = echoing(case)
    c = ask(d)
    for command, code in (("drain", "usage"), ("restart", "usage"), ("drain near far", "usage"),
                          ("drain nowhere", "not-found"), ("restart nowhere", "not-found"), ("drain near/1", "not-found"),
                          ("close near/1/", "not-found"), ("close near/1/0", "not-found"), ("close near/1/-1", "not-found"),
                          ("close near/1/4294967299", "not-found"), ("close near/1/3x", "not-found"),
                          ("close near//3", "not-found"), ("close /1/3", "not-found"), ("close near/1/03", "not-found"),
                          ("close " + "near/" * 100, "not-found"), ("close " + "n" * 200 + "/1/3", "not-found")):
        check(c.code(command) == code, command)
    commands = {r["command"]: r for r in c.good("help")["commands"]}
    check(commands["drain"]["changes"] and commands["restart"]["changes"], f"{commands}")
    ping(s)
    s.close()
    d.stop()


@suite.case("others_may_neither_drain_nor_restart")
def strangers(case):
    prefix = as_nobody(case)
    d, s = echoing(case)
    os.chmod(d.sock, 0o666)
    for command in ("drain", "restart"):
        code, _, err = ctl(d.sock, command, "near", prefix=prefix)
        check(code == 1 and "only root" in err, f"{command}: {code} {err}")
    ping(s)
    check(d.rows()["near"]["state"] == "running", "it was drained all the same")
    d.stop()
