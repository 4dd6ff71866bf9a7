import pytest

from qianxun.answering.extract import candidates, choose, wanted_of
from qianxun.answering.facts import facts
from qianxun.answering.kinds import expected_kind, holds
from qianxun.answering.pieces import pieces
from qianxun.records import Passage, Span


def passage(rank: int, text: str, context: str = "", heading: tuple[str, ...] = (), score: float = 0.5) -> Passage:
    span = Span(50, 50 + len(text))
    return Passage(rank, score, rank, rank, f"{rank}.md", "", None, None, heading, span, text, context, (), {})


def quoted(question: str, *passages: Passage, n: int = 1, **given) -> list[str]:
    return [c.piece.text for c in choose(candidates(question, passages, term_weights={}, **given), n)]


TRAVEL = passage(
    1,
    "出差期间市内交通费每天不超过 80 元，凭票报销。晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。",
    heading=("市内交通",),
)
LEAVE = passage(2, "员工每年享有 10 天年休假。年休假申请由直接主管林知远审批。制度自 2025 年 4 月 1 日起执行。")
WARRANTY = passage(
    3,
    "The warranty lasts 24 months from delivery. Claims are handled by Mara Lindqvist. "
    "The hotline is 400-820-1234. Version 4.2 was released on March 1, 2025.",
)
ALL = (TRAVEL, LEAVE, WARRANTY)


@pytest.mark.parametrize(
    "question, expected",
    [
        ("加班打车每次最多能报销多少？", "晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。"),
        ("加班回家的網約車費可以報銷多少？", "晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。"),
        ("年休假谁审批？", "年休假申请由直接主管林知远审批。"),
        ("制度什么时候开始执行", "制度自 2025 年 4 月 1 日起执行。"),
        ("How long does the warranty last?", "The warranty lasts 24 months from delivery."),
        ("who handles warranty claims", "Claims are handled by Mara Lindqvist."),
        ("When was version 4.2 released?", "Version 4.2 was released on March 1, 2025."),
        ("What is the phone number of the hotline?", "The hotline is 400-820-1234."),
    ],
)
def test_the_sentence_that_carries_the_answer_is_quoted(question, expected):
    assert quoted(question, *ALL) == [expected]


def test_a_quote_is_a_slice_of_its_passage():
    for candidate in candidates("年休假", ALL, term_weights={}):
        text = ALL[candidate.passage].text
        assert text[candidate.piece.start : candidate.piece.end] == candidate.piece.text


def test_similarity_decides_across_languages():
    def similarities(question, texts):
        return [0.8 if "24 months" in t else 0.1 for t in texts]

    assert quoted("保修期有多长？", WARRANTY, similarities=similarities) == [
        "The warranty lasts 24 months from delivery."
    ]


def test_rare_words_weigh_more_than_common_ones():
    both = passage(1, "The report covers sensors. The sensor report covers calibration.")
    weights = {"report": 0.1, "cover": 0.1, "calibr": 5.0}
    found = choose(candidates("report covers calibration", [both], term_weights=weights), 1)
    assert found[0].piece.text == "The sensor report covers calibration."


def test_a_question_in_the_text_is_replaced_by_its_answer():
    faq = passage(1, "问：网关黄灯快闪表示什么？\n答：SIM 卡未识别。\n问：绿灯常亮表示什么？\n答：工作正常。")
    assert quoted("网关黄灯快闪表示什么？", faq) == ["答：SIM 卡未识别。"]
    english = passage(1, "Q: Can I return opened goods?\nOnly within 14 days.\nQ: Who pays postage?\nYou do.")
    assert quoted("Can I return opened goods?", english) == ["Only within 14 days."]


def test_a_line_with_nothing_but_the_question_is_not_quoted():
    titled = passage(1, "年休假天数\n员工每年享有 10 天年休假。")
    assert quoted("年休假天数", titled) == ["员工每年享有 10 天年休假。"]


