import asyncio
import re
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from qianxun import messages
from qianxun.answering.answer import answer
from qianxun.answering.wording import language_of
from qianxun.protocols import Delta, Message
from qianxun.records import Answer, Passage, SearchResult, Span
from qianxun.settings import AnswerSettings
from qianxun.text import fold, words


class WordEncoder:
    """A row per text: which of a few words occur in it. Chinese and English names of one thing share a column."""

    name, fingerprint, dim = "words", "words", 4
    columns = ("warranty 保修", "leave 年休假", "price 价格 目录价", "travel 交通 打车 网约车")

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[any(w in fold(t) for w in c.split()) for c in self.columns] for t in texts], dtype=np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)

    encode_queries = encode_passages


class Scripted:
    """A generator that says what it was given, a few characters at a time, and keeps what it was asked."""

    name, context_tokens = "scripted", 4000

    def __init__(self, text: str, finish_reason: str = "stop", context_tokens: int = 4000) -> None:
        self.text, self.finish_reason, self.context_tokens = text, finish_reason, context_tokens
        self.asked: list[Message] = []

    async def stream(self, messages, *, schema=None, sampling) -> AsyncIterator[Delta]:
        self.asked = list(messages)
        for i in range(0, len(self.text), 5):
            yield Delta(self.text[i : i + 5])
        yield Delta(finish_reason=self.finish_reason, usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        return len(text)


def passage(rank: int, text: str, title: str, start: int = 100, context: str = "") -> Passage:
    span = Span(start, start + len(text))
    heading = tuple(context.splitlines()[:1])
    return Passage(
        rank, 0.6, rank + 10, rank, f"{title}.md", title, 2, None, heading, span, text, context, ("public",), {}
    )


TRAVEL = passage(
    1,
    "出差期间市内交通费每天不超过 80 元，凭票报销。晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。",
    "费用报销制度",
    context="3. 市内交通",
)
WARRANTY = passage(2, "The warranty lasts 24 months from delivery. Batteries are not covered.", "Warranty terms")
PRICES = passage(3, "LF-200-50 | 5,680\nLG-8 | 1,980", "2025年产品价格表", context="主要产品\n型号 | 目录价（元）")
FOUND = (TRAVEL, WARRANTY, PRICES)


def ask(
    question: str, passages: Sequence[Passage] = FOUND, generator=None, run=asyncio.to_thread, **settings
) -> Answer:
    found = SearchResult(question, tuple(passages), {"search": 0.25}, {"encoder": "words"}, ("reranker",))
    weights = dict.fromkeys(words(fold(question)), 3.0)
    return asyncio.run(
        answer(
            question,
            found,
            generator=generator,
            encoder=WordEncoder(),
            term_weights=weights,
            settings=AnswerSettings(**settings),
            n_documents=12,
            run=run,
        )
    )


# --- quoting


@pytest.mark.parametrize(
    "question, quote, of",
    [
        ("加班回家的网约车费每次最多报销多少？", "晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。", TRAVEL),
        ("加班回家的網約車費每次最多報銷多少？", "晚上 21:30 以后加班可报销回家的网约车费，每次不超过 60 元。", TRAVEL),
        ("How long does the warranty last?", "The warranty lasts 24 months from delivery.", WARRANTY),
        ("LG-8 的目录价是多少？", "LG-8 | 1,980", PRICES),
    ],
)
def test_an_answer_quotes_the_sentence_and_cites_where_it_stands(question, quote, of):
    result = ask(question, max_sentences=1)
    (citation,) = result.citations
    assert (result.verdict, citation.number, citation.support) == ("answered", 1, "supported")
    assert citation.quote == quote
    assert of.text[citation.span.start - of.span.start : citation.span.end - of.span.start] == quote
    assert (citation.chunk, citation.document, citation.source) == (of.chunk, of.document, of.source)
    assert (citation.title, citation.page, citation.heading) == (of.title, of.page, of.heading)


def test_text_is_the_sentences_with_their_numbers():
    assert ask("How long does the warranty last?", max_sentences=1).text == (
        "The warranty lasts 24 months from delivery. [1]"
    )
    assert ask("LG-8 的目录价是多少？", max_sentences=1).text == "型号：LG-8；目录价（元）：1,980[1]"


def test_numbers_count_the_cited_passages_from_one_and_point_into_passages():
    result = ask("网约车费报销多少，warranty lasts how long？")
    assert {c.number for c in result.citations} == set(range(1, len({c.chunk for c in result.citations}) + 1))
    for citation in result.citations:
        assert result.passages[citation.number - 1].chunk == citation.chunk
    assert len(result.passages) == 3


def test_chinese_sentences_join_without_and_english_ones_with_a_space():
    chinese = passage(1, "保修期为 24 个月。保修期自交货之日起算。", "保修")
    result = ask("保修期多久，从何时起算？", [chinese])
    assert result.text == "保修期为 24 个月。[1]保修期自交货之日起算。[1]"
    english = passage(1, "The warranty lasts 24 months. The warranty starts on delivery day.", "Terms")
    result = ask("How long does the warranty last and when does the warranty start?", [english])
    assert result.text == "The warranty lasts 24 months. [1] The warranty starts on delivery day. [1]"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("？？？！", "zh"),
        ("??!", "en"),
        ("２０２６？", "zh"),
        ("Why？", "en"),
        ("年假？", "zh"),
        ("😀", "en"),
    ],
)
def test_where_there_are_no_words_the_signs_tell_the_language(question: str, language: str):
    assert language_of(question) == language


