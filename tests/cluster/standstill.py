"""A leader that stood still, and a cluster that had no leader, take nobody for dead because of
it: in that time nobody could be heard.

    python3 tests/cluster/standstill.py
"""

import sys
import time

from _net import missing
from _node import wait_for
from campaign import Cluster

LONGER = 5       # seconds: than a lease and the tenth more after which the silent are down


def has_quorum(node):
    return node.ctl("check", "quorum", timeout=5)[0] == 0


def declared(cluster):
    found = []
    for node in cluster.nodes:
        with open(f"{node.home}/log", encoding="utf-8", errors="replace") as log:
            found += [f"node {node.name}: {line}" for line in log if "is declared down" in line]
    return found


def stands_still(cluster):
    first, second = cluster.nodes
    first.freeze()
    time.sleep(LONGER)
    first.thaw()
    wait_for("the second has renewed its lease", lambda: has_quorum(second))
    wait_for("the first has renewed its lease", lambda: has_quorum(first))


def has_no_leader(cluster):
    for node in cluster.nodes:
        for other in cluster.nodes:
            if other is not node:
                cluster.net.cut(node.name, other.name)
    time.sleep(LONGER)
    cluster.net.heal()
    for node in cluster.nodes:
        wait_for(f"node {node.name} has renewed its lease", lambda n=node: has_quorum(n))


def play(count, trouble):
    with Cluster("rocksdb", count) as cluster:
        cluster.start()
        trouble(cluster)
        found = declared(cluster)
        for line in found:
            print(f"PROBLEM {trouble.__name__}: {line}", flush=True)
        return not found


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    return 0 if all([play(2, stands_still), play(3, has_no_leader)]) else 1


if __name__ == "__main__":
    sys.exit(main())
