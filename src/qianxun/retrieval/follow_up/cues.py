"""How a question can lean on the one before it. The same for every language."""

import enum
import functools
from dataclasses import dataclass

from qianxun.text import fold


class Kind(enum.Enum):
    """What a follow-up question lacks."""

    POINTER = "pointer"  # it points back: 它, 该流程, it, that form
    PERSON = "person"  # it points back to somebody: 他们, they
    ORDINAL = "ordinal"  # it asks of a part of the answer: 第二点, the second one
    NAMED = "named"  # it names something else to ask the same of: 那病假呢, what about sick leave
    BARE = "bare"  # it names nothing: 多少钱, why


@dataclass(frozen=True, slots=True)
class Cue:
    """What shows that a question is a follow-up. `what` is named instead, `number` counts the part meant from 1."""

    kind: Kind
    what: str = ""
    number: int = 0


def aligned(text: str) -> str:
    """The text folded character by character: of the same length, so that places are the same in both."""
    return "".join(map(_one, text))


@functools.lru_cache(maxsize=4096)
def _one(character: str) -> str:
    folded = fold(character)
    return folded if len(folded) == 1 else character
