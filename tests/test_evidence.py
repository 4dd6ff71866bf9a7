from dataclasses import replace

import pytest

from qianxun.answering.evidence import evidence, features, verdict
from qianxun.answering.extract import candidates
from qianxun.records import Passage, Span


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


def support(question: str, passages=COMPANY, similarity: float = 0.0) -> float:
    found = candidates(question, passages, term_weights={}, similarities=lambda _, texts: [similarity] * len(texts))
    return evidence(question, found)


def decision(question: str, min_support: float = 0.5, similarity: float = 0.0) -> str:
    found = candidates(question, COMPANY, term_weights={}, similarities=lambda _, texts: [similarity] * len(texts))
    return verdict(question, found, min_support)


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
def test_a_question_that_a_sentence_answers_is_answered(question):
    assert decision(question, similarity=0.5) == "answered"


@pytest.mark.parametrize("question", OFF_TOPIC + ON_TOPIC)
def test_support_is_a_share(question):
    assert 0.0 <= support(question) <= 1.0


def test_support_grows_with_what_is_covered_and_with_likeness():
    assert support("年休假谁审批？") > support("年休假谁取消？") > support("停车位谁取消？")
    assert support("年休假谁审批？", similarity=0.6) > support("年休假谁审批？", similarity=0.1)


def test_a_missing_identifier_counts_against():
    assert support("E-1042 是什么故障？") > support("E-1043 是什么故障？")


def test_an_identifier_that_is_nowhere_is_refused_however_much_else_agrees():
    assert decision("LF-200 显示 E-1042 表示励磁线圈断路吗？", similarity=0.8) == "answered"
    assert decision("LF-200 显示 E-1099 表示励磁线圈断路吗？", similarity=0.8) == "no_evidence"


def test_across_languages_likeness_decides():
    warranty = COMPANY[3:4]
    assert (
        support("保修期有多长？", warranty, similarity=0.6) > 0.5 > support("保修期有多长？", warranty, similarity=0.2)
    )


def test_likeness_is_of_the_best_sentence_across_languages_and_of_the_nearest_within_one():
    def similar(question: str) -> float:
        found = candidates(
            question, COMPANY[3:4], term_weights={}, similarities=lambda _, texts: [0.4, 0.9][: len(texts)]
        )
        # The second sentence is nearest; make the first one the best.
        return features(question, [replace(c, score=1.0 - c.place) for c in found]).similar

    assert similar("保修期有多长？") == 0.4
    assert similar("How long does the warranty last?") == 0.9


def test_no_sentence_is_no_support():
    assert support("年休假谁审批？", ()) == 0.0
    assert support("年休假谁审批？", (passage(1, "  "),)) == 0.0


def test_the_threshold_at_its_ends():
    assert decision("asdf qwer", min_support=0.0) != "no_evidence"
    assert decision("年休假谁审批？", min_support=1.0) == "no_evidence"


def test_features_are_shares():
    found = candidates("年休假谁审批？", COMPANY, term_weights={})
    one = features("年休假谁审批？", found)
    assert all(0 <= getattr(one, name) <= 1 for name in one.__dataclass_fields__)
