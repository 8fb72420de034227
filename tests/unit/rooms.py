#!/usr/bin/env python3
"""rooms - which rooms of lib/ and daemon/ a source may include from, as the build has it.

    tests/unit/rooms.py BUILD     the build directory, for its compile_commands.json

A room is a target that is given the folders below it only, so an include that runs upwards does not
compile. This checks that the folders given are those, and that each quoted include is found in
them: <link.h>, which the C library has too, would else be taken without a word.
"""

import json
import os
import re
import shlex
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIB = {  # room: the rooms that it sees
    "lib/base": [],
    "lib/kcp": [],
    "lib/path": ["lib/kcp"],
    "lib/fec": ["lib/base"],
    "lib/seal": ["lib/base"],
    "lib/codec": ["lib/base"],
    "lib/smux": ["lib/base"],
}
LIB["lib/session"] = list(LIB)
UPWARDS = ["daemon/service", "daemon/config", "daemon/net", "daemon/tunnel", "daemon/report", "daemon",
           "daemon/compat", "daemon/ctl"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def rooms():
    seen = dict(LIB)
    for i, room in enumerate(UPWARDS):
        seen[room] = list(LIB) + UPWARDS[:i]
    seen["daemon/doc"] = seen["daemon/net"]
    seen["daemon"] += ["daemon/compat"]  # kcptund.c, on top of all
    return seen


def folders(build, entry):
    """The -I folders that are of the source tree, by their names in it."""
    words = shlex.split(entry["command"])
    given = [w[2:] for w in words if w.startswith("-I")]
    paths = [os.path.relpath(os.path.join(entry["directory"], g), TOP) for g in given]
    return {p for p in paths if p.split(os.sep)[0] in ("lib", "daemon")}


def faults(build):
    allowed = rooms()
    with open(os.path.join(build, "compile_commands.json")) as f:
        entries = json.load(f)
    count = 0
    for entry in entries:
        source = os.path.relpath(os.path.join(entry["directory"], entry["file"]), TOP)
        room = os.path.dirname(source)
        if room not in allowed:
            continue
        count += 1
        given = folders(build, entry)
        may = set(allowed[room]) | {room}
        for folder in sorted(given - may):
            yield f"{source} is built with {folder}, a room that it must not see"
        with open(os.path.join(TOP, source)) as f:
            text = f.read()
        for name in INCLUDE.findall(text):
            if not any(os.path.exists(os.path.join(TOP, folder, name)) for folder in given | {room}):
                yield f'{source} includes "{name}", which is not in a room that it sees'
    if count < 50:
        yield f"only {count} sources were looked at"


def main():
    found = sorted(set(faults(sys.argv[1])))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
