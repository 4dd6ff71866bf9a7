"""Tables in questions and passages: read, understood, computed; against a slow reference where one can be written."""

# ruff: noqa: E501 (a Chinese character counts as two)

import itertools
from decimal import Decimal
from fractions import Fraction

import pytest
import table_questions as written
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.answering.tables import (
    Computed,
    Condition,
    Operation,
    Period,
    Quantity,
    Refused,
    Table,
    Unit,
    as_prompt,
    compute,
    instruction,
    operations,
    results,
    table_of,
    tables_in,
)
from qianxun.answering.tables.layout import laid_out
from qianxun.answering.tables.periods import in_order, periods_in, read_period
from qianxun.answering.tables.values import read_value
from qianxun.messages import set_language
from qianxun.records import Passage, Span


def only(text: str) -> Table:
    (table,) = tables_in(text)
    return table


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def asked(question: str, text: str) -> list[Computed | Refused]:
    tables = tables_in(f"{text}\n{question}")
    return [result for table in tables for result in results(question, table)]


def passage(text: str, context: str = "") -> Passage:
    return Passage(1, 0.9, 7, 3, "a.csv", "表", None, None, (), Span(40, 40 + len(text)), text, context, (), {})


# --- values


@pytest.mark.parametrize(
    "text, number, unit",
    [
        ("1,200", "1200", ""), ("１２００", "1200", ""), ("１，２００", "1200", ""), ("1 200", "1200", ""),
        ("1.2万", "1.2", "万"), ("１．２萬元", "1.2", "万元"), ("3.5亿", "3.5", "亿"), ("12%", "12", "%"),
        ("12％", "12", "%"), ("百分之五", "5", "%"), ("¥1,200.50", "1200.50", "¥"), ("￥５", "5", "¥"),
        ("(1,200)", "-1200", ""), ("（１２）", "-12", ""), ("−5", "-5", ""), ("-$3.5", "-3.5", "$"), ("$-3.5", "-3.5", "$"),
        ("一千二百", "1200", ""), ("三萬五千", "35000", ""), ("兩百零五", "205", ""), ("壹佰", "100", ""), ("三点五", "3.5", ""),
        ("1.2K", "1.2", "k"), ("3M", "3", "M"), ("3m", "3", "m"), ("$3m", "3", "$M"), ("USD 1.2 million", "1.2", "million USD"),
        ("35元/件", "35", "元/件"), ("7 days", "7", "days"), ("25℃", "25", "°C"), ("**860**", "860", ""), ("↓2%", "-2", "%"),
        ("0.10", "0.10", ""), ("5,000元", "5000", "元"), ("120 件", "120", "件"),
    ],
)  # fmt: skip
def test_a_number_is_read_in_every_writing(text, number, unit):
    value = read_value(text)
    assert isinstance(value, Quantity)
    assert (value.number, value.unit.text) == (Decimal(number), unit)


@pytest.mark.parametrize(
    "text", ["约120", "~120", ">100", "<5", "1,5", "12,34", "00123", "5%-10%", "10:30", "3室", "百", "1.2.3", "138 1234 5678",
             "华东", "A12", "+-5", "(−5)", "v2", "¥5美元"],
)  # fmt: skip
def test_what_is_no_exact_number_is_words(text):
    assert read_value(text) == "words"


@pytest.mark.parametrize(
    "text", ["", " ", "-", "—", "–", "N/A", "n/a", "ＮＡ", "NaN", "null", "无", "無", "暂无", "未統計", "…"]
)
def test_a_missing_value_is_empty_and_not_zero(text):
    assert read_value(text) == "empty"


def test_scales_and_units_are_compared_by_what_they_are():
    assert read_value("1.2万").exact == Decimal(12000)
    assert Unit("¥").key == Unit("元").key == Unit("rmb").key != Unit("$").key
    assert Unit("元/件").key == Unit("¥/pcs").key


