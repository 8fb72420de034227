"""What the daemon says when two ends do not fit."""

import re
import time

from suite import suite
from tunnels import FEC, LOCAL, Pair, pair_to_target
import ends
import traffic
from cases import Failure, check

OTHER_KEY = r"key or crypt differs"
SILENCE = r"received 0 from"


def expect_no_data(address, target, seconds=8):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            traffic.run_plan(address, [(1000, 1000)], 2)
        except (TimeoutError, EOFError, OSError):
            time.sleep(0.1)
            continue
        raise Failure("data passed between ends that do not agree")


def said_once(process, pattern, seconds):
    check(process.wait_log(pattern, seconds), f"{process.name} does not say {pattern!r}")
    time.sleep(3)
    lines = [line for line in process.log().splitlines() if re.search(pattern, line, re.I)]
    # Each session of the client is a peer of its own at the server.
    check(len(lines) <= 3, f"{process.name} says {pattern!r} {len(lines)} times")


def add_mismatch(name, client, server, at_server, at_client):
    def run_case(case):
        pair, target = pair_to_target(case, client=client, server=server)
        expect_no_data(pair.address, target)
        if at_server:
            said_once(pair.server, at_server, 20)
        if at_client:
            said_once(pair.client, at_client, 20)
        check(target.accepted == 0 or "qpp" in name, "a connection reached the target")
        for p in pair.ends():
            check(len(p.log().splitlines()) < 60, f"{p.name} logs {len(p.log().splitlines())} lines")
        pair.stop()
    suite.add(f"{name}_is_told_in_words", run_case, 60)


add_mismatch("another_key", {"key": "one"}, {"key": "two"}, OTHER_KEY, SILENCE)
add_mismatch("another_cipher", {"crypt": "aes"}, {"crypt": "twofish"}, OTHER_KEY, SILENCE)
add_mismatch("another_aead_key", {"crypt": "aes-256-gcm", "key": "one"}, {"crypt": "aes-256-gcm"}, OTHER_KEY,
             SILENCE)


@suite.case("no_server_is_told_in_words", seconds=40)
def no_server(case):
    local = case.port()
    p = ends.start_client(case, ends.OURS, {}, f"{LOCAL}:{local}", f"{LOCAL}:{case.port()}")
    expect_no_data((LOCAL, local), None, 3)
    said_once(p, SILENCE, 25)
    ends.stop_cleanly(p)


@suite.case("qpp_on_one_side_is_told_in_words", seconds=60)
def qpp_mismatch(case):
    """Streams open and close without useful data: all that can be seen of another QPP setting."""
    def close_on_nonsense(conn):
        conn.recv(100)

    from tunnels import Listener, dial, read_to_end
    pair = Pair(case, Listener(close_on_nonsense).text, client={"qpp": True}, server={"qpp": False})
    for _ in range(12):
        with dial(pair.address) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            try:
                read_to_end(s)
            except ConnectionResetError:
                pass
    check(pair.client.wait_log(r"qpp", 10) or pair.server.wait_log(r"qpp", 1), "neither log speaks of qpp")
    pair.stop()


@suite.case("the_key_is_never_logged")
def key_is_secret(case):
    secret = "do-not-print-this-secret"
    pair, target = pair_to_target(case, client={"key": secret}, server={"key": secret}, together=True)
    traffic.run_plan(pair.address, [(1000, 1000)], 10)
    pair.stop()
    check(secret not in pair.client.log(), "the key is in the log")


def add_adapting(name, client, server):
    def run_case(case):
        pair, target = pair_to_target(case, client=client, server=server)
        traffic.run_plan(pair.address, [(300_000, 300_000)] * 2, 15)
        check(not target.faults, f"the target saw {target.faults[:3]}")
        pair.stop()
    suite.add(f"a_server_adapts_to_{name}", run_case, 30)


add_adapting("smux_1", {"smuxver": 1}, {"smuxver": 2})
add_adapting("no_compression", {"compression": "none"}, {"compression": "snappy"})
add_adapting("zstd", {"compression": "zstd"}, {"compression": "none"})
add_adapting("other_fec_numbers", {"datashard": 5, "parityshard": 2}, {"datashard": 70, "parityshard": 30})
add_adapting("no_fec", {"datashard": 0, "parityshard": 0}, FEC)
add_adapting("automatic_fec", {}, FEC)
add_adapting("fec_by_itself", FEC, {})
