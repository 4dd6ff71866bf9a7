"""docs/security.md names, behind each claim, a test that there is."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_claim_names_a_test_that_there_is() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)::(\w+)`", text)
    assert len(named) > 30
    for module, name in named:
        tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
        there = {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
        there |= {
            target.id
            for one in tree.body
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name)
        }
        assert name in there, f"{module}::{name}"


def test_every_row_of_a_table_names_one() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "shown by" not in line]
    assert rows
    assert all("::" in row for row in rows), [row for row in rows if "::" not in row]
