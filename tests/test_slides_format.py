"""Slides: order, titles, reading order, bullets, tables, charts, diagrams, notes; broken and hostile files."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from qianxun.documents.formats.slides import Place, SlidesLoader, in_reading_order
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
D = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
NAMES = f'xmlns:a="{A}" xmlns:p="{P}" xmlns:r="{R}"'


def relations(*pairs: tuple[str, str]) -> str:
    """A part's relations rId1, rId2, …: (kind, target)."""
    inner = "".join(
        f'<Relationship Id="rId{i}" Type="{R}/{kind}" Target="{target}"/>' for i, (kind, target) in enumerate(pairs, 1)
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inner}</Relationships>'
    )


def para(text: str, properties: str = "") -> str:
    return f"<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>"


def shape(*paragraphs: str, kind: str | None = None, at: tuple[int, int] | None = None, height: int = 100) -> str:
    """A text box; `kind` makes it a placeholder ("" is one without a type); `at` is x, y."""
    holder = "" if kind is None else f'<p:ph type="{kind}"/>' if kind else '<p:ph idx="1"/>'
    place = f'<a:xfrm><a:off x="{at[0]}" y="{at[1]}"/><a:ext cx="100" cy="{height}"/></a:xfrm>' if at else ""
    return (
        f"<p:sp><p:nvSpPr><p:nvPr>{holder}</p:nvPr></p:nvSpPr><p:spPr>{place}</p:spPr>"
        f"<p:txBody><a:bodyPr/>{''.join(paragraphs)}</p:txBody></p:sp>"
    )


def slide(*shapes: str, attributes: str = "") -> str:
    return f"<p:sld {NAMES} {attributes}><p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld></p:sld>"


def deck(*slides: str, order: list[int] | None = None, parts: dict[str, str] | None = None) -> bytes:
    """A presentation; `order` lists the slides as shown, by their number in `slides`."""
    order = order or list(range(1, len(slides) + 1))
    listed = "".join(f'<p:sldId id="{255 + i}" r:id="rId{n}"/>' for i, n in enumerate(order, 1))
    files: dict[str, str | bytes] = {
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(
            *(("slide", f"slides/slide{n}.xml") for n in range(1, len(slides) + 1))
        ),
        **{f"ppt/slides/slide{n}.xml": text for n, text in enumerate(slides, 1)},
        **(parts or {}),
    }
    return packed(files)


def packed(files: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def loaded(data: bytes, name: str = "季度汇报.pptx", settings: ReadingSettings | None = None) -> RawDocument:
    (raw,) = SlidesLoader().load(RawFile.of_bytes(name, data), settings or ReadingSettings())
    assert isinstance(raw, RawDocument)
    return raw


def blocks(data: bytes) -> list[Block]:
    return list(loaded(data).blocks)


def shapes_of(data: bytes) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks(data)]


def frame(inner: str, kind: str = "x") -> str:
    return (
        f'<p:graphicFrame><a:graphic><a:graphicData uri="{kind}">{inner}</a:graphicData></a:graphic></p:graphicFrame>'
    )


def test_slides_come_in_the_order_shown_with_hidden_ones() -> None:
    data = deck(
        slide(shape(para("第二页：付款"), kind="title"), shape(para("先付一半。"))),
        slide(shape(para("Overview of the 臺北 office"), kind="ctrTitle"), shape(para("Ｑ３ 收入 growth, 12％"))),
        slide(shape(para("隱藏的一頁"), kind="title"), shape(para("繁體內容。")), attributes='show="0"'),
        order=[2, 1, 3],
    )
    raw = loaded(data)
    assert [(b.kind, b.level, b.text, b.location) for b in raw.blocks] == [
        ("heading", 1, "Overview of the 臺北 office", "slide 1"),
        ("paragraph", 0, "Ｑ３ 收入 growth, 12％", "slide 1"),
        ("heading", 1, "第二页：付款", "slide 2"),
        ("paragraph", 0, "先付一半。", "slide 2"),
        ("heading", 1, "隱藏的一頁", "slide 3"),
        ("paragraph", 0, "繁體內容。", "slide 3"),
    ]
    assert (raw.title, raw.format, raw.pages) == ("Overview of the 臺北 office", "pptx", None)


def test_a_slide_of_pictures_has_no_blocks_and_no_page() -> None:
    raw = loaded(deck(slide("<p:pic/>"), slide(shape(para("合同"), kind="title"))))
    assert raw.pages is None
    assert [(b.text, b.page, b.location) for b in raw.blocks] == [("合同", None, "slide 2")]


