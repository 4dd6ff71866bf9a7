"""The nouns, one frozen type per state, so that steps cannot be called out of order.

`RawDocument` (from a loader) → `Document` (kept) → `Span` → `Chunk` → `Hit` (an index found it) →
`Passage` (text, for this asker) → `Citation` → `Answer`. Offsets count Python characters of a
document's cleaned text. Nothing here knows how anything is stored or found.
"""

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from qianxun.errors import InputError, QianxunError
from qianxun.messages import Remark

if TYPE_CHECKING:
    from qianxun.text import Script

# A chunk's id is its document's id and its place in it, so a document's chunks are one range of ids,
# dropping a document needs no list of ids, and no id is ever used twice (document ids never are).
CHUNK_BITS = 24
MAX_CHUNKS_PER_DOCUMENT = 1 << CHUNK_BITS
# Letters, digits, comma and space in full width, as they are in half width. Other signs are at home in Chinese labels.
_WIDE = "，" + "".join(chr(0xFEE0 + ord(c)) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_NARROW = {ord(c): ord(c) - 0xFEE0 for c in _WIDE} | {0x3000: 0x20}


def chunk_id(document: int, ordinal: int) -> int:
    """The id of a document's chunk; `ordinal` counts from 0."""
    return document << CHUNK_BITS | ordinal


def document_of(chunk: int) -> int:
    """The id of the document that a chunk belongs to."""
    return chunk >> CHUNK_BITS


def _nothing() -> None:
    return None


BlockKind = Literal["heading", "paragraph", "list", "table", "code"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a sheet or a delimited file that lines of text stand for.

    `numbers` are the rows of the lines, from 1, ascending. `columns` are the first and the last, from 0, None where
    columns have no letters. `sheet` is the sheet's name, if it has one.
    """

    numbers: tuple[int, ...]
    sheet: str = ""
    columns: tuple[int, int] | None = None

    def part(self, first: int, last: int) -> "Rows":
        """Those of the lines from `first` to `last`, counted from 0, both included."""
        return replace(self, numbers=self.numbers[first : last + 1])

    def joined(self, after: "Rows") -> "Rows":
        """These and those that follow in the same sheet; the columns are those of both."""
        columns = self.columns
        if columns is not None and after.columns is not None:
            columns = (min(columns[0], after.columns[0]), max(columns[1], after.columns[1]))
        return replace(self, numbers=(*self.numbers, *after.numbers), columns=columns)

    @property
    def location(self) -> str:
        """`Sheet1!A2:C9`, or `rows 2–9` where columns have no letters."""
        first, last = self.numbers[0], self.numbers[-1]
        if self.columns is None:
            where = f"rows {first}–{last}" if first != last else f"row {first}"
            return f"{self.sheet}!{where}" if self.sheet else where
        begins, ends = (f"{column_letters(c)}{n}" for c, n in zip(self.columns, (first, last), strict=True))
        where = f"{begins}:{ends}" if begins != ends else begins
        return f"{self.sheet}!{where}" if self.sheet else where


def column_letters(column: int) -> str:
    """The letters of a column counted from 0: A, …, Z, AA, …"""
    letters = ""
    column += 1
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document as a loader found it, in reading order.

    `level` is a heading's depth from 1. A `table` has one row a line; its first `header_lines` lines
    are repeated as context for every chunk cut from it. `page` counts from 1. `location` is what a
    person needs to find the place where there is no page: a slide, `Sheet1!A2:C9`.

    `rows` are those of the lines: each chunk's location is then made from the rows that it holds. A table too large
    for memory comes as several blocks; all but the first have `continues`, and share the header of the first.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None
    location: str | None = None
    header_lines: int = 0
    rows: Rows | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class RawDocument:
    """What a loader returns: a title and blocks, which may be a generator read once (large files).

    `source` is a path, or `path!member` inside an archive. `pages` is the number of pages, if any. `shortfall` is asked
    when the blocks have been read: what of the document could not be, None if all was.
    """

    source: str
    title: str
    format: str
    blocks: Iterable[Block]
    pages: int | None = None
    shortfall: Callable[[], QianxunError | None] = _nothing


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of characters of a document's cleaned text: start <= i < end."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A slice of a document's cleaned text, and the spans repeated before it for meaning.

    `headings` (outermost first) and `header` (of the table it was cut from) are the context: encoders
    and indexes see context and text, quotes and offsets come from `span` alone.
    """

    ordinal: int
    span: Span
    headings: tuple[Span, ...] = ()
    header: Span | None = None
    page: int | None = None
    location: str | None = None

    @property
    def context(self) -> tuple[Span, ...]:
        """The spans repeated before the text, in the order of the document."""
        return (*self.headings, self.header) if self.header else self.headings


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of cleaned text and the chunks cut from it. Parts follow each other without a gap.

    A chunk's span lies within its part; its context may lie in an earlier one.
    `headings`, `header` texts are given by chunk (parallel to `chunks`) because the earlier part may
    no longer be in memory.
    """

    start: int
    text: str
    chunks: tuple[Chunk, ...]
    contexts: tuple[str, ...]

    def text_of(self, index: int) -> str:
        """The text of the chunk at this index of `chunks`."""
        span = self.chunks[index].span
        return self.text[span.start - self.start : span.end - self.start]


class Status(enum.StrEnum):
    """What became of a source."""

    READY = "ready"  # read, cut and searchable
    EMPTY = "empty"  # read, and there is no text in it
    ATTENTION = "needs attention"  # read, but a person should look at it; not in the index
    FAILED = "failed"  # could not be read; `reason` says why


@dataclass(frozen=True, slots=True)
class Document:
    """A source as the store keeps it. `id` is never reused; a changed file is a new id.

    `digest` is the SHA-256 of the file's bytes. `modified` is the file's time in UTC, ISO 8601.
    `stamp` is what the file system said of the file when its bytes were read: the same again means the same bytes;
    empty if it says nothing.
    `chars` counts the cleaned text.
    """

    id: int
    source: str
    title: str
    format: str
    status: Status
    reason: str
    labels: tuple[str, ...]
    chunks: int
    pages: int | None
    chars: int
    digest: str
    modified: str
    added: str
    stamp: str = ""

    @property
    def state(self) -> Status:
        """What a person should know of it: what was read in part needs attention, and is found all the same."""
        return Status.ATTENTION if self.status is Status.READY and self.reason else self.status


def narrow(label: str) -> str:
    """The label, or a text of several, with its letters, digits, commas and spaces in half width."""
    return label.translate(_NARROW)


_SEPARATORS = r"[,，、;；\r\n]"


def parted(labels: str) -> list[str]:
    """Labels as people write them together: with commas or semicolons, also those of Chinese, or on lines."""
    return [label.strip() for label in re.split(_SEPARATORS, labels) if label.strip()]


def check_labels(labels: Iterable[str], *, removed: Iterable[str] = ()) -> None:
    """Raises InputError for what can be no label: nothing, a comma, or letters and digits in full width.

    Two labels that look the same must not open different documents, so there is one way to write them. Those that are
    `removed` may be of an older release, in any width.
    """
    given = list(labels)
    if any(not label.strip() or "," in label for label in (*given, *removed)):
        raise InputError(
            "A label must be a word without commas; seen: {labels!r}.",
            remedy="Example: --add hr",
            labels=[*given, *removed],
        )
    wide = next((label for label in given if label != narrow(label)), None)
    if wide is not None and len(parted(wide)) > 1:
        raise InputError(
            "The label {label!r} is several, written as one.",
            remedy="Give them one by one: {labels}.",
            label=wide,
            labels=", ".join(map(narrow, parted(wide))),
        )
    if wide is not None:
        raise InputError(
            "The label {label!r} is written in full width.",
            remedy="Write {narrow!r}.",
            label=wide,
            narrow=narrow(wide),
        )


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `labels` None is the administrator, who sees everything; else any shared label suffices."""

    labels: frozenset[str] | None = None

    @classmethod
    def admin(cls) -> "Asker":
        """Sees every document: the local command line and Python, unless told otherwise."""
        return cls(None)

    @classmethod
    def of(cls, *labels: str) -> "Asker":
        """Sees documents that carry any of these labels."""
        return cls(frozenset(labels))


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What a generator wrote about a chunk: searched together with its text, never shown, quoted or cited.

    `context` is one line that says what the chunk is about; `questions` are such that it answers. Either may be empty.
    """

    context: str = ""
    questions: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        """All of it, a line each; empty where nothing of use was written."""
        return "\n".join(line for line in (self.context, *self.questions) if line)


@dataclass(frozen=True, slots=True)
class Query:
    """A question made ready: the text as asked, its lexical terms, its vector.

    `words` and `characters` are distinct folded terms (see `qianxun.text`); `vector` is `(dim,)
    float32` of unit length, or None when only words are searched.

    `alternatives` are pieces of the question that can be written otherwise: for each the ways, as terms of the same
    kind as `words`, the first of which is among these. Of a piece the way that fits a chunk best counts, not
    their sum; other ways than the asked one only where a chunk has all of their terms.
    `similar` are misspelt pieces: for each the way it was asked, which is the first of one of the `alternatives`, then
    what is near it; these count like its other ways, at a part of their score (see `exact_lexical.NEAR`).
    `must` and `must_characters` are words and characters without which no chunk is found.
    """

    text: str
    words: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()
    alternatives: tuple[tuple[tuple[str, ...], ...], ...] = ()
    similar: tuple[tuple[tuple[str, ...], ...], ...] = ()
    must: tuple[str, ...] = ()
    must_characters: tuple[str, ...] = ()
    vector: "object | None" = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What an index needs to know of a chunk: never more than ids, terms, a vector and filter fields.

    `text` is context and text, and the lines of its enrichment if there is one. `vector` is `(dim,) float32` of unit
    length, or None for lexical indexes; `script` is that of the text without context.
    """

    chunk: int
    text: str
    labels: tuple[str, ...]
    source: str
    title: str
    format: str
    modified: str
    vector: "object | None" = field(default=None, compare=False)
    script: "Script" = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that an index found.

    `score` is the engine's own: cosine, or BM25 summed over fields. `attainable` is the most that this
    question could have scored in this index: 1.0 for cosine; for BM25 the question's idf mass, with
    the words that occur nowhere counted in, times the gain of a saturated term. Higher is better.
    """

    chunk: int
    score: float
    attainable: float = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage said of a passage: its rank from 1 (None: did not find it) and its score there."""

    rank: int | None
    score: float | None


Signal: TypeAlias = Literal["relevance", "freshness", "authority", "clicks", "feedback", "exact"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a signal did to a passage's score: `effect`. All effects, that of relevance first, add up to the score.

    An effect is the signal's share of the way from relevance to the score, by its `weight` times its `value`: the
    Aumann-Shapley value, with which neither an order of the signals nor any of them is preferred.
    """

    signal: Signal
    value: float
    weight: float
    effect: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with its text, which this asker may read. `rank` counts from 1; `score` is the last one, in [0, 1].

    `stages` maps a stage's name to what it said. `contributions` are the signals that made the score, where any but
    relevance did. `relevant` is the reranker's label, None where no reranker judged it. `matched` are the question's
    terms in it, where the search was to explain itself (the first 20 passages).
    `duplicates` are the sources, visible to the asker, whose passage says the same; `near_duplicates` those that say
    nearly the same. A widened passage has the chunk that was found, and span and text of more.
    """

    rank: int
    score: float
    chunk: int
    document: int
    source: str
    title: str
    page: int | None
    location: str | None
    heading: tuple[str, ...]
    span: Span
    text: str
    context: str
    labels: tuple[str, ...]
    stages: Mapping[str, Stage]
    matched: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    near_duplicates: tuple[str, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    relevant: bool | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages, best first, and how they were found. `seconds` is by stage; `degraded` names what was left out.

    `query` is the question as it was asked, `searched` what was searched for: without its operators, completed from
    the conversation. `notes` say how it was understood, where that is more than its words. `good` is False where a
    reranker judged the passages and none is relevant, True where one is, None where none judged. `where` says which
    documents were searched, of those that the asker may see (a `Filter`); None all.
    """

    query: str
    passages: tuple[Passage, ...]
    seconds: Mapping[str, float]
    models: Mapping[str, str]
    degraded: tuple[str, ...] = ()
    searched: str = ""
    notes: tuple[Remark, ...] = ()
    good: bool | None = None
    where: object | None = None


@dataclass(frozen=True, slots=True)
class AcceptedPair:
    """A question and what somebody accepted as its answer: a document, or the passages of it that hold `quote`.

    The document is named by its `source`; by its id in `document` only where `source` is empty, since a changed
    file is a new id.
    """

    question: str
    source: str = ""
    document: int | None = None
    quote: str = ""


# What becomes of sentences that no passage bears, the strictest last.
Policy: TypeAlias = Literal["mark", "remove", "refuse"]
MOST_PASSAGES: Final = 100
LEAST_CONTEXT_TOKENS: Final = 100
MOST_CONTEXT_TOKENS: Final = 1_000_000


def as_strict_as(policy: Policy) -> tuple[Policy, ...]:
    """A policy, and those that are stricter behind it: what an asker may choose where it is set."""
    known: tuple[Policy, ...] = get_args(Policy)
    return known[known.index(policy) :]


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What the asker says of one answer; None and "" are as the settings and the persona say.

    `unsupported` is what becomes of sentences that no passage bears. `passages`, 1 to 100, may be quoted; a model is
    shown `context_tokens` of them at a time, 100 to 1,000,000, and no more than it can read. `instructions` are told to
    it as the asker's wishes, below the rules and the persona's. An answer made of quotations is ruled by `passages`
    alone. Raises InputError for what is out of bounds.
    """

    unsupported: Policy | None = None
    passages: int | None = None
    context_tokens: int | None = None
    instructions: str = ""

    def __post_init__(self) -> None:
        if self.unsupported not in (None, *get_args(Policy)):
            raise InputError(
                "Sentences that nothing bears cannot be treated as {policy!r}.",
                remedy="Known: {known}.",
                policy=self.unsupported,
                known=", ".join(get_args(Policy)),
            )
        if self.passages is not None and not 1 <= self.passages <= MOST_PASSAGES:
            raise InputError(
                "An answer cannot be made from {n} passages.",
                remedy="Ask for 1 to {most}.",
                n=self.passages,
                most=MOST_PASSAGES,
            )
        if self.context_tokens is not None and not LEAST_CONTEXT_TOKENS <= self.context_tokens <= MOST_CONTEXT_TOKENS:
            raise InputError(
                "A model cannot be shown {n} tokens of passages.",
                remedy="Ask for {least} to {most}.",
                n=self.context_tokens,
                least=LEAST_CONTEXT_TOKENS,
                most=MOST_CONTEXT_TOKENS,
            )

    @property
    def told(self) -> dict[str, str | int]:
        """What was said, without words of the asker's: of the instructions only how many characters they have."""
        said = {
            "unsupported": self.unsupported,
            "passages": self.passages,
            "context_tokens": self.context_tokens,
            "instructions": len(self.instructions.strip()) or None,
        }
        return {name: value for name, value in said.items() if value is not None}


Support = Literal["supported", "weak", "absent"]
Verdict = Literal["answered", "partial", "no_evidence", "ungrounded", "clarify"]
FinishReason = Literal["stop", "length", "time", "cancelled", "repetition"]
Quoted = Literal["words", "under its heading"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A `[number]` of an answer: the passage it points to, the exact quote, and whether that bears the sentence.

    `span` is the quote's place in the document's cleaned text. `sentence` is the answer's sentence that was checked,
    `statement` its place in the answer's statements. Number 0 is [Q], what the question brought along: of no document,
    and `span` counts in the answer's `material`.
    """

    number: int
    chunk: int
    document: int
    source: str
    title: str
    page: int | None
    location: str | None
    heading: tuple[str, ...]
    span: Span
    quote: str
    support: Support
    sentence: str = ""
    statement: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, without its marks, and what became of checking it.

    `span` is its place in the answer's text, marks included. `numbers` are those it cites; `support` is the best that
    any of its citations has, "absent" if it has none. `quoted` says that it is the words of what it cites (of a
    row, with the names of its columns), perhaps under the heading that answers the question; None: somebody wrote it.
    `claim` is False for what says nothing itself but leads in to what follows. `own` is True for what a model says of
    itself, citing nothing, where it may. `unknown` are the figures, dates and names in it that stand in no passage.
    """

    text: str
    span: Span
    numbers: tuple[int, ...]
    support: Support
    quoted: Quoted | None = None
    claim: bool = True
    own: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of whole documents an answer was made from: `read` of their `chunks`.

    A model that cannot take them at once reads them in `parts`. Of these it `failed` in some, and some were `left_out`
    for want of time or of model calls, of which it may make a number: `calls` were made. Where no model reads, all is
    one part, and there are no calls.
    """

    documents: int
    chunks: int
    read: int
    parts: int = 1
    failed: int = 0
    left_out: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """A question that another one was divided into.

    `passages` were found for it, `new` of them for no question before it; `answered` says whether they hold its answer.
    """

    question: str
    passages: int
    new: int
    answered: bool


PlanEnd = Literal["answered", "coverage", "questions", "calls", "time", "stopped"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a question was divided into, in the order in which it was asked, and what ended that.

    Of at most `most` sub-questions, in so many `rounds`, with `calls` model calls for the plan and the answer. It
    `ended` because all were "answered", a round found nothing new ("coverage"), there were no more "questions" to ask,
    or none allowed, no more model "calls", no more "time", or somebody "stopped" it.
    """

    most: int
    questions: tuple[SubQuestion, ...]
    rounds: int
    calls: int
    ended: PlanEnd


@dataclass(frozen=True, slots=True)
class Stated:
    """A value that sources give, as the first of them writes it, and where: one citation for each document.

    `dated` is the date or version in the title, heading or file name of the first, "" where there is none.
    """

    value: str
    citations: tuple[Citation, ...]
    dated: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Different values that sources give for what was asked, that of the best source first."""

    values: tuple[Stated, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """What an ambiguous question may be about: `label` names it, `question` asks of it alone, `value` is the answer.

    `citations` are of the sentences that give the value.
    """

    label: str
    question: str
    value: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and everything needed to check it. `question` is as asked, `searched` what was searched for.

    `language` is the one that it is in, "en" or "zh". `conflicts` are where sources disagree; `options`, with the
    verdict "clarify", what the question may be about. `usage` are the tokens that a generator read and wrote; None if
    it did not say, or none was asked. `material` is what the question brought along and [Q] cites. `persona` is how it
    was answered, "" as usual. `finish_reason` is why a generator ended, "stop" by itself; `cached` that the answer was
    given before. `coverage` is there where whole documents were read, `plan` where the question was divided.
    """

    question: str
    text: str
    verdict: Verdict
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    seconds: Mapping[str, float]
    models: Mapping[str, str]
    degraded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    searched: str = ""
    statements: tuple[Statement, ...] = ()
    usage: tuple[int, int] | None = None
    material: str = ""
    persona: str = ""
    language: str = ""
    finish_reason: FinishReason = "stop"
    cached: bool = False
    coverage: Coverage | None = None
    plan: Plan | None = None
    conflicts: tuple[Conflict, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a removal took away. `answers`, `questions`: stored answers and evaluation questions that cite it, erased
    if it was a `purge`; `judgements`: feedback that was of nothing else."""

    documents: tuple[tuple[int, str], ...]
    chunks: int
    vectors: int
    revision: int
    answers: int = 0
    questions: int = 0
    judgements: int = 0
    purge: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the change log: since `revision` the document is there (`put`), gone (`drop`), labelled anew, or its
    chunks are searched by other words (`enrich`)."""

    revision: int
    action: Literal["put", "drop", "label", "enrich"]
    document: int
