"""The gate on real searches: what was broken on purpose fails `eval compare`, what is the same passes."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qianxun import assemble
from qianxun.cli.main import main
from qianxun.models.hashing import HashEncoder
from qianxun.protocols import Vectors
from qianxun.settings import Settings

PLACES = ("研发中心", "客户服务部", "华东仓库", "海外事业部", "財務處", "质检车间", "培训学院", "采购办公室")
THINGS = ("差旅住宿标准", "加班审批流程", "设备报修电话", "年度体检安排", "办公用品领用", "訪客登記規定")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Forty-eight notices; a question for each, in simplified characters and with a full-width sign."""
    folder = tmp_path / "通知"
    (folder / "qrels").mkdir(parents=True)
    notices = list(itertools.product(PLACES, THINGS))
    documents = [
        {
            "_id": f"d{n}",
            "title": "",
            "text": f"根据公司制度，{place}的{thing}如下：由第{n}号文件 notice 规定，请遵照执行。",
        }
        for n, (place, thing) in enumerate(notices)
    ]
    questions = [
        {"_id": f"q{n}", "text": f"notice 请问{place}{thing}是什么？"} for n, (place, thing) in enumerate(notices)
    ]
    for name, records in (("corpus", documents), ("queries", questions)):
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judged = "".join(f"q{n}\td{n}\t1\n" for n in range(len(notices)))
    (folder / "qrels" / "test.tsv").write_text(judged, encoding="utf-8")
    return folder


class Instructed(HashEncoder):
    """An encoder that was trained with a task before each question: without it, questions lie elsewhere."""

    name = "instructed"
    fingerprint = "instructed-1"

    def __init__(self, settings: Settings) -> None:
        self._lost = settings.encoder.instruction == ""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32."""
        rows = super().encode_queries(texts)
        return np.roll(rows, 7, axis=1) if self._lost else rows


def gate(*words: str) -> int:
    return main(["eval", "compare", *words, "--fail-if-drop", "0.01"])


def test_a_removed_query_instruction_fails_and_the_same_settings_pass(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table: Any = assemble.BUILT_IN["encoders"]
    monkeypatch.setitem(table, Instructed.name, f"{__name__}:Instructed")
    given = ["--dataset", str(dataset), "--set", "encoder.name=instructed", "--set", "search.mode=dense"]
    assert gate("current", "encoder.instruction=", *given) == 1
    assert "significantly worse" in capsys.readouterr().out
    assert gate("current", "encoder.instruction=auto", *given) == 0
    assert gate("current", "search.k=3", *given) == 0


@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_segmentation_that_is_off_fails_and_the_same_run_again_passes(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    def run(name: str) -> str:
        settings = ["--mode", mode, "--set", "encoder.name=hash", "--set", "search.dense_weight=0.1"]
        folder = tmp_path / name
        assert main(["eval", "retrieval", str(dataset), *settings, "--runs", str(folder)]) == 0
        (found,) = folder.rglob("*.trec")
        return str(found)

    whole, again = run("whole"), run("again")
    with monkeypatch.context() as broken:
        for place in ("qianxun.text", "qianxun.retrieval.understand"):
            broken.setattr(f"{place}.words", lambda folded, language="en": folded.split())
            broken.setattr(f"{place}.characters", lambda folded: [])
        off = run("off")
    assert gate(whole, off, "--dataset", str(dataset)) == 1
    assert "significantly worse" in capsys.readouterr().out
    assert gate(whole, again, "--dataset", str(dataset)) == 0
    assert gate(off, whole, "--dataset", str(dataset)) == 0
