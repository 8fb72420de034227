#!/usr/bin/env python3
"""interop - kcptund against Debian's kcptun-client and kcptun-server, over every setting.

    tests/interop/run.py [PATTERN...]          the suite, or the cases whose names match
    tests/interop/run.py --client go --server go ...
                                               other programs in the roles: checks the tests themselves

Each case moves some megabytes both ways at once on several connections and checks every byte. The
cases cover all pairs of values of the factors below. KCPTUND names the program to test.
"""

import itertools
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import ends  # noqa: E402
import traffic  # noqa: E402
from cases import Failure, Suite, check, wait_until  # noqa: E402
from ends import GO, OURS  # noqa: E402
from pairs import covering_rows  # noqa: E402
from netns import on_host  # noqa: E402
from wires import SERVER, Wires  # noqa: E402

BADNET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "badnet.py")

CRYPTS = ["aes", "aes-192", "aes-128", "sm4", "twofish", "blowfish", "cast5", "3des", "tea", "xtea",
          "salsa20", "xor", "none"]
FEC = {  # (data, parity) of the client, of the server
    "10+3": ((10, 3), (10, 3)),
    "off": ((0, 0), (0, 0)),
    "3+2_20+7": ((3, 2), (20, 7)),
    "30+10_5+5": ((30, 10), (5, 5)),
    "client-only": ((10, 3), (0, 0)),
    "server-only": ((0, 0), (6, 4)),
}
NETS = {  # what the relay between does; None: no relay
    "clean": None,
    "lossy": {"loss": 0.05, "reorder": 0.05, "delay": 5, "jitter": 15},
    "wild": {"loss": 0.03, "reorder": 0.1, "duplicate": 0.03, "corrupt": 0.03, "delay": 2, "jitter": 25},
}
FACTORS = {
    "way": ["go-to-ours", "ours-to-go"],  # which program is the client
    "crypt": CRYPTS,
    "net": list(NETS),
    "fec": list(FEC),
    "smux": [1, 2],
    "comp": ["comp", "nocomp"],
    "mode": ["fast3", "fast2", "fast", "normal"],
    "adapt": [False, True],  # our server is set to another smux version and compression than the client
}
MB = 1 << 20
BIG = [(2 * MB, 3 * MB), (3 * MB, 2 * MB), (300_001, 99_999), (1, 70_000), (70_000, 1)]
SMALL = [(2 * MB, MB), (MB, 2 * MB), (100_001, 50_003), (1, 7)]
def suite():
    # Flags that say which program plays which role; see cases.py for the rest.
    roles = {"client": None, "server": None}
    for role in roles:
        if f"--{role}" in sys.argv:
            i = sys.argv.index(f"--{role}")
            roles[role] = sys.argv[i + 1]
            del sys.argv[i:i + 2]
    s = Suite(__doc__.splitlines()[0], jobs=(os.cpu_count() or 1) + 1)
    for row in covering_rows(FACTORS):
        add_matrix_case(s, row, roles)
    add_special_cases(s, roles)
    return s


def programs(way, roles):
    client, server = (GO, OURS) if way == "go-to-ours" else (OURS, GO)
    return roles["client"] or client, roles["server"] or server


def add_matrix_case(s, row, roles):
    client, server = programs(row["way"], roles)
    adapt = row["adapt"] and server == OURS
    name = "_".join([row["way"], row["crypt"], row["mode"], "fec-" + row["fec"], f"smux{row['smux']}",
                     row["comp"], row["net"]] + (["adapt"] if adapt else []))
    common = {"crypt": row["crypt"], "mode": row["mode"], "sndwnd": 512, "rcvwnd": 512}
    stream = {"nocomp": row["comp"] == "nocomp", "smuxver": row["smux"]}
    other = {"nocomp": not stream["nocomp"], "smuxver": 3 - row["smux"]} if adapt else stream
    client_settings = {**common, **stream, **fec(FEC[row["fec"]][0])}
    server_settings = {**common, **other, **fec(FEC[row["fec"]][1])}
    net = NETS[row["net"]]
    s.add(name, lambda case: transfer(case, client, server, client_settings, server_settings, net,
                                      SMALL if net else BIG), seconds=60)


def fec(numbers):
    return {"datashard": numbers[0], "parityshard": numbers[1]}


