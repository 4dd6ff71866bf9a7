"""The same exactness with the real Qwen tokenizer, where its ranks are at hand (package `dashscope`, shared tools)."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import reference_qwen as reference
from test_in_process_encoder import TEXTS
from test_in_process_reranker import PASSAGES, QUESTIONS

from qianxun.models.in_process.encoder import open_encoder
from qianxun.models.in_process.reranker import open_reranker
from qianxun.settings import load_settings


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny checkpoints with 151,669 tokens, `Qwen3-Embedding-full` and `reranker`."""
    tool = Path(__file__).parents[2] / "shared" / "tools" / "make_tiny_models.py"
    if importlib.util.find_spec("dashscope") is None or not tool.is_file():
        pytest.skip("the real tokenizer's ranks (package dashscope) or the shared tools are not here")
    folder = tmp_path_factory.mktemp("full")
    command = [sys.executable, str(tool), str(folder), "--which", "embedding", "reranker"]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "embedding").rename(folder / "Qwen3-Embedding-full").parent


@pytest.mark.parametrize("side", ["left", "right"])
def test_vectors_equal_the_model_card(models: Path, side: str) -> None:
    folder = models / "Qwen3-Embedding-full"
    encoder = open_encoder(load_settings(overrides=[f"encoder.model={folder}", "encoder.precision=float32"]))
    expected = reference.embed(folder, TEXTS, padding_side=side)
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), expected, atol=1e-5)
    asked = reference.embed(folder, [reference.instructed(reference.TASK, text) for text in TEXTS], padding_side=side)
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), asked, atol=1e-5)


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_equal_the_model_card(models: Path, question: str) -> None:
    folder = models / "reranker"
    expected = reference.rerank(folder, question, PASSAGES)
    for precision, tolerance in (("float32", 1e-5), ("bfloat16", 0.05)):
        overrides = [f"reranker.model={folder}", f"reranker.precision={precision}"]
        reranker = open_reranker(load_settings(overrides=overrides))
        np.testing.assert_allclose(reranker.score(question, PASSAGES), expected, atol=tolerance)
        alone = [reranker.score(question, [passage])[0] for passage in PASSAGES]
        np.testing.assert_allclose(reranker.score(question, PASSAGES), alone, atol=min(tolerance, 0.01))
