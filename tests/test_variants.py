"""繁體 or 简体, ＦＵＬＬ or half width, UPPER or lower case: however a question is written, it finds the same.

What a passage is written in differs too: half of the Chinese passages are traditional, and so are their questions.
"""

import contextlib
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

import qianxun
from qianxun.evaluation.datasets import Dataset, read_dataset
from qianxun.knowledge_base import KnowledgeBase
from qianxun.text import has_cjk

MODES = ("hybrid", "dense", "lexical")
# Data set → how many of its passages are in the knowledge base.
PASSAGES = {"cmrc2018-zh": 300, "drcd-zht": 300, "xquad-en-to-en": 200}

PLAIN, WITH_LATIN = "only Han", "with Latin letters or digits"
# (data set, what its questions are made of) → how many are asked. 100 Chinese ones, half of them traditional; 60
# English ones; 40 Chinese ones with letters or digits in them, whose width and case can differ.
QUESTIONS = {
    ("cmrc2018-zh", PLAIN): 50,
    ("drcd-zht", PLAIN): 50,
    ("xquad-en-to-en", WITH_LATIN): 60,
    ("cmrc2018-zh", WITH_LATIN): 20,
    ("drcd-zht", WITH_LATIN): 20,
}

_FULL_WIDTH = {ord(" "): "\u3000", **{c: chr(c + 0xFEE0) for c in range(0x21, 0x7F)}}
_HALF_WIDTH = {ord(full): chr(half) for half, full in _FULL_WIDTH.items()}


@cache
def converter(name: str) -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC(name).convert
    return convert


def variants(question: str) -> dict[str, str]:
    """The question written otherwise, by how; without those that change nothing."""
    simplified = converter("t2s")(question)
    written = {
        "simplified": simplified,
        "traditional": converter("s2t")(simplified),
        "traditional and back": converter("t2s")(converter("s2t")(simplified)),
        "full width": question.translate(_FULL_WIDTH),
        "half width": question.translate(_HALF_WIDTH),
        "upper case": question.upper(),
        "lower case": question.lower(),
        "title case": question.title(),
        "traditional, full width, upper case": converter("s2t")(simplified).upper().translate(_FULL_WIDTH),
    }
    return {how: text for how, text in written.items() if text != question}


def top(kb: KnowledgeBase, question: str, mode: str) -> tuple[str, str]:
    """Source and text of the best passage."""
    (best, *_) = kb.search(question, k=1, mode=mode).passages
    return best.source, best.text


def differing(kb: KnowledgeBase, questions: Sequence[str], mode: str) -> list[tuple[str, str, str]]:
    """(question, how it was written otherwise, as what) wherever that finds another passage."""
    return [
        (question, how, text)
        for question in questions
        for found in [top(kb, question, mode)]
        for how, text in variants(question).items()
        if top(kb, text, mode) != found
    ]


# -- sentences of our own: always run -----------------------------------------------------------------

