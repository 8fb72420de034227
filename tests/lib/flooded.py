"""A client and a server on a wire of their own, and a stranger who floods the server from the client's end of it."""

import json
import os
import socket
import threading
import time

import ends
import unixes
from cases import Failure, Skip, check
from control import Channel
from netns import new_hosts, on_host, run_ip

CLIENT, STRANGER, SERVER = "10.201.78.1", "10.201.78.3", "10.201.78.2"
PORT = 29900
KINDS = ("garbage", "forged", "replayed", "live", "openings", "middles", "acks", "windows", "far", "frames")
OF_A_CLIENT = ("openings", "acks", "windows", "far", "frames")  # begin sessions, as they may: they have the key
BLOCK = os.urandom(1 << 16)  # which no compression makes less of; Snappy looks back no further


def flood_program():
    path = os.environ.get("FLOOD") or os.path.join(os.path.dirname(ends.kcptund()), "tests", "flood")
    if not os.access(path, os.X_OK):
        raise Skip("there is no flood program here")
    return path


class Wire:
    def __init__(self, case):
        self.near, self.far = new_hosts(case, "ab")
        run_ip("link", "add", "veth0", "netns", self.near, "type", "veth", "peer", "name", "veth0", "netns", self.far)
        for name, addresses in ((self.near, (CLIENT, STRANGER)), (self.far, (SERVER,))):
            for address in addresses:
                run_ip("-n", name, "addr", "add", address + "/24", "dev", "veth0")
            run_ip("-n", name, "link", "set", "veth0", "up")


class Flooded:
    """The two ends; connections and target are Unix sockets. Unless the target is somebody else's, the first byte of a
    connection says what is to be done."""

    def __init__(self, case, rate_limit, settings=None, own_target=True, listen=SERVER):
        self.case, self.wire = case, Wire(case)
        self.flood_path = flood_program()
        self.local, self.target, self.control = (case.path(n) for n in ("local", "target", "control"))
        self.received = 0  # by the target
        if own_target:
            unixes.listen(self.target, self._serve)
        both = {"key": ends.KEY, "ratelimit": rate_limit, **(settings or {})}
        self.server = self._start("server", self.wire.far,
                                  {**both, "listen": f"{listen}:{PORT}", "target": self.target}, control=self.control)
        self.both = both
        self.client = self.start_client("client", self.local)

    def start_client(self, name, local):
        """One more, if it is not the first."""
        return self._start("client", self.wire.near,
                           {**self.both, "localaddr": local, "remoteaddr": f"{SERVER}:{PORT}"}, name=name)

    def _start(self, role, where, settings, control="none", name=None):
        name = name or role
        text = ends.ini(ends.section(role, role, settings), control=control)
        process = self.case.start([*on_host(where), ends.kcptund(), "-c",
                                   self.case.write(name + ".ini", text)], name)
        check(process.wait_log("ready", 20), f"the {name} did not start")
        return process

    def _serve(self, conn):
        if conn.recv(1) == b"d":
            while True:
                conn.sendall(BLOCK)
        while data := conn.recv(1 << 18):
            self.received += len(data)

    def dial(self):
        return unixes.dial(self.local, 30)

    def sessions(self):
        """How many the server has."""
        channel = Channel(self.control)
        try:
            return channel.good("status")["tunnels"][0]["sessions"]
        finally:
            channel.close()

    def flood(self, kind, rate, seconds, name=None):
        """It is started; the process."""
        arguments = ["--to", f"{SERVER}:{PORT}", "--from", STRANGER, "--kind", kind, "--rate", rate, "--seconds",
                     seconds, "--key", ends.KEY]
        if kind == "replayed":
            arguments += ["--file", self.case.path("earlier")]
        return self.case.start([*on_host(self.wire.near), self.flood_path, *arguments], name or f"flood-{kind}")

    @staticmethod
    def flooded(process, seconds):
        """What it said at its end."""
        if process.wait(seconds) != 0:
            raise Failure(f"{process.name} did not end well: {process.log()}")
        return json.loads(process.log().strip().splitlines()[-1])

    @staticmethod
    def _say(path):
        with unixes.dial(path) as s:
            end = time.monotonic() + 1
            while time.monotonic() < end:
                s.sendall(BLOCK[:1000])
                time.sleep(0.002)

    def record_earlier(self, say=None):
        """What a session says from its beginning, in which say(socket's path) makes a connection; then it is over."""
        recorder = self.case.start([*on_host(self.wire.near), self.flood_path, "--to", f"{SERVER}:{PORT}",
                                    "--from", STRANGER, "--record", self.case.path("earlier"), "--seconds", "3"],
                                   "recorder")
        time.sleep(0.5)
        text = self.client.argv[-1]
        earlier = self.case.start([*on_host(self.wire.near), ends.kcptund(), "-c", self._another(text)],
                                  "earlier")
        check(earlier.wait_log("ready", 20), "the earlier client did not start")
        (say or self._say)(self.case.path("local0"))
        ends.stop_cleanly(earlier)
        heard = self.flooded(recorder, 20)["heard"]
        check(heard > 20, f"only {heard} datagrams of the earlier session were heard")

    def _another(self, path):
        with open(path) as f:
            return self.case.write("earlier.ini", f.read().replace(self.local, self.case.path("local0")))


class Transfer:
    """Bytes that go one way as fast as they may, counted where they arrive."""

    def __init__(self, flooded, direction):
        self.flooded, self.direction = flooded, direction
        self.sock = flooded.dial()
        self.came = 0
        self.sock.sendall(direction.encode())
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                if self.direction == "d":
                    got = len(self.sock.recv(1 << 18))
                    if got == 0:
                        return
                    self.came += got
                else:
                    self.sock.sendall(BLOCK)
        except OSError:
            pass

    def bytes(self):
        return self.came if self.direction == "d" else self.flooded.received

    def rate(self, seconds):
        """Bytes per second over so long."""
        before, start = self.bytes(), time.monotonic()
        time.sleep(seconds)
        return (self.bytes() - before) / (time.monotonic() - start)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
