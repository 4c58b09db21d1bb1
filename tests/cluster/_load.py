"""Clients at every node: they append, read and watch, and write down what they were told."""

import json
import random
import socket
import threading
import time

from _history import MAYBE, NO, YES, Append, History, Read, Watch
from _node import CLIENT

REFUSED = ("busy", "draining", "expired", "limit", "unreachable", "quarantined")
UNKNOWN = ("crashed", "timeout", "internal", "lost", "cancelled")
DEADLINE = 2000          # ms that a request may take
READER_PAUSE = 0.001     # seconds, so that readers leave others some of the processors
SILENCE = 20.0           # seconds without the one answer that every request has


class Broken(Exception):
    """The connection is gone."""


class Line:
    """A connection to a node's gateway, one request at a time; events are kept."""

    def __init__(self, net, name):
        self.socket = net.connect(name, CLIENT)
        self.socket.settimeout(SILENCE)
        self.rest, self.number, self.events = b"", 0, []
        if not self.read().startswith("* stage 1"):
            raise Broken("no greeting")

    def read(self):
        while b"\n" not in self.rest:
            try:
                more = self.socket.recv(1 << 16)
            except socket.timeout as silent:
                raise AssertionError("a request has had no answer") from silent
            except OSError as end:
                raise Broken(str(end)) from end
            if not more:
                raise Broken("closed")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def ask(self, text):
        """The words of the reply after its ID, and its JSON."""
        self.number += 1
        verb, address, rest = text.split(" ", 2)
        try:
            self.socket.sendall(f"{self.number} {verb} {address} {rest}\n".encode())
        except OSError as end:
            raise Broken(str(end)) from end
        while True:
            line = self.read()
            words = line.split(" ")
            if words[0] == str(self.number) and words[1] in ("ok", "err"):
                return words[1:], json_of(line)
            self.events.append(line)

    def close(self):
        self.socket.close()


def json_of(line):
    at = min((line.find(c) for c in "[{" if c in line), default=-1)
    if at < 0:
        last = line.rsplit(" ", 1)[1]
        return int(last) if last.lstrip("-").isdigit() else None
    return json.loads(line[at:])


class Round:
    """The actors of one part of a campaign, and all that was heard of them."""

    def __init__(self, number, actors):
        self.addresses = [f"logs.{number}-{i}" for i in range(actors)]
        self.histories = {address: History() for address in self.addresses}
        self.lock = threading.Lock()


class Client(threading.Thread):
    """Stays at one node. After the connection has ended it comes again."""

    def __init__(self, load, node, number):
        super().__init__(daemon=True)
        self.load, self.node, self.number = load, node, number
        self.line, self.watch = None, None
        self.answers = self.ended = self.tokens = 0
        self.succeeded = time.monotonic()
        self.idle = threading.Event()
        self.problem = None

    def run(self):
        while not self.load.over:
            if not self.load.going:
                self.idle.set()
                time.sleep(0.005)
                continue
            self.idle.clear()
            try:
                if self.line is None:
                    self.line = Line(self.load.net, self.node)
                self.play()
            except AssertionError as problem:
                self.problem = f"client {self.number} at node {self.node}: {problem}"
                self.drop()
            except (Broken, OSError):
                self.drop()
                time.sleep(0.05)
        self.drop()

    def drop(self):
        if self.line:
            self.line.close()
            self.ended += 1
        self.line = self.watch = None

    def play(self):
        part = self.load.round
        address = random.choice(part.addresses)
        history = part.histories[address]
        random.choices((self.append, self.get, self.pass_on), (5, 4, 1))[0](part, address, history)
        self.answers += 1

    def token(self):
        self.tokens += 1
        return f"{self.number}.{self.tokens}"

    def append(self, part, address, history):
        self._append(part, history, lambda token: f'call {address} append t={DEADLINE} ["{token}"]')

    def pass_on(self, part, address, history):
        """By way of an actor before it, so that no two wait for each other. The answer may be the
        error of the call that it made."""
        at = part.addresses.index(address)
        if at == 0:
            return
        by = random.choice(part.addresses[:at])
        self._append(part, history, lambda token: f'call {by} pass t={DEADLINE} ["{address}","{token}"]')

    def _append(self, part, history, text):
        token, asked = self.token(), time.monotonic()
        outcome, length = MAYBE, 0
        try:
            words, value = self.line.ask(text(token))
            if words[0] == "ok":
                outcome, length = YES, value
                self.succeeded = time.monotonic()
            elif words[1] in REFUSED:
                outcome = NO
            elif words[1] == "app":
                outcome = MAYBE
            elif words[1] not in UNKNOWN:
                raise AssertionError(f"answered {' '.join(words)}")
            self.load.count(" ".join(words[:2]) if words[0] == "err" else "ok")
        finally:
            with part.lock:
                history.appends.append(Append(token, asked, time.monotonic(), outcome, length))

    def get(self, part, address, history):
        asked = time.monotonic()
        words, value = self.line.ask(f"get {address} entries t={DEADLINE}")
        if words[0] == "ok":
            with part.lock:
                history.reads.append(Read(value, asked, time.monotonic()))
            self.succeeded = time.monotonic()
        self.load.count(" ".join(words[:2]) if words[0] == "err" else "ok")


