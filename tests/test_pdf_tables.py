"""Tables in PDF files: drawn with lines in several ways, set in columns, over several pages; and what is none."""

import contextlib
import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from test_pdf_format import FULL, Line, body, cleaned, loaded, pdf

import qianxun
from qianxun.documents.formats.pdf_columns import is_gapped, looks_aligned, may_have_cells
from qianxun.documents.formats.pdf_lines import Line as PlacedLine
from qianxun.documents.formats.pdf_tables import is_figure
from qianxun.errors import UnreadableDocument
from qianxun.records import Block

Segment = tuple[float, float, float, float]
DRAWN_AS = ["strokes", "one path", "thin rectangles", "rectangles of cells", "dark boxes"]


def segments(xs: Sequence[float], ys: Sequence[float], missing: Iterable[Segment] = ()) -> list[Segment]:
    """The borders of the cells between these places, ys from the top, without some of them."""
    across = [(a, y, b, y) for y in ys for a, b in itertools.pairwise(xs)]
    down = [(x, b, x, a) for x in xs for a, b in itertools.pairwise(ys)]
    return [segment for segment in across + down if segment not in set(missing)]


def strokes(borders: Iterable[Segment]) -> str:
    return "0.5 w\n" + "\n".join(f"{a} {b} m {c} {d} l S" for a, b, c, d in borders)


def drawing(xs: Sequence[float], ys: Sequence[float], way: str) -> str:
    borders = segments(xs, ys)
    if way == "strokes":
        return strokes(borders)
    if way == "one path":
        return "0.5 w\n" + " ".join(f"{a} {b} m {c} {d} l" for a, b, c, d in borders) + " S"
    if way == "thin rectangles":
        return "\n".join(f"{a} {b} {max(c - a, 0.5)} {max(d - b, 0.5)} re f" for a, b, c, d in borders)
    places = [(a, d, b - a, c - d) for a, b in itertools.pairwise(xs) for c, d in itertools.pairwise(ys)]
    if way == "rectangles of cells":
        return "0.5 w\n" + "\n".join(f"{x} {y} {w} {h} re S" for x, y, w, h in places)
    return "0.9 g\n" + "\n".join(f"{x + 0.5} {y + 0.5} {w - 1} {h - 1} re f" for x, y, w, h in places) + "\n0 g"


def texts(xs: Sequence[float], ys: Sequence[float], rows: Sequence[Sequence[str]], size: float = 10) -> list[Line]:
    """One line of text in each cell, at its left."""
    return [
        (x + 4, y - 14, size, text)
        for y, row in zip(ys, rows, strict=False)
        for x, text in zip(xs, row, strict=False)
        if text
    ]


XS = (60.0, 180.0, 300.0, 420.0)
YS = (700.0, 680.0, 660.0, 640.0)
ROWS = (("口径", "流量", "力矩"), ("DN25", "12.5", "３０ N·m"), ("DN50", "25", "閥門 55"))
TABLE = "口径 | 流量 | 力矩\nDN25 | 12.5 | ３０ N·m\nDN50 | 25 | 閥門 55"


def blocks_of(folder: Path, *pages: list[Line], drawn: Sequence[str] = (), turned: int = 0) -> list[Block]:
    return cleaned(loaded(folder, pdf(list(pages), drawn=drawn, turned=turned)))


def tables(blocks: Iterable[Block]) -> list[str]:
    return [block.text for block in blocks if block.kind == "table"]


@pytest.mark.parametrize("way", DRAWN_AS)
def test_table_that_is_drawn_with_lines(tmp_path: Path, way: str) -> None:
    lines = [*body(FULL, "见下表。", top=760), *texts(XS, YS, ROWS), *body(FULL, "表后的话。", top=600)]
    found = blocks_of(tmp_path, lines, drawn=[drawing(XS, YS, way)])
    assert found == [
        Block("paragraph", FULL + "见下表。", page=1),
        Block("table", TABLE, page=1, header_lines=1),
        Block("paragraph", FULL + "表后的话。", page=1),
    ]


def test_lines_are_drawn_after_the_text_or_the_cells_column_by_column(tmp_path: Path) -> None:
    by_column = [line for column in range(3) for line in texts(XS, YS, ROWS)[column::3]]
    assert tables(blocks_of(tmp_path, by_column, drawn=[drawing(XS, YS, "strokes")])) == [TABLE]


