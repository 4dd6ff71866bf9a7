"""Embeddings in process against the model cards' own code, on tiny checkpoints of the true architectures."""

import itertools
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import reference_qwen as reference
import tiny_models

from qianxun.errors import BadModelReply, SettingsError
from qianxun.models.in_process.encoder import InProcessEncoder, open_encoder
from qianxun.settings import load_settings

TEXTS = [
    "数据库连接超时的时候，先看连接池是不是用满了。",
    "Employees are entitled to five days of paid leave after one year of service.",
    "年假",
    "資料庫連線逾時時，請先檢查連線池是否已滿。臺北分公司加班須事先申請，經主管核准後方可報支加班費。" * 6,
    "Release 2.3 于 2025 年 3 月 18 日发布，修复了 timeout 问题。",
    "型号：ＡＢＣ－１２３；价格：￥９９９（含税）。",
    "  leading and trailing white space\n\n",
    "x",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_embedding(tmp_path_factory.mktemp("models") / "Qwen3-Embedding-tiny")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def opened(folder: Path, *overrides: str) -> InProcessEncoder:
    given = "encoder.precision=float32", *overrides
    return open_encoder(load_settings(overrides=[f"encoder.model={folder}", *given]))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Iterator[InProcessEncoder]:
    made = opened(folder)
    yield made
    made.close()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("n", [1, 2, len(TEXTS)])
def test_passages_equal_the_model_card(encoder: InProcessEncoder, folder: Path, n: int, side: str) -> None:
    expected = reference.embed(folder, TEXTS[:n], padding_side=side)
    found = encoder.encode_passages(TEXTS[:n])
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_questions_carry_the_instruction_and_passages_do_not(encoder: InProcessEncoder, folder: Path) -> None:
    questions = ["年假有几天？", "What is the capital of China?", "GPU 上怎么跑 Qwen？", "發票號碼？"]
    expected = reference.embed(folder, [reference.instructed(reference.TASK, question) for question in questions])
    np.testing.assert_allclose(encoder.encode_queries(questions), expected, atol=1e-5)
    assert np.abs(encoder.encode_queries(questions) - encoder.encode_passages(questions)).max() > 0.1


def test_another_instruction_takes_the_place_of_the_model_s(folder: Path) -> None:
    task = "Find the rule that a clerk asks for"
    expected = reference.embed(folder, [reference.instructed(task, "年假？")])
    np.testing.assert_allclose(
        opened(folder, f"encoder.instruction={task}").encode_queries(["年假？"]), expected, atol=1e-5
    )
    bare = reference.embed(folder, ["年假？"])
    np.testing.assert_allclose(opened(folder, "encoder.instruction=").encode_queries(["年假？"]), bare, atol=1e-5)


def test_a_row_is_the_same_whatever_stands_beside_it(encoder: InProcessEncoder) -> None:
    together = encoder.encode_passages(TEXTS[::-1])[::-1]
    alone = np.concatenate([encoder.encode_passages([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_many_texts_in_many_batches_keep_their_order(folder: Path) -> None:
    texts = [f"{text} {i}" for i in range(40) for text in TEXTS[:5]]
    expected = reference.embed(folder, texts)
    np.testing.assert_allclose(opened(folder).encode_passages(texts), expected, atol=1e-5)


def test_empty_text_is_a_row_of_zeros_and_is_not_asked(encoder: InProcessEncoder) -> None:
    found = encoder.encode_passages(["", TEXTS[0], " \n\t", "　"])
    assert not found[[0, 2, 3]].any()
    np.testing.assert_allclose(found[1], encoder.encode_passages([TEXTS[0]])[0], atol=1e-6)
    assert encoder.encode_queries([]).shape == (0, encoder.dim)
    assert encoder.encode_queries([""]).shape == (1, encoder.dim)


def test_bfloat16_is_near_float32(folder: Path, encoder: InProcessEncoder) -> None:
    rough = opened(folder, "encoder.precision=bfloat16")
    assert "bfloat16" in rough.served_by
    assert (rough.encode_passages(TEXTS) * encoder.encode_passages(TEXTS)).sum(axis=1).min() > 0.998


@pytest.mark.parametrize("size", [32, 100])
def test_a_smaller_dimension_is_the_first_numbers_made_unit(folder: Path, size: int) -> None:
    whole = reference.embed(folder, TEXTS)[:, :size]
    small = opened(folder, f"encoder.dimension={size}")
    assert small.dim == size
    expected = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    np.testing.assert_allclose(small.encode_passages(TEXTS), expected, atol=1e-5)


def test_a_tokenizer_that_appends_nothing_is_helped(folder: Path, tmp_path: Path, encoder: InProcessEncoder) -> None:
    from tokenizers import Tokenizer, processors

    older = tiny_models.make_embedding(tmp_path / "Qwen3-Embedding-older")
    tokenizer = Tokenizer.from_file(str(older / "tokenizer.json"))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(str(older / "tokenizer.json"))
    assert tokenizer.encode("年假").ids[-1] != tokenizer.token_to_id(tiny_models.END_OF_TEXT)
    np.testing.assert_allclose(opened(older).encode_passages(TEXTS), encoder.encode_passages(TEXTS), atol=1e-6)
    assert opened(older).token_counts(TEXTS) == encoder.token_counts(TEXTS)


def test_overlong_text_is_cut_and_keeps_its_end_token(folder: Path) -> None:
    texts = [TEXTS[3], TEXTS[2]]
    expected = reference.embed(folder, texts, max_length=32)
    cut = opened(folder, "encoder.max_tokens=32", "encoder.overlong=cut")
    np.testing.assert_allclose(cut.encode_passages(texts), expected, atol=1e-5)
    read, whole = cut.token_counts(texts)
    assert read[0] == 32 < whole[0]
    assert read[1] == whole[1]


def test_overlong_text_is_split_and_its_parts_weigh_by_their_tokens(folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    numbers = tokenizer.encode(TEXTS[3], add_special_tokens=False).ids
    split = opened(folder, "encoder.max_tokens=101")
    # So many parts of at most 100 tokens, of nearly equal length, each with the end token.
    n_parts = -(-len(numbers) // 100)
    edges = [round(i * len(numbers) / n_parts) for i in range(n_parts + 1)]
    found = split._model().sequences.parts([TEXTS[3]], "")[0]
    assert [part.n_text_tokens for part in found] == [b - a for a, b in itertools.pairwise(edges)]
    total = np.zeros(split.dim)
    for part in found:
        assert part.tokens[-1] == tokenizer.token_to_id(tiny_models.END_OF_TEXT)
        assert len(part.tokens) == part.n_text_tokens + 1 <= 101
        state = split._model().body.last([part.tokens]).numpy()[0]
        total += part.n_text_tokens * state / np.linalg.norm(state)
    np.testing.assert_allclose(split.encode_passages([TEXTS[3]])[0], total / np.linalg.norm(total), atol=1e-5)


def test_the_question_s_prompt_stands_before_every_part(folder: Path) -> None:
    question = "数据库 timeout " * 60
    encoder = opened(folder, "encoder.max_tokens=128")
    prefix = encoder.format.query_prefix
    parts = encoder._model().sequences.parts([question], prefix)[0]
    starts = {tuple(part.tokens[:10]) for part in parts}
    assert len(parts) > 1
    assert len(starts) == 1
    assert all(len(part.tokens) <= 128 for part in parts)


def test_a_limit_that_the_prompt_alone_exceeds_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.max_tokens is 8"):
        opened(folder, "encoder.max_tokens=8").encode_queries(["数据库 timeout " * 60])


def test_a_very_long_text_is_encoded(folder: Path) -> None:
    found = opened(folder, "encoder.max_tokens=512").encode_passages([TEXTS[0] * 1000])
    np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_bert_with_a_pooling_equals_the_plain_way(tmp_path: Path, pooling: str) -> None:
    folder = tiny_models.make_bert(tmp_path / f"bert-{pooling}", pooling)
    texts = [text for text in TEXTS if text is not TEXTS[3]]
    encoder = opened(folder)
    assert encoder.format.pooling == pooling
    np.testing.assert_allclose(
        encoder.encode_passages(texts), reference.embed_pooled(folder, texts, pooling), atol=1e-5
    )
    # A text longer than its positions does not fail.
    assert np.isfinite(encoder.encode_passages([TEXTS[3]])).all()


def test_xlm_roberta_counts_positions_from_its_padding_token(tmp_path: Path) -> None:
    folder = tiny_models.make_cross_encoder(tmp_path / "xlm-r")
    encoder = opened(folder, "encoder.pooling=mean")
    np.testing.assert_allclose(encoder.encode_passages(TEXTS), reference.embed_pooled(folder, TEXTS, "mean"), atol=1e-5)
    assert encoder.format.max_tokens == 512  # of 514 positions
    longest = TEXTS[3] * 5
    read, whole = encoder.token_counts([longest])
    assert whole[0] > 512
    assert read[0] > whole[0]  # split, each part with its own start and end
    assert np.isfinite(encoder.encode_passages([longest])).all()


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_a_language_model_serves_as_encoder(tmp_path: Path, pooling: str) -> None:
    """As Qwen2.5-7B-Instruct does, with any pooling."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_models.make_chat(tmp_path / "chat")
    encoder = opened(folder, f"encoder.pooling={pooling}")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    pick = {"mean": lambda s: s.mean(dim=0), "last": lambda s: s[-1], "cls": lambda s: s[0]}[pooling]
    found = encoder.encode_passages(TEXTS)
    for row, text in zip(found, TEXTS, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        expected = torch.nn.functional.normalize(pick(states), dim=0).numpy()
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_without_a_pooling_of_its_own_a_language_model_is_mean_pooled(tmp_path: Path) -> None:
    assert opened(tiny_models.make_chat(tmp_path / "chat")).format.pooling == "mean"


def test_threads_share_an_encoder(folder: Path, encoder: InProcessEncoder) -> None:
    expected = encoder.encode_passages(TEXTS)
    shared = opened(folder)  # not loaded yet: they also race to load it
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(shared.encode_passages, [TEXTS] * 16):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_closed_encoder_loads_again(folder: Path, encoder: InProcessEncoder) -> None:
    one = opened(folder)
    first = one.encode_passages(TEXTS[:2])
    one.close()
    assert one._loaded is None
    np.testing.assert_array_equal(one.encode_passages(TEXTS[:2]), first)


def test_opening_reads_no_weights(folder: Path) -> None:
    one = opened(folder)
    assert (one.name, one.dim, one._loaded) == ("transformers", 128, None)
    assert one.fingerprint == one.format.fingerprint
    assert one.served_by == "in process on cpu (no GPU is there) in float32 (as set)"


def test_the_reason_for_device_and_precision_is_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = opened(folder)
    with caplog.at_level("INFO", logger="qianxun"):
        one.encode_passages(["年假"])
        one.encode_passages(["年假"])
    said = [record.getMessage() for record in caplog.records if "in process on cpu" in record.getMessage()]
    assert len(said) == 1
    assert "年假" not in caplog.text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 0.0])
def test_numbers_that_are_none_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, number: float) -> None:
    one = opened(folder)
    body: Any = one._model().body
    monkeypatch.setattr(type(body), "pooled", lambda self, sequences, _: _filled(len(sequences), number))
    with pytest.raises(BadModelReply, match="2 vectors in process"):
        one.encode_passages(TEXTS[:2])


def _filled(n: int, number: float) -> Any:
    import torch

    return torch.full((n, 128), number)


def test_a_text_of_which_the_tokenizer_leaves_nothing_is_a_row_of_zeros(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, normalizers

    folder = tiny_models.make_chat(tmp_path / "chat")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Replace("\u200b", "")
    tokenizer.save(str(folder / "tokenizer.json"))
    found = opened(folder).encode_passages(["\u200b", "年假"])
    assert not found[0].any()
    np.testing.assert_allclose(np.linalg.norm(found[1]), 1, atol=1e-6)
    assert not opened(folder).encode_passages(["\u200b"]).any()


def test_a_model_with_parts_that_are_not_run_here_is_refused(tmp_path: Path) -> None:
    """Left out silently, they would give other vectors."""
    folder = tiny_models.make_bert(tmp_path / "with-dense", "mean")
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    with pytest.raises(SettingsError, match="with-dense has Dense"):
        opened(folder).encode_passages(TEXTS[:1])


def test_a_pooling_without_the_prompt_is_refused_where_there_is_a_prompt(tmp_path: Path) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert", "mean")
    path = folder / "1_Pooling" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"include_prompt": False}))
    assert opened(folder).encode_queries(TEXTS[:1]).any()
    prompts = folder / "config_sentence_transformers.json"
    prompts.write_text(json.dumps({"prompts": {"query": "search: "}}))
    with pytest.raises(SettingsError, match="leaves the prompt out"):
        opened(folder).encode_queries(TEXTS[:1])


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.make_bert(tmp_path / "t5", "mean")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"is_encoder_decoder": True}))
    with pytest.raises(SettingsError, match="a decoder beside its encoder"):
        opened(folder).encode_passages(TEXTS[:1])
