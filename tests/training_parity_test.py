"""`holisafe train` against PyTorch + transformers + PEFT on tiny LLaVA checkpoints in float32, and against itself: accumulation, processes, resuming."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE / "tests"), str(SOURCE / "tools/fixtures")]
import llava as fixtures  # noqa: E402
import training_reference as reference  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from transformers import LlavaForConditionalGeneration  # noqa: E402

RATES = {"lora": 2e-3, "projector": 1e-3, "vision": 5e-4, "guard": 3e-3}
EXACT = ["--lora-rank", 4, "--lora-alpha", 8, "--lora-dropout", 0, "--guard-dropout", 0, "--lr", RATES["lora"], "--projector-lr", RATES["projector"],
         "--vision-lr", RATES["vision"], "--guard-lr", RATES["guard"]]


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


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_train_")
        cls.root = pathlib.Path(cls.work.name)
        cls.samples = make_data(cls.root)
        cls.base = cls.root / "base"
        cls.base.mkdir()
        vocabulary, image_token = fixtures.write_tokenizer(cls.base, "llama_metaspace")
        fixtures.write_processor(cls.base)
        fixtures.write_hf5(cls.base, fixtures.make_model(vocabulary, image_token))
        reference.write_guard(cls.root / "guard.safetensors", reference.text_hidden_size(cls.base), "llava", "last_hidden")
        cls.write_adapter()

    @classmethod
    def write_adapter(cls):
        """As PEFT writes one, with B away from its zeros."""
        torch.manual_seed(3)
        config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=reference.TARGET_PATTERN, bias="none")
        model = get_peft_model(LlavaForConditionalGeneration.from_pretrained(cls.base), config)
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
        model = reference.Reference(self.base, rates=RATES, steps=steps, guard=self.root / "guard.safetensors", **options)
        order = [self.samples[i:i + per_step] for i in range(0, len(self.samples), per_step)]
        return [model.step(order[step % len(order)], self.root / "images") for step in range(steps)]

    # ---- against the reference

    def test_twenty_steps_as_the_reference(self):
        theirs = self.reference_steps(20, 4, adapter=self.root / "adapter", warmup_ratio=0.1, weight_decay=0.05)
        self.train(self.out, *EXACT, *self.start(), "--max-steps", 20, "--batch-size", 2, "--grad-accum", 2, "--no-shuffle", "--warmup-ratio", 0.1,
                   "--weight-decay", 0.05)
        ours = self.metrics(self.out)
        self.agree(ours, theirs)
        self.assertEqual(ours[0]["lr"], 0)
        self.assertLess(ours[-1]["loss"], ours[0]["loss"])


    def test_full_training_and_detached_guard(self):
        options = {"schedule": "constant", "guard_lambda": 0.5, "max_grad_norm": 0.3}
        flags = ["--max-steps", 5, "--batch-size", 3, "--grad-accum", 1, "--no-shuffle", "--warmup-ratio", 0, "--schedule", "constant", "--guard-lambda", 0.5,
                 "--max-grad-norm", 0.3, "--init-guard", self.root / "guard.safetensors"]
        theirs = self.reference_steps(5, 3, full=True, **options)
        self.train(self.out, *EXACT, *flags, "--full")
        self.agree(self.metrics(self.out), theirs)
        theirs = self.reference_steps(5, 3, adapter=self.root / "adapter", guard_detach=True, freeze=("vision",), **options)
        self.train(self.root / "detached", *EXACT, *flags, "--init-adapter", self.root / "adapter", "--guard-detach", "--freeze", "vision")
        self.agree(self.metrics(self.root / "detached"), theirs)

    def test_guard_on_projector_features(self):
        reference.write_guard(self.root / "projector.safetensors", reference.text_hidden_size(self.base), "llava", "projector")
        model = reference.Reference(self.base, rates=RATES, steps=3, guard=self.root / "projector.safetensors", pooling="projector", freeze=("language",))
        theirs = [model.step(self.samples, self.root / "images") for _ in range(3)]
        self.train(self.out, *EXACT, "--init-guard", self.root / "projector.safetensors", "--max-steps", 3, "--batch-size", 8, "--grad-accum", 1, "--no-shuffle",
                   "--warmup-ratio", 0, "--freeze", "language")
        self.agree(self.metrics(self.out), theirs)
        self.assertFalse((self.out / "adapter").exists())

    # ---- against itself

    def test_accumulation_and_activation_checkpoints_change_nothing(self):
        flags = [*EXACT, *self.start(), "--max-steps", 3, "--no-shuffle", "--warmup-ratio", 0]
        self.train(self.out, *flags, "--batch-size", 1, "--grad-accum", 8)
        ours = self.metrics(self.out)
        for name, extra in {"pairs": ["--batch-size", 2, "--grad-accum", 4], "recomputed": ["--batch-size", 1, "--grad-accum", 8, "--checkpoint-activations"]}.items():
            self.train(self.root / name, *flags, *extra)
            self.agree(self.metrics(self.root / name), ours, first=3, bound=1e-5)

    def test_dropout_is_the_same_with_activation_checkpoints(self):
        flags = ["--max-steps", 2, "--batch-size", 4, "--grad-accum", 1, "--lora-rank", 4, "--lora-dropout", 0.3, *EXACT[6:]]
        self.train(self.out, *flags)
        self.train(self.root / "again", *flags, "--checkpoint-activations")
        self.agree(self.metrics(self.root / "again"), self.metrics(self.out), first=2, bound=1e-5)

    RESUMED = ["--max-steps", 12, "--batch-size", 2, "--grad-accum", 1, "--save-every", 3, "--keep", 3, "--lora-rank", 4, "--lora-dropout", 0.2, "--guard-dropout", 0.2,
               "--lr", 1e-3, "--vision-lr", 1e-4]

    def same_run(self, one, other):
        for path in ("adapter/adapter_model.safetensors", "adapter/adapter_config.json", "guard.safetensors", "model/model.safetensors", "model/config.json"):
            self.assertEqual((one / path).read_bytes(), (other / path).read_bytes(), path)
        drop = lambda line: {key: value for key, value in line.items() if key != "samples_per_second"}
        self.assertEqual(list(map(drop, self.metrics(one))), list(map(drop, self.metrics(other))))

    def interrupt(self, out, after, number):
        """Starts a run and ends it when it has begun step `after`."""
        process = subprocess.Popen(self.command(out, *self.RESUMED), stderr=subprocess.PIPE, text=True)
        while process.poll() is None:
            log = out / "metrics.jsonl"
            if log.exists() and len(log.read_text().splitlines()) >= after:
                process.send_signal(number)
                break
            time.sleep(0.005)
        error = process.communicate(timeout=120)[1]
        self.assertNotEqual(process.returncode, 0, "the run was over before it was stopped")
        return process.returncode, error

    def test_resumed_runs_equal_the_straight_one(self):
        straight = self.root / "straight"
        self.train(straight, *self.RESUMED)
        # Killed, then its newest checkpoint torn: goes on from the one before.
        killed = self.root / "killed"
        self.interrupt(killed, 7, signal.SIGKILL)
        newest = max((killed / "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]))
        torn = newest / "optimizer.safetensors"
        torn.write_bytes(torn.read_bytes()[:-100])
        warning = self.train(killed, *self.RESUMED, "--resume")
        self.assertIn(newest.name, warning)
        self.assertIn("warning", warning)
        self.same_run(killed, straight)
        # Interrupted: leaves a checkpoint of the step it was in.
        stopped = self.root / "stopped"
        code, error = self.interrupt(stopped, 4, signal.SIGINT)
        self.assertEqual(code, 130, error)
        self.train(stopped, *self.RESUMED, "--resume")
        self.same_run(stopped, straight)
        self.refused(straight)

    def refused(self, run):
        """A run without --resume, and resuming with another base, data or flag."""
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        self.assertIn("--resume", self.train(run, *self.RESUMED, code=2))
        other = self.root / "other"
        shutil.copytree(self.base, other)
        tensors = load_file(other / "model.safetensors")
        name = next(name for name in tensors if "q_proj" in name)
        save_file({**tensors, name: tensors[name] * 1.5}, other / "model.safetensors", metadata={"format": "pt"})
        (self.root / "fewer.json").write_text(json.dumps(self.samples[1:]))
        for flags, paths, named in (([], {"model": other}, "model"), ([], {"data": self.root / "fewer.json"}, "data"), (["--seed", 9], {}, "--seed"),
                                    (["--lr", 5e-3], {}, "--lr")):
            changed = [flag for i, flag in enumerate(self.RESUMED) if not (flags and (flag == flags[0] or (i and self.RESUMED[i - 1] == flags[0])))]
            error = self.train(run, *changed, *flags, "--resume", code=2, **paths)
            self.assertIn(f": {named}: ", error)
        self.assertEqual({path: path.read_bytes() for path in run.rglob("*") if path.is_file()}, before)

    # ---- many processes

    def ranks(self, out, *flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return [subprocess.Popen(self.command(out, *flags), stderr=subprocess.PIPE, text=True, env={
            **os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}) for rank in range(2)]

    def test_two_processes_as_one(self):
        # Five samples a step over micro-batches of one: some ranks get no image, and the last step is smaller.
        flags = [*EXACT, *self.start(), "--max-steps", 5, "--batch-size", 1, "--warmup-ratio", 0, "--seed", 5]
        self.train(self.out, *flags, "--grad-accum", 4)
        for process in self.ranks(self.root / "two", *flags, "--grad-accum", 2):
            error = process.communicate(timeout=120)[1]
            self.assertEqual(process.returncode, 0, error)
        self.agree(self.metrics(self.root / "two"), self.metrics(self.out), first=5, bound=2e-5)

    def test_a_dead_process_ends_the_other(self):
        processes = self.ranks(self.out, *EXACT, "--max-steps", 100000, "--batch-size", 1, "--grad-accum", 1)
        while not (self.out / "metrics.jsonl").exists() or len((self.out / "metrics.jsonl").read_text()) < 300:
            self.assertIsNone(processes[0].poll())
            time.sleep(0.05)
        processes[1].kill()
        error = processes[0].communicate(timeout=300)[1]
        self.assertEqual(processes[0].returncode, 2)
        self.assertRegex(error, r"holisafe: error: .*died")
        processes[1].communicate()

    # ---- what comes out

    def reference_logits(self, model, sample):
        model.eval()
        helper = reference.Reference.__new__(reference.Reference)
        from transformers import AutoProcessor
        helper.processor = AutoProcessor.from_pretrained(self.base)
        image = Image.open(self.root / "images/sub/0.png").convert("RGB")
        ids, _ = reference.LlavaTemplate(helper.processor).encode(sample, [image], 16)
        inputs = helper.processor.image_processor(images=[image], return_tensors="pt")
        with torch.no_grad():
            return model(input_ids=torch.tensor([ids]), **inputs).logits

    def traced(self, model, *flags):
        out = self.root / "trace.safetensors"
        subprocess.run([PROGRAM, "model", "trace", "--model", model, "--image", self.root / "images/sub/0.png", "--prompt", "What is it?", "--out", out, *flags],
                       check=True, timeout=120)
        return load_file(out)

    def test_outputs_load_elsewhere(self):
        self.train(self.out, *EXACT, *self.start(), "--max-steps", 4, "--batch-size", 4, "--grad-accum", 1, "--warmup-ratio", 0, "--freeze", "vision,projector")
        merged = LlavaForConditionalGeneration.from_pretrained(self.out / "model", dtype=torch.float32)
        adapted = PeftModel.from_pretrained(LlavaForConditionalGeneration.from_pretrained(self.base, dtype=torch.float32), self.out / "adapter")
        self.assertFalse(any("vision_tower" in name and "lora" in name for name, _ in adapted.named_modules()))
        one, other = self.reference_logits(merged, self.samples[0]), self.reference_logits(adapted, self.samples[0])
        plain = self.reference_logits(LlavaForConditionalGeneration.from_pretrained(self.base, dtype=torch.float32), self.samples[0])
        largest = one.abs().max().item()
        self.assertLessEqual((one - other).abs().max().item(), 1e-5 * largest)
        self.assertGreater((one - plain).abs().max().item(), 1e-2 * largest)
        base, model = load_file(self.base / "model.safetensors"), load_file(self.out / "model/model.safetensors")
        self.assertEqual(set(model) - set(base), {f"img_safety_head.mlp.{name}" for name in ("0.weight", "0.bias", "3.weight", "3.bias")})
        self.assertEqual(set(base) - set(model), set())
        for name in ("tokenizer.json", "processor_config.json", "preprocessor_config.json"):
            self.assertEqual((self.base / name).read_bytes(), (self.out / "model" / name).read_bytes())
        config = json.loads((self.out / "model/config.json").read_text())
        self.assertEqual(config["num_safety_categories"], 20)
        # On the base with adapter and guard beside it, the same.
        beside = self.traced(self.base, "--adapter", self.out / "adapter", "--guard", self.out / "guard.safetensors")
        inside = self.traced(self.out / "model")
        for stage in ("logits", "guard_logits"):
            self.assertLessEqual((beside[stage] - inside[stage]).abs().max().item(), 1e-5 * inside[stage].abs().max().item(), stage)

    def test_guard_alone_leaves_the_base(self):
        model = reference.Reference(self.base, rates=RATES, steps=4, guard=self.root / "guard.safetensors", freeze=("vision", "projector", "language"))
        theirs = [model.step(self.samples, self.root / "images") for _ in range(4)]
        self.train(self.out, *EXACT, "--init-guard", self.root / "guard.safetensors", "--freeze", "all", "--max-steps", 4, "--batch-size", 8, "--grad-accum", 1,
                   "--no-shuffle", "--warmup-ratio", 0)
        for a, b in zip(self.metrics(self.out), theirs):
            self.assertIsNone(a["lm_loss"])
            for key in ("guard_loss", "grad_norm", "guard_accuracy"):
                self.assertLessEqual(abs(a[key] - b[key]), 1e-4 * max(b[key], 1e-6), key)
        base, merged = load_file(self.base / "model.safetensors"), load_file(self.out / "model/model.safetensors")
        self.assertTrue(all(torch.equal(merged[name], base[name]) for name in base))

    # ---- what goes wrong

    def test_a_loss_that_is_not_finite_names_its_sample(self):
        broken = self.root / "broken"
        shutil.copytree(self.base, broken)
        tensors = load_file(broken / "model.safetensors")
        from transformers import AutoTokenizer
        words = AutoTokenizer.from_pretrained(self.base)
        ids = [words(" ".join(turn["value"] for turn in sample["conversations"])).input_ids for sample in self.samples]
        alone = next(token for token in ids[1] if all(token not in other for i, other in enumerate(ids) if i != 1))
        name = next(name for name in tensors if name.endswith("embed_tokens.weight"))
        tensors[name][alone] = float("nan")
        save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
        error = self.train(self.out, "--max-steps", 3, "--batch-size", 8, "--grad-accum", 1, code=2, model=broken)
        self.assertRegex(error, "holisafe: error: loss is not finite: step 1: samples two;")

    def test_config_file_and_bad_flags(self):
        (self.root / "run.toml").write_text(f"""# comment
