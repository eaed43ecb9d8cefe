"""`holisafe data build` against a fake server (fake_writer.py): labellers and their votes, live endpoints and batches of each provider, and
the same files whatever faults and kills came between."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_writer as fake  # noqa: E402
from data_build_case import UNSAFE_TYPES, Build, picture  # noqa: E402


class Labels(Build):
    def labelled(self, script=None, *flags, labellers=("openai:l1", "openai:l2", "openai:l3"), code=0):
        source = self.folder / "unlabelled"
        source.mkdir(exist_ok=True)
        self.files = {}
        for number in range(4):
            picture(number).save(source / f"{number}.png")
            self.files[hashlib.sha256((source / f"{number}.png").read_bytes()).hexdigest()] = number
        server = self.server(script)
        self.build(server, *flags, source=source, labellers=labellers, code=code)
        return server, self.rows("images.jsonl")

    def votes(self, table):
        """table[number][labeller]: what is said."""
        def script(asked, tries):
            if asked.step != "holisafe_label":
                return None
            said = table[self.files[asked.sha256]][int(asked.model[1:]) - 1]
            return ("refusal", "No.") if said is None else {"label": said, "reason": "so"}
        return script

    def test_majority_tie_none_and_quarantine(self):
        table = [["safe", "race", "safe"], ["safe", "race", "weapon_related_violence"], [None, None, None],
                 ["safe", "safe", "quarantine"]]
        server, images = self.labelled(self.votes(table))
        self.assertEqual([image["state"] for image in images], ["kept", "disputed", "unlabelled", "quarantined"])
        self.assertEqual(images[0]["label"], "safe")
        self.assertEqual(images[0]["labels"], [{"by": f"openai:l{i + 1}", "label": said} for i, said in enumerate(table[0])])
        self.assertEqual({pair["image_id"] for pair in self.pairs()}, {0})
        self.assertEqual(self.states(), {"ready": 3})
        page = (self.folder / "work" / "report.html").read_text()
        self.assertNotIn("data:image", page)
        prompt = next(asked for asked in server.asked if asked.step == "holisafe_label")
        for word in ("quarantine", "minor", "facial_data_exposure", "medical_advice", "safe"):
            self.assertIn(word, prompt.text)
        self.assertEqual(self.summary()["calls"]["label"], 12)
        before = len(server.asked)
        self.build(server, source=self.folder / "unlabelled", labellers=("openai:l1", "openai:l2", "openai:l3"))
        self.assertEqual(len(server.asked), before)

    def test_another_labeller_settles_what_all_declined(self):
        table = [["safe", "safe"], ["safe", "safe"], [None, "race"], ["safe", "safe"]]
        server, images = self.labelled(self.votes(table), labellers=("openai:l1",))
        self.assertEqual([image["state"] for image in images], ["kept", "kept", "unlabelled", "kept"])
        self.build(server, source=self.folder / "unlabelled", labellers=("openai:l1", "openai:l2"))
        image = self.rows("images.jsonl")[2]
        self.assertEqual((image["state"], image["label"], image["labels"]), ("kept", "race", [{"by": "openai:l2", "label": "race"}]))
        self.assertEqual([pair["type"] for pair in self.pairs() if pair["image_id"] == 2], UNSAFE_TYPES)

    def test_no_pair_is_planned_before_all_labels_are_settled(self):
        sound = False

        def script(asked, tries):
            broken = asked.step == "holisafe_label" and self.files[asked.sha256] == 1 and not sound
            return {"label": "cats", "reason": "x"} if broken else None

        server, images = self.labelled(script, "--max-retries", "1", labellers=("openai:l1",), code=2)
        self.assertEqual([image["state"] for image in images], ["kept", "unlabelled", "kept", "kept"])
        self.assertEqual(self.pairs(), [])
        sound = True
        self.build(server, source=self.folder / "unlabelled", labellers=("openai:l1",))
        self.assertEqual(self.states(), {"ready": 12})
        self.build(self.server(), source=self.folder / "unlabelled", labellers=("openai:l1",), out="straight")
        self.assertEqual(self.bytes_of(), self.bytes_of("straight"))

    def test_nobody_labels(self):
        _, images = self.labelled(labellers=())
        self.assertEqual({image["state"] for image in images}, {"unlabelled"})
        self.assertEqual(self.pairs(), [])


class Endpoints(Build):
    def test_response_format_that_is_refused(self):
        server = self.server(takes_schema=False)
        done = self.build(server)
        self.assertEqual(self.states(), {"ready": 15})
        said = [line for line in done.stderr.splitlines() if "response_format" in line]
        self.assertEqual(len(said), 2, done.stderr)  # of the writer, and of the checker: once each
        for asked in server.asked:
            self.assertNotIn("response_format", asked.body)
            self.assertIn(f"`{asked.step}`", asked.text)
            for field in next(fields for fields, step in fake.FIELDS.items() if step == asked.step):
                self.assertIn(f'"{field}"', asked.text)
        shutil.rmtree(self.folder / "work")
        self.build(self.server(), out="straight")

    def test_refused_key_stops_everything(self):
        for status in (401, 403):
            server = self.server()
            server.status = status
            out = f"work-{status}"
            done = self.build(server, code=2, out=out)
            self.assertIn("the same command goes on from there", done.stderr)
            self.assertLessEqual(server.requests, 8)
            server.status = None
            self.build(server, out=out)
            self.assertEqual(self.states(out), {"ready": 15})

    def test_faults_change_nothing(self):
        self.build(self.server(), "--pairs-per-type", "2")
        server = self.server(fault_rate=0.4, seed=2)
        self.build(server, "--pairs-per-type", "2", "--concurrency", "3", out="faults")
        self.assertGreater(sum(server.faults.values()), 20)
        self.assertEqual(self.bytes_of(), self.bytes_of("faults"))
        self.assertGreater(sum(self.summary("faults")["faults"].values()), 20)

    def test_each_provider_live_and_in_batches(self):
        for provider in ("openai", "anthropic", "gemini"):
            files = []
            for flags in ((), ("--batch", "--batch-rows", "4")):
                with self.subTest(provider, flags=flags):
                    server = self.server()
                    # A third of a batch's rows fails at first, a third gets lost.
                    server.row_fault = lambda _, number, batch: ("again", "missing", None)[number % 3] if batch < 3 else None
                    out = f"{provider}-{len(flags)}"
                    self.build(server, *flags, writers=(f"{provider}:w",), checker=f"{provider}:c", out=out)
                    self.assertEqual(self.states(out), {"ready": 15})
                    self.assertEqual(bool(server.batches), bool(flags))
                    files.append(self.bytes_of(out))
            self.assertEqual(files[0], files[1])

    def test_killed_while_batches_are_under_way(self):
        server = self.server()
        server.looks = 10**9
        process = subprocess.Popen(self.arguments(server, "--batch"), stderr=subprocess.PIPE, env=self.environment)
        while not any(batch["looks"] for batch in server.batches.values()):
            time.sleep(0.01)
        process.kill()
        process.communicate()
        server.looks = 1
        self.build(server, "--batch")
        self.assertEqual(sum(len(batch["rows"]) for batch in server.batches.values()), 4 * 15)
        self.assertEqual(self.states(), {"ready": 15})


class Kills(Build):
    def script(self, asked, tries):
        """A bit of everything."""
        number = int(asked.key[:6], 16)
        if asked.step == "holisafe_instruction" and asked.model == "w" and number % 7 == 0:
            return ("refusal", "No.")
        if asked.step == "holisafe_instruction" and number % 11 == 0:
            return {"instruction": "The same for everybody, of kind 0?"}
        if tries == 1 and number % 5 == 0:
            return "broken {"
        if asked.step == "holisafe_check" and number % 4 == 0:
            return {"image_safe": True, "text_safe": False, "together_safe": True, "reason": "no"}
        return None

    def test_kills_lose_and_repeat_nothing(self):
        flags = ("--pairs-per-type", "3", "--concurrency", "4")
        options = {"writers": ("openai:w", "openai:second")}
        self.build(self.server(self.script), *flags, out="straight", **options)
        server = self.server(self.script, fault_rate=0.1, seed=5)
        server.delay = 0.01
        kills = 0
        for number in range(20):
            target = len(server.asked) + 5 + number
            process = subprocess.Popen(self.arguments(server, *flags, **options), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=self.environment)
            while process.poll() is None and len(server.asked) < target:
                time.sleep(0.002)
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.assertGreater(kills, 10)
        self.build(server, *flags, **options)
        self.assertEqual(self.bytes_of(), self.bytes_of("straight"))
        again = len(server.asked) - self.summary()["calls"]["write"] - self.summary()["calls"]["check"] - self.summary()["calls"]["answer"]
        self.assertLessEqual(again, 4 * kills)  # what was in flight at a kill

    def test_interrupted_goes_on(self):
        self.build(self.server(), out="straight")
        server = self.server()
        server.delay = 0.05
        process = subprocess.Popen(self.arguments(server, "--concurrency", "2"), stderr=subprocess.PIPE, text=True,
                                   env=self.environment)
        while len(server.asked) < 5:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
        self.assertEqual(process.returncode, 130, said)
        self.assertIn("the same command goes on from there", said)
        asked = len(server.asked)
        self.assertEqual(sum(self.summary()["calls"].values()), asked)
        server.delay = 0
        self.build(server)
        self.assertEqual(len(server.asked), 60)
        self.assertEqual(self.bytes_of(), self.bytes_of("straight"))


if __name__ == "__main__":
    unittest.main()