@pytest.mark.parametrize(
    "text, period",
    [
        ("2024年", Period("year", 2024)), ("FY24", Period("year", 2024)), ("二〇二四年", Period("year", 2024)),
        ("2023/24", Period("year", 2023)), ("2024年3月", Period("month", 2024, 3)), ("2024-03", Period("month", 2024, 3)),
        ("2011-12", Period("month", 2011, 12)), ("2024/3", Period("month", 2024, 3)), ("Mar 2024", Period("month", 2024, 3)),
        ("March", Period("month", None, 3)), ("三月", Period("month", None, 3)), ("十二月份", Period("month", None, 12)),
        ("１２月", Period("month", None, 12)), ("Q1 2024", Period("quarter", 2024, 1)), ("2024Q1", Period("quarter", 2024, 1)),
        ("1Q24", Period("quarter", 2024, 1)), ("第一季度", Period("quarter", None, 1)), ("2024年二季度", Period("quarter", 2024, 2)),
        ("上半年", Period("half", None, 1)), ("H2 2023", Period("half", 2023, 2)), ("Monday", Period("weekday", None, 1)),
        ("周日", Period("weekday", None, 7)), ("禮拜三", Period("weekday", None, 3)), ("第3周", Period("week", None, 3)),
        ("2024-W05", Period("week", 2024, 5)), ("2024-01-05", Period("day", 2024, 105)), ("1月5日", Period("day", None, 105)),
        ("Jan 5, 2024", Period("day", 2024, 105)), ("5-Jan-2024", Period("day", 2024, 105)), ("Sprint 3", Period("step:sprint", None, 3)),
        ("第十一期", Period("step:期", None, 11)),
    ],
)  # fmt: skip
def test_a_period_is_read_in_every_writing(text, period):
    assert read_period(text) == period


@pytest.mark.parametrize(
    "text", ["2024", "3/4/2024", "13月", "Q5", "2024-13", "May I", "2024.03", "周期", "week 60", "2月30日", "2023-W53"]
)
def test_what_may_be_something_else_is_no_period(text):
    assert read_period(text) is None


def test_a_verb_is_no_month():
    assert periods_in("May I ask how profits march on?") == []
    assert [p.period for p in periods_in("Was March better than may?")] == [
        Period("month", None, 3),
        Period("month", None, 5),
    ]


def test_months_that_run_over_new_year_stay_in_line():
    assert in_order([Period("month", None, n) for n in (11, 12, 1, 2)]) == [0, 1, 2, 3]
    assert in_order([Period("month", None, n) for n in (3, 1, 2)]) == [1, 2, 0]


def test_a_month_lies_in_its_quarter_half_and_year():
    march = Period("month", 2024, 3)
    for wider in (
        Period("quarter", 2024, 1),
        Period("quarter", None, 1),
        Period("half", 2024, 1),
        Period("year", 2024),
    ):
        assert march.lies_in(wider)
    for other in (
        Period("quarter", 2023, 1),
        Period("quarter", 2024, 2),
        Period("half", None, 2),
        Period("year", 2023),
    ):
        assert not march.lies_in(other)


# --- reading

FORMATS = {
    "markdown": "| 月份 | 销售额 |\n|:--|--:|\n| 1月 | 1,200 |\n| 2月 | 1,350 |",
    "bars": "月份 | 销售额\n1月 | 1,200\n2月 | 1,350",
    "full-width bars": "月份｜销售额\n１月｜１，２００\n２月｜１，３５０",
    "box": "+------+--------+\n| 月份 | 销售额 |\n+------+--------+\n| 1月  | 1,200  |\n| 2月  | 1,350  |\n+------+--------+",
    "drawn box": "┌──────┬────────┐\n│ 月份 │ 销售额 │\n├──────┼────────┤\n│ 1月  │ 1,200  │\n│ 2月  │ 1,350  │\n└──────┴────────┘",
    "tabs": "月份\t销售额\n1月\t1,200\n2月\t1,350",
    "quoted commas": '月份,销售额\n1月,"1,200"\n2月,"1,350"',
    "comma and space": "月份, 销售额\n1月, 1,200\n2月, 1,350",
    "semicolons": "月份;销售额\n1月;1,200\n2月;1,350",
    "full-width commas": "月份，销售额\n1月，1,200\n2月，1,350",
    "aligned": "月份    销售额\n1月     1,200\n2月     1,350",
    "full-width spaces": "月份　销售额\n1月　1,200\n2月　1,350",
    "single spaces": "月份 销售额\n1月 1,200\n2月 1,350",
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "before, after", [("", ""), ("请总结趋势：\n\n", "\n\n谢谢！"), ("What is the total?\n", "\nThanks.")]
)
def test_a_table_is_found_in_every_writing_with_its_exact_place(name, before, after):
    text = before + FORMATS[name] + after
    table = only(text)
    assert table.header == ("月份", "销售额")
    assert [[cell.value for cell in row] for row in table.rows] == [
        [Period("month", None, 1), Quantity(Decimal(1200))],
        [Period("month", None, 2), Quantity(Decimal(1350))],
    ]
    assert text[table.span.start : table.span.end] == FORMATS[name]
    for row in table.rows:
        for cell in row:
            assert cell.span is not None
            assert text[cell.span.start : cell.span.end] == cell.text
    assert instruction(text, [table]) == "\n".join((before + after).split("\n")).strip().replace("\n\n", "\n").replace(
        "\n\n", "\n"
    )


