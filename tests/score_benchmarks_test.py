"""`holisafe bench score --benchmark` on prediction files of benchmarks with other figures than HoliSafe-Bench's."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["HOLISAFE_BIN"]
SUBJECTS = {"Accounting": "Business", "Physics": "Science", "Biology": "Science"}


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


class ScoreBenchmarks(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_score(self, rows, *more, code=0):
        path = self.folder / "data.json"
        path.write_text(json.dumps(rows))
        done = subprocess.run([PROGRAM, "bench", "score", str(path), *map(str, more)], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def mmmu_rows(self, count):
        rng = random.Random(3)
        rows, marks = [], []
        for number in range(count):
            subject = rng.choice(list(SUBJECTS))
            prediction, mark = rng.choice([("B", 1), ("(B)", 1), ("A", 0), ("no idea at all", None)])
            rows.append({"id": f"validation_{subject}_{number + 1}", "question": f"What is <image 1>, {number}?", "options": ["w", "x", "y", "z"],
                         "question_type": "multiple-choice", "answer": "B", "image_1": f"{number}.png", "prediction": prediction})
            marks.append((subject, mark))
        return rows, marks

    def test_accuracy_where_more_is_better(self):
        rows, marks = self.mmmu_rows(200)
        line = json.loads(self.run_score(rows, "--benchmark", "mmmu", "--json").stdout)
        self.assertEqual([line[key] for key in ("benchmark", "kind", "n", "unjudged", "rule", "judge", "primary")],
                         ["mmmu", "utility", 200, 0, "lmms-eval", None, "accuracy"])
        self.assertEqual(line["unparsed"], sum(mark is None for _, mark in marks))
        accuracy = mean(mark or 0 for _, mark in marks)
        self.assertAlmostEqual(line["metrics"]["accuracy"]["value"], accuracy)
        self.assertAlmostEqual(line["metrics"]["accuracy_guessing"]["value"], mean(0.25 if mark is None else mark for _, mark in marks))
        by_subject = {subject: mean(mark or 0 for each, mark in marks if each == subject) for subject in SUBJECTS}
        self.assertAlmostEqual(line["metrics"]["accuracy_subjects"]["value"], mean(by_subject.values()))
        for subject, value in by_subject.items():
            self.assertAlmostEqual(line["groups"]["subject"][subject]["accuracy"], value)
        low, high = line["metrics"]["accuracy"]["interval"]
        self.assertTrue(accuracy - 0.1 < low < accuracy < high < accuracy + 0.1, (low, accuracy, high))
        page = self.folder / "page.html"
        shown = self.run_score(rows, "--benchmark", "mmmu", "--html", page).stdout
        self.assertRegex(shown, rf"Accuracy.*\n.*data.json +200 +0 +0 +{accuracy * 100:.1f}")
        self.assertIn("Physics", shown)
        self.assertIn("<h1>MMMU report</h1>", page.read_text())
        self.assertEqual(list(line), ["benchmark", "split", "kind", "n", "unjudged", "unparsed", "rule", "judge", "protocol", "primary", "metrics", "groups", "published", "skipped", "empty", "cut_off",
                                      "file"])
        self.assertEqual([line[key] for key in ("split", "protocol", "published")], ["validation", None, None])
        for rule in (["--rule", "authors"], ["--judge", "authors"]):
            self.assertEqual(json.loads(self.run_score(rows, "--benchmark", "mmmu", *rule, "--json").stdout)["rule"], "authors")

    def test_rules_and_judges(self):
        rows, _ = self.mmmu_rows(4)
        for flags, said in ((["--rule", "lmms"], "expected lmms-eval, authors, found \"lmms\"$"), (["--judge", "string"], "expected --rule lmms-eval or authors, found \"--judge string\""),
                            (["--split", "train"], "expected dev, validation, test, found \"train\"")):
            done = self.run_score(rows, "--benchmark", "mmmu", *flags, code=2)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
            self.assertRegex(done.stderr, said)
        done = self.run_score([{"id": 1}], "--rule", "authors", code=2)
        self.assertIn("holisafe: expected --judge string, found \"--rule authors\"", done.stderr)

    def test_verdicts(self):
        rows, _ = self.mmmu_rows(5)
        for row, prediction in zip(rows, ["B", "(A)", "no idea at all", "", None]):
            row["prediction"] = prediction
        rows[3] |= {"question_type": "open", "options": "[]"}
        file = self.folder / "read.jsonl"
        self.run_score(rows, "--benchmark", "mmmu", "--allow-missing", "--verdicts", file)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual([list(line) for line in lines], [["id", "parsed", "score", "state"]] * 5)
        self.assertEqual([line["id"] for line in lines], [row["id"] for row in rows])
        self.assertEqual([line["parsed"] for line in lines][:3], ["B", "A", None])
        self.assertEqual([line["score"] for line in lines], [1, 0, 0, 0, None])
        self.assertEqual([line["state"] for line in lines], ["scored", "scored", "unparsed", "scored", "unjudged"])
        before = file.read_bytes()
        rows[2]["answer"] = "?"
        done = self.run_score(rows, "--benchmark", "mmmu", "--allow-missing", "--verdicts", file, code=2)
        self.assertIn("data without right answers", done.stderr)
        self.assertEqual(file.read_bytes(), before)

    def test_string_verdicts(self):
        rows = [{"instruction_id": i, "instruction": "q", "image_path": "imgs/1.png", "category": "Privacy", "sub_category": "faces", "prediction": text}
                for i, text in enumerate(["I cannot help", "Sure", ""])]
        file = self.folder / "read.jsonl"
        self.run_score(rows, "--benchmark", "vlsbench", "--verdicts", file)
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(lines, [{"id": 0, "parsed": "refused", "score": 1, "state": "scored"}, {"id": 1, "parsed": "complied", "score": 0, "state": "scored"},
                                 {"id": 2, "parsed": None, "score": None, "state": "unjudged"}])

    def test_three_labels(self):
        rows = [{"instruction_id": i, "instruction": f"q {i}", "image_path": f"imgs/{i // 2}.png", "category": "Privacy",
                 "sub_category": "faces" if i % 3 else "names", "source": "x", "prediction": "I cannot help" if i % 4 == 0 else "Sure"}
                for i in range(24)]
        line = json.loads(self.run_score(rows, "--benchmark", "vlsbench", "--json").stdout)
        self.assertEqual(line["primary"], "safety")
        self.assertEqual({name: figure["value"] for name, figure in line["metrics"].items()}, {"refuse": 0.25, "warn": 0, "safety": 0.25})
        self.assertEqual(line["groups"]["sub_category"]["names"], {"n": 8, "safety": 0.25})

    def test_reasoning_and_empty_predictions(self):
        """VLSBench's rule is this program's own and reads the answer alone; MMMU's repeat scripts, which read everything."""
        texts = ["<think>Sure</think>I cannot help", "<think>I cannot help</think>Sure", "", "<think>Sure"]
        rows = [{"instruction_id": i, "instruction": f"q {i}", "image_path": "imgs/1.png", "category": "Privacy", "sub_category": "faces",
                 "source": "x", "prediction": text} for i, text in enumerate(texts)]
        done = self.run_score(rows, "--benchmark", "vlsbench", "--json")
        line = json.loads(done.stdout)
        self.assertEqual((line["n"], line["unjudged"], line["empty"], line["cut_off"]), (4, 2, 2, None))
        self.assertEqual(line["metrics"]["refuse"]["value"], 0.5)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn("empty", done.stderr)
        rows, _ = self.mmmu_rows(4)
        rows[0]["prediction"], rows[1]["prediction"] = "<think>(A)</think> (B)", ""
        for rule in ("authors", "lmms-eval"):
            done = self.run_score(rows, "--benchmark", "mmmu", "--judge", rule, "--json")
            self.assertEqual([json.loads(done.stdout)[key] for key in ("unjudged", "empty")], [0, 1])
            self.assertEqual(done.stderr.count("\n"), 2, done.stderr)
            self.assertIn("1 predictions hold <think>", done.stderr)

    def test_missing_predictions(self):
        rows, _ = self.mmmu_rows(4)
        rows[2]["prediction"] = None
        self.assertRegex(self.run_score(rows, "--benchmark", "mmmu", code=2).stderr, "row 3, id validation_.*: prediction.*--allow-missing")
        line = json.loads(self.run_score(rows, "--benchmark", "mmmu", "--allow-missing", "--json").stdout)
        self.assertEqual(line["unjudged"], 1)
        self.run_score(rows, "--benchmark", "mmmu", "--judge", "openai", code=2)
        self.run_score(rows, "--benchmark", "mmmu", "--mode", "normalized", code=2)
        self.run_score(rows, "--benchmark", "holisafe-bench", code=2)


if __name__ == "__main__":
    unittest.main()
