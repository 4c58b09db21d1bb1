"""The checker of histories refuses what no single server could have said, and nothing else."""

import sys

from _history import MAYBE, NO, YES, Append, History, Read, Watch


def history(appends=(), reads=(), states=None):
    h = History()
    h.appends, h.reads = list(appends), list(reads)
    if states is not None:
        h.watches.append(Watch(states))
    return h


def kinds(h, final):
    return sorted({kind for kind, _ in h.problems(final)})


A1 = Append("a", 1, 2, YES, 1)
B2 = Append("b", 3, 4, YES, 2)

CASES = [
    ("nothing happened", history(), [], []),
    ("two appends, read between and after", history([A1, B2], [Read(["a"], 2.5, 2.6), Read(["a", "b"], 5, 6)]), ["a", "b"], []),
    ("a read beside an append may see it or not", history([A1], [Read([], 1.5, 3), Read(["a"], 1.5, 3)]), ["a"], []),
    ("unknown and there", history([Append("a", 1, 2, MAYBE)]), ["a"], []),
    ("unknown and not there", history([Append("a", 1, 2, MAYBE)]), [], []),
    ("refused and not there", history([Append("a", 1, 2, NO)]), [], []),
    ("a watcher that skips states", history([A1, B2], states=[[], ["a", "b"]]), ["a", "b"], []),
    ("acknowledged and gone", history([A1, B2]), ["a"], ["lost"]),
    ("refused and there", history([Append("a", 1, 2, NO)]), ["a"], ["lied"]),
    ("twice", history([A1]), ["a", "a"], ["doubled"]),
    ("never appended", history([A1]), ["a", "z"], ["invented"]),
    ("acknowledged under another number", history([A1, B2]), ["b", "a"], ["diverged"]),
    ("two servers went different ways", history([A1, Append("b", 1, 2, MAYBE)], [Read(["b"], 3, 4)]), ["a"], ["diverged"]),
    ("a stale read", history([A1], [Read([], 3, 4)]), ["a"], ["stale"]),
    ("a read that goes back", history([A1, B2], [Read(["a", "b"], 3.5, 3.6), Read(["a"], 3.7, 3.8)]), ["a", "b"], ["stale"]),
    ("a stale number", history([A1, B2], [Read(None, 5, 6, 1)]), ["a", "b"], ["stale"]),
    ("a number that goes back", history([A1, B2], [Read(None, 3.5, 3.6, 2), Read(None, 3.7, 3.8, 1)]), ["a", "b"], ["stale"]),
    ("a number beside an append", history([A1, B2], [Read(None, 3.5, 4.5, 1), Read(None, 3.5, 4.5, 2)]), ["a", "b"], []),
    ("a number of what was never there", history([A1], [Read(None, 5, 6, 2)]), ["a"], ["diverged"]),
    ("read before it was appended", history([Append("a", 5, 6, YES, 1)], [Read(["a"], 1, 2)]), ["a"], ["invented"]),
    ("a watcher that goes back", history([A1, B2], states=[["a", "b"], ["a"], ["a", "b"]]), ["a", "b"], ["gap"]),
    ("a watcher that ends early", history([A1, B2], states=[["a"]]), ["a", "b"], ["gap"]),
]


def main():
    wrong = [(name, kinds(h, final), expected) for name, h, final, expected in CASES if kinds(h, final) != expected]
    for name, got, expected in wrong:
        print(f"{name}: found {got}, expected {expected}")
    sys.exit(1 if wrong else 0)


main()