@pytest.mark.parametrize(
    "text, rows, place",
    [
        ("一月 120，二月 135，三月 150", [["一月", "120"], ["二月", "135"], ["三月", "150"]], "一月 120，二月 135，三月 150"),
        ("Jan: 120, Feb: 135. Trend?", [["Jan", "120"], ["Feb", "135"]], "Jan: 120, Feb: 135"),
        ("Jan: 1,200, Feb: 1,350", [["Jan", "1,200"], ["Feb", "1,350"]], "Jan: 1,200, Feb: 1,350"),
        ("請看：１月１２０、２月１３５，趨勢如何？", [["１月", "１２０"], ["２月", "１３５"]], "１月１２０、２月１３５"),
        ("Q1 120 Q2 135 Q3 150", [["Q1", "120"], ["Q2", "135"], ["Q3", "150"]], "Q1 120 Q2 135 Q3 150"),
        ("New York: 5, Los Angeles: 7 and Boston: 9. Total?", [["New York", "5"], ["Los Angeles", "7"], ["Boston", "9"]],
         "New York: 5, Los Angeles: 7 and Boston: 9"),
        ("苹果5元，香蕉3元，梨4元，总共多少钱", [["苹果", "5元"], ["香蕉", "3元"], ["梨", "4元"]], "苹果5元，香蕉3元，梨4元"),
        ("- 北京：3.2亿\n- 上海：4.1亿\n- 广州：2.5亿", [["北京", "3.2亿"], ["上海", "4.1亿"], ["广州", "2.5亿"]], None),
        ("Rent = $1,800\nFood = $640.50\nFun = $349.50", [["Rent", "$1,800"], ["Food", "$640.50"], ["Fun", "$349.50"]], None),
    ],
)  # fmt: skip
def test_a_list_of_names_and_numbers_is_a_table(text, rows, place):
    table = only(text)
    assert texts(table) == rows
    assert text[table.span.start : table.span.end] == (text if place is None else place)


@pytest.mark.parametrize(
    "text",
    [
        "I bought 3 apples, 4 pears and 5 plums.", "会议时间：3月5日，地点：301会议室，参加人数：20人，主持人：张三。",
        "根据第3条，第5款，第12项的规定，违约金为10%。", "Dear Bob,\nThanks, I will come at 5.\nBest, Alice",
        "def f(a, b):\n    x = a, 1\n    y = b, 2\n    return x, y", "1. 打开设置\n2. 点击网络\n3. 选择 WiFi",
        "The ratio is 3:2, 4:5, 6:7.", "版本 1.2.3，1.2.4，2.0", "a|b", "My phone is 138 1234 5678, office 010-6255-1234.",
        "1月,1,200\n2月,1,350", "Mon 9:00-17:00, Tue 9:00-17:00, Wed closed", "", "年假可以顺延吗？", "地址：北京市中关村大街1号，邮编：100080",
        "The meeting on Monday, 5 March, is with Bob, Alice and 3 others.\nPlease come, or call 110, 120.",
    ],
)  # fmt: skip
def test_prose_and_what_can_be_cut_in_two_ways_is_no_table(text):
    assert tables_in(text) == ()


def test_two_tables_are_two_and_the_rest_is_the_question():
    text = f"今年：\n{FORMATS['markdown']}\n\n去年：\n{FORMATS['tabs']}\n哪年多？"
    tables = tables_in(text)
    assert [text[t.span.start : t.span.end] for t in tables] == [FORMATS["markdown"], FORMATS["tabs"]]
    assert instruction(text, tables) == "今年：\n去年：\n哪年多？"


def test_a_fence_goes_with_its_table():
    text = f"```\n{FORMATS['quoted commas']}\n```\nTotal?"
    assert instruction(text, tables_in(text)) == "Total?"


def test_merged_headers_become_one_name_for_each_column():
    assert only(written.TABLES["wide_en"]).header == (
        "Region",
        "2023 Sales",
        "2023 Profit",
        "2024 Sales",
        "2024 Profit",
    )
    repeated = "| 地区 | 2023 | 2023 |\n| 地区 | 销售额 | 利润 |\n|--|--|--|\n| 华东 | 1 | 2 |"
    assert only(repeated).header == ("地区", "2023 销售额", "2023 利润")


