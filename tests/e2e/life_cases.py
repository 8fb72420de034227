"""Start, stop, death and return of either end."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from suite import suite
from tunnels import (FEC, LOCAL, Listener, Pair, check_traffic, counters, dial, echo, pair_to_target, read_exactly,
                     read_to_end, said_counters)
import ends
import traffic
from cases import check, wait_until

CLOCK_JUMP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "clock_jump.c")
BADNET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "badnet.py")

# A session whose server forgot it is given up after smux's 30 s of silence at the latest.
RECOVERY_MAX = 45


@suite.case("term_and_int_stop_an_idle_daemon_at_once", tags=["short"])
def stop_idle(case):
    for number in (signal.SIGTERM, signal.SIGINT):
        pair, target = pair_to_target(case, together=True)
        check_traffic(pair.address, target)
        start = time.monotonic()
        pair.client.signal(number)
        code = pair.client.wait(10)
        took = time.monotonic() - start
        check(code == 0, f"exit code {code} after signal {number}")
        check(took < 3, f"{took:.1f} s to stop with nothing to send")


def slow_net(case, pair, delay):
    """Put a relay with this delay (ms) between the ends of a pair whose client is yet to start."""
    near = case.port()
    relay = case.start([sys.executable, BADNET, "--listen", near, "--to", pair.far, "--delay", delay], "badnet")
    ends.wait_ready(relay, udp=[near])
    pair.texts["client"] = pair.texts["client"].replace(f"remoteaddr = {LOCAL}:{pair.far}",
                                                        f"remoteaddr = {LOCAL}:{near}")
    ends.stop_cleanly(pair.client)
    pair.start_client("client2")


def all_is_read(sock):
    """Whether nothing that we sent waits in the kernel's queues, ours or that of the other end of this machine."""
    queues = {}
    with open("/proc/net/tcp") as f:
        for line in f.readlines()[1:]:
            _, local, remote, _, queue = line.split()[:5]
            queues[int(local.split(":")[1], 16), int(remote.split(":")[1], 16)] = queue.split(":")
    us, them = sock.getsockname()[1], sock.getpeername()[1]
    return int(queues[us, them][0], 16) == 0 and int(queues[them, us][1], 16) == 0


@suite.case("term_at_the_client_delivers_what_is_in_flight")
def term_client_in_flight(case):
    data = os.urandom(150_000)

    def serve(conn):
        conn.sendall(read_exactly(conn, 1))
        got = b""
        try:
            while part := conn.recv(65536):
                got += part
            return got + b" and an end, as if that had been all"
        except ConnectionResetError:
            return got

    far = Listener(serve)
    pair = Pair(case, far.text)
    slow_net(case, pair, 300)
    with dial(pair.address) as s:
        s.sendall(b"?")
        read_exactly(s, 1)
        s.sendall(data)
        wait_until(lambda: all_is_read(s), 20, "the client has read it")  # nothing is acknowledged for 600 ms
        code = pair.client.term(15)
        check(code == 0, f"exit code {code}")
    ends.stop_cleanly(pair.server)
    got = far.result()
    check(got == data, f"{len(got)} of {len(data)} bytes arrived")


@suite.case("term_at_the_server_delivers_what_is_in_flight")
def term_server_in_flight(case):
    data = os.urandom(150_000)

    taken = threading.Event()

    def serve(conn):
        read_exactly(conn, 1)
        conn.sendall(data)
        wait_until(lambda: all_is_read(conn), 20, "the server has read it")
        taken.set()
        return read_to_end(conn)

    far = Listener(serve)
    pair = Pair(case, far.text)
    slow_net(case, pair, 150)
    with dial(pair.address) as s:
        s.sendall(b"?")
        got = read_exactly(s, 1)
        check(taken.wait(20), "the server has not read it")  # a part is held back until the client is proven
        code = pair.server.term(15)
        check(code == 0, f"exit code {code}")
        got += read_exactly(s, len(data) - 1)
        check(got == data, "the data is not the one sent")
    ends.stop_cleanly(pair.client)


