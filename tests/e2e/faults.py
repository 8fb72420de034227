#!/usr/bin/env python3
"""faults - calls of the daemon fail: memory, sockets, the poll, files; over its start and over a transfer.

    tests/e2e/faults.py [--start] [--transfer] [--words] [--lasting] [--call NAME] [--step N]

Every nth call of a kind that is made fails once, and then all of them for a while. At its start the daemon
either runs or says why not; in a transfer a stream is whole or reset. It never crashes, spins or keeps memory, and
when the fault is over all is as before. Without arguments everything; --step takes every Nth only, as the
suite does (fault_cases.py).
"""

import argparse
import errno
import os
import re
import signal
import socket
import struct
import sys
import time
import urllib.request

from suite import suite  # noqa: F401 - sets the path of the modules below
import control
import ends
import ports
import traffic
from cases import Case, Failure, Skip, check, raise_descriptor_limit, wait_until
from tunnels import LOCAL

FAULT = struct.Struct("=32sQQQQQQ")  # struct fault of tests/faults/preload.c
ALWAYS = 1 << 60
# Exit codes with which a daemon may refuse to start: its own two, and that for a loop without memory.
REFUSALS = (os.EX_UNAVAILABLE, os.EX_OSERR, 1)

# What fails, and how.
CALLS = {
    "malloc": ("ENOMEM",),  # but for libcrypto's
    "libcrypto": ("ENOMEM",),
    "socket": ("EMFILE", "ENOBUFS", "EACCES"),
    "bind": ("EADDRINUSE", "EACCES"),
    "listen": ("EADDRINUSE",),
    "connect": ("EPERM", "EAGAIN", "ENETUNREACH"),
    "accept": ("EMFILE", "ENOBUFS", "ECONNABORTED", "EINTR", "EPERM"),
    "getsockname": ("ENOBUFS",),
    "setsockopt": ("ENOPROTOOPT", "ENOMEM"),
    "getsockopt": ("ENOBUFS",),
    "recvmmsg": ("ENOMEM", "EINTR", "ECONNREFUSED", "EIO"),
    "recvmsg": ("ENOMEM", "EINTR"),
    "sendmmsg": ("ENOBUFS", "EPERM", "EINTR", "EAGAIN", "ENETUNREACH"),
    "sendmsg": ("ENOBUFS", "EINTR", "EAGAIN"),
    "recv": ("EINTR", "ENOMEM"),
    "send": ("EINTR", "ENOBUFS", "EAGAIN"),
    "readv": ("EINTR", "ENOMEM"),
    "writev": ("EINTR", "ENOBUFS", "EAGAIN"),
    "read": ("EINTR", "EIO"),
    "write": ("EINTR", "ENOSPC"),
    "epoll_create1": ("EMFILE",),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "eventfd": ("EMFILE",),
    "open": ("EMFILE", "ENFILE", "EACCES"),
    "getrandom": ("EINTR",),
}

# One derivation of a key is thousands of the same.
STRIDE = {"libcrypto": 997}
# Tried again at once, because they pass: as ones that last they mean nothing.
PASSING = ("EINTR", "EAGAIN")


def note(what):
    """That this is tried next."""


def library():
    path = os.path.join(os.path.dirname(ends.kcptund()), "tests", "fault.so")
    if not os.path.exists(path):
        raise Skip(f"there is no {path}")
    return path


