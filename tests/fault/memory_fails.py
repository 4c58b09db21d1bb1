"""Memory for what a client sized cannot be had, at each place where an actor worker or a gateway
asks for it: the request is answered with an error, nothing half done stays, no process ends."""

import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]

import inject                             # noqa: E402
from client import Client                 # noqa: E402
from server import Server                 # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
SIZE = 150000
TRUTH = ('a err busy {"limit":"memory"}', 'a err limit {"limit":"bytes"}')

CLASS = """
local Blob = stage.class "blobs.{id}"
Blob.properties = { text = stage.property { default = "", writable = true }, n = 0 }
function Blob:take(text) return #text end
function Blob:keep(text) self.n = self.n + 1 self.text = text return #text end
function Blob:clear() self.n = 0 self.text = "" end
return Blob
"""

REQUESTS = {"take": 'call blobs.1 take ["%s"]', "keep": 'call blobs.1 keep ["%s"]',
            "set": 'set blobs.1 text "%s"'}

# Requests and values have the size of what was sent; queues of bytes are of powers of two,
# larger, and bounded by settings.
ROW = {program: inject.Point(program, "malloc", inject.BEFORE, least=SIZE, most=SIZE + 50000)
       for program in ("stage-actor", "stage-gateway")}


def ask(client, request):
    client.send_line("a " + request)
    return client.line(patience=30)


def fail_each(client, faults, program, name):
    """Every allocation of the request fails in turn; how many there were."""
    request = REQUESTS[name] % ("x" * SIZE)
    for _ in range(3):                    # the buffers on its way have grown
        assert ask(client, request).startswith("a ok "), name
    for nth in range(1, 20):
        assert ask(client, "call blobs.1 clear []").startswith("a ok ")
        fault = faults.arm(ROW[program], error=inject.ENOMEM, nth=nth)
        answer = ask(client, request)
        fault.disarm()
        print(f"{program:14} {name:5} allocation {nth}: {'refused' if fault.hits else 'none'}, {answer[:90]}")
        values = ask(client, "get blobs.1 n,text")
        if answer.startswith("a err "):
            assert values.endswith(' {"n":0,"text":""}'), f"half of it is there: {values[:90]}"
            # Nobody but Lua code, which may go on without, says anything else.
            assert answer.startswith(TRUTH) or name == "keep", f"not the client's fault: {answer[:90]}"
        if fault.hits == 0:
            assert answer.startswith("a ok "), answer
            return nth - 1
    raise AssertionError("it never did without")


def play(server, faults):
    client = Client(server.port)
    client.line()
    found = {(program, name): fail_each(client, faults, program, name) for program in ROW for name in REQUESTS}
    assert all(found.values()), f"no such allocation was found: {found}"
    restarts = {row["role"]: row["restarts"] for row in server.admin("workers fmt=json") if "role" in row}
    assert not any(restarts.values()), f"it ended a process: {restarts}"


def main():
    home = tempfile.mkdtemp(prefix="sf-")
    try:
        faults = inject.Faults(BUILD, home)
        with Server(BUILD, home, {"node.log_level": "info"}, faults.environment, samples=False) as server:
            with open(f"{home}/actors/blobs.lua", "w", encoding="utf-8") as out:
                out.write(CLASS)
            server.start()
            try:
                play(server, faults)
                assert server.stop() == 0
            except BaseException:
                print(server.log()[-4000:])
                raise
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
