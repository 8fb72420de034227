"""The two ends of a tunnel: each is either our kcptund or Debian's kcptun, by the same settings."""

import os
import shutil

import ports
from cases import Failure, Skip, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

OURS, GO = "ours", "go"
FLAGS = ("nocomp", "quiet", "acknodelay")  # of kcptun's command line: given or not, without a value
KEY = "a key for the tests"


def kcptund():
    """The program under test: the environment's KCPTUND, or that of build/."""
    path = os.environ.get("KCPTUND") or os.path.join(TOP, "build", "kcptund")
    if not os.access(path, os.X_OK):
        raise Failure(f"there is no {path}: build it, or name another in KCPTUND")
    return path


def section(role, name, settings):
    """One tunnel of an INI file."""
    lines = [f"[{role} {name}]"]
    for key, value in settings.items():
        if isinstance(value, bool):
            value = "yes" if value else "no"
        lines.append(f"{key} = {value}")
    return "\n".join(lines) + "\n\n"


def ini(*sections, **daemon):
    keys = {"loglevel": "info", "control": "none", "metrics": "none", **daemon}
    return "[daemon]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) + "\n" + "".join(sections)


def start_daemon(case, text, name="kcptund", tcp=(), udp=(), **options):
    """Our daemon on a file with this text, up when it listens on all those ports."""
    path = case.write(name + ".ini", text)
    p = case.start([kcptund(), "-c", path], name, **options)
    wait_ready(p, tcp, udp)
    return p


def wait_ready(p, tcp=(), udp=()):
    def ready():
        if not p.alive():
            raise Failure(f"{p.name} ended at its start with code {p.wait(0)}")
        return (all(ports.listening("tcp", n, p.pid) for n in tcp)
                and all(ports.listening("udp", n, p.pid) for n in udp))
    wait_until(ready, 30, f"{p.name} listens on tcp {list(tcp)} udp {list(udp)}")


def go_arguments(settings):
    args = []
    for key, value in settings.items():
        if key in FLAGS:
            args += [f"--{key}"] if value else []
        else:
            args += [f"--{key}", str(value)]
    return args


def _start_go(case, program, name, settings, tcp, udp, prefix):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")
    env = dict(os.environ, GOMAXPROCS="2")
    p = case.start([*prefix, program, *go_arguments(settings)], name, env=env)
    wait_ready(p, tcp, udp)
    return p


def _port_of(address):
    return int(address.rsplit(":", 1)[1])


def start_client(case, kind, settings, local, remote, name="client", prefix=()):
    """The end that takes TCP at `local` and speaks KCP to `remote`."""
    both = {"key": KEY, **settings, "localaddr": local, "remoteaddr": remote}
    if kind == GO:
        return _start_go(case, "kcptun-client", name, both, [_port_of(local)], [], prefix)
    return _start_ours(case, "client", both, name, [_port_of(local)], [], prefix)


def start_server(case, kind, settings, listen, target, name="server", prefix=()):
    """The end that takes KCP at `listen` and connects to `target`."""
    both = {"key": KEY, **settings, "listen": listen, "target": target}
    if kind == GO:
        return _start_go(case, "kcptun-server", name, both, [], [_port_of(listen)], prefix)
    return _start_ours(case, "server", both, name, [], [_port_of(listen)], prefix)


def _start_ours(case, role, settings, name, tcp, udp, prefix):
    path = case.write(name + ".ini", ini(section(role, name, settings)))
    p = case.start([*prefix, kcptund(), "-c", path], name)
    wait_ready(p, tcp, udp)
    return p


def stop_cleanly(p, seconds=10):
    """SIGTERM must end our daemon in good order."""
    code = p.term(seconds)
    if code is None:
        raise Failure(f"{p.name} did not stop within {seconds} s of SIGTERM")
    if code != 0:
        raise Failure(f"{p.name} ended with code {code} on SIGTERM")
