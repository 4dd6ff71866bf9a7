"""What stands between the settings and a running model: device, precision, files that are wrong, batches."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
import torch

from qianxun.errors import MissingExtra, QianxunError, SettingsError
from qianxun.models.in_process import device
from qianxun.models.in_process.batches import by_length
from qianxun.models.in_process.device import choose_device, choose_place, choose_precision
from qianxun.models.in_process.encoder import open_encoder
from qianxun.models.in_process.loading import checkpoint_of
from qianxun.models.in_process.reranker import open_reranker
from qianxun.settings import load_settings

# -- device and precision ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "instructions, precision, reason",
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bfloat16", "AMX"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16", "AVX-512 BF16"),
        ({"bf16": True, "neon": True}, "bfloat16", "NEON BF16"),
        ({"avx2": True, "avx512_f": True}, "float32", "the processor has no instructions for bfloat16"),
        ({}, "float32", "the processor has no instructions for bfloat16"),
    ],
)
def test_precision_on_a_processor_follows_its_instructions(
    monkeypatch: pytest.MonkeyPatch, instructions: dict[str, bool], precision: str, reason: str
) -> None:
    monkeypatch.setattr(device, "_cpu_instructions", lambda: instructions)
    assert choose_precision("auto", "cpu") == (precision, reason)


@pytest.mark.parametrize("supported, precision", [(True, "bfloat16"), (False, "float16")])
def test_precision_on_a_gpu_follows_its_age(monkeypatch: pytest.MonkeyPatch, supported: bool, precision: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert choose_precision("auto", "cuda:1")[0] == precision
    assert choose_precision("auto", "mps")[0] == "float16"


def test_precision_that_is_set_is_taken() -> None:
    assert choose_precision("float32", "cuda") == ("float32", "as set")


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == ("cuda", "a GPU is there: NVIDIA H100")
    assert choose_device("cuda:1") == ("cuda:1", "as set")
    with pytest.raises(SettingsError, match="cuda:2"):
        choose_device("cuda:2")


@pytest.mark.parametrize("named", ["cuda", "cuda:0", "mps", "tpu", "gpu", "cpu:x", "CPU "])
def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"Devices here: cpu\."):
        choose_device(named)


def test_a_place_says_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_cpu_instructions", lambda: {"amx_bf16": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_place("auto", "auto").in_words == "in process on cpu (no GPU is there) in bfloat16 (AMX)"


def test_an_older_torch_answers_two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    older = SimpleNamespace(_is_amx_tile_supported=lambda: False, _is_avx512_bf16_supported=lambda: True)
    monkeypatch.setattr(device, "import_torch", lambda: SimpleNamespace(cpu=older))
    device._cpu_instructions.cache_clear()
    try:
        assert device._cpu_instructions() == {"amx_bf16": False, "avx512_bf16": True}
    finally:
        device._cpu_instructions.cache_clear()


# -- what is not here, or is wrong -------------------------------------------------------------------------


def encode(folder: Path | str) -> None:
    open_encoder(load_settings(overrides=[f"encoder.model={folder}"])).encode_passages(["年假"])


def rerank(folder: Path | str) -> None:
    open_reranker(load_settings(overrides=[f"reranker.model={folder}"])).score("年假？", ["五天。"])


def one_line(raised: pytest.ExceptionInfo[QianxunError]) -> str:
    said = raised.value.in_words()
    assert "\n" not in said
    assert len(said) < 600
    return said


@pytest.mark.parametrize("use", [encode, rerank])
def test_torch_missing_is_told_with_the_line_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Path], None]
) -> None:
    folder = tiny_models.make_reranker(tmp_path / "Qwen3-Reranker-tiny")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra) as raised:
        use(folder)
    assert "pip install 'qianxun[qwen]'" in one_line(raised)


def test_transformers_missing_is_told_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert", "mean")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra):
        encode(folder)


def test_the_packed_decoder_needs_no_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it takes longer than loading the model."""
    folder = tiny_models.make_embedding(tmp_path / "Qwen3-Embedding-tiny")
    monkeypatch.setitem(sys.modules, "transformers", None)
    encode(folder)


@pytest.mark.parametrize("use", [encode, rerank])
def test_a_model_that_is_not_here_is_told_with_the_command_to_get_it(use: Callable[[str], None]) -> None:
    with pytest.raises(SettingsError) as raised:
        use("Qwen/Qwen3-Embedding-0.6B")
    assert "Run `qianxun models pull Qwen/Qwen3-Embedding-0.6B`" in one_line(raised)


def test_opening_a_known_model_that_is_not_here_is_no_error() -> None:
    """Commands that encode nothing go on."""
    one = open_encoder(load_settings(overrides=["encoder.model=Qwen/Qwen3-Embedding-0.6B"]))
    assert one.dim == 1024
    open_reranker(load_settings(overrides=["reranker.model=Qwen/Qwen3-Reranker-0.6B"]))


