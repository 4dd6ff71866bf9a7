"""Workbooks: what cells show, tables and their headers, merged cells, places, damage, and a question of one cell."""

import contextlib
import datetime
import random
import re
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest
from compound_file import compound_file

import qianxun
from qianxun.documents.formats.number_formats import format_code, general, shown_by
from qianxun.documents.formats.spreadsheet import SpreadsheetLoader
from qianxun.documents.split import split
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument, Rows
from qianxun.settings import ReadingSettings, SplittingSettings

Fill = Callable[[openpyxl.Workbook], None]


def xlsx_bytes(fill: Fill) -> bytes:
    workbook = openpyxl.Workbook()
    fill(workbook)
    buffer = BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def with_rows(*rows: "list[Any]", merged: "tuple[str, ...]" = (), title: str = "表1") -> Fill:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        sheet.title = title
        for row in rows:
            sheet.append(row)
        for cells in merged:
            sheet.merge_cells(cells)

    return fill


def read(data: bytes, name: str = "book.xlsx") -> "list[Block]":
    (raw,) = SpreadsheetLoader().load(RawFile.of_bytes(name, data), ReadingSettings())
    assert not isinstance(raw, RawFile)
    return list(raw.blocks)


def texts(blocks: "list[Block]") -> "list[str]":
    return [block.text for block in blocks]


def repacked(data: bytes, change: "Callable[[str, bytes], bytes | None]") -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as before, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = change(name, before.read(name))
            if content is not None:
                after.writestr(name, content)
    return buffer.getvalue()


def test_a_sheet_is_a_heading_and_a_table_with_its_rows() -> None:
    rows = [["设备", "Interval", "備註"], ["LF-1", "30 天", "全形：１２"], ["LF-2", "90 days", "每季檢查"]]
    blocks = read(xlsx_bytes(with_rows(*rows, title="台账 Ledger")))
    assert [(b.kind, b.text) for b in blocks] == [
        ("heading", "台账 Ledger"),
        ("table", "设备 | Interval | 備註\nLF-1 | 30 天 | 全形：１２\nLF-2 | 90 days | 每季檢查"),
    ]
    assert blocks[1].header_lines == 1
    assert blocks[1].rows == Rows((1, 2, 3), "台账 Ledger", (0, 2))
    assert blocks[1].rows is not None
    assert blocks[1].rows.location == "台账 Ledger!A1:C3"


def test_cells_are_read_as_they_are_shown() -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        for value, code in (
            (0.15, "0%"),
            (1234567.5, "#,##0.00"),
            (1234.5, '"¥"#,##0.00'),
            (-12.5, "[$€-407]#,##0.00"),
            (42, "00000"),
            (3.25, '0.0"千克"'),
            (datetime.date(2025, 3, 18), "yyyy/m/d"),
            (datetime.date(2025, 3, 18), 'yyyy"年"m"月"d"日"'),
            (datetime.date(2025, 3, 18), "d-mmm"),
            (datetime.datetime(2025, 3, 18, 9, 30), "yyyy-mm-dd hh:mm"),
            (datetime.time(9, 30), "h:mm"),
            (True, "General"),
            ("#DIV/0!", "General"),
            (0.1 + 0.2, "General"),
            (13800138000, "General"),
        ):
            sheet.append([value])
            sheet.cell(sheet.max_row, 1).number_format = code

    (_, table) = read(xlsx_bytes(fill))
    assert table.text.split("\n") == [
        *("15%", "1,234,567.50", "¥1,234.50", "-€12.50", "00042", "3.3千克"),
        *("2025/3/18", "2025年3月18日", "2025-03-18", "2025-03-18 09:30", "9:30"),
        *("TRUE", "#DIV/0!", "0.3", "13800138000"),
    ]


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("0.00%", 0.1234, "12.34%"),
        ("0", 2.5, "3"),
        ("0.00", 1.005, "1.01"),
        ('"¥"#,##0.00_);("¥"#,##0.00)', -1234.5, "(¥1,234.50)"),
        ('_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)', 0, "-"),
        ("#,##0;[Red]-#,##0", -1234, "-1,234"),
        ("#,##0,", 1234567, "1,235"),
        ("0.00E+00", 12345, "1.23E+04"),
        ("[h]:mm", 1.5, "36:00"),
        ("h:mm AM/PM", 0.6, "2:24 PM"),
        ("上午/下午h:mm", 0.6, "下午2:24"),
        ("yyyy年m月", 45734, "2025年3月"),
        ("aaaa", 45734, "星期二"),
        ("mm-dd-yy", 45734, "2025-03-18"),
        ("yyyy-mm-dd", 1, "1900-01-01"),
        ("yyyy-mm-dd", -5, "-5"),
        ("000-0000", 1234567, "1234567"),
        ("# ?/?", 0.5, "0.5"),
        ("#", 7, "7"),
        ("@", 7.5, "7.5"),
        ("General", 1e300, "1e+300"),
    ],
)
def test_number_formats(code: str, value: float, shown: str) -> None:
    assert shown_by(code)(value) == shown


