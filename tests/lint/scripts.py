"""Shell scripts are POSIX sh that parses, and Lua samples and Python files compile."""

import ast
import os
import shutil
import subprocess

import _tree


def main():
    problems = []
    for path in _tree.files(".sh") + [p for p in (".ci/run",) if _tree.exists(p)]:
        if not _tree.read(path).startswith("#!/bin/sh\n"):
            problems.append(f"{path}:1: not a #!/bin/sh script")
        done = subprocess.run(["sh", "-n", os.path.join(_tree.ROOT, path)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"{path}: {done.stderr.strip()}")
    for path in _tree.files(".py"):
        try:
            ast.parse(_tree.read(path), path)
        except SyntaxError as error:
            problems.append(f"{path}:{error.lineno}: {error.msg}")
    luac = shutil.which("luac5.4")
    for path in _tree.files(".lua", below=("etc",)) if luac else []:
        done = subprocess.run([luac, "-p", os.path.join(_tree.ROOT, path)],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            problems.append(f"{path}: {done.stderr.strip()}")
    _tree.finish(problems, "a script that does not parse")


main()
