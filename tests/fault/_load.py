"""Clients that stay connected through a whole campaign: owners who write, readers who ask what
may be asked again, watchers. Each holds what it is told against what it knows.

A client whose connection ends counts that as lost, unless it was warned: whose gateway is about
to be killed is (`expect_end`). It connects again either way.
"""

import json
import os
import random
import threading
import time

import _checker as checker
from client import Client, Closed, Silent

FIRST = {"a": 0, "b": 0, "steps": 0, "again": 0}
PATIENCE = 60        # seconds without any answer: then one is missing


class Player(threading.Thread):
    """One client: connects, plays, stands still on demand, connects again."""

    def __init__(self, load, name):
        super().__init__(daemon=True)
        self.load, self.name_ = load, name
        self.client = None
        self.expect_end = False
        self.move_to = 0                  # the gateway process that it shall connect to, once
        self.still = threading.Event()    # nothing of it is in flight
        self.sessions_lost = self.answers = 0
        self.pause = 0.0                  # the longest wait for an answer since it was last set to 0
        self.asked = time.monotonic()     # when it last had an answer, or nothing to wait for
        self.problems = []

    def run(self):
        while not self.load.over:
            try:
                self.connect()
                self.begin()
                while not self.load.over and not self.move_to:
                    self.play()
                if self.move_to:
                    self.end()
            except (Closed, ConnectionError, OSError) as end:
                self.sessions_lost += not self.expect_end
                if not self.expect_end:
                    self.problems.append(f"its connection ended: {end}")
                self.expect_end = False
                self.end()
            except (Silent, AssertionError, ValueError, KeyError) as problem:
                self.problems.append(repr(problem))
                self.end()
        if self.client:
            self.client.close()

    def connect(self):
        """Whichever gateway is first accepts: who shall be at a certain one tries until it is."""
        for _ in range(1000 if self.move_to else 1):
            self.client = Client(self.load.port)
            self.client.line(PATIENCE)
            if not self.move_to or self.load.gateway_of([self])[self] == self.move_to:
                break
            self.client.close()
        self.move_to = 0

    def local_port(self):
        return self.client.socket.getsockname()[1]

    def wait_still(self):
        self.still.set()
        self.load.wait_go(self)
        self.still.clear()
        self.asked = time.monotonic()

    def answered(self):
        now = time.monotonic()
        self.pause = max(self.pause, now - self.asked)
        self.asked = now
        self.answers += 1

    def begin(self):
        """What a new connection starts with."""

    def end(self):
        """What was in flight on a connection that has ended."""
        self.client.close()


class Owner(Player):
    DEPTH = 6

    def __init__(self, load, name):
        super().__init__(load, name)
        self.writer = checker.Writer(name, load.state)
        self.served = dict.fromkeys(self.writer.addresses, 0.0)   # when the last served request was sent
        self.unanswered = 0               # requests of connections that have ended

    def play(self):
        while self.load.go and len(self.writer.in_flight) < self.DEPTH:
            self.client.send_line(self.writer.next_line())
        if not self.writer.in_flight:
            self.wait_still()
            return
        done = self.writer.take(self.client.line(PATIENCE))
        self.answered()
        if done:
            self.served[done[0]] = max(self.served[done[0]], done[1])

    def end(self):
        super().end()
        self.unanswered += len(self.writer.in_flight)
        self.writer.in_flight.clear()

    def is_served_since(self, moment):
        return min(self.served.values()) > moment


