"""kcptunctl top in a terminal of its own (tmux): what it shows, its keys, its end, a daemon that goes away."""

import contextlib
import itertools
import os
import re
import subprocess
import threading
import time

from suite import suite
from tunnels import Listener, dial, read_to_end
import ends
from cases import check, wait_until
from control import kcptunctl
from control_cases import Controlled


_numbers = itertools.count()


class Terminal:
    """A tmux server for one command; the shell behind it says END with the exit code."""

    def __init__(self, case, command, columns=150, lines=36, locale="C.UTF-8", env=""):
        case.need("tmux")
        self.socket = case.path(f"tmux{next(_numbers)}")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                  f"env -u NO_COLOR LC_ALL={locale} {env} {command}; echo END $?; stty -a; sleep 60")
        case.stack.callback(lambda: self.tmux("kill-server", check=False))

    def tmux(self, *arguments, check=True):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], capture_output=True, text=True,
                              check=check, timeout=10).stdout

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def wait(self, pattern, seconds=20):
        def found():
            return re.search(pattern, self.screen(), re.M)
        try:
            return wait_until(found, seconds, f"the screen shows {pattern}")
        except Exception:
            print(self.screen())
            raise

    def end(self):
        """The exit code, once the program has ended and left the terminal as it was."""
        code = int(self.wait(r"^END (\d+)").group(1))
        self.wait(r"\bextproc\b|\bechoke\b")  # the last of what stty says
        settings = self.screen()
        check(re.search(r"(?<!-)\becho\b", settings) and re.search(r"(?<!-)\bicanon\b", settings),
              "the terminal was not restored")
        return code


def top(case, d, arguments="", **options):
    return Terminal(case, f"{kcptunctl()} -s {d.sock} -w 0.3 top {arguments}", **options)


def holding(case, **options):
    """A daemon whose target takes all and keeps the stream."""
    return Controlled(case, Listener(lambda conn: read_to_end(conn)).text, loglevel="warn", **options)


@contextlib.contextmanager
def busy(sock):
    """Traffic on this connection for as long as it takes."""
    over = threading.Event()

    def send():
        while not over.wait(0.1):
            sock.sendall(b"x" * 100_000)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


@suite.case("top_shows_tunnels_sessions_rates_and_graphs", seconds=40)
def shows(case):
    d = holding(case, conn=3)
    t = top(case, d)
    t.wait(r"kcptund \S+ +up .*tunnels 2 +sessions 6")
    t.wait(r"^> far +server +3 +0 ")
    t.wait(r"^  near +client +3 +0 ")
    for head in ("THROUGHPUT", "round trip", "loss", "SESSION", "PATH", "QUEUE", "LIMIT", "INFLIGHT", "q quit"):
        t.wait(head)
    check(len(re.findall(r"^(near|far)/\d+ ", t.screen(), re.M)) == 6, "not all sessions are shown")
    with dial(d.address) as s:
        with busy(s):  # a rate is shown only while there is one
            t.wait(r"^  near .* [0-9.]+ (KiB|MiB)/s ")
            t.wait("█")
            t.wait(r"^near/\d+ .* open .* [0-9.]+ [KM]iB/s +[0-9.]+ [KM]iB/s .* ms .* % .* ms  ?(application|path|sndwnd|peer's window)")
    t.keys("q")
    check(t.end() == 0, "another exit code than 0")
    d.stop()


@suite.case("top_obeys_its_keys", seconds=40)
def obeys(case):
    d = holding(case, conn=3)
    t = top(case, d)
    t.wait("sessions 6")

    def order():
        return re.findall(r"^((?:near|far)/\d+) ", t.screen(), re.M)
    t.wait(r"^far/1")
    t.keys("S", "S", "S")  # from IN over STATE, PEER to SESSION
    wait_until(lambda: order() == ["far/1", "far/2", "far/3", "near/1", "near/2", "near/3"], 20, "sorted by session")
    t.keys("r")
    wait_until(lambda: order() == ["near/3", "near/2", "near/1", "far/3", "far/2", "far/1"], 20, "the other way")
    t.keys("t")
    wait_until(lambda: order() == ["far/3", "far/2", "far/1"], 20, "sessions of the selected tunnel only")
    t.keys("Down")
    t.wait(r"^> near")
    wait_until(lambda: order() == ["near/3", "near/2", "near/1"], 20, "sessions of the other tunnel")
    t.keys("k", "t", "p")
    t.wait("paused")
    t.wait(r"^> far")
    t.keys("p", "+")
    t.wait("every 0.6s")
    t.keys("S", "x", "F5", "Escape", "PPage", "NPage")
    time.sleep(0.5)
    t.keys("q")
    check(t.end() == 0, "another exit code than 0")
    d.stop()


