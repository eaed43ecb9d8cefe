"""For tests of explanations: models of transformers, each under a random guard, and what f, its gradient, box and words are by the contract."""

import json
import math
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy
import torch
from safetensors.torch import save_file

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tools/fixtures"))
sys.path.insert(0, str(SOURCE / "tests"))
import gemma3 as gemma  # noqa: E402
import llava  # noqa: E402
import qwen2_5_vl_parity_test as qwen  # noqa: E402
import settled_torch  # noqa: E402, F401

CLASSES = qwen.CATEGORIES
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
