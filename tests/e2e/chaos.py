#!/usr/bin/env python3
"""chaos - peers that misbehave at random, over a bad network, between daemons that are killed.

    tests/e2e/chaos.py [--seed N] [--runs N] [--seconds S]

Each run draws its settings from its seed. It fails when a daemon dies, does not stop in good order, keeps
descriptors when all is over, or uses the CPU with nothing to do. Meant for a daemon built with sanitizers;
a run takes a minute or two. KCPTUND names the program, as for run.py.
"""

import argparse
import asyncio
import os
import random
import socket
import struct
import sys
import time

from suite import suite  # noqa: F401 - sets the path of the modules below
import ends
import ports
from cases import Case, check, raise_descriptor_limit
from tunnels import LOCAL, Pair

BADNET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "badnet.py")
CLIENTS_MAX = 150


def hang_up(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Peers:
    """What connects to the tunnel, and what it connects to."""

    def __init__(self, rng):
        self.rng = rng
        self.targets = [self.say_nothing, self.talk, self.echo, self.wait, self.flood, self.break_off,
                        self.end_first, self.talk_and_end]
        self.clients = [self.say_nothing, self.talk, self.ask, self.listen, self.break_off_soon,
                        self.break_off_at_once, self.talk_and_wait]

    def bytes(self, most):
        return self.rng.randbytes(self.rng.randrange(1, most))

    async def say_nothing(self, reader, writer):
        pass

    async def talk(self, reader, writer):
        writer.write(self.bytes(400_000))
        await writer.drain()

    async def echo(self, reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async def wait(self, reader, writer):
        await asyncio.sleep(self.rng.random() * 3)

    async def flood(self, reader, writer):
        while True:
            writer.write(bytes(65536))
            await asyncio.wait_for(writer.drain(), 4)

    async def break_off(self, reader, writer):
        await reader.read(1000)
        hang_up(writer)

    async def end_first(self, reader, writer):
        writer.write_eof()
        while await reader.read(65536):
            pass

    async def talk_and_end(self, reader, writer):
        writer.write(self.bytes(100_000))
        writer.write_eof()
        await asyncio.sleep(self.rng.random() * 4)

    async def ask(self, reader, writer):
        writer.write(self.bytes(200_000))
        writer.write_eof()
        await asyncio.wait_for(reader.read(-1), self.rng.random() * 6)

    async def listen(self, reader, writer):
        await asyncio.wait_for(reader.read(100), self.rng.random() * 3)

    async def break_off_soon(self, reader, writer):
        writer.write(b"abc")
        await asyncio.sleep(self.rng.random() * 0.3)
        hang_up(writer)

    async def break_off_at_once(self, reader, writer):
        hang_up(writer)

    async def talk_and_wait(self, reader, writer):
        writer.write(self.bytes(100_000))
        await asyncio.sleep(self.rng.random() * 8)

    async def follow(self, manner, reader, writer):
        try:
            await manner(reader, writer)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def serve(self, reader, writer):
        await self.follow(self.rng.choice(self.targets), reader, writer)

    async def connect(self, address):
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError:
            return
        await self.follow(self.rng.choice(self.clients), reader, writer)


def draw_settings(rng):
    """(client's, server's)"""
    buffer = rng.choice([65536, 4194304])
    both = {
        "crypt": rng.choice(["aes", "salsa20", "aes-128-gcm", "none"]), "closewait": rng.choice([0, 1, 3]),
        "smuxbuf": buffer, "streambuf": min(buffer, rng.choice([16384, 2097152])), "keepalive": 2,
        "mtu": rng.choice([400, 1350]), "maxstreams": rng.choice([50, 4096]),
        "sockbuf": rng.choice([4096, 4194304]), "mode": rng.choice(["auto", "fast3"]),
        "sndwnd": rng.choice(["auto", 128]), "rcvwnd": rng.choice(["auto", 512]),
        "congestion": rng.choice(["model", "reno", "none"]), "copies": rng.choice(["auto", 0, 2]),
    }
    client = {**both, "smuxver": rng.choice([1, 2]), "conn": rng.choice([1, 3]),
              "compression": rng.choice(["none", "snappy", "zstd"])}
    if rng.random() < 0.5:
        client.update(datashard=10, parityshard=3)
    if rng.random() < 0.5:
        client.update(autoexpire=3, scavengettl=rng.choice([0, 2, 600]))
    return client, both


class Run:
    def __init__(self, case, seed):
        self.case, self.rng = case, random.Random(seed)
        self.peers = Peers(self.rng)
        self.kills = 0

    def start_daemons(self, target_port):
        client, server = draw_settings(self.rng)
        print(client, flush=True)
        near = self.case.port()
        pair = self.pair = Pair(self.case, f"{LOCAL}:{target_port}", client=client, server=server)
        self.case.start([sys.executable, BADNET, "--listen", near, "--to", pair.far, "--loss", 0.05, "--reorder",
                         0.05, "--duplicate", 0.05, "--corrupt", 0.03, "--delay", 5], "badnet")
        pair.texts["client"] = pair.texts["client"].replace(f"remoteaddr = {LOCAL}:{pair.far}",
                                                            f"remoteaddr = {LOCAL}:{near}")
        ends.stop_cleanly(pair.client)
        pair.start_client("client0")

    async def kill_one(self):
        self.kills += 1
        client = self.rng.random() < 0.5
        victim = self.pair.client if client else self.pair.server
        if self.rng.random() < 0.5:
            victim.kill()
            await asyncio.sleep(self.rng.random() * 3)
        else:
            ends.stop_cleanly(victim)
        start = self.pair.start_client if client else self.pair.start_server
        start(f"{'client' if client else 'server'}{self.kills}")

    async def disturb(self, seconds):
        tasks = set()
        end = time.monotonic() + seconds
        kill = time.monotonic() + self.rng.random() * 20
        while time.monotonic() < end:
            task = asyncio.create_task(self.peers.connect(self.pair.address))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(self.rng.random() * 0.03 if len(tasks) < CLIENTS_MAX else 0.2)
            for p in self.pair.ends():
                check(p.alive(), f"{p.name} died")
            if time.monotonic() > kill:
                kill = time.monotonic() + 5 + self.rng.random() * 25
                await self.kill_one()
        if tasks:
            await asyncio.wait(tasks, timeout=15)
        for task in tasks:
            task.cancel()

    async def check_rest(self):
        """Sessions whose other end was killed take half a minute to be noticed, and another."""
        end = time.monotonic() + 70
        while (held := max(len(os.listdir(f"/proc/{p.pid}/fd")) for p in self.pair.ends())) > 20:
            check(time.monotonic() < end, f"{held} descriptors are still open")
            await asyncio.sleep(1)
        before = [p.cpu_seconds() for p in self.pair.ends()]
        await asyncio.sleep(3)
        used = max(p.cpu_seconds() - b for p, b in zip(self.pair.ends(), before))
        check(used < 0.3, f"{used:.2f} s of CPU in 3 s with nothing to do")

    async def run(self, seconds):
        server = await asyncio.start_server(self.peers.serve, LOCAL, 0, backlog=1000)
        self.start_daemons(server.sockets[0].getsockname()[1])
        await self.disturb(seconds)
        server.close()
        await self.check_rest()
        self.pair.stop()


def main():
    p = argparse.ArgumentParser(description="random misbehaviour around two daemons")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--seconds", type=float, default=45)
    args = p.parse_args()
    raise_descriptor_limit()
    for seed in range(args.seed, args.seed + args.runs):
        ports.use_slot(seed % 10)
        case = Case(f"chaos{seed}")
        print(f"seed {seed}: ", end="")
        try:
            asyncio.run(Run(case, seed).run(args.seconds))
        except Exception:
            print(f"failed: --seed {seed}\n{case.logs()}")
            raise
        finally:
            case.close()
    print("all good")
    return 0


if __name__ == "__main__":
    sys.exit(main())
