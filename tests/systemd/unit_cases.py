"""The units in a real systemd: their life, their words, their confinement."""

import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import ports  # noqa: E402
from cases import Failure, Suite, check, wait_until  # noqa: E402

EXPOSURE_MAX = 1.6  # of which @chown, without CAP_CHOWN, is 0.1
IDLE_WAKEUPS_MAX = 20  # in 20 s, of two ends in one process
UNIT, SECOND = "kcptund.service", "kcptund@second.service"
INI = "/etc/kcptun.ini"

suite = Suite("systemd - the installed project under a real systemd")
_machine = _trouble = None


def use(machine, trouble):
    """The machine for all cases, or why there is none."""
    global _machine, _trouble
    _machine, _trouble = machine, trouble


def case(name, seconds=30):
    """A case gets the machine with every unit stopped, and leaves it so."""
    def register(function):
        def run_case(c):
            if _trouble:
                raise _trouble
            clean(_machine)
            try:
                function(_machine)
            except Failure as e:
                raise Failure(f"{e}{story(_machine)}") from None
        # All share the one machine: no two at a time.
        suite.add(name, run_case, seconds, tags=["alone"])
        return function
    return register


def clean(m):
    m.try_run("systemctl", "stop", "--no-block", "test-*")
    m.try_run("systemctl", "stop", UNIT, "kcptund@*", "test-*")
    m.try_run("systemctl", "reset-failed")
    m.try_run("sh", "-c", "rm -rf /etc/systemd/system/kcptund*.d /etc/kcptun/* /var/lib/kcptun/*")
    m.run("systemctl", "daemon-reload")


def story(m):
    """The end of the journal, for whoever reads of a failure."""
    try:
        out = m.run("journalctl", "-q", "-o", "short-monotonic", "-n", "12", "-u", UNIT, "-u", "kcptund@*")
        return "".join("\n    " + line for line in out.strip().split("\n"))
    except Failure as e:
        return f"\n    no journal: {e}"


# ---- what cases share -----------------------------------------------------------------------


def tunnel(name, tcp=12948, udp=29900, target="127.0.0.1:8388", key="key = between us", more=""):
    """Both ends of one tunnel."""
    return (f"[server {name}-far]\nlisten = 127.0.0.1:{udp}\ntarget = {target}\n{key}\n"
            f"[client {name}]\nlocaladdr = 127.0.0.1:{tcp}\nremoteaddr = localhost:{udp}\n{key}\n{more}")


def start_echo(m, listen="TCP-LISTEN:8388,bind=127.0.0.1,reuseaddr,fork"):
    m.run("systemd-run", "-q", "--collect", "--unit=test-echo", "socat", listen, "EXEC:cat")


def connect(port, seconds=5):
    s = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    s.settimeout(seconds)
    return s


def echoes(s, data):
    """Whether all of it comes back."""
    s.setblocking(True)
    s.settimeout(10)
    got = bytearray()
    sent = 0
    while len(got) < len(data):
        if sent < len(data):
            sent += s.send(data[sent:sent + 65536])
        while len(got) < sent:
            piece = s.recv(65536)
            if not piece:
                return False
            got += piece
    return bytes(got) == data


def through(port, size=100000):
    """Traffic through the tunnel that listens there, once its target does."""
    data = os.urandom(size)

    def attempt():
        try:
            with connect(port) as s:
                return echoes(s, data)
        except OSError:
            return False
    wait_until(attempt, 10, f"{size} bytes through port {port} and back")


def started(m, ini=None):
    m.write(INI, ini or tunnel("home"))
    m.run("systemctl", "start", UNIT)


def pid_of(m, unit=UNIT):
    return int(m.show(unit, "MainPID"))


def said(m, unit, after, pattern):
    return [text for _, text in m.journal(unit, after) if re.search(pattern, text)]


def status_field(m, pid, field):
    return re.search(rf"^{field}:\s+(\S+)", m.run("cat", f"/proc/{pid}/status"), re.M).group(1)


# ---- the installed files --------------------------------------------------------------------


