"""What it takes: memory, wake-ups, descriptors; and what happens at a limit."""

import concurrent.futures
import socket
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, check_traffic, counters, dial, pair_to_target, read_to_end
import ends
import memory
import traffic
from cases import check, wait_until


@suite.case("memory_after_start")
def memory_after_start(case):
    pair, _ = pair_to_target(case, together=True)
    time.sleep(0.5)
    rss = pair.client.rss_kib()
    case.note = f"{rss} KiB resident"
    check(rss <= 8 * 1024, f"{rss} KiB resident after start, limit 8192")
    pair.stop()


@suite.case("memory_of_1500_idle_streams", seconds=60)
def memory_of_streams(case):
    far = Listener(memory.echo_once)
    pair = Pair(case, far.text)
    figures = memory.of_idle_streams(pair.address, pair.ends(), 1500)
    case.note = ", ".join(f"{name} {bytes_each / 1024:.2f} KiB each" for name, bytes_each in figures.items())
    for name, bytes_each in figures.items():
        check(bytes_each <= 4096, f"{name}: {bytes_each:.0f} bytes for an idle stream, limit 4096")
    pair.stop()


@suite.case("memory_of_100_idle_sessions", seconds=60)
def memory_of_sessions(case):
    far = Listener(memory.echo_once)
    pair = Pair(case, far.text, client={"conn": 100})
    figures = memory.of_idle_sessions(pair.address, pair.ends(), 100)
    case.note = ", ".join(f"{name} {bytes_each / 1024:.1f} KiB each" for name, bytes_each in figures.items())
    for name, bytes_each in figures.items():
        check(bytes_each <= 65536, f"{name}: {bytes_each:.0f} bytes for an idle session, limit 65536")
    pair.stop()


@suite.case("memory_returns_after_a_busy_time", seconds=60)
def memory_returns(case):
    wide = {"sndwnd": 4096, "rcvwnd": 4096}
    pair, target = pair_to_target(case, client=wide, server=wide)
    check_traffic(pair.address, target, [(4 << 20, 4 << 20)] * 32, 40)
    peak = [p.rss_kib() for p in pair.ends()]
    wait_until(lambda: max(p.rss_kib() for p in pair.ends()) < 16 * 1024, 20,
               f"below 16 MiB resident again, from {peak} KiB")
    case.note = f"from {max(peak)} to {max(p.rss_kib() for p in pair.ends())} KiB"
    pair.stop()


@suite.case("a_daemon_without_sessions_does_not_wake_up", seconds=30)
def idle_daemon(case):
    pair, _ = pair_to_target(case)
    time.sleep(1)
    woken = wakeups(pair, 5)
    case.note = str(woken)
    for name, n in woken.items():
        check(n <= 3, f"{name} woke up {n} times in 5 s with nothing to do")
    pair.stop()


@suite.case("an_idle_session_wakes_up_for_keepalives_only", seconds=40)
def idle_session(case):
    far = Listener(memory.echo_once)
    pair = Pair(case, far.text, client={"keepalive": 10}, server={"keepalive": 10})
    with dial(pair.address) as s:
        memory.ask(s)
        time.sleep(6)  # pools have shrunk by then, and timers of the traffic have passed
        woken = wakeups(pair, 10)
    case.note = str(woken)
    for name, n in woken.items():
        # A keepalive of each end, its ACK, and what answers it: some ten in a period.
        check(n <= 25, f"{name} woke up {n} times in 10 s with an idle session")
    pair.stop()


def wakeups(pair, seconds):
    before = [p.wakeups() for p in pair.ends()]
    time.sleep(seconds)
    return {p.name: p.wakeups() - b for p, b in zip(pair.ends(), before)}


@suite.case("out_of_descriptors_backs_off_and_recovers", seconds=60, tags=["alone"])
def out_of_descriptors(case):
    pair, target = pair_to_target(case, descriptors=40)
    conns = []
    for _ in range(120):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(pair.address)
        conns.append(s)
    time.sleep(1)
    before = [p.cpu_seconds() for p in pair.ends()]
    time.sleep(3)
    used = max(p.cpu_seconds() - b for p, b in zip(pair.ends(), before))
    check(used < 0.5, f"{used:.2f} s of CPU in 3 s without descriptors")
    for p in pair.ends():
        check(p.alive(), f"{p.name} died without descriptors")
    check(pair.client.wait_log(r"ulimit|descriptor|too many open files", 20), "the log does not tell")
    for s in conns:
        s.close()
    wait_until(lambda: works(pair.address), 20, "new connections work when descriptors are free again")
    case.note = f"{used:.2f} s of CPU in 3 s"
    pair.stop()


def works(address):
    try:
        traffic.run_plan(address, [(100, 100)], 2)
        return True
    except (TimeoutError, EOFError, OSError):
        return False


@suite.case("maxsessions_refuses_the_next_client", seconds=40)
def maxsessions(case):
    pair, target = pair_to_target(case, client={"conn": 2}, server={"maxsessions": 1})
    check(works(pair.address) or works(pair.address), "the first session does not work")
    works(pair.address)
    works(pair.address)
    check(pair.server.wait_log(r"maxsessions", 10), "the log does not tell of maxsessions")
    pair.client.kill()
    ends.stop_cleanly(pair.server)


