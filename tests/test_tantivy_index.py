"""What is particular to `tantivy`: its BM25 is the reference's, and its own files keep up with the state."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_conformance import question, row

from qianxun.errors import StaleIndex
from qianxun.filters import And, AnyLabel, Contains, Equals, Not, Prefix, matches
from qianxun.indexes import exact_lexical, tantivy, tantivy_view
from qianxun.indexes.exact_lexical import rounded_length
from qianxun.indexes.state import IndexFolder
from qianxun.protocols import Where
from qianxun.records import IndexRow, document_of
from qianxun.settings import IndexSettings


def opened(module: Any, directory: Path, **more: Any) -> Any:
    return module.open_index(directory, fingerprint="f", settings=IndexSettings(), dim=None, **more)


def texts(n: int) -> list[str]:
    """Mixed texts of 1 to 700 words, most of frequent ones."""
    rng = np.random.default_rng(4)
    han = [chr(c) for c in range(0x4E00, 0x4E00 + 60)]
    english = ["annual", "leave", "policy", "VPN", "expense", "claims", "ｒｅｐｏｒｔ", "2024"]
    found = []
    for _ in range(n):
        length = int(np.exp(rng.random() * np.log(700)))
        parts = rng.choice([*han, *(f" {word} " for word in english)], length)
        found.append("".join(parts))
    return found


def both(tmp_path: Path, rows: list[IndexRow], batch: int) -> tuple[Any, Any]:
    reference, index = opened(exact_lexical, tmp_path / "reference"), opened(tantivy, tmp_path / "tantivy")
    for each in (reference, index):
        for start in range(0, len(rows), batch):
            each.upsert(rows[start : start + batch])
            each.commit(start + batch)
    return reference, index


@pytest.mark.parametrize("batch", [400, 90], ids=["one segment", "several commits"])
def test_scores_are_those_of_the_reference(tmp_path: Path, batch: int) -> None:
    rows = [row(1 + i, 0, text) for i, text in enumerate(texts(400))]
    reference, index = both(tmp_path, rows, batch)
    for asked in ("annual leave policy", "一丁七丄 VPN 丆", "报告 report", "丂", "不存在的词 leave"):
        expected = {hit.chunk: hit for hit in reference.search(question(asked), 1000)}
        found = index.search(question(asked), 1000)
        assert {hit.chunk for hit in found} == set(expected)
        for hit in found:
            # Large scores are float32 sums.
            assert hit.score == pytest.approx(expected[hit.chunk].score, abs=2e-4, rel=1e-5)
            assert hit.attainable == pytest.approx(expected[hit.chunk].attainable, rel=1e-9)


def test_an_expected_score_by_hand(tmp_path: Path) -> None:
    # Two chunks of two words; "leave" is in one: idf = ln(1 + 1.5 / 1.5) = ln 2; tf part: 2.2 / (1 + 1.2).
    index = opened(tantivy, tmp_path)
    index.upsert([row(1, 0, "annual leave"), row(2, 0, "expense claims")])
    index.commit(1)
    (hit,) = index.search(question("leave"), 10)
    assert hit.score == pytest.approx(np.log(2), abs=1e-4)
    assert hit.attainable == pytest.approx(2.2 * np.log(2))


@pytest.mark.parametrize(
    ("n", "expected"), [(0, 0), (7, 7), (39, 39), (40, 40), (41, 40), (57, 56), (100, 96), (1000, 984), (5000, 4632)]
)
def test_lengths_are_rounded_as_lucene_does(n: int, expected: int) -> None:
    assert rounded_length(n) == expected


def test_words_of_the_question_that_occur_nowhere_count_as_attainable(tmp_path: Path) -> None:
    index = opened(tantivy, tmp_path)
    index.upsert([row(1, 0, "年假十天"), row(2, 0, "报销")])
    index.commit(1)
    (known,) = index.search(question("年假"), 10)
    (partly,) = index.search(question("年假量子"), 10)
    assert known.score == partly.score
    assert known.score <= known.attainable < partly.attainable


def test_prefixes_and_parts_go_by_the_documents_of_the_store(tmp_path: Path) -> None:
    rows = [row(i, 0, "年假", source=f"/甲/{i}" if i % 2 else f"/乙/{i}") for i in range(1, 9)]
    _, index = both(tmp_path, rows, 100)
    public = AnyLabel(frozenset({"public"}))
    for tree in (Prefix("source", "/甲"), And((Not(Prefix("source", "/甲")), public)), Not(Contains("source", "甲"))):
        allowed = [document_of(r.chunk) for r in rows if matches(tree, r)]
        hits = index.search(question("年假"), 10, Where(tree, np.array(allowed, np.int64)))
        assert [document_of(hit.chunk) for hit in hits] == allowed


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(
        st.sampled_from(["年假", "年假十天", "annual leave 年假", "住宿", "特休年假與年假"]), min_size=1, max_size=60
    ),
    n_folders=st.integers(1, 9),
    k=st.integers(1, 12),
    folder=st.integers(0, 9),
    most_seen=st.sampled_from([1, 20, 1000]),
)
def test_hits_seen_later_are_those_of_the_list_of_documents(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], n_folders: int, k: int, folder: int, most_seen: int
) -> None:
    rows = [row(i, 0, text, source=f"/{i % n_folders}/甲") for i, text in enumerate(texts, 1)]
    index = opened(tantivy, tmp_path_factory.mktemp("seen"))
    index.upsert(rows)
    index.commit(1)
    for tree in (Not(Prefix("source", f"/{folder}/")), Prefix("source", f"/{folder}/"), Contains("source", "甲")):
        where = Where(tree, np.array([document_of(r.chunk) for r in rows if matches(tree, r)], np.int64))
        asked = [question(text) for text in ("年假", "annual leave", "宿舍")]
        listed = [index.search(one, k, where) for one in asked]
        allowed = set(where.documents.tolist())
        assert {document_of(hit.chunk) for hits in listed for hit in hits} <= allowed
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tantivy_view, "_MANY_DOCUMENTS", 0)
            patch.setattr(tantivy_view, "_MOST_SEEN", most_seen)
            patch.setattr(tantivy_view, "_SPARE", 1)
            assert [index.search(one, k, where) for one in asked] == listed
            assert index.holds(["年假"], where) == any("年假" in texts[document - 1] for document in allowed)


def test_a_value_too_long_for_the_engine_is_still_filtered_right(tmp_path: Path) -> None:
    rows = [row(1, 0, "年假", title="长" * 30_000), row(2, 0, "年假", title="长")]
    _, index = both(tmp_path, rows, 100)
    for tree in (Equals("title", "长" * 30_000), Not(Equals("title", "长" * 30_000)), Equals("title", "长")):
        allowed = [document_of(r.chunk) for r in rows if matches(tree, r)]
        hits = index.search(question("年假"), 10, Where(tree, np.array(allowed, np.int64)))
        assert [document_of(hit.chunk) for hit in hits] == allowed


def test_a_crash_between_the_engine_s_commit_and_ours_is_mended_by_doing_the_work_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [row(i, 0, "年假十天") for i in (1, 2)], [row(i, 0, "年假五天") for i in (3, 4)]
    once = opened(tantivy, tmp_path / "once")
    once.upsert([*first, *second])
    once.commit(2)
    index = opened(tantivy, tmp_path / "crashed")
    index.upsert(first)
    index.commit(1)
    index.upsert(second)
    index.remove([1])
    real = IndexFolder.commit

    def dies(self: IndexFolder, revision: int, files: Any, detail: Any) -> None:
        if revision == 2:
            raise KeyboardInterrupt
        real(self, revision, files, detail)

    monkeypatch.setattr(IndexFolder, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        index.commit(2)
    monkeypatch.undo()
    del index
    again = opened(tantivy, tmp_path / "crashed")
    assert again.revision == 1  # so the caller does the work of revision 2 again
    again.upsert(second)
    again.remove([1])
    again.commit(2)
    assert [document_of(c) for c in again.ids().tolist()] == [2, 3, 4]
    assert json.loads((tmp_path / "crashed" / "state.json").read_text())["detail"] == {"n_chunks": 3}


def test_a_large_uncommitted_generation_is_committed_inside_and_stays_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tantivy, "_MAX_PENDING", 10)
    old = opened(tantivy, tmp_path)
    old.upsert([row(1, 0, "年假")])
    old.commit(1)
    fresh = old.fresh()
    rows = [row(i, 0, "年假") for i in range(2, 50)]
    for start in range(0, len(rows), 7):
        fresh.upsert(rows[max(0, start - 3) : start + 7])
    fresh.remove([2, 30])
    assert fresh.search(question("年假"), 100) == []
    assert fresh.ids().tolist() == []
    assert len(old.search(question("年假"), 100)) == 1
    fresh.commit(2)
    assert len(old.search(question("年假"), 100)) == 46


def test_a_state_that_counts_other_chunks_is_refused(tmp_path: Path) -> None:
    index = opened(tantivy, tmp_path)
    index.upsert([row(1, 0, "年假")])
    index.commit(1)
    folder = index._folder
    folder.commit(1, folder.state.files, {"n_chunks": 7})
    with pytest.raises(StaleIndex, match="1 chunks, expected 7"):
        opened(tantivy, tmp_path)
