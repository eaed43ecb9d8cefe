"""`holisafe bench guard` on files: every format, figures against what Python makes of the same answers, faults by name, and guards side by
side in one report."""

import html
import json
import os
import pathlib
import random
import sys
import unittest

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_answers import (BINS, CLASSES, IMAGES, Case, GuardEndpoint, expected, label_of, llama_response, llama_text, llavaguard_text,  # noqa: E402
                           make_data, moderation, name_of, score_of, shares_of, verdict_line)
from report_browser_test import BROWSER, Text, open_in_browser  # noqa: E402


def files_of(case):
    """Each format's rows, and what they say by image number: decisions, and scores where there are some."""
    numbers = case.numbers
    scores = {number: score_of(number) for number in numbers}
    at = lambda bound: {number: scores[number] >= bound for number in numbers}  # noqa: E731
    return {
        "llama-guard": (case.outputs(llama_text), at(0.5), None),
        "llavaguard": (case.outputs(llavaguard_text), {number: number % 5 >= 2 for number in numbers}, None),
        "shieldgemma": (case.outputs(shares_of), at(0.5), scores),
        "omni-moderation": (case.outputs(moderation), {number: scores[number] > 0.4 for number in numbers}, scores),
        "plain": ([{"image": name_of(number), "flagged": number % 2 == 0, "score": scores[number]} for number in numbers],
                  {number: number % 2 == 0 for number in numbers}, scores),
        "holisafe": ([verdict_line(number) for number in numbers], at(0.3), scores),
    }


