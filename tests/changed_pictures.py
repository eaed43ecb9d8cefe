"""Pictures of three kinds (like photos, flat signs, cards of text), what may be done to one without making it another, and others that look like
it: what near-duplicates are measured with."""

import colorsys
import dataclasses
import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

WORDS = ("river stone under quiet seven lamp market rule open winter paper mind answer green table never mother signal bridge coffee pocket train "
         "window garden letter engine number silver doctor island spring cloud button field memory ticket corner").split()


def hue(rng, least=0.45):
    return tuple(int(255 * part) for part in colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.6, 1), rng.uniform(least, 0.95)))


def turned_hue(colour, turn):
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    return tuple(int(255 * part) for part in colorsys.hsv_to_rgb((h + turn) % 1, s, v))


def size(rng):
    width = rng.choice([96, 128, 160, 224, 256, 320])
    return width, max(96, int(width * rng.choice([0.75, 1, 1, 1.3])))


def photo(rng):
    """Noise of several sizes, things in front of it, grain."""
    width, height = size(rng)
    numbers = np.random.default_rng(rng.getrandbits(32))
    pixels = np.zeros((height, width, 3))
    for cells, strength in ((3, 110), (9, 60), (30, 25)):
        part = Image.fromarray(numbers.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
        pixels += (np.asarray(part, dtype=float) - 128) / 128 * strength
    image = Image.fromarray(np.clip(pixels + rng.randrange(100, 156), 0, 255).astype(np.uint8))
    things = Image.new("L", image.size)
    for _ in range(rng.randrange(2, 6)):
        x, y, r = rng.randrange(width), rng.randrange(height), rng.randrange(width // 12, width // 4)
        ImageDraw.Draw(things).ellipse((x - r, y - r, x + r, y + int(r * rng.uniform(0.4, 1.4))), fill=rng.randrange(100, 256))
    image.paste(Image.new("RGB", image.size, hue(rng, 0.2)), mask=things.filter(ImageFilter.GaussianBlur(width / 150)))
    grain = numbers.normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(image, dtype=float) + grain, 0, 255).astype(np.uint8))


@dataclasses.dataclass(frozen=True)
class Sign:
    size: tuple
    ground: tuple
    frame: str
    colour: tuple
    inside: tuple
    glyph: int
    at: tuple = (0.5, 0.5)
    scale: float = 0.36

    @staticmethod
    def draw_from(rng):
        ground = rng.choice([(255, 255, 255), (250, 247, 236), (225, 235, 245), hue(rng, 0.8)])
        return Sign(size(rng), ground, rng.choice(["circle", "ring", "triangle", "diamond", "square", "none"]), hue(rng), rng.choice([(20, 20, 20), hue(rng, 0.2)]),
                    rng.getrandbits(15) | 1 << rng.randrange(15))

    def image(self):
        scale = 4
        width, height = (side * scale for side in self.size)
        image = Image.new("RGB", (width, height), self.ground)
        draw = ImageDraw.Draw(image)
        x, y, r = self.at[0] * width, self.at[1] * height, self.scale * min(width, height)
        edge = int(r * 0.16)
        if self.frame == "circle":
            draw.ellipse((x - r, y - r, x + r, y + r), fill=self.colour)
        elif self.frame == "ring":
            draw.ellipse((x - r, y - r, x + r, y + r), outline=self.colour, width=edge)
        elif self.frame == "triangle":
            draw.polygon(((x, y - r), (x + r, y + r * 0.75), (x - r, y + r * 0.75)), fill=self.colour)
        elif self.frame == "diamond":
            draw.polygon(((x, y - r), (x + r, y), (x, y + r), (x - r, y)), fill=self.colour)
        elif self.frame == "square":
            draw.rectangle((x - r, y - r, x + r, y + r), outline=self.colour, width=edge)
        cell = r * 0.22
        for row in range(5):
            for column in range(5):
                if self.glyph >> (row * 3 + min(column, 4 - column)) & 1:
                    left, top = x + (column - 2.5) * cell, y + (row - 2.5) * cell
                    draw.rectangle((left, top, left + cell, top + cell), fill=self.inside)
        return image.resize(self.size, Image.LANCZOS)

    def look_alikes(self, rng):
        turn = rng.uniform(0.2, 0.8)
        inside = turned_hue(self.inside, turn) if max(self.inside) - min(self.inside) > 60 else turned_hue((200, 30, 40), turn)
        yield "recoloured", dataclasses.replace(self, colour=turned_hue(self.colour, turn), inside=inside)
        if self.frame != "none":
            yield "frame recoloured", dataclasses.replace(self, colour=turned_hue(self.colour, turn + (0.3 if turn < 0.5 else -0.3)))
        away = rng.choice([-1, 1]) * rng.uniform(0.1, 0.14)
        yield "moved", dataclasses.replace(self, at=rng.choice([(0.5 + away, 0.5), (0.5, 0.5 + away), (0.5 + away, 0.5 + away)]))
        yield "another", dataclasses.replace(self, glyph=self.glyph ^ rng.choice([0b111, 0b111000, 0b101010101010101, 0b010111010, 0b110011001]))


FONTS = {}