def test_escaped_bars_missing_and_surplus_cells_keep_their_columns():
    table = only("| a \\| b | n | m |\n|---|---|---|\n| x \\| y | 1 |\n| z | | 3 |")
    assert table.header == ("a | b", "n", "m")
    assert texts(table) == [["x | y", "1", ""], ["z", "", "3"]]


def test_a_line_over_the_table_is_no_row_and_no_header():
    table = only("2024年销售统计\t\t\n月份\t销售额\t利润\n1月\t5\t1\n2月\t6\t2")
    assert table.header == ("月份", "销售额", "利润")
    assert len(table.rows) == 2


@pytest.mark.parametrize(
    "header, name, unit",
    [
        ("销售额（万元）", "销售额", "万元"), ("Sales (USD)", "Sales", "USD"), ("Sales ($M)", "Sales", "$M"), ("占比(%)", "占比", "%"),
        ("Revenue in USD million", "Revenue", "million USD"), ("产量/吨", "产量", "吨"), ("單價（元/件）", "單價", "元/件"),
        ("金额（单位：元）", "金额", "元"), ("销售额（含税）", "销售额（含税）", ""), ("Budget (k€)", "Budget", "€k"), ("Sales (2024)", "Sales (2024)", ""),
    ],
)  # fmt: skip
def test_a_header_says_the_unit(header, name, unit):
    column = only(f"| 项 | {header} |\n|--|--|\n| a | 1 |\n| b | 2 |").columns[1]
    assert (column.name, column.unit.text) == (name, unit)


@pytest.mark.parametrize(
    "label",
    ["合计", "总计", "合 计", "**小计**", "總計", "Total", "Grand total", "Average", "平均", "全年", "华东小计"],
)
def test_a_row_that_sums_up_others_is_no_data(label):
    table = only(f"| 地区 | n |\n|--|--|\n| 华东 | 1 |\n| 华南 | 2 |\n| {label} | 3 |")
    assert table.summaries == {2}


def test_years_identifiers_and_mixed_units_are_told_from_amounts():
    table = only(
        "| 编号 | 年份 | 金额 | 价格 | 数 |\n|--|--|--|--|--|\n| 1001 | 2023 | 5元 | 1 | 3 |\n| 1002 | 2024 | 6美元 | 约2 | 4 |\n| 1003 | 2025 | 7元 | 3 | 0 |"
    )
    assert [column.kind for column in table.columns] == ["identifier", "period", "number", "number", "number"]
    assert [column.problem is None for column in table.columns] == [True, True, False, False, True]


def test_dotted_months_are_periods_only_where_a_column_of_them_stands_for_time():
    table = only("月份\t金额\n2024.01\t1911.01\n2024.02\t2024.03")
    assert [column.kind for column in table.columns] == ["period", "number"]


# --- passages


def test_a_passage_of_rows_has_the_header_of_its_context():
    text = "华东 | 120 | 3\n华南 | 90 | \n | 20 | 1"
    table = table_of(passage(text, "年度报告 › 销售\n地区 | 销售额（万元） | 店数"))
    assert table is not None
    assert table.header == ("地区", "销售额（万元）", "店数")
    assert texts(table) == [["华东", "120", "3"], ["华南", "90", ""], ["", "20", "1"]]
    assert text[table.span.start : table.span.end] == text
    assert table.rows[1][1].span == Span(text.index("90"), text.index("90") + 2)
    (result,) = results("销售额合计", table)
    assert result.value == 230


def test_a_passage_that_begins_its_table_has_its_own_header():
    table = table_of(passage(f"下表为月度数据。\n\n{FORMATS['markdown']}\n\n数据未经审计。", "报告"))
    assert table is not None
    assert table.header == ("月份", "销售额")
    assert len(table.rows) == 2


def test_a_markdown_header_of_two_lines_and_one_of_two_rows_are_read_from_the_context():
    table = table_of(passage("| 1月 | 5 |\n| 2月 | 6 |", "| 月份 | 销售额 |\n|---|---|"))
    assert table is not None
    assert table.header == ("月份", "销售额")
    table = table_of(passage("华东 | 1 | 2", "地区 | 2023 | 2023\n地区 | 销售额 | 利润"))
    assert table is not None
    assert table.header == ("地区", "2023 销售额", "2023 利润")


