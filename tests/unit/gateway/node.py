"""A node around one real stage-gateway: its supervisor and its actor workers are played by
the test, so that every step of a conversation is in the test's hands."""

import inspect
import json
import os
import re
import resource
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import wire

PATIENCE = 20  # seconds


def _within(sock, what):
    if not select.select([sock], [], [], PATIENCE)[0]:
        raise AssertionError(f"{what}: nothing came within {PATIENCE} s")


class Client:
    """A client connection."""

    def __init__(self, port, greeted=True, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.waiting = b""
        if greeted:
            self.greeting = self.line()
            assert self.greeting.startswith("* stage 1 {"), self.greeting

    def says(self, *lines):
        self.sends("".join(line + "\n" for line in lines).encode())

    def sends(self, data):
        self.socket.sendall(data)

    def line(self):
        """The next line; None at the end of the connection."""
        while b"\n" not in self.waiting:
            _within(self.socket, "a line")
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionError:
                more = b""
            if not more:
                assert not self.waiting, self.waiting
                return None
            self.waiting += more
        line, _, self.waiting = self.waiting.partition(b"\n")
        return line.decode()

    def hears(self, *wanted):
        """The next lines: `*` is any one word, a trailing ` …` anything further."""
        for want in wanted:
            line = self.line()
            pattern = re.escape(want).replace(r"\*", r"\S+").replace(r"\ …", r"( .*)?")
            # The first `*` of a notice is itself.
            pattern = pattern.replace(r"\S+", r"\*", 1) if want.startswith("*") else pattern
            assert line is not None and re.fullmatch(pattern, line), f"expected {want!r}, heard {line!r}"

    def hears_nothing(self):
        self.says("nothing ping @")
        self.hears("nothing ok")

    def is_closed(self):
        line = self.line()
        assert line is None, f"expected the end, heard {line!r}"

    def closes(self):
        self.socket.close()

    def breaks(self):
        """Goes without waiting for an answer."""
        if self.socket.fileno() >= 0:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()


class Worker:
    """An actor worker's end of a link."""

    def __init__(self, sock):
        self.socket = sock
        self.waiting = b""
        self.map = 0  # serial of the map that it was last told of
        self.looked_at = 0  # bytes of frames

    def _frame(self):
        """The next frame but those that tell of maps, and fences, which are answered."""
        while True:
            frame = self.any_frame()
            if frame.type == wire.FENCE:
                self.sends(wire.frame(wire.FENCE, frame.number))
                continue
            if frame.type != wire.MAP:
                return frame
            assert frame.serial >= self.map, f"map {frame.serial} after {self.map}"
            self.map = frame.serial

    def any_frame(self):
        while True:
            if len(self.waiting) >= 4:
                length, = struct.unpack_from("<I", self.waiting)
                if len(self.waiting) >= 4 + length:
                    body, self.waiting = self.waiting[4:4 + length], self.waiting[4 + length:]
                    self.looked_at += 4 + length
                    return wire.Frame(body)
            _within(self.socket, "a frame")
            more = self.socket.recv(1 << 20)
            assert more, "the gateway closed the link"
            self.waiting += more

    def hears(self, verb, address=None, payload=...):
        """The next frame is this request."""
        heard = self._frame()
        assert heard.type == wire.REQUEST and heard.verb == verb, f"expected {verb}, heard {heard}"
        assert address in (None, heard.address), f"expected {address}, heard {heard}"
        assert payload in (..., heard.payload), f"expected {payload}, heard {heard}"
        return heard

    def hears_type(self, kind):
        heard = self._frame() if kind != wire.MAP else self.any_frame()
        assert heard.type == kind, f"expected a frame of type {kind}, heard {heard}"
        return heard

    def answers(self, asked, payload=None, version=None, code="none", resumed=False):
        self.sends(wire.reply(asked.rid, payload, version, code, resumed))

    def tells(self, address, version, changed=None, **more):
        self.sends(wire.event(address, version, changed, **more))

    def sends(self, data):
        self.socket.settimeout(PATIENCE)
        self.socket.sendall(data)

    def dies(self):
        self.socket.close()


class Node:
    """One gateway, from its first control message on."""

    def __init__(self, program, workers=1, shards=8, descriptors=0, **settings):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program], stderr=self.log, close_fds=False,
            preexec_fn=lambda: self._prepare(theirs, descriptors))
        theirs.close()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.cells = [(i % workers, 1) for i in range(shards)]
        self.serial = self.incarnation = 0
        self.lost = []   # (index, incarnation) of links to nodes that the gateway has reported
        named = {key.replace("_", ".", 1): str(value) for key, value in settings.items()}
        self.control.send(wire.pack([wire.HELLO, wire.CONTROL_VERSION, wire.IPC_VERSION, wire.GATEWAY, 0, 1,
                                     wire.Bin(bytes(16)), wire.Bin(bytes(range(32))), named, 1, workers]))
        self._send_map()
        self.workers = [self.worker_starts(i) for i in range(workers)]
        self._send(wire.pack([wire.LISTENER]), self.listener.fileno())
        assert self._message()[0] == wire.READY
        self.shard_of = {}
        self.clients = []

    @staticmethod
    def _prepare(theirs, descriptors):
        os.dup2(theirs.fileno(), 3)
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    def _send(self, message, fd=-1):
        if fd < 0:
            self.control.send(message)
        else:
            socket.send_fds(self.control, [message], [fd])

    def _message(self):
        _within(self.control, "a control message")
        while True:
            message = self.control.recv(1 << 17)
            assert message, "the gateway is gone"
            values = wire.unpack(message)[0]
            if values[0] != wire.PEER_LOST:
                return values
            self.lost.append(tuple(values[1:]))

    def _send_map(self):
        self.serial += 1
        self._send(wire.shards(self.serial, self.cells))

    def settles(self):
        """Whatever the supervisor has said is taken in."""
        self._send(wire.pack([wire.PING]))
        assert self._message() == [wire.PONG]

    def worker_starts(self, index):
        ours, theirs = socket.socketpair()
        self.incarnation += 1
        self._send(wire.pack([wire.PEER, wire.ACTOR, index, self.incarnation, False]), theirs.fileno())
        theirs.close()
        worker = Worker(ours)
        self.workers = getattr(self, "workers", [])
        if index < len(self.workers):
            self.workers[index] = worker
        return worker

    def node_is(self, slot, up=True, member=True):
        """Another node of the cluster, as the supervisor tells of it."""
        self._send(wire.pack([wire.NODE_STATE, slot, 1000 + slot, member, up, f"node{slot}"]))
        self.settles()

    def node_linked(self, slot, incoming=False):
        """A link to ask that node by, or (incoming) one by which a gateway of it asks here."""
        ours, theirs = socket.socketpair()
        self.incarnation += 1
        self._send(wire.pack([wire.PEER, wire.GATEWAY, slot if incoming else wire.NODE + slot, self.incarnation,
                              incoming]), theirs.fileno())
        theirs.close()
        self.settles()
        return Worker(ours)

    def moves_to_node(self, slot, cluster):
        """Every shard is that node's, in an epoch with this upper half."""
        self.moves(lambda *_: (wire.NODE + slot, cluster << 32))

    def moves_here(self, cluster):
        self.moves(lambda *_: (0, cluster << 32 | 5))

    def moves(self, change):
        """change(shard, worker, epoch) says the new worker of a shard; its epoch grows where
        that is another, or where change says so by a pair."""
        def cell(shard, worker, epoch):
            to = change(shard, worker, epoch)
            if isinstance(to, tuple):
                return to
            return (to, epoch + (to != worker))
        self.cells = [cell(i, worker, epoch) for i, (worker, epoch) in enumerate(self.cells)]
        self._send_map()
        self.settles()

    def releases(self, index):
        """The worker is to let all its shards go: nobody's, in the epoch that was."""
        self.moves(lambda _, worker, epoch: (wire.LEAVING | index if worker == index else worker, epoch))

    def grants(self, index, to):
        """It has let them go."""
        self.moves(lambda _, worker, epoch:
                   (to, epoch + 1) if worker == wire.LEAVING | index else (worker, epoch))

    def restarts_worker(self, index):
        """As the supervisor does it: new epochs, then a new link."""
        self.moves(lambda _, worker, epoch: (worker, epoch + (worker == index)))
        return self.worker_starts(index)

    def client(self, **how):
        self.clients.append(Client(self.port, **how))
        return self.clients[-1]

    def _whoever_hears(self):
        while True:
            owner = next((w for w in self.workers if w.waiting), None)
            if owner is None:
                ready = select.select([w.socket for w in self.workers], [], [], PATIENCE)[0][0]
                owner = next(w for w in self.workers if w.socket is ready)
            frame = owner.any_frame()
            if frame.type != wire.MAP:
                return owner, frame
            owner.map = frame.serial

    def address(self, worker, but=()):
        """An address of that worker."""
        asker = self.client()
        number = 0
        while True:
            number += 1
            address = f"a.{number}"
            if address not in self.shard_of:
                asker.says(f"1 get {address} x")
                owner, asked = self._whoever_hears()
                assert asked.verb == "get" and asked.address == address, asked
                owner.answers(asked, 0, (1, 1))
                asker.hears("1 ok v=1:1 0")
                self.shard_of[address] = asked.shard
            if self.cells[self.shard_of[address]][0] == worker and address not in but:
                asker.closes()
                return address

    def asks(self, verb):
        """An admin's question; its rows."""
        self._send(wire.pack([wire.QUERY, 9, verb, ""]))
        rows = []
        while True:
            _, number, last, error, some = self._message()
            assert number == 9
            rows += some
            if last:
                return error or rows

    def drains(self):
        self._send(wire.pack([wire.DRAIN]))

    def ends(self):
        """The exit status, once the gateway has ended by itself."""
        return self.process.wait(PATIENCE)

    def stops(self):
        """Leaves nothing behind; the log of the gateway."""
        for client in self.clients:
            client.breaks()
        if self.process.poll() is None:
            self.drains()
            status = self.process.wait(PATIENCE)
            assert status == 0, f"exit status {status}"
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def waits_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {PATIENCE} s"
        time.sleep(0.005)


