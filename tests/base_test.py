"""The steps that train a base model from nothing (tools/base.sh), small: what each of them changes and leaves."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from safetensors.torch import load_file

PROGRAM = os.environ["HOLISAFE_BIN"]


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_base_")
        cls.root = pathlib.Path(cls.work.name)
        cls.run_program("data", "synth", "--out", "data", "--seed", "3", "--base", "48", "--train", "40")
        cls.run_program("model", "synth", "--family", "llava", "--preset", "pictogram", "--corpus", "data/sentences.txt",
                        "--seed", "1", "--out", "untrained")
        cls.train("untrained", "see", "--objective", "guard", "--guard-pooling", "projector", "--full")
        cls.train("see/model", "talk", "--no-guard", "--full")

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    @classmethod
    def run_program(cls, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], cwd=cls.root, capture_output=True, text=True)
        assert done.returncode == code, done
        return done

    @classmethod
    def train(cls, model, out, *flags, data="base.json", code=0):
        return cls.run_program("train", "--model", model, "--data", f"data/{data}", "--images", "data/images", "--out", out,
                               "--batch-size", "40", "--grad-accum", "1", "--vision-lr", "1e-3", "--warmup-ratio", "0", *flags,
                               code=code)

    def weights(self, folder):
        return load_file(self.root / folder / "model.safetensors")

    def metrics(self, run):
        return [json.loads(line) for line in (self.root / run / "metrics.jsonl").read_text().splitlines()]

    def test_base_data_is_about_all_that_is_seen(self):
        rows = json.loads((self.root / "data/base.json").read_text())
        self.assertEqual(len(rows), 48)
        for row in rows:
            self.assertEqual("image" in row, "image_safety_label" in row)
            first = row["conversations"][0]["value"]
            self.assertEqual("image" in row, first.startswith("<image>\n"))
            if "image" not in row:
                for query, answer in zip(row["conversations"][::2], row["conversations"][1::2]):
                    self.assertEqual(query["value"], "Please say: " + answer["value"])
        self.assertTrue(0 < sum("image" not in row for row in rows) < 10)

    def test_words_of_the_corpus_are_single_tokens(self):
        vocabulary = json.loads((self.root / "untrained/tokenizer.json").read_text())["model"]["vocab"]
        for line in (self.root / "data/sentences.txt").read_text().splitlines():
            for word in line.split():
                self.assertIn("\u2581" + word.rstrip(".,:;!?"), vocabulary)
        self.run_program("model", "synth", "--family", "llava", "--preset", "pictogram", "--out", "none", code=2)
        self.run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--corpus", "data/sentences.txt", "--out",
                         "none", code=2)
        self.run_program("model", "synth", "--family", "gemma3", "--preset", "tiny", "--corpus", "data/sentences.txt", "--out",
                         "none", code=2)

    def test_the_guards_labels_alone_teach_tower_and_projector(self):
        self.assertTrue(all(line["lm_loss"] is None and line["tokens"] == 0 for line in self.metrics("see")))
        self.assertTrue(all(line["loss"] == line["guard_loss"] > 0 for line in self.metrics("see")))
        before, after = self.weights("untrained"), self.weights("see/model")
        for name, tensor in before.items():
            language = "language_model" in name
            # A key's bias adds the same to all scores of a query, which softmax forgets: its gradient is rounding.
            without_gradient = "post_layernorm" in name or "class_embedding" in name or name.endswith("k_proj.bias")
            if not without_gradient:
                self.assertEqual(tensor.equal(after[name]), language, name)
        self.assertEqual({name for name in after if name not in before},
                         {f"img_safety_head.mlp.{layer}.{part}" for layer in (0, 3) for part in ("weight", "bias")})

    def test_without_a_guard_none_is_left(self):
        self.assertTrue(all(line["guard_loss"] == 0 and line["guard_accuracy"] is None for line in self.metrics("talk")))
        self.assertFalse((self.root / "talk/guard.safetensors").exists())
        self.assertEqual(set(self.weights("talk/model")), set(self.weights("untrained")))
        config = json.loads((self.root / "talk/model/config.json").read_text())
        self.assertFalse([key for key in config if "safety" in key], config)
        self.assertEqual(config, json.loads((self.root / "untrained/config.json").read_text()))
        refused = self.train("untrained", "none", "--no-guard", "--objective", "guard", code=2)
        self.assertIn("--no-guard", refused.stderr)

    def test_a_combination_left_out(self):
        self.train("untrained", "all", "--max-steps", "1", data="train.json")
        self.train("untrained", "some", "--max-steps", "1", "--without-types", "USU,UUU", data="train.json")
        tokens = {run: self.metrics(run)[0]["tokens"] for run in ("all", "some")}
        self.assertLess(tokens["some"], 0.75 * tokens["all"])
        refused = self.train("untrained", "none", "--without-types", "UUS", data="train.json", code=2)
        self.assertIn("UUS", refused.stderr)


if __name__ == "__main__":
    unittest.main()
