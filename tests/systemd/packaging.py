"""The packages of debian/: built from the tarball, in a tree that has their build dependencies and no more."""

import glob
import hashlib
import os
import re
import shutil
import subprocess

from machine import (PACKAGES, Failure, Skip, base_tree, built, libraries, mirror, need_this_machine, packages_of,
                     proxy)

APT_SECONDS = 300
BUILD_SECONDS = 600
WHERE = "/packages"  # in the trees
OLD_VERSION, OLD_LINE = "0.1.0-1", "# As it was before."


def command(*argv, seconds=60, **options):
    """Output of a command that has to succeed."""
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", timeout=seconds, **options)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(argv)}: not done in {seconds} s") from None
    if p.returncode != 0:
        last = "\n".join("    " + line for line in p.stdout.strip().split("\n")[-20:])
        raise Failure(f"{' '.join(argv)}: exit code {p.returncode}:\n{last}")
    return p.stdout


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def stamped(path, text):
    """Whether this was made of that."""
    if not os.path.exists(path):
        return False
    with open(path) as f:
        return f.read() == text


def stamp(path, text):
    with open(path, "w") as f:
        f.write(text)


class Packages:
    """Those of one tarball; `debs` has their paths by name, `old` a predecessor of kcptund."""

    def __init__(self, build):
        need_this_machine()
        self.folder = os.path.join(build, "systemd-machine")
        os.makedirs(self.folder, exist_ok=True)
        self.tarball = self._dist(build)
        self.root = self._tree(build)
        self._build()
        self.changes, = glob.glob(self.root + WHERE + "/*.changes")
        self.debs = {os.path.basename(p).split("_")[0]: p for p in glob.glob(self.root + WHERE + "/*.deb")}
        self.old = self._predecessor()

    def _dist(self, build):
        command("meson", "dist", "-C", build, "--no-tests", "--allow-dirty", "--formats", "xztar", seconds=120)
        newest = max(glob.glob(build + "/meson-dist/*.tar.xz"), key=os.path.getmtime)
        return newest

    def _tree(self, build):
        """A tree with the build dependencies that debian/control names."""
        site, release = mirror()
        base = base_tree(self.folder, site, release, [*PACKAGES, *packages_of(libraries(built(build)))])
        root = os.path.join(self.folder, "packages-" + release)
        control = command("tar", "-xOf", self.tarball, "--wildcards", "*/debian/control")
        wanted = re.search(r"^Build-Depends:(.*?)^\S", control + "\nEnd", re.M | re.S).group(1)
        with open(base + ".made-of") as f:
            wanted += f.read()
        if not stamped(root + ".made-of", wanted):
            shutil.rmtree(root, ignore_errors=True)
            if os.path.exists(root + ".built"):
                os.unlink(root + ".built")  # what was built went with it
            subprocess.run(["cp", "-a", "--reflink=auto", base, root], check=True)
            self._lay_source(root)
            print(f"# build dependencies into {root}", flush=True)
            stamp(root + "/etc/dpkg/dpkg.cfg.d/quick", "force-unsafe-io\n")
            shutil.copy("/etc/resolv.conf", root + "/etc/resolv.conf")
            try:
                for words in (["update"], ["build-dep", "-P", "nocheck", "./source"]):
                    command("chroot", root, "sh", "-c", 'cd "$0" && exec apt-get -qy --no-install-recommends "$@"', WHERE,
                            *words, seconds=APT_SECONDS,
                            env={**os.environ, **proxy(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
            except Failure as e:
                raise Skip(f"no build dependencies: {e}") from None
            stamp(root + ".made-of", wanted)
        return root

    def _lay_source(self, root):
        shutil.rmtree(root + WHERE, ignore_errors=True)
        os.makedirs(root + WHERE + "/source")
        command("tar", "-xf", self.tarball, "-C", root + WHERE + "/source", "--strip-components=1", "--no-same-owner")

    def _build(self):
        """All of them, without their tests: those run in suites of their own.  There is no network in there."""
        wanted = digest(self.tarball)
        if stamped(self.root + ".built", wanted):
            return
        if os.path.exists(self.root + ".built"):
            os.unlink(self.root + ".built")
        self._lay_source(self.root)
        version = re.search(r"-([\d.]+)\.tar", self.tarball).group(1)
        shutil.copy(self.tarball, f"{self.root}{WHERE}/kcptund_{version}.orig.tar.xz")
        self.run("sh", "-c", f"cd {WHERE}/source && dpkg-buildpackage -us -uc", seconds=BUILD_SECONDS,
                 env={"DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count() or 1}", "DEB_BUILD_PROFILES": "nocheck"})
        stamp(self.root + ".built", wanted)

    def run(self, *argv, seconds=60, env=None):
        """A command in the tree with the build dependencies, with no network but the loopback."""
        return command("unshare", "--mount", "--net", "--pid", "--fork", f"--mount-proc={self.root}/proc", "sh", "-c",
                       'ip link set lo up && exec chroot "$@"', "sh", self.root, *argv, seconds=seconds,
                       env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/", **(env or {})})

    def _predecessor(self):
        """kcptund of an older version, with another text of its configuration."""
        tree, path = self.folder + "/old", self.folder + "/old.deb"
        shutil.rmtree(tree, ignore_errors=True)
        command("dpkg-deb", "-R", self.debs["kcptund"], tree)
        with open(tree + "/etc/kcptun.ini", "a") as f:
            f.write(OLD_LINE + "\n")
        with open(tree + "/DEBIAN/control") as f:
            control = f.read()
        with open(tree + "/DEBIAN/control", "w") as f:
            f.write(re.sub(r"^Version: .*$", "Version: " + OLD_VERSION, control, flags=re.M))
        command("dpkg-deb", "-b", "-Znone", tree, path)
        shutil.rmtree(tree)
        return path

    def lay_down(self, root, build):
        """The packages, and their own test, into a machine's tree."""
        os.makedirs(root + WHERE)
        for path in (self.debs["kcptund"], self.old, self.root + WHERE + "/source/debian/tests/traffic"):
            shutil.copy(path, root + WHERE)
        os.rename(f"{root}{WHERE}/{os.path.basename(self.debs['kcptund'])}", root + WHERE + "/new.deb")
