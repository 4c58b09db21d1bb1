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


def logged(node, text):
    with open(f"{node.home}/log", encoding="utf-8", errors="replace") as log:
        return sum(text in line for line in log)


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


def begins_together(cluster):
    """The first alone founds nothing; with one of two others it does; the third comes later."""
    first, second, third = cluster.nodes
    first.start()
    wait_for("the first says why it founds none", lambda: logged(first, "founds no cluster"))
    assert "peers say that they have none" in first.ctl("status")[1], first.ctl("status")
    assert not first.is_ready()
    third.start()
    wait_for("two have formed a cluster", lambda: first.is_ready() and third.is_ready())
    assert logged(first, "this node founds the cluster of its peers peers=2 without=1") == 1
    second.start()
    cluster.wait_whole()
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    assert put(cluster, "2", "a") == 1


def comes_back_empty(cluster):
    """The first has lost its disk, and cannot reach the others at first."""
    first, second, third = cluster.nodes
    first.kill()
    shutil.rmtree(f"{first.home}/state")
    founded = logged(first, "this node founds the cluster")
    refused = logged(first, "founds no cluster")
    cut_off(cluster, first)
    first.start()
    wait_for("it says again why it founds none", lambda: logged(first, "founds no cluster") > refused)
    assert not first.is_ready()
    cluster.net.heal()
    wait_for("it asks to join, and its place is taken", lambda: logged(first, "a member has this name"))
    wait_for("it is missed", lambda: second.members().get("node1", {}).get("state") == "down")
    code, out, err = second.ctl("--yes", "remove", "node1", "lose=1")
    assert code == 0, (code, out, err)
    cluster.wait_whole()
    assert logged(first, "this node founds the cluster") == founded
    assert len({node.ctl("--json", "members")[1].count("\n") for node in cluster.nodes}) == 1


def one_of_two(cluster):
    """It reaches one that has a cluster and one that is away."""
    first, second, third = cluster.nodes
    wait_for("every node has its part", cluster.is_formed, 60, 0.1)
    first.kill()
    wait_for("it is missed", lambda: second.members().get("node1", {}).get("state") == "down")
    code, out, err = second.ctl("--yes", "remove", "node1", "lose=1")
    assert code == 0, (code, out, err)
    shutil.rmtree(f"{first.home}/state")
    third.kill()
    founded = logged(first, "this node founds the cluster")
    asked = logged(first, "operation=join")
    first.start()
    wait_for("it asks to join", lambda: logged(first, "operation=join") > asked)
    assert logged(first, "this node founds the cluster") == founded
    third.start()
    cluster.wait_whole()
    assert logged(first, "this node founds the cluster") == founded


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    cluster = Cluster("rocksdb", 3)
    try:
        give_list(cluster)
        for course in (begins_together, comes_back_empty, one_of_two):
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
