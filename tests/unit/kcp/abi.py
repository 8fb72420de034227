#!/usr/bin/env python3
"""abi - what programs that use libkcp are built on has not changed.

    tests/unit/kcp/abi.py [--write] LIBRARY CPU COMPILER...

That is: the SONAME, the symbols with their versions, the types of functions, constants, the structs' members, and how
long and where they are. It is read from the public headers, with the compiler, and from the library, and compared with
libkcp.abi and, where there is one for this processor, libkcp.CPU.abi beside this script. --write makes these anew.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
FOLDER = os.path.join(TOP, "lib", "kcp")
HEADERS = ["kcp.h", "kcp_model.h", "kcp_reno.h"]

BREAKS = """Programs that are built would break: what is marked with - is gone, or is not what it was.
Undo that. What a struct needs takes the place of `reserved` members, what a function needs is a new function.
If it must be, the library gets the next SONAME ("libkcp" in HACKING.md); then"""
GROWS = """libkcp has more than before, and programs that are built go on as they are.
If that is wanted: symbols that are new stand in a version of their own in lib/kcp/libkcp.map, KCP_VERSION in
lib/kcp/kcp.h and libkcp_version in lib/kcp/meson.build have the next minor version; then"""


class Unreadable(Exception):
    """A header says something that this script does not understand."""


def output(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


# ---- what the headers say ---------------------------------------------------------------


def words(text):
    return " ".join(text.split())


def declarations(text):
    """Split at the semicolons, and after the braces, that are inside of no others."""
    depth, start = 0, 0
    for i, c in enumerate(text):
        depth += (c in "{(") - (c in "})")
        if c == ";" and depth == 0:
            if text[start:i].strip():
                yield words(text[start:i])
            start = i + 1
    if text[start:].strip():
        raise Unreadable(text[start:])


def members(body):
    """(name, declaration) of each member of a struct."""
    for d in declarations(body):
        pointer = re.match(r".*?\(\*(\w+)(\[\d+\])?\)\(", d)
        if pointer:
            yield pointer.group(1), d
            continue
        first, *more = [part.strip() for part in d.split(",")]
        match = re.fullmatch(r"((?:\w+ )+)(\**\w+(?:\[\w+\])?)", first)
        if not match:
            raise Unreadable(d)
        for declarator in [match.group(2), *more]:
            yield re.search(r"\w+", declarator).group(), match.group(1) + declarator


def unnamed(parameter):
    """A parameter's type: its name may change."""
    kind = re.sub(r"\b\w+((?:\[\w+\])?)$", r"\1", parameter).strip()
    return kind or parameter


def prototype(d):
    match = re.fullmatch(r"([^()]*?)(\w+)\(([^()]*)\)", d)
    if not match:
        raise Unreadable(d)
    kinds = [unnamed(p.strip()) for p in match.group(3).split(",")]
    return match.group(2), f"{match.group(1)}({', '.join(kinds)})"


class Headers:
    """macros, constants, objects and functions by their names, and the members of structs; as ordered there."""

    def __init__(self):
        self.macros, self.constants, self.objects, self.functions, self.structs = {}, {}, {}, {}, {}
        for name in HEADERS:
            with open(os.path.join(FOLDER, name)) as f:
                self._read(f.read())

    def _read(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"^#ifdef __cplusplus$.*?^#endif$", "", text, flags=re.S | re.M)
        self.macros.update(re.findall(r"^#define (\w+) (.+)$", text, re.M))
        for d in declarations(re.sub(r"^#.*$", "", text, flags=re.M)):
            self._declare(d)

    def _declare(self, d):
        match = re.fullmatch(r"(struct|enum)( \w+)? \{(.*)\}", d)
        if match and match.group(1) == "struct":
            self.structs[match.group(2).strip()] = list(members(match.group(3)))
        elif match:
            for constant in match.group(3).split(","):
                if constant.strip():
                    self.constants[constant.split("=")[0].strip()] = (match.group(2) or "").strip()
        elif d.startswith("extern "):
            kind, name = d[len("extern "):].rsplit(" ", 1)
            self.objects[name] = kind
        else:
            name, kind = prototype(d)
            self.functions[name] = kind


# ---- what the compiler makes of them ----------------------------------------------------


def program(headers):
    lines = ["#include <stdio.h>"]
    lines += [f'#include "{name}"' for name in HEADERS]
    lines += ["int main(void)", "{"]
    lines += [f'\tprintf("{name} %lld\\n", (long long)({name}));' for name in headers.constants]
    for struct, fields in headers.structs.items():
        lines.append(f'\tprintf("{struct} %zu\\n", sizeof(struct {struct}));')
        for field, _ in fields:
            lines.append(f'\tprintf("{struct}.{field} %zu %zu\\n", offsetof(struct {struct}, {field}),'
                         f" sizeof(((struct {struct} *)0)->{field}));")
    return "\n".join([*lines, "\treturn 0;", "}", ""])


