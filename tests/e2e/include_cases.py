"""One configuration of several files: which are read, and what a reload makes of others."""

import os
import re
import signal
import subprocess

from suite import suite
from tunnels import LOCAL, dial
import control
import ends
import ports
from cases import check, wait_until


def tunnel(name, port, **settings):
    return ends.section("client", name, {"key": ends.KEY, "localaddr": f"{LOCAL}:{port}",
                                         "remoteaddr": f"{LOCAL}:9", **settings})


class Included:
    """A daemon whose tunnels are in a folder of files, one in each."""

    def __init__(self, case, *names):
        self.case = case
        os.mkdir(case.path("tunnels.d"))
        self.ports = {}
        for name in names:
            self.put(name)
        self.socket = case.path("control.sock")
        self.process = ends.start_daemon(case, ends.ini(include="tunnels.d/*.ini", control=self.socket), "main",
                                         tcp=list(self.ports.values()))

    def put(self, name, **settings):
        self.ports.setdefault(name, self.case.port())
        return self.case.write(f"tunnels.d/{name}.ini", tunnel(name, self.ports[name], **settings))

    def drop(self, name):
        os.unlink(self.case.path(f"tunnels.d/{name}.ini"))

    def reload(self):
        return control.ctl(self.socket, "reload")


@suite.case("a_reload_sees_files_that_came_and_went", tags=["short"])
def changed_set(case):
    d = Included(case, "a", "b")
    stays = dial((LOCAL, d.ports["a"]))
    d.put("c")
    d.drop("b")
    code, out, err = d.reload()
    check(code == 0, f"the reload: {out} {err}")
    check("a: unchanged" in out and "b: removed" in out and "c: " in out, out)
    dial((LOCAL, d.ports["c"])).close()
    wait_until(lambda: not ports.listening("tcp", d.ports["b"], d.process.pid), 20, "b is gone")
    d.put("a", quiet=True)
    code, out, err = d.reload()
    check(code == 0 and "a: changed in place: quiet" in out and "c: unchanged" in out, f"{out} {err}")
    stays.close()
    ends.stop_cleanly(d.process)


@suite.case("a_reload_tells_the_file_that_is_wrong_and_changes_nothing")
def faulty(case):
    d = Included(case, "a", "b")
    path = d.put("c", mtu=9000)
    code, out, err = d.reload()
    check(code == 1 and f"{path}:5: [client c] mtu: 9000 is above 1500" in out + err, f"{code}: {out} {err}")
    before = len(d.process.log())
    d.process.signal(signal.SIGHUP)
    wait_until(lambda: f"{path}:5: [client c] mtu" in d.process.log()[before:], 20, "the log to tell of it")
    check(set(name for name in d.ports if ports.listening("tcp", d.ports[name], d.process.pid)) == {"a", "b"},
          "other tunnels run than before")
    ends.stop_cleanly(d.process)


@suite.case("config_tells_the_file_of_each_value")
def origins(case):
    d = Included(case, "a")
    out = control.ctl_good(d.socket, "config", "a")
    path = case.path("tunnels.d/a.ini")
    check(re.search(rf"localaddr +\S+ +line 3 of {re.escape(path)}", out), out)
    out = control.ctl_good(d.socket, "config")
    check(re.search(r"loglevel +info +line 2$", out, re.M), out)
    ends.stop_cleanly(d.process)


@suite.case("dump_holds_what_the_files_hold")
def dump(case):
    os.mkdir(case.path("d"))
    case.write("d/1.ini", tunnel("one", 1))
    case.write("d/2.ini", tunnel("two", 2))
    path = case.write("main.ini", ends.ini(include="d/*.ini", user="root"))
    p = subprocess.run([ends.kcptund(), "-T", "-c", path], capture_output=True, text=True, timeout=10)
    check(p.returncode == 0 and not p.stderr, p.stderr)
    check(re.findall(r"^\[.*\]$", p.stdout, re.M) == ["[daemon]", "[client one]", "[client two]"], p.stdout)
    check("include" not in p.stdout, p.stdout)
