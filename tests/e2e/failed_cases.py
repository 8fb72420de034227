"""What cannot be opened: at a reload it must not destroy what runs, at the start it must not keep the others from running."""

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

from suite import suite
from tunnels import LOCAL, Listener, Pair, dial, read_exactly
import ends
import openmetrics
import ports
from cases import Skip, check, wait_until
from control import Channel, ctl, ctl_good
from life_cases import all_is_read, slow_net
from peer_cases import echo
from reload_cases import ping


class Set:
    """One daemon with a control socket, whose sections come and go: `far` and `near`, and what a case adds."""

    def __init__(self, case, listener=None, sections=True):
        self.case = case
        self.target = listener or Listener(echo)
        self.far, self.near = case.port(), case.port()
        self.sections = {}
        self.sock = case.path("control.sock")
        if sections:
            self.server("far", f"{LOCAL}:{self.far}")
            self.client("near", f"{LOCAL}:{self.near}")

    def server(self, name, listen, **more):
        self.sections[name] = ("server", {"key": ends.KEY, "listen": listen, "target": self.target.text, **more})

    def client(self, name, localaddr, **more):
        self.sections[name] = ("client", {"key": ends.KEY, "localaddr": localaddr,
                                          "remoteaddr": f"{LOCAL}:{self.far}", **more})

    def write(self, **options):
        text = ends.ini(*(ends.section(role, name, keys) for name, (role, keys) in self.sections.items()),
                        control=self.sock, **options)
        return self.case.write("set.ini", text)

    def start(self, prefix=(), **options):
        path = self.write(**options)
        self.process = self.case.start([*prefix, ends.kcptund(), "-c", path], "set")
        wait_until(lambda: not self.process.alive() or " ready, " in self.process.log(), 30, "the start to be over")
        return self

    def reload(self, **options):
        """(exit code, all that kcptunctl said)."""
        self.write()
        code, out, err = ctl(self.sock, "reload", seconds=60, **options)
        return code, out + err

    def rows(self):
        return {r["tunnel"]: r for r in Channel(self.sock).good("status")["tunnels"]}

    def is_up(self):
        """Is there somebody behind the control socket?"""
        try:
            Channel(self.sock).close()
            return True
        except OSError:
            return False

    def inode(self, protocol, port):
        """Of the socket of the daemon that is bound to this port."""
        with open(f"/proc/{self.process.pid}/net/{protocol}") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if int(fields[1].rsplit(":", 1)[1], 16) == port and (protocol == "udp" or fields[3] == "0A"):
                    return int(fields[9])
        return None

    def stop(self):
        ends.stop_cleanly(self.process)


def busy(kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET, kind)
    s.bind((LOCAL, 0))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s, s.getsockname()[1]


def answers(port):
    """Of a session that its server does not know any more the first connection may be reset."""
    try:
        with dial((LOCAL, port)) as s:
            ping(s)
        return True
    except ConnectionResetError:
        return False


# ---- reload -------------------------------------------------------------------------------------


@suite.case("a_reload_onto_a_busy_port_keeps_the_old_tunnel", tags=["short"])
def keep_client(case):
    d = Set(case).start()
    taken, port = busy()
    s = dial((LOCAL, d.near))
    ping(s)
    d.client("near", f"{LOCAL}:{port}")
    d.client("more", f"{LOCAL}:{case.port()}")
    code, said = d.reload()
    check(code == 1, f"exit code {code}: {said}")
    check("failed in part" in said and f"near: not changed, it goes on as it was: cannot listen on {LOCAL}:{port}: "
          "Address already in use" in said and "more: started" in said, said)
    ping(s)
    with dial((LOCAL, d.near)) as again:
        ping(again)
    rows = d.rows()
    check(rows["near"]["local"] == f"{LOCAL}:{d.near}" and rows["near"]["state"] == "running", f"{rows['near']}")
    check(rows["more"]["state"] == "running", f"{rows['more']}")
    taken.close()
    code, said = d.reload()
    check(code == 0 and "near: restarted: localaddr" in said, f"{code}: {said}")
    ping(s)  # its tunnel leaves, and it may come to its own end
    with dial((LOCAL, port)) as again:
        ping(again)
    s.close()
    d.stop()


