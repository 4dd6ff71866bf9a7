import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qianxun.models import builtin
from qianxun.models.builtin import BuiltinEncoder
from qianxun.models.tokens import Tokenizer

TRANSLATIONS = [
    ("怎样重新设置密码？", "How do I reset my password?"),
    ("孩子发烧咳嗽应该看哪个科？", "Which doctor should a child with fever and cough see?"),
    ("这座城市的人口是多少？", "What is the population of this city?"),
    ("公司必须在三十天内支付赔偿金。", "The company must pay compensation within thirty days."),
    ("打印机无法连接到无线网络。", "The printer cannot connect to the wireless network."),
    ("请假需要提前多久申请？", "How early must I apply for leave?"),
    ("神经网络的训练需要大量数据。", "Training a neural network needs a lot of data."),
    ("法院驳回了原告的请求。", "The court rejected the plaintiff's request."),
]


@pytest.fixture(scope="module")
def encoder() -> BuiltinEncoder:
    return BuiltinEncoder()


def test_rows_are_unit_float32_of_the_stated_dimension(encoder: BuiltinEncoder) -> None:
    vectors = encoder.encode_passages(["千寻是什么？", "What is it?", "混合 mixed 文本 ＡＢＣ，１２３。"])
    assert vectors.shape == (3, encoder.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("text", ["", " \n\t", "。，！？……", "?!", "\u200b", "🙂", "ひらがな", "한국어"])
def test_text_of_which_nothing_is_known_is_a_row_of_zeros_and_matches_nothing(
    encoder: BuiltinEncoder, text: str
) -> None:
    vectors = encoder.encode_queries([text, "千寻"])
    assert not vectors[0].any()
    assert vectors[1].any()


def test_no_texts_give_no_rows(encoder: BuiltinEncoder) -> None:
    assert encoder.encode_passages([]).shape == (0, encoder.dim)


def test_vector_is_bitwise_the_same_in_any_batch(encoder: BuiltinEncoder) -> None:
    texts = [text for pair in TRANSLATIONS for text in pair] + ["", "很长的文本 and more。" * 400]
    alone = np.concatenate([encoder.encode_passages([text]) for text in texts])
    together = encoder.encode_passages(texts)
    backwards = encoder.encode_passages(texts[::-1])[::-1]
    assert alone.tobytes() == together.tobytes() == np.ascontiguousarray(backwards).tobytes()
    assert BuiltinEncoder().encode_queries(texts).tobytes() == together.tobytes()


def test_each_sentence_is_closest_to_its_translation(encoder: BuiltinEncoder) -> None:
    chinese = encoder.encode_queries([zh for zh, _ in TRANSLATIONS])
    english = encoder.encode_passages([en for _, en in TRANSLATIONS])
    similarity = chinese @ english.T
    assert similarity.argmax(axis=1).tolist() == list(range(len(TRANSLATIONS)))
    assert similarity.argmax(axis=0).tolist() == list(range(len(TRANSLATIONS)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("網路資料庫應該備份", "网路资料库应该备份"),
        ("ＧＰＵ　ｍｅｍｏｒｙ：１２８？", "gpu memory:128?"),
        ("密码，请重置！", "密码,请重置!"),
        ("The COURT", "the court"),
    ],
)
def test_script_width_and_case_do_not_matter(encoder: BuiltinEncoder, one: str, other: str) -> None:
    first, second = encoder.encode_passages([one, other])
    assert first.tobytes() == second.tobytes()


def test_traditional_text_equals_simplified_text(encoder: BuiltinEncoder) -> None:
    traditional, simplified = encoder.encode_queries(["請問頭髮乾燥應該怎麼護理？", "请问头发干燥应该怎么护理？"])
    assert traditional.tobytes() == simplified.tobytes()


def test_threads_share_one_encoder(encoder: BuiltinEncoder) -> None:
    texts = [text for pair in TRANSLATIONS for text in pair]
    fresh = BuiltinEncoder()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: fresh.encode_queries([text])[0], texts * 4))
    assert np.array(found).tobytes() == np.concatenate([encoder.encode_queries(texts)] * 4).tobytes()


