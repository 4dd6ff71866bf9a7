"""What is drawn out of a document: a value that fits a schema, and for each field of it where the document says so."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from qianxun.records import Span, Support

# valid: the value fits. invalid: the model answered, and no answer fitted. unreadable: the document cannot be read.
# unanswered: the model failed, took too long, or refused this document; another run asks again.
Outcome: TypeAlias = Literal["valid", "invalid", "unreadable", "unanswered"]


@dataclass(frozen=True, slots=True)
class Material:
    """A document to draw values from. `text` is cleaned; `digest` changes when the document does.

    `remark` says what of it could not be read, "" if all was.
    """

    source: str
    text: str
    digest: str
    title: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A document that could not be read, and why. `digest` as in `Material`, "" where its bytes were not read."""

    source: str
    reason: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One value and where the document bears it. `pointer` is its place in the data (JSON Pointer, RFC 6901).

    `supported`: it stands there, in this or another spelling. `weak`: only a part of it does, or what was found can be
    read otherwise. `absent`: it stands nowhere. `quote` is the document's cleaned text at `span`; if absent there is
    none.
    """

    pointer: str
    value: str | int | float | bool
    support: Support
    quote: str = ""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What came of one document.

    `value` is None unless it is valid; of a pydantic schema an instance, else plain JSON. `data` is what the model last
    said in plain JSON, valid or not; None if nothing could be read. `problems` say why it is not valid, or what of the
    document could not be read. `usage` are tokens of prompts and answers, `attempts` answers asked for. `kept`: from an
    earlier run.
    """

    source: str
    outcome: Outcome
    value: Any = None
    data: Any = None
    problems: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    usage: tuple[int, int] = (0, 0)
    attempts: int = 0
    digest: str = ""
    kept: bool = False

    @property
    def valid(self) -> bool:
        """Whether the value fits the schema."""
        return self.outcome == "valid"

    @property
    def absent(self) -> tuple[Field, ...]:
        """The values that stand nowhere in the document."""
        return tuple(one for one in self.fields if one.support == "absent")