def test_a_passage_of_prose_has_no_table():
    assert table_of(passage("员工入职满一年后，每年享有 10 天带薪年休假。", "制度")) is None


# --- layout


def test_periods_across_become_rows_and_keep_their_places():
    table = only(written.TABLES["wide_zh"])
    long = laid_out(table)
    assert long.header == ("地区", "", "")
    assert [cell.text for cell in long.rows[1]] == ["华东", "2023年", "330"]
    assert (long.rows[1][2].row, long.rows[1][2].column) == (0, 2)
    assert len(long.data_rows) == 9


def test_rows_that_are_measures_become_columns():
    long = laid_out(only(written.TABLES["metrics"]))
    assert long.header == ("", "营收（亿元）", "净利润（亿元）", "毛利率")
    assert [column.unit.text for column in long.columns] == ["", "亿元", "亿元", "%"]


# --- questions

CASES = [*written.DEVELOPMENT, *written.HELD_OUT, *written.SECOND_HELD_OUT, *written.THIRD_HELD_OUT]


def found(case):
    name, question, _ = case
    text = f"{written.TABLES[name]}\n{question}"
    tables = tables_in(text)
    said = instruction(text, tables)
    return [result for table in tables for result in results(said, table)]


def fits(result, expected) -> bool:
    name, value, parts = expected
    if name == "refused":
        return isinstance(result, Refused)
    if isinstance(result, Refused) or result.operation.name != name or (value is not None and result.value != value):
        return False
    have = {zh: number for zh, _, number in result.parts}
    return all(have.get(label) == number for label, number in parts.items()) and (
        value is not None or len(have) == len(parts)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}: {c[1]}")
def test_a_question_gets_exactly_the_figures_that_it_asks_for(case):
    results_found = found(case)
    assert len(results_found) == len(case[2])
    for expected in case[2]:
        assert any(fits(result, expected) for result in results_found), results_found


@pytest.mark.parametrize(
    "name, question",
    [
        *written.NOTHING_DEVELOPMENT,
        *written.NOTHING_HELD_OUT,
        *written.NOTHING_SECOND_HELD_OUT,
        *written.NOTHING_THIRD_HELD_OUT,
    ],
)
def test_a_question_that_asks_for_no_figure_gets_none(name, question):
    assert found((name, question, [])) == []


def test_the_trend_is_said_in_one_sentence_of_each_language():
    text = "月份 | 销售额\n2024年1月 | 120\n2024年2月 | 110\n2024年3月 | 130\n2024年4月 | 150\n2024年5月 | 170\n2024年6月 | 180"
    (result,) = asked("总结趋势", text)
    assert isinstance(result, Computed)
    assert result.statement_zh == (
        "销售额从 2024年1月 的 120 升到 2024年6月 的 180，增加 60（+50.0%），平均每月增加 12；"
        "最高为 2024年6月 180，最低为 2024年2月 110；转折点：2024年2月（由降转升）。"
    )
    assert result.statement_en == (
        "销售额 rose to 180 in 2024年6月, from 120 in 2024年1月, an increase of 60 (+50.0%), 12 per month on average; "
        "highest in 2024年6月 (180), lowest in 2024年2月 (110); turning points: 2024年2月 (trough)."
    )


@pytest.mark.parametrize(
    "question, text, zh",
    [
        ("合计", "部门，费用\n研发，300\n市场，200\n合计，600", "费用合计 500（2 项；表中合计写的是 600，与此不符）。"),
        ("合计", "部门，费用\n研发，300\n市场，n/a\n行政，1", "费用合计 301（2 项；1 个空缺未计入）。"),
        ("平均", "部门，费用\n研发，1\n市场，1\n行政，0", "费用平均为 0.67（3 项；四舍五入到 2 位小数）。"),
        ("占比合计", "渠道，占比\n线上，60%\n门店，40%", "占比未计算：百分比不能相加。"),
        ("金额合计", "项目，金额\n房租，5元\n差旅，3美元", "金额未计算：各数的单位不同（元, 美元）。"),
        ("金额合计", "项目，金额\n房租，5\n差旅，6\n餐费，约7", "金额未计算：第 3 行的 '约7' 不是确切的数。"),
        ("趋势", "项目，金额\n房租，5\n差旅，6", "金额未计算：表中没有说明各行先后的时间列。"),
        ("二月环比", "月份，金额\n一月，0\n二月，6", "金额从 一月 的 0 到 二月 的 6，增加 6（基数不为正，不计百分比）。"),
        ("八月的金额合计", "月份，金额\n一月，5\n二月，6", "金额未计算：表中没有符合条件的数。"),
        ("2月同比", "月份，金额\n1月，5\n2月，6", "金额未计算：表中没有可与 2月 相比的时段。"),
        ("利润率从1月到2月变化了多少", "月份，利润率\n1月，10%\n2月，12.5%", "利润率从 1月 的 10% 到 2月 的 12.5%，增加 2.5 个百分点。"),
        ("金额前两名", "人，金额\n甲，5\n乙，6\n丙，5\n丁，1", "金额从高到低：乙 6，甲 5，丙 5（末位并列）。"),
        ("趋势", "月份，金额\n1月，5\n2月，\n4月，8", "金额从 1月 的 5 升到 4月 的 8，增加 3（+60.0%），平均每月增加 1；最高为 4月 8，最低为 1月 5（其间 2 期没有数据；1 个空缺未计入）。"),
    ],
)  # fmt: skip
def test_what_was_rounded_left_out_or_refused_is_said(question, text, zh):
    (result,) = asked(question, text)
    assert result.statement_zh.replace("）（", "；") == zh


