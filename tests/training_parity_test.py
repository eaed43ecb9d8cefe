"""`holisafe train` against PyTorch + transformers + PEFT on tiny checkpoints of all families in float32."""

import json
import unittest

import torch
from PIL import Image
from safetensors.torch import load_file

import training_reference as reference
from peft import PeftModel
from training_case import EXACT, RATES, TrainingCase, exact, load_base, make_gemma3, make_qwen
from transformers import AutoModelForImageTextToText

HEAD = {f"img_safety_head.mlp.{name}" for name in ("0.weight", "0.bias", "3.weight", "3.bias")}


class Parity:
    """What holds for every family; a base, its family and pooling come from the class."""

    def test_twenty_steps_as_the_reference(self):
        theirs = self.reference_steps(20, 4, adapter=self.root / "adapter", warmup_ratio=0.1, weight_decay=0.05)
        self.train(self.out, *EXACT, *self.start(), "--max-steps", 20, "--batch-size", 2, "--grad-accum", 2, "--no-shuffle", "--warmup-ratio", 0.1,
                   "--weight-decay", 0.05)
        ours = self.metrics(self.out)
        self.agree(ours, theirs)
        self.assertEqual(ours[0]["lr"], 0)
        self.assertLess(ours[-1]["loss"], ours[0]["loss"])
        self.loads_in_transformers(self.out / "model")

    def loads_in_transformers(self, model):
        """Names of the base and the guard's, all of them used, and all parts trained."""
        base, trained = load_file(self.base / "model.safetensors"), load_file(model / "model.safetensors")
        self.assertEqual(set(trained), set(base) | HEAD)
        self.assertEqual({name: (tensor.dtype, tensor.shape) for name, tensor in base.items()},
                         {name: (tensor.dtype, tensor.shape) for name, tensor in trained.items() if name in base})
        for part in ("q_proj", "patch_embed", "merger" if self.family == "qwen2_5_vl" else "projector"):
            self.assertTrue(any(not torch.equal(base[name], trained[name]) for name in base if part in name), part)
        _, report = AutoModelForImageTextToText.from_pretrained(model, output_loading_info=True)
        self.assertFalse(report["missing_keys"] or report["mismatched_keys"], report)
        self.assertLessEqual(set(report["unexpected_keys"]), HEAD)

    def test_full_training_and_detached_guard(self):
        options = {"schedule": "constant", "guard_lambda": 0.5, "max_grad_norm": 0.3}
        flags = ["--max-steps", 5, "--batch-size", 3, "--grad-accum", 1, "--no-shuffle", "--warmup-ratio", 0, "--schedule", "constant", "--guard-lambda", 0.5,
                 "--max-grad-norm", 0.3, "--init-guard", self.root / "guard.safetensors"]
        rates = {**RATES, "lora": 2e-4}  # larger steps blow rounding up
        theirs = self.reference_steps(5, 3, full=True, rates=rates, **options)
        self.train(self.out, *exact(rates), *flags, "--full")
        self.agree(self.metrics(self.out), theirs)
        theirs = self.reference_steps(5, 3, adapter=self.root / "adapter", guard_detach=True, freeze=("vision",), rates=rates, **options)
        self.train(self.root / "detached", *exact(rates), *flags, "--init-adapter", self.root / "adapter", "--guard-detach", "--freeze", "vision")
        self.agree(self.metrics(self.root / "detached"), theirs)

    def test_guard_on_other_features(self):
        """Pooled where the family does not by itself, without an adapter."""
        pooling = "projector" if self.pooling == "last_hidden" else "last_hidden"
        guard = self.root / "other.safetensors"
        reference.write_guard(guard, reference.text_hidden_size(self.base), self.family, pooling)
        theirs = self.reference_steps(3, 8, guard=guard, pooling=pooling, freeze=("language",))
        self.train(self.out, *EXACT, "--init-guard", guard, "--max-steps", 3, "--batch-size", 8, "--grad-accum", 1, "--no-shuffle", "--warmup-ratio", 0,
                   "--freeze", "language")
        self.agree(self.metrics(self.out), theirs)
        self.assertFalse((self.out / "adapter").exists())

    def test_accumulation_and_activation_checkpoints_change_nothing(self):
        flags = [*EXACT, *self.start(), "--max-steps", 3, "--no-shuffle", "--warmup-ratio", 0]
        self.train(self.out, *flags, "--batch-size", 1, "--grad-accum", 8)
        ours = self.metrics(self.out)
        for name, extra in {"pairs": ["--batch-size", 2, "--grad-accum", 4], "recomputed": ["--batch-size", 1, "--grad-accum", 8, "--checkpoint-activations"]}.items():
            self.train(self.root / name, *flags, *extra)
            self.agree(self.metrics(self.root / name), ours, first=3, bound=1e-5)

    def logits(self, model, ids, pooling):
        """Of the first sample's question with its image, and the guard's input."""
        family = reference.family_of(self.base)
        inputs = family.image_inputs([Image.open(self.root / "images/sub/0.png").convert("RGB")])
        ids = ids.unsqueeze(0)
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, **inputs, **family.extra_inputs(ids))
            base = model.base_model.model if isinstance(model, PeftModel) else model
            features = base.model.get_image_features(**inputs, return_dict=True).pooler_output[0]
        return out.logits[0], features.mean(0) if pooling == "projector" else out.hidden_states[-1][0, ids[0] == family.image_token_id].mean(0)

    def close(self, one, other, bound):
        self.assertLessEqual((one - other).abs().max().item(), bound * other.abs().max().item())

    def test_outputs_load_elsewhere(self):
        self.train(self.out, *EXACT, *self.start(), "--max-steps", 4, "--batch-size", 4, "--grad-accum", 1, "--warmup-ratio", 0, "--freeze", "vision,projector")
        # On the base with adapter and guard beside it, the same as in one.
        beside = self.traced(self.base, "--adapter", self.out / "adapter", "--guard", self.out / "guard.safetensors")
        inside = self.traced(self.out / "model")
        for stage in ("logits", "guard_logits"):
            self.close(beside[stage], inside[stage], 1e-5)
        adapted = PeftModel.from_pretrained(load_base(self.base), self.out / "adapter")
        self.assertFalse(any(("vision_tower" in name or "visual" in name) and "lora" in name for name, _ in adapted.named_modules()))
        guard = reference.Guard(reference.text_hidden_size(self.base))
        guard.load_state_dict(load_file(self.out / "guard.safetensors"))
        plain, _ = self.logits(load_base(self.base), inside["input_ids"], self.pooling)
        for model in (load_base(self.out / "model"), adapted):
            logits, pooled = self.logits(model, inside["input_ids"], self.pooling)
            self.close(inside["logits"], logits, 1e-4)
            self.close(inside["guard_logits"], guard(pooled).detach(), 1e-4)
            self.assertGreater((logits - plain).abs().max().item(), 1e-2 * logits.abs().max().item())
        base, model = load_file(self.base / "model.safetensors"), load_file(self.out / "model/model.safetensors")
        self.assertEqual(set(model), set(base) | HEAD)
        for path in self.base.iterdir():
            if path.suffix == ".json" and path.name != "config.json":
                self.assertEqual(path.read_bytes(), (self.out / "model" / path.name).read_bytes())
        config = json.loads((self.out / "model/config.json").read_text())
        self.assertEqual(config["num_safety_categories"], 20)

    def test_guard_alone_leaves_the_base(self):
        theirs = self.reference_steps(4, 8, freeze=("vision", "projector", "language"))
        self.train(self.out, *EXACT, "--init-guard", self.root / "guard.safetensors", "--freeze", "all", "--max-steps", 4, "--batch-size", 8, "--grad-accum", 1,
                   "--no-shuffle", "--warmup-ratio", 0)
        for a, b in zip(self.metrics(self.out), theirs, strict=True):
            self.assertIsNone(a["lm_loss"])
            for key in ("guard_loss", "grad_norm", "guard_accuracy"):
                self.assertLessEqual(abs(a[key] - b[key]), 1e-4 * max(b[key], 1e-6), key)
        base, merged = load_file(self.base / "model.safetensors"), load_file(self.out / "model/model.safetensors")
        self.assertTrue(all(torch.equal(merged[name], base[name]) for name in base))


class Llava(Parity, TrainingCase):
    pass


class Qwen(Parity, TrainingCase):
    family = "qwen2_5_vl"
    make_base = staticmethod(make_qwen)


class Gemma3(Parity, TrainingCase):
    family, pooling = "gemma3", "projector"
    make_base = staticmethod(make_gemma3)


if __name__ == "__main__":
    unittest.main()
