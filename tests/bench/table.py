"""Stage beside redis-server: one table of all the work that has a target.

Both servers run at the same time on loopback and are measured in turns with the same generator;
every row is the ratio of two medians. `compare.py` measures the first rows in more detail.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests/scenario")]

import redis                                      # noqa: E402
import usage                                      # noqa: E402
from server import Server, StartFailed, program   # noqa: E402

MIX = ["--mix", "get=50,set=25,call=25"]
FAN_OUT = ["--connections", "1", "--watchers", "1000", "--keys", "1", "--mix", "set=100"]
IDLE_FIRST, IDLE_MORE = 1000, 3000 # connections; memory is compared between the two


@dataclass
class Row:
    name: str
    options: list            # of the generator
    metric: str
    reach: float
    pubsub: bool = False     # redis: PUBLISH and SUBSCRIBE
    durable: bool = False
    below: bool = False      # less is better


ROWS = [
    Row("50 connections, 1 in flight", ["--connections", "50", *MIX], "operations", 1.05),
    Row("50 connections, 16 in flight", ["--connections", "50", "--depth", "16", *MIX], "operations", 1.3),
    Row("1000 connections, 1 in flight", ["--connections", "1000", *MIX], "operations", 1.3),
    Row("1 connection, 1 in flight: p50 latency", ["--connections", "1", *MIX], "p50", 1.15, below=True),
    Row("one change to 1000 watchers, 1 in flight", FAN_OUT, "events", 1.25, pubsub=True),
    Row("one change to 1000 watchers, 16 in flight", [*FAN_OUT, "--depth", "16"], "events", 1.5, pubsub=True),
    Row("durable writes, 64 connections", ["--connections", "64", "--mix", "set=100"], "operations", 1.5,
        durable=True),
]
METRICS = {
    "operations": (lambda f: f["server"]["operations_per_cpu_second"], "operations per CPU s", "{:,.0f}"),
    "events": (lambda f: f["events"] / f["server"]["cpu_seconds"], "events per CPU s", "{:,.0f}"),
    "p50": (lambda f: f["all"]["p50_us"], "µs", "{:.1f}"),
}


class Failed(Exception):
    """A measurement that must not be printed as one."""


@dataclass
class Contestant:
    name: str
    port: int
    pid: int


# --- The servers ----------------------------------------------------------------------

def start_stage(stack, home, settings):
    runtime = tempfile.mkdtemp(prefix="stage-bench-") # a Unix socket's path has to be short
    stack.callback(shutil.rmtree, runtime, ignore_errors=True)
    server = stack.enter_context(Server(
        BUILD, f"{home}/stage",
        {"node.log_level": "warn", "node.runtime": runtime, **settings}, samples=False))
    for name in os.listdir(f"{HERE}/actors"):
        shutil.copy(f"{HERE}/actors/{name}", f"{home}/stage/actors/")
    server.start()
    return server


def start_redis(stack, home, name, options):
    server = stack.enter_context(redis.Redis(f"{home}/{name}", [*options, "--maxclients", "10000"]))
    return Contestant("redis", server.port, server.pid)


# --- Load -----------------------------------------------------------------------------

def measure(row, who, args, filled):
    address = "bench" if row.durable else "bench-memory"
    protocol = "stage" if who.name == "stage" else "redis-pubsub" if row.pubsub else "redis"
    command = [program(BUILD, "stage-bench"), "--json", "--protocol", protocol, "--port", str(who.port),
               "--server-pids", str(who.pid), "--address", address, "--time", str(args.time),
               "--warm-up", str(args.time / 4), *row.options]
    if filled or row.pubsub:
        command.append("--no-fill")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=args.time + 120)
    if done.returncode != 0:
        raise Failed(f"{row.name}, {who.name}: {done.stderr.strip() or done.stdout.strip()}")
    figures = json.loads(done.stdout)
    if figures["error_count"] or figures["wrong"] or figures["server"]["gone"]:
        raise Failed(f"{row.name}, {who.name}: errors {figures['errors']}, {figures['wrong']} wrong answers")
    return figures


def run(args, rows, stage, plain, durable):
    """row number -> the metric of every round: of Stage, of redis."""
    found = {i: ([], []) for i in range(len(rows))}
    filled = set()
    for number in range(args.rounds):
        for i, row in enumerate(rows):
            pair = list(enumerate((stage, durable if row.durable else plain)))
            for k, who in pair if number % 2 == 0 else reversed(pair):
                time.sleep(0.2) # what the last run left behind, write-back for one, settles
                figures = measure(row, who, args, (who.port, row.durable) in filled)
                filled.add((who.port, row.durable))
                found[i][k].append(METRICS[row.metric][0](figures))
        print(f"round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
    return found


# --- Memory ---------------------------------------------------------------------------

def idle_memory(port, pids, greets):
    """User memory of one more connection that has nothing to say."""
    open_ones = []

    def more(count):
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), timeout=30)
            if greets:
                s.recv(4096)
            else:
                s.sendall(b"PING\r\n")
                s.recv(64)
            open_ones.append(s)
        time.sleep(1) # what was taken for the greetings is given back
        return usage.anonymous(pids)

    try:
        before = more(IDLE_FIRST)
        return (more(IDLE_MORE) - before) / IDLE_MORE
    finally:
        for s in open_ones:
            s.close()


def memory_row(home):
    with contextlib.ExitStack() as stack:
        server = start_stage(stack, f"{home}/memory", {})
        other = start_redis(stack, f"{home}/memory", "redis", ["--appendonly", "no"])
        return (idle_memory(server.port, server.pids("gateway"), True),
                idle_memory(other.port, [other.pid], False))


# --- Printing -------------------------------------------------------------------------

def line(name, unit, ours, theirs, ratio, reach, holds):
    print(f"| {name} | {unit} | {ours} | {theirs} | {ratio} | {reach} | {'yes' if holds else 'no'} |")


def print_table(args, rows, found, memory):
    print(f"redis-server {redis.version()}, Linux {platform.release()}, {os.cpu_count()} processors; "
          f"medians of {args.rounds} rounds of {args.time:g} s, in turns; ratio: Stage / redis, and those "
          "of the single rounds.\n")
    print("| work | unit | Stage | redis | ratio | reach | reached |\n|---|---|--:|--:|--:|--:|---|")
    for i, row in enumerate(rows):
        ours, theirs = found[i]
        _, unit, form = METRICS[row.metric]
        ratio = statistics.median(ours) / statistics.median(theirs)
        rounds = ", ".join(f"{a / b:.2f}" for a, b in zip(ours, theirs))
        line(row.name, unit, form.format(statistics.median(ours)), form.format(statistics.median(theirs)),
             f"{ratio:.2f} ({rounds})", f"{'≤' if row.below else '≥'} {row.reach:g}",
             ratio <= row.reach if row.below else ratio >= row.reach)
    if memory is None:
        return
    line("an idle connection", "bytes of user memory", f"{memory[0]:,.0f}", f"{memory[1]:,.0f}",
         f"{memory[0] / memory[1]:.2f}", "≤ 512 B", memory[0] <= 512)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--time", type=float, default=3, help="seconds of each measurement (3)")
    p.add_argument("--only", default="", metavar="TEXT", help="the rows whose name contains this, without memory's")
    p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE",
                   help="a setting of Stage, such as workers.actors=2")
    p.add_argument("--directory", help="where the data goes; a real disk (the build directory)")
    args = p.parse_args()
    rows = [row for row in ROWS if args.only in row.name]
    if redis.PROGRAM is None:
        print(redis.MISSING, file=sys.stderr)
        return 1
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with contextlib.ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(
                prefix="bench-", dir=args.directory or BUILD, ignore_cleanup_errors=True))
            memory = None if args.only else memory_row(home)
            server = start_stage(stack, home, dict(pair.split("=", 1) for pair in args.set))
            stage = Contestant("stage", server.port, server.process.pid)
            plain = start_redis(stack, home, "plain", ["--appendonly", "no"])
            durable = start_redis(stack, home, "durable", ["--appendonly", "yes", "--appendfsync", "always"])
            found = run(args, rows, stage, plain, durable)
    except (Failed, StartFailed, RuntimeError, subprocess.TimeoutExpired) as why:
        print(f"table: {why}", file=sys.stderr)
        return 1
    print_table(args, rows, found, memory)
    return 0


BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", f"{ROOT}/build"))

if __name__ == "__main__":
    sys.exit(main())
