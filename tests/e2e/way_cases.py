"""Which way a tunnel's datagrams take: bind, interface and fwmark, between two hosts with two wires."""

import os
import pwd
import shutil
import time

from cases import Skip, check, wait_until
from control import Channel, ctl
from hosts import PORT, FarPair
from netns import on_host, run_ip
from privilege_cases import USER, status_of
from suite import suite
from tunnels import echo, worst_round
from wires import MOBILE, SERVER, WIFI, Wires
import ends

SECOND = WIFI + ".3"  # another address of the client's first wire
MARK = "0x1a"
ADMIN_RIGHT = 1 << 12  # CAP_NET_ADMIN


class Tunnel(FarPair):
    def __init__(self, case, client=None, server=None, wires=None):
        self.wires = wires or Wires(case)
        super().__init__(case, self.wires.near, self.wires.far, SERVER, echo, server=server, client=client)

    def talk(self):
        with self.dial() as s:
            worst_round(s, 0.2)

    def peer(self):
        """The address that the server sees its client at: that of the newest session, since clients just go."""
        channel = Channel(self.control_of("server"))
        rows = channel.good("sessions")["sessions"]
        channel.close()
        newest = min(rows, key=lambda row: row["age_s"], default={"peer": ":"})
        return newest["peer"].rsplit(":", 1)[0]

    def comes_from(self, address):
        wait_until(lambda: self.peer() == address, 10, f"the server sees the client at {address}")

    def check_peer(self, address):
        check(self.peer() == address, f"the server sees {self.peer()}, not {address}")

    def health(self, role="client"):
        return ctl(self.control_of(role), "check")[1]

    def reload(self, role, **settings):
        """The same tunnel with other settings."""
        path = self.case.path(role + ".ini")
        with open(path) as f:
            lines = f.read().rstrip("\n").split("\n")
        lines = [line for line in lines if line.split(" = ")[0] not in settings]
        lines += [f"{key} = {value}" for key, value in settings.items() if value is not None]
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        return ctl(self.control_of(role), "reload")


def second_wire_is_worse(wires):
    """It leads to the server, but the routes prefer the first."""
    wires.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "20")
    return wires


# ---- bind


@suite.case("datagrams_leave_from_the_address_that_bind_names")
def bind(case):
    wires = Wires(case)
    wires.ip("addr", "add", SECOND + "/24", "dev", "wifi")
    tunnel = Tunnel(case, {"bind": SECOND, "conn": 2}, wires=wires)
    tunnel.talk()
    tunnel.check_peer(SECOND)
    code, out, _ = tunnel.reload("client", bind=WIFI + ".2")
    check(code == 0 and "restarted: bind" in out, f"{code}: {out}")
    tunnel.comes_from(WIFI + ".2")
    tunnel.talk()
    tunnel.stop()


@suite.case("an_address_to_bind_that_comes_late_goes_and_comes_back", seconds=90)
def bind_late(case):
    wires = Wires(case)
    tunnel = Tunnel(case, {"bind": SECOND}, wires=wires)
    words = f"bind = {SECOND}: this machine does not have the address"
    wait_until(lambda: words in tunnel.client.log(), 10, "the log tells of it")
    check(words in tunnel.health(), tunnel.health())
    wait_until(lambda: "down" in tunnel.health(), 15, "it is down")
    time.sleep(4)  # until by itself it tries only every 8 s and more
    with tunnel.dial() as s:  # which waits
        wires.ip("addr", "add", SECOND + "/24", "dev", "wifi")
        late = worst_round(s, 0.2)
        check(late < 2.5, f"it was tried {late:.1f} s after the address came")
        tunnel.check_peer(SECOND)
        wires.ip("addr", "del", SECOND + "/24", "dev", "wifi")
        s.sendall(b"said meanwhile")
        wait_until(lambda: words in tunnel.health(), 20, "it is told that the address is gone")
        check(tunnel.client.alive(), "the client ended")
        wires.ip("addr", "add", SECOND + "/24", "dev", "wifi")
        check(s.recv(64) == b"said meanwhile", "something else came")
        worst_round(s, 0.2)
    tunnel.talk()
    tunnel.check_peer(SECOND)
    tunnel.stop()


