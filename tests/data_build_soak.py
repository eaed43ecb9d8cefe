"""`data build` at length, by hand: builds that are killed with calls in flight, and many calls under every fault, live and through
the three batch APIs. `make test` does a little of it (data_build_endpoint_test.py).

    HOLISAFE_BIN=build/holisafe python3 tests/data_build_soak.py --kills 300 --calls 100000
    HOLISAFE_BIN=build/holisafe python3 tests/data_build_soak.py --kills 0 --calls 0 --pictures 100000

`--pictures N`: the largest memory of builds from 1,000 and from N tiny pictures with three pairs each, whose writer is asked, no more.

Prints what was counted; ends with an error where two builds of the same pictures differ, a reply was lost, or something was asked
again after a sound reply to it was kept. `--seed N` for other moments and faults, `--seconds N` to begin no further build after.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

os.environ.setdefault("HOLISAFE_BIN", "build/holisafe")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data_build_case as case  # noqa: E402
import fake_writer as fake  # noqa: E402
import judge_server  # noqa: E402

PATHS = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
LABELS = ["safe", "race", "weapon_related_violence", "safe", "medical_advice", "gender"]
CONCURRENCY = 4
FILES = ("images.jsonl", "pairs.jsonl", "report.html")


def says(asked, tries):
    """A bit of everything; each answer names its question."""
    mark = f"<{asked.key[:16]}>"
    number = int(asked.key[:6], 16)
    if tries == 1 and number % 5 == 0:
        return f"broken {{ {mark}"
    if asked.step == "holisafe_instruction":
        if asked.model == "w" and number % 7 == 0:
            return f"I can't help with that. {mark}"
        return {"instruction": f"Question of kind {fake.TYPES.index(asked.type)} with the number {mark}: what is it for?"}
    said = fake.usual(asked)
    # Anthropic's API knows no seed: what is written anew for the same reason would be asked for in the same words.
    if asked.step == "holisafe_check" and asked.provider != "anthropic" and number % 6 == 0:
        said["text_safe"] = not said["text_safe"]
    last = "response" if asked.step == "holisafe_response" else "reason"
    return {**said, last: f"{said[last]} {mark}"}


class Server(fake.Writer):
    """Knows of each question how often it was answered, and no more, so that a long run fits in memory."""

    def __init__(self, **options):
        super().__init__(says, **options)
        self.answered = []

    def heir(self):
        """The same at another address: what one run sent and is only answered after its end is not taken for the next one's."""
        out = Server(fault_rate=self.fault_rate, seed=self.seed)
        for name in ("delay", "lock", "times", "tries", "files", "batches", "uploads", "row_fault"):
            setattr(out, name, getattr(self, name))
        return out

    def said(self, provider, body):
        if provider == "gemini":
            body = {**body, "model": "w"}  # its name stands in the address
        asked = fake.Asked(provider, body)
        with self.lock:
            self.times[asked.key] = tries = self.times.get(asked.key, 0) + 1
            self.answered.append(asked.key[:16])
        said = says(asked, tries)
        return json.dumps(said) if isinstance(said, dict) else said


def draw(folder, count, size):
    """Pictures with one pair of a kind each: two of the same kind would be asked for in the same words, but for a seed."""
    for number in range(count):
        place = folder / LABELS[number % len(LABELS)]
        place.mkdir(parents=True, exist_ok=True)
        case.picture(number, size).save(place / f"{number}.jpg")
    return folder


def command(images, out, server, provider, *flags):
    spec = lambda model: f"{provider}:{model}@{server.url}{PATHS[provider]}"  # noqa: E731
    # Of Gemini the model stands in the address: a question to a second writer would look like the same again.
    writers = ["w"] if provider == "gemini" else ["w", "second"]
    return [case.PROGRAM, "data", "build", str(images), "--out", str(out), *[word for each in writers for word in ("--writer", spec(each))],
            "--checker", spec("c"), *map(str, flags)]


def start(arguments):
    return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "HOLISAFE_API_KEY": judge_server.KEY})


def files_of(out):
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}


