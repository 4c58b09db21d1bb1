"""A node whose state is in PostgreSQL: what was acknowledged is there after every end of the node
and of the server, nobody overwrites what is not theirs any more, and trouble has a name."""

import os
import signal
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

from _postgres import Postgres, Proxy, Session, eventually, play    # noqa: E402
from _node import add, ask, check, connect, log, node, value         # noqa: E402

import _checker as checker                # noqa: E402

NAMES = ["ann", "bob", "cat"]


def state_outlives_the_node(postgres, home):
    database = postgres.create("outlives")
    with node(home, postgres.url(database)) as server:
        server.start()
        client = connect(server)
        assert [add(client), add(client)] == [1, 2]
        assert check(server)[0] == 0
        assert server.stop() == 0
        assert int(postgres.sql("SELECT count(*) FROM stage.actor", database)) > 0
        server.start()
        assert add(connect(server)) == 3
        assert server.stop() == 0


def a_killed_node_loses_nothing(postgres, home):
    """kill -9 of all its processes under load, twice."""
    database = postgres.create("killed")
    with node(home, postgres.url(database)) as server:
        checker.write_class(server)
        server.start()
        state = checker.new_state(NAMES)
        for _ in range(2):
            owners = load(server, state, lambda owners: acknowledged(owners) > 300)
            server.kill_all()
            finish(owners)
            server.start()
            sound(server, state)
        assert server.stop() == 0


def a_restarted_server_loses_and_doubles_nothing(postgres, home):
    """Sessions ended by an administrator (57P01), a crash, and both again, and the end of the
    store's own process, all under load."""
    database = postgres.create("restarted")
    with node(home, postgres.url(database)) as server:
        checker.write_class(server)
        server.start()
        state, stop = checker.new_state(NAMES), []
        owners = load(server, state, lambda owners: acknowledged(owners) > 200, lambda: not stop)
        for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT):
            postgres.stop(sign)
            postgres.start()
            before = acknowledged(owners)
            eventually(lambda: acknowledged(owners) > before + 200)
        for pid in postgres.backends(database):
            postgres.sql(f"SELECT pg_terminate_backend({pid})", database)
        before = acknowledged(owners)
        eventually(lambda: acknowledged(owners) > before + 200)
        server.kill("store")
        before = acknowledged(owners)
        eventually(lambda: acknowledged(owners) > before + 200)
        stop.append(True)
        finish(owners)
        codes = {code for owner in owners for code in owner.writer.codes}
        assert codes <= {"timeout"}, codes
        sound(server, state)
        assert "57P01" in postgres.log() or "terminating connection due to administrator" in postgres.log()
        eventually(lambda: check(server)[0] == 0)
        assert server.stop() == 0


def load(server, state, enough, keep_going=None):
    stop = []
    owners = [checker.Owner(server.port, name, state, keep_going or (lambda: not stop)) for name in NAMES]
    for owner in owners:
        owner.stop = stop
        owner.start()
    eventually(lambda: enough(owners))
    return owners


def acknowledged(owners):
    assert all(owner.is_alive() for owner in owners), [owner.problem for owner in owners]
    return sum(owner.writer.acknowledged for owner in owners)


def finish(owners):
    for owner in owners:
        owner.stop.append(True)
    for owner in owners:
        owner.join(60)
        assert not owner.problem, owner.problem
        assert owner.writer.doubled == 0 and not owner.writer.wrong


def sound(server, state):
    found = checker.check(server.port, state)
    assert found["lost"] == found["half"] == found["twice"] == 0, found


def a_shard_of_a_higher_epoch_is_not_touched(postgres, home):
    """Somebody else claims all shards: the node's own writes change nothing, its readers get
    nothing, and what is acknowledged is the other's."""
    database = postgres.create("fenced")
    records = "SELECT md5(string_agg(record::text, ',' ORDER BY address)) FROM stage.actor"
    with node(home, postgres.url(database)) as server:
        server.start()
        client = connect(server)
        assert add(client) == 1
        postgres.sql("UPDATE stage.shard SET epoch = epoch + 1000000, owner = 'other'", database)
        before = postgres.sql(records, database)
        for actor in ("a", "b"):
            answer = ask(client, f"f call counters.{actor} add t=500 [1]")
            assert " ok " not in answer, answer
        assert " ok " not in ask(client, "g get counters.a value t=500")
        assert postgres.sql(records, database) == before
        server.kill_all()
        server.start()
        assert " ok " not in ask(connect(server), "f call counters.a add t=500 [1]")
        assert "shards of this node have another owner in the database" in log(server)
        assert postgres.sql(records, database) == before
        assert postgres.sql("SELECT DISTINCT owner FROM stage.shard", database) == "other"


def a_late_statement_changes_nothing(postgres, home):
    """A stopped backend has a statement before it when its client's connection is cut; it runs
    when newer records are there."""
    database, proxy = postgres.create("late"), Proxy(postgres)
    with node(home, postgres.url(database, proxy.directory)) as server:
        server.start()
        client = connect(server)
        assert add(client) == 1
        stopped, = postgres.backends(database)
        os.kill(stopped, signal.SIGSTOP)
        try:
            client.send_line("c call counters.a add t=30000 [1]")
            eventually(lambda: proxy.pairs[0]["asking"])
            pair = proxy.cut()
            assert client.line(30).endswith(" 2")   # sent again over another connection
            assert [add(client), add(client)] == [3, 4]
            answered = pair["replied"]
            before = postgres.sql("SELECT md5(record::text) FROM stage.actor ORDER BY address", database)
        finally:
            os.kill(stopped, signal.SIGCONT)
        eventually(lambda: pair["replied"] > answered)
        assert postgres.sql("SELECT md5(record::text) FROM stage.actor ORDER BY address", database) == before
        server.kill_all()
        server.start()
        assert value(connect(server)) == 4
        assert server.stop() == 0
    proxy.close()


def a_hanging_statement_is_waited_for(postgres, home):
    """It waits for a row that somebody has locked, and already has its shard: the new connection
    cannot claim before it has ended."""
    database, proxy = postgres.create("hanging"), Proxy(postgres)
    with node(home, postgres.url(database, proxy.directory)) as server:
        server.start()
        client = connect(server)
        assert add(client) == 1
        other = Session(postgres, database)
        other.sql("BEGIN; SELECT 1 FROM stage.actor FOR UPDATE")
        client.send_line("c call counters.a add t=30000 [1]")
        waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
        eventually(lambda: postgres.sql(waiting, database) == "1")
        proxy.cut()
        eventually(lambda: postgres.sql(waiting, database) == "2")   # the claim behind the statement
        other.sql("COMMIT")
        assert client.line(30).endswith(" 2")
        assert add(client) == 3
        other.close()
        server.kill_all()
        server.start()
        assert value(connect(server)) == 3
        assert server.stop() == 0
    proxy.close()


with Postgres() as server_of_all:
    play(server_of_all, state_outlives_the_node, a_killed_node_loses_nothing,
         a_restarted_server_loses_and_doubles_nothing, a_shard_of_a_higher_epoch_is_not_touched,
         a_late_statement_changes_nothing, a_hanging_statement_is_waited_for)
