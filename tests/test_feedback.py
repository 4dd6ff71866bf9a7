"""Feedback: counted fairly, private by default, gone when it is taken out, and kept by many at a time."""

import multiprocessing
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.errors import Damaged, InputError, NewerVersion, NotFound
from qianxun.evaluation.pairs import judged_questions, read_pairs
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Asker, chunk_id, document_of
from qianxun.retrieval.signals import Counts
from qianxun.storage.feedback import KINDS, Feedback, Opinion
from qianxun.storage.feedback_pairs import accepted_pairs, line_of
from qianxun.storage.service import FILE_NAME, has_service, migrate, open_service
from qianxun.text import fold

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A1, A2, B1, C1 = chunk_id(1, 0), chunk_id(1, 1), chunk_id(2, 0), chunk_id(3, 0)
CANARY = "紫晶海豚於午夜演奏手風琴"
CANARY_EN = "Zanzibarquokka xylophonicus"


def opened(home: Path, base: str = "kb", **how: object) -> Feedback:
    return Feedback(open_service(home), base, **how)  # type: ignore[arg-type]


@pytest.fixture
def feedback(tmp_path: Path) -> Iterator[Feedback]:
    made = opened(tmp_path, keep_questions=True, keep_people=True)
    yield made
    made.close()


# --- counting ---


def test_a_click_counts_against_what_was_passed_over(feedback: Feedback) -> None:
    feedback.record("click", "年假有几天？", [B1], above=[A1, A2])
    chunks, documents = feedback.counts([1, 2, 3])
    assert chunks == {A1: Counts(skips=0.5), A2: Counts(skips=0.5), B1: Counts(clicks=1.0)}
    assert documents == {1: Counts(skips=1.0), 2: Counts(clicks=1.0)}


def test_a_click_on_the_first_says_nothing_and_one_of_unknown_place_counts(feedback: Feedback) -> None:
    feedback.record("click", "年假", [A1], above=[])
    assert feedback.counts([1])[0] == {A1: Counts()}
    feedback.record("click", "病假", [A1])
    assert feedback.counts([1])[0] == {A1: Counts(clicks=1.0)}
    assert feedback.totals() == {"click": 2, "up": 0, "down": 0, "accepted": 0}


def test_what_is_said_of_an_answer_counts_once_in_all(feedback: Feedback) -> None:
    feedback.record("up", "how many days?", [A1, A2, B1, C1])
    feedback.record("accepted", "how many days?", [A1])
    assert feedback.counts([1, 2])[0] == {
        A1: Counts(up=0.25, accepted=1.0),
        A2: Counts(up=0.25),
        B1: Counts(up=0.25),
    }


def test_the_same_question_in_another_writing_is_the_same(feedback: Feedback) -> None:
    for question in ("加班費如何報支？", "加班费如何报支", " 加班费如何报支 ？", "加班费如何报支?"):
        feedback.record("accepted", question, [A1], person="王")
    assert feedback.counts([1])[0] == {A1: Counts(accepted=1.0)}
    feedback.record("accepted", "加班费如何计算", [A1], person="王")
    assert feedback.counts([1])[0] == {A1: Counts(accepted=2.0)}


def test_persons_count_once_each_and_unknown_ones_once_a_day(feedback: Feedback) -> None:
    for person in ("ann", "ann", "bob", None, None):
        feedback.record("click", "VPN", [A1], person=person, now=NOW)
    assert feedback.counts([1])[0] == {A1: Counts(clicks=3.0)}
    feedback.record("click", "VPN", [A1], now=NOW + timedelta(days=1))
    assert feedback.counts([1])[0] == {A1: Counts(clicks=4.0)}


def test_a_newer_thumb_takes_the_place_of_the_older(feedback: Feedback) -> None:
    feedback.record("down", "年假有几天", [A1, B1], person="ann")
    feedback.record("up", "年假有几天", [A1], person="ann")
    feedback.record("down", "年假有几天", [A1], person="bob")
    assert feedback.counts([1, 2])[0] == {A1: Counts(up=1.0, down=1.0), B1: Counts(down=0.5)}
    feedback.record("up", "年假有几天", [B1], person="ann")
    assert feedback.totals() == {"click": 0, "up": 2, "down": 1, "accepted": 0}


def test_what_is_undone_is_gone(feedback: Feedback) -> None:
    kept = feedback.record("up", "年假", [A1], now=NOW)
    token = feedback.record("click", "年假", [B1], above=[A1], now=NOW)
    assert re.fullmatch("[0-9a-f]{32}", token), "it is typed at a command line, where a dash would begin an option"
    feedback.undo(token)
    assert feedback.counts([1, 2])[0] == {A1: Counts(up=1.0)}
    assert kept != token
    with pytest.raises(NotFound):
        feedback.undo(token)
    with pytest.raises(NotFound):
        feedback.undo("1")


