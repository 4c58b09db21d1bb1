"""A database that is full, slow, away, of another version or not there at all: the store waits or
refuses, says so, and goes on by itself where that is possible."""

import os
import signal
import subprocess
import sys
import tempfile
import threading

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

from _postgres import Postgres, eventually, play              # noqa: E402
from _node import add, ask, check, connect, log, node, value  # noqa: E402

FULL = 'err internal {"reason":"store","message":"no space left on device"}'
BLOBS = """
local Blob = stage.class "blobs.{id}"
Blob.properties = { n = 0, text = "" }
function Blob:fill(n, kilobytes)
  local t = {}
  for i = 1, kilobytes do t[i] = string.format("%d %d %s", n, i, string.rep(string.char(65 + (n + i) % 26), 900)) end
  self.n = n self.text = table.concat(t) return n
end
return Blob
"""


class SmallDisk:
    """A tmpfs for a tablespace; None where it cannot be mounted."""

    def __init__(self, postgres, size):
        self.path, self.mounted = tempfile.mkdtemp(prefix="sd-"), False
        if self._mount("tmpfs", "-t", "tmpfs", "-o", f"size={size}"):
            os.chown(self.path, postgres.user.pw_uid, postgres.user.pw_gid)
            self.mounted = True

    def _mount(self, *arguments):
        return subprocess.run(["mount", *arguments, self.path], capture_output=True, check=False).returncode == 0

    def grow(self, size):
        assert self._mount("-o", f"remount,size={size}")

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.path], check=True)
        os.rmdir(self.path)


def a_full_disk_acknowledges_nothing(postgres, home):
    """Of the table's own tablespace; where none can be mounted, a trigger says what the server
    would."""
    database, disk = postgres.create("full"), SmallDisk(postgres, "6m")
    trigger = """CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END$$;
        CREATE TRIGGER full_disk BEFORE INSERT ON stage.actor FOR EACH ROW EXECUTE FUNCTION full_disk()"""
    with node(home, postgres.url(database)) as server:
        with open(f"{home}/actors/blobs.lua", "w", encoding="utf-8") as out:
            out.write(BLOBS)
        server.start()
        client, acknowledged = connect(server), []
        if disk.mounted:
            postgres.sql(f"CREATE TABLESPACE small LOCATION '{disk.path}'", database)
            postgres.sql("ALTER TABLE stage.actor SET TABLESPACE small;"
                         "ALTER TABLE stage.actor ALTER record SET STORAGE EXTERNAL", database)
        for number in range(1, 200):
            answer = ask(client, f"w call blobs.{number} fill t=20000 [{number},200]")
            if not answer.startswith("w ok "):
                break
            acknowledged.append(number)
            if number == 5 and not disk.mounted:
                postgres.sql(trigger, database)
        assert answer == f"w {FULL}", answer
        assert len(acknowledged) >= 5
        code, text = eventually(lambda: (lambda c: c if c[0] else None)(check(server)))
        assert code == 1 and "full" in text, (code, text)
        assert ask(client, "g get blobs.1 n t=20000").endswith(" 1")       # reads go on
        if disk.mounted:
            disk.grow("64m")
        else:
            postgres.sql("DROP TRIGGER full_disk ON stage.actor", database)
        eventually(lambda: check(server)[0] == 0)
        assert ask(client, f"w call blobs.{number} fill t=20000 [{number},200]").startswith("w ok ")
        assert postgres.sql("SELECT count(*) FROM stage.actor WHERE shard < 0", database) == "0"
        server.kill_all()
        server.start()
        client = connect(server)
        for number in acknowledged:
            assert ask(client, f"g get blobs.{number} n t=20000").endswith(f" {number}")
        assert server.stop() == 0
    postgres.sql(f'DROP DATABASE "{database}" WITH (FORCE)', "postgres")
    if disk.mounted:
        postgres.sql("DROP TABLESPACE small", "postgres")
    disk.close()


