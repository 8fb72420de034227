"""Ports: free ones to give to programs, and whether a program listens on one yet."""

import os
import random
import socket

# Below the range from which the kernel draws ports of outgoing sockets, so that none of those
# can take a port between our asking and the program's binding it.
FIRST, LAST = 10100, 32000
SLOT_SIZE = 750
SLOTS = (LAST - FIRST) // SLOT_SIZE

_claim = None  # the socket whose name says that the slot is ours, as long as this process lives
_first = None
_next = None


def use_slot(slot):
    """Cases that run at the same time, of this run or of another one, draw from ranges of their own."""
    global _claim, _first, _next
    _claim = socket.socket(socket.AF_UNIX)
    for i in range(SLOTS):
        slot_here = (slot + i) % SLOTS
        try:
            _claim.bind(f"\0kcptund-test-ports-{slot_here}")
        except OSError:
            continue
        _first, _next = FIRST + slot_here * SLOT_SIZE, random.randrange(SLOT_SIZE)
        return
    raise RuntimeError("no free range of ports")


def _is_free(port):
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                s = socket.socket(family, kind)
            except OSError:
                continue  # no such family here
            with s:
                try:
                    s.bind((address, port))
                except OSError:
                    return False
    return True


def free(count=1):
    """The first of `count` consecutive ports that nothing uses, TCP or UDP, any family."""
    global _next
    if _claim is None:
        use_slot(0)
    for _ in range(SLOT_SIZE):
        if _next + count > SLOT_SIZE:
            _next = 0
        port = _first + _next
        _next += count
        if all(_is_free(p) for p in range(port, port + count)):
            return port
    raise RuntimeError("no free port")


def _bound(pid, protocol):
    """Local ports of the sockets in the network namespace of `pid`; of TCP, only listening ones."""
    found = set()
    for name in (protocol, protocol + "6"):
        try:
            with open(f"/proc/{pid}/net/{name}") as f:
                lines = f.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if protocol == "udp" or fields[3] == "0A":
                found.add(int(fields[1].rsplit(":", 1)[1], 16))
    return found


def listening(protocol, port, pid=None):
    return port in _bound(pid or os.getpid(), protocol)
