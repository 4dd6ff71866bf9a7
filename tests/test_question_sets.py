"""Question sets are read as written, refused with file and line, frozen with a version, and noticed when edited."""

import dataclasses
import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import read_dataset
from qianxun.evaluation.question_sets.data_sets import write_data_set
from qianxun.evaluation.question_sets.file import freeze, frozen_path, read_questions, write_questions
from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet, digest_of
from qianxun.records import Asker, Document, Status

QUESTIONS = (
    Question(
        "q1",
        "工作满一年的员工有几天年假？",
        ("五天", "5 天"),
        (Evidence("人事/年假.md", "每年有五天带薪年假"),),
        made_by="rules:figure",
    ),
    Question(
        "q2", "加班費由誰核准？", (("主管", "人事部"),), (Evidence("加班.txt"), Evidence("/a/b.txt", "經主管核准"))
    ),
    Question("q3", "Who is the supplier of ＬＦ－２００？", answerable=False, note="checked"),
    Question("q4", "What does E-1042 mean?", ("the coil is open",), status="proposed"),
    Question("q5", "Release 2.3 发布于哪一天？", ("2025年3月18日",), status="rejected"),
)
FACTS = {"format": "qianxun-questions", "version": 1, "name": "hr", "made": "2026-01-31T08:00:00Z"}


def written(path: Path, *lines: object) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    given = QuestionSet("hr", QUESTIONS, "2026-01-31T08:00:00Z", 3, digest_of(QUESTIONS))
    write_questions(tmp_path / "new" / "q.jsonl", given)
    assert read_questions(tmp_path / "new" / "q.jsonl") == given
    lines = (tmp_path / "new" / "q.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == FACTS | {"frozen": 3, "digest": given.digest}
    assert json.loads(lines[1]) == {
        "id": "q1",
        "question": "工作满一年的员工有几天年假？",
        "answers": ["五天", "5 天"],
        "evidence": [{"source": "人事/年假.md", "quote": "每年有五天带薪年假"}],
        "answerable": True,
        "status": "accepted",
        "made_by": "rules:figure",
        "note": "",
    }
    assert "几天年假" in lines[1]  # as people read it, not escaped
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "q.jsonl"]


def test_a_packed_set_is_read(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl.gz", QuestionSet("hr", QUESTIONS))
    assert gzip.decompress((tmp_path / "q.jsonl.gz").read_bytes()).startswith(b'{"format"')
    assert read_questions(tmp_path / "q.jsonl.gz").questions == QUESTIONS


def test_what_is_not_said_is_as_usual(tmp_path: Path) -> None:
    path = written(tmp_path / "my.jsonl", FACTS | {"name": ""}, {"id": "1", "question": " 年假？ ", "unknown": [1]})
    assert read_questions(path) == QuestionSet("my", (Question("1", "年假？"),), FACTS["made"])  # type: ignore[arg-type]


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "q.jsonl", FACTS, '{"id": "1", "question": "年假\\ud800", "answers": ["\\udfff天"]}')
    assert read_questions(path).questions == (Question("1", "年假?", ("?天",)),)


@pytest.mark.parametrize(
    "line, problem",
    [
        ("{", "Expecting property name"),
        ("[1]", "no JSON object"),
        ({"question": "年假？"}, 'no "id"'),
        ({"id": "1", "question": " "}, 'no "question"'),
        ({"id": 1, "question": "年假？"}, '"id" is 1, not text'),
        ({"id": "1", "question": "?", "answerable": "no"}, "\"answerable\" is 'no'"),
        (
            {"id": "1", "question": "?", "status": "done"},
            "\"status\" is 'done', not one of proposed, accepted, rejected",
        ),
        ({"id": "1", "question": "?", "answers": "五天"}, "\"answers\" is '五天', not a list"),
        ({"id": "1", "question": "?", "answers": [5]}, '"answers" holds 5'),
        ({"id": "1", "question": "?", "answers": [["五天", " "]]}, '"answers" holds'),
        ({"id": "1", "question": "?", "evidence": ["a.md"]}, "\"evidence\" holds 'a.md'"),
        ({"id": "1", "question": "?", "evidence": [{"quote": "五天"}]}, '"evidence" holds'),
        ({"id": "1", "question": "?", "answers": ["五天"], "answerable": False}, "not answerable"),
    ],
)
def test_a_broken_line_is_named(line: object, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path / "q.jsonl", FACTS, {"id": "0", "question": "?"}, "", line)
    with pytest.raises(InputError) as found:
        read_questions(path)
    assert f"{path}, line 4" in str(found.value)
    assert problem in str(found.value)


