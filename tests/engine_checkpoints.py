"""For tests of the engine: a tiny random checkpoint of every family with and without a guard, and what its commands answer."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["HOLISAFE_BIN"]
CLASSES = ["safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards",
           "property_crime", "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse",
           "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence", "sexual_content",
           "financial_advice", "medical_advice"]


def holisafe(*arguments, stdin=None, timeout=300):
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, input=stdin, timeout=timeout,
                          stdin=None if stdin is not None else subprocess.DEVNULL)


def families():
    """The registry's names, from the error that lists them."""
    done = holisafe("model", "synth", "--family", "none", "--preset", "tiny", "--out", "none")
    return done.stderr.decode().strip().split("expected one of ")[1].split(", ")


def png(path, seed, size=(60, 44)):
    from PIL import Image
    import numpy
    Image.fromarray(numpy.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=numpy.uint8)).save(path)
    return path


class Checkpoints(unittest.TestCase):
    """A tiny checkpoint with and one without a guard of every family, and two pictures."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_engine_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.families = families()
        for family in cls.families:
            for name, flags in (("safe", ["--guard"]), ("plain", [])):
                done = holisafe("model", "synth", "--family", family, "--preset", "tiny", "--seed", "4", *flags, "--out",
                                cls.root / family / name)
                assert done.returncode == 0, done.stderr
        cls.one = png(cls.root / "one.png", 1)
        cls.two = png(cls.root / "two.png", 2, (30, 75))

    def safe(self, family):
        return self.root / family / "safe"

    def lines(self, done):
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def assert_error(self, done, *parts):
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, b"", done)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("holisafe: error: "), text)
        for part in parts:
            self.assertIn(part, text)

    def assert_verdict(self, verdict, threshold=0.5):
        self.assertEqual(list(verdict["scores"]), CLASSES)
        scores = list(verdict["scores"].values())
        self.assertAlmostEqual(sum(scores), 1, places=9)
        self.assertEqual(verdict["label"], scores.index(max(scores)))
        self.assertEqual(verdict["score"], max(scores))
        self.assertEqual(verdict["subcategory"], CLASSES[verdict["label"]])
        self.assertEqual(verdict["flagged"], 1 - scores[0] >= threshold)

    def each_family(self):
        for family in self.families:
            with self.subTest(family=family):
                yield family
