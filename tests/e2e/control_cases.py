"""The control channel: its commands, who may give them, and clients that mean no good."""

import contextlib
import os
import shutil
import socket
import stat
import threading
import time

from suite import suite
from tunnels import FEC, LOCAL, Listener, check_traffic, dial, read_to_end
import ends
import ports
import traffic
from cases import Skip, check, wait_until
from control import Channel, ctl_good

BASE = {"key": ends.KEY}


class Controlled:
    """Both ends of a tunnel in one daemon with a control socket."""

    def __init__(self, case, target_text, loglevel="info", metrics="none", prefix=(), server=(), **client):
        self.local, self.far = case.port(), case.port()
        self.sock = case.path("control.sock")
        self.text = ends.ini(
            ends.section("server", "far", {**BASE, "listen": f"{LOCAL}:{self.far}", "target": target_text,
                                            **dict(server)}),
            ends.section("client", "near", {**BASE, "localaddr": f"{LOCAL}:{self.local}",
                                            "remoteaddr": f"{LOCAL}:{self.far}", **client}),
            loglevel=loglevel, control=self.sock, metrics=metrics)
        self.path = case.write("kcptund.ini", self.text)
        self.process = case.start([*prefix, ends.kcptund(), "-c", self.path], "kcptund")
        ends.wait_ready(self.process, tcp=[self.local], udp=[self.far])

    @property
    def address(self):
        return (LOCAL, self.local)

    def channel(self):
        return Channel(self.sock)

    def stop(self):
        ends.stop_cleanly(self.process)


def controlled(case, **options):
    target = traffic.Target()
    return Controlled(case, f"{LOCAL}:{target.port}", **options), target


def row(document, name):
    """The row of a tunnel in a document of tunnels."""
    return next(r for r in document["tunnels"] if r["tunnel"] == name)


# ---- commands -----------------------------------------------------------------------------------


@suite.case("control_status_and_version", tags=["short"])
def status(case):
    d, target = controlled(case, conn=1, **FEC)
    check_traffic(d.address, target)
    c = d.channel()
    doc = c.good("status")
    check(doc["pid"] == d.process.pid and doc["loglevel"] == "info", f"{doc}")
    near = row(doc, "near")
    check(near["role"] == "client" and near["state"] == "running" and near["sessions"] == 1, f"{near}")
    check(near["local"] == f"{LOCAL}:{d.local}" and near["remote"] == f"{LOCAL}:{d.far}", f"{near}")
    check(near["fec"] == {"data": 10, "parity": 3} and near["crypt"] == "aes", f"{near}")
    far = row(doc, "far")
    check(far["fec"] == "auto" and far["mode"] == "auto", f"{far}")
    check(near["rates"]["goodput_in"] > 10_000, f"{near['rates']}")
    only = c.good("status far")["tunnels"]
    check([r["tunnel"] for r in only] == ["far"], f"{only}")
    check(c.good("version")["version"] == doc["version"], "the version differs")
    names = {r["command"] for r in c.good("help")["commands"]}
    check(names >= {"status", "stats", "sessions", "streams", "config", "reload", "reset", "loglevel",
                    "close", "version"}, f"{names}")
    d.stop()
    check(not os.path.exists(d.sock), "the socket is left behind")


@suite.case("control_stats_count_what_passed", tags=["short"])
def stats(case):
    d, target = controlled(case, conn=1)
    plan = [(300_000, 500_000)] * 3
    check_traffic(d.address, target, plan)
    c = d.channel()

    def settled():
        near = row(c.good("stats"), "near")
        return near if near["streams"] == 0 and near["queued_bytes"] == 0 else None
    near = wait_until(settled, 10, "all streams are over")
    counters, derived = near["counters"], near["derived"]
    up = 3 * (300_000 + traffic.HEADER.size)
    down = 3 * (500_000 + traffic.VERDICT)
    check(counters["PayloadOutBytes"] == up, f"PayloadOutBytes {counters['PayloadOutBytes']}, not {up}")
    check(counters["PayloadInBytes"] == down, f"PayloadInBytes {counters['PayloadInBytes']}, not {down}")
    check(counters["StreamsOpened"] == 3, f"StreamsOpened {counters['StreamsOpened']}")
    check(0.3 < derived["overhead_out"] < 3 and 0.3 < derived["overhead_in"] < 3, f"{derived}")
    check(near["rtt_ms"]["min"] <= near["rtt_ms"]["mean"] <= near["rtt_ms"]["max"], f"{near['rtt_ms']}")
    check(near["queue_ms"]["max"] <= near["rtt_ms"]["max"] and near["min_rtt_ms"], f"{near}")
    check(near["limits"]["application"] == 1 == sum(near["limits"].values()), f"{near['limits']}")
    check(0 <= near["medium_loss"]["mean"] < 1 and near["path_bytes_s"] > 0, f"what the model knows: {near}")
    check(near["inflight_segs"] == 0, f"{near['inflight_segs']} segments in flight")
    check(near["memory_bytes"] / 2 < near["held_bytes"] < near["held_bytes_max"] == 256 << 20, f"{near}")
    check(0 <= derived["retransmitted"] < 1 and 0 <= derived["loss_out"] < 1, f"{derived}")
    d.stop()


