import hashlib
import json
import math
import zlib
from collections import Counter

import numpy as np
import pytest

from qianxun import text as matching
from qianxun.models import builtin
from qianxun.models.builtin import BuiltinEncoder

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


@pytest.mark.parametrize("text", ["", " \n\t", "。，！？……", "?!", "\u200b", "🙂"])
def test_text_without_features_is_a_row_of_zeros_and_matches_nothing(encoder: BuiltinEncoder, text: str) -> None:
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


def reference_features(text: str) -> list[int]:
    """The documented keys, one Python loop each."""
    keys = []
    for run in matching.runs(matching.fold(text)):
        if matching.has_cjk(run):
            points = [ord(character) for character in run]
            for n in (1, 2, 3):
                for start in range(len(points) - n + 1):
                    key = 0
                    for point in points[start : start + n]:
                        key = key * 2**21 + point
                    keys.append(key)
        else:
            word = run[:40]
            keys.append(2**63 + zlib.crc32(word.encode()))
            if len(word) > 4:
                framed = "<" + word + ">"
                for start in range(len(framed) - 3):
                    keys.append(2**63 + 2**32 + zlib.crc32(framed[start : start + 4].encode()))
    return keys


TEXTS_FOR_REFERENCE = [
    "数据库备份",
    "a",
    "words, wordlike; WORDS and naïve Привет",
    "在 Kubernetes 集群中，Pod 是最小的部署单元；Pod 里有一个或多个容器。",
    "北京北京北京北京 data data data",
    "ひらがなとカタカナ 한국어 𠀀𠀁",
    "the quick brown fox 敏捷的棕色狐狸跳过懒狗。" * 60,
    "f" * 300,
]


@pytest.mark.parametrize("text", TEXTS_FOR_REFERENCE)
def test_features_are_the_documented_ones(text: str) -> None:
    assert sorted(builtin.features(text).tolist()) == sorted(reference_features(text))


@pytest.mark.parametrize("text", TEXTS_FOR_REFERENCE)
def test_vector_equals_slow_reference(encoder: BuiltinEncoder, text: str) -> None:
    keys = np.load(builtin.DATA / "features.npy").tolist()
    row_of_key = {key: row for row, key in enumerate(keys)}
    weights = np.load(builtin.DATA / "weights.npy")
    total = [0.0] * encoder.dim
    for key, count in Counter(reference_features(text)).items():
        if key in row_of_key:
            weight = min(127, round(16 * (1 + math.log(count))))
            for column, value in enumerate(weights[row_of_key[key]].tolist()):
                total[column] += weight * value
    norm = math.sqrt(sum(value * value for value in total)) or 1.0
    expected = [value / norm for value in total]
    assert encoder.encode_passages([text])[0] == pytest.approx(expected, abs=1e-5)


def test_more_features_than_one_exact_sum_holds_change_nothing(encoder: BuiltinEncoder) -> None:
    """A long text goes through several partial sums; each stays exact, so the order cannot matter."""
    vocabulary = np.load(builtin.DATA / "features.npy")
    characters = "".join(chr(key) for key in vocabulary[vocabulary < 2**21].tolist()[:3000])
    one_way, other_way = encoder.encode_passages([" ".join(characters), " ".join(characters[::-1])])
    assert one_way.tobytes() == other_way.tobytes()


def test_files_fit_the_package_and_agree_with_their_fingerprint() -> None:
    about = json.loads((builtin.DATA / "model.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256()
    for name in ("features.npy", "weights.npy"):
        digest.update((builtin.DATA / name).read_bytes())
    assert about["fingerprint"] == f"builtin-1-{digest.hexdigest()[:12]}"
    assert sum(path.stat().st_size for path in builtin.DATA.iterdir()) <= 32 * 2**20

    keys, weights = np.load(builtin.DATA / "features.npy"), np.load(builtin.DATA / "weights.npy")
    assert weights.dtype == np.int8
    assert weights.shape == (keys.size, about["dim"])
    assert weights.min() >= -127, "an exact sum needs |weight| <= 127"
    assert (keys[1:] > keys[:-1]).all(), "look-up needs sorted, distinct keys"
