"""`holisafe train` and `model merge` on a base in LLaVA's original layout whose vision tower lies in a folder of its own."""

import json
import subprocess
import unittest

import torch
from safetensors.torch import load_file
from transformers import CLIPVisionModel

from training_case import PROGRAM, TrainingCase, llava_fixtures

HEAD = {f"img_safety_head.mlp.{name}" for name in ("0.weight", "0.bias", "3.weight", "3.bias")}
TOWER = "model.vision_tower.vision_tower.vision_model."


class OriginalLayout(TrainingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.original = cls.root / "original"
        vocabulary, _ = llava_fixtures.write_tokenizer(cls.original, "vicuna_spm")
        model = llava_fixtures.make_model(vocabulary, 0)
        llava_fixtures.write_original(cls.original, model, tower=False, vision_config=False)
        cls.tower = cls.root / "tower"
        tower = CLIPVisionModel(model.config.vision_config)
        tower.load_state_dict(model.model.vision_tower.state_dict())
        tower.save_pretrained(cls.tower)
        llava_fixtures.write_processor(cls.tower)  # the base leaves the picture's settings to its tower

    def flags(self, *more):
        return ["--vision-tower", self.tower, "--max-steps", 2, "--batch-size", 4, "--grad-accum", 1, "--lora-rank", 4, "--warmup-ratio", 0, *more]

    def weights(self, folder):
        return load_file(folder / "model.safetensors")

    def close(self, one, other):
        for stage in ("pixel_values", "logits", "guard_logits"):
            self.assertLessEqual((one[stage] - other[stage]).abs().max().item(), 5e-3 * other[stage].abs().max().item(), stage)

    def test_a_frozen_tower_stays_where_it_is(self):
        self.train(self.out, *self.flags("--freeze", "vision", "--projector-lr", 1e-3), model=self.original)
        base, trained = self.weights(self.original), self.weights(self.out / "model")
        self.assertEqual(set(trained), set(base) | HEAD)
        self.assertEqual({name: (t.dtype, t.shape) for name, t in base.items()}, {name: (trained[name].dtype, trained[name].shape) for name in base})
        self.assertFalse(torch.equal(base["model.mm_projector.0.weight"], trained["model.mm_projector.0.weight"]))
        self.assertEqual(self.traced(self.out / "model", "--vision-tower", self.tower)["guard_logits"].shape, (20,))

    def test_a_trained_tower_goes_inside(self):
        self.train(self.out, *self.flags("--vision-lr", 1e-3), model=self.original)
        base, trained = self.weights(self.original), self.weights(self.out / "model")
        tower = {TOWER + name.removeprefix("vision_model."): tensor for name, tensor in load_file(self.tower / "model.safetensors").items() if "position_ids" not in name}
        self.assertEqual(set(trained), set(base) | HEAD | set(tower))
        self.assertTrue(any(not torch.allclose(trained[name].float(), tensor, atol=5e-4) for name, tensor in tower.items()))
        self.assertEqual({trained[name].dtype for name in tower}, {torch.float16})
        config = json.loads((self.out / "model/config.json").read_text())
        self.assertEqual(config["vision_config"]["image_size"], llava_fixtures.IMAGE_SIZE)
        self.assertEqual(self.traced(self.out / "model")["guard_logits"].shape, (20,))

    def test_adapter_beside_merged_and_trained_are_the_same(self):
        self.train(self.out, *self.flags("--freeze", "vision,projector", "--lr", 1e-2, "--template", "llava_v1", "--image-aspect", "crop"), model=self.original)
        ready = ["--vision-tower", self.tower, "--template", "llava_v1", "--image-aspect", "crop"]
        beside = ["--adapter", self.out / "adapter", "--guard", self.out / "guard.safetensors"]
        one = self.traced(self.original, *ready, *beside)
        plain = self.traced(self.original, *ready, "--guard", self.out / "guard.safetensors")
        self.assertGreater((plain["logits"] - one["logits"]).abs().max().item(), 2e-2 * one["logits"].abs().max().item())
        self.close(self.traced(self.out / "model", *ready), one)
        merged = self.root / "merged"
        subprocess.run([PROGRAM, "model", "merge", "--model", self.original, "--vision-tower", self.tower, *beside, "--out", merged], check=True, timeout=120)
        self.assertEqual(set(self.weights(merged)), set(self.weights(self.original)) | HEAD)
        self.close(self.traced(merged, *ready), one)
        self.assertEqual(json.loads((self.out / "run.json").read_text())["flags"]["template"], "llava_v1")
        self.assertFalse(torch.equal(self.traced(merged, "--vision-tower", self.tower)["pixel_values"], one["pixel_values"]))

    def test_what_does_not_fit_is_refused(self):
        self.assertIn("--vision-tower", self.train(self.out, "--max-steps", 1, code=2, model=self.original))
        self.assertIn("vicuna_v1", self.train(self.root / "unknown", *self.flags("--template", "vicuna_v9"), code=2, model=self.original))
        self.assertIn("vision tower of its own", self.train(self.root / "second", *self.flags(), code=2))
        run = self.root / "resumed"
        self.train(run, *self.flags("--freeze", "all"), model=self.original)
        self.assertIn("image-aspect", self.train(run, *self.flags("--freeze", "all", "--image-aspect", "crop", "--resume"), code=2, model=self.original))


if __name__ == "__main__":
    unittest.main()
