"""Paths that let through less than is sent: with a relay that drops what is too long, and with real links."""

import os
import re
import subprocess
import threading
import time

from suite import suite
from hosts import FarPair
from relay import Path, Relay
from tunnels import LOCAL, Listener, Pair, dial
import control
import ends
from cases import check, wait_until
from netns import new_hosts, on_host, run_ip

BLOCK = os.urandom(1 << 16)


def source(conn):
    """Sends the same block again and again, as long as somebody reads."""
    conn.recv(1)
    while True:
        conn.sendall(BLOCK)


class Incoming:
    """Reads what a source sends, and knows when something last came and whether it was right."""

    def __init__(self, sock):
        self.sock = sock
        self.count = 0
        self.last = time.monotonic()
        self.longest_pause = 0.0
        self.wrong = False
        self.ended = False

    def run(self):
        try:
            while part := self.sock.recv(1 << 16):
                at = self.count % len(BLOCK)
                self.wrong |= part != (BLOCK + BLOCK)[at:at + len(part)]
                self.count += len(part)
                now = time.monotonic()
                self.longest_pause = max(self.longest_pause, now - self.last)
                self.last = now
        except OSError:
            pass
        self.ended = True

    def pauses_from_now(self):
        self.longest_pause = 0.0

    def check(self):
        check(not self.wrong, "what came is not what was sent")
        check(not self.ended, "the transfer has ended")


class Download(Incoming):
    def __init__(self, sock):
        super().__init__(sock)
        sock.sendall(b"?")
        threading.Thread(target=self.run, daemon=True).start()


class Sink:
    """A target to which one connection uploads."""

    def __init__(self):
        self.incoming = None

    def serve(self, conn):
        self.incoming = Incoming(conn)
        self.incoming.run()

    def upload(self, sock):
        def send():
            try:
                while True:
                    sock.sendall(BLOCK)
            except OSError:
                pass
        threading.Thread(target=send, daemon=True).start()
        wait_until(lambda: self.incoming, 20, "the target has the connection")
        return self.incoming


def sessions_of(socket_path):
    channel = control.Channel(socket_path)
    try:
        return channel.good("sessions")["sessions"]
    finally:
        channel.close()


def mtu_of(socket_path):
    return max((row["mtu_bytes"] for row in sessions_of(socket_path)), default=0)


def with_controls(case, pair):
    """Both ends get control sockets: their paths, of the server and of the client."""
    paths = []
    for name in ("server", "client"):
        paths.append(case.path(f"{name}.ctl"))
        ends.stop_cleanly(getattr(pair, name))
        pair.texts[name] = pair.texts[name].replace("control = none", f"control = {paths[-1]}")
    pair.start_server("server2")
    pair.start_client("client1")
    return paths


def shrink(case, sock, begin, sender, narrow, seconds=2.0):
    """In the middle of a transfer, which begin(sock) starts, the path becomes narrow; it goes on soon, and finds the length."""
    with sock:
        d = begin(sock)
        wait_until(lambda: d.count > 3_000_000 and mtu_of(sender) > 1400, 20, "a transfer by long datagrams")
        d.pauses_from_now()
        most = narrow()
        count = d.count
        wait_until(lambda: d.count > count + 8_000_000, 30, "the transfer goes on")
        wait_until(lambda: most - 8 <= mtu_of(sender) <= most, 30, f"the length is found to be {most}")
        d.check()
        case.note = f"the longest pause {d.longest_pause:.1f} s"
        check(d.longest_pause < seconds, case.note)


LIMIT = {"ratelimit": "4M"}  # of who sends, so that it lasts


def shrinking_path(case, pair, begin, sender):
    controls = dict(zip(("server", "client"), with_controls(case, pair)))
    path = Path(case, pair)

    def narrow():
        path.longest = 1252
        return path.longest
    shrink(case, dial(pair.address), begin, controls[sender], narrow)


@suite.case("a_path_that_shrinks_in_the_middle_of_a_download", seconds=60)
def shrinks(case):
    shrinking_path(case, Pair(case, Listener(source).text, server=LIMIT), Download, "server")


@suite.case("a_path_that_shrinks_in_the_middle_of_an_upload", seconds=60)
def shrinks_upload(case):
    sink = Sink()
    shrinking_path(case, Pair(case, Listener(sink.serve).text, client=LIMIT), sink.upload, "client")


@suite.case("a_path_that_was_narrow_from_the_beginning", seconds=60)
def narrow_from_the_start(case):
    pair = Pair(case, Listener(source).text, server={"ratelimit": "4M"})
    server, _ = with_controls(case, pair)
    path = Path(case, pair)
    path.longest = 1300
    with dial(pair.address) as s:
        d = Download(s)
        wait_until(lambda: d.count > 8_000_000, 20, "a download")
        wait_until(lambda: 1292 <= mtu_of(server) <= 1300, 20, "the length is found")
        d.check()
        case.note = f"the longest pause {d.longest_pause:.1f} s"
        check(d.longest_pause < 1.0, case.note)