@case("files_have_their_modes_and_owners")
def modes(m):
    expected = {
        "/usr/sbin/kcptund": "755 root:root",
        "/usr/bin/kcptunctl": "755 root:root",
        "/etc/kcptun.ini": "640 root:kcptun",
        "/etc/kcptun": "750 root:kcptun",
        "/usr/lib/systemd/system/kcptund.service": "644 root:root",
        "/usr/lib/systemd/system/kcptund@.service": "644 root:root",
        "/usr/lib/sysusers.d/kcptun.conf": "644 root:root",
        "/usr/lib/tmpfiles.d/kcptun.conf": "644 root:root",
        "/run/kcptun": "750 kcptun:kcptun",
        "/var/lib/kcptun": "700 kcptun:kcptun",
    }
    out = m.run("stat", "-c", "%n %a %U:%G", *expected)
    for line in out.strip().split("\n"):
        path, rest = line.split(" ", 1)
        check(rest == expected[path], f"{path} is {rest}, not {expected[path]}")
    check("nologin" in m.run("getent", "passwd", "kcptun"), "the user kcptun can log in")


@case("a_configuration_without_a_tunnel_starts_nothing_in_words_and_is_no_failure")
def as_installed(m):
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "conf", "kcptun.ini")) as f:
        m.write(INI, f.read())
    m.run("systemctl", "start", UNIT)
    unit = m.shows(UNIT, "ActiveState", "NRestarts")
    check(unit == {"ActiveState": "inactive", "NRestarts": "0"}, f"{unit}")
    _, status = m.try_run("systemctl", "status", UNIT)
    check("has no tunnel" in status, f"systemctl status says:\n{status}")


@case("a_configuration_with_a_fault_is_refused_in_words_and_once")
def with_fault(m):
    m.write(INI, tunnel("home", more="mtu = 9000\n"))
    mark = m.mark()
    code, _ = m.try_run("systemctl", "start", UNIT)
    check(code != 0, "it started with a fault")
    time.sleep(4)  # longer than RestartSec
    unit = m.shows(UNIT, "ActiveState", "ExecMainStatus", "NRestarts")
    check(unit == {"ActiveState": "failed", "ExecMainStatus": "1", "NRestarts": "0"}, f"{unit}")
    faults = [(p, t) for p, t in m.journal(UNIT, mark) if "mtu" in t]
    check(faults and faults[0][0] == 3, f"the journal has {faults}")


@case("tmpfiles_give_the_configuration_to_those_who_may_read_it")
def tmpfiles(m):
    m.write(INI, tunnel("home"), 0o644, "root")
    m.run("chown", "root:root", "/etc/kcptun")
    m.run("systemd-tmpfiles", "--create", "kcptun.conf")
    for path, wanted in ((INI, "640 root:kcptun"), ("/etc/kcptun", "750 root:kcptun")):
        found = m.run("stat", "-c", "%a %U:%G", path).strip()
        check(found == wanted, f"{path} is {found}")


@case("the_exposure_is_small")
def exposure(m):
    for unit in (UNIT, SECOND):
        out = m.run("systemd-analyze", "security", "--no-pager", unit)
        value = float(re.search(r"exposure level for \S+: ([\d.]+)", out).group(1))
        check(value <= EXPOSURE_MAX, f"{unit}: {value}")


@case("the_units_hold_no_unknown_words")
def verify(m):
    out = m.run("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/kcptund.service",
                "/usr/lib/systemd/system/kcptund@.service")
    check("kcptund" not in out, out.strip())


# ---- the life of the unit ---------------------------------------------------------------------


@case("it_starts_as_its_own_user_and_says_that_it_is_ready")
def ready(m):
    started(m)
    unit = m.shows(UNIT, "ActiveState", "SubState", "StatusText")
    check(unit["ActiveState"] == "active" and unit["SubState"] == "running", f"{unit}")
    check(unit["StatusText"] == "2 tunnels, no sessions", f"status {unit['StatusText']!r}")
    pid = pid_of(m)
    check(status_field(m, pid, "Uid") == m.run("id", "-u", "kcptun").strip(), "it is not the user kcptun")
    caps = int(status_field(m, pid, "CapEff"), 16)
    check(caps == 1 << 10, f"capabilities {caps:x}")
    check(status_field(m, pid, "NoNewPrivs") == "1", "it may gain privileges")
    check(status_field(m, pid, "Seccomp") == "2", "system calls are not filtered")