def test_boxes_are_read_from_top_to_bottom_and_left_to_right() -> None:
    data = deck(
        slide(
            shape(para("右 right"), at=(500, 110)),
            shape(para("下面"), at=(0, 400)),
            shape(para("左 left"), at=(0, 100)),
            shape(para("标题"), kind="title", at=(0, 900)),
        )
    )
    assert [text for _, text in shapes_of(data)] == ["标题", "左 left", "右 right", "下面"]


def test_grouped_shapes_stand_where_their_group_puts_them() -> None:
    group = (
        "<p:grpSp><p:grpSpPr><a:xfrm><a:off x='0' y='500'/><a:ext cx='100' cy='100'/><a:chOff x='0' y='0'/>"
        "<a:chExt cx='1000' cy='1000'/></a:xfrm></p:grpSpPr>"
        f"{shape(para('组内二'), at=(0, 900), height=100)}{shape(para('组内一'), at=(0, 0), height=100)}</p:grpSp>"
    )
    data = deck(slide(shape(para("标题"), kind="title"), group, shape(para("上面"), at=(0, 100))))
    assert [text for _, text in shapes_of(data)] == ["标题", "上面", "组内一", "组内二"]


def test_places_without_numbers_follow_what_came_before() -> None:
    placed = [(Place(0, 300, 10), "c"), (None, "d"), (Place(0, 0, 10), "a"), (None, "b")]
    assert in_reading_order(placed) == ["a", "b", "c", "d"]
    assert in_reading_order([(None, 1), (None, 2)]) == [1, 2]


def test_bullets_keep_their_levels_and_numbers() -> None:
    number = '<a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr>'
    chinese = '<a:pPr><a:buAutoNum type="ea1ChsPeriod" startAt="11"/></a:pPr>'
    data = deck(
        slide(
            shape(para("目录 Contents"), kind="title"),
            shape(
                para("总则"),
                para("适用範圍", '<a:pPr lvl="1"/>'),
                para("说明。", "<a:pPr><a:buNone/></a:pPr>"),
                kind="",
            ),
            shape(para("first", number), para("第二", number), para("十一", chinese), para("十二", chinese)),
        )
    )
    assert shapes_of(data)[1:] == [
        ("list", "- 总则\n  - 适用範圍"),
        ("paragraph", "说明。"),
        ("list", "1. first\n2. 第二\n十一. 十一\n十二. 十二"),
    ]


def test_layout_says_where_a_placeholder_stands_and_that_it_has_no_bullets() -> None:
    layout = (
        f"<p:sldLayout {NAMES}><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph idx='1'/></p:nvPr></p:nvSpPr><p:spPr>"
        "<a:xfrm><a:off x='0' y='900'/><a:ext cx='1' cy='10'/></a:xfrm></p:spPr><p:txBody><a:lstStyle><a:lvl1pPr>"
        "<a:buNone/></a:lvl1pPr></a:lstStyle></p:txBody></p:sp></p:spTree></p:cSld></p:sldLayout>"
    )
    data = deck(
        slide(shape(para("标题"), kind="title"), shape(para("在下面。"), kind=""), shape(para("above"), at=(0, 10))),
        parts={
            "ppt/slides/_rels/slide1.xml.rels": relations(("slideLayout", "../slideLayouts/slideLayout1.xml")),
            "ppt/slideLayouts/slideLayout1.xml": layout,
        },
    )
    assert shapes_of(data)[1:] == [("paragraph", "above"), ("paragraph", "在下面。")]


def test_text_is_what_is_shown() -> None:
    inner = (
        '<a:p><a:r><a:t>甲方</a:t></a:r><a:br/><a:r><a:t>乙方</a:t></a:r><a:fld type="slidenum"><a:t>7</a:t></a:fld>'
        '<a:fld type="datetime1"><a:t>2025年</a:t></a:fld></a:p>'
    )
    data = deck(
        slide(
            shape(para("标题"), kind="title"),
            shape(inner),
            shape(para("第 1 页"), kind="sldNum"),
            shape(para("内部资料"), kind="ftr"),
        )
    )
    assert shapes_of(data) == [("heading", "标题"), ("paragraph", "甲方\n乙方2025年")]


def test_alternate_content_is_read_once() -> None:
    both = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice>'
        f"{shape(para('新的'))}</mc:Choice><mc:Fallback>{shape(para('旧的'))}</mc:Fallback></mc:AlternateContent>"
    )
    assert shapes_of(deck(slide(both))) == [("paragraph", "新的")]


