"""The packed decoder against transformers' own forward, for every form of checkpoint that it takes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch

from qianxun.models.checkpoint import read_checkpoint
from qianxun.models.in_process import decoder_weights
from qianxun.models.in_process.decoder_weights import Shape, why_not_packed
from qianxun.models.in_process.loading import load_transformer
from qianxun.models.in_process.packed import PackedDecoder
from qianxun.models.in_process.padded import PaddedModel
from qianxun.models.in_process.weights import Weights

LENGTHS = (1, 5, 300, 40, 5, 77, 300, 600, 2, 255, 257)


def sequences(seed: int = 0, lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 1400, length).tolist() for length in lengths]


def both(folder: Path, precision: str = "float32") -> tuple[PackedDecoder, PaddedModel]:
    checkpoint = read_checkpoint(folder)
    assert why_not_packed(checkpoint.config) is None
    fast = PackedDecoder(Shape.of(checkpoint.config), Weights(checkpoint), precision)
    return fast, PaddedModel(load_transformer(checkpoint, "AutoModel", "cpu", precision), pad=0)


def unit(states: Any) -> Any:
    return torch.nn.functional.normalize(states, dim=1)


def assert_same(fast: PackedDecoder, slow: PaddedModel, given: list[list[int]]) -> None:
    for pooling in ("last", "mean"):
        found, expected = fast.pooled(given, pooling), slow.pooled(given, pooling)
        assert found.dtype == torch.float32
        torch.testing.assert_close(unit(found), unit(expected), atol=1e-5, rtol=0)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "qwen3": tiny_models.make_embedding,
    "qwen3-untied": lambda folder: tiny_models.make_embedding(folder, tie_word_embeddings=False),
    "qwen3-all-heads": lambda folder: tiny_models.make_embedding(folder, num_key_value_heads=4),
    "qwen3-one-key-head": lambda folder: tiny_models.make_embedding(folder, num_key_value_heads=1),
    "qwen3-other-numbers": lambda folder: tiny_models.make_embedding(
        folder, head_dim=32, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 5000.0}
    ),
    "qwen3-one-layer": lambda folder: tiny_models.make_embedding(
        folder, num_hidden_layers=1, layer_types=["full_attention"]
    ),
    "qwen2": tiny_models.make_chat,
    "qwen2-tied": lambda folder: tiny_models.make_chat(folder, tie_word_embeddings=True),
}


@pytest.mark.parametrize("make", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_the_fast_path_equals_transformers(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    fast, slow = both(make(tmp_path / "model"))
    assert_same(fast, slow, sequences())
    assert_same(fast, slow, sequences(1, (7,)))
    assert_same(fast, slow, sequences(2, (12, 12, 12, 12)))


@pytest.mark.parametrize("make", [tiny_models.make_embedding, tiny_models.make_chat], ids=["qwen3", "qwen2"])
@pytest.mark.parametrize("n_shared", [1, 50, 400])
def test_going_on_from_a_prefix_equals_the_whole(tmp_path: Path, make: Callable[[Path], Path], n_shared: int) -> None:
    fast, slow = both(make(tmp_path / "model"))
    (shared,) = sequences(3, (n_shared,))
    ends = sequences(4, (1, 30, 30, 300, 60))
    found = fast.last(ends, fast.remember(shared))
    expected = slow.last([shared + end for end in ends])
    torch.testing.assert_close(unit(found), unit(expected), atol=1e-5, rtol=0)


def test_bfloat16_is_as_near_to_float32_as_transformers_is(tmp_path: Path) -> None:
    folder = tiny_models.make_embedding(tmp_path / "model")
    exact = both(folder)[1].last(sequences())
    fast, slow = both(folder, "bfloat16")

    def farthest(states: Any) -> float:
        return float(1 - (unit(states) * unit(exact)).sum(dim=1).min())

    assert farthest(fast.last(sequences())) <= farthest(slow.last(sequences())) + 1e-4


def test_float16_runs(tmp_path: Path) -> None:
    fast, slow = both(tiny_models.make_embedding(tmp_path / "model"), "float16")
    torch.testing.assert_close(unit(fast.last(sequences())), unit(slow.last(sequences())), atol=0.02, rtol=0)


def test_a_config_in_the_form_before_transformers_5(tmp_path: Path) -> None:
    folder = tiny_models.make_embedding(tmp_path / "model")
    before = both(folder)[0].last(sequences())
    rewrite(
        folder,
        dtype=None,
        torch_dtype="float32",
        rope_parameters=None,
        rope_theta=1_000_000,
        rope_scaling=None,
        layer_types=None,
    )
    torch.testing.assert_close(both(folder)[0].last(sequences()), before, atol=0, rtol=0)


def test_weights_in_several_files_and_without_the_prefix(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_models.make_embedding(tmp_path / "model")
    before = both(folder)[0].last(sequences())
    tensors = {name.removeprefix("model."): value for name, value in load_file(folder / "model.safetensors").items()}
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, members in parts.items():
        save_file({name: tensors[name] for name in members}, folder / file)
    index = {"weight_map": {name: file for file, members in parts.items() for name in members}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    checkpoint = read_checkpoint(folder)
    fast = PackedDecoder(Shape.of(checkpoint.config), Weights(checkpoint), "float32")
    torch.testing.assert_close(fast.last(sequences()), before, atol=0, rtol=0)


def test_the_plain_product_stands_in_where_onednn_offers_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.make_embedding(tmp_path / "model")
    reordered = both(folder, "bfloat16")[0].last(sequences())
    monkeypatch.setattr(decoder_weights, "reordered", lambda *_: None)
    plain = both(folder, "bfloat16")[0].last(sequences())
    torch.testing.assert_close(unit(plain), unit(reordered), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"model_type": "llama"}, "model_type is llama"),
        ({"use_sliding_window": True, "sliding_window": 64}, "sliding window"),
        ({"layer_types": ["full_attention", "sliding_attention", "full_attention"]}, "sliding window"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0}}, "yarn"),
        ({"rope_parameters": None, "rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.0}}, "linear"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5}}, "positions"),
        ({"hidden_act": "gelu"}, "activation"),
        ({"attention_bias": True}, "biases"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"some_new_thing": 3}, "some_new_thing"),
    ],
)
def test_what_is_not_known_is_left_to_transformers(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    config = dict(read_checkpoint(tiny_models.make_embedding(tmp_path / "model")).config)
    assert why_not_packed(config) is None
    assert reason in str(why_not_packed(config | changed))
    # What is off changes nothing.
    assert why_not_packed(config | {"some_new_thing": None, "another": False, "sliding_window": 131072}) is None


def rewrite(folder: Path, **changed: Any) -> None:
    """Sets values in a config.json; None takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changed
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}), encoding="utf-8")
