"""A server under test: its directories, its processes, its log, its admin socket.

Used by the scenario driver, and by the fault and bench tests (with tests/scenario on
sys.path):

    with Server(build, home, settings={"workers.actors": "2"}) as server:
        server.start()
        client = Client(server.port)
        server.kill_all(); server.start()

It listens on loopback with ports the system picks, keeps everything below `home`, and
only ever ends processes that it started: those of the session it opened for the server.
"""

import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Where meson puts each program inside a build directory.
PROGRAMS = {
    "stage": "supervisor/stage",
    "stagectl": "stagectl/stagectl",
    "stage-bench": "tests/bench/stage-bench",
}
ROLES = {"actor worker": "stage-actor", "gateway": "stage-gateway", "store": "stage-store"}

SETTINGS = {
    "node.name": "test",
    "node.log_level": "debug",
    "client.listen": "127.0.0.1:0",
    "admin.listen": "none",
    "cluster.listen": "127.0.0.1:0",
    "workers.gateways": "1",
    "workers.actors": "1",
}


class StartFailed(Exception):
    """The server exited, or was not ready in time."""


def program(build, name):
    path = os.path.join(build, PROGRAMS[name])
    if not os.access(path, os.X_OK):
        raise StartFailed(f"{PROGRAMS[name]} is not in {os.path.basename(build)}/: build first")
    return path


