"""Explanations against PyTorch's autograd on transformers' models: every family, both poolings, the layouts of LLaVA, pan and scan, temperatures, weights of 16
bits. What a cell is, where it lies in the picture, and box and words are worked out here anew, from the contract."""

import io
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tools/fixtures"))
sys.path.insert(0, str(SOURCE / "tests"))
import browser  # noqa: E402
import gemma3 as gemma  # noqa: E402
import llava  # noqa: E402
import qwen2_5_vl_parity_test as qwen  # noqa: E402
import settled_torch  # noqa: E402, F401

CLASSES = qwen.CATEGORIES
PLACES = [["upper left", "top", "upper right"], ["left", "middle", "right"], ["lower left", "bottom", "lower right"]]
CLOSE = 2e-3  # of a grid's largest value


def run_program(*arguments, code=0, **options):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, timeout=300, **options)
    if done.returncode != code:
        raise AssertionError(f"{arguments}: {done.returncode}\n{done.stderr.decode()}")
    return done


def write_guard(path, hidden, model_type, pooling, temperature=1.0, seed=0, strength=3.0):
    """A random guard, as tensors and as a plug-in file."""
    generator = torch.Generator().manual_seed(seed)
    width = hidden // 2
    shapes = {"mlp.0.weight": (width, hidden), "mlp.0.bias": (width,), "mlp.3.weight": (20, width), "mlp.3.bias": (20,)}
    head = {name: strength * torch.randn(shape, generator=generator) / (shape[-1] ** 0.5 if len(shape) > 1 else 10) for name, shape in shapes.items()}
    save_file(head, path, metadata={"format": "holisafe-guard/1", "categories": json.dumps(CLASSES), "hidden_size": str(hidden), "pooling": pooling,
                                    "model_type": model_type, "temperature": str(temperature)})
    return head


def ranks(values):
    """Equal values share the mean of their ranks."""
    values = numpy.asarray(values, dtype=float)
    return [((values < value).sum() + (values <= value).sum()) / 2 for value in values]


class Case:
    """A checkpoint with what transformers makes of it: `features` and `hidden` of ids and pixels, through which gradients flow."""

    def __init__(self, folder, model_type, hidden_size, image_token, features, hidden, cell):
        self.folder, self.model_type, self.hidden_size, self.image_token = folder, model_type, hidden_size, image_token
        self.features, self.hidden, self.cell = features, hidden, cell

    def logits(self, ids, pixels, grid, head, pooling):
        if pooling == "projector":
            pooled = self.features(pixels, grid).mean(0)
        else:
            pooled = self.hidden(ids, pixels, grid)[ids == self.image_token].mean(0)
        middle = torch.nn.functional.gelu(head["mlp.0.weight"] @ pooled + head["mlp.0.bias"])
        return head["mlp.3.weight"] @ middle + head["mlp.3.bias"]


def llava_case(folder, model, image_token=None):
    token = model.config.image_token_index if image_token is None else image_token

    def features(pixels, grid):
        return torch.cat(list(model.model.get_image_features(pixels, return_dict=True).pooler_output))

    def hidden(ids, pixels, grid):
        return model.model(input_ids=ids[None], pixel_values=pixels, attention_mask=torch.ones_like(ids[None]), use_cache=False).last_hidden_state[0]

    return Case(folder, "llava", model.config.text_config.hidden_size, token, features, hidden, llava.PATCH)


def qwen_case(checkpoint):
    model = checkpoint.reference()

    def features(pixels, grid):
        return torch.cat(list(model.model.get_image_features(pixels, grid).pooler_output))

    def hidden(ids, pixels, grid):
        return model.model(input_ids=ids[None], attention_mask=torch.ones_like(ids[None]), pixel_values=pixels, image_grid_thw=grid,
                           mm_token_type_ids=(ids[None] == checkpoint.image_token).int(), use_cache=False).last_hidden_state[0]

    return Case(checkpoint.folder, "qwen2_5_vl", 48, checkpoint.image_token, features, hidden, None)


def gemma_case(checkpoint):
    model = checkpoint.model

    def features(pixels, grid):
        return model.get_image_features(pixels).pooler_output.flatten(0, 1)

    def hidden(ids, pixels, grid):
        return model.model(input_ids=ids[None], attention_mask=torch.ones_like(ids[None]), pixel_values=pixels,
                           token_type_ids=(ids[None] == checkpoint.image_token).long(), use_cache=False).last_hidden_state[0]

    return Case(checkpoint.folder, "gemma3", gemma.TEXT["hidden_size"], checkpoint.image_token, features, hidden, 28)


