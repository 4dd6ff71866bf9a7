"""How good one answer is: correctness, citation precision and recall, evidence recall, refusal. Pure.

Each score is in [0, 1], higher is better; None where there is nothing to measure. What an answer cites is judged from
the documents' text by `bearing.judge`, whatever the answer says of its own support.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qianxun.answering import cite
from qianxun.answering.checking.bearing import judge
from qianxun.answering.checking.figure_contrasts import Problem
from qianxun.answering.checking.figures import spelled
from qianxun.evaluation.answers.correctness import Correctness, Reference, correctness
from qianxun.records import Span


@dataclass(frozen=True, slots=True)
class Cited:
    """What a citation of an answer stands behind, and what stands there in the document.

    `text` is the document's text at the citation's span, "" where the document is gone or has another text than the
    answer quotes. `rows` are the rows of a table in it with the names of their columns, `context` is what stands around
    it: title, headings, header. `sources` are the document's and those that say the same.
    """

    sentence: str
    text: str
    span: Span
    sources: tuple[str, ...]
    context: str = ""
    rows: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the evidence of a reference stands: a span of a document's text, or all of it."""

    source: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class CitationScore:
    """Whether a citation counts as right, and if its quote alone does not bear the sentence, why not."""

    right: bool
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """What an answer is worth. `statements` of it there are, `borne` of them by what they cite."""

    answerable: bool
    refused: bool
    correctness: float | None
    contained: float | None
    f1: float | None
    citation_precision: float | None
    citation_recall: float | None
    evidence_recall: float | None
    statements: int
    borne: int
    citations: tuple[CitationScore, ...]

    @property
    def refusal(self) -> float:
        """1 where refusing or answering was right, else 0."""
        return float(self.refused != self.answerable)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How well an asker can rely on refusals: of `refused` the `right` ones, of `unanswerable` those refused.

    Precision is 1 where nothing was refused, recall where nothing should have been; `f1` is their harmonic mean.
    """

    refused: int
    unanswerable: int
    right: int

    @property
    def precision(self) -> float:
        """The share of the refusals that are right."""
        return self.right / self.refused if self.refused else 1.0

    @property
    def recall(self) -> float:
        """The share of the unanswerable questions that are refused."""
        return self.right / self.unanswerable if self.unanswerable else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def score_answer(
    text: str,
    *,
    question: str,
    references: Sequence[Reference],
    answerable: bool,
    refused: bool,
    citations: Sequence[Cited],
    evidence: Sequence[Place],
) -> Scores:
    """Every score of one answer.

    A refused or empty answer is worth 0 where the question has an answer. Where it has none, refusing is worth a
    correctness of 1 and answering 0; what was cited all the same is measured. Correctness is None where the question
    has an answer and no reference is known, evidence recall where no evidence is.
    """
    refused = refused or not text.strip() or is_refusal(text)
    given = "" if refused else "\n".join(one.text for one in cite.parse(text))
    if answerable:
        found = correctness(given, references, question=question) if references else None
    else:
        found = Correctness(float(refused), refused, float(refused), float(refused))
    statements = statements_of(given, citations)
    judged = [] if refused else judge_citations(statements, citations)
    borne = sum(bears for bears, _ in judged)
    right = {place: score for _, scores in judged for place, score in scores.items()}
    n_right = sum(score.right for score in right.values())
    counted = answerable or not refused
    return Scores(
        answerable=answerable,
        refused=refused,
        correctness=None if found is None else found.score,
        contained=None if found is None else float(found.contained),
        f1=None if found is None else found.f1,
        citation_precision=(n_right / len(right) if right else 0.0) if counted else None,
        citation_recall=(borne / len(statements) if statements else 0.0) if counted else None,
        evidence_recall=evidence_recall([] if refused else citations, evidence) if answerable and evidence else None,
        statements=len(statements),
        borne=borne,
        citations=tuple(right[place] for place in sorted(right)),
    )


_DOCUMENTS_ZH = "(?:文档|文件|资料|材料|原文|上下文|段落|文中|文本|知识库|信息|内容)"
_DOCUMENTS_EN = r"(?:documents?|context|passages?|sources?|excerpts?|texts?|materials?|information|knowledge\s+base)"
_NOT_SAID_ZH = "(?:没有|没|未能?|无法|不能|并未|并无|不包含|不含)"
_SEEK_ZH = "(?:找到|查到|提到|提供|提及|说明|回答|确定|得知|判断)"
_REFUSAL = re.compile(
    r"(?P<sorry>(?:很|非常)?(?:抱歉|遗憾|对不起)[,。!\s]*|(?:i\s+am\s+)?sorry[,.]?\s*|unfortunately[,\s]*)?"
    rf"(?P<by>(?:根据|基于|在|从)[^,。]{{0,20}}{_DOCUMENTS_ZH}中?[,\s]*|based\s+on\s+[^,.]{{0,40}},\s*)?"
    "(?:"
    # 文档没有说明…; not 文件未提供原件的，…, which says what happens then.
    rf"[^,。]{{0,6}}{_DOCUMENTS_ZH}[中里内]?,?(?:对[^,。]{{1,15}}?)?[并也都均]?{_NOT_SAID_ZH}(?!.*的,)[^。]{{0,60}}"
    rf"|(?:我|目前|暂)*{_NOT_SAID_ZH}{_SEEK_ZH}(?:[^,。]{{0,20}}(?:相关|信息|答案|依据|内容|问题)[^,。]{{0,10}})?"
    "(?:,[^。]{0,10}无法回答[^。]{0,10})?"
    rf"|(?(sorry)|(?(by)|(?!)))(?:我|目前|暂)*{_NOT_SAID_ZH}{_SEEK_ZH}(?!.*的,)[^。]{{0,40}}"
    "|我?不知道(?:答案|这个问题的答案)?"
    rf"|(?:the|these|any|provided|given|available|\s)*{_DOCUMENTS_EN}\b[^.]{{0,30}}?\b(?:do|does|did)\s+not\s+"
    r"(?:mention|contain|provide|say|answer|specify|state|include|give|cover)\b[^.]{0,80}"
    r"|(?:i|we)\s+(?:(?:do|did|can|could)\s*not|am\s+unable\s+to|am\s+not\s+able\s+to)\s+"
    r"(?:know|find|answer|determine|say|tell)\b[^.]{0,80}"
    r"|[^.]{0,60}\b(?:is|are|was|were)\s+not\s+(?:mentioned|stated|specified|provided|found|given)\s+(?:in|by)\s+"
    rf"(?:the|any|these|provided|given|\s)*{_DOCUMENTS_EN}"
    r"|there\s+(?:is|was|are)\s+no\s+(?:\w+\s+){0,2}(?:information|evidence|answer|mention)\b[^.]{0,80}"
    r"|no\s+(?:\w+\s+){0,2}(?:information|evidence|answer|mention)(?:\s[^.]{0,40}\bfound\b[^.]{0,40}|\s+found)?"
    r")\s*[.。!]?"
)


def is_refusal(text: str) -> bool:
    """True if a sentence that says that there is no answer is all that the answer says.

    未提供发票的，不予报销 is an answer: what is missing must be the answer, or be missing in the documents.
    """
    return _REFUSAL.fullmatch(spelled(text).strip().lower()) is not None


# -- citations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, and the places in its list of citations of those that stand behind it."""

    text: str
    citations: tuple[int, ...]


