"""stage-bench against a real redis-server: every answer as expected, and the figures plausible."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import redis

BENCH = os.path.join(os.environ.get("STAGE_BUILD", "build"), "tests/bench/stage-bench")


class AgainstRedis(unittest.TestCase):
    def measured(self, *options):
        with tempfile.TemporaryDirectory() as home, redis.Redis(home, []) as server:
            done = subprocess.run(
                [BENCH, "--port", str(server.port), "--json", "--time", "0.5", "--warm-up", "0.1",
                 "--keys", "500", "--server-pids", str(server.pid), *options],
                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        figures = json.loads(done.stdout)
        self.assertEqual((figures["error_count"], figures["wrong"]), (0, 0))
        self.assertGreater(figures["operations"], 200) # however busy the machine is
        self.assertGreater(figures["server"]["cpu_seconds"], 0.005)
        self.assertEqual(figures["server"]["processes"][0]["name"], "redis-server")
        return figures

    def test_strings(self):
        self.measured("--protocol", "redis", "--own-keys", "--depth", "16")

    def test_hashes(self):
        self.measured("--protocol", "redis-hash", "--own-keys", "--depth", "4")

    def test_keys_that_all_connections_share(self):
        self.measured("--protocol", "redis", "--no-fill")

    def test_texts(self):
        self.measured("--protocol", "redis", "--own-keys", "--value-size", "3000", "--depth", "4")
        self.measured("--protocol", "redis-hash", "--own-keys", "--value-size", "1")

    def test_subscribers(self):
        figures = self.measured("--protocol", "redis-pubsub", "--no-fill", "--mix", "set=100",
                                "--depth", "16", "--watchers", "20", "--keys", "1")
        self.assertGreater(figures["events"], figures["operations"])

    def test_errors_have_their_codes(self):
        with tempfile.TemporaryDirectory() as home, redis.Redis(home, ["--requirepass", "x"]) as server:
            done = subprocess.run(
                [BENCH, "--protocol", "redis", "--port", str(server.port), "--json", "--time", "0.2"],
                capture_output=True, text=True, timeout=60, check=False)
        figures = json.loads(done.stdout)
        self.assertEqual((done.returncode, figures["operations"]), (1, 0))
        self.assertGreater(figures["errors"]["NOAUTH"], 0)


if __name__ == "__main__":
    if redis.PROGRAM is None:
        print("skipped: " + redis.MISSING)
        sys.exit(77)
    unittest.main()
