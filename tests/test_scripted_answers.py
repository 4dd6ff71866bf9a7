"""Questions to a knowledge base whose generator is scripted: what a model may do wrong, and what is made of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import qianxun
from qianxun import Answer, TextItem
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
    assert answer.notes == ("有 1 句话没有得到所引原文的支持。", "回答引用了没有提供给它的段落：0, 99。")


def test_another_language_is_at_most_weak(ask: Ask) -> None:
    answer = ask("年假有几天？", "Employees have 5 days of annual leave [1][2].")
    supports = {citation.source: citation.support for citation in answer.citations}
    assert supports["leave"] == "weak"  # the figure agrees; whether the words do, words cannot tell
    assert answer.verdict == "ungrounded"


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
