"""Data through a tunnel, by the programs that people use."""

import hashlib
import json
import os
import subprocess
import sys

from suite import suite
from tunnels import FEC, LOCAL, Pair, check_traffic, counters, pair_to_target
import ends
import traffic
from cases import check

MB = 1 << 20


def sha256_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def run(argv, seconds, **options):
    p = subprocess.run([str(a) for a in argv], timeout=seconds, capture_output=True, **options)
    check(p.returncode == 0, f"{argv[0]} ended with {p.returncode}: {p.stderr.decode(errors='replace')[-300:]}")
    return p.stdout


def http_server(case, directory):
    port = case.port()
    web = case.start([sys.executable, "-m", "http.server", "--bind", LOCAL, "--directory", directory, port],
                     "http")
    ends.wait_ready(web, tcp=[port])
    return port


@suite.case("curl_fetches_a_file", tags=["short"])
def curl_fetches_a_file(case):
    case.need("curl")
    os.mkdir(case.path("www"))
    traffic.random_file(case.path("www/file"), 20 * MB)
    pair = Pair(case, f"{LOCAL}:{http_server(case, case.path('www'))}")
    run(["curl", "-sSf", "-o", case.path("got"), f"http://{LOCAL}:{pair.local}/file"], 20)
    check(sha256_of(case.path("got")) == sha256_of(case.path("www/file")), "the file is not the same")
    pair.stop()


@suite.case("curl_fetches_many_files_at_once")
def curl_fetches_many_files_at_once(case):
    case.need("curl")
    os.mkdir(case.path("www"))
    for i in range(20):
        traffic.random_file(case.path(f"www/{i}"), 40_000 * (i + 1))
    pair = Pair(case, f"{LOCAL}:{http_server(case, case.path('www'))}")
    run(["curl", "-sSf", "--parallel", "--parallel-max", "20", "--parallel-immediate",
         "-o", case.path("got#1"), f"http://{LOCAL}:{pair.local}/[0-19]"], 20)
    bad = [i for i in range(20) if sha256_of(case.path(f"got{i}")) != sha256_of(case.path(f"www/{i}"))]
    check(not bad, f"files {bad} are not the same")
    pair.stop()


def iperf3(case, client, server, *arguments):
    case.need("iperf3")
    port = case.port()
    far = case.start(["iperf3", "-s", "-B", LOCAL, "-p", port], "iperf3-server")
    ends.wait_ready(far, tcp=[port])
    pair = Pair(case, f"{LOCAL}:{port}", client=client, server=server)
    out = run(["iperf3", "-c", LOCAL, "-p", pair.local, "-t", "3", "-J", *arguments], 25)
    rate = json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e6
    check(rate > 10, f"only {rate:.1f} Mbit/s")
    case.note = f"{rate:.0f} Mbit/s"
    pair.stop()


WIDE = {"sndwnd": 2048, "rcvwnd": 2048}


@suite.case("iperf3_up", tags=["short"])
def iperf3_up(case):
    iperf3(case, WIDE, WIDE)


@suite.case("iperf3_down", tags=["short"])
def iperf3_down(case):
    iperf3(case, WIDE, WIDE, "-R")


@suite.case("iperf3_both_ways_on_8_streams")
def iperf3_both_ways(case):
    iperf3(case, WIDE, WIDE, "--bidir", "-P", "4")


@suite.case("500_connections_at_once_each_with_its_own_data", seconds=60, tags=["short"])
def many_connections(case):
    pair, target = pair_to_target(case)
    check_traffic(pair.address, target, [(20_000 + 7 * i, 30_000 - 13 * i) for i in range(500)], 40)
    check(target.accepted == 500, f"{target.accepted} connections reached the target, not 500")
    pair.stop()


@suite.case("2000_connections_one_after_another", seconds=60)
def short_connections(case):
    pair, target = pair_to_target(case)
    for _ in range(40):
        check_traffic(pair.address, target, [(100, 100)] * 50)
    held = counters(pair.server).get("CurrStreams", 0)
    check(held <= 50, f"the server still holds {held} of 2000 finished streams")
    pair.stop()


@suite.case("64_MiB_both_ways_on_one_connection", seconds=60)
def big_transfer(case):
    pair, target = pair_to_target(case, client=WIDE, server=WIDE)
    check_traffic(pair.address, target, [(64 * MB, 64 * MB)], 50)
    pair.stop()


@suite.case("64_MiB_on_four_sessions_in_one_process", seconds=60)
def four_sessions(case):
    pair, target = pair_to_target(case, client={**WIDE, "conn": 4}, server=WIDE, together=True)
    check_traffic(pair.address, target, [(8 * MB, 8 * MB)] * 8, 50)
    opened = counters(pair.client, "near").get("ActiveOpens", 0)
    check(opened == 4, f"conn = 4 opened {opened} sessions")
    pair.stop()


def add_setting(name, settings, seconds=30, tags=()):
    def run_case(case):
        pair, target = pair_to_target(case, client=settings, server=settings)
        check_traffic(pair.address, target)
        pair.stop()
    suite.add(f"transfer_with_{name}", run_case, seconds, tags)


# What only two kcptunds can speak to each other; what the Go peers know too is in interop.
add_setting("aes-256-gcm", {"crypt": "aes-256-gcm"}, tags=["short"])
add_setting("chacha20-poly1305", {"crypt": "chacha20-poly1305"})
add_setting("aes-128-gcm", {"crypt": "aes-128-gcm"})
add_setting("null", {"crypt": "null"})
add_setting("zstd", {"compression": "zstd"})
add_setting("qpp", {"qpp": True})
add_setting("qpp_7_pads_smux1", {"qpp": True, "qpp-count": 7, "smuxver": 1})
add_setting("mtu_100", {"mtu": 100, "datashard": 0, "parityshard": 0})
add_setting("dscp", {"dscp": 46})
add_setting("fec", FEC, tags=["short"])
add_setting("fast3_and_windows_of_128", {"mode": "fast3", "sndwnd": 128, "rcvwnd": 128})
add_setting("normal_and_copies", {"mode": "normal", "copies": 3})
add_setting("ratelimit", {"ratelimit": 4_000_000})
add_setting("congestion_reno", {"congestion": "reno"})
add_setting("congestion_none", {"congestion": "none"})
add_setting("congestion_window", {"mode": "manual", "nodelay": 1, "interval": 10, "resend": 2, "nc": 0})
