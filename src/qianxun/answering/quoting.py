"""An answer made of quotations: the sentences that carry it, each with its citation. Needs no model."""

from collections.abc import Mapping, Sequence

from qianxun.answering import cite, evidence, extract
from qianxun.answering.checked import citation_of
from qianxun.answering.draft import Draft, nothing_found
from qianxun.answering.wording import Language, sentence
from qianxun.protocols import Encoder
from qianxun.records import Passage, Span, Statement
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
) -> Draft:
    """The sentences that carry the answer; or that there are none."""
    candidates = extract.candidates(
        question, packed, term_weights=term_weights, similarities=similarities_by(encoder) if encoder else None
    )
    chosen = extract.choose(candidates, settings.max_sentences)
    verdict = evidence.verdict(candidates, settings.min_support, encoder=encoder.fingerprint if encoder else "")
    if not chosen or verdict == "no_evidence":
        return nothing_found(packed, n_documents, language)
    order = list(dict.fromkeys(c.passage for c in chosen))
    order += [i for i in range(len(packed)) if i not in order]
    draft = Draft("", verdict, tuple(packed[i] for i in order), notes=[sentence("quoting", language)])
    for candidate in chosen:
        number, passage = order.index(candidate.passage) + 1, packed[candidate.passage]
        said = candidate.shown
        place = Span(passage.span.start + candidate.piece.start, passage.span.start + candidate.piece.end)
        support, span, quote = cite.verify(said, passage, place=place)
        draft.citations.append(citation_of(len(draft.statements), number, passage, said, support, span, quote))
        marked = with_mark(said, number)
        start = len(draft.text) + (not _joins(draft.text, marked))
        draft.text = f"{draft.text:<{start}}{marked}"
        shown_as = "under its heading" if candidate.lead else "words"
        draft.statements.append(
            Statement(said, Span(start, len(draft.text)), (number,), support, shown_as)  # type: ignore[arg-type]
        )
    return draft


def with_mark(said: str, number: int) -> str:
    """A quoted sentence with its mark: after a space unless it is Chinese."""
    return f"{said}[{number}]" if has_cjk(said) else f"{said} [{number}]"


def similarities_by(encoder: Encoder) -> extract.Similarities:
    """The cosines of texts with a question, by an encoder."""

    def compare(question: str, texts: Sequence[str]) -> Sequence[float]:
        cosines: list[float] = (encoder.encode_passages(texts) @ encoder.encode_queries([question])[0]).tolist()
        return cosines

    return compare


def _joins(text: str, said: str) -> bool:
    """Whether a sentence follows a text without a space: where both are Chinese."""
    return not text or (has_cjk(said) and has_cjk(text[-40:]))
