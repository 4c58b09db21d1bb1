"""Faults by name: what the preloaded library (inject.h) shall do, and waiting until it has.

    faults = Faults(build, home)
    with Server(build, home, extra_environment=faults.environment) as server:
        fault = faults.arm("store: after the flush, before the answer", signal=signal.SIGKILL)
        ...
        fault.wait()

The product has no hook for it: the points are calls that it makes anyway.
"""

import errno
import mmap
import os
import struct
import time
from dataclasses import dataclass

ROWS, ROW, HEAD = 16, 128, 128      # as in inject.h
FAIL, SIGNAL, EXIT = 1, 2, 3
ANY = 0
REQUEST, REPLY, BATCH, COMMITTED = 1, 2, 8, 9   # frames, proto/ipc.h

BEFORE, AFTER = 0, 1


@dataclass(frozen=True)
class Point:
    program: str
    call: str
    when: int
    frame: int = ANY
    least: int = 0                  # bytes
    most: int = 0xffffffff


# A place in a program's life, by what it is about to do or has just done there.
POINTS = {
    # Eight bytes are a thread waking another.
    "store: before the write": Point("stage-store", "write", BEFORE, least=9),
    "store: before the flush": Point("stage-store", "fdatasync", BEFORE),
    # The group is on the disk, and nobody has been told.
    "store: after the flush, before the answer": Point("stage-store", "fdatasync", AFTER),
    "store: after the answer": Point("stage-store", "send", AFTER, COMMITTED),
    "actor: after taking a request, before its answer": Point("stage-actor", "recv", AFTER, REQUEST),
    "actor: before its batch is sent": Point("stage-actor", "send", BEFORE, BATCH),
    "actor: after its batch is sent, before the commit": Point("stage-actor", "send", AFTER, BATCH),
    "actor: after the commit, before the reply": Point("stage-actor", "recv", AFTER, COMMITTED),
    "actor: before writing a reply": Point("stage-actor", "send", BEFORE, REPLY),
    "gateway: before writing a request": Point("stage-gateway", "send", BEFORE, REQUEST),
    "gateway: after taking a reply, before writing it": Point("stage-gateway", "recv", AFTER, REPLY),
}

# A class whose methods do what Lua cannot do (traps.c). `n` shows whether a step is half there.
TRAPS = """
local Trap = stage.class "traps.{id}"
Trap.properties = { n = 0 }
local function spring(self, number) self.n = 1 math.tan(-number) return self.n end
function Trap:segfault() return spring(self, 1001) end
function Trap:abort() return spring(self, 1002) end
function Trap:exit() return spring(self, 1003) end
function Trap:spin() return spring(self, 1004) end
function Trap:stop() return spring(self, 1005) end
function Trap:eat() return spring(self, 1006) end
return Trap
"""


class NeverHit(Exception):
    """What was armed did not come to pass."""


class Fault:
    """An armed row of the page."""

    def __init__(self, page, index):
        self.page, self.at = page, HEAD + index * ROW

    def _word(self, offset):
        return struct.unpack_from("<I", self.page, self.at + offset)[0]

    @property
    def calls(self):
        return self._word(4)

    @property
    def hits(self):
        return self._word(8)

    @property
    def pid(self):
        """Whose call was hit the last time."""
        return self._word(12)

    def wait(self, hits=1, patience=30):
        deadline = time.monotonic() + patience
        while self.hits < hits:
            if time.monotonic() > deadline:
                raise NeverHit(f"{self.hits} of {hits} hits, {self.calls} calls within {patience} s")
            time.sleep(0.0005)            # between two looks, not instead of one

    def disarm(self):
        struct.pack_into("<I", self.page, self.at, 0)


class Faults:
    def __init__(self, build, home):
        library = os.path.join(build, "tests/fault/libinject.so")
        if not os.path.exists(library):
            raise SystemExit(f"{library} has not been built")
        path = f"{home}/faults"
        with open(path, "wb") as out:
            out.write(bytes(HEAD + ROWS * ROW))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 0)
        self.environment = {"LD_PRELOAD": library, "FAULT_PAGE": path}
        self.next = 0

    def arm(self, point, signal=0, exit=None, error=0, nth=1, every=False, program=None):
        """Exactly one of signal, exit (a status) and error (an errno). point is a name of POINTS
        or a Point; program picks one of several processes: `stage-actor/1`."""
        point = POINTS[point] if isinstance(point, str) else point
        assert (signal > 0) + (exit is not None) + (error > 0) == 1
        action, value = (SIGNAL, signal) if signal else (FAIL, error) if error else (EXIT, exit)
        fault = Fault(self.page, self.next % ROWS)
        self.next += 1
        fault.disarm()
        struct.pack_into("<11I32s16s", self.page, fault.at + 4, 0, 0, 0, nth, every, point.when, action, value,
                         point.frame, point.least, point.most, (program or point.program).encode(), point.call.encode())
        struct.pack_into("<I", self.page, 0, 1)
        struct.pack_into("<I", self.page, fault.at, 1)
        return fault

    def disarm_all(self):
        struct.pack_into("<I", self.page, 0, 0)


def write_traps(server):
    with open(os.path.join(server.home, "actors/traps.lua"), "w", encoding="utf-8") as out:
        out.write(TRAPS)


ENOSPC, EIO, ENOMEM = errno.ENOSPC, errno.EIO, errno.ENOMEM
