"""The flow over sources: what is fetched, kept, labelled, removed and noted. A folder and a place in memory."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from source_conformance import SourceConformance
from web_server import serving

import qianxun
from qianxun import KnowledgeBase
from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound, SourceError
from qianxun.files import RawFile
from qianxun.protocols import Listed, Unlisted
from qianxun.records import Asker
from qianxun.settings import ReadingSettings
from qianxun.sources import folder, registry
from qianxun.sources.folder import FolderSource

LEAVE = "年假：每位員工每年享有五天帶薪年假，須提前兩週申請。"
EXPENSES = "Travel expenses are refunded within thirty days（三十天）."
OVERRIDES = ["encoder.name=hash", "reading.workers=1"]


class Shelf:
    """A place in memory. Tests change its class's attributes behind its back."""

    documents: ClassVar[dict[str, str | bytes | Exception]] = {}
    labels: ClassVar[dict[str, tuple[str, ...] | None]] = {}
    unlisted: ClassVar[list[Unlisted]] = []
    opened: ClassVar[list[str]] = []
    problem: ClassVar[Exception | None] = None
    during_open: ClassVar[Callable[[], object]] = lambda: None
    at_once: ClassVar[list[int]] = [0, 0]
    _guard = threading.Lock()

    def __init__(self, address: str) -> None:
        self.address = address

    def list(self) -> Iterator[Listed | Unlisted]:
        if Shelf.problem is not None:
            raise Shelf.problem
        for name, content in Shelf.documents.items():
            version = f"v{content!r}" if not name.startswith("unversioned") else ""
            yield Listed(f"{self.address}{name}", version, Shelf.labels.get(name), modified="2025-03-01T08:00:00Z")
        yield from Shelf.unlisted

    def open(self, uri: str, folder: Path) -> RawFile:
        name = uri.removeprefix(self.address)
        with Shelf._guard:
            Shelf.opened.append(name)
            Shelf.at_once[0] += 1
            Shelf.at_once[1] = max(Shelf.at_once)
        try:
            Shelf.during_open()
            content = Shelf.documents[name]
            if isinstance(content, Exception):
                raise content
            path = folder / f"{abs(hash((uri, time.monotonic_ns())))}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return RawFile.on_disk(path, uri, Path(name).suffix)
        finally:
            with Shelf._guard:
                Shelf.at_once[0] -= 1

    def holds(self, uri: str) -> bool:
        return uri.startswith(self.address)

    def close(self) -> None:
        pass


def open_shelf(address: str, settings: Any) -> Shelf:
    return Shelf(address)


ADDRESS = "shelf://文库/"


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    table: Any = registry.BUILT_IN
    monkeypatch.setitem(table, "shelf", "test_sources:open_shelf")
    import sys

    monkeypatch.setitem(sys.modules, "test_sources", sys.modules[__name__])
    for name, value in (("documents", {}), ("labels", {}), ("unlisted", []), ("opened", []), ("at_once", [0, 0])):
        monkeypatch.setattr(Shelf, name, value)
    monkeypatch.setattr(Shelf, "problem", None)
    monkeypatch.setattr(Shelf, "during_open", lambda: None)


def states(kb: KnowledgeBase, root: str | Path = ADDRESS) -> dict[str, str]:
    return {note.source.removeprefix(str(root)): note.state for note in kb.source_files(root)}


def labels(kb: KnowledgeBase) -> dict[str, tuple[str, ...]]:
    return {d.source.removeprefix(ADDRESS): d.labels for d in kb.documents()}


# -- fetching ------------------------------------------------------------------------------------------------


def test_only_what_changed_is_fetched(kb: KnowledgeBase) -> None:
    Shelf.documents |= {"年假.txt": LEAVE, "b.md": EXPENSES}
    report = kb.add(ADDRESS)
    assert (report.added, sorted(Shelf.opened)) == (2, ["b.md", "年假.txt"])
    assert {d.modified for d in kb.documents()} == {"2025-03-01T08:00:00Z"}
    assert states(kb) == {"年假.txt": "indexed", "b.md": "indexed"}
    Shelf.opened.clear()
    assert kb.add(ADDRESS).unchanged == 2
    assert Shelf.opened == []
    Shelf.documents["年假.txt"] = LEAVE.replace("五", "六")
    assert kb.add(ADDRESS).replaced == 1
    assert Shelf.opened == ["年假.txt"]
    assert states(kb) == {"年假.txt": "indexed", "b.md": "unchanged"}
    assert kb.search("年假有几天").passages[0].source == f"{ADDRESS}年假.txt"
    assert kb.check().ok


