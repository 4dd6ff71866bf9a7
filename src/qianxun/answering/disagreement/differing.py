"""What two sentences say differently where they otherwise say the same: values in one place, subjects in another.

    保修期为 12 个月。            保修期为 24 个月。             12 个月 / 24 个月
    Plan A costs 10 dollars.      Plan B costs 20 dollars.       10 dollars / 20 dollars, of A / of B

The sentences are laid beside each other, token by token: a figure is one token in whatever spelling, a word its stem, a
Chinese character itself. Pure; knows no question and no document.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, TypeAlias

from qianxun.answering.checking.contrast_words import PLACES
from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figures import figures
from qianxun.answering.checking.names import FAMILY_NAMES
from qianxun.answering.checking.statements import LIGHT
from qianxun.answering.checking.synonyms import are_synonyms
from qianxun.text import CJK, STOP_WORDS, fold, has_cjk, words

_WORD: Final = re.compile(rf"[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)?|[{CJK}]")
# A change longer than so many tokens is another sentence.
_LONGEST: Final = 12
_DIVIDES: Final = re.compile(r"[,;:!?…|。，；：！？、()（）【】\"“”]|\.(?=\s|$)")
_ASIDE: Final = re.compile(r"[(（][^()（）]*[)）]")
# A given name.
_SHORT_NAME: Final = 2
_LONGEST_NAME: Final = 8
# Characters that two names may share by chance, between two that they do not.
_BY_CHANCE: Final = 1


@dataclass(frozen=True, slots=True)
class Token:
    """A figure, a word or a Chinese character, at `start` to `end` of the text."""

    key: tuple[str, str]
    start: int
    end: int
    figure: Figure | None = None
    capital: bool = field(default=False, compare=False)

    @property
    def weight(self) -> int:
        """How much it says: a word about as much as two characters."""
        if self.key[0] == "light":
            return 0
        return 1 if self.key[0] == "han" else 2


Tokens: TypeAlias = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What stands in one sentence where the other has something else: the tokens, and both as they are written."""

    old: Tokens
    new: Tokens
    was: str
    now: str

    @property
    def figures(self) -> tuple[Figure, Figure] | None:
        """The two figures, where nothing but a figure stands in the place of a figure."""
        sides = [[token for token in side if token.weight] for side in (self.old, self.new)]
        if any(len(side) != 1 for side in sides):
            return None
        old, new = sides[0][0].figure, sides[1][0].figure
        return (old, new) if old is not None and new is not None else None


@dataclass(frozen=True, slots=True)
class Difference:
    """`same` is the weight of what is in both, `share` its part of the shorter sentence, in [0, 1].

    `added` is the weight of what one has and the other has not, between what is the same; `beside` is what one has in
    the clause in which the same begins or ends, where the other begins or ends with it.
    """

    same: int
    shorter: int
    added: int
    beside: Tokens
    changes: tuple[Change, ...]


def difference(one: str, other: str) -> Difference:
    """What differs between two sentences. Cost: the product of their lengths at worst."""
    a, b = tokens_of(one), tokens_of(other)
    # Two that each explain something may mean two things by it: (淡季), (旺季).
    if not _ASIDE.search(other):
        a = _without_asides(one, a)
    elif not _ASIDE.search(one):
        b = _without_asides(other, b)
    steps = _merged(SequenceMatcher(None, [t.key for t in a], [t.key for t in b], autojunk=False).get_opcodes(), a)
    same = sum(weight_of(a[i:j]) for tag, i, j, _, _ in steps if tag == "equal")
    shorter = min(weight_of(a), weight_of(b))
    places = [n for n, step in enumerate(steps) if step[0] == "equal"]
    changes: list[Change] = []
    added = 0
    beside: list[Token] = []
    for n, (tag, i, j, k, m) in enumerate(steps):
        old, new = a[i:j], b[k:m]
        if tag == "replace" and old and new and weight_of(old) and weight_of(new) and max(j - i, m - k) <= _LONGEST:
            (i, j), (k, m) = _figure_alone(a, i, j), _figure_alone(b, k, m)
            (i, j), (k, m) = _whole(a, b, (i, j), (k, m))
            changes.append(Change(a[i:j], b[k:m], _written(one, a[i:j]), _written(other, b[k:m])))
        elif tag != "equal" and places and places[0] < n < places[-1]:
            added += weight_of(old) + weight_of(new)
        elif tag in ("delete", "insert") and places:
            text, side = (one, a[i:j]) if tag == "delete" else (other, b[k:m])
            whole, first = (a, i) if tag == "delete" else (b, k)
            beside += _in_the_clause(text, side, whole, first, before=n < places[0])
    return Difference(same, shorter, added, tuple(beside), tuple(changes))


