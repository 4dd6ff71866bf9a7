"""What a model is told of a conversation: the newest turns, whole, within a budget; a summary of the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qianxun.answering.history import Past, beginning, history, said, summary_messages, summed_up, to_sum_up
from qianxun.answering.keeping import GONE
from qianxun.errors import ModelUnavailable
from qianxun.protocols import Delta, Message
from qianxun.records import Answer, Span, Statement, Support

QUESTIONS = ("年假有几天？", "加班費怎麼報支？", "How long is the warranty?", "ＬＦ－２００的价格？")
ANSWERS = (
    "有五天。满十年的有十天。",
    "須經主管核准後方可報支。",
    "24 months. Batteries are not.",
    "５６８０元。",
)


def answered(text: str, *statements: Statement) -> Answer:
    return Answer("问", text, "answered", (), (), {}, {}, statements=statements)


def past(turn: int, question: str, text: str | None, *, whole: bool = True) -> Past:
    return Past(turn, question, None if text is None else answered(text), whole)


def told(turns: Sequence[Past], max_tokens: int, **given_: Any) -> list[tuple[str, str]]:
    found = history(turns, max_tokens=max_tokens, count_tokens=len, **given_)
    return [(message.role, message.content) for message in found.messages]


def statement(
    piece: str, within: str, support: Support = "supported", *, claim: bool = True, marks: int = 3
) -> Statement:
    start = within.index(piece)
    return Statement(piece, Span(start, start + len(piece) + marks), (1,), support, claim=claim)


# -- what is told of an answer ---------------------------------------------------------------------------


def test_marks_are_not_told_and_neither_is_what_nothing_bears() -> None:
    text = "步骤如下：\n- 先申請。[1]\n- 月亮是方的。[2]\n- Then wait. [3]"
    answer = answered(
        text,
        statement("步骤如下：", text, "absent", claim=False, marks=0),
        statement("先申請。", text),
        statement("月亮是方的。", text, "absent"),
        statement("Then wait.", text, "weak", marks=4),
    )
    assert said(answer) == "步骤如下：\n- 先申請。\n- Then wait."


@pytest.mark.parametrize("gone", GONE.values())
def test_of_what_is_gone_nothing_is_told(gone: str) -> None:
    text = f"{gone}有五天。[1]"
    assert said(answered(text, statement(gone, text, marks=0), statement("有五天。", text))) == "有五天。"
    assert said(answered(gone)) == ""
    assert told([past(1, "问", gone), past(2, "又问", None)], 100) == []


def test_without_a_sentence_of_anybody_the_text_itself_is_told() -> None:
    assert said(answered("在检索的 3 份文档中没有找到依据。")) == "在检索的 3 份文档中没有找到依据。"


# -- the budget ------------------------------------------------------------------------------------------


def test_the_newest_turns_are_told_oldest_first() -> None:
    turns = [past(n, question, text) for n, (question, text) in enumerate(zip(QUESTIONS, ANSWERS, strict=True), 1)]
    everything = [pair for q, a in zip(QUESTIONS, ANSWERS, strict=True) for pair in (("user", q), ("assistant", a))]
    assert told(turns, 1000) == everything
    room = sum(len(text) for pair in (QUESTIONS[2:], ANSWERS[2:]) for text in pair)
    assert told(turns, room) == everything[4:]
    assert told(turns, room - 1) == everything[6:]
    assert told(turns, 0) == []


def test_of_a_newest_answer_too_long_the_beginning_is_told() -> None:
    turns = [past(1, "早", "早上好。"), past(2, "年假？", "有五天。满十年的有十天。另有规定的从其规定。")]
    assert told(turns, 17) == [("user", "年假？"), ("assistant", "有五天。满十年的有十天。")]
    assert told(turns, 6) == []


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(QUESTIONS), st.sampled_from(ANSWERS) | st.none()), max_size=9),
    st.integers(0, 120),
    st.sampled_from(["", "摘要：此前问过年假。", "They asked about leave."]),
    st.integers(0, 9),
)
def test_never_more_than_the_budget_and_in_turn(
    said_: list[tuple[str, str | None]], max_tokens: int, summary: str, summarised: int
) -> None:
    turns = [past(n, question, text) for n, (question, text) in enumerate(said_, 1)]
    found = history(turns, summary=summary, summarised=summarised, max_tokens=max_tokens, count_tokens=len)
    assert sum(len(message.content) for message in found.messages) <= max_tokens
    assert [message.role for message in found.messages] == ["user", "assistant"] * (len(found.messages) // 2)
    newest = [one for one in turns if one.answer is not None][-len(found.messages) // 2 :] if found.messages else []
    assert {one.turn for one in newest} <= set(found.turns)
    if summary and any(summary in message.content for message in found.messages):
        assert set(range(1, summarised + 1)) <= set(found.turns), "it rests on what was summed up, too"


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="年假。 a.!？\n", max_size=60), st.integers(0, 60))
def test_a_beginning_is_one_and_fits(text: str, max_tokens: int) -> None:
    found = beginning(text, max_tokens, len)
    assert text.startswith(found)
    assert len(found) <= max_tokens


# -- summaries -------------------------------------------------------------------------------------------


def test_a_summary_stands_before_what_is_told_if_that_is_not_all() -> None:
    turns = [past(n, f"问{n}", "答。") for n in range(1, 8)]
    assert told(turns, 1000, summary="要点。", summarised=3)[0] == ("user", "问1")
    found = history(turns, summary="要点。", summarised=3, max_tokens=27, count_tokens=len)
    assert found.messages[0] == Message("user", "此前对话的摘要：\n要点。\n\n问5")
    assert [message.content for message in found.messages[1:]] == ["答。", "问6", "答。", "问7", "答。"]
    assert found.turns == (1, 2, 3, 5, 6, 7)


def test_a_summary_is_due_every_few_turns_when_something_is_not_told() -> None:
    turns = [past(n, f"问{n}", "答。") for n in range(1, 9)]
    assert to_sum_up(turns, [6, 7, 8], 0) == 6
    assert to_sum_up(turns, range(1, 9), 0) == 0
    assert to_sum_up(turns, [7, 8], 5) == 0, "too few have come since"
    assert to_sum_up(turns, [6, 7, 8], 5) == 0
    assert to_sum_up([*turns[:2], past(3, "问3", None), *turns[3:]], [4, 5, 6, 7, 8], 0) == 6
    assert to_sum_up(turns, [], 0) == 0


def test_nothing_is_summed_up_of_what_the_asker_may_not_read_whole() -> None:
    turns = [past(n, f"问{n}", "答。", whole=n != 2) for n in range(1, 9)]
    assert to_sum_up(turns, [6, 7, 8], 0) == 0


class Writer:
    """A model that writes these words, or fails."""

    name = "writer"

    def __init__(self, text: str, *, context_tokens: int = 4000, fails: bool = False) -> None:
        self.text, self.context_tokens, self.fails = text, context_tokens, fails
        self.read: list[str] = []

    async def stream(self, messages: Sequence[Message], *, schema: Any = None, sampling: Any) -> AsyncIterator[Delta]:
        self.read = [message.content for message in messages]
        if self.fails:
            raise ModelUnavailable("Nobody answers.")
        yield Delta(self.text)

    def count_tokens(self, text: str) -> int:
        return len(text)


def summary_by(writer: Writer, turns: Sequence[Past], before: str = "", max_tokens: int = 200) -> str:
    given_: Any = writer
    return asyncio.run(summed_up(turns, before, given_, max_tokens=max_tokens))


def test_a_model_writes_the_summary_from_the_turns_and_the_one_before() -> None:
    writer = Writer("  用户问了年假。还没有答复。\n")
    turns = [past(n, question, text) for n, (question, text) in enumerate(zip(QUESTIONS, ANSWERS, strict=True), 1)]
    assert summary_by(writer, turns[:2], "此前问过病假。") == "用户问了年假。还没有答复。"
    assert "<此前>\n此前问过病假。\n</此前>" in writer.read[1]
    assert f"问：{QUESTIONS[0]}\n答：{ANSWERS[0]}\n问：{QUESTIONS[1]}" in writer.read[1]
    assert summary_by(writer, turns[:2], max_tokens=8) == "用户问了年假。"
    english = summary_messages(turns[2:3], "", len)
    assert f"Question: {QUESTIONS[2]}\nAnswer: {ANSWERS[2]}" in english[1].content


def test_without_an_answer_there_is_no_summary() -> None:
    assert summary_by(Writer("", fails=True), [past(1, "问", "答。")]) == ""
    assert summary_by(Writer("x", context_tokens=100), [past(1, "问", "答。")]) == ""


def test_a_conversation_too_long_for_the_model_is_summed_up_from_its_end() -> None:
    turns = [past(n, f"问题之{n}", "答案。" * 30) for n in range(1, 40)]
    writer = Writer("短。", context_tokens=1500)
    assert summary_by(writer, turns, max_tokens=100) == "短。"
    assert sum(map(len, writer.read)) <= 1400
    assert "问题之39" in writer.read[1]