def test_without_a_version_the_bytes_decide(kb: KnowledgeBase) -> None:
    Shelf.documents["unversioned.txt"] = LEAVE
    kb.add(ADDRESS)
    before = kb.documents()
    assert kb.add(ADDRESS).unchanged == 1
    assert kb.documents() == before
    assert len(Shelf.opened) == 2


def test_the_order_is_that_of_the_listing(kb: KnowledgeBase) -> None:
    Shelf.documents |= {f"{n:03}.txt": f"第{n}条。" for n in range(60)}
    Shelf.during_open = lambda: time.sleep(0.001 * (len(Shelf.opened) % 5))
    kb.add(ADDRESS)
    assert [d.source for d in sorted(kb.documents(), key=lambda d: d.id)] == [f"{ADDRESS}{n:03}.txt" for n in range(60)]
    assert 1 < Shelf.at_once[1] <= 4


def test_a_document_that_cannot_be_fetched_costs_only_itself(kb: KnowledgeBase) -> None:
    broken = SourceError("{url}: the server answers HTTP {status}.", url=f"{ADDRESS}b.txt", status=500)
    Shelf.documents |= {"a.txt": LEAVE, "b.txt": broken, "c.txt": EXPENSES, "d.txt": ValueError("a source's own bug")}
    report = kb.add(ADDRESS)
    assert report.added == 2
    assert [source for source, _ in report.failed] == [f"{ADDRESS}b.txt", f"{ADDRESS}d.txt"]
    assert states(kb) == {"a.txt": "indexed", "b.txt": "failed", "c.txt": "indexed", "d.txt": "failed"}
    # It is asked for again without being told to.
    Shelf.documents["b.txt"] = "b"
    assert kb.add(ADDRESS).added == 1
    # What there was stays searchable when it fails later.
    Shelf.documents["a.txt"] = broken
    assert len(kb.add(ADDRESS, sync=True).failed) == 2
    assert kb.search("年假有几天").passages[0].source == f"{ADDRESS}a.txt"
    assert kb.check().ok


def test_what_cannot_be_read_is_retried_only_when_told(kb: KnowledgeBase) -> None:
    Shelf.documents["a.pdf"] = b"%PDF-1.4 nothing"
    assert len(kb.add(ADDRESS).failed) == 1
    Shelf.opened.clear()
    assert len(kb.add(ADDRESS).failed) == 1
    assert Shelf.opened == []
    assert len(kb.add(ADDRESS, retry=True).failed) == 1
    assert Shelf.opened == ["a.pdf"]


def test_kinds_that_are_not_read_are_counted_and_not_fetched(kb: KnowledgeBase) -> None:
    Shelf.documents |= {"a.xyz": b"\0", "b": b"\0", "c.txt": LEAVE}
    report = kb.add(ADDRESS)
    assert report.skipped_suffixes == {".xyz": 1, "": 1}
    assert Shelf.opened == ["c.txt"]


def test_progress_is_truthful(kb: KnowledgeBase) -> None:
    Shelf.documents |= {f"{n}.txt": f"第{n}条。" for n in range(20)} | {"x.xyz": b"", "bad.txt": ValueError("x")}
    seen: list[tuple[int, int | None]] = []
    kb.add(ADDRESS, progress=lambda p: seen.append((p.done, p.total)) if p.stage == "reading" else None)
    assert {total for _, total in seen} == {21}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (21, 21)