@suite.case("who_comes_while_the_server_stops_is_reset")
def comes_late(case):
    """The client has not heard yet that the server leaves, and opens a stream there."""
    def serve(conn):
        read_exactly(conn, 1)
        conn.sendall(b"!" * 150_000)
        return read_to_end(conn)

    far = Listener(serve)
    pair = Pair(case, far.text, client={"conn": 1})
    slow_net(case, pair, 500)
    with dial(pair.address) as first:
        first.sendall(b"?")
        read_exactly(first, 1)
        pair.server.signal(signal.SIGTERM)
        with dial(pair.address) as late:
            late.sendall(b"?")
            try:
                got = late.recv(10)
                check(False, f"the answer is {got!r} and an end")
            except ConnectionResetError:
                pass
    check(pair.server.wait(15) == 0, "the server did not stop in good order")
    ends.stop_cleanly(pair.client)


@suite.case("a_stop_with_an_unreachable_peer_is_bounded", seconds=40)
def stop_unreachable(case):
    pair, _ = pair_to_target(case)
    pair.server.kill()
    with dial(pair.address) as s:
        s.sendall(b"x" * 100_000)
        time.sleep(0.5)
        start = time.monotonic()
        ends.stop_cleanly(pair.client, 20)
        case.note = f"{time.monotonic() - start:.1f} s"


@suite.case("usr1_logs_the_counters", tags=["short"])
def usr1(case):
    pair, target = pair_to_target(case, client=FEC)
    check_traffic(pair.address, target, [(400_000, 100_000)])
    near, far = counters(pair.client), counters(pair.server)
    check(near == said_counters(pair.client.log(), "near"), "one tunnel's counters differ from the sum")
    for name in ("BytesSent", "BytesReceived", "ActiveOpens", "CurrEstab", "InPkts", "OutPkts", "InSegs",
                 "OutSegs", "InBytes", "OutBytes"):
        check(near.get(name, 0) > 0, f"the client's {name} is {near.get(name)}")
    check(far.get("PassiveOpens") == 1, f"the server's PassiveOpens is {far.get('PassiveOpens')}")
    check(near["OutBytes"] > 400_000 * 0.4, f"OutBytes is only {near['OutBytes']}")
    check(near["InCsumErrors"] == 0 if "InCsumErrors" in near else True, "checksum errors on loopback")
    check(near["PayloadOutBytes"] == 400_000 + traffic.HEADER.size,
          f"PayloadOutBytes is {near['PayloadOutBytes']}")
    # Parity starts when each end knows what the other makes of it.
    check_traffic(pair.address, target, [(1_000_000, 1_000_000)] * 3)
    for end in (pair.client, pair.server):
        check(counters(end).get("FECParityShards", 0) > 100, f"no parity came to {end.name}")
    pair.stop()


def time_to_recover(address, target, limit):
    """Seconds until a new connection passes data."""
    start = time.monotonic()
    while time.monotonic() - start < limit:
        try:
            traffic.run_plan(address, [(1000, 1000)], 3)
            return time.monotonic() - start
        except (TimeoutError, EOFError, OSError):
            time.sleep(0.2)
    check(False, f"no new connection works {limit} s after the return of the server")


@suite.case("server_killed_and_restarted_clients_recover", seconds=RECOVERY_MAX + 40)
def server_restart(case):
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target)
    pair.server.kill()
    pair.start_server("server2")
    took = time_to_recover(pair.address, target, RECOVERY_MAX)
    target.settle()  # the faults are those of the connections that the old session took along
    check_traffic(pair.address, target)
    case.note = f"after {took:.1f} s"
    pair.stop()


