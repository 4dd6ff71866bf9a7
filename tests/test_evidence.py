import json
from dataclasses import replace

import pytest

from qianxun.answering.evidence import (
    COEFFICIENTS,
    SIGNS,
    Features,
    calibration,
    evidence,
    features,
    probability,
    verdict,
)
from qianxun.answering.extract import MOST_COMPARED, candidates
from qianxun.models.builtin import BuiltinEncoder
from qianxun.records import Passage, Span
from qianxun.settings import AnswerSettings


def passage(rank: int, text: str, title: str = "") -> Passage:
    return Passage(rank, 0.6, rank, rank, f"{rank}.md", title, None, None, (), Span(0, len(text)), text, "", (), {})


# A small knowledge base of a company, as it comes back for anything that is asked.
COMPANY = (
    passage(1, "出差期间市内交通费每天不超过 80 元，凭票报销。一类城市住宿限额为每晚 650 元。", "费用报销制度"),
    passage(2, "员工每年享有 10 天年休假。年休假申请由直接主管林知远审批。", "员工手册"),
    passage(3, "LF-200 显示 E-1042 表示励磁线圈断路。请联系客服，电话 400-820-1234。", "LF-200 用户手册"),
    passage(4, "The warranty lasts 24 months from delivery. Batteries are not covered.", "Warranty terms"),
    passage(5, "On-call engineers receive a stipend of 300 yuan per week. Escalate to Mara Lindqvist.", "On-call"),
)


BUILTIN, UNKNOWN = BuiltinEncoder().fingerprint, "some-plugin-7"
MIN_SUPPORT = AnswerSettings().min_support


def found_for(question: str, passages=COMPANY, similarity: float = 0.0):
    return candidates(question, passages, term_weights={}, similarities=lambda _, texts: [similarity] * len(texts))


def support(question: str, passages=COMPANY, similarity: float = 0.0, encoder: str = BUILTIN) -> float:
    return evidence(found_for(question, passages, similarity), encoder=encoder)


def decision(
    question: str, min_support: float = MIN_SUPPORT, similarity: float = 0.0, encoder: str = BUILTIN, passages=COMPANY
) -> str:
    return verdict(found_for(question, passages, similarity), min_support, encoder=encoder)


OFF_TOPIC = [
    "What is the capital of France?", "今天天气怎么样？", "今天天氣怎麼樣？", "asdf qwer", "😀🎉🚀", "", "？！",
    "Who won the world cup in 2018?", "请写一首关于春天的诗", "如何做红烧肉？", "How do I bake sourdough bread?",
    "公司的停车位有几个？", "What does error E-3530 mean?", "帮我查一下明天去上海的机票 cheap flights",
]  # fmt: skip
ON_TOPIC = [
    "市内交通费每天最多报销多少？", "市內交通費每天最多報銷多少？", "一类城市住宿限额是多少", "年休假谁审批？",
    "E-1042 是什么故障？",
    "How long does the warranty last?", "Are batteries covered?", "What stipend do on-call engineers receive?",
    "On-call stipend 每周多少？",
]  # fmt: skip


@pytest.mark.parametrize("question", OFF_TOPIC)
@pytest.mark.parametrize("similarity", [0.0, 0.2])
def test_a_question_about_something_else_is_refused(question, similarity):
    assert decision(question, similarity=similarity) == "no_evidence"


@pytest.mark.parametrize("question", ON_TOPIC)
@pytest.mark.parametrize("encoder, similarity", [(BUILTIN, 0.6), (UNKNOWN, 0.0), ("", 0.0)])
def test_a_question_that_a_sentence_answers_is_answered(question, encoder, similarity):
    assert decision(question, similarity=similarity, encoder=encoder) == "answered"


@pytest.mark.parametrize("question", OFF_TOPIC + ON_TOPIC)
@pytest.mark.parametrize("encoder", [BUILTIN, UNKNOWN, "", "builtin", "-"])
@pytest.mark.parametrize("similarity", [-1.0, 0.5, 1.0])
def test_support_is_a_probability(question, encoder, similarity):
    assert 0.0 <= support(question, similarity=similarity, encoder=encoder) <= 1.0


