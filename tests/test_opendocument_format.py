"""OpenDocument text and slides: headings, lists with numbers, tables, notes, changes; broken and hostile files."""

import io
import random
import zipfile

import pytest

from qianxun.documents.formats.opendocument import OpenSlidesLoader, OpenTextLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

KINDS = "office text table draw presentation style svg fo xlink dc meta chart manifest"
NAMES = " ".join(f'xmlns:{kind}="urn:{kind}"' for kind in KINDS.split())


def packed(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def content(body: str, automatic: str = "", kind: str = "text", before: str = "") -> str:
    return (
        f"{before}<office:document-content {NAMES}><office:automatic-styles>{automatic}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )


def styles(inner: str) -> str:
    return f"<office:document-styles {NAMES}><office:styles>{inner}</office:styles></office:document-styles>"


def odt(body: str, automatic: str = "", style: str = "", **parts: str) -> bytes:
    return packed({"content.xml": content(body, automatic), "styles.xml": styles(style), **parts})


def loaded(data: bytes, name: str = "合同.odt") -> RawDocument:
    loader = OpenTextLoader() if name.endswith(".odt") else OpenSlidesLoader()
    (raw,) = loader.load(RawFile.of_bytes(name, data), ReadingSettings())
    assert isinstance(raw, RawDocument)
    return raw


def shapes(data: bytes) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, block.text) for block in loaded(data).blocks]


def p(text: str, style: str = "Standard") -> str:
    return f'<text:p text:style-name="{style}">{text}</text:p>'


def h(text: str, level: int = 1) -> str:
    return f'<text:h text:outline-level="{level}">{text}</text:h>'


def items(*inner: str, style: str = "L1", more: str = "") -> str:
    listed = "".join(f"<text:list-item>{one}</text:list-item>" for one in inner)
    return f'<text:list text:style-name="{style}" {more}>{listed}</text:list>'


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}>{p(text)}</table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


COVERED = "<table:covered-table-cell/>"


def test_headings_paragraphs_and_title() -> None:
    raw = loaded(
        odt(h("采购合同") + p("甲方（Buyer）：１２％。") + h("付款", 2) + p("Pay first.") + h("細則", 3) + p("臺北"))
    )
    assert [(b.kind, b.level, b.text) for b in raw.blocks] == [
        ("heading", 1, "采购合同"),
        ("paragraph", 0, "甲方（Buyer）：１２％。"),
        ("heading", 2, "付款"),
        ("paragraph", 0, "Pay first."),
        ("heading", 3, "細則"),
        ("paragraph", 0, "臺北"),
    ]
    assert (raw.title, raw.format, raw.pages) == ("采购合同", "odt", None)


def test_title_falls_back_to_properties_and_file_name() -> None:
    meta = (
        f"<office:document-meta {NAMES}><office:meta><dc:title>框架合同</dc:title></office:meta></office:document-meta>"
    )
    assert loaded(odt(p("正文。"), **{"meta.xml": meta})).title == "框架合同"
    assert loaded(odt(p("正文。"))).title == "合同"


def test_title_style_stands_above_all_headings_also_by_its_children() -> None:
    own = '<style:style style:name="P1" style:family="paragraph" style:parent-style-name="Title"/>'
    named = '<style:style style:name="条款" style:family="paragraph" style:default-outline-level="2"/>'
    data = odt(p("总标题", "P1") + h("第一条") + p("条款一", "条款") + p("Clause", "Heading_20_1"), own, named)
    assert shapes(data) == [
        ("heading", 1, "总标题"),
        ("heading", 2, "第一条"),
        ("heading", 3, "条款一"),
        ("heading", 2, "Clause"),
    ]


def test_text_is_what_is_shown() -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>删去的</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        + p(
            '价格<text:s text:c="2"/>Price<text:tab/>12<text:line-break/><text:span>下一\n 行</text:span>'
            "<office:annotation><text:p>批注</text:p></office:annotation><text:change text:change-id='1'/>"
            "<text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>ㄏㄢ</text:ruby-text></text:ruby>"
        )
        + "<text:table-of-content><text:index-body><text:p>目录一</text:p></text:index-body></text:table-of-content>"
        + f"<text:section>{p('节内')}</text:section>"
    )
    assert shapes(odt(body)) == [("paragraph", 0, "价格  Price\t12\n下一 行漢"), ("paragraph", 0, "节内")]