@suite.case("a_reload_onto_a_busy_udp_port_keeps_the_server", tags=["short"])
def keep_server(case):
    d = Set(case).start()
    taken, port = busy(socket.SOCK_DGRAM)
    s = dial((LOCAL, d.near))
    ping(s)
    d.server("far", f"{LOCAL}:{port}", maxsessions=77)
    code, said = d.reload()
    check(code == 1 and f"far: not changed, it goes on as it was: cannot listen on udp {LOCAL}:{port}: " in said,
          f"{code}: {said}")
    ping(s)
    with dial((LOCAL, d.near)) as again:
        ping(again)
    taken.close()
    s.close()
    d.stop()


@suite.case("a_new_section_that_cannot_be_opened_fails_and_comes_up_later")
def new_section(case):
    d = Set(case)
    metrics = case.port()
    d.start(metrics=f"{LOCAL}:{metrics}")
    taken, port = busy()
    s = dial((LOCAL, d.near))
    ping(s)
    d.client("third", f"{LOCAL}:{port}")
    code, said = d.reload()
    check(code == 1 and f"third: not started, it is tried again: cannot listen on {LOCAL}:{port}: " in said,
          f"{code}: {said}")
    row = d.rows()["third"]
    check(row["state"] == "failed" and row["up"] is False and "Address already in use" in row["error"] and
          0 <= row["retry_s"] <= 60, f"{row}")
    said = ctl_good(d.sock, "status")
    check("third down: failed: cannot listen on" in said and ("next try in " in said or "trying again" in said), said)
    points = openmetrics.parse_old(ctl_good(d.sock, "--prometheus", "stats"))
    check(openmetrics.value(points, "kcptun_tunnel_up", tunnel="third") == 0, "third is up")
    check(openmetrics.value(points, "kcptun_tunnel_up", tunnel="near") == 1, "near is not up")
    code, said = d.reload()
    check(code == 1 and "third: not started" in said and "near: unchanged" in said, f"{code}: {said}")
    taken.close()
    wait_until(lambda: d.rows()["third"]["state"] == "running", 20, "the tunnel comes up by itself")
    with dial((LOCAL, port)) as again:
        ping(again)
    ping(s)
    said = ctl_good(d.sock, "reload")
    check("third: unchanged" in said, said)
    check(d.process.log().count("cannot listen on") <= 4, "each try is logged")
    s.close()
    d.stop()


@suite.case("a_failed_section_that_is_corrected_is_started_by_the_reload", tags=["short"])
def corrected(case):
    d = Set(case).start()
    taken, port = busy()
    d.client("third", f"{LOCAL}:{port}")
    check(d.reload()[0] == 1, "a busy port is fine")
    other = case.port()
    d.client("third", f"{LOCAL}:{other}")
    code, said = d.reload()
    check(code == 0 and "third: started" in said, f"{code}: {said}")
    with dial((LOCAL, other)) as s:
        ping(s)
    del d.sections["third"]
    code, said = d.reload()
    check(code == 0 and "third: removed" in said, f"{code}: {said}")
    taken.close()
    d.stop()


@suite.case("a_restart_takes_over_the_sockets", tags=["short"])
def same_sockets(case):
    """The kernel's numbers of the sockets tell: nothing that waits in their queues is lost."""
    d = Set(case)
    path = case.path("unix.sock")
    d.client("unix", path)
    d.start()
    far, near, file = d.inode("udp", d.far), d.inode("tcp", d.near), os.stat(path).st_ino
    check(far and near, "there are no sockets")
    for name in d.sections:
        d.sections[name][1].update(key="another key for the tests", sockbuf="1M", dscp=46)
    code, said = d.reload()
    check(code == 0 and "near: restarted: key" in said and "far: restarted: key" in said, f"{code}: {said}")
    check(d.inode("udp", d.far) == far, "the server has another socket")
    check(d.inode("tcp", d.near) == near, "the client has another socket")
    check(os.stat(path).st_ino == file, "the Unix socket is another one")
    with dial((LOCAL, d.near)) as s:
        ping(s)
    d.stop()
    check(not os.path.exists(path), "the Unix socket is still there after the stop")