def test_number_formats_built_in_and_own() -> None:
    assert [format_code(n, {164: "0.0"}) for n in (0, 9, 14, 164)] == ["", "0%", "yyyy-mm-dd", "0.0"]
    assert shown_by("yyyy-mm-dd", True)(0) == "1904-01-01"
    assert general(12345678901234567890.0) == "1.23456789012346e+19"


def test_any_format_and_any_number_give_text() -> None:
    rng = random.Random(7)
    pieces = [*'0#?.,%;@_*\\"[]EehmsydaAPg/-+: ', "年", "[h]", "[$¥-804]", "General", "AM/PM", "[Red]"]
    for _ in range(3000):
        code = "".join(rng.choices(pieces, k=rng.randint(0, 12)))
        for value in (0.0, -1.5, 45734.4, 1e18, float("inf")):
            assert isinstance(shown_by(code)(value), str)


def test_merged_cells_stand_in_each_place_and_both_header_lines_are_header() -> None:
    rows: list[list[Any]] = [
        ["部门", "2025 年", None, "2026 年", None],
        [None, "收入", "支出", "收入", "支出"],
        ["研发", 10, 20, 30, 40],
        [None, 11, 21, 31, 41],
        ["Sales", 12, 22, 32, 42],
    ]
    (_, table) = read(xlsx_bytes(with_rows(*rows, merged=("A1:A2", "B1:C1", "D1:E1", "A3:A4"))))
    assert table.text.split("\n") == [
        "部门 | 2025 年 | 2025 年 | 2026 年 | 2026 年",
        "部门 | 收入 | 支出 | 收入 | 支出",
        "研发 | 10 | 20 | 30 | 40",
        "研发 | 11 | 21 | 31 | 41",
        "Sales | 12 | 22 | 32 | 42",
    ]
    assert table.header_lines == 2


def test_a_line_over_the_table_is_written_once_and_is_header() -> None:
    rows: list[list[Any]] = [["設備檢查週期表", None, None], ["编号", "名称", "周期"], ["LF-1", "泵", 30]]
    (_, table) = read(xlsx_bytes(with_rows(*rows, merged=("A1:C1",))))
    assert table.text == "設備檢查週期表\n编号 | 名称 | 周期\nLF-1 | 泵 | 30"
    assert table.header_lines == 2


def test_years_are_names_of_columns_and_numbers_are_not() -> None:
    (_, table) = read(xlsx_bytes(with_rows(["项目", 2024, 2025], ["收入", 10, 12])))
    assert table.header_lines == 1
    (_, table) = read(xlsx_bytes(with_rows(["收入", 10, 12], ["支出", 9, 8])))
    assert table.header_lines == 0


