#!/usr/bin/env python3
"""flood - a transfer beside floods of all kinds: its goodput, sessions, memory and CPU time of the server.

    tests/bench/flood/flood.py [--kind NAME...] [--rate N] [--seconds N] [--rounds N] [--mbit N] [--markdown]

A client and a server of kcptund on a pair of veth devices between two network namespaces, made and removed here, with
`ratelimit` for an access of so many Mbit/s; a stranger with another address at the client's end sends datagrams to the
server's port. The transfer is measured alone and beside each flood in turn, so that a noisy machine is noisy for both.
It exits with 1 when a median share of the goodput is below LEAST.
Needs root. KCPTUND names the program to measure, FLOOD that which floods; those of build/ if they are not set.
"""

import argparse
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

from cases import Case, Skip, raise_descriptor_limit  # noqa: E402
from flooded import KINDS, Flooded, Transfer  # noqa: E402

LEAST = 0.8  # of the goodput without a flood
SETTLE = 1.0  # seconds from the beginning of a transfer, or of a flood, to the measurement


def one(flooded, kind, direction, rate, seconds):
    """{figure: value} of a transfer alone, and beside a flood."""
    transfer = Transfer(flooded, direction)
    time.sleep(SETTLE)
    alone = transfer.rate(seconds)
    before = flooded.server.rss_kib()
    process = flooded.flood(kind, rate, int(seconds + 2 * SETTLE), f"flood-{kind}-{time.monotonic()}")
    time.sleep(SETTLE)
    cpu, start = flooded.server.cpu_seconds(), time.monotonic()
    beside = transfer.rate(seconds)
    cpu = (flooded.server.cpu_seconds() - cpu) / (time.monotonic() - start)
    sessions = flooded.sessions()
    memory = flooded.server.rss_kib() - before
    told = flooded.flooded(process, 30)
    transfer.close()
    return {"alone": alone, "beside": beside, "cpu": cpu, "sessions": sessions, "memory": memory,
            "sent": told["sent"] / (seconds + 2 * SETTLE)}


def row(case, kind, args):
    """Its cells, and the lesser share. A fresh pair for each kind: what one leaves behind is no matter of the next."""
    flooded = Flooded(case, args.mbit * 125_000)
    if kind == "replayed":
        flooded.record_earlier()
    figures = {d: [one(flooded, kind, d, args.rate, args.seconds) for _ in range(args.rounds)] for d in "ud"}
    both = figures["u"] + figures["d"]

    def median(key, rows=both):
        return statistics.median(r[key] for r in rows)

    shares = [statistics.median(r["beside"] / max(r["alone"], 1) for r in figures[d]) for d in "ud"]
    cells = [kind, f"{median('sent') / 1000:.0f},000", f"{median('alone') * 8 / 1e6:.0f}",
             *(f"{share * 100:.0f} %" for share in shares),
             f"{max(r['sessions'] for r in both)}", f"{max(r['memory'] for r in both) / 1024:+.1f} MiB",
             f"{median('cpu') * 100:.0f} %"]
    for p in (flooded.client, flooded.server):
        p.term()
    return cells, min(shares)


def measure(args):
    raise_descriptor_limit()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    head = ["flood", "datagrams/s", "alone Mbit/s", "upload beside", "download beside", "sessions", "memory", "CPU"]
    line = "| " + " | ".join(["{}"] * len(head)) + " |" if args.markdown else "{:<10} {:>12} {:>13} {:>14} {:>16} {:>9} {:>11} {:>6}"
    print(line.format(*head), flush=True)
    if args.markdown:
        print("|" + "---|" * len(head), flush=True)
    disturbed = []
    for kind in args.kind or KINDS:
        case = Case("flood")
        try:
            cells, share = row(case, kind, args)
        finally:
            case.close()
        print(line.format(*cells), flush=True)
        if share < LEAST:
            disturbed.append(kind)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} of {os.cpu_count()}", file=sys.stderr)
    if disturbed:
        print(f"below {LEAST * 100:.0f} % of the goodput: {', '.join(disturbed)}", file=sys.stderr)
    return 1 if disturbed else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kind", action="append", choices=KINDS, help="of flood; all, if not given")
    p.add_argument("--rate", type=int, default=100_000, help="datagrams a second")
    p.add_argument("--seconds", type=float, default=4, help="of each measurement")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--mbit", type=int, default=100, help="the transfer's limit, Mbit/s")
    p.add_argument("--markdown", action="store_true", help="as a table for the README")
    try:
        return measure(p.parse_args())
    except Skip as e:
        print(e)
        return 77


if __name__ == "__main__":
    sys.exit(main())