def test_bases_do_not_know_each_other(tmp_path: Path, feedback: Feedback) -> None:
    other = opened(tmp_path, "other")
    token = feedback.record("up", "年假", [A1])
    assert other.counts([1]) == ({}, {})
    with pytest.raises(NotFound):
        other.undo(token)
    assert other.forget([1]) == 0
    assert feedback.totals()["up"] == 1
    other.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("like", "年假", [A1]),
        ("up", "  ", [A1]),
        ("up", "年假", []),
        ("up", "年假", [-1]),
        ("up", "年假", [1 << 63]),
        ("up", "年假", ["七"]),
        ("up", "年假", list(range(1001))),
    ],
)
def test_what_is_no_feedback_is_refused(feedback: Feedback, arguments: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError):
        feedback.record(*arguments)
    assert sum(feedback.totals().values()) == 0


judgement = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(["年假", "病假", "sick leave"]),
    st.lists(st.sampled_from([A1, A2, B1, C1]), min_size=1, max_size=3, unique=True),
    st.one_of(st.none(), st.lists(st.sampled_from([A1, A2, B1, C1]), max_size=3, unique=True)),
    st.sampled_from([None, "ann", "bob"]),
    st.integers(0, 2),
)


def slow(judgements: list) -> dict[int, Counts]:  # type: ignore[type-arg]
    """The counts, one judgement after the other."""
    said: dict[tuple, float] = {}  # type: ignore[type-arg]
    for kind, question, chunks, above, person, day in judgements:
        if person is not None and kind in ("up", "down"):
            for thumb in ("up", "down"):
                for chunk in chunks:
                    said.pop((chunk, thumb, question, person), None)
        who = person if person is not None else day
        passed = [c for c in above or [] if c not in chunks] if kind == "click" else []
        worth = 0.0 if kind == "click" and above is not None and not passed else 1.0 / len(chunks)
        for chunk, key, weight in [(c, kind, worth) for c in chunks] + [(c, "skips", 1 / len(passed)) for c in passed]:
            place = (chunk, key, question, who)
            said[place] = max(said.get(place, 0.0), weight)
    found: dict[int, Counts] = {}
    for (chunk, key, _, _), weight in said.items():
        name = "clicks" if key == "click" else key
        before = found.get(chunk, Counts())
        values = {field: getattr(before, field) for field in ("clicks", "skips", "up", "down", "accepted")}
        found[chunk] = Counts(**{**values, name: values[name] + weight})
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(judgement, max_size=12))
def test_counts_are_those_of_a_slow_count(tmp_path_factory: pytest.TempPathFactory, judgements: list) -> None:  # type: ignore[type-arg]
    feedback = opened(tmp_path_factory.mktemp("home"), keep_people=True)
    for kind, question, chunks, above, person, day in judgements:
        feedback.record(kind, question, chunks, above=above, person=person, now=NOW + timedelta(days=day))
    chunks, documents = feedback.counts([1, 2, 3])
    expected = slow(judgements)
    assert chunks.keys() == expected.keys()
    for chunk, counted in expected.items():
        for field in ("clicks", "skips", "up", "down", "accepted"):
            assert getattr(chunks[chunk], field) == pytest.approx(getattr(counted, field)), (chunk, field)
    for document, counted in documents.items():
        own = [found for chunk, found in chunks.items() if document_of(chunk) == document]
        assert counted.clicks == pytest.approx(sum(found.clicks for found in own))
        assert counted.down == pytest.approx(sum(found.down for found in own))
    feedback.close()


# --- private ---


def texts_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def traces(folder: Path) -> list[bytes]:
    words = [
        CANARY,
        fold(CANARY),
        unicodedata.normalize("NFKC", CANARY),
        "海豚",
        CANARY_EN,
        CANARY_EN.lower(),
        "quokka",
    ]
    needles = {word.encode(encoding) for word in words for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
    written = texts_in(folder)
    return sorted(needle for needle in needles if needle in written)


def test_by_default_neither_question_nor_person_is_kept(tmp_path: Path) -> None:
    feedback = opened(tmp_path)
    feedback.record("up", f"{CANARY}？", [A1], person="quokka@example.org")
    feedback.record("click", CANARY_EN, [A1], person="quokka@example.org")
    assert traces(tmp_path) == []
    assert feedback.opinions(KINDS) == []
    assert feedback.erase("quokka@example.org") == 0, "there is nothing that tells whose it is"
    feedback.close()
    assert traces(tmp_path) == []


def test_a_person_is_kept_as_a_hash_that_differs_from_service_to_service(tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        feedback = opened(tmp_path / name, keep_people=True)
        feedback.record("up", "年假", [A1], person="quokka")
        feedback.close()
        assert traces(tmp_path / name) == []
        with sqlite3.connect(tmp_path / name / FILE_NAME) as db:
            hashes += db.execute("SELECT person, question FROM feedback").fetchall()
        db.close()
    assert len({value for row in hashes for value in row}) == 4


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    feedback = opened(tmp_path / "home")
    feedback.record("up", "年假", [A1])
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "home").iterdir())
    feedback.close()


