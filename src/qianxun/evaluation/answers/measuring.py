"""Answers measured on a question set, through the same `ask` as everybody's, for one asker.

What an answer cites is read from the documents again and judged from there (`scoring`); what the answer says
of its own support does not count. A question whose evidence is gone is left out and counted, since nobody could answer
it.
"""

import functools
import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from qianxun.answering.pieces import pieces
from qianxun.errors import InputError, NotFound
from qianxun.evaluation.answers.scoring import CitationScore, Cited, Place, Refusal, Scores, refusal, score_answer
from qianxun.evaluation.measures import bootstrap_interval
from qianxun.evaluation.pairs import _Named
from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet
from qianxun.records import AcceptedPair, Answer, Asker, Citation, Document, Passage, Span
from qianxun.text import fold

# What is averaged over questions; each is None for a question to which it does not apply.
MEASURES: Final = (
    "correctness", "contained", "f1", "citation_precision", "citation_recall", "evidence_recall", "refusal",
)  # fmt: skip
_DOCUMENTS_AT_HAND: Final = 16
_DIGEST_CHARS: Final = 16

# Called with the stage ("asking"), how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]
Reason: TypeAlias = Literal["no document", "no quote"]


class Askable(Protocol):
    """What is asked of a knowledge base here."""

    def ask(self, question: str, *, asker: Asker) -> Answer: ...
    def documents(self, *, asker: Asker) -> Sequence[Document]: ...
    def text(self, id: int, *, asker: Asker) -> str: ...
    def chunks(self, id: int, *, asker: Asker) -> Sequence[Passage]: ...


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A question that was not asked: none of its documents is there for this asker, or none holds its quote."""

    id: str
    question: str
    source: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Shown:
    """A citation of an answer with its score. `there` is False where the document does not have the quote."""

    number: int
    source: str
    quote: str
    sentence: str
    there: bool
    score: CitationScore


@dataclass(frozen=True, slots=True)
class Result:
    """A question with its answer and what that is worth. `seconds` is the time of the whole `ask`.

    `evidence` is that of the question, as far as it is there: what evidence recall is measured by.
    """

    question: Question
    answer: str
    verdict: str
    scores: Scores
    citations: tuple[Shown, ...]
    seconds: float
    degraded: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over the n questions that a measure applies to, with its 95 % bootstrap interval."""

    mean: float
    interval: tuple[float, float]
    n: int


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """What the answers to a question set are worth.

    `frozen` and `digest` say which set it was. `evidence_gone` counts pieces of evidence that are not there, of
    questions that were asked because of other pieces.
    """

    name: str
    frozen: int
    digest: str
    results: tuple[Result, ...]
    left_out: tuple[LeftOut, ...]
    evidence_gone: int
    models: Mapping[str, str]
    version: str

    def values(self, measure: str) -> dict[str, float]:
        """The values of a measure by question's id, of the questions that it applies to."""
        found = {result.question.id: getattr(result.scores, measure) for result in self.results}
        return {id: value for id, value in found.items() if value is not None}

    def mean(self, measure: str) -> Mean | None:
        """The mean of a measure; None where it applies to no question."""
        values = list(self.values(measure).values())
        return Mean(mean_of(values), bootstrap_interval(values), len(values)) if values else None

    @property
    def refusals(self) -> Refusal:
        """How right refusing was."""
        return refusal([result.scores for result in self.results])

    @property
    def verdicts(self) -> dict[str, int]:
        """How many answers had which verdict."""
        return dict(sorted(Counter(result.verdict for result in self.results).items()))

    @property
    def degraded(self) -> dict[str, int]:
        """How many answers did without what."""
        return dict(sorted(Counter(what for result in self.results for what in result.degraded).items()))

    def seconds(self, share: float) -> float:
        """The time within which this share of the questions was answered, by the nearest rank."""
        times = sorted(result.seconds for result in self.results)
        return times[min(len(times) - 1, max(0, -int(-share * len(times) // 1) - 1))]

    def as_json(self) -> dict[str, Any]:
        """The report as `eval answers --json` prints it."""
        means = {measure: self.mean(measure) for measure in MEASURES}
        found = self.refusals
        return {
            "questions": {"name": self.name, "frozen": self.frozen, "digest": self.digest},
            "n": len(self.results),
            "left_out": [
                {"id": one.id, "question": one.question, "source": one.source, "reason": one.reason}
                for one in self.left_out
            ],
            "evidence_gone": self.evidence_gone,
            "measures": {
                measure: mean
                and {"mean": _rounded(mean.mean), "interval": [_rounded(b) for b in mean.interval], "n": mean.n}
                for measure, mean in means.items()
            },
            "refusals": {
                "refused": found.refused,
                "unanswerable": found.unanswerable,
                "right": found.right,
                "precision": _rounded(found.precision),
                "recall": _rounded(found.recall),
                "f1": _rounded(found.f1),
            },
            "verdicts": self.verdicts,
            "seconds": {"p50": round(self.seconds(0.5), 4), "p95": round(self.seconds(0.95), 4)},
            "models": dict(self.models),
            "degraded": self.degraded,
            "results": [_as_json(result) for result in self.results],
            "version": self.version,
        }


def evaluate_answers(
    base: Askable,
    questions: QuestionSet,
    *,
    asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    limit: int | None = None,
    progress: Progress | None = None,
) -> AnswerReport:
    """The answers to the accepted questions of a set, and what they are worth.

    `base` is a knowledge base, asked as `asker`; at most `limit` questions, the first ones. The first is asked once
    more, before the others, so that no time has the loading of models in it. Raises InputError if no question can be
    asked.
    """
    places = _Places(base, asker)
    asked: list[tuple[Question, list[tuple[Evidence, Place]]]] = []
    left_out: list[LeftOut] = []
    gone = 0
    for question in questions.accepted[:limit]:
        found = [(one, places.of(one)) for one in question.evidence] if question.answerable else []
        there = [(one, place) for one, place in found if isinstance(place, Place)]
        if found and not there:
            reason = next(why for _, why in found if not isinstance(why, Place))
            left_out.append(LeftOut(question.id, question.question, question.evidence[0].source, reason))
        else:
            gone += len(found) - len(there)
            asked.append((question, there))
    if not asked:
        raise InputError(
            "None of the {n} accepted questions of {name} can be asked here.",
            remedy="Accept some with `qianxun eval make --review`, or add the documents that they are about.",
            n=len(questions.accepted),
            name=questions.name,
        )
    tell = progress or _silent
    tell("asking", 0, len(asked))
    base.ask(asked[0][0].question, asker=asker)
    results, models = [], dict[str, str]()
    for done, (question, evidence) in enumerate(asked, 1):
        started = time.perf_counter()
        answer = base.ask(question.question, asker=asker)
        seconds = time.perf_counter() - started
        results.append(_result(question, answer, evidence, places, seconds))
        models.update(answer.models)
        tell("asking", done, len(asked))
    return AnswerReport(
        name=questions.name,
        frozen=questions.frozen,
        digest=questions.digest,
        results=tuple(results),
        left_out=tuple(left_out),
        evidence_gone=gone,
        models=models,
        version=_version(),
    )


def unfound(
    bases: Iterable[Askable], questions: Iterable[Question], *, asker: Asker
) -> dict[str, tuple[Evidence, ...]]:
    """The evidence that none of these knowledge bases has for this asker, by id of the question; only of answerable
    ones.

    What is looked for is what `evaluate_answers` looks for: the document, and its quote in it. A source that several
    documents go by is not found either.
    """
    missing = {one.id: one.evidence for one in questions if one.answerable and one.evidence}
    for base in bases:
        if not missing:
            break
        places = _Places(base, asker)
        left = {id: tuple(one for one in evidence if not places.has(one)) for id, evidence in missing.items()}
        missing = {id: evidence for id, evidence in left.items() if evidence}
    return missing


def _result(
    question: Question, answer: Answer, evidence: Sequence[tuple[Evidence, Place]], places: "_Places", seconds: float
) -> Result:
    cited = [places.cited(citation, answer) for citation in answer.citations]
    scores = score_answer(
        answer.text,
        question=question.question,
        references=question.answers,
        answerable=question.answerable,
        refused=answer.verdict == "no_evidence",
        citations=cited,
        evidence=[place for _, place in evidence],
    )
    # A refusal's citations are not judged.
    judged = scores.citations or (CitationScore(False),) * len(cited)
    shown = tuple(
        Shown(c.number, c.source, c.quote, c.sentence, bool(one.text), score)
        for c, one, score in zip(answer.citations, cited, judged, strict=True)
    )
    there = tuple(one for one, _ in evidence)
    return Result(question, answer.text, answer.verdict, scores, shown, seconds, answer.degraded, there)


class _Places:
    """Finds in the documents, as this asker may read them, what evidence and citations name."""

    def __init__(self, base: Askable, asker: Asker) -> None:
        self._base = base
        self._asker = asker
        self._named = _Named(list(base.documents(asker=asker)))
        self._text = functools.lru_cache(_DOCUMENTS_AT_HAND)(lambda id: base.text(id, asker=asker))
        self._bare = functools.lru_cache(_DOCUMENTS_AT_HAND)(lambda id: _bare(self._text(id)))

    def of(self, evidence: Evidence) -> Place | Reason:
        """Where a piece of evidence stands, or why it stands nowhere."""
        document = self._named.meant(AcceptedPair("", evidence.source))
        if document is None or document.chunks == 0:
            return "no document"
        if not evidence.quote:
            return Place(document.source)
        span = found_in(self._text(document.id), evidence.quote)
        return "no quote" if span is None else Place(document.source, span)

    def has(self, evidence: Evidence) -> bool:
        """Whether a piece of evidence stands anywhere: `of` without the place, and quicker with many that do not."""
        try:
            document = self._named.meant(AcceptedPair("", evidence.source))
            if document is None or document.chunks == 0:
                return False
            wanted = _bare(evidence.quote)
            return not evidence.quote or (bool(wanted) and wanted in self._bare(document.id))
        except (InputError, NotFound):
            return False

    def cited(self, citation: Citation, answer: Answer) -> Cited:
        """What stands at a citation's place now; no text where that is not what the citation quotes."""
        alike = next((p.duplicates for p in answer.passages if p.chunk == citation.chunk), ())
        sources = (citation.source, *alike)
        try:
            text = self._text(citation.document)[citation.span.start : citation.span.end]
            passage = self._base.chunks(citation.chunk, asker=self._asker)[0]
        except NotFound:
            return Cited(citation.sentence, "", citation.span, sources)
        if text != citation.quote:
            return Cited(citation.sentence, "", citation.span, sources)
        start, end = citation.span.start - passage.span.start, citation.span.end - passage.span.start
        rows = [one.shown for one in pieces(passage) if one.row and start <= one.start and one.end <= end]
        context = "\n".join(part for part in (passage.title, *passage.heading, passage.context) if part)
        return Cited(citation.sentence, text, citation.span, sources, context, "\n".join(rows))


def mean_of(values: Sequence[float]) -> float:
    """The mean of at least one value, the same in any order of them."""
    return math.fsum(values) / len(values)


def found_in(text: str, quote: str) -> Span | None:
    """Where a text has a quote, compared folded and without white space; None if it does not."""
    start = text.find(quote)
    if start >= 0:
        return Span(start, start + len(quote))
    places = [(folded, i) for i, character in enumerate(text) for folded in _folded(character)]
    wanted = "".join(folded for character in quote for folded in _folded(character))
    start = "".join(folded for folded, _ in places).find(wanted) if wanted else -1
    return Span(places[start][1], places[start + len(wanted) - 1][1] + 1) if start >= 0 else None


def _bare(text: str) -> str:
    return "".join(map(_folded, text))


@functools.lru_cache(1 << 14)
def _folded(character: str) -> str:
    # One by one, so that places stay known; on both sides alike.
    return "".join(fold(character).split())


def _as_json(result: Result) -> dict[str, Any]:
    scores = result.scores
    return {
        "id": result.question.id,
        "question": result.question.question,
        "answerable": scores.answerable,
        "accepted": [one if isinstance(one, str) else list(one) for one in result.question.answers],
        "evidence": _digest(result.evidence),
        "answer": result.answer,
        "verdict": result.verdict,
        "refused": scores.refused,
        # Not rounded: figures made of what was kept are those of the run itself.
        **{measure: getattr(scores, measure) for measure in MEASURES},
        "statements": scores.statements,
        "borne": scores.borne,
        "citations": [
            {
                "number": one.number,
                "source": one.source,
                "quote": one.quote,
                "sentence": one.sentence,
                "there": one.there,
                "right": one.score.right,
                "problems": list(one.score.problems),
            }
            for one in result.citations
        ],
        "seconds": round(result.seconds, 4),
        "degraded": list(result.degraded),
    }


def _digest(evidence: Sequence[Evidence]) -> str:
    """Tells other evidence from the same, in any order and script; "" for none.

    Not the evidence itself: rows outlive documents that they do not cite, and a quote is a document's text.
    """
    if not evidence:
        return ""
    told = json.dumps(sorted((one.source, _bare(one.quote)) for one in evidence))
    return hashlib.sha256(told.encode()).hexdigest()[:_DIGEST_CHARS]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _version() -> str:
    import qianxun

    return qianxun.__version__


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
