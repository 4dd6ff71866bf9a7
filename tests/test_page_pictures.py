"""Pages of PDFs as pictures: drawn in a process of their own, with the quote where it stands."""

import sys
import tracemalloc
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from qianxun.documents import pictures
from qianxun.documents.formats.pdf_pages import DrawnPage, png_of
from qianxun.documents.pictures import draw
from qianxun.documents.quotes import Quote
from qianxun.settings import ReadingSettings

SAMPLES = Path(str(resources.files("qianxun.samples"))) / "documents"
CHINESE = SAMPLES / "legal" / "数据保存与销毁制度.pdf"
ENGLISH = SAMPLES / "products" / "LU-35-ultrasonic-level-sensor-manual.pdf"
READING = ReadingSettings()


def pixels(drawn: DrawnPage) -> list[bytes]:
    """The rows of a picture, read as any reader of PNG does."""
    png, at, data, colours, palette = drawn.png, 8, b"", 1, bytes(range(256))
    while at < len(png):
        length, name = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        part = png[at + 8 : at + 8 + length]
        assert zlib.crc32(name + part) == int.from_bytes(png[at + 8 + length : at + 12 + length])
        if name == b"IHDR":
            assert (int.from_bytes(part[:4]), int.from_bytes(part[4:8])) == (drawn.width, drawn.height)
            colours = 3 if part[9] == 2 else 1
        palette = part[::3] if name == b"PLTE" else palette
        data += part if name == b"IDAT" else b""
        at += 12 + length
    whole = zlib.decompress(data)
    rows = []
    for start in range(0, len(whole), drawn.width * colours + 1):
        assert whole[start] == 0
        row = whole[start + 1 : start + 1 + drawn.width * colours : colours]
        rows.append(bytes(palette[value] for value in row) if colours == 1 else row)
    assert len(rows) == drawn.height
    return rows


@pytest.mark.parametrize(
    "file, quote",
    [
        (CHINESE, "保存"),
        (ENGLISH, "ultrasonic"),
    ],
)
def test_the_boxes_are_where_the_words_are_drawn(file: Path, quote: str) -> None:
    drawn = draw(file.read_bytes(), (1,), Quote(quote), READING)
    assert drawn is not None
    assert drawn.number == 1
    assert drawn.pages >= 1
    ((left, top, right, bottom),) = drawn.boxes
    rows = pixels(drawn)
    inside = [value for row in rows[top:bottom] for value in row[left:right]]
    # Ink on paper: both, and as wide as so many letters are.
    assert min(inside) < 130
    assert max(inside) > 200
    assert right - left > len(quote) * 6


def test_the_page_that_has_the_quote_is_drawn_and_the_last_one_for_too_high_a_number() -> None:
    data = ENGLISH.read_bytes()
    last = draw(data, (10_000,), None, READING)
    assert last is not None
    assert last.number == last.pages > 1
    first = draw(data, (1,), Quote("ultrasonic"), READING)
    assert first is not None
    assert first.boxes


@pytest.mark.parametrize("data", [b"", b"not a PDF", b"%PDF-1.7\n1 0 obj\n", CHINESE.read_bytes()[:3000]])
def test_what_cannot_be_drawn_is_none(data: bytes) -> None:
    assert draw(data, (1,), Quote("保存"), READING) is None


def test_a_process_that_takes_too_long_is_ended() -> None:
    assert draw(CHINESE.read_bytes(), (1,), None, READING, seconds=0.001) is None


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"{}\n\x89PNG",
        b"[]\n\x89PNG",
        b'{"number": 1, "pages": 1, "width": 0, "height": 5, "boxes": []}\n\x89PNG',
        b'{"number": 1, "pages": 1, "width": 5, "height": 5, "boxes": [["<", 1, 1, 1]]}\n\x89PNG',
        b'{"number": 1, "pages": 1, "width": 5, "height": 5, "boxes": [[1, 1, 1]]}\n\x89PNG',
        b'{"number": 1, "pages": 1, "width": 5, "height": 5, "boxes": []}\n<svg>',
        b'{"number": 1, "pages": 1, "width": 5, "height": 5, "boxes": [%s]}\n\x89PNG'
        % b",".join([b"[1, 1, 1, 1]"] * 5000),
    ],
)
def test_what_a_process_says_that_was_taken_over_is_not_believed(told: bytes) -> None:
    assert pictures._drawn(told) is None


@pytest.mark.skipif(sys.platform == "win32", reason="a script of the shell")
def test_of_a_process_that_says_without_end_little_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talks = tmp_path / "talks"
    talks.write_text("#!/bin/sh\ncat > /dev/null\nhead -c 150000000 /dev/zero\n", encoding="utf-8")
    talks.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(talks))
    tracemalloc.start()
    try:
        assert draw(CHINESE.read_bytes(), (1,), None, READING) is None
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


def test_a_page_of_letters_is_small_and_a_photograph_keeps_its_colours() -> None:
    drawn = draw(CHINESE.read_bytes(), (1,), None, READING)
    assert drawn is not None
    assert len(drawn.png) < 120_000
    photograph = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    page = DrawnPage(1, 1, 30, 40, png_of(photograph))
    assert pixels(page) == [bytes(row) for row in photograph[:, :, 0]]
    # Few colours are given as they are, where sixteen shades have them.
    flat = np.zeros((4, 3, 3), np.uint8)
    flat[1:, :, 0], flat[2:, :, 2] = 255, 51
    assert pixels(DrawnPage(1, 1, 3, 4, png_of(flat))) == [bytes(row) for row in flat[:, :, 0]]