@suite.case("server_killed_in_a_transfer_and_restarted", seconds=RECOVERY_MAX + 40)
def server_restart_in_transfer(case):
    pair, target = pair_to_target(case)
    with dial(pair.address) as s:
        s.settimeout(0.5)
        try:
            s.sendall(traffic.HEADER.pack(traffic.MAGIC, 1 << 30, 0, 1))
            for _ in range(100):
                s.sendall(traffic.piece(1, 0, 1000))
        except OSError:
            pass
        pair.server.kill()
        pair.start_server("server2")
        took = time_to_recover(pair.address, target, RECOVERY_MAX)
    case.note = f"after {took:.1f} s"
    pair.stop()


class AcksOnly:
    """A relay that lets pass of the server's datagrams, until `open`, only those that begin with an acknowledgement."""

    def __init__(self, case, far):
        self.far, self.open, self.acked, self.client = (LOCAL, far), False, False, None
        self.near, self.up = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.port = case.port()
        self.near.bind((LOCAL, self.port))
        self.up.bind((LOCAL, 0))
        for run in self.forth, self.back:
            threading.Thread(target=run, daemon=True).start()

    def forth(self):
        while True:
            data, self.client = self.near.recvfrom(2048)
            self.up.sendto(data, self.far)

    def back(self):
        while True:
            try:
                data, _ = self.up.recvfrom(2048)
            except ConnectionRefusedError:
                continue
            acks = data[4:5] == b"\x52" and len(data) == 24
            self.acked = self.acked or acks
            if self.open or acks:
                self.near.sendto(data, self.client)


@suite.case("what_is_said_while_a_connection_goes_over_to_the_next_server_arrives", seconds=60)
def goes_over_while_it_speaks(case):
    pair = Pair(case, Listener(echo).text, client={"conn": 1})
    slow_net(case, pair, 100)
    pair.texts["client"] = pair.texts["client"].replace(f"remoteaddr = {LOCAL}", "remoteaddr = localhost")
    ends.stop_cleanly(pair.client)
    pair.start_client("client3")  # for which a session begins with a question for the name
    with dial(pair.address) as first:
        first.sendall(b"?")
        read_exactly(first, 1)
        pair.server.kill()
        pair.start_server("server2")
        time.sleep(0.5)  # what begins now certainly began after the server
        with dial(pair.address) as s, dial(pair.address) as half, dial(pair.address) as mute:
            mute.shutdown(socket.SHUT_WR)
            half.sendall(b"all of it")
            half.shutdown(socket.SHUT_WR)
            said = b""
            for i in range(60):
                s.sendall(b"%03d" % i)
                said += b"%03d" % i
                time.sleep(0.02)
            check(read_exactly(s, len(said)) == said, "what came back is not what was said")
            check(read_to_end(half) == b"all of it", "what came back is not all")
            check(read_to_end(mute) == b"", "something came where nothing was said")
    ends.stop_cleanly(pair.client)
    ends.stop_cleanly(pair.server)


def answers(address):
    with dial(address) as s:
        s.sendall(b"!")
        try:
            return s.recv(1) == b"!"
        except ConnectionResetError:
            return False


@suite.case("server_restarted_that_acknowledged_the_beginning_only", seconds=40)
def acknowledged_beginning(case):
    """The client has heard no data yet, so that what it goes on with looks like a beginning to the next server.  A
    connection that comes before this is noticed is reset at once: nobody knows to whom its bytes went."""
    pair = Pair(case, Listener(lambda conn: conn.sendall(conn.recv(1))).text, client={"crypt": "null", "conn": 1},
                server={"crypt": "null"})
    ends.stop_cleanly(pair.client)
    relay = AcksOnly(case, pair.far)
    pair.texts["client"] = pair.texts["client"].replace(f":{pair.far}", f":{relay.port}")
    pair.start_client("client2")
    with dial(pair.address) as first:
        first.sendall(b"?")
        wait_until(lambda: relay.acked, 20, "an acknowledgement")
        time.sleep(0.2)
        pair.server.kill()
        pair.start_server("server2")
        relay.open = True
        start = time.monotonic()
        wait_until(lambda: answers(pair.address), 20, "the next server answers")
        took = time.monotonic() - start
        case.note = f"after {took:.1f} s"
        check(took < 3, f"{took:.1f} s until the next server answered")


