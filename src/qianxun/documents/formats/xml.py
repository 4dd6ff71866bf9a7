"""XML: prose with its headings, records as `name: value` lines, feeds entry by entry.

What a vocabulary means is not known, only how it is built: text between elements is prose, many elements of one name
with fields in them are records. Entities are never expanded and nothing is fetched.
"""

import html
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from qianxun.documents.clean import glue, one_line
from qianxun.documents.decoding import encoding_of, looks_like, mismatch, text_pieces
from qianxun.documents.formats.html import HtmlLoader, blocks_of_html
from qianxun.documents.formats.tables import Cell, table_block
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

MAX_LINE_CHARS: Final = 200  # a longer field is a paragraph of its own
MAX_BLOCK_CHARS: Final = 8192
MAX_TITLE_CHARS: Final = 120
MAX_PROLOG_CHARS: Final = 1 << 20

_MIN_RECORDS: Final = 2
_MAX_TITLES_TRIED: Final = 20
_MAX_ATTRIBUTES: Final = 1000  # of one element
_DECLARATION: Final = re.compile(r"\A\s*<\?xml\b[^>]*\?>")
_DECLARED: Final = re.compile(rb"\A\s*<\?xml\b[^>]*?encoding\s*=\s*[\"']([\w.:-]+)")
# What browsers read for a declared name: the larger set that contains it.
_READ_AS: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "shift_jis": "cp932",
}  # fmt: skip
_MAX_DAMAGE: Final = 0.005
_SPACE: Final = re.compile(r"[ \t\r\f\v]+")
_PROLOG: Final = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE: Final = re.compile(r"<!DOCTYPE(?:[^\"'>\[]|\"[^\"]*\"|'[^']*')*[>\[]")
_SUBSET: Final = re.compile(r"<!--.*?-->|<\?.*?\?>|<!ENTITY|\"[^\"]*\"|'[^']*'|\]", re.DOTALL)

_HEADINGS: Final = frozenset("title head heading article-title h1 h2 h3 h4 h5 h6 标题 標題".split())
_PARAGRAPHS: Final = frozenset("p para simpara formalpara ab 段落 段".split())
_SECTIONS: Final = frozenset("section sec sect1 sect2 sect3 sect4 sect5 chapter div div1 div2 div3 章 节 節".split())
_PROSE: Final = _PARAGRAPHS | _SECTIONS
_LISTS: Final = frozenset("itemizedlist orderedlist variablelist simplelist list ul ol dl".split())
_ITEMS: Final = frozenset("listitem list-item varlistentry member item li".split())
_CODE: Final = frozenset("programlisting screen literallayout code-block codeblock preformat pre".split())
_TABLES: Final = frozenset("table informaltable tgroup".split())
_CELLS: Final = frozenset("td th entry cell".split())
_WORDY: Final = frozenset("name title label alt summary description caption text 名称 名稱 标题 標題 说明 說明".split())
_CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ENTRY_LINES: Final = ("author", "creator", "pubDate", "published", "updated", "date", "category", "link")
_ENTRY_CONTENT: Final = ("encoded", "content", "description", "summary")


