"""Pieces of a question that can be written otherwise, and words that must occur: the same in every lexical index."""

import dataclasses
import functools
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun import text as matching
from qianxun.filters import AnyLabel, Filter, Or, Prefix, matches
from qianxun.indexes import exact_lexical, tantivy
from qianxun.protocols import Index, Where
from qianxun.records import IndexRow, Query, chunk_id
from qianxun.retrieval.understand import understand
from qianxun.settings import IndexSettings

FINGERPRINT = "words"
TEXTS = (
    "流量计 LF2301 的价格为 1200 元。",
    "流量計 LF-2301 的說明書",
    "LF 4711 is a level sensor.",
    "员工享有五天年假。",
    "員工享有5天年假。",
    "会议定于2025-01-03举行。",
    "The meeting of 3 January 2025 was moved.",
    "Die Mitarbeiter haben Anspruch auf fünf Urlaubstage, und das ist nicht wenig.",
    "Les employés ont droit à cinq jours de congé pendant la première année.",
    "Employees are entitled to five days of leave.",
    "",
)


def rows() -> list[IndexRow]:
    return [
        IndexRow(chunk_id(n, 0), text, ("public",), f"/{n}", "", "md", "2024-05-01T00:00:00Z", None)
        for n, text in enumerate(TEXTS, start=1)
    ]


@pytest.fixture(params=[exact_lexical, tantivy], ids=["exact", "tantivy"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = request.param.open_index(tmp_path, fingerprint=FINGERPRINT, settings=IndexSettings())
    made.upsert(rows())
    made.commit(1)
    yield made
    made.close()


def found(index: Index, query: Query) -> list[str]:
    return [TEXTS[(hit.chunk >> 24) - 1] for hit in index.search(query, 20)]


def asked(index: Index, question: str) -> Query:
    return understand(question, languages=index.languages())


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("LF-2301", {TEXTS[0], TEXTS[1]}),
        ("LF2301", {TEXTS[0], TEXTS[1]}),
        ("五天年假", {TEXTS[3], TEXTS[4]}),
        ("2025年1月3日", {TEXTS[5], TEXTS[6]}),
        ("3 January 2025", {TEXTS[5], TEXTS[6]}),
        ("Mitarbeitern", {TEXTS[7]}),
        ("employé", {TEXTS[8]}),
        ("employees", {TEXTS[9]}),
    ],
)
def test_what_is_written_otherwise_is_found_first(index: Index, question: str, wanted: set[str]) -> None:
    assert set(found(index, asked(index, question))[: len(wanted)]) == wanted


def test_the_best_way_counts_and_not_the_sum(index: Index) -> None:
    plain = Query("年假", words=("年假",))
    twice = Query("年假", words=("年假",), alternatives=((("年假",), ("年假",)),))
    assert [(h.chunk, h.score) for h in index.search(plain, 20)] == [
        (h.chunk, h.score) for h in index.search(twice, 20)
    ]


def test_what_nobody_writes_cannot_have_been_attained(index: Index) -> None:
    plain = Query("年假", words=("年假",))
    more = Query("年假", words=("年假",), alternatives=((("年假",), ("不存在",)),))
    assert index.search(plain, 1)[0].attainable == pytest.approx(index.search(more, 1)[0].attainable)


def test_words_that_must_occur(index: Index) -> None:
    query = Query("年假 五天", words=("年假", "五天"))
    assert set(found(index, query)) == {TEXTS[3], TEXTS[4]}
    assert found(index, Query("年假 五天", words=("年假", "五天"), must=("五天",))) == [TEXTS[3]]
    assert found(index, Query("年假", words=("年假",), must=("不存在",))) == []


def test_languages_are_those_of_the_words(index: Index) -> None:
    assert index.languages() == {"en", "de", "fr"}


