"""Many questions on one local model: each gets the answer that it gets alone, whatever is asked beside it, in which order, in which shard, how
often the run is killed and how little memory there is. And what `ask` says of verdicts, times and memory."""

import json
import math
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from PIL import Image
from safetensors.numpy import load_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import environment  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, stored  # noqa: E402

SYSTEM = "Be brief."
TOKENS = 8
UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
FLAGS = ("--concurrency", "--cache-memory")


def holisafe(*arguments, code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == code, done
    return done


def write_rows(folder, rows, images):
    folder.mkdir()
    (folder / "images").symlink_to(images)
    (folder / "holisafe_bench.json").write_text(json.dumps(rows))
    return folder


class Models(unittest.TestCase):
    """A tiny checkpoint of each family, and 200 questions about 60 pictures of many sizes: some long enough to be read in several pieces."""

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.root = pathlib.Path(holder.name)
        for family in ("llava", "qwen2_5_vl", "gemma3"):
            holisafe("model", "synth", "--family", family, "--preset", "tiny", "--seed", 3, "--guard", "--out", cls.root / family)
        holisafe("data", "synth", "--out", cls.root / "synth", "--seed", 2, "--bench", 200)
        cls.images = cls.root / "synth" / "images"
        cls.rows = json.loads((cls.root / "synth" / "holisafe_bench.json").read_text())
        names = sorted({row["image"] for row in cls.rows})[:60]
        for number, name in enumerate(names):
            Image.open(cls.images / name).resize((56 + 28 * (number % 5), 56 + 28 * (number % 3))).save(cls.images / name)
        for number, row in enumerate(cls.rows):
            row["image"] = names[number * 7 % 60]
            row["query"] = f"{row['query']} ({number})" * (12 if number % 25 == 0 else 1)
        cls.data = write_rows(cls.root / "data", cls.rows, cls.images)

    def setUp(self):
        holder = tempfile.TemporaryDirectory(dir=self.root)
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def shuffled(self, rows, seed):
        return write_rows(self.folder / f"shuffled-{seed}", random.Random(seed).sample(rows, len(rows)), self.images)

    def arguments(self, out, *more, model="llava", data=None):
        return ["bench", "run", "--data", data or self.data, "--model", self.root / model, "--max-new-tokens", TOKENS, "--system", SYSTEM, "--out",
                self.folder / out, *more]

    def answers(self, out, *more, **where):
        """What a run's rows hold, by id."""
        holisafe(*self.arguments(out, *more, **where))
        return self.predictions(out)

    def predictions(self, out):
        return {row["id"]: row for row in json.loads((self.folder / out / "predictions.json").read_text())}

    def ask(self, *arguments, model="llava", code=0):
        return holisafe("ask", "--model", self.root / model, "--json", *arguments, code=code)

    def asked(self, row, *more, model="llava", code=0):
        return self.ask("--image", self.images / row["image"], "--prompt", row["query"], "--system", SYSTEM, "--max-new-tokens", TOKENS, *more,
                        model=model, code=code)

    def assert_as_asked_alone(self, found, rows, model="llava"):
        for row in rows:
            alone = json.loads(self.asked(row, model=model).stdout)
            self.assertEqual(found[row["id"]]["prediction"], alone["answer"])
            self.assertEqual(found[row["id"]]["guard"]["scores"], alone["guard"]["scores"])

    def needed(self, row, model="llava"):
        """Bytes of keys and values that a question needs, from the error that it does not fit."""
        error = self.asked(row, "--cache-memory", 1, model=model, code=2).stderr
        size, unit = re.search(r"expected at most 1 bytes \(--cache-memory\), needs ([\d.]+) (\w+)", error).groups()
        return float(size) * UNITS[unit]

    def little(self, rows, model="llava"):
        """A budget for the longest question alone, or a few of the others, but never for all pictures."""
        longest = max(rows, key=lambda row: len(row["query"]))
        return int(1.2 * self.needed(longest, model))


class Company(Models):
    def test_two_hundred_questions(self):
        expected = self.answers("alone", "--concurrency", 1)
        self.assertEqual(list(expected), [row["id"] for row in self.rows])
        self.assertGreater(len({row["prediction"] for row in expected.values()}), 100, "answers tell little apart")
        for together in (3, 8, 32):
            found = self.answers(f"together-{together}", "--concurrency", together, data=self.shuffled(self.rows, together))
            self.assertEqual(found, expected)
        self.assertEqual(self.answers("little", "--cache-memory", self.little(self.rows), data=self.shuffled(self.rows, 1)), expected)
        self.assert_as_asked_alone(expected, random.Random(4).sample(self.rows, 15))
        whole = {name: (self.folder / "alone" / name).read_bytes() for name in OUTPUTS}
        self.sharded(whole)
        self.killed(whole)

    def sharded(self, whole):
        shards = [f"shard-{number}" for number in range(3)]
        for number, shard in enumerate(shards):
            holisafe(*self.arguments(shard, "--shard", f"{number}/3", "--concurrency", 8))
        holisafe("bench", "report", *(self.folder / shard for shard in shards), "--predictions", self.folder / "joined.json")
        self.assertEqual((self.folder / "joined.json").read_bytes(), whole["predictions.json"])

    def killed(self, whole):
        run = self.folder / "killed"
        count = lambda: len(stored(run)) if (run / "run.db").exists() else 0  # noqa: E731
        for least in (20, 80, 140):
            process = subprocess.Popen([PROGRAM, *map(str, self.arguments("killed", "--concurrency", 8))], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=environment())
            while count() < least and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            self.assertEqual(process.wait(timeout=60), -signal.SIGKILL, "nothing was left to be killed")
            self.assertLess(count(), len(self.rows))
        holisafe(*self.arguments("killed", "--concurrency", 3))
        for name in OUTPUTS:
            self.assertEqual((run / name).read_bytes(), whole[name], name)

    def test_the_other_families(self):
        rows = self.rows[:40]
        data = write_rows(self.folder / "some", rows, self.images)
        for family in ("qwen2_5_vl", "gemma3"):
            with self.subTest(family=family):
                expected = self.answers(f"{family}-alone", "--concurrency", 1, model=family, data=data)
                mixed = self.shuffled(rows, family)
                self.assertEqual(self.answers(f"{family}-together", "--concurrency", 8, model=family, data=mixed), expected)
                little = ["--concurrency", 32, "--cache-memory", self.little(rows, family)]
                self.assertEqual(self.answers(f"{family}-little", *little, model=family, data=mixed), expected)
                self.assert_as_asked_alone(expected, rows[:3], family)

    def test_sampled_answers(self):
        rows = self.rows[:60]
        sampled = ["--temperature", 1.5, "--seed", 5]
        expected = self.answers("alone", "--concurrency", 1, *sampled, data=write_rows(self.folder / "some", rows, self.images))
        self.assertEqual(self.answers("together", "--concurrency", 16, *sampled, data=self.shuffled(rows, 9)), expected)

    def test_a_local_judge(self):
        data = write_rows(self.folder / "some", self.rows[:40], self.images)
        self.answers("run", data=data)
        judge = ["bench", "judge", self.folder / "run", "--judge", "local", "--judge-dir", self.root / "qwen2_5_vl", "--judge-max-tokens", TOKENS]
        said = []
        for more in (["--concurrency", 1], ["--concurrency", 8], ["--concurrency", 32, "--cache-memory", "1MiB"]):
            holisafe(*judge, *more, code=2)  # what a random model says is no judgement: the same command asks again
            with sqlite3.connect(self.folder / "run" / "run.db") as database:
                said.append(database.execute("SELECT position, state, text FROM verdicts WHERE judge LIKE 'local:%' ORDER BY position").fetchall())
        self.assertEqual(len(said[0]), 40)
        self.assertTrue(all(text for _, _, text in said[0]))
        self.assertEqual(said[0], said[1])
        self.assertEqual(said[0], said[2])


    def test_a_guard_on_many_images(self):
        lines = [holisafe("bench", "guard", "--data", self.data, "--format", "holisafe", "--model", self.root / "llava", "--json", *more).stdout
                 for more in (["--concurrency", 1], ["--concurrency", 8], ["--concurrency", 32, "--cache-memory", "64KiB"])]
        self.assertEqual(json.loads(lines[0])["n"], 60)
        self.assertEqual(lines, lines[:1] * 3)


class Ask(Models):
    def two(self):
        return [self.images / self.rows[number]["image"] for number in (0, 1)]

    def assert_scores(self, verdict, scores, delta):
        self.assertEqual(len(verdict["scores"]), len(scores))
        for found, expected in zip(verdict["scores"].values(), scores):
            self.assertAlmostEqual(found, expected, delta=delta)

    def test_each_image_alone_and_all_together(self):
        one, other = self.two()
        content = [{"type": "text", "text": "First"}, {"type": "image", "path": str(one)}, {"type": "text", "text": "then"},
                   {"type": "image", "path": str(other)}]
        (self.folder / "chat.json").write_text(json.dumps([{"role": "user", "content": content}]))
        opening = ["--image", one, "--image", other, "--prompt", "Which is older?"]
        for family in ("llava", "qwen2_5_vl", "gemma3"):
            alone = [json.loads(line) for line in
                     holisafe("guard", "--model", self.root / family, "--json", "--threshold", 1, one, other).stdout.splitlines()]
            for name, question in (("opening", opening), ("system", [*opening, "--system", SYSTEM]), ("inside", ["--conversation", self.folder / "chat.json"])):
                with self.subTest(family=family, images=name):
                    answer = json.loads(self.ask(*question, "--max-new-tokens", 3, model=family).stdout)
                    self.assertEqual(list(answer)[-3:], ["guard", "guards", "timings"])
                    self.assertEqual(len(answer["guards"]), 2)
                    for verdict, line in zip(answer["guards"], alone):
                        self.assertEqual(list(verdict), list(answer["guard"]))
                        self.assert_scores(verdict, line["scores"].values(), 1e-6)
                    trace = self.folder / "trace.safetensors"
                    holisafe("model", "trace", "--model", self.root / family, *question, "--out", trace)
                    powers = [math.exp(logit) for logit in load_file(trace)["guard_logits"].tolist()]
                    self.assert_scores(answer["guard"], [power / sum(powers) for power in powers], 1e-5)
                    times = answer["timings"]
                    self.assertLessEqual(times["verdict_seconds"], times["image_seconds"] + times["prefill_seconds"])

    def test_times(self):
        for family in ("llava", "qwen2_5_vl", "gemma3"):
            answer = json.loads(self.asked(self.rows[1], model=family).stdout)
            self.assertNotIn("guards", answer)
            times = answer["timings"]
            self.assertEqual(list(times), ["load_seconds", "image_seconds", "verdict_seconds", "prefill_seconds", "decode_seconds", "tokens_per_second"])
            self.assertGreater(times["verdict_seconds"], times["image_seconds"])
            self.assertLessEqual(times["verdict_seconds"], times["image_seconds"] + times["prefill_seconds"])
            self.assertAlmostEqual(times["tokens_per_second"] * times["decode_seconds"], answer["completion_tokens"], places=6)
        self.assertIsNone(json.loads(self.ask("--prompt", "Hm", "--max-new-tokens", 2).stdout)["timings"]["verdict_seconds"])
        holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--out", self.folder / "plain")
        answer = json.loads(self.asked(self.rows[1], model=self.folder / "plain").stdout)
        self.assertEqual((answer["guard"], answer["timings"]["verdict_seconds"]), (None, None))

    def test_a_question_that_never_fits(self):
        row = self.rows[1]
        error = self.asked(row, "--cache-memory", "1KiB", code=2)
        self.assertEqual(error.stdout, "")
        self.assertRegex(error.stderr, r"^holisafe: error: [^\n]*expected at most 1\.0 KiB \(--cache-memory\), needs [\d.]+ KiB\n$")
        size = int(1.1 * self.needed(row))
        self.assertEqual(json.loads(self.asked(row, "--cache-memory", size).stdout)["answer"], json.loads(self.asked(row).stdout)["answer"])
        for wrong in ("much", "-1", "1.5XiB"):
            error = self.asked(row, "--cache-memory", wrong, code=2).stderr
            self.assertRegex(error, r"^holisafe: error: [^\n]*--cache-memory[^\n]*\n$")

    def test_a_run_with_too_little_memory_goes_on_with_more(self):
        data = write_rows(self.folder / "some", self.rows[:10], self.images)
        error = holisafe(*self.arguments("run", "--cache-memory", "1KiB", data=data), code=2).stderr
        self.assertIn("10 of 10 samples unanswered", error)
        self.assertRegex(error, r"expected at most 1\.0 KiB \(--cache-memory\), needs [\d.]+ [KM]iB")
        self.assert_as_asked_alone(self.answers("run", "--cache-memory", "512MiB", data=data), self.rows[:2])

    def test_flags(self):
        for command in ("run", "judge", "guard"):
            text = holisafe("bench", command, "--help").stdout
            for flag in FLAGS:
                self.assertIn(flag, text)
        self.assertIn("--cache-memory SIZE", holisafe("ask", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
