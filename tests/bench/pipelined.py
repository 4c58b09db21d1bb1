"""A client for the measurements that play their requests themselves."""

import socket


class Connection:
    """Of a client that sends many requests before it reads their answers, all of which have to be ok."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.text = self.socket.makefile("r", encoding="utf-8")
        self.number = 0
        self.text.readline() # the greeting

    def send(self, lines):
        self.socket.sendall("".join(lines).encode())

    def receive(self, count):
        for _ in range(count):
            answer = self.text.readline()
            if answer.split(" ")[1:2] != ["ok"]:
                raise RuntimeError(f"an answer that says {answer!r}")

    def close(self):
        self.text.close()
        self.socket.close()
