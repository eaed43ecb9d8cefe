"""For tests of `data review`: a build's folder as it is described, and the program as its page's server."""

import hashlib
import json
import os
import pathlib
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

from PIL import Image, ImageDraw

PROGRAM = pathlib.Path(os.environ["HOLISAFE_BIN"])
BUILD_FOLDER = pathlib.Path(os.environ.get("HOLISAFE_BUILD_FOLDER", ""))
GENEROUS = float(os.environ.get("HOLISAFE_PATIENCE", 120))  # seconds until a machine counts as stuck


def draw(path, seed, size=(256, 192)):
    """A picture that no other seed gives."""
    image = Image.new("RGB", size, ((seed * 67) % 256, (seed * 131) % 256, (seed * 29) % 256))
    brush = ImageDraw.Draw(image)
    for i in range(6):
        x, y = (seed * 31 + i * 53) % size[0], (seed * 17 + i * 41) % size[1]
        brush.ellipse((x, y, x + 40 + i * 6, y + 40), fill=((i * 45 + seed) % 256, (seed * 7) % 256, (255 - i * 40) % 256))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


CLASSES = ("safe gender race religion harassment disability_discrimination drug_related_hazards property_crime facial_data_exposure "
           "identity_data_exposure physical_self_injury suicide animal_abuse obscene_gestures physical_altercation terrorism "
           "weapon_related_violence sexual_content financial_advice medical_advice").split()


def make_work(folder, described):
    """The folder of a build of these images and pairs, whose ids are their places; pictures that are not there are drawn beside it."""
    pictures = pathlib.Path(folder) / "pictures"
    rows = []
    for place, image in enumerate(described["images"]):
        file = pictures / image["path"]
        if not file.exists():
            draw(file, place)
        label = {"label": CLASSES.index(image["label"])} if "label" in image else {}
        rows.append({"image": {"id": place, "file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **image, **label}})
    for place, pair in enumerate(described["pairs"]):
        rows.append({"pair": {"id": place, "writer": "openai:writer", "checker": "openai:checker", **pair, "subcategory": CLASSES.index(pair["subcategory"])}})
    rows += [{"checked": {"by": "openai:checker", **reply}} for reply in described.get("replies", [])]
    work = pathlib.Path(folder) / "build"
    made = subprocess.run([BUILD_FOLDER, work], input="".join(json.dumps(row) + "\n" for row in rows), text=True, capture_output=True, timeout=GENEROUS)
    assert made.returncode == 0, made.stderr
    return work


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Review:
    """`holisafe data review` until the end of a with block."""

    def __init__(self, work, *flags, environment=()):
        self.process = subprocess.Popen([PROGRAM, "data", "review", str(work), "--json", *map(str, flags)], text=True,
                                        env={**os.environ, "USER": "tester", **dict(environment)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watch = threading.Timer(GENEROUS, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        assert line, self.process.stderr.read()
        self.url = json.loads(line)["url"]
        parts = urllib.parse.urlsplit(self.url)
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.token = urllib.parse.parse_qs(parts.query)["token"][0]

    def ask(self, path, body=None, token=True, headers=(), method=None):
        """Status, headers and body."""
        request = urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode() if not isinstance(body, bytes) else body,
                                         headers={**({"X-Holisafe-Token": self.token} if token else {}), **dict(headers)})
        try:
            with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as fault:
            return fault.code, fault.headers, fault.read()

    def get(self, path):
        status, _, body = self.ask(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def decide(self, **decision):
        status, _, body = self.ask("/api/decisions", decision)
        assert status == 200, (decision, status, body)
        return json.loads(body)

    def end(self, signal):
        self.process.send_signal(signal)
        self.said = self.process.communicate(timeout=GENEROUS)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
