"""For tests of runs of benchmarks: the program without keys and ranks of the environment, and what is in the folders of its runs."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_soak import PROGRAM, command  # noqa: E402

CANARY = "sk-canary/7f\"3b91c2"  # an API key


def environment(**more):
    out = {key: value for key, value in os.environ.items()
           if key not in ("HOLISAFE_API_KEY", "RANK", "WORLD_SIZE") and not key.startswith("SLURM")}
    return {**out, **more}


def change_rows(connection):
    """Rows that tests put into a run's store are not those that it has counted."""
    connection.execute("DELETE FROM key_values WHERE key LIKE 'digest/%'")


class Case(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_bench(self, data, endpoint, *more, out="run", code=0, env=None):
        done = subprocess.run(command(data, endpoint, self.folder / out, *more), capture_output=True, text=True, timeout=120,
                              env=environment(**(env or {})))
        self.assertEqual(done.returncode, code, done)
        if code == 2:
            self.assertRegex(done.stderr, r"(?m)^holisafe: error: ")
        return done

    def holisafe(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment())
        self.assertEqual(done.returncode, code, done)
        return done

    def predictions(self, run="run"):
        return json.loads((self.folder / run / "predictions.json").read_text(encoding="utf-8"))

    def rows(self, data):
        return json.loads((data / "holisafe_bench.json").read_text(encoding="utf-8"))
