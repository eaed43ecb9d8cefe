"""`serve` with a model of its own: the openai package as its client, the scores of `guard`, keys, signals, faults."""

import asyncio
import base64
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np
import openai
from PIL import Image

PROGRAM = os.environ["HOLISAFE_BIN"]
DEADLINE = 240
KEY = "sk-only-for-tests"


def holisafe(*arguments):
    return subprocess.run([PROGRAM, *map(os.fspath, arguments)], capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)


def picture(path, seed):
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
    return path


def data_uri(path):
    return "data:image/png;base64," + base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def image_part(path):
    return {"type": "image_url", "image_url": {"url": data_uri(path)}}


def user(*parts):
    return [{"role": "user", "content": [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]}]


class Served:
    """A running service."""

    def __init__(self, *flags, environment=None):
        began = time.monotonic()
        self.process = subprocess.Popen([PROGRAM, "serve", "--port", "0", *map(os.fspath, flags)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env={**os.environ, **(environment or {})})
        self.stderr, self.stdout = [], []
        first = self.process.stderr.readline()
        self.listening_after = time.monotonic() - began
        self.stderr.append(first)
        if not first.startswith("holisafe: listening on "):
            self.process.wait(DEADLINE)
            raise AssertionError(first + self.process.stderr.read())
        self.address = first.split()[-1]
        self.port = int(self.address.rsplit(":", 1)[1])
        self.readers = [threading.Thread(target=self.read, args=(stream, lines), daemon=True)
                        for stream, lines in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, answer.headers

    def ready(self):
        deadline = time.monotonic() + DEADLINE
        while self.ask("GET", "/health")[0] != 200:
            assert self.process.poll() is None, "".join(self.stderr)
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return self

    def client(self, **settings):
        return openai.OpenAI(base_url=self.address + "/v1", api_key=KEY, timeout=DEADLINE, **{"max_retries": 0, **settings})

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(DEADLINE)
        for reader in self.readers:
            reader.join(DEADLINE)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


class Serve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_serve_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.model = cls.root / "tiny"
        done = holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--guard", "--out", cls.model)
        assert done.returncode == 0, done.stderr
        cls.pictures = [picture(cls.root / f"{i}.png", i) for i in range(3)]
        cls.keys = cls.root / "keys"
        cls.keys.write_text(f"another\n{KEY}\n")
        cls.guard = [json.loads(line) for line in holisafe("guard", "--model", cls.model, "--json", *cls.pictures).stdout.splitlines()]
        # Nothing is blocked: no class of a random guard is sure of anything.
        cls.served = Served("--model", cls.model, "--threshold", "1", "--api-key-file", cls.keys, "--max-images", "3").ready()
        cls.addClassCleanup(cls.served.end)

    def assert_scores(self, given, expected):
        for name, score in expected["scores"].items():
            self.assertAlmostEqual(given["scores"][name], score, delta=1e-5)

    def test_listens_before_the_model_is_there(self):
        # Loosely: 0.1 s on a machine that does nothing else.
        self.assertLess(self.served.listening_after, 5)

    def test_chat_is_what_ask_answers(self):
        asked = holisafe("ask", "--model", self.model, "--image", self.pictures[0], "--prompt", "What is this?", "--max-new-tokens", "12", "--json")
        expected = json.loads(asked.stdout)
        answer = self.served.client().chat.completions.create(model="tiny", messages=user(image_part(self.pictures[0]), "What is this?"), max_tokens=12)
        self.assertEqual(answer.choices[0].message.content, expected["answer"])
        self.assertEqual(answer.choices[0].finish_reason, expected["finish_reason"])
        self.assertEqual(answer.usage.prompt_tokens, expected["prompt_tokens"])
        self.assertEqual(answer.usage.completion_tokens, expected["completion_tokens"])
        self.assertEqual(answer.moderation.input.type, "moderation_results")
        self.assert_scores(answer.to_dict()["moderation"]["input"]["results"][0]["guard"], self.guard[0])

    def test_streams(self):
        client = self.served.client()
        question = dict(model="tiny", messages=user("Say", image_part(self.pictures[1]), "something"), max_tokens=8)
        whole = client.chat.completions.create(**question)
        chunks = list(client.chat.completions.create(**question, stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(chunks[0].to_dict()["moderation"]["action"], "allow")
        self.assert_scores(chunks[0].to_dict()["moderation"]["input"]["results"][0]["guard"], self.guard[1])
        self.assertTrue(all(chunk.choices for chunk in chunks[:-1]))
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]), whole.choices[0].message.content)
        self.assertEqual(chunks[-1].usage, whole.usage)

    def test_answers_many_clients(self):
        async def ask_all():
            async with openai.AsyncOpenAI(base_url=self.served.address + "/v1", api_key=KEY, timeout=DEADLINE) as client:
                asks = [client.chat.completions.create(model="tiny", messages=user(image_part(self.pictures[i % 3]), "What?"), max_tokens=6)
                        for i in range(24)]
                return await asyncio.gather(*asks)
        answers = asyncio.run(ask_all())
        for i, answer in enumerate(answers):
            self.assertEqual(answer.choices[0].message.content, answers[i % 3].choices[0].message.content)
            self.assert_scores(answer.to_dict()["moderation"]["input"]["results"][0]["guard"], self.guard[i % 3])

    def test_moderates(self):
        answer = self.served.client().moderations.create(model="tiny", input=[image_part(path) for path in self.pictures]).to_dict()
        self.assertEqual(len(answer["results"]), 3)
        for result, expected in zip(answer["results"], self.guard):
            self.assert_scores(result["guard"], expected)
            self.assertNotIn("safe", result["categories"])
        openai_names = self.served.client().moderations.create(model="omni-moderation-latest", input=[image_part(self.pictures[0])])
        self.assertEqual(openai_names.results[0].category_scores.violence_graphic, 0)

    def test_lists_its_model(self):
        self.assertEqual([model.id for model in self.served.client().models.list()], ["tiny"])

    def test_faults_are_the_package_s_own(self):
        client = self.served.client()
        with self.assertRaises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="gpt-4o", messages=user("Hello"))
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.AuthenticationError):
            client.with_options(api_key="sk-wrong").models.list()
        torn = self.root / "torn.png"
        torn.write_bytes(self.pictures[0].read_bytes()[:300])
        for stream in (False, True):
            with self.assertRaises(openai.BadRequestError) as caught:
                client.chat.completions.create(model="tiny", messages=user("Hello", image_part(torn)), stream=stream)
            self.assertEqual((caught.exception.code, caught.exception.param), ("invalid_image", "messages[0].content[1].image_url.url"))
            self.assertNotIn(str(self.root), caught.exception.message)
        with self.assertRaises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="tiny", messages=user(*[image_part(self.pictures[0])] * 4))
        self.assertEqual(caught.exception.code, "too_many_images")
        self.assertEqual(self.served.ask("GET", "/v1/completions", Authorization="Bearer " + KEY)[0], 404)
        self.assertEqual(self.served.ask("GET", "/health", Origin="https://evil.example")[0], 403)
        status, _, headers = self.served.ask("GET", "/v1/chat/completions", Authorization="Bearer " + KEY)
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.assertEqual(self.served.ask("POST", "/v1/moderations", "{}", Content_Type="text/plain", x_api_key=KEY)[0], 415)

    def test_counts_and_logs_without_keys_or_contents(self):
        self.served.client().chat.completions.create(model="tiny", messages=user("words nobody keeps"), max_tokens=2, extra_headers={"X-Request-Id": "logged"})
        status, metrics, _ = self.served.ask("GET", "/metrics", x_api_key=KEY)
        self.assertEqual(status, 200)
        self.assertIn('holisafe_requests_total{endpoint="/v1/chat/completions",status="200"}', metrics)
        self.assertEqual(self.served.ask("GET", "/metrics")[0], 401)
        deadline = time.monotonic() + DEADLINE
        while not any('"logged"' in line for line in self.served.stdout):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        line = next(json.loads(line) for line in self.served.stdout if '"logged"' in line)
        self.assertEqual((line["path"], line["status"], line["key"], line["completion_tokens"]), ("/v1/chat/completions", 200, 2, 2))
        self.assertNotIn(KEY, "".join(self.served.stdout))
        self.assertNotIn("nobody", "".join(self.served.stdout))


