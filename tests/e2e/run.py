#!/usr/bin/env python3
"""e2e - kcptund as a user runs it: real programs through it, its life, its limits, its words.

    tests/e2e/run.py [PATTERN...]     all cases, or those whose names match
    tests/e2e/run.py --tag short      the ones that also run with the plain UDP build

KCPTUND names the program to test, build/kcptund if it is not set.
"""

import sys

from suite import suite
import abuse_cases  # noqa: F401
import accesslog_cases  # noqa: F401
import address_cases  # noqa: F401
import compat_cases  # noqa: F401
import config_cases  # noqa: F401
import control_cases  # noqa: F401
import daemon_reload_cases  # noqa: F401
import failed_cases  # noqa: F401
import failover_cases  # noqa: F401
import fault_cases  # noqa: F401
import flood_cases  # noqa: F401
import guess_cases  # noqa: F401
import half_close_cases  # noqa: F401
import health_cases  # noqa: F401
import include_cases  # noqa: F401
import kcptunctl_cases  # noqa: F401
import life_cases  # noqa: F401
import limit_cases  # noqa: F401
import metrics_cases  # noqa: F401
import mtu_cases  # noqa: F401
import network_cases  # noqa: F401
import peer_cases  # noqa: F401
import privilege_cases  # noqa: F401
import proxy_cases  # noqa: F401
import reload_cases  # noqa: F401
import replay_cases  # noqa: F401
import setting_cases  # noqa: F401
import silence_cases  # noqa: F401
import snmplog_cases  # noqa: F401
import spread_cases  # noqa: F401
import standstill_cases  # noqa: F401
import steer_cases  # noqa: F401
import target_cases  # noqa: F401
import top_cases  # noqa: F401
import transfer_cases  # noqa: F401
import way_cases  # noqa: F401
import word_cases  # noqa: F401

if __name__ == "__main__":
    sys.exit(suite.main())
