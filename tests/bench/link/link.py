#!/usr/bin/env python3
"""link - kcptund beside Debian's kcptun over links that lose and delay: goodput, round trips, connections.

    tests/bench/link/link.py [--link LINK]... [--tunnel NAME]... [--load NAME]... [--seconds N] [--repeat N]
    tests/bench/link/link.py --link wan-5 --link wan,rate=20,loss=3,run=10 --load bulk
    tests/bench/link/link.py --link fat --ini 'sndwnd = 4096; client.rcvwnd = 4096' --kcptun 'mode = fast2; nocomp'
    tests/bench/link/link.py --list

The two ends run on this machine, without root, and what they send to each other goes through linkrelay, which
is the link: the delay is each way, and loss meets both. Every run has a tunnel and a link of its own; the
tunnels take turns, and the first of one round is the last of the next, so that a noisy machine is noisy
for all. The n-th run of each tunnel has the same seed. KCPTUND and LINKRELAY name the programs to use,
those of build/ if they are not set.

What is measured:

  bulk    one download, startup included: Mbit/s, the same in % of what the link can carry in datagrams of
          kcptun's size, and bytes on the wire, both ways, per byte downloaded
  thin    messages of 64 bytes, 50 a second, over one connection, and their echoes: the round trip
  conns   connections, 20 a second, with a request and an answer of 1 KB: from connect() to the last byte

All of it takes about 40 minutes.
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

import ends  # noqa: E402
import loads  # noqa: E402
import relay  # noqa: E402
from cases import Case, Failure  # noqa: E402
from ends import GO, OURS  # noqa: E402

LINKS = ["wan", "wan-1", "wan-5", "wan-10", "wan-20", "narrow", "fat", "satellite"]
TUNNELS = {  # with what is set besides key and addresses
    "kcptund": (OURS, {}),
    "kcptun": (GO, {}),
    "kcptun-fast3-1024": (GO, {"mode": "fast3", "sndwnd": 1024, "rcvwnd": 1024}),
}
FIGURES = {  # title of a column, and how many decimals
    "mbit": ("Mbit/s", 1),
    "used": ("% of the limit", 1),
    "wire": ("wire bytes per byte", 2),
    "thin50": ("echo p50, ms", 0),
    "thin99": ("echo p99, ms", 0),
    "conn50": ("connection p50, ms", 0),
    "conn99": ("connection p99, ms", 0),
}
# Of 1378 bytes on the wire, IPv4, UDP, cipher (20) and KCP (24) take 72; of a frame of smux 8 in 8200.
PAYLOAD_SHARE = (1350 - 20 - 24) / (1350 + 28) * 8192 / (8192 + 8)
LATE_US = 1000  # of the relay, from which a run is not to be trusted


# ---- one run --------------------------------------------------------------------------------


class Course:
    """Target, server, link and client: .address is the near end of the tunnel."""

    def __init__(self, case, tunnel, link, seed):
        kind, settings = tunnel
        target, far, local = case.port(), case.port(), case.port()
        process = case.start([sys.executable, loads.__file__, target], "target")
        ends.wait_ready(process, tcp=[target])
        ends.start_server(case, kind, of_end(settings, "server"), f"127.0.0.1:{far}", f"127.0.0.1:{target}")
        self.relay = relay.Relay(case, link, far, seed)
        ends.start_client(case, kind, of_end(settings, "client"), f"127.0.0.1:{local}",
                          f"127.0.0.1:{self.relay.port}")
        self.address = ("127.0.0.1", local)


def of_end(settings, end):
    """Those of both ends, and those with its name before them."""
    own = {}
    for key, value in settings.items():
        of, _, name = key.rpartition(".")
        if of in ("", end):
            own[name] = value
    return own


def run_bulk(course, seconds):
    done, counts = loads.bulk(course.address, seconds, course.relay.counts)
    if not done:
        raise Failure(f"not a byte came in {seconds} s")
    up, down = counts["up"], counts["down"]
    mbit = done * 8e-6 / seconds
    limit = down["rate_mbit"] * PAYLOAD_SHARE * (1 - down["loss"])
    # What is still on its way has nothing to show for itself yet.
    wire = up["offered"]["bytes"] + down["offered"]["bytes"] - down["under_way"]["bytes"]
    figures = {"mbit": mbit, "wire": wire / done}
    if limit > 0:
        figures["used"] = 100 * mbit / limit
    return figures


def run_thin(course, seconds):
    times = loads.thin(course.address, seconds)
    return {"thin50": percentile_ms(times, 50), "thin99": percentile_ms(times, 99)}


def run_conns(course, seconds):
    times = loads.exchanges(course.address, seconds)
    return {"conn50": percentile_ms(times, 50), "conn99": percentile_ms(times, 99)}


def percentile_ms(seconds, percent):
    """The nearest rank."""
    rank = -(-len(seconds) * percent // 100)
    return 1000 * sorted(seconds)[rank - 1]


LOADS = {
    "bulk": (run_bulk, ["mbit", "used", "wire"]),
    "thin": (run_thin, ["thin50", "thin99"]),
    "conns": (run_conns, ["conn50", "conn99"]),
}


def faults(counts):
    """What says that the relay was no link, but an obstacle."""
    for name in ("up", "down"):
        way = counts[name]
        for what in ("refused", "unsent"):
            if way[what]["packets"]:
                yield f"{name}: {way[what]['packets']} datagrams {what}"
        if way["overrun"]:
            yield f"{name}: {way['overrun']} datagrams came faster than they were taken in"
        if way["late_us"] > LATE_US:
            yield f"{name}: {way['late_us']} us late on average"


def run(tunnel, link, load, seed, seconds):
    """The figures, and the counts of the relay at the end."""
    with contextlib.closing(Case("link")) as case:
        try:
            course = Course(case, tunnel, link, seed)
            figures = LOADS[load][0](course, seconds)
            return figures, course.relay.counts()
        except Exception:
            print(case.logs(), file=sys.stderr)
            raise


# ---- many runs ------------------------------------------------------------------------------


class Table:
    def __init__(self, markdown, columns):
        self.markdown = markdown
        self.columns = columns
        self.widths = [44, 24] + [len(FIGURES[c][0]) for c in columns]

    def head(self):
        self.row(["link", "tunnel"] + [FIGURES[c][0] for c in self.columns])
        if self.markdown:
            self.row(["---"] * (2 + len(self.columns)))

    def row(self, cells):
        if self.markdown:
            print("| " + " | ".join(cells) + " |", flush=True)
            return
        words = [c.ljust(w) for c, w in zip(cells[:2], self.widths)]
        words += [c.rjust(w) for c, w in zip(cells[2:], self.widths[2:])]
        print("  ".join(words), flush=True)

    def result(self, link, tunnel, runs):
        """The medians of [{figure: value}, ...]; of a run that failed they are None."""
        self.row([link, tunnel, *(figure_text(name, [r[name] for r in runs if name in r])
                                  for name in self.columns)])


def figure_text(name, values):
    if None in values:
        return "failed"
    if not values:
        return ""
    value = statistics.median(values)
    if name.startswith(("thin", "conn")) and value >= 1000 * loads.GRACE:
        return f"> {1000 * loads.GRACE}"
    return f"{value:.{FIGURES[name][1]}f}"


def link_text(link):
    """Its name, and what a relay says of it; a link that there is not ends the program."""
    with contextlib.closing(Case("link")) as case:
        try:
            counts = relay.Relay(case, link, case.port()).counts()
        except Failure:
            sys.exit(case.processes[0].log().strip() if case.processes else "there is no linkrelay")
    down = counts["down"]
    rate = f"{down['rate_mbit']:g} Mbit/s" if down["rate_mbit"] else "no limit"
    return f"{link}: {rate}, {counts['up']['delay_ms'] + down['delay_ms']:g} ms, {100 * down['loss']:.2g} % lost"


class Measurement:
    def __init__(self, args, tunnels):
        self.args, self.tunnels = args, tunnels
        self.table = Table(args.markdown, [figure for load in args.load for figure in LOADS[load][1]])
        self.failed = False

    def all(self):
        texts = [link_text(link) for link in self.args.link]
        self.table.head()
        for link, text in zip(self.args.link, texts):
            self._link(link, text)
        return 1 if self.failed else 0

    def _link(self, link, text):
        results = {name: [] for name in self.tunnels}
        for n in range(self.args.repeat):
            order = list(self.tunnels) if n % 2 == 0 else list(reversed(self.tunnels))
            for load in self.args.load:
                for name in order:
                    results[name].append(self._run(name, link, load, self.args.seed + n))
        for name in self.tunnels:
            self.table.result(text, name, results[name])

    def _run(self, name, link, load, seed):
        what = f"{link}, {name}, {load}, seed {seed}"
        try:
            figures, counts = run(self.tunnels[name], link, load, seed, self.args.seconds)
        except Failure as e:
            print(f"link: failed: {what}: {e}", file=sys.stderr, flush=True)
            self.failed = True
            return dict.fromkeys(LOADS[load][1])
        for fault in faults(counts):
            print(f"link: not to be trusted: {what}: {fault}", file=sys.stderr, flush=True)
        if self.args.verbose:
            print(f"{what}: {figures}", file=sys.stderr, flush=True)
        return figures


# ---- arguments --------------------------------------------------------------------------------


def settings_of(text):
    """'KEY = VALUE; KEY' with ends.FLAGS of kcptun, which have no value."""
    settings = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        key, equals, value = (word.strip() for word in item.partition("="))
        if not key or (not value if equals else key.rpartition(".")[2] not in ends.FLAGS):
            raise argparse.ArgumentTypeError(f"'{item}' is not KEY = VALUE")
        settings[key] = value if equals else True
    return settings


def positive(text):
    if not text.isdigit() or not 1 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to 3600")
    return int(text)


def parse():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--link", action="append", metavar="NAME[,KEY=VALUE...]", help="as linkrelay --help tells")
    p.add_argument("--tunnel", action="append", choices=TUNNELS, help="instead of all")
    p.add_argument("--ini", action="append", type=settings_of, default=[], metavar="'KEY = VALUE; ...'",
                   help="one more kcptund, with such lines in its INI files; client. or server. before a key is "
                        "for one end")
    p.add_argument("--kcptun", action="append", type=settings_of, default=[], metavar="'KEY = VALUE; ...'",
                   help="one more kcptun, with such flags")
    p.add_argument("--load", action="append", choices=LOADS, help="instead of all")
    p.add_argument("--seconds", type=positive, default=10, help="of each run (10)")
    p.add_argument("--repeat", type=positive, default=3, help="runs, of which the medians are shown (3)")
    p.add_argument("--seed", type=int, default=1, help="of the first run; the next ones have the next (1)")
    p.add_argument("--markdown", action="store_true", help="the table as the README has them")
    p.add_argument("--list", action="store_true", help="the links that have a name, and the tunnels")
    p.add_argument("-v", "--verbose", action="store_true", help="a line for each run")
    args = p.parse_args()
    args.link = args.link or LINKS
    args.load = [name for name in LOADS if name in (args.load or LOADS)]
    return args


def chosen_tunnels(args):
    tunnels = {name: TUNNELS[name] for name in args.tunnel or TUNNELS}
    for kind, program, added in ((OURS, "kcptund", args.ini), (GO, "kcptun", args.kcptun)):
        for settings in added:
            words = (key if value is True else f"{key}={value}" for key, value in settings.items())
            tunnels[f"{program} {' '.join(words)}"] = (kind, settings)
    return tunnels


def show_list():
    print("links:", flush=True)
    subprocess.run([relay.program(), "--list"], check=True)
    print("tunnels:")
    for name, (_, settings) in TUNNELS.items():
        print(f"  {name:20}{' '.join(f'{k}={v}' for k, v in settings.items()) or 'its defaults'}")
    return 0


def main():
    args = parse()
    if args.list:
        return show_list()
    tunnels = chosen_tunnels(args)
    if any(kind == GO for kind, _ in tunnels.values()) and not (
            shutil.which("kcptun-client") and shutil.which("kcptun-server")):
        print("kcptun is not installed: nothing to compare with")
        return 77
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    return Measurement(args, tunnels).all()


if __name__ == "__main__":
    sys.exit(main())