@pytest.mark.parametrize("length", [1, 2, 40, 254, 255, 508, 600])
def test_long_text_is_encoded_in_parts_and_nothing_of_it_is_lost(encoder: BuiltinEncoder, length: int) -> None:
    words = ["数据库", "backup", "保险", "court", "天气", "river"]
    text = " ".join(words[i % len(words)] for i in range(length))
    ending = f"{text} 糖尿病患者的饮食 糖尿病"
    first, second = encoder.encode_passages([text, ending])
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
    assert first.tobytes() != second.tobytes()


def test_vector_equals_the_transformer_written_out(encoder: BuiltinEncoder) -> None:
    """The graph, run by plain numpy with the same weights as floats: what is left is what eight bits round away."""
    parts = float_layers()
    for text in [text for pair in TRANSLATIONS for text in pair] + ["混合 mixed 文本，" * 40]:
        assert written_out(encoder, parts, text) @ encoder.encode_passages([text])[0] > 0.99


def float_layers() -> dict[str, np.ndarray]:
    """The constants of the graph by name, integers times their scales."""
    onnx = pytest.importorskip("onnx")
    from onnx import numpy_helper

    model = onnx.load(builtin.DATA / "layers.onnx")
    raw = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = dict(raw)
    for name in [name.removesuffix(".values") for name in raw if name.endswith(".values")]:
        weight = raw[f"{name}.values"] * raw[f"{name}.scales"]
        assert np.abs(raw[f"{name}.values"].astype(int)).max() <= 63, "a sum of two products must fit 16 bits"
        found[f"{name}.weight"] = weight * raw[f"{name}.factors"][:, None]
    return found


def written_out(encoder: BuiltinEncoder, parts: dict[str, np.ndarray], text: str) -> np.ndarray:
    """BERT's encoder with mean pooling (Devlin et al. 2019), one text, one loop a layer and a head."""
    model = encoder._model()
    numbers = [model.tokenizer.start, *model.tokenizer.numbers(text), model.tokenizer.end]
    assert len(numbers) <= encoder.longest

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        middle, spread = x.mean(axis=-1, keepdims=True), x.std(axis=-1, keepdims=True)
        return (x - middle) / np.sqrt(spread**2 + 1e-12) * parts[f"{name}.weight"] + parts[f"{name}.bias"]

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ parts[f"{name}.weight"] + parts[f"{name}.bias"]

    x = norm(model.words[numbers] * model.scales[numbers, None] + model.positions[: len(numbers)], "norm")
    size, n_heads = x.shape[1] // 12, 12
    erf = np.vectorize(math.erf)
    for layer in range(6):
        at = f"layers.{layer}."
        q, k, v = np.split(linear(x, f"{at}qkv"), 3, axis=1)
        heads = []
        for head in range(n_heads):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            share = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(share / share.sum(axis=1, keepdims=True) @ v[:, part])
        x = norm(x + linear(np.concatenate(heads, axis=1), f"{at}mixed"), f"{at}mixed_norm")
        wide = linear(x, f"{at}widen")
        x = norm(x + linear(wide * 0.5 * (1 + erf(wide / math.sqrt(2))), f"{at}narrow"), f"{at}norm")
    pooled = x.mean(axis=0)
    return pooled / np.linalg.norm(pooled)


def test_files_fit_the_package_and_agree_with_their_fingerprint() -> None:
    about = json.loads((builtin.DATA / "model.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for name in ("words.npy", "word_scales.npy", "positions.npy", "token_scores.npy", "tokens.txt", "layers.onnx"):
        digest.update((builtin.DATA / name).read_bytes())
    assert about["fingerprint"] == f"builtin-2-{digest.hexdigest()[:12]}"
    assert sum(path.stat().st_size for path in builtin.DATA.iterdir()) <= 32e6
    assert Tokenizer.read(builtin.DATA / "tokens.txt", builtin.DATA / "token_scores.npy").tokens[0] == "[PAD]"


def test_card_names_the_weights_it_describes() -> None:
    about = json.loads((builtin.DATA / "model.json").read_text(encoding="utf-8"))
    assert about["fingerprint"] in (builtin.DATA / "MODEL_CARD.md").read_text(encoding="utf-8")
