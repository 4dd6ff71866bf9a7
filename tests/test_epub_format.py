"""Books: order of the spine, headings from chapters or the table of contents, protection; broken and hostile files."""

import io
import random
import zipfile

import pytest

from qianxun.documents.formats.epub import EpubLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def packed(files: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def opf(
    chapters: list[str], spine: list[int] | None = None, extra: str = "", title: str = "手册 Manual", toc: str = ""
) -> str:
    """A package document; `spine` lists chapters by their place in `chapters`."""
    items = "".join(
        f'<item id="c{i}" href="{name}" media-type="application/xhtml+xml"/>' for i, name in enumerate(chapters)
    )
    order = "".join(f'<itemref idref="c{i}"/>' for i in (range(len(chapters)) if spine is None else spine))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title><dc:language>zh</dc:language></metadata><manifest>{items}{extra}</manifest>"
        f"<spine {toc}>{order}</spine></package>"
    )


def xhtml(body: str, head: str = "<title/>") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"><head>'
        f"{head}</head><body>{body}</body></html>"
    )


def book(
    *chapters: str | bytes, spine: list[int] | None = None, parts: dict[str, str] | None = None, **more: str
) -> bytes:
    names = [f"text/c{i}.xhtml" for i in range(len(chapters))]
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": opf(names, spine, **more),
            **{f"OEBPS/{name}": data for name, data in zip(names, chapters, strict=True)},
            **(parts or {}),
        }
    )


def loaded(data: bytes) -> RawDocument:
    (raw,) = EpubLoader().load(RawFile.of_bytes("书.epub", data), ReadingSettings())
    assert isinstance(raw, RawDocument)
    return raw


def shapes(data: bytes) -> list[tuple[str, str, str | None]]:
    return [(block.kind, block.text, block.location) for block in loaded(data).blocks]


def nav(inner: str) -> str:
    return xhtml(f'<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol>{inner}</ol></nav>')


NAV_ITEM = '<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
NCX_ITEM = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'


def test_chapters_come_in_the_order_of_the_spine() -> None:
    data = book(
        xhtml("<h1>第二章　付款</h1><p>先付一半（５０％）。</p>"),
        xhtml("<h1>Chapter One</h1><p>Scope of 服务 &amp; terms.</p><ul><li>甲</li><li>B</li></ul>"),
        xhtml("<p>無標題的繁體內容。</p>"),
        spine=[1, 0, 2, 1],
    )
    raw = loaded(data)
    assert [(b.kind, b.text, b.location) for b in raw.blocks] == [
        ("heading", "Chapter One", "Chapter One"),
        ("paragraph", "Scope of 服务 & terms.", "Chapter One"),
        ("list", "- 甲\n- B", "Chapter One"),
        ("heading", "第二章　付款", "第二章 付款"),
        ("paragraph", "先付一半（５０％）。", "第二章 付款"),
        ("paragraph", "無標題的繁體內容。", "第二章 付款"),
    ]
    assert (raw.title, raw.format, raw.pages) == ("手册 Manual", "epub", None)


def test_chapter_without_any_title_is_named_by_its_place() -> None:
    assert shapes(book(xhtml("<p>封面。</p>"), xhtml("<p>Copyright</p>"))) == [
        ("paragraph", "封面。", "section 1"),
        ("paragraph", "Copyright", "section 2"),
    ]
    assert loaded(book(xhtml("<p>封面。</p>"), title="")).title == "书"


def test_table_of_contents_gives_the_headings_that_chapters_lack() -> None:
    contents = nav(
        '<li><a href="text/c0.xhtml">第一章 总则</a><ol><li><a href="text/c0.xhtml#b">适用範圍 Scope</a></li></ol></li>'
        '<li><a href="text/c1.xhtml">Chapter Two</a></li>'
    )
    data = book(
        xhtml('<p class="t">第一章 总则</p><p>甲。</p><p id="b">乙。</p>'),
        xhtml("<p>丙。</p>"),
        xhtml("<p>続き continued.</p>"),
        extra=NAV_ITEM,
        parts={"OEBPS/nav.xhtml": contents},
    )
    found = [(b.kind, b.level, b.text, b.location) for b in loaded(data).blocks]
    assert found == [
        ("heading", 1, "第一章 总则", "第一章 总则"),
        ("paragraph", 0, "甲。", "第一章 总则"),
        ("heading", 2, "适用範圍 Scope", "第一章 总则"),
        ("paragraph", 0, "乙。", "第一章 总则"),
        ("heading", 1, "Chapter Two", "Chapter Two"),
        ("paragraph", 0, "丙。", "Chapter Two"),
        ("paragraph", 0, "続き continued.", "Chapter Two"),
    ]


def test_old_table_of_contents_is_read_too() -> None:
    ncx = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>第一章</text></navLabel>'
        '<content src="text/c0.xhtml"/><navPoint><navLabel><text>第一節</text></navLabel><content src="text/c1.xhtml"/>'
        "</navPoint></navPoint></navMap></ncx>"
    )
    data = book(xhtml("<p>one</p>"), xhtml("<p>二</p>"), extra=NCX_ITEM, toc='toc="ncx"', parts={"OEBPS/toc.ncx": ncx})
    assert [(b.kind, b.level, b.text) for b in loaded(data).blocks] == [
        ("heading", 1, "第一章"),
        ("paragraph", 0, "one"),
        ("heading", 2, "第一節"),
        ("paragraph", 0, "二"),
    ]


