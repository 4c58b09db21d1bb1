"""What clients under load have been told, and whether the server still stands by it.

Every client owns its actors, so it knows what each must hold: an acknowledged change is
there, a change whose answer never came may be there or not, and both halves of a step agree.
"""

import os
import random
import threading
import time

from client import Client, Closed, Silent

CLASS = """
local Pair = stage.class "pairs.{id}"
Pair.properties = { a = 0, b = 0, told = 0 }
function Pair:write(n)
  self.a = n                 -- both halves of one step
  self.b = n
  stage.tell(self.address .. "-echo", "hear", n)
  return n
end
function Pair:hear(n) self.told = n self.a = n self.b = n end
return Pair
"""


class Owner(threading.Thread):
    """One connection that writes 1, 2, 3 … to its actors, a few requests in flight."""

    def __init__(self, port, name, state, keep_going, depth=8, actors=4):
        super().__init__(daemon=True)
        self.port, self.name_, self.state = port, name, state
        self.keep_going, self.depth = keep_going, depth
        self.addresses = [f"pairs.{name}-{i}" for i in range(actors)]
        self.in_flight = {}
        self.acknowledged = self.maybe = self.refused = self.doubled = 0
        self.lost_connection = False
        self.pauses = []
        self.problem = None

    def run(self):
        try:
            self.work()
        except (Closed, ConnectionError, OSError):
            self.lost_connection = True
        except (Silent, AssertionError) as problem:
            self.problem = f"{self.name_}: {problem}"

    def work(self):
        client = Client(self.port)
        client.line()
        number, last = 0, time.monotonic()
        while self.keep_going() or self.in_flight:
            while self.keep_going() and len(self.in_flight) < self.depth:
                number += 1
                address = random.choice(self.addresses)
                value = self.state[address]["sent"] + 1
                self.state[address]["sent"] = value
                self.in_flight[f"{number}"] = (address, value)
                client.send_line(f"{number} call {address} write [{value}]")
            self.take(client.line(patience=30))
            now = time.monotonic()
            self.pauses.append(now - last)
            last = now
        client.socket.close()

    def take(self, line):
        ident, verdict, *rest = line.split(" ")
        if ident == "*":
            return                        # `bye`: the end of the connection follows
        if ident not in self.in_flight:
            self.doubled += 1
            return
        address, value = self.in_flight.pop(ident)
        known = self.state[address]
        if verdict == "ok":
            assert rest[-1] == str(value), f"{line!r} answers write {value}"
            known["acknowledged"] = max(known["acknowledged"], value)
            self.acknowledged += 1
        elif rest[0] in ("crashed", "timeout", "internal", "lost"):
            self.maybe += 1
        else:
            assert rest[0] in ("busy", "draining", "expired", "limit"), line
            self.refused += 1


def new_state(names, actors=4):
    return {f"pairs.{name}-{i}": {"sent": 0, "acknowledged": 0}
            for name in names for i in range(actors)}


def ask(client, address, members="a,b"):
    client.send_line(f"q get {address} {members} t=20000")
    line = client.line(patience=30)
    assert line.startswith("q ok "), line
    return eval(line.split(" ", 3)[3], {})   # numbers in an object


def check(port, state):
    """(acknowledged changes lost, half steps, unacknowledged ones that happened)"""
    lost = half = happened = 0
    client = Client(port)
    client.line()
    for address, known in state.items():
        values = ask(client, address)
        half += values["a"] != values["b"]
        lost += max(0, known["acknowledged"] - values["a"])
        happened += max(0, values["a"] - known["acknowledged"])
        assert values["a"] <= known["sent"], f"{address} holds {values['a']}, {known['sent']} was the last sent"
        echo = ask(client, address + "-echo")
        half += echo["a"] != echo["b"]
        # What is there now is where the next round goes on from.
        known["acknowledged"] = known["sent"] = max(values["a"], 0)
    client.socket.close()
    return lost, half, happened


def write_class(server):
    with open(os.path.join(server.home, "actors/pairs.lua"), "w", encoding="utf-8") as out:
        out.write(CLASS)