class XmlLoader:
    """Reads `.xml`, and feeds: `.rss`, `.atom`."""

    suffixes = (".xml", ".rss", ".atom")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document; it is held in memory as a tree, some five times its size.

        Records are located as `book 17`, paragraphs as `line 17`. Raises UnreadableDocument for damage, and for
        entities of the file's own.
        """
        root = _root(file, settings)
        kind = _name(root)
        if kind == "html":
            yield from HtmlLoader().load(file, settings)
            return
        entries = _entries(root)
        if entries is not None:
            channel = next((e for e in root if _name(e) == "channel"), root)
            title = _one_line_of(next((e for e in channel if _name(e) == "title"), None))
            yield RawDocument(file.name, title or file.stem, "feed", _feed(channel, entries))
            return
        yield RawDocument(file.name, _title(root) or file.stem, "xml", _blocks(root))


def _root(file: RawFile, settings: ReadingSettings) -> Any:
    from lxml import etree

    parser = etree.XMLParser(
        encoding="utf-8",  # as it is fed, whatever the file declares
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for piece in _checked(file, _pieces(file, settings)):
            parser.feed(piece.encode("utf-8", "replace"))
        return parser.close()
    except etree.XMLSyntaxError as error:
        line, column = error.position
        what = (error.msg or "it is empty").partition(", line ")[0]
        raise UnreadableDocument(
            "{path} is not valid XML at line {line}, column {column} ({error}).",
            remedy="Mend it there, or write the file again.",
            path=file.name,
            line=line,
            column=column,
            error=one_line(what)[:160].rstrip(". "),
        ) from error


def _pieces(file: RawFile, settings: ReadingSettings) -> Iterator[str]:
    """The text, in the declared encoding if it is that: often the file was converted and the declaration was not."""
    head = file.head()
    what = looks_like(head)
    if what is not None:
        raise mismatch(file, what)
    declared = _DECLARED.match(head)
    name = declared.group(1).decode("ascii").lower() if declared else ""
    name = _READ_AS.get(name, name)
    if name and not name.startswith("utf") and not _is_utf8(file, settings) and _is_text_in(file, name):
        with file.open() as stream, io.TextIOWrapper(stream, name, "replace", newline="") as text:
            while piece := text.read(1 << 18):
                yield piece
    else:
        yield from text_pieces(file, settings)


def _is_utf8(file: RawFile, settings: ReadingSettings) -> bool:
    try:
        return encoding_of(file, settings) == "utf-8"
    except UnreadableDocument:
        return False


def _is_text_in(file: RawFile, encoding: str) -> bool:
    chars = damaged = 0
    try:
        with file.open() as stream, io.TextIOWrapper(stream, encoding, "replace", newline="") as text:
            while piece := text.read(1 << 18):
                chars += len(piece)
                damaged += piece.count("\ufffd") + piece.count("\x00")
    except LookupError:  # no such encoding
        return False
    return damaged <= chars * _MAX_DAMAGE


def _checked(file: RawFile, pieces: Iterator[str]) -> Iterator[str]:
    """The pieces without the XML declaration. Raises UnreadableDocument where the text declares entities."""
    head = ""
    for piece in pieces:
        head += piece
        declares = _declares_entities(head.removeprefix("\ufeff"))
        if declares:
            raise UnreadableDocument(
                "{path} declares entities of its own, which are not expanded: they can be made to fill the memory.",
                remedy="If you trust the file, save it with its entities replaced.",
                path=file.name,
            )
        if declares is False:
            break
        if len(head) > MAX_PROLOG_CHARS:
            raise UnreadableDocument(
                "{path} is no XML that can be read: its first element does not come within {n} characters.",
                remedy="Open the file and look at its beginning.",
                path=file.name,
                n=MAX_PROLOG_CHARS,
            )
    # Lines keep their numbers.
    yield _DECLARATION.sub(lambda match: "\n" * match.group().count("\n"), head.removeprefix("\ufeff").lstrip(" \t"))
    yield from pieces


def _declares_entities(head: str) -> bool | None:
    """Whether entities are declared before the first element; None if the text ends before that is known."""
    at = 0
    while True:
        while match := _PROLOG.match(head, at):
            at = match.end()
        if at >= len(head) or head.startswith(("<!--", "<?"), at):
            return None
        if not head.startswith("<!DOCTYPE", at):
            # `<!` may be the beginning of a comment or of the document type.
            return None if head[at : at + 2] == "<!" and len(head) - at < len("<!DOCTYPE") else False
        doctype = _DOCTYPE.match(head, at)
        if doctype is None:
            return None
        at = doctype.end()
        if doctype.group().endswith("["):
            for found in _SUBSET.finditer(head, at):
                if found.group() == "<!ENTITY":
                    return True
                if found.group() == "]":
                    break
            else:
                return None
            return False
        return False


def _name(element: Any) -> str:
    """The element's name without its namespace; empty for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _title(root: Any) -> str:
    headings = (element for element in root.iter() if _name(element) in _HEADINGS)
    for element in itertools.islice(headings, _MAX_TITLES_TRIED):
        title = _one_line_of(element)
        if title and len(title) <= MAX_TITLE_CHARS and not _in_record(element):
            return title
    return one_line(root.get("title") or root.get("name") or "")[:MAX_TITLE_CHARS]


def _in_record(element: Any) -> bool:
    parent = element.getparent()
    above = parent.getparent() if parent is not None else None
    return above is not None and bool(_record_names(above))


# Prose


def _blocks(root: Any) -> Iterator[Block]:
    if _is_prose(root):
        yield from _prose(root, 1)
    else:
        yield from _data(root)


def _is_prose(element: Any) -> bool:
    """Whether there is text between elements, or an element that vocabularies of texts have."""
    for inner in element.iter():
        if _name(inner) in _PROSE:
            return True
        if inner is not element and (inner.tail or "").strip() and _name(inner):
            return True
    return False


