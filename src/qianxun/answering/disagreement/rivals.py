"""Sentences of different documents that answer a question with different values: which, and what else differs. Pure.

Two sentences are rivals if, laid beside each other (`differing`), they say the same but for one value of the kind that
is asked for: another figure of the unit, another date, another name, yes and no; or if each gives, in whatever words,
one figure of that kind and says nothing but what was asked. What else differs is what they are about: another
year, region, grade, product, in the sentence or in the titles and headings above it. Rivals about the same thing are
a conflict (`conflicts`), rivals about different things are a question back (`clarifying`).

What it cannot do: see that two long sentences in quite other words disagree. It would rather miss a pair than find one
that is none.
"""

import itertools
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.bearing import judge
from qianxun.answering.checking.figure import Figure
from qianxun.answering.disagreement.differing import (
    Change,
    Difference,
    Token,
    aligned,
    are_comparable,
    clauses_of,
    difference,
    is_name,
    mean_the_same,
    tokens_of,
    weight_of,
    with_noun,
)
from qianxun.answering.extract import ASKING, Candidate, is_superseded
from qianxun.answering.kinds import Kind, expected_kind
from qianxun.records import Passage
from qianxun.text import fold

# Sentences that score at least this share of the best one, and cover so much of the question, may answer it.
_NEARLY: Final = 0.5
_COVERED: Final = 0.4
# Another year than the question's, so surely that its passage says it.
_OTHER_YEAR: Final = 0.7
# Sentences looked at: pairs of them are compared.
_MOST: Final = 24
# How much must be the same, as a weight and as a share of the shorter sentence, and how much one may say besides, as a
# share of what is the same and as a weight.
_SAME: Final = 6
_SHARE: Final = 0.75
_ADDED: Final = 0.35
_BESIDE: Final = 1
# A short sentence shares less: 保修期为 12 个月.
_SAME_OF_SHORT: Final = 3
_SHARE_OF_SHORT: Final = 0.9
# What is the same of it where a figure differs, and what it is said of: 正式员工年假为 10 天, 试用期员工年假为 5 天.
_SHARE_OF_TWO: Final = 0.5
# So much of a value does not count against what is the same: two words of a name.
_SHORT_VALUE: Final = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """What two sentences are about where that differs: the parts that differ, and each with what it stands in.

    `above`: in titles or headings. `alike` is False where these have nothing else in common.
    """

    parts: tuple[str, str]
    labels: tuple[str, str]
    above: bool = False
    alike: bool = True


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two candidates, the values that they give, and what else differs: pairs of what each is about.

    `polar` tells that the values are the sentences themselves: that it is so, and that it is not.
    """

    one: Candidate
    other: Candidate
    values: tuple[str, str]
    subjects: tuple[Subject, ...] = ()
    polar: bool = False


def rivals(question: str, passages: Sequence[Passage], candidates: Sequence[Candidate]) -> list[Rivals]:
    """The pairs of sentences that answer the question with different values, best first.

    A pair of one document is none, unless its headings tell them apart; nor is one of a rule in force and an abolished
    one. Cost: up to 276 comparisons of sentences.
    """
    kind = expected_kind(question)
    found: list[Rivals] = []
    superseded = [is_superseded(passage) for passage in passages]
    # Of two passages many sentences are compared.
    subjects: dict[tuple[int, int], tuple[Subject, ...]] = {}
    for one, other in itertools.combinations(_answering(candidates), 2):
        here, there = passages[one.passage], passages[other.passage]
        if here.chunk == there.chunk or superseded[one.passage] != superseded[other.passage]:
            continue
        places = one.passage, other.passage
        if places not in subjects:
            subjects[places] = subjects_above(here, there)
        above = subjects[places]
        if here.document == there.document and not above:
            continue
        known = [_above(passage) for passage in (here, there)]
        pair = _compared(one, other, kind, question, known) or _stated(one, other, kind, question, known)
        if pair is not None:
            found.append(Rivals(pair.one, pair.other, pair.values, (*pair.subjects, *above), pair.polar))
    return sorted(found, key=lambda pair: -(pair.one.score + pair.other.score))


def subjects_above(one: Passage, other: Passage) -> tuple[Subject, ...]:
    """What differs between the titles and headings of two passages that are otherwise alike: 产品A说明书, 产品B说明书.

    Where they are not alike, they differ as a whole if one names a code or a year that the other does not; what says of
    which edition a document is (2025版, v2) is neither.
    """
    pairs = [(_title(one), _title(other))]
    pairs += itertools.zip_longest(one.heading, other.heading, fillvalue="")
    found: dict[tuple[str, str], Subject] = {}
    for was, now in pairs:
        if fold(was) == fold(now):
            continue
        said = difference(was, now)
        changes = [change for change in said.changes if not mean_the_same(change)]
        if said.same and len(changes) == 1 and not said.added and not weight_of(said.beside):
            parts = changes[0].was, changes[0].now
            found.setdefault((fold(parts[0]), fold(parts[1])), Subject(parts, (was, now), above=True))
        elif _codes(_ABOUT_EDITION.sub("", aligned(was))) != _codes(_ABOUT_EDITION.sub("", aligned(now))):
            found.setdefault((fold(was), fold(now)), Subject((was, now), (was, now), above=True, alike=False))
    return tuple(found.values())


def is_edition(subject: Subject) -> bool:
    """True if all that differs is a year, a date or a version: 2024 and 2025 of one handbook."""
    return subject.alike and all(_EDITION.fullmatch(aligned(part).strip().lower()) for part in subject.parts)


_EDITION: Final = re.compile(
    r"(?:19|20)\d\d(?:\s*年度?|[-./]\d{1,2}(?:[-./]\d{1,2})?)?(?:\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?)?\s*(?:版|修订版?|edition)?"
    r"|第\s*[一二三四五六七八九十\d]+\s*(?:版|次修订)|v(?:ersion)?\.?\s*\d+(?:\.\d+)*"
)

_ABOUT_EDITION: Final = re.compile(
    r"(?:19|20)\d\d\s*年?\s*(?:版|修订版?|edition|revision)|第\s*[一二三四五六七八九十\d]+\s*(?:版|次修订)"
    r"|\bv(?:ersion)?\.?\s*\d+(?:\.\d+)*",
    re.IGNORECASE,
)


def _above(passage: Passage) -> frozenset[tuple[str, str]]:
    """The words of a passage's title and headings."""
    return frozenset(t.key for text in (_title(passage), *passage.heading) for t in tokens_of(text))


