"""`holisafe bench guard` against an endpoint: every format's figures, the exact requests, faults by name, kills and what follows them."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import environment  # noqa: E402
from bench_soak import PROGRAM  # noqa: E402
from guard_answers import (IMAGES, POLICIES, Case, GuardEndpoint, chat, expected, llama_response, llama_text, llavaguard_text, moderation,  # noqa: E402
                           score_of, shares_of, token)

KILLS = 6


def shieldgemma_answer(number, text):
    policy = next(name for name, asked in POLICIES.items() if asked == text)
    share = shares_of(number)[policy]
    shares = {"Yes": share, "No": 1 - share} if 0 < share < 1 else {"No": 1.0}
    word = max(shares, key=shares.get)
    return chat(word, [token(word, shares)])


def answers_of(data):
    """For each format that can be asked: what the endpoint answers, flags, and the decisions and scores that follow."""
    numbers = range(IMAGES)
    scores = {number: score_of(number) for number in numbers}
    at = lambda bound: {number: scores[number] >= bound for number in numbers}  # noqa: E731
    return {
        "llama-guard": (lambda number, text: llama_response(number), [], at(0.5), scores),
        "llavaguard": (lambda number, text: chat(llavaguard_text(number)), ["--policy", data.policy], {number: number % 5 >= 2 for number in numbers}, None),
        "shieldgemma": (shieldgemma_answer, ["--policy", data.policies], at(0.5), scores),
        "omni-moderation": (lambda number, text: moderation(number), [], {number: scores[number] > 0.4 for number in numbers}, scores),
    }


class Endpoints(Case):
    def test_figures_and_requests_of_every_format(self):
        for name, (answer, flags, decisions, scores) in answers_of(self).items():
            with self.subTest(name), GuardEndpoint(self.data, answer) as endpoint:
                found = self.measured(name, *self.endpoint_flags(endpoint), *flags, "--out", self.folder / name)
                self.check(found, expected(decisions, scores))
                self.assertEqual(found["guard"], "guard-1")
                self.check_requests(name, endpoint)
                files = {path.name for path in (self.folder / name).iterdir()}
                self.assertEqual(files, {"guard_answers.db", "summary.json", "report.html"})
                self.assertEqual(json.loads((self.folder / name / "summary.json").read_text()), found)
                # Without a folder: the same.
                self.assertEqual(self.measured(name, *self.endpoint_flags(endpoint), *flags), found)

    def check_requests(self, name, endpoint):
        asked = sorted((endpoint.number_of(request), endpoint.text_of(request) or "") for request in endpoint.requests)
        texts = {"llavaguard": [self.policy.read_text()], "shieldgemma": list(POLICIES.values())}.get(name, [""])
        self.assertEqual(asked, sorted((number, text) for number in self.numbers for text in texts))
        for request in endpoint.requests:
            body = dict(request.body)
            if name == "omni-moderation":
                self.assertEqual((request.method, request.path), ("POST", "/v1/moderations"))
                self.assertEqual(list(body), ["model", "input"])
                self.assertEqual(list(body["input"][0]), ["type", "image_url"])
                self.assertEqual(body["input"][0]["type"], "image_url")
            else:
                self.assertEqual((request.method, request.path), ("POST", "/v1/chat/completions"))
                self.assertEqual(body["temperature"], 0)
                self.assertNotIn("seed", body)
                self.assertEqual((body.get("logprobs"), body.get("top_logprobs")), (None, None) if name == "llavaguard" else (True, 5))
                self.assertEqual([message["role"] for message in body["messages"]], ["user"])
                kinds = [part["type"] for part in body["messages"][0]["content"]]
                self.assertEqual(kinds, ["image_url"] if name == "llama-guard" else ["image_url", "text"])
            self.assertEqual(body["model"], "guard-1")

    def test_thresholds(self):
        answer, flags, _, scores = answers_of(self)["shieldgemma"]
        with GuardEndpoint(self.data, answer) as endpoint:
            found = self.measured("shieldgemma", *self.endpoint_flags(endpoint), *flags, "--threshold", 0.7)
        self.check(found, expected({number: scores[number] >= 0.7 for number in self.numbers}, scores))

    def test_a_server_without_probabilities(self):
        with GuardEndpoint(self.data, lambda number, text: chat(llama_text(number))) as endpoint:
            found = self.measured("llama-guard", *self.endpoint_flags(endpoint))
            self.check(found, expected({number: score_of(number) >= 0.5 for number in self.numbers}))
            found = self.measured("llama-guard", *self.endpoint_flags(endpoint), "--threshold", 0.5)
            self.assertEqual((found["n"], found["unjudged"]), (0, IMAGES))
            self.assertIn("no score", found["unjudged_reasons"][0]["reason"])
        with GuardEndpoint(self.data, lambda number, text: chat("Yes")) as endpoint:
            found = self.measured("shieldgemma", *self.endpoint_flags(endpoint), "--policy", self.policies)
            self.assertIn("no logprobs", found["unjudged_reasons"][0]["reason"])

    def test_faults_are_tried_again_and_what_stays_is_said(self):
        def answer(number, text):
            if number == 3:
                return "json", 400, {"error": {"message": "cannot read this image"}}
            if number == 4:
                return "json", 400, {"error": {"message": "refused", "code": "content_filter"}}
            with lock:
                faults[number] = faults.get(number, 0) + 1
                if number % 2 and faults[number] == 1:
                    return [("json", 503, {"error": "busy"}), ("raw", 429, b"{}", {"Retry-After": "0"}), ("reset",)][number % 3]
            return llama_response(number)

        lock, faults = threading.Lock(), {}
        flags = ["--out", self.folder / "run", "--json", "--concurrency", 4]
        with GuardEndpoint(self.data, answer) as endpoint:
            done = self.guard("llama-guard", *self.endpoint_flags(endpoint), *flags, code=2)
            found = json.loads(done.stdout)
            self.assertEqual((found["n"], found["unjudged"]), (IMAGES - 2, 2))
            self.assertIn("1 of 24 answers are missing", done.stderr)
            self.assertIn("cannot read this image", done.stderr)
            self.guard("llama-guard", *self.endpoint_flags(endpoint), *flags, "--allow-missing")
            asked = len(endpoint.requests)
            endpoint.answer = lambda number, text: llama_response(number)
            found = json.loads(self.guard("llama-guard", *self.endpoint_flags(endpoint), *flags).stdout)
            self.assertEqual(len(endpoint.requests), asked + 1)  # the one that was never answered; a filter's word stands
        self.assertEqual((found["n"], found["unjudged"]), (IMAGES - 1, 1))

    def test_a_model_that_is_not_there_ends_it(self):
        missing = ("json", 404, {"error": {"message": "no such model", "code": "model_not_found"}})
        with GuardEndpoint(self.data, lambda number, text: missing) as endpoint:
            done = self.guard("llama-guard", *self.endpoint_flags(endpoint), "--out", self.folder / "run", code=2)
            self.assertIn("no such model", done.stderr)
            self.assertLess(len(endpoint.requests), IMAGES)

    def test_another_run(self):
        answer, flags, _, _ = answers_of(self)["llavaguard"]
        run = self.folder / "run"
        with GuardEndpoint(self.data, answer) as endpoint:
            self.guard("llavaguard", *self.endpoint_flags(endpoint), *flags, "--out", run)
            other = self.folder / "policy.txt"
            other.write_text("another")
            done = self.guard("llavaguard", *self.endpoint_flags(endpoint), "--policy", other, "--out", run, code=2)
            self.assertIn("policy: ", done.stderr)
            done = self.guard("llavaguard", "--endpoint", endpoint.url, "--api-model", "guard-2", *flags, "--out", run, code=2)
            self.assertRegex(done.stderr, "guard: expected .*guard-1.*found .*guard-2")
            self.assertEqual(len(endpoint.requests), IMAGES)

    def test_kills_lose_and_repeat_nothing(self):
        answer, flags, decisions, scores = answers_of(self)["shieldgemma"]
        rng = random.Random(7)
        run = self.folder / "run"
        with GuardEndpoint(self.data, answer, latency=0.03) as endpoint:
            command = [PROGRAM, "bench", "guard", "--data", self.data, "--format", "shieldgemma", *self.endpoint_flags(endpoint), *flags, "--out", run,
                       "--concurrency", "3", "--json"]
            for _ in range(KILLS):
                process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
                begin = len(endpoint.requests)
                bound = begin + rng.randrange(1, 12)
                while len(endpoint.requests) < bound and process.poll() is None:
                    time.sleep(0.005)
                process.send_signal(signal.SIGKILL)
                process.wait()
                time.sleep(0.1)
            done = self.guard("shieldgemma", *self.endpoint_flags(endpoint), *flags, "--out", run, "--json")
            asked = [endpoint.name_of(request) for request in endpoint.requests]
            asked_twice = len(asked) - len(set(asked))
        self.assertEqual(len(set(asked)), 3 * IMAGES)
        self.assertLessEqual(asked_twice, 3 * KILLS)  # at most those under way
        self.check(json.loads(done.stdout), expected(decisions, scores))

    def test_an_interrupt_keeps_what_came(self):
        run = self.folder / "run"
        with GuardEndpoint(self.data, lambda number, text: llama_response(number), latency=0.1) as endpoint:
            command = [PROGRAM, "bench", "guard", "--data", self.data, "--format", "llama-guard", *self.endpoint_flags(endpoint), "--out", run,
                       "--concurrency", "2"]
            process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
            while len(endpoint.requests) < 5 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, said)
            self.assertIn("the same command resumes", said)
            with sqlite3.connect(run / "guard_answers.db") as store:
                came = store.execute("SELECT count(*) FROM predictions WHERE state = 'answered'").fetchone()[0]
            self.assertGreaterEqual(came, 3)
            self.guard("llama-guard", *self.endpoint_flags(endpoint), "--out", run)
            self.assertEqual(len(endpoint.requests), IMAGES)


if __name__ == "__main__":
    unittest.main()
