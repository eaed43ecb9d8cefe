"""Explanations against PyTorch's autograd on transformers' models: every family, both poolings, the layouts of LLaVA, pan and scan, temperatures,
weights of 16 bits.
"""

import json
import os
import pathlib
import sys
import tempfile
import unittest
import warnings

import numpy
import torch
from PIL import Image
from safetensors.torch import load_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from explain_reference import (CLASSES, CLOSE, Reference, centres_in, expected_box, gemma, gemma_case, llava, llava_case, qwen, qwen_case,  # noqa: E402
                               ranks, run_program, shown, smooth, write_guard)

PLACES = [["upper left", "top", "upper right"], ["left", "middle", "right"], ["lower left", "bottom", "lower right"]]


class Explained(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_explain_")
        cls.root = pathlib.Path(cls.work.name)
        cls.pictures = {name: smooth(cls.root / f"{name}.png", width, height, seed) for seed, (name, (width, height)) in enumerate(
            {"square": (64, 64), "wide": (190, 70), "tall": (61, 170), "small": (9, 13)}.items())}

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def llava_folder(self, name, kind="llama_metaspace", processor=None, **model):
        folder = self.root / name
        folder.mkdir()
        vocabulary, image_token = llava.write_tokenizer(folder, kind)
        llava.write_processor(folder, "default", **(processor or {}))
        return folder, llava.make_model(vocabulary, image_token or 0, vision_feature_select_strategy="default", **model)

    def explain(self, folder, guard, pictures, *flags, code=1):
        out = self.root / f"out{len(list(self.root.iterdir()))}"
        done = run_program("guard", "--model", folder, "--guard", guard, "--json", "--threshold", "0", "--explain", out, *flags, *pictures, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()], out

    def trace(self, folder, guard, picture, *flags):
        out = self.root / "trace.safetensors"
        run_program("model", "trace", "--model", folder, "--guard", guard, "--image", picture, "--prompt", "x", "--out", out, *flags)
        return load_file(out)

    def close(self, ours, reference, what):
        ours, reference = numpy.array(ours), numpy.array(reference)
        self.assertEqual(ours.shape, reference.shape, what)
        self.assertGreater(numpy.abs(reference).max(), 0, what)
        self.assertLessEqual(numpy.abs(ours - reference).max(), CLOSE * numpy.abs(reference).max(), what)

    def check(self, case, pooling="last_hidden", temperature=1.0, pictures=("square", "wide", "tall"), methods=("gradient", "occlusion"), label=None, boxes=None,
              flags=()):
        guard = self.root / f"guard_{pooling}_{temperature}_{case.model_type}.safetensors"
        head = write_guard(guard, case.hidden_size, case.model_type, pooling, temperature)
        paths = [self.pictures[name] for name in pictures]
        references = [Reference(case, self.trace(case.folder, guard, path, *flags), head, pooling, temperature, label) for path in paths]
        plain = run_program("guard", "--model", case.folder, "--guard", guard, "--json", "--threshold", "0", *flags, *paths, code=1).stdout.splitlines()
        own = ["--explain-class", CLASSES[label]] if label else []
        for method in methods:
            lines, out = self.explain(case.folder, guard, paths, "--explain-method", method, *own, *flags)
            for i, (line, path, reference) in enumerate(zip(lines, paths, references, strict=True)):
                with self.subTest(case=case.folder.name, pooling=pooling, temperature=temperature, method=method, picture=path.stem):
                    explanation = line.pop("explanation")
                    self.assertEqual(line, json.loads(plain[i]), "the verdict is the same to the bit")
                    self.check_one(explanation, out / f"{i:06d}-{path.stem}", path, reference, method, boxes[path.stem] if boxes else None)
        return guard

    def check_one(self, explanation, stem, path, reference, method, box):
        self.assertEqual(list(explanation), ["overlay", "grid", "box", "place", "without", "reason"])
        self.assertEqual([explanation["overlay"], explanation["grid"]], [f"{stem}.png", f"{stem}.json"])
        grid = json.loads(pathlib.Path(f"{stem}.json").read_text())
        self.assertEqual(list(grid), ["format", "path", "width", "height", "method", "label", "subcategory", "log_odds", "box", "place", "without", "pieces"])
        width, height = Image.open(path).size
        self.assertEqual([grid["format"], grid["path"], grid["width"], grid["height"], grid["method"]], ["holisafe-explanation/1", str(path), width, height, method])
        self.assertEqual([grid["label"], grid["subcategory"]], [reference.label, CLASSES[reference.label]])
        self.assertAlmostEqual(grid["log_odds"], reference.f, delta=1e-3 * max(1, abs(reference.f)))
        pieces = grid["pieces"]
        if box:
            self.close([piece["box"] for piece in pieces], box, "boxes")
        expected = (reference.gradient() if method == "gradient" else reference.occlusion()).numpy()
        expected = numpy.array([numpy.where(shown(piece, width, height), values, 0) for piece, values in zip(pieces, expected, strict=True)])
        self.close([piece["values"] for piece in pieces], expected, "values")
        for key in ("box", "place", "without"):
            self.assertEqual(explanation[key], grid[key])
        self.assertEqual(grid["box"], expected_box(pieces, width, height))
        if grid["box"] is None:
            self.assertIsNone(grid["without"])
            return
        left, top, right, bottom = grid["box"]
        third = [min(2, int(3 * (a + b) / (2 * side))) for a, b, side in ((top, bottom, height), (left, right, width))]
        self.assertEqual(grid["place"], PLACES[third[0]][third[1]])
        self.assertAlmostEqual(grid["without"], reference.without(centres_in(pieces, grid["box"])), delta=2e-4)
        self.assertIn(CLASSES[reference.label], explanation["reason"])
        self.assertIn(f"{100 * grid['without']:.1f}%", explanation["reason"])
        self.assertIn(grid["place"], explanation["reason"])
        half = reference.scores[reference.label].item() / 2
        self.assertEqual("does not explain" in explanation["reason"], grid["without"] > half)
        self.check_overlay(pathlib.Path(f"{stem}.png"), path, grid)

    def check_overlay(self, overlay, path, grid):
        """Where the map is stronger more of the picture is changed."""
        drawn, picture = (numpy.asarray(Image.open(each).convert("RGB")).astype(int) for each in (overlay, path))
        self.assertEqual(drawn.shape, picture.shape)
        if len(grid["pieces"]) > 1 or min(picture.shape[:2]) < 40:
            return
        piece = grid["pieces"][0]
        x0, y0, x1, y1 = piece["box"]
        strengths, changes = [], []
        for row, values in enumerate(piece["values"]):
            for column, value in enumerate(values):
                # Its middle ninth, as far as it lies in the picture.
                across, down = ([int(a + (b - a) * (k + part) / n) for part in (1 / 3, 2 / 3)]
                                for a, b, k, n in ((x0, x1, column, piece["columns"]), (y0, y1, row, piece["rows"])))
                inside = [(y, x) for y in range(max(down[0], 0), min(down[1] + 1, picture.shape[0]))
                          for x in range(max(across[0], 0), min(across[1] + 1, picture.shape[1])) if not self.on_line(x, y, grid["box"])]
                if inside:
                    strengths.append(max(value, 0))
                    changes.append(numpy.mean([numpy.abs(drawn[at] - picture[at]).sum() for at in inside]))
        if len(set(strengths)) > 3:
            self.assertGreater(numpy.corrcoef(ranks(strengths), ranks(changes))[0, 1], 0.5)

    @staticmethod
    def on_line(x, y, box):
        return box is not None and box[0] - 1 <= x <= box[2] and box[1] - 1 <= y <= box[3] and not (box[0] + 1 < x < box[2] - 2 and box[1] + 1 < y < box[3] - 2)

    # ---- LLaVA

    def crop_box(self, width, height, size):
        scale = min(width, height) / size
        resized = [size if width <= height else int(size * width / height), int(size * height / width) if width <= height else size]
        left, top = ((side - size) // 2 for side in resized)
        x, y = width / resized[0], height / resized[1]
        self.assertAlmostEqual(min(x, y), scale, delta=0.2 * scale)
        return [[left * x, top * y, (left + size) * x, (top + size) * y]]

    def test_llava_of_transformers_5_cropped(self):
        folder, model = self.llava_folder("hf5")
        llava.write_hf5(folder, model)
        case = llava_case(folder, model)
        boxes = {name: self.crop_box(*Image.open(path).size, llava.IMAGE_SIZE) for name, path in self.pictures.items()}
        self.check(case, boxes=boxes)
        self.check(case, pooling="projector", temperature=0.6, boxes=boxes)
        self.check(case, temperature=2.5, pictures=("wide", "small"), label=7)

    def test_llava_of_transformers_4_in_float16(self):
        folder, model = self.llava_folder("hf4", kind="llama")
        llava.round_weights(model, torch.float16)
        llava.write_hf4(folder, model, torch.float16)
        self.check(llava_case(folder, model))

    def test_llava_original_padded(self):
        folder, model = self.llava_folder("original", kind="vicuna_spm")
        model.config.image_token_index = model.config.text_config.vocab_size - 1
        llava.round_weights(model, torch.float16)
        llava.write_original(folder, model)
        boxes = {}
        for name, path in self.pictures.items():
            width, height = Image.open(path).size
            side = max(width, height)
            left, top = -((side - width) // 2), -((side - height) // 2)
            boxes[name] = [[left, top, left + side, top + side]]
        self.check(llava_case(folder, model), boxes=boxes)
        self.check(llava_case(folder, model), pooling="projector", boxes=boxes)

    # ---- Qwen2.5-VL

    def whole(self):
        return {name: [[0, 0, *Image.open(path).size]] for name, path in self.pictures.items()}

    def test_qwen(self):
        folder = self.root / "qwen"
        folder.mkdir()
        case = qwen_case(qwen.Checkpoint(folder, seed=3, layout="flat"))
        self.check(case, pictures=("square", "wide", "tall", "small"), boxes=self.whole())
        self.check(case, pooling="projector", temperature=1.7, boxes=self.whole())

    def test_qwen_in_bfloat16(self):
        folder = self.root / "qwen16"
        folder.mkdir()
        self.check(qwen_case(qwen.Checkpoint(folder, seed=4, layout="nested", dtype=torch.bfloat16)), temperature=0.8)

    # ---- Gemma 3

    def test_gemma(self):
        case = gemma_case(gemma.Checkpoint(self.root / "gemma"))
        self.check(case, pooling="projector", boxes=self.whole())
        self.check(case, temperature=3.0, boxes=self.whole())

    def test_gemma_with_pan_and_scan(self):
        settings = dict(do_pan_and_scan=True, pan_and_scan_min_crop_size=40, pan_and_scan_max_num_crops=3, pan_and_scan_min_ratio_to_activate=1.2)
        case = gemma_case(gemma.Checkpoint(self.root / "scan", pan_and_scan=settings, storage=torch.bfloat16))
        # 190 x 70 in three of 64, the last of what is left; 61 x 170 in three below each other.
        boxes = {"wide": [[0, 0, 190, 70], [0, 0, 64, 70], [64, 0, 128, 70], [128, 0, 190, 70]],
                 "tall": [[0, 0, 61, 170], [0, 0, 61, 57], [0, 57, 61, 114], [0, 114, 61, 170]], "square": [[0, 0, 64, 64]]}
        self.check(case, pooling="projector", boxes=boxes)
        self.check(case, boxes=boxes)


if __name__ == "__main__":
    unittest.main()