def _prose(element: Any, level: int) -> Iterator[Block]:
    """The parts of an element in their order; `level` is that of its heading."""
    children = [child for child in element if _name(child)]
    titled = any(_name(child) in _HEADINGS for child in children)
    yield from _words_of_attributes(element)
    for child in children:
        name = _name(child)
        where = f"line {child.sourceline}"
        if name in _HEADINGS:
            text = _text(child)
            if text:
                yield Block("heading", text.replace("\n", " "), level=min(level, 9), location=where)
        elif name in _CODE:
            yield Block("code", "".join(child.itertext()).strip("\n"), location=where)
        elif name in _TABLES and next((e for e in child.iter() if _name(e) in _CELLS), None) is not None:
            yield from _table(child, where)
        elif name in _LISTS and any(_name(item) in _ITEMS for item in child):
            items = [f"- {_text(item)}".replace("\n", " ") for item in child if _name(item)]
            yield Block("list", "\n".join(items), location=where)
        elif not _is_paragraph(child):
            if len(child):
                has_heading = any(_name(inner) in _HEADINGS for inner in child)
                is_prose = has_heading or _is_prose(child)
                yield from _prose(child, level + titled) if is_prose else _data(child)
        else:
            text = _text(child)
            if text:
                yield Block("paragraph", text, location=where)


def _is_paragraph(element: Any) -> bool:
    """Whether an element is one stretch of text: no elements in it, or text beside them."""
    if _name(element) in _PARAGRAPHS or not len(element):
        return True
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _words_of_attributes(element: Any) -> Iterator[Block]:
    lines = [
        f"{name}: {one_line(value)}"
        for name, value in _given(element)
        if (name in _WORDY or _CJK.search(value)) and value.strip()
    ]
    yield from _lines(lines, f"line {element.sourceline}")


def _table(element: Any, where: str) -> Iterator[Block]:
    rows: list[list[Cell]] = []
    n_header_rows = 0
    for row in element.iter():
        if _name(row) not in ("tr", "row"):
            continue
        cells = [
            Cell(
                _text(cell).replace("\n", " "), _number(cell, "colspan"), _number(cell, "rowspan"), _name(cell) == "th"
            )
            for cell in row
            if _name(cell) in _CELLS
        ]
        if cells:
            rows.append(cells)
            if _name(row.getparent()) == "thead" and n_header_rows == len(rows) - 1:
                n_header_rows += 1
    caption = next((e for e in element.iter() if _name(e) in ("title", "caption")), None)
    if caption is not None and _text(caption):
        yield Block("paragraph", _text(caption), location=where)
    block = table_block(rows, n_header_rows, where)
    if block is not None:
        yield block


def _number(cell: Any, name: str) -> int:
    value = cell.get(name) or ""
    return max(1, min(int(value), 1000)) if value.isascii() and value.isdigit() and len(value) < 5 else 1


# Records


def _data(element: Any) -> Iterator[Block]:
    """An element with fields, not prose: its records a block each, what else is in it as lines."""
    pending: list[tuple[str, str]] = _attributes(element, "")
    records = _record_names(element)
    counts: Counter[str] = Counter()
    begins = element.sourceline
    for child in element:
        name = _name(child)
        if not name:
            continue
        begins = begins if pending else child.sourceline
        if name in records:
            yield from _written(pending, f"line {begins}")
            counts[name] += 1
            yield from _record(child, f"{name} {counts[name]}")
            pending = []
        elif _holds_records(child):
            yield from _written(pending, f"line {begins}")
            yield from _data(child)
            pending = []
        else:
            pending += _fields(child, name)
    if not len(element) and (element.text or "").strip():
        pending.append(("", _text(element)))
    yield from _written(pending, f"line {begins}")


def _record_names(element: Any) -> frozenset[str]:
    """Names of children that occur again and have fields: those are records."""
    fielded = Counter(_name(child) for child in element if len(child) or (child.attrib and _name(child)))
    return frozenset(name for name, n in fielded.items() if n >= _MIN_RECORDS)


def _holds_records(element: Any) -> bool:
    return any(_record_names(inner) for inner in element.iter() if len(inner) >= _MIN_RECORDS)


def _record(element: Any, location: str) -> Iterator[Block]:
    fields = _fields(element, "")
    if any(_is_long(text) for _, text in fields):
        heading = next((e for e in element if _name(e) in _HEADINGS or _name(e) in _WORDY), None)
        title = _one_line_of(heading)
        if title and len(title) <= MAX_TITLE_CHARS:
            yield Block("heading", title, level=1, location=location)
            fields = [field for field in fields if field != (_name(heading), title)]
    yield from _written(fields, location)


def _fields(element: Any, prefix: str) -> list[tuple[str, str]]:
    """Every text in an element and its attributes, named by what is around it."""
    found = _attributes(element, prefix)
    if _is_paragraph(element):
        text = _text(element)
        return [*found, (prefix, text)] if text else found
    for child in element:
        name = _name(child)
        if name:
            found += _fields(child, f"{prefix}.{name}" if prefix else name)
    return found


def _attributes(element: Any, prefix: str) -> list[tuple[str, str]]:
    return [
        (f"{prefix}.{name}" if prefix else name, one_line(value)) for name, value in _given(element) if value.strip()
    ]


