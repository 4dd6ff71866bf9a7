"""An oracle scores 1 on everything; a planted contradiction costs the citation, and the correctness."""

import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from qianxun.answering.checking.bearing import judge
from qianxun.evaluation.answers.correctness import Correctness, correctness, token_f1
from qianxun.evaluation.answers.scoring import (
    CitationScore,
    Cited,
    Place,
    Refusal,
    Scores,
    evidence_recall,
    is_refusal,
    judge_citations,
    refusal,
    score_answer,
    statements_of,
)
from qianxun.records import Span

LEAVE = "工作满一年的员工每年有五天带薪年假，满十年的有十天。"

# -- correctness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, reference, expected",
    [
        ("The capital is Beijing.", "Beijing", 2 / (3 + 1)),  # articles do not count: capital, is, beijing
        ("北京", "北京市", 4 / 5),
        ("北京 2008 年", "北京2008年", 1.0),
        ("１，２００ items", "1200 items", 1.0),
        ("臺灣", "台湾", 1.0),
        ("", "x", 0.0),
        ("a the", "an", 0.0),
    ],
)
def test_token_f1_can_be_checked_by_hand(answer: str, reference: str, expected: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    "answer, references, expected",
    [
        ("工作满一年的员工每年有五天带薪年假。", ("5天",), 1.0),
        ("每年有五天帶薪年假。", ("十天", "５ 天"), 1.0),
        ("每年有十天带薪年假。", ("五天",), 0.0),
        ("The Broncos gave up 296 points.", ("308",), 0.0),
        ("It was released on March 18, 2025.", ("2025年3月18日",), 1.0),
        ("总部不在北京。", ("北京",), 0.0),
        ("总部在北京，不在上海。", ("北京",), 1.0),
        ("It is not Paris but Lyon.", ("Lyon",), 1.0),
        ("可以申请。", ("可以",), 1.0),
        ("不可以申请。", ("可以",), 0.0),
        ("No, remote work is not allowed.", ("no",), 1.0),
        ("东盟、日本和韩国", (("东盟", "日本", "韩国", "文莱"),), 0.75),
        ("张伟向李娜汇报", ("李娜向张伟汇报",), 0.0),
        ("试用期内可以申请远程办公", ("试用期内不得申请远程办公",), 0.0),
        ("Batteries are covered by the warranty.", ("Batteries are not covered by the warranty",), 0.0),
        ("每天不超过80元", ("每天超过80元",), 0.0),
        ("月薪28000美元", ("月薪28000元",), 0.0),
        ("", ("五天",), 0.0),
    ],
)
def test_correctness(answer: str, references: tuple[Any, ...], expected: float) -> None:
    assert correctness(answer, references, question="？").score == pytest.approx(expected)


def test_yes_and_no_are_told_by_the_sentence_that_is_about_the_question() -> None:
    question = "试用期内可以申请远程办公吗？"
    answer = "逾期不作废。试用期内不得申请远程办公。"
    assert correctness(answer, ("不可以",), question=question).score == 1.0
    assert correctness(answer, ("可以",), question=question).score == 0.0
    assert (
        correctness("Remote work is allowed after probation.", ("yes",), question="Is remote work allowed?").score == 1
    )


def test_a_part_of_the_figures_is_a_part_of_the_answer() -> None:
    found = correctness("满一年的每年有五天", ("满一年的每年有五天，满十年的每年有十天",), question="年假有几天？")
    assert found.agreement == 0.5
    assert 0 < found.score < 0.5


