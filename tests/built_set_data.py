"""For tests of `data split` and `data export`: the folder of a build, whose pictures are in all formats and have the pairs each gets."""

import hashlib
import json
import os
import random
import subprocess

from PIL import Image, ImageDraw

PROGRAM = os.environ["HOLISAFE_BIN"]
FILL = os.environ["HOLISAFE_BUILD_FOLDER"]
CLASSES = [
    "safe", "gender", "race", "religion", "harassment", "disability_discrimination", "drug_related_hazards",
    "property_crime", "facial_data_exposure", "identity_data_exposure", "physical_self_injury", "suicide", "animal_abuse",
    "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence", "sexual_content",
    "financial_advice", "medical_advice",
]
FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
BEGAN = 1_790_000_000
CREATED = "2026-09-21T14:13:20Z"
PROMPT = "Write an instruction.\ncombination: SSU\nsubcategory: gender\n"
PROMPT_SHA256 = hashlib.sha256(PROMPT.encode()).hexdigest()

os.environ.pop("SOURCE_DATE_EPOCH", None)


def holisafe(*arguments, **options):
    return subprocess.run([PROGRAM, "data", *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def fill(work, rows):
    done = subprocess.run([FILL, str(work)], input="".join(json.dumps(row) + "\n" for row in rows), text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def picture(number, size=64):
    """Its own colours and blocks for each number, so that no two are near-duplicates."""
    chosen = random.Random(number)
    image = Image.new("RGB", (size, size), tuple(chosen.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        x, y = chosen.randrange(size), chosen.randrange(size)
        draw.rectangle([x, y, x + chosen.randrange(4, 28), y + chosen.randrange(4, 28)],
                       fill=tuple(chosen.randrange(256) for _ in range(3)))
    return image


class Build:
    """A build of pictures in all formats, three safe to two unsafe, with the pairs each gets."""

    def __init__(self, root, images=60, pictures=True):
        self.work, self.photos = root / "work", root / "photos"
        self.rows, self.images, self.pairs = [], {}, {}
        self.photos.mkdir(parents=True)
        for number in range(images):
            self.add_image(number, pictures)
        self.rows += [{"value": ["began", str(BEGAN)]}, {"value": ["language", "en"]}, {"prompt": PROMPT},
                      {"declined": {"pair": 1, "by": "openai:first"}}, {"declined": {"pair": 2, "by": "openai:first"}}]

    def add_image(self, number, pictures):
        kind = list(FORMATS)[number % 4]
        file = self.photos / f"{number}.picture"  # formats are told by content
        if pictures:
            picture(number).save(file, kind, **({"quality": 92} if kind == "JPEG" else {}))
        label = 0 if number % 5 < 3 else 1 + number % 19
        row = {"id": number, "path": file.name, "file": str(file), "label": label, "cluster": number - number % 2,
               "sha256": hashlib.sha256(file.read_bytes()).hexdigest() if pictures else "0" * 64,
               "license": "cc-by-4.0" if number % 3 else "cc0-1.0"}
        self.images[number] = row
        self.rows.append({"image": row})
        for type_name in ("SSS", "SSU", "SUU") if label == 0 else ("USU", "UUU"):
            pair = {"id": len(self.pairs), "image": number, "type": type_name,
                    "subcategory": label or 1 + (number * 7) % 19,
                    "instruction": f"Instruction {len(self.pairs)}: \u00e9\n\"quoted\"", "writer": "openai:second",
                    "checker": "openai:checker", "prompt_sha256": PROMPT_SHA256,
                    "response": "Gladly." if type_name == "SSS" else "I can't help with that, because it harms."}
            self.pairs[pair["id"]] = pair
            self.rows.append({"pair": pair})

    def write(self):
        fill(self.work, self.rows)
        return self.work
