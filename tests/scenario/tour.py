"""The fenced blocks of a Markdown file as one dialogue, so that what a reader is told works.

    ```lua counter.lua      a class file
    ```stage                a conversation of one client; ```stage bob: of another
    ```console              `$ stagectl …` and what it prints; other commands are not run

Blocks of other kinds are for the reader alone. In a conversation a line is an answer if
it begins with `* ` or its second word is ok, err, evt, snap or end; otherwise it is sent.
A version, `v=3f:128`, stands for whatever comes there, and for the same again where it is
repeated. `…` stands for what is left out. A greeting connects anew.
"""

import re

import pattern
from script import BadScript, Step, parse_step

_FENCE = re.compile(r"^```(\S*)(?: +(\S+))?\s*$")
_VERSION = re.compile(r"(?<==)([0-9a-f]+:[0-9]+)(?=\s|$)")


def blocks(text):
    """(number of the first line, language, argument, [lines])"""
    inside = None
    for number, line in enumerate(text.split("\n"), 1):
        fence = _FENCE.match(line)
        if inside is None:
            if fence and line.startswith("```"):
                inside = (number + 1, fence.group(1), fence.group(2), [])
        elif line.rstrip() == "```":
            yield inside
            inside = None
        else:
            inside[3].append(line)
    if inside:
        raise BadScript(f"the fenced block before line {inside[0]} is not closed")


def steps(text, name):
    found, connected, started = [], set(), False
    parts = list(blocks(text))
    for number, language, argument, lines in parts:
        if language == "lua" and argument and not started:
            block = [(number + i, line) for i, line in enumerate(lines)]
            found.append(Step(number, f"class {argument} <<EOF", "file",
                              {"what": "class", "name": argument, "end": "EOF"}, block))
        elif language == "stage":
            if not started:
                found.append(parse_step("server starts", number, name))
                started = True
            found += _conversation(number, argument or "alice", lines, connected, name)
        elif language == "console":
            found += _console(number, lines, started, name)
    if not started:
        raise BadScript(f"{name}: no ```stage block, so there is nothing to play")
    return found


def _conversation(number, who, lines, connected, name):
    found = []
    for at, line in enumerate(lines, number):
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        words = line.split(" ")
        if line.startswith("* stage") or who not in connected:
            found.append(parse_step(f"{who} connects", at, name))
            connected.add(who)
            if line.startswith("* stage"):
                continue
        came = words[0] == "*" or (len(words) > 1 and words[1] in pattern.REPLY_WORDS)
        line = _VERSION.sub(lambda v: "$v_" + v.group(1).replace(":", "_"), line)
        if came:
            line = _left_out(line)
        found.append(parse_step(f"{who}{'<' if came else '>'} {line}", at, name))
    return found


def _console(number, lines, started, name):
    found, wanted = [], False
    for at, line in enumerate(lines, number):
        if line.startswith("$ "):
            command = re.sub(r"^\S*/(stagectl|stage)\b", r"\1", line[2:].split(" #")[0].strip())
            wanted = started and command.startswith("stagectl")
            if wanted:
                found.append(parse_step(command, at, name))
        elif wanted and line.strip():
            text = line.strip()
            text = _left_out(text) if text[0] in "{…" else text.replace("…", "*")
            found[-1].block.append((at, "| " + text.strip()))
    return found


def _left_out(line):
    """`…` inside of JSON or instead of it, in the words of a pattern."""
    return re.sub(r"\s*…$", " ...", line).replace("…", "...")
