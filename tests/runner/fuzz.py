"""One fuzz target for a bounded time: its seeds first, then what the fuzzer makes of them.

    fuzz.py PROGRAM NAME SECONDS

What it finds is kept in the temporary directory, so the seeds in tests/fuzz/corpus/NAME
stay as they are; a failing input is printed as base64, to become a seed.
"""

import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    program, name, seconds = sys.argv[1:]
    seeds = os.path.join(ROOT, "tests/fuzz/corpus", name)
    if not os.path.isdir(seeds) or not os.listdir(seeds):
        print(f"no seed corpus: tests/fuzz/corpus/{name}/ is missing or empty")
        return 1
    with tempfile.TemporaryDirectory() as found:
        command = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                   "-max_len=65536", "-verbosity=1", "-print_final_stats=1",
                   f"-artifact_prefix={found}/failing-", found, seeds]
        dictionary = seeds + ".dict"
        if os.path.exists(dictionary):
            command.insert(1, f"-dict={dictionary}")
        done = subprocess.run(command, capture_output=True, check=False)
    output = (done.stdout + done.stderr).decode("utf-8", "backslashreplace").splitlines()
    if done.returncode != 0:
        print("\n".join(output[-80:]))
        return 1
    print("\n".join(line for line in output if line.startswith("stat::number_of_executed")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