def test_opening_an_unknown_model_that_is_not_here_is_one() -> None:
    with pytest.raises(SettingsError, match="not on this machine"):
        open_encoder(load_settings(overrides=["encoder.model=someone/some-encoder"]))


def test_a_model_found_in_the_models_folder_is_loaded(tmp_path: Path) -> None:
    tiny_models.make_bert(tmp_path / "someone" / "bert-tiny", "mean")
    settings = load_settings(overrides=["encoder.model=someone/bert-tiny", f"models.folder={tmp_path}"])
    assert checkpoint_of(settings.encoder, settings).folder == tmp_path / "someone" / "bert-tiny"
    assert open_encoder(settings).encode_passages(["年假"]).shape == (1, 128)


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def weights_of_noise(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 4096)


def without_a_weight(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    left_out = next(name for name in tensors if name.endswith(("mlp.down_proj.weight", "1.output.dense.weight")))
    save_file({k: v for k, v in tensors.items() if k != left_out}, folder / "model.safetensors", {"format": "pt"})


def other_shape(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"version": "1.0"')


def tokenizer_of_nothing(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def tokenizer_of_another_model(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 100}))


def unknown_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "something_new"}))


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


DAMAGES = [
    cut_weights, no_weights, weights_of_noise, without_a_weight, other_shape, no_tokenizer, broken_tokenizer,
    tokenizer_of_nothing, tokenizer_of_another_model, unknown_type, broken_config,
]  # fmt: skip
KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None]]] = {
    "packed encoder": (tiny_models.make_embedding, encode),
    "BERT": (lambda folder: tiny_models.make_bert(folder, "mean"), encode),
    "Qwen3 reranker": (tiny_models.make_reranker, rerank),
    "cross-encoder": (tiny_models.make_cross_encoder, rerank),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_one_clear_line(tmp_path: Path, kind: str, damage: Callable[[Path], None]) -> None:
    make, use = KINDS[kind]
    folder = make(tmp_path / "damaged-model")
    damage(folder)
    with pytest.raises(SettingsError) as raised:
        use(folder)
    assert "damaged-model" in one_line(raised)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    folder = tiny_models.make_bert(tmp_path / "own-code", "mean")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "code.OwnConfig", "AutoModel": "code.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('was run')\n")
    with pytest.raises(SettingsError, match="never run"):
        encode(folder)


def test_a_message_speaks_chinese(tmp_path: Path) -> None:
    from qianxun.messages import set_language

    folder = tiny_models.make_embedding(tmp_path / "Qwen3-Embedding-tiny")
    cut_weights(folder)
    set_language("zh")
    with pytest.raises(SettingsError) as raised:
        encode(folder)
    assert "无法读取" in raised.value.in_words()


def test_loading_leaves_the_screen_empty(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert", "mean")
    capfd.readouterr()
    encode(folder)
    assert capfd.readouterr() == ("", "")


# -- threads -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="torch is built with GNU's OpenMP on Linux only")
@pytest.mark.parametrize("set_by_the_user, read", [(None, "10000"), ("77", "77")])
def test_waiting_threads_spin_briefly_unless_the_user_says_otherwise(set_by_the_user: str | None, read: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {"OMP_DISPLAY_ENV": "VERBOSE"} | ({"GOMP_SPINCOUNT": set_by_the_user} if set_by_the_user else {})
    code = "from qianxun.models.in_process.loading import import_torch; import_torch()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("this torch has another OpenMP")
    assert f"GOMP_SPINCOUNT = '{read}'" in done.stderr


# -- batches -----------------------------------------------------------------------------------------------


def test_batches_hold_like_lengths_within_the_budget() -> None:
    # Longest first; padded, three texts of 4 cost 12.
    assert by_length([4, 1, 9, 4, 3, 4], 12, padded=True) == [[2], [0, 3, 5], [4, 1]]
    # Not padded, 9 + 3 would fit, but texts are taken in order: 9, then 4 + 4 + 4, then 3 + 1.
    assert by_length([4, 1, 9, 4, 3, 4], 12, padded=False) == [[2], [0, 3, 5], [4, 1]]
    assert by_length([5, 4, 3], 12, padded=True) == [[0, 1], [2]]
    assert by_length([5, 4, 3], 12, padded=False) == [[0, 1, 2]]


def test_a_text_beyond_the_budget_is_a_batch_of_its_own() -> None:
    assert by_length([3, 50, 2], 10, padded=False) == [[1], [0, 2]]
    assert by_length([], 10, padded=True) == []


def test_batches_have_no_more_texts_than_allowed() -> None:
    assert by_length([1, 1, 1, 1, 1], 100, padded=True, max_texts=2) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("padded", [True, False])
def test_every_text_is_in_one_batch(padded: bool) -> None:
    lengths: list[Any] = [(i * 37) % 101 + 1 for i in range(200)]
    batches = by_length(lengths, 256, padded=padded)
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    for batch in batches:
        cost = max(lengths[i] for i in batch) * len(batch) if padded else sum(lengths[i] for i in batch)
        assert cost <= 256
