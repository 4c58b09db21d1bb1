"""Runs the tests: `python3 tests/runner [SUITE|PART-OF-A-NAME]…`, after tests/run.sh has built.

One line a test, the output of those that fail, and as the last line `N passed, N failed`.
A test passes if it exits with 0 and no sanitizer of any of its processes reported
anything; 77 means skipped, its last line of output says why.
"""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import suites

OUTPUT_SHOWN = 400 # lines of a failing test
SKIPPED = 77


class Outcome:
    def __init__(self, test, verdict, seconds, output):
        self.test, self.verdict, self.seconds, self.output = test, verdict, seconds, output


class Running:
    """The processes of tests under way, so that an interrupt ends them and nothing else."""

    def __init__(self):
        self.lock, self.processes, self.ending = threading.Lock(), set(), False

    def add(self, process):
        with self.lock:
            self.processes.add(process)
        if self.ending:
            self.end(process)

    def remove(self, process):
        with self.lock:
            self.processes.discard(process)

    @staticmethod
    def end(process):
        """Asks first: a test that ends by itself takes its servers with it."""
        for sign, patience in ((signal.SIGINT, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, sign)
                process.wait(patience)
                return
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def end_all(self):
        self.ending = True
        with self.lock:
            processes = list(self.processes)
        for process in processes:
            self.end(process)


RUNNING = Running()


def environment(test, home):
    # The caller's settings for a server of its own are not the tests'.
    keep = {k: v for k, v in os.environ.items() if not k.startswith("STAGE_")}
    keep.update(
        TMPDIR=home, PYTHONDONTWRITEBYTECODE="1",
        ASAN_OPTIONS=f"detect_leaks=1:handle_abort=1:log_path={home}/report"
        if test.suite != "fuzz" else "detect_leaks=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    if test.suite != "unit": # whose programs read settings from their own environment
        keep["STAGE_BUILD"] = os.path.join(suites.ROOT, test.build)
    keep.update(test.environment)
    return keep


def reports(home):
    found = ""
    for name in sorted(os.listdir(home)):
        if name.startswith("report."):
            with open(os.path.join(home, name), encoding="utf-8", errors="replace") as text:
                found += f"sanitizer report:\n{text.read()}\n"
    return found


def run(test):
    home = tempfile.mkdtemp(prefix="st-")
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            test.command, cwd=suites.ROOT, env=environment(test, home), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        RUNNING.add(process)
        try:
            code = process.wait(test.timeout)
        except subprocess.TimeoutExpired:
            RUNNING.end(process)
            code = None
        RUNNING.remove(process)
        seconds = time.monotonic() - started
        output.seek(0)
        text = output.read().decode("utf-8", "backslashreplace")
    found = reports(home)
    shutil.rmtree(home, ignore_errors=True)
    if code is None:
        return Outcome(test, "FAILED", seconds, text + f"not done after {test.timeout} s\n")
    if found:
        return Outcome(test, "FAILED", seconds, text + found)
    if code == SKIPPED:
        return Outcome(test, "skipped", seconds, text)
    if code != 0:
        return Outcome(test, "FAILED", seconds, text + f"exit code {code}\n")
    return Outcome(test, "ok", seconds, text)


def show(outcome):
    lines = outcome.output.rstrip("\n").split("\n")
    reason = ""
    if outcome.verdict == "skipped":
        reason = "  SKIPPED: " + lines[-1].removeprefix("skipped: ")
    print(f"{outcome.verdict:<7} {outcome.seconds:6.1f} s  "
          f"{outcome.test.suite}/{outcome.test.name}{reason}", flush=True)
    if outcome.verdict == "FAILED":
        if len(lines) > OUTPUT_SHOWN:
            print(f"          … {len(lines) - OUTPUT_SHOWN} lines left out")
        for line in lines[-OUTPUT_SHOWN:]:
            print(f"          {line}")
        sys.stdout.flush()


def select(words):
    """Words that are suites choose suites; the others, parts of names within them."""
    chosen = [word for word in words if word in suites.SUITES]
    parts = [word for word in words if word not in suites.SUITES]
    tests = []
    for name in chosen or suites.SUITES:
        tests += suites.SUITES[name]()
    return [test for test in tests if not parts or any(part in test.name for part in parts)]


def play_some(tests, at_once):
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        under_way = [pool.submit(run, test) for test in tests]
        try:
            for done in concurrent.futures.as_completed(under_way):
                outcomes.append(done.result())
                show(outcomes[-1])
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            RUNNING.end_all()
            raise
    return outcomes


def play_all(tests):
    outcomes = []
    for beside in (suites.ANYTHING, suites.WAITING, suites.NOTHING):
        at_once = 1 if beside == suites.NOTHING else max(1, min(2, os.cpu_count() or 1))
        outcomes += play_some([test for test in tests if test.beside == beside], at_once)
    return outcomes


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tests = select(sys.argv[1:])
    try:
        outcomes = play_all(tests)
    except KeyboardInterrupt:
        RUNNING.end_all()
        print("interrupted")
        return 130
    failed = [o for o in outcomes if o.verdict == "FAILED"]
    skipped = sum(o.verdict == "skipped" for o in outcomes)
    passed = len(outcomes) - len(failed) - skipped
    if failed and len(outcomes) > 1:
        print("failed: " + " ".join(sorted(f"{o.test.suite}/{o.test.name}" for o in failed)))
    if not tests:
        print("no test has such a name" if sys.argv[1:] else "there are no tests")
    print(f"{passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
