"""Every test in turn: builds, unit tests, simulator, sanitizers, fuzzers, interop, end to end."""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import fuzzers

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPUS = os.cpu_count() or 1
FUZZ_SECONDS = 6
TAIL = 60  # lines of a failed program's output

CROSS_CPUS = 4  # with fewer it is left to who asks for it
CROSS = ["s390x", "armhf"]  # big-endian; 32 bits, and without all that can be left out
SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
BUILDS = {  # directory: (compiler, options)
    "build": ("gcc", []),
    "build-asan": ("gcc", SANITIZE),
    "build-plain": ("gcc", ["-Dudp_batch=plain"]),
    "build-static": ("gcc", ["-Dsmall=true", "-Dprefer_static=true", "-Dc_link_args=-static"]),
    fuzzers.BUILD: ("clang", ["-Dfuzz=true", *SANITIZE]),
}
SANITIZER_ENV = fuzzers.ENV


class Totals:
    """One line per test, and how many of each verdict there were."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.faults = []

    def ok(self, name):
        self.passed += 1
        print(f"ok {name}", flush=True)

    def fail(self, name, reason, output=""):
        self.failed += 1
        self.faults.append(f"{name}: {reason}")
        print(f"not ok {name}: {reason}", flush=True)
        for line in output.splitlines()[-TAIL:]:
            print("    " + line, flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"skip {name}: {reason}", flush=True)


totals = Totals()


def title(text):
    print(f"\n== {text}", flush=True)


def run(argv, env=None, seconds=None):
    """(exit code, output); the code is None when it took too long."""
    try:
        p = subprocess.run(argv, cwd=TOP, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, text=True,
                           errors="replace")
        return p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        out = e.stdout or b""
        return None, out.decode(errors="replace") if isinstance(out, bytes) else out


# ---- building ---------------------------------------------------------------------------

_built = {}


def build(directory, targets=()):
    """Set up and compile once a run, all or those targets; true when it can be used."""
    if directory not in _built:
        _built[directory] = _build(directory, targets)
    return _built[directory]


def _build(directory, targets):
    compiler, options = BUILDS[directory]
    setup = ["meson", "setup", directory, "-Dwerror=true", "-Dprefix=/usr", *options]
    if os.path.exists(os.path.join(TOP, directory, "build.ninja")):
        setup.insert(2, "--reconfigure")
    else:
        shutil.rmtree(os.path.join(TOP, directory), ignore_errors=True)
    code, out = run(setup, env={"CC": compiler})
    if code == 0:
        code, out = run(["ninja", "-C", directory, *targets])
    name = f"{directory} compiles with {compiler} {' '.join(['-Werror', *options])}"
    if code != 0:
        totals.fail(name, f"exit code {code}", out)
        return False
    totals.ok(name)
    return True


# ---- what programs print ----------------------------------------------------------------


CMOCKA = re.compile(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (?!\d+ test)(\S+)", re.M)
PLAIN = re.compile(r"^(ok|not ok|skip) (\S.*)$", re.M)
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed", re.M)
BAD = ("FAILED", "not ok")
GOOD = ("OK", "ok")


def count_output(prefix, code, out):
    """Count the tests that a program says it ran; the program itself where it says nothing."""
    found = CMOCKA.findall(out) or PLAIN.findall(out)
    verdicts = {}  # cmocka names the failed ones twice
    for verdict, name in found:
        if verdicts.get(name) not in BAD:
            verdicts[name] = verdict
    bad = [name for name, verdict in verdicts.items() if verdict in BAD]
    totals.passed += sum(verdict in GOOD for verdict in verdicts.values())
    totals.skipped += sum(verdict not in GOOD + BAD for verdict in verdicts.values())
    for name in bad:
        totals.failed += 1
        totals.faults.append(f"{prefix}: {name}")
        print(f"not ok {prefix}: {name}", flush=True)
    summary = SUMMARY.findall(out)
    if not verdicts and summary:
        count_summary(prefix, *summary[-1])
    elif not verdicts and code == 0:
        totals.passed += 1
    told = bad or (summary and int(summary[-1][1]) > 0)
    if code != 0 and not told:
        totals.fail(prefix, f"exit code {code}", out)
    elif bad or code != 0:
        print("\n".join("    " + line for line in out.splitlines()[-TAIL:]), flush=True)
    else:
        print(f"ok {prefix}" + (f" ({len(verdicts)} tests)" if verdicts else ""), flush=True)


def count_summary(prefix, passed, failed):
    totals.passed += int(passed)
    totals.failed += int(failed)
    if int(failed):
        totals.faults.append(f"{prefix}: {failed} failed")
        print(f"not ok {prefix}: {failed} failed", flush=True)


def meson_tests(directory, suite, env=None, names=()):
    """Run a meson suite, or those of it, and count what is inside its programs."""
    # A log of an earlier run must not be taken for this one's.
    log = os.path.join(TOP, directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    argv = ["meson", "test", "-C", directory, "--no-rebuild", "--suite", suite, *names]
    if env:
        argv += ["--timeout-multiplier", "3"]
    code, out = run(argv, env=env)
    if not os.path.exists(log):
        totals.fail(f"{directory} {suite}", f"meson test ended with {code}", out)
        return
    with open(log) as f:
        for line in f:
            t = json.loads(line)
            code = t["returncode"] if t["result"] != "TIMEOUT" else "none: out of time"
            name = t["name"].split(":")[-1].split("/")[-1].strip()
            count_output(f"{directory} {suite} {name}", code,
                         (t.get("stdout") or "") + "\n" + (t.get("stderr") or ""))


def count_lines(lines):
    """Show the verdicts among them, with what is said to them, and count them; returns how many there were."""
    counted = 0
    for line in lines:
        match = PLAIN.match(line.rstrip())
        if not (match or line.startswith(("    ", "Traceback", "  File"))):
            continue
        print(line, end="", flush=True)
        if match:
            counted += 1
            verdict, name = match.groups()
            totals.passed += verdict == "ok"
            totals.skipped += verdict == "skip"
            totals.failed += verdict == "not ok"
            if verdict == "not ok":
                totals.faults.append(name)
    return counted


def case_program(path, *arguments, env=None):
    """Run interop or e2e, whose lines are shown as they come."""
    p = subprocess.Popen([sys.executable, "-u", path, *arguments], cwd=TOP, env={**os.environ, **(env or {})},
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors="replace")
    counted = 0
    try:
        counted = count_lines(p.stdout)
        code = p.wait()
    except KeyboardInterrupt:
        p.wait()
        raise
    if code not in (0, 1) or not counted:
        totals.fail(path, f"exit code {code} after {counted} cases")


# ---- suites -----------------------------------------------------------------------------


def unit():
    if build("build"):
        meson_tests("build", "unit")


def sim():
    if build("build"):
        meson_tests("build", "sim")


def asan():
    if build("build-asan"):
        meson_tests("build-asan", "unit", SANITIZER_ENV)
        meson_tests("build-asan", "sim", SANITIZER_ENV)
        case_program("tests/e2e/run.py", "--tag", "short",
                     env={**SANITIZER_ENV, "KCPTUND": os.path.join(TOP, "build-asan", "kcptund")})


def plain():
    """Without batches of datagrams: that is the sockets' own code, and whoever uses them end to end."""
    tests = sorted(name[len("test_"):-len(".c")] for name in os.listdir(os.path.join(TOP, "tests/unit/net"))
                   if name.startswith("test_"))
    if build("build-plain", ["kcptund", "kcptunctl", *(f"tests/test_{name}" for name in tests)]):
        meson_tests("build-plain", "unit", names=tests)
        case_program("tests/e2e/run.py", "--tag", "short",
                     env={"KCPTUND": os.path.join(TOP, "build-plain", "kcptund")})