def test_what_is_forgotten_and_compacted_is_in_no_byte(tmp_path: Path) -> None:
    feedback = opened(tmp_path, keep_questions=True, keep_people=True)
    for n in range(50):
        feedback.record("accepted", f"{n}: 平常的问题", [C1], person="ann", now=NOW)
        feedback.record("accepted", f"{CANARY} {n}", [A1], person="ann", now=NOW)
        feedback.record("click", f"{CANARY_EN} {n}", [C1], above=[A1], now=NOW)
    assert traces(tmp_path), "the test looks in the wrong place: the text must be there before"
    assert feedback.forget([1]) == 50
    assert feedback.counts([1]) == ({}, {})
    assert feedback.documents() == {3}
    assert feedback.totals() == {"click": 50, "up": 0, "down": 0, "accepted": 50}, "clicks on another document stay"
    assert {opinion.question for opinion in feedback.opinions(KINDS)} == {f"{n}: 平常的问题" for n in range(50)}
    feedback.compact()
    assert traces(tmp_path) == []
    feedback.close()
    assert traces(tmp_path) == []


@pytest.mark.parametrize("way", ["undo", "erase", "expire", "forget_questions"])
def test_every_way_out_leaves_no_byte(tmp_path: Path, way: str) -> None:
    feedback = opened(tmp_path, keep_questions=True, keep_people=True)
    tokens = [feedback.record("up", f"{CANARY} {n}", [A1], person="ann", now=NOW) for n in range(20)]
    feedback.record("up", "平常的问题", [A1], person="bob", now=NOW + timedelta(days=300))
    assert traces(tmp_path)
    if way == "undo":
        for token in tokens:
            feedback.undo(token)
    elif way == "erase":
        assert feedback.erase("ann") == 20
    elif way == "expire":
        assert feedback.expire(NOW + timedelta(days=400)) == 20
    else:
        assert feedback.forget_questions() == 21
    feedback.compact()
    assert traces(tmp_path) == []
    assert feedback.totals()["up"] == (21 if way == "forget_questions" else 1)
    feedback.close()


def test_what_is_old_goes_when_something_new_comes(tmp_path: Path) -> None:
    feedback = opened(tmp_path, retention_days=30)
    feedback.record("up", "年假", [A1], now=NOW)
    feedback.record("up", "病假", [B1], now=NOW + timedelta(days=30))
    assert feedback.totals()["up"] == 2
    feedback.record("up", "事假", [C1], now=NOW + timedelta(days=31))
    assert feedback.counts([1, 2, 3])[0] == {B1: Counts(up=1.0), C1: Counts(up=1.0)}
    feedback.close()
    forever = opened(tmp_path, retention_days=0)
    assert forever.expire(NOW + timedelta(days=10_000)) == 0
    forever.close()


def test_of_an_answer_only_what_was_removed_is_forgotten(feedback: Feedback) -> None:
    feedback.record("up", "年假有几天", [A1, B1])
    assert feedback.forget([1]) == 0
    assert feedback.counts([1, 2])[0] == {B1: Counts(up=0.5)}
    assert feedback.opinions() == [], "the question may have named what was removed"
    assert feedback.forget([2, 99]) == 1
    assert feedback.documents() == set()


def test_a_replaced_document_hands_on_what_still_stands_in_it(feedback: Feedback) -> None:
    feedback.record("up", "年假有几天", [A1])
    feedback.record("down", "年假怎么休", [A2])
    feedback.record("click", "病假", [B1], above=[A1, A2])
    assert feedback.replace(1, {A1: chunk_id(9, 4)}) == 1
    chunks, _ = feedback.counts([1, 2, 9])
    assert chunks == {chunk_id(9, 4): Counts(up=1.0, skips=0.5), B1: Counts(clicks=1.0)}
    assert feedback.opinions() == [Opinion("年假有几天", chunk_id(9, 4), 1.0)]


# --- as training data ---


