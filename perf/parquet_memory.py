"""Peak memory over Parquet: `holisafe data check` and `bench run` over one split whose pictures are one page.

    build/venv/bin/python perf/parquet_memory.py build/holisafe [PICTURES]

Writes MMMU's layout with pyarrow, as the hub's sets are written: so many pictures (1,000) of 0.5 to 1 MB, which pyarrow puts into pages of
1,024 rows at most. Prints the size of the largest page, what is allowed (150 MB and 2.2 times that page), and the peak of each command (the
kernel's ru_maxrss of that process); exits 1 where one is over. The run is asked of a fake endpoint, and once more when half of its answers
are gone.
"""

import io
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from fake_endpoint import FakeEndpoint  # noqa: E402

MB = 1e6


def noise(rng, number):
    """A PNG of 0.5 to 1 MB that nothing compresses."""
    from PIL import Image
    side = 410 + number % 10 * 17
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), rng.randbytes(side * side * 3)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def write_data(folder, pictures):
    """Gives the bytes of the largest page."""
    import pyarrow.parquet as pq
    from parquet_files import write_parquet
    rng = random.Random(1)
    some = [noise(rng, number) for number in range(20)]
    rows = [{"id": f"validation_Math_{number + 1}", "question": f"What is <image 1>, #{number}#?", "options": "['a', 'b']", "answer": "A",
             "question_type": "multiple-choice"} for number in range(pictures)]
    file = write_parquet(folder / "Math" / "validation-00000-of-00001.parquet", rows, {"image_1": [some[n % len(some)] for n in range(pictures)]},
                         use_dictionary=False, row_group_size=pictures)
    chunks = [pq.read_metadata(file).row_group(0).column(i) for i in range(pq.read_metadata(file).num_columns)]
    return max(chunk.total_uncompressed_size for chunk in chunks) / max(1, -(-pictures // 1024))


def peak(*command):
    """Peak memory and seconds of a command that must end well. A process counts what its parent had when it began, which is why this one stays
    small: another writes the data."""
    start = time.monotonic()
    child = os.posix_spawn(command[0], [str(word) for word in command], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{command}: exit {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * 1024, time.monotonic() - start


def main():
    if sys.argv[1] == "--write":
        return print(write_data(pathlib.Path(sys.argv[2]), int(sys.argv[3])))
    program, pictures = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = pathlib.Path(name)
        page = float(subprocess.run([sys.executable, __file__, "--write", folder / "data", str(pictures)], check=True, capture_output=True, text=True).stdout)
        allowed = 150 * MB + 2.2 * page
        print(f"{pictures} pictures, largest page {page / MB:.0f} MB, allowed {allowed / MB:.0f} MB")
        peaks = {"data check": peak(program, "data", "check", folder / "data", "--benchmark", "mmmu"),
                 "data stats": peak(program, "data", "stats", folder / "data", "--benchmark", "mmmu")}
        with FakeEndpoint(lambda request, tries: ("answer", "A")) as endpoint:
            endpoint.keep = False
            run = [program, "bench", "run", "--benchmark", "mmmu", "--data", folder / "data", "--endpoint", endpoint.url, "--api-model", "fake",
                   "--out", folder / "run"]
            peaks["bench run"] = peak(*run)
            with sqlite3.connect(folder / "run" / "run.db") as store:
                store.execute("DELETE FROM key_values WHERE key LIKE 'digest/%'")
                store.execute("DELETE FROM predictions WHERE position % 2 = 1")
            peaks["bench run, half of it anew"] = peak(*run)
        for what, (memory, seconds) in peaks.items():
            print(f"{what}: {memory / MB:.0f} MB, {seconds:.1f} s")
        return 1 if max(memory for memory, _ in peaks.values()) > allowed else 0


if __name__ == "__main__":
    sys.exit(main())