PRICES = passage(
    1,
    "LF-200-50 | 电磁流量计 DN50 | 5,680\nLF-200-100 | 电磁流量计 DN100 | 7,450\nLG-8 | 数据网关 | 1,980",
    context="2025年产品价格表\n型号 | 说明 | 目录价（元）",
)


@pytest.mark.parametrize("question", ["LF-200-100 的目录价是多少？", "LF-200-100的目錄價？", "目录价 LF-200-100"])
def test_a_table_is_quoted_by_the_row_and_shown_with_its_header(question):
    (found,) = choose(candidates(question, [PRICES], term_weights={}), 1)
    assert found.piece.text == "LF-200-100 | 电磁流量计 DN100 | 7,450"
    assert found.piece.shown == "型号：LF-200-100；说明：电磁流量计 DN100；目录价（元）：7,450"


def test_a_table_within_the_text_has_its_first_line_as_header():
    table = passage(1, "Limits follow.\nCity | Limit\n--- | ---\nBeijing | 650\nTaipei | 1100\nAll per night.")
    rows = [(p.text, p.shown, p.row) for p in pieces(table)]
    assert rows == [
        ("Limits follow.", "Limits follow.", False),
        ("Beijing | 650", "City: Beijing; Limit: 650", True),
        ("Taipei | 1100", "City: Taipei; Limit: 1100", True),
        ("All per night.", "All per night.", False),
    ]


def test_repeated_sentences_are_quoted_once_and_order_is_by_passage_then_position():
    again = passage(4, "员工每年享有 10 天年休假。员工年休假可以分 2 次休，每年 10 天以内。")
    found = choose(candidates("员工每年有几天年休假", (LEAVE, again), term_weights={}), 3)
    assert [c.piece.text for c in found].count("员工每年享有 10 天年休假。") == 1
    assert [(c.passage, c.place) for c in found] == sorted((c.passage, c.place) for c in found)


def test_another_year_than_the_question_counts_against_a_sentence():
    years = passage(1, "2023 年度销售收入为 1.2 亿元。2024 年度销售收入为 1.5 亿元。")
    assert quoted("2024 年的销售收入是多少？", years) == ["2024 年度销售收入为 1.5 亿元。"]


@pytest.mark.parametrize(
    "question, kind",
    [
        ("什么时候生效？", "date"), ("哪一年成立", "date"), ("When does it start?", "date"),
        ("哪一天发布的？", "day"), ("On which date was it released?", "day"),
        ("限时多久？", "duration"), ("How many working days does it take?", "duration"),
        ("多少钱一台？", "money"), ("What is the price?", "money"), ("增长率是多少", "percent"),
        ("一共有几个人参加", "number"), ("How many sensors are there?", "number"), ("谁负责审批？", "person"),
        ("Who approves it?", "person"), ("客服电话是多少", "phone"), ("What is the support e-mail?", "email"),
        ("在哪裡舉行？", "place"), ("Where is the office?", "place"),
        ("如何重启网关？", None), ("How do I reset it?", None),
    ],
)  # fmt: skip
def test_the_kind_of_answer_is_read_from_the_question(question, kind):
    assert expected_kind(question) == kind


def test_a_value_that_the_question_names_is_no_answer():
    asked = facts("2022年春节是哪一天")
    assert not holds("date", "2022年春节快到了", asked)
    assert holds("date", "2022年春节是2月1日", asked)


def test_a_year_is_no_day():
    assert holds("date", "since 2021", facts(""))
    assert not holds("day", "since 2021", facts(""))