def test_what_cannot_be_a_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_questions(tmp_path / "nowhere.jsonl")
    with pytest.raises(InputError, match="is empty"):
        read_questions(written(tmp_path / "empty.jsonl"))
    with pytest.raises(InputError, match="version 2; this qianxun reads version 1"):
        read_questions(written(tmp_path / "newer.jsonl", FACTS | {"version": 2}))
    with pytest.raises(InputError, match="line 3: the id '1' was given before"):
        read_questions(written(tmp_path / "twice.jsonl", FACTS, *[{"id": "1", "question": "?"}] * 2))
    with pytest.raises(InputError, match='"frozen" is True'):
        read_questions(written(tmp_path / "frozen.jsonl", FACTS | {"frozen": True}))
    with pytest.raises(InputError, match="neither a question set nor accepted pairs"):
        read_questions(written(tmp_path / "other.jsonl", {"text": "x"}))


# -- freezing --------------------------------------------------------------------------------------------------------


def test_only_accepted_questions_are_frozen_and_nothing_is_written_over(tmp_path: Path) -> None:
    draft = tmp_path / "hr.jsonl"
    write_questions(draft, QuestionSet("hr", QUESTIONS, "2026-01-01T00:00:00Z"))
    before = draft.read_bytes()
    where, first = freeze(draft, made="2026-02-01T00:00:00Z")
    assert where == tmp_path / "hr.v1.jsonl" == frozen_path(draft, 1)
    assert (first.frozen, first.name, first.made, len(first.questions)) == (1, "hr", "2026-02-01T00:00:00Z", 3)
    assert first.digest == digest_of(QUESTIONS)
    assert not first.edited
    assert draft.read_bytes() == before
    assert read_questions(where) == first
    # The same questions again are the same version; others are the next one.
    assert freeze(draft, made="2026-03-01T00:00:00Z") == (where, first)
    write_questions(draft, QuestionSet("hr", QUESTIONS[:2]))
    where, second = freeze(draft, made="2026-03-01T00:00:00Z", name="HR 2026")
    assert (where.name, second.frozen, second.name) == ("hr.v2.jsonl", 2, "HR 2026")
    assert read_questions(tmp_path / "hr.v1.jsonl") == first


def test_a_set_without_accepted_questions_is_not_frozen(tmp_path: Path) -> None:
    draft = tmp_path / "hr.jsonl"
    write_questions(draft, QuestionSet("hr", QUESTIONS[3:]))
    with pytest.raises(InputError, match="no accepted question; 1 are proposed"):
        freeze(draft, made="now")
    assert list(tmp_path.iterdir()) == [draft]


@pytest.mark.parametrize(
    "old, new",
    [
        ("五天", "十天"),
        ("几天年假", "多少天年假"),
        ("accepted", "rejected"),
        ("加班.txt", "加班费.txt"),
        ("每年有", "每年可有"),
    ],
)
def test_an_edited_frozen_set_is_noticed(old: str, new: str, tmp_path: Path) -> None:
    draft = tmp_path / "hr.jsonl"
    write_questions(draft, QuestionSet("hr", QUESTIONS))
    where, _ = freeze(draft, made="now")
    where.write_text(where.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match="was edited since it was frozen") as found:
        read_questions(where)
    assert "\n" not in str(found.value)
    assert str(where) in str(found.value)
    assert read_questions(where, edited=True).edited
    # What was edited is frozen as something new; the file keeps its name and its number.
    again, made = freeze(draft, made="now")
    assert (again.name, made.frozen) == ("hr.v2.jsonl", 2)