def test_a_refusal_has_its_reason_in_the_readers_language():
    (result,) = asked("Sum of rates", "Item;Rate\nA;5%\nB;7%")
    assert isinstance(result, Refused)
    assert result.statement_en == "Rate was not computed: percentages do not add up."
    try:
        set_language("zh")
        assert result.reason.in_words() == "百分比不能相加"
    finally:
        set_language("en")


def test_a_result_has_the_cells_that_it_was_computed_from():
    text = "地区，产品，金额\n华东，A，5\n华南，A，6\n华东，B，7\n合计，，18"
    (result,) = asked("华东的金额合计", text)
    assert isinstance(result, Computed)
    assert [(cell.row, cell.column, cell.text) for cell in result.cells] == [(0, 2, "5"), (2, 2, "7")]
    assert [text[cell.span.start : cell.span.end] for cell in result.cells if cell.span] == ["5", "7"]


def test_conditions_on_units_are_converted_or_refused():
    text = "月份，金额（万元）\n1月，1.5\n2月，0.8"
    assert [r.value for r in asked("金额超过一万元的有几个月", text) if isinstance(r, Computed)] == [1]
    assert [r.value for r in asked("金额超过9000元的有几个月", text) if isinstance(r, Computed)] == [1]
    (refused,) = asked("金额超过9000美元的有几个月", text)
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(
    "question, names",
    [
        ("哪个月增长最快？", ["changes"]), ("Which month had the largest drop?", ["changes"]), ("增长率最高的月份", ["changes"]),
        ("和2月相比，3月怎么样", ["difference"]), ("1-2月累计", ["sum"]), ("平均值以上的月份有哪些", []), ("趨勢，以及最高和最低的月份", ["trend", "max", "min"]),
        ("总结趋势，并说明原因", ["trend"]), ("翻译这张表，然后计算合计", ["sum"]), ("为什么3月最高、1月最低？", []),
        ("Summarise the trend and explain the reasons", ["trend"]), ("Why is March the highest and January the lowest?", []),
        ("请用最多三句话说明", []), ("To sum up, who wrote it?", []), ("at least tell me its author", []),
    ],
)  # fmt: skip
def test_what_a_clause_asks_for_is_not_taken_for_what_another_does(question, names):
    text = "月份\t销售额\n1月\t120\n2月\t110\n3月\t135"
    assert [result.operation.name for result in asked(question, text)] == names


def test_a_side_that_is_compared_with_comes_second():
    text = "月份\t销售额\n1月\t120\n2月\t110\n3月\t135"
    for question in (
        "和2月相比，3月怎么样",
        "3月比2月多多少",
        "2月和3月相差多少",
        "the difference between 2月 and 3月",
    ):
        assert [result.value for result in asked(question, text) if isinstance(result, Computed)] == [25]


def test_a_measure_that_the_table_lacks_is_not_replaced_by_another():
    assert asked("What are the total costs?", "Month;Sales\nJan;5\nFeb;6") == []
    assert asked("利润合计", "月份，销售额\n1月，5\n2月，6") == []


def test_the_same_question_has_the_same_result():
    assert found(written.DEVELOPMENT[0]) == found(written.DEVELOPMENT[0])


# --- against a slow reference

