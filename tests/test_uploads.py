"""Names of what is uploaded: safe on any disk, nobody else's, and as people wrote them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import InputError
from qianxun.files import MEMBER
from qianxun.service.jobs import uploads
from qianxun.service.jobs.uploads import caller_folder, checked_address, safe_folder, safe_name, sources_of
from qianxun.sources.addresses import is_address


@pytest.mark.parametrize(
    "given_name, expected",
    [
        ("年假制度.pdf", "年假制度.pdf"),
        ("加班費（２０２６）.docx", "加班費（２０２６）.docx"),
        ("Travel policy.md", "Travel policy.md"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("../../../a.txt", "a.txt"),
        ("a／b.txt", "a／b.txt"),  # a full-width solidus is a character like others
        ("报告．ＰＤＦ", "报告.PDF"),
        ("报告.ＴＸＴ", "报告.TXT"),
        ("archive.zip!secret.txt", "archive.zip！secret.txt"),
        ("conversation:0123/a.txt", "a.txt"),
        ("a:b.txt", "a：b.txt"),
        ("  . 空格 .txt ", "空格.txt"),
        ("换\n行\x00\u202efdp.txt", "换 行fdp.txt"),
        ("cafe\u0301.md", "caf\u00e9.md"),
        (".hidden", "hidden"),
    ],
)
def test_a_name_is_made_safe(given_name: str, expected: str) -> None:
    assert safe_name(given_name) == expected


@pytest.mark.parametrize("name", ["", " ", ".", "..", "/", "a/", "\\", "\x00", "\u200b", "。/.."])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        safe_name(name)


def test_a_long_name_keeps_its_ending() -> None:
    name = safe_name("长" * 300 + ".pdf")
    assert name.endswith("长.pdf")
    assert len(name.encode()) <= uploads.MAX_NAME_BYTES


@given(st.text(max_size=300))
def test_any_name_is_one_part_of_a_path(text: str) -> None:
    try:
        name = safe_name(text)
    except InputError:
        return
    assert Path(name).name == name
    assert name not in (".", "..")
    assert len(name.encode()) <= uploads.MAX_NAME_BYTES
    assert not is_address(name)
    assert MEMBER not in name
    assert ":" not in name
    assert name.isprintable()
    assert safe_name(name) == name


@given(st.text(max_size=100), st.text(max_size=60), st.sampled_from((None, "key:ab12", "token:https://i.例:王 明/..")))
def test_any_source_lies_in_the_callers_folder(folder: str, name: str, caller: str | None) -> None:
    try:
        found = sources_of([safe_name(name)] * 3, folder=safe_folder(folder), caller=caller)
    except InputError:
        return
    assert len(set(found)) == 3
    for source in found:
        assert not source.startswith("/")
        assert ".." not in source.split("/")
        assert not is_address(source)
        assert not source.startswith("conversation:")
        assert caller is None or source.startswith(f"{caller_folder(caller)}/")


@pytest.mark.parametrize("folder", ["..", "a/../b", "/".join("abcdefghijklmnopq"), "长" * 100, "a/\u200b"])
def test_what_is_no_folder_is_refused(folder: str) -> None:
    with pytest.raises(InputError):
        safe_folder(folder)


def test_folders_are_written_in_one_way() -> None:
    assert safe_folder("/人事//制度\\2026/./") == "人事/制度/2026"
    assert safe_folder("") == safe_folder("/") == ""
    assert safe_folder("conversation:0123") == "conversation：0123"


def test_two_files_of_one_name_are_two_documents() -> None:
    names = ["年假.pdf", "年假.pdf", "年假 (2).pdf", "年假.pdf", "说明"]
    assert sources_of(names, folder="人事", caller=None) == [
        "人事/年假.pdf",
        "人事/年假 (2).pdf",
        "人事/年假 (2) (2).pdf",
        "人事/年假 (3).pdf",
        "人事/说明",
    ]


def test_two_callers_have_two_folders() -> None:
    callers = ["key:3f9a1c2e", "key:3f9a1c2f", "token:https://a:x", "token:https://a:y", "key:../..", "public"]
    folders = [caller_folder(one) for one in callers]
    assert folders[0] == "key-3f9a1c2e"
    assert len(set(folders)) == len(callers)
    assert all(safe_name(one) == one for one in folders)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "git+file:///srv/repo",
        "git+https://example.com/a.git",
        "s3://bucket/a",
        "webdav+https://files/a",
        "imaps://mail/INBOX",
        "/etc/passwd",
        "年假.pdf",
        "",
        "HTTPS:/example.com",
    ],
)
def test_an_address_that_names_the_server_itself_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        checked_address(address)


def test_addresses_of_the_web_are_taken() -> None:
    for address in (
        "https://例え.jp/年假",
        "HTTP://example.com",
        "site+https://a.example/",
        "sitemap+https://a.example/s.xml",
    ):
        assert checked_address(f" {address} ") == address


def test_forgotten_uploads_are_deleted_and_needed_ones_stay(tmp_path: Path) -> None:
    for token in ("needed", "old", "new"):
        folder = uploads.folder_of(tmp_path, token)
        folder.mkdir(parents=True)
        (folder / "0").write_bytes(b"x")
    for token in ("needed", "old"):
        for path in (uploads.folder_of(tmp_path, token) / "0", uploads.folder_of(tmp_path, token)):
            os.utime(path, (0, 0))
    assert uploads.sweep(tmp_path, {"needed"}) == 1
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["needed", "new"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2025-03-01T08:00:00Z", 1_740_816_000),
        ("2025-03-01T16:00:00.250+08:00", 1_740_816_000.25),
        ("2025-03-01", 1_740_787_200),  # without a zone: UTC
        ("1601-01-01", 0),
        ("2999-01-01", 2_000_000_000),  # to come: now
        ("0001-01-01T00:00:00+08:00", 0),
    ],
)
def test_a_file_has_the_date_that_is_given(tmp_path: Path, given: str, seconds: float) -> None:
    files = [tmp_path / "年假.txt", tmp_path / "note.txt"]
    for file in files:
        file.write_bytes(b"x")
    before = files[0].stat().st_mtime
    uploads.date_files(files, ["-", given], now=2_000_000_000)
    assert [file.stat().st_mtime for file in files] == [before, seconds]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["2025-03-01"], "1 dates were sent with 2 files"),
        (["-", "-", "-"], "3 dates were sent with 2 files"),
        (["2025-03-01", "昨天"], "'昨天' is no date of a file"),
        (["２０２５－０３－０１", "-"], "is no date of a file"),
    ],
)
def test_dates_that_are_none_or_not_as_many_are_refused(tmp_path: Path, given: list[str], why: str) -> None:
    files = [tmp_path / "0", tmp_path / "1"]
    for file in files:
        file.write_bytes(b"x")
        os.utime(file, (7, 7))
    with pytest.raises(InputError, match=why):
        uploads.date_files(files, given)
    assert [file.stat().st_mtime for file in files] == [7, 7]
