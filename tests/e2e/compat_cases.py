"""Coming from kcptun: its command line, its JSON files, and the plugin of shadowsocks."""

import base64
import json
import os
import re
import signal
import subprocess

from suite import suite
from tunnels import LOCAL, check_traffic
import ends
import traffic
from cases import check, wait_until

SECRET = "it is;a=secret\\ 'to' \"both\" "


def kcptunctl(*arguments, seconds=10, cwd=None):
    program = os.environ.get("KCPTUNCTL") or os.path.join(os.path.dirname(ends.kcptund()), "kcptunctl")
    p = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=seconds, cwd=cwd)
    return p.returncode, p.stdout, p.stderr


def run(*arguments, seconds=10, **options):
    p = subprocess.run([ends.kcptund(), *arguments], capture_output=True, text=True, timeout=seconds, **options)
    return p.returncode, p.stdout, p.stderr


# ---- the command line


def quick_start(case, server, client, client_extra=()):
    """The two commands of kcptun's QuickStart, each program given by how it is called."""
    case.need("kcptun-server", "kcptun-client")
    target = traffic.Target()
    local, far = case.port(), case.port()
    far_end = case.start([*server, "-t", f"{LOCAL}:{target.port}", "-l", f":{far}", "-mode", "fast3", "-nocomp",
                          "-sockbuf", "16777217", "-dscp", "46"], "server")
    ends.wait_ready(far_end, udp=[far])
    near_end = case.start([*client, "-r", f"{LOCAL}:{far}", "-l", f":{local}", "-mode", "fast3", "-nocomp",
                           "-autoexpire", "900", "-sockbuf", "16777217", "-dscp", "46", *client_extra], "client")
    ends.wait_ready(near_end, tcp=[local])
    check_traffic((LOCAL, local), target)
    return near_end, far_end


def ours(role):
    return [ends.kcptund(), role]


@suite.case("quick_start_runs_as_it_is_written", tags=["short"])
def quick_start_both(case):
    for p in quick_start(case, ours("server"), ours("client")):
        check(re.search(r"kcptun's own is taken: \"it's a secrect\"", p.log()), f"{p.name} says nothing of the key")
        check("everybody knows" in p.log(), f"{p.name} does not say what is wrong with the key")
        ends.stop_cleanly(p)


@suite.case("quick_start_runs_by_the_names_of_kcptuns_programs")
def quick_start_by_name(case):
    programs = [case.path("kcptun-server"), case.path("kcptun-client")]
    for program in programs:
        os.symlink(ends.kcptund(), program)
    for p, role in zip(quick_start(case, *([program] for program in programs)), ("client", "server")):
        check(f"{role}: " in p.log(), p.log())
        ends.stop_cleanly(p)


@suite.case("command_line_help_names_no_control_socket")
def help_of_control(case):
    for role in ("client", "server"):
        code, out, _ = run(role, "-help")
        check(code == 0 and re.search(r"^  -control +path or none, default none$", out, re.M), out)
        check("kcptund.sock" not in out and "-include" not in out, out)


@suite.case("quick_start_of_our_server_with_debians_client")
def quick_start_server(case):
    _, server = quick_start(case, ours("server"), ["kcptun-client"])
    ends.stop_cleanly(server)


@suite.case("quick_start_of_our_client_with_debians_server")
def quick_start_client(case):
    # Debian's server is of 2021, when smux 1 was what nobody had to ask for.
    client, _ = quick_start(case, ["kcptun-server"], ours("client"), ["-smuxver", "1"])
    ends.stop_cleanly(client)


@suite.case("command_line_of_kcptun_with_json_file_and_environment")
def json_and_environment(case):
    target = traffic.Target()
    local, far = case.port(), case.port()
    config = case.write("client.json", json.dumps({
        "localaddr": f"{LOCAL}:{local}", "remoteaddr": f"{LOCAL}:{far}", "key": SECRET, "mode": "fast3",
        "tcp": False, "QPP": True, "qpp-count": 61}))
    server = case.start([*ours("server"), "--listen", f"{LOCAL}:{far}", "--target", f"{LOCAL}:{target.port}",
                         "--QPP", "--mode=fast3"], "server", env=dict(os.environ, KCPTUN_KEY=SECRET))
    ends.wait_ready(server, udp=[far])
    client = case.start([*ours("client"), "-key", "not this one", "-l", ":1", "-c", config], "client")
    ends.wait_ready(client, tcp=[local])
    check_traffic((LOCAL, local), target)
    for p in (client, server):
        check("warning" not in p.log(), f"{p.name} warns of something")
        ends.stop_cleanly(p)


