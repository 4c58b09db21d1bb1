"""Three endless loops in one actor worker: calls to its other actors are answered within 25 ms
(p99), wherever the loops hide; each loop ends at turn_limit and leaves nothing. A loop that
cannot be set aside, in C, ends its worker at hang_timeout, and nobody is told a lie.

    python3 tests/fault/busy_actors.py [SECONDS-FOR-EACH-LOOP]
"""

import os
import shutil
import statistics
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import _loops                             # noqa: E402
import inject                             # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
BOUND_MS = 25
BESIDE = 3
SETTINGS = {"workers.actors": "1", "actors.turn_limit": "200ms", "client.timeout": "30s", "node.log_level": "info",
            "workers.hang_timeout": "1s"}

NEAR = """
local Near = stage.class "near.{id}"
Near.durability = "none"                  -- the disk's pauses are not measured here
Near.properties = { n = 0 }
function Near:bump() self.n = self.n + 1 return self.n end
return Near
"""


class Loopers(threading.Thread):
    """Keeps three loops running, each of an actor of its own, until it is told to stop."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.client, self.number = Client(port), number
        self.client.line()
        self.stop, self.answers, self.running = False, {}, threading.Event()

    def run(self):
        in_flight = 0
        for actor in range(BESIDE):
            self.client.send_line(f"{actor} call loops.{self.number}-{actor} loop{self.number}")
            in_flight += 1
        self.running.set()
        while in_flight:
            ident, *verdict = self.client.line(patience=60).split(" ")
            code = " ".join(verdict[:2]) if verdict[0] == "err" else "ok"
            self.answers[code] = self.answers.get(code, 0) + 1
            if self.stop:
                in_flight -= 1
            else:
                self.client.send_line(f"{ident} call loops.{self.number}-{ident} loop{self.number}")


def ask(client, line):
    client.send_line("q " + line)
    return client.line(patience=60)


class Queue:
    """How long processes stood in line for a processor, together: what others took from them."""

    def __init__(self, pids):
        self.files = [open(f"/proc/{pid}/schedstat", "rb", buffering=0) for pid in pids]

    def waited_ns(self):
        return sum(int(os.pread(file.fileno(), 100, 0).split()[1]) for file in self.files)


def latencies(server, client, seconds, least=200):
    """Of calls one after another to a hundred other actors, in ms and in order of size: as they
    were, and without the time that our processes stood in line for a processor. On a machine with
    nothing else to do the two are the same."""
    raw, own, end = [], [], time.monotonic() + seconds
    queue = Queue(server.pids("actor worker") + server.pids("gateway") + ["self"])
    while time.monotonic() < end or len(raw) < least:
        began, waited = time.monotonic_ns(), queue.waited_ns()
        answer = ask(client, f"call near.{len(raw) % 100} bump")
        took = time.monotonic_ns() - began
        raw.append(took / 1e6)
        own.append(max(0, took - (queue.waited_ns() - waited)) / 1e6)
        assert answer.startswith("q ok "), answer
    return sorted(raw), sorted(own)


def p99(found):
    return found[int(len(found) * 0.99)]


def show(name, found, how=""):
    raw, own = found
    print(f"{name:28} {len(raw):>6} {statistics.median(raw):8.2f} {p99(raw):8.2f} {raw[-1]:8.2f} {p99(own):8.2f}  {how}",
          flush=True)


def beside(server, client, number, name, seconds):
    """What calls take beside three of that loop; what came of the loops is checked."""
    loopers = Loopers(server.port, number)
    loopers.start()
    loopers.running.wait()
    found = latencies(server, client, seconds)
    loopers.stop = True
    loopers.join(60)
    assert not loopers.is_alive(), f"{name}: the loop never ends"
    assert set(loopers.answers) <= {"err timeout", "err app"}, f"{name}: {loopers.answers}"
    for actor in range(BESIDE):
        answer = ask(client, f"get loops.{number}-{actor} n")
        assert answer.endswith(" 0"), f"{name}: not rolled back: {answer}"
    show(name, found, ", ".join(f"{count} x {code}" for code, count in sorted(loopers.answers.items())))
    return found


def measure(seconds):
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        with Server(BUILD, home, SETTINGS, samples=False) as server:
            for name, text in (("loops", _loops.lua_class()), ("near", NEAR)):
                with open(f"{home}/actors/{name}.lua", "w", encoding="utf-8") as out:
                    out.write(text)
            server.start()
            client = Client(server.port)
            client.line()
            print(f"{'calls beside three loops':28} {'calls':>6} {'p50 ms':>8} {'p99':>8} {'worst':>8} {'own p99':>8}  how the loops ended")
            idle = latencies(server, client, seconds)
            show("(no loop)", idle)
            found = {}
            for number, name in enumerate([*_loops.LOOPS, *_loops.GREEDY], 1):
                found[name] = beside(server, client, number, name, seconds)
            restarts = [row["restarts"] for row in server.admin("workers fmt=json") if row.get("role") == "actor"]
            assert restarts == [0], "a loop ended the worker"
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
    worst = max(_loops.LOOPS, key=lambda name: p99(found[name][1]))
    print(f"p99: {p99(idle[0]):.2f} ms without loops; beside three, the worst of {len(_loops.LOOPS)} kinds is "
          f"{p99(found[worst][0]):.2f} ms, {p99(found[worst][1]):.2f} ms of it not spent in line for a processor "
          f"({worst}), bound {BOUND_MS} ms; beside greed "
          + ", ".join(f"{p99(found[name][0]):.2f} ms ({name})" for name in _loops.GREEDY))
    assert p99(found[worst][1]) < BOUND_MS, f"neighbours of `{worst}` wait too long"


def hang():
    """A loop in C: its caller and those it held are told `crashed`, reads wait and are served."""
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        faults = inject.Faults(BUILD, home)
        with Server(BUILD, home, SETTINGS, faults.environment, samples=False) as server:
            inject.write_traps(server)
            with open(f"{home}/actors/near.lua", "w", encoding="utf-8") as out:
                out.write(NEAR)
            server.start()
            clients = [Client(server.port) for _ in range(3)]
            for client in clients:
                client.line()
            one, two, three = clients
            assert ask(two, "call near.1 bump") == ask(two, "call near.1 bump").replace(":2 2", ":1 1")
            began = time.monotonic()
            one.send_line("spin call traps.1 spin")
            two.send_line("call call near.1 bump")
            three.send_line("get get near.2 n")
            answers = [client.line(patience=30) for client in clients]
            took = time.monotonic() - began
            print(f"an endless loop in C: after {took:.2f} s {answers}")
            assert answers[0] == "spin err crashed" and took > 0.9, answers
            assert answers[1] == "call err crashed" or answers[1].startswith("call ok "), answers
            assert answers[2].startswith("get ok "), answers
            assert ask(two, "call near.3 bump").startswith("q ok ")
            assert "child hangs" in server.log()
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    hang()
    measure(float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)


if __name__ == "__main__":
    main()