@case("a_unix_socket_is_given_to_the_group_of_the_service", 60)
def unix_socket(m):
    path = "/run/kcptun/home.sock"
    mark = m.mark()
    started(m, tunnel("home").replace("127.0.0.1:12948", path) + "socketmode = 0620\nsocketgroup = kcptun\n")
    wait_until(lambda: m.try_run("stat", "-c", "%a %U:%G", path) is not None, 10, "the socket")
    out = m.run("stat", "-c", "%a %U:%G", path).strip()
    check(out == "620 kcptun:kcptun", out)
    check(not said(m, UNIT, mark, "socketgroup"), "the group could not have it")


@case("traffic_goes_through_and_the_status_tells_of_it", 60)
def traffic(m):
    started(m, tunnel("home", more="conn = 1\n"))  # the sessions are counted
    start_echo(m)
    m.enter_network()
    through(12948, 10 << 20)
    held = connect(12948)
    check(echoes(held, b"still there"), "the held connection is dead")
    wait_until(lambda: re.fullmatch(r"2 tunnels, 2 sessions, 2 streams, .*/s out, .*/s in, rtt .*ms",
                                    m.show(UNIT, "StatusText")), 12, "a status with figures of the traffic")
    wait_until(lambda: re.fullmatch(r"2 tunnels, 2 sessions, 2 streams, rtt .*ms", m.show(UNIT, "StatusText")),
               20, "a status without rates after it")
    held.close()


@case("an_idle_daemon_wakes_up_for_keepalives_and_the_watchdog_only", 60)
def idle(m):
    started(m)
    wait_until(lambda: "2 sessions" in m.show(UNIT, "StatusText"), 15, "a status with both sessions")
    pid = pid_of(m)
    time.sleep(11)  # memory has been given back by then

    def wakeups():
        return int(status_field(m, pid, "voluntary_ctxt_switches"))
    before = wakeups()
    time.sleep(20)
    # Each end sends a keepalive every 10 s, hears one and acknowledges, and looks once whether
    # memory can be spared; the watchdog is fed every 15 s.
    count = wakeups() - before
    check(count <= IDLE_WAKEUPS_MAX, f"{count} wake-ups in 20 s")


@case("a_port_below_1024_can_be_bound_and_a_unix_socket_reached")
def low_port(m):
    start_echo(m, "UNIX-LISTEN:/run/test-echo.sock,mode=666,fork")
    started(m, tunnel("home", tcp=80, udp=443, target="/run/test-echo.sock"))
    m.enter_network()
    through(80)
    m.try_run("rm", "-f", "/run/test-echo.sock")


@case("a_killed_daemon_comes_back")
def killed(m):
    started(m)
    start_echo(m)
    m.enter_network()
    through(12948)
    first = pid_of(m)
    m.run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: pid_of(m) not in (0, first) and m.show(UNIT, "ActiveState") == "active", 10,
               "it runs again")
    through(12948)
    check(m.show(UNIT, "NRestarts") == "1", "restarted more than once")


def state_files(m, folder):
    out = m.run("sh", "-c", f"cd {folder} && stat -c '%n %a %U:%G' replay-*")
    return sorted(line.split(" ", 1) for line in out.strip().split("\n"))


