"""A cluster is upgraded node by node under load: the later build says that it is one version on
and can talk the former one as well. A build that cannot is refused with 76.
"""

import os
import sys

from _load import Load
from _net import missing
from _node import BUILD, wait_for
from campaign import Cluster

PROGRAMS = {"stage": "tests/cluster/stage-later", "stage-tunnel": "tests/unit/tunnel/stage-tunnel-later",
            "stage-gateway": "worker/gateway/stage-gateway", "stage-actor": "worker/actor/stage-actor",
            "stage-store": "worker/store/stage-store"}


def later_programs(home):
    folder = os.path.join(home, "later")
    os.mkdir(folder)
    for name, path in PROGRAMS.items():
        os.symlink(os.path.join(BUILD, path), os.path.join(folder, name))
    return folder


def refuses_strangers(cluster, programs):
    """One that talks the next version alone finds nobody to talk to."""
    node = cluster.nodes[3]
    node.upgrade(programs)
    node.environment["LATER_OLDEST"] = "2"
    node.settings = {k: v for k, v in node.settings.items() if not k.startswith("store.")}
    node.start()
    wait_for("the newest node is ready", node.is_ready)
    code, out, err = node.ctl("join", cluster.net.address("1"))
    assert code == 76, (code, out, err)
    node.stop()
    return cluster.nodes.pop()


def main():
    if missing():
        print(f"skipped: {missing()}")
        return 0
    with Cluster("postgresql", 4) as cluster:
        programs = later_programs(cluster.home)
        newest = cluster.nodes.pop()
        cluster.start()
        cluster.nodes.append(newest)
        refuses_strangers(cluster, programs)
        load = Load(cluster.net, [n.name for n in cluster.nodes])
        load.begin()
        for node in cluster.nodes:
            node.stop()
            node.upgrade(programs)
            node.start()
            cluster.wait_whole()
            print(f"node {node.name} is one version on", flush=True)
        problems = load.end()
        load.close()
        for kind, text in problems:
            print(f"PROBLEM {kind}: {text}")
        print(f"answers: {load.codes}; acknowledged {load.acknowledged()}")
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
