"""snmplog: files of counters that programs made for kcptun can read."""

import csv
import os
import re
import signal
import time

from suite import suite
from tunnels import LOCAL, Pair, check_traffic, counters
import ends
import traffic
from cases import check, wait_until

KCPTUN_2026 = """Unix BytesSent BytesReceived MaxConn ActiveOpens PassiveOpens CurrEstab InErrs InCsumErrors KCPInErrors
    InPkts OutPkts InSegs OutSegs InBytes OutBytes RetransSegs FastRetransSegs EarlyRetransSegs LostSegs RepeatSegs
    FECFullShards FECParityShards FECErrs FECRecovered FECShardSet FECShardMin RingBufferSndQueue RingBufferRcvQueue
    RingBufferSndBuffer OOBPackets""".split()


def rows_of(path):
    """The lines behind the header as {name: number}; [] while there is no file, or nothing in it yet."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return []
    with open(path, newline="") as f:
        rows = list(csv.reader(f))
    check(rows and rows[0] == KCPTUN_2026, f"{path} begins with {rows[:1]}")
    check(all(len(row) == len(KCPTUN_2026) for row in rows), f"{path} has lines of another length")
    return [dict(zip(KCPTUN_2026, map(int, row))) for row in rows[1:]]


def total(rows, name):
    return sum(row[name] for row in rows)


def logged(process, tag, name):
    """A counter as SIGUSR1 logs it; tag None: of all tunnels."""
    process.signal(signal.SIGUSR1)
    lead = rf"info {re.escape(tag)} " if tag else "info "
    found = process.wait_log(rf"{lead}counters:.* {name}=(\d+)", 20)
    check(found, f"SIGUSR1 tells no {name} of {tag}")
    return int(found.group(1))


@suite.case("snmplog_writes_a_line_each_second", seconds=40)
def lines(case):
    target = traffic.Target()
    pair = Pair(case, f"{LOCAL}:{target.port}", client={"conn": 1, "snmplog": case.path("near-2006.log"), "snmpperiod": 1},
                server={"snmplog": case.path("far.log"), "snmpperiod": 1})
    near, far = case.path(time.strftime("near-%Y.log")), case.path("far.log")
    check_traffic(pair.address, target)
    wait_until(lambda: len(rows_of(near)) >= 4, 10, "four lines of the client")
    rows = rows_of(near)
    gaps = [b["Unix"] - a["Unix"] for a, b in zip(rows, rows[1:])]
    check(all(0 <= gap <= 2 for gap in gaps), f"the lines are {gaps} s apart")
    check(abs(rows[-1]["Unix"] - time.time()) <= 2, "the last line is not of now")
    check(rows[-1]["CurrEstab"] == 1 and total(rows, "ActiveOpens") == 1, f"sessions: {rows}")
    pair.stop()
    for path, opens in ((near, "ActiveOpens"), (far, "PassiveOpens")):
        rows = rows_of(path)
        check(total(rows, opens) == 1, f"{path}: {opens} add up to {total(rows, opens)}")
        for name in ("BytesSent", "BytesReceived", "InBytes", "OutBytes"):
            check(total(rows, name) > 100_000, f"{path}: {name} add up to {total(rows, name)}")


@suite.case("snmplog_of_the_process_is_the_sum_of_its_tunnels", seconds=40)
def process_sum(case):
    target = traffic.Target()
    local, far = case.port(), case.port()
    text = (f"[daemon]\nloglevel = info\nsnmplog = {case.path('all.log')}\nsnmpperiod = 1\n\n"
            + ends.section("server", "far", {"key": ends.KEY, "listen": f"{LOCAL}:{far}",
                                             "target": f"{LOCAL}:{target.port}",
                                             "snmplog": case.path("far.log"), "snmpperiod": 1})
            + ends.section("client", "near", {"key": ends.KEY, "localaddr": f"{LOCAL}:{local}",
                                              "remoteaddr": f"{LOCAL}:{far}",
                                              "snmplog": case.path("near.log"), "snmpperiod": 2}))
    p = ends.start_daemon(case, text, tcp=[local], udp=[far])
    check_traffic((LOCAL, local), target)
    time.sleep(2)
    ends.stop_cleanly(p)
    rows = {name: rows_of(case.path(name + ".log")) for name in ("all", "near", "far")}
    for name in ("BytesSent", "BytesReceived", "ActiveOpens", "PassiveOpens"):
        parts = total(rows["near"], name) + total(rows["far"], name)
        check(total(rows["all"], name) == parts, f"{name}: {total(rows['all'], name)} of {parts}")


@suite.case("snmplog_begins_and_ends_with_a_reload_that_leaves_sessions_alone", seconds=40)
def reload(case):
    target = traffic.Target()
    pair = Pair(case, f"{LOCAL}:{target.port}", together=True)
    check_traffic(pair.address, target)
    before = logged(pair.client, "[near]", "BytesSent")
    config = case.path("kcptund.ini")
    with open(config) as f:
        plain = f.read()
    for name in ("one.log", "two.log"):
        path = case.path(name)
        case.write("kcptund.ini", plain.replace("[client near]\n",
                                                f"[client near]\nsnmplog = {path}\nsnmpperiod = 1\n"))
        pair.client.signal(signal.SIGHUP)
        wait_until(lambda: rows_of(path), 10, f"a line in {name}")
        check_traffic(pair.address, target, [(200_000, 1000)])
    case.write("kcptund.ini", plain)
    said = len(pair.client.log())
    pair.client.signal(signal.SIGHUP)
    wait_until(lambda: "reload" in pair.client.log()[said:], 20, "the reload to be logged")
    counters(pair.client)  # are logged behind the reload
    one, two = rows_of(case.path("one.log")), rows_of(case.path("two.log"))
    sent = [total(rows, "BytesSent") for rows in (one, two)]
    check(all(n > 50_000 for n in sent), f"what was sent is in no line: {sent}")  # it is compressed
    check(sum(sent) < before, f"what was sent before, {before}, is in the lines: {sent}")
    check(total(one + two, "ActiveOpens") == 0, "the session was not kept")
    count = len(two)
    time.sleep(2)
    check(len(rows_of(case.path("two.log"))) == count, "it writes on after it was turned off")
    pair.stop()


@suite.case("snmplog_has_the_columns_of_kcptun", seconds=20)
def like_kcptun(case):
    """Debian's of 2021 has names that 2026 replaced; all others stand in the same order."""
    case.need("kcptun-server")
    theirs = case.path("theirs.log")
    case.start(["kcptun-server", "--listen", f"{LOCAL}:{case.port()}", "--target", f"{LOCAL}:{case.port()}",
                "--key", ends.KEY, "--snmplog", theirs, "--snmpperiod", "1"], "go")
    wait_until(lambda: os.path.exists(theirs) and os.path.getsize(theirs) > 0, 10, "a line of kcptun-server")
    with open(theirs) as f:
        names = f.readline().strip().split(",")
    common = [name for name in names if name in KCPTUN_2026]
    check(common == [name for name in KCPTUN_2026 if name in names], f"kcptun has the order {names}")
    check(set(names) - set(common) <= {"FECShortShards"}, f"kcptun has {set(names) - set(common)} beside ours")


@suite.case("snmplog_that_cannot_be_written_is_told_and_harms_nothing", seconds=40)
def unwritable(case):
    target = traffic.Target()
    pair = Pair(case, f"{LOCAL}:{target.port}", client={"snmplog": case.path("none/near.log"), "snmpperiod": 1})
    check(pair.client.wait_log(r"\[near\] snmplog: .*none/near.log cannot be written: No such file", 10),
          "the client does not say that it cannot write")
    check_traffic(pair.address, target)
    time.sleep(2)
    check(len(re.findall("cannot be written", pair.client.log())) == 1, "it says so more than once a minute")
    os.mkdir(case.path("none"))
    wait_until(lambda: rows_of(case.path("none/near.log")), 20, "a line once there is a folder")
    check(total(rows_of(case.path("none/near.log")), "BytesSent") > 100_000, "the lines before are lost")
    pair.stop()
