"""A PDF page as a picture, and where on it a quote stands. For viewers; reads no text for anything else."""

import ctypes
import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from qianxun.documents.formats.pdf import opened
from qianxun.documents.quotes import Quote, places_of
from qianxun.files import RawFile
from qianxun.settings import ReadingSettings

_WIDTH: Final = 1240  # pixels: A4 at 150 dpi
_MOST_PIXELS: Final = 4_000_000
_MOST_CHARACTERS: Final = 50_000
MOST_BOXES: Final = 500
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page: its number from 1, of so many; its size in pixels, the picture, and the boxes of the quote on it."""

    number: int
    pages: int
    width: int
    height: int
    png: bytes
    boxes: tuple[Box, ...] = ()


def drawn_page(
    file: RawFile, numbers: tuple[int, ...], quote: Quote | None, settings: ReadingSettings
) -> DrawnPage | None:
    """Of these pages the one that has most of the quote, the first where none has any; None if it cannot be drawn.

    Numbers beyond the last page mean the last. Raises UnreadableDocument.
    """
    import pypdfium2

    pdf = opened(file, file.read(), settings)
    try:
        if not len(pdf):
            return None
        if pdf.get_formtype():
            pdf.init_forms()
        best: tuple[int, list[tuple[int, int]]] = (-1, [])
        best_length = -1
        for index in dict.fromkeys(min(number, len(pdf)) - 1 for number in numbers):
            found = _places(pdf, index, quote) if quote is not None else []
            length = sum(end - start for start, end in found)
            if length > best_length:
                best, best_length = (index, found), length
        index, found = best
        page = pdf[index]
        size = _size(page)
        if size is None:
            return None
        width, height = size
        bitmap = page.render(scale=width / page.get_width(), rev_byteorder=True)
        picture: Any = np.array(bitmap.to_numpy()[:, :, :3])
        height, width = picture.shape[:2]
        return DrawnPage(index + 1, len(pdf), width, height, png_of(picture), _boxes(page, found, width, height))
    except pypdfium2.PdfiumError:
        return None
    finally:
        pdf.close()


def _size(page: Any) -> tuple[int, int] | None:
    """The picture's size in pixels; None for a page that has none."""
    width, height = page.get_size()
    if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) < 1:
        return None
    scale = min(_WIDTH / width, math.sqrt(_MOST_PIXELS / (width * height)))
    size = round(width * scale), round(height * scale)
    return size if min(size) >= 1 else None


def _places(pdf: Any, index: int, quote: Quote) -> list[tuple[int, int]]:
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        text = pdf[index].get_textpage()
    except pypdfium2.PdfiumError:
        return []  # one damaged page of an otherwise readable file
    count = min(text.count_chars(), _MOST_CHARACTERS)
    points = (pdfium.FPDFText_GetUnicode(text, at) for at in range(count))
    return places_of(quote, [chr(point) if 0 < point < 0x110000 else " " for point in points])


def _boxes(page: Any, places: list[tuple[int, int]], width: int, height: int) -> tuple[Box, ...]:
    """What these characters cover of the picture, a box for each stretch of a line."""
    found: list[Box] = []
    if not places:
        return ()
    text = page.get_textpage()
    for start, end in places:
        joined = False
        for at in range(start, end):
            box = _box(page, text, at, width, height)
            if box is None:
                continue
            if joined and _in_one_line(found[-1], box):
                last = found[-1]
                found[-1] = (
                    min(last[0], box[0]),
                    min(last[1], box[1]),
                    max(last[2], box[2]),
                    max(last[3], box[3]),
                )
            else:
                found.append(box)
                joined = True
    return tuple(found[:MOST_BOXES])


def _box(page: Any, text: Any, at: int, width: int, height: int) -> Box | None:
    """The box of a character as the page is shown, turned or not; None for white space and what is outside."""
    import pypdfium2.raw as pdfium

    left, bottom, right, top = text.get_charbox(at, loose=True)
    corners = []
    for x, y in ((left, bottom), (right, top)):
        across, down = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, across, down)
        corners.append((across.value, down.value))
    (x0, y0), (x1, y1) = corners
    box = max(0, min(x0, x1)), max(0, min(y0, y1)), min(width, max(x0, x1)), min(height, max(y0, y1))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _in_one_line(one: Box, other: Box) -> bool:
    """Whether a character goes on where a box ends: beside it, or below it in text that runs downwards."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    if 2 * shared > min(one[3] - one[1], other[3] - other[1]):
        return other[0] >= one[0]
    across = min(one[2], other[2]) - max(one[0], other[0])
    touches = 0 <= other[1] - one[3] < (other[3] - other[1]) / 2
    return (
        2 * across > max(one[2] - one[0], other[2] - other[0])
        and touches
        and one[2] - one[0] < 2 * (other[2] - other[0])
    )


def png_of(picture: Any) -> bytes:
    """A picture `(height, width, 3) uint8 RGB` as PNG (RFC 2083).

    Of letters on paper sixteen shades of each colour are as good to the eye, and a third of the bytes: a page that has
    no more than 256 colours then has them in a palette. What has more, photographs, stays as it is.
    """
    height, width = picture.shape[:2]
    shades = ((picture.astype(np.uint16) * 15 + 127) // 255).astype(np.uint16)
    numbers = shades[:, :, 0] << 8 | shades[:, :, 1] << 4 | shades[:, :, 2]
    used = np.flatnonzero(np.bincount(numbers.ravel(), minlength=4096))
    if len(used) > 256:
        kind, rows, palette = 2, picture.reshape(height, -1), b""
    else:
        place = np.zeros(4096, np.uint8)
        place[used] = np.arange(len(used))
        colours = np.stack([used >> 8, used >> 4 & 15, used & 15], axis=1).astype(np.uint8) * 17
        kind, rows, palette = 3, place[numbers], _part(b"PLTE", colours.tobytes())
    # Without filters: of letters on paper they make more.
    lines = np.hstack([np.zeros((height, 1), np.uint8), rows])
    head = width.to_bytes(4) + height.to_bytes(4) + bytes((8, kind, 0, 0, 0))
    data = zlib.compress(lines.tobytes(), 6)
    return _SIGNATURE + _part(b"IHDR", head) + palette + _part(b"IDAT", data) + _part(b"IEND", b"")


def _part(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)
