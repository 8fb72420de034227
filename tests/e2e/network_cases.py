"""A client whose own address or route changes, which its kernel tells it of."""

import re
import threading
import time

from cases import check, wait_until
from hosts import FarPair
from suite import suite
from tunnels import echo, worst_round
from wires import SERVER, Wires


class Tunnel(FarPair):
    """A client and a server at the two ends of the wires."""

    def __init__(self, case, serve, settings=None):
        self.wires = Wires(case)
        super().__init__(case, self.wires.near, self.wires.far, SERVER, serve, settings)

    def new_sockets(self):
        return len(re.findall("a new socket", self.client.log()))


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
