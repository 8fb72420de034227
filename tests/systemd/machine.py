"""A minimal Debian with the project installed, booted by systemd-nspawn, and commands in it."""

import ctypes
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import debian  # noqa: E402
from cases import Failure, Skip  # noqa: E402
from proc import Process  # noqa: E402

PROGRAMS = ("debootstrap", "systemd-nspawn", "nsenter", "meson", "ldd", "apt-get", "dpkg-query")
PACKAGES = ("systemd", "systemd-sysv", "dbus", "socat")
NAME = "kcptund-test-"  # of the machine, its tree and its cgroup; the process id follows
BOOT_SECONDS = 60
DEBOOTSTRAP_SECONDS = 300
_CLONE_NEWNET = 0x40000000


def output(*argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, **options).stdout


# ---- the tree ---------------------------------------------------------------------------


def forget_the_dead(folder):
    """What runs left behind that were killed before they could tidy up."""
    for path in glob.glob(os.path.join(folder, NAME + "*")):
        pid = re.match(NAME + r"(\d+)", os.path.basename(path)).group(1)
        if not os.path.exists("/proc/" + pid):
            Cgroup(NAME + pid).remove()
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def need_this_machine():
    if os.geteuid() != 0:
        raise Skip("only root can boot a container")
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        raise Skip(f"not installed: {' '.join(missing)}")


def mirror():
    """Where this machine's own apt gets its packages from: (URL, release)."""
    try:
        return debian.mirror()
    except LookupError as e:
        raise Skip(str(e)) from e


def proxy():
    line = output("apt-config", "shell", "P", "Acquire::http::Proxy").strip()
    return {"http_proxy": line[2:].strip("'")} if line.startswith("P=") else {}


def built(build):
    programs = [os.path.join(build, p) for p in ("kcptund", "kcptunctl")]
    for program in programs:
        if not os.path.exists(program):
            raise Failure(f"{program} is not built")
    return programs


def libraries(programs):
    """What these programs are linked with, as paths."""
    paths = set()
    for program in programs:
        paths |= set(re.findall(r"=> (/\S+)", output("ldd", program)))
    return sorted(paths)


def packages_of(paths):
    packages = set()
    for path in paths:
        for candidate in (path, os.path.realpath(path), re.sub("^/usr", "", path), "/usr" + path):
            owner = output("dpkg-query", "-S", candidate)
            if owner:
                packages.add(owner.split(":")[0])
                break
        else:
            raise Skip(f"{path} is of no package")
    return sorted(packages)