def test_members_of_a_fetched_archive(kb: KnowledgeBase, tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "a.zip"
    for files in ({"年假.txt": LEAVE, "b.txt": EXPENSES}, {"年假.txt": LEAVE}):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        Shelf.documents["a.zip"] = path.read_bytes()
        kb.add(ADDRESS)
    assert states(kb) == {"a.zip": "indexed", "a.zip!年假.txt": "unchanged", "a.zip!b.txt": "removed"}
    assert kb.search("年假有几天").passages[0].source == f"{ADDRESS}a.zip!年假.txt"
    del Shelf.documents["a.zip"]
    assert kb.add(ADDRESS, sync=True).removed == 2
    assert kb.documents() == []


def test_what_is_fetched_lies_where_nobody_else_may_look_and_no_longer_than_needed(kb: KnowledgeBase) -> None:
    folder = kb.directory / "fetched"
    modes: list[int] = []
    Shelf.documents |= {f"{n}.txt": f"第{n}条。" for n in range(30)}
    Shelf.during_open = lambda: modes.append(folder.stat().st_mode & 0o777)
    kb.add(ADDRESS)
    assert set(modes) == {0o700}
    assert not folder.exists()
    Shelf.documents["a.txt"] = LEAVE

    def stop(progress: Any) -> None:
        if progress.stage == "reading":
            assert folder.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.add(ADDRESS, progress=stop)
    assert not folder.exists()


def test_a_run_that_is_stopped_goes_on(kb: KnowledgeBase) -> None:
    Shelf.documents |= {f"{n:03}.txt": f"第{n}条。" * 200 for n in range(120)}

    def stop(progress: Any) -> None:
        if progress.stage == "reading" and progress.done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.add(ADDRESS, progress=stop)
    (root,) = kb.sources()
    assert root.finished == ""
    n_done = len(kb.documents())
    assert 0 < n_done < 120
    Shelf.opened.clear()
    report = kb.add(ADDRESS)
    assert (report.unchanged, report.added) == (n_done, 120 - n_done)
    assert len(Shelf.opened) == 120 - n_done
    (root,) = kb.sources()
    assert root.finished >= root.begun
    assert kb.check().ok


# -- removing ------------------------------------------------------------------------------------------------


def test_what_vanished_is_removed_by_sync_and_noted_until_compact(kb: KnowledgeBase) -> None:
    Shelf.documents |= {"a.txt": LEAVE, "b.txt": EXPENSES}
    kb.add(ADDRESS)
    del Shelf.documents["b.txt"]
    assert kb.add(ADDRESS).removed == 0
    assert states(kb) == {"a.txt": "unchanged", "b.txt": "indexed"}
    assert kb.add(ADDRESS, sync=True).removed == 1
    assert states(kb) == {"a.txt": "unchanged", "b.txt": "removed"}
    kb.compact()
    assert states(kb) == {"a.txt": "unchanged"}
    Shelf.documents["b.txt"] = EXPENSES
    kb.add(ADDRESS)
    assert states(kb) == {"a.txt": "unchanged", "b.txt": "indexed"}


def test_what_could_not_be_looked_into_is_not_gone(kb: KnowledgeBase) -> None:
    Shelf.documents |= {"深/a.txt": LEAVE, "深处.txt": "x", "b.txt": EXPENSES}
    kb.add(ADDRESS)
    Shelf.documents.clear()
    Shelf.unlisted.append(Unlisted(f"{ADDRESS}深", "it is closed"))
    report = kb.add(ADDRESS, sync=True)
    assert report.removed == 2
    assert [source for source, _ in report.failed] == [f"{ADDRESS}深"]
    assert states(kb) == {"深": "failed", "深/a.txt": "indexed", "深处.txt": "removed", "b.txt": "removed"}
    Shelf.unlisted.clear()
    assert kb.add(ADDRESS, sync=True).removed == 1
    assert states(kb) == {"深/a.txt": "removed", "深处.txt": "removed", "b.txt": "removed"}


def test_a_place_that_cannot_be_listed_keeps_everything(kb: KnowledgeBase) -> None:
    Shelf.documents["a.txt"] = LEAVE
    kb.add(ADDRESS)
    Shelf.problem = SourceError("{url} cannot be reached ({error}).", url=ADDRESS, error="no route")
    with pytest.raises(SourceError, match="no route"):
        kb.add(ADDRESS, sync=True)
    assert len(kb.documents()) == 1
    (root,) = kb.sources()
    assert "no route" in root.problem
    Shelf.problem = None
    kb.add(ADDRESS)
    assert kb.sources()[0].problem == ""


CANARY = "紫晶海豚"


def traces(kb: KnowledgeBase) -> list[Path]:
    needles = [CANARY.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for path in kb.directory.rglob("*") if path.is_file()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


@pytest.mark.parametrize("by", ["hand", "sync"])
def test_a_name_that_was_removed_is_in_no_byte(kb: KnowledgeBase, by: str) -> None:
    Shelf.documents |= {f"{CANARY}.txt": "x", "b.txt": EXPENSES, f"{CANARY}.pdf": b"%PDF-1.4"}
    kb.add(ADDRESS)
    assert traces(kb)
    del Shelf.documents[f"{CANARY}.txt"], Shelf.documents[f"{CANARY}.pdf"]
    if by == "hand":
        kb.remove([f"{ADDRESS}*{CANARY}*"])
        assert states(kb) == {"b.txt": "indexed"}
    else:
        kb.add(ADDRESS, sync=True)
        assert sorted(states(kb).values()) == ["removed", "removed", "unchanged"]
    kb.compact()
    assert traces(kb) == []


@pytest.mark.parametrize("place", ["folder", "address"])
def test_what_is_removed_by_hand_while_it_is_added_leaves_no_name(
    kb: KnowledgeBase, tmp_path: Path, place: str
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in (f"{CANARY}.txt", "b.txt", "c.txt"):
        (docs / name).write_text(name[-5:], encoding="utf-8")
        Shelf.documents[name] = name[-5:]
    removed: list[int] = []

    def remove(progress: Any) -> None:
        if progress.stage == "indexing" and not removed:
            removed.append(1)
            with qianxun.open(kb.directory, overrides=OVERRIDES, wait=False) as other:
                other.remove([f"*{CANARY}*"])

    kb.add(docs if place == "folder" else ADDRESS, progress=remove)
    assert removed
    (root,) = kb.sources()
    assert root.files == {"indexed": 2}
    kb.compact()
    assert traces(kb) == []


def test_a_root_of_which_a_person_removed_everything_is_forgotten(kb: KnowledgeBase, tmp_path: Path) -> None:
    path = tmp_path / f"{CANARY}.txt"
    path.write_text(EXPENSES, encoding="utf-8")
    Shelf.documents["a.txt"] = LEAVE
    kb.add([str(path), ADDRESS])
    assert {root.address for root in kb.sources()} == {str(path), ADDRESS}
    kb.remove([path])
    assert [root.address for root in kb.sources()] == [ADDRESS]
    kb.compact()
    assert traces(kb) == []


# -- labels --------------------------------------------------------------------------------------------------


def test_labels_of_a_source_are_in_force_at_every_run(kb: KnowledgeBase) -> None:
    Shelf.documents |= {"a.txt": LEAVE, "b.txt": EXPENSES, "c.txt": "nobody says"}
    Shelf.labels |= {"a.txt": ("hr",), "b.txt": ()}
    kb.add(ADDRESS, labels=["given"])
    assert labels(kb) == {"a.txt": ("hr",), "b.txt": (), "c.txt": ("given",)}
    # Other labels with the same bytes; a lost one; a hand-made one that the source does not have.
    kb.label([f"{ADDRESS}a.txt"], add=["extra"])
    Shelf.labels |= {"a.txt": ("board",), "b.txt": ("public",)}
    Shelf.opened.clear()
    kb.add(ADDRESS)
    assert Shelf.opened == []
    assert labels(kb) == {"a.txt": ("board",), "b.txt": ("public",), "c.txt": ("given",)}
    assert kb.search("年假", asker=Asker.of("hr", "extra")).passages == ()
    # New bytes and no labels any more.
    Shelf.documents["a.txt"] = LEAVE * 2
    Shelf.labels["a.txt"] = ()
    assert kb.add(ADDRESS).replaced == 1
    assert labels(kb)["a.txt"] == ()
    assert kb.check().ok


def test_a_label_is_lost_at_once_even_if_the_bytes_cannot_be_had(kb: KnowledgeBase) -> None:
    Shelf.documents["a.txt"] = LEAVE
    Shelf.labels["a.txt"] = ("hr", "public")
    kb.add(ADDRESS)
    Shelf.documents["a.txt"] = SourceError("{url} cannot be reached ({error}).", url="a", error="x")
    Shelf.labels["a.txt"] = ("hr",)
    kb.add(ADDRESS)
    assert labels(kb) == {"a.txt": ("hr",)}
    assert kb.search("年假", asker=Asker.of("public")).passages == ()


def test_labels_of_a_source_hold_for_what_is_inside_its_files(kb: KnowledgeBase, tmp_path: Path) -> None:
    import zipfile

    def packed(**files: str) -> bytes:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(f"{name}.txt", text)
        return (tmp_path / "a.zip").read_bytes()

    Shelf.documents["a.zip"] = packed(a=LEAVE)
    Shelf.labels["a.zip"] = ("hr",)
    kb.add(ADDRESS, labels=["given"])
    assert set(labels(kb).values()) == {("hr",)}
    Shelf.labels["a.zip"] = ("board",)
    kb.add(ADDRESS)
    assert set(labels(kb).values()) == {("board",)}
    Shelf.documents["a.zip"] = packed(a=LEAVE, b=EXPENSES)
    Shelf.labels["a.zip"] = ()
    kb.add(ADDRESS, labels=["given"])
    assert labels(kb) == {"a.zip": (), "a.zip!a.txt": (), "a.zip!b.txt": ()}


def test_what_moved_within_a_place_keeps_its_labels_and_a_copy_gets_none(kb: KnowledgeBase, tmp_path: Path) -> None:
    Shelf.documents["a.txt"] = LEAVE
    kb.add(ADDRESS)
    kb.label([f"{ADDRESS}a.txt"], add=["hr"], remove=["public"])
    copy = tmp_path / "copy.txt"
    copy.write_text(LEAVE, encoding="utf-8")
    kb.add(copy)  # the address is no path: that no file has its name says nothing
    assert next(d.labels for d in kb.documents() if d.source == str(copy)) == ("public",)
    del Shelf.documents["a.txt"]
    Shelf.documents["b.txt"] = LEAVE
    kb.add(ADDRESS, sync=True)
    assert labels(kb)["b.txt"] == ("hr",)


# -- folders -------------------------------------------------------------------------------------------------


class FolderPlace:
    def __init__(self, folder: Path, without: Path) -> None:
        self.folder, self.without = folder, without
        folder.mkdir()

    def source(self) -> Any:
        return FolderSource(self.folder, ReadingSettings(), self.without)

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)

    def delete(self, name: str) -> None:
        (self.folder / name).unlink()


class TestFolderConformance(SourceConformance):
    @pytest.fixture(params=[True, False], ids=["settled", "fresh"])
    def place(self, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FolderPlace:
        if request.param:
            monkeypatch.setattr(folder, "_SETTLED_SECONDS", -1.0)
        return FolderPlace(tmp_path / "文档", tmp_path / "kb")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_who_may_read_a_file_is_its_label(tmp_path: Path) -> None:
    import grp
    import pwd

    group, user = grp.getgrgid(os.getgid()).gr_name, pwd.getpwuid(os.getuid()).pw_name
    docs = tmp_path / "文档"
    (docs / "组").mkdir(parents=True)
    (docs / "私").mkdir()
    modes = {"公.txt": 0o644, "组.txt": 0o640, "私.txt": 0o600, "组/公.txt": 0o644, "私/公.txt": 0o644}
    for name, mode in modes.items():
        (docs / name).write_text(f"{name}：年假五天。", encoding="utf-8")
        (docs / name).chmod(mode)
    docs.chmod(0o755)
    (docs / "组").chmod(0o750)
    (docs / "私").chmod(0o700)
    with qianxun.open(tmp_path / "kb", overrides=[*OVERRIDES, "reading.permission_labels=true"]) as kb:
        kb.add(docs, labels=["given"])
        found = {str(Path(d.source).relative_to(docs)): d.labels for d in kb.documents()}
        of_group, of_user = (f"group:{group}",), (f"user:{user}",)
        assert found == {
            "公.txt": ("public",), "组.txt": of_group, "私.txt": of_user, "组/公.txt": of_group, "私/公.txt": of_user
        }  # fmt: skip
        (docs / "公.txt").chmod(0o600)
        (docs / "组").chmod(0o755)
        assert kb.add(docs).unchanged == 5
        found = {str(Path(d.source).relative_to(docs)): d.labels for d in kb.documents()}
        assert (found["公.txt"], found["组/公.txt"]) == (of_user, ("public",))


def test_a_source_given_as_such_takes_away_only_its_own(kb: KnowledgeBase, documents: Path) -> None:
    Shelf.documents = {"a.txt": LEAVE, "b.txt": EXPENSES, "内/c.txt": LEAVE}
    kb.add([Shelf(ADDRESS)], sync=True)
    kb.add_texts([qianxun.TextItem(f"{ADDRESS}faq", "", EXPENSES)])
    kb.add(documents)
    before = {d.source for d in kb.documents()}
    Shelf.documents = {"a.txt": LEAVE}
    Shelf.unlisted = [Unlisted(f"{ADDRESS}内/", "closed today")]
    assert kb.add([Shelf(ADDRESS)], sync=True).removed == 1
    assert {d.source for d in kb.documents()} == before - {f"{ADDRESS}b.txt"}
    # What another place has listed that cannot be reached now, or in part, stays as well.
    kb.add(f"{ADDRESS}内/")
    Shelf.unlisted = []

    class Broken(Shelf):
        def list(self) -> Iterator[Listed | Unlisted]:
            raise SourceError("{address} is away.", remedy="Wait.", address=self.address)

    report = kb.add([Broken(ADDRESS), Shelf(ADDRESS)], sync=True)
    assert [source for source, _ in report.failed] == [ADDRESS]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_rights_that_no_one_label_says_are_for_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    from qianxun.sources import folder

    members = {("王", "hr"), ("lee", "财务")}
    monkeypatch.setattr(folder, "_is_member", lambda user, group: (user, group) in members)
    monkeypatch.setattr(folder, "_user_name", {1: "王", 2: "lee"}.__getitem__)
    cases = {
        ("public", "public", 1): "public",
        ("group:hr", "public", 1): "group:hr",
        ("public", "user:王", 2): "user:王",
        ("group:hr", "group:hr", 1): "group:hr",
        # In both groups: no label says so.
        ("group:hr", "group:财务", 1): "",
        ("user:王", "user:lee", 1): "",
        # A member may enter; another owner may not.
        ("user:王", "group:hr", 1): "user:王",
        ("user:lee", "group:hr", 2): "",
        # In a folder of one's own, what is one's own or one's group's.
        ("group:财务", "user:王", 1): "user:王",
        ("group:hr", "user:王", 2): "user:王",
        ("group:财务", "user:王", 2): "",
        ("public", "", 1): "",
        ("group:hr", "", 1): "",
    }
    assert {case: folder._both(*case) for case in cases} == cases


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_what_everybody_may_read_in_a_folder_for_nobody_has_no_label(tmp_path: Path) -> None:
    from qianxun.sources import folder

    inner = tmp_path / "内"
    inner.mkdir()
    (inner / "公.txt").write_text("年假", encoding="utf-8")
    (inner / "公.txt").chmod(0o644)
    readers = folder._Readers(tmp_path)
    readers._of_folder[inner] = ""  # in two groups' folders, one within the other
    assert readers.of(inner / "公.txt", (inner / "公.txt").stat()) == ()


def test_a_folder_is_noted_file_by_file(kb: KnowledgeBase, documents: Path) -> None:
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (documents / "leer.txt").write_bytes(b"")
    (documents / "unklar.txt").write_bytes("年假".encode("gbk"))
    kb.add(documents)
    found = {name.lstrip("/"): state for name, state in states(kb, documents).items()}
    assert found == {
        "broken.pdf": "failed", "leer.txt": "empty", "mixed.txt": "indexed", "oncall.md": "indexed",
        "unklar.txt": "needs attention", "人事/年假.md": "indexed", "人事/薪酬.txt": "indexed", "加班.txt": "indexed",
    }  # fmt: skip
    (documents / "oncall.md").unlink()
    kb.add(documents, sync=True)
    (root,) = kb.sources()
    assert root.files == {"unchanged": 4, "empty": 1, "needs attention": 1, "failed": 1, "removed": 1}
    assert root.address == str(documents)
    with pytest.raises(NotFound, match="never added"):
        kb.source_files(documents / "人事")
    kb.forget_source(documents)
    assert kb.sources() == []
    assert len(kb.documents()) == 7


def test_everything_that_was_added_is_synced_again(kb: KnowledgeBase, documents: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    (gone / "g.txt").write_text("verschwunden", encoding="utf-8")
    Shelf.documents["a.txt"] = LEAVE
    kb.add([documents, gone])
    kb.add(ADDRESS, labels=["hr"])
    (documents / "oncall.md").unlink()
    (documents / "neu.txt").write_text("新的文件", encoding="utf-8")
    Shelf.documents["b.txt"] = EXPENSES
    (gone / "g.txt").unlink()
    gone.rmdir()
    report = kb.sync()
    assert (report.added, report.removed) == (2, 1)
    # Of a folder that is gone as a whole nothing is taken as gone: a disk may not be mounted.
    assert [source for source, _ in report.failed] == [str(gone)]
    assert any(d.source.endswith("g.txt") for d in kb.documents())
    # A new document is for those for whom its place was added, not for everybody.
    assert labels(kb)["b.txt"] == ("hr",)
    Shelf.problem = SourceError("{url} cannot be reached ({error}).", url=ADDRESS, error="no route")
    report = kb.sync()
    assert sorted(source for source, _ in report.failed) == sorted([str(gone), ADDRESS])


def test_unknown_addresses_are_named(kb: KnowledgeBase) -> None:
    with pytest.raises(InputError, match=r"gopher.*Known: .*https.*shelf"):
        kb.add("gopher://a/b")
    assert kb.sources() == []


def test_a_plugin_is_found_by_its_scheme(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    point = metadata.EntryPoint("regal+https", "test_sources:open_shelf", "qianxun.sources")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "qianxun.sources" else [])
    Shelf.documents["a.txt"] = LEAVE
    assert kb.add("regal+https://a.example/").added == 1
    assert kb.documents()[0].source == "regal+https://a.example/a.txt"


def test_watching_an_address_looks_every_so_often(tmp_path: Path) -> None:
    Shelf.documents["a.txt"] = LEAVE
    folder_ = tmp_path / "docs"
    folder_.mkdir()
    (folder_ / "x.txt").write_text("eins")
    stop = threading.Event()
    reports: list[Any] = []
    with qianxun.open(tmp_path / "kb", overrides=[*OVERRIDES, "sources.poll_seconds=1"]) as kb:
        for report in kb.watch([folder_, ADDRESS], stop=stop):
            reports.append(report)
            if len(reports) == 2:
                Shelf.documents["b.txt"] = EXPENSES
                Shelf.problem = SourceError("{url} cannot be reached ({error}).", url=ADDRESS, error="x")
            if len(reports) == 3:
                Shelf.problem = None
            if len(reports) == 4:
                stop.set()
    assert [getattr(report, "added", None) for report in reports] == [1, 1, None, 1]
    assert isinstance(reports[2], SourceError)


# -- the command line ----------------------------------------------------------------------------------------


def command(tmp_path: Path, *words: str) -> int:
    return main([*words, "--kb", str(tmp_path / "kb"), "--set", "encoder.name=hash"])


def test_the_command_shows_roots_and_files(tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Shelf.documents |= {"a.txt": LEAVE, "b.txt": SourceError("{url} cannot be reached ({error}).", url="b", error="x")}
    assert command(tmp_path, "add", ADDRESS, str(documents), "--label", "hr") == 3
    capsys.readouterr()
    assert command(tmp_path, "sources") == 0
    out = capsys.readouterr().out
    assert ADDRESS in out
    assert "indexed 1, failed 1" in out
    assert command(tmp_path, "sources", ADDRESS, "--status", "failed", "--json") == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["source"], file["status"]) == (f"{ADDRESS}b.txt", "failed")
    assert "cannot be reached" in file["reason"]
    assert command(tmp_path, "sources", "--files", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 7
    del Shelf.documents["b.txt"]
    assert command(tmp_path, "sources", "--sync", "--json") == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 1
    assert command(tmp_path, "sources", ADDRESS, "--language", "zh") == 0
    assert "状态\t来源" in capsys.readouterr().out
    assert command(tmp_path, "sources", "--forget", ADDRESS, "--json") == 0
    assert [root["address"] for root in json.loads(capsys.readouterr().out)["sources"]] == [str(documents)]
    assert command(tmp_path, "sources", "--sync", ADDRESS) == 2
    assert command(tmp_path, "sources", "nowhere") == 4


def test_the_command_takes_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Shelf.documents |= {"深/a.txt": LEAVE, "b.txt": EXPENSES}
    assert command(tmp_path, "add", ADDRESS) == 0
    capsys.readouterr()
    assert command(tmp_path, "list", "--source", f"{ADDRESS}深", "--json") == 0
    assert [d["source"] for d in json.loads(capsys.readouterr().out)["documents"]] == [f"{ADDRESS}深/a.txt"]
    assert command(tmp_path, "remove", f"{ADDRESS}深", "--yes") == 0
    assert command(tmp_path, "add", "nirgends://x/") == 2
    assert "Known:" in capsys.readouterr().err


def test_a_page_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving() as web:
        web.page("/年假", LEAVE)
        monkeypatch.setenv("QIANXUN_SOURCES__ALLOW_NETWORKS", "127.0.0.0/8")
        monkeypatch.setenv("QIANXUN_SOURCES__DELAY_SECONDS", "0")
        assert command(tmp_path, "add", web.address("/年假")) == 0
        assert command(tmp_path, "add", web.address("/nichts")) == SourceError.exit_code
        assert "HTTP 404" in capsys.readouterr().err
