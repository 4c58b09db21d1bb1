"""One connection to the client listener: bytes out, lines in, each with a deadline."""

import select
import socket
import time


class Closed(Exception):
    """The server closed the connection."""


class Silent(Exception):
    """Nothing came in time."""


class Client:
    """where is a port on loopback, or the path of a Unix socket."""

    def __init__(self, where, receive_buffer=0):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(15)
        self.socket.connect(where if isinstance(where, str) else ("127.0.0.1", where))
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""

    def send(self, data, patience=15):
        """Sends all of it, and reads meanwhile, so that neither side can block the other."""
        deadline = time.monotonic() + patience
        self.socket.setblocking(False)
        while data:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silent("the server does not take more bytes")
            readable, writable, _ = select.select([self.socket], [self.socket], [], left)
            if readable:
                self._receive()
            if writable:
                try:
                    data = data[self.socket.send(data):]
                except BlockingIOError:
                    pass
                except OSError as error:
                    raise Closed(str(error)) from None

    def send_line(self, text, patience=15):
        self.send(text.encode() + b"\n", patience)

    def line(self, patience=15):
        """The next line without its LF."""
        deadline = time.monotonic() + patience
        while b"\n" not in self.waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Silent(f"nothing came within {patience:g} s" +
                             (f" but {self.waiting[:80]!r}" if self.waiting else ""))
            self._receive()
        line, self.waiting = self.waiting.split(b"\n", 1)
        return line.decode("utf-8", "backslashreplace")

    def is_closed(self, patience=15):
        """Waits for the end; false where a line came instead or nothing did."""
        try:
            self.waiting = (self.line(patience) + "\n").encode() + self.waiting
        except Closed:
            return True
        except Silent:
            pass
        return False

    def close(self):
        self.socket.close()

    def _receive(self):
        self.socket.setblocking(False)
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed("the server closed the connection" +
                         (f" after {self.waiting[:80]!r}" if self.waiting else ""))
        self.waiting += data
