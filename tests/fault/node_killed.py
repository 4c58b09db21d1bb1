"""kill -9 of all processes of a node under load, over and over: no acknowledged change is
lost, and no step is half there or was made twice.

    python3 tests/fault/node_killed.py [ROUNDS [SEED]]
"""

import os
import random
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import _checker as checker               # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
NAMES = ["ann", "bob", "cat", "dan", "eve", "fay"]


def one_round(server, state, most):
    """Load until so many changes were acknowledged; then everything dies at once."""
    stop = []
    owners = [checker.Owner(server.port, name, state, lambda: not stop) for name in NAMES]
    for owner in owners:
        owner.start()
    wanted = random.randint(1, most)
    while sum(owner.writer.acknowledged for owner in owners) < wanted and any(o.is_alive() for o in owners):
        time.sleep(0.001)                 # between two looks, not instead of one
    server.kill_all()
    stop.append(True)
    for owner in owners:
        owner.join(60)
        if owner.problem:
            raise AssertionError(owner.problem)
    writers = [owner.writer for owner in owners]
    return {"acknowledged": sum(w.acknowledged for w in writers), "doubled": sum(w.doubled + len(w.wrong) for w in writers),
            "unanswered": sum(len(w.in_flight) for w in writers)}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    random.seed(seed)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    home = tempfile.mkdtemp(prefix="sf-")
    totals = dict.fromkeys(("acknowledged", "unanswered", "doubled", "lost", "half", "twice", "happened"), 0)
    restarts = []
    try:
        settings = {"workers.actors": "2", "node.log_level": "warn", "client.max_timeout": "60s"}
        with Server(BUILD, home, settings, samples=False) as server:
            checker.write_class(server)
            server.start()
            state = checker.new_state(NAMES)
            for _ in range(rounds):
                result = one_round(server, state, 4000)
                began = time.monotonic()
                server.start()
                restarts.append(time.monotonic() - began)
                result.update(checker.check(server.port, state))
                for key, value in result.items():
                    totals[key] += value
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{'rounds':32} {rounds:>8}\n{'acknowledged changes':32} {totals['acknowledged']:>8}\n"
          f"{'acknowledged changes lost':32} {totals['lost']:>8}\n{'half steps':32} {totals['half']:>8}\n"
          f"{'changes made twice':32} {totals['twice']:>8}\n"
          f"{'replies doubled or wrong':32} {totals['doubled']:>8}\n"
          f"{'requests unanswered at the kill':32} {totals['unanswered']:>8}\n"
          f"{'of them found done afterwards':32} {totals['happened']:>8}\n"
          f"{'worst restart, seconds':32} {max(restarts):>8.2f}")
    return 1 if any(totals[key] for key in ("lost", "half", "twice", "doubled")) or not totals["acknowledged"] else 0


if __name__ == "__main__":
    sys.exit(main())
