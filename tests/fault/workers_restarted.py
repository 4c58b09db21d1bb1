"""`restart worker=N` under load: actor workers are replaced one after another, and others that
were down come back and get their shards from their living siblings; nobody notices more than a
pause. Every request of every client is answered `ok`, once; turns that sleep, call
or are called back meanwhile go on to their end; nothing happens twice; watches have no gap.

    python3 tests/fault/workers_restarted.py [ROUNDS [SEED]]
"""

import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import _checker as checker               # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
NAMES = ["ann", "bob", "cat", "dan"]

# Every turn adds one before it waits and one after: what ran twice, or half, shows.
CLASS = """
local Wait = stage.class "waits.{id}"
Wait.properties = { n = 0, told = 0 }
function Wait:sleep(ms)
  self.n = self.n + 1
  stage.sleep(ms)
  self.n = self.n + 1
  return ms
end
function Wait:ask(other, third)         -- a chain through whatever workers they live in
  self.n = self.n + 1
  stage.tell(third, "hear")
  stage.call(other, "pass", third)
  self.n = self.n + 1
  return 0
end
function Wait:pass(third)
  self.n = self.n + 1
  stage.call(third, "sleep", 3)
  self.n = self.n + 1
end
function Wait:hear() self.told = self.told + 1 end
return Wait
"""


class Waiter(threading.Thread):
    """One connection whose turns always wait for something, one at a time."""

    def __init__(self, port, name, keep_going):
        super().__init__(daemon=True)
        self.port, self.name_, self.keep_going = port, name, keep_going
        self.done = {"sleep": 0, "ask": 0}
        self.problem = None

    def run(self):
        try:
            client = Client(self.port)
            client.line()
            number = 0
            while self.keep_going():
                number += 1
                kind = random.choice(("sleep", "ask"))
                call = (f"call waits.{self.name_} sleep t=30000 [{random.randint(1, 30)}]" if kind == "sleep" else
                        f'call waits.{self.name_} ask t=30000 ["waits.{self.name_}-b","waits.{self.name_}-c"]')
                client.send_line(f"{number} {call}")
                line = client.line(patience=40)
                assert line.startswith(f"{number} ok "), f"{call!r} got {line!r}"
                self.done[kind] += 1
            client.socket.close()
        except Exception as problem:     # the round fails, and says so
            self.problem = f"waits.{self.name_}: {problem!r}"

    def expected(self):
        """The values its three actors must hold."""
        sleeps, asks = self.done["sleep"], self.done["ask"]
        return {"": 2 * (sleeps + asks), "-b": 2 * asks, "-c": 2 * asks}, asks


def eventually(client, address, member, wanted):
    """A tell is on its way for a moment."""
    deadline = time.monotonic() + 20
    while True:
        client.send_line(f"q get {address} {member}")
        value = int(client.line(patience=30).split(" ")[3])
        if value == wanted or time.monotonic() > deadline:
            return value
        time.sleep(0.01)                  # between two looks


def check_waiters(port, waiters):
    """How many actors do not hold what their answered turns made of them."""
    wrong = 0
    client = Client(port)
    client.line()
    for waiter in waiters:
        values, told = waiter.expected()
        for suffix, n in values.items():
            found = eventually(client, f"waits.{waiter.name_}{suffix}", "n", n)
            wrong += found != n
        wrong += eventually(client, f"waits.{waiter.name_}-c", "told", told) != told
    client.socket.close()
    return wrong


def watch_all(port, state):
    """One connection that watches every actor, and what it holds of each."""
    client, held, where = Client(port), {}, {}
    client.line()
    for number, address in enumerate(state):
        client.send_line(f"w{number} watch {address} a,b")
        line = client.line()
        assert line.startswith(f"w{number} ok "), line
        held[address] = json.loads(line[line.index("{"):])
        where[f"w{number}"] = address
    return client, held, where


def catch_up(client, held, where):
    """Takes every event up to the answer of a ping, and counts those that are half of a step."""
    client.send_line("done ping @")
    gaps = 0
    while True:
        line = client.line(patience=30)
        if line == "done ok":
            return gaps
        ident, word, *_ = line.split(" ")
        assert word in ("evt", "snap"), line
        before = held[where[ident]]
        before.update(json.loads(line[line.index("{"):]))
        gaps += before["a"] != before["b"]


