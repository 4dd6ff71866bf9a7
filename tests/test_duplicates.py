"""Documents that say the same: copies and versions are found, relatives are not, as far as the asker may see."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import qianxun
from qianxun.cli.main import main
from qianxun.documents.dedupe import likeness
from qianxun.ingestion import DuplicateGroup
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Asker

SECTIONS = [
    "第{n}节　员工请假的办法：每年享有{a}天带薪年假，须提前两周向直属上级书面申请，经批准后方可休假，未休可顺延。",
    "Section {n}. Travel expenses are refunded within {a} days of the request if receipts are attached to it.",
    "第{n}節　報銷單據須於{a}日內提交財務部門，逾期不予受理；金額超過五千元者，應附主管簽核之說明與發票正本。",
]


def text(first: int, *, sections: int = 12, leave: int = 5) -> str:
    """A handbook whose every section is its own."""
    return "\n\n".join(
        SECTIONS[n % 3].format(n=n, a=n * 7 % 50 + leave) + f" 编号 {n * 7919}，依据 {chr(0x4E00 + n * 2)} 文件。"
        for n in range(first, first + sections)
    )


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as opened:
        yield opened


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def names(groups: list[DuplicateGroup]) -> list[set[str]]:
    return [{Path(d.source).name for d in group.documents} for group in groups]


def test_copies_and_versions_are_found(kb: KnowledgeBase, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    handbook = put(docs, "手册.txt", text(0))
    shutil.copy(handbook, docs / "副本.txt")
    put(docs, "手册 v2.md", text(0).replace("两周", "三周").replace("30 days", "31 days") + "\n\n新增一节。")
    put(docs, "other.txt", text(500))
    with zipfile.ZipFile(docs / "a.zip", "w") as archive:
        archive.write(handbook, "内/手册.txt")
    kb.add(docs)
    (group,) = kb.duplicates()
    assert {Path(d.source).name for d in group.documents} == {"手册.txt", "副本.txt", "手册 v2.md"} | {"手册.txt"}
    assert len(group.documents) == 4
    assert 0.8 <= group.likeness < 1.0
    (same,) = kb.duplicates(least=1.0)
    assert len(same.documents) == 3
    assert same.likeness == 1.0


def test_width_case_and_order_do_not_count(kb: KnowledgeBase, tmp_path: Path) -> None:
    sections = text(0).split("\n\n")
    put(tmp_path / "docs", "a.txt", "\n\n".join(sections))
    put(tmp_path / "docs", "b.txt", "\n\n".join(reversed(sections)).upper().replace("，", ","))
    kb.add(tmp_path / "docs")
    assert names(kb.duplicates()) == [{"a.txt", "b.txt"}]


def test_a_letterhead_in_common_is_no_duplicate(kb: KnowledgeBase, tmp_path: Path) -> None:
    for n in range(5):
        put(tmp_path / "docs", f"{n}.txt", text(9999, sections=2) + "\n\n" + text(100 * n, sections=14))
    kb.add(tmp_path / "docs")
    assert kb.duplicates() == []


def test_an_extract_is_not_its_whole(kb: KnowledgeBase, tmp_path: Path) -> None:
    put(tmp_path / "docs", "whole.txt", text(0))
    put(tmp_path / "docs", "part.txt", text(0, sections=4))
    kb.add(tmp_path / "docs")
    assert kb.duplicates() == []
    assert len(kb.duplicates(least=0.3)) == 1


def test_nobody_learns_of_what_they_may_not_see(kb: KnowledgeBase, tmp_path: Path) -> None:
    kb.add(put(tmp_path / "docs", "open.txt", text(0)), labels=["all"])
    kb.add(put(tmp_path / "docs", "secret.txt", text(0) + "。"), labels=["board"])
    assert len(kb.duplicates()) == 1
    assert kb.duplicates(asker=Asker.of("all")) == []


def test_the_command_lists_groups(kb: KnowledgeBase, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kb.add([put(tmp_path / "docs", name, text(0)) for name in ("a.txt", "b.txt")])
    line = ["duplicates", "--kb", str(kb.directory), "--set", "encoder.name=hash"]
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [len(group["documents"]) for group in found["groups"]] == [2]
    assert main(line) == 0
    assert "100%" in capsys.readouterr().out
    assert main([*line, "--least", "1.5"]) == 2
    assert "--least is 1.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    "a, b, least, most",
    [
        ("年假共五天，须提前两周申请。", "年假共五天，须提前两周申请。", 1.0, 1.0),
        ("Ａｎｎｕａｌ leave is FIVE days.", "annual leave is five days", 1.0, 1.0),
        ("年假共五天，须提前两周申请。", "食堂十一点半开放，周末不开。", 0.0, 0.0),
        ("一二", "", 0.0, 0.0),
        ("", "", 0.0, 0.0),
    ],
)
def test_likeness(a: str, b: str, least: float, most: float) -> None:
    assert least <= likeness(a, b) <= most
