"""Faults of every kind under load, one or two at a time, and what they may never cost: two owners of one actor at a
time, an acknowledged change, histories that differ.

    python3 tests/cluster/campaign.py [FAULTS] [--store postgresql|rocksdb] [--nodes N] [--seed S]
"""

import argparse
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time

from _load import Load
from _net import Net, missing
from _node import BUILD, ROOT, Node, Postgres, wait_for

PART = 8         # faults between two looks at all histories
SHORT = 5        # faults with each store in the test run
TWICE = 4        # of so many faults one comes with another, on another node
ZEROS = ("lost", "diverged", "stale", "doubled", "lied", "invented", "gap", "missing")
MEANS = {"lost": "acknowledged changes lost", "diverged": "histories that differ (double owners)",
         "stale": "reads of the past (double owners)", "doubled": "changes made twice",
         "lied": "refused changes made", "invented": "values out of nowhere",
         "gap": "watch gaps", "missing": "replies missing"}


class Cluster:
    """Nodes and what they need; `with` ends them, and shows what they said last where something
    went wrong."""

    def __init__(self, store, count):
        self.home = tempfile.mkdtemp(prefix="stage-cluster-")
        os.chmod(self.home, 0o755)
        self.net = Net(count)
        self.database = Postgres(self.net).start() if store == "postgresql" else None
        self.store = store
        self.drained = []   # nodes that are to resume when nothing is in their way
        self.actors = shutil.copytree(f"{ROOT}/tests/cluster/actors", f"{self.home}/actors")
        settings = {"store.engine": "postgresql", "store.url": self.database.url} if self.database else {}
        self.nodes = [Node(self.net, str(i + 1), self.home, settings, self.actors) for i in range(count)]

    def start(self):
        self.nodes[0].start()
        wait_for("the first node is ready", self.nodes[0].is_ready)
        for node in self.nodes[1:]:
            node.start("--join", self.net.address("1"))
        self.wait_whole()
        wait_for("every node has its part of the shards and its role", self.is_formed, 60, 0.1)

    def is_whole(self):
        for node in self.nodes:
            members = node.members()
            up = [m for m in members.values() if m["state"] == "up"]
            if len(up) != len(self.nodes) or sum(m["shards"] for m in up) != 1024:
                return False
        return all(node.is_ready() for node in self.nodes)

    def is_formed(self):
        """A fault on a node that owns nothing yet would show nothing."""
        members = self.nodes[0].members().values()
        voters = [m for m in members if m["role"] in ("voter", "leader")]
        return (all(m["shards"] >= 1024 // len(self.nodes) for m in members) and
                len(voters) >= (3 if len(self.nodes) > 2 else 1))

    def wait_whole(self, seconds=60):
        wait_for("all nodes are up and share all shards", self.is_whole, seconds, 0.1)

    def show(self):
        for node in filter(lambda n: n.has_begun(), self.nodes):
            print(f"--- node {node.name}: {node.members()}\n{node.tail()}", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        try:
            if isinstance(problem, Exception):
                self.show()
        finally:
            self.close()

    def close(self):
        for node in self.nodes:
            if node.is_running():
                if node.stopped:
                    node.thaw()
                node.kill()
        if self.database:
            self.database.close()
        self.net.close()
        shutil.rmtree(self.home, ignore_errors=True)


# --- faults: each begins, lasts for a while, and ends ------------------------------------

def kill_node(cluster, node, rng):
    node.kill()
    node.environment = {}
    yield rng.uniform(0.2, 4)
    node.start()


def freeze_node(cluster, node, rng):
    node.freeze()
    yield rng.uniform(0.3, 6)
    node.thaw()


def isolate(cluster, node, rng):
    for other in cluster.nodes:
        if other is not node:
            cluster.net.cut(node.name, other.name)
            cluster.net.cut(other.name, node.name)
    yield rng.uniform(0.5, 6)
    cluster.net.heal()


def cut_one_way(cluster, node, rng):
    other = rng.choice([n for n in cluster.nodes if n is not node])
    cluster.net.cut(node.name, other.name)
    yield rng.uniform(0.5, 5)
    cluster.net.heal()


def cut_pair(cluster, node, rng):
    other = rng.choice([n for n in cluster.nodes if n is not node])
    cluster.net.cut(node.name, other.name)
    cluster.net.cut(other.name, node.name)
    yield rng.uniform(0.5, 5)
    cluster.net.heal()


def cut_store(cluster, node, rng):
    cluster.net.cut(node.name, "db")
    yield rng.uniform(0.5, 4)
    cluster.net.heal()


def kill_child(program):
    def fault(cluster, node, rng):
        pid = node.child(program)
        if pid:
            node.signal(signal.SIGKILL, [pid])
        yield rng.uniform(0.1, 1)
    fault.__name__ = "kill_" + program.replace("stage-", "")
    return fault


def freeze_supervisor(cluster, node, rng):
    """Its workers live on: only the end of the lease stops them."""
    node.signal(signal.SIGSTOP, [node.process.pid])
    yield rng.uniform(1, 6)
    node.signal(signal.SIGCONT, [node.process.pid])


def clock_rate(cluster, node, rng):
    """Its clock runs too fast or too slow, by less than what leases allow for, until it is
    killed for another reason."""
    node.kill()
    node.environment = {"LD_PRELOAD": f"{BUILD}/tests/cluster/clock-rate.so",
                        "TEST_CLOCK_RATE": f"{rng.uniform(0.97, 1.03):.4f}"}
    yield rng.uniform(0.1, 0.5)
    node.start()


def drain(cluster, node, rng):
    node.ctl("drain", timeout=60)
    yield rng.uniform(0.1, 1)
    cluster.drained.append(node)   # where another fault leaves no quorum it cannot resume yet


FAULTS = [kill_node, freeze_node, isolate, cut_one_way, cut_pair, freeze_supervisor, clock_rate, drain,
          kill_child("stage-gateway"), kill_child("stage-actor"), kill_child("stage-store"), kill_child("stage-tunnel")]


def play(cluster, load, faults, rng, pauses):
    """Faults, each on a node of its own; afterwards the cluster becomes whole. The pause is the
    longest that a client of a node that was not hit had to wait for a success."""
    nodes = rng.sample(cluster.nodes, len(faults))
    others = [c for c in load.clients if c.node not in [node.name for node in nodes]]
    began, worst = time.monotonic(), 0.0

    def look():
        nonlocal worst
        worst = max([worst] + [time.monotonic() - max(c.succeeded, began) for c in others])

    courses = []
    for fault, node in zip(faults, nodes):
        course = fault(cluster, node, rng)
        courses.append((time.monotonic() + next(course), course))
    for until, course in sorted(courses, key=lambda pair: pair[0]):
        while time.monotonic() < until:
            look()
            time.sleep(0.02)
        next(course, None)
    while cluster.drained:
        node = cluster.drained.pop()
        wait_for("it resumes", lambda n=node: n.ctl("resume", timeout=60)[0] == 0)
    cluster.wait_whole()
    look()
    pauses.setdefault(faults[0].__name__ if len(faults) == 1 else "two at once", []).append(worst)
    return nodes, worst


def report(pauses, load, zeros, acknowledged):
    print(f"{'fault':20} {'times':>5} {'pause median':>12} {'worst':>8}   (at the nodes that were not hit)")
    for name, values in sorted(pauses.items()):
        print(f"{name:20} {len(values):5} {statistics.median(values):10.2f} s {max(values):6.2f} s")
    every = [value for values in pauses.values() for value in values]
    if every:
        print(f"{'all':20} {len(every):5} {statistics.median(every):10.2f} s {max(every):6.2f} s")
    print("answers: " + ", ".join(f"{code} {n}" for code, n in sorted(load.codes.items(), key=lambda item: -item[1])))
    print(f"acknowledged changes checked: {acknowledged}; reads without a pause between them: {load.reads}")
    for kind in ZEROS:
        print(f"{MEANS[kind]:40} {zeros[kind]}")


def run(given, store, faults):
    """True where everything that must be zero is."""
    print(f"{faults} faults on {given.nodes} nodes, store {store}, seed {given.seed}", flush=True)
    rng = random.Random(given.seed)
    kinds = [f for f in FAULTS if given.only in (None, f.__name__)]
    if store == "postgresql" and given.only in (None, "cut_store"):
        kinds.append(cut_store)
    rng.shuffle(kinds)
    zeros, pauses, acknowledged = dict.fromkeys(ZEROS, 0), {}, 0
    with Cluster(store, given.nodes) as cluster:
        cluster.start()
        load = Load(cluster.net, [n.name for n in cluster.nodes])
        for number in range(faults):
            if number % PART == 0:
                load.begin()
            hits = [kinds[number % len(kinds)]]
            if number % TWICE == TWICE - 1 and len(cluster.nodes) > 2 and given.only is None:
                hits.append(rng.choice(kinds))
            nodes, pause = play(cluster, load, hits, rng, pauses)
            what = " and ".join(f"{fault.__name__} node {node.name}" for fault, node in zip(hits, nodes))
            print(f"{number + 1:4} {what}  pause {pause:.2f} s", flush=True)
            if (number + 1) % PART == 0 or number + 1 == faults:
                for kind, text in load.end():
                    zeros[kind] += 1
                    print(f"PROBLEM {kind}: {text}", flush=True)
                acknowledged += load.acknowledged()
        load.close()
        report(pauses, load, zeros, acknowledged)
    return not any(zeros.values()) and acknowledged > 0 and load.reads > 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("faults", nargs="?", type=int, help="default: a few with each store")
    arguments.add_argument("--store", choices=("postgresql", "rocksdb"), default="postgresql")
    arguments.add_argument("--nodes", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments.add_argument("--only", help="a kind of fault")
    given = arguments.parse_args()
    if missing():
        print(f"skipped: {missing()}")
        return 0
    if given.faults:
        return 0 if run(given, given.store, given.faults) else 1
    return 0 if run(given, "postgresql", SHORT) and run(given, "rocksdb", SHORT) else 1


if __name__ == "__main__":
    sys.exit(main())
