#!/usr/bin/env python3
"""relay_cases - whether linkrelay does to datagrams what it says.

    tests/bench/link/relay_cases.py [PATTERN...]

What is lost follows from the seed, so that shares are the same in every run. Times are measured from the
side where a busy machine cannot make them wrong: a delay is never shorter than it has to be.
LINKRELAY names the program to test.
"""

import os
import select
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))

import relay  # noqa: E402
from cases import Suite, check, wait_until  # noqa: E402

HEADERS = 28  # IPv4 and UDP
CHUNK = 100  # datagrams at once, so that the smallest socket buffer has room for them
CLIENTS_MAX = 256
suite = Suite(__doc__.splitlines()[0])


def udp(port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", port))
    s.setblocking(False)
    return s


def everything(sock):
    """(datagram, its sender) of all that waits in the socket."""
    got = []
    while True:
        try:
            got.append(sock.recvfrom(65536))
        except BlockingIOError:
            return got


class Course:
    """A client, the relay on a link, and a server."""

    def __init__(self, case, link, seed=1):
        self.server = udp(case.port())
        self.client = udp()
        self.relay = relay.Relay(case, link, self.server.getsockname()[1], seed)
        self.sent = 0

    def send_up(self, count, size=8, client=None):
        """Datagrams that carry their numbers."""
        for i in range(self.sent, self.sent + count):
            data = struct.pack(">Q", i).ljust(size, b"x")
            (client or self.client).sendto(data, ("127.0.0.1", self.relay.port))
        self.sent += count

    def settled(self):
        """The counts when all that was sent has been taken in and has left the link."""
        def done():
            c = self.relay.counts()
            offered = c["up"]["offered"]["packets"] + c["up"]["refused"]["packets"]
            return c if offered == self.sent and not c["up"]["under_way"]["packets"] else None
        return wait_until(done, 30, lambda: f"the relay is through with {self.sent}: {self.relay.counts()}")

    def arrivals(self, count, size=8):
        """Send so many; the numbers that arrive at the server, in their order."""
        numbers = []
        while count > 0:
            self.send_up(min(count, CHUNK), size)
            self.settled()
            numbers += [struct.unpack(">Q", data[:8])[0] for data, _ in everything(self.server)]
            count -= CHUNK
        return numbers


def check_sum(way):
    """Nothing is forgotten, in packets and in bytes."""
    for unit in ("packets", "bytes"):
        n = {name: count[unit] for name, count in way.items() if isinstance(count, dict)}
        fates = n["lost"] + n["queue_dropped"] + n["policed"] + n["outage_dropped"] + n["passed"]
        check(n["offered"] == fates, f"{unit}: {n['offered']} offered, {fates} fates: {way}")
        ends = n["delivered"] + n["unsent"] + n["under_way"]
        check(n["passed"] + n["duplicated"] == ends, f"{unit}: not the sum of all ends: {way}")


@suite.case("counts_add_up")
def counts_add_up(case):
    course = Course(case, "wan,delay=5,rate=2,queue=20,loss=10,dup=5,reorder=5,jitter=2,police=4/10")
    got = course.arrivals(3 * CHUNK, size=200)
    code, counts = course.relay.end()
    up = counts["up"]
    check(code == 0, f"it ended with code {code}")
    check_sum(up)
    check_sum(counts["down"])
    check(up["offered"] == {"packets": 300, "bytes": 300 * (200 + HEADERS)}, f"not all was offered: {up}")
    check(up["delivered"]["packets"] == len(got), f"{len(got)} arrived: {up}")
    for fate in ("lost", "queue_dropped", "policed", "duplicated", "reordered"):
        check(up[fate]["packets"] > 0, f"{fate}: none: {up}")
    check(up["overrun"] == 0 and up["refused"]["packets"] == 0, f"some came not so far: {up}")
    check(counts["down"]["offered"]["packets"] == 0, f"something came back: {counts['down']}")


@suite.case("loss_by_seed")
def loss_by_seed(case):
    runs = [Course(case, "wan,delay=0,rate=0,loss=20", seed).arrivals(2000) for seed in (5, 5, 6)]
    check(runs[0] == runs[1], "the same seed lost others")
    check(runs[0] != runs[2], "another seed lost the same")
    for got in runs:
        share = 1 - len(got) / 2000
        check(0.17 < share < 0.23, f"{share:.1%} were lost, not 20 %")


@suite.case("loss_in_runs")
def loss_in_runs(case):
    got = set(Course(case, "wan,delay=0,rate=0,loss=20,run=8").arrivals(4000))
    lost = [i not in got for i in range(4000)]
    share = sum(lost) / len(lost)
    runs = sum(lost[i] and not lost[i - 1] for i in range(1, len(lost)))
    check(0.15 < share < 0.25, f"{share:.1%} were lost, not 20 %")
    check(6 < sum(lost) / runs < 10, f"{sum(lost)} were lost in {runs} runs")


@suite.case("each_way_its_own")
def each_way_its_own(case):
    course = Course(case, "wan,rate=0,up.delay=0,down.delay=5,down.loss=100")
    course.send_up(CHUNK)
    course.settled()
    asked = everything(course.server)
    check(len(asked) == CHUNK, f"{len(asked)} of {CHUNK} arrived")
    for data, sender in asked:
        course.server.sendto(data, sender)
    down = wait_until(lambda: course.relay.counts()["down"], 20, "counts")
    wait_until(lambda: course.relay.counts()["down"]["lost"]["packets"] == CHUNK, 20,
               f"the answers are lost: {down}")
    check(not everything(course.client), "an answer got through")


@suite.case("delay")
def delay(case):
    course = Course(case, "wan,rate=0,delay=80")
    trips = []
    for _ in range(5):
        start = time.monotonic()
        course.send_up(1)
        for sock in (course.server, course.client):
            check(select.select([sock], [], [], 20)[0], "nothing arrives")
            data, sender = sock.recvfrom(100)
            if sock is course.server:
                sock.sendto(data, sender)
        trips.append(1000 * (time.monotonic() - start))
    # The shortest: of five one is not held up by a busy machine for as long as the delay.
    check(160 <= min(trips) < 320, f"round trips of {trips} ms, not 160")
    case.note = f"{min(trips):.1f} ms"


@suite.case("rate_and_queue")
def rate_and_queue(case):
    # Of 100 bytes on the wire, 0.8 ms each: 125 fill the queue, and another is on the link.
    course = Course(case, "wan,delay=0,rate=1,queue=100")
    start = time.monotonic()
    course.send_up(250, size=100 - HEADERS)
    wait_until(lambda: course.relay.counts()["up"]["offered"]["packets"] == 250, 20, "all were taken in")
    meanwhile = time.monotonic() - start
    up = course.settled()["up"]
    took = time.monotonic() - start
    passed = up["passed"]["packets"]
    check(126 <= passed <= 127 + meanwhile / 0.0008, f"the queue took {passed} in {meanwhile:.3f} s")
    check(passed + up["queue_dropped"]["packets"] == 250, f"what it did not take was not dropped: {up}")
    check(len(everything(course.server)) == passed, f"not all of {passed} arrived")
    check(took >= passed * 0.0008, f"{passed} took {took:.3f} s, which is faster than the rate")
    case.note = f"{passed} passed in {took:.3f} s"


@suite.case("order")
def order(case):
    got = Course(case, "wan,rate=0,delay=20,jitter=20").arrivals(CHUNK)
    check(got == list(range(CHUNK)), f"jitter changed the order: {got}")
    course = Course(case, "wan,rate=0,delay=0,reorder=20,reorder_by=500")
    got = course.arrivals(CHUNK)
    check(sorted(got) == list(range(CHUNK)), f"not all arrived, and once: {got}")
    held = course.relay.counts()["up"]["reordered"]["packets"]
    behind = sum(got[i] < max(got[:i]) for i in range(1, CHUNK))
    check(5 < held < 40 and behind > 0, f"{held} were held back, {behind} came behind later ones")


@suite.case("clients")
def clients(case):
    course = Course(case, "wan,rate=0,delay=0")
    many = [udp() for _ in range(CLIENTS_MAX + 4)]
    for s in many:
        course.send_up(1, client=s)
    counts = course.settled()
    check(counts["clients"] == CLIENTS_MAX, f"{counts['clients']} clients")
    check(counts["up"]["refused"] == {"packets": 4, "bytes": 4 * (8 + HEADERS)}, f"refused: {counts['up']}")
    asked = everything(course.server)
    check(len({sender for _, sender in asked}) == CLIENTS_MAX, "the server cannot tell them apart")
    for data, sender in asked:
        course.server.sendto(data, sender)
    for i, s in enumerate(many[:CLIENTS_MAX]):
        check(select.select([s], [], [], 20)[0], f"client {i} gets no answer")
        got = [struct.unpack(">Q", data)[0] for data, _ in everything(s)]
        check(got == [i], f"client {i} gets the answer of {got}")


@suite.case("too_long")
def too_long(case):
    course = Course(case, "wan,rate=0,delay=0")
    course.send_up(1, size=1536)
    course.send_up(1, size=1537)
    up = course.settled()["up"]
    check(up["delivered"] == {"packets": 1, "bytes": 1536 + HEADERS}, f"delivered: {up}")
    check(up["refused"] == {"packets": 1, "bytes": 1537 + HEADERS}, f"refused: {up}")
    check([len(data) for data, _ in everything(course.server)] == [1536], "another length arrived")


@suite.case("answer_to_nobody")
def answer_to_nobody(case):
    """A server that is not there (yet) costs datagrams and nothing else."""
    course = Course(case, "wan,rate=0,delay=0")
    port = course.server.getsockname()[1]
    course.server.close()
    for _ in range(3):
        course.send_up(1)
        course.settled()
    course.server = udp(port)
    check(course.arrivals(3) != [], "nothing arrives at a server that came late")
    check_sum(course.relay.counts()["up"])


BAD = {  # arguments: what is to be said of them
    "": "--listen and --to are required",
    "--listen 4000": "--listen and --to are required",
    "--listen 0 --to 4001": "a port is 1 to 65535: 0",
    "--listen 4000 --to 127.0.0.1:66000": "a port is 1 to 65535: 127.0.0.1:66000",
    "--listen 4000 --to 4001x": "a port is 1 to 65535: 4001x",
    "--listen :4000 --to 4001": "not [ADDRESS:]PORT: :4000",
    "--listen 4000 --to localhost:4001": "not an address in numbers: localhost:4001",
    "--listen 4000 --to 4001 --seed -1": "a seed is a number: -1",
    "--listen 4000 --to 4001 --link nowhere": "nowhere: there is no link of this name",
    "--listen 4000 --to 4001 --link wan,speed=1": "speed=1: there is no such key",
    "--listen 4000 --to 4001 --link wan,loss": "loss: KEY=VALUE is wanted",
    "--listen 4000 --to 4001 --link wan,loss=": "loss=: it takes PERCENT",
    "--listen 4000 --to 4001 --link wan,loss=101": "loss=101: 0 to 100 is possible",
    "--listen 4000 --to 4001 --link wan,delay=-5": "delay=-5: 0 to 10000 is possible",
    "--listen 4000 --to 4001 --link wan,rate=nan": "rate=nan: 0 to 100000 is possible",
    "--listen 4000 --to 4001 --link wan,rate=1e-9": "a rate is at least 0.001",
    "--listen 4000 --to 4001 --link wan,police=5": "police=5: it takes MBIT/KB",
    "--listen 4000 --to 4001 --link wan,run=0.5": "a run has at least 1 packet",
    "--listen 4000 --to 4001 --link wan,loss=90,run=2": "so much loss comes in longer runs",
    "--listen 4000 --to 4001 more": "not understood: more",
    "--fast": "unrecognized option '--fast'",
}


@suite.case("bad_arguments")
def bad_arguments(case):
    for arguments, words in BAD.items():
        p = subprocess.run([relay.program(), *arguments.split()], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=30)
        check(p.returncode == 2, f"'{arguments}' ends with code {p.returncode}: {p.stderr}")
        check(words in p.stderr and not p.stdout, f"'{arguments}' gets the words: {p.stderr}")


@suite.case("busy_port")
def busy_port(case):
    taken = udp(case.port())
    port = str(taken.getsockname()[1])
    p = subprocess.run([relay.program(), "--listen", port, "--to", port], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=30)
    check(p.returncode == 1 and f"cannot listen on {port}: " in p.stderr, f"{p.returncode}: {p.stderr}")


if __name__ == "__main__":
    sys.exit(suite.main())
