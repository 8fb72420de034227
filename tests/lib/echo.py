"""A target for thousands of connections at once: one process with one epoll, that a case looks at from outside.

A thread for each connection in the case's own interpreter does not keep up: the queue of connections
overflows, which the kernel answers with resets that are not kcptund's, and the case itself waits for
its turn. What this process counts is in memory that it shares with the case.
"""

import ctypes
import mmap
import os
import select
import socket
import sys

from cases import wait_until

BACKLOG = 4096


class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "port",      # where it listens; 0 until it does
        "accepted",
        "ended",     # in good order, by the other side
        "reset",
        "broken")]   # by a fault that none of this explains


class EchoTarget:
    """The process as a case sees it: .counts, .text to connect to, .process."""

    def __init__(self, case, name="target"):
        path = case.write(name + ".counts", bytes(ctypes.sizeof(Counts)))
        with open(path, "r+b") as f:
            self.counts = Counts.from_buffer(mmap.mmap(f.fileno(), 0))
        self.process = case.start([sys.executable, os.path.abspath(__file__), path], name)
        wait_until(lambda: self.counts.port, 20, "the target listens")

    @property
    def text(self):
        return f"127.0.0.1:{self.counts.port}"

    def has_room(self, connections):
        """Whether one more than so many fits into the queue of those that it has not accepted yet."""
        return connections - self.counts.accepted < BACKLOG // 2


def serve(counts):
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    conns = {}
    counts.port = listener.getsockname()[1]
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                accept_all(listener, epoll, conns, counts)
            elif not echo(conns[fd], counts):
                conns.pop(fd).close()


def accept_all(listener, epoll, conns, counts):
    while True:
        try:
            conn, _ = listener.accept()
        except BlockingIOError:
            return
        conn.setblocking(False)
        conns[conn.fileno()] = conn
        epoll.register(conn, select.EPOLLIN)
        counts.accepted += 1


def echo(conn, counts):
    """Give back what came; false when the connection is over."""
    try:
        data = conn.recv(4096)
        if data:
            if conn.send(data) == len(data):
                return True
            counts.broken += 1  # it is meant for single bytes
        else:
            counts.ended += 1
    except (ConnectionResetError, BrokenPipeError):
        counts.reset += 1
    except OSError as e:
        counts.broken += 1
        print(f"a connection failed: {e}", flush=True)
    return False


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as shared:
        serve(Counts.from_buffer(mmap.mmap(shared.fileno(), 0)))
