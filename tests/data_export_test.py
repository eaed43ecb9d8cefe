"""`holisafe data split` and `data export` against those who read the formats: datasets, webdataset, conversations as
trainers take them, and this program's own `data check`."""

import collections
import hashlib
import io
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import yaml
from PIL import Image, ImageDraw

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_endpoint import FakeEndpoint  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
FILL = os.environ["HOLISAFE_BUILD_FOLDER"]
CLASSES = [
    "safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards",
    "property_crime", "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse",
    "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence", "sexual_content",
    "financial_advice", "medical_advice",
]
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
BEGAN = 1_790_000_000
CREATED = "2026-09-21T14:13:20Z"
PROMPT = "Write an instruction.\ncombination: SSU\nsubcategory: gender\n"
PROMPT_SHA256 = hashlib.sha256(PROMPT.encode()).hexdigest()


os.environ.pop("SOURCE_DATE_EPOCH", None)


def holisafe(*arguments, **options):
    return subprocess.run([PROGRAM, "data", *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def fill(work, rows):
    done = subprocess.run([FILL, str(work)], input="".join(json.dumps(row) + "\n" for row in rows), text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def picture(number, size=64):
    """Its own colours and blocks for each number, so that no two are near-duplicates."""
    chosen = random.Random(number)
    image = Image.new("RGB", (size, size), tuple(chosen.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        x, y = chosen.randrange(size), chosen.randrange(size)
        draw.rectangle([x, y, x + chosen.randrange(4, 28), y + chosen.randrange(4, 28)],
                       fill=tuple(chosen.randrange(256) for _ in range(3)))
    return image


class Build:
    """A build of pictures in all formats, three safe to two unsafe, with the pairs each gets."""

    def __init__(self, root, images=60, pictures=True):
        self.work, self.photos = root / "work", root / "photos"
        self.rows, self.images, self.pairs = [], {}, {}
        self.photos.mkdir(parents=True)
        for number in range(images):
            self.add_image(number, pictures)
        self.rows += [{"value": ["began", str(BEGAN)]}, {"value": ["language", "en"]}, {"prompt": PROMPT},
                      {"declined": {"pair": 1, "by": "openai:first"}}, {"declined": {"pair": 2, "by": "openai:first"}}]

    def add_image(self, number, pictures):
        kind = list(FORMATS)[number % 4]
        file = self.photos / f"{number}.picture"  # formats are told by content
        if pictures:
            picture(number).save(file, kind, **({"quality": 92} if kind == "JPEG" else {}))
        label = 0 if number % 5 < 3 else 1 + number % 19
        row = {"id": number, "path": file.name, "file": str(file), "label": label, "cluster": number - number % 2,
               "sha256": hashlib.sha256(file.read_bytes()).hexdigest() if pictures else "0" * 64,
               "license": "cc-by-4.0" if number % 3 else "cc0-1.0"}
        self.images[number] = row
        self.rows.append({"image": row})
        for type_name in ("SSS", "SSU", "SUU") if label == 0 else ("USU", "UUU"):
            pair = {"id": len(self.pairs), "image": number, "type": type_name,
                    "subcategory": label or 1 + (number * 7) % 19,
                    "instruction": f"Instruction {len(self.pairs)}: \u00e9\n\"quoted\"", "writer": "openai:second",
                    "checker": "openai:checker", "prompt_sha256": PROMPT_SHA256,
                    "response": "Gladly." if type_name == "SSS" else "I can't help with that, because it harms."}
            self.pairs[pair["id"]] = pair
            self.rows.append({"pair": pair})

    def write(self):
        fill(self.work, self.rows)
        return self.work


class Split(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_split_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def test_cells_are_shared_out_and_clusters_stay_whole(self):
        build = Build(self.root, images=4000, pictures=False)
        work = build.write()
        done = holisafe("split", work, "--bench", "0.27", "--seed", 3, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = json.loads(done.stdout)
        self.assertEqual(list(said), ["train", "bench", "clusters", "cells", "shared_instructions"])
        self.assertEqual(said["train"] + said["bench"], len(build.pairs))
        self.assertEqual(said["clusters"], 2000)
        self.assertEqual(said["shared_instructions"], 0)
        types = collections.defaultdict(lambda: [0, 0])
        for name, cell in said["cells"].items():
            subcategory, type_name = name.split()
            self.assertIn(subcategory, CLASSES[1:])
            count = cell["train"] + cell["bench"]
            types[type_name][0] += cell["bench"]
            types[type_name][1] += count
            if count >= 30:
                self.assertLessEqual(abs(cell["bench"] / count - 0.27), 0.04 + 1 / count, name)
        for type_name, (bench, count) in types.items():
            self.assertLessEqual(abs(bench / count - 0.27), 0.02, type_name)
        self.assertLessEqual(abs(said["bench"] / len(build.pairs) - 0.27), 0.02)
        sides = {}
        for row in lines_of(work / "images.jsonl"):
            self.assertEqual(sides.setdefault(row["cluster"], row["split"]), row["split"])
        for row in lines_of(work / "pairs.jsonl"):
            self.assertEqual(row["split"], sides[build.images[row["image_id"]]["cluster"]])

        first = (work / "pairs.jsonl").read_bytes()
        self.assertEqual(holisafe("split", work, "--bench", "0.27", "--seed", 4).returncode, 0)
        self.assertNotEqual((work / "pairs.jsonl").read_bytes(), first)
        self.assertEqual(json.loads(holisafe("split", work, "--bench", "0.27", "--seed", 3, "--json").stdout), said)
        self.assertEqual((work / "pairs.jsonl").read_bytes(), first)

    def test_what_cannot_be_split(self):
        build = Build(self.root, images=4, pictures=False)
        work = build.write()
        for share in ("0", "1", "-0.1", "1.5", "nan"):
            done = holisafe("split", work, f"--bench={share}")
            self.assertEqual(done.returncode, 2, share)
            self.assertIn("above 0 and below 1", done.stderr)
        self.assertIn("--bench", holisafe("split", work).stderr)
        self.assertIn("no split", holisafe("split", work, "--verify").stderr)
        self.assertEqual(holisafe("split", self.root / "nowhere", "--bench", "0.5").returncode, 2)
        for pair in build.pairs.values():
            pair["state"] = "declined"
        other = self.root / "other"
        fill(other, build.rows)
        done = holisafe("split", other, "--bench", "0.5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("found none", done.stderr)

    def test_shared_instructions_are_counted(self):
        build = Build(self.root, images=20, pictures=False)
        for pair in build.pairs.values():
            pair["instruction"] = f"{pair['id'] % 3}"
        said = json.loads(holisafe("split", build.write(), "--bench", "0.5", "--json").stdout)
        self.assertEqual(said["shared_instructions"], 3)

    def test_a_cluster_too_large_is_said(self):
        build = Build(self.root, images=60, pictures=False)
        for image in build.images.values():
            image["cluster"] = 0
        done = holisafe("split", build.write(), "--bench", "0.2", "--json")
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: not shared out as asked", done.stderr)

    def test_verify_finds_a_picture_that_was_let_across(self):
        build = Build(self.root, images=12)
        again = build.photos / "again.picture"
        Image.open(build.photos / "4.picture").convert("RGB").resize((80, 80)).save(again, "PNG")
        build.rows.append({"image": {**build.images[4], "id": 12, "path": again.name, "file": str(again), "cluster": 12,
                                     "sha256": hashlib.sha256(again.read_bytes()).hexdigest()}})
        for row in build.rows:
            if "image" in row:
                row["image"]["side"] = "bench" if row["image"]["id"] == 12 else "train"
        work = build.write()
        done = holisafe("split", work, "--verify", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["both_sides"],
                         [{"train": "photos: 4.picture", "bench": "photos: again.picture"}])
        for row in build.rows:
            if "image" in row:
                row["image"]["side"] = "bench" if row["image"]["id"] in (4, 5, 12) else "train"
        fill(work, build.rows)
        done = holisafe("split", work, "--verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no picture is on both sides", done.stdout)


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


class Refused(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_export_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.build = Build(self.root, images=10)
        self.out = self.root / "out"

    def split(self):
        done = holisafe("split", self.build.write(), "--bench", "0.5")
        self.assertEqual(done.returncode, 0, done.stderr)

    def refused(self, words, *flags):
        before = sorted(path.name for path in self.root.iterdir())
        done = holisafe("export", self.build.work, "--out", self.out, *flags)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stderr.count("holisafe: error: "), 1, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), before)
        return done.stderr

    def test_no_split(self):
        self.build.write()
        self.refused("no split")

    def test_nothing_ready(self):
        for pair in self.build.pairs.values():
            pair["state"] = "declined"
        self.build.write()
        self.refused("nothing to export")

    def test_nothing_reviewed(self):
        self.split()
        self.refused("accepted or edited", "--reviewed-only")

    def test_a_folder_that_is_not_empty(self):
        self.split()
        self.out.mkdir()
        self.assertEqual(holisafe("export", self.build.work, "--out", self.out).returncode, 0)
        before = files_of(self.out)
        self.refused("expected a new or empty folder")
        self.assertEqual(files_of(self.out), before)

    def test_pictures_that_came_after_the_split(self):
        self.split()
        self.build.add_image(10, True)
        fill(self.build.work, self.build.rows[-4:])
        self.refused("no split")

    def test_a_picture_without_a_license_is_named(self):
        self.build.images[6]["license"] = ""
        self.split()
        self.assertIn("photos: 6.picture", self.refused("no license", "--require-license"))
        self.assertEqual(holisafe("export", self.build.work, "--out", self.out).returncode, 0)
        self.assertIn("unknown", {row["license"] for row in lines_of(self.out / "provenance.jsonl")})

    def test_a_picture_that_changed_is_named(self):
        self.split()
        (self.build.photos / "3.picture").write_bytes((self.build.photos / "4.picture").read_bytes())
        self.assertIn("3.picture", self.refused("not the one that was imported"))

    def test_a_picture_that_is_gone_is_named(self):
        self.split()
        (self.build.photos / "3.picture").unlink()
        self.assertIn("3.picture", self.refused("image 3"))

    def test_other_flags(self):
        self.split()
        self.refused("webdataset", "--format", "webdatase")
        self.refused("value", "--license", "")

    def test_a_full_disk_is_one_error(self):
        self.split()

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # as large as no picture's file

        done = holisafe("export", self.build.work, "--out", self.out, preexec_fn=limit)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertFalse(self.out.exists())


class Large(unittest.TestCase):
    """Many pairs: time, memory, and a kill on the way."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_export_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def measured(self, *arguments):
        began = time.monotonic()
        with subprocess.Popen([PROGRAM, "data", *map(str, arguments)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            said = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        return usage.ru_maxrss, time.monotonic() - began

    def build(self, name, pairs):
        """Many pairs on few pictures."""
        build = Build(self.root / name, images=8)
        total = len(build.pairs)
        for number in range(total, pairs):
            build.rows.append({"pair": {**build.pairs[number % total], "id": number,
                                        "instruction": f"Instruction {number} " + "and so on " * 20}})
        return build.write()

    def test_memory_does_not_grow_with_pairs(self):
        few, many = (self.build(name, pairs) for name, pairs in (("few", 2_000), ("many", 20_000)))
        for work in (few, many):
            self.measured("split", work, "--bench", "0.5")
        for name in ("holisafe", "imagefolder", "webdataset"):
            small, _ = self.measured("export", few, "--out", self.root / f"few-{name}", "--format", name)
            large, seconds = self.measured("export", many, "--out", self.root / f"many-{name}", "--format", name)
            self.assertLess(large - small, 6_000, name)  # KiB
            self.assertLess(seconds, 60)
            shutil.rmtree(self.root / f"many-{name}")

    def test_a_killed_export_leaves_no_folder(self):
        work = self.build("work", 10_000)
        self.measured("split", work, "--bench", "0.5")
        out, whole = self.root / "out", self.root / "whole"
        _, seconds = self.measured("export", work, "--out", whole)
        for share in (0.2, 0.5, 0.8):
            with subprocess.Popen([PROGRAM, "data", "export", str(work), "--out", str(out)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                time.sleep(seconds * share)
                process.send_signal(signal.SIGKILL)
                process.wait()
            self.assertTrue(not out.exists() or files_of(out) == files_of(whole))
            if out.exists():
                shutil.rmtree(out)
        self.measured("export", work, "--out", out)
        self.assertEqual(files_of(out), files_of(whole))
        self.assertFalse([path for path in self.root.iterdir() if re.match(r"\.out\.", path.name)])


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # those who read formats leave files open