@case("what_opened_sessions_is_kept_in_the_state_folder_and_read_after_a_kill", 60)
def state(m):
    """Each instance has a folder of its own."""
    m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950))
    started(m)
    m.run("systemctl", "start", SECOND)
    start_echo(m)
    m.enter_network()
    through(12948)
    through(12950)
    for folder in ("/var/lib/kcptun", "/var/lib/kcptun/second"):
        check(m.run("stat", "-c", "%a %U:%G", folder).strip() == "700 kcptun:kcptun", f"{folder} is not its own")
        files = state_files(m, folder)
        check([name[-2:] for name, _ in files] == [".0", ".1"], f"{folder} holds {files}")
        check(all(rest == "600 kcptun:kcptun" for _, rest in files), f"{files}")
    for unit in (UNIT, SECOND):
        mark, first = m.mark(), pid_of(m, unit)
        m.run("systemctl", "kill", "--signal=KILL", unit)
        wait_until(lambda: pid_of(m, unit) not in (0, first) and m.show(unit, "ActiveState") == "active", 10,
                   "it runs again")
        wait_until(lambda: said(m, unit, mark, r"^\d+ datagrams of earlier sessions are known"), 10,
                   f"{unit} knows what opened sessions before")
        check(not said(m, unit, mark, "cannot be used|in use by another"), "it could not use its files")
    through(12948)
    through(12950)


@case("a_daemon_that_hangs_is_killed_and_comes_back")
def watchdog(m):
    m.write("/etc/systemd/system/kcptund.service.d/quick.conf", "[Service]\nWatchdogSec=2\nLimitCORE=0\n",
            0o644, "root")
    m.run("systemctl", "daemon-reload")
    started(m)
    first = pid_of(m)
    time.sleep(5)
    check(pid_of(m) == first, "the watchdog bit a daemon that was well")
    m.run("systemctl", "kill", "--signal=STOP", UNIT)
    wait_until(lambda: pid_of(m) not in (0, first) and m.show(UNIT, "ActiveState") == "active", 20,
               "the watchdog has it started again")


def take_address(m):
    m.run("systemd-run", "-q", "--collect", "--unit=test-taken", "socat",
          "TCP-LISTEN:12948,bind=127.0.0.1", "EXEC:cat")
    m.enter_network()
    wait_until(lambda: ports.listening("tcp", 12948), 20, "the address is taken")


@case("it_waits_for_an_address_that_is_taken")
def address_taken(m):
    take_address(m)
    m.write(INI, "[client" + tunnel("home").split("[client")[1])  # nothing else that could be started
    mark = m.mark()
    m.run("systemctl", "start", "--no-block", UNIT)
    wait_until(lambda: said(m, UNIT, mark, "12948"), 10, "the journal names the address")
    check(m.show(UNIT, "ActiveState") == "activating", "it gave up")
    m.run("systemctl", "stop", "test-taken")
    wait_until(lambda: m.show(UNIT, "ActiveState") == "active", 15, "it started once the address was free")


@case("a_tunnel_that_cannot_be_started_keeps_no_other_from_it", 60)
def one_taken(m):
    take_address(m)
    mark = m.mark()
    started(m)
    unit = m.shows(UNIT, "ActiveState", "StatusText")
    check(unit == {"ActiveState": "active", "StatusText": "2 tunnels, 1 failed (home), no sessions"}, f"{unit}")
    check(said(m, UNIT, mark, "12948"), "the journal does not name the address")
    pid = pid_of(m)
    m.run("systemctl", "stop", "test-taken")
    wait_until(lambda: re.match("2 tunnels, [^1]|2 tunnels, 1 s", m.show(UNIT, "StatusText")), 40,
               "a status without a failure")
    check(pid_of(m) == pid, "it was started anew")
    start_echo(m)
    through(12948)


@case("a_stop_is_clean_and_leaves_the_folder_of_the_sockets")
def stop(m):
    started(m)
    mark = m.mark()
    begin = time.monotonic()
    m.run("systemctl", "stop", UNIT)
    took = time.monotonic() - begin
    check(took < 8, f"stopping took {took:.1f} s")
    unit = m.shows(UNIT, "ActiveState", "Result", "ExecMainStatus")
    check(unit == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, f"{unit}")
    check(said(m, UNIT, mark, "stopped"), "the journal does not tell")
    check(m.run("stat", "-c", "%a %U:%G", "/run/kcptun").strip() == "750 kcptun:kcptun", "/run/kcptun is gone")


@case("messages_have_their_priorities")
def priorities(m):
    mark = m.mark()
    started(m, tunnel("home", more="interval = 20\n"))
    entries = m.journal(UNIT, mark)
    ready = [p for p, t in entries if " ready, " in t]
    warned = [p for p, t in entries if "interval" in t]
    check(ready == [6], f"ready has priorities {ready}")
    check(warned == [4], f"a warning has priorities {warned}")
    check(not [t for _, t in entries if t.startswith("<")], "a prefix was left in a message")


