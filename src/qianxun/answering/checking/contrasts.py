"""What differs where a clause is laid beside clauses of the source that say nearly the same: the problems of it.

Another figure, unit or limit, a negation more or fewer, another word in the place of a name, or two names that changed
places. Rules for Chinese and English, with the words that they know. Knows no document and no answer.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from qianxun.answering.checking.contrast_words import (
    ANY_PLACE,
    BESIDE_THINGS,
    MOVES_FREELY,
    NEGATIVE,
    NO_PART_OF_A_NAME,
    OPPOSITES,
    PASSIVE_WORDS,
    PLACES,
)
from qianxun.answering.checking.figure_contrasts import ALIKE, COPIED, Known, Problem, figure_problems
from qianxun.answering.checking.names import FAMILY_NAMES
from qianxun.answering.checking.readings import figures_of
from qianxun.answering.checking.statements import LIGHT, PASSIVE, Clause, Token
from qianxun.answering.checking.synonyms import are_synonyms

# What was done (equal, insert, delete, replace), the tokens of the source, those of the statement.
_Step: TypeAlias = tuple[str, Clause, Clause]
# What was in the place of what, as it is compared.
Change: TypeAlias = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]

# A sentence that shares so much of its words is another version of one of the source.
NEARLY: Final = 0.8
# For an exchange of two names, nearly everything is the same.
_SAME_WORDS: Final = 0.85


class Compared:
    """A clause laid beside a window of the source: the problems, and what words stand in place of which."""

    def __init__(self, clause: Clause, window: Clause, known: Known, n_clauses: int = 1) -> None:
        self.n_clauses = n_clauses
        self.clause = clause
        self.window = window
        matcher = SequenceMatcher(None, [t.key for t in window], [t.key for t in clause], autojunk=False)
        self.steps = [(tag, window[a:b], clause[c:d]) for tag, a, b, c, d in matcher.get_opcodes()]
        same = sum(_weight(new) for tag, _, new in self.steps if tag == "equal")
        self.alike = same / max(1, _weight(clause))
        same = sum(_weight(new, figures=False) for tag, _, new in self.steps if tag == "equal")
        # By words alone: Plan A at the price of Plan B is laid beside Plan A.
        self.nearness = 2 * same / max(1, _weight(clause, figures=False) + _weight(window, figures=False))
        self._known = known

    @functools.cached_property
    def n_other_figures(self) -> int:
        """How many figures of the clause the window does not have."""
        theirs = figures_of([self.window])
        return sum(not any(f.agrees(g) for g in theirs) for f in figures_of([self.clause]))

    @property
    def problems(self) -> list[Problem]:
        """What speaks against the clause."""
        return self._looked_at[0]

    @property
    def changes(self) -> list[Change]:
        """What words stand in the place of which."""
        return self._looked_at[1]

    @functools.cached_property
    def _looked_at(self) -> tuple[list[Problem], list[Change]]:
        problems: list[Problem] = list(figure_problems(self.clause, self.window, self._known, self.nearness))
        changes: list[Change] = []
        if self.alike >= ALIKE:
            self._look_at_changes(problems, changes)
        if _bag_share(self.clause, self.window) >= _SAME_WORDS and (
            _suffers_otherwise(self.clause, self.window)
            if _is_passive(self.clause) != _is_passive(self.window)
            else self._has_moved(changes)
        ):
            problems.append("order")
        if "limit" in problems and _denies(self.clause) != _denies(self.window):
            # Not higher than, and at most.
            problems = [problem for problem in problems if problem not in ("limit", "negation")]
        return problems, changes

    def _look_at_changes(self, problems: list[Problem], changes: list[Change]) -> None:
        before: Clause = ()
        denies = _negations(self.clause) % 2 != _negations(self.window) % 2
        for tag, old, new in _merged(self.steps):
            done_by, before = bool(before) and before[-1].text == PASSIVE, new
            if tag == "equal":
                pairs = ((a.figure, b.figure) for a, b in zip(old, new, strict=True))
                problems += ["limit" for a, b in pairs if a and b and a.differs_in_limit(b)]
                continue
            if denies and _negations(old) % 2 != _negations(new) % 2 and _is_small(old) and _is_small(new):
                problems.append("negation")
            limits = [{t.text for t in side if t.kind == "limit"} for side in (old, new)]
            if limits[0] and limits[1] and not limits[0] & limits[1]:
                problems.append("limit")
            if tag == "insert" and _is_person(new) and not _occurs(new, self.window):
                problems.append("altered")
            if tag == "replace":
                problems += self._altered_figures(old, new)
                was, now = content_of(old), content_of(new)
                if _denies(old) != _denies(new) and (_denies_by_word(old) or _denies_by_word(new)):
                    continue
                if was and now:
                    changes.append((tuple(keys_of(was)), tuple(keys_of(now))))
                if self._is_other_wording(old, new):
                    continue
                if self._is_changed(was, now) or self._is_other_name(old, new) or (done_by and _apart(was, now)):
                    problems.append("altered")
        if denies and self.nearness >= COPIED and self._is_only_denied():
            problems.append("negation")

    def _altered_figures(self, old: Clause, new: Clause) -> list[Problem]:
        """Figures that stand where the source has others, unless both have only moved."""
        was, now = figures_of([old]), figures_of([new])
        if len(was) != len(now):
            return []
        here, there = figures_of([self.clause]), figures_of([self.window])
        changed = [
            new
            for old, new in zip(was, now, strict=True)
            if old.kind == new.kind
            and not old.agrees(new)
            and not new.agrees(old)
            and old.unit != "ordinal"
            and not (any(new.agrees(f) for f in there) and any(old.agrees(f) for f in here))
        ]
        return ["date" if figure.kind in ("date", "time", "weekday") else "figure" for figure in changed]

    def _is_only_denied(self) -> bool:
        """True if one of the two denies and the other does so in no way, not even by a word like 停止."""
        n_here = _negations(self.clause)
        if (n_here and _negations(self.window)) or (not n_here and self.n_clauses > 1):
            return False
        return not any(token.text in NEGATIVE for token in (*self.clause, *self.window))

    def _is_changed(self, was: Clause, now: Clause) -> bool:
        """True if one thing stands in the place of another, as far as that can be told from a synonym."""
        if _is_opposite(was, now):
            return True
        was, now = (tuple(token for token in side if token.text not in BESIDE_THINGS) for side in (was, now))
        # What the source says in another place may be in other words here, unless all else is the same.
        new_here = not self._has_moved_here(was, now)
        if (new_here or self.nearness >= NEARLY) and _is_altered(was, now):
            return True
        return self.nearness >= COPIED and new_here and _stands_for_another(was, now)

    def _has_moved_here(self, was: Clause, now: Clause) -> bool:
        """True if all that is new here stands elsewhere in the source's clauses, or what is gone in the statement's."""
        here, there = set(keys_of(self.clause)), set(keys_of(self.window))
        return set(keys_of(now)) <= there or set(keys_of(was)) <= here

    def _is_other_wording(self, old: Clause, new: Clause) -> bool:
        """True for 远程 in place of 远端: a synonym together with what stands beside it."""
        places = (_place(old, self.window), _place(new, self.clause))
        sides = (self.window, self.clause)
        around = [
            {"".join(t.text for t in side[max(0, a - before) : b + after]) for before in (0, 1) for after in (0, 1)}
            for (a, b), side in zip(places, sides, strict=True)
        ]
        return any(are_synonyms(one, other) for one in around[0] for other in around[1])

    def _is_other_name(self, old: Clause, new: Clause) -> bool:
        """True for 王伟 in place of 王芳, 德国 in place of 法国: a part of the name is the same."""
        if not (1 <= len(new) <= 2 and 1 <= len(old) <= 2 and all(t.kind == "han" for t in (*old, *new))):
            return False
        at = next(i for i in range(len(self.clause)) if self.clause[i : i + len(new)] == new)
        before, after = self.clause[max(0, at - 2) : at], self.clause[at + len(new) : at + len(new) + 1]
        person = any(t.kind == "han" and t.text in FAMILY_NAMES for t in before)
        place = any(t.text in PLACES for t in after) and not any(t.text in ANY_PLACE for t in (*old, *new))
        return person or place

    def _has_moved(self, changes: list[Change]) -> bool:
        """True where two things have changed places around what stands between them: A pays B, B pays A."""
        old = [content_of(side, MOVES_FREELY) for tag, side, _ in self.steps if tag in ("delete", "replace")]
        new = [content_of(side, MOVES_FREELY) for tag, _, side in self.steps if tag in ("insert", "replace")]
        return any((b, a) in changes for a, b in changes if a != b) or any(
            len(a) > 1
            and Counter(keys_of(a)) == Counter(keys_of(b))
            and [*keys_of(a)] != [*keys_of(b)]
            # Outside trainers are trainers from outside.
            and not (len(a) == 2 and all(token.kind == "word" and not token.capital for token in a))
            for a in old
            for b in new
        )


def _is_passive(tokens: Clause) -> bool:
    return any(token.text in PASSIVE_WORDS for token in tokens)


def _suffers_otherwise(clause: Clause, window: Clause) -> bool:
    """True if what is passive in one and active in the other has its two names in the same order in both."""
    passive, active = (clause, window) if _is_passive(clause) else (window, clause)
    at = next(place for place, token in enumerate(passive) if token.text in PASSIVE_WORDS)
    before, after = (content_of(side) for side in (passive[:at], passive[at + 1 :]))
    order = [*keys_of(active)]
    if not before or not after or any(order.count(token.key) != 1 for token in (before[0], after[0])):
        return False
    return order.index(before[0].key) < order.index(after[0].key)


def _merged(steps: Sequence[_Step]) -> Iterator[_Step]:
    """The steps, with what is the same in one character between two changes taken for a part of the change.

    部门负责人 and 人力资源部 share a 人 by chance.
    """
    pending: _Step | None = None
    for place, (tag, old, new) in enumerate(steps):
        following = steps[place + 1][0] if place + 1 < len(steps) else "equal"
        is_one = tag == "equal" and len(new) == 1 and new[0].kind == "han" and following != "equal"
        by_chance = is_one and new[0].text not in NO_PART_OF_A_NAME
        if tag != "equal" or (by_chance and pending is not None):
            before = pending or ("", (), ())
            pending = ("replace", before[1] + old, before[2] + new)
            continue
        if pending is not None:
            yield _named(pending)
            pending = None
        yield tag, old, new
    if pending is not None:
        yield _named(pending)


def _named(step: _Step) -> _Step:
    _, old, new = step
    return ("replace" if old and new else "insert" if new else "delete"), old, new


def _negations(tokens: Iterable[Token]) -> int:
    return sum(token.kind == "not" for token in tokens)


def _denies(tokens: Clause) -> bool:
    return _negations(tokens) % 2 == 1


def _denies_by_word(tokens: Clause) -> bool:
    return any(token.text in NEGATIVE for token in tokens)


def _is_small(tokens: Clause) -> bool:
    """True for so little that a negation among it is all that was added or left out."""
    content = [token for token in tokens if token.kind not in ("not", "limit") and token.text not in LIGHT]
    if any(token.text in NEGATIVE or token.kind == "figure" for token in content):
        return False
    return sum(3 if token.kind == "word" else 1 for token in content) <= 4


def content_of(tokens: Clause, without: frozenset[str] | None = None) -> Clause:
    """What says something, as it can be compared: where it stands in its sentence does not matter."""
    left_out = NO_PART_OF_A_NAME if without is None else without
    kinds = ("word", "han", "figure")
    return tuple(
        Token(t.kind, t.text, None, t.capital and not t.initial)
        for t in tokens
        if t.kind in kinds and t.text not in left_out
    )


def _is_altered(was: Clause, now: Clause) -> bool:
    """True where one name or thing stands for another, as far as that can be told from a synonym."""
    kinds = {token.kind for token in (*was, *now)}
    if not was or not now:
        return False
    if kinds == {"word"}:
        return all(any(token.capital for token in side) for side in (was, now)) and _apart(was, now)
    if kinds == {"han"}:
        # A synonym mostly shares a character with what it stands for, another name does not.
        return _hardly_alike(was, now) and 2 <= len(was) <= 10 and 2 <= len(now) <= 10 and not _same_meaning(was, now)
    return kinds == {"word", "han"} and _is_name(was) and _is_name(now)


def _stands_for_another(was: Clause, now: Clause) -> bool:
    """True if in what is otherwise a copy some words stand in the place of others that do not mean the same."""
    kinds = {token.kind for token in (*was, *now)}
    if not was or not now or _same_meaning(was, now):
        return False
    if kinds == {"han"}:
        return not set(keys_of(was)) & set(keys_of(now)) and max(len(was), len(now)) <= 10
    if kinds == {"word"} and max(len(was), len(now)) <= 3:
        return not any(_alike_words(a.text, b.text) for a in was for b in now)
    return False


def _alike_words(one: str, other: str) -> bool:
    """True for synonyms, and for words of one root: approve, approval."""
    n_same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return are_synonyms(one, other) or n_same >= max(4, min(len(one), len(other)) - 1)


def _same_meaning(was: Clause, now: Clause) -> bool:
    """True if synonyms are all that the two say."""
    if all(token.kind == "han" for token in (*was, *now)):
        return _are_reworded("".join(t.text for t in was), "".join(t.text for t in now))
    return len(was) == len(now) == 1 and are_synonyms(was[0].text, now[0].text)


def _are_reworded(was: str, now: str) -> bool:
    """True if nothing is left of one of two runs of characters where words of one meaning are taken out of both."""
    for length in range(min(4, len(now)), 0, -1):
        for at in range(len(now) - length + 1):
            part = now[at : at + length]
            for other_length in range(min(4, len(was)), 0, -1):
                for other_at in range(len(was) - other_length + 1):
                    other = was[other_at : other_at + other_length]
                    if are_synonyms(part, other):
                        rest = now[:at] + now[at + length :], was[:other_at] + was[other_at + other_length :]
                        return not all(rest) or _are_reworded(rest[1], rest[0])
    return False


def _hardly_alike(was: Clause, now: Clause) -> bool:
    """True if less than half of the shorter one's characters are in both."""
    return 2 * len(set(keys_of(was)) & set(keys_of(now))) < min(len(was), len(now))