def statements_of(text: str, citations: Sequence[Cited]) -> list[Statement]:
    """What an answer states: each sentence with its citations, and the sentences that have none.

    A line that only leads to what follows it (it ends with a colon) and a question state nothing.
    """
    behind: dict[str, list[int]] = {}
    for place, cited in enumerate(citations):
        behind.setdefault(cited.sentence, []).append(place)
    found = [Statement(sentence, tuple(places)) for sentence, places in behind.items()]
    known = ["".join(sentence.split()) for sentence in behind]
    for sentence in (one.text for one in cite.parse(text)):
        bare = "".join(sentence.split())
        if bare.endswith((":", "：", "?", "？")) or any(bare in one for one in known):
            continue
        found.append(Statement(sentence, ()))
    return found


def judge_citations(
    statements: Sequence[Statement], citations: Sequence[Cited]
) -> list[tuple[bool, dict[int, CitationScore]]]:
    """For each statement whether what it cites bears it, and which of its citations are right.

    As ALCE defines citation recall and precision (Gao et al., "Enabling large language models to generate text with
    citations", 2023), with `bearing.judge` in place of a model of inference: a statement is borne by one of its quotes
    or by all of them together; a citation of a statement that is borne is right if it bears it alone, or if the others
    do not without it.
    """
    return [_judged(statement, citations) for statement in statements]


def _judged(statement: Statement, citations: Sequence[Cited]) -> tuple[bool, dict[int, CitationScore]]:
    alone = {
        place: judge(statement.text, _said(citations[place]), context=citations[place].context)
        for place in statement.citations
    }
    there = [place for place in statement.citations if citations[place].text]
    together = any(one.bears for one in alone.values()) or _bear_together(statement.text, citations, there)
    scores = {}
    for place, found in alone.items():
        rest = [other for other in there if other != place]
        needed = place in there and not any(alone[other].bears for other in rest)
        right = together and (found.bears or (needed and not _bear_together(statement.text, citations, rest)))
        scores[place] = CitationScore(right, () if right else found.problems)
    return together, scores


def _bear_together(sentence: str, citations: Sequence[Cited], places: Sequence[int]) -> bool:
    if len(places) < 2:
        return any(judge(sentence, _said(citations[p]), context=citations[p].context).bears for p in places)
    said = "\n".join(_said(citations[place]) for place in places)
    return judge(sentence, said, context="\n".join(citations[place].context for place in places)).bears


def _said(cited: Cited) -> str:
    return f"{cited.text}\n{cited.rows}" if cited.text and cited.rows else cited.text


def evidence_recall(citations: Sequence[Cited], evidence: Sequence[Place]) -> float:
    """The share of the reference's evidence that is cited: its document, and where the place is known, that place.

    A place is cited if citation and evidence share at least half of the shorter one's characters.
    """
    if not evidence:
        return 0.0
    return sum(any(_covers(cited, place) for cited in citations) for place in evidence) / len(evidence)


def _covers(cited: Cited, place: Place) -> bool:
    if not cited.text or place.source not in cited.sources:
        return False
    # Of another document that says the same, only that it does is known.
    if place.span is None or place.source != cited.sources[0]:
        return True
    shared = min(cited.span.end, place.span.end) - max(cited.span.start, place.span.start)
    shorter = min(cited.span.end - cited.span.start, place.span.end - place.span.start)
    return shared > 0 and 2 * shared >= shorter


def refusal(scores: Sequence[Scores]) -> Refusal:
    """Right and wrong refusals over many answers."""
    return Refusal(
        refused=sum(one.refused for one in scores),
        unanswerable=sum(not one.answerable for one in scores),
        right=sum(one.refused and not one.answerable for one in scores),
    )
