"""Answers without the text of documents, to be kept, and what of them a reader may see later.

A quote is kept as its place, and read again from the store with the rights that the reader has then. Of an answer that
somebody wrote from passages (a model), a reader sees only the sentences whose sources they may all read; what cites
nothing may come from any of the passages, or of the documents recalled from earlier answers, so for that they must be
able to read them all. What an answer says while it is being written, they see only as long as they may read all.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from qianxun.answering import material
from qianxun.answering.cite import without_code
from qianxun.answering.disagreement.clarifying import line
from qianxun.answering.disagreement.conflicts import name_of
from qianxun.answering.events import AnswerEvent, Checked, Mark, Shown, Text, Withdrawn
from qianxun.answering.extract import heading_of, shown_under
from qianxun.answering.pieces import pieces
from qianxun.answering.quoting import with_mark
from qianxun.answering.wording import GONE, is_ours
from qianxun.filters import matches, visible_to
from qianxun.records import Answer, Asker, Citation, Coverage, Option, Passage, Span, Statement
from qianxun.retrieval.gather import as_passage
from qianxun.storage.conversations import Conversation, KeptAnswer, KeptCitation, KeptPassage, KeptStatement, State
from qianxun.storage.store import Store
from qianxun.text import has_cjk

__all__ = ["GONE", "KeptEvents", "PastTurn", "Talk", "answer_of", "kept_event", "kept_of"]

# Passages as they may be shown (word lists).
Show: TypeAlias = Callable[[Sequence[Passage]], Sequence[Passage]]
# Stands for a title in a text of ours, which is no sentence of anybody.
_TITLE: Final = re.compile("\0(\\d+)\0")


def kept_of(answer: Answer, *, searched: str | None = None, recalled: Sequence[int] = ()) -> KeptAnswer:
    """The answer as it is kept. `searched` stands in for what was searched for, if that may hold words of documents;
    `recalled` are the documents of earlier answers that its writer was told of.

    Of notes and of what was left out only that is kept which holds no word of a document.
    """
    by_a_model = any(not one.quoted for one in answer.statements)
    return KeptAnswer(
        text=_without_quotes(answer) if answer.statements else _without_titles(answer),
        searched=answer.searched if searched is None else searched,
        verdict=answer.verdict,
        statements=tuple(
            KeptStatement(
                "" if one.quoted else one.text,
                one.span,
                one.numbers,
                one.support,
                one.quoted,
                one.claim,
                one.own,
                one.unknown,
            )
            for one in answer.statements
        ),
        citations=tuple(KeptCitation(one.statement, one.number, one.span, one.support) for one in answer.citations),
        passages=tuple(KeptPassage(one.chunk, one.span) for one in answer.passages),
        facts={
            "seconds": dict(answer.seconds),
            "models": dict(answer.models),
            "degraded": [one.partition(":")[0] for one in answer.degraded],
            "notes": [note for note in answer.notes if is_ours(note)],
            "usage": answer.usage,
            "material": answer.material,
            "persona": answer.persona,
            "language": answer.language,
            "options": [[one.label, one.question] for one in answer.options],
            "finish_reason": answer.finish_reason,
            "coverage": answer.coverage and dataclasses.asdict(answer.coverage),
        },
        recalled=tuple(recalled) if by_a_model else (),
    )


def _without_quotes(answer: Answer) -> str:
    """The answer's text with spaces in place of what only quotes; "" if nothing else is in it."""
    text = answer.text
    for one in answer.statements:
        if one.quoted:
            text = text[: one.span.start] + " " * (one.span.end - one.span.start) + text[one.span.end :]
    return text if text.strip() or "\n" in text else ""


