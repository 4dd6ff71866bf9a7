"""A question that leans on the conversation before it, as one that can be searched. By rules; pure, no generator.

    年假有几天？ …  那病假呢？                      病假有几天              the same is asked of something else
    试用期是多久？ …  它可以延长吗？                试用期：它可以延长吗？  it points back
    How is the bonus calculated? …  and when?       bonus: and when?        it names nothing
    年假有几天？ …  不是年假，是病假                病假有几天              it corrects (`correcting`)

The text that comes out is for searching, not for showing as the question: what was carried over stands before the
question, which stays as it was asked. A question that stands on its own is never changed: what is wrongly carried over
draws away from what was asked, what is not carried over can be asked again. What shows that a question is a follow-up
is in `chinese` and `english`, by the question's language; the one before may be in the other.

Where a generator is there, `prompt` asks it for the same, and `prompt.accepted` says whether its answer may be used.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qianxun.retrieval.follow_up import chinese, english
from qianxun.retrieval.follow_up.choosing import chosen
from qianxun.retrieval.follow_up.correcting import corrected, correction
from qianxun.retrieval.follow_up.cues import Cue, Kind
from qianxun.text import fold, has_cjk

# Turns that are looked at; what was talked of before them is forgotten.
MAX_TURNS = 8
# A longer topic is a text that was pasted: its beginning tells enough.
MAX_TOPIC_CHARS = 80
_END = " \t\n?!.。？！;；…~"
_HEADING_JOINT = "›"
# Words of courtesy are no topic.
_COURTESY = re.compile(
    r"(?:好的?|嗯+|哦+|行|明白了?|知道了?|了解了?|收到|谢谢(?:你|您)?|多谢|感谢|辛苦了?|你好|您好|早|再见|没事了?|ok(?:ay)?|thanks?"
    r"|thank you|thx|hi|hello|hey|great|good|got it|i see|sure|bye|cheers|perfect|yes|no|very much|so much|a lot)"
    r"(?:[\s,，、。.!！~]+|$)"
)
# Fields and exclusions hold for the question that they stand in.
_OPERATORS = re.compile(r"(?<!\S)-?(?:[a-z]+:\S+|-\S+)", re.IGNORECASE)
_PREDICATE = re.compile("[有是要可能会需得须享应]")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked before, and what its answer cited: a heading or a title each, in order.

    `options` are the labels of what an answer that asked back has listed.
    """

    question: str
    cited: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What to search for. `carried` is what was taken from the turns before; empty where the question stands alone."""

    text: str
    carried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Context:
    """What was last talked of: a question that stands on its own, and what its answer cited."""

    question: str = ""
    cited: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def follow_up(question: str, turns: Sequence[Turn]) -> FollowUp:
    """The question with what it lacks carried over from the turns before it, oldest first."""
    context = _Context()
    for turn in turns[-MAX_TURNS:]:
        if not _is_courtesy(turn.question):
            context = _Context(_resolved(turn.question, context).text, turn.cited, turn.options)
    return _resolved(question, context)


def _resolved(question: str, context: _Context) -> FollowUp:
    stands_alone = FollowUp(question)
    if not context.question or _is_courtesy(question):
        return stands_alone
    before = _OPERATORS.sub(" ", context.question).strip(_END)
    option = chosen(question, context.options) if context.options else None
    if option is not None:
        return FollowUp(_joined((option, before)), (before,))
    found = correction(question)
    if found is not None:
        asked = corrected(before, found)
        if asked is not None:
            return FollowUp(asked, (before,))
        if found.adds:
            return _asked_of(found.right, before) or stands_alone
    cue = chinese.cue(question) if has_cjk(question) else english.cue(question)
    if cue is None:
        return stands_alone
    if cue.kind is Kind.NAMED:
        return _asked_of(cue.what, before) or stands_alone
    carried = _carried(cue, before, context.cited)
    carried = tuple(one for one in carried if fold(one) not in fold(question))
    return FollowUp(_joined((*carried, question)), carried) if carried else stands_alone


def _asked_of(what: str, before: str) -> FollowUp | None:
    """The question before, asked of something else; None if that is what it was asked of."""
    if fold(what) in fold(before):
        return FollowUp(before, (before,))
    for language in (chinese, english) if has_cjk(what) else (english, chinese):
        asked = language.swapped(before, what)
        if asked is not None:
            return FollowUp(asked, (before,))
    return FollowUp(_joined((what, before)), (before,))


def _carried(cue: Cue, before: str, cited: Sequence[str]) -> tuple[str, ...]:
    """The topic of the question before, and of what was cited the part that is meant."""
    topic = (chinese.topic(before) if has_cjk(before) else english.topic(before))[:MAX_TOPIC_CHARS].strip()
    if cue.kind is Kind.PERSON and has_cjk(topic):
        topic = _subject(topic)
    headings = [_own_name(one) for one in cited]
    if cue.kind is Kind.ORDINAL and 1 <= cue.number <= len(headings):
        return tuple(dict.fromkeys(one for one in (topic, headings[cue.number - 1]) if one))
    if not topic and headings:
        return (headings[0],)
    return (topic,) if topic else ()


def _subject(topic: str) -> str:
    """Of whom something is said: 实习生 of 实习生有住房补贴."""
    predicate = _PREDICATE.search(topic, 2)
    return topic[: predicate.start()] if predicate is not None else topic


def _own_name(heading: str) -> str:
    return heading.rpartition(_HEADING_JOINT)[2].strip()[:MAX_TOPIC_CHARS]


def _joined(parts: Sequence[str]) -> str:
    """The parts with colons between them, which are no words of any language."""
    text = parts[0]
    for part in parts[1:]:
        text += ("：" if has_cjk(text) or has_cjk(part) else ": ") + part
    return text


def _is_courtesy(text: str) -> bool:
    left = fold(text).strip()
    while left:
        match = _COURTESY.match(left)
        if match is None:
            return not left.strip(_END)
        left = left[match.end() :]
    return True
