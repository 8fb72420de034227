"""Several servers in one remoteaddr: the first that answers serves."""

import socket
import threading
import time

from cases import check, wait_until
from control import Channel, ctl, ctl_good
from suite import suite
from tunnels import LOCAL, Listener, dial
import ends


class Servers:
    """A client of several servers, each at an address of its own, with a target that answers each byte by the server's letter."""

    def __init__(self, case, count=2, run=(), kind=ends.OURS, ways=None, **settings):
        self.kind, self.ways = kind, ways or {}
        self.case, self.port, self.near = case, case.port(), case.port()
        self.names = "abcdefgh"[:count]
        self.servers = {}
        for name in run:
            self.start(name)
        self.sock = case.path("control.sock")
        listed = ", ".join(self.address(name) for name in self.names)
        self.text = ends.section("client", "near", {"key": ends.KEY, "localaddr": f"{LOCAL}:{self.near}",
                                                    "remoteaddr": listed, **settings})
        self.client = ends.start_daemon(case, ends.ini(self.text, control=self.sock, loglevel="debug"), "client",
                                        tcp=[self.near])

    def host(self, name):
        return f"127.0.0.{2 + self.names.index(name)}"

    def address(self, name):
        return f"{self.host(name)}:{self.port}"

    def start(self, name):
        def answer(conn):
            while data := conn.recv(4096):
                conn.sendall(name.encode() * len(data))
        way = self.ways.get(name, {"smuxver": 2})
        self.servers[name] = ends.start_server(self.case, self.kind, way, self.address(name), Listener(answer).text,
                                               f"{name}{len(self.case.processes)}")

    def kill(self, name):
        self.servers.pop(name).kill()

    def dial(self, seconds=20):
        return dial((LOCAL, self.near), seconds)

    def who(self, seconds=20):
        """Who serves a new connection; None if nobody does in that time."""
        with self.dial(seconds) as s:
            return ask(s)

    def health(self):
        return ctl(self.sock, "check")[1]

    def row(self):
        channel = Channel(self.sock)
        row = channel.good("status")["tunnels"][0]
        channel.close()
        return row

    def peers(self):
        channel = Channel(self.sock)
        rows = channel.good("sessions")["sessions"]
        channel.close()
        return {row["peer"].split(":")[0] for row in rows}

    def stop(self):
        ends.stop_cleanly(self.client)
        for server in self.servers.values():
            if self.kind == ends.OURS:
                ends.stop_cleanly(server)


def ask(sock):
    try:
        sock.sendall(b"?")
        return sock.recv(1).decode() or None
    except (TimeoutError, ConnectionError):
        return None


def add_dead_at_the_start(conn):
    @suite.case(f"the_next_server_serves_when_the_first_is_dead_at_the_start_conn_{conn}", seconds=60)
    def dead_at_the_start(case):
        s = Servers(case, run="b", conn=conn)
        start = time.monotonic()
        check(s.who() == "b", "somebody else serves")
        took = time.monotonic() - start
        case.note = f"after {took:.1f} s"
        check(took < 4, f"it took {took:.1f} s")
        check(f"{s.address('b')} serves now: {s.address('a')} does not answer" in s.client.log(), "the log does not tell")
        words = f"{s.address('b')} serves, since {s.address('a')} does not answer"
        check(words in s.health() and "degraded" in s.health(), s.health())
        check(words in ctl_good(s.sock, "status"), "the status does not tell")
        check(s.row()["server"] == s.address("b"), f"{s.row()}")
        check(f"{s.address('a')}, {s.address('b')}" in ctl_good(s.sock, "config"), "the configuration does not tell")
        for _ in range(8):
            check(s.who(2) == "b", "one of the sessions leads elsewhere")
        s.stop()


for _conn in ("auto", 1, 4):
    add_dead_at_the_start(_conn)


def add_comes_back(conn):
    @suite.case(f"an_earlier_server_that_comes_gets_what_is_new_conn_{conn}", seconds=90)
    def comes_back(case):
        s = Servers(case, run="b", conn=conn)
        with s.dial() as old:
            check(ask(old) == "b", "somebody else serves")
            s.start("a")
            start = time.monotonic()
            wait_until(lambda: ask(old) == "b" and s.who() == "a", 40, "the first serves")
            case.note = f"after {time.monotonic() - start:.0f} s"
            check(f"{s.address('a')} answers again, and gets what is new" in s.client.log(), "the log does not tell")
            check("near well: " in s.health() and "serves" not in s.health(), s.health())
            end = time.monotonic() + 3
            while time.monotonic() < end:
                check(ask(old) == "b", "the old stream was disturbed")
                check(s.who() == "a", "a new stream went to the second")
                time.sleep(0.1)
            check(s.peers() == {s.host("a"), s.host("b")}, f"{s.peers()}")
        wait_until(lambda: s.peers() == {s.host("a")}, 10, "the session of the second ends with its stream")
        s.stop()


for _conn in ("auto", 3):
    add_comes_back(_conn)


def add_gone(how, limit, conn):
    @suite.case(f"the_next_server_serves_when_the_first_is_{how}_conn_{conn}", seconds=60)
    def gone(case):
        s = Servers(case, run="ab", conn=conn)
        for _ in range(6):
            check(s.who() == "a", "somebody else serves")
        if how == "killed":
            s.kill("a")
        else:
            ends.stop_cleanly(s.servers.pop("a"))
        start = time.monotonic()
        found = threading.Event()

        def try_one():
            if s.who() == "b":
                found.set()
        while not found.wait(0.2):
            check(time.monotonic() - start < 20, "nobody serves")
            threading.Thread(target=try_one, daemon=True).start()
        took = time.monotonic() - start
        case.note = f"after {took:.1f} s"
        check(took < limit, case.note)
        for _ in range(6):
            check(s.who(3) == "b", "one of the sessions leads to nobody")
        s.stop()


