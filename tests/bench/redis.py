"""A redis-server of our own on loopback, to be measured beside Stage.

    with Redis(home, ["--appendonly", "yes"]) as redis: redis.port, redis.pid
"""

import os
import shutil
import socket
import subprocess
import time

PROGRAM = shutil.which("redis-server")
MISSING = ("redis-server is not installed, so nothing was measured beside it "
           "(Debian: apt-get install redis-server)")


class Redis:
    def __init__(self, home, options):
        self.home, self.options = home, options
        self.process = None
        self.port = 0

    def __enter__(self):
        os.makedirs(self.home, exist_ok=True)
        for _ in range(5): # somebody else may take the port between our look and its bind
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            with open(f"{self.home}/log", "ab") as log:
                self.process = subprocess.Popen(
                    [PROGRAM, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.home,
                     "--save", "", *self.options],
                    cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self._answers():
                return self
            self.__exit__()
        with open(f"{self.home}/log", encoding="utf-8", errors="replace") as log:
            raise RuntimeError("redis-server does not start:\n" + log.read()[-2000:])

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)

    @property
    def pid(self):
        return self.process.pid

    def _answers(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"PING\r\n")
                    said = s.recv(16) # +PONG, or a complaint that no password was given
                    if said and not said.startswith(b"-LOADING"):
                        return self.process.poll() is None
            except OSError:
                time.sleep(0.02) # between two looks, not instead of one
        return False


def version():
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return next((word[2:] for word in said.split() if word.startswith("v=")), "unknown")