def watched_wrong(port, held):
    """How many actors a watch does not hold as they are."""
    client = Client(port)
    client.line()
    wrong = 0
    for address, values in held.items():
        found, _ = checker.ask(client, address)
        wrong += {"a": found["a"], "b": found["b"]} != values
    client.socket.close()
    return wrong


def restart(server, worker):
    began = time.monotonic()
    server.admin(f"restart worker={worker}", patience=60)
    return time.monotonic() - began


def take_down(server, worker):
    """kill -9 beyond the intensity, while nobody asks for anything: its sibling gets its shards."""
    rows = server.admin("workers fmt=json")
    os.kill(next(r["pid"] for r in rows if (r["role"], r["index"]) == ("actor", worker)), signal.SIGKILL)
    while any(row["worker"] == worker for row in server.admin("shards fmt=json")):
        time.sleep(0.005)                 # between two looks


def one_round(server, state, worker, number):
    stop = []
    watcher, held, where = watch_all(server.port, state)
    owners = [checker.Owner(server.port, name, state, lambda: not stop) for name in NAMES]
    waiters = [Waiter(server.port, f"{number}-{i}", lambda: not stop) for i in range(4)]
    for thread in owners + waiters:
        thread.start()

    def until(wanted):
        while sum(o.writer.acknowledged for o in owners) < wanted and any(o.is_alive() for o in owners):
            time.sleep(0.001)             # between two looks
    until(random.randint(50, 500))
    took = restart(server, worker)
    until(sum(o.writer.acknowledged for o in owners) + random.randint(50, 500))
    stop.append(True)
    for thread in owners + waiters:
        thread.join(60)
        if thread.problem:
            raise AssertionError(thread.problem)
    writers = [owner.writer for owner in owners]
    result = {
        "answered ok": sum(w.acknowledged for w in writers) + sum(sum(w.done.values()) for w in waiters),
        "not ok": sum(w.maybe + w.refused + len(w.wrong) for w in writers),
        "answered twice": sum(w.doubled for w in writers),
        "not answered": sum(len(w.in_flight) for w in writers),
        "sessions lost": sum(o.lost_connection for o in owners),
        "gaps in watches": catch_up(watcher, held, where) + watched_wrong(server.port, held),
        "effects missing or doubled": check_waiters(server.port, waiters)}
    watcher.socket.close()
    return result, took, max(o.pause for o in owners)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    random.seed(seed)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    home = tempfile.mkdtemp(prefix="sr-")
    totals, took, pauses = {}, [], []
    try:
        settings = {"workers.actors": "2", "workers.gateways": "2", "workers.restart_intensity": "0",
                    "node.log_level": "warn"}
        with Server(BUILD, home, settings, samples=False) as server:
            checker.write_class(server)
            with open(os.path.join(server.home, "actors/waits.lua"), "w", encoding="utf-8") as out:
                out.write(CLASS)
            server.start()
            state = checker.new_state(NAMES)
            for number in range(rounds):
                if number % 4 > 1:
                    take_down(server, number % 2)
                result, seconds, pause = one_round(server, state, number % 2, number)
                took.append(seconds)
                pauses.append(pause)
                found = checker.check(server.port, state)
                result.update({"acknowledged changes lost": found["lost"], "half steps": found["half"],
                               "changes made twice": found["twice"]})
                for key, value in result.items():
                    totals[key] = totals.get(key, 0) + value
            rows = [row for row in server.admin("workers fmt=json") if row["role"] == "actor"]
            assert sum(row["restarts"] for row in rows) == rounds, rows
            totals["uneven shares"] = sum(row["shards"] != 512 for row in rows)
            assert server.stop() == 0
    except BaseException:
        print(server.log()[-6000:])
        raise
    finally:
        shutil.rmtree(home, ignore_errors=True)
    for key, value in totals.items():
        print(f"{key:32} {value:>8}")
    for what, found in (("restart", took), ("pause of a client", pauses)):
        print(f"{what + ', ms':32} median {statistics.median(found) * 1000:6.1f}  worst {max(found) * 1000:6.1f}")
    good = totals.pop("answered ok")
    return 1 if any(totals.values()) or not good else 0


if __name__ == "__main__":
    sys.exit(main())