def memory_of(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as text:
        return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def a_slow_server_is_waited_for(postgres, home):
    """Its backend stands still while clients go on asking: they wait, within bounds, the
    operator is told, and nothing is lost."""
    database = postgres.create("slow")
    with node(home, postgres.url(database)) as server:
        with open(f"{home}/actors/blobs.lua", "w", encoding="utf-8") as out:
            out.write(BLOBS)
        server.start()
        client = connect(server)
        assert add(client) == 1
        store, = server.pids("store")
        before, (backend,) = memory_of(store), postgres.backends(database)
        os.kill(backend, signal.SIGSTOP)
        try:
            for number in range(250):
                client.send_line(f"s{number} call blobs.{number} fill t=60000 [{number},50]")
            code, text = eventually(lambda: (lambda c: c if c[0] else None)(check(server)))
            assert code == 1 and "slow" in text, (code, text)
            assert memory_of(store) - before < 256 << 20
        finally:
            os.kill(backend, signal.SIGCONT)
        answers = {client.line(60).split(" ")[1] for _ in range(250)}
        assert answers == {"ok"}, answers
        eventually(lambda: check(server)[0] == 0)
        assert server.stop() == 0


def a_server_that_is_away_is_waited_for(postgres, home):
    database = postgres.create("away")
    with node(home, postgres.url(database)) as server:
        server.start()
        client = connect(server)
        assert add(client) == 1
        postgres.stop()
        client.send_line("c call counters.a add t=60000 [1]")
        client.send_line("l get counters.new value t=60000")
        code, text = eventually(lambda: (lambda c: c if c[0] else None)(check(server)))
        assert code == 1 and "away" in text, (code, text)
        postgres.start()
        assert sorted(client.line(60).rsplit(" ", 1)[1] for _ in range(2)) == ["0", "2"]
        eventually(lambda: check(server)[0] == 0)
        assert server.stop() == 0


def a_server_that_comes_later_is_waited_for(postgres, home):
    database = postgres.create("later")
    with node(home, postgres.url(database)) as server:
        postgres.stop()
        starting = threading.Thread(target=server.start)
        starting.start()
        eventually(lambda: os.path.exists(server.log_path) and "the store waits for its database" in log(server))
        postgres.start()
        starting.join()
        assert add(connect(server)) == 1
        assert server.stop() == 0


def refusal(home, url, **settings):
    """The exit code of a node that does not start, and what it says."""
    server = node(home, url, **settings)
    server.write_ini()
    done = server.run("stage", [])
    return done.returncode, (done.stdout + done.stderr).decode()


def a_database_that_is_not_ours_is_refused(postgres, home):
    database = postgres.create("refused")
    with node(home, postgres.url(database)) as server:
        server.start()
        assert add(connect(server)) == 1
        assert server.stop() == 0
    code, text = refusal(home, postgres.url(database), **{"cluster.shards": "32", "node.state": f"{home}/other"})
    assert code == 78 and "it holds a cluster of 64 shards, and this one has 32" in text, (code, text)
    code, text = refusal(home, postgres.url(database), **{"node.state": f"{home}/another"})
    assert code == 78 and "it holds the state of another cluster" in text, (code, text)
    postgres.sql("UPDATE stage.meta SET version = 99", database)
    code, text = refusal(home, postgres.url(database))
    assert code == 78 and "its schema is of version 99" in text, (code, text)
    assert "a newer Stage uses this database" in text
    assert postgres.sql("SELECT version FROM stage.meta", database) == "99"


def a_wrong_url_is_refused_and_its_password_told_to_nobody(postgres, home):
    code, text = refusal(home, f"postgresql://stage:sesame@/nowhere?host={postgres.directory}")
    assert code == 78 and 'nowhere\\" does not exist' in text, (code, text)
    assert "sesame" not in text
    code, text = refusal(home, "postgresql://stage:sesame@[/broken")
    assert code == 78 and "neither a PostgreSQL URI nor a list of key=value" in text, (code, text)
    assert "sesame" not in text
    database = postgres.create("secret")
    with node(home, f"postgresql://stage:sesame@/{database}?host={postgres.directory}") as server:
        server.start()
        shown = (server.run("stagectl", ["config"]).stdout + server.run("stagectl", ["--json", "config"]).stdout).decode()
        assert "postgresql://stage:***@/secret" in shown and "sesame" not in shown, shown
        assert server.stop() == 0
    assert "sesame" not in log(server)


with Postgres() as server_of_all:
    play(server_of_all, a_full_disk_acknowledges_nothing, a_slow_server_is_waited_for,
         a_server_that_is_away_is_waited_for, a_server_that_comes_later_is_waited_for,
         a_database_that_is_not_ours_is_refused, a_wrong_url_is_refused_and_its_password_told_to_nobody)
