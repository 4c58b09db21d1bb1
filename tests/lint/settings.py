"""The table in common/config.c and the commented etc/stage.ini have the same keys and defaults."""

import re

import _tree

# { "client", "listen", CONFIG_ADDRESS, offsetof(…), "*:51463", …
ROW = re.compile(r'"(\w+)"\s*,\s*"(\w+)"\s*,\s*CONFIG_(\w+)\s*,[^"{}]*?("(?:[^"\\]|\\.)*"|NULL)', re.S)
SETTING = re.compile(r"^;?(\w+) =(?: (.*))?$")


def table():
    """section.key -> default, as written in C; None where the program finds it out."""
    found, section = {}, _tree.without_comments(_tree.read("common/config.c"))
    for row in ROW.finditer(section):
        fallback = row.group(4)
        found[f"{row.group(1)}.{row.group(2)}"] = None if fallback == "NULL" else fallback[1:-1]
    return found


def sample():
    """The same of etc/stage.ini, and its problems."""
    found, problems, section, explained = {}, [], "", False
    for number, line in enumerate(_tree.read("etc/stage.ini").split("\n"), 1):
        where = f"etc/stage.ini:{number}"
        setting = SETTING.match(line)
        if line.startswith("["):
            section = line.strip("[]")
        elif setting:
            if not line.startswith(";"):
                problems.append(f"{where}: set, but the sample only shows defaults")
            if not explained:
                problems.append(f"{where}: {setting.group(1)} is not explained above it")
            found[f"{section}.{setting.group(1)}"] = setting.group(2) or ""
        elif line and not line.startswith("; "):
            problems.append(f"{where}: neither a comment, a section nor a setting")
        if not setting:
            explained = line.startswith("; ")
    return found, problems


def main():
    rows, (shown, problems) = table(), sample()
    if not rows:
        problems.append("common/config.c: no row found; has the table's form changed?")
    for name in sorted(set(rows) - set(shown)):
        problems.append(f"etc/stage.ini: {name} is missing")
    for name in sorted(set(shown) - set(rows)):
        problems.append(f"etc/stage.ini: {name} is no setting")
    for name in sorted(set(rows) & set(shown)):
        if rows[name] is not None and rows[name] != shown[name]:
            problems.append(f"etc/stage.ini: {name} = {shown[name]}, but the default is {rows[name]}")
    _tree.finish(problems, "disagreement about the settings")


main()