def _apart(was: Clause, now: Clause) -> bool:
    """True if there is something on both sides, and nothing the same."""
    return bool(was) and bool(now) and not set(keys_of(was)) & set(keys_of(now))


def _place(part: Clause, whole: Clause) -> tuple[int, int]:
    """Where the tokens, which stand there, begin and end."""
    at = next(i for i in range(len(whole)) if whole[i : i + len(part)] == part)
    return at, at + len(part)


def _occurs(part: Clause, whole: Clause) -> bool:
    """True if the tokens stand in the clause, one after the other."""
    keys, among = [*keys_of(part)], [*keys_of(whole)]
    return any(among[i : i + len(keys)] == keys for i in range(len(among) - len(keys) + 1))


def _is_opposite(was: Clause, now: Clause) -> bool:
    return any((a.text, b.text) in OPPOSITES for a in was for b in now)


def _is_person(tokens: Clause) -> bool:
    """True if a Chinese person's name is all that these tokens say."""
    said = [token for token in tokens if token.text not in NO_PART_OF_A_NAME]
    return 2 <= len(said) <= 3 and said[0].text in FAMILY_NAMES and all(token.kind == "han" for token in said)


def _is_name(tokens: Clause) -> bool:
    return 1 <= len(tokens) <= 6 and all(token.kind == "han" or token.capital for token in tokens)


def keys_of(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    return (token.key for token in tokens)


def _weight(tokens: Iterable[Token], *, figures: bool = True) -> int:
    """How much of a clause these are: a word is about two characters."""
    return sum(1 if token.kind == "han" else 2 for token in tokens if figures or token.figure is None)


def _bag_share(clause: Clause, window: Clause) -> float:
    mine, theirs = Counter(keys_of(clause)), Counter(keys_of(window))
    return 2 * (mine & theirs).total() / max(1, mine.total() + theirs.total())