def test_merged_cells_are_written_in_each_place_that_they_cover(tmp_path: Path) -> None:
    ys = (700.0, 680.0, 660.0, 640.0, 620.0)
    missing = [
        (300.0, 680.0, 300.0, 700.0),  # 2024 年 stands over two columns
        (60.0, 680.0, 180.0, 680.0),  # 地区 over two rows
        (60.0, 640.0, 180.0, 640.0),  # 台北 over two rows
    ]
    lines = [
        *texts(XS, ys, [("", "2024 年", ""), ("", "收入", "Cost"), ("", "120", "80"), ("", "130", "90")]),
        (64, 674, 10, "地区"),
        (64, 634, 10, "台北"),
    ]
    (table,) = [b for b in blocks_of(tmp_path, lines, drawn=[strokes(segments(XS, ys, missing))]) if b.kind == "table"]
    assert table.text == "地区 | 2024 年 | 2024 年\n地区 | 收入 | Cost\n台北 | 120 | 80\n台北 | 130 | 90"
    assert table.header_lines == 2


def test_cell_over_the_whole_width_is_written_once(tmp_path: Path) -> None:
    ys = (700.0, 680.0, 660.0, 640.0, 620.0)
    missing = [(180.0, 680.0, 180.0, 700.0), (300.0, 680.0, 300.0, 700.0)]
    lines = texts(XS, ys, [("表一　流量计规格", "", ""), *ROWS])
    (table,) = [b for b in blocks_of(tmp_path, lines, drawn=[strokes(segments(XS, ys, missing))]) if b.kind == "table"]
    assert table.text == "表一 流量计规格\n" + TABLE
    assert table.header_lines == 2


def test_lines_of_a_cell_are_joined(tmp_path: Path) -> None:
    xs, ys = (60.0, 160.0, 330.0), (700.0, 680.0, 610.0, 560.0)
    lines = [
        *texts(xs, ys, [("項目", "Remarks"), ("", ""), ("Hoses", "")]),
        *[(64, 662 - 13 * i, 10, text) for i, text in enumerate(("閥門與管路的檢查", "週期以九十天為限", "度。"))],
        *[
            (164, 662 - 13 * i, 10, text)
            for i, text in enumerate(
                ("The tube must be full when meas-", "uring; otherwise the display", "shows zero.")
            )
        ],
        *[(164, 596 - 13 * i, 10, text) for i, text in enumerate(("1. 关阀", "2. 泄压", "3. 拆下"))],
    ]
    assert tables(blocks_of(tmp_path, lines, drawn=[drawing(xs, ys, "strokes")])) == [
        "項目 | Remarks\n"
        "閥門與管路的檢查週期以九十天為限度。 | "
        "The tube must be full when measuring; otherwise the display shows zero.\n"
        "Hoses | 1. 关阀 2. 泄压 3. 拆下"
    ]


def test_figures_at_the_right_and_words_in_the_middle_stay_in_their_cells(tmp_path: Path) -> None:
    rows = [("名称", "Qty", "金额（元）"), ("螺栓", "1,200", "8.50"), ("墊圈", "35", "12,000.00")]
    lines = [
        (right - 4 - 5 * len(text) if text.isascii() else right - 64, y - 14, 10, text)
        for y, row in zip(YS, rows, strict=False)
        for right, text in zip(XS[1:], row, strict=False)
    ]
    expected = "名称 | Qty | 金额（元）\n螺栓 | 1,200 | 8.50\n墊圈 | 35 | 12,000.00"
    assert tables(blocks_of(tmp_path, lines, drawn=[drawing(XS, YS, "strokes")])) == [expected]


def test_rows_that_no_lines_part_are_told_apart_by_their_figures(tmp_path: Path) -> None:
    ys = (700.0, 680.0, 600.0)
    lines = [
        *texts(XS, ys, [("型号", "数量", "Price")]),
        *[
            (x + 4, 666 - 16 * i, 10, text)
            for i, row in enumerate((("LF-1", "3", "10.5"), ("LF-2", "14", "8"), ("LF-3 型", "", "77")))
            for x, text in zip(XS, row, strict=False)
            if text
        ],
    ]
    assert tables(blocks_of(tmp_path, lines, drawn=[drawing(XS, ys, "strokes")])) == [
        "型号 | 数量 | Price\nLF-1 | 3 | 10.5\nLF-2 | 14 | 8\nLF-3 型 |  | 77"
    ]