def test_tables_parted_by_empty_rows_are_blocks_of_their_own() -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        sheet.title = "汇总"
        for at, row in {
            3: ["第一季度"],
            5: ["名称", "数量"],
            6: ["法兰", 5],
            8: ["阀门", 7],  # an empty row inside a table
            11: ["Name", "Price", "Unit"],
            12: ["Pump", 9, "台"],
        }.items():
            for column, value in enumerate(row, start=2):
                sheet.cell(at, column, value)

    blocks = read(xlsx_bytes(fill))
    assert [(b.kind, b.level, b.text, b.continues) for b in blocks] == [
        ("heading", 1, "汇总", False),
        ("heading", 2, "第一季度", False),
        ("table", 0, "名称 | 数量\n法兰 | 5", False),
        ("table", 0, "阀门 | 7", True),
        ("table", 0, "Name | Price | Unit\nPump | 9 | 台", False),
    ]
    assert [b.rows.location for b in blocks if b.rows] == ["汇总!B5:C6", "汇总!B8:C8", "汇总!B11:D12"]


def test_hidden_sheets_say_so_and_very_hidden_ones_are_left_out() -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        workbook.worksheets[0].append(["公开", "open"])
        for name, state in (("底稿", "hidden"), ("macro", "veryHidden"), ("空", "visible")):
            sheet = workbook.create_sheet(name)
            sheet.sheet_state = state
            if name != "空":
                sheet.append([f"{name} text", "值"])

    blocks = read(xlsx_bytes(fill))
    assert texts(blocks) == ["Sheet", "公开 | open", "底稿 (hidden)", "底稿 text | 值"]
    assert blocks[2].location == "底稿"


def test_a_column_of_prose_is_paragraphs() -> None:
    long = "本條款適用於所有供應商。The supplier warrants the goods，保修期为十二个月。" * 6
    blocks = read(xlsx_bytes(with_rows([long], ["短"])))
    assert [(b.kind, b.text) for b in blocks[1:]] == [("paragraph", long), ("paragraph", "短")]
    assert blocks[1].rows is not None
    assert blocks[1].rows.location == "表1!A1"


def test_rows_and_cells_without_references_and_other_kinds_of_text() -> None:
    sheet = (
        '<?xml version="1.0"?><worksheet xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"><sheetData>'
        '<row><c t="inlineStr"><is><r><t>检查</t></r><r><t>周期</t></r><rPh><t>ignored</t></rPh></is></c>'
        '<c t="str"><f>1&amp;2</f><v>結果</v></c></row>'
        '<row><c t="b"><v>0</v></c><c t="d"><v>2025-03-18T00:00:00</v></c><c t="e"><v>#N/A</v></c><c><v/></c></row>'
        '<row><c t="inlineStr"><is><t>a_x000D_b</t></is></c><c t="n"><f>A1</f></c></row></sheetData></worksheet>'
    )
    data = xlsx_bytes(with_rows(["x"]))
    blocks = read(repacked(data, lambda name, old: sheet.encode() if name.endswith("sheet1.xml") else old))
    assert blocks[1].text == "检查周期 | 結果\nFALSE | 2025-03-18 | #N/A\na b"


def test_formulas_that_nobody_calculated_are_said() -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        sheet["A1"], sheet["A2"], sheet["B1"], sheet["B2"] = "金額", 3, "合计", "=SUM(A2:A2)"

    (document,) = SpreadsheetLoader().load(RawFile.of_bytes("预算.xlsx", xlsx_bytes(fill)), ReadingSettings())
    assert isinstance(document, RawDocument)
    assert document.shortfall() is None
    assert [block.text for block in document.blocks][1:] == ["金額 | 合计\n3"]
    assert "formulas without a value, since no program has calculated them: 1" in str(document.shortfall())
    stored = repacked(
        xlsx_bytes(fill),
        lambda name, old: re.sub(rb"<v */>|<v></v>", b"<v>3</v>", old) if name.endswith("sheet1.xml") else old,
    )
    (document,) = SpreadsheetLoader().load(RawFile.of_bytes("预算.xlsx", stored), ReadingSettings())
    assert isinstance(document, RawDocument)
    assert [block.text for block in document.blocks][1:] == ["金額 | 合计\n3 | 3"]
    assert document.shortfall() is None


def test_far_cells_cost_nothing() -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        sheet["A1"], sheet["XFD1048576"] = "左上", "右下"

    blocks = read(xlsx_bytes(fill))
    assert texts(blocks) == ["Sheet", "左上", "右下"]
    assert blocks[2].rows is not None
    assert blocks[2].rows.location == "Sheet!XFD1048576"


