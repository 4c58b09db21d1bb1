"""Who gets through a tunnel, and what is said to who does not."""

import os
import select
import socket
import struct
import sys
import time

import tunnel
from tunnel import DATA, ENGINE, JOIN, ROWS, run


def two_nodes_hear_who_the_other_is(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    dialed = alpha.dials(beta, ROWS, b"\x00\x01shards")
    assert dialed.code == "ok" and dialed.version == 1 and dialed.text == "", dialed
    assert dialed.hello["node"] == beta.node and dialed.hello["name"] == "beta", dialed
    assert dialed.hello["address"] == "beta:1" and dialed.hello["cluster"] == tunnel.CLUSTER, dialed
    hello, version, theirs = beta.arrival()
    assert version == 1 and hello["kind"] == ROWS and hello["argument"] == b"\x00\x01shards", hello
    assert hello["node"] == alpha.node and hello["name"] == "alpha" and hello["address"] == "alpha:1", hello
    dialed.socket.send(b"hello beta")
    assert tunnel.receives(theirs, 10) == b"hello beta"
    theirs.send(b"hello alpha")
    assert tunnel.receives(dialed.socket, 11) == b"hello alpha"


def a_name_is_looked_up(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    dialed = alpha.dials(f"localhost:{beta.port}")
    assert dialed.code == "ok", dialed
    beta.arrival()


def a_new_identity_is_told_from_then_on(world):
    alpha, beta = world.node("alpha", cluster=b""), world.node("beta")
    refused = alpha.dials(beta)
    assert refused.code == "refused" and "another cluster" in refused.text, refused
    assert refused.hello["name"] == "beta", refused
    assert alpha.dials(beta, JOIN).code == "ok"
    hello, _, _ = beta.arrival()
    assert hello["cluster"] == b"" and hello["kind"] == JOIN, hello
    alpha.is_called(tunnel.CLUSTER)
    assert alpha.dials(beta).code == "ok"
    assert beta.arrival()[0]["cluster"] == tunnel.CLUSTER


def another_cluster_may_only_join(world):
    alpha, beta = world.node("alpha", cluster=b"0123456789abcdef"), world.node("beta")
    for kind in (ENGINE, DATA, ROWS):
        refused = alpha.dials(beta, kind)
        assert refused.code == "refused" and "another cluster" in refused.text, refused
    assert alpha.dials(beta, JOIN).code == "ok"


def a_node_does_not_connect_to_itself(world):
    alpha = world.node("alpha")
    refused = alpha.dials(alpha, JOIN)
    assert refused.code == "refused" and "itself" in refused.text and refused.hello["node"] == alpha.node, refused


def an_unknown_kind_is_refused(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    refused = alpha.dials(beta, 77)
    assert refused.code == "refused" and "kind" in refused.text, refused


def another_secret_is_denied(world):
    alpha, beta = world.node("alpha", secret="this is not the secret of the others"), world.node("beta")
    for _ in range(3):
        denied = alpha.dials(beta, JOIN)
        assert denied.code == "denied" and "secret" in denied.text and denied.hello is None, denied
    assert alpha.dials(beta, JOIN).code == "denied"
    beta.waits_until(lambda figures: figures["refused"] == 4, "that all are refused")
    assert beta.logged().count("was not let in") == 1, beta.logged()
    assert "its secret is another one" in beta.logged(), beta.logged()


def the_end_of_the_secrets_line_does_not_count(world):
    plain, beta = world.node("alpha", secret="sixteen bytes ok"), world.node("beta", secret="sixteen bytes ok\r\n")
    assert plain.dials(beta).code == "ok"


def versions_that_overlap_agree(world):
    alpha, beta = world.node("alpha"), world.node("beta", later=True)
    dialed = alpha.dials(beta)
    assert dialed.code == "ok" and dialed.version == 1 and dialed.hello["version"] == 2, dialed
    assert beta.arrival()[1] == 1
    gamma = world.node("gamma", later=True, LATER_OLDEST="2")
    assert gamma.dials(beta).version == 2
    assert beta.arrival()[1] == 2


def versions_that_do_not_overlap_say_so(world):
    alpha, beta = world.node("alpha"), world.node("beta", later=True, LATER_OLDEST="2")
    for one, other, theirs in ((alpha, beta, 2), (beta, alpha, 1)):
        refused = one.dials(other)
        assert refused.code == "version" and "version" in refused.text and refused.version == 0, refused
        assert refused.hello["version"] == theirs, refused
    alpha.comes_to_log("version")
    beta.comes_to_log("version")


def nobody_there_is_unreachable(world):
    alpha = world.node("alpha")
    free = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
    free.close()
    gone = alpha.dials(address)
    assert gone.code == "unreachable" and gone.text == f"{address}: Connection refused", gone
    for wrong in ("", "a b", "alpha:", "alpha:0", ":5", "[::1", "*", "x" * 262):
        assert alpha.dials(wrong).code == "unreachable", wrong
    assert alpha.dials("nowhere.invalid:5").code == "unreachable"


def who_answers_but_is_no_node_is_unreachable(world):
    alpha = world.node("alpha")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        alpha.control.send(tunnel.wire.pack([tunnel.DIAL, 1, JOIN, address, tunnel.Bin(b"")]))
        theirs, _ = server.accept()
        theirs.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        answer = alpha.answer()
        assert answer.code == "unreachable" and "TLS" in answer.text, answer
        alpha.control.send(tunnel.wire.pack([tunnel.DIAL, 2, JOIN, address, tunnel.Bin(b"")]))
        silent, _ = server.accept()
        answer = alpha.answer()
        assert answer.code == "unreachable" and "in time" in answer.text, answer
        theirs.close(), silent.close()


def _ended(sock):
    """Whatever it answers, it ends."""
    sock.settimeout(tunnel.PATIENCE)
    try:
        while sock.recv(65536):
            pass
    except ConnectionError:
        pass
    sock.close()


def what_is_no_greeting_is_sent_away(world):
    beta = world.node("beta")
    record = b"\x16\x03\x01" + struct.pack(">H", 512)
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"hello there\n", b"", record + os.urandom(512), os.urandom(20000),
                 record[:3], b"\x80" * 64):
        stranger = socket.create_connection(("127.0.0.1", beta.port))
        try:
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was sent away before it had said all
        _ended(stranger)
    beta.waits_until(lambda figures: figures["refused"] == 7, "that all are refused")
    assert beta.logged().count("was not let in") == 1, beta.logged()
    assert "it speaks HTTP" in beta.logged(), beta.logged()
    assert world.node("alpha").dials(beta).code == "ok"


def _stranger(node, number):
    """Of another host than the nodes are of."""
    return socket.create_connection(("127.0.0.1", node.port), source_address=(f"127.0.0.{number}", 0))


def _is_open(sock):
    """Nobody has ended it."""
    return not select.select([sock], [], [], 0)[0]


def _limited(world, **limits):
    """A node with a minute's patience, so that whoever goes before is turned away."""
    settings = {"cluster.handshake_time": "60s"} | {f"cluster.{key}": value for key, value in limits.items()}
    return world.node("beta", settings=settings)


def who_fails_too_often_is_turned_away(world):
    beta = _limited(world, handshake_failures="3")
    for _ in range(3):
        stranger = _stranger(beta, 2)
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        _ended(stranger)
    _ended(_stranger(beta, 2))
    beta.waits_until(lambda figures: figures["refused"] == 4, "that the fourth is refused")
    other = _stranger(beta, 3)
    beta.waits_until(lambda figures: figures["waiting"] == 1, "that another host's is waited for")
    assert world.node("alpha").dials(beta).code == "ok"
    assert _is_open(other)
    other.close()


def strangers_begin_no_faster_than_they_may(world):
    alpha, beta = world.node("alpha"), _limited(world, handshake_rate="1")
    world.connection(alpha, beta)                   # it is known from here on
    began = time.monotonic()
    strangers = [_stranger(beta, 2 + i) for i in range(20)]
    beta.waits_until(lambda figures: figures["refused"] + figures["waiting"] == 20, "that all have come")
    let_in = beta.figures()["waiting"]
    assert let_in <= 1 + time.monotonic() - began, let_in
    assert alpha.dials(beta).code == "ok"
    assert beta.arrival()
    for stranger in strangers:
        stranger.close()


def a_crowd_of_one_host_gives_way(world):
    alpha, beta = world.node("alpha"), _limited(world, handshakes="3")
    single = _stranger(beta, 2)
    beta.waits_until(lambda figures: figures["waiting"] == 1, "that it is waited for")
    crowd = []
    for i in range(5):
        crowd.append(_stranger(beta, 3))
        beta.waits_until(lambda figures: figures["waiting"] + figures["refused"] == 2 + i, "that it has come")
    assert beta.figures()["waiting"] == 3
    for stranger in crowd[:3]:
        _ended(stranger)
    assert _is_open(single) and _is_open(crowd[3]) and _is_open(crowd[4])
    assert alpha.dials(beta).code == "ok"           # and makes another of them go
    _ended(crowd[3])
    assert _is_open(single)
    for stranger in (single, crowd[4]):
        stranger.close()


def a_handshake_has_its_time(world):
    beta = world.node("beta", settings={"cluster.handshake_time": "300ms"})
    began = time.monotonic()
    _ended(_stranger(beta, 2))
    assert time.monotonic() - began >= 0.29


def who_was_dialled_is_known(world):
    """Its own address is no stranger's, though it comes for the first time."""
    alpha, beta = world.node("alpha"), _limited(world, handshake_rate="1", handshake_failures="1")
    assert beta.dials(alpha).code == "ok"
    assert alpha.arrival()
    for _ in range(5):
        assert alpha.dials(beta).code == "ok"
        assert beta.arrival()


def silent_strangers_do_not_keep_anybody_out(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    silent = [_stranger(beta, 2) for _ in range(70)]
    dialed = alpha.dials(beta)
    assert dialed.code == "ok", dialed
    _, _, theirs = beta.arrival()
    assert beta.figures()["waiting"] <= 64
    beta.waits_until(lambda figures: figures["refused"] >= 70, "that the silent ones are sent away")
    for stranger in silent:
        _ended(stranger)
    dialed.socket.send(b"still there")
    assert tunnel.receives(theirs, 11) == b"still there"
    assert beta.logged().count("was not let in") == 1, beta.logged()


def a_secret_that_is_none_ends_the_program(world):
    for how, why in (({"mode": 0o640}, "chmod 600"), ({"secret": "short\n"}, "16 to"), ({"secret": ""}, "16 to"),
                     ({"secret": "x" * 5000}, "16 to")):
        node = world.node("alpha", listens=False, **how)
        message, _ = node.hears()
        assert message[:2] == [tunnel.wire.FAILED, 78] and why in message[2], message
        assert node.ends() == 78


def the_log_is_quiet(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    for _ in range(3):
        world.connection(alpha, beta)
        assert alpha.dials("127.0.0.1:1").code == "unreachable"
    assert select.select([alpha.control], [], [], 0)[0] == []
    assert alpha.stops() + beta.stops() == ""


run(sys.modules[__name__])