@suite.case("connections_made_during_restarts_are_all_served", seconds=90)
def hammer(case):
    """The client is restarted again and again, and whoever connects meanwhile is neither refused nor forgotten."""
    d = Set(case).start()
    over = threading.Event()
    faults, served = [], [0]

    def connect():
        while not over.is_set():
            try:
                with dial((LOCAL, d.near)) as s:
                    ping(s)
                served[0] += 1
            except Exception as e:
                faults.append(repr(e))
    threads = [threading.Thread(target=connect) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(30):
        d.client("near", f"{LOCAL}:{d.near}", dscp=i % 2)
        code, said = d.reload()
        check(code == 0 and "near: restarted: dscp" in said or i == 0, f"{code}: {said}")
        time.sleep(0.05)
    over.set()
    for t in threads:
        t.join()
    case.note = f"{served[0]} connections over 30 restarts"
    check(not faults, f"{len(faults)} of {served[0]} failed: {faults[:3]}")
    d.stop()


@suite.case("connections_that_wait_for_a_dead_server_go_over_to_the_next", tags=["short"])
def waiting(case):
    """They were accepted and nothing that they said was read: a corrected address serves them."""
    d = Set(case)
    d.client("near", f"{LOCAL}:{d.near}", remoteaddr=f"{LOCAL}:{case.port()}")
    d.client("named", f"{LOCAL}:{case.port()}", remoteaddr="no-such-host.invalid:29900")
    named = int(d.sections["named"][1]["localaddr"].rsplit(":", 1)[1])
    d.start()
    waiting = [dial((LOCAL, port)) for port in (d.near, named) for _ in range(5)]
    for s in waiting:
        s.sendall(b"still there?")
    wait_until(lambda: sum(r["streams"] for r in d.rows().values()) == 10, 20, "they are accepted")
    d.client("near", f"{LOCAL}:{d.near}")
    d.client("named", f"{LOCAL}:{named}")
    code, said = d.reload()
    check(code == 0 and "near: restarted: remoteaddr" in said, f"{code}: {said}")
    for s in waiting:
        check(read_exactly(s, 12) == b"still there?", "not what was sent")
        s.close()
    d.stop()


@suite.case("a_reload_swaps_the_addresses_of_two_tunnels", tags=["short"])
def swap(case):
    d = Set(case)
    other, more = case.port(), case.port()
    d.client("other", f"{LOCAL}:{other}")
    d.start()
    first, second = d.inode("tcp", d.near), d.inode("tcp", other)
    d.client("near", f"{LOCAL}:{other}")
    d.client("other", f"{LOCAL}:{d.near}")
    code, said = d.reload()
    check(code == 0 and "near: restarted" in said and "other: restarted" in said, f"{code}: {said}")
    check((d.inode("tcp", d.near), d.inode("tcp", other)) == (first, second), "the sockets are not the same")
    for port in (d.near, other):
        with dial((LOCAL, port)) as s:
            ping(s)
    # Of a ring that cannot be closed, nobody loses an address.
    taken, port = busy()
    d.client("near", f"{LOCAL}:{d.near}")  # which `other` has, and
    d.client("other", f"{LOCAL}:{port}")  # must keep
    d.client("more", f"{LOCAL}:{more}")
    code, said = d.reload()
    check(code == 1 and "near: not changed" in said and "other has it" in said and "more: started" in said,
          f"{code}: {said}")
    for port in (d.near, other, more):
        with dial((LOCAL, port)) as s:
            ping(s)
    taken.close()
    d.stop()


@suite.case("an_address_may_grow_to_all_addresses_and_shrink_again", tags=["short"])
def overlap(case):
    """A socket of one address is in the way of one of all, and is no successor of it."""
    d = Set(case).start()
    for host in ("", LOCAL):
        d.client("near", f"{host}:{d.near}")
        d.server("far", f"{host}:{d.far}")
        code, said = d.reload()
        check(code == 0 and "near: restarted: localaddr" in said and "far: restarted: listen" in said,
              f"{code}: {said}")
        wait_until(lambda: answers(d.near), 5, "a connection is served")
    d.stop()


@suite.case("an_address_that_cannot_grow_stays_as_it_was", tags=["short"])
def no_growth(case):
    """It must be closed to try; and then it is opened again, and its sessions and connections go on."""
    d = Set(case)
    other = case.port()
    d.client("other", f"{LOCAL}:{other}")
    d.start()
    for protocol, port in (("tcp", d.near), ("udp", d.far)):
        taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        taken.bind(("127.0.0.9", port))
        if protocol == "tcp":
            taken.listen()
        s = dial((LOCAL, d.near))
        ping(s)
        d.client("near", f":{d.near}" if protocol == "tcp" else f"{LOCAL}:{d.near}")
        d.server("far", f":{d.far}" if protocol == "udp" else f"{LOCAL}:{d.far}")
        d.client("other", f"{LOCAL}:{other}", quiet=protocol == "tcp")
        code, said = d.reload()
        name = "near" if protocol == "tcp" else "far"
        check(code == 1 and f"{name}: not changed, it goes on as it was: cannot listen on" in said and
              "other: changed in place" in said, f"{code}: {said}")
        for _ in range(3):
            ping(s)
        with dial((LOCAL, d.near)) as again:
            ping(again)
        s.close()
        taken.close()
    # One that is removed in the same reload is left to its end.
    s = dial((LOCAL, d.near))
    ping(s)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.9", d.far))
    del d.sections["far"]
    d.server("else", f":{d.far}")
    code, said = d.reload()
    check(code == 1 and "far: removed" in said and "else: not started" in said, f"{code}: {said}")
    for _ in range(3):
        ping(s)
    s.close()
    taken.close()
    code, said = d.reload()
    check(code == 0 and "else: started" in said, f"{code}: {said}")
    wait_until(lambda: answers(d.near), 5, "the client knows that its server is another one")
    d.stop()


@suite.case("reloads_that_are_asked_for_during_a_reload_follow_it")
def queue(case):
    d = Set(case).start()
    channels = [Channel(d.sock) for _ in range(10)]
    d.client("third", f"{LOCAL}:{case.port()}")
    d.write()
    for c in channels:
        c.send("reload\nstatus\n")
    for _ in range(5):
        d.process.signal(signal.SIGHUP)
    for c in channels:
        answer = c.read()
        check(answer["type"] == "reload" and answer["lines"], f"{answer}")
        check(len(c.read()["tunnels"]) == 3, "the command behind is not answered")
    gone = Channel(d.sock)
    gone.send("reload\n")
    gone.close()
    with dial((LOCAL, d.near)) as s:
        ping(s)
    d.stop()


@suite.case("random_reloads_with_addresses_that_come_and_go", seconds=120)
def chaos(case):
    """What runs has the address that it says, what does not says why, and in the end everything works."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    case.note = f"seed {seed}"
    rng = random.Random(seed)
    d = Set(case).start()
    tcp, udp = [case.port() for _ in range(3)], [case.port() for _ in range(3)]
    strangers, counts = {}, {0: 0, 1: 0}
    s = dial((LOCAL, d.near))  # of a section that never changes
    ping(s)
    end = time.monotonic() + 15
    while time.monotonic() < end or not (counts[0] and counts[1]):
        for key in [k for k in strangers if rng.random() < 0.5]:
            strangers.pop(key).close()
        for kind, port in [(socket.SOCK_STREAM, p) for p in tcp] + [(socket.SOCK_DGRAM, p) for p in udp]:
            other = socket.socket(socket.AF_INET, kind)
            try:
                if rng.random() < 0.2:
                    other.bind((rng.choice((LOCAL, "127.0.0.9")), port))
                    if kind == socket.SOCK_STREAM:
                        other.listen()
                    strangers[kind, port] = other
            except OSError:
                other.close()
        d.sections = {name: d.sections[name] for name in ("far", "near")}
        for name, port in zip("abc", rng.sample(tcp, 3)):
            if rng.random() < 0.8:
                d.client(name, f"{rng.choice((LOCAL, '', '127.0.0.2'))}:{port}", quiet=rng.random() < 0.5)
        for name, port in zip("xyz", rng.sample(udp, 3)):
            if rng.random() < 0.8:
                d.server(name, f"{rng.choice((LOCAL, '', '127.0.0.2'))}:{port}", crypt=rng.choice(("aes", "tea")))
        code, said = d.reload()
        check(code in counts, f"seed {seed}: exit code {code}: {said}")
        counts[code] += 1
        rows = d.rows()
        check(set(rows) == set(d.sections), f"seed {seed}: there are {set(rows)}, not {set(d.sections)}")
        for name, row in rows.items():
            port = int(row["local"].rsplit(":", 1)[1])
            protocol = "tcp" if row["role"] == "client" else "udp"
            check((row["state"] == "running") == row["up"] and row["up"] == (row["error"] is None),
                  f"seed {seed}: {row}")
            check(not row["up"] or ports.listening(protocol, port, d.process.pid),
                  f"seed {seed}: {name} does not listen")
            check(code == 1 or (row["up"] and row["local"] == d.sections[name][1].get("listen", d.sections[name][1].get(
                "localaddr"))), f"seed {seed}: {row}, and no word of it")
        ping(s)
    for other in strangers.values():
        other.close()
    code, said = d.reload()
    check(code == 0, f"seed {seed}: {said}")
    for role, keys in d.sections.values():
        if role == "client" and not keys["localaddr"].startswith("127.0.0.2"):
            with dial((LOCAL, int(keys["localaddr"].rsplit(":", 1)[1]))) as again:
                ping(again)
    s.close()
    case.note = f"seed {seed}: {counts[0]} reloads without and {counts[1]} with a failure"
    d.stop()


# ---- names --------------------------------------------------------------------------------------


def deaf_name_server(case, lines=()):
    """A prefix for a daemon whose name server takes every question and answers none."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare, for an /etc/resolv.conf of its own")
    conf = "/etc/resolv.conf"
    if subprocess.run(["unshare", "--mount", "mount", "--bind", conf, conf], capture_output=True).returncode:
        raise Skip("cannot mount here, for an /etc/resolv.conf of its own")
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host = f"127.0.77.{os.getpid() % 250 + 1}"
    try:
        deaf.bind((host, 53))
    except OSError as e:
        raise Skip(f"cannot be a name server here: {e}") from None
    case.stack.callback(deaf.close)
    resolv = case.write("resolv.conf", f"nameserver {host}\n")
    hosts = case.write("hosts", "\n".join([f"{LOCAL} localhost", *lines]) + "\n")
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && mount --bind "$1" /etc/hosts && '
            "shift && exec \"$@\"", resolv, hosts]