@suite.case("client_killed_and_restarted_works_at_once")
def client_restart(case):
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target)
    for i in range(3):
        pair.client.kill()
        pair.start_client(f"client{i + 2}")
        check_traffic(pair.address, target, seconds=15)  # a session lives on for 30 s
    pair.stop()


@suite.case("client_started_before_its_server_waits_quietly", seconds=50, tags=["alone"])
def client_first(case):
    pair, target = pair_to_target(case)
    ends.stop_cleanly(pair.server)
    ends.stop_cleanly(pair.client)
    pair.start_client("client2")
    with dial(pair.address, 30) as s:
        s.sendall(traffic.HEADER.pack(traffic.MAGIC, 0, 100, 7))
        time.sleep(1)
        before = pair.client.cpu_seconds()
        time.sleep(5)
        used = pair.client.cpu_seconds() - before
        check(used < 0.1, f"{used:.2f} s of CPU in 5 s of waiting")
        pair.start_server("server2")
        start = time.monotonic()
        got = read_exactly(s, 100 + traffic.VERDICT)[:100]  # to its end: what is left unread is a reset
        check(got == bytes(traffic.piece(8, 0, 100)), "the answer is another one")
        case.note = f"{used:.2f} s of CPU in 5 s, answer {time.monotonic() - start:.1f} s after the start"
    check_traffic(pair.address, target)
    pair.stop()


@suite.case("autoexpire_moves_new_streams_and_cuts_none", seconds=40)
def autoexpire(case):
    pair, target = pair_to_target(case, client={"autoexpire": 2})

    with dial(pair.address) as s:
        s.sendall(traffic.HEADER.pack(traffic.MAGIC, 10, 0, 3))
        for i in range(10):
            time.sleep(0.6)
            check_traffic(pair.address, target, [(1000, 1000)])
            s.sendall(traffic.piece(3, i, 1))
        check(read_exactly(s, traffic.VERDICT).strip() == b"ok", "the old stream lost something")
    opened = counters(pair.client).get("ActiveOpens", 0)
    check(opened >= 3, f"only {opened} sessions in 6 s with autoexpire = 2")
    pair.stop()


@suite.case("scavengettl_ends_an_expired_session", seconds=40)
def scavengettl(case):
    def serve(conn):
        try:
            return read_to_end(conn)
        except ConnectionResetError:
            return b""

    far = Listener(serve)
    pair = Pair(case, far.text, client={"autoexpire": 1, "scavengettl": 2})
    with dial(pair.address, 20) as s:
        s.sendall(b"stays")
        start = time.monotonic()
        try:
            read_to_end(s)
        except ConnectionResetError:
            pass
        took = time.monotonic() - start
        check(2 <= took < 15, f"the session ended after {took:.1f} s, not 3")
    pair.stop()


@suite.case("an_idle_session_survives_on_keepalives", seconds=60)
def keepalive(case):
    pair, target = pair_to_target(case, client={"keepalive": 3}, server={"keepalive": 3})
    with dial(pair.address, 40) as s:
        s.sendall(traffic.HEADER.pack(traffic.MAGIC, 1, 0, 3))
        time.sleep(34)
        s.sendall(traffic.piece(3, 0, 1))
        check(read_exactly(s, traffic.VERDICT).strip() == b"ok", "the idle stream did not survive")
    opened = counters(pair.client).get("ActiveOpens", 0)
    check(opened == 1, f"{opened} sessions instead of one")
    pair.stop()


