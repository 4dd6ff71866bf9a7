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
