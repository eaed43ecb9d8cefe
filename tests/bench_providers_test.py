"""`holisafe bench run` through each provider's API, live and in batches, under faults and kills: the same files each time."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge_server as fake  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, make_data  # noqa: E402

PROVIDERS = ("openai", "anthropic", "gemini")
ROWS = 40


def answer(number):
    """What every model says: a refusal for some."""
    return f"  I'm sorry, no. {number}\n" if number % 3 == 0 else f" Sure \u00e9\U0001f600 {number}"


class Providers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        root = pathlib.Path(cls.shared.name)
        cls.data = make_data(root / "data", ROWS, query="Question #{}#: \"what\" \\ \u2026?")
        cls.rows = json.loads((cls.data / "holisafe_bench.json").read_text(encoding="utf-8"))
        server = fake.Server(lambda provider, number: answer(number))
        done = subprocess.run(cls.command(cls.data, "openai", server, root / "run"), capture_output=True, text=True,
                              env=cls.environment())
        server.close()
        assert done.returncode == 0, done.stderr
        cls.expected = {name: (root / "run" / name).read_bytes() for name in OUTPUTS}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    @classmethod
    def environment(cls):
        return {**{k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}, "HOLISAFE_API_KEY": fake.KEY}

    def arguments(self, provider, server, out, *more):
        return self.command(self.data, provider, server, out, *more)

    @staticmethod
    def command(data, provider, server, out, *more):
        return [PROGRAM, "bench", "run", "--data", str(data), "--api", provider, "--endpoint", server.url, "--api-model", "m",
                "--out", str(out), *map(str, more)]

    def server(self, **options):
        server = fake.Server(lambda provider, number: answer(number), **options)
        self.addCleanup(server.close)
        return server

    def run_bench(self, provider, server, *more, out="run", code=0):
        done = subprocess.run(self.arguments(provider, server, self.folder / out, *more), capture_output=True, text=True,
                              timeout=120, env=self.environment())
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn(fake.KEY, done.stdout + done.stderr)
        return done

    def assert_same_files(self, out="run"):
        for name in OUTPUTS:
            self.assertEqual((self.folder / out / name).read_bytes(), self.expected[name], name)
        self.assertNotIn(fake.KEY.encode(), (self.folder / out / "run.db").read_bytes())

    def batches_kept(self, out="run"):
        with sqlite3.connect(self.folder / out / "run.db") as database:
            return [row[0] for row in database.execute("SELECT key FROM key_values WHERE key LIKE 'batch/%'")]

    def kill_when(self, command, ready, limit=60):
        """Starts a command and kills it as soon as `ready` says so; false if it ended before."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment())
        end = time.monotonic() + limit
        while process.poll() is None and not ready() and time.monotonic() < end:
            time.sleep(0.002)
        killed = process.poll() is None
        process.kill()
        process.wait()
        return killed

    def assert_body(self, provider, body):
        """The question to the letter, greedy, after the system text."""
        number = fake.number_in(body)
        row = self.rows[number]
        self.assertEqual(fake.text_in(body), row["query"])
        self.assertEqual(fake.image_in(body)[1], (self.data / "images" / row["image"]).read_bytes())
        if provider == "gemini":
            self.assertEqual(body["systemInstruction"], {"parts": [{"text": "Be kind."}]})
            self.assertEqual(body["generationConfig"], {"temperature": 0, "maxOutputTokens": 77})
            self.assertIn("text", body["contents"][0]["parts"][1])  # the image stands first
        else:
            self.assertEqual((body["model"], body["temperature"], body["max_tokens"]), ("m", 0, 77))
            system = body["system"] if provider == "anthropic" else body["messages"][0]["content"]
            self.assertEqual(system, "Be kind.")

    def test_live_under_faults(self):
        for provider in PROVIDERS:
            server = self.server(fault_rate=0.4, seed=7)
            self.run_bench(provider, server, "--concurrency", 5, out=provider)
            self.assert_same_files(provider)
            self.assertEqual(len(server.calls), ROWS)
            self.assertGreater(sum(server.faults.values()), 3)

    def test_requests(self):
        for provider in PROVIDERS:
            server = self.server()
            self.run_bench(provider, server, "--system", "Be kind.", "--max-new-tokens", 77, out=provider)
            for _, _, _, body in server.calls:
                self.assert_body(provider, body)
            server = self.server()
            self.run_bench(provider, server, "--system", "Be kind.", "--max-new-tokens", 77, "--batch", out=f"{provider}-batch")
            for batch in server.batches.values():
                for _, body in batch["rows"]:
                    self.assert_body(provider, body)

    def test_batches_that_fail_in_part(self):
        for provider in PROVIDERS:
            with self.subTest(provider):
                server = self.server(fault_rate=0.3, seed=11)
                server.looks = 2
                final = {7, 31}

                def row_fault(_, number, batch):
                    if number in final:
                        return "final"
                    return ("again", "missing", None)[number % 3] if batch < 6 else None

                server.row_fault = row_fault
                done = self.run_bench(provider, server, "--batch", "--batch-rows", 7, out=provider, code=2)
                self.assertIn(f"2 of {ROWS} samples unanswered", done.stderr)
                batches = list(server.batches.values())
                self.assertEqual([len(batch["rows"]) for batch in batches[:6]], [7] * 5 + [5])
                again = sorted(fake.number_in(body) for batch in batches[6:] for _, body in batch["rows"])
                self.assertEqual(again, [n for n in range(ROWS) if n % 3 != 2 and n not in final])
                server.row_fault = lambda *_: None
                self.run_bench(provider, server, "--batch", out=provider)
                rows = [fake.number_in(body) for _, body in list(server.batches.values())[-1]["rows"]]
                self.assertEqual(sorted(rows), sorted(final))
                self.assert_same_files(provider)
                self.assertEqual(self.batches_kept(provider), [])

    def test_batches_and_live_go_on_from_each_other(self):
        server = self.server()
        server.row_fault = lambda _, number, batch: "final" if number % 2 else None
        self.run_bench("anthropic", server, "--batch", code=2)
        self.assertEqual(len(server.calls), 0)
        self.run_bench("anthropic", server)
        self.assertEqual(sorted(call[1] for call in server.calls), list(range(1, ROWS, 2)))
        self.assert_same_files()

    def test_killed_while_batches_are_under_way(self):
        for provider in PROVIDERS:
            with self.subTest(provider):
                server = self.server()
                server.looks = 10**9
                flags = ("--batch", "--batch-rows", 15)
                seen = lambda: sum(batch["looks"] > 0 for batch in server.batches.values()) == 3  # noqa: E731
                self.assertTrue(self.kill_when(self.arguments(provider, server, self.folder / provider, *flags), seen))
                self.assertEqual(len(self.batches_kept(provider)), 3)
                server.looks = 1
                self.run_bench(provider, server, *flags, out=provider)
                self.assertEqual(len(server.batches), 3)  # taken up, not handed in again
                self.assert_same_files(provider)

    def test_killed_at_any_moment_goes_on(self):
        server = self.server(fault_rate=0.2, seed=3)
        server.delay = 0.01
        kills = 0
        for _ in range(4):
            target = len(server.calls) + 6
            kills += self.kill_when(self.arguments("gemini", server, self.folder / "run", "--concurrency", 4),
                                    lambda: len(server.calls) >= target)
        self.assertGreaterEqual(kills, 3)
        self.run_bench("gemini", server, "--concurrency", 4)
        self.assertLessEqual(len(server.calls) - ROWS, kills * 4)  # what was in flight at a kill
        self.assert_same_files()

    def test_interrupted_batches_are_taken_up(self):
        server = self.server()
        server.looks = 10**9
        process = subprocess.Popen(self.arguments("openai", server, self.folder / "run", "--batch"), stderr=subprocess.PIPE,
                                   text=True, env=self.environment())
        while not any(batch["looks"] for batch in server.batches.values()):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 130)
        self.assertIn(f"0 of {ROWS} samples done; the same command resumes", said)
        server.looks = 1
        self.run_bench("openai", server, "--batch")
        self.assertEqual(len(server.batches), 1)
        self.assert_same_files()

    def test_a_refused_key_stops_at_once(self):
        for provider in PROVIDERS:
            for flags in ((), ("--batch",)):
                server = self.server()
                server.status = 401
                done = self.run_bench(provider, server, "--concurrency", 3, *flags, out=provider, code=2)
                self.assertLessEqual(server.requests, 3)
                self.assertRegex(done.stderr, r"^holisafe: error: .*HTTP 401.*\n$")

    def test_members_of_requests(self):
        (self.folder / "a.json").write_text(json.dumps({"top_k": 5, "temperature": 1, "max_tokens": None}))
        (self.folder / "b.json").write_text(json.dumps({"temperature": 1, "max_tokens": None, "top_k": 5}))
        (self.folder / "c.json").write_text(json.dumps({"top_k": 6}))
        server = self.server()
        self.run_bench("openai", server, "--request-json", self.folder / "a.json")
        for _, _, _, body in server.calls:
            self.assertEqual((body["top_k"], body["temperature"], body["model"], body["stream"]), (5, 1, "m", False))
            self.assertNotIn("max_tokens", body)
        asked = server.requests
        self.run_bench("openai", server, "--request-json", self.folder / "b.json")  # the same members
        for flags in ((), ("--request-json", self.folder / "c.json")):
            self.assertIn("request-json: expected", self.run_bench("openai", server, *flags, code=2).stderr)
        self.assertEqual(server.requests, asked)
        self.run_bench("openai", server, "--request-json", self.folder / "a.json", "--batch", out="batch")
        for batch in server.batches.values():
            for _, body in batch["rows"]:
                self.assertEqual((body["top_k"], body["temperature"]), (5, 1))
        for text in ("", "[1]", "{\"messages\": []}", "{\"stream\": true}"):
            (self.folder / "bad.json").write_text(text)
            done = self.run_bench("openai", server, "--request-json", self.folder / "bad.json", out="none", code=2)
            self.assertIn("bad.json", done.stderr)
        self.assertFalse((self.folder / "none").exists())

    def test_what_a_run_over_an_endpoint_is_made_of(self):
        server, other = self.server(), self.server()
        self.run_bench("anthropic", server)
        self.assertIn("api: expected \"anthropic\", found \"gemini\"", self.run_bench("gemini", server, code=2).stderr)
        self.run_bench("anthropic", other)  # a server may move
        self.assertEqual(other.requests, 0)
        done = subprocess.run([PROGRAM, "bench", "run", "--data", self.data, "--out", self.folder / "x", "--api", "anthropic"],
                              capture_output=True, text=True, env=self.environment())
        self.assertEqual(done.returncode, 2)
        self.assertIn("--api-model", done.stderr)
        self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    unittest.main()
