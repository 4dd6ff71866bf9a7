"""Sources that disagree are named, with both; a question that may be about several things is answered by a question."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qianxun
from qianxun import Asker, TextItem, Turn
from qianxun.answering.answer import answer
from qianxun.answering.disagreement.differing import difference, tokens_of
from qianxun.answering.keeping import answer_of, kept_of
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta
from qianxun.records import Answer, Passage, SearchResult, Span
from qianxun.settings import AnswerSettings
from qianxun.shapes import answer_shape


@contextmanager
def base_of(documents: dict[str, str], overrides: tuple[str, ...] = ()) -> Iterator[KnowledgeBase]:
    """A knowledge base of texts under a title each; everybody with the label of a name may read that document."""
    with TemporaryDirectory() as folder, qianxun.open(folder, overrides=overrides) as kb:
        for name, text in documents.items():
            title, _, body = text.removeprefix("# ").partition("\n\n")
            kb.add_texts([TextItem(f"{name}.md", title, body)], labels=["public", name])
        yield kb


LEAVE = {
    "handbook": "# 员工手册\n\n员工每年享有 10 天年假。",
    "attendance": "# 考勤制度\n\n年假为 15 天，须提前一周申请。",
}
OFFICES = {
    "shanghai": "# 上海办公室员工手册\n\n年假为 10 天。",
    "beijing": "# 北京办公室员工手册\n\n年假为 15 天。",
}
EDITIONS = {"x": "# 员工手册 2024\n\n年假为 10 天。", "y": "# 员工手册 2025\n\n年假为 15 天。"}
DISAGREEING = [
    (LEAVE, "年假有几天？", {"10 天", "15 天"}),
    (LEAVE, "年假有幾天？", {"10 天", "15 天"}),
    (
        {"a": "# 制度\n\n保修期为１２个月。", "b": "# 規定\n\n保修期是兩年。"},
        "保修期是多長時間？",
        {"１２个月", "兩年"},
    ),
    (
        {"a": "# 通知\n\n會議將於 2025 年 3 月 1 日舉行。", "b": "# 公告\n\n會議將於 2025 年 3 月 8 日舉行。"},
        "會議什麼時候舉行？",
        {"2025 年 3 月 1 日", "2025 年 3 月 8 日"},
    ),
    (
        {"a": "# 架构\n\n信息安全部的负责人是张伟。", "b": "# 通讯录\n\n信息安全部的负责人是李娜。"},
        "信息安全部的负责人是谁？",
        {"张伟", "李娜"},
    ),
    (
        {"a": "# 制度\n\n出差期间的打车费可以报销。", "b": "# 细则\n\n出差期间的打车费不可以报销。"},
        "打车费可以报销吗？",
        {"出差期间的打车费可以报销。", "出差期间的打车费不可以报销。"},
    ),
    (
        {"a": "# Org\n\nThe head of security is Alice Brown.", "b": "# Contacts\n\nThe head of security is Bob Stone."},
        "Who is the head of security?",
        {"Alice Brown", "Bob Stone"},
    ),
    (
        {"a": "# Handbook\n\nEmployees get 10 days of annual leave.", "b": "# FAQ\n\nAnnual leave is 15 days."},
        "How many days of annual leave are there?",
        {"10 days", "15 days"},
    ),
    (
        {"a": "# VPN 手册\n\nVPN 密码有效期为 90 天。", "b": "# IT FAQ\n\nVPN 密码有效期为 180 天。"},
        "VPN 密码有效期多久？",
        {"90 天", "180 天"},
    ),
    (
        {
            "a": "# 差旅制度\n\n一线城市（北京、上海、广州、深圳）住宿标准为每晚 650 元。",
            "b": "# 报销细则\n\n一线城市住宿标准为每晚 800 元。",
        },
        "一线城市住宿标准是多少？",
        {"650 元", "800 元"},
    ),
    (
        {
            "a": "# 出差辦法\n\n出差期間的餐補(含早餐、晚餐)為每天 120 元。",
            "b": "# 規定\n\n出差期間的餐補為每天 150 元。",
        },
        "出差期間的餐補是多少？",
        {"120 元", "150 元"},
    ),
    (
        {
            "a": "# Travel\n\nThe hotel limit in large cities (London, Paris) is 180 euros.",
            "b": "# FAQ\n\nThe hotel limit in large cities is 220 euros.",
        },
        "What is the hotel limit in large cities?",
        {"180 euros", "220 euros"},
    ),
    (
        {"a": "# 差旅费管理制度（2025版）\n\n市内交通补贴每天80元。", "b": "# 报销细则\n\n市内交通补贴每天120元。"},
        "市内交通补贴每天多少元？",
        {"80元", "120元"},
    ),
    (
        {
            "a": "# 採購辦法（第三次修訂）\n\n小額採購的上限為 5 万元。",
            "b": "# 財務問答 v2.1\n\n小額採購的上限為 8 万元。",
        },
        "小額採購的上限是多少？",
        {"5 万元", "8 万元"},
    ),
]


@pytest.mark.parametrize(("documents", "question", "values"), DISAGREEING, ids=lambda one: one if one is str else None)
def test_sources_that_disagree_are_named_with_both(documents: dict[str, str], question: str, values: set[str]) -> None:
    with base_of(documents) as kb:
        found = kb.ask(question)
    assert found.verdict == "answered"
    (conflict,) = found.conflicts
    assert {one.value for one in conflict.values} == values
    cited = [citation for one in conflict.values for citation in one.citations]
    assert {citation.source for citation in cited} == {passage.source for passage in found.passages}
    for citation in cited:
        assert found.passages[citation.number - 1].source == citation.source
        assert citation.support == "supported"
        assert citation in found.citations
    last = found.statements[-1]
    assert found.text[last.span.start : last.span.end] == last.text
    assert set(last.numbers) == {1, 2}
    assert all(value in last.text for value in values)
    assert last.text.startswith(("The sources disagree", "资料说法不一致"))


AGREEING = [
    ({"a": "# 制度\n\n保修期为一年。", "b": "# 规定\n\n保修期为 12 个月。"}, "保修期多久？"),
    ({"a": "# 规定\n\n2023 年的年假为 10 天。", "b": "# 制度\n\n2024 年的年假为 15 天。"}, "2024年的年假有几天？"),
    ({"a": "# 规定\n\n年假为 10 天。", "b": "# 制度\n\n病假为 15 天。"}, "年假有几天？"),
    ({"a": "# 规定\n\n年假至少为 10 天。", "b": "# 制度\n\n年假至多为 15 天。"}, "年假有几天？"),
    ({"a": "# 规定\n\n工作满十年的员工年假为 15 天。", "b": "# 制度\n\n年假为 10 天。"}, "年假有几天？"),
    ({"a": "# A\n\nThe fee is 20 dollars.", "b": "# B\n\nThe fee takes 20 minutes to pay."}, "How much is the fee?"),
    ({"a": "# A\n\nThe pump runs at 50 Hz.", "b": "# B\n\nThe pump runs at 230 V."}, "At how many Hz does it run?"),
    (OFFICES, "上海办公室的年假有几天？"),
    ({"a": "# 2024年年报\n\n营业收入为 12 亿元。", "b": "# 新闻稿\n\n营业收入为 15 亿元。"}, "营业收入是多少？"),
    ({"a": "# 规定\n\n住宿标准为（淡季）650 元。", "b": "# 制度\n\n住宿标准为（旺季）800 元。"}, "住宿标准是多少？"),
    ({"one": "# 规定\n\n年假为 10 天。\n\n年假为 15 天。"}, "年假有几天？"),
]


@pytest.mark.parametrize(("documents", "question"), AGREEING)
def test_nothing_is_named_where_the_sources_do_not_disagree(documents: dict[str, str], question: str) -> None:
    with base_of(documents) as kb:
        found = kb.ask(question)
    assert found.conflicts == ()
    assert found.options == ()


AMBIGUOUS = [
    (OFFICES, "年假有几天？", "北京", "年假为 15 天"),
    (
        {"a": "# 产品 A 说明书\n\n保修期为 12 个月。", "b": "# 產品 B 說明書\n\n保修期為 24 個月。"},
        "保修期多久？",
        "產品 Ｂ",
        "24 個月",
    ),
    (
        {"x": "# 员工手册 2024\n\n年假为 10 天。", "y": "# 员工手册 2025\n\n年假为 15 天。"},
        "年假有几天？",
        "2025",
        "15 天",
    ),
    (
        {"a": "# LF-2301 手册\n\n额定电压为 220 V。", "b": "# LF-2302 手册\n\n额定电压为 110 V。"},
        "额定电压是多少？",
        "ＬＦ－２３０２",
        "110 V",
    ),
    (
        {
            "a": "# Leave policy Shanghai office\n\nEmployees get 10 days of leave.",
            "b": "# Leave policy Beijing office\n\nEmployees get 15 days of leave.",
        },
        "How many days of leave do employees get?",
        "the Beijing office",
        "15 days",
    ),
    (
        {"a": "# 规定\n\n正式员工年假为 10 天。", "b": "# 制度\n\n试用期员工年假为 5 天。"},
        "年假有几天？",
        "试用期",
        "5 天",
    ),
]


@pytest.mark.parametrize(("documents", "question", "choice", "said"), AMBIGUOUS)
def test_an_ambiguous_question_is_answered_by_a_question_and_the_choice_completes_it(
    documents: dict[str, str], question: str, choice: str, said: str
) -> None:
    with base_of(documents) as kb:
        back = kb.ask(question)
        labels = tuple(option.label for option in back.options)
        then = kb.ask(choice, turns=[Turn(question, options=labels)])
    assert back.verdict == "clarify"
    assert len(labels) == 2
    assert back.conflicts == ()
    for number, (option, statement) in enumerate(zip(back.options, back.statements[1:], strict=True), 1):
        assert option.label in statement.text
        assert statement.numbers == (option.citations[0].number,)
        assert back.text[statement.span.start : statement.span.end].startswith(statement.text)
        assert f"\n{number}. {statement.text}" in back.text
        assert option.citations[0].support == "supported"
        assert question in option.question
    assert then.verdict == "answered"
    assert then.options == ()
    assert said in then.text


@pytest.mark.parametrize("question", ["两地的年假分别是几天？", "哪个办公室的年假最多？", "各办公室的年假？"])
def test_a_question_about_several_things_is_not_ambiguous(question: str) -> None:
    with base_of(OFFICES) as kb:
        assert kb.ask(question).verdict != "clarify"


def test_nothing_is_asked_back_where_that_is_switched_off() -> None:
    with base_of(OFFICES, ("answer.clarify=false",)) as kb:
        found = kb.ask("年假有几天？")
    assert (found.verdict, found.options) == ("answered", ())


def test_editions_disagree_where_nothing_is_asked_back_and_both_dates_are_told() -> None:
    with base_of(EDITIONS, ("answer.clarify=false",)) as kb:
        found = kb.ask("年假有几天？")
    assert {one.dated for one in found.conflicts[0].values} == {"2024", "2025"}
    assert "2024" in found.text
    assert "2025" in found.text


@pytest.mark.parametrize("documents", [LEAVE, OFFICES])
def test_only_what_the_asker_may_see_is_named(documents: dict[str, str]) -> None:
    with base_of(documents) as kb:
        name = next(iter(documents))
        found = kb.ask("年假有几天？", asker=Asker.of(name))
    assert found.verdict == "answered"
    assert found.conflicts == ()
    assert found.options == ()
    assert "15" not in found.text


@pytest.mark.parametrize("documents", [LEAVE, OFFICES])
def test_a_kept_answer_tells_of_a_conflict_only_who_may_read_all_of_it(documents: dict[str, str]) -> None:
    with base_of(documents) as kb:
        found = kb.ask("年假有几天？")
        again, whole = answer_of(kept_of(found), found.question, kb._store, Asker.admin())
        for name in documents:
            seen, all_there = answer_of(kept_of(found), found.question, kb._store, Asker.of(name))
            assert not all_there
            assert not ("10 天" in seen.text and "15 天" in seen.text)
    assert whole
    assert again.text == found.text
    assert again.statements == found.statements


def test_json_holds_conflicts_and_options() -> None:
    with base_of(LEAVE) as kb:
        shape = answer_shape(kb.ask("年假有几天？"))
    with base_of(OFFICES) as kb:
        asking = answer_shape(kb.ask("年假有几天？"))
    assert [[one["value"] for one in conflict] for conflict in shape["conflicts"]] == [["10 天", "15 天"]]
    assert [option["label"] for option in asking["options"]] == ["上海办公室员工手册", "北京办公室员工手册"]
    assert (shape["options"], asking["conflicts"], asking["verdict"]) == ([], [], "clarify")


# --- with a generator ---


class Scripted:
    """A generator that says what it was given, and keeps what it was asked."""

    name, context_tokens = "scripted", 4000

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, ""

    async def stream(self, messages, *, schema=None, sampling):  # type: ignore[no-untyped-def]
        self.asked = messages[-1].content
        yield Delta(self.text, finish_reason="stop")

    def count_tokens(self, text: str) -> int:
        return len(text)


def passage(rank: int, text: str, title: str) -> Passage:
    span = Span(0, len(text))
    return Passage(rank, 0.6, rank, rank, f"{title}.md", title, None, None, (), span, text, "", ("public",), {})


def asked(question: str, generator: Scripted, *passages: Passage) -> Answer:
    return asyncio.run(
        answer(
            question,
            SearchResult(question, passages, {}, {}),
            generator=generator,
            encoder=None,
            term_weights={},
            settings=AnswerSettings(),
            n_documents=2,
        )
    )


HANDBOOK, ATTENDANCE = passage(1, "年假为 10 天。", "员工手册"), passage(2, "年假为 15 天。", "考勤制度")


def test_a_model_is_told_which_passages_disagree_and_what_it_does_not_name_is_noted() -> None:
    generator = Scripted("年假为 10 天[1]。")
    found = asked("年假有几天？", generator, HANDBOOK, ATTENDANCE)
    assert "段落 [1], [2] 对所问内容的说法不一致" in generator.asked
    assert found.text == "年假为 10 天[1]。"
    assert [one.value for one in found.conflicts[0].values] == ["10 天", "15 天"]
    assert found.notes == ("资料说法不一致，回答没有引用 [2]。",)


def test_a_model_that_names_both_is_left_alone() -> None:
    found = asked("年假有几天？", Scripted("年假为 10 天[1]。年假为 15 天[2]。"), HANDBOOK, ATTENDANCE)
    assert (len(found.conflicts), found.notes) == (1, ())


def test_a_model_is_told_nothing_where_sources_agree_or_its_answer_is_that_there_is_none() -> None:
    generator = Scripted("年假为 10 天[1]。")
    assert asked("年假有几天？", generator, HANDBOOK).conflicts == ()
    assert "不一致" not in generator.asked
    none = asked("年假有几天？", Scripted("文档中没有这个问题的答案。"), HANDBOOK, ATTENDANCE)
    assert (none.verdict, none.conflicts) == ("no_evidence", ())


def test_no_model_is_asked_before_the_question_is_clear() -> None:
    generator = Scripted("年假为 10 天[1]。")
    found = asked(
        "年假有几天？", generator, passage(1, "年假为 10 天。", "上海手册"), passage(2, "年假为 15 天。", "北京手册")
    )
    assert (found.verdict, generator.asked, found.models["answer"]) == ("clarify", "", "extractive")


# --- sentences laid beside each other ---


@pytest.mark.parametrize(
    ("one", "other", "changes"),
    [
        ("保修期为 12 个月。", "保修期为 24 个月。", [("12 个月", "24 个月")]),
        ("2016年欧洲杯在法国举办。", "2016年欧洲杯在德国举办。", [("法国", "德国")]),
        ("负责人是王伟。", "负责人是王芳。", [("王伟", "王芳")]),
        ("Plan A costs $10.", "Plan B costs $20.", [("A", "B"), ("$10", "$20")]),
        ("產品Ａ的價格", "产品B的价格", [("Ａ", "B")]),
        ("It was released on March 3, 2017.", "It was released on May 3, 2018.", [("March 3, 2017", "May 3, 2018")]),
        ("年假为十天", "年假為 10 天", []),
    ],
)
def test_what_stands_in_the_place_of_what(one: str, other: str, changes: list[tuple[str, str]]) -> None:
    assert [(change.was, change.now) for change in difference(one, other).changes] == changes


texts = st.lists(
    st.sampled_from("年假 为 10 天 ， 。 15 days A of the 王伟 ＡＢ 2025年3月 ( 國 – 🙂".split(" ")), max_size=9
).map("".join)


@given(texts, texts)
def test_differences_are_the_same_from_both_sides_for_equal_texts_and_lie_in_the_text(one: str, other: str) -> None:
    assert difference(one, one).changes == ()
    for token in tokens_of(one):
        assert 0 <= token.start < token.end <= len(one)
    for change in difference(one, other).changes:
        assert change.was in one
        assert change.now in other
