"""Books: the chapters in the order of their spine, under the headings that they or the table of contents give.

Knows no pictures, no layout and no protection against copying, which it refuses.
"""

import codecs
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import decoded
from qianxun.documents.formats.html import blocks_of_html
from qianxun.documents.formats.packages import Package, attribute, child, descendants, local, opened_package, resolved
from qianxun.documents.formats.packages import unreadable as unreadable_file
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

_CHAPTERS: Final = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")
# Scrambled fonts are in many free books: EPUB 3.3, 4.3, and Adobe's older way.
_FONTS_ONLY: Final = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_ENTITY: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_ENTITIES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_DECLARED: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_PROLOGUE: Final = re.compile(r"\A\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*(?:<!DOCTYPE[^>\[]*>)?", re.DOTALL)
_READ_AS: Final = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "iso-8859-1": "cp1252"}
_HEADINGS: Final = tuple(f"h{i}" for i in range(1, 7))
_MAX_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the table of contents: where it points and how deep it stands, from 1."""

    path: str
    anchor: str
    title: str
    level: int


class EpubLoader:
    """Reads `.epub`."""

    suffixes = (".epub",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The chapters in reading order as one document. A block's location is its chapter's title, else its place."""
        with opened_package(file, settings) as package:
            _refuse_protected(package)
            book = _Book(package)
            blocks = list(book.blocks())
        yield RawDocument(file.name, book.title or file.stem, "epub", blocks)


def _refuse_protected(package: Package) -> None:
    root = package.xml("META-INF/encryption.xml")
    for method in descendants(root, "EncryptionMethod") if root is not None else ():
        # A key of its own may be encrypted beside the data: only what is done to the data counts.
        if local(method.getparent()) == "EncryptedData" and attribute(method, "Algorithm") not in _FONTS_ONLY:
            raise UnreadableDocument(
                "{path} is protected against copying (DRM).",
                remedy="Add a copy without protection.",
                path=package.file.name,
            )


class _Book:
    """What the package document says: title, chapters in order, and where the table of contents is."""

    def __init__(self, package: Package) -> None:
        self.package = package
        path = _package_document(package)
        root = package.required(path)
        named = next((one_line("".join(e.itertext())) for e in descendants(root, "title")), "")
        self.title = named
        manifest, spine = child(root, "manifest"), child(root, "spine")
        if manifest is None or spine is None:
            raise unreadable_file(package.file, "it has no list of chapters")
        items = {attribute(item, "id"): item for item in manifest}
        paths = {name: resolved(path, unquote(attribute(item, "href"))) for name, item in items.items()}
        self.chapters = [
            paths[name]
            for name in dict.fromkeys(attribute(reference, "idref") for reference in spine)
            if name in items
            and attribute(items[name], "media-type") in _CHAPTERS
            and "nav" not in attribute(items[name], "properties").split()
        ]
        self.contents = list(self._contents(items, paths, attribute(spine, "toc")))

    def _contents(self, items: dict[str, Any], paths: dict[str, str], ncx: str) -> Iterator[_Entry]:
        nav = next((name for name, item in items.items() if "nav" in attribute(item, "properties").split()), "")
        if nav and paths[nav] in self.package:
            root = _tree(self.package, paths[nav])
            lists = list(descendants(root, "nav")) if root is not None else []
            lists = [one for one in lists if "toc" in attribute(one, "type").split()] or lists[:1]
            found = [entry for one in lists for entry in _of_nav(one, paths[nav], 0)]
            if found:
                yield from found
                return
        by_kind = (name for name, item in items.items() if attribute(item, "media-type") == "application/x-dtbncx+xml")
        name = ncx if ncx in items else next(by_kind, "")
        root = self.package.xml(paths[name]) if name else None
        points = child(root, "navMap") if root is not None else None
        if points is not None:
            yield from _of_ncx(points, paths[name], 1)

    def blocks(self) -> Iterator[Block]:
        by_path: dict[str, list[_Entry]] = {}
        for entry in self.contents:
            by_path.setdefault(entry.path.lower(), []).append(entry)
        n_read = 0
        before = ""
        for number, path in enumerate(self.chapters, start=1):
            root = _tree(self.package, path)
            if root is None:
                continue
            n_read += 1
            entries = by_path.get(path.lower(), [])
            if next(root.iter(*_HEADINGS), None) is None:
                _mark_headings(root, entries)
            blocks = list(blocks_of_html(_as_html(root)))
            heading = next((block.text for block in blocks if block.kind == "heading"), "")
            own = entries[0].title if entries else one_line(heading)
            # A long chapter may lie in several files, of which the table of contents names the first.
            before = own or before
            for block in blocks:
                yield replace(block, location=before or f"section {number}")
        if self.chapters and not n_read:
            raise unreadable_file(self.package.file, "none of its chapters is in it")