# ---- reload -----------------------------------------------------------------------------------


@case("a_reload_keeps_what_did_not_change")
def reload_changed(m):
    started(m)
    start_echo(m)
    m.enter_network()
    through(12948)
    held = connect(12948)
    check(echoes(held, b"before"), "the tunnel does not work")
    pid = pid_of(m)
    m.write(INI, tunnel("home") + tunnel("new", tcp=12949, udp=29901))
    m.run("systemctl", "reload", UNIT)
    check(m.show(UNIT, "ActiveState") == "active", "it is not active")
    check(m.show(UNIT, "StatusText").startswith("4 tunnels"), f"status {m.show(UNIT, 'StatusText')!r}")
    check(pid_of(m) == pid, "it was started anew")
    through(12949)
    check(echoes(held, b"after"), "a stream of an unchanged tunnel was lost")
    m.write(INI, tunnel("new", tcp=12949, udp=29901))
    m.run("systemctl", "reload", UNIT)
    through(12949)
    try:
        connect(12948).close()
    except ConnectionRefusedError:
        return
    raise Failure("a removed tunnel still takes connections")


@case("a_reload_reads_the_file_once")
def reload_once(m):
    started(m)
    mark = m.mark()
    m.run("systemctl", "reload", UNIT)
    time.sleep(1)
    told = said(m, UNIT, mark, r"^\[home\] reload: unchanged")
    check(len(told) == 1, f"the journal has {told}")


@case("a_reload_of_a_broken_file_changes_nothing")
def reload_broken(m):
    started(m)
    start_echo(m)
    m.enter_network()
    through(12948)
    held = connect(12948)
    check(echoes(held, b"before"), "the tunnel does not work")
    pid = pid_of(m)
    m.write(INI, tunnel("home") + "mtu = 9000\n")
    mark = m.mark()
    code, out = m.try_run("systemctl", "reload", UNIT)
    check(code != 0, f"systemctl reload saw nothing wrong: {out}")
    wait_until(lambda: [p for p, t in m.journal(UNIT, mark) if re.search(r"kcptun\.ini:\d+: .*mtu", t) and p == 3],
               5, "the fault is in the journal, as an error")
    check(m.show(UNIT, "ActiveState") == "active" and pid_of(m) == pid, "it did not go on")
    check("reload was refused" in m.show(UNIT, "StatusText"), f"status {m.show(UNIT, 'StatusText')!r}")
    check(echoes(held, b"after"), "a stream was lost")
    m.write(INI, tunnel("home"))
    m.run("systemctl", "reload", UNIT)
    check(echoes(held, b"later"), "a stream was lost")
    check("refused" not in m.show(UNIT, "StatusText"), f"status {m.show(UNIT, 'StatusText')!r}")


@case("a_reload_that_fails_in_part_says_so_and_takes_nothing_away", 60)
def reload_partly(m):
    started(m)
    start_echo(m)
    take_port = ("systemd-run", "-q", "--collect", "--unit=test-taken", "socat", "TCP-LISTEN:12949,bind=127.0.0.1",
                 "EXEC:cat")
    m.run(*take_port)
    m.enter_network()
    wait_until(lambda: ports.listening("tcp", 12949), 20, "the address is taken")
    through(12948)
    held = connect(12948)
    check(echoes(held, b"before"), "the tunnel does not work")
    m.write(INI, tunnel("home", tcp=12949))
    code, out = m.try_run("systemctl", "reload", UNIT)
    check(code != 0, f"systemctl reload saw nothing wrong: {out}")
    unit = m.shows(UNIT, "ActiveState", "StatusText")
    check(unit["ActiveState"] == "active" and
          unit["StatusText"].startswith("last reload failed in part, see the log; 2 tunnels"), f"{unit}")
    check(echoes(held, b"after"), "a stream was lost")
    through(12948)
    m.run("systemctl", "stop", "test-taken")
    m.run("systemctl", "reload", UNIT)
    check(m.show(UNIT, "StatusText").startswith("2 tunnels"), f"status {m.show(UNIT, 'StatusText')!r}")
    through(12949)