class Reference:
    """One picture through one case and one guard: f, its gradient, and what painting takes."""

    def __init__(self, case, trace, head, pooling, temperature, label=None):
        self.case, self.head, self.pooling, self.temperature = case, head, pooling, temperature
        ids = trace["input_ids"]
        ids = torch.where(ids < 0, case.image_token, ids)
        self.ids = ids[:int((ids == case.image_token).nonzero().max()) + 1]
        self.pixels, self.grid = trace["pixel_values"], trace.get("image_grid_thw")
        with torch.no_grad():
            logits = self.raw(self.pixels)
        self.scores = (logits.double() / temperature).softmax(0)
        self.label = int(self.scores[1:].argmax()) + 1 if label is None else label
        self.f = self.log_odds(logits).item()
        cells = self.cells(self.pixels)
        self.shape = cells.shape[:3]
        means = cells.double().mean((1, 2, 4), keepdim=True) if self.grid is not None else self.pixels.double().mean((2, 3)).view(len(self.pixels), 1, 1, 3, 1)
        self.means = means.float()

    def raw(self, pixels):
        return self.case.logits(self.ids, pixels, self.grid, self.head, self.pooling)

    def log_odds(self, logits):
        scaled = logits.double() / self.temperature
        return scaled[self.label] - torch.cat([scaled[:self.label], scaled[self.label + 1:]]).logsumexp(0)

    def cells(self, pixels):
        """[pieces, rows, columns, channels, numbers]; painting the result does not paint the pixels."""
        if self.grid is not None:  # [patches, channel x time x y x x], four patches a token
            rows, columns = int(self.grid[0, 1]) // 2, int(self.grid[0, 2]) // 2
            return pixels.view(rows, columns, 4, 3, -1).permute(0, 1, 3, 2, 4).reshape(1, rows, columns, 3, -1)
        side = self.case.cell
        rows = pixels.shape[2] // side
        part = pixels[:, :, :rows * side, :rows * side]
        return part.reshape(len(pixels), 3, rows, side, rows, side).permute(0, 2, 4, 1, 3, 5).reshape(len(pixels), rows, rows, 3, -1)

    def painted(self, mask):
        """With the cells of a mask [pieces, rows, columns] in the mean colour."""
        pieces, rows, columns = self.shape
        if self.grid is not None:
            wide = mask.view(1, rows, columns, 1, 1, 1).expand(1, rows, columns, 4, 3, self.pixels.shape[1] // 3)
            colour = self.means.view(1, 1, 1, 1, 3, 1).expand_as(wide)
            return torch.where(wide.reshape(self.pixels.shape), colour.reshape(self.pixels.shape), self.pixels)
        out = self.pixels.clone()
        for piece, row, column in mask.nonzero().tolist():
            side = self.case.cell
            out[piece, :, row * side:(row + 1) * side, column * side:(column + 1) * side] = self.means[piece].view(3, 1, 1)
        return out

    def gradient(self):
        pixels = self.pixels.clone().requires_grad_()
        self.log_odds(self.raw(pixels)).backward()
        return (self.cells(pixels.grad).double() * (self.cells(self.pixels) - self.means).double()).sum((3, 4))

    @torch.no_grad()
    def occlusion(self):
        pieces, rows, columns = self.shape
        side = math.ceil(max(rows, columns) / 8)
        out = torch.zeros(self.shape, dtype=torch.double)
        for piece in range(pieces):
            for top in range(0, rows, side):
                for left in range(0, columns, side):
                    mask = torch.zeros(self.shape, dtype=torch.bool)
                    mask[piece, top:top + side, left:left + side] = True
                    out[mask] = self.f - self.log_odds(self.raw(self.painted(mask))).item()
        return out

    @torch.no_grad()
    def without(self, mask):
        return (self.raw(self.painted(mask)).double() / self.temperature).softmax(0)[self.label].item()


def smallest_range(values):
    """Rows and columns of the smallest rectangle with 80% of the positive values."""
    positive = values.clip(min=0)
    total, best = positive.sum(), None
    sums = numpy.pad(positive, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows, columns = values.shape
    for top in range(rows):
        for left in range(columns):
            for bottom in range(top + 1, rows + 1):
                for right in range(left + 1, columns + 1):
                    held = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
                    key = ((bottom - top) * (right - left), -held, top, left)
                    if held >= 0.8 * total * (1 - 1e-12) and (best is None or key < best[0]):
                        best = (key, (top, left, bottom, right))
    return best[1]


def expected_box(pieces, width, height):
    largest = max(range(len(pieces)), key=lambda i: numpy.max(pieces[i]["values"]))
    values = numpy.array(pieces[largest]["values"])
    if values.max() <= 0:
        return None
    top, left, bottom, right = smallest_range(values)
    x0, y0, x1, y1 = pieces[largest]["box"]
    across, down = (x1 - x0) / values.shape[1], (y1 - y0) / values.shape[0]
    return [max(0, math.floor(x0 + left * across + 1e-6)), max(0, math.floor(y0 + top * down + 1e-6)),
            min(width, math.ceil(x0 + right * across - 1e-6)), min(height, math.ceil(y0 + bottom * down - 1e-6))]


def centres_in(pieces, box):
    out = []
    for piece in pieces:
        x0, y0, x1, y1 = piece["box"]
        rows, columns = piece["rows"], piece["columns"]
        ys = y0 + (numpy.arange(rows) + 0.5) * (y1 - y0) / rows
        xs = x0 + (numpy.arange(columns) + 0.5) * (x1 - x0) / columns
        out.append(((ys >= box[1]) & (ys < box[3]))[:, None] & ((xs >= box[0]) & (xs < box[2]))[None])
    return torch.tensor(numpy.array(out))


def shown(piece, width, height):
    """Which cells show some of the picture."""
    x0, y0, x1, y1 = piece["box"]
    rows, columns = piece["rows"], piece["columns"]
    xs = x0 + numpy.arange(columns + 1) * (x1 - x0) / columns
    ys = y0 + numpy.arange(rows + 1) * (y1 - y0) / rows
    return ((ys[1:] > 1e-6) & (ys[:-1] < height - 1e-6))[:, None] & ((xs[1:] > 1e-6) & (xs[:-1] < width - 1e-6))[None]


def smooth(path, width, height, seed):
    return qwen.picture(path, width, height, seed)


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


class Command(unittest.TestCase):
    """What the flags do, on one tiny checkpoint."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_explain_")
        cls.root = pathlib.Path(cls.work.name)
        cls.model = cls.root / "model"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--guard", "--out", cls.model)
        cls.picture = smooth(cls.root / "picture.png", 90, 60, 1)

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def guard(self, *arguments, code=1, **options):
        return run_program("guard", "--model", self.model, *arguments, code=code, **options)

    def folder(self):
        return self.root / f"out{len(list(self.root.iterdir()))}"

    def test_the_text_has_the_reason_as_a_second_line(self):
        out = self.folder()
        done = self.guard("--threshold", "0", "--explain", out, self.picture)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("flagged", lines[0])
        grid = json.loads((out / "000000-picture.json").read_text())
        self.assertIn(grid["subcategory"], lines[1])
        self.assertIn(f"{100 * grid['without']:.1f}%", lines[1])
        plain = self.guard("--threshold", "0", self.picture).stdout.decode().splitlines()
        self.assertEqual(plain, lines[:1])

    def test_images_that_are_not_flagged_are_not_explained(self):
        out = self.folder()
        done = self.guard("--json", "--threshold", "1", "--explain", out, self.picture, code=0)
        self.assertNotIn("explanation", json.loads(done.stdout))
        self.assertEqual(list(out.iterdir()), [])

    def test_the_same_command_gives_the_same_bytes(self):
        for method in ("gradient", "occlusion"):
            found = []
            for _ in range(2):
                out = self.folder()
                self.guard("--threshold", "0", "--explain", out, "--explain-method", method, self.picture)
                found.append({path.name: path.read_bytes() for path in out.iterdir()})
            self.assertEqual(found[0], found[1])

    def test_batches_change_nothing_that_counts(self):
        grids = []
        for size in (1, 4):
            out = self.folder()
            self.guard("--threshold", "0", "--explain", out, "--explain-method", "occlusion", "--batch-size", size, self.picture)
            grids.append(json.loads((out / "000000-picture.json").read_text())["pieces"][0]["values"])
        one, four = map(numpy.array, grids)
        self.assertLessEqual(numpy.abs(one - four).max(), CLOSE * numpy.abs(one).max())

    def test_names_of_files(self):
        odd = self.root / "caf\u00e9 (1).v2.png"
        odd.write_bytes(self.picture.read_bytes())
        raw = os.fsencode(self.root) + b"/\xff\n" + b"x" * 120 + b".png"
        pathlib.Path(os.fsdecode(raw)).write_bytes(self.picture.read_bytes())
        out = self.folder()
        self.guard("--threshold", "0", "--explain", out, "-0", "-", input=b"\0".join([os.fsencode(self.picture), os.fsencode(odd), raw]) + b"\0")
        stems = ["000000-picture", "000001-caf____1_.v2", "000002-__" + "x" * 78]
        self.assertEqual(sorted(path.name for path in out.iterdir()), sorted(stem + end for stem in stems for end in (".json", ".png")))
        grid = json.loads((out / (stems[2] + ".json")).read_text())
        self.assertIn("path_bytes", grid)

    def test_a_picture_turned_by_exif_is_explained_upright(self):
        """One red block, all eight turns: the frame and the overlay are those of the upright picture."""
        picture = Image.new("RGB", (96, 64), (90, 110, 120))
        picture.paste((230, 20, 20), (60, 8, 84, 24))
        upright = self.root / "upright.png"
        picture.save(upright)
        back = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
                6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}
        out = self.folder()
        paths = [upright]
        for turn, operation in back.items():
            stored = picture if operation is None else picture.transpose(operation)
            path = self.root / f"turn{turn}.png"
            exif = Image.Exif()
            exif[0x0112] = turn
            stored.save(path, exif=exif)
            paths.append(path)
        done = self.guard("--json", "--threshold", "0", "--explain", out, *paths)
        lines = [json.loads(line)["explanation"] for line in done.stdout.splitlines()]
        first = Image.open(lines[0]["overlay"])
        for line in lines[1:]:
            self.assertEqual({key: line[key] for key in ("box", "place", "without", "reason")}, {key: lines[0][key] for key in ("box", "place", "without", "reason")})
            self.assertEqual(numpy.asarray(Image.open(line["overlay"])).tolist(), numpy.asarray(first).tolist())

    def test_pictures_of_extreme_shapes_and_of_one_colour(self):
        made = {"one_pixel": (1, 1), "line": (1500, 1), "column": (1, 700)}
        paths = []
        for name, size in made.items():
            paths.append(self.root / f"{name}.png")
            Image.new("RGB", size, (200, 10, 60)).save(paths[-1])
        square = self.root / "one_colour.png"
        Image.new("RGB", (77, 77), (200, 10, 60)).save(square)
        out = self.folder()
        for method in ("gradient", "occlusion"):
            done = self.guard("--json", "--threshold", "0", "--explain", out, "--explain-method", method, "--image-aspect", "crop", *paths, square)
            for line in map(json.loads, done.stdout.splitlines()):
                self.assertIsNone(line["explanation"]["box"], line["path"])
                self.assertIn("nothing in particular", line["explanation"]["reason"])
                grid = json.loads(pathlib.Path(line["explanation"]["grid"]).read_text())
                self.assertTrue(all(value == 0 for row in grid["pieces"][0]["values"] for value in row))

    def test_a_bad_image_among_good_ones(self):
        broken = self.root / "broken.png"
        broken.write_bytes(self.picture.read_bytes()[:200])
        out = self.folder()
        done = self.guard("--json", "--threshold", "0", "--explain", out, self.picture, broken, self.picture, code=2)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["explanation" in line for line in lines], [True, False, True])
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["000000-picture.json", "000000-picture.png", "000002-picture.json", "000002-picture.png"])

    def test_usage(self):
        for flags, says in ((["--explain", "x", "--explain-method", "gradiant"], "gradient"), (["--explain", "x", "--explain-class", "weapon"], "weapon_related_violence"),
                            (["--explain-method", "gradient"], "--explain"), (["--explain-class", "terrorism"], "--explain"),
                            (["--explain", "x", "--explain-class", "safe"], "not in"), (["--explain", "x", "--out", "y"], "--explain")):
            for command in (["guard", self.picture], ["ask", "--image", self.picture, "--prompt", "x"]):
                if command[0] == "ask" and "--out" in flags:
                    continue
                done = run_program(*command, "--model", self.model, *flags, code=2, cwd=self.root)
                self.assertRegex(done.stderr.decode(), r"^holisafe: error: [^\n]*\n$")
                self.assertIn(says, done.stderr.decode())
        self.assertFalse((self.root / "x").exists())

    def test_a_model_without_a_guard(self):
        bare = self.root / "bare"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--out", bare)
        for command in (["guard", self.picture], ["ask", "--image", self.picture, "--prompt", "x"]):
            done = run_program(*command, "--model", bare, "--explain", self.folder(), code=2)
            self.assertIn("no guard", done.stderr.decode())

    def test_folders_that_cannot_be_written(self):
        file = self.root / "a_file"
        file.write_text("x")
        for folder in (file, file / "below", "/proc/explained"):
            done = self.guard("--json", "--threshold", "0", "--explain", folder, self.picture, self.picture, code=2)
            self.assertEqual(done.stdout, b"")
            self.assertRegex(done.stderr.decode(), r"(?m)^holisafe: error: [^\n]*\n\Z")
            self.assertEqual(done.stderr.decode().count("error"), 1)

    def test_a_file_that_cannot_be_written_ends_the_command(self):
        out = self.folder()
        (out / "000001-picture.json" / "x").mkdir(parents=True)
        done = self.guard("--json", "--threshold", "0", "--explain", out, self.picture, self.picture, self.picture, code=2)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual(done.stderr.decode().count("holisafe: error"), 1)
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["000000-picture.json", "000000-picture.png", "000001-picture.json"])

    def test_ask_explains_its_images(self):
        out = self.folder()
        ask = ["ask", "--model", self.model, "--threshold", "0", "--max-new-tokens", "2", "--image", self.picture, "--prompt", "What is it?"]
        plain = json.loads(run_program(*ask, "--json").stdout)
        said = json.loads(run_program(*ask, "--json", "--explain", out).stdout)
        explanation = said["guard"].pop("explanation")
        self.assertEqual(said["guard"], plain["guard"])
        self.assertEqual(said["completion_token_ids"], plain["completion_token_ids"])
        self.assertEqual(explanation["grid"], str(out / "000000-picture.json"))
        judged = self.folder()
        line = json.loads(self.guard("--json", "--threshold", "0", "--explain", judged, self.picture).stdout)
        self.assertEqual(line["explanation"]["reason"], explanation["reason"])
        self.assertEqual((judged / "000000-picture.png").read_bytes(), (out / "000000-picture.png").read_bytes())
        text = run_program(*ask, "--explain", out)
        self.assertIn("guard: " + explanation["reason"], text.stderr.decode())
        self.assertNotIn(explanation["reason"], text.stdout.decode())
        two = json.loads(run_program(*ask, "--image", self.picture, "--json", "--explain", self.folder()).stdout)
        self.assertNotIn("explanation", two["guard"])
        self.assertEqual([each["explanation"]["reason"] for each in two["guards"]], [explanation["reason"]] * 2)

    def test_log_odds_stay_finite_where_nothing_is_left(self):
        guard = self.root / "sure.safetensors"
        hidden = json.loads((self.model / "config.json").read_text())["text_config"]["hidden_size"]
        write_guard(guard, hidden, "llava", "last_hidden", temperature=0.001, strength=6)
        for method in ("gradient", "occlusion"):
            out = self.folder()
            line = json.loads(self.guard("--guard", guard, "--json", "--threshold", "0", "--explain", out, "--explain-method", method, self.picture).stdout)
            grid = json.loads(pathlib.Path(line["explanation"]["grid"]).read_text())
            self.assertTrue(math.isfinite(grid["log_odds"]))
            self.assertGreater(abs(grid["log_odds"]), 40)

    def test_an_interrupt_keeps_what_is_finished(self):
        out = self.folder()
        names = b"".join(os.fsencode(self.picture) + b"\n" for _ in range(4000))
        command = [PROGRAM, "guard", "--model", self.model, "--json", "--threshold", "0", "--explain", out, "--explain-method", "occlusion", "-"]
        # Nobody reads while names are written, so what is printed goes nowhere.
        with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            running.stdin.write(names)
            running.stdin.close()
            for _ in range(600):
                if out.is_dir() and len(list(out.glob("*.json"))) >= 2:
                    break
                time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(timeout=60), 130)
        for path in out.glob("*.json"):
            json.loads(path.read_text())
            Image.open(io.BytesIO(path.with_suffix(".png").read_bytes())).load()
        self.assertEqual([path for path in out.iterdir() if path.suffix not in (".json", ".png")], [])


class Bench(unittest.TestCase):
    """`bench run --explain`, and the report's figures."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_explain_")
        cls.root = pathlib.Path(cls.work.name)
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--guard", "--out", cls.root / "model")
        run_program("data", "synth", "--out", cls.root / "data", "--seed", "2", "--bench", "95")
        cls.bench = ["bench", "run", "--data", cls.root / "data", "--model", cls.root / "model", "--max-new-tokens", "2", "--out", cls.root / "run"]
        run_program(*cls.bench, "--explain")

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def test_the_worst_cases_are_kept_and_shown(self):
        rows = json.loads((self.root / "run/predictions.json").read_text())
        page = self.root / "report.html"
        run_program("bench", "report", self.root / "run", "--html", page)
        text = page.read_text()
        shown = re.findall(r'<figure class="explanation" data-image="([^"]*)">', text)
        missed, alarms, confused = {}, {}, {}
        for row in rows:
            if row["image"] in {**missed, **alarms, **confused}:
                continue
            scores = row["guard"]["scores"]
            harm = max((name for name in scores if name != "safe"), key=scores.get)
            flagged = 1 - scores["safe"] >= 0.5
            if row["image_safety_label"] and not flagged:
                missed[row["image"]] = scores["safe"]
            elif not row["image_safety_label"] and flagged:
                alarms[row["image"]] = 1 - scores["safe"]
            elif row["image_safety_label"] and CLASSES[row["image_safety_label"]] != harm:
                confused[row["image"]] = scores[harm]
        expected = [image for kind in (missed, alarms, confused) for image in sorted(kind, key=kind.get, reverse=True)[:12]]
        self.assertTrue(expected)
        self.assertEqual(sorted(shown), sorted(expected))
        files = sorted((self.root / "run/explanations").iterdir())
        self.assertEqual(len(files), 2 * len(expected))
        for path in files:
            if path.suffix == ".json":
                grid = json.loads(path.read_text())
                self.assertIn(grid["path"], expected)
                self.assertEqual(rows[int(path.name[:6])]["image"], grid["path"])
        self.assertEqual((self.root / "run/report.html").read_text().count('<figure class="explanation"'), len(expected))
        for words in ("refused because it saw", "answered although it saw", "answered, and had not seen", "refused without having seen"):
            if words in text:
                break
        else:
            self.fail("no figure says what became of the answer")

    def test_nothing_is_shown_where_nothing_was_explained(self):
        other = self.root / "plain"
        run_program(*self.bench[:-1], other)
        self.assertNotIn("class=\"explanation\"", (other / "report.html").read_text())
        self.assertEqual((other / "predictions.json").read_bytes(), (self.root / "run/predictions.json").read_bytes())

    def test_a_run_without_a_model_or_a_guard(self):
        done = run_program("bench", "run", "--data", self.root / "data", "--endpoint", "http://127.0.0.1:9", "--api-model", "x", "--out", self.root / "none", "--explain", code=2)
        self.assertIn("--model", done.stderr.decode())
        bare = self.root / "bare"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--out", bare)
        done = run_program("bench", "run", "--data", self.root / "data", "--model", bare, "--out", self.root / "none", "--explain", code=2)
        self.assertIn("no guard", done.stderr.decode())

    @unittest.skipIf(browser.BROWSER is None, "needs chromium (tools/setup.sh installs it)")
    def test_figures_in_a_browser(self):
        with browser.Browser(self.root / "profile") as page:
            page.open((self.root / "run/report.html").as_uri())
            found = page.run("[...document.querySelectorAll('figure.explanation')].map(figure => { const image = figure.querySelector('img'); return ["
                                  "image.complete, image.naturalWidth, image.naturalHeight, getComputedStyle(image).filter, figure.querySelector('.reason').textContent, figure.dataset.image]; })")
            self.assertTrue(found)
            for complete, width, height, filtered, reason, image in found:
                self.assertTrue(complete and 0 < width <= 512 and 0 < height <= 512, image)
                self.assertIn("blur", filtered)
                self.assertIn("The guard gives", reason)
            self.assertEqual(page.console, [])


if __name__ == "__main__":
    unittest.main()
