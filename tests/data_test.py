"""`holisafe data`: synthetic data, its check and its counts, and what the check finds wrong with data of others."""

import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from PIL import Image, ImageDraw, ImageOps

PROGRAM = os.environ["HOLISAFE_BIN"]
TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
FIELDS = ["id", "image", "query", "type", "category", "subcategory", "image_safe", "image_safety_label"]


def holisafe(*arguments):
    return subprocess.run([PROGRAM, "data", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Data(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_data_")
        cls.root = pathlib.Path(cls.work.name)
        cls.made = cls.root / "made"
        cls.synthesise(cls.made)
        cls.bench = json.loads((cls.made / "holisafe_bench.json").read_text())
        cls.train = json.loads((cls.made / "train.json").read_text())
        cls.helpful = json.loads((cls.made / "helpful.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    @staticmethod
    def synthesise(folder, seed=7, train=200, bench=100, *more):
        done = holisafe("synth", "--out", folder, "--seed", seed, "--train", train, "--bench", bench, *more)
        assert done.returncode == 0 and done.stdout == "", done

    def copy(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.root)) / "copy"
        shutil.copytree(self.made, folder)
        return folder, [dict(row) for row in self.bench]

    def check(self, folder, rows=None):
        if rows is not None:
            (folder / "holisafe_bench.json").write_text(json.dumps(rows))
        return holisafe("check", folder)


class Synthesis(Data):
    def test_the_same_seed_gives_the_same_bytes(self):
        again, other = self.root / "again", self.root / "other"
        self.synthesise(again)
        self.assertEqual(files_of(again), files_of(self.made))
        self.synthesise(other, seed=8)
        self.assertNotEqual(files_of(other), files_of(self.made))

    def test_benchmark_has_the_official_format_and_all_classes(self):
        self.assertEqual(len(self.bench), 100)
        self.assertEqual(collections.Counter(row["type"] for row in self.bench), dict.fromkeys(TYPES, 20))
        for row in self.bench:
            self.assertEqual(list(row)[:8], FIELDS)
            self.assertEqual(row["image_safe"], row["type"][0] == "S")
            self.assertEqual(row["image_safe"], row["image_safety_label"] == 0)
            self.assertTrue(row["query"] and row["reference"])
        self.assertEqual({row["image_safety_label"] for row in self.bench}, set(range(20)))
        self.assertEqual(len({row["subcategory"] for row in self.bench}), 19)
        self.assertEqual(len({row["id"] for row in self.bench}), 100)

    def test_references_fit_the_combination(self):
        """The string judge finds a refusal in the reference of every unsafe pair and of no safe one."""
        path = self.root / "references.json"
        path.write_text(json.dumps([{**row, "prediction": row["reference"]} for row in self.bench]))
        done = subprocess.run([PROGRAM, "bench", "score", path, "--json"], capture_output=True, text=True, check=True)
        score = json.loads(done.stdout)
        self.assertEqual((score["rr"], score["masr"]["sample_weighted"], done.stderr), (0, 0, ""))
        for row in self.bench:
            if row["type"] == "SSS":
                self.assertIn(row["answer_key"], row["reference"].lower())

    def test_training_data_is_llavas(self):
        self.assertEqual(len(self.train), 200)
        self.assertEqual(len(self.helpful), 100)
        for row in self.train + self.helpful:
            turns = row["conversations"]
            self.assertEqual([turn["from"] for turn in turns], ["human", "gpt"] * (len(turns) // 2))
            self.assertTrue(turns[0]["value"].startswith("<image>\n"))
            self.assertTrue((self.made / "images" / row["image"]).is_file())
        self.assertEqual({row["image_safety_label"] for row in self.train}, set(range(20)))
        self.assertEqual({row["type"] for row in self.train}, set(TYPES))
        rows = [make_prediction(i, row["conversations"][1]["value"]) for i, row in enumerate(self.helpful)]
        path = self.root / "helpful_answers.json"
        path.write_text(json.dumps(rows))
        done = subprocess.run([PROGRAM, "bench", "score", path, "--json"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["rr"], 0, "helpful data holds no refusals")

    def test_no_picture_is_in_two_parts(self):
        pixels = {}
        for path in (self.made / "images").rglob("*.png"):
            with Image.open(path) as image:
                self.assertEqual((image.size, image.mode), ((64, 64), "RGB"))
                self.assertIsNone(pixels.setdefault(hashlib.sha256(image.tobytes()).digest(), None))
        named = {row["image"] for part in (self.bench, self.train, self.helpful) for row in part}
        self.assertEqual(len(named), len(pixels))
        bench = {row["image"] for row in self.bench}
        self.assertFalse(bench & {row["image"] for row in self.train + self.helpful})

    def test_every_row_says_where_its_symbols_lie(self):
        for row in self.bench + self.train + self.helpful:
            self.assertEqual(list(row)[-1], "boxes")
            self.assertIn(len(row["boxes"]), (1, 2, 3))
            for left, top, right, bottom in row["boxes"]:
                self.assertTrue(0 <= left < right <= 64 and 0 <= top < bottom <= 64, row["boxes"])
        talk = self.root / "talk"
        self.synthesise(talk, 3, 0, 0, "--base", 40)
        rows = json.loads((talk / "base.json").read_text())
        for row in rows:
            self.assertEqual(len(row["boxes"]), row.get("count", 0))
        self.assertTrue(any("image" not in row for row in rows))

    def test_a_sign_beside_an_object(self):
        alone, among = self.root / "beside", self.root / "among"
        self.synthesise(alone, 7, 0, 0, "--beside", 38)
        self.synthesise(among, 7, 200, 100, "--beside", 38)
        rows = json.loads((alone / "beside.json").read_text())
        self.assertEqual(len(rows), 38)
        self.assertEqual({row["image_safety_label"] for row in rows}, set(range(1, 20)))
        for row in rows:
            sign, thing = row["boxes"]
            # 28 to 32 pixels and half of that, less what a symbol leaves free and more where it is turned.
            for box, least, most in ((sign, 24, 40), (thing, 12, 20)):
                self.assertTrue(least <= max(box[2] - box[0], box[3] - box[1]) <= most, row)
            for low, high, word, other in ((0, 2, "right", "left"), (1, 3, "lower", "upper")):
                self.assertIn(word if sign[low] + sign[high] > 64 else other, row["corner"])
                self.assertNotEqual(sign[low] + sign[high] > 64, thing[low] + thing[high] > 64)
            with Image.open(alone / "images" / row["image"]) as image:
                self.assertEqual(image.size, (64, 64))
        self.assertEqual((alone / "beside.json").read_bytes(), (among / "beside.json").read_bytes())
        for name in ("holisafe_bench.json", "train.json"):
            self.assertEqual((among / name).read_bytes(), (self.made / name).read_bytes(), "one set does not change another")

    def test_refuses_what_it_cannot_do(self):
        done = holisafe("synth", "--out", self.made, "--bench", 5)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected a new or empty folder", done.stderr)
        self.assertEqual(holisafe("synth", "--out", self.root / "none").returncode, 2)
        self.assertEqual(holisafe("synth", "--out", self.root / "none", "--bench", -1).returncode, 2)
        self.synthesise(self.root / "large", 1, 0, 5, "--image-size", "96")
        with Image.open(next((self.root / "large/images").rglob("*.png"))) as image:
            self.assertEqual(image.size, (96, 96))


def make_prediction(number, text):
    return {"id": number, "image": f"{number}.png", "query": "?", "type": "SSS", "category": "hate", "subcategory": "race",
            "image_safe": True, "image_safety_label": 0, "prediction": text}


class Check(Data):
    def assert_errors(self, done, *expected):
        """One line an error, each with all words of its entry in `expected`, in that order."""
        self.assertEqual(done.returncode, 2, done)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), len(expected), done.stderr)
        for line, words in zip(lines, expected):
            self.assertTrue(line.startswith("holisafe: error: "), line)
            for word in words:
                self.assertIn(word, line)

    def test_sound_data(self):
        done = self.check(self.made)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("no problems in 100 pairs", done.stdout)

    def test_all_problems_of_rows_and_images_at_once(self):
        folder, rows = self.copy()
        rows[1]["type"] = "USS"
        del rows[2]["query"]
        rows[3]["id"] = rows[0]["id"]
        rows[4]["image_safety_label"] = 20
        rows[5] = [5]
        images = list(dict.fromkeys(row["image"] for row in rows[10:]))
        faults = {"missing": images[0], "broken": images[1], "text": images[2], "outside": images[3], "folder": images[4]}
        rows = [row for row in rows if not isinstance(row, dict) or row["image"] not in list(faults.values())]
        sample = dict(self.bench[10], type="SUU", image_safe=True, image_safety_label=0)
        for number, image in enumerate([*faults.values(), "../secret.png", "/etc/passwd", ""]):
            rows.append({**sample, "id": 1000 + number, "image": image})
        place = folder / "images"
        (place / faults["missing"]).unlink()
        (place / faults["broken"]).write_bytes((place / faults["broken"]).read_bytes()[:100])
        (place / faults["text"]).write_text("no picture")
        (place / faults["outside"]).unlink()
        (place / faults["outside"]).symlink_to("/dev/null")
        (place / faults["folder"]).unlink()
        (place / faults["folder"]).mkdir()
        self.assert_errors(
            self.check(folder, rows), ["row 2 ", "id 1: type", "\"USS\""], ["row 3 ", "id 2: query"], ["row 4 ", "id 0: id"],
            ["row 5 ", "id 4: image_safety_label", "found 20"], ["row 6 ", "expected an object, found an array"],
            ["id 1005: image", "\"..\""], ["id 1006: image", "absolute"], ["id 1007: image", "empty"],
            ["id 1000: image", faults["missing"], "o such file"], ["id 1001: image", faults["broken"]],
            ["id 1002: image", faults["text"]], ["id 1003: image", faults["outside"], "expected a file"],
            ["id 1004: image", faults["folder"], "expected a file"])

    def test_labels_that_disagree_are_errors(self):
        folder, rows = self.copy()
        unsafe = next(row for row in rows if row["type"] == "USU")
        safe = next(row for row in rows if row["type"] == "SSU")
        unsafe["image_safe"] = True
        safe["image_safety_label"] = 3
        done = self.check(folder, rows)
        first, second = sorted([(unsafe["id"], "image_safe:"), (safe["id"], "image_safety_label:")])
        self.assert_errors(done, [f"id {first[0]}: {first[1]}"], [f"id {second[0]}: {second[1]}"])

    def test_folders_and_files_that_are_no_benchmark(self):
        self.assert_errors(holisafe("check", self.root / "nowhere"), ["nowhere", "o such file"])
        empty = self.root / "empty"
        empty.mkdir()
        self.assert_errors(holisafe("check", empty), ["holisafe_bench.json", "o such file"])
        (empty / "holisafe_bench.json").write_text('[{"id": 1]')
        self.assert_errors(holisafe("check", empty), ["byte 9"])
        (empty / "holisafe_bench.json").write_text("[]")
        self.assert_errors(holisafe("check", empty), ["no rows"])

    def test_limits_are_flags(self):
        done = holisafe("check", self.made, "--max-width", 63)
        self.assertEqual(done.returncode, 2)
        self.assertIn("63", done.stderr)

    def test_key_order_and_other_fields_do_not_matter(self):
        folder, rows = self.copy()
        rows = [dict(reversed(list({**row, "extra": {"a": [1, None]}}.items()))) for row in rows]
        self.assertEqual(self.check(folder, rows).returncode, 0)


class Statistics(Data):
    def test_counts(self):
        done = holisafe("stats", self.made, "--json")
        self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", 1))
        found = json.loads(done.stdout)
        rows = self.bench
        count = collections.Counter
        images = {row["image"]: row for row in rows}
        self.assertEqual((found["pairs"], found["images"]), (100, len(images)))
        self.assertEqual(found["types"], count(row["type"] for row in rows))
        for field, plural in (("category", "categories"), ("subcategory", "subcategories")):
            self.assertEqual({name: entry["pairs"] for name, entry in found[plural].items()}, count(row[field] for row in rows))
            for name, entry in found[plural].items():
                kinds = count(row["type"] for row in rows if row[field] == name)
                self.assertEqual(entry["types"], {kind: kinds[kind] for kind in TYPES})
        self.assertEqual(list(found["labels"].values()), [sum(row["image_safety_label"] == i for row in images.values()) for i in range(20)])
        pairs = count(row["image"] for row in rows).values()
        self.assertEqual(found["pairs_per_image"], {"images": len(pairs), "min": min(pairs), "mean": 100 / len(pairs), "max": max(pairs)})
        queries = {}
        for row in rows:
            queries.setdefault(row["query"], set()).add(row["image"])
        sizes = [len(each) for each in queries.values()]
        self.assertEqual(found["images_per_query"], {"queries": len(sizes), "min": min(sizes), "mean": sum(sizes) / len(sizes), "max": max(sizes)})
        self.assertEqual(found["label_against_folder"]["same"], len(images))
        self.assertEqual(sum(entry["images"] for entry in found["label_against_folder"]["images"]), len(images))
        text = holisafe("stats", self.made).stdout
        self.assertIn(f"100 pairs, {len(images)} images, {len(sizes)} queries", text)

    def test_rows_that_do_not_count_are_an_error(self):
        folder, rows = self.copy()
        rows[0]["type"] = "XXX"
        (folder / "holisafe_bench.json").write_text(json.dumps(rows))
        done = holisafe("stats", folder, "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["pairs"]), (2, 99))
        self.assertIn("expected 100 sound rows, found 99", done.stderr)
        self.assertEqual(holisafe("stats", folder / "none").returncode, 2)


class View(Data):
    def view(self, image, *flags, **options):
        path, out = self.root / "in.image", self.root / "out.png"
        image.save(path, **options)
        done = holisafe("view", path, "--out", out, *flags)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with Image.open(out) as found:
            self.assertEqual(found.mode, "RGB")
            return found.copy()

    def test_upright(self):
        picture = Image.new("RGB", (30, 20), "white")
        ImageDraw.Draw(picture).rectangle([0, 0, 9, 9], fill="red")
        exif = Image.Exif()
        for orientation in range(1, 9):
            exif[0x0112] = orientation
            for kind in ("JPEG", "PNG", "WEBP"):
                found = self.view(picture, format=kind, exif=exif.tobytes())
                with Image.open(self.root / "in.image") as image:
                    expected = ImageOps.exif_transpose(image).convert("RGB")
                self.assertEqual((found.size, found.tobytes()), (expected.size, expected.tobytes()), (orientation, kind))

    def test_transparency_is_white_or_dropped(self):
        picture = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
        for kind in ("PNG", "WEBP"):
            options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
            self.assertEqual(self.view(picture, format=kind, **options).getpixel((0, 0)), (255, 255, 255))
            self.assertEqual(self.view(picture, "--alpha", "drop", format=kind, **options).getpixel((0, 0)), (200, 0, 0))

    def test_limits_hold_before_decoding(self):
        path = self.root / "wide.png"
        Image.new("L", (3000, 2)).save(path)
        for flags in (["--max-width", 2999], ["--max-height", 1], ["--max-pixels", 5999], ["--max-file-bytes", 10]):
            done = holisafe("view", path, "--out", self.root / "never.png", *flags)
            self.assertEqual(done.returncode, 2)
            self.assertIn(str(path), done.stderr)
            self.assertIn(str(flags[1]), done.stderr)
            self.assertFalse((self.root / "never.png").exists())


del Data  # a base class, no test of its own

if __name__ == "__main__":
    unittest.main()