OWN_PASSAGES = {
    "plant": "苏州的工厂每天生产两万件零件，夜班由机器人完成。",
    "hair": "頭髮乾燥時，應該先用溫水清洗，再塗上護髮乳。",
    "bus": "公交线路 T3 从机场开往市中心，首班车六点发出。",
    "library": "圖書館週一閉館；借書證遺失須繳納工本費一百元。",
    "queen": "皇后死后，国王把后面的花园改成了博物馆。",
    "noodles": "乾隆年間，這家麵館只賣陽春麵，裡面沒有肉。",
    "gpu": "训练需要 GPU 显存 24GB，驱动版本不低于 550。",
    "leave": "Employees with ten years of service get ten days of annual leave.",
    "router": "If the router's LED is red, hold RESET for 10 seconds and reconnect to the WPA3 network.",
    "museum": "The São Paulo museum opens at 9:30 and is closed on Mondays.",
    "survey": "本工程的测量采用 2000 国家大地坐标系，椭球参数见附录。",
    "nickname": "暱稱於註冊滿三十天後可以修改一次，名稱不得超過二十個字。",
}
# Question → what it must find in every mode, so that "the same" cannot mean "the same nonsense".
OWN_QUESTIONS = {
    "工厂夜班由谁完成？": "plant",
    "头发干燥怎么护理？": "hair",
    "借書證遺失要繳納多少錢？": "library",
    "国王在皇后死后做了什么？": "queen",
    "乾隆年间的面馆卖什么面？": "noodles",
    "T3线从机场开往哪里?": "bus",
    "训练要多少 GB 的 gpu 显存？": "gpu",
    "How much annual leave after ten years of service?": "leave",
    "测量坐标用什么椭球？": "survey",
    "新用户的昵称于何时可以修改？": "nickname",
    "What does the router's red LED mean?": "router",
    "When does the museum in São Paulo open?": "museum",
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with qianxun.open(tmp_path / "kb") as opened:
        opened.add_texts(qianxun.TextItem(source=name, title="", text=text) for name, text in OWN_PASSAGES.items())
        yield opened


@pytest.mark.parametrize("mode", MODES)
def test_question_finds_its_passage_however_it_is_written(own: KnowledgeBase, mode: str) -> None:
    assert {question: top(own, question, mode)[0] for question in OWN_QUESTIONS} == OWN_QUESTIONS
    assert differing(own, list(OWN_QUESTIONS), mode) == []


def test_variants_are_what_they_are_called() -> None:
    assert variants("GPU 发热?") == {
        "traditional": "GPU 發熱?",
        "full width": "ＧＰＵ　发热？",
        "lower case": "gpu 发热?",
        "title case": "Gpu 发热?",
        "traditional, full width, upper case": "ＧＰＵ　發熱？",
    }
    assert variants("發熱？") == {"simplified": "发热？", "traditional and back": "发热？", "half width": "發熱?"}


# -- 200 questions of the development data ---------------------------------------------------------------


@dataclass(slots=True)
class Judged:
    """A knowledge base of passages with judged questions, and those that are asked."""

    kb: KnowledgeBase | None = None
    questions: list[str] = field(default_factory=list)
    close: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)


@pytest.fixture(scope="module")
def once() -> Iterator[Judged]:
    judged = Judged()
    with judged.close:
        yield judged


@pytest.fixture
def judged(once: Judged, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Made by the first test that asks for it: only within a test is the environment a clean one."""
    if once.kb is None:
        kb = once.close.enter_context(qianxun.open(tmp_path_factory.mktemp("judged") / "kb"))
        for name, n_passages in PASSAGES.items():
            dataset = read_dataset(shared_data / "dev" / name)
            wanted = {kind: n for (of, kind), n in QUESTIONS.items() if of == name}
            asked = chosen(dataset, wanted)
            gold = {document for id in asked for document, grade in dataset.judgements[id].items() if grade}
            others = (document.id for document in dataset.documents() if document.id not in gold)
            kept = gold | {id for id, _ in zip(others, range(n_passages - len(gold)), strict=False)}
            kb.add_texts(
                qianxun.TextItem(source=document.id, title=document.title, text=document.text)
                for document in dataset.documents()
                if document.id in kept
            )
            once.questions += asked.values()
        once.kb = kb
    return once


def chosen(dataset: Dataset, wanted: Mapping[str, int]) -> dict[str, str]:
    """Questions by id: so many of each kind, each about passages that no other one is about."""
    found: dict[str, str] = {}
    left = dict(wanted)
    taken: set[str] = set()
    for id, text in dataset.questions.items():
        kind = PLAIN if has_cjk(text) and not set(text) & set(string.ascii_letters + string.digits) else WITH_LATIN
        if left.get(kind, 0) and not taken & dataset.judgements[id].keys():
            found[id] = text
            left[kind] -= 1
            taken |= dataset.judgements[id].keys()
    assert not any(left.values()), left
    return found


@pytest.mark.parametrize("mode", MODES)
def test_judged_question_finds_the_same_passage_however_it_is_written(judged: Judged, mode: str) -> None:
    assert judged.kb is not None
    assert len(judged.kb.documents()) == sum(PASSAGES.values())
    assert len(judged.questions) == sum(QUESTIONS.values()) == 200
    assert differing(judged.kb, judged.questions, mode) == []
