"""Pictures of generated pages, with what stands on them: words of the sample documents, a font of the test extra."""

import importlib.metadata
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.decoding import words

FONT_PACKAGE = "noto-cjk-sans-otc"  # OFL 1.1; simplified and traditional characters, Latin
A4_INCHES = (8.27, 11.69)
LANGUAGES = ("Simplified", "Traditional", "English", "Mixed", "Full-width")


@dataclass(frozen=True)
class Damage:
    """What a scanner does to a page. `dpi` of the scan; `degrees` of inclination, either way; `noise` is the standard
    deviation of 255 grey levels; `blur` a radius in pixels; `quality` of JPEG, 0: none.
    """

    name: str
    dpi: int = 200
    degrees: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    quality: int = 0
    columns: int = 1


DAMAGES = (
    Damage("clean, 200 dpi"),
    Damage("clean, 150 dpi", dpi=150),
    Damage("300 dpi, noise, JPEG", dpi=300, noise=12, quality=60),
    Damage("inclined by 1–2°, noise", degrees=1.5, noise=16),
    Damage("inclined, blurred, JPEG 40", degrees=1.5, noise=10, blur=0.8, quality=40),
    Damage("two columns, inclined, noise", degrees=0.7, noise=10, columns=2),
)
# From bad to worse: what the least score is chosen on.
RUINS = (
    *(Damage(f"blurred by {blur:g}", dpi=150, blur=blur, noise=10) for blur in (1.0, 1.5, 2.0, 2.5, 3.0)),
    *(Damage(f"{dpi} dpi", dpi=dpi, blur=0.5, quality=30) for dpi in (100, 80, 65, 50)),
    *(Damage(f"noise {noise}", noise=noise) for noise in (60, 100, 140)),
)


def font_path() -> Path | None:
    """The font's file; None if its package is not installed."""
    try:
        files = importlib.metadata.files(FONT_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix in (".otf", ".ttf", ".ttc")), None)


def prose(language: str, n: int, random_: random.Random) -> str:
    """About n characters of sentences, as they are written in that language."""
    chosen = "Simplified" if language == "Full-width" else language
    space = " " if language == "English" else ""
    pieces: list[str] = []
    length = 0
    while length < n:
        count = random_.randint(3, 7)
        sentence = [random_.choice(words(chosen)) for _ in range(count)]
        if language == "English":
            sentence[0] = sentence[0].capitalize()
        if random_.random() < 0.5:
            sentence.insert(random_.randint(1, count), _number(language, random_))
        comma, stop = (", ", ". ") if language == "English" else ("，", "。")
        at = random_.randint(1, len(sentence) - 1)
        text = space.join(sentence[:at]) + comma + space.join(sentence[at:]) + stop
        pieces.append(text)
        length += len(text)
    return "".join(pieces).strip()


def _number(language: str, random_: random.Random) -> str:
    number = random_.choice(
        [
            f"{random_.randint(1, 99999)}",
            f"{random_.random() * 100:.2f}%",
            f"{random_.randint(2001, 2029)}-0{random_.randint(1, 9)}",
        ]
    )
    if language == "Full-width":
        return "".join(chr(ord(c) + 0xFEE0) for c in f"（{number}）".replace("（", "(").replace("）", ")"))
    return f"{number}年" if language in ("Simplified", "Traditional") and random_.random() < 0.3 else number


def page(language: str, damage: Damage, random_: random.Random, font: Path, filled: float = 1.0) -> tuple[Any, str]:
    """A picture `(height, width, 3) uint8 RGB` of an A4 page, and its text, paragraphs as lines.

    `filled` is the share of the page's height that is written on.
    """
    from PIL import Image, ImageDraw, ImageFont

    scale = damage.dpi / 72
    width, height = (round(inches * damage.dpi) for inches in A4_INCHES)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    body = ImageFont.truetype(str(font), round(10.5 * scale))
    margin, gutter, pitch = 60 * scale, 24 * scale, 17 * scale
    column = (width - 2 * margin - (damage.columns - 1) * gutter) / damage.columns
    paragraphs: list[str] = []
    for number in range(damage.columns):
        left, top = margin + number * (column + gutter), margin
        while top < margin + filled * (height - 2 * margin - 8 * pitch):
            text = prose(language, random_.randint(120, 260), random_)
            lines = wrapped(text, body, column)
            for line in lines:
                draw.text((left, top), line, font=body, fill="black")
                top += pitch
            top += 0.8 * pitch
            paragraphs.append(text)
    return damaged(image, damage, random_), "\n".join(paragraphs)


def wrapped(text: str, font: Any, width: float) -> list[str]:
    """The text in lines that are no wider; English between words, Chinese anywhere but before a mark."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and font.getlength(line + piece.rstrip()) > width and piece not in "，。）":
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str) -> Sequence[str]:
    pieces: list[str] = []
    for char in text:
        if (pieces and "!" <= char <= "~" and "!" <= pieces[-1][-1] <= "~") or (pieces and char == " "):
            pieces[-1] += char
        else:
            pieces.append(char)
    return pieces


def damaged(image: Any, damage: Damage, random_: random.Random) -> Any:
    """The picture as it is scanned, `(height, width, 3) uint8`."""
    from PIL import Image, ImageFilter

    if damage.degrees:
        degrees = random_.choice((-1, 1)) * random_.uniform(0.66, 1.33) * damage.degrees
        image = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor="white")
    if damage.blur:
        image = image.filter(ImageFilter.GaussianBlur(damage.blur))
    values = np.asarray(image, dtype=np.float32)
    if damage.noise:
        generator = np.random.default_rng(random_.randrange(1 << 30))
        values = values * 0.9 + 12 + generator.normal(0, damage.noise, values.shape[:2])[:, :, None]
    values = np.clip(values, 0, 255).astype(np.uint8)
    if damage.quality:
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "JPEG", quality=damage.quality)
        values = np.asarray(Image.open(buffer).convert("RGB"))
    return values
