"""SIGHUP: the difference between two configurations is applied, and nothing else is touched."""

import os
import signal
import time

from suite import suite
from tunnels import LOCAL, Listener, check_traffic, counters, dial, echo, read_exactly
import ends
import traffic
from cases import check, wait_until


class Reloaded:
    """One daemon whose file is written again and again."""

    def __init__(self, case):
        self.case = case
        self.target = traffic.Target()
        self.far, self.near = case.port(), case.port()
        self.server = {"key": ends.KEY, "listen": f"{LOCAL}:{self.far}",
                       "target": f"{LOCAL}:{self.target.port}"}
        self.client = {"key": ends.KEY, "localaddr": f"{LOCAL}:{self.near}",
                       "remoteaddr": f"{LOCAL}:{self.far}"}
        self.extra = []
        self.daemon = ends.start_daemon(case, self.text(), "reloaded", tcp=[self.near], udp=[self.far])
        self.path = case.write("reloaded.ini", self.text())

    def text(self):
        return ends.ini(ends.section("server", "far", self.server), ends.section("client", "near", self.client),
                        *self.extra)

    @property
    def address(self):
        return (LOCAL, self.near)

    def hup(self, text=None):
        """Reload; what the log says of it."""
        before = len(self.daemon.log())
        self.case.write("reloaded.ini", text or self.text())
        self.daemon.signal(signal.SIGHUP)
        wait_until(lambda: "reload" in self.daemon.log()[before:], 20, "the reload to be logged")
        counters(self.daemon)  # are logged behind the last line of the reload
        return self.daemon.log()[before:]


def ping(sock, text=b"still there?"):
    sock.sendall(text)
    check(read_exactly(sock, len(text)) == text, "the echo is not what was sent")


def echoing(case):
    """A reloaded daemon whose target echoes, with one stream open."""
    r = Reloaded(case)
    listener = Listener(echo)
    r.server["target"] = listener.text
    said = r.hup()
    check("[far] reload: changed in place: target" in said, said)
    s = dial(r.address)
    ping(s)
    return r, s


@suite.case("a_reload_of_the_same_file_touches_nothing", tags=["short"])
def same_file(case):
    r, s = echoing(case)
    said = r.hup()
    check("[near] reload: unchanged" in said and "[far] reload: unchanged" in said, said)
    ping(s)
    ends.stop_cleanly(r.daemon)


@suite.case("a_broken_file_changes_nothing_and_is_told", tags=["short"])
def broken_file(case):
    r, s = echoing(case)
    said = r.hup(r.text() + "\n[client third]\nlocaladdr = nowhere\nbogus = 1\n")
    check("reload refused" in said and "bogus" in said and "localaddr" in said, said)
    ping(s)
    check("unchanged" in r.hup(), "the repaired file is not taken")
    ping(s)
    ends.stop_cleanly(r.daemon)


@suite.case("windows_and_mode_change_under_a_stream")
def in_place(case):
    r, s = echoing(case)
    r.server["sndwnd"] = r.server["rcvwnd"] = 300
    r.server["mode"] = "fast2"
    r.server["congestion"], r.server["copies"] = "reno", 1
    r.client["sndwnd"] = 77
    r.client["ratelimit"] = 2_000_000
    r.client["memory"] = "64M"
    said = r.hup()
    check("[near] reload: changed in place: sndwnd, ratelimit, memory" in said, said)
    check("[far] reload: changed in place: mode, nodelay, interval, congestion, copies, sndwnd, rcvwnd" in said, said)
    ping(s)
    start = time.monotonic()
    s.sendall(os.urandom(1_000_000))
    read_exactly(s, 1_000_000)
    check(time.monotonic() - start > 0.3, "the rate limit is not in force")
    ends.stop_cleanly(r.daemon)


@suite.case("fec_of_new_sessions_changes_and_streams_live_on_the_old_one")
def new_sessions(case):
    r, s = echoing(case)
    r.client["datashard"], r.client["parityshard"] = 5, 2
    said = r.hup()
    check("[near] reload: changed for new sessions: datashard, parityshard" in said, said)
    ping(s)
    with dial(r.address) as other:
        ping(other)
        ping(s)
    s.close()
    ends.stop_cleanly(r.daemon)


