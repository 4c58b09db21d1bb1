"""inside.py measures all that it says it does: every row has a figure."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))
ROWS = {"calls": 8, "activation": 2, "memory": 1, "million": 5, "collector": 3, "processes": 4}


def main():
    done = subprocess.run(
        [sys.executable, "-B", f"{HERE}/inside.py", "--time", "0.3", "--actors", "5000", *ROWS],
        env={**os.environ, "STAGE_BUILD": BUILD}, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert done.returncode == 0
    assert len(rows) == sum(ROWS.values()), f"{len(rows)} rows"
    for row in rows:
        figure = re.match(r"[\d,.]+", row[2])
        assert figure, f"no figure in {row}"
        if "one more" not in row[0]: # that may well be less than what others change meanwhile
            assert float(figure.group().replace(",", "")) > 0, f"nothing in {row}"


if __name__ == "__main__":
    sys.exit(main())
