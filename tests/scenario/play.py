#!/usr/bin/env python3
"""Plays a dialogue against a real server and says where reality departs from it.

    python3 tests/scenario/play.py [--build DIR] [--narrate] FILE

FILE is a .dialogue (tests/scenario/README.md lists the steps) or a Markdown file whose
fenced blocks are played as one (tests/scenario/tour.py). Exit code: 0 as written,
1 not so, 77 skipped.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import narration
import pattern
import script
import tour
from client import Client, Closed, Silent
from pattern import Mismatch
from server import Server, StartFailed

GREETING = "* stage 1 {...}"
WINDOW = 64 # requests that `N times` keeps in flight


class Departure(Exception):
    """What happened is not what the dialogue says."""


class Skipped(Exception):
    """This machine cannot play the dialogue; the text says why."""


class Player:
    def __init__(self, build, home, steps, tell):
        self.build, self.home, self.steps, self.tell = build, home, steps, tell
        self.settings, self.extra_environment = {}, {}
        self.samples = True
        self.ini = None
        self.server = None
        self.started = False
        self.clients = {}
        self.names = {"dir": home}
        self.patience = 20.0
        self.serial = 0

    def play(self):
        for step in self.steps:
            self.step = step
            try:
                getattr(self, "do_" + step.kind)(step)
            except (Mismatch, Silent, Closed, StartFailed, OSError,
                    subprocess.TimeoutExpired) as error:
                raise Departure(str(error)) from None
        self.step = None
        self.finish()

    def finish(self):
        """The end of every dialogue: the server stops cleanly and leaves no report."""
        for client in self.clients.values():
            client.close()
        if self.started:
            self.expect_exit(self.server.stop())
            self.started = False
        if self.server and self.server.reports():
            raise Departure("a sanitizer reported:\n" + "\n".join(self.server.reports()))

    # --- set-up -------------------------------------------------------------------------

    def do_narrate(self, step):
        self.tell.comment(step.words["text"])

    def do_file(self, step):
        where = "actors/" if step.words["what"] == "class" else ""
        path = os.path.join(self.home, where, step.words["name"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write("".join(text + "\n" for _, text in step.block))
        self.tell.file(step)

    def do_ini(self, step):
        self.ini = "".join(text + "\n" for _, text in step.block).replace("$dir", self.home)

    def do_environment(self, step):
        value = pattern.substitute(step.words["value"], self.names)
        self.extra_environment[step.words["name"]] = value
        if self.server:
            self.server.extra_environment[step.words["name"]] = value

    def do_samples(self, _):
        self.samples = False

    def do_patience(self, step):
        self.patience = float(step.words["seconds"])

    def do_needs(self, step):
        if (step.words["what"] == "root") != (os.geteuid() == 0):
            raise Skipped(f"needs {step.words['what']}")

    def do_let(self, step):
        self.names[step.words["name"]] = pattern.substitute(step.words["value"], self.names)

    # --- the server -----------------------------------------------------------------------

    def prepare(self):
        """The server's directories, made at the first step that needs them."""
        if not self.server:
            self.server = Server(self.build, self.home, self.settings,
                                 self.extra_environment, self.samples)
            for name in ("state", "run"):
                self.names[name] = f"{self.home}/{name}"
            if self.ini is not None:
                self.server.write_ini = self.write_given_ini
            self.server.write_ini()

    def write_given_ini(self):
        with open(self.server.ini, "w", encoding="utf-8") as out:
            out.write(self.ini)

    def do_server(self, step):
        for setting in shlex.split(step.words["settings"]):
            key, value = setting.split("=", 1)
            self.settings[key] = pattern.substitute(value, self.names)
        self.prepare()
        self.server.settings.update(self.settings)
        self.server.extra_environment = dict(self.extra_environment)
        verb = step.words["verb"]
        self.tell.server(verb)
        if verb in ("restarts", "stops"):
            self.started = False
            self.expect_exit(self.server.stop())
        elif verb == "is killed":
            self.started = False
            self.server.kill_all()
        if verb in ("starts", "restarts"):
            self.server.start()
            self.started = True
            self.names["port"] = str(self.server.port)

    def expect_exit(self, code):
        if code != 0:
            raise Departure(f"stage stopped on SIGTERM with exit code {code}, expected 0")

    def do_kill(self, step):
        self.server.kill(step.words["role"])
        self.tell.server(step.source)

    def do_log(self, step):
        glob = "*" + pattern.substitute(step.words["glob"], self.names) + "*"
        deadline = time.monotonic() + self.patience
        while True:
            found = any(narration.fits(glob, line) for line in self.server.log().splitlines())
            if step.words["verb"] == "lacks":
                if found:
                    raise Departure("the log has such a line")
                return
            if found:
                return
            if time.monotonic() > deadline:
                raise Departure("the log has no such line")
            time.sleep(0.02) # between two looks

    # --- programs -------------------------------------------------------------------------

    def do_run(self, step):
        self.prepare()
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self.run_once(step)
                return
            except Departure:
                if not step.words["eventually"] or time.monotonic() > deadline:
                    raise
            time.sleep(0.02) # between two tries

    def run_once(self, step):
        arguments = shlex.split(pattern.substitute(step.words["arguments"], self.names))
        done = self.server.run(step.words["program"], arguments)
        out = done.stdout.decode("utf-8", "backslashreplace").splitlines()
        err = done.stderr.decode("utf-8", "backslashreplace").splitlines()
        learnt = dict(self.names)
        code = "0"
        try:
            for number, line in step.block:
                if line.startswith("exit "):
                    code = line[5:]
                elif line[0] == "|":
                    self.take_line(line[1:].strip(), out, learnt)
                elif line[0] == "!":
                    self.find_line(line[1:].strip(), err, learnt)
                else:
                    raise script.BadScript(f"line {number}: neither `|`, `!` nor `exit`")
            if step.block and any(line[0] == "|" for _, line in step.block) and out:
                raise Mismatch(f"unexpected output: {out[0]}")
            if code != (str(done.returncode) if code != "nonzero" or not done.returncode else code):
                raise Mismatch(f"expected exit code {code}, came {done.returncode}")
        except Mismatch as error:
            raise Departure(f"{error}\n  stdout: " + "\n          ".join(
                done.stdout.decode("utf-8", "backslashreplace").splitlines()) +
                "\n  stderr: " + "\n          ".join(err)) from None
        self.names.update(learnt)
        self.tell.run(step, done.stdout.decode("utf-8", "backslashreplace").splitlines())

    @staticmethod
    def take_line(wanted, out, names):
        """The next output line fits; `...` skips as many as there are to the next that does."""
        if wanted in ("...", "nothing"):
            if wanted == "nothing" and out:
                raise Mismatch(f"expected no more output, came {out[0]}")
            out.clear()
            return
        skipping = wanted.startswith("... ")
        if skipping:
            wanted = wanted[4:]
        while out:
            line = out.pop(0)
            try:
                pattern.match_text(wanted, line, names)
                return
            except Mismatch as error:
                if not skipping:
                    raise Mismatch(f"{error}, came {line}") from None
        raise Mismatch(f"expected {wanted}, came the end of the output")

    @staticmethod
    def find_line(wanted, err, names):
        for line in err:
            try:
                pattern.match_text(wanted, line, names)
                return
            except Mismatch:
                continue
        raise Mismatch(f"no line on stderr is {wanted}")

    # --- clients --------------------------------------------------------------------------

    def client(self, step):
        who = step.words["who"]
        if who not in self.clients:
            raise Departure(f"{who} has not connected")
        return self.clients[who]

    def do_connect(self, step):
        who = step.words["who"]
        if who in self.clients:
            self.clients.pop(who).close()
        self.clients[who] = Client(self.server.port, 4096 if step.words["slowly"] else 0)
        self.tell.connect(who)
        if not step.words["silently"]:
            self.expect_line(who, GREETING)

    def do_connect_admin(self, step):
        self.clients[step.words["who"]] = Client(self.server.socket_path)

    def do_close(self, step):
        self.client(step).close()
        del self.clients[step.words["who"]]

    def do_closed(self, step):
        if step.words["eventually"]:
            try:
                while True:
                    self.client(step).line(self.patience)
            except Closed:
                return
        if not self.client(step).is_closed(self.patience):
            raise Departure("the connection is open")

    def do_send(self, step):
        line = pattern.substitute(step.words["line"] or "", self.names)
        self.client(step).send_line(line, self.patience)
        self.tell.sent(step.words["who"], line)

    def do_raw(self, step):
        text = pattern.substitute(step.words["text"], self.names)
        data = text.encode().decode("unicode_escape").encode("latin-1")
        self.client(step).send(data * int(step.words["count"] or 1), self.patience)

    def do_burst(self, step):
        """`sends N times: REQUEST`, with IDs s1, s2, … and $n counting; answers are not read."""
        lines = [f"s{n} " + pattern.substitute(step.words["request"], {**self.names, "n": str(n)})
                 for n in range(1, int(step.words["count"]) + 1)]
        self.client(step).send(("\n".join(lines) + "\n").encode(), self.patience)

    def do_times(self, step):
        """`N times: REQUEST` with $n counting from 1; all must be answered ok."""
        client, count = self.client(step), int(step.words["count"])
        sent = answered = 0
        while answered < count:
            batch = b""
            while sent < count and sent - answered < WINDOW:
                sent += 1
                line = pattern.substitute(step.words["request"], {**self.names, "n": str(sent)})
                batch += f"n{sent} {line}\n".encode()
            if batch:
                client.send(batch, self.patience)
            line = pattern.Line(client.line(self.patience))
            if not line.id.startswith("n") or line.word != "ok":
                raise Departure(f"expected n* ok, came {line.text[:300]}")
            answered += 1

    def expect_line(self, who, wanted):
        line = self.clients[who].line(self.patience)
        try:
            pattern.match_line(wanted, line, self.names)
        except Mismatch as error:
            shown = line if len(line) < 1000 else line[:1000] + "…"
            raise Departure(f"expected  {wanted}\n  came      {shown}\n  because   {error}") from None
        self.tell.came(who, line)

    def do_expect(self, step):
        self.client(step)
        self.expect_line(step.words["who"], step.words["pattern"])

    def do_like(self, step):
        line = self.client(step).line(self.patience)
        try:
            pattern.match_text(step.words["pattern"], line, self.names)
        except Mismatch as error:
            raise Departure(f"{error}, came {line}") from None
        self.tell.came(step.words["who"], line)

    def do_skip(self, step):
        client, deadline = self.client(step), time.monotonic() + self.patience
        last, skipped, most = "", 0, step.words["most"]
        while True:
            if most and skipped > int(most):
                raise Departure(f"more than {most} lines before it, the last {last[:300]}")
            try:
                line = client.line(max(0.0, deadline - time.monotonic()))
            except (Silent, Closed) as error:
                raise Departure(f"{error}; the last line that came: {last[:300]}") from None
            try:
                pattern.match_line(step.words["pattern"], line, self.names)
                self.tell.came(step.words["who"], line)
                return
            except Mismatch:
                last, skipped = line, skipped + 1

    def do_unordered(self, step):
        client, left = self.client(step), [text for _, text in step.block]
        while left:
            line = client.line(self.patience)
            for wanted in left:
                try:
                    pattern.match_line(wanted, line, self.names)
                    left.remove(wanted)
                    self.tell.came(step.words["who"], line)
                    break
                except Mismatch:
                    continue
            else:
                raise Departure("came      " + line + "\n  expected one of\n    " +
                                "\n    ".join(left))

    def do_nothing(self, step):
        """A ping is answered at once, so nothing was on its way before its answer."""
        self.serial += 1
        client, mark = self.client(step), f"nothing-{self.serial}"
        client.send_line(f"{mark} ping @", self.patience)
        line = client.line(self.patience)
        if pattern.Line(line).id != mark:
            raise Departure(f"expected nothing, came {line}")

    def do_eventually(self, step):
        """Asks again until the indented `< PATTERN` lines fit, as long as patience lasts."""
        client, deadline = self.client(step), time.monotonic() + self.patience
        while True:
            client.send_line(pattern.substitute(step.words["line"], self.names), self.patience)
            line = client.line(self.patience)
            try:
                for _, wanted in step.block:
                    pattern.match_line(wanted.lstrip("< "), line, self.names)
                self.tell.came(step.words["who"], line)
                return
            except Mismatch as error:
                if time.monotonic() > deadline:
                    raise Departure(f"still {line}: {error}") from None
            time.sleep(0.01) # between two questions


def load(path):
    with open(path, encoding="utf-8") as text:
        if path.endswith(".md"):
            return tour.steps(text.read(), os.path.basename(path))
        return script.parse(text.read(), os.path.basename(path))


def play(path, build, tell):
    steps = load(path)
    home = tempfile.mkdtemp(prefix="sd-")
    player = Player(os.path.abspath(build), home, steps, tell)
    try:
        player.play()
        return 0
    except Skipped as why:
        print(f"skipped: {why}")
        return 77
    except Departure as error:
        narration.show_departure(path, steps, player, str(error))
        return 1
    finally:
        for client in player.clients.values():
            client.close()
        if player.server:
            player.server.kill_all()
        shutil.rmtree(home, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.environ.get("STAGE_BUILD", "build"))
    parser.add_argument("--narrate", action="store_true", help="print it as it happens")
    parser.add_argument("file")
    arguments = parser.parse_args()
    tell = narration.Narrator() if arguments.narrate else narration.Quiet()
    try:
        return play(arguments.file, arguments.build, tell)
    except script.BadScript as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
