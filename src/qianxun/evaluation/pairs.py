"""Accepted question–passage pairs: read from a file, and found among the documents that an asker may read.

    {"question": "…", "source": "…"}                     a document, by its source or the end of it
    {"question": "…", "source": "…", "quote": "…"}       the passages of it that hold the quote
    {"question": "…", "document": 12}                    a document, by its id

One JSON object a line, plain or .gz; other keys are ignored. A question may stand on several lines. What cannot be
read ends the reading with file and line; what names something that is not there (any more) is left out and counted.
"""

import bisect
import hashlib
import itertools
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import lines_of
from qianxun.records import AcceptedPair, Asker, Document
from qianxun.sources.find import source_of
from qianxun.storage.store import Store, StoredChunk
from qianxun.text import fold

_LAYOUT = 'Each line is a JSON object with "question" and "source" (or "document"), and "quote" if you like.'
# One question in this many is held back.
_HELD_BACK = 3

Reason: TypeAlias = Literal["no document", "no text", "no quote", "no vector"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pair that names nothing to learn from.

    There is no such document (for this asker), it is without text, the quote is not in it, or it is not indexed yet.
    """

    pair: AcceptedPair
    reason: Reason


@dataclass(frozen=True, slots=True)
class Accepted:
    """A document that was accepted, by some of its chunks (ids and hashes), or as a `whole`: by all of them."""

    document: int
    source: str
    whole: bool
    chunks: tuple[int, ...]
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question with what was accepted for it, by document. `key` is of its folded text, 16 bytes in hex."""

    key: str
    text: str
    accepted: Mapping[int, Accepted]

    @property
    def held_back(self) -> bool:
        """True for about a third of all questions: by their text, so for ever the same ones."""
        return int(self.key[-8:], 16) % _HELD_BACK == 0


def read_pairs(path: Path) -> list[AcceptedPair]:
    """The pairs of a file, in its order. Raises InputError naming file and line, NotFound."""
    if not path.is_file():
        raise NotFound("There is no file at {path}.", remedy=_LAYOUT, path=path)
    pairs = [_pair(path, number, line) for number, line in lines_of(path)]
    if not pairs:
        raise InputError("{path} is empty.", remedy=_LAYOUT, path=path)
    return pairs


def _pair(path: Path, number: int, line: str) -> AcceptedPair:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken(path, number, str(error)) from error
    if not isinstance(record, dict):
        raise _broken(path, number, "no JSON object")
    document = record.get("document")
    if document is not None and (not isinstance(document, int) or isinstance(document, bool)):
        raise _broken(path, number, f'"document" is {document!r}, not an id')
    pair = AcceptedPair(
        question=_text(record, "question", path, number),
        source=_text(record, "source", path, number),
        document=document,
        quote=_text(record, "quote", path, number),
    )
    for key, given in (("question", pair.question), ("source", pair.source or pair.document is not None)):
        if not given:
            raise _broken(path, number, f'no "{key}"')
    return pair


def _text(record: dict[str, Any], key: str, path: Path, number: int) -> str:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise _broken(path, number, f'"{key}" is {value!r}, not text')
    # JSON can hold half a character (a lone surrogate), which no encoder and no index takes.
    return (value or "").encode("utf-8", "replace").decode().strip()


def _broken(path: Path, line: int, error: str) -> InputError:
    return InputError(
        "{path}, line {line}: not an accepted pair ({error}).", remedy=_LAYOUT, path=path, line=line, error=error
    )


def judged_questions(
    pairs: Iterable[AcceptedPair], store: Store, asker: Asker
) -> tuple[list[JudgedQuestion], list[LeftOut]]:
    """The questions with what was accepted for each, by key, and the pairs that were left out.

    Questions that are folded alike are one. Only documents that the asker may read are known here. Raises
    InputError for an empty question, a pair that names nothing, and a source that several documents end in.
    """
    named = _Named(store.documents(asker))
    left_out: list[LeftOut] = []
    texts: dict[str, str] = {}
    by_document: dict[int, list[tuple[str, AcceptedPair]]] = {}
    for pair in pairs:
        if not pair.question.strip():
            raise InputError("The question is empty.", remedy="Give it one or leave it out.")
        document = named.meant(pair)
        if document is None or document.chunks == 0:
            left_out.append(LeftOut(pair, "no document" if document is None else "no text"))
            continue
        key = _key(pair.question)
        texts[key] = min(texts.get(key, pair.question), pair.question)
        by_document.setdefault(document.id, []).append((key, pair))
    found: dict[str, dict[int, Accepted]] = {}
    for id in sorted(by_document):  # one document's chunks in memory at a time
        chunks = list(store.chunks(id))
        held: dict[str, set[int]] = {}
        for key, pair in by_document[id]:
            holding = _holding(pair.quote, chunks)
            if holding:
                held.setdefault(key, set()).update(chunk.id for chunk in holding)
            else:
                left_out.append(LeftOut(pair, "no quote"))
        for key, ids in held.items():
            found.setdefault(key, {})[id] = _accepted(named.by_id[id], chunks, ids)
    return [JudgedQuestion(key, texts[key], found[key]) for key in sorted(found)], left_out


def _accepted(document: Document, chunks: Sequence[StoredChunk], ids: Collection[int]) -> Accepted:
    kept = [chunk for chunk in chunks if chunk.id in ids]
    return Accepted(
        document=document.id,
        source=document.source,
        whole=len(kept) == len(chunks),
        chunks=tuple(chunk.id for chunk in kept),
        hashes=tuple(chunk.hash for chunk in kept),
    )


def _key(question: str) -> str:
    return hashlib.sha256(" ".join(fold(question).split()).encode()).hexdigest()[:32]


class _Named:
    """Documents by what a pair may call them."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.by_id = {document.id: document for document in documents}
        self._by_source = {document.source: document for document in documents}
        self._by_name: dict[str, list[Document]] = {}
        for document in documents:
            self._by_name.setdefault(document.source.rpartition("/")[2], []).append(document)

    def meant(self, pair: AcceptedPair) -> Document | None:
        """The document of a pair: by its whole source, as a path from here, or by the end of its source."""
        source = pair.source.strip()
        if not source:
            if pair.document is None:
                raise InputError(
                    "The question {question!r} names no document.",
                    remedy="Give it a source or leave it out.",
                    question=pair.question,
                )
            return self.by_id.get(pair.document)
        here = source_of(Path(os.path.abspath(source)))  # noqa: PTH100 (resolve() follows links)
        exact = self._by_source.get(source) or self._by_source.get(here)
        if exact is not None:
            return exact
        ending = "/" + source.removeprefix("./").lstrip("/")
        found = [d for d in self._by_name.get(ending.rpartition("/")[2], ()) if d.source.endswith(ending)]
        if len(found) > 1:
            raise InputError(
                "The source {source!r} could be {first} or {second}.",
                remedy="Write more of it.",
                source=source,
                first=found[0].source,
                second=found[1].source,
            )
        return found[0] if found else None


def _holding(quote: str, chunks: Sequence[StoredChunk]) -> list[StoredChunk]:
    """The chunks that hold a quote or a part of it, compared folded and without white space; all for no quote."""
    wanted = _bare(quote)
    if not wanted:
        return list(chunks)
    texts = [_bare(chunk.text) for chunk in chunks]
    ends = list(itertools.accumulate(len(text) for text in texts))
    whole, held = "".join(texts), set[int]()
    at = whole.find(wanted)
    while at >= 0:
        first, last = (bisect.bisect_right(ends, place) for place in (at, at + len(wanted) - 1))
        held.update(range(first, last + 1))
        at = whole.find(wanted, at + len(wanted))
    return [chunks[i] for i in sorted(held)]


def _bare(text: str) -> str:
    return "".join(fold(text).split())
