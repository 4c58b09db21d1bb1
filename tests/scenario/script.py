"""Reads a dialogue: a file of steps, one a line, into a list of Step.

Unindented lines are steps, indented ones belong to the step above, `#` is a comment and
`##` one that a narrated run prints. README.md here lists the steps.
"""

import re
from dataclasses import dataclass, field


class BadScript(Exception):
    """The dialogue itself is wrong."""


@dataclass
class Step:
    number: int                  # line in the file
    source: str                  # the line as written
    kind: str                    # which of FORMS
    words: dict                  # what the form found in the line
    block: list = field(default_factory=list)  # (number, text) of indented or <<EOF lines


_WHO = r"(?P<who>[a-z][a-z0-9_]*)"

# kind, form of the line. The first that fits counts.
FORMS = [(kind, re.compile("^" + form + "$", re.S)) for kind, form in (
    ("narrate", r"##\s?(?P<text>.*)"),
    ("file", r"(?P<what>class|file) (?P<name>\S+) <<(?P<end>\w+)"),
    ("ini", r"ini <<(?P<end>\w+)"),
    ("environment", r"env (?P<name>\w+)=(?P<value>.*)"),
    ("samples", r"no sample classes"),
    ("patience", r"patience (?P<seconds>\d+)s"),
    ("needs", r"needs (?P<what>root|unprivileged)"),
    ("let", r"let (?P<name>\w+) = (?P<value>.*)"),
    ("server", r"server (?P<verb>starts|restarts|stops|is killed)(?P<settings>( \S+=\S*)*)"),
    ("kill", r"(?P<role>actor worker|gateway|store) is killed"),
    ("run", r"(?P<eventually>eventually )?(?P<program>stagectl|stage)(?P<arguments>( .*)?)"),
    ("log", r"log (?P<verb>contains|lacks) (?P<glob>.+)"),
    ("connect_admin", _WHO + r" connects to the admin socket"),
    ("connect", _WHO + r" connects(?P<slowly> slowly)?(?P<silently> without a greeting)?"),
    ("close", _WHO + r" closes"),
    ("closed", _WHO + r" is closed(?P<eventually>, whatever came before)?"),
    ("burst", _WHO + r" sends (?P<count>\d+) times: (?P<request>.+)"),
    ("times", _WHO + r" (?P<count>\d+) times: (?P<request>.+)"),
    ("eventually", r"eventually " + _WHO + r"> (?P<line>.*)"),
    ("raw", _WHO + r'>> "(?P<text>.*)"(?: \* (?P<count>\d+))?'),
    ("send", _WHO + r">(?: (?P<line>.*))?"),
    ("unordered", _WHO + r"< in any order:"),
    ("nothing", _WHO + r"< nothing"),
    ("skip", _WHO + r"< skips (?:at most (?P<most>\d+) )?to (?P<pattern>.+)"),
    ("like", _WHO + r"< like (?P<pattern>.+)"),
    ("expect", _WHO + r"< (?P<pattern>.+)"),
)]

_TAKES_BLOCK = {"run", "unordered", "eventually"}


def parse(text, name):
    steps, lines, at = [], text.split("\n"), 0
    while at < len(lines):
        line, number = lines[at].rstrip(), at + 1
        at += 1
        if not line or (line.lstrip().startswith("#") and not line.startswith("##")):
            continue
        if line[0] in " \t":
            if not steps or steps[-1].kind not in _TAKES_BLOCK:
                raise BadScript(f"{name}:{number}: an indented line that belongs to no step")
            steps[-1].block.append((number, line.strip()))
            continue
        step = parse_step(line, number, name)
        if "end" in step.words:
            while at < len(lines) and lines[at].rstrip() != step.words["end"]:
                step.block.append((at + 1, lines[at]))
                at += 1
            if at == len(lines):
                raise BadScript(f"{name}:{number}: no {step.words['end']} ends this block")
            at += 1
        steps.append(step)
    if not steps:
        raise BadScript(f"{name}: nothing happens in it")
    return steps


def parse_step(line, number, name):
    for kind, form in FORMS:
        found = form.match(line)
        if found:
            return Step(number, line, kind, found.groupdict())
    raise BadScript(f"{name}:{number}: no such step: {line}")
