"""Tests cannot see the machine they run on: no settings, no home, no locale of the person at it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import qianxun
from qianxun import messages
from qianxun.knowledge_base import KnowledgeBase


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(("QIANXUN_", "LC_", "LANG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("QIANXUN_HOME", str(tmp_path_factory.mktemp("home")))
    yield
    messages.set_language("en")


@pytest.fixture
def shared_data() -> Path:
    """The development data beside the checkout; the test is skipped where it is not."""
    root = Path(__file__).parents[1]
    for place in (os.environ.get("BENCH_SHARED"), root.parent / "shared", root / "shared"):
        if place and (Path(place) / "data" / "dev").is_dir():
            return Path(place) / "data"
    pytest.skip("the development data (../shared/data) is not here")


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A small folder of Chinese, English, mixed and traditional texts."""
    folder = tmp_path / "文档"
    (folder / "人事").mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    """An empty knowledge base with the encoder that needs no weights."""
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as opened:
        yield opened


TEXTS = {
    "人事/年假.md": "# 员工手册\n\n## 年假\n\n工作满一年的员工每年有五天带薪年假，满十年的有十天。\n\n"
    "## 病假\n\n病假须提交医院证明。\n",
    "人事/薪酬.txt": "薪酬等级说明\n\n工程师三级的月薪为２８０００元，由人事部每年四月调整。\n",
    "oncall.md": "# On-call\n\nThe primary engineer answers a page within 15 minutes. "
    "Error E-1042 means the coil is open.\n",
    "mixed.txt": "Release 2.3 于 2025年3月18日 发布，修复了 timeout 问题。\n",
    "加班.txt": "台北分公司：加班須事先申請，經主管核准後方可報支加班費。\n",
}