@suite.case("top_fits_80_columns_with_what_matters_and_120_with_more", seconds=40)
def fits(case):
    d = holding(case, conn=3)
    for columns, there, missing in (
            (80, ("LOSS", "QUEUE"), ("PATH", "THROUGHPUT", "MIN RTT")),
            (120, ("LOSS", "QUEUE", "LIMIT", "PATH", "MIN RTT", "THROUGHPUT"), ("IDLE", ))):
        t = top(case, d, columns=columns, lines=30)
        t.wait("sessions 6")
        with dial(d.address) as s, busy(s):
            t.wait(r"^near/\d+ .* [0-9.]+ [KM]iB/s +[0-9.]+ [KM]iB/s +[0-9.]+ m?s +[0-9.]+ %")
        screen = t.screen()
        check(max(map(len, screen.splitlines())) <= columns, f"wider than {columns}:\n{screen}")
        tunnels = re.search(r"^  TUNNEL .*$", screen, re.M).group(0).split()
        check(tunnels[:8] == ["TUNNEL", "ROLE", "SESSIONS", "STREAMS", "IN", "OUT", "RTT", "LOSS"], f"{tunnels}")
        sessions = re.search(r"^SESSION .*$", screen, re.M).group(0)
        check(sessions.split()[:7] == ["SESSION", "PEER", "STATE", "IN", "OUT", "RTT", "LOSS"], sessions)
        for head in there:
            check(head in tunnels or head in sessions, f"no {head} on {columns} columns:\n{screen}")
        for head in missing:
            check(head not in tunnels and head not in sessions, f"{head} on {columns} columns:\n{screen}")
        check(re.search(r"^kcptund \S+ .*in .*/s  out .*/s  tunnels 2  sessions 6", screen), screen.splitlines()[0])
        check(screen.rstrip().splitlines()[-1].startswith("q quit  ? keys  "), screen)
        t.keys("q")
        check(t.end() == 0, "another exit code than 0")
    d.stop()


@suite.case("top_shows_its_keys", seconds=40)
def keys(case):
    d = holding(case)
    for columns, lines in ((80, 24), (120, 30), (30, 8)):
        t = top(case, d, columns=columns, lines=lines)
        t.wait(r"^SESSION|^  TUNNEL")
        t.keys("?")
        t.wait(r" Keys\b")
        wanted = ("leave", "or the one before", "look no more") if lines >= 24 else ("leave",)
        for words in wanted:
            t.wait(words)
        time.sleep(0.7)  # looks go on behind it
        t.wait(r" Keys\b")
        t.keys("p")  # keys work as before
        t.keys("?")
        wait_until(lambda: not re.search(r" Keys\b", t.screen()), 10, "the keys are gone")
        t.wait("paused")
        t.keys("q")
        t.wait(r"\bextproc\b")  # what stty says behind it, of which a small screen shows only the end
    d.stop()


@suite.case("top_follows_the_size_of_its_terminal", seconds=40)
def resize(case):
    d = holding(case, conn=30)
    t = top(case, d)
    t.wait("sessions 60")
    for columns, lines in ((80, 24), (40, 10), (20, 5), (5, 3), (200, 60), (1, 1), (120, 30)):
        t.resize(columns, lines)
        time.sleep(0.6)
    t.wait(r"sessions 60")
    wait_until(lambda: "q quit" in (t.screen().splitlines() + [""] * 30)[29], 20, "the foot is in the last line")
    screen = t.screen()
    check(max(map(len, screen.splitlines())) <= 120, "lines too long")
    t.keys("NPage")
    time.sleep(0.5)
    t.keys("C-c")
    check(t.end() == 0, "another exit code than 0 after SIGINT")
    d.stop()


@suite.case("top_survives_the_daemon", seconds=60)
def survives(case):
    d = holding(case)
    t = top(case, d)
    t.wait("sessions 2")
    d.process.kill()
    t.wait("not running.*trying again|closed the connection.*trying again")
    t.wait("SESSION")  # what was known stays
    again = case.start([ends.kcptund(), "-c", d.path], "again")
    ends.wait_ready(again, tcp=[d.local], udp=[d.far])
    wait_until(lambda: "trying again" not in t.screen(), 10, "the trouble is over")
    t.wait(r"up \ds .*sessions 2")
    t.keys("q")
    check(t.end() == 0, "another exit code than 0")
    ends.stop_cleanly(again)


@suite.case("top_without_utf8_and_without_colour", seconds=40)
def plain(case):
    d = holding(case)
    t = top(case, d, locale="C", env="NO_COLOR=1")
    with dial(d.address) as s:
        with busy(s):
            t.wait("#")
        screen = t.screen("-e")
        check(all(ord(c) < 128 for c in screen), "characters beyond ASCII in the C locale")
        check(not re.search(r"\x1b\[[0-9;]*3[0-7]m", screen), "colours against NO_COLOR")
    t.keys("q")
    check(t.end() == 0, "another exit code than 0")
    coloured = top(case, d)
    coloured.wait("sessions 2")
    check(re.search(r"\x1b\[[0-9;]*3[0-7]m", coloured.screen("-e")), "no colours")
    d.stop()


@suite.case("top_ends_with_its_terminal", seconds=40)
def terminal_gone(case):
    d = holding(case)
    t = top(case, d)
    t.wait("sessions 2")
    pid = subprocess.run(["pgrep", "-f", f"kcptunctl -s {d.sock} -w 0.3 top$"], capture_output=True,
                         text=True).stdout.split()
    check(pid, "the program is not found")
    t.tmux("kill-server")
    wait_until(lambda: not any(os.path.exists(f"/proc/{n}") for n in pid), 20, "it ended with its terminal")
    d.stop()


@suite.case("top_without_a_terminal_or_a_daemon")
def without(case):
    d = holding(case)
    p = subprocess.run([kcptunctl(), "-s", d.sock, "top"], capture_output=True, text=True, timeout=10)
    check(p.returncode == 2 and "terminal" in p.stderr, f"in a pipe: {p}")
    d.stop()
    t = Terminal(case, f"{kcptunctl()} -s {d.sock} top")
    check(t.end() == 3, "no daemon, yet another exit code than 3")
