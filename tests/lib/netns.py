"""Hosts that are network namespaces, made by a case and gone with it."""

import os
import shutil
import subprocess

from cases import Skip


def run_ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def on_host(name):
    """What a command begins with that is to run there."""
    return ["ip", "netns", "exec", name]


def new_hosts(case, suffixes):
    """One for each suffix; their names."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise Skip("needs root for network namespaces")
    names = [f"kt{os.getpid()}{suffix}" for suffix in suffixes]
    for name in names:
        run_ip("netns", "add", name)
        case.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
    return names