_AMOUNTS = st.decimals(min_value=-(10**6), max_value=10**6, places=2, allow_nan=False, allow_infinity=False)
_NUMBERS = st.one_of(_AMOUNTS, st.integers(-1000, 1000).map(Decimal))


@st.composite
def random_tables(draw):
    """Rows of (region, product, amount or None), written as one of the formats."""
    n = draw(st.integers(2, 12))
    rows = [
        (
            draw(st.sampled_from(["东", "南", "西"])) + "区",
            draw(st.sampled_from(["ab", "cd"])),
            draw(st.one_of(_NUMBERS, st.none())),
        )
        for _ in range(n)
    ]
    if all(value is None for *_, value in rows):
        rows[0] = (*rows[0][:2], Decimal(1))
    separator = draw(st.sampled_from(["|", "\t", ";"]))
    style = draw(st.sampled_from(["{:f}", "{:,f}"]))

    def shown(value):
        return "n/a" if value is None else style.format(value)

    lines = [separator.join(("地区", "产品", "金额")), *(separator.join((a, b, shown(v))) for a, b, v in rows)]
    return rows, "\n".join(lines)


def half_up(value: Fraction, places: int) -> Decimal:
    """Half up, away from zero, in whole numbers."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole).scaleb(-places) * (-1 if value < 0 else 1)


def exactly(rows) -> list[Fraction]:
    return [Fraction(value) for *_, value in rows if value is not None]


def n_decimals(rows) -> int:
    written_decimals = [format(value.normalize(), "f").partition(".")[2] for *_, value in rows if value is not None]
    return max(map(len, written_decimals))


def run(text: str, operation: Operation) -> Computed:
    table = only(text)
    if table.columns[2].kind != "number":  # more than half of the cells may be n/a, but numbers make a column
        raise AssertionError(table.columns)
    result = compute(table, operation)
    assert isinstance(result, Computed), result
    return result


@given(random_tables())
@settings(max_examples=150, deadline=None)
def test_sums_means_medians_and_extremes_are_those_of_fractions(case):
    rows, text = case
    values = exactly(rows)
    places = n_decimals(rows) + 2
    assert Fraction(run(text, Operation("sum", 2)).value) == sum(values)
    assert run(text, Operation("mean", 2)).value == half_up(sum(values) / len(values), places)
    ordered = sorted(values)
    middle = (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
    assert run(text, Operation("median", 2)).value == half_up(middle, places)
    assert Fraction(run(text, Operation("max", 2)).value) == ordered[-1]
    assert Fraction(run(text, Operation("min", 2)).value) == ordered[0]
    assert Fraction(run(text, Operation("range", 2)).value) == ordered[-1] - ordered[0]


@given(random_tables())
@settings(max_examples=100, deadline=None)
def test_groups_shares_and_tops_are_those_of_fractions(case):
    rows, text = case
    totals: dict[str, Fraction] = {}
    for region, _, value in rows:
        if value is not None:
            totals[region] = totals.get(region, Fraction(0)) + Fraction(value)
    grouped = run(text, Operation("group", 2, by=0, of="sum"))
    assert {zh: Fraction(value) for zh, _, value in grouped.parts} == totals
    top = run(text, Operation("top", 2, by=0, of="sum", n=2))
    limit = sorted(totals.values(), reverse=True)[:2][-1]
    assert {zh: Fraction(value) for zh, _, value in top.parts} == {k: v for k, v in totals.items() if v >= limit}
    share = compute(only(text), Operation("share", 2, by=0))
    if min(exactly(rows)) < 0 or sum(exactly(rows)) == 0:
        assert isinstance(share, Refused)
    else:
        assert isinstance(share, Computed)
        whole = sum(totals.values())
        assert {zh: value for zh, _, value in share.parts} == {
            k: half_up(100 * v / whole, 1) for k, v in totals.items()
        }


@given(random_tables(), st.integers(-1000, 1000), st.sampled_from([">", ">=", "<", "<="]))
@settings(max_examples=100, deadline=None)
def test_conditions_choose_the_rows_of_the_reference(case, bound, relation):
    rows, text = case
    compares = {">": Fraction.__gt__, ">=": Fraction.__ge__, "<": Fraction.__lt__, "<=": Fraction.__le__}[relation]
    where = (Condition(2, relation, (Quantity(Decimal(bound)),)), Condition(0, "in", ("东区", "西区")))
    expected = [r for r in rows if r[2] is not None and compares(Fraction(r[2]), Fraction(bound)) and r[0] != "南区"]
    assert run(text, Operation("count", None, where)).value == len(expected)
    total = compute(only(text), Operation("sum", 2, where))
    assert isinstance(total, Computed) == bool(expected)
    if isinstance(total, Computed):
        assert Fraction(total.value) == sum(exactly(expected))
        assert len(total.cells) == len(expected)


@given(st.lists(_AMOUNTS, min_size=2, max_size=12), st.permutations(range(12)))
@settings(max_examples=100, deadline=None)
def test_a_trend_is_that_of_the_sorted_periods(values, order):
    rows = [(month, values[month]) for month in order if month < len(values)]
    text = "\n".join(["月份\t金额", *(f"2024年{month + 1}月\t{value:f}" for month, value in rows)])
    (result,) = asked("趋势", text)
    assert isinstance(result, Computed)
    assert result.value == values[-1] - values[0]
    assert [value for *_, value in result.parts] == values
    turns = 0
    moves = [b > a for a, b in itertools.pairwise(values) if a != b]
    turns = sum(a != b for a, b in itertools.pairwise(moves))
    said = result.statement_en.count("(peak)") + result.statement_en.count("(trough)")
    assert said == turns or (turns > 5 and f"{turns} turning points" in result.statement_en)


@given(_AMOUNTS.filter(lambda v: v > 0), _AMOUNTS)
@settings(max_examples=100, deadline=None)
def test_growth_is_that_of_fractions(before, after):
    (result,) = asked("2月环比", f"月份\t金额\n1月\t{before:f}\n2月\t{after:f}")
    assert isinstance(result, Computed)
    assert result.value == half_up(100 * (Fraction(after) - Fraction(before)) / Fraction(before), 1)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_annual_growth_compounds_to_the_last_value(first, last, years):
    (result,) = asked("年均复合增长率", f"年份\t金额\n{2000}\t{first}\n{2000 + years}\t{last}")
    assert isinstance(result, Computed)
    assert result.value is not None
    low, high = (1 + Fraction(result.value + d) / 100 for d in (Decimal("-0.05"), Decimal("0.05")))
    assert max(low, 0) ** years <= Fraction(last, first) <= high**years


def test_tenths_add_up():
    (result,) = asked("合计", "项\t数\na\t0.1\nb\t0.2")
    assert result.value == Decimal("0.3")


# --- prompts


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=3),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_no_cell_breaks_the_table_of_a_prompt(rows):
    from qianxun.answering.tables.table import Raw, table_from

    table = table_from([[Raw(text, None) for text in row] for row in rows], Span(0, 0), n_header_rows=1)
    if table is None:
        return
    lines = as_prompt(table).split("\n")
    assert len(lines) == 2 + len(table.rows)
    assert all(line.startswith("| ") and line.endswith(" |") and line == line.strip("\r\x85\u2028") for line in lines)
    again = only_bars(lines[0])
    assert all(only_bars(line) == again == len(table.header) + 1 for line in lines)


def only_bars(line: str) -> int:
    """Bars that part cells: those that no backslash escapes."""
    return len([c for i, c in enumerate(line) if c == "|" and (len(line[:i]) - len(line[:i].rstrip("\\"))) % 2 == 0])


@pytest.mark.parametrize("language, note", [("zh", "……略去 7 行……"), ("en", "… 7 rows left out …")])
def test_a_long_table_keeps_head_tail_and_the_number_left_out(language, note):
    table = only("| n | m |\n|--|--|\n" + "\n".join(f"| r{i} | {i} |" for i in range(10)))
    lines = as_prompt(table, max_rows=3, language=language).split("\n")
    assert lines == ["| n | m |", "| --- | --- |", "| r0 | 0 |", "| r1 | 1 |", f"| {note} |  |", "| r9 | 9 |"]
    assert as_prompt(table).count("\n") == 11


def test_a_prompt_is_read_back_as_the_same_table():
    for text in written.TABLES.values():
        table = only(text)
        again = only(as_prompt(table))
        assert texts(again) == texts(table)
        assert again.header == table.header


# --- hostile and large input


@pytest.mark.parametrize(
    "text", ["|" * 5000, "，" * 5000, "1," * 5000, "一月 1，" * 1500, "a: " * 3000, "\t" * 5000, "(" * 5000, "第一" * 3000, "1 " * 3000],
)  # fmt: skip
def test_no_text_takes_long(text):
    for table in tables_in(text):
        operations("总和和趋势，最高的三个，各地区 total by month " * 5, table)
