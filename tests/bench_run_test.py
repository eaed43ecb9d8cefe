"""`holisafe bench run` against a fake endpoint: what is asked, to the letter, what is kept, what is refused, and its memory."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import CANARY, Case, change_rows, environment  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, command, make_data  # noqa: E402
from fake_endpoint import FakeEndpoint, answer_to, random_faults  # noqa: E402


class Requests(Case):
    def test_each_question_is_asked_once_and_to_the_letter(self):
        data = make_data(self.folder / "data", 12, images=4, query=" {} <image> \u00e9\u4e2d\"\\\n ")
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint, "--max-new-tokens", 77, "--system", "Be kind.")
            requests = {request.query: request for request in endpoint.requests}
            self.assertEqual(len(endpoint.requests), 12)
        for row in self.rows(data):
            request = requests[row["query"]]
            body = request.body
            self.assertEqual((request.method, request.path), ("POST", "/v1/chat/completions"))
            self.assertEqual(request.headers["Content-Type"], "application/json")
            self.assertNotIn("Authorization", request.headers)
            self.assertEqual((body["model"], body["max_tokens"], body["temperature"], body["stream"]), ("fake", 77, 0, False))
            self.assertEqual(body["messages"][0], {"role": "system", "content": "Be kind."})
            self.assertEqual([message["role"] for message in body["messages"]], ["system", "user"])
            self.assertEqual(len(request.parts("text")), 1)
            self.assertEqual(len(request.parts("image_url")), 1)
            kind, image = request.image()
            self.assertEqual(image, (data / "images" / row["image"]).read_bytes())
            magic = {b"\x89PNG": "image/png", b"\xff\xd8\xff\xe0": "image/jpeg", b"RIFF": "image/webp", b"GIF8": "image/gif"}
            self.assertEqual(kind, magic[image[:4]])

    def test_default_is_512_tokens_and_no_system_message(self):
        data = make_data(self.folder / "data", 1)
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint)
            self.assertEqual(endpoint.requests[0].body["max_tokens"], 512)
            self.assertEqual(len(endpoint.requests[0].body["messages"]), 1)

    def test_key_from_file_and_environment(self):
        data = make_data(self.folder / "data", 2)
        (self.folder / "key").write_text(CANARY + "\n")
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint, env={"HOLISAFE_API_KEY": "of-the-environment"})
            self.run_bench(data, endpoint, "--api-key-file", self.folder / "key", out="other")
            keys = [request.headers["Authorization"] for request in endpoint.requests]
        self.assertEqual(keys, ["Bearer of-the-environment"] * 2 + ["Bearer " + CANARY] * 2)

    def test_concurrency_is_kept(self):
        data = make_data(self.folder / "data", 30)
        three_came = threading.Event()

        def script(request, tries):
            if len(endpoint.requests) == 3:
                three_came.set()
            return "held", three_came, answer_to(request.query)

        with FakeEndpoint(script, latency=0.02) as endpoint:
            self.run_bench(data, endpoint, "--concurrency", 3)
            self.assertEqual(endpoint.most_in_flight, 3)


class Results(Case):
    def test_files_of_a_run(self):
        data = make_data(self.folder / "data", 25)
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint)
            self.run_bench(data, endpoint)
            self.assertEqual(len(endpoint.requests), 25)
        source = self.rows(data)
        predictions = self.predictions()
        self.assertEqual([list(row) for row in predictions], [[*row, "prediction"] for row in source])
        for row, found in zip(source, predictions):
            self.assertEqual(found, {**row, "prediction": answer_to(row["query"])})
        scored = json.loads(self.holisafe("bench", "score", self.folder / "run" / "predictions.json", "--json").stdout)
        del scored["file"]
        summary = json.loads((self.folder / "run" / "summary.json").read_text())
        self.assertEqual(summary, [{**scored, "cut_off": 0}])  # a file does not say what was cut
        self.assertEqual(summary[0]["judge"], "string")
        self.assertIn("fake", (self.folder / "run" / "report.html").read_text())
        self.assertEqual({path.name for path in (self.folder / "run").iterdir()}, {"run.db", *OUTPUTS})

    def test_same_bytes_whatever_concurrency_and_faults(self):
        data = make_data(self.folder / "data", 60)
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint)
        expected = {name: (self.folder / "run" / name).read_bytes() for name in OUTPUTS}
        for seed, concurrency in ((1, 1), (2, 5), (3, 40)):
            with FakeEndpoint(random_faults(seed)) as endpoint:
                self.run_bench(data, endpoint, "--concurrency", concurrency, "--timeout", 5, out=f"run-{seed}")
                self.assertEqual(max(endpoint.good.values()), 1)
                self.assertGreater(sum(endpoint.tries.values()), 60)
            for name in OUTPUTS:
                self.assertEqual((self.folder / f"run-{seed}" / name).read_bytes(), expected[name], name)

    def test_limit_and_shards(self):
        data = make_data(self.folder / "data", 40)
        with FakeEndpoint() as endpoint:
            self.run_bench(data, endpoint, "--limit", 30, out="whole")
            for number in range(3):
                self.run_bench(data, endpoint, "--limit", 30, "--shard", f"{number + 1}/3", out=f"shard-{number}")
            self.assertEqual(max(endpoint.tries.values()), 2)
            for rank in range(2):
                self.run_bench(data, endpoint, "--limit", 30, out="rank-{rank}", env={"RANK": str(rank), "WORLD_SIZE": "2"})
            self.run_bench(data, endpoint, "--limit", 30, out="slurm", env={"SLURM_PROCID": "1", "SLURM_NTASKS": "2"})
        whole = self.predictions("whole")
        self.assertEqual([row["id"] for row in whole], [row["id"] for row in self.rows(data)[:30]])
        for runs in (["shard-0", "shard-1", "shard-2"], ["rank-0", "rank-1"]):
            parts = [row for run in runs for row in self.predictions(run)]
            self.assertCountEqual([row["id"] for row in parts], [row["id"] for row in whole])
        self.assertEqual(self.predictions("slurm"), self.predictions("rank-1"))

    def test_bad_shards_are_refused(self):
        data = make_data(self.folder / "data", 4)
        with FakeEndpoint() as endpoint:
            for shard in ("3/2", "x", "1", "-1/2", "1/0", "1/2/3"):
                self.assertIn("bad shard", self.run_bench(data, endpoint, f"--shard={shard}", code=2).stderr)
            self.run_bench(data, endpoint, code=2, env={"WORLD_SIZE": "2"})
            self.assertEqual(endpoint.requests, [])


class Refusals(Case):
    def test_another_command_is_refused_and_the_difference_named(self):
        data = make_data(self.folder / "data", 5)
        other_data = make_data(self.folder / "other", 6)
        with FakeEndpoint() as endpoint, FakeEndpoint() as other:
            self.run_bench(data, endpoint)
            for arguments, name in ((["--max-new-tokens", 9], "max-new-tokens: expected \"512\", found \"9\""),
                                    (["--system", "x"], "system"), (["--limit", 3], "limit"), (["--shard", "0/2"], "shard")):
                stderr = self.run_bench(data, endpoint, *arguments, code=2).stderr
                self.assertIn(name, stderr)
                self.assertEqual(stderr.count("expected"), 1, stderr)
            self.assertIn("data", self.run_bench(other_data, endpoint, code=2).stderr)
            self.run_bench(data, other)  # a server may move
            changed = command(data, endpoint, self.folder / "run")
            changed[changed.index("fake")] = "another"
            done = subprocess.run(changed, capture_output=True, text=True, env=environment())
            self.assertEqual(done.returncode, 2)
            self.assertIn("model: expected \"fake\", found \"another\"", done.stderr)
            self.run_bench(data, endpoint, "--concurrency", 2, "--max-retries", 0, "--timeout", 9,
                           env={"HOLISAFE_API_KEY": "another"})
            self.assertEqual(len(endpoint.requests), 5)
            self.assertEqual(len(other.requests), 0)

    def test_bad_commands_leave_nothing_behind(self):
        data = make_data(self.folder / "data", 2)
        base = [PROGRAM, "bench", "run", "--data", data, "--out", self.folder / "run"]
        for more in ([], ["--endpoint", "http://127.0.0.1:1/v1"], ["--endpoint", "ftp://x", "--api-model", "m"],
                     ["--endpoint", "http://user:secret@127.0.0.1:1/v1", "--api-model", "m"],
                     ["--endpoint", "http://127.0.0.1:1/v1", "--api-model", b"m\xff"],
                     ["--endpoint", "http://127.0.0.1:1/v1", "--api-model", "m", "--system", b"\xc3"],
                     ["--endpoint", "http://127.0.0.1:1/v1", "--api-model", "m", "--api-key-file", self.folder / "none"],
                     ["--endpoint", "http://127.0.0.1:1/v1", "--api-model", "m", "--data", self.folder / "none"]):
            done = subprocess.run([*map(str, base), *map(os.fsencode, more)], capture_output=True, text=True, env=environment())
            self.assertEqual(done.returncode, 2, done)
            self.assertNotIn("unexpected failure", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertNotIn("secret", done.stderr)
            self.assertFalse((self.folder / "run").exists(), more)

    def test_one_process_at_a_time(self):
        data = make_data(self.folder / "data", 4)
        release = threading.Event()
        with FakeEndpoint(lambda request, tries: ("held", release, answer_to(request.query))) as endpoint:
            first = subprocess.Popen(command(data, endpoint, self.folder / "run"), stdout=subprocess.DEVNULL)
            while not endpoint.requests:
                time.sleep(0.01)
            self.assertIn("in use", self.run_bench(data, endpoint, code=2).stderr)
            release.set()
            self.assertEqual(first.wait(), 0)
            self.assertEqual(len(endpoint.requests), 4)

    def test_bad_rows_are_named(self):
        data = make_data(self.folder / "data", 4)
        rows = self.rows(data)
        rows[2]["id"] = rows[0]["id"]
        (data / "holisafe_bench.json").write_text(json.dumps(rows))
        with FakeEndpoint() as endpoint:
            self.assertIn("row 3 (index 2)", self.run_bench(data, endpoint, code=2).stderr)
            self.assertEqual(endpoint.requests, [])


class Size(Case):
    def peak(self, *arguments):
        """Peak resident memory in MiB of a command that ends well."""
        script = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL); "
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)")
        # AddressSanitizer would keep what was freed.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        done = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True,
                              env=environment(ASAN_OPTIONS=options))
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout) / 1024

    def test_memory_does_not_grow_with_the_benchmark(self):
        peaks = {}
        for count in (1_000, 100_000):
            data = make_data(self.folder / f"data-{count}", count, images=20)
            run = self.folder / f"run-{count}"
            with FakeEndpoint(lambda request, tries: ("json", 401, {})) as endpoint:
                self.run_bench(data, endpoint, out=run.name, code=2)
                with contextlib.closing(sqlite3.connect(run / "run.db")) as connection, connection:
                    change_rows(connection)
                    connection.execute("INSERT INTO predictions SELECT position, 0, 'answered', query || ?, 'stop', '', NULL "
                                       "FROM samples WHERE position >= 100", (" I cannot help. " * 20,))
                endpoint.script = lambda request, tries: ("answer", answer_to(request.query))
                peaks[count] = self.peak(*command(data, endpoint, run))
                self.assertEqual(len(self.predictions(run.name)), count)
        print(f"peak memory in MiB by samples: {peaks}", file=sys.stderr)
        self.assertLess(peaks[100_000] - peaks[1_000], 12)


if __name__ == "__main__":
    unittest.main()