def _without_asides(text: str, tokens: Tokens) -> Tokens:
    """The tokens without what stands in parentheses and has no figure: it explains what is before it.

    一线城市（北京、上海）住宿标准 650 元 and 一线城市住宿标准 800 元 say different things of the same.
    """
    left = tokens
    for aside in _ASIDE.finditer(text):
        inside = [token for token in tokens if aside.start() < token.start and token.end < aside.end()]
        if all(token.figure is None for token in inside):
            left = tuple(token for token in left if token not in inside)
    return left or tokens


def _in_the_clause(text: str, side: Tokens, whole: Tokens, first: int, *, before: bool) -> Tokens:
    """Of tokens before or behind what is the same, those that no mark divides from it."""
    order = range(len(side) - 1, -1, -1) if before else range(len(side))
    kept: list[Token] = []
    for n in order:
        at = first + n
        between = text[whole[at].end : whole[at + 1].start] if before else text[whole[at - 1].end : whole[at].start]
        if _DIVIDES.search(between):
            break
        kept.append(side[n])
    return tuple(kept)


@functools.lru_cache(maxsize=1024)
def tokens_of(text: str) -> Tokens:
    """The tokens of a text with their places in it."""
    plain = aligned(text)
    found: list[Token] = []
    read = figures(plain)
    at = 0
    for figure in read:
        start, end = figure.core
        found += _words(plain, at, start)
        found.append(Token((figure.kind, f"{figure.value} {figure.unit}"), start, end, figure))
        at = end
    return (*found, *_words(plain, at, len(plain)))


def clauses_of(text: str) -> list[Tokens]:
    """The tokens between one mark and the next."""
    found: list[list[Token]] = [[]]
    tokens = tokens_of(text)
    for before, token in itertools.pairwise((None, *tokens)):
        if before is not None and _DIVIDES.search(text[before.end : token.start]):  # type: ignore[union-attr]
            found.append([])
        found[-1].append(token)  # type: ignore[arg-type]
    return [tuple(clause) for clause in found if clause]


def aligned(text: str) -> str:
    """The text in one spelling, of the same length, so that places are the same in both. Upper case stays."""
    return "".join(map(_one, text))


@functools.lru_cache(maxsize=4096)
def _one(character: str) -> str:
    normal = unicodedata.normalize("NFKC", character)
    if len(normal) != 1:
        return character
    folded = fold(normal)
    return folded if len(folded) == 1 and not normal.isupper() else normal


def _words(plain: str, start: int, end: int) -> list[Token]:
    found: list[Token] = []
    for match in _WORD.finditer(plain, start, max(start, end)):
        text = fold(match[0])
        if has_cjk(text):
            kind, key = "light" if text in LIGHT else "han", text
        else:
            stems = words(text)
            light = text in STOP_WORDS and not _is_letter_of_a_name(plain, match)
            kind, key = "light" if light else "word", stems[0] if stems and not light else text
        found.append(Token((kind, key), match.start(), match.end(), capital=match[0][0].isupper()))
    return found


def _is_letter_of_a_name(plain: str, match: "re.Match[str]") -> bool:
    """True for the A of 产品 A and of Plan A, which is no article, and for A alone."""
    alone = plain.strip() == match[0]
    return match[0] == "A" and (alone or re.search(r"[^\W\d_]\s*$", plain[: match.start()]) is not None)


def weight_of(tokens: Sequence[Token]) -> int:
    """How much tokens say."""
    return sum(token.weight for token in tokens)


_Step: TypeAlias = tuple[str, int, int, int, int]