@suite.case("control_reset_sets_counters_to_zero")
def reset(case):
    d, target = controlled(case, conn=1)
    check_traffic(d.address, target)
    c = d.channel()
    check(len(c.good("reset near")["tunnels"]) == 1, "not one tunnel")
    doc = c.good("stats")
    near, far = row(doc, "near"), row(doc, "far")
    check(near["counters"]["PayloadOutBytes"] == 0, f"{near['counters']}")
    check(near["counters"]["BytesSent"] < 10_000, "BytesSent is not reset")
    check(near["counters"]["CurrEstab"] == 1, "a gauge was reset, too")
    check(near["counted_s"] < 5 and far["counters"]["PayloadOutBytes"] > 1_000_000 - 300_000, f"{far}")
    check_traffic(d.address, target, [(100_000, 0)])
    counted = row(c.good("stats"), "near")["counters"]["PayloadOutBytes"]
    check(counted == 100_000 + traffic.HEADER.size, f"{counted} after the reset")
    d.stop()


@suite.case("control_sessions_and_streams", tags=["short"])
def sessions(case):
    hold = Listener(lambda conn: read_to_end(conn))
    d = Controlled(case, hold.text, server={"rcvwnd": 1024, **FEC}, sndwnd=128, rcvwnd=512, **FEC)
    with dial(d.address) as s:
        s.sendall(b"x" * 1000)
        c = d.channel()

        def arrived():
            streams = c.good("streams")["streams"]
            return streams if len(streams) == 2 and all(
                r["bytes_out"] + r["bytes_in"] == 1000 for r in streams) else None
        streams = wait_until(arrived, 20, "1000 bytes are through")
        near = next(r for r in streams if r["tunnel"] == "near")
        check(near["peer"] == "%s:%d" % s.getsockname(), f"{near['peer']}")
        check(near["state"] == "open" and near["bytes_out"] == 1000, f"{near}")
        both = {r["tunnel"]: r for r in c.good("sessions")["sessions"]}
        n, f = both["near"], both["far"]
        check(n["conv"] == f["conv"] and n["peer"] == f"{LOCAL}:{d.far}", f"{n} {f}")
        check(n["streams"] == f["streams"] == 1 and n["state"] == f["state"] == "open", f"{n} {f}")
        check(n["srtt_ms"] > 0 and n["rto_ms"] >= n["srtt_ms"], f"{n}")
        check(abs(n["srtt_ms"] - n["min_rtt_ms"] - n["queue_ms"]) < 0.01 or n["queue_ms"] == 0, f"{n}")
        check(0 < n["rates"]["window_s"] <= 6.1 and n["rates"]["wire_out"] > 0 < n["rates"]["wire_in"], f"{n}")
        check(n["limit"] == "application" and 0 <= n["total_loss"] < 1, f"{n}")
        check(n["cc"] == "model" and n["cc_phase"] and n["path_bytes_s"] > 0 and 0 <= n["medium_loss"] < 1,
              f"what the model knows of the path: {n}")
        check(n["inflight_segs"] <= n["unacked_segs"], f"{n}")
        check((n["snd_wnd"], n["rcv_wnd"], n["rmt_wnd"]) == (128, 512, 1024), f"{n}")
        check(n["fec_out"] == f["fec_in"] == {"data": 10, "parity": 3}, f"{f}")
        check(n["compression_out"] == f["compression_in"] == "snappy" and f["smux"] == 2, f"{f}")
        check(n["crypt"] == "aes" and n["memory_bytes"] > 0, f"{n}")
        check(near["session"] == n["session"], "the stream names another session")
        s.shutdown(socket.SHUT_WR)
        wait_until(lambda: not c.good("streams near")["streams"], 10, "the stream is over")
    check(len(hold.result()) == 1000, "the target got something else")
    d.stop()