REFUSALS = [
    "I don't know.", "Sorry, I could not find an answer.", "The documents do not mention a supplier.", "无法回答。",
    "There is no information about the supplier in the provided documents.", "文档中没有这个问题的答案。",
    "The supplier is not mentioned in the context.", "Based on the documents, I can't determine the supplier.",
    "No evidence was found in the documents.", "抱歉，無法回答這個問題。", "我不知道。", "没有找到相关依据，无法回答。",
    "根据提供的资料，无法确定ＬＦ－２００的供应商。", "提供的原文沒有說明供應商是誰。", "很遗憾，现有文档未提及此事。",
]  # fmt: skip
ANSWERS = [
    "员工没有提供发票的，不予报销。", "文件未提供原件的，不予受理。", "未找到合适人选時，由總監兼任。",
    "无法确定责任的，由双方协商。", "套餐未包含早餐。",
    "No information may be shared with third parties.", "The warranty does not mention water.", "资料室没有周末值班。",
    "Employees who do not provide evidence are not reimbursed.", "You cannot find the number on the box.",
    "We do not ship on Fridays.", "There is no charge for delivery.", "内容审核未经批准不得发布。",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_known_by_its_words(text: str) -> None:
    assert is_refusal(text)
    assert not is_refusal(f"{text} 年假为五天，每年四月调整。")


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_about_what_is_missing_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


# -- citations -------------------------------------------------------------------------------------------------------


def cited(
    sentence: str, text: str, *, source: str = "a.md", start: int = 0, context: str = "", rows: str = ""
) -> Cited:
    return Cited(sentence, text, Span(start, start + len(text)), (source,), context, rows)


def scored(text: str, citations: list[Cited], **given: Any) -> Scores:
    facts: dict[str, Any] = {
        "question": "?",
        "references": (),
        "answerable": True,
        "refused": False,
        "evidence": (),
    } | given
    return score_answer(text, citations=citations, **facts)


def test_sentences_without_citation_cost_recall_not_precision() -> None:
    answer = "每年有五天带薪年假。[1] 食堂周一休息。"
    found = scored(answer, [cited("每年有五天带薪年假。", LEAVE)])
    assert (found.citation_precision, found.citation_recall, found.statements, found.borne) == (1.0, 0.5, 2, 1)


def test_two_quotes_can_bear_a_statement_together() -> None:
    sentence = "Plan A costs 100 dollars, and Plan B costs 200 dollars."
    both = [cited(sentence, "Plan A costs 100 dollars."), cited(sentence, "Plan B costs 200 dollars.", start=30)]
    assert judge_citations(statements_of(sentence, both), both) == [
        (True, {0: CitationScore(True), 1: CitationScore(True)})
    ]
    # One that adds nothing is not right, though the statement is borne.
    idle = [
        cited(sentence, f"{both[0].text} {both[1].text}"),
        cited(sentence, "The office is closed on Mondays.", start=90),
    ]
    borne, scores = judge_citations(statements_of(sentence, idle), idle)[0]
    assert borne
    assert scores[0].right
    assert scores[1] == CitationScore(False, ("figure", "name", "words"))
    assert not judge_citations(statements_of(sentence, both[:1]), both[:1])[0][0]


def test_a_row_is_judged_with_the_names_of_its_columns() -> None:
    sentence = "姓名：张三；月薪：8000元"
    row = cited(sentence, "张三 | 8000元", rows="姓名：张三；月薪：8000元", context="姓名 | 月薪")
    assert scored(f"{sentence}[1]", [row]).citation_precision == 1.0
    assert scored(f"{sentence}[1]", [row]).statements == 1
    other = cited("姓名：李四；月薪：8000元", row.text, rows=row.rows, context=row.context)
    assert scored("姓名：李四；月薪：8000元[1]", [other]).citation_precision == 0.0


def test_a_quote_that_is_not_in_the_document_bears_nothing() -> None:
    gone = Cited("每年有五天带薪年假。", "", Span(0, 9), ("a.md",))
    found = scored("每年有五天带薪年假。[1]", [gone], evidence=(Place("a.md"),))
    assert (found.citation_precision, found.citation_recall, found.evidence_recall) == (0.0, 0.0, 0.0)


def test_what_leads_to_a_list_states_nothing() -> None:
    found = statements_of("年假如下：\n满十年的有十天。[1]\n还有问题吗？", [cited("满十年的有十天。", LEAVE)])
    assert [one.text for one in found] == ["满十年的有十天。"]


def test_evidence_is_cited_where_it_stands() -> None:
    at = [cited("x", "0123456789", start=100), cited("x", "abc", source="b.md")]
    assert evidence_recall(at, [Place("a.md", Span(105, 125))]) == 1.0  # half of the shorter
    assert evidence_recall(at, [Place("a.md", Span(106, 126))]) == 0.0
    assert evidence_recall(at, [Place("a.md"), Place("b.md"), Place("c.md")]) == pytest.approx(2 / 3)
    twin = Cited("x", "0123456789", Span(100, 110), ("a.md", "copy.md"))
    assert evidence_recall([twin], [Place("copy.md", Span(0, 10))]) == 1.0
    assert evidence_recall([], [Place("a.md")]) == 0.0


# -- the whole answer ------------------------------------------------------------------------------------------------


def test_an_empty_answer_and_a_refusal_are_worth_nothing_where_there_is_an_answer() -> None:
    for text, refused in (
        ("", False),
        ("文档中没有找到依据。最接近的文档：《员工手册》。", True),
        ("I do not know.", False),
    ):
        found = scored(text, [], references=("五天",), refused=refused, evidence=(Place("a.md"),))
        assert found.refused
        figures_of = (found.correctness, found.citation_precision, found.citation_recall, found.evidence_recall)
        assert (*figures_of, found.refusal) == (0.0,) * 5


def test_refusing_is_right_where_there_is_no_answer() -> None:
    right = scored("没有找到依据。", [], answerable=False, refused=True)
    assert (right.correctness, right.refusal) == (1.0, 1.0)
    assert (right.citation_precision, right.citation_recall, right.evidence_recall) == (None, None, None)
    wrong = scored("每年有五天带薪年假。[1]", [cited("每年有五天带薪年假。", LEAVE)], answerable=False)
    assert (wrong.correctness, wrong.refusal, wrong.citation_precision) == (0.0, 0.0, 1.0)


def test_refusals_are_counted() -> None:
    def one(answerable: bool, refused: bool) -> Scores:
        return scored("x", [], answerable=answerable, refused=refused)

    found = refusal([one(True, False), one(True, True), one(False, True), one(False, True), one(False, False)])
    assert found == Refusal(refused=3, unanswerable=3, right=2)
    assert (found.precision, found.recall) == (2 / 3, 2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert Refusal(0, 0, 0).f1 == 1.0
    assert Refusal(0, 2, 0).f1 == 0.0


# -- planted contradictions ------------------------------------------------------------------------------------------

PEOPLE = ["张伟", "李娜", "王芳", "刘洋", "陈静", "欧阳明", "赵敏", "周杰"]
FIRMS = ["华夏银行", "东海科技公司", "南山集团", "招商物流", "腾云", "北辰医院"]
NAMES = ["Alice", "Robert", "Carmen", "Dmitri", "Yuki"]
COMPANIES = ["Acme", "Initech", "Globex", "Umbrella", "Hooli"]
CODES = ["LF-200", "E-1042", "XK-77B", "MT-3100"]
ZH = [
    "{firm}的{person}自2024年{month}月{day}日起负责{code}的验收，每次预算不超过{n}元。",
    "{firm}应在{n}个工作日内向{other_firm}支付货款。",
    "使用{code}满{n}个月的客户不享受{firm}的免费维修。",
    "{person}每年有{n}天带薪年假，须在次年{month}月{day}日前休完。",
    "{person}向{other}汇报{code}的测试结果，误差不得超过百分之{n}。",
    "單筆金額{n}元以上的採購由{person}審批，未經審批不得付款。",
    "{firm}收购{other_firm}，交易金额为{n}万美元。",
    "{code}的工作温度为{n}度，电池没有保修。",
]
EN = [
    "{name} reports the results of {code} to {other_name} within {n} days.",
    "{company} acquired {other_company} for {n} million dollars in 2019.",
    "Customers of {company} who used {code} for more than {n} months do not receive free repairs.",
    "{name} has {n} days of annual leave, which never expire.",
    "{company} pays {other_company} at least {n} euros for each unit of {code}.",
    "The limit for {code} is {n} kg, and {name} must not exceed it.",
]


@st.composite
def statements(draw: Callable[..., Any]) -> str:
    person, other = draw(st.permutations(PEOPLE))[:2]
    firm, other_firm = draw(st.permutations(FIRMS))[:2]
    name, other_name = draw(st.permutations(NAMES))[:2]
    company, other_company = draw(st.permutations(COMPANIES))[:2]
    text: str = draw(st.sampled_from(ZH + EN)).format(
        person=person, other=other, firm=firm, other_firm=other_firm, name=name, other_name=other_name,
        company=company, other_company=other_company, code=draw(st.sampled_from(CODES)),
        n=draw(st.integers(2, 9999)), month=draw(st.integers(1, 12)), day=draw(st.integers(1, 28)),
    )  # fmt: skip
    return text


def another_number(text: str, chance: random.Random) -> str | None:
    # The digits of a code make another name, not another number.
    places = list(re.finditer(r"(?<![\w.-])\d+(?![\w.-]*-?\d*[A-Za-z])", text))
    places = places or list(re.finditer(r"(?<=[^\w-])\d+|(?<=[\u4e00-\u9fff])\d+", text))
    if not places:
        return None
    place = chance.choice(places)
    other = str(int(place[0]) + chance.choice([1, 2, 7, 10]))
    if "月" in text[place.end() : place.end() + 1]:
        other = str(int(place[0]) % 12 + 1)
    if "日" in text[place.end() : place.end() + 1]:
        other = str(int(place[0]) % 28 + 1)
    return text[: place.start()] + other + text[place.end() :]


def another_unit(text: str, chance: random.Random) -> str | None:
    pairs = [
        ("个工作日", "个月"), ("万美元", "万元"), ("元", "美元"), ("天带薪", "周带薪"), ("个月", "年"), ("度", "米"),
        ("days", "hours"), ("dollars", "euros"), ("euros", "dollars"), ("months", "years"), ("kg", "g"),
    ]  # fmt: skip
    there = [(old, new) for old, new in pairs if re.search(rf"\d\s?{old}|million {old}", text)]
    if not there:
        return None
    old, new = chance.choice(there)
    return re.sub(rf"(\d\s?|million ){old}", rf"\g<1>{new}", text, count=1)


def a_negation_less(text: str, chance: random.Random) -> str | None:
    found = [*re.finditer(r"不得(?!超过)|不(?!得|超过)|没有|未|\bnot |\bnever |do not ", text)]
    if not found:
        return None
    place = chance.choice(found)
    new = {"不得": chance.choice(["可以", "得", ""]), "没有": "有"}.get(place[0], "")
    return text[: place.start()] + new + text[place.end() :]


def a_negation_more(text: str, chance: random.Random) -> str | None:
    places = [
        (r"(?=负责|应在|享受|须在|汇报|由|收购|付款)", chance.choice(["不", "未"])),
        (r"\b(?=acquired|has|used)", "never "),
        (r"(?<=must )", "not "),
        (r"(?<=limit for )", "no "),
    ]
    there = [(m.start(), word) for pattern, word in places for m in re.finditer(pattern, text)]
    there = [
        (at, word)
        for at, word in there
        if text[max(0, at - 2) : at] not in ("不", "未", "不享")
        and text[at - 1] not in "不未"
        and text[at : at + 4] != "not "
    ]
    if not there:
        return None
    at, word = chance.choice(there)
    return text[:at] + word + text[at:]


def another_name(text: str, chance: random.Random) -> str | None:
    for group in chance.sample([PEOPLE, FIRMS, NAMES, COMPANIES, CODES], 5):
        there = [one for one in group if one in text]
        if there:
            old = chance.choice(there)
            return text.replace(old, chance.choice([one for one in group if one not in text]))
    return None


def changed_places(text: str, chance: random.Random) -> str | None:
    for group in (PEOPLE, FIRMS, NAMES, COMPANIES):
        there = [one for one in group if one in text]
        if len(there) == 2:
            return text.replace(there[0], "\0").replace(there[1], there[0]).replace("\0", there[1])
    return None


def another_limit(text: str, chance: random.Random) -> str | None:
    pairs = [
        ("以上", "以下"), ("不超过", "超过"), ("不得超过", "不得少于"), ("more than", "less than"),
        ("at least", "at most"), ("not exceed", "exceed"),
    ]  # fmt: skip
    there = [(old, new) for old, new in pairs if old in text]
    return text.replace(*chance.choice(there)) if there else None


PLANTS = [
    another_number, another_unit, a_negation_less, a_negation_more, another_name, changed_places, another_limit,
]  # fmt: skip


def citation_scores(statement: str, document: str) -> tuple[float | None, float | None]:
    found = scored(f"{statement}[1]", [cited(statement, document)])
    return found.citation_precision, found.citation_recall


@given(statements(), st.lists(statements(), max_size=2))
def test_a_copy_keeps_one(statement: str, others: list[str]) -> None:
    assert citation_scores(statement, statement) == (1.0, 1.0)
    document = "\n".join([*others, statement])
    assert citation_scores(statement, document) == (1.0, 1.0)
    wide = "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in statement)
    assert citation_scores(wide, statement) == (1.0, 1.0)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@given(data=st.data())
def test_a_planted_contradiction_lowers_the_citation_score(
    plant: Callable[..., str | None], data: st.DataObject
) -> None:
    statement = data.draw(statements())
    chance = data.draw(st.randoms(use_true_random=False))
    planted = plant(statement, chance)
    assume(planted is not None and planted != statement)
    assert planted is not None
    # Beside the sentence that it contradicts there may be another one, of other people and things.
    others = data.draw(st.lists(statements(), max_size=1))
    assume(not any(name in other for other in others for name in PEOPLE + FIRMS + NAMES + COMPANIES if name in planted))
    before, after = (citation_scores(one, statement) for one in (statement, planted))
    assert before == (1.0, 1.0)
    assert after == (0.0, 0.0), (statement, planted, judge(planted, statement))
    assert citation_scores(planted, "\n".join([statement, *others])) < (1.0, 1.0)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@given(data=st.data())
def test_a_planted_contradiction_lowers_the_correctness(plant: Callable[..., str | None], data: st.DataObject) -> None:
    statement = data.draw(statements())
    planted = plant(statement, data.draw(st.randoms(use_true_random=False)))
    assume(planted is not None and planted != statement)
    assert planted is not None
    assert correctness(statement, (statement,)) == Correctness(1.0, True, 1.0, 1.0)
    assert correctness(planted, (statement,)).score < 1.0


@given(statements(), st.booleans())
@example("张伟向李娜汇报E-1042的测试结果，误差不得超过百分之5。", True)
def test_an_oracle_scores_one_on_everything(statement: str, answerable: bool) -> None:
    if answerable:
        found = score_answer(
            f"{statement}[1]",
            question="谁负责？",
            references=(statement,),
            answerable=True,
            refused=False,
            citations=[cited(statement, statement, start=7)],
            evidence=[Place("a.md", Span(7, 7 + len(statement)))],
        )
    else:
        found = scored("没有找到依据。", [], answerable=False, refused=True)
    values = (found.correctness, found.contained, found.f1, found.citation_precision, found.citation_recall)
    assert {value for value in (*values, found.evidence_recall, found.refusal) if value is not None} == {1.0}
    assert refusal([found]).f1 == 1.0
