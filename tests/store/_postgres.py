"""A PostgreSQL of Debian's for a test: its own cluster in a temporary directory, its own Unix
socket, no port. It runs as an unprivileged user where the test is root, since PostgreSQL
refuses root. Only ever processes that the test started are ended."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests/scenario"), os.path.join(ROOT, "tests/fault")]
BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))

CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{directory}'
shared_buffers = 16MB
max_connections = 40
fsync = {fsync}
log_min_duration_statement = -1
max_wal_size = 64MB
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def eventually(what, patience=30, pause=0.02):
    """What it returned, once that is true."""
    deadline = time.monotonic() + patience
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("it never came")
        time.sleep(pause)                 # between two looks, not instead of one


def _binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda path: float(path.split("/")[4]))
    if not found:
        skip("no PostgreSQL server is installed")
    return os.path.dirname(found[-1])


def _user():
    """Who the server runs as: whoever the test runs as, but never root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return skip("there is no unprivileged user")


class Postgres:
    def __init__(self, fsync=False):
        self.binaries, self.user, self.process = _binaries(), _user(), None
        self.directory = tempfile.mkdtemp(prefix="pg-")
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
            self._open_the_way()
        done = self._run("initdb", "-D", f"{self.directory}/data", "-U", "stage", "-A", "trust",
                         "--no-sync", "--no-locale", "-E", "UTF8")
        assert done.returncode == 0, done.stderr
        with open(f"{self.directory}/data/postgresql.conf", "a", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(directory=self.directory, fsync="on" if fsync else "off"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _open_the_way(self):
        """The server's user walks through directories that were made for this test alone."""
        path = os.path.dirname(self.directory)
        while os.stat(path).st_uid == os.geteuid() and os.stat(path).st_mode & 0o077 == 0:
            os.chmod(path, 0o711)
            path = os.path.dirname(path)

    def _as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _run(self, name, *arguments, **how):
        return subprocess.run([os.path.join(self.binaries, name), *arguments], cwd="/", check=False,
                              capture_output=True, text=True, timeout=60, **self._as_user(), **how)

    # --- life ---------------------------------------------------------------------------

    def start(self):
        with open(f"{self.directory}/log", "ab") as log:
            self.process = subprocess.Popen(
                [f"{self.binaries}/postgres", "-D", f"{self.directory}/data"], cwd="/",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as_user())
        eventually(lambda: self._run("pg_isready", "-q", "-U", "stage", "-d", "postgres",
                                     "-h", self.directory).returncode == 0)

    def stop(self, sign=signal.SIGINT):
        """SIGINT: sessions are ended (57P01); SIGQUIT: as after a crash."""
        if self.process:
            self.process.send_signal(sign)
            self.process.wait(60)
        self.process = None

    def log(self):
        with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as text:
            return text.read()

    # --- databases ----------------------------------------------------------------------

    def url(self, database, host=None):
        return f"postgresql://stage@/{database}?host={host or self.directory}"

    def create(self, database):
        self.sql(f'CREATE DATABASE "{database}"', "postgres")
        return database

    def sql(self, text, database):
        """Rows as lines, columns between |."""
        done = self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-U", "stage",
                         "-d", database, "-c", text)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def backends(self, database):
        """pids of Stage's sessions."""
        return [int(pid) for pid in self.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'stage' "
                                             f"AND datname = '{database}' ORDER BY backend_start", database).split()]


class Session:
    """A session that keeps its transaction open between two statements."""

    def __init__(self, postgres, database):
        self.psql = subprocess.Popen(
            [f"{postgres.binaries}/psql", "-XAtq", "-h", postgres.directory, "-U", "stage", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")

    def sql(self, text):
        """Returns when it has been done."""
        self.psql.stdin.write(f"{text};\n\\echo done\n")
        self.psql.stdin.flush()
        lines = []
        while (line := self.psql.stdout.readline().rstrip("\n")) != "done":
            assert line or self.psql.poll() is None, "the session ended"
            lines.append(line)
        return lines

    def close(self):
        self.psql.stdin.close()
        self.psql.wait(30)
        self.psql.stdout.close()


class Proxy:
    """Between Stage and the server: connections that can be cut on one side alone."""

    def __init__(self, postgres):
        self.server = f"{postgres.directory}/.s.PGSQL.5432"
        self.directory = tempfile.mkdtemp(prefix="px-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{self.directory}/.s.PGSQL.5432")
        self.listener.listen()
        self.pairs = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.server)
            except OSError:
                client.close()
                continue
            pair = {"client": client, "server": server, "replied": 0, "asking": False, "cut": False}
            self.pairs.append(pair)
            threading.Thread(target=self._pump, args=(pair, client, server), daemon=True).start()
            threading.Thread(target=self._pump, args=(pair, server, client), daemon=True).start()

    @staticmethod
    def _pump(pair, source, sink):
        while True:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            if source is pair["server"]:
                pair["replied"] += len(data)
            pair["asking"] = source is pair["client"]
            if not data:
                break
            try:
                sink.sendall(data)
            except OSError:
                if source is pair["client"]:
                    break                 # the server's last words are still counted
        if source is pair["server"] or not pair["cut"]:
            for end in (pair["client"], pair["server"]):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def cut(self):
        """Stage loses its connection; the server does not hear of it."""
        pair = self.pairs[-1]
        pair["cut"] = True
        pair["client"].shutdown(socket.SHUT_RDWR)
        return pair

    def close(self):
        self.listener.close()
        for pair in self.pairs:
            pair["client"].close()
            pair["server"].close()
        shutil.rmtree(self.directory, ignore_errors=True)


def play(postgres, *functions):
    """All functions, or those with one of the command's words in their name."""
    words = sys.argv[1:]
    for function in functions:
        if words and not any(word in function.__name__ for word in words):
            continue
        home = tempfile.mkdtemp(prefix="sp-")
        began = time.monotonic()
        try:
            function(postgres, home)
        except BaseException:
            print(f"{function.__name__} failed")
            for path in (f"{home}/log", f"{postgres.directory}/log"):
                if os.path.exists(path):
                    with open(path, encoding="utf-8", errors="replace") as text:
                        print(f"--- {os.path.basename(os.path.dirname(path))}\n{text.read()[-6000:]}")
            raise
        finally:
            shutil.rmtree(home, ignore_errors=True)
        print(f"{time.monotonic() - began:5.1f} s  {function.__name__}", flush=True)
