"""Adapters on tiny checkpoints: what is trained, what is written, and that both are the same function."""

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

import tiny_models
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from qianxun.errors import InputError, SettingsError, StorageError
from qianxun.models.checkpoint import read_checkpoint
from qianxun.models.formats import encoder_format
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.encoder import open_encoder
from qianxun.models.in_process.reranker import open_reranker
from qianxun.settings import Settings, load_settings
from qianxun.training import checkpoints
from qianxun.training import encoder as training_encoder
from qianxun.training.encoder import Batch, batch_of, contrastive_loss, train_encoder
from qianxun.training.lora import Tuned, order_of_steps
from qianxun.training.pairs import Example, Examples
from qianxun.training.recipe import Recipe
from qianxun.training.reranker import train_reranker

CPU = Place("cpu", "float32", "on the processor")
TEXTS = {
    1: "数据库连接超时的时候，先看连接池是不是用满了。",
    2: "臺北分公司加班須事先申請，經主管核准後方可報支加班費。",
    3: "The capital of China is Beijing.",
    4: "型号：ＡＢＣ－１２３；价格：￥９９９（含税）。",
    5: "用 Python 写的 API 返回 JSON，错误码是 HTTP 429。",
    6: "Invoices must show the number of the order.",
}
EXAMPLES = Examples(
    (
        Example("a", "连接超时怎么办？", (1,), (3, 4), frozenset({1})),
        Example("b", "加班費？", (2,), (1, 6), frozenset({2})),
        Example("c", "capital of China", (3, 5), (2, 4), frozenset({3, 5})),
    ),
    TEXTS,
    (1, 2, 3),
    n_judged=0,
    n_unpaired=0,
)
# All examples in every step, so that the steps' losses can be compared.
RECIPE = Recipe(rank=4, alpha=8, rate=5e-3, epochs=6, batch=3, seed=3)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Several spin for one another where another process wants the cores."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.make_embedding(folder / "Qwen3-Embedding-tiny")
    tiny_models.make_reranker(folder / "Qwen3-Reranker-tiny")
    tiny_models.make_converted_reranker(folder / "converted")
    tiny_models.make_bert(folder / "bert-mean", "mean")
    tiny_models.make_bert(folder / "bert-cls", "cls")
    return folder


def settings_of(role: str, folder: Path) -> Settings:
    return load_settings(overrides=[f"{role}.model={folder}", f"{role}.precision=float32"])


def trained(role: str, folder: Path, recipe: Recipe = RECIPE, place: Place = CPU) -> tuple[dict[str, Any], list[float]]:
    checkpoint, settings = read_checkpoint(folder), settings_of(role, folder)
    if role == "encoder":
        return train_encoder(checkpoint, place, encoder_format(settings), recipe, EXAMPLES)
    return train_reranker(checkpoint, place, settings.reranker, recipe, EXAMPLES)


# -- the whole way ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role, name",
    [
        ("encoder", "Qwen3-Embedding-tiny"),
        ("encoder", "bert-mean"),
        ("encoder", "bert-cls"),
        ("reranker", "Qwen3-Reranker-tiny"),
        ("reranker", "converted"),
    ],
)
def test_a_tuned_model_learns_what_it_was_shown_and_the_engines_read_it(
    models: Path, tmp_path: Path, role: str, name: str
) -> None:
    folder = models / name
    differences, losses = trained(role, folder)
    assert losses[-1] < losses[0]
    into = tmp_path / checkpoints.name_of(str(folder), "0123456789")
    checkpoints.write_merged(read_checkpoint(folder), differences, into)
    question, chunks = "连接超时怎么办？", (1, 3, 4)
    scores = []
    for each in (folder, into):
        if role == "encoder":
            encoder = open_encoder(settings_of(role, each))
            (asked,) = encoder.encode_queries([question])
            scores.append(encoder.encode_passages([TEXTS[c] for c in chunks]) @ asked)
        else:
            scores.append(open_reranker(settings_of(role, each)).score(question, [TEXTS[c] for c in chunks]))
    gaps = [float(found[0] - max(found[1:])) for found in scores]
    assert gaps[1] > max(gaps[0], 0)


@pytest.mark.parametrize("role, name", [("encoder", "Qwen3-Embedding-tiny"), ("reranker", "Qwen3-Reranker-tiny")])
def test_the_same_seed_gives_the_same_weights_and_another_one_others(models: Path, role: str, name: str) -> None:
    recipe = replace(RECIPE, epochs=2)
    one, other = (trained(role, models / name, recipe)[0] for _ in range(2))
    assert all(torch.equal(one[key], other[key]) for key in one)
    before = torch.random.get_rng_state()
    third = trained(role, models / name, replace(recipe, seed=4))[0]
    assert not all(torch.equal(one[key], third[key]) for key in one)
    assert torch.equal(before, torch.random.get_rng_state())  # nobody else's numbers were drawn


