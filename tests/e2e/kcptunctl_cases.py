"""kcptunctl: each command and output format, its exit codes, terminals, and the live view."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from suite import suite
from tunnels import FEC, Listener, check_traffic, dial, read_to_end
import ends
import openmetrics
import traffic
from cases import check
from control import ctl, ctl_good, kcptunctl
from control_cases import Controlled, controlled

ESCAPE = "\x1b["


@suite.case("kcptunctl_tables_of_every_command", tags=["short"])
def tables(case):
    d, target = controlled(case, server={"rcvwnd": 1024}, sndwnd=128, rcvwnd=512, conn=1, congestion="none", **FEC)
    check_traffic(d.address, target)
    hold = dial(d.address)
    hold.sendall(traffic.HEADER.pack(traffic.MAGIC, 1000, 0, 1))
    time.sleep(0.5)
    for command, words in (
            ("status", ["TUNNEL", "near", "client", "running", "far", "10+3", "auto", f"pid {d.process.pid}"]),
            ("stats", ["near", "goodput", "wire overhead", "round trip", "queueing", "held back by", "PayloadOutBytes", "KiB", "ms"]),
            ("sessions", ["near/1", "far/1", "open", "MIN/RTT", "KiB/s", " ms", "-/0.00 %", "application"]),
            ("sessions --all", ["128/512/1024/-", "10+3/10+3", "snappy/snappy", "aes", "none", "MEMORY"]),
            ("streams", ["near/1", "far/1", "%s:%d" % hold.getsockname(), "open"]),
            ("config", ["[daemon]", "[client near]", "(not shown)", "by mode", "built in", "auto", "line "]),
            ("version", ["kcptunctl ", "kcptund "])):
        out = ctl_good(d.sock, *command.split())
        for word in words:
            check(word in out, f"{command} does not show {word!r}:\n{out}")
        check(ESCAPE not in out, f"{command} is coloured in a pipe")
        check(ends.KEY not in out, f"{command} shows the key")
    hold.close()
    d.stop()


@suite.case("kcptunctl_tables_are_aligned")
def aligned(case):
    d, _ = controlled(case)
    lines = ctl_good(d.sock, "status").splitlines()[2:]
    at = lines[0].index("LOCAL")
    for line in lines[1:]:
        check(line[at - 1] == " " and line[at] != " ", f"not aligned:\n" + "\n".join(lines))
    d.stop()


@suite.case("kcptunctl_json_is_the_daemons_document", tags=["short"])
def as_json(case):
    d, _ = controlled(case)
    for command in ("status", "stats", "sessions", "streams", "config", "version"):
        out = ctl_good(d.sock, "--json", command)
        check(out.count("\n") == 1, f"{command}: not one line")
        doc = json.loads(out)
        check(doc["type"] == command, f"{command}: {doc}")
    check(json.loads(ctl_good(d.sock, "stats", "near", "--json"))["tunnels"][0]["tunnel"] == "near",
          "options behind the command do not count")
    code, out, err = ctl(d.sock, "--json", "stats", "nowhere")
    check(code == 1 and json.loads(out)["code"] == "not-found" and err, f"{code} {out} {err}")
    d.stop()


@suite.case("kcptunctl_prometheus_passes_a_strict_parser", tags=["short"])
def prometheus(case):
    d, target = controlled(case)
    hold = dial(d.address)
    check_traffic(d.address, target)
    time.sleep(0.3)
    doc = json.loads(ctl_good(d.sock, "--json", "stats"))
    for command in ("status", "stats", "sessions", "streams"):
        points = openmetrics.parse_old(ctl_good(d.sock, "--prometheus", command))
        check(len(points) > 8, f"{command}: only {len(points)} points")
        if command == "stats":
            near = next(r for r in doc["tunnels"] if r["tunnel"] == "near")
            got = openmetrics.value(points, "kcptun_payload_out_bytes_total", tunnel="near")
            check(got == near["counters"]["PayloadOutBytes"], f"payload_out_bytes {got}")
            check(0 < openmetrics.value(points, "kcptun_rtt_seconds", tunnel="near", stat="mean") < 1, "rtt")
        if command == "sessions":
            openmetrics.value(points, "kcptun_session_srtt_seconds", session="near/1")
            check(openmetrics.value(points, "kcptun_session_limit", session="near/1", limit="application") == 1,
                  "an idle session is held back")
            check(openmetrics.value(points, "kcptun_session_limit", session="near/1", limit="path") == 0, "limit")
        if command == "streams":
            openmetrics.value(points, "kcptun_stream_bytes_total", tunnel="near", direction="out")
    code, _, err = ctl(d.sock, "--prometheus", "config")
    check(code == 2 and "prometheus" in err, f"config: {code} {err}")
    hold.close()
    d.stop()


@suite.case("kcptunctl_changes_things")
def changes(case):
    hold = Listener(lambda conn: read_to_end(conn))
    d = Controlled(case, hold.text)
    check("set to zero" in ctl_good(d.sock, "reset"), "reset")
    check("debug" in ctl_good(d.sock, "loglevel", "debug"), "loglevel")
    check("closed" in ctl_good(d.sock, "close", "near/1"), "close")
    case.write("kcptund.ini", d.text.replace("loglevel = info", "loglevel = warn"))
    check("log level" in ctl_good(d.sock, "reload"), "reload")
    case.write("kcptund.ini", d.text + "nonsense = 1\n")
    code, _, err = ctl(d.sock, "reload")
    check(code == 1 and "nonsense" in err, f"a broken file: {code} {err}")
    d.stop()


@suite.case("kcptunctl_exit_codes_and_advice", tags=["short"])
def exit_codes(case):
    d, _ = controlled(case)
    for arguments, want in ((["stats", "nowhere"], 1), (["close", "near/77"], 1), (["loglevel"], 2),
                            (["loglevel", "loud"], 2), (["dance"], 2), ([], 2), (["--watch", "x", "stats"], 2),
                            (["--nonsense"], 2), (["stats", ""], 2), (["stats", "two words"], 2)):
        code, _, err = ctl(d.sock, *arguments)
        check(code == want and err, f"{arguments}: exit code {code}, not {want}: {err}")
    code, _, err = ctl(case.path("none.sock"), "status")
    check(code == 3 and "not running" in err, f"no daemon: {code} {err}")
    code, _, err = ctl(case.write("file", "x"), "status")
    check(code == 3, f"a plain file: {code} {err}")
    code, _, err = ctl("x" * 300, "status")
    check(code == 2, f"a path too long: {code} {err}")
    d.stop()
    code, _, err = ctl(d.sock, "status")
    check(code == 3 and "not running" in err, f"a daemon that stopped: {code} {err}")


def on_terminal(case, arguments, seconds, columns=100, **env):
    """What a run on a terminal of so many columns prints."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **env}
    if "NO_COLOR" not in env:
        environment.pop("NO_COLOR", None)
    p = subprocess.Popen([kcptunctl(), *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    out = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            out += data
    p.kill()
    p.wait()
    os.close(master)
    return out.decode()


@suite.case("kcptunctl_sessions_fits_its_terminal")
def fits(case):
    d, target = controlled(case, conn=1)
    check_traffic(d.address, target)

    def heads(text, columns):
        lines = [line.rstrip("\r") for line in text.splitlines()]
        check(columns == 0 or max(map(len, lines)) <= columns, f"wider than {columns}:\n{text}")
        check(len(lines) == 3, f"not a line for each session:\n{text}")
        return lines[0].split()
    asked = ["-s", d.sock, "sessions"]
    wide = heads(ctl_good(d.sock, "sessions"), 0)
    check({"OUT/PATH", "MIN/RTT", "QUEUE", "MEDIUM/LOSS", "INFLIGHT", "LIMIT"} <= set(wide), f"in a pipe: {wide}")
    for columns in (40, 60, 80, 100, 120, 200):
        found = heads(on_terminal(case, asked, 5, columns=columns, NO_COLOR="1"), columns)
        check(found[:2] == ["SESSION", "PEER"] and (columns < 200 or found == wide), f"on {columns}: {found}")
        check(columns < 80 or any("LOSS" in h for h in found) and any("RTT" in h for h in found)
              and "IN" in found and "STATE" in found, f"on {columns}: {found}")
        # what watch(1) tells counts only where there is no terminal
        other = heads(on_terminal(case, asked, 5, columns=columns, NO_COLOR="1", COLUMNS="30"), columns)
        check(other[2:] or columns == 40, f"on {columns} with COLUMNS=30: {other}")
    check(heads(ctl_good(d.sock, "sessions", COLUMNS="80"), 80) != wide, "COLUMNS does not count")
    check(heads(ctl_good(d.sock, "sessions", COLUMNS="x"), 0) == wide, "COLUMNS counts that is no number")
    whole = on_terminal(case, [*asked, "--all"], 5, columns=80, NO_COLOR="1")
    check("MEMORY" in whole and max(map(len, whole.splitlines())) > 80, "--all leaves something out")
    d.stop()


@suite.case("kcptunctl_colours_only_on_a_terminal_and_not_against_NO_COLOR")
def colours(case):
    d, _ = controlled(case)
    check(ESCAPE in on_terminal(case, ["-s", d.sock, "status"], 5), "no colours on a terminal")
    plain = on_terminal(case, ["-s", d.sock, "status"], 5, NO_COLOR="1")
    check("near" in plain and ESCAPE not in plain, f"colours against NO_COLOR: {plain!r}")
    check(ESCAPE not in on_terminal(case, ["-s", d.sock, "status"], 5, TERM="dumb"), "colours on a dumb terminal")
    d.stop()


@suite.case("kcptunctl_watch_shows_rates_since_the_last_look")
def watch(case):
    d, target = controlled(case)
    p = subprocess.Popen([kcptunctl(), "-s", d.sock, "--watch", "1", "stats", "near"], stdout=subprocess.PIPE,
                         text=True)
    case.stack.callback(p.kill)
    time.sleep(1.5)
    check_traffic(d.address, target, [(2_000_000, 0)])
    time.sleep(2)
    p.terminate()
    out = p.communicate(timeout=5)[0]
    looks = re.split(r"(?m)^near ", out)[1:]
    check(len(looks) >= 3, f"{len(looks)} looks in 3.5 s")
    check("AVERAGE/S" in looks[0] and all("PER SECOND" in x for x in looks[1:]), out)
    rates = [re.search(r"goodput +in .*, out ([0-9.]+ \w+/s)", x).group(1) for x in looks[1:]]
    check(any(r.endswith("MiB/s") for r in rates), f"2 MB in a second are not seen: {rates}")
    d.stop()


@suite.case("kcptunctl_watch_outlives_a_restart_of_the_daemon")
def watch_restart(case):
    d, _ = controlled(case)
    p = subprocess.Popen([kcptunctl(), "-s", d.sock, "--watch", "0.2", "--json", "version"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    case.stack.callback(p.kill)
    time.sleep(1)
    d.stop()
    time.sleep(0.5)
    again = case.start([ends.kcptund(), "-c", d.path], "again")
    ends.wait_ready(again, tcp=[d.local], udp=[d.far])
    time.sleep(1)
    p.terminate()
    out, err = p.communicate(timeout=5)
    pids = {json.loads(line)["pid"] for line in out.splitlines()}
    check(pids == {d.process.pid, again.pid}, f"answers of {pids}")
    check("not running" in err or "closed the connection" in err, err)
    ends.stop_cleanly(again)
