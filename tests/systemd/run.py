#!/usr/bin/env python3
"""systemd - the installed project under a real systemd, in a container of this machine's Debian.

    tests/systemd/run.py [PATTERN...]     all cases, or those whose names match
    RELEASE=NAME tests/systemd/run.py     under another release of Debian than the machine's own

BUILD names the build directory to install from, build if it is not set; the container's tree is
kept in it from run to run.
"""

import os
import signal
import sys

from machine import Failure, Machine, Skip
from unit_cases import suite, use

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def only_looks():
    return any(a in ("-l", "--list", "-h", "--help") for a in sys.argv[1:])


def terminated(signum, frame):
    sys.exit(128 + signum)


def main():
    machine = trouble = None
    signal.signal(signal.SIGTERM, terminated)
    if not only_looks():
        try:
            machine = Machine(os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build"))),
                              os.environ.get("RELEASE"))
        except (Skip, Failure) as e:
            trouble = e
    use(machine, trouble)
    try:
        return suite.main()
    finally:
        if machine:
            machine.end()


if __name__ == "__main__":
    sys.exit(main())
