"""Every C file opens with a comment that says what it owns; every script says what it is for."""

import re

import _tree

OPENING = {
    (".c", ".h"): (re.compile(r"/\*\s+\S(?:(?!\*/).)*?[.:;]", re.S), "a comment of one sentence, `/* … . */`"),
    (".py",): (re.compile(r'(#![^\n]*\n)?"""\S'), "a docstring"),
    (".sh", ".lua", "meson.build", ".dialogue"):
        (re.compile(r"(#![^\n]*\n)?(#|--)+ \S"), "a comment"),
}


def main():
    problems = []
    for endings, (form, what) in OPENING.items():
        for path in _tree.files(*endings):
            text = _tree.read(path)
            if text.strip() and not form.match(text):
                problems.append(f"{path}:1: does not open with {what} that says what it owns")
    _tree.finish(problems, "without an opening sentence")


main()
