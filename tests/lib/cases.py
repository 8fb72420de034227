"""Test cases: each runs in a process of its own, several at a time, and ends as one line."""

import argparse
import contextlib
import fnmatch
import multiprocessing
import multiprocessing.connection
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback

import ports
from proc import Process

HARD_LIMIT_GRACE = 20  # seconds that a case gets to clean up after its time is over


class Failure(Exception):
    """The program under test did something wrong; the text says what."""


class Skip(Exception):
    """This machine cannot run the case; the text says why."""


class OutOfTime(Failure):
    pass


def check(condition, reason):
    if not condition:
        raise Failure(reason)


def wait_until(condition, seconds, what):
    """Poll until condition() is true, and return its value. What it waits for is a text, or makes one at the end."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(0.02)


class Case:
    """What a running case owns: a directory, processes, ports; all gone when it ends."""

    def __init__(self, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="kcptund-test-")
        self.stack = contextlib.ExitStack()
        self.processes = []
        self.note = ""

    def start(self, argv, name, **options):
        p = Process(argv, name, self.dir, **options)
        self.processes.append(p)
        self.stack.callback(p.end)
        return p

    def need(self, *programs):
        for program in programs:
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        path = self.path(name)
        with open(path, "wb" if isinstance(data, bytes) else "w") as f:
            os.fchmod(f.fileno(), 0o600)  # a key may be in it
            if os.geteuid() == 0:  # a case may have given its directory to another
                os.fchown(f.fileno(), os.stat(self.dir).st_uid, -1)
            f.write(data)
        return path

    def port(self, count=1):
        return ports.free(count)

    def logs(self):
        out = []
        for p in self.processes:
            lines = p.log().splitlines()
            out.append(f"--- {p.name}: {' '.join(p.argv)}")
            if os.path.exists(self.path(p.name + ".ini")):
                with open(self.path(p.name + ".ini")) as f:
                    out += ["    ini| " + line.rstrip() for line in f]
            out += ["    " + line for line in lines[:5]]
            if len(lines) > 30:
                out.append(f"    ... {len(lines) - 30} lines ...")
            out += ["    " + line for line in lines[5:][-25:]]
        return "\n".join(out)

    def close(self):
        self.stack.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Suite:
    """The cases of one program, with its command line."""

    def __init__(self, title, jobs=None):
        self.title = title
        self.jobs = jobs or os.cpu_count() or 1
        self.cases = []  # (name, function, seconds, tags)

    def add(self, name, function, seconds=60, tags=()):
        self.cases.append((name, function, seconds, frozenset(tags)))

    def case(self, name, seconds=60, tags=()):
        def register(function):
            self.add(name, function, seconds, tags)
            return function
        return register

    def main(self):
        p = argparse.ArgumentParser(description=self.title)
        p.add_argument("patterns", nargs="*", help="run only cases whose names match (shell patterns)")
        p.add_argument("-j", "--jobs", type=int, default=self.jobs)
        p.add_argument("-l", "--list", action="store_true", help="list the cases and end")
        p.add_argument("-r", "--repeat", type=int, default=1, metavar="N", help="run each case N times; all must pass")
        p.add_argument("-t", "--tag", help="run only cases with this tag")
        p.add_argument("-v", "--verbose", action="store_true", help="times, and logs of good cases too")
        args = p.parse_args()
        chosen = [c for c in self.cases if self._chosen(c, args)] * (1 if args.list else max(1, args.repeat))
        # The long ones first, so that no processor waits for a last one; those that run alone, last.
        chosen.sort(key=lambda c: ("alone" in c[3], -c[2]))
        if args.list:
            for name, _, _, tags in chosen:
                print(name, " ".join(sorted(tags)))
            return 0
        raise_descriptor_limit()
        return Runner(chosen, max(1, args.jobs), args.verbose).run()

    @staticmethod
    def _chosen(case, args):
        if args.tag and args.tag not in case[3]:
            return False
        return not args.patterns or any(fnmatch.fnmatch(case[0], "*" + p + "*") for p in args.patterns)


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Runner:
    def __init__(self, cases, jobs, verbose):
        self.waiting = list(reversed(cases))
        self.jobs, self.verbose = jobs, verbose
        self.running = []  # (process, pipe, case, hard end, start, alone)
        self.totals = {"ok": 0, "not ok": 0, "skip": 0}
        self.slot_of = {}

    def run(self):
        try:
            while self.waiting or self.running:
                self._fill()
                self._collect()
        except KeyboardInterrupt:
            for process, *_ in self.running:
                process.join(HARD_LIMIT_GRACE)
            return 130
        print(f"{self.totals['ok']} passed, {self.totals['not ok']} failed"
              f"{', %d skipped' % self.totals['skip'] if self.totals['skip'] else ''}", flush=True)
        return 1 if self.totals["not ok"] else 0

    def _fill(self):
        while self.waiting and len(self.running) < self.jobs:
            # A case that measures CPU or memory time of a quiet machine runs alone.
            alone = "alone" in self.waiting[-1][3]
            if self.running and (alone or self.running[0][5]):
                return
            chosen = self.waiting.pop()
            name, function, seconds, _ = chosen
            ours, theirs = multiprocessing.Pipe(duplex=False)
            slot = next(i for i in range(self.jobs + 1) if i not in self.slot_of.values())
            process = multiprocessing.get_context("fork").Process(
                target=run_one, args=(name, function, seconds, slot, theirs))
            process.start()
            theirs.close()
            self.slot_of[process.pid] = slot
            now = time.monotonic()
            self.running.append((process, ours, chosen, now + seconds + HARD_LIMIT_GRACE, now, alone))

    def _collect(self):
        pipes = [r[1] for r in self.running]
        ready = multiprocessing.connection.wait(pipes, timeout=1)
        still = []
        for r in self.running:
            process, pipe, chosen, hard_end, start, _ = r
            if pipe in ready:
                try:
                    status, detail, logs = pipe.recv()
                except EOFError:
                    status, detail, logs = "not ok", "the case's own process died", ""
            elif time.monotonic() > hard_end:
                process.kill()
                status, detail, logs = "not ok", "out of time, killed", ""
            else:
                still.append(r)
                continue
            process.join()
            pipe.close()
            del self.slot_of[process.pid]
            self._print(chosen[0], status, detail, logs, time.monotonic() - start)
        self.running = still

    def _print(self, name, status, detail, logs, seconds):
        self.totals[status] += 1
        took = f" ({seconds:.1f} s)" if self.verbose else ""
        print(f"{status} {name}{took}{': ' + detail if detail else ''}", flush=True)
        if logs and (status == "not ok" or self.verbose):
            print("\n".join("    " + line for line in logs.splitlines()), flush=True)


def run_one(name, function, seconds, slot, pipe):
    """In the child: run one case and send (status, detail, logs) to the parent."""
    ports.use_slot(slot)
    case = Case(name)

    def out_of_time(signum, frame):
        raise OutOfTime(f"out of time after {seconds} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(seconds)
    try:
        try:
            function(case)
            result = ("ok", case.note)
        finally:
            signal.alarm(0)
    except Skip as e:
        result = ("skip", str(e))
    except Failure as e:
        result = ("not ok", str(e))
    except KeyboardInterrupt:
        result = ("not ok", "interrupted")
    except Exception as e:  # a fault of the test itself, or of a helper: still one line
        result = ("not ok", f"{type(e).__name__}: {e}")
        case.write("trace", traceback.format_exc())
        print(traceback.format_exc(), file=sys.stderr)
    logs = case.logs()
    case.close()
    pipe.send((*result, logs))
    pipe.close()
