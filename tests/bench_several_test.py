"""`holisafe bench run` of several benchmarks at once: each one's data and run in a folder of its name, the same bytes as alone, nothing asked
before all is sound, one that fails named, killed and resumed together. And what every request holds of --temperature and --seed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import benchmark_data  # noqa: E402
from bench_soak import OUTPUTS, PROGRAM, stored  # noqa: E402
from fake_endpoint import FakeEndpoint, answer_to  # noqa: E402

NAMES = ["vlsbench", "holisafe"]
TOGETHER = ",".join(NAMES)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.data = pathlib.Path(cls.shared.name)
        cls.rows = {name: benchmark_data.make(name, cls.data / name) for name in NAMES}
        cls.total = sum(map(len, cls.rows.values()))

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def endpoint(self, script=None):
        endpoint = FakeEndpoint(script)
        self.addCleanup(endpoint.__exit__)
        return endpoint

    def command(self, endpoint, out, *more, names=TOGETHER, data=None):
        return [PROGRAM, *map(str, ["bench", "run", "--benchmark", names, "--data", data or self.data, "--endpoint", endpoint.url, "--api-model", "m", "--out", out, *more])]

    def run_bench(self, endpoint, out, *more, code=0, **names):
        done = subprocess.run(self.command(endpoint, out, *more, **names), capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    @staticmethod
    def files(run):
        return {name: (run / name).read_bytes() for name in OUTPUTS}


class Several(Case):
    def test_the_same_as_alone(self):
        endpoint = self.endpoint()
        alone = {}
        for name in NAMES:
            self.run_bench(endpoint, self.folder / "alone" / name, names=name, data=self.data / name)
            alone[name] = self.files(self.folder / "alone" / name)
        before = len(endpoint.requests)
        self.assertEqual(before, self.total)
        done = self.run_bench(endpoint, self.folder / "all", "--json")
        self.assertEqual(len(endpoint.requests) - before, self.total)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line.get("benchmark", "holisafe") for line in lines], NAMES)
        for name, line in zip(NAMES, lines):
            self.assertEqual(self.files(self.folder / "all" / name), alone[name])
            self.assertEqual(json.loads(alone[name]["summary.json"])[0], line)
        # Asked in the order of the names, and no more when all is answered.
        queries = [request.query for request in endpoint.requests[before:]]
        first = {row["instruction"] for row in self.rows["vlsbench"]}
        self.assertEqual(set(queries[:len(first)]), first)
        self.run_bench(endpoint, self.folder / "all")
        self.assertEqual(len(endpoint.requests) - before, self.total)

    def test_nothing_is_asked_before_all_data_are_sound(self):
        for fault in ("folder", "row", "image"):
            data = self.folder / fault
            benchmark_data.make("vlsbench", data / "vlsbench")
            if fault != "folder":
                rows = benchmark_data.make("holisafe", data / "holisafe")
            if fault == "image":
                (data / "vlsbench" / "imgs" / "2.png").unlink()
            if fault == "row":
                del rows[3]["query"]
                (data / "holisafe" / "holisafe_bench.json").write_text(json.dumps(rows))
            endpoint = self.endpoint()
            done = self.run_bench(endpoint, self.folder / "run", code=2, data=data)
            self.assertEqual((done.stdout, done.stderr.count("holisafe: error"), endpoint.requests), ("", 1, []), done.stderr)
            self.assertIn(f"holisafe: error: {'vlsbench' if fault == 'image' else 'holisafe'}: ", done.stderr)

    def test_names(self):
        endpoint = self.endpoint()
        for names in ("vlsbenc,holisafe", "vlsbench,", "", ",", "vlsbench holisafe"):
            done = self.run_bench(endpoint, self.folder / "run", code=2, names=names)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
        self.assertIn("vlsbench", self.run_bench(endpoint, self.folder / "run", code=2, names="vlsbenc,holisafe").stderr)
        done = self.run_bench(endpoint, self.folder / "run", code=2, names="utility")  # there are no such folders
        self.assertRegex(done.stderr, "holisafe: error: (mmmu|vizwiz|mme-realworld|mmstar): ")
        self.assertEqual(endpoint.requests, [])
        done = self.run_bench(endpoint, self.folder / "run", "--json", names="holisafe,vlsbench,holisafe")
        self.assertEqual([json.loads(line).get("benchmark") for line in done.stdout.splitlines()], [None, "vlsbench"])

    def test_one_that_is_not_answered(self):
        lost = self.rows["vlsbench"][5]["instruction"]
        endpoint = self.endpoint(lambda request, tries: ("json", 400, {"error": {"message": "no such thing"}}) if request.query == lost
                                 else ("answer", answer_to(request.query)))
        done = self.run_bench(endpoint, self.folder / "run", "--json", code=2)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertIn("1 of 12 samples unanswered", done.stderr)
        self.assertEqual(len(json.loads((self.folder / "run" / "holisafe" / "predictions.json").read_text())), len(self.rows["holisafe"]))
        rows = json.loads((self.folder / "run" / "vlsbench" / "predictions.json").read_text())
        self.assertEqual([row["prediction"] is None for row in rows], [row["instruction"] == lost for row in self.rows["vlsbench"]])
        good = self.endpoint()
        self.run_bench(good, self.folder / "run")
        self.assertEqual([request.query for request in good.requests], [lost])

    def test_a_key_that_is_refused_ends_all(self):
        endpoint = self.endpoint(lambda request, tries: ("json", 401, {"error": {"message": "bad key"}}))
        done = self.run_bench(endpoint, self.folder / "run", code=2)
        self.assertEqual((done.stdout, done.stderr.count("holisafe: error")), ("", 1), done.stderr)

    def stop_at(self, out, answers, how, endpoint):
        process = subprocess.Popen(self.command(endpoint, out, "--concurrency", 2), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        runs = [out / name for name in NAMES]
        while sum(len(stored(run)) for run in runs if (run / "run.db").exists()) < answers:
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        process.send_signal(how)
        return process.wait(timeout=60), process.communicate()[1]

    def test_stopped_and_resumed(self):
        quick = self.endpoint()
        self.run_bench(quick, self.folder / "whole")
        for answers in (3, len(self.rows["vlsbench"]) + 3):
            for how in (signal.SIGKILL, signal.SIGINT):
                with self.subTest(answers, how=how):
                    slow = FakeEndpoint(latency=0.04)
                    self.addCleanup(slow.__exit__)
                    out = self.folder / f"{answers}-{how}"
                    code, said = self.stop_at(out, answers, how, slow)
                    if how == signal.SIGINT:
                        self.assertEqual((code, said.count("holisafe: error")), (130, 1), said)
                    before = sum(len(stored(out / name)) for name in NAMES)
                    self.assertLess(before, self.total)
                    again = self.endpoint()
                    self.run_bench(again, out)
                    self.assertEqual(len(again.requests), self.total - before)
                    for name in NAMES:
                        self.assertEqual(self.files(out / name), self.files(self.folder / "whole" / name))

    def test_parameters_that_a_model_does_not_take(self):
        """Learnt once, kept by all runs."""
        def script(request, tries):
            if "temperature" in request.body:
                return ("json", 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0"}})
            return ("answer", answer_to(request.query))

        endpoint = self.endpoint(script)
        done = self.run_bench(endpoint, self.folder / "run", "--concurrency", 1)
        self.assertEqual((len(endpoint.requests), done.stderr.count("none is sent from now on")), (self.total + 1, 1))
        fresh = self.endpoint(script)
        for name in NAMES:
            self.run_bench(fresh, self.folder / "run" / name, names=name, data=self.data / name)
        self.assertEqual(fresh.requests, [])


class Sampling(Case):
    """--temperature and --seed in every request, and in what a run remembers."""

    def asked(self, *more, out="run", code=0):
        endpoint = self.endpoint()
        done = self.run_bench(endpoint, self.folder / out, *more, code=code, names="vlsbench", data=self.data / "vlsbench")
        return endpoint, done

    def bodies(self, *more, out):
        endpoint, _ = self.asked(*more, out=out)
        self.assertEqual(len(endpoint.requests), len(self.rows["vlsbench"]))
        return {(request.body["temperature"], request.body.get("seed"), request.body.get("top_p")) for request in endpoint.requests}

    def test_in_requests(self):
        self.assertEqual(self.bodies(out="a"), {(0, None, None)})
        self.assertEqual(self.bodies("--temperature", 0.7, out="b"), {(0.7, 0, 1)})
        self.assertEqual(self.bodies("--temperature", 0.7, "--seed", 41, out="c"), {(0.7, 41, 1)})
        self.assertEqual(self.bodies("--seed", 41, out="d"), {(0, 41, None)})

    def test_in_a_run(self):
        self.asked()
        self.asked("--temperature", 0, "--seed", 0)  # as usual
        for more in (["--temperature", 0.5], ["--seed", 3]):
            endpoint, done = self.asked(*more, code=2)
            self.assertEqual((endpoint.requests, done.stderr.count("\n")), ([], 1), done.stderr)
            self.assertIn(f"{more[0][2:]}: expected nothing, found \"{more[1]}\"", done.stderr)
        self.asked("--temperature", 0.5, out="warm")
        endpoint, done = self.asked(out="warm", code=2)
        self.assertIn("temperature: expected \"0.5\"", done.stderr)
        for flag, value in (("--temperature", "-1"), ("--temperature", "hot"), ("--seed", "-1"), ("--seed", "1.5")):
            endpoint, done = self.asked(flag, value, out="none", code=2)
            self.assertEqual((endpoint.requests, done.stderr.count("\n")), ([], 1), done.stderr)

    def test_a_split_that_is_none(self):
        endpoint, done = self.asked("--split", "test", out="none", code=2)
        self.assertEqual((endpoint.requests, done.stderr), ([], "holisafe: error: no such split: vlsbench: expected none, since there is one, found \"test\"\n"))


del Case  # a base class, no test of its own

if __name__ == "__main__":
    unittest.main()
