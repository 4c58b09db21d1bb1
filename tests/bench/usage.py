"""What processes use of the machine."""

import os


def cpu_seconds(pids):
    """User and system time of all their threads, by the scheduler's count."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as text:
                    total += int(text.read().split()[0])
        except FileNotFoundError: # a thread has ended meanwhile
            pass
    return total / 1e9


def _rollup(pids, field):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as text:
            total += sum(int(line.split()[1]) * 1024 for line in text if line.startswith(f"{field}:"))
    return total


def anonymous(pids):
    """Bytes of memory that are no file's."""
    return _rollup(pids, "Anonymous")


def proportional(pids):
    """Bytes of memory; what several share counts in parts."""
    return _rollup(pids, "Pss")