@suite.case("command_line_key_is_not_seen_by_other_users")
def key_hidden(case):
    client = case.start([*ours("client"), "--key", SECRET, f"--key={SECRET}", "-r", f"{LOCAL}:1", "-l",
                         f"{LOCAL}:{case.port()}"], "client")
    check(client.wait_log("ready", 20), "the client does not start")
    with open(f"/proc/{client.pid}/cmdline", "rb") as f:
        seen = f.read()
    check(SECRET.encode() not in seen, f"the key is among the arguments: {seen}")
    check(b"--key\0***" in seen, f"the arguments are {seen}")
    ends.stop_cleanly(client)


@suite.case("command_line_log_goes_to_a_file")
def log_file(case):
    path = case.write("own.log", "what was there\n")
    client = case.start([*ours("client"), "-key", "k", "-r", f"{LOCAL}:1", "-l", f"{LOCAL}:{case.port()}", "-log",
                         path], "client")

    def text():
        with open(path) as f:
            return f.read()

    wait_until(lambda: "ready" in text(), 20, "the log file says ready")
    check(text().startswith("what was there\n"), "the file was not appended to")
    check("ready" not in client.log(), "stderr has the log, too")
    ends.stop_cleanly(client)
    code, _, err = run("client", "-key", "k", "-r", f"{LOCAL}:1", "-log", "/nonexistent/x.log")
    check(code == 1 and "/nonexistent/x.log" in err, f"code {code}: {err}")


@suite.case("command_line_of_kcptun_help_and_faults")
def compat_words(case):
    for role in ("client", "server"):
        for flag in ("-h", "--help", "-help"):
            code, out, _ = run(role, flag)
            check(code == 0, f"{role} {flag}: exit code {code}")
            for word in ("-crypt", "-QPPCount", "-sndwnd", "KCPTUN_KEY"):
                check(word in out, f"{role} {flag} does not speak of {word}")
        code, out, _ = run(role, "-v")
        check(code == 0 and out.startswith("kcptund "), f"{role} -v: code {code}, {out!r}")
    check("-target" not in run("client", "-h")[1], "the client's help speaks of the server's keys")
    code, _, err = run("client", "--conns", "3")
    check(code == 2 and "did you mean conn?" in err and "-help lists the flags" in err, f"code {code}: {err}")
    code, _, err = run("server", "-key", "k", "-mtu", "9000")
    check(code == 1 and re.search(r"^command line: mtu: 9000 is above 1500", err, re.M), f"code {code}: {err}")


# ---- kcptunctl


@suite.case("kcptunctl_makes_keys")
def genkey(case):
    keys = set()
    for _ in range(20):
        code, out, err = kcptunctl("genkey")
        check(code == 0 and not err, f"code {code}: {err}")
        check(out.endswith("\n") and len(base64.b64decode(out.strip(), validate=True)) == 32, f"prints {out!r}")
        keys.add(out)
    check(len(keys) == 20, "a key came twice")
    check(kcptunctl("genkey", "x")[0] == 2, "an argument passes")


@suite.case("kcptunctl_tells_how_it_is_used")
def ctl_usage(case):
    code, out, _ = kcptunctl("--help")
    check(code == 0 and "import" in out and "genkey" in out, f"code {code}: {out}")
    check(kcptunctl("--version")[1].startswith("kcptunctl "), "no version")
    for arguments in ((), ("nonsense",), ("--nonsense",), ("import",), ("import", "-x")):
        code, out, err = kcptunctl(*arguments)
        check(code == 2 and "usage:" in err and not out, f"{arguments}: code {code}, {out!r} {err!r}")


