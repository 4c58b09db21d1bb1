"""How a dialogue is printed: as it happens (--narrate), and where it failed."""

import fnmatch
import os
import sys
import textwrap

LOG_TAIL = 60


def fits(glob, line):
    return fnmatch.fnmatchcase(line, glob.replace("[", "[[]"))


class Quiet:
    """Prints nothing."""

    def comment(self, text): pass
    def server(self, verb): pass
    def connect(self, who): pass
    def sent(self, who, line): pass
    def came(self, who, line): pass
    def run(self, step, out): pass
    def file(self, step): pass


class Narrator(Quiet):
    """Prints a dialogue as a reader would like to see it."""

    def __init__(self):
        terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.bold, self.dim, self.off = ("\033[1m", "\033[2m", "\033[0m") if terminal else ("",) * 3
        self.said = False

    def say(self, text):
        print(text, flush=True)

    def comment(self, text):
        if not text:
            return
        gap = "" if self.said is None else "\n"
        self.said = None
        self.say(f"{gap}{self.bold}{text}{self.off}")

    def server(self, verb):
        self.line("", "", f"(the server {verb})" if " is killed" not in verb else f"({verb})")

    def connect(self, who):
        self.line(who, "*", "connects")

    def sent(self, who, line):
        self.line(who, ">", line)

    def came(self, who, line):
        if len(line) > 160:
            line = line[:160] + "…"
        self.line(who, "<", line)

    def run(self, step, out):
        self.line("", "$", step.source)
        for text in out:
            self.line("", "|", text)

    def line(self, who, sign, text):
        self.said = True
        self.say(f"  {self.dim}{who:>6} {sign}{self.off} {text}")


def show_departure(path, steps, player, error):
    """The dialogue up to the failing line, what was wrong with it, and the log's tail."""
    failed = player.step
    print(f"{path}: the server departs from the dialogue" +
          (f" at line {failed.number}" if failed else " after its end"))
    before = [s for s in steps if failed is None or s.number < failed.number]
    for step in before[-25:]:
        print(f"      {step.source}")
    if failed:
        print(f"  --> {failed.source}")
        for _, text in failed.block[:20] if failed.kind not in ("file", "ini") else []:
            print(f"        {text}")
    print(textwrap.indent(error, "  "))
    if player.server:
        log = player.server.log().splitlines()
        print(f"  the server's log ({min(len(log), LOG_TAIL)} of {len(log)} lines):")
        for line in log[-LOG_TAIL:]:
            print(f"    {line}")
        for report in player.server.reports():
            print("  sanitizer report:")
            print(textwrap.indent(report, "    "))
