"""Questions to a knowledge base whose generator is scripted: what a model may do wrong, and what is made of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun import Answer, TextItem
from qianxun.answering.events import Checked, Done, Mark, Shown, Text
from qianxun.testing import Reply, ScriptedServer

# Before the first answer, a generator is asked twice what 2 + 3 is.
SELF_TEST = ("5", "5")
LEAVE = "工作满一年的员工每年有五天带薪年假。未休的年假在次年三月三十一日之前有效。"
REMOTE = "Remote work needs the manager's approval. It is limited to 3 days per week."

Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Asks one question, to which the model says this."""
    with ExitStack() as stack:

        def ask_(question: str, reply: str | Reply) -> Answer:
            server = stack.enter_context(ScriptedServer([*SELF_TEST, reply]))
            overrides = [f"generator.url={server.url}", "remote.read_seconds=0.5", "remote.retries=0"]
            kb = stack.enter_context(qianxun.open(tmp_path / "kb", overrides=[*overrides, "encoder.name=hash"]))
            kb.add_texts([TextItem("leave", "年假", LEAVE), TextItem("remote", "Remote work", REMOTE)])
            return kb.ask(question)

        yield ask_


def test_an_answer_is_checked_whatever_the_cuts(ask: Ask) -> None:
    # Both documents are found; the sentence is borne by the one of them that says so.
    answer = ask("年假有几天？", Reply("员工每年有五天带薪年假【1】【2】。", seed=3, comments=True, line_end="\r\n"))
    assert answer.text == "员工每年有五天带薪年假【1】【2】。"
    supports = {citation.source: citation.support for citation in answer.citations}
    assert supports["leave"] == "supported"
    assert answer.verdict == "answered"
    assert answer.degraded == ()


def test_numbers_out_of_range_bear_nothing(ask: Ask) -> None:
    answer = ask("年假有几天？", "员工每年有五天带薪年假[1][2]。未休的年假次年三月三十一日前有效[99]。加班另计[0]。")
    assert answer.verdict == "partial"
    assert {citation.number for citation in answer.citations} <= {1, 2}
    assert [one.support for one in answer.statements] == ["supported", "supported", "absent"]
    assert answer.statements[1].numbers == (99, 1), "the passage that bears it is added"
    assert answer.notes == ("有 1 句话没有得到所引原文的支持。", "回答引用了没有提供给它的段落：Q, 99。")


def test_another_language_is_at_most_weak(ask: Ask) -> None:
    answer = ask("年假有几天？", "Employees have 5 days of annual leave [1][2].")
    supports = {citation.source: citation.support for citation in answer.citations}
    assert supports["leave"] == "weak"  # the figure agrees; whether the words do, words cannot tell
    assert answer.verdict == "ungrounded"
    assert "模型没有用所要求的语言回答。" in answer.notes


def test_an_empty_answer_is_none(ask: Ask) -> None:
    answer = ask("年假有几天？", "")
    assert answer.verdict == "no_evidence"
    assert answer.text.startswith("在检索的 2 份文档中没有找到")


def test_an_answer_that_was_cut_off_says_so(ask: Ask) -> None:
    answer = ask(
        "How many days of remote work?",
        Reply("Remote work is limited to 3 days per week [1][2].", finish_reason="length"),
    )
    assert "The answer reached its length limit." in answer.notes


def test_an_answer_without_end_is_stopped_when_it_repeats_itself(ask: Ask) -> None:
    answer = ask("年假有几天？", Reply("员工每年有五天带薪年假。" * 99, delta_chars=200, fault="endless"))
    assert answer.notes[-1] == "模型开始重复同样的话，已被中止。"
    assert answer.statements[0].support == "supported"
    assert not answer.degraded


@pytest.mark.parametrize(
    "reply, words",
    [
        (Reply("员工每年有", fault="malformed", after=2), "not JSON"),
        (Reply("员工每年有", fault="hang up", after=2), "closed the connection in the middle"),
        (Reply("员工每年有", fault="silence", after=2), "was silent"),
        (Reply("员工每年有", fault="error", after=2), "scripted fault"),
        (Reply(status=503), "overloaded"),
    ],
)
def test_without_its_model_it_quotes(reply: Reply, words: str, ask: Ask) -> None:
    answer = ask("年假有几天？", reply)
    assert "工作满一年的员工每年有五天带薪年假。" in answer.text
    assert words in answer.degraded[0]
    assert all(citation.support == "supported" for citation in answer.citations)


