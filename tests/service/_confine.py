"""Becomes a program with the system calls that a unit file leaves it, and no others.

    _confine.py UNIT PROGRAM ARGUMENT…

Of the unit it obeys SystemCallFilter, RestrictAddressFamilies and MemoryDenyWriteExecute; the
sets of system calls (`@system-service`) are asked of systemd-analyze. Exit code 77 where
this machine lacks libseccomp.
"""

import ctypes
import os
import socket
import subprocess
import sys

ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1 # SCMP_ACT_ERRNO(EPERM)
EQUAL = 4                                  # SCMP_CMP_EQ
SET_MDWE, REFUSE_EXEC_GAIN = 65, 1         # prctl(2), Linux 6.3


class Comparison(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int),
                ("value", ctypes.c_uint64), ("other", ctypes.c_uint64)]


def settings(unit, key):
    with open(unit, encoding="utf-8") as text:
        return [line.rstrip("\n").split("=", 1)[1] for line in text if line.startswith(f"{key}=")]


def members(group):
    """The system calls of a set, those of the sets in it too."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True,
                            text=True, check=True).stdout.split("\n")[1:]
    found = set()
    for word in (line.strip() for line in listed if line.strip() and not line.strip().startswith("#")):
        found |= members(word) if word.startswith("@") else {word}
    return found


def allowed(unit):
    """As systemd reads it: the first line makes it a list of what is allowed, with @default."""
    calls = members("@default")
    for line in settings(unit, "SystemCallFilter"):
        words = line.lstrip("~").split()
        named = set().union(*(members(w) if w.startswith("@") else {w} for w in words))
        calls = calls - named if line.startswith("~") else calls | named
    return calls | members("@default")


def load(calls, families):
    try:
        lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        print("skipped: libseccomp.so.2 is missing")
        sys.exit(77)
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(REFUSE))
    for call in calls - {"socket"}:
        number = lib.seccomp_syscall_resolve_name(call.encode())
        if number >= 0: # others are of other machines
            assert lib.seccomp_rule_add_array(context, ALLOW, number, 0, None) == 0, call
    number = lib.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        comparison = Comparison(0, EQUAL, int(getattr(socket, family)), 0)
        assert lib.seccomp_rule_add_array(context, ALLOW, number, 1, ctypes.byref(comparison)) == 0
    assert lib.seccomp_load(context) == 0


def main():
    unit, command = sys.argv[1], sys.argv[2:]
    calls, families = allowed(unit), " ".join(settings(unit, "RestrictAddressFamilies")).split()
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]: # an older kernel goes without
        ctypes.CDLL(None).prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0)
    load(calls, families)
    try:
        os.chroot("/")
    except PermissionError:
        os.execv(command[0], command)
    sys.exit("the filter does not hold")


main()
