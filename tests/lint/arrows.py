"""Who may include whom: common <- proto <- {supervisor, worker, stagectl, clients}."""

import re

import _tree

# part -> the parts its files may include from. The longest matching prefix counts.
MAY_INCLUDE = {
    "common/": ("common/",),
    "proto/": ("common/", "proto/"),
    "supervisor/": ("common/", "proto/", "supervisor/"),
    "worker/": ("common/", "proto/", "worker/"),
    "worker/gateway/": ("common/", "proto/", "worker/gateway/"),
    "worker/actor/": ("common/", "proto/", "worker/actor/"),
    "worker/store/": ("common/", "proto/", "worker/store/"),
    "worker/tunnel/": ("common/", "proto/", "worker/tunnel/"),
    "worker/web/": ("common/", "proto/", "worker/web/"),
    "stagectl/": ("common/", "proto/", "stagectl/"),
    "clients/": ("clients/",),
}
STRANGERS = ("worker/gateway/", "worker/actor/", "worker/store/", "worker/tunnel/", "worker/web/")

# proto/ is bytes and structs: nothing that waits, logs or holds a descriptor.
IMPURE = re.compile(r"^(ev\.h|sys/socket\.h|sys/un\.h|netinet/.*|arpa/.*|unistd\.h|fcntl\.h|"
                    r"poll\.h|sys/epoll\.h|syslog\.h|"
                    r"common/(log|link|channel|loop|clock|config|ini)\.h)$")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def part_of(path):
    fits = [part for part in MAY_INCLUDE if path.startswith(part)]
    return max(fits, key=len) if fits else None


def complaint(path, part, quote, name):
    if quote == "<":
        if part == "proto/" and IMPURE.match(name):
            return f"proto/ is pure and must not include <{name}>"
        return None
    if not _tree.exists(name):
        return f'"{name}" is not a path from the root of the tree'
    if part == "proto/" and IMPURE.match(name):
        return f'proto/ is pure and must not include "{name}"'
    if part is None:
        return None
    # What gateway, actor and store share lies in worker/ itself.
    shared = part in STRANGERS and name.startswith("worker/") and name.count("/") == 1
    if part == "worker/" and name.startswith(STRANGERS):
        return f'worker/ is shared and must not include "{name}"'
    if not shared and not name.startswith(MAY_INCLUDE[part]):
        return f'{part} must not include "{name}"'
    return None


def main():
    problems = []
    for path in _tree.files(".c", ".h", below=_tree.CODE):
        text = _tree.read(path)
        for found in INCLUDE.finditer(text):
            why = complaint(path, part_of(path), found.group(1), found.group(2))
            if why:
                problems.append(f"{path}:{text.count(chr(10), 0, found.start(2)) + 1}: {why}")
    _tree.finish(problems, "an include against the arrows of the tree")


main()
