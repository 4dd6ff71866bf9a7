"""A question and what was found for it → an answer whose every sentence is checked against what it cites.

One flow, no loops: pack → quote or (prompt → stream) → cite.verify → Answer. Without a generator the
answer is made of quotations. This module knows no search engine and no model by name.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from qianxun.answering import cite, evidence, extract, prompts
from qianxun.answering.pack import pack
from qianxun.errors import ModelError
from qianxun.protocols import Encoder, Generator, Sampling
from qianxun.records import Answer, Citation, Passage, SearchResult, Span, Support, Verdict
from qianxun.settings import AnswerSettings, GeneratorSettings
from qianxun.text import fold, has_cjk

logger = logging.getLogger(__name__)

# Runs a synchronous function with its arguments away from the event loop.
Run: TypeAlias = Callable[..., Awaitable[Any]]

# Not through `messages.say`: that speaks the reader's locale, set once by a door. An answer speaks the
# language of its question, and one process answers questions in both.
_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "quoting": {
        "en": "No language model is configured: these are quotations.",
        "zh": "没有配置语言模型：以下是原文摘录。",
    },
    "nothing": {
        "en": "I found no evidence for an answer in the {n} documents searched.",
        "zh": "在检索的 {n} 份文档中没有找到能够回答这个问题的依据。",
    },
    "nearest": {"en": " The nearest documents are: {titles}.", "zh": "最接近的文档：{titles}。"},
    "unsupported": {
        "en": "Sentences not borne out by what they cite: {n}.",
        "zh": "有 {n} 句话没有得到所引原文的支持。",
    },
    "cut off": {"en": "The answer reached its length limit.", "zh": "回答达到长度上限，未能说完。"},
}
_N_NEAREST = 3
_REFUSAL = re.compile(
    r"^\W*(?:the (?:documents|passages)|(?:提供的|这些)?(?:文档|段落|资料)(?:中|里)?)[^.。]{0,40}"
    r"(?:do not|don't|does not|没有|未|不包含|不含)[^.。]{0,40}[.。]?\W*$"
)


@dataclass(slots=True)
class _Draft:
    """An answer's text, what it cites, and what is to be said about it. `passages[n - 1]` is what [n] points to."""

    text: str
    verdict: Verdict
    passages: tuple[Passage, ...]
    citations: list[Citation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def answer(
    question: str,
    found: SearchResult,
    *,
    generator: Generator | None,
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    n_documents: int,
    generation: GeneratorSettings = GeneratorSettings(),  # noqa: B008 (frozen)
    run: Run = asyncio.to_thread,
) -> Answer:
    """The answer to a question from the passages found for it.

    `term_weights` maps the question's words to their idf. `n_documents` is how many documents the
    asker may search. `run(function, *arguments)` runs a synchronous stage away from the event loop.
    `passages[n - 1]` of the result is what `[n]` in its text points to. A generator that fails is done without, and
    named in `degraded`.
    """
    seconds, degraded = dict(found.seconds), list(found.degraded)
    with _timed(seconds, "pack"):
        packed = pack(found.passages, settings.passages)
    draft: _Draft | None = _nothing(question, packed, n_documents) if not packed else None
    if draft is None and generator is not None:
        try:
            with _timed(seconds, "generate"):
                text, cut_off = await _generated(question, packed, generator, generation, run)
            with _timed(seconds, "verify"):
                draft = await run(_checked, question, text, packed, encoder, n_documents)
            if cut_off:
                draft.notes.append(_say("cut off", question))
        except ModelError as error:
            logger.warning("answering by quoting: %s", error)
            degraded.append(f"generator: {error}")
            generator = None
    if draft is None:
        with _timed(seconds, "extract"):
            draft = await run(_quoted, question, packed, encoder, term_weights, settings, n_documents)
    return Answer(
        question=found.query or question,
        text=draft.text,
        verdict=draft.verdict,
        citations=tuple(draft.citations),
        passages=draft.passages,
        seconds=seconds,
        models={**found.models, "answer": (generation.model or generator.name) if generator else "extractive"},
        degraded=tuple(degraded),
        notes=(*(note.in_words() for note in found.notes), *draft.notes),
        searched=found.searched,
    )


def _quoted(
    question: str,
    packed: tuple[Passage, ...],
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    n_documents: int,
) -> _Draft:
    """The sentences that carry the answer, each with its citation."""
    candidates = extract.candidates(
        question, packed, term_weights=term_weights, similarities=_similarities(encoder) if encoder else None
    )
    chosen = extract.choose(candidates, settings.max_sentences)
    verdict = evidence.verdict(candidates, settings.min_support, encoder=encoder.fingerprint if encoder else "")
    if not chosen or verdict == "no_evidence":
        return _nothing(question, packed, n_documents)
    order = list(dict.fromkeys(c.passage for c in chosen))
    order += [i for i in range(len(packed)) if i not in order]
    draft = _Draft("", verdict, tuple(packed[i] for i in order), notes=[_say("quoting", question)])
    shown = []
    for candidate in chosen:
        number, passage = order.index(candidate.passage) + 1, packed[candidate.passage]
        sentence = candidate.shown
        place = Span(passage.span.start + candidate.piece.start, passage.span.start + candidate.piece.end)
        support, span, quote = cite.verify(sentence, passage, place=place)
        draft.citations.append(_citation(number, passage, sentence, support, span, quote))
        shown.append(f"{sentence} [{number}]" if not has_cjk(sentence) else f"{sentence}[{number}]")
    draft.text = _joined(shown)
    return draft


async def _generated(
    question: str, packed: Sequence[Passage], generator: Generator, settings: GeneratorSettings, run: Run
) -> tuple[str, bool]:
    """The generator's text, and whether it was cut off at its length limit."""
    # A server may have to be asked for it.
    context: int = await run(getattr, generator, "context_tokens")
    max_tokens = min(settings.max_tokens, context // 2)
    sampling = Sampling(max_tokens=max_tokens, temperature=settings.temperature, top_p=settings.top_p)
    turns = prompts.messages(question, packed, _language(question))
    while len(packed) > 1 and sum(generator.count_tokens(t.content) for t in turns) > (context - sampling.max_tokens):
        packed = packed[:-1]
        turns = prompts.messages(question, packed, _language(question))
    text, finish_reason = [], None
    async for delta in generator.stream(turns, sampling=sampling):
        text.append(delta.text)
        finish_reason = delta.finish_reason or finish_reason
    return "".join(text).strip(), finish_reason == "length"


def _checked(
    question: str, text: str, packed: tuple[Passage, ...], encoder: Encoder | None, n_documents: int
) -> _Draft:
    """A generated text with each of its sentences checked against every passage it cites."""
    if not text or _REFUSAL.match(fold(text)):
        return _nothing(question, packed, n_documents)
    draft = _Draft(text, "answered", packed)
    similar = _similarities(encoder) if encoder else None
    supports: list[Support] = []
    for sentence in cite.parse(text):
        best: Support = "absent"
        for number in sentence.numbers:
            if not 1 <= number <= len(packed):
                continue  # a passage that was never shown bears nothing
            passage = packed[number - 1]
            support, span, quote = cite.verify(sentence.text, passage, similarities=similar)
            draft.citations.append(_citation(number, passage, sentence.text, support, span, quote))
            best = max(best, support, key=("absent", "weak", "supported").index)
        supports.append(best)
    unsupported = sum(support != "supported" for support in supports)
    if unsupported:
        draft.verdict = "partial" if "supported" in supports else "ungrounded"
        draft.notes.append(_say("unsupported", question, n=unsupported))
    return draft


def _nothing(question: str, packed: tuple[Passage, ...], n_documents: int) -> _Draft:
    """Says that there is no evidence, what was searched, and which documents come nearest."""
    titles = list(dict.fromkeys(p.title or p.source for p in packed))[:_N_NEAREST]
    text = _say("nothing", question, n=n_documents)
    if titles:
        zh = _language(question) == "zh"
        listed = "".join(f"《{title}》" for title in titles) if zh else "; ".join(titles)
        text += _say("nearest", question, titles=listed)
    return _Draft(text, "no_evidence", packed)


def _citation(number: int, passage: Passage, sentence: str, support: Support, span: Span, quote: str) -> Citation:
    return Citation(
        number=number,
        chunk=passage.chunk,
        document=passage.document,
        source=passage.source,
        title=passage.title,
        page=passage.page,
        location=passage.location,
        heading=passage.heading,
        span=span,
        quote=quote,
        support=support,
        sentence=sentence,
    )


def _similarities(encoder: Encoder) -> extract.Similarities:
    def compare(question: str, texts: Sequence[str]) -> Sequence[float]:
        cosines: list[float] = (encoder.encode_passages(texts) @ encoder.encode_queries([question])[0]).tolist()
        return cosines

    return compare


def _joined(sentences: Sequence[str]) -> str:
    """Sentences one after the other: a space between them unless both are Chinese."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or (has_cjk(sentence) and has_cjk(text[-40:])) else f" {sentence}"
    return text


def _language(question: str) -> str:
    return "zh" if has_cjk(question) else "en"


def _say(key: str, question: str, **values: object) -> str:
    return _SENTENCES[key][_language(question)].format(**values)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
