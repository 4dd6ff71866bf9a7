"""Word lists over questions, passages and answers, through the product."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import qianxun
from qianxun import TextItem
from qianxun.answering.events import AnswerEvent, Done, Mark, Text, Withdrawn
from qianxun.answering.guarded import WordGuard
from qianxun.cli.main import main
from qianxun.errors import InputError, SettingsError
from qianxun.guarding import Entry, Words, guard
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta
from qianxun.records import Answer, Asker, Span, Statement
from qianxun.settings import Settings, for_knowledge_base, load_settings, merged
from qianxun.shapes import answer_shape

WORDS = "密码\n内部代号 | block\nleave | warn\n"
TEXTS = [
    TextItem("a", "手册", "门禁密碼是四七一一。访客须登记。"),
    TextItem("b", "代号", "门禁的内部代號是X7，属于机密。"),
    TextItem("c", "Leave", "The doors are open to visitors during leave."),
]
Open = Callable[..., AbstractContextManager[KnowledgeBase]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    (tmp_path / "words.txt").write_text(WORDS, encoding="utf-8")

    def open_base(**more: Any) -> KnowledgeBase:
        values = {"guard": {"words": [str(tmp_path / "words.txt")], **more}}
        settings = merged(load_settings(environ={}), values, "test")
        base = qianxun.open(tmp_path / "kb", settings=settings)
        base.add_texts(TEXTS)
        return base

    return open_base


def test_what_is_found_is_masked_and_what_is_blocked_is_not_found(opened: Open) -> None:
    with opened() as base:
        found = base.search("门禁").passages
        assert {passage.source for passage in found} == {"a", "c"}
        assert found[0].text == "门禁■■是四七一一。访客须登记。"
        answer = base.ask("门禁的规定")
        shown = [answer.text, *(one.quote for one in answer.citations), *(one.text for one in answer.statements)]
        assert "密碼" not in "".join(shown)
        chunk = found[0].chunk
        assert "密碼" not in base.parent(chunk).text


def test_a_question_is_masked_or_refused_without_naming_the_word(opened: Open) -> None:
    with opened() as base:
        assert base.search("门禁密 码").query == "门禁■■■"
        with pytest.raises(InputError) as refused:
            base.ask("内-部-代-号是什么？")
        assert "代号" not in str(refused.value)
        assert base.search("leave").query == "leave"


def test_each_place_can_be_left_alone(opened: Open) -> None:
    with opened(places=["answers"]) as base:
        assert base.search("门禁密码").query == "门禁密码"
        assert {"a", "b"} <= {passage.source for passage in base.search("门禁").passages}
        assert "密碼" not in base.ask("门禁密码是什么？").text
    with pytest.raises(SettingsError, match="'everywhere' is unknown"), opened(places=["everywhere"]) as base:
        base.search("x")


def test_lists_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "kb"
    qianxun.open(folder).close()
    with (folder / "kb.toml").open("a", encoding="utf-8") as file:
        file.write('\n[guard]\nwords = ["own.txt"]\n')
    assert for_knowledge_base(Settings(), folder).guard.words == (str(folder / "own.txt"),)
    with qianxun.open(folder) as base, pytest.raises(SettingsError, match=r"own\.txt cannot be read"):
        base.search("x")


PIECES = ["密", "码", "密码", "内部", "代号", "，", " ", "好。", "abc ", "-", "leave"]


def told(events: list[AnswerEvent], over: WordGuard) -> list[AnswerEvent]:
    async def of() -> AsyncIterator[AnswerEvent]:
        for event in events:
            yield event

    async def run() -> list[AnswerEvent]:
        return [event async for event in over.events(of())]

    return asyncio.run(run())


@hypothesis_settings(deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=20), marks=st.sets(st.integers(0, 19)))
def test_as_it_comes_an_answer_is_what_it_is_as_a_whole(pieces: list[str], marks: set[int]) -> None:
    over = WordGuard(Words([Entry("密码"), Entry("内部代号", "block"), Entry("leave", "warn")]))
    whole = "".join(pieces)
    events: list[AnswerEvent] = []
    for n, piece in enumerate(pieces):
        events.append(Text(piece))
        if n in marks:
            events.append(Mark("", (1,), Span(0, 0)))
    answer = Answer(
        "q", whole, "answered", (), (), {}, {}, statements=(Statement(whole, Span(0, len(whole)), (), "weak"),)
    )
    shown = told([*events, Done(answer)], over)
    assert "".join(event.text for event in shown if isinstance(event, Text)) == guard(whole, over.words).text
    last = shown[-1]
    assert isinstance(last, Done)
    assert last.answer.text in ("", guard(whole, over.words).text)
    if "密码" in whole:
        assert "密码" not in last.answer.text
    # Each mark stands where it stood, or behind what is not shown and so nowhere.
    places, count = [], 0
    for event in shown:
        count += len(event.text) if isinstance(event, Text) else 0
        if isinstance(event, Mark):
            places.append(count)
    meant = [sum(map(len, pieces[: n + 1])) for n in sorted(marks) if n < len(pieces)]
    assert places == meant[: len(places)]


def test_what_is_withdrawn_begins_anew() -> None:
    over = WordGuard(Words([Entry("密码", "block")]))
    answer = Answer("q", "好", "answered", (), (), {}, {})
    shown = told([Text("密码"), Withdrawn(""), Text("好"), Done(answer)], over)
    assert shown == [Withdrawn(""), Text("好"), Done(answer)]


def test_logs_of_commands_have_nothing_personal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("qianxun.test")

    def warn(*_: object) -> int:
        logger.warning("请联系 %s", "13812345678")
        return 0

    monkeypatch.setattr("qianxun.cli.version.run", warn)
    monkeypatch.chdir(tmp_path)
    main(["version"])
    assert "[phone]" in capsys.readouterr().err
    monkeypatch.setenv("QIANXUN_GUARD__MASK_LOGS", "false")
    main(["version"])
    assert "13812345678" in capsys.readouterr().err


# -- every way that an answer goes

HUNT = "猎鹰行动的预算是 300 万元。"


class Saying:
    """A model that says this, and keeps what it was asked."""

    name, context_tokens = "saying", 6000

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, ""

    async def stream(self, messages: Any, **_: Any) -> AsyncIterator[Delta]:
        self.asked = messages[-1].content
        yield Delta(self.text)
        yield Delta(finish_reason="stop", usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        return len(text)


@pytest.fixture
def hunting(tmp_path: Path) -> Callable[..., KnowledgeBase]:
    (tmp_path / "words.txt").write_text("猎鹰\n", encoding="utf-8")

    def open_base(says: str = "", **guard_settings: Any) -> KnowledgeBase:
        guarding = {"words": [str(tmp_path / "words.txt")], **guard_settings}
        values = {"guard": guarding, "answer": {"hopeless": 0.0}, "home": str(tmp_path / "home")}
        base = qianxun.open(tmp_path / "kb", settings=merged(load_settings(environ={}), values, "test"))
        base.add_texts([TextItem("plan", "猎鹰计划", HUNT)])
        if says:
            base._made["generator"] = Saying(says)
        return base

    return open_base


def everything(answer: Answer) -> str:
    return json.dumps(answer_shape(answer), ensure_ascii=False)


def test_an_answer_given_again_is_masked_again(hunting: Any) -> None:
    with hunting("预算是 300 万元[1]。") as base:
        first, again = base.ask("行动的预算？"), base.ask("行动的预算？")
        assert again.cached
        assert "猎鹰" not in everything(first) + everything(again)


def test_conversations_and_their_exports_are_masked(hunting: Any) -> None:
    with hunting() as base:
        token = base.conversations.begin()
        base.conversations.ask(token, "行动的预算是多少？")
        (turn,) = base.conversations.get(token).turns
        assert "■■行动的预算是 300 万元。" in turn.answer.text
        assert "猎鹰" not in everything(turn.answer) + base.conversations.export(token, "json")
        nothing = base.conversations.begin()
        base.conversations.ask(nothing, "火星上的天气？")
        assert "猎鹰" not in base.conversations.export(nothing)


def test_summaries_and_deep_questions_are_too(hunting: Any) -> None:
    with hunting() as base:
        assert "猎鹰" not in everything(base.summarize("plan"))
        assert "猎鹰" not in everything(base.ask("行动的预算是多少？何时开始？", deep=2))
        assert "猎鹰" not in everything(base.ask("预算是多少？", documents=["plan"]))


def test_notes_and_what_stands_within_marks_are_masked(hunting: Any) -> None:
    with hunting("猎[1]鹰的预算是 999 万元，负责人是猎鹰。") as base:
        answer = base.ask("行动的预算？")
        assert "猎" not in answer.text
        assert not any("猎鹰" in note for note in answer.notes)


def test_an_earlier_question_carries_no_word_into_a_later_one(hunting: Any) -> None:
    with hunting("好。") as base:
        base.ask("那预算呢？", turns=["上海猎鹰的住宿限额是多少？"])
        assert "猎鹰" not in base._made["generator"].asked
        given = base.ask("总结以下内容：", attachments=["猎鹰 attachment"])
        assert "猎鹰" not in base._made["generator"].asked + everything(given)


def test_code_in_a_kept_answer_is_for_who_may_read_all_of_it(hunting: Any) -> None:
    with hunting("预算是 300 万元[1]。\n\n```\nsecret = 4711\n```\n\n预算是 300 万元[1]。", places=[]) as base:
        token = base.conversations.begin()
        assert "4711" in base.conversations.ask(token, "行动的预算？").text
        assert "4711" in base.conversations.export(token)
        assert "4711" not in base.conversations.export(token, asker=Asker.of("nobody"))
        base.remove(["plan"])
        assert "4711" not in base.conversations.export(token)


def test_an_edited_list_is_in_force_at_once(hunting: Any, tmp_path: Path) -> None:
    with hunting() as base:
        assert "预算" in base.search("预算").passages[0].text
        (tmp_path / "words.txt").write_text("猎鹰\n预算\n", encoding="utf-8")
        assert "预算" not in base.ask("行动花多少万元？").text