def environment(home):
    """What a server and its tools see: nothing of the caller's STAGE_* and XDG_* settings, nor
    of a service manager that the tests may run under."""
    keep = {k: v for k, v in os.environ.items()
            if not k.startswith(("STAGE_", "XDG_", "ASAN_", "UBSAN_", "LSAN_",
                                 "NOTIFY_", "LISTEN_", "WATCHDOG_"))}
    keep.update(
        HOME=home, LC_ALL="C", NO_COLOR="1",
        XDG_STATE_HOME=f"{home}/xdg-state", XDG_RUNTIME_DIR=f"{home}/xdg-run",
        ASAN_OPTIONS=f"detect_leaks=1:log_path={home}/report:handle_abort=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    return keep


class Server:
    def __init__(self, build, home, settings=None, extra_environment=None, samples=True):
        self.build, self.home = build, home
        self.settings = dict(SETTINGS)
        self.settings.update({
            "node.state": f"{home}/state", "node.runtime": f"{home}/run",
            "actors.path": f"{home}/actors"})
        self.settings.update(settings or {})
        self.extra_environment = dict(extra_environment or {})
        self.process = None
        self.session = 0
        self.port = 0
        self.patience = 30.0
        os.makedirs(f"{home}/actors", exist_ok=True)
        os.makedirs(f"{home}/xdg-run", mode=0o700, exist_ok=True)
        if samples:
            for name in glob.glob(f"{ROOT}/etc/actors/*.lua"):
                shutil.copy(name, f"{home}/actors/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill_all()

    # --- files ------------------------------------------------------------------------

    @property
    def ini(self):
        return f"{self.home}/stage.ini"

    @property
    def log_path(self):
        return f"{self.home}/log"

    @property
    def socket_path(self):
        return f"{self.settings['node.runtime']}/admin.sock"

    def write_ini(self):
        sections = {}
        for name, value in self.settings.items():
            section, key = name.split(".", 1)
            sections.setdefault(section, []).append(f"{key} = {value}\n")
        with open(self.ini, "w", encoding="utf-8") as out:
            for section, lines in sections.items():
                out.write(f"[{section}]\n" + "".join(lines) + "\n")

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="backslashreplace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def reports(self):
        """Every sanitizer report of any process started so far."""
        found = []
        for name in sorted(glob.glob(f"{self.home}/report.*")):
            with open(name, encoding="utf-8", errors="backslashreplace") as text:
                found.append(text.read())
        found += [line for line in self.log().splitlines()
                  if "runtime error: " in line or "ERROR: AddressSanitizer" in line
                  or "LeakSanitizer" in line]
        return found

    def environment(self):
        env = environment(self.home)
        env.update(self.extra_environment)
        return env

    # --- life -------------------------------------------------------------------------

    def start(self):
        """Starts it and returns when it answers; StartFailed otherwise."""
        self.write_ini()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program(self.build, "stage"), "-c", self.ini], cwd=self.home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(), start_new_session=True)
        self.session = self.process.pid
        deadline = time.monotonic() + self.patience
        while True:
            if self.process.poll() is not None:
                raise StartFailed(f"stage exited with {self.process.returncode}")
            port = self._ready_port()
            if port:
                self.port = port
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"stage was not ready within {self.patience:g} s")
            time.sleep(0.02) # between two looks, not instead of one

    def _ready_port(self):
        try:
            rows = self.admin("status fmt=json", patience=5)
        except (OSError, ValueError):
            return 0
        return client_port(rows)

    def stop(self):
        """SIGTERM, as systemd does; returns the exit code. Nothing may stay behind."""
        self.process.terminate()
        return self.wait_exit()

    def wait_exit(self):
        code = self.process.wait(timeout=self.patience)
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self.processes()
        if left:
            names = ", ".join(f"{name} ({pid})" for pid, name in left.items())
            self.kill_all()
            raise StartFailed(f"stage exited with {code} but left running: {names}")
        return code

    def processes(self):
        """pid -> program name of everything in the session we opened, zombies apart."""
        found = {}
        if not self.session:
            return found
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as text:
                    stat = text.read()
                fields = stat[stat.rindex(")") + 2:].split()
            except OSError:
                continue
            if int(fields[3]) == self.session and fields[0] not in "ZX":
                found[int(entry)] = _name_of(entry)
        return found

    def pids(self, role):
        """Processes of a role: `actor worker`, `gateway`, `store`; `stage`: the supervisor."""
        name = ROLES.get(role, role)
        return sorted(pid for pid, exe in self.processes().items() if exe == name)

    def kill(self, role):
        """kill -9 one process of the role; returns when it is gone."""
        pids = self.pids(role)
        if not pids:
            raise StartFailed(f"no {role} is running")
        os.kill(pids[0], signal.SIGKILL)
        while pids[0] in self.processes():
            time.sleep(0.005)
        return pids[0]

    def kill_all(self):
        """kill -9 everything, the supervisor first, until nothing is left."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while True:
            left = self.processes()
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.005)
        self.session = 0

    # --- talking to it ------------------------------------------------------------------

    def admin(self, command, patience=15):
        """One command on the admin socket; the JSON rows of its `=` lines."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(patience)
            s.connect(self.socket_path)
            s.sendall(command.encode() + b"\n")
            rows, text = [], s.makefile("r", encoding="utf-8")
            for line in text:
                line = line.rstrip("\n")
                if line.startswith("= "):
                    rows.append(json.loads(line[2:]))
                elif line.split(" ")[0] == "ok":
                    return rows
                elif line.startswith("err "):
                    raise ValueError(line)
        raise OSError("the admin socket closed before its answer ended")

    def run(self, name, arguments, patience=60):
        """Runs stage or stagectl to its end beside the server."""
        command = [program(self.build, name)]
        if not {"-c", "--config", "--node"} & set(arguments):
            command += ["-c", self.ini]
        return subprocess.run(
            command + list(arguments), cwd=self.home, env=self.environment(),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, check=False)


def _name_of(pid):
    """A process that is about to end has no program any more, but its files and locks."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return "ending"


def client_port(rows):
    """The port of the client listener, in whatever shape the status rows give it."""
    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, path + [key])
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner, path)
        elif any("client" in key for key in path):
            yield value
    for value in walk(rows, []):
        port = re.search(r":(\d+)$", value) if isinstance(value, str) else None
        if port and int(port.group(1)):
            return int(port.group(1))
    return 0
