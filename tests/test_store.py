"""The truth: transactions, visibility, the last gate, the change log, deletion."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import qianxun
from qianxun.errors import Damaged, NewerVersion, NotFound
from qianxun.filters import And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range, matches
from qianxun.records import Asker, Chunk, Part, Span, Status, chunk_id
from qianxun.storage.store import Store

ADMIN = Asker.admin()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "kb")
    yield opened
    opened.close()


def put(
    store: Store,
    source: str,
    texts: list[str],
    *,
    labels: tuple[str, ...] = ("public",),
    title: str = "",
    modified: str = "",
) -> int:
    """A document whose chunks are these texts, each under the heading 标题."""
    document = store.begin(source, title=title or source, format="txt", pages=None, digest=source, modified=modified)
    whole, chunks = "标题\n\n", []
    for n, text in enumerate(texts):
        chunks.append(Chunk(n, Span(len(whole), len(whole) + len(text)), headings=(Span(0, 2),)))
        whole += text + "\n\n"
    part = Part(0, whole, tuple(chunks), ("标题",) * len(chunks))
    store.add_part(document, part, [t.encode()[:16] for t in texts], [0] * len(texts), 0)
    store.publish(document, status=Status.READY, reason="", labels=labels, chars=len(whole), chunks=len(texts))
    return document


def test_chunk_text_is_a_slice_of_the_document(store: Store) -> None:
    document = put(store, "a.txt", ["第一段，全角。", "Second paragraph 混排。"])
    text = store.text(document)
    found = list(store.chunks(document))
    assert [c.text for c in found] == ["第一段，全角。", "Second paragraph 混排。"]
    for chunk in found:
        assert text[chunk.span.start : chunk.span.end] == chunk.text
        assert chunk.heading == ("标题",)
        assert chunk.context == "标题"
    passages = store.passages([c.id for c in found], None)
    assert [passages[c.id][1] for c in found] == found


def test_document_is_invisible_until_published(store: Store) -> None:
    document = store.begin("a.txt", title="a", format="txt", pages=None, digest="", modified="")
    store.add_part(document, Part(0, "机密", (Chunk(0, Span(0, 2)),), ("",)), [b"h"], [0], 0)
    assert store.documents(ADMIN) == []
    assert store.passages([chunk_id(document, 0)], None) == {}
    with pytest.raises(NotFound):
        store.document(document, ADMIN)
    assert store.abandon() == 1
    assert store.hashes() == set()


def test_publishing_again_replaces_at_once_and_keeps_labels(store: Store) -> None:
    old = put(store, "a.txt", ["旧的内容"], labels=("hr",))
    new = put(store, "a.txt", ["新的内容"], labels=())
    assert new > old
    (document,) = store.documents(ADMIN)
    assert (document.id, document.labels) == (new, ("hr",))
    assert store.passages([chunk_id(old, 0), chunk_id(new, 0)], None).keys() == {chunk_id(new, 0)}
    assert [(c.action, c.document) for c in store.changes(0, 10)] == [("put", old), ("drop", old), ("put", new)]


def test_ids_are_never_used_twice(store: Store) -> None:
    first = put(store, "a.txt", ["一"])
    store.drop([first])
    assert put(store, "a.txt", ["一"]) > first


def test_the_last_gate_lets_nothing_forbidden_through(store: Store) -> None:
    secret, public = put(store, "薪酬.txt", ["工资"], labels=("hr",)), put(store, "b.txt", ["公开"])
    ids = [chunk_id(secret, 0), chunk_id(public, 0)]
    assert store.passages(ids, AnyLabel(frozenset({"public"}))).keys() == {ids[1]}
    assert store.passages(ids, AnyLabel(frozenset({"hr", "public"}))).keys() == set(ids)
    assert store.passages(ids, AnyLabel(frozenset())) == {}
    assert [d.id for d in store.documents(Asker.of("public"))] == [public]
    with pytest.raises(NotFound):
        store.document(secret, Asker.of("public"))
    store.label([secret], add=["public"])
    assert store.document(secret, Asker.of("public")).labels == ("hr", "public")


def test_dropping_notes_vectors_that_nobody_uses_any_more(store: Store) -> None:
    one, two = put(store, "a.txt", ["共同", "只有甲"]), put(store, "b.txt", ["共同", "只有乙"])
    assert store.drop([one]) == 2
    assert store.forgotten(10) == ["只有甲".encode()]
    store.drop([two])
    assert set(store.forgotten(10)) == {"共同".encode(), "只有甲".encode(), "只有乙".encode()}
    put(store, "c.txt", ["只有甲"])
    assert "只有甲".encode() not in store.unused(store.forgotten(10))


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            put(store, "a.txt", ["一"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.documents(ADMIN) == []
    assert store.revision == 0


def test_deleted_text_is_in_no_byte_after_compact(store: Store, tmp_path: Path) -> None:
    phrase = "紫色河马在午夜弹奏手风琴 purple-hippopotamus-accordion"
    document = put(store, "a.txt", ["前文。" * 2000, phrase])
    put(store, "b.txt", ["留下的内容"] * 50)
    store.drop([document])
    store.compact()
    for path in (tmp_path / "kb").rglob("*"):
        assert phrase.encode() not in path.read_bytes(), path
        assert b"purple-hippo" not in path.read_bytes(), path


def test_a_knowledge_base_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "knowledge.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NewerVersion, match=r"format 99.*newer qianxun.*pip install --upgrade"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_damaged_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "knowledge.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(Damaged, match=r"knowledge\.db"):
        Store(tmp_path)
    assert (tmp_path / "knowledge.db").read_bytes().startswith(b"something else")


def test_nothing_is_made_when_only_looking(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no knowledge base"):
        Store(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_inconsistencies_are_found(store: Store) -> None:
    document = put(store, "a.txt", ["一", "二"])
    assert list(store.inconsistencies()) == []
    with store.transaction() as db:
        db.execute("DELETE FROM chunks WHERE id = ?", (chunk_id(document, 1),))
    assert [(kind, d) for kind, d, _ in store.inconsistencies()] == [("chunks", document)]


# -- filters: SQL means what the reference evaluator says ---------------------------------------------

LABELS = ["hr", "public", "财务", "a,b", ""]
VALUES = ["", "a", "A", "人事/手册.md", "人事/", "100%", "a_b", "2025-01-01", "2025-03-01T00:00:00Z", "ｆｕｌｌ"]
FIELDS = ["source", "title", "format", "modified"]
leaves = st.one_of(
    st.builds(AnyLabel, st.frozensets(st.sampled_from(LABELS), max_size=3)),
    st.builds(Equals, st.sampled_from(FIELDS), st.sampled_from(VALUES)),
    st.builds(Prefix, st.sampled_from(FIELDS), st.sampled_from(VALUES)),
    st.builds(Contains, st.sampled_from(FIELDS), st.sampled_from([*VALUES, "人事/手冊", "FULL", "ａ", "03", "\0"])),
    st.builds(Range, st.sampled_from(FIELDS), st.none() | st.sampled_from(VALUES), st.none() | st.sampled_from(VALUES)),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("varied"))
    for n, source in enumerate(VALUES):
        put(
            opened, source + str(n), [f"文{n}"], labels=tuple(LABELS[n % 5 :][:2]), title=VALUES[-n], modified=VALUES[n]
        )
    yield opened
    opened.close()


@given(where=trees)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_agrees_with_the_reference_evaluator(varied: Store, where: Filter) -> None:
    everything = varied.documents(ADMIN)
    expected = [d.id for d in everything if matches(where, d)]
    assert sorted(expected) == varied.matching(where).tolist()
    assert expected == [d.id for d in varied.documents(ADMIN, where)]


def test_what_a_field_contains_is_compared_folded(store: Store) -> None:
    titles = {"a": "年假規定", "b": "年假规定", "c": "ＬＥＡＶＥ 100%", "d": "假年", "e": "x\0leave"}
    for source, title in titles.items():
        put(store, source, ["文"], title=title)

    def found(value: str) -> list[str]:
        return [d.source for d in store.documents(ADMIN, Contains("title", value))]

    assert found("年假規") == found("年假规") == ["a", "b"]
    assert found("Leave") == ["c", "e"]
    assert found("0%") == ["c"]
    assert found("_") == []
    assert found("") == list("abcde")


@pytest.mark.parametrize("kind", [And, Or])
def test_a_filter_may_have_thousands_of_parts(store: Store, kind: type[And] | type[Or]) -> None:
    put(store, "a", ["文"], title="年假")
    parts = tuple(Not(Contains("title", f"x{n}")) for n in range(3000))
    assert len(store.matching(kind(parts))) == 1
    assert len(store.matching(Not(kind(parts)))) == 0


def test_chunks_are_known_by_what_they_are_written_in(store: Store) -> None:
    texts = [
        "年假必须提前申请。",
        "Leave must be requested early.",
        "Kubernetes 集群中的 Pod",
        "2024 | 17 | 3.5",
        "繁體中文，ＡＢＣ",
    ]
    document = put(store, "a.txt", texts)
    ids = [chunk_id(document, n) for n in range(len(texts))]
    scripts = ["cjk", "alphabetic", "cjk", "", "cjk"]
    assert [chunk.script for chunk in store.chunks(document)] == scripts
    found = store.passages(ids, None)
    assert [found[id][1].script for id in ids] == scripts


def test_a_base_of_the_first_format_learns_what_its_chunks_are_written_in(tmp_path: Path) -> None:
    texts = ["年假必须提前申请。", "Leave must be requested early."]
    old = Store(tmp_path)
    document = put(old, "a.txt", texts)
    old.close()
    with sqlite3.connect(tmp_path / "knowledge.db") as db:
        db.execute("ALTER TABLE chunks DROP COLUMN script")
        db.execute("ALTER TABLE documents DROP COLUMN stamp")
        for table in ("root_files", "roots", "enrichments", "originals", "forgotten_originals"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
    db.close()
    new = Store(tmp_path)
    assert [c.script for c in new.chunks(document)] == ["cjk", "alphabetic"]
    assert [c.text for c in new.chunks(document)] == texts
    new.close()


def test_whether_something_begins_so_is_told_like_a_look_at_every_document(tmp_path: Path) -> None:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        sources = ("会话:甲/一.txt", "会话/二.txt", "conversation:a/x.txt", "conversations/y.txt")
        kb.add_texts([qianxun.TextItem(source, "", f"text of {source}") for source in sources])
        for prefix in ("会话:", "会话", "conversation:", "conversation:b", "z", "会议"):
            assert kb.has_below(prefix) == any(source.startswith(prefix) for source in sources), prefix
        kb.remove(["conversation:a/x.txt"])
        assert not kb.has_below("conversation:")
