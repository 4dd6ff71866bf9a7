import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.answering.cite import Cited, parse, verify
from qianxun.answering.facts import Date, facts
from qianxun.records import Passage, Span

START = 1000


def passage(text: str, context: str = "", heading: tuple[str, ...] = ()) -> Passage:
    span = Span(START, START + len(text))
    return Passage(1, 0.9, 7, 3, "a.md", "制度", None, None, heading, span, text, context, ("public",), {})


HANDBOOK = passage(
    "员工入职满一年后，每年享有 10 天带薪年休假。年休假须在次年 3 月 31 日之前休完，逾期作废。"
    "出差期间市内交通费每天不超过 80 元，凭票报销。试用期内不得申请远程办公。"
)
MANUAL = passage(
    "The warranty lasts 24 months from delivery. Batteries are not covered. "
    "Version 4.2 was released on March 1, 2025. Shipping costs USD 1,200 per pallet."
)


# --- reading marks


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Limit is 80.[1]", [Cited("Limit is 80.", (1,))]),
        ("Limit is 80 [1][3].", [Cited("Limit is 80.", (1, 3))]),
        ("Limit is 80 [1, 2]. Ask HR. [3]", [Cited("Limit is 80.", (1, 2)), Cited("Ask HR.", (3,))]),
        ("上限 80 元【1】。逾期作废。［２］", [Cited("上限 80 元。", (1,)), Cited("逾期作废。", (2,))]),
        ("上限 80 元。[1]逾期作废[2、3]。", [Cited("上限 80 元。", (1,)), Cited("逾期作废。", (2, 3))]),
        ("See [1-3].", [Cited("See.", (1, 2, 3))]),
        ("No mark here.", [Cited("No mark here.", ())]),
        ("A [link [1](http://x) stays.", [Cited("A [link [1](http://x) stays.", ())]),
        ("[1]", []),
        ("", []),
    ],
)
def test_marks_belong_to_the_sentence_they_stand_in_or_follow(text, expected):
    assert parse(text) == expected


# --- facts in one form


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-01", "2025/3/1", "2025.03.01", "2025年3月1日", "２０２５年３月１日", "二〇二五年三月一日",
        "March 1, 2025", "1 Mar 2025", "Mar. 1st, 2025", "1st of March 2025", "2025 年 3 月 1 號",
    ],
)  # fmt: skip
def test_a_date_is_one_date_in_every_spelling(text):
    assert facts(f"从 {text} 起" if "年" in text else f"on {text} it").dates == {Date(2025, 3, 1)}


@pytest.mark.parametrize(
    "text, value, unit",
    [
        ("1,200", "1200", ""),
        ("１２００", "1200", ""),
        ("一千二百元", "1200", ""),
        ("1.2万", "12000", ""),
        ("三百二十万元", "3200000", ""),
        ("4.5 million", "4500000", ""),
        ("三天", "3", "day"),
        ("3 天", "3", "day"),
        ("three days", "3", "day"),
        ("10 个工作日", "10", "workday"),
        ("两小时", "2", "hour"),
        ("20%", "20", "%"),
        ("２０％", "20", "%"),
        ("百分之二十", "20", "%"),
        ("20 percent", "20", "%"),
        ("7.52‰", "7.52", "‰"),
        ("3.50", "3.5", ""),
        ("twenty-four months", "24", "month"),
    ],
)
def test_a_number_is_one_number_in_every_spelling(text, value, unit):
    assert [(n.value, n.unit) for n in facts(text).numbers] == [(value, unit)]


@pytest.mark.parametrize("text", ["一般情况下", "万一出错", "一个办法", "the one and only", "三明治"])
def test_words_with_numerals_in_them_are_no_numbers(text):
    assert not facts(text).numbers


def test_years_are_dates_and_bare_numbers_that_look_like_one():
    assert facts("2024年增长 20.9，2019 和 2,000,001").years == {2024, 2019}


def test_identifiers_and_times_are_whole():
    found = facts("LF-200-50 显示 E-1042，晚上 9:30 重启；at 9:30 pm")
    assert found.identifiers == {"lf-200-50", "e-1042"}
    assert found.times == {"21:30"}


# --- the check


