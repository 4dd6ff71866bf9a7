"""Word documents: order, headings, numbers, tables, tracked changes."""

from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from qianxun.documents.formats.docx import DocxLoader
from qianxun.documents.formats.numbering import Numbering, chinese_number
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings


def loaded(folder: Path, document: Any) -> RawDocument:
    path = folder / "合同.docx"
    if isinstance(document, bytes):
        path.write_bytes(document)
    else:
        document.save(str(path))
    (raw,) = DocxLoader().load(RawFile.on_disk(path), ReadingSettings())
    return raw


def shapes(document: RawDocument) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, block.text) for block in document.blocks]


def test_body_in_order_with_headings_lists_and_tables(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("采购合同", level=1)
    document.add_paragraph("甲方：澜砚仪器")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ["名称", "价格", "法兰", "86.5"], strict=True):
        cell.text = text
    document.add_paragraph("表后。")
    document.add_heading("付款", level=2)
    document.add_paragraph("先付一半", style="List Bullet")
    document.add_paragraph("再付一半", style="List Bullet")
    raw = loaded(tmp_path, document)
    assert shapes(raw) == [
        ("heading", 1, "采购合同"),
        ("paragraph", 0, "甲方：澜砚仪器"),
        ("table", 0, "名称 | 价格\n法兰 | 86.5"),
        ("paragraph", 0, "表后。"),
        ("heading", 2, "付款"),
        ("list", 0, "- 先付一半\n- 再付一半"),
    ]
    assert [block.header_lines for block in raw.blocks if block.kind == "table"] == [1]
    assert raw.title == "采购合同"
    assert raw.format == "docx"


def test_title_style_stands_above_all_headings(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("合同", level=0)
    document.add_heading("第一条", level=1)
    assert shapes(loaded(tmp_path, document)) == [("heading", 1, "合同"), ("heading", 2, "第一条")]


def test_chinese_style_names_and_outline_levels_are_headings(tmp_path: Path) -> None:
    document = Document()
    document.styles.add_style("标题 2", WD_STYLE_TYPE.PARAGRAPH)
    child = document.styles.add_style("条款标题", WD_STYLE_TYPE.PARAGRAPH)
    child.base_style = document.styles["标题 2"]
    document.add_paragraph("甲", style="标题 2")
    document.add_paragraph("乙", style="条款标题")
    own = document.add_paragraph("丙")
    own._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="0"/>'))
    assert shapes(loaded(tmp_path, document)) == [("heading", 2, "甲"), ("heading", 2, "乙"), ("heading", 1, "丙")]


def test_title_falls_back_to_properties_and_file_name(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("正文。")
    document.core_properties.title = "采购框架合同"
    assert loaded(tmp_path, document).title == "采购框架合同"
    document.core_properties.title = ""
    assert loaded(tmp_path, document).title == "合同"


def test_merged_cells_are_repeated(tmp_path: Path) -> None:
    document = Document()
    table = document.add_table(rows=3, cols=3)
    table.cell(0, 0).text = "名称"
    table.cell(0, 1).merge(table.cell(0, 2)).text = "价格"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "法兰"
    for (row, column), text in {(1, 1): "1", (1, 2): "2", (2, 1): "3", (2, 2): "4"}.items():
        table.cell(row, column).text = text
    assert shapes(loaded(tmp_path, document)) == [("table", 0, "名称 | 价格 | 价格\n法兰 | 1 | 2\n法兰 | 3 | 4")]


def test_footnotes_endnotes_and_comments_stand_where_they_are_referred_to(tmp_path: Path) -> None:
    from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = Document()
    kinds = {"footnotes": "footnote", "endnotes": "endnote", "comments": "comment"}
    for n, (kind, one) in enumerate(kinds.items()):
        separator = f'<w:{one} w:id="0" w:type="separator"><w:p><w:r><w:t>――</w:t></w:r></w:p></w:{one}>'
        own = f'<w:{one} w:id="7"><w:p><w:r><w:t>注{n}：不含稅 {kind}。</w:t></w:r></w:p></w:{one}>'
        blob = f"<w:{kind} {nsdecls('w')}>{separator}{own}</w:{kind}>".encode()
        part = Part(PackURI(f"/word/own-{kind}.xml"), CONTENT_TYPE.WML_FOOTNOTES, blob, document.part.package)
        document.part.relate_to(part, getattr(RELATIONSHIP_TYPE, kind.upper()))
        reference = f'<w:r><w:t>价格{n}。</w:t></w:r><w:r><w:{one}Reference w:id="7"/></w:r>'
        document.element.body.insert(n, paragraph_xml(reference))
    assert [text for _, _, text in shapes(loaded(tmp_path, document))] == [
        "价格0。", "注0：不含稅 footnotes。", "价格1。", "注1：不含稅 endnotes。", "价格2。", "注2：不含稅 comments。",
    ]  # fmt: skip


def test_notes_of_what_was_deleted_are_gone(tmp_path: Path) -> None:
    from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = Document()
    note = '<w:footnote w:id="7"><w:p><w:r><w:t>旧注</w:t></w:r></w:p></w:footnote>'
    blob = f"<w:footnotes {nsdecls('w')}>{note}</w:footnotes>"
    part = Part(PackURI("/word/own.xml"), CONTENT_TYPE.WML_FOOTNOTES, blob.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    reference = '<w:r><w:footnoteReference w:id="7"/></w:r>'
    for n, around in enumerate(("w:del", "w:moveFrom", "w:moveTo")):
        inner = f'<w:r><w:t>第{n}段</w:t></w:r><{around} w:id="{n}" w:author="a">{reference}</{around}>'
        document.element.body.insert(n, paragraph_xml(inner))
    assert [text for _, _, text in shapes(loaded(tmp_path, document))] == ["第0段", "第1段", "第2段", "旧注"]


def test_declared_header_rows_are_the_header(tmp_path: Path) -> None:
    document = Document()
    table = document.add_table(rows=3, cols=2)
    for i, row in enumerate(table.rows):
        row.cells[0].text, row.cells[1].text = f"{i}", f"{i}0"
        if i < 2:
            row._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))
    (block,) = loaded(tmp_path, document).blocks
    assert block.header_lines == 2


def test_frame_of_one_cell_is_text(tmp_path: Path) -> None:
    document = Document()
    document.add_table(rows=1, cols=1).cell(0, 0).text = "注意安全。"
    assert shapes(loaded(tmp_path, document)) == [("paragraph", 0, "注意安全。")]


def paragraph_xml(inner: str) -> Any:
    return parse_xml(f"<w:p {nsdecls('w')}>{inner}</w:p>")


def test_text_is_what_a_reader_sees(tmp_path: Path) -> None:
    document = Document()
    body = document.element.body
    body.insert(
        0,
        paragraph_xml(
            '<w:r><w:t xml:space="preserve">价格 </w:t></w:r>'
            '<w:del w:id="1" w:author="a"><w:r><w:delText>100</w:delText></w:r></w:del>'
            '<w:ins w:id="2" w:author="a"><w:r><w:t>200</w:t></w:r></w:ins>'
            "<w:hyperlink><w:r><w:t>元</w:t></w:r></w:hyperlink>"
            "<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:br/><w:t>下一行</w:t></w:r>"
        ),
    )
    body.insert(
        1,
        parse_xml(
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>控件里的文字</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        ),
    )
    assert shapes(loaded(tmp_path, document)) == [
        ("paragraph", 0, "价格 200元\n下一行"),
        ("paragraph", 0, "控件里的文字"),
    ]


def test_table_of_contents_is_left_out(tmp_path: Path) -> None:
    document = Document()
    document.styles.add_style("toc 1", WD_STYLE_TYPE.PARAGRAPH)
    document.add_paragraph("第一条\t3", style="toc 1")
    document.add_paragraph("正文。")
    assert shapes(loaded(tmp_path, document)) == [("paragraph", 0, "正文。")]


def test_automatic_numbers_are_written_out(tmp_path: Path) -> None:
    document = Document()
    numbering = document.part.numbering_part.element
    numbering.insert(
        0,
        parse_xml(
            f'<w:abstractNum {nsdecls("w")} w:abstractNumId="77">'
            '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/>'
            '<w:lvlText w:val="第%1条"/></w:lvl>'
            '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>'
            "</w:abstractNum>"
        ),
    )
    numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'))

    def add(text: str, level: int, style: str | None = None) -> None:
        paragraph = document.add_paragraph(text, style=style)
        paragraph._p.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="77"/></w:numPr>')
        )

    add("标的", 0, "Heading 1")
    add("品种见附件", 1)
    add("单价不变", 1)
    add("交付", 0, "Heading 1")
    add("每月交货", 1)
    assert shapes(loaded(tmp_path, document)) == [
        ("heading", 1, "第一条 标的"),
        ("list", 0, "一.1 品种见附件\n一.2 单价不变"),
        ("heading", 1, "第二条 交付"),
        ("list", 0, "二.1 每月交货"),
    ]


