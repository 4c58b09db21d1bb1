"""What a database keeps of a cluster whose state directories are lost, or are older copies: the
nodes go above the epochs in it, and serve what it holds.

    python3 tests/cluster/state_lost.py
"""

import glob
import shutil
import sys

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster

ACTORS = 48


def logged(node, text):
    with open(f"{node.home}/log", encoding="utf-8", errors="replace") as log:
        return sum(text in line for line in log)


def append(cluster, name, text):
    """How long each actor's log is then."""
    line = Line(cluster.net, name)
    lengths = []
    for i in range(ACTORS):
        words, length = line.ask(f'call logs.{i} append t=10000 ["{text}"]')
        assert words[0] == "ok", (i, words)
        lengths.append(length)
    line.close()
    return set(lengths)


def the_log_is_lost(cluster):
    """The founder's alone is left of its state; the shards that had moved are in later epochs."""
    first, second = cluster.nodes
    cluster.start()
    assert append(cluster, "2", "a") == {1}
    code, out, err = second.ctl("leave")
    assert code == 0, (code, out, err)
    assert second.wait_end() == 0
    assert append(cluster, "1", "b") == {2}
    first.stop()
    for log in glob.glob(f"{first.home}/state/raft-*"):
        shutil.rmtree(log)
    first.start()
    wait_for("the node is ready", first.is_ready)
    assert append(cluster, "1", "c") == {3}
    assert logged(first, "its shards are above them now") > 0
    second.start("--join", cluster.net.address("1"))
    cluster.wait_whole()
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    assert append(cluster, "2", "d") == {4}


def an_older_copy(cluster):
    """Of an instance that is no cluster's node."""
    alone = cluster.nodes[0]
    alone.settings["cluster.secret_file"] = ""
    alone.start()
    wait_for("it is ready", alone.is_ready)
    assert append(cluster, "1", "a") == {1}
    alone.stop()
    shutil.copytree(f"{alone.home}/state", f"{alone.home}/copy")
    for text, length in (("b", 2), ("c", 3)):
        alone.start()
        wait_for("it is ready", alone.is_ready)
        assert append(cluster, "1", text) == {length}
        alone.stop()
    shutil.rmtree(f"{alone.home}/state")
    shutil.move(f"{alone.home}/copy", f"{alone.home}/state")
    alone.start()
    wait_for("it is ready", alone.is_ready)
    assert append(cluster, "1", "d") == {4}
    assert logged(alone, "its shards are above them now") > 0


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    for course, count in ((the_log_is_lost, 2), (an_older_copy, 1)):
        cluster = Cluster("postgresql", count)
        try:
            course(cluster)
            print(course.__name__.replace("_", " "), flush=True)
        except AssertionError:
            for node in filter(lambda n: n.process, cluster.nodes):
                print(f"--- node {node.name}: {node.members()}\n{node.tail()}", file=sys.stderr)
            raise
        finally:
            cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
