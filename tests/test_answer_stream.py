"""An answer as it comes into being: what is shown and when, what is withdrawn, and that nothing depends on the cuts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.answering import generating
from qianxun.answering.answer import stream
from qianxun.answering.draft import Draft, nothing_found
from qianxun.answering.events import AnswerEvent, Checked, Done, Mark, Shown, Text, Withdrawn
from qianxun.answering.generating import may_be_refusal
from qianxun.errors import ModelUnavailable
from qianxun.protocols import Delta, Message
from qianxun.records import Answer, Passage, Policy, SearchResult, Span
from qianxun.service.facts import Facts
from qianxun.settings import AnswerSettings
from qianxun.text import fold

LEAVE = "工作满一年的员工每年有五天带薪年假，满十年的有十天。"
OVERTIME = "加班須事先申請，經主管核准後方可報支加班費。"
WARRANTY = "The warranty lasts 24 months from delivery. Batteries are not covered."


def passage(rank: int, text: str) -> Passage:
    span = Span(10, 10 + len(text))
    return Passage(rank, 0.5, rank, rank, f"{rank}.md", f"{rank}", None, None, (), span, text, "", ("public",), {})


FOUND = SearchResult("问", tuple(passage(n, text) for n, text in enumerate((LEAVE, OVERTIME, WARRANTY), 1)), {}, {})


class Pieces:
    """A model that says these pieces, and fails or goes on for ever after them if told to."""

    name, context_tokens = "pieces", 4000

    def __init__(self, pieces: Sequence[str], *, fails: bool = False, endless: bool = False) -> None:
        self.pieces, self.fails, self.endless = pieces, fails, endless
        self.said, self.stopped = 0, False

    async def stream(self, messages: Sequence[Message], *, schema: Any = None, sampling: Any) -> AsyncIterator[Delta]:
        try:
            for piece in self.pieces:
                yield Delta(piece)
                self.said += 1
            while self.endless:
                yield Delta("嗯，")
                self.said += 1
            if self.fails:
                raise ModelUnavailable("Nobody answers.")
            yield Delta(finish_reason="stop", usage=(70, 7))
        finally:
            self.stopped = True

    def count_tokens(self, text: str) -> int:
        return len(text)


async def here(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def events_of(generator: Pieces, policy: Policy = "mark", *, until: int = 0, **more: Any) -> list[AnswerEvent]:
    async def told() -> list[AnswerEvent]:
        found: list[AnswerEvent] = []
        given: Any = generator
        running: Any = stream(
            "年假几天，加班費呢？",
            FOUND,
            generator=given,
            encoder=None,
            term_weights={},
            settings=AnswerSettings(unsupported=policy, min_support=0.0),
            n_documents=3,
            run=here,
            **more,
        )
        async with aclosing(running) as events:
            async for event in events:
                found.append(event)
                if until and len(found) == until:
                    break
        return found

    return asyncio.run(told())


def shown(events: Sequence[AnswerEvent]) -> str:
    """What a reader has before them in the end."""
    text = ""
    for event in events:
        if isinstance(event, Withdrawn):
            text = ""
        elif isinstance(event, Text | Mark):
            text += event.text
    return text


def answer_in(events: Sequence[AnswerEvent]) -> Answer:
    last = events[-1]
    assert isinstance(last, Done)
    assert sum(isinstance(event, Done) for event in events) == 1
    return last.answer


def cut(text: str, seed: int) -> list[str]:
    random, pieces = Random(seed), []
    while text:
        n = random.randint(1, 7)
        pieces.append(text[:n])
        text = text[n:]
    return pieces


GOOD = "每年有五天带薪年假，满十年的有十天[1]。加班須事先申請 [2]。\n\nBatteries are not covered. [3]"


def test_passages_come_first_then_text_as_it_comes_each_sentence_checked_and_the_answer_last() -> None:
    events = events_of(Pieces(cut(GOOD, 1)))
    assert isinstance(events[0], Shown)
    assert [one.chunk for one in events[0].passages] == [1, 2, 3]
    assert shown(events) == GOOD
    answer = answer_in(events)
    assert (answer.text, answer.verdict, answer.usage) == (GOOD, "answered", (70, 7))
    checked = [event for event in events if isinstance(event, Checked)]
    assert [one.statement for one in checked] == list(answer.statements)
    assert [c for one in checked for c in one.citations] == list(answer.citations)
    places = [events.index(one) for one in checked]
    first_of_next = next(n for n, event in enumerate(events) if isinstance(event, Text) and "加班" in event.text)
    assert places[0] < first_of_next, "a sentence is told of before the next one is shown"


def test_text_is_shown_before_the_model_is_done() -> None:
    model = Pieces(cut("很长的说明，" * 30, 2), endless=True)
    events = events_of(model, until=9)
    assert shown(events)
    assert model.stopped, "who stops reading stops the model"
    assert model.said < 200


@pytest.mark.parametrize("policy", ["mark", "remove", "refuse"])
@pytest.mark.parametrize("refusal", ["文档中没有这个问题的答案。", "The documents do not contain the answer."])
def test_of_a_refusal_nothing_is_shown_but_ours(policy: Policy, refusal: str) -> None:
    events = events_of(Pieces(cut(refusal, 3)), policy)
    assert [type(event) for event in events] == [Shown, Withdrawn, Text, Done]
    answer = answer_in(events)
    assert (answer.verdict, shown(events)) == ("no_evidence", answer.text)
    assert refusal not in answer.text


REFUSALS = (
    "提供的文档中没有提到年假。",
    "**文檔**裡沒有相關內容。",
    "资料未说明加班费",
    "這些段落不包含答案。",
    "The documents do not say how long the warranty lasts.",
    "　“The passages don't say.”",
)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_no_beginning_of_a_refusal_is_shown(refusal: str) -> None:
    assert all(may_be_refusal(refusal[:n]) for n in range(len(refusal) + 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*"文档資料里沒有未不含的这。. T", "the ", "documents ", "do not ", "提供的"])))
def test_what_is_no_refusal_any_more_becomes_none(parts: list[str]) -> None:
    text = "".join(parts)
    if generating._REFUSAL.match(fold(text)):
        assert all(may_be_refusal(text[:n]) for n in range(len(text) + 1))


@pytest.mark.parametrize(
    "text", ["年假五天。", "根據文檔，年假五天。", "Th", "Five days.", "**一**", "１２个月", "Warranty 保修 12 个月"]
)
def test_what_begins_otherwise_is_shown_from_its_first_characters(text: str) -> None:
    generator = Pieces([text, *"甲乙丙丁戊己庚辛"], endless=True)
    shown = [event for event in events_of(generator, until=2) if isinstance(event, Text)]
    # Of "Th" it takes one more to know.
    assert generator.said <= 1
    assert shown[0].text.startswith(text)


def test_what_begins_like_a_refusal_and_goes_on_is_shown_whole() -> None:
    text = "文档中没有病假的规定。每年有五天带薪年假，满十年的有十天[1]。"
    events = events_of(Pieces(cut(text, 4)))
    assert shown(events) == answer_in(events).text == text


@pytest.mark.parametrize("seed", range(5))
def test_what_nothing_bears_is_never_shown_where_it_is_removed(seed: int) -> None:
    wrong, right = "The warranty lasts 99 months [3].", "Batteries are not covered [3]."
    text = f"每年有九天带薪年假[1]。加班須事先申請[2]。\n- {wrong}\n- {right}"
    events = events_of(Pieces(cut(text, seed)), "remove")
    answer = answer_in(events)
    assert answer.text == "加班須事先申請[2]。\n- Batteries are not covered [3]."
    assert shown(events) == answer.text
    assert all("九天" not in event.text and "99" not in event.text for event in events if isinstance(event, Text))


def test_nothing_is_shown_before_all_is_checked_where_one_sentence_voids_the_answer() -> None:
    good = events_of(Pieces(cut(GOOD, 5)), "refuse")
    assert shown(good) == answer_in(good).text == GOOD
    void = events_of(Pieces(cut(GOOD + " The warranty lasts 99 months [3].", 5)), "refuse")
    assert [type(event) for event in void] == [Shown, Withdrawn, Text, Done]
    assert answer_in(void).verdict == "no_evidence"


@pytest.mark.parametrize("n", [0, 3, 40])
def test_a_model_that_fails_half_way_is_withdrawn_and_the_documents_are_quoted(n: int) -> None:
    events = events_of(Pieces(cut("还没说完的话，" * n, 6), fails=True))
    answer = answer_in(events)
    (place,) = (n for n, event in enumerate(events) if isinstance(event, Withdrawn))
    assert [type(event) for event in events[place:]] == [Withdrawn, Shown, Text, Done]
    assert shown(events) == answer.text
    assert "还没说完" not in answer.text
    assert answer.degraded == ("generator: Nobody answers.",)
    assert answer.models["answer"] == "extractive"
    # There is one, and it failed: nobody is told that none is configured.
    assert answer.notes[0] == "语言模型没有回答：以下是原文摘录。"


def test_where_a_model_fails_and_nothing_can_be_quoted_it_is_not_left_at_no_evidence() -> None:
    def nothing(question: str, packed: Sequence[Passage], *more: Any) -> Draft:
        return nothing_found(packed, 3, "zh")

    answer = answer_in(events_of(Pieces([], fails=True), quote=nothing))
    assert answer.verdict == "no_evidence"
    assert answer.notes == ("语言模型没有回答。",)


def stopped_after(n_checked: int, question: str) -> list[AnswerEvent]:
    """The events of an answer that is stopped once so many of its sentences were checked; 0: before it begins."""

    async def told() -> list[AnswerEvent]:
        cancelled, found = asyncio.Event(), list[AnswerEvent]()
        if not n_checked:
            cancelled.set()
        given: Any = Pieces(cut(GOOD, 8), endless=True)
        async for event in stream(
            question,
            FOUND,
            generator=given,
            encoder=None,
            term_weights={},
            settings=AnswerSettings(),
            n_documents=3,
            run=here,
            cancelled=cancelled,
        ):
            found.append(event)
            if sum(isinstance(one, Checked) for one in found) == n_checked:
                cancelled.set()
        assert given.stopped or not n_checked
        return found

    return asyncio.run(told())


def test_a_model_that_is_stopped_has_said_what_it_said() -> None:
    answer = answer_in(stopped_after(2, "年假几天？"))
    assert answer.text.startswith(GOOD.partition("\n")[0])
    assert answer.notes[-1] == "回答已被中止。"


@pytest.mark.parametrize(
    ("question", "language", "said"),
    [
        ("年假几天？", "zh", "回答还没有写出任何内容就结束了。"),
        ("How long?", "en", "The answer ended before it said anything."),
    ],
)
def test_a_model_that_is_stopped_before_it_said_anything_found_no_lack_of_evidence(
    question: str, language: str, said: str
) -> None:
    events = stopped_after(0, question)
    answer = answer_in(events)
    assert (answer.language, answer.text, answer.finish_reason) == (language, said, "cancelled")
    assert shown(events) == said
    assert answer.citations == ()
    facts = Facts()
    facts.answered(answer)
    assert facts.verdict == ""


def test_a_model_that_repeats_itself_is_stopped() -> None:
    answer = answer_in(events_of(Pieces(["每年有五天带薪年假[1]。"], endless=True)))
    assert answer.notes[-1] == "模型开始重复同样的话，已被中止。"
    assert answer.statements[0].support == "supported"


PARTS = (
    "每年有五天带薪年假", "[1]", "。", "加班須事先申請", " [2]", "The warranty lasts 24 months", "[3].", " ", "\n- ",
    "每年有九天带薪年假", "Batteries are made of gold.", "【１】", "如下：", "3.5 元", "文档中没有答案。",
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), max_size=14).map("".join),
    st.integers(0, 99),
    st.sampled_from(["mark", "remove"]),
)
def test_nothing_depends_on_where_the_text_was_cut(text: str, seed: int, policy: Policy) -> None:
    whole, cuts = events_of(Pieces([text]), policy), events_of(Pieces(cut(text, seed)), policy)
    one, other = answer_in(whole), answer_in(cuts)
    assert (one.text, one.verdict, one.statements, one.citations) == (
        other.text,
        other.verdict,
        other.statements,
        other.citations,
    )
    assert shown(cuts) == shown(whole)
    for statement in one.statements:
        assert one.text[statement.span.start : statement.span.end].startswith(statement.text[:1])
