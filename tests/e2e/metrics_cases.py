"""/metrics over HTTP, for Prometheus and for those that mean no good."""

import re
import socket
import subprocess
import time
import urllib.request

from suite import suite
from tunnels import LOCAL, check_traffic, dial, read_to_end
import ends
import openmetrics
import traffic
from cases import check, wait_until
from control import ctl_good
from control_cases import controlled
import ports


def served(case, **options):
    port = case.port()
    d, target = controlled(case, metrics=f"{LOCAL}:{port}", **options)
    wait_until(lambda: ports.listening("tcp", port, d.process.pid), 20, "the port of metrics is open")
    return d, target, port


def fetch(port, data, pause=0.0):
    """Send bytes as they are; everything that comes back."""
    with socket.create_connection((LOCAL, port), timeout=20) as s:
        try:
            for part in data if isinstance(data, list) else [data]:
                s.sendall(part)
                time.sleep(pause)
            return read_to_end(s)
        except (BrokenPipeError, ConnectionResetError):
            return b""


# Of Prometheus 2.42.
PROMETHEUS = ("application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,"
              "text/plain;version=0.0.4;q=0.25,*/*;q=0.1")


def get(port, accept):
    """Content type and text."""
    request = urllib.request.Request(f"http://{LOCAL}:{port}/metrics", headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=20) as r:
        return r.headers["Content-Type"], r.read().decode()


def scrape(port):
    kind, text = get(port, PROMETHEUS)
    check(kind.startswith("application/openmetrics-text; version=1.0.0"), f"content type {kind}")
    return openmetrics.parse(text)


@suite.case("metrics_are_served_and_pass_a_strict_parser", tags=["short"])
def good(case):
    d, target, port = served(case)
    before = scrape(port)
    check_traffic(d.address, target, [(100_000, 200_000)])
    after = scrape(port)
    name = "kcptun_payload_in_bytes_total"
    grown = openmetrics.value(after, name, tunnel="near") - openmetrics.value(before, name, tunnel="near")
    check(200_000 <= grown <= 201_000, f"{name} grew by {grown}")
    openmetrics.value(after, "kcptun_curr_estab", tunnel="far", role="server")
    openmetrics.value(after, "kcptun_build_info")
    rtt, least, queue = (openmetrics.value(after, f"kcptun_{name}_seconds", tunnel="near", stat="mean")
                         for name in ("rtt", "min_rtt", "queue"))
    check(abs(rtt - least - queue) < 1e-5 or queue == 0, f"{rtt} less {least} is not {queue}")
    limited = [v for (n, labels), v in after.items()
               if n == "kcptun_sessions_limited" and dict(labels)["tunnel"] == "near"]
    check(len(limited) == 5 and sum(limited) == 1, f"{limited}")
    missing = {n for n, _ in before} - {n for n, _ in after}
    check(not missing, f"{missing} came and went")
    d.stop()


@suite.case("metrics_come_in_the_older_format_unless_the_other_is_asked_for", tags=["short"])
def older(case):
    d, target, port = served(case)
    check_traffic(d.address, target, [(1000, 2000)])
    points = {n for n, _ in scrape(port)}
    for accept in (None, "*/*", "text/plain", "text/plain;version=0.0.4, application/openmetrics-text;q=0.9"):
        kind, text = get(port, accept)
        check(kind.startswith("text/plain; version=0.0.4"), f"{accept}: content type {kind}")
        check({n for n, _ in openmetrics.parse_old(text)} == points, f"{accept}: other points")
    d.stop()


def promtool(arguments, text=None):
    p = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60)
    check(p.returncode == 0 and not p.stderr, f"promtool {' '.join(arguments)}: {p.returncode}: {p.stderr}")