@pytest.mark.parametrize(
    "sentence",
    [
        "出差期间市内交通费每天不超过 80 元，凭票报销。",
        "出差期間市內交通費每天不超過８０元，憑票報銷。",
        "员工入职满一年后每年有十天带薪年休假。",
        "年休假要在次年3月31日之前休完。",
    ],
)
def test_a_sentence_the_passage_bears_is_supported(sentence):
    support, span, quote = verify(sentence, HANDBOOK)
    assert support == "supported"
    assert HANDBOOK.text[span.start - START : span.end - START] == quote


def test_english_is_supported_with_dates_and_numbers_spelled_otherwise():
    assert verify("Version 4.2 was released on 2025-03-01.", MANUAL)[0] == "supported"
    assert verify("Shipping costs USD 1200 per pallet.", MANUAL)[0] == "supported"


def test_the_span_is_the_sentence_that_bears_it():
    _, span, quote = verify("Batteries are not covered.", MANUAL)
    assert quote == "Batteries are not covered."
    assert (span.start, span.end) == (START + 44, START + 70)


@pytest.mark.parametrize(
    "sentence, where",
    [
        ("出差期间市内交通费每天不超过 90 元，凭票报销。", HANDBOOK),
        ("出差期间市内交通费每天不超过八百元，凭票报销。", HANDBOOK),
        ("年休假须在次年 3 月 13 日之前休完，逾期作废。", HANDBOOK),
        ("The warranty lasts 36 months from delivery.", MANUAL),
        ("Version 4.2 was released on January 3, 2025.", MANUAL),
        ("Version 4.3 was released on March 1, 2025.", MANUAL),
        ("Shipping costs USD 1,200 million per pallet.", MANUAL),
    ],
)
def test_a_wrong_number_or_date_is_never_supported(sentence, where):
    assert verify(sentence, where)[0] == "absent"


def test_a_number_with_another_unit_is_at_most_weak():
    assert verify("The warranty lasts 24 days from delivery.", MANUAL)[0] == "weak"


def test_swapped_dates_are_not_supported_by_the_sentence_that_has_them_the_other_way():
    source = passage("项目于 2024 年 5 月 1 日启动。项目于 2025 年 9 月 30 日交付样机。")
    assert verify("项目于 2024 年 5 月 1 日启动。", source)[0] == "supported"
    assert verify("项目于 2025 年 9 月 30 日启动。", source)[0] == "weak"
    assert verify("项目于 2025 年 5 月 1 日启动。", source)[0] != "supported"
    english = passage("The pilot starts on 1 May 2024. The prototype is delivered on 30 September 2025.")
    assert verify("The pilot starts on September 30, 2025.", english)[0] == "weak"
    assert (
        verify("The pilot starts on May 1, 2024, the prototype is delivered on 2025-09-30.", english)[0] == "supported"
    )


@pytest.mark.parametrize(
    "sentence, where",
    [
        ("Batteries are covered.", MANUAL),
        ("The warranty does not last 24 months from delivery.", MANUAL),
        ("试用期内可以申请远程办公。", HANDBOOK),
        ("出差期间市内交通费不能凭票报销。", HANDBOOK),
    ],
)
def test_turned_polarity_is_at_most_weak(sentence, where):
    assert verify(sentence, where)[0] in ("weak", "absent")


def test_an_unrelated_sentence_is_absent():
    assert verify("食堂周五供应红烧肉。", HANDBOOK)[0] == "absent"
    assert verify("Employees love the canteen.", MANUAL)[0] == "absent"


def test_another_language_is_weak_when_its_figures_agree_and_absent_when_not():
    assert verify("保修期为交货后 24 个月。", MANUAL)[0] == "weak"
    assert verify("保修期为交货后 36 个月。", MANUAL)[0] == "absent"
    assert verify("不包括电池。", MANUAL)[0] == "absent"
    assert verify("不包括电池。", MANUAL, similarities=lambda _, texts: [0.9] * len(texts))[0] == "weak"


def test_contradictions_win_over_a_judge_and_a_copy_is_not_asked_about():
    asked = []

    def sure(statement, quotes):
        asked.append(statement)
        return [1.0] * len(quotes)

    def sure_not(statement, quotes):
        return [0.0] * len(quotes)

    assert verify("出差期间市内交通费每天不超过 90 元。", HANDBOOK, judge=sure)[0] == "absent"
    assert verify("Batteries are covered.", MANUAL, judge=sure)[0] == "weak"
    assert verify("The warranty lasts 24 days from delivery.", MANUAL, judge=sure)[0] == "weak"
    assert asked == []
    assert verify("Batteries are not covered.", MANUAL, judge=sure_not)[0] == "supported"
    assert verify("年休假须在次年 3 月 31 日之前休完，逾期作废。", HANDBOOK, judge=sure_not)[0] == "supported"


