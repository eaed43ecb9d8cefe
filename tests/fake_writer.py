"""A server on loopback that stands for the writers, checkers and labellers of `data build`: the three providers' chat and batch
APIs of judge_server.py, with answers that depend on nothing but what is asked, and declines and breaks as a script says."""

import hashlib
import json
import re

import judge_server as fake

TYPES = ["SSS", "SSU", "USU", "SUU", "UUU"]
FIELDS = {("label", "reason"): "holisafe_label", ("instruction",): "holisafe_instruction",
          ("image_safe", "text_safe", "together_safe", "reason"): "holisafe_check",
          ("harmful", "reveals_image", "reason"): "holisafe_text_check", ("response",): "holisafe_response"}
REFUSAL = "I'm sorry, but I can't help with that: it could hurt somebody."


class Asked:
    """One question as it came."""

    def __init__(self, provider, body):
        self.provider, self.body = provider, body
        self.text = fake.text_in(body)
        self.schema = self.find_schema()
        self.step = self.find_step()
        images = [part for part in fake.parts_in(body) if "text" not in part]
        self.mime_type, self.image = fake.image_in(body) if images else (None, None)
        self.model = body.get("model")
        lines = dict(re.findall(r"^(combination|subcategory): (\S+)$", self.text, re.MULTILINE))
        self.type, self.subcategory = lines.get("combination"), lines.get("subcategory")
        self.instruction = self.text.split("\n---\n", 1)[1] if "\n---\n" in self.text else None
        kind = re.search(r"kind (\d)", self.instruction or "")
        self.kind = TYPES[int(kind.group(1))] if kind else None

    def find_schema(self):
        if "response_format" in self.body:
            return self.body["response_format"]["json_schema"]["schema"]
        if "output_config" in self.body:
            return self.body["output_config"]["format"]["schema"]
        return self.body.get("generationConfig", {}).get("responseSchema")

    def find_step(self):
        if self.schema:
            return FIELDS[tuple(self.schema["properties"])]
        named = re.findall(r"`(holisafe_\w+)`", self.text)
        assert len(named) == 1, self.text
        return named[0]

    @property
    def sha256(self):
        return hashlib.sha256(self.image).hexdigest() if self.image else None

    @property
    def key(self):
        """The same for the same question, however often it is put."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


def usual(asked, labels=None):
    """What everybody says unless the script says otherwise."""
    if asked.step == "holisafe_label":
        return {"label": (labels or {}).get(asked.sha256, "safe"), "reason": "it looks like it"}
    if asked.step == "holisafe_instruction":
        return {"instruction": f"Question of kind {TYPES.index(asked.type)} with the number {asked.key[:12]}: what is it for?"}
    safe = [letter == "S" for letter in asked.kind or "SSS"]
    if asked.step == "holisafe_check":
        return {"image_safe": safe[0], "text_safe": safe[1], "together_safe": safe[2], "reason": "as \u201cseen\u201d"}
    if asked.step == "holisafe_text_check":
        return {"harmful": not safe[1], "reveals_image": False, "reason": "as read"}
    return {"response": "It is a thing that is used every day." if safe[2] else REFUSAL}


class Writer(fake.Server):
    """`script(asked, tries)` gives what is said to a question that is put for the `tries`th time (from 1): nothing (as usual), an
    object, a text, or one of

        ("refusal", text)              a text in the field for refusals
        ("filter",)                    finish_reason content_filter
        ("filter 400",)                HTTP 400 with that code
        ("cut", text)                  finish_reason length
        ("json", status, object)       that status and body
    """

    def __init__(self, script=None, labels=None, takes_schema=True, **options):
        super().__init__(None, **options)
        self.script = script or (lambda asked, tries: None)
        self.labels = labels
        self.takes_schema = takes_schema
        self.asked = []  # what was answered, in the order of answers
        self.paths = set()
        self.times = {}

    def route(self, http, body):
        self.paths.add(http.path)
        return super().route(http, body)

    def said(self, provider, body):
        asked = Asked(provider, body)
        with self.lock:
            self.times[asked.key] = tries = self.times.get(asked.key, 0) + 1
            self.asked.append(asked)
        said = self.script(asked, tries)
        if said is None:
            said = usual(asked, self.labels)
        return json.dumps(said) if isinstance(said, dict) else said

    def judge(self, provider, body, headers=None):
        said = self.said(provider, body)
        return said if isinstance(said, str) else "I'm sorry, no."

    def openai(self, http, path, body):
        if path != "/v1/chat/completions":
            return super().openai(http, path, body)
        body = json.loads(body)
        if not self.takes_schema and "response_format" in body:
            return 400, {"error": {"message": "response_format is not supported", "type": "invalid_request_error"}}, ()
        said = self.said("openai", body)
        answer = fake.openai_answer(said if isinstance(said, str) else None)
        answer["usage"] = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
        choice = answer["choices"][0]
        if isinstance(said, str):
            return 200, answer, ()
        if said[0] == "json":
            return said[1], said[2], ()
        if said[0] == "filter 400":
            return 400, {"error": {"message": "The response was filtered", "code": "content_filter"}}, ()
        if said[0] == "refusal":
            choice["message"]["refusal"] = said[1]
        elif said[0] == "filter":
            choice["finish_reason"] = "content_filter"
        elif said[0] == "cut":
            choice["message"]["content"] = said[1]
            choice["finish_reason"] = "length"
        return 200, answer, ()

    def rows_of(self, batch):
        for number, (id_, body) in enumerate(batch["rows"]):
            fault = self.row_fault(batch["provider"], number, batch["number"])
            yield number, id_, None if fault else self.judge(batch["provider"], body), fault

    def steps(self):
        """How often each step was answered."""
        out = {}
        for asked in self.asked:
            out[asked.step] = out.get(asked.step, 0) + 1
        return out