@suite.case("metrics_pass_promtool", seconds=120)
def by_promtool(case):
    """Its check is for the older format alone.  The other one is read by what makes blocks of such text, with
    its samples' times, which those that are fetched do not have."""
    case.need("promtool")  # of Debian's prometheus, 100 MB for this one case: so not among those that tests/run installs
    d, target, port = served(case)
    check_traffic(d.address, target, [(100_000, 200_000)])
    with dial(d.address) as hold:
        hold.sendall(traffic.HEADER.pack(traffic.MAGIC, 1000, 0, 1))
        promtool(["check", "metrics"], get(port, None)[1])
        for command in ("status", "stats", "sessions", "streams"):
            text = ctl_good(d.sock, "--prometheus", command)
            check(text.count("\n") > 5, f"{command}: {text}")
            promtool(["check", "metrics"], text)
        text = get(port, PROMETHEUS)[1]
    check("# TYPE kcptun_build info\n" in text and text.endswith("# EOF\n"), text)
    timed = re.sub(r"^([^#\n].*)$", r"\1 1700000000", text, flags=re.M)
    promtool(["tsdb", "create-blocks-from", "openmetrics", case.write("metrics.txt", timed), case.path("blocks")])
    d.stop()


@suite.case("metrics_answer_only_what_is_asked_for", tags=["short"])
def requests(case):
    d, _, port = served(case)
    for request, status in (
            (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200"), (b"GET /metrics HTTP/1.0\n\n", b"200"),
            (b"GET /metrics?name=x HTTP/1.1\r\n\r\n", b"200"), (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"200"),
            (b"GET / HTTP/1.1\r\n\r\n", b"404"), (b"GET /metricsx HTTP/1.1\r\n\r\n", b"404"),
            (b"HEAD /x HTTP/1.1\r\n\r\n", b"404"),
            (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405"),
            (b"DELETE /metrics HTTP/1.1\r\n\r\n", b"405"), (b"GET /metrics\r\n\r\n", b"400"),
            (b"GET metrics HTTP/1.1\r\n\r\n", b"400"), (b"GET /metrics HTTP/9.9\r\n\r\n", b"400"),
            (b"\r\n\r\n", b"400"), (b"\x16\x03\x01\x02\x00\n\n", b"400"), (b"\0\0\n\n", b"400"),
            (b"GET /metrics HTTP/1.1 more\r\n\r\n", b"400"),
            (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 8192 + b"\r\n\r\n", b"431")):
        answer = fetch(port, request)
        check(answer.startswith(b"HTTP/1.1 " + status), f"{request[:40]!r}: {answer[:60]!r}")
        check(b"\r\nConnection: close\r\n" in answer, f"{request[:40]!r}: no Connection: close")
        body = answer.split(b"\r\n\r\n", 1)[1]
        check(not body if request.startswith(b"HEAD") else body, f"{request[:40]!r}: body {body[:40]!r}")
    slow = fetch(port, [b"GET /met", b"rics HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"], 0.2)
    check(slow.startswith(b"HTTP/1.1 200"), f"a request in pieces: {slow[:60]!r}")
    d.stop()


@suite.case("metrics_clients_that_do_not_ask_or_do_not_read_are_cut_off", seconds=60)
def hostile(case):
    d, target, port = served(case)
    silent = [socket.create_connection((LOCAL, port), timeout=20) for _ in range(30)]
    half = socket.create_connection((LOCAL, port), timeout=20)
    half.sendall(b"GET /metrics HTT")
    scrape(port)  # the idle make room
    check_traffic(d.address, target)
    begin = time.monotonic()
    try:
        rest = half.recv(100)
    except ConnectionResetError:
        rest = b""
    took = time.monotonic() - begin
    check(rest == b"" and took < 8, f"half a request is waited for {took:.0f} s")
    for _ in range(200):
        with socket.create_connection((LOCAL, port), timeout=20) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")  # and away

    def works():
        try:
            return scrape(port)
        except OSError:
            return None  # turned away: as many as may be are being answered
    wait_until(works, 20, "a scrape after 200 broken ones")
    for s in silent:
        s.close()
    d.stop()


@suite.case("metrics_address_in_use_ends_the_start")
def in_use(case):
    taken = socket.create_server((LOCAL, 0))
    port = taken.getsockname()[1]
    ini = case.write("kcptund.ini", ends.ini(ends.section("server", "x", {
        "key": ends.KEY, "listen": f"{LOCAL}:{case.port()}", "target": f"{LOCAL}:1"}), metrics=f"{LOCAL}:{port}"))
    p = case.start([ends.kcptund(), "-c", ini], "kcptund")
    code = p.wait(5)
    check(code not in (None, 0) and str(port) in p.log(), f"exit code {code}: {p.log()}")
