"""What is kept of conversations, as records: no text of documents, only places in them. Knows no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from qianxun.records import Quoted, Span, Support, Verdict

# `running` until it is done, `stopped` by who asked, `failed`; `removed`: what it was written from is gone.
State: TypeAlias = Literal["running", "done", "stopped", "failed", "removed"]
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A sentence of an answer (see `records.Statement`); its text is "" where it only quotes."""

    text: str
    span: Span
    numbers: tuple[int, ...]
    support: Support
    quoted: Quoted | None
    claim: bool = True
    own: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage that an answer may cite: its chunk, and the span of its text in the document."""

    chunk: int
    span: Span


@dataclass(frozen=True, slots=True)
class KeptCitation:
    """Where a statement's support stands: `span` in the document of the passage `number`, by its cleaned text."""

    statement: int
    number: int
    span: Span
    support: Support


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer without the text of documents; its own is "" if it quotes. `passages[n - 1]` is what [n] points to.

    `recalled` are the documents of earlier answers that its writer was told of.
    """

    text: str
    searched: str
    verdict: Verdict
    statements: tuple[KeptStatement, ...]
    citations: tuple[KeptCitation, ...]
    passages: tuple[KeptPassage, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    recalled: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question and what came of it; `answer` is None unless it is `done` or `stopped`. `turn` counts from 1."""

    turn: int
    state: State
    asked: str
    question: str
    answer: KeptAnswer | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a list of conversations shows. Times are UTC, ISO 8601. `turns` counts them."""

    token: str
    title: str
    profile: str
    begun: str
    changed: str
    turns: int


def row_of(one: KeptStatement) -> list[object]:
    """A sentence as a row of JSON."""
    span, numbers, unknown = one.span, list(one.numbers), list(one.unknown)
    return [one.text, one.quoted, span.start, span.end, numbers, one.support, one.claim, one.own, unknown]


def statement_of(row: Sequence[Any]) -> KeptStatement:
    """The sentence in such a row."""
    text, quoted, start, end, numbers, support, claim, own, unknown = row
    return KeptStatement(text, Span(start, end), tuple(numbers), support, quoted, claim, own, tuple(unknown))
