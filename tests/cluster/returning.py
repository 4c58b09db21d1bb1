"""A node comes back before others have missed it, and cannot be a member again at once: what their
clients ask it meanwhile waits, and is answered; what their supervisors propose to it goes to whoever
leads.

    python3 tests/cluster/returning.py
"""

import sys
import threading
import time

from _load import Line
from _net import missing
from _node import wait_for
from campaign import Cluster

TRIES = 5        # on a slow machine it may be missed after all
ACTORS = 12


def ask_all(cluster, node, addresses, text):
    """The first two words of each answer, asked side by side through the node."""
    answers = {}

    def ask(address):
        line = Line(cluster.net, node.name)
        words, _ = line.ask(f"call {address} append t=10000 [\"{text}-{address}\"]")
        line.close()
        answers[address] = " ".join(words[:2]) if words[0] == "err" else words[0]

    threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    return threads, answers


def losses(node):
    return node.logged("a link is lost", "name=node2")


def play(cluster, number):
    """What was answered where the node came back in time."""
    leader, node, asker = cluster.nodes
    others = [row["address"] for row in node.rows("actors")]
    before = losses(asker)
    cluster.net.cut(node.name, leader.name)
    cluster.net.cut(leader.name, node.name)
    node.kill()
    wait_for("the others have lost it", lambda: losses(asker) > before)
    threads, answers = ask_all(cluster, asker, others, f"try{number}")
    node.start()
    time.sleep(1)
    cluster.net.heal()
    for thread in threads:
        thread.join()
    wait_for("all is well", cluster.is_whole)
    print(f"{len(others)} actors: {sorted(answers.values())}", flush=True)
    assert len(answers) == len(others), "every request has an answer"
    return set(answers.values())


def leader_of(cluster):
    return next((node for node in cluster.nodes
                 if cluster.nodes[0].members().get(f"node{node.name}", {}).get("role") == "leader"), None)


def is_answered_before_it_is_a_member(cluster):
    """The others take who led them for their leader still: it answers that it is not."""
    for _ in range(TRIES):
        leader = wait_for("somebody leads", lambda: leader_of(cluster))
        leader.kill()
        leader.start()
        wait_for("all is well", cluster.is_whole)
    for node in cluster.nodes:
        assert node.logged("is not understood") == 0, node.name


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    with Cluster("rocksdb", 3) as cluster:
        cluster.start()
        threads, made = ask_all(cluster, cluster.nodes[2], [f"logs.r-{i}" for i in range(ACTORS)], "begin")
        for thread in threads:
            thread.join()
        assert set(made.values()) == {"ok"}, made
        for number in range(TRIES):
            answers = play(cluster, number)
            if "err lost" in answers:
                print("PROBLEM: a request waited and was then told that nobody knows what became of it")
                return 1
            if answers == {"ok"}:
                break
        else:
            print(f"PROBLEM: never in time, in {TRIES} tries")
            return 1
        is_answered_before_it_is_a_member(cluster)
        return 0


if __name__ == "__main__":
    sys.exit(main())