# Chinese of both scripts, English, German, full width, identifiers; short words so that they meet often.
PIECES = (
    "年假 年假五天 員工 员工 财务部 財務部 报销 說明書 LF-2301 LF2301 ＬＦ－２３０１ LF-2310 QX1024 LF 2301 2311 "
    "annual leave leaf policy policies Ｅｘｐｅｎｓｅ claims claim Mitarbeiter Mitarbeitern 1,200 1200 5天 五天 "
    "2025-01-03 3 January 2025 量子"
).split()
ASKED = (
    "annual leave policy",
    "员工的年假有5天",
    "財務部 expense claims",
    "LF-2301 與 QX1024",
    "1,200元",
    "3 January 2025",
    "Mitarbeitern",
)
TERMS = "年假 五天 员工 lf 2301 lf2301 2310 qx1024 leav leaf polici claim mitarbeit 1200 量子 不存在".split()
WAYS = st.lists(
    st.lists(st.sampled_from(TERMS), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=3
)
LABELS = ("public", "hr", "財務")


@functools.cache
def many_rows() -> list[IndexRow]:
    random = Random(6)
    german = "Die Mitarbeiter haben Anspruch auf das, und es ist nicht wenig"
    return [
        IndexRow(
            chunk_id(n, 0),
            " ".join([*random.choices(PIECES, k=random.randrange(1, 25)), *([german] if n % 7 == 0 else [])]),
            tuple(random.sample(LABELS, random.randrange(3))),
            f"/{n % 3}",
            "",
            "md",
            "2024-05-01T00:00:00Z",
            None,
        )
        for n in range(1, 201)
    ]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The reference and the engine, with the same rows in two commits."""
    made = []
    for name, module in (("exact", exact_lexical), ("tantivy", tantivy)):
        one = module.open_index(tmp_path_factory.mktemp(name), fingerprint=FINGERPRINT, settings=IndexSettings())
        one.upsert(many_rows()[:150])
        one.commit(1)
        one.upsert(many_rows()[150:])
        one.commit(2)
        made.append(one)
    yield tuple(made)
    for one in made:
        one.close()


def where_of(tree: Filter | None) -> Where | None:
    if tree is None:
        return None
    return Where(tree, np.array([row.chunk >> 24 for row in many_rows() if matches(tree, row)], np.int64))


TREES = st.sampled_from(
    [None, AnyLabel(frozenset({"public"})), AnyLabel(frozenset({"hr", "財務"})), Prefix("source", "/1"), Or(())]
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ASKED),
    st.lists(WAYS, max_size=2),
    st.lists(WAYS, max_size=2),
    st.lists(st.sampled_from(TERMS), max_size=2),
    st.lists(st.sampled_from("年员财龘"), max_size=1),
    TREES,
)
def test_both_engines_say_the_same(
    both: tuple[Index, Index], question: str, pieces: Any, near: Any, must: list[str], hard: list[str], tree: Any
) -> None:
    exact, engine = both
    query = understand(question, languages=exact.languages())
    similar = tuple((ways[0], *others) for ways, others in zip(pieces, near, strict=False))
    made = dataclasses.replace(
        query,
        words=tuple(dict.fromkeys([*query.words, *(term for ways in pieces for term in ways[0])])),
        alternatives=(*query.alternatives, *map(tuple, pieces)),
        similar=similar,
        must=tuple(must),
        must_characters=tuple(hard),
    )
    expected, seen = exact.search(made, 250, where_of(tree)), engine.search(made, 250, where_of(tree))
    assert {hit.chunk for hit in seen} == {hit.chunk for hit in expected}
    scores = {hit.chunk: hit for hit in expected}
    for hit in seen:
        assert hit.score == pytest.approx(scores[hit.chunk].score, abs=2e-4, rel=1e-5)
        assert hit.attainable == pytest.approx(scores[hit.chunk].attainable)
        # A way may be longer than the one that was asked, but no chunk has more of what was asked than all of it.
        if not similar:
            assert hit.score <= hit.attainable + 1e-3
    for hit in expected:
        assert words_of(hit.chunk) >= set(must)
        assert set(hard) <= set(matching.fold(many_rows()[(hit.chunk >> 24) - 1].text))


@functools.cache
def words_of(chunk: int) -> frozenset[str]:
    text = many_rows()[(chunk >> 24) - 1].text
    return frozenset(matching.words(matching.fold(text), matching.stemming_language(text)))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["2310", "2301", "lf2310", "leax", "leav", "polic", "annul", "mitarbiet", "年价", "q", "zzzz"]),
    st.integers(1, 2),
    st.integers(1, 5),
    st.lists(st.sampled_from(TERMS), max_size=1),
    TREES,
)
def test_both_engines_know_the_same_words(
    both: tuple[Index, Index], term: str, mistakes: int, most: int, beside: list[str], tree: Any
) -> None:
    looked_at = [
        words_of(row.chunk)
        for row in many_rows()
        if (tree is None or matches(tree, row)) and words_of(row.chunk) >= set(beside)
    ]
    counts = Counter(word for words in looked_at for word in words)
    expected = matching.nearest(term, counts.items(), most_mistakes=mistakes, most=most)
    for index in both:
        assert index.similar(term, mistakes=mistakes, most=most, where=where_of(tree), beside=beside) == expected
        assert index.holds((term, *beside), where_of(tree)) == any(term in words for words in looked_at)
        assert index.languages() == {"en", "de"}


def test_terms_of_questions_in_chinese_and_english_are_as_ever() -> None:
    for question in ("员工有多少年假？", "How many days of annual leave are there?"):
        query = understand(question, languages={"en"})
        assert query.alternatives == ()
        assert query.words == tuple(dict.fromkeys(matching.words(matching.fold(question))))