def test_a_merge_over_the_whole_sheet_covers_only_rows_with_cells() -> None:
    data = xlsx_bytes(with_rows(["大", "b"], ["c", "d"], merged=("E1:F1",)))
    blocks = read(repacked(data, lambda name, old: old.replace(b'"E1:F1"', b'"A1:XFD1048576"')))
    assert texts(blocks)[0] == "表1"
    assert sum(map(len, texts(blocks))) < 10_000


# --- chunks


def chunks_of(data: bytes, max_tokens: int = 64) -> "list[tuple[str, str, str | None]]":
    (raw,) = SpreadsheetLoader().load(RawFile.of_bytes("book.xlsx", data), ReadingSettings())
    assert not isinstance(raw, RawFile)
    found = []
    for part in split(raw.blocks, SplittingSettings(max_tokens=max_tokens)):
        for i, chunk in enumerate(part.chunks):
            found.append((part.contexts[i], part.text_of(i), chunk.location))
    return found


def test_each_chunk_of_a_large_table_names_its_rows_and_has_the_header() -> None:
    rows = [["设备", "检查周期", "備註"], *([f"LF-{n}", f"{n} 天", "每季檢查 ok"] for n in range(2, 1001))]
    found = chunks_of(xlsx_bytes(with_rows(*rows, title="台账")))
    next_row = 1
    for i, (context, text, location) in enumerate(found):
        lines = text.split("\n\n")[0].split("\n") if "\n\n" not in text else text.replace("\n\n", "\n").split("\n")
        last = next_row + len(lines) - 1
        assert location == f"台账!A{next_row}:C{last}"
        assert lines[-1].startswith(f"LF-{last} ")
        assert context == ("台账" if i == 0 else "台账\n设备 | 检查周期 | 備註")
        next_row = last + 1
    assert next_row == 1001
    assert sum("检查周期" in text for _, text, _ in found) == 1  # the header is in the text once


# --- damage and hostility


def test_damaged_workbooks_are_refused_or_read_never_worse() -> None:
    rng = random.Random(20)
    workbooks = {"book.xlsx": xlsx_bytes(with_rows(["设备", "周期"], ["LF-1", 30])), "book.ods": ods_bytes(ODS_ROWS)}
    xlwt = pytest.importorskip("xlwt")
    workbooks["book.xls"] = xls_bytes(xlwt)
    workbooks["book.xlsb"] = xlsb_bytes(*XLSB)
    for name, data in workbooks.items():
        for _ in range(60):
            damaged = bytearray(data)
            for _ in range(rng.randint(1, 8)):
                damaged[rng.randrange(8, len(damaged))] = rng.randrange(256)
            refused_or_read(bytes(damaged), name)
        for length in range(0, len(data), max(1, len(data) // 25)):
            refused_or_read(data[:length] or b"P", name)


def test_damaged_parts_are_refused_or_read_never_worse() -> None:
    rng = random.Random(21)
    rows: list[list[Any]] = [["设备", "周期", 0.5], ["LF-1", 30, datetime.date(2025, 1, 2)]]
    workbooks = {"a.xlsx": xlsx_bytes(with_rows(*rows, merged=("A1:A2",))), "a.xlsb": xlsb_bytes(*XLSB)}

    def damage(name: str, old: bytes) -> "bytes | None":
        if rng.random() < 0.1:
            return None
        changed = bytearray(old)
        for _ in range(rng.choice((0, 0, 1, 3))):
            changed[rng.randrange(len(changed))] = rng.choice(b'0123456789<>"/ax\x00\xff')
        return bytes(changed)

    for name, data in workbooks.items():
        for _ in range(200):
            refused_or_read(repacked(data, damage), name)


def refused_or_read(data: bytes, name: str) -> None:
    with contextlib.suppress(UnreadableDocument):
        read(data, name)


def test_entities_are_not_expanded() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "炸弹"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY f SYSTEM "file:///etc/hostname">]>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        '<c r="A1" t="inlineStr"><is><t>before&b;&f;</t></is></c><c r="B1"><v>1</v></c></row></sheetData></worksheet>'
    )
    data = repacked(
        xlsx_bytes(with_rows(["x"])), lambda name, old: bomb.encode() if name.endswith("sheet1.xml") else old
    )
    try:
        found = "".join(texts(read(data)))
    except UnreadableDocument:
        return
    assert "炸弹" not in found
    assert "before" in found


