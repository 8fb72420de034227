"""linkrelay as a process: on a link between two ports, with its counts to be asked for."""

import json
import os
import signal

import ends
from cases import Failure, wait_until


def program():
    """The environment's LINKRELAY, or that of build/."""
    path = os.environ.get("LINKRELAY") or os.path.join(ends.TOP, "build", "tests", "linkrelay")
    if not os.access(path, os.X_OK):
        raise Failure(f"there is no {path}: build it, or name another in LINKRELAY")
    return path


class Relay:
    """Listens on .port, and sends on to that port of this machine."""

    def __init__(self, case, link, to, seed=1):
        self.port = case.port()
        self.process = case.start([program(), "--listen", self.port, "--to", to, "--link", link,
                                   "--seed", seed], "relay")
        ends.wait_ready(self.process, udp=[self.port])

    def _told(self):
        """What it has printed so far; a last line that is not complete is no line yet."""
        lines = self.process.log().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def counts(self):
        """Those of now; tests/bench/link/counts.h says what they are."""
        before = len(self._told())
        self.process.signal(signal.SIGUSR1)
        return wait_until(lambda: self._told()[before:], 20, "the relay tells its counts")[0]

    def end(self):
        """The exit code and the last counts."""
        return self.process.term(), self._told()[-1]
