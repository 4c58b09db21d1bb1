"""Patterns of expected lines: what a dialogue says may come, compared with what came.

    1 ok v=$v {"hp":100, ...}

`*` stands for any one token or JSON value, `$name` for one too: it is remembered at its
first use and must be the same later. `...` in an object or array allows further members,
as the whole JSON it allows anything or nothing. JSON is compared by structure; 1, 1.0 and
true are three different values.
"""

import fnmatch
import json
import re

REPLY_WORDS = ("ok", "err", "evt", "snap", "end")
CODED_WORDS = ("err", "end", "bye")
_OPTION = re.compile(r"^([a-z]+)=(\S*)$")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class Mismatch(Exception):
    """What came is not what the pattern says; the text tells where."""


class Hole:
    """A place in a JSON pattern that takes any value: `*`, `$name` or `...`."""

    def __init__(self, kind):
        self.kind = kind

    def __repr__(self):
        return self.kind


def _pairs(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("duplicate key in an object")
    return dict(pairs)


def _refuse(text):
    raise ValueError(f"{text} is not JSON")


def json_value(text):
    return json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse)


def json_pattern(text):
    """Parses JSON with holes; holes travel through the JSON parser as marked strings."""
    out, at, inside = [], 0, False
    while at < len(text):
        c = text[at]
        if inside:
            if c == "\\":
                out.append(text[at:at + 2])
                at += 2
                continue
            inside = c != '"'
            out.append(c)
            at += 1
        elif c == '"':
            inside = True
            out.append(c)
            at += 1
        elif text.startswith("...", at):
            brace = _open_bracket("".join(out))
            out.append('"\\u0000...":0' if brace == "{" else '"\\u0000..."')
            at += 3
        elif c == "*":
            out.append('"\\u0000*"')
            at += 1
        elif c == "$":
            name = _VARIABLE.match(text, at)
            if not name:
                raise ValueError(f"a bare $ in the pattern {text}")
            out.append(f'"\\u0000{name.group(0)}"')
            at = name.end()
        else:
            out.append(c)
            at += 1
    return _holes(json_value("".join(out)))


def _open_bracket(text):
    depth, inside, at = [], False, 0
    while at < len(text):
        c = text[at]
        if inside:
            if c == "\\":
                at += 1
            elif c == '"':
                inside = False
        elif c == '"':
            inside = True
        elif c in "{[":
            depth.append(c)
        elif c in "}]":
            depth.pop()
        at += 1
    return depth[-1] if depth else ""


def _holes(value):
    if isinstance(value, str) and value.startswith("\0"):
        return Hole(value[1:])
    if isinstance(value, list):
        return [_holes(v) for v in value]
    if isinstance(value, dict):
        return {k: _holes(v) for k, v in value.items()}
    return value


def _open_ended(pattern):
    return isinstance(pattern[-1], Hole) and pattern[-1].kind == "..." if pattern else False


def match_json(pattern, value, names, where="the JSON"):
    if isinstance(pattern, Hole):
        if pattern.kind.startswith("$"):
            match_name(pattern.kind[1:], value, names, where)
        return
    if type(pattern) is not type(value):
        raise Mismatch(f"{where}: expected {_show(pattern)}, came {_show(value)}")
    if isinstance(pattern, dict):
        wanted = {k: v for k, v in pattern.items() if k != "\0..."}
        for key in wanted:
            if key not in value:
                raise Mismatch(f"{where}: no member {key!r} in {_show(value)}")
        if "\0..." not in pattern:
            for key in value:
                if key not in wanted:
                    raise Mismatch(f"{where}: unexpected member {key!r} in {_show(value)}")
        for key, inner in wanted.items():
            match_json(inner, value[key], names, f"{where}.{key}")
    elif isinstance(pattern, list):
        open_ended = _open_ended(pattern)
        wanted = pattern[:-1] if open_ended else pattern
        if len(value) < len(wanted) or (len(value) > len(wanted) and not open_ended):
            raise Mismatch(f"{where}: expected {len(wanted)} elements, came {_show(value)}")
        for i, inner in enumerate(wanted):
            match_json(inner, value[i], names, f"{where}[{i}]")
    elif repr(pattern) != repr(value):
        raise Mismatch(f"{where}: expected {_show(pattern)}, came {_show(value)}")


