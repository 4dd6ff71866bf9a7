"""What every `Index` must do. Subclass `IndexConformance` in a test module, name the factory, and pytest runs it.

    class TestMine(IndexConformance):
        open_index = staticmethod(my_package.open_index)
        kind = "lexical"

The texts are Chinese (simplified, traditional, full width), English and mixed. Expected hits come from the
index's meaning (who must be found, who first) and from `filters.matches`, never from another engine.
"""

import dataclasses
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qianxun import text as matching
from qianxun.errors import InputError, StaleIndex
from qianxun.filters import FIELDS, And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range, matches
from qianxun.indexes.exact_lexical import NEAR
from qianxun.protocols import Index, Where
from qianxun.records import IndexRow, Query, chunk_id, document_of
from qianxun.settings import IndexSettings

DIM = 16
FINGERPRINT = "encoder-1"
TEXTS = (
    "员工每年可以休年假十天。",
    "員工每年可以休年假十天。",  # the same in traditional characters: must fold together
    "Employees may take ten days of annual leave every year.",
    "报销单须在三十日内提交财务部。",
    "Ｅｘｐｅｎｓｅ　ｃｌａｉｍｓ are due within 30 days.",
    "VPN 账号由 IT 部门开通，申请表见 wiki。",
    "台北分公司的年假規定另見附件。",
    "the of and",
    "！？……",
    "",
)
QUESTIONS = ("年假可以休几天", "annual leave", "VPN 账号", "ｅｘｐｅｎｓｅ", "財務部", "量子")


def vector_of(seed: Any) -> Any:
    """A unit vector, float16-rounded as the store keeps them; equal seeds give equal vectors."""
    vector = np.random.default_rng(zlib.crc32(str(seed).encode())).normal(size=DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)


def row(document: int, ordinal: int = 0, text: str = "年假", **described: Any) -> IndexRow:
    """A chunk; its vector follows from its text."""
    return IndexRow(
        chunk=chunk_id(document, ordinal),
        text=text,
        labels=described.pop("labels", ("public",)),
        source=described.pop("source", f"/资料/{document}.md"),
        title=described.pop("title", f"标题 {document}"),
        format=described.pop("format", "md"),
        modified=described.pop("modified", "2024-05-01T00:00:00Z"),
        vector=vector_of(matching.fold(text)),
        script=described.pop("script", ""),
    )


def rows_of(documents: Iterable[int], texts: Sequence[str] = TEXTS) -> list[IndexRow]:
    """For each document a chunk of each text."""
    return [row(document, i, text) for document in documents for i, text in enumerate(texts)]


def question(text: str) -> Query:
    """A question as search prepares it."""
    folded = matching.fold(text)
    return Query(
        text,
        words=tuple(dict.fromkeys(matching.words(folded))),
        characters=tuple(dict.fromkeys(matching.characters(folded))),
        vector=vector_of(folded),
    )


def where_of(tree: Filter, rows: Iterable[IndexRow]) -> Where:
    """The filter with the documents it lets through."""
    documents = {document_of(row.chunk) for row in rows if matches(tree, row)}
    return Where(tree, np.array(sorted(documents), np.int64))


def committed_files(directory: Path) -> list[Path]:
    """The files that the state names, and the state."""
    state = json.loads((directory / "state.json").read_text(encoding="utf-8"))
    return [directory / "state.json", *(directory / state["generation"] / name for name in state["files"])]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def _extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 64)


def _garbage(path: Path) -> None:
    path.write_bytes(bytes((7 * i + 3) % 251 for i in range(path.stat().st_size)))


def _delete(path: Path) -> None:
    path.unlink()


DAMAGES = (_truncate, _empty, _flip, _extend, _garbage, _delete)

VALUES = st.sampled_from(
    ["", "md", "/资料/甲.md", "/资料/乙.md", "/资料", "標題", "标题", "a", "a*b", "2024-05-01", "\udcff"]
)
LABELS = st.sampled_from(["public", "人事", "hr", "財務", "", "x y"])
LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(AnyLabel, st.frozensets(LABELS, max_size=3)),
    st.builds(Equals, st.sampled_from(FIELDS), VALUES),
    st.builds(Prefix, st.sampled_from(FIELDS), VALUES),
    st.builds(Contains, st.sampled_from(FIELDS), VALUES),
    st.builds(Range, st.sampled_from(FIELDS), st.none() | VALUES, st.none() | VALUES),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


