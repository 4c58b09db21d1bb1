"""What a database keeps of a cluster whose state directories are lost, or are older copies: the
nodes go above the epochs in it, and serve what it holds.

    python3 tests/cluster/state_lost.py
"""

import glob
import re
import shutil
import sys

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster

ACTORS = 48


def start(node):
    node.start()
    wait_for("it is ready", node.is_ready)


def start_alone(cluster):
    """An instance that is no cluster's node."""
    node = cluster.nodes[0]
    node.settings["cluster.secret_file"] = ""
    start(node)
    return node


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
    start(first)
    assert append(cluster, "1", "c") == {3}
    assert first.logged("its shards are above them now") > 0
    second.start("--join", cluster.net.address("1"))
    cluster.wait_whole()
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    assert append(cluster, "2", "d") == {4}


def an_older_copy(cluster):
    """Of an instance that is no cluster's node."""
    alone = start_alone(cluster)
    assert append(cluster, "1", "a") == {1}
    alone.stop()
    shutil.copytree(f"{alone.home}/state", f"{alone.home}/copy")
    for text, length in (("b", 2), ("c", 3)):
        start(alone)
        assert append(cluster, "1", text) == {length}
        alone.stop()
    shutil.rmtree(f"{alone.home}/state")
    shutil.move(f"{alone.home}/copy", f"{alone.home}/state")
    start(alone)
    assert append(cluster, "1", "d") == {4}
    assert alone.logged("its shards are above them now") > 0


def whose(node):
    """The id that the alarm names."""
    code, out, _ = node.ctl("status")
    return re.search(r"takeover = ([0-9a-f]{32})", out).group(1)


def everything_is_lost(cluster):
    first, second = cluster.nodes
    cluster.start()
    assert append(cluster, "2", "a") == {1}
    for node in cluster.nodes:
        node.kill()
        shutil.rmtree(f"{node.home}/state")
    first.start()
    wait_for("it waits", lambda: "foreign-store" in first.ctl("status")[1])
    assert not first.is_ready()
    former = whose(first)
    first.stop()
    first.settings["store.takeover"] = "0" * 32
    first.start()
    wait_for("it waits still", lambda: "foreign-store" in first.ctl("status")[1])
    first.stop()
    first.settings["store.takeover"] = second.settings["store.takeover"] = former
    start(first)
    assert "foreign-store" not in first.ctl("status")[1]
    assert append(cluster, "1", "b") == {2}
    second.start("--join", cluster.net.address("1"))
    cluster.wait_whole()
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    assert append(cluster, "2", "c") == {3}
    first.stop()
    first.start()           # with the setting still there
    cluster.wait_whole()
    assert append(cluster, "1", "d") == {4}


def the_former_cluster_lives(cluster):
    """An operator was wrong, and it hears of it; nothing is acknowledged by two."""
    former, other = cluster.nodes
    start(former)
    assert append(cluster, "1", "a") == {1}
    other.start()
    wait_for("it waits", lambda: "foreign-store" in other.ctl("status")[1])
    other.settings["store.takeover"] = whose(other)
    other.stop()
    other.start()
    wait_for("it serves", other.is_ready)
    assert append(cluster, "2", "b") == {2}
    line = Line(cluster.net, "1")
    assert line.ask('call logs.0 append t=2000 ["late"]')[0][0] == "err"
    line.close()
    wait_for("the former one says why", lambda: "it holds the state of another cluster" in former.ctl("status")[1])
    assert append(cluster, "2", "c") == {3}
    former.kill()
    former.start()
    wait_for("it gives up, or waits", lambda: "foreign-store" in former.ctl("status")[1])
    assert append(cluster, "2", "d") == {4}


def alone(cluster):
    """An instance without a cluster has lost its state directory."""
    node = start_alone(cluster)
    assert append(cluster, "1", "a") == {1}
    node.stop()
    shutil.rmtree(f"{node.home}/state")
    node.start()
    assert node.wait_end() == 78
    former = re.search(r"state of another cluster \(([0-9a-f]{32}),", node.tail()).group(1)
    node.settings["store.takeover"] = former
    start(node)
    assert append(cluster, "1", "b") == {2}
    node.stop()
    start(node)
    assert append(cluster, "1", "c") == {3}


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    for course, count in ((the_log_is_lost, 2), (an_older_copy, 1), (everything_is_lost, 2), (the_former_cluster_lives, 2),
                          (alone, 1)):
        with Cluster("postgresql", count) as cluster:
            course(cluster)
            print(course.__name__.replace("_", " "), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
