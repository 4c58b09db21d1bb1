"""What goes through a tunnel: all of it, in order, no more than is read, and its end."""

import hashlib
import os
import select
import signal
import socket
import sys
import time

import tunnel
from tunnel import DATA, ENGINE, JOIN, ROWS, Load, run

MEGABYTE = 1 << 20


def _writes(sock, megabytes, seed):
    """Sends so much and ends; the hash of it."""
    block, total = hashlib.sha256(seed).digest() * (MEGABYTE // 32), hashlib.sha256()
    for number in range(megabytes):
        piece = number.to_bytes(8, "big") + block[8:]
        total.update(piece)
        sock.sendall(piece)
    sock.shutdown(socket.SHUT_WR)
    return total.hexdigest()


def _reads(sock):
    """All of it until the end: its hash and length."""
    total, length = hashlib.sha256(), 0
    while data := sock.recv(MEGABYTE):
        total.update(data)
        length += len(data)
    return total.hexdigest(), length


def a_hundred_megabytes_come_whole(world):
    _, _, ours, theirs = world.pair(ROWS)
    loads = [Load(_writes, ours, 100, b"out"), Load(_reads, theirs)]
    back = [Load(_writes, theirs, 20, b"back"), Load(_reads, ours)]
    assert loads[1].result() == (loads[0].result(), 100 * MEGABYTE)
    assert back[1].result() == (back[0].result(), 20 * MEGABYTE)


def _fills(sock):
    """Writes until nothing more is taken; how much."""
    taken, block = 0, b"x" * 65536
    sock.setblocking(False)
    while select.select([], [sock], [], 0.5)[1]:
        try:
            taken += sock.send(block)
        except BlockingIOError:
            pass
    sock.settimeout(tunnel.PATIENCE)
    return taken


def who_does_not_read_stops_who_writes(world):
    alpha, beta, ours, theirs = world.pair()
    before = _memory(alpha) + _memory(beta)
    taken = _fills(ours)
    assert taken < 64 * MEGABYTE, taken  # what the kernel holds, and a little
    grown = _memory(alpha) + _memory(beta) - before
    assert grown < 8 * MEGABYTE, grown
    theirs.send(b"the other way is free")
    assert tunnel.receives(ours, 21) == b"the other way is free"
    ours.shutdown(socket.SHUT_WR)
    assert _reads(theirs)[1] == taken


def _memory(node):
    with open(f"/proc/{node.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def heartbeats_do_not_wait_behind_data(world):
    alpha, beta, ours, theirs = world.pair(ENGINE)
    loads = []
    for _ in range(4):
        mine, other = world.connection(alpha, beta, DATA)
        loads += [Load(_writes, mine, 30, b"data"), Load(_reads, other)]
    for number in range(200):
        ours.send(number.to_bytes(4, "big"))
        assert tunnel.receives(theirs, 4) == number.to_bytes(4, "big")
        theirs.send(b"yes!")
        assert tunnel.receives(ours, 4) == b"yes!"
    for writer, reader in zip(loads[::2], loads[1::2]):
        assert reader.result() == (writer.result(), 30 * MEGABYTE)


def an_end_of_sending_is_passed_on_by_itself(world):
    alpha, beta, ours, theirs = world.pair()
    ours.send(b"my last word")
    ours.shutdown(socket.SHUT_WR)
    assert _reads(theirs)[1] == 12
    for _ in range(5):
        theirs.send(b"and mine")
        assert tunnel.receives(ours, 8) == b"and mine"
    theirs.close()
    assert ours.recv(1) == b""
    for node in (alpha, beta):
        node.waits_until(lambda figures: figures["connections"] == 0, "the end of the connection")


def what_was_written_before_a_close_arrives(world):
    alpha, beta, ours, theirs = world.pair()
    theirs.send(b"nobody will read this")
    sent = Load(lambda: [ours.sendall(b"y" * MEGABYTE) for _ in range(8)] and ours.close())
    assert _reads(theirs)[1] == 8 * MEGABYTE
    sent.result()
    theirs.close()
    for node in (alpha, beta):
        node.waits_until(lambda figures: figures["connections"] == 0, "the end of the connection")


def who_goes_on_writing_to_who_has_closed_is_told(world):
    alpha, beta, ours, theirs = world.pair()
    theirs.close()
    assert ours.recv(1) == b""
    try:
        deadline = time.monotonic() + tunnel.PATIENCE
        while time.monotonic() < deadline:
            ours.sendall(b"z" * MEGABYTE)
        raise AssertionError("it takes everything")
    except (BrokenPipeError, ConnectionResetError):
        pass
    ours.close()
    for node in (alpha, beta):
        node.waits_until(lambda figures: figures["connections"] == 0, "the end of the connection")


def many_connections_are_kept_apart(world):
    alpha, beta = world.node("alpha"), world.node("beta")
    pairs = [world.connection(alpha, beta, kind) for kind in (JOIN, ENGINE, DATA, ROWS) * 8]
    for number, (ours, theirs) in enumerate(pairs):
        ours.send(bytes([number]) * 100)
        theirs.send(bytes([255 - number]) * 100)
    for number, (ours, theirs) in enumerate(pairs):
        assert tunnel.receives(theirs, 100) == bytes([number]) * 100
        assert tunnel.receives(ours, 100) == bytes([255 - number]) * 100
    assert alpha.figures()["connections"] == len(pairs)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    alpha.waits_until(lambda figures: figures["connections"] == 0, "the end of the connections")


def a_peer_that_is_killed_is_an_end(world):
    alpha, beta, ours, theirs = world.pair()
    theirs.send(b"a last word")
    assert tunnel.receives(ours, 11) == b"a last word"
    beta.process.send_signal(signal.SIGKILL)
    beta.process.wait()
    assert ours.recv(1) == b"" and theirs.recv(1) == b""
    ours.close()
    alpha.waits_until(lambda figures: figures["connections"] == 0, "the end of the connection")
    beta.listener.close()
    assert alpha.dials(beta).code == "unreachable"


def who_ends_sends_what_was_written_first(world):
    alpha, beta, ours, theirs = world.pair()
    ours.sendall(b"before the end")
    alpha.control.send(tunnel.wire.pack([tunnel.wire.DRAIN]))
    assert _reads(theirs)[1] == 14
    theirs.close()
    assert alpha.ends() == 0
    assert ours.recv(1) == b""
    del beta


run(sys.modules[__name__])