def tunnel(case, client, server, client_settings, server_settings, net, target_port):
    """Both ends and, if there is a net, the relay between; returns (client, server, local port)."""
    local = case.port()
    q, near = far_end(case, server, server_settings, net, target_port)
    p = ends.start_client(case, client, client_settings, f"127.0.0.1:{local}", f"127.0.0.1:{near}")
    return p, q, local


def far_end(case, server, server_settings, net, target_port):
    """The server, and the port at which it is reached."""
    far = case.port()
    near = case.port() if net else far
    q = start_server(case, server, server_settings, far, target_port)
    if net:
        arguments = [x for k, v in net.items() for x in (f"--{k}", v)]
        relay = case.start([sys.executable, BADNET, "--listen", near, "--to", far, *arguments], "badnet")
        ends.wait_ready(relay, udp=[near])
    return q, near


def start_server(case, server, settings, port, target_port):
    return ends.start_server(case, server, settings, f"127.0.0.1:{port}", f"127.0.0.1:{target_port}")


def transfer(case, client, server, client_settings, server_settings, net, plan):
    target = traffic.Target()
    p, q, local = tunnel(case, client, server, client_settings, server_settings, net, target.port)
    traffic.run_plan(("127.0.0.1", local), plan, 50)
    check(not target.faults, f"the target saw: {target.faults[:3]}")
    for kind, end in ((client, p), (server, q)):
        check(end.alive(), f"{end.name} died")
        if kind == OURS:
            ends.stop_cleanly(end)


def add_special_cases(s, roles):
    for way in FACTORS["way"]:
        client, server = programs(way, roles)
        for name, settings, plan in SPECIAL:
            s.add(f"{way}_{name}", plain_case(client, server, settings, plan), seconds=60)
    ways = [w for w in FACTORS["way"] if sorted(programs(w, roles)) == [GO, OURS]]
    for way in ways:
        for name, theirs in DEFAULTS.items():
            s.add(f"{way}_nothing-tuned_{name}", untuned_case(*programs(way, roles), theirs), seconds=60)
        for smux, comp in itertools.product((1, 2), ("comp", "nocomp")):
            s.add(f"{way}_notes_smux{smux}_{comp}", notes_case(*programs(way, roles), smux, comp), seconds=60)
    ways = [w for w in FACTORS["way"] if OURS in programs(w, roles)]
    for way in ways:
        for what, difference in (("key", {"key": "not the same"}), ("crypt", {"crypt": "salsa20"})):
            s.add(f"{way}_wrong-{what}_is_told", mismatch_case(*programs(way, roles), difference), seconds=60)
    if programs("ours-to-go", roles) == (OURS, GO):
        s.add("ours-to-go_a-restarted-server_is_noticed", restart_case, seconds=60)
        s.add("ours-to-go_a-forgotten-binding_is_noticed", binding_case, seconds=60)
        s.add("ours-to-go_a-changed-address_is_noticed", address_case, seconds=60)
        for smux, comp in itertools.product((1, 2), ("comp", "nocomp")):
            for net in FOUND_WITHIN:
                s.add(f"ours-to-go_auto-finds_smux{smux}_{comp}_{net}", found_case(smux, comp, net), seconds=60)
            s.add(f"ours-to-go_auto-finds-again_smux{smux}_{comp}", found_again_case(smux, comp), seconds=60)
        s.add("ours-to-go_auto-finds_by-kcptuns-command-line", command_line_case, seconds=60)
        s.add("ours-to-go_auto-finds-nothing_of-what-is-left-open", nothing_found_case, seconds=60)
        for ours, theirs, words in STREAM_MISMATCHES:
            name = "_".join(f"{k}-{v}" for k, v in ours.items())
            s.add(f"ours-to-go_{name}_is_told", stream_mismatch_case(ours, theirs, words), seconds=60)


