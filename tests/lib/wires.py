"""Two hosts with two wires between them, of which the way from one to the other can change."""

import time

from netns import new_hosts, run_ip

SERVER = "10.88.0.1"
WIFI, MOBILE, LEASE = "10.88.1", "10.88.2", "10.88.3"  # networks of the client: two wires, and another lease of the first


class Wires:
    """Two hosts, the client's and the server's, with two wires between them. The client's connections and the
    target are Unix sockets, which are the same in both."""

    def __init__(self, case):
        self.near, self.far = new_hosts(case, "nf")
        for name in (self.near, self.far):
            run_ip("-n", name, "link", "set", "lo", "up")
        run_ip("-n", self.far, "addr", "add", SERVER + "/32", "dev", "lo")
        for device, networks in (("wifi", (WIFI, LEASE)), ("mobile", (MOBILE,))):
            run_ip("link", "add", device, "netns", self.near, "type", "veth", "peer", "name", device, "netns", self.far)
            for network in networks:
                run_ip("-n", self.far, "addr", "add", network + ".1/24", "dev", device)
            for name in (self.near, self.far):
                run_ip("-n", name, "link", "set", device, "up")
        self.ip("addr", "add", WIFI + ".2/24", "dev", "wifi")
        self.ip("addr", "add", MOBILE + ".2/24", "dev", "mobile")
        self.ip("route", "add", "default", "via", WIFI + ".1", "metric", "10")

    def ip(self, *arguments):
        """On the client's host."""
        run_ip("-n", self.near, *arguments)

    # What changes; each takes the way that there was away from the client.

    def lease(self):
        """Another address on the same wire."""
        self.ip("addr", "flush", "dev", "wifi")
        self.ip("addr", "add", LEASE + ".2/24", "dev", "wifi")
        self.ip("route", "add", "default", "via", LEASE + ".1", "metric", "10")

    def switch(self):
        """The other wire is to be used now. The first is there as before, but leads nowhere."""
        run_ip("-n", self.far, "link", "set", "wifi", "down")
        self.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "5")

    def unplug(self):
        """The first wire is gone, and what there was beside it is used. No route is told of, only the link."""
        self.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "20")
        time.sleep(1)
        self.ip("link", "set", "wifi", "down")

    def absence(self):
        """No way for a while, then another one."""
        self.ip("addr", "flush", "dev", "wifi")
        time.sleep(0.7)
        self.ip("route", "add", "default", "via", MOBILE + ".1", "metric", "10")
