"""Every JPEG, PNG, WebP and GIF in Pillow's own test images: the same pixels as Pillow, or a clean refusal; never a crash.

Pillow's source package is downloaded once into the build folder; without it the test fails.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import warnings

from PIL import Image, ImageOps

PROGRAM = os.environ["HOLISAFE_BIN"]
CACHE = pathlib.Path(PROGRAM).parent / "pillow-source"
VERSION = "13.0.0"
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}


def source_images():
    archive = next(CACHE.glob("*.tar.gz"), None)
    if archive is None:
        CACHE.mkdir(exist_ok=True)
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "pillow",
                               f"pillow=={VERSION}", "-d", str(CACHE)], check=False, capture_output=True, text=True)
        archive = next(CACHE.glob("*.tar.gz"), None)
        assert archive is not None, f"pillow {VERSION}: its source package could not be downloaded: {done.stderr[-2000:]}"
    folder = CACHE / "images"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as work, tarfile.open(archive) as tar:
            members = [m for m in tar.getmembers() if "/Tests/images/" in m.name and m.isfile()]
            for member in members:  # Debian 12's Python has no extraction filters; ours are plain files by the line above
                assert ".." not in pathlib.PurePosixPath(member.name).parts and not member.name.startswith("/"), member.name
            tar.extractall(work, members)
            next(pathlib.Path(work).glob("*/Tests/images")).rename(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def of_our_formats(path):
    with path.open("rb") as file:
        head = file.read(12)
    return (head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))
            or head.startswith(b"RIFF") and head.endswith(b"WEBP"))


def pillow_pixels(path):
    """Pillow's picture, or why it gave none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                if image.format not in FORMATS:
                    return None, f"format {image.format}"
                image.load()
                return ImageOps.exif_transpose(image).convert("RGB"), None
    except Exception as error:  # Pillow raises nearly everything on its own broken files
        return None, f"{type(error).__name__}: {error}"


def compare(path):
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "out.png"
        done = subprocess.run([PROGRAM, "data", "view", str(path), "--out", str(out), "--alpha", "drop", "--max-pixels", "20000000"],
                              capture_output=True, text=True, timeout=60)
        if done.returncode not in (0, 2) or (done.returncode == 2 and not done.stderr.startswith("holisafe: error: ")):
            return path.name, "crash", done.stderr[-300:]
        expected, why = pillow_pixels(path)
        if done.returncode == 2:
            return path.name, "both refuse" if expected is None else "refused", done.stderr.strip()[-160:]
        if expected is None:
            return path.name, "more", why
        with Image.open(out) as found:
            same = found.size == expected.size and found.tobytes() == expected.tobytes()
        return path.name, "same" if same else "different", f"{expected.size}"


class PillowSuite(unittest.TestCase):
    # Files where the two differ for a reason; each with the reason.
    DIFFERENT = {}
    REFUSED = {"issue_2811.gif": "its LZW code size is 11; giflib takes the 8 of the format"}

    def test_pillows_own_images(self):
        paths = [path for path in source_images() if of_our_formats(path)]
        self.assertGreater(len(paths), 300)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(pool.map(compare, paths))
        counts = {}
        for name, outcome, detail in results:
            counts[outcome] = counts.get(outcome, 0) + 1
            if outcome in ("crash", "different", "refused", "more"):
                print(f"{outcome}: {name}: {detail}")
        print(f"pillow images: {len(paths)}:", ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
        self.assertNotIn("crash", counts)
        different = {name for name, outcome, _ in results if outcome == "different"}
        refused = {name for name, outcome, _ in results if outcome == "refused"}
        self.assertEqual(different, set(self.DIFFERENT))
        self.assertEqual(refused, set(self.REFUSED))


if __name__ == "__main__":
    unittest.main()
