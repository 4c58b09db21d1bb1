"""Nodes around real stage-tunnels: their supervisors are played by the test."""

import hashlib
import inspect
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import traceback

import wire
from wire import Bin

PATIENCE = 20  # seconds
TUNNEL = 4
IDENTITY, DIAL, DIALED, ARRIVED = 17, 18, 19, 20
JOIN, ENGINE, DATA, ROWS = 1, 2, 3, 4
CODES = ["ok", "unreachable", "denied", "version", "refused"]
CLUSTER = b"one cluster only"
SECRET = "correct horse battery staple\n"


class Dialed:
    """What came of a dial; `socket` is the plain end."""

    def __init__(self, message, fds):
        _, self.tag, code, self.text, self.version, hello = message
        self.code = CODES[code]
        self.hello = wire.unpack(hello)[0] if hello is not None else None
        assert len(fds) == (self.code == "ok"), (self.code, fds)
        self.socket = plain(fds[0]) if fds else None

    def __repr__(self):
        return f"{self.code} {self.text!r} v{self.version} {self.hello}"


def plain(fd):
    sock = socket.socket(fileno=fd)
    sock.settimeout(PATIENCE)
    return sock


class Tunnel:
    """One stage-tunnel, from its first control message on."""

    def __init__(self, program, scratch, name="alpha", secret=SECRET, mode=0o600, cluster=CLUSTER, listens=True,
                 settings=None, **environment):
        self.name, self.tags = name, 0
        self.node = int.from_bytes(hashlib.sha256(f"{scratch}{name}".encode()).digest()[:8], "big")
        self.secret_file = os.path.join(scratch, f"secret-{name}")
        with open(self.secret_file, "w", encoding="utf-8") as file:
            file.write(secret)
        os.chmod(self.secret_file, mode)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([program], stderr=self.log, close_fds=False,
                                        env={**os.environ, **environment},
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.control.send(wire.pack([wire.HELLO, wire.CONTROL_VERSION, wire.IPC_VERSION, TUNNEL, 0, 1,
                                     Bin(bytes(16)), Bin(bytes(range(32))), {"cluster.secret_file": self.secret_file} | (settings or {}), 1, 1]))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.is_called(cluster)
        if listens:
            socket.send_fds(self.control, [wire.pack([wire.LISTENER])], [self.listener.fileno()])
            assert self.hears()[0] == [wire.READY]

    def is_called(self, cluster):
        self.control.send(wire.pack([IDENTITY, Bin(cluster), self.node, self.name, f"{self.name}:1"]))

    def hears(self):
        """The next control message and its descriptors."""
        assert select.select([self.control], [], [], PATIENCE)[0], "no control message came"
        try:
            data, fds, _, _ = socket.recv_fds(self.control, 1 << 17, 1)
        except ConnectionResetError:  # it ended with our messages unread; its own last ones come now
            data, fds, _, _ = socket.recv_fds(self.control, 1 << 17, 1)
        assert data, "the tunnel is gone"
        return wire.unpack(data)[0], fds

    def dials(self, address, kind=DATA, argument=b""):
        """What comes of it."""
        if isinstance(address, Tunnel):
            address = address.address
        self.tags += 1
        self.control.send(wire.pack([DIAL, self.tags, kind, address, Bin(argument)]))
        return self.answer()

    def answer(self):
        message, fds = self.hears()
        assert message[0] == DIALED, message
        return Dialed(message, fds)

    def arrival(self):
        """The hello, the agreed version and the plain end of who has come."""
        message, fds = self.hears()
        assert message[0] == ARRIVED and len(fds) == 1, (message, fds)
        return wire.unpack(message[2])[0], message[1], plain(fds[0])

    def figures(self):
        self.control.send(wire.pack([wire.QUERY, 9, "status", ""]))
        message, _ = self.hears()
        assert message[:4] == [wire.ROWS, 9, True, ""], message
        return message[4][0]

    def waits_until(self, condition, what):
        for _ in range(100000):
            figures = self.figures()
            if condition(figures):
                return
        raise AssertionError(f"{what} did not come about: {figures}")

    def ends(self):
        return self.process.wait(PATIENCE)

    def logged(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode(errors="replace")

    def comes_to_log(self, text):
        for _ in range(100000):
            if text in self.logged():
                return
            self.figures()
        raise AssertionError(f"{text!r} is not in the log: {self.logged()}")

    def stops(self):
        """Leaves nothing behind; its log."""
        if self.process.poll() is None:
            self.control.send(wire.pack([wire.DRAIN]))
            status = self.process.wait(PATIENCE)
            assert status == 0, f"exit status {status}"
        return self.logged()


class World:
    """The nodes of one test."""

    def __init__(self, program, later, scratch):
        self.program, self.later, self.scratch = program, later, scratch
        self.tunnels = []

    def node(self, name="alpha", later=False, **how):
        self.tunnels.append(Tunnel(self.later if later else self.program, self.scratch, name, **how))
        return self.tunnels[-1]

    def pair(self, kind=DATA):
        """Two nodes and the two plain ends of a connection between them."""
        alpha, beta = self.node("alpha"), self.node("beta")
        return alpha, beta, *self.connection(alpha, beta, kind)

    @staticmethod
    def connection(alpha, beta, kind=DATA):
        dialed = alpha.dials(beta, kind)
        assert dialed.code == "ok", dialed
        return dialed.socket, beta.arrival()[2]


def receives(sock, count):
    """So many bytes, or what there is until the end."""
    data = b""
    while len(data) < count and (more := sock.recv(min(1 << 20, count - len(data)))):
        data += more
    return data


class Load(threading.Thread):
    """Runs something beside the test; `result()` waits for it."""

    def __init__(self, work, *arguments):
        super().__init__(daemon=True)
        self.work, self.arguments, self.value, self.problem = work, arguments, None, None
        self.start()

    def run(self):
        try:
            self.value = self.work(*self.arguments)
        except Exception as problem:  # told where it is waited for
            self.problem = problem

    def result(self):
        self.join(4 * PATIENCE)
        assert not self.is_alive(), "it does not end"
        if self.problem:
            raise self.problem
        return self.value


def run(module):
    """Plays every function of the module that takes a world."""
    program, later, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    failed = 0
    for name, test in list(vars(module).items()):
        if not inspect.isfunction(test) or test.__module__ != "__main__" or name.startswith("_"):
            continue
        if only and name not in only:
            continue
        problem, logs = "", ""
        with tempfile.TemporaryDirectory() as scratch:
            world = World(program, later, scratch)
            try:
                test(world)
            except Exception:  # whatever it is, the next test is played too
                problem = traceback.format_exc()
            for tunnel in world.tunnels:
                try:
                    tunnel.stops()
                except Exception:
                    problem += traceback.format_exc()
                    tunnel.process.kill()
                    tunnel.process.wait()
                logs += tunnel.logged()
        if "Sanitizer" in logs or "runtime error" in logs:
            problem = problem or "a sanitizer has something to say"
        print(f"{'FAILED' if problem else 'ok':7} {name}", flush=True)
        if problem:
            failed += 1
            print(problem, logs, sep="\n", flush=True)
    sys.exit(1 if failed else 0)
