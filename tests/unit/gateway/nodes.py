"""How a test's gateway finds itself among other nodes."""

import wire


def abroad(stage, cluster=3):
    """All shards are node 0's, and there is a link to it."""
    stage.node_is(0)
    link = stage.node_linked(0)
    stage.moves_to_node(0, cluster)
    return link


def asked_here(stage, cluster=3):
    """All shards are here, and another node asks for them."""
    stage.node_is(0)
    link = stage.node_linked(0, incoming=True)
    stage.moves_here(cluster)
    return link


def heard_lost(stage):
    stage.settles()
    return stage.lost
