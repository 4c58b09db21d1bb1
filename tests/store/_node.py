"""A node whose store is a database, and what a client and an operator ask of it."""

from _postgres import BUILD

from client import Client
from server import Server


def node(home, url, **settings):
    return Server(BUILD, home, {"store.engine": "postgresql", "store.url": url, "node.log_level": "info",
                                "cluster.shards": "64", **settings})


def connect(server):
    client = Client(server.port)
    client.line()
    return client


def ask(client, line, patience=40):
    client.send_line(line)
    return client.line(patience)


def add(client, actor="a"):
    answer = ask(client, f"c call counters.{actor} add t=30000 [1]")
    assert answer.startswith("c ok "), answer
    return int(answer.rsplit(" ", 1)[1])


def value(client, actor="a"):
    answer = ask(client, f"g get counters.{actor} value t=30000")
    assert answer.startswith("g ok "), answer
    return int(answer.rsplit(" ", 1)[1])


def check(server):
    done = server.run("stagectl", ["check", "store"])
    return done.returncode, (done.stdout + done.stderr).decode()


def log(server):
    with open(server.log_path, encoding="utf-8") as text:
        return text.read()
