"""Search against a brute-force evaluator: filters, phrases, exclusions, dates, and who may see what."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import qianxun
from qianxun.documents.split import indexed_text
from qianxun.errors import NotFound
from qianxun.filters import Filter, matches, visible_to
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Asker, Document, Passage
from qianxun.retrieval.question import parse_question, satisfies
from qianxun.text import fold

LABELS = ("public", "hr", "财务", "board")
WORDS = (
    "年假 病假 报销 差旅 加班費 試用期 标准 五天 LF-2301 QX-1024 draft 草稿 annual leave expense report password reset "
    "Überstunden ２０２５ 审批 流程"
).split()
PHRASES = ('"年假"', '"annual leave"', "“报销标准”", '+"LF-2301"', "-草稿", "-draft", '-"password reset"')
FIELDS = ("source:hr/", "-source:hr/", "title:年假", "format:markdown", "格式：text", "label:hr")
DATES = ("after:2025-01-01", "before:2024-06", "date:2024", "之后：2025年3月")
FILTERS = (
    None,
    "format = markdown",
    "label in (hr, 财务)",
    "modified >= 2025-01-01",
    "not (source contains hr) or title contains 年",
    "标签 = board 且 格式 = text",
)
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    """Sixty documents of random words, labels, dates and formats; a secret word in each that only its readers know."""
    folder, rng = tmp_path_factory.mktemp("random"), random.Random(6)
    overrides = ["encoder.name=hash", "reading.workers=1", "search.k=1000", "search.candidates=1000"]
    overrides += ["search.group_duplicates=false", "search.group_near_duplicates=false"]
    with qianxun.open(folder / "kb", overrides=overrides) as kb:
        for n in range(60):
            place = folder / rng.choice(["hr", "it", "财务"])
            place.mkdir(exist_ok=True)
            words = [rng.choice(WORDS) for _ in range(rng.randint(3, 25))]
            text = "".join(word + rng.choice([" ", "，", "。", "\n"]) for word in words) + f"secret{n:02}x"
            title = rng.choice(["年假制度", "年假規定", "Expense", "notes"])
            file = place / f"{n:02}{rng.choice(['.md', '.txt'])}"
            file.write_text(f"# {title}\n\n{text}\n" if file.suffix == ".md" else text, encoding="utf-8")
            at = datetime(
                rng.choice([2023, 2024, 2025]), rng.randint(1, 12), rng.randint(1, 28), tzinfo=UTC
            ).timestamp()
            os.utime(file, (at, at))
            kb.add([file], labels=rng.sample(LABELS, rng.randint(1, 2)))
        yield kb


ASKERS = st.one_of(st.just(Asker.admin()), st.sets(st.sampled_from(LABELS), max_size=2).map(lambda s: Asker.of(*s)))
QUESTIONS = st.lists(st.sampled_from((*WORDS, *PHRASES, *FIELDS, *DATES)), min_size=1, max_size=5).map(" ".join)


def expected(kb: KnowledgeBase, question: str, asker: Asker, where: Filter | None) -> set[int]:
    """Every chunk that may be seen and satisfies the question, one by one."""
    asked = parse_question(question, NOW)
    found = set()
    for document in kb.documents():
        for chunk in kb.chunks(document.id):
            allowed = all(one is None or matches(one, document) for one in (visible_to(asker), where, asked.where))
            if allowed and satisfies(asked, fold(indexed_text(chunk.context, chunk.text))):
                found.add(chunk.chunk)
    return found


@given(QUESTIONS, ASKERS, st.sampled_from(FILTERS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_passage_that_satisfies_the_question_is_found_and_no_other(
    base: KnowledgeBase, question: str, asker: Asker, where: str | None
) -> None:
    condition = qianxun.parse_filter(where) if where else None
    wanted = expected(base, question, asker, condition)
    asked = parse_question(question, NOW)
    result = base.search(question, asker=asker, where=condition)
    found = {passage.chunk for passage in result.passages}
    if not any(c.isalnum() for c in asked.text):
        assert not found  # nothing to look for: a filter alone lists documents
    elif wanted or not asked.phrases:
        assert found == wanted
        assert not any(note.template.startswith("No passage holds") for note in result.notes)
    else:  # the phrase is nowhere: its words are searched, and the result says so
        assert any(note.template.startswith("No passage holds") for note in result.notes)


@given(
    QUESTIONS,
    ASKERS,
    st.sampled_from(["hybrid", "lexical", "dense"]),
    st.sampled_from(["none", "neighbours", "section"]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_forbidden_passage_is_in_any_output(
    base: KnowledgeBase, question: str, asker: Asker, mode: str, widen: str
) -> None:
    """Each document holds a word that is nowhere else: it may be in nothing that who may not see it is shown."""
    forbidden = [document for document in base.documents() if not _may_see(asker, document)]
    secrets = {f"secret{Path(document.source).stem}x" for document in forbidden}
    names = {document.source for document in forbidden}
    with qianxun.open(base.directory, overrides=[f"search.widen={widen}", "encoder.name=hash"]) as kb:
        result = kb.search(question, asker=asker, mode=mode, explain=True)
        answer = kb.ask(question, asker=asker)
        shown: list[Passage] = [*result.passages, *answer.passages]
        for passage in result.passages[:3]:
            shown += [
                *kb.neighbours(passage.chunk, before=2, after=2, asker=asker),
                kb.parent(passage.chunk, asker=asker),
            ]
        listed = {document.source for document in kb.documents(asker=asker)}
        for document in forbidden[:5]:
            with pytest.raises(NotFound):
                kb.text(document.id, asker=asker)
            with pytest.raises(NotFound):
                kb.feedback.record("up", question, [document.id << 24], asker=asker)
    told = repr((result, answer, shown))
    assert not names & listed
    assert not [secret for secret in secrets if secret in told]
    assert not [name for name in names if name in told]


def test_feedback_export_names_no_forbidden_document(base: KnowledgeBase) -> None:
    with qianxun.open(base.directory, overrides=["encoder.name=hash", "feedback.keep_questions=true"]) as kb:
        for document in kb.documents()[:30]:
            kb.feedback.record("accepted", "年假有几天？", [document.id << 24])
        for labels in (["hr"], ["board", "财务"], []):
            asker = Asker.of(*labels)
            allowed = {document.source for document in kb.documents(asker=asker)}
            pairs = list(kb.feedback.pairs(asker=asker))
            assert {pair.source for pair in pairs} <= allowed
            assert bool(pairs) == bool(allowed)


def _may_see(asker: Asker, document: Document) -> bool:
    condition = visible_to(asker)
    return condition is None or matches(condition, document)
