"""What actors cost: calls between them, activation, memory, the collector, one more process.

    python3 tests/bench/inside.py                    all of it, about three minutes
    python3 tests/bench/inside.py calls memory       some of it: calls activation memory million
                                                     collector processes
    python3 tests/bench/inside.py --actors 200000    the million smaller

Beside it, where they are installed (`sh etc/dependencies.sh bench`): nats-server, which passes
requests between two clients, and Erlang, whose gen_servers are called by processes of the same
machine. Neither does what Stage does: nats-server keeps no state, Erlang's processes are of one
trusted program, without a store and without watches. CPU is that of the servers alone; for
nats-server that of the clients, which are the actors there, is left out.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests/scenario")]

import peers                                      # noqa: E402
import usage                                      # noqa: E402
from pipelined import Connection                  # noqa: E402
from server import Server, StartFailed            # noqa: E402

CLASSES = {
    "callers": """
local Caller = stage.class "callers.{id}"
Caller.durability = "none"
function Caller:run(other, times)
  for _ = 1, times do stage.call(other, "add", 1) end
  return times
end
return Caller
""",
    "things": """
local Thing = stage.class "things.{id}"
Thing.durability = "none"
Thing.properties = { n = 0, name = "", on = false }
function Thing:add(by) self.n = self.n + by return self.n end
return Thing
""",
    "stored": """
local Stored = stage.class "stored.{id}"
Stored.properties = { n = 0, name = "", on = false }
function Stored:add(by) self.n = self.n + by return self.n end
return Stored
""",
    "litter": """
local Litter = stage.class "litter.{id}"
Litter.durability = "none"
local kept = {}
for i = 1, 40000 do kept[i] = { i } end -- what the collector has to walk
function Litter:drop(times)
  local t
  for i = 1, times do t = { i, { i } } end
  return t[1]
end
return Litter
""",
}
PAIRS, EACH = 64, 1000 # callers at a time, calls of one request


# --- The server, and a client that has many requests in flight --------------------------

class Client(Connection):
    def ask_all(self, requests, depth=200):
        """Sends `verb rest`s, at most depth unanswered."""
        for start in range(0, len(requests), depth):
            batch = requests[start:start + depth]
            self.send(f"{self.number + i} {r}\n" for i, r in enumerate(batch))
            self.number += len(batch)
            self.receive(len(batch))

    def ask(self, request):
        self.ask_all([request])


@contextlib.contextmanager
def stage(settings=None):
    with tempfile.TemporaryDirectory(prefix="si-") as home:
        with Server(BUILD, f"{home}/stage", {
                "node.log_level": "warn", "node.runtime": f"{home}/run", "workers.gateways": "1",
                "workers.actors": "1", "actors.resident": "2000000", **(settings or {})}, samples=False) as server:
            for name, text in CLASSES.items():
                with open(f"{home}/stage/actors/{name}.lua", "w", encoding="utf-8") as out:
                    out.write(text)
            try:
                server.start()
            except StartFailed:
                print(server.log()[-2000:], file=sys.stderr)
                raise
            yield server


def cpu(server):
    return usage.cpu_seconds(list(server.processes()))


# --- The measurements: each gives rows of (work, unit, Stage, nats-server, Erlang) -------

def run_pairs(server, pairs, seconds):
    """So many callers, each calls its own other one; calls, wall and CPU seconds."""
    client, done = Client(server.port), 0
    requests = [f'call {a} run t=60000 ["{b}",{EACH}]' for a, b in pairs]
    client.ask_all(requests) # everyone is there
    began, cpu_began = time.monotonic(), cpu(server)
    while time.monotonic() < began + seconds:
        client.ask_all(requests)
        done += len(pairs) * EACH
    figures = done, time.monotonic() - began, cpu(server) - cpu_began
    client.close()
    return figures


def worker_of(server, address):
    return next(r["worker"] for r in server.admin(f"inspect {address} fmt=json") if "worker" in r)


def pairs_of(server, apart):
    """Callers and others of the same worker, or of two."""
    client, place = Client(server.port), {}
    for kind in ("callers", "things"):
        for i in range(4 * PAIRS):
            client.ask(f"get {kind}.{i} *")
            place.setdefault(kind, {}).setdefault(worker_of(server, f"{kind}.{i}"), []).append(f"{kind}.{i}")
    client.close()
    found = []
    for worker, callers in place["callers"].items():
        others = place["things"][1 - worker if apart else worker]
        found += zip(callers, others)
    return found[:PAIRS]


def measure_calls(args):
    erlang = peers.erlang_calls(args.time, PAIRS)
    nats = peers.nats_requests(args.time, PAIRS)
    rows = []
    with stage({"workers.actors": "2"}) as server:
        for name, apart in (("within a worker", False), ("across workers", True)):
            pairs = pairs_of(server, apart)
            for count in (1, PAIRS):
                calls, wall, spent = run_pairs(server, pairs[:count], args.time)
                beside = not apart and count == PAIRS
                rows.append((f"calls between actors {name}, {count} at a time", "calls per CPU s", calls / spent,
                             nats if beside else None, erlang if beside else None))
                rows.append(("… the same", "calls per s", calls / wall, None, None))
    return rows


def measure_activation(args):
    count = 20000
    with stage() as server:
        client = Client(server.port)
        client.ask_all([f"call stored.{i} add [{i}]" for i in range(1, count + 1)])
        client.close()
        server.stop()
        server.start()
        client = Client(server.port)
        order = list(range(1, count + 1))
        random.Random(1).shuffle(order)
        began, spent = time.monotonic(), cpu(server)
        client.ask_all([f"get stored.{i} n" for i in order])
        wall, spent = time.monotonic() - began, cpu(server) - spent
        client.close()
    return [("activation from the store, 200 at a time", "activations per CPU s", count / spent, None, None),
            ("… the same", "activations per s", count / wall, None, None)]


def memory_of(server, count, first=0):
    """Bytes of the actor worker's memory for each of so many more actors at rest."""
    client = Client(server.port)
    pids = server.pids("actor worker")
    if first == 0:
        client.ask("call things.first add [1]")
    before = usage.anonymous(pids)
    client.ask_all([f"call things.{i} add [1]" for i in range(first, first + count)])
    each = (usage.anonymous(pids) - before) / count
    client.close()
    return each


