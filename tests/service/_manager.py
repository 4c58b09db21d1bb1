"""Plays systemd for a server: starts it with descriptors by name, hears what it says on
$NOTIFY_SOCKET, and keeps what it puts into the descriptor store.

    with Service(home, {"workers.actors": "2"}) as service:
        service.launch(sockets=[("client", sock)], watchdog=1.0)
        service.hears("READY=1")
"""

import array
import fcntl
import fnmatch
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from server import Server, program       # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build-san"))
PATIENCE = 30 # seconds
FIRST_PLACE = 100 # descriptors on their way are moved out of the way of 3, 4, …


def loopback(port=0):
    """A listening TCP socket."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(64)
    return sock


class Service(Server):
    def __init__(self, home, settings=None):
        super().__init__(BUILD, home, settings)
        self.wrapper = [] # a program that the server is started through, with its arguments
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{home}/notify")
        self.said = []    # (when, lines of one datagram)
        self.cursor = 0   # of what hears() has not gone past yet
        self.store = []   # (name, descriptor)
        self.change = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def __exit__(self, *_):
        self.kill_all()
        self.notify.shutdown(socket.SHUT_RDWR)
        self.notify.close()
        self.empty_store()

    # --- the manager's ear ------------------------------------------------------------

    def _listen(self):
        while True:
            try:
                data, control, _, _ = self.notify.recvmsg(4096, socket.CMSG_SPACE(4))
            except OSError:
                return
            fds = array.array("i")
            for level, kind, body in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
            lines = data.decode().splitlines()
            if not lines and not fds:
                return # shut down
            with self.change:
                self._obey(lines, fds)
                self.said.append((time.monotonic(), lines))
                self.change.notify_all()

    def _obey(self, lines, fds):
        name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
        if "FDSTORE=1" in lines:
            self.store += [(name, fd) for fd in fds]
            fds = []
        if "FDSTOREREMOVE=1" in lines:
            for _, fd in [kept for kept in self.store if kept[0] == name]:
                os.close(fd)
            self.store = [kept for kept in self.store if kept[0] != name]
        for fd in fds: # that of a barrier, after all before it has been obeyed
            os.close(fd)

    def stored(self):
        with self.change:
            return sorted(name for name, _ in self.store)

    def empty_store(self):
        with self.change:
            for _, fd in self.store:
                os.close(fd)
            self.store = []

    def hears(self, *wanted, patience=PATIENCE):
        """The next datagram that has all these lines (`*` in them is anything).
        Returns its lines; what came before it is passed by."""
        deadline = time.monotonic() + patience
        with self.change:
            while True:
                while self.cursor < len(self.said):
                    _, lines = self.said[self.cursor]
                    self.cursor += 1
                    if all(any(_fits(want, line) for line in lines) for want in wanted):
                        return lines
                left = deadline - time.monotonic()
                if left <= 0 or not self.change.wait(left):
                    raise AssertionError(f"{wanted} was not said within {patience} s, but: "
                                         f"{[lines for _, lines in self.said[-12:]]}")

    def has_said(self, want):
        with self.change:
            return any(_fits(want, line) for _, lines in self.said for line in lines)

    def status(self):
        """The STATUS as it stands."""
        with self.change:
            return [line[7:] for _, lines in self.said for line in lines if line.startswith("STATUS=")][-1]

    # --- the server's life ------------------------------------------------------------

    def launch(self, sockets=(), watchdog=0.0, **environment):
        """Starts it with these (name, socket) and with what is in the store."""
        self.write_ini()
        with self.change:
            self.cursor = len(self.said) # what a former one said is not this one's
            given = [(name, sock.fileno()) for name, sock in sockets] + self.store
            moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_PLACE) for _, fd in given]
        env = dict(self.environment(), NOTIFY_SOCKET=f"{self.home}/notify", **environment)
        if given:
            env.update(LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=":".join(name for name, _ in given))
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "_exec.py"), ",".join(map(str, moved)),
                 *self.wrapper, program(self.build, "stage"), "-c", self.ini],
                cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=env, start_new_session=True, pass_fds=moved)
        for fd in moved:
            os.close(fd)
        self.session = self.process.pid

    def ready(self):
        """READY=1, and then the port that clients find."""
        self.hears("READY=1")
        return self.client_port()

    def client_port(self):
        self.port = self._ready_port()
        assert self.port, "it names no client listener"
        return self.port

    def crash(self):
        """kill -9 of the supervisor; returns when nothing is left, as systemd waits for."""
        self.process.kill()
        self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while self.processes():
            assert time.monotonic() < deadline, f"left behind: {self.processes()}"
            time.sleep(0.005) # between two looks

    def listeners(self):
        return self.admin("status fmt=json")[0]["listeners"]


def _fits(want, line):
    return fnmatch.fnmatchcase(line, want.replace("[", "[[]"))


# A thread that ended while leaks were looked for; they are looked for all the same.
THREAD_WENT = re.compile(r"(==\d+==Unable to get registers from thread \d+\.\s*)+")


def play(*tests):
    """Runs each test(home) in a directory of its own; the exit code is theirs."""
    words, failed = sys.argv[1:], 0
    for test in tests:
        if words and not any(word in test.__name__ for word in words):
            continue
        home = tempfile.mkdtemp(prefix="sv-")
        try:
            test(home)
            print(f"ok      {test.__name__}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {test.__name__}: {inspect.getdoc(test)}")
            traceback.print_exc(file=sys.stdout)
            if os.path.exists(f"{home}/log"):
                with open(f"{home}/log", encoding="utf-8", errors="replace") as log:
                    print("".join(log.readlines()[-60:]))
        for name in sorted(os.listdir(home)):
            if name.startswith("report."):
                with open(f"{home}/{name}", encoding="utf-8", errors="replace") as text:
                    report = text.read()
                if not THREAD_WENT.fullmatch(report):
                    failed += 1
                    print(f"sanitizer report of {test.__name__}:\n{report}")
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(1 if failed else 0)