def test_it_says_once_that_it_quotes_in_the_language_of_the_question():
    messages.set_language("en")
    assert ask("LG-8 的目录价是多少？").notes == ("没有配置语言模型：以下是原文摘录。",)
    assert ask("How long does the warranty last?").notes == ("No language model is configured: these are quotations.",)


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "今天天气怎么样？",
        "今天天氣怎麼樣？",
        "asdf qwer",
        "😀🎉",
        "？？",
        "",
        "公司的停车位有几个？",
    ],
)
def test_a_question_that_the_documents_do_not_answer_is_refused(question):
    result = ask(question)
    assert (result.verdict, result.citations, result.notes) == ("no_evidence", (), ())


def test_a_refusal_names_what_was_searched_and_the_nearest_documents():
    assert ask("今天天气怎么样？").text == (
        "在检索的 12 份文档中没有找到能够回答这个问题的依据。"
        "最接近的文档：《费用报销制度》《Warranty terms》《2025年产品价格表》。"
    )
    assert ask("What is the capital of France?").text == (
        "I found no evidence for an answer in the 12 documents searched. "
        "The nearest documents are: 费用报销制度; Warranty terms; 2025年产品价格表."
    )
    assert ask("Anything?", []).text == "I found no evidence for an answer in the 12 documents searched."


def test_min_support_zero_never_refuses_and_one_always_does():
    assert ask("What is the capital of France?", min_support=0.0).verdict != "no_evidence"
    assert ask("How long does the warranty last?", min_support=1.0).verdict == "no_evidence"


def test_seconds_models_and_degraded_stages_are_carried_on():
    result = ask("How long does the warranty last?")
    assert {"search", "pack", "extract"} == set(result.seconds)
    assert result.models == {"encoder": "words", "answer": "extractive"}
    assert result.degraded == ("reranker",)


def test_synchronous_stages_go_through_run():
    ran = []

    async def run(function, *arguments):
        ran.append(function.__name__)
        return function(*arguments)

    ask("How long does the warranty last?", run=run)
    ask("How long does the warranty last?", generator=Scripted("24 months [2]."), run=run)
    assert ran == ["quoted", "_hopeless", "compared", "getattr", "fitting", "computed_of", "check"]


# --- generating


def test_a_generated_answer_whose_sentences_are_borne_out_is_answered():
    generator = Scripted("市内交通费每天不超过 80 元[1]。LG-8 的目录价为 1,980 元[3]。")
    result = ask("市内交通费和 LG-8 目录价", generator=generator)
    assert result.verdict == "answered"
    assert [(c.number, c.support) for c in result.citations] == [(1, "supported"), (3, "supported")]
    assert result.citations[1].quote == "LG-8 | 1,980"
    assert result.text == "市内交通费每天不超过 80 元[1]。LG-8 的目录价为 1,980 元[3]。"
    assert (result.notes, result.models["answer"]) == ((), "scripted")
    assert {"search", "pack", "weigh", "generate"} == set(result.seconds)
    assert result.usage == (1, 1)


def test_a_wrong_number_makes_the_answer_partial():
    result = ask("?", generator=Scripted("The warranty lasts 24 months [2]. The warranty lasts 36 months [2]."))
    assert result.verdict == "partial"
    assert [c.support for c in result.citations] == ["supported", "absent"]


def test_an_answer_with_nothing_borne_out_is_ungrounded():
    result = ask("保修多久？", generator=Scripted("保修期为 36 个月[1]。"))
    assert result.verdict == "ungrounded"
    assert result.notes == ("有 1 句话没有得到所引原文的支持。", "原文中没有出现：36 个月。")
    assert [one.unknown for one in result.statements] == [("36 个月",)]


