"""What clients under load have been told, and whether the server still stands by it.

Every client owns its actors and writes 1, 2, 3 … to each, so it knows what each must hold: an
acknowledged change is there, a change whose answer never came may be there or not, both halves
of a step agree, and no step was made twice: an actor counts its own, and those that come again.
"""

import json
import os
import random
import threading
import time

from client import Client, Closed, Silent

CLASS = """
local Pair = stage.class "pairs.{id}"
Pair.properties = { a = 0, b = 0, steps = 0, again = 0 }
local function put(self, n)
  if n <= self.a then self.again = self.again + 1 end
  self.a = n                 -- both halves of one step
  self.steps = self.steps + 1
  self.b = n
end
function Pair:write(n)
  put(self, n)
  stage.tell(self.address .. "-echo", "hear", n)
  return n
end
function Pair:hear(n) put(self, n) end
return Pair
"""
MEMBERS = "a,b,steps,again"

MAYBE = ("crashed", "timeout", "internal", "lost", "cancelled")   # it may have been done
REFUSED = ("busy", "draining", "expired", "limit", "unreachable", "quarantined")


class Known:
    """What an owner knows of one actor since the last check."""

    def __init__(self):
        self.sent = self.acknowledged = 0           # the highest values
        self.steps = 0                              # that it had made at the last check
        self.tries = self.acks = self.refusals = 0  # since then

    def settle(self, values):
        """What is there now is where it goes on from."""
        self.sent = self.acknowledged = values["a"]
        self.steps = values["steps"]
        self.tries = self.acks = self.refusals = 0


def new_state(names, actors=4):
    return {f"pairs.{name}-{i}": Known() for name in names for i in range(actors)}


class Writer:
    """The requests of one owner: which it sends next, and what their answers mean."""

    def __init__(self, name, state):
        self.name, self.state = name, state
        self.addresses = [address for address in state if address.startswith(f"pairs.{name}-")]
        self.in_flight = {}                         # ID -> (address, value, when it was sent)
        self.number = 0
        self.acknowledged = self.maybe = self.refused = self.doubled = 0
        self.codes = {}
        self.wrong = []                             # answers that are somebody else's

    def next_line(self):
        self.number += 1
        address = random.choice(self.addresses)
        known = self.state[address]
        known.sent += 1
        known.tries += 1
        self.in_flight[f"{self.number}"] = (address, known.sent, time.monotonic())
        return f"{self.number} call {address} write [{known.sent}]"

    def take(self, line):
        """The actor and when the request was sent, where it was done; else None."""
        ident, verdict, *rest = line.split(" ")
        if ident == "*":
            return None                             # `bye`: the end of the connection follows
        if ident not in self.in_flight:
            self.doubled += 1
            return None
        address, value, sent = self.in_flight.pop(ident)
        known = self.state[address]
        if verdict == "ok":
            if rest[-1] != str(value):
                self.wrong.append(f"{line!r} answers write {value} to {address}")
                return None
            known.acknowledged = max(known.acknowledged, value)
            known.acks += 1
            self.acknowledged += 1
            return address, sent
        self.codes[rest[0]] = self.codes.get(rest[0], 0) + 1
        if rest[0] in MAYBE:
            self.maybe += 1
        else:
            assert rest[0] in REFUSED, line
            known.refusals += 1
            self.refused += 1
        return None


class Owner(threading.Thread):
    """One connection with a few requests in flight, until it is told to stop or ends."""

    def __init__(self, port, name, state, keep_going, depth=8):
        super().__init__(daemon=True)
        self.port, self.keep_going, self.depth = port, keep_going, depth
        self.writer = Writer(name, state)
        self.problem = None
        self.lost_connection = False
        self.pause = 0.0                            # the longest wait for an answer, seconds

    def run(self):
        try:
            self.work()
        except (Closed, ConnectionError, OSError):
            self.lost_connection = True
        except (Silent, AssertionError) as problem:
            self.problem = f"{self.writer.name}: {problem}"

    def work(self):
        client, writer = Client(self.port), self.writer
        client.line()
        while self.keep_going() or writer.in_flight:
            while self.keep_going() and len(writer.in_flight) < self.depth:
                client.send_line(writer.next_line())
            asked = time.monotonic()
            writer.take(client.line(patience=30))
            self.pause = max(self.pause, time.monotonic() - asked)
        client.socket.close()


def ask(client, address):
    """The values, and the version's epoch and number."""
    client.send_line(f"q get {address} {MEMBERS} t=20000")
    line = client.line(patience=30)
    assert line.startswith("q ok v="), line
    version = line.split(" ")[2][2:]
    return json.loads(line[line.index("{"):]), version


def check(port, state):
    """What is wrong, by kind, and how many unacknowledged changes have happened."""
    found = dict.fromkeys(("lost", "half", "twice", "happened"), 0)
    client = Client(port)
    client.line()
    for address, known in state.items():
        values, _ = ask(client, address)
        echo, _ = ask(client, address + "-echo")
        made = values["steps"] - known.steps
        found["half"] += (values["a"] != values["b"]) + (echo["a"] != echo["b"])
        found["lost"] += max(0, known.acknowledged - values["a"], known.acks - made)
        found["twice"] += values["again"] + echo["again"] + max(0, made - (known.tries - known.refusals))
        found["happened"] += max(0, made - known.acks)
        assert values["a"] <= known.sent, f"{address} holds {values['a']}, {known.sent} was the last sent"
        known.settle(values)
    client.socket.close()
    return found


def write_class(server):
    with open(os.path.join(server.home, "actors/pairs.lua"), "w", encoding="utf-8") as out:
        out.write(CLASS)