def test_table_without_lines_at_its_sides(tmp_path: Path) -> None:
    borders = [s for s in segments(XS, YS) if not (s[0] == s[2] and s[0] in (60.0, 420.0))]
    assert tables(blocks_of(tmp_path, texts(XS, YS, ROWS), drawn=[strokes(borders)])) == [TABLE]


def test_page_that_is_shown_turned(tmp_path: Path) -> None:
    for turned, matrix in ((90, "0 1 -1 0 595 0 cm"), (180, "-1 0 0 -1 595 842 cm"), (270, "0 -1 1 0 0 842 cm")):
        # Where the system has no Chinese font, pdfium leaves out what is all Chinese and on its side.
        rows = [("DN 口径", "Flow 流量", "力矩 N·m"), *ROWS[1:]]
        lines = [*body(f"{FULL[:36]} DN50", "见表 3。", top=560), *texts(XS, [y - 180 for y in YS], rows)]
        drawn = f"{matrix}\n" + drawing(XS, [y - 180 for y in YS], "one path")
        found = blocks_of(tmp_path, lines, drawn=[drawn], turned=turned)
        table = "\n".join(" | ".join(row) for row in rows)
        assert [block.text for block in found] == [f"{FULL[:36]} DN50见表 3。".replace("50见", "50 见"), table]


def test_words_on_their_side_are_read_in_their_cell(tmp_path: Path) -> None:
    xs, ys = (60.0, 90.0, 210.0, 330.0), (700.0, 670.0, 640.0, 610.0)
    missing = [(60.0, 670.0, 90.0, 670.0), (60.0, 640.0, 90.0, 640.0)]
    label = "BT /F1 10 Tf 0 1 -1 0 78 615 Tm <{}> Tj ET".format("电气参数 Power".encode("utf-16-be").hex())
    lines = texts(xs, ys, [("", "电压", "220 V"), ("", "電流", "5 A"), ("", "功率", "1.1 kW")])
    drawn = strokes(segments(xs, ys, missing)) + "\n" + label
    assert tables(blocks_of(tmp_path, lines, drawn=[drawn])) == [
        "电气参数 Power | 电压 | 220 V\n电气参数 Power | 電流 | 5 A\n电气参数 Power | 功率 | 1.1 kW"
    ]


def test_words_one_below_the_other_are_one_word(tmp_path: Path) -> None:
    xs, ys = (60.0, 84.0, 210.0, 330.0), (700.0, 670.0, 640.0, 610.0)
    missing = [(60.0, 670.0, 84.0, 670.0), (60.0, 640.0, 84.0, 640.0)]
    lines: list[Line] = [
        *[(66, 675 - 16 * i, 8, text) for i, text in enumerate(("联系", "方式"))],
        *texts(xs, ys, [("", "電話", "010-5550 1234"), ("", "邮箱", "a@example.com"), ("", "地址", "臺北市")]),
    ]
    assert tables(blocks_of(tmp_path, lines, drawn=[strokes(segments(xs, ys, missing))])) == [
        "联系方式 | 電話 | 010-5550 1234\n联系方式 | 邮箱 | a@example.com\n联系方式 | 地址 | 臺北市"
    ]


def test_two_tables_beside_each_other_and_words_beside_them(tmp_path: Path) -> None:
    left, right = (60.0, 120.0, 180.0), (300.0, 360.0, 420.0)
    lines = [
        *texts(left, YS, [("A", "1"), ("B", "2"), ("丙級", "3")]),
        *texts(right, YS, [("甲级", "7"), ("乙级", "8"), ("C", "9")]),
        (460.0, 686.0, 10.0, "旁注：单位为毫米"),
    ]
    found = blocks_of(tmp_path, lines, drawn=[drawing(left, YS, "strokes") + "\n" + drawing(right, YS, "strokes")])
    assert sorted(tables(found)) == ["A | 1\nB | 2\n丙級 | 3", "甲级 | 7\n乙级 | 8\nC | 9"]
    assert [block.text for block in found if block.kind != "table"] == ["旁注：单位为毫米"]


def over_pages(second_rows: Sequence[Sequence[str]], mark: str = "") -> tuple[list[list[Line]], list[str]]:
    ys = (130.0, 110.0, 90.0, 70.0)
    first = [*body(FULL, "见下表。"), *texts(XS, ys, ROWS)]
    top = 780.0 - (30 if mark else 0)
    next_ys = [top - 20 * i for i in range(len(second_rows) + 1)]
    second = [
        *([(60.0, 780.0, 10.0, mark)] if mark else []),
        *texts(XS, next_ys, second_rows),
        *body("表后。", top=500),
    ]
    return [first, second], [drawing(XS, ys, "strokes"), drawing(XS, next_ys, "strokes")]


