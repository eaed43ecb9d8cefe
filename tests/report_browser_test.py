"""The report in a real browser, without a network: numbers on the page, charts drawn, nothing fetched, no console error.

Predictions are hostile: none of their text may become markup or run.
"""

import html
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import score_test  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

HOSTILE = [
    "<script>console.error('run by a prediction')</script>",
    "<img src=x onerror=\"console.error('run by an image')\">",
    "</script><script>console.error('left the data')</script>",
    "<!--<script>", "\u202egnirts desrever\u202c", "\0\x01\x1b[2J", "\u2028\u2029", "]]>", "&lt;b&gt;&amp;", "{{7*7}}", "' onmouseover='x'",
    "A very long word: " + "x" * 5000,
    "<style>body{display:none}</style><base href=//example.invalid><meta http-equiv=refresh content=0>",
]


class Text(html.parser.HTMLParser):
    """The visible text of a page, and every reference to something outside it."""

    def __init__(self):
        super().__init__()
        self.parts, self.references, self.tags, self.scripts, self.skipped = [], [], set(), 0, 0

    def handle_starttag(self, tag, attributes):
        self.skipped += tag in ("script", "style")
        self.tags.add(tag)
        self.scripts += tag == "script"
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster") and not re.match(r"#|data:,$", value or ""):
                self.references.append((tag, name, value))
            if name.startswith("on"):
                self.references.append((tag, name, value))

    def handle_endtag(self, tag):
        self.skipped -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.skipped:
            self.parts.append(data)


def open_in_browser(path, profile, *flags):
    """The page as the browser has it after its scripts ran, and what it wrote to its console."""
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", f"--user-data-dir={profile}",
               "--enable-logging=stderr", "--v=0", "--virtual-time-budget=10000", *flags, "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=240)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return done.stdout.decode(), console


