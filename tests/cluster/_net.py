"""Machines for the nodes of a cluster: a network namespace each, joined by a bridge, with cables
that can be cut in one direction or both.

Everything is named after this process, so that runs do not meet; what dead runs have left is
removed at the start.
"""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
PREFIX = "10.77.0."
HOSTS = {"db": 100, "clients": 200}      # beside the nodes, which are numbered from 1

_libc = ctypes.CDLL(None, use_errno=True)
_entering = threading.Lock()


def missing():
    """What keeps such networks from being made here, or None."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None and not os.path.exists(f"/usr/sbin/{tool}"):
            return f"{tool} is not installed"
    done = subprocess.run(["ip", "netns", "add", f"stage-{os.getpid()}-try"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", f"stage-{os.getpid()}-try"], capture_output=True)
    return None if done.returncode == 0 else f"no network namespaces here: {done.stderr.strip()}"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def remove_leftovers():
    for line in run("ip", "netns", "list").splitlines():
        found = re.match(r"(stage-(\d+)-\S+)", line)
        if found and not os.path.exists(f"/proc/{found.group(2)}"):
            subprocess.run(["ip", "netns", "del", found.group(1)], capture_output=True)


class Net:
    def __init__(self, nodes):
        remove_leftovers()
        self.tag = f"stage-{os.getpid()}"
        self.hosts = {str(i + 1): i + 1 for i in range(nodes)} | HOSTS
        self.switch = f"{self.tag}-switch"
        self.cuts = set()
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        for name, number in self.hosts.items():
            self._plug(name, number)

    def _plug(self, name, number):
        space = self.space(name)
        run("ip", "netns", "add", space)
        run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", f"v{number}", "netns", self.switch)
        run("ip", "-n", self.switch, "link", "set", f"v{number}", "master", "br0", "up")
        run("ip", "-n", space, "addr", "add", f"{PREFIX}{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "netns", "exec", space, "nft", "add table ip cut; add chain ip cut out "
            "{ type filter hook output priority 0; }")

    def close(self):
        for name in list(self.hosts) + ["switch"]:
            subprocess.run(["ip", "netns", "del", f"{self.tag}-{name}"], capture_output=True)

    def space(self, name):
        return f"{self.tag}-{name}"

    def address(self, name):
        return f"{PREFIX}{self.hosts[name]}"

    def cut(self, sender, receiver):
        """What one sends does not reach the other."""
        self.cuts.add((sender, receiver))
        run("ip", "netns", "exec", self.space(sender), "nft",
            f"add rule ip cut out ip daddr {self.address(receiver)} drop")

    def heal(self):
        for sender in {sender for sender, _ in self.cuts}:
            run("ip", "netns", "exec", self.space(sender), "nft", "flush chain ip cut out")
        self.cuts.clear()

    def connect(self, name, port, timeout=3):
        """A socket of the clients' machine to that port."""
        with _entering:
            here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            there = os.open(f"/run/netns/{self.space('clients')}", os.O_RDONLY)
            try:
                if _libc.setns(there, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                s = socket.socket()
            finally:
                _libc.setns(here, CLONE_NEWNET)
                os.close(here)
                os.close(there)
        s.settimeout(timeout)
        try:
            s.connect((self.address(name), port))
        except OSError:
            s.close()
            raise
        return s