def test_opinions_weigh_good_against_bad(feedback: Feedback) -> None:
    feedback.record("accepted", "年假有几天？", [A1], person="ann")
    feedback.record("up", "年假有幾天", [A1], person="bob")
    feedback.record("down", "年假有几天", [B1], person="ann")
    feedback.record("click", "年假有几天", [C1], above=[A1, B1], person="ann")
    assert feedback.opinions() == [Opinion("年假有几天", A1, 2.0), Opinion("年假有几天", B1, -1.0)]
    assert feedback.opinions(["click"]) == [
        Opinion("年假有几天", A1, -0.5),
        Opinion("年假有几天", B1, -0.5),
        Opinion("年假有几天", C1, 1.0),
    ]


def test_accepted_passages_are_pairs_that_adapt_reads(tmp_path: Path, kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents], labels=["hr"])
    kb.label([d.id for d in kb.documents() if d.source.endswith("oncall.md")], add=["ops"], remove=["hr"])
    feedback = opened(tmp_path / "home", keep_questions=True)
    asked = {"带薪年假有几天？": "年假.md", "加班費須經誰核准？": "加班.txt", "What does E-1042 mean?": "oncall.md"}
    for question, name in asked.items():
        passage = next(p for p in kb.search(question).passages if p.source.endswith(name))
        feedback.record("accepted", question, [passage.chunk])
    feedback.record("down", "薪酬等级？", [kb.search("薪酬等级").passages[0].chunk])
    file = tmp_path / "pairs.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for pair in accepted_pairs(feedback, kb._store, Asker.admin()):
            out.write(line_of(pair) + "\n")
    questions, left_out = judged_questions(read_pairs(file), kb._store, Asker.admin())
    assert left_out == []
    assert {q.text: [one.source.rpartition("/")[2] for one in q.accepted.values()] for q in questions} == {
        question: [name] for question, name in asked.items()
    }
    visible = {pair.question for pair in accepted_pairs(feedback, kb._store, Asker.of("hr"))}
    assert visible == set(asked) - {"What does E-1042 mean?"}
    feedback.close()


# --- the file ---


def test_a_reader_needs_no_file(tmp_path: Path) -> None:
    assert not has_service(tmp_path)
    opened(tmp_path).close()
    assert has_service(tmp_path)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    database = open_service(tmp_path)
    with database.transaction() as db:
        db.execute("UPDATE rooms SET version = 99 WHERE name = 'feedback'")
    with pytest.raises(NewerVersion, match="99"):
        Feedback(database, "kb")
    database.close()


@pytest.mark.parametrize("content", ["another", "text"])
def test_what_is_no_file_of_ours_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / FILE_NAME
    if content == "another":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE theirs (a)")
        db.close()
    else:
        path.write_text("这不是数据库。" * 100, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(Damaged):
        open_service(tmp_path)
    assert content == "another" or path.read_bytes() == before


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(InputError):
        open_service(tmp_path / "home")


def test_rooms_take_their_steps_by_themselves(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    first = [lambda db: db.execute("CREATE TABLE jobs (id INTEGER)")]
    migrate(database, "jobs", first)
    migrate(database, "jobs", first)
    migrate(database, "jobs", [*first, lambda db: db.execute("ALTER TABLE jobs ADD COLUMN name TEXT")])
    Feedback(database, "kb").record("up", "年假", [A1])
    assert database.rows("SELECT name, version FROM rooms ORDER BY name") == [("feedback", 2), ("jobs", 2)]
    database.close()


# --- many at a time ---

EACH = 15


def write(home: str, who: str) -> None:
    feedback = opened(Path(home), keep_people=True)
    for n in range(EACH):
        feedback.record("click", f"问题 {n}", [A1], person=who)
        feedback.counts([1])
    feedback.close()


def test_several_processes_begin_and_write_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(str(tmp_path), f"p{n}")) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    feedback = opened(tmp_path)
    assert feedback.totals()["click"] == 3 * EACH
    assert feedback.counts([1])[0] == {A1: Counts(clicks=3.0 * EACH)}
    feedback.close()


def test_several_threads_write_while_documents_go(tmp_path: Path) -> None:
    feedback = opened(tmp_path, keep_people=True)
    problems: list[BaseException] = []

    def work(who: str) -> None:
        try:
            for n in range(EACH):
                token = feedback.record("click", f"问题 {n}", [A1, B1], person=who)
                if n % 3 == 0:
                    feedback.undo(token)
                feedback.forget([2])
                feedback.counts([1, 2])
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert feedback.totals()["click"] == 4 * (EACH - EACH // 3)
    assert feedback.counts([1, 2])[0] == {A1: Counts(clicks=0.5 * 4 * (EACH - EACH // 3))}
    feedback.close()
