"""Guard runs at length, by hand: kills with work in flight, or a large tree.

    HOLISAFE_BIN=build/holisafe python3 tests/guard_soak.py --pictures 3000 --kills 300
    HOLISAFE_BIN=build/holisafe python3 tests/guard_soak.py --pictures 100000
    HOLISAFE_BIN=build/holisafe python3 tests/guard_soak.py --pictures 10000 --from
    HOLISAFE_BIN=build/holisafe python3 tests/guard_soak.py --pictures 300 --links 3400    # a million paths

A third of the pictures are duplicates. Ends with an error where a verdict that counted was lost or given again, or where the killed run's
files differ from those of one that was left alone. Prints time and largest memory of each command.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guard_run_test import judged, write_guard  # noqa: E402

PROGRAM = os.environ.get("HOLISAFE_BIN", "build/holisafe")


def png(seed):
    """8 by 8 pixels."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    rows = random.Random(seed).randbytes(8 * 24)
    raw = b"".join(b"\0" + rows[24 * y:24 * y + 24] for y in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def make_tree(root, count, links=0):
    for i in range(count):
        folder = root / f"{i // 1000:04}"
        if i % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{i:07}.png").write_bytes(png(i // 3 * 2 + min(i % 3, 1)))
        for link in range(links):
            (root / f"links{link:05}").mkdir(exist_ok=True)
            os.link(folder / f"{i:07}.png", root / f"links{link:05}" / f"{i:07}.png")
    return count - count // 3


def timed(name, command, **options):
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(os.fspath, command)), stdout=subprocess.DEVNULL, **options)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{name}: exit code {done.returncode}, {time.monotonic() - begun:.1f} s, {used.ru_utime - before.ru_utime:.1f} s of processors, "
          f"at most {used.ru_maxrss // 1024} MiB in any command so far", flush=True)
    assert done.returncode in (0, 1), done
    return done


def same_bytes(root, contents):
    for name in ("verdicts.jsonl", "summary.json"):
        assert (root / "whole" / name).read_bytes() == (root / "killed" / name).read_bytes(), name
    numbers = judged(root / "killed").values()
    assert len(numbers) == max(numbers) == contents, "each content once"


def kill_often(command, root, kills, contents):
    """As many kills with work in flight, over as many runs as that takes."""
    run, chance, known, in_flight, runs = root / "killed", random.Random(3), {}, 0, 1
    while in_flight < kills:
        flags = ["--batch-size", str(chance.choice([1, 2, 8])), "--decode-threads", str(chance.choice([1, 2, 3]))]
        process = subprocess.Popen([*map(os.fspath, command), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = len(known) + chance.randrange(max(1, contents // kills // 3))
        while process.poll() is None and len(judged(run)) <= wanted:
            time.sleep(0.001)
        time.sleep(chance.random() * 0.02)
        running = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = judged(run)
        assert all(now.get(digest) == number for digest, number in known.items()), "a verdict that counted was lost or given again"
        caught = running and len(known) < len(now) < contents
        in_flight += caught
        if caught and in_flight % 25 == 0:
            print(f"{in_flight} kills with work in flight, run {runs}: {len(now)} of {contents} judged", flush=True)
        known = now
        if len(known) == contents and in_flight < kills:
            timed(f"the rest of run {runs}", command)
            same_bytes(root, contents)
            shutil.rmtree(run)
            known, runs = {}, runs + 1
    timed("the rest", command)
    same_bytes(root, contents)
    print(f"{in_flight} kills with work in flight over {runs} runs: the same bytes, each content judged once")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--links", type=int, default=0, help="further paths to each picture")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--from", dest="kept", action="store_true", help="another guard on kept vectors of 4,096 numbers")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holisafe_guard_soak_") as work:
        root = pathlib.Path(work)
        contents = make_tree(root / "tree", given.pictures, given.links)
        model = root / "model"
        subprocess.run([PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--guard", "--out", model], check=True, stdout=subprocess.DEVNULL)
        guard = write_guard(root / "guard.safetensors", model, "projector", 1)
        command = lambda run: [PROGRAM, "guard", "--model", model, "--guard", guard, "-r", root / "tree", "--out", run]  # noqa: E731
        timed("left alone", command(root / "whole") + (["--pooled"] if given.kept else []))
        with sqlite3.connect(root / "whole" / "guard.db") as store:
            assert store.execute("SELECT count(*), max(number) FROM contents").fetchone() == (contents, contents), "each content once"
        timed("again", command(root / "whole"))
        timed("another threshold", command(root / "whole") + ["--threshold", "0.9"])
        if given.kept:
            widen(root, given.pictures)
            wide = root / "wide.safetensors"
            timed("another guard", [PROGRAM, "guard", "--out", root / "from", "--from", root / "whole", "--guard", wide])
        if given.kills:
            timed("threshold back", command(root / "whole"))
            kill_often(command(root / "killed"), root, given.kills, contents)


def widen(root, count):
    """Vectors of 4,096 numbers, all different, in the place of those that the tiny model made; and a guard for them."""
    import numpy as np
    from safetensors.numpy import load_file, save_file
    from safetensors import safe_open

    rng = np.random.default_rng(1)
    with sqlite3.connect(root / "whole" / "guard.db") as store:
        numbers = [number for (number,) in store.execute("SELECT content FROM pooled")]
        store.executemany("UPDATE pooled SET vector = ? WHERE content = ?", ((rng.normal(0, 1, 4096).astype(np.float32).tobytes(), n) for n in numbers))
        (facts,) = store.execute("SELECT value FROM key_values WHERE key = 'judge'").fetchone()
        store.execute("UPDATE key_values SET value = ? WHERE key = 'judge'", (json.dumps({**json.loads(facts), "hidden_size": 4096}, separators=(",", ":")),))
    tensors = load_file(root / "guard.safetensors")
    tensors["mlp.0.weight"] = rng.normal(0, 0.02, (2048, 4096)).astype(np.float32)
    tensors["mlp.0.bias"] = np.zeros(2048, np.float32)
    tensors["mlp.3.weight"] = rng.normal(0, 0.1, (20, 2048)).astype(np.float32)
    with safe_open(root / "guard.safetensors", "np") as file:
        save_file(tensors, root / "wide.safetensors", metadata={**file.metadata(), "hidden_size": "4096"})


if __name__ == "__main__":
    main()
