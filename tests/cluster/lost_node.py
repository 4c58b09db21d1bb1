"""A machine that is lost for good: it is forgotten, another one takes its name, and what its disk
held is given up only where somebody says so.

    python3 tests/cluster/lost_node.py
"""

import shutil
import sys

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster

ACTORS = 24


def expect(node, words, code, said=""):
    got, out, err = node.ctl(*words)
    assert got == code and said in out + err, (words, got, out, err)


def append(cluster, name, text):
    """The length that each actor's log has then; None where it is not reached."""
    line = Line(cluster.net, name)
    found = []
    for i in range(ACTORS):
        words, value = line.ask(f'call logs.{i} append t=2000 ["{text}"]')
        assert words[0] == "ok" or (words[1] == "unreachable" and value == {"node": "node3"}), (words, value)
        found.append(value if words[0] == "ok" else None)
    line.close()
    return found


def lose(cluster, node):
    node.kill()
    wait_for("it is declared down", lambda: cluster.nodes[0].members()[f"node{node.name}"]["state"] == "down")


def replace(cluster, node):
    """A new machine of that name."""
    shutil.rmtree(f"{node.home}/state")
    node.start("--join", cluster.net.address("1"))
    cluster.wait_whole()


def own_stores(cluster):
    first, second, lost = cluster.nodes
    before = append(cluster, "1", "a")
    assert before == [1] * ACTORS
    expect(first, ("remove", "node9"), 68, "no member of this name")
    expect(first, ("remove", "node1"), 1, "let it leave")
    expect(first, ("remove", "node3", "lose=2"), 64)
    expect(first, ("remove", "node3", "lose=1"), 64, "--yes")
    expect(first, ("--yes", "remove", "node3", "lose=1"), 1, "it is not down")
    lose(cluster, lost)
    expect(second, ("remove", "node3"), 1, "its disk holds the actors")
    there = append(cluster, "1", "b")
    assert None in there and 2 in there, there
    expect(second, ("--yes", "remove", "node3", "lose=1"), 0)
    assert "node3" not in first.members()
    after = append(cluster, "1", "c")
    assert after == [1 if n is None else 3 for n in there], (there, after)
    # The old process is told, and ends.
    lost.start()
    assert lost.wait_end() == 0
    assert "removed from its cluster" in lost.tail(200), lost.tail(200)
    replace(cluster, lost)
    assert append(cluster, "3", "d") == [2 if n is None else 4 for n in there]


def one_database(cluster):
    append(cluster, "1", "a")
    lost = cluster.nodes[2]
    lose(cluster, lost)
    wait_for("its actors are served elsewhere", lambda: None not in append(cluster, "1", "b"))
    expect(cluster.nodes[0], ("remove", "node3"), 0)
    replace(cluster, lost)
    assert None not in append(cluster, "3", "c")


def play(store, course):
    with Cluster(store, 3) as cluster:
        cluster.start()
        course(cluster)


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    play("rocksdb", own_stores)
    play("postgresql", one_database)
    return 0


if __name__ == "__main__":
    sys.exit(main())
