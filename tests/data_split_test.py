"""`holisafe data split`: which pictures are on which side, what cannot be split, and `--verify`."""

import collections
import hashlib
import json
import os
import pathlib
import sys
import tempfile
import unittest

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from built_set_data import CLASSES, Build, fill, holisafe, lines_of  # noqa: E402


class Split(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holisafe_split_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def test_cells_are_shared_out_and_clusters_stay_whole(self):
        build = Build(self.root, images=4000, pictures=False)
        work = build.write()
        done = holisafe("split", work, "--bench", "0.27", "--seed", 3, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = json.loads(done.stdout)
        self.assertEqual(list(said), ["train", "bench", "clusters", "cells", "shared_instructions"])
        self.assertEqual(said["train"] + said["bench"], len(build.pairs))
        self.assertEqual(said["clusters"], 2000)
        self.assertEqual(said["shared_instructions"], 0)
        types = collections.defaultdict(lambda: [0, 0])
        for name, cell in said["cells"].items():
            subcategory, type_name = name.split()
            self.assertIn(subcategory, CLASSES[1:])
            count = cell["train"] + cell["bench"]
            types[type_name][0] += cell["bench"]
            types[type_name][1] += count
            if count >= 30:
                self.assertLessEqual(abs(cell["bench"] / count - 0.27), 0.04 + 1 / count, name)
        for type_name, (bench, count) in types.items():
            self.assertLessEqual(abs(bench / count - 0.27), 0.02, type_name)
        self.assertLessEqual(abs(said["bench"] / len(build.pairs) - 0.27), 0.02)
        sides = {}
        for row in lines_of(work / "images.jsonl"):
            self.assertEqual(sides.setdefault(row["cluster"], row["split"]), row["split"])
        for row in lines_of(work / "pairs.jsonl"):
            self.assertEqual(row["split"], sides[build.images[row["image_id"]]["cluster"]])

        first = (work / "pairs.jsonl").read_bytes()
        self.assertEqual(holisafe("split", work, "--bench", "0.27", "--seed", 4).returncode, 0)
        self.assertNotEqual((work / "pairs.jsonl").read_bytes(), first)
        self.assertEqual(json.loads(holisafe("split", work, "--bench", "0.27", "--seed", 3, "--json").stdout), said)
        self.assertEqual((work / "pairs.jsonl").read_bytes(), first)

    def test_what_cannot_be_split(self):
        build = Build(self.root, images=4, pictures=False)
        work = build.write()
        for share in ("0", "1", "-0.1", "1.5", "nan"):
            done = holisafe("split", work, f"--bench={share}")
            self.assertEqual(done.returncode, 2, share)
            self.assertIn("above 0 and below 1", done.stderr)
        self.assertIn("--bench", holisafe("split", work).stderr)
        self.assertIn("no split", holisafe("split", work, "--verify").stderr)
        self.assertEqual(holisafe("split", self.root / "nowhere", "--bench", "0.5").returncode, 2)
        for pair in build.pairs.values():
            pair["state"] = "declined"
        other = self.root / "other"
        fill(other, build.rows)
        done = holisafe("split", other, "--bench", "0.5")
        self.assertEqual(done.returncode, 2)
        self.assertIn("found none", done.stderr)

    def test_shared_instructions_are_counted(self):
        build = Build(self.root, images=20, pictures=False)
        for pair in build.pairs.values():
            pair["instruction"] = f"{pair['id'] % 3}"
        said = json.loads(holisafe("split", build.write(), "--bench", "0.5", "--json").stdout)
        self.assertEqual(said["shared_instructions"], 3)

    def test_a_cluster_too_large_is_said(self):
        build = Build(self.root, images=60, pictures=False)
        for image in build.images.values():
            image["cluster"] = 0
        done = holisafe("split", build.write(), "--bench", "0.2", "--json")
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: not shared out as asked", done.stderr)

    def test_verify_finds_a_picture_that_was_let_across(self):
        build = Build(self.root, images=12)
        again = build.photos / "again.picture"
        Image.open(build.photos / "4.picture").convert("RGB").resize((80, 80)).save(again, "PNG")
        build.rows.append({"image": {**build.images[4], "id": 12, "path": again.name, "file": str(again), "cluster": 12,
                                     "sha256": hashlib.sha256(again.read_bytes()).hexdigest()}})
        for row in build.rows:
            if "image" in row:
                row["image"]["side"] = "bench" if row["image"]["id"] == 12 else "train"
        work = build.write()
        done = holisafe("split", work, "--verify", "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["both_sides"],
                         [{"train": "photos: 4.picture", "bench": "photos: again.picture"}])
        for row in build.rows:
            if "image" in row:
                row["image"]["side"] = "bench" if row["image"]["id"] in (4, 5, 12) else "train"
        fill(work, build.rows)
        done = holisafe("split", work, "--verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no picture is on both sides", done.stdout)


if __name__ == "__main__":
    unittest.main()