@contextlib.contextmanager
def held_back(d):
    """A sender that has more than it can send; yields what asks for its session's row."""
    c = d.channel()

    def send(sock):
        with contextlib.suppress(OSError):
            sock.sendall(b"x" * 60_000_000)
    with dial(d.address) as s:
        sender = threading.Thread(target=send, args=(s,))
        sender.start()
        try:
            yield lambda: c.good("sessions near")["sessions"][0]
        finally:
            s.shutdown(socket.SHUT_RDWR)
            sender.join()


@suite.case("control_says_that_ratelimit_holds_a_sender_back", seconds=60)
def ratelimit(case):
    d = Controlled(case, Listener(read_to_end).text, ratelimit=100_000, compression="none")
    with held_back(d) as near:
        wait_until(lambda: near()["limit"] == "ratelimit", 20, "the limit is ratelimit")
        wait_until(lambda: 70_000 < near()["rates"]["wire_out"] < 130_000, 20, "some 100 kB/s are sent")
    d.process.kill()  # what is left would take minutes


@suite.case("control_says_that_the_peer_holds_a_sender_back", seconds=60)
def peer_window(case):
    release = threading.Event()
    # smux 1 has no windows of its own: what nobody reads fills KCP's
    d = Controlled(case, Listener(lambda conn: release.wait(50)).text, smuxver=1, compression="none",
                   server={"smuxbuf": "4M", "rcvwnd": 1024})
    with held_back(d) as near:
        wait_until(lambda: near()["limit"] == "peer-window" and near()["rmt_wnd"] == 0, 20, "the peer's window is full")
        check("peer's window" in ctl_good(d.sock, "sessions", "near"), "the table has another word")
    release.set()
    d.stop()


@suite.case("control_shows_half_closed_streams")
def half_closed(case):
    release = threading.Event()

    def target(conn):
        read_to_end(conn)
        release.wait(20)
        conn.sendall(b"late")
    d = Controlled(case, Listener(target).text)
    with dial(d.address) as s:
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        c = d.channel()
        wait_until(lambda: {r["tunnel"]: r["state"] for r in c.good("streams")["streams"]} ==
                   {"near": "local-closed", "far": "far-closed"}, 5, "each end says which side has closed")
        release.set()
        check(read_to_end(s) == b"late", "the answer got lost")
    d.stop()


@suite.case("control_config_tells_values_and_origins_but_no_key", tags=["short"])
def config(case):
    d, _ = controlled(case, sndwnd=256)
    c = d.channel()
    doc = c.good("config")
    check(ends.KEY not in repr(doc), "the key is shown")
    check([s["section"] for s in doc["sections"]] == ["daemon", "server", "client"], f"{doc}")
    near = {v["key"]: v for v in doc["sections"][2]["values"]}
    line = d.text.splitlines().index("sndwnd = 256") + 1
    check(near["sndwnd"] == {"key": "sndwnd", "value": 256, "origin": "section", "line": line}, f"{near['sndwnd']}")
    check(near["rcvwnd"] == {"key": "rcvwnd", "value": "auto", "origin": "default"}, f"{near['rcvwnd']}")
    check(near["congestion"] == {"key": "congestion", "value": "model", "origin": "default"}, f"{near['congestion']}")
    check(near["interval"] == {"key": "interval", "value": 10, "origin": "mode"}, f"{near['interval']}")
    check(near["key"]["value"] is None and near["quiet"]["value"] is False, f"{near}")
    check(len(c.good("config near")["sections"]) == 1, "config of one tunnel shows more")
    d.stop()


@suite.case("control_close_ends_one_session_and_its_streams")
def close(case):
    def target(conn):
        try:
            return read_to_end(conn)
        except ConnectionResetError:
            return b""
    hold = Listener(target)
    d = Controlled(case, hold.text)
    c = d.channel()
    with dial(d.address) as s:
        s.sendall(b"x")
        wait_until(lambda: len(c.good("streams")["streams"]) == 2, 20, "the stream is at both ends")
        before = c.good("sessions near")["sessions"][0]
        check(c.good(f"close {before['session']}")["session"] == before["session"], "another session")
        try:
            rest = s.recv(10)
        except ConnectionResetError:
            rest = b""
        check(rest == b"", "the stream lives on")
    hold.result(5)  # the far end was told
    check(c.code(f"close {before['session']}") == "not-found", "closed twice")
    check(c.code("close near/999999") == c.code("close deadbeef") == c.code("close x") == "not-found", "")

    def redialled():
        rows = c.good("sessions near")["sessions"]
        return rows and rows[0]["conv"] != before["conv"] and rows[0]["state"] == "open" and rows[0]
    fresh = wait_until(redialled, 10, "the client has another session")
    many = c.code(f"close {fresh['conv']}")
    check(many == "ambiguous", f"both ends have that conv, yet: {many}")
    d.stop()