def measured(headers, compiler):
    """{constant, struct or struct.member: its numbers, as text}"""
    with tempfile.TemporaryDirectory() as work:
        source = os.path.join(work, "measure.c")
        with open(source, "w") as f:
            f.write(program(headers))
        subprocess.run([*compiler, "-I" + FOLDER, source, "-o", os.path.join(work, "measure")], check=True)
        return dict(line.split(" ", 1) for line in output(os.path.join(work, "measure")).splitlines())


# ---- what the library shows -------------------------------------------------------------


def symbols(library):
    """{name: (version, length)}"""
    found = {}
    for line in output("readelf", "--wide", "--dyn-syms", library).splitlines():
        match = re.match(r"\s*\d+: \w+\s+(\w+) (FUNC|OBJECT)\s+GLOBAL DEFAULT\s+\d+ (\w+)(?:@+(\S+))?", line)
        if match:
            length, _, name, version = match.groups()
            found[name] = version, int(length, 0)
    return found


def soname(library):
    return re.search(r"\(SONAME\).*\[(.*)\]", output("readelf", "--wide", "--dynamic", library)).group(1)


# ---- both, as lines ---------------------------------------------------------------------


def common(headers, numbers, shown, library):
    yield f"soname {soname(library)}"
    for title, declared in (("object", headers.objects), ("function", headers.functions)):
        for name in sorted(declared):
            yield f"{title} {name} {shown[name][0]}: {declared[name]}"
    for name, text in headers.macros.items():
        if name != "KCP_VERSION":
            yield f"macro {name} {text}"
    for name, enum in headers.constants.items():
        yield f"enum {enum}{' ' if enum else ''}{name} {numbers[name]}"
    for struct, fields in headers.structs.items():
        for _, declaration in fields:
            yield f"struct {struct}: {declaration}"


def layout(headers, numbers, shown):
    for name in sorted(headers.objects):
        yield f"object {name} {shown[name][1]}"
    for struct, fields in headers.structs.items():
        yield f"struct {struct} {numbers[struct]}"
        for field, _ in fields:
            yield f"struct {struct}: {field} {numbers[f'{struct}.{field}']}"


def faults(headers, shown, library):
    """What is wrong whatever was there before."""
    declared = {*headers.objects, *headers.functions}
    for name in sorted(declared - set(shown)):
        yield f"{name} is in the headers and not in the library: lib/kcp/libkcp.map has to name it"
    for name in sorted(set(shown) - declared):
        yield f"{name} is in the library and not in the headers"
    version = int(headers.macros["KCP_VERSION"], 0)
    name = f".so.{version >> 16}.{version >> 8 & 255}.{version & 255}"
    if not os.path.realpath(library).endswith(name):
        yield f"{os.path.basename(library)} does not end with {name}, as KCP_VERSION says"
    if min(len(headers.functions), len(headers.constants)) < 20 or len(headers.structs) < 5:
        yield "hardly anything was found in the headers"


def difference(path, lines):
    stored = []
    if os.path.exists(path):
        with open(path) as f:
            stored = f.read().splitlines()
    return list(difflib.unified_diff(stored, lines, os.path.relpath(path, TOP), "now", n=0, lineterm=""))


def breaks(diff):
    """Something that was there is gone, and it was no room that was kept for this."""
    return any(line.startswith("-") and not re.search(r": .*\breserved\b", line) for line in diff[2:])


def main():
    arguments = sys.argv[1:]
    write = arguments[:1] == ["--write"]
    library, cpu, *compiler = arguments[write:]
    headers, shown = Headers(), symbols(library)
    wrong = list(faults(headers, shown, library))
    if wrong:
        print("\n".join(wrong))
        return 1
    numbers = measured(headers, compiler)
    path = os.path.join(HERE, "libkcp.abi")
    of_cpu = os.path.join(HERE, f"libkcp.{cpu}.abi")
    now = {path: list(common(headers, numbers, shown, library))}
    if write or os.path.exists(of_cpu):
        now[of_cpu] = list(layout(headers, numbers, shown))
    if write:
        for name, lines in now.items():
            with open(name, "w") as f:
                f.write("\n".join(lines) + "\n")
        return 0
    diffs = [d for d in (difference(name, lines) for name, lines in now.items()) if d]
    if not diffs:
        return 0
    print("\n".join(line for d in diffs for line in d) + "\n")
    print(BREAKS if any(breaks(d) for d in diffs) else GROWS)
    print("    " + shlex.join([os.path.relpath(__file__, TOP), "--write", os.path.relpath(library, TOP), cpu, *compiler]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
