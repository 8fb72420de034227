"""Keys whose effect shows only outside of the tunnel: in its packets, its sessions, its log."""

import grp
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time

from suite import suite
from tunnels import FEC, LOCAL, check_traffic, dial, pair_to_target
import control
import ends
import traffic
from cases import Skip, check, wait_until


class Wiretap:
    """Passes one client's datagrams on to a server and back, and notes their size and TOS byte."""

    def __init__(self, near, far):
        self.near, self.far = self._socket((LOCAL, near)), self._socket((LOCAL, 0))
        self.far.connect((LOCAL, far))
        self.client = None
        self.up, self.down = [], []  # (size, TOS)
        threading.Thread(target=self._carry, args=(self.near, self.up), daemon=True).start()
        threading.Thread(target=self._carry, args=(self.far, self.down), daemon=True).start()

    @staticmethod
    def _socket(address):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        s.bind(address)
        return s

    def _carry(self, source, notes):
        while True:
            data, extra, _, sender = source.recvmsg(2048, socket.CMSG_SPACE(1))
            notes.append((len(data), extra[0][2][0] if extra else None))
            if source is self.near:
                self.client = sender
                self.far.send(data)
            else:
                self.near.sendto(data, self.client)


@suite.case("mtu_and_dscp_show_on_the_wire")
def on_the_wire(case):
    pair, target = pair_to_target(case, server={"mtu": 900, "dscp": 10})
    near, local = case.port(), case.port()
    tap = Wiretap(near, pair.far)
    client = ends.start_client(case, ends.OURS, {**FEC, "conn": 1, "mtu": 600, "dscp": 46, "compression": "none"},
                               f"{LOCAL}:{local}", f"{LOCAL}:{near}", name="tapped")
    check_traffic((LOCAL, local), target)
    for way, notes, size, dscp in (("up", tap.up, 600, 46), ("down", tap.down, 900, 10)):
        check(max(n for n, _ in notes) == size, f"{way}: the largest has {max(n for n, _ in notes)}, not {size}")
        seen = {tos >> 2 for _, tos in notes}
        check(seen == {dscp}, f"{way}: DSCP {seen}, not {dscp}")
    ends.stop_cleanly(client)
    pair.stop()


@suite.case("ratelimit_is_kept")
def ratelimit(case):
    size, rate = 600_000, 200_000
    pair, target = pair_to_target(case, client={"ratelimit": rate, "compression": "none", "datashard": 0})
    start = time.monotonic()
    check_traffic(pair.address, target, [(size, 1)])
    took = time.monotonic() - start
    case.note = f"{took:.1f} s instead of {size / rate:.1f}"
    check(size / rate * 0.8 < took < size / rate * 2, f"{size} bytes in {took:.1f} s at {rate} bytes/s")
    pair.stop()


@suite.case("conn_sessions_are_used_in_turn")
def in_turn(case):
    pair, _ = pair_to_target(case, client={"conn": 4})
    ends.stop_cleanly(pair.client)
    path = case.path("control")
    pair.texts["client"] = (pair.texts["client"].replace("control = none", f"control = {path}")
                            .replace("loglevel = info", "loglevel = debug"))
    pair.start_client("client2")

    def heard():
        return [s["state"] for s in control.Channel(path).good("sessions")["sessions"]] == ["open"] * 4
    wait_until(heard, 20, "the client has heard the server in all four sessions")
    conns = [dial(pair.address) for _ in range(12)]
    for stream in (3, 5, 7):
        wait_until(lambda: len(re.findall(rf"stream \S+/{stream} of \S+ opened", pair.client.log())) == 4, 20,
                   f"stream {stream} in each of the four sessions")
    for s in conns:
        s.close()
    pair.stop()


@suite.case("a_sockbuf_that_the_kernel_clips_is_told")
def sockbuf(case):
    case.need("setpriv")
    if os.geteuid() != 0:
        raise Skip("needs root, to go without CAP_NET_ADMIN")
    local = case.port()
    settings = {"sockbuf": "1G"}
    client = ends.start_client(case, ends.OURS, settings, f"{LOCAL}:{local}", f"{LOCAL}:{case.port()}",
                               prefix=["setpriv", "--bounding-set=-net_admin"])
    check(client.wait_log(r"\[client\] sockbuf = 1073741824: the kernel gives only \d+ to receive and \d+ to "
                          r"send; set sysctl net\.core\.rmem_max and net\.core\.wmem_max to 1073741824$", 5),
          "the log does not tell")
    ends.stop_cleanly(client)


@suite.case("a_cipher_of_a_missing_provider_is_told")
def no_legacy(case):
    """Blowfish and CAST5 are of OpenSSL's legacy provider, which may be missing."""
    env = {**os.environ, "OPENSSL_MODULES": case.dir}
    for crypt, works in (("blowfish", False), ("cast5", False), ("3des", True)):
        text = ends.ini(ends.section("server", "far", {
            "key": ends.KEY, "crypt": crypt, "listen": f"{LOCAL}:{case.port()}", "target": f"{LOCAL}:9"}))
        p = case.start([ends.kcptund(), "-c", case.write(f"{crypt}.ini", text)], crypt, env=env)
        words = " ready, " if works else rf"\[far\] crypt = {crypt}: .*legacy provider.*install it.*another method"
        check(p.wait_log(words, 20), f"with {crypt} its log does not say {words!r}")
        check(works or p.wait(20) not in (None, 0), f"it runs without {crypt}")
        check(not works or p.term() == 0, f"it does not stop with {crypt}")


