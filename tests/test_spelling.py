"""Misspelt identifiers and words: found near by, said, never told of what the asker may not see."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qianxun.filters import AnyLabel, matches
from qianxun.indexes import exact, exact_lexical, tantivy
from qianxun.protocols import Index, Where
from qianxun.records import IndexRow, chunk_id, document_of
from qianxun.retrieval.spelling import Correction, corrected, corrections, remarks
from qianxun.retrieval.understand import understand
from qianxun.settings import IndexSettings

TEXTS = (
    ("public", "流量计 LF-2301 的价格为 1200 元。"),
    ("public", "設備ＱＸ－１０２４由資訊部管理。"),
    ("public", "We deploy Kubernetes with PostgreSQL; the annual policy of the organization."),
    ("hr", "LF-2310 is replaced by LF-2311. Zanzibar"),
    ("hr", "Die Mitarbeiter haben Anspruch auf fünf Tage Urlaub, und das ist nicht wenig."),
    ("public", "LE 400 与 2019 年的 7781 件"),
    ("public", "Is there any manx cat that has muck? A plea, an abode, a theme, a thong; 沒有。"),
)
PUBLIC, HR = AnyLabel(frozenset({"public"})), AnyLabel(frozenset({"hr"}))
ROWS = [
    IndexRow(chunk_id(n, 0), text, (label,), f"/{n}", "", "md", "2024-05-01T00:00:00Z", None)
    for n, (label, text) in enumerate(TEXTS, start=1)
]


@pytest.fixture(params=[exact_lexical, tantivy], ids=["exact", "tantivy"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = request.param.open_index(tmp_path, fingerprint="words", settings=IndexSettings())
    made.upsert(ROWS)
    made.commit(1)
    yield made
    made.close()


def where_of(tree: AnyLabel) -> Where:
    return Where(tree, np.array([document_of(r.chunk) for r in ROWS if matches(tree, r)], np.int64))


def reader(tree: AnyLabel | None) -> Callable[[Sequence[int]], list[str]]:
    """The store's gate."""
    return lambda ids: [row.text for row in ROWS if row.chunk in ids and (tree is None or matches(tree, row))]