def test_a_digest_taken_away_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "q.v1.jsonl", FACTS | {"frozen": 1, "digest": ""}, {"id": "1", "question": "年假？"})
    with pytest.raises(InputError, match="was edited since it was frozen"):
        read_questions(path)


def test_a_line_taken_out_is_noticed_and_a_note_is_not(tmp_path: Path) -> None:
    draft = tmp_path / "hr.jsonl"
    write_questions(draft, QuestionSet("hr", QUESTIONS))
    where, first = freeze(draft, made="now")
    lines = where.read_text(encoding="utf-8").splitlines(keepends=True)
    where.write_text(
        "".join([*lines[:2], *reversed(lines[2:])]).replace('"note": ""', '"note": "见邮件"'), encoding="utf-8"
    )
    assert read_questions(where).digest == first.digest
    where.write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(InputError, match="was edited since it was frozen"):
        read_questions(where)


TEXTS = st.text(st.sampled_from('年假加班費 Ａb1。，"\\\t'), min_size=1, max_size=6).filter(str.strip).map(str.strip)
DRAWN = st.lists(
    st.builds(
        Question,
        id=TEXTS,
        question=TEXTS,
        answers=st.lists(TEXTS | st.lists(TEXTS, min_size=2, max_size=3).map(tuple), max_size=2).map(tuple),
        evidence=st.lists(st.builds(Evidence, TEXTS, TEXTS), max_size=2).map(tuple),
        status=st.sampled_from(["proposed", "accepted", "rejected"]),
        note=TEXTS,
    ),
    max_size=5,
    unique_by=lambda question: question.id,
)


@given(DRAWN, st.integers(0, 9))
def test_the_digest_is_of_what_is_measured_and_of_nothing_else(drawn: list[Question], seed: int) -> None:
    mixed = list(drawn)
    random.Random(seed).shuffle(mixed)
    assert digest_of(mixed) == digest_of(drawn)
    assert digest_of([q for q in drawn if q.status == "accepted"]) == digest_of(drawn)
    for place, question in enumerate(drawn):
        changed = [*drawn[:place], dataclasses.replace(question, answers=(*question.answers, "x")), *drawn[place + 1 :]]
        assert (digest_of(changed) != digest_of(drawn)) == (question.status == "accepted")


