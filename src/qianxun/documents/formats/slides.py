"""Slides: each one's title, text in the order in which it is read, tables, charts, diagrams, and the notes below it.

Knows no pictures, no layout beyond where things stand, and no animation.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from qianxun.documents.clean import one_line
from qianxun.documents.formats.numbering import written_number
from qianxun.documents.formats.packages import (
    Package,
    attribute,
    child,
    descendants,
    local,
    opened_package,
    resolved,
    unreadable,
    whole,
)
from qianxun.documents.formats.tables import MAX_COLUMNS, Cell, table_block
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

Item = TypeVar("Item")

_TITLES: Final = ("title", "ctrTitle")
_AROUND: Final = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})  # numbers, dates, running lines: not its text
_LISTS: Final = frozenset({"", "body", "obj"})  # placeholders with bullets unless their layout says otherwise
_LINE_BREAK: Final = re.compile("_x000[BD]_|\x0b", re.IGNORECASE)
_MAX_HEADING: Final = 60  # characters of a first line that stands for a missing title
_MAX_NUMBER: Final = 32_767  # ST_TextBulletStartAtNum, ECMA-376 part 1, 20.1.10.85
_MAX_LEVEL: Final = 8
# ST_TextAutonumberScheme, ECMA-376 part 1, 20.1.10.61: the beginning of its name → the names that Word has.
_SCHEMES: Final = {
    "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman", "romanUc": "upperRoman",
    "ea1Chs": "chineseCounting", "ea1Cht": "chineseCounting", "ea1Jpn": "chineseCounting",
    "circleNum": "decimalEnclosedCircle",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands on a slide, in any unit, y downwards."""

    x: float
    y: float
    height: float


def in_reading_order(items: Iterable[tuple[Place | None, Item]]) -> list[Item]:
    """Top to bottom, and left to right among what stands side by side.

    What has no place follows what came before it. Things are side by side when one begins in the upper half of the
    topmost of them.
    """
    groups: list[tuple[Place | None, list[Item]]] = []
    for place, item in items:
        if place is None and groups:
            groups[-1][1].append(item)
        else:
            groups.append((place, [item]))
    unplaced = [item for place, group in groups if place is None for item in group]
    placed = sorted(((place, group) for place, group in groups if place is not None), key=lambda pair: pair[0].y)
    ordered = unplaced
    row: list[tuple[Place, list[Item]]] = []
    for place, group in placed:
        if row and place.y > row[0][0].y + row[0][0].height / 2:
            ordered += _left_to_right(row)
            row = []
        row.append((place, group))
    return ordered + _left_to_right(row)


def _left_to_right(row: list[tuple[Place, list[Item]]]) -> list[Item]:
    return [item for _, group in sorted(row, key=lambda pair: (pair[0].x, pair[0].y)) for item in group]


def titled(blocks: Sequence[Block], title: str, location: str) -> list[Block]:
    """A slide's blocks under its title. Without one, a short first line that stands alone is it."""
    if title:
        return [Block("heading", title, level=1, location=location), *blocks]
    if len(blocks) > 1 and blocks[0].kind == "paragraph" and len(blocks[0].text) <= _MAX_HEADING:
        return [Block("heading", one_line(blocks[0].text), level=1, location=location), *blocks[1:]]
    return list(blocks)


