"""The closed sets of words that metrics and the audit may use for what is otherwise said in sentences. Pure."""

from collections.abc import Iterable
from typing import Final

# As `seconds` of a search or an answer names them.
STAGES: Final = (
    "follow-up", "understand", "filter", "spelling", "expand", "encode", "dense", "lexical", "fuse", "read", "rerank",
    "signals", "diversify", "plan", "pack", "weigh", "generate", "extract", "check",
)  # fmt: skip
# What a line of `degraded` begins with, up to its colon.
PARTS: Final = (
    "encoder", "dense", "reranker", "generator", "planner", "expand", "wordings", "hypothetical answer", "feedback",
    "question", "index", "query adapter",
)  # fmt: skip
OTHER: Final = "other"
_BEHIND: Final = " changes behind"


def parts_of(degraded: Iterable[str]) -> tuple[str, ...]:
    """Which parts were done without; the words behind them may hold what a server said."""
    return tuple(dict.fromkeys(_part_of(line) for line in degraded))


def stage_of(name: str) -> str:
    """A stage's name as a label."""
    return name if name in STAGES else OTHER


def _part_of(line: str) -> str:
    if line.endswith(_BEHIND):
        return "index"
    head = line.partition(":")[0]
    return head if head in PARTS else OTHER