@pytest.mark.parametrize(
    "n, text",
    [
        (1, "一"),
        (10, "十"),
        (11, "十一"),
        (20, "二十"),
        (21, "二十一"),
        (102, "一百零二"),
        (110, "一百一十"),
        (1003, "一千零三"),
        (0, "0"),
    ],
)
def test_chinese_numbers(n: int, text: str) -> None:
    assert chinese_number(n) == text


def test_document_without_numbering_counts_nothing() -> None:
    document = Document()
    assert Numbering(document).next_for(document.add_paragraph("x")._p, "Normal") == ""


def test_empty_document_has_no_blocks(tmp_path: Path) -> None:
    assert list(loaded(tmp_path, Document()).blocks) == []


@pytest.mark.parametrize(
    "data, says",
    [
        (b"PK\x03\x04 broken", r"合同\.docx is not a readable Word document \("),
        (b"hello", r"合同\.docx is not a readable Word document \("),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"合同\.docx is encrypted, or an old \.doc file"),
        (b"%PDF-1.4", r"looks like a PDF, but is named \.docx"),
    ],
)
def test_unreadable_files_say_why(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        loaded(tmp_path, data)


def test_archive_that_is_no_word_document_says_so(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "归档.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(UnreadableDocument, match="not a readable Word document"):
        list(DocxLoader().load(RawFile.on_disk(path), ReadingSettings()))


def test_half_a_document_says_so(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("正文。" * 1000)
    whole = tmp_path / "whole.docx"
    document.save(str(whole))
    with pytest.raises(UnreadableDocument, match="not a readable Word document"):
        loaded(tmp_path, whole.read_bytes()[:5000])
