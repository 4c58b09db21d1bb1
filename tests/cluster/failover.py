"""From the death of a node to all its shards served elsewhere, with default settings and one
database for all nodes. An actor of every shard that the node owned is asked.

    python3 tests/cluster/failover.py [KILLS]
"""

import select
import statistics
import subprocess
import sys
import threading
import time

from _load import Broken, Line
from _net import missing
from _node import BUILD, Late, wait_for
from campaign import Cluster

MEDIAN_MOST = 4.0    # seconds, of FEW kills or more
FEW, FEW_MOST = 10, 6.0 # of fewer, which a machine that stops for a while moves
DEADLINE = 300       # ms of a request: one that was lost with the node is asked again
PAUSE = 0.02         # seconds until who was refused is asked again
AT_ONCE = 128        # requests of a connection: its `inflight` is 256


def addresses(cluster):
    """An actor of every shard, by the shard's number."""
    with open(f"{cluster.nodes[0].home}/state/cluster", encoding="ascii") as file:
        facts = dict(line.partition(" ")[::2] for line in file.read().splitlines())
    done = subprocess.run([f"{BUILD}/tests/cluster/addresses", facts["key"], facts["shards"], "logs."],
                          check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def shards_of(node, cluster):
    """The numbers of the shards that it owns; nothing while nodes differ about that."""
    seen = [[row["shard"] for row in other.rows("shards") if row["node"] == f"node{node.name}"]
            for other in cluster.nodes]
    return seen[0] if all(shards == seen[0] for shards in seen) else None


def owned(cluster, node, witness, actors):
    """An actor of each shard that the node owns, all of them served by it."""
    shards = wait_for("all agree on who owns what", lambda: shards_of(node, cluster))
    found = [actors[shard] for shard in shards]
    served(cluster, witness.name, found)
    there = {row["address"] for row in node.rows("actors")}
    assert there >= set(found), f"node {node.name} has none of {sorted(set(found) - there)[:3]}"
    return found


class Asker(threading.Thread):
    """Asks a few actors over one connection, again and again, until each has answered."""

    def __init__(self, cluster, name, group, seconds):
        super().__init__(daemon=True)
        self.line = Line(cluster.net, name)
        self.waiting = dict(enumerate(group))
        self.end, self.last, self.problem = time.monotonic() + seconds, None, None

    def say(self, numbers):
        self.line.socket.sendall("".join(
            f'{n} call {self.waiting[n]} append t={DEADLINE} ["x"]\n' for n in numbers).encode())

    def hear(self):
        """One answer; True where the actor is to be asked again."""
        words = self.line.read().split(" ")
        if words[1] == "ok":
            self.last = time.monotonic()
            del self.waiting[int(words[0])]
            return None
        return int(words[0])

    def has_more(self, until):
        return b"\n" in self.line.rest or select.select([self.line.socket], [], [], max(0, until - time.monotonic()))[0]

    def play(self):
        refused = list(self.waiting)
        while self.waiting:
            self.say(refused)
            refused, until = [], time.monotonic() + PAUSE
            while self.waiting and self.has_more(until):
                number = self.hear()
                refused += [] if number is None else [number]
            if time.monotonic() > self.end:
                raise Late(f"{len(self.waiting)} actors are not served, among them {list(self.waiting.values())[:3]}")

    def run(self):
        try:
            self.play()
        except (AssertionError, Broken, OSError) as problem:
            self.problem = problem
        finally:
            self.line.close()


def served(cluster, name, actors, seconds=30.0):
    """How long until the last of these actors has answered a call through that node."""
    askers = [Asker(cluster, name, actors[i:i + AT_ONCE], seconds) for i in range(0, len(actors), AT_ONCE)]
    began = time.monotonic()
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
        if asker.problem:
            raise asker.problem
    return max(asker.last for asker in askers) - began


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    if missing():
        print(f"skipped: {missing()}")
        return 0
    times = []
    with Cluster("postgresql", 3) as cluster:
        cluster.start()
        actors = addresses(cluster)
        for number in range(kills):
            victim, witness = cluster.nodes[number % 3], cluster.nodes[(number + 1) % 3]
            lost = owned(cluster, victim, witness, actors)
            victim.kill()
            times.append(served(cluster, witness.name, lost))
            print(f"{number + 1:4} node {victim.name} killed, all its {len(lost)} shards served after "
                  f"{times[-1]:.2f} s", flush=True)
            victim.start()
            cluster.wait_whole()
            wait_for("its shards are back", cluster.is_formed, 60, 0.1)
    median = statistics.median(times)
    most = MEDIAN_MOST if kills >= FEW else FEW_MOST
    print(f"kills {kills}, median {median:.2f} s, worst {max(times):.2f} s (at most {most:.0f} s at the median)")
    return 1 if median > most else 0


if __name__ == "__main__":
    sys.exit(main())