for _conn in ("auto", 1, 4):
    add_gone("killed", 4.6, _conn)
    add_gone("stopped", 1, _conn)


def to_the_first_and_back(case, s):
    """The second of two serves, then the first, until that is killed; a stream through the second goes on."""
    with s.dial() as old:
        check(ask(old) == "b", "somebody else serves")
        s.start("a")
        wait_until(lambda: ask(old) == "b" and s.who() == "a", 40, "the first serves")
        s.kill("a")
        start = time.monotonic()
        wait_until(lambda: s.who(1) == "b", 20, "the second serves again")
        case.note = f"after {time.monotonic() - start:.1f} s"
        check(ask(old) == "b", "the old stream was disturbed")


@suite.case("several_servers_that_are_kcptuns", seconds=90)
def kcptuns(case):
    s = Servers(case, run="b", kind=ends.GO)
    to_the_first_and_back(case, s)
    s.stop()


@suite.case("how_a_server_speaks_is_found_out_of_each_of_several", seconds=90)
def ways(case):
    s = Servers(case, run="b", kind=ends.GO, ways={"a": {"smuxver": 1}, "b": {"smuxver": 2, "nocomp": True}})
    to_the_first_and_back(case, s)
    told = s.client.log()
    for name, way in (("a", "smux 1, compression snappy"), ("b", "smux 2, compression none")):
        check(told.count(f"{s.address(name)} understands {way}") == 1, f"of {name}: {told}")
    s.stop()


@suite.case("of_three_servers_the_last_serves_and_then_the_first", seconds=90)
def three(case):
    s = Servers(case, count=3, run="c")
    check(s.who() == "c", "somebody else serves")
    check(f"{s.address('c')} serves, since the 2 before it do not answer" in s.health(), s.health())
    with s.dial() as held:  # there are trials as long as there are connections
        ask(held)
        s.start("a")
        wait_until(lambda: s.who() == "a", 40, "the first serves")
    s.kill("a")
    wait_until(lambda: s.who(5) == "c", 20, "the last serves again")
    s.stop()


@suite.case("a_server_whose_name_is_unknown_is_passed_over", seconds=40)
def unknown_name(case):
    s = Servers(case, run="b")
    ends.stop_cleanly(s.client)
    text = s.text.replace(s.address("a"), f"nosuch.invalid:{s.port}")
    s.client = ends.start_daemon(case, ends.ini(text, control=s.sock), "client2", tcp=[s.near])
    check(s.who() == "b", "somebody else serves")
    wait_until(lambda: f"{s.address('b')} serves now: nosuch.invalid:{s.port} does not answer" in s.client.log(), 5, "it is told")
    s.stop()


@suite.case("all_servers_that_do_not_answer_are_named", seconds=40)
def none_answers(case):
    s = Servers(case, count=3)
    wait_until(lambda: f"no answer from {s.address('a')}, {s.address('b')}, {s.address('c')}" in s.health(), 10, "they are named")
    wait_until(lambda: "near down" in s.health(), 20, "it is down")
    with s.dial() as waiting:
        s.start("c")
        check(ask(waiting) == "c", "who came last is not found")
    s.stop()


@suite.case("servers_are_tried_again_only_while_there_are_connections", seconds=90)
def trials(case):
    s = Servers(case, run="b")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((s.host("a"), s.port))
        came = []

        def listen():
            try:
                while True:
                    silent.recv(2048)
                    came.append(time.monotonic())
            except OSError:
                pass
        threading.Thread(target=listen, daemon=True).start()
        check(s.who() == "b", "somebody else serves")
        time.sleep(1)
        before = len(came)
        time.sleep(12)
        check(len(came) == before, f"{len(came) - before} datagrams to a server that is not used, for nobody")
        with s.dial() as held:
            ask(held)
            wait_until(lambda: len(came) > before, 10, "it is tried again for a connection")
            time.sleep(4.5)
            first, before = len(came) - before, len(came)
            check(first < 80, f"{first} datagrams in one trial")
            time.sleep(4)  # 10 s are between the first and the second
            check(len(came) == before, "the next trial follows at once")
            wait_until(lambda: len(came) > before, 15, "there is another trial")
            check(ask(held) == "b", "the stream was disturbed")
    s.stop()


@suite.case("another_list_of_servers_is_taken_over_by_a_reload", seconds=40)
def reload(case):
    s = Servers(case, run="ab")
    with s.dial() as held:
        check(ask(held) == "a", "somebody else serves")
        text = s.text.replace(f"{s.address('a')}, {s.address('b')}", f"{s.address('b')} , {s.address('a')}")
        with open(case.path("client.ini"), "w") as f:
            f.write(ends.ini(text, control=s.sock, loglevel="debug"))
        code, out, _ = ctl(s.sock, "reload")
        check(code == 0 and "restarted: remoteaddr" in out, f"{code}: {out}")
        check(s.who() == "b", "the new order does not hold")
        check(ask(held) == "a", "the stream of before was disturbed")
    s.stop()
