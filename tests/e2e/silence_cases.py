"""Paths that fall silent, without a word from the kernel: for a while, or only for the port that the client has."""

import time

from suite import suite
from peer_cases import opens_within
from relay import Nat, Path
from tunnels import LOCAL, Listener, Pair, dial, echo, read_exactly, worst_round
import ends
from cases import check, wait_until


# ---- for the port that the client has --------------------------------------------------------


@suite.case("streams_go_on_through_a_new_socket_when_the_old_one_falls_silent", seconds=40)
def new_socket(case):
    """As where a middle box lets no more pass for a port. The server follows; there is no other session to go on in."""
    pair = Pair(case, Listener(echo).text)
    nat = Nat(case, pair.far)
    ends.stop_cleanly(pair.client)
    pair.texts["client"] = pair.texts["client"].replace(f"remoteaddr = {LOCAL}:{pair.far}",
                                                        f"remoteaddr = {LOCAL}:{nat.port}").replace(
                                                            "loglevel = info", "loglevel = debug")
    pair.start_client("client2")
    with dial(pair.address) as s:
        s.settimeout(20)
        worst_round(s, 0.5)
        for _ in range(2):
            nat.lose()
            worst = worst_round(s, 4)
            case.note = f"{worst:.1f} s at most"
            check(worst < 4.5, f"a round trip took {worst:.1f} s")
    check("is silent; a new socket" in pair.client.log(), "it went on in some other way")
    check(len(nat.outs) >= 3, "there is no port but the first")
    pair.stop()


@suite.case("a_second_session_of_kcptun_takes_new_streams_when_the_first_falls_silent", seconds=60)
def second_session(case):
    """It does not follow, so that a new socket would do nothing; and the first session goes on when it can."""
    far, near = case.port(), case.port()
    ends.start_server(case, ends.GO, {"smuxver": 2}, f"{LOCAL}:{far}", Listener(echo).text)
    nat = Nat(case, far)
    client = ends.start_client(case, ends.OURS, {"smuxver": 2}, f"{LOCAL}:{near}", f"{LOCAL}:{nat.port}")
    with dial((LOCAL, near)) as s:
        s.settimeout(20)
        worst_round(s, 0.5)
        nat.lose()
        start = time.monotonic()
        s.sendall(b"x")
        wait_until(lambda: "is silent; another one is opened" in client.log(), 20, "another session")
        after = time.monotonic() - start
        took = opens_within((LOCAL, near), 10)
        case.note = f"{took * 1000:.0f} ms, {after:.1f} s after the silence began"
        check(after < 4.5, f"another session was opened after {after:.1f} s")
        check(took < 1, f"a new stream took {took:.1f} s")
        nat.find()
        read_exactly(s, 1)
        check(worst_round(s, 0.5) < 1, "the stream of before does not go on as it did")
    ends.stop_cleanly(client)


# ---- for a while ---------------------------------------------------------------------------------


def stay_down(case, relay, address, seconds):
    """What was said meanwhile is answered so long after the path was back."""
    with dial(address) as s:
        s.settimeout(20)
        worst_round(s, 0.5)
        relay.open = False
        s.sendall(b"x")
        time.sleep(seconds)
        relay.open = True
        start = time.monotonic()
        read_exactly(s, 1)
        took = time.monotonic() - start
        case.note = f"back after {took:.2f} s"
        check(took < 1, f"back after {took:.1f} s")


def add_down(seconds):
    @suite.case(f"streams_survive_a_path_that_is_down_for_{seconds}_seconds", seconds=seconds + 40)
    def down(case):
        pair = Pair(case, Listener(echo).text)
        stay_down(case, Path(case, pair), pair.address, seconds)
        pair.stop()


for _seconds in (10, 40):
    add_down(_seconds)


@suite.case("streams_of_kcptun_survive_a_path_that_is_down_for_20_seconds", seconds=60)
def down_go(case):
    far, near = case.port(), case.port()
    ends.start_server(case, ends.GO, {"smuxver": 2}, f"{LOCAL}:{far}", Listener(echo).text)
    nat = Nat(case, far)  # a second session is not to come from the port of the first
    client = ends.start_client(case, ends.OURS, {"smuxver": 2}, f"{LOCAL}:{near}", f"{LOCAL}:{nat.port}")
    stay_down(case, nat, (LOCAL, near), 20)
    ends.stop_cleanly(client)
