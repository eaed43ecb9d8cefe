"""`holisafe bench export` and `bench compare --export` over runs made against a fake endpoint and over prediction files."""

import csv
import hashlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402
import score_test  # noqa: E402
from bench_run_case import PROGRAM, Case, change_rows, environment  # noqa: E402
from bench_soak import make_data  # noqa: E402
from fake_endpoint import FakeEndpoint, answer_to  # noqa: E402

HEAD = "run,benchmark,data_sha256,judge,mode,group_kind,group,metric,n,count,unjudged,value,low,high,bound_low,bound_high"
HOSTILE = "\\input{|ls}%&_#~^$\"'`<script>alert(1)</script>*[x](http://x.example)\n\r\t\x1b[2J\u202eevil\u2066 \u4e2d"
FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx"]
SVG = "{http://www.w3.org/2000/svg}"


def read_csv(path):
    text = path.read_bytes().decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def number(text):
    return float(text) if text else None


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Exports(Case):
    def setUp(self):
        super().setUp()
        self.data = make_data(self.folder / "data", 60)

    def make_run(self, name, *more, answer=answer_to):
        with FakeEndpoint(lambda request, tries: ("answer", answer(request.query))) as endpoint:
            self.run_bench(self.data, endpoint, *more, out=name)
        return self.folder / name

    def add_judge(self, run, judge="openai:x"):
        with sqlite3.connect(run / "run.db") as connection:
            change_rows(connection)
            connection.execute(f"INSERT INTO verdicts SELECT '{judge}', position, 0, CASE WHEN position % 4 = 0 THEN 'unjudged' "
                               "WHEN position % 4 = 1 THEN 'unexpected' ELSE 'expected' END, '<label>', '', NULL FROM samples")
        connection.close()

    def add_guard(self, run):
        """A guard that is right on two rows of three; gives its label and P(safe) by row."""
        guard = {}
        with sqlite3.connect(run / "run.db") as connection:
            change_rows(connection)
            for position, row in enumerate(self.rows(self.data)):
                label = (row["image_safety_label"] + (position % 3 == 0)) % 20
                scores = [0.24 if name == label else 0.04 for name in range(20)]
                guard[position] = label, scores[0]
                connection.execute("UPDATE predictions SET verdict = ? WHERE position = ?", (json.dumps([label, *scores]), position))
        connection.close()
        return guard

    def export(self, *inputs, out="out", code=0):
        done = self.holisafe("bench", "export", *inputs, "--out", self.folder / out, code=code)
        return self.folder / out, done

    def report(self, *arguments):
        return [json.loads(line) for line in self.holisafe("bench", "report", *arguments, "--json").stdout.splitlines()]

    def assert_scores(self, lines, score):
        """The lines of one run and judge hold the values of `bench report --json`."""
        overall = {line["metric"]: line for line in lines if not line["group_kind"]}
        self.assertEqual(set(overall), {"rr", "SSU", "USU", "SUU", "UUU", "masr.macro", "masr.sample_weighted"})
        values = {"rr": score["rr"], "masr.macro": score["masr"]["macro"], "masr.sample_weighted": score["masr"]["sample_weighted"],
                  **{kind: score["types"][kind]["rate"] for kind in ("SSU", "USU", "SUU", "UUU")}}
        for metric, value in values.items():
            line = overall[metric]
            self.assertEqual(number(line["value"]), value)
            interval = score["intervals"].get(metric)
            self.assertEqual([number(line["low"]), number(line["high"])], interval or [None, None])
            self.assertEqual([number(line["bound_low"]), number(line["bound_high"])], score["bounds"][metric])
        for kind in ("SSU", "USU", "SUU", "UUU"):
            entry = score["types"][kind]
            self.assertEqual([int(overall[kind][key]) for key in ("n", "count", "unjudged")],
                             [entry["n"], entry["complied"], entry["unjudged"]])
        self.assertEqual(int(overall["rr"]["count"]), score["types"]["SSS"]["refused"])
        self.assertEqual(overall["masr.macro"]["count"], "")
        groups = {(line["group"], line["metric"]): line for line in lines if line["group_kind"] == "subcategory"}
        for name, entry in score["subcategories"].items():
            self.assertEqual(number(groups[name, "masr.macro"]["value"]), entry["masr"])
            self.assertEqual(number(groups[name, "SSU"]["value"]), entry["types"]["SSU"]["rate"])
        self.assertTrue(any(line["group_kind"] == "category" for line in lines))

    def test_csv_holds_the_values_of_json(self):
        runs = [self.make_run("a"), self.make_run("b", "--system", "x", answer=lambda query: "I cannot help with that.")]
        self.add_judge(runs[0])
        out, done = self.export(*runs)
        self.assertEqual((out / "scores.csv").read_text().splitlines()[0], HEAD)
        lines = read_csv(out / "scores.csv")
        scores = self.report(*runs)
        self.assertEqual(len({(line["run"], line["judge"]) for line in lines}), 3)
        for score in scores:
            mine = [line for line in lines if (line["run"], line["judge"]) == (score["run"], score["judge"])]
            self.assertEqual({line["mode"] for line in mine}, {score["mode"] or ""})
            self.assertEqual({line["benchmark"] for line in mine}, {"holisafe"})
            self.assert_scores(mine, score)
        data = hashlib.sha256((self.data / "holisafe_bench.json").read_bytes()).hexdigest()
        self.assertEqual({line["data_sha256"] for line in lines}, {data})
        self.assertIn(data, (out / "method.txt").read_text())
        for value in {line["value"] for line in lines} - {""}:
            self.assertLessEqual(len(value), len(repr(float(value))))  # Python's are the shortest, but for ".0"

    def test_rows_of_both_formats(self):
        run = self.make_run("a")
        self.add_judge(run)
        out, _ = self.export(run)
        table = read_csv(out / "rows.csv")
        lines = [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
        predictions = json.loads((run / "predictions.json").read_text(encoding="utf-8"))
        self.assertEqual(len(table), 60)
        self.assertEqual(list(table[0]), ["run", "id", "image", "type", "category", "subcategory", "query", "prediction", "state",
                                          "guard_label", "guard_unsafe", "judge:string", "judge:openai:x"])
        for position, (row, line, source) in enumerate(zip(table, lines, predictions)):
            self.assertEqual((line["id"], line["image"], line["query"], line["prediction"], line["type"]),
                             tuple(source[key] for key in ("id", "image", "query", "prediction", "type")))
            for key in ("run", "image", "type", "category", "subcategory", "query", "prediction", "state"):
                self.assertEqual(row[key], line[key])
            self.assertEqual(row["id"], str(line["id"]))
            self.assertEqual(line["state"], "answered")
            self.assertIsNone(line["guard_unsafe"])
            self.assertEqual([row["judge:string"], row["judge:openai:x"]], list(line["judgements"].values()))
            refuses = source["prediction"].strip().lower().startswith(("i cannot", "i'm sorry"))
            self.assertEqual(row["judge:string"], "refused" if refuses else "complied")
            expected = {0: "unjudged", 1: "complied" if row["type"] != "SSS" else "refused"}.get(
                position % 4, "refused" if row["type"] != "SSS" else "complied")
            self.assertEqual(row["judge:openai:x"], expected)

    def test_the_same_input_gives_the_same_bytes(self):
        run = self.make_run("a")
        first, _ = self.export(run, "--intervals", out="first")
        second, _ = self.export(run, "--intervals", out="an other")
        self.assertEqual(tree(first), tree(second))
        self.assertEqual(set(tree(first)), {"scores.csv", "scores.tex", "scores.md", "rows.csv", "rows.jsonl", "rates.svg", "rates.pdf",
                                            "categories.svg", "categories.pdf", "method.txt", "references.bib"})

    def test_a_folder_that_is_new_or_empty(self):
        run = self.make_run("a")
        (self.folder / "empty").mkdir()
        self.export(run, out="empty")
        self.assertTrue((self.folder / "empty" / "scores.csv").exists())
        before = tree(self.folder / "empty")
        _, done = self.export(run, out="empty", code=2)
        self.assertIn("expected a new or empty folder", done.stderr)
        self.assertEqual(tree(self.folder / "empty"), before)
        (self.folder / "file").write_text("x")
        self.export(run, out="file", code=2)
        self.assertEqual((self.folder / "file").read_text(), "x")
        inside = self.folder / "inside"
        inside.mkdir()
        done = subprocess.run([PROGRAM, "bench", "export", run, "--out", "."], cwd=inside, capture_output=True, text=True,
                              env=environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((inside / "scores.csv").exists())

    def test_formats_and_judges_are_chosen(self):
        run = self.make_run("a")
        self.add_judge(run)
        out, _ = self.export("--formats", "tex,svg", run, "--judge", "openai:x", out="some")
        self.assertEqual({path.suffix for path in out.iterdir()}, {".tex", ".svg", ".txt", ".bib"})
        text = (out / "scores.tex").read_text()
        self.assertIn("Judge: openai:x", text)
        self.assertNotIn("Judge: string", text)
        self.assertIn("judge-openai-x", (out / "references.bib").read_text())
        _, done = self.export(run, "--judge", "nobody", out="none", code=2)
        self.assertIn("expected some of string, openai:x", done.stderr)
        self.assertFalse((self.folder / "none").exists())
        _, done = self.export(run, "--formats", "csv,dox", out="none", code=2)
        self.assertIn("dox", done.stderr)

    def test_what_cannot_be_made_is_left_out_and_named(self):
        run = self.make_run("a")
        _, done = self.export(run)
        for name in ("published", "guard-roc", "guard-precision-recall", "guard-confusion", "guard-calibration", "safety-utility"):
            self.assertRegex(done.stderr, rf"(?m)^holisafe: left out: .*{name}")
        with sqlite3.connect(run / "run.db") as connection:
            change_rows(connection)
            connection.execute("DELETE FROM verdicts")
        connection.close()
        out, done = self.export(run, out="unjudged")
        self.assertEqual(set(tree(out)), {"rows.csv", "rows.jsonl", "method.txt", "references.bib"})
        self.assertRegex(done.stderr, "(?m)^holisafe: left out: scores, rates, categories: no judge's verdicts$")

    def test_a_judge_without_verdicts(self):
        run = self.make_run("a")
        self.add_judge(run)
        with sqlite3.connect(run / "run.db") as connection:
            change_rows(connection)
            connection.execute("UPDATE verdicts SET state = 'unjudged' WHERE judge = 'openai:x'")
        connection.close()
        out, done = self.export(run)
        self.assertIn("holisafe: left out: scores of fake by judge openai:x: no verdict\n", done.stderr)
        self.assertEqual({line["judge"] for line in read_csv(out / "scores.csv")}, {"string"})
        self.assertEqual({row["judge:openai:x"] for row in read_csv(out / "rows.csv")}, {"unjudged"})
        self.assertTrue((out / "rates.pdf").exists())

    def test_killed_at_any_moment_all_or_nothing_is_there(self):
        file = self.hostile_file(count=2000)
        whole, _ = self.export(file, out="whole")
        expected = tree(whole)
        rng = random.Random(7)
        out = self.folder / "killed"
        kills = 0
        for _ in range(20):
            process = subprocess.Popen([PROGRAM, "bench", "export", file, "--out", out], stderr=subprocess.DEVNULL, env=environment())
            try:
                process.wait(rng.uniform(0.005, 0.2))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
            if out.exists():
                self.assertEqual(tree(out), expected)
                shutil.rmtree(out)
        self.assertGreater(kills, 0)
        self.export(file, out="killed")
        self.assertEqual(tree(out), expected)
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith(".")], [])  # nothing stays

    def hostile_file(self, texts=(HOSTILE,), name="hostile", count=10):
        rows = [score_test.make_row(number, "SSU", texts[number % len(texts)], query=texts[number % len(texts)],
                                    image=f"{texts[number % len(texts)]}/{number}.png") for number in range(count)]
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(rows))
        return path

    def test_hostile_texts_are_inert(self):
        named = self.hostile_file(name="\\input{x} %&_#~^$<b>|\u202e\n`*")
        out, _ = self.export(named, self.hostile_file())
        rows = read_csv(out / "rows.csv")
        self.assertEqual({row["query"] for row in rows}, {HOSTILE})  # the same text
        self.assertEqual({row["run"] for row in rows}, {named.stem, "hostile"})
        lines = [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").split("\n") if line]
        self.assertEqual({line["prediction"] for line in lines}, {HOSTILE})
        tex = (out / "scores.tex").read_text(encoding="utf-8")
        body = [line for line in tex.splitlines() if not line.startswith("%")]
        self.assertEqual(body[0], r"\begin{tabular}{lrrrrrrrr}")
        self.assertEqual(body[-1], r"\end{tabular}")
        for line in body[1:-1]:
            self.assertRegex(line, r"^\\(top|mid|bottom)rule$| \\\\$")
            if line.count(" & "):
                self.assertEqual(line.count(" & "), 8)
        self.assertNotIn("\\input", tex.replace("\\textbackslash{}input", "").split("\\begin{tabular}")[1])
        markdown = (out / "scores.md").read_text(encoding="utf-8")
        self.assertNotIn("<b>", markdown)
        for text in (tex, markdown, (out / "method.txt").read_text(encoding="utf-8")):
            self.assertFalse(set(text) & set("\x1b\u202e\u2066\r\t"))
        for figure in out.glob("*.svg"):
            root = xml.etree.ElementTree.parse(figure).getroot()
            self.assertEqual({element.tag for element in root.iter()}, {SVG + name for name in ("svg", "title", "path", "text")})
            self.assertFalse(set("".join(root.itertext())) & set("\x1b\u202e"))

    def test_spreadsheets_see_no_formula(self):
        file = self.hostile_file(FORMULAS)
        out, _ = self.export(file, "--spreadsheet", "--formats", "csv", out="sheet")
        plain, _ = self.export(file, "--formats", "csv", out="plain")
        for row, same in zip(read_csv(out / "rows.csv"), read_csv(plain / "rows.csv")):
            self.assertEqual(row["query"], "'" + same["query"])
            self.assertIn(same["query"], FORMULAS)

    def test_figures_show_the_numbers(self):
        runs = [self.make_run("a"), self.make_run("b", "--system", "x")]
        for width, inches in (("column", "3.33in"), ("page", "6.9in")):
            out, _ = self.export(*runs, "--width", width, "--formats", "svg,pdf", out=width)
            root = xml.etree.ElementTree.parse(out / "rates.svg").getroot()
            self.assertEqual(root.get("width"), inches)
            titles = {title.text for title in root.iter(SVG + "title")}
            for score in self.report(*runs):
                for metric, value in [("SSS RR", score["rr"]), ("mASR macro", score["masr"]["macro"]),
                                      *[(f"{kind} ASR", score["types"][kind]["rate"]) for kind in ("SSU", "USU", "SUU", "UUU")]]:
                    self.assertTrue(any(title.startswith(f"{score['run']}, {metric}: {100 * value:.1f}%") for title in titles),
                                    (metric, titles))
            for figure in out.glob("*.pdf"):
                content = figure.read_bytes()
                self.assertIn(b"/FontFile", content)
                box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", content)
                self.assertAlmostEqual(float(box[1]) / 72, float(inches[:-2]), places=2)
                if shutil.which("pdffonts"):
                    fonts = subprocess.run(["pdffonts", figure], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
                    self.assertTrue(fonts)
                    for font in fonts:
                        self.assertEqual(font.split()[-5:-3], ["yes", "yes"], font)  # embedded, a subset

    def test_guard_figures_and_columns(self):
        run = self.make_run("a")
        guard = self.add_guard(run)
        out, done = self.export(run)
        names = {path.name for path in out.iterdir()}
        for name in ("guard-calibration", "guard-roc", "guard-precision-recall", "guard-confusion"):
            self.assertLessEqual({f"{name}.svg", f"{name}.pdf"}, names)
            self.assertNotIn(name, done.stderr)
        for position, row in enumerate(read_csv(out / "rows.csv")):
            label, safe = guard[position]
            self.assertEqual(int(row["guard_label"]), label)
            self.assertAlmostEqual(float(row["guard_unsafe"]), 1 - safe, delta=1e-12)
        confusion = self.report(run)[0]["guard"]["confusion"]
        root = xml.etree.ElementTree.parse(out / "guard-confusion.svg").getroot()
        titles = {title.text for title in root.iter(SVG + "title")}
        self.assertIn(f"safe, safe: {confusion[0][0]}", titles)
        self.assertIn(f"race, religion: {confusion[2][3]}", titles)
        self.assertGreater(confusion[2][3], 0)

    def test_published_where_the_whole_benchmark_was_scored(self):
        rows = [score_test.make_row(number, score_test.reference.TYPES[number % 5], "I cannot" if number % 3 else "Sure", image=f"{number}.png")
                for number in range(4031)]
        file = self.folder / "whole.json"
        file.write_text(json.dumps(rows))
        out, done = self.export(file, "--formats", "svg,csv", "--bootstrap", 0)
        self.assertNotRegex(done.stderr, "left out: .*published")
        titles = {title.text for title in xml.etree.ElementTree.parse(out / "published.svg").getroot().iter(SVG + "title")}
        self.assertTrue(any("SafeQwen2.5-VL-32B: " in title for title in titles if title))
        value = next(number(line["value"]) for line in read_csv(out / "scores.csv") if line["metric"] == "masr.macro")
        self.assertTrue(any(f"whole: {100 * value:.1f}%" in title for title in titles if title), titles)

    def test_safety_and_utility_of_a_model(self):
        benchmark_data.make("mmmu", self.folder / "mmmu")
        with FakeEndpoint(lambda request, tries: ("answer", "B")) as endpoint:
            self.run_bench(self.data, endpoint, out="safety")
            self.run_bench(self.folder / "mmmu", endpoint, "--benchmark", "mmmu", out="utility")
        out, done = self.export(self.folder / "safety", self.folder / "utility")
        self.assertNotIn("safety-utility", done.stderr)
        safety, utility, *others = self.report(self.folder / "safety", self.folder / "utility")
        self.assertEqual([utility["rule"], *(other.get("rule", other.get("table")) for other in others)], ["lmms-eval", "authors", "safety-utility"])
        titles = [title.text for title in xml.etree.ElementTree.parse(out / "safety-utility.svg").getroot().iter(SVG + "title")]
        self.assertIn(f"fake: {100 * utility['metrics']['accuracy']['value']:.1f}%, {100 * (1 - safety['masr']['macro']):.1f}%", titles)
        names = {path.name for path in out.iterdir()}
        self.assertLessEqual({"rates-holisafe.svg", "rates-mmmu.svg", "categories-mmmu.pdf", "safety-utility.pdf"}, names)
        for key in ("lee2025holisafe", "yue2024mmmu", "holisafe_program"):
            self.assertIn(key, (out / "references.bib").read_text())
        self.assertEqual((out / "scores.tex").read_text().count("\\begin{tabular}"), 2)
        lines = [line for line in read_csv(out / "scores.csv") if line["benchmark"] == "mmmu" and not line["group_kind"] and line["judge"] == "lmms-eval"]
        self.assertEqual({line["metric"] for line in lines}, set(utility["metrics"]))
        for line in lines:
            self.assertEqual(number(line["value"]), utility["metrics"][line["metric"]]["value"])
            self.assertEqual(int(line["n"]), utility["metrics"][line["metric"]]["n"])

    def test_the_documented_way_into_a_paper(self):
        """Every block of shell and Python in docs/results.md, "Out into a paper", in its order."""
        text = (pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"]) / "docs/results.md").read_text(encoding="utf-8")
        section = text[text.index("## Out into a paper"):]
        (self.folder / "runs").mkdir()
        self.make_run("runs/cautious")
        self.make_run("runs/helpful", "--system", "x", answer=lambda query: f"Sure: {query}")
        path = f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"
        blocks = re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", section)
        self.assertEqual([language for language, _ in blocks], ["sh", "sh", "python", "sh"])
        for language, block in blocks:
            words = ["bash", "-euc", block] if language == "sh" else [sys.executable, "-c", block]
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, env=environment(PATH=path))
            self.assertEqual(done.returncode, 0, (block, done.stderr))
        for made in ("paper/rates.pdf", "paper-files/scores.tex", "paper-differences/changed.csv"):
            self.assertTrue((self.folder / made).exists(), made)

    def test_the_citation_file_is_of_this_version(self):
        version = self.holisafe("--version").stdout.split()[1]
        source = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
        self.assertIn(f"\nversion: {version}\n", (source / "CITATION.cff").read_text())

    def test_where_nothing_can_be_written(self):
        run = self.make_run("a")
        done = subprocess.run([PROGRAM, "bench", "export", run, "--out", "/proc/none/out"], capture_output=True, text=True, env=environment())
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "^holisafe: error: ")
        self.export(self.folder / "no such run", out="none", code=2)
        self.assertFalse((self.folder / "none").exists())
        self.assertEqual([path for path in self.folder.iterdir() if path.name.startswith(".")], [])

    def test_prediction_files_and_runs_side_by_side(self):
        run = self.make_run("a")
        copy = self.folder / "copy.json"
        copy.write_bytes((run / "predictions.json").read_bytes())
        out, _ = self.export(run, copy)
        lines = read_csv(out / "scores.csv")
        self.assertEqual({line["run"] for line in lines}, {"fake", "copy"})
        values = {}
        for line in lines:
            values.setdefault(line["run"], []).append([line[key] for key in HEAD.split(",")[3:]])
        self.assertEqual(values["fake"], values["copy"])
        missing = json.loads(copy.read_text())
        missing[0]["prediction"] = None
        copy.write_text(json.dumps(missing))
        _, done = self.export(copy, out="refused", code=2)
        self.assertIn("prediction", done.stderr)
        self.assertFalse((self.folder / "refused").exists())
        out, _ = self.export(copy, "--allow-missing", out="allowed")
        self.assertEqual(read_csv(out / "rows.csv")[0]["state"], "unanswered")

    def test_the_best_is_bold_and_intervals_are_below(self):
        runs = [self.make_run("a"), self.make_run("b", "--system", "x", answer=lambda query: "I cannot help with that.")]
        out, _ = self.export(*runs, "--intervals")
        tex = (out / "scores.tex").read_text()
        self.assertIn("% holisafe bench export ", tex)
        self.assertIn("--out DIR --intervals", tex)
        rows = [line for line in tex.splitlines() if line.startswith("fake")]
        self.assertEqual([row.count("\\textbf{0.0}") for row in rows], [0, 6])  # all ASR and mASR
        self.assertEqual(tex.count("\\footnotesize"), 14)
        self.assertEqual(set(re.findall(r"\\(?:use)?package|\\input", tex)), {"\\usepackage"})  # of booktabs, in a comment
        markdown = (out / "scores.md").read_text()
        self.assertIn("| **0.0** |", markdown)
        self.assertEqual(len({line.count("|") for line in markdown.splitlines() if line.startswith("|")}), 1)

    def test_differences(self):
        runs = [self.make_run("a"), self.make_run("b", "--system", "x", answer=lambda query: "I cannot help with that.")]
        done = self.holisafe("bench", "compare", *runs, "--json", "--export", self.folder / "differences")
        found = json.loads(done.stdout)
        out = self.folder / "differences"
        self.assertEqual(set(tree(out)), {"differences.csv", "differences.tex", "differences.md", "changed.csv"})
        lines = {line["metric"]: line for line in read_csv(out / "differences.csv")}
        for metric, entry in [("rr", found["types"]["SSS"]), ("SSU", found["types"]["SSU"]), ("masr.macro", found["masr"]["macro"])]:
            line = lines[metric]
            self.assertEqual([number(line[key]) for key in ("n", "first", "second", "difference", "low", "high")],
                             [entry["n"], entry["first"], entry["second"], entry["difference"], *entry["interval"]])
            self.assertEqual(number(line["p_value"]), entry["mcnemar"]["p_value"])
            self.assertEqual(int(line["only_first_wrong"]), entry["mcnemar"]["only_first_wrong"])
        row = next(line for line in (out / "differences.tex").read_text().splitlines() if line.startswith("mASR macro"))
        self.assertIn(f"$-${100 * abs(found['masr']['macro']['difference']):.1f} & ", row)
        changed = read_csv(out / "changed.csv")
        self.assertEqual(changed, found["changed"])
        again = self.folder / "again"
        self.holisafe("bench", "compare", *runs, "--export", again)
        self.assertEqual(tree(out), tree(again))
        self.holisafe("bench", "compare", *runs, "--export", again, code=2)


if __name__ == "__main__":
    unittest.main()