class Fault:
    """What is to fail in a daemon that has the library."""

    def __init__(self, case, name="fault"):
        self.path = case.write(name, bytes(FAULT.size))

    def env(self):
        # AddressSanitizer wants to be the first library, and is not.  What the dynamic linker keeps for ever is no
        # leak to it, if it sees past our malloc() who called it: that takes the slow way of walking the stack.
        options = (os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0:allocator_may_return_null=1"
                   ":fast_unwind_on_malloc=0:malloc_context_size=8")
        return {**os.environ, "LD_PRELOAD": library(), "FAULT": self.path, "ASAN_OPTIONS": options.strip(":")}

    def arm(self, call, error, nth, count):
        live = self.figures()[2]
        with open(self.path, "r+b") as f:
            f.write(FAULT.pack(b"", 0, 0, 0, 0, 0, live))
            f.seek(32)
            f.write(FAULT.pack(b"", getattr(errno, error), nth, count, 0, 0, live)[32:])
            f.flush()
            f.seek(0)
            f.write(call.encode().ljust(32, b"\0"))

    def disarm(self):
        with open(self.path, "r+b") as f:
            f.write(bytes(32))

    def figures(self):
        """Calls since it was armed, those of them that failed, and the pieces of memory that are live."""
        with open(self.path, "rb") as f:
            return FAULT.unpack(f.read())[4:]


class Tunnel:
    """A client and a server in one daemon, with all that it can open."""

    count = 0  # of daemons, each with a log of its own

    def __init__(self, case, fault):
        self.case, self.fault = case, fault
        self.target = traffic.Target()
        self.local, self.far, self.metrics = (case.port() for _ in range(3))
        self.address = (LOCAL, self.local)

    def start(self):
        Tunnel.count += 1
        both = {"key": ends.KEY, "sessiontimeout": 4, "keepalive": 1}
        text = ends.ini(
            ends.section("server", "far", {**both, "listen": f"{LOCAL}:{self.far}",
                                           "target": f"{LOCAL}:{self.target.port}"}),
            ends.section("client", "near", {**both, "localaddr": f"{LOCAL}:{self.local}", "compression": "snappy",
                                            "remoteaddr": f"{LOCAL}:{self.far}", "conn": 2}),
            control=self.case.path("control"), metrics=f"{LOCAL}:{self.metrics}")
        name = f"kcptund{Tunnel.count}"
        self.daemon = self.case.start([ends.kcptund(), "-c", self.case.write("faults.ini", text)], name,
                                      env=self.fault.env())

    def ready(self):
        return " ready, " in self.daemon.log()

    def wait_ready_or_end(self, seconds=20):
        wait_until(lambda: self.ready() or not self.daemon.alive(), seconds, "the daemon runs or ends")
        return self.daemon.alive()

    def transfer(self, seconds=40):
        """What went wrong with each connection; '' is nothing."""
        try:
            traffic.run_plan(self.address, [(30_000, 20_000), (1, 60_000)], seconds)
            return ""
        except (EOFError, OSError) as e:
            return f"{type(e).__name__}: {e}"

    def works(self):
        try:
            traffic.run_plan(self.address, [(1000, 1000)], 5)
            return True
        except (TimeoutError, EOFError, OSError):
            return False

    def check_works_again(self, seconds=40):
        start = time.monotonic()
        wait_until(self.works, seconds, "new connections work when the fault is over")
        return time.monotonic() - start

    def check_alive(self, what):
        check(self.daemon.alive(), f"{what}: it died with code {self.daemon.wait(0)}")

    def stop(self, what):
        if self.daemon.term(0.1) is None:
            self.daemon.signal(signal.SIGTERM)  # a second one: at once
        code = self.daemon.wait(15)
        check(code == 0, f"{what}: exit code {code} after SIGTERM")
        live = self.fault.figures()[2]
        check(live == 0, f"{what}: {live} pieces of memory are live at the end")
        self.forget()

    def forget(self):
        self.case.processes.remove(self.daemon)  # its log is of no interest


def numbers(total, step):
    """1, 1 + step, ... and the last."""
    return sorted({*range(1, total + 1, step), total} - {0})


# ---- the start ------------------------------------------------------------------------------


def calls_of_start(tunnel, call):
    fault = tunnel.fault
    fault.arm(call, "ENOMEM", 0, 0)
    tunnel.start()
    check(tunnel.wait_ready_or_end(), "it does not even start without a fault")
    tunnel.check_works_again()
    asked = fault.figures()[0]
    tunnel.stop(f"{call}, no fault")
    return asked


