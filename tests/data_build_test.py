"""`holisafe data build` against a fake server of writers, checkers and labellers (fake_writer.py): what is asked, to the letter,
and what becomes of a pair."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_writer as fake  # noqa: E402
from data_build_case import PROGRAM, SAFE_TYPES, UNSAFE_TYPES, Build, picture  # noqa: E402

TYPES = fake.TYPES


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


if __name__ == "__main__":
    unittest.main()
