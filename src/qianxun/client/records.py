"""What a service replies that has no record of its own in `qianxun.records`. Moments are UTC in ISO 8601."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from qianxun.answering.events import AnswerEvent
from qianxun.records import Answer, Document, Passage, Policy

JobState: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class BaseSummary:
    """A knowledge base; `documents` are those that the caller may see.

    `persona` is whose way of answering holds where none is named, "" nobody's. `own_instructions` is how many
    characters of instructions may be given with a question, 0 none. `unsupported` is what may be chosen for sentences
    that no passage bears, by persona, "" for none.
    """

    name: str
    documents: int
    personas: tuple[str, ...]
    persona: str
    own_instructions: int
    unsupported: Mapping[str, tuple[Policy, ...]]


@dataclass(frozen=True, slots=True)
class Me:
    """Who the caller is, and what they may do. `labels` and `bases` None: all. Limits 0: none."""

    id: str
    name: str
    labels: frozenset[str] | None
    bases: frozenset[str] | None
    actions: frozenset[str]
    requests_per_minute: int
    tokens_per_day: int
    streams: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the service runs; `waiting` are the roles of what is not ready."""

    status: str
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some of the documents; `next` is where the following page begins, None where this is the last."""

    documents: tuple[Document, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class PassageInPlace:
    """A passage, its document, and the passages around it in reading order."""

    document: Document
    passage: Passage
    around: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed."""

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Job:
    """Work that the service does by itself. `done` of `total` steps of its `stage`; `total` None: not known.

    `result` is what the command of that name prints with `--json`; None until it is done.
    """

    token: str
    kind: str
    base: str | None
    state: JobState
    stage: str
    done: int
    total: int | None
    files: tuple[str, ...]
    addresses: tuple[str, ...]
    result: Mapping[str, Any] | None
    error: JobError | None
    created: str
    started: str | None
    finished: str | None
    attempts: int
    stopping: bool
    schedule: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; `turns` says how many questions it has."""

    token: str
    title: str
    profile: str
    begun: str
    changed: str
    turns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, `asked` when. `answer` None: it is running, failed, or may not be read any more."""

    turn: int
    state: str
    asked: str
    question: str
    answer: Answer | None
    whole: bool


@dataclass(frozen=True, slots=True)
class WholeConversation:
    """A conversation with its questions and answers, and what was set for it."""

    conversation: Conversation
    turns: tuple[Turn, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stopped:
    """There is no answer: the turn `failed`, or what it was written from was `removed`."""

    state: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a turn of a conversation; who has seen `place` can read on after it."""

    turn: int
    place: int
    event: AnswerEvent | Stopped