@suite.case("a_server_without_an_address_of_the_family_of_bind_is_told_of")
def bind_family(case):
    tunnel = Tunnel(case, {"bind": "2001:db8::7"})
    words = "bind = 2001:db8::7 is an IPv6 address, and the server has none"
    wait_until(lambda: words in tunnel.client.log() and words in tunnel.health(), 10, "it is told")
    tunnel.stop()


@suite.case("addresses_of_a_name_that_do_not_suit_bind_are_left_out")
def bind_name(case):
    wires = Wires(case)
    wires.ip("addr", "add", "fd00:88::2/64", "dev", "wifi", "nodad")
    tunnel = Tunnel(case, wires=wires)
    ends.stop_cleanly(tunnel.client)
    hosts = case.write("hosts", f"{SERVER} both.test\nfd00:88::1 both.test\n")
    with open(case.path("client.ini")) as f:
        text = f.read().replace(SERVER, "both.test").rstrip("\n") + f"\nbind = {WIFI}.2\n"
    tunnel.client = case.start([*on_host(wires.near), "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
                                ends.kcptund(), "-c", case.write("both.ini", text)], "both")
    check(tunnel.client.wait_log("ready", 20), "the client did not start")
    tunnel.comes_from(WIFI + ".2")
    tunnel.talk()
    check("fd00:88::1" not in tunnel.client.log(), "an address of the other family was tried")
    tunnel.stop()


# ---- interface


@suite.case("a_client_uses_the_interface_that_it_is_given", seconds=90)
def interface(case):
    tunnel = Tunnel(case, wires=second_wire_is_worse(Wires(case)))
    tunnel.talk()
    tunnel.check_peer(WIFI + ".2")
    code, out, _ = tunnel.reload("client", interface="mobile")
    check(code == 0 and "restarted: interface" in out, f"{code}: {out}")
    tunnel.comes_from(MOBILE + ".2")
    tunnel.talk()
    tunnel.wires.ip("route", "add", "default", "via", WIFI + ".1", "metric", "1")  # none of its business
    with tunnel.dial() as s:
        worst_round(s, 2)
    tunnel.check_peer(MOBILE + ".2")
    check("a new socket" not in tunnel.client.log(), "it went another way")
    tunnel.stop()


@suite.case("an_interface_that_is_made_late_goes_and_comes_back", seconds=90)
def interface_late(case):
    wires = Wires(case)
    wires.ip("link", "del", "mobile")

    def plug():
        run_ip("link", "add", "mobile", "netns", wires.near, "type", "veth", "peer", "name", "mobile", "netns", wires.far)
        for name, host in ((wires.near, 2), (wires.far, 1)):
            run_ip("-n", name, "addr", "add", f"{MOBILE}.{host}/24", "dev", "mobile")
            run_ip("-n", name, "link", "set", "mobile", "up")
        wires.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "20")
    tunnel = Tunnel(case, {"interface": "mobile"}, wires=wires)
    words = "interface = mobile: there is no such device"
    wait_until(lambda: words in tunnel.client.log() and words in tunnel.health(), 10, "it is told")
    with tunnel.dial() as s:
        plug()
        worst_round(s, 0.2)
        tunnel.check_peer(MOBILE + ".2")
        wires.ip("link", "del", "mobile")
        s.sendall(b"said meanwhile")
        wait_until(lambda: words in tunnel.health(), 20, "it is told that it is gone")
        plug()
        check(s.recv(64) == b"said meanwhile", "something else came")
        worst_round(s, 0.2)
        wires.ip("link", "del", "mobile")
        plug()  # within what is one change to those who watch
        late = worst_round(s, 0.5)
        check(late < 2, f"it took {late:.1f} s to find out that it is another device")
    tunnel.check_peer(MOBILE + ".2")
    tunnel.stop()


