"""Whom the daemon is when root starts it, and what -t says of files that this user cannot read."""

import grp
import os
import pwd
import re
import shutil
import socket
import subprocess

from suite import suite
from tunnels import LOCAL, check_traffic, dial
import control
import ends
import traffic
from cases import Skip, check, wait_until

USER = "nobody"
PORTS_RIGHT = 1 << 10  # CAP_NET_BIND_SERVICE


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root can become another")
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        raise Skip(f"there is no user {USER}")


def checked(path):
    p = subprocess.run([ends.kcptund(), "-t", "-c", path], capture_output=True, text=True, timeout=10)
    check(p.returncode == 0, f"exit code {p.returncode}: {p.stderr}")
    return p.stderr.splitlines()


def client(case, **settings):
    return ends.section("client", "near", {"localaddr": f"{LOCAL}:{case.port()}", "remoteaddr": f"{LOCAL}:9",
                                           "key": ends.KEY, **settings})


@suite.case("test_tells_what_the_daemons_user_cannot_read")
def unreadable(case):
    group = grp.getgrgid(need_root().pw_gid).gr_name
    os.mkdir(case.path("etc"), 0o700)
    keyfile = case.write("etc/near.key", "a key of its own\n")
    text = client(case).replace(f"key = {ends.KEY}", "keyfile = near.key")
    path = case.write("etc/kcptun.ini", ends.ini(text, user=USER))
    folder = os.path.dirname(path)
    os.chmod(case.path(""), 0o711)

    said = checked(path)
    check(len(said) == 2, f"not a line for each file: {said}")
    for name, line in zip((path, keyfile), said):
        check(line.startswith(f"{name}: as user {USER}: the folder {folder} ") and f"chgrp {group} {folder}" in line
              and "chmod 750" in line, f"the folder is not told of: {line}")

    os.chmod(folder, 0o711)
    said = checked(path)
    check([f"{name}: as user {USER}: cannot be opened: Permission denied; chgrp {group} {name} and chmod 640 it"
           f"{', unless LoadCredential= of the unit has it' if name == keyfile else ''} (warning)"
           for name in (path, keyfile)] == said, f"the files are not told of: {said}")

    for name in (path, keyfile):
        os.chown(name, -1, grp.getgrnam(group).gr_gid)
        os.chmod(name, 0o640)
    check(checked(path) == [], "there is something to tell of what can be read")


@suite.case("test_tells_what_the_units_user_cannot_read")
def unreadable_for_the_unit(case):
    need_root()
    path = case.write("kcptun.ini", ends.ini(client(case)))
    said = checked(path)
    try:
        pwd.getpwnam("kcptun")
        check(len(said) == 1 and "as user kcptun" in said[0], f"{said}")
    except KeyError:
        check(said == [], f"there is no user kcptun, and yet: {said}")


def status_of(process):
    with open(f"/proc/{process.pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def low_port():
    """One that only root may bind, and nobody has."""
    for port in range(1023, 600, -1):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((LOCAL, port))
                return port
            except OSError:
                pass
    raise Skip("no low port is free")


class Demoted:
    """Both ends in one daemon that root starts and that is somebody else then."""

    def __init__(self, case, near=None, **daemon):
        self.case = case
        os.chmod(case.path(""), 0o755)
        self.target = traffic.Target()
        self.near, self.far = near or case.port(), case.port()
        self.daemon = {"user": USER, "control": case.path("control.sock"), "statedir": case.path("state"), **daemon}
        self.process = ends.start_daemon(case, self.text(), "demoted", tcp=[self.near], udp=[self.far])
        path = case.path("demoted.ini")
        os.chown(path, -1, pwd.getpwnam(USER).pw_gid)
        os.chmod(path, 0o640)

    def text(self):
        far = ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{self.far}",
                                             "target": f"{LOCAL}:{self.target.port}"})
        near = ends.section("client", "near", {"key": ends.KEY, "localaddr": f"{LOCAL}:{self.near}",
                                               "remoteaddr": f"{LOCAL}:{self.far}"})
        return ends.ini(far, near, **self.daemon)


