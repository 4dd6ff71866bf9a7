"""What a page of the chat that is loaded anew is told of a conversation. The service is a stand-in here."""

import asyncio
from typing import Any

import pytest

from qianxun.chat.history import History
from qianxun.chat.remembered import Remembered
from qianxun.client.records import Conversation, Me, Turn, WholeConversation
from qianxun.messages import speaking

TOKEN = "0" * 32
THREAD = f"{TOKEN}.default"


class Service:
    """One conversation, with a question whose answer has a state."""

    def __init__(self, state: str, files: list[str]) -> None:
        self.state, self.sent = state, files

    async def me(self) -> Me:
        return Me("k1", "张三", None, None, frozenset(("ask",)), 0, 0, 0)

    async def conversation(self, base: str, token: str) -> WholeConversation:
        turn = Turn(1, self.state, "", "報銷 limit？", None, False)
        return WholeConversation(Conversation(token, "", "", "", "", 1), (turn,))

    async def files(self, base: str, token: str) -> list[str]:
        return self.sent


def steps(state: str, files: list[str] | None = None) -> list[dict[str, Any]]:
    history = History(Service(state, files or []))  # type: ignore[arg-type]
    found: list[dict[str, Any]] = asyncio.run(history.get_thread(THREAD))["steps"]
    return found


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
