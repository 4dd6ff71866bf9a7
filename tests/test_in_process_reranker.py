"""Scores in process against the model card's own code, with and without a shared prefix, and cross-encoders."""

import json
import math
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
from qianxun.models import qwen3_reranker as prompt
from qianxun.models.in_process.qwen3 import Qwen3Reranker, common_length
from qianxun.models.in_process.reranker import InProcessReranker, open_reranker
from qianxun.settings import load_settings

QUESTIONS = [
    "数据库连接超时应该怎么排查？",
    "What is the capital of China?",
    "加班費如何報支？",
    "ＧＰＵ 上怎么跑 Qwen 模型？",
]
PASSAGES = [
    "数据库连接超时的时候，先看连接池是不是用满了。",
    "The capital of China is Beijing.",
    "臺北分公司加班須事先申請，經主管核准後方可報支加班費。" * 8,
    "x",
    "在 GPU 上运行 Qwen 模型需要 CUDA，在 CPU 上可以用 bfloat16。",
    "型号：ＡＢＣ－１２３；价格：￥９９９（含税）。",
    "\nbegins with a line break",
    " begins with a space",
    "The capital of China is Beijing.",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_reranker(tmp_path_factory.mktemp("models") / "Qwen3-Reranker-tiny")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def opened(folder: Path, *overrides: str) -> InProcessReranker:
    given = "reranker.precision=float32", *overrides
    return open_reranker(load_settings(overrides=[f"reranker.model={folder}", *given]))


@pytest.fixture(scope="module")
def reranker(folder: Path) -> Iterator[InProcessReranker]:
    made = opened(folder)
    yield made
    made.close()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("n", [1, 2, len(PASSAGES)])
def test_scores_equal_the_model_card(reranker: InProcessReranker, folder: Path, question: str, n: int) -> None:
    found = reranker.score(question, PASSAGES[:n])
    assert found.dtype == np.float32
    assert found.shape == (n,)
    np.testing.assert_allclose(found, reference.rerank(folder, question, PASSAGES[:n]), atol=1e-5)


def test_the_tiny_model_tells_passages_apart(reranker: InProcessReranker) -> None:
    """Else the comparisons would prove little."""
    assert np.ptp(reranker.score(QUESTIONS[0], PASSAGES)) > 0.2


def alone(reranker: InProcessReranker, question: str, passages: list[str]) -> list[float]:
    """Each passage in a call of its own, where there is nothing to share."""
    return [float(reranker.score(question, [passage])[0]) for passage in passages]


def test_a_shared_prefix_changes_nothing(reranker: InProcessReranker) -> None:
    for question in QUESTIONS:
        np.testing.assert_allclose(reranker.score(question, PASSAGES), alone(reranker, question, PASSAGES), atol=1e-5)


def test_a_shared_prefix_changes_little_in_bfloat16(folder: Path) -> None:
    rough = opened(folder, "reranker.precision=bfloat16")
    for question in QUESTIONS:
        together = rough.score(question, PASSAGES)
        np.testing.assert_allclose(together, alone(rough, question, PASSAGES), atol=0.01)


def test_a_prefix_longer_than_the_passages_changes_nothing(reranker: InProcessReranker, folder: Path) -> None:
    question = "数据库连接超时应该怎么排查？" * 40
    passages = ["是", "不是", "先看连接池。", "x"]
    np.testing.assert_allclose(
        reranker.score(question, passages), reference.rerank(folder, question, passages), atol=1e-5
    )


def test_many_passages_in_many_batches_keep_their_order(folder: Path) -> None:
    passages = [f"{passage}（{i}）" for i in range(12) for passage in PASSAGES]
    expected = reference.rerank(folder, QUESTIONS[0], passages)
    np.testing.assert_allclose(opened(folder).score(QUESTIONS[0], passages), expected, atol=1e-5)
    few_at_a_time = opened(folder, "reranker.batch=3")
    np.testing.assert_allclose(few_at_a_time.score(QUESTIONS[0], passages), expected, atol=1e-5)


def test_what_is_shared_ends_before_the_first_difference() -> None:
    assert common_length([[1, 2, 3, 4], [1, 2, 9, 9]]) == 2
    assert common_length([[1, 2, 3], [4, 2, 3]]) == 0
    # Each keeps a token of its own, even if one begins with all of another, or all are equal.
    assert common_length([[1, 2, 3], [1, 2, 3, 4]]) == 2
    assert common_length([[1, 2, 3], [1, 2, 3]]) == 2
    assert common_length([[7]]) == 0


def test_what_is_shared_is_found_on_tokens(reranker: InProcessReranker) -> None:
    """The space after `<Document>:` may belong to the passage's first word, and then is not shared."""
    model: Any = reranker._model()
    sequences = model.sequences("问题", ["yes it is", "no it is not"], None)
    n = common_length(sequences)
    assert sequences[0][:n] == sequences[1][:n]
    assert sequences[0][n] != sequences[1][n]
    assert n < len(model._tokenizer.encode(prompt.PREFIX).ids) + len(model._tokenizer.encode(prompt.head("问题")).ids)


def test_the_instruction_is_that_of_the_call_then_of_the_settings(folder: Path) -> None:
    task = "Find the passage that a clerk needs"
    expected = reference.rerank(folder, QUESTIONS[0], PASSAGES, task=task)
    np.testing.assert_allclose(opened(folder).score(QUESTIONS[0], PASSAGES, instruction=task), expected, atol=1e-5)
    by_settings = opened(folder, f"reranker.instruction={task}")
    np.testing.assert_allclose(by_settings.score(QUESTIONS[0], PASSAGES), expected, atol=1e-5)
    own = reference.rerank(folder, QUESTIONS[0], PASSAGES)
    np.testing.assert_allclose(by_settings.score(QUESTIONS[0], PASSAGES, instruction=reference.TASK), own, atol=1e-5)
    assert np.abs(own - expected).max() > 0.01


def test_empty_passages_are_not_asked(reranker: InProcessReranker) -> None:
    assert reranker.score("年假？", []).shape == (0,)
    found = reranker.score("年假？", ["", PASSAGES[0], " \n"])
    assert found[0] == found[2] == 0
    np.testing.assert_allclose(found[1], reranker.score("年假？", [PASSAGES[0]])[0], atol=1e-6)


def test_an_overlong_passage_loses_its_end_and_never_the_suffix(folder: Path) -> None:
    cut = opened(folder, "reranker.max_tokens=120")
    expected = reference.rerank(folder, QUESTIONS[0], PASSAGES, max_length=120)
    np.testing.assert_allclose(cut.score(QUESTIONS[0], PASSAGES), expected, atol=1e-5)
    read, whole = cut.token_counts(QUESTIONS[0], PASSAGES[2])
    assert read == 120 < whole
    model: Any = cut._model()
    suffix = model._tokenizer.encode(prompt.SUFFIX).ids
    assert model.sequences(QUESTIONS[0], [PASSAGES[2]], None)[0][-len(suffix) :] == suffix


def test_an_overlong_question_is_cut_to_half(folder: Path) -> None:
    cut: Any = opened(folder, "reranker.max_tokens=300")._model()
    (sequence,) = cut.sequences("数据库连接超时应该怎么排查？" * 100, ["先看连接池。"], None)
    assert len(sequence) <= 300
    assert "先看连接池" in cut._tokenizer.decode(sequence)


def test_a_limit_that_the_prompt_alone_exceeds_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"reranker\.max_tokens is 70"):
        opened(folder, "reranker.max_tokens=70").score(QUESTIONS[0], PASSAGES)


