"""Strangers who recorded what opened a session and send it again: to the same server, or after its restart."""

import re
import socket
import time

from suite import suite
from peer_cases import opens_within
from relay import Path, Relay
from tunnels import LOCAL, Listener, Pair, check_traffic, counters, dial, echo, pair_to_target, worst_round
import ends
from cases import check, wait_until


class Target(Listener):
    """An echo that counts who connects to it."""

    def __init__(self):
        self.count = 0
        super().__init__(self._serve_one)

    def _serve_one(self, conn):
        self.count += 1
        echo(conn)


class Stage:
    """A server that remembers, its target, and the recording of a client whose session has ended."""

    def __init__(self, case, client=None, server=None, daemon=None):
        self.case = case
        self.target = Target()
        self.state = case.path("state")
        brief = {"keepalive": 1, "sessiontimeout": 3}  # a session whose client has gone is over soon
        self.pair = Pair(case, self.target.text, client=client, server={**brief, **(server or {})},
                         daemon={"statedir": self.state} if daemon is None else daemon)
        self.path = Path(case, self.pair)

    def record(self):
        """The client opens a session through which bytes pass, and leaves."""
        with dial(self.pair.address) as s:
            s.settimeout(10)
            worst_round(s, 0.5)
        ends.stop_cleanly(self.pair.client)
        self.wait_for_nobody()

    def start_anew(self, held):
        """Another client, of whose "open" (what it sends) or "answers" nothing passes; what it begins with is recorded."""
        ends.stop_cleanly(self.pair.client)
        setattr(self.path, held, False)
        self.path.answered = False
        self.path.opening.clear()
        self.pair.start_client("client3")

    def wait_for_nobody(self):
        end = time.monotonic() + 30
        while counters(self.pair.server).get("CurrEstab", 0) > 0:
            check(time.monotonic() < end, "the session did not end")
            time.sleep(0.3)


def send_again(datagrams, port, seconds=0.5):
    """From an address of a stranger; the bytes of what comes back."""
    got = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((LOCAL, 0))
        for data in datagrams:
            s.sendto(data, (LOCAL, port))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            s.settimeout(left)
            try:
                got += len(s.recv(2048))
            except TimeoutError:
                pass
    return got


def check_refused(stage, datagrams):
    """Neither all of them nor any one of them alone opens a session."""
    server, connected = stage.pair.server, stage.target.count
    before = counters(server)
    got = send_again(datagrams, stage.pair.far)
    for data in datagrams:
        got += send_again([data], stage.pair.far, 0.05)
    after = counters(server)
    opened = after.get("PassiveOpens", 0) - before.get("PassiveOpens", 0)
    check(opened == 0, f"{opened} sessions were opened by what was repeated")
    check(stage.target.count == connected, f"{stage.target.count - connected} connections to the target")
    check(got == 0, f"{got} bytes in answer")
    refused = after.get("InReplayed", 0) - before.get("InReplayed", 0)
    check(refused == 2 * len(datagrams), f"{refused} of {2 * len(datagrams)} are counted as replayed")


def add_recording(crypt):
    @suite.case(f"what_opened_a_session_opens_no_other_{crypt}", seconds=60)
    def recorded(case):
        """Several copies, each with a nonce of its own, since the answers come late; then also after a kill."""
        both = {"crypt": crypt}
        stage = Stage(case, both, both)
        stage.start_anew("answers")
        with dial(stage.pair.address) as s:
            s.settimeout(20)
            s.sendall(b"x")
            wait_until(lambda: len(stage.path.opening) >= 3, 10, "three datagrams of the opening")
            stage.path.answers = True
            s.recv(1)
        ends.stop_cleanly(stage.pair.client)
        stage.wait_for_nobody()
        opening = list(stage.path.opening)
        check(stage.target.count == 1, "the client itself was not served")
        check_refused(stage, opening)
        check("repeats what was recorded" in stage.pair.server.log(), "the log says nothing of it")
        stage.pair.server.kill()
        stage.pair.start_server("server2")
        check_refused(stage, opening)
        stage.pair.start_client("client4")
        took = opens_within(stage.pair.address, 10)
        check(took < 2, f"a client that came meanwhile was served after {took:.1f} s")
        check(stage.target.count == 2, "the target was asked by somebody else")
        stage.pair.stop()


for _crypt in ["aes", "3des", "salsa20", "aes-128-gcm", "chacha20-poly1305"]:
    add_recording(_crypt)


