"""`holisafe data export` against those who read the formats: datasets, webdataset, conversations as trainers take them, and this program's own
`data check`."""

import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import yaml
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from built_set_data import CLASSES, CREATED, FORMATS, PROGRAM, PROMPT, Build, files_of, holisafe, lines_of  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402


class Exported(unittest.TestCase):
    """One build, exported in every format."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="holisafe_export_")
        cls.root = pathlib.Path(cls.folder.name)
        cls.build = Build(cls.root)
        pairs = cls.build.pairs
        cls.gone = set()
        reviewer = {"reviewer": "ada"}
        for number, (state, decision) in {
            3: ("ready", "reject"), 5: ("ready", "accept"), 6: ("mismatch", None), 7: ("mismatch", "accept"),
            8: ("leaks", "edit"), 9: ("filtered", "reject"), 10: ("filtered", "accept"), 11: ("declined", "accept"),
            12: ("failed", None), 13: ("planned", None),
        }.items():
            pairs[number]["state"] = state
            if decision:
                pairs[number]["review"] = {"decision": decision, **reviewer}
            if state == "filtered":
                pairs[number]["filter"] = "length"
            if decision == "reject" or (state != "ready" and decision is None) or state == "declined":
                cls.gone.add(number)
        pairs[8]["review"]["before_instruction"] = "It was another one."
        pairs[20]["instruction"] = "<image>\nWhat is <image> this?"
        quarantined = cls.build.images[30]
        quarantined.update(state="quarantined", label=None, side="bench")
        cls.gone |= {number for number, pair in pairs.items() if pair["image"] == 30}
        cls.work = cls.build.write()
        done = holisafe("split", cls.work, "--bench", "0.3", "--seed", 1)
        assert done.returncode == 0, done.stderr
        cls.expected = {number: pair for number, pair in pairs.items() if number not in cls.gone}
        cls.sides = {row["id"]: row["split"] for row in lines_of(cls.work / "pairs.jsonl")}
        cls.out = {}
        for name in ("holisafe", "imagefolder", "webdataset"):
            cls.out[name] = cls.root / name
            done = holisafe("export", cls.work, "--out", cls.out[name], "--format", name, "--license", "cc-by-4.0",
                            "--name", "A: \"name\" # of\tpairs")
            assert done.returncode == 0, done.stderr
            cls.said = done

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def of_side(self, side):
        return [number for number in self.expected if self.sides[number] == side]

    def ending(self, number):
        return FORMATS[list(FORMATS)[self.build.pairs[number]["image"] % 4]]

    def assert_labels(self, row):
        pair = self.expected[row["id"]]
        label = self.build.images[pair["image"]]["label"]
        self.assertEqual(row["type"], pair["type"])
        self.assertEqual(row["subcategory"], CLASSES[pair["subcategory"]])
        self.assertEqual((row["image_safe"], row["image_safety_label"]), (label == 0, label))

    def source_bytes(self, number):
        return pathlib.Path(self.build.images[self.build.pairs[number]["image"]]["file"]).read_bytes()

    def test_holisafe_is_what_data_check_and_the_benchmark_take(self):
        out = self.out["holisafe"]
        bench = json.loads((out / "holisafe_bench.json").read_text())
        self.assertEqual([row["id"] for row in bench], self.of_side("bench"))
        for row in bench:
            self.assertEqual(list(row), ["id", "image", "query", "type", "category", "subcategory", "image_safe",
                                         "image_safety_label", "reference"])
            self.assert_labels(row)
            self.assertEqual(row["query"], self.expected[row["id"]]["instruction"])
            file = out / "images" / row["image"]
            self.assertEqual(file.read_bytes(), self.source_bytes(row["id"]))
            self.assertEqual(file.suffix, "." + self.ending(row["id"]))
            self.assertEqual(file.parent.name, CLASSES[row["image_safety_label"]])
        done = holisafe("check", out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("no problems", done.stdout)

    def test_a_run_asks_its_pairs(self):
        out, run = self.out["holisafe"], self.root / "run"
        with FakeEndpoint() as endpoint:
            done = subprocess.run([PROGRAM, "bench", "run", "--data", str(out), "--endpoint", endpoint.url, "--api-model",
                                   "fake", "--out", str(run)], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            asked = {request.query: request.image()[1] for request in endpoint.requests}
        self.assertEqual(len(json.loads((run / "predictions.json").read_text())), len(self.of_side("bench")))
        for number in self.of_side("bench"):
            self.assertEqual(asked[self.expected[number]["instruction"]], self.source_bytes(number))

    def test_training_takes_its_conversations(self):
        model, run = self.root / "model", self.root / "trained"
        made = subprocess.run([PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "1", "--guard",
                               "--out", str(model)], capture_output=True, text=True, timeout=120)
        if "command needs LibTorch" in made.stderr:
            self.skipTest("this program trains nothing")
        self.assertEqual(made.returncode, 0, made.stderr)
        out = self.out["holisafe"]
        done = subprocess.run([PROGRAM, "train", "--model", str(model), "--data", str(out / "train.json"), "--images",
                               str(out / "images"), "--out", str(run), "--max-steps", "2", "--batch-size", "2"],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(lines_of(run / "metrics.jsonl")), 2)

    def test_conversations_are_as_trainers_take_them(self):
        rows = json.loads((self.out["holisafe"] / "train.json").read_text())
        self.assertEqual([row["id"] for row in rows], self.of_side("train"))
        for row in rows:
            pair = self.expected[row["id"]]
            self.assert_labels(row)
            human, model = row["conversations"]
            self.assertEqual((human["from"], model["from"]), ("human", "gpt"))
            self.assertTrue(human["value"].startswith("<image>\n"))
            self.assertEqual(human["value"].count("<image>"), 1)
            if row["id"] != 20:
                self.assertEqual(human["value"], "<image>\n" + pair["instruction"])
            self.assertEqual(model["value"], pair["response"])
            Image.open(self.out["holisafe"] / "images" / row["image"]).load()
        # As TRL's and LLaVA's loaders turn them into a chat template's messages.
        from transformers import AutoProcessor  # noqa: F401  (its chat templates take these)
        for row in rows:
            messages = [{"role": {"human": "user", "gpt": "assistant"}[turn["from"]],
                         "content": [{"type": "text", "text": turn["value"].replace("<image>\n", "")}]}
                        for turn in row["conversations"]]
            self.assertEqual([message["role"] for message in messages], ["user", "assistant"])
        import datasets
        loaded = datasets.load_dataset(str(self.out["holisafe"]), "train", split="train",
                                       cache_dir=str(self.root / "cache_train"))
        self.assertEqual(loaded["id"][:], [row["id"] for row in rows])

    def test_datasets_loads_the_imagefolder(self):
        import datasets
        loaded = datasets.load_dataset(str(self.out["imagefolder"]), cache_dir=str(self.root / "cache"))
        self.assertEqual(set(loaded), {"train", "test"})
        for split, side in (("train", "train"), ("test", "bench")):
            self.assertEqual(sorted(loaded[split]["id"]), self.of_side(side))
            for row in loaded[split]:
                self.assert_labels(row)
                self.assertEqual(row["instruction"], self.expected[row["id"]]["instruction"])
                self.assertEqual(row["response"], self.expected[row["id"]]["response"])
                with Image.open(io.BytesIO(self.source_bytes(row["id"]))) as source:
                    self.assertEqual(row["image"].convert("RGB").tobytes(), source.convert("RGB").tobytes())

    def test_webdataset_reads_the_tars(self):
        import webdataset
        for prefix, side in (("train", "train"), ("test", "bench")):
            found = []
            for sample in webdataset.WebDataset(str(self.out["webdataset"] / f"{prefix}-000000.tar"), shardshuffle=False):
                row = json.loads(sample["json"])
                self.assertEqual(sample["__key__"], f"{row['id']:08d}")
                self.assertEqual(sample[self.ending(row["id"])], self.source_bytes(row["id"]))
                self.assert_labels(row)
                self.assertEqual(row["instruction"], self.expected[row["id"]]["instruction"])
                found.append(row["id"])
            self.assertEqual(found, self.of_side(side))
        listed = subprocess.run(["tar", "--list", "--verbose", "--file", self.out["webdataset"] / "train-000000.tar"],
                                capture_output=True, text=True, check=True)
        self.assertEqual(listed.stderr, "")

    def test_provenance_says_where_every_pair_is_from(self):
        for name, out in self.out.items():
            rows = lines_of(out / "provenance.jsonl")
            self.assertEqual([row["id"] for row in rows], list(self.expected))
            for row in rows:
                pair = self.expected[row["id"]]
                image = self.build.images[pair["image"]]
                self.assertEqual(list(row), ["id", "image", "image_sha256", "source", "source_path", "license", "writer",
                                             "checker", "prompt_sha256", "created", "split", "review"])
                self.assertEqual(row["image_sha256"], image["sha256"])
                self.assertEqual((row["source"], row["source_path"]), ("photos", image["path"]))
                self.assertEqual((row["license"], row["created"]), (image["license"], CREATED))
                self.assertEqual((row["writer"], row["checker"]), ("openai:second", "openai:checker"))
                self.assertEqual(row["split"], self.sides[row["id"]])
                self.assertEqual((out / "prompts" / f"{row['prompt_sha256']}.txt").read_text(), PROMPT)
                if name == "holisafe":
                    self.assertEqual(hashlib.sha256((out / "images" / row["image"]).read_bytes()).hexdigest(),
                                     row["image_sha256"])
                if name == "imagefolder":
                    self.assertTrue((out / row["image"]).is_file())
            reviews = {row["id"]: row["review"] for row in rows if row["review"]}
            self.assertEqual(set(reviews), {5, 7, 8, 10})
            self.assertEqual(reviews[5], {"decision": "accept", "reviewer": "ada"})
            self.assertEqual(reviews[8]["before"]["instruction"], "It was another one.")

    def test_the_card_is_what_the_hub_reads(self):
        for name, out in self.out.items():
            text = (out / "README.md").read_text()
            front = yaml.safe_load(text.split("---\n")[1])
            self.assertEqual(front["license"], "cc-by-4.0")
            self.assertEqual(front["pretty_name"], "A: \"name\" # of\tpairs")
            self.assertEqual(front["language"], ["en"])
            self.assertIn("image-text-to-text", front["task_categories"])
            self.assertEqual(front["size_categories"], ["n<1K"])
            self.assertIn("not-for-all-audiences", front["tags"])
            self.assertTrue(front["extra_gated_prompt"])
            self.assertIn(f"{len(self.expected)} pairs", text)
            self.assertIn("openai:first (2)", text)
            self.assertIn("4 of", text)  # reviewed
            self.assertRegex(text, r"\| declined \| 1 \|")
            from huggingface_hub import DatasetCard
            self.assertEqual(DatasetCard(text).data.license, "cc-by-4.0")
            sheet = (out / "DATASHEET.md").read_text()
            for part in ("Motivation", "Composition", "Collection", "Processing", "Uses", "Distribution", "Maintenance"):
                self.assertIn(f"## {part}\n", sheet)

    def test_quarantined_pictures_are_nowhere(self):
        data = self.source_bytes(next(number for number, pair in self.build.pairs.items() if pair["image"] == 30))
        for out in self.out.values():
            for name, content in files_of(out).items():
                self.assertNotIn(data, content, name)
        self.assertIn("pairs: picture in quarantine", self.said.stderr)

    def test_the_same_build_gives_the_same_bytes(self):
        for name, out in self.out.items():
            again = self.root / "again" / name
            done = holisafe("export", self.work, "--out", again, "--format", name, "--license", "cc-by-4.0", "--name",
                            "A: \"name\" # of\tpairs")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(files_of(again), files_of(out))

    def test_dates_of_reproducible_builds_are_heeded(self):
        out = self.root / "dated"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "86400"}
        command = [PROGRAM, "data", "export", str(self.work), "--out", str(out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(lines_of(out / "provenance.jsonl")[0]["created"], "1970-01-02T00:00:00Z")
        environment["SOURCE_DATE_EPOCH"] = "yesterday"
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("SOURCE_DATE_EPOCH", done.stderr)

    def test_reviewed_only(self):
        out = self.root / "reviewed"
        done = holisafe("export", self.work, "--out", out, "--reviewed-only")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([row["id"] for row in lines_of(out / "provenance.jsonl")], [5, 7, 8, 10])
        self.assertIn("(100.0%)", (out / "README.md").read_text())


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # those who read formats leave files open