SPECIAL = [
    ("64-streams-at-once", {"mode": "fast2", "smuxver": 2}, [(60_000 + i, 90_000 - i) for i in range(64)]),
    ("64-streams-at-once-smux1", {"mode": "fast2", "smuxver": 1}, [(60_000 + i, 90_000 - i) for i in range(64)]),
    ("conn-4", {"smuxver": 1, "conn": 4, "mode": "fast2"}, [(300_000, 300_000)] * 8),
    ("small-mtu", {"mtu": 400, "mode": "fast3", "smuxver": 2}, [(MB, MB)]),
    ("full-mtu", {"mtu": 1500, "mode": "fast3", "smuxver": 2}, SMALL),
    ("small-windows", {"smuxver": 1, "sndwnd": 32, "rcvwnd": 32, "mode": "fast3"}, [(MB, MB)]),
    ("small-streambuf", {"smuxver": 2, "streambuf": 65536, "smuxbuf": 262144, "mode": "fast3"}, [(MB, MB)] * 3),
    ("small-smuxbuf-smux1", {"smuxver": 1, "smuxbuf": 131072, "streambuf": 65536, "mode": "fast3"}, [(MB, MB)] * 3),
    ("acknodelay-manual", {"smuxver": 1, "mode": "manual", "nodelay": 1, "interval": 20, "resend": 2, "nc": 0,
                           "acknodelay": True}, SMALL),
]
CLIENT_ONLY = ("conn",)
DEFAULTS = {"fec-default": {}, "fec-off": {"datashard": 0, "parityshard": 0}}  # what kcptun is told


def plain_case(client, server, settings, plan):
    far = {k: v for k, v in settings.items() if k not in CLIENT_ONLY}
    return lambda case: transfer(case, client, server, settings, far, None, plan)


def counter(process, name):
    """One of kcptun's counters, as either program logs it on SIGUSR1."""
    before = len(process.log())
    process.signal(signal.SIGUSR1)
    said = wait_until(lambda: re.search(r"^.*(?:counters:|SNMP:).*\n", process.log()[before:], re.M), 20,
                      f"{process.name} logs its counters")
    value = re.search(rf"\b{name}[=:](\d+)", said.group())
    return int(value.group(1)) if value else 0  # ours leaves out what is zero


def untuned_case(client, server, theirs):
    """Ours is automatic in all, kcptun as it is started without a flag; and one without error correction."""
    def run(case):
        target = traffic.Target()
        settings = {OURS: {}, GO: theirs}
        p, q, local = tunnel(case, client, server, settings[client], settings[server], NETS["lossy"], target.port)
        traffic.run_plan(("127.0.0.1", local), SMALL, 50)
        check(not target.faults, f"the target saw: {target.faults[:3]}")
        ours, go = (p, q) if client == OURS else (q, p)
        rebuilt, parity = counter(ours, "FECRecovered"), counter(go, "FECParityShards")
        case.note = f"{rebuilt} rebuilt, {parity} of parity sent"
        sends = not theirs
        check((rebuilt > 0) == sends, f"kcptun sends parity: {sends}; ours rebuilt {rebuilt} from it")
        # A client begins none by itself, a server follows its client.
        check((parity > 0) == (sends and server == OURS), f"kcptun was sent {parity} shards of parity")
        ends.stop_cleanly(ours)
    return run


def notes_case(client, server, smux, comp):
    """Automatic numbers make ours tell its peer, in a NOP, what it understands: kcptun takes no notice."""
    def run(case):
        common = {"smuxver": smux, "nocomp": comp == "nocomp"}
        settings = {OURS: common, GO: {**common, "mode": "fast3", "datashard": 0, "parityshard": 0}}
        transfer(case, client, server, settings[client], settings[server], NETS["lossy"], SMALL)
    return run


def mismatch_case(client, server, difference):
    """A peer with another key or cipher: no data passes, and ours says so, once and in words."""
    def run(case):
        target = traffic.Target()
        p, q, local = tunnel(case, client, server, {"mode": "fast3"}, {"mode": "fast3", **difference}, None,
                             target.port)
        ours = q if server == OURS else p
        # A server sees datagrams that do not open; a client, that nothing ever comes back.
        pattern = r"key or crypt" if server == OURS else r"received 0|nothing (ever )?came back"
        try:
            traffic.run_plan(("127.0.0.1", local), [(1000, 1000)], 6)
            raise Failure("data passed between ends that do not agree")
        except (TimeoutError, EOFError, OSError):
            pass
        check(ours.wait_log(pattern, 25), f"its log does not say {pattern!r}")
        told = len(re.findall(pattern, ours.log(), re.I))
        check(told <= 2, f"the log says it {told} times within half a minute")
        check(target.accepted == 0, "a connection reached the target")
        ends.stop_cleanly(ours)
    return run