@suite.case("what_was_withheld_brings_nothing_else_in", seconds=60)
def withheld(case):
    """A datagram that never came to the server opens a session once; what did come is refused there as well."""
    stage = Stage(case)
    stage.start_anew("open")
    with dial(stage.pair.address) as s:
        s.settimeout(20)
        wait_until(lambda: stage.path.opening, 10, "the first datagram")
        kept = stage.path.opening[0]
        stage.path.answers, stage.path.open = False, True
        s.sendall(b"x")
        wait_until(lambda: len(stage.path.opening) >= 4, 10, "copies of it")
        stage.path.answers = True
        s.recv(1)
    ends.stop_cleanly(stage.pair.client)
    stage.wait_for_nobody()
    came = stage.path.opening[-2:]
    before = counters(stage.pair.server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for data in (kept, *came):
            s.sendto(data, (LOCAL, stage.pair.far))
        wait_until(lambda: counters(stage.pair.server)["PassiveOpens"] > before["PassiveOpens"], 10, "a session")
        time.sleep(0.3)
    refused = counters(stage.pair.server).get("InReplayed", 0) - before.get("InReplayed", 0)
    check(refused == len(came), f"{refused} of {len(came)} are refused")


@suite.case("what_a_kcptun_client_opened_a_session_with_opens_no_other", seconds=60)
def recorded_go(case):
    target, state = Target(), case.path("state")
    far, local = case.port(), case.port()
    text = ends.ini(ends.section("server", "far", {"key": ends.KEY, "crypt": "aes", "listen": f"{LOCAL}:{far}",
                                                   "target": target.text}), statedir=state)
    server = ends.start_daemon(case, text, "server", udp=[far])
    relay = Relay(case, far)
    client = ends.start_client(case, ends.GO, {"crypt": "aes", "mode": "fast"}, f"{LOCAL}:{local}",
                               f"{LOCAL}:{relay.port}")
    with dial((LOCAL, local)) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
    client.kill()
    opening = list(relay.opening)
    check(len(opening) > 0, "nothing was recorded")
    opened = counters(server)["PassiveOpens"]
    for round in ("", "2"):
        send_again(opening, far)
        check(counters(server).get("PassiveOpens", 0) == opened, "a session was opened by what was repeated")
        server.kill()
        server, opened = ends.start_daemon(case, text, f"server-again{round}", udp=[far]), 0
    check(target.count == 1, f"{target.count} connections to the target")
    client = ends.start_client(case, ends.GO, {"crypt": "aes", "mode": "fast"}, f"{LOCAL}:{local}",
                               f"{LOCAL}:{relay.port}", "client2")
    check(opens_within((LOCAL, local), 10) < 5, "another client is not served")
    ends.stop_cleanly(server)


def another_nonce(crypt, data):
    """What somebody without the key can make of a recorded datagram."""
    if crypt == "null":
        return data
    return bytes([data[0] ^ 1]) + data[1:]


def add_without_nonce(crypt):
    @suite.case(f"without_a_nonce_a_recording_opens_sessions_and_the_log_says_so_{crypt}", seconds=40)
    def no_nonce(case):
        both = {"crypt": crypt}
        stage = Stage(case, both, both)
        words = rf"\[far\] crypt = {crypt}: .*, so that repeated ones open sessions again"
        check(re.search(words, stage.pair.server.log()), "the log says nothing of it")
        stage.record()
        opened = counters(stage.pair.server)["PassiveOpens"]
        send_again([another_nonce(crypt, data) for data in stage.path.opening], stage.pair.far)
        check(counters(stage.pair.server)["PassiveOpens"] > opened, "it is refused all the same: by what?")
        stage.pair.stop()


for _crypt in ["null", "none", "xor"]:
    add_without_nonce(_crypt)


@suite.case("without_a_state_folder_a_recording_is_refused_until_a_restart", seconds=60)
def no_folder(case):
    stage = Stage(case, daemon={"statedir": "none"})
    check("no statedir" in stage.pair.server.log(), "the log says nothing of it")
    stage.record()
    check_refused(stage, list(stage.path.opening))
    stage.pair.server.kill()
    stage.pair.start_server("server2")
    send_again(stage.path.opening, stage.pair.far)
    check(counters(stage.pair.server)["PassiveOpens"] > 0, "it is refused all the same: by what?")
    stage.pair.stop()


@suite.case("a_state_folder_that_cannot_be_used_is_told_and_survived")
def bad_folder(case):
    stage = Stage(case, daemon={"statedir": case.write("file", "x")})
    check("cannot be used" in stage.pair.server.log(), "the log says nothing of it")
    stage.record()
    check_refused(stage, list(stage.path.opening))
    stage.pair.stop()


@suite.case("two_servers_with_one_folder_do_not_share_a_file")
def one_folder(case):
    stage = Stage(case)
    far = case.port()
    text = stage.pair.texts["server"].replace(f"listen = {LOCAL}:{stage.pair.far}", f"listen = {LOCAL}:{far}")
    other = ends.start_daemon(case, text, "other", udp=[far])
    check("in use by another process" in other.log(), "the log of the second says nothing of it")
    stage.record()
    check_refused(stage, list(stage.path.opening))
    ends.stop_cleanly(other)
    stage.pair.server.kill()
    stage.pair.start_server("server2")
    check_refused(stage, list(stage.path.opening))
    stage.pair.stop()


@suite.case("tunnels_with_one_key_know_what_opened_a_session_of_another", seconds=40)
def one_key(case):
    stage = Stage(case)
    far = case.port()
    text = stage.pair.texts["server"] + ends.section("server", "other", {
        "key": ends.KEY, "listen": f"{LOCAL}:{far}", "target": stage.target.text})
    ends.stop_cleanly(stage.pair.client)
    ends.stop_cleanly(stage.pair.server)
    stage.pair.server = ends.start_daemon(case, text, "both", udp=[stage.pair.far, far])
    stage.path.opening.clear()
    stage.pair.start_client("client3")
    stage.record()
    stage.pair.far = far
    check_refused(stage, list(stage.path.opening))
    stage.pair.stop()


@suite.case("datagrams_that_the_network_doubles_harm_nobody", seconds=60)
def doubled(case):
    pair, target = pair_to_target(case, daemon={"statedir": case.path("state")})
    path = Path(case, pair)
    path.times = 2
    opened = counters(pair.server)["PassiveOpens"]
    ends.stop_cleanly(pair.client)
    pair.start_client("client3")
    check_traffic(pair.address, target)
    opened += counters(pair.client)["ActiveOpens"]
    check(counters(pair.server)["PassiveOpens"] == opened, "what came twice opened a session twice")
    check("repeats what was recorded" not in pair.server.log(), "the log takes it for an attack")
    pair.stop()



def takes_no_harm(stage, from_elsewhere):
    """Its opening comes again and again from its own address, and from others where that is wanted."""
    with dial(stage.pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
        opened = counters(stage.pair.server)["PassiveOpens"]
        for _ in range(20):
            for data in stage.path.opening:
                stage.path.out.sendto(data, (LOCAL, stage.pair.far))
            if from_elsewhere:
                send_again(stage.path.opening, stage.pair.far, 0.01)
            else:
                worst_round(s, 0.02)
        worst = worst_round(s, 1)
    check(worst < 1, f"a round trip took {worst:.1f} s")
    check(counters(stage.pair.server)["PassiveOpens"] == opened, "another session was opened")
    check(stage.target.count == 1, "the target was asked twice")
    stage.pair.stop()


@suite.case("a_live_session_takes_no_harm_from_its_own_opening", seconds=40)
def live(case):
    takes_no_harm(Stage(case), from_elsewhere=True)


@suite.case("without_a_nonce_a_live_session_takes_no_harm_from_its_own_opening", seconds=40)
def live_null(case):
    """What is repeated from the client's own address is for the session: by its numbers nothing in it is new."""
    null = {"crypt": "null"}
    takes_no_harm(Stage(case, null, null), from_elsewhere=False)


@suite.case("without_a_nonce_an_earlier_conversation_lives_beside_the_present_one_and_dies_by_itself", seconds=60)
def earlier_null(case):
    """What opened it is sent again from the address that the client has now; nobody is behind it."""
    null = {"crypt": "null"}
    stage = Stage(case, null, null)
    stage.record()
    earlier = list(stage.path.opening)
    pair = stage.pair
    pair.start_client("client3")
    with dial(pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.5)
        opened = counters(pair.server)["PassiveOpens"]
        for _ in range(5):
            for data in earlier:
                stage.path.out.sendto(data, (LOCAL, pair.far))
            worst = worst_round(s, 0.2)
            check(worst < 1, f"a round trip took {worst:.1f} s beside it")
        after = counters(pair.server)
        opened = after["PassiveOpens"] - opened
        check(opened == 1, f"{opened} sessions were opened for one conversation")
        check(after["CurrEstab"] >= 2, "they do not live beside each other")
        end = time.monotonic() + 15
        while counters(pair.server)["CurrEstab"] >= after["CurrEstab"]:
            check(time.monotonic() < end, "the earlier conversation does not end")
            worst = max(worst, worst_round(s, 0.3))
        check(worst < 1, f"a round trip took {worst:.1f} s beside its end")
        worst_round(s, 0.5)
    pair.stop()


@suite.case("a_flood_of_recorded_openings_takes_no_place_and_little_time", seconds=90, tags=["alone"])
def flood(case):
    """They come between a client and the server, whose places for sessions that acknowledged nothing are few."""
    stage = Stage(case, server={"maxsessions": 2})
    stage.record()
    server = stage.pair.server
    rss, cpu, lines = server.rss_kib(), server.cpu_seconds(), len(server.log().splitlines())
    sent = 0
    stage.pair.start_client("client3")
    with dial(stage.pair.address) as s:
        s.settimeout(10)
        worst_round(s, 0.2)
        while sent < 50_000:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for _ in range(100):
                    for data in stage.path.opening[:4]:
                        stranger.sendto(data, (LOCAL, stage.pair.far))
                        sent += 1
        worst = worst_round(s, 1)
    cpu = server.cpu_seconds() - cpu
    case.note = f"{cpu / sent * 1e6:.1f} us of CPU each, {server.rss_kib() - rss} KiB"
    check(worst < 1, f"a round trip took {worst:.1f} s")
    check(stage.target.count == 2, "the target was asked by a stranger")
    check(server.rss_kib() - rss < 4000, f"{server.rss_kib() - rss} KiB more")
    check(len(server.log().splitlines()) - lines < 20, "too much is said of it")
    stage.pair.stop()
