"""Several targets of a server: who serves when the first refuses, hangs, is back, or is another one after a reload."""

import os
import select
import signal
import socket
import subprocess
import threading
import time

from suite import suite
from tunnels import LOCAL, Listener, check_traffic, dial, echo, read_exactly
import ends
import traffic
from cases import check, wait_until
from control import Channel, ctl, ctl_good
from control_cases import Controlled, row
from health_cases import DEGRADED, WELL, line_of
from reload_cases import ping

REST_S = 10  # so long what failed is tried last
PATIENCE_S = 1  # so long it may take to answer before the next one is tried


def named(name):
    """A handler that says who it is, then echoes."""
    def serve(conn):
        conn.sendall(name)
        echo(conn)
    return serve


def who_serves(address, seconds=20):
    """The name that the target of a new connection says, which takes one byte; and how long that took."""
    start = time.monotonic()
    with dial(address, seconds) as s:
        name = read_exactly(s, 1)
        took = time.monotonic() - start
        ping(s)
        return name, took


def is_cut(address):
    """A new connection ends before a byte came; it may do so while we wait for it to be there."""
    try:
        with dial(address) as s:
            s.sendall(b"x")
            return not s.recv(1)
    except ConnectionError:
        return True


class Deaf:
    """It listens and its queue is full: who connects is not answered, as by a host behind a firewall that drops."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind((LOCAL, 0))
        self.sock.listen(0)
        self.text = "%s:%d" % self.sock.getsockname()
        self.fill = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.sock.getsockname())
            self.fill.append(s)
            if not select.select([], [s], [], 0.3)[1]:
                return
        check(False, "the queue does not get full")

    def close(self):
        for s in [self.sock, *self.fill]:
            s.close()


class Several(Controlled):
    """With a list that a reload changes."""

    def __init__(self, case, targets, **options):
        super().__init__(case, ", ".join(targets), **options)
        self.case, self.targets = case, ", ".join(targets)

    def reload(self, *targets):
        targets = ", ".join(targets)
        self.text = self.text.replace(f"target = {self.targets}\n", f"target = {targets}\n")
        self.targets = targets
        self.case.write("kcptund.ini", self.text)
        return ctl_good(self.sock, "reload")


def tried(log, target):
    return log.count(f"cannot connect to target {target}: ")


@suite.case("a_target_that_refuses_is_passed_over", tags=["short"])
def refuses(case):
    second = traffic.Target()
    first, second_text = f"{LOCAL}:{case.port()}", f"{LOCAL}:{second.port}"
    d = Several(case, [first, second_text])
    code, out, _ = ctl(d.sock, "check")
    check(code == WELL, f"before it was tried: {code} {out}")
    check_traffic(d.address, second)
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == DEGRADED and f"target {first} does not answer: Connection refused; {second_text} serves" in out,
          f"{code}: {out}")
    check(f"targets {first}, {second_text}," in d.process.log(), "the start does not tell of both")
    check(tried(d.process.log(), first) == 1, "the log does not say that the first refused, or more than once")
    check(tried(d.process.log(), second_text) == 0, "the second is said to refuse")
    check(row(Channel(d.sock).good("status"), "far")["remote"] == d.targets, "status has another list")
    said = ctl_good(d.sock, "config", "far")
    check(any(line.split(maxsplit=2)[0] == "target" and d.targets in line for line in said.splitlines() if line), said)
    shown = subprocess.run([ends.kcptund(), "-T", "-c", d.path], capture_output=True, text=True, check=True).stdout
    check(f"\ntarget = {d.targets}\n" in shown, shown)
    d.stop()


@suite.case("the_first_target_serves_again_when_it_is_back", seconds=60)
def back(case):
    second = Listener(named(b"2"))
    port = case.port()
    first = f"{LOCAL}:{port}"
    d = Several(case, [first, second.text])
    check(who_serves(d.address)[0] == b"2", "the second does not serve")
    failed = time.monotonic()
    Listener(named(b"1"), port)
    check(who_serves(d.address)[0] == b"2", "the first was tried at once")
    kept = dial(d.address)
    read_exactly(kept, 1)
    wait_until(lambda: who_serves(d.address)[0] == b"1", 3 * REST_S, "the first serves again")
    rested = time.monotonic() - failed
    case.note = f"after {rested:.1f} s"
    check(rested > REST_S - 1, f"it was tried again after {rested:.1f} s already")
    check(who_serves(d.address)[0] == b"1", "it does not go on to serve")
    check(f"target {first} answers again" in d.process.log(), "the log does not say so")
    code, out, _ = ctl(d.sock, "check")
    check(code == WELL and line_of(out, "far").startswith("far well: "), f"{code}: {out}")
    ping(kept)  # nobody takes it from where it is
    kept.close()
    d.stop()


@suite.case("a_target_that_hangs_costs_one_stream_a_second", seconds=60)
def hangs(case):
    deaf, second = Deaf(), Listener(echo)
    d = Several(case, [deaf.text, second.text])
    start = time.monotonic()
    with dial(d.address) as s:
        sent = os.urandom(100_000)
        threading.Thread(target=s.sendall, args=(sent,), daemon=True).start()
        check(read_exactly(s, 1) == sent[:1], "not what was sent")
        first = time.monotonic() - start
        check(read_exactly(s, len(sent) - 1) == sent[1:], "what was sent meanwhile did not arrive whole")
    later = []
    for _ in range(5):
        start = time.monotonic()
        with dial(d.address) as s:
            ping(s)
        later.append(time.monotonic() - start)
    case.note = f"{first:.2f} s, then {max(later) * 1000:.0f} ms at most"
    check(PATIENCE_S - 0.1 < first < PATIENCE_S + 1.5, f"the first connection was served after {first:.2f} s")
    check(max(later) < PATIENCE_S, f"later ones waited, too: {later}")
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == DEGRADED and f"target {deaf.text} does not answer: no answer within 1 s; {second.text} serves" in out,
          f"{code}: {out}")
    check(tried(d.process.log(), deaf.text) == 1, "the log does not tell of it")
    deaf.close()
    d.stop()


@suite.case("a_slow_target_that_answers_first_after_all_is_taken", seconds=60)
def slow(case):
    """Its queue has room again while the second hangs, too."""
    deaf, other = Deaf(), Deaf()
    d = Several(case, [deaf.text, other.text])
    with dial(d.address) as s:
        s.sendall(b"still there?")
        time.sleep(PATIENCE_S + 0.5)  # for both to be asked; the kernel asks again after 1, 3 and 7 s
        deaf.sock.settimeout(20)
        while True:
            conn, _ = deaf.sock.accept()
            conn.settimeout(0.5)
            try:
                if conn.recv(12) == b"still there?":
                    break
            except TimeoutError:
                continue  # one that filled the queue
        conn.settimeout(20)
        conn.sendall(b"yes")
        check(read_exactly(s, 3) == b"yes", "no answer")
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == WELL, f"{code}: {out}")
    conn.close()
    deaf.close()
    other.close()
    d.stop()


@suite.case("a_stream_whose_targets_all_fail_ends", tags=["short"])
def all_fail(case):
    targets = [f"{LOCAL}:{case.port()}", case.path("no.sock"), "nosuch.invalid:80"]
    d = Several(case, targets)
    check(is_cut(d.address), "somebody answers")
    log = d.process.log()
    for target in targets:
        check(tried(log, target) == 1, f"the log does not tell of {target}")
    check(log.count("; another one is tried") == 2, "nor that others were tried")
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == DEGRADED and f"cannot connect to target {targets[0]}: Connection refused; {targets[1]}: " in out,
          f"{code}: {out}")
    check(is_cut(d.address), "somebody answers the second time")
    Listener(named(b"1"), int(targets[0].rsplit(":", 1)[1]))
    check(who_serves(d.address)[0] == b"1", "where all rest, they are not tried in their order")
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == WELL, f"what was said of all is not forgotten: {code}: {out}")
    d.stop()


@suite.case("a_unix_socket_serves_where_a_name_is_not_known", tags=["short"])
def mixed(case):
    path = case.path("app.sock")
    target = traffic.Target(path)
    d = Several(case, ["nosuch.invalid:80", path])
    check_traffic(d.address, target)
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == DEGRADED and "target nosuch.invalid:80 does not answer: " in out and f"; {path} serves" in out,
          f"{code}: {out}")
    d.stop()


@suite.case("targets_are_added_and_removed_by_a_reload", tags=["short"])
def reloaded(case):
    one, two, three = Listener(named(b"1")), Listener(named(b"2")), Listener(named(b"3"))
    nobody = f"{LOCAL}:{case.port()}"
    d = Several(case, [nobody, one.text])
    kept = dial(d.address)
    check(read_exactly(kept, 1) == b"1", "not served by the first that is there")
    said = d.reload(two.text, nobody, one.text)
    check("far: changed in place: target" in said, said)
    check(who_serves(d.address)[0] == b"2", "the one that was added does not serve")
    code, out, _ = ctl(d.sock, "check", "far")
    check(code == WELL, f"what was said of the old list is not forgotten: {code}: {out}")
    d.reload(three.text)
    check(who_serves(d.address)[0] == b"3", "one that was removed serves")
    d.reload(nobody, two.text)
    check(who_serves(d.address)[0] == b"2", "the list does not count")
    check(tried(d.process.log(), nobody) == 2, "in the new list it is not told of again")
    ping(kept)
    kept.close()
    said = ctl_good(d.sock, "reload")
    check("far: unchanged" in said, said)
    check(tried(d.process.log(), nobody) == 2, "told of once more after a reload that changed nothing")
    d.stop()


@suite.case("a_stream_that_hangs_goes_to_the_targets_of_a_reload", seconds=60)
def reloaded_meanwhile(case):
    deaf, other, good = Deaf(), Deaf(), Listener(echo)
    d = Several(case, [deaf.text, other.text])
    with dial(d.address) as s:
        s.sendall(b"still there?")
        wait_until(lambda: row(Channel(d.sock).good("status"), "far")["streams"] == 1, 20, "the stream is there")
        d.reload(good.text)
        check(read_exactly(s, 12) == b"still there?", "not what was sent")
    deaf.close()
    other.close()
    d.stop()


@suite.case("a_stream_may_end_while_its_targets_hang", tags=["short"])
def ends_meanwhile(case):
    deaf, other = Deaf(), Deaf()
    d = Several(case, [deaf.text, other.text])

    def streams():
        return row(Channel(d.sock).good("status"), "far")["streams"]
    for pause in (0, PATIENCE_S + 0.3):
        conns = [dial(d.address) for _ in range(5)]
        for s in conns:
            s.sendall(b"x")
        wait_until(lambda: streams() == 5, 20, "they are there")
        time.sleep(pause)  # so that one of them is asked, and both
        for s in conns:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
        wait_until(lambda: streams() == 0, 20, "they have ended")
    conns = [dial(d.address) for _ in range(5)]
    for s in conns:
        s.sendall(b"x")
    wait_until(lambda: streams() == 5, 20, "they are there")
    d.process.signal(signal.SIGTERM)  # and the daemon may
    check(d.process.wait(20) == 0, "it does not stop in good order")
    deaf.close()
    other.close()
