"""stage-bench against a small fake server: it counts what is right and notices what is wrong."""

import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(os.environ.get("STAGE_BUILD", "build"), "tests/bench/stage-bench")


class Fake:
    """The fake server as a context: its port, and its process, ended afterwards."""

    def __init__(self, misbehaviour=""):
        self.misbehaviour = misbehaviour

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", f"{HERE}/fake.py", self.misbehaviour], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def bench(*options):
    return subprocess.run([BENCH, *options], capture_output=True, text=True, timeout=60, check=False)


def measured(fake, *options):
    """The exit code, the figures and the complaints of a short run."""
    done = bench("--port", str(fake.port), "--json", "--time", "0.5", "--warm-up", "0.1",
                 "--patience", "2", "--connections", "10", "--depth", "8", "--keys", "100", *options)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class Right(unittest.TestCase):
    def check(self, misbehaviour, *options):
        with Fake(misbehaviour) as fake:
            code, figures, complaints = measured(fake, *options)
        self.assertEqual((code, complaints), (0, ""))
        self.assertEqual((figures["wrong"], figures["error_count"]), (0, 0))
        self.assertGreater(figures["operations"], 100)
        return figures

    def test_the_figures_agree_with_each_other(self):
        figures = self.check("")
        self.assertEqual(set(figures["verbs"]), {"get", "set", "call"})
        self.assertEqual(sum(v["operations"] for v in figures["verbs"].values()),
                         figures["operations"])
        self.assertAlmostEqual(figures["operations"] / figures["seconds"],
                               figures["operations_per_second"], delta=1)
        gets = figures["verbs"]["get"]["operations"] / figures["operations"]
        self.assertAlmostEqual(gets, 0.5, delta=0.1)
        latency = figures["all"]
        self.assertLess(0, latency["p50_us"])
        self.assertLessEqual(latency["p50_us"], latency["p99_us"])
        self.assertLessEqual(latency["p99_us"], latency["p999_us"])
        self.assertLessEqual(latency["p999_us"], latency["max_us"] * 1.04)
        # Little's law: what is in flight is throughput times latency.
        in_flight = figures["operations_per_second"] * latency["mean_us"] / 1e6
        self.assertAlmostEqual(in_flight, 80, delta=20)

    def test_answers_may_come_in_any_order(self):
        self.check("any order", "--mix", "get=100")

    def test_every_value_is_known_where_keys_have_one_owner(self):
        self.check("", "--own-keys")
        self.check("", "--own-keys", "--mix", "get=50,call=50")

    def test_texts(self):
        self.check("", "--own-keys", "--value-size", "5000")

    def test_watches_bring_events_and_are_ended(self):
        figures = self.check("", "--mix", "set=80,watch=20", "--watches", "4")
        self.assertGreater(figures["events"], 0)
        watches = figures["verbs"]["watch"]["operations"]
        self.assertAlmostEqual(watches, figures["verbs"]["unwatch"]["operations"],
                               delta=watches * 0.1 + 100)

    def test_the_servers_processor_time(self):
        with Fake() as fake:
            _, figures, _ = measured(fake, "--server-pids", str(fake.process.pid))
        server = figures["server"]
        self.assertEqual([p["pid"] for p in server["processes"]], [fake.process.pid])
        self.assertLess(0.05, server["cpu_seconds"])
        self.assertLess(server["cpu_seconds"], figures["seconds"] * 1.1)
        self.assertAlmostEqual(server["cpu_us_per_operation"],
                               server["cpu_seconds"] * 1e6 / figures["operations"], places=2)

    def test_the_text_for_people(self):
        with Fake() as fake:
            done = bench("--port", str(fake.port), "--time", "0.2", "--warm-up", "0", "--keys", "10",
                         "--server-pids", str(fake.process.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("p99.9", "get", "server CPU", "operations per second of server CPU", "errors"):
            self.assertIn(word, done.stdout)


class Wrong(unittest.TestCase):
    def complaint(self, misbehaviour, expected, *options):
        with Fake(misbehaviour) as fake:
            code, figures, complaints = measured(fake, *options)
        self.assertEqual(code, 1)
        self.assertIn(expected, complaints)
        return figures

    def test_an_answer_with_another_id(self):
        # Unanswered ones stay: the run ends with them noticed, not hanging.
        self.complaint("wrong id", "an answer to nothing that is in flight")

    def test_two_answers(self):
        self.complaint("twice", "an answer to nothing that is in flight")

    def test_a_value_of_another_kind(self):
        self.complaint("wrong kind", "not the kind of value")

    def test_a_change_forgotten(self):
        self.complaint("forgets", "not the value that this connection left there", "--own-keys")

    def test_an_event_after_the_watch_ended(self):
        self.complaint("talks on", "an event for a watch that is not live",
                       "--mix", "set=80,watch=20")

    def test_another_protocol(self):
        self.complaint("babble", "nothing that this protocol says")

    def test_no_answer(self):
        self.complaint("silent", "requests without any answer", "--no-fill")

    def test_fewer_in_flight_than_asked_for(self):
        self.complaint("narrow", "fewer requests in flight", "--depth", "16")

    def test_errors_are_counted_and_are_no_operations(self):
        with Fake("busy") as fake:
            code, figures, _ = measured(fake)
        self.assertEqual(code, 0)
        self.assertGreater(figures["errors"]["busy"], 0)
        self.assertEqual(figures["error_count"], figures["errors"]["busy"])
        self.assertEqual(sum(v["operations"] for v in figures["verbs"].values()),
                         figures["operations"])

    def test_lost_connections_are_errors_and_the_others_go_on(self):
        with Fake("hangs up") as fake:
            _, figures, _ = measured(fake)
        self.assertGreaterEqual(figures["errors"]["closed"], 3)
        self.assertGreater(figures["operations"], 1000)

    def test_nobody_there(self):
        with Fake() as fake:
            port = str(fake.port)
        done = bench("--port", port, "--time", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("connection 1 to 127.0.0.1", done.stderr)


class Options(unittest.TestCase):
    def refused(self, expected, *options):
        done = bench(*options)
        self.assertEqual(done.returncode, 64)
        self.assertIn(expected, done.stderr)

    def test_help_names_every_option_and_protocol(self):
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        for word in ("--connections", "--depth", "--mix", "--server-pids", "redis-hash"):
            self.assertIn(word, done.stdout)

    def test_nonsense(self):
        self.refused("--mix does not take `get=50`", "--mix", "get=50")
        self.refused("--mix does not take", "--mix", "get=50,swim=50")
        self.refused("--connections does not take `0`", "--connections", "0")
        self.refused("--protocol does not take", "--protocol", "morse")
        self.refused("no watches", "--protocol", "redis", "--mix", "get=50,watch=50")
        self.refused("at least as many keys", "--own-keys", "--keys", "3")
        self.refused("--time must be", "--time", "0")


if __name__ == "__main__":
    unittest.main()
