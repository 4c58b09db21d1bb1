"""How long a client waits for an actor worker's successor: from kill -9 to the first answer.

    python3 tests/fault/restart_time.py [KILLS]

The clock starts at the kill and ends at the answer to a request sent right after it, to an actor
of that worker; one sent just before the kill is answered too. The median must be below 50 ms.
"""

import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
BOUND_MS = 50
# The first restart within a period comes without a pause: each kill shall be the first.
PERIOD_MS = 50
SETTINGS = {"workers.actors": "1", "workers.restart_period": f"{PERIOD_MS}ms", "node.log_level": "info"}


def settled_worker(server, before):
    """The process that serves, once it has for longer than the period."""
    while True:
        row = next(row for row in server.admin("workers fmt=json") if row.get("role") == "actor")
        if row["state"] == "ready" and row["pid"] != before and row["uptime_ms"] > 2 * PERIOD_MS:
            return row["pid"]
        time.sleep(0.005)                 # between two questions, not instead of one


def one_kill(client, pid, number):
    """Milliseconds from the kill to the answer to what was sent right after it."""
    answers = {}
    client.send_line(f"before{number} call counters.before add [1]")
    began = time.monotonic_ns()
    os.kill(pid, signal.SIGKILL)
    client.send_line(f"after{number} get counters.after value")
    while len(answers) < 2:
        ident, *rest = client.line().split(" ")
        answers[ident] = (time.monotonic_ns(), rest)
    at, after = answers[f"after{number}"]
    _, before = answers[f"before{number}"]
    # What the dead process had taken says so, if it changes anything; a read is served.
    assert after[0] == "ok" and after[2] == f"{number + 1}", after
    assert before[0] == "ok" or before == ["err", "crashed"], before
    return (at - began) / 1e6


def measure(server, kills):
    client, waits, pid = Client(server.port), [], 0
    client.line()
    for number in range(kills):
        pid = settled_worker(server, pid)
        client.send_line(f"warm{number} call counters.after add [1]")
        assert client.line().startswith(f"warm{number} ok ")
        waits.append(one_kill(client, pid, number))
    assert settled_worker(server, pid)
    return sorted(waits)


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        with Server(BUILD, home, SETTINGS) as server:
            server.start()
            waits = measure(server, kills)
            restarts = server.log().count("child will be restarted child=actor/0 delay_ms=0")
            assert restarts == kills, f"{restarts} of {kills} restarts were without a pause"
            assert server.stop() == 0
    finally:
        shutil.rmtree(home, ignore_errors=True)
    median = statistics.median(waits)
    print(f"{kills} kills of an actor worker, to the first answer of its successor, ms: "
          f"median {median:.1f}, p90 {waits[int(len(waits) * 0.9)]:.1f}, worst {waits[-1]:.1f}")
    assert median < BOUND_MS, f"the median must be below {BOUND_MS} ms"


if __name__ == "__main__":
    main()
