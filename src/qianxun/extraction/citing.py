"""Where a document bears the values that were drawn out of it, by rules that cost milliseconds and can be explained.

A text must stand there, a number or date as a figure, whatever the spelling; a longer text is checked as the sentence
of an answer is (`answering.cite`). What is chosen from the schema's own words (an enumeration, true or false) can be
right without standing there: it is never more than weak then. Of several places that bear a value the one counts whose
line names the field, then the one nearest to the other values of its object.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.numerals import DECIMAL, moved
from qianxun.answering.cite import verify
from qianxun.extraction.records import Field
from qianxun.extraction.schema import Key, Node, below, parts
from qianxun.extraction.spelling import FoundFigure, Place, Spelling, bare, figures_in, figures_of_value
from qianxun.records import Passage, Span, Support
from qianxun.text import fold, words

Path: TypeAlias = tuple[Key, ...]

# The share of a text's words that must stand in one line for it to be weak.
_ALMOST: Final = 0.8
# The share of a field's name, title or description in the line that decides true or false.
_NAMED: Final = 0.6
# What has so many terms, and clauses, is a sentence and checked as one; names and addresses are not: there each
# character counts.
_SENTENCE_TERMS: Final = 8
_PROSE: Final = re.compile(r"[，。；！？]|[,;!?.](?=\s|$)")
_BLOCK_CHARS: Final = 600
_MAX_LINE_SAID: Final = 120
_DIGITS_OF_A_NUMBER: Final = 7
# Numbers below this stand in most documents, for something.
_SMALL: Final = 100
_YES: Final = re.compile(r"(?<![不没未无否])(?:是|有|可|已|含|同意|✓|√|☑|✔)|\b(?:yes|true|included|allowed|agreed)\b")
_NO: Final = re.compile(r"否|不|没|未|无|✗|✘|×|☒|\b(?:no|not|false|none|without|never)\b")
_PIECES: Final = re.compile(r"[;；,，、/|()（）]")
# Units that the same time or share can be counted in otherwise; 12月 alone would be December.
_UNITS: Final = re.compile(
    r"\b(?:minute|hour|day|week|month|quarter|year|percent)s?\b|[%％]|个?月|年|天|日|小时|分钟|周|季度", re.I
)
_UNIT_SPELT: Final = {"月": "个月", "日": "天"}
_ENUMERATOR: Final = re.compile(r"[.．](?!\d)|[、)）]")
_DIGITS: Final = re.compile(DECIMAL)


@dataclass(frozen=True, slots=True)
class _Found:
    """A place that bears a value. Lower `rank` is better evidence."""

    place: Place
    support: Support = "supported"
    rank: int = 0


class Citer:
    """Finds values in one document. Cost: linear in the text at the first value, then little for each."""

    def __init__(self, text: str, schema: Node) -> None:
        self._spelling = Spelling(text)
        self._schema = schema

    def fields(self, data: Any) -> tuple[Field, ...]:
        """Every value of the data that says something, in its order, with its evidence."""
        found: dict[Path, Field] = {}
        self._cite(data, (), parts([self._schema], self._schema), [], found)
        return tuple(found[path] for path in _paths(data) if path in found)

    def bears(self, path: Path, value: Any) -> bool:
        """Whether the value stands anywhere, in whatever way."""
        return bool(self._found(value, self._nodes(path), path))

    def _nodes(self, path: Path) -> list[Node]:
        nodes = parts([self._schema], self._schema)
        for key in path:
            nodes = below(nodes, key, self._schema)
        return nodes

    def _cite(self, value: Any, path: Path, nodes: list[Node], near: list[Place], into: dict[Path, Field]) -> None:
        """Cites a value and what is in it. `near` are the places of the values beside it, and gets those found."""
        if isinstance(value, dict | list):
            inner = list(value.items() if isinstance(value, dict) else enumerate(value))
            beside: list[Place] = []
            leaves = [(key, one) for key, one in inner if _says_something(one)]
            said = {key: below(nodes, key, self._schema) for key, _ in inner}
            candidates = {key: self._found(one, said[key], (*path, key)) for key, one in leaves}
            # What stands in one place only says where the others are to be looked for.
            for key, one in sorted(leaves, key=lambda leaf: len(candidates[leaf[0]])):
                labels = self._labels(said[key], (*path, key))
                chosen = self._chosen(candidates[key], labels, beside or near)
                if chosen is not None and self._says_little(one, chosen, candidates[key], labels, beside):
                    chosen = _Found(chosen.place, "weak")
                if chosen is not None and chosen.support == "supported":
                    beside.append(chosen.place)
                into[(*path, key)] = self._field((*path, key), one, chosen)
            for key, one in inner:
                if isinstance(one, dict | list):
                    self._cite(one, (*path, key), said[key], beside or near, into)
        elif not path and _says_something(value):
            into[path] = self._field(path, value, self._chosen(self._found(value, nodes, path), [], []))

    def _field(self, path: Path, value: Any, chosen: _Found | None) -> Field:
        pointer = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)
        if chosen is None:
            return Field(pointer, value, "absent")
        start, end = chosen.place.start, chosen.place.end
        return Field(pointer, value, chosen.support, self._spelling.text[start:end], Span(start, end))

    def _chosen(self, found: Sequence[_Found], labels: list[frozenset[str]], near: Sequence[Place]) -> _Found | None:
        if len(found) < 2:
            return found[0] if found else None

        def order(one: _Found) -> tuple[int, float, bool, int, int]:
            line = self._spelling.line_at(one.place.start)
            named = max((_share(label, self._terms(line)) for label in labels), default=0.0)
            away = min((abs(one.place.start - other.start) for other in near), default=0)
            return one.rank, -named, one.place in near, away, one.place.start

        return min(found, key=order)

    def _says_little(
        self, value: Any, chosen: _Found, found: Sequence[_Found], labels: list[frozenset[str]], beside: Sequence[Place]
    ) -> bool:
        """Whether a small number may mean anything there: it stands in several places, and nothing tells which."""
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= _SMALL or len(found) < 2:
            return False
        line = self._spelling.line_at(chosen.place.start)
        in_row = any(self._spelling.line_at(other.start) == line for other in beside if other != chosen.place)
        return chosen.rank > 0 and not in_row and not any(label & self._terms(line) for label in labels)

    def _labels(self, nodes: Sequence[Node], path: Path) -> list[frozenset[str]]:
        """What a field is called, and described as, in terms."""
        labels = (frozenset(words(fold(text))) for text in _said_of(nodes, path))
        return [label for label in labels if len("".join(label)) > 1]

    def _terms(self, line: int) -> frozenset[str]:
        if line < 0:
            return frozenset()
        place = self._spelling.lines[line]
        return _terms_of(self._spelling.text[place.start : place.end])

    # -- what bears a value ----------------------------------------------------------------------------------------

    def _found(self, value: Any, nodes: Sequence[Node], path: Path) -> list[_Found]:
        """Every place that bears a value."""
        if isinstance(value, bool):
            return self._of_choice(value, nodes, path)
        if isinstance(value, int | float):
            text = self._spelling.text
            units = _with_units(value, _said_of(nodes, path))
            numbers = (
                _of_number(value, units, one, text[one.place.start : one.place.end])
                for one in self._spelling.figures
                if not self._numbers_a_line(one.place)
            )
            return _best_first([found for found in numbers if found is not None])
        text = str(value)
        found = [_Found(place) for place in self._spelling.occurrences(text)]
        if found or not bare(text):
            return found
        digits = re.sub(r"\D", "", text)
        if len(digits) >= _DIGITS_OF_A_NUMBER and not any(c.isalpha() for c in text):
            found = [_Found(place) for place in self._spelling.numbers(digits)]
            if found:
                return found
        mine, is_figure = figures_of_value(text)
        if is_figure:
            return self._of_figures(mine)
        if any("enum" in node or "const" in node for node in nodes):
            return self._of_choice(value, nodes, path)
        return self._of_words(text, mine)

    def _numbers_a_line(self, place: Place) -> bool:
        """Whether a figure is the number of a paragraph or an item: 3. Termination."""
        text, line = self._spelling.text, self._spelling.lines[self._spelling.line_at(place.start)]
        return not text[line.start : place.start].strip("（( \t\u3000") and bool(
            _ENUMERATOR.match(text[place.end : line.end])
        )

    def _of_figures(self, mine: Sequence[Figure]) -> list[_Found]:
        """Where figures stand; several of them in one line."""
        alone = [
            _best_first([f for one in self._spelling.figures if (f := _of_figure(figure, one))]) for figure in mine
        ]
        if not all(alone):
            return []
        if len(mine) == 1:
            return alone[0]
        together: list[_Found] = []
        for first in alone[0]:
            line = self._spelling.line_at(first.place.start)
            same = [[o for o in others if self._spelling.line_at(o.place.start) == line] for others in alone]
            if all(same):
                chosen = [min(others, key=lambda one: one.rank) for others in same]
                place = Place(min(one.place.start for one in chosen), max(one.place.end for one in chosen))
                surely = all(one.support == "supported" for one in chosen)
                together.append(_Found(place, "supported" if surely else "weak", 0 if surely else 1))
        return together or [_Found(alone[0][0].place, "weak", 2)]

    def _of_words(self, text: str, mine: Sequence[Figure]) -> list[_Found]:
        """A text that does not stand there as it is: by its words, a sentence as a sentence."""
        if any(not any(_of_figure(figure, one) for one in self._spelling.figures) for figure in mine):
            return []
        terms = frozenset(words(fold(text)))
        if len(terms) >= _SENTENCE_TERMS and _PROSE.search(text):
            return self._of_sentence(text, terms)
        found = []
        for number, line in enumerate(self._spelling.lines):
            if _share(terms, self._terms(number)) >= _ALMOST and line.end - line.start <= _BLOCK_CHARS:
                found.append(_Found(line, "weak", 1))
        return found

    def _of_sentence(self, text: str, terms: frozenset[str]) -> list[_Found]:
        block = self._block_for(terms)
        if block is None:
            return []
        shown = self._spelling.text[block.start : block.end]
        span = Span(block.start, block.end)
        passage = Passage(1, 0.0, 0, 0, "", "", None, None, (), span, shown, "", (), {})
        support, at, _ = verify(text, passage)
        return [] if support == "absent" else [_Found(Place(at.start, at.end), support)]

    def _block_for(self, terms: frozenset[str]) -> Place | None:
        """The stretch of neighbouring lines that shares most terms."""
        lines = self._spelling.lines
        best: tuple[float, int] | None = None
        for number in range(len(lines)):
            share = _share(terms, self._terms(number))
            if share and (best is None or share > best[0]):
                best = share, number
        if best is None:
            return None
        first = last = best[1]
        grown = True
        while grown:
            grown = False
            for a, b in ((first - 1, last), (first, last + 1)):
                if a >= 0 and b < len(lines) and lines[b].end - lines[a].start <= _BLOCK_CHARS:
                    first, last, grown = a, b, True
                    break
        return Place(lines[first].start, lines[last].end)

    def _of_choice(self, value: bool | str, nodes: Sequence[Node], path: Path) -> list[_Found]:
        """What was chosen from the schema's words: the line that the field is named in says whether rightly."""
        labels = self._labels(nodes, path)
        found = []
        for number, line in enumerate(self._spelling.lines):
            named = max((_share(label, self._terms(number)) for label in labels), default=0.0)
            if named < _NAMED:
                continue
            # 是否接受出差：是; what stands behind the colon decides.
            said = fold(self._spelling.text[line.start : line.end]).rpartition(":")[2]
            yes, no = bool(_YES.search(said)), bool(_NO.search(said))
            plain = isinstance(value, bool) and yes != no and len(said) <= _MAX_LINE_SAID
            if plain and value is no:
                continue
            found.append(_Found(line, "supported" if plain else "weak", 0 if plain else 1))
        return _best_first(found)


