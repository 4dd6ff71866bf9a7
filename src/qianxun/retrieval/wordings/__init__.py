"""What a generator is asked about a question so that more of what answers it is found, and what of its reply is used.

Other wordings are searched beside the question (multi-query retrieval; Fox and Shaw, "Combination of multiple
searches", TREC-2 1994). What an answer might look like is nearer to passages than a question is, and its vector joins
the question's (HyDE; Gao et al., "Precise zero-shot dense retrieval without relevance labels", ACL 2023). Nothing of it
is shown, and words of a hypothetical answer are never searched for: they may be made up. Pure; the prompts are files
beside this one.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from qianxun.prompting import as_line, as_material, turns
from qianxun.protocols import Message
from qianxun.retrieval.fuse import Fused
from qianxun.text import fold, has_cjk, script

if TYPE_CHECKING:
    from qianxun.protocols import Vectors

# Tokens of a wording and of a hypothetical answer, at most.
WORDING_TOKENS: Final = 64
ANSWER_TOKENS: Final = 256

_NUMBERING: Final = re.compile(r"^\s*(?:[-*•·]|\(?\d{1,2}[.、):：）])\s*")
_AROUND: Final = "\"'“”‘’「」『』`* "
_MAX_CHARS: Final = 2000


def wordings_messages(question: str, n: int) -> list[Message]:
    """The system and user turns that ask for n other wordings, in the language of the question."""
    return _messages("wordings", question, {"{n}": str(n)})


def wordings_of(reply: str, question: str, n: int) -> tuple[str, ...]:
    """At most n wordings of a reply, each on a line of its own; none that is the question again, too long, or in
    another script."""
    found: dict[str, str] = {}
    asked = _same(question)
    for line in reply.splitlines():
        text = _NUMBERING.sub("", as_line(line)).strip(_AROUND)
        if not text or len(text) > 3 * len(question) + 40 or _same(text) == asked:
            continue
        if script(question) and script(text) and script(question) != script(text):
            continue
        found.setdefault(_same(text), text)
    return tuple(found.values())[:n]


def answer_messages(question: str) -> list[Message]:
    """The system and user turns that ask for a hypothetical answer, in the language of the question."""
    return _messages("answer", question, {})


def answer_of(reply: str) -> str:
    """The hypothetical answer on one line; "" if there is none."""
    return as_line(reply)[:_MAX_CHARS]


def joined_vector(question: "Vectors", answers: "Vectors") -> "Vectors":
    """The mean of a question's vector `(dim,)` and those of hypothetical answers `(n, dim)`, of unit length."""
    import numpy as np

    mean = np.vstack([question[None, :], answers]).mean(axis=0)
    length = float(np.linalg.norm(mean))
    joined: Vectors = (mean / length).astype(np.float32) if length > 0.0 else question
    return joined


def combined(asked: Sequence[Fused], others: Sequence[Sequence[Fused]]) -> list[Fused]:
    """One ranking of what the question found and what its other wordings found.

    score = (question's + mean of the others') / 2 in [0, 1], 0 where a wording did not find a chunk: the question
    counts as much as all that was made of it.
    """
    if not others:
        return list(asked)
    scores = {one.chunk: one.score / 2.0 for one in asked}
    for other in others:
        for one in other:
            scores[one.chunk] = scores.get(one.chunk, 0.0) + one.score / (2.0 * len(others))
    return [Fused(chunk, score) for chunk, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))]


def _messages(name: str, question: str, values: Mapping[str, str]) -> list[Message]:
    language = "zh" if has_cjk(question) else "en"
    system, user = turns(__package__, name, language)
    for key, value in values.items():
        system = system.replace(key, value)
    return [
        Message("system", system),
        Message("user", user.replace("{question}", as_material(question), 1)),
    ]


def _same(text: str) -> str:
    return fold(text).strip(" ?!.。")