def test_what_is_no_workbook_says_what_it_is() -> None:
    for data, name, words in (
        (b"%PDF-1.7 ...", "a.xlsx", "a PDF"),
        (b"just text", "a.xlsx", "looks like text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 2000, "a.xlsx", "not a readable workbook"),
    ):
        with pytest.raises(UnreadableDocument, match=words):
            read(data, name)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "文字")
    with pytest.raises(UnreadableDocument, match="a ZIP archive"):
        read(buffer.getvalue())


def test_an_encrypted_workbook_is_refused() -> None:
    locked = compound_file({"EncryptionInfo": b"\4\0\4\0" + b"x" * 200, "EncryptedPackage": b"y" * 5000})
    with pytest.raises(UnreadableDocument, match="is encrypted"):
        read(locked)


def test_too_much_unpacked_is_refused() -> None:
    data = xlsx_bytes(with_rows(["x"] * 10))
    bomb = repacked(data, lambda name, old: old + b" " * 3_000_000 if name.endswith("sheet1.xml") else old)
    with pytest.raises(UnreadableDocument, match="more than 1 MB unpacked"):
        list(SpreadsheetLoader().load(RawFile.of_bytes("a.xlsx", bomb), ReadingSettings(max_unpacked_mb=1)))


# --- .xls


def xls_bytes(xlwt: Any) -> bytes:
    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet("台账")
    sheet.write_merge(1, 1, 2, 4, "设备检查 Inspection")
    for row, values in enumerate((["编号", "周期", "啟用"], ["LF-1", 30.5, True], ["ＬＦ－２", 90, False]), start=2):
        for column, value in enumerate(values, start=2):
            sheet.write(row, column, value)
    style = xlwt.easyxf(num_format_str="yyyy/m/d")
    sheet.write(5, 4, 0.15, xlwt.easyxf(num_format_str="0%"))
    sheet.row(6).set_cell_error(2, "#DIV/0!")
    sheet.write(5, 2, datetime.datetime(2025, 3, 18), style)
    sheet.write(5, 3, datetime.datetime(2025, 3, 18, 9, 30), xlwt.easyxf(num_format_str="yyyy/m/d h:mm"))
    hidden = workbook.add_sheet("底稿")
    hidden.write(0, 0, "密")
    hidden.visibility = 1
    buffer = BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def test_xls() -> None:
    blocks = read(xls_bytes(pytest.importorskip("xlwt")), "旧.xls")
    assert texts(blocks) == [
        "台账",
        "设备检查 Inspection\n编号 | 周期 | 啟用\nLF-1 | 30.5 | TRUE\nＬＦ－２ | 90 | FALSE\n"
        "2025/3/18 | 2025/3/18 9:30 | 15%\n#DIV/0!",
        "底稿 (hidden)",
        "密",
    ]
    assert blocks[1].header_lines == 2
    assert blocks[1].rows is not None
    assert blocks[1].rows.location == "台账!C2:E7"


def test_workbooks_under_another_name_and_web_pages_named_xls() -> None:
    data = xlsx_bytes(with_rows(["设备", "周期"], ["LF-1", 30]))
    assert texts(read(data, "a.xls"))[1] == "设备 | 周期\nLF-1 | 30"
    page = "<html><meta charset='utf-8'><table><tr><th>設備</th><th>周期</th></tr><tr><td>LF-1</td><td>30</td></tr>"
    assert "LF-1 | 30" in "\n".join(texts(read(page.encode(), "a.xls")))
    assert "LF-1 | 30" in "\n".join(texts(read("设备\t周期\nLF-1\t30\n".encode("gb18030"), "a.xls")))


# --- .xlsb


