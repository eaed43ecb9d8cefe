"""`holisafe data build` against a fake server of writers, checkers and labellers (fake_writer.py): what is asked, to the letter,
what becomes of a pair, and the same files whatever faults and kills came between."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_writer as fake  # noqa: E402
import judge_server  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

PROGRAM = os.environ["HOLISAFE_BIN"]
TYPES = fake.TYPES
SAFE_TYPES, UNSAFE_TYPES = ["SSS", "SSU", "SUU"], ["USU", "UUU"]


def picture(seed, size=128):
    """A picture unlike any other: blobs of colour."""
    rng = numpy.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=numpy.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.images = pathlib.Path(cls.shared.name) / "images"
        formats = ["png", "jpg", "webp", "gif"]
        for number, label in enumerate(["safe", "safe", "safe", "race", "weapon_related_violence", "gender_discrimination"]):
            folder = cls.images / "some" / label
            folder.mkdir(parents=True, exist_ok=True)
            picture(number).save(folder / f"{number}.{formats[number % 4]}")
        (cls.images / "notes.txt").write_text("no image")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "HOLISAFE_API_KEY": judge_server.KEY}

    def server(self, script=None, **options):
        server = fake.Writer(script, **options)
        self.addCleanup(server.close)
        return server

    def arguments(self, server, *flags, writers=("openai:w",), checker="openai:c", labellers=(), source=None, out="work"):
        paths = {"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta"}
        spec = lambda text: text if text.startswith("guard:") else f"{text}@{server.url}{paths[text.split(':')[0]]}"  # noqa: E731
        out = [PROGRAM, "data", "build", source or self.images, "--out", self.folder / out]
        for writer in writers:
            out += ["--writer", spec(writer)]
        for labeller in labellers:
            out += ["--labeller", spec(labeller)]
        if checker:
            out += ["--checker", spec(checker)]
        return [str(each) for each in [*out, *flags]]

    def build(self, server, *flags, code=0, **options):
        done = subprocess.run(self.arguments(server, *flags, **options), capture_output=True, text=True, env=self.environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn(judge_server.KEY, done.stdout + done.stderr)
        return done

    def rows(self, file, out="work"):
        return [json.loads(line) for line in (self.folder / out / file).read_text().splitlines()]

    def pairs(self, out="work"):
        return self.rows("pairs.jsonl", out)

    def summary(self, out="work"):
        return json.loads((self.folder / out / "summary.json").read_text())

    def states(self, out="work"):
        counts = {}
        for pair in self.pairs(out):
            counts[pair["state"]] = counts.get(pair["state"], 0) + 1
        return counts

    def bytes_of(self, out="work"):
        return {name: (self.folder / out / name).read_bytes() for name in ("images.jsonl", "pairs.jsonl", "report.html")}

    def one_type(self, type_, script, *flags, code=0, source=None, **options):
        """A build of that combination alone; its pairs."""
        server = self.server(script)
        out = f"work-{type_}-{len(list(self.folder.iterdir()))}"
        self.build(server, "--types", type_, *flags, code=code, out=out, source=source, **options)
        return self.pairs(out), server


class Straight(Build):
    def test_every_pair_is_made(self):
        server = self.server()
        done = self.build(server, "--json", "--license", "CC0", "--pairs-per-type", "2")
        summary = json.loads(done.stdout)
        self.assertEqual(summary, self.summary())
        images, pairs = self.rows("images.jsonl"), self.pairs()
        self.assertEqual([image["id"] for image in images], list(range(6)))
        self.assertEqual({image["state"] for image in images}, {"kept"})
        self.assertEqual(len(pairs), 2 * (3 * 3 + 3 * 2))
        self.assertEqual([pair["id"] for pair in pairs], list(range(30)))
        for pair in pairs:
            image = images[pair["image_id"]]
            self.assertEqual(pair["state"], "ready", pair)
            self.assertIn(pair["type"], SAFE_TYPES if image["label"] == "safe" else UNSAFE_TYPES)
            self.assertEqual((pair["writer"], pair["checker"], pair["rewrites"]), ("openai:w", "openai:c", 0))
            self.assertEqual(pair["response"] == fake.REFUSAL, pair["type"] != "SSS")
            self.assertRegex(pair["instruction"], f"kind {TYPES.index(pair['type'])} ")
            self.assertRegex(pair["prompt_sha256"], "^[0-9a-f]{64}$")
            if image["label"] != "safe":
                self.assertEqual(pair["subcategory"], image["label"])
        self.assertEqual(summary["pairs"]["ready"], 30)
        self.assertEqual(summary["calls"], {"label": 0, "write": 30, "check": 60, "answer": 30})
        self.assertEqual(summary["tokens"], {"input": 1200, "output": 360})
        self.assertEqual(summary["writers"], {"openai:w": 30})
        self.assertTrue((self.folder / "work" / "report.html").exists())

    def test_requests_to_the_letter(self):
        server = self.server()
        self.build(server)
        self.assertEqual(server.paths, {"/v1/chat/completions"})
        files = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in self.images.rglob("*") if file.is_file()}
        for asked in server.asked:
            body = asked.body
            self.assertEqual(len(body["messages"]), 1)
            self.assertEqual(body["messages"][0]["role"], "user")
            self.assertGreater(body["max_tokens"], 0)
            self.assertFalse(body.get("stream", False))
            wanted = body["response_format"]
            self.assertEqual(wanted["type"], "json_schema")
            self.assertEqual(set(wanted["json_schema"]), {"name", "strict", "schema"})
            self.assertEqual(wanted["json_schema"]["name"], asked.step)
            self.assertIs(wanted["json_schema"]["strict"], True)
            schema = wanted["json_schema"]["schema"]
            self.assertIs(schema["additionalProperties"], False)
            self.assertEqual(schema["required"], list(schema["properties"]))
            self.assertEqual(asked.image is None, asked.step == "holisafe_text_check")
            if asked.image:
                suffix = files[asked.sha256].suffix[1:].replace("jpg", "jpeg")
                self.assertEqual(asked.mime_type, f"image/{suffix}")
            lines = asked.text.splitlines()
            if asked.step == "holisafe_instruction":
                for name, value in (("combination", asked.type), ("subcategory", asked.subcategory)):
                    self.assertEqual(lines.count(f"{name}: {value}"), 1)
                    self.assertEqual(asked.text.count(f"{name}: "), 1)
            else:
                self.assertRegex(asked.instruction, "^Question of kind . with the number .*: what is it for\\?$")
            if "check" in asked.step:
                for word in (*TYPES, "combination", "subcategory"):
                    self.assertNotIn(word, asked.text)

    def test_the_same_command_asks_nothing_again(self):
        server = self.server()
        self.build(server)
        before, requests = self.bytes_of(), server.requests
        self.build(server)
        self.assertEqual(server.requests, requests)
        self.assertEqual(self.bytes_of(), before)

    def test_what_differs_is_refused_by_name(self):
        server = self.server()
        self.build(server)
        for flags, name in ((("--seed", "7"), "seed"), (("--types", "SSS"), "types"), (("--pairs-per-type", "2"), "pairs-per-type"),
                            (("--near-duplicates", "keep"), "near-duplicates")):
            self.assertIn(name, self.build(server, *flags, code=2).stderr)
        other = self.folder / "other"
        shutil.copytree(self.images, other)
        self.assertIn("source", self.build(server, source=other, code=2).stderr)

    def test_a_file_more_is_taken_in(self):
        source = self.folder / "source"
        shutil.copytree(self.images, source)
        server = self.server()
        self.build(server, source=source)
        before, requests = self.pairs(), len(server.asked)
        picture(77).save(source / "some" / "race" / "a.png")
        self.build(server, source=source)
        self.assertEqual(len(server.asked) - requests, 2 * 4)
        self.assertEqual(self.pairs()[:15], before)
        self.assertEqual([pair["state"] for pair in self.pairs()[15:]], ["ready", "ready"])

    def test_usage(self):
        server = self.server()
        self.assertIn("--checker", self.build(server, checker=None, code=2).stderr)
        self.assertIn("--writer", self.build(server, writers=(), code=2).stderr)
        self.assertIn("--language", self.build(server, "--language", "xx", code=2).stderr)
        self.assertIn("--types", self.build(server, "--types", "SSS,USS", code=2).stderr)
        self.assertIn("twice", self.build(server, writers=("openai:w", "openai:w"), code=2).stderr)
        for spec in ("openai", "nobody:m", "openai:", "guard:x"):
            done = subprocess.run([PROGRAM, "data", "build", self.images, "--out", self.folder / "w", "--no-check", "--writer", spec],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--writer", done.stderr)
        self.assertEqual(server.requests, 0)

    def test_one_model_for_both_is_said(self):
        server = self.server()
        self.assertIn("openai:w checks what it wrote itself", self.build(server, checker="openai:w").stderr)
        self.assertEqual({asked.model for asked in server.asked}, {"w"})

    def test_dry_run_asks_nothing_and_makes_nothing(self):
        server = self.server()
        cost = json.loads(self.build(server, "--dry-run", "--json").stdout)
        self.assertEqual(list(cost), ["images", "pairs", "calls", "input_tokens", "output_tokens"])
        self.assertEqual((cost["images"], cost["pairs"]), (6, 15))
        self.assertEqual(cost["calls"], {"label": 0, "write": 15, "check": 30, "answer": 15})
        self.assertGreater(cost["input_tokens"], 45 * 765)
        self.assertEqual(server.requests, 0)
        self.assertFalse((self.folder / "work").exists())
        cost = json.loads(self.build(server, "--dry-run", "--json", "--no-check", "--no-answers", checker=None).stdout)
        self.assertEqual(cost["calls"], {"label": 0, "write": 15, "check": 0, "answer": 0})

    def test_without_checks_or_answers(self):
        server = self.server()
        self.build(server, "--no-check", "--no-answers", checker=None)
        self.assertEqual(server.steps(), {"holisafe_instruction": 15})
        self.assertEqual({(pair["state"], pair["response"] or None, pair["checker"] or None) for pair in self.pairs()},
                         {("ready", None, None)})

    def test_fail_cell(self):
        server = self.server()
        self.build(server, "--fail-cell", "1")
        done = self.build(server, "--fail-cell", "2", code=1)
        self.assertIn("race USU: 1 ready pairs, expected at least 2", done.stderr)


class WhatBecomesOfPairs(Build):
    def test_declines_in_all_their_shapes_fall_to_the_next_writer(self):
        shapes = [("refusal", "No."), ("filter",), ("filter 400",), "I can't help with that.",
                  "I\u2019m sorry, but I won\u2019t write this.", {"instruction": "I cannot assist with that request."}]

        def script(asked, tries):
            if asked.step == "holisafe_instruction" and asked.model == "w":
                return shapes[TYPES.index(asked.type) if asked.type != "UUU" else 4 + int(asked.subcategory == "race")]
            return None

        server = self.server(script)
        self.build(server, writers=("openai:w", "openai:second"))
        self.assertEqual(self.states(), {"ready": 15})
        self.assertEqual({pair["writer"] for pair in self.pairs()}, {"openai:second"})
        self.assertEqual(len([asked for asked in server.asked if asked.model == "w"]), 15)

    def test_declined_by_all_is_final_until_another_is_named(self):
        def script(asked, tries):
            if asked.step == "holisafe_instruction" and asked.model != "third" and asked.type == "UUU":
                return ("refusal", f"No, says {asked.model}.")
            return None

        server = self.server(script)
        self.build(server, writers=("openai:w", "openai:second"))
        self.assertEqual(self.states(), {"ready": 12, "declined": 3})
        for pair in self.pairs():
            if pair["state"] == "declined":
                self.assertEqual(pair["type"], "UUU")
                self.assertIn("openai:w: No, says w.", pair["reason"])
                self.assertIn("openai:second: No, says second.", pair["reason"])
        asked = len(server.asked)
        self.build(server, writers=("openai:w", "openai:second"))
        self.assertEqual(len(server.asked), asked)
        self.build(server, writers=("openai:w", "openai:second", "openai:third"))
        self.assertEqual(self.states(), {"ready": 15})
        self.assertEqual({each.model for each in server.asked[asked:]}, {"third", "c"})

    def test_rewritten_until_it_passes(self):
        wrong = {}

        def script(asked, tries):
            if asked.step == "holisafe_check" and asked.kind == "SSU":
                wrong[asked.sha256] = wrong.get(asked.sha256, 0) + 1
                if wrong[asked.sha256] <= 2:
                    return {"image_safe": True, "text_safe": True, "together_safe": True, "reason": "harmless"}
            return None

        server = self.server(script)
        self.build(server)
        self.assertEqual(self.states(), {"ready": 15})
        self.assertEqual({pair["rewrites"] for pair in self.pairs() if pair["type"] == "SSU"}, {2})
        self.assertEqual({pair["rewrites"] for pair in self.pairs() if pair["type"] != "SSU"}, {0})
        written = {}
        for asked in server.asked:
            if asked.step == "holisafe_instruction" and asked.type == "SSU":
                written.setdefault(asked.sha256, []).append(asked)
        for tries in written.values():
            self.assertEqual(len(tries), 3)
            self.assertNotIn("taken back", tries[0].text)
            self.assertIn("taken back", tries[1].text)
            self.assertEqual(len({each.body["seed"] for each in tries}), 3)

    def test_mismatch_and_leaks(self):
        def mismatch(asked, tries):
            if asked.step == "holisafe_check":
                return {"image_safe": False, "text_safe": True, "together_safe": False, "reason": "a knife"}
            return None

        pairs, server = self.one_type("SSU", mismatch)
        self.assertEqual({pair["state"] for pair in pairs}, {"mismatch"})
        self.assertEqual({pair["rewrites"] for pair in pairs}, {2})
        self.assertEqual(server.steps(), {"holisafe_instruction": 9, "holisafe_check": 9, "holisafe_text_check": 9})
        self.assertIn("found USU, planned SSU: a knife", pairs[0]["reason"])
        self.assertTrue(pairs[0]["instruction"])
        pairs, _ = self.one_type("SSU", mismatch, "--rewrites", "0")
        self.assertEqual({pair["rewrites"] for pair in pairs}, {0})

        def text_says(harmful, reveals):
            def script(asked, tries):
                if asked.step == "holisafe_text_check":
                    return {"harmful": harmful, "reveals_image": reveals, "reason": "so it is"}
                return None
            return script

        for type_ in TYPES:
            for harmful in (False, True):
                for reveals in (False, True):
                    pairs, _ = self.one_type(type_, text_says(harmful, reveals), "--rewrites", "0")
                    leaks = harmful != (type_[1] == "U") or (reveals and type_ in ("SSU", "USU"))
                    self.assertEqual({pair["state"] for pair in pairs}, {"leaks" if leaks else "ready"},
                                     (type_, harmful, reveals))

    def test_answers_begin_as_they_must(self):
        def script(asked, tries):
            if asked.step != "holisafe_response":
                return None
            number = sum(each.step == asked.step and each.instruction == asked.instruction for each in server.asked)
            good = number > 2 if asked.kind in ("SSS", "UUU") else False
            refuses = (asked.kind != "SSS") == good
            return {"response": "I cannot help with that." if refuses else "Sure, I can't wait to: will not help."}

        server = self.server(script)
        self.build(server)
        for pair in self.pairs():
            good = pair["type"] in ("SSS", "UUU")
            self.assertEqual((pair["state"], pair["filter"] or None), ("ready", None) if good else ("filtered", "response"), pair)

    def test_filters(self):
        def says(text):
            return lambda asked, tries: {"instruction": text} if asked.step == "holisafe_instruction" else None

        for text, flags, filter_ in (("What? " * 400, (), "length"), ("?", (), "length"),
                                     ("Comment puis-je faire cela dans la cuisine de ma maison ?", ("--language", "en"), "language"),
                                     ("Как это сделать дома?", ("--language", "en"), "language")):
            pairs, _ = self.one_type("SSS", says(text), *flags)
            self.assertEqual({(pair["state"], pair["filter"]) for pair in pairs}, {("filtered", filter_)}, text)
            self.assertTrue(all(pair["reason"] for pair in pairs))
        pairs, _ = self.one_type("SSS", says("What is this thing for?"), "--language", "en", "--pairs-per-type", "3")
        self.assertEqual([(pair["state"], pair["filter"] or None) for pair in pairs],
                         [("ready", None), ("filtered", "duplicate"), ("filtered", "duplicate")] * 3)

    def test_broken_is_tried_again_and_fails_in_the_end(self):
        fences = "Here you are:\n```json\n{}\n```\nAnything else?"
        shapes = ["", "no object", "{", '{"instruction": 7}', '{"text": "What is this?"}', '{"type": "object", "properties": {}}']

        def script(asked, tries):
            if asked.step == "holisafe_instruction":
                if tries <= 2:
                    return ("cut", json.dumps(fake.usual(asked))) if tries == 1 else shapes[int(asked.key[:4], 16) % len(shapes)]
                return fences.format(json.dumps(fake.usual(asked)))
            return None

        server = self.server(script)
        self.build(server, "--max-retries", "2")
        self.assertEqual(self.states(), {"ready": 15})
        self.assertEqual(server.steps()["holisafe_instruction"], 45)
        self.assertEqual(self.summary()["faults"]["malformed"], 30)

    def test_failed_is_asked_again_by_the_same_command(self):
        sound = False

        def script(asked, tries):
            return "not now" if asked.step == "holisafe_text_check" and asked.kind == "UUU" and not sound else None

        server = self.server(script)
        done = self.build(server, "--max-retries", "1", code=2)
        self.assertIn("the same command asks for those again", done.stderr)
        self.assertEqual(self.states(), {"ready": 12, "failed": 3})
        self.assertEqual(self.summary()["pairs"]["failed"], 3)
        self.assertEqual(server.steps()["holisafe_text_check"], 12 + 6)
        self.assertTrue(all(pair["reason"] for pair in self.pairs() if pair["state"] == "failed"))
        sound, before = True, len(server.asked)
        self.build(server, "--max-retries", "1")
        self.assertEqual(self.states(), {"ready": 15})
        self.assertEqual([each.step for each in server.asked[before:]], ["holisafe_text_check"] * 3 + ["holisafe_response"] * 3)
        self.build(self.server(), out="straight")
        self.assertEqual(self.bytes_of()["pairs.jsonl"], self.bytes_of("straight")["pairs.jsonl"])

    def test_checker_that_declines_fails_the_pair(self):
        server = self.server(lambda asked, tries: ("refusal", "No.") if asked.step == "holisafe_check" else None)
        self.build(server, code=2)
        self.assertEqual(self.states(), {"failed": 15})
        self.assertIn("openai:c declined: No.", self.pairs()[0]["reason"])

    def test_brought_pairs_are_checked_and_never_rewritten(self):
        source = self.folder / "bench"
        rows = []
        for number, type_ in enumerate(TYPES * 2):
            label = 0 if type_[0] == "S" else 2
            name = f"hate/race/{number}.png" if label else f"safe/{number}.png"
            (source / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            picture(100 + number).save(source / "images" / name)
            said = TYPES.index(type_) if number < 5 else (TYPES.index(type_) + 1) % 5
            rows.append({"id": number, "image": name, "query": f"Question of kind {said} number {number}?", "type": type_,
                         "category": "hate", "subcategory": "race", "image_safe": label == 0, "image_safety_label": label})
        (source / "holisafe_bench.json").write_text(json.dumps(rows))
        server = self.server()
        self.build(server, source=source, writers=())
        pairs = self.pairs()
        self.assertEqual([pair["instruction"] for pair in pairs], [row["query"] for row in rows])
        self.assertEqual([pair["state"] for pair in pairs], ["ready"] * 5 + ["mismatch"] * 5)
        self.assertEqual(server.steps(), {"holisafe_check": 10, "holisafe_text_check": 10})
        self.assertEqual({pair["writer"] or None for pair in pairs}, {None})


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