model = "{self.base}"
data = "{self.root / 'data.json'}"   # another
images = "{self.root / 'images'}"
out = "{self.out}"
max-steps = 2
batch-size = 8
grad-accum = 1
lora-rank = 4
lora-targets = ["q_proj", "v_proj"]
mix = ["{self.root / 'data.json'}:2"]
shuffle = false
lr = 1e-3
""")
        done = subprocess.run([PROGRAM, "train", "--config", self.root / "run.toml", "--max-steps", "1"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.metrics(self.out)), 1)
        self.assertEqual(self.metrics(self.out)[0]["lr"], 0)
        flags = json.loads((self.out / "run.json").read_text())["flags"]
        self.assertEqual((flags["lora-targets"], flags["shuffle"], flags["lr"], flags["mix"][0][1]), (["q_proj", "v_proj"], False, 1e-3, 2))
        targets = {name.split(".")[-3] for name in load_file(self.out / "adapter/adapter_model.safetensors")}
        self.assertEqual(targets, {"q_proj", "v_proj"})
        (self.root / "bad.toml").write_text("lerning-rate = 1\nbatchsize = 3\n")
        done = subprocess.run([PROGRAM, "train", "--config", self.root / "bad.toml"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 2)
        self.assertIn("batch-size", done.stderr)
        unused = self.root / "unused"
        for flags, named in ((["--lora-targets", "q_prj"], "--lora-targets"), (["--init-adapter", self.root / "adapter", "--lora-rank", 8], "--lora-rank"),
                             (["--max-length", 10], "--max-length"), (["--mix", f"{self.root / 'data.json'}:99"], "--mix"), (["--freeze", "tower"], "--freeze")):
            self.assertIn(named, self.train(unused, "--max-steps", 1, *flags, code=2))
            shutil.rmtree(unused, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