def debootstrap(base, site, release, packages):
    shutil.rmtree(base, ignore_errors=True)
    print(f"# debootstrap of {release} into {base}", flush=True)
    with open(base + ".log", "w") as log:
        try:
            code = subprocess.run(
                ["debootstrap", "--variant=minbase", "--include=" + ",".join(packages), release, base, site],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=DEBOOTSTRAP_SECONDS,
                env={**os.environ, **proxy()}).returncode
        except subprocess.TimeoutExpired:
            code = "none: out of time"
    if code != 0:
        with open(base + ".log") as log:
            last = log.read().strip().split("\n")[-1]
        raise Skip(f"debootstrap failed ({code}): {last}")
    for path in glob.glob(base + "/var/cache/apt/archives/*.deb") + glob.glob(base + "/var/lib/apt/lists/*_*"):
        os.unlink(path)
    for path in ("usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(os.path.join(base, path), ignore_errors=True)


def base_tree(folder, site, release, packages):
    """A tree of that release with those packages, kept from run to run."""
    base = os.path.join(folder, "base-" + release)
    wanted = " ".join([release, *packages])
    stamp = base + ".made-of"
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == wanted:
                return base
        os.unlink(stamp)
    debootstrap(base, site, release, packages)
    with open(stamp, "w") as f:
        f.write(wanted)
    return base


def lend(root, libraries):
    """Give another release our libraries where it has none of that name; its packages' names differ."""
    have = output("chroot", root, "ldconfig", "-p")
    for path in libraries:
        if os.path.basename(path) not in have:
            shutil.copy(path, root + "/usr/local/lib")
    output("chroot", root, "ldconfig")


def settle(root):
    """What a machine has that was started before."""
    # An empty one would make this a first boot, which enables every unit.
    with open(root + "/etc/machine-id", "w") as f:
        f.write(hashlib.md5(root.encode()).hexdigest() + "\n")
    with open(root + "/etc/hosts", "w") as f:
        f.write("127.0.0.1 localhost\n")


def install(root, build):
    """What a package would do: files, then the user, as its scripts make it."""
    p = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env={**os.environ, "DESTDIR": root})
    if p.returncode != 0:
        raise Failure(f"meson install: {p.stdout.strip()}")
    p = subprocess.run(["chroot", root, "systemd-sysusers"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode != 0:
        raise Failure(f"systemd-sysusers: {p.stdout.strip()}")


# ---- cgroups ----------------------------------------------------------------------------


class Cgroup:
    """Where no systemd runs that could give us a scope: a cgroup of our own in its hierarchies."""

    def __init__(self, name):
        self.folders = []
        with open("/proc/self/mountinfo") as f:
            for line in f:
                kind, _, options = line.split(" - ")[1].split(maxsplit=2)
                if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
                    self.folders.append(os.path.join(line.split()[4], name))

    def make(self):
        if not self.folders:
            raise Skip("there are no cgroups")
        try:
            for folder in self.folders:
                os.makedirs(folder, exist_ok=True)
        except OSError as e:
            raise Skip(f"no cgroup can be made: {e}") from None

    def remove(self):
        for folder in self.folders:
            for path, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    pass  # a process is still ending in it


# ---- the machine --------------------------------------------------------------------------


class Machine:
    """One boot.  Cases run commands in it, read its journal, and enter its network.

    `install(root, build)` puts into the tree what is to be tested."""

    def __init__(self, build, release=None, install=install):
        need_this_machine()
        self.folder = os.path.join(build, "systemd-machine")
        os.makedirs(self.folder, exist_ok=True)
        forget_the_dead(self.folder)
        self.name = NAME + str(os.getpid())
        self.root = os.path.join(self.folder, self.name)
        site, own_release = mirror()
        linked = libraries(built(build))
        foreign = release not in (None, own_release)
        base = base_tree(self.folder, site, release or own_release,
                         [*PACKAGES, *([] if foreign else packages_of(linked))])
        self.cgroup = None
        self.nspawn = None
        self.leader = None
        subprocess.run(["cp", "-a", "--reflink=auto", base, self.root], check=True)
        try:
            if foreign:
                lend(self.root, linked)
            settle(self.root)
            install(self.root, build)
            self._boot()
        except BaseException:
            self.end()
            raise

    # -- life

    def _boot(self):
        argv = ["systemd-nspawn", "--quiet", "--directory=" + self.root, "--machine=" + self.name, "--boot",
                "--private-network", "--register=no", "--resolv-conf=off", "--timezone=off",
                "--link-journal=no", "--settings=no", "--console=pipe", "--notify-ready=yes"]
        if not os.path.isdir("/run/systemd/system"):
            argv.append("--keep-unit")
            self.cgroup = Cgroup(self.name)
            self.cgroup.make()
        folders = self.cgroup.folders if self.cgroup else []
        argv = [sys.executable, "-c", START, json.dumps(folders), *argv]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind("\0" + self.name)
            self.nspawn = Process(argv, self.name, self.folder,
                                  env={**os.environ, "NOTIFY_SOCKET": "@" + self.name})
            self._await(ready)

    def _await(self, ready):
        words = {}
        end = time.monotonic() + BOOT_SECONDS
        ready.settimeout(0.2)
        while "READY" not in words:
            try:
                lines = ready.recv(4096).decode(errors="replace").split("\n")
                words.update(line.split("=", 1) for line in lines if "=" in line)
            except socket.timeout:
                pass
            if not self.nspawn.alive():
                raise Skip(f"systemd-nspawn cannot boot here: {self._last_words()}")
            if time.monotonic() > end:
                raise Failure(f"the machine did not come up in {BOOT_SECONDS} s: {self._last_words()}")
        self.leader = int(words["X_NSPAWN_LEADER_PID"])

    def _last_words(self):
        lines = [line for line in self.nspawn.log().split("\n") if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def end(self):
        if self.nspawn:
            if self.nspawn.alive() and self.leader:
                os.kill(self.leader, signal.SIGRTMIN + 4)  # power off
            if self.nspawn.wait(15) is None:
                self.nspawn.kill()
            os.unlink(self.nspawn.log_path)
        if self.cgroup:
            self.cgroup.remove()
        for where in ("propagate", "unix-export"):
            shutil.rmtree(f"/run/systemd/nspawn/{where}/{self.name}", ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    # -- commands

    def try_run(self, *argv, seconds=30, stdin=""):
        """(exit code, output) of a command in the machine."""
        enter = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--"]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
               "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "NO_COLOR": "1"}
        try:
            p = subprocess.run([*enter, *argv], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", timeout=seconds, env=env)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(argv)}: not done in {seconds} s") from None
        return p.returncode, p.stdout

    def run(self, *argv, **options):
        code, out = self.try_run(*argv, **options)
        if code != 0:
            raise Failure(f"{' '.join(argv)}: exit code {code}: {out.strip()}")
        return out

    def shows(self, unit, *properties):
        """Properties of a unit, by name."""
        out = self.run("systemctl", "show", unit, "-p", ",".join(properties))
        return dict(line.split("=", 1) for line in out.split("\n") if "=" in line)

    def show(self, unit, prop):
        return self.shows(unit, prop)[prop]

    # -- files

    def write(self, path, text, mode=0o640, group="kcptun"):
        real = self.root + path
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "w") as f:
            f.write(text)
        os.chown(real, 0, self.gid(group))
        os.chmod(real, mode)

    def gid(self, group):
        with open(self.root + "/etc/group") as f:
            return next(int(line.split(":")[2]) for line in f if line.startswith(group + ":"))

    # -- the journal

    def mark(self):
        """A place in the journal, for journal()."""
        self.run("journalctl", "--sync")
        out = self.run("journalctl", "-n", "0", "--show-cursor", "-q")
        return out.split("-- cursor: ")[-1].strip()

    def journal(self, unit, after):
        """What a unit said since then: [(priority, message)]."""
        self.run("journalctl", "--sync")
        # Chosen by the unit here: journalctl would step over its first entry behind the cursor.
        out = self.run("journalctl", "-q", "-o", "json", "--after-cursor=" + after)
        entries = [json.loads(line) for line in out.split("\n") if line.startswith("{")]
        return [(int(e["PRIORITY"]), e["MESSAGE"]) for e in entries if e.get("_SYSTEMD_UNIT") == unit]

    # -- the network

    def enter_network(self):
        """This process (a case has one of its own) has the machine's network from here on."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.leader}/ns/net") as ns:
            if libc.setns(ns.fileno(), _CLONE_NEWNET) != 0:
                raise Failure(f"setns: {os.strerror(ctypes.get_errno())}")


# Run between our process and systemd-nspawn, which must be in the cgroup before it looks where it
# is, and must be asked to end when we die: killed, it would leave the machine running.
START = """
import ctypes, json, os, signal, sys
for folder in json.loads(sys.argv[1]):
    with open(os.path.join(folder, "cgroup.procs"), "w") as f:
        f.write("0")
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execvp(sys.argv[2], sys.argv[2:])
"""
