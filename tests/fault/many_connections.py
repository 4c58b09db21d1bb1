"""As many idle connections as the descriptor limit allows are kept and served; those beyond
it are refused politely, and the server lives on."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                # noqa: E402
from server import Server                # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
MOST = 20000      # connections; fewer where the descriptor limit is lower
SPARE = 300       # descriptors this process needs for itself


def first_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        part = connection.recv(256)
        if not part:
            break
        text += part
    return text.decode()


def open_many(port, count):
    """(open connections that were greeted, how many were refused)"""
    greeted, refused = [], 0
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=15)
        line = first_line(connection)
        if line.startswith("* stage 1 "):
            greeted.append(connection)
        elif line.startswith("* err limit "):
            refused += 1
            connection.close()
        else:
            raise AssertionError(f"neither greeted nor refused: {line!r}")
    return greeted, refused


def hold(port, count):
    """The second process: descriptors of its own. Ends with its standard input."""
    greeted, refused = open_many(port, count)
    print(len(greeted), refused, flush=True)
    sys.stdin.read()


def gateway_memory(server):
    rows = server.admin("workers fmt=json")
    return sum(row["memory"] for row in rows if row.get("role") == "gateway")


def served(client, name):
    client.send_line(f"{name} get counters.a value")
    line = client.line()
    assert line.startswith(f"{name} ok "), line


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    here = min(MOST, hard - SPARE)
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        with Server(BUILD, home, {"workers.gateways": "1", "node.log_level": "warn"}) as server:
            server.start()
            before = gateway_memory(server)
            client = Client(server.port)
            client.line()
            served(client, "a")
            greeted, refused = open_many(server.port, here)
            assert refused == 0, f"{refused} refused below the limit"
            per_connection = (gateway_memory(server) - before) / len(greeted)
            served(client, "b")
            with subprocess.Popen([sys.executable, "-B", __file__, "hold", str(server.port), str(2 * SPARE)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
                more, turned_away = map(int, other.stdout.readline().split())
                assert turned_away > 0 or hard > here + 2 * SPARE + 100, "nobody was refused above the limit"
                served(client, "c")
                other.stdin.close()
            print(f"{len(greeted)} + {more} connections kept, {turned_away} refused beyond the limit of "
                  f"{hard} descriptors; {per_connection:.0f} bytes of the gateway for each")
            assert per_connection < 2048, "too much memory for an idle connection"
            for connection in greeted:
                connection.close()
            late = Client(server.port)
            assert late.line().startswith("* stage 1 ")
            served(late, "d")
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["hold"]:
        hold(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