@suite.case("maxstreams_refuses_the_next_stream", seconds=40)
def maxstreams(case):
    far = Listener(memory.echo_once)
    pair = Pair(case, far.text, client={"maxstreams": 5, "conn": 1})
    conns = [dial(pair.address) for _ in range(5)]
    for s in conns:
        memory.ask(s)
    try:  # the refusal can be there before connecting has returned
        with dial(pair.address, 5) as extra:
            extra.sendall(b"x")
            check(extra.recv(1) == b"", "the sixth stream of five works")
    except ConnectionResetError:
        pass
    check(pair.client.wait_log(r"maxstreams", 20), "the log does not tell of maxstreams")
    conns.pop().close()

    def works_again():
        try:
            with dial(pair.address, 5) as again:
                memory.ask(again)
            return True
        except (EOFError, OSError):
            return False  # the end of the one that was closed is still on its way
    wait_until(works_again, 20, "a new stream in place of one that ended")
    pair.stop()


def send_kib(conn):
    """Target: told a number in a line, it sends so many KiB."""
    line = b""
    while not line.endswith(b"\n"):
        line += conn.recv(1)
    left, piece = int(line) * 1024, bytes(65536)
    while left > 0:
        conn.sendall(piece[:left])
        left -= min(left, len(piece))


def stall(address, count):
    """Downloads that nobody reads: more than the kernel takes for them."""
    conns = []
    for _ in range(count):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(address)
        s.sendall(b"100000\n")
        conns.append(s)
    return conns


def download(address, kib, seconds=20):
    with dial(address, seconds) as s:
        s.sendall(b"%d\n" % kib)
        check(len(read_to_end(s)) == kib * 1024, "the download is cut short")


def second_client(case, pair, **settings):
    """Another client of the pair's server: its address."""
    port = case.port()
    ends.start_client(case, ends.OURS, {"mode": "fast3", **settings}, f"{LOCAL}:{port}",
                      f"{LOCAL}:{pair.far}", name="second")
    return (LOCAL, port)


@suite.case("stalled_downloads_leave_memory_to_others", seconds=60)
def memory_is_shared(case):
    """A session full of downloads that nobody reads: another one of the server has its room, and
    in the same one the others go on."""
    target = Listener(send_kib)
    pair = Pair(case, target.text, client={"memory": "8M", "maxstreams": 4096}, server={"memory": "8M"})
    conns = stall(pair.address, 300)
    address = second_client(case, pair)
    time.sleep(2)
    began = time.monotonic()
    for _ in range(3):
        download(address, 2048)
    took = time.monotonic() - began
    download(pair.address, 100, 40)
    resets = counters(pair.client).get("MemoryResets", 0)
    case.note = f"{took:.1f} s for 6 MiB beside them, {resets} given up"
    check((resets > 0) == ("was reset: it held" in pair.client.log()), f"{resets} resets, and the log differs")
    for s in conns:
        s.close()
    download(pair.address, 2048)
    pair.stop()


@suite.case("a_router_with_4_mib_carries_transfers_streams_and_stalled_readers", seconds=90, tags=["alone"])
def four_mib(case):
    """memory = 4M, the least there is, at both ends: windows and buffers follow it, each kind of load passes, and the
    processes stay small."""
    small = {"memory": "4M", "sockbuf": "512K"}
    far = Listener(send_kib)
    pair = Pair(case, far.text, client=small, server=small)
    start = [p.rss_kib() for p in pair.ends()]
    began = time.monotonic()
    download(pair.address, 32 << 10, 40)
    bulk = time.monotonic() - began
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        for done in [pool.submit(download, pair.address, 512, 40) for _ in range(50)]:
            done.result()
    conns = stall(pair.address, 8)
    time.sleep(1)
    download(pair.address, 8 << 10, 40)
    for s in conns:
        s.close()
    download(pair.address, 2 << 10, 20)
    grown = [p.status("VmHWM") - before for p, before in zip(pair.ends(), start)]
    case.note = f"{32 / bulk:.0f} MiB/s; at most {grown} KiB beside the {start} KiB of the start"
    # Beside `memory` there are the batches of datagrams on their way to and from the kernel.
    check(max(grown) <= 8 * 1024, f"grew by {grown} KiB with memory = 4M")
    pair.stop()


@suite.case("garbage_from_strangers_costs_nothing_but_time", seconds=40)
def garbage(case):
    """A flood of datagrams that are not ours: no session, no memory, and the tunnel works on."""
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target)
    before = pair.server.rss_kib()
    for _ in range(20):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for i in range(500):
                s.sendto(bytes(traffic.piece(i * 31, i, i % 1500)), (LOCAL, pair.far))
    check_traffic(pair.address, target)
    grown = pair.server.rss_kib() - before
    check(grown < 4096, f"{grown} KiB more resident after 10,000 datagrams of garbage")
    pair.stop()
