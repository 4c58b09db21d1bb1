"""kill -9 of actor workers, of the store and of gateways under load: sessions outlive workers
and the store, every request gets exactly one reply, watches have no gap in state, and nothing
acknowledged is lost.

    python3 tests/fault/workers_killed.py [ROUNDS [SEED]]
"""

import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import _checker as checker               # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
NAMES = ["ann", "bob", "cat", "dan"]


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
    """Takes every event up to the answer of a ping."""
    client.send_line("done ping @")
    gaps = 0
    while True:
        line = client.line(patience=30)
        if line == "done ok":
            return gaps
        ident, word, *_ = line.split(" ")
        assert word in ("evt", "snap"), line
        changed = json.loads(line[line.index("{"):])
        before = held[where[ident]]
        before.update(changed)
        # Both halves change in one step: an event with one of them is half of it.
        gaps += before["a"] != before["b"]


def one_round(server, state, role, most):
    stop = []
    watcher, held, where = watch_all(server.port, state)
    owners = [checker.Owner(server.port, name, state, lambda: not stop) for name in NAMES]
    for owner in owners:
        owner.start()

    def acknowledged():
        return sum(owner.acknowledged for owner in owners)

    def until(wanted):
        while acknowledged() < wanted and any(owner.is_alive() for owner in owners):
            time.sleep(0.001)             # between two looks, not instead of one
    until(random.randint(1, most))
    server.kill(role)
    until(acknowledged() + random.randint(most // 2, most))
    stop.append(True)
    for owner in owners:
        owner.join(60)
        if owner.problem:
            raise AssertionError(owner.problem)
    result = {
        "acknowledged": acknowledged(), "maybe": sum(o.maybe for o in owners),
        "doubled": sum(o.doubled for o in owners), "sessions lost": sum(o.lost_connection for o in owners),
        "missing": sum(len(o.in_flight) for o in owners), "pause": max(max(o.pauses, default=0) for o in owners)}
    if role == "gateway":
        result.update({"sessions lost": 0, "missing": 0, "gaps": 0})   # its own connections are the price
        return result
    result["gaps"] = catch_up(watcher, held, where)
    final = Client(server.port)
    final.line()
    for address in state:
        result["gaps"] += checker.ask(final, address) != held[address]
    return result


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    random.seed(seed)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    home = tempfile.mkdtemp(prefix="sf-")
    totals = dict.fromkeys(("acknowledged", "maybe", "doubled", "sessions lost", "missing", "gaps", "lost", "half"), 0)
    pauses = {"actor worker": [], "store": [], "gateway": []}
    try:
        settings = {"workers.actors": "2", "workers.restart_intensity": "1000000", "node.log_level": "warn"}
        with Server(BUILD, home, settings, samples=False) as server:
            checker.write_class(server)
            server.start()
            state = checker.new_state(NAMES)
            for number in range(rounds):
                role = ("actor worker", "actor worker", "store", "gateway")[number % 4]
                result = one_round(server, state, role, 1500)
                pauses[role].append(result.pop("pause"))
                for key, value in result.items():
                    totals[key] += value
                lost, half, _ = checker.check(server.port, state)
                totals["lost"] += lost
                totals["half"] += half
            assert server.stop() == 0
    except BaseException:
        print(server.log()[-6000:])
        raise
    finally:
        shutil.rmtree(home, ignore_errors=True)
    for key, value in totals.items():
        print(f"{key:32} {value:>8}")
    for role, found in pauses.items():
        print(f"{role + ' killed: pause, ms':32} median {statistics.median(found) * 1000:6.1f}  worst {max(found) * 1000:6.1f}")
    bad = sum(totals[key] for key in ("doubled", "sessions lost", "missing", "gaps", "lost", "half"))
    return 1 if bad or not totals["acknowledged"] else 0


if __name__ == "__main__":
    sys.exit(main())