def font(points):
    if points not in FONTS:
        FONTS[points] = ImageFont.load_default(points)
    return FONTS[points]


@dataclasses.dataclass(frozen=True)
class Card:
    size: tuple
    ground: tuple
    ink: tuple
    header: bool
    lines: tuple

    @staticmethod
    def words(rng, count):
        return tuple(" ".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 5))) for _ in range(count))

    @staticmethod
    def draw_from(rng):
        ground, ink = rng.choice([((255, 255, 255), (0, 0, 0)), ((248, 242, 220), (60, 40, 20)), ((20, 40, 90), (250, 250, 250)), (hue(rng, 0.8), (20, 20, 20))])
        return Card(size(rng), ground, ink, rng.random() < 0.4, Card.words(rng, rng.randrange(2, 8)))

    def image(self):
        scale = 3
        width, height = (side * scale for side in self.size)
        image = Image.new("RGB", (width, height), self.ground)
        draw = ImageDraw.Draw(image)
        top = height * 0.08
        if self.header:
            draw.rectangle((0, 0, width, height * 0.16), fill=self.ink)
            top = height * 0.22
        line = (height * 0.94 - top) / len(self.lines)
        for number, text in enumerate(self.lines):
            points = int(min(line * 0.75, width * 1.5 / max(len(text), 6)))
            draw.text((width * 0.07, top + line * number), text, fill=self.ink, font=font(points))
        return image.resize(self.size, Image.LANCZOS)

    def look_alikes(self, rng):
        lines = self.lines
        while any(a == b for a, b in zip(lines, self.lines)):
            lines = Card.words(rng, len(self.lines))
        yield "another text", dataclasses.replace(self, lines=lines)


def cut(image, left=0.0, top=0.0, right=0.0, bottom=0.0):
    width, height = image.size
    return image.crop((round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom))))


def resized(image, across, down=None):
    return image.resize((max(1, round(image.width * across)), max(1, round(image.height * (down or across)))), Image.BICUBIC)


CHANGES = {  # name: (function, format, its options)
    "jpeg 45": (lambda i: i, "JPEG", {"quality": 45}),
    "jpeg 75": (lambda i: i, "JPEG", {"quality": 75}),
    "webp": (lambda i: i, "WEBP", {"quality": 60, "method": 0}),
    "half": (lambda i: resized(i, 0.5), "PNG", {}),
    "1.6 times": (lambda i: resized(i, 1.6), "PNG", {}),
    "stretched": (lambda i: resized(i, 0.8, 1), "PNG", {}),
    "darker": (lambda i: ImageEnhance.Brightness(i).enhance(0.75), "PNG", {}),
    "brighter": (lambda i: ImageEnhance.Brightness(i).enhance(1.12), "PNG", {}),
    "contrast": (lambda i: ImageEnhance.Contrast(i).enhance(0.8), "PNG", {}),
    "grey": (ImageOps.grayscale, "PNG", {}),
    "blurred": (lambda i: i.filter(ImageFilter.GaussianBlur(max(1, i.width / 200))), "PNG", {}),
    "left cut": (lambda i: cut(i, left=0.05), "PNG", {}),
    "right cut": (lambda i: cut(i, right=0.03), "PNG", {}),
    "top cut": (lambda i: cut(i, top=0.05), "PNG", {}),
    "cut by 4%": (lambda i: cut(i, 0.04, 0.04, 0.04, 0.04), "PNG", {}),
    "cut by 2%": (lambda i: cut(i, 0.02, 0.02, 0.02, 0.02), "JPEG", {"quality": 85}),
    "mirrored": (ImageOps.mirror, "PNG", {}),
    "mirrored jpeg": (ImageOps.mirror, "JPEG", {"quality": 60}),
}


def save(image, file, kind="PNG", **options):
    if kind == "PNG":
        options = {"compress_level": 1}
    image.save(file, kind, **options)


def write_pictures(folder, count, seed=1):
    """Gives (file, who, change) of every file: `who` is the same for a picture and its changed ones, and nobody else's."""
    rng = random.Random(seed)
    out = []

    def add(image, who, change, kind="PNG", options=None):
        file = folder / f"{len(out):06}.{kind.lower()}"
        save(image, file, kind, **(options or {}))
        out.append((file, who, change))

    for number in range(count):
        kind = ("photo", "sign", "card")[number % 3]
        drawn = {"photo": lambda: None, "sign": lambda: Sign.draw_from(rng), "card": lambda: Card.draw_from(rng)}[kind]()
        image = drawn.image() if drawn else photo(rng)
        add(image, f"{kind} {number}", "")
        for change, (apply, written, options) in CHANGES.items():
            add(apply(image), f"{kind} {number}", change, written, options)
        for name, alike in drawn.look_alikes(rng) if drawn else ():
            add(alike.image(), f"{kind} {number}, {name}", "")
    for number in range(max(6, count // 20)):
        colour = tuple(rng.randrange(256) for _ in range(3))
        add(Image.new("RGB", (128, 96), colour), f"flat {colour}", "")
        add(Image.new("RGB", (128, 96), colour), f"flat {colour}", "jpeg", "JPEG", {"quality": 60})
    return out