def _of_number(value: int | float, units: Sequence[Figure], one: FoundFigure, written: str) -> _Found | None:
    """What a figure of the text, `written` so, says for a number; None if nothing. `units`: what it may count."""
    wanted = _decimal(value)
    figure = one.figure
    if figure.kind in ("number", "rate"):
        if any(mine.agrees(figure) for mine in units if figure.unit):
            return _Found(one.place)
        if figure.value == wanted or (figure.unit == "%" and figure.value == _decimal(Decimal(str(value)) * 100)):
            return _Found(one.place, rank=2 if figure.unit == "ordinal" else 1)
        digits = _DIGITS.search(unicodedata.normalize("NFKC", written))
        # 50 of 50万元: the field may count in 万元.
        return _Found(one.place, "weak", 4) if digits and moved(digits[0], 0) == wanted else None
    pieces = re.findall(r"\d+", figure.value)
    if wanted not in (piece.lstrip("0") or "0" for piece in pieces):
        return None
    is_year = figure.kind == "date" and wanted == pieces[0] and len(wanted) == 4
    is_code = figure.kind == "code" and len(wanted) >= _DIGITS_OF_A_NUMBER
    return _Found(one.place, rank=3) if is_year or is_code else _Found(one.place, "weak", 5)


def _of_figure(mine: Figure, one: FoundFigure) -> _Found | None:
    """What a figure of the text says for a figure of a value; None if nothing."""
    theirs = one.figure
    if mine.agrees(theirs):
        same = not mine.differs_in_limit(theirs) and (mine.kind == theirs.kind or len(mine.value) >= 4)
        return _Found(one.place) if same else _Found(one.place, "weak", 2)
    if mine.kind == theirs.kind == "date" and theirs.agrees(mine):
        # The value is more exact than the text: somebody made up the day.
        return _Found(one.place, "weak", 1)
    return _Found(one.place, "weak", 2) if mine.differs_in_unit(theirs) else None


