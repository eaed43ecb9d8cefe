"""What docs/guard.md shows is what the program does: its blocks run in their order, over a tiny model and a few pictures."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import numpy as np
from PIL import Image
from training_case import PROGRAM, TrainingCase

PAGE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"]) / "docs/guard.md"


class GuardDocs(TrainingCase):
    def setUp(self):
        self.folder = self.root / "docs"
        self.folder.mkdir()
        rng = np.random.default_rng(5)
        (self.folder / "uploads").mkdir()
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(self.folder / f"uploads/{i}.jpg")
        shutil.copytree(self.folder / "uploads", self.folder / "held-out")
        for name in ("held-out", "labelled"):
            (self.folder / f"{name}.json").write_text(json.dumps([{"image": f"{i}.jpg", "image_safety_label": i % 3} for i in range(12)]))
        synth = ["model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "1", "--guard", "--out", "SafeLLaVA-7B"]
        subprocess.run([PROGRAM, *synth], check=True, capture_output=True, cwd=self.folder)
        subprocess.run([PROGRAM, "data", "synth", "--seed", "1", "--train", "1", "--bench", "20", "--out", "HoliSafe-Bench"], check=True, capture_output=True, cwd=self.folder)
        shutil.copytree(self.base, self.folder / "BASE")
        for name in ("guard", "better"):
            shutil.copy(self.root / "guard.safetensors", self.folder / f"{name}.safetensors")

    def test_blocks(self):
        text = PAGE.read_text(encoding="utf-8")
        decided = next(block for block in re.findall(r"(?ms)^```json\n(.*?)^```$", text) if "sha256" in block)
        (self.folder / "decided.jsonl").write_text(decided)
        blocks = re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", text)
        self.assertGreater(len(blocks), 12)
        # Exit code 1 says that something is flagged.
        found = 'holisafe() { command holisafe "$@" || [ $? -eq 1 ]; }\n'
        for language, block in blocks:
            words = ["bash", "-euo", "pipefail", "-c", found + block] if language == "sh" else [sys.executable, "-c", block]
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=300,
                                  env={**os.environ, "PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"})
            self.assertEqual(done.returncode, 0, f"{block}\n{done.stdout}\n{done.stderr}")
        self.assertTrue((self.folder / "paper/verdicts.csv").exists())


if __name__ == "__main__":
    unittest.main()
