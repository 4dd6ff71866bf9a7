"""How far an answer says what a reference says, in [0, 1]. Pure.

Texts are compared folded: simplified and traditional, full width and half width are one; Chinese by characters, other
scripts by words. What it cannot do: see that other words say the same, where no figure and no order tells; a correct
answer in other words is worth its token F1. Give several references where several wordings are right.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.answering import cite
from qianxun.answering.checking.bearing import judge
from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figures import spelled
from qianxun.answering.checking.statements import LIGHT, Token, clauses
from qianxun.text import CJK, fold, has_cjk, words

# An answer that a person accepts: a text, or several that must all be there, in any order.
Reference: TypeAlias = str | tuple[str, ...]

# References from so many words (a Chinese character is half of one) say something that can be denied or altered.
_STATEMENT_WEIGHT: Final = 6


@dataclass(frozen=True, slots=True)
class Correctness:
    """How far an answer says what a reference says: `score`, of which the rest is made.

    `contained` tells that the reference stands in the answer, and is not denied there. `f1` is the token F1,
    `agreement` 0 where a figure, a date, a negation or a name of the reference is another one in the answer, else the
    share of the reference's figures that the answer has.
    """

    score: float
    contained: bool
    f1: float
    agreement: float


def correctness(answer: str, references: Sequence[Reference], *, question: str = "") -> Correctness:
    """How far the answer says what the best of several references says.

    1 where a reference stands in the answer word for word (figures and dates in any spelling), 0 if it is denied there;
    else its token F1 with the answer, or with the sentence of it that is nearest, times the agreement: a wrong number
    is wrong however many words agree. A reference of several parts is worth their mean. Of "yes" and "no" the sentence
    that is nearest to the question decides.
    """
    return max((_of_reference(answer, one, question) for one in references), key=lambda found: found.score)


def _of_reference(answer: str, reference: Reference, question: str) -> Correctness:
    if isinstance(reference, str):
        return _of_text(answer, reference, question)
    parts = [_of_text(answer, part, question) for part in reference]
    return Correctness(
        score=sum(part.score for part in parts) / len(parts),
        contained=all(part.contained for part in parts),
        f1=token_f1(answer, " ".join(reference)),
        agreement=min(part.agreement for part in parts),
    )


def _of_text(answer: str, reference: str, question: str) -> Correctness:
    whole = token_f1(answer, reference)
    if not answer.strip():
        return Correctness(0.0, False, 0.0, 0.0)
    yes = _YES_NO.get("".join(c for c in fold(reference) if c.isalnum()))
    if yes is not None:
        said = _affirms(answer, question)
        return Correctness(float(said is yes), said is yes, whole, float(said is yes))
    if contains(answer, reference, denied=_denies(question)):
        return Correctness(1.0, True, whole, 1.0)
    if contains(answer, reference, denied=True):
        return Correctness(0.0, False, whole, 0.0)
    agreement = agrees(answer, reference)
    nearest = max([whole, *(token_f1(one.text, reference) for one in cite.parse(answer))])
    return Correctness(agreement * nearest, False, whole, agreement)


def token_f1(answer: str, reference: str) -> float:
    """The harmonic mean of the shares of the tokens of one that are in the other, counted as often as they occur.

    As in SQuAD (Rajpurkar et al. 2016): lower case, without punctuation and articles; Chinese, Japanese and Korean by
    characters, as in CMRC 2018 (Cui et al. 2019) and DRCD (Shao et al. 2018).
    """
    mine, theirs = Counter(_f1_tokens(answer)), Counter(_f1_tokens(reference))
    same = (mine & theirs).total()
    return 2 * same / (mine.total() + theirs.total()) if same else 0.0


def _f1_tokens(text: str) -> list[str]:
    folded = _BETWEEN_DIGITS.sub("", fold(text))
    return [token for token in _F1_TOKEN.findall(folded) if token not in ("a", "an", "the")]


_BETWEEN_DIGITS = re.compile(r"(?<=\d),(?=\d{3})")
_F1_TOKEN = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")


def contains(answer: str, reference: str, *, denied: bool = False) -> bool:
    """True if the reference's tokens stand in the answer, one after the other, with the same figures and limits.

    "Not Beijing" does not contain "Beijing", unless the question is about what is not so (`denied`).
    """
    mine = [token for clause in clauses(answer) for token in clause]
    theirs = [token for clause in clauses(reference) for token in clause]
    if not theirs:
        bare = "".join(fold(reference).split())
        return bool(bare) and bare in "".join(fold(answer).split())
    for start in range(len(mine) - len(theirs) + 1):
        window = mine[start : start + len(theirs)]
        if all(map(_same, window, theirs)) and (denied or not _is_denied(mine, start)):
            return True
    return False


def _same(token: Token, wanted: Token) -> bool:
    if token.figure is None or wanted.figure is None:
        return token.key == wanted.key
    return wanted.figure.agrees(token.figure) and not wanted.figure.differs_in_limit(token.figure)


def _is_denied(tokens: Sequence[Token], start: int) -> bool:
    """True if a negation stands right before; 在 and 是 may stand between."""
    before = list(tokens[max(0, start - 3) : start])
    while before and before[-1].text in LIGHT:
        before.pop()
    return bool(before) and before[-1].kind == "not"


def agrees(answer: str, reference: str) -> float:
    """0 where the answer contradicts the reference, else the share of the reference's figures that it has; 1 for none.

    It contradicts where a figure of the reference is missing and another one of that kind is there, or where the
    reference is a statement and the answer's like clause has a negation more or fewer, another name, unit or limit, or
    the names in another order; or where a short Chinese reference shares no two neighbouring characters with it.
    """
    wanted, found = _figures(reference), _figures(answer)
    missing = [figure for figure in wanted if not any(_bears(other, figure) for other in found)]
    foreign = [other for other in found if not any(_bears(other, figure) or other.agrees(figure) for figure in wanted)]
    if any(figure.kind == other.kind and _comparable(figure, other) for figure in missing for other in foreign):
        return 0.0
    if _weight(reference) < _STATEMENT_WEIGHT:
        if not wanted and not _have_a_pair(answer, reference):
            return 0.0
    else:
        problems = judge(reference, answer).problems
        if {"negation", "altered", "order", "unit", "limit"}.intersection(problems):
            return 0.0
        if "name" in problems and "name" in judge(answer, reference).problems:
            return 0.0
    return 1 - len(missing) / len(wanted) if wanted else 1.0


def _have_a_pair(answer: str, reference: str) -> bool:
    """True unless a short Chinese reference shares single characters at most: 德国 is not half of 法国."""
    mine, theirs = (set(words(fold(text))) for text in (answer, reference))
    return not has_cjk(reference) or bool(mine & theirs)


def _bears(figure: Figure, wanted: Figure) -> bool:
    return wanted.agrees(figure) and not wanted.differs_in_limit(figure)


def _comparable(figure: Figure, other: Figure) -> bool:
    return not figure.unit or not other.unit or figure.unit == other.unit or figure.value == other.value


def _figures(text: str) -> list[Figure]:
    return [
        token.figure for clause in clauses(text) for token in clause if token.figure and token.figure.kind != "rate"
    ]


def _weight(text: str) -> int:
    return sum(1 if token.kind == "han" else 2 for clause in clauses(text) for token in clause)


_YES: Final = "是 是的 可以 能 会 对 有 需要 应该 允许 yes true correct".split()
_NO: Final = "否 不 不是 不可以 不能 不会 不对 没有 不需要 不应该 不允许 不可 不行 no false incorrect".split()
_YES_NO: Final = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


def _affirms(answer: str, question: str) -> bool:
    """Whether the answer says yes: its first word, or the sentence of it that shares most with the question."""
    first = re.match(r"[\W_]*(yes|no|是的?|否|不是?|可以|不可以|不能|能)(?=[\W_]|$)", spelled(answer).lower())
    if first is not None:
        return _YES_NO[first[1]]
    parts = [one.text for one in cite.parse(answer)] or [answer]
    nearest = max(parts, key=lambda part: token_f1(part, question))
    return not _denies(nearest)


def _denies(text: str) -> bool:
    return sum(token.kind == "not" for clause in clauses(text) for token in clause) % 2 == 1