@suite.case("kcptunctl_help_tells_of_each_command", tags=["short"])
def ctl_help(case):
    code, whole, err = kcptunctl("help")
    check(code == 0 and not err and whole == kcptunctl("--help")[1], f"help: code {code}, {whole!r} {err!r}")
    check(max(map(len, whole.splitlines())) <= 80, "--help is wider than a terminal")
    commands = re.findall(r"^  (\w+) ", whole.split("Options:")[0], re.M)
    check({"stats", "check", "top", "import", "help"} <= set(commands), f"{commands}")
    for name in commands:
        code, out, err = kcptunctl("help", name)
        check(code == 0 and not err, f"help {name}: code {code}: {err}")
        check(re.match(rf"usage: kcptunctl (\[OPTION\.\.\.\] )?{name}\b.*\n\n[A-Z0-9][^\n]+", out), out)
        check("\nExit status: 0 " in out and max(map(len, out.splitlines())) <= 80, out)
        check(kcptunctl(name, "--help")[1] == out, f"{name} --help says something else")
        for option in re.findall(r"^  -\w, (--\w+)", out, re.M):
            check(option in whole, f"help {name} has an option {option}")
    check("0 well, 1 degraded, 2 down" in kcptunctl("help", "check")[1], "no exit status of check")
    check("--all" in kcptunctl("help", "sessions")[1] and "--watch" not in kcptunctl("help", "close")[1], "options")
    for arguments, hint in ((("help", "sesions"), "did you mean sessions?"), (("statsu",), "did you mean status?"),
                            (("help", "nonsense"), ""), (("help", "stats", "top"), "")):
        code, out, err = kcptunctl(*arguments)
        check(code == 2 and not out and hint in err and "usage: " in err, f"{arguments}: {code} {out!r} {err!r}")


@suite.case("kcptunctl_names_the_unit_of_an_instance_that_is_stopped")
def ctl_unit(case):
    code, _, err = kcptunctl("-s", "no-such-lab", "status")
    check(code == 3 and "kcptund@no-such-lab is not running" in err and "systemctl start kcptund@no-such-lab" in err
          and "systemctl status kcptund@no-such-lab" in err, f"{code}: {err}")
    code, _, err = kcptunctl("-s", case.path("no.sock"), "status")
    check(code == 3 and "systemctl" not in err and case.path("no.sock") in err, f"{code}: {err}")


@suite.case("kcptunctl_imports_what_then_runs")
def import_runs(case):
    target = traffic.Target()
    local, far = case.port(), case.port()
    both = {"key": SECRET, "crypt": "salsa20", "mode": "fast3", "nodelay": 1, "interval": 40, "qpp": True,
            "qpp-count": 61, "tcp": False, "sockbuf": 4194304}
    case.write("local.json", json.dumps({**both, "localaddr": f"{LOCAL}:{local}", "smuxver": 1,
                                         "remoteaddr": f"{LOCAL}:{far}"}))
    case.write("server.json", json.dumps({**both, "listen": f"{LOCAL}:{far}", "pprof": True,
                                          "target": f"{LOCAL}:{target.port}"}))
    code, ini, err = kcptunctl("import", "local.json", "server.json", cwd=case.dir)
    check(code == 0, f"code {code}: {err}")
    check(re.search(r"^server\.json:1: pprof: is left out", err, re.M), f"no word of pprof: {err}")
    path = case.write("kcptun.ini", ini)
    code, _, err = run("-t", "-c", path)
    err = [line for line in err.splitlines() if ": as user kcptun: " not in line]  # of a machine that has the service
    check(code == 0 and not err, f"the result is not clean: {err}")
    daemon = ends.start_daemon(case, ini, "kcptun", tcp=[local], udp=[far])
    check_traffic((LOCAL, local), target)
    ends.stop_cleanly(daemon)


@suite.case("kcptunctl_refuses_to_import_what_is_wrong")
def import_refuses(case):
    path = case.write("a.json", '{"listen": ":1", "key": "k", "sndwnd": 70000}')
    code, out, err = kcptunctl("import", path)
    check(code == 1 and not out and f"{path}:1: sndwnd: 70000" in err, f"code {code}: {out} {err}")


# ---- shadowsocks


