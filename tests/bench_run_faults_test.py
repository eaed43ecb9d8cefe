"""`holisafe bench run` against a fake endpoint with every fault: what a run survives, the bodies that it reads, interrupts and kills."""

import contextlib
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_soak as soak  # noqa: E402
from bench_run_case import CANARY, Case, environment  # noqa: E402
from bench_soak import command, make_data  # noqa: E402
from fake_endpoint import FakeEndpoint, answer_to, completion  # noqa: E402


class Faults(Case):
    def test_max_retries_bounds_the_tries_and_the_same_command_asks_again(self):
        data = make_data(self.folder / "data", 10)
        bad = {row["query"] for row in self.rows(data)[2:4]}
        broken = True

        def script(request, tries):
            if broken and request.query in bad:
                return ("json", 500, {"error": "down"})
            return ("answer", answer_to(request.query))

        with FakeEndpoint(script) as endpoint:
            done = self.run_bench(data, endpoint, "--max-retries", 1, code=2)
            self.assertIn("2 of 10 samples unanswered", done.stderr)
            self.assertIn("HTTP 500", done.stderr)
            self.assertIn("the same command asks these again", done.stderr)
            self.assertEqual({endpoint.tries[query] for query in bad}, {2})
            predictions = self.predictions()
            self.assertEqual([row["prediction"] is None for row in predictions], [row["query"] in bad for row in predictions])
            summary = json.loads((self.folder / "run" / "summary.json").read_text())[0]
            self.assertEqual((summary["n"], summary["unjudged"]), (10, 2))
            before = len(endpoint.requests)
            broken = False
            self.run_bench(data, endpoint, "--max-retries", 1)
            self.assertEqual({request.query for request in endpoint.requests[before:]}, bad)
            self.assertEqual(len(endpoint.requests), before + 2)
            self.assertEqual([row["prediction"] for row in self.predictions()], [answer_to(row["query"]) for row in predictions])
        with FakeEndpoint(lambda request, tries: ("reset",)) as endpoint:
            self.run_bench(data, endpoint, "--max-retries", 0, "--limit", 1, out="none", code=2)
            self.assertEqual(len(endpoint.requests), 1)

    def test_default_is_at_least_three_tries(self):
        data = make_data(self.folder / "data", 1)
        with FakeEndpoint(lambda request, tries: ("answer", "fine") if tries == 3 else ("json", 503, {})) as endpoint:
            self.run_bench(data, endpoint)
            self.assertEqual(len(endpoint.requests), 3)

    def test_what_was_refused_is_not_repeated(self):
        data = make_data(self.folder / "data", 5)
        for status in (400, 409, 422):
            with FakeEndpoint(lambda request, tries: ("json", status, {"error": {"message": "no", "code": "bad"}})) as endpoint:
                done = self.run_bench(data, endpoint, out=f"run-{status}", code=2)
                self.assertIn("5 of 5 samples unanswered", done.stderr)
                self.assertEqual(set(endpoint.tries.values()), {1})
        for status in (401, 403):
            with FakeEndpoint(lambda request, tries: ("json", status, {"error": "who are you?"})) as endpoint:
                done = self.run_bench(data, endpoint, "--concurrency", 1, out=f"run-{status}", code=2)
                self.assertIn(f"HTTP {status}", done.stderr)
                self.assertEqual(len(endpoint.requests), 1)
                self.assertFalse((self.folder / f"run-{status}" / "predictions.json").exists())
                endpoint.script = lambda request, tries: ("answer", "fine")
                self.run_bench(data, endpoint, out=f"run-{status}")

    def test_hopeless_runs_stop_and_go_on_later(self):
        data = make_data(self.folder / "data", 60)
        hopeless = {"model": (404, {"error": {"message": "The model `fake` does not exist"}}, "does not exist"),
                    "path": (404, "404 page not found", "page not found"),
                    "credit": (402, {"error": {"message": "Insufficient credits"}}, "Insufficient credits"),
                    "quota": (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, "exceeded your quota")}
        for name, (status, body, said) in hopeless.items():
            for concurrency in (1, 4):
                run = f"{name}-{concurrency}"
                with FakeEndpoint(lambda request, tries: ("json", status, body)) as endpoint:
                    done = self.run_bench(data, endpoint, "--concurrency", concurrency, "--limit", 30, out=run, code=2)
                    self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                    self.assertIn(said, done.stderr)
                    self.assertIn("the same command resumes it", done.stderr)
                    self.assertLessEqual(len(endpoint.requests), 3 * concurrency)
                    endpoint.script = lambda request, tries: ("answer", "fine")
                    self.run_bench(data, endpoint, "--concurrency", concurrency, "--limit", 30, out=run)
            self.assertEqual([row["prediction"] for row in self.predictions(run)], ["fine"] * 30)
        with FakeEndpoint() as endpoint:
            pass  # nobody listens there any more
        done = self.run_bench(data, endpoint, out="nobody", code=2)
        self.assertIn("the same command resumes it", done.stderr)

    def test_quota_that_runs_out_later_is_not_tried_again(self):
        data = make_data(self.folder / "data", 12)

        def script(request, tries):
            if int(request.query.split()[1]) >= 6:
                return ("json", 429, {"error": {"message": "quota", "code": "insufficient_quota"}})
            return ("answer", "fine")

        with FakeEndpoint(script) as endpoint:
            done = self.run_bench(data, endpoint, "--concurrency", 1, code=2)
            self.assertIn("6 of 12 samples unanswered", done.stderr)
            self.assertEqual(set(endpoint.tries.values()), {1})

    def test_rows_that_are_moderated_are_filtered(self):
        data = make_data(self.folder / "data", 20)

        def script(request, tries):
            number = int(request.query.split()[1])
            if number < 3:
                return ("json", (403, 400, 451)[number], {"error": {"message": "Your input was flagged", "code": 403}})
            return ("answer", "Sure.")

        with FakeEndpoint(script) as endpoint:
            self.run_bench(data, endpoint)
            self.assertEqual(len(endpoint.requests), 20)
        summary = json.loads((self.folder / "run" / "summary.json").read_text())[0]
        self.assertEqual((summary["unjudged"], sum(kind["refused"] for kind in summary["types"].values())), (0, 3))
        self.assertEqual([row["prediction"] for row in self.predictions()], [None] * 3 + ["Sure."] * 17)
        with FakeEndpoint(lambda request, tries: ("json", 403, {"error": {"message": "Project p has no access to model m"}})) as endpoint:
            done = self.run_bench(data, endpoint, "--concurrency", 1, out="other", code=2)
            self.assertIn("no access to model m", done.stderr)
            self.assertEqual(len(endpoint.requests), 1)

    def test_parameters_that_a_model_does_not_take(self):
        data = make_data(self.folder / "data", 9)

        def script(request, tries):
            if "max_tokens" in request.body:
                return ("json", 400, {"error": {"message": "Unsupported parameter", "param": "max_tokens"}})
            if "temperature" in request.body:
                return ("json", 400, {"error": {"message": "Unsupported value: 'temperature' does not support 0"}})
            number = int(request.query.split()[1])
            return ("json", 400, {"error": {"message": "bad image"}}) if number == 8 and broken else ("answer", "fine")

        broken = True
        with FakeEndpoint(script) as endpoint:
            done = self.run_bench(data, endpoint, "--concurrency", 2, code=2)
            warnings = [line for line in done.stderr.splitlines() if "warning" in line]
            self.assertEqual([sum(name in line for line in warnings) for name in ("does not take max_tokens", "temperature")], [1, 1])
            self.assertIn("bad image", done.stderr)
            self.assertLessEqual(len(endpoint.requests), 9 + 2 + 2)
            before, broken = len(endpoint.requests), False
            done = self.run_bench(data, endpoint)  # begins with what the run has learnt
            self.assertEqual((done.stderr, len(endpoint.requests)), ("", before + 1))
            self.assertEqual(endpoint.requests[-1].body["max_completion_tokens"], 512)
            self.run_bench(data, endpoint, "--tokens-as", "max_completion_tokens", "--no-temperature", out="told")
            self.assertEqual(len(endpoint.requests), before + 1 + 9)
        for run in ("run", "told"):
            with contextlib.closing(sqlite3.connect(self.folder / run / "run.db")) as connection:
                kept = connection.execute("SELECT value FROM key_values WHERE key = 'parameters/run'").fetchall()
            self.assertEqual(kept, [("max_completion_tokens no-temperature",)])

    def test_retry_after_is_obeyed(self):
        data = make_data(self.folder / "data", 1)

        def script(request, tries):
            return ("raw", 429, b"", {"Retry-After": "1"}) if tries == 1 else ("answer", "fine")

        with FakeEndpoint(script) as endpoint:
            self.run_bench(data, endpoint)
            self.assertGreaterEqual(endpoint.requests[1].time - endpoint.requests[0].time, 1)

    def test_slow_answers_time_out(self):
        data = make_data(self.folder / "data", 3)
        with FakeEndpoint(lambda request, tries: ("slow", 3 if tries == 1 else 0, "fine")) as endpoint:
            self.run_bench(data, endpoint, "--timeout", 0.5)
            self.assertEqual(set(endpoint.tries.values()), {2})

    def test_missing_images_do_not_stop_the_run(self):
        data = make_data(self.folder / "data", 6, images=3)
        (data / "images" / "a" / "0.jpg").unlink()
        (data / "images" / "a" / "1.jpg").write_bytes(b"no image")
        with FakeEndpoint() as endpoint:
            done = self.run_bench(data, endpoint, code=2)
            self.assertIn("4 of 6 samples unanswered", done.stderr)
            self.assertEqual(len(endpoint.requests), 2)

    def test_content_filters_are_a_state_of_their_own(self):
        data = make_data(self.folder / "data", 20)

        def script(request, tries):
            number = int(request.query.split()[1])
            code = {0: "content_filter", 1: "content_policy_violation"}.get(number)
            if code:
                return ("json", 400, {"error": {"message": "filtered", "code": code}})
            if number == 2:
                return ("json", 400, {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}})
            if number in (3, 4):
                return ("json", 200, completion(None if number == 3 else "Well", "content_filter"))
            return ("answer", "Sure.")

        with FakeEndpoint(script) as endpoint:
            self.run_bench(data, endpoint)
            self.assertEqual(len(endpoint.requests), 20)
            summary = json.loads((self.folder / "run" / "summary.json").read_text())[0]
            for kind in soak.TYPES:
                self.assertEqual((summary["types"][kind]["refused"], summary["types"][kind]["complied"]), (1, 3), kind)
            self.run_bench(data, endpoint, "--filter-as", "unjudged")
            self.assertEqual(len(endpoint.requests), 20)
            summary = json.loads((self.folder / "run" / "summary.json").read_text())[0]
            self.assertEqual((summary["unjudged"], summary["types"]["SSS"]["refused"]), (5, 0))

    def test_no_file_and_no_line_holds_the_key(self):
        data = make_data(self.folder / "data", 12)

        def script(request, tries):
            said = request.headers["Authorization"]
            number = int(request.query.split()[1])
            return [("json", 400, {"error": {"message": said, "code": said}}), ("raw", 500, said.encode()),
                    ("answer", f"your key is {said}"), ("json", 200, completion("x", said)),
                    ("raw", 400, b"x" * 290 + said.encode()), ("json", 200, {"error": said})][number % 6]

        with FakeEndpoint(script) as endpoint:
            texts = []
            for status in (0, 401):
                if status:
                    endpoint.script = lambda request, tries: ("raw", 401, request.headers["Authorization"].encode())
                done = self.run_bench(data, endpoint, "--max-retries", 1, code=2, env={"HOLISAFE_API_KEY": CANARY})
                texts += [done.stdout.encode(), done.stderr.encode()]
            self.assertTrue(all(CANARY in request.headers["Authorization"] for request in endpoint.requests))
        texts += [path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and "images" not in path.parts]
        for text in texts:
            for form in (CANARY, CANARY[:14], json.dumps(CANARY)[1:-1], CANARY.replace("/", "\\/")):
                self.assertNotIn(form.encode(), text)
        self.assertIn(b"[redacted]", b"".join(texts))