@suite.case("quiet_tells_of_no_stream")
def quiet(case):
    pair, target = pair_to_target(case, client={"quiet": True}, daemon={"loglevel": "debug"})
    ends.stop_cleanly(pair.client)
    pair.texts["client"] = pair.texts["client"].replace("loglevel = info", "loglevel = debug")
    pair.start_client("client2")
    check_traffic(pair.address, target)
    check("stream" in pair.server.log(), "the server is not quiet, but tells of no stream")
    check("stream" not in pair.client.log(), "the quiet client tells of streams")
    pair.stop()


@suite.case("verbose_overrides_the_loglevel")
def verbose(case):
    pair, target = pair_to_target(case)
    ends.stop_cleanly(pair.client)
    path = case.write("silent.ini", pair.texts["client"].replace("loglevel = info", "loglevel = error"))
    for flags, told in (([], 0), (["-v"], 3)):
        client = case.start([ends.kcptund(), *flags, "-c", path], f"client{told}")
        ends.wait_ready(client, tcp=[pair.local])
        check_traffic(pair.address, target, [(1, 1)])
        ends.stop_cleanly(client)
        check(client.log().count("/3 of ") + client.log().count(" ready, ") == told,
              f"with {flags}: {client.log()!r}")
    ends.stop_cleanly(pair.server)


@suite.case("a_name_is_resolved_again_for_each_session", seconds=40)
def resolved_again(case):
    """The name moves to another address while the tunnel runs, as a dynamic DNS entry does."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root and unshare, for an /etc/hosts of its own")
    if subprocess.run(["unshare", "--mount", "mount", "--bind", "/etc/hosts", "/etc/hosts"],
                      capture_output=True).returncode != 0:
        raise Skip("cannot mount here, for an /etc/hosts of its own")
    old, new = traffic.Target(), traffic.Target()
    far, local = case.port(), case.port()
    for name, host, target in (("old", "127.0.0.2", old), ("new", "127.0.0.3", new)):
        ends.start_server(case, ends.OURS, {}, f"{host}:{far}", f"{LOCAL}:{target.port}", name)
    hosts = case.write("hosts", "127.0.0.2 far.test\n")
    client = ends.start_client(
        case, ends.OURS, {"autoexpire": 1}, f"{LOCAL}:{local}", f"far.test:{far}",
        prefix=["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts])
    check_traffic((LOCAL, local), old, [(1000, 1000)])
    check(old.accepted == 1, "the first connection did not reach the first address")
    with open(hosts, "w") as f:  # in place: the bind mount is of this inode
        f.write("127.0.0.3 far.test\n")

    def moved():
        traffic.run_plan((LOCAL, local), [(1000, 1000)], 10)
        return new.accepted > 0

    wait_until(moved, 15, "a connection at the address that the name has now")
    ends.stop_cleanly(client)


@suite.case("a_unix_socket_has_the_mode_and_the_group_that_are_given")
def socket_rights(case):
    path = case.path("local.sock")
    os.chmod(case.dir, 0o755)

    def text(**rights):
        return ends.ini(ends.section("client", "near", {"key": ends.KEY, "localaddr": path,
                                                        "remoteaddr": f"{LOCAL}:9", **rights}))

    def rights_are(mode, gid):
        st = os.stat(path)
        return (stat.S_IMODE(st.st_mode), st.st_gid) == (mode, gid)

    group = next((g for g in grp.getgrall() if g.gr_gid != os.getgid() and
                  (os.geteuid() == 0 or g.gr_gid in os.getgroups())), None)
    p = ends.start_daemon(case, text(socketmode="0666"), "rights")
    wait_until(lambda: os.path.exists(path), 20, "the socket")
    check(rights_are(0o666, os.getgid()), f"{os.stat(path)}")
    if group:  # the running socket goes on, with others
        case.write("rights.ini", text(socketgroup=group.gr_name))
        p.signal(signal.SIGHUP)
        wait_until(lambda: rights_are(0o660, group.gr_gid), 20, f"the reload: {os.stat(path)}")
    mask = os.umask(0)
    os.umask(mask)
    case.write("rights.ini", text())  # and then with those of any
    p.signal(signal.SIGHUP)
    wait_until(lambda: rights_are(0o777 & ~mask, os.getgid()), 20, f"the second reload: {os.stat(path)}")
    ends.stop_cleanly(p)
    check(not os.path.exists(path), "the socket is left")
    if os.geteuid() != 0 or not shutil.which("setpriv") or not group:
        return
    program = shutil.copy(ends.kcptund(), case.path("kcptund"))  # where it is from may be closed to others
    os.chown(case.dir, 65534, -1)
    p = case.start(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "-c",
                    case.write("other.ini", text(socketgroup=group.gr_name))], "other")
    wait_until(lambda: not p.alive(), 20, "the daemon of which no tunnel could start")
    check("only root or a member can give it to its socketgroup" in p.log(), p.log())
    check(not os.path.exists(path), "the socket of no use is left")