class Reader(Player):
    """Asks for what was acknowledged before: `get`, and now and then `watch` and `unwatch`.
    Neither may ever fail, whatever dies: they are asked again within the server."""

    def __init__(self, load, name):
        super().__init__(load, name)
        self.number, self.since = 0, 0.0
        self.codes, self.stale, self.doubled = {}, 0, 0

    def play(self):
        if not self.load.go:
            self.wait_still()
            return
        address = random.choice(list(self.load.state))
        least, sent = self.load.state[address].acknowledged, time.monotonic()
        self.number += 1
        if self.number % 4:
            answer = self.ask(f"get {address} {checker.MEMBERS}")
        else:
            answer = self.ask(f"watch {address} {checker.MEMBERS}")
            self.ask(f"unwatch @ id=r{self.number}", "u")
        self.answered()
        verdict = answer.split(" ")
        if verdict[1] != "ok":
            self.codes[verdict[2]] = self.codes.get(verdict[2], 0) + 1
            return
        self.since = sent
        values = json.loads(answer[answer.index("{"):])
        self.stale += values["a"] < least or values["a"] != values["b"]

    def ask(self, request, kind="r"):
        ident = f"{kind}{self.number}"
        self.client.send_line(f"{ident} {request}")
        while True:
            line = self.client.line(PATIENCE)
            first, word = line.split(" ")[:2]
            if first == ident and word in ("ok", "err"):
                return line
            if word != "evt" or first != f"r{self.number}":
                self.doubled += 1         # an answer to what was answered before

    def is_served_since(self, moment):
        return self.since > moment


class Watcher(Player):
    """Watches every actor. What it holds never goes back, and its numbering never breaks."""

    def __init__(self, load, name):
        super().__init__(load, name)
        self.held = {}                    # address -> values
        self.versions = {}                # address -> epoch:number
        self.where = {}                   # ID -> address
        self.gaps, self.resumed = [], 0
        self.lock = threading.Lock()

    def begin(self):
        addresses = [a + end for a in self.load.state for end in ("", "-echo")]
        for number, address in enumerate(addresses):
            version = self.versions.get(address)
            self.where[f"w{number}"] = address
            self.client.send_line(f"w{number} watch {address} {checker.MEMBERS}" + (f" v={version}" if version else ""))
        waiting = set(self.where)
        while waiting:
            line = self.client.line(PATIENCE)
            waiting.discard(line.split(" ")[0])
            self.take(line)

    def play(self):
        self.still.set()                  # it has nothing in flight
        if self.load.over:
            return
        try:
            self.take(self.client.line(0.2))
        except Silent:
            pass                          # nobody promised an event

    def take(self, line):
        ident, word, *options = line.split(" ")
        if ident == "*":
            return
        assert word in ("ok", "evt", "snap"), line
        address = self.where[ident]
        self.resumed += word == "ok" and any(option.startswith("base=") for option in options)
        version = next(option[2:] for option in options if option.startswith("v="))
        with self.lock:
            before = dict(self.held.get(address, FIRST))
            values = dict(before)
            values.update(json.loads(line[line.index("{"):]))
            self.judge(address, line, before, values, self.versions.get(address), version)
            self.held[address], self.versions[address] = values, version

    def judge(self, address, line, before, values, former, version):
        if former:
            epoch, number = version.split(":")
            old_epoch, old_number = former.split(":")
            if epoch != old_epoch:
                self.gaps.append(f"{address}: {former} is followed by {version}")
            elif int(number) < int(old_number):
                self.gaps.append(f"{address}: {version} comes after {former}")
        # Both halves change in one step: an event with one of them is half of it.
        if values["a"] != values["b"] or values["a"] < before["a"] or values["steps"] < before["steps"]:
            self.gaps.append(f"{address} held {before}, then came {line}")

    def holds(self, address, values, version):
        with self.lock:
            return self.held.get(address) == values and self.versions.get(address) == version

    def is_served_since(self, moment):
        return True


