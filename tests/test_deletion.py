"""The deletion proof: after `remove` and `compact`, a phrase is in no byte of the knowledge base or its logs."""

import logging
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

import qianxun
from qianxun.text import fold

CANARY = "紫晶海豚於午夜演奏手風琴"
CANARY_EN = "Zanzibarquokka xylophonicus"


def traces(folder: Path) -> list[str]:
    """Every form in which the phrase, or a rare term of it, could lie in a file."""
    words = [CANARY, fold(CANARY), unicodedata.normalize("NFKC", CANARY), "海豚", "zanzibarquokka", "xylophonicus"]
    needles = {w.encode(e) for w in words for e in ("utf-8", "utf-16-le", "utf-16-be")} | {CANARY_EN.encode()}
    return [
        f"{path}: {needle!r}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for needle in needles
        if needle in path.read_bytes()
    ]


@pytest.fixture
def with_canary(documents: Path) -> Path:
    secret = documents / "秘密.md"
    secret.write_text(f"# {CANARY}\n\n{CANARY}，{CANARY_EN}。\n\n" + "其余内容。" * 500, encoding="utf-8")
    return secret


def test_removed_and_compacted_is_in_no_byte(
    tmp_path: Path, documents: Path, with_canary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "kb"
    with caplog.at_level(logging.INFO), qianxun.open(directory, overrides=["encoder.name=hash"]) as kb:
        kb.add([documents])
        assert "秘密.md" in {Path(p.source).name for p in kb.search(CANARY_EN).passages}
        kb.ask(f"{CANARY}是什么？")
        assert traces(directory), "the test looks in the wrong place: the phrase must be there before"
        with_canary.unlink()
        kb.remove([str(with_canary)])
        kb.compact()
        assert traces(directory) == []
        assert kb.check().ok
        kb.search(CANARY_EN)
        assert traces(directory) == []
    assert traces(directory) == []
    assert CANARY not in caplog.text
    assert CANARY_EN not in caplog.text


def test_replaced_text_is_in_no_byte_after_compact(tmp_path: Path, documents: Path, with_canary: Path) -> None:
    directory = tmp_path / "kb"
    with qianxun.open(directory, overrides=["encoder.name=hash"]) as kb:
        kb.add([documents])
        with_canary.write_text("平常的内容。", encoding="utf-8")
        kb.add([documents])
        kb.compact()
    assert traces(directory) == []


def test_by_commands_alone(tmp_path: Path, documents: Path, with_canary: Path) -> None:
    directory = tmp_path / "kb"

    def run(*words: str) -> None:
        line = [sys.executable, "-m", "qianxun", *words, "--kb", str(directory)]
        subprocess.run(line, check=True, capture_output=True, timeout=120)

    run("add", str(documents), "--set", "encoder.name=hash")
    run("search", CANARY_EN)
    assert traces(directory)
    run("remove", str(with_canary), "--yes")
    run("compact")
    assert traces(directory) == []
    run("check")