def carries(local, seconds):
    """A new connection to that port, or socket, works within that time."""
    try:
        traffic.run_plan(local if isinstance(local, str) else ("127.0.0.1", local), [(1, 1)], seconds)
        return True
    except (TimeoutError, EOFError, OSError):
        return False


def restart_case(case):
    """kcptun does not know what went before either, and cannot say so: our client notices the silence."""
    target = traffic.Target()
    settings = {"smuxver": 1}
    _, q, local = tunnel(case, OURS, GO, settings, settings, None, target.port)
    check(carries(local, 10), "nothing passes")
    far = next(int(a.rsplit(":", 1)[1]) for flag, a in zip(q.argv, q.argv[1:]) if flag == "--listen")
    q.kill()
    q.wait(5)
    start_server(case, GO, settings, far, target.port)
    start = time.monotonic()
    wait_until(lambda: carries(local, 0.5), 20, "a new connection works")
    took = time.monotonic() - start
    case.note = f"after {took:.1f} s"
    check(took < 4, f"a new connection worked after {took:.1f} s")


def binding_case(case):
    """An address translator between them begins anew: nothing here changes, and nobody says so."""
    target = traffic.Target()
    _, _, local = tunnel(case, OURS, GO, {"smuxver": 1, "conn": 1}, {"smuxver": 1}, {"delay": 10}, target.port)
    check(carries(local, 10), "nothing passes")
    next(p for p in case.processes if p.name == "badnet").signal(signal.SIGHUP)
    start = time.monotonic()
    wait_until(lambda: carries(local, 0.5), 20, "a new connection works")
    took = time.monotonic() - start
    case.note = f"after {took:.1f} s"
    check(took < 4, f"a new connection worked after {took:.1f} s")


def address_case(case):
    """Of which the kernel tells."""
    wires = Wires(case)
    target, local = traffic.Target(case.path("target")), case.path("local")
    server = case.start([*on_host(wires.far), "kcptun-server", "--key", ends.KEY, "--listen", f"{SERVER}:29900",
                         "--target", case.path("target")], "kcptun-server")
    check(server.wait_log("listening on", 20), "the server did not start")
    text = ends.ini(ends.section("client", "near", {"key": ends.KEY, "smuxver": 1, "conn": 1,
                                                    "localaddr": local, "remoteaddr": f"{SERVER}:29900"}))
    client = case.start([*on_host(wires.near), ends.kcptund(), "-c", case.write("client.ini", text)], "kcptund")
    check(client.wait_log("ready", 20), "the client did not start")
    check(carries(local, 10), "nothing passes")
    wires.lease()
    start = time.monotonic()
    wait_until(lambda: carries(local, 0.5), 20, "a new connection works")
    took = time.monotonic() - start
    case.note = f"after {took:.1f} s"
    check(took < 1.5, f"a new connection worked after {took:.1f} s")
    check(not target.faults, f"the target saw {target.faults}")
    ends.stop_cleanly(client)


# What a client of ours is set to, a kcptun server, and the words with the key to set.
STREAM_MISMATCHES = [
    ({"smuxver": 2, "compression": "snappy"}, {}, "speaks smux 1, ours is 2: set smuxver = 1"),
    ({"smuxver": 1, "nocomp": False}, {"smuxver": 2}, "speaks smux 2, ours is 1: set smuxver = 2"),
    ({"smuxver": 1, "compression": "snappy"}, {"nocomp": True},
     "sends compression none, ours is snappy: set compression = none"),
    ({"smuxver": 1, "nocomp": True}, {}, "sends compression snappy, ours is none: set compression = snappy"),
    ({"smuxver": 1, "compression": "zstd"}, {},
     "sends compression snappy, ours is zstd: set compression = snappy"),
]


def stream_mismatch_case(ours, theirs, words):
    """A server of another kind is told of when it first speaks: its keepalive, after 10 s."""
    def run(case):
        target = traffic.Target()
        p, _, local = tunnel(case, OURS, GO, {"mode": "fast3", **ours}, {"mode": "fast3", **theirs}, None,
                             target.port)
        sock = socket.create_connection(("127.0.0.1", local))
        sock.sendall(b"hello")
        check(p.wait_log(re.escape(words), 25), f"its log does not say {words!r}")
        check(target.accepted == 0, "a connection reached the target")
        ends.stop_cleanly(p)
    return run


