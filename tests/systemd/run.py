#!/usr/bin/env python3
"""systemd - the installed project under a real systemd, in a container of this machine's Debian.

    tests/systemd/run.py [PATTERN...]     all cases, or those whose names match
    RELEASE=NAME tests/systemd/run.py     under another release of Debian than the machine's own

BUILD names the build directory to install from, build if it is not set; the container's tree is
kept in it from run to run.
"""

import os
import sys

import booted
from machine import Machine
from unit_cases import suite, use

if __name__ == "__main__":
    sys.exit(booted.run(suite, lambda build: Machine(build, os.environ.get("RELEASE")), use))
