"""No leftovers: blanks at line ends, missing last line ends, notes to do something later,
names of the machine it was written on."""

import re

import _tree

RULES = (
    (re.compile(r"[ \t]+$"), "blanks at the end of the line"),
    (re.compile(r"\r"), "a carriage return"),
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"), "a note to do something later: open an issue"),
    (re.compile(r"^<{7} |^>{7} |^={7}$"), "a merge conflict"),
    (re.compile(r"/(home|wo" r"rk|root)/[a-z]"), "a path of somebody's machine"),
)
MARKDOWN_RULES = RULES[1:]
BINARY = (".png", ".ico", ".der", ".bin", ".rdb")
SHELL = (".sh", ".ci/run")


def main():
    problems = []
    for path in _tree.files():
        if path.endswith(BINARY) or "/corpus/" in path:
            continue
        text = _tree.read(path)
        if text and not text.endswith("\n"):
            problems.append(f"{path}: the last line has no end")
        if text.endswith("\n\n"):
            problems.append(f"{path}: empty lines at the end")
        for number, line in enumerate(text.split("\n"), 1):
            for form, what in MARKDOWN_RULES if path.endswith(".md") else RULES:
                if form.search(line):
                    problems.append(f"{path}:{number}: {what}")
    _tree.finish(problems, "leftover")


main()