def the_object(line):
    """The JSON at the end of a line."""
    return json.loads(line[line.index("{"):])


def node(**settings):
    """Says how the node of a test is made."""
    def mark(test):
        test.settings = settings
        return test
    return mark


def run(module):
    """Plays every function of the module that takes a node."""
    program, only = sys.argv[1], sys.argv[2:]
    failed = 0
    for name, test in list(vars(module).items()):
        if not inspect.isfunction(test) or test.__module__ != "__main__" or name.startswith("_"):
            continue
        if only and name not in only:
            continue
        stage = Node(program, **getattr(test, "settings", {}))
        problem, log = None, ""
        try:
            test(stage)
        except Exception:  # whatever it is, the next test is played too
            problem = traceback.format_exc()
            stage.process.kill()
        try:
            log = stage.stops()
        except Exception:
            problem = (problem or "") + traceback.format_exc()
            stage.process.kill()
            stage.log.seek(0)
            log = stage.log.read().decode(errors="replace")
        if "Sanitizer" in log or "runtime error" in log:
            problem = problem or "a sanitizer has something to say"
        print(f"{'FAILED' if problem else 'ok':7} {name}", flush=True)
        if problem:
            failed += 1
            print(problem, log, sep="\n", flush=True)
    sys.exit(1 if failed else 0)