def start_once(tunnel, call, error, nth, count):
    """Whether it ran."""
    what = f"start, {call} {nth} of {count if count < ALWAYS else 'all'} fails with {error}"
    note(what)
    tunnel.fault.arm(call, error, nth, count)
    tunnel.start()
    daemon = tunnel.daemon
    if not tunnel.wait_ready_or_end():
        code = daemon.wait(1)
        check(code in REFUSALS, f"{what}: it ended with code {code}")
        said = any(" info " not in line for line in daemon.log().splitlines())
        check(said, f"{what}: it ended with code {code} and no word of why")
        live = tunnel.fault.figures()[2]
        check(live == 0, f"{what}: {live} pieces of memory are live at the end")
        tunnel.forget()
        return False
    if count == 1:
        wait_until(lambda: tunnel.fault.figures()[1] > 0 or tunnel.works(), 10, f"{what}: it is met")
    else:
        before = daemon.cpu_seconds()
        time.sleep(1)
        used = daemon.cpu_seconds() - before
        check(used < 0.4, f"{what}: {used:.2f} s of CPU in 1 s")
    tunnel.check_alive(what)
    tunnel.fault.disarm()
    try:
        tunnel.check_works_again()
    except Failure as e:
        raise Failure(f"{what}: {e}") from None
    tunnel.stop(what)
    return True


def sweep_start(case, call, error, step=1, always=True):
    tunnel = Tunnel(case, Fault(case))
    total = calls_of_start(tunnel, call)
    ran = 0
    chosen = numbers(total, step)
    for nth in chosen:
        ran += start_once(tunnel, call, error, nth, 1)
    if always and error not in PASSING:
        start_once(tunnel, call, error, 1, ALWAYS)
    return f"{call} {error}: {total} calls at the start, {ran} of {len(chosen)} ran"


# ---- a transfer -----------------------------------------------------------------------------


def check_streams(tunnel, said, what):
    """Whole or reset: nothing altered, and no end that looks regular."""
    faults = tunnel.target.settle(60)
    for fault in [said, *faults]:
        check(not re.search(r"wrong byte|end of stream|began with|not through", fault), f"{what}: {fault}")


def transfer_once(tunnel, call, error, nth, count):
    """(whether all was whole, seconds until a new connection worked)"""
    what = f"transfer, {call} {nth} of {count if count < ALWAYS else 'all'} fails with {error}"
    note(what)
    tunnel.fault.arm(call, error, nth, count)
    said = tunnel.transfer()
    tunnel.check_alive(what)
    tunnel.fault.disarm()
    check_streams(tunnel, said, what)
    try:
        return not said, tunnel.check_works_again()
    except Failure as e:
        raise Failure(f"{what}: {e}") from None


def sweep_transfer(case, call, error, step=1):
    fault = Fault(case)
    tunnel = Tunnel(case, fault)
    tunnel.start()
    check(tunnel.wait_ready_or_end(), "it does not even start without a fault")
    tunnel.check_works_again()
    fault.arm(call, error, 0, 0)
    check(tunnel.transfer() == "", "a transfer without a fault fails")
    total = fault.figures()[0]
    chosen = numbers(total, step)
    whole, longest = 0, 0
    for nth in chosen:
        for count in (1, 30):
            good, seconds = transfer_once(tunnel, call, error, nth, count)
            whole += good
            longest = max(longest, seconds)
    tunnel.stop(f"{call} {error}")
    return (f"{call} {error}: {total} calls in a transfer, {whole} of {2 * len(chosen)} whole, "
            f"a new connection works after {longest:.1f} s at most")


# ---- what it tells ----------------------------------------------------------------------------


def ask_all(tunnel):
    """Whatever becomes of the answers."""
    for arguments in (["status"], ["stats"], ["sessions"], ["streams"], ["config"], ["reload"]):
        control.ctl(tunnel.case.path("control"), *arguments, "-j")
    try:
        urllib.request.urlopen(f"http://{LOCAL}:{tunnel.metrics}/metrics", timeout=5).read()
    except OSError:
        pass


