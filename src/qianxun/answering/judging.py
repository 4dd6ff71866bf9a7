"""A reranker as a judge of support: whether a quote states what a sentence says. Knows no reranker by name."""

import logging
from collections.abc import Sequence
from typing import Final

from qianxun.answering.cite import Judge
from qianxun.errors import ModelError
from qianxun.protocols import Reranker

logger = logging.getLogger(__name__)

INSTRUCTION: Final = (
    "Given a statement, judge whether the passage supports it: it says the same, or the statement follows from it. "
    "A passage on the same subject that says something else does not."
)
# Neither sure of it nor sure of the contrary: the rules decide.
_UNSURE: Final = 0.5


def judge_by(reranker: Reranker) -> Judge:
    """What the reranker thinks of quotes; where it fails it has no opinion."""

    def judge(statement: str, quotes: Sequence[str]) -> Sequence[float]:
        try:
            scores: list[float] = reranker.score(statement, quotes, instruction=INSTRUCTION).tolist()
        except ModelError as error:
            logger.warning("citations are checked by rules alone: %s", error)
            return [_UNSURE] * len(quotes)
        return scores

    return judge
