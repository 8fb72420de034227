"""Faults of the configuration file: one line each, all at once, exit code 1; and the command line."""

import os
import re
import subprocess

from suite import suite
import ends
from cases import Skip, check


def run(*arguments, seconds=5):
    p = subprocess.run([ends.kcptund(), *arguments], capture_output=True, text=True, timeout=seconds)
    # As root it tells what the service cannot read, where there is the service; privilege_cases.py looks at that.
    said = [line for line in p.stderr.splitlines(keepends=True) if ": as user kcptun: " not in line]
    return p.returncode, p.stdout, "".join(said)


GOOD = """[defaults]
key = some secret
[client home]
localaddr = 127.0.0.1:8388
remoteaddr = 192.0.2.1:29900
[server office]
listen = 127.0.0.1:29900
target = 127.0.0.1:8388
"""
CLIENT = "[client a]\nkey = some secret\nlocaladdr = 127.0.0.1:1\nremoteaddr = 192.0.2.1:2\n"
SERVER = "[server b]\nkey = some secret\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:4\n"


@suite.case("config_good_file_passes_the_check", tags=["short"])
def good_file(case):
    code, _, err = run("-t", "-c", case.write("good.ini", GOOD))
    check(code == 0, f"exit code {code}: {err}")


@suite.case("config_samples_in_conf_pass_the_check")
def samples(case):
    import os
    folder = os.path.join(ends.TOP, "conf")
    for name in sorted(os.listdir(folder)):
        if name == "demo.ini":
            code, _, err = run("-t", "-c", os.path.join(folder, name))
            check(code == 0, f"{name}: exit code {code}: {err}")


def faults_of(case, text):
    """The lines that name a place, as [(line number, rest)]; both with and without -t they must come."""
    path = case.write("bad.ini", text)
    seen = []
    for flags in (("-t",), ()):
        code, out, err = run(*flags, "-c", path)
        check(code == 1, f"exit code {code}, not 1, with flags {flags}: {err}")
        seen.append([(int(n), rest) for n, rest in
                     re.findall(rf"^.*{re.escape(path)}:(\d+): (.*)$", out + err, re.M)])
    check(seen[0] == seen[1], f"-t finds {seen[0]}, the start {seen[1]}")
    return seen[0]


def add_fault(name, text, line, *words):
    def run_case(case):
        faults = faults_of(case, text)
        check(len(faults) == 1, f"{len(faults)} lines instead of one: {faults}")
        number, rest = faults[0]
        check(number == line, f"names line {number}, not {line}: {rest}")
        for word in words:
            check(word in rest, f"does not say {word!r}: {rest}")
        case.note = rest
    suite.add(f"config_fault_{name}", run_case, 20)


add_fault("unknown_section", CLIENT + "[tunnel x]\n", 5, "tunnel")
add_fault("unknown_key", CLIENT + "conns = 2\n", 5, "conns", "conn")
add_fault("value_out_of_range", CLIENT + "mtu = 9000\n", 5, "mtu", "9000", "1500")
add_fault("value_is_no_number", CLIENT + "conn = many\n", 5, "conn", "many")
add_fault("window_beyond_16_bits", CLIENT + "sndwnd = 65536\n", 5, "sndwnd", "65535")
add_fault("keepalive_that_cannot_work", CLIENT + "keepalive = 30\n", 5, "keepalive")
add_fault("unknown_cipher", CLIENT + "crypt = rot13\n", 5, "crypt", "rot13")
add_fault("unknown_mode", CLIENT + "mode = warp\n", 5, "mode", "warp")
add_fault("too_many_shards", CLIENT + "datashard = 200\nparityshard = 100\n", 5, "shard")
add_fault("half_of_the_shards_automatic", CLIENT + "datashard = 10\n", 5, "parityshard is auto", "both")
add_fault("unknown_congestion", CLIENT + "congestion = bbr\n", 5, "congestion", "bbr", "model, reno, none")
add_fault("copies_of_more_than_three", CLIENT + "copies = 4\n", 5, "copies", "4", "3")
add_fault("unknown_user", "[daemon]\nuser = no-such-user\n" + CLIENT, 2, "user", "no user 'no-such-user'")
add_fault("unknown_group", "[daemon]\nuser = root\ngroup = no-such-group\n" + CLIENT, 3, "no group 'no-such-group'")
add_fault("missing_key", CLIENT.replace("key = some secret\n", ""), 1, "key")
add_fault("missing_localaddr", CLIENT.replace("localaddr = 127.0.0.1:1\n", ""), 1, "localaddr")
add_fault("missing_target", SERVER.replace("target = 127.0.0.1:4\n", ""), 1, "target")
add_fault("key_of_the_other_role", CLIENT + "target = 127.0.0.1:9\n", 5, "target")
add_fault("duplicate_name", CLIENT + SERVER.replace("[server b]", "[server a]"), 5, "a")
add_fault("same_listen_address", SERVER + SERVER.replace("[server b]", "[server c]"), 7, "127.0.0.1:3")
add_fault("overlapping_port_ranges", SERVER.replace(":3\n", ":100-200\n")
          + SERVER.replace("[server b]", "[server c]").replace(":3\n", ":200-300\n"), 7, "200")
