"""Near-duplicates: search among hashes against faiss's flat range search, and decoding, hashing and comparing pictures against imagehash.phash with
Pillow, both sides in one run.

    pip install faiss-cpu==1.15.1 ImageHash==4.3.2        # beside numpy and Pillow
    python perf/near_duplicates.py build/tests/near_duplicates search [--hashes 100000] [--alone]
    python perf/near_duplicates.py build/tests/near_duplicates pictures [--pictures 1000] [--compared 100] [--rounds 5]

`search`: all pairs within 31 of so many hashes of 256 bits, a tenth of them near another, on two threads each; both sides must find the same pairs,
and ours must take a third of the time at most. `--alone`: without faiss, whose time grows with the square.

`pictures`: JPEG files of 768 pixels a side. Ours decodes, hashes and compares all of them (`clusters`), on two threads and on one; phash, which
works on one, gets so many of them, in a process of its own. Rounds alternate between the sides. Given are medians of pictures a second and of each round's ratios, by wall
and by processor time (for machines that others use); ours on two threads must be five times as many by wall time.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

RADIUS = 31


def hashes(count):
    """Strangers, and behind nine of them a copy of one with up to 31 bits turned."""
    numbers = np.random.default_rng(1)
    out = numbers.integers(0, 256, (count, 32), dtype=np.uint8)
    for place in range(9, count, 10):
        bits = np.unpackbits(out[numbers.integers(0, place)])
        bits[numbers.choice(256, numbers.integers(0, RADIUS + 1), replace=False)] ^= 1
        out[place] = np.packbits(bits)
    return out


def search(program, count, alone):
    data = hashes(count)
    with tempfile.NamedTemporaryFile(prefix="holisafe_hashes_") as file:
        file.write(data.tobytes())
        file.flush()
        pairs, total, seconds = subprocess.run([program, "pairs", file.name, str(RADIUS), "2"], capture_output=True, text=True, check=True).stdout.split()
    print(f"holisafe: {pairs} pairs of {count} hashes in {seconds} s")
    if alone:
        return True
    import faiss
    faiss.omp_set_num_threads(2)
    index = faiss.IndexBinaryFlat(256)
    index.add(data)
    begin = time.monotonic()
    limits, distances, others = index.range_search(data, RADIUS + 1)  # below, not up to
    faiss_seconds = time.monotonic() - begin
    numbers = np.repeat(np.arange(count), np.diff(limits.astype(np.int64)))
    once = numbers < others
    found = int((numbers[once] * 31 + others[once] * 17 + distances[once].astype(np.int64)).sum())
    ratio = float(seconds) / faiss_seconds
    print(f"faiss: {int(once.sum())} pairs in {faiss_seconds:.3f} s; ours takes {ratio:.3f} of it")
    if int(once.sum()) != int(pairs) or found != int(total):
        print("the pairs are not the same", file=sys.stderr)
        return False
    return ratio <= 1 / 3


def write_photos(folder, count):
    from PIL import Image
    numbers = np.random.default_rng(2)
    out = []
    for number in range(count):
        pixels = np.zeros((768, 768, 3))
        for cells, strength in ((4, 100), (24, 60), (160, 30)):
            part = Image.fromarray(numbers.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize((768, 768), Image.BICUBIC)
            pixels += (np.asarray(part, dtype=float) - 128) / 128 * strength
        out.append(folder / f"{number}.jpg")
        Image.fromarray(np.clip(pixels + 128, 0, 255).astype(np.uint8)).save(out[-1], quality=88)
    return out


# Hashes files; wall and processor seconds, without those of the first, which imports what it needs.
PHASH = """
import sys, time
import imagehash
from PIL import Image
imagehash.phash(Image.open(sys.argv[1]))
begin = time.monotonic(), time.process_time()
for file in sys.argv[1:]:
    imagehash.phash(Image.open(file))
print(time.monotonic() - begin[0], time.process_time() - begin[1])
"""


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pictures(program, count, compared, rounds):
    with tempfile.TemporaryDirectory(prefix="holisafe_pictures_") as holder:
        files = write_photos(pathlib.Path(holder), count)
        listed = "".join(f"{file}\n" for file in files)
        taken = {"on two threads": [], "on one thread": [], "imagehash.phash": []}  # wall and processor seconds a picture, of each round
        for _ in range(rounds):
            for threads, words in ((2, "on two threads"), (1, "on one thread")):
                begin = time.monotonic(), children_seconds()
                subprocess.run([program, "clusters", str(threads)], input=listed, capture_output=True, text=True, check=True)
                taken[words].append(((time.monotonic() - begin[0]) / count, (children_seconds() - begin[1]) / count))
            answer = subprocess.run([sys.executable, "-c", PHASH, *map(str, files[:compared])], capture_output=True, text=True, check=True).stdout
            taken["imagehash.phash"].append(tuple(float(seconds) / min(compared, count) for seconds in answer.split()))
    print(f"{rounds} rounds, {count} pictures; pictures a second, and times as many as imagehash.phash by wall and by processor time")
    for words, rows in taken.items():
        ratios = [statistics.median(phash[at] / row[at] for phash, row in zip(taken["imagehash.phash"], rows)) for at in (0, 1)]
        print(f"{words:16}{statistics.median(1 / row[0] for row in rows):8.0f}{ratios[0]:8.2f}{ratios[1]:8.2f}")
        if words == "on two threads":
            enough = ratios[0] >= 5
    return enough


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("what", choices=["search", "pictures"])
    parser.add_argument("--hashes", type=int, default=100_000)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--compared", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.what == "search":
        return search(options.program, options.hashes, options.alone)
    return pictures(options.program, options.pictures, options.compared, options.rounds)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