def kept(out):
    """How often a reply to each question is kept, and to which a sound one or a decline is."""
    if not (out / "build.db").exists():
        return collections.Counter(), set()
    with sqlite3.connect(f"file:{out}/build.db?mode=rw", uri=True) as database:
        try:
            rows = database.execute("SELECT kind, object || text FROM replies").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            rows = []
    marks = [(kind, re.search(r"<([0-9a-f]{16})>", text).group(1)) for kind, text in rows]
    return collections.Counter(mark for _, mark in marks), {mark for kind, mark in marks if kind != "broken"}


def wait_for_answers(server):
    """What was on its way to a program that is no more is answered, too."""
    until = time.monotonic() + 20
    while server.at_once > 0:
        assert time.monotonic() < until, "requests stay"
        time.sleep(0.002)


class Killed:
    """One build, killed at random moments until it ends."""

    def __init__(self, images, out, server, provider, flags, rng):
        self.images, self.out, self.server, self.provider, self.flags, self.rng = images, out, server, provider, flags, rng
        self.met = self.missed = self.lost = self.answers = 0

    def once(self, kill):
        """A run of the command; whether it came to its end."""
        counts, sound = kept(self.out)
        server = self.server = self.server.heir()
        process = start(command(self.images, self.out, server, self.provider, *self.flags))
        if kill:
            target = self.rng.randrange(1, 60)
            until = time.monotonic() + 60
            while process.poll() is None and (len(server.answered) < target or server.at_once == 0):
                assert time.monotonic() < until, "the build stands still"
                time.sleep(0.0005)
            process.send_signal(signal.SIGKILL)
        said = process.communicate()[1]
        wait_for_answers(server)
        server.close()
        assert judge_server.KEY not in said, said
        asked = collections.Counter(server.answered)
        self.answers += asked.total()
        again = sound & set(asked)
        assert not again, f"asked again after it was kept: {again}"
        now = kept(self.out)[0]
        gone = counts - now
        assert not gone, f"lost: {gone}"
        lost = sum((asked - (now - counts)).values())
        if process.returncode == -signal.SIGKILL:
            assert "--batch" in self.flags or lost <= CONCURRENCY, f"{lost} answers lost"
            self.met, self.missed = self.met + (lost > 0), self.missed + (lost == 0)
            self.lost += lost
            return False
        assert process.returncode == 0, said
        return True


def kill_builds(kills, folder, seed, deadline):
    rng = random.Random(seed)
    images = draw(folder / "images", 12, 64)
    flags = ["--concurrency", CONCURRENCY]
    straight = {}
    for provider in PATHS:
        server = Server()
        done = start(command(images, folder / f"straight-{provider}", server, provider, *flags))
        said = done.communicate()[1]
        assert done.returncode == 0, said
        server.close()
        straight[provider] = files_of(folder / f"straight-{provider}")
    figures = collections.Counter(builds=0, kills=0, kills_with_nothing_in_flight=0, answers=0, answers_lost_in_flight=0)
    while figures["kills"] < kills and time.monotonic() < deadline:
        provider = list(PATHS)[figures["builds"] % 3]
        batch = ["--batch", "--batch-rows", 10] if figures["builds"] % 4 == 3 else []
        server = Server(fault_rate=0.1, seed=seed + figures["builds"])
        server.delay = 0.005
        killed = Killed(images, folder / f"killed-{figures['builds']}", server, provider, [*flags, *batch], rng)
        while not killed.once(figures["kills"] + killed.met < kills):
            pass
        assert files_of(killed.out) == straight[provider], f"{killed.out} differs from the straight build"
        server.close()
        figures.update(builds=1, kills=killed.met, kills_with_nothing_in_flight=killed.missed, answers=killed.answers,
                       answers_lost_in_flight=killed.lost)
        print(json.dumps(figures), flush=True)
    return figures


