#!/usr/bin/env python3
"""badnet - a UDP relay that loses, repeats, delays, reorders and corrupts datagrams, by a seed.

Every source address gets a socket of its own towards the server, so that many sessions pass at
once. Each direction of each has its own generator: what happens to the n-th datagram of a direction
depends on the seed alone. On SIGHUP it forgets whose socket is whose, as an address translator does: the server
then sees other addresses, and what it sends to those of before is lost.
"""

import argparse
import heapq
import random
import select
import signal
import socket
import sys
import time

DATAGRAM_MAX = 65536
SOCKET_BUFFER = 4 << 20


class Fate:
    """What becomes of each datagram of one direction."""

    def __init__(self, args, seed):
        self.args = args
        self.rng = random.Random(seed)

    def of(self, data):
        """The copies to deliver, each with its delay in seconds."""
        a, rng = self.args, self.rng
        if rng.random() < a.loss:
            return []
        copies = 2 if rng.random() < a.duplicate else 1
        return [(self._delay(), self._maybe_corrupt(data)) for _ in range(copies)]

    def _delay(self):
        a, rng = self.args, self.rng
        delay = a.delay / 1000
        if rng.random() < a.reorder:
            delay += rng.uniform(0, a.jitter / 1000)
        return delay

    def _maybe_corrupt(self, data):
        rng = self.rng
        if not data or rng.random() >= self.args.corrupt:
            return data
        kind = rng.randrange(3)
        if kind == 0:  # some bits
            bad = bytearray(data)
            for _ in range(rng.randrange(1, 9)):
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            return bytes(bad)
        if kind == 1:  # cut short
            return data[:rng.randrange(len(data))]
        return rng.randbytes(len(data))  # garbage


class Relay:
    def __init__(self, args):
        self.args = args
        self.sock = self._socket()
        self.sock.bind((args.host, args.listen))
        self.server = (args.host, args.to)
        self.by_client = {}  # address -> socket towards the server
        self.client_of = {}  # that socket's descriptor -> (socket, address, fate)
        self.fates = {}
        self.late = []  # heap of (time, number, socket, address or None, data)
        self.number = 0
        self.poll = select.epoll()
        self.poll.register(self.sock, select.EPOLLIN)
        self.counts = {"in": 0, "out": 0}

    def _socket(self):
        family = socket.AF_INET6 if ":" in self.args.host else socket.AF_INET
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            s.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        return s

    def _upstream(self, address):
        if address not in self.by_client:
            s = self._socket()
            s.connect(self.server)
            n = len(self.by_client)
            self.by_client[address] = s
            self.fates[address] = Fate(self.args, self.args.seed + 2 * n)
            self.client_of[s.fileno()] = (s, address, Fate(self.args, self.args.seed + 2 * n + 1))
            self.poll.register(s, select.EPOLLIN)
        return self.by_client[address]

    def forget(self):
        for sock, _, _ in self.client_of.values():
            sock.close()
        self.by_client, self.client_of = {}, {}

    def _offer(self, fate, sock, address, data):
        self.counts["in"] += 1
        for delay, copy in fate.of(data):
            if delay <= 0:
                self._deliver(sock, address, copy)
            else:
                self.number += 1
                heapq.heappush(self.late, (time.monotonic() + delay, self.number, sock, address, copy))

    def _deliver(self, sock, address, data):
        self.counts["out"] += 1
        try:
            if address is None:
                sock.send(data)
            else:
                sock.sendto(data, address)
        except OSError:
            pass  # full, or nobody there: lost, as on a real network

    def _from_clients(self):
        for _ in range(64):
            try:
                data, address = self.sock.recvfrom(DATAGRAM_MAX)
            except OSError:
                return
            upstream = self._upstream(address)
            self._offer(self.fates[address], upstream, None, data)

    def _from_server(self, fd):
        if fd not in self.client_of:  # forgotten in between
            return
        sock, address, fate = self.client_of[fd]
        for _ in range(64):
            try:
                data = sock.recv(DATAGRAM_MAX)
            except OSError:
                return
            self._offer(fate, self.sock, address, data)

    def run(self):
        while True:
            wait = -1 if not self.late else max(0, self.late[0][0] - time.monotonic())
            for fd, _ in self.poll.poll(wait):
                if fd == self.sock.fileno():
                    self._from_clients()
                else:
                    self._from_server(fd)
            now = time.monotonic()
            while self.late and self.late[0][0] <= now:
                _, _, sock, address, data = heapq.heappop(self.late)
                self._deliver(sock, address, data)


def main():
    p = argparse.ArgumentParser(description="a UDP relay with a bad network in it")
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--listen", type=int, required=True, help="port that clients send to")
    p.add_argument("--to", type=int, required=True, help="port of the server")
    p.add_argument("--seed", type=int, default=1)
    for name in ("loss", "duplicate", "reorder", "corrupt"):
        p.add_argument("--" + name, type=float, default=0, help="probability, 0 to 1")
    p.add_argument("--delay", type=float, default=0, help="of every datagram, ms")
    p.add_argument("--jitter", type=float, default=20, help="at most, of a reordered one, ms")
    args = p.parse_args()
    relay = Relay(args)

    def stop(signum, frame):
        print(f"badnet: {relay.counts['in']} datagrams in, {relay.counts['out']} out", file=sys.stderr)
        sys.exit(0)

    signal.signal(signal.SIGHUP, lambda signum, frame: relay.forget())
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    relay.run()


if __name__ == "__main__":
    main()
