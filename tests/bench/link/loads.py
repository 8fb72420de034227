#!/usr/bin/env python3
"""loads - what is carried through a tunnel to measure it, and the target that stands behind the tunnel.

    tests/bench/link/loads.py PORT      the target

The first byte of a connection says what it wants: d, bytes without end; e, its own bytes back; r, an
answer of 1 KB to a request of 1 KB.
"""

import asyncio
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

import traffic  # noqa: E402
from cases import Failure  # noqa: E402

BLOCK = 16 << 20  # random, and longer than any window of a compressor that meets it again
READ = 256 << 10
MESSAGE, MESSAGES_PER_S = 64, 50
EXCHANGE, EXCHANGES_PER_S = 1024, 20
WARM_UP = 1  # seconds of messages that are not counted
GRACE = 10  # seconds that a message or an exchange may take: it counts with those when it takes longer


# ---- the target -------------------------------------------------------------------------


def serve(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    block = memoryview(os.urandom(BLOCK))
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve_one, args=(conn, block), daemon=True).start()


def serve_one(conn, block):
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with conn:
        try:
            kind = conn.recv(1)
            if kind == b"d":
                while True:
                    conn.sendall(block)
            elif kind == b"e":
                while data := conn.recv(4096):
                    conn.sendall(data)
            elif kind == b"r":
                conn.recv(EXCHANGE - 1, socket.MSG_WAITALL)
                conn.sendall(block[:EXCHANGE])
                conn.recv(1)  # who asked ends it
        except OSError:
            pass  # who asked has gone


# ---- the loads ----------------------------------------------------------------------------


def bulk(address, seconds, at_end):
    """(bytes that came within so many seconds of connect(), what at_end() gave while they still came)."""
    block, done = bytearray(READ), 0
    end = time.monotonic() + seconds
    with socket.create_connection(address, timeout=seconds) as conn:
        conn.sendall(b"d")
        while (left := end - time.monotonic()) > 0:
            conn.settimeout(left)
            try:
                n = conn.recv_into(block)
            except TimeoutError:
                break
            except OSError as e:
                raise Failure(f"the download was cut: {e}") from e
            if n == 0:
                raise Failure("the download was ended")
            done += n
        return done, at_end()


def thin(address, seconds):
    """Seconds from when each message was due to when its echo was there."""
    return asyncio.run(_thin(address, seconds))


async def _thin(address, seconds):
    conn = await _connect(address)
    first, count = time.monotonic(), (WARM_UP + seconds) * MESSAGES_PER_S
    due = [first + i / MESSAGES_PER_S for i in range(count)]
    times = [GRACE] * count
    sending = asyncio.ensure_future(_send_messages(conn, due))
    try:
        await asyncio.wait_for(_note_echoes(conn, due, times), WARM_UP + seconds + GRACE)
    except (asyncio.TimeoutError, OSError, EOFError):
        pass  # the rest is not back in time
    finally:
        sending.cancel()
        conn.close()
    return times[WARM_UP * MESSAGES_PER_S:]


async def _connect(address):
    conn = await traffic.connect(address)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conn


async def _send_messages(conn, due):
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(conn, b"e")
    for i, at in enumerate(due):
        await asyncio.sleep(at - time.monotonic())
        await loop.sock_sendall(conn, struct.pack(">Q", i).ljust(MESSAGE))


async def _note_echoes(conn, due, times):
    loop = asyncio.get_running_loop()
    bytes_back = 0
    while bytes_back < MESSAGE * len(due):
        data = await loop.sock_recv(conn, READ)
        if not data:
            raise EOFError
        now = time.monotonic()
        before, bytes_back = bytes_back // MESSAGE, bytes_back + len(data)
        for i in range(before, bytes_back // MESSAGE):
            times[i] = min(now - due[i], GRACE)


def exchanges(address, seconds):
    """Seconds from connect() to the last byte of the answer, of connections that begin at a steady pace."""
    return asyncio.run(_exchanges(address, seconds))


async def _exchanges(address, seconds):
    await _timed_exchange(address)  # so that the session's birth is not in it
    running = []
    first = time.monotonic()
    for i in range(seconds * EXCHANGES_PER_S):
        await asyncio.sleep(first + i / EXCHANGES_PER_S - time.monotonic())
        running.append(asyncio.ensure_future(_timed_exchange(address)))
    return await asyncio.gather(*running)


async def _timed_exchange(address):
    start = time.monotonic()
    try:
        await asyncio.wait_for(_exchange(address), GRACE)
    except (asyncio.TimeoutError, OSError, EOFError):
        return GRACE
    return time.monotonic() - start


async def _exchange(address):
    loop = asyncio.get_running_loop()
    conn = await _connect(address)
    try:
        await loop.sock_sendall(conn, b"r".ljust(EXCHANGE))
        missing = EXCHANGE
        while missing > 0:
            data = await loop.sock_recv(conn, missing)
            if not data:
                raise EOFError
            missing -= len(data)
    finally:
        conn.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
