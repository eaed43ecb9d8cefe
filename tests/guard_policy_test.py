"""`holisafe guard --policy` against the rules of a policy, written down once more here."""

import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

from PIL import Image

from score_reference import CATEGORIES, SUBCATEGORIES

PROGRAM = os.environ["HOLISAFE_BIN"]
ACTIONS = ["allow", "warn", "review", "block"]


def decision(policy, scores):
    """(action, fired) of scores by class."""
    rules = {}
    for category, classes in CATEGORIES.items():
        for name in classes:
            tables = [policy["classes"].get(name, {}), policy["categories"].get(category, {}), policy["default"]]
            rules[name] = [next(table[key] for table in tables if key in table) for key in ("action", "threshold")]
    judged = [name for name, (action, _) in rules.items() if action != "allow"]
    fired = {name for name in judged if scores[name] >= rules[name][1]}
    if judged and sum(scores[name] for name in judged) >= policy["unsafe_threshold"]:
        fired.add(max(judged, key=lambda name: scores[name]))
    return max((rules[name][0] for name in fired), key=ACTIONS.index, default="allow"), fired


def random_policy(draw):
    def table():
        out = {}
        if draw.random() < 0.7:
            out["action"] = draw.choice(ACTIONS)
        if draw.random() < 0.7:
            out["threshold"] = round(draw.uniform(0, 0.2), 3)
        return out

    names = [name for _, name in SUBCATEGORIES]
    return {
        "unsafe_threshold": draw.choice([0.3, 0.7, 0.9, 1]),
        "default": {"action": draw.choice(ACTIONS), "threshold": draw.choice([0.05, 0.5, 1])},
        "categories": {name: table() for name in draw.sample(list(CATEGORIES), 3)},
        "classes": {name: table() for name in draw.sample(names, 5)},
    }


def as_toml(policy):
    lines = ['format = "holisafe-policy/1"', 'name = "drawn"', 'version = "1"', f"unsafe_threshold = {policy['unsafe_threshold']}"]
    tables = [("default", policy["default"])]
    tables += [(f"{kind}.{name}", table) for kind in ("categories", "classes") for name, table in policy[kind].items()]
    for name, table in tables:
        lines += [f"[{name}]"] + [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


class GuardPolicy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.model = cls.root / "model"
        subprocess.run([PROGRAM, "model", "synth", "--family", "llava", "--preset", "tiny", "--seed", "4", "--guard", "--out", cls.model],
                       check=True, capture_output=True)
        cls.images = []
        draw = random.Random(5)
        for i in range(6):
            small = Image.frombytes("RGB", (4, 4), draw.randbytes(48))
            small.resize((56, 56), Image.Resampling.NEAREST).save(cls.root / f"{i}.png")
            cls.images.append(cls.root / f"{i}.png")

    def guard(self, *flags, images=None):
        return subprocess.run([PROGRAM, "guard", "--model", self.model, *flags, *(images or self.images)], capture_output=True, text=True)

    def policy(self, text):
        file = self.root / "policy.toml"
        file.write_text(text)
        return file

    def test_actions_are_those_of_the_rules(self):
        draw = random.Random(6)
        seen = set()
        for _ in range(12):
            policy = random_policy(draw)
            done = self.guard("--json", "--policy", self.policy(as_toml(policy)))
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(rows), len(self.images), done.stderr)
            for row in rows:
                action, fired = decision(policy, row["scores"])
                self.assertEqual((row["action"], set(row["fired"])), (action, fired), as_toml(policy))
                self.assertEqual(row["flagged"], bool(fired))
                self.assertEqual(row["policy"], {"name": "drawn", "version": "1"})
                seen.add(action)
            self.assertEqual(done.returncode, 1 if any(row["flagged"] for row in rows) else 0)
        self.assertGreater(len(seen), 2)  # else nothing was told apart

    def test_scores_are_those_without_a_policy(self):
        policy = self.policy(as_toml(random_policy(random.Random(7))))
        with_policy, without = (self.guard("--json", *flags).stdout.splitlines() for flags in (["--policy", policy], []))
        for one, other in zip(with_policy, without, strict=True):
            self.assertEqual(json.loads(one)["scores"], json.loads(other)["scores"])

    def test_a_bad_policy_is_one_line_with_file_and_key(self):
        good = as_toml(random_policy(random.Random(8)))
        for changed, named in {
            good.replace("holisafe-policy/1", "holisafe-policy/2"): "format",
            good.replace('version = "1"\n', ""): "version",
            good + "[classes.sexual_contents]\naction = \"warn\"\n": "sexual_contents",
            good + "[refusal]\ntext = 3\n": "refusal.text",
            good.replace("[default]", "[default]\nactoin = \"warn\""): "actoin",
            good.replace("unsafe_threshold = ", "unsafe_threshold = 1"): "unsafe_threshold",
            good + "[": "policy.toml",
        }.items():
            done = self.guard("--policy", self.policy(changed))
            self.assertEqual(done.returncode, 2, changed)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn("policy.toml", done.stderr)
            self.assertIn(named, done.stderr)

    def test_an_unreadable_picture_has_no_action(self):
        broken = self.root / "broken.png"
        broken.write_bytes(b"\x89PNG\r\n\x1a\n")
        done = self.guard("--json", "--policy", self.policy(as_toml(random_policy(random.Random(9)))), images=[broken])
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("action", json.loads(done.stdout))


if __name__ == "__main__":
    unittest.main()
