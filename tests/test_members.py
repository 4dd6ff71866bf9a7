"""Files inside files, from the archive to the search result: found, replaced, relabelled, removed, never half."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from email.message import EmailMessage
from pathlib import Path

import pytest
from test_reading import odd  # noqa: F401 (a fixture)

import qianxun
from qianxun import KnowledgeBase
from qianxun.documents.reading import Ended, MemberEnded, Opened, ReadJob, read_all
from qianxun.records import Status
from qianxun.settings import ReadingSettings, SplittingSettings

LEAVE = "年假：每位员工每年享有五天带薪年假，须提前两周申请。"
EXPENSES = "Travel expenses are refunded within thirty days of the request."
CANTEEN = "食堂開放時間為上午十一點半至下午一點半，週末不開放。"


def zipped(path: Path, files: "dict[str, str | bytes]") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def zip_bytes(files: "dict[str, str | bytes]") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sources(kb: KnowledgeBase) -> "dict[str, Status]":
    return {Path(d.source).name if "!" not in d.source else d.source.split("/")[-1]: d.status for d in kb.documents()}


def consistent(kb: KnowledgeBase) -> bool:
    return bool(kb.check().ok)


def first_source(kb: KnowledgeBase, question: str) -> str:
    return kb.search(question).passages[0].source


def test_members_are_documents(tmp_path: Path) -> None:
    path = zipped(tmp_path / "资料.zip", {"人事/年假.txt": LEAVE, "expenses.md": EXPENSES, "logo.xyz": b"\x00\x01"})
    with qianxun.open(tmp_path / "kb") as kb:
        report = kb.add(path)
        assert report.failed == []
        assert report.skipped_suffixes == {".xyz": 1}
        assert first_source(kb, "年假有几天") == f"{path}!人事/年假.txt"
        assert first_source(kb, "When are travel expenses refunded?") == f"{path}!expenses.md"
        again = kb.add(path)
        assert (again.added, again.replaced, again.chunks) == (0, 0, 0)
        assert consistent(kb)


def test_archives_in_archives(tmp_path: Path) -> None:
    inner = zip_bytes({"canteen.txt": CANTEEN})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("deep.zip")
        entry.size = len(inner)
        archive.addfile(entry, io.BytesIO(inner))
    path = zipped(tmp_path / "outer.zip", {"middle.tgz": buffer.getvalue(), "leave.txt": LEAVE})
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        assert first_source(kb, "食堂几点开放") == f"{path}!middle.tgz!deep.zip!canteen.txt"
        deep = zip_bytes({"canteen.txt": CANTEEN})
        for _ in range(6):
            deep = zip_bytes({"in.zip": deep})
        report = kb.add(zipped(tmp_path / "deep.zip", {"in.zip": deep}))
        assert any("archives within archives" in reason for _, reason in report.failed)


def test_a_letter_and_its_attachments(tmp_path: Path) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "王芳 <wang@example.com>", "li@example.com", "关于食堂"
    letter["Date"] = "Tue, 04 Mar 2025 09:30:00 +0800"
    letter.set_content(CANTEEN)
    letter.add_attachment(LEAVE.encode(), maintype="text", subtype="plain", filename="年假.txt")
    path = tmp_path / "letter.eml"
    path.write_bytes(letter.as_bytes())
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        assert first_source(kb, "食堂几点开放") == str(path)
        assert first_source(kb, "年假有几天") == f"{path}!年假.txt"


def test_a_changed_archive_replaces_drops_and_spares(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"leave.txt": LEAVE, "expenses.txt": EXPENSES, "canteen.txt": CANTEEN})
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        before = {d.source: d.id for d in kb.documents()}
        zipped(path, {"leave.txt": LEAVE, "expenses.txt": EXPENSES.replace("thirty", "forty")})
        report = kb.add(path)
        after = {d.source: d.id for d in kb.documents()}
        assert after[f"{path}!leave.txt"] == before[f"{path}!leave.txt"]  # as it was
        assert after[f"{path}!expenses.txt"] != before[f"{path}!expenses.txt"]
        assert f"{path}!canteen.txt" not in after
        assert report.removed == 1
        assert "forty" in kb.search("When are travel expenses refunded?").passages[0].text
        assert all("canteen" not in p.source for p in kb.search("食堂几点开放").passages)


def test_a_member_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"broken.pdf": b"%PDF-1.4 nothing", "leave.txt": LEAVE, "empty.txt": b""})
    with qianxun.open(tmp_path / "kb") as kb:
        report = kb.add(path)
        assert [source for source, _ in report.failed] == [f"{path}!broken.pdf"]
        assert [source for source, _ in report.empty] == [f"{path}!empty.txt"]
        assert first_source(kb, "年假有几天") == f"{path}!leave.txt"


def test_a_broken_archive_leaves_what_was_read_before(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"leave.txt": LEAVE})
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        path.write_bytes(path.read_bytes()[:-30])
        report = kb.add(path)
        assert len(report.failed) == 1
        assert first_source(kb, "年假有几天") == f"{path}!leave.txt"


def test_two_members_of_one_name_are_two(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for content in (LEAVE, CANTEEN):
            entry = tarfile.TarInfo("same.txt")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        assert first_source(kb, "年假有几天") == f"{path}!same.txt"
        assert first_source(kb, "食堂几点开放") == f"{path}!same (2).txt"


def test_labels_of_an_archive_are_those_of_what_is_in_it(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"leave.txt": LEAVE})
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path, labels=["hr"])
        assert {d.labels for d in kb.documents()} == {("hr",)}
        kb.label([str(path)], add=["board"], remove=["hr"])
        assert {d.labels for d in kb.documents()} == {("board",)}
        # New in it: for those who may see the archive, not for everybody.
        zipped(path, {"leave.txt": LEAVE, "canteen.txt": CANTEEN})
        kb.add(path)
        assert {d.labels for d in kb.documents()} == {("board",)}
        # Moved: it keeps them too.
        moved = tmp_path / "moved.zip"
        path.rename(moved)
        kb.add(moved)
        assert {d.labels for d in kb.documents() if d.source.startswith(str(moved))} == {("board",)}
        kb.add(moved, labels=["all"])
        assert {d.labels for d in kb.documents() if d.source.startswith(str(moved))} == {("all",)}


@pytest.mark.parametrize("by", ["path", "id", "glob"])
def test_an_archive_is_removed_with_what_is_in_it(tmp_path: Path, by: str) -> None:
    path = zipped(tmp_path / "a.zip", {"leave.txt": LEAVE, "b.zip": zip_bytes({"canteen.txt": CANTEEN})})
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(path)
        own = next(d.id for d in kb.documents() if d.source == str(path))
        receipt = kb.remove([{"path": str(path), "id": own, "glob": "*.zip"}[by]])
        assert len(receipt.documents) == 4
        assert kb.documents() == []
        assert consistent(kb)


def test_sync_takes_away_what_was_in_a_vanished_archive_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    gone = zipped(folder / "gone.zip", {"leave.txt": LEAVE})
    zipped(folder / "stays!.zip", {"canteen.txt": CANTEEN})
    (folder / "a!b.txt").write_text(EXPENSES, encoding="utf-8")
    with qianxun.open(tmp_path / "kb") as kb:
        kb.add(folder)
        gone.unlink()
        kb.add(folder, sync=True)
        assert set(sources(kb)) == {"stays!.zip", "stays!.zip!canteen.txt", "a!b.txt"}


def test_retry_reads_what_failed_inside(tmp_path: Path, odd: Path) -> None:  # noqa: F811
    path = zipped(odd / "a.zip", {"a.odd": "bug", "leave.txt": LEAVE})
    with qianxun.open(tmp_path / "kb") as kb:
        assert len(kb.add(path).failed) == 1
        assert len(kb.add(path).failed) == 1  # not tried again, but not forgotten either
        assert len(kb.add(path, retry=True).failed) == 1


# -- processes -----------------------------------------------------------------------------------------------


def events_of(path: Path, **settings: object) -> list[object]:
    reading = ReadingSettings(**settings)  # type: ignore[arg-type]
    return [
        event
        for message in read_all([ReadJob(path.name, path)], reading, SplittingSettings())
        for event in message.events
    ]


def ends(events: Iterable[object]) -> "dict[str, Status | None]":
    return {event.member: event.status for event in events if isinstance(event, MemberEnded)}


@pytest.mark.parametrize(
    "what, says", [("crash", "SIGSEGV"), ("exit", "exit code 3"), ("hang", "longer than 2 seconds")]
)
def test_a_member_that_breaks_its_worker_costs_only_itself(odd: Path, what: str, says: str) -> None:  # noqa: F811
    path = zipped(odd / "a.zip", {"1.txt": LEAVE, "2.odd": what, "3.txt": CANTEEN, "4.odd": what, "5.odd": "fine"})
    events = events_of(path, max_seconds=2)
    assert ends(events) == {
        "1.txt": Status.READY, "2.odd": Status.FAILED, "3.txt": Status.READY, "4.odd": Status.FAILED,
        "5.odd": Status.READY,
    }  # fmt: skip
    assert [says in e.reason for e in events if isinstance(e, MemberEnded) and e.status is Status.FAILED] == [True] * 2
    assert isinstance(events[-1], Ended)
    assert events[-1].status is Status.READY
    assert sum(isinstance(event, Ended) for event in events) == 1


def test_a_crash_in_an_archive_within_an_archive(odd: Path) -> None:  # noqa: F811
    inner = zip_bytes({"a.txt": LEAVE, "b.odd": "crash", "c.txt": CANTEEN})
    events = events_of(zipped(odd / "a.zip", {"in.zip": inner, "last.txt": EXPENSES}))
    assert ends(events) == {
        "in.zip!a.txt": Status.READY, "in.zip!b.odd": Status.FAILED, "in.zip!c.txt": Status.READY,
        "in.zip": Status.READY, "last.txt": Status.READY,
    }  # fmt: skip


def test_memory_that_runs_out_in_a_member(odd: Path) -> None:  # noqa: F811
    path = zipped(odd / "a.zip", {"1.txt": LEAVE, "2.odd": "memory", "3.txt": CANTEEN})
    events = events_of(path, max_memory_mb=512)
    assert ends(events) == {"1.txt": Status.READY, "2.odd": Status.FAILED, "3.txt": Status.READY}
    assert any(isinstance(e, MemberEnded) and "more than 512 MB of memory" in e.reason for e in events)
    assert isinstance(events[-1], Ended)
    assert events[-1].status is Status.READY


def test_a_death_outside_all_members_is_none_of_theirs(odd: Path) -> None:  # noqa: F811
    """A worker gives up within an archive, the next one goes on behind it, and dies of the file around it."""
    path = odd / "top.odd"
    path.write_text("holder")
    events = events_of(path, max_memory_mb=512)
    found = [(event.member, event.status) for event in events if isinstance(event, MemberEnded)]
    assert found == [("in.zip!m.odd", Status.FAILED), ("in.zip", Status.READY)]
    assert isinstance(events[-1], Ended)
    assert events[-1].status is Status.FAILED
    assert "SIGSEGV" in events[-1].reason


def test_the_time_limit_is_for_each_member(odd: Path) -> None:  # noqa: F811
    path = zipped(odd / "a.zip", {f"{n}.odd": "slow" for n in range(3)})
    assert set(ends(events_of(path, max_seconds=4)).values()) == {Status.READY}


def test_a_letter_whose_attachment_crashes_is_one_document(tmp_path: Path, odd: Path) -> None:  # noqa: F811
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "a@example.com", "食堂"
    letter.set_content(CANTEEN * 200)
    letter.add_attachment(b"crash", maintype="application", subtype="octet-stream", filename="x.odd")
    letter.add_attachment(LEAVE.encode(), maintype="text", subtype="plain", filename="leave.txt")
    path = odd / "letter.eml"
    path.write_bytes(letter.as_bytes())
    with qianxun.open(tmp_path / "kb") as kb:
        report = kb.add(path)
        assert [source for source, _ in report.failed] == [f"{path}!x.odd"]
        assert sorted(sources(kb).values()) == [Status.FAILED, Status.READY, Status.READY]
        document = next(d for d in kb.documents() if d.source == str(path))
        assert kb.text(document.id).count("上午十一點半") == 200
        assert consistent(kb)


def test_all_that_an_archive_unpacks_to_is_bounded(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.txt": LEAVE * 8000 for n in range(4)})
    found = ends(events_of(path, max_unpacked_mb=1))
    assert [found[f"{n}.txt"] for n in range(4)] == [Status.READY, Status.FAILED, Status.FAILED, Status.FAILED]


def test_opened_members_carry_the_digest_of_their_bytes(tmp_path: Path) -> None:
    import hashlib

    path = zipped(tmp_path / "a.zip", {"leave.txt": LEAVE})
    opened = [event for event in events_of(path) if isinstance(event, Opened)]
    assert [event.digest for event in opened if event.member] == [hashlib.sha256(LEAVE.encode()).hexdigest()]
