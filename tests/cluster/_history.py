"""What clients of append-only actors were told, and whether one server could have told it.

Rules, per actor: every read is a beginning of every later one; an acknowledged append is there
exactly once, in every read that was asked for after its acknowledgement; one that was refused
never is, and one of which nobody knows at most once. Times are those of one clock. Source: the
definition of linearizability (Herlihy and Wing, 1990), for an object whose states are ordered.
"""

from collections import Counter
from dataclasses import dataclass, field

YES, NO, MAYBE = "yes", "no", "maybe"


@dataclass
class Append:
    token: str
    asked: float
    answered: float
    outcome: str
    length: int = 0          # YES: as answered


@dataclass
class Read:
    entries: list            # None: the reader asked for their number alone
    asked: float
    answered: float
    length: int = -1

    def __post_init__(self):
        if self.entries is not None:
            self.length = len(self.entries)


@dataclass
class Watch:
    """What one watcher held, in the order it came."""
    states: list = field(default_factory=list)


class History:
    def __init__(self):
        self.appends, self.reads, self.watches = [], [], []

    def problems(self, final):
        """Sentences, each with its kind before it. final: a read when all was quiet."""
        found = []
        self._check_final(final, found)
        self._check_reads(final, found)
        self._check_watches(final, found)
        return found

    def _check_final(self, final, found):
        times = Counter(final)
        known = {a.token: a for a in self.appends}
        for token, count in times.items():
            if count > 1:
                found.append(("doubled", f"{token} is there {count} times"))
            if token not in known:
                found.append(("invented", f"{token} was never appended"))
            elif known[token].outcome == NO:
                found.append(("lied", f"{token} was refused and is there"))
        for a in self.appends:
            if a.outcome != YES:
                continue
            if a.token not in times:
                found.append(("lost", f"{a.token} was acknowledged as number {a.length} and is gone"))
            elif a.length > len(final) or final[a.length - 1] != a.token:
                found.append(("diverged", f"{a.token} was acknowledged as number {a.length} and is number "
                              f"{final.index(a.token) + 1} of {len(final)}, behind {final[:final.index(a.token)][-3:]}"))

    def _check_reads(self, final, found):
        acknowledged = sorted((a.answered, a.length) for a in self.appends if a.outcome == YES)
        asked = {a.token: a.asked for a in self.appends}
        for r in self.reads:
            if r.entries is None:
                if r.length > len(final):
                    found.append(("diverged", f"a read told of {r.length} entries, and there are {len(final)}"))
            elif r.entries != final[:len(r.entries)]:
                found.append(("diverged", f"a read of {len(r.entries)} entries is no beginning of what is there"))
            elif r.entries and asked.get(r.entries[-1], 0) > r.answered:
                found.append(("invented", f"{r.entries[-1]} was read before it was appended"))
        # In the order of their answers: what was answered before something was asked bounds it.
        lower = sorted([(t, n) for t, n in acknowledged] + [(r.answered, r.length) for r in self.reads])
        most, at = 0, 0
        for r in sorted(self.reads, key=lambda read: read.asked):
            while at < len(lower) and lower[at][0] < r.asked:
                most = max(most, lower[at][1])
                at += 1
            if r.length < most:
                found.append(("stale", f"a read of {r.length} entries was asked for after {most} were known"))

    def _check_watches(self, final, found):
        for w in self.watches:
            length = 0
            for state in w.states:
                if state != final[:len(state)]:
                    found.append(("diverged", f"a watcher saw {len(state)} entries that are no beginning of what is there"))
                if len(state) < length:
                    found.append(("gap", f"a watcher saw {len(state)} entries after {length}"))
                length = len(state)
            if w.states and w.states[-1] != final:
                found.append(("gap", f"a watcher ended at {length} entries of {len(final)}"))
