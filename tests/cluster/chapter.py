"""The README's chapter on clusters, as a reader would type it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from _node import BUILD, ROOT


def main():
    with open(f"{ROOT}/README.md", encoding="utf-8") as text:
        blocks = re.findall(r"^```sh cluster\n(.*?)^```$", text.read(), re.M | re.S)
    assert blocks, "the README has no chapter on clusters"
    home = tempfile.mkdtemp(prefix="stage-chapter-")
    os.mkdir(f"{home}/bin")
    for name, path in (("stage", "supervisor/stage"), ("stagectl", "stagectl/stagectl")):
        os.symlink(f"{BUILD}/{path}", f"{home}/bin/{name}")
    script = "set -eu\ncd " + home + "\n" + "\n".join(blocks)
    process = subprocess.Popen(["sh", "-c", script], stdout=open(f"{home}/said", "wb"), stderr=subprocess.STDOUT,
                               start_new_session=True, env={"PATH": f"{home}/bin:{os.environ['PATH']}", "LC_ALL": "C",
                                                            "ACTORS": f"{ROOT}/etc/actors"})
    try:
        return process.wait(timeout=100)
    finally:
        with open(f"{home}/said", encoding="utf-8", errors="replace") as said:
            print(said.read())
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
