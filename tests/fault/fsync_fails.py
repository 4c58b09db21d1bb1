"""A flush to stable storage that fails ends the store rather than be acknowledged; nothing
that was acknowledged before, or after it came back, is lost."""

import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))


def ask(client, line):
    client.send_line(line)
    return client.line(patience=40)


def eventually(what, patience=30):
    deadline = time.monotonic() + patience
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("it never came")
        time.sleep(0.02)                  # between two looks, not instead of one


def play(server, trigger):
    client = Client(server.port)
    client.line()
    assert ask(client, "1 call counters.a add [5]").endswith(" 5")
    with open(trigger, "w", encoding="utf-8"):
        pass
    # While no flush succeeds nothing is acknowledged: the request waits for a store that can.
    client.send_line("2 call counters.a add t=20000 [1]")
    eventually(lambda: "a flush to stable storage failed" in server.log())
    os.unlink(trigger)
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
    shim = os.path.join(BUILD, "tests/fault/libfaulty_io.so")
    if not os.path.exists(shim):
        raise SystemExit(f"{shim} has not been built")
    home = tempfile.mkdtemp(prefix="sf-")
    trigger = f"{home}/fail-now"
    try:
        settings = {"node.log_level": "info", "workers.restart_intensity": "1000"}
        extra = {"LD_PRELOAD": shim, "FAULTY_IO_TRIGGER": trigger}
        with Server(BUILD, home, settings, extra) as server:
            server.start()
            try:
                play(server, trigger)
            except BaseException:
                print(server.log()[-4000:])
                raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
