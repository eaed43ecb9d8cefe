"""What the flags of an explanation do: text, files, names, errors, interrupts; and `bench run --explain` with the figures of its report."""

import io
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import warnings

import numpy
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402
from explain_reference import CLASSES, CLOSE, PROGRAM, run_program, smooth, write_guard  # noqa: E402


class Command(unittest.TestCase):
    """What the flags do, on one tiny checkpoint."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_explain_")
        cls.root = pathlib.Path(cls.work.name)
        cls.model = cls.root / "model"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--guard", "--out", cls.model)
        cls.picture = smooth(cls.root / "picture.png", 90, 60, 1)

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def guard(self, *arguments, code=1, **options):
        return run_program("guard", "--model", self.model, *arguments, code=code, **options)

    def folder(self):
        return self.root / f"out{len(list(self.root.iterdir()))}"

    def test_the_text_has_the_reason_as_a_second_line(self):
        out = self.folder()
        done = self.guard("--threshold", "0", "--explain", out, self.picture)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("flagged", lines[0])
        grid = json.loads((out / "000000-picture.json").read_text())
        self.assertIn(grid["subcategory"], lines[1])
        self.assertIn(f"{100 * grid['without']:.1f}%", lines[1])
        plain = self.guard("--threshold", "0", self.picture).stdout.decode().splitlines()
        self.assertEqual(plain, lines[:1])

    def test_images_that_are_not_flagged_are_not_explained(self):
        out = self.folder()
        done = self.guard("--json", "--threshold", "1", "--explain", out, self.picture, code=0)
        self.assertNotIn("explanation", json.loads(done.stdout))
        self.assertEqual(list(out.iterdir()), [])

    def test_the_same_command_gives_the_same_bytes(self):
        for method in ("gradient", "occlusion"):
            found = []
            for _ in range(2):
                out = self.folder()
                self.guard("--threshold", "0", "--explain", out, "--explain-method", method, self.picture)
                found.append({path.name: path.read_bytes() for path in out.iterdir()})
            self.assertEqual(found[0], found[1])

    def test_batches_change_nothing_that_counts(self):
        grids = []
        for size in (1, 4):
            out = self.folder()
            self.guard("--threshold", "0", "--explain", out, "--explain-method", "occlusion", "--batch-size", size, self.picture)
            grids.append(json.loads((out / "000000-picture.json").read_text())["pieces"][0]["values"])
        one, four = map(numpy.array, grids)
        self.assertLessEqual(numpy.abs(one - four).max(), CLOSE * numpy.abs(one).max())

    def test_names_of_files(self):
        odd = self.root / "caf\u00e9 (1).v2.png"
        odd.write_bytes(self.picture.read_bytes())
        raw = os.fsencode(self.root) + b"/\xff\n" + b"x" * 120 + b".png"
        pathlib.Path(os.fsdecode(raw)).write_bytes(self.picture.read_bytes())
        out = self.folder()
        self.guard("--threshold", "0", "--explain", out, "-0", "-", input=b"\0".join([os.fsencode(self.picture), os.fsencode(odd), raw]) + b"\0")
        stems = ["000000-picture", "000001-caf____1_.v2", "000002-__" + "x" * 78]
        self.assertEqual(sorted(path.name for path in out.iterdir()), sorted(stem + end for stem in stems for end in (".json", ".png")))
        grid = json.loads((out / (stems[2] + ".json")).read_text())
        self.assertIn("path_bytes", grid)

    def test_a_picture_turned_by_exif_is_explained_upright(self):
        """One red block, all eight turns: the frame and the overlay are those of the upright picture."""
        picture = Image.new("RGB", (96, 64), (90, 110, 120))
        picture.paste((230, 20, 20), (60, 8, 84, 24))
        upright = self.root / "upright.png"
        picture.save(upright)
        back = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
                6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270}
        out = self.folder()
        paths = [upright]
        for turn, operation in back.items():
            stored = picture if operation is None else picture.transpose(operation)
            path = self.root / f"turn{turn}.png"
            exif = Image.Exif()
            exif[0x0112] = turn
            stored.save(path, exif=exif)
            paths.append(path)
        done = self.guard("--json", "--threshold", "0", "--explain", out, *paths)
        lines = [json.loads(line)["explanation"] for line in done.stdout.splitlines()]
        first = Image.open(lines[0]["overlay"])
        for line in lines[1:]:
            self.assertEqual({key: line[key] for key in ("box", "place", "without", "reason")}, {key: lines[0][key] for key in ("box", "place", "without", "reason")})
            self.assertEqual(numpy.asarray(Image.open(line["overlay"])).tolist(), numpy.asarray(first).tolist())

    def test_pictures_of_extreme_shapes_and_of_one_colour(self):
        made = {"one_pixel": (1, 1), "line": (1500, 1), "column": (1, 700)}
        paths = []
        for name, size in made.items():
            paths.append(self.root / f"{name}.png")
            Image.new("RGB", size, (200, 10, 60)).save(paths[-1])
        square = self.root / "one_colour.png"
        Image.new("RGB", (77, 77), (200, 10, 60)).save(square)
        out = self.folder()
        for method in ("gradient", "occlusion"):
            done = self.guard("--json", "--threshold", "0", "--explain", out, "--explain-method", method, "--image-aspect", "crop", *paths, square)
            for line in map(json.loads, done.stdout.splitlines()):
                self.assertIsNone(line["explanation"]["box"], line["path"])
                self.assertIn("nothing in particular", line["explanation"]["reason"])
                grid = json.loads(pathlib.Path(line["explanation"]["grid"]).read_text())
                self.assertTrue(all(value == 0 for row in grid["pieces"][0]["values"] for value in row))

    def test_a_bad_image_among_good_ones(self):
        broken = self.root / "broken.png"
        broken.write_bytes(self.picture.read_bytes()[:200])
        out = self.folder()
        done = self.guard("--json", "--threshold", "0", "--explain", out, self.picture, broken, self.picture, code=2)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["explanation" in line for line in lines], [True, False, True])
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["000000-picture.json", "000000-picture.png", "000002-picture.json", "000002-picture.png"])

    def test_usage(self):
        for flags, says in ((["--explain", "x", "--explain-method", "gradiant"], "gradient"), (["--explain", "x", "--explain-class", "weapon"], "weapon_related_violence"),
                            (["--explain-method", "gradient"], "--explain"), (["--explain-class", "terrorism"], "--explain"),
                            (["--explain", "x", "--explain-class", "safe"], "not in"), (["--explain", "x", "--out", "y"], "--explain")):
            for command in (["guard", self.picture], ["ask", "--image", self.picture, "--prompt", "x"]):
                if command[0] == "ask" and "--out" in flags:
                    continue
                done = run_program(*command, "--model", self.model, *flags, code=2, cwd=self.root)
                self.assertRegex(done.stderr.decode(), r"^holisafe: error: [^\n]*\n$")
                self.assertIn(says, done.stderr.decode())
        self.assertFalse((self.root / "x").exists())

    def test_a_model_without_a_guard(self):
        bare = self.root / "bare"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--out", bare)
        for command in (["guard", self.picture], ["ask", "--image", self.picture, "--prompt", "x"]):
            done = run_program(*command, "--model", bare, "--explain", self.folder(), code=2)
            self.assertIn("no guard", done.stderr.decode())

    def test_folders_that_cannot_be_written(self):
        file = self.root / "a_file"
        file.write_text("x")
        for folder in (file, file / "below", "/proc/explained"):
            done = self.guard("--json", "--threshold", "0", "--explain", folder, self.picture, self.picture, code=2)
            self.assertEqual(done.stdout, b"")
            self.assertRegex(done.stderr.decode(), r"(?m)^holisafe: error: [^\n]*\n\Z")
            self.assertEqual(done.stderr.decode().count("error"), 1)

    def test_a_file_that_cannot_be_written_ends_the_command(self):
        out = self.folder()
        (out / "000001-picture.json" / "x").mkdir(parents=True)
        done = self.guard("--json", "--threshold", "0", "--explain", out, self.picture, self.picture, self.picture, code=2)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual(done.stderr.decode().count("holisafe: error"), 1)
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["000000-picture.json", "000000-picture.png", "000001-picture.json"])

    def test_ask_explains_its_images(self):
        out = self.folder()
        ask = ["ask", "--model", self.model, "--threshold", "0", "--max-new-tokens", "2", "--image", self.picture, "--prompt", "What is it?"]
        plain = json.loads(run_program(*ask, "--json").stdout)
        said = json.loads(run_program(*ask, "--json", "--explain", out).stdout)
        explanation = said["guard"].pop("explanation")
        self.assertEqual(said["guard"], plain["guard"])
        self.assertEqual(said["completion_token_ids"], plain["completion_token_ids"])
        self.assertEqual(explanation["grid"], str(out / "000000-picture.json"))
        judged = self.folder()
        line = json.loads(self.guard("--json", "--threshold", "0", "--explain", judged, self.picture).stdout)
        self.assertEqual(line["explanation"]["reason"], explanation["reason"])
        self.assertEqual((judged / "000000-picture.png").read_bytes(), (out / "000000-picture.png").read_bytes())
        text = run_program(*ask, "--explain", out)
        self.assertIn("guard: " + explanation["reason"], text.stderr.decode())
        self.assertNotIn(explanation["reason"], text.stdout.decode())
        two = json.loads(run_program(*ask, "--image", self.picture, "--json", "--explain", self.folder()).stdout)
        self.assertNotIn("explanation", two["guard"])
        self.assertEqual([each["explanation"]["reason"] for each in two["guards"]], [explanation["reason"]] * 2)

    def test_log_odds_stay_finite_where_nothing_is_left(self):
        guard = self.root / "sure.safetensors"
        hidden = json.loads((self.model / "config.json").read_text())["text_config"]["hidden_size"]
        write_guard(guard, hidden, "llava", "last_hidden", temperature=0.001, strength=6)
        for method in ("gradient", "occlusion"):
            out = self.folder()
            line = json.loads(self.guard("--guard", guard, "--json", "--threshold", "0", "--explain", out, "--explain-method", method, self.picture).stdout)
            grid = json.loads(pathlib.Path(line["explanation"]["grid"]).read_text())
            self.assertTrue(math.isfinite(grid["log_odds"]))
            self.assertGreater(abs(grid["log_odds"]), 40)

    def test_an_interrupt_keeps_what_is_finished(self):
        out = self.folder()
        names = b"".join(os.fsencode(self.picture) + b"\n" for _ in range(4000))
        command = [PROGRAM, "guard", "--model", self.model, "--json", "--threshold", "0", "--explain", out, "--explain-method", "occlusion", "-"]
        # Nobody reads while names are written, so what is printed goes nowhere.
        with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            running.stdin.write(names)
            running.stdin.close()
            for _ in range(600):
                if out.is_dir() and len(list(out.glob("*.json"))) >= 2:
                    break
                time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(timeout=60), 130)
        for path in out.glob("*.json"):
            json.loads(path.read_text())
            Image.open(io.BytesIO(path.with_suffix(".png").read_bytes())).load()
        self.assertEqual([path for path in out.iterdir() if path.suffix not in (".json", ".png")], [])


class Bench(unittest.TestCase):
    """`bench run --explain`, and the report's figures."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_explain_")
        cls.root = pathlib.Path(cls.work.name)
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--guard", "--out", cls.root / "model")
        run_program("data", "synth", "--out", cls.root / "data", "--seed", "2", "--bench", "95")
        cls.bench = ["bench", "run", "--data", cls.root / "data", "--model", cls.root / "model", "--max-new-tokens", "2", "--out", cls.root / "run"]
        run_program(*cls.bench, "--explain")

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def test_the_worst_cases_are_kept_and_shown(self):
        rows = json.loads((self.root / "run/predictions.json").read_text())
        page = self.root / "report.html"
        run_program("bench", "report", self.root / "run", "--html", page)
        text = page.read_text()
        shown = re.findall(r'<figure class="explanation" data-image="([^"]*)">', text)
        missed, alarms, confused = {}, {}, {}
        for row in rows:
            if row["image"] in {**missed, **alarms, **confused}:
                continue
            scores = row["guard"]["scores"]
            harm = max((name for name in scores if name != "safe"), key=scores.get)
            flagged = 1 - scores["safe"] >= 0.5
            if row["image_safety_label"] and not flagged:
                missed[row["image"]] = scores["safe"]
            elif not row["image_safety_label"] and flagged:
                alarms[row["image"]] = 1 - scores["safe"]
            elif row["image_safety_label"] and CLASSES[row["image_safety_label"]] != harm:
                confused[row["image"]] = scores[harm]
        expected = [image for kind in (missed, alarms, confused) for image in sorted(kind, key=kind.get, reverse=True)[:12]]
        self.assertTrue(expected)
        self.assertEqual(sorted(shown), sorted(expected))
        files = sorted((self.root / "run/explanations").iterdir())
        self.assertEqual(len(files), 2 * len(expected))
        for path in files:
            if path.suffix == ".json":
                grid = json.loads(path.read_text())
                self.assertIn(grid["path"], expected)
                self.assertEqual(rows[int(path.name[:6])]["image"], grid["path"])
        self.assertEqual((self.root / "run/report.html").read_text().count('<figure class="explanation"'), len(expected))
        for words in ("refused because it saw", "answered although it saw", "answered, and had not seen", "refused without having seen"):
            if words in text:
                break
        else:
            self.fail("no figure says what became of the answer")

    def test_nothing_is_shown_where_nothing_was_explained(self):
        other = self.root / "plain"
        run_program(*self.bench[:-1], other)
        self.assertNotIn("class=\"explanation\"", (other / "report.html").read_text())
        self.assertEqual((other / "predictions.json").read_bytes(), (self.root / "run/predictions.json").read_bytes())

    def test_a_run_without_a_model_or_a_guard(self):
        done = run_program("bench", "run", "--data", self.root / "data", "--endpoint", "http://127.0.0.1:9", "--api-model", "x", "--out", self.root / "none", "--explain", code=2)
        self.assertIn("--model", done.stderr.decode())
        bare = self.root / "bare"
        run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--out", bare)
        done = run_program("bench", "run", "--data", self.root / "data", "--model", bare, "--out", self.root / "none", "--explain", code=2)
        self.assertIn("no guard", done.stderr.decode())

    @unittest.skipIf(browser.BROWSER is None, "needs chromium (tools/setup.sh installs it)")
    def test_figures_in_a_browser(self):
        with browser.Browser(self.root / "profile") as page:
            page.open((self.root / "run/report.html").as_uri())
            found = page.run("[...document.querySelectorAll('figure.explanation')].map(figure => { const image = figure.querySelector('img'); return ["
                                  "image.complete, image.naturalWidth, image.naturalHeight, getComputedStyle(image).filter, figure.querySelector('.reason').textContent, figure.dataset.image]; })")
            self.assertTrue(found)
            for complete, width, height, filtered, reason, image in found:
                self.assertTrue(complete and 0 < width <= 512 and 0 < height <= 512, image)
                self.assertIn("blur", filtered)
                self.assertIn("The guard gives", reason)
            self.assertEqual(page.console, [])


if __name__ == "__main__":
    unittest.main()