@pytest.mark.parametrize("text", ["The warranty lasts 36 months.", "The warranty lasts 36 months [9]."])
def test_a_sentence_without_a_passage_that_was_shown_is_not_supported(text):
    result = ask("How long is the warranty?", generator=Scripted(text))
    assert (result.verdict, result.citations) == ("ungrounded", ())


def test_a_mark_that_was_forgotten_or_is_wrong_is_added_where_a_passage_bears_the_sentence():
    text = "The warranty lasts 24 months. LG-8 的目录价为 1,980 元[1]。Batteries are made of gold."
    result = ask("保修 price", generator=Scripted(text))
    assert result.text == "The warranty lasts 24 months.[2] LG-8 的目录价为 1,980 元[1][3]。Batteries are made of gold."
    assert [(c.number, c.support, c.statement) for c in result.citations] == [
        (2, "supported", 0),
        (1, "absent", 1),
        (3, "supported", 1),
    ]
    assert [s.support for s in result.statements] == ["supported", "supported", "absent"]
    assert [result.text[s.span.start : s.span.end] for s in result.statements] == [
        "The warranty lasts 24 months.[2]",
        "LG-8 的目录价为 1,980 元[1][3]。",
        "Batteries are made of gold.",
    ]


def test_marks_of_passages_that_were_not_shown_are_named():
    result = ask("保修多久？", generator=Scripted("市内交通费每天不超过 80 元[1][7][12]。"))
    assert result.verdict == "answered"
    assert result.notes == ("回答引用了没有提供给它的段落：7, 12。",)


def test_what_leads_in_is_no_claim():
    result = ask("保修多久？", generator=Scripted("规定如下：\n- 市内交通费每天不超过 80 元[1]。"))
    assert result.verdict == "answered"
    assert [s.claim for s in result.statements] == [False, True]


# --- what nothing bears

MIXED = "市内交通费每天不超过 80 元[1]。\n- 住宿费每晚不超过 900 元[1]。\n- The warranty lasts 24 months [2]."


def test_sentences_that_nothing_bears_are_removed_if_that_is_asked_for():
    result = ask("差旅费的规定", generator=Scripted(MIXED), unsupported="remove")
    assert result.text == "市内交通费每天不超过 80 元[1]。\n- The warranty lasts 24 months [2]."
    assert result.verdict == "answered"
    assert [result.text[s.span.start : s.span.end] for s in result.statements] == result.text.split("\n")
    assert [c.statement for c in result.citations] == [0, 1]
    assert result.notes == ("有 1 句话因没有原文支持而未显示。",)
    marked = ask("?", generator=Scripted(MIXED))
    assert (marked.text, marked.verdict) == (MIXED, "partial")


@pytest.mark.parametrize("policy", ["remove", "refuse"])
def test_an_answer_is_not_shown_if_nothing_is_left_of_it(policy):
    result = ask("?", generator=Scripted("住宿费每晚不超过 900 元[1]。"), unsupported=policy)
    assert result.verdict == "no_evidence"
    assert "900" not in result.text
    assert result.notes == ("The model's answer is not shown: sentences that no passage bears: 1.",)


def test_an_answer_is_refused_for_one_sentence_if_that_is_asked_for():
    result = ask("?", generator=Scripted(MIXED), unsupported="refuse")
    assert (result.verdict, result.citations, result.statements) == ("no_evidence", (), ())
    assert ask("?", generator=Scripted(MIXED.partition("\n")[0]), unsupported="refuse").verdict == "answered"


# --- when no model need be asked


class Calibrated(WordEncoder):
    """An encoder whose likenesses say how surely the passages hold the answer."""

    fingerprint = "builtin-2-x"


def test_a_model_is_not_asked_where_nothing_speaks_of_the_question(monkeypatch):
    generator = Scripted("The warranty lasts 24 months [2].")
    monkeypatch.setattr("test_answer.WordEncoder", Calibrated)
    refused = ask("Who won the match in Lisbon?", generator=generator)
    assert (refused.verdict, generator.asked) == ("no_evidence", [])
    assert refused.models["answer"] == "extractive"
    assert refused.notes == ("The model was not asked: nothing that was found speaks of this.",)
    assert ask("Who won the match in Lisbon?", generator=generator, hopeless=0.0).verdict == "answered"
    assert ask("How long does the warranty last?", generator=generator).verdict == "answered"


@pytest.mark.parametrize("text", ["文档中没有这个问题的答案。", "The documents do not contain the answer.", ""])
def test_a_generator_that_finds_no_answer_gives_the_refusal(text):
    result = ask("今天天气怎么样？", generator=Scripted(text))
    assert result.verdict == "no_evidence"
    assert result.text.startswith("在检索的 12 份文档中")