def test_tables_repeat_merged_cells() -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<a:tc {attributes}><a:txBody>{para(text)}</a:txBody></a:tc>"

    def row(*cells: str) -> str:
        return f"<a:tr>{''.join(cells)}</a:tr>"

    table = (
        '<a:tbl><a:tblPr firstRow="1"/><a:tblGrid><a:gridCol/><a:gridCol/><a:gridCol/></a:tblGrid>'
        + row(cell("名称"), cell("價格 Price", 'gridSpan="2"'), cell("", 'hMerge="1"'))
        + row(cell("法兰", 'rowSpan="2"'), cell("１"), cell("2"))
        + row(cell("", 'vMerge="1"'), cell("3"), cell("4"))
        + "</a:tbl>"
    )
    found = blocks(deck(slide(shape(para("价格表"), kind="title"), frame(table))))
    assert (found[1].kind, found[1].text) == (
        "table",
        "名称 | 價格 Price | 價格 Price\n法兰 | １ | 2\n法兰 | 3 | 4",
    )
    assert (found[1].header_lines, found[1].location) == (1, "slide 1")


def test_notes_follow_their_slide() -> None:
    notes = (
        f"<p:notes {NAMES}><p:cSld><p:spTree>{shape(para('1'), kind='sldNum')}"
        f"{shape(para('讲解：先说结论。'), para('Then the numbers.'), kind='body')}</p:spTree></p:cSld></p:notes>"
    )
    data = deck(
        slide(shape(para("一"), kind="title"), shape(para("正文。"))),
        slide(shape(para("二"), kind="title")),
        parts={
            "ppt/slides/_rels/slide1.xml.rels": relations(("notesSlide", "../notesSlides/notesSlide1.xml")),
            "ppt/notesSlides/notesSlide1.xml": notes,
        },
    )
    assert [(b.text, b.location) for b in blocks(data)] == [
        ("一", "slide 1"),
        ("正文。", "slide 1"),
        ("讲解：先说结论。", "slide 1"),
        ("Then the numbers.", "slide 1"),
        ("二", "slide 2"),
    ]


def test_diagrams_and_charts_are_read() -> None:
    data_part = (
        f'<dgm:dataModel xmlns:dgm="{D}" xmlns:a="{A}"><dgm:ptLst><dgm:pt><dgm:t>'
        f"{para('数据里的顺序')}</dgm:t></dgm:pt></dgm:ptLst>"
        '<dsp:dataModelExt xmlns:dsp="http://schemas.microsoft.com/office/drawing/2008/diagram" '
        'relId="rId2"/></dgm:dataModel>'
    )
    drawing = (
        f'<dsp:drawing xmlns:dsp="http://schemas.microsoft.com/office/drawing/2008/diagram" xmlns:a="{A}">'
        f"<dsp:sp><dsp:txBody>{para('申请')}</dsp:txBody></dsp:sp><dsp:sp><dsp:txBody>{para('核准 Approve')}"
        "</dsp:txBody></dsp:sp></dsp:drawing>"
    )
    points = "".join(f'<c:pt idx="{i}"><c:v>{v}</c:v></c:pt>' for i, v in enumerate(("一季度", "二季度")))
    numbers = "".join(f'<c:pt idx="{i}"><c:v>{v}</c:v></c:pt>' for i, v in enumerate((10, 12.5)))
    chart = (
        f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}"><c:chart><c:title><c:tx><c:rich>'
        f"{para('收入 Revenue')}</c:rich></c:tx>"
        '</c:title><c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>台北</c:v></c:pt>'
        f"</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache>{points}</c:strCache></c:strRef></c:cat><c:val>"
        f"<c:numRef><c:numCache>{numbers}</c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>"
        "</c:chartSpace>"
    )
    parts = {
        "ppt/slides/_rels/slide1.xml.rels": relations(
            ("diagramData", "../diagrams/data1.xml"),
            ("diagramDrawing", "../diagrams/drawing1.xml"),
            ("chart", "../charts/chart1.xml"),
        ),
        "ppt/diagrams/data1.xml": data_part,
        "ppt/diagrams/drawing1.xml": drawing,
        "ppt/charts/chart1.xml": chart,
    }
    one = slide(
        shape(para("流程"), kind="title"),
        frame(f'<dgm:relIds xmlns:dgm="{D}" r:dm="rId1"/>'),
        frame(f'<c:chart xmlns:c="{C}" r:id="rId3"/>'),
    )
    assert shapes_of(deck(one, parts=parts))[1:] == [
        ("list", "- 申请\n- 核准 Approve"),
        ("paragraph", "收入 Revenue"),
        ("table", "| 台北\n一季度 | 10\n二季度 | 12.5"),
    ]
    del parts["ppt/diagrams/drawing1.xml"]
    assert shapes_of(deck(one, parts=parts))[1] == ("list", "- 数据里的顺序")


