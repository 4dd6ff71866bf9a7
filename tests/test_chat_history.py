"""What a page of the chat that is loaded anew is told of a conversation. The service is a stand-in here."""

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from qianxun.chat.history import History, NoThumb, was_just_deleted
from qianxun.chat.remembered import Remembered
from qianxun.client.records import Conversation, Me, Turn, WholeConversation
from qianxun.errors import NotFound
from qianxun.messages import speaking
from qianxun.records import Answer, Passage, Span

TOKEN = "0" * 32
THREAD = f"{TOKEN}.default"


class Service:
    """One conversation, with a question whose answer has a state."""

    def __init__(self, state: str, files: list[str], answer: Answer | None = None, who: str = "k1") -> None:
        self.state, self.sent, self.answer, self.who = state, files, answer, who

    async def me(self) -> Me:
        return Me(self.who, "张三", None, None, frozenset(("ask",)), 0, 0, 0)

    async def conversation(self, base: str, token: str) -> WholeConversation:
        turn = Turn(1, self.state, "", "報銷 limit？", self.answer, False)
        return WholeConversation(Conversation(token, "", "", "", "", 1), (turn,), {"persona": "客服"})

    async def files(self, base: str, token: str) -> list[str]:
        return self.sent

    async def judge(self, base: str, kind: str, question: str, chunks: list[int], comment: str = "") -> str:
        raise NotFound("There is no chunk {id}.", id=chunks[0])

    async def delete(self, base: str, token: str) -> None:
        """It is gone."""


ANSWER = Answer("報銷 limit？", "没有。None.", "no_evidence", (), (), {}, {}, (), (), ())
SOURCE = f"conversation:{'b8' * 16}/保修 報告.md"
OWN = Passage(1, 0.5, 218103808, 5, SOURCE, "保修", None, None, (), Span(0, 3), "保修期", "", (), {})
GONE = dataclasses.replace(OWN, source="制度/報銷.md")


def refused(service: Service, of: str = f"{TOKEN}.1a.default") -> str:
    """Why a thumb is not taken."""
    thumb = SimpleNamespace(forId=of, id=None, value=1, comment="好 good")
    with pytest.raises(NoThumb) as error:
        asyncio.run(History(service).upsert_feedback(thumb))  # type: ignore[arg-type]
    return str(error.value)


@pytest.mark.parametrize(
    ("service", "zh", "en"),
    [
        (Service("done", [], ANSWER, "public"), "登录后才能评价。", "Answers can be judged by who is signed in."),
        (Service("done", [], ANSWER), "评价针对所引用的段落，没有找到依据的回答", "A thumb is about passages"),
        (
            Service("done", [], dataclasses.replace(ANSWER, verdict="answered", passages=(OWN,))),
            "评价针对知识库的文档，而这个回答依据的是本会话的文件。",
            "A thumb is about documents of the knowledge base",
        ),
        (Service("failed", []), "没有可以评价的回答。", "There is no answer that could be judged."),
        (
            Service("done", [], dataclasses.replace(ANSWER, verdict="answered", passages=(GONE,))),
            "没有编号为 218103808 的片段。",
            "There is no chunk 218103808.",
        ),
    ],
)
def test_why_a_thumb_is_not_taken_is_told_in_the_readers_language(service: Service, zh: str, en: str) -> None:
    with speaking("zh"):
        assert refused(service).startswith(zh)
    with speaking("en"):
        assert refused(service).startswith(en)


def test_a_thumb_on_an_answer_that_the_chat_does_not_remember_asks_for_the_page_to_be_loaded_anew() -> None:
    with speaking("zh"):
        assert refused(Service("done", [], ANSWER), "3f0c1a9e-0000-4000-8000-000000000000").startswith("请刷新页面")


def test_what_became_no_answer_is_offered_no_thumbs() -> None:
    assert steps("failed")[-1]["metadata"] == {"thumbs": False}


def steps(state: str, files: list[str] | None = None) -> list[dict[str, Any]]:
    history = History(Service(state, files or []))  # type: ignore[arg-type]
    found: list[dict[str, Any]] = asyncio.run(history.get_thread(THREAD))["steps"]
    return found


def test_a_page_that_is_loaded_anew_says_too_that_no_model_wrote_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qianxun.chat.history.chips", lambda *_: [])  # Chainlit's
    kept = dataclasses.replace(ANSWER, degraded=("generator",), finish_reason="length")
    with speaking("zh"):
        (*_, last) = asyncio.run(History(Service("done", [], kept)).get_thread(THREAD))["steps"]  # type: ignore[arg-type]
    assert "模型没有作答" in last["output"]
    assert last["output"].endswith("> 这个回答达到长度上限，没有写完。")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "这个回答没有写完：模型出错，或服务在写作中途停止。"),
        ("en", "This answer was not finished: a model failed, or the service ended while it was written"),
    ],
)
def test_an_answer_that_failed_says_why(language: str, words: str) -> None:
    with speaking(language):
        assert steps("failed")[-1]["output"].replace("\\", "").startswith(words)


def test_who_just_deleted_a_conversation_is_not_told_that_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not was_just_deleted("k1", THREAD)
    asyncio.run(History(Service("done", [])).delete_thread(THREAD))  # type: ignore[arg-type]
    assert was_just_deleted("k1", THREAD)
    assert not was_just_deleted("k2", THREAD)
    assert not was_just_deleted("k1", THREAD.replace("0", "1"))
    monkeypatch.setattr("qianxun.chat.history._JUST_SECONDS", 0.0)
    assert not was_just_deleted("k1", THREAD)


def test_a_page_that_is_loaded_anew_is_told_what_is_set_and_no_more_than_that() -> None:
    thread = asyncio.run(History(Service("done", [])).get_thread(THREAD))  # type: ignore[arg-type]
    assert thread["metadata"] == {"chat_profile": "default", "settings": {"persona": "客服"}}


def test_the_files_of_a_conversation_are_named_above_it() -> None:
    with speaking("zh"):
        shown = steps("running", ["保修.md", "季度 報告（ＡＢＣ）.pdf"])
    assert [step["type"] for step in shown] == ["assistant_message", "user_message"]
    assert "本会话的文件：" in shown[0]["output"]
    assert "季度 報告（ＡＢＣ）" in shown[0]["output"]
    assert len(steps("running")) == 1


def test_of_what_is_remembered_the_oldest_goes_and_what_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qianxun.chat.remembered.MOST", 2)
    kept = Remembered[int]()
    for name, value in (("a", 1), ("b", 2), ("a", 4), ("c", 3)):
        kept.keep(name, value)
    assert [kept.get(name) for name in "abc"] == [4, None, 3]
    kept.forget(lambda value: value == 4)
    assert [kept.get(name) for name in "abc"] == [None, None, 3]
