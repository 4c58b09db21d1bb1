"""A node of a cluster under test, on a machine of its own (_net.py), and the database that nodes
share. They end only processes that they have started."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("STAGE_BUILD", os.path.join(ROOT, "build"))
CLIENT, CLUSTER = 51463, 51464
POSTGRES = "/usr/lib/postgresql/15/bin"


class Late(AssertionError):
    """It did not come to pass in time."""


def wait_for(what, condition, seconds=30.0, every=0.05):
    """The first true value of the condition."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


def family(pid):
    """The process and all that descend from it."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


class Node:
    def __init__(self, net, name, home, settings, actors):
        self.net, self.name, self.home = net, name, os.path.join(home, f"node{name}")
        self.process, self.stopped = None, False
        self.program, self.environment = f"{BUILD}/supervisor/stage", {}
        os.makedirs(self.home, exist_ok=True)
        secret = os.path.join(home, "secret")
        if not os.path.exists(secret):
            with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
                file.write("the secret that all nodes of these tests share\n")
        self.settings = {
            "node.name": f"node{name}", "node.state": f"{self.home}/state", "node.runtime": f"{self.home}/run",
            "client.listen": f"*:{CLIENT}", "admin.listen": "none", "cluster.listen": f"*:{CLUSTER}",
            "cluster.advertise": net.address(name), "cluster.secret_file": secret,
            "workers.actors": "1", "workers.gateways": "1", "actors.path": actors,
        } | settings
        self.file = f"{self.home}/stage.ini"

    def write_settings(self):
        with open(self.file, "w", encoding="utf-8") as file:
            for key, value in self.settings.items():
                section, name = key.split(".", 1)
                file.write(f"[{section}]\n{name} = {value}\n")

    def upgrade(self, programs):
        """From its next start it is what that folder holds (later/ of the build)."""
        self.program = os.path.join(programs, "stage")
        self.environment = {"STAGE_LIBEXECDIR": programs}

    def start(self, *options):
        self.write_settings()
        self.log = open(f"{self.home}/log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.net.space(self.name), self.program, "-c", self.file, *options],
            stdout=self.log, stderr=self.log, start_new_session=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"} | self.environment)
        return self

    def ctl(self, *words, timeout=60):
        done = subprocess.run([f"{BUILD}/stagectl/stagectl", "-c", self.file, *words],
                              capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    def rows(self, *words):
        """The answer's JSON rows; nothing where there is no answer."""
        try:
            code, out, _ = self.ctl("--json", *words, timeout=5)
        except subprocess.TimeoutExpired:
            return []
        return [json.loads(line) for line in out.splitlines()] if code == 0 else []

    def is_ready(self):
        try:
            return self.ctl("check", "ready", timeout=5)[0] == 0
        except subprocess.TimeoutExpired:
            return False

    def members(self):
        return {row["name"]: row for row in self.rows("members")}

    def family(self):
        return family(self.process.pid) if self.process else []

    def signal(self, number, pids=None):
        for pid in pids if pids is not None else self.family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def child(self, program):
        """A process of the node that runs this program."""
        for pid in self.family():
            try:
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == program:
                    return pid
            except OSError:
                pass
        return None

    def kill(self):
        """All of it at once, as by a power cut of the machine."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process, self.stopped = None, False

    def freeze(self):
        self.stopped = True
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)
        self.stopped = False

    def stop(self, timeout=60):
        self.process.terminate()
        self.wait_end(timeout)

    def wait_end(self, timeout=60):
        status = self.process.wait(timeout)
        self.process = None
        return status

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def has_begun(self):
        return os.path.exists(f"{self.home}/log")

    def logged(self, *texts):
        """Lines of its log, since its first start, that have all of these."""
        with open(f"{self.home}/log", encoding="utf-8", errors="replace") as log:
            return sum(all(text in line for text in texts) for line in log)

    def tail(self, lines=25):
        with open(f"{self.home}/log", "rb") as file:
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")


class Postgres:
    """A real server on the database's machine, as the user postgres or nobody."""

    def __init__(self, net):
        self.net = net
        self.home = tempfile.mkdtemp(prefix="stage-pg-")
        for folder in (self.home, os.path.dirname(self.home)):
            if not os.stat(folder).st_mode & 0o1000:     # not /tmp itself
                os.chmod(folder, 0o711)                  # the database's user has to come through
        self.data = f"{self.home}/data"
        os.mkdir(self.data, 0o700)
        shutil.chown(self.data, "postgres", "postgres")
        self._as_owner(f"{POSTGRES}/initdb", "-D", self.data, "-A", "trust", "-N")
        with open(f"{self.data}/pg_hba.conf", "a", encoding="ascii") as file:
            file.write("host all all 10.77.0.0/24 trust\n")
        with open(f"{self.data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"listen_addresses = '{net.address('db')}'\nunix_socket_directories = ''\nmax_connections = 200\n")
        self.url = f"postgresql://postgres@{net.address('db')}:5432/postgres"

    def _as_owner(self, *words):
        subprocess.run(["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *words],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def start(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.net.space("db"), "setpriv", "--reuid", "postgres", "--regid", "postgres",
             "--clear-groups", f"{POSTGRES}/postgres", "-D", self.data],
            stdout=subprocess.DEVNULL, stderr=open(f"{self.home}/log", "wb"), start_new_session=True)
        wait_for("PostgreSQL answers", self._answers)
        return self

    def _answers(self):
        return subprocess.run(["ip", "netns", "exec", self.net.space("db"), f"{POSTGRES}/pg_isready", "-q",
                               "-h", self.net.address("db")], check=False).returncode == 0

    def close(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            for pid in family(self.process.pid):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)
