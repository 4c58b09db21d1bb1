"""Faults, one after another, under the load of clients who know every acknowledged change:
processes killed, stopped, hung, out of memory, at any moment and at the worst ones.

    python3 tests/fault/campaign.py [ROUNDS [SEED]]

It ends with a table (tests/fault/README.md says how to read it), and exits with 0 only where
everything that must be 0 is.
"""

import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import _checker as checker               # noqa: E402
import _load                              # noqa: E402
import inject                             # noqa: E402
from client import Client, Closed         # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
NAMES = ["ann", "bob", "cat", "dan"]
HANG = "1s"
SETTINGS = {
    "workers.actors": "2", "workers.gateways": "2", "workers.hang_timeout": HANG,
    # So that the pauses are those of one fault each, and no slot is given up.
    "workers.restart_intensity": "1000000", "workers.restart_period": "50ms",
    "client.timeout": "30s", "node.log_level": "info",
}


@dataclass(frozen=True)
class Row:
    """One kind of fault. codes: what requests that may have run are answered with; empty: none
    may fail. role: whose process ends, exactly one of it."""
    name: str
    role: str
    how: tuple                            # a method of Campaign and its arguments
    codes: frozenset = frozenset()

    @property
    def hangs(self):
        """It is ended by the supervisor, once it has not answered for hang_timeout."""
        return STOP in self.how or self.how in (("trap", "spin"), ("trap", "stop"))


CRASHED = frozenset(["crashed"])
KILL, STOP = signal.SIGKILL, signal.SIGSTOP
# The first twelve are the short campaign.
ROWS = (
    Row("actor worker: kill -9", "actor", ("send", "actor worker", KILL), CRASHED),
    Row("actor worker: segfault in its code", "actor", ("trap", "segfault"), CRASHED),
    Row("store: kill -9", "store", ("send", "store", KILL)),
    Row("gateway: kill -9", "gateway", ("send", "gateway", KILL)),
    Row("actor worker: abort in its code", "actor", ("trap", "abort"), CRASHED),
    Row("actor worker: endless loop in C", "actor", ("trap", "spin"), CRASHED),
    Row("store: after the flush, before the answer", "store", ("at", KILL)),
    Row("actor worker: out of memory", "actor", ("trap", "eat"), CRASHED | {"internal", "busy", "app"}),
    Row("actor: after the commit, before the reply", "actor", ("at", KILL), CRASHED),
    Row("store: before the flush", "store", ("at", KILL)),
    Row("actor worker: SIGSTOP", "actor", ("send", "actor worker", STOP), CRASHED),
    Row("gateway: after taking a reply, before writing it", "gateway", ("at", KILL)),
    Row("actor: after taking a request, before its answer", "actor", ("at", KILL), CRASHED),
    Row("actor: before its batch is sent", "actor", ("at", KILL), CRASHED),
    Row("actor: after its batch is sent, before the commit", "actor", ("at", KILL), CRASHED),
    Row("actor: before writing a reply", "actor", ("at", KILL), CRASHED),
    Row("actor worker: exit in its code", "actor", ("trap", "exit"), CRASHED),
    Row("actor worker: stops itself", "actor", ("trap", "stop"), CRASHED),
    Row("actor worker: SIGSEGV from outside", "actor", ("send", "actor worker", signal.SIGSEGV), CRASHED),
    Row("store: before the write", "store", ("at", KILL)),
    Row("store: after the answer", "store", ("at", KILL)),
    Row("store: SIGSTOP", "store", ("send", "store", STOP)),
    Row("gateway: before writing a request", "gateway", ("at", KILL)),
    Row("gateway: SIGSTOP", "gateway", ("send", "gateway", STOP)),
)


@dataclass
class Totals:
    """What must be zero, and what is told beside it."""
    bad: dict = field(default_factory=lambda: dict.fromkeys((
        "sessions lost", "acknowledged changes lost", "changes made twice", "half steps", "stale reads",
        "replies missing", "replies doubled", "replies wrong", "untrue error codes", "watch gaps", "other processes ended"), 0))
    told: dict = field(default_factory=lambda: dict.fromkeys((
        "acknowledged changes", "reads and watches answered", "answered `crashed`", "of them done after all",
        "sessions ended with their gateway", "sessions kept meanwhile", "watches resumed where they had been"), 0))
    pauses: dict = field(default_factory=dict)      # row -> seconds
    quiet: list = field(default_factory=list)       # the same clients, just before each fault