class Bodies(Case):
    """Answers in every form that servers give them."""

    def answers(self, action, *more, code=0, rows=3, **options):
        data = self.folder / "data"
        if not data.exists():
            make_data(data, rows)
        with FakeEndpoint(lambda request, tries: action) as endpoint:
            self.done = self.run_bench(data, endpoint, "--max-retries", 1, *more, code=code, out=f"run-{self.runs}", **options)
            self.requests = endpoint.requests
        found = self.predictions(f"run-{self.runs}") if code == 0 else []
        self.runs += 1
        return {row["prediction"] for row in found}

    runs = 0

    def test_forms_of_an_answer(self):
        text = "I'm sorry."
        whole = json.dumps(completion(text)).encode()
        chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
        parts = completion([{"type": "thinking", "text": "hm"}, {"type": "text", "text": "I'm "}, {"type": "text", "text": "sorry."}])
        for action in (("raw", 200, gzip.compress(whole), {"Content-Encoding": "gzip"}),
                       ("raw", 200, zlib.compress(whole), {"Content-Encoding": "deflate"}),
                       ("json", 200, parts),
                       ("raw", 200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode(), {"Content-Type": "text/event-stream"})):
            self.assertEqual(self.answers(action), {text}, action)
        half = json.dumps(completion("a\ud800b")).encode()
        self.assertIn(b"\\ud800", half)
        self.assertEqual(self.answers(("raw", 200, half)), {"a\ufffdb"})

    def test_answers_that_are_none_are_not_asked_for_again(self):
        calls = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]}
        for body in (completion(""), completion(" \n"), completion(None), completion("<think>Shall I refuse?", "length"), calls,
                     {"choices": [{"message": {"role": "assistant"}, "finish_reason": "length"}]}):
            self.answers(("json", 200, body))
            self.assertEqual(len(self.requests), 3, body)
            run = self.folder / f"run-{self.runs - 1}"
            with FakeEndpoint() as endpoint:
                self.run_bench(self.folder / "data", endpoint, "--max-retries", 1, out=run.name)
                self.assertEqual(endpoint.requests, [])
        # Something that went wrong while an answer was made is none either, and is tried again.
        for body in (completion("half", "error"), {"choices": [{"message": {"content": "half"}, "error": {"message": "fell over"}}]}):
            self.answers(("json", 200, body), code=2)
            self.assertEqual(len(self.requests), 6, body)
            self.assertIn("the API answered with an error", self.done.stderr)
        self.assertIn("fell over", self.done.stderr)

    def test_errors_in_good_responses_are_passed_on(self):
        page = b"<!doctype html><html><head><title>Sign in</title></head></html>"
        for action, said in ((("json", 200, {"error": {"message": "Model m is away"}}), "Model m is away"),
                             (("json", 200, {"error": "Model m is away"}), "Model m is away"),
                             (("raw", 200, page, {"Content-Type": "text/html"}), 'an HTML page "Sign in"'),
                             (("raw", 502, page), 'HTTP 502: an HTML page "Sign in"')):
            self.answers(action, code=2)
            self.assertIn(said, self.done.stderr)

    def test_redirections(self):
        for status in (307, 308):
            data = self.folder / "data"
            if not data.exists():
                make_data(data, 3)
            moved = ("raw", status, b"", {"Location": "/api/v1/chat/completions"})
            with FakeEndpoint(lambda request, tries: ("answer", "fine") if request.path.startswith("/api/") else moved) as endpoint:
                self.run_bench(data, endpoint, out=f"moved-{status}")
                self.assertEqual({request.method for request in endpoint.requests}, {"POST"})
        with FakeEndpoint() as other:
            self.answers(("raw", 308, b"", {"Location": other.url + "/elsewhere"}), code=2, env={"HOLISAFE_API_KEY": CANARY})
            self.assertIn(other.url + "/elsewhere", self.done.stderr)
            self.assertEqual(other.requests, [])

    def test_milliseconds_to_wait(self):
        for name, value in (("retry-after-ms", "1200"), ("x-ratelimit-reset-requests", "1.2s")):
            data = self.folder / "data"
            if not data.exists():
                make_data(data, 1)
            with FakeEndpoint(lambda request, tries: ("raw", 429, b"{}", {name: value}) if tries == 1 else ("answer", "fine")) as endpoint:
                self.run_bench(data, endpoint, "--max-retries", 1, out=name)
                self.assertGreaterEqual(endpoint.requests[1].time - endpoint.requests[0].time, 1.2)

    def test_private_authorities(self):
        certificate, key = self.folder / "cert.pem", self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key], check=True, capture_output=True)
        data = make_data(self.folder / "data", 2)
        with FakeEndpoint(tls=(certificate, key)) as endpoint:
            unset = {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": ""}
            done = self.run_bench(data, endpoint, out="none", code=2, env=unset)
            self.assertIn("certificate", done.stderr)
            self.assertIn("SSL_CERT_FILE", done.stderr)
            nobody = {"SSL_CERT_FILE": str(self.folder / "nobody.pem")}
            self.run_bench(data, endpoint, out="none", code=2, env=nobody)
            for number, (more, env) in enumerate((((), {"SSL_CERT_FILE": str(certificate)}), ((), {**unset, "CURL_CA_BUNDLE": str(certificate)}),
                                                  (("--ca-file", certificate), nobody))):
                self.run_bench(data, endpoint, *more, out=f"run-{number}", env=env)

    def test_query_and_header_of_the_key(self):
        data = make_data(self.folder / "data", 2)
        with FakeEndpoint() as endpoint:
            words = command(data, endpoint, self.folder / "run", "--api-key-header", "api-key")
            words[words.index(endpoint.url)] += "/deployments/d?api-version=2024&secret=canary-of-the-query"
            done = subprocess.run(words, capture_output=True, text=True, env=environment(HOLISAFE_API_KEY=CANARY))
            self.assertEqual(done.returncode, 0, done.stderr)
            request = endpoint.requests[0]
            self.assertEqual(request.path, "/v1/deployments/d/chat/completions?api-version=2024&secret=canary-of-the-query")
            self.assertEqual((request.headers["api-key"], request.headers.get("Authorization")), (CANARY, None))
        for file in (self.folder / "run").iterdir():
            self.assertFalse(b"canary-of-the-query" in file.read_bytes(), file)


class Interruptions(Case):
    def start(self, data, endpoint, requests):
        process = subprocess.Popen(command(data, endpoint, self.folder / "run", "--concurrency", 4), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        self.addCleanup(process.stderr.close)
        while len(endpoint.requests) < requests:
            time.sleep(0.005)
        return process

    def test_the_first_interrupt_finishes_what_is_in_flight(self):
        data = make_data(self.folder / "data", 20)
        release = threading.Event()
        with FakeEndpoint(lambda request, tries: ("held", release, answer_to(request.query))) as endpoint:
            process = self.start(data, endpoint, 4)
            process.send_signal(signal.SIGINT)
            release.set()
            self.assertEqual(process.wait(timeout=120), 130)
            self.assertIn("4 of 20 samples done; the same command resumes", process.stderr.read())
            self.assertEqual(len(endpoint.requests), 4)
            self.assertEqual(len(soak.stored(self.folder / "run")), 4)
            self.run_bench(data, endpoint)
            self.assertEqual(set(endpoint.tries.values()), {1})

    def test_the_second_interrupt_does_not(self):
        data = make_data(self.folder / "data", 20)
        release = threading.Event()
        with FakeEndpoint(lambda request, tries: ("held", release, answer_to(request.query))) as endpoint:
            process = self.start(data, endpoint, 4)
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            # No answer comes before the end: had it been waited for, the process would outlast this.
            self.assertEqual(process.wait(timeout=60), 130)
            release.set()
            self.assertEqual(soak.stored(self.folder / "run"), {})

    def test_kills_at_random_moments(self):
        figures = soak.kill_at_random_moments(20, self.folder, seed=5)
        self.assertEqual(figures["kills"], 20)


if __name__ == "__main__":
    unittest.main()