def match_name(name, value, names, where):
    if name not in names:
        names[name] = value
    elif repr(names[name]) != repr(value):
        raise Mismatch(f"{where}: ${name} was {_show(names[name])}, came {_show(value)}")


def match_token(pattern, text, names, where):
    if pattern == "*":
        return
    if pattern.startswith("$"):
        match_name(pattern[1:], text, names, where)
    elif pattern != text and not ("*" in pattern and fnmatch.fnmatchcase(text, pattern)):
        raise Mismatch(f"{where}: expected {pattern}, came {text}")


def _show(value):
    def plain(v):
        if isinstance(v, Hole):
            return v.kind
        if isinstance(v, list):
            return [plain(x) for x in v]
        if isinstance(v, dict):
            return {k.replace("\0", ""): plain(x) for k, x in v.items()}
        return v
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= 200 else text[:200] + "…"


class Line:
    """A line of the server taken apart: ID, word, code, options, JSON text."""

    def __init__(self, text):
        self.text = text
        rest = text.split(" ")
        self.id = rest.pop(0)
        self.word = rest.pop(0) if rest else ""
        self.code = ""
        if self.word in CODED_WORDS and rest:
            self.code = rest.pop(0)
        elif self.word == "stage" and rest:
            self.code = rest.pop(0)
        self.options = {}
        while rest:
            option = _OPTION.match(rest[0])
            if not option:
                break
            self.options[option.group(1)] = option.group(2)
            rest.pop(0)
        self.json = " ".join(rest) if rest else None


def match_line(pattern_text, text, names):
    """Raises Mismatch unless text is what the pattern says; names are learnt on success only."""
    learnt = dict(names)
    pattern, line = Line(pattern_text), Line(text)
    match_token(pattern.id, line.id, learnt, "the ID")
    match_token(pattern.word, line.word, learnt, "the word")
    match_token(pattern.code, line.code, learnt, "the code")
    for key in sorted(set(pattern.options) | set(line.options)):
        if key not in line.options:
            raise Mismatch(f"no option {key}= came")
        if key not in pattern.options:
            raise Mismatch(f"the option {key}={line.options[key]} was not expected")
        match_token(pattern.options[key], line.options[key], learnt, f"the option {key}=")
    _match_tail(pattern, line, learnt)
    names.update(learnt)


def _match_tail(pattern, line, names):
    if pattern.json == "...":
        if line.json is not None:
            _value(line)
        return
    if pattern.json is None:
        # Details of an error are the server's choice; a dialogue that cares names them.
        if line.json is not None and line.word not in CODED_WORDS:
            raise Mismatch(f"the JSON {line.json} was not expected")
        return
    if line.json is None:
        raise Mismatch(f"expected the JSON {pattern.json}, none came")
    match_json(json_pattern(pattern.json), _value(line), names)


def _value(line):
    try:
        return json_value(line.json)
    except ValueError as error:
        raise Mismatch(f"not JSON: {line.json} ({error})") from None


def match_text(pattern, text, names):
    """One line of output for people: a glob where runs of blanks count as one; or JSON."""
    pattern = pattern.strip()
    if pattern.startswith("{"):
        learnt = dict(names)
        try:
            value = json_value(text)
        except ValueError:
            raise Mismatch(f"not JSON: {text}") from None
        match_json(json_pattern(pattern), value, learnt)
        names.update(learnt)
    else:
        glob = re.sub(r"([\[\]])", r"[\1]", " ".join(substitute(pattern, names).split()))
        if not fnmatch.fnmatchcase(" ".join(text.split()), glob):
            raise Mismatch(f"expected {pattern}")


def substitute(text, names):
    """Puts the values of known $names into a line to send; `$$` is one `$`."""
    def value(found):
        if found.group(0) == "$$":
            return "$"
        name = found.group(1)
        if name not in names:
            raise Mismatch(f"${name} has no value yet")
        known = names[name]
        return known if isinstance(known, str) else json.dumps(known)
    return re.sub(r"\$\$|\$([A-Za-z_][A-Za-z0-9_]*)", value, text)
