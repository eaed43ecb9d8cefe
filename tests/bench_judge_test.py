"""`holisafe bench judge` against a fake server of three providers (judge_server.py): real sockets, seeded faults, batches that
fail in part, kills, and the numbers against an independent computation."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge_server as fake  # noqa: E402
from bench_judge_case import PROVIDERS, ROWS, TYPES, Judge, agreement, kind, outcome, says, verdict  # noqa: E402


class Asking(Judge):
    def test_each_provider_under_faults_side_by_side(self):
        server = self.server(fault_rate=0.4, seed=5)
        for provider in PROVIDERS:
            left = sum(says(provider, n) is None for n in range(ROWS))
            done = self.judge(provider, server, "--concurrency", "6", "--max-retries", "6", expect=2)
            self.assertRegex(done.stderr, rf"holisafe: error: .*{left} of {ROWS} answers are unjudged.*same command")
            self.assert_verdicts(provider)
        self.assertEqual(len(server.calls), 3 * ROWS)  # none twice after a good answer
        for call in server.calls:
            self.assert_request(*call)
        self.assertLessEqual(server.most_at_once, 6)
        summary = self.summary()
        self.assertEqual(list(summary)[0], "string")
        for judge in ("string", *PROVIDERS):
            self.assert_score(judge, summary[f"{judge}:{PROVIDERS[judge]}" if judge in PROVIDERS else judge])
        self.assert_agreement()
        self.assert_no_key()

    def assert_agreement(self, **unsure):
        text = re.sub(r"<[^>]*>", "|", (self.run_folder / "report.html").read_text())
        for first, second in (("string", "openai"), ("anthropic", "openai"), ("gemini", "openai"), ("anthropic", "gemini")):
            raw, kappa = agreement(first, second, range(ROWS), **unsure)
            self.assertIn(f"{raw * 100:.1f}%, \u03ba {kappa:.2f}", text, (first, second))
            raw, kappa = agreement(first, second, [n for n in range(ROWS) if kind(n) == "SSU"], **unsure)
            self.assertIn(f"{raw * 100:.1f}%, \u03ba {kappa:.2f}", text, (first, second, "SSU"))

    def test_unjudged_rows_bound_the_rates_and_are_asked_again(self):
        server = self.server()
        self.judge("openai", server, expect=2)
        unsure = [n for n in range(ROWS) if says("openai", n) is None]
        self.assertGreater(len(unsure), 1)
        report = re.sub(r"\s*<[^>]*>\s*", "|", (self.run_folder / "report.html").read_text())
        for kind_ in TYPES:
            found = [outcome("openai", n) for n in range(ROWS) if kind(n) == kind_]
            wrong = found.count("refused" if kind_ == "SSS" else "complied")
            low, high = wrong / len(found), (wrong + found.count(None)) / len(found)
            self.assertIn(f"{low * 100:.1f}% to {high * 100:.1f}%", report)
        asks = len(server.calls)
        server.verdict = lambda provider, number: verdict(provider, number, unsure=False)
        done = self.judge("openai", server, "--json")
        self.assertEqual(sorted(number for _, number, _, _ in server.calls[asks:]), unsure)
        self.assert_verdicts("openai", unsure=False)
        self.assert_score("openai", json.loads(done.stdout), unsure=False)
        asks = server.requests
        self.judge("openai", server)
        self.assertEqual(server.requests, asks)  # nothing is left to ask

    def test_rows_that_fail_for_good_stay_unjudged(self):
        server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
        real = server.openai

        def fails(http, path, body):
            number = fake.number_in(json.loads(body))
            if number in (3, 4):
                return (400 if number == 3 else 404), {"error": {"message": f"no, {fake.KEY}"}}, ()
            return (500, "x", ()) if number == 5 else real(http, path, body)

        server.openai = fails
        done = self.judge("openai", server, "--max-retries", "1", expect=2)
        self.assertIn(f"3 of {ROWS} answers are unjudged", done.stderr)
        found = self.verdicts("openai:gpt-4o")
        for number, status in ((3, "HTTP 400"), (4, "HTTP 404"), (5, "(2 tries)")):
            self.assertEqual(found[number][0], "unjudged")
            self.assertIn(status, found[number][1])
        self.assertEqual(server.requests, ROWS + 1)  # 400 and 404 once, 500 twice
        self.assert_no_key()

    def test_one_row_moderated_leaves_that_row_unjudged(self):
        for provider in PROVIDERS:
            server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
            real = getattr(server, provider)

            def flags(http, path, body, real=real):
                moderated = fake.number_in(json.loads(body)) == 7
                return (403, {"error": {"message": "Your input was flagged"}}, ()) if moderated else real(http, path, body)

            setattr(server, provider, flags)
            done = self.judge(provider, server, expect=2)
            self.assertIn(f"1 of {ROWS} answers are unjudged", done.stderr)
            self.assertEqual(server.requests, ROWS)

    def test_hopeless_judging_stops(self):
        said = {404: "no such model", 402: "no credit left", 429: "quota exceeded"}
        for provider in PROVIDERS:
            for status, words in said.items():
                for flags in ((), ("--batch",)):
                    server = self.server()
                    server.respond = lambda http, body, server=server: server.send(
                        http, status, json.dumps({"error": {"message": words, "code": "insufficient_quota" if status == 429 else status}}))
                    done = self.judge(provider, server, "--concurrency", "3", *flags, expect=2)
                    self.assertLessEqual(server.requests, 9)
                    self.assertIn(words, done.stderr)
                    self.assertIn("the same command goes on from there", done.stderr)

    def test_parameters_that_a_judge_does_not_take(self):
        for flags in ((), ("--batch", "--batch-rows", "40")):
            server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
            real = server.judge
            server.sent = []

            def judge(provider, body, headers=None, server=server, real=real):
                server.sent.append(body)
                return real(provider, body, headers)

            def openai(http, path, body, server=server, real=server.openai):
                if path == "/v1/chat/completions" and "max_tokens" in json.loads(body):
                    return 400, {"error": {"message": "Use max_completion_tokens", "param": "max_tokens"}}, ()
                return real(http, path, body)

            server.judge, server.openai = judge, openai
            if flags:  # what the live judge has learnt is another judge's
                self.judge("openai", server, "--judge-model", "batched", "--tokens-as", "max_completion_tokens", *flags)
                self.assertTrue(all("max_completion_tokens" in body and "max_tokens" not in body
                                    for batch in server.batches.values() for _, body in batch["rows"]))
                continue
            done = self.judge("openai", server, "--judge-max-tokens", "700", "--no-temperature", "--concurrency", "2", *flags)
            self.assertEqual(sum("max_tokens" in line for line in done.stderr.splitlines()), 1, done.stderr)
            self.assertEqual({(body.get("max_completion_tokens"), "temperature" in body) for body in server.sent}, {(700, False)})
            self.assertLessEqual(server.requests, ROWS + 2)

    def test_refused_key_stops_at_once(self):
        for provider in PROVIDERS:
            for status in (401, 403):
                for flags in ((), ("--batch",)):
                    server = self.server()
                    server.status = status
                    done = self.judge(provider, server, "--concurrency", "3", *flags, expect=2)
                    self.assertLessEqual(server.requests, 3)
                    self.assertRegex(done.stderr, rf"^holisafe: error: .*HTTP {status}.*\n$")
        self.assert_no_key()

    def test_key_from_a_file_and_another_key_is_not_another_judge(self):
        server = self.server()
        (self.folder / "key").write_text(fake.KEY + "\n")
        del self.environment["HOLISAFE_API_KEY"]
        self.judge("anthropic", server, expect=2)  # without a key
        self.assertEqual(len(server.calls), 0)
        self.judge("anthropic", server, "--api-key-file", self.folder / "key", expect=2)
        self.assertEqual(len(server.calls), ROWS)

    def test_batches_that_fail_in_part(self):
        """Rows come back shuffled, twice, or not at all; only what failed is handed in again."""
        for provider in PROVIDERS:
            with self.subTest(provider):
                server = self.server(fault_rate=0.3, seed=11)
                server.looks = 2
                final = {7, 31}

                def row_fault(_, number, batch):
                    if number in final:
                        return "final"
                    return ("again", "missing", None)[number % 3] if batch < 9 else None

                server.row_fault = row_fault
                server.expire = lambda provider, batch: batch == 0
                left = {n for n in range(ROWS) if says(provider, n) is None} | final
                done = self.judge(provider, server, "--batch", "--batch-rows", "7", expect=2)
                self.assertIn(f"{len(left)} of {ROWS} answers are unjudged", done.stderr)
                found = self.verdicts(f"{provider}:{PROVIDERS[provider]}")
                for number in range(ROWS):
                    state = "unjudged" if number in left else "expected" if says(provider, number) else "unexpected"
                    self.assertEqual(found[number][0], state, number)
                batches = list(server.batches.values())
                first, again = batches[:9], batches[9:]
                self.assertEqual([len(batch["rows"]) for batch in first], [7] * 8 + [4])
                asked_again = sorted(fake.number_in(body) for batch in again for _, body in batch["rows"])
                self.assertEqual(asked_again, [n for n in range(ROWS) if n % 3 != 2 and n not in final])
                for batch in batches:
                    for _, body in batch["rows"]:
                        self.assert_request(provider, fake.number_in(body), None, body)
                # The next run asks for those only that are left.
                server.row_fault = lambda *_: None
                server.verdict = lambda provider, number: verdict(provider, number, unsure=False)
                count = len(server.batches)
                self.judge(provider, server, "--batch")
                rows = [fake.number_in(body) for batch in list(server.batches.values())[count:] for _, body in batch["rows"]]
                self.assertEqual(sorted(rows), sorted(left))
                self.assert_verdicts(provider, unsure=False)
        self.assert_no_key()

    def test_batches_are_cut_by_bytes(self):
        for provider in PROVIDERS:
            server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
            self.judge(provider, server, "--batch", "--batch-bytes", "20000")
            sizes = [len(json.dumps([{"custom_id": id_, "body": body} for id_, body in batch["rows"]]))
                     for batch in server.batches.values()]
            self.assertGreater(len(sizes), 3)
            self.assertLess(max(sizes), 30000)
            self.assert_verdicts(provider, unsure=False)

    def test_gemini_without_file_upload_takes_rows_in_the_request(self):
        server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
        server.takes_files = False
        self.judge("gemini", server, "--batch", "--batch-rows", "25")
        self.assertEqual([len(batch["rows"]) for batch in server.batches.values()], [25, 25, 10])
        self.assert_verdicts("gemini", unsure=False)

    def kill_when(self, command, ready, limit=60):
        """Starts a command and kills it as soon as `ready` says so; false if it ended before."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        end = time.monotonic() + limit
        while process.poll() is None and not ready() and time.monotonic() < end:
            time.sleep(0.002)
        killed = process.poll() is None
        process.kill()
        self.said += "".join(process.communicate())
        return killed

    def test_killed_at_any_moment_goes_on(self):
        server = self.server(lambda provider, number: verdict(provider, number, unsure=False), fault_rate=0.2, seed=3)
        server.delay = 0.01
        kills = 0
        for _ in range(6):
            target = len(server.calls) + 7
            kills += self.kill_when(self.command("openai", server, "--concurrency", "4"), lambda: len(server.calls) >= target)
        self.assertGreaterEqual(kills, 5)
        self.judge("openai", server, "--concurrency", "4")
        self.assert_verdicts("openai", unsure=False)
        asked = [number for _, number, _, _ in server.calls]
        self.assertEqual(set(asked), set(range(ROWS)))
        self.assertLessEqual(len(asked) - ROWS, kills * 4)  # what was in flight at a kill
        killed = (self.run_folder / "summary.json").read_bytes()
        subprocess.run(["rm", "-r", self.run_folder], check=True)
        subprocess.run(["cp", "-r", self.template, self.run_folder], check=True)
        self.judge("openai", self.server(server.verdict))
        self.assertEqual((self.run_folder / "summary.json").read_bytes(), killed)

    def test_killed_while_batches_are_under_way(self):
        for provider in PROVIDERS:
            with self.subTest(provider):
                server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
                server.looks = 10**9
                flags = ("--batch", "--batch-rows", "25")
                seen = lambda: sum(batch["looks"] > 0 for batch in server.batches.values()) == 3  # noqa: E731
                self.assertTrue(self.kill_when(self.command(provider, server, *flags), seen))
                with sqlite3.connect(self.run_folder / "run.db") as database:
                    keys = [row[0] for row in database.execute("SELECT key FROM key_values WHERE key LIKE 'batch/%'")]
                self.assertEqual(len(keys), 3)
                cost = json.loads(self.judge(provider, server, "--dry-run", "--json").stdout)
                self.assertEqual((cost["calls"], cost["under_way"]), (0, ROWS))
                server.looks = 1
                self.judge(provider, server, *flags)
                self.assertEqual(len(server.batches), 3)  # taken up, not handed in again
                self.assert_verdicts(provider, unsure=False)

    def test_interrupted_judge_finishes_what_is_in_flight(self):
        server = self.server(lambda provider, number: verdict(provider, number, unsure=False))
        server.delay = 0.05
        process = subprocess.Popen(self.command("gemini", server, "--concurrency", "3"), stderr=subprocess.PIPE, text=True,
                                   env=self.environment)
        while len(server.calls) < 10:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 130)
        self.assertIn("same command", said)
        self.assertEqual(len(self.verdicts("gemini:gemini-2.0-flash")), len(server.calls))
        self.assertLess(len(server.calls), 20)
        self.judge("gemini", server)
        self.assertEqual(len(server.calls), ROWS)
        self.assert_verdicts("gemini", unsure=False)


if __name__ == "__main__":
    unittest.main()
