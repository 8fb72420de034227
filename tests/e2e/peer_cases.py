"""Peers that move, restart and stop for a while; and strangers who repeat what they heard."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, counters, dial, echo, read_exactly, worst_round
import ends
from network_cases import Gaps
from relay import Path
from cases import Skip, check, wait_until


def opens_within(address, seconds):
    """A new connection carries a byte there and back; how long that took."""
    start = time.monotonic()
    with dial(address) as s:
        s.settimeout(seconds)
        s.sendall(b"y")
        read_exactly(s, 1)
    return time.monotonic() - start


def ends_within(sock, seconds):
    """What there is to read ends, in whatever way; how long that took."""
    start = time.monotonic()
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - start


# ---- moving ------------------------------------------------------------------------------


@suite.case("streams_go_on_when_the_clients_address_changes", seconds=40)
def moved(case):
    pair = Pair(case, Listener(echo).text)
    path = Path(case, pair)
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 1)
        worst = 0
        for _ in range(3):
            path.move()
            worst = max(worst, worst_round(s, 2))
        case.note = f"{worst * 1000:.0f} ms at most"
        check(worst < 1, f"a round trip took {worst:.1f} s after the address had changed")
    check(counters(pair.server)["PassiveOpens"] <= 2, "a session was opened instead")
    pair.stop()


@suite.case("a_download_goes_on_when_the_clients_address_changes", seconds=40)
def moved_download(case):
    def serve(conn):
        read_exactly(conn, 1)
        conn.sendall(bytes(40_000_000))
        conn.shutdown(socket.SHUT_WR)
        conn.recv(1)

    pair = Pair(case, Listener(serve).text, client={"ratelimit": 0}, server={"ratelimit": 10_000_000})
    path = Path(case, pair)
    with dial(pair.address) as s:
        s.settimeout(10)
        s.sendall(b"?")
        gaps = Gaps(s)
        while gaps.total < 4_000_000:
            gaps.read()
        gaps.worst = 0
        path.move()
        while gaps.total < 20_000_000:
            gaps.read()
        case.note = f"{gaps.worst * 1000:.0f} ms at most"
        check(gaps.worst < 1, f"nothing came for {gaps.worst:.1f} s after the address had changed")
    pair.stop()


@suite.case("what_was_heard_before_does_not_move_a_session", seconds=40)
def old_does_not_move(case):
    pair = Pair(case, Listener(echo).text)
    path = Path(case, pair)
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((LOCAL, 0))
            stranger.settimeout(0.5)
            for data in list(path.kept):
                stranger.sendto(data, (LOCAL, pair.far))
            worst = worst_round(s, 1)
            got, end = 0, time.monotonic() + 2
            while time.monotonic() < end:
                try:
                    got += len(stranger.recv(2048))
                except TimeoutError:
                    break
        check(worst < 0.5, f"a round trip took {worst:.1f} s")
        check(got <= 3 * sum(len(d) for d in path.kept), f"{got} bytes went to the stranger")
    pair.stop()


@suite.case("an_earlier_first_datagram_does_not_end_a_session", seconds=40)
def earlier_first(case):
    """Sent again from the address that the client has now."""
    pair = Pair(case, Listener(echo).text)
    path = Path(case, pair)
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
    first = list(path.kept[:4])
    ends.stop_cleanly(pair.client)
    pair.start_client("client3")
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
        for data in first:
            path.out.sendto(data, (LOCAL, pair.far))
        worst = worst_round(s, 1)
        check(worst < 0.5, f"a round trip took {worst:.1f} s")
    pair.stop()


@suite.case("openings_that_nobody_is_behind_keep_no_client_out", seconds=60)
def half_open(case):
    # Without a nonce, or they would be known for what they are: replay_cases.py.
    null = {"crypt": "null"}
    pair = Pair(case, Listener(echo).text, client=null, server={"maxsessions": 8, **null})
    path = Path(case, pair)
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
        first = list(path.opening)  # later ones acknowledge something, and may do so again
        for _ in range(100):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for data in first:
                    stranger.sendto(data, (LOCAL, pair.far))
        ends.stop_cleanly(pair.client)
    pair.start_client("client3")
    took = opens_within(pair.address, 10)
    check(took < 1, f"a client that came after them was served after {took:.1f} s")
    check("more are accepted" not in pair.server.log(), "they counted as sessions")
    pair.stop()


# ---- restarting ----------------------------------------------------------------------------


def add_restart(name, stop):
    @suite.case(f"a_server_that_was_{name}_and_is_back_serves_within_a_second", seconds=60)
    def restarted(case):
        pair = Pair(case, Listener(echo).text)
        with dial(pair.address) as s:
            s.settimeout(10)
            worst_round(s, 0.5)
            stop(pair.server)
            time.sleep(1)
            pair.start_server("server2")
            start = time.monotonic()
            took = opens_within(pair.address, 20)
            ends_within(s, 20)
            ended = time.monotonic() - start
            case.note = f"a new connection after {took:.2f} s, the old one ended after {ended:.2f} s"
            check(took < 1, f"a new connection worked after {took:.1f} s")
            check(ended < 1, f"the old connection ended after {ended:.1f} s")
        pair.stop()


add_restart("killed", lambda p: p.kill())
add_restart("stopped", lambda p: ends.stop_cleanly(p))


@suite.case("a_connection_of_before_a_restart_is_not_repeated_after_it", seconds=60)
def not_repeated(case):
    """What the first server may have passed on is not passed on by the second."""
    seen = []

    def serve(conn):
        while data := conn.recv(65536):
            seen.append(data)

    pair = Pair(case, Listener(serve).text)
    with dial(pair.address) as s:
        s.sendall(b"once")
        wait_until(lambda: seen, 10, "the target has it")
        pair.server.kill()
        pair.start_server("server2")
        ends_within(s, 20)
    check(b"".join(seen) == b"once", f"the target saw {seen}")
    pair.stop()


# ---- names and their addresses ------------------------------------------------------------------


def write_hosts(case, text):
    """For a client of start_with_hosts(); it may be written again, the mount is of this inode."""
    if os.geteuid() != 0:
        raise Skip("needs root for a hosts file of its own")
    return case.write("hosts", text)


def start_with_hosts(case, hosts, text, name, port):
    client = case.start(["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/hosts && exec "$0" -c "$2"',
                         ends.kcptund(), hosts, case.write(f"{name}.ini", text)], name)
    ends.wait_ready(client, tcp=[port])
    return client


def fall_silent(process):
    """As a host that is gone: nothing is heard of it from now on."""
    def standing():
        states = []
        for task in os.listdir(f"/proc/{process.pid}/task"):
            with open(f"/proc/{process.pid}/task/{task}/stat") as f:
                states.append(f.read().rsplit(")", 1)[1].split()[0])
        return set(states) == {"T"}
    process.signal(signal.SIGSTOP)
    wait_until(standing, 10, f"{process.name} stands still")


def works_after(address, seconds):
    """So long it took until a new connection worked, of several that were tried one after another."""
    start = time.monotonic()
    while True:
        try:
            opens_within(address, 0.3)
            return time.monotonic() - start
        except OSError:
            check(time.monotonic() - start < seconds, f"no new connection worked within {seconds} s")


def add_addresses(name, host):
    @suite.case(f"of_two_addresses_only_{name}_answers")
    def addresses(case):
        """The name has both, in whatever order; the server has one, which is tried first from then on."""
        hosts = write_hosts(case, "127.0.0.1 localhost both\n::1 both\n")
        pair = Pair(case, Listener(echo).text)
        pair.stop()
        pair.texts["server"] = pair.texts["server"].replace(f"listen = {LOCAL}:", f"listen = {host}:")
        pair.start_server("server2")
        text = pair.texts["client"].replace(f"remoteaddr = {LOCAL}:", "remoteaddr = both:")
        pair.client = start_with_hosts(case, hosts, text, "client2", pair.local)
        took = opens_within(pair.address, 10)
        case.note = f"after {took * 1000:.0f} ms"
        check(took < 1.5, f"the first connection took {took:.1f} s")
        check(opens_within(pair.address, 10) < 0.3, "the second connection waited, too")
        for n in range(3, 6):
            end = len(pair.client.log())
            ends.stop_cleanly(pair.server)
            pair.start_server(f"server{n}")
            wait_until(lambda: pair.client.log().count(" opened", end) > 0, 20, "another session")
            works_after(pair.address, 20)
            firsts = re.findall(r"session \S+ \(\w+\) to (\S+):\d+ opened", pair.client.log()[end:])
            check(set(firsts) == {host}, f"what answered is not tried first: {firsts}")
        pair.stop()


add_addresses("v4", LOCAL)
add_addresses("v6", "[::1]")


@suite.case("when_one_of_two_addresses_falls_silent_the_other_serves", seconds=40)
def other_address(case):
    hosts = write_hosts(case, "127.0.0.2 both\n127.0.0.3 both\n")
    pair = Pair(case, Listener(echo).text)
    pair.stop()
    servers = {}
    for host in ("127.0.0.2", "127.0.0.3"):
        text = pair.texts["server"].replace(f"listen = {LOCAL}:", f"listen = {host}:")
        servers[host] = ends.start_daemon(case, text, host, udp=[pair.far])
    client = start_with_hosts(case, hosts, pair.texts["client"].replace(f"remoteaddr = {LOCAL}:", "remoteaddr = both:"),
                              "client2", pair.local)
    opens_within(pair.address, 10)
    used = next(host for host, server in servers.items() if " opened" in server.log())
    fall_silent(servers[used])
    took = works_after(pair.address, 20)
    case.note = f"after {took:.1f} s"
    check(3 < took < 6, case.note)
    servers[used].signal(signal.SIGCONT)
    for p in (client, *servers.values()):
        ends.stop_cleanly(p)


def add_renamed(kind):
    @suite.case(f"a_server_whose_name_gets_another_address_serves_again_{kind}", seconds=40)
    def renamed(case):
        """As with dynamic DNS: the host at the old address says nothing more."""
        hosts = write_hosts(case, "127.0.0.2 far.test\n")
        far, local = case.port(), case.port()
        target = Listener(echo).text
        old, new = (ends.start_server(case, kind, {"smuxver": 2}, f"{host}:{far}", target, host)
                    for host in ("127.0.0.2", "127.0.0.3"))
        text = ends.ini(ends.section("client", "near", {
            "key": ends.KEY, "localaddr": f"{LOCAL}:{local}", "remoteaddr": f"far.test:{far}"}))
        client = start_with_hosts(case, hosts, text, "client", local)
        opens_within((LOCAL, local), 10)
        fall_silent(old)
        with open(hosts, "w") as f:
            f.write("127.0.0.3 far.test\n")
        took = works_after((LOCAL, local), 20)
        case.note = f"after {took:.1f} s"
        check(took < 6, case.note)
        check(" to 127.0.0.3:" in client.log(), "not by the new address")
        old.signal(signal.SIGCONT)
        ends.stop_cleanly(client)


for _kind in (ends.OURS, ends.GO):
    add_renamed(_kind)


# ---- vanishing ---------------------------------------------------------------------------------


class Host:
    """Another host on a wire of its own, which can be cut."""

    def __init__(self, case):
        self.name = f"kt{os.getpid()}"
        n = os.getpid() % 16384  # several cases at once have one each
        self.near, self.far = (f"198.19.{n >> 6}.{(n & 63) * 4 + i}" for i in (1, 2))
        case.run_ip = lambda *a: subprocess.run(["ip", *a], check=True, capture_output=True)
        if os.geteuid() != 0:
            raise Skip("needs root for a network namespace")
        case.run_ip("netns", "add", self.name)
        self.case = case
        case.run_ip("link", "add", self.name, "type", "veth", "peer", "name", "veth0", "netns", self.name)
        case.run_ip("addr", "add", f"{self.near}/30", "dev", self.name)
        case.run_ip("link", "set", self.name, "up")
        case.run_ip("-n", self.name, "addr", "add", f"{self.far}/30", "dev", "veth0")
        case.run_ip("-n", self.name, "link", "set", "veth0", "up")

    def start(self, text):
        return self.case.start(["ip", "netns", "exec", self.name, sys.executable, "-c", text], "host")

    def cut(self):
        self.case.run_ip("-n", self.name, "link", "set", "veth0", "down")

    def mend(self):
        self.case.run_ip("-n", self.name, "link", "set", "veth0", "up")

    def remove(self):
        subprocess.run(["ip", "link", "del", self.name], check=False)
        subprocess.run(["ip", "netns", "del", self.name], check=False)


def sockets(process):
    fds = f"/proc/{process.pid}/fd"
    return sum(os.readlink(f"{fds}/{fd}").startswith("socket:") for fd in os.listdir(fds))


TIMEOUT = 4
LATEST = TIMEOUT + 1.5  # of which half a second is the machine's


@suite.case("a_local_peer_that_vanished_is_given_up", seconds=60)
def vanished(case):
    """Both kinds: one to which nothing is under way, and one to which something is."""
    host = Host(case)
    try:
        pair = Pair(case, Listener(echo).text, client={"tcptimeout": TIMEOUT})
        pair.client.term(10)
        pair.texts["client"] = pair.texts["client"].replace(f"localaddr = {LOCAL}:{pair.local}",
                                                            f"localaddr = {host.near}:{pair.local}")
        pair.client = ends.start_daemon(case, pair.texts["client"], "client2")
        text = (f"import socket, time\n"
                f"for n in range(20):\n"
                f"    s = socket.create_connection(('{host.near}', {pair.local}))\n"
                f"    s.sendall(b'x'); s.recv(1); globals()[f's{{n}}'] = s\n"
                f"    if n % 2: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.sendall(bytes(200000))\n"
                f"print('there', flush=True); time.sleep(60)\n")
        far = host.start(text)
        wait_until(lambda: "there" in far.log(), 20, "20 connections")
        check(sockets(pair.client) > 20, "they have no descriptors")
        host.cut()
        start = time.monotonic()
        # the listener, the ear for news of the network, and the sessions
        wait_until(lambda: sockets(pair.client) <= 2 + 8, 20, "only what is not of connections is left")
        took = time.monotonic() - start
        case.note = f"after {took:.1f} s"
        check(took < LATEST, f"they were given up after {took:.1f} s")
    finally:
        host.remove()


@suite.case("a_target_that_vanished_is_given_up", seconds=60)
def vanished_target(case):
    """Its host is gone, of which nobody tells: connections where nothing is under way, and where something is."""
    host = Host(case)
    try:
        port = case.port()
        far = host.start(f"import socket, time\n"
                         f"listener = socket.create_server(('{host.far}', {port}), backlog=64)\n"
                         f"print('there', flush=True)\n"
                         f"conns = []\n"
                         f"while True:\n"
                         f"    s, _ = listener.accept(); s.sendall(b'x'); conns.append(s)\n")
        wait_until(lambda: "there" in far.log(), 20, "the target listens")
        pair = Pair(case, f"{host.far}:{port}", server={"tcptimeout": TIMEOUT})
        conns = [dial(pair.address) for _ in range(20)]
        for s in conns:
            read_exactly(s, 1)
        host.cut()
        start = time.monotonic()
        for s in conns[::2]:
            s.sendall(b"y")
        took = []
        for s in conns:
            ends_within(s, 20)
            took.append(time.monotonic() - start)
        case.note = f"after {took[0]:.1f} s those with something under way, {took[-1]:.1f} s all"
        check(took[-1] < LATEST, f"they were given up after {took[-1]:.1f} s")
        pair.stop()
    finally:
        host.remove()


@suite.case("a_shorter_tcptimeout_takes_no_connection_for_gone_that_lives", seconds=60)
def shorter(case):
    """A reload brings it while nothing was heard for longer than that; then a moment's cut has something under way."""
    host = Host(case)
    try:
        port = case.port()
        far = host.start(f"import socket, threading\n"
                         f"listener = socket.create_server(('{host.far}', {port}))\n"
                         f"print('there', flush=True)\n"
                         f"s, _ = listener.accept()\n"
                         f"while data := s.recv(100): s.sendall(data)\n")
        wait_until(lambda: "there" in far.log(), 20, "the target listens")
        pair = Pair(case, f"{host.far}:{port}", server={"tcptimeout": 0})
        with dial(pair.address) as s:
            s.settimeout(20)
            worst_round(s, 0.2)
            time.sleep(3)
            case.write("server.ini", pair.texts["server"].replace("tcptimeout = 0", "tcptimeout = 2"))
            pair.server.signal(signal.SIGHUP)
            check(pair.server.wait_log("reload: .*tcptimeout", 10), "the reload did nothing")
            host.cut()
            s.sendall(b"x")
            time.sleep(1)
            host.mend()
            check(read_exactly(s, 1) == b"x", "it does not go on")
            host.cut()
            start = time.monotonic()
            s.sendall(b"x")
            ends_within(s, 20)
            check(time.monotonic() - start < 2 + 1.5, f"it ended after {time.monotonic() - start:.1f} s")
        pair.stop()
    finally:
        host.remove()
