"""A suite whose cases share one booted machine, which is started before them and ended behind them."""

import os
import signal
import sys

from machine import Failure, Skip

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def only_looks():
    return any(a in ("-l", "--list", "-h", "--help") for a in sys.argv[1:])


def terminated(signum, frame):
    sys.exit(128 + signum)


def run(suite, start, use):
    """start(build directory) is the machine, which use(machine, trouble) is told, or why there is none. The exit code."""
    machine = trouble = None
    signal.signal(signal.SIGTERM, terminated)
    if not only_looks():
        try:
            machine = start(os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build"))))
        except (Skip, Failure) as e:
            trouble = e
    use(machine, trouble)
    try:
        return suite.main()
    finally:
        if machine:
            machine.end()
