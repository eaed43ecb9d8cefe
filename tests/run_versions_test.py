"""Run folders of store version 1 (fixtures/runs_v1, made by tools/fixtures/runs_v1.py with the last program that wrote them): reading,
reporting, comparing, judging on and resuming give what that program gave; the first command that writes makes them version 3."""

import json
import os
import pathlib
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge_server  # noqa: E402
from fake_endpoint import FakeEndpoint, answer_to  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
FIXTURES = pathlib.Path(os.environ["HOLISAFE_SOURCE_DIR"]) / "tests/fixtures/runs_v1"
RUNS = ("endpoint", "base", "safe", "shard-0", "shard-1")
FILTERED, UNANSWERED = 3, 7
UNJUDGED = {5, 12}  # by anthropic


def number_of(request):
    return int(request.query.rsplit("#", 2)[1])


class Case(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name) / "runs"
        self.make_folders()
        self.environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
        self.environment["HOLISAFE_API_KEY"] = judge_server.KEY

    def make_folders(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(FIXTURES, self.folder)
        for name in RUNS:  # where the images lie now, as `bench run` would put it
            with sqlite3.connect(self.folder / name / "run.db") as connection:
                connection.execute("UPDATE key_values SET value = ? WHERE key = 'images'", (str(self.folder / "data/images"),))
            connection.close()

    def run_program(self, *arguments, code=0, **more):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=self.environment, timeout=120,
                              **more)
        if code is not None:
            self.assertEqual(done.returncode, code, done)
        return done

    def version(self, run):
        return self.query(run, "PRAGMA user_version")[0][0]

    def query(self, run, sql, *values):
        connection = sqlite3.connect(self.folder / run / "run.db")
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def same_intervals(self, found, old):
        self.assertEqual(list(found), list(old))
        for name, ends in old.items():
            if ends is None or ends[0] < ends[1]:
                self.assertEqual(found[name], ends, name)
            else:
                self.assertIn(ends[0], found[name])
                self.assertLess(*found[name])

    def summary(self, run):
        """Without the counts that version 1 did not write, and the intervals that it made otherwise."""
        scores = json.loads((self.folder / run / "summary.json").read_text())
        return json.dumps([{key: value for key, value in score.items() if key not in ("empty", "cut_off", "intervals")} for score in scores])

    def expected(self, name):
        return (FIXTURES / "expected" / name).read_text(encoding="utf-8")

    def same_report(self, runs, name, *more):
        """The recorded JSON, byte for byte, but for what was mended since: published figures stand beside whole runs alone, unless
        they are asked for, the guard's metrics count an image once (here one of 18), not each of its 30 rows, and intervals of rates
        of 0 and 1 are exact."""
        def without_guard(text):
            lines = [json.loads(line) for line in text.split("\n")[:-1]]
            guards = [line.pop("guard") for line in lines]
            self.counts = [(line.pop("empty", None), line.pop("cut_off", None)) for line in lines]  # newer
            self.intervals = [line.pop("intervals") for line in lines]
            self.assertTrue(all(not line.pop("comparable", False) for line in lines))
            return [json.dumps(line) for line in lines], guards

        runs = [self.folder / run for run in runs]
        done = self.run_program("bench", "report", *runs, "--json", "--published", *more)
        lines, guards = without_guard(done.stdout)
        intervals = self.intervals
        for empty, cut_off in self.counts:
            self.assertEqual(empty, 0)
            self.assertIsNotNone(cut_off)
        recorded, old_guards = without_guard(self.expected(name))
        self.assertEqual(lines, recorded, name)
        for found, old in zip(intervals, self.intervals, strict=True):
            self.same_intervals(found, old)
        self.assertEqual([guard and guard["n"] for guard in guards], [guard and 18 for guard in old_guards])
        self.assertEqual([guard and list(guard) for guard in guards], [guard and list(guard) for guard in old_guards])
        plain = [json.loads(line) for line in self.run_program("bench", "report", *runs, "--json").stdout.split("\n")[:-1]]
        self.assertEqual([line["published"] for line in plain], [None] * len(lines))
        return done

    def assert_reports(self):
        """Everything that reads says what it said."""
        for name in ("endpoint", "base", "safe"):
            self.same_report([name], f"report-{name}.jsonl")
            score = json.loads(self.run_program("bench", "score", self.folder / name / "predictions.json", "--allow-missing", "--json").stdout)
            self.assertEqual((score.pop("empty"), score.pop("cut_off")), (0, None))
            del score["file"]
            old = json.loads(self.expected(f"score-{name}.json"))
            self.same_intervals(score["intervals"], old["intervals"])
            score["intervals"] = old["intervals"]
            self.assertEqual(json.dumps(score), json.dumps(old))
        self.same_report(["endpoint", "base", "safe"], "report-all.jsonl")
        for first in ("base", "endpoint"):
            self.assertEqual(self.run_program("bench", "compare", self.folder / first, self.folder / "safe", "--json").stdout,
                             self.expected(f"compare-{first}.json"))
        joined = self.folder / "joined.json"
        done = self.same_report(["shard-1", "shard-0"], "report-shards.jsonl", "--predictions", joined)
        self.assertNotIn("missing", done.stderr)
        self.assertEqual(joined.read_text(encoding="utf-8"), self.expected("joined.json"))

    def judge(self, run, *arguments, **more):
        return self.run_program("bench", "judge", self.folder / run, "--judge", *arguments, **more)


