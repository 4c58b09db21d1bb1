"""Which tests there are: every suite is a function that lists its tests."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FUZZ_SECONDS = 5

# What may run beside a test, in the order in which they are run.
ANYTHING = 0 # it neither minds nor is much in the way
WAITING = 1  # others like it: it keeps several nodes and waits for their leases to end, mostly
NOTHING = 2  # it measures, or loads the machine


@dataclass
class Test:
    suite: str
    name: str
    command: list
    build: str = "build-san"     # which programs it uses; its environment's STAGE_BUILD
    timeout: int = 180           # seconds
    beside: int = ANYTHING
    environment: dict = field(default_factory=dict)


def _files(folder, *endings):
    path = os.path.join(ROOT, folder)
    if not os.path.isdir(path):
        return []
    return sorted(os.path.join(path, name) for name in os.listdir(path)
                  if name.endswith(endings) and not name.startswith(("_", ".")))


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _introspect(build, what):
    """What meson knows of a build directory; nothing where it has not been set up."""
    path = os.path.join(ROOT, build)
    if not os.path.isdir(path):
        return []
    done = subprocess.run(["meson", "introspect", f"--{what}", path],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def unit():
    return [Test("unit", test["name"], test["cmd"], environment=test["env"], timeout=120)
            for test in _introspect("build-san", "tests")]


def lint():
    return [Test("lint", _stem(path), [sys.executable, path], timeout=60)
            for path in _files("tests/lint", ".py")]


def scenario():
    play = os.path.join(ROOT, "tests/scenario/play.py")
    driver = [Test("scenario", "the-driver-itself",
                   [sys.executable, "-B", os.path.join(ROOT, "tests/scenario/selftest.py")])]
    return driver + [Test("scenario", _stem(path), [sys.executable, "-B", play, path])
                     for path in _files("tests/scenario", ".dialogue")]


def tour():
    play = os.path.join(ROOT, "tests/scenario/play.py")
    return [Test("tour", os.path.basename(path), [sys.executable, "-B", play, path])
            for path in _files(".", ".md") + _files("proto", ".md") if _has_conversation(path)]


def _has_conversation(path):
    with open(path, encoding="utf-8") as text:
        return "\n```stage" in text.read()


def fuzz():
    found = []
    for target in _introspect("build-fuzz", "targets"):
        if target["type"] != "executable" or "/tests/fuzz/" not in target["defined_in"]:
            continue
        found.append(Test("fuzz", target["name"],
                          [sys.executable, "-B", os.path.join(ROOT, "tests/runner/fuzz.py"),
                           target["filename"][0], target["name"], str(FUZZ_SECONDS)],
                          build="build-fuzz", timeout=FUZZ_SECONDS * 6 + 60))
    return found


def _scripts(suite, folder, **how):
    return [Test(suite, _stem(path),
                 [sys.executable, "-B", path] if path.endswith(".py") else ["sh", path],
                 **{"build": "build", **how})
            for path in _files(folder, ".py", ".sh")]


def fault():
    return _scripts("fault", "tests/fault", beside=NOTHING, timeout=600)


def cluster():
    busy = ("campaign", "comings_and_goings", "failover", "forming")
    found = _scripts("cluster", "tests/cluster", beside=WAITING, timeout=600)
    for test in found:
        if test.name in busy:
            test.beside = NOTHING
    return found


def service():
    return _scripts("service", "tests/service", build="build-san")


def store():
    return _scripts("store", "tests/store", build="build-san")


def bench():
    return [test for test in _scripts("bench", "tests/bench", timeout=300)
            if test.name.startswith(("smoke", "guard"))] # none of these looks at time


def demo():
    path = os.path.join(ROOT, "etc/quickstart.sh")
    return [Test("demo", "quickstart", ["sh", path, "--demo"], build="build", timeout=300)]


SUITES = {f.__name__: f for f in (lint, unit, scenario, tour, service, demo, store, fuzz, fault, cluster, bench)}
