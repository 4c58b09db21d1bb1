"""A function fits a screen, a file one sitting, a header one page; else tests/lint/exceptions
argues why not."""

import _tree

FUNCTION, FILE, HEADER = 60, 500, 120 # lines


def exceptions():
    """name -> lines; name is a path or path:function."""
    allowed, problems = {}, []
    for number, line in enumerate(_tree.read("tests/lint/exceptions").split("\n"), 1):
        words = line.split(None, 2)
        if not words or line.startswith("#"):
            continue
        if len(words) < 3 or not words[1].isdigit():
            problems.append(f"tests/lint/exceptions:{number}: expected NAME LINES REASON")
            continue
        allowed[words[0]] = int(words[1])
    return allowed, problems


def measured():
    """(name, where, lines, limit)"""
    for path in _tree.files(".c", ".h", ".py", ".sh", below=_tree.OURS):
        text = _tree.read(path)
        yield path, path, text.count("\n"), HEADER if path.endswith(".h") else FILE
        if path.endswith((".c", ".h")):
            for name, line, lines in _tree.functions(text):
                yield f"{path}:{name}", f"{path}:{line}: {name}()", lines, FUNCTION


def main():
    allowed, problems = exceptions()
    needed = set()
    for name, where, lines, limit in measured():
        if lines <= limit:
            continue
        needed.add(name)
        if lines > allowed.get(name, limit):
            problems.append(f"{where} has {lines} lines, {allowed.get(name, limit)} are allowed")
    for name in sorted(set(allowed) - needed):
        problems.append(f"tests/lint/exceptions: {name} needs no exception")
    _tree.finish(problems, "too long")


main()
