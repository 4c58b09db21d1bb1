#!/usr/bin/env python3
"""Tests the scenario driver itself, against a fake server: what holds must pass, and each
kind of departure must be seen and named."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import narration # noqa: E402
import pattern # noqa: E402
import play # noqa: E402
import script # noqa: E402
import tour # noqa: E402

HOLDS = """
# Everything the driver can do, once.
class thing.lua <<EOF
return stage.class "things.{id}"
EOF
env MOOD=calm
server starts workers.actors=2
alice connects
bob connects slowly
alice> 1 watch players.1 hp
alice< 1 ok v=$v {"hp":100}
alice> 2 get players.1 hp
alice< 2 ok v=$v 100
alice> 3 get players.1 armor
alice< 3 ok v=* 0.5
bob> 1 set players.1 hp 90
bob< 1 ok v=$w
alice< 1 evt v=$w {"hp":$hp}
alice< nothing
alice> 4 get players.1 hp
alice> 5 get players.1 nose
alice< in any order:
  5 err no-member {"member":"nose"}
  4 ok v=$w $hp
bob 200 times: set players.1 hp $n
alice< skips to 1 evt v=* {"hp":200}
eventually bob> 2 get players.1 hp
  < 2 ok v=* 200
bob>> "3 ping @\\n" * 3
bob< 3 ok
bob< 3 ok
bob< 3 ok
bob> 4 bye @
bob is closed
log contains fake server ready*thing.lua
log lacks nonsense
stagectl status
  | command status
  | second *
stagectl --json status
  | {"pid":$pid, ...}
eventually stagectl fail
  ! *told to fail
  exit 69
server restarts
server is killed
server starts
"""

DEPARTURES = { # dialogue after the start, what the complaint must name
    "alice> 1 get a.1 hp\nalice< 1 ok v=* 99": "expected 99, came 100",
    "alice> 1 get a.1 hp\nalice< 1 ok v=* 100.0": "expected 100.0, came 100",
    "alice> 1 get a.1 hp\nalice< 1 ok v=*": "was not expected",
    "alice> 1 get a.1 hp\nalice< 2 ok v=* 100": "the ID: expected 2, came 1",
    "alice> 1 ping @\nalice< nothing": "expected nothing, came 1 ok",
    "patience 1s\nalice< 1 ok": "nothing came within 1 s",
    "patience 1s\nalice is closed": "the connection is open",
    "alice> 1 bye @\nalice< 1 ok": "the server closed",
    "alice> 1 get a.1 hp\nalice< in any order:\n  1 ok v=* 5": "expected one of",
    "bob> 1 ping @": "bob has not connected",
    "stagectl fail": "expected exit code 0, came 69",
    "stagectl status\n  | command status": "unexpected output: second line",
    "log lacks fake server": "the log has such a line",
    "patience 1s\nlog contains nonsense": "the log has no such line",
    "env FAKE_EXIT=3\nserver restarts\nserver stops": "exit code 3",
    "env FAKE_REPORT=1\nserver restarts": "a sanitizer reported",
}

MARKDOWN = """
```lua thing.lua
return stage.class "things.{id}"
```
```stage
* stage 1 {"line":1048576,…
1 get players.1 hp
1 ok v=a7:1 100
2 get players.1 armor
2 ok v=a7:1 0.5
3 get players.1 nose
3 err no-member {"member":"nose",…}
4 get players.1 nose
4 err no-member …
```
```console
$ stagectl --json status
{"pid":7,…}
```
```console
$ build/stagectl/stagectl status   # a comment
command …
…
```
"""


def run(text, suffix=".dialogue"):
    with tempfile.NamedTemporaryFile("w", suffix=suffix) as file:
        file.write(text)
        file.flush()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = play.play(file.name, os.path.join(HERE, "fake"), narration.Narrator())
    return code, said.getvalue()


class Driver(unittest.TestCase):
    def test_what_holds(self):
        code, said = run(HOLDS)
        self.assertEqual(code, 0, said)

    def test_departures(self):
        for text, complaint in DEPARTURES.items():
            with self.subTest(text):
                code, said = run("server starts\nalice connects\n" + text)
                self.assertEqual(code, 1, said)
                self.assertIn(complaint, said)

    def test_tour(self):
        code, said = run(MARKDOWN, ".md")
        self.assertEqual(code, 0, said)

    def test_bad_scripts(self):
        for text in ("", "alice jumps", "  indented", "class a.lua <<EOF\nx"):
            with self.subTest(text), self.assertRaises(script.BadScript):
                script.parse(text, "x")
        with self.assertRaises(script.BadScript):
            tour.steps("```lua\n```", "x")

    def test_every_dialogue_parses(self):
        for name in sorted(os.listdir(HERE)):
            if name.endswith(".dialogue"):
                with self.subTest(name):
                    for step in play.load(os.path.join(HERE, name)):
                        self.check_patterns(step)

    def check_patterns(self, step):
        wanted = [step.words["pattern"]] if step.kind in ("expect", "skip") else []
        if step.kind == "unordered":
            wanted += [text for _, text in step.block]
        for text in wanted:
            tail = pattern.Line(text).json
            if tail not in (None, "..."):
                pattern.json_pattern(tail)


class Patterns(unittest.TestCase):
    def fits(self, wanted, came):
        try:
            pattern.match_line(wanted, came, {"w": "a:1"})
            return True
        except pattern.Mismatch:
            return False

    def test_json(self):
        for wanted, came, holds in (
                ('1 ok {"a":[1,...]}', '1 ok {"a":[1,2,3]}', True),
                ('1 ok {"a":1}', '1 ok {"a":true}', False),
                ('1 ok {"a":1}', '1 ok {"a":1,"b":2}', False),
                ('1 ok {"a":1, ...}', '1 ok {"b":2,"a":1}', True),
                ('1 ok {...}', '1 ok {}', True),
                ('1 ok []', '1 ok {}', False),
                ('1 ok [$x,$x]', '1 ok [1,2]', False),
                ('1 ok "*"', '1 ok "a"', False),
                ("1 ok *", "1 ok {\"a\":1,\"a\":2}", False),
                ("1 ok *", "1 ok NaN", False),
                ("1 ok *", "1 ok", False),
                ("1 ok ...", "1 ok", True),
                ("1 ok v=$w", "1 ok v=b:1", False),
                ("1 err busy", '1 err busy {"mailbox":10}', True),
                ("1 err busy", "1 err limit", False)):
            with self.subTest(wanted=wanted, came=came):
                self.assertEqual(self.fits(wanted, came), holds)


if __name__ == "__main__":
    unittest.main()
