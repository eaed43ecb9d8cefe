"""`holisafe bench run|judge|report|compare|score` over each benchmark of the table: what is asked to the letter and in its order, live, in
batches, under faults and kills, by fake endpoints and by a local checkpoint; what the answers count as; the same bytes each time."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402
import judge_server as fake  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, stored  # noqa: E402

PROVIDERS = ("openai", "anthropic", "gemini")
TOKENS = {"holisafe": 512, "vlsbench": 128, "mmmu": 128}
RULES = {"holisafe": ["string"], "vlsbench": ["string"], "mmmu": ["lmms-eval", "authors"]}


def answer(name, rows, number):
    """What the model says of a row."""
    if name != "mmmu":
        return f" I'm sorry, no. {number}\n" if number % 3 == 0 else f"Sure \u00e9\U0001f600: {{label}} {number} <label>True</label>"
    row = rows[number]
    if row["question_type"] == "open":
        return "So the answer is 3.43." if number % 4 else "It is nothing"
    return [row["answer"], f"({row['answer']})", "(B) or (A), so (A)", f"{row['answer']}. as shown", "Hard to say"][number % 5]


def mark(name, rows, number, rule):
    """The label of that answer by a rule, worked out here for these answers alone."""
    if name == "holisafe":
        return "refused" if number % 3 == 0 else "complied"
    if name == "vlsbench":
        return "refuse" if number % 3 == 0 else "unsafe"
    row = rows[number]
    if row["question_type"] == "open":
        return "right" if number % 4 and row["answer"].startswith("[") and rule == "authors" else "wrong"
    return "right" if [True, True, row["answer"] == "A", rule == "lmms-eval", False][number % 5] else "wrong"


def word(name, number):
    """What a judge answers, and the word that is kept; None: no verdict."""
    said = int(fake.chance(name, number) * 4)
    if name == "holisafe":
        return [("<label>True</label>", "expected"), ("<label>False</label>", "unexpected")][said % 2]
    return [("<label>refuse</label>", "refuse"), ("So: <label> Warn </label>", "warn"), ("{\"label\": 3}", "unsafe"), ("no idea", None)][said]


def sequence(body):
    """Texts and images of a request's last turn, in their order."""
    out = []
    for part in fake.parts_in(body):
        if "text" in part:
            out.append(part["text"])
        elif "image_url" in part:
            out.append(base64.b64decode(part["image_url"]["url"].split(",", 1)[1], validate=True))
        elif "source" in part:
            out.append(base64.b64decode(part["source"]["data"], validate=True))
        else:
            data = part.get("inlineData") or part["inline_data"]
            out.append(base64.b64decode(data["data"], validate=True))
    return out


def most_tokens(body):
    return body["generationConfig"]["maxOutputTokens"] if "generationConfig" in body else body["max_tokens"]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.root = pathlib.Path(cls.shared.name)
        cls.data = {name: cls.root / name for name in benchmark_data.NAMES}
        cls.rows = {name: benchmark_data.make(name, folder) for name, folder in cls.data.items()}
        cls.environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE") and not key.startswith("SLURM")}
        cls.environment["HOLISAFE_API_KEY"] = fake.KEY

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def holisafe(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300, env=self.environment)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        self.assertNotIn(fake.KEY, done.stdout + done.stderr)
        return done

    def expected_parts(self, name, number):
        parts = benchmark_data.parts(name, self.data[name], self.rows[name][number])
        return [part.read_bytes() if isinstance(part, pathlib.Path) else part for part in parts]

    def files(self, run):
        return {name: (run / name).read_bytes() for name in OUTPUTS}

    def assert_predictions(self, name, run, prediction):
        found = json.loads((run / "predictions.json").read_text(encoding="utf-8"))
        expected = [{"id": benchmark_data.identifier(name, row), **row, "prediction": prediction(number)} for number, row in enumerate(self.rows[name])]
        self.assertEqual(found, expected)
        if name != "holisafe":  # its rows have ids of their own, anywhere
            self.assertEqual([list(row) for row in found], [list(row) for row in expected])


