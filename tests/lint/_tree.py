"""What the lint checks share: the project's files, their C functions, and how to complain."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = ("common", "proto", "supervisor", "worker", "stagectl", "clients", "tests")
OURS = CODE + ("etc", ".ci")
TOP = ("README.md", "meson.build", "meson_options.txt", "LICENSE", ".gitignore", ".clang-format")


def files(*endings, below=OURS):
    """Paths relative to the root, of files that end so (all: no endings given)."""
    found = [] if below is not OURS else [n for n in TOP if os.path.exists(f"{ROOT}/{n}")]
    for top in below:
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = sorted(f for f in folders if f not in ("__pycache__", "corpus"))
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in sorted(names)]
    return [name for name in found
            if (not endings or name.endswith(endings)) and not name.endswith(".pyc")]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="surrogateescape") as text:
        return text.read()


def exists(path):
    return os.path.exists(os.path.join(ROOT, path))


def without_comments(text):
    """C with the insides of its comments blanked; lines stay where they are."""
    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0)) if found.group(0)[0] == "/" else found.group(0)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*',
                  blank, text, flags=re.S)


def functions(text):
    """(name, first line, number of lines) of the functions a C file defines."""
    lines = without_comments(text).split("\n")
    begin = None
    for i, line in enumerate(lines):
        if begin is None:
            if line.startswith("{"):
                begin = _head(lines, i - 1)
            elif line[:1].isalpha() and line.rstrip().endswith("{") and "(" in line:
                begin = _head(lines[:i] + [line.rstrip()[:-1]], i)
            if begin is not None and begin[0] is None:
                begin = None
        elif line.startswith("}"):
            yield begin[0], begin[1] + 1, i - begin[1] + 1
            begin = None


def _head(lines, last):
    """The signature that ends in line `last`: (name or None, its first line)."""
    first = last
    while first > 0 and lines[first][:1] in "\t " and lines[first].strip():
        first -= 1
    text = "\n".join(lines[first:last + 1])
    if "=" in text.split("(")[0] or not text[:1].isalpha():
        return None, first
    name = re.search(r"([A-Za-z_]\w*)\s*\(", text)
    return (name.group(1), first) if name else (None, first)


def finish(problems, what):
    """Prints the problems and ends with the exit code they deserve."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"\n{len(problems)} × {what}")
    sys.exit(1 if problems else 0)
