"""What the own API answers, as the OpenAPI document describes it: the shapes of `qianxun.shapes`, field by field.

The replies themselves are made there; a test holds each of these classes against the shape that it describes.
"""

from typing import Any, Literal

from pydantic import BaseModel

from qianxun.records import Policy, Support, Verdict


class Stage(BaseModel):
    """What an index said of a hit; null where it did not find it."""

    rank: int | None
    score: float | None


class Contribution(BaseModel):
    """What a signal did to a score."""

    signal: str
    value: float
    weight: float
    effect: float


class Passage(BaseModel):
    """A piece of a document that was found."""

    rank: int
    score: float
    chunk: int
    document: int
    source: str
    title: str
    page: int | None
    location: str | None
    heading: str
    start: int
    end: int
    text: str
    stages: dict[str, Stage]
    labels: list[str]
    matched: list[str]
    duplicates: list[str]
    near_duplicates: list[str]
    contributions: list[Contribution]
    relevant: bool | None


class Found(BaseModel):
    """What a search found."""

    query: str
    searched: str
    hits: list[Passage]
    good: bool | None
    notes: list[str]
    seconds: float
    timings: dict[str, float]
    models: dict[str, str]
    degraded: list[str]
    version: str


class Citation(BaseModel):
    """One `[number]` of an answer."""

    number: int
    source: str
    title: str
    page: int | None
    location: str | None
    heading: str
    start: int
    end: int
    quote: str
    support: Support
    sentence: str
    statement: int | None
    chunk: int
    document: int


class Statement(BaseModel):
    """One sentence of an answer."""

    text: str
    start: int
    end: int
    numbers: list[int]
    support: Support
    claim: bool
    quoted: bool
    own: bool
    unknown: list[str]


class Usage(BaseModel):
    """Tokens that a model read and wrote."""

    prompt_tokens: int
    completion_tokens: int


class Coverage(BaseModel):
    """How much of whole documents was read."""

    documents: int
    chunks: int
    read: int
    parts: int
    failed: int
    left_out: int
    calls: int


class ConflictingValue(BaseModel):
    """One of several things that the sources say."""

    value: str
    dated: str | None
    citations: list[Citation]


class Option(BaseModel):
    """What a question may be about."""

    label: str
    question: str
    value: str
    citations: list[Citation]


class Answered(BaseModel):
    """An answer whose citations are checked."""

    question: str
    searched: str
    answer: str
    verdict: Verdict
    statements: list[Statement]
    citations: list[Citation]
    passages: list[Passage]
    seconds: float
    stages: dict[str, float]
    models: dict[str, str]
    persona: str
    material: str
    finish_reason: str
    cached: bool
    usage: Usage | None
    degraded: list[str]
    notes: list[str]
    coverage: Coverage | None
    plan: dict[str, Any] | None
    conflicts: list[list[ConflictingValue]]
    options: list[Option]
    version: str


class Document(BaseModel):
    """One document."""

    id: int
    source: str
    title: str
    status: Literal["ready", "empty", "needs attention", "failed"]
    reason: str
    labels: list[str]
    chunks: int
    pages: int | None
    format: str
    chars: int
    modified: str
    added: str


class Documents(BaseModel):
    """A page of documents, by source. `next` is what to send as `after` for those that follow; null at the end."""

    documents: list[Document]
    next: int | None
    version: str


class Shown(BaseModel):
    """One document."""

    document: Document
    version: str


class ShownText(Shown):
    """One document with its cleaned text."""

    text: str


class ShownChunks(Shown):
    """One document with what it was cut into."""

    chunks: list[Passage]


class ShownPassage(Shown):
    """One passage, with what stands around it."""

    chunk: Passage
    around: list[Passage]


class RemovedDocument(BaseModel):
    """A document that is gone."""

    id: int
    source: str


class Removed(BaseModel):
    """What a removal took away. Null: what only administrators are told."""

    removed: list[RemovedDocument]
    chunks: int
    vectors: int
    revision: int
    answers: int | None
    questions: int | None
    judgements: int | None
    purge: bool
    version: str


class BaseSummary(BaseModel):
    """A knowledge base: what a caller may know of it, and choose there.

    `persona` is whose way of answering holds where none is named, "" nobody's. `own_instructions` are the characters
    that such may have. `unsupported` are the choices for sentences without support by persona, "" for none.
    """

    name: str
    documents: int
    personas: list[str]
    persona: str
    own_instructions: int
    unsupported: dict[str, list[Policy]]


class BaseList(BaseModel):
    """The knowledge bases that the caller may use."""

    bases: list[BaseSummary]
    version: str


class Talk(BaseModel):
    """A conversation without its turns' words."""

    token: str
    title: str
    profile: str
    begun: str
    changed: str
    turns: int


class Talks(BaseModel):
    """The caller's conversations, newest change first."""

    conversations: list[Talk]
    version: str


class PastTurn(BaseModel):
    """A question and what came of it."""

    turn: int
    state: Literal["running", "done", "stopped", "failed", "removed"]
    asked: str
    question: str
    answer: Answered | None
    whole: bool


class WholeTalk(BaseModel):
    """A conversation with its turns, and what its client has set for it."""

    token: str
    title: str
    profile: str
    begun: str
    changed: str
    turns: list[PastTurn]
    settings: dict[str, Any]
    version: str


class Kept(BaseModel):
    """A judgement that was kept; the token undoes it."""

    token: str
    version: str


class Done(BaseModel):
    """It is done."""

    version: str


class Health(BaseModel):
    """Whether it runs, or whether it can serve. `waiting` names what is not ready yet."""

    status: Literal["ok", "starting", "stopping"]
    waiting: list[str]


class Me(BaseModel):
    """Who the caller is, as far as the service is concerned. Null: all of them."""

    id: str
    name: str
    labels: list[str] | None
    bases: list[str] | None
    actions: list[str]
    requests_per_minute: int
    tokens_per_day: int
    streams: int
    version: str


class JobProblem(BaseModel):
    """Why a job failed."""

    kind: str
    message: str
    remedy: str


class Job(BaseModel):
    """A job. `result` is what the command of that name prints with `--json`, without what is documents' own text."""

    job: str
    kind: str
    base: str | None
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str
    done: int
    total: int | None
    files: list[str]
    addresses: list[str]
    result: dict[str, Any] | None
    error: JobProblem | None
    created: str
    started: str | None
    finished: str | None
    attempts: int
    stopping: bool
    schedule: str | None
    version: str


class Jobs(BaseModel):
    """Jobs, the newest first."""

    jobs: list[Job]
    version: str


class JobResult(BaseModel):
    """What a job found, a row for each document or question."""

    results: list[dict[str, Any]]
    version: str


class Schedule(BaseModel):
    """A schedule. `next` is UTC, null if it never comes; `open` is its job that waits or runs, `last` that ended."""

    name: str
    job: str
    base: str | None
    cron: str
    time_zone: str
    next: str | None
    open: Job | None
    last: Job | None


class Schedules(BaseModel):
    """What runs by the clock."""

    schedules: list[Schedule]
    version: str


class OwnFiles(BaseModel):
    """The files of a conversation."""

    documents: list[Document]
    version: str
