"""Where a value stands: in every spelling, in the right place; and what stands nowhere is said to."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.extraction.citing import Citer
from qianxun.extraction.spelling import Spelling, bare, figures_of_value

TEXT = (
    "员工简历\n"
    "姓名：張 偉　性別：男\n"
    "出生日期：民國79年3月1日\n"
    "入职：２０２５年１月\n"
    "电话：138-1234 5678\n"
    "English name: Annabel Lee-Smith\n"
    "年假：三天；病假 ５ 个工作日\n"
    "月薪 １，２００．５０ 元，年终奖50万元，税率13%\n"
    "合同期限为两年。合同编号：HT-2025-0042\n"
    "2019.03 – 2021.06 宏圖科技股份有限公司 軟體工程師\n"
    "是否接受出差：否\n"
    "Remote work allowed: yes\n"
    "Signed on March 5, 2024; delivered 15/06/2024.\n"
    "他在公司里负责支付系统的设计与维护，并带领五人团队完成了对账平台的重构。\n"
    "商标 A\n"
)


def cited(value: Any, schema: dict[str, Any] | None = None, name: str = "field") -> tuple[str, str]:
    [field] = Citer(TEXT, {"properties": {name: schema or {}}}).fields({name: value})
    if field.span is not None:
        assert TEXT[field.span.start : field.span.end] == field.quote
    return field.support, field.quote


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        ("张伟", "張 偉"),
        ("１３８12345678", "138-1234 5678"),
        ("annabel lee smith", "Annabel Lee-Smith"),
        ("1990-03-01", "民國79年3月1日"),
        ("1990年3月1日", "民國79年3月1日"),
        ("2025-01", "２０２５年１月"),
        ("2025年1月", "２０２５年１月"),
        ("3 天", "三天"),
        ("三日", "三天"),
        ("5个工作日", "５ 个工作日"),
        (1200.5, "１，２００．５０ 元"),
        ("1200.50元", "１，２００．５０ 元"),
        (500000, "50万元"),
        (13, "13%"),
        (0.13, "13%"),
        (2025, "２０２５年１月"),
        ("HT-2025-0042", "HT-2025-0042"),
        ("2019-03", "2019.03"),
        ("2019-03 ~ 2021-06", "2019.03 – 2021.06"),
        ("宏图科技股份有限公司", "宏圖科技股份有限公司"),
        ("2024-03-05", "March 5, 2024"),
        ("2024-03-05T00:00:00Z", "March 5, 2024"),
        ("2024-06-15", "15/06/2024"),
        ("A", "A"),
    ],
)
def test_a_value_stands_there_in_another_spelling(value: Any, quote: str) -> None:
    assert cited(value) == ("supported", quote)


@pytest.mark.parametrize(
    "value",
    [
        "李偉",
        "Anna",
        "Lee-Smithson",
        "13812345679",
        "1990-03-02",
        "2025-02",
        "4 天",
        "6 个工作日",
        1200,
        120050,
        51,
        0.14,
        -13,
        2018,
        "HT-2025-004",
        "2019-04",
        "2024-03-06",
        "Acme Trading Ltd",
        "星辰股份有限公司",
        "浙江省杭州市西湖区文三路一百三十八号五楼",
        "zhang@example.com",
        "他在医院里负责手术室的消毒与器械管理，并培训了十二名护士。",
    ],
)
def test_what_stands_nowhere_is_absent(value: Any) -> None:
    assert cited(value) == ("absent", "")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2025-01-15", "the day is made up"),
        (50, "of 50万元"),
        (6, "the month of a date"),
        ("5 天", "another unit"),
        ("Smith Annabel Lee", "the words in another order"),
        ("广图科技股份有限公司", "one character of a long name"),
    ],
)
def test_what_stands_there_in_part_is_weak(value: Any, why: str) -> None:
    assert cited(value)[0] == "weak", why


def test_a_number_counts_what_its_field_counts() -> None:
    assert cited(24, name="term_months") == ("supported", "两年")
    assert cited(24, {"description": "合同期限（月）"}, "term") == ("supported", "两年")
    assert cited(24, name="term")[0] == "absent"
    assert cited(25, name="term_months")[0] == "absent"


def test_a_small_number_must_stand_where_something_tells_what_it_is() -> None:
    text = "1. Scope\nOffices in 4 cities.\nThere are 4 floors.\n3. Notice\nIt takes 30 days of notice.\n年齡：35\n"
    schema = {"properties": {"floors": {}, "rooms": {}, "sections": {}, "notice_days": {}, "age": {}, "cities": {}}}
    data = {"floors": 4, "rooms": 4, "sections": 3, "notice_days": 30, "age": 35}
    supports = {field.pointer: field.support for field in Citer(text, schema).fields(data)}
    assert supports == {
        "/floors": "supported",
        "/rooms": "weak",
        "/sections": "absent",
        "/notice_days": "supported",
        "/age": "supported",
    }


def test_true_and_false_are_decided_by_the_line_that_names_them() -> None:
    assert cited(False, {"description": "是否接受出差"}) == ("supported", "是否接受出差：否")
    assert cited(True, {"description": "是否接受出差"})[0] == "absent"
    assert cited(True, name="remote_work_allowed") == ("supported", "Remote work allowed: yes")
    assert cited(False, name="remoteWorkAllowed")[0] == "absent"
    assert cited(True, name="smoker")[0] == "absent"


def test_what_is_chosen_from_the_schema_is_weak_at_most() -> None:
    chosen = {"enum": ["remote", "on site"], "description": "remote work"}
    assert cited("on site", chosen) == ("weak", "Remote work allowed: yes")
    assert cited("male", {"enum": ["male", "female"]})[0] == "absent"
    assert cited("男", {"enum": ["男", "女"]}) == ("supported", "男")


def test_a_sentence_is_checked_as_one() -> None:
    said = "他负责支付系统的设计与维护，带领五人团队完成了对账平台的重构。"
    assert cited(said)[0] == "supported"
    assert cited(said.replace("五人", "九人"))[0] == "absent"


def test_of_several_places_the_one_of_the_object_and_the_field_counts() -> None:
    text = "椅子\t2\t300\n桌子\t2\t300\n合计 600\n运费 300\n编号 2"
    item = {"type": "object", "properties": {"name": {}, "quantity": {}, "price": {}}}
    schema = {"properties": {"items": {"items": item}, "freight": {"description": "运费"}, "number": {"title": "编号"}}}
    data = {
        "items": [{"name": "桌子", "quantity": 2, "price": 300}, {"quantity": 2, "name": "椅子"}],
        "freight": 300,
        "number": 2,
    }
    spans = {field.pointer: field.span for field in Citer(text, schema).fields(data)}
    places = {pointer: span.start for pointer, span in spans.items() if span is not None}
    assert places == {
        "/items/0/name": 9, "/items/0/quantity": 12, "/items/0/price": 14, "/items/1/quantity": 3, "/items/1/name": 0,
        "/freight": 28, "/number": 35,
    }  # fmt: skip


def test_pointers_are_escaped_and_what_says_nothing_is_no_field() -> None:
    data = {"a/b": "男", "c~d": ["", None, "男"], "e": {}, "f": None, "g": []}
    assert [field.pointer for field in Citer(TEXT, {}).fields(data)] == ["/a~1b", "/c~0d/2"]
    assert Citer(TEXT, {}).fields("男")[0].pointer == ""


def test_an_amount_that_looks_like_a_month_is_one_too() -> None:
    [field] = Citer("Total 2019.03", {}).fields({"total": 2019.03})
    assert (field.support, field.quote) == ("supported", "2019.03")


@settings(max_examples=60, deadline=None)
@given(st.text("张張偉 　3三天年月日.,-:/１２%元aB\n（）", max_size=60), st.data())
def test_every_piece_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    for field in Citer(text, {}).fields([piece, 3, 12.0]):
        if field.span is not None:
            assert text[field.span.start : field.span.end] == field.quote != ""
    for place in Spelling(text).occurrences(piece):
        assert bare(text[place.start : place.end]) == bare(piece)


@pytest.mark.parametrize(
    ("value", "figures"),
    [
        ("2019-03", ["2019-3-?"]),
        ("3 天", ["3"]),
        ("2019.03-2021.06", ["2019-3-?", "2021-6-?"]),
        ("2019/3–2021/6", ["2019-3-?", "2021-6-?"]),
        ("民国一百一十四年3月", ["2025-3-?"]),
    ],
)
def test_a_value_that_is_nothing_but_figures(value: str, figures: list[str]) -> None:
    found, alone = figures_of_value(value)
    assert ([figure.value for figure in found], alone) == (figures, True)
    assert figures_of_value(f"约 {value} 左右的事")[1] is False
