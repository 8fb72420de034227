#!/usr/bin/env python3
"""packages - the packages of debian/, built in a clean Debian, installed in a booted one.

    tests/systemd/packages.py [PATTERN...]     all cases, or those whose names match

BUILD names a build directory, build if it is not set, of which `meson dist` makes the tarball: what is not committed is
not in it.  The trees are kept there from run to run, and so are the packages while the tarball is the same.
"""

import os
import signal
import sys

from machine import Failure, Machine, Skip
from package_cases import suite, use
from packaging import Packages
from run import TOP, only_looks, terminated


def main():
    machine = packages = trouble = None
    signal.signal(signal.SIGTERM, terminated)
    if not only_looks():
        build = os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build")))
        try:
            packages = Packages(build)
            machine = Machine(build, install=packages.lay_down)
        except (Skip, Failure) as e:
            trouble = e
    use(machine, packages, trouble)
    try:
        return suite.main()
    finally:
        if machine:
            machine.end()


if __name__ == "__main__":
    sys.exit(main())
