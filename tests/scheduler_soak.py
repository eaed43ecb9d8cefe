"""Thousands of questions through one process on a local model: memory stays flat while prefixes come and go, and no answer is lost or doubled.

    HOLISAFE_BIN=build/holisafe python3 tests/scheduler_soak.py 10000

A tiny checkpoint, a picture for every three questions, and memory for keys and values of some forty of them, so that prefixes are dropped all the
time. Pictures are so large that what is kept of decoded ones is full after a few hundred. Resident memory is sampled as the run goes; an error
where the second half of the answers took more than the first. Prints what was counted. `--family`, `--concurrency`, `--cache-memory`, `--seed`.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_soak import PROGRAM, stored  # noqa: E402

TOKENS = 8
SAMPLES = 20


def make_data(folder, count, seed):
    rng = random.Random(seed)
    images = max(1, count // 3)
    (folder / "images").mkdir(parents=True)
    for number in range(images):
        side = 224 + 28 * (number % 4)
        Image.frombytes("RGB", (8, 8), rng.randbytes(192)).resize((side, side)).save(folder / "images" / f"{number}.png", compress_level=1)
    rows = [{"id": number, "image": f"{number * 7 % images}.png", "query": f"question {number}", "type": "SSS", "category": "safe",
             "subcategory": "safe", "image_safe": True, "image_safety_label": 0} for number in range(count)]
    (folder / "holisafe_bench.json").write_text(json.dumps(rows))
    return folder


def resident(process):
    """MiB; 0 once it has ended."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def watch(process, run, count):
    """Most resident MiB in each part of the answers; what comes before the first and after the last answer is left out."""
    peaks = [0] * SAMPLES
    done = 0
    while process.poll() is None:
        now = resident(process)
        if done < count and now:
            peaks[done * SAMPLES // count] = max(peaks[done * SAMPLES // count], now)
        done = len(stored(run)) if (run / "run.db").exists() else 0
        time.sleep(0.25)
    return peaks


def soak(flags, folder):
    model = folder / "model"
    subprocess.run([PROGRAM, "model", "synth", "--family", flags.family, "--preset", "tiny", "--seed", "1", "--guard", "--out", model], check=True)
    data = make_data(folder / "data", flags.count, flags.seed)
    command = [PROGRAM, "bench", "run", "--data", data, "--model", model, "--out", folder / "run", "--max-new-tokens", TOKENS,
               "--concurrency", flags.concurrency, "--cache-memory", flags.cache_memory]
    start = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    peaks = watch(process, folder / "run", flags.count)
    assert process.returncode == 0, process.returncode
    seconds = time.monotonic() - start
    rows = json.loads((folder / "run" / "predictions.json").read_text())
    assert [row["id"] for row in rows] == list(range(flags.count)) and all(row["prediction"] is not None for row in rows), "lost or doubled"
    first, second = max(peaks[:SAMPLES // 2]), max(peaks[SAMPLES // 2:])
    print(json.dumps({"questions": flags.count, "images": flags.count // 3, "seconds": round(seconds, 1), "mib": [round(peak) for peak in peaks],
                      "first_half_mib": round(first, 1), "second_half_mib": round(second, 1)}))
    assert second <= 1.02 * first, "memory grows"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--family", default="qwen2_5_vl")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--cache-memory", default="4MiB")
    parser.add_argument("--seed", type=int, default=0)
    with tempfile.TemporaryDirectory() as folder:
        soak(parser.parse_args(), pathlib.Path(folder))


if __name__ == "__main__":
    main()