@suite.case("a_server_hears_only_by_its_interface_and_again_when_that_is_back", seconds=90)
def server_interface(case):
    wires = second_wire_is_worse(Wires(case))
    tunnel = Tunnel(case, server={"interface": "mobile"}, wires=wires)
    wait_until(lambda: "firewall" in tunnel.health(), 20, "the server does not answer by the other wire")
    with tunnel.dial() as s:
        wires.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "5")
        worst_round(s, 0.2)
    wires.ip("link", "del", "mobile")
    wait_until(lambda: "interface mobile is gone: nobody is heard" in tunnel.health("server"), 10, "the server tells of it")
    check("down" in tunnel.health("server"), tunnel.health("server"))
    run_ip("link", "add", "mobile", "netns", wires.near, "type", "veth", "peer", "name", "mobile", "netns", wires.far)
    for name, host in ((wires.near, 2), (wires.far, 1)):
        run_ip("-n", name, "addr", "add", f"{MOBILE}.{host}/24", "dev", "mobile")
        run_ip("-n", name, "link", "set", "mobile", "up")
    wires.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "5")
    wait_until(lambda: "interface = mobile is back" in tunnel.server.log(), 10, "the server is there again")
    tunnel.talk()
    check("down" not in tunnel.health("server"), tunnel.health("server"))
    tunnel.stop()


@suite.case("two_servers_share_an_address_on_interfaces_of_their_own")
def shared_address(case):
    wires = second_wire_is_worse(Wires(case))
    tunnel = Tunnel(case, server={"interface": "mobile"}, wires=wires)
    text = ends.section("server", "wifi", {"key": ends.KEY, "listen": f"{SERVER}:{PORT}", "target": case.path("target"),
                                           "interface": "wifi"})
    path = case.path("server.ini")
    with open(path, "a") as f:
        f.write("\n" + text)
    code, out, _ = ctl(tunnel.control_of("server"), "reload")
    check(code == 0 and "wifi: started" in out and "far: unchanged" in out, f"{code}: {out}")
    for device, address in (("wifi", WIFI + ".2"), ("mobile", MOBILE + ".2")):
        code, out, _ = tunnel.reload("client", interface=device)
        check(code == 0, f"{code}: {out}")
        tunnel.talk()
        tunnel.comes_from(address)
    tunnel.stop()


@suite.case("an_interface_takes_no_privilege")
def interface_of_nobody(case):
    pwd.getpwnam(USER)
    wires = second_wire_is_worse(Wires(case))
    tunnel = Tunnel(case, wires=wires)
    ends.stop_cleanly(tunnel.client)
    path = case.path("client.ini")
    with open(path) as f:
        text = f.read().replace("[daemon]\n", f"[daemon]\nuser = {USER}\n").rstrip("\n") + "\ninterface = mobile\n"
    os.chmod(case.path(""), 0o777)
    process = case.start([*on_host(wires.near), ends.kcptund(), "-c", case.write("nobody.ini", text)], "nobody")
    check(process.wait_log("ready", 20), "it did not start")
    tunnel.comes_from(MOBILE + ".2")
    check(int(status_of(process)["CapEff"], 16) == 1 << 10, "it has other rights than that of low ports")
    tunnel.client = process
    tunnel.stop()


# ---- fwmark


def marked(wires):
    """What has the mark goes by the second wire."""
    wires.ip("route", "add", "default", "via", MOBILE + ".1", "table", "100")
    wires.ip("rule", "add", "fwmark", MARK, "lookup", "100")
    return wires


@suite.case("a_rule_of_routing_knows_a_client_by_its_fwmark")
def fwmark(case):
    tunnel = Tunnel(case, {"fwmark": MARK}, wires=marked(Wires(case)))
    tunnel.talk()
    tunnel.check_peer(MOBILE + ".2")
    code, out, _ = tunnel.reload("client", fwmark=27)
    check(code == 0 and "restarted: fwmark" in out, f"{code}: {out}")
    tunnel.comes_from(WIFI + ".2")
    tunnel.talk()
    tunnel.stop()


