"""An answer made of quotations, and of what was computed from tables, each with its citation. Needs no model."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from qianxun.answering import cite, evidence, extract, material
from qianxun.answering.checked import FromTable, citation_of
from qianxun.answering.disagreement import clarifying, conflicts
from qianxun.answering.disagreement.rivals import Rivals, rivals
from qianxun.answering.draft import Draft, nothing_found
from qianxun.answering.figures_of_tables import WholeTable, computed_of, in_words
from qianxun.answering.pieces import Piece
from qianxun.answering.wording import Language, sentence
from qianxun.protocols import Encoder
from qianxun.records import Passage, Quoted, Span, Statement, Support, Verdict
from qianxun.settings import AnswerSettings
from qianxun.text import has_cjk


def quoted(
    question: str,
    packed: tuple[Passage, ...],
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    n_documents: int,
    language: Language,
    brought: Passage | None = None,
    whole_table: WholeTable | None = None,
) -> Draft:
    """The sentences that carry the answer; or that there are none.

    What the question asks to be computed of the tables in `packed`, or in `brought`, what it brings along, goes before.
    """
    every = (*packed, *([brought] if brought is not None else []))
    candidates = extract.candidates(
        question, every, term_weights=term_weights, similarities=similarities_by(encoder) if encoder else None
    )
    found = [candidate for candidate in candidates if candidate.passage < len(packed)]
    pairs = rivals(question, packed, found)
    left_out = clarifying.besides(question, pairs)
    able = [candidate for candidate in candidates if (candidate.passage, candidate.place) not in left_out]
    chosen = extract.choose(able, settings.max_sentences)
    verdict = evidence.verdict(candidates, settings.min_support, encoder=encoder.fingerprint if encoder else "")
    tables = computed_of(question, packed, brought, whole_table)
    if material.NUMBER in tables:  # that is what the question is about
        tables, chosen = {material.NUMBER: tables[material.NUMBER]}, []
    if not tables and (not chosen or verdict == "no_evidence"):
        return nothing_found(packed, n_documents, language)
    if verdict == "no_evidence":
        return quotations((), packed, "answered", language, brought, tables)
    if tables or brought is not None:
        return quotations(chosen, packed, verdict, language, brought, tables)
    if settings.clarify and (asking := asked_back(question, pairs, packed, candidates, language)) is not None:
        return asking
    return quotations(chosen, packed, verdict, language, claimed=conflicts.disagreement(pairs, packed))


class Quotation(Protocol):
    """A sentence or row of `passages[passage]` to be quoted; `lead` is its heading where that is shown before it."""

    @property
    def passage(self) -> int: ...
    @property
    def piece(self) -> Piece: ...
    @property
    def lead(self) -> str: ...
    @property
    def shown(self) -> str: ...


def quotations(
    chosen: Sequence[Quotation],
    packed: tuple[Passage, ...],
    verdict: Verdict,
    language: Language,
    brought: Passage | None = None,
    tables: Mapping[int, FromTable] = MappingProxyType({}),
    claimed: Sequence[conflicts.Claimed] = (),
    *,
    as_lines: bool = False,
) -> Draft:
    """What was computed from tables, then these quotations, each with its citation, and last where sources disagree.

    What they cite comes first. `packed[passage]` is what a quotation is from, `brought` (what the question brings
    along) stands behind them.
    """
    every = (*packed, *([brought] if brought is not None else []))
    cited = [*chosen, *(candidate for one in claimed for candidate in one.candidates)]
    order = list(dict.fromkeys([*(n - 1 for n in sorted(tables) if n), *(c.passage for c in cited)]))
    order = [i for i in order if i < len(packed)]
    order += [i for i in range(len(packed)) if i not in order]
    draft = Draft("", verdict, tuple(packed[i] for i in order), notes=[sentence("quoting", language)])
    if tables:
        draft.notes = [sentence("computing", language)]
    for n, table in sorted(tables.items()):
        passage, number = (packed[n - 1], order.index(n - 1) + 1) if n else (brought, material.NUMBER)
        assert passage is not None
        span = Span(passage.span.start + table.span.start, passage.span.start + table.span.end)
        quote = passage.text[table.span.start : table.span.end]
        for said in in_words({0: table}, language)[0]:
            draft.citations.append(citation_of(len(draft.statements), number, passage, said, "supported", span, quote))
            _say(draft, said, number, None)
    for candidate in chosen:
        passage = every[candidate.passage]
        number = order.index(candidate.passage) + 1 if candidate.passage < len(packed) else material.NUMBER
        said = candidate.shown
        place = Span(passage.span.start + candidate.piece.start, passage.span.start + candidate.piece.end)
        support, span, quote = cite.verify(said, passage, place=place)
        draft.citations.append(citation_of(len(draft.statements), number, passage, said, support, span, quote))
        _say(draft, said, number, "under its heading" if candidate.lead else "words", support, on_its_own_line=as_lines)
    if claimed:
        _name_conflict(draft, claimed, packed, language)
    return draft


def _say(
    draft: Draft,
    said: str,
    number: int,
    quoted_as: Quoted | None,
    support: Support = "supported",
    *,
    on_its_own_line: bool = False,
) -> None:
    """Adds a sentence with its mark."""
    marked = with_mark(said, number)
    if draft.text and on_its_own_line:
        draft.text += "\n"
    elif not _joins(draft.text, marked):
        draft.text += " "
    start = len(draft.text)
    draft.text += marked
    draft.statements.append(Statement(said, Span(start, len(draft.text)), (number,), support, quoted_as))


def compared(
    question: str,
    packed: tuple[Passage, ...],
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    language: Language,
) -> tuple[Draft | None, tuple[conflicts.Claimed, ...]]:
    """Before a model is asked: the question back, where one is to be asked, and what the sources disagree on.

    By words alone: where these do not bear out that the passages speak of the question, it finds neither.
    """
    candidates = extract.candidates(question, packed, term_weights=term_weights)
    if evidence.verdict(candidates, settings.min_support, encoder="") == "no_evidence":
        return None, ()
    pairs = rivals(question, packed, candidates)
    asking = asked_back(question, pairs, packed, candidates, language) if settings.clarify else None
    return asking, conflicts.disagreement(pairs, packed)


def asked_back(
    question: str,
    pairs: Sequence[Rivals],
    packed: tuple[Passage, ...],
    candidates: Sequence[extract.Candidate],
    language: Language,
) -> Draft | None:
    """The question back, where the question may be about several things; None where it is clear."""
    best = max((c.score for c in candidates if not c.asks), default=0.0)
    chosen = clarifying.choices(question, pairs, best)
    if not chosen:
        return None
    order = list(dict.fromkeys([*(one.candidate.passage for one in chosen), *range(len(packed))]))
    shown = tuple(packed[i] for i in order)
    return clarifying.question_back(question, chosen, packed, conflicts.numbering(packed, shown), shown, language)


def _name_conflict(
    draft: Draft, claimed: Sequence[conflicts.Claimed], packed: Sequence[Passage], language: Language
) -> None:
    """Adds the sentence that says that the sources disagree, and its citations."""
    place = len(draft.statements)
    conflict = conflicts.conflict_of(claimed, packed, conflicts.numbering(packed, draft.passages), place)
    said = conflicts.in_words(conflict, language)
    cited = [citation for one in conflict.values for citation in one.citations]
    start = len(draft.text) + (not _joins(draft.text, said))
    draft.text = f"{draft.text:<{start}}{said}"
    numbers = tuple(dict.fromkeys(citation.number for citation in cited))
    draft.statements.append(Statement(said, Span(start, len(draft.text)), numbers, "supported"))
    draft.citations += cited
    draft.conflicts.append(conflict)


def with_mark(said: str, number: int) -> str:
    """A quoted sentence with its mark: after a space unless it is Chinese."""
    return f"{said}{cite.mark(number)}" if has_cjk(said) else f"{said} {cite.mark(number)}"


def similarities_by(encoder: Encoder) -> extract.Similarities:
    """The cosines of texts with a question, by an encoder."""

    def compare(question: str, texts: Sequence[str]) -> Sequence[float]:
        cosines: list[float] = (encoder.encode_passages(texts) @ encoder.encode_queries([question])[0]).tolist()
        return cosines

    return compare


def _joins(text: str, said: str) -> bool:
    """Whether a sentence follows a text without a space: where both are Chinese, and the one before has an end."""
    return not text or (has_cjk(said) and has_cjk(text[-40:]) and _ENDED.search(text) is not None)


_ENDED: Final = re.compile(r"[。！？；…!?;][」』”’》）)]*(?:\[\w+\])*$")
