"""A node is killed, cut off or stopped while a cluster forms, at every moment of it in turn: when
it is back the cluster goes on forming, and nothing that was acknowledged is lost.

    python3 tests/cluster/forming.py [ROUNDS] [--store rocksdb|postgresql] [--first ROUND] [--only FAULT]
"""

import argparse
import statistics
import sys
import time

from _load import Load
from _net import missing
from _node import Late, wait_for
from campaign import Cluster

SHORT = 3        # rounds in the test run
STEP = 0.05      # seconds between a moment and the next
STEPS = 83       # a cluster of three has formed after about 60
WITHIN = 15.0    # seconds after its return until the cluster has formed


class Victim:
    """What happens to a node when, and how it comes back."""

    def __init__(self, cluster, node):
        self.cluster, self.node = cluster, node

    def start(self):
        first = self.cluster.nodes[0]
        if self.node is first:
            self.node.start()
        else:
            self.node.start("--join", self.cluster.net.address(first.name))

    def kill(self, away):
        self.node.kill()
        time.sleep(away)
        self.start()

    def blip(self):
        self.kill(0.2)

    def gone(self):
        """Long enough for what others have for it to be given up."""
        self.kill(4)

    def cut(self):
        net, name = self.cluster.net, self.node.name
        for other in self.cluster.nodes:
            if other is not self.node:
                net.cut(name, other.name)
                net.cut(other.name, name)
        time.sleep(3)
        net.heal()

    def freeze(self):
        self.node.freeze()
        time.sleep(2)
        self.node.thaw()


FAULTS = ("gone", "cut", "blip", "freeze")


def rounds(count, first):
    """Fault, victim and moment of each. Their numbers have no common divisor, so that every
    combination comes; a few rounds spread over the whole time."""
    stride = max(1, STEPS // count)
    for number in range(first, first + count):
        yield FAULTS[number % len(FAULTS)], number % 3, (number * stride % STEPS) * STEP


def has_formed(cluster):
    """As every node sees it."""
    count = len(cluster.nodes)
    for node in cluster.nodes:
        members = list(node.members().values())
        shares = [m["shards"] for m in members if m["state"] == "up"]
        roles = [m["role"] for m in members]
        if (len(shares) != count or sum(shares) != 1024 or max(shares) - min(shares) > 1 or
                roles.count("leader") != 1 or roles.count("voter") != 2):
            return False
    return all(node.is_ready() for node in cluster.nodes)


def form(cluster, load, fault, victim, moment):
    """How long the cluster took after the victim's return, and the problems."""
    victims = [Victim(cluster, node) for node in cluster.nodes]
    load.begin()
    victims[0].start()
    wait_for("the first node is ready", cluster.nodes[0].is_ready)
    for other in victims[1:]:
        other.start()
    time.sleep(moment)
    getattr(victims[victim], fault)()
    back = time.monotonic()
    try:
        wait_for("the cluster has formed", lambda: has_formed(cluster), WITHIN, 0.1)
        return time.monotonic() - back, load.end()
    except AssertionError as wrong:
        cluster.show()
        return WITHIN, [("late" if isinstance(wrong, Late) else "silent", str(wrong))]


def play(store, fault, victim, moment):
    with Cluster(store, 3) as cluster:
        load = Load(cluster.net, [node.name for node in cluster.nodes], clients_each=1, actors=6)
        try:
            return form(cluster, load, fault, victim, moment)
        finally:
            load.close()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("rounds", nargs="?", type=int, default=SHORT)
    arguments.add_argument("--store", choices=("postgresql", "rocksdb"), default="rocksdb")
    arguments.add_argument("--first", type=int, default=0, help="number of the round to begin with")
    arguments.add_argument("--only", choices=FAULTS)
    given = arguments.parse_args()
    if missing():
        print(f"skipped: {missing()}")
        return 0
    times, failed = [], 0
    for number, (fault, victim, moment) in enumerate(rounds(given.rounds, given.first), given.first):
        fault = given.only or fault
        took, problems = play(given.store, fault, victim, moment)
        times.append(took)
        failed += len(problems)
        print(f"{number:4} {fault:6} node {victim + 1} after {moment:.2f} s: formed {took:.2f} s after its return", flush=True)
        for kind, text in problems:
            print(f"PROBLEM {kind}: {text}", flush=True)
    print(f"{given.rounds} rounds, problems: {failed}; formed after {statistics.median(times):.2f} s at the median, "
          f"{max(times):.2f} s at worst")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
