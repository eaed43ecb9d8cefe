"""For tests of `data build`: pictures with labels, a fake server of writers (fake_writer.py), builds, and what is in their folders."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_writer as fake  # noqa: E402
import judge_server  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
SAFE_TYPES, UNSAFE_TYPES = ["SSS", "SSU", "SUU"], ["USU", "UUU"]


def picture(seed, size=128):
    """A picture unlike any other: blobs of colour."""
    rng = numpy.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=numpy.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.images = pathlib.Path(cls.shared.name) / "images"
        formats = ["png", "jpg", "webp", "gif"]
        for number, label in enumerate(["safe", "safe", "safe", "race", "weapon_related_violence", "gender_discrimination"]):
            folder = cls.images / "some" / label
            folder.mkdir(parents=True, exist_ok=True)
            picture(number).save(folder / f"{number}.{formats[number % 4]}")
        (cls.images / "notes.txt").write_text("no image")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "HOLISAFE_API_KEY": judge_server.KEY}

    def server(self, script=None, **options):
        server = fake.Writer(script, **options)
        self.addCleanup(server.close)
        return server

    def arguments(self, server, *flags, writers=("openai:w",), checker="openai:c", labellers=(), source=None, out="work"):
        paths = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
        spec = lambda text: text if text.startswith("guard:") else f"{text}@{server.url}{paths[text.split(':')[0]]}"  # noqa: E731
        out = [PROGRAM, "data", "build", source or self.images, "--out", self.folder / out]
        for writer in writers:
            out += ["--writer", spec(writer)]
        for labeller in labellers:
            out += ["--labeller", spec(labeller)]
        if checker:
            out += ["--checker", spec(checker)]
        return [str(each) for each in [*out, *flags]]

    def build(self, server, *flags, code=0, **options):
        done = subprocess.run(self.arguments(server, *flags, **options), capture_output=True, text=True, env=self.environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn(judge_server.KEY, done.stdout + done.stderr)
        return done

    def rows(self, file, out="work"):
        return [json.loads(line) for line in (self.folder / out / file).read_text().splitlines()]

    def pairs(self, out="work"):
        return self.rows("pairs.jsonl", out)

    def summary(self, out="work"):
        return json.loads((self.folder / out / "summary.json").read_text())

    def states(self, out="work"):
        counts = {}
        for pair in self.pairs(out):
            counts[pair["state"]] = counts.get(pair["state"], 0) + 1
        return counts

    def bytes_of(self, out="work"):
        return {name: (self.folder / out / name).read_bytes() for name in ("images.jsonl", "pairs.jsonl", "report.html")}

    def one_type(self, type_, script, *flags, code=0, source=None, **options):
        """A build of that combination alone; its pairs."""
        server = self.server(script)
        out = f"work-{type_}-{len(list(self.folder.iterdir()))}"
        self.build(server, "--types", type_, *flags, code=code, out=out, source=source, **options)
        return self.pairs(out), server
