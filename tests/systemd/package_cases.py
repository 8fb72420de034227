"""The packages: what they hold, and their life in a machine: installed, upgraded, removed, purged."""

import os
import re
import shutil
import subprocess
import time

from cases import Failure, Skip, Suite, check, wait_until
from packaging import OLD_LINE, WHERE, command
from unit_cases import INI, SECOND, UNIT, connect, echoes, pid_of, start_echo, story, through, tunnel

NEW, OLD = WHERE + "/new.deb", WHERE + "/old.deb"
FOLDERS = ("/etc", "/usr", "/var/lib", "/var/log", "/var/cache")
MODES = {
    "/usr/sbin/kcptund": "755 root:root",
    "/usr/bin/kcptunctl": "755 root:root",
    INI: "640 root:kcptun",
    "/etc/kcptun": "750 root:kcptun",
    "/etc/apparmor.d/kcptund": "644 root:root",
    "/lib/systemd/system/kcptund.service": "644 root:root",
    "/lib/systemd/system/kcptund@.service": "644 root:root",
    "/usr/share/zsh/vendor-completions/_kcptund": "644 root:root",
    "/usr/share/bash-completion/completions/kcptunctl": "644 root:root",
    "/usr/share/man/man8/kcptund.8.gz": "644 root:root",
    "/usr/share/doc/kcptund/NEWS.Debian.gz": "644 root:root",
}

suite = Suite("packages - those of debian/, in a booted machine")
_machine = _packages = _trouble = None


def use(machine, trouble):
    """The machine for all cases, or why there is none."""
    global _machine, _trouble
    _machine, _trouble = machine, trouble


def use_packages(packages):
    """And the packages."""
    global _packages
    _packages = packages


def case(name, seconds=60):
    """A case in the machine gets it without the package."""
    def register(function):
        def run_case(c):
            if _trouble:
                raise _trouble
            m = _machine
            m.try_run("systemctl", "stop", "--no-block", "test-*")
            m.try_run("dpkg", "--purge", "kcptund")
            m.run("sh", "-c", f"rm -rf /etc/kcptun {INI}*")
            try:
                function(m)
            except Failure as e:
                raise Failure(f"{e}{story(m)}") from None
        suite.add(name, run_case, seconds, tags=["alone"])
        return function
    return register


def packages_case(name, seconds=120):
    """A case about the packages alone."""
    def register(function):
        def run_case(c):
            if _trouble:
                raise _trouble
            function(c, _packages)
        suite.add(name, run_case, seconds)
        return function
    return register


def dpkg(m, *words):
    return m.run("dpkg", *words, seconds=60)


def check_modes(m, modes):
    out = m.run("stat", "-c", "%n %a %U:%G", *modes)
    for line in out.strip().split("\n"):
        path, rest = line.split(" ", 1)
        check(rest == modes[path], f"{path} is {rest}, not {modes[path]}")


def ours(m):
    """What bears our name in the machine."""
    return sorted(m.run("find", *FOLDERS, "-xdev", "-path", "*kcptun*").split())


def read(m, path):
    return m.run("cat", path)


# ---- the packages alone ---------------------------------------------------------------------


@packages_case("lintian_finds_no_error_and_warns_of_nothing")
def lintian(c, packages):
    c.need("lintian")
    command("lintian", "--allow-root", "--fail-on", "error,warning", packages.changes, seconds=110)


@packages_case("a_program_is_made_with_the_library_package_alone")
def library(c, packages):
    names = [os.path.basename(packages.debs[n]) for n in ("libkcp1", "libkcp-dev")]
    try:
        packages.run("sh", "-c", f"cd {WHERE} && dpkg -i {' '.join(names)}")
        out = packages.run("sh", WHERE + "/source/debian/tests/library")
        check(len(re.findall("100000 bytes of 100000", out)) == 2, out)
    finally:
        packages.run("dpkg", "--purge", "libkcp-dev", "libkcp1")


def profile_text(c, packages):
    command("dpkg-deb", "-x", packages.debs["kcptund"], c.path("deb"))
    return c.path("deb") + "/etc/apparmor.d/kcptund"


