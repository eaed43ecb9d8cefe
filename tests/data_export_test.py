"""`holisafe data export`: what it refuses, and its memory, time and kills with many pairs."""

import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from built_set_data import PROGRAM, Build, files_of, fill, holisafe, lines_of  # noqa: E402


class Refused(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_export_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.build = Build(self.root, images=10)
        self.out = self.root / "out"

    def split(self):
        done = holisafe("split", self.build.write(), "--bench", "0.5")
        self.assertEqual(done.returncode, 0, done.stderr)

    def refused(self, words, *flags):
        before = sorted(path.name for path in self.root.iterdir())
        done = holisafe("export", self.build.work, "--out", self.out, *flags)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stderr.count("holisafe: error: "), 1, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), before)
        return done.stderr

    def test_no_split(self):
        self.build.write()
        self.refused("no split")

    def test_nothing_ready(self):
        for pair in self.build.pairs.values():
            pair["state"] = "declined"
        self.build.write()
        self.refused("nothing to export")

    def test_nothing_reviewed(self):
        self.split()
        self.refused("accepted or edited", "--reviewed-only")

    def test_a_folder_that_is_not_empty(self):
        self.split()
        self.out.mkdir()
        self.assertEqual(holisafe("export", self.build.work, "--out", self.out).returncode, 0)
        before = files_of(self.out)
        self.refused("expected a new or empty folder")
        self.assertEqual(files_of(self.out), before)

    def test_pictures_that_came_after_the_split(self):
        self.split()
        self.build.add_image(10, True)
        fill(self.build.work, self.build.rows[-4:])
        self.refused("no split")

    def test_a_picture_without_a_license_is_named(self):
        self.build.images[6]["license"] = ""
        self.split()
        self.assertIn("photos: 6.picture", self.refused("no license", "--require-license"))
        self.assertEqual(holisafe("export", self.build.work, "--out", self.out).returncode, 0)
        self.assertIn("unknown", {row["license"] for row in lines_of(self.out / "provenance.jsonl")})

    def test_a_picture_that_changed_is_named(self):
        self.split()
        (self.build.photos / "3.picture").write_bytes((self.build.photos / "4.picture").read_bytes())
        self.assertIn("3.picture", self.refused("not the one that was imported"))

    def test_a_picture_that_is_gone_is_named(self):
        self.split()
        (self.build.photos / "3.picture").unlink()
        self.assertIn("3.picture", self.refused("image 3"))

    def test_other_flags(self):
        self.split()
        self.refused("webdataset", "--format", "webdatase")
        self.refused("value", "--license", "")

    def test_a_full_disk_is_one_error(self):
        self.split()

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # as large as no picture's file

        done = holisafe("export", self.build.work, "--out", self.out, preexec_fn=limit)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertFalse(self.out.exists())


class Large(unittest.TestCase):
    """Many pairs: time, memory, and a kill on the way."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_export_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def measured(self, *arguments):
        began = time.monotonic()
        with subprocess.Popen([PROGRAM, "data", *map(str, arguments)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            said = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0, said)
        return usage.ru_maxrss, time.monotonic() - began

    def build(self, name, pairs):
        """Many pairs on few pictures."""
        build = Build(self.root / name, images=8)
        total = len(build.pairs)
        for number in range(total, pairs):
            build.rows.append({"pair": {**build.pairs[number % total], "id": number,
                                        "instruction": f"Instruction {number} " + "and so on " * 20}})
        return build.write()

    def test_memory_does_not_grow_with_pairs(self):
        few, many = (self.build(name, pairs) for name, pairs in (("few", 2_000), ("many", 20_000)))
        for work in (few, many):
            self.measured("split", work, "--bench", "0.5")
        for name in ("holisafe", "imagefolder", "webdataset"):
            small, _ = self.measured("export", few, "--out", self.root / f"few-{name}", "--format", name)
            large, seconds = self.measured("export", many, "--out", self.root / f"many-{name}", "--format", name)
            self.assertLess(large - small, 6_000, name)  # KiB
            self.assertLess(seconds, 60)
            shutil.rmtree(self.root / f"many-{name}")

    def test_a_killed_export_leaves_no_folder(self):
        work = self.build("work", 10_000)
        self.measured("split", work, "--bench", "0.5")
        out, whole = self.root / "out", self.root / "whole"
        _, seconds = self.measured("export", work, "--out", whole)
        for share in (0.2, 0.5, 0.8):
            with subprocess.Popen([PROGRAM, "data", "export", str(work), "--out", str(out)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                time.sleep(seconds * share)
                process.send_signal(signal.SIGKILL)
                process.wait()
            self.assertTrue(not out.exists() or files_of(out) == files_of(whole))
            if out.exists():
                shutil.rmtree(out)
        self.measured("export", work, "--out", out)
        self.assertEqual(files_of(out), files_of(whole))
        self.assertFalse([path for path in self.root.iterdir() if re.match(r"\.out\.", path.name)])


if __name__ == "__main__":
    unittest.main()
