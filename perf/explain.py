"""Explanations of a guard's verdict: both methods beside Captum on transformers' model, all sides in one run, their values compared.

    python perf/explain.py build/holisafe [--preset tiny|7b-4layers|…] [--method gradient|occlusion|both] [--pictures N] [--keep FOLDER]

`--keep` is the checkpoint's folder, made where it is not there; a LLaVA with a guard that pools the language model's output (the demo's is one).
Captum (0.9; `pip install captum matplotlib`) knows neither cells nor the picture, so it is told: InputXGradient, whose gradient is taken times the difference to
the mean colour and summed over each visual token's pixels, and FeatureAblation with a mask of the same blocks and the mean colour as baseline.
Given are wall and processor seconds (the latter for machines that others use), each as times of one verdict of the same side too, the peak memory of
our process, and the largest difference between the values as a share of the largest value. Ours are of a command with all pictures less one with
the first alone, and less a verdict, which every command gives: they hold decoding, `without`, overlay and files; Captum's hold the attribution alone.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing

import numpy


class Spent(typing.NamedTuple):
    """Seconds of wall and of processors."""

    wall: float
    processor: float

    def __sub__(self, other):
        return Spent(self.wall - other.wall, self.processor - other.processor)

    def __truediv__(self, number):
        return Spent(self.wall / number, self.processor / number)

    def said(self, verdict=None):
        times = f", {self.wall / verdict.wall:.1f} verdicts ({self.processor / verdict.processor:.1f})" if verdict else ""
        return f"{self.wall:.3f} s ({self.processor:.3f} s of processors){times}"


def run(command):
    """What it spent, its peak memory in bytes, its output."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        began = time.monotonic()
        child = subprocess.Popen(list(map(str, command)), stdout=out, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)  # of this child alone, unlike RUSAGE_CHILDREN
        child.returncode = os.waitstatus_to_exitcode(status)
        spent = Spent(time.monotonic() - began, used.ru_utime + used.ru_stime)
        for stream in (out, errors):
            stream.seek(0)
        if child.returncode not in (0, 1):
            sys.exit(f"{command}: {errors.read()}")
        return spent, used.ru_maxrss * 1024, out.read()


def spend(what):
    """What a call in this process spent, and what it gives."""
    began, processor = time.monotonic(), time.process_time()
    found = what()
    return Spent(time.monotonic() - began, time.process_time() - processor), found


def write_pictures(folder, count, seed=3):
    from PIL import Image

    rng = numpy.random.default_rng(seed)
    paths = []
    for i in range(count):
        y, x = numpy.mgrid[0:360, 0:480]
        waves = [numpy.sin(x * rng.uniform(0.01, 0.1) + y * rng.uniform(0.01, 0.1) + rng.uniform(0, 6)) for _ in range(3)]
        values = 127 + 90 * numpy.stack(waves, axis=2) + rng.normal(0, 12, (360, 480, 3))
        paths.append(folder / f"picture{i}.png")
        Image.fromarray(numpy.clip(values, 0, 255).astype(numpy.uint8)).save(paths[-1])
    return paths


def ours(flags, model, pictures, method, out):
    """What a picture spends by difference of two commands, the first picture's values, peak memory; without a method of a verdict."""
    command = [flags.program, "guard", "--model", model, "--json", "--threshold", "0", "--threads", flags.threads]
    if method:
        command += ["--explain", out, "--explain-method", method]
    some, _, _ = run([*command, pictures[0]])
    all_of_them, peak, lines = run([*command, *pictures])
    values = None
    if method:
        grid = json.loads(lines.splitlines()[0])["explanation"]["grid"]
        values = numpy.array(json.loads(pathlib.Path(grid).read_text())["pieces"][0]["values"])
    return (all_of_them - some) / (len(pictures) - 1), values, peak


