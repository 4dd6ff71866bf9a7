"""HTML: what a reader came for, without the menus around it."""

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Any

from qianxun.documents.clean import glue, one_line
from qianxun.documents.decoding import decoded, looks_like, mismatch, named_encoding
from qianxun.documents.formats.tables import Cell, table_block
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

MAX_DROPPED_SHARE = 0.8

_META_CHARSET = re.compile(rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
# What browsers read for a declared name (WHATWG Encoding Standard): the larger set that contains it.
_READ_AS = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "shift_jis": "cp932",
    "shift-jis": "cp932", "x-sjis": "cp932", "utf-16": "utf-8", "unicode": "utf-8", "utf8": "utf-8",
}  # fmt: skip
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_XHTML = re.compile(r"\A\s*(?:<\?xml|<!DOCTYPE\s+html\s+PUBLIC\s+\S*-//W3C//DTD XHTML)", re.IGNORECASE)
_CLOSED_AT_ONCE = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s[^<>]*?)?)/>")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())

_NEVER_TEXT = frozenset(
    "script style noscript template svg math canvas iframe object audio video map head select datalist button input "
    "textarea progress meter link meta base".split()
)
_BOILERPLATE = frozenset("nav header footer aside menu form dialog".split())
_BOILERPLATE_ROLES = frozenset("navigation banner contentinfo search complementary menu menubar toolbar".split())
_BOILERPLATE_NAMES = frozenset(
    "nav navbar navigation menu submenu topmenu breadcrumb breadcrumbs crumbs sidebar footer topbar banner cookie "
    "cookies pagination pager advert advertisement ads share social toolbar copyright skiplink".split()
)
# Of these only what is mostly links: a page's own header is its beginning.
_MENU_NAMES = frozenset("header masthead topnav mainnav headernav mainmenu sitemenu menubar navmenu navlist".split())
_MAX_LINK_CHARS = 30  # on average; headlines are longer than the words of a menu
_NAME_PARTS = re.compile(r"[\s_\-]+|(?<=[a-z])(?=[A-Z])")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hgroup html legend li main menu nav ol p search section summary table tbody td tfoot th thead tr ul "
    "caption".split()
)
_HEADINGS = {f"h{i}": i for i in range(1, 7)}
_SPACE = re.compile(r"[ \t\r\f\v]+")
_SOFT_BREAK = re.compile(r" ?\n\s*")
_SOFT = "\x1f"  # a line break of the source, which is a space between words and nothing between Han characters


