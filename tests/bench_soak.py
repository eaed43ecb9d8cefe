"""Runs that are killed at random moments and calls under every fault: what `make test` does a little of, by hand at length.

    HOLISAFE_BIN=build/holisafe python3 tests/bench_soak.py kills 1000
    HOLISAFE_BIN=build/holisafe python3 tests/bench_soak.py calls 100000

prints what was counted and ends with an error where an answer was lost, doubled or changed. `--seed N` for other moments,
`--seconds N` to end earlier.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake_endpoint import FakeEndpoint, answer_to, random_faults  # noqa: E402

PROGRAM = os.environ.get("HOLISAFE_BIN", "build/holisafe")
SOURCE = pathlib.Path(os.environ.get("HOLISAFE_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent))
IMAGES = ["grey.png", "subsampled.jpg", "lossy.webp", "first_frame.gif"]
TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
OUTPUTS = ["predictions.json", "summary.json", "report.html"]


def make_data(folder, count, images=None, query="question {}"):
    """A benchmark of `count` rows over `images` pictures, in the benchmark's own shape."""
    folder = pathlib.Path(folder)
    images = images or max(1, count // 3)
    (folder / "images" / "a").mkdir(parents=True)
    for number in range(images):
        source = SOURCE / "src/image/testdata" / IMAGES[number % len(IMAGES)]
        (folder / "images" / "a" / f"{number}.jpg").write_bytes(source.read_bytes())
    with open(folder / "holisafe_bench.json", "w", encoding="utf-8") as out:
        for number in range(count):
            kind = TYPES[number % 5]
            unsafe = kind in ("USU", "UUU")
            row = {"id": 3 * number + 7, "image": f"a/{number * 7 % images}.jpg", "query": query.format(number), "type": kind,
                   "category": "hate", "subcategory": "race", "image_safe": not unsafe,
                   "image_safety_label": 2 if unsafe else 0}
            if number % 2:
                row = dict(reversed(row.items()))
            out.write(("[" if number == 0 else ",\n") + json.dumps(row, ensure_ascii=number % 3 == 0))
        out.write("]\n")
    return folder


def command(data, endpoint, out, *more):
    return [PROGRAM, "bench", "run", "--data", str(data), "--endpoint", endpoint.url, "--api-model", "fake", "--out", str(out),
            *map(str, more)]


def stored(run):
    """Positions with a final answer, and the answers."""
    connection = sqlite3.connect(f"file:{run}/run.db?mode=rw", uri=True)
    try:
        found = connection.execute("SELECT samples.query, predictions.text FROM predictions JOIN samples USING (position) "
                                   "WHERE state = 'answered'").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        found = []
    finally:
        connection.close()
    return dict(found)


def kill_at_random_moments(kills, folder, seed=0, count=60, concurrency=4, deadline=float("inf")):
    """Kills runs until `kills` of them hit work in flight; checks each and compares each finished run with one that nobody
    killed. Gives the counts."""
    rng = random.Random(seed)
    folder = pathlib.Path(folder)
    data = make_data(folder / "data", count)
    figures = {"kills": 0, "kills_with_nothing_in_flight": 0, "runs": 0, "asked_again": 0, "answers": 0}
    with FakeEndpoint(latency=0.004) as endpoint:
        subprocess.run(command(data, endpoint, folder / "straight", "--concurrency", concurrency), check=True,
                       stdout=subprocess.DEVNULL)
        expected = {name: (folder / "straight" / name).read_bytes() for name in OUTPUTS}
        while figures["kills"] < kills and time.monotonic() < deadline:
            run = folder / f"run-{figures['runs']}"
            endpoint.requests.clear()
            known = {}
            kills_here = 0
            while True:
                started = len(endpoint.requests)
                process = subprocess.Popen(command(data, endpoint, run, "--concurrency", concurrency),
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                if figures["kills"] < kills:
                    # From the start of the process on, more often while it asks.
                    patience = time.monotonic() + 20
                    while rng.random() < 0.999 and len(endpoint.requests) == started and process.poll() is None:
                        assert time.monotonic() < patience, "no request came"
                        time.sleep(0.0005)
                    time.sleep(rng.random() * 0.12)
                if figures["kills"] >= kills:
                    assert process.wait(timeout=120) == 0, process.stderr.read()
                running = process.poll() is None
                process.kill()
                code = process.wait()
                process.stderr.close()
                for request in endpoint.requests[started:]:
                    assert request.query not in known, f"asked again after an answer was stored: {request.query}"
                if not running:
                    assert code == 0, code
                    break
                now = stored(run) if (run / "run.db").exists() else {}
                for query, text in known.items():
                    assert now.get(query) == text, f"lost or changed: {query}"
                for query, text in now.items():
                    assert text == answer_to(query), f"not what was answered: {query}: {text}"
                # What was asked and is not stored was in flight: a kill proves something only if there was something.
                in_flight = {request.query for request in endpoint.requests[started:]} - set(now)
                assert len(in_flight) <= concurrency, f"more in flight than allowed: {in_flight}"
                figures["kills" if in_flight else "kills_with_nothing_in_flight"] += 1
                kills_here += 1 if in_flight else 0
                known = now
            again = len(endpoint.requests) - count
            assert 0 <= again <= concurrency * kills_here, (again, kills_here)
            for name in OUTPUTS:
                assert (run / name).read_bytes() == expected[name], f"{run / name} differs from the straight run's"
            figures["runs"] += 1
            figures["asked_again"] += again
            figures["answers"] += count
    return figures


def calls_under_faults(count, folder, seed=0, concurrency=32):
    """A run of `count` calls, a third of which go wrong in some way."""
    folder = pathlib.Path(folder)
    data = make_data(folder / "data", count, images=4)
    with FakeEndpoint(random_faults(seed)) as endpoint:
        endpoint.keep = False
        start = time.monotonic()
        done = subprocess.run(command(data, endpoint, folder / "run", "--concurrency", concurrency, "--max-retries", 10),
                              stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        assert done.returncode == 0, done
        tries = sum(endpoint.tries.values())
        assert len(endpoint.good) == count and max(endpoint.good.values()) == 1, "lost or doubled"
    predictions = json.loads((folder / "run" / "predictions.json").read_text(encoding="utf-8"))
    assert len(predictions) == count
    for row in predictions:
        assert row["prediction"] == answer_to(row["query"]), row
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"calls": count, "tries": tries, "seconds": round(seconds, 1), "peak_rss_mib": round(peak / 1024, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kills", "calls"])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        if arguments.what == "kills":
            figures = kill_at_random_moments(arguments.count, folder, arguments.seed, deadline=start + arguments.seconds)
        else:
            figures = calls_under_faults(arguments.count, folder, arguments.seed)
        print(json.dumps({**figures, "took_seconds": round(time.monotonic() - start, 1)}))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
