"""Answers and passages as Markdown for the chat. Pure.

A text of a document or of a model is never markup of its own here: links are those that stand in the passages, letter
for letter (`qianxun.guarding.safe_links`), and images are none.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from qianxun.files import own_name
from qianxun.guarding import addresses, safe_links
from qianxun.marking import joined
from qianxun.messages import say
from qianxun.parts import left_out_in_words, model_in_words, parts_of, role_in_words, time_in_words
from qianxun.reasons import reason_in_words
from qianxun.records import Answer, Passage, Statement

_MARKS: Final = re.compile(r"(?:\s?\[(?:\d{1,4}|Q)\])*")
# So many spans of a passage are marked.
MOST_CITED: Final = 100
# What parts the head of a table from its rows.
_RULE_OF_TABLE: Final = re.compile(r"\|(?:\s*:?-{2,}:?\s*\|)+")
# What took less would be told as nothing.
_LEAST_SECONDS: Final = 0.005
# What Markdown may make more of than text.
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&=:^])")


def answer_text(answer: Answer) -> str:
    """An answer to be read: what bears a sentence weakly or not at all is said behind it, what it is worth, and that it
    is not finished, below it; above it, that no model wrote it where one should have."""
    ending = ending_in_words(answer)
    if answer.finish_reason == "cancelled" and answer.verdict == "no_evidence":
        return ending  # what it says itself is that it says nothing
    parts = [_of_no_model(answer)]
    parts.append(safe_links(_with_support(answer), addresses(passage.text for passage in answer.passages)).strip())
    parts += _disagreements(answer)
    parts += [f"> {words}" for words in (verdict_in_words(answer), ending) if words]
    return "\n\n".join(part for part in parts if part)


def report_of(answer: Answer) -> list[str]:
    """What took how long, what made it, and what there is to say of it."""
    stages = [
        say("- {what}: {seconds} s", what=as_text(time_in_words(name)), seconds=f"{spent:.2f}")
        for name, spent in answer.seconds.items()
        if name != "total" and spent >= _LEAST_SECONDS
    ]
    models = [
        say("- {what}: {model}", what=as_text(role_in_words(role)), model=as_text(model_in_words(model)))
        for role, model in answer.models.items()
        if role != "prompt"  # that is for programs
    ]
    notes = [reason_in_words(str(note)) for note in answer.notes]  # those of a kept answer are English
    remarks = [f"- {as_text(one)}" for one in (*notes, *left_out_in_words(answer.degraded))]
    return ["\n".join(part) for part in (stages, models, remarks) if part]


def verdict_in_words(answer: Answer) -> str:
    """What an answer is worth, where that is not simply that it is borne by its sources."""
    return {
        "answered": "",
        "partial": say("The sources bear only a part of this answer."),
        "no_evidence": "",
        "ungrounded": say("The sources do not bear this answer."),
        "clarify": say("The question may be about several things: ask again and name one."),
    }[answer.verdict]


def ending_in_words(answer: Answer) -> str:
    """Why an answer ended before its end; "" where it did not."""
    return {
        "stop": "",
        "length": say("This answer reached its length limit before its end."),
        "time": say("This answer ran out of time before its end."),
        "cancelled": say("This answer was stopped."),
        "repetition": say("This answer began to repeat itself and was stopped."),
    }[answer.finish_reason]


def _of_no_model(answer: Answer) -> str:
    """That the model failed, as a quotation; "" where none did."""
    if "generator" not in parts_of(answer.degraded):
        return ""
    if answer.verdict == "no_evidence":
        return f"> {say('The model did not answer, and quoting found nothing: ask again later.')}"
    return f"> {say('The model did not answer: these are quotations from the documents.')}"


def support_in_words(statement: Statement) -> str:
    """What bears a sentence, where that is little; "" where it is enough, or nothing need."""
    if not statement.claim or statement.own:
        return ""
    return {"supported": "", "weak": say("weakly supported"), "absent": say("not supported")}[statement.support]


def _with_support(answer: Answer) -> str:
    if answer.verdict in ("no_evidence", "clarify"):
        return answer.text
    parts, last = [], 0
    for statement in sorted(answer.statements, key=lambda one: one.span.end):
        words = support_in_words(statement)
        marks = _MARKS.match(answer.text, statement.span.end)
        end = _in_the_row(answer.text, marks.end()) if marks is not None else -1
        if words and end >= last:
            parts += [answer.text[last:end], f"〔{words}〕"]
            last = end
    return "".join([*parts, answer.text[last:]])


def _in_the_row(text: str, end: int) -> int:
    """The end of what is said: of a row of a table, before its last bar; what is behind that is not shown."""
    line = text[text.rfind("\n", 0, end) + 1 : end]
    return end - 1 if line.lstrip().startswith("|") and line.endswith("|") else end


def _disagreements(answer: Answer) -> list[str]:
    parts = []
    for conflict in answer.conflicts:
        lines = [say("The sources disagree:")]
        for value in conflict.values:
            numbers = "".join(f"[{number}]" for number in dict.fromkeys(one.number for one in value.citations))
            dated = f" ({as_text(value.dated)})" if value.dated else ""
            lines.append(f"- {as_text(value.value)}{dated} {numbers}")
        parts.append("\n".join(lines))
    return parts


class Streaming:
    """An answer while it is being written, each time as safe as a whole one.

    `add` gives what is to be shown: more behind what is there, or all of it anew where what came last made something of
    what was there before.
    """

    def __init__(self) -> None:
        self._text = ""
        self._shown = ""
        self._allowed: Collection[str] = ()

    def found(self, passages: Sequence[Passage]) -> None:
        """What the answer may cite, and so may link to."""
        self._allowed = addresses(passage.text for passage in passages)

    def add(self, piece: str) -> tuple[str, bool]:
        """What to show, and whether it stands for all that was shown."""
        self._text += piece
        now = safe_links(self._text, self._allowed)
        before, self._shown = self._shown, now
        return (now[len(before) :], False) if now.startswith(before) else (now, True)

    def clear(self) -> None:
        """What was shown is void."""
        self._text = self._shown = ""


def passage_text(passage: Passage, spans: Sequence[tuple[int, int]], address: str = "", note: str = "") -> str:
    """A passage with spans of its document marked, and where it stands; `note` is said below it."""
    text = passage.text
    place = [f"**{as_text(passage.title)}**", as_text(_page(passage)), as_text(" › ".join(passage.heading[-2:]))]
    lines = [" · ".join(part for part in place if part), as_text(own_name(passage.source))]
    last = 0
    within = [(max(0, a - passage.span.start), min(len(text), b - passage.span.start)) for a, b in spans]
    for a, b in joined([(a, b) for a, b in within if a < b]):
        lines += [_paragraphs(text[last:a]), _quoted(text[a:b])]
        last = b
    lines += [_paragraphs(text[last:]), note]
    if address:
        lines.append(f"[{say('Open the document here')}]({address})")
    return "\n\n".join(line for line in lines if line)


def view_address(service: str, base: str, document: int, start: int, end: int, words: str = "") -> str:
    """The page that shows a stretch of a document. `service`: what the address begins with, may be empty; `words`: what
    the stretch is known by, if that is known."""
    asked = {"from": start, "to": end, **({"words": words} if words else {})}
    return f"{service}/view/{quote(base, safe='')}/{document}?{urlencode(asked)}#cited"


def as_text(text: str) -> str:
    """A text of a document on one line, of which Markdown makes nothing."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _page(passage: Passage) -> str:
    if passage.page is not None:
        return say("page {page}", page=passage.page)
    return passage.location or ""


def _paragraphs(text: str) -> str:
    """Lines as lines."""
    lines = [f"{line}  " if line else "" for line in _lines(text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _quoted(text: str) -> str:
    """What is cited, as a quotation: it is marked by the style of the page, and said to be one by a screen reader."""
    return "\n".join(f"> {line}  " for line in _lines(text.strip()) if line)


def _lines(text: str) -> list[str]:
    """The lines of a text; of a table written in Markdown its rows, without the frame."""
    lines = [line.strip() for line in text.split("\n")]
    lines = [line for line in lines if not _RULE_OF_TABLE.fullmatch(line)]
    return [as_text(line.strip("| ") if line[:1] == "|" or line[-1:] == "|" else line) for line in lines]
