"""Whether a PDF page must be looked at: it is a picture with hardly more text than what a scanner or a fax machine
writes on one, or its text stands for nothing. Recognises nothing itself.
"""

import unicodedata
from typing import Final

from qianxun.documents.formats.pdf_calls import calls, floats
from qianxun.documents.formats.pdf_lines import TextPage

MOST_CHARS: Final = 80
LEAST_SHARE: Final = 0.7  # of the page that one picture covers

_IMAGE: Final = 3  # FPDF_PAGEOBJ_IMAGE, fpdf_edit.h
_MAX_OBJECTS: Final = 1000  # a page with more is no scan


def is_picture(page: TextPage) -> bool:
    """Whether a page has little text and one picture over most of it. Blank pages are none."""
    n_chars = len(page.characters)
    if n_chars > 4 * MOST_CHARS or (n_chars > MOST_CHARS and len("".join(page.characters.split())) > MOST_CHARS):
        return False
    pdfium = calls()
    area = pdfium.page_width(page.page) * pdfium.page_height(page.page)
    n = pdfium.count_objects(page.page)
    if area <= 0 or n > _MAX_OBJECTS:
        return False
    values, at = floats(4)
    for item in filter(None, (pdfium.object_at(page.page, i) for i in range(n))):
        if pdfium.object_type(item) != _IMAGE or not pdfium.bounds(item, at, at + 4, at + 8, at + 12):
            continue
        left, bottom, right, top = values
        if (right - left) * (top - bottom) >= LEAST_SHARE * area:
            return True
    return False


def stands_for_nothing(text: str) -> bool:
    """Whether a page with this text layer must be looked at: there is none, or most of it stands for no character."""
    if 2 * sum(map(str.isalnum, text)) > len(text):
        return False  # as nearly every page; what follows looks at each character by itself
    letters = [c for c in text if not c.isspace()]
    return 2 * sum(c == "\ufffd" or unicodedata.category(c) in ("Co", "Cn", "Cc") for c in letters) >= len(letters)