@pytest.mark.parametrize("mark", ["", "续表", "（續上頁）", "Table 3 (continued)", "续表 1　流量计规格"])
def test_table_goes_on_over_the_page_and_its_header_is_there_once(tmp_path: Path, mark: str) -> None:
    pages, drawn = over_pages([ROWS[0], ("DN80", "60", "90"), ("DN100", "95", "110")], mark)
    found = blocks_of(tmp_path, *pages, drawn=drawn)
    assert found[1:] == [
        Block("table", TABLE, page=1, header_lines=1),
        Block("table", "DN80 | 60 | 90\nDN100 | 95 | 110", page=2, continues=True),
        Block("paragraph", "表后。", page=2),
    ]


def test_table_goes_on_without_its_header(tmp_path: Path) -> None:
    pages, drawn = over_pages([("闸阀", "國產", "spare"), ("球阀", "进口", "stock")])
    found = blocks_of(tmp_path, *pages, drawn=drawn)
    assert found[2] == Block("table", "闸阀 | 國產 | spare\n球阀 | 进口 | stock", page=2, continues=True)


def test_table_below_a_title_on_the_next_page_is_another(tmp_path: Path) -> None:
    pages, drawn = over_pages([("闸阀", "數量", "note"), ("球阀", "5", "stock")], mark="表 4　备件清单")
    found = blocks_of(tmp_path, *pages, drawn=drawn)
    assert [block.text for block in found[2:4]] == ["表 4 备件清单", "闸阀 | 數量 | note\n球阀 | 5 | stock"]
    assert not found[3].continues
    assert found[3].header_lines == 1


def test_drawn_header_of_every_page_is_left_out(tmp_path: Path) -> None:
    xs, ys = (60.0, 200.0, 400.0, 540.0), (830.0, 815.0, 800.0)
    pages, drawn = [], []
    for n in range(1, 5):
        head = texts(xs, ys, [("千寻公司", "质量手册", f"第 {n} 页"), ("QM-01", "第 5 版", "共 4 页")], size=8)
        own = texts(XS, YS, [("批号", "结果", "判定"), (f"B{n}1{n}", "3.5", "合格")])
        pages.append([*head, *body(FULL, f"这是第 {n} 段。", top=760), *own])
        drawn.append(strokes(segments(xs, ys)) + "\n" + strokes(segments(XS, YS[:3])))
    found = blocks_of(tmp_path, *pages, drawn=drawn)
    assert [block.text for block in found] == [
        text for n in range(1, 5) for text in (f"{FULL}这是第 {n} 段。", f"批号 | 结果 | 判定\nB{n}1{n} | 3.5 | 合格")
    ]


# Without lines between columns


def set_rows(rows: Sequence[Sequence[str]], xs: Sequence[float], top: float = 700, step: float = 16) -> list[Line]:
    return [
        (x, top - step * i, 10, text) for i, row in enumerate(rows) for x, text in zip(xs, row, strict=False) if text
    ]


def test_figures_in_columns_are_a_table(tmp_path: Path) -> None:
    rows = [
        ("名称", "2023", "2024", "Change"),
        ("营业收入", "1,200", "1,350", "12.5%"),
        ("營業成本", "800", "870", "8.8%"),
        ("Net profit", "400", "480", "20%"),
    ]
    lines = [*body(FULL, "如下。", top=760), *set_rows(rows, (60, 200, 300, 400)), *body(FULL, "表后的话。", top=600)]
    found = blocks_of(tmp_path, lines)
    assert [block.text for block in found] == [
        FULL + "如下。",
        "\n".join(" | ".join(row) for row in rows),
        FULL + "表后的话。",
    ]
    assert found[1].kind == "table"
    assert found[1].header_lines == 1


def test_table_between_two_lines_needs_no_figures(tmp_path: Path) -> None:
    rows = [("阶段", "负责人", "Deliverable"), ("设计", "王芳", "drawings"), ("测试", "陳明", "report")]
    lines = set_rows(rows, (60, 200, 330))
    rules = strokes([(60, y, 420, y) for y in (716, 695, 660)])
    assert tables(blocks_of(tmp_path, lines, drawn=[rules])) == ["\n".join(" | ".join(row) for row in rows)]
    assert tables(blocks_of(tmp_path, lines)) == []


