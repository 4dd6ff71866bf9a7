"""Judged data sets are read as written, and refused with file and line when they are not in order."""

import gzip
import json
from pathlib import Path

import pytest

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import JudgedDocument, digest, read_dataset

DOCUMENTS = [
    {"_id": "d1", "title": "月饼", "text": "中秋节吃月饼。"},
    {"_id": "d2", "title": "", "text": "Rent is due monthly."},
]
QUESTIONS = [{"_id": "q1", "text": "什么时候吃月饼？"}, {"_id": "q2", "text": "When is rent due?"}]
HEADER = "query-id\tcorpus-id\tscore\n"
JUDGEMENTS = HEADER + "q1\td1\t1\nq2\td2\t2\nq2\td1\t0\n"


def lines(records: list[dict[str, str]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def written(
    folder: Path,
    *,
    corpus: str = lines(DOCUMENTS),
    queries: str = lines(QUESTIONS),
    judgements: str = JUDGEMENTS,
    packed: bool = False,
) -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, text in (("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", judgements)):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_data_set_is_read_as_written(tmp_path: Path, packed: bool) -> None:
    judged = read_dataset(written(tmp_path / "rents", packed=packed))
    assert judged.name == "rents"
    assert judged.n_documents == 2
    assert judged.questions == {"q1": "什么时候吃月饼？", "q2": "When is rent due?"}
    assert judged.judgements == {"q1": {"d1": 1}, "q2": {"d2": 2, "d1": 0}}
    expected = [JudgedDocument("d1", "月饼", "中秋节吃月饼。"), JudgedDocument("d2", "", "Rent is due monthly.")]
    assert list(judged.documents()) == expected
    assert list(judged.documents()) == expected  # a second time as well


@pytest.mark.parametrize(
    "judgements",
    [
        JUDGEMENTS.removeprefix(HEADER),
        "\ufeff" + JUDGEMENTS,
        JUDGEMENTS.replace("\n", "\r\n"),
        JUDGEMENTS.replace("d1\t1", "d1\t1.0") + "\n\n",
    ],
)
def test_header_byte_order_mark_and_line_ends_make_no_difference(tmp_path: Path, judgements: str) -> None:
    assert read_dataset(written(tmp_path, judgements=judgements)).judgements == {
        "q1": {"d1": 1},
        "q2": {"d2": 2, "d1": 0},
    }


def test_question_without_a_relevant_document_is_not_asked(tmp_path: Path) -> None:
    judged = read_dataset(written(tmp_path, judgements="q1\td1\t1\nq2\td1\t0\n"))
    assert list(judged.questions) == ["q1"]


def test_numbers_as_ids_are_texts(tmp_path: Path) -> None:
    folder = written(tmp_path, corpus='{"_id": 7, "text": "a"}\n', judgements="q1\t7\t1\n")
    assert [document.id for document in read_dataset(folder).documents()] == ["7"]


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"judgements": HEADER + "q1\td9\t1\n"}, "test.tsv, line 2: 'd9' is not in corpus.jsonl"),
        ({"judgements": HEADER + "q9\td1\t1\n"}, "test.tsv, line 2: 'q9' is not in queries.jsonl"),
        ({"judgements": "q1\td1\t1\nq1\td1\t1\n"}, "test.tsv, line 2: 'd1' was judged for 'q1' before"),
        ({"judgements": "q1\td1\t1\nq1 d2 1\n"}, "test.tsv, line 2: not a judgement"),
        ({"judgements": "q1\td1\t1\nq1\td2\tyes\n"}, "test.tsv, line 2: not a judgement"),
        ({"judgements": "q1\td1\t0.5\nq1\td2\t0.5\n"}, "test.tsv, line 2: not a judgement"),
        ({"judgements": HEADER}, "test.tsv is empty"),
        ({"judgements": "q1\td1\t0\n"}, "test.tsv calls no document relevant"),
        ({"corpus": lines([*DOCUMENTS, DOCUMENTS[0]])}, "corpus.jsonl, line 3: the id 'd1' was given before"),
        ({"queries": lines([*QUESTIONS, QUESTIONS[1]])}, "queries.jsonl, line 3: the id 'q2' was given before"),
        ({"corpus": ""}, "corpus.jsonl is empty"),
        ({"queries": "\n"}, "queries.jsonl is empty"),
        ({"corpus": '{"_id": "d1", "text": "a"}\n{"_id": "d2"\n'}, "corpus.jsonl, line 2: not a record"),
        ({"corpus": '{"id": "d1", "text": "a"}\n'}, "corpus.jsonl, line 1: not a record"),
        ({"corpus": '{"_id": "d1", "text": ["a"]}\n'}, "corpus.jsonl, line 1: not a record"),
        ({"queries": '{"_id": "q1", "text": " "}\n'}, "queries.jsonl, line 1: question 'q1' has no text"),
    ],
)
def test_what_is_not_in_order_is_refused_by_file_and_line(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    folder = written(tmp_path, **changed)
    with pytest.raises(InputError) as caught:
        read_dataset(folder)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No data set at"):
        read_dataset(tmp_path / "nothing")
    written(tmp_path)
    (tmp_path / "queries.jsonl").unlink()
    with pytest.raises(NotFound, match=r"queries\.jsonl is missing"):
        read_dataset(tmp_path)


def test_broken_gzip_and_broken_utf_8_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path, packed=True)
    packed = (folder / "corpus.jsonl.gz").read_bytes()
    (folder / "corpus.jsonl.gz").write_bytes(packed[:-12])
    with pytest.raises(InputError, match=r"corpus\.jsonl\.gz, after line"):
        read_dataset(folder)
    (folder / "corpus.jsonl").write_bytes('{"_id": "d1", "text": "中"}\n'.encode("gb18030"))
    with pytest.raises(InputError, match=r"corpus\.jsonl, after line 0"):
        read_dataset(folder)


def test_digest_is_of_what_is_relevant_and_of_nothing_else() -> None:
    graded = {"问题": {"甲": 2, "乙": 1}, "q": {"d": 1}}
    assert digest(graded) == digest({"q": {"d": 1, "e": 0}, "问题": {"乙": 1, "甲": 2, "丙": -1}})
    others = [
        {"问题": {"甲": 1, "乙": 1}, "q": {"d": 1}},
        {"问题": {"甲": 2, "乙": 1}},
        {"q": {"d": 1, "甲": 2, "乙": 1}},
    ]
    assert digest(graded) not in map(digest, others)
    assert len(digest(graded)) == 16
