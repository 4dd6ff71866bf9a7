"""A question that may be about several things, and the question back. Pure.

保修期多久？ is ambiguous where the manual of product A says 12 months and that of product B 24, and the question names
neither: sentences that answer it about equally well give different values because they are about different things. What
they are about is what differs between their titles, their headings or the sentences themselves (`rivals`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.answering.disagreement.conflicts import cited_of, name_of
from qianxun.answering.disagreement.differing import is_name, tokens_of
from qianxun.answering.disagreement.rivals import Rivals, Subject, is_edition
from qianxun.answering.draft import Draft
from qianxun.answering.extract import ASKING, Candidate
from qianxun.answering.wording import Language, sentence
from qianxun.records import Option, Passage, Span, Statement
from qianxun.text import fold, has_cjk

# What texts are compared by: their telling tokens.
Key: TypeAlias = tuple[tuple[str, str], ...]

# Of two sentences about different things, the weaker scores at least this share of the best of all.
_ABOUT_EQUAL: Final = 0.8
_MOST_CHOICES: Final = 6
_LONGEST_PART: Final = 30
# Asks of several things at once, or for the one among them.
_OF_SEVERAL: Final = re.compile(
    r"哪|分别|各(?!位)|每个|每种|所有|全部|区别|差别|不同|对比|比较|相比|最|都|列出|谁"
    r"|\b(?:which|each|both|all|every|compare[ds]?|comparison|differences?|differ|between|versus|vs|most|least|list|who"
    r"|respectively|\w+est)\b"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the things that a question may be about: `part` tells it from the others, `label` names it."""

    part: str
    label: str
    value: str
    candidate: Candidate


def choices(question: str, found: Sequence[Rivals], best: float) -> tuple[Choice, ...]:
    """What the question may be about, best first; empty where it is not ambiguous. `best` is the best score of all."""
    if _OF_SEVERAL.search(fold(question)):
        return ()
    chosen: dict[Key, Choice] = {}
    of_one_kind: Subject | None = None
    for pair in found:
        subject = _subject(pair, question)
        if subject is None or min(pair.one.score, pair.other.score) < _ABOUT_EQUAL * best:
            continue
        keys = [_key(part) for part in subject.parts]
        if of_one_kind is not None and (subject.above != of_one_kind.above or not any(key in chosen for key in keys)):
            continue
        of_one_kind = of_one_kind or subject
        for key, part, label, value, candidate in zip(
            keys, subject.parts, subject.labels, pair.values, (pair.one, pair.other), strict=True
        ):
            chosen.setdefault(key, Choice(part, label.strip() or part, value, candidate))
    if len({_key(choice.value) for choice in chosen.values()}) < 2:
        return ()
    return tuple(chosen.values())[:_MOST_CHOICES]


def besides(question: str, found: Iterable[Rivals]) -> set[tuple[int, int]]:
    """Sentences (passage, place) about another thing than the one that the question names."""
    asked = _key(question)
    left_out: set[tuple[int, int]] = set()
    for pair in found:
        for subject in pair.subjects:
            named = [_names(asked, part) for part in subject.parts]
            if named[0] != named[1]:
                other = pair.other if named[0] else pair.one
                left_out.add((other.passage, other.place))
    return left_out


def _subject(pair: Rivals, question: str) -> Subject | None:
    """The one thing in which what the pair is about differs, if the question does not name it."""
    subjects = {tuple(_key(part) for part in one.parts): one for one in pair.subjects}
    if len(subjects) != 1:
        return None
    (subject,) = subjects.values()
    if not subject.alike or not all(map(_is_telling, subject.parts)):
        return None
    if not subject.above and not all(_may_be_a_thing(part) for part in subject.parts):
        return None
    asked = _key(question)
    if any(_names(asked, part) for part in subject.parts) or _names_a_third(asked, subject):
        return None
    return subject


def _names_a_third(asked: Key, subject: Subject) -> bool:
    """Whether the question names another thing of the kind: 半线天竺鲷, beside 单线天竺鲷 and 黑边天竺鲷."""
    label, part = _key(subject.labels[0]), _key(subject.parts[0])
    at = next((i for i in range(len(label)) if label[i : i + len(part)] == part), None)
    if at is None:
        return False
    before, after = label[:at], label[at + len(part) :]
    for rest, step in ((after, -1), (before, len(before))):
        for i in range(len(asked) - len(rest) + 1) if rest else ():
            if asked[i : i + len(rest)] == rest and 0 <= i + step < len(asked) and _tells(asked[i + step]):
                return True
    return False


def _tells(key: tuple[str, str]) -> bool:
    return not ASKING.search(key[1]) and key[1] not in _HELPING


_HELPING: Final = frozenset("里中上内下对按照规定要求写说")


def _is_telling(part: str) -> bool:
    return 0 < len(part.strip()) <= _LONGEST_PART


def _may_be_a_thing(part: str) -> bool:
    """Whether a part of a sentence may be what it is about: a name, a year, a letter; in English also plain words."""
    tokens = tokens_of(part)
    if any(token.figure is not None and token.figure.kind not in ("date", "code") for token in tokens):
        return is_edition(Subject((part, part), (part, part)))
    return is_name(tokens) or all(token.key[0] == "word" or token.figure is not None for token in tokens)


def _key(text: str) -> Key:
    return tuple(token.key for token in tokens_of(text) if token.weight) or (("text", fold(text)),)


def _names(asked: Key, part: str) -> bool:
    """Whether the tokens of a part stand in the question, one after the other."""
    key = _key(part)
    return any(asked[i : i + len(key)] == key for i in range(len(asked) - len(key) + 1))


# -- the question back -----------------------------------------------------------------------------------------------


def question_back(
    question: str,
    chosen: Sequence[Choice],
    packed: Sequence[Passage],
    number: Callable[[int], int],
    passages: tuple[Passage, ...],
    language: Language,
) -> Draft:
    """The question back: a line for each of the choices, with its sentence and its citation.

    `number` tells which [n] points to the passage at an index of `packed`.
    """
    lead = sentence("which", language)
    draft = Draft(lead, "clarify", passages)
    draft.statements.append(Statement(lead, Span(0, len(lead)), (), "absent", claim=False))
    for place, choice in enumerate(chosen, 1):
        passage = packed[choice.candidate.passage]
        n = number(choice.candidate.passage)
        said = line(choice.label or name_of(passage), choice.candidate.shown.strip(), language)
        cited = cited_of(choice.candidate, passage, n, place, said)
        draft.citations.append(cited)
        start = len(draft.text) + len(f"\n{place}. ")
        draft.text += f"\n{place}. {said}[{n}]" if language == "zh" else f"\n{place}. {said} [{n}]"
        draft.statements.append(Statement(said, Span(start, len(draft.text)), (n,), cited.support, "words"))
        draft.options.append(Option(choice.label, about(choice.label, question), choice.value, (cited,)))
    return draft


def line(label: str, said: str, language: Language) -> str:
    """A choice as it is listed: what it is called, and the sentence about it."""
    return f"{label}：“{said}”" if language == "zh" else f"{label}: “{said}”"


def about(label: str, question: str) -> str:
    """The question asked of one thing alone; a colon is no word of any language."""
    return f"{label}{'：' if has_cjk(label + question) else ': '}{question}"
