"""nats-server and Erlang, to be measured beside Stage."""

import shutil
import socket
import subprocess
import tempfile
import threading
import time

from usage import cpu_seconds

NATS = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin")
ERLANG = shutil.which("erl")


def missing():
    return [f"{name} is not installed, so nothing is measured beside it (sh etc/dependencies.sh bench)"
            for name, found in (("nats-server", NATS), ("Erlang", ERLANG)) if not found]


# --- nats-server -------------------------------------------------------------------------

class NatsClient:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.file.readline() # INFO
        self.send(b'CONNECT {"verbose":false}\r\n')

    def send(self, data):
        self.socket.sendall(data)

    def message(self):
        """subject, reply subject or None, payload of the next one."""
        while True:
            words = self.file.readline().split()
            if not words:
                raise ConnectionError("nats-server has closed the connection")
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            elif words[0] == b"MSG":
                payload = self.file.read(int(words[-1]) + 2)[:-2]
                return words[1], words[3] if len(words) == 5 else None, payload

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.file.close()
        self.socket.close()


def _respond(client, depth):
    """Adds one to what comes, until the connection ends."""
    out = []
    try:
        while True:
            _, reply, payload = client.message()
            answer = b"%d" % (int(payload) + 1)
            out.append(b"PUB %s %d\r\n%s\r\n" % (reply, len(answer), answer))
            if len(out) == depth:
                client.send(b"".join(out))
                out = []
    except (ConnectionError, OSError, ValueError):
        pass


def nats_requests(seconds, depth):
    """Requests per second of nats-server's CPU: one client asks, `depth` at a time, another
    answers. None where it is not installed."""
    if not NATS:
        return None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([NATS, "-a", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    asker, answerer = NatsClient(port), NatsClient(port)
                    break
                except ConnectionRefusedError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02) # between two looks, not instead of one
            answerer.send(b"SUB add 1\r\nPING\r\n")
            asker.send(b"SUB inbox 1\r\nPING\r\n")
            answerer.file.readline() # PONG: it is subscribed
            asker.file.readline()
            thread = threading.Thread(target=_respond, args=(answerer, depth))
            thread.start()
            done, spent, began = 0, cpu_seconds([server.pid]), time.monotonic()
            batch = b"PUB add inbox 1\r\n1\r\n" * depth
            while time.monotonic() < began + seconds:
                asker.send(batch)
                for _ in range(depth):
                    if asker.message()[2] != b"2":
                        raise RuntimeError("nats: a wrong answer")
                done += depth
            spent = cpu_seconds([server.pid]) - spent
            asker.close()
            answerer.close()
            thread.join()
            return done / spent
        finally:
            server.terminate()


# --- Erlang ------------------------------------------------------------------------------

THING = """
-module(thing).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2, calls/2, memory/1]).
init([]) -> {ok, #{n => 0, name => <<>>, on => false}}.
handle_call({add, By}, _From, S = #{n := N}) -> {reply, N + By, S#{n := N + By}}.
handle_cast(_, S) -> {noreply, S}.

call(_Pid, 0) -> ok;
call(Pid, N) -> gen_server:call(Pid, {add, 1}), call(Pid, N - 1).

run(Pid, Until, Done) ->
  case erlang:monotonic_time(millisecond) < Until of
    true -> call(Pid, 1000), run(Pid, Until, Done + 1000);
    false -> Done
  end.

calls(Ms, Pairs) ->
  Self = self(),
  {_, _} = erlang:statistics(runtime),
  Until = erlang:monotonic_time(millisecond) + Ms,
  [spawn_link(fun() -> {ok, Pid} = gen_server:start_link(thing, [], []), Self ! {done, run(Pid, Until, 0)} end)
   || _ <- lists:seq(1, Pairs)],
  Total = lists:sum([receive {done, N} -> N end || _ <- lists:seq(1, Pairs)]),
  {_, Cpu} = erlang:statistics(runtime),
  io:format("~p~n", [Total * 1000 / Cpu]), halt().

memory(Count) ->
  Before = erlang:memory(total),
  Pids = [begin {ok, P} = gen_server:start_link(thing, [], []), gen_server:call(P, {add, 1}), P end
          || _ <- lists:seq(1, Count)],
  io:format("~p~n", [(erlang:memory(total) - Before) / length(Pids)]), halt().
"""


def _erlang(call):
    if not ERLANG:
        return None
    with tempfile.TemporaryDirectory(prefix="se-") as home:
        with open(f"{home}/thing.erl", "w", encoding="utf-8") as out:
            out.write(THING)
        run = [ERLANG, "-noshell", "+P", "2000000", "-pa", home, "-eval"]
        subprocess.run([*run, "{ok, _} = compile:file(\"thing.erl\"), halt()."], cwd=home, check=True,
                       capture_output=True)
        done = subprocess.run([*run, f"{call}."], cwd=home, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])


def erlang_calls(seconds, pairs):
    """gen_server:call()s per second of Erlang's CPU, so many at a time. None: not installed."""
    return _erlang(f"thing:calls({int(seconds * 1000)}, {pairs})")


def erlang_memory(count):
    """Bytes of a gen_server at rest with a map of three. None: not installed."""
    return _erlang(f"thing:memory({count})")
