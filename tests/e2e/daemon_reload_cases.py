"""A reload and [daemon]: its sockets move, and what takes a restart is told each time."""

import os
import socket

from suite import suite
from tunnels import LOCAL, check_traffic
import control_cases
import ends
import ports
from cases import check, wait_until
from control import Channel, ctl, ctl_good
from metrics_cases import scrape
from privilege_cases import Demoted, need_root


class Daemon(control_cases.Controlled):
    """One whose [daemon] is written again and again."""

    def __init__(self, case, target_text, **options):
        super().__init__(case, target_text, **options)
        self.case = case
        self.keys = {"loglevel": "info", "control": self.sock, "metrics": "none"}
        self.tunnels = self.text[self.text.index("\n\n") + 2:]

    def reload(self, **keys):
        """(exit code, all that kcptunctl says), asked where the daemon answers now."""
        self.keys.update(keys)
        self.case.write("kcptund.ini", ends.ini(self.tunnels, **{k: v for k, v in self.keys.items() if v is not None}))
        code, out, err = ctl(self.sock, "reload")
        return code, out + err

    def in_use(self, key):
        values = Channel(self.sock).good("config")["sections"][0]["values"]
        return next((v for v in values if v["key"] == key), None)


def daemon(case, **options):
    target = control_cases.traffic.Target()
    return Daemon(case, f"{LOCAL}:{target.port}", **options), target


