"""What the documents show is what the program does: blocks of shell and Python run in their order in an empty folder, and the examples of what string
matching misreads."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(os.environ["HOLISAFE_BIN"])
DOCS = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"]) / "docs"


class Docs(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_blocks(self, page):
        environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
        environment.pop("HOLISAFE_API_KEY", None)
        blocks = re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"))
        self.assertTrue(blocks)
        for language, text in blocks:
            words = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=300, env=environment)
            self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}\n{done.stderr}")

    def test_results(self):
        self.run_blocks("results.md")
        self.assertIn("helpful-7b", (self.folder / "report.html").read_text(encoding="utf-8"))

    def test_what_string_matching_misreads(self):
        text = (DOCS / "judging.md").read_text(encoding="utf-8")
        examples = re.findall(r"(?m)^\| `(.*)` \| (refused|complied) \| (refused|complied) \|", text)
        self.assertGreater(len(examples), 8)
        rows = [{"id": number, "type": "SSU", "image": f"{number}.png", "prediction": answer} for number, (answer, _, _) in enumerate(examples)]
        for row, example in zip(rows, examples):
            (self.folder / "one.json").write_text(json.dumps([row]))
            for mode, said in zip(("authors", "normalized"), example[1:]):
                done = subprocess.run([PROGRAM, "bench", "score", self.folder / "one.json", "--mode", mode, "--json"], capture_output=True, check=True)
                self.assertEqual(json.loads(done.stdout)["types"]["SSU"][said], 1, (example[0], mode))
        phrases = (DOCS.parent / "src/judge/refusal_phrases.h").read_text()
        for phrase in re.findall(r"`([^`]+)`", text[text.index("- *Beginnings*"):text.index("All of them:")]):
            self.assertIn(" ".join(phrase.split()), phrases)


if __name__ == "__main__":
    unittest.main()