@suite.case("control_loglevel_changes_what_is_logged")
def loglevel(case):
    d, target = controlled(case)
    c = d.channel()
    check(c.good("loglevel error")["loglevel"] == "error", "not error")
    before = len(d.process.log())
    check_traffic(d.address, target, [(10, 10)])
    check(len(d.process.log()) == before, "info is still logged")
    c.good("loglevel info")
    check(c.good("status")["loglevel"] == "info", "status tells another level")
    check(c.code("loglevel loud") == "usage", "a level that does not exist")
    d.stop()


@suite.case("control_reload_tells_what_was_done_or_what_is_wrong")
def reload(case):
    d, target = controlled(case)
    c = d.channel()
    case.write("kcptund.ini", d.text.replace("loglevel = info", "loglevel = debug"))
    c.good("reload")
    check(c.good("status")["loglevel"] == "debug", "the log level stayed")
    case.write("kcptund.ini", d.text + "nonsense = 1\n")
    doc = c.ask("reload")
    check("error" in doc and doc["code"] == "reload", f"{doc}")
    check(any("nonsense" in line["text"] for line in doc["lines"]), f"{doc}")
    check_traffic(d.address, target)
    d.stop()


# ---- clients that mean no good ------------------------------------------------------------------


@suite.case("control_wrong_words_are_answered_and_the_connection_lives", tags=["short"])
def wrong_words(case):
    d, _ = controlled(case)
    c = d.channel()
    for command, code in (("status nowhere", "not-found"), ("stats a b", "usage"), ("loglevel", "usage"),
                          ("version x", "usage"), ("close", "usage")):
        check(c.code(command) == code, f"{command}: {c}")
    check(c.good("  status   near ")["type"] == "status", "spaces matter")
    c.send("version\r\n")
    check(c.read()["type"] == "version", "a carriage return matters")
    d.stop()


@suite.case("control_garbage_gets_one_error_and_the_end", tags=["short"])
def garbage(case):
    d, target = controlled(case)
    for data, code in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "unknown-command"), (b"\n", "garbage"),
                       (b"\x00\xff\xfe\n", "garbage"), (b"status\x00near\n", "garbage"),
                       (b"{\"command\": \"status\"}\n", "unknown-command"), (b"a b c d e f\n", "garbage"),
                       (b"x" * 4096, "too-long"), (os.urandom(100).replace(b"\n", b"") + b"\n", "garbage"),
                       (b"\xc3\xa9tat\n", "garbage")):
        c = d.channel()
        c.send(data + b"status\n" * 3)
        doc = c.read()
        check(doc and doc.get("code") == code, f"{data[:30]!r}: {doc}")
        check(c.read() is None, f"{data[:30]!r}: the connection goes on")
    c = d.channel()
    c.send(b"stat")
    c.sock.shutdown(socket.SHUT_WR)
    check(c.read() is None, "half a command is answered")
    c = d.channel()
    c.send(b"version\nversion\nvers")
    c.sock.shutdown(socket.SHUT_WR)
    check(c.read() and c.read() and c.read() is None, "whole commands before the end are not answered")
    check_traffic(d.address, target)
    d.stop()


@suite.case("control_endless_lines_are_cut_off")
def endless(case):
    d, target = controlled(case)
    before = d.process.rss_kib()
    clients = [d.channel() for _ in range(8)]
    for c in clients:
        try:
            for _ in range(200):
                c.send(b"x" * 65536)
            check(False, "13 MB without a line end were taken")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
    check_traffic(d.address, target)
    grown = d.process.rss_kib() - before
    check(grown < 8192, f"memory grew by {grown} KiB")
    d.stop()


