"""A client whose own address or route changes, which its kernel tells it of."""

import re
import socket
import threading
import time

import ends
from cases import check, wait_until
from suite import suite
from tunnels import read_exactly
from wires import SERVER, Wires


class Tunnel:
    """A client and a server at the two ends of the wires."""

    def __init__(self, case, serve, settings=None):
        self.case, self.wires = case, Wires(case)
        self.address, target = case.path("local"), case.path("target")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(target)
        listener.listen(64)
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()
        both = {"key": ends.KEY, **(settings or {})}
        self.server = self._start("server", self.wires.far, {**both, "listen": "0.0.0.0:29900", "target": target})
        self.client = self._start("client", self.wires.near,
                                  {**both, "localaddr": self.address, "remoteaddr": SERVER + ":29900"})

    @staticmethod
    def _accept(listener, serve):
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=serve, args=(conn,), daemon=True).start()

    def _start(self, role, where, settings):
        text = ends.ini(ends.section(role, "wires", settings), loglevel="debug")
        process = self.case.start([*self.wires.prefix(where), ends.kcptund(), "-c", self.case.write(role + ".ini", text)],
                                  role)
        check(process.wait_log("ready", 20), f"the {role} did not start")
        return process

    def dial(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(self.address)
        return s

    def new_sockets(self):
        return len(re.findall("a new socket", self.client.log()))

    def stop(self):
        for process in (self.client, self.server):
            ends.stop_cleanly(process)


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)


def worst_round(s, seconds):
    """One byte there and back, again and again; the longest time that took."""
    worst, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        s.sendall(b"x")
        read_exactly(s, 1)
        worst = max(worst, time.monotonic() - start)
        time.sleep(0.01)
    return worst


class Gaps:
    """The longest time in which nothing came out of a socket from which much comes."""

    def __init__(self, sock):
        self.sock, self.worst, self.total = sock, 0, 0
        self.last = None

    def read(self):
        got = len(self.sock.recv(65536))
        check(got, "the stream has ended")
        now = time.monotonic()
        if self.last is not None:
            self.worst = max(self.worst, now - self.last)
        self.last, self.total = now, self.total + got


def talk(tunnel, change):
    with tunnel.dial() as s:
        worst_round(s, 1)
        threading.Thread(target=change, daemon=True).start()
        return worst_round(s, 3)


def download(tunnel, change):
    with tunnel.dial() as s:
        s.sendall(b"?")
        gaps = Gaps(s)
        while gaps.total < 4_000_000:
            gaps.read()
        gaps.worst = 0
        threading.Thread(target=change, daemon=True).start()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            gaps.read()
        return gaps.worst


def upload(tunnel, change):
    gaps = tunnel.gaps
    with tunnel.dial() as s:
        s.sendall(b"!")

        def send():
            try:
                while True:
                    s.sendall(bytes(65536))
            except OSError:
                pass
        threading.Thread(target=send, daemon=True).start()
        wait_until(lambda: gaps and gaps[0].total > 4_000_000, 20, "4 MB have come")
        gaps[0].worst = 0
        threading.Thread(target=change, daemon=True).start()
        time.sleep(3)
        total = gaps[0].total
        wait_until(lambda: gaps[0].total > total, 10, "it goes on")
        return gaps[0].worst


def serving(gaps):
    def serve(conn):
        try:
            if conn.recv(1) == b"?":
                while True:
                    conn.sendall(bytes(65536))
            gaps.append(Gaps(conn))
            while True:
                gaps[0].read()
        except Exception:
            return
    return serve


def add_change(what, how, use):
    @suite.case(f"{how}_goes_on_when_{what}", seconds=60)
    def changed(case):
        gaps = []
        serve = echo if use is talk else serving(gaps)
        tunnel = Tunnel(case, serve, settings={"ratelimit": 5_000_000})
        tunnel.gaps = gaps
        change = {"its_address_changes": tunnel.wires.lease, "another_wire_is_taken": tunnel.wires.switch,
                  "its_wire_is_unplugged": tunnel.wires.unplug, "there_was_no_way": tunnel.wires.absence}[what]
        worst = use(tunnel, change)
        limit = 1.7 if what == "there_was_no_way" else 1
        case.note = f"{worst * 1000:.0f} ms at most"
        check(worst < limit, f"nothing came for {worst:.1f} s after the change")
        tunnel.stop()


for _what in ("its_address_changes", "another_wire_is_taken", "its_wire_is_unplugged", "there_was_no_way"):
    for _how, _use in (("talk", talk), ("a_download", download), ("an_upload", upload)):
        add_change(_what, _how, _use)


@suite.case("what_does_not_change_its_address_does_not_disturb_a_client", seconds=60)
def undisturbed(case):
    tunnel = Tunnel(case, echo)

    def others():
        for n in range(5):
            tunnel.wires.ip("link", "add", f"br{n}", "type", "bridge")
            tunnel.wires.ip("addr", "add", f"10.99.{n}.1/24", "dev", f"br{n}")
            tunnel.wires.ip("link", "set", f"br{n}", "up")
            tunnel.wires.ip("link", "del", f"br{n}")
    with tunnel.dial() as s:
        worst_round(s, 0.5)
        others()
        worst = worst_round(s, 2)
    check(tunnel.new_sockets() == 0, "a new socket was taken")
    check(worst < 0.5, f"a round trip took {worst:.1f} s")
    tunnel.stop()
