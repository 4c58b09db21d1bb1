"""The Nth write of the store fails for want of room: nothing of it is acknowledged, the client
hears why, nothing acknowledged before or after is lost, and service returns by itself."""

import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import inject                             # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
FULL = 'err internal {"reason":"store","message":"no space left on device"}'


def ask(client, line):
    client.send_line(line)
    return client.line(patience=40)


def until_served(client, line, patience=30):
    deadline = time.monotonic() + patience
    while True:
        answer = ask(client, line)
        if " ok " in answer:
            return answer
        assert " err internal " in answer and time.monotonic() < deadline, answer
        time.sleep(0.02)                  # between two questions, not instead of one


def play(server, faults, nth):
    """The nth write from here on fails, once: what was told no is not there, what was told yes is."""
    client = Client(server.port)
    client.line()
    held = int(until_served(client, "0 call counters.a add [0]").rsplit(" ", 1)[1])
    fault = faults.arm("store: before the write", error=inject.ENOSPC, nth=nth)
    for number in range(1, 50):
        answer = ask(client, f"{number} call counters.a add t=20000 [1]")
        if " err " in answer:
            break
        held += 1
        assert answer.endswith(f" {held}"), f"{answer} where {held} was due"
    assert answer == f"{number} {FULL}", answer
    assert fault.hits == 1
    # An actor whose commit failed begins again at what is stored.
    assert ask(client, "r get counters.a value t=20000").endswith(f" {held}")
    assert until_served(client, "s call counters.a add [1]").endswith(f" {held + 1}")
    print(f"write {nth} refused: {number - 1} acknowledged before it, none lost")
    client.close()
    return held + 1


def main():
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        faults = inject.Faults(BUILD, home)
        with Server(BUILD, home, {"node.log_level": "info"}, faults.environment) as server:
            server.start()
            try:
                for nth in (1, 2, 5, 20):
                    held = play(server, faults, nth)
                assert sum(row["restarts"] for row in server.admin("workers fmt=json") if "restarts" in row) == 0
                server.kill_all()
                server.start()
                client = Client(server.port)
                client.line()
                assert ask(client, "r get counters.a value").endswith(f" {held}")
                assert server.stop() == 0
            except BaseException:
                print(server.log()[-4000:])
                raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