class Campaign:
    def __init__(self, server, faults):
        self.server, self.faults = server, faults
        self.load = _load.Load(server, NAMES)
        self.totals = Totals()
        self.number = 0
        self.counted = {}
        self.notes = []
        self.client = Client(server.port)           # that of the traps: another session
        self.client.line()

    # --- what a row does; returns when it has happened -----------------------------------

    def send(self, _, role, sign):
        pid = random.choice(self.server.pids(role))
        if role == "gateway":
            self.spare_own_session(pid)
        os.kill(pid, sign)

    def at(self, row, sign):
        """At a named point of one process of the role."""
        point = inject.POINTS[row.name]
        index = random.randrange(2) if row.role != "store" else 0
        name = f"{point.program}/{index}"
        if row.role == "gateway":
            self.spare_own_session(self.pid_of(row.role, index))
        self.faults.arm(row.name, signal=sign, nth=random.randint(1, 40),
                        program=name if row.role != "store" else None).wait()

    def trap(self, row, method):
        """An actor of its own calls what ends the process; its caller is told so, and nothing
        of its step stays."""
        address = f"traps.{method}-{self.number}"
        answer = self.ask(f"call {address} {method} t=30000 []")
        if not (answer.startswith("t err ") and answer.split(" ")[2] in row.codes):
            self.note("untrue error codes", f"{row.name}: its caller was answered {answer}")
        if row.name.endswith("out of memory"):
            return                                  # it ends when it next needs some
        answer = self.ask(f"get {address} n t=30000")
        if not answer.endswith(" 0"):
            self.note("half steps", f"{row.name}: {answer}")

    def ask(self, request):
        self.client.send_line("t " + request)
        return self.client.line(patience=60)

    # --- gateways: whose connections may end ---------------------------------------------

    def spare_own_session(self, pid):
        """Our clients of that gateway are warned; the traps' one connects again."""
        ended, kept = self.load.expect_end_of(pid)
        self.totals.told["sessions ended with their gateway"] += ended
        self.totals.told["sessions kept meanwhile"] += kept
        self.client.close()
        self.client = None

    def pid_of(self, role, index):
        return next(row["pid"] for row in self.server.admin("workers fmt=json")
                    if row.get("role") == role and row["index"] == index)

    # --- one round -----------------------------------------------------------------------

    def restarts(self):
        rows = [row for row in self.server.admin("workers fmt=json") if "role" in row]
        ready = all(row["state"] == "ready" for row in rows)
        return {f"{row['role']}/{row['index']}": row["restarts"] for row in rows}, ready

    def note(self, what, text, count=1):
        if count:
            self.totals.bad[what] += count
            self.notes.append(f"round {self.number}: {what}: {text}")

    def play(self, row):
        load = self.load
        before, _ = self.restarts()
        load.forget_pauses()
        load.until_acknowledged(random.randint(50, 400))
        self.totals.quiet.append(load.pause())
        load.forget_pauses()
        getattr(self, row.how[0])(row, *row.how[1:])
        moment = time.monotonic()
        load.until_served(moment)
        self.until_ready(row, before)
        load.until_served(time.monotonic())
        load.stand_still()
        self.totals.pauses.setdefault(row.name, []).append(load.pause())
        if self.client is None:
            self.client = Client(self.server.port)
            self.client.line()
        self.judge(row)
        if row.role == "gateway":
            load.spread()
        load.go_on()

    def until_ready(self, row, before, patience=30):
        """One process has ended, and its successor serves."""
        deadline = time.monotonic() + patience
        while True:
            after, ready = self.restarts()
            ended = [name for name in after for _ in range(after[name] - before[name])]
            if ready and any(name.startswith(row.role) for name in ended):
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"{row.name}: no successor of it serves; ended: {ended}")
            time.sleep(0.005)             # between two questions, not instead of one
        self.note("other processes ended", f"{row.name}: {ended}", len(ended) - 1)

    def judge(self, row):
        load = self.load
        # What players count is over all rounds: this round's share is the difference.
        for what, count in (
                ("sessions lost", sum(p.sessions_lost for p in load.players)),
                ("replies doubled", sum(o.writer.doubled for o in load.owners) + sum(r.doubled for r in load.readers)),
                ("replies missing", sum(len(o.writer.in_flight) for o in load.owners)),
                ("stale reads", sum(r.stale for r in load.readers))):
            self.note(what, row.name, count - self.counted.get(what, 0))
            self.counted[what] = count
        for owner in load.owners:
            self.note("replies wrong", "; ".join(owner.writer.wrong), len(owner.writer.wrong))
            owner.writer.wrong.clear()
        self.judge_codes(row)
        found = checker.check(self.server.port, load.state)
        self.note("acknowledged changes lost", row.name, found["lost"])
        self.note("changes made twice", row.name, found["twice"])
        self.note("half steps", row.name, found["half"])
        self.totals.told["of them done after all"] += found["happened"]
        gaps = load.watchers_agree()
        for watcher in load.watchers:
            gaps += watcher.gaps
            watcher.gaps = []
        self.note("watch gaps", "; ".join(gaps), len(gaps))

    def judge_codes(self, row):
        for player in self.load.owners + self.load.readers:
            codes = player.writer.codes if isinstance(player, _load.Owner) else player.codes
            allowed = row.codes if isinstance(player, _load.Owner) else ()
            for code, count in codes.items():
                if code not in allowed:
                    self.note("untrue error codes", f"{row.name}: {player.name_} was answered {code}", count)
                elif code == "crashed":
                    self.totals.told["answered `crashed`"] += count
            codes.clear()

    def run(self, rounds):
        self.load.start()
        self.load.until_acknowledged(1)
        self.load.stand_still()
        self.load.spread()
        self.load.go_on()
        for self.number in range(1, rounds + 1):
            self.play(ROWS[(self.number - 1) % len(ROWS)])
        self.load.stop()
        self.totals.told["acknowledged changes"] = self.load.acknowledged()
        self.totals.told["reads and watches answered"] = sum(r.answers for r in self.load.readers)
        self.totals.told["watches resumed where they had been"] = sum(w.resumed for w in self.load.watchers)