@suite.case("a_client_with_an_fwmark_keeps_it_on_the_sockets_that_follow", seconds=60)
def fwmark_roams(case):
    """The way of what is marked becomes another; that of what is not stays."""
    wires = marked(Wires(case))
    tunnel = Tunnel(case, {"fwmark": MARK}, wires=wires)
    with tunnel.dial() as s:
        worst_round(s, 0.2)
        tunnel.check_peer(MOBILE + ".2")
        wires.ip("addr", "add", MOBILE + ".3/24", "dev", "mobile")
        wires.ip("route", "replace", "default", "via", MOBILE + ".1", "src", MOBILE + ".3", "table", "100")
        tunnel.comes_from(MOBILE + ".3")
        worst_round(s, 0.5)
    check("a new socket" in tunnel.client.log(), "no socket followed")
    tunnel.stop()


@suite.case("a_server_answers_with_its_fwmark_and_a_reload_gives_it_another", seconds=60)
def server_fwmark(case):
    tunnel = Tunnel(case, server={"fwmark": MARK})
    tunnel.talk()
    ends.stop_cleanly(tunnel.client)
    run_ip("-n", tunnel.wires.far, "rule", "add", "fwmark", MARK, "prohibit")
    path = case.path("client.ini")
    tunnel.client = case.start([*on_host(tunnel.wires.near), ends.kcptund(), "-c", path], "client2")
    check(tunnel.client.wait_log("ready", 20), "the client did not start")
    wait_until(lambda: "no answer" in tunnel.health() and "down" in tunnel.health(), 20, "the answers are prohibited")
    for mark in (7, 0):
        code, out, _ = tunnel.reload("server", fwmark=mark)
        check(code == 0 and "restarted: fwmark" in out, f"{code}: {out}")
        tunnel.talk()
    tunnel.stop()


@suite.case("an_fwmark_that_is_not_permitted_is_told_with_what_it_takes")
def fwmark_refused(case):
    if not shutil.which("setpriv"):
        raise Skip("needs setpriv")
    tunnel = Tunnel(case)
    ends.stop_cleanly(tunnel.client)
    words = f"fwmark = {MARK}: not permitted; it takes CAP_NET_ADMIN"
    for role, host in (("client", tunnel.wires.near), ("server", tunnel.wires.far)):
        if role == "server":
            ends.stop_cleanly(tunnel.server)
        with open(case.path(role + ".ini")) as f:
            text = f.read().rstrip("\n") + f"\nfwmark = {MARK}\n"
        process = case.start([*on_host(host), "setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw",
                              ends.kcptund(), "-c", case.write("weak.ini", text)], "weak_" + role)
        wait_until(lambda: words in process.log(), 20, f"the {role} tells of it")
        if role == "client":
            check(words in tunnel.health(), tunnel.health())
            ends.stop_cleanly(process)


@suite.case("a_daemon_that_becomes_another_keeps_the_right_to_mark")
def fwmark_of_nobody(case):
    pwd.getpwnam(USER)
    wires = marked(Wires(case))
    tunnel = Tunnel(case, wires=wires)
    ends.stop_cleanly(tunnel.client)
    with open(case.path("client.ini")) as f:
        text = f.read().replace("[daemon]\n", f"[daemon]\nuser = {USER}\n").rstrip("\n") + f"\nfwmark = {MARK}\n"
    os.chmod(case.path(""), 0o777)
    process = case.start([*on_host(wires.near), ends.kcptund(), "-c", case.write("nobody.ini", text)], "nobody")
    check(process.wait_log("ready", 20), "it did not start")
    tunnel.comes_from(MOBILE + ".2")
    check(int(status_of(process)["CapEff"], 16) == 1 << 10 | ADMIN_RIGHT, "it has other rights")
    tunnel.client = process
    tunnel.stop()
