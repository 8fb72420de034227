"""A strict reader of OpenMetrics text and of Prometheus' older format: what Prometheus would refuse, this refuses, with the
line."""

import re
import subprocess

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
META = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SUFFIXES = {"counter": ["_total"], "gauge": [""], "info": ["_info"]}
OLD_SUFFIXES = {"counter": [""], "gauge": [""]}


class Fault(Exception):
    pass


def _labels(text, line):
    labels = {}
    while text:
        m = LABEL.match(text)
        if not m or m.group(1) in labels:
            raise Fault(f"labels of: {line}")
        labels[m.group(1)] = re.sub(r"\\(.)", lambda e: "\n" if e.group(1) == "n" else e.group(1), m.group(2))
        text = text[m.end():]
    return labels


class _Reader:
    def __init__(self, suffixes):
        self.suffixes = suffixes
        self.families = {}
        self.points = {}  # (sample name, sorted labels): value
        self.family = None

    def meta(self, line):
        m = META.fullmatch(line)
        if not m:
            raise Fault(f"neither metadata nor a sample: {line}")
        what, name, text = m.groups()
        if self.family is None or self.family["name"] != name:
            if name in self.families:
                raise Fault(f"a second time: {line}")
            self.family = self.families[name] = {"name": name, "samples": 0}
        if what in self.family or self.family["samples"]:
            raise Fault(f"out of place: {line}")
        self.family[what] = text
        if what == "UNIT" and not name.endswith("_" + text):
            raise Fault(f"the name does not end in the unit: {line}")
        if what == "TYPE" and text not in self.suffixes:
            raise Fault(f"unknown type: {line}")

    def sample(self, line):
        m = SAMPLE.fullmatch(line)
        if not m:
            raise Fault(f"no sample: {line}")
        name, labels, value = m.groups()
        f = self.family
        if f is None or name not in [f["name"] + s for s in self.suffixes[f.get("TYPE", "gauge")]]:
            raise Fault(f"not of the family before it: {line}")
        value = float(value)
        if f["TYPE"] == "counter" and not value >= 0:
            raise Fault(f"a counter below zero: {line}")
        f["samples"] += 1
        key = (name, tuple(sorted(_labels(labels or "", line).items())))
        if key in self.points:
            raise Fault(f"twice: {line}")
        self.points[key] = value


# Debian's python3-prometheus-client, whichever Python this is.
THEIRS = """import sys
from prometheus_client.%s import text_string_to_metric_families as families
print(sum(len(f.samples) for f in families(sys.stdin.read())))"""


def _read(reader, lines):
    for line in lines:
        if line.startswith("#"):
            reader.meta(line)
        else:
            reader.sample(line)
    for f in reader.families.values():
        if "TYPE" not in f or "HELP" not in f:
            raise Fault(f"no TYPE or no HELP of {f['name']}")
    return reader.points


def _agree(points, parser, text):
    """The parser of Prometheus' own client library finds as many."""
    p = subprocess.run(["/usr/bin/python3", "-c", THEIRS % parser], input=text, capture_output=True, text=True,
                       timeout=60, check=False)
    if p.returncode != 0 or int(p.stdout) != len(points):
        raise Fault(f"{len(points)} points, of which {parser} says {p.stdout.strip()} {p.stderr.strip()[-300:]}")
    return points


def parse(text):
    """{(name, ((label, value), ...)): number}; raises Fault."""
    if not text.endswith("# EOF\n"):
        raise Fault("no # EOF at the end")
    return _agree(_read(_Reader(SUFFIXES), text.splitlines()[:-1]), "openmetrics.parser", text)


def parse_old(text):
    """The same of the older format, whose counters' families end in _total."""
    points = _read(_Reader(OLD_SUFFIXES), text.splitlines())
    if "# UNIT" in text or "# EOF" in text:
        raise Fault("of the other format")
    return _agree(points, "parser", text)


def value(points, name, **labels):
    """The one point of that name whose labels include those."""
    found = [v for (n, have), v in points.items() if n == name and labels.items() <= dict(have).items()]
    if len(found) != 1:
        raise Fault(f"{len(found)} points of {name} {labels}")
    return found[0]
