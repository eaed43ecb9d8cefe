"""Near-duplicates: search among hashes against faiss's flat range search, and decoding, hashing and comparing pictures against imagehash.phash with
Pillow, both sides in one run.

    pip install faiss-cpu==1.15.1 ImageHash==4.3.2        # beside numpy and Pillow
    python perf/near_duplicates.py build/tests/near_duplicates search [--hashes 100000] [--alone]
    python perf/near_duplicates.py build/tests/near_duplicates pictures [--pictures 1000] [--compared 100]

`search`: all pairs within 31 of so many hashes of 256 bits, a tenth of them near another, on two threads each; both sides must find the same pairs,
and ours must take a third of the time at most. `--alone`: without faiss, whose time grows with the square.

`pictures`: JPEG files of 768 pixels a side. Ours decodes, hashes and compares all of them (`clusters`), on two threads and on one; phash, which
works on one, gets so many of them. Given are pictures a second and the ratios; ours must be five times as many.
"""

import argparse
import pathlib
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


def pictures(program, count, compared):
    import imagehash
    from PIL import Image
    with tempfile.TemporaryDirectory(prefix="holisafe_pictures_") as holder:
        files = write_photos(pathlib.Path(holder), count)
        rates = {}
        for threads in (2, 1):
            begin = time.monotonic()
            subprocess.run([program, "clusters", str(threads)], input="".join(f"{file}\n" for file in files), capture_output=True, text=True, check=True)
            rates[threads] = count / (time.monotonic() - begin)
        begin = time.monotonic()
        for file in files[:compared]:
            imagehash.phash(Image.open(file))
        phash = min(compared, count) / (time.monotonic() - begin)
    print(f"holisafe: {rates[2]:.0f} pictures a second on two threads, {rates[1]:.0f} on one; imagehash.phash: {phash:.0f}; "
          f"{rates[2] / phash:.1f} and {rates[1] / phash:.1f} times as many")
    return rates[2] >= 5 * phash


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("what", choices=["search", "pictures"])
    parser.add_argument("--hashes", type=int, default=100_000)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--compared", type=int, default=100)
    options = parser.parse_args()
    if options.what == "search":
        return search(options.program, options.hashes, options.alone)
    return pictures(options.program, options.pictures, options.compared)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
