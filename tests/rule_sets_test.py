"""The sets that rules score, through the program: what is asked in every layout, what is written, and what the answers count as by each rule."""

import base64
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rule_set_data  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
TOKENS = {"mmmu": 128, "vizwiz": 512, "mme-realworld": 16, "mmstar": 16, "siuo-mcq": 5, "vlguard": 256}
RULES = {"siuo-mcq": ["authors"], "vlguard": ["authors"]}
WRONG = "It is hard to say"


def number_in(text):
    return int(re.findall(r"#(\d+)#", text)[-1])


def text_of(parts):
    return "\n".join(part for part in parts if isinstance(part, str))


def is_right(row):
    return number_in(text_of(row.parts)) % 3 != 0


def sequence(request):
    """Texts and images of a request in their order."""
    content = request.body["messages"][-1]["content"]
    return [part["text"] if part["type"] == "text" else base64.b64decode(part["image_url"]["url"].split(",", 1)[1], validate=True) for part in content]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


class RuleSets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="holisafe_rule_sets_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def holisafe(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def run_bench(self, name, data, rows):
        answers = {number_in(text_of(row.parts)): row.right if is_right(row) else WRONG for row in rows}
        endpoint = self.enterContext(FakeEndpoint(lambda request, tries: ("answer", answers[number_in(text_of(sequence(request)))])))
        out = self.folder / f"run-{data.name}"
        self.holisafe("bench", "run", "--benchmark", name, "--data", data, "--endpoint", endpoint.url, "--api-model", "m", "--out", out)
        return endpoint, out, answers

    def check_messages(self, name, rows, endpoint):
        def counted(messages):
            return collections.Counter(tuple(message) for message in messages)
        self.assertEqual(counted(sequence(request) for request in endpoint.requests), counted(row.parts for row in rows))
        for request in endpoint.requests:
            self.assertEqual([turn["role"] for turn in request.body["messages"]], ["user"])
            self.assertEqual((request.body["max_tokens"], request.body["temperature"]), (TOKENS[name], 0))

    def check_predictions(self, rows, out, answers):
        found = json.loads((out / "predictions.json").read_text(encoding="utf-8"))
        self.assertEqual([row["id"] for row in found], [row.id for row in rows])
        for row, expected in zip(found, rows):
            self.assertEqual(list(row)[0], "id")
            self.assertEqual(row, {**expected.source, "id": expected.id, "prediction": answers[number_in(text_of(expected.parts))]})

    def check_score(self, name, rows, score):
        # lmms-eval takes an answer that is a list for its text.
        def counts(row):
            return is_right(row) and not (score["rule"] == "lmms-eval" and str(row.source.get("answer")).startswith("["))

        self.assertEqual((score["benchmark"], score["n"], score["unjudged"]), (name, len(rows), 0))
        values = {metric: found["value"] for metric, found in score["metrics"].items()}
        if name == "vlguard":
            for metric, subset in (("asr_unsafes", "unsafes"), ("asr_safe_unsafes", "safe_unsafes")):
                self.assertAlmostEqual(values[metric], mean(not counts(row) for row in rows if row.id.startswith(subset + "/")), msg=metric)
            self.assertAlmostEqual(values["rr_safe_safes"], mean(counts(row) for row in rows if row.id.startswith("safe_safes/")))
            rows = [row for row in rows if row.groups["harmful_category"]]
        else:
            self.assertAlmostEqual(values["accuracy"], mean(counts(row) for row in rows))
        for group, found in score["groups"].items():
            shown = collections.Counter(row.groups[group] for row in rows)
            self.assertEqual({value: entry["n"] for value, entry in found.items() if entry["n"]}, dict(shown), group)
            for value in shown:
                share = mean(counts(row) != (name == "vlguard") for row in rows if row.groups[group] == value)
                self.assertAlmostEqual(found[value][score["primary"]], share, msg=(group, value))

    def test_every_layout(self):
        for name, layouts in rule_set_data.LAYOUTS.items():
            for layout in layouts:
                with self.subTest(name, layout=layout):
                    data = self.folder / f"{name}-{layout}"
                    rows = rule_set_data.make(name, layout, data)
                    endpoint, out, answers = self.run_bench(name, data, rows)
                    self.check_messages(name, rows, endpoint)
                    self.check_predictions(rows, out, answers)
                    scores = {score["rule"]: score for score in json.loads((out / "summary.json").read_text())}
                    self.assertEqual(list(scores), RULES.get(name, ["lmms-eval", "authors"]))
                    for rule, score in scores.items():
                        self.check_score(name, rows, score)
                        for more in ([], ["--data", data]):
                            line = self.holisafe("bench", "score", "--benchmark", name, "--rule", rule, *more, "--json", out / "predictions.json").stdout
                            self.check_score(name, rows, json.loads(line))


if __name__ == "__main__":
    unittest.main()
