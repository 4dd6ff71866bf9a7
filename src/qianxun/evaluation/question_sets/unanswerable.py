"""Questions that documents do not answer, made of questions that they do: another code, another year, another thing.

Whether the documents really lack what is asked for is for search, and then for a person, to say. Pure.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.figures import figures, spelled
from qianxun.text import fold, script

# What hardly any document says of a thing, and how it is asked for.
_UNSAID_ZH: Final = (
    ("供应商", "{topic}的供应商是哪一家？"),
    ("投诉电话", "{topic}的投诉电话是多少？"),
    ("保险公司", "{topic}由哪家保险公司承保？"),
    ("年度预算", "{topic}的年度预算是多少？"),
    ("培训讲师", "{topic}的培训讲师是谁？"),
    ("设计师", "{topic}的设计师是谁？"),
    ("停车费", "{topic}的停车费是多少？"),
    ("获奖", "{topic}是哪一年获奖的？"),
)
_UNSAID_EN: Final = (
    ("supplier", "Who is the supplier for {topic}?"),
    ("complaint", "What is the complaint hotline for {topic}?"),
    ("insur", "Which company insures {topic}?"),
    ("annual budget", "What is the annual budget for {topic}?"),
    ("trainer", "Who is the trainer for {topic}?"),
    ("designer", "Who is the designer of {topic}?"),
    ("parking fee", "What is the parking fee for {topic}?"),
    ("award", "In which year did {topic} win an award?"),
)
_MAX_TOPIC_CHARS: Final = 24
_YEARS_ON: Final = (7, 11, 13)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A question, and the word without which no passage answers it; `about` must be there too, if it is given."""

    rule: str
    question: str
    needle: str
    about: str = ""

    def is_in(self, text: str) -> bool:
        """True if a text has what would answer the question."""
        bare = _bare(text)
        return _bare(self.needle) in bare and _bare(self.about) in bare


def _bare(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum())


def lacking_of(questions: Sequence[str], topics: Sequence[str], chance: random.Random) -> Iterator[Lacking]:
    """Questions that may have no answer, in an order drawn by `chance`; the kinds take turns."""
    kinds = [_other_codes(questions), _other_years(questions), list(_unsaid(topics, chance))]
    for kind in kinds:
        chance.shuffle(kind)
    while any(kinds):
        for kind in kinds:
            if kind:
                yield kind.pop()


def _other_codes(questions: Sequence[str]) -> list[Lacking]:
    """The same question about a code that is near: E-1049 for E-1042."""
    found = []
    for question in questions:
        written = spelled(question)
        for figure in figures(written):
            digits = [i for i, c in enumerate(figure.value) if c.isdigit()]
            if figure.kind != "code" or "@" in figure.value or "/" in figure.value or not digits:
                continue
            code = written[slice(*figure.core)]
            last = max(i for i, c in enumerate(code) if c.isdigit())
            for step in (7, 3, 1):
                other = f"{code[:last]}{(int(code[last]) + step) % 10}{code[last + 1 :]}"
                found.append(Lacking("code", _replaced(written, figure.core, other), other))
    return found


def _other_years(questions: Sequence[str]) -> list[Lacking]:
    found = []
    for question in questions:
        written = spelled(question)
        for figure in figures(written):
            year = figure.value.partition("-")[0]
            if figure.kind == "date" and year != "?":
                said = written[slice(*figure.core)]
                for years in _YEARS_ON:
                    other = str(int(year) + years)
                    found.append(Lacking("year", _replaced(written, figure.core, said.replace(year, other, 1)), other))
    return found


def _replaced(text: str, place: tuple[int, int], other: str) -> str:
    changed = text[: place[0]] + other + text[place[1] :]
    # As Chinese is written; `spelled` has made its marks narrow.
    return changed.replace("?", "？").replace(",", "，") if script(changed) == "cjk" else changed


def _unsaid(topics: Sequence[str], chance: random.Random) -> Iterator[Lacking]:
    for topic in topics:
        if not 1 < len(topic) <= _MAX_TOPIC_CHARS:
            continue
        known = _UNSAID_ZH if script(topic) == "cjk" else _UNSAID_EN
        for word, asked in chance.sample(known, len(known)):
            if script(topic) == "cjk" or topic.isascii():
                yield Lacking("unsaid", asked.replace("{topic}", topic, 1), word, topic)
