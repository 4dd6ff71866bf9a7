"""Chunks laid out over the text that they were cut from: what each repeats, what stands between them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from qianxun.documents.split import indexed_text, tokens
from qianxun.records import Passage
from qianxun.web.laid_out import begins_within, laid_out


@dataclass(frozen=True, slots=True)
class LaidChunk:
    """A chunk as it is shown. `between` is text before it that is in no chunk (headings, which are the context of what
    is below them); `repeated` what the chunk before it ends with; `text` the rest. `tokens` is of text and context."""

    passage: Passage
    between: str
    repeated: Markup
    text: Markup
    tokens: int


def laid_chunks(
    passages: Iterable[Passage], text: str, *, at: int = 0, tokens_of: Iterable[float] | None = None
) -> Iterator[LaidChunk]:
    """Chunks in reading order over their document's text, of which everything before `at` is shown already.

    The tokens are estimated where `tokens_of` does not say them.
    """
    counted = iter(tokens_of) if tokens_of is not None else None
    for passage in passages:
        start, end = passage.span.start, passage.span.end
        n_repeated = min(max(0, at - start), len(passage.text))
        measured = tokens(indexed_text(passage.context, passage.text)) if counted is None else next(counted)
        yield LaidChunk(
            passage,
            text[at:start].strip(),
            laid_out(passage.text[:n_repeated], (), within=begins_within(text, start)),
            laid_out(passage.text[n_repeated:], (), within=begins_within(text, start + n_repeated)),
            round(measured),
        )
        at = max(at, end)
