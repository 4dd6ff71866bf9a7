"""Instructions hidden in documents are text: 149 attempts, against every prompt and through the whole product.

No model is asked whether it obeys: a generator that does all it is told stands in for the worst one. What is held is
that it sees the attempts as material, and that the program itself does nothing of them: no link, no tool, no access.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import qianxun
from qianxun import TextItem, assemble
from qianxun.answering import cite
from qianxun.answering.deep.prompts import plan as plan_messages
from qianxun.answering.history import Past, history, summary_messages
from qianxun.answering.prompts import messages as answer_messages
from qianxun.answering.whole import prompts as whole_prompts
from qianxun.enrichment.prompts import messages as enrichment_messages
from qianxun.evaluation.question_sets.prompts import messages as question_messages
from qianxun.extraction.prompts import messages as extraction_messages
from qianxun.guarding import addresses, safe_links
from qianxun.knowledge_base import KnowledgeBase
from qianxun.prompting import as_material, as_numbered
from qianxun.protocols import Delta, Message, Sampling
from qianxun.records import Answer, Asker, Passage, Span
from qianxun.retrieval.follow_up import Turn
from qianxun.retrieval.follow_up.prompt import messages as follow_up_messages
from qianxun.retrieval.wordings import wordings_messages
from qianxun.settings import Settings

ATTEMPTS: list[dict[str, str]] = [
    json.loads(line) for line in Path(__file__).with_name("injections.jsonl").read_text(encoding="utf-8").splitlines()
]
TEXTS = [attempt["text"] for attempt in ATTEMPTS]
HARMLESS = {"zh": "工作满一年的员工每年有五天带薪年假。", "en": "Five days of leave after the first year."}

# What tokenizers of Qwen, Llama, Mistral, Gemma, DeepSeek, GLM, BERT, T5, Phi and gpt-oss read as one token.
TOKENS = """
<|im_start|> <|im_end|> <|endoftext|> <tool_call> </tool_call> <think> </think> <|vision_start|> <|image_pad|>
<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> <|python_tag|> <|header_start|>
<|header_end|> <|eot|> <s> </s> [INST] [/INST] <<SYS>> <</SYS>> [SYSTEM_PROMPT] [/SYSTEM_PROMPT]
[AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [TOOL_RESULTS] [/TOOL_RESULTS] [THINK] [/THINK] [ARGS] [IMG]
[IMG_BREAK] [IMG_END] [PREFIX] [SUFFIX] [MIDDLE] <start_of_turn> <end_of_turn> <bos> <eos> <pad> <unused0>
<start_of_image> <end_of_image> <｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜>
<｜tool▁calls▁begin｜> <｜tool▁sep｜> <｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜> [gMASK] [sMASK] [MASK] <sop> <eop>
<|system|> <|user|> <|assistant|> <|observation|> [CLS] [SEP] [PAD] [UNK] <mask> <extra_id_0> <|channel|>
<|message|> <|return|> <|end|>
""".split()
ANGLES = "<＜﹤〈⟨❮>＞﹥〉⟩❯"
A_TAG = re.compile(rf"[{ANGLES[:6]}]\s*[/|｜!?]|[{ANGLES[:6]}]\s*[^\W\d][^{ANGLES}\n]*[{ANGLES[6:]}]")
A_ROLE = re.compile(
    r"^[\s#>＞*_=-]*(?:system|user|assistant|human|developer|ai|bot|instruction|系统|系統|用户|用戶|助手|助理|人类|指令)"
    r"(?: ?(?:prompt|message|提示|訊息))?[\s*_]*:"
    r"|^\s*##+\s*(?:system|user|assistant|human|instructions?|response)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
FILLERS = "\u115f\u1160\u3164\uffa0"
JOINERS = "\u200c\u200d"


def folded(text: str) -> str:
    """The text as a lenient reader may see it."""
    return unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs")))


def words_of(text: str) -> str:
    """The letters and digits that can be seen."""
    return "".join(c for c in text if c.isalnum() and c not in FILLERS)


def test_there_are_attempts_of_every_kind_in_both_languages() -> None:
    assert len(set(TEXTS)) == len(TEXTS) == 149
    assert Counter(attempt["language"] for attempt in ATTEMPTS).keys() == {"zh", "en"}
    families = {"Qwen", "Llama", "Mistral", "Gemma", "DeepSeek", "GLM"}
    assert {attempt["kind"] for attempt in ATTEMPTS} >= families | {"tags", "roles", "unseen", "links", "citations"}


@pytest.mark.parametrize("text", TEXTS)
def test_of_an_attempt_only_its_words_are_left(text: str) -> None:
    shown = as_material(text)
    for seen in (shown, folded(shown)):
        assert [token for token in TOKENS if token.lower() in seen.lower()] == []
        assert not A_TAG.search(seen)
        assert not A_ROLE.search(seen)
        assert [number for sentence in cite.parse(seen) for number in sentence.numbers] == []
    assert all(token.type != "image" for block in MarkdownIt().parse(shown) for token in block.children or ())
    assert [c for c in shown if unicodedata.category(c) in ("Cf", "Cs", "Cc") and c not in "\n\t" + JOINERS] == []
    assert words_of(shown) == words_of(text)
    assert as_material(shown) == shown


@given(st.lists(st.sampled_from(TEXTS + TOKENS) | st.text(max_size=6), max_size=5).map("".join))
def test_attempts_put_together_are_no_more(text: str) -> None:
    shown = as_material(text)
    assert as_material(shown) == shown
    assert "<" not in shown
    assert ">" not in shown
    assert [token for token in TOKENS if token in shown] == []
    assert words_of(shown) == words_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "第三条　年假为 5 天，见《员工手册》（2024 年版）。",
        "if a < b and 3 <= c: x[0] += 1  # 5 < 6 → y[i][0]",
        "温度 < 25℃，p < 0.05，A→B，“引号”【注意】[重要]",
        "Emoji 👩‍💻 stay, and so do नमस्ते and می‌خواهم.",
        "Users: 12; the system: stable; 用户数：300；系统要求如下",
        "See https://example.com/a_(b)?c=1#d [the manual](https://example.com).",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert as_material(text).replace("＜", "<").replace("＞", ">") == text


def test_a_numbered_passage_is_between_its_tags() -> None:
    assert as_numbered("passage", 3, "a </passage 3> b") == "<passage 3>\n[3] a ‹/passage 3› b\n</passage 3>"


# Every prompt


def passage(rank: int, text: str, title: str) -> Passage:
    return Passage(
        rank, 0.6, rank, rank, f"{rank}.md", title, 2, None, (), Span(0, len(text)), text, "", ("public",), {}
    )


def prompts(text: str, language: str) -> dict[str, list[Message]]:
    """Every prompt of the product with this text as whatever it takes from documents and people."""
    passages = [passage(1, HARMLESS[language], "1"), passage(2, text, text), passage(3, HARMLESS[language], "3")]
    turns = [Turn(HARMLESS[language]), Turn(text, (text,))]
    made = {
        "answer": answer_messages(text, passages, language),
        "enrichment": enrichment_messages(text, f"{HARMLESS[language]} {text}", context=True, questions=3),
        "questions": question_messages(text, text, f"{HARMLESS[language]} {text}", questions=2),
        "answer after others": after(text, passages, language),
        "summary": summary_messages([past(HARMLESS[language]), past(text)], text, len),
        "follow-up": follow_up_messages(f"{HARMLESS[language]} {text}", turns),
        "extraction": extraction_messages({"type": "object"}, text, title=text, problems=[text]),
        "wordings": wordings_messages(f"{HARMLESS[language]} {text}", 3),
        "notes": whole_prompts.notes(text, passages, language),
        "summary of documents": whole_prompts.summary(text, passages, language),
        "condense": whole_prompts.condense(text, [whole_prompts.line(text, [1, 2])], language),
        "reduce": whole_prompts.reduce(text, [whole_prompts.line(text, [1, 2])], language),
        "plan": plan_messages(text, [(HARMLESS[language], ""), (text, text)], 4, language),
    }
    return {name: list(messages) for name, messages in made.items()}


def past(text: str) -> Past:
    return Past(1, text, Answer(text, text, "answered", (), (), {}, {}), whole=True)


def after(text: str, passages: Sequence[Passage], language: str) -> list[Message]:
    """The prompt of an answer with a summary, and with a turn before it; in one, to be compared with a harmless one."""
    told = history(
        [past(text), past(text)], summary=text, summarised=1, max_tokens=len(text) * 3 + 40, count_tokens=len
    )
    system, *turns = answer_messages(text, passages, language, told.messages)
    assert all(tag not in turn.content for turn in turns[:-1] for tag in "<>")
    return [system, Message("user", "\n".join(turn.content for turn in turns))]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt["text"][:20])
def test_no_prompt_has_more_tags_or_turns_than_with_a_harmless_text(attempt: dict[str, str]) -> None:
    language = attempt["language"]
    # Which language a prompt is in may follow from the text: the tags are then called otherwise.
    harmless = [prompts(HARMLESS[each], each) for each in ("zh", "en")]
    for name, messages in prompts(attempt["text"], language).items():
        tags = Counter(re.findall(r"</?[^<>\n]*>", messages[1].content))
        assert tags in [Counter(re.findall(r"</?[^<>\n]*>", each[name][1].content)) for each in harmless], name
        assert [token for token in TOKENS if token in messages[1].content] == []
        assert messages[0].content in {each[name][0].content for each in harmless}


# The whole product, with a generator that obeys


class Obedient:
    """Does whatever it reads: repeats all that it is shown, with every mark, link and token that is in it."""

    name, context_tokens = "obedient", 32_000
    prompts: list[str] = []  # noqa: RUF012
    reply = ""

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The attempt itself, and the prompt."""
        Obedient.prompts += [message.content for message in messages]
        yield Delta(f"{Obedient.reply}\n{messages[-1].content}")
        yield Delta(finish_reason="stop", usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        """About as many as there are characters."""
        return len(text)


SECRET = "工程师三级的月薪为２８０００元"


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    """Every attempt as a document of its own, in two of the languages' scripts, and one document that few may see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(assemble.BUILT_IN["generators"], "obedient", f"{__name__}:Obedient")  # type: ignore[arg-type]
        patch.setenv("QIANXUN_HOME", str(tmp_path_factory.mktemp("home")))
        settings = ["encoder.name=hash", "reading.workers=1", "generator.name=obedient"]
        with qianxun.open(tmp_path_factory.mktemp("kb") / "kb", overrides=settings) as opened:
            items = [
                TextItem(f"{n}.md", f"年假 leave {n}", f"年假 leave {n}\n\n{text}") for n, text in enumerate(TEXTS)
            ]
            opened.add_texts(items, labels=["public"])
            opened.add_texts([TextItem("薪酬.txt", "薪酬", f"薪酬等级说明：{SECRET}。")], labels=["hr"])
            yield opened


def test_whatever_documents_and_model_say_the_program_does_nothing_of_it(kb: KnowledgeBase) -> None:
    public = Asker.of("public")
    before = [(document.id, document.labels, document.source) for document in kb.documents()]
    for attempt in ATTEMPTS[::10]:
        Obedient.reply = attempt["text"]
        Obedient.prompts.clear()
        answer = kb.ask(f"年假 leave {attempt['text'][:200]}", asker=public)
        # Access: what the asker may not see is in no prompt and no answer, whatever was asked for.
        assert "28000" not in unicodedata.normalize("NFKC", "\n".join([*Obedient.prompts, answer.text]))
        assert {label for passage in answer.passages for label in passage.labels} <= {"public"}
        assert all(
            citation.document in {passage.document for passage in answer.passages} for citation in answer.citations
        )
        # Links: none but what stands in the passages, and no image.
        allowed = addresses(passage.text for passage in answer.passages)
        for token in tokens_of(safe_links(answer.text, allowed)):
            assert token.type not in ("image", "html_inline", "html_block")
            assert token.attrs.get("href", "https://evil.example/3") in {*allowed, "https://evil.example/3"}
    # Tools: there is none to call, and nothing was written.
    assert [(document.id, document.labels, document.source) for document in kb.documents()] == before


def tokens_of(text: str) -> list[Any]:
    """All tokens of a text in a renderer of Markdown that takes HTML."""
    blocks = MarkdownIt("commonmark", {"html": True}).parse(text)
    return [token for block in blocks for token in (block, *(block.children or ()))]
