"""Resident memory of idle streams and sessions, by the difference that many of them make."""

import socket
import time

SETTLE = 8  # seconds for buffers and pools to shrink when traffic has ended


def echo_once(conn):
    """Target: give the first byte back, then wait for the end."""
    conn.sendall(conn.recv(1))
    while conn.recv(4096):
        pass
    return None


def ask(sock):
    """Client of echo_once: when this returns the stream exists at both ends."""
    sock.sendall(b"!")
    if sock.recv(1) != b"!":
        raise EOFError("the stream ended instead of answering")


def _open(address, count):
    conns = []
    for _ in range(count):
        s = socket.create_connection(address, timeout=20)
        conns.append(s)
        ask(s)
    return conns


def _settled(processes):
    time.sleep(SETTLE)
    return [p.rss_kib() for p in processes]


def of_idle_streams(address, processes, count):
    """{process name: bytes for one more idle stream}."""
    first = _open(address, 1)
    before = _settled(processes)
    more = _open(address, count)
    after = _settled(processes)
    for s in first + more:
        s.close()
    return {p.name: (a - b) * 1024 / count for p, a, b in zip(processes, after, before)}


def of_idle_sessions(address, processes, count):
    """{process name: bytes for a session}, through a client with conn = count, after all streams ended."""
    before = _settled(processes)
    for s in _open(address, count):
        s.close()
    after = _settled(processes)
    return {p.name: (a - b) * 1024 / count for p, a, b in zip(processes, after, before)}