def milliseconds(found):
    return f"{statistics.median(found) * 1000:9.1f} {max(found) * 1000:9.1f}"


def show(rounds, totals):
    print(f"{'fault':52} {'rounds':>6}  {'pause, ms: median':>18} {'worst':>9}")
    for row in ROWS:
        found = totals.pauses.get(row.name)
        if found:
            print(f"{row.name:52} {len(found):>6} {milliseconds(found):>29}")
    for name, hangs in (("all that end at once", False), (f"all that hang (hang_timeout {HANG})", True)):
        every = [pause for row in ROWS if row.hangs == hangs for pause in totals.pauses.get(row.name, [])]
        if every:
            print(f"{name:52} {len(every):>6} {milliseconds(every):>29}")
    print(f"{'(just before each fault)':52} {len(totals.quiet):>6} {milliseconds(totals.quiet):>29}\n")
    for kind in ("actor", "store", "gateway"):
        count = sum(len(totals.pauses.get(row.name, [])) for row in ROWS if row.role == kind)
        print(f"{kind + ' processes ended':36} {count:>9}")
    for key, value in {"rounds": rounds, **totals.told, **totals.bad}.items():
        print(f"{key:36} {value:>9}")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    random.seed(seed)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        faults = inject.Faults(BUILD, home)
        with Server(BUILD, home, SETTINGS, faults.environment, samples=False) as server:
            checker.write_class(server)
            inject.write_traps(server)
            server.start()
            campaign = Campaign(server, faults)
            try:
                campaign.run(rounds)
                assert server.stop() == 0
            except (AssertionError, Closed, inject.NeverHit) as problem:
                campaign.note("replies missing", str(problem))
            if campaign.notes:
                print(server.log()[-6000:] + "\n" + "\n".join(campaign.notes[:100]) + "\n")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    show(rounds, campaign.totals)
    return 1 if any(campaign.totals.bad.values()) or not campaign.totals.told["acknowledged changes"] else 0


if __name__ == "__main__":
    sys.exit(main())