@suite.case("a_number_for_the_mtu_is_the_most", seconds=40)
def a_number(case):
    pair = Pair(case, Listener(source).text, server={"ratelimit": "4M", "mtu": 1350})
    server, client = with_controls(case, pair)
    with dial(pair.address) as s:
        d = Download(s)
        wait_until(lambda: d.count > 8_000_000, 20, "a download")
        wait_until(lambda: mtu_of(server) == 1350, 20, "all of the length that was allowed")
        longest = max(row["mtu_in_bytes"] for row in sessions_of(client))
        check(longest == 1350, f"a datagram of {longest} bytes came")
        d.check()


@suite.case("a_kcptun_whose_datagrams_are_too_long_is_told_of", seconds=90)
def too_long_kcptun(case):
    far, near = case.port(), case.port()
    ends.start_server(case, ends.GO, {"smuxver": 2}, f"{LOCAL}:{far}", Listener(source).text)
    relay = Relay(case, far)
    relay.longest = 1300
    client = ends.start_client(case, ends.OURS, {"smuxver": 2}, f"{LOCAL}:{near}", f"{LOCAL}:{relay.port}")
    with dial((LOCAL, near)) as s:
        start = time.monotonic()
        s.sendall(b"?")
        words = "large datagrams of the peer do not arrive: lower its mtu to 1"
        wait_until(lambda: words in client.log(), 60, "the log says what is wrong")
        n = int(re.search(r"lower its mtu to (\d+)", client.log())[1])
        check(1292 <= n <= 1300, f"it says {n}")
        case.note = f"after {time.monotonic() - start:.0f} s"


class Links:
    """near -- a -- b -- far, each a network namespace of its own, with the link between the routers to be made narrow."""

    def __init__(self, case, v6):
        self.v6 = v6
        self.names = new_hosts(case, "nabf")
        self._make()

    def _address(self, net, host):
        return f"fd00:6b74:{net}::{host}" if self.v6 else f"198.18.{80 + net}.{host}"

    def _make(self):
        for net in range(3):
            left, right = self.names[net], self.names[net + 1]
            run_ip("-n", left, "link", "add", f"r{net}", "type", "veth", "peer", "name", f"l{net}", "netns", right)
            for name, dev, host in ((left, f"r{net}", 1), (right, f"l{net}", 2)):
                bits = "64" if self.v6 else "30"
                run_ip("-n", name, "addr", "add", f"{self._address(net, host)}/{bits}", "dev", dev,
                       *(["nodad"] if self.v6 else []))
                run_ip("-n", name, "link", "set", dev, "up")
        for name in self.names[1:3]:
            knob = "/proc/sys/net/ipv6/conf/all/forwarding" if self.v6 else "/proc/sys/net/ipv4/ip_forward"
            subprocess.run([*on_host(name), "sh", "-c", f"echo 1 > {knob}"], check=True)
        family = ["-6"] if self.v6 else []
        for i, net, host in ((0, 0, 2), (1, 1, 2), (2, 1, 1), (3, 2, 1)):
            run_ip("-n", self.names[i], *family, "route", "add", "default", "via", self._address(net, host))

    @property
    def far(self):
        return f"[{self._address(2, 2)}]" if self.v6 else self._address(2, 2)

    def narrow(self, mtu):
        run_ip("-n", self.names[1], "link", "set", "r1", "mtu", str(mtu))
        run_ip("-n", self.names[2], "link", "set", "l1", "mtu", str(mtu))
        return mtu - (48 if self.v6 else 28)


    def narrow_end(self, far, mtu):
        """Of one of the ends, the interface itself."""
        run_ip("-n", self.names[3 if far else 0], "link", "set", "l2" if far else "r0", "mtu", str(mtu))
        return mtu - (48 if self.v6 else 28)


def add_links(what, change):
    for v6 in (False, True):
        add_link(what, "download", v6, change)
        add_link(what, "upload", v6, change)


def add_link(what, how, v6, change):
    @suite.case(f"{what}_{how}_{'ipv6' if v6 else 'ipv4'}", seconds=90)
    def shrinking_link(case):
        links, sink = Links(case, v6), Sink()
        down = how == "download"
        pair = FarPair(case, links.names[0], links.names[3], links.far, source if down else sink.serve,
                       LIMIT if down else None, None if down else LIMIT)
        shrink(case, pair.dial(), Download if down else sink.upload, pair.control_of("server" if down else "client"),
               lambda: change(links, down))


add_links("a_router_whose_link_becomes_narrow", lambda links, down: links.narrow(1280))
add_links("a_sender_whose_interface_becomes_narrow", lambda links, down: links.narrow_end(down, 1280))
