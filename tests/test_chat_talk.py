"""What stays of an answer whose service fails, what is said of it, and what is kept of what is set. Chainlit is a
stand-in here."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from qianxun.answering.events import AnswerEvent, Shown, Text
from qianxun.chat.talk import Talk, _shown
from qianxun.client.connection import unreachable
from qianxun.client.records import Stopped
from qianxun.errors import InputError, QianxunError, ServiceUnavailable, Unauthorized
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


class Keeping:
    """A service that notes what it is told of conversations: after `slow`; settings it refuses where that is set."""

    def __init__(self, *, slow: asyncio.Event | None = None, refused: InputError | None = None) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.slow, self.refused = slow, refused

    async def begin(self, base: str, title: str, settings: Mapping[str, Any]) -> str:
        told = dict(settings)
        if self.slow is not None:
            await self.slow.wait()
        if told and self.refused is not None:
            raise self.refused
        self.told.append(("begin", told))
        return "0" * 32

    async def keep_settings(self, base: str, token: str, settings: Mapping[str, Any]) -> None:
        assert (base, token) == ("default", "0" * 32)
        told = dict(settings)
        if self.slow is not None:
            await asyncio.sleep(0.01 if len(self.told) > 1 else 0.05)
        if told and self.refused is not None:
            raise self.refused
        self.told.append(("set", told))


def test_what_is_set_is_kept_when_a_conversation_begins_and_when_it_changes() -> None:
    service: Any = Keeping()

    async def talked() -> None:
        talk = Talk("default", True)
        await talk.set(service, {"persona": "客服"})
        assert service.told == [], "nothing is begun for it"
        await talk.begun(service, "報銷 limit？")
        await talk.begun(service, "還有呢？")
        await talk.set(service, {"persona": "客服", "deep": 3})
        await talk.set(service, {})

    asyncio.run(talked())
    assert service.told == [("begin", {"persona": "客服"}), ("set", {"persona": "客服", "deep": 3}), ("set", {})]


def test_of_whoever_is_not_signed_in_nothing_set_is_kept() -> None:
    service: Any = Keeping()
    talk = Talk("default", False)
    asyncio.run(talk.set(service, {"persona": "客服"}))
    assert service.told == []
    assert talk.settings == {"persona": "客服"}


def test_what_is_set_while_a_conversation_begins_is_kept_and_the_newest_is_the_last() -> None:
    async def talked() -> Keeping:
        service: Any = Keeping(slow=asyncio.Event())
        talk = Talk("default", True)
        begins = asyncio.create_task(talk.begun(service, "報銷 limit？"))
        await asyncio.sleep(0)
        sets = [asyncio.create_task(talk.set(service, {"deep": n})) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        service.slow.set()
        await begins
        # A question waits for none of them.
        assert await asyncio.wait_for(talk.begun(service, "還有呢？"), 0.02) == "0" * 32
        assert len(service.told) == 1
        await asyncio.gather(*sets)
        return service

    service = asyncio.run(talked())
    assert service.told[0] == ("begin", {})
    assert service.told[-1] == ("set", {"deep": 3})


def test_a_conversation_begins_also_where_what_is_set_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    service: Any = Keeping(refused=InputError("Too large."))
    talk = Talk("default", True, settings={"filter": "title ~ 長"})
    assert asyncio.run(talk.begun(service, "報銷 limit？")) == "0" * 32
    assert service.told == [("begin", {})]
    assert "Too large." in caplog.text
    with pytest.raises(InputError):
        asyncio.run(talk.set(service, {"filter": "title ~ 長長"}))
    assert talk.settings == {"filter": "title ~ 長長"}, "it holds here"


def test_a_conversation_that_cannot_begin_says_so_once() -> None:
    class Away(Keeping):
        async def begin(self, base: str, title: str, settings: Mapping[str, Any]) -> str:
            self.told.append(("begin", dict(settings)))
            raise ServiceUnavailable("Away.")

    service: Any = Away()
    with pytest.raises(ServiceUnavailable):
        asyncio.run(Talk("default", True, settings={"deep": 2}).begun(service, "報銷 limit？"))
    assert service.told == [("begin", {"deep": 2})]