class Reader(threading.Thread):
    """Asks for the number of entries of every actor of a round through one node, for each again
    as soon as it is answered: at the moment when owners change a former one is asked too. A node
    that was stopped finds such a question when it wakes, and is asked the next one at once."""

    def __init__(self, load, node, part):
        super().__init__(daemon=True)
        self.load, self.node, self.part = load, node, part
        self.over = False
        self.problem = None
        self.answered = 0

    def run(self):
        while not self.over:
            try:
                self.session()
            except (Broken, OSError):
                time.sleep(0.02)
            except AssertionError as problem:
                self.problem = f"reader at node {self.node}: {problem}"

    def session(self):
        line = Line(self.load.net, self.node)
        addresses = {f"r{i}": address for i, address in enumerate(self.part.addresses)}
        asked = {}

        def ask(name):
            asked[name] = time.monotonic()
            line.socket.sendall(f"{name} get {addresses[name]} count t={DEADLINE}\n".encode())

        try:
            for name in addresses:
                ask(name)
            while not self.over:
                words = line.read().split(" ")
                if words[0] == "*":        # the server says why it ends the connection
                    continue
                if words[1] == "ok":
                    read = Read(None, asked[words[0]], time.monotonic(), int(words[-1]))
                    with self.part.lock:
                        self.part.histories[addresses[words[0]]].reads.append(read)
                    self.answered += 1
                time.sleep(READER_PAUSE)
                ask(words[0])
        finally:
            line.close()


class Watcher(threading.Thread):
    """Watches every actor of a round through one node, from its beginning to its end."""

    def __init__(self, load, node, part):
        super().__init__(daemon=True)
        self.load, self.node, self.part = load, node, part
        self.over = False
        self.sessions = 0
        self.states = {address: [] for address in part.addresses}

    def run(self):
        while not self.over:
            try:
                self.session()
            except (Broken, OSError, AssertionError):
                time.sleep(0.05)

    def session(self):
        """A new connection begins a new sequence for each actor: its snapshot."""
        line = Line(self.load.net, self.node)
        line.socket.settimeout(0.1)
        self.sessions += 1
        waiting = {}
        for i, address in enumerate(self.part.addresses):
            self.states[address].append(Watch())
            line.socket.sendall(f"w{i} watch {address} entries t=60000\n".encode())
            waiting[f"w{i}"] = address
        try:
            while not self.over:
                try:
                    text = line.read()
                except AssertionError:
                    continue
                self.take(waiting, text)
        finally:
            line.close()

    def take(self, waiting, text):
        words = text.split(" ")
        address = waiting.get(words[0])
        if address is None or words[1] not in ("ok", "evt", "snap", "err"):
            return
        if words[1] == "err":
            raise Broken("the watch was refused")
        value = json_of(text)
        if "entries" in value:
            self.states[address][-1].states.append(value["entries"])

    def has_seen(self, finals):
        return all(self.states[address] and self.states[address][-1].states and
                   self.states[address][-1].states[-1] == final for address, final in finals.items())


