"""Answers that are kept hold no text of documents, and a reader sees of them what they may read now."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun.answering.answer import answer
from qianxun.answering.keeping import GONE, answer_of, kept_of
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message
from qianxun.records import Answer, Asker
from qianxun.storage.conversations import Conversations
from qianxun.storage.service import open_service
from qianxun.text import has_cjk

DOCUMENTS = {
    "年假.md": ("# 员工手册\n\n## 年假\n\n工作满一年的员工每年有五天带薪年假，满十年的有十天。\n", "public"),
    "加班.txt": ("台北分公司：加班須事先申請，經主管核准後方可報支加班費。\n", "hr"),
    "prices.md": ("# 价目\n\n| 型号 | 目录价（元） |\n|---|---|\n| LG-8 | 1,980 |\n| LF-200 | 5,680 |\n", "sales"),
    "changes.md": (
        "# Changes\n\n## 4.1.0 (2025-02-18)\n\nThe pump restarts after a power cut.\n\n"
        "## 4.0.2 (2024-11-05)\n\nThe display shows the flow in litres.\n",
        "public",
    ),
}
QUESTIONS = (
    "年假有几天？",
    "加班費怎麼報支？",
    "LG-8 的目录价是多少？",
    "When did the pump begin to restart after a power cut?",
    "What does the display show?",
    "ＬＦ－２００多少钱？",
)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as opened:
        for name, (text, label) in DOCUMENTS.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
            opened.add([tmp_path / name], labels=[label])
        yield opened


def told(found: Answer) -> dict[str, Any]:
    """What a reader sees of an answer. How passages were found is not kept."""
    plain = dataclasses.asdict(found)
    plain["passages"] = [
        {name: one[name] for name in ("chunk", "document", "source", "title", "heading", "span", "text", "context")}
        for one in plain["passages"]
    ]
    return plain


def restored(base: KnowledgeBase, found: Answer, asker: Asker = Asker.admin()) -> tuple[Answer, bool]:  # noqa: B008
    return answer_of(kept_of(found), found.question, base._store, asker)


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_was_quoted_is_read_again_as_it_was(base: KnowledgeBase, question: str) -> None:
    found = base.ask(question)
    assert found.statements
    again, whole = restored(base, found)
    assert whole
    assert told(again) == told(found)


def test_statements_say_where_they_stand(base: KnowledgeBase) -> None:
    for question in QUESTIONS:
        found = base.ask(question)
        assert [c.statement for c in found.citations] == list(range(len(found.statements)))
        for one in found.statements:
            shown = found.text[one.span.start : one.span.end]
            assert shown.startswith(one.text)
            assert shown.endswith(f"[{one.numbers[0]}]")


@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_of_a_document_is_kept_of_what_is_quoted(base: KnowledgeBase, question: str, tmp_path: Path) -> None:
    found = base.ask(question)
    kept = Conversations(open_service(tmp_path), "x")
    token = kept.begin("")
    kept.finish(token, "", kept.ask(token, "", "问"), "done", kept_of(found))
    kept.close()
    written = b"".join(path.read_bytes() for path in tmp_path.glob("service.db*")).decode("utf-8", "replace")
    for passage in found.passages:
        n = 6 if has_cjk(passage.text) else 20
        assert not [at for at in range(len(passage.text) - n) if passage.text[at : at + n] in written]


def test_what_was_removed_cannot_be_read_any_more(base: KnowledgeBase, tmp_path: Path) -> None:
    found = base.ask("年假有几天？")
    cited = found.citations[0].source
    base.remove([cited])
    again, whole = restored(base, found)
    assert not whole
    assert GONE["zh"] in again.text
    assert "带薪年假" not in json.dumps(told(again), ensure_ascii=False, default=str)
    assert all(citation.source != cited for citation in again.citations)
    assert [one.numbers for one in again.statements] == [one.numbers for one in found.statements]


def test_a_right_that_is_taken_away_takes_the_quotes_with_it(base: KnowledgeBase) -> None:
    found = base.ask("LG-8 的目录价是多少？", asker=Asker.of("sales", "public"))
    assert "1,980" in found.text
    for asker in (Asker.of("public"), Asker.of("hr"), Asker.of()):
        again, whole = restored(base, found, asker)
        assert not whole
        assert "1,980" not in json.dumps(told(again), ensure_ascii=False, default=str)
        assert "价目" not in json.dumps(told(again), ensure_ascii=False, default=str)


class Scripted:
    name, context_tokens = "scripted", 4000

    def __init__(self, text: str) -> None:
        self.text = text

    async def stream(self, messages: Sequence[Message], *, schema: Any = None, sampling: Any) -> AsyncIterator[Delta]:
        yield Delta(self.text)
        yield Delta(finish_reason="stop", usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        return len(text)


@pytest.fixture
def written(base: KnowledgeBase) -> Callable[[str, str], Answer]:
    """What a model says to a question, by a text with `[source]` where a mark shall stand."""

    def say(question: str, text: str) -> Answer:
        found = base.search(question)
        for number, passage in enumerate(found.passages, 1):
            text = text.replace(f"[{Path(passage.source).name}]", f"[{number}]")
        given: Any = Scripted(text)
        settings = base.settings.answer
        return asyncio.run(
            answer(question, found, generator=given, encoder=None, term_weights={}, settings=settings, n_documents=4)
        )

    return say


def test_of_what_a_model_wrote_one_reads_what_ones_own_sources_bear(
    base: KnowledgeBase, written: Callable[[str, str], Answer]
) -> None:
    found = written(
        "年假有几天，加班費怎麼報支？",
        "工作满一年的员工每年有五天带薪年假[年假.md]。\n\n- 加班費須經主管核准後方可報支[加班.txt]。\n"
        "- 其余略，密码是 4711。",
    )
    assert [one.quoted for one in found.statements] == [None, None, None]
    whole, all_there = restored(base, found)
    assert all_there
    assert told(whole) == told(found)
    public, all_there = restored(base, found, Asker.of("public"))
    assert not all_there
    assert public.text == f"{found.text.partition('。')[0]}。\n\n{GONE['zh']}\n{GONE['zh']}"
    for one in public.statements:
        assert public.text[one.span.start : one.span.end].startswith(one.text[:5])
    assert "主管" not in json.dumps(told(public), ensure_ascii=False, default=str)


def test_an_answer_that_found_nothing_names_no_titles_that_are_gone(base: KnowledgeBase) -> None:
    with qianxun.open(base.directory, overrides=["answer.min_support=1"]) as strict:
        found = strict.ask("年假有几天？")
    assert found.verdict == "no_evidence"
    assert found.passages[0].title in found.text
    assert restored(base, found)[0].text == found.text
    base.remove([found.passages[0].source])
    assert restored(base, found)[0].text == GONE["zh"]


def test_a_knowledge_base_tells_of_an_answer_as_it_comes(base: KnowledgeBase) -> None:
    async def told() -> list[str]:
        return [type(event).__name__ async for event in base.stream("年假有几天？")]

    assert asyncio.run(told()) == ["Shown", "Text", "Done"]
