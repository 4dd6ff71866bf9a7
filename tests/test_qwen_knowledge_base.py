"""Qwen models of random weights, in process, through the whole product: self-test, adding, asking, changing."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_models import make_chat, make_embedding, make_reranker

import qianxun
from qianxun.cli.main import main
from qianxun.errors import SettingsError, UnfitModel
from qianxun.knowledge_base import KnowledgeBase

WAIVED = "models.waive_meaning_checks=true"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_embedding(folder / "embedding")
    make_reranker(folder / "reranker")
    make_chat(folder / "chat")
    return folder


def overrides(models: Path, *more: str) -> list[str]:
    parts = {"encoder": "embedding", "reranker": "reranker", "generator": "chat"}
    return [
        *(f"{section}.model={models / name}" for section, name in parts.items()),
        *(f"{section}.precision=float32" for section in parts),
        "generator.max_tokens=8",
        "reading.workers=1",
        *more,
    ]


def opened(directory: Path, models: Path, *more: str) -> KnowledgeBase:
    return qianxun.open(directory, overrides=overrides(models, *more))


def test_random_weights_encode_nothing_unless_waived(tmp_path: Path, models: Path, documents: Path) -> None:
    with opened(tmp_path / "kb", models) as kb:
        with pytest.raises(UnfitModel, match=r"self-test \(meaning\).*waive_meaning_checks") as caught:
            kb.add([documents])
        assert "\n" not in str(caught.value)
        assert kb._keeping.vectors.hashes() == set()
    with opened(tmp_path / "kb", models, WAIVED) as kb:
        kb.add([documents])
        assert kb.check().ok
        pages = [json.loads(str(kb._store.meta(f"model:encoder:{kb._searcher.encoder.fingerprint}")))]
        assert [run["waived"] for page in pages for run in page["runs"].values()] == [True]
    # The waiver is recorded, and without it the same weights are refused again.
    with opened(tmp_path / "kb", models) as kb:
        assert any("self-test" in part for part in kb.search("年假").degraded)


def test_search_and_ask_go_through_all_three(tmp_path: Path, models: Path, documents: Path) -> None:
    with opened(tmp_path / "kb", models, WAIVED) as kb:
        kb.add([documents])
        found = kb.search("E-1042 coil 年假 加班")
        assert found.degraded == ()
        assert set(found.passages[0].stages) == {"dense", "lexical", "reranker"}
        scores = [p.stages["reranker"].score for p in found.passages]
        assert scores == sorted(scores, reverse=True)
        answer = kb.ask("工作满一年有几天年假？")
        assert answer.models["answer"].endswith("chat")
        assert answer.degraded == ()


def test_a_query_can_be_encoded_twice_by_many_threads(tmp_path: Path, models: Path, documents: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with opened(tmp_path / "kb", models, WAIVED, "reranker.name=none", "generator.name=none") as kb:
        kb.add([documents])
        questions = ["年假有几天", "What is E-1042?", "加班費", "timeout 問題"] * 4
        alone = {question: [p.chunk for p in kb.search(question).passages] for question in questions}
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda q: (q, [p.chunk for p in kb.search(q).passages]), questions))
        assert all(alone[question] == chunks for question, chunks in together)
        counts = kb.info()["query_cache"]["memory"]
        assert counts["misses"] == len(set(questions))
        assert counts["hits"] == 2 * len(questions) - len(set(questions))


def test_from_builtin_to_qwen_and_back(tmp_path: Path, models: Path, documents: Path) -> None:
    with qianxun.open(tmp_path / "kb", overrides=["reading.workers=1", WAIVED]) as kb:
        kb.add([documents])
        report = kb.reindex(str(models / "embedding"))
        assert report.switched
        assert report.after.startswith("embedding-")
        assert kb.search("年假").models["encoder"] == report.after
        back = kb.reindex("builtin")
        assert (back.vectors, back.reused) == (0, back.chunks)


def test_commands_look_at_a_model(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    given = [word for text in overrides(models, WAIVED) for word in ("--set", text)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("北京是中国的首都。\nGravity pulls.\n"))
    assert main(["embed", "--query", "--json", *given]) == 0
    shape = json.loads(capsys.readouterr().out)
    assert shape["encoder"]["name"] == "transformers"
    assert len(shape["vectors"]) == 2
    monkeypatch.setattr(sys, "stdin", io.StringIO("北京是中国的首都。\nGravity pulls.\n"))
    assert main(["rerank", "中国的首都？", "--json", *given]) == 0
    assert all(0 <= row["score"] <= 1 for row in json.loads(capsys.readouterr().out)["results"])
    assert main(["generate", "你好", "--json", *given]) == 0
    assert json.loads(capsys.readouterr().out)["usage"]["completion_tokens"] <= 8
    assert main(["models", "check", "--json", *given]) == 0
    reports = json.loads(capsys.readouterr().out)["models"]
    assert [report["role"] for report in reports] == ["encoder", "reranker", "generator"]
    assert {check["check"] for check in reports[0]["checks"]} >= {"norm", "end token", "instruction", "repeatable"}
    assert all(check["passed"] for report in reports for check in report["checks"] if not check["of_meaning"])


def test_a_model_that_is_not_here_is_one_clear_line(tmp_path: Path, documents: Path) -> None:
    with (
        qianxun.open(tmp_path / "kb", overrides=["profile=qwen-local", "reading.workers=1"]) as kb,
        pytest.raises(SettingsError, match=r"qianxun models pull Qwen/Qwen3-Embedding-0\.6B"),
    ):
        kb.add([documents])
