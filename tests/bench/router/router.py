#!/usr/bin/env python3
"""router - what kcptund takes on a small machine: its size, and its memory while it carries 50 Mbit/s.

    tests/bench/router/router.py [--seconds N] [--mbits N] [--memory SIZE] [--build]

--build makes what is measured, build-small (`meson setup -Dsmall=true`) and build-static (the same, static); KCPTUND names
another program instead. A client and a server of it, a process each, carry a download and
then an upload at the given rate over loopback, with the configuration of a router: memory = 8M, sockbuf = 512K. What
is printed is `size` of the programs, VmRSS after the start, and VmHWM after the transfers.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

import ends  # noqa: E402
from cases import Case  # noqa: E402

STATIC = ["-Dprefer_static=true", "-Dc_link_args=-static"]
BUILDS = {"build-small": [], "build-static": STATIC}
PIECE = 16384


def path_of(build):
    return os.path.join(ends.TOP, build, "kcptund")


def build_all():
    for build, options in BUILDS.items():
        directory = os.path.join(ends.TOP, build)
        if not os.path.exists(os.path.join(directory, "build.ninja")):
            subprocess.run(["meson", "setup", directory, "-Dsmall=true", "-Dprefix=/usr", *options], check=True,
                           stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", directory], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sections(program):
    """text, data, bss in bytes."""
    out = subprocess.run(["size", program], check=True, capture_output=True, text=True).stdout
    return [int(n) for n in out.splitlines()[1].split()[:3]]


def send_at(sock, bytes_per_s, seconds):
    """Send evenly; how much was sent."""
    piece, start, sent = bytes(PIECE), time.monotonic(), 0
    while (now := time.monotonic() - start) < seconds:
        if sent > now * bytes_per_s:
            time.sleep(PIECE / bytes_per_s / 2)
            continue
        sock.sendall(piece)
        sent += PIECE
    return sent


def receive(sock):
    """All until the end: (bytes, seconds since the first)."""
    got, start = 0, None
    while data := sock.recv(65536):
        start = start or time.monotonic()
        got += len(data)
    return got, time.monotonic() - start


class Far:
    """The server behind the tunnel: the first byte of a connection says which way the bytes go."""

    def __init__(self, rate, seconds):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.rate, self.seconds = rate, seconds
        self.got = None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            conn, _ = self.sock.accept()
            with conn:
                if conn.recv(1) == b"d":
                    send_at(conn, self.rate, self.seconds)
                else:
                    self.got = receive(conn)
                    conn.sendall(b".")


def transfer(far, port, way):
    """Mbit/s that arrived."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        s.sendall(way)
        if way == b"d":
            got, took = receive(s)
        else:
            send_at(s, far.rate, far.seconds)
            s.shutdown(socket.SHUT_WR)
            s.recv(1)
            got, took = far.got
    return got * 8 / 1e6 / took


def measure(args):
    with contextlib.closing(Case("router")) as case:
        settings = {"memory": args.memory, "sockbuf": "512K", "nocomp": "yes"}
        far = Far(args.mbits * 1e6 / 8, args.seconds)
        local, port = case.port(), case.port()
        server_settings = {k: v for k, v in settings.items() if k != "nocomp"}
        server = ends.start_server(case, ends.OURS, server_settings, f"127.0.0.1:{port}", f"127.0.0.1:{far.port}")
        client = ends.start_client(case, ends.OURS, settings, f"127.0.0.1:{local}", f"127.0.0.1:{port}")
        time.sleep(1)
        start = [p.rss_kib() for p in (client, server)]
        rates = [transfer(far, local, way) for way in (b"d", b"u")]
        most = [p.status("VmHWM") for p in (client, server)]
    return start, rates, most


def mib(kib):
    return " / ".join(f"{n / 1024:.1f}" for n in kib)


def figures(program, args):
    """A column of the table."""
    os.environ["KCPTUND"] = program
    start, rates, most = measure(args)
    return [", ".join(f"{n / 1024:.0f}" for n in sections(program)) + " KiB",
            f"{os.path.getsize(program) / 1024:.0f} KiB", f"{mib(start)} MiB", f"{mib(most)} MiB",
            f"{rates[0]:.1f}, {rates[1]:.1f} Mbit/s"]


def main():
    p = argparse.ArgumentParser(prog="router.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--seconds", type=float, default=10, help="of each transfer")
    p.add_argument("--mbits", type=float, default=50)
    p.add_argument("--memory", default="8M")
    p.add_argument("--build", action="store_true")
    args = p.parse_args()
    if args.build:
        build_all()
    given = os.environ.get("KCPTUND")
    programs = {given: given} if given else {
        title: path_of(build) for title, build in (("shared libraries", "build-small"), ("static", "build-static"))
        if os.path.exists(path_of(build))}
    columns = [figures(os.path.abspath(program), args) for program in programs.values()]
    print("| | " + " | ".join(programs) + " |\n| --- |" + " --- |" * len(programs))
    for i, what in enumerate(["`size` of kcptund: text, data, bss", "the file", "VmRSS after the start, client / server",
                              f"VmHWM after the transfers, `memory = {args.memory}`", "which passed at"]):
        print(f"| {what} | " + " | ".join(column[i] for column in columns) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
