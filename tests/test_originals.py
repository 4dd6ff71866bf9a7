"""Files that were handed over: kept as long as a document has their bytes, and no moment longer, whatever crashes."""

import os
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from test_deletion import CANARY, CANARY_EN, traces

import qianxun
from qianxun.errors import NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.storage.originals import Originals

LEAVE = "年假：五天。".encode()
STIPEND = "值班補貼：300 yuan a night.".encode()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "送来"
    folder.mkdir()
    (folder / "0").write_bytes(LEAVE)
    (folder / "1").write_bytes(STIPEND)
    return folder


def kept(kb: KnowledgeBase) -> set[str]:
    return {path.name for path in (kb.directory / "originals").rglob("*") if path.is_file()}


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def test_a_new_version_takes_the_place_of_the_old_one(kb: KnowledgeBase, files: Path) -> None:
    kb.add_handed({"年假.txt": files / "0"})
    assert kept(kb) == {digest(LEAVE)}
    kb.add_handed({"年假.txt": files / "1"})
    assert kept(kb) == {digest(STIPEND)}
    assert kb.check().ok


def test_handing_over_again_changes_nothing(kb: KnowledgeBase, files: Path) -> None:
    for _ in range(2):
        kb.add_handed({"a.txt": files / "0", "b.txt": files / "1"})
    assert kept(kb) == {digest(LEAVE), digest(STIPEND)}
    (files / "0").unlink()
    (document,) = [d for d in kb.documents() if d.source == "a.txt"]
    with kb.original(document.id).stream as stream:
        assert stream.read() == LEAVE


def test_its_date_is_that_of_the_file(kb: KnowledgeBase, files: Path) -> None:
    os.utime(files / "0", (1_740_816_000, 1_740_816_000))
    kb.add_handed({"制度／年假.txt": files / "0"})
    assert [one.modified for one in kb.documents()] == ["2025-03-01T08:00:00Z"]
    os.utime(files / "0")  # handed over again, it has not changed
    kb.add_handed({"制度／年假.txt": files / "0"})
    assert [one.modified for one in kb.documents()] == ["2025-03-01T08:00:00Z"]


def test_what_cannot_be_read_is_given_back_all_the_same(kb: KnowledgeBase, files: Path) -> None:
    (files / "0").write_bytes(b"%PDF-1.7 broken")
    report = kb.add_handed({"坏.pdf": files / "0"})
    assert [source for source, _ in report.failed] == ["坏.pdf"]
    (document,) = kb.documents()
    with kb.original(document.id).stream as stream:
        assert stream.read() == b"%PDF-1.7 broken"


def test_a_file_inside_another_has_no_original_of_its_own(kb: KnowledgeBase, files: Path) -> None:
    import zipfile

    with zipfile.ZipFile(files / "0", "w") as archive:
        archive.writestr("年假.txt", LEAVE)
    kb.add_handed({"制度.zip": files / "0"})
    inside, whole = sorted(kb.documents(), key=lambda d: -len(d.source))
    assert inside.source == "制度.zip!年假.txt"
    with kb.original(whole.id).stream as stream:
        assert stream.read(2) == b"PK"
    with pytest.raises(NotFound):
        kb.original(inside.id)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_crash_while_one_is_kept_leaves_nothing_that_check_finds(
    kb: KnowledgeBase, files: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    put = Originals._put

    def crash(self: Originals, digest: str, file: Path) -> None:
        if place == "after":
            put(self, digest, file)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Originals, "_put", crash)
        with pytest.raises(KeyboardInterrupt):
            kb.add_handed({"年假.txt": files / "0"})
    assert kb.check().ok
    assert kept(kb) == set()
    kb.add_handed({"年假.txt": files / "0"})
    assert kept(kb) == {digest(LEAVE)}
    assert kb.check().ok


def test_check_finds_what_does_not_go_together_and_rebuild_mends_it(kb: KnowledgeBase, files: Path) -> None:
    kb.add_handed({"a.txt": files / "0", "b.txt": files / "1"})
    originals = kb.directory / "originals"
    (originals / "ab").mkdir(exist_ok=True)
    (originals / "ab" / "abcd").write_bytes(b"stray")
    next(originals.rglob(digest(LEAVE))).unlink()
    with kb._store.transaction() as db:
        db.execute("INSERT INTO originals VALUES ('no document')")
    found = {(p.kind, p.name) for p in kb.check().problems}
    assert found == {
        ("orphan", "abcd"),
        ("gap", digest(LEAVE)),
        ("orphan", "no document"),
        ("gap", "no document"),
    }
    kb.rebuild()
    assert kb.check().ok
    assert kept(kb) == {digest(STIPEND)}


def test_removed_and_compacted_is_in_no_byte_of_originals_either(tmp_path: Path, files: Path) -> None:
    (files / "0").write_text(f"# {CANARY}\n\n{CANARY_EN}。", encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add_handed({"秘密.md": files / "0", "b.txt": files / "1"})
        assert any("originals" in trace for trace in traces(tmp_path / "kb"))
        kb.remove(["秘密.md"])
        assert not any("originals" in trace for trace in traces(tmp_path / "kb"))
        kb.compact()
        assert traces(tmp_path / "kb") == []
        assert kb.check().ok


def test_whatever_is_done_in_whatever_order_files_are_those_of_documents(kb: KnowledgeBase, files: Path) -> None:
    rng = random.Random(11)
    contents = [f"内容 {n}：text {n}".encode() for n in range(4)]
    expected: dict[str, bytes] = {}
    for _ in range(9):
        name = f"{rng.choice('甲乙丙')}.txt"
        if rng.random() < 0.6:
            data = rng.choice(contents)
            (files / "x").unlink(missing_ok=True)
            (files / "x").write_bytes(data)
            kb.add_handed({name: files / "x"})
            expected[name] = data
        elif name in expected:
            kb.remove([name])
            del expected[name]
        assert kept(kb) == {digest(data) for data in expected.values()}
    assert kb.check().ok
