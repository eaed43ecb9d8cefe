"""Perceptual hashes against pdqhash, and near-duplicates among pictures that were changed and others that look like them.

    HOLISAFE_NEAR_DUPLICATES=build/tests/near_duplicates python tests/near_duplicates_test.py [--pictures 1000]
"""

import collections
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import pdqhash
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from changed_pictures import CHANGES, Card, Sign, photo, write_pictures  # noqa: E402

PROGRAM = os.environ["HOLISAFE_NEAR_DUPLICATES"]
PICTURES = 120


def ask(mode, files, *more):
    done = subprocess.run([PROGRAM, mode, *map(str, more)], input="".join(f"{file}\n" for file in files), capture_output=True, text=True, timeout=1200)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout.splitlines()


def text_of(bits):
    return np.packbits(bits.astype(np.uint8)).tobytes().hex()


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="holisafe_near_duplicates_")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)


class Hashes(Folder):
    SIDES = [5, 6, 7, 9, 16, 31, 48, 63, 64, 65, 96, 100, 127, 128, 129, 130, 200, 255, 256, 257, 300, 383, 384, 385, 511, 512, 640, 700]

    def picture(self, rng, number):
        side = (rng.choice(self.SIDES), rng.choice(self.SIDES))
        if number % 25 == 0:
            side = (64, 64)
        kind = number % 6
        if kind == 0:
            return Image.frombytes("RGB", side, rng.randbytes(3 * side[0] * side[1]))
        if kind == 1:
            return Image.new("RGB", side, tuple(rng.randrange(256) for _ in range(3)))
        if kind == 2:
            return Card.draw_from(rng).image().resize(side)
        if kind == 3:
            return Sign.draw_from(rng).image().resize(side)
        return photo(rng).resize(side)

    def test_equal_to_the_reference(self):
        rng = random.Random(3)
        modes = ["RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16"]
        files, expected = [], []
        for number in range(500):
            mode = modes[number % len(modes)]
            picture = self.picture(rng, number)
            written = picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)
            kind = "tiff" if mode == "CMYK" else "png"
            if mode == "CMYK":
                kind = "jpeg"
            file = self.folder / f"{number}.{kind}"
            written.save(file, **({"quality": 80} if kind == "jpeg" else {}))
            rgb = np.asarray(Image.open(file).convert("RGB"))  # what holisafe makes of a file, too (image_test.cpp)
            bits, quality = pdqhash.compute(rgb)
            expected.append((text_of(bits), text_of(pdqhash.compute_dihedral(rgb)[0][5]), quality))
            files.append(file)
        exact = 0
        for number, (line, (bits, mirror, quality)) in enumerate(zip(ask("hashes", files), expected, strict=True)):
            found = line.split()
            self.assertEqual(int(found[2]), quality, files[number])
            away = [bin(int(a, 16) ^ int(b, 16)).count("1") for a, b in zip(found[:2], (bits, mirror))]
            self.assertLessEqual(max(away), 0 if quality >= 50 else 2, (files[number], line))
            exact += max(away) == 0
        print(f"{exact} of 500 equal in every bit", file=sys.stderr)


class Clusters(Folder):
    def test_changed_pictures_are_found_and_look_alikes_are_not(self):
        pictures = write_pictures(self.folder, PICTURES)
        cluster_of = {}
        for number, line in enumerate(ask("clusters", [file for file, _, _ in pictures])):
            for place in line.split():
                cluster_of[int(place)] = number
        first = {who: place for place, (_, who, change) in reversed(list(enumerate(pictures))) if not change}
        missed = [(who, change) for place, (_, who, change) in enumerate(pictures)
                  if change and (place not in cluster_of or cluster_of[place] != cluster_of.get(first[who]))]
        members = collections.defaultdict(set)
        for place, cluster in cluster_of.items():
            members[cluster].add(pictures[place][1])
        joined = [sorted(who) for who in members.values() if len(who) > 1]
        changed = sum(1 for _, _, change in pictures if change)
        print(f"{len(pictures)} files: {len(missed)} of {changed} changed ones missed, {len(joined)} clusters of different pictures", file=sys.stderr)
        self.assertEqual(joined, [], joined[:10])
        self.assertLessEqual(len(missed) * 100, changed, collections.Counter(change for _, change in missed))
        for kind in ("photo", "sign", "card"):
            of_kind = sum(1 for who, _ in missed if who.startswith(kind))
            self.assertLessEqual(of_kind * 100, PICTURES / 3 * len(CHANGES), (kind, missed))

    def test_threads_do_not_show(self):
        files = [file for file, _, _ in write_pictures(self.folder, 12, seed=5)]
        self.assertEqual(ask("clusters", files, 1), ask("clusters", files, 3))


if __name__ == "__main__":
    if "--pictures" in sys.argv:
        at = sys.argv.index("--pictures")
        PICTURES = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main()
