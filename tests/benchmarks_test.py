"""The table of benchmarks through the program: its list, the check of each set's data and their counts."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def but_for_counts(stderr):
    """Without the warnings that these small sets have fewer rows than were published."""
    return "".join(line for line in stderr.splitlines(keepends=True) if "were published" not in line)


class Sets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_benchmarks_")
        cls.root = pathlib.Path(cls.work.name)
        cls.rows = {name: benchmark_data.make(name, cls.root / name) for name in benchmark_data.NAMES}

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def images(self, name):
        folder = self.root / name
        return {part for row in self.rows[name] for part in benchmark_data.parts(name, folder, row) if isinstance(part, pathlib.Path)}


class List(Sets):
    def test_a_line_each(self):
        done = run("bench", "list", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found = [json.loads(line) for line in done.stdout.splitlines()]
        kinds = {"safety": ["holisafe", "vlsbench", "mm-safetybench", "harmeval", "siuo", "siuo-mcq", "figstep", "vlguard"], "utility": ["mmmu", "vizwiz", "mme-realworld", "mmstar"]}
        self.assertEqual([(entry["name"], entry["kind"]) for entry in found], [(name, kind) for kind, names in kinds.items() for name in names])
        by_name = {entry["name"]: entry for entry in found}
        for entry in found:
            self.assertEqual(list(entry), ["name", "title", "kind", "splits", "default_split", "rules", "judge_words", "responses", "primary", "higher_is_better", "rows", "licence"])
            self.assertEqual(bool(entry["judge_words"]), entry["rules"] == ["string"])
            self.assertIsInstance(entry["primary"], str)
            self.assertEqual(entry["responses"], 3 if entry["name"] == "siuo" else 1)
        self.assertEqual(tuple(by_name["vlsbench"][key] for key in ("judge_words", "primary", "higher_is_better")), (["refuse", "warn", "unsafe"], "safety", True))
        self.assertEqual((by_name["mmmu"]["rules"], by_name["mmmu"]["splits"], by_name["mmmu"]["default_split"]), (["lmms-eval", "authors"], ["dev", "validation", "test"], "validation"))
        rows = {"vlsbench": 2241, "mm-safetybench": 5040, "harmeval": 265, "siuo": 167, "siuo-mcq": 167, "figstep": 500, "vlguard": 1558, "mmmu": 900, "vizwiz": 4319, "mme-realworld": 29429, "mmstar": 1500}
        self.assertEqual({name: by_name[name]["rows"] for name in rows}, rows)
        text = run("bench", "list").stdout
        self.assertEqual(len(text.splitlines()), 1 + len(found))
        self.assertIn("VLSBench", text)

    def test_no_such_benchmark(self):
        done = run("data", "check", self.root / "mmmu", "--benchmark", "mmu")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("mmmu", done.stderr)


class Data(Sets):
    def test_sound_data(self):
        for name in benchmark_data.NAMES:
            with self.subTest(name):
                for place in (self.root / name, self.root / name / ("holisafe_bench.json" if name == "holisafe" else "data.json")):
                    done = run("data", "check", place, "--benchmark", name)
                    self.assertEqual((done.returncode, but_for_counts(done.stderr)), (0, ""))
                    self.assertEqual(done.stderr.count("holisafe: warning: "), 0 if name == "holisafe" else 1)
                    words = "pairs" if name == "holisafe" else "rows"
                    self.assertIn(f"no problems in {len(self.rows[name])} {words} with {len(self.images(name))} images", done.stdout)

    def test_lines_as_well_as_an_array(self):
        for name in ("vlsbench", "mmmu"):
            lines = self.root / name / "rows.jsonl"
            lines.write_text("".join(json.dumps(row) + "\n" for row in self.rows[name]))
            done = run("data", "check", lines, "--benchmark", name)
            self.assertEqual((done.returncode, but_for_counts(done.stderr)), (0, ""))
            lines.write_text(lines.read_text() + "{} {}\n")
            done = run("data", "check", lines, "--benchmark", name)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn("expected the end of the line", done.stderr)

    def test_every_fault_at_once(self):
        for name in ("vlsbench", "mmmu"):
            with self.subTest(name):
                folder = self.root / f"{name}_faults"
                rows = benchmark_data.make(name, folder)
                key, text, image = ("instruction_id", "instruction", "image_path") if name == "vlsbench" else ("id", "question", "image_1")
                rows[1][key] = rows[0][key]
                del rows[2][text]
                rows[4][text] = 5
                rows[5][image] = "../x.png"
                rows[6][image] = "imgs/none.png"
                broken = benchmark_data.parts(name, folder, rows[8])[0]
                broken.write_bytes(b"no picture")
                (folder / "data.json").write_text(json.dumps(rows + [[]]))
                done = run("data", "check", folder, "--benchmark", name)
                self.assertEqual(done.returncode, 2)
                lines = but_for_counts(done.stderr).splitlines()
                for expected in (["row 2 ", f"{key}: expected an id of its own"], ["row 3 ", f"{text}: expected a string, found nothing"],
                                 ["row 5 ", f"{text}: expected a string, found an integer"], ["row 6 ", f"{image}: ", "\"..\""], [f"row {len(rows) + 1} ", "expected an object"],
                                 ["row 7 ", f"{image}: ", "none.png", "o such file"], ["row 9 ", broken.name]):
                    self.assertEqual(sum(all(word in line for word in expected) for line in lines), 1, (expected, done.stderr))
                self.assertTrue(all(line.startswith("holisafe: error: ") for line in lines))
                self.assertIn(f"{len(lines)} problems in {len(rows) + 1} rows", done.stdout)

    def test_files_that_cannot_be_read(self):
        for name in ("vlsbench", "mmmu"):
            folder = self.root / f"{name}_unreadable"
            folder.mkdir()
            for text, word in ((None, "o such file|found none of them"), ("", "empty file"), ("[]", "no rows"), ("[{}", "byte 3"), ("7", "no rows"), ("{\"id\": tru}", "line 1: byte 7")):
                if text is not None:
                    (folder / "data.json").write_text(text)
                for command in ("check", "stats"):
                    done = run("data", command, folder, "--benchmark", name)
                    self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), (text, done.stderr))
                    self.assertRegex(done.stderr, word)

    def test_counts(self):
        for name, groups in (("vlsbench", {"category": "category", "sub_category": "sub_category"}), ("mmmu", {"subject": None})):
            done = run("data", "stats", self.root / name, "--benchmark", name, "--json")
            self.assertEqual((done.returncode, done.stderr, done.stdout.count("\n")), (0, "", 1))
            found = json.loads(done.stdout)
            self.assertEqual((found["rows"], found["images"]), (len(self.rows[name]), len(self.images(name))))
            for group, field in groups.items():
                value = (lambda row: row[field]) if field else (lambda row: "_".join(row["id"].split("_")[1:-1]))
                self.assertEqual(found["groups"][group], collections.Counter(map(value, self.rows[name])))
            text = run("data", "stats", self.root / name, "--benchmark", name)
            self.assertIn(f"{found['rows']} rows, {found['images']} images", text.stdout)

    def test_rows_that_do_not_count_are_an_error(self):
        folder = self.root / "vlsbench_uncounted"
        rows = benchmark_data.make("vlsbench", folder)
        del rows[3]["category"]
        (folder / "data.json").write_text(json.dumps(rows))
        done = run("data", "stats", folder, "--benchmark", "vlsbench", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["rows"]), (2, len(rows) - 1))
        self.assertIn(f"expected {len(rows)} sound rows, found {len(rows) - 1}", done.stderr)


del Sets  # a base class, no test of its own

if __name__ == "__main__":
    unittest.main()
