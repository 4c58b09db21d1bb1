"""A small Stage server for testing the generator: correct, or wrong in one chosen way.

    fake.py [MISBEHAVIOUR]        prints its port, serves until it is ended

It keeps two properties (n = 0, s = "") and the method `add` for any address.
"""

import json
import random
import selectors
import socket
import sys

GREETING = '* stage 1 {"line":1048576,"inflight":%d,"watches":1024,"t":5000,"tmax":60000}\n'


class Actor:
    def __init__(self):
        self.values, self.version, self.watches = {"n": 0, "s": ""}, 1, {}

    @property
    def v(self):
        return f"v=3f:{self.version}"


class Client:
    def __init__(self, sock):
        self.sock, self.unread, self.out = sock, b"", []

    def say(self, line):
        self.out.append(line + "\n")

    def flush(self):
        text, self.out = "".join(self.out), []
        self.sock.setblocking(True) # a generator always reads, sooner or later
        self.sock.sendall(text.encode())
        self.sock.setblocking(False)


class Fake:
    def __init__(self, misbehaviour):
        self.misbehaviour, self.actors, self.random = misbehaviour, {}, random.Random(1)
        self.requests = self.hung_up = 0

    def now(self, what, every=50):
        """Whether to do wrong this time, if that is what this server does wrong."""
        return self.misbehaviour == what and self.requests % every == 0

    # --- actors -----------------------------------------------------------------------

    def change(self, actor, name, value):
        if actor.values[name] == value or self.now("forgets"):
            return
        actor.values[name] = value
        actor.version += 1
        for (client, number), watched in actor.watches.items():
            if watched == name:
                client.say(f"{number} evt {actor.v} {json.dumps({name: value})}")

    def answer(self, client, number, words, actor):
        verb, member, rest = words[1], words[3], " ".join(words[4:])
        if verb == "get":
            return f"ok {actor.v} {json.dumps(actor.values[member])}"
        if verb == "set":
            self.change(actor, member, json.loads(rest))
            return f"ok {actor.v}"
        if verb == "watch":
            actor.watches[client, number] = member
            return f"ok {actor.v} {json.dumps({member: actor.values[member]})}"
        if verb == "call" and member == "add":
            self.change(actor, "n", actor.values["n"] + json.loads(rest)[0])
            return f"ok {actor.v} {actor.values['n']}"
        return 'err no-member {"member":"%s"}' % member

    def unwatch(self, client, number):
        if self.misbehaviour != "talks on":
            for actor in self.actors.values():
                actor.watches.pop((client, number), None)
        return "ok"

    def request(self, client, line):
        words = line.split(" ")
        number, verb = words[0], words[1]
        self.requests += 1
        if verb == "unwatch":
            said = self.unwatch(client, words[3].removeprefix("id="))
        elif self.now("busy", every=3):
            said = 'err busy {"limit":"mailbox"}'
        else:
            actor = self.actors.setdefault(words[2], Actor())
            said = self.answer(client, number, words, actor)
        if self.now("wrong id"):
            number += "1"
        if self.now("wrong kind") and verb == "get":
            said = 'ok "seven"'
        if self.now("babble"):
            number, said = "<html>", "hello"
        if not self.now("silent", every=500):
            client.say(f"{number} {said}")
        if self.now("twice"):
            client.say(f"{number} {said}")

    # --- sockets ----------------------------------------------------------------------

    def accept(self, listener, selector):
        client = Client(listener.accept()[0])
        client.say((GREETING % (8 if self.misbehaviour == "narrow" else 256)).rstrip("\n"))
        client.say("* ping")
        client.flush()
        selector.register(client.sock, selectors.EVENT_READ, client)

    def read(self, client, selector):
        try:
            data = client.sock.recv(1 << 18)
        except (BlockingIOError, ConnectionError):
            data = b""
        hang_up = self.misbehaviour == "hangs up" and self.requests > 300 * (self.hung_up + 1)
        if hang_up and self.hung_up < 3:
            self.hung_up, data = self.hung_up + 1, b""
        if not data:
            selector.unregister(client.sock)
            client.sock.close()
            for actor in self.actors.values():
                actor.watches = {k: v for k, v in actor.watches.items() if k[0] is not client}
            return
        *lines, client.unread = (client.unread + data).split(b"\n")
        for line in lines:
            if line:
                self.request(client, line.decode())
        if self.misbehaviour == "any order":
            self.shuffle(client)

    def shuffle(self, client):
        """Answers in any order, as the protocol allows; events stay in their places."""
        places = [i for i, line in enumerate(client.out) if " evt " not in line]
        answers = [client.out[i] for i in places]
        self.random.shuffle(answers)
        for place, line in zip(places, answers):
            client.out[place] = line

    def serve(self):
        selector = selectors.DefaultSelector()
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            selector.register(listener, selectors.EVENT_READ)
            print(listener.getsockname()[1], flush=True)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        self.accept(listener, selector)
                    else:
                        self.read(key.data, selector)
                # Events of one reader's turn wait in other clients' queues.
                for key in list(selector.get_map().values()):
                    if key.data is not None and key.data.out:
                        self.flush(key.data)

    @staticmethod
    def flush(client):
        try:
            client.flush()
        except OSError:
            pass # gone: its socket will say so when it is read


if __name__ == "__main__":
    Fake(sys.argv[1] if len(sys.argv) > 1 else "").serve()
