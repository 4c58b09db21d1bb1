"""[workers] memory with a real node: whatever fills a worker, by turns, properties or mail, is
refused by name, and the worker lives; behind it stands the kernel's own bound."""

import json
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
SHIM = os.path.join(BUILD, "tests/fault/libinside_worker.so")
MB = 1 << 20
BOUND = 32 * MB
MARGIN = BOUND // 4 + 64 * MB             # worker/actor/sandbox/part.h

CLASSES = """
local Cell = stage.class "cells.{id}"
Cell.properties = { text = "", n = 0 }
%s
function Cell:grow(bytes) self.text = ("x"):rep(bytes) return #self.text end
function Cell:hog() self.n = self.n + 1 local t = {} for i = 1, 1e9 do t[i] = { i } end end
function Cell:nap() stage.sleep(3000) end
function Cell:add(text) self.n = self.n + 1 return self.n end
function Cell:gigabyte(i) return math.tan(1e9 + i) end
return Cell
"""
SETTINGS = {"node.log_level": "info", "workers.memory": "32M", "actors.turn_memory": "256M",
            "actors.class_memory": "256M", "client.inflight": "65536"}


class Node:
    def __init__(self, kind="", **settings):
        self.home = tempfile.mkdtemp(prefix="sm-")
        named = {name.replace("_", ".", 1): value for name, value in settings.items()}
        self.server = Server(BUILD, self.home, {**SETTINGS, **named}, {"LD_PRELOAD": SHIM}, samples=False)
        with open(f"{self.home}/actors/cells.lua", "w", encoding="utf-8") as text:
            text.write(CLASSES % kind)

    def __enter__(self):
        self.server.start()
        self.client = Client(self.server.port)
        self.client.line()
        self.pid = self.server.pids("actor worker")[0]
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.server.log()[-4000:])
        self.server.kill_all()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, line):
        self.client.send_line(f"1 {line}")
        answer = self.client.line(patience=40)
        assert answer.startswith("1 "), answer
        return answer[2:]

    def resident(self):
        """Private and shared bytes of the worker at their highest."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as text:
            return int(re.search(r"VmHWM:\s+(\d+) kB", text.read()).group(1)) * 1024

    def end(self, what):
        most = self.resident()
        print(f"{what:34} the worker had {most / MB:.1f} MB at most")
        assert self.server.pids("actor worker") == [self.pid], "the worker died"
        assert most < BOUND + MARGIN, most
        assert self.server.stop() == 0


def turns():
    """Lua is refused first: the turn fails, is rolled back, and the next is fine."""
    with Node() as node:
        for _ in range(3):
            answer = node.ask("call cells.a hog t=60000")
            assert answer.startswith('err app {"code":"memory"'), answer
        assert node.ask("get cells.a n").endswith(" 0")
        node.end("turns that take all")


def properties():
    """Four times more than fits: idle actors go to the store, and come back whole."""
    with Node() as node:
        for i in range(256):
            answer = node.ask(f"call cells.{i} grow t=60000 [500000]")
            assert answer.startswith("ok "), (i, answer)
        for i in range(0, 256, 16):
            answer = node.ask(f"get cells.{i} text t=60000")
            assert answer.startswith("ok ") and len(answer) > 500000, (i, answer[:80])
        node.end("128 MB of stored properties")


def properties_that_stay():
    """What is kept in memory only cannot go: the one that finds no room is told so."""
    with Node('Cell.durability = "none"') as node:
        told, kept = None, 0
        while told is None and kept < 256:
            answer = node.ask(f"call cells.{kept} grow [500000]")
            if answer.startswith("ok "):
                kept += 1
            else:
                told = answer
        assert told, "nothing was refused"
        assert re.match(r'err (busy \{"limit":"memory"|app \{"code":"(error|memory)")', told), told
        assert BOUND // 2 < kept * 500000 < BOUND, kept
        assert node.ask("call cells.new grow [500000]").startswith("err ")
        node.end(f"{kept} actors that stay")


def mail():
    """A sleeping actor's mail: as much as fits waits and is served, the rest is busy."""
    with Node(actors_mailbox="100000") as node:
        text = json.dumps(["y" * 100000])
        senders = [Client(node.server.port) for _ in range(8)]
        for sender in senders:
            sender.line()
        node.client.send_line("1 call cells.a nap t=60000")
        each, ok, busy = 60, 0, 0         # 6 MB, since a connection may have 8 unanswered
        for i in range(1, each + 1):
            for sender in senders:
                sender.send_line(f"{i} call cells.a add t=60000 {text}", patience=40)
        for sender in senders:
            for _ in range(each):
                answer = sender.line(patience=60)
                ok += " ok " in answer
                busy += ' err busy {"limit":"memory"' in answer
        print(f"{ok} messages served, {busy} busy")
        assert ok + busy == each * len(senders) and busy > 0, (ok, busy)
        assert BOUND // 2 < ok * 100000 < BOUND, ok
        assert node.client.line(patience=40).startswith("1 ok ")
        assert node.ask("get cells.a n").endswith(f" {ok}")
        node.end("48 MB of mail")


def the_kernels_bound():
    """Where Lua's allocator cannot tell: the mapping fails. Without a bound it does not."""
    with open(os.path.join(HERE, "inside_worker.c"), encoding="utf-8") as source:
        names = re.findall(r'\{ "(\w+)", \w+ \}', source.read())
    row = names.index("bounded_gigabyte")
    with Node() as node:
        assert node.ask(f"call cells.a gigabyte [{row}]").endswith(" 12.0")  # ENOMEM
        with open(f"/proc/{node.pid}/limits", encoding="utf-8") as text:
            assert re.search(rf"Max data size\s+{BOUND + MARGIN}\s", text.read())
        node.end("a mapping of a gigabyte")
    with Node(workers_memory="0") as node:
        assert node.ask(f"call cells.a gigabyte [{row}]").endswith(" 0.0")
        assert node.server.stop() == 0


def main():
    if not os.path.exists(SHIM):
        raise SystemExit(f"{SHIM} has not been built")
    turns()
    properties()
    properties_that_stay()
    mail()
    the_kernels_bound()


if __name__ == "__main__":
    main()
