"""A conversation as a text for people: questions, answers, and the sources that these cite. In Markdown."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qianxun.messages import say
from qianxun.records import Answer
from qianxun.shapes import HEADING_SEPARATOR, location_of

if TYPE_CHECKING:
    from qianxun.answering.keeping import PastTurn, Talk
    from qianxun.storage.conversations import State


def markdown_of(talk: "Talk") -> str:
    """The whole conversation; every quote of a source stands under its number."""
    lines = [f"# {_line(talk.conversation.title) or talk.conversation.token}", ""]
    lines.append(say("Begun {at} (UTC).", at=moment_in_words(talk.conversation.begun)))
    for turn in talk.turns:
        lines += ["", f"## {turn.turn}. {_line(turn.question)}", "", *_said(turn)]
    return "\n".join(lines) + "\n"


def state_in_words(state: "State") -> str:
    """What became of an answer; empty when it simply is there."""
    words: dict[State, str] = {
        "running": say("This answer is still being written."),
        "done": "",
        "stopped": say("This answer was stopped."),
        "failed": say("This answer failed."),
        "removed": say("A document that was read for this answer was removed."),
    }
    return words[state]


def moment_in_words(at: str) -> str:
    """A time as people write it, to the minute."""
    return at[:16].replace("T", " ")


def _said(turn: "PastTurn") -> Iterator[str]:
    if turn.answer is not None:
        yield turn.answer.text
        yield from _sources(turn.answer)
    words = state_in_words(turn.state)
    if words:
        yield from ([""] if turn.answer is not None else [])
        yield f"*{words}*"


def _sources(answer: Answer) -> Iterator[str]:
    for number in dict.fromkeys(citation.number for citation in answer.citations):
        cited = [citation for citation in answer.citations if citation.number == number]
        first = cited[0]
        heading = first.heading[1:] if first.heading[:1] == (first.title,) else first.heading
        parts = (first.title, HEADING_SEPARATOR.join(heading), location_of(first.page, first.location))
        place = " · ".join(_line(part) for part in parts if part)
        yield ""
        yield f"> [{number}] {place} ({_line(first.source)})"
        for quote in dict.fromkeys(citation.quote for citation in cited):
            yield ">"
            yield from (f"> {line}".rstrip() for line in quote.splitlines())


def _line(text: str) -> str:
    return " ".join(text.split())