class IndexConformance:
    """The suite."""

    open_index: ClassVar[Callable[..., Index]]
    kind: ClassVar[str]
    settings: ClassVar[IndexSettings] = IndexSettings()

    def opened(self, directory: Path, **changes: Any) -> Index:
        """The index in a folder."""
        arguments = {"fingerprint": FINGERPRINT, "settings": self.settings, "dim": DIM, **changes}
        return self.open_index(directory, **arguments)

    def filled(self, directory: Path, rows: Sequence[IndexRow], revision: int = 1) -> Index:
        """An index with these rows committed."""
        index = self.opened(directory)
        index.upsert(rows)
        index.commit(revision)
        return index

    def results(self, index: Index, k: int = 100, where: Where | None = None) -> list[list[Any]]:
        """The hits of every question, with attainable scores rounded to what float sums agree on."""
        return [
            [
                dataclasses.replace(hit, attainable=round(hit.attainable, 3))
                for hit in index.search(question(text), k, where)
            ]
            for text in QUESTIONS
        ]

    # Reading.

    def test_a_new_index_is_empty_and_writes_nothing(self, tmp_path: Path) -> None:
        index = self.opened(tmp_path / "index")
        assert index.kind == self.kind
        assert index.revision == 0
        assert index.ids().dtype == np.int64
        assert index.ids().tolist() == []
        assert index.search(question("年假"), 10) == []
        assert not (tmp_path / "index").exists()

    def test_the_same_text_is_found_first_in_both_scripts_and_widths(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1]))
        for asked, expected in (
            (TEXTS[0], [0, 1]),
            (TEXTS[1], [0, 1]),
            (TEXTS[2], [2]),
            ("expense claims ARE due within 30 days.", [4]),
            (TEXTS[4], [4]),
            (TEXTS[5], [5]),
        ):
            hits = index.search(question(asked), 3)
            assert [hit.chunk for hit in hits[: len(expected)]] == [chunk_id(1, i) for i in expected]

    def test_hits_come_best_first_and_ties_by_chunk_id(self, tmp_path: Path) -> None:
        # Written in descending order, and far more equal ones than any engine looks at beyond k.
        rows = [row(d, 0, "年假十天") for d in range(300, 0, -1)] + [row(400, 0, "年假十天半 leave")]
        index = self.filled(tmp_path, rows)
        hits = index.search(question("年假十天"), 10)
        assert [hit.chunk for hit in hits] == [chunk_id(d, 0) for d in range(1, 11)]
        assert len({hit.score for hit in hits}) == 1
        every = index.search(question("年假十天"), 1000)
        assert len(every) == 301
        assert every[-1].chunk == chunk_id(400, 0)
        assert [(-h.score, h.chunk) for h in every] == sorted((-h.score, h.chunk) for h in every)

    def test_scores_do_not_exceed_what_is_attainable(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]))
        for text in QUESTIONS:
            for hit in index.search(question(text), 100):
                assert hit.score <= hit.attainable + 1e-3

    def test_k_larger_than_the_index_and_k_of_nothing(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1]))
        assert 0 < len(index.search(question("年假"), 10_000_000)) <= len(TEXTS)
        assert index.search(question("年假"), 0) == []

    def test_a_question_without_terms_or_vector_finds_nothing(self, tmp_path: Path) -> None:
        assert self.filled(tmp_path, rows_of([1])).search(Query(""), 10) == []

    def test_ids_are_sorted(self, tmp_path: Path) -> None:
        rows = rows_of([70_000, 3, 1, 2])
        assert self.filled(tmp_path, rows).ids().tolist() == sorted(row.chunk for row in rows)

    # Writing.

    def test_changes_are_seen_after_commit_only(self, tmp_path: Path) -> None:
        index = self.opened(tmp_path)
        index.upsert(rows_of([1]))
        assert index.search(question("年假"), 10) == []
        assert index.ids().tolist() == []
        index.commit(5)
        assert index.revision == 5
        before = self.results(index)
        index.upsert(rows_of([2]))
        index.remove([1])
        assert self.results(index) == before
        index.commit(6)
        assert {document_of(c) for c in index.ids().tolist()} == {2}
        index.commit(9)
        assert index.revision == 9

    def test_a_chunk_already_there_is_skipped(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]))
        before = self.results(index)
        index.upsert(rows_of([1]))
        index.upsert(rows_of([2, 3]) + rows_of([3]))
        index.upsert(rows_of([3]))
        index.commit(2)
        assert index.ids().tolist() == [row.chunk for row in rows_of([1, 2, 3])]
        index.remove([3])
        index.commit(3)
        again = self.filled(tmp_path / "again", rows_of([1, 2]))
        assert self.results(again) == before

    def test_a_document_removed_and_added_in_one_commit_has_its_new_words(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2, 3]))
        for revision, texts in ((2, ("量子纠缠", "annual leave", "财务部")), (3, ("VPN 账号", "", "休年假十天"))):
            index.remove([2])
            index.upsert([row(2, i, text) for i, text in enumerate(texts)])
            index.commit(revision)
            again = self.opened(tmp_path / f"{revision}")
            again.upsert([*rows_of([1, 3]), *(row(2, i, text) for i, text in enumerate(texts))])
            again.commit(1)
            assert index.ids().tolist() == again.ids().tolist()
            found = [[hit.chunk for hit in index.search(question(text), 1)] for text in texts if text]
            assert found == [[hit.chunk for hit in again.search(question(text), 1)] for text in texts if text]
            assert [chunk_id(2, 0)] == found[0]

    def test_doing_the_work_again_equals_doing_it_once(self, tmp_path: Path) -> None:
        once = self.filled(tmp_path / "once", rows_of([1, 2, 3]))
        again = self.filled(tmp_path / "again", rows_of([1, 2]))
        again.upsert(rows_of([1, 2]))
        again.commit(1)
        again.upsert(rows_of([2, 3]))
        again.commit(2)
        assert self.results(again) == self.results(once)

    def test_changed_labels_replace_a_chunk(self, tmp_path: Path) -> None:
        rows = [row(1, 0, "年假", labels=("public",)), row(2, 0, "年假", labels=("public", "hr"))]
        index = self.filled(tmp_path, rows)
        changed = [
            dataclasses.replace(rows[0], labels=("人事",)),
            dataclasses.replace(rows[1], labels=("hr", "public")),
        ]
        index.upsert(changed)
        index.commit(2)
        assert len(index.ids()) == 2
        for label, expected in (("人事", [1]), ("public", [2]), ("hr", [2])):
            where = where_of(AnyLabel(frozenset({label})), changed)
            hits = index.search(question("年假"), 10, where)
            assert [document_of(hit.chunk) for hit in hits] == expected

    def test_labels_changed_before_the_commit_count(self, tmp_path: Path) -> None:
        index = self.opened(tmp_path)
        first, second = row(1, 0, labels=("public",)), row(1, 0, labels=("hr",))
        index.upsert([first])
        index.upsert([second])
        index.commit(1)
        assert len(index.ids()) == 1
        assert len(index.search(question("年假"), 10, where_of(AnyLabel(frozenset({"hr"})), [second]))) == 1

    def test_a_removed_document_is_found_no_more(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2, 3]))
        index.remove([2, 99])
        index.upsert(rows_of([4, 5]))
        index.remove([5])
        index.commit(2)
        assert {document_of(c) for c in index.ids().tolist()} == {1, 3, 4}
        for hits in self.results(index):
            assert {document_of(hit.chunk) for hit in hits} <= {1, 3, 4}
        index.remove([1, 3, 4])
        index.commit(3)
        assert index.ids().tolist() == []
        assert all(hits == [] for hits in self.results(index))

    def test_a_document_removed_and_added_again_before_the_commit_is_there(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]))
        index.remove([1])
        index.upsert(rows_of([1]))
        index.commit(2)
        assert index.ids().tolist() == [row.chunk for row in rows_of([1, 2])]
        assert len(index.search(question(TEXTS[2]), 1)) == 1

    def test_many_small_commits_equal_one(self, tmp_path: Path) -> None:
        once = self.filled(tmp_path / "once", rows_of(range(1, 31)))
        many = self.opened(tmp_path / "many")
        for document in range(1, 31):
            many.upsert(rows_of([document]))
            many.commit(document)
        assert many.ids().tolist() == once.ids().tolist()
        assert self.results(many) == self.results(once)
        assert self.results(self.opened(tmp_path / "many")) == self.results(once)

    def test_vectors_of_given_chunks_score_as_in_search(self, tmp_path: Path) -> None:
        """Whatever an index can tell of chunks by id is what its search says, and nothing of what is gone."""
        index = self.filled(tmp_path, rows_of([1, 2, 3]))
        index.remove([2])
        index.commit(2)
        gone, unknown = chunk_id(2, 0), chunk_id(99, 0)
        for asked in map(question, QUESTIONS):
            found = {hit.chunk: hit.score for hit in index.search(asked, 1000)}
            ids, vectors, _ = index.held([*index.ids().tolist(), gone, unknown])
            scores = {chunk: float(vector @ asked.vector) for chunk, vector in zip(ids.tolist(), vectors, strict=True)}
            assert scores == ({} if self.kind == "lexical" else pytest.approx(found, abs=1e-6))
        assert len(index.held([]).ids) == 0

    def test_a_dense_index_knows_what_chunks_are_written_in(self, tmp_path: Path) -> None:
        scripts = {chunk_id(n, 0): matching.SCRIPTS[n % 3] for n in range(1, 8)}
        index = self.filled(tmp_path, [row(n, 0, f"年假 {n}", script=matching.SCRIPTS[n % 3]) for n in range(1, 8)])
        index.remove([2])
        index.upsert([row(9, 0, "leave", script="alphabetic")])
        index.commit(2)
        expected = {**scripts, chunk_id(9, 0): "alphabetic"}
        del expected[chunk_id(2, 0)]
        for one in (index, self.opened(tmp_path)):
            held = one.held(sorted(expected, reverse=True))
            told = {
                id: matching.SCRIPTS[code] for id, code in zip(held.ids.tolist(), held.scripts.tolist(), strict=True)
            }
            assert told == ({} if self.kind == "lexical" else expected)

    # Processes.

    def test_reopening_finds_the_same(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]), revision=7)
        before = self.results(index)
        index.close()
        again = self.opened(tmp_path, read_only=True)
        assert again.revision == 7
        assert self.results(again) == before

    def test_another_object_sees_a_commit_at_its_next_search(self, tmp_path: Path) -> None:
        reader = self.opened(tmp_path, read_only=True)
        writer = self.filled(tmp_path, rows_of([1]))
        assert self.results(reader) == self.results(writer)
        for document in range(2, 12):
            writer.upsert(rows_of([document]))
            writer.remove([document - 1])
            writer.commit(document)
            assert {document_of(h.chunk) for h in reader.search(question(TEXTS[2]), 100)} == {document}
            assert reader.ids().tolist() == writer.ids().tolist()
            assert reader.revision == document

    def test_two_writers_in_turn_build_on_each_other(self, tmp_path: Path) -> None:
        one, two = self.opened(tmp_path), self.opened(tmp_path)
        for document, index in ((1, one), (2, two), (3, one), (4, two)):
            index.upsert(rows_of([document]))
            index.commit(document)
        assert one.ids().tolist() == two.ids().tolist() == [row.chunk for row in rows_of([1, 2, 3, 4])]

    def test_a_writer_that_dies_before_commit_leaves_the_last_commit(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]), revision=3)
        before = self.results(index)
        index.upsert(rows_of([3]))
        index.remove([1])
        del index
        again = self.opened(tmp_path)
        assert again.revision == 3
        assert self.results(again) == before
        again.upsert(rows_of([3]))
        again.commit(4)
        assert {document_of(c) for c in again.ids().tolist()} == {1, 2, 3}

    def test_a_reader_refuses_to_write(self, tmp_path: Path) -> None:
        self.filled(tmp_path, rows_of([1])).close()
        reader = self.opened(tmp_path, read_only=True)
        for write in (lambda: reader.upsert(rows_of([2])), lambda: reader.remove([1]), lambda: reader.commit(2)):
            with pytest.raises(InputError, match="read only"):
                write()

    # A fresh index beside the old one.

    def test_a_fresh_index_replaces_the_old_one_at_its_first_commit(self, tmp_path: Path) -> None:
        old = self.filled(tmp_path, rows_of([1, 2]), revision=3)
        reader = self.opened(tmp_path, read_only=True)
        before = self.results(old)
        fresh = old.fresh()
        assert fresh.revision == 0
        assert fresh.ids().tolist() == []
        fresh.upsert(rows_of([2, 3]))
        assert fresh.search(question("年假"), 10) == []
        assert self.results(reader) == self.results(old) == before
        fresh.commit(8)
        expected = [row.chunk for row in rows_of([2, 3])]
        for index in (fresh, old, reader, self.opened(tmp_path)):
            assert index.ids().tolist() == expected
            assert index.revision == 8
        fresh.upsert(rows_of([4]))
        fresh.commit(9)
        assert {document_of(h.chunk) for h in reader.search(question(TEXTS[2]), 100)} == {2, 3, 4}

    def test_nothing_of_the_old_generation_is_left(self, tmp_path: Path) -> None:
        old = self.filled(tmp_path, [row(1, 0, "zanzibarcanary 金丝雀")])
        fresh = old.fresh()
        fresh.upsert(rows_of([2]))
        fresh.commit(2)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == [committed_files(tmp_path)[1].parent.name]
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert b"zanzibarcanari" not in path.read_bytes()
                assert b"zanzibarcanary" not in path.read_bytes()
                assert "金丝".encode() not in path.read_bytes()

    def test_an_abandoned_fresh_index_changes_nothing_and_is_swept(self, tmp_path: Path) -> None:
        old = self.filled(tmp_path, rows_of([1]))
        before = self.results(old)
        fresh = old.fresh()
        fresh.upsert(rows_of([2]))
        del fresh
        leftover = tmp_path / "000077"  # as a killed process leaves it
        leftover.mkdir()
        (leftover / "half").write_bytes(b"written")
        assert self.results(self.opened(tmp_path)) == before
        old.upsert(rows_of([3]))
        old.commit(2)
        assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [committed_files(tmp_path)[1].parent.name]

    def test_an_index_being_built_beside_survives_another_commit(self, tmp_path: Path) -> None:
        old = self.filled(tmp_path, rows_of([1]))
        fresh = old.fresh()
        fresh.upsert(rows_of([1, 2]))
        old.upsert(rows_of([3]))
        old.commit(2)
        fresh.commit(3)
        assert {document_of(c) for c in self.opened(tmp_path).ids().tolist()} == {1, 2}

    def test_closing_a_fresh_index_abandons_it(self, tmp_path: Path) -> None:
        old = self.filled(tmp_path, rows_of([1]))
        fresh = old.fresh()
        fresh.upsert(rows_of([2]))
        fresh.close()
        assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1
        assert len(old.ids()) == len(TEXTS)

    # Refusals.

    def test_another_fingerprint_is_refused_and_can_be_replaced(self, tmp_path: Path) -> None:
        self.filled(tmp_path, rows_of([1])).close()
        with pytest.raises(StaleIndex, match=r"another encoder.*qianxun rebuild") as caught:
            self.opened(tmp_path, fingerprint="encoder-2")
        assert "encoder-1" in str(caught.value)
        fresh = self.opened(tmp_path, fingerprint="encoder-2", fresh=True)
        fresh.upsert(rows_of([2]))
        fresh.commit(2)
        assert {document_of(c) for c in self.opened(tmp_path, fingerprint="encoder-2").ids().tolist()} == {2}

    @pytest.mark.parametrize("number", [2, 999], ids=["older", "newer"])  # 2: before words had a language
    def test_another_format_is_refused_and_can_be_replaced(self, tmp_path: Path, number: int) -> None:
        self.filled(tmp_path, rows_of([1])).close()
        state = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
        (tmp_path / "state.json").write_text(json.dumps({**state, "format": number}), encoding="utf-8")
        with pytest.raises(StaleIndex, match=rf"has format {number}.*Run `qianxun rebuild`"):
            self.opened(tmp_path)
        fresh = self.opened(tmp_path, fresh=True)
        fresh.upsert(rows_of([2]))
        fresh.commit(2)
        assert {document_of(c) for c in self.opened(tmp_path).ids().tolist()} == {2}

    def test_a_damaged_file_is_refused_by_name(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path / "whole", rows_of([1, 2]))
        index.remove([1])
        index.upsert(rows_of(range(3, 30)))
        index.commit(2)
        index.close()
        before = self.results(self.opened(tmp_path / "whole"))
        for path in committed_files(tmp_path / "whole"):
            for damage in DAMAGES:
                copy = tmp_path / "damaged"
                shutil.copytree(tmp_path / "whole", copy)
                victim = copy / path.relative_to(tmp_path / "whole")
                damage(victim)
                if damage is _delete and victim.name == "state.json":
                    assert self.opened(copy).ids().tolist() == []
                else:
                    with pytest.raises(StaleIndex, match="qianxun rebuild") as caught:
                        self.opened(copy)
                    assert victim.name in str(caught.value)
                    assert self.opened(copy, fresh=True).ids().tolist() == []
                shutil.rmtree(copy)
        assert self.results(self.opened(tmp_path / "whole")) == before

    def test_a_reader_refuses_a_commit_that_is_damaged(self, tmp_path: Path) -> None:
        writer = self.filled(tmp_path, rows_of([1]))
        reader = self.opened(tmp_path, read_only=True)
        writer.upsert(rows_of([2]))
        writer.commit(2)
        for path in committed_files(tmp_path)[1:]:
            _truncate(path)
        for _ in range(2):
            with pytest.raises(StaleIndex):
                reader.search(question("年假"), 10)

    # Words. A dense index has none.

    def test_a_way_to_write_a_piece_counts_like_another(self, tmp_path: Path) -> None:
        rows = [row(1, 0, "流量计 LF2301"), row(2, 0, "流量計 LF-2301"), row(3, 0, "level sensor LF-4711")]
        index = self.filled(tmp_path, rows)
        if self.kind == "dense":
            return
        ways = (("lf", "2301"), ("lf2301",))
        hits = index.search(Query("LF-2301", words=("lf", "2301"), alternatives=(ways,)), 10)
        assert {document_of(hit.chunk) for hit in hits[:2]} == {1, 2}
        (best,) = (hit for hit in hits if document_of(hit.chunk) == 1)
        (alone,) = index.search(Query("LF2301", words=("lf2301",)), 10)
        assert best.score == alone.score
        twice = index.search(Query("LF-2301", words=("lf", "2301"), alternatives=((ways[0], ways[0]),)), 10)
        once = index.search(Query("LF-2301", words=("lf", "2301")), 10)
        assert [(h.chunk, h.score) for h in twice] == [(h.chunk, h.score) for h in once]

    def test_what_is_near_scores_below_what_was_asked(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, [row(1, 0, "LF-2301 的价格"), row(2, 0, "ＱＸ－１０２４ 的價格")])
        if self.kind == "dense":
            return
        ways = ("lf", "2310"), ("lf", "2301")
        asked = Query("LF-2310", words=("lf", "2310"), alternatives=(ways[:1],), similar=(ways,))
        (hit,) = index.search(asked, 10)
        (exact,) = index.search(Query("LF-2301", words=("lf", "2301")), 10)
        assert hit.score == pytest.approx(NEAR * exact.score, abs=2e-4)
        assert hit.score / hit.attainable < NEAR * exact.score / exact.attainable

    def test_only_chunks_with_what_must_occur_are_found(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1]))
        if self.kind == "dense":
            return
        asked = question("员工的年假 annual leave ＶＰＮ")
        found = {hit.chunk: hit.score for hit in index.search(asked, 100)}
        for must, characters in (
            (("leav",), ()),
            (("annual", "leav"), ()),
            (("年假",), ()),
            ((), ("休",)),
            (("年假",), ("另", "休")),
            (("年假",), ("另",)),
            (("leav", "vpn"), ()),
            (("不存在",), ()),
            ((), ("龘",)),
        ):
            narrowed = dataclasses.replace(asked, must=must, must_characters=characters)
            expected = {
                r.chunk: found[r.chunk]
                for r in rows_of([1])
                if r.chunk in found
                and set(must) <= set(matching.words(matching.fold(r.text)))
                and set(characters) <= set(matching.fold(r.text))
            }
            assert {hit.chunk: hit.score for hit in index.search(narrowed, 100)} == expected

    def test_languages_are_those_of_the_words_that_are_there(self, tmp_path: Path) -> None:
        german = "Die Mitarbeiter haben Anspruch auf fünf Tage Urlaub, und das ist nicht wenig."
        index = self.filled(
            tmp_path, [row(1, 0, german), row(2, 0, "员工享有五天年假"), row(3, 0, "員工 annual leave")]
        )
        assert index.languages() == (frozenset() if self.kind == "dense" else {"de", "en"})
        index.remove([1])
        index.commit(2)
        assert index.languages() == (frozenset() if self.kind == "dense" else {"en"})

    def test_words_near_another_are_those_of_the_chunks_that_are_let_through(self, tmp_path: Path) -> None:
        rows = [
            row(1, 0, "LF-2301 流量计", labels=("hr",)),
            row(2, 0, "LF-2311 流量計"),
            row(3, 0, "ＬＦ－２３１１ and LF 23, 3210 pieces", labels=("hr", "public")),
            row(4, 0, "QX-2301 ordinary"),
        ]
        index = self.filled(tmp_path, rows)
        public = where_of(AnyLabel(frozenset({"public"})), rows)
        nobody = where_of(AnyLabel(frozenset({"nobody"})), rows)
        by_source = where_of(Prefix("source", "/资料/1"), rows)
        if self.kind == "dense":
            assert not index.holds(("lf",))
            assert index.similar("2310", mistakes=1, most=9) == ()
            return
        assert index.similar("2310", mistakes=1, most=9) == ("2301", "3210", "2311")
        assert index.similar("2310", mistakes=1, most=2) == ("2301", "3210")
        assert index.similar("2310", mistakes=1, most=9, where=public, beside=("lf",)) == ("3210", "2311")
        assert index.similar("2310", mistakes=1, most=9, where=by_source) == ("2301",)
        assert index.similar("2310", mistakes=1, most=9, where=nobody) == ()
        assert index.similar("2310", mistakes=1, most=9, beside=("不存在",)) == ()
        assert index.holds(("lf", "2301"))
        assert index.holds(("lf", "2301"), by_source)
        assert not index.holds(("lf", "2301"), public)
        assert index.holds(("2301",), public)
        assert not index.holds(("lf",), nobody)
        assert not index.holds(("qx", "lf"))
        index.remove([1])
        index.commit(2)
        assert index.similar("2310", mistakes=1, most=9, beside=("lf",)) == ("3210", "2311")
        assert not index.holds(("lf", "2301"))
        index.remove([4])
        index.commit(3)
        assert not index.holds(("2301",))
        assert index.similar("2310", mistakes=1, most=9) == ("3210", "2311")

    # Filters.

    def test_where_that_allows_nothing_finds_nothing(self, tmp_path: Path) -> None:
        index = self.filled(tmp_path, rows_of([1, 2]))
        for tree in (Or(()), AnyLabel(frozenset()), AnyLabel(frozenset({"nobody"})), Not(And(()))):
            assert index.search(question("年假"), 10, where_of(tree, [])) == []

    def test_filters_do_not_change_scores(self, tmp_path: Path) -> None:
        rows = [*rows_of([1]), *(dataclasses.replace(r, labels=("人事",)) for r in rows_of([2]))]
        index = self.filled(tmp_path, rows)
        where = where_of(AnyLabel(frozenset({"人事"})), rows)
        for plain, filtered in zip(self.results(index), self.results(index, where=where), strict=True):
            assert filtered == [hit for hit in plain if document_of(hit.chunk) == 2]

    def test_filters_mean_what_matches_says(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        sources = ["", "/资料/甲.md", "/资料/乙.md", "/資料/丙.md", "a*b", "a", "/tmp/\udcff.md"]
        rows = []
        for document in range(1, 41):
            described = {
                "labels": tuple(
                    rng.choice(["public", "人事", "hr", "財務", "", "x y"], rng.integers(0, 3), replace=False)
                ),
                "source": str(rng.choice(sources)),
                "title": str(rng.choice(["", "标题", "標題", "a"])),
                "format": str(rng.choice(["md", "pdf", ""])),
                "modified": str(rng.choice(["", "2024-05-01", "2024-05-01T12:00:00Z", "2023-12-31", "2025"])),
            }
            rows += [row(document, i, "年假十天", **described) for i in range(2)]
        index = self.filled(tmp_path, rows)

        @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(FILTERS)
        def check(tree: Filter) -> None:
            expected = sorted(r.chunk for r in rows if matches(tree, r))
            hits = index.search(question("年假"), 1000, where_of(tree, rows))
            assert [hit.chunk for hit in hits] == expected

        check()