@given(drawn=DRAWN)
def test_any_set_survives_its_file(drawn: list[Question], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sets") / "q.jsonl"
    given = QuestionSet("名", tuple(drawn), "now", 1, digest_of(drawn))
    write_questions(path, given)
    assert read_questions(path) == given


# -- other forms -----------------------------------------------------------------------------------------------------


def test_accepted_pairs_are_a_set_without_answers(tmp_path: Path) -> None:
    path = written(
        tmp_path / "pairs.jsonl",
        {"question": "年假有几天？", "source": "人事/年假.md", "quote": "五天"},
        {"question": "年假有几天？ ", "source": "人事/年假.md"},
        {"question": "加班費", "source": "加班.txt", "answers": ["須申請"]},
    )
    assert read_questions(path) == QuestionSet(
        "pairs",
        (
            Question("1", "年假有几天？", (), (Evidence("人事/年假.md", "五天"), Evidence("人事/年假.md"))),
            Question("2", "加班費", ("須申請",), (Evidence("加班.txt"),)),
        ),
    )


def test_a_data_set_is_read_without_its_corpus(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    written(
        folder / "queries.jsonl",
        {"_id": "a", "text": "贾里德有多少次擒杀？", "metadata": {"answers": ["136"]}},
        {"_id": "b", "text": "No judgement."},
        {"_id": "c", "text": "Who won in 2077?", "metadata": {"answerable": False}},
        {"_id": "d", "text": "Which?"},
    )
    written(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\na\td1\t1\na\td2\t0\nd\td3\t2")
    assert read_questions(folder) == QuestionSet(
        "beir",
        (
            Question("a", "贾里德有多少次擒杀？", ("136",), (Evidence("d1"),)),
            Question("c", "Who won in 2077?", answerable=False),
            Question("d", "Which?", (), (Evidence("d3"),)),
        ),
    )


class Shelf:
    """Documents by source; those of `hidden` are for administrators."""

    def __init__(self, texts: dict[str, str], hidden: tuple[str, ...] = ()) -> None:
        self.texts = texts
        self.hidden = hidden

    def documents(self, *, asker: Asker) -> list[Document]:
        return [
            Document(
                id, source, source.upper(), "text", Status.READY, "", (), 1 if text else 0, None, len(text), "", "", ""
            )
            for id, (source, text) in enumerate(self.texts.items(), 1)
            if asker.labels is None or source not in self.hidden
        ]

    def text(self, id: int, *, asker: Asker) -> str:
        document = next(one for one in self.documents(asker=asker) if one.id == id)
        return self.texts[document.source]


SHELF = {
    "/kb/人事/年假.md": "每年有五天带薪年假",
    "/kb/加班.txt": "須經主管核准",
    "/a/b.txt": "經主管核准",
    "empty.txt": "",
}


def test_a_set_is_written_as_a_data_set_that_search_is_measured_on(tmp_path: Path) -> None:
    given = QuestionSet("hr", QUESTIONS)
    assert write_data_set(tmp_path / "out", given, Shelf(SHELF)) == []
    judged = (tmp_path / "out" / "qrels" / "test.tsv").read_text(encoding="utf-8")
    # By their whole sources, which are the ids of the corpus.
    assert judged == "query-id\tcorpus-id\tscore\nq1\t/kb/人事/年假.md\t1\nq2\t/kb/加班.txt\t1\nq2\t/a/b.txt\t1\n"
    measured = read_dataset(tmp_path / "out")
    assert measured.questions == {"q1": QUESTIONS[0].question, "q2": QUESTIONS[1].question}
    assert measured.judgements["q2"] == {"/kb/加班.txt": 1, "/a/b.txt": 1}
    assert [(one.id, one.title, one.text) for one in measured.documents()] == [
        (source, source.upper(), text) for source, text in SHELF.items() if text
    ]
    # Read as a question set again, the unanswerable ones are in it as well.
    found = read_questions(tmp_path / "out")
    assert [dataclasses.replace(q, made_by="", note="") for q in given.accepted] == list(found.questions)


def test_no_document_is_written_that_the_asker_may_not_see(tmp_path: Path) -> None:
    shelf = Shelf(SHELF, hidden=("/kb/人事/年假.md",))
    left_out = write_data_set(tmp_path / "out", QuestionSet("hr", QUESTIONS), shelf, asker=Asker.of("public"))
    assert [question.id for question in left_out] == ["q1"]
    for file in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        assert "年假" not in (tmp_path / "out" / file).read_text(encoding="utf-8")
    with pytest.raises(InputError, match="None of the 1 accepted questions of hr is about a document"):
        write_data_set(tmp_path / "no", QuestionSet("hr", QUESTIONS[:1]), shelf, asker=Asker.of("public"))
    assert not (tmp_path / "no").exists()


def test_a_source_that_the_layout_cannot_hold_is_refused(tmp_path: Path) -> None:
    given = QuestionSet("hr", (Question("1", "?", (), (Evidence("a\tb.md"),)),))
    with pytest.raises(InputError, match="holds a tab"):
        write_data_set(tmp_path / "out", given, Shelf({"a\tb.md": "x"}))
    assert not (tmp_path / "out").exists()