class Load:
    def __init__(self, server, names, readers=2, watchers=2):
        self.port, self.server = server.port, server
        self.state = checker.new_state(names, actors=3)
        self.over, self.go = False, True
        self.condition = threading.Condition()
        self.owners = [Owner(self, name) for name in names]
        self.readers = [Reader(self, f"reader-{i}") for i in range(readers)]
        self.watchers = [Watcher(self, f"watcher-{i}") for i in range(watchers)]
        self.players = self.owners + self.readers + self.watchers

    def start(self):
        for player in self.players:
            player.start()

    def wait_go(self, player):
        with self.condition:
            self.condition.wait_for(lambda: self.go or self.over or player.expect_end or player.move_to)

    def acknowledged(self):
        return sum(owner.writer.acknowledged for owner in self.owners)

    def _until(self, what, complaint, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while not what():
            if any(player.problems for player in self.players) or time.monotonic() > deadline:
                problems = [f"{p.name_}: {text}" for p in self.players for text in p.problems]
                raise AssertionError("; ".join(problems) or complaint)
            time.sleep(0.001)             # between two looks, not instead of one

    def until_acknowledged(self, more):
        wanted = self.acknowledged() + more
        self._until(lambda: self.acknowledged() >= wanted, "no more changes are acknowledged")

    def until_served(self, moment):
        """Every client has been served what it asked for after that moment."""
        self._until(lambda: all(p.is_served_since(moment) for p in self.players), "somebody is not served")

    def stand_still(self):
        """Everything sent has been answered; nothing is sent."""
        self.go = False
        self._until(lambda: all(p.still.is_set() for p in self.owners + self.readers), "an answer is missing")

    def go_on(self):
        with self.condition:
            self.go = True
            self.condition.notify_all()

    def stop(self):
        with self.condition:
            self.over = True
            self.condition.notify_all()
        for player in self.players:
            player.join(PATIENCE)

    def forget_pauses(self):
        for player in self.owners + self.readers:
            player.pause = 0.0

    def pause(self):
        return max(player.pause for player in self.owners + self.readers)

    def watchers_agree(self):
        """Gaps between what watchers hold at the end and what is there."""
        client, gaps = Client(self.port), []
        client.line()
        for address in (a + end for a in self.state for end in ("", "-echo")):
            values, version = checker.ask(client, address)
            for watcher in self.watchers:
                deadline = time.monotonic() + 10
                while not watcher.holds(address, values, version) and time.monotonic() < deadline:
                    time.sleep(0.001)     # between two looks, not instead of one
                if not watcher.holds(address, values, version):
                    gaps.append(f"{watcher.name_} holds {watcher.held.get(address)} {watcher.versions.get(address)} "
                                f"of {address}, which is {values} {version}")
        client.close()
        return gaps

    def gateway_of(self, players):
        """player -> process that has its connection, by the kernel's tables."""
        inodes, holders = {}, {}
        with open("/proc/net/tcp", encoding="utf-8") as table:
            for line in list(table)[1:]:
                fields = line.split()
                here, there = (int(fields[i].split(":")[1], 16) for i in (1, 2))
                if here == self.port:
                    inodes[there] = fields[9]
        for pid in self.server.pids("gateway"):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    name = os.readlink(f"/proc/{pid}/fd/{fd}")
                except OSError:
                    continue
                if name.startswith("socket:["):
                    holders[name[8:-1]] = pid
        return {player: holders.get(inodes.get(player.local_port())) for player in players}

    def expect_end_of(self, pid):
        """Those connected through that gateway will lose their connection: how many, how many not."""
        for player, gateway in self.gateway_of(self.players).items():
            player.expect_end = gateway == pid
        warned = sum(player.expect_end for player in self.players)
        return warned, len(self.players) - warned

    def spread(self):
        """While all stand still: both gateways get connections, so that one can lose its own."""
        pids, found = self.server.pids("gateway"), self.gateway_of(self.players)
        with self.condition:
            for number, player in enumerate(self.players):
                if found[player] != pids[number % len(pids)]:
                    player.move_to = pids[number % len(pids)]
            self.condition.notify_all()
        self._until(lambda: not any(p.move_to for p in self.players), "connections cannot be spread")
        self._until(lambda: all(p.still.is_set() for p in self.owners + self.readers), "an answer is missing")