class Running(unittest.TestCase):
    """How it starts and ends."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="holisafe_serve_"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.model = cls.root / "tiny"
        done = holisafe("model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--guard", "--out", cls.model)
        assert done.returncode == 0, done.stderr
        cls.picture = picture(cls.root / "a.png", 1)

    def refused(self, *flags, environment=None):
        done = subprocess.run([PROGRAM, "serve", "--port", "0", *map(os.fspath, flags)], capture_output=True, text=True, timeout=DEADLINE,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_mistakes_end_it(self):
        self.assertIn("--model is required", self.refused())
        self.assertIn("can be reached by others", self.refused("--model", self.model, "--host", "0.0.0.0"))
        self.assertIn("--tls-key go together", self.refused("--model", self.model, "--tls-cert", self.picture))
        policy = self.root / "broken.toml"
        policy.write_text('format = "holisafe-policy/1"\nversion = "1"\n[default]\nactoin = "block"\n')
        for check in ([], ["--check"]):
            message = self.refused("--model", self.model, "--policy", policy, *check)
            self.assertIn("broken.toml", message)
            self.assertIn("actoin", message)
        self.assertIn("not_a_model", self.refused("--model", self.root / "not_a_model"))
        self.assertIn("many", self.refused("--model", self.model, environment={"HOLISAFE_SERVE_QUEUE": "many"}))

    def test_check_reads_all_and_ends(self):
        done = holisafe("serve", "--check", "--model", self.model)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn("not_a_model", self.refused("--check", "--model", self.root / "not_a_model"))

    def test_flag_before_environment_before_file(self):
        config = self.root / "serve.toml"
        config.write_text(f'model = "{self.model}"\nserved-model-name = "file"\nmax-images = 1\nmax-new-tokens = 3\n')
        served = Served("--config", config, "--max-new-tokens", "5",
                        environment={"HOLISAFE_SERVE_SERVED_MODEL_NAME": "environment", "HOLISAFE_SERVE_MAX_NEW_TOKENS": "4"}).ready()
        self.addCleanup(served.end)
        client = served.client()
        self.assertEqual([model.id for model in client.models.list()], ["environment"])
        with self.assertRaises(openai.BadRequestError):
            client.chat.completions.create(model="environment", messages=user(*[image_part(self.picture)] * 2))
        answer = client.chat.completions.create(model="environment", messages=user("a"), max_tokens=50)
        if answer.choices[0].finish_reason == "length":
            self.assertEqual(answer.usage.completion_tokens, 5)
        else:
            self.assertLessEqual(answer.usage.completion_tokens, 5)

    def test_policy_is_read_again(self):
        policy = self.root / "policy.toml"

        def write(version, action, more=""):
            policy.write_text(f'format = "holisafe-policy/1"\nname = "test"\nversion = "{version}"\nunsafe_threshold = 0\n[default]\n'
                              f'action = "{action}"\nthreshold = 1\n[refusal]\ntext = "No."\n{more}')
        write("1", "block")
        log = self.root / "review.jsonl"
        served = Served("--model", self.model, "--policy", policy, "--review-log", log).ready()
        self.addCleanup(served.end)
        question = dict(model="tiny", messages=user(image_part(self.picture), "What?"), max_tokens=3)
        blocked = served.client().chat.completions.with_raw_response.create(**question)
        self.assertEqual(blocked.headers["x-holisafe-action"], "block")
        message = blocked.parse().choices[0]
        self.assertEqual((message.message.content, message.message.refusal, message.finish_reason), ("No.", "No.", "content_filter"))

        def until(version):
            deadline = time.monotonic() + DEADLINE
            while True:
                answer = served.client().chat.completions.create(**question).to_dict()
                if answer["moderation"]["policy"]["version"] == version:
                    return answer
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        write("2", "review")
        served.process.send_signal(signal.SIGHUP)
        self.assertEqual(until("2")["moderation"]["action"], "review")
        write("3", "forbid")
        served.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + DEADLINE
        while not any("policy.toml" in line for line in served.stderr):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertEqual(until("2")["moderation"]["action"], "review")
        self.assertEqual(served.end(), 0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertGreaterEqual(len(lines), 1)
        self.assertEqual(lines[0]["policy"]["version"], "2")

    def test_ends_when_told(self):
        served = Served("--model", self.model, "--threshold", "1").ready()
        client = served.client()
        stream = client.chat.completions.create(model="tiny", messages=user("Tell"), max_tokens=400, stream=True)
        next(iter(stream))
        ended = threading.Thread(target=lambda: served.codes.append(served.end()))
        served.codes = []
        ended.start()
        finished = [chunk.choices[0].finish_reason for chunk in stream if chunk.choices]
        ended.join(DEADLINE)
        self.assertIn(finished[-1], ("stop", "length"))
        self.assertEqual(served.codes, [0])

    def test_ends_while_the_model_is_loaded(self):
        served = Served("--model", self.model)
        self.assertEqual(served.end(signal.SIGINT), 0)

    def test_cuts_off_what_takes_too_long(self):
        served = Served("--model", self.model, "--threshold", "1", "--drain-seconds", "0", "--max-new-tokens", "100000").ready()
        stream = served.client().chat.completions.create(model="tiny", messages=user("Tell"), max_tokens=100000, stream=True)
        next(iter(stream))
        served.process.send_signal(signal.SIGTERM)
        try:
            finished = [chunk.choices[0].finish_reason for chunk in stream if chunk.choices]
        except openai.APIError as error:
            self.assertEqual(error.code, "draining")
            served.process.wait(60)  # a second SIGTERM would find the program on its way out
            self.assertEqual(served.end(), 2)
        else:  # the context was full before
            self.assertEqual(finished[-1], "length")
            served.end()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
