"""The page on extraction is true: its example runs, and its table is what comes of its résumé."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from qianxun.extraction.citing import Citer
from qianxun.testing import ScriptedServer

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extracting.md").read_text(encoding="utf-8")
RESUME = "\n".join(line.removeprefix("> ") for line in PAGE.splitlines() if line.startswith("> "))


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    shutil.copytree(ROOT / "docs" / "schemas", tmp_path / "docs" / "schemas")
    (tmp_path / "resumes").mkdir()
    (tmp_path / "resumes" / "張.txt").write_text(RESUME, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    jobs = [{"company": "宏图科技有限公司", "from": "2019-03"}]
    with ScriptedServer([json.dumps({"name": "张伟", "jobs": jobs, "email": "zhang@example.com"})]) as server:
        monkeypatch.setenv("QIANXUN_GENERATOR__URL", server.url)
        exec(compile(example.group(1), "extracting.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "/name 张伟 supported 張偉" in printed
    assert "made up? ['/email']" in printed
    assert "宏图科技有限公司" in (tmp_path / "resumes.csv").read_text(encoding="utf-8-sig")


def test_the_table_of_the_resume_is_true() -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "resume.schema.json").read_text(encoding="utf-8"))
    value = {
        "name": "张伟", "born": "1990-03-01", "expected_salary": 12000, "jobs": [{"from": "2019-03"}],
        "email": "zhang@example.com",
    }  # fmt: skip
    fields = Citer(RESUME, schema).fields(value)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `/")
    ]
    assert rows == [[f"`{f.pointer}`", str(f.value), f.support, f.quote] for f in fields]


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert os.path.exists(ROOT / "docs" / name), name  # noqa: PTH110
