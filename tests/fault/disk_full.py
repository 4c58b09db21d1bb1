"""A full disk: nothing is acknowledged that is not stored, the client and the operator are
told, reads go on, and service returns by itself when there is room."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
SIZE = "64m"
BALLAST = 24 << 20
SKIPPED = 77

CLASS = """
local Blob = stage.class "blobs.{id}"
Blob.properties = { n = 0, text = "" }
function Blob:fill(n) self.n = n self.text = string.rep(string.char(65 + n % 26), 200000) return n end
return Blob
"""


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def mount():
    if os.geteuid() != 0:
        skip("only root can mount the small disk")
    disk = tempfile.mkdtemp(prefix="sd-")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        os.rmdir(disk)
        skip(f"no tmpfs: {done.stderr.strip()}")
    return disk


def ask(client, line, patience=30):
    client.send_line(line)
    return client.line(patience)


def fill(client, acknowledged):
    """Writes until the disk is full; the answer that says so."""
    for number in range(1, 2000):
        answer = ask(client, f"w call blobs.{number} fill t=20000 [{number}]")
        if not answer.startswith("w ok "):
            return answer
        acknowledged[number] = number
    raise AssertionError("the disk never was full")


def eventually(what, patience=30):
    deadline = time.monotonic() + patience
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("it never came")
        time.sleep(0.05)                  # between two looks, not instead of one


def alarms(server):
    return json.dumps(server.admin("status fmt=json"))


def all_there(client, acknowledged):
    for number in acknowledged:
        answer = ask(client, f"r get blobs.{number} n t=20000")
        assert answer.startswith("r ok ") and answer.endswith(f" {number}"), answer


def play(server, ballast):
    client = Client(server.port)
    client.line()
    acknowledged = {}
    refusal = fill(client, acknowledged)
    print(f"full after {len(acknowledged)} acknowledged writes: {refusal}")
    assert refusal == 'w err internal {"reason":"store","message":"no space left on device"}', refusal
    eventually(lambda: "No space left" in alarms(server))
    assert server.log().count("the store has no room") == 1, server.log()[-2000:]
    # What is in memory or on the disk can be read, and every write is told no, fast.
    all_there(client, list(acknowledged)[:3])
    began = time.monotonic()
    assert ask(client, "x call blobs.1 fill [7]").startswith("x err internal ")
    assert time.monotonic() - began < 2
    os.unlink(ballast)
    eventually(lambda: ask(client, "y call blobs.1 fill [1]").startswith("y ok "))
    eventually(lambda: "the store writes again" in server.log())
    eventually(lambda: "No space left" not in alarms(server))
    all_there(client, acknowledged)
    assert server.stop() == 0
    server.start()
    client = Client(server.port)
    client.line()
    all_there(client, acknowledged)
    assert server.stop() == 0
    print("every acknowledged write is there, after the room and after a restart")


def main():
    disk, home = mount(), tempfile.mkdtemp(prefix="sf-")
    try:
        ballast = f"{disk}/ballast"
        with open(ballast, "wb") as out:
            out.write(bytes(BALLAST))
        settings = {"node.state": f"{disk}/state", "node.log_level": "info"}
        with Server(BUILD, home, settings, samples=False) as server:
            with open(f"{home}/actors/blobs.lua", "w", encoding="utf-8") as out:
                out.write(CLASS)
            server.start()
            try:
                play(server, ballast)
            except BaseException:
                print(server.log()[-4000:])
                raise
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
        os.rmdir(disk)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