def record(number: int, data: bytes = b"") -> bytes:
    """A record of [MS-XLSB] 2.1.4: its number and length in sevens of bits."""
    encoded = bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])
    length = len(data)
    return encoded + bytes([length & 0x7F | 0x80, length >> 7]) + data


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_bytes(*sheets: "tuple[str, int, list[list[tuple[int, int, bytes]]]]") -> bytes:
    """Sheets by name, state and rows from the second on; a cell is the number of its record, its format, its value."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    styles = (
        record(44, struct.pack("<H", 164) + wide("0.0%"))
        + record(47, struct.pack("<HH", 0, 14))  # not a cell's own
        + record(617)
        + b"".join(record(47, struct.pack("<HH", 0, number) + b"\0" * 12) for number in (0, 164, 14))
        + record(618)
    )
    parts = {
        "xl/styles.bin": styles,
        "xl/sharedStrings.bin": b"".join(record(19, b"\0" + wide(text)) for text in ("編號", "检查周期")),
    }
    kinds = {"xl/styles.bin": "styles", "xl/sharedStrings.bin": "sharedStrings"}
    book = record(131) + record(153, b"\0" * 12) + record(143)
    for at, (name, state, rows) in enumerate(sheets):
        part = f"xl/worksheets/sheet{at}.bin"
        book += record(156, struct.pack("<II", state, at) + wide(part) + wide(name))
        data = record(129) + record(145)
        for number, row in enumerate(rows, start=1):
            data += record(0, struct.pack("<I", number) + b"\0" * 13)
            for column, (kind, style, value) in enumerate(row, start=1):
                data += record(kind, struct.pack("<II", column, style) + value)
        parts[part] = data + record(146) + record(176, struct.pack("<4I", 1, 1, 4, 5)) + record(130)
        kinds[part] = "worksheet"
    parts["xl/workbook.bin"] = book + record(144) + record(132)
    relations = "".join(
        f'<Relationship Id="{part}" Type="{office}/{kind}" Target="/{part}"/>' for part, kind in kinds.items()
    )
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}'
            "</Relationships>",
        )
    return buffer.getvalue()


def real(value: float) -> bytes:
    return struct.pack("<d", value)


XLSB = (
    (
        "台账",
        0,
        [
            [(7, 0, struct.pack("<I", 0)), (7, 0, struct.pack("<I", 1)), (6, 0, wide("ratio")), (6, 0, wide("備註"))],
            [(6, 0, wide("ＬＦ－１")), (2, 0, struct.pack("<I", 30 << 2 | 2)), (5, 1, real(0.155)), (4, 0, b"\1")],
            [
                (8, 0, wide("LF-2")),
                (2, 0, struct.pack("<i", (-1250 << 2) | 3)),
                (2, 1, real(0.5)[4:]),
                (9, 2, real(45734)),
                (3, 0, b"\x07"),
            ],
        ],
    ),
    ("底稿", 1, [[(6, 0, wide("密"))]]),
    ("macro", 2, [[(6, 0, wide("宏"))]]),
)


def test_xlsb() -> None:
    blocks = read(xlsb_bytes(*XLSB), "a.xlsb")
    assert texts(blocks) == [
        "台账",
        "編號 | 检查周期 | ratio | 備註 | 備註\nＬＦ－１ | 30 | 15.5% | TRUE\n"
        "LF-2 | -12.5 | 50.0% | 2025-03-18 | #DIV/0!",
        "底稿 (hidden)",
        "密",
    ]
    assert blocks[1].rows is not None
    assert blocks[1].rows.location == "台账!B2:F4"


# --- .ods

NAMESPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
)


def ods_bytes(rows: str, manifest: str = "<m/>") -> bytes:
    content = (
        f'<?xml version="1.0"?><office:document-content {NAMESPACES}><office:automatic-styles>'
        '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
        "</office:automatic-styles><office:body><office:spreadsheet>"
        f'<table:table table:name="台账">{rows}</table:table>'
        '<table:table table:name="底稿" table:style-name="ta2"><table:table-row><table:table-cell><text:p>密</text:p>'
        "</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return buffer.getvalue()


def ods_row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def ods_cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{escape(text)}</text:p></table:table-cell>"


COVERED = "<table:covered-table-cell/>"
ODS_ROWS = (
    ods_row(attributes='table:number-rows-repeated="2"')
    + ods_row(
        ods_cell("部门", 'table:number-rows-spanned="2"'),
        ods_cell("2025 年", 'table:number-columns-spanned="2"'),
        COVERED,
    )
    + ods_row(COVERED, ods_cell("比例"), ods_cell("說明"))
    + ods_row(
        ods_cell("研发"),
        '<table:table-cell office:value-type="percentage" office:value="0.15"><office:annotation><text:p>comment'
        "</text:p></office:annotation><text:p>15%</text:p></table:table-cell>",
        "<table:table-cell><text:p>a<text:s/>b <text:span>全形１</text:span></text:p></table:table-cell>",
    )
    + ods_row(
        ods_cell("Sales"),
        ods_cell("x", 'table:number-columns-repeated="2"'),
        attributes='table:number-rows-repeated="2"',
    )
    + ods_row(
        '<table:table-cell office:value-type="percentage" office:value="0.5"/>',
        '<table:table-cell office:value-type="float" office:value="2.50"/>',
        '<table:table-cell table:number-columns-repeated="16000"/>',
    )
    + ods_row("<table:table-cell/>", attributes='table:number-rows-repeated="1048000"')
)


def test_ods() -> None:
    blocks = read(ods_bytes(ODS_ROWS), "a.ods")
    assert texts(blocks) == [
        "台账",
        "部门 | 2025 年 | 2025 年\n部门 | 比例 | 說明\n研发 | 15% | a b 全形１\n"
        "Sales | x | x\nSales | x | x\n50% | 2.5",
        "底稿 (hidden)",
        "密",
    ]
    assert blocks[1].header_lines == 2
    assert blocks[1].rows is not None
    assert blocks[1].rows.location == "台账!A3:C8"


def test_ods_repeats_are_bounded() -> None:
    row = ods_row(
        ods_cell("重复", 'table:number-columns-repeated="1000000"'), attributes='table:number-rows-repeated="3"'
    )
    blocks = read(ods_bytes(row), "a.ods")
    assert all(len(text) < 20_000 for text in texts(blocks))


def test_an_encrypted_ods_is_refused() -> None:
    with pytest.raises(UnreadableDocument, match="is encrypted"):
        read(ods_bytes("", "<manifest:encryption-data/>"), "a.ods")


# --- the whole way


def test_a_question_of_one_cell_finds_its_rows(tmp_path: Path) -> None:
    def fill(workbook: openpyxl.Workbook) -> None:
        sheet = workbook.worksheets[0]
        sheet.title = "设备台账"
        sheet.append(["设备编号", "名称", "检查周期", "負責人"])
        for n in range(10_000):
            sheet.append([f"LF-{n:04d}", f"离心泵{n % 37}号", f"{n % 90 + 1} 天", f"組{n % 11}"])
        items = workbook.create_sheet("Items")
        items.append(["Item", "Description", "Unit price", "Stock"])
        for n in range(10_000):
            items.append([n, f"valve type {n % 53}", n / 4 + 1, n % 17])

    (tmp_path / "台账.xlsx").write_bytes(xlsx_bytes(fill))
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:
        report = kb.add(tmp_path / "台账.xlsx")
        assert report.failed == []
        for question, cells, sheet, row in (
            ("设备 LF-2043 的检查周期？", "LF-2043 | 离心泵8号 | 64 天", "设备台账", 2045),
            ("設備ＬＦ－７７０１的檢查週期是多少天", "LF-7701 | 离心泵5号 | 52 天", "设备台账", 7703),
            ("unit price of item 7731", "7731 | valve type 46 | 1933.75", "Items", 7733),
        ):
            passage = kb.search(question).passages[0]
            assert cells in passage.text, question
            assert passage.location is not None
            assert passage.location.startswith(f"{sheet}!A")
            first, last = (int(end.lstrip("ABCD")) for end in passage.location.partition("!")[2].split(":"))
            assert first <= row <= last
            assert last - first < 100
            assert "检查周期" in passage.context or "Unit price" in passage.context