@packages_case("the_profile_is_understood_by_AppArmor")
def profile(c, packages):
    c.need("apparmor_parser")
    command("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile_text(c, packages))


# ---- installed --------------------------------------------------------------------------------


@case("installed_it_is_enabled_and_starts_nothing_without_a_tunnel")
def installed(m):
    dpkg(m, "-i", NEW)
    check_modes(m, MODES)
    check("nologin" in m.run("getent", "passwd", "kcptun"), "the user kcptun can log in")
    check(m.run("systemctl", "is-enabled", UNIT).strip() == "enabled", "the unit is not enabled")
    check(m.show(UNIT, "ActiveState") == "inactive", f"the unit is {m.show(UNIT, 'ActiveState')}")
    _, instance = m.try_run("systemctl", "is-enabled", SECOND)
    check(instance.strip() == "disabled", f"an instance is {instance.strip()}")
    check(not dpkg(m, "--verify", "kcptund"), "dpkg --verify finds something")
    check("kcptund 0" in m.run("kcptund", "--version"), "the program does not run")


@case("its_own_test_carries_traffic", 90)
def own_test(m):
    dpkg(m, "-i", NEW)
    m.run("sh", WHERE + "/traffic", seconds=80)


@case("a_configuration_that_was_there_before_is_started")
def preseeded(m):
    m.write(INI, tunnel("home"), 0o600, "root")
    start_echo(m)
    dpkg(m, "--force-confold", "-i", NEW)
    check(read(m, INI) == tunnel("home"), "it was overwritten")
    check_modes(m, {INI: MODES[INI]})
    check(m.show(UNIT, "ActiveState") == "active", "it does not run")
    m.enter_network()
    through(12948)


# ---- upgraded -----------------------------------------------------------------------------------


@case("an_upgrade_brings_the_new_text_of_an_unchanged_configuration")
def upgraded(m):
    dpkg(m, "-i", OLD)
    check(OLD_LINE in read(m, INI), "this is not the old version")
    m.run("systemctl", "disable", UNIT)
    dpkg(m, "-i", NEW)
    check(OLD_LINE not in read(m, INI), "the text of before is there")
    check_modes(m, MODES)
    _, enabled = m.try_run("systemctl", "is-enabled", UNIT)
    check(enabled.strip() == "disabled", f"the unit, which was disabled, is {enabled.strip()}")
    check(m.show(UNIT, "ActiveState") == "inactive", "it was started")


@case("an_upgrade_keeps_a_changed_configuration_and_starts_the_daemon_anew")
def upgraded_changed(m):
    dpkg(m, "-i", OLD)
    ini = read(m, INI) + tunnel("home")
    m.run("sh", "-c", f"cat >> {INI}", stdin=tunnel("home"))
    m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950))
    start_echo(m)
    m.run("systemctl", "start", UNIT, SECOND)
    m.enter_network()
    through(12948)
    first = [pid_of(m, unit) for unit in (UNIT, SECOND)]
    dpkg(m, "--force-confold", "-i", NEW)
    check(read(m, INI) == ini, "the configuration is not as it was")
    check_modes(m, {INI: MODES[INI], INI + ".dpkg-dist": MODES[INI]})
    for unit, before in zip((UNIT, SECOND), first):
        check(m.show(unit, "ActiveState") == "active" and pid_of(m, unit) != before, f"{unit} was not started anew")
    through(12948)
    through(12950)
    with connect(12948) as s:
        check(echoes(s, b"and again"), "nothing comes back")


# ---- removed ------------------------------------------------------------------------------------


@case("removed_it_leaves_the_configuration_and_purged_nothing_but_the_user")
def purged(m):
    before = ours(m)
    dpkg(m, "-i", NEW)
    m.run("sh", "-c", f"cat >> {INI}", stdin=tunnel("home"))
    m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950))
    m.run("systemctl", "start", UNIT, SECOND)
    dpkg(m, "--remove", "kcptund")
    for unit in (UNIT, SECOND):
        check(m.try_run("systemctl", "is-active", unit)[0] != 0, f"{unit} still runs")
    check_modes(m, {INI: MODES[INI], "/var/lib/kcptun": "700 kcptun:kcptun"})
    check(not os.path.exists(m.root + "/usr/sbin/kcptund"), "the program is there")
    dpkg(m, "--purge", "kcptund")
    left = ["/etc/kcptun", "/etc/kcptun/second.ini"]  # which is not the package's
    check(sorted(set(ours(m)) - set(before)) == left, f"it left {sorted(set(ours(m)) - set(before))}")
    check(not os.path.exists(m.root + "/run/kcptun"), "it left /run/kcptun")
    m.run("getent", "passwd", "kcptun")
    code, out = m.try_run("systemctl", "status", UNIT)
    check(code == 4, f"systemd knows the unit: {out}")


# ---- AppArmor -----------------------------------------------------------------------------------


def aa_enabled():
    try:
        with open("/sys/module/apparmor/parameters/enabled") as f:
            return f.read().strip() == "Y"
    except OSError:
        return False


@case("confined_by_AppArmor_it_carries_traffic_and_nothing_is_denied", 90)
def enforced(m):
    if not aa_enabled():
        raise Skip("this kernel has no AppArmor")
    if not shutil.which("apparmor_parser"):
        raise Skip("apparmor_parser is not installed")
    dpkg(m, "-i", NEW)
    profile = m.root + "/etc/apparmor.d/kcptund"
    command("apparmor_parser", "--replace", "--skip-cache", profile)
    before = denials()
    try:
        # A cipher that libcrypto loads, and a log.
        m.write("/etc/kcptun/second.ini", tunnel("second", tcp=12950, udp=29950, key="crypt = cast5\nkey = between us",
                                                 more="snmplog = second.csv\nsnmpperiod = 1\n"))
        m.run("sh", "-c", f"cat >> {INI}", stdin=tunnel("home"))
        start_echo(m)
        m.run("systemctl", "start", UNIT, SECOND)
        for unit in (UNIT, SECOND):
            label = m.run("cat", f"/proc/{pid_of(m, unit)}/attr/current").strip()
            check(label == "kcptund (enforce)", f"{unit} is confined by {label!r}")
        m.enter_network()
        through(12948)
        through(12950)
        m.run("systemctl", "reload", UNIT)
        m.run("systemctl", "kill", "--signal=HUP", SECOND)
        time.sleep(1.5)
        m.run("systemctl", "restart", UNIT)
        through(12948)
        m.run("systemctl", "stop", UNIT, SECOND)
        denied = [line for line in denials() if line not in before]
        check(not denied, "\n    ".join(["denied:", *denied]))
        m.write("/etc/kcptun/second.ini", tunnel("second", more="snmplog = /var/tmp/second.csv\nsnmpperiod = 1\n"))
        m.run("systemctl", "start", SECOND)
        wait_until(lambda: denials() != before, 10, "the kernel says that a file elsewhere is denied")
    finally:
        m.try_run("systemctl", "stop", UNIT, SECOND)
        command("apparmor_parser", "--remove", profile)


def denials():
    """What the kernel has said of the profile."""
    said = subprocess.run(["dmesg"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace").stdout
    return [line for line in said.split("\n") if 'apparmor="DENIED"' in line and 'profile="kcptund"' in line]
