"""What differs where a clause is laid beside clauses of the source that say nearly the same: the problems of it.

Another figure, unit or limit, a negation more or fewer, another word in the place of a name, or two names that changed
places. Rules for Chinese and English, with the words that they know. Knows no document and no answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias

from qianxun.evaluation.answers.figures import Figure
from qianxun.evaluation.answers.statements import CONJUNCTIONS, LIGHT, PASSIVE, Clause, Token

Problem: TypeAlias = Literal["figure", "date", "unit", "limit", "negation", "name", "order", "altered", "words"]

# A sentence that shares so much of its words is another version of one of the source.
NEARLY: Final = 0.8
# The share of a clause that must stand in the same order in the source before the rest is called a change.
_ALIKE: Final = 0.4
# For an exchange of two names, nearly everything is the same.
_SAME_WORDS: Final = 0.85


@dataclass(frozen=True, slots=True)
class Known:
    """The figures of the whole statement, of the whole source, and around it."""

    claimed: tuple[Figure, ...]
    said: tuple[Figure, ...]
    around: tuple[Figure, ...]


class Compared:
    """A clause laid beside a window of the source: the problems, and what words stand in place of which."""

    def __init__(self, clause: Clause, window: Clause, known: Known) -> None:
        self.clause = clause
        self.window = window
        matcher = SequenceMatcher(None, [t.key for t in window], [t.key for t in clause], autojunk=False)
        self.steps = [(tag, window[a:b], clause[c:d]) for tag, a, b, c, d in matcher.get_opcodes()]
        same = sum(_weight(new) for tag, _, new in self.steps if tag == "equal")
        self.alike = same / max(1, _weight(clause))
        same = sum(_weight(new, figures=False) for tag, _, new in self.steps if tag == "equal")
        # By words alone: Plan A at the price of Plan B is laid beside Plan A.
        self.nearness = 2 * same / max(1, _weight(clause, figures=False) + _weight(window, figures=False))
        self.changes: list[tuple[Clause, Clause]] = []
        self.problems: list[Problem] = list(_figure_problems(clause, window, known))
        if self.alike >= _ALIKE:
            self._look_at_changes()
        if _bag_share(clause, window) >= _SAME_WORDS and (
            _suffers_otherwise(clause, window) if _is_passive(clause) != _is_passive(window) else self._has_moved()
        ):
            self.problems.append("order")

    @property
    def difference(self) -> tuple[int, int]:
        """What tells windows apart that are equally near: figures that are not the same, and problems."""
        theirs = figures_of([self.window])
        return sum(not any(f.agrees(g) for g in theirs) for f in figures_of([self.clause])), len(self.problems)

    def _look_at_changes(self) -> None:
        before: Clause = ()
        for tag, old, new in self.steps:
            done_by, before = bool(before) and before[-1].text == PASSIVE, new
            if tag == "equal":
                pairs = ((a.figure, b.figure) for a, b in zip(old, new, strict=True))
                self.problems += ["limit" for a, b in pairs if a and b and a.differs_in_limit(b)]
                continue
            if _negations(old) % 2 != _negations(new) % 2 and _is_small(old) and _is_small(new):
                self.problems.append("negation")
            limits = [{t.text for t in side if t.kind == "limit"} for side in (old, new)]
            if limits[0] and limits[1] and not limits[0] & limits[1]:
                self.problems.append("limit")
            if tag == "insert" and _is_person(new) and not _occurs(new, self.window):
                self.problems.append("altered")
            if tag == "replace":
                self.problems += _altered_figures(old, new)
                was, now = content_of(old), content_of(new)
                if was and now:
                    self.changes.append((was, now))
                # What the source says in another place may be in other words here, unless all else is the same.
                new_here = not _occurs(now, self.window) and not _occurs(was, self.clause)
                if (
                    ((new_here or self.nearness >= NEARLY) and _is_altered(was, now))
                    or _is_opposite(was, now)
                    or self._is_other_name(old, new)
                    or (done_by and _apart(was, now))
                ):
                    self.problems.append("altered")

    def _is_other_name(self, old: Clause, new: Clause) -> bool:
        """True for 王伟 in place of 王芳, 德国 in place of 法国: a part of the name is the same."""
        if not (1 <= len(new) <= 2 and 1 <= len(old) <= 2 and all(t.kind == "han" for t in (*old, *new))):
            return False
        at = next(i for i in range(len(self.clause)) if self.clause[i : i + len(new)] == new)
        before, after = self.clause[max(0, at - 2) : at], self.clause[at + len(new) : at + len(new) + 1]
        person = any(t.kind == "han" and t.text in _FAMILY_NAMES for t in before)
        place = any(t.text in _PLACES for t in after) and not any(t.text in _ANY_PLACE for t in (*old, *new))
        return person or place

    def _has_moved(self) -> bool:
        """True where two things have changed places around what stands between them: A pays B, B pays A."""
        old = [content_of(side, _MOVES_FREELY) for tag, side, _ in self.steps if tag in ("delete", "replace")]
        new = [content_of(side, _MOVES_FREELY) for tag, _, side in self.steps if tag in ("insert", "replace")]
        return any((b, a) in self.changes for a, b in self.changes if a != b) or any(
            len(a) > 1 and Counter(keys_of(a)) == Counter(keys_of(b)) and [*keys_of(a)] != [*keys_of(b)]
            for a in old
            for b in new
        )


def _is_passive(tokens: Clause) -> bool:
    return any(token.text in _PASSIVE for token in tokens)


def _suffers_otherwise(clause: Clause, window: Clause) -> bool:
    """True if what is passive in one and active in the other has its two names in the same order in both."""
    passive, active = (clause, window) if _is_passive(clause) else (window, clause)
    at = next(place for place, token in enumerate(passive) if token.text in _PASSIVE)
    before, after = (content_of(side) for side in (passive[:at], passive[at + 1 :]))
    order = [*keys_of(active)]
    if not before or not after or any(order.count(token.key) != 1 for token in (before[0], after[0])):
        return False
    return order.index(before[0].key) < order.index(after[0].key)


def _figure_problems(clause: Clause, window: Clause, known: Known) -> Iterator[Problem]:
    here = figures_of([window])
    for figure in figures_of([clause]):
        same = [other for other in here if figure.agrees(other)]
        if same:
            if all(figure.differs_in_limit(other) for other in same):
                yield "limit"
            continue
        elsewhere = any(figure.agrees(other) for other in known.said)
        if any(figure.agrees(other) for other in known.around) or _is_put_together(figure, known):
            continue
        if any(figure.differs_in_unit(other) for other in (*here, *([] if elsewhere else known.said))):
            yield "unit"
        elif not elsewhere or any(_is_other(figure, other, known.claimed) for other in here):
            yield "date" if figure.kind in ("date", "time") else "figure"


def _is_other(figure: Figure, other: Figure, claimed: Sequence[Figure]) -> bool:
    """True if the window has another figure of this kind, which the statement does not mention."""
    alike = figure.kind == other.kind and (not figure.unit or not other.unit or figure.unit == other.unit)
    return alike and not any(other.agrees(mine) or mine.agrees(other) for mine in claimed)


def _is_put_together(figure: Figure, known: Known) -> bool:
    """True for a date of which the source gives the year in one place and the day in another."""
    if figure.kind != "date" or "?" in figure.value.split("-")[0]:
        return False
    year, _, rest = figure.value.partition("-")
    dates = [other.value for other in (*known.said, *known.around) if other.kind == "date"]
    years = {date.partition("-")[0] for date in dates}
    return year in years and any(date.partition("-")[0] == "?" and date.partition("-")[2] == rest for date in dates)


def _altered_figures(old: Clause, new: Clause) -> list[Problem]:
    """Figures that stand where the source has others."""
    was, now = figures_of([old]), figures_of([new])
    if len(was) != len(now):
        return []
    pairs = [(b, a) for a, b in zip(was, now, strict=True) if a.kind == b.kind and not b.agrees(a) and not a.agrees(b)]
    return ["date" if b.kind in ("date", "time") else "figure" for b, _ in pairs]


def _negations(tokens: Iterable[Token]) -> int:
    return sum(token.kind == "not" for token in tokens)


def _is_small(tokens: Clause) -> bool:
    """True for so little that a negation among it is all that was added or left out."""
    content = [token for token in tokens if token.kind not in ("not", "limit") and token.text not in LIGHT]
    if any(token.text in _NEGATIVE or token.kind == "figure" for token in content):
        return False
    return sum(3 if token.kind == "word" else 1 for token in content) <= 4


def content_of(tokens: Clause, without: frozenset[str] | None = None) -> Clause:
    """What says something, as it can be compared: where it stands in its sentence does not matter."""
    left_out = _NO_PART_OF_A_NAME if without is None else without
    kinds = ("word", "han", "figure")
    return tuple(Token(t.kind, t.text, None, t.capital) for t in tokens if t.kind in kinds and t.text not in left_out)


def _is_altered(was: Clause, now: Clause) -> bool:
    """True where one name or thing stands for another, as far as that can be told from a synonym."""
    kinds = {token.kind for token in (*was, *now)}
    if not was or not now:
        return False
    if kinds == {"word"}:
        return all(any(token.capital for token in side) for side in (was, now)) and _apart(was, now)
    if kinds == {"han"}:
        # A synonym mostly shares a character with what it stands for, another name does not.
        return _apart(was, now) and 2 <= len(was) <= 10 and 2 <= len(now) <= 10
    return kinds == {"word", "han"} and _is_name(was) and _is_name(now)


def _apart(was: Clause, now: Clause) -> bool:
    """True if there is something on both sides, and nothing the same."""
    return bool(was) and bool(now) and not set(keys_of(was)) & set(keys_of(now))


def _occurs(part: Clause, whole: Clause) -> bool:
    """True if the tokens stand in the clause, one after the other."""
    keys, among = [*keys_of(part)], [*keys_of(whole)]
    return any(among[i : i + len(keys)] == keys for i in range(len(among) - len(keys) + 1))


def _is_opposite(was: Clause, now: Clause) -> bool:
    return any((a.text, b.text) in _OPPOSITES for a in was for b in now)


def _is_person(tokens: Clause) -> bool:
    """True if a Chinese person's name is all that these tokens say."""
    said = [token for token in tokens if token.text not in _NO_PART_OF_A_NAME]
    return 2 <= len(said) <= 3 and said[0].text in _FAMILY_NAMES and all(token.kind == "han" for token in said)


