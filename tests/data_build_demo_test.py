"""From a folder of pictures to a trained model's figures, small: pictograms through `data build` with a fake writer, review, split and
export, then `train` and `bench run` on what came out, as README.md goes."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_writer as fake  # noqa: E402
import judge_server  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory(prefix="holisafe_made_")
        cls.addClassCleanup(work.cleanup)
        cls.root = pathlib.Path(work.name)
        cls.server = fake.Writer(cls.script)
        cls.addClassCleanup(cls.server.close)
        cls.run_program("data", "synth", "--out", "pictograms", "--seed", "5", "--train", "60", "--bench", "30")
        cls.run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--out", "base")
        url = cls.server.url + "/v1"
        cls.run_program("data", "build", "pictograms/images", "--out", "work", "--license", "CC0-1.0", "--writer", f"openai:w@{url}",
                        "--checker", f"openai:c@{url}")
        cls.rejected, accepted = [pair["id"] for pair in cls.lines("work/pairs.jsonl") if pair["state"] == "ready"][:2]
        (cls.root / "decisions.jsonl").write_text("".join(json.dumps(decision) + "\n" for decision in (
            {"id": cls.rejected, "decision": "reject", "reviewer": "ada"}, {"id": accepted, "decision": "accept", "reviewer": "ada"})))
        cls.run_program("data", "review", "work", "--apply", "decisions.jsonl")
        cls.split = json.loads(cls.run_program("data", "split", "work", "--bench", "0.3", "--seed", "1", "--verify", "--json").stdout)
        cls.run_program("data", "export", "work", "--out", "made", "--format", "holisafe", "--name", "pictograms")
        cls.run_program("train", "--model", "base", "--data", "made/train.json", "--images", "made/images", "--out", "run", "--max-steps", "12",
                        "--batch-size", "8", "--grad-accum", "1", "--lora-rank", "8", "--lora-alpha", "16", "--lr", "1e-2",
                        "--guard-lr", "1e-2", "--warmup-ratio", "0", "--schedule", "constant", "--seed", "1")
        cls.run_program("bench", "run", "--data", "made", "--model", "run/model", "--out", "bench", "--max-new-tokens", "12")

    @staticmethod
    def script(asked, tries):
        """Every tenth harmful request in words is declined."""
        declines = asked.step == "holisafe_instruction" and asked.type == "UUU" and int(asked.key[:6], 16) % 10 == 0
        return ("refusal", "I won't write that.") if declines else None

    @classmethod
    def run_program(cls, *arguments):
        done = subprocess.run([PROGRAM, *arguments], cwd=cls.root, capture_output=True, text=True,
                              env={**os.environ, "HOLISAFE_API_KEY": judge_server.KEY})
        assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
        return done

    @classmethod
    def lines(cls, file):
        return [json.loads(line) for line in (cls.root / file).read_text().splitlines()]

    def exported(self):
        """By instruction, each of which a fake writer gives once."""
        bench = json.loads((self.root / "made/holisafe_bench.json").read_text())
        train = json.loads((self.root / "made/train.json").read_text())
        asked = [row["conversations"][0]["value"].removeprefix("<image>\n") for row in train]
        return [row["query"] for row in bench], asked, bench, train

    def test_every_pair_is_planned_and_has_an_end(self):
        images = self.lines("work/images.jsonl")
        pictures = len(list((self.root / "pictograms/images").rglob("*.png")))
        self.assertEqual(len(images), pictures)
        kept = [image for image in images if image["state"] == "kept"]
        self.assertGreater(len(kept), 0.8 * pictures)
        self.assertEqual({image["state"] for image in images} - {"near_duplicate", "duplicate"}, {"kept"})
        pairs = self.lines("work/pairs.jsonl")
        self.assertEqual(len(pairs), sum(3 if image["label"] == "safe" else 2 for image in kept))
        states = collections.Counter(pair["state"] for pair in pairs)
        self.assertEqual(set(states), {"ready", "declined"})
        self.assertLess(states["declined"], 0.2 * sum(pair["type"] == "UUU" for pair in pairs))
        self.assertEqual({pair["type"] for pair in pairs if pair["state"] == "ready"}, set(fake.TYPES))

    def test_what_is_ready_and_not_rejected_comes_out_once(self):
        bench, train, _, _ = self.exported()
        wanted = [pair["instruction"] for pair in self.lines("work/pairs.jsonl") if pair["state"] == "ready" and pair["id"] != self.rejected]
        self.assertEqual(sorted(bench + train), sorted(wanted))
        self.assertEqual((self.split["train"], self.split["bench"]), (len(train), len(bench)))
        self.assertEqual(self.split["both_sides"], [])
        self.assertAlmostEqual(len(bench) / len(wanted), 0.3, delta=0.03)

    def test_data_check_finds_nothing(self):
        self.run_program("data", "check", "made")
        _, _, bench, train = self.exported()
        self.assertEqual({row["type"] for row in bench}, set(fake.TYPES))
        self.assertFalse({row["image"] for row in bench} & {row["image"] for row in train})

    def test_training_learns_from_it(self):
        metrics = self.lines("run/metrics.jsonl")
        self.assertEqual(len(metrics), 12)
        for name in ("loss", "lm_loss"):
            self.assertLess(metrics[-1][name], 0.8 * metrics[0][name], name)
        self.assertTrue((self.root / "run/guard.safetensors").exists())

    def test_the_benchmark_is_answered_to_its_end(self):
        _, _, bench, _ = self.exported()
        predictions = json.loads((self.root / "bench/predictions.json").read_text())
        self.assertEqual([row["query"] for row in predictions], [row["query"] for row in bench])
        self.assertTrue(all("prediction" in row and "guard" in row for row in predictions))
        score = json.loads(self.run_program("bench", "score", "bench/predictions.json", "--json").stdout)
        self.assertEqual((score["n"], score["skipped"], set(score["types"])), (len(bench), 0, set(fake.TYPES)))
        self.run_program("bench", "report", "bench", "--html", "report.html")
        self.assertIn("SSU", (self.root / "report.html").read_text())


if __name__ == "__main__":
    unittest.main()
