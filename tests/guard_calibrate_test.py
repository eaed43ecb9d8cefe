"""`holisafe guard calibrate` against a fit of its own, on the probabilities that `holisafe guard` gives."""

import json
import re
import subprocess
import unittest

import numpy as np
import training_reference as reference
from PIL import Image
from safetensors.torch import load_file, save_file
from safetensors import safe_open

from training_case import PROGRAM, TrainingCase

IMAGES = 48


def nll(logits, labels, temperature):
    scaled = logits / temperature
    top = scaled.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled - top).sum(1)) + top[:, 0] - scaled[np.arange(len(labels)), labels]))


def softmax(logits):
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def calibration_error(probabilities, labels):
    """15 equal bins of the top probability: gaps weighted by how many fall in."""
    top, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((top * 15).astype(int), 14)
    return sum(abs(right[bins == b].mean() - top[bins == b].mean()) * (bins == b).sum() for b in set(bins)) / len(labels)


def f1(scores, positive, threshold):
    chosen = scores >= threshold
    return 2 * (chosen & positive).sum() / (chosen.sum() + positive.sum())


class Calibrate(TrainingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(3)
        (cls.root / "held/images").mkdir(parents=True)
        for i in range(IMAGES):
            small = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
            Image.fromarray(small).resize((56, 56), Image.Resampling.NEAREST).save(cls.root / f"held/images/{i:02}.png")
        # Far surer than it is right.
        cls.guard = cls.root / "sure.safetensors"
        tensors = load_file(cls.root / "guard.safetensors")
        with safe_open(cls.root / "guard.safetensors", "pt") as file:
            save_file({name: tensor * (8 if name.startswith("mlp.3") else 4) for name, tensor in tensors.items()}, cls.guard, metadata=file.metadata())
        cls.logits = np.log(cls.scores(cls.guard))
        guessed = cls.logits.argmax(1)
        cls.labels = np.where(rng.random(IMAGES) < 0.6, guessed, rng.integers(0, 15, IMAGES))
        rows = [{"id": i, "image": f"{i:02}.png", "image_safety_label": int(label), "conversations": []} for i, label in enumerate(cls.labels)]
        rows += [{"id": "no label", "image": "00.png", "conversations": []}, {"id": "ignored", "image": "01.png", "image_safety_label": -100, "conversations": []}]
        cls.data = cls.root / "held/held.json"
        cls.data.write_text(json.dumps(rows))

    @classmethod
    def scores(cls, guard):
        """Probabilities [images, 20] of the held-out images in their order."""
        done = subprocess.run([PROGRAM, "guard", "--model", cls.base, "--guard", guard, "--json", "-r", cls.root / "held/images"], capture_output=True, text=True, timeout=300)
        lines = {line["path"].rsplit("/", 1)[1]: list(line["scores"].values()) for line in map(json.loads, done.stdout.splitlines())}
        assert len(lines) == IMAGES, done.stderr
        return np.array([lines[name] for name in sorted(lines)], dtype=np.float64)

    def calibrate(self, *flags, code=0, data=None):
        done = subprocess.run([PROGRAM, "guard", "calibrate", "--model", self.base, "--guard", self.guard, "--data", data or self.data,
                               *([] if "--min-images" in flags else ["--min-images", "1"]), *flags], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_fits_as_an_independent_search(self):
        out = self.root / "calibrated.safetensors"
        out.symlink_to("of_calibrated.safetensors")
        before = self.guard.read_bytes()
        found = json.loads(self.calibrate("--out", out, "--json"))
        self.assertTrue(out.is_symlink() and out.is_file())
        self.assertEqual(found["images"], IMAGES)
        self.assertEqual(self.guard.read_bytes(), before)
        grid = np.exp(np.linspace(np.log(0.01), np.log(100), 2001))
        coarse = grid[np.argmin([nll(self.logits, self.labels, t) for t in grid])]
        fine = coarse * np.exp(np.linspace(-0.01, 0.01, 2001))
        best = fine[np.argmin([nll(self.logits, self.labels, t) for t in fine])]
        self.assertGreater(best, 1.2)
        self.assertAlmostEqual(found["temperature"] / best, 1, delta=1e-3)
        calibrated = softmax(self.logits / found["temperature"])
        for key, expected in {("nll", "before"): nll(self.logits, self.labels, 1), ("nll", "after"): nll(self.logits, self.labels, best),
                              ("ece", "before"): calibration_error(softmax(self.logits), self.labels),
                              ("ece", "after"): calibration_error(calibrated, self.labels)}.items():
            self.assertAlmostEqual(found[key[0]][key[1]], expected, delta=1e-3, msg=key)
        self.assertAlmostEqual(found["accuracy"], (self.logits.argmax(1) == self.labels).mean(), places=6)
        self.thresholds(list(found["thresholds"].values()), calibrated)
        # The file holds what was found: scores are the calibrated ones, weights the same.
        np.testing.assert_allclose(self.scores(out), calibrated, atol=2e-5)
        tensors = load_file(self.guard)
        self.assertTrue(all((tensors[name] == tensor).all() for name, tensor in load_file(out).items()))

    def thresholds(self, found, scores):
        self.assertEqual(len(found), 20)
        for index, threshold in enumerate(found):
            positive = self.labels == index
            if not positive.any():
                self.assertEqual(threshold, 0.5)
                continue
            column = scores[:, index]
            candidates = np.unique(column)
            middles = (np.concatenate([[0.0], candidates[:-1]]) + candidates) / 2
            reached = [f1(column, positive, middle) for middle in middles]
            self.assertAlmostEqual(f1(column, positive, threshold), max(reached), places=9, msg=index)
            self.assertLess(min(abs(middles - threshold)), 1e-4, "in the middle of a gap")

    def test_objectives(self):
        """Each class's threshold against a search of its own over all gaps between scores."""
        for kind, wanted in (("recall", 0.8), ("precision", 0.5), ("fpr", 0.1)):
            found = json.loads(self.calibrate("--out", self.root / f"{kind}.safetensors", "--json", "--objective", f"{kind}={wanted}"))
            scores = softmax(self.logits / found["temperature"])
            for index, (name, threshold) in enumerate(found["thresholds"].items()):
                positive, column = self.labels == index, scores[:, index]
                at = found["classes"][name]
                seen = column >= threshold
                self.assertEqual((at["images"], at["threshold"]), (positive.sum(), threshold))
                for rate, whole in (("precision", seen), ("recall", positive)):
                    expected = (seen & positive).sum() / whole.sum() if whole.any() else None
                    self.assertEqual(at[rate] is None, expected is None, name)
                    if expected is not None:
                        low, high = at[f"{rate}_interval"]
                        self.assertAlmostEqual(at[rate], expected, places=9, msg=name)
                        self.assertTrue(low <= at[rate] <= high and low < high, name)
                if not positive.any():
                    continue
                meets = {"recall": lambda s: (s & positive).sum() >= wanted * positive.sum(), "precision": lambda s: s.any() and (s & positive).sum() >= wanted * s.sum(),
                         "fpr": lambda s: (s & ~positive).sum() <= wanted * (~positive).sum()}[kind]
                counts = [int((column >= each).sum()) for each in np.unique(column) if meets(column >= each)]
                expected = (min(counts) if kind == "recall" else max(counts)) if counts else 0
                self.assertEqual(seen.sum(), expected, f"{kind}: {name}")

    def test_a_class_of_few_images_keeps_its_threshold(self):
        out = self.root / "few.safetensors"
        done = subprocess.run([PROGRAM, "guard", "calibrate", "--model", self.base, "--guard", self.guard, "--data", self.data, "--out", out, "--json", "--min-images", "5"],
                              capture_output=True, text=True, timeout=300)
        found = json.loads(done.stdout)
        few = [name for name, at in found["classes"].items() if at["images"] < 5]
        self.assertTrue(0 < len(few) < 20)
        self.assertEqual(found["too_few"], few)
        for name in few:
            self.assertEqual(found["thresholds"][name], 0.5)
            self.assertIn(f"{name} ({found['classes'][name]['images']})", done.stderr)
        self.assertRegex(done.stderr, r"(?m)^holisafe: warning: [^\n]*fewer than 5 images")
        # By default 20 are wanted, which no class here has.
        self.assertEqual(set(json.loads(self.calibrate("--out", out, "--json", "--min-images", "20"))["thresholds"].values()), {0.5})
        self.assertIn("--objective", self.calibrate("--objective", "recal=0.5", code=2))

    def test_page(self):
        """Its curves against ones made here, from the probabilities that `guard` gives."""
        page = self.root / "calibration.html"
        found = json.loads(self.calibrate("--out", self.root / "page.safetensors", "--json", "--html", page))
        text = page.read_text()
        for section in ("overview", "reliability", "unsafe", "classes"):
            self.assertIn(f'<section id="{section}">', text)
        charts = json.loads(re.search(r'id="charts">(.*?)</script>', text, re.S).group(1))
        curves = [{line["name"].split(" (")[0]: np.array(line["points"]) for line in chart["lines"]} for chart in charts[:3]]
        for name, temperature in (("before", 1), ("after", found["temperature"])):
            scores = softmax(self.logits / temperature)
            top, right = scores.max(1), scores.argmax(1) == self.labels
            bins = np.minimum((top * 15).astype(int), 14)
            expected = [(top[bins == b].mean(), right[bins == b].mean()) for b in sorted(set(bins))]
            np.testing.assert_allclose(curves[0][name], expected, atol=1e-4)
            unsafe, positive = 1 - scores[:, 0], self.labels != 0
            cuts = [unsafe >= each for each in sorted(set(unsafe), reverse=True)]
            np.testing.assert_allclose(curves[1][name], [((cut & positive).sum() / positive.sum(), (cut & positive).sum() / cut.sum()) for cut in cuts], atol=1e-6)
            np.testing.assert_allclose(curves[2][name], [(0, 0)] + [((cut & ~positive).sum() / (~positive).sum(), (cut & positive).sum() / positive.sum()) for cut in cuts], atol=1e-6)

    def test_labels_of_a_run_are_read(self):
        """What `guard labels` writes serves calibration and the training of a guard alone."""
        run, labels, images = self.root / "run", self.root / "run-labels.json", self.root / "held/images"
        done = subprocess.run([PROGRAM, "guard", "--model", self.base, "--guard", self.guard, "--out", run, "-r", images], capture_output=True, text=True, timeout=300)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("data:image/jpeg;base64,", (run / "report.html").read_text())
        done = subprocess.run([PROGRAM, "guard", "labels", run, "--out", labels], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"--images {images}\n", done.stderr)
        found = json.loads(self.calibrate("--out", self.root / "by-labels.safetensors", "--images", images, "--json", data=labels))
        self.assertEqual(found["images"], IMAGES)
        done = subprocess.run([PROGRAM, "train", "--model", self.base, "--data", labels, "--images", images, "--out", self.root / "by-labels", "--freeze", "all", "--max-steps", "2"],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.root / "by-labels/guard.safetensors").exists())

    def judged(self, *flags):
        done = subprocess.run([PROGRAM, "guard", "--model", self.base, *flags, "-r", self.root / "held/images"], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout, done.stderr

    def check_flags(self, guard, thresholds):
        code, text, error = self.judged("--guard", guard, "--json", "--thresholds")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(len(lines), IMAGES, error)
        for line in lines:
            expected = [name for name, score in line["scores"].items() if name != "safe" and score >= thresholds[name]]
            self.assertEqual((line["flagged"], line["flagged_classes"]), (bool(expected), expected), line["path"])
        self.assertEqual(code, int(any(line["flagged"] for line in lines)))
        return lines

    def test_thresholds_flag_by_class(self):
        out = self.root / "thresholds.safetensors"
        thresholds = json.loads(self.calibrate("--out", out, "--json"))["thresholds"]
        lines = self.check_flags(out, thresholds)
        # One class alone, from the middle of its scores on: every second image.
        name = max(thresholds, key=lambda each: (each != "safe") * sum(line["scores"][each] for line in lines))
        middle = float(np.median([line["scores"][name] for line in lines]))
        alone = {each: middle if each == name else 1.0 for each in thresholds}
        with safe_open(out, "pt") as file:
            save_file(load_file(out), self.root / "alone.safetensors", metadata={**file.metadata(), "thresholds": json.dumps(list(alone.values()))})
        self.assertEqual(sum(line["flagged"] for line in self.check_flags(self.root / "alone.safetensors", alone)), IMAGES // 2)
        # Without the flag all is as it was.
        for line, plain in zip(lines, map(json.loads, self.judged("--guard", out, "--json")[1].splitlines()), strict=True):
            self.assertNotIn("flagged_classes", plain)
            self.assertEqual(plain["flagged"], 1 - plain["scores"]["safe"] >= 0.5)
            self.assertEqual(plain["scores"], line["scores"])
        text = self.judged("--guard", out, "--thresholds")[1]
        some = next(line for line in lines if line["flagged"])
        self.assertIn("flagged: " + ", ".join(some["flagged_classes"]), text)

    def test_thresholds_must_be_there(self):
        for flags, named in ((["--guard", self.guard_file("plain"), "--thresholds"], ["plain.safetensors", "guard calibrate"]),
                             (["--guard", self.guard_file("plain"), "--thresholds", "--threshold", "0.5"], ["--threshold"])):
            code, text, error = self.judged(*flags)
            self.assertEqual((code, text), (2, ""))
            for word in named:
                self.assertIn(word, error)
            self.assertEqual(error.count("\n"), 1)

    def guard_file(self, name):
        path = self.root / f"{name}.safetensors"
        path.write_bytes((self.root / "guard.safetensors").read_bytes())
        return path

    def test_what_cannot_be_fitted_is_named(self):
        wrong = self.root / "held/wrong.json"
        for rows, named in (([{"id": 1, "image": "00.png", "image_safety_label": 20, "conversations": []}], "0 to 19"),
                            ([{"id": 1, "image": "00.png", "image_safety_label": 1, "conversations": []}, {"id": 2, "image": "00.png", "image_safety_label": 2, "conversations": []}],
                             "another row"),
                            ([{"id": 1, "image": "00.png", "conversations": []}], "no row has"),
                            ([{"id": 1, "image": "99.png", "image_safety_label": 1, "conversations": []}], "99.png")):
            wrong.write_text(json.dumps(rows))
            error = self.calibrate(data=wrong, code=2)
            self.assertRegex(error, r"(?m)^holisafe: error: [^\n]*" + named)


if __name__ == "__main__":
    unittest.main()