def _title(passage: Passage) -> str:
    """The title; "" if it is only the name that the document goes by."""
    return "" if passage.title == passage.source else passage.title


def _codes(text: str) -> frozenset[str]:
    return frozenset(f"{t.figure.kind} {t.figure.value}" for t in tokens_of(text) if t.figure is not None)


def _answering(candidates: Sequence[Candidate]) -> list[Candidate]:
    able = sorted((c for c in candidates if not c.asks and not c.strange), key=lambda c: -c.score)
    return [
        c
        for c in able[:_MOST]
        if c.score >= _NEARLY * able[0].score and _covered(c) >= _COVERED and c.conflict < _OTHER_YEAR
    ]


def _covered(candidate: Candidate) -> float:
    """The share of the question that is spoken of; across languages words say nothing, and likeness stands in."""
    return max(candidate.coverage, candidate.similarity) if candidate.across else candidate.coverage


# -- sentences that are nearly the same ------------------------------------------------------------------------------


def _compared(
    one: Candidate, other: Candidate, kind: Kind | None, question: str, known: Sequence[Set[tuple[str, str]]]
) -> Rivals | None:
    said = difference(one.shown, other.shown)
    if _new(said, known) > _BESIDE or said.same < _SAME_OF_SHORT:
        return None
    if kind is None and _POLAR.search(fold(question)):
        return _denied(one, other, said)
    asked = "".join(fold(question).split())
    changes = {(fold(c.was), fold(c.now)): c for c in said.changes if not mean_the_same(c)}
    values = [c for c in changes.values() if _answers(c, kind, asked)]
    if len(values) != 1 or _is_cut_off(one.shown, other.shown, values[0]):
        return None
    rest = said.shorter - min(_SHORT_VALUE, weight_of(values[0].old), weight_of(values[0].new))
    copied = said.same >= _SAME and said.same >= _SHARE * rest and said.added <= _ADDED * said.same
    if kind is None and values[0].figures is None and said.added:
        return None  # of what kind the answer is nobody knows: two verbs, perhaps
    alike = not said.added and said.same >= (_SHARE_OF_SHORT * rest if len(changes) == 1 else _SHARE_OF_TWO * rest)
    if not copied and not (alike and (len(changes) == 1 or (len(changes) == 2 and kind in _FIGURES))):
        return None
    subjects = tuple(
        Subject((c.was, c.now), (with_noun(one.shown, c.old), with_noun(other.shown, c.new)))
        for c in changes.values()
        if c is not values[0]
    )
    return Rivals(one, other, (values[0].was, values[0].now), subjects)


def _new(said: Difference, known: Sequence[Set[tuple[str, str]]]) -> int:
    """The weight of what one sentence says besides, and its title and headings do not."""
    return weight_of([token for token in said.beside if not any(token.key in above for above in known)])


_POLAR: Final = re.compile(
    r"吗|是否|能不能|可不可以|可否|能否|有没有|是不是|要不要|会不会"
    r"|^\W*(?:can|could|is|are|was|were|do|does|did|may|must|should|will|would|has|have)\b"
)
_ALIKE: Final = 0.6