class SlidesLoader:
    """Reads `.pptx`, `.pptm` and `.ppsx`."""

    suffixes = (".pptx", ".pptm", ".ppsx")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The slides in the order in which they are shown, hidden ones too, as one document.

        A slide is a location, no page: one with pictures only is no sign of a scan.
        """
        with opened_package(file, settings) as package:
            blocks = [block for slide in _slides(package) for block in slide]
            first = next((block.text for block in blocks if block.kind == "heading"), "")
            title = first or _title(package)
        yield RawDocument(file.name, title or file.stem, "pptx", blocks)


def _title(package: Package) -> str:
    core = package.xml("docProps/core.xml")
    named = next(descendants(core, "title"), None) if core is not None else None
    return one_line(named.text or "") if named is not None else ""


def _slides(package: Package) -> Iterator[list[Block]]:
    main = next((path for kind, path in _relations(package, "").values() if kind == "officeDocument"), "")
    main = main or "ppt/presentation.xml"
    root = package.required(main)
    if local(root) != "presentation":
        raise unreadable(package.file, f"its main part is a {local(root)}, not a presentation")
    relations = _relations(package, main)
    listed = child(root, "sldIdLst")
    read: set[str] = set()
    layouts: dict[str, dict[tuple[str, str], Any]] = {}
    for number, entry in enumerate(listed if listed is not None else (), start=1):
        _, path = relations.get(_relation_id(entry), ("", ""))
        if not path:
            raise unreadable(package.file, f"slide {number} is missing")
        if path in read:  # the list names a slide once; a hostile one would name it a million times
            continue
        read.add(path)
        yield _Slide(package, path, number, layouts).blocks()


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part points to: id → kind (last word of its type), name of the part."""
    folder, _, name = part.rpartition("/")
    root = package.xml(f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels")
    if root is None:
        return {}
    return {
        relation.get("Id") or "": (
            (relation.get("Type") or "").rpartition("/")[2],
            resolved(part, relation.get("Target") or ""),
        )
        for relation in root
        if relation.get("TargetMode") != "External"
    }


def _relation_id(element: Any, name: str = "id") -> str:
    """An attribute in the namespace of relationships: `sldId` has an `id` of its own beside it."""
    return next(
        (str(value) for key, value in element.attrib.items() if key.endswith(f"/relationships}}{name}")),
        "",
    )


class _Slide:
    """One slide's blocks. `layouts` keeps what was read of layouts, by their part, for the slides after it."""

    def __init__(
        self, package: Package, path: str, number: int, layouts: dict[str, dict[tuple[str, str], Any]]
    ) -> None:
        self.package = package
        self.location = f"slide {number}"
        self.root = package.required(path)
        self.relations = _relations(package, path)
        layout = self._related("slideLayout")
        if layout and layout not in layouts:
            layouts[layout] = _placeholders(package, layout)
        self.layout = layouts.get(layout, {})
        self.title: list[str] = []

    def blocks(self) -> list[Block]:
        tree = child(self.root, "cSld", "spTree")
        shapes = self._shapes(tree, lambda place: place) if tree is not None else ()
        blocks = [block for found in in_reading_order(shapes) for block in found]
        return [*titled(blocks, one_line(" ".join(self.title)), self.location), *self._notes()]

    def _related(self, kind: str) -> str:
        return next((path for found, path in self.relations.values() if found == kind), "")

    def _shapes(self, tree: Any, moved: Any) -> Iterator[tuple[Place | None, list[Block]]]:
        """Shapes with text, and those in groups at their place on the slide."""
        for shape in tree:
            kind = local(shape)
            if kind == "AlternateContent":
                chosen = child(shape, "Choice")
                chosen = chosen if chosen is not None else child(shape, "Fallback")
                if chosen is not None:
                    yield from self._shapes(chosen, moved)
            elif kind == "grpSp":
                yield from self._shapes(shape, _out_of(shape, moved))
            elif kind in ("sp", "cxnSp"):
                yield from self._shape(shape, moved)
            elif kind == "graphicFrame":
                place = _place(child(shape, "xfrm"))
                blocks = list(self._graphic(shape))
                if blocks:
                    yield (moved(place) if place else None), blocks

    def _shape(self, shape: Any, moved: Any) -> Iterator[tuple[Place | None, list[Block]]]:
        body = child(shape, "txBody")
        if body is None:
            return
        holder = next(descendants(shape, "ph"), None)
        kind = (holder.get("type") or "") if holder is not None else None
        if kind in _AROUND:
            return
        if kind in _TITLES:
            self.title += [text for _, _, text in _paragraphs(body, False) if text]
            return
        original = None
        if holder is not None and kind is not None:
            original = self.layout.get(("idx", holder.get("idx") or "0"), self.layout.get(("type", kind)))
        is_list = kind in _LISTS and not _has_no_bullets(body, original)
        place = _place(child(shape, "spPr", "xfrm"))
        if place is None and original is not None:
            place = _place(child(original, "spPr", "xfrm"))
        blocks = _text_blocks(_paragraphs(body, is_list), self.location)
        if blocks:
            yield (moved(place) if place else None), blocks

    def _graphic(self, frame: Any) -> Iterator[Block]:
        data = child(frame, "graphic", "graphicData")
        for element in data if data is not None else ():
            kind = local(element)
            if kind == "tbl":
                block = _table(element, self.location)
                if block is not None:
                    yield block
            elif kind == "relIds":
                yield from self._diagram(_relation_id(element, "dm"))
            elif kind == "chart":
                chart = self.package.xml(self.relations.get(_relation_id(element), ("", ""))[1])
                if chart is not None:
                    yield from _chart(chart, self.location)

    def _diagram(self, relation: str) -> Iterator[Block]:
        """A diagram's words: as it was drawn, else in the order of its data."""
        data = self.package.xml(self.relations.get(relation, ("", ""))[1])
        if data is None:
            return
        extension = next(descendants(data, "dataModelExt"), None)
        drawn = self.relations.get(attribute(extension, "relId"), ("", ""))[1] if extension is not None else ""
        drawing = self.package.xml(drawn)
        bodies = descendants(drawing, "txBody") if drawing is not None else descendants(data, "t")
        lines = (
            one_line(" ".join(text for _, _, text in _paragraphs(body, False)))
            for body in bodies
            if child(body, "p") is not None
        )
        items = [f"- {line}" for line in lines if line]
        if items:
            yield Block("list", "\n".join(items), location=self.location)

    def _notes(self) -> Iterator[Block]:
        root = self.package.xml(self._related("notesSlide"))
        for shape in descendants(root, "sp") if root is not None else ():
            holder = next(descendants(shape, "ph"), None)
            body = child(shape, "txBody")
            if body is not None and holder is not None and holder.get("type") == "body":
                yield from _text_blocks(_paragraphs(body, False), self.location)


def _placeholders(package: Package, layout: str) -> dict[tuple[str, str], Any]:
    """The placeholders of a layout and of its master, by index and by type; the layout's own first."""
    found: dict[tuple[str, str], Any] = {}
    root = package.xml(layout)
    relations = _relations(package, layout)
    master = next((path for kind, path in relations.values() if kind == "slideMaster"), "")
    for tree in (root, package.xml(master)):
        for shape in descendants(tree, "sp") if tree is not None else ():
            holder = next(descendants(shape, "ph"), None)
            if holder is not None:
                kind = holder.get("type") or ""
                if tree is root:
                    found.setdefault(("idx", holder.get("idx") or "0"), shape)
                found.setdefault(("type", kind), shape)
    return found


def _place(frame: Any | None) -> Place | None:
    offset = child(frame, "off") if frame is not None else None
    if frame is None or offset is None:
        return None
    extent = child(frame, "ext")
    height = whole(extent.get("cy"), 0) if extent is not None else 0
    return Place(whole(offset.get("x"), 0), whole(offset.get("y"), 0), height)


def _out_of(group: Any, moved: Any) -> Any:
    """How a place inside a group becomes one on the slide (ECMA-376 part 1, 20.1.7.5)."""
    frame = child(group, "grpSpPr", "xfrm")
    outer = _place(frame)
    inner = child(frame, "chOff") if frame is not None else None
    size, inner_size = (child(frame, name) if frame is not None else None for name in ("ext", "chExt"))
    if outer is None or inner is None or size is None or inner_size is None:
        return moved
    wide = whole(size.get("cx"), 0) / max(1, whole(inner_size.get("cx"), 0))
    high = whole(size.get("cy"), 0) / max(1, whole(inner_size.get("cy"), 0))
    x, y = whole(inner.get("x"), 0), whole(inner.get("y"), 0)

    def out(place: Place) -> Any:
        return moved(Place(outer.x + (place.x - x) * wide, outer.y + (place.y - y) * high, place.height * high))

    return out


def _has_no_bullets(body: Any, original: Any | None) -> bool:
    """Whether a placeholder, or the layout's that it fills, turns bullets off at its first level."""
    styles = [child(body, "lstStyle", "lvl1pPr")]
    if original is not None:
        styles.append(child(original, "txBody", "lstStyle", "lvl1pPr"))
    return any(style is not None and child(style, "buNone") is not None for style in styles)


def _paragraphs(body: Any, is_list: bool) -> Iterator[tuple[int, str, str]]:
    """Each paragraph's level from 0, its bullet or number ("" for none), and its text."""
    counts: dict[int, tuple[str, int]] = {}
    for paragraph in body:
        if local(paragraph) != "p":
            continue
        text = _text(paragraph).strip()
        if not text:
            continue
        properties = child(paragraph, "pPr")
        level = 0
        mark = "-" if is_list else ""
        if properties is not None:
            level = max(0, min(whole(properties.get("lvl"), 0), _MAX_LEVEL))
            automatic = child(properties, "buAutoNum")
            if automatic is not None:
                mark = _number(automatic, level, counts)
            elif child(properties, "buNone") is not None:
                mark = ""
            elif level or any(local(inner) in ("buChar", "buBlip") for inner in properties):
                mark = "-"
        if properties is None or child(properties, "buAutoNum") is None:
            counts.pop(level, None)
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        yield level, mark, text


def _number(automatic: Any, level: int, counts: dict[int, tuple[str, int]]) -> str:
    scheme = automatic.get("type") or "arabicPeriod"
    start = max(1, min(whole(automatic.get("startAt"), 1), _MAX_NUMBER))
    before, n = counts.get(level, ("", 0))
    n = n + 1 if before == scheme else start
    counts[level] = (scheme, n)
    shape = next((ours for theirs, ours in _SCHEMES.items() if scheme.startswith(theirs)), "decimal")
    number = written_number(n, shape)
    if scheme.endswith("ParenBoth"):
        return f"({number})"
    return f"{number})" if scheme.endswith("ParenR") else f"{number}." if scheme.endswith("Period") else number


def _text(paragraph: Any) -> str:
    parts: list[str] = []

    def collect(element: Any) -> None:
        for inner in element:
            name = local(inner)
            if name == "t":
                parts.append(_LINE_BREAK.sub("\n", inner.text or ""))
            elif name == "br":
                parts.append("\n")
            elif name not in ("Fallback", "pPr", "rPr") and not (name == "fld" and inner.get("type") == "slidenum"):
                collect(inner)

    collect(paragraph)
    return "".join(parts)


def _text_blocks(paragraphs: Iterable[tuple[int, str, str]], location: str) -> list[Block]:
    blocks: list[Block] = []
    items: list[str] = []
    for level, mark, text in paragraphs:
        if mark:
            items.append("  " * level + f"{mark} {one_line(text)}")
            continue
        if items:
            blocks.append(Block("list", "\n".join(items), location=location))
            items = []
        blocks.append(Block("paragraph", text, location=location))
    if items:
        blocks.append(Block("list", "\n".join(items), location=location))
    return blocks


def _table(table: Any, location: str) -> Block | None:
    grid = child(table, "tblGrid")
    most = max(1, min(len(grid) if grid is not None else MAX_COLUMNS, MAX_COLUMNS))
    rows = [row for row in table if local(row) == "tr"]
    cells = [
        [
            Cell(
                " ".join(text for _, _, text in _paragraphs(body, False)) if body is not None else "",
                max(1, min(whole(cell.get("gridSpan"), 1), most)),
                max(1, min(whole(cell.get("rowSpan"), 1), len(rows))),
            )
            for cell in row
            if local(cell) == "tc" and not _is_covered(cell)
            for body in (child(cell, "txBody"),)
        ]
        for row in rows
    ]
    properties = child(table, "tblPr")
    has_header = properties is not None and properties.get("firstRow") in ("1", "true")
    return table_block(cells, 1 if has_header and len(rows) > 1 else 0, location)


def _is_covered(cell: Any) -> bool:
    return any(cell.get(name) in ("1", "true") for name in ("hMerge", "vMerge"))


def _chart(root: Any, location: str) -> Iterator[Block]:
    """A chart's title, and its numbers as a table: a row for each category, a column for each series."""
    title = next(descendants(root, "title"), None)
    if title is not None:
        text = one_line(" ".join(_text(paragraph) for paragraph in descendants(title, "p")))
        if text:
            yield Block("paragraph", text, location=location)
    series = list(descendants(root, "ser"))[: MAX_COLUMNS - 1]
    names = [" ".join(_points(child(one, "tx")).values()) for one in series]
    categories: dict[int, str] = {}
    for one in series:
        x = child(one, "cat")
        categories = {**_points(x if x is not None else child(one, "xVal")), **categories}
    values = []
    for one in series:
        y = child(one, "val")
        values.append(_points(y if y is not None else child(one, "yVal")))
    places = sorted(set(categories).union(*values))
    rows = [[Cell(categories.get(place, "")), *(Cell(v.get(place, "")) for v in values)] for place in places]
    if any(names):
        rows = [[Cell(""), *map(Cell, names)], *rows]
    block = table_block(rows, 1 if any(names) and len(rows) > 1 else 0, location)
    if block is not None:
        yield block


def _points(reference: Any | None) -> dict[int, str]:
    """The values that a chart keeps of the cells it refers to, by their index."""
    if reference is None:
        return {}
    points: dict[int, str] = {}
    for point in descendants(reference, "pt"):
        value = child(point, "v")
        # A category of several levels has a point at each; the finest comes first.
        if value is not None and value.text:
            points.setdefault(whole(point.get("idx"), len(points)), value.text)
    literal = child(reference, "v")
    return points or ({0: literal.text} if literal is not None and literal.text else {})