# What the relay between does, and in how many seconds from the start of a client that was told nothing the first connection is
# to work.  Without a relay it is 0.1 to 0.3 s, else four times two round trips, and some for what is lost.
FOUND_WITHIN = {"clean": 2, "long": 4, "lossy": 6}
FOUND_NETS = {"clean": None, "long": {"delay": 50}, "lossy": {"delay": 30, "jitter": 10, "loss": 0.05}}


def started_as(smux, comp):
    return {"smuxver": smux, "nocomp": comp == "nocomp"}


def openings(p):
    return len(re.findall(r"session \w+ to \S+ opened", p.log()))


def passes_whole(local):
    """Every byte of some megabytes, both ways."""
    traffic.run_plan(("127.0.0.1", local), [(100_000, 200_000), (MB, MB)], 40)


def found_case(smux, comp, net):
    """The first connection works soon, whatever the server was started with, and what is found is kept."""
    def run(case):
        target, local = traffic.Target(), case.port()
        _, near = far_end(case, GO, started_as(smux, comp), FOUND_NETS[net], target.port)
        start = time.monotonic()
        p = ends.start_client(case, OURS, {}, f"127.0.0.1:{local}", f"127.0.0.1:{near}")
        check(carries(local, 20), "the first connection does not work")
        took = time.monotonic() - start
        case.note = f"after {took:.2f} s"
        check(took < FOUND_WITHIN[net], f"the first connection worked after {took:.1f} s")
        check(target.accepted == 1, f"{target.accepted} connections reached the target")
        passes_whole(local)
        check(not target.faults, f"the target saw {target.faults}")
        words = f"understands smux {smux}, compression {'none' if comp == 'nocomp' else 'snappy'}"
        check(len(re.findall(words, p.log())) == 1, f"its log does not say {words!r} once")
        tried = len(re.findall("is tried", p.log()))
        check(tried == 2 - smux + 2 * (comp == "nocomp"), f"{tried} others were tried")
        ends.stop_cleanly(p)
    return run


def found_again_case(smux, comp):
    """The server is started anew with other flags."""
    def run(case):
        target = traffic.Target()
        p, q, local = tunnel(case, OURS, GO, {}, started_as(smux, comp), None, target.port)
        check(carries(local, 20), "nothing passes")
        far = next(int(a.rsplit(":", 1)[1]) for flag, a in zip(q.argv, q.argv[1:]) if flag == "--listen")
        q.kill()
        q.wait(5)
        other = started_as(3 - smux, "comp" if comp == "nocomp" else "nocomp")
        start_server(case, GO, other, far, target.port)
        start = time.monotonic()
        wait_until(lambda: carries(local, 2), 20, "a new connection works")
        took = time.monotonic() - start
        case.note = f"after {took:.2f} s"
        check(took < 4, f"a new connection worked after {took:.1f} s")
        passes_whole(local)
        check(not target.faults, f"the target saw {target.faults}")
        ends.stop_cleanly(p)
    return run


def command_line_case(case):
    """kcptun's flags, without --smuxver and --nocomp, in front of one that was started with both."""
    target = traffic.Target()
    local, far = case.port(), case.port()
    start_server(case, GO, started_as(1, "nocomp"), far, target.port)
    p = case.start([ends.kcptund(), "client", "-l", f"127.0.0.1:{local}", "-r", f"127.0.0.1:{far}", "-key", ends.KEY,
                    "-mode", "fast3"], "client")
    ends.wait_ready(p, [local])
    check(carries(local, 10), "nothing passes")
    passes_whole(local)
    ends.stop_cleanly(p)


def nothing_found_case(case):
    """Where only the other key is open each way is tried once, and then it is as if both were given."""
    target = traffic.Target()
    p, _, _ = tunnel(case, OURS, GO, {"smuxver": 2}, {}, None, target.port)
    check(p.wait_log("speaks smux 1, ours is 2: set smuxver = 1", 40), "its log does not say what to set")
    check(len(re.findall("is tried", p.log())) == 1, "more was tried than there is")
    check(openings(p) <= 4, f"{openings(p)} sessions were opened")
    check(target.accepted == 0, "a connection reached the target")
    ends.stop_cleanly(p)


if __name__ == "__main__":
    sys.exit(suite().main())