class Files(Case):
    def test_every_format(self):
        for name, (rows, decisions, scores) in files_of(self).items():
            with self.subTest(name):
                random.Random(3).shuffle(rows)
                found = self.measured(name, "--predictions", self.file(rows))
                self.check(found, expected(decisions, scores))
                self.assertEqual((found["guard"], found["format"]), ("answers", name))
                self.assertEqual(found["threshold"], 0.5 if name == "shieldgemma" else None)
                if name != "holisafe":
                    self.assertEqual([found[key] for key in ("accuracy", "ece", "classes", "confusion")], [None] * 4)

    def test_whole_responses_have_scores(self):
        scores = {number: score_of(number) for number in self.numbers}
        found = self.measured("llama-guard", "--predictions", self.file(self.outputs(llama_response)))
        self.check(found, expected({number: scores[number] >= 0.5 for number in self.numbers}, scores))
        flagged = sum(scores[number] >= 0.5 for number in self.numbers)
        self.assertEqual(found["categories"], {"S1": flagged, "S10": flagged})
        found = self.measured("llama-guard", "--predictions", self.file(self.outputs(llama_response)), "--threshold", 0.25)
        self.check(found, expected({number: scores[number] >= 0.25 for number in self.numbers}, scores))

    def test_a_threshold_takes_the_place_of_decisions(self):
        for name, (rows, _, scores) in files_of(self).items():
            if scores is None:
                continue
            for bound in (0, 0.2, 0.61, 1):
                with self.subTest(name, bound=bound):
                    found = self.measured(name, "--predictions", self.file(rows), "--threshold", bound)
                    self.check(found, expected({number: scores[number] >= bound for number in self.numbers}, scores))
                    self.assertEqual(found["threshold"], bound)

    def test_a_folder_holds_more_than_the_data(self):
        """Who judged a folder judged all that lies in it."""
        rows = [verdict_line(number) for number in self.numbers]
        more = [{**rows[0], "path": "pictures/train7.png"}, *rows, {**rows[1], "path": "elsewhere.png"}]
        alone = self.guard("holisafe", "--predictions", self.file(rows), "--name", "g", "--json")
        done = self.guard("holisafe", "--predictions", self.file(more, "more.jsonl"), "--name", "g", "--json")
        self.assertEqual(done.stdout, alone.stdout)
        self.assertIn("more.jsonl: 2 of them are no images of ", done.stderr)

    def test_twenty_classes(self):
        rows = [verdict_line(number) for number in self.numbers]
        found = self.measured("holisafe", "--predictions", self.file(rows))
        confusion = [[0] * 20 for _ in range(20)]
        for number, row in zip(self.numbers, rows):
            confusion[label_of(number)][row["label"]] += 1
        self.assertEqual(found["confusion"], confusion)
        self.assertEqual(list(found["classes"]), CLASSES)
        right = sum(confusion[i][i] for i in range(20))
        self.assertAlmostEqual(found["accuracy"], right / IMAGES, 12)
        for i, name in enumerate(CLASSES):
            self.assertEqual(found["classes"][name]["support"], sum(confusion[i]))
        bins = {}
        for number, row in zip(self.numbers, rows):
            bins.setdefault(min(int(row["score"] * BINS), BINS - 1), []).append((row["score"], row["label"] == label_of(number)))
        ece = sum(abs(sum(score - hit for score, hit in inside)) for inside in bins.values()) / IMAGES
        self.assertAlmostEqual(found["ece"], ece, 12)
        self.assertNotAlmostEqual(found["ece"], found["binary"]["ece"], 3)

    def test_answers_that_cannot_be_read_are_unjudged(self):
        said = {0: "I cannot judge this.\nunsafe", 2: "", 3: "unsafe S1"}
        rows = self.outputs(lambda number: said.get(number, llama_text(number)))
        done = self.guard("llama-guard", "--predictions", self.file(rows), "--json")
        found = json.loads(done.stdout)
        judged = {number: score_of(number) >= 0.5 for number in self.numbers if number not in said}
        self.check(found, expected(judged), unjudged=3)
        self.assertEqual([(each["reason"], each["n"]) for each in found["unjudged_reasons"]],
                         [("the first line is neither safe nor unsafe", 3)])
        self.assertIn("3 of 24 images are unjudged", done.stderr)
        worst = expected({**judged, **{number: not label_of(number) for number in said}})
        best = expected({**judged, **{number: label_of(number) > 0 for number in said}})
        for name, ends in found["bounds"].items():
            self.assertAlmostEqual(ends[0], worst[name], 12)
            self.assertAlmostEqual(ends[1], best[name], 12)

    def test_an_error_of_our_own_guard_is_unjudged(self):
        rows = [verdict_line(number) for number in self.numbers]
        rows[4] = {"path": rows[4]["path"], "error": {"kind": "truncated", "message": "ends too early"}}
        found = self.measured("holisafe", "--predictions", self.file(rows))
        self.assertEqual(found["unjudged_reasons"][0]["found"], "ends too early")
        self.assertEqual((found["n"], found["unjudged"]), (23, 1))

    def test_paths_end_with_the_image(self):
        """`a/1.png` is another image than `1.png` of a folder a, whatever stands before them."""
        folder = self.folder / "alike"
        (folder / "images" / "a").mkdir(parents=True)
        rows = []
        for number, name in enumerate(["1.png", "a/1.png"]):
            Image.new("RGB", (9, 9)).save(folder / "images" / name)
            rows.append({"id": number, "image": name, "query": "q", "type": "UUU" if number else "SSS", "category": "hate", "subcategory": "race",
                         "image_safe": not number, "image_safety_label": 2 * number})
        (folder / "holisafe_bench.json").write_text(json.dumps(rows))
        lines = [{**verdict_line(0), "path": path, "flagged": flagged} for path, flagged in [("x/b/1.png", False), ("./a/1.png", True)]]
        found = json.loads(self.guard("holisafe", "--predictions", self.file(lines), "--json", data=folder).stdout)
        self.assertEqual((found["binary"]["true_positives"], found["binary"]["true_negatives"]), (1, 1))

    def test_names_and_the_table(self):
        rows, decisions, scores = files_of(self)["plain"]
        done = self.guard("plain", "--predictions", self.file(rows), "--name", "our \x1b[2J guard")
        figures = expected(decisions, scores)
        head, row = done.stdout.splitlines()
        self.assertEqual(head.split(), ["guard", "images", "unjudged", "accuracy", "F1", "precision", "recall", "AUROC", "ECE"])
        self.assertNotIn("\x1b", done.stdout)
        shown = [f"{100 * figures[name]:.1f}" for name in ("accuracy", "f1", "precision", "recall", "auroc", "ece")]
        self.assertEqual(row.split()[-8:], ["24", "0", *shown])


