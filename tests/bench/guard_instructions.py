"""Instructions that a request costs the gateway and the actor worker, by callgrind.

    python3 tests/bench/guard_instructions.py             compares with instructions.json
    python3 tests/bench/guard_instructions.py --record    writes it anew
    python3 tests/bench/guard_instructions.py --keep DIR  leaves callgrind's files there

A fixed number of requests in a fixed order; only instructions are counted, and no time is
looked at (slow_clock.c), so that it does not matter what else the machine does. More than a tenth
above the record fails. A lower figure is worth recording: what has been gained is then kept.

Other --connections and --depth are for looking at; with little in flight the figures depend on
how many loop turns a request takes, which depends on who is how fast.
"""

import argparse
import glob
import json
import os
import random
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from pipelined import Connection                  # noqa: E402
from server import Server, StartFailed, program   # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
RECORD = f"{HERE}/instructions.json"
PROGRAMS = {"gateway": "stage-gateway", "actor": "stage-actor"}
KEYS = 1000
TOLERATED = 0.10


# --- The server, with callgrind before two of its programs ----------------------------

def write_wrappers(libexec, out):
    """Programs of the names that the supervisor looks for."""
    os.mkdir(libexec)
    clock = f"{BUILD}/tests/bench/libslow-clock.so"
    for kind, name in PROGRAMS.items():
        with open(f"{libexec}/{name}", "w", encoding="utf-8") as script:
            script.write(
                "#!/bin/sh\n"
                f"LD_PRELOAD={clock} exec valgrind -q --tool=callgrind --trace-children=no "
                f"--callgrind-out-file={out}/{kind}.%p --log-file={out}/log.%p "
                f"{BUILD}/worker/{kind}/{name}\n")
        os.chmod(f"{libexec}/{name}", 0o755)
    for name in ("store", "tunnel"):
        os.symlink(f"{BUILD}/worker/{name}/stage-{name}", f"{libexec}/stage-{name}")


def start(home, out):
    libexec = f"{home}/libexec"
    write_wrappers(libexec, out)
    server = Server(BUILD, f"{home}/stage", {
        "node.log_level": "warn", "node.runtime": f"{home}/run", "workers.sandbox": "off"},
        {"STAGE_LIBEXECDIR": libexec}, samples=False)
    shutil.copy(f"{HERE}/actors/bench-memory.lua", f"{home}/stage/actors/")
    server.start()
    return server


def instructions(out, kind):
    """What callgrind has counted in one process from its start to its end."""
    found = glob.glob(f"{out}/{kind}.*")
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} files of callgrind for the {kind}")
    with open(found[0], encoding="utf-8") as text:
        return sum(int(n) for n in re.findall(r"^totals: (\d+)", text.read(), re.M))


# --- The requests ---------------------------------------------------------------------

def line(chance, number):
    key = chance.randrange(KEYS)
    kind = chance.choices(("get", "set", "call"), (50, 25, 25))[0]
    rest = {"get": "n", "set": f"n {chance.randrange(1000000)}", "call": "add [1]"}[kind]
    return f"{number} {kind} bench-memory.{key} {rest}\n"


def ask(connections, depth, lines_of):
    """One batch on every connection, then all the answers."""
    for c in connections:
        batch = []
        for _ in range(depth):
            c.number += 1
            batch.append(lines_of(c.number))
        c.send(batch)
    for c in connections:
        c.receive(depth)


def run(port, count, depth, each):
    """The requests made."""
    chance = random.Random(1)
    connections = [Connection(port) for _ in range(count)]
    for _ in range(each // depth):
        ask(connections, depth, lambda n: line(chance, n))
    for c in connections:
        c.close()
    return count * each


def measure(args):
    home = tempfile.mkdtemp(prefix="sg-")
    out = args.keep or f"{home}/out"
    os.makedirs(out)
    try:
        server = start(home, out)
        try:
            count = run(server.port, args.connections, args.depth, args.each)
            server.stop()
        except Exception:
            print(server.log()[-3000:])
            raise
        finally:
            server.kill_all()
        return {kind: round(instructions(out, kind) / count) for kind in PROGRAMS}
    finally:
        shutil.rmtree(home, ignore_errors=True)


# --- The record -----------------------------------------------------------------------

def compare(found):
    with open(RECORD, encoding="utf-8") as text:
        recorded = json.load(text)
    good = True
    for kind, count in found.items():
        before = recorded[kind]
        print(f"{kind}: {count:,} instructions a request, {before:,} recorded ({count / before - 1:+.1%})")
        good &= count <= before * (1 + TOLERATED)
    if not good:
        print("more than the record and a tenth: make it cheaper, or say why in the commit that "
              "records it anew (--record)")
    return good


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--record", action="store_true", help="write instructions.json anew")
    p.add_argument("--keep", metavar="DIRECTORY", help="leave callgrind's files there")
    p.add_argument("--connections", type=int, default=50)
    p.add_argument("--depth", type=int, default=16)
    p.add_argument("--each", type=int, default=640, help="requests of each connection (640)")
    args = p.parse_args()
    found = measure(args)
    if args.record:
        with open(RECORD, "w", encoding="utf-8") as text:
            text.write(json.dumps(found, indent=2) + "\n")
    return 0 if compare(found) else 1


if __name__ == "__main__":
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed")
        sys.exit(77)
    try:
        program(BUILD, "stage")
    except StartFailed as why:
        print(f"skipped: {why}")
        sys.exit(77)
    sys.exit(main())
