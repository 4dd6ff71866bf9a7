"""A document's text as HTML: nothing of it is lost, nothing of it is markup, and just what was cited is marked."""

import html
import re
from html.parser import HTMLParser
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from qianxun.marking import excerpt, occurrences
from qianxun.web.laid_out import begins_within, heads_above, laid_out

PIECES = (
    "# 标题\n", "## Heading 二\n", "| 城市 | Limit |\n", "| --- | :-: |\n", "| 上海 | 650 |\n", "|a|\n", "|\n",
    "| --- |\n", "<script>alert(1)</script>", "&lt;b&gt;", '" onclick="x', "'", "差旅住宿標準：", "limit 650，", "\\|",
    "\n", " ", "𠮷é", "-->", "型号 | 价格\n", "LF-200 | 5,680\n", "a | b | c\n", "LG-8 |  | 3\n", " | ",
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
TAGS = {"h3", "h4", "h5", "h6", "mark", "div", "table", "thead", "tbody", "tr", "th", "td"}


class Read(HTMLParser):
    """What a browser sees: the text, and which of its characters are marked."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.marked, self.tags = "", "", set[str]()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        self.marked += data if "mark" in self.open else ""


def plain(text: str) -> str:
    """A text without what a table shows by its lines: bars, rules, and white space."""
    return re.sub(r"[-:|\s]", "", text)


@given(texts)
def test_all_of_a_text_is_shown_and_nothing_of_it_is_markup(text: str) -> None:
    read = Read(str(laid_out(text, [])))
    assert read.tags <= TAGS
    assert set(read.attributes) <= {("class", "wide"), ("tabindex", "0")}
    assert plain(read.text) == plain(text)
    if "table" not in read.tags:
        assert read.text == text


@given(texts, st.data())
def test_just_what_was_cited_is_marked(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    read = Read(str(laid_out(text, [(start, end)])))
    assert plain(read.text) == plain(text)
    assert plain(read.marked) == plain(text[start:end])
    if "table" not in read.tags:
        assert read.marked == text[start:end]
        assert read.attributes.count(("id", "cited")) == (1 if end > start else 0)


@given(texts, st.integers(0, 500), st.data())
def test_a_window_of_a_text_is_marked_as_the_whole_is(text: str, offset: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    whole = laid_out(text, [(start, end)])
    assert laid_out(text, [(start + offset, end + offset)], offset=offset) == whole


def test_a_citation_over_cells_is_marked_in_each_of_them() -> None:
    text = "| 城市 | 限额 |\n| --- | --- |\n| 上海 | 650 |\n"
    start = text.index("上海")
    page = str(laid_out(text, [(start, text.index(" |\n", start))]))
    assert '<td><mark id="cited">上海</mark></td><td><mark>650</mark></td>' in page
    assert page.count('id="cited"') == 1


def test_tables_of_other_formats_are_tables() -> None:
    text = "价格表\n型号 | 目录价\nLF-200 | 5,680\n| 另议\nLG-8 |\n\n一行 | 三 | 格\n完 | 了\n"
    page = str(laid_out(text, []))
    assert page.startswith("价格表\n<div")
    assert "<thead><tr><th>型号</th><th>目录价</th></tr></thead><tbody><tr><td>LF-200</td><td>5,680</td></tr>" in page
    assert "<tr><td></td><td>另议</td></tr><tr><td>LG-8</td></tr></tbody>" in page
    assert page.endswith("</div>\n一行 | 三 | 格\n完 | 了\n")


HEADS = "| 名称 Name | Price |\n|---|---:|\n"
MARKDOWN = HEADS + "".join(f"| Widget {n} | {n}.50 EUR |\n" for n in range(60))
CELLS = "编号 | 名稱\n" + "".join(f"A{n:03} | 零件{n}\n" for n in range(60))


@pytest.mark.parametrize(
    "text, known, heads",
    [
        (MARKDOWN, "", HEADS),
        (CELLS, "", "编号 | 名稱\n"),
        ("价格表。\n\n" + CELLS, "", "编号 | 名稱\n"),
        # The second part of a table: with the heads it is kept with, or with none.
        (MARKDOWN[MARKDOWN.index("| Widget 3") :], HEADS.rstrip(), HEADS),
        (MARKDOWN[MARKDOWN.index("| Widget 3") :], "", ""),
        (CELLS[CELLS.index("A003") :], "编号 | 名稱", "编号 | 名稱\n"),
        # Without heads that it is kept with, the first row is taken for them where nothing is before it.
        (CELLS[CELLS.index("A003") :], "另一 | 张 | 表", "A003 | 零件3\n"),
    ],
)  # fmt: skip
def test_a_table_has_its_own_heads_or_none_from_whichever_row_it_is_shown(text: str, known: str, heads: str) -> None:
    begin = text.index("\n", len(text) // 2) + 1
    assert heads_above(text, begin, known) == heads
    page = str(laid_out(heads + text[begin:], []))
    assert page.count("<tr>") == text[begin:].count("\n") + bool(heads)
    assert ("<th>" in page) is bool(heads)
    assert page.endswith("</tbody></table></div>")
    assert "|" not in page
    # Not for what is no row; and who begins within one does not know them.
    assert heads_above("年假五天。\n" * 3, 6) == ""
    assert heads_above(text, begin + 2) is None


def test_a_later_part_of_a_table_has_no_heads_where_they_are_not_known() -> None:
    part = CELLS[CELLS.index("A003") :]
    begin = part.index("A010")
    assert heads_above(part, begin, within=True) is None
    assert heads_above(part, 0, within=True) is None
    assert heads_above(part, begin, "编号 | 名稱", within=True) == "编号 | 名稱\n"
    page = str(laid_out(part[begin:], [], within=True))
    assert page.startswith('<div class="wide" tabindex="0"><table><tbody><tr><td>A010</td><td>零件10</td></tr>')
    assert "<th>" not in page
    # A further table of the same text has its own.
    page = str(laid_out(f"{part}\n价格表\n型号 | Price\nLF | 5\n", [], within=True))
    assert re.findall("<th>(.*?)</th>", page) == ["型号", "Price"]
    assert begins_within(CELLS, CELLS.index("A003"))
    assert begins_within(CELLS, CELLS.index("A003") + 2)
    assert not any(map(begins_within, (CELLS, "价格表。\n\n" + CELLS, "年假。\n五天。"), (0, 6, 4)))


def test_heads_so_far_above_that_nobody_looks_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qianxun.web.laid_out._MOST_ROWS", 3)
    assert heads_above(CELLS, CELLS.index("A001")) == "编号 | 名稱\n"
    assert heads_above(CELLS, CELLS.index("A030")) is None
    assert heads_above("長" * 5_000 + " | 格\n表 | 格\n", 5_005) is None


def test_behind_a_row_with_fewer_cells_the_table_goes_on_without_new_heads() -> None:
    # Empty cells at a row's end are not in the text of a sheet.
    text = "型号 | 价格 | 备注\nA | 1 | x\nB | 2\nC | 3 | y\nD | 4 | z\n"
    assert re.findall("<th>(.*?)</th>", str(laid_out(text, []))) == ["型号", "价格", "备注"]
    assert str(laid_out(text, [])).endswith("<tr><td>D</td><td>4</td><td>z</td></tr></tbody></table></div>")
    two = "a | b\n1 | 2\n\nx | y | z\n3 | 4 | 5\n"
    assert re.findall("<th>(.*?)</th>", str(laid_out(two, []))) == ["a", "b", "x", "y", "z"]


CHIP = Markup('<a href="/view">1</a>')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("| a | b |\n|-|-|\n| 1 | 2 ^ |\n", "<td>1</td><td>2^</td>"),
        ("| a | b |\n|---|---|\n| ^1 | 2^|\n", "<td>^1</td><td>2^</td>"),
        ("| a | b |\n|---|---|\n| 1 ^ |^ 2 |\n", "<td>1^</td><td>^2</td>"),
        # Behind the last bar, behind the rule, in an empty cell.
        ("| a | b |\n|---|---|\n| 1 | 2 | ^\n", "<td>1</td><td>2^</td>"),
        ("| a | b |\n|---|---|^\n| 1 | 2 |\n", "<td>^1</td><td>2</td>"),
        ("| a | b |\n|---|---|\n|  | ^ |\n", "<td></td><td>^</td>"),
        ("型号 | 价 ^\nLF | 5 ^\n", "<th>型号</th><th>价^</th></tr></thead><tbody><tr><td>LF</td><td>5^</td>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n^ 后文。^", "</div>^ 后文。^"),
        ("前文^。\n^| a | b |\n|---|---|", "前文^。\n<div"),
        ("前文^^", "前文^^"),
        ("^", "^"),
        ("", ""),
    ],
)
def test_what_is_put_in_a_text_is_in_the_cell_or_line_of_its_place(text: str, expected: str) -> None:
    assert expected in with_chips(text)


def with_chips(text: str) -> str:
    """A text laid out, with a link where `^` stands; shown as that again."""
    parts = text.split("^")
    places = list(accumulate(map(len, parts)))[:-1]
    return str(laid_out("".join(parts), [], put=[(place, CHIP) for place in places])).replace(str(CHIP), "^")


@given(texts, st.lists(st.integers(0, 500), max_size=6), st.data())
def test_nothing_that_is_put_in_a_text_is_lost(text: str, places: list[int], data: st.DataObject) -> None:
    put = [(place, Markup("<i>{}</i>").format(n)) for n, place in enumerate(sorted(min(p, len(text)) for p in places))]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    page = str(laid_out(text, [(start, end)], put=put))
    assert re.findall("<i>(.*?)</i>", page) == [str(n) for n in range(len(put))]
    assert re.sub("<i>.*?</i>", "", page) == str(laid_out(text, [(start, end)]))


def test_heads_and_the_rule_below_them_are_shown_once() -> None:
    after = len("| 名称 Name | Price |\n")
    assert heads_above(MARKDOWN, 0) == ""
    assert heads_above(MARKDOWN, after) == "| 名称 Name | Price |\n"
    assert str(laid_out(heads_above(MARKDOWN, after) + MARKDOWN[after:], [])) == str(laid_out(MARKDOWN, []))


@pytest.mark.parametrize("text", ["# 一\n## 二\n", "###### six\n"])
def test_headings_come_below_those_of_the_page(text: str) -> None:
    assert not {"h1", "h2"} & Read(str(laid_out(text, []))).tags


def test_entities_of_a_text_stay_as_they_are_written() -> None:
    assert html.unescape(str(laid_out("&lt;b&gt; &amp;amp;", []))) == "&lt;b&gt; &amp;amp;"


@given(texts, st.lists(st.sampled_from(["差旅", "旅住", "limit", "650", "x"]), max_size=4), st.integers(10, 80))
def test_an_excerpt_is_a_part_that_is_not_too_long(text: str, matched: list[str], most: int) -> None:
    start, end = excerpt(text, matched, most)
    assert 0 <= start <= end <= len(text)
    assert end - start <= most + max(24, most // 2)
    if "|" not in text:
        assert end - start <= most + 24
    if len(text) <= most:
        assert (start, end) == (0, len(text))


@pytest.mark.parametrize(
    "text, matched, expected",
    [
        ("前言。" * 100 + "上海住宿限额为每晚六百五十元。" + "后记。" * 100, ["住宿", "限额"], "上海住宿限额为每晚"),
        ("Preface here. " * 40 + "The hotel limit is 650. " + "The end. " * 40, ["hotel", "limit"], "The hotel limit"),
        ("第一句話。" * 60, [], "第一句話。"),
    ],
)  # fmt: skip
def test_an_excerpt_begins_with_the_sentence_that_matched(text: str, matched: list[str], expected: str) -> None:
    start, end = excerpt(text, matched, 100)
    assert expected in text[start:end]
    assert start == 0 or text[:start].rstrip().endswith(("。", "."))


@pytest.mark.parametrize("matched", [["widget", "17"], ["widget", "17", "price"], ["price", "widget", "17", "eur"]])
def test_what_stands_side_by_side_as_asked_is_shown_and_rows_are_whole(matched: list[str]) -> None:
    # The single words are all in the first rows: 17 is a price, and a stock.
    rows = [f"| Widget {n} | {n * 3.5:.2f} EUR | {(n + 14) % 40} |\n" for n in range(1, 60)]
    text = "| Name | Price | Stock |\n|---|---:|---|\n" + "".join(rows)
    for most in (120, 240, 360):
        start, end = excerpt(text, matched, most)
        assert "| Widget 17 | 59.50 EUR |" in text[start:end]
        assert text[start - 1] == "\n"
        assert text[end - 1] == "\n" or text[end] == "\n"


@pytest.mark.parametrize(
    "row", ["A{n:03} | 零件{n} | 第{n}号零件的說明 库存若干 112", "全形{n} | ｐａｒｔ {n} | " + "说明。" * 25]
)
def test_long_rows_are_whole(row: str) -> None:
    text = "".join(row.format(n=n) + "\n" for n in range(40))
    for n in (3, 20, 38):
        start, end = excerpt(text, ["零件", "part", str(n), "号零"], 360)
        assert row.format(n=n) in text[start:end]
        assert not start or text[start - 1] == "\n"
        assert text[end - 1 : end + 1].count("\n")


@pytest.mark.parametrize(
    "text, matched, marked",
    [
        ("17.50 EUR 与 17 件", ["17"], ["17"]),
        ("117 und 1,170 and 1,17", ["17"], []),
        ("17.50 EUR, 17,000 元，第17.5页", ["17", "50"], ["17", "50"]),
        ("2025.11.03 发布 v3.2", ["2025", "v3"], ["2025", "v3"]),
        ("１７．５０ 元 17。50 年", ["17"], ["１７", "17"]),
        ("限额1,200元", ["1", "200"], ["1", "200"]),
    ],
)  # fmt: skip
def test_a_part_of_a_number_is_no_number(text: str, matched: list[str], marked: list[str]) -> None:
    assert [text[a:b] for a, b, _ in occurrences(text, matched)] == marked
