"""smuxver = auto and compression = auto: what a kcptun server was started with is found out; tests/interop has all of them."""

import os
import signal
import subprocess
import sys
import time

from suite import suite
from tunnels import LOCAL, Listener, dial, echo, read_exactly
import control
import ends
import traffic
from cases import check, wait_until

BADNET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "badnet.py")
WORST = {"smuxver": 1, "nocomp": True}  # the last that is tried


class Tunnel:
    """Our client, told nothing unless `options` do, in front of a kcptun server that is started by start_server()."""

    def __init__(self, case, target, delay_ms=0, **options):
        self.case, self.target = case, target
        self.far, self.local, self.path = case.port(), case.port(), case.path("control")
        self.near, self.servers, self.options = self.far, 0, options
        if delay_ms:
            self.near = case.port()
            relay = case.start([sys.executable, BADNET, "--listen", self.near, "--to", self.far, "--delay", delay_ms],
                               "badnet")
            ends.wait_ready(relay, udp=[self.near])

    def start_server(self, settings, kind=ends.GO):
        self.servers += 1
        self.server = ends.start_server(self.case, kind, settings, f"{LOCAL}:{self.far}", self.target,
                                        f"server{self.servers}")

    def kill_server(self):
        self.server.kill()
        self.server.wait(5)

    def text(self, **options):
        return ends.ini(ends.section("client", "near", {
            "key": ends.KEY, "localaddr": f"{LOCAL}:{self.local}", "remoteaddr": f"{LOCAL}:{self.near}",
            **self.options, **options}), control=self.path)

    def start_client(self):
        self.client = ends.start_daemon(self.case, self.text(), "client", tcp=[self.local])

    @property
    def address(self):
        return (LOCAL, self.local)

    def spoken(self):
        """What the sessions that have carried something speak."""
        rows = control.Channel(self.path).good("sessions")["sessions"]
        return {(r["smux"], r["compression_out"]) for r in rows if r["state"] == "open" and r["bytes_received"] > 0}


def asks(address, seconds=10):
    """The echo of one connection; false when it is reset or late."""
    try:
        with dial(address) as s:
            s.settimeout(seconds)
            s.sendall(b"hello")
            return read_exactly(s, 5) == b"hello"
    except OSError:
        return False


def add_first_moment(conn):
    @suite.case(f"connections_of_the_first_moment_arrive_whole_and_once_conn_{conn}", seconds=40)
    def first_moment(case):
        target = traffic.Target()
        t = Tunnel(case, f"{LOCAL}:{target.port}", delay_ms=40, conn=conn)
        t.start_server(WORST)
        t.start_client()
        begun = time.monotonic()
        traffic.run_plan(t.address, [(20_000 + i, 30_000 - i) for i in range(20)], 30)
        case.note = f"{time.monotonic() - begun:.1f} s"
        check(target.accepted == 20, f"{target.accepted} connections reached the target")
        check(not target.faults, f"the target saw {target.faults[:3]}")
        check("is tried" in t.client.log(), "the first that was tried was understood")
        ends.stop_cleanly(t.client)


for number in (1, 4, "auto"):
    add_first_moment(number)


@suite.case("who_waits_for_a_kcptun_server_is_served_when_it_comes_whatever_it_speaks", seconds=40)
def waits(case):
    target = Listener(echo)
    t = Tunnel(case, target.text)
    t.start_client()
    with dial(t.address) as s:
        s.settimeout(20)
        s.sendall(b"hello")
        time.sleep(1)
        t.start_server(WORST)
        begun = time.monotonic()
        check(read_exactly(s, 5) == b"hello", "the echo differs")
        case.note = f"after {time.monotonic() - begun:.1f} s"
    check(asks(t.address), "the next one was not served")
    ends.stop_cleanly(t.client)


@suite.case("a_server_that_is_another_now_is_understood_again", seconds=60)
def again(case):
    target = Listener(echo)
    t = Tunnel(case, target.text)
    t.start_server({})
    t.start_client()
    check(asks(t.address), "nothing passes")
    check(t.spoken() == {(1, "snappy")}, f"{t.spoken()}")
    for settings, kind, spoken in ((WORST, ends.GO, (1, "none")), ({"smuxver": 2}, ends.GO, (2, "snappy")),
                                   ({}, ends.OURS, (2, "snappy")), ({}, ends.GO, (1, "snappy"))):
        with dial(t.address) as held:
            held.settimeout(20)
            held.sendall(b"x")
            read_exactly(held, 1)
            t.kill_server()
            t.start_server(settings, kind)
            wait_until(lambda: asks(t.address, 2), 20, f"{kind} with {settings} serves")
            wait_until(lambda: t.spoken() == {spoken}, 20, f"its sessions alone are there, and speak {spoken}")
            try:
                check(held.recv(1) == b"", "a connection of before goes on")
                check(False, "a connection of before looks as if it had come to its end")
            except ConnectionResetError:
                pass
    ends.stop_cleanly(t.client)


@suite.case("what_is_given_is_obeyed_until_a_reload_says_auto", seconds=40)
def reload(case):
    target = Listener(echo)
    t = Tunnel(case, target.text, smuxver=2, compression="snappy")
    t.start_server({})
    t.start_client()
    check(not asks(t.address, 2), "a server of smux 1 understood smux 2")
    check("is tried" not in t.client.log(), "something else was tried")
    path = case.write("client.ini", t.text(smuxver="auto", compression="auto"))
    t.client.signal(signal.SIGHUP)
    check(t.client.wait_log("changed for new sessions: compression, smuxver", 20), "the reload was not told")
    check(asks(t.address), "nothing passes after it")
    told = subprocess.run([ends.kcptund(), "-T", "-c", path], capture_output=True, text=True, check=True).stdout
    check("smuxver = auto" in told and "compression = auto" in told, told)
    ends.stop_cleanly(t.client)


@suite.case("a_flag_auto_beside_kcptuns_is_understood", seconds=40)
def flags(case):
    target = Listener(echo)
    t = Tunnel(case, target.text)
    t.start_server({})
    p = case.start([ends.kcptund(), "client", "-l", f"{LOCAL}:{t.local}", "-r", f"{LOCAL}:{t.far}", "-key", ends.KEY,
                    "-mode", "auto", "-smuxver", "auto"], "client")
    ends.wait_ready(p, [t.local])
    check(asks(t.address), "nothing passes")
    ends.stop_cleanly(p)
