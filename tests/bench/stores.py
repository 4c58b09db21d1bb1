"""Durable writes per second with each store, one after the other on the same disk.

    python3 tests/bench/stores.py [SECONDS [CONNECTIONS…]]

PostgreSQL is one of Debian's, as it comes (fsync on), on a Unix socket. The disk is that of
the temporary directory.
"""

import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "store")]

from _postgres import BUILD, Postgres     # noqa: E402
from server import Server, program        # noqa: E402

ENGINES = ("rocksdb", "postgresql")
ROUNDS = 3


def measure(engine, postgres, seconds, connections, number):
    """Durable calls per second, and what one took at the 99th percentile, in milliseconds."""
    home = tempfile.mkdtemp(prefix="sb-")
    settings = {"store.engine": engine, "node.log_level": "warn"}
    if engine == "postgresql":
        settings["store.url"] = postgres.url(postgres.create(f"bench-{connections}-{number}"))
    try:
        with Server(BUILD, home, settings, samples=False) as server:
            for name in os.listdir(f"{HERE}/actors"):
                shutil.copy(f"{HERE}/actors/{name}", f"{home}/actors/")
            server.start()
            done = server.run("stage-bench", ["-c", str(connections), "--port", str(server.port),
                                              "--mix", "call=100", "--time", str(seconds), "--json"])
            assert done.returncode == 0, done.stderr + done.stdout
            figures = json.loads(done.stdout)
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return figures["operations_per_second"], figures["all"]["p99_us"] / 1000


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'connections':>11} {'store':12} {'writes/s':>9} {'p99 ms':>7}   median of {ROUNDS} runs of {seconds} s")
    with Postgres(fsync=True) as postgres:
        for connections in [int(word) for word in sys.argv[2:]] or [1, 64]:
            runs = {engine: [] for engine in ENGINES}
            for number in range(ROUNDS):          # by turns: the machine is not always as fast
                for engine in ENGINES:
                    runs[engine].append(measure(engine, postgres, seconds, connections, number))
            for engine in ENGINES:
                rate, p99 = sorted(runs[engine])[ROUNDS // 2]
                print(f"{connections:11} {engine:12} {rate:9.0f} {p99:7.1f}", flush=True)


if __name__ == "__main__":
    main()