def refused(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return True
    return False


# ---- control ------------------------------------------------------------------------------------


@suite.case("a_reload_moves_the_control_socket_and_answers_on_the_old_one", tags=["short"])
def control_moves(case):
    d, target = daemon(case)
    old, new = d.sock, case.path("new.sock")
    idle, asking = d.channel(), d.channel()
    idle.good("version")
    d.keys["control"] = new
    case.write("kcptund.ini", ends.ini(d.tunnels, **d.keys))
    doc = asking.good("reload")
    check(any(line["text"] == f"control changed: {new}" for line in doc["lines"]), f"{doc}")
    check(asking.read() is None and idle.read() is None, "connections to the old socket go on")
    check(not os.path.exists(old) and refused(old), "the old socket is still there")
    code, _, err = ctl(old, "version")
    check(code == 3, f"asked at the old one: {code} {err}")
    d.sock = new
    check(d.channel().good("version")["pid"] == d.process.pid, "no answer at the new one")
    check(d.in_use("control")["value"] == new, f"{d.in_use('control')}")
    check(os.stat(new).st_mode & 0o777 == 0o660, "its mode is another")
    check(d.reload() == (0, "far: unchanged\nnear: unchanged\n"), "it is moved again")
    check_traffic(d.address, target)
    d.stop()
    check(not os.path.exists(new), "the new one is left behind")


@suite.case("who_waits_for_another_reload_is_answered_though_the_control_socket_moved")
def control_moves_with_a_queue(case):
    d, _ = daemon(case)
    new = case.path("new.sock")
    d.keys["control"] = new
    case.write("kcptund.ini", ends.ini(d.tunnels, **d.keys))
    asking = [d.channel() for _ in range(4)]
    for c in asking:
        c.good("version")  # it was accepted
    for c in asking:
        c.send("reload\n")
    for c in asking:
        check(c.read()["type"] == "reload" and c.read() is None, "a reload without its answer")
    d.sock = new
    d.stop()


@suite.case("a_control_socket_that_cannot_be_stays_where_it_is", tags=["short"])
def control_stays(case):
    d, _ = daemon(case)
    taken = case.write("taken", "not a socket")
    for path, word in ((taken, "something else"), (case.path("none/x.sock"), "No such file")):
        for _ in range(2):
            code, said = d.reload(control=path, loglevel="debug")
            check(code == 1 and "failed in part" in said and "control not changed" in said and word in said, said)
        shown = d.in_use("control")
        check(shown == {"key": "control", "value": d.sock, "origin": "kept"}, f"{shown}")
        check(d.in_use("loglevel")["value"] == "debug", "the rest was not changed")
    check("before the reload" in ctl_good(d.sock, "config"), "the table does not say where it is from")
    code, said = d.reload(control=d.sock)
    check(code == 0 and "control" not in said, said)
    check(d.in_use("control")["origin"] == "section", f"{d.in_use('control')}")
    d.stop()


@suite.case("a_control_socket_by_another_name_of_its_folder_is_the_same")
def control_by_another_name(case):
    d, _ = daemon(case)
    os.symlink(case.path(""), case.path("link"))
    code, said = d.reload(control=case.path("link/control.sock"))
    check(code == 0 and "control changed" in said, said)
    check(d.channel().good("version")["pid"] == d.process.pid, "it went away")
    d.stop()
    check(not os.path.exists(d.sock), "the socket is left behind")


@suite.case("a_reload_turns_the_control_socket_off_and_on")
def control_off_and_on(case):
    d, _ = daemon(case)
    code, said = d.reload(control="none")
    check(code == 0 and "control changed: none" in said, said)
    check(refused(d.sock) and not os.path.exists(d.sock), "it is still there")
    case.write("kcptund.ini", d.text)
    d.process.signal(1)
    wait_until(lambda: not refused(d.sock), 20, "the control socket is back")
    check(d.channel().good("version")["pid"] == d.process.pid, "no answer")
    d.stop()


@suite.case("who_is_no_longer_root_may_not_make_a_control_socket_anywhere")
def control_of_a_user(case):
    need_root()
    d = Demoted(case)
    sock = d.daemon["control"]
    d.daemon["control"] = case.path("other.sock")  # in a folder of root's
    path = case.path("demoted.ini")
    gid = os.stat(path).st_gid
    case.write("demoted.ini", d.text())
    os.chown(path, -1, gid)
    os.chmod(path, 0o640)
    code, _, err = ctl(sock, "reload")
    check(code == 1 and "control not changed" in err and "Permission denied" in err, f"{code} {err}")
    os.mkdir(case.path("ours"))
    os.chown(case.path("ours"), os.stat(sock).st_uid, gid)
    d.daemon["control"] = case.path("ours/other.sock")
    case.write("demoted.ini", d.text())
    os.chown(path, -1, gid)
    os.chmod(path, 0o640)
    code, out, err = ctl(sock, "reload")
    check(code == 0 and "control changed" in out, f"{code} {out} {err}")
    st = os.stat(d.daemon["control"])
    check((st.st_uid, st.st_mode & 0o777) == (os.stat(case.path("ours")).st_uid, 0o660), f"{st}")
    ctl_good(d.daemon["control"], "version")
    ends.stop_cleanly(d.process)


# ---- metrics ------------------------------------------------------------------------------------


def serves(d, port):
    return ports.listening("tcp", port, d.process.pid)


@suite.case("a_reload_turns_metrics_on_moves_them_and_turns_them_off", tags=["short"])
def metrics_move(case):
    d, target = daemon(case)
    first, second = case.port(), case.port()
    code, said = d.reload(metrics=f"{LOCAL}:{first}")
    check(code == 0 and f"metrics changed: {LOCAL}:{first}" in said, said)
    scrape(first)
    with socket.create_connection((LOCAL, first)) as early:
        code, said = d.reload(metrics=f"{LOCAL}:{second}")
        check(code == 0 and f"metrics changed: {LOCAL}:{second}" in said, said)
        scrape(second)
        check(not serves(d, first) and d.in_use("metrics")["value"] == f"{LOCAL}:{second}", "the old address")
        early.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        check(early.makefile("rb").read().endswith(b"\n"), "a scrape that had begun is cut off")
    code, said = d.reload()
    check(code == 0 and "metrics" not in said, said)
    code, said = d.reload(metrics="none")
    check(code == 0 and "metrics changed: none" in said and not serves(d, second), said)
    check(d.in_use("metrics")["value"] == "none", f"{d.in_use('metrics')}")
    check_traffic(d.address, target)
    d.stop()


@suite.case("metrics_that_cannot_be_served_stay_where_they_are", tags=["short"])
def metrics_stay(case):
    d, _ = daemon(case)
    first, busy = case.port(), case.port()
    d.reload(metrics=f"{LOCAL}:{first}")
    with socket.create_server((LOCAL, busy)):
        for _ in range(2):
            code, said = d.reload(metrics=f"{LOCAL}:{busy}")
            check(code == 1 and "metrics not changed" in said and "in use" in said, said)
            shown = d.in_use("metrics")
            check(shown == {"key": "metrics", "value": f"{LOCAL}:{first}", "origin": "kept"}, f"{shown}")
            scrape(first)
        # one that is in the way of the new and gives way in vain
        code, said = d.reload(metrics=f":{busy}")
        check(code == 1 and "metrics not changed" in said, said)
        scrape(first)
    code, said = d.reload()
    check(code == 0 and "metrics changed" in said, said)
    scrape(busy)
    d.stop()


@suite.case("metrics_go_from_one_address_to_all_and_back")
def metrics_in_the_way(case):
    d, _ = daemon(case)
    port = case.port()
    for address in (f"{LOCAL}:{port}", f":{port}", f"localhost:{port}", f"{LOCAL}:{port}"):
        code, said = d.reload(metrics=address)
        check(code == 0 and f"metrics changed: {address}" in said, said)
        scrape(port)
    d.stop()


@suite.case("metrics_take_the_address_that_a_tunnel_leaves")
def metrics_after_a_tunnel(case):
    d, target = daemon(case)
    port = case.port()
    d.tunnels = d.tunnels.replace(f"localaddr = {LOCAL}:{d.local}", f"localaddr = {LOCAL}:{port}")
    code, said = d.reload(metrics=f"{LOCAL}:{d.local}")
    check(code == 0 and "near: restarted: localaddr" in said, said)
    scrape(d.local)
    check_traffic((LOCAL, port), target)
    d.stop()


@suite.case("a_stop_does_not_wait_for_the_name_of_metrics")
def stop_while_moving(case):
    d, _ = daemon(case)
    c = d.channel()
    d.keys["metrics"] = f"metrics.invalid:{case.port()}"
    case.write("kcptund.ini", ends.ini(d.tunnels, **d.keys))
    c.send("reload\n")
    d.stop()
    doc = c.read()
    check(doc and doc["code"] == "partly" and any("metrics not changed" in line["text"] for line in doc["lines"]), f"{doc}")


# ---- what takes a restart -----------------------------------------------------------------------


@suite.case("what_takes_a_restart_is_told_by_each_reload", tags=["short"])
def restart_only(case):
    d, target = daemon(case)
    keys = {"statedir": case.path("state"), "user": "nobody"}
    for _ in range(2):
        code, said = d.reload(**keys)
        check(code == 0 and "statedir: needs a restart" in said and "user: needs a restart" in said
              and "group" not in said, said)
        check(d.in_use("statedir") == {"key": "statedir", "value": "none", "origin": "kept"}, f"{d.in_use('statedir')}")
        check(d.in_use("user")["value"] == "none" and d.in_use("group") is None, "what is not in use is shown")
    code, said = d.reload(group="daemon")
    check(code == 0 and "group: needs a restart" in said and "user: needs a restart" in said, said)
    code, said = d.reload(statedir=None, user=None, group=None)
    check(code == 0 and "restart" not in said, said)
    check(d.in_use("user")["origin"] == "default", f"{d.in_use('user')}")
    check_traffic(d.address, target)
    d.stop()


@suite.case("a_verbose_daemon_shows_that_it_is")
def verbose(case):
    d, _ = daemon(case)
    d.stop()
    d.process = case.start([ends.kcptund(), "-v", "-c", d.path], "verbose")
    ends.wait_ready(d.process, tcp=[d.local], udp=[d.far])
    code, said = d.reload(loglevel="error")
    check(code == 0 and "log level" not in said, said)
    check(d.in_use("loglevel") == {"key": "loglevel", "value": "debug", "origin": "given"}, f"{d.in_use('loglevel')}")
    d.stop()