def test_first_short_line_stands_for_a_missing_title() -> None:
    data = deck(slide(shape(para("售後服務"), at=(0, 0)), shape(para("七天内答复。"), at=(0, 500))))
    raw = loaded(data)
    assert [(b.kind, b.text) for b in raw.blocks] == [("heading", "售後服務"), ("paragraph", "七天内答复。")]
    assert raw.title == "售後服務"


def test_title_falls_back_to_properties_and_file_name() -> None:
    core = '<cp:p xmlns:cp="x" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>年度计划</dc:title></cp:p>'
    only = slide(shape(para("没有标题的一段。")))
    assert loaded(deck(only, parts={"docProps/core.xml": core})).title == "年度计划"
    assert loaded(deck(only)).title == "季度汇报"


def test_strict_documents_and_capital_names_are_read() -> None:
    data = deck(slide(shape(para("严格 strict"), kind="title")))
    files: dict[str, str | bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            text = text.replace(
                "http://schemas.openxmlformats.org/officeDocument/2006", "http://purl.oclc.org/ooxml/officeDocument"
            )
            files[name.replace("slide1", "Slide1")] = text.replace(A, "http://purl.oclc.org/ooxml/drawingml/main")
    assert shapes_of(packed(files)) == [("heading", "严格 strict")]


def test_a_slide_listed_often_is_read_once() -> None:
    assert len(blocks(deck(slide(shape(para("一"), kind="title")), order=[1] * 1000))) == 1


EXPANDING = '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data, says",
    [
        (b"PK\x03\x04 broken", r"季度汇报\.pptx is not a readable \.pptx file \("),
        (b"hello", r"is not a readable \.pptx file \("),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"is encrypted, or an old Office file named \.pptx"),
        (b"%PDF-1.4", r"looks like a PDF, but is named \.pptx"),
        (packed({"a.txt": "x"}), r"there is no ppt/presentation\.xml in it"),
        (packed({"ppt/presentation.xml": "<workbook/>"}), "its main part is a workbook"),
        (packed({"ppt/presentation.xml": "<p:x"}), r"is not a readable \.pptx file"),
        (packed({"ppt/presentation.xml": EXPANDING + "<presentation>&b;</presentation>"}), "it declares entities"),
        (deck(slide(), order=[7]), "slide 1 is missing"),
        (packed({"ppt/presentation.xml": (EXPANDING + "<presentation/>").encode("utf-16")}), "it declares entities"),
    ],
)
def test_unreadable_files_say_why(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        loaded(data)


def test_what_unpacks_to_too_much_is_refused() -> None:
    settings = ReadingSettings(max_memory_mb=128)
    huge = slide(shape(para("大" * 6_000_000)))
    with pytest.raises(UnreadableDocument, match=r"too large unpacked: ppt/slides/slide1\.xml goes beyond 16 MB"):
        loaded(deck(huge), settings=settings)
    many = [slide(shape(para("大" * 100_000))) for _ in range(4)]
    with pytest.raises(UnreadableDocument, match="goes beyond 1 MB"):
        loaded(deck(*many), settings=ReadingSettings(max_unpacked_mb=1))


def test_nesting_without_end_is_refused() -> None:
    group = "<p:grpSp>" * 3000 + "</p:grpSp>" * 3000
    with pytest.raises(UnreadableDocument):
        loaded(deck(slide(group)))


def test_encrypted_parts_say_so() -> None:
    data = bytearray(deck(slide(shape(para("密"), kind="title"))))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    with pytest.raises(UnreadableDocument, match="is encrypted"):
        loaded(bytes(data))


def test_damage_is_an_error_and_never_a_crash() -> None:
    whole = deck(
        slide(
            shape(para("标题 Title"), kind="title"), shape(para("内容。"), para("臺灣", '<a:pPr lvl="1"/>'), kind="")
        ),
        slide(frame(f"<a:tbl><a:tr><a:tc gridSpan='2'><a:txBody>{para('格')}</a:txBody></a:tc></a:tr></a:tbl>")),
    )
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
            blocks(bytes(data))
        except UnreadableDocument:
            refused += 1
    assert refused > 100


def test_file_on_disk_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "会议.pptm"
    path.write_bytes(deck(slide(shape(para("議程"), kind="title"))))
    (raw,) = SlidesLoader().load(RawFile.on_disk(path), ReadingSettings())
    assert (raw.source, raw.title) == (str(path), "議程")