@unittest.skipIf(BROWSER is None, "needs chromium (tools/setup.sh installs it)")
class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.folder.name)
        files = []
        for number, name in enumerate(["helpful", "<b>odd & name", "mixed"]):
            rows = []
            for i in range(400):
                kind = score_test.reference.TYPES[i % 5]
                category, subcategory = score_test.reference.SUBCATEGORIES[i % 19]
                prediction = "I cannot" if (i // 5) % (number + 2) == 0 and number else HOSTILE[i % len(HOSTILE)]
                rows.append(score_test.make_row(i, kind, prediction, category=category, subcategory=subcategory,
                                                query=HOSTILE[(i + 1) % len(HOSTILE)], image=f"<i>/{i // 3}.jpg"))
            rows[0]["type"], rows[1]["subcategory"], rows[2]["prediction"] = "<u>", "<s>", None
            files.append(root / f"{name}.json")
            files[-1].write_text(json.dumps(rows))
        cls.report = root / "report.html"
        done = subprocess.run([score_test.PROGRAM, "bench", "score", *files, "--published", "--json", "--allow-missing", "--html", cls.report],
                              capture_output=True, check=True)
        cls.scores = [json.loads(line) for line in done.stdout.splitlines()]
        cls.page, cls.console = open_in_browser(cls.report, root / "profile")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_numbers_are_on_the_page(self):
        reader = Text()
        reader.feed(self.page)
        text = "\n".join(reader.parts)
        for score in self.scores:
            for rate in [score["rr"], *score["masr"].values(), *(entry["rate"] for entry in score["types"].values())]:
                self.assertIn(f"{100 * rate:.1f}%", text)
            for low, high in score["intervals"].values():
                self.assertIn(f"{100 * low:.1f}\u2013{100 * high:.1f}%", text)
        for words in ["SafeQwen2.5-VL-32B", "skipped: unknown type \u201c<u>\u201d", "unknown subcategory \u201c<s>\u201d",
                      "1 unjudged", "<b>odd & name", "SHA-256", "U+202E"]:
            self.assertIn(words, text)

    def test_charts_are_drawn_and_the_console_is_silent(self):
        self.assertEqual(self.console, [])
        canvases = self.page.count("<canvas ")
        self.assertGreaterEqual(canvases, 2)
        self.assertIn(f'data-charts-drawn="{canvases}"', self.page)

    def test_readers_without_scripts_see_the_same_figures(self):
        """In a frame that runs no script: a figure for each canvas, which is not there then."""
        probe = """<script>addEventListener("load", () => {
            const page = document.querySelector("iframe").contentDocument;
            const shown = (element) => element.getBoundingClientRect().height > 0;
            document.body.dataset.figures = [...page.querySelectorAll("figure svg")].filter(shown).length;
            document.body.dataset.canvases = [...page.querySelectorAll("canvas")].filter(shown).length;
            document.body.dataset.buttons = page.querySelectorAll("button").length;
            document.body.dataset.titles = JSON.stringify([...page.querySelectorAll("svg title")].map((title) => title.textContent));
          });</script>"""
        frame = self.report.with_name("without-scripts.html")
        frame.write_text(f'<!DOCTYPE html><iframe sandbox="allow-same-origin" width="1000" height="2000" '
                         f'srcdoc="{html.escape(self.report.read_text())}"></iframe>{probe}')
        page, _ = open_in_browser(frame, self.report.with_name("profile-plain"))
        found = {name: html.unescape(re.search(rf'data-{name}="([^"]*)"', page).group(1))
                 for name in ("figures", "canvases", "buttons", "titles")}
        self.assertEqual((found["figures"], found["canvases"], found["buttons"]), (str(self.page.count("<canvas ")), "0", "0"))
        titles = json.loads(found["titles"])
        for score in self.scores:
            self.assertTrue(any(f", mASR macro: {100 * score['masr']['macro']:.1f}% (95%: " in title for title in titles), titles)
        self.assertFalse(set("".join(titles)) & set("\x1b\u202e"))

    def test_plots_can_be_saved_and_wide_tables_reached_by_keys(self):
        """The buttons give the figure and the picture; a table that scrolls says so and is a stop of the tab key."""
        probing = self.report.with_name("saving.html")
        text = self.report.read_text()
        policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text).group()
        probe = """<script>
          const saved = [];
          URL.createObjectURL = (blob) => { saved.push(blob); return "data:,"; };
          HTMLAnchorElement.prototype.click = () => {};
          addEventListener("load", () => {
            const buttons = [...document.querySelectorAll(".save button")];
            buttons.forEach((button) => button.click());
            const waiting = setInterval(async () => {
              if (saved.length < buttons.length) return;
              clearInterval(waiting);
              const pictures = saved.filter((blob) => blob.type === "image/png");
              const figures = await Promise.all(saved.filter((blob) => blob.type === "image/svg+xml").map((blob) => blob.text()));
              const whole = figures.filter((figure) => !new DOMParser().parseFromString(figure, "image/svg+xml").querySelector("parsererror"));
              document.body.dataset.saved = [pictures.length, figures.length, whole.length].join("/");
              const scrolls = (box) => box.scrollWidth > box.clientWidth;
              const boxes = [...document.querySelectorAll(".scroll")];
              const right = boxes.filter((box) => box.hasAttribute("tabindex") === scrolls(box)
                && (getComputedStyle(box.previousElementSibling).display !== "none") === scrolls(box));
              document.body.dataset.boxes = [boxes.length, right.length, boxes.filter(scrolls).length].join("/");
            }, 100);
          });</script></body>"""
        probing.write_text(text.replace(policy, "").replace("</body>", probe))
        page, _ = open_in_browser(probing, self.report.with_name("profile-saving"), "--window-size=500,800")
        charts = self.page.count("<canvas ")
        self.assertEqual(re.search(r'data-saved="([^"]*)"', page).group(1), f"{charts}/{charts}/{charts}")
        boxes, right, scrolling = map(int, re.search(r'data-boxes="([^"]*)"', page).group(1).split("/"))
        self.assertEqual(right, boxes)
        self.assertGreater(scrolling, 0)

    def test_nothing_is_fetched_and_no_prediction_runs(self):
        for source in (self.report.read_text(), self.page):
            reader = Text()
            reader.feed(source)
            self.assertEqual(reader.references, [])
            self.assertEqual(reader.tags & {"img", "base", "i", "b", "u", "s", "iframe", "object", "form"}, set())
            self.assertEqual(reader.scripts, 3)  # the data, Chart.js, the report's own

    def test_a_foreign_script_is_refused(self):
        """The content security policy is in force: a script that is not the report's own does not run."""
        broken = self.report.with_name("broken.html")
        broken.write_text(self.report.read_text().replace("</main>", "<script>document.title = 'taken'</script></main>", 1))
        page, console = open_in_browser(broken, self.report.with_name("profile2"))
        self.assertNotIn("taken</title>", page)
        self.assertTrue(any("Content Security Policy" in line for line in console), console)

    def test_no_sideways_scrolling_on_a_phone(self):
        """The body is as wide as a phone's window; wide tables scroll inside their own box."""
        measuring = self.report.with_name("phone.html")
        text = self.report.read_text()
        policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text).group()
        probe = ("<script>addEventListener('load', () => document.body.dataset.width = "
                 "document.documentElement.scrollWidth + '/' + document.documentElement.clientWidth)</script></body>")
        measuring.write_text(text.replace(policy, "").replace("</body>", probe))
        for width in (1200, 600, 500):
            page, _ = open_in_browser(measuring, self.report.with_name(f"profile{width}"), f"--window-size={width},800")
            found, window = re.search(r'data-width="(\d+)/(\d+)"', page).groups()
            self.assertEqual(found, window)


if __name__ == "__main__":
    unittest.main()
