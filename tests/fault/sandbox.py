"""What somebody who had taken an actor worker over could still do: nothing to files, networks
and processes. Every actor worker of a real node is looked at from outside (/proc), and tried
from inside: a preloaded library makes the system calls where Lua calls tan().

As root it plays as root, and once more as an ordinary user."""

import errno
import os
import pwd
import re
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
SHIM = os.path.join(BUILD, "tests/fault/libinside_worker.so")
WHOLE = r"full: user( \S+)?, no-new-privileges, rlimits, landlock \d+, seccomp"
BY_DEFAULT = {"node.log_level": "info", "workers.actors": "2", "workers.restart_intensity": "1000"}

PROBE = """
local Probe = stage.class "probes.{id}"
function Probe:try(i) return math.tan(1e9 + i) end
function Probe:one() return math.tan(1.0) end
return Probe
"""


def attempts():
    with open(os.path.join(HERE, "inside_worker.c"), encoding="utf-8") as source:
        return re.findall(r'\{ "(\w+)", \w+ \}', source.read())


class Node:
    """A server with the probe's class, in a directory of its own."""

    def __init__(self, **settings):
        self.home = tempfile.mkdtemp(prefix="ss-")
        with open(f"{self.home}/victim", "w", encoding="utf-8"):
            pass
        named = {name.replace("_", ".", 1): value for name, value in settings.items()}
        self.server = Server(BUILD, self.home, {**BY_DEFAULT, **named}, {"LD_PRELOAD": SHIM},
                             samples=False)
        with open(f"{self.home}/actors/probes.lua", "w", encoding="utf-8") as text:
            text.write(PROBE)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, kind, *_):
        if kind:
            print(self.server.log()[-4000:])
        self.server.kill_all()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, line):
        client = Client(self.server.port)
        client.line()
        client.send_line(f"1 {line}")
        answer = client.line(patience=40)
        client.close()
        return answer

    def attempt(self, name):
        """0, or the errno it ended with."""
        answer = self.ask(f"call probes.{name} try [{attempts().index(name)}]")
        assert answer.startswith("1 ok "), f"{name}: {answer}"
        return int(float(answer.split(" ")[-1]))

    def level(self):
        return node_status(self.server)["sandbox"]


def eventually(what, patience=30):
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)                  # between two looks, not instead of one


def node_status(server):
    return server.admin("status fmt=json")[0]


def facts(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as text:
        return dict(line.rstrip("\n").split(":\t", 1) for line in text if ":\t" in line)


def limits(pid):
    with open(f"/proc/{pid}/limits", encoding="utf-8") as text:
        return {line[:26].strip(): line[26:].split()[:2] for line in text}


def seen_from_outside(node):
    pids = node.server.pids("actor worker")
    assert len(pids) == 2, pids
    for pid in pids:
        status = facts(pid)
        assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split(), status
        assert os.geteuid() != 0 or status["Groups"].split() == [], status["Groups"]
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        assert all(int(status[f"Cap{kind}"], 16) == 0 for kind in ("Inh", "Prm", "Eff", "Amb")), status
        assert status["Threads"] == "1", status["Threads"]
        bounds = limits(pid)
        assert bounds["Max processes"] == ["0", "0"], bounds
        assert bounds["Max locked memory"] == ["0", "0"], bounds
        assert int(bounds["Max open files"][1]) <= 192, bounds


def survives_nothing(node, name):
    """The attempt ends its worker, and nobody else."""
    answer = node.ask(f"call probes.{name} try [{attempts().index(name)}]")
    assert answer.startswith("1 err crashed"), f"{name}: {answer}"
    assert node.ask("call probes.fine one").startswith("1 ok ")


def play_confined():
    with Node() as node:
        assert re.fullmatch(WHOLE, node.level()), node.level()
        seen_from_outside(node)
        assert node.ask("call probes.a one").endswith(" 1.5574077246549023")
        for name in attempts():
            if name.startswith("fatal_"):
                survives_nothing(node, name)
            elif not name.startswith("bounded_"): # memory.py's
                got = node.attempt(name)
                print(f"{name:24} {errno.errorcode.get(got, got)}")
                assert got == errno.EPERM, f"{name}: {got}"
        assert not {"escaped", "escaped-directory", "stolen"} & set(os.listdir(node.home))
        assert len(re.findall(r" sandboxed level=\"full: ", node.server.log())) >= 2
        assert "a part of the sandbox is missing" not in node.server.log()
        fatal = sum(name.startswith("fatal_") for name in attempts())
        eventually(lambda: node.server.log().count("Bad system call") == fatal)
        eventually(lambda: node_status(node.server)["workers_up"] == 4)
        seen_from_outside(node)           # the successors too
        assert node.server.stop() == 0


def play_unconfined():
    """Without the sandbox the same attempts succeed: it was the sandbox that stopped them."""
    with Node(workers_sandbox="off") as node:
        assert node.level() == "off", node.level()
        assert len(re.findall("the sandbox is off", node.server.log())) == 2
        for name in attempts():
            if not name.startswith("fatal_"):
                assert node.attempt(name) == 0, name
        assert os.path.exists(f"{node.home}/escaped") and os.path.exists(f"{node.home}/stolen")
        assert node.server.stop() == 0


def play_required():
    with Node(workers_sandbox="required") as node:
        assert re.fullmatch(WHOLE, node.level()), node.level()
        assert node.server.stop() == 0
    if os.geteuid() != 0:
        return
    # root is nobody to become: on says so and goes on, required does not start.
    with Node(workers_user="root") as node:
        assert re.fullmatch("partly: no-new-privileges, .*; missing: user", node.level()), node.level()
        assert "root is a privileged user" in node.server.log()
        assert node.server.stop() == 0
    node = Node(workers_user="root", workers_sandbox="required")
    node.server.write_ini()
    done = node.server.run("stage", [])
    assert done.returncode == 78, done
    assert b"the sandbox is required, and not whole" in done.stderr, done.stderr
    shutil.rmtree(node.home)


def play_all():
    began = time.monotonic()
    play_confined()
    play_unconfined()
    play_required()
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    tried = sum(not name.startswith("bounded_") for name in attempts())
    print(f"as {who}: {tried} attempts, none succeeded ({time.monotonic() - began:.1f} s)", flush=True)


def play_again_as_nobody():
    """In a process of its own that goes on from here: python itself may lie where nobody may not read."""
    user = pwd.getpwnam("nobody")
    room = tempfile.mkdtemp(prefix="so-", dir="/tmp")
    os.chown(room, user.pw_uid, user.pw_gid)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            tempfile.tempdir = room
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            play_all()
            status = 0
        except BaseException:             # whatever it was, this process ends here
            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    shutil.rmtree(room)
    assert status == 0, "as an ordinary user it went wrong"


def main():
    if not os.path.exists(SHIM):
        raise SystemExit(f"{SHIM} has not been built")
    play_all()
    if os.geteuid() == 0:
        play_again_as_nobody()


if __name__ == "__main__":
    main()
