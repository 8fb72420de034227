"""Checked traffic: a target that answers by plan, and clients that compare every byte.

A connection starts with a header that says how much goes up, how much comes down, and the seed of
both. Either end knows the bytes to expect, so that the first wrong one is told with its offset. The
target ends with a verdict of 32 bytes, and nobody closes before it came: the Go peers cut both
directions of a stream as soon as one of them ends.
"""

import asyncio
import os
import random
import socket
import struct
import threading

from cases import wait_until

HEADER = struct.Struct("<4sQQQ")
MAGIC = b"KTT1"
VERDICT = 32
CHUNK = 65536
POOL = 1 << 20


def _make_pool():
    """Bytes that compress here and there: random and repeated stretches in turn."""
    rng = random.Random(20210922)
    parts = []
    size = 0
    while size < POOL:
        n = rng.choice((100, 1000, 4000, 20000))
        parts.append(rng.randbytes(n) if len(parts) % 2 else (rng.randbytes(16) * (n // 16 + 1))[:n])
        size += n
    pool = b"".join(parts)[:POOL]
    return memoryview(pool + pool[:CHUNK])


_pool = _make_pool()


def piece(seed, offset, size):
    """Bytes [offset, offset + size) of the stream of that seed; at most CHUNK of them."""
    start = (seed * 7919 + offset) % POOL
    return _pool[start:start + min(size, CHUNK)]


async def _send(sock, seed, size):
    loop = asyncio.get_running_loop()
    sent = 0
    while sent < size:
        part = piece(seed, sent, size - sent)
        await loop.sock_sendall(sock, part)
        sent += len(part)


async def _receive_exactly(sock, n):
    loop = asyncio.get_running_loop()
    parts = b""
    while len(parts) < n:
        got = await loop.sock_recv(sock, n - len(parts))
        if not got:
            raise EOFError(f"end of stream after {len(parts)} of {n} bytes")
        parts += got
    return parts


async def _expect(sock, seed, size):
    """Receive the stream of that seed; the text of the first fault, or ''."""
    loop = asyncio.get_running_loop()
    done = 0
    while done < size:
        got = await loop.sock_recv(sock, min(CHUNK, size - done))
        if not got:
            return f"end of stream at {done} of {size}"
        if got != piece(seed, done, len(got)):
            want = piece(seed, done, len(got))
            bad = next(i for i in range(len(got)) if got[i] != want[i])
            return f"wrong byte at {done + bad} of {size}"
        done += len(got)
    return ""


class Target:
    """The server behind the tunnel, in a thread of its own."""

    def __init__(self, address=("127.0.0.1", 0)):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX)
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(address)
        self.sock.listen(4096)
        self.sock.setblocking(False)
        self.port = 0 if isinstance(address, str) else self.sock.getsockname()[1]
        self.accepted = 0
        self.open = 0
        self.faults = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._accept())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass

    async def _accept(self):
        while True:
            sock, _ = await self._loop.sock_accept(self.sock)
            sock.setblocking(False)
            self.open += 1  # before accepted: who sees it counted as accepted may wait for open == 0
            self.accepted += 1
            asyncio.ensure_future(self._serve(sock))

    async def _serve(self, sock):
        try:
            await self._follow_plan(sock)
        except (EOFError, OSError) as e:
            self.faults.append(str(e))
        except Exception as e:  # a fault of this target: nobody else would tell of it
            self.faults.append(f"{type(e).__name__}: {e}")
        finally:
            sock.close()
            self.open -= 1

    async def _follow_plan(self, sock):
        head = await _receive_exactly(sock, HEADER.size)
        magic, up, down, seed = HEADER.unpack(head)
        if magic != MAGIC:
            raise EOFError(f"a connection began with {head!r}")
        fault, _ = await asyncio.gather(_expect(sock, seed, up), _send(sock, seed + 1, down))
        await self._loop.sock_sendall(sock, (fault or "ok").encode()[:VERDICT].ljust(VERDICT))
        while await self._loop.sock_recv(sock, CHUNK):
            pass

    def settle(self, seconds=5):
        """Wait for the end of every connection accepted so far; the faults until now, which are forgotten."""
        wait_until(lambda: self.open == 0, seconds, "the target's connections have ended")
        faults, self.faults = self.faults, []
        return faults

    def close(self):
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(5)
        self.sock.close()


async def connect(address):
    family = socket.AF_UNIX if isinstance(address, str) else (
        socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    sock = socket.socket(family)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def exchange(address, up, down, seed):
    """One connection; raises EOFError or OSError with what went wrong."""
    sock = await connect(address)
    try:
        await asyncio.get_running_loop().sock_sendall(sock, HEADER.pack(MAGIC, up, down, seed))
        sending = asyncio.ensure_future(_send(sock, seed, up))
        try:
            fault = await _expect(sock, seed + 1, down)
            if fault and sending.done() and sending.exception():
                raise sending.exception()  # a reset, which who wrote was told of
            if fault:
                raise EOFError(f"download {seed}: {fault}")
            await sending
            verdict = (await _receive_exactly(sock, VERDICT)).decode(errors="replace").strip()
        finally:
            sending.cancel()
        if verdict != "ok":
            raise EOFError(f"upload {seed}: {verdict}")
    finally:
        sock.close()


def run_plan(address, plan, seconds):
    """All connections of [(up, down), ...] at the same time; raises what the first fault was."""
    async def everything():
        jobs = [exchange(address, up, down, 1000 + 2 * i) for i, (up, down) in enumerate(plan)]
        await asyncio.wait_for(asyncio.gather(*jobs), seconds)
    try:
        asyncio.run(everything())
    except asyncio.TimeoutError:
        raise TimeoutError(f"the traffic was not through after {seconds} s") from None


def random_file(path, size):
    with open(path, "wb") as f:
        while size > 0:
            f.write(os.urandom(min(size, POOL)))
            size -= POOL
