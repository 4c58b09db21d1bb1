"""From the death of a node to all its shards served elsewhere, with default settings and one
database for all nodes.

    python3 tests/cluster/failover.py [KILLS]
"""

import statistics
import sys
import time

from _load import Broken, Line
from _net import missing
from _node import Late
from campaign import Cluster

MEDIAN_MOST = 4.0    # seconds
PROBES = 60          # actors, spread over all nodes


def served(cluster, name, waiting, seconds=30.0):
    """How long until each of these actors has answered a call through that node."""
    began, line = time.monotonic(), None
    while waiting:
        for address in list(waiting):
            try:
                line = line or Line(cluster.net, name)
                words, _ = line.ask(f'call {address} append t=300 ["x"]')
                if words[0] == "ok":
                    waiting.discard(address)
            except (Broken, OSError):
                line = None
        if time.monotonic() > began + seconds:
            raise Late(f"{len(waiting)} actors are not served after {seconds:.0f} s")
    line.close()
    return time.monotonic() - began


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    if missing():
        print(f"skipped: {missing()}")
        return 0
    cluster, times = Cluster("postgresql", 3), []
    addresses = [f"logs.{i}" for i in range(PROBES)]
    try:
        cluster.start()
        for number in range(kills):
            victim, witness = cluster.nodes[number % 3], cluster.nodes[(number + 1) % 3]
            served(cluster, witness.name, set(addresses))
            victim.kill()
            times.append(served(cluster, witness.name, set(addresses)))
            print(f"{number + 1:4} node {victim.name} killed, all served after {times[-1]:.2f} s", flush=True)
            victim.start()
            cluster.wait_whole()
    finally:
        cluster.close()
    median = statistics.median(times)
    print(f"kills {kills}, median {median:.2f} s, worst {max(times):.2f} s (at most {MEDIAN_MOST:.0f} s at the median)")
    return 1 if median > MEDIAN_MOST else 0


if __name__ == "__main__":
    sys.exit(main())