class Theirs:
    """The log-odds of a class through transformers' model and the guard's MLP, as a function of pixels."""

    def __init__(self, model, trace, label):
        import torch
        from safetensors.torch import load_file
        from transformers import LlavaForConditionalGeneration

        self.torch = torch
        self.model = LlavaForConditionalGeneration.from_pretrained(model, dtype=torch.float32).eval().requires_grad_(False)
        self.head = {}
        for path in sorted(pathlib.Path(model).glob("*.safetensors")):
            self.head |= {name.split("img_safety_head.")[1]: tensor.float() for name, tensor in load_file(path).items() if "img_safety_head." in name}
        token = self.model.config.image_token_index
        ids = trace["input_ids"]
        self.ids = ids[:int((ids == token).nonzero().max()) + 1][None]
        self.places = self.ids[0] == token
        self.label = label

    def __call__(self, pixels):
        torch = self.torch
        out = []
        for one in pixels:
            hidden = self.model.model(input_ids=self.ids, pixel_values=one[None], attention_mask=torch.ones_like(self.ids), use_cache=False).last_hidden_state[0]
            pooled = hidden[self.places].mean(0)
            middle = torch.nn.functional.gelu(self.head["mlp.0.weight"] @ pooled + self.head["mlp.0.bias"])
            logits = (self.head["mlp.3.weight"] @ middle + self.head["mlp.3.bias"]).double()
            out.append(logits[self.label] - torch.cat([logits[:self.label], logits[self.label + 1:]]).logsumexp(0))
        return torch.stack(out)


def captum(f, pixels, side, method):
    """The values of the grid."""
    import torch
    from captum.attr import FeatureAblation, InputXGradient

    mean = pixels.mean((2, 3), keepdim=True)
    cells = pixels.shape[2] // side
    if method == "gradient":
        given = pixels.clone().requires_grad_()
        product = InputXGradient(f).attribute(given)
        gradient = torch.where(pixels == 0, 0, product / pixels)
        values = (gradient * (pixels - mean)).detach()
        values = values.reshape(3, cells, side, cells, side).double().sum((0, 2, 4))
    else:
        block = -(-cells // 8)
        place = torch.arange(pixels.shape[2]) // side // block
        mask = place[:, None] * (int(place.max()) + 1) + place[None]
        with torch.no_grad():
            values = FeatureAblation(f).attribute(pixels, baselines=mean.expand_as(pixels), feature_mask=mask[None, None])
        values = values[0, 0, ::side, ::side].double()
    return values.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--method", choices=["gradient", "occlusion", "both"], default="both")
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep")
    parser.add_argument("--ours-only", action="store_true", help="where transformers' float32 copy does not fit")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holisafe_explain_") as folder:
        root = pathlib.Path(folder)
        model = pathlib.Path(flags.keep or root / "model")
        if not (model / "config.json").exists():
            run([flags.program, "model", "synth", "--family", "llava", "--preset", flags.preset, "--seed", "1", "--guard", "--out", model])
        pictures = write_pictures(root, flags.pictures)
        verdict, _, plain_peak = ours(flags, model, pictures, None, None)
        print(f"ours: a verdict {verdict.said()}, peak {plain_peak / 2**20:.0f} MiB")
        found = {}
        for method in ("gradient", "occlusion") if flags.method == "both" else (flags.method,):
            spent, values, peak = ours(flags, model, pictures, method, root / method)
            found[method] = values
            # Each explained picture is judged first: that verdict is not the explanation's.
            print(f"ours: {method} with `without` and files {(spent - verdict).said(verdict)}, peak {(peak - plain_peak) / 2**20:+.0f} MiB")
        if not flags.ours_only:
            compare(flags, root, model, pictures[0], found)


def compare(flags, root, model, picture, found):
    """The other side's figures of one picture, and how far the values are apart."""
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(flags.threads)
    run([flags.program, "model", "trace", "--model", model, "--image", picture, "--prompt", "x", "--out", root / "trace.safetensors"])
    trace = load_file(root / "trace.safetensors")
    label = int(json.loads(next(iter(sorted((root / next(iter(found))).glob("*.json")))).read_text())["label"])
    f = Theirs(model, trace, label)
    pixels = trace["pixel_values"]
    with torch.no_grad():
        f(pixels)
        verdict, _ = spend(lambda: f(pixels))
    print(f"transformers: a verdict {verdict.said()}")
    for method, values in found.items():
        spent, theirs = spend(lambda: captum(f, pixels, pixels.shape[2] // values.shape[0], method))
        apart = numpy.abs(values - theirs).max() / numpy.abs(theirs).max()
        print(f"Captum: {method} {spent.said(verdict)}; values differ by {apart:.1e} of the largest")


if __name__ == "__main__":
    main()
