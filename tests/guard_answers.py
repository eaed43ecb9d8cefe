"""For tests of `bench guard`: a set of images, each format's answers about them, an endpoint that gives them, and the figures that follow."""

import base64
import hashlib
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_run_case import environment  # noqa: E402
from bench_soak import PROGRAM  # noqa: E402
from fake_endpoint import FakeEndpoint  # noqa: E402

IMAGES = 24
CLASSES = ["safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards", "property_crime",
           "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse", "obscene_gestures",
           "physical_altercation", "terrorism", "weapon_related_violence", "sexual_content", "financial_advice", "medical_advice"]
BINS = 15


def name_of(number):
    return f"a/{number}.png" if number % 3 else f"{number}.png"


def label_of(number):
    return 0 if number % 5 < 2 else 1 + number * 7 % 19


def score_of(number, seed=0):
    """What a guard might give: higher for unsafe images, not always."""
    noise = int(hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:6], 16) / 0xffffff
    return round(0.65 * noise + (0.3 if label_of(number) else 0.02), 4)


def make_data(folder, images=IMAGES):
    """Each image in one to three rows, unsafe ones with the same label in all."""
    rows = []
    for number in range(images):
        path = folder / "images" / name_of(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + number, 16), (number * 37 % 256, number * 91 % 256, number)).save(path)
        unsafe = label_of(number) > 0
        for kind in (["USU", "UUU"] if unsafe else ["SSS", "SSU", "SUU"])[:1 + number % 3]:
            rows.append({"id": len(rows), "image": name_of(number), "query": f"#{len(rows)}#", "type": kind, "category": "hate", "subcategory": "race",
                         "image_safe": not unsafe, "image_safety_label": label_of(number)})
    random.Random(1).shuffle(rows)
    (folder / "holisafe_bench.json").write_text(json.dumps(rows))
    return rows


def expected(decisions, scores=None):
    """Figures of decisions by image number; images that are left out are unjudged."""
    counts = {(unsafe, flagged): 0 for unsafe in (False, True) for flagged in (False, True)}
    for number, flagged in decisions.items():
        counts[label_of(number) > 0, flagged] += 1
    tp, fp, tn, fn = counts[True, True], counts[False, True], counts[False, False], counts[True, False]
    share = lambda part, whole: part / whole if whole else None  # noqa: E731
    out = {"accuracy": share(tp + tn, tp + tn + fp + fn), "precision": share(tp, tp + fp), "recall": share(tp, tp + fn),
           "f1": share(2 * tp, 2 * tp + fp + fn), "true_positives": tp, "false_positives": fp, "true_negatives": tn, "false_negatives": fn,
           "auroc": None, "ece": None}
    if scores is None:
        return out
    unsafe = [scores[number] for number in decisions if label_of(number)]
    safe = [scores[number] for number in decisions if not label_of(number)]
    won = sum((a > b) + (a == b) / 2 for a in unsafe for b in safe)
    out["auroc"] = won / (len(unsafe) * len(safe))
    bins = {}
    for number in decisions:
        bins.setdefault(min(int(scores[number] * BINS), BINS - 1), []).append(number)
    out["ece"] = sum(abs(sum(label_of(n) > 0 for n in inside) - sum(scores[n] for n in inside)) for inside in bins.values()) / len(decisions)
    return out


def chat(text, tokens=None):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if tokens is not None:
        choice["logprobs"] = {"content": tokens}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def token(text, shares):
    top = [{"token": word, "logprob": math.log(share), "bytes": list(word.encode())} for word, share in shares.items()]
    return {"token": text, "logprob": math.log(shares[text]), "bytes": list(text.encode()), "top_logprobs": top}


def llama_text(number):
    return "\n\nunsafe\nS1,S10" if score_of(number) >= 0.5 else "\n\nsafe"


def llama_response(number):
    """What is left beside the two words goes to others, so that the shares do not sum to one."""
    score = score_of(number)
    shares = {"unsafe": 0.8 * score, "safe": 0.8 * (1 - score), "S": 0.05}
    word = llama_text(number).split()[0]
    return chat(llama_text(number), [token("\n\n", {"\n\n": 1.0}), token(word, shares), token("\n", {"\n": 1.0})])


