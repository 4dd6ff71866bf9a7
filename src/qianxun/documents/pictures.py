"""Pages as pictures, drawn by a process of its own: what a file does to the engine that draws it happens there.

The process is given the file's bytes, has limits of memory and time, and is believed no more than a reader of numbers
and a picture must.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any, Final

from qianxun.documents.formats.pdf_pages import MOST_BOXES, DrawnPage, drawn_page
from qianxun.documents.limits import limit_memory, limit_writing, used_bytes
from qianxun.documents.quotes import Quote
from qianxun.errors import QianxunError
from qianxun.files import RawFile
from qianxun.settings import ReadingSettings

MAX_BYTES: Final = 100_000_000
_SECONDS: Final = 15.0
_MOST_PICTURE_BYTES: Final = 30_000_000
# With what is said of it before; more of an answer is not read, and not written either.
_MOST_ANSWER_BYTES: Final = _MOST_PICTURE_BYTES + 1_000_000
_PNG: Final = b"\x89PNG"


def draw(
    data: bytes, numbers: tuple[int, ...], quote: Quote | None, settings: ReadingSettings, *, seconds: float = _SECONDS
) -> DrawnPage | None:
    """Of these pages of a PDF, from 1, the one with most of the quote; None where it cannot be had.

    See `formats.pdf_pages.drawn_page`.
    """
    asked = {
        "numbers": list(numbers),
        "quote": dataclasses.asdict(quote) if quote is not None else None,
        "reading": dataclasses.asdict(settings),
    }
    # The process finds what this one finds; -P keeps a file of the working directory from being imported.
    path = "import sys; sys.path[:] = sys.argv.pop().split(chr(0x1f))"
    code = f"{path}; from qianxun.documents.pictures import main; main()"
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    try:
        # Into a file: of a process that says more than it may, no more is kept in memory than is believed.
        with tempfile.TemporaryFile() as answer:
            subprocess.run(
                [sys.executable, "-P", "-c", code, "\x1f".join(sys.path)],
                input=json.dumps(asked).encode() + b"\n" + data,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=seconds,
                check=True,
                start_new_session=True,
            )
            answer.seek(0)
            return _drawn(answer.read(_MOST_ANSWER_BYTES))
    except (OSError, subprocess.SubprocessError):
        return None


def _drawn(told: bytes) -> DrawnPage | None:
    """What the process says, if it can be so."""
    head, _, png = told.partition(b"\n")
    if not png.startswith(_PNG) or len(png) > _MOST_PICTURE_BYTES:
        return None
    try:
        facts = json.loads(head)
        number, pages, width, height = (_count(facts[name]) for name in ("number", "pages", "width", "height"))
        boxes = tuple((_at(a), _at(b), _at(c), _at(d)) for a, b, c, d in facts["boxes"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return DrawnPage(number, pages, width, height, png, boxes) if len(boxes) <= MOST_BOXES else None


def _at(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError(value)
    return value


def _count(value: Any) -> int:
    if _at(value) < 1:
        raise ValueError(value)
    return int(value)


def main() -> None:
    """Draws one page: what is asked and the file from the standard input, what was drawn to the standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # whatever a library prints goes nowhere
    asked = json.loads(sys.stdin.buffer.readline())
    settings = ReadingSettings(**asked["reading"])
    limit_memory(settings.max_memory_mb * 1_000_000 + used_bytes())
    limit_writing(_MOST_ANSWER_BYTES)
    file = RawFile.of_bytes("page.pdf", sys.stdin.buffer.read())
    quote = Quote(**asked["quote"]) if asked["quote"] else None
    try:
        drawn = drawn_page(file, tuple(asked["numbers"]), quote, settings)
    except QianxunError:
        drawn = None
    if drawn is None:
        sys.exit(1)
    facts = {name: getattr(drawn, name) for name in ("number", "pages", "width", "height", "boxes")}
    answer.write(json.dumps(facts).encode() + b"\n" + drawn.png)
    answer.close()