@suite.case("control_many_clients_at_once_the_idle_give_way")
def many_clients(case):
    d, _ = controlled(case)
    idle = [d.channel() for _ in range(100)]
    c = d.channel()
    check(c.good("version")["type"] == "version", "no answer beside 100 idle clients")
    left = 0
    for i in idle:
        i.sock.settimeout(0.2)
        try:
            left += i.sock.recv(1) != b""
        except socket.timeout:
            left += 1
    check(20 <= left <= 32, f"{left} of 100 idle clients are left")
    asking = [d.channel() for _ in range(10)]
    for i in range(20):
        for a in asking:
            a.send("stats\n")
        for a in asking:
            check(len(a.read()["tunnels"]) == 2, "not both tunnels")
    d.stop()


@suite.case("control_two_clients_and_a_stuck_one_do_not_slow_a_transfer", seconds=160, tags=["alone"])
def stuck(case):
    """Three clients ask for 800 sessions all the time, one of them without ever reading."""
    d, target = controlled(case, loglevel="warn", conn=400, sndwnd=1024)
    size = 400_000_000

    def run():
        """CPU time, not time, which is also that of this case and of everything else on the machine."""
        begin = d.process.cpu_seconds()
        check_traffic(d.address, target, [(0, size)], 60)
        return d.process.cpu_seconds() - begin
    wait_until(lambda: len(d.channel().good("sessions near")["sessions"]) == 400, 20, "400 sessions")
    run()
    quiet = min(run() for _ in range(3))
    over = threading.Event()
    looks = []

    def ask():
        c = d.channel()
        while not over.is_set():
            looks.append(len(c.good("sessions")["sessions"]))
    before = d.process.rss_kib()
    asking = [threading.Thread(target=ask) for _ in range(2)]
    for t in asking:
        t.start()
    c = d.channel()
    c.send("sessions\n" * 300)
    busy = min(run() for _ in range(3))
    over.set()
    for t in asking:
        t.join()
    case.note = f"{quiet:.2f} s of CPU quiet, {busy:.2f} s with {len(looks)} looks at 800 sessions"
    check(looks and all(n == 800 for n in looks), f"looks at {set(looks)} sessions")
    check(busy < quiet * 2 + 0.5, case.note)
    check(d.process.rss_kib() - before < 20_000, "memory grew")
    wait_until(lambda: closed(c.sock), 20, "the client that does not read is cut off")
    d.stop()


def closed(sock):
    """Did the other end close, behind what is still there to be read?"""
    import select
    poll = select.poll()
    poll.register(sock, 0)
    return any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll(0))


@suite.case("control_answers_while_sessions_come_and_go", seconds=60)
def churn(case):
    """Documents are made in pieces: what leaves meanwhile must neither be missing in sums nor crash."""
    d, target = controlled(case, loglevel="warn", conn=100)
    over = threading.Event()
    faults = []

    def ask(command):
        c = d.channel()
        last = 0
        while not over.is_set():
            doc = c.good(command)
            if command == "stats":
                sent = sum(r["counters"]["BytesSent"] for r in doc["tunnels"])
                if sent < last:
                    faults.append(f"BytesSent fell from {last} to {sent}")
                last = sent
    asking = [threading.Thread(target=ask, args=(c,)) for c in ("stats", "sessions", "streams")]
    for t in asking:
        t.start()
    c = d.channel()
    ended = 0
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for r in c.good("sessions near")["sessions"][:5]:
            ended += c.ask(f"close {r['session']}").get("type") == "close"
        try:
            traffic.run_plan(d.address, [(5000, 5000)] * 20, 1)
        except (EOFError, OSError, TimeoutError):
            pass  # their sessions were closed
    over.set()
    for t in asking:
        t.join()
    case.note = f"{ended} sessions closed"
    check(ended > 20, case.note)
    check(not faults, f"{faults[:3]}")
    d.stop()


# ---- the socket ---------------------------------------------------------------------------------