def small():
    """The smallest that there is, as for a router: all of it in one file, and that runs."""
    if not build("build-static"):
        return
    kcptund = os.path.join(TOP, "build-static", "kcptund")
    for arguments in (["--version"], ["-t", "-c", "conf/demo.ini"]):
        code, out = run([kcptund, *arguments], seconds=20)
        name = " ".join(["small and static: kcptund", *arguments])
        if code == 0:
            totals.ok(name)
        else:
            totals.fail(name, f"exit code {code}", out)


def fuzz():
    """Each fuzzer over its corpus and onwards from there for a few seconds; it has to see what it does."""
    if not build(fuzzers.BUILD):
        return
    floors, targets = fuzzers.floors(), fuzzers.built()
    if set(targets) != set(floors):
        totals.fail("fuzz", f"built are {targets}, and in tests/fuzz/floors {sorted(floors)}")
    for i in range(0, len(targets), CPUS):
        running = [start_fuzzer(t) for t in targets[i:i + CPUS]]
        for fuzzer in running:
            finish_fuzzer(*fuzzer, floors)


def start_fuzzer(target):
    work = tempfile.mkdtemp(prefix="kcptund-fuzz-")
    new = os.path.join(work, "new")
    os.mkdir(new)
    out = open(os.path.join(work, "log"), "w+")
    p = subprocess.Popen(fuzzers.command(target, FUZZ_SECONDS, work, new, fuzzers.corpus(target)), cwd=TOP,
                         env={**os.environ, **SANITIZER_ENV}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    return target, work, out, p


def finish_fuzzer(target, work, out, p, floors):
    name = f"fuzz_{target}"
    try:
        code = p.wait(FUZZ_SECONDS + 120)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
        code = "none: out of time"
    out.seek(0)
    text = out.read()
    out.close()
    reached, floor = fuzzers.coverage(text), floors.get(target, 1)
    for path in fuzzers.finds(work):
        with open(path, "rb") as f:
            text += f"\n{os.path.basename(path)}: {f.read().hex()}"
    if code != 0 or fuzzers.finds(work):
        totals.fail(name, f"exit code {code}", text)
    else:
        totals.ok(f"{name} finds nothing in {FUZZ_SECONDS} s")
    if reached < floor:
        totals.fail(f"{name} sees what it does", f"it reached {reached} branches of at least {floor}", text)
    else:
        totals.ok(f"{name} sees what it does: {reached} branches of at least {floor}")
    shutil.rmtree(work, ignore_errors=True)


def interop():
    if build("build"):
        case_program("tests/interop/run.py", env={"KCPTUND": os.path.join(TOP, "build", "kcptund")})


def e2e():
    if build("build"):
        case_program("tests/e2e/run.py", env={"KCPTUND": os.path.join(TOP, "build", "kcptund")})


def systemd():
    if build("build"):
        case_program("tests/systemd/run.py", env={"BUILD": os.path.join(TOP, "build")})
        case_program("tests/systemd/packages.py", env={"BUILD": os.path.join(TOP, "build")})


def cross():
    """Machines of other word sizes and byte orders, under qemu-user."""
    case_program("tests/cross", "--quick", *CROSS)


def usual():
    """Those of a run that names none."""
    names = list(SUITES)
    if CPUS < CROSS_CPUS:
        names.remove("cross")
        totals.skip("cross", f"takes minutes on {CPUS} processors: tests/run cross")
    return names


SUITES = {f.__name__: f for f in (unit, sim, asan, plain, small, cross, interop, e2e, systemd, fuzz)}
# A booted machine mostly waits; meanwhile the fuzzers have what is left of the processors.
BESIDE = {"systemd": "fuzz"}


def start_beside(suite):
    out = tempfile.TemporaryFile("w+")
    p = subprocess.Popen(["nice", "-n", "19", sys.executable, "-u", os.path.abspath(__file__), suite], cwd=TOP,
                         stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    return suite, p, out


def finish_beside(suite, p, out):
    title(f"{suite}, which ran beside it")
    try:
        code = p.wait()
    except KeyboardInterrupt:
        p.wait()
        raise
    out.seek(0)
    if not count_lines(line for line in out if not line.startswith("failed: ")):
        totals.fail(suite, f"exit code {code} and no verdict")
    out.close()


def in_turn(names, start):
    """Each suite, but for those that run beside another of them."""
    later = {BESIDE[name] for name in names if name in BESIDE and BESIDE[name] in names}
    for name in names:
        if name in later:
            continue
        title(f"{name} ({time.monotonic() - start:.0f} s so far)")
        beside = start_beside(BESIDE[name]) if BESIDE.get(name) in later else None
        SUITES[name]()
        if beside:
            finish_beside(*beside)


def main():
    p = argparse.ArgumentParser(
        prog="tests/run", description="Install what is missing, build, test, print the totals.",
        epilog="The last line is: N passed, N failed[, N skipped]. The exit code is 1 when something failed.")
    p.add_argument("suites", nargs="*", metavar="SUITE",
                   help=f"of {' '.join(SUITES)}; all in this order when none is named, cross where there are four processors")
    args = p.parse_args()
    unknown = [s for s in args.suites if s not in SUITES]
    if unknown:
        p.error(f"no such suite: {' '.join(unknown)}; there are {' '.join(SUITES)}")
    start = time.monotonic()
    in_turn(args.suites or usual(), start)
    title(f"totals, after {time.monotonic() - start:.0f} s, of: "
          f"{' '.join(shlex.quote(s) for s in sys.argv[1:]) or 'all'}")
    for fault in totals.faults:
        print(f"failed: {fault}")
    skipped = f", {totals.skipped} skipped" if totals.skipped else ""
    print(f"{totals.passed} passed, {totals.failed} failed{skipped}", flush=True)
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