def _denied(one: Candidate, other: Candidate, said: Difference) -> Rivals | None:
    """The pair, if one of the sentences says that it is so, and the other that it is not."""
    if said.same < max(_SAME, _ALIKE * said.shorter) or said.changes:
        return None
    if judge(one.piece.text, other.piece.text).problems != ("negation",):
        return None
    return Rivals(one, other, (one.piece.text.strip(), other.piece.text.strip()), polar=True)


# Kinds of answers that are figures, and the kinds of figures that they are.
_FIGURES: Final[Mapping[str, tuple[str, ...]]] = {
    "day": ("date",),
    "date": ("date", "time"),
    "duration": ("number", "rate"),
    "money": ("number",),
    "percent": ("number",),
    "number": ("number",),
    "phone": ("number", "code"),
}


def _answers(change: Change, kind: Kind | None, asked: str) -> bool:
    """Whether what differs is of the kind that is asked for, and not named in the question."""
    if any("".join(fold(value).split()) in asked for value in (change.was, change.now)):
        return False
    if change.figures is None:
        named = all(is_name(side) for side in (change.old, change.new))
        return kind not in _FIGURES and named and are_comparable(change)
    old, new = change.figures
    if kind is None:
        return old.kind == new.kind and old.kind in ("number", "code")
    return kind in _FIGURES and _is_of(old, kind) and _is_of(new, kind) and _same_unit(old, new)


def _is_of(figure: Figure, kind: str) -> bool:
    return figure.kind in _FIGURES[kind] and (kind not in _UNITS or figure.unit in _UNITS[kind])


_UNITS: Final[Mapping[str, frozenset[str]]] = {
    "percent": frozenset({"%", "‰", "point"}),
    "duration": frozenset("workday day hour minute second week month quarter year".split()),
}


def _same_unit(old: Figure, new: Figure) -> bool:
    lengths = _UNITS["duration"]
    return old.unit == new.unit or (old.unit in lengths and new.unit in lengths)


def _is_cut_off(one: str, other: str, value: Change) -> bool:
    """True if a figure is the beginning of the other, at the end of a text: 25. and 25.28."""
    for text, side, more in ((one, value.old, value.now), (other, value.new, value.was)):
        rest = text[side[-1].end :].strip()
        if (
            side[-1].figure is not None
            and set(rest) <= set("….")
            and more.startswith(text[side[0].start : side[-1].end])
        ):
            return True
    return False


# -- sentences in other words ----------------------------------------------------------------------------------------


def _stated(
    one: Candidate, other: Candidate, kind: Kind | None, question: str, known: Sequence[Set[tuple[str, str]]]
) -> Rivals | None:
    """The pair, if each says one figure of what is asked, and hardly anything else."""
    if kind is None or kind not in _FIGURES or kind == "phone":
        return None
    first, second = (_figure_stated(c, above, kind, question) for c, above in zip((one, other), known, strict=True))
    if first is None or second is None:
        return None
    old, new = first.figure, second.figure
    if old is None or new is None or old.agrees(new) or new.agrees(old) or not _same_unit(old, new):
        return None
    if old.limit != new.limit or old.kind != new.kind:
        return None
    return Rivals(one, other, tuple(c.shown[t.start : t.end] for c, t in ((one, first), (other, second))))  # type: ignore[arg-type]


# The share of the question's words that must stand in the clause or above it, and in the clause alone.
_ASKED: Final = 0.8
_ASKED_HERE: Final = 0.5
# What a clause may say besides, as a weight.
_BESIDES: Final = 0
# Say nothing of what is asked.
_GENERIC: Final = frozenset(
    "员工公司每年享有受可天限规定标准共计总约大均按照执行需要支付收取为是应设最多长少高低现行统一全体我们本提供各方"
) | frozenset(
    "employe staff everi each per get receiv entitl year cost price last take give offer provid total current period "
    "set amount allow have run come up product compani day month hour week now new one pay".split()
)


def _figure_stated(candidate: Candidate, above: Set[tuple[str, str]], kind: str, question: str) -> Token | None:
    """The one figure of a kind in the clause that says what is asked, if it says nothing else."""
    telling = [t for t in tokens_of(ASKING.sub(" ", fold(question))) if t.weight and t.figure is None]
    asked = {t.key: t.weight for t in telling if t.key[1] not in _GENERIC} or {t.key: t.weight for t in telling}
    total = sum(asked.values())
    for clause in clauses_of(candidate.shown) if total else ():
        figures = [t for t in clause if t.figure is not None]
        if len(figures) != 1 or figures[0].figure is None or not _is_of(figures[0].figure, kind):
            continue
        keys = {t.key for t in clause}
        n_here = sum(weight for key, weight in asked.items() if key in keys)
        n_there = sum(weight for key, weight in asked.items() if key in keys or key in above)
        besides = [
            t
            for t in clause
            if t.figure is None and t.key not in asked and t.key not in above and t.key[1] not in _GENERIC
        ]
        if n_there >= _ASKED * total and n_here >= _ASKED_HERE * total and weight_of(besides) <= _BESIDES:
            return figures[0]
    return None