def _package_document(package: Package) -> str:
    container = package.required("META-INF/container.xml")
    files = list(descendants(container, "rootfile"))
    own = [one for one in files if attribute(one, "media-type") == "application/oebps-package+xml"] or files
    if not own:
        raise unreadable_file(package.file, "its container names no book")
    return resolved("", unquote(attribute(own[0], "full-path")))


def _of_nav(parent: Any, path: str, level: int) -> Iterator[_Entry]:
    for element in parent:
        name = local(element)
        if name == "ol":
            yield from _of_nav(element, path, level + 1)
        elif name == "a" and attribute(element, "href"):
            yield _entry(path, attribute(element, "href"), "".join(element.itertext()), level)
        elif name:
            yield from _of_nav(element, path, level)


def _of_ncx(parent: Any, path: str, level: int) -> Iterator[_Entry]:
    for point in parent:
        if local(point) != "navPoint":
            continue
        label, content = child(point, "navLabel", "text"), child(point, "content")
        if label is not None and content is not None:
            yield _entry(path, attribute(content, "src"), label.text or "", level)
        yield from _of_ncx(point, path, level + 1)


def _entry(base: str, href: str, title: str, level: int) -> _Entry:
    target, _, anchor = href.partition("#")
    path = resolved(base, unquote(target)) if target else base
    return _Entry(path, unquote(anchor), one_line(title), min(max(level, 1), _MAX_LEVEL))


def _tree(package: Package, path: str) -> Any | None:
    """A chapter's tree, without namespaces; None if it is not there or empty.

    As XML, as it should be: to an HTML parser `<title/>` opens a title that never ends. As HTML, where it is no XML.
    """
    from lxml import etree

    data = package.read(path)
    if data is None:
        return None
    text = _PROLOGUE.sub("", _text(package, path, data), count=1)
    if not text.strip() or "<!ENTITY" in text[:4096]:
        return None if not text.strip() else _tree_of_html(text)
    strict = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(_ENTITY.sub(_character, text).encode("utf-8", "replace"), strict)
    except (etree.XMLSyntaxError, ValueError):
        return _tree_of_html(text)
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = local(element).lower()
    etree.cleanup_namespaces(root)
    return root


def _tree_of_html(text: str) -> Any | None:
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        return etree.fromstring(text.replace("\x00", "").encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _character(found: "re.Match[str]") -> str:
    name = found.group(1)
    return found.group(0) if name in _XML_ENTITIES else html.unescape(found.group(0))


def _text(package: Package, path: str, data: bytes) -> str:
    if not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            declared = _DECLARED.search(data[:400])
        name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
        if name not in ("utf-8", "utf8"):
            try:
                return data.decode(_READ_AS.get(name, name))
            except (UnicodeDecodeError, LookupError):
                pass
    return decoded(package.file.member(path, data), data, package.settings)


def _mark_headings(root: Any, entries: list[_Entry]) -> None:
    """Makes headings of what the table of contents points to, in a chapter that has none of its own."""
    from lxml import etree

    body = next(root.iter("body"), root)
    by_id = {element.get("id"): element for element in body.iter() if element.get("id")}
    by_text: dict[str, list[Any]] = {}
    for element in body.iter("p", "div"):
        if child(element, "p") is None and child(element, "div") is None:
            by_text.setdefault(one_line("".join(element.itertext())), []).append(element)
    for entry in reversed(entries):  # each goes to the front of what it names: the last first
        if not entry.title:
            continue
        target = by_id.get(entry.anchor, body)
        shown = next((element for element in by_text.get(entry.title, ()) if _belong(element, target)), None)
        if shown is not None:
            shown.tag = f"h{entry.level}"
            continue
        heading = etree.Element(f"h{entry.level}")
        heading.text = entry.title
        if target is body:
            heading.tail, body.text = body.text, None
            body.insert(0, heading)
        else:
            target.addprevious(heading)


def _belong(element: Any, target: Any) -> bool:
    """Whether one is the other, or lies in it."""
    return element is target or target in element.iterancestors() or element in target.iterancestors()


def _as_html(root: Any) -> str:
    from lxml import etree

    return str(etree.tostring(root, encoding="unicode", method="html", with_tail=False))
