"""What stays of an answer whose service fails, and what is said of it. Chainlit is a stand-in here."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from qianxun.answering.events import AnswerEvent, Shown, Text
from qianxun.chat.talk import Talk, _shown
from qianxun.client.connection import unreachable
from qianxun.client.records import Stopped
from qianxun.errors import QianxunError, Unauthorized
from qianxun.messages import speaking


class Said:
    """A message, a step or a button of Chainlit's."""

    def __init__(self, content: str = "", **given: Any) -> None:
        self.id, self.content, self.is_error, self.is_sent = "1", content, False, False
        self.metadata: dict[str, Any] = {}
        self.actions: list[Any] = []
        self.__dict__.update(given)

    async def stream_token(self, token: str, *, is_sequence: bool = False) -> None:
        self.content = token if is_sequence else self.content + token

    async def send(self) -> None:
        self.is_sent = True

    async def update(self) -> None:
        """Nobody looks."""


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[Said]:
    """What is said, in its order."""
    made: list[Said] = []

    def message(**given: Any) -> Said:
        made.append(Said(**given))
        return made[-1]

    chainlit: Any = ModuleType("chainlit")
    chainlit.Message, chainlit.Step, chainlit.Action = message, Said, Said
    monkeypatch.setitem(sys.modules, "chainlit", chainlit)
    around: ContextVar[Any] = ContextVar("around", default=None)
    monkeypatch.setitem(sys.modules, "chainlit.context", SimpleNamespace(local_steps=around))  # type: ignore[misc]
    monkeypatch.setitem(sys.modules, "chainlit.utils", SimpleNamespace(utc_now=lambda: ""))  # type: ignore[misc]
    return made


async def failing(end: QianxunError | Stopped, *pieces: str) -> AsyncGenerator[AnswerEvent | Stopped, None]:
    """An answer that is written so far, and then fails or ends."""
    yield Shown(())
    for piece in pieces:
        yield Text(piece)
    if isinstance(end, QianxunError):
        raise end
    yield end


def shown(end: QianxunError | Stopped, *pieces: str) -> None:
    asyncio.run(_shown(Talk("default", True), "報銷 limit？", failing(end, *pieces)))


AWAY = unreachable("http://127.0.0.1:8781", OSError("All connection attempts failed"))


@pytest.mark.parametrize(
    ("language", "end", "said"),
    [
        ("zh", AWAY, "暂时连不上服务。请重试。"),
        ("en", AWAY, "The service cannot be reached at the moment\\. Try again\\."),
        ("zh", Stopped("failed"), "这个回答没有写完：模型出错，或服务在写作中途停止。 请重新提问。"),
    ],
)
def test_what_was_written_stays_and_why_it_ended_is_said_below_it(
    messages: list[Said], language: str, end: QianxunError | Stopped, said: str
) -> None:
    with speaking(language):
        shown(end, "一類城市每晚 ６５０ 元，", "breakfast")
    (message,) = messages
    assert message.is_sent
    assert message.content.startswith("一類城市每晚 ６５０ 元，breakfast\n\n> ")
    assert message.content.partition("> ")[2].replace("。 请", "。请") == said.replace("。 请", "。请")
    assert "127.0.0.1" not in message.content
    assert message.metadata == {"thumbs": False}
    assert message.actions[0].payload == {"question": "報銷 limit？"}


def test_of_a_document_that_was_removed_nothing_stays(messages: list[Said]) -> None:
    shown(Stopped("removed"), "一类城市每晚 650 元")
    (message,) = messages
    assert "650" not in message.content
    assert "removed" in message.content
    assert message.is_error


@pytest.mark.parametrize(("language", "words"), [("zh", "登录"), ("en", "Sign in")])
def test_whose_session_has_ended_finds_where_to_sign_in(messages: list[Said], language: str, words: str) -> None:
    with speaking(language):
        shown(Unauthorized("The session has ended.", remedy="Sign in again."))
    (message,) = messages
    assert message.content.endswith(f"\n\n[{words}](/chat/sign-in)")
