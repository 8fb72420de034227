"""A relay of datagrams between the two ends of a tunnel, that sees and may change what passes."""

import select
import socket
import threading

import ends
from tunnels import LOCAL


class Relay:
    """In front of a server on port `far`: passes datagrams on, and keeps copies of those towards it."""

    def __init__(self, case, far):
        self.port = case.port()
        self.far = far
        self.kept = []     # towards the server
        self.opening = []  # of those, what came before the server ever answered
        self.open = True
        self.answers = True  # those of the server pass as well
        self.times = 1       # that a datagram towards the server is sent
        self.longest = None  # bytes of those that pass, either way
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((LOCAL, self.port))
        self.client = None
        self.answered = False
        self.out = self._socket()
        threading.Thread(target=self._run, daemon=True).start()

    def _socket(self):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((LOCAL, 0))
        return s

    def move(self):
        """From now on the server sees another address; what it sends to the old one is lost."""
        self.out = self._socket()

    def _run(self):
        while True:
            out = self.out
            for s in select.select([self.sock, out], [], [], 0.05)[0]:
                try:
                    data, peer = s.recvfrom(2048)
                except OSError:
                    continue
                if self.longest and len(data) > self.longest:
                    continue
                if s is self.sock:
                    self._towards_server(data, peer)
                elif self.client and self.open and self.answers and s is self.out:
                    self.answered = True
                    self.sock.sendto(data, self.client)

    def _towards_server(self, data, peer):
        self.client = peer
        self.kept.append(data)
        if not self.answered:
            self.opening.append(data)
        for _ in range(self.times if self.open else 0):
            self.out.sendto(data, (LOCAL, self.far))


class Path(Relay):
    """One that a pair's client is started anew to go through."""

    def __init__(self, case, pair):
        super().__init__(case, pair.far)
        ends.stop_cleanly(pair.client)
        pair.texts["client"] = pair.texts["client"].replace(f"remoteaddr = {LOCAL}:{pair.far}",
                                                            f"remoteaddr = {LOCAL}:{self.port}")
        pair.start_client("client2")


class Nat:
    """A translator of addresses in front of a server on port `far`: each port of a client has one of its own there."""

    def __init__(self, case, far):
        self.port, self.far = case.port(), far
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((LOCAL, self.port))
        self.outs = {}     # by the client's address
        self.lost = set()  # addresses of clients for which nothing passes
        self.open = True
        threading.Thread(target=self._run, daemon=True).start()

    def lose(self):
        """Nothing passes any more, either way, for the ports that the client has used so far."""
        self.lost.update(self.outs)

    def find(self):
        self.lost.clear()

    def _run(self):
        while True:
            by_socket = {s: client for client, s in self.outs.items()}
            for s in select.select([self.sock, *by_socket], [], [], 0.05)[0]:
                try:
                    data, peer = s.recvfrom(2048)
                except OSError:
                    continue
                client = by_socket.get(s, peer)
                if client in self.lost or not self.open:
                    continue
                if s is not self.sock:
                    self.sock.sendto(data, client)
                    continue
                if client not in self.outs:
                    self.outs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self.outs[client].bind((LOCAL, 0))
                self.outs[client].sendto(data, (LOCAL, self.far))
