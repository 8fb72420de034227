"""The control channel from a client's side, and kcptunctl."""

import json
import os
import socket
import subprocess

import ends
from cases import Failure, check


class Channel:
    """One connection: a command a line out, a document a line in."""

    def __init__(self, path, seconds=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(seconds)
        self.sock.connect(path)
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def read(self):
        """The next document; None at the end."""
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                check(not self.buffer, f"half a document: {self.buffer[-80:]!r}")
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command):
        self.send(command + "\n")
        return self.read()

    def good(self, command):
        document = self.ask(command)
        if document is None or "error" in document:
            raise Failure(f"{command}: {document}")
        return document

    def code(self, command):
        """The code of the error that a command gives."""
        document = self.ask(command)
        check(document and "error" in document, f"{command} is not refused: {document}")
        return document["code"]

    def close(self):
        self.sock.close()


def kcptunctl():
    return os.path.join(os.path.dirname(ends.kcptund()), "kcptunctl")


def ctl(path, *arguments, prefix=(), seconds=20, **env):
    """(exit code, stdout, stderr) of one run."""
    p = subprocess.run([*prefix, kcptunctl(), "-s", path, *arguments], capture_output=True, text=True,
                       timeout=seconds, env={**os.environ, **env})
    return p.returncode, p.stdout, p.stderr


def ctl_good(path, *arguments, **options):
    code, out, err = ctl(path, *arguments, **options)
    check(code == 0, f"kcptunctl {' '.join(arguments)}: exit code {code}: {err}")
    check(not err, f"kcptunctl {' '.join(arguments)} complains: {err}")
    return out
