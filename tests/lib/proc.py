"""A child process: its log, its figures from /proc, and its certain end."""

import ctypes
import os
import re
import resource
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")


def _prepare(descriptors):
    """Between fork and exec: die with the parent, whatever happens to it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


class Process:
    def __init__(self, argv, name, directory, descriptors=None, stdin=None, env=None):
        self.argv = [str(a) for a in argv]
        self.name = name
        self.log_path = os.path.join(directory, f"{name}.log")
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.argv, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=env, preexec_fn=lambda: _prepare(descriptors))
        self.pid = self.child.pid

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def wait(self, seconds):
        """The exit code; None when it still runs."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def term(self, seconds=10):
        """Ask it to stop; the exit code, or None when it did not."""
        if self.alive():
            self.child.terminate()
        return self.wait(seconds)

    def kill(self):
        if self.alive():
            self.child.kill()
        self.child.wait()

    def end(self):
        if self.term(3) is None:
            self.kill()

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def status(self, field):
        """A number of /proc/PID/status, such as VmRSS (KiB)."""
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{field}:\s+(\d+)", f.read(), re.M).group(1))

    def rss_kib(self):
        return self.status("VmRSS")

    def wakeups(self):
        return self.status("voluntary_ctxt_switches")

    def wait_log(self, pattern, seconds):
        """The first match of the pattern in its log, or None after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.log(), re.I | re.M)
            if match or time.monotonic() > end:
                return match
            time.sleep(0.05)
