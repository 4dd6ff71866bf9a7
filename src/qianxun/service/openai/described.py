"""What these routes answer, as the OpenAPI document describes it. The replies themselves are made in `replies`."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from qianxun.records import Verdict
from qianxun.service.openai.replies import Counted
from qianxun.service.replies import Citation, ConflictingValue, Coverage, Option, Statement


class Usage(BaseModel):
    """Tokens; `qianxun.usage_by` says who counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class NamedPassage(BaseModel):
    """A passage that the model was shown: `number` is what its marks say."""

    number: int
    chunk: int
    document: int
    source: str
    title: str
    page: int | None
    location: str | None
    start: int
    end: int


class AnswerPart(BaseModel):
    """Our own part of a reply. A bare generator's has `ignored` alone."""

    ignored: list[str] = Field(description="what was asked for and had no effect")
    answer: str | None = Field(None, description="the answer as it is in the end, without what stands below it")
    verdict: Verdict | None = None
    citations: list[Citation] = Field(default_factory=list)
    statements: list[Statement] = Field(default_factory=list)
    passages: list[NamedPassage] = Field(default_factory=list)
    searched: str = ""
    degraded: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    coverage: Coverage | None = None
    conflicts: list[list[ConflictingValue]] = Field(default_factory=list)
    options: list[Option] = Field(default_factory=list)
    models: dict[str, str] = Field(default_factory=dict)
    persona: str = ""
    language: str = ""
    finish_reason: str = ""
    cached: bool = False
    stages: dict[str, float] = Field(default_factory=dict)
    usage_by: Counted | None = None


class ReplyMessage(BaseModel):
    """What is said."""

    role: Literal["assistant"]
    content: str
    refusal: None
    qianxun: AnswerPart


class ChatChoice(BaseModel):
    """The one reply."""

    index: int
    message: ReplyMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None


class ChatReply(BaseModel):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class TextChoice(BaseModel):
    """What was written for one prompt."""

    index: int
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: None


class TextReply(BaseModel):
    """Text completions."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


class Embedding(BaseModel):
    """A vector; in base64 that of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingPart(BaseModel):
    """Our own part: of which encoder the vectors are."""

    input_type: Literal["query", "passage"]
    fingerprint: str
    dim: int
    usage_by: Counted


class PromptUsage(BaseModel):
    """Tokens that were read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsReply(BaseModel):
    """Vectors in the order of their texts."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: PromptUsage
    qianxun: EmbeddingPart


class OutputText(BaseModel):
    """A part of an output message."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any]
    logprobs: list[Any]


class OutputMessage(BaseModel):
    """What is said."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["completed", "incomplete"]
    content: list[OutputText]


class ResponseReply(BaseModel):
    """A response. It is not kept."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete"]
    model: str
    output: list[OutputMessage]
    usage: dict[str, Any]
    qianxun: AnswerPart


class JudgedText(BaseModel):
    """A document's text."""

    text: str


class Judged(BaseModel):
    """A document by its place in the request."""

    index: int
    relevance_score: float
    document: JudgedText | None = None


class RerankReply(BaseModel):
    """Documents, best first."""

    id: str
    model: str
    results: list[Judged]
    usage: PromptUsage
    meta: dict[str, Any]


class JudgedAlone(BaseModel):
    """A text by its place in the request, as TEI says it."""

    index: int
    score: float
    text: str | None = None


class PairScore(BaseModel):
    """The score of a pair."""

    index: int
    object: Literal["score"]
    score: float


class ScoreReply(BaseModel):
    """Scores in the order of the pairs."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[PairScore]
    usage: Usage
