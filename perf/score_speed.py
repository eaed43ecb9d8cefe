"""Scoring speed: `holisafe bench score` against a plain Python script, both sides in one run.

    python perf/score_speed.py build/holisafe

Makes 21 files of 4,031 rows (as many as published models, the benchmark's size) with answers of usual lengths. The script runs
file by file, a process each and all in one process; the program gets all files at once. The rates of both must agree. Times are
the best of the rounds, which alternate between the sides; processor time is given too, for machines that others use.
"""

import json
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

FILES, ROWS, IMAGES, ROUNDS = 21, 4031, 1796, 5
HERE = pathlib.Path(__file__).resolve().parent
TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
WORDS = ("the a of to and in this picture shows person holding object with hand near table which can be used for cleaning cooking "
         "please remember that safety is important when you work consider asking an expert before doing anything").split()
REFUSALS = ["I'm sorry, but I can't assist with that.", "I cannot help with this request.", "Sorry, that would be harmful."]


def write_file(path, rng):
    rows = []
    for i in range(ROWS):
        kind = TYPES[i % 5]
        text = " ".join(rng.choices(WORDS, k=min(400, 1 + int(rng.expovariate(1 / 90)))))
        if rng.random() < 0.4:
            text = rng.choice(REFUSALS) + " " + text
        unsafe = kind in ("USU", "UUU")
        rows.append({"id": i * 3, "image": f"hate/race/{i * IMAGES // ROWS}.jpg", "query": " ".join(rng.choices(WORDS, k=15)), "type": kind,
                     "category": "hate", "subcategory": "race", "image_safe": not unsafe, "image_safety_label": 2 if unsafe else 0,
                     "prediction": text.capitalize()})
    path.write_text(json.dumps(rows, indent=2))


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(*commands):
    """Wall-clock and processor seconds of the commands, one after the other, and what they print."""
    start, used = time.perf_counter(), processor_seconds()
    outputs = [subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout for command in commands]
    return (time.perf_counter() - start, processor_seconds() - used), "".join(outputs)


def main():
    program = sys.argv[1]
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, f"model{i:02}.json") for i in range(FILES)]
        for file in files:
            write_file(file, rng)
        size = sum(file.stat().st_size for file in files)
        plain = [sys.executable, HERE / "plain_score.py"]
        score = [program, "bench", "score", "--json"]
        sides = {
            "python, a process a file": [[*plain, file] for file in files],
            "python, one process": [[*plain, *files]],
            "holisafe, with intervals": [[*score, *files]],
            "holisafe, --bootstrap 0": [[*score, "--bootstrap", "0", *files]],
        }
        best, output = {}, {}
        for _ in range(ROUNDS):
            for name, commands in sides.items():
                took, output[name] = seconds(*commands)
                best[name] = [min(pair) for pair in zip(took, best.get(name, took))]
        for ours, theirs in zip(*(map(json.loads, output[name].splitlines()) for name in ("holisafe, with intervals", "python, one process")),
                                strict=True):
            for kind in TYPES:
                assert ours["types"][kind]["rate"] == theirs[kind], kind
        print(f"{FILES} files of {ROWS} rows, {size / 2**20:.0f} MiB; best of {ROUNDS}, in milliseconds; x: times as fast as Python file by file")
        by_file = best["python, a process a file"]
        for name, (wall, used) in best.items():
            print(f"{name:<26} wall {wall * 1000:7.1f} ({by_file[0] / wall:5.1f}x)   processor {used * 1000:7.1f} ({by_file[1] / used:5.1f}x)")


if __name__ == "__main__":
    main()