@pytest.mark.parametrize("sure, expected", [(0.95, "supported"), (0.5, "weak"), (0.05, "weak")])
def test_a_sure_judge_lifts_a_paraphrase(sure, expected):
    quotes = []

    def judge(statement, given):
        quotes.extend(given)
        return [sure] * len(given)

    paraphrase = "Version 4.2 became generally available to everybody on March 1, 2025."
    assert verify(paraphrase, MANUAL)[0] == "weak"
    assert verify(paraphrase, MANUAL, judge=judge)[0] == expected
    assert quotes == ["Version 4.2 was released on March 1, 2025."]


@pytest.mark.parametrize("sure, expected", [(0.95, "supported"), (0.5, "supported"), (0.05, "weak")])
def test_only_a_sure_no_lowers_what_the_rules_support(sure, expected):
    said = "员工入职满一年后每年有十天带薪年休假。"
    assert verify(said, HANDBOOK, judge=lambda _, quotes: [sure] * len(quotes))[0] == expected


def test_across_languages_a_judge_tells_the_piece_that_bears_it():
    def judge(statement, quotes):
        return [0.9 if "Batteries" in quote else 0.1 for quote in quotes]

    support, span, quote = verify("不包括电池。", MANUAL, judge=judge)
    assert (support, quote) == ("supported", "Batteries are not covered.")
    assert MANUAL.text[span.start - START : span.end - START] == quote
    assert verify("保修期为交货后 36 个月。", MANUAL, judge=lambda _, quotes: [1.0] * len(quotes))[0] == "absent"
    assert verify("不包括电池。", MANUAL, judge=lambda _, quotes: [0.5] * len(quotes))[0] == "absent"


def test_the_title_and_the_headings_bear_words():
    source = passage("每人每月 200 元，凭票报销。", heading=("交通补贴",))
    assert verify("交通补贴为每人每月200元。", source)[0] == "supported"
    assert verify("食堂免费供应早餐和午餐，每人每月200元。", source)[0] != "supported"


def test_heading_and_table_header_bear_words_but_the_figure_must_be_there():
    table = passage("LF-200-50 | 5,680 | 5\nLF-200-100 | 7,450 | 5", context="主要产品\n型号 | 目录价（元） | 交货期")
    support, _, quote = verify("型号：LF-200-100；目录价（元）：7,450；交货期：5", table)
    assert (support, quote) == ("supported", "LF-200-100 | 7,450 | 5")
    assert verify("型号：LF-200-100；目录价（元）：5,680；交货期：5", table)[0] == "weak"  # the other row's
    assert verify("型号：LF-200-100；目录价（元）：9,999；交货期：5", table)[0] == "absent"


def test_a_heading_may_bear_the_figure():
    notes = passage("Webhook deliveries are now signed.", "4.1.0 — 2025-02-18", ("4.1.0 — 2025-02-18",))
    assert verify("4.1.0 — 2025-02-18: Webhook deliveries are now signed.", notes)[0] == "supported"
    assert verify("4.1.0 — 2025-02-19: Webhook deliveries are now signed.", notes)[0] == "absent"


def test_a_passage_without_text_bears_nothing():
    assert verify("Anything.", passage("  "))[0] == "absent"
    assert verify("……！", HANDBOOK)[0] == "absent"


PARTS = ("年假有十天", "加班須申請。", "Batteries are not covered", ". ", "！", "\n- ", " ", "3.5 元")
MARKS = ("[1]", " [2][3]", "【１】", "［2，3］")


@given(st.lists(st.sampled_from(PARTS + MARKS), max_size=12).map("".join))
def test_the_span_of_a_sentence_holds_it_and_its_marks_and_nothing_else(text: str) -> None:
    found = parse(text)
    last = 0
    for cited in found:
        assert last <= cited.span.start < cited.span.end <= len(text)
        last = cited.span.end
        within = parse(text[cited.span.start : cited.span.end])
        assert [(one.text, one.numbers) for one in within] == [(cited.text, cited.numbers)]
