"""What is told of a request when it has ended: for the audit, the metrics and the quotas. Knows no HTTP framework.

Ids, counts and seconds; of words only the question, which no log and no metric may take.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qianxun.records import Answer, SearchResult

if TYPE_CHECKING:
    from qianxun.service.access import Caller


@dataclass(slots=True)
class Facts:
    """What a request was about; a handler fills in what it knows.

    `action` is a word of its own ("search", "documents.remove"); `changes` says that something was changed: then the
    audit has it before the reply is sent, which sets `on_record`. `detail` holds ids and counts.
    """

    action: str = ""
    base: str = ""
    question: str = ""
    passages: tuple[int, ...] = ()
    documents: tuple[int, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    verdict: str = ""
    cached: bool = False
    stages: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    statements: int = 0
    unsupported: int = 0
    changes: bool = False
    on_record: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    def found(self, result: SearchResult) -> None:
        """What a search showed."""
        self.question = result.query
        self.passages = tuple(passage.chunk for passage in result.passages)
        self.models = dict(result.models)
        self.stages = dict(result.seconds)
        self.degraded = tuple(str(part) for part in result.degraded)

    def answered(self, answer: Answer) -> None:
        """What an answer showed and took."""
        self.question = answer.question
        self.passages = tuple(passage.chunk for passage in answer.passages)
        self.models = dict(answer.models)
        self.stages = dict(answer.seconds)
        self.degraded = tuple(str(part) for part in answer.degraded)
        # An answer that was stopped before it said anything refuses nothing.
        self.verdict = "" if answer.verdict == "no_evidence" and answer.finish_reason != "stop" else answer.verdict
        self.cached = answer.cached
        # What is remembered was paid for by who asked first.
        if answer.usage is not None and not answer.cached:
            self.prompt_tokens, self.completion_tokens = answer.usage
        claims = [one for one in answer.statements if one.claim]
        self.statements = len(claims)
        self.unsupported = sum(one.support == "absent" and not one.own for one in claims)


@dataclass(frozen=True, slots=True)
class Ended:
    """A request that has ended. `route` is its template, `status` 499 where the client went before the reply."""

    id: str
    caller: "Caller"
    facts: Facts
    route: str
    method: str
    status: int
    seconds: float
