"""A tunnel between two hosts, each a network namespace; what it connects are Unix sockets, which all of them have."""

import os

import ends
import unixes
from cases import check, wait_until
from netns import on_host

PORT = 29900


class FarPair:
    """A client on one host, and a server on another, at the address `far`; serve(socket) has the target's connections."""

    def __init__(self, case, near_host, far_host, far, serve, server=None, client=None):
        self.case = case
        self.address, target = case.path("local"), case.path("target")
        unixes.listen(target, serve)
        self.server = self._start("server", far_host, {"listen": f"{far}:{PORT}", "target": target, **(server or {})})
        self.client = self._start("client", near_host, {"localaddr": self.address, "remoteaddr": f"{far}:{PORT}",
                                                        **(client or {})})
        wait_until(lambda: os.path.exists(self.address), 20, "the client listens")

    def _start(self, role, host, settings):
        text = ends.ini(ends.section(role, "far", {"key": ends.KEY, **settings}), loglevel="debug",
                        control=self.control_of(role))
        process = self.case.start([*on_host(host), ends.kcptund(), "-c", self.case.write(role + ".ini", text)], role)
        check(process.wait_log("ready", 20), f"the {role} did not start")
        return process

    def control_of(self, role):
        return self.case.path(f"{role}.ctl")

    def dial(self):
        return unixes.dial(self.address)

    def stop(self):
        for process in (self.client, self.server):
            ends.stop_cleanly(process)