add_fault("unreadable_keyfile", CLIENT.replace("key = some secret", "keyfile = /nonexistent/key"), 2, "/nonexistent/key")
add_fault("bad_address", CLIENT.replace("192.0.2.1:2", "192.0.2.1"), 4, "remoteaddr")
add_fault("backward_port_range", CLIENT.replace("192.0.2.1:2", "192.0.2.1:20-10"), 4, "remoteaddr")
add_fault("line_too_long", CLIENT + "crypt = " + "a" * 5000 + "\n", 5, "5008 bytes")
add_fault("no_sense_at_all", CLIENT + "this is no setting\n", 5)


@suite.case("config_all_faults_are_told_at_once")
def all_at_once(case):
    text = ("[daemon]\nloglevel = loud\n[client a]\nlocaladdr = nowhere\nremoteaddr = 192.0.2.1:2\nmtu = 9000\n"
            "crypt = rot13\nconns = 3\n[server b]\nlisten = 127.0.0.1:3\nkey = some secret\n")
    faults = faults_of(case, text)
    lines = sorted(n for n, _ in faults)
    # The lines at fault, then a client without key and a server without target, at their headers.
    check(lines == [2, 3, 4, 6, 7, 8, 9], f"faults at lines {lines}: {faults}")


@suite.case("config_file_that_is_not_there")
def no_file(case):
    code, out, err = run("-c", case.path("none.ini"))
    check(code == 1, f"exit code {code}")
    check("none.ini" in err, f"does not name the file: {err!r}")


@suite.case("no_default_file_is_told_with_the_way_on")
def no_default_file(case):
    if os.path.exists("/etc/kcptun.ini"):
        raise Skip("there is an /etc/kcptun.ini here")
    code, out, err = run()
    check(code == 1, f"exit code {code}")
    check("/etc/kcptun.ini: cannot be opened" in err, f"does not name the file: {err!r}")
    check("-c FILE" in err and "--help" in err, f"does not tell what to do: {err!r}")
    code, out, err = run("-c", case.path("none.ini"))
    check("-c FILE" not in err, f"tells of -c to who gave it: {err!r}")


@suite.case("config_without_tunnels")
def no_tunnels(case):
    code, out, err = run("-t", "-c", case.write("empty.ini", "[daemon]\nloglevel = info\n"))
    check(code == 1, f"exit code {code}: {err}")


@suite.case("config_warns_of_keys_without_effect")
def warnings(case):
    path = case.write("warn.ini", CLIENT + "interval = 20\nscavengettl = 100\n")
    code, out, err = run("-t", "-c", path)
    check(code == 0, f"exit code {code}: {err}")
    for line, word in ((5, "interval"), (6, "scavengettl")):
        check(re.search(rf"{re.escape(path)}:{line}: .*{word}", out + err), f"no warning of {word}: {err}")


