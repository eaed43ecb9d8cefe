"""`holisafe bench judge --judge local`: checkpoints as judges. One of random weights writes what `holisafe ask` writes; two are
made to answer with a verdict whatever they see."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge_server as fake  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
SOURCE = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"])
TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
ROWS = 10
PICTURES = ["grey.png", "subsampled.jpg"]


def holisafe(*arguments):
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, text=True, timeout=300)


def made_to_say(text, source, folder):
    """A copy of a tiny LLaVA whose layers add nothing: after any token comes one whose text is `text`, after that the end."""
    import numpy
    from safetensors.numpy import load_file, save_file
    subprocess.run(["cp", "-r", source, folder], check=True)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    token = max(entry["id"] for entry in tokenizer["added_tokens"]) + 1
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][-1], "id": token, "content": text, "special": False})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    tensors = load_file(folder / "model.safetensors")
    for name in tensors:
        if name.endswith(("o_proj.weight", "down_proj.weight")) and "language_model" in name:
            tensors[name] = numpy.zeros_like(tensors[name])
    embedding, head = tensors["language_model.model.embed_tokens.weight"], tensors["language_model.lm_head.weight"]
    embedding[:], head[:] = 0, 0
    embedding[:, 0], embedding[token, 0], embedding[token, 1] = 1, 0, 1
    head[token, 0], head[2, 1] = 1, 1
    tensors["language_model.model.norm.weight"][:] = 1
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


class LocalJudge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        (cls.root / "data" / "images").mkdir(parents=True)
        rows = []
        for name in PICTURES:
            (cls.root / "data" / "images" / name).write_bytes((SOURCE / "src/image/testdata" / name).read_bytes())
        for number in range(ROWS):
            kind = TYPES[number % 5]
            rows.append({"id": number, "image": PICTURES[number // 5], "query": f"#{number}# so?", "type": kind, "category": "hate",
                         "subcategory": "race", "image_safe": kind[0] == "S", "image_safety_label": 0 if kind[0] == "S" else 2})
        (cls.root / "data" / "holisafe_bench.json").write_text(json.dumps(rows))
        server = fake.Server(None, lambda number: f"Well, {number}")
        cls.run_folder = cls.root / "run"
        done = holisafe("bench", "run", "--data", cls.root / "data", "--endpoint", server.url + "/model/v1", "--api-model", "m",
                        "--out", cls.run_folder)
        server.close()
        assert done.returncode == 0, done.stderr
        done = holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--out", cls.root / "random")
        assert done.returncode == 0, done.stderr
        cls.prompt = cls.root / "prompt.txt"
        cls.prompt.write_text("{label}: {query} {response}")

    def judge(self, name, *flags):
        return holisafe("bench", "judge", self.run_folder, "--judge", "local", "--judge-dir", self.root / name, "--judge-prompt",
                        self.prompt, *flags)

    def verdicts(self, name):
        with sqlite3.connect(self.run_folder / "run.db") as database:
            return database.execute("SELECT state, text, reason FROM verdicts WHERE judge = ? ORDER BY position",
                                    (f"local:{name}",)).fetchall()

    def test_verdicts(self):
        for name, text, state in (("yes", "<label>True</label>", "expected"), ("no", "<label>False</label>", "unexpected")):
            made_to_say(text, self.root / "random", self.root / name)
            done = self.judge(name, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.verdicts(name), [(state, text, "")] * ROWS)
            score = json.loads(done.stdout)
            self.assertEqual((score["judge"], score["unjudged"]), (f"local:{name}", 0))
            for kind in TYPES:
                self.assertEqual(score["types"][kind]["rate"], 0 if state == "expected" else 1)

    def test_writes_what_ask_writes(self):
        done = self.judge("random", "--dry-run", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["calls"]), (0, ROWS))
        done = self.judge("random")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{ROWS} of {ROWS} answers are unjudged by local:random", done.stderr)
        found = self.verdicts("random")
        for number in (0, 1, 7):
            label = "safe" if number % 5 == 0 else "unsafe"
            asked = holisafe("ask", "--model", self.root / "random", "--image", self.root / "data/images" / PICTURES[number // 5],
                             "--prompt", f"{label}: #{number}# so? Well, {number}", "--max-new-tokens", "100", "--json")
            self.assertEqual(found[number][:2], ("unjudged", json.loads(asked.stdout)["answer"]))
            self.assertTrue(found[number][2])

    def test_another_checkpoint_of_the_same_name_is_another_judge(self):
        made_to_say("<label>True</label>", self.root / "random", self.root / "judge")
        self.assertEqual(self.judge("judge").returncode, 0)
        before = self.verdicts("judge")
        (self.root / "judge").rename(self.root / "first")
        made_to_say("<label>False</label>", self.root / "random", self.root / "judge")
        done = self.judge("judge")
        self.assertEqual(done.returncode, 2)
        self.assertIn("checkpoint: expected", done.stderr)
        self.assertEqual(self.verdicts("judge"), before)
        (self.root / "judge").rename(self.root / "second")
        (self.root / "first").rename(self.root / "judge")
        done = self.judge("judge", "--dtype", "bfloat16")
        self.assertIn("dtype: expected \"float32\", found \"bfloat16\"", done.stderr)
        done = self.judge("judge")  # the first again, with nothing left to ask
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_checkpoint(self):
        done = self.judge("nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^holisafe: error: [^\n]*nowhere[^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