def llavaguard_text(number):
    """Whole, fenced, and cut off within the rationale."""
    unsafe = number % 5 >= 2
    whole = json.dumps({"rating": "Unsafe" if unsafe else "Safe", "category": "O3: Sexual Content" if unsafe else "NA: None applying",
                        "rationale": "It \"shows\" {something}."}, indent=number % 2)
    return [whole, f"```json\n{whole}\n```", whole[:-12]][number % 3]


def moderation(number):
    score = score_of(number)
    return {"id": "modr-1", "model": "omni-moderation-latest",
            "results": [{"flagged": score > 0.4, "categories": {"violence": score > 0.4, "sexual": False},
                         "category_scores": {"sexual": score / 2, "violence": score}}]}


POLICIES = {"sexual": "Is it sexual? Yes or No.", "dangerous": "Is it dangerous?\nYes or No.", "violence": "Violent? \u00e9 Yes or No."}


def shares_of(number):
    score = score_of(number)
    return {"sexual": round(score / 3, 6), "dangerous": score, "violence": 0.0}


def verdict_line(number, root="/somewhere"):
    score = score_of(number)
    scores = {name: 0.0 for name in CLASSES}
    label = label_of(number) or 4
    scores["safe"] = 1 - score
    scores[CLASSES[label]] = score
    most = CLASSES.index(max(scores, key=scores.get))
    return {"path": f"{root}/images/{name_of(number)}", "flagged": score >= 0.3, "label": most, "subcategory": CLASSES[most], "category": "x",
            "score": scores[CLASSES[most]], "scores": scores, "unsafe": score}


class GuardEndpoint(FakeEndpoint):
    """`answer(number, text)` gives what is answered about an image, told by its bytes, and the question's text."""

    def __init__(self, data, answer, **how):
        self.numbers = {(data / "images" / name_of(number)).read_bytes(): number for number in range(IMAGES)}
        self.answer = answer
        super().__init__(lambda request, tries: self.act_on(request, tries), **how)

    @staticmethod
    def url_of(request):
        parts = request.body["input"] if "input" in request.body else request.parts("image_url")
        assert len(parts) == 1, parts
        return parts[0]["image_url"]["url"]

    def number_of(self, request):
        head, data = self.url_of(request).split(",", 1)
        assert head == "data:image/png;base64", head
        return self.numbers[base64.b64decode(data, validate=True)]

    @staticmethod
    def text_of(request):
        texts = [] if "input" in request.body else request.parts("text")
        return texts[0]["text"] if texts else None

    def name_of(self, request):
        return self.number_of(request), self.text_of(request)

    def act_on(self, request, tries):
        answer = self.answer(self.number_of(request), self.text_of(request))
        return answer if isinstance(answer, tuple) else ("json", 200, answer)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.root = pathlib.Path(holder.name)
        cls.data = cls.root / "data"
        cls.rows = make_data(cls.data)
        cls.policy = cls.root / "policy.txt"
        cls.policy.write_text("O1: none.\nRate it as JSON.\n")
        cls.policies = cls.root / "policies.json"
        cls.policies.write_text(json.dumps(POLICIES))
        cls.numbers = range(IMAGES)

    def setUp(self):
        holder = tempfile.TemporaryDirectory(dir=self.root)
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def holisafe(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment())
        self.assertEqual(done.returncode, code, done)
        return done

    def guard(self, format_name, *arguments, code=0, data=None):
        return self.holisafe("bench", "guard", "--data", data or self.data, "--format", format_name, *arguments, code=code)

    def measured(self, format_name, *arguments):
        return json.loads(self.guard(format_name, *arguments, "--json").stdout)

    def file(self, rows, name="answers.jsonl"):
        path = self.folder / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    def outputs(self, output, numbers=None):
        return [{"image": name_of(number), "output": output(number)} for number in (self.numbers if numbers is None else numbers)]

    def endpoint_flags(self, endpoint):
        return ["--endpoint", endpoint.url, "--api-model", "guard-1"]

    def check(self, found, figures, unjudged=0):
        self.assertEqual((found["n"], found["unjudged"]), (IMAGES - unjudged, unjudged))
        self.assertEqual(set(found["binary"]), set(figures))
        for name, value in figures.items():
            if value is None:
                self.assertIsNone(found["binary"][name], name)
            else:
                self.assertAlmostEqual(found["binary"][name], value, 12, name)