def _given(element: Any) -> list[tuple[str, str]]:
    """Attributes without those of namespaces, which are for programs; not too many, as each costs all before it."""
    names = itertools.islice(element.keys(), _MAX_ATTRIBUTES)
    return [(name, element.get(name) or "") for name in names if not name.startswith("{")]


def _is_long(text: str) -> bool:
    return len(text) > MAX_LINE_CHARS or "\n" in text


def _written(fields: Iterable[tuple[str, str]], location: str) -> Iterator[Block]:
    lines: list[str] = []
    chars = 0
    for name, text in fields:
        line = f"{name}: {text}" if name else text
        if _is_long(text) or chars + len(line) > MAX_BLOCK_CHARS:
            yield from _lines(lines, location)
            chars = 0
        if _is_long(text):
            yield Block("paragraph", line, location=location)
        else:
            lines.append(line)
            chars += len(line) + 1
    yield from _lines(lines, location)


def _lines(lines: list[str], location: str) -> Iterator[Block]:
    if lines:
        yield Block("list", "\n".join(lines), location=location)
        lines.clear()


# Feeds


def _entries(root: Any) -> list[Any] | None:
    """The entries of an RSS or Atom feed, or None for what is none."""
    kind = _name(root)
    if kind == "feed" and "Atom" in root.tag:
        return [e for e in root if _name(e) == "entry"]
    if kind == "rss" or (kind == "RDF" and "purl.org/rss" in " ".join(str(u) for u in root.nsmap.values())):
        return [e for e in root.iter() if _name(e) == "item"]
    return None


def _feed(channel: Any, entries: list[Any]) -> Iterator[Block]:
    about = next((e for e in channel if _name(e) in ("description", "subtitle")), None)
    if _one_line_of(about):
        yield from _content(about, None)
    for n, entry in enumerate(entries, 1):
        location = f"entry {n}"
        parts: dict[str, list[Any]] = {}
        for child in entry:
            parts.setdefault(_name(child), []).append(child)
        title = _one_line_of(parts.get("title", [None])[0])
        if title:
            yield Block("heading", html.unescape(title), level=1, location=location)
        lines = []
        for name in _ENTRY_LINES:
            values = [_one_line_of(e) or one_line(e.get("term") or e.get("href") or "") for e in parts.get(name, ())]
            if any(values):
                lines.append(f"{name}: {', '.join(value for value in values if value)}")
        yield from _lines(lines, location)
        # The longest is the text itself, the others say what is in it.
        texts = [part for name in _ENTRY_CONTENT for part in parts.get(name, ())]
        if texts:
            yield from _content(max(texts, key=lambda part: len("".join(part.itertext()))), location)


def _content(element: Any, location: str | None) -> Iterator[Block]:
    """Text that is HTML, escaped or not."""
    import dataclasses

    from lxml import etree

    source = "".join(element.itertext())
    if len(element):  # XHTML within the feed
        source = "".join(etree.tostring(child, encoding="unicode") for child in element)
        source = re.sub(r"<(/?)[\w-]+:", r"<\1", source)
    for block in blocks_of_html(source):
        level = block.level + 1 if block.kind == "heading" else block.level
        yield dataclasses.replace(block, level=level, location=location)


# Text


def _one_line_of(element: Any) -> str:
    return _text(element).replace("\n", " ") if element is not None else ""


def _text(element: Any) -> str:
    """The text in an element, lines joined where they were only wrapped; parts of their own on lines of their own."""
    parts: list[str] = []
    for inner, ends in _walked(element):
        name = _name(inner)
        apart = inner is not element and (name in _PARAGRAPHS or name in _ITEMS or name in _CODE or name in _CELLS)
        if not name:  # an entity that is not declared here: HTML's names are used everywhere
            parts.append("" if ends else html.unescape(f"&{getattr(inner, 'name', '')};"))
        elif apart or name in ("br", "lb"):
            parts.append("\x1e")
        if not ends:
            parts.append((inner.text or "") if name else "")
        elif inner is not element:
            parts.append(inner.tail or "")
    lines = (_joined(line) for line in "".join(parts).split("\x1e"))
    return "\n".join(line for line in lines if line)


def _walked(element: Any) -> Iterator[tuple[Any, bool]]:
    """Each node twice: where it begins, and where it ends."""
    waiting: list[tuple[Any, bool]] = [(element, False)]
    while waiting:
        inner, ends = waiting.pop()
        yield inner, ends
        if not ends:
            waiting.append((inner, True))
            waiting += [(child, False) for child in reversed(inner)]


def _joined(text: str) -> str:
    lines = [line for line in (_SPACE.sub(" ", line).strip() for line in text.split("\n")) if line]
    joined = ""
    for line in lines:
        joined += (glue(joined, line) if joined else "") + line
    return joined
