"""How a file would be cut, before anything of it is kept: read and cut in a worker process, as `add` does it."""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from qianxun.documents import reading
from qianxun.documents.reading import Ended, Event, Opened, PartRead, ReadJob
from qianxun.documents.split import indexed_text, measure_of
from qianxun.records import Chunk, Passage, Span
from qianxun.settings import ReadingSettings, SplittingSettings

# Of a longer text the beginning is cut: it shows what the rest will be like.
MOST_CHARS: Final = 400_000


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file is cut by some settings.

    `passages` are its chunks in reading order, counted by `rank` from 1 and with ids of nothing that is kept; `tokens`
    is what each takes of `max_tokens`, with its context. `is_whole` is False where only the first `MOST_CHARS` or so
    were cut; `reason` says, in English, what could not be read. Of a file that holds others only its own text is cut.
    """

    splitting: SplittingSettings
    title: str
    text: str
    passages: tuple[Passage, ...]
    tokens: tuple[float, ...]
    is_whole: bool
    reason: str


def preview(
    path: Path, name: str, settings: ReadingSettings, splitting: SplittingSettings, tokenizer: Path | None
) -> Preview:
    """How the file at `path`, read as one that is called `name`, is cut. `tokenizer` as in `reading.read_all`."""
    measure = measure_of(tokenizer)
    title, text, reason, is_whole = name, "", "", True
    passages: list[Passage] = []
    tokens: list[float] = []
    with contextlib.closing(_events(path, name, settings, splitting, tokenizer)) as events:
        for event in events:
            match event:
                case Opened(member=""):
                    title = event.title
                case PartRead(member="", part=part):
                    text += part.text
                    for chunk, context in zip(part.chunks, part.contexts, strict=True):
                        passages.append(_passage(name, title, text, chunk, context))
                        tokens.append(measure.tokens(indexed_text(context, passages[-1].text)))
                    if len(text) > MOST_CHARS:
                        is_whole = False
                        break
                case Ended():
                    reason = event.reason
                case _:
                    continue
    return Preview(splitting, title, text, tuple(passages), tuple(tokens), is_whole, reason)


def _events(
    path: Path, name: str, settings: ReadingSettings, splitting: SplittingSettings, tokenizer: Path | None
) -> Generator[Event, None, None]:
    job = ReadJob(name, path, PurePosixPath(name).suffix.lower())
    for message in reading.read_all(iter([job]), settings, splitting, tokenizer):
        yield from message.events


def _passage(name: str, title: str, text: str, chunk: Chunk, context: str) -> Passage:
    """A chunk as passages are shown; its text and headings are slices of the text so far."""

    def said(span: Span) -> str:
        return text[span.start : span.end]

    return Passage(
        rank=chunk.ordinal + 1,
        score=0.0,
        chunk=chunk.ordinal,
        document=0,
        source=name,
        title=title,
        page=chunk.page,
        location=chunk.location,
        heading=tuple(map(said, chunk.headings)),
        span=chunk.span,
        text=said(chunk.span),
        context=context,
        labels=(),
        stages={},
    )
