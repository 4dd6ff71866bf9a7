"""What two processes, a failure half-way, or a restored backup could do to a knowledge base, and do not.

The second process is a second `KnowledgeBase` on the same folder; it acts at the worst moment, which is
reached by calling it from inside the first one's slowest step.
"""

import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qianxun
from qianxun.documents.split import indexed_text
from qianxun.errors import Busy, DiskFull, InputError, NotFound, StaleIndex
from qianxun.filters import AnyLabel, Equals
from qianxun.indexes.faiss import FaissIndex
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.hashing import HashEncoder
from qianxun.storage import reindex

OVERRIDES = ("encoder.name=hash", "reading.workers=1")


@pytest.fixture
def other(kb: KnowledgeBase) -> Iterator[KnowledgeBase]:
    with qianxun.open(kb.directory, overrides=OVERRIDES, wait=False) as opened:
        yield opened


def during_encoding(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Calls `act` in another thread in the middle of the first encoding."""
    encode, acted = HashEncoder.encode_passages, list[int]()

    def slowly(self: HashEncoder, texts: list[str]) -> Any:
        if not acted:
            acted.append(1)
            thread = threading.Thread(target=act)
            thread.start()
            thread.join()
        return encode(self, texts)

    monkeypatch.setattr(HashEncoder, "encode_passages", slowly)


def written(folder: Path, **texts: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.txt" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def test_a_document_removed_while_it_is_encoded_leaves_no_vector(
    kb: KnowledgeBase, other: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = written(tmp_path / "d", a="将被删除的内容")
    during_encoding(monkeypatch, lambda: other.remove([path]))
    kb.add([path])
    assert kb.documents() == []
    assert kb.check().ok


def test_a_large_document_removed_while_it_is_encoded_leaves_no_wrong_vector(
    kb: KnowledgeBase, other: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "BATCH_CHUNKS", 16)
    text = "\n\n".join(f"第{i}段。" + "长文档的内容，需要分成许多块。" * 20 for i in range(200))
    (path,) = written(tmp_path / "d", a=text)
    during_encoding(monkeypatch, lambda: other.remove([path]))
    with qianxun.open(kb.directory, overrides=[*OVERRIDES, "encoder.batch=8"]) as first:
        first.add([path])
        first.add([path])
        assert first.check().ok
        encoder, keeping = HashEncoder(), first._keeping
        chunks = first.chunks(first.documents()[0].id)
        assert len(chunks) > 64
        hashes = [c.hash for c in keeping.store.chunks(first.documents()[0].id)]
        expected = encoder.encode_passages([indexed_text(c.context, c.text) for c in chunks])
        assert np.allclose(keeping.vectors.get(hashes), expected, atol=1e-3)


def test_a_large_document_is_taken_up_in_slices_that_let_others_in(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "BATCH_CHUNKS", 16)
    largest = [0]
    upsert = FaissIndex.upsert

    def watched(self: FaissIndex, rows: list[Any]) -> None:
        largest[0] = max(largest[0], len(rows))
        upsert(self, rows)

    monkeypatch.setattr(FaissIndex, "upsert", watched)
    text = "\n\n".join(f"第{i}段。" + "长文档的内容，需要分成许多块。" * 20 for i in range(200))
    kb.add(written(tmp_path / "d", a=text, b="短的内容"))
    assert 0 < largest[0] <= 17
    assert kb.check().ok
    assert kb.search("短的内容").passages[0].text == "短的内容"


def test_removing_beside_a_running_add_does_not_do_its_work_twice(
    kb: KnowledgeBase, other: KnowledgeBase, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.add([documents])
    many = written(tmp_path / "d", **{f"n{i}": f"第{i}号文件的内容" for i in range(50)})
    encode, encoded = HashEncoder.encode_passages, list[str]()

    def counted(self: HashEncoder, texts: list[str]) -> Any:
        encoded.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(HashEncoder, "encode_passages", counted)
    during_encoding(
        monkeypatch,
        lambda: (other.remove([documents / "oncall.md"]), other.label([documents / "mixed.txt"], add=["x"])),
    )
    kb.add(many)
    assert sorted(encoded) == sorted(set(encoded))
    assert len(encoded) == 50
    assert kb.check().ok


@pytest.mark.parametrize("failure", [KeyboardInterrupt, DiskFull])
def test_an_index_that_failed_half_way_holds_no_lock_and_no_leftovers(
    kb: KnowledgeBase,
    other: KnowledgeBase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: type[BaseException],
) -> None:
    import qianxun.indexes.tantivy as engine

    a, b, c = written(tmp_path / "d", a="甲的内容", b="乙的内容", c="丙的内容")
    kb.add([c])

    def fail(*_: object) -> None:
        raise failure("No room.") if failure is DiskFull else failure

    with monkeypatch.context() as patched:
        patched.setattr(engine, "_document", fail)
        patched.setattr(FaissIndex, "commit", fail)
        with pytest.raises(failure):
            kb.add([a])
    other.remove([a])
    other.compact()
    other.add([b])
    kb.add([tmp_path / "d" / "b.txt"])
    assert kb.check().ok
    assert sorted(Path(d.source).name for d in kb.documents()) == ["b.txt", "c.txt"]


def test_a_restored_backup_is_noticed_before_ids_are_given_again(kb: KnowledgeBase, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    kb.add(written(folder, a="最初的内容 alpha"))
    kb.close()
    backup = (kb.directory / "knowledge.db").read_bytes()
    lost = written(folder, b="丢失的斑马 zebra", c="bravo")
    with qianxun.open(kb.directory) as later:
        later.add([folder])
    for path in lost:
        path.unlink()
    (kb.directory / "knowledge.db").write_bytes(backup)
    written(folder, e="新的长颈鹿 giraffe", f="新的河马 hippo")
    with qianxun.open(kb.directory) as restored:
        with pytest.raises(StaleIndex, match="backup"):
            restored.search("zebra")
        restored.add([folder])
        assert restored.check().ok
        assert "giraffe" in restored.search("giraffe", mode="lexical").passages[0].text
        assert restored.search("zebra", mode="lexical").passages == ()


def test_a_document_replaced_while_its_removal_waits_is_removed_all_the_same(
    kb: KnowledgeBase, other: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = written(tmp_path / "d", a="第一版")
    kb.add([path])
    chosen = kb.matching([path])
    path.write_text("第二版", encoding="utf-8")
    other.add([path])
    monkeypatch.setattr(kb, "matching", lambda _, **__: chosen)
    receipt = kb.remove([path])
    assert receipt.chunks == 1
    assert kb.documents() == []


def test_a_document_removed_while_its_label_waits_is_no_error(
    kb: KnowledgeBase, other: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = written(tmp_path / "d", a="内容")
    kb.add([path])
    chosen = kb.matching([path])
    other.remove([path])
    monkeypatch.setattr(kb, "matching", lambda _, **__: chosen)
    assert kb.label([path], add=["hr"]) == []
    assert kb.check().ok


def test_rebuild_deletes_nothing_under_a_writer(kb: KnowledgeBase, other: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    (state,) = (kb.directory / "indexes").glob("faiss@*/state.json")
    state.write_text("{}")
    seen: list[str] = []

    def rebuild() -> None:
        with pytest.raises(Busy):
            other.rebuild()
        seen.append("busy")

    with kb._keeping.ingest.held():
        thread = threading.Thread(target=rebuild)
        thread.start()
        thread.join()
    assert seen == ["busy"]
    assert state.exists()


def test_compact_says_when_a_reader_keeps_removed_text(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    reader = sqlite3.connect(kb.directory / "knowledge.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM documents").fetchone()
    kb.remove([documents / "oncall.md"])
    kb._store._database.connection.execute("PRAGMA busy_timeout = 100")
    with pytest.raises(Busy):
        kb.compact()
    reader.close()
    kb.compact()
    assert not any(b"E-1042" in path.read_bytes() for path in kb.directory.rglob("*") if path.is_file())


def test_compact_takes_away_files_of_engines_no_longer_used(tmp_path: Path, documents: Path) -> None:
    folder = tmp_path / "kb"
    with qianxun.open(folder, overrides=[*OVERRIDES, "index.lexical=exact-lexical", "index.dense=exact"]) as before:
        before.add([documents])
    with qianxun.open(folder, overrides=OVERRIDES) as after:
        after.rebuild()
        after.remove([documents / "oncall.md"])
        after.compact()
        assert after.check().ok
    # A number of its own: times of files are in the store, too, in nanoseconds.
    error = re.compile(rb"(?<!\d)1042(?!\d)")
    assert not any(error.search(path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def test_lost_index_files_are_said_to_be_lost(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    kb.close()
    shutil.rmtree(kb.directory / "indexes" / "tantivy")
    with qianxun.open(kb.directory) as later:
        for act in (lambda: later.search("年假"), lambda: later.ask("年假？"), lambda: later.add([documents])):
            with pytest.raises(StaleIndex, match="gone"):
                act()
        later.rebuild()
        assert later.check().ok


def test_an_index_that_is_behind_is_named_in_the_result(
    kb: KnowledgeBase, other: KnowledgeBase, documents: Path
) -> None:
    kb.add([documents])
    assert other.search("年假").degraded == ()
    with kb._keeping.write.held():
        kb._store.drop([kb.documents()[0].id])
    assert [d.partition(":")[0] for d in other.search("年假").degraded] == ["faiss", "tantivy"]


def test_threads_that_end_leave_no_open_files(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    kb.search("年假")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(40):
        thread = threading.Thread(target=kb.search, args=("年假",))
        thread.start()
        thread.join()
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 15


def test_threads_share_the_memory_of_filters(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    interval, errors = sys.getswitchinterval(), list[BaseException]()
    sys.setswitchinterval(1e-6)

    def match(n: int) -> None:
        try:
            for i in range(400):
                kb._store.matching(AnyLabel(frozenset({f"{n}-{i}"})))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=match, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert errors == []


def test_sync_sees_that_a_file_became_a_folder(kb: KnowledgeBase, tmp_path: Path) -> None:
    (path,) = written(tmp_path / "d", a="文件的内容")
    kb.add([tmp_path / "d"])
    path.unlink()
    written(path, x="文件夹里的内容")
    report = kb.add([tmp_path / "d"], sync=True)
    assert (report.added, report.removed) == (1, 1)


def test_a_failure_that_is_over_is_forgotten(kb: KnowledgeBase, tmp_path: Path) -> None:
    (path,) = written(tmp_path / "d", a="好的内容")
    kb.add([path])
    good = path.read_bytes()
    path.write_bytes(bytes(range(256)) * 20)
    kb.add([path])
    assert kb.info()["unfinished"] == [str(path)]
    path.write_bytes(good)
    kb.add([path])
    assert kb.info()["unfinished"] == []


def test_odd_requests_are_refused_as_such(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    with pytest.raises(NotFound):
        kb.document(10**30)
    with pytest.raises(NotFound):
        kb.remove([10**30])
    with pytest.raises(InputError, match="no field"):
        kb.documents(where=Equals("source = d.source OR d.source", "x"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty path"):
        kb.add([""])
    kb.add_texts([qianxun.TextItem("坏\udcff名", "题\ud800", "正文\udc80")])
    kb.close()
    with pytest.raises(InputError, match="closed"):
        kb.search("年假")


def test_the_name_of_a_holder_holds_no_argument(tmp_path: Path) -> None:
    code = (
        f"import qianxun; kb = qianxun.open({str(tmp_path / 'kb')!r}, overrides={list(OVERRIDES)!r}); kb.add_texts([])"
    )
    subprocess.run([sys.executable, "-c", code, "Zanzibarquokka"], check=True, timeout=60)
    assert not any(b"Zanzibar" in p.read_bytes() for p in (tmp_path / "kb").rglob("*") if p.is_file())
