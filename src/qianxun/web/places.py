"""Where a passage stands, what found it, and what was done without, in the reader's words. Knows no page."""

import re
from collections.abc import Iterable
from typing import Final

from qianxun.messages import say
from qianxun.reasons import reason_in_words
from qianxun.service.parts import PARTS

# As the readers of the formats write it; before it may stand the name of a sheet.
_PLACE: Final = re.compile(r"\b(rows?|lines?|slide|section) (\d+(?:–\d+)?)\Z")
# What a search says of a question that was too long, and of an index that is to learn of changes.
_CUT: Final = re.compile(r"question: cut to its first (\d+) characters\Z")
_BEHIND: Final = re.compile(r"(\S+?)(?:: (\d+) changes behind)?\Z")


def place_in_words(location: str) -> str:
    """A location as it is kept with a passage, in the reader's language; one that is a name stays as it is."""
    found = _PLACE.search(location)
    if found is None:
        return location
    kind, numbers = found.groups()
    words = {
        "row": say("row {numbers}", numbers=numbers),
        "rows": say("rows {numbers}", numbers=numbers),
        "line": say("line {numbers}", numbers=numbers),
        "lines": say("lines {numbers}", numbers=numbers),
        "slide": say("slide {numbers}", numbers=numbers),
        "section": say("section {numbers}", numbers=numbers),
    }
    return location[: found.start()] + words[kind]


def stage_in_words(stage: str) -> str:
    """What found a passage or put it in its place; one of an installed plugin goes by its own name."""
    names = {
        "dense": say("meaning"),
        "lexical": say("words"),
        "reranker": say("reranking model"),
        "signals": say("age and feedback"),
    }
    return names.get(stage, stage)


def left_out_in_words(degraded: Iterable[str]) -> list[str]:
    """What a search did without, a sentence or two for each; who is no administrator is told no reasons."""
    return list(dict.fromkeys(map(_left_out, degraded)))


def _left_out(line: str) -> str:
    cut, (part, _, reason) = _CUT.match(line), line.partition(": ")
    if cut is not None:
        return say("The question is too long: only its first {n} characters were searched for.", n=cut[1])
    if part in PARTS:
        names = {
            "encoder": say("meaning"),
            "expand": say("other wordings"),
            "feedback": say("feedback"),
            "hypothetical answer": say("other wordings"),
            "query adapter": say("what was learned from questions"),
            "wordings": say("other wordings"),
        }
        told = say("Left out: {stages}.", stages=names.get(part, stage_in_words(part)))
        gap = "" if told.endswith("。") else " "
        return f"{told}{gap}{reason_in_words(reason)}" if reason else told
    behind = _BEHIND.match(line)
    if behind is None:
        return reason_in_words(line)
    if behind[2] is None:
        return say("The latest changes to the documents are not searched yet.")
    return say("The latest changes to the documents ({n}) are not searched yet.", n=behind[2])