@suite.case("config_dump_reads_back_as_the_same")
def dump(case):
    text = ends.ini(GOOD, loglevel="warn").replace("[client home]\n", "[client home]\nmode = fast2\nsndwnd = 300\n")
    code, out, err = run("-T", "-c", case.write("some.ini", text))
    check(code == 0 and err == "", f"exit code {code}: {err}")
    for line in ("[daemon]", "loglevel = warn", "[client home]", "sndwnd = 300", "key = (not shown)", "mode = fast2",
                 "localaddr = 127.0.0.1:8388", "[server office]", "conn = auto"):
        check(f"\n{line}\n" in "\n" + out, f"no line {line!r} in {out}")
    check("some secret" not in out and "[defaults]" not in out, out)
    code, again, err = run("--dump", "-c", case.write("again.ini", out))
    check(code == 0 and again == out, f"it reads back as another: {again} {err}")
    check(len(err.splitlines()) == 2 and err.count("stands for a key that was not shown") == 2,
          f"it warns of something else than the two keys: {err}")
    case.write("home.key", "a key of its own\n")
    os.mkdir(case.path("elsewhere"))
    code, out, err = run("-T", "-c", case.write("keyfile.ini", text.replace("key = some secret", "keyfile = home.key")))
    code, again, err = run("-T", "-c", case.write("elsewhere/keyfile.ini", out))
    check(code == 0 and again == out, f"the keyfile is not found from elsewhere: {err}")
    code, out, err = run("-T", "-c", case.write("bad.ini", text + "mtu = 9000\n"))
    check(code == 1 and out == "" and "9000" in err, f"of one with faults: exit code {code}, {out!r}, {err!r}")


@suite.case("config_warns_of_a_key_that_everybody_can_read")
def public_key(case):
    import signal
    import stat
    from cases import wait_until
    path = case.write("public.ini", ends.ini(CLIENT.replace(":1\n", f":{case.port()}\n")))
    os.chmod(path, 0o644)
    told = re.compile(rf"{re.escape(path)}:7: key: stands in a file that every user can read")
    code, out, err = run("-t", "-c", path)
    check(code == 0 and told.search(err), f"-t says nothing of it: {err}")
    p = case.start([ends.kcptund(), "-c", path], "public")
    wait_until(lambda: "ready" in p.log(), 20, "the start")
    check(told.search(p.log()), f"the start says nothing of it: {p.log()}")
    before = len(p.log())
    p.signal(signal.SIGHUP)
    wait_until(lambda: told.search(p.log()[before:]), 20, "the reload to tell of it")
    os.chmod(path, stat.S_IRUSR)
    code, out, err = run("-t", "-c", path)
    check(code == 0 and err == "", f"one for the owner alone is warned of: {err}")


@suite.case("config_keyfile_is_the_key")
def keyfile(case):
    from tunnels import pair_to_target, check_traffic
    path = case.write("key", "the shared secret\n")
    pair, target = pair_to_target(case)
    pair.stop()
    texts = {role: text.replace(f"key = {ends.KEY}", f"keyfile = {path}" if role == "client"
                                else "key = the shared secret") for role, text in pair.texts.items()}
    pair.texts = texts
    pair.start_server("server2")
    pair.start_client("client2")
    check_traffic(pair.address, target)
    pair.stop()


@suite.case("command_line_help_and_version")
def help_and_version(case):
    code, out, _ = run("--version")
    check(code == 0, f"--version: exit code {code}")
    check(re.match(r"kcptund \d+\.\d+", out), f"--version says {out!r}")
    code, out, _ = run("--help")
    check(code == 0, f"--help: exit code {code}")
    for word in ("localaddr", "remoteaddr", "crypt", "-c", "-t"):
        check(word in out, f"--help does not speak of {word}")
    code, _, err = run("--no-such-flag")
    check(code not in (0, None), "an unknown flag passes")
