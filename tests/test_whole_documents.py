"""Whole documents: what is read of them, notes that a model takes, summaries made of quotations, who may read what."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qianxun
from qianxun import TextItem, assemble
from qianxun.answering.checked import Checker
from qianxun.answering.cite import parse
from qianxun.answering.events import Done, Mark, Shown, Text, Withdrawn
from qianxun.answering.reading import Sentence
from qianxun.answering.whole.logs import is_log, level_of, read_log
from qianxun.answering.whole.summary import _centrality, _units, summarize
from qianxun.answering.whole.windows import evenly, to_read, windows
from qianxun.errors import InputError, ModelUnavailable, NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import Answer, Asker, Passage, Span
from qianxun.settings import Settings

SECRET = "紫檀計劃"


def passage(number: int, text: str, heading: tuple[str, ...] = (), document: int = 1, score: float = 0.0) -> Passage:
    span = Span(number * 10_000, number * 10_000 + len(text))
    context = " › ".join(heading)
    return Passage(number, score, number, document, "a.md", "A", None, None, heading, span, text, context, (), {})


# --- parts


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 60))
def test_parts_hold_every_passage_once_in_order_and_fit(lengths: list[int], room: int) -> None:
    passages = [passage(n, "字" * length) for n, length in enumerate(lengths)]
    parts = windows(passages, lengths, room, lambda one: len(one.text))
    assert [one.chunk for part in parts for one in part.passages] == list(range(len(lengths)))
    assert [part.first for part in parts] == [part.passages[0].chunk for part in parts]
    for part in parts:
        assert part.is_cut or sum(len(one.text) for one in part.passages) <= room
        assert not part.is_cut or lengths[part.first] > room
    for one, other in itertools.pairwise(parts):  # none is begun before it must be
        if not one.is_cut and not other.is_cut:
            assert sum(len(p.text) for p in (*one.passages, other.passages[0])) > room


@given(st.lists(st.sampled_from([0.0, 0.0, 0.2, 0.7]), min_size=1, max_size=30), st.integers(1, 30))
def test_where_not_all_is_read_the_likely_parts_are_and_others_evenly(scores: list[float], most: int) -> None:
    passages = [passage(n, "字", score=score) for n, score in enumerate(scores)]
    parts = windows(passages, [1] * len(scores), 1, lambda one: 1)
    read = to_read(parts, most)
    assert len(read) == min(most, len(parts))
    assert [one.first for one in read] == sorted({one.first for one in read})
    left = [one.score for one in parts if one not in read]
    assert all(score == 0 or min(one.score for one in read) >= score for score in left)


def test_evenly_takes_the_first_and_the_last() -> None:
    assert evenly(list(range(10)), 4) == [0, 3, 6, 9]
    assert evenly([1, 2], 5) == [1, 2]
    assert evenly([1, 2], 0) == []


# --- summaries made of quotations

CONTRACT = "".join(
    f"# 第{n}章 {name}\n\n{first}\n\n{second}\n\n"
    for n, (name, first, second) in enumerate(
        [
            (
                "付款",
                "甲方应在验收后 30 日内支付合同总价款的百分之九十。",
                "其余百分之十为质量保证金，保证期满后支付。",
            ),
            ("交付", "乙方应于每月 20 日前将货物送达甲方指定的仓库。", "货物在交付之前的风险由乙方承担。"),
            ("保密", "双方对图纸、价格和工艺资料负有保密义务，期限三年。", "泄密一方应赔偿对方因此遭受的全部损失。"),
            ("终止", "任何一方可提前九十天书面通知对方终止本合同。", "合同终止不影响已经发生的付款义务。"),
        ],
        1,
    )
)
MANUAL = """# Pump manual

## Safety

Switch off the mains before the cover is opened. The housing stays hot for ten minutes after the pump has stopped.

## Maintenance

The filter is changed every 500 hours of operation. Change the filter after every 500 hours of operation.
The bearings are greased once a year with grease type G4.

## Spare parts