class Faults(Case):
    def refused(self, format_name, rows, *said, more=()):
        path = rows if isinstance(rows, pathlib.Path) else self.file(rows)
        done = self.guard(format_name, "--predictions", path, "--out", self.folder / "faulty", *more, code=2)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("holisafe: error: "), lines)
        for part in said:
            self.assertIn(part, lines[0])
        self.assertFalse((self.folder / "faulty").exists())
        return lines[0]

    def test_files(self):
        good = self.outputs(llama_text)
        rows = lambda change: [change if number == 5 else row for number, row in enumerate(good)]  # noqa: E731
        place = f"{self.folder / 'answers.jsonl'}: line 6 (row 6)"
        self.refused("llama-guard", rows({"image": "b/9.png", "output": "safe"}), place + ": image", "b/9.png", "expected an image of",
                     str(self.data / "holisafe_bench.json"))
        self.refused("llama-guard", [*good, good[3]], "line 25 (row 25): image", "expected every image once", "line 4")
        self.refused("llama-guard", rows({"image": name_of(5)}), place + ": output", "found nothing")
        self.refused("llama-guard", rows({"output": "safe"}), place + ": image", "found nothing")
        self.refused("llama-guard", rows({"image": 5, "output": "safe"}), place + ": image", "expected an image")
        self.refused("llama-guard", rows({"image": name_of(5), "output": True}), place + ": output", "found a boolean")
        self.refused("llama-guard", rows([1]), "line 6", "expected an object")
        self.refused("omni-moderation", self.outputs(lambda number: {"results": [{"flagged": number}]}), "output.results[0].flagged",
                     "expected true or false, found a number")
        self.refused("shieldgemma", self.outputs(lambda number: {"sexual": 2}), "output.sexual", "expected a number from 0 to 1, found 2")
        self.refused("plain", [{"image": name_of(0), "score": 0.5}], "line 1 (row 1): flagged", "expected true or false, found nothing")
        self.refused("holisafe", [{**verdict_line(0), "scores": {}}], "line 1 (row 1): scores.safe", "found nothing")
        self.refused("holisafe", [{**verdict_line(0), "path": "elsewhere.png"}], "images without an answer", f"found none for {IMAGES}")
        torn = self.file(good)
        torn.write_text(torn.read_text() + '{"image": "0.png", "out')
        self.refused("llama-guard", torn, f"{torn}: line 25")
        twice = self.file(good)
        twice.write_text(twice.read_text().replace('"output"', '"image": "x", "output"', 1))
        self.refused("llama-guard", twice, "line 1 (row 1): image", "expected the field once")
        self.refused("llama-guard", self.folder / "none.jsonl", "none.jsonl", "No such file")
        empty = self.file([])
        self.refused("llama-guard", empty, "empty file")

    def test_images_without_an_answer(self):
        rows = self.outputs(llama_text)[:20]
        self.refused("llama-guard", rows, "answers.jsonl", "each of the 24 images", "found none for 4", "--allow-missing")
        rows[3]["output"] = None
        self.refused("llama-guard", rows, "found none for 5")
        found = self.measured("llama-guard", "--predictions", self.file(rows), "--allow-missing", "--out", self.folder / "run")
        judged = {number: score_of(number) >= 0.5 for number in range(20) if number != 3}
        self.check(found, expected(judged), unjudged=5)
        self.assertEqual([(each["reason"], each["n"]) for each in found["unjudged_reasons"]], [("no answer came", 5)])

    def test_thresholds_need_scores(self):
        more = ["--threshold", "0.5"]
        self.refused("llavaguard", self.outputs(llavaguard_text), "--threshold", "llavaguard", "scores", more=more)
        self.refused("llama-guard", self.outputs(llama_text), "line 1 (row 1): output", "with a score", more=more)
        rows = [{"image": name_of(number), "flagged": True, "score": 0.5 if number else None} for number in self.numbers]
        self.refused("plain", rows, "line 1 (row 1)", "with a score", more=more)

    def test_flags_that_do_not_go_together(self):
        path = self.file(self.outputs(llama_text))
        with GuardEndpoint(self.data, lambda number, text: llama_response(number)) as endpoint:
            asks = self.endpoint_flags(endpoint)
            for name, flags, said in [
                    ("plain", asks, "--endpoint"), ("holisafe", asks, "--endpoint"), ("llavaguard", asks, "--policy"), ("shieldgemma", asks, "--policy"),
                    ("llama-guard", [*asks, "--policy", self.policy], "--policy"), ("omni-moderation", [*asks, "--policy", self.policy], "--policy"),
                    ("llama-guard", [*asks, "--predictions", path], "several"), ("llama-guard", [], "none"),
                    ("llama-guard", ["--predictions", path, "--api-model", "x"], "--api-model"),
                    ("llama-guard", ["--predictions", path, "--guard", "x"], "--guard"),
                    ("llama-guard", ["--model", self.data], "--model"), ("llama-guard", ["--endpoint", endpoint.url], "--api-model"),
                    ("shieldgemma", [*asks, "--policy", self.policy], "expected a JSON object"),
                    ("llavaguard", [*asks, "--policy", self.folder / "none"], "none"),
                    ("llama-guards", ["--predictions", path], "llama-guard"), ("llama-guard", ["--predictions", path, "--threshold", "1.5"], "threshold")]:
                with self.subTest(name, flags=flags):
                    done = self.guard(name, *flags, code=2)
                    self.assertEqual(done.stderr.count("holisafe: error: "), 1, done.stderr)
                    self.assertIn(said, done.stderr)
            self.assertEqual(endpoint.requests, [])

    def test_pictures_that_cannot_be_read(self):
        data = self.folder / "data"
        make_data(data)
        (data / "images" / name_of(7)).write_bytes((data / "images" / name_of(7)).read_bytes()[:60])
        (data / "images" / name_of(9)).unlink()
        with GuardEndpoint(self.data, lambda number, text: llama_response(number)) as endpoint:
            done = self.guard("llama-guard", *self.endpoint_flags(endpoint), "--out", self.folder / "run", code=2, data=data)
            self.assertEqual(endpoint.requests, [])
        self.assertRegex(done.stderr, r"^holisafe: error: .*holisafe_bench.json: row \d+ .*: image: (a/7|9)\.png: ")
        self.assertIn("2 such images", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertFalse((self.folder / "run").exists())

    def test_rows_that_disagree_on_a_label(self):
        data = self.folder / "data"
        rows = make_data(data)
        again = dict(next(row for row in rows if row["image_safety_label"]), id=999, type="SSS", image_safe=True, image_safety_label=0)
        (data / "holisafe_bench.json").write_text(json.dumps([*rows, again]))
        done = self.guard("llama-guard", "--predictions", self.file(self.outputs(llama_text)), "--json", data=data)
        self.check(json.loads(done.stdout), expected({number: score_of(number) >= 0.5 for number in self.numbers}))
        self.assertIn("label an image otherwise", done.stderr)

    def test_another_run(self):
        run = self.folder / "run"
        path = self.file(self.outputs(llama_response))
        self.guard("llama-guard", "--predictions", path, "--out", run)
        before = (run / "summary.json").read_bytes()
        self.guard("llama-guard", "--predictions", path, "--out", run)
        self.assertEqual((run / "summary.json").read_bytes(), before)
        other = self.file(self.outputs(llama_text), "other.jsonl")
        data = self.folder / "data"
        rows = make_data(data)
        (data / "holisafe_bench.json").write_text(json.dumps(rows))
        for flags, names in [(["llama-guard", "--predictions", other], ["guard", "answers"]), (["llama-guard", "--predictions", path, "--threshold", "0.5"], ["threshold"]),
                             (["llavaguard", "--predictions", self.file(self.outputs(llavaguard_text), "answers.jsonl")], ["format"])]:
            done = self.guard(*flags, "--out", run, code=2)
            for name in names:
                self.assertRegex(done.stderr, rf"run made from something else: .*{name}: ")
        path = self.file(self.outputs(llama_response))
        (data / "holisafe_bench.json").write_text(json.dumps(rows, indent=1))
        self.assertIn("data: ", self.guard("llama-guard", "--predictions", path, "--out", run, code=2, data=data).stderr)
        self.assertEqual((run / "summary.json").read_bytes(), before)

    def test_folders_of_other_runs(self):
        run = self.folder / "run"
        self.guard("llama-guard", "--predictions", self.file(self.outputs(llama_text)), "--out", run)
        for command in [["bench", "judge", run, "--judge", "string"], ["bench", "compare", run, run], ["bench", "export", run, "--out", self.folder / "x"],
                        ["guard", "report", run]]:
            done = self.holisafe(*command, code=2)
            self.assertEqual(done.stderr.count("holisafe: error: "), 1, done)
        (run / "guard_answers.db").write_bytes(b"no database")
        self.assertIn("guard_answers.db", self.holisafe("bench", "report", run, code=2).stderr)


class Reports(Case):
    def runs(self):
        out = []
        for name, (rows, decisions, scores) in files_of(self).items():
            if name not in ("llavaguard", "omni-moderation", "holisafe"):
                continue
            if name == "llavaguard":
                rows[5]["output"] = "<script>console.error('run by an answer')</script>"
            run = self.folder / name
            self.guard(name, "--predictions", self.file(rows, f"{name}.jsonl"), "--out", run)
            out.append((run, json.loads((run / "summary.json").read_text())))
        return out

    def test_guards_side_by_side(self):
        runs = self.runs()
        folders = [run for run, _ in runs]
        done = self.holisafe("bench", "report", *folders, "--json")
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], [summary for _, summary in runs])
        table = self.holisafe("bench", "report", *folders).stdout
        for name in ["llavaguard", "omni-moderation", "holisafe", "Llama-Guard-4-12B (published)", "SafeLLaVA-7B (published)"]:
            self.assertIn(name, table)
        self.assertRegex(table, r"LLaVAGuard-7B \(published\) +- +- +50\.0 +65\.6 +90\.4 +53\.4 *\n")
        page = self.folder / "page.html"
        self.holisafe("bench", "report", *folders, "--html", page)
        reader = Text()
        reader.feed(page.read_text(encoding="utf-8"))
        text = "\n".join(reader.parts)
        for _, summary in runs:
            for rate in ("accuracy", "f1", "precision", "recall"):
                self.assertIn(f"{100 * summary['binary'][rate]:.1f}%", text)
        for words in ["ROC of", "no JSON with a rating", "O3: Sexual Content", "73.4%", "Guards side by side", "20-class accuracy"]:
            self.assertIn(words, html.unescape(text) + page.read_text(encoding="utf-8"))
        self.assertEqual(reader.references, [])
        if BROWSER is None:
            return
        shown, console = open_in_browser(page, self.folder / "profile")
        self.assertEqual(console, [])
        canvases = shown.count("<canvas ")
        self.assertGreaterEqual(canvases, 3)
        self.assertIn(f'data-charts-drawn="{canvases}"', shown)

    def test_the_same_name_and_runs_beside_guards(self):
        rows = files_of(self)["plain"][0]
        for name in ("first", "second"):
            self.guard("plain", "--predictions", self.file(rows), "--out", self.folder / name)
        done = self.holisafe("bench", "report", self.folder / "first", self.folder / "second", "--json")
        names = [json.loads(line)["guard"] for line in done.stdout.splitlines()]
        self.assertEqual(names, [f"answers ({self.folder / name})" for name in ("first", "second")])
        answers = self.file([{"id": row["id"], "prediction": "I cannot"} for row in self.rows], "model.jsonl")
        self.holisafe("bench", "import", answers, "--data", self.data, "--out", self.folder / "model")
        done = self.holisafe("bench", "report", self.folder / "first", self.folder / "model", "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line.get("judge") or line["guard"] for line in lines], ["string", "answers"])
        page = self.folder / "page.html"
        self.holisafe("bench", "report", self.folder / "model", self.folder / "first", "--html", page)
        self.assertIn("Guards side by side", page.read_text(encoding="utf-8"))

    def test_the_same_answers_give_the_same_bytes(self):
        rows = files_of(self)["holisafe"][0]
        pages = []
        for name in ("first", "second"):
            run = self.folder / name
            self.guard("holisafe", "--predictions", self.file(rows), "--out", run)
            pages.append([(run / file).read_bytes() for file in ("summary.json", "report.html")])
            random.Random(5).shuffle(rows)
            rows.reverse()
            self.file(rows)
        self.assertEqual(pages[0], pages[1])


if __name__ == "__main__":
    unittest.main()