class Endpoint(Case):
    def server(self, name, **options):
        rows = self.rows[name]
        server = fake.Server(lambda provider, number: answer(name, rows, number), **options)
        self.addCleanup(server.close)
        return server

    def arguments(self, name, server, out, *more, provider="openai"):
        return ["bench", "run", "--benchmark", name, "--data", self.data[name], "--api", provider, "--endpoint", server.url, "--api-model", "m", "--out", out,
                *more]

    def run_bench(self, name, out, *more, provider="openai", **options):
        server = self.server(name, **options)
        self.holisafe(*self.arguments(name, server, out, *more, provider=provider))
        return server

    def test_every_message_to_the_letter(self):
        for name in benchmark_data.NAMES:
            for provider in PROVIDERS:
                with self.subTest(name, provider=provider):
                    server = self.run_bench(name, self.folder / f"{name}-{provider}", provider=provider)
                    bodies = {call[1]: call[3] for call in server.calls}
                    self.assertEqual((sorted(bodies), len(server.calls)), (list(range(len(self.rows[name]))), len(bodies)))
                    server = self.run_bench(name, self.folder / f"{name}-{provider}-batch", "--batch", provider=provider)
                    batched = {fake.number_in(body): body for batch in server.batches.values() for _, body in batch["rows"]}
                    self.assertEqual(sorted(batched), sorted(bodies))
                    for number in bodies:
                        for body in (bodies[number], batched[number]):
                            self.assertEqual(sequence(body), self.expected_parts(name, number))
                            self.assertEqual(most_tokens(body), TOKENS[name])

    def test_the_same_bytes_each_time(self):
        for name in benchmark_data.NAMES:
            with self.subTest(name):
                rows = self.rows[name]
                whole = self.folder / name / "whole"
                self.run_bench(name, whole)
                self.assert_predictions(name, whole, lambda number: answer(name, rows, number))
                expected = self.files(whole)
                for kind, more, options in (("faults", ["--concurrency", 5], {"fault_rate": 0.4, "seed": 3}), ("batch", ["--batch", "--batch-rows", 5], {})):
                    self.run_bench(name, self.folder / name / kind, *more, **options)
                    self.assertEqual(self.files(self.folder / name / kind), expected, kind)
                self.kill_and_resume(name, self.folder / name / "killed")
                self.assertEqual(self.files(self.folder / name / "killed"), expected)
                for shard in (0, 1):
                    self.run_bench(name, self.folder / name / f"shard-{shard}", "--shard", f"{shard}/2")
                self.holisafe("bench", "report", self.folder / name / "shard-0", self.folder / name / "shard-1", "--predictions", self.folder / "joined.json")
                self.assertEqual((self.folder / "joined.json").read_bytes(), expected["predictions.json"])

    def kill_and_resume(self, name, out):
        server = self.server(name)
        server.delay = 0.05
        command = [PROGRAM, *map(str, self.arguments(name, server, out, "--concurrency", 2))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment)
        while not (out / "run.db").exists() or len(stored(out)) < 4:
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        before = len(stored(out))
        self.assertLess(before, len(self.rows[name]))
        again = self.run_bench(name, out)
        self.assertLessEqual(len(again.calls), len(self.rows[name]) - before)

    def test_what_the_answers_count_as(self):
        for name in benchmark_data.NAMES:
            with self.subTest(name):
                run, rows = self.folder / name, self.rows[name]
                self.run_bench(name, run)
                scores = {score["judge"] or score["rule"]: score for score in json.loads((run / "summary.json").read_text())}
                self.assertEqual(list(scores), RULES[name])
                for rule in RULES[name]:
                    marks = [mark(name, rows, number, rule) for number in range(len(rows))]
                    self.assert_figures(name, rows, marks, scores[rule])
                scored = json.loads(self.holisafe("bench", "score", run / "predictions.json", "--benchmark", name, "--json").stdout)
                first = scores[RULES[name][0]]
                for field in (("types", "masr", "rr", "intervals") if name == "holisafe" else ("metrics", "groups", "unparsed", "primary")):
                    self.assertEqual(scored[field], first[field])

    def assert_figures(self, name, rows, marks, score):
        self.assertEqual((score["n"], score["unjudged"]), (len(rows), 0))
        if name == "holisafe":
            for kind, counts in score["types"].items():
                of_kind = [label for row, label in zip(rows, marks) if row["type"] == kind]
                self.assertEqual((counts["refused"], counts["complied"]), (of_kind.count("refused"), of_kind.count("complied")))
            return
        wanted = {"mmmu": {"accuracy": ["right"]}, "vlsbench": {"refuse": ["refuse"], "warn": ["warn"], "safety": ["refuse", "warn"]}}[name]
        for metric, labels in wanted.items():
            self.assertAlmostEqual(score["metrics"][metric]["value"], sum(label in labels for label in marks) / len(marks), delta=1e-12)
            self.assertEqual(score["metrics"][metric]["n"], len(rows))
        if name == "vlsbench":
            for value, found in score["groups"]["category"].items():
                of_value = [label for row, label in zip(rows, marks) if row["category"] == value]
                self.assertEqual((found["n"], found["safety"]), (len(of_value), sum(label != "unsafe" for label in of_value) / len(of_value)))
        else:
            guesses = sum(rows[n]["question_type"] != "open" and n % 5 == 4 for n in range(len(rows)))
            self.assertGreaterEqual(score["unparsed"], guesses)
            self.assertGreater(score["metrics"]["accuracy_guessing"]["value"], score["metrics"]["accuracy"]["value"])

    def test_judges(self):
        for name in ("holisafe", "vlsbench"):
            with self.subTest(name):
                rows = self.rows[name]
                files = []
                for more in ([], ["--batch"]):
                    run = self.folder / f"{name}{len(more)}"
                    self.run_bench(name, run)
                    judge = fake.Server(lambda provider, number: word(name, number)[0])
                    self.addCleanup(judge.close)
                    unjudged = sum(word(name, number)[1] is None for number in range(len(rows)))
                    self.holisafe("bench", "judge", run, "--judge", "anthropic", "--judge-model", "claude", "--judge-endpoint", judge.url, *more,
                                  code=2 if unjudged else 0)
                    for _, number, _, body in judge.calls:
                        images = [part for part in sequence(body) if isinstance(part, bytes)]
                        self.assertEqual(images, [part for part in self.expected_parts(name, number) if isinstance(part, bytes)])
                        shown = answer(name, rows, number).replace("<label", "\u2039label").replace("</label", "\u2039/label")
                        self.assertIn(shown, fake.text_in(body))
                        self.assertIn(rows[number]["query" if name == "holisafe" else "instruction"], fake.text_in(body))
                    files.append(self.files(run))
                self.assertEqual(files[0], files[1])
                score = json.loads(files[0]["summary.json"])[-1]
                self.assertEqual((score["judge"], score["unjudged"]), ("anthropic:claude", unjudged))
                if name == "vlsbench":
                    kept = [word(name, number)[1] for number in range(len(rows)) if word(name, number)[1]]
                    for metric, labels in {"refuse": ["refuse"], "warn": ["warn"], "safety": ["refuse", "warn"]}.items():
                        self.assertAlmostEqual(score["metrics"][metric]["value"], sum(each in labels for each in kept) / len(kept), delta=1e-12)

    def test_a_benchmark_without_a_judge_says_so(self):
        run = self.folder / "run"
        server = self.run_bench("mmmu", run)
        done = self.holisafe("bench", "judge", run, "--judge", "openai", "--judge-endpoint", server.url, code=2)
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
        self.assertIn("mmmu", done.stderr)

    def test_two_runs_side_by_side(self):
        for name in benchmark_data.NAMES:
            with self.subTest(name):
                first, second = self.folder / f"{name}-a", self.folder / f"{name}-b"
                self.run_bench(name, first)
                rows = self.rows[name]
                good = fake.Server(lambda provider, number: rows[number]["answer"] if name == "mmmu" else "I'm sorry, no.")
                self.addCleanup(good.close)
                self.holisafe(*self.arguments(name, good, second))
                found = json.loads(self.holisafe("bench", "compare", first, second, "--json").stdout)
                again = json.loads(self.holisafe("bench", "compare", first, second, "--json").stdout)
                self.assertEqual(found, again)
                self.assertTrue(self.holisafe("bench", "compare", first, second).stdout)
                if name != "holisafe":
                    primary = found["metrics"]["safety" if name == "vlsbench" else "accuracy"]
                    self.assertGreater(primary["second"], primary["first"])
                self.assertTrue(self.holisafe("bench", "report", first, second, "--html", self.folder / "two.html").stdout)

    def test_another_set_s_run_is_no_match(self):
        self.run_bench("vlsbench", self.folder / "a")
        self.run_bench("mmmu", self.folder / "b")
        done = self.holisafe("bench", "compare", self.folder / "a", self.folder / "b", code=2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        done = self.holisafe("bench", "run", "--benchmark", "mmmu", "--data", self.data["mmmu"], "--endpoint", "http://127.0.0.1:9/v1", "--api-model", "m", "--out",
                             self.folder / "a", code=2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Local(Case):
    """A tiny checkpoint on this machine."""

    def run_model(self, name, out, *more):
        self.holisafe("bench", "run", "--benchmark", name, "--data", self.data[name], "--model", self.root / "tiny", "--max-new-tokens", 5, "--out", out, *more)

    def test_the_same_bytes_each_time(self):
        self.holisafe("model", "synth", "--family", "qwen2_5_vl", "--preset", "tiny", "--seed", 3, "--guard", "--out", self.root / "tiny")
        for name in benchmark_data.NAMES:
            with self.subTest(name):
                whole = self.folder / name
                self.run_model(name, whole)
                rows = json.loads((whole / "predictions.json").read_text(encoding="utf-8"))
                self.assertEqual(len(rows), len(self.rows[name]))
                for row, source in zip(rows, self.rows[name]):
                    self.assertEqual({**row, **source}, row)
                    self.assertIsInstance(row["prediction"], str)
                expected = self.files(whole)
                for shard in (0, 1):
                    self.run_model(name, self.folder / f"{name}-{shard}", "--shard", f"{shard}/2")
                self.holisafe("bench", "report", self.folder / f"{name}-0", self.folder / f"{name}-1", "--predictions", self.folder / "joined.json")
                self.assertEqual((self.folder / "joined.json").read_bytes(), expected["predictions.json"])
                self.run_model(name, whole)
                self.assertEqual(self.files(whole), expected)


del Case  # a base class, no test of its own

if __name__ == "__main__":
    unittest.main()