def _best_first(found: list[_Found]) -> list[_Found]:
    """What is as good as the best; weak evidence counts only where there is no other."""
    surely = [one for one in found if one.support == "supported"]
    return surely or found


def _decimal(value: int | float | Decimal) -> str:
    text = format(Decimal(str(value)), "f")
    return f"-{moved(text[1:], 0)}" if text.startswith("-") else moved(text, 0)


def _says_something(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and bool(value.strip()))


def _share(terms: frozenset[str], others: frozenset[str]) -> float:
    return len(terms & others) / len(terms) if terms else 0.0


@functools.lru_cache(maxsize=8192)
def _terms_of(line: str) -> frozenset[str]:
    return frozenset(words(fold(line)))


def _said_of(nodes: Sequence[Node], path: Path) -> list[str]:
    """What a field is called and described as, piece by piece."""
    said = [_apart(str(key)) for key in path if isinstance(key, str)][-1:]
    said += [str(node[word]) for node in nodes for word in ("title", "description") if word in node]
    return [piece.strip() for text in said for piece in _PIECES.split(text) if piece.strip()]


def _with_units(value: int | float, said: Sequence[str]) -> list[Figure]:
    """The number as so many of what the field's name or description counts in: 24 of term_months is 24 months."""
    names = {unit[0].lower() for text in said for unit in _UNITS.finditer(text)}
    texts = (f"{_decimal(value)} {_UNIT_SPELT.get(name, name)}" for name in names)
    return [one.figure for text in texts for one in figures_in(text) if one.figure.unit]


def _apart(name: str) -> str:
    """The words of a field's name: unitPrice, unit_price."""
    return re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ")


def _paths(data: Any, path: Path = ()) -> list[Path]:
    if isinstance(data, dict):
        return [inner for key, value in data.items() for inner in _paths(value, (*path, key))]
    if isinstance(data, list):
        return [inner for place, value in enumerate(data) for inner in _paths(value, (*path, place))]
    return [path]