@suite.case("name_servers_that_do_not_answer_stall_no_tunnel_at_a_reload", seconds=90)
def deaf_reload(case):
    prefix = deaf_name_server(case)
    d = Set(case).start(prefix)
    s = dial((LOCAL, d.near))
    ping(s)
    d.client("third", f"nowhere.example:{case.port()}")
    d.client("near", f"nowhere.example:{d.near}")
    worst, answer = 0.0, []
    asking = threading.Thread(target=lambda: answer.append(d.reload()))
    asking.start()
    while asking.is_alive():
        begin = time.monotonic()
        ping(s)
        check(d.rows()["near"]["state"] == "running", "it does not go on")
        worst = max(worst, time.monotonic() - begin)
        time.sleep(0.02)
    case.note = f"{worst * 1000:.0f} ms at most"
    check(worst < 2, f"a byte took {worst:.1f} s")
    code, said = answer[0]
    check(code == 1 and "third: not started" in said and "near: not changed" in said and
          "no answer from the name servers" in said, f"{code}: {said}")
    ping(s)
    s.close()
    d.stop()


@suite.case("name_servers_that_do_not_answer_at_the_start_delay_one_tunnel_alone", seconds=90)
def deaf_start(case):
    prefix = deaf_name_server(case)
    d = Set(case)
    late = case.port()
    d.client("third", f"late.example:{late}")
    path = d.write(metrics=f"late.example:{case.port()}")
    d.process = case.start([*prefix, ends.kcptund(), "-c", path], "set")
    wait_until(d.is_up, 20, "the control socket")
    wait_until(lambda: " ready, 3 tunnels" in d.process.log(), 40, "it is ready all the same")
    rows = d.rows()
    check([rows[n]["state"] for n in ("far", "near", "third")] == ["running", "running", "failed"], f"{rows}")
    with dial((LOCAL, d.near)) as s:
        ping(s)
    # The file that is mounted is this one: the name is known from now on.
    with open(case.path("hosts"), "a") as f:
        f.write(f"{LOCAL} late.example\n")
    wait_until(lambda: d.rows()["third"]["state"] == "running", 40, "the tunnel comes up")
    with dial((LOCAL, late)) as s:
        ping(s)
    d.stop()