def test_the_heading_goes_before_the_quote_when_it_holds_the_answer():
    notes = passage(1, "- 告警可以合并。\n- 浏览器最低版本提高。", heading=("发布说明", "4.1.0（2025-02-18）"))
    (found, *_) = choose(candidates("4.1.0 是哪一天发布的？", [notes], term_weights={}), 1)
    assert found.piece.text == "告警可以合并。"
    assert found.shown == "4.1.0（2025-02-18）：告警可以合并。"
    numbered = passage(1, "订货号以字母 X 结尾。", heading=("1.2 订货号",))
    assert [c.lead for c in candidates("订货号有多少？", [numbered], term_weights={})] == [""]


def test_an_abolished_rule_is_quoted_only_when_asked_for():
    text = "住宿限额为每晚 {} 元。"
    old, new = (
        passage(1, text.format(550), heading=("制度（已废止）",)),
        passage(2, text.format(650), heading=("制度",)),
    )
    assert quoted("住宿限额是多少？", old, new) == [new.text]
    assert quoted("已废止的住宿限额是多少？", old, new) == [old.text]


def test_rows_that_speak_of_less_than_the_chosen_one_are_not_added():
    rows = passage(1, "一类 | 上海 | 650\n二类 | 南京 | 480", context="类别 | 城市 | 住宿限额")
    assert quoted("上海的住宿限额是多少？", rows, n=3) == ["一类 | 上海 | 650"]
    assert len(quoted("住宿限额是多少？", rows, n=3)) == 2


def test_words_of_asking_are_not_wanted():
    wanted = set().union(*(w.terms for w in wanted_of("公司的电话是什么？", {})))
    assert wanted == {"公司", "电话"}
    assert wanted_of("是什么？", {})


@pytest.mark.parametrize("question", ["", "😀😀", "？？？"])
def test_a_question_without_words_covers_nothing(question):
    assert all(c.coverage == 0 for c in candidates(question, ALL, term_weights={}))


def test_an_answer_inherits_what_its_question_covers():
    faq = passage(1, "网关黄灯闪烁的说明。\n问：网关黄灯快闪表示什么？\n答：SIM 卡未识别。\n网关黄灯快闪可以关闭。")
    assert quoted("网关黄灯快闪表示什么？", faq) == ["答：SIM 卡未识别。"]


def test_a_near_sentence_of_another_language_beats_one_with_the_same_words():
    words_only = passage(1, "保修期有多长由合同规定。")

    def similarities(question, texts):
        return [0.9 if "24 months" in t else 0.5 if "合同" in t else 0.0 for t in texts]

    found = quoted("保修期有多长？", words_only, WARRANTY, similarities=similarities)
    assert found == ["The warranty lasts 24 months from delivery."]


def test_the_kind_of_answer_decides_between_equals():
    meeting = passage(1, "会议时间另行通知大家。会议时间为 5 月 3 日。")
    assert quoted("会议时间是什么时候？", meeting) == ["会议时间为 5 月 3 日。"]


def test_the_heading_says_what_a_sentence_is_about():
    transport = passage(1, "每天不超过 80 元。", heading=("市内交通",))
    meals = passage(2, "每天不超过 90 元。", heading=("餐补",))
    assert quoted("餐补每天不超过多少元？", transport, meals) == ["每天不超过 90 元。"]
    (found,) = candidates("餐补", [meals], term_weights={})
    assert found.coverage == 0.9


def test_quotes_stand_in_the_order_of_the_passages_not_of_their_scores():
    weaker = passage(1, "员工年休假可以分两次。", score=0.6)
    found = choose(candidates("员工年休假有几天？", (weaker, LEAVE), term_weights={}), 2)
    best = max(found, key=lambda c: c.score)
    assert (best.passage, found[0].passage) == (1, 0)


def test_a_pair_that_straddles_two_words_weighs_no_more_than_its_neighbours():
    weights = {"地区": 1.0, "区寺": 9.0, "寺庙": 2.0, "sensor": 3.0}
    assert [w.weight for w in wanted_of("地区寺庙", weights)] == [1.0, 1.0, 2.0, 2.0]
    assert [w.weight for w in wanted_of("sensor", weights)] == [6.0]