def answer_of(kept: KeptAnswer, question: str, store: Store, asker: Asker, shown: Show = list) -> tuple[Answer, bool]:
    """The answer as this asker may read it now, and whether all of it is there.

    A sentence that they may not read, or whose source is gone, is `GONE`, and its citations are left out; of such a
    passage only its number is left. The two cases read the same. `shown` gives passages as they may be shown, without
    those that may not.
    """
    passages = _passages(kept.passages, store, asker, shown)
    all_there = all(passage is not None for passage in passages) and _may_read(kept.recalled, store, asker)
    brought = kept.facts.get("material", "")
    cited = {number: passage for number, passage in enumerate(passages, 1) if passage is not None}
    if brought:
        cited[material.NUMBER] = material.as_material_passage(brought)
    citations = tuple(_citation(one, cited[one.number]) for one in kept.citations if one.number in cited)
    borne = {one.statement for one in citations if one.support == "supported"}
    gone = GONE["zh" if has_cjk(question) else "en"]
    options = kept.facts.get("options", ()) if all_there else ()
    labels = {place: label for place, (label, _) in enumerate(options, 1)}
    text, last, statements = "", 0, []
    for place, one in enumerate(kept.statements):
        # Of quotes nothing is kept, and there is nothing but spaces between them.
        between = kept.text[last : one.span.start] or " " * (one.span.start - last)
        text += between if all_there else without_code(between)
        of_it = [citation for citation in citations if citation.statement == place]
        said, segment = gone, gone
        unknown: tuple[str, ...] = ()
        if one.quoted and of_it:
            said = _quoted(one, of_it[0], cited[of_it[0].number])
            if kept.verdict == "clarify":
                said = line(labels.get(place) or name_of(of_it[0]), said, kept.facts.get("language", "en"))
            segment = with_mark(said, one.numbers[0])
        elif not one.quoted and (all_there or (place in borne and _may_all_be_read(one, cited, len(passages)))):
            # What names that nothing was found stands behind quotes, of which no text is kept.
            segment = kept.text[one.span.start : one.span.end]
            said, segment, unknown = one.text, segment if segment.strip() else one.text, one.unknown
        span = Span(len(text), len(text) + len(segment))
        text, last = text + segment, one.span.end
        statements.append(Statement(said, span, one.numbers, one.support, one.quoted, one.claim, one.own, unknown))
    if kept.statements:
        text += kept.text[last:] if all_there else without_code(kept.text[last:])
    elif all_there:
        text = _TITLE.sub(lambda found: _name(passages[int(found[1])]), kept.text)
    else:
        text = gone
    said_of = {place: one.text for place, one in enumerate(statements)}
    answer = Answer(
        question=question,
        text=text,
        verdict=kept.verdict,
        citations=tuple(dataclasses.replace(one, sentence=said_of[one.statement]) for one in citations),
        passages=tuple(passage or _NO_PASSAGE for passage in passages),
        seconds=kept.facts.get("seconds", {}),
        models=kept.facts.get("models", {}),
        degraded=tuple(kept.facts.get("degraded", ())),
        notes=tuple(kept.facts.get("notes", ())) if all_there else (),  # they may name what stands in no passage
        searched=kept.searched,
        usage=tuple(usage) if (usage := kept.facts.get("usage")) else None,
        coverage=Coverage(**coverage) if (coverage := kept.facts.get("coverage")) else None,
        statements=tuple(statements),
        material=brought,
        persona=kept.facts.get("persona", ""),
        language=kept.facts.get("language", ""),
        options=tuple(Option(label, asks, "", ()) for label, asks in options),
        finish_reason=kept.facts.get("finish_reason", "stop"),
    )
    return answer, all_there


_NO_PASSAGE: Final = Passage(0, 0.0, 0, 0, "", "", None, None, (), Span(0, 0), "", "", (), {})


def _passages(kept: Sequence[KeptPassage], store: Store, asker: Asker, shown: Show) -> list[Passage | None]:
    """Each passage as it was shown; None where it is not there for this asker."""
    found = store.passages([one.chunk for one in kept], visible_to(asker))
    passages: list[Passage | None] = []
    for number, one in enumerate(kept, 1):
        passage = as_passage(*found[one.chunk], rank=number) if one.chunk in found else None
        if passage is not None and passage.span != one.span:
            text = store.text(passage.document)[one.span.start : one.span.end]
            passage = dataclasses.replace(passage, span=one.span, text=text)
        passages.append(next(iter(shown([passage])), None) if passage is not None else None)
    return passages


def _may_read(documents: Sequence[int], store: Store, asker: Asker) -> bool:
    """Whether all of these documents are there for this asker."""
    live, where = store.live(list(documents)), visible_to(asker)
    return all(one in live and (where is None or matches(where, live[one])) for one in documents)


def _may_all_be_read(statement: KeptStatement, cited: Mapping[int, Passage], n_passages: int) -> bool:
    """Whether every passage that a statement cites is there; marks of none (out of range) count for nothing."""
    return all(number in cited or not 1 <= number <= n_passages for number in statement.numbers)


def _without_titles(answer: Answer) -> str:
    """The text with the names of documents taken out, to be read again from these."""
    text, names = answer.text, {_name(one): place for place, one in reversed(list(enumerate(answer.passages)))}
    if not names:
        return text
    named = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name) or r"(?!)")
    return named.sub(lambda found: f"\0{names[found[0]]}\0", text)


def _name(passage: Passage | None) -> str:
    assert passage is not None
    return passage.title or passage.source


def _citation(kept: KeptCitation, passage: Passage) -> Citation:
    within = Span(kept.span.start - passage.span.start, kept.span.end - passage.span.start)
    return Citation(
        number=kept.number,
        chunk=passage.chunk,
        document=passage.document,
        source=passage.source,
        title=passage.title,
        page=passage.page,
        location=passage.location,
        heading=passage.heading,
        span=kept.span,
        quote=passage.text[within.start : within.end],
        support=kept.support,
        statement=kept.statement,
    )


