"""`holisafe bench import`, and `bench score` of CSV and of ids with answers: the same figures as the run that the answers came from, whatever form
they come in; faults that are named; what a run may become."""

import csv
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import import_data  # noqa: E402
from bench_run_case import environment  # noqa: E402
from bench_soak import PROGRAM, SOURCE, command, stored  # noqa: E402
from fake_endpoint import FakeEndpoint, completion  # noqa: E402

OUTPUTS = ["predictions.json", "summary.json"]


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n" for number, row in enumerate(rows)).encode()


def table(rows, fields, **how):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fields, extrasaction="ignore", **how)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def answered(pairs):
    """How many of the answers say something."""
    return sum(pair["prediction"].strip() not in ("", "<think>Is it safe?") for pair in pairs)


def number_of(request):
    return int("".join(request.parts("text")[i]["text"] for i in range(len(request.parts("text")))).split("#")[1])


class Case(unittest.TestCase):
    """Data of a benchmark, and a run of it through an endpoint."""

    benchmark = "holisafe"

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.root = pathlib.Path(holder.name)
        cls.data = cls.root / "data"
        cls.rows = import_data.make(cls.benchmark, cls.data)
        cls.replies = [import_data.reply_to(import_data.question(cls.benchmark, row)) for row in cls.rows]
        with FakeEndpoint(lambda request, tries: ("answer", cls.replies[number_of(request)])) as endpoint:
            subprocess.run(command(cls.data, endpoint, cls.root / "run", "--benchmark", cls.benchmark), check=True, capture_output=True,
                           env=environment())
        cls.expected = {name: (cls.root / "run" / name).read_bytes() for name in OUTPUTS}
        cls.whole = json.loads(cls.expected["predictions.json"])
        cls.pairs = [{"id": row["id"], "prediction": reply} for row, reply in zip(cls.rows, cls.replies)]

    def setUp(self):
        holder = tempfile.TemporaryDirectory(dir=self.root)
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def holisafe(self, *arguments, code=0, **more):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=120, env=environment(), **more)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, code, done)
        if code == 2:
            self.assertRegex(done.stderr, r"(?m)^holisafe: error: ")
        return done

    def file(self, content, name="answers.txt"):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else lines(content))
        return path

    def load(self, *files, out="imported", code=0, more=()):
        return self.holisafe("bench", "import", *files, "--data", self.data, "--benchmark", self.benchmark, "--out", self.folder / out, *more,
                             code=code)

    def check_same(self, out="imported", names=OUTPUTS):
        for name in names:
            self.assertEqual((self.folder / out / name).read_bytes(), self.expected[name], name)

    def refused(self, content, *said, more=(), name="answers.txt"):
        """The error of a faulty file, which leaves nothing behind."""
        done = self.load(self.file(content, name), out="faulty", code=2, more=more)
        self.assertFalse((self.folder / "faulty" / "run.db").exists())
        errors = [line for line in done.stderr.splitlines() if line.startswith("holisafe: error: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        for part in (str(self.folder / name), *said):
            self.assertIn(part, errors[0])
        return errors[0]


class SameFigures(Case):
    def test_every_form(self):
        shuffled = random.Random(4).sample(self.pairs, len(self.pairs))
        fields = ["prediction", *self.rows[0]]
        responses = [{"response": row["prediction"], "output": "no", "id": str(row["id"])} for row in shuffled]
        forms = {
            "own predictions": self.expected["predictions.json"],
            "array": json.dumps(self.pairs).encode(),
            "array of lines": json.dumps(shuffled, indent=1).encode(),
            "JSON lines": lines(self.whole),
            "byte order mark": b"\xef\xbb\xbf" + lines(self.pairs),
            "ids and answers": lines(shuffled),
            "ids as text": lines(responses),
            "CSV": table(self.whole, fields),
            "CSV of two columns": table(shuffled, ["id", "prediction"], lineterminator="\n"),
            "CSV all quoted": b"\xef\xbb\xbf" + table(responses, ["output", "response", "id"], quoting=csv.QUOTE_ALL),
        }
        for name, content in forms.items():
            with self.subTest(name):
                done = self.load(self.file(content), out=name)
                self.check_same(name)
                field = "response" if name in ("ids as text", "CSV all quoted") else "prediction"
                self.assertIn(f'rows join by "id", answers are in "{field}"', done.stderr)

    def test_samples_of_lmms_eval(self):
        samples = SOURCE / "tests/fixtures/lmms_eval" / f"{self.benchmark}.jsonl"
        done = self.load(samples)
        self.assertIn('rows join by their position, "doc_id", answers are in "filtered_resps"', done.stderr)
        self.check_same(names=["summary.json"])  # it takes reasoning out of the answers
        joined = json.loads(self.holisafe("bench", "score", samples, "--data", self.data, "--benchmark", self.benchmark, "--json").stdout)
        self.assertEqual(joined["n"], len(self.rows))

    def test_several_files_are_parts(self):
        parts = [self.file(self.pairs[0::3], "a.jsonl"), self.file(table(self.pairs[1::3], ["prediction", "id"]), "b.csv"),
                 self.file(json.dumps(self.pairs[2::3]).encode(), "c.json")]
        self.load(*parts)
        self.check_same()
        again = self.load(*reversed(parts))  # the same files
        self.check_same()
        self.assertNotIn("error", again.stderr)
        self.assertIn("a.jsonl", self.load(parts[0], self.file(self.pairs[:2], "d.jsonl"), *parts[1:], out="twice", code=2).stderr)

    def test_through_a_pipe(self):
        self.holisafe("bench", "import", "-", "--data", self.data, "--benchmark", self.benchmark, "--out", self.folder / "run", input=lines(self.pairs))
        self.check_same("run")
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_bytes, args=(table(self.pairs, ["id", "prediction"]),), daemon=True)
        writer.start()
        self.load(fifo)
        writer.join()
        self.check_same()

    def test_scores_of_files(self):
        score = ("bench", "score", "--benchmark", self.benchmark, "--json")
        whole = self.file(json.dumps(self.whole).encode(), "whole.json")
        expected = json.loads(self.holisafe(*score, whole).stdout)
        self.assertEqual(list(expected)[-1], "file")
        self.assertEqual(expected.pop("file"), str(whole))
        forms = {"lines": lines(self.whole), "CSV": table(self.whole, list(self.whole[0])),
                 "CSV as spreadsheets have it": b"\xef\xbb\xbf" + table(self.whole, sorted(self.whole[0]), quoting=csv.QUOTE_ALL)}
        for name, content in forms.items():
            with self.subTest(name):
                found = json.loads(self.holisafe(*score, self.file(content)).stdout)
                self.assertEqual({**found, "file": ""}, {**expected, "file": ""})
        for name, content in {**forms, "ids and answers": lines(self.pairs), "table of them": table(self.pairs, ["id", "prediction"])}.items():
            with self.subTest(name + " with data"):
                page = self.folder / "page.html"
                done = self.holisafe(*score, self.file(content), "--data", self.data, "--html", page)
                self.assertEqual({**json.loads(done.stdout), "file": ""}, {**expected, "file": ""})
                self.assertIn('answers are in "prediction"', done.stderr)
        done = self.holisafe(*score, self.file(self.pairs[1:]), "--data", self.data, code=2)
        self.assertRegex(done.stderr, rf"answers.txt: row 1 of .*, id {self.rows[0]['id']}: expected an answer, found none")
        found = json.loads(self.holisafe(*score, self.file(self.pairs[1:]), "--data", self.data, "--allow-missing").stdout)
        self.assertEqual((found["n"], found["unjudged"]), (expected["n"], expected["unjudged"] + 1))


class SameFiguresOfMmmu(SameFigures):
    benchmark = "mmmu"


class Faults(Case):
    def with_row(self, row, at=2):
        return self.pairs[:at] + [row] + self.pairs[at + 1:]

    def test_ids(self):
        self.refused(self.with_row({"id": 99999, "prediction": "x"}), "line 3 (row 3): id", f"expected an id of {self.data}", '"99999"')
        self.refused(self.with_row(self.pairs[0]), "line 3 (row 3): id", "line 1 too")
        self.refused(self.with_row({"prediction": "x"}), "line 3 (row 3): id: expected an integer or a string, found nothing")
        self.refused(self.with_row({"id": None, "prediction": "x"}), "line 3 (row 3): id", "found null")
        self.refused(self.with_row({"id": 7.5, "prediction": "x"}), "line 3 (row 3): id", "found a number with a fraction")
        self.refused(table(self.with_row({"id": "x", "prediction": ""}), ["id", "prediction"]), "(row 3): id", '"x"')
        self.refused(json.dumps(self.with_row(self.pairs[0]), indent=1).encode(), "line 10 (row 3): id", "line 2 too")

    def test_answers(self):
        for value, found in ((5, "an integer"), (["x"], "an array"), ({}, "an object"), (True, "a boolean")):
            self.refused(self.with_row({"id": 13, "prediction": value}), "line 3 (row 3): prediction", f"expected a string, found {found}")
        self.refused(self.with_row({"id": 13, "answer": "x"}), "line 3 (row 3): prediction", "expected a string, found nothing")
        self.refused(self.pairs, "line 1 (row 1): other", "found fields id, prediction", more=["--answer-field", "other"])
        self.refused([{"id": 7, "text": "x"}], "prediction, response, answer, output (--answer-field)", "found fields id, text")
        self.refused([{"key": 7, "answer": "x"}], "an id under id (--id-field)")
        self.refused(b'{"id": 7, "prediction": "x", "prediction": "y"}', "line 1 (row 1): prediction", "once")

    def test_files(self):
        self.refused(b"", "empty")
        self.refused(b"[]", "no rows")
        self.refused(b"id,prediction\n", "no rows")
        self.refused(b"id,prediction\n7,\"x\n", "line 2: expected the closing quote")
        self.refused(b"id,prediction\n7,x\0y\n", "line 2: expected text, found a NUL character")
        self.refused(b"id,prediction\n7,x,y\n", "line 2 (row 1): expected 2 cells, as the head has, found 3")
        self.refused(b"id,prediction,id\n7,x,7\n", "line 1: id")
        self.refused(lines(self.pairs[:2]) + b"{no}\n", "line 3")
        self.refused(b"<!DOCTYPE html>\n<p>Not found\n", "<!DOCTYPE html>")
        self.refused("id,prediction\n".encode("utf-16"), "UTF-16")
        self.refused(b"[1]", "expected an object")
        self.holisafe("bench", "import", self.folder / "none.csv", "--data", self.data, "--out", self.folder / "run", code=2)

    def test_samples_of_another_split(self):
        samples = [json.loads(line) for line in (SOURCE / "tests/fixtures/lmms_eval/holisafe.jsonl").read_text(encoding="utf-8").split("\n") if line]
        self.refused([*samples[:4], {**samples[4], "input": "Another question"}], "line 5 (row 5): input", "question of row 5", "Another question")
        self.refused([samples[0], {**samples[1], "doc_id": 60}], "line 2 (row 2): doc_id", "from 0 to 59")
        self.refused([samples[0], {**samples[1], "doc_id": -1}], "line 2 (row 2): doc_id")
        self.refused([samples[0], samples[0]], "line 2 (row 2): doc_id", "line 1 too")
        self.refused([{key: samples[0][key] for key in ("doc_id", "filtered_resps")}], "line 1 (row 1): input")
        self.refused([{**samples[0], "filtered_resps": ["a", "b"]}], "line 1 (row 1): filtered_resps", "an array")
        self.load(self.file([{**sample, "filtered_resps": [sample["filtered_resps"]]} for sample in samples]))
        self.check_same(names=["summary.json"])

    def test_a_row_without_an_answer(self):
        done = self.load(self.file(self.pairs[1:]), code=2)
        self.assertRegex(done.stderr, r"1 of 60 samples unanswered: .*imported: id 7: not in .*answers.txt; .*--allow-missing")
        summary, = json.loads((self.folder / "imported/summary.json").read_text())
        self.assertEqual((summary["n"], summary["unjudged"]), (60, json.loads(self.expected["summary.json"])[0]["unjudged"] + 1))
        self.assertIn("not in ", (self.folder / "imported/report.html").read_text())
        self.load(self.file(self.pairs[1:]), out="allowed", more=["--allow-missing"])
        done = self.load(self.file([{**self.pairs[0], "prediction": None}, *self.pairs[1:]]), out="null", code=2)
        self.assertIn("id 7: null in ", done.stderr)
        self.assertEqual((self.folder / "null/summary.json").read_bytes(), (self.folder / "imported/summary.json").read_bytes())

    def test_data_that_is_none(self):
        self.holisafe("bench", "import", self.file(self.pairs), "--data", self.folder, "--out", self.folder / "run", code=2)
        self.holisafe("bench", "import", self.file(self.pairs), "--data", self.data, "--benchmark", "mmmu", "--out", self.folder / "run", code=2)
        self.assertFalse((self.folder / "run").exists())


class Runs(Case):
    def judged(self, run):
        return {(score["judge"], score["unjudged"]) for score in json.loads((self.folder / run / "summary.json").read_text())}

    def test_the_mended_file_goes_into_the_same_run(self):
        self.load(self.file([{"id": 1}]), code=2)
        self.load(self.file(self.pairs[:30] + [{**self.pairs[30], "prediction": "Something else"}], "half.jsonl"), code=2)
        asked = []

        def judge(request, tries):
            asked.append(request)
            return "json", 200, completion("<label>True</label>")

        with FakeEndpoint(judge) as endpoint:
            how = ("bench", "judge", self.folder / "imported", "--judge", "openai", "--judge-endpoint", endpoint.url)
            self.holisafe(*how)
            half = len(asked)
            done = self.load(self.file(self.pairs, "mended.jsonl"))
            self.assertEqual(done.stderr.count("error"), 0)
            summary = json.loads((self.folder / "imported/summary.json").read_text())
            self.assertEqual(summary[0], json.loads(self.expected["summary.json"])[0])
            self.assertEqual((self.folder / "imported/predictions.json").read_bytes(), self.expected["predictions.json"])
            self.holisafe(*how)
        kept = answered(self.pairs[:30])
        self.assertEqual((half, len(asked) - half), (kept + 1, answered(self.pairs) - kept))  # of the same answers the judgements stay

    def test_killed_at_any_moment(self):
        """What is left takes the same files, or others, as if nothing had been."""
        half, whole = self.file(self.pairs[:30], "half.jsonl"), self.file(self.pairs, "whole.jsonl")
        how = [PROGRAM, "bench", "import", "--data", str(self.data), "--allow-missing", "--out", str(self.folder / "imported")]
        begin = time.monotonic()
        self.load(whole, out="straight")
        took = time.monotonic() - begin
        rng = random.Random(5)
        for kill in range(12):
            process = subprocess.Popen([*how, str(rng.choice([half, whole]))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * took)
            process.kill()
            process.wait()
            if kill % 4 == 3 and (self.folder / "imported/run.db").exists():
                answers = len(stored(self.folder / "imported"))
                self.assertIn(answers, (0, answered(self.pairs[:30]), answered(self.pairs)))
        self.load(whole)
        self.check_same()

    def test_another_run_is_refused(self):
        self.load(self.file(self.pairs), more=["--name", "first"])
        self.assertIn("files: expected", self.load(self.file(self.whole, "b.jsonl"), code=2).stderr)
        self.assertIn('model: expected "first", found "second"', self.load(self.file(self.pairs), code=2, more=["--name", "second"]).stderr)
        self.load(self.file(self.pairs, "b.jsonl"))  # the same content under another name
        self.check_same()
        with FakeEndpoint() as endpoint:
            done = subprocess.run(command(self.data, endpoint, self.folder / "imported"), capture_output=True, text=True, env=environment())
            self.assertEqual((done.returncode, len(endpoint.requests)), (2, 0), done)
            self.assertIn('responder: expected "imported", found "endpoint"', done.stderr)
        before = (self.root / "run" / "run.db").read_bytes()
        done = self.holisafe("bench", "import", self.file(self.pairs), "--data", self.data, "--out", self.root / "run", code=2)
        self.assertIn('responder: expected "endpoint", found "imported"', done.stderr)
        self.assertEqual(before, (self.root / "run" / "run.db").read_bytes())

    def test_names_that_are_no_text(self):
        path = os.fsencode(self.folder) + b"/an\xffswers\x1b.csv"
        pathlib.Path(os.fsdecode(path)).write_bytes(table(self.pairs[1:], ["id", "prediction"]))
        done = subprocess.run([PROGRAM, "bench", "import", path, "--data", self.data, "--out", self.folder / "run"], capture_output=True, env=environment())
        self.assertEqual(done.returncode, 2)
        self.assertIn("id 7: not in ", done.stderr.decode())
        self.assertNotIn(b"\x1b", done.stderr + done.stdout)
        line = json.loads(self.holisafe("bench", "report", self.folder / "run", "--json").stdout)
        self.assertEqual(line["run"], "an\ufffdswers\x1b")
        scored = subprocess.run([PROGRAM, "bench", "score", path, "--data", self.data, "--json", "--allow-missing"], capture_output=True, env=environment())
        self.assertEqual(pathlib.Path(json.loads(scored.stdout)["file"]).name, "an\ufffdswers\x1b.csv")

    def test_report_and_compare(self):
        self.load(self.file(self.pairs), more=["--name", "student"])
        others = [{**row, "prediction": "I cannot help."} for row in self.pairs]
        self.load(self.file(table(others, ["id", "prediction"]), "teacher.csv"), out="other")
        report = [json.loads(line) for line in self.holisafe("bench", "report", self.folder / "imported", self.folder / "other", "--json").stdout.splitlines()]
        self.assertEqual([each["run"] for each in report], ["student", "teacher"])
        self.assertEqual({key: report[0][key] for key in ("n", "types", "masr", "rr", "intervals")},
                         {key: json.loads(self.expected["summary.json"])[0][key] for key in ("n", "types", "masr", "rr", "intervals")})
        same = json.loads(self.holisafe("bench", "compare", self.root / "run", self.folder / "imported", "--json").stdout)
        self.assertEqual(same["masr"]["macro"]["difference"], 0)
        self.assertNotEqual(json.loads(self.holisafe("bench", "compare", self.folder / "other", self.folder / "imported", "--json").stdout), same)
        printed = self.load(self.file(self.pairs), more=["--json"]).stdout
        self.assertEqual([json.loads(printed)], json.loads(self.expected["summary.json"]))


if __name__ == "__main__":
    unittest.main()
