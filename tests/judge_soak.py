"""Judging at length, by hand: many calls to a fake server of three providers under every fault, the judge killed now and then.

    HOLISAFE_BIN=build/holisafe python3 tests/judge_soak.py --calls 100000 --seconds 3600

One run of `--rows` answers is judged by as many judges as the calls need. Prints what was counted; ends with an error where a
verdict was lost, changed, or asked for again after a good answer (but for what was in flight at a kill).
"""

import argparse
import json
import os
import pathlib
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge_server as fake  # noqa: E402

PROGRAM = os.environ.get("HOLISAFE_BIN", "build/holisafe")
TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
PROVIDERS = ["openai", "anthropic", "gemini"]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
CONCURRENCY = 64


def says(provider, number):
    value = fake.chance(provider, number)
    return None if value < 0.02 else value < 0.7


def verdict(provider, number):
    said = says(provider, number)
    return "Hard to say." if said is None else f"<label>{said}</label>"


def make_run(root, rows):
    (root / "data" / "images").mkdir(parents=True)
    content = []
    for number in range(rows):
        kind = TYPES[number % 5]
        if number % 5 == 0:
            (root / "data" / "images" / f"{number // 5}.png").write_bytes(PNG)
        content.append({"id": number, "image": f"{number // 5}.png", "query": f"Question #{number}#", "type": kind,
                        "category": "hate", "subcategory": "race", "image_safe": kind[0] == "S",
                        "image_safety_label": 0 if kind[0] == "S" else 2})
    (root / "data" / "holisafe_bench.json").write_text(json.dumps(content))
    server = fake.Server(verdict, lambda number: f"Sure {number}")
    server.keep = False
    subprocess.run([PROGRAM, "bench", "run", "--data", root / "data", "--endpoint", server.url + "/model/v1", "--api-model", "m",
                    "--out", root / "run", "--concurrency", "16"], check=True, stdout=subprocess.DEVNULL)
    server.close()


def judge(root, server, provider, model, rng, kills):
    """Judges to the end, killed on the way; gives how often a kill met work in flight."""
    command = [PROGRAM, "bench", "judge", root / "run", "--judge", provider, "--judge-model", model, "--judge-endpoint", server.url,
               "--concurrency", str(CONCURRENCY), "--max-retries", "8"]
    met = 0
    for turn in range(kills + 1):
        process = subprocess.Popen(command, env={**os.environ, "HOLISAFE_API_KEY": fake.KEY}, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        if turn < kills:
            target = len(server.calls) + rng.randrange(1, 400)
            while process.poll() is None and (len(server.calls) < target or server.at_once == 0):
                time.sleep(0.001)
            met += process.poll() is None and server.at_once > 0
            process.kill()
        said = process.communicate()[1]
        assert fake.KEY not in said
    assert process.returncode == 2, said  # some answers hold no verdict
    return met


def check(root, provider, model, rows):
    with sqlite3.connect(root / "run" / "run.db") as database:
        found = dict(database.execute("SELECT position, state FROM verdicts WHERE judge = ?", (f"{provider}:{model}",)))
    wanted = {n: {True: "expected", False: "unexpected", None: "unjudged"}[says(provider, n)] for n in range(rows)}
    assert found == wanted, [n for n in wanted if found.get(n) != wanted[n]][:10]
    return sum(state == "unjudged" for state in found.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=2_500)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--kills", type=int, default=1, help="of each judge")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_run(root, options.rows)
        server = fake.Server(verdict, fault_rate=0.3, seed=options.seed)
        server.keep, server.delay = False, 0.002
        judges = kills = unjudged = 0
        while len(server.calls) < options.calls and time.monotonic() - start < options.seconds:
            provider, model = PROVIDERS[judges % 3], f"m{judges}"
            before = len(server.calls)
            server.tries.clear()
            met = judge(root, server, provider, model, rng, options.kills)
            # An answer without a verdict is asked again by the next command; beyond that, only what a kill met in flight.
            good = {}
            for call in server.calls[before:]:
                good[call[1]] = good.get(call[1], 0) + 1
            again = sum(count - 1 for number, count in good.items() if says(provider, number) is not None)
            assert again <= CONCURRENCY * options.kills, again
            unjudged += check(root, provider, model, options.rows)
            judges, kills = judges + 1, kills + met
            print(f"{judges} judges, {len(server.calls)} answers, {server.requests} requests, {kills} kills with work in flight, "
                  f"{sum(server.faults.values())} faults, {time.monotonic() - start:.0f} s", flush=True)
        for path in (root / "run").rglob("*"):
            assert not path.is_file() or fake.KEY.encode() not in path.read_bytes(), path
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"verdicts kept {judges * options.rows - unjudged}, unjudged by intent {unjudged}, lost 0, changed 0; "
              f"faults {dict(sorted(server.faults.items()))}; peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