def test_names_over_two_columns_each(tmp_path: Path) -> None:
    xs = (60, 200, 270, 340, 410)
    lines: list[Line] = [
        (205, 716, 10, "Flow rate 流量"),
        (345, 716, 10, "Pressure 壓力 bar"),
        *set_rows([("Size", "min", "max", "min", "max")], xs),
        *set_rows([("DN25 with", "0.2", "12", "1", "16"), ("DN50", "0.8", "50", "1", "10")], xs, top=684),
    ]
    (table,) = [block for block in blocks_of(tmp_path, lines) if block.kind == "table"]
    assert table.text == (
        "| Flow rate 流量 | Flow rate 流量 | Pressure 壓力 bar | Pressure 壓力 bar\nSize | min | max | min | max\n"
        "DN25 with | 0.2 | 12 | 1 | 16\nDN50 | 0.8 | 50 | 1 | 10"
    )
    assert table.header_lines == 2


def test_row_that_goes_on_below_is_one_row(tmp_path: Path) -> None:
    xs = (60, 200, 400)
    rows = [
        ("Part", "Remark 備註", "Price"),
        ("LF-1", "with a hose of", "12.5"),
        ("", "two metres", ""),
        ("LF-2", "不含管路", "9"),
    ]
    (table,) = tables(blocks_of(tmp_path, set_rows(rows, xs)))
    assert table == "Part | Remark 備註 | Price\nLF-1 | with a hose of two metres | 12.5\nLF-2 | 不含管路 | 9"


PROSE = (
    "本手册适用于固件版本五点三",
    "及以上的一体式和分体式电磁",
    "流量计安装接线和维护前请通",
    "读全文并保存在仪表附近备查",
)


@pytest.mark.parametrize(
    "rows",
    [
        [(a, b) for a, b in zip(PROSE, reversed(PROSE), strict=True)],
        [("1.", "关闭阀门并泄压"), ("2.", "拆下保护盖"), ("3.", "清洗电极"), ("4.", "装回并通电")],
        [("•", "First item"), ("•", "第二項"), ("•", "Third item"), ("•", "第四项")],
        [("第一章　总则", "1"), ("第二章　安装", "7"), ("第三章　接线", "15"), ("第四章　维护", "22")],
        [("Introduction", "3"), ("Installation", "9"), ("Maintenance", "17"), ("Index", "40")],
        [("Wang Fang", "Chen Ming", "Li Na"), ("研发部", "质量部", "市場部"), ("Beijing", "臺北", "Shanghai")],
        [("甲方（盖章）：", "乙方（盖章）："), ("代表：", "代表："), ("日期：", "日期：")],
        [("术语", "含义"), ("口径", "管道的内径"), ("力矩", "拧紧时的力矩"), ("量程", "最大的流量")],
    ],
)
def test_columns_that_are_no_tables(tmp_path: Path, rows: list[Sequence[str]]) -> None:
    found = blocks_of(tmp_path, set_rows(rows, (60, 250, 420), step=18))
    assert tables(found) == []
    text = "".join("".join(block.text.split()) for block in found)
    assert all("".join(cell.split()) in text for row in rows for cell in row)


def test_two_columns_of_prose_read_one_after_the_other_are_no_table(tmp_path: Path) -> None:
    lines = [(x, 700 - 14 * i, 10.0, text) for x in (60, 320) for i, text in enumerate(PROSE * 3)]
    vertical = strokes([(300, 520, 300, 720), (60, 720, 540, 720), (60, 735, 540, 735), (60, 500, 540, 500)])
    for drawn in ([], [vertical]):
        assert tables(blocks_of(tmp_path, lines, drawn=drawn)) == []


def test_boxes_frames_charts_and_drawings_are_no_tables(tmp_path: Path) -> None:
    note = body("注意：接线前请断电。", "Note: switch off the power first.", top=690)
    frame = "40 40 515 762 re S\n50 640 400 70 re S\n60 640 m 400 640 l S"
    chart = strokes(segments([100 + 30 * i for i in range(9)], [400 - 20 * i for i in range(9)]))
    chance = random.Random(7)
    noise = "\n".join(
        f"{chance.uniform(0, 500):.1f} {chance.uniform(0, 800):.1f} m {chance.uniform(0, 500):.1f} 300 l S"
        for _ in range(900)
    )
    labels: list[Line] = [(80, 395 - 40 * i, 8, str(40 - 10 * i)) for i in range(4)]
    for drawn in (frame, chart, noise):
        found = blocks_of(tmp_path, [*note, *labels], drawn=[drawn])
        assert tables(found) == []
        assert any("接线前请断电" in block.text for block in found)


