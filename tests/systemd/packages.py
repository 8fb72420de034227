#!/usr/bin/env python3
"""packages - the packages of debian/, built in a clean Debian, installed in a booted one.

    tests/systemd/packages.py [PATTERN...]     all cases, or those whose names match

BUILD names a build directory, build if it is not set, of which `meson dist` makes the tarball: what is not committed is
not in it.  The trees are kept there from run to run, and so are the packages while the tarball is the same.
"""

import sys

import booted
from machine import Machine
from package_cases import suite, use, use_packages
from packaging import Packages


def start(build):
    packages = Packages(build)
    use_packages(packages)
    return Machine(build, install=packages.lay_down)


if __name__ == "__main__":
    sys.exit(booted.run(suite, start, use))
