"""Pages that are pictures: what they say in blocks, and whether that is sure enough to be found.

Knows pages of pictures and of PDFs, no file format.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from qianxun.documents import patience
from qianxun.documents.formats import recognition
from qianxun.documents.formats.page_layout import blocks_of_lines
from qianxun.documents.formats.recognition import Picture, RecognisedLine
from qianxun.errors import UncertainDocument, UnreadableDocument
from qianxun.records import Block
from qianxun.settings import ReadingSettings

LEAST_SIDE: Final = 32  # smaller pictures are bullets, lines and icons
_LEAST_CONTRAST: Final = 24  # of 255, between the lightest and the darkest pixel of a page that is not blank
_LEAST_LINE_SCORE: Final = 0.5  # what is less sure is a pattern, not a line of text
# So few characters that are not sure are what a photograph's leaves and fences look like, not a document.
_FEW_CHARS: Final = 20
_HARDLY: Final = 0.75  # their score
_UNSURE_SHARE: Final = 0.1  # of a document's characters that may stand on pages left out
_TIME_SHARE: Final = 0.8

_DPI: Final = 200
_MAX_PIXELS: Final = 9_000_000  # A3 at 200 dpi has 7.7 million


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says. `score` is the mean probability of its `n_chars` characters, in [0, 1]; 1.0 without any."""

    blocks: tuple[Block, ...] = ()
    n_chars: int = 0
    score: float = 1.0


def can_recognise(settings: ReadingSettings) -> bool:
    """Whether text in pictures is to be read, and can be: the extra `ocr` is installed."""
    return settings.ocr != "off" and recognition.is_installed()


def text_of_picture(picture: Picture, page: int | None = None) -> PageText:
    """What a picture `(height, width, 3) uint8 RGB` of a page says. Raises MissingExtra."""
    if min(picture.shape[:2]) < LEAST_SIDE or int(picture.max()) - int(picture.min()) < _LEAST_CONTRAST:
        return PageText()
    lines = recognition.recognise(picture)
    n_chars, score = _judged(lines)
    sure = [line for line in lines if line.score >= _LEAST_LINE_SCORE]
    return PageText(tuple(blocks_of_lines(sure, page)), n_chars, score)


def _judged(lines: list[RecognisedLine]) -> tuple[int, float]:
    n_chars = sum(len(line.text) for line in lines)
    return n_chars, sum(line.score * len(line.text) for line in lines) / n_chars if n_chars else 1.0


def scanned_page(page: Any, number: int) -> PageText:
    """What a page of pypdfium2 looks like it says; `number` counts from 1. Raises MissingExtra.

    A page that cannot be drawn says nothing.
    """
    import pypdfium2

    width, height = page.get_size()
    if min(width, height) <= 0:
        return PageText()
    scale = min(_DPI / 72, math.sqrt(_MAX_PIXELS / (width * height)))
    if min(width, height) * scale < LEAST_SIDE:
        return PageText()
    try:
        bitmap = page.render(scale=scale, rev_byteorder=True)
    except pypdfium2.PdfiumError:
        return PageText()
    try:
        picture: Picture = np.array(bitmap.to_numpy()[:, :, :3])
    finally:
        bitmap.close()
    return text_of_picture(picture, number)


class RecognisedPages:
    """The pages of one document, as far as it may be long and take time; what is not sure is left out.

    `reading.ocr_max_pages` are read at most, and none is begun after four fifths of `reading.max_seconds`, not counting
    recognition (`patience`): a file that is slow otherwise is read in part rather than not at all. Hand in each page
    that is a picture, then ask `check` once. `name` is the document's, for people; `now` gives seconds.
    """

    def __init__(self, name: str, settings: ReadingSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.settings = settings
        self.n_pages = 0
        self.n_left_out = 0
        self._now = now
        self._until = now() + _TIME_SHARE * settings.max_seconds
        self._chars = 0
        self._unsure_chars = 0
        self._unsure_weighted = 0.0

    def of_pdf(self, page: Any, number: int, n_chars: int = 0) -> list[Block]:
        """The blocks of a page of pypdfium2; [] if it says nothing, is not sure, or is one too many.

        `n_chars` has the text that the page has without that: [] too if it says no more than twice as much.
        """
        return self._kept(lambda: scanned_page(page, number), n_chars)

    def of_picture(self, picture: Picture, number: int | None) -> list[Block]:
        """The blocks of a picture `(height, width, 3) uint8 RGB`; [] as `of_pdf`."""
        return self._kept(lambda: text_of_picture(picture, number), 0)

    def _kept(self, read: Callable[[], PageText], n_chars: int) -> list[Block]:
        self.n_pages += 1
        started = self._now()
        if self.n_pages > self.settings.ocr_max_pages or started >= self._until:
            self.n_left_out += n_chars == 0
            return []
        with patience.page():
            text = read()
        self._until += min(self._now() - started, patience.PAGE_SECONDS)
        if n_chars and (text.n_chars <= 2 * n_chars or text.score < self.settings.ocr_min_score):
            return []  # a background behind a title: what was written there is surer
        return self.keep(text)

    def keep(self, text: PageText) -> list[Block]:
        """The blocks of a page, unless it is not sure what it says."""
        if text.score >= self.settings.ocr_min_score:
            self._chars += text.n_chars
            return list(text.blocks)
        if text.n_chars >= _FEW_CHARS or text.score >= _HARDLY:
            self._unsure_chars += text.n_chars
            self._unsure_weighted += text.score * text.n_chars
        return []

    def shortfall(self, n_pages: int) -> UnreadableDocument | None:
        """That pages of the `n_pages` of the document were too many to be looked at; None if none was."""
        if not self.n_left_out:
            return None
        return UnreadableDocument(
            "{path}: {n} of {pages} pages are pictures that were not looked at.",
            remedy="Raise reading.ocr_max_pages or reading.max_seconds, and `add --retry`.",
            path=self.name,
            n=self.n_left_out,
            pages=n_pages,
        )

    def check(self) -> None:
        """Raises UncertainDocument if more than a tenth of what the pages say is not sure."""
        if not self._unsure_chars or self._unsure_chars <= _UNSURE_SHARE * (self._chars + self._unsure_chars):
            return
        raise UncertainDocument(
            "{path}: the text in its pictures is not sure enough (score {score:.2f}; {least:g} is asked for).",
            remedy="Scan it again, straight and at 300 dpi, or lower reading.ocr_min_score.",
            path=self.name,
            score=self._unsure_weighted / self._unsure_chars,
            least=self.settings.ocr_min_score,
        )
