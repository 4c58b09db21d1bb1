"""A flush to stable storage that fails ends the store rather than be acknowledged; nothing
that was acknowledged before, or after it came back, is lost."""

import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import inject                             # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))


def ask(client, line):
    client.send_line(line)
    return client.line(patience=40)


def play(server, faults):
    client = Client(server.port)
    client.line()
    assert ask(client, "1 call counters.a add [5]").endswith(" 5")
    flushes, others = [faults.arm(inject.Point("stage-store", call, inject.BEFORE), error=inject.EIO, every=True)
                       for call in ("fdatasync", "fsync")]
    # While no flush succeeds nothing is acknowledged: the request waits for a store that can.
    # The store that comes after the first failure cannot even open.
    client.send_line("2 call counters.a add t=20000 [1]")
    flushes.wait(hits=2)
    flushes.disarm()
    others.disarm()
    assert "a flush to stable storage failed" in server.log()
    answer = client.line(patience=40)
    print(f"the waiting request was answered: {answer}")
    assert answer.startswith("2 ok ") and answer.endswith(" 6"), answer
    assert ask(client, "3 get counters.a value").endswith(" 6")
    server.kill_all()
    server.start()
    client = Client(server.port)
    client.line()
    assert ask(client, "4 get counters.a value").endswith(" 6")
    assert server.stop() == 0


def main():
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        faults = inject.Faults(BUILD, home)
        settings = {"node.log_level": "info", "workers.restart_intensity": "1000"}
        with Server(BUILD, home, settings, faults.environment) as server:
            server.start()
            try:
                play(server, faults)
            except BaseException:
                print(server.log()[-4000:])
                raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
