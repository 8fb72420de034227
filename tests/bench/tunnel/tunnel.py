#!/usr/bin/env python3
"""tunnel - what kcptund costs beside Debian's kcptun: goodput per CPU second of each end, and memory.

    tests/bench/tunnel/tunnel.py [--rounds N] [--seconds N] [--mib N] [--loopback]

Both programs run with the same settings over the same path in the same run, in turn, so that a noisy
machine is noisy for both. As root the path is a pair of veth devices with an MTU of 1500 between two
network namespaces, made and removed here; otherwise loopback. CPU time is that of the
two tunnel processes alone. KCPTUND names the program to measure, build/kcptund if it is not set.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

import ends  # noqa: E402
import memory  # noqa: E402
from cases import Case, raise_descriptor_limit  # noqa: E402
from ends import GO, OURS  # noqa: E402

SETTINGS = {"crypt": "aes", "mode": "fast3", "sndwnd": 4096, "rcvwnd": 4096, "datashard": 10, "parityshard": 3,
            "nocomp": True, "smuxver": 2, "quiet": True}
NAMES = {OURS: "kcptund", GO: "kcptun"}
BLOCK = 1 << 20
STREAMS, SESSIONS = 1500, 100
WARM_UP = 1 << 20  # bytes before the measurement, so that a session's birth is not in it


class Place:
    """Where the two ends run: how to start a program there, and the address of the server."""

    def __init__(self, veth):
        self.veth = veth
        self.near = self.far = ()
        self.address = "127.0.0.1"
        self.names = []

    def make(self):
        if not self.veth:
            return
        tag = f"kt{os.getpid() % 100000}"
        self.names = [tag + "a", tag + "b"]
        a, b = self.names
        self.address = "10.201.77.2"
        for name in self.names:
            ip("netns", "add", name)
        ip("link", "add", "veth0", "netns", a, "type", "veth", "peer", "name", "veth0", "netns", b)
        for name, address in ((a, "10.201.77.1"), (b, self.address)):
            ip("-n", name, "addr", "add", address + "/24", "dev", "veth0")
            ip("-n", name, "link", "set", "veth0", "mtu", "1500", "up")
            ip("-n", name, "link", "set", "lo", "up")
        self.near, self.far = (("ip", "netns", "exec", name) for name in self.names)

    def remove(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


# The far and near ends of the TCP connections live in this same script, run again in the right
# namespace: "--sink PORT" serves, "--drive ..." connects. Both move blocks of 1 MiB: little Python.


def serve(port):
    """Each connection starts with one byte: u for 'I send', d for 'send to me'."""
    s = socket.create_server(("127.0.0.1", port), backlog=4096)
    while True:
        conn, _ = s.accept()
        threading.Thread(target=serve_one, args=(conn,), daemon=True).start()


def serve_one(conn):
    block = bytearray(BLOCK)
    with conn:
        try:
            kind = conn.recv(1)
            if kind == b"u":
                while conn.recv_into(block):
                    pass
            elif kind == b"d":
                while True:
                    conn.sendall(block)
            else:
                conn.sendall(kind)
                conn.recv(1)
        except OSError:
            pass


def drive(port, direction, seconds, mib):
    """Move bytes through the tunnel; tell each time and byte count asked for on a line."""
    s = socket.create_connection(("127.0.0.1", port), timeout=30)
    block = bytearray(BLOCK)
    move = (lambda: s.send(block)) if direction == "u" else (lambda: s.recv_into(block))
    s.sendall(direction.encode())
    done = 0
    while done < WARM_UP:
        done += move()
    print("start", flush=True)
    sys.stdin.readline()
    done, start = 0, time.monotonic()
    limit = mib << 20
    while done < limit and time.monotonic() - start < seconds:
        done += move()
    print(done, time.monotonic() - start, flush=True)
    sys.stdin.readline()
    os._exit(0)  # what is still in the tunnel is not awaited


def start_ends(case, kind, place, extra=None):
    """(client, server, local port, target port) with the sink behind the server."""
    settings = {**SETTINGS, **(extra or {})}
    server_settings = {k: v for k, v in settings.items() if k != "conn"}
    local, far, target = case.port(), case.port(), case.port()
    sink = case.start([*place.far, sys.executable, __file__, "--sink", target], f"sink-{kind}-{target}")
    ends.wait_ready(sink, tcp=[target])
    server = ends.start_server(case, kind, server_settings, f"{place.address}:{far}", f"127.0.0.1:{target}",
                               f"server-{kind}-{far}", place.far)
    client = ends.start_client(case, kind, settings, f"127.0.0.1:{local}", f"{place.address}:{far}",
                               f"client-{kind}-{far}", place.near)
    return client, server, local


def one_round(case, kind, place, direction, seconds, mib):
    """{figure: value} of one bulk transfer: MB/s, and MB per CPU second of client and server."""
    client, server, local = start_ends(case, kind, place)
    driver = subprocess.Popen([*place.near, sys.executable, __file__, "--drive", str(local), direction,
                               str(seconds), str(mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        driver.stdout.readline()
        before = client.cpu_seconds(), server.cpu_seconds()
        driver.stdin.write("go\n")
        driver.stdin.flush()
        done, took = driver.stdout.readline().split()
        after = client.cpu_seconds(), server.cpu_seconds()
    finally:
        driver.kill()
        driver.wait()
        for p in (client, server):
            p.kill()
    megabytes = int(done) / 1e6
    cpu = [max(a - b, 0.01) for a, b in zip(after, before)]
    return {"rate": megabytes / float(took), "client": megabytes / cpu[0], "server": megabytes / cpu[1]}


def speed_table(case, place, rounds, seconds, mib):
    print("| transfer | end | kcptund MB per CPU s | kcptun MB per CPU s | ratio |")
    print("|---|---|---|---|---|")
    rates = []
    for direction, title in (("u", "upload"), ("d", "download")):
        got = {OURS: [], GO: []}
        for _ in range(rounds):
            for kind in got:
                got[kind].append(one_round(case, kind, place, direction, seconds, mib))
        middle = {kind: {f: statistics.median(r[f] for r in rows) for f in rows[0]} for kind, rows in got.items()}
        for end in ("client", "server"):
            role = "sender" if (end == "client") == (direction == "u") else "receiver"
            ours, go = middle[OURS][end], middle[GO][end]
            print(f"| {title} | {end} ({role}) | {ours:.0f} | {go:.1f} | {ours / go:.1f} |", flush=True)
        rates.append(f"{title} {middle[OURS]['rate']:.0f} against {middle[GO]['rate']:.0f} MB/s")
    print("\nGoodput: " + ", ".join(rates) + ".\n", flush=True)


def memory_table(case):
    """On loopback: memory does not depend on the path."""
    place = Place(veth=False)
    rows = {OURS: [], GO: []}
    for kind, row in rows.items():
        client, server, local = start_ends(case, kind, place)
        time.sleep(1)
        row.append(f"{client.rss_kib() / 1024:.1f} / {server.rss_kib() / 1024:.1f} MiB")
        row.append(each(memory.of_idle_streams(("127.0.0.1", local), [client, server], STREAMS)))
        client.kill(), server.kill()
        client, server, local = start_ends(case, kind, place, {"conn": SESSIONS})
        row.append(each(memory.of_idle_sessions(("127.0.0.1", local), [client, server], SESSIONS)))
        client.kill(), server.kill()
    print("| memory, client / server | kcptund | kcptun |")
    print("|---|---|---|")
    for i, what in enumerate(("resident after start", f"an idle stream (of {STREAMS})",
                              f"an idle session (of {SESSIONS})")):
        print(f"| {what} | {rows[OURS][i]} | {rows[GO][i]} |", flush=True)


def each(figures):
    return " / ".join(f"{n / 1024:.1f}" for n in figures.values()) + " KiB"


def measure(args):
    raise_descriptor_limit()
    veth = not args.loopback and os.geteuid() == 0 and shutil.which("ip") is not None
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    case, place = Case("bench"), Place(veth)
    try:
        place.make()
        print(f"mode fast3, windows 4096, aes, FEC 10+3, no compression, smux 2, over "
              f"{'veth, MTU 1500' if veth else 'loopback'}; median of {args.rounds} rounds of "
              f"{args.mib} MiB or {args.seconds} s\n", flush=True)
        speed_table(case, place, args.rounds, args.seconds, args.mib)
        memory_table(case)
    finally:
        case.close()
        place.remove()
    return 0


def main():
    if sys.argv[1:2] == ["--sink"]:
        return serve(int(sys.argv[2]))
    if sys.argv[1:2] == ["--drive"]:
        return drive(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), int(sys.argv[5]))
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=6, help="of one transfer at most")
    p.add_argument("--mib", type=int, default=400, help="of one transfer at most")
    p.add_argument("--loopback", action="store_true", help="no network namespaces, root or not")
    if not shutil.which("kcptun-client"):
        print("kcptun is not installed: nothing to compare with")
        return 77
    return measure(p.parse_args())


if __name__ == "__main__":
    sys.exit(main())
