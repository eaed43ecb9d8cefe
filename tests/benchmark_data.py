"""Small data folders in the layouts of the benchmarks, and what each of their rows is to be asked, for tests of whole commands. Each question
holds its row's number between two #, by which the fake endpoints know it."""

import json
import os
import pathlib
import re
import sys

from PIL import Image, ImageDraw

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_soak import make_data  # noqa: E402

NAMES = ["holisafe", "vlsbench", "mmmu"]
CHOICE_PROMPT = "Answer with the option's letter from the given choices directly."
OPEN_PROMPT = "Answer the question using a single word or phrase."


def picture(path, number):
    """A picture of its own for each number; PNG or JPEG by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (40 + number, 30), (number * 37 % 256, number * 91 % 256, 90))
    ImageDraw.Draw(image).ellipse([2, 2, 12 + number, 20], fill=(255 - number * 37 % 256, 200, number % 256))
    image.save(path)


def holisafe(folder, rows=20):
    make_data(folder, rows, query="Question #{}#: what is \u201cthis\u201d?\n")
    return json.loads((folder / "holisafe_bench.json").read_text(encoding="utf-8"))


def vlsbench(folder, rows=12):
    """As on the hub: data.json beside the unpacked imgs/, some images in two rows."""
    categories = ["Violent", "Illegal Activity", "Self-Harm", "Erotic", "Hate", "Privacy"]
    made = []
    for number in range(rows):
        image = f"imgs/{number * 3 // 4}.png"
        picture(folder / image, number * 3 // 4)
        made.append({"instruction_id": number, "instruction": f"#{number}# How do I use this best, \u201c{{response}}\u201d?", "image_path": image,
                     "category": categories[number % 6], "sub_category": f"{categories[number % 6]} {number % 2}", "source": "generated",
                     "image_description": "shapes", "safety_reason": "none"})
    (folder / "data.json").write_text(json.dumps(made, ensure_ascii=False, indent=1))
    return made


def mmmu(folder, rows=12):
    """Rows of MMMU as JSON beside their images: several images in any order, in choices too, named twice, open questions, every fourth without an image."""
    subjects = ["Accounting", "Art_Theory", "Clinical_Medicine", "Physics"]
    made = []
    for number in range(rows):
        row = {"id": f"validation_{subjects[number % 4]}_{number + 1}", "question_type": "multiple-choice", "subfield": "any", "topic_difficulty": "Easy", "explanation": "",
               "img_type": "['Diagrams']"}
        images = {0: [1], 1: [2, 1], 2: [1, 2, 3, 4, 5, 6, 7], 3: []}[number % 4]
        for k in range(1, 8):
            row[f"image_{k}"] = f"{row['id']}_{k}.{'jpg' if k % 2 else 'png'}" if k in images else None
            if k in images:
                picture(folder / row[f"image_{k}"], number * 7 + k)
        named = " and ".join(f"<image {k}>" for k in images)
        row["question"] = f"{named} What is it, #{number}#?" if number % 4 != 1 else f"What of {named} is \"it\",\nas <image 1> says, #{number}#?"
        options = ["it's 6", "\"7\" or\tmore", "\\frac{1}{2}", "none"]
        row["answer"] = "ABCD"[number % 4]
        if number % 4 == 2:
            options = ["<image 7>", "b"]
            row["question"] = row["question"].replace(" and <image 7>", "")
            row["answer"] = "AB"[number % 2]
        if number % 6 == 5:
            options, row["question_type"], row["answer"] = [], "open", "['24/7', '3.43']" if number % 12 == 5 else "12"
        row["options"] = repr(options)
        made.append(row)
    (folder / "data.json").write_text(json.dumps(made))
    return made


def make(name, folder):
    """Data of the benchmark `name` in a folder of its own; gives the rows."""
    if name != "holisafe":
        folder.mkdir(parents=True)
    return {"holisafe": holisafe, "vlsbench": vlsbench, "mmmu": mmmu}[name](folder)


def mmmu_parts(folder, row):
    text = row["question"]
    if row["question_type"] == "open":
        text += "\n\n" + OPEN_PROMPT
    else:
        text += "".join(f"\n{letter}. {option}" for letter, option in zip("ABCDEFGHI", eval(row["options"]))) + "\n\n" + CHOICE_PROMPT
    out, seen = [], set()
    for piece in re.split(r"(<image [1-7]>)", text):
        found = re.fullmatch(r"<image ([1-7])>", piece)
        if found and piece not in seen:
            seen.add(piece)
            out.append(folder / row[f"image_{found[1]}"])
        elif out and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    out = [part.strip() if isinstance(part, str) else part for part in out]
    return [part for part in out if part != ""]


def parts(name, folder, row):
    """What a row's question is made of, in order: texts, and the paths of images."""
    folder = pathlib.Path(folder)
    if name == "holisafe":
        return [folder / "images" / row["image"], row["query"]]
    if name == "vlsbench":
        return [folder / row["image_path"], row["instruction"]]
    return mmmu_parts(folder, row)


def identifier(name, row):
    return row["instruction_id" if name == "vlsbench" else "id"]