def test_what_is_written_is_the_function_that_was_trained(models: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(models / "Qwen3-Embedding-tiny")
    tuned = Tuned(checkpoint, CPU, RECIPE)
    with torch.no_grad():
        for values in tuned.trained:
            values += 0.05 * torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    tokens = [[5, 6, 7, 8], [9, 10, 11]]
    with torch.no_grad():
        wanted = torch.nn.functional.normalize(tuned.states(tokens, "last"), dim=-1)
    into = tmp_path / "Qwen3-Embedding-tiny-tuned-00000000"
    checkpoints.write_merged(checkpoint, tuned.differences(), into)
    merged = Tuned(read_checkpoint(into), CPU, RECIPE)  # its own adapters begin at 0
    with torch.no_grad():
        found = torch.nn.functional.normalize(merged.states(tokens, "last"), dim=-1)
        plain = torch.nn.functional.normalize(Tuned(checkpoint, CPU, RECIPE).states(tokens, "last"), dim=-1)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert (found - plain).abs().max() > 1e-2


def test_bfloat16_trains_and_stays_bfloat16_on_the_disk(tmp_path: Path) -> None:
    folder = tiny_models.make_reranker(tmp_path / "Qwen3-Reranker-half")
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    differences, losses = trained("reranker", folder, place=Place("cpu", "bfloat16", ""))
    assert losses[-1] < losses[0]
    assert all(delta.dtype == torch.float32 for delta in differences.values())
    checkpoints.write_merged(read_checkpoint(folder), differences, tmp_path / "new")
    written = load_file(tmp_path / "new" / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    changed = {name for name in weights if not torch.equal(weights[name], written[name])}
    assert {name.removeprefix("model.") for name in changed} == set(differences)


# -- folders ---------------------------------------------------------------------------------------------------------


def test_a_written_checkpoint_is_the_original_but_for_the_weights(models: Path, tmp_path: Path) -> None:
    folder = models / "Qwen3-Embedding-tiny"
    (folder / "pulled.json").write_text("{}", encoding="utf-8")
    differences, _ = trained("encoder", folder, Recipe(rank=2, epochs=1, targets="attention"))
    assert {name.rpartition("proj")[0][-2:] for name in differences} == {"q_", "k_", "v_", "o_"}
    into = tmp_path / "new"
    checkpoints.write_merged(read_checkpoint(folder), differences, into)
    there = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    assert {p.relative_to(into) for p in into.rglob("*") if p.is_file()} == there - {Path("pulled.json")}
    for path in there - {Path("pulled.json"), Path("model.safetensors")}:
        assert (into / path).read_bytes() == (folder / path).read_bytes()
    assert read_checkpoint(into).weights_print() != read_checkpoint(folder).weights_print()


def test_shards_and_their_index_stay(models: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = tiny_models.make_reranker(tmp_path / "sharded")
    (folder / "model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(models / "Qwen3-Reranker-tiny")
    model.save_pretrained(folder, max_shard_size="500KB")
    differences, _ = trained("reranker", folder, replace(RECIPE, epochs=1))
    checkpoints.write_merged(read_checkpoint(folder), differences, tmp_path / "new")
    names = sorted(p.name for p in folder.glob("*.safetensors*"))
    assert len(names) > 2
    assert sorted(p.name for p in (tmp_path / "new").glob("*.safetensors*")) == names
    one = load_file(folder / names[0])
    assert one.keys() == load_file(tmp_path / "new" / names[0]).keys()


def test_files_that_do_not_fit_the_model_are_refused(models: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(models / "Qwen3-Reranker-tiny")
    with pytest.raises(SettingsError, match=r"lack 1 weights that the model has, layers\.9\.x among them"):
        checkpoints.write_merged(checkpoint, {"layers.9.x": torch.zeros(1)}, tmp_path / "new")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        checkpoints.write_merged(checkpoint, {}, tmp_path / "file" / "new")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_text(json.dumps(dict(checkpoint.config)), encoding="utf-8")
    with pytest.raises(SettingsError, match="no weights in safetensors files"):
        checkpoints.refuse_unmergeable(read_checkpoint(bare))


def test_names_keep_the_family_and_do_not_grow() -> None:
    name = checkpoints.name_of("Qwen/Qwen3-Reranker-0.6B", "0123456789abcdef")
    assert name == "Qwen3-Reranker-0.6B-tuned-01234567"
    assert checkpoints.name_of(f"/models/tuned/{name}/", "fedcba98") == "Qwen3-Reranker-0.6B-tuned-fedcba98"


def test_an_unknown_architecture_is_named(models: Path, tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2Model

    folder = tiny_models.make_bert(tmp_path / "gpt", "mean")
    config = GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=2000, n_positions=64)
    GPT2Model(config).save_pretrained(folder)
    with pytest.raises(SettingsError, match="is a GPT2Model, which is not known how to fine-tune"):
        Tuned(read_checkpoint(folder), CPU, RECIPE)


def test_nothing_is_said_on_the_screen(models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained("encoder", models / "Qwen3-Embedding-tiny", replace(RECIPE, epochs=1))
    assert capfd.readouterr() == ("", "")


def test_a_question_that_leaves_no_room_for_a_passage_is_refused(models: Path) -> None:
    long = Examples((Example("a", "连接超时怎么办？" * 200, (1,), (3,), frozenset({1})),), TEXTS, (1,), 0, 0)
    checkpoint, settings = (
        read_checkpoint(models / "Qwen3-Reranker-tiny"),
        settings_of("reranker", models / "Qwen3-Reranker-tiny"),
    )
    with pytest.raises(InputError, match="--max-tokens is 128"):
        train_reranker(checkpoint, CPU, settings.reranker, Recipe(max_tokens=128), long)


# -- the encoder's loss ----------------------------------------------------------------------------------------------


def slow_loss(vectors: np.ndarray, batch: Batch, temperature: float) -> float:
    """The definition, a sum at a time."""
    n, losses = len(batch.questions), []
    for i in range(n):
        cosine = [float(vectors[i] @ vectors[n + column]) for column in range(len(batch.chunks))]
        answer = cosine[batch.answers[i]]
        total = 0.0
        for column, value in enumerate(cosine):
            near = value > answer + 0.1 and column not in batch.own[i]
            if column == batch.answers[i] or not (column in batch.left_out[i] or near):
                total += math.exp((value - answer) / temperature)
        losses.append(math.log(total))
    return sum(losses) / n


@st.composite
def batches(draw: st.DrawFn) -> tuple[Batch, int]:
    n = draw(st.integers(1, 5))
    examples = []
    for i in range(n):
        chunks = draw(st.lists(st.integers(0, 9), min_size=2, max_size=6, unique=True))
        n_good = draw(st.integers(1, len(chunks) - 1))
        also = draw(st.sets(st.integers(0, 9), max_size=3)) - set(chunks[n_good:])
        examples.append(
            Example(str(i), "q", tuple(chunks[:n_good]), tuple(chunks[n_good:]), frozenset(chunks[:n_good]) | also)
        )
    return batch_of(range(n), examples, draw(st.integers(0, 3))), draw(st.integers(0, 2**32 - 1))


@given(batches(), st.sampled_from([0.02, 0.05, 0.5]))
def test_loss_is_its_definition(given_batch: tuple[Batch, int], temperature: float) -> None:
    batch, seed = given_batch
    rows = np.random.default_rng(seed).standard_normal((len(batch.questions) + len(batch.chunks), 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = float(contrastive_loss(torch, torch.tensor(rows), batch, temperature))
    assert found == pytest.approx(slow_loss(rows, batch, temperature), abs=1e-6)


def test_gradients_a_part_at_a_time_are_those_of_all_at_once(models: Path) -> None:
    folder = models / "Qwen3-Embedding-tiny"
    form = encoder_format(settings_of("encoder", folder))
    batch = batch_of(range(3), EXAMPLES.examples, 0)
    random = np.random.default_rng(2)
    tokens = [random.integers(0, 400, size).tolist() for size in random.integers(2, 9, 3 + len(batch.chunks))]
    gradients = []
    for budget in (1 << 20, 12):
        tuned = Tuned(read_checkpoint(folder), CPU, RECIPE)
        tuned.max_batch_tokens = budget
        with torch.no_grad():
            for values in tuned.trained:
                values += 0.02 * torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
        training_encoder._step(tuned, form, batch, tokens, 0.05)
        gradients.append([values.grad.clone() for values in tuned.trained])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
    # And those of the loss itself, without the detour.
    tuned = Tuned(read_checkpoint(folder), CPU, RECIPE)
    with torch.no_grad():
        for values in tuned.trained:
            values += 0.02 * torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    contrastive_loss(torch, training_encoder._vectors(tuned, form, tokens), batch, 0.05).backward()
    for one, values in zip(gradients[0], tuned.trained, strict=True):
        torch.testing.assert_close(one, values.grad, atol=1e-4, rtol=1e-3)


def test_every_answer_has_its_turn_and_other_answers_are_left_out() -> None:
    seen: Sequence[Batch] = [batch_of([2, 0], EXAMPLES.examples, epoch) for epoch in range(3)]
    assert [batch.chunks[batch.answers[0]] for batch in seen] == [3, 5, 3]
    # In the second epoch 3 is a negative of the other question, and an answer to this one.
    assert [seen[1].chunks[column] for column in seen[1].left_out[0]] == [3]


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_every_example_comes_once_in_every_epoch(n: int, batch: int, epochs: int, seed: int) -> None:
    steps = order_of_steps(n, Recipe(batch=batch, epochs=epochs, seed=seed))
    assert all(len(step) <= batch for step in steps)
    per_epoch = -(-n // batch)
    assert len(steps) == epochs * per_epoch
    for epoch in range(epochs):
        of_epoch = steps[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(place for step in of_epoch for place in step) == list(range(n))
