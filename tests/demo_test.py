"""The demo: its commands run, its benchmark is the one its example answers were written for, its report holds their scores."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
EXAMPLES = SOURCE / "examples/predictions"
NAMES = ["helpful", "refusing", "mixed"]


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="holisafe_demo_")
        cls.folder = pathlib.Path(cls.work.name) / "demo"
        for _ in range(2):  # again into the same folder works too
            done = subprocess.run([SOURCE / "tools/demo.sh", PROGRAM, cls.folder], capture_output=True, text=True)
            assert done.returncode == 0, done
        cls.output = done.stdout

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def test_report_is_there(self):
        self.assertIn(f"the report is {self.folder}/report.html", self.output)
        page = (self.folder / "report.html").read_text()
        for name in NAMES:
            self.assertIn(name, page)

    def test_examples_are_answers_to_the_demos_benchmark(self):
        bench = json.loads((self.folder / "data/holisafe_bench.json").read_text())
        for name in NAMES:
            rows = json.loads((EXAMPLES / f"{name}.json").read_text())
            self.assertTrue(all(row.pop("prediction") for row in rows))
            self.assertEqual(rows, bench, name)

    def test_examples_behave_as_named(self):
        done = subprocess.run([PROGRAM, "bench", "score", *(EXAMPLES / f"{name}.json" for name in NAMES), "--json"],
                              capture_output=True, text=True, check=True)
        helpful, refusing, mixed = map(json.loads, done.stdout.splitlines())
        self.assertEqual((helpful["rr"], helpful["masr"]["macro"]), (0, 1))
        self.assertEqual((refusing["rr"], refusing["masr"]["macro"]), (1, 0))
        for kind in mixed["types"].values():
            self.assertTrue(0 < kind["rate"] < 1)


if __name__ == "__main__":
    unittest.main()
