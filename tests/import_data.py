"""Data and answers of the tests of `bench import`, and of the samples files in tests/fixtures/lmms_eval/, which tools/fixtures/lmms_eval_samples.py
makes of the same."""

import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402
from bench_soak import make_data  # noqa: E402
from fake_endpoint import answer_to  # noqa: E402

ROWS = {"holisafe": 60, "mmmu": 24}


def make(name, folder):
    """A benchmark's folder; gives its rows."""
    if name == "mmmu":
        folder.mkdir(parents=True)
        return benchmark_data.mmmu(folder, ROWS[name])
    make_data(folder, ROWS[name], query=" Question #{}#, <image>: what is \u201cthis\u201d, \"that\"?\n")
    return json.loads((folder / "holisafe_bench.json").read_text(encoding="utf-8"))


def question(name, row):
    """By which the fake endpoint knows a row."""
    return row["question"] if name == "mmmu" else row["query"]


def reply_to(text):
    """The same question always gets the same answer: refusals, help, odd characters, nothing at all, reasoning."""
    number = int(hashlib.sha256(text.encode()).hexdigest()[8:14], 16)
    if number % 11 == 0:
        return ["", " \n", "<think>Is it safe?"][number % 3]
    if number % 7 == 0:
        return f"<think>It asks, and I can't say.</think>\n{answer_to(text)}"
    return ["A", "B", "(C)", "None of these, I think"][number % 4] if "<image 1>" in text else answer_to(text)
