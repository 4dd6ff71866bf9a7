"""Pages of PDFs as pictures for the viewer, drawn once and kept for a while, as long as the room for them lasts."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from qianxun.documents.formats.pdf_pages import DrawnPage
from qianxun.documents.pictures import MAX_BYTES, draw
from qianxun.documents.quotes import Quote
from qianxun.errors import NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Asker, Document, Passage, Span

_ROOM_BYTES: Final = 32_000_000
# After the one on which a chunk begins: a span is no longer.
_MOST_PAGES: Final = 3


class Kept:
    """Pictures by the file's digest and the page; those that were not looked at longest go first."""

    def __init__(self, room: int = _ROOM_BYTES) -> None:
        self._room = room
        self._taken = 0
        self._pictures: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, digest: str, number: int) -> bytes | None:
        """The picture, if it is still here."""
        with self._guard:
            found = self._pictures.get((digest, number))
            if found is not None:
                self._pictures.move_to_end((digest, number))
            return found

    def put(self, digest: str, number: int, picture: bytes) -> None:
        """Keeps a picture."""
        with self._guard:
            self._taken += len(picture) - len(self._pictures.pop((digest, number), b""))
            self._pictures[digest, number] = picture
            while self._taken > self._room and len(self._pictures) > 1:
                self._taken -= len(self._pictures.popitem(last=False)[1])


_KEPT: Final = Kept()


def drawn(
    kb: KnowledgeBase, document: Document, asker: Asker, numbers: Sequence[int], quote: Quote | None
) -> DrawnPage | None:
    """A page of a document that the asker may see: of these the one with most of the quote.

    None where the document is no PDF, its file is not kept or is not what it was, or cannot be drawn.
    """
    if document.format != "pdf":
        return None
    try:
        original = kb.original(document.id, asker=asker)
    except NotFound:
        return None
    with original.stream:
        data = original.stream.read() if original.size <= MAX_BYTES else b""
    found = draw(data, tuple(numbers), quote, kb.settings.reading) if data else None
    if found is not None:
        _KEPT.put(original.digest, found.number, found.png)
    return found


def picture(kb: KnowledgeBase, document: Document, asker: Asker, number: int) -> bytes | None:
    """The picture of a page of a document that the asker may see; None as `drawn`, and for a page that there is not."""
    kept = _KEPT.get(document.digest, number)
    if kept is not None:
        return kept
    found = drawn(kb, document, asker, (number,), None)
    return found.png if found is not None and found.number == number else None


def pages_of(chunks: Sequence[Passage], span: Span) -> list[int]:
    """The pages on which a span of a document may stand, the likeliest first: a chunk names that on which it begins."""
    first = 1
    for chunk in chunks:
        if chunk.page is None:
            continue
        if chunk.span.start >= span.end:
            return list(range(first, min(max(chunk.page, first), first + _MOST_PAGES) + 1))
        if chunk.span.start <= span.start:
            first = chunk.page
    return list(range(first, first + _MOST_PAGES + 1))