| Part | Number | Price |
|---|---|---|
| Filter | P-100 | 12 |
| Seal | P-200 | 7 |
"""
TRADITIONAL = "# 出勤須知\n\n加班須事先提出申請，經主管核准後方可報支加班費。\n\n遲到三次以上者，當月不發給全勤獎金。\n"
LOG = "\n".join(
    f"2025-03-0{1 + n // 40} 10:{n % 40:02}:00,001 "
    + (
        f"ERROR [db] Connection {n} refused by 10.0.0.{n}"
        if n in (17, 55, 90)
        else f"WARN  [pool] Slow query took {n} ms"
        if n % 10 == 3
        else f"INFO  [web] Request {n} answered"
    )
    for n in range(100)
)


def in_sections(text: str, document: int = 1) -> list[Passage]:
    """Passages by heading, as documents are cut."""
    found: list[Passage] = []
    heading: tuple[str, ...] = ()
    for block in re.split(r"\n\n+", text.strip()):
        marks = re.match(r"(#+) (.*)", block)
        if marks:
            heading = (*heading[: len(marks[1]) - 1], marks[2])
        else:
            found.append(passage(len(found) + 1, block, heading, document))
    return found


class Counting:
    """An encoder that counts what it encodes; texts that share characters are alike."""

    name, fingerprint, dim = "counting", "counting-1", 64
    n = 0

    def encode_passages(self, texts: Sequence[str]) -> Any:
        self.n += len(texts)
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for character in text:
                row[ord(character) % self.dim] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_passages


@pytest.mark.parametrize("encoder", [None, Counting()])
def test_each_large_section_has_a_sentence_and_nothing_is_said_twice(encoder: Any) -> None:
    passages = in_sections(CONTRACT)
    chosen = summarize(passages, 4, encoder=encoder)
    assert [passages[one.passage].heading[0][:3] for one in chosen] == ["第1章", "第2章", "第3章", "第4章"]
    passages = in_sections(MANUAL)
    chosen = summarize(passages, 6, encoder=encoder)
    said = [one.shown for one in chosen]
    assert sum("500 hours" in one for one in said) == 1
    assert [one for one in said if "P-" in one] == ["Spare parts: Part: Filter; Number: P-100; Price: 12"]
    assert any("mains" in one or "hot" in one for one in said)


@pytest.mark.parametrize("text", [CONTRACT, MANUAL, TRADITIONAL, CONTRACT + MANUAL + TRADITIONAL, "", "好。", "a | b"])
@pytest.mark.parametrize("n", [1, 3, 50])
def test_sentences_are_slices_in_reading_order_at_most_so_many(text: str, n: int) -> None:
    passages = in_sections(text)
    chosen = summarize(passages, n)
    assert len(chosen) <= n
    assert [(one.passage, one.piece.start) for one in chosen] == sorted((c.passage, c.piece.start) for c in chosen)
    for one in chosen:
        assert passages[one.passage].text[one.piece.start : one.piece.end] == one.piece.text
    if n > 1 and len(text) > 50:
        assert len(chosen) >= 2


def test_what_is_asked_leads() -> None:
    passages = in_sections(CONTRACT)
    assert "保密" in summarize(passages, 1, question="保密義務有多久")[0].piece.text
    assert "终止" in summarize(passages, 1, question="怎样终止合同？")[0].piece.text


def test_centrality_is_the_mean_cosine_with_all_sentences() -> None:
    units = _units(in_sections(CONTRACT + MANUAL))
    matrix = np.zeros((len(units.terms), len(units.vocabulary)))
    for row, terms in zip(matrix, units.terms, strict=True):
        row[list(terms)] = 1
    rarity = np.log(1 + len(units.terms) / matrix.sum(axis=0))
    rarity[[place for word, place in units.vocabulary.items() if word.isdecimal() or len(word) == 1]] *= 0.1
    matrix *= rarity
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    assert _centrality(units) == pytest.approx((matrix @ matrix.T).mean(axis=1))


def test_of_ten_thousand_chunks_few_sentences_are_encoded() -> None:
    encoder, chance = Counting(), random.Random(5)
    passages = [
        passage(n, "".join(chr(0x4E00 + chance.randrange(3000)) for _ in range(20)) + "。", (f"第{n // 500}章",))
        for n in range(10_000)
    ]
    chosen = summarize(passages, 20, encoder=encoder)
    assert len(chosen) == 20
    assert len({passages[one.passage].heading for one in chosen}) == 20
    assert encoder.n < 300


# --- logs


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2025-03-01 10:00:00 ERROR boom", "ERROR"),
        ("[warning] 磁盘空间不足", "WARN"),
        ('ts=1 level=error msg="no"', "ERROR"),
        ("Mar  1 10:00:00 host kernel: <CRIT> oops", "FATAL"),
        ("An error of judgement, and INFORMATION about it.", None),
        ("错误：无法连接", None),
    ],
)
def test_levels(line: str, level: str | None) -> None:
    assert level_of(line) == level


def test_a_log_is_told_from_prose_and_counted() -> None:
    cut = [passage(1, LOG[: LOG.index("\n2025-03-02")]), passage(2, LOG[LOG.index("2025-03-02") :])]
    assert is_log(cut)
    assert not is_log(in_sections(CONTRACT))
    assert not is_log(in_sections(MANUAL))
    log = read_log(cut, 0, 3)
    assert dict(log.counts) == {"ERROR": 3, "WARN": 10, "INFO": 87}
    assert [re.findall(r"Connection (\d+)|took (\d+)", one.piece.text)[0] for one in log.telling] == [
        ("17", ""),
        ("90", ""),
        ("", "3"),
    ]


def test_lines_of_overlapping_chunks_count_once() -> None:
    lines = [f"10:00:0{n} ERROR failure {n}" for n in range(9)]
    text = "\n".join(lines)
    start = text.index(lines[4])
    end = text.index(lines[6])
    first = Passage(1, 0, 1, 1, "a", "A", None, None, (), Span(0, end), text[:end], "", (), {})
    second = Passage(2, 0, 2, 1, "a", "A", None, None, (), Span(start, len(text)), text[start:], "", (), {})
    assert read_log([first, second], 0, 1).counts == (("ERROR", 9),)


# --- through the knowledge base


class Model:
    """A generator as a plugin: `reply` says what it does of a prompt; everything that it was shown is kept."""

    name = "scripted"
    context: ClassVar[int] = 32_000
    reply: ClassVar[Callable[[str, str], str]]
    asked: ClassVar[list[str]] = []
    seconds: ClassVar[float] = 0.0

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    @property
    def context_tokens(self) -> int:
        return Model.context

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        kind = kind_of(messages[0].content)
        Model.asked += [message.content for message in messages]
        text = Model.reply(kind, messages[-1].content)
        await asyncio.sleep(Model.seconds)
        for start in range(0, len(text), 200):
            yield Delta(text[start : start + 200])
            await asyncio.sleep(0)
        yield Delta(finish_reason="stop", usage=(7, 3))

    def count_tokens(self, text: str) -> int:
        return len(text)


def kind_of(system: str) -> str:
    """Which of the prompts it is."""
    kinds = {
        "notes": ("做笔记", "take notes"),
        "condense": ("写得更短", "shorten notes"),
        "reduce": ("做的笔记完成", "from notes"),
    }
    kinds["summary"] = ("写总结", "You summarize")
    return next((kind for kind, words in kinds.items() if any(word in system for word in words)), "answer")


PASSAGE = re.compile(r"<(?:段落|passage) (\d+)>\n\[\d+\] (.*?)\n</", re.DOTALL)
LIMIT = re.compile(r"(?:第 \d+ 号设备的检修间隔为 \d+ 天。|Device \d+ is inspected every \d+ days\.)")


def reader(kind: str, prompt: str) -> str:
    """A model that does what it is asked: notes each limit, passes on what it is given."""
    if kind == "notes":
        found = [(limit, n) for n, text in PASSAGE.findall(prompt) for limit in LIMIT.findall(text)]
        return "\n".join(f"{limit}[{n}]" for limit, n in found) or "无"
    if kind == "condense":
        notes = re.findall(r"^- (.*?) ((?:\[\d+\])+)$", prompt, re.MULTILINE)
        return "\n".join(f"{text}{marks}" for text, marks in notes[: len(notes) // 2])
    if kind == "reduce":
        notes = re.findall(r"^- (.*?) ((?:\[\d+\])+)$", prompt, re.MULTILINE)
        return " ".join(f"{text}{marks}" for text, marks in notes[:3])
    return "".join(f"{LIMIT.findall(text)[0]}[{n}]" for n, text in PASSAGE.findall(prompt) if LIMIT.findall(text))


def register(n: int, language: str = "zh") -> str:
    """A document of n short sections, one fact in each."""
    filler = {
        "zh": "检修由设备部负责，结果记入台账，异常情况须当天上报值班主管并在系统中登记备查。" * 4,
        "en": "The workshop is responsible for it, and keeps a record of what was found in the register. " * 3,
    }[language]
    fact = {"zh": "第 {n} 号设备的检修间隔为 {d} 天。", "en": "Device {n} is inspected every {d} days. "}[language]
    return "\n\n".join(f"## 设备 {k}\n\n{fact.format(n=k, d=100 + k)}{filler}" for k in range(1, n + 1))


@pytest.fixture
def kb(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., KnowledgeBase]]:
    """Opens a knowledge base with these documents, with a model or without, and closes it."""
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "scripted", f"{__name__}:Model")  # type: ignore[arg-type]
    monkeypatch.setattr(Model, "asked", [])
    monkeypatch.setattr(Model, "context", 32_000)
    opened: list[KnowledgeBase] = []

    def made(texts: dict[str, str], reply: Callable[[str, str], str] | None = None, *more: str) -> KnowledgeBase:
        overrides = ["reading.workers=1", *more]
        if reply is not None:
            monkeypatch.setattr(Model, "reply", staticmethod(reply), raising=False)
            overrides += ["generator.name=scripted", "encoder.name=hash"]  # the notes are checked by words
        opened.append(qianxun.open(tmp_path / "kb", overrides=overrides))
        opened[0].add_texts([TextItem(name, name, text) for name, text in texts.items()])
        return opened[0]

    yield made
    for one in opened:
        one.close()


def check_citations(answer: Answer) -> None:
    """Every number points to the passage that its citation quotes."""
    for citation in answer.citations:
        cited = answer.passages[citation.number - 1]
        assert cited.chunk == citation.chunk
        start = citation.span.start - cited.span.start
        assert cited.text[start : start + len(citation.quote)] == citation.quote
    for statement in answer.statements:
        assert answer.text[statement.span.start : statement.span.end].startswith(statement.text[:5])


@pytest.mark.parametrize("text", [CONTRACT, MANUAL, TRADITIONAL])
def test_a_summary_without_a_model_quotes_and_cites_every_sentence(kb: Any, text: str) -> None:
    base = kb({"a.md": text})
    answer = base.summarize(["a.md"], sentences=4)
    assert answer.verdict == "answered"
    assert len(answer.statements) == len(answer.citations) >= 2
    assert {one.support for one in answer.statements} == {"supported"}
    check_citations(answer)
    assert answer.models["answer"] == "extractive"
    assert answer.coverage is not None
    assert answer.coverage.read == answer.coverage.chunks == base.documents()[0].chunks
    assert any("Read: " in note or "阅读范围" in note for note in answer.notes)


def test_a_summary_of_a_log_counts_levels_and_quotes_the_first_and_the_last_error(kb: Any) -> None:
    answer = kb({"service.log": LOG}).summarize("service.log", sentences=2)
    assert "Lines of the log by level: ERROR 3, WARN 10, INFO 87." in answer.notes
    assert "Connection 17 " in answer.statements[0].text
    assert "Connection 90 " in answer.statements[1].text
    check_citations(answer)


def test_a_summary_of_several_documents_has_something_of_each(kb: Any) -> None:
    answer = kb({"a.md": CONTRACT, "b.md": MANUAL, "c.md": TRADITIONAL, "d.log": LOG}).summarize(["*"], sentences=12)
    assert {one.source for one in answer.citations} == {"a.md", "b.md", "c.md", "d.log"}
    assert answer.coverage is not None
    assert answer.coverage.documents == 4


def test_all_of_a_document_is_asked_without_a_model(kb: Any) -> None:
    base = kb({"register.md": register(90), "other.md": "第 75 号设备的检修间隔为 999 天。"})
    answer = base.ask("第 75 号设备的检修间隔是多少天？", documents=["register.md"])
    assert "175" in answer.text
    assert "999" not in answer.text
    assert answer.coverage is not None
    assert answer.coverage.read == answer.coverage.chunks >= 30
    assert len(answer.passages) <= 10
    check_citations(answer)


def test_what_fits_is_read_at_once(kb: Any) -> None:
    base = kb({"register.md": register(5)}, reader)
    answer = base.ask("各设备的检修间隔？", documents=["register.md"])
    assert answer.coverage is not None
    assert (answer.coverage.calls, answer.coverage.parts, answer.usage) == (1, 1, (7, 3))
    assert len(answer.statements) == 5
    check_citations(answer)
    Model.asked.clear()
    summary = base.summarize("register.md", sentences=3)
    assert "用至多 3 句话总结" in Model.asked[1]
    assert summary.verdict == "answered"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_does_not_fit_is_read_in_parts_and_cites_the_passages(kb: Any, language: str) -> None:
    Model.context = 4000
    base = kb({"register.md": register(120, language)}, reader, "generator.max_tokens=400")
    question = {"zh": "各设备的检修间隔？", "en": "How often is each device inspected?"}[language]
    answer = base.ask(question, documents=["register.md"])
    coverage = answer.coverage
    assert coverage is not None
    assert coverage.parts > 5
    assert coverage.read == coverage.chunks
    assert (coverage.failed, coverage.left_out) == (0, 0)
    assert coverage.calls > coverage.parts
    assert answer.verdict == "answered"
    assert [one.support for one in answer.statements] == ["supported"] * 3
    check_citations(answer)
    assert answer.usage is not None
    assert answer.usage[0] >= 7 * coverage.parts  # what is cut off at its limit does not say
    for prompt in Model.asked:
        assert len(prompt) < Model.context


def test_notes_that_no_passage_bears_are_dropped_and_told(kb: Any) -> None:
    Model.context = 4000

    def liar(kind: str, prompt: str) -> str:
        if kind == "notes":
            return reader(kind, prompt) + "\n所有设备都由火星公司免费更换，期限为 77777 天。[1]"
        return reader(kind, prompt)

    answer = kb({"register.md": register(60)}, liar).ask("检修间隔？", documents=["register.md"])
    assert answer.coverage is not None
    assert "77777" not in answer.text
    assert not any("77777" in prompt for prompt in Model.asked)
    assert f"模型的笔记中有 {answer.coverage.parts} 条没有原文支持，未采用。" in answer.notes


def test_what_the_last_answer_says_is_checked_against_the_passages(kb: Any) -> None:
    Model.context = 4000

    def liar(kind: str, prompt: str) -> str:
        return "第 3 号设备的检修间隔为 99999 天。[3]" if kind == "reduce" else reader(kind, prompt)

    answer = kb({"register.md": register(60)}, liar).ask("检修间隔？", documents=["register.md"])
    assert answer.verdict == "ungrounded"
    assert answer.statements[0].support == "absent"


def test_a_part_that_fails_is_missing_and_told(kb: Any) -> None:
    Model.context = 4000

    def fails_once(kind: str, prompt: str) -> str:
        if kind == "notes" and "第 40 号设备" in prompt:
            raise ModelUnavailable("The server is away.")
        return reader(kind, prompt)

    answer = kb({"register.md": register(60)}, fails_once).ask("检修间隔？", documents=["register.md"])
    coverage = answer.coverage
    assert coverage is not None
    assert (coverage.failed, coverage.left_out) == (1, 0)
    assert 0 < coverage.read < coverage.chunks
    assert answer.verdict == "answered"
    assert "有 1 个部分因模型出错没有读成，其内容不在此回答中。" in answer.notes


@pytest.mark.parametrize("when", ["notes", "reduce"])
def test_a_model_that_fails_altogether_is_done_without(kb: Any, when: str) -> None:
    Model.context = 4000

    def away(kind: str, prompt: str) -> str:
        if kind == when:
            raise ModelUnavailable("The server is away.")
        return reader(kind, prompt)

    base = kb({"register.md": register(60)}, away)
    answer = base.ask("第 40 号设备的检修间隔是多少天？", documents=["register.md"])
    assert "The server is away." in answer.degraded[0]
    assert "140" in answer.text
    assert answer.models["answer"] == "extractive"
    assert len(Model.asked) <= 2 * 20
    assert base.summarize("register.md").verdict == "answered"


def test_a_model_that_never_stops_is_stopped(kb: Any) -> None:
    Model.context = 4000
    numbers = iter(range(10**9))

    def endless(kind: str, prompt: str) -> str:
        return "".join(f"还有第 {next(numbers)} 件事要说。" for _ in range(20_000 if kind != "notes" else 300))

    answer = kb({"register.md": register(60)}, endless, "generator.max_tokens=300", "answer.max_calls=4").ask(
        "检修间隔？", documents=["register.md"]
    )
    assert answer.coverage is not None
    assert answer.coverage.calls <= 4
    assert len(answer.text) < 2000


def test_calls_are_bounded_and_what_they_do_not_suffice_for_is_told(kb: Any) -> None:
    Model.context = 4000
    base = kb({"register.md": register(120)}, reader, "answer.max_calls=5")
    answer = base.ask("第 100 号设备的检修间隔是多少天？", documents=["register.md"])
    coverage = answer.coverage
    assert coverage is not None
    assert coverage.calls <= 5
    assert coverage.left_out > 0
    assert coverage.read < coverage.chunks
    assert any(f"有 {coverage.left_out} 个部分" in note for note in answer.notes)
    # The part in which search found the answer was among those that were read.
    assert any("第 100 号设备的检修间隔为 200 天。" in prompt for prompt in Model.asked)


def test_time_is_bounded(kb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Model.context = 4000
    monkeypatch.setattr(Model, "seconds", 0.3)
    base = kb({"register.md": register(120)}, reader, "answer.max_seconds=1.0")
    start = time.perf_counter()
    coverage = base.summarize("register.md").coverage
    assert time.perf_counter() - start < 10
    assert coverage is not None
    assert coverage.left_out > 0
    assert coverage.read < coverage.chunks


def test_nothing_that_bears_on_it_is_no_evidence(kb: Any) -> None:
    Model.context = 4000
    base = kb({"register.md": register(60)}, lambda kind, prompt: "无")
    answer = base.ask("公司的食堂几点开门？", documents=["register.md"])
    assert answer.verdict == "no_evidence"
    assert answer.coverage is not None
    assert answer.coverage.read == answer.coverage.chunks


def told(base: KnowledgeBase, **given: Any) -> list[Any]:
    async def listen() -> list[Any]:
        return [event async for event in base.stream("各设备的检修间隔？", **given)]

    return asyncio.run(listen())


def test_the_events_are_those_of_any_answer(kb: Any) -> None:
    Model.context = 4000
    events = told(kb({"register.md": register(60)}, reader), documents=["register.md"])
    assert isinstance(events[0], Shown)
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert events[0].passages == answer.passages
    assert "".join(one.text for one in events if isinstance(one, Text | Mark)) == answer.text


def test_who_cancels_gets_what_was_said(kb: Any) -> None:
    Model.context = 4000

    async def listen(base: KnowledgeBase) -> list[Any]:
        cancelled = asyncio.Event()
        cancelled.set()
        return [e async for e in base.stream("检修间隔？", documents=["register.md"], cancelled=cancelled)]

    events = asyncio.run(listen(kb({"register.md": register(60)}, reader)))
    assert isinstance(events[-1], Done)
    assert "回答已被中止。" in events[-1].answer.notes


def test_a_summary_comes_as_events_too(kb: Any) -> None:
    base = kb({"a.md": CONTRACT})

    async def listen() -> list[Any]:
        return [event async for event in base.stream_summary("a.md", sentences=2)]

    *shown, done = asyncio.run(listen())
    assert isinstance(done, Done)
    assert "".join(one.text for one in shown if isinstance(one, Text)) == done.answer.text
    assert not any(isinstance(one, Withdrawn) for one in shown)


# --- who may read what


@pytest.mark.parametrize("reply", [None, reader])
def test_what_is_forbidden_is_not_there(kb: Any, reply: Any) -> None:
    Model.context = 4000
    base = kb({"open.md": register(40)}, reply)
    base.add_texts(
        [TextItem("board/secret.md", SECRET, f"{SECRET}的预算为 900 万元。\n\n{register(3)}")], labels=["board"]
    )
    asker = Asker.of("public")
    (secret,) = [one.id for one in base.documents() if one.source.endswith("secret.md")]
    for name in ("board/secret.md", secret, str(secret), "board", "*secret*"):
        with pytest.raises(NotFound) as forbidden:
            base.summarize([name], asker=asker)
        with pytest.raises(NotFound) as asked:
            base.ask("预算？", documents=[name], asker=asker)
        with pytest.raises(NotFound) as absent:
            base.summarize([f"{name}0"], asker=asker)
        assert str(forbidden.value) == str(asked.value) == str(absent.value).replace(f"{name}0", str(name))
    answers = [
        base.summarize(["*"], asker=asker),
        base.ask("预算是多少？", documents=["*"], asker=asker),
        base.ask("预算是多少？检修间隔呢？", documents=["*"], deep=3, asker=asker),
        base.ask("预算是多少？检修间隔呢？", deep=3, asker=asker),
    ]
    assert not any(SECRET in repr(one) or "900" in one.text for one in answers)
    assert not any(SECRET in prompt for prompt in Model.asked)
    assert answers[0].coverage is not None
    assert answers[0].coverage.documents == 1
    assert SECRET in repr(base.summarize([secret], asker=Asker.of("board")))


def test_wrong_wishes_are_refused(kb: Any) -> None:
    base = kb({"a.md": CONTRACT})
    with pytest.raises(InputError):
        base.summarize("a.md", sentences=0)
    with pytest.raises(InputError):
        base.ask("保密？", deep=1000)
    with pytest.raises(NotFound):
        base.summarize("b.md")


# --- what ends it, and what it is checked against


def test_who_goes_away_stops_the_model(kb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Model.context = 4000
    base = kb({"register.md": register(120)}, reader)
    monkeypatch.setattr(Model, "seconds", 0.05)

    async def leave() -> set[asyncio.Task[Any]]:
        async def listen() -> None:
            async for _ in base.stream("检修间隔？", documents=["register.md"]):
                pass

        listening = asyncio.ensure_future(listen())
        while not Model.asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(leave()) == set()
    assert not any("做的笔记完成" in prompt for prompt in Model.asked)


def test_of_many_passages_the_one_that_bears_a_sentence_without_a_mark_is_found() -> None:
    passages = [passage(n, f"第 {n} 号设备的检修间隔为 {100 + n} 天。设备部负责登记。") for n in range(1, 301)]
    text = "第 277 号设备的检修间隔为 377 天。"
    (cited,) = parse(text)
    checked = Checker(passages).check(0, Sentence(cited, cited.span), ())
    assert (checked.statement.support, checked.added) == ("supported", (277,))
