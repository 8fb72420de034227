"""The fuzzers: which there are, how they are run, and what each has to reach."""

import glob
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "tests", "fuzz")
BUILD = "build-fuzz"
# The schedule by entropy, libFuzzer's default, takes nine tenths of the time where tens of thousands of
# branches are counted; and inputs that are lists of actions are to get long soon.
OPTIONS = ["-entropic=0", "-len_control=20", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
COVERAGE = re.compile(r"\bcov: (\d+)")
FOUND = ("crash-", "timeout-", "oom-", "leak-", "slow-unit-")


def floors():
    """{target: branches that its short run reaches at least}, of tests/fuzz/floors."""
    table = {}
    with open(os.path.join(FOLDER, "floors")) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                table[words[0]] = int(words[1])
    return table


def built():
    """The targets that there are programs of."""
    paths = glob.glob(os.path.join(TOP, BUILD, "tests", "fuzz_*"))
    return sorted(os.path.basename(p).removeprefix("fuzz_") for p in paths
                  if os.path.isfile(p) and os.access(p, os.X_OK))


def program(target):
    return os.path.join(TOP, BUILD, "tests", "fuzz_" + target)


def corpus(target):
    return os.path.join(FOLDER, "corpus", target)


def command(target, seconds, found, *corpora):
    """Fuzz for so long; what is found goes into the folder `found`, new inputs into the first of the corpora."""
    return [program(target), f"-max_total_time={seconds}", *OPTIONS, f"-artifact_prefix={found}/", *corpora]


def coverage(output):
    """The branches that libFuzzer says it reached, 0 when it says nothing."""
    numbers = COVERAGE.findall(output)
    return int(numbers[-1]) if numbers else 0


def finds(found):
    return sorted(p for p in glob.glob(os.path.join(found, "*")) if os.path.basename(p).startswith(FOUND))
