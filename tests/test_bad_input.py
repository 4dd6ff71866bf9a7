"""Mistakes on purpose, by the command line: one clear line that names the thing and the remedy; nothing is lost."""

import contextlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

GOOD = "报销标准：一线城市住宿每晚650元。The limit is 650 yuan."


class Line:
    """The command line on one knowledge base."""

    def __init__(self, kb: Path) -> None:
        self.kb = kb
        self.before: list[str] = []

    def __call__(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        line = [*self.before, sys.executable, "-m", "qianxun", *words, "--kb", str(self.kb)]
        line += ["--set", "encoder.name=hash"]
        return subprocess.run(line, capture_output=True, text=True, timeout=300, **options)

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json").stdout)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A knowledge base that holds one good document."""
    good = tmp_path / "good.txt"
    good.write_text(GOOD, encoding="utf-8")
    command = Line(tmp_path / "kb")
    added = command("add", str(good))
    assert added.returncode == 0, added.stderr
    return command


def still_there(line: Line) -> None:
    assert any("650" in hit["text"] for hit in line.json("search", "住宿 650")["hits"])
    checked = line("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def one_line_about(done: "subprocess.CompletedProcess[str]", *words: str, code: int) -> None:
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    lines = [text for text in done.stderr.splitlines() if words[0] in text]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_missing_path(line: Line, tmp_path: Path) -> None:
    one_line_about(line("add", str(tmp_path / "不存在.txt")), "不存在.txt", "no file or folder", code=4)
    still_there(line)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("图片.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "PNG"),
        ("随机.txt", bytes(i * 7919 % 256 for i in range(20_000)), "binary"),
        ("压缩.md", b"PK\x03\x04" + bytes(range(256)) * 20, "ZIP"),
        ("坏.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type", "PDF"),
        ("假.pdf", b"just text", "PDF"),
        ("坏.docx", b"PK\x03\x04 not really a zip", "docx"),
        ("表格.xyz", b"whatever", ".xyz"),
    ],
)
def test_file_that_cannot_be_read(line: Line, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    one_line_about(line("add", str(path)), name, words, code=3)
    still_there(line)


def test_empty_file_is_listed_as_empty(line: Line, tmp_path: Path) -> None:
    path = tmp_path / "空白.txt"
    path.write_bytes(b"")
    done = line("add", str(path))
    assert "空白.txt" in done.stdout + done.stderr
    (document,) = [d for d in line.json("list")["documents"] if d["source"].endswith("空白.txt")]
    assert document["status"] == "empty"
    still_there(line)


def test_encrypted_pdf(line: Line, tmp_path: Path) -> None:
    path = tmp_path / "加密.pdf"
    path.write_bytes(ENCRYPTED_PDF)
    one_line_about(line("add", str(path)), "加密.pdf", "encrypted", "password", code=3)
    still_there(line)


def test_docx_without_its_document(line: Line, tmp_path: Path) -> None:
    path = tmp_path / "空壳.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    one_line_about(line("add", str(path)), "空壳.docx", code=3)
    still_there(line)


def test_one_bad_file_among_good_ones_stops_nothing(line: Line, tmp_path: Path) -> None:
    folder = tmp_path / "混合"
    folder.mkdir()
    (folder / "坏.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "好.txt").write_text("打印机在三楼。", encoding="utf-8")
    one_line_about(line("add", str(folder)), "坏.pdf", code=3)
    assert line.json("search", "打印机")["hits"][0]["source"].endswith("好.txt")
    still_there(line)


def test_unreadable_permissions(line: Line, tmp_path: Path) -> None:
    path = tmp_path / "禁读.txt"
    path.write_text("秘密", encoding="utf-8")
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything, unless it gives that right up
        if shutil.which("setpriv") is None:
            pytest.skip("running as root without setpriv: every file is readable")
        line.before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    one_line_about(line("add", str(path)), "禁读.txt", "ermission", code=3)
    still_there(line)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of 3 MB at the folder, if this process may mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)


def many_texts(folder: Path) -> Path:
    folder.mkdir()
    for n in range(300):
        text = f"第{n}号文件。" + "".join(chr(0x4E00 + (n * 977 + i * 31) % 20000) for i in range(3000))
        (folder / f"{n:03}.txt").write_text(text, encoding="utf-8")
    return folder


def test_full_disk(tmp_path: Path) -> None:
    folder = many_texts(tmp_path / "many")
    (tmp_path / "good.txt").write_text(GOOD, encoding="utf-8")
    with small_disk(tmp_path / "small") as mounted:
        if not mounted:
            pytest.skip("this process may not mount a file system")
        line = Line(tmp_path / "small" / "kb")
        assert line("add", str(tmp_path / "good.txt")).returncode == 0
        one_line_about(line("add", str(folder)), "No room", "resumes", code=74)
        assert any("650" in hit["text"] for hit in line.json("search", "住宿 650")["hits"])
        subprocess.run(["mount", "-o", "remount,size=200m", str(tmp_path / "small")], check=True)
        resumed = line("add", str(folder))
        assert resumed.returncode == 0, resumed.stderr
        assert len(line.json("list")["documents"]) == 301
        still_there(line)


def test_a_file_size_limit_reads_as_no_room(line: Line, tmp_path: Path) -> None:
    folder = many_texts(tmp_path / "many")
    limit = line.kb.joinpath("knowledge.db").stat().st_size + 400_000
    done = line("add", str(folder), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    one_line_about(done, "No room", code=74)
    assert line("add", str(folder)).returncode == 0
    still_there(line)


def test_knowledge_base_of_a_newer_version(line: Line) -> None:
    database = sqlite3.connect(line.kb / "knowledge.db")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    database.execute("PRAGMA user_version = 99")
    database.close()
    for words in (["search", "住宿"], ["add", "."], ["list"], ["check"]):
        one_line_about(line(*words), "format 99", "pip install --upgrade qianxun", code=74)
    database = sqlite3.connect(line.kb / "knowledge.db")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()
    still_there(line)


def test_damaged_index_file_is_named_and_mended(line: Line) -> None:
    files = [p for p in (line.kb / "indexes").glob("faiss@*/**/*") if p.is_file() and p.stat().st_size]
    assert files
    for path in files:
        path.write_bytes(b"\0" * path.stat().st_size)
    one_line_about(line("search", "住宿"), "qianxun rebuild", "faiss", code=5)
    assert line("rebuild").returncode == 0
    still_there(line)


def test_damaged_vectors_are_made_again(line: Line) -> None:
    (vectors,) = (line.kb / "vectors").glob("*.db")
    vectors.write_bytes(b"\0" * 5000)
    one_line_about(line("add", "."), "qianxun rebuild", code=74)
    assert line("rebuild").returncode == 0
    still_there(line)


def test_empty_and_endless_questions(line: Line) -> None:
    one_line_about(line("search", ""), "empty", code=2)
    one_line_about(line("ask", "  "), "empty", code=2)
    endless = "住宿标准 " * 20_000
    done = line("search", "-", "--json", input=endless)
    assert done.returncode == 0, done.stderr
    assert "4096" in json.loads(done.stdout)["degraded"][0]
    assert line("ask", "-", "--json", input=endless).returncode == 0


def test_unknown_things_are_named(line: Line) -> None:
    one_line_about(line("show", "999"), "999", "list of documents", code=4)
    one_line_about(line("remove", "nichts.txt", "--yes"), "nichts.txt", code=4)
    one_line_about(line("search", "x", "--set", "search.kk=3"), "search.kk", "search.k", code=2)
    one_line_about(Line(line.kb.parent / "none")("search", "x"), "no knowledge base", code=4)


def test_errors_are_json_when_json_was_asked_for(line: Line) -> None:
    done = line("show", "999", "--json")
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "NotFound"
    assert "999" in error["message"]
    assert error["remedy"]


def test_errors_speak_chinese_when_the_locale_does(line: Line) -> None:
    done = line("show", "999", env={**os.environ, "LC_ALL": "zh_CN.UTF-8"})
    assert done.returncode == 4
    assert "没有" in done.stderr
    assert "999" in done.stderr


# One blank page, RC4, user password "secret". Made by hand from the PDF 1.4 specification, section 3.5.
ENCRYPTED_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
    b"4 0 obj<</Filter/Standard/V 1/R 2/O<" + b"5a" * 32 + b">/U<" + b"a5" * 32 + b">/P -4>>endobj\n"
    b"trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<" + b"0f" * 16 + b"><" + b"0f" * 16 + b">]/Size 5>>\n%%EOF\n"
)