def test_page_of_very_many_lines_is_a_drawing(tmp_path: Path) -> None:
    xs, ys = [60 + 4.0 * i for i in range(115)], [800 - 6.5 * i for i in range(110)]
    found = blocks_of(tmp_path, body("甲", "乙"), drawn=[strokes(segments(xs, ys))])
    assert tables(found) == []


@pytest.mark.parametrize(
    "text",
    ["12.5", "1,200", "15 %", "３０", "3 kg", "2,000元", "±0.5", "-", "—", "2024-01-05", "9:30", "(1,200.5)", "20℃"],
)
def test_figures(text: str) -> None:
    assert is_figure(text)


@pytest.mark.parametrize("text", ["", "DN25", "(1)", "1.", "A. 12", "第 3 页", "口径", "电话 12", "10 minutes later"])
def test_no_figures(text: str) -> None:
    assert not is_figure(text)


def test_lines_with_gaps() -> None:
    def line(text: str, right: float, left: float = 0.0, top: float = 10.0) -> PlacedLine:
        return PlacedLine(text, 10.0, left, right, top, top - 10)

    assert is_gapped(line("DN25 12.5 30", 360))
    assert is_gapped(line("口径 流量 力矩", 300))
    assert not is_gapped(line("口径 流量 力矩", 70))
    assert not is_gapped(line("The tube must be full when measuring", 190))
    assert not is_gapped(line("本手册适用于 LF-200 型流量计", 165))
    prose = [line(FULL, 400, top=700 - 14 * i) for i in range(30)]
    assert not looks_aligned(prose)
    assert looks_aligned([*prose, line("甲 12", 200, top=100), line("乙 15", 200, top=84)])
    apart = [line("甲", 10, top=50), line("12", 120, 100, 50), line("乙", 10, top=34), line("3", 120, 100, 34)]
    assert looks_aligned(apart)
    assert may_have_cells(apart)
    assert may_have_cells([line("DN25 with flange 力矩", 200)])
    assert not may_have_cells(prose)


# Through the whole


def test_question_of_a_cell_finds_its_rows_with_the_header_and_the_page(tmp_path: Path) -> None:
    names = [f"{kind}-{n:03d}" for kind in ("闸阀", "Pump", "壓力表") for n in range(60)]
    rows = [(name, f"{n * 7 % 997} kPa", f"第 {n % 9 + 1} 库房") for n, name in enumerate(names)]
    per_page = 30
    ys = [740.0 - 20 * i for i in range(per_page + 2)]
    pages = [
        texts(XS, ys, [("设备编号", "工作压力", "存放地点"), *rows[at : at + per_page]])
        for at in range(0, len(rows), per_page)
    ]
    (tmp_path / "台账.pdf").write_bytes(pdf(pages, drawn=[drawing(XS, ys, "strokes")] * len(pages)))
    with qianxun.open(
        tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1", "splitting.max_tokens=128"]
    ) as kb:
        kb.add(tmp_path / "台账.pdf")
        for n in (3, 75, 176):
            name, pressure, _ = rows[n]
            best = kb.search(f"设备编号 {name} 的工作压力", k=3, mode="lexical").passages[0]
            assert f"{name} | {pressure}" in best.text
            assert best.page == n // per_page + 1
            assert "设备编号 | 工作压力 | 存放地点" in f"{best.context}\n{best.text}"
        (document,) = kb.documents()
        assert kb.text(document.id).count("设备编号") == 1


def test_damaged_files_with_tables_are_refused_or_read(tmp_path: Path) -> None:
    pages, drawn = over_pages([ROWS[0], ("DN80", "60", "90")])
    whole = pdf(pages, drawn=drawn, outline=[("安装", 0)], title="手册")
    chance = random.Random(20261)
    n_read = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 30)):
            data[chance.randrange(9, len(data))] = chance.choice(b"0123456789 .-/<>[]()mlSreBTET\x00\xff")
        if chance.random() < 0.3:
            del data[chance.randrange(9, len(data)) :]
        with contextlib.suppress(UnreadableDocument):
            n_read += bool(cleaned(loaded(tmp_path, bytes(data))))
    assert n_read > 100
