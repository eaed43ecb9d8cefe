"""What the tests of `holisafe train` share: data of every shape, a tiny base of a family, running the program, comparing steps."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "tools/fixtures")]
import gemma3 as gemma3_fixtures  # noqa: E402
import llava as llava_fixtures  # noqa: E402
import qwen2_5_vl_parity_test as qwen_fixtures  # noqa: E402
import settled_torch  # noqa: E402, F401
import training_reference as reference  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForImageTextToText  # noqa: E402

RATES = {"lora": 2e-3, "projector": 1e-3, "vision": 5e-4, "guard": 3e-3}


def exact(rates):
    """Flags of a run without dropout at these rates."""
    return ["--lora-rank", 4, "--lora-alpha", 8, "--lora-dropout", 0, "--guard-dropout", 0, "--lr", rates["lora"], "--projector-lr", rates["projector"],
            "--vision-lr", rates["vision"], "--guard-lr", rates["guard"]]


EXACT = exact(RATES)


def make_llava(folder):
    folder.mkdir()
    vocabulary, image_token = llava_fixtures.write_tokenizer(folder, "llama_metaspace")
    llava_fixtures.write_processor(folder)
    llava_fixtures.write_hf5(folder, llava_fixtures.make_model(vocabulary, image_token))


def make_qwen(folder):
    qwen_fixtures.Checkpoint(folder, seed=1, layout="flat")


def make_gemma3(folder):
    gemma3_fixtures.Checkpoint(folder, layout="4.50")


def turns(*texts):
    return [{"from": "human" if i % 2 == 0 else "gpt", "value": text} for i, text in enumerate(texts)]


def make_data(root):
    """Samples of every shape: several turns, several images, none, labels and none, ids of both kinds, the placeholder behind the question."""
    rng = np.random.default_rng(7)
    (root / "images/sub").mkdir(parents=True)
    for i in range(6):
        small = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small).resize((40 + 9 * i, 70 - 5 * i), Image.Resampling.BICUBIC).save(root / f"images/sub/{i}.png")
    samples = [
        {"id": 1, "image": "sub/0.png", "image_safety_label": 0, "conversations": turns("<image>\nWhat is it?", "A lamp.")},
        {"id": "two", "image": "sub/1.png", "image_safety_label": 16, "conversations": turns("How to use this? <image>", "I cannot help.", "Why?", "It could hurt people.")},
        {"id": 3, "conversations": turns("  No picture, two blanks  ", "None needed, thank you.")},
        {"id": 4, "image": ["sub/2.png", "sub/3.png"], "image_safety_label": 5, "conversations": turns("<image>\n<image>\nCompare them.", "They differ.")},
        {"id": 5, "image": "sub/4.png", "conversations": turns("<image>\nNo label here", "Right, none at all in this one.")},
        {"id": 6, "image": "sub/5.png", "image_safety_label": -100, "conversations": turns("<image>\nIgnored label", "Yes.")},
        {"id": 7, "image": "sub/1.png", "image_safety_label": 16, "conversations": turns("<image>\nThe same picture again", "Seen before.")},
    ]
    (root / "data.json").write_text(json.dumps(samples))
    return samples


def load_base(folder):
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


class TrainingCase(unittest.TestCase):
    """A base, data, a guard and an adapter to start from, made once a class."""

    family = "llava"
    pooling = "last_hidden"  # the family's own
    make_base = staticmethod(make_llava)

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_train_")
        cls.root = pathlib.Path(cls.work.name)
        cls.samples = make_data(cls.root)
        cls.base = cls.root / "base"
        cls.make_base(cls.base)
        reference.write_guard(cls.root / "guard.safetensors", reference.text_hidden_size(cls.base), cls.family, cls.pooling)
        cls.write_adapter()

    @classmethod
    def write_adapter(cls):
        """As PEFT writes one, with B away from its zeros."""
        torch.manual_seed(3)
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=reference.TARGET_PATTERN, bias="none")
        model = get_peft_model(load_base(cls.base), config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.05)
        model.save_pretrained(cls.root / "adapter")

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def setUp(self):
        self.out = self.root / self.id().rsplit(".", 1)[1]

    # ---- running the program

    def command(self, out, *flags, model=None, data=None):
        return [PROGRAM, "train", "--model", str(model or self.base), "--data", str(data or self.root / "data.json"), "--images", str(self.root / "images"),
                "--out", str(out), *map(str, flags)]

    def train(self, out, *flags, code=0, environment=None, **paths):
        done = subprocess.run(self.command(out, *flags, **paths), capture_output=True, text=True, timeout=300, env={**os.environ, **(environment or {})})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def metrics(self, out):
        return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]

    def start(self):
        return ["--init-adapter", self.root / "adapter", "--init-guard", self.root / "guard.safetensors"]

    def agree(self, ours, theirs, first=5, bound=1e-4, later=2e-3):
        """Figures of each step, by relative difference."""
        self.assertEqual(len(ours), len(theirs))
        for i, (a, b) in enumerate(zip(ours, theirs)):
            for key in ("loss", "lm_loss", "guard_loss", "grad_norm", "lr"):
                limit = (bound if i < first else later) * max(abs(b[key]), 1e-6)
                self.assertLessEqual(abs(a[key] - b[key]), limit, f"step {i + 1}: {key}: {a[key]} and {b[key]}")
            if b["guard_accuracy"] is None:
                self.assertIsNone(a["guard_accuracy"])
            else:
                self.assertAlmostEqual(a["guard_accuracy"], b["guard_accuracy"], places=6)

    def reference_steps(self, steps, per_step, **options):
        options = {"guard": self.root / "guard.safetensors", "pooling": self.pooling, "rates": RATES, **options}
        model = reference.Reference(self.base, steps=steps, **options)
        order = [self.samples[i:i + per_step] for i in range(0, len(self.samples), per_step)]
        return [model.step(order[step % len(order)], self.root / "images") for step in range(steps)]

    def ranks(self, out, *flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return [subprocess.Popen(self.command(out, *flags), stderr=subprocess.PIPE, text=True, env={
            **os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}) for rank in range(2)]

    def traced(self, model, *flags):
        """Stages of the first sample's question, as the program computes them."""
        out = self.root / "trace.safetensors"
        subprocess.run([PROGRAM, "model", "trace", "--model", model, "--image", self.root / "images/sub/0.png", "--prompt", "What is it?", "--out", out, *flags],
                       check=True, timeout=120)
        return load_file(out)
