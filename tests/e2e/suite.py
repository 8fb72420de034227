"""The suite that the modules of end-to-end cases add to."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from cases import Suite  # noqa: E402

suite = Suite("e2e - the daemon with real clients, by its documented behaviour",
              jobs=10)  # most of the time a case waits
