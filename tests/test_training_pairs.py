"""What is learned from: judgements of every form, their division, and the examples made of them."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qianxun
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.pairs import Accepted, JudgedQuestion
from qianxun.evaluation.question_sets.file import Evidence, Question, QuestionSet, write_questions
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import AcceptedPair, Asker
from qianxun.storage.feedback import Feedback
from qianxun.storage.service import open_service
from qianxun.storage.store import Store
from qianxun.training.division import divide
from qianxun.training.judgements import (
    Judgements,
    Named,
    judgements,
    named_in,
    named_in_feedback,
    named_in_qrels,
)
from qianxun.training.pairs import Examples, mined
from qianxun.training.recipe import RANGES, Recipe

ADMIN = Asker.admin()
TEXTS = {
    "leave": ("年假", "工作满一年的员工每年有五天带薪年假。", ["public"]),
    "overtime": ("加班", "臺北分公司：加班須事先申請，經主管核准後方可報支加班費。", ["public"]),
    "oncall": ("On-call", "The primary engineer answers a page within 15 minutes.", ["public"]),
    "release": ("发布", "Release 2.3 于 ２０２５年３月１８日 发布，修复了 timeout 问题。", ["public"]),
    "secret": ("薪酬", "工程师三级的月薪为２８０００元，年假另计。", ["hr"]),
}


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as opened:
        for source, (title, text, labels) in TEXTS.items():
            opened.add_texts([TextItem(source=source, title=title, text=text)], labels=labels)
        yield opened


@pytest.fixture
def store(base: KnowledgeBase) -> Iterator[Store]:
    opened = Store(base.directory, create=False)
    yield opened
    opened.close()


# -- judgements ----------------------------------------------------------------------------------------------------


def test_every_form_of_judgements_says_the_same(tmp_path: Path, store: Store) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"question": "年假有几天？", "source": "leave"}\n', encoding="utf-8")
    questions = tmp_path / "set.jsonl"
    asked = Question("q1", "年假有几天？", evidence=(Evidence("leave"),))
    refused = Question("q2", "加班？", evidence=(Evidence("overtime"),), status="rejected")
    hopeless = Question("q3", "火星上有什么？", answerable=False)
    write_questions(questions, QuestionSet("一", (asked, refused, hopeless)))
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text('{"_id": "1", "text": "年假有几天？"}\n', encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tleave\t1\n", encoding="utf-8")
    qrels, queries = tmp_path / "t.qrels", tmp_path / "t.tsv"
    qrels.write_text("1 0 leave 2\n", encoding="utf-8")
    queries.write_text("1\t年假有几天？\n", encoding="utf-8")
    wanted = Named((AcceptedPair("年假有几天？", source="leave"),))
    assert named_in(pairs) == named_in(questions) == named_in(folder) == named_in_qrels(qrels, queries) == wanted
    (found,) = judgements(wanted, store, ADMIN).questions
    assert [one.source for one in found.accepted.values()] == ["leave"]


def test_grades_of_zero_and_less_speak_against_a_document(tmp_path: Path, store: Store) -> None:
    qrels = tmp_path / "t.qrels.gz"
    qrels.write_bytes(gzip.compress(b"q 0 leave 1\nq 0 secret 0\nq 0 oncall -1\nr 0 release 0\n"))
    queries = tmp_path / "queries.jsonl"
    lines = [{"_id": "q", "text": "ＡＮＮＵＡＬ 年假"}, {"_id": "r", "text": "只有否定"}]
    queries.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    found = judgements(named_in_qrels(qrels, queries), store, ADMIN)
    (question,) = found.questions  # nothing answers r
    sources = {d.id: d.source for d in store.documents(ADMIN)}
    chunks = {c.id: sources[d] for d in sources for c in store.chunks(d)}
    assert sorted(chunks[chunk] for chunk in found.rejected[question.key]) == ["oncall", "secret"]
    # The same for somebody who may not read one of them: it is neither learned from nor told.
    found = judgements(named_in_qrels(qrels, queries), store, Asker.of("public"))
    assert [chunks[chunk] for chunk in found.rejected[question.key]] == ["oncall"]
    assert [(left.pair.source, left.reason) for left in found.left_out] == [("secret", "no document")]


def test_what_answers_is_not_also_rejected(store: Store) -> None:
    pair = AcceptedPair("年假？", source="leave")
    found = judgements(Named((pair,), (pair, AcceptedPair("年假？", source="oncall"))), store, ADMIN)
    ((_, rejected),) = found.rejected.items()
    (accepted,) = found.questions[0].accepted.values()
    assert not set(rejected) & set(accepted.chunks)
    assert len(rejected) == 1


def test_feedback_speaks_for_and_against_what_the_asker_may_read(tmp_path: Path, base: KnowledgeBase) -> None:
    chunk_of = {d.source: base.chunks(d.id)[0].chunk for d in base.documents()}
    store = Store(base.directory, create=False)
    feedback = Feedback(open_service(tmp_path / "home"), str(base.directory), keep_questions=True)
    feedback.record("up", "年假有几天？", [chunk_of["leave"]], person="a")
    feedback.record("down", "年假有几天？", [chunk_of["oncall"]], person="a")
    feedback.record("down", "年假有几天？", [chunk_of["secret"]], person="a")
    feedback.record("click", "年假有几天？", [chunk_of["release"]], above=[], person="a")
    for asker, n in ((ADMIN, 2), (Asker.of("public"), 1)):
        named = named_in_feedback(feedback, store, asker)
        assert [pair.source for pair in named.accepted] == ["leave"]
        assert len(named.rejected) == n
        assert all("月薪" not in pair.quote for pair in named.rejected) or asker is ADMIN
    feedback.close()
    store.close()


@pytest.mark.parametrize(
    "qrels, queries, words",
    [
        ("1 0 leave 1\n", "2\t年假？\n", "judges the question '1'"),
        ("1 0 leave 1\n", "年假？\n", "line 1: not a question"),
        ("1 0 leave 1\n", "1\t年假？\n1\t加班？\n", "line 2: not a question"),
        ("1 0 leave 1\n", '{"_id": "1", "text": 3}\n', "line 1: not a question"),
        ("1 0 leave 1\n", '{"_id": \n', "line 1: not a question"),
        ("1 0 leave 1\n", "\n", "is empty"),
        ("1 0 leave\n", "1\t年假？\n", "line 1: 3 columns"),
    ],
)
def test_files_that_are_not_in_order_are_named(tmp_path: Path, qrels: str, queries: str, words: str) -> None:
    (tmp_path / "a").write_text(qrels, encoding="utf-8")
    (tmp_path / "b").write_text(queries, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        named_in_qrels(tmp_path / "a", tmp_path / "b")


def test_files_that_hold_nothing_to_learn_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        named_in(tmp_path / "none.jsonl")
    with pytest.raises(NotFound):
        named_in_qrels(tmp_path / "none", tmp_path / "none")
    path = tmp_path / "set.jsonl"
    write_questions(path, QuestionSet("空", (Question("q", "？", answerable=False),)))
    with pytest.raises(InputError, match="no accepted question with evidence"):
        named_in(path)
    path.write_text("not JSON\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        named_in(path)


# -- division ------------------------------------------------------------------------------------------------------


def question(key: str, *documents: int) -> JudgedQuestion:
    accepted = {d: Accepted(d, f"d{d}", True, (d << 32,), (b"",)) for d in documents}
    return JudgedQuestion(key, f"问题 {key}", accepted)


def hang_together(one: JudgedQuestion, other: JudgedQuestion, all: Sequence[JudgedQuestion]) -> bool:
    """By growing the set of documents until nothing more is reached."""
    reached, before = set(one.accepted), set[int]()
    while reached != before:
        before = set(reached)
        for q in all:
            if reached & set(q.accepted):
                reached |= set(q.accepted)
    return bool(reached & set(other.accepted))


worlds = st.lists(st.sets(st.integers(0, 12), min_size=1, max_size=3), min_size=1, max_size=40).map(
    lambda world: [question(f"{i:04}", *documents) for i, documents in enumerate(world)]
)


@given(worlds, st.integers(0, 9), st.sets(st.integers(0, 39), max_size=10))
def test_division_is_of_all_questions_and_holds_none_back_that_was_learned(
    world: list[JudgedQuestion], seed: int, numbers: set[int]
) -> None:
    learned = {f"{number:04}" for number in numbers}
    found = divide(world, seed=seed, learned=learned)
    assert sorted(q.key for q in (*found.learning, *found.held_back)) == [q.key for q in world]
    assert not learned & {q.key for q in found.held_back}
    assert len(found.held_back) <= round(len(world) * 0.3)
    documents = [{d for q in part for d in q.accepted} for part in (found.learning, found.held_back)]
    assert found.shared == documents[0] & documents[1]
    mixed = list(world)
    random.Random(seed).shuffle(mixed)
    again = divide(mixed, seed=seed, learned=learned)
    assert {q.key for q in again.held_back} == {q.key for q in found.held_back}


@given(worlds, st.integers(0, 9))
def test_documents_are_shared_only_where_groups_are_too_large(world: list[JudgedQuestion], seed: int) -> None:
    found = divide(world, seed=seed)
    target = round(len(world) * 0.3)
    if not found.shared:
        return
    # Whole groups that fit would not have made half of what is wanted.
    held_whole = [q for q in found.held_back if not any(hang_together(q, other, world) for other in found.learning)]
    assert 2 * len(held_whole) < target
    assert len(found.held_back) == target


def test_questions_of_one_document_stay_together() -> None:
    world = [question(f"{i:04}", i // 3) for i in range(60)]
    found = divide(world, seed=0)
    assert found.shared == frozenset()
    assert len(found.held_back) == 18
    assert {q.key for q in found.held_back} != {q.key for q in divide(world, seed=1).held_back}


def test_one_handbook_that_answers_everything_is_divided_all_the_same() -> None:
    found = divide([question(f"{i:04}", 7) for i in range(60)], seed=0)
    assert (len(found.learning), len(found.held_back), found.shared) == (42, 18, frozenset({7}))


# -- examples ------------------------------------------------------------------------------------------------------


def examples(base: KnowledgeBase, store: Store, found: Judgements, asker: Asker, n: int = 3, held: int = 0) -> Examples:
    division = divide(found.questions, seed=0, learned={q.key for q in found.questions[held:]}, share=1.0)
    return mined(
        division,
        found.rejected,
        search=lambda text: base.search(text, k=30, asker=asker).passages,
        store=store,
        asker=asker,
        n_negatives=n,
        seed=0,
    )


def test_negatives_are_what_search_finds_and_nobody_accepted(base: KnowledgeBase, store: Store) -> None:
    named = Named((AcceptedPair("年假有几天？", source="leave"),), (AcceptedPair("年假有几天？", source="release"),))
    found = examples(base, store, judgements(named, store, ADMIN), ADMIN)
    (example,) = found.examples
    assert ["带薪年假" in found.texts[chunk] for chunk in example.positives] == [True]
    assert "Release 2.3" in found.texts[example.negatives[0]]  # what a person judged comes first
    assert (found.n_positives, found.n_negatives, found.n_judged) == (1, 3, 1)
    assert not set(example.negatives) & example.accepted
    assert found == examples(base, store, judgements(named, store, ADMIN), ADMIN)


def test_nothing_that_the_asker_may_not_read_is_learned_from(base: KnowledgeBase, store: Store) -> None:
    named = Named(
        (AcceptedPair("年假有几天？", source="leave"), AcceptedPair("月薪多少？", source="secret")),
        (AcceptedPair("年假有几天？", source="secret"),),
    )
    asker = Asker.of("public")
    judged = judgements(named, store, asker)
    found = examples(base, store, judged, asker, n=30)
    assert [example.question for example in found.examples] == ["年假有几天？"]
    assert all("月薪" not in text for text in found.texts.values())
    assert any("月薪" in t for t in examples(base, store, judgements(named, store, ADMIN), ADMIN, n=30).texts.values())
    # Nor if the judgements were read by somebody who may read more.
    ours = examples(base, store, judgements(named, store, ADMIN), asker, n=30)
    assert all("月薪" not in text for text in ours.texts.values())


def test_answers_of_questions_held_back_and_their_like_are_no_negatives(base: KnowledgeBase, store: Store) -> None:
    base.add_texts([TextItem(source="copy", title="年假", text=TEXTS["leave"][1])])
    named = Named((AcceptedPair("年假有几天？", source="leave"), AcceptedPair("page 多久要回？", source="oncall")))
    judged = judgements(named, store, ADMIN)
    for held in (0, 1):
        found = examples(base, store, judged, ADMIN, n=30, held=held)
        held_back = judged.questions[:held]
        for example in found.examples:
            texts = [found.texts[chunk] for chunk in example.negatives]
            assert not {found.texts[chunk] for chunk in example.positives} & set(texts)
            chunks = {c for q in held_back for one in q.accepted.values() for c in one.chunks}
            assert not chunks & set(example.negatives)


def test_what_says_the_same_as_an_answer_is_no_negative(base: KnowledgeBase, store: Store) -> None:
    """Neither where a person rejected the copy, nor where the search shows it in the answer's place."""
    base.add_texts([TextItem(source="copy", title=TEXTS["leave"][0], text=TEXTS["leave"][1])])
    near = TEXTS["overtime"][1] + "特此通知各單位遵照辦理，並請各主管轉知所屬同仁。"
    base.add_texts([TextItem(source=f"near-{i}", title="加班", text=near + "附件" * i) for i in range(2)])
    named = Named(
        (AcceptedPair("年假有几天？", source="leave"), AcceptedPair("加班費，主管核準後", source="near-1")),
        (AcceptedPair("年假有几天？", source="copy"),),
    )
    found = examples(base, store, judgements(named, store, ADMIN), ADMIN, n=30)
    by_question = {example.question: example for example in found.examples}
    assert all("带薪年假" not in found.texts[c] for c in by_question["年假有几天？"].negatives)
    assert all("特此通知" not in found.texts[c] for c in by_question["加班費，主管核準後"].negatives)


def test_a_question_without_anything_else_is_left_out_and_counted(tmp_path: Path) -> None:
    with qianxun.open(tmp_path / "one", overrides=["encoder.name=hash"]) as base:
        base.add_texts([TextItem(source="only", title="", text="只有这一篇。")])
        store = Store(base.directory, create=False)
        named = Named((AcceptedPair("哪一篇？", source="only"),))
        found = examples(base, store, judgements(named, store, ADMIN), ADMIN)
        assert (found.examples, found.n_unpaired, found.documents, dict(found.texts)) == ((), 1, (), {})
        store.close()


# -- the numbers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RANGES)
def test_numbers_outside_their_range_are_refused(name: str) -> None:
    least, greatest = RANGES[name]
    Recipe(**{name: least})
    Recipe(**{name: greatest})
    for value in (least - 1, greatest * 2 + 1, float("nan")):
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is"):
            Recipe(**{name: value})
