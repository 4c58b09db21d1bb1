"""Who is not let in hears why, by exit code and word; and what a cluster without a majority says."""

import os
import sys

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster


def start(node):
    node.start()
    wait_for(f"node {node.name} is ready", node.is_ready)
    return node


def expect(node, words, code, said):
    got, out, err = node.ctl(*words)
    assert got == code and said in out + err, (words, got, out, err)


def one_by_one(cluster):
    first, second, third, stranger = cluster.nodes
    address = cluster.net.address
    start(first)
    start(second)

    # An address where nobody is, then one where somebody is: the second one counts.
    expect(second, ("join", "10.77.0.99", ), 69, "10.77.0.99")
    expect(second, ("leave",), 1, "only member")
    expect(second, ("check", "quorum"), 0, "")

    # Another secret.
    secret = os.path.join(stranger.home, "secret")
    with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write("this is the secret of some other cluster\n")
    stranger.settings["cluster.secret_file"] = secret
    start(stranger)
    expect(stranger, ("join", address("1")), 77, "secret")

    # Actors of its own.
    line = Line(cluster.net, second.name)
    assert line.ask('call logs.a append ["x"]')[0][0] == "ok"
    line.close()
    expect(second, ("join", address("1")), 65, "actors of its own")

    # A name that is taken.
    third.settings["node.name"] = "node1"
    start(third)
    expect(third, ("join", address("1")), 65, "name")
    third.stop()
    third.settings["node.name"] = "node3"
    start(third)

    # A member of another cluster.
    expect(third, ("join", address("2")), 0, "let in")
    expect(third, ("join", address("2")), 0, "already")
    expect(third, ("join", address("1")), 65, "another cluster")
    expect(third, ("join",), 64, "")


def without_a_majority(cluster):
    """Of two nodes one has the vote: without it nothing is decided."""
    second, third = cluster.nodes[1], cluster.nodes[2]
    wait_for("the records have moved", lambda: third.members().get("node3", {}).get("shards") == 512, 60)
    second.kill()
    wait_for("the quorum is missed", lambda: third.ctl("check", "quorum")[0] == 75)
    expect(third, ("leave",), 75, "quorum")
    second.start()
    wait_for("the quorum is back", lambda: third.ctl("check", "quorum")[0] == 0)
    line = Line(cluster.net, third.name)
    wait_for("the actor of the node that was away is there",
             lambda: line.ask("get logs.a entries t=2000")[1] == ["x"])
    line.close()

    # Who does not own an actor says who does.
    asked = {node.name: node.ctl("--json", "inspect", "logs.a") for node in (second, third)}
    here = [name for name, (code, _, _) in asked.items() if code == 0]
    assert len(here) == 1, asked
    elsewhere, = [answer for answer in asked.values() if answer[0] != 0]
    assert elsewhere[0] == 1 and f"its owner is node{here[0]} (" in elsewhere[2], asked


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    with Cluster("rocksdb", 4) as cluster:
        one_by_one(cluster)
        without_a_majority(cluster)
    return 0


if __name__ == "__main__":
    sys.exit(main())
