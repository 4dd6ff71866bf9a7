"""The list of conversations waits for the first words of an answer. No Chainlit."""

import asyncio
import time

import pytest

from qianxun.chat import first_words
from qianxun.chat.who import asking_as


async def waited() -> float:
    """Seconds until the list may be shown."""
    begun = time.monotonic()
    await first_words.sent()
    return time.monotonic() - begun


def test_where_no_answer_is_awaited_nothing_waits() -> None:
    assert asyncio.run(waited()) < 0.1


def test_it_comes_after_the_first_words_of_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_words, "_BEHIND_SECONDS", 0.0)
    monkeypatch.setattr(first_words, "_MOST_SECONDS", 60.0)

    async def page() -> tuple[bool, float]:
        with asking_as("qs-王"), first_words.awaited() as first:
            list = asyncio.create_task(waited())
            with asking_as("qs-other"):
                others = await waited()
            await asyncio.sleep(0.05)
            early = list.done()
            first.set()
            await list
            await waited()
            return early, others

    early, others = asyncio.run(page())
    assert not early
    assert others < 0.1


def test_it_waits_for_no_words_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_words, "_MOST_SECONDS", 0.2)

    async def page() -> float:
        with asking_as("qs-李"), first_words.awaited():
            return await waited()

    assert asyncio.run(page()) >= 0.2


def test_an_answer_that_fails_lets_it_go() -> None:
    async def page() -> bool:
        with asking_as(None), pytest.raises(RuntimeError), first_words.awaited() as first:
            raise RuntimeError("no generator")
        return first.is_set() and await waited() < 0.1

    assert asyncio.run(page())