@suite.case("a_lone_tunnel_whose_name_is_unknown_waits_for_it", seconds=60)
def lone_name(case):
    d = Set(case, sections=False)
    d.client("lone", f"no-such-host.invalid:{case.port()}")
    d.start()
    check(d.process.alive(), "it ended")
    check(d.process.wait_log(r"\[lone\] cannot listen on no-such-host\.invalid:\d+: \w[\w ]+$", 0), d.process.log())
    check("cannot listen on no-such-host.invalid" in d.rows()["lone"]["error"], f"{d.rows()}")
    d.stop()


# ---- the start ----------------------------------------------------------------------------------


@suite.case("of_two_tunnels_the_good_one_runs_and_the_other_is_tried_again")
def one_of_two(case):
    d = Set(case)
    taken, port = busy(socket.SOCK_DGRAM)
    d.server("second", f"{LOCAL}:{port}")
    d.start()
    check(d.process.alive(), "it ended")
    with dial((LOCAL, d.near)) as s:
        ping(s)
    check(d.rows()["second"]["state"] == "failed", f"{d.rows()}")
    taken.close()
    wait_until(lambda: d.rows()["second"]["state"] == "running", 20, "the other comes up by itself")
    check(ports.listening("udp", port, d.process.pid), "it does not listen")
    d.stop()


