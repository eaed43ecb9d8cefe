"""The service's page in a real browser: a picture is judged, a question answered as text, a key asked for, a fault said; nobody else is asked for
anything, and nothing but the page's own script runs."""

import json
import os
import pathlib
import sys
import tempfile
import threading
import unittest

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import BROWSER, Browser  # noqa: E402
from serve_program import (Program, Upstream, chunk, encoded, event, json_answer, make_model, MODELS, picture, policy,  # noqa: E402
                           stream_events, whole_answer)

HOSTILE = ("<img src=x onerror=\"console.error('run')\"><script>console.error('run')</script></output><style>*{display:none}</style> "
           "javascript:alert(1) &lt;b&gt; \u202e \u2028")
SCREENSHOTS = os.environ.get("HOLISAFE_SCREENSHOTS")  # a folder to keep them in


@unittest.skipIf(BROWSER is None, "needs chromium (tools/setup.sh installs it)")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        cls.addClassCleanup(holder.cleanup)
        cls.folder = pathlib.Path(holder.name)
        cls.model = make_model(cls.folder)
        cls.picture = cls.folder / "picture.jpg"
        cls.picture.write_bytes(picture(1))
        cls.damaged = cls.folder / "damaged.png"
        cls.damaged.write_bytes(b"\x89PNG\r\n\x1a\nno picture")

    def setUp(self):
        self.upstream = Upstream()
        self.addCleanup(self.upstream.close)
        self.profile = tempfile.mkdtemp(dir=self.folder)

    def program(self, *flags, action="allow"):
        out = Program("--model", self.model, "--upstream", self.upstream.url, "--policy", policy(self.folder, action), *flags)
        self.addCleanup(out.__exit__)
        return out

    def browser(self, program):
        out = Browser(self.profile)
        self.addCleanup(out.close)
        out.open(program.url + "/")
        return out

    def keep(self, browser, name):
        if SCREENSHOTS:
            browser.screenshot(pathlib.Path(SCREENSHOTS) / f"{name}.png")

    def judged(self, browser, path):
        browser.choose_files("#picture", path)
        browser.wait("document.querySelectorAll('#verdict [data-class][data-score]').length === 20")

    def test_a_picture_is_judged_and_a_question_answered(self):
        browser = self.browser(self.program(action="review"))
        self.judged(browser, self.picture)
        self.assertEqual(browser.run("document.getElementById('verdict').dataset.action"), "review")
        self.assertIn("Allowed and noted for review", browser.run("document.getElementById('verdict').innerText"))
        scores = browser.run("[...document.querySelectorAll('#verdict [data-score]')].map((row) => Number(row.dataset.score))")
        self.assertAlmostEqual(sum(scores), 1, places=4)
        widths = browser.run("[...document.querySelectorAll('#verdict .bar')].map((bar) => bar.getBoundingClientRect().width)")
        self.assertGreater(max(widths), min(widths))
        self.assertEqual(browser.run("document.querySelectorAll('#verdict .mark').length"), 19)
        browser.run("document.getElementById('question').value = 'What is it?'; document.getElementById('ask').click()")
        browser.wait("document.getElementById('answer').textContent === 'Fine.'")
        body = self.upstream.requests[-1]["body"]
        self.assertEqual((body["model"], body["stream"]), ("up-model", True))
        self.assertEqual(body["messages"][0]["content"][-1], {"type": "text", "text": "What is it?"})
        self.assertEqual(len(self.upstream.images()), 1)
        self.keep(browser, "judged")
        self.assertEqual(browser.console, [])

    def test_nobody_else_is_asked(self):
        program = self.program()
        browser = self.browser(program)
        self.judged(browser, self.picture)
        for url in browser.asked:
            self.assertTrue(url.startswith((program.url + "/", "blob:", "data:", "about:")), url)
        self.assertEqual(browser.run("localStorage.length + sessionStorage.length + document.cookie.length"), 0)

    def test_a_hostile_answer_is_text(self):
        self.upstream.script = whole_answer(HOSTILE)
        browser = self.browser(self.program())
        browser.wait("document.getElementById('model').textContent !== ''")
        browser.run("document.getElementById('ask').click()")
        shown = HOSTILE.replace(" ", "")
        browser.wait(f"document.getElementById('answer').textContent === {json.dumps(shown)}")
        self.assertEqual(browser.run("document.getElementById('answer').children.length"), 0)
        self.assertEqual(browser.run("document.querySelectorAll('script').length"), 1)
        self.assertEqual(browser.console, [])

    def test_an_answer_shows_as_it_comes(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def script(request):
            if request["path"] == "/v1/models":
                return json_answer(MODELS)

            def pieces():
                first, *rest = stream_events("one two")
                yield first + chunk({"content": "first "})
                go_on.wait(60)
                yield from rest
            return 200, {"Content-Type": "text/event-stream"}, pieces()

        self.upstream.script = script
        browser = self.browser(self.program())
        browser.wait("document.getElementById('model').textContent !== ''")
        browser.run("document.getElementById('ask').click()")
        browser.wait("document.getElementById('answer').textContent === 'first '")
        self.assertTrue(browser.run("document.getElementById('ask').disabled"))
        go_on.set()
        browser.wait("document.getElementById('answer').textContent === 'first onetwo'")
        browser.wait("!document.getElementById('ask').disabled")

    def test_faults_are_said(self):
        def script(request):
            if request["path"] == "/v1/models":
                return json_answer(MODELS)
            return 200, {"Content-Type": "text/event-stream"}, [chunk({"content": "half"}), event({"error": {"message": "The upstream broke."}})]

        self.upstream.script = script
        browser = self.browser(self.program())
        self.judged(browser, self.picture)
        browser.run("document.getElementById('ask').click()")
        browser.wait("document.getElementById('fault').textContent === 'The upstream broke.'")
        # A picture that cannot be judged takes the verdict of the one before away.
        browser.choose_files("#picture", self.damaged)
        browser.wait("document.getElementById('verdict').childElementCount === 0 && !document.getElementById('fault').hidden")
        browser.wait("document.getElementById('fault').textContent.includes('image')")
        self.assertFalse(browser.run("'action' in document.getElementById('verdict').dataset"))
        self.keep(browser, "fault")

    def test_a_key_is_asked_for_and_kept_in_memory(self):
        keys = self.folder / "keys"
        keys.write_text("the-key-of-the-page\n")
        browser = self.browser(self.program("--api-key-file", keys))
        browser.wait("!document.getElementById('login').hidden")
        browser.choose_files("#picture", self.picture)
        browser.wait("document.getElementById('fault').hidden === false")
        self.assertEqual(browser.run("document.getElementById('verdict').childElementCount"), 0)
        browser.run("document.getElementById('key').value = 'wrong'; document.querySelector('#login button').click()")
        browser.wait("!document.getElementById('login').hidden && document.getElementById('key').value === ''")
        browser.run("document.getElementById('key').value = 'the-key-of-the-page'; document.querySelector('#login button').click()")
        browser.wait("document.querySelectorAll('#verdict [data-class]').length === 20")
        browser.wait("document.getElementById('login').hidden")
        self.assertEqual(browser.run("localStorage.length + sessionStorage.length + document.cookie.length"), 0)

    def test_a_blocked_picture_is_refused(self):
        browser = self.browser(self.program(action="block"))
        self.judged(browser, self.picture)
        self.assertEqual(browser.run("document.getElementById('verdict').dataset.action"), "block")
        self.assertIn("Blocked", browser.run("document.getElementById('verdict').innerText"))
        browser.run("document.getElementById('ask').click()")
        browser.wait("document.getElementById('answer').textContent.startsWith('No: ')")
        self.assertEqual([each["path"] for each in self.upstream.requests], ["/v1/models"])
        self.keep(browser, "blocked")

    def test_pictures_are_dropped_and_pasted(self):
        browser = self.browser(self.program())
        make = """(async () => {{
            const canvas = document.createElement('canvas'); canvas.width = canvas.height = 32;
            canvas.getContext('2d').fillRect(0, 0, {size}, 9);
            const blob = await new Promise((done) => canvas.toBlob(done));
            const transfer = new DataTransfer(); transfer.items.add(new File([blob], 'made.png', {{type: 'image/png'}}));
            {give}
        }})()"""
        gives = {"drop": "document.getElementById('drop').dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: transfer}));",
                 "paste": "document.dispatchEvent(new ClipboardEvent('paste', {bubbles: true, clipboardData: transfer}));"}
        for size, (name, give) in enumerate(gives.items(), 10):
            browser.run("document.getElementById('verdict').replaceChildren()")
            browser.run(make.format(size=size, give=give))
            browser.wait("document.querySelectorAll('#verdict [data-class]').length === 20")

    def test_it_fits_a_phone_and_the_dark(self):
        browser = self.browser(self.program())
        browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        wide = self.folder / "wide.png"
        wide.write_bytes(encoded(Image.new("RGB", (2000, 300), (200, 30, 30)), "PNG"))
        self.judged(browser, wide)
        self.assertLessEqual(browser.run("document.documentElement.scrollWidth"), 360)
        ground, ink = browser.run("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
        self.assertLess(sum(map(int, ground[4:-1].split(","))), sum(map(int, ink[4:-1].split(","))))
        self.keep(browser, "phone")


if __name__ == "__main__":
    unittest.main()