class Shadowsocks:
    """curl > ss-local > kcptund ~ kcptund > ss-server, and what stands behind it."""

    def __init__(self, case, host=LOCAL, server_options="", client_options=""):
        case.need("ss-server", "ss-local", "curl")
        self.case, self.host = case, host
        self.far, self.socks = case.port(), case.port()
        key = "key=" + re.sub(r"([;=\\])", r"\\\1", SECRET)
        self.server = self.start("ss-server", f"server;{key};mode=fast3{server_options}", udp=[self.far])
        self.client = self.start("ss-local", f"{key};mode=fast3{client_options}", "-l", self.socks, "-b", LOCAL,
                                 tcp=[self.socks])
        # ss-local listens before its plugin does, and gives a connection up that comes in between.
        for parent in (self.server, self.client):
            check(parent.wait_log(r"kcptund \S+ ready", 30), f"the plugin of {parent.name} is not ready")

    def start(self, program, options, *more, **ports):
        p = self.case.start([program, "-s", self.host, "-p", self.far, "-k", "a password", "-m", "aes-256-gcm",
                             "--plugin", ends.kcptund(), "--plugin-opts", options, *more], program)
        ends.wait_ready(p, **ports)
        return p

    @staticmethod
    def plugin(parent):
        """Process ids of the children of a shadowsocks."""
        with open(f"/proc/{parent.pid}/task/{parent.pid}/children") as f:
            return [int(word) for word in f.read().split()]

    def curl(self, url):
        p = subprocess.run(["curl", "-sS", "--max-time", "15", "--noproxy", "", "--socks5-hostname",
                            f"{LOCAL}:{self.socks}", url], capture_output=True)
        check(p.returncode == 0, f"curl: {p.stderr.decode(errors='replace')}")
        return p.stdout


def web(case, size=3_000_000):
    from transfer_cases import http_server
    os.mkdir(case.path("www"))
    data = os.urandom(size)
    case.write("www/file", data)
    return f"http://{LOCAL}:{http_server(case, case.path('www'))}/file", data


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@suite.case("shadowsocks_plugin_carries_curl", seconds=60, tags=["short"])
def plugin_curl(case):
    url, data = web(case)
    shadowsocks = Shadowsocks(case, server_options=";nocomp=true", client_options=";ds=5;ps=2")
    for _ in range(3):
        check(shadowsocks.curl(url) == data, "what curl got is not what was there")


@suite.case("shadowsocks_plugin_over_ipv6", seconds=60)
def plugin_v6(case):
    url, data = web(case, 200_000)
    shadowsocks = Shadowsocks(case, host="::1")
    check(shadowsocks.curl(url) == data, "what curl got is not what was there")


@suite.case("shadowsocks_plugin_ends_with_its_parent", seconds=60)
def plugin_ends(case):
    url, data = web(case, 1000)
    for number in (signal.SIGTERM, signal.SIGKILL):
        shadowsocks = Shadowsocks(case)
        check(shadowsocks.curl(url) == data, "what curl got is not what was there")
        for parent in (shadowsocks.client, shadowsocks.server):
            children = shadowsocks.plugin(parent)
            check(len(children) == 1, f"{parent.name} has children {children}")
            parent.signal(number)
            wait_until(lambda: all(gone(pid) for pid in children), 10,
                       f"the plugin of {parent.name} is gone after signal {number}")


@suite.case("shadowsocks_plugin_without_key_ends_with_a_word", seconds=30)
def plugin_without_key(case):
    env = dict(os.environ, SS_REMOTE_HOST=LOCAL, SS_REMOTE_PORT="1", SS_LOCAL_HOST=LOCAL, SS_LOCAL_PORT="2")
    code, _, err = run(env=env)
    check(code == 1 and "shadowsocks plugin: key: is missing" in err, f"code {code}: {err}")
    code, _, err = run(env=dict(env, SS_PLUGIN_OPTIONS="key=k;conns=2"))
    check(code == 1 and "did you mean conn?" in err, f"code {code}: {err}")


@suite.case("environment_of_a_plugin_does_not_keep_the_daemon_from_its_file")
def plugin_environment(case):
    env = dict(os.environ, SS_REMOTE_HOST=LOCAL, SS_REMOTE_PORT="1", SS_LOCAL_HOST=LOCAL, SS_LOCAL_PORT="2")
    path = case.write("a.ini", "[client a]\nkey = some secret\nlocaladdr = 127.0.0.1:1\nremoteaddr = 192.0.2.1:2\n")
    code, out, _ = run("-t", "-c", path, env=env)
    check(code == 0 and "good" in out, f"code {code}: {out}")