class HtmlLoader:
    """Reads `.html`, `.htm` and `.xhtml`."""

    suffixes = (".html", ".htm", ".xhtml")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The page as one document."""
        data = file.read()
        what = looks_like(data[:4096])
        if what is not None:
            raise mismatch(file, what)
        root = _parsed(_text(file, data, settings))
        if root is None:
            yield RawDocument(file.name, file.stem, "html", ())
            return
        named = root.find(".//title")
        title = one_line("".join(named.itertext())) if named is not None else ""
        if not title:
            heading = next(root.iter("h1", "h2"), None)
            title = _text_of(heading) if heading is not None else ""
        yield RawDocument(file.name, title or file.stem, "html", _blocks(_content(root)))


def blocks_of_html(source: str) -> Iterator[Block]:
    """The blocks of a piece of HTML inside another document."""
    root = _parsed(source)
    if root is not None:
        yield from _blocks(root)


def _text(file: RawFile, data: bytes, settings: ReadingSettings) -> str:
    is_known = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not is_known and not named_encoding(file, settings):
        declared = _META_CHARSET.search(data[:4096])
        if declared:
            try:
                return data.decode("utf-8")  # what is valid UTF-8 is UTF-8, whatever it says
            except UnicodeDecodeError:
                name = declared.group(1).decode("ascii", "replace").lower()
            try:
                text = data.decode(_READ_AS.get(name, name), "replace")
            except LookupError:
                text = ""
            if text and "\ufffd" not in text:
                return text
    return decoded(file, data, settings)


def _parsed(text: str) -> Any:
    from lxml import etree, html

    text = text.removeprefix("\ufeff").replace("\x00", "")
    if _XHTML.match(text):
        text = _CLOSED_AT_ONCE.sub(_closed, text)
    source = _XML_DECLARATION.sub("", text)
    if not source.strip():
        return None
    parser = html.HTMLParser(remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(source, parser=parser)
    except etree.ParserError:
        return None  # nothing but comments
    return root


def _closed(match: "re.Match[str]") -> str:
    """An empty element of XHTML as HTML writes it: to a parser of HTML `<title/>` begins a title without an end."""
    tag, attributes = match.groups()
    return match.group() if tag.lower() in _VOID else f"<{tag}{attributes}></{tag}>"


def _content(root: Any) -> Any:
    """The tree without what surrounds the content; with it where that would be nearly everything."""
    for element in list(root.iter(*(_NEVER_TEXT - {"head"}))):
        _drop(element)
    total = _length(root)
    candidates = [element for element in root.iter() if isinstance(element.tag, str) and _is_hidden(element)]
    for element in candidates:
        _drop(element)
    body = root.find("body")
    body = root if body is None else body
    surroundings = []
    for element in body.iter():
        if _is_boilerplate(element, total) and not any(
            element is a or a in surroundings for a in element.iterancestors()
        ):
            surroundings.append(element)
    if sum(map(_length, surroundings)) <= total * MAX_DROPPED_SHARE:
        for element in surroundings:
            _drop_but_headings(element)
    mains = [element for element in body.iter() if element.tag == "main" or element.get("role") == "main"]
    if len(mains) == 1 and _length(mains[0]) >= 0.5 * _length(body):
        return mains[0]
    return body


def _is_hidden(element: Any) -> bool:
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or _HIDDEN.search(element.get("style") or "") is not None
    ) and element.tag not in ("html", "body")


def _is_boilerplate(element: Any, total: int) -> bool:
    tag = element.tag
    if tag in ("html", "body", "main", "article") or tag in _HEADINGS:
        return False
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    parts = {part.lower() for part in _NAME_PARTS.split(names)} if names != " " else set()
    named = not _BOILERPLATE_NAMES.isdisjoint(parts)
    if (named or not _MENU_NAMES.isdisjoint(parts)) and _is_menu(element):
        return True
    if not (tag in _BOILERPLATE or element.get("role") in _BOILERPLATE_ROLES or named):
        return False
    if tag == "nav" or element.get("role") == "navigation":
        return True
    if next(element.iter("h1", "article", "main"), None) is not None:
        return False
    if tag in ("header", "footer", "aside") and next(element.iterancestors("article", "main"), None) is not None:
        return bool(tag == "footer")
    # Old pages wrap everything in a form or in a table named "menu".
    return bool(_length(element) < 0.3 * total)


def _is_menu(element: Any) -> bool:
    """Whether it is mostly short links, apart from a main heading in it."""
    if next(element.iter("article", "main", "p"), None) is not None:
        return False
    links = [a for a in element.iter("a") if a.get("href") is not None and next(a.iter("h1"), None) is None]
    links = [a for a in links if next(a.iterancestors("h1"), None) is None]
    linked = sum(map(_length, links))
    apart = _length(element) - sum(map(_length, element.iter("h1")))
    return len(links) >= 2 and linked >= 0.6 * apart and linked <= _MAX_LINK_CHARS * len(links)


def _drop_but_headings(element: Any) -> None:
    """Takes an element out of its tree; its main headings stay where they were."""
    kept = set(element.iter("h1"))
    if not kept:
        _drop(element)
        return
    for heading in list(kept):
        kept.update((*heading.iterancestors(), *heading.iter()))
    for other in list(element.iter()):
        if other not in kept:
            _drop(other)
    for around in element.iter():
        if next(around.iterancestors("h1"), None) is None and around.tag != "h1":
            around.text = None
            for child in around:
                child.tail = None


def _drop(element: Any) -> None:
    if element.getparent() is not None:
        element.drop_tree()  # keeps the text that follows the element


def _length(element: Any) -> int:
    return sum(len(text.strip()) for text in element.itertext())


def _blocks(root: Any) -> Iterator[Block]:
    from lxml import etree

    inline: list[str] = []

    def paragraph() -> Iterator[Block]:
        text = _collapsed("".join(inline))
        inline.clear()
        if text:
            yield Block("paragraph", text)

    walk = etree.iterwalk(root, events=("start", "end"))
    skipped: Any = None
    for event, element in walk:
        tag = element.tag
        if not isinstance(tag, str):
            continue
        if event == "start":
            whole = _whole_block(element)
            if whole is not None or tag in _HEADINGS or tag == "head" or tag in _NEVER_TEXT:
                yield from paragraph()
                if tag in _HEADINGS:
                    yield Block("heading", _text_of(element), level=_HEADINGS[tag])
                elif whole is not None:
                    yield from whole
                walk.skip_subtree()
                skipped = element
                continue
            if tag in _BLOCKS or tag == "hr":
                yield from paragraph()
            if tag == "br":
                inline.append("\n")
            inline.append(_soft(element.text))
        else:
            if element is not skipped and (tag in _BLOCKS):
                yield from paragraph()
            if element is not root:
                inline.append(_soft(element.tail))
    yield from paragraph()


def _whole_block(element: Any) -> list[Block] | None:
    """The blocks of an element that is read as a whole, or None for one that is walked into."""
    tag = element.tag
    if tag == "pre":
        return [Block("code", "".join(element.itertext()).strip("\n"))]
    if tag in ("ul", "ol", "menu"):
        if next(element.iter("table", "pre", *_HEADINGS), None) is not None:
            return None
        return [Block("list", "\n".join(_items(element, 0)))]
    if tag == "table" and _is_data_table(element):
        caption = element.find("caption")
        blocks = [Block("paragraph", _text_of(caption))] if caption is not None else []
        block = _table(element)
        return [*blocks, block] if block is not None else blocks
    return None


def _is_data_table(element: Any) -> bool:
    if next((t for t in element.iter("table") if t is not element), None) is not None:
        return False
    if next(element.iter("pre", *_HEADINGS), None) is not None or element.get("role") == "presentation":
        return False
    return any(len(row) > 1 for row in element.iter("tr"))


def _table(element: Any) -> Block | None:
    rows: list[list[Cell]] = []
    n_header_rows = 0
    for row in element.iter("tr"):
        cells = [
            Cell(_text_of(cell).replace("\n", " "), _span(cell, "colspan"), _span(cell, "rowspan"), cell.tag == "th")
            for cell in row
            if cell.tag in ("td", "th")
        ]
        if cells:
            rows.append(cells)
            parent = row.getparent()
            if parent is not None and parent.tag == "thead" and n_header_rows == len(rows) - 1:
                n_header_rows += 1
    return table_block(rows, n_header_rows)


def _span(cell: Any, name: str) -> int:
    try:
        return max(1, min(int(cell.get(name) or 1), 1000))
    except ValueError:
        return 1


def _items(element: Any, depth: int) -> Iterator[str]:
    number = 0
    for child in element:
        if child.tag in ("ul", "ol", "menu"):
            yield from _items(child, depth + 1)
        elif child.tag == "li":
            number += 1
            nested = [e for e in child.iter("ul", "ol", "menu") if next(e.iterancestors("li")) is child]
            text = _text_of(child, without=nested)
            if text:
                mark = f"{number}." if element.tag == "ol" else "-"
                yield "  " * depth + f"{mark} " + text.replace("\n", " ")
            for inner in nested:
                yield from _items(inner, depth + 1)


def _text_of(element: Any, without: Iterable[Any] = ()) -> str:
    """The text inside an element on as few lines as it has line breaks."""
    parts: list[str] = []
    left_out = list(without)

    def collect(current: Any) -> None:
        if not isinstance(current.tag, str) or any(current is other for other in left_out):
            return
        if current.tag == "br" or (current.tag in _BLOCKS and current is not element):
            parts.append("\n")
        parts.append(_soft(current.text))
        for child in current:
            collect(child)
            parts.append(_soft(child.tail))

    collect(element)
    return _collapsed("".join(parts))


def _soft(text: str | None) -> str:
    if not text:
        return ""
    text = _SPACE.sub(" ", text)  # first: on long runs of spaces the other pattern would be slow
    return _SOFT_BREAK.sub(_SOFT, text) if "\n" in text else text


def _collapsed(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        joined = ""
        for piece in line.split(_SOFT):
            stripped = piece.strip(" ")
            if not stripped:
                joined += " " if piece and joined and not joined.endswith(" ") else ""
                continue
            edge = glue(joined, stripped) if joined and not joined.endswith(" ") else ""
            joined += edge + stripped
        if joined.strip():
            lines.append(_SPACE.sub(" ", joined).strip())
    return "\n".join(lines)
