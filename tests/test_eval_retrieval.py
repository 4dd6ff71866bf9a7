"""`evaluate_retrieval` measures what a user would get, document by document."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from qianxun.errors import InputError
from qianxun.evaluation.datasets import digest
from qianxun.evaluation.retrieval import evaluate_retrieval
from qianxun.evaluation.trec import read_qrels, read_run
from qianxun.evaluation.trial import ranking
from qianxun.records import Asker, Document, Passage, SearchResult, Span, Status
from qianxun.settings import Settings

CORPUS = [
    {"_id": "moon", "title": "中秋节", "text": "中秋节全家人一起吃月饼，赏月亮。"},
    {"_id": "rent", "title": "Rent", "text": "Rent is due on the first day of every month."},
    {"_id": "leave", "title": "", "text": "年假必须提前三个工作日申请。"},
    {"_id": "nothing", "title": "", "text": " "},
]
QUESTIONS = [
    {"_id": "q1", "text": "中秋节吃什么月饼？"},
    {"_id": "q2", "text": "When is rent due?"},
    {"_id": "q3", "text": "年假要提前多久申请？"},
]
JUDGEMENTS = "query-id\tcorpus-id\tscore\nq1\tmoon\t1\nq2\trent\t1\nq3\tleave\t1\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    for name, records in (("corpus", CORPUS), ("queries", QUESTIONS)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "qrels" / "test.tsv").write_text(JUDGEMENTS)
    return folder


def passage(rank: int, source: str) -> Passage:
    return Passage(
        rank, 1 / rank, rank, 1, source, "", None, None, (), Span(0, 1), "x", "", ("public",), {}
    )  # fmt: skip


class FixedAnswers:
    """A knowledge base that answers every question with the same passages, three of them of one document."""

    def __init__(self, settings: Settings, sources: Sequence[str]) -> None:
        self.settings = settings
        self.sources = sources

    def add_texts(self, items: Iterable[Any]) -> None:
        self.added = list(items)

    def documents(self) -> list[Document]:
        return [
            Document(i, s, "", "text", Status.READY, "", (), n_chunks, None, 9, "", "", "")
            for i, (s, n_chunks) in enumerate([("moon", 5), ("rent", 300), ("leave", 2)])
        ]

    def search(self, query: str, *, k: int, mode: str, asker: Asker) -> SearchResult:
        assert asker == Asker.admin()
        found = [passage(rank, source) for rank, source in enumerate(self.sources, 1)]
        return SearchResult(query, tuple(found[:k]), {}, {"encoder": "fixed"})

    def close(self) -> None:
        """Holds nothing."""


def test_document_stands_where_its_best_passage_stands() -> None:
    found = [passage(rank, source) for rank, source in enumerate(["b", "a", "b", "c", "a"], 1)]
    result = SearchResult("q", tuple(found), {}, {})
    assert ranking(result, 10) == ["b", "a", "c"]
    assert ranking(result, 2) == ["b", "a"]


def test_figures_are_those_of_the_ranking_of_documents(dataset: Path, tmp_path: Path) -> None:
    opened: list[FixedAnswers] = []

    def opener(path: Path, settings: Settings) -> FixedAnswers:
        opened.append(FixedAnswers(settings, ["rent", "rent", "rent", "moon"]))
        return opened[-1]

    report = evaluate_retrieval(
        dataset, settings=Settings(), modes=("lexical",), opener=opener, runs=tmp_path / "runs", work=tmp_path
    )
    shape = report.as_json()
    (result,) = report.results
    # rent is first (q2), moon second (q1), leave absent (q3).
    assert result.measured.by_question["MRR@10"] == (0.5, 1.0, 0.0)
    assert result.as_json()["MRR@10"] == 0.5
    assert result.as_json()["Recall@10"] == 0.6667
    assert result.as_json()["n"] == 3
    assert {"dataset": "tiny", "documents": 4, "queries": 3, "empty": 1, "chunks": 307}.items() <= shape.items()
    assert shape["models"] == {"encoder": "fixed"}
    run = (tmp_path / "runs" / "tiny-lexical.trec").read_text().splitlines()
    assert run[:2] == ["q1 Q0 rent 1 2 qianxun-lexical", "q1 Q0 moon 2 1 qianxun-lexical"]
    assert read_run(tmp_path / "runs" / "tiny-lexical.trec").rankings["q3"] == ("rent", "moon")
    assert read_qrels(tmp_path / "runs" / "tiny.qrels") == {"q1": {"moon": 1}, "q2": {"rent": 1}, "q3": {"leave": 1}}
    # What is needed to compare question by question, later.
    assert shape["questions"] == [{"id": q["_id"], "text": q["text"]} for q in QUESTIONS]
    assert shape["results"][0]["values"]["MRR@10"] == [0.5, 1.0, 0.0]  # type: ignore[index]
    assert shape["judgements"] == digest({"q1": {"moon": 1}, "q2": {"rent": 1}, "q3": {"leave": 1}})
    # The corpus went in without the empty document; the title is a field of its own.
    added = [(item.source, item.title) for item in opened[0].added]
    assert added == [("moon", "中秋节"), ("rent", "Rent"), ("leave", "")]
    # Enough chunks that the documents asked for come out whatever the longest ones do; nothing grouped.
    assert opened[1].settings.search.candidates == 308
    assert not opened[1].settings.search.group_duplicates
    assert list(tmp_path.glob("qianxun-eval-*")) == []


def test_real_search_finds_every_document_in_every_mode(dataset: Path) -> None:
    told: list[tuple[str, int, int]] = []
    report = evaluate_retrieval(dataset, settings=Settings(), progress=lambda *report: told.append(report))
    shape = report.as_json()
    assert list(shape)[:4] == ["dataset", "documents", "queries", "results"]
    assert [result.mode for result in report.results] == ["lexical", "dense", "hybrid"]
    for result in report.results:
        assert result.measured.mean["nDCG@10"] == 1.0, result.mode
        assert result.measured.interval == (1.0, 1.0)
    assert told[-1] == ("hybrid", 3, 3)
    assert ("adding", 4, 4) in told
    assert json.loads(json.dumps(shape)) == shape


def test_settings_given_are_in_force(dataset: Path) -> None:
    search = dataclasses.replace(Settings().search, dense_weight=0.0)
    report = evaluate_retrieval(
        dataset, settings=dataclasses.replace(Settings(), search=search), modes=("hybrid", "lexical")
    )
    hybrid, lexical = report.results
    assert hybrid.measured.by_question == lexical.measured.by_question


def test_id_that_a_run_cannot_hold_ends_it_before_anything_is_measured(dataset: Path, tmp_path: Path) -> None:
    with (dataset / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"_id": "员工 手册", "text": "x"}) + "\n")

    def opener(path: Path, settings: Settings) -> FixedAnswers:
        raise AssertionError("nothing may be measured")

    with pytest.raises(InputError, match="员工 手册"):
        evaluate_retrieval(dataset, settings=Settings(), opener=opener, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_searches_that_did_without_something_are_counted(dataset: Path) -> None:
    class Degraded(FixedAnswers):
        def search(self, query: str, *, k: int, mode: str, asker: Asker) -> SearchResult:
            found = super().search(query, k=k, mode=mode, asker=asker)
            without = ("reranker: away",) if "rent" in query else ()
            return dataclasses.replace(found, degraded=without)

    report = evaluate_retrieval(
        dataset, settings=Settings(), modes=("dense",), opener=lambda path, settings: Degraded(settings, ["rent"])
    )
    assert report.results[0].as_json()["degraded"] == [{"what": "reranker: away", "searches": 1}]