@case("a_reload_by_a_bare_signal_works")
def reload_signal(m):
    started(m)
    m.write(INI, tunnel("home") + tunnel("new", tcp=12949, udp=29901))
    m.run("systemctl", "kill", "--signal=HUP", UNIT)
    wait_until(lambda: m.show(UNIT, "StatusText").startswith("4 tunnels"), 20, "four tunnels in the status")
    wait_until(lambda: m.show(UNIT, "ActiveState") == "active", 20, "it is active again")


# ---- kcptunctl ----------------------------------------------------------------------------------


@case("kcptunctl_asks_over_the_socket_of_the_instance")
def ctl(m):
    started(m)
    check(m.run("stat", "-c", "%a %U:%G", "/run/kcptun/kcptund.sock").strip() == "660 kcptun:kcptun",
          "the socket's mode or owner")
    check("home" in m.run("kcptunctl", "status"), "no tunnel in the status")
    m.run("kcptunctl", "reload")
    code, out = m.try_run("setpriv", "--reuid=nobody", "--regid=kcptun", "--clear-groups", "kcptunctl", "reload")
    check(code == 1, f"a member of the group may reload: {code} {out}")
    m.run("setpriv", "--reuid=nobody", "--regid=kcptun", "--clear-groups", "kcptunctl", "status")
    code, out = m.try_run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "kcptunctl", "status")
    check(code == 3 and "kcptun" in out, f"a stranger got {code}: {out}")
    m.run("systemctl", "stop", UNIT)
    code, out = m.try_run("kcptunctl", "status")
    check(code == 3, f"without a daemon: {code} {out}")


# ---- further instances -----------------------------------------------------------------------------


@case("a_second_instance_lives_beside_the_first")
def second(m):
    started(m)
    start_echo(m)
    m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950))
    m.run("systemctl", "start", SECOND)
    check(m.show(SECOND, "StatusText") == "2 tunnels, no sessions", "the second one's status")
    m.enter_network()
    through(12950)
    m.run("systemctl", "stop", UNIT)
    through(12950)
    out = m.run("ls", "/run/kcptun").split()
    check("second.sock" in out, f"/run/kcptun holds {out}")
    m.run("kcptunctl", "-s", "/run/kcptun/second.sock", "status")
    m.run("systemctl", "start", UNIT)
    m.run("systemctl", "stop", SECOND)
    through(12948)


@case("a_reload_reads_a_credential_again")
def credential_reload(m):
    m.write("/etc/kcptun/home.key", "a secret\n", 0o600, "root")
    m.write("/etc/systemd/system/kcptund@second.service.d/key.conf",
            "[Service]\nLoadCredential=home.key:/etc/kcptun/home.key\n", 0o644, "root")
    m.run("systemctl", "daemon-reload")
    ini = tunnel("second", tcp=12950, udp=29950, key="keyfile = home.key")
    m.write("/etc/kcptun/second.ini", ini)
    m.run("systemctl", "start", SECOND)
    m.write("/etc/kcptun/second.ini", ini + "conn = 2\n")
    m.run("systemctl", "reload", SECOND)
    check(m.show(SECOND, "StatusText").startswith("2 tunnels"), f"status {m.show(SECOND, 'StatusText')!r}")


@case("a_key_can_be_a_credential_that_only_root_can_read")
def credential(m):
    m.write("/etc/kcptun/home.key", "a secret\n", 0o600, "root")
    m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950, key="keyfile = home.key"))
    code, _ = m.try_run("systemctl", "start", SECOND)
    check(code != 0, "it could read a key that is not for it")
    m.run("systemctl", "reset-failed", SECOND)
    m.write("/etc/systemd/system/kcptund@second.service.d/key.conf",
            "[Service]\nLoadCredential=home.key:/etc/kcptun/home.key\n", 0o644, "root")
    m.run("systemctl", "daemon-reload")
    m.run("systemctl", "start", SECOND)
    start_echo(m)
    m.enter_network()
    through(12950)
