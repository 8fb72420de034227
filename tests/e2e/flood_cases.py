"""Floods beside a transfer, short ones; tests/bench/flood/flood.py has long ones, and figures."""

import time

import traffic
from cases import check, wait_until
from flooded import KINDS, OF_A_CLIENT, Flooded
from suite import suite

RATE, SECONDS = 20_000, 3
LIMIT = 5_000_000  # bytes per second of the transfer, so that it lasts as long as the flood
PLAN = [(6_000_000, 6_000_000), (500_000, 500_000)]
HALF_OPEN = 1024  # a quarter of maxsessions
LEAST = 0.5  # of the goodput: a machine that does much else is slower now than a second ago; flood.py asks for more
MEMORY_MIB = 24  # HALF_OPEN sessions; or what sixteen clients that leave gaps may have waiting


def say_much(path):
    """A transfer, most of which leaves in trains that nobody hears, and one after the other forty that are heard."""
    traffic.run_plan(path, [(300_000, 1)] * 4, 20)
    for _ in range(40):
        traffic.run_plan(path, [(200, 200)], 20)


def seconds_of(path):
    start = time.monotonic()
    traffic.run_plan(path, PLAN, 60)
    return time.monotonic() - start


def add(kind):
    @suite.case(f"a_flood_of_{kind}_disturbs_nobody", seconds=90, tags=["alone"])
    def flood(case):
        flooded = Flooded(case, LIMIT, own_target=False)
        target = traffic.Target(flooded.target)
        if kind == "replayed":
            flooded.record_earlier(say_much)
            target.settle()
        alone = seconds_of(flooded.local)  # and all memory that a transfer takes is there
        wait_until(lambda: flooded.sessions() >= 1, 5, "a session")
        sessions, before = flooded.sessions(), flooded.server.rss_kib()
        process = flooded.flood(kind, RATE, SECONDS)
        beside = seconds_of(flooded.local)
        during = flooded.sessions()
        sent = flooded.flooded(process, 30)["sent"]
        grown = (flooded.server.rss_kib() - before) / 1024
        traffic.run_plan(flooded.local, [(1, 1)], 30)
        share = alone / beside
        case.note = f"{share * 100:.0f} % beside {sent} datagrams, {during} sessions, {grown:+.1f} MiB"
        check(share > LEAST, f"the transfer took {beside:.1f} s beside the flood, {alone:.1f} s without")
        check(sent > 0, "nothing was sent")
        check(not target.faults, f"the target saw {target.faults[:3]}")
        check(grown < MEMORY_MIB, f"the server has {grown:.0f} MiB more")
        check(during <= HALF_OPEN + 8, f"{during} sessions")
        if kind not in OF_A_CLIENT:
            check(max(during, flooded.sessions()) <= sessions + 1, f"{during} sessions, of which {sessions} were there")
        for p in (flooded.client, flooded.server):
            check(p.alive(), f"{p.name} died")


@suite.case("who_comes_in_a_flood_of_openings_is_served", seconds=60)
def comes(case):
    flooded = Flooded(case, LIMIT, own_target=False, listen="")  # for IPv4 and IPv6
    target = traffic.Target(flooded.target)
    process = flooded.flood("openings", 3 * RATE, 12)
    wait_until(lambda: flooded.sessions() >= HALF_OPEN, 5, "the flood")
    for i in range(4):
        local = case.path(f"late{i}")
        late = flooded.start_client(f"late{i}", local)
        traffic.run_plan(local, [(1000, 1000)], 3)
        check(late.alive(), "it died")
        check(process.alive(), "the flood was over before it came")
    sent = flooded.flooded(process, 30)["sent"]
    check(sent > 4 * RATE, f"only {sent} datagrams were sent")
    check(not target.faults, f"the target saw {target.faults[:3]}")


for _kind in KINDS:
    add(_kind)