def test_lists_are_nested_and_numbered() -> None:
    number = (
        '<text:list-style style:name="N1"><text:list-level-style-number text:level="1" '
        'style:num-format="一, 二, 三, ..." style:num-suffix="、"/>'
        '<text:list-level-style-number text:level="2" style:num-format="1" style:num-suffix="." '
        'text:display-levels="2"/></text:list-style>'
        '<text:list-style style:name="L1"><text:list-level-style-bullet text:level="1"/></text:list-style>'
    )
    inner = items(p("細項"), p("detail"), style="")
    data = odt(
        items(p("总则") + inner, p("付款"), style="N1")
        + p("之间。")
        + items(p("继续"), style="N1", more='text:continue-numbering="true"')
        + items(p("apples"), p("第一段") + p("同一项")),
        number,
    )
    assert shapes(data) == [
        ("list", 0, "一、 总则\n  一.1. 細項\n  一.2. detail\n二、 付款"),
        ("paragraph", 0, "之间。"),
        ("list", 0, "三、 继续"),
        ("list", 0, "- apples\n- 第一段 同一项"),
    ]


def test_numbers_of_headings_are_written_out() -> None:
    outline = (
        '<text:outline-style style:name="Outline"><text:outline-level-style text:level="1" style:num-format="一" '
        'style:num-prefix="第" style:num-suffix="条"/><text:outline-level-style text:level="2" style:num-format="1" '
        'text:display-levels="1"/><text:outline-level-style text:level="3" style:num-format=""/></text:outline-style>'
    )
    data = odt(h("标的") + h("品种", 2) + h("Price", 2) + h("交付") + h("時間", 2) + h("plain", 3), style=outline)
    assert [text for _, _, text in shapes(data)] == [
        "第一条 标的",
        "1 品种",
        "2 Price",
        "第二条 交付",
        "1 時間",
        "plain",
    ]


def test_tables_repeat_merged_cells_and_bound_repetition() -> None:
    table = (
        "<table:table><table:table-column/><table:table-header-rows>"
        + row(cell("名称"), cell("價格 Price", 'table:number-columns-spanned="2"'), COVERED)
        + "</table:table-header-rows>"
        + row(cell("法兰", 'table:number-rows-spanned="2"'), cell("１"), cell("2"))
        + row(COVERED, cell("3", 'table:number-columns-repeated="2"'))
        + row(cell("同", 'table:number-columns-repeated="3"'), attributes='table:number-rows-repeated="2"')
        + row(cell("", 'table:number-columns-repeated="16384"'), attributes='table:number-rows-repeated="1048576"')
        + "</table:table>"
    )
    (block,) = loaded(odt(table)).blocks
    assert block.text.split("\n") == [
        "名称 | 價格 Price | 價格 Price",
        "法兰 | １ | 2",
        "法兰 | 3 | 3",
        "同 | 同 | 同",
        "同 | 同 | 同",
    ]
    assert block.header_lines == 1


def test_hostile_repetition_stays_within_bounds() -> None:
    one = row(cell("大", 'table:number-columns-repeated="999999"'), attributes='table:number-rows-repeated="999999"')
    (block,) = loaded(odt(f"<table:table>{one * 50}</table:table>")).blocks
    assert block.text.count("\n") < 10_100
    assert len(block.text.split("\n")[0]) < 5000


def test_table_of_one_column_is_text() -> None:
    assert shapes(odt(f"<table:table>{row(cell('注意安全。'))}</table:table>")) == [("paragraph", 0, "注意安全。")]


def test_notes_and_boxes_follow_their_paragraph() -> None:
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>註釋 one</text:p>"
        "</text:note-body></text:note>"
    )
    box = f"<draw:frame><draw:text-box>{p('框里的字')}</draw:text-box><svg:title>alt</svg:title></draw:frame>"
    assert shapes(odt(p(f"正文{note}继续。{box}") + p("Next."))) == [
        ("paragraph", 0, "正文[1]继续。"),
        ("paragraph", 0, "[1] 註釋 one"),
        ("paragraph", 0, "框里的字"),
        ("paragraph", 0, "Next."),
    ]


