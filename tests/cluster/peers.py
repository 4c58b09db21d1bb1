"""All nodes have the same list of peers and nothing else to go by: they form one cluster also where
one is late, and whoever comes back with an empty disk founds no second one.

    python3 tests/cluster/peers.py
"""

import shutil
import sys

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster


def give_list(cluster):
    for node in cluster.nodes:
        node.settings["cluster.peers"] = ", ".join(cluster.net.address(n.name) for n in cluster.nodes)


def put(cluster, name, value):
    line = Line(cluster.net, name)
    words, length = line.ask(f'call logs.kept append t=5000 ["{value}"]')
    line.close()
    assert words[0] == "ok", words
    return length


def cut_off(cluster, node):
    for other in cluster.nodes:
        if other is not node:
            cluster.net.cut(node.name, other.name)
            cluster.net.cut(other.name, node.name)


def give_up_first(other):
    wait_for("it is missed", lambda: other.members().get("node1", {}).get("state") == "down")
    code, out, err = other.ctl("--yes", "remove", "node1", "lose=1")
    assert code == 0, (code, out, err)


def begins_together(cluster):
    """The first alone founds nothing; with one of two others it does; the third comes later."""
    first, second, third = cluster.nodes
    first.start()
    wait_for("the first says why it founds none", lambda: first.logged("founds no cluster"))
    assert "peers say that they have none" in first.ctl("status")[1], first.ctl("status")
    assert not first.is_ready()
    third.start()
    wait_for("two have formed a cluster", lambda: first.is_ready() and third.is_ready())
    assert first.logged("this node founds the cluster of its peers peers=2 without=1") == 1
    second.start()
    cluster.wait_whole()
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    assert put(cluster, "2", "a") == 1


def comes_back_empty(cluster):
    """The first has lost its disk, and cannot reach the others at first."""
    first, second, third = cluster.nodes
    first.kill()
    shutil.rmtree(f"{first.home}/state")
    founded = first.logged("this node founds the cluster")
    refused = first.logged("founds no cluster")
    cut_off(cluster, first)
    first.start()
    wait_for("it says again why it founds none", lambda: first.logged("founds no cluster") > refused)
    assert not first.is_ready()
    cluster.net.heal()
    wait_for("it asks to join, and its place is taken", lambda: first.logged("a member has this name"))
    give_up_first(second)
    cluster.wait_whole()
    assert first.logged("this node founds the cluster") == founded
    assert len({node.ctl("--json", "members")[1].count("\n") for node in cluster.nodes}) == 1


def one_of_two(cluster):
    """It reaches one that has a cluster and one that is away."""
    first, second, third = cluster.nodes
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    first.kill()
    give_up_first(second)
    shutil.rmtree(f"{first.home}/state")
    third.kill()
    founded = first.logged("this node founds the cluster")
    asked = first.logged("operation=join")
    first.start()
    wait_for("it asks to join", lambda: first.logged("operation=join") > asked)
    assert first.logged("this node founds the cluster") == founded
    third.start()
    cluster.wait_whole()
    assert first.logged("this node founds the cluster") == founded


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    with Cluster("rocksdb", 3) as cluster:
        give_list(cluster)
        for course in (begins_together, comes_back_empty, one_of_two):
            course(cluster)
            print(course.__name__.replace("_", " "), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
