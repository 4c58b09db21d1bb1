"""Every verb leads to its code by a few literal greps: word -> row -> handler -> function;
and every verb and error code is in the protocol document beside the table."""

import re

import _tree

CLIENT_ROW = re.compile(r'(CLIENT_[A-Z]+)\s*,\s*(?:\.word\s*=\s*)?"([a-z]+)"')
ADMIN_ROW = re.compile(r'\{\s*(?:\.word\s*=\s*)?"([a-z]+)"\s*,\s*(?:\.access\s*=\s*)?ADMIN_[A-Z]+')
ERROR_ROW = re.compile(r'(ERROR_[A-Z_]+)\s*,\s*"([a-z-]+)"')
# Admin commands that the table is built for and this version does not have. One that
# has got its handler is taken away here.
LATER = {"top", "stats", "log", "watch", "stop"}

CALLED = re.compile(r"\b([a-z_][a-z0-9_]*)\b")


def text_of(*folders, endings=(".c", ".h")):
    return {path: _tree.without_comments(_tree.read(path))
            for path in _tree.files(*endings, below=folders)}


def defined(sources):
    return {name for path, text in sources.items() if path.endswith(".c")
            for name, _, _ in _tree.functions(text)}


def handler_of(word, sources, names):
    """A function that a line with this word names, where that function is defined."""
    line_form = re.compile(r"^.*(?<![\w])" + re.escape(word) + r"(?![\w]).*$", re.M)
    for text in sources.values():
        for line in line_form.findall(text):
            for name in CALLED.findall(line):
                if name in names:
                    return name
    return None


def check_verbs(rows, sources, what, problems, later=frozenset()):
    names = defined(sources)
    for word, key in rows:
        handler = handler_of(key, sources, names)
        if not handler and word not in later:
            problems.append(f"{what} verb {word}: no row with {key} names a function")
        if handler and word in later:
            problems.append(f"{what} verb {word} leads to {handler}(): it is no longer LATER")


def check_documented(words, path, what, problems):
    text = _tree.read(path) if _tree.exists(path) else ""
    if not text:
        problems.append(f"{path} is missing")
        return
    for word in words:
        if not re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", text):
            problems.append(f"{path} does not mention the {what} {word}")


def main():
    problems = []
    proto = "\n".join(text_of("proto", endings=(".c",)).values())
    client = [(word, key) for key, word in CLIENT_ROW.findall(proto)]
    admin = [(word, f'"{word}"') for word in ADMIN_ROW.findall(proto)]
    errors = [word for key, word in ERROR_ROW.findall(proto) if key != "ERROR_MOVED"]
    if len(client) < 11:
        problems.append(f"proto/: {len(client)} client verbs found; has the table's form changed?")
    if len(admin) < 6:
        problems.append(f"proto/: {len(admin)} admin verbs found; has the table's form changed?")
    check_verbs(client, text_of("worker/gateway"), "client", problems)
    check_verbs(admin, text_of("supervisor"), "admin", problems, LATER)
    check_documented([w for w, _ in client], "proto/client-protocol.md", "verb", problems)
    check_documented(errors, "proto/client-protocol.md", "error code", problems)
    check_documented([w for w, _ in admin], "proto/admin-protocol.md", "command", problems)
    _tree.finish(problems, "a word that leads nowhere")


main()
