"""The Python page does what it says: its first example runs, on real documents."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_example_runs(tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    documents.rename(tmp_path / "documents")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example.group(1), str(PAGE), "exec"), names)
    assert names["answer"].verdict == "answered"  # type: ignore[attr-defined]
    assert [p.source for p in names["found"].passages] == ["faq/7"]  # type: ignore[attr-defined]


def test_the_example_of_conversations_runs(
    tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.with_name("conversations.md")
    example = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    documents.rename(tmp_path / "documents")
    monkeypatch.chdir(tmp_path)
    exec(compile(example.group(1), str(page), "exec"), {})
    told = capsys.readouterr().out
    assert "２８０００元" in told
    assert "1 done 工程师三级的月薪是多少？" in told
    assert "2 3 Done(" in told
