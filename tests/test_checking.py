"""What bears a sentence in a passage, what a row of a table bears, and what a sentence names that nobody knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.answering.checking.bearing import judge
from qianxun.answering.checking.figures import figures, spelled
from qianxun.answering.checking.readings import read
from qianxun.answering.checking.spans import best_span
from qianxun.answering.checking.statements import clauses, without_attribution
from qianxun.answering.checking.synonyms import are_synonyms
from qianxun.answering.checking.tables import Row, judge_row, judge_rows
from qianxun.answering.checking.unknown import unknown_facts
from qianxun.answering.pieces import pieces
from qianxun.records import Passage, Span


def passage(text: str, context: str = "") -> Passage:
    span = Span(0, len(text))
    return Passage(1, 0.9, 7, 3, "a.md", "制度", None, None, (), span, text, context, ("public",), {})


# -- what a statement counts by ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("每半年校验一次，每年送检", [("number", "0.5", "year"), ("rate", "1", "year")]),
        ("reviewed every quarter and paid weekly", [("rate", "1", "quarter"), ("rate", "1", "week")]),
        ("周二、週四及星期日", [("weekday", "tuesday", ""), ("weekday", "thursday", ""), ("weekday", "sunday", "")]),
        ("每周一次，每周一 15:30 开会", [("rate", "1", "week"), ("weekday", "monday", ""), ("time", "15:30", "")]),
        ("on Mondays, for a quarter of an hour", [("weekday", "monday", ""), ("number", "15", "minute")]),
        (
            "三分之二以上；一半；千分之三",
            [("number", "2/3", "share"), ("number", "1/2", "share"), ("number", "3", "‰")],
        ),
        ("a third of them, half a metre", [("number", "1/3", "share"), ("number", "0.5", "m")]),
        ("三季度與 Q3、the third quarter", [("code", "q3", "")] * 3),
        ("一万二千元，三亿五千万人", [("number", "12000", "CNY"), ("number", "350000000", "person")]),
        ("16GB内存，带宽40Mbps的", [("number", "16", "GB"), ("number", "40", "Mbps")]),
        ("children under 10 may use it", [("number", "10", "")]),
    ],
)
def test_rates_days_and_fractions_are_figures(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(f.kind, f.value, f.unit) for f in figures(spelled(text), spoken=True)] == expected


@pytest.mark.parametrize(
    "one, other, agree",
    [
        ("两年", "24 months", True),
        ("半小時", "30分钟", True),
        ("half a metre", "0.5 米", True),
        ("5‰", "0.5%", True),
        ("1 kg", "1,000 g", True),
        ("12 个月", "one year", True),
        ("30 天", "1 个月", False),
        ("三天", "三个工作日", False),
        ("每月", "每年", False),
        ("100 V", "100 kV", False),
    ],
)
def test_the_same_amount_is_the_same_in_other_units(one: str, other: str, agree: bool) -> None:
    (mine,), (theirs,) = (figures(spelled(text), spoken=True) for text in (one, other))
    assert mine.agrees(theirs) is agree
    assert theirs.agrees(mine) is agree


@pytest.mark.parametrize(
    "text, expected",
    [
        ("不得带出", True), ("沒有備份", True), ("未经批准", True), ("Batteries are not covered", True),
        ("You can't return it", True), ("不超过 80 元", False), ("不少于 80 元", False), ("不仅便宜", False),
        ("不同部门", False), ("no later than Friday", False), ("分别负责", False), ("无论何时", False),
        ("非常重要", False),
    ],
)  # fmt: skip
def test_negation_is_told_from_limits_and_look_alikes(text: str, expected: bool) -> None:
    assert any(token.kind == "not" for clause in clauses(text) for token in clause) is expected


@pytest.mark.parametrize(
    "text, rest",
    [
        ("根据规定，年假为五天。", "年假为五天。"),
        ("《員工手冊》規定：年假為五天。", "年假为五天。"),
        ("According to the handbook, leave is five days.", "leave is five days."),
        ("The document says that leave is five days.", "leave is five days."),
        ("According to Alice, leave is five days.", "According to Alice, leave is five days."),
        ("年假，五天。", "年假，五天。"),
    ],
)
def test_words_that_only_name_the_source_are_left_out(text: str, rest: str) -> None:
    assert without_attribution(text).replace(",", "，") == rest.replace(",", "，")


def test_synonyms_are_of_one_group() -> None:
    assert are_synonyms("员工", "职工")
    assert are_synonyms("staff", "employe")
    assert not are_synonyms("甲方", "乙方")
    assert not are_synonyms("buyer", "supplier")


# -- what differs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement, source, problem",
    [
        ("储气罐每半年检验一次，安全阀每年校验一次。", "储气罐每年检验一次，安全阀每半年校验一次。", "order"),
        ("财务部每周五集中付款。", "财务部每周四集中付款。", "date"),
        ("The output is 40 litres per minute.", "The output is 40 litres per hour.", "unit"),
        ("Installation must be done by a plumber.", "Installation must be done by an electrician.", "altered"),
        ("Illness never requires a certificate.", "Illness of more than two days requires a certificate.", "negation"),
        ("访客须佩戴红色访客牌。", "访客须佩戴橙色访客牌。", "altered"),
        ("事假由人力资源部批准。", "事假由部门负责人批准。", "altered"),
        ("累计不少于合同总价的 10%。", "累计不超过合同总价的 10%。", "limit"),
        ("不合格品次日退回。", "不合格品當日退回。", "altered"),
        ("If the red lamp flashes, the tank is empty.", "If the red lamp flashes, the motor is overheated.", "words"),
    ],
)  # fmt: skip
def test_a_small_difference_in_what_is_nearly_a_copy_is_found(statement: str, source: str, problem: str) -> None:
    assert problem in judge(statement, source).problems


@pytest.mark.parametrize(
    "statement, source",
    [
        ("不高于 80 元", "最多 80 元"),
        ("Do not stack them higher than 2 metres.", "They must be at most 2 metres high if you stack them."),
        ("You need to ask at least five days in advance.", "Ask no later than five days before."),
        ("Leave is requested from the boss twice a year.", "Twice a year, leave is requested from the boss."),
        ("遠端辦公須經核准", "远程办公须经批准"),
        ("当月费用不退，所有套餐均可退订。", "所有套餐均可退订，当月费用不退。"),
        ("文件指出，試用期內不得申請居家辦公。", "试用期内不得申请居家办公。"),
    ],
)
def test_another_wording_of_it_is_borne(statement: str, source: str) -> None:
    assert judge(statement, source).problems == ()


# -- passages ----------------------------------------------------------------------------------------------------------


def test_a_sentence_is_not_borne_by_one_piece_if_a_nearer_one_says_otherwise() -> None:
    units = pieces(passage("Plan A costs 100 dollars a month. Plan B costs 200 dollars a month."))
    assert best_span("Plan B costs 200 dollars a month", units, "").copied
    found = best_span("Each month Plan A costs 200 dollars.", units, "")
    assert found.judgement.contradicts
    assert not found.unknown_figure
    assert best_span("Each month Plan A costs 300 dollars.", units, "").unknown_figure


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_two_texts_can_be_compared(sentence: str, text: str) -> None:
    units = pieces(passage(text))
    if units and any(character.isalnum() for character in sentence):
        found = best_span(sentence, units, "")
        assert 0 <= found.first <= found.last < len(units)
        assert 0.0 <= found.judgement.share <= 1.0


PRICES = (
    Row(("型号", "目录价（元）", "交货期（工作日）"), ("LF-200-50", "5,680", "5")),
    Row(("型号", "目录价（元）", "交货期（工作日）"), ("LF-200-100", "7,450", "12")),
)
PLANS = (
    Row(("Plan", "Monthly price (USD)", "Storage (GB)", "Support"), ("Basic", "9", "20", "e-mail")),
    Row(("Plan", "Monthly price (USD)", "Storage (GB)", "Support"), ("Team", "29", "150", "e-mail and chat")),
)


@pytest.mark.parametrize(
    "statement, rows, places",
    [
        ("LF-200-100 的目录价为 7,450 元，交货期为 12 个工作日。", PRICES, (1,)),
        ("LF-200-50的目錄價為５，６８０元", PRICES, (0,)),
        ("LF-200-50 的目录价为 5,680 元，LF-200-100 为 7,450 元。", PRICES, (0, 1)),
        ("The monthly price of the plan Team is $29.", PLANS, (1,)),
        ("The support of the plan Team is e-mail and chat.", PLANS, (1,)),
        ("Basic includes 20 GB of storage.", PLANS, (0,)),
    ],
)
def test_a_row_bears_what_its_cells_say(statement: str, rows: tuple[Row, ...], places: tuple[int, ...]) -> None:
    judgement, found = judge_rows(statement, rows, read(""))
    assert judgement.bears
    assert found == places


@pytest.mark.parametrize(
    "statement, rows",
    [
        ("LF-200-100 的目录价为 5,680 元。", PRICES),
        ("LF-200-50 的目录价为 12 元。", PRICES),
        ("LF-200-50 的交货期为 12 个工作日。", PRICES),
        ("LF-200-50 的目录价为 7,450 元，LF-200-100 为 5,680 元。", PRICES),
        ("LF-200-50 的目录价不是 5,680 元。", PRICES),
        ("LF-200-50 的目录价为 5,680 美元。", PRICES),
        ("The monthly price of the plan Basic is $20.", PLANS),
        ("The support of the plan Basic is e-mail and chat.", PLANS),
        ("The storage of the plan Team is 29 GB.", PLANS),
    ],
)
def test_a_row_does_not_bear_what_another_row_or_column_says(statement: str, rows: tuple[Row, ...]) -> None:
    assert not judge_rows(statement, rows, read(""))[0].bears


def test_a_row_is_judged_beside_the_others() -> None:
    first, second = PRICES
    assert judge_row("LF-200-50 的目录价为 5,680 元", first, [second], read("")).bears
    assert "altered" in judge_row("LF-200-50 的目录价为 5,680 元", second, [first], read("")).problems


# -- what is not known -------------------------------------------------------------------------------------------------

TRAVEL = "出差补助为每天 80 元，由王伟审批，2025年3月1日起施行。供应商为汀南公司，编号 E-1042。"
MANUAL = "The warranty lasts 24 months, says Carol Jones. Version 4.2 was released on March 1, 2025."


@pytest.mark.parametrize(
    "sentence, text, expected",
    [
        ("出差補助為每天８０元，由王偉審批。", TRAVEL, ()),
        ("出差补助为每天９０元，由王芳审批。", TRAVEL, ("９０元", "王芳")),
        ("自二〇二五年三月十五日起施行。", TRAVEL, ("二〇二五年三月十五日",)),
        ("自 2025-03-01 起施行，编号 E-1043。", TRAVEL, ("E-1043",)),
        ("供应商为海沧公司。", TRAVEL, ("海沧公司",)),
        ("由汀南公司负责，每次一个。", TRAVEL, ()),
        ("详见《差旅办法》第十二条。", TRAVEL, ("差旅办法", "第十二")),
        ("联系 Kevin 处理。", TRAVEL, ("Kevin",)),
        ("The warranty lasts two years.", MANUAL, ()),
        ("The warranty lasts 24 days.", MANUAL, ("24 days",)),
        ("According to Carol Smith, version 4.3 came out on 1 May 2025.", MANUAL, ("Smith", "4.3", "1 May 2025")),
        ("Don’t expect more than 36 months.", MANUAL, ("36 months",)),
        ("保修期为 24 个月，4.2 版于 2025年3月1日发布。", MANUAL, ()),
        ("保修期为 36 个月。", MANUAL, ("36 个月",)),
        ("", MANUAL, ()),
    ],
)
def test_what_no_text_has_is_named_as_it_is_written(sentence: str, text: str, expected: tuple[str, ...]) -> None:
    assert unknown_facts(sentence, [text]) == expected


def test_what_any_text_has_is_known() -> None:
    assert unknown_facts("补助 80 元，warranty 24 months", [TRAVEL, MANUAL]) == ()
    assert unknown_facts("补助 80 元", []) == ("80 元",)


@given(st.text(max_size=60))
def test_a_text_knows_itself_and_what_is_named_stands_in_the_sentence(text: str) -> None:
    assert unknown_facts(text, [text]) == ()
    assert all(part in text for part in unknown_facts(text, []))