class Load:
    def __init__(self, net, nodes, clients_each=2, actors=12):
        self.net, self.nodes, self.actors = net, list(nodes), actors
        self.over, self.going = False, False
        self.watchers, self.readers = [], []
        self.codes, self._lock = {}, threading.Lock()
        self.round = None
        self.rounds = self.reads = 0
        self.clients = [Client(self, node, f"{node}{chr(97 + i)}") for node in self.nodes for i in range(clients_each)]
        for client in self.clients:
            client.start()

    def count(self, code):
        with self._lock:
            self.codes[code] = self.codes.get(code, 0) + 1

    def begin(self):
        self.rounds += 1
        self.round = Round(self.rounds, self.actors)
        self.watchers = [Watcher(self, node, self.round) for node in self.nodes]
        self.readers = [Reader(self, node, self.round) for node in self.nodes]
        for thread in self.watchers + self.readers:
            thread.start()
        self.going = True

    def pause(self):
        self.going = False
        for client in self.clients:
            if not client.idle.wait(3 * SILENCE):
                raise AssertionError(f"client {client.number} waits for an answer for ever")

    def read_final(self, node, seconds=20.0):
        """All actors of the round as they are, through this node."""
        finals, end = {}, time.monotonic() + seconds
        line, said = None, "nothing"
        for address in self.round.addresses:
            while address not in finals:
                try:
                    line = line or Line(self.net, node)
                    words, value = line.ask(f"get {address} entries t=3000")
                    said = " ".join(words)
                    if words[0] == "ok":
                        finals[address] = value
                except (Broken, OSError) as broken:
                    line, said = None, str(broken)
                if address not in finals and time.monotonic() > end:
                    raise AssertionError(f"{address} cannot be read through node {node} when all is well: {said}")
        line.close()
        return finals

    def settle(self, seconds=30.0):
        """What of the unanswered is still on its way arrives, until all nodes show the same."""
        end = time.monotonic() + seconds
        while True:
            finals = self.read_final(self.nodes[0])
            if all(self.read_final(node) == finals for node in self.nodes[1:] + self.nodes[:1]):
                return finals, []
            if time.monotonic() > end:
                return finals, [("diverged", "the nodes show different states when all is quiet")]

    def end(self):
        """Stops the round and returns its problems; the cluster is whole."""
        self.pause()
        for reader in self.readers:
            reader.over = True
        for reader in self.readers:
            reader.join()
        self.reads += sum(reader.answered for reader in self.readers)
        finals, problems = self.settle()
        end = time.monotonic() + 20
        while time.monotonic() < end and not all(w.has_seen(finals) for w in self.watchers):
            time.sleep(0.02)
        for watcher in self.watchers:
            watcher.over = True
            watcher.join()
            for address, watches in watcher.states.items():
                for watch in watches[:-1]:
                    watch.states.append(finals[address])   # its connection ended early: no promise of an end
                self.round.histories[address].watches += watches
        for address, history in self.round.histories.items():
            problems += [(kind, f"{address}: {text}") for kind, text in history.problems(finals[address])]
        problems += [("missing", c.problem) for c in self.clients + self.readers if c.problem]
        for client in self.clients:
            client.problem = None
        return problems

    def acknowledged(self):
        return sum(a.outcome == YES for h in self.round.histories.values() for a in h.appends)

    def close(self):
        self.over = True
        for thread in self.watchers + self.readers:
            thread.over = True