def test_charts_are_read() -> None:
    chart = (
        f"<office:document-content {NAMES}><office:body><office:chart><chart:chart><chart:title>{p('收入 Revenue')}"
        f"</chart:title><table:table><table:table-header-rows>{row(cell(''), cell('台北'))}</table:table-header-rows>"
        f"{row(cell('一季度'), cell('10'))}</table:table></chart:chart></office:chart></office:body>"
        "</office:document-content>"
    )
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/><draw:image/></draw:frame>'
    assert shapes(odt(p(frame), **{"Object 1/content.xml": chart})) == [
        ("paragraph", 0, "收入 Revenue"),
        ("table", 0, "| 台北\n一季度 | 10"),
    ]


def frame(inner: str, x: str = "", y: str = "", kind: str = "") -> str:
    place = f'svg:x="{x}" svg:y="{y}" svg:height="1cm"' if x else ""
    return f'<draw:frame {place} presentation:class="{kind}"><draw:text-box>{inner}</draw:text-box></draw:frame>'


def test_slides_are_read_like_slides() -> None:
    notes = f"<presentation:notes>{frame(p('讲解：先说结论。'), kind='notes')}</presentation:notes>"
    table = f"<table:table>{row(cell('名称'), cell('Price'))}{row(cell('法兰'), cell('９'))}</table:table>"
    body = (
        f"<draw:page>{frame(p('右'), '10cm', '30mm')}{frame(items(p('要點'), p('point')), '1cm', '3cm', 'outline')}"
        f"{frame(p('第一页 Overview'), '1cm', '1cm', 'title')}{frame(p('3'), '1cm', '1cm', 'page-number')}{notes}"
        f"</draw:page><draw:page/><draw:page><draw:frame>{table}</draw:frame>"
        f"<draw:g><draw:custom-shape svg:x='0cm' svg:y='0cm'>{p('流程')}</draw:custom-shape></draw:g></draw:page>"
    )
    raw = loaded(packed({"content.xml": content(body, kind="presentation")}), "汇报.odp")
    assert [(b.kind, b.text, b.location) for b in raw.blocks] == [
        ("heading", "第一页 Overview", "slide 1"),
        ("list", "- 要點\n- point", "slide 1"),
        ("paragraph", "右", "slide 1"),
        ("paragraph", "讲解：先说结论。", "slide 1"),
        ("table", "名称 | Price\n法兰 | ９", "slide 3"),
        ("paragraph", "流程", "slide 3"),
    ]
    assert (raw.title, raw.format, raw.pages) == ("第一页 Overview", "odp", None)


MANIFEST = f"<manifest:manifest {NAMES}><manifest:encryption-data/></manifest:manifest>"
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    "data, says",
    [
        (b"PK\x03\x04 broken", r"合同\.odt is not a readable \.odt file \("),
        (b"hello", r"is not a readable \.odt file \("),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"is encrypted, or an old Office file named \.odt"),
        (b"%PDF-1.4", r"looks like a PDF, but is named \.odt"),
        (packed({"a.txt": "x"}), r"there is no content\.xml in it"),
        (packed({"content.xml": "<x/>"}), "there is no text in it"),
        (packed({"content.xml": content("", kind="spreadsheet")}), "there is no text in it"),
        (packed({"content.xml": content(p("&b;"), before=ENTITIES)}), "it declares entities"),
        (packed({"content.xml": "\x00\x01", "META-INF/manifest.xml": MANIFEST}), r"合同\.odt is encrypted\."),
        (odt(p("<text:span>" * 5000 + "</text:span>" * 5000)), r"nested too deeply|is not a readable"),
    ],
)
def test_unreadable_files_say_why(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        loaded(data)


def test_damage_is_an_error_and_never_a_crash() -> None:
    wide = cell("名称", 'table:number-columns-spanned="2"')
    table = f"<table:table>{row(wide, COVERED)}{row(cell('a'))}</table:table>"
    body = h("采购合同 Title") + p("臺北 mixed") + items(p("项"), items(p("内"))) + table
    whole = odt(body)
    for cut in range(0, len(whole) - 1, 61):
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
    # And where the zip file is sound, but not what is in it: numbers, names and order of elements.
    text = content(body)
    for _ in range(300):
        letters = list(text)
        for _ in range(chance.randint(1, 4)):
            letters[chance.randrange(len(letters))] = chance.choice('0-9z<>/" 大')
        try:
            loaded(packed({"content.xml": "".join(letters)}))
        except UnreadableDocument:
            refused += 1
    assert refused > 200
