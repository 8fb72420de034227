"""Ready-made tunnels of our daemon for the end-to-end cases, and small clients and servers."""

import re
import signal
import socket
import threading
import time

import ends
import traffic
from cases import check

LOCAL = "127.0.0.1"
FEC = {"datashard": 10, "parityshard": 3}  # a client sends none unless it is told; a server follows it


class Pair:
    """A client tunnel and a server tunnel in two processes (or one), and what is behind them."""

    def __init__(self, case, target, client=None, server=None, together=False, descriptors=None, daemon=None):
        self.local = case.port()
        self.far = case.port()
        both = {"key": ends.KEY}  # the rest as everybody has it: automatic
        far = ends.section("server", "far", {
            **both, "listen": f"{LOCAL}:{self.far}", "target": target, **(server or {})})
        near = ends.section("client", "near", {
            **both, "localaddr": f"{LOCAL}:{self.local}", "remoteaddr": f"{LOCAL}:{self.far}",
            **(client or {})})
        self.texts = {"server": ends.ini(far, **(daemon or {})), "client": ends.ini(near)}
        self.case, self.descriptors = case, descriptors
        if together:
            self.server = self.client = ends.start_daemon(
                case, ends.ini(far, near), tcp=[self.local], udp=[self.far], descriptors=descriptors)
        else:
            self.start_server()
            self.start_client()

    def start_server(self, name="server"):
        self.server = ends.start_daemon(self.case, self.texts["server"], name, udp=[self.far],
                                        descriptors=self.descriptors)

    def start_client(self, name="client"):
        self.client = ends.start_daemon(self.case, self.texts["client"], name, tcp=[self.local],
                                        descriptors=self.descriptors)

    @property
    def address(self):
        return (LOCAL, self.local)

    def ends(self):
        return [self.client] if self.client is self.server else [self.client, self.server]

    def stop(self):
        for p in self.ends():
            ends.stop_cleanly(p)


def pair_to_target(case, **options):
    """A pair in front of the checking target: (pair, target)."""
    target = traffic.Target()
    return Pair(case, f"{LOCAL}:{target.port}", **options), target


def check_traffic(address, target, plan=((300_000, 500_000), (500_000, 300_000), (1, 1)), seconds=20):
    traffic.run_plan(address, plan, seconds)
    check(not target.faults, f"the target saw {target.faults[:3]}")


class Listener:
    """A TCP server whose every connection is handed to handler(socket) in a thread."""

    def __init__(self, handler, port=0):
        self.sock = socket.create_server((LOCAL, port), backlog=4096)
        self.port = self.sock.getsockname()[1]
        self.handler = handler
        self.results = []
        self.done = threading.Semaphore(0)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def text(self):
        return f"{LOCAL}:{self.port}"

    def _accept(self):
        while True:
            conn, _ = self.sock.accept()
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            conn.settimeout(60)
            try:
                result = self.handler(conn)
            except OSError as e:
                result = e
        self.results.append(result)
        self.done.release()

    def result(self, seconds=20):
        """What the handler returned for the next connection that ended."""
        check(self.done.acquire(timeout=seconds), f"the target's connection did not end in {seconds} s")
        result = self.results.pop(0)
        check(not isinstance(result, OSError), f"the target's connection failed: {result}")
        return result


def read_to_end(sock, pause=0.0):
    parts = []
    while True:
        data = sock.recv(65536)
        if not data:
            return b"".join(parts)
        parts.append(data)
        if pause:
            time.sleep(pause)


def read_exactly(sock, n):
    parts = b""
    while len(parts) < n:
        data = sock.recv(n - len(parts))
        check(data, f"end of stream after {len(parts)} of {n} bytes")
        parts += data
    return parts


def dial(address, seconds=20):
    return socket.create_connection(address, timeout=seconds)


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)


def worst_round(sock, seconds, pause=0.02):
    """One byte there and back, again and again; the longest time that took."""
    worst, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        sock.sendall(b"x")
        read_exactly(sock, 1)
        worst = max(worst, time.monotonic() - start)
        time.sleep(pause)
    return worst


def said_counters(text, tag=""):
    """The counters other than zero of a tunnel, or of all, that a log told last; None before it did."""
    found = None
    for match in re.finditer(r"^[^[\n]*?(?:\[(\S+)\] )?counters:(.*)$", text, re.M):
        if (match.group(1) or "") == tag:
            found = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", match.group(2))}
    return found


def counters(process, tag="", seconds=20):
    """Have the counters logged by SIGUSR1 and return them."""
    before = len(process.log())
    process.signal(signal.SIGUSR1)
    # The line of the whole process is the last, so that no line of a tunnel is yet to come.
    end = time.monotonic() + seconds
    while said_counters(process.log()[before:]) is None:
        check(time.monotonic() < end, f"no counters in the log of {process.name} after SIGUSR1")
        time.sleep(0.05)
    return said_counters(process.log()[before:], tag)