@suite.case("when_no_tunnel_can_be_started_the_daemon_ends", tags=["short"])
def none_of_two(case):
    d = Set(case, sections=False)
    taken, port = busy(socket.SOCK_DGRAM)
    d.server("second", f"{LOCAL}:{port}")
    d.client("third", case.write("a.file", "x"))
    d.start()
    check(d.process.wait(10) == 69, f"exit code {d.process.wait(0)}")
    check("[second] cannot listen on" in d.process.log() and "[third] cannot listen on" in d.process.log(),
          d.process.log())


@suite.case("a_stop_during_the_start_is_prompt", seconds=60)
def stop_at_start(case):
    prefix = deaf_name_server(case)
    d = Set(case, sections=False)
    d.client("lone", f"late.example:{case.port()}")
    d.process = case.start([*prefix, ends.kcptund(), "-c", d.write()], "set")
    wait_until(d.is_up, 20, "the control socket")
    check(d.rows()["lone"]["state"] == "starting", f"{d.rows()}")
    reloading = Channel(d.sock)
    reloading.send("reload\n")
    time.sleep(0.2)
    begin = time.monotonic()
    d.stop()
    check(time.monotonic() - begin < 3, "the stop waits for the name servers")


# ---- the stop -----------------------------------------------------------------------------------


def leaving(case, serve):
    """A client 300 ms from its server, that stays behind a reload for what it has under way: (process, socket, target)."""
    far = Listener(serve)
    pair = Pair(case, far.text)
    slow_net(case, pair, 300)
    more = ends.section("client", "more", {"key": ends.KEY, "localaddr": f"{LOCAL}:{case.port()}",
                                           "remoteaddr": f"{LOCAL}:{pair.far}"})
    s = dial(pair.address)
    ping(s)

    def leave():
        case.write("client2.ini", ends.ini(more))
        pair.client.signal(signal.SIGHUP)
        check(pair.client.wait_log(r"\[near\] reload: removed", 10), "it was not removed")
    return pair, s, far, leave


def read_till_reset(conn):
    """Answer the first bytes, and return all that come behind; they must end with a reset."""
    conn.sendall(read_exactly(conn, len(b"still there?")))
    got = b""
    try:
        while part := conn.recv(65536):
            got += part
        return got + b" and an end, as if that had been all"
    except ConnectionResetError:
        return got


@suite.case("term_delivers_what_a_leaving_tunnel_has_in_flight")
def term_leaving(case):
    data = os.urandom(150_000)
    pair, s, far, leave = leaving(case, read_till_reset)
    s.sendall(data)
    wait_until(lambda: all_is_read(s), 20, "the client has read it")
    leave()
    code = pair.client.term(15)
    check(code == 0, f"exit code {code}")
    ends.stop_cleanly(pair.server)
    got = far.result()
    check(got == data, f"{len(got)} of {len(data)} bytes arrived")
    s.close()


@suite.case("term_ends_a_leaving_tunnel_that_is_fed_without_end")
def term_fed(case):
    pair, s, far, leave = leaving(case, read_till_reset)
    piece = bytes(range(256)) * 16

    def feed():
        try:
            while True:
                s.sendall(piece)
                time.sleep(0.01)
        except OSError:
            pass
    feeder = threading.Thread(target=feed)
    feeder.start()
    time.sleep(1)
    leave()
    begin = time.monotonic()
    code = pair.client.term(15)
    took = time.monotonic() - begin
    feeder.join(10)
    check(code == 0, f"exit code {code}")
    check("still had data" not in pair.client.log() and took < 4, f"it was cut after {took:.1f} s")
    ends.stop_cleanly(pair.server)
    got = far.result()
    whole, rest = divmod(len(got), len(piece))
    check(len(got) > 100_000 and got == piece * whole + piece[:rest], f"{len(got)} bytes arrived, and not as sent")
    case.note = f"{took:.1f} s"
