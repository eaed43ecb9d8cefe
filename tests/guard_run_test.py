"""`guard --out`: runs that are killed, go on, take another guard, and are refused where they would be of something else."""

import base64
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

PROGRAM = os.environ["HOLISAFE_BIN"]
FAMILIES = {"llava": "llava", "qwen2_5_vl": "qwen2_5_vl", "gemma3": "gemma3"}
KILLS = 20


def holisafe(*arguments, stdin=None, cwd=None):
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, text=True, timeout=300, input=stdin, cwd=cwd,
                          errors="surrogateescape", stdin=None if stdin is not None else subprocess.DEVNULL)


def picture(path, seed):
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40 + seed % 7, 30 + seed % 11, 3), dtype=np.uint8)).save(path)
    return path


def write_guard(path, model, pooling, seed, **metadata):
    """A plug-in for a checkpoint, of weights that tell pictures apart."""
    info = json.loads(holisafe("model", "info", model, "--json").stdout)
    width, rng = info["hidden_size"], np.random.default_rng(seed)
    tensors = {"mlp.0.weight": rng.normal(0, 0.5, (16, width)), "mlp.0.bias": rng.normal(0, 0.5, 16), "mlp.3.weight": rng.normal(0, 1, (20, 16)),
               "mlp.3.bias": rng.normal(0, 0.5, 20)}
    classes = json.loads((pathlib.Path(model) / "config.json").read_text())["safety_categories"]
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, path,
              metadata={"format": "holisafe-guard/1", "categories": json.dumps(classes), "hidden_size": str(width), "pooling": pooling,
                        "model_type": info["model_type"], **metadata})
    return path


def judged(run):
    """Contents of a run's store by SHA-256: their numbers, which count judging."""
    store = run / "guard.db"
    if not store.exists():
        return {}
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        try:
            return dict(database.execute("SELECT hex(sha256), number FROM contents"))
        except sqlite3.OperationalError:  # before the tables
            return {}


class GuardRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_guard_run_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.model = cls.root / "llava"
        cls.synth("llava", cls.model)
        cls.tree = cls.root / "tree"
        (cls.tree / "sub").mkdir(parents=True)
        for i in range(60):
            picture(cls.tree / ("sub" if i % 3 else "") / f"{i:02}.png", i % 45)  # a quarter twice
        (cls.tree / "torn.png").write_bytes((cls.tree / "00.png").read_bytes()[:300])
        foreign = os.fsencode(cls.tree) + b"/\xff.png"
        pathlib.Path(os.fsdecode(foreign)).write_bytes((cls.tree / "00.png").read_bytes())

    @classmethod
    def synth(cls, family, out, seed=4):
        done = holisafe("model", "synth", "--family", family, "--preset", "tiny", "--seed", str(seed), "--guard", "--out", out)
        assert done.returncode == 0, done.stderr

    def setUp(self):
        self.run_folder = self.root / self.id().rsplit(".", 1)[1]

    def guard(self, *flags, code=None, out=None, model=None):
        done = holisafe("guard", "--model", model or self.model, "-r", self.tree, "--out", out or self.run_folder, *flags)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return done

    def lines(self, run=None):
        return [json.loads(line) for line in ((run or self.run_folder) / "verdicts.jsonl").read_text().splitlines()]

    def test_a_run_holds_what_json_prints(self):
        done = self.guard("--progress", "json", code=2)
        plain = holisafe("guard", "--model", self.model, "-r", self.tree, "--json")
        printed = {line["path"]: line for line in map(json.loads, plain.stdout.splitlines())}
        lines = self.lines()
        self.assertEqual([line["path"] for line in lines], [path for path, _ in sorted(((path, base64.b64decode(line["path_bytes"]) if "path_bytes" in line else path.encode()) for path, line in printed.items()), key=lambda pair: pair[1])], "in the order of their bytes")
        for line in lines:
            extra = {key: line.pop(key, None) for key in ("sha256", "width", "height")}
            self.assertEqual(line, printed[line["path"]])
            self.assertEqual(len(extra["sha256"]), 64)
            self.assertEqual(extra["width"] is None, "error" in line)
        foreign = next(line for line in lines if "path_bytes" in line)
        self.assertTrue(base64.b64decode(foreign["path_bytes"]).endswith(b"/\xff.png"))
        last = json.loads(done.stderr.splitlines()[-1])
        self.assertEqual((last["images"], last["errors"], last["duplicates"]), (62, 1, 16))
        self.assertEqual(last["flagged"], sum(line.get("flagged", False) for line in lines))
        summary = json.loads((self.run_folder / "summary.json").read_text())
        self.assertEqual({key: summary[key] for key in ("images", "flagged", "errors", "duplicates")},
                         {key: last[key] for key in ("images", "flagged", "errors", "duplicates")})
        counted = collections.Counter(line["subcategory"] for line in lines if "subcategory" in line)
        self.assertEqual({name: each["images"] for name, each in summary["subcategories"].items() if each["images"]}, counted)
        self.assertEqual(self.guard("--json", code=2).stdout, (self.run_folder / "verdicts.jsonl").read_text())

    def test_killed_at_any_moment_it_ends_the_same(self):
        whole = self.root / "whole"
        begun = time.monotonic()
        self.guard(code=2, out=whole)
        seconds = time.monotonic() - begun
        chance, known, in_flight = random.Random(5), {}, 0
        for kill in range(KILLS):
            batch = ["--batch-size", str(chance.choice([1, 3, 8])), "--decode-threads", str(chance.choice([1, 2, 4]))]
            process = subprocess.Popen([PROGRAM, "guard", "--model", self.model, "-r", self.tree, "--out", self.run_folder, *batch],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # Let some more be judged than last time, then kill in the middle of it.
            deadline, wanted = time.monotonic() + 10 * seconds + 10, len(known) + chance.randrange(3)
            while process.poll() is None and time.monotonic() < deadline and len(judged(self.run_folder)) <= wanted:
                time.sleep(0.002)
            running = process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = judged(self.run_folder)
            for digest, number in known.items():
                self.assertEqual(now[digest], number, "a verdict that counted was lost or given again")
            in_flight += running and len(known) < len(now) < 46
            known = now
        self.assertGreater(in_flight, 5)
        self.guard(code=2)
        self.assertEqual((self.run_folder / "verdicts.jsonl").read_bytes(), (whole / "verdicts.jsonl").read_bytes())
        self.assertEqual((self.run_folder / "summary.json").read_bytes(), (whole / "summary.json").read_bytes())
        self.assertEqual(len(judged(self.run_folder)), 46)
        self.assertEqual(max(judged(self.run_folder).values()), 46, "each content was judged once")

    def test_another_threshold_needs_no_model(self):
        self.guard(code=2)
        spare = self.root / "spare"
        os.rename(self.tree / "torn.png", spare)  # its error would be the exit code
        self.addCleanup(os.rename, spare, self.tree / "torn.png")
        scores = [line["unsafe"] for line in self.lines() if "unsafe" in line]
        middle = sorted(scores)[len(scores) // 2]
        done = self.guard("--threshold", str(middle), code=1)
        self.assertNotIn(" on ", done.stderr, "no start-up line")
        self.assertEqual(sum(line["flagged"] for line in self.lines() if "flagged" in line), sum(score >= middle for score in scores))
        self.assertEqual(next(line for line in self.lines() if line["path"].endswith("torn.png"))["gone"], True)
        self.guard("--threshold", "1", code=0)

    def test_a_run_of_something_else_is_refused(self):
        self.guard(code=2)
        other = self.root / "other"
        self.synth("llava", other, seed=5)
        new = write_guard(self.root / "new.safetensors", self.model, "last_hidden", 1)
        for flags, name in (("--alpha", "drop"), "alpha"), (("--max-width", "9"), "max-width"), (("--dtype", "bfloat16"), "dtype"), (("--guard", new), "guard"), \
                (("--pooled",), "pooled"):
            done = self.guard(*flags, code=2)
            self.assertIn(f"{name}: expected ", done.stderr)
        self.assertIn("checkpoint: expected ", self.guard(model=other, code=2).stderr)
        store = sqlite3.connect(self.run_folder / "guard.db")
        store.execute("CREATE TABLE more (a)")
        store.close()
        self.assertIn("table more", self.guard(code=2).stderr)

    def test_a_second_command_is_refused(self):
        process = subprocess.Popen([PROGRAM, "guard", "--model", self.model, "--out", self.run_folder, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while not (self.run_folder / "guard.db").exists():
            time.sleep(0.01)
        self.assertIn("run in use", self.guard(code=2).stderr)
        process.communicate(os.fsencode(self.tree / "01.png") if (self.tree / "01.png").exists() else os.fsencode(self.tree / "00.png"), timeout=60)
        self.assertEqual(len(self.lines()), 1)
        empty = holisafe("guard", "--model", self.model, "--out", self.root / "empty", "-", stdin="")
        self.assertEqual(empty.returncode, 2)
        self.assertIn("no names in the list", self.lines(self.root / "empty")[0]["error"]["message"])

    def test_flags_that_do_not_go_together(self):
        for flags, said in ((["--pooled", "-r", self.tree], "--out"), (["--from", self.root, "--out", self.run_folder], "--guard is required"),
                            (["--from", self.root, "--out", self.run_folder, "--guard", "g", "--model", self.model], "no --model")):
            done = holisafe("guard", *flags)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
        missing = holisafe("guard", "--from", self.root / "none", "--out", self.run_folder, "--guard", write_guard(
            self.root / "missing.safetensors", self.model, "projector", 1))
        self.assertIn("no run", missing.stderr)


class AnotherGuard(unittest.TestCase):
    """Kept vectors against running the model again, for every family and both poolings."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_guard_from_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.tree = cls.root / "tree"
        cls.tree.mkdir()
        for i in range(6):
            picture(cls.tree / f"{i}.png", i % 5)
        (cls.tree / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n1")
        for family in FAMILIES:
            GuardRuns.synth.__func__(cls, family, cls.root / family)

    def test_as_anew(self):
        for family in FAMILIES:
            for pooling in ("last_hidden", "projector"):
                with self.subTest(family=family, pooling=pooling):
                    model, name = self.root / family, f"{family}_{pooling}"
                    first = write_guard(self.root / f"{name}_1.safetensors", model, pooling, 1)
                    second = write_guard(self.root / f"{name}_2.safetensors", model, pooling, 2, temperature="1.5", thresholds=json.dumps([0.05] * 20))
                    run = lambda out, *flags: holisafe("guard", "--out", self.root / f"{name}_{out}", *flags)  # noqa: E731
                    done = run("kept", "--model", model, "--guard", first, "-r", self.tree, "--pooled")
                    self.assertEqual(done.returncode, 2, done.stderr)
                    done = run("from", "--from", self.root / f"{name}_kept", "--guard", second, "--thresholds")
                    self.assertEqual(done.returncode, 2, done.stderr)
                    run("anew", "--model", model, "--guard", second, "-r", self.tree, "--thresholds")
                    found, expected = (GuardRuns.lines(self, self.root / f"{name}_{out}") for out in ("from", "anew"))
                    self.assertEqual(len(found), 7)
                    spread = set()
                    for a, b in zip(found, expected):
                        self.assertEqual(a["path"], b["path"])
                        self.assertEqual(a.get("error"), b.get("error"))
                        for key, score in a.get("scores", {}).items():
                            self.assertAlmostEqual(score, b["scores"][key], delta=1e-6)
                        spread.add(round(a.get("unsafe", 0), 4))
                        self.assertEqual(a.get("sha256"), b.get("sha256"))
                    self.assertGreater(len(spread), 3, "the guard tells pictures apart")
                    with sqlite3.connect(self.root / f"{name}_kept" / "guard.db") as store:
                        sizes = {size for (size,) in store.execute("SELECT length(vector) FROM pooled")}
                    self.assertEqual(sizes, {4 * load_file(first)["mlp.0.weight"].shape[1]})
                    again = run("from", "--model", model, "--guard", second, "-r", self.tree, "--thresholds")
                    self.assertNotIn(" on ", again.stderr, "what judged from vectors goes on as if it had judged anew")

    def test_a_guard_that_does_not_fit_is_refused(self):
        model = self.root / "llava"
        first = write_guard(self.root / "first.safetensors", model, "projector", 1)
        done = holisafe("guard", "--out", self.root / "kept", "--model", model, "--guard", first, "-r", self.tree, "--pooled")
        self.assertEqual(done.returncode, 2, done.stderr)
        for guard, said in ((write_guard(self.root / "pooling.safetensors", model, "last_hidden", 1), "pooling"),
                            (write_guard(self.root / "base.safetensors", model, "projector", 1, base="ab" * 32), "ab" * 32),
                            (write_guard(self.root / "family.safetensors", self.root / "gemma3", "projector", 1), "model_type")):
            done = holisafe("guard", "--out", self.root / "refused", "--from", self.root / "kept", "--guard", guard)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
            self.assertFalse((self.root / "refused").exists())


class Bases(unittest.TestCase):
    """A guard's file and the model under it."""

    @classmethod
    def setUpClass(cls):
        AnotherGuard.setUpClass.__func__(cls)
        cls.model = cls.root / "llava"
        cls.one = cls.tree / "0.png"

    def test_another_base_is_said(self):
        silent = holisafe("guard", "--model", self.model, "--guard", write_guard(self.root / "silent.safetensors", self.model, "projector", 1), "--strict-base",
                          "--json", self.one)
        self.assertIn(silent.returncode, (0, 1), silent.stderr)
        self.assertEqual(silent.stderr, "")
        named = write_guard(self.root / "named.safetensors", self.model, "projector", 1, base="12" * 32)
        done = holisafe("guard", "--model", self.model, "--guard", named, "--json", self.one)
        self.assertEqual((done.returncode, done.stdout), (silent.returncode, silent.stdout))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("holisafe: warning: guard was trained on another base: "), done.stderr)
        found = done.stderr.split("found ")[1].split(" ")[0]
        self.assertRegex(found, "^[0-9a-f]{64}$")
        self.assertIn("12" * 32, done.stderr)
        strict = holisafe("guard", "--model", self.model, "--guard", named, "--strict-base", "--json", self.one)
        self.assertEqual(strict.returncode, 2)
        self.assertIn("holisafe: error: guard was trained on another base: ", strict.stderr)
        right = write_guard(self.root / "right.safetensors", self.model, "projector", 1, base=found)
        done = holisafe("guard", "--model", self.model, "--guard", right, "--strict-base", "--json", self.one)
        self.assertEqual((done.returncode, done.stderr), (silent.returncode, ""))


if __name__ == "__main__":
    unittest.main()
