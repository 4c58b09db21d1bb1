"""Five nodes join and leave in turn under load, by each of the three ways to join, without one
failed request; each has a store of its own, so that all records move with their shards, or all share a
database.

    python3 tests/cluster/comings_and_goings.py [ROUNDS] [rocksdb|postgresql]
"""

import sys

from _load import Load
from _net import missing
from _node import wait_for
from campaign import Cluster

WAYS = ("command", "option", "file")


def come(cluster, node, way):
    first = cluster.nodes[0]
    if way == "command":
        node.start()
        if cluster.database:
            wait_for("it waits for the cluster that the database is of", lambda: "foreign-store" in node.ctl("status")[1])
        else:
            wait_for(f"node {node.name} is ready", node.is_ready)
        code, out, err = node.ctl("join", cluster.net.address(first.name))
        assert code == 0, (code, out, err)
        code, out, err = node.ctl("join", cluster.net.address(first.name))
        assert code == 0 and "already" in out, ("joining twice", code, out, err)
    elif way == "option":
        node.start("--join", cluster.net.address(first.name))
    else:
        node.settings["cluster.peers"] = f"{cluster.net.address(first.name)}, {cluster.net.address('2')}"
        node.start()
    wait_for(f"node {node.name} has shards of its own", lambda: first.members().get(f"node{node.name}", {}).get("shards", 0) > 100)
    wait_even(cluster, node)


def wait_even(cluster, node):
    def even():
        rows = [row for row in cluster.nodes[0].members().values() if row["state"] == "up"]
        return rows and max(r["shards"] for r in rows) - min(r["shards"] for r in rows) <= 1
    wait_for("the shares are even", even, 60)
    wait_for(f"node {node.name} is ready", node.is_ready)


def go(cluster, node):
    code, out, err = node.ctl("leave")
    assert code == 0, (code, out, err)
    assert "shards=0 of=1024" in err, err
    assert node.wait_end() == 0, "a node that has left ends with 0"
    assert f"node{node.name}" not in cluster.nodes[0].members()
    node.settings.pop("cluster.peers", None)


def joins_whose_database_it_finds():
    """A fresh instance with the database of a cluster waits to be joined to it."""
    with Cluster("postgresql", 2) as cluster:
        first, second = cluster.nodes
        first.start()
        wait_for("the first node is ready", first.is_ready)
        second.start()
        wait_for("it waits", lambda: "foreign-store" in second.ctl("status")[1])
        assert not second.is_ready()
        code, out, err = second.ctl("join", cluster.net.address("1"))
        assert code == 0, (code, out, err)
        cluster.wait_whole()
        assert "foreign-store" not in second.ctl("status")[1]


def first_of_the_peers_leaves():
    """With one list of peers at all nodes its first node founds; but not again when it has left."""
    with Cluster("rocksdb", 2) as cluster:
        first, second = cluster.nodes
        for node in cluster.nodes:
            node.settings["cluster.peers"] = ", ".join(cluster.net.address(n.name) for n in cluster.nodes)
            node.start()
        cluster.wait_whole()
        code, out, err = first.ctl("leave")
        assert code == 0, (code, out, err)
        assert first.wait_end() == 0, "a node that has left ends with 0"
        wait_for("the second leads", lambda: second.members().get("node2", {}).get("role") == "leader")
        second.kill()
        first.start()
        wait_for("it waits while no other answers", lambda: "unreachable" in first.tail())
        assert not first.is_ready()
        second.start()
        cluster.wait_whole()


def play(cluster, rounds):
    load, failed = Load(cluster.net, ["1"], clients_each=6), []
    load.begin()
    for number in range(rounds):
        for node, way in zip(cluster.nodes[1:], WAYS + WAYS):
            come(cluster, node, way)
            print(f"node {node.name} has joined by {way}", flush=True)
        for node in cluster.nodes[1:]:
            go(cluster, node)
            print(f"node {node.name} has left", flush=True)
    failed += load.end()
    load.close()
    return load, failed


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    store = sys.argv[2] if len(sys.argv) > 2 else "rocksdb"
    if missing():
        print(f"skipped: {missing()}")
        return 0
    joins_whose_database_it_finds()
    first_of_the_peers_leaves()
    with Cluster(store, 5) as cluster:
        cluster.nodes[0].start()
        wait_for("the first node is ready", cluster.nodes[0].is_ready)
        load, problems = play(cluster, rounds)
        for kind, text in problems:
            print(f"PROBLEM {kind}: {text}")
        errors = {code: n for code, n in load.codes.items() if code != "ok"}
        print(f"answers: {load.codes}; failed requests: {sum(errors.values())}")
        assert not problems and not errors, "what the nodes said last tells why, perhaps"
    return 0


if __name__ == "__main__":
    sys.exit(main())
