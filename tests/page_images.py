"""Pictures of text for tests: lines at places, in the font of the test extra."""

import importlib.metadata
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FONT_PACKAGE = "noto-cjk-sans-otc"
WHY_NOT = f"needs the extra `ocr` and the package {FONT_PACKAGE}"

Drawn = tuple[float, float, float, str]  # left, top, height of the font in pixels, text


def font_path() -> Path | None:
    """The font's file; None if its package is not installed."""
    try:
        files = importlib.metadata.files(FONT_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix in (".otf", ".ttf", ".ttc")), None)


def can_draw_and_read() -> bool:
    """Whether pages can be drawn, and read again."""
    from qianxun.documents.formats.recognition import is_installed

    return is_installed() and font_path() is not None


def drawn(lines: Sequence[Drawn], size: tuple[int, int] = (1000, 700), colour: str = "black") -> Any:
    """An RGB image of PIL with these lines on white."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for left, top, height, text in lines:
        draw.text((left, top), text, font=ImageFont.truetype(str(font_path()), round(height)), fill=colour)
    return image


def column(
    texts: Sequence[str], left: float = 60, top: float = 60, height: float = 30, step: float = 50
) -> list[Drawn]:
    """Lines below each other."""
    return [(left, top + i * step, height, text) for i, text in enumerate(texts)]


def saved(image: Any, kind: str, **options: Any) -> bytes:
    """The bytes of a file of this kind: PNG, JPEG, TIFF, BMP, WEBP, GIF."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