def test_tokens_read_are_those_of_the_official_prompt(reranker: InProcessReranker, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    for passage in PASSAGES[:3]:
        expected = len(tokenizer(prompt.prompt(QUESTIONS[0], passage))["input_ids"])
        assert reranker.token_counts(QUESTIONS[0], passage) == (expected, expected)


def test_a_converted_classifier_reads_the_same_prompt(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tiny_models.make_converted_reranker(tmp_path / "converted")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = opened(folder).score(QUESTIONS[0], PASSAGES)
    for score, passage in zip(found, PASSAGES, strict=True):
        with torch.no_grad():
            logit = model(**tokenizer(prompt.prompt(QUESTIONS[0], passage), return_tensors="pt")).logits[0, 0]
        assert score == pytest.approx(1 / (1 + math.exp(-float(logit))), abs=1e-5)


def test_a_cross_encoder_equals_the_plain_way(tmp_path: Path) -> None:
    folder = tiny_models.make_cross_encoder(tmp_path / "bge-reranker-tiny")
    reranker = opened(folder)
    for question in QUESTIONS:
        expected = reference.classify_pairs(folder, question, PASSAGES)
        np.testing.assert_allclose(reranker.score(question, PASSAGES), expected, atol=1e-5)
    assert reranker.score(QUESTIONS[0], ["", PASSAGES[0]])[0] == 0


def test_a_cross_encoder_cuts_the_passage_only(tmp_path: Path) -> None:
    folder = tiny_models.make_cross_encoder(tmp_path / "bge-reranker-tiny")
    reranker = opened(folder)
    passages = [PASSAGES[2] * 20, PASSAGES[0]]
    expected = reference.classify_pairs(folder, QUESTIONS[0], passages)
    np.testing.assert_allclose(reranker.score(QUESTIONS[0], passages), expected, atol=1e-5)
    read, whole = reranker.token_counts(QUESTIONS[0], passages[0])
    assert read == 512 < whole
    # A question that would fill everything is cut to half.
    assert np.isfinite(reranker.score(QUESTIONS[0] * 200, passages)).all()


def test_a_classifier_of_several_classes_is_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification

    folder = tiny_models.make_bert(tmp_path / "bert", "cls")
    config = BertConfig.from_pretrained(folder, num_labels=3)
    BertForSequenceClassification(config).save_pretrained(folder)
    with pytest.raises(SettingsError, match="3 classes"):
        opened(folder).score("年假？", PASSAGES[:1])


def test_an_architecture_that_judges_nothing_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.make_bert(tmp_path / "bert", "cls")
    with pytest.raises(SettingsError, match="BertModel"):
        opened(folder).score("年假？", PASSAGES[:1])


def test_a_tokenizer_without_yes_and_no_is_refused(tmp_path: Path, folder: Path) -> None:
    from tokenizers import Tokenizer, models

    other = tiny_models.make_reranker(tmp_path / "Qwen3-Reranker-other")
    Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")).save(str(other / "tokenizer.json"))
    with pytest.raises(SettingsError, match="no tokens yes and no"):
        opened(other).score("年假？", PASSAGES[:1])


def test_threads_share_a_reranker(folder: Path, reranker: InProcessReranker) -> None:
    expected = {question: reranker.score(question, PASSAGES) for question in QUESTIONS}
    shared = opened(folder)
    with ThreadPoolExecutor(8) as threads:
        asked = QUESTIONS * 4
        for question, found in zip(asked, threads.map(lambda q: shared.score(q, PASSAGES), asked), strict=True):
            np.testing.assert_allclose(found, expected[question], atol=1e-6)


def test_opening_reads_no_weights_and_closing_frees_them(folder: Path) -> None:
    one = opened(folder)
    assert (one.name, one._loaded) == ("transformers", None)
    assert one.served_by == "in process on cpu (no GPU is there) in float32 (as set)"
    first = one.score(QUESTIONS[0], PASSAGES[:2])
    one.close()
    assert one._loaded is None
    np.testing.assert_array_equal(one.score(QUESTIONS[0], PASSAGES[:2]), first)


def test_scores_that_are_no_numbers_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Qwen3Reranker, "score", lambda *_: np.array([0.5, np.nan], dtype=np.float32))
    with pytest.raises(BadModelReply, match="1 scores in process"):
        opened(folder).score("年假？", PASSAGES[:2])


def test_the_slow_path_gives_the_same_scores(tmp_path: Path, reranker: InProcessReranker) -> None:
    """A config that the fast path does not know sends it through transformers, with the same weights."""
    folder = tiny_models.make_reranker(tmp_path / "Qwen3-Reranker-other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"some_new_thing": 1}))
    other = opened(folder)
    for question in QUESTIONS:
        np.testing.assert_allclose(other.score(question, PASSAGES), reranker.score(question, PASSAGES), atol=1e-5)
    model: Any = other._model()
    assert type(model._judge.body).__name__ == "PaddedModel"