def memory_of(process):
    """Its largest so far, in MiB: of a process that was forked, getrusage would give its parent's where that was larger."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())
    except OSError:
        found = None
    return int(found.group(1)) / 1024 if found else 0


def build_to_the_end(arguments):
    """The same command until every pair is final; how often, and the largest memory in MiB."""
    peak = 0
    for turn in range(1, 20):
        process = start(arguments)
        while process.poll() is None:
            peak = max(peak, memory_of(process))
            time.sleep(0.05)
        said = process.communicate()[1]
        assert judge_server.KEY not in said, said
        if process.returncode == 0:
            return turn, peak
        assert process.returncode == 2 and "the same command asks for those again" in said, said
    raise AssertionError("the build comes to no end")


def call_under_faults(calls, folder, seed, deadline):
    """A sixth of the calls for each provider, live and in batches: both must come to the same."""
    # A pair takes about five calls, with what is broken, declined or written anew; six pictures have 14 pairs.
    images = draw(folder / "images", max(6, round(calls / 6 / 5 / 14 * 6)), 64)
    total = 0
    for provider in PATHS:
        found = []
        for batch in ([], ["--batch", "--batch-rows", 500]):
            if time.monotonic() > deadline:
                return
            server = Server(fault_rate=0.3, seed=seed)
            # Half of a batch's rows come to nothing, in one of two ways.
            server.row_fault = lambda _, number, batch: (
                random.Random(f"{seed} {number} {batch}").choice([None, None, "again", "missing"]))
            out = folder / f"{provider}-{'batch' if batch else 'live'}"
            began = time.monotonic()
            turns, peak = build_to_the_end(command(images, out, server, provider, "--concurrency", 32, "--max-retries", 8, *batch))
            seconds = time.monotonic() - began
            if not batch:
                often = {mark: count for mark, count in server.times.items() if count > (2 if int(mark[:6], 16) % 5 == 0 else 1)}
                assert not often, f"asked again after a sound answer: {len(often)}"
            for path in out.rglob("*"):
                assert judge_server.KEY.encode() not in path.read_bytes(), path
            found.append(files_of(out))
            summary = json.loads((out / "summary.json").read_text())
            total += len(server.answered)
            print(json.dumps({"build": out.name, "pairs": summary["pairs"]["planned"], "ready": summary["pairs"]["ready"],
                              "answers": len(server.answered), "requests": server.requests, "commands": turns,
                              "server_faults": sum(server.faults.values()), "faults": summary["faults"], "seconds": round(seconds, 1),
                              "peak_mib": round(peak), "answers_of_all": total}), flush=True)
            server.close()
        assert found[0] == found[1], f"{provider}: batches came to something else"


def draw_tiny(folder, count):
    """Strangers, a thousand to a folder."""
    numbers = np.random.default_rng(count)
    for number in range(count):
        place = folder / "safe" / str(number // 1000)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(numbers.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place / f"{number}.png", compress_level=1)
    return folder


def memory_by_pictures(counts, folder):
    for count in counts:
        images = draw_tiny(folder / str(count), count)
        server = Server()
        out = folder / f"work-{count}"
        spec = f"openai:w@{server.url}/v1"
        arguments = [case.PROGRAM, "data", "build", str(images), "--out", str(out), "--writer", spec, "--no-check", "--no-answers", "--concurrency", "32"]
        _, dry = build_to_the_end([*arguments, "--dry-run"])
        began = time.monotonic()
        _, peak = build_to_the_end(arguments)
        summary = json.loads((out / "summary.json").read_text())
        print(json.dumps({"pictures": summary["images"]["kept"], "pairs": summary["pairs"]["planned"], "ready": summary["pairs"]["ready"],
                          "dry_run_mib": round(dry, 1), "build_mib": round(peak, 1), "seconds": round(time.monotonic() - began, 1),
                          "pairs_jsonl_mib": round((out / "pairs.jsonl").stat().st_size / 2**20, 1)}), flush=True)
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    if options.kills:
        with tempfile.TemporaryDirectory() as folder:
            kill_builds(options.kills, pathlib.Path(folder), options.seed, deadline)
    if options.calls:
        with tempfile.TemporaryDirectory() as folder:
            call_under_faults(options.calls, pathlib.Path(folder), options.seed, deadline)
    if options.pictures:
        with tempfile.TemporaryDirectory() as folder:
            memory_by_pictures([1000, options.pictures], pathlib.Path(folder))


if __name__ == "__main__":
    main()