def _merged(steps: Sequence[_Step], a: Tokens) -> list[_Step]:
    """The steps, with what is the same by chance between two changes taken for a part of the change."""
    merged: list[_Step] = []
    for n, step in enumerate(steps):
        tag, i, j, k, m = step
        between = 0 < n < len(steps) - 1
        if tag == "equal" and between and weight_of(a[i:j]) <= _BY_CHANCE:
            tag = "replace"
        if tag != "equal" and merged and merged[-1][0] != "equal":
            _, first_i, _, first_k, _ = merged.pop()
            tag, i, k = "replace", first_i, first_k
        merged.append((tag, i, j, k, m))
    return merged


def _whole(a: Tokens, b: Tokens, old: tuple[int, int], new: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """A change with what belongs to it of what is the same: the 国 of 德国 and 法国, the 王 of 王伟 and 王芳."""
    if any(token.key[0] != "han" for token in (*a[slice(*old)], *b[slice(*new)])):
        return old, new
    start = old[0] > 0 and new[0] > 0 and a[old[0] - 1].key[1] in FAMILY_NAMES
    ending = old[1] < len(a) and new[1] < len(b) and a[old[1]].key[1] in PLACES
    short = max(old[1] - old[0], new[1] - new[0]) <= _SHORT_NAME
    return (
        (old[0] - (start and short), old[1] + ending),
        (new[0] - (start and short), new[1] + ending),
    )


def _figure_alone(tokens: Tokens, start: int, end: int) -> tuple[int, int]:
    """A stretch in which nothing but one figure says anything, as that figure: 为 12 个月."""
    telling = [n for n in range(start, end) if tokens[n].weight]
    alone = len(telling) == 1 and tokens[telling[0]].figure is not None
    return (telling[0], telling[0] + 1) if alone else (start, end)


def _written(text: str, tokens: Tokens) -> str:
    return text[tokens[0].start : tokens[-1].end]


def with_noun(text: str, part: Tokens) -> str:
    """A letter or number with the noun before it: 产品 A, Plan B. Anything else as it is."""
    start, end = part[0].start, part[-1].end
    if end - start > _SHORT_NAME:
        return text[start:end]
    before = [token for token in tokens_of(text) if token.end <= start and not _DIVIDES.search(text[token.end : start])]
    nouns: list[Token] = []
    for token in reversed(before):
        kind = token.key[0]
        most = _NOUN_CHARS if kind == "han" else 1
        if not token.weight or token.figure is not None or len(nouns) == most or (nouns and nouns[0].key[0] != kind):
            break
        nouns.append(token)
    return text[nouns[-1].start if nouns else start : end]


# 产品, 方案, 版本.
_NOUN_CHARS: Final = 2


def are_comparable(change: Change) -> bool:
    """False where marks stand within what differs, and for a name in one script beside one in another: Google, 谷歌."""
    if any(_DIVIDES.search(side.strip()) for side in (change.was, change.now)) and change.figures is None:
        return False
    kinds = [{t.key[0] for t in side if t.weight and t.figure is None} for side in (change.old, change.new)]
    return not (kinds[0] and kinds[1] and kinds[0].isdisjoint(kinds[1]))


def mean_the_same(change: Change) -> bool:
    """True for two spellings of one thing, for synonyms, and where all that one says is a part of the other."""
    if change.figures is not None:
        old, new = change.figures
        return old.agrees(new) or new.agrees(old)
    one, other = ([token.key for token in side if token.weight] for side in (change.old, change.new))
    if all(key in other for key in one) or all(key in one for key in other):
        return True
    return are_synonyms(*("".join(text for _, text in side) for side in (one, other)))


def is_name(tokens: Tokens) -> bool:
    """True for what may be a name: words with capital letters, or Chinese characters none of which only helps.

    Figures may be a part of it. Longer ones are a headline.
    """
    if weight_of(tokens) > _LONGEST_NAME:
        return False
    telling = [token for token in tokens if token.weight]
    if len(telling) == 1 and telling[0].key[0] == "han":
        return False
    if not telling or not (tokens[0].weight and tokens[-1].weight):
        return False
    for token in tokens:
        kind, text = token.key
        if (kind in ("light", "han") and has_cjk(text) and (kind == "light" or text in _NO_PART)) or (
            kind == "word" and not token.capital
        ):
            return False
    return any(token.figure is None for token in telling)


# In hardly any name.
_NO_PART: Final = frozenset("被据经由在后将赢夺获举是有为了又再也已从自至于与和及或一")
