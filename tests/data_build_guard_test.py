"""A labeller of `data build` that is a checkpoint of ours: `guard:DIR` says what `holisafe guard` says, and costs no call."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data_build_case as case  # noqa: E402


class GuardLabels(case.Build):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = pathlib.Path(cls.shared.name)
        for name, flags in (("seen", ["--guard"]), ("blind", [])):
            subprocess.run([case.PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "3", "--out", root / name,
                            *flags], check=True, capture_output=True)
        cls.unlabelled = root / "unlabelled"
        cls.unlabelled.mkdir()
        formats = ["png", "jpg", "webp", "gif"]
        for number in range(8):
            case.picture(number).save(cls.unlabelled / f"{number}.{formats[number % 4]}")
        judged = subprocess.run([case.PROGRAM, "guard", "--model", root / "seen", "--json", *sorted(cls.unlabelled.iterdir())],
                                capture_output=True, text=True)
        lines = [json.loads(line) for line in judged.stdout.splitlines()]
        cls.verdicts = {pathlib.Path(line["path"]).name: line["subcategory"] or "safe" for line in lines}
        cls.guard = root / "seen"

    def test_labels_are_those_of_guard(self):
        server = self.server()
        self.build(server, source=self.unlabelled, labellers=(f"guard:{self.guard}",))
        images = self.rows("images.jsonl")
        self.assertEqual({image["path"]: image["label"] for image in images}, self.verdicts)
        self.assertGreater(len(set(self.verdicts.values())), 1)
        for image in images:
            self.assertEqual((image["state"], image["labels"]), ("kept", [{"by": "guard:seen", "label": image["label"]}]))
        planned = sum(3 if image["label"] == "safe" else 2 for image in images)
        self.assertEqual(self.states(), {"ready": planned})
        self.assertEqual(self.summary()["calls"]["label"], len(images))
        self.assertNotIn("holisafe_label", server.steps())
        self.assertEqual(len(server.asked), 4 * planned)

    def test_it_is_one_voice_among_others(self):
        first = sorted(self.verdicts)[0]

        def script(asked, tries):
            return {"label": "race", "reason": "so"} if asked.step == "holisafe_label" else None

        server = self.server(script)
        labellers = ("openai:l1", f"guard:{self.guard}", "openai:l2")
        self.build(server, "--concurrency", "3", source=self.unlabelled, labellers=labellers)
        image = next(image for image in self.rows("images.jsonl") if image["path"] == first)
        self.assertNotEqual(self.verdicts[first], "race")
        self.assertEqual(image["labels"], [{"by": "openai:l1", "label": "race"}, {"by": "guard:seen", "label": self.verdicts[first]},
                                           {"by": "openai:l2", "label": "race"}])
        self.assertEqual((image["state"], image["label"]), ("kept", "race"))
        self.assertEqual(server.steps()["holisafe_label"], 2 * len(self.verdicts))
        self.assertIn("guard:seen", (self.folder / "work" / "report.html").read_text())

    def test_what_is_labelled_needs_no_guard_any_more(self):
        guard = self.folder / "seen"
        guard.symlink_to(self.guard)
        server = self.server()
        self.build(server, source=self.unlabelled, labellers=(f"guard:{guard}",))
        before, requests = self.bytes_of(), server.requests
        guard.unlink()
        self.build(server, source=self.unlabelled, labellers=(f"guard:{guard}",))
        self.assertEqual((self.bytes_of(), server.requests), (before, requests))

    def test_a_folder_without_a_guard_is_named_before_anybody_is_asked(self):
        server = self.server()
        for name, said in (("blind", "no guard"), ("nowhere", "cannot open model")):
            folder = self.guard.parent / name
            done = self.build(server, source=self.unlabelled, labellers=("openai:l1", f"guard:{folder}"), code=2)
            self.assertIn(f"{said}: {folder}", done.stderr)
        self.assertEqual(server.requests, 0)


if __name__ == "__main__":
    unittest.main()