def _is_name(tokens: Clause) -> bool:
    return 1 <= len(tokens) <= 6 and all(token.kind == "han" or token.capital for token in tokens)


def figures_of(of: Iterable[Clause]) -> tuple[Figure, ...]:
    return tuple(token.figure for clause in of for token in clause if token.figure is not None)


def keys_of(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    return (token.key for token in tokens)


def _weight(tokens: Iterable[Token], *, figures: bool = True) -> int:
    """How much of a clause these are: a word is about two characters."""
    return sum(1 if token.kind == "han" else 2 for token in tokens if figures or token.figure is None)


def _bag_share(clause: Clause, window: Clause) -> float:
    mine, theirs = Counter(keys_of(clause)), Counter(keys_of(window))
    return 2 * (mine & theirs).total() / max(1, mine.total() + theirs.total())


# -- words -----------------------------------------------------------------------------------------------------------

_PASSIVE: Final = frozenset({PASSIVE, "被"})
_LIGHT_WORDS: Final = frozenset(filter(str.isascii, LIGHT))
# Sentences are turned around without these changing what they say, unlike 向: 张伟向李娜汇报.
_MOVES_FREELY: Final = CONJUNCTIONS | _PASSIVE | _LIGHT_WORDS | frozenset("的了着之是在有而则将已由从自起")
# Unlike other light characters, these are in hardly any name: 成都, 华为.
_NO_PART_OF_A_NAME: Final = _MOVES_FREELY - {"起"} | frozenset("须应可以能向把使")
# Words that deny without a negation: 作废 says as much as 无效.
_NEGATIVE: Final = frozenset("废失拒免停除取消缺欠绝空") | frozenset(
    "refus reject deni exclud lack fail invalid".split()
)
# The most frequent family names that begin few other words.
_FAMILY_NAMES: Final = frozenset(
    "王李张刘陈杨黄赵吴徐孙朱胡郭罗郑梁谢宋唐韩冯邓曹彭曾肖袁潘蒋蔡杜魏吕沈姚卢崔谭廖邹熊秦尹薛阎侯郝龚邵"
)
_PLACES: Final = frozenset("国省市州县")
_ANY_PLACE: Final = LIGHT | frozenset("全我本外他别两多城")
_OPPOSITE_WORDS: Final = (
    "上下 前后 左右 大小 多少 增减 进出 买卖 收付 借贷 男女 东西 南北 内外 早晚 新旧 正负 正副 升降 涨跌 高低 "
    "长短 开关 入出 甲乙 甲丙 乙丙 丙丁 乙丁 甲丁 国省 省市 市县 月年 日月 日年"
)
_ENGLISH_OPPOSITES: Final = (
    "befor after,abov below,over under,increas decreas,rise fall,rose fell,grew shrank,more less,more fewer,"
    "highest lowest,first last,includ exclud,allow forbid,permit prohibit,approv reject,accept reject,buy sell,"
    "intern extern,minimum maximum,win lose,won lost,north south,east west,left right,up down,open close,start end,"
    "first second,second third,primari secondari,begin end,earlier later,larger smaller,higher lower,longer shorter,"
    "male femal,buyer seller,all none,gain loss,gain lost"
)
_OPPOSITES: Final = frozenset(
    pair
    for couple in (*map(tuple, _OPPOSITE_WORDS.split()), *(tuple(c.split()) for c in _ENGLISH_OPPOSITES.split(",")))
    for pair in (couple, couple[::-1])
)
