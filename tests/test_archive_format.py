"""Archives: their members, names in old encodings, bounds, damage."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from qianxun.documents.formats.archive import TarLoader, ZipLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.settings import ReadingSettings

LETTER = "年假共有五天。Annual leave is five days.\n"
SETTINGS = ReadingSettings()


def members(loader: "ZipLoader | TarLoader", path: Path, settings: ReadingSettings = SETTINGS) -> dict[str, bytes]:
    """Own name → bytes, each read while the archive stands at it, as the worker does."""
    found = {}
    for member in loader.load(RawFile.on_disk(path), settings):
        assert isinstance(member, RawFile)
        assert member.name.startswith(f"{path}!")
        assert member.suffix == Path(member.name).suffix.lower()
        found[member.name.removeprefix(f"{path}!")] = member.read()
    return found


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_raw_names(path: Path, names: list[bytes]) -> Path:
    """An archive as old programs make it: names in their code page, and no word of which."""
    stand_ins = {f"{i}".rjust(len(name), "_"): name for i, name in enumerate(names)}
    zipped(path, dict.fromkeys(stand_ins, LETTER.encode()))
    data = path.read_bytes()
    for stand_in, name in stand_ins.items():
        assert data.count(stand_in.encode()) == 2
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_gives_its_files(tmp_path: Path, method: int) -> None:
    given = {"人事/年假.txt": LETTER.encode(), "b.md": b"# Title", "空.txt": b""}
    assert members(ZipLoader(), zipped(tmp_path / "资料.zip", given, method)) == given


@pytest.mark.parametrize(
    "name, encoding",
    [
        ("人事部/年假规定2025.txt", "gb18030"),
        ("合同.txt", "gb18030"),
        ("人事部/請假規定說明.txt", "big5"),
        ("社内規程のご案内.txt", "cp932"),
        ("纯UTF-8的名字.txt", "utf-8"),
    ],
)
def test_names_in_old_encodings_are_read_right(tmp_path: Path, name: str, encoding: str) -> None:
    path = with_raw_names(tmp_path / "old.zip", [name.encode(encoding), b"plain.txt"])
    assert sorted(members(ZipLoader(), path)) == sorted([name, "plain.txt"])


def test_short_names_are_judged_together(tmp_path: Path) -> None:
    names = ["甲.txt", "乙.txt", "合同甲方.txt", "付款通知.txt"]
    path = with_raw_names(tmp_path / "old.zip", [name.encode("gb18030") for name in names])
    assert sorted(members(ZipLoader(), path)) == sorted(names)


def test_info_zip_s_unicode_name_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "info.zip"
    plain = b"___.txt"
    body = b"\x01" + struct.pack("<L", zlib.crc32(plain)) + "年假.txt".encode()
    entry = zipfile.ZipInfo(plain.decode())
    entry.extra = struct.pack("<HH", 0x7075, len(body)) + body
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, LETTER)
    assert list(members(ZipLoader(), path)) == ["年假.txt"]


def test_folders_links_and_ignored_names_are_passed_over(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.txt": b"a", "__MACOSX/._a.txt": b"x", ".hidden/b.txt": b"b", "~$c.docx": b""})
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("folder")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert list(members(ZipLoader(), path)) == ["a.txt"]


def test_an_encrypted_member_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.txt": b"abc", "b.txt": b"abc"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # local header's flags of the first member
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    first, second = ZipLoader().load(RawFile.on_disk(path), SETTINGS)
    with pytest.raises(UnreadableDocument, match=r"a\.zip!a\.txt is encrypted"):
        first.read()  # type: ignore[union-attr]
    assert second.name.endswith("!b.txt")  # type: ignore[union-attr]


def test_a_damaged_member_is_not_taken_for_text(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.txt": LETTER.encode() * 50}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableDocument, match=r"a\.zip!a\.txt is damaged"):
        members(ZipLoader(), path)


def test_a_bomb_is_stopped_where_memory_ends(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {"zeros.txt": b"\x00" * 40_000_000})
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableDocument, match="more than 32 MB unpacked"):
        members(ZipLoader(), path, ReadingSettings(max_memory_mb=128))


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"", b"\x1f\x8b\x08", b"%PDF-1.4"])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument):
        members(ZipLoader(), path)


def tarred(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


@pytest.mark.parametrize(
    "name, mode",
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_a_tar_gives_its_files(tmp_path: Path, name: str, mode: str) -> None:
    given = {"人事/年假.txt": LETTER.encode(), "請假.md": b"# Title"}
    assert members(TarLoader(), tarred(tmp_path / name, given, mode)) == given


def test_gbk_names_in_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", encoding="gb18030", format=tarfile.GNU_FORMAT) as archive:
        entry = tarfile.TarInfo("付款通知单.txt")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    assert members(TarLoader(), path) == {"付款通知单.txt": b"abc"}


@pytest.mark.parametrize("suffix, pack", [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_a_packed_file_is_the_file(tmp_path: Path, suffix: str, pack: "object") -> None:
    path = tmp_path / f"日志.log{suffix}"
    path.write_bytes(pack(LETTER.encode()))  # type: ignore[operator]
    assert members(TarLoader(), path) == {"日志.log": LETTER.encode()}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.txt.gz", "a.tar.xz", "a.txt.bz2", "a.txt.xz"])
@pytest.mark.parametrize(
    "content", [b"nothing of the kind" * 100, b"\x1f\x8b\x08\x00broken", b"BZh9broken", b"\xfd7zXZ"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument, match=r"not a readable archive|damaged"):
        members(TarLoader(), path)


@pytest.mark.parametrize("name, mode", [("a.tar.gz", "w:gz"), ("a.tar", "w")])
def test_a_cut_archive_is_refused(tmp_path: Path, name: str, mode: str) -> None:
    path = tarred(tmp_path / name, {"a.txt": LETTER.encode() * 5000, "b.txt": LETTER.encode() * 5000}, mode)
    path.write_bytes(path.read_bytes()[:-20] if mode == "w:gz" else path.read_bytes()[:100_000])
    with pytest.raises(UnreadableDocument):
        members(TarLoader(), path)
