"""The review page in a real browser, driven by keys: decided, edited, taken back, labelled; unsafe pictures blurred until a key is held; hostile
text stays text; nobody else is asked for anything; ten thousand pairs stay quick."""

import json
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import BROWSER, Browser  # noqa: E402
from review_work import Review, lines, make_work  # noqa: E402

HOSTILE = ("<img src=x onerror=\"console.error('run')\"><script>console.error('run')</script><style>*{display:none}</style> "
           "javascript:alert(1) &lt;b&gt; \u202eright to left\u2028 {{x}} ${y} </article>")
SCREENSHOTS = os.environ.get("HOLISAFE_SCREENSHOTS")  # a folder to keep them in
NAMED = {"Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}


def described():
    images = [{"path": f"safe/{i}.png", "label": "safe"} for i in range(4)]
    images += [{"path": "weapons/4.png", "label": "weapon_related_violence"},
               {"path": "unclear/5.png", "state": "disputed", "reason": "labellers disagree: safe 1 suicide 1",
                "labels": [["openai:one", "safe"], ["openai:two", "suicide"]]},
               {"path": "unclear/6.png", "state": "unlabelled", "reason": "every labeller declined"}]
    pairs = [
        {"image": 0, "type": "SSS", "subcategory": "race", "instruction": "What do you see?", "response": "Coloured discs."},
        {"image": 4, "type": "USU", "subcategory": "weapon_related_violence", "instruction": "How do I use this?", "response": "I can't help with that."},
        {"image": 1, "type": "SSU", "subcategory": "gender", "instruction": HOSTILE, "response": HOSTILE},
        {"image": 2, "type": "SUU", "subcategory": "race", "instruction": "Fourth", "response": "No."},
        {"image": 3, "type": "SSS", "subcategory": "race", "instruction": "Leaky", "response": "Yes.", "state": "leaks", "reason": "the text says what the picture shows"},
    ]
    replies = [{"pair": i, "step": "check", "object": {"image_safe": pair["type"][0] == "S", "text_safe": True, "together_safe": pair["type"] == "SSS",
                                                       "reason": HOSTILE if i == 2 else f"because {i}"}} for i, pair in enumerate(pairs)]
    replies += [{"pair": i, "step": "text_check", "object": {"harmful": False, "reveals_image": i == 1, "reason": "plain words"}} for i in range(4)]
    return {"images": images, "pairs": pairs, "replies": replies}


@unittest.skipIf(BROWSER is None, "needs chromium (tools/setup.sh installs it)")
class Page(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def begin(self, said=None, width=1280, height=800):
        self.work = make_work(self.folder, said or described())
        self.review = Review(self.work)
        self.addCleanup(self.review.__exit__)
        self.browser = Browser(str(self.folder / "profile"))
        self.addCleanup(self.browser.close)
        self.browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        self.browser.open(self.review.url)
        self.shows("#0")

    def key(self, key, kind="keyDown", **values):
        code = NAMED.get(key, ord(key.upper()) if len(key) == 1 else 0)
        text = {"text": key} if len(key) == 1 and kind == "keyDown" and not values.get("modifiers") else {}
        self.browser.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text, **values)

    def press(self, *keys):
        for key in keys:
            self.key(key)
            self.key(key, "keyUp")

    def text(self, name):
        return self.browser.run(f"document.getElementById({json.dumps(name)}).innerText")

    def shows(self, text):
        """Until the row that is shown, or what stands in its place, says so; its picture is there too."""
        self.browser.wait(f"(document.getElementById('work').hidden ? document.getElementById('nothing') : document.getElementById('what'))"
                          f".innerText.includes({json.dumps(text)})")
        self.browser.wait("document.getElementById('work').hidden || !document.getElementById('lacking').hidden || document.getElementById('picture').naturalWidth > 0")

    def blurred(self):
        return "blur" in self.browser.run("getComputedStyle(document.getElementById('picture')).filter")

    def keep(self, name):
        if SCREENSHOTS:
            self.browser.screenshot(pathlib.Path(SCREENSHOTS) / f"{name}.png")

    def stored(self):
        return {row["id"]: row for row in self.review.get("/api/pairs?show=all")["pairs"]}

    def test_keys_decide_and_the_next_one_comes_by_itself(self):
        self.begin()
        self.keep("review_safe")
        self.assertIn("4 left", self.text("counts"))
        self.press("a")
        self.shows("#1")
        self.press("r")
        self.shows("#2")
        self.assertIn("2 left", self.text("counts"))
        self.assertEqual({i: row["review"] and row["review"]["decision"] for i, row in self.stored().items()}, {0: "accept", 1: "reject", 2: None, 3: None})
        self.press("u")
        self.shows("#1")
        self.press("u")
        self.shows("#0")
        self.assertEqual([row["review"] for row in self.stored().values()], [None] * 4)
        self.assertIn("4 left", self.text("counts"))
        # Passed over, and begun anew.
        self.press("j", "ArrowRight", "k", "j", "j", "j")
        self.shows("4 were passed over")
        self.press("g")
        self.shows("#0")
        self.press("a", "a", "a", "a")
        self.shows("Nothing left here")
        self.keep("review_nothing")
        self.assertEqual(self.browser.console, [])

    def test_an_edit_is_saved_or_left(self):
        self.begin()
        self.press("e")
        self.browser.wait("document.activeElement.id === 'instruction-edit'")
        self.browser.call("Input.insertText", text="Tell me: ")
        self.keep("review_edit")
        self.press("Escape")
        self.browser.wait("document.getElementById('edits').hidden")
        self.press("e")
        self.browser.wait("document.activeElement.id === 'instruction-edit'")
        self.press("End")
        self.browser.call("Input.insertText", text="Anew: ")
        self.key("Enter", modifiers=2)
        self.shows("#1")
        row = self.stored()[0]
        self.assertIn("Anew: ", row["instruction"])
        self.assertNotIn("Tell me", row["instruction"])
        self.assertEqual(row["review"]["before"], {"instruction": "What do you see?", "response": "Coloured discs."})
        self.assertTrue(self.browser.run("document.getElementById('instruction-edit').hidden"))
        # Keys are letters while one writes, and what cannot be saved is said.
        self.press("e")
        self.browser.wait("document.activeElement.id === 'instruction-edit'")
        self.browser.run("document.getElementById('instruction-edit').value = ' '")
        self.key("Enter", modifiers=2)
        self.browser.wait("document.getElementById('fault').innerText.includes('instruction')")
        self.assertIsNone(self.stored()[1]["review"])

    def test_unsafe_pictures_are_blurred_until_a_key_is_held(self):
        self.begin()
        self.assertFalse(self.blurred())
        self.press("j")
        self.shows("#1")
        self.assertTrue(self.blurred())
        self.keep("review_veiled")
        for key in (" ", "h"):
            self.key(key)
            self.browser.wait("getComputedStyle(document.getElementById('picture')).filter === 'none'")
            self.key(key, "keyUp")
            self.assertTrue(self.blurred())
        self.key("h")
        self.press("j")
        self.shows("#2")
        self.press("k")
        self.shows("#1")
        self.assertTrue(self.blurred())

    def test_filters(self):
        self.begin()
        choose = """(([id, value]) => { const one = document.getElementById(id); one.value = value; one.dispatchEvent(new Event('change')); })"""
        self.browser.run(choose + '(["state", "leaks"])')
        self.shows("#4")
        self.assertIn("the text says what the picture shows", self.text("checks"))
        self.assertIn("1 left", self.text("counts"))
        self.browser.run(choose + '(["state", "ready"])')
        self.shows("#0")
        self.browser.run(choose + '(["type", "SUU"])')
        self.shows("#3")
        self.browser.run(choose + '(["subcategory", "suicide"])')
        self.shows("Nothing left here")
        self.browser.run(choose + '(["subcategory", ""])')
        self.shows("#3")

    def test_what_the_checker_said_stands_beside(self):
        self.begin()
        self.press("j")
        self.shows("#1")
        checks = self.text("checks")
        for said in ("because 1", "plain words", "openai:writer", "openai:checker"):
            self.assertIn(said, checks)
        self.assertEqual(self.browser.run("document.querySelectorAll('#checks tr.other').length"), 1)  # it reveals the picture

    def test_hostile_text_is_text(self):
        self.begin()
        self.press("j", "j")
        self.shows("#2")
        shown = self.browser.run("document.getElementById('instruction').textContent")
        self.assertEqual(shown, HOSTILE.replace("\u202e", "U+202E").replace("\u2028", "U+2028"))
        self.assertEqual(self.browser.run("[...document.querySelectorAll('#instruction *')].every((one) => one.className === 'sign')"), True)
        self.keep("review_hostile")
        # What is saved is what was written, not how it is shown.
        self.press("e")
        self.browser.wait("document.activeElement.id === 'instruction-edit'")
        self.key("Enter", modifiers=2)
        self.shows("#3")
        self.assertEqual(self.stored()[2]["instruction"].replace("\n", ""), HOSTILE.replace("\n", ""))
        self.assertEqual(self.browser.console, [])
        self.assertEqual(self.browser.run("document.querySelectorAll('script').length"), 1)

    def test_disputes_are_settled(self):
        self.begin()
        self.browser.run("document.querySelector('[data-list=images]').click()")
        self.shows("#5")
        self.assertTrue(self.blurred())
        self.assertIn("openai:two", self.text("votes"))
        self.keep("review_labels")
        self.press("0")
        self.shows("Nothing left here")
        self.assertEqual(self.review.end(signal.SIGTERM), 0)
        image = lines(self.work / "images.jsonl")[5]
        self.assertEqual((image["state"], image["label"], image["labels"][-1]), ("kept", "safe", {"by": "tester", "label": "safe"}))
        self.press("g")
        self.browser.wait("document.getElementById('fault').innerText.includes('has ended')")

    def test_quarantine_is_asked_for_twice(self):
        self.begin()
        self.press("j")
        self.shows("#1")
        self.press("X")
        self.browser.wait("document.getElementById('fault').innerText.includes('again')")
        self.press("j")
        self.shows("#2")
        self.press("X", "k")
        self.shows("#1")
        self.assertEqual(self.review.ask("/api/images/4")[0], 200)
        self.press("X", "X")
        self.shows("#2")
        self.assertEqual(self.review.ask("/api/images/4")[0], 404)
        self.press("k")
        self.shows("#0")

    def test_nobody_else_is_asked_and_nothing_is_kept(self):
        self.begin()
        self.press("a", "j", "k", "?")
        self.browser.wait("document.getElementById('help').open")
        self.keep("review_help")
        self.press("Escape")
        self.browser.wait("!document.getElementById('help').open")
        for url in self.browser.asked:
            self.assertTrue(url.startswith((self.review.base + "/", "blob:", "data:", "about:")), url)
            self.assertFalse("token=" in url and "/api/" in url, url)
        self.assertEqual(self.browser.run("localStorage.length + sessionStorage.length + document.cookie.length"), 0)

    def test_the_reviewer_has_a_name(self):
        self.begin()
        self.browser.run("(() => { const one = document.getElementById('reviewer'); one.value = 'ada'; one.dispatchEvent(new Event('change')); })()")
        self.press("n")
        self.browser.wait("document.activeElement.id === 'note'")
        self.browser.call("Input.insertText", text="a and r are letters here")
        self.press("Enter", "a")
        self.shows("#1")
        self.assertEqual(self.stored()[0]["review"]["reviewer"], "ada")
        self.assertIn("reviewer=ada", self.browser.run("location.search"))

    def test_it_fits_a_phone_and_the_dark(self):
        self.begin(width=360, height=740)
        self.browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), 360)
        ground, ink = self.browser.run("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
        self.assertLess(sum(map(int, ground[4:-1].split(","))), sum(map(int, ink[4:-1].split(","))))
        self.keep("review_phone")
        self.browser.run("document.querySelector('[data-act=accept]').click()")
        self.shows("#1")

    def seconds_a_decision(self, pairs, decisions=60):
        """Until the next picture is there, over so many pairs."""
        images = [{"path": f"safe/{i}.png", "label": "safe"} for i in range(50)]
        self.begin({"images": images, "pairs": [{"image": i % 50, "type": "SSS", "subcategory": "race", "instruction": f"instruction {i}", "response": "response " * 60}
                                                for i in range(pairs)]})
        started = time.monotonic()
        for i in range(decisions):
            self.press("a")
            self.shows(f"#{i + 1}")
        return (time.monotonic() - started) / decisions

    def test_ten_thousand_pairs_stay_quick(self):
        root = self.folder
        self.folder = root / "few"
        few = self.seconds_a_decision(100)
        self.folder = root / "many"
        many = self.seconds_a_decision(10000)
        print(f"a decision until the next picture is there: {1000 * few:.0f} ms of 100 pairs, {1000 * many:.0f} ms of 10,000")
        self.assertLess(many, 3 * few + 0.1)
        self.assertIn("9,940 left", self.text("counts"))
        self.assertLess(self.browser.run("document.querySelectorAll('*').length"), 500)
        self.press("u")
        self.shows("#59")


if __name__ == "__main__":
    unittest.main()
