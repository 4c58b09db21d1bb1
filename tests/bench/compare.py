#!/usr/bin/env python3
"""Measures Stage beside redis-server in one run, in turns, with the same generator.

    python3 tests/bench/compare.py [--rounds N] [--time SECONDS] [--markdown] ...

Starts both on loopback in a directory of its own, which is removed at the end. Every round
measures each case once with each server, in alternating order; medians are printed.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
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
from server import Server, StartFailed, program   # noqa: E402

# durability -> (Stage's actors, redis-server's options, how a reader would say it)
DURABILITY = {
    "none": ("bench-memory", ["--appendonly", "no"],
             "durability none; redis without persistence"),
    "commit": ("bench", ["--appendonly", "yes", "--appendfsync", "always"],
               "durability commit; redis with appendfsync always"),
}
METRICS = {
    "ops": lambda f: f["operations_per_second"],
    "p50": lambda f: f["all"]["p50_us"],
    "p99": lambda f: f["all"]["p99_us"],
    "cpu_us": lambda f: f["server"]["cpu_us_per_operation"],
    "ops_per_cpu": lambda f: f["server"]["operations_per_cpu_second"],
    "cpus": lambda f: f["server"]["cpu_seconds"] / f["seconds"],
    "generator": lambda f: f["generator"]["load"],
}


class Failed(Exception):
    """A measurement that must not be printed as one."""


@dataclass
class Contestant:
    name: str
    protocol: str
    port: int
    pid: int
    address: str
    filled: bool = False


@dataclass
class Case:
    durability: str
    depth: int


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default=os.environ.get("STAGE_BUILD", f"{ROOT}/build"),
                   help="where Stage has been built (build/)")
    p.add_argument("--directory", help="where the servers' data goes; a real disk, or the "
                   "durable cases mean nothing (the build directory)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--time", type=float, default=3, help="seconds of each measurement (3)")
    p.add_argument("--warm-up", type=float, default=1, help="seconds before each (1)")
    p.add_argument("--connections", type=int, default=50)
    p.add_argument("--depth", type=int, nargs="+", default=[1, 16], help="in flight (1 16)")
    p.add_argument("--durability", nargs="+", choices=list(DURABILITY), default=list(DURABILITY))
    p.add_argument("--mix", default="get=50,set=25,call=25")
    p.add_argument("--keys", type=int, default=10000)
    p.add_argument("--redis-protocol", choices=["redis", "redis-hash"], default="redis")
    p.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE",
                   help="a setting of Stage, such as workers.actors=2")
    p.add_argument("--generator-cpu", type=int,
                   help="gives the generator this processor and the servers all others")
    p.add_argument("--markdown", action="store_true", help="a Markdown table instead of text")
    p.add_argument("--json", action="store_true", help="all figures of all rounds as JSON")
    return p.parse_args()


# --- The servers ----------------------------------------------------------------------

def start_stage(stack, args, home):
    # The runtime directory apart: the path of a Unix socket has to be short.
    runtime = tempfile.mkdtemp(prefix="stage-bench-")
    stack.callback(shutil.rmtree, runtime, ignore_errors=True)
    settings = {"node.log_level": "warn", "node.runtime": runtime}
    settings.update(pair.split("=", 1) for pair in args.set)
    server = stack.enter_context(Server(args.build, f"{home}/stage", settings, samples=False))
    for name in os.listdir(f"{HERE}/actors"):
        shutil.copy(f"{HERE}/actors/{name}", f"{home}/stage/actors/")
    try:
        server.start()
    except StartFailed as why:
        raise Failed(f"{why}\n{server.log()[-3000:]}") from why
    return server


def start_all(stack, args, home):
    """durability -> its two contestants."""
    stage = start_stage(stack, args, home)
    contestants = {}
    for durability in args.durability:
        address, options, _ = DURABILITY[durability]
        other = stack.enter_context(redis.Redis(f"{home}/redis-{durability}", options))
        contestants[durability] = [
            Contestant("stage", "stage", stage.port, stage.process.pid, address),
            Contestant("redis", args.redis_protocol, other.port, other.pid, address)]
    return contestants


@contextlib.contextmanager
def processors(chosen):
    """Children started inside run on these processors only; None: on any."""
    before = os.sched_getaffinity(0)
    if chosen is not None:
        os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def split_processors(args):
    if args.generator_cpu is None:
        return None, None
    every = os.sched_getaffinity(0)
    rest = every - {args.generator_cpu}
    if args.generator_cpu not in every or not rest:
        raise Failed(f"--generator-cpu: there are only the processors {sorted(every)}")
    return {args.generator_cpu}, rest


# --- Measuring ------------------------------------------------------------------------

def measure(args, who, case):
    command = [program(args.build, "stage-bench"), "--json", "--protocol", who.protocol,
               "--port", str(who.port), "--server-pids", str(who.pid), "--address", who.address,
               "--connections", str(args.connections), "--depth", str(case.depth),
               "--mix", args.mix, "--keys", str(args.keys),
               "--time", str(args.time), "--warm-up", str(args.warm_up)]
    if who.filled:
        command.append("--no-fill")
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=args.time + args.warm_up + 120)
    what = f"{who.name}, {case.durability}, {case.depth} in flight"
    if done.returncode != 0:
        raise Failed(f"{what}: {done.stderr.strip() or done.stdout.strip()}")
    figures = json.loads(done.stdout)
    if figures["error_count"] or figures["wrong"]:
        raise Failed(f"{what}: errors {figures['errors']}, {figures['wrong']} wrong answers")
    if figures["server"]["gone"]:
        raise Failed(f"{what}: a process of the server ended under the load")
    who.filled = True
    return figures


def run(args, cases, contestants, generator):
    """(case index, server) -> the figures of every round."""
    found = {}
    for number in range(args.rounds):
        for i, case in enumerate(cases):
            pair = contestants[case.durability]
            for who in pair if number % 2 == 0 else reversed(pair):
                time.sleep(0.2) # what the last run left behind, write-back for one, settles
                with processors(generator):
                    found.setdefault((i, who.name), []).append(measure(args, who, case))
        print(f"round {number + 1} of {args.rounds} done", file=sys.stderr, flush=True)
    return found


def median(figures, metric):
    return statistics.median(METRICS[metric](f) for f in figures)


def spread(figures, metric):
    """Half the distance between the best and the worst round, of the median."""
    values = [METRICS[metric](f) for f in figures]
    return (max(values) - min(values)) / 2 / statistics.median(values)


def ratio(found, i, metric):
    return median(found[i, "stage"], metric) / median(found[i, "redis"], metric)


# --- Printing -------------------------------------------------------------------------

def file_system(path):
    best = ("/", "unknown")
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, where, kind, *_ = line.split()
            inside = os.path.realpath(path).startswith(where.rstrip("/") + "/") or where == "/"
            if inside and len(where) >= len(best[0]):
                best = (where, kind)
    return best[1]


def circumstances(args, directory):
    return (f"{args.connections} connections, mix {args.mix}, {args.keys} keys, integers; "
            f"medians of {args.rounds} rounds of {args.time:g} s, in turns. "
            f"redis-server {redis.version()} ({args.redis_protocol}), Linux {platform.release()}, "
            f"{os.cpu_count()} processors, data on {file_system(directory)}.")


def print_text(args, cases, found, directory):
    print(circumstances(args, directory))
    for i, case in enumerate(cases):
        print(f"\n{DURABILITY[case.durability][2]}; {case.depth} in flight on each connection")
        print(f"{'':8}{'ops/s':>11}{'p50 us':>10}{'p99 us':>10}{'CPU us/op':>11}"
              f"{'ops/CPU s':>12}{'spread':>8}{'CPUs':>7}{'generator':>11}")
        for name in ("stage", "redis"):
            f = found[i, name]
            print(f"{name:8}{median(f, 'ops'):11,.0f}{median(f, 'p50'):10.1f}"
                  f"{median(f, 'p99'):10.1f}{median(f, 'cpu_us'):11.2f}"
                  f"{median(f, 'ops_per_cpu'):12,.0f}{spread(f, 'ops_per_cpu'):8.0%}"
                  f"{median(f, 'cpus'):7.2f}{median(f, 'generator'):11.2f}")
        print(f"stage / redis: {ratio(found, i, 'ops'):.2f} of the throughput, "
              f"{ratio(found, i, 'ops_per_cpu'):.2f} of the operations per server CPU second")


def print_markdown(args, cases, found, directory):
    print(circumstances(args, directory) + "\n")
    print("| durability | in flight | server | ops/s | p50 µs | p99 µs | CPU µs/op | ops per CPU s "
          "| Stage : redis, throughput | Stage : redis, per CPU s |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    for i, case in enumerate(cases):
        for name in ("stage", "redis"):
            f = found[i, name]
            first = name == "stage"
            ratios = [f"{ratio(found, i, m):.2f}" if first else "" for m in ("ops", "ops_per_cpu")]
            print(f"| {case.durability if first else ''} | {case.depth if first else ''} | {name} "
                  f"| {median(f, 'ops'):,.0f} | {median(f, 'p50'):.0f} | {median(f, 'p99'):.0f} "
                  f"| {median(f, 'cpu_us'):.2f} | {median(f, 'ops_per_cpu'):,.0f} "
                  f"| {ratios[0]} | {ratios[1]} |")


def print_json(args, cases, found, directory):
    rows = [{"durability": case.durability, "depth": case.depth,
             "throughput_ratio": ratio(found, i, "ops"),
             "per_cpu_second_ratio": ratio(found, i, "ops_per_cpu"),
             "stage": found[i, "stage"], "redis": found[i, "redis"]}
            for i, case in enumerate(cases)]
    print(json.dumps({"circumstances": circumstances(args, directory), "cases": rows}))


def main():
    args = arguments()
    if redis.PROGRAM is None:
        print(redis.MISSING, file=sys.stderr)
        return 1
    directory = args.directory or args.build
    if "commit" in args.durability and file_system(directory) in ("tmpfs", "ramfs"):
        print(f"{directory} is in memory: fsync costs nothing there, so the durable cases say "
              "nothing; choose a disk with --directory", file=sys.stderr)
    cases = [Case(d, n) for d in args.durability for n in args.depth]
    try:
        generator, servers = split_processors(args)
        with contextlib.ExitStack() as stack:
            home = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="bench-", dir=directory, ignore_cleanup_errors=True))
            with processors(servers):
                contestants = start_all(stack, args, home)
            found = run(args, cases, contestants, generator)
    except (Failed, StartFailed, RuntimeError, subprocess.TimeoutExpired) as why:
        print(f"compare: {why}", file=sys.stderr)
        return 1
    show = print_json if args.json else print_markdown if args.markdown else print_text
    show(args, cases, found, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
