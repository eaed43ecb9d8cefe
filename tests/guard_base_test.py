"""What a trained guard's file says it stands on, along every way from training to a verdict."""

import json
import os
import shutil
import subprocess
import unittest

from safetensors import safe_open

from training_case import EXACT, PROGRAM, TrainingCase


class BaseOfAGuard(TrainingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.picture = cls.root / "images/sub/0.png"

    def named(self, guard):
        with safe_open(guard, "np") as file:
            return file.metadata()

    def judge(self, *flags, fits):
        """Warns exactly where the base is another; --strict-base is an error there."""
        command = [PROGRAM, "guard", *map(os.fspath, flags), "--json", self.picture]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        said = "guard was trained on another base" in done.stderr or "which are not here as trained" in done.stderr
        self.assertEqual(said, not fits, done.stderr)
        strict = subprocess.run([*command, "--strict-base"], capture_output=True, text=True, timeout=300)
        self.assertEqual(strict.returncode, done.returncode if fits else 2, strict.stderr)

    def merge(self, out, *flags):
        subprocess.run([PROGRAM, "model", "merge", "--model", self.base, *map(os.fspath, flags), "--out", out], check=True, timeout=300)

    def test_an_adapter_was_trained(self):
        self.train(self.out, *EXACT, "--freeze", "vision,projector", "--max-steps", 2)
        guard = self.out / "guard.safetensors"
        self.judge("--model", self.out / "model", "--guard", guard, fits=True)
        self.judge("--model", self.base, "--adapter", self.out / "adapter", "--guard", guard, fits=True)
        self.merge(self.out / "merged", "--adapter", self.out / "adapter")
        self.judge("--model", self.out / "merged", "--guard", guard, fits=True)
        self.judge("--model", self.base, "--guard", guard, fits=False)
        self.merge(self.out / "whole", "--adapter", self.out / "adapter", "--guard", guard)
        self.judge("--model", self.out / "whole", fits=True)
        self.judge("--model", self.out / "whole", "--guard", guard, fits=True)
        self.assertNotEqual(self.named(guard)["base"], self.named(guard)["base_adapted"])
        self.judge("--model", self.out / "model", "--guard", guard, "--dtype", "bfloat16", fits=True)
        rows = [{"id": i, "image": f"sub/{i}.png", "image_safety_label": i, "conversations": []} for i in range(3)]
        (self.out / "held.json").write_text(json.dumps(rows))
        subprocess.run([PROGRAM, "guard", "calibrate", "--model", self.out / "model", "--guard", guard, "--data", self.out / "held.json", "--images",
                        self.root / "images", "--out", self.out / "calibrated.safetensors"], check=True, capture_output=True, timeout=300)
        self.assertEqual(self.named(self.out / "calibrated.safetensors")["base"], self.named(guard)["base"])
        self.judge("--model", self.out / "model", "--guard", self.out / "calibrated.safetensors", fits=True)

    def test_the_guard_alone_was_trained(self):
        self.train(self.out, "--freeze", "all", "--max-steps", 2)
        guard = self.out / "guard.safetensors"
        self.judge("--model", self.base, "--guard", guard, fits=True)
        self.judge("--model", self.out / "model", "--guard", guard, fits=True)
        self.assertNotIn("base_adapted", self.named(guard))
        copy = self.out / "copy"
        shutil.copytree(self.base, copy)
        self.judge("--model", copy, "--guard", guard, fits=True)

    def test_all_was_trained(self):
        self.train(self.out, *EXACT, "--max-steps", 2)
        guard = self.out / "guard.safetensors"
        self.judge("--model", self.out / "model", "--guard", guard, fits=True)
        self.judge("--model", self.base, "--guard", guard, fits=False)
        self.judge("--model", self.base, "--adapter", self.out / "adapter", "--guard", guard, fits=False)


if __name__ == "__main__":
    unittest.main()