@suite.case("root_becomes_the_user_and_keeps_low_ports")
def demoted(case):
    nobody = need_root()
    d = Demoted(case, low_port())  # the only case that has such ones: they are not dealt out as others are
    status = status_of(d.process)
    check(set(status["Uid"].split()) == {str(nobody.pw_uid)}, f"Uid: {status['Uid']}")
    check(set(status["Gid"].split()) == {str(nobody.pw_gid)}, f"Gid: {status['Gid']}")
    groups = {str(g) for g in os.getgrouplist(USER, nobody.pw_gid)}
    check(set(status["Groups"].split()) <= groups, f"root's groups are left: {status['Groups']}")
    for kind in ("CapPrm", "CapEff"):
        check(int(status[kind], 16) & ~PORTS_RIGHT == 0, f"{kind}: {status[kind]}")
    check(int(status["CapInh"], 16) == 0, f"CapInh: {status['CapInh']}")
    check(status["NoNewPrivs"] == "1", "it may gain rights by a program that it starts")
    check_traffic((LOCAL, d.near), d.target)
    state = os.stat(case.path("state"))
    check((state.st_uid, state.st_mode & 0o777) == (nobody.pw_uid, 0o700), f"the state is not its own: {state}")
    check(any(name.startswith("replay-") for name in os.listdir(case.path("state"))), "nothing is in the state")
    check(os.stat(case.path("control.sock")).st_uid == nobody.pw_uid, "the control socket is not its own")
    code, out = control.ctl(case.path("control.sock"), "reload")[:2]
    check(code == 0, f"the reload of the same: {out}")

    before = d.near
    d.near = low_port()
    case.write("demoted.ini", d.text())
    os.chmod(case.path("demoted.ini"), 0o640)
    os.chown(case.path("demoted.ini"), -1, nobody.pw_gid)
    code, out = control.ctl(case.path("control.sock"), "reload")[:2]
    check(code == 0 and d.near != before, f"the reload to another low port: {out}")
    check_traffic((LOCAL, d.near), d.target)
    ends.stop_cleanly(d.process)


@suite.case("group_stands_in_for_the_users_own")
def other_group(case):
    need_root()
    other = next((g for g in grp.getgrall() if g.gr_gid not in (0, pwd.getpwnam(USER).pw_gid)), None)
    if other is None:
        raise Skip("there is no other group")
    d = Demoted(case, group=other.gr_name)
    status = status_of(d.process)
    check(set(status["Gid"].split()) == {str(other.gr_gid)}, f"Gid: {status['Gid']}")
    ends.stop_cleanly(d.process)


@suite.case("what_a_reload_could_not_read_is_told_at_the_start")
def unreadable_at_the_start(case):
    need_root()
    d = Demoted(case)
    check(re.search(rf"demoted.ini: as user {USER}: cannot be opened", d.process.log()), d.process.log())
    check(f"running as user {USER}" in d.process.log(), d.process.log())
    dial((LOCAL, d.near)).close()
    ends.stop_cleanly(d.process)


@suite.case("who_is_not_root_stays_who_he_is")
def not_root(case):
    nobody = need_root()
    os.chmod(case.path(""), 0o755)
    path = case.write("plain.ini", ends.ini(client(case), user="root"))
    os.chmod(path, 0o644)
    program = shutil.copy(ends.kcptund(), case.path("kcptund"))  # where it is from may be closed to others
    p = case.start(["setpriv", "--reuid", str(nobody.pw_uid), "--clear-groups", program, "-c", path], "plain")
    wait_until(lambda: "ready" in p.log(), 20, "the start")
    check("user = root has no effect: only root can become another" in p.log(), p.log())
    p.term(10)