class Versions(Case):
    def test_read_in_place(self):
        before = {name: (self.folder / name / "run.db").read_bytes() for name in RUNS}
        self.assert_reports()
        cost = json.loads(self.judge("endpoint", "anthropic", "--dry-run", "--json").stdout)
        self.assertEqual((cost["calls"], cost["under_way"]), (len(UNJUDGED), 0))
        cost = json.loads(self.judge("endpoint", "gemini", "--dry-run", "--json").stdout)
        self.assertEqual((cost["calls"], cost["under_way"]), (0, 28))
        for name in RUNS:
            self.assertEqual((self.folder / name / "run.db").read_bytes(), before[name], name)
            self.assertEqual(self.version(name), 1)

    def test_read_where_nothing_may_be_written(self):
        for name in RUNS:
            (self.folder / name / "run.db").chmod(0o444)
            (self.folder / name).chmod(0o555)
        self.assert_reports()
        for name in RUNS:
            (self.folder / name).chmod(0o755)
            self.assertEqual(sorted(os.listdir(self.folder / name)), ["predictions.json", "run.db", "summary.json"])

    def test_the_first_writer_migrates_and_changes_nothing_else(self):
        for name in RUNS:
            summary = self.summary(name)
            self.judge(name, "string")
            self.assertEqual(self.version(name), 3)
            self.assertEqual(self.summary(name), summary, name)
            self.assert_reports()  # also where one of two shards, or of two compared, is older than the other

    def test_a_kill_while_it_migrates(self):
        """The process dies as soon as a file grows beyond a limit."""
        def limit(bytes_):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))

        kills = 0
        for bytes_ in range(0, 10**6, 40_000):
            self.make_folders()
            done = self.judge("endpoint", "string", code=None, preexec_fn=lambda: limit(bytes_))  # noqa: B023
            if self.version("endpoint") == 3:
                break
            self.assertEqual(done.returncode, -signal.SIGXFSZ)
            kills += 1
            self.same_report(["endpoint"], "report-endpoint.jsonl")
        self.assertGreater(kills, 1)
        self.same_report(["endpoint"], "report-endpoint.jsonl")

    def judgements(self, judge):
        return {position: (state, text, reason) for position, state, text, reason in self.query(
            "endpoint", "SELECT position, state, text, reason FROM verdicts WHERE judge = ?", judge)}

    def test_judging_on(self):
        old = {judge: {position: (state, text, reason) for position, state, text, reason in self.query(
            "endpoint", "SELECT position, state, text, reason FROM verdicts WHERE judge = ?", judge)}
            for (judge,) in self.query("endpoint", "SELECT DISTINCT judge FROM verdicts")}
        self.assertEqual(sorted(judge.split(":")[0] for judge in old), ["anthropic", "openai", "string"])
        asked = []

        def verdict(provider, number):
            asked.append((provider, number))
            return "<label>True</label>"

        server = judge_server.Server(verdict)
        self.addCleanup(server.close)
        for judge, rows in (("openai", set()), ("anthropic", UNJUDGED)):
            name = next(name for name in old if name.startswith(judge))
            self.judge("endpoint", judge, "--judge-endpoint", server.url)
            self.assertEqual(sorted(asked), [(judge, row) for row in sorted(rows)])
            wanted = {**old[name], **{row: ("expected", "<label>True</label>", "") for row in rows}}
            self.assertEqual(self.judgements(name), wanted)
            asked.clear()
        self.assertEqual(self.judgements("string"), old["string"])

    def test_a_batch_under_way_is_fetched(self):
        server = judge_server.Server(lambda provider, number: f"<label>{number % 2 == 0}</label>")
        self.addCleanup(server.close)
        rows = set()
        for key, value in self.query("endpoint", "SELECT key, value FROM key_values WHERE key LIKE 'batch/%'"):
            batch = json.loads(value)
            rows.update(batch)
            server.batches[key.rsplit("/", 1)[1]] = {
                "provider": "gemini", "number": len(server.batches), "looks": 0,
                "rows": [(f"row-{row}", {"contents": [{"parts": [{"text": f"#{row}#"}]}]}) for row in batch]}
        self.assertEqual(rows, set(range(30)) - {FILTERED, UNANSWERED})
        self.assertEqual(len(server.batches), 3)
        self.judge("endpoint", "gemini", "--judge-endpoint", server.url, "--batch")
        self.assertEqual(len(server.batches), 3)
        self.assertEqual({position: state for position, (state, _, _) in self.judgements("gemini:gemini-2.0-flash").items()},
                         {row: "unexpected" if row % 2 else "expected" for row in rows})
        self.assertEqual(self.query("endpoint", "SELECT key FROM key_values WHERE key LIKE 'batch/%'"), [])

    def test_a_run_goes_on(self):
        before = (self.folder / "endpoint/predictions.json").read_text(encoding="utf-8").split("\n")
        with FakeEndpoint(lambda request, tries: ("answer", answer_to(request.query))) as endpoint:
            ask = ("bench", "run", "--data", self.folder / "data", "--endpoint", endpoint.url, "--out", self.folder / "endpoint")
            self.assertIn("model: expected \"fake\", found \"other\"",
                          self.run_program(*ask, "--api-model", "other", code=2).stderr)
            self.run_program(*ask, "--api-model", "fake")
            self.assertEqual([number_of(request) for request in endpoint.requests], [UNANSWERED])
            self.run_program(*ask, "--api-model", "fake")
            self.assertEqual(len(endpoint.requests), 1)
        after = (self.folder / "endpoint/predictions.json").read_text(encoding="utf-8").split("\n")
        changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        self.assertEqual(changed, [UNANSWERED + 1])
        row = json.loads(after[changed[0]].rstrip(","))
        self.assertEqual(row["prediction"], answer_to(row["query"]))

    def test_a_shard_that_went_on_joins_one_that_did_not(self):
        """The newer one remembers more of what it was made from."""
        with FakeEndpoint(lambda request, tries: ("json", 400, {"error": {"message": "this one never"}})) as endpoint:
            self.run_program("bench", "run", "--data", self.folder / "data", "--endpoint", endpoint.url, "--api-model", "fake",
                             "--shard", "0/2", "--out", self.folder / "shard-0", code=None)
        self.assertEqual((self.version("shard-0"), self.version("shard-1")), (3, 1))
        self.assertEqual(self.query("shard-0", "SELECT * FROM older_identities WHERE scope = 'run'"), [])
        self.assert_reports()