def sweep_words(case, call, error, step=1):
    """Questions to the daemon, and a reload."""
    fault = Fault(case)
    tunnel = Tunnel(case, fault)
    tunnel.start()
    check(tunnel.wait_ready_or_end(), "it does not even start without a fault")
    tunnel.check_works_again()
    fault.arm(call, error, 0, 0)
    ask_all(tunnel)
    total = fault.figures()[0]
    for nth in numbers(total, step):
        what = f"questions, {call} {nth} fails with {error}"
        note(what)
        fault.arm(call, error, nth, 1 + nth % 3)
        ask_all(tunnel)
        tunnel.check_alive(what)
        tunnel.check_works_again()
    fault.disarm()
    control.ctl_good(case.path("control"), "status")
    tunnel.stop(f"{call} {error}")
    return f"{call} {error}: {total} calls for questions"


# ---- a fault that lasts -----------------------------------------------------------------------


def lasting(case, call, error, seconds=2):
    """No CPU is burnt for it, and all goes on when it is over."""
    fault = Fault(case)
    tunnel = Tunnel(case, fault)
    tunnel.start()
    check(tunnel.wait_ready_or_end(), "it does not even start without a fault")
    tunnel.check_works_again()
    fault.arm(call, error, 1, ALWAYS)
    conns = []
    for _ in range(3):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(tunnel.address)
        conns.append(s)
    time.sleep(0.3)
    before = tunnel.daemon.cpu_seconds()
    time.sleep(seconds)
    used = tunnel.daemon.cpu_seconds() - before
    tunnel.check_alive(f"{call} always {error}")
    failed = fault.figures()[1]
    fault.disarm()
    for s in conns:
        s.close()
    check(used < 0.25 * seconds, f"{call} always {error}: {used:.2f} s of CPU in {seconds} s")
    took = tunnel.check_works_again()
    tunnel.target.settle(60)
    tunnel.stop(f"{call} always {error}")
    return f"{call} always {error}, {failed} times: {used:.2f} s of CPU in {seconds} s, a new connection works after {took:.1f} s"


# ---- on demand --------------------------------------------------------------------------------


def one(name, job):
    """True when it was good."""
    case = Case(name)
    try:
        print("ok", job(case), flush=True)
        return True
    except Failure as e:
        print(f"not ok {name}: {e}", flush=True)
        print("\n".join(line for line in case.logs().splitlines()[-30:]), flush=True)
        return False
    finally:
        case.close()


def main():
    p = argparse.ArgumentParser(description="faults of the daemon's calls")
    p.add_argument("--start", action="store_true")
    p.add_argument("--transfer", action="store_true")
    p.add_argument("--words", action="store_true")
    p.add_argument("--lasting", action="store_true")
    p.add_argument("--call")
    p.add_argument("--step", type=int, default=1)
    p.add_argument("--verbose", action="store_true", help="a line for each run")
    args = p.parse_args()
    if args.verbose:
        global note
        note = lambda what: print(f"{time.strftime('%T')} {what}", flush=True)  # noqa: E731
    every = not (args.start or args.transfer or args.words or args.lasting)
    raise_descriptor_limit()
    ports.use_slot(0)
    good = True
    for call, errors in CALLS.items():
        if args.call not in (None, call):
            continue
        step = args.step * STRIDE.get(call, 1)
        for error in errors:
            if args.start or every:
                good &= one(f"start {call} {error}", lambda c: sweep_start(c, call, error, step))
            if args.transfer or every:
                good &= one(f"transfer {call} {error}", lambda c: sweep_transfer(c, call, error, step))
            if args.words or every:
                good &= one(f"words {call} {error}", lambda c: sweep_words(c, call, error, step))
            if (args.lasting or every) and error not in PASSING:
                good &= one(f"lasting {call} {error}", lambda c: lasting(c, call, error))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
