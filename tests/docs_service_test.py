"""What docs/service.md shows is what the program does: its requests are answered, its command lines and files are read, its table of faults is the
program's."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serve_program import PROGRAM, Program, picture  # noqa: E402

SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
PAGE = (SOURCE / "docs/service.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


def blocks(language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE)


class ServiceDocs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        subprocess.run([PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "1", "--guard", "--out", "SafeLLaVA-7B"],
                       cwd=cls.folder, check=True, capture_output=True)
        (cls.folder / "photo.jpg").write_bytes(picture())
        policy, config = blocks("toml")
        (cls.folder / "shop.toml").write_text(policy, encoding="utf-8")
        (cls.folder / "serve.toml").write_text(config, encoding="utf-8")
        for name in ("keys.txt", "upstream.key"):
            (cls.folder / name).write_text("a-key\n")

    def test_command_lines_are_read(self):
        lines = [block for block in blocks("sh") if block.startswith("holisafe serve")]
        self.assertGreater(len(lines), 4)
        for line in lines:
            done = subprocess.run([PROGRAM, *shlex.split(line)[1:], "--check"], cwd=self.folder, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, (line, done.stderr))

    def test_requests_are_answered(self):
        with Program("--model", self.folder / "SafeLLaVA-7B") as program:
            asked = [("sh", block) for block in blocks("sh") if block.startswith("curl")] + [("python", block) for block in blocks("python")]
            self.assertGreater(len(asked), 3)
            path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), os.environ.get("HOLISAFE_CLIENT_PACKAGES")]))
            for language, block in asked:
                self.assertIn(ADDRESS, block)
                text = block.replace(ADDRESS, program.url)
                words = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
                done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": path})
                self.assertEqual(done.returncode, 0, (block, done.stdout, done.stderr))
                self.assertTrue(done.stdout.strip(), block)

    def test_every_fault_and_metric_is_named(self):
        faults = re.findall(r'Row\{"(\w+)", (\d+)\}', (SOURCE / "src/serve/fault.cpp").read_text())
        self.assertGreater(len(faults), 25)
        table = PAGE[PAGE.index("## Faults"):PAGE.index("## Metrics")]
        for code, status in faults:
            rows = [row for row in table.splitlines() if f"`{code}`" in row]
            self.assertEqual([row.split()[1].rstrip(",") for row in rows], [status], code)
        metrics = set(re.findall(r'"(holisafe_[a-z_]+)"', (SOURCE / "src/serve/metrics.cpp").read_text()))
        self.assertEqual(set(re.findall(r"`(holisafe_[a-z_]+)", PAGE[PAGE.index("## Metrics"):])), metrics)

    def test_every_flag_is_there(self):
        known = subprocess.run([PROGRAM, "serve", "--help"], check=True, capture_output=True, text=True).stdout
        for flag in set(re.findall(r"`(--[a-z-]+)", PAGE)):
            self.assertIn(flag, known)


if __name__ == "__main__":
    unittest.main()
