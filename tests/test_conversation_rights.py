"""Whatever was asked, by whom, in which order: who may not read a document reads none of it in a conversation.

The model is the worst there is: it repeats all that it is shown, of passages and of what was said before, so that a
text that goes anywhere comes out somewhere.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import qianxun
from qianxun import TextItem, assemble
from qianxun.errors import NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import Asker
from qianxun.settings import Settings, home_directory

LABELS = ("hr", "public", "sales")
# Each holds a word that nothing else holds, in its title and in its text.
SECRETS = {"一.md": "紫晶海豚", "二.md": "銅鑼燒餅", "three.md": "Zanzibarquokka"}
TEXTS = {
    "一.md": "差旅住宿限额的说明：紫晶海豚住宿限额为 650 元。限额由紫晶海豚部核定。",
    "二.md": "加班須事先申請：銅鑼燒餅核准後方可報支，限額另定。",
    "three.md": "The limit of leave, 限额: Zanzibarquokka grants ten days. Zanzibarquokka decides.",
}
QUESTIONS = (
    "差旅住宿限额是多少？",
    "加班須事先申請嗎？",
    "What is the limit of leave?",
    "那加班呢？",
    "第一个呢？",
    "它由谁核定？",
    "ｌｉｍｉｔ？",
)
Action: TypeAlias = tuple[Literal["ask", "label", "unlabel", "remove", "purge", "sum up"], str, str]


class Echo:
    """Repeats what it is shown, with a mark after every line, and puts it all into every summary."""

    name, context_tokens = "echo", 6000
    prompts: list[str] = []  # noqa: RUF012

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: Any = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The prompt, but for the rules."""
        shown = "\n".join(message.content for message in messages[1:])
        Echo.prompts.append(shown)
        for line in shown.splitlines():
            yield Delta(f"{line} [1]\n")
        yield Delta(finish_reason="stop")

    def count_tokens(self, text: str) -> int:
        """About as many as there are characters."""
        return len(text) // 2


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, KnowledgeBase]]:
    """A knowledge base with the model, and the same one without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(assemble.BUILT_IN["generators"], "echo", f"{__name__}:Echo")  # type: ignore[arg-type]
        patch.setenv("QIANXUN_HOME", str(tmp_path_factory.mktemp("home")))
        directory = tmp_path_factory.mktemp("kb") / "kb"
        plain = ["encoder.name=hash", "answer.hopeless=0", "answer.min_support=0", "search.spelling=false"]
        model = [*plain, "generator.name=echo", "conversation.history_tokens=300", "answer.passages=1"]
        with qianxun.open(directory, overrides=plain) as one, qianxun.open(directory, overrides=model) as other:
            yield {"quoting": one, "model": other}


def actions() -> st.SearchStrategy[list[Action]]:
    labels = st.sampled_from(("*", "*", "*", *LABELS, "hr,public", "public,sales"))
    ask = st.tuples(st.just("ask"), st.sampled_from(QUESTIONS), labels)
    sources, label = st.sampled_from(list(TEXTS)), st.sampled_from(LABELS)
    change = st.tuples(st.sampled_from(("label", "unlabel", "remove", "purge")), sources, label)
    return st.lists(ask | ask | ask | change, min_size=3, max_size=9)  # type: ignore[arg-type, return-value]


def asker_of(labels: str) -> Asker:
    return Asker.admin() if labels == "*" else Asker.of(*labels.split(","))


def readable(base: KnowledgeBase, asker: Asker) -> set[str]:
    return {document.source for document in base.documents(asker=asker)}


def leaks(text: str, base: KnowledgeBase, asker: Asker) -> list[str]:
    """The words in a text that stand only in documents that the asker may not read."""
    return [word for source, word in SECRETS.items() if source not in readable(base, asker) and word in text]


def everything(base: KnowledgeBase, token: str, asker: Asker) -> str:
    talks = base.conversations
    talk = talks.get(token, asker=asker)
    parts: list[object] = [talks.list(), talk, talks.export(token, asker=asker)]

    async def resumed(turn: int) -> list[object]:
        return [dataclasses.asdict(told) async for told in talks.resume(token, turn, asker=asker)]

    for turn in talk.turns:
        parts += asyncio.run(resumed(turn.turn))
    return "\n".join(map(str, parts))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(actions(), st.lists(st.sampled_from(["quoting", "model", "model"]), min_size=9, max_size=9))
def test_nobody_reads_what_they_may_not(opened: dict[str, KnowledgeBase], steps: list[Action], by: list[str]) -> None:
    base = opened["model"]
    gone = set(TEXTS) - {document.source for document in base.documents()}
    for n, source in enumerate(TEXTS):
        if source in gone:
            base.add_texts([TextItem(source, SECRETS[source], TEXTS[source])], labels=[LABELS[n]])
        base.label([source], add=[LABELS[n]], remove=[one for one in LABELS if one != LABELS[n]])
    token, purged = base.conversations.begin(), set()
    for (kind, what, labels), door in zip(steps, by, strict=False):
        if kind == "ask":
            asker = asker_of(labels)
            Echo.prompts.clear()
            answer = opened[door].conversations.ask(token, what, asker=asker)
            assert leaks("\n".join(Echo.prompts) + str(answer), base, asker) == []
            continue
        try:
            if kind in ("remove", "purge"):
                base.remove([what], purge=kind == "purge")
                purged |= {what} if kind == "purge" else set()
            else:
                base.label([what], **{"add" if kind == "label" else "remove": [labels]})  # type: ignore[arg-type]
        except NotFound:
            continue
        for seen_by in ("*", "public", "hr", "sales"):
            asker = asker_of(seen_by)
            assert leaks(everything(base, token, asker), base, asker) == []
    for seen_by in ("*", "public", "hr", "sales"):
        asker = asker_of(seen_by)
        assert leaks(everything(base, token, asker), base, asker) == []
    if purged:
        kept = base.conversations._file.opened()
        kept.compact()
        left = b"".join(path.read_bytes() for path in Path(home_directory(base.settings)).rglob("service.db*"))
        assert [source for source in purged if SECRETS[source].encode() in left] == []
    base.conversations.delete(token)
