"""The prompt with which a generator rewrites a follow-up question, and whether its answer may be searched for.

A generator that answers instead of rewriting, changes the language or makes something up would have us search for what
nobody asked. So its answer is checked here, and where it does not pass, the rules decide. The prompt's texts are files
beside this one. Pure: asking the generator is the caller's.
"""

import re
from collections.abc import Sequence
from typing import Final

from qianxun.prompting import as_line, as_material
from qianxun.prompting import turns as prompt_turns
from qianxun.protocols import Message
from qianxun.retrieval.follow_up import MAX_TOPIC_CHARS, FollowUp, Turn, follow_up
from qianxun.text import STOP_WORDS, characters, fold, has_cjk, script, words

# What the prompt shows of the conversation, at most.
MAX_SHOWN_TURNS: Final = 4
_MAX_SHOWN_CHARS: Final = 300
# Of the answer's terms, how many the conversation may lack: so many, or this share of them.
_NEW_TERMS, _NEW_SHARE = 2, 0.3
# Of the question's terms, how many the answer must keep.
_KEPT: Final = 0.5

_ROLES: Final = {"zh": ("问", "依据"), "en": ("Question", "Sources")}
_NUMBERS: Final = re.compile(
    r"\d+(?:[.,]\d+)*|[零〇一二两三四五六七八九十百千万亿]+(?=[天个月年日号元块次条点周岁人分倍成%])"
)
_AROUND: Final = "\"'“”‘’「」『』`* "
_LABEL: Final = re.compile(
    r"^(?:改写(?:后(?:的问题)?)?|问题|rewritten(?: question)?|question)\s*[:：]\s*", re.IGNORECASE
)
_ANSWERING: Final = re.compile(
    r"(?:yes|no|yep|sure|sorry|according to|based on)\b"
    "|(?:是的|不是|不行|可以|不可以|能|不能|对|不对|有|没有)[,，。]|根据|抱歉",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"\[\d+\]|【\d+】|https?://|[<>{}]")


def messages(question: str, turns: Sequence[Turn]) -> list[Message]:
    """The system and user turns, in the language of the question; the last few turns, each on a line of its own."""
    language = "zh" if has_cjk(question) or (not script(question) and any(has_cjk(t.question) for t in turns)) else "en"
    asked, cited = _ROLES[language]
    lines: list[str] = []
    for turn in turns[-MAX_SHOWN_TURNS:]:
        lines.append(f"{asked}: {_shown(turn.question)}")
        if turn.cited:
            lines.append(f"{cited}: {_shown('; '.join(turn.cited))}")
    system, user = prompt_turns(__package__, "rewrite", language)
    # replace, not format: questions may hold braces. The question last, since it may hold what is replaced before.
    above = "\n".join(lines).replace("{question}", "{ question }")
    filled = user.replace("{turns}", above, 1)
    return [Message("system", system), Message("user", filled.replace("{question}", _shown(question), 1))]


def accepted(answer: str, question: str, turns: Sequence[Turn]) -> FollowUp:
    """What to search for: the generator's answer if it may be used, else what the rules make of the question.

    It may be used if it is one line in the language of the question and of bounded length, keeps the question's own
    words and numbers, and brings no words and numbers that the conversation does not have: an answer would.
    """
    line = _one_line(answer)
    if line is None or not _may_be_used(line, question, turns):
        return follow_up(question, turns)
    if fold(line).strip(" ?!.。") == fold(question).strip(" ?!.。"):
        return FollowUp(question)
    new = [term for term in dict.fromkeys(words(fold(line))) if term not in set(words(fold(question)))]
    carried = [turn.question for turn in turns if set(words(fold(turn.question))) & set(new)]
    return FollowUp(line, tuple(carried))


def _may_be_used(line: str, question: str, turns: Sequence[Turn]) -> bool:
    told = [text for turn in turns for text in (turn.question, *turn.cited)]
    longest = max((len(text) for text in told), default=0)
    if len(line) > len(question) + min(longest, 2 * MAX_TOPIC_CHARS) + 20:
        return False
    if script(question) and script(line) and script(line) != script(question):
        return False
    if _ANSWERING.match(line) and not _ANSWERING.match(question):
        return False
    if _MARKS.search(line) and not _MARKS.search(question):
        return False
    known = fold("\n".join((question, *told)))
    if not set(_NUMBERS.findall(fold(line))) <= set(_NUMBERS.findall(known)):
        return False
    if not set(_NUMBERS.findall(fold(question))) <= set(_NUMBERS.findall(fold(line))):
        return False
    ours, theirs = _terms(line), _terms("\n".join((question, *told)))
    own = _terms(question) - STOP_WORDS
    if len(ours - theirs) > max(_NEW_TERMS, _NEW_SHARE * len(ours)):
        return False
    return not own or len(own & ours) / len(own) >= _KEPT


def _terms(text: str) -> set[str]:
    """Words of scripts with spaces, and single CJK characters: pairs of them change at every joint."""
    folded = fold(text)
    return {word for word in words(folded) if not has_cjk(word)} | set(characters(folded))


def _one_line(answer: str) -> str | None:
    """The only line of an answer, without quotation marks around it; None if there are none or several."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    if len(lines) != 1:
        return None
    return _LABEL.sub("", as_line(lines[0]).strip(_AROUND)).strip(_AROUND) or None


def _shown(text: str) -> str:
    """The beginning of a text on one line, as material."""
    return as_material(" ".join(text.split())[:_MAX_SHOWN_CHARS])
