"""Run folders that somebody else made, or that a disk damaged: what commands make of them. HOLISAFE_DAMAGED_COPIES sets how many
damaged copies are tried (60; the store's own test tries 1,000)."""

import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import Case, environment  # noqa: E402
from bench_soak import PROGRAM, make_data  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402

COPIES = int(os.environ.get("HOLISAFE_DAMAGED_COPIES", "60"))


class Stores(Case):
    def setUp(self):
        super().setUp()
        self.data = make_data(self.folder / "data", 10)
        with FakeEndpoint(lambda request, tries: ("answer", "I'm sorry, I cannot help with that.")) as endpoint:
            self.run_bench(self.data, endpoint)
        self.run_folder = self.folder / "run"
        self.store = self.run_folder / "run.db"
        self.sound = self.store.read_bytes()

    def change(self, *statements):
        self.store.write_bytes(self.sound)
        connection = sqlite3.connect(self.store, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    def program(self, *arguments, **more):
        return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=environment(), **more)

    def commands(self):
        return (("bench", "report", self.run_folder, "--json"), ("bench", "report", self.run_folder, "--html", self.folder / "x.html"),
                ("bench", "judge", self.run_folder, "--judge", "string"), ("bench", "compare", self.run_folder, self.run_folder))

    def refused(self, *words):
        for command in self.commands():
            done = self.program(*command)
            self.assertEqual(done.returncode, 2, (command, done))
            for word in ("run.db", *words):
                self.assertIn(word, done.stderr)
            for line in done.stderr.splitlines():
                self.assertTrue(line.startswith("holisafe: error: damaged run store: "), line)
                self.assertLessEqual(len(line.encode()), 600)

    def test_tables_of_others(self):
        endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS number, 'a' || n AS name FROM r"
        self.change("ALTER TABLE images RENAME TO images2", f"CREATE VIEW images AS {endless}")
        self.refused("images")
        self.change("CREATE TRIGGER t AFTER INSERT ON verdicts BEGIN UPDATE predictions SET text = 'Sorry'; END")
        self.refused("trigger t")
        with sqlite3.connect(self.store) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM predictions WHERE text = 'Sorry'").fetchone(), (0,))
        connection.close()
        self.change("ALTER TABLE samples ADD COLUMN more TEXT AS (upper(json))")
        self.refused("samples")

    def test_rows_that_are_gone_or_damaged(self):
        for table in ("samples", "predictions", "verdicts"):
            self.change(f"DELETE FROM {table} WHERE position = 2")
            self.refused(table)
        forget = "DELETE FROM key_values WHERE key LIKE 'digest/%'"
        self.change(forget, "UPDATE samples SET json = '{\"a' WHERE position = 1")
        self.refused("samples.json of row 2")
        self.change(forget, "UPDATE predictions SET text = CAST(x'ff' AS TEXT) WHERE position = 0")
        self.refused("predictions.text of row 1")
        self.change(forget)
        self.assertEqual(self.program(*self.commands()[0]).returncode, 0)

    def test_damaged_copies(self):
        expected = self.program(*self.commands()[0]).stdout
        page = 4096
        for seed in range(COPIES):
            chance = random.Random(seed)
            damaged = bytearray(self.sound)
            if seed % 4 == 0:
                at = chance.randrange(len(damaged) // page) * page
                damaged[at:at + page] = chance.randbytes(page)
            else:
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            self.store.write_bytes(damaged)
            done = self.program(*self.commands()[0])
            self.assertIn(done.returncode, (0, 2), (seed, done))
            if done.returncode == 0:
                self.assertEqual(done.stdout, expected, seed)
            else:
                self.assertIn("run.db", done.stderr, seed)
                self.assertLessEqual(len(done.stderr.encode()), 600, seed)

    def test_a_report_needs_no_room(self):
        def no_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        expected = self.program(*self.commands()[0]).stdout
        before = sorted(os.listdir(self.run_folder))
        # Written to a pipe, which has no limit; files would end the program, or fail.
        done = self.program(*self.commands()[0], preexec_fn=no_room, restore_signals=False)
        self.assertEqual((done.returncode, done.stdout), (0, expected), done)
        self.assertEqual(sorted(os.listdir(self.run_folder)), before)

    def test_links_in_a_run_folder_are_replaced(self):
        outside = self.folder / "outside"
        outside.write_text("mine")
        for name in ("report.html", "summary.json", "predictions.json"):
            (self.run_folder / name).unlink()
            (self.run_folder / name).symlink_to(outside)
        with FakeEndpoint() as endpoint:
            self.run_bench(self.data, endpoint)
        self.assertEqual(outside.read_text(), "mine")
        self.assertFalse(any(path.is_symlink() for path in self.run_folder.iterdir()))
        (self.run_folder / "run.db-wal").symlink_to(outside)
        done = self.program("bench", "judge", self.run_folder, "--judge", "string")
        self.assertEqual(done.returncode, 2)
        self.assertIn("run.db-wal: expected a file, found a link", done.stderr)
        self.assertEqual(outside.read_text(), "mine")


class Downloads(Case):
    """A data set as the hub's client leaves it: links into a store beside it."""

    def test_links_into_a_store_beside(self):
        plain = make_data(self.folder / "plain", 5)
        store, snapshot = self.folder / "hub" / "blobs", self.folder / "hub" / "snapshots" / "0f1e2d"
        store.mkdir(parents=True)
        for number, file in enumerate(sorted(path for path in plain.rglob("*") if path.is_file())):
            target = snapshot / file.relative_to(plain)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, store / f"{number:064x}")
            target.symlink_to(os.path.relpath(store / f"{number:064x}", target.parent))
        self.holisafe("data", "check", snapshot)
        with FakeEndpoint() as endpoint:
            self.run_bench(snapshot, endpoint)
        self.assertEqual(len(self.predictions()), 5)
        rows = json.loads((plain / "holisafe_bench.json").read_text())
        rows[0]["image"] = "../../../../plain/images/" + rows[0]["image"]
        (snapshot / "holisafe_bench.json").unlink()
        (snapshot / "holisafe_bench.json").write_text(json.dumps(rows))
        self.assertIn("\"..\"", self.holisafe("data", "check", snapshot, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