def measure_memory(args):
    count = 100000
    with stage() as server:
        each = memory_of(server, count)
    return [("an idle resident actor with three properties", "bytes", each, None, peers.erlang_memory(count))]


def measure_million(args):
    with stage() as server:
        began = time.monotonic()
        each = memory_of(server, args.actors)
        created = time.monotonic() - began
        client, chance, late = Client(server.port), random.Random(2), []
        requests = [f"call things.{chance.randrange(args.actors)} add [1]" for _ in range(100000)]
        spent = cpu(server)
        client.ask_all(requests)
        spent = cpu(server) - spent
        for _ in range(5000):
            began = time.monotonic()
            client.ask(f"call things.{chance.randrange(args.actors)} add [1]")
            late.append((time.monotonic() - began) * 1e3)
        client.close()
    late.sort()
    name = f"{args.actors:,} resident actors"
    return [(f"{name}: made within", "s", created, None, None),
            (f"{name}: memory", "bytes each", each, None, None),
            (f"{name}: calls to any of them, 200 in flight", "calls per CPU s", 100000 / spent, None, None),
            (f"{name}: a call, p50", "ms", late[len(late) // 2], None, None),
            (f"{name}: a call, p99", "ms", late[len(late) * 99 // 100], None, None)]


def measure_collector(args):
    """The longest that a neighbour waits while others of its worker make garbage."""
    def probe(client, seconds):
        late, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            client.ask("call things.1 add [1]")
            late.append((time.monotonic() - began) * 1e3)
        late.sort()
        return late[len(late) // 2], late[len(late) * 99 // 100], late[-1]

    def litter(port, stop):
        client = Client(port)
        while not stop.is_set():
            client.ask_all([f"call litter.{i} drop [1000]" for i in range(4)])
        client.close()

    with stage() as server:
        client, stop = Client(server.port), threading.Event()
        probe(client, 0.5)
        idle = probe(client, args.time)
        thread = threading.Thread(target=litter, args=(server.port, stop))
        thread.start()
        busy = probe(client, args.time)
        stop.set()
        thread.join()
        client.close()
    return [(f"a call beside actors that make garbage, {name}", "ms (alone)", f"{b:.2f} ({i:.2f})", None, None)
            for name, b, i in zip(("p50", "p99", "longest"), busy, idle)]


def measure_processes(args):
    """What one more of them takes while nothing happens."""
    def at_rest(gateways, actors):
        with stage({"workers.gateways": str(gateways), "workers.actors": str(actors)}) as server:
            pids = list(server.processes())
            spent = cpu(server)
            time.sleep(args.time) # it is this time's idleness that is measured
            return usage.proportional(pids), (cpu(server) - spent) / args.time

    memory, spent = at_rest(1, 1)
    rows = []
    for name, counts in (("actor worker", (1, 2)), ("gateway", (2, 1))):
        more, more_spent = at_rest(*counts)
        rows.append((f"one more {name}: memory", "KiB", (more - memory) / 1024, None, None))
        rows.append((f"one more {name}, at rest", "ms of CPU per s", max(0.0, more_spent - spent) * 1e3, None, None))
    return rows


MEASUREMENTS = {"calls": measure_calls, "activation": measure_activation, "memory": measure_memory,
                "million": measure_million, "collector": measure_collector, "processes": measure_processes}


# --- The table --------------------------------------------------------------------------

def shown(value):
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", nargs="*", metavar="WHAT", help=" ".join(MEASUREMENTS))
    parser.add_argument("--time", type=float, default=3, help="seconds of a measurement (3)")
    parser.add_argument("--actors", type=int, default=1000000, help="of `million`")
    args = parser.parse_args()
    unknown = set(args.what) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    for line in peers.missing():
        print(line, file=sys.stderr)
    print("| what | unit | Stage | nats-server | Erlang |\n|---|---|--:|--:|--:|")
    try:
        for name in args.what or MEASUREMENTS:
            for work, unit, *values in MEASUREMENTS[name](args):
                print(f"| {work} | {unit} | {' | '.join(shown(v) for v in values)} |", flush=True)
    except (RuntimeError, StartFailed) as failed:
        print(f"nothing is to be believed of this: {failed}", file=sys.stderr)
        return 1
    return 0


BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build-release"))

if __name__ == "__main__":
    sys.exit(main())
