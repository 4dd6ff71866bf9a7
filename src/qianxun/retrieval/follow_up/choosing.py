"""An answer to a question back: which of the things that were listed is meant. By rules; pure.

    保修期多久？ … 产品A说明书 or 产品B说明书?  B 的        产品B说明书：保修期多久？
    How long is the warranty? … Pump A or B?    the second  Pump B: How long is the warranty?

The message must be nothing but the choice: a number, an ordinal, or what tells one of the things from the others. A
question that goes on to ask is a question of its own.
"""

import re
from collections.abc import Sequence
from typing import Final

from qianxun.retrieval.follow_up.cues import aligned

_END: Final = " \t\n?!.,;:。？！，；：、~\"'“”‘’「」『』《》()"
_NUMBER: Final = re.compile(
    r"(?:第\s*(?P<zh>[一二三四五六七八九]|\d{1,2})\s*(?:个|项|种|款|条)?(?:的|吧)?"
    r"|(?:the\s+)?(?P<en>first|second|third|fourth|fifth|sixth)(?:\s+one)?|(?:number|option|no\.?|选项?|#)?\s*(?P<n>\d{1,2}))"
)
_ORDINALS: Final = {word: n for n, word in enumerate("first second third fourth fifth sixth".split(), 1)} | {
    figure: n for n, figure in enumerate("一二三四五六七八九", 1)
}
# What may stand around a choice.
_AROUND: Final = re.compile(
    r"我(?:说|问|指|要|想问|想知道)(?:的)?(?:是)?|是|的|那个?|这个?|吧|呢|啊|里|版|年|[\s,，。.!?？！、:：;；]"
    r"|\b(?:the|one|i|mean|meant|for|of|in|about|please|it|is|s|that|edition|version)\b"
)


def chosen(message: str, options: Sequence[str]) -> str | None:
    """The option that a message names; None if it names none, several, or asks something else."""
    said = aligned(message).strip(_END)
    number = _NUMBER.fullmatch(said)
    if number is not None:
        place = number["zh"] or number["en"] or number["n"]
        n = _ORDINALS.get(place) or int(place)
        return options[n - 1] if 1 <= n <= len(options) else None
    named = [option for option, parts in zip(options, _parts(options), strict=True) if _is_all(said, parts)]
    return named[0] if len(named) == 1 else None


def _parts(options: Sequence[str]) -> list[tuple[str, str]]:
    """Of each option the whole, and what tells it from the others: without the beginning and end that all share."""
    plain = [_PIECE.findall(aligned(option).strip()) for option in options]
    n_before = _n_shared(plain)
    n_after = _n_shared([pieces[n_before:][::-1] for pieces in plain])
    return [("".join(one), "".join(one[n_before : len(one) - n_after]).strip()) for one in plain]


# A word, or any other character: a year or a name is not cut in two.
_PIECE: Final = re.compile(r"[a-z0-9]+|.", re.DOTALL)


def _n_shared(texts: Sequence[Sequence[str]]) -> int:
    """How many pieces all begin with."""
    return next(
        (n for n, column in enumerate(zip(*texts, strict=False)) if len(set(column)) > 1),
        min(map(len, texts), default=0),
    )


def _is_all(said: str, parts: tuple[str, str]) -> bool:
    """Whether a message names the option by its distinguishing part, and says nothing else than what its name has."""
    whole, part = parts
    if not part:
        return False
    pattern = r"(?<![a-z0-9])" + r"\s*".join(re.escape(c) for c in part if not c.isspace()) + r"(?![a-z0-9])"
    match = re.search(pattern, said)
    if match is None:
        return False
    rest = said[: match.start()] + " " + said[match.end() :]
    words = re.findall(r"[a-z0-9]+|[^\W\da-z_]", _AROUND.sub(" ", rest))
    return all(word in whole for word in words)