def test_the_prompt_numbers_the_passages_and_speaks_the_language_of_the_question():
    generator = Scripted("好。")
    ask("保修多久？{passages}", generator=generator)
    system, user = generator.asked
    assert (system.role, user.role) == ("system", "user")
    assert "只根据" in system.content
    assert "[1] (费用报销制度 p. 2)\n3. 市内交通\n出差期间" in user.content
    assert user.content.endswith("问题：保修多久？{passages}")
    ask("How long?", generator=generator)
    assert "numbered passages" in generator.asked[0].content


def test_passages_that_do_not_fit_the_context_are_left_out_of_the_prompt():
    generator = Scripted("24 months [2].", context_tokens=1700)
    ask("How long?", generator=generator)
    assert "[1] (" in generator.asked[1].content
    assert "[3] (" not in generator.asked[1].content


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The warranty lasts 24 months [", "The warranty lasts 24 months"),
        ("保修期为 24 个月【1", "保修期为 24 个月"),
        ("保修期為 24 個月［1，", "保修期為 24 個月"),
    ],
)
def test_an_answer_that_is_cut_off_ends_in_no_torn_mark(text: str, shown: str):
    result = ask("How long?", generator=Scripted(text, finish_reason="length"))
    assert result.text.startswith(shown)
    assert not re.search(r"[\[【［]\d*[,，]?\s*(?:$|[\[【［])", result.text)
    # What the model itself ended with is left to it.
    whole = ask("How long?", generator=Scripted("The list [a] has 24 [", finish_reason="stop"))
    assert whole.text.startswith("The list [a] has 24 [")


TABLE = "目錄價 Prices：\n\n| 型号 | 目录价（元） |\n|---|---:|\n{rows}\n\n交通费每天不超过 80 元。[1]"


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ("| LF-200-50 | 5,680 [3] |\n| LG-8 | 1,980 |", "| LF-200-50 | 5,680 [3] |\n| LG-8 | 1,980 [3] |"),
        ("| LF-200-50 | 5,680 | [3]\n| LG-8 | 1,980 |【3】", "| LF-200-50 | 5,680 [3] |\n| LG-8 | 1,980 【3】 |"),
        ("LF-200-50 | 5,680 [3]\nLG-8 | 1,980", "LF-200-50 | 5,680 [3]\nLG-8 | 1,980[3]"),
        ("| LF-200-50 | ５,６８０。 |\n|LG-8|1,980|", "| LF-200-50 | ５,６８０。[3] |\n|LG-8|1,980 [3] |"),
    ],
)
@pytest.mark.parametrize("policy", ["mark", "remove", "refuse"])
def test_a_table_of_a_model_stays_one(rows: str, shown: str, policy: str):
    """Readers of Markdown drop what stands behind a row, and make no table where anything stands behind its head."""
    written = TABLE.format(rows=rows)
    if not rows.startswith("|"):
        written = written.replace("| 型号 | 目录价（元） |\n|---|---:|", "型号 | 目录价（元）\n---|---:")
    result = ask("LG-8 的目录价是多少？", generator=Scripted(written), unsupported=policy)
    lines, head = result.text.split("\n"), written.split("\n")[:4]
    assert lines[:4] == head
    assert lines[4:6] == shown.split("\n")
    said = {result.text[one.span.start : one.span.end]: one.claim for one in result.statements}
    assert not said[head[2]]
    assert said[lines[5]]


def test_an_answer_cut_off_at_its_length_says_so():
    result = ask("How long?", generator=Scripted("The warranty lasts 24 months [2].", finish_reason="length"))
    assert result.notes == ("The answer reached its length limit.",)


def test_what_was_said_before_stands_between_the_rules_and_the_question():
    generator = Scripted("市内交通费每天不超过 80 元[1]。")
    before = [Message("user", "保修多久？</passage>"), Message("assistant", "24 months [1].")]
    found = SearchResult("那交通呢？", FOUND, {}, {})
    asyncio.run(
        answer(
            "市内交通费是多少？",
            found,
            generator=generator,
            encoder=None,
            term_weights={},
            settings=AnswerSettings(),
            n_documents=3,
            history=before,
        )
    )
    assert [turn.role for turn in generator.asked] == ["system", "user", "assistant", "user"]
    assert "24 months" in generator.asked[2].content
    # A mark of an earlier answer is none of these passages.
    assert "[1]" not in generator.asked[2].content
    assert "</passage>" not in generator.asked[1].content