def _quoted(kept: KeptStatement, citation: Citation, passage: Passage) -> str:
    """The words of a statement that only quotes, from what it cites."""
    at = citation.span.start - passage.span.start
    piece = next((one for one in pieces(passage) if one.start == at and one.text == citation.quote), None)
    if piece is None:
        return citation.quote
    return shown_under(heading_of(passage) if kept.quoted == "under its heading" else "", piece)


@dataclasses.dataclass(frozen=True, slots=True)
class PastTurn:
    """A question and what came of it, as the asker may read it now. `whole`: nothing of the answer is left out.

    `answer` is None while it is `running`, and where it `failed` or was `removed`.
    """

    turn: int
    state: State
    asked: str
    question: str
    answer: Answer | None
    whole: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Talk:
    """A conversation with its turns, and what its client has set for it."""

    conversation: Conversation
    turns: tuple[PastTurn, ...]
    settings: Mapping[str, Any]


# -- while it is being written ---------------------------------------------------------------------------


def kept_event(event: AnswerEvent, recalled: Sequence[int] = ()) -> dict[str, Any]:
    """What an answer said, but for its end, as it is kept: what documents say as places. Passages come `recalled`."""
    match event:
        case Shown(passages):
            places = [[one.chunk, one.span.start, one.span.end] for one in passages]
            return {"event": "shown", "passages": places, "recalled": list(recalled)}
        case Text(text):
            return {"event": "text", "text": text}
        case Mark(text, numbers, span):
            return {"event": "mark", "text": text, "numbers": list(numbers), "span": [span.start, span.end]}
        case Checked(statement, citations, added, unknown):
            return {
                "event": "checked",
                "text": statement.text,
                "span": [statement.span.start, statement.span.end],
                "numbers": list(statement.numbers),
                "support": statement.support,
                "claim": statement.claim,
                "citations": [[c.statement, c.number, c.span.start, c.span.end, c.support] for c in citations],
                "added": list(added),
                "unknown": list(unknown),
            }
        case Withdrawn():
            return {"event": "withdrawn"}
        case _:
            raise AssertionError("the answer itself is kept with `finish`")


class KeptEvents:
    """Reads again, in order, what a running answer said, as long as the asker may read all that it is written from.

    From the moment they may not, what was said is withdrawn, and nothing comes until there is an answer.
    """

    def __init__(self, store: Store, asker: Asker, shown: Show = list) -> None:
        self._store = store
        self._shown = shown
        self._asker = asker
        self._kept: tuple[KeptPassage, ...] = ()
        self._recalled: tuple[int, ...] = ()
        self._passages: tuple[Passage, ...] = ()
        self._closed = False

    def read(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> list[tuple[int, AnswerEvent]]:
        """The events of these rows, each with its place."""
        found: list[tuple[int, AnswerEvent]] = []
        for place, row in rows:
            if self._closed:
                break
            if row["event"] == "shown":
                self._kept = tuple(KeptPassage(chunk, Span(start, end)) for chunk, start, end in row["passages"])
                self._recalled = tuple(row["recalled"])
                found += [(place, Shown(self._passages))] if self._look() else [(place, self._close())]
            else:
                found.append((place, self._event(row)))
        # What was read may have been removed since, or forbidden.
        if found and not self._closed and not self._look():
            return [(found[0][0], self._close())]
        return found

    def _look(self) -> bool:
        passages = [one for one in _passages(self._kept, self._store, self._asker, self._shown) if one is not None]
        self._passages = tuple(passages)
        return len(passages) == len(self._kept) and _may_read(self._recalled, self._store, self._asker)

    def _close(self) -> Withdrawn:
        self._closed = True
        return Withdrawn("")

    def _event(self, row: Mapping[str, Any]) -> AnswerEvent:
        match row["event"]:
            case "text":
                return Text(row["text"])
            case "mark":
                return Mark(row["text"], tuple(row["numbers"]), Span(*row["span"]))
            case "checked":
                numbers, support = tuple(row["numbers"]), row["support"]
                statement = Statement(row["text"], Span(*row["span"]), numbers, support, claim=row["claim"])
                citations = [
                    KeptCitation(place, number, Span(start, end), how)
                    for place, number, start, end, how in row["citations"]
                ]
                told = [
                    dataclasses.replace(_citation(one, self._passages[one.number - 1]), sentence=statement.text)
                    for one in citations
                    if 1 <= one.number <= len(self._passages)  # of what the question brought along nothing is kept yet
                ]
                return Checked(statement, tuple(told), tuple(row["added"]), tuple(row["unknown"]))
            case "withdrawn":
                return Withdrawn("")
            case unknown:
                raise AssertionError(f"no event {unknown}")
