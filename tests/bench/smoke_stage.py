"""stage-bench and compare.py against the real server: every answer as expected."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "scenario")]

import redis                           # noqa: E402
from server import Server, program     # noqa: E402

BUILD = os.path.abspath(os.environ.get("STAGE_BUILD", "build"))


class AgainstStage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="sb-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.server = Server(BUILD, cls.home, {"node.log_level": "warn"}, samples=False)
        for name in os.listdir(f"{HERE}/actors"):
            shutil.copy(f"{HERE}/actors/{name}", f"{cls.home}/actors/")
        cls.addClassCleanup(cls.server.kill_all)
        cls.server.start()

    def measured(self, *options):
        done = subprocess.run(
            [program(BUILD, "stage-bench"), "--port", str(self.server.port), "--json",
             "--time", "1", "--warm-up", "0.2", "--keys", "500",
             "--server-pids", str(self.server.process.pid), *options],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), self.server.log()[-3000:])
        figures = json.loads(done.stdout)
        self.assertEqual((figures["errors"], figures["wrong"]), ({}, 0))
        self.assertGreater(figures["operations"], 500)
        return figures

    def test_every_value_of_a_durable_actor_is_as_it_was_left(self):
        self.measured("--own-keys", "--depth", "16")

    def test_every_value_of_an_actor_in_memory_is_as_it_was_left(self):
        self.measured("--own-keys", "--depth", "16", "--address", "bench-memory")

    def test_actors_that_all_connections_share(self):
        self.measured("--address", "bench-memory", "--keys", "10")

    def test_texts(self):
        self.measured("--own-keys", "--depth", "4", "--value-size", "3000")

    def test_watches(self):
        figures = self.measured("--address", "bench-memory", "--keys", "100", "--depth", "4",
                                "--mix", "get=20,set=60,watch=20", "--watches", "4")
        self.assertGreater(figures["events"], 0)

    def test_connections_that_only_watch(self):
        figures = self.measured("--address", "bench-memory", "--keys", "1", "--connections", "1",
                                "--depth", "16", "--mix", "set=100", "--watchers", "20")
        self.assertGreater(figures["events"], figures["operations"])

    def test_all_processes_of_the_server_are_measured(self):
        names = {p["name"] for p in self.measured()["server"]["processes"]}
        self.assertLessEqual({"stage", "stage-gateway", "stage-actor", "stage-store"}, names)

    @unittest.skipIf(redis.PROGRAM is None, redis.MISSING)
    def test_the_comparison(self):
        done = subprocess.run(
            [sys.executable, "-B", f"{HERE}/compare.py", "--build", BUILD, "--directory", self.home,
             "--rounds", "1", "--time", "0.3", "--warm-up", "0.1", "--keys", "500", "--json"],
            capture_output=True, text=True, timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        cases = json.loads(done.stdout)["cases"]
        self.assertEqual([(c["durability"], c["depth"]) for c in cases],
                         [("none", 1), ("none", 16), ("commit", 1), ("commit", 16)])


if __name__ == "__main__":
    for needed in ("stage", "stage-bench"):
        try:
            program(BUILD, needed)
        except Exception as why: # whatever it is, there is nothing to measure
            print(f"skipped: {why}")
            sys.exit(77)
    unittest.main()
