"""`holisafe guard labels`, `sort`, `compare` and `report` on runs whose verdicts are drawn from the pictures' bytes."""

import csv
import hashlib
import json
import math
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from PIL import Image

PROGRAM = os.environ["HOLISAFE_BIN"]
MAKER = os.environ["HOLISAFE_GUARD_RUN"]


def tree_of(folder):
    """What is below a folder: kind and mode, time and bytes of files, the time of folders, where links lead."""
    out = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        name, found = str(path.relative_to(folder)), path.lstat()
        if path.is_symlink():
            out[name] = os.readlink(path)
        else:
            out[name] = (found.st_mode, found.st_mtime_ns, path.read_bytes() if path.is_file() else None)
    return out


class GuardResults(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="guard_results_")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name).resolve()
        self.random = random.Random(5)
        (self.root / "model").mkdir()
        (self.root / "model/config.json").write_text("{}")

    def picture(self, name, number=None):
        """A small picture of its own, or that of a number again."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        number = self.random.randrange(1 << 24) if number is None else number
        Image.new("RGB", (4, 3), (number >> 16, number >> 8 & 255, number & 255)).save(path)
        return path

    def pictures(self, count, tree="uploads"):
        for i in range(count):
            path = self.picture(f"{tree}/{i % 7}/{i % 5}/{'same' if i % 11 == 0 else i}.png", None if i % 6 else 77)
            path.chmod(0o600 + i % 64)
            os.utime(path, ns=(10**18 + i, 10**18 + 1_234_567_891 * i))
        (self.root / tree / "0/broken.png").write_bytes(b"no picture")
        for folder in sorted((self.root / tree).rglob("*/")):
            os.utime(folder, ns=(10**18, 10**18 + 5))

    def judge(self, run="run", paths=("uploads",), seed="a", threshold=0.5):
        done = subprocess.run([MAKER, self.root / run, seed, str(threshold), *(self.root / path for path in paths)], cwd=self.root, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.lines(run)

    def lines(self, run="run"):
        return {line["path"]: line for line in map(json.loads, (self.root / run / "verdicts.jsonl").read_text().splitlines())}

    def guard(self, *words, code=0, **more):
        done = subprocess.run([PROGRAM, "guard", *map(str, words)], cwd=self.root, capture_output=True, text=True, timeout=120, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def expected_label(self, line):
        return line["harm"]["label"] if line["flagged"] else 0

    # Labels

    def test_labels_are_the_guards_below_the_tree(self):
        self.pictures(60)
        lines = self.judge()
        done = self.guard("labels", "run", "--out", "labels.json")
        rows = json.loads((self.root / "labels.json").read_text())
        self.assertIn(f"--images {self.root}/uploads", done.stderr)
        judged = {path: line for path, line in lines.items() if "error" not in line}
        self.assertEqual({f"{self.root}/uploads/{row['image']}": row["image_safety_label"] for row in rows}, {path: self.expected_label(line) for path, line in judged.items()})
        self.assertTrue(0 < sum(row["image_safety_label"] > 0 for row in rows) < len(rows))
        self.assertEqual(len({row["id"] for row in rows}), len(rows))
        for row in rows:
            self.assertEqual(row["sha256"], hashlib.sha256((self.root / "uploads" / row["image"]).read_bytes()).hexdigest())

    def test_labels_with_decisions(self):
        self.pictures(60)
        lines = self.judge()
        judged = [line for line in lines.values() if "error" not in line]
        contents = [line["sha256"] for line in judged]
        shared = max(contents, key=contents.count)
        same = [line for line in judged if line["sha256"] == shared]
        self.assertGreater(len(same), 5)
        other = next(line for line in judged if line["sha256"] != shared)
        (self.root / "decided.jsonl").write_text(json.dumps({"path": same[2]["path"], "label": "suicide"}) + "\n" + json.dumps({"sha256": other["sha256"], "label": 3}) + "\n")
        self.guard("labels", "run", "--out", "labels.json", "--decisions", "decided.jsonl")
        rows = {row["image"]: row for row in json.loads((self.root / "labels.json").read_text())}
        for line in judged:
            row = rows[line["path"].removeprefix(f"{self.root}/uploads/")]
            decided = {shared: 11, other["sha256"]: 3}.get(line["sha256"])
            self.assertEqual(row["image_safety_label"], self.expected_label(line) if decided is None else decided)
            self.assertEqual(row["label_from"], "guard" if decided is None else "decision")
        # What verdicts.jsonl says serves, with labels changed in place.
        (self.root / "edited.jsonl").write_text("".join(json.dumps({**line, "label": 0}) + "\n" for line in judged))
        self.guard("labels", "run", "--out", "labels.json", "--decisions", "edited.jsonl", "--decided-only")
        self.assertEqual({row["image_safety_label"] for row in json.loads((self.root / "labels.json").read_text())}, {0})
        (self.root / "decided.jsonl").write_text('{"path": "x", "label": "weapon"}\n')
        self.assertIn("decided.jsonl: row 1: label", self.guard("labels", "run", "--out", "labels.json", "--decisions", "decided.jsonl", code=2).stderr)

    def test_labels_of_two_trees(self):
        self.pictures(20, "a/uploads")
        self.pictures(20, "b")
        self.judge(paths=("a/uploads", "b"))
        done = self.guard("labels", "run", "--out", "labels.json")
        self.assertIn(f"--images {self.root}\n", done.stderr)
        for row in json.loads((self.root / "labels.json").read_text()):
            self.assertTrue((self.root / row["image"]).is_file(), row)

    # Sort

    def check_sorted(self, lines, to, by, flagged, how):
        wanted = {}
        for path, line in lines.items():
            if "error" in line or (flagged and not line["flagged"]):
                continue
            harm = line["harm"] if line["flagged"] else {"category": "safe", "subcategory": "safe"}
            folder = harm[by] if by != "decision" else ("flagged" if line["flagged"] else "not_flagged")
            wanted.setdefault(folder, []).append(line["sha256"])
        found = {}
        for path in to.rglob("*"):
            if path.name == "moves.jsonl" or path.is_dir():
                continue
            self.assertEqual(path.is_symlink(), how == "link")
            found.setdefault(str(path.parent.relative_to(to)), []).append(hashlib.sha256(path.read_bytes()).hexdigest())
        self.assertEqual({folder: sorted(each) for folder, each in found.items()}, {folder: sorted(each) for folder, each in wanted.items()})

    def test_sort_and_undo(self):
        self.pictures(90)
        lines = self.judge()
        before = tree_of(self.root / "uploads")
        for by in ("category", "subcategory", "decision"):
            for how in ("link", "copy", "move"):
                for flagged in (False, True):
                    to = self.root / f"deep/{by}-{how}-{flagged}"
                    words = ["run", "--to", to.relative_to(self.root), "--by", by, f"--{how}", *(["--flagged"] if flagged else [])]
                    planned = self.guard("sort", *words, "--dry-run").stdout
                    self.assertFalse((self.root / "deep").exists())
                    done = self.guard("sort", *words)
                    self.check_sorted(lines, to, by, flagged, how)
                    moves = [json.loads(line) for line in (to / "moves.jsonl").read_text().splitlines()]
                    done_moves = [f"{move['from']} -> {to.relative_to(self.root)}/{move['to']}" for move in moves if "from" in move]
                    self.assertEqual([line for line in planned.splitlines() if " -> " in line], done_moves)
                    if how != "move":
                        self.assertEqual(tree_of(self.root / "uploads"), before)
                    self.guard("sort", "--undo", to)
                    self.assertEqual(tree_of(self.root / "uploads"), before, words)
                    self.assertFalse((self.root / "deep").exists())

    def test_default_is_symbolic_links(self):
        self.pictures(12)
        lines = self.judge()
        self.guard("sort", "run", "--to", "out", "--by", "category")
        self.check_sorted(lines, self.root / "out", "category", False, "link")

    def killed_sort(self, words, to):
        """Begins a sort, kills it at some moment; whether it was over before."""
        process = subprocess.Popen([PROGRAM, "guard", "sort", *map(str, words)], cwd=self.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(self.random.random() * self.seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        return process.returncode == 0

    def kills(self, how, to, count):
        self.pictures(700)
        lines = self.judge()
        before = tree_of(self.root / "uploads")
        words = ["run", "--to", to, "--by", "subcategory", f"--{how}"]
        cut = 0
        begin = time.monotonic()
        self.guard("sort", *words)
        self.seconds = time.monotonic() - begin  # what a sort takes here, so that kills meet it under way
        self.guard("sort", "--undo", to)
        for round_number in range(count):
            for _ in range(1 + self.random.randrange(2)):
                cut += not self.killed_sort(words, to)
            if round_number % 2:
                self.guard("sort", *words)
                self.check_sorted(lines, to, "subcategory", False, how)
            elif (to / "moves.jsonl").exists() and (to / "moves.jsonl").stat().st_size:
                for _ in range(self.random.randrange(2)):
                    cut += not self.killed_sort(["--undo", to], to)
            if (to / "moves.jsonl").exists() and (to / "moves.jsonl").stat().st_size:
                self.guard("sort", "--undo", to)
            elif to.exists():  # killed before anything was written down
                self.assertLessEqual({path.name for path in to.rglob("*")}, {"moves.jsonl"})
                subprocess.run(["rm", "-r", to], check=True)
            after = tree_of(self.root / "uploads")
            self.assertEqual(after.keys(), before.keys(), round_number)
            self.assertEqual({name for name in after if after[name] != before[name]}, set(), round_number)
            self.assertFalse(to.exists())
        self.assertGreater(cut, count // 4)

    def test_killed_moves(self):
        self.kills("move", self.root / "out", 8)

    def test_killed_copies(self):
        self.kills("copy", self.root / "out", 5)

    def test_killed_links(self):
        self.kills("link", self.root / "out", 5)

    def test_killed_moves_onto_another_file_system(self):
        other = pathlib.Path("/dev/shm")
        if not other.is_dir() or other.stat().st_dev == self.root.stat().st_dev:
            self.skipTest("no other file system")
        with tempfile.TemporaryDirectory(dir=other) as folder:
            self.kills("move", pathlib.Path(folder) / "out", 8)

    def test_names_that_are_no_text(self):
        self.pictures(5)
        odd = os.fsencode(self.root / "uploads") + b"/\xff \x1b[2J\n<b>.png"
        os.rename(self.root / "uploads/1/1/1.png", odd)
        before = tree_of(self.root / "uploads")
        self.judge()
        self.guard("sort", "run", "--to", "out", "--by", "decision", "--move")
        self.assertEqual(sum(b"\xff" in os.fsencode(path.name) for path in (self.root / "out").rglob("*")), 1)
        self.guard("sort", "--undo", "out")
        self.assertEqual(tree_of(self.root / "uploads"), before)
        error = self.guard("labels", "run", "--out", "labels.json").stderr
        self.assertIn("no UTF-8", error)
        self.assertNotIn("\x1b", error)

    def test_what_changed_is_named_and_nothing_is_overwritten(self):
        self.pictures(30)
        lines = self.judge()
        path = next(path for path, line in lines.items() if "error" not in line)
        self.picture(os.path.relpath(path, self.root))
        (self.root / "out/flagged").mkdir(parents=True)
        (self.root / "out/not_flagged").mkdir()
        for name in ("flagged/2.png", "not_flagged/2.png"):
            (self.root / "out" / name).write_text("mine")
        done = self.guard("sort", "run", "--to", "out", "--by", "decision", code=2)
        self.assertIn(f"{path}: changed since it was judged", done.stderr)
        for name in ("flagged/2.png", "not_flagged/2.png"):
            self.assertEqual((self.root / "out" / name).read_text(), "mine")
        links = [os.readlink(each) for each in (self.root / "out").rglob("*") if each.is_symlink()]
        self.assertNotIn(path, links)
        self.assertEqual(len(links), sum("error" not in line for line in lines.values()) - 1)
        self.guard("sort", "--undo", "out")
        self.assertEqual({str(each.relative_to(self.root / "out")) for each in (self.root / "out").rglob("*")}, {"flagged", "not_flagged", "flagged/2.png", "not_flagged/2.png"})

    def test_the_command_line(self):
        self.pictures(5)
        self.judge()
        for words, named in ((["run", "--by", "category"], "--to"), (["run", "--to", "out"], "--by"), (["--to", "out", "--by", "category"], "RUN"),
                             (["run", "--to", "out", "--by", "colour"], "category"), (["run", "--to", "out", "--by", "category", "--copy", "--move"], "--move"),
                             (["run", "--to", "out", "--by", "category", "--flaged"], "--flagged"), (["run", "--to", "out", "--by", "category", "more"], "more"),
                             (["run", "--undo", "out"], "RUN"), (["nowhere", "--to", "out", "--by", "category"], "nowhere"), (["--undo", "nowhere"], "nowhere")):
            error = self.guard("sort", *words, code=2).stderr
            self.assertIn(named, error)
            self.assertEqual(error.count("\n"), 1, error)
        self.assertFalse((self.root / "out").exists())
        self.guard("sort", "run", "--to", "out", "--by", "category")
        self.assertIn("--by decision", self.guard("sort", "run", "--to", "out", "--by", "decision", code=2).stderr)

    # Compare and report

    def test_compare(self):
        self.pictures(80)
        first = self.judge("first")
        second = self.judge("second", seed="b", threshold=0.7)
        done = self.guard("compare", "first", "second", "--json", "--html", "compare.html")
        found = json.loads(done.stdout)
        contents = [{line["sha256"]: line for line in lines.values() if "error" not in line} for lines in (first, second)]
        counts = {"both": 0, "first": 0, "second": 0, "neither": 0}
        changed = {}
        for content in contents[0]:
            a, b = contents[0][content], contents[1][content]
            counts["both" if a["flagged"] and b["flagged"] else "first" if a["flagged"] else "second" if b["flagged"] else "neither"] += 1
            if self.expected_label(a) != self.expected_label(b):
                changed[content] = b["unsafe"] - a["unsafe"]
        self.assertEqual({key: found[key] for key in counts}, counts)
        self.assertEqual(list(found)[:6], ["both", "first", "second", "neither", "p_value", "changed"])
        self.assertTrue(all(counts.values()), counts)
        tail = sum(math.comb(counts["first"] + counts["second"], k) for k in range(min(counts["first"], counts["second"]) + 1)) / 2 ** (counts["first"] + counts["second"])
        self.assertAlmostEqual(found["p_value"], min(1, 2 * tail), places=9)
        self.assertEqual({row["sha256"]: row["difference"] for row in found["changed"]}, changed)
        sizes = [abs(row["difference"]) for row in found["changed"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertIn("data:image/jpeg;base64,", (self.root / "compare.html").read_text())
        text = self.guard("compare", "first", "second").stdout
        self.assertIn(f"flagged in both {counts['both']}, in the first alone {counts['first']}", text)

    def test_the_page_and_the_guard_by_labels(self):
        self.pictures(80)
        self.picture("uploads/<img src=x onerror=alert(1)>.png")
        lines = self.judge()
        page = (self.root / "run/report.html").read_text()
        self.assertNotIn("<img src=x", page)
        self.assertLess(len(page), 2_000_000)
        self.assertLessEqual(page.count("data:image/jpeg"), 48)
        self.assertIn("malformed" if "malformed" in {line["error"]["kind"] for line in lines.values() if "error" in line} else "unsupported", page)
        self.guard("labels", "run", "--out", "labels.json")
        found = json.loads(self.guard("report", "run", "--labels", "labels.json", "--images", "uploads", "--json", "--html", "page.html").stdout)
        self.assertEqual(found["n"], len({line["sha256"] for line in lines.values() if "error" not in line}))
        self.assertEqual(found["binary"]["f1"], 1.0)  # by its own labels
        self.assertIn('id="guard"', (self.root / "page.html").read_text())
        self.assertEqual((self.root / "run/report.html").read_text(), page)
        self.guard("report", "run")
        self.assertIn("Nearest the threshold", (self.root / "run/report.html").read_text())

    def test_export(self):
        self.pictures(80)
        self.picture('uploads/=1+1,"x"\n.png')
        lines = self.judge()
        self.guard("labels", "run", "--out", "labels.json")
        done = self.guard("export", "run", "--out", "paper", "--labels", "labels.json", "--images", "uploads")
        self.assertNotIn("left out", done.stderr)
        out = self.root / "paper"
        names = {path.name for path in out.iterdir()}
        figures = ["guard-classes", "guard-unsafe", "guard-calibration", "guard-roc", "guard-precision-recall", "guard-confusion"]
        self.assertEqual(names, {"counts.csv", "counts.tex", "counts.md", "verdicts.csv", "verdicts.jsonl"} | {f"{name}.{ending}" for name in figures for ending in ("svg", "pdf")})
        self.assertEqual((out / "verdicts.jsonl").read_bytes(), (self.root / "run/verdicts.jsonl").read_bytes())
        with open(out / "verdicts.csv", newline="", encoding="utf-8") as file:
            rows = {row["path"]: row for row in csv.DictReader(file)}
        self.assertEqual(rows.keys(), lines.keys())
        for path, line in lines.items():
            row = rows[path]
            if "error" in line:
                self.assertEqual((row["error_kind"], row["error"], row["flagged"]), (line["error"]["kind"], line["error"]["message"], ""))
                continue
            self.assertEqual((row["flagged"] == "true", int(row["label"]), float(row["unsafe"]), row["sha256"]), (line["flagged"], line["label"], line["unsafe"], line["sha256"]))
            self.assertEqual({name: float(row[f"score_{name}"]) for name in line["scores"]}, line["scores"])
            self.assertEqual(row["harm"], str(line["harm"]["label"]) if line["flagged"] else "")
        with open(out / "counts.csv", newline="", encoding="utf-8") as file:
            counts = {(row["group_kind"], row["group"]): int(row["count"]) for row in csv.DictReader(file)}
        judged = [line for line in lines.values() if "error" not in line]
        self.assertEqual(counts["all", "judged"], len(judged))
        self.assertEqual(counts["all", "flagged"], sum(line["flagged"] for line in judged))
        for name in judged[0]["scores"]:
            self.assertEqual(counts["class", name], sum((line["harm"]["subcategory"] if line["flagged"] else "safe") == name for line in judged))
        self.assertEqual(sum(count for (kind, _), count in counts.items() if kind == "unsafe"), len(judged))
        self.guard("export", "run", "--out", "again", "--labels", "labels.json", "--images", "uploads")
        for name in names:
            self.assertEqual((self.root / "again" / name).read_bytes(), (out / name).read_bytes(), name)
        self.guard("export", "run", "--out", "sheet", "--formats", "csv", "--spreadsheet")
        self.assertEqual({path.name for path in (self.root / "sheet").iterdir()}, {"counts.csv", "verdicts.csv"})
        self.assertIn("paper", self.guard("export", "run", "--out", "paper", code=2).stderr)

    def test_reading_a_run_loads_no_torch(self):
        self.pictures(3)
        self.judge()
        for words in (["sort", "--help"], ["labels", "run", "--out", "labels.json"], ["compare", "run", "run", "--json"]):
            traced = subprocess.run([PROGRAM, "guard", *words], cwd=self.root, capture_output=True, text=True, env={**os.environ, "LD_DEBUG": "files"})
            self.assertEqual(traced.returncode, 0)
            self.assertNotIn("libtorch", traced.stderr)


if __name__ == "__main__":
    unittest.main()