def test_table_of_contents_in_the_spine_is_no_chapter() -> None:
    files = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": opf(["a.xhtml"], extra=NAV_ITEM).replace("<spine >", '<spine ><itemref idref="n"/>'),
        "OEBPS/a.xhtml": xhtml("<h1>甲</h1>"),
        "OEBPS/nav.xhtml": nav('<li><a href="a.xhtml">甲</a></li>'),
    }
    assert shapes(packed(files)) == [("heading", "甲", "甲")]


def test_chapters_that_are_no_sound_xml_are_read_as_html() -> None:
    data = book(xhtml("<h1>标题</h1><p>一<br>二&nbsp;三<p>four &copy; 五"), xhtml("<p>a&nbsp;b &lt;c&gt; &hellip;</p>"))
    assert [text for _, text, _ in shapes(data)] == ["标题", "一\n二\u00a0三", "four © 五", "a\u00a0b <c> …"]


def test_chapters_in_other_encodings_are_read() -> None:
    page = '<?xml version="1.0" encoding="{0}"?><html><body><p>{1}</p></body></html>'
    data = book(
        page.format("gb2312", "合同编号与付款方式，镕基。").encode("gb18030"),
        page.format("Big5", "臺北分公司的加班須事先申請。").encode("big5"),
        page.format("UTF-16", "双字节 utf-16。").encode("utf-16"),
        page.format("iso-8859-1", "中文，却说是拉丁文").encode("utf-8"),
    )
    assert [text for _, text, _ in shapes(data)] == [
        "合同编号与付款方式，镕基。",
        "臺北分公司的加班須事先申請。",
        "双字节 utf-16。",
        "中文，却说是拉丁文",
    ]


def test_names_are_resolved_and_unquoted() -> None:
    files = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": opf(["../%E7%AB%A0%20a.xhtml", "gone.xhtml"]),
        "章 a.xhtml": xhtml("<p>在上面的文件夹。</p>"),
    }
    assert shapes(packed(files)) == [("paragraph", "在上面的文件夹。", "section 1")]


def encryption(algorithm: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
        f'<enc:EncryptedData><enc:EncryptionMethod Algorithm="{algorithm}"/></enc:EncryptedData></encryption>'
    )


def test_protected_books_are_refused_and_scrambled_fonts_are_not() -> None:
    fonts = {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert shapes(book(xhtml("<p>可以读。</p>"), parts=fonts)) == [("paragraph", "可以读。", "section 1")]
    drm = {"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    with pytest.raises(UnreadableDocument, match=r"书\.epub is protected against copying \(DRM\)"):
        loaded(book(xhtml("<p>x</p>"), parts=drm))


def test_entities_of_a_chapter_are_not_expanded() -> None:
    bomb = '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    data = book(f"{bomb}<html><body><p>甲&b;乙</p></body></html>")
    assert "aaaaaaaaaa" not in "".join(text for _, text, _ in shapes(data))


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'


@pytest.mark.parametrize(
    "data, says",
    [
        (b"PK\x03\x04 broken", r"书\.epub is not a readable \.epub file \("),
        (b"hello", r"is not a readable \.epub file \("),
        (b"%PDF-1.4", r"looks like a PDF, but is named \.epub"),
        (packed({"a.txt": "x"}), r"there is no META-INF/container\.xml in it"),
        (packed({"META-INF/container.xml": "<container/>"}), "its container names no book"),
        (packed({"META-INF/container.xml": CONTAINER}), r"there is no OEBPS/book\.opf in it"),
        (packed({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": "<package/>"}), "it has no list of chapters"),
        (packed({"META-INF/container.xml": ENTITIES + CONTAINER}), "it declares entities"),
        (
            packed({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": opf(["gone.xhtml"])}),
            "none of its chapters is in it",
        ),
    ],
)
def test_unreadable_files_say_why(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        loaded(data)


def test_damage_is_an_error_and_never_a_crash() -> None:
    contents = nav('<li><a href="text/c1.xhtml#x">二</a></li>')
    chapters = (xhtml("<h1>标题 Title</h1><p>臺北 mixed。</p>"), xhtml('<p id="x">二</p><table><tr><td>a<td>b</table>'))
    whole = book(*chapters, extra=NAV_ITEM, parts={"OEBPS/nav.xhtml": contents})
    for cut in range(0, len(whole) - 1, 97):
        with pytest.raises(UnreadableDocument):
            loaded(whole[:cut])
    chance = random.Random(20250318)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            loaded(bytes(data))
        except UnreadableDocument:
            refused += 1
    assert refused > 100
    # And where the zip file is sound, but not what is in it.
    for _ in range(200):
        broken = []
        for text in (*chapters, contents):
            letters = list(text)
            letters[chance.randrange(len(letters))] = chance.choice('<>/"&; x\x00')
            broken.append("".join(letters))
        assert shapes(book(*broken[:2], extra=NAV_ITEM, parts={"OEBPS/nav.xhtml": broken[2]}))
