"""A device whose memory does not suffice: smaller batches where that helps, one clear line where it does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch

from qianxun.errors import ModelUnavailable
from qianxun.models.in_process.encoder import open_encoder
from qianxun.models.in_process.memory import in_halves, is_shortage, memory_of
from qianxun.models.in_process.reranker import open_reranker
from qianxun.settings import load_settings

TEXTS = ["年假有多少天？", "Expenses are refunded within 30 days.", "報銷單須於三十日內提交。", "a", "合同编号 AB-12"]


def short_of_memory(forward: Callable[..., Any], n_fitting: int, seen: list[int]) -> Callable[..., Any]:
    """A model's forward on a device that holds so many texts at a time."""

    def limited(*args: Any, input_ids: Any, **others: Any) -> Any:
        seen.append(len(input_ids))
        if len(input_ids) > n_fitting:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(*args, input_ids=input_ids, **others)

    return limited


def test_torch_s_own_words_are_known() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 56)
    assert is_shortage(raised.value)
    assert is_shortage(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_shortage(MemoryError())
    assert not is_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_shortage(ValueError("not enough memory"))


@pytest.mark.parametrize("n_fitting", [1, 2, 3, 7])
def test_halves_give_every_item_once_and_in_order(n_fitting: int) -> None:
    shortages = []

    def compute(items: Any) -> list[int]:
        if len(items) > n_fitting:
            raise MemoryError
        return [2 * item for item in items]

    found = in_halves(compute, range(7), lambda: shortages.append(1))
    assert [number for part in found for number in part] == [0, 2, 4, 6, 8, 10, 12]
    assert bool(shortages) == (n_fitting < 7)


def test_other_errors_are_not_tried_again() -> None:
    tried = []

    def compute(items: Any) -> None:
        tried.append(items)
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        in_halves(compute, [1, 2, 3], lambda: None)
    assert len(tried) == 1


def test_an_encoder_goes_on_in_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert-tiny", "mean")
    encoder = open_encoder(load_settings(overrides=[f"encoder.model={folder}", "encoder.precision=float32"]))
    whole = encoder.encode_passages(TEXTS)
    seen: list[int] = []
    body: Any = encoder._model().body
    before = body.max_batch_tokens
    monkeypatch.setattr(body._model, "forward", short_of_memory(body._model.forward, 2, seen))
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), whole, atol=1e-6)
    assert seen[0] == len(TEXTS)
    assert max(seen[1:]) <= 3
    assert body.max_batch_tokens < before


def test_one_text_that_does_not_fit_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert-tiny", "mean")
    encoder = open_encoder(load_settings(overrides=[f"encoder.model={folder}", "encoder.precision=float32"]))
    body: Any = encoder._model().body
    monkeypatch.setattr(body._model, "forward", short_of_memory(body._model.forward, 0, []))
    with pytest.raises(ModelUnavailable, match=r"The memory of cpu does not suffice for bert-tiny@.*models plan"):
        encoder.encode_queries(TEXTS)


def test_a_cross_encoder_goes_on_in_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.make_cross_encoder(tmp_path / "cross-tiny")
    reranker = open_reranker(load_settings(overrides=[f"reranker.model={folder}", "reranker.precision=float32"]))
    whole = reranker.score("年假？", TEXTS)
    model: Any = reranker._model()
    seen: list[int] = []
    monkeypatch.setattr(model._model, "forward", short_of_memory(model._model.forward, 1, seen))
    np.testing.assert_allclose(reranker.score("年假？", TEXTS), whole, atol=1e-6)
    assert len(seen) > len(TEXTS)
    monkeypatch.setattr(model._model, "forward", short_of_memory(model._model.forward, 0, seen))
    with pytest.raises(ModelUnavailable, match=r"does not suffice for .*cross-tiny"):
        reranker.score("年假？", TEXTS)


def test_defects_are_not_called_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="a defect"), memory_of("generator", "Qwen2.5-7B-Instruct", "cuda"):
        raise RuntimeError("a defect")
