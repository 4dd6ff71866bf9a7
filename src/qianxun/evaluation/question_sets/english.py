"""English sentences turned into questions, where their verb is known: a small grammar, which says nothing else.

"The warranty lasts 24 months from delivery." → "How many months does the warranty last from delivery?" Pure.
"""

import re
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.figure import Figure

_AUXILIARY: Final = frozenset("is are was were can could may must shall should will would".split())
# Base forms; their other forms are regular unless they are named below.
_VERBS: Final = (
    "accept add allow answer apply arrive attract begin buy carry charge close contain cost cover deliver earn "
    "employ end enter expire get grow have hold include increase last leave lose make measure need offer open "
    "operate own pay produce provide publish reach receive reduce refund release require rise run score sell send "
    "serve ship spend start store support take travel use visit weigh win work hire join launch move return "
    "submit keep approve grant respond"
).split()
_PAST: Final = {
    "began": "begin", "bought": "buy", "got": "get", "grew": "grow", "had": "have", "held": "hold", "left": "leave",
    "lost": "lose", "made": "make", "paid": "pay", "rose": "rise", "ran": "run", "sold": "sell", "sent": "send",
    "spent": "spend", "took": "take", "won": "win", "kept": "keep", "cost": "cost", "shipped": "ship",
    "submitted": "submit",
}  # fmt: skip
_NO_SUBJECT = re.compile(
    r"^(?:it|this|that|these|those|there|here|he|she|they|we|you|i|if|when|while|after|before|since|because|although|"
    r"for|in|on|at|by|from|with|to|as|but|and|or|so|however|also|then|note|please|see|no|not|only|where|which|who|what|"
    r"how|once|during|until|unless|under|over|between|according|each\s+of|both|either|neither)\b",
    re.IGNORECASE,
)
_DETERMINERS: Final = frozenset("the a an all each every any some most many our their its his her your my".split())
_PREPOSITION = re.compile(
    r"\b(within|in|on|at|by|after|before|until|from|since|to|of|for|over|under|above|below)\s+$", re.I
)
_MONEY: Final = frozenset({"USD", "EUR", "CNY", "HKD", "GBP", "JPY", "TWD"})
_NUMBER_HEAD = re.compile(r"^[\s\-−\d,.]*(?:million|billion|thousand|hundred)?[\s-]*", re.IGNORECASE)
_NOUN_AFTER = re.compile(r"\s+((?:[a-z][a-z\-]*\s+){0,2}?[a-z][a-z\-]{2,}s)\b(?!\s*'s)")
_BY = re.compile(
    r"\bby\s+((?:the|an?|our|your|their)?\s*[A-Z]?[\w&.'-]+(?:\s+[\w&.'-]+){0,4}?)(?=[.,;]|$|\s+(?:in|on|before|within|at|and|for|to|from)\b)"
)
_MAX_SUBJECT_WORDS: Final = 10


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A sentence as its subject, the auxiliary that a question begins with, the verb ("" for none), and the rest.

    `offset` is where the rest begins in the sentence.
    """

    subject: str
    auxiliary: str
    verb: str
    rest: str
    offset: int


def asked_for(sentence: str, figure: Figure, passage: str) -> str:
    """The question that a figure of a sentence answers; "" where the sentence cannot be turned around.

    `passage` is the text that the sentence is from: its first word is lowered where the passage shows it in lower case.
    """
    parsed = _parsed(sentence, passage)
    start, end = figure.start, figure.end
    if parsed is None or start < parsed.offset or figure.kind == "code" or figure.unit == "ordinal":
        return ""
    said = sentence[slice(*figure.core)]
    before, after = sentence[parsed.offset : start], sentence[end:]
    limit = sentence[start : figure.core[0]].strip().lower()
    preposition = _PREPOSITION.search(before)
    lead = limit if limit in ("within", "by", "before", "after", "until", "since", "from") else ""
    if not lead and preposition is not None:
        lead = preposition[1].lower()
        before = before[: preposition.start()]
    if figure.kind == "date":
        has_day = not figure.value.endswith("?")
        asking = "when" if lead in ("", "on", "in") else f"{lead} what {'date' if has_day else 'month'}"
        if figure.value.endswith("?-?"):
            asking = f"{lead or 'in'} what year"
    elif figure.kind == "time":
        asking = f"{lead or 'at'} what time"
    elif figure.unit == "%":
        asking = f"{lead} what percentage".strip() if lead != "by" else "by how many percent"
    elif figure.unit in _MONEY:
        asking = f"{lead} how much".strip()
    else:
        noun = _NUMBER_HEAD.sub("", said).strip()
        if not noun or not noun[0].isalpha() or re.match(r"[A-Z]?[a-z]+$", noun) is None:
            found = _NOUN_AFTER.match(after)
            if found is None:
                return ""
            noun, after = found[1], after[found.end() :]
        asking = f"{lead} how many {noun if noun.endswith('s') or noun == 'people' else noun + 's'}".strip()
    return _question(asking, parsed, before, after)


def by_whom(sentence: str, passage: str) -> tuple[str, str] | None:
    """The question by whom something is done, and who does it; None where the sentence does not say."""
    parsed = _parsed(sentence, passage)
    found = _BY.search(sentence)
    if parsed is None or parsed.verb or found is None or found.start() < parsed.offset:
        return None
    who = found[1].strip().rstrip(".")
    passive = re.search(
        r"\b(?:\w+ed|made|held|paid|sent|written|given|taken|chosen|led|run|kept)\s*$", sentence[: found.start()]
    )
    if passive is None or any(c.isdigit() for c in who) or who.split()[0].lower().endswith("ing"):
        return None
    question = _question("by whom", parsed, sentence[parsed.offset : found.start()], sentence[found.end() :])
    return (question, who) if question else None


def _question(asking: str, parsed: _Parsed, before: str, after: str) -> str:
    # What follows a comma, or "and" with a verb, is another clause; the one before is not this question's.
    if _clause_end(before) < len(before):
        return ""
    rest = re.split(r"[,;:]", after[: _clause_end(after)])[0]
    words = f"{asking} {parsed.auxiliary} {parsed.subject} {parsed.verb} {before} {rest}"
    question = " ".join(words.split()).rstrip(" .!,")
    if any(c in question for c in "\n()[]") or len(question.split()) < 4:
        return ""
    return f"{question[0].upper()}{question[1:]}?"


def _clause_end(words: str) -> int:
    """Where another verb of the same subject begins: the "and" of "opens at 8 and closes at 6"."""
    ends = (found.start() for found in re.finditer(r"\s(?:and|or|but)\s+([a-z]+)", words) if _form(found[1]))
    return next(ends, len(words))


def _parsed(sentence: str, passage: str) -> _Parsed | None:
    if _NO_SUBJECT.match(sentence):
        return None
    position = 0
    for place, word in enumerate(sentence.split()):
        at = sentence.index(word, position)
        position = at + len(word)
        if place > _MAX_SUBJECT_WORDS or word[-1] in ",;:.!?":
            return None
        form = _form(word.lower())
        if place == 0 or form is None:
            continue
        auxiliary, verb = form
        subject = sentence[:at].strip()
        head = subject.split()[-1].lower()
        # "the costs", "of use", "to open": a noun, or no finite verb.
        if head in _DETERMINERS or head in ("to", "of", "for", "and", "or", "with", "in", "not", "never"):
            continue
        if verb and word.lower() == verb and not head.endswith("s"):
            continue  # "store opening hours", "a work day": only a plural stands before a base form
        return _Parsed(_inside(subject, passage), auxiliary, verb, sentence[position:], position)
    return None


def _form(word: str) -> tuple[str, str] | None:
    """The auxiliary of a question and the base form of its verb; None for a word that is no known verb."""
    if word in _AUXILIARY:
        return word, ""
    if word in _PAST:
        return "did", _PAST[word]
    if word in ("has", "have"):
        return ("does" if word == "has" else "do"), "have"
    for verb in _VERBS:
        if word == verb:
            return "do", verb
        if word in (verb + "s", verb + "es", (verb[:-1] + "ies") if verb.endswith("y") else ""):
            return "does", verb
        if word in (verb + "ed", verb + "d", (verb[:-1] + "ied") if verb.endswith("y") else ""):
            return "did", verb
    return None


def _inside(subject: str, passage: str) -> str:
    """The subject as it stands inside a sentence: names keep their capital letter."""
    first, _, rest = subject.partition(" ")
    lower = first.lower()
    ordinary = lower in _DETERMINERS or re.search(rf"\b{re.escape(lower)}\b", passage) is not None
    ordinary = ordinary or (first.isalpha() and first[1:].islower() and lower.endswith("s") and not rest[:1].isupper())
    return f"{lower} {rest}".strip() if ordinary and not first.isupper() else subject