class Models(Case):
    """The runs of local checkpoints, which are made anew."""

    def test_a_run_of_a_checkpoint_goes_on(self):
        asked = (4, 9)
        for name, seed, guard in (("base", 3, ()), ("safe", 4, ("--guard",))):
            model = self.folder / "models" / name
            self.run_program("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", seed, *guard, "--out", model)
            shutil.copy(self.folder / "chat_template.jinja", model)
            before = (self.folder / name / "predictions.json").read_text(encoding="utf-8").split("\n")
            with sqlite3.connect(self.folder / name / "run.db") as connection:
                connection.execute("DELETE FROM predictions WHERE position IN (?, ?)", asked)
            connection.close()
            run = ("bench", "run", "--data", self.folder / "data", "--model", model, "--max-new-tokens", 6, "--threads", 1, "--out",
                   self.folder / name)
            self.run_program(*run)
            self.assertEqual(self.version(name), 3)
            after = (self.folder / name / "predictions.json").read_text(encoding="utf-8").split("\n")
            for number, (old, new) in enumerate(zip(before, after, strict=True)):
                if number - 1 not in asked:
                    self.assertEqual(old, new)
                    continue
                # Another processor rounds otherwise, and a random model's tokens may hang on that.
                old, new = json.loads(old.rstrip(",")), json.loads(new.rstrip(","))
                self.assertEqual(list(old), list(new))
                self.assertIsInstance(new["prediction"], str)
                for harm, score in old.get("guard", {"scores": {}})["scores"].items():
                    self.assertAlmostEqual(new["guard"]["scores"][harm], score, delta=1e-5)
            self.assertIn("dtype: expected", self.run_program(*run, "--dtype", "bfloat16", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