def as_nobody(case):
    """A prefix to run something as another user, who may enter the case's directory."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    os.chmod(case.dir, 0o755)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@suite.case("control_socket_is_for_owner_and_group_only", tags=["short"])
def socket_mode(case):
    d, _ = controlled(case)
    mode = stat.S_IMODE(os.stat(d.sock).st_mode)
    check(mode == 0o660, f"mode {mode:o}")
    d.stop()


@suite.case("control_others_may_look_but_not_change")
def permissions(case):
    prefix = as_nobody(case)
    from control import ctl
    d, _ = controlled(case)
    code, _, err = ctl(d.sock, "status", prefix=prefix)
    check(code == 3 and "group kcptun" in err, f"a stranger: exit code {code}: {err}")
    os.chmod(d.sock, 0o666)
    for command in ("status", "stats", "sessions", "streams", "config", "version"):
        code, _, err = ctl(d.sock, command, prefix=prefix)
        check(code == 0, f"{command}: exit code {code}: {err}")
    for command in (["reload"], ["reset"], ["loglevel", "debug"], ["close", "near/1"]):
        code, _, err = ctl(d.sock, *command, prefix=prefix)
        check(code == 1 and "only root" in err, f"{command}: exit code {code}: {err}")
    check(len(d.channel().good("sessions near")["sessions"]) == 1, "the session was closed all the same")
    d.stop()


@suite.case("control_the_daemons_own_user_may_change")
def own_user(case):
    prefix = as_nobody(case)
    from control import ctl
    os.chown(case.dir, 65534, 65534)
    d, _ = controlled(case, prefix=prefix)
    code, _, err = ctl(d.sock, "reset", prefix=prefix)
    check(code == 0, f"the daemon's user: exit code {code}: {err}")
    code, _, err = ctl(d.sock, "reset")
    check(code == 0, f"root: exit code {code}: {err}")
    d.stop()


@suite.case("control_stale_socket_is_replaced_and_a_live_one_refused", tags=["short"])
def stale(case):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(case.path("control.sock"))  # stays behind, as after kill -9
    d, _ = controlled(case)
    check(d.channel().good("version")["pid"] == d.process.pid, "no answer on the replaced socket")
    second = case.write("second.ini", ends.ini(ends.section("server", "x", {
        **BASE, "listen": f"{LOCAL}:{case.port()}", "target": f"{LOCAL}:1"}), control=d.sock))
    p = case.start([ends.kcptund(), "-c", second], "second")
    code = p.wait(5)
    check(code not in (None, 0), f"the second daemon: exit code {code}")
    check("another kcptund" in p.log() and d.sock in p.log(), p.log())
    check(d.channel().good("version")["pid"] == d.process.pid, "the first daemon lost its socket")
    d.process.kill()
    third = case.start([ends.kcptund(), "-c", d.path], "third")
    ends.wait_ready(third, tcp=[d.local], udp=[d.far])
    check(d.channel().good("version")["pid"] == third.pid, "no answer after kill -9")
    ends.stop_cleanly(third)


@suite.case("control_path_that_cannot_be_is_an_error")
def bad_path(case):
    plain = case.write("file", "not a socket")
    for path, word in ((case.path("none/control.sock"), "No such file"), (plain, "something else")):
        ini = case.write("bad.ini", ends.ini(ends.section("server", "x", {
            **BASE, "listen": f"{LOCAL}:{case.port()}", "target": f"{LOCAL}:1"}), control=path))
        p = case.start([ends.kcptund(), "-c", ini], "bad")
        code = p.wait(5)
        check(code not in (None, 0) and word in p.log(), f"{path}: exit code {code}: {p.log()}")
    with open(plain) as f:
        check(f.read() == "not a socket", "the file was replaced")


@suite.case("control_default_path_out_of_reach_only_warns")
def default_path(case):
    prefix = as_nobody(case)
    if os.access("/run/kcptun", os.F_OK) and os.stat("/run/kcptun").st_uid == 65534:
        raise Skip("/run/kcptun is nobody's here")
    port = case.port()
    text = ends.ini(ends.section("server", "x", {**BASE, "listen": f"{LOCAL}:{port}", "target": f"{LOCAL}:1"}))
    ini = case.write("plain.ini", text.replace("control = none\n", ""))
    os.chmod(ini, 0o644)
    p = case.start([*prefix, ends.kcptund(), "-c", ini], "plain")
    wait_until(lambda: ports.listening("udp", port, p.pid), 20, "it starts")
    check(p.wait_log("warn.*control", 20), p.log())
    ends.stop_cleanly(p)


@suite.case("control_clients_do_not_wake_an_idle_daemon")
def idle(case):
    d, _ = controlled(case)
    c = d.channel()
    c.good("stats")
    time.sleep(12)  # until the memory is trimmed
    before = d.process.wakeups()
    time.sleep(8)
    woken = d.process.wakeups() - before
    check(woken <= 16, f"{woken} wake-ups in 8 s with an idle control client")
    check(c.good("status")["type"] == "status", "the idle client is cut off")
    d.stop()