def found(index: Index, question: str, tree: AnyLabel | None = None) -> dict[str, tuple[str, ...]]:
    query = understand(question, languages=index.languages())
    where = where_of(tree) if tree is not None else None
    return {c.written: c.found for c in corrections(query, index, where, reader(tree))}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("QX-1O24 谁管理？", {"QX-1O24": ("ＱＸ－１０２４",)}),
        ("ＱＸ－１０４２由誰管理？", {"ＱＸ－１０４２": ("ＱＸ－１０２４",)}),
        ("QX1042", {"QX1042": ("ＱＸ－１０２４",)}),
        ("XQ-1024 和 LF-23O1", {"XQ-1024": ("ＱＸ－１０２４",), "LF-23O1": ("LF-2301", "LF-2311")}),
        ("如何安装 PostgerSQL", {"PostgerSQL": ("PostgreSQL",)}),
        ("How is kubrenetes deployed?", {"kubrenetes": ("Kubernetes",)}),
        ("anual polcy", {"anual": ("annual",), "polcy": ("policy",)}),
        ("Mitarbieter Urlaub", {"Mitarbieter": ("Mitarbeiter",)}),
    ],
)
def test_what_no_document_holds_is_corrected(index: Index, question: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert found(index, question) == expected


@pytest.mark.parametrize(
    "question",
    [
        "LF-2301 多少钱",
        "LF2301 多少钱",
        "ＱＸ－１０２４",
        "kubernets",  # has the stem of the right word
        "PostgreSQL Mitarbeiter Urlaub",
        "1201 元",  # a number is what it is
        "2018 年",
        "LE-2019",  # 2019 stands in a text with LE, but not with it
        "资迅部在哪里",
        "vpm",
        "How many people?",  # near "any", which nobody means by it
        "ＨＯＷ ＭＡＮＹ 天年假？ 有 many 沒有？",
        "how much, please, and about which of these thing",
        "The quick brown foxes jump over annul policies",  # another language, for all that is known of it
        "！？……",
        "",
    ],
)
def test_what_is_known_short_or_a_number_is_left_alone(index: Index, question: str) -> None:
    assert found(index, question) == {}


def test_who_may_not_see_a_word_gets_what_he_would_get_without_it(index: Index, tmp_path: Path) -> None:
    assert found(index, "LF-2310") == {}
    assert found(index, "LF-2310", HR) == {}
    assert found(index, "LF-2310", PUBLIC) == {"LF-2310": ("LF-2301",)}
    assert found(index, "LF-2312", PUBLIC) == {}
    assert found(index, "LF-2312", HR) == {"LF-2312": ("LF-2310", "LF-2311")}
    assert found(index, "Zanzibra", PUBLIC) == {}
    assert found(index, "Zanzibra", HR) == {"Zanzibra": ("Zanzibar",)}


def test_an_index_that_believes_too_much_tells_nothing(index: Index) -> None:
    """A label was taken away, or a document removed, and the index does not know yet: the store does."""
    query = understand("Zanzibra LF-2312 PostgerSQL")
    stale = where_of(HR)
    assert corrections(query, index, stale, reader(PUBLIC)) == ()
    assert corrections(query, index, None, lambda ids: ()) == ()


def test_a_dense_index_corrects_nothing(tmp_path: Path) -> None:
    dense = exact.open_index(tmp_path, fingerprint="e", settings=IndexSettings(), dim=4)
    assert corrections(understand("PostgerSQL"), dense, None, reader(None)) == ()


def test_no_more_than_three_pieces_are_corrected(index: Index) -> None:
    assert list(found(index, "anual polcy QX-1O24 PostgerSQL annual Kubernetes organization")) == [
        "QX-1O24",
        "anual",
        "polcy",
    ]


def test_the_corrected_question_finds_what_was_meant_below_an_exact_match(index: Index) -> None:
    query = understand("QX-1O24 的价格")
    better = corrected(query, corrections(query, index, None, reader(None)))
    hits = {hit.chunk: hit for hit in index.search(better, 10)}
    exact_hits = {hit.chunk: hit for hit in index.search(understand("QX-1024 的价格"), 10)}
    meant = chunk_id(2, 0)
    assert meant in hits
    assert hits[meant].score < exact_hits[meant].score
    assert hits[meant].score / hits[meant].attainable < exact_hits[meant].score / exact_hits[meant].attainable
    # Nothing else changes.
    plain = {hit.chunk: hit for hit in index.search(query, 10)}
    assert {c: h for c, h in hits.items() if c != meant} == {c: h for c, h in plain.items() if c != meant}
    assert hits[chunk_id(1, 0)].attainable == plain[chunk_id(1, 0)].attainable


def test_corrections_are_said(index: Index) -> None:
    query = understand("LF-2312 与 QX-1O24")
    assert [str(remark) for remark in remarks(corrections(query, index, None, reader(None)))] == [
        'No document has "LF-2312"; searched for "LF-2310 / LF-2311" too.',
        'No document has "QX-1O24"; searched for "ＱＸ－１０２４" too.',
    ]


def test_a_question_without_mistakes_stays_as_it_is(index: Index) -> None:
    query = understand("LF-2301 的价格")
    assert corrected(query, ()) == query


def test_a_piece_that_is_looked_for_otherwise_keeps_its_ways() -> None:
    query = dataclasses.replace(understand("LF-2310"), must=("lf",))
    way = (("lf", "2310"), ("lf2310",))
    assert query.alternatives == (way,)
    better = corrected(query, (Correction("LF-2310", way[0], (("lf", "2301"),), ("LF-2301",)),))
    assert better.alternatives == query.alternatives
    assert better.similar == ((way[0], ("lf", "2301")),)
    assert better.must == ("lf",)
