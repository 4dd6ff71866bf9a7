"""What is measured on the labelled set: checkers that accept a sentence or reject it. Knows nothing of how it was made.

No weights of a reranker can be had where this is measured, so judges by meaning are scripted; they know the label.
`careful` is an oracle with noise: the logit of its probability is +2.5 or -2.5 with a normal error of standard
deviation `NOISE`, so that it is right 95 times in 100. `topical` is as rerankers are that know subjects and not
figures: it is sure of whatever shares words with the passage, true or altered.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from bench.checking.items import Item
from qianxun.answering import cite
from qianxun.text import characters, fold, words

# Accepts (True) or rejects an item.
Checker: TypeAlias = Callable[[Item], bool]

NOISE: Final = 1.5
_LOGIT: Final = 2.5


def words_alone(item: Item) -> bool:
    """The baseline: at least half of the sentence's words stand in the passage."""
    return _overlap(item) >= 0.5


def rules(item: Item) -> bool:
    """The product's check without a judge."""
    return cite.verify(item.sentence, item.passage)[0] == "supported"


def with_judge(probability: Callable[[Item], float]) -> Checker:
    """The product's check with a judge that says this of every quote."""

    def accepts(item: Item) -> bool:
        said = probability(item)

        def judge(statement: str, quotes: Sequence[str]) -> list[float]:
            return [said] * len(quotes)

        return cite.verify(item.sentence, item.passage, judge=judge)[0] == "supported"

    return accepts


def alone(probability: Callable[[Item], float]) -> Checker:
    """A judge without the rules."""
    return lambda item: probability(item) >= 0.5


def careful(item: Item) -> float:
    """What the noisy oracle says, the same whenever it is asked."""
    chance = random.Random(f"{item.sentence} {item.passage.source} {item.passage.chunk}")
    logit = (_LOGIT if item.true else -_LOGIT) + chance.gauss(0.0, NOISE)
    return 1 / (1 + math.exp(-logit))


def topical(item: Item) -> float:
    """What a judge of subjects says."""
    return 0.95 if _overlap(item) >= 0.3 else 0.05


def _overlap(item: Item) -> float:
    """The share of the sentence's words in the passage; Chinese the mean of characters and pairs."""
    claim, source = fold(item.sentence), fold(f"{item.passage.context}\n{item.passage.text}")
    kinds = [(set(cut(claim)), set(cut(source))) for cut in (words, characters)]
    found = [len(mine & theirs) / len(mine) for mine, theirs in kinds if mine]
    return sum(found) / len(found) if found else 1.0