@suite.case("a_jump_of_the_wall_clock_changes_nothing", seconds=40)
def clock_jump(case):
    case.need("cc")
    shim, jump = case.path("jump.so"), case.write("jump", struct.pack("=q", 0))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, CLOCK_JUMP], check=True)
    pair, target = pair_to_target(case, client={"conn": 1, "accesslog": "yes"})
    pair.stop()
    env = {**os.environ, "LD_PRELOAD": shim, "CLOCK_JUMP": jump}
    pair.server = ends.start_daemon(case, pair.texts["server"], "server2", udp=[pair.far], env=env)
    pair.client = ends.start_daemon(case, pair.texts["client"], "client2", tcp=[pair.local], env=env)
    with dial(pair.address) as s:
        s.sendall(traffic.HEADER.pack(traffic.MAGIC, 12, 0, 3))
        before = sum(p.cpu_seconds() for p in pair.ends())
        for i, days in enumerate((0, 400, 0, -400)):
            with open(jump, "r+b") as f:
                f.write(struct.pack("=q", days * 86400))
            for k in range(3):
                s.sendall(traffic.piece(3, 3 * i + k, 1))
                time.sleep(0.4)
            check_traffic(pair.address, target, [(100_000, 100_000)])
        check(read_exactly(s, traffic.VERDICT).strip() == b"ok", "the stream lost something")
        used = sum(p.cpu_seconds() for p in pair.ends()) - before
    years = {line[:4] for line in pair.client.log().splitlines()}
    check(len(years) >= 3, f"the clock did not jump: the log is of {years}")
    opened = counters(pair.client).get("ActiveOpens", 0)
    check(opened == 1, f"{opened} sessions instead of one")
    check("warn" not in pair.client.log() + pair.server.log(), "something is complained of")
    check(used < 1, f"{used:.2f} s of CPU")
    pair.stop()


def through_badnet(case, settings, client_settings, *net):
    """Megabytes both ways through a relay that is no good; what the client counted."""
    pair, target = pair_to_target(case, server=settings)
    near, local = case.port(), case.port()
    relay = case.start([sys.executable, BADNET, "--listen", near, "--to", pair.far, *net], "badnet")
    ends.wait_ready(relay, udp=[near])
    client = ends.start_client(case, ends.OURS, {**settings, **client_settings}, f"{LOCAL}:{local}",
                               f"{LOCAL}:{near}", name="client2")
    check_traffic((LOCAL, local), target, [(2 << 20, 2 << 20)] * 3, 50)
    figures = counters(client)
    ends.stop_cleanly(client)
    pair.stop()
    return figures


@suite.case("transfers_through_a_bad_network", seconds=60, tags=["short"])
def bad_network(case):
    figures = through_badnet(case, {"mode": "fast3", "sndwnd": 1024, "rcvwnd": 1024}, FEC, "--loss", 0.1, "--reorder",
                             0.1, "--duplicate", 0.05, "--corrupt", 0.05, "--delay", 10)
    for name in ("FECRecovered", "InCsumErrors", "RetransSegs"):
        check(figures.get(name, 0) > 0, f"{name} is 0 on a network that loses and corrupts")


@suite.case("transfers_through_a_bad_network_with_nothing_tuned", seconds=60, tags=["short"])
def bad_network_untuned(case):
    figures = through_badnet(case, {}, {}, "--loss", 0.03, "--reorder", 0.1, "--duplicate", 0.05, "--delay", 10)
    check(figures.get("RetransSegs", 0) > 0, "nothing was sent again on a network that loses")


@suite.case("a_dead_target_comes_back")
def target_returns(case):
    port = case.port()
    pair = Pair(case, f"{LOCAL}:{port}")
    try:
        with dial(pair.address, 10) as s:
            s.sendall(b"?")
            read_to_end(s)
    except ConnectionResetError:  # may come as soon as the connection is there
        pass
    target = traffic.Target((LOCAL, port))
    check_traffic(pair.address, target)
    faults = target.settle()
    check(not faults, f"the target saw {faults[:3]}")
    pair.stop()
