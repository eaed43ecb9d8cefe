"""`holisafe bench run --model`: a local checkpoint, image by image, against `ask` on each pair alone."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import Case, environment  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, stored  # noqa: E402

TOKENS = 6


class Models(Case):
    def setUp(self):
        super().setUp()
        self.model, self.data = self.folder / "tiny-model", self.folder / "data"
        self.holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", 3, "--guard", "--out", self.model)
        self.holisafe("data", "synth", "--out", self.data, "--seed", 2, "--bench", 20)
        rows = self.rows(self.data)
        images = sorted({row["image"] for row in rows})[:6]
        for number, row in enumerate(rows):
            row["image"] = images[number * 5 % 6]
        (self.data / "holisafe_bench.json").write_text(json.dumps(rows))

    def arguments(self, out, *more):
        return [PROGRAM, "bench", "run", "--data", str(self.data), "--model", str(self.model), "--max-new-tokens", str(TOKENS),
                "--out", str(self.folder / out), *map(str, more)]

    def run_model(self, out, *more, code=0):
        done = subprocess.run(self.arguments(out, *more), capture_output=True, text=True, timeout=300, env=environment())
        self.assertEqual(done.returncode, code, done)
        return done

    def test_answers_and_verdicts_are_those_of_ask(self):
        self.run_model("run", "--system", "Be brief.")
        rows = self.predictions()
        self.assertEqual([row["id"] for row in rows], [row["id"] for row in self.rows(self.data)])
        for row in rows[:6]:
            self.assertEqual(list(row)[-2:], ["prediction", "guard"])
            asked = json.loads(self.holisafe("ask", "--model", self.model, "--image", self.data / "images" / row["image"],
                                             "--prompt", row["query"], "--system", "Be brief.", "--max-new-tokens", TOKENS,
                                             "--json").stdout)
            self.assertEqual(row["prediction"], asked["answer"])
            self.assertEqual(row["guard"]["label"], asked["guard"]["label"])
            self.assertEqual(list(row["guard"]["scores"]), list(asked["guard"]["scores"]))
            for name, score in asked["guard"]["scores"].items():
                self.assertAlmostEqual(row["guard"]["scores"][name], score, delta=1e-5)
        line = json.loads(self.holisafe("bench", "report", self.folder / "run", "--json").stdout)
        self.assertEqual((line["run"], line["guard"]["n"]), ("tiny-model", 6))  # each image once
        self.assertIn("20-class accuracy", (self.folder / "run" / "report.html").read_text())

    def test_same_bytes_whatever_shards_and_kills(self):
        self.run_model("whole")
        expected = {name: (self.folder / "whole" / name).read_bytes() for name in OUTPUTS}
        for shard in ("0/2", "1/2"):
            self.run_model("shard-" + shard[0], "--shard", shard)
        self.holisafe("bench", "report", self.folder / "shard-0", self.folder / "shard-1", "--predictions",
                      self.folder / "joined.json", "--html", self.folder / "joined.html")
        self.assertEqual((self.folder / "joined.json").read_bytes(), expected["predictions.json"])
        self.assertEqual((self.folder / "joined.html").read_bytes(), expected["report.html"])
        kills = 0
        for signal_number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            before = len(self.stored("killed"))
            process = subprocess.Popen(self.arguments("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=environment())
            while len(self.stored("killed")) <= before + 1 and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal_number)
            code = process.wait(timeout=60)
            self.assertIn(code, (0, -signal.SIGKILL, 130))
            kills += code != 0
        self.assertGreater(kills, 0)
        self.run_model("killed")
        for name in OUTPUTS:
            self.assertEqual((self.folder / "killed" / name).read_bytes(), expected[name], name)

    def stored(self, out):
        return stored(self.folder / out) if (self.folder / out / "run.db").exists() else {}

    def test_another_checkpoint_is_another_run(self):
        self.run_model("run", "--limit", 2)
        self.model.rename(self.folder / "elsewhere")
        (self.folder / "place").mkdir()
        (self.folder / "elsewhere").rename(self.folder / "place" / "tiny-model")
        self.model = self.folder / "place" / "tiny-model"
        self.run_model("run", "--limit", 2)
        self.holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", 4, "--guard", "--out",
                      self.folder / "tiny-model")
        self.model = self.folder / "tiny-model"
        self.assertIn("checkpoint: expected", self.run_model("run", "--limit", 2, code=2).stderr)
        self.assertIn("--api-model", self.run_model("run", "--api-model", "x", code=2).stderr)

    def test_a_question_beyond_the_context_is_its_row_s_error(self):
        rows = self.rows(self.data)
        rows[1]["query"] = "the sword " * 2000
        (self.data / "holisafe_bench.json").write_text(json.dumps(rows))
        done = self.run_model("run", code=2)
        self.assertIn("1 of 20 samples unanswered", done.stderr)
        self.assertIn("max_position_embeddings 2048", done.stderr)
        self.assertEqual([row["prediction"] is None for row in self.predictions()], [number == 1 for number in range(20)])

    def test_images_that_cannot_be_read_do_not_stop_the_run(self):
        rows = self.rows(self.data)
        (self.data / "images" / rows[0]["image"]).write_bytes(b"no image")
        lost = sum(row["image"] == rows[0]["image"] for row in rows)
        self.assertIn(f"{lost} of 20 samples unanswered", self.run_model("run", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
