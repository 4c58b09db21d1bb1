"""The table of settings and the commented etc/stage.ini have the same keys and defaults."""

import re

import _tree

TABLE = "common/config_table.c"

# ADDRESS("client", "listen", client.listen, "*:51463", …; LATER and plain rows name a type.
ROW = re.compile(r'(?:\b[A-Z]+\(|\{)\s*"(\w+)",\s*"(\w+)",\s*(?:CONFIG_\w+,\s*)?'
                 r'(?:AT\([\w.]+\)|[\w.]+),\s*"([^"]*)"')
SETTING = re.compile(r"^;?(\w+) =(?: (.*))?$")


def table():
    """section.key -> default, as one would write it; empty where the program finds it out."""
    rows = _tree.without_comments(_tree.read(TABLE))
    return {f"{section}.{key}": default for section, key, default in ROW.findall(rows)}


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
        elif line and line != ";" and not line.startswith("; "):
            problems.append(f"{where}: neither a comment, a section nor a setting")
        if not setting:
            explained = line.startswith("; ")
    return found, problems


def main():
    rows, (shown, problems) = table(), sample()
    if not rows:
        problems.append(f"{TABLE}: no row found; has the table's form changed?")
    for name in sorted(set(rows) - set(shown)):
        problems.append(f"etc/stage.ini: {name} is missing")
    for name in sorted(set(shown) - set(rows)):
        problems.append(f"etc/stage.ini: {name} is no setting")
    for name in sorted(set(rows) & set(shown)):
        if rows[name] != shown[name]:
            problems.append(f"etc/stage.ini: {name} = {shown[name]}, but the default is {rows[name]}")
    _tree.finish(problems, "disagreement about the settings")


main()