def test_support_grows_with_what_is_covered_and_with_likeness():
    assert support("年休假谁审批？") > support("年休假谁取消？") > support("停车位谁取消？")
    assert support("年休假谁审批？", similarity=0.6) > support("年休假谁审批？", similarity=0.1)


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("encoder", [BUILTIN, UNKNOWN])
def test_each_feature_speaks_one_way(name, across, encoder):
    middle = Features(covered=0.5, similar=0.5, agreed=0.5, conflict=0.5, strange=False, across=across)
    at = [probability(replace(middle, **{name: value}), calibration(encoder)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert at == sorted(at, reverse=SIGNS[name] < 0)
    assert probability(replace(middle, strange=True), calibration(encoder)) < at[2]


def test_the_shipped_coefficients_belong_to_the_builtin_encoder():
    assert calibration(BUILTIN).encoder.rpartition("-")[0] == BUILTIN.rpartition("-")[0]
    assert calibration(BUILTIN).within["similar"] > 0
    assert calibration(BUILTIN).across["similar"] > 0
    for one in json.loads(COEFFICIENTS.read_text(encoding="utf-8"))["calibrations"]:
        for weights in (one["within"], one["across"]):
            assert weights.keys() <= {"bias", *SIGNS}
            assert all(weights[name] * sign >= 0 for name, sign in SIGNS.items() if name in weights)


def test_of_an_encoder_that_nothing_was_fitted_to_only_words_count():
    chinese = COMPANY[:3]
    for encoder in (UNKNOWN, "hash-1", "words", ""):
        assert calibration(encoder).encoder == ""
        near, far = (support("年休假谁审批？", chinese, similarity=s, encoder=encoder) for s in (0.9, 0.0))
        assert near == far > MIN_SUPPORT
        assert decision("停车位有几个？", similarity=0.9, encoder=encoder, passages=chinese) == "no_evidence"


def test_across_languages_without_coefficients_nothing_speaks_for_or_against():
    warranty = COMPANY[3:4]
    assert support("保修期有多长？", warranty, similarity=0.9, encoder=UNKNOWN) == 0.5
    assert decision("保修期有多长？", similarity=0.9, encoder=UNKNOWN, passages=warranty) == "answered"
    assert decision("E-3530 是什么意思？", similarity=0.9, encoder=UNKNOWN, passages=warranty) == "no_evidence"


@pytest.mark.parametrize("encoder", [BUILTIN, UNKNOWN, ""])
def test_nothing_in_common_is_no_support(encoder):
    assert support("保修期有多长？", COMPANY[3:4], encoder=encoder) == 0.0


@pytest.mark.parametrize("question", ["年休假誰審批？", "年休假谁审批？", "年休假 approval 谁审批？"])
def test_script_and_foreign_words_make_no_difference_of_kind(question):
    assert support(question, similarity=0.6) > MIN_SUPPORT > support("停車位有幾個？", similarity=0.3)


def test_a_missing_identifier_counts_against():
    assert support("E-1042 是什么故障？") > support("E-1043 是什么故障？")


def test_an_identifier_that_is_nowhere_is_refused_however_much_else_agrees():
    assert decision("LF-200 显示 E-1042 表示励磁线圈断路吗？", similarity=0.8) == "answered"
    assert decision("LF-200 显示 E-1099 表示励磁线圈断路吗？", similarity=0.8) == "no_evidence"


def test_across_languages_likeness_decides():
    warranty = COMPANY[3:4]
    likely, unlikely = (support("保修期有多长？", warranty, similarity=s) for s in (0.75, 0.2))
    assert likely > MIN_SUPPORT > unlikely


def test_likeness_is_of_the_nearest_sentence_and_agreement_that_it_is_the_best():
    question = "How long does the warranty last?"
    found = candidates(question, COMPANY[3:4], term_weights={}, similarities=lambda _, texts: [0.4, 0.9][: len(texts)])
    first, second = (features([replace(c, score=float(c.place == n)) for c in found]) for n in (0, 1))
    assert (first.similar, first.agreed) == (0.9, 0.0)
    assert (second.similar, second.agreed) == (0.9, 1.0)


def test_only_so_many_sentences_are_compared_and_the_telling_ones_among_them():
    text = "Nothing is said here. " * 3 * MOST_COMPARED + "The warranty lasts 24 months."
    asked: list[str] = []

    def similarities(_, texts):
        asked.extend(texts)
        return [0.5] * len(texts)

    found = candidates(
        "How long does the warranty last?", [passage(1, text)], term_weights={}, similarities=similarities
    )
    assert len(asked) == MOST_COMPARED < len(found)
    assert "The warranty lasts 24 months." in asked
    assert sum(c.similarity > 0 for c in found) == MOST_COMPARED


def test_no_sentence_is_no_support():
    assert support("年休假谁审批？", ()) == 0.0
    assert support("年休假谁审批？", (passage(1, "  "),)) == 0.0


def test_the_threshold_at_its_ends():
    assert decision("asdf qwer", min_support=0.0) != "no_evidence"
    assert decision("年休假谁审批？", min_support=1.0) == "no_evidence"


def test_features_are_shares():
    found = candidates("年休假谁审批？", COMPANY, term_weights={})
    one = features(found)
    assert all(0 <= getattr(one, name) <= 1 for name in one.__dataclass_fields__)
