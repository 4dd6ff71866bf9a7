"""Standard input as a door: a document under a name, with the same rules for encodings and members as a file."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import qianxun
from qianxun import KnowledgeBase
from qianxun.errors import InputError
from qianxun.records import Status

ASCII = "The canteen is open from half past eleven to half past one, except on weekends and public holidays.\n" * 30
LEAVE = "年假：每位员工每年享有五天带薪年假，须提前两周申请。未休完的年假可以顺延至次年第一季度。"
TRADITIONAL = "加班須事先申請，經主管核准後方可報支加班費。週末與國定假日的加班費為平日的兩倍，並得擇日補休。"


def added(kb: KnowledgeBase, name: str, data: bytes) -> tuple[Status, str, str]:
    """What became of the document: status, text, reason."""
    kb.add_stream(name, io.BytesIO(data))
    (document,) = (d for d in kb.documents() if d.source == name)
    return document.status, kb.text(document.id), document.reason


@pytest.mark.parametrize(
    "text, encoding",
    [
        (ASCII + LEAVE, "gb18030"),  # more than 1 KB of ASCII first
        (ASCII + LEAVE, "utf-8"),
        (TRADITIONAL * 3, "big5"),
        (LEAVE * 3, "gbk"),
        (LEAVE + ASCII, "utf-16"),
        (LEAVE + ASCII, "utf-8-sig"),
        (LEAVE * 3, "utf-16-le"),
        (LEAVE * 3, "utf-16-be"),
        ("全角：２８０００元。" + LEAVE, "utf-32"),
    ],
)
def test_any_encoding_is_read_right(kb: KnowledgeBase, text: str, encoding: str) -> None:
    status, found, reason = added(kb, "笔记/会议.txt", text.encode(encoding))
    assert (status, reason) == (Status.READY, "")
    assert "".join(found.split()) == "".join(text.split())


@pytest.mark.parametrize("text, encoding", [("食堂開放時間", "big5"), ("年假", "gbk"), ("年假五天", "utf-16-le")])
def test_what_could_be_something_else_needs_attention_or_is_right(kb: KnowledgeBase, text: str, encoding: str) -> None:
    status, found, reason = added(kb, "a.txt", text.encode(encoding))
    assert (status is Status.READY and found == text) or (status is Status.ATTENTION and "a.txt" in reason)


def test_big5_that_also_decodes_as_gbk_needs_attention_or_is_right(kb: KnowledgeBase) -> None:
    data = "食堂開放時間為上午十一點半".encode("big5")
    assert data.decode("gbk", "ignore") != ""
    status, found, _ = added(kb, "a.txt", data)
    assert status is Status.ATTENTION or "食堂" in found


def test_members_and_kinds_are_as_of_a_file(kb: KnowledgeBase) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("人事/年假.txt", (ASCII + LEAVE).encode("gb18030"))
    assert added(kb, "资料.zip", buffer.getvalue())[0] is Status.READY
    assert kb.search("年假有几天").passages[0].source == "资料.zip!人事/年假.txt"
    assert added(kb, "t.csv", "姓名,天數\n王芳,5\n".encode())[0] is Status.READY
    assert added(kb, "leer.md", b"")[0] is Status.EMPTY
    status, _, reason = added(kb, "song.mp3", b"ID3")
    assert status is Status.FAILED
    assert "cannot be read" in reason


def test_the_same_again_is_unchanged_and_other_bytes_replace(kb: KnowledgeBase) -> None:
    assert kb.add_stream("a.txt", io.BytesIO(LEAVE.encode()), labels=["hr"]).added == 1
    assert kb.add_stream("a.txt", io.BytesIO(LEAVE.encode())).unchanged == 1
    assert kb.add_stream("a.txt", io.BytesIO(TRADITIONAL.encode())).replaced == 1
    assert [d.labels for d in kb.documents()] == [("hr",)]
    assert kb.sources() == []
    assert len(kb.remove(["a.txt"]).documents) == 1
    assert not (kb.directory / "fetched").exists()


@pytest.mark.parametrize("name", ["", "  ", "/etc/年假.txt", "https://a.example/年假.txt", "a\0.txt"])
def test_a_name_that_means_something_else_is_refused(kb: KnowledgeBase, name: str) -> None:
    with pytest.raises(InputError, match="no name for a document"):
        kb.add_stream(name, io.BytesIO(b"x"))


def test_too_much_is_not_read_to_the_end(tmp_path: Path) -> None:
    class Endless(io.RawIOBase):
        n = 0

        def read(self, size: int = -1) -> bytes:
            self.n += 1
            return b"x" * (1 << 20)

    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.max_file_mb=2"]) as kb:
        stream = Endless()
        ((_, reason),) = kb.add_stream("a.txt", stream).failed  # type: ignore[arg-type]
        assert "more than 2 MB" in reason
        assert stream.n <= 3


def test_by_the_command(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "qianxun", "add", "--stdin", "会议.txt", "--label", "hr"]
    line += ["--kb", str(tmp_path / "kb")]
    done = subprocess.run(
        [*line, "--set", "encoder.name=hash"], input=(ASCII + LEAVE).encode("gb18030"), capture_output=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
    with qianxun.open(tmp_path / "kb") as kb:
        (document,) = kb.documents()
        assert (document.source, document.labels) == ("会议.txt", ("hr",))
        assert LEAVE in kb.text(document.id)
    both = subprocess.run([*line, str(tmp_path)], input=b"", capture_output=True, timeout=120)
    assert both.returncode == 2
    assert b"--stdin adds one document" in both.stderr