# -- while it comes

SAID = "工作满一年的员工每年有五天带薪年假[1]。未休的年假在次年三月三十一日之前有效[1]。"


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Callable[[Reply], tuple[qianxun.KnowledgeBase, ScriptedServer]]]:
    """A knowledge base whose model says this, and its server."""
    with ExitStack() as stack:

        def open_(reply: Reply) -> tuple[qianxun.KnowledgeBase, ScriptedServer]:
            server = stack.enter_context(ScriptedServer([*SELF_TEST, reply]))
            overrides = [f"generator.url={server.url}", "encoder.name=hash", f"home={tmp_path / 'home'}"]
            kb = stack.enter_context(qianxun.open(tmp_path / "kb", overrides=overrides))
            kb.add_texts([TextItem("leave", "年假", LEAVE), TextItem("remote", "Remote work", REMOTE)])
            return kb, server

        yield open_


def test_events_come_in_order(talking: Any) -> None:
    kb, _ = talking(Reply(SAID, delta_chars=(1, 3, 2)))

    async def told() -> list[Any]:
        async with aclosing(kb.stream("年假有几天？")) as events:
            return [event async for event in events]

    events = asyncio.run(told())
    assert isinstance(events[0], Shown)
    assert isinstance(events[-1], Done)
    middle = events[1:-1]
    assert "".join(one.text for one in middle if isinstance(one, Text | Mark)) == SAID == events[-1].answer.text
    # Each sentence is checked behind its text and mark, before the next one's.
    shown = ""
    for one in middle:
        if isinstance(one, Checked):
            assert shown.endswith(("[1]。", "[1]"))
            assert one.statement.support == "supported"
        else:
            shown += one.text


def test_closing_the_stream_stops_the_model(talking: Any) -> None:
    kb, server = talking(Reply(SAID, fault="silence", after=22))

    async def some() -> str:
        said = ""
        async with aclosing(kb.stream("年假有几天？")) as events:
            async for event in events:
                said += event.text if isinstance(event, Text) else ""
                if "五天" in said:
                    break
        return said

    assert "五天" in asyncio.run(some())
    request = server.chats[-1]
    assert request.wait()
    assert request.went_away


def test_cancelling_keeps_what_was_said(talking: Any) -> None:
    kb, _ = talking(Reply(SAID, fault="silence", after=22))

    async def cancelled() -> Answer:
        stop, said = asyncio.Event(), ""
        async with aclosing(kb.stream("年假有几天？", cancelled=stop)) as events:
            async for event in events:
                said += event.text if isinstance(event, Text) else ""
                if "年假" in said:
                    stop.set()
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("it ends with Done")

    answer = asyncio.run(cancelled())
    assert answer.finish_reason == "cancelled"
    assert "工作满一年的员工每年有五天带薪年假" in answer.text
    assert "回答已被中止。" in answer.notes


def test_a_dropped_connection_is_resumed_where_it_broke(talking: Any) -> None:
    kb, _ = talking(Reply(SAID, delta_chars=2, between_seconds=0.02))

    async def dropped() -> tuple[str, Answer]:
        talks = kb.conversations
        token = talks.begin()
        heard, place, turn = "", 0, 0
        running = talks.stream(token, "年假有几天？")
        async for told in running:
            heard += told.event.text if isinstance(told.event, Text | Mark) else ""
            place, turn = told.place, told.turn
            if "五天" in heard:
                break
        await running.aclose()
        async for told in talks.resume(token, turn, after=place):
            heard += told.event.text if isinstance(told.event, Text | Mark) else ""
            answer = told.event.answer if isinstance(told.event, Done) else None
        assert answer is not None
        return heard, answer

    heard, answer = asyncio.run(dropped())
    assert answer.text == SAID
    # Of what came after the break nothing is missing and nothing twice; what an answer that is over said is its end.
    assert SAID.startswith(heard)