@suite.case("a_changed_key_restarts_its_tunnel_alone")
def restart_alone(case):
    r, s = echoing(case)
    port = case.port()
    r.extra = [ends.section("client", "other", {**r.client, "localaddr": f"{LOCAL}:{port}"})]
    check("[other] reload: started" in r.hup(), "the new tunnel was not started")
    with dial((LOCAL, port)) as other:
        ping(other)
        r.extra = [ends.section("client", "other", {**r.client, "localaddr": f"{LOCAL}:{port}",
                                                    "key": "another key"})]
        said = r.hup()
        check("[other] reload: restarted: key" in said and "[near] reload: unchanged" in said, said)
        ping(s)
    ends.stop_cleanly(r.daemon)


@suite.case("a_keyfile_is_read_again")
def keyfile(case):
    r, s = echoing(case)
    path = case.write("key", "one key\n")
    os.chmod(path, 0o600)
    for end in (r.client, r.server):
        del end["key"]
        end["keyfile"] = path
    said = r.hup()
    check("[near] reload: restarted: key" in said, said)
    check("[far] reload: restarted: key" in said, said)
    check("unchanged" in r.hup(), "a file that reads the same restarts the tunnel")
    case.write("key", "two keys\n")
    said = r.hup()
    check("[near] reload: restarted: key" in said, said)
    with dial(r.address) as again:
        ping(again)
    s.close()
    ends.stop_cleanly(r.daemon)


@suite.case("a_removed_tunnel_lets_its_streams_end")
def removed(case):
    r, s = echoing(case)
    text = ends.ini(ends.section("server", "far", r.server))
    said = r.hup(text)
    check("[near] reload: removed" in said, said)
    ping(s)
    try:
        dial(r.address, 2).close()
        refused = False
    except OSError:
        refused = True
    check(refused, "the removed tunnel still accepts connections")
    ping(s)
    s.close()
    wait_until(lambda: "[near] gone" in r.daemon.log(), 10, "the removed tunnel to be gone")
    ends.stop_cleanly(r.daemon)


@suite.case("a_tunnel_renamed_keeps_its_address")
def renamed(case):
    r, s = echoing(case)
    said = r.hup(r.text().replace("[server far]", "[server away]").replace("[client near]", "[client close]"))
    check("[away] reload: started" in said and "[close] reload: started" in said, said)
    with dial(r.address) as again:
        ping(again)
    s.close()
    ends.stop_cleanly(r.daemon)


@suite.case("the_log_level_changes")
def loglevel(case):
    r = Reloaded(case)
    check_traffic(r.address, r.target, plan=((1000, 1000),))
    said = r.hup(r.text().replace("loglevel = info", "loglevel = debug"))
    check("log level changed" in said, said)
    ends.stop_cleanly(r.daemon)


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@suite.case("a_thousand_reloads_under_traffic_cost_no_stream_and_no_memory", seconds=120)
def thousand(case):
    r, s = echoing(case)
    s.settimeout(30)
    toggle = 0

    def reload_many(count):
        nonlocal toggle
        for _ in range(count):
            toggle ^= 1
            r.client["quiet"] = bool(toggle)
            case.write("reloaded.ini", r.text())
            r.daemon.signal(signal.SIGHUP)
            ping(s, os.urandom(5000))

    reload_many(200)
    time.sleep(8)  # pools shrink
    before = (r.daemon.rss_kib(), open_descriptors(r.daemon.pid))
    reload_many(1000)
    time.sleep(8)
    after = (r.daemon.rss_kib(), open_descriptors(r.daemon.pid))
    check(after[1] == before[1], f"{before[1]} descriptors became {after[1]}")
    check(after[0] < before[0] + 256, f"{before[0]} KiB resident became {after[0]}")
    check(r.daemon.log().count("changed in place: quiet") > 1000, "the reloads did not happen")
    ping(s)
    ends.stop_cleanly(r.daemon)
