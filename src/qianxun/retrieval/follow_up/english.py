"""English questions that lean on the one before: how they show it, and what a question is about. Rules; pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from qianxun.retrieval.follow_up.cues import Cue, Kind, aligned

# Words that ask, point, link or help, and never are what a question is about.
_FUNCTION: Final = frozenset(
    "a an the and or but nor so then also too else than as if when while before after once because since until "
    "unless though although whether is are was were be been being am do does did done doing can could may might "
    "must shall should will would have has had having i me my mine we us our ours you your yours he him his she her "
    "hers it its they them their theirs this that these those there here of in on at to for from by with about into "
    "over under between during per via within without against across through regarding concerning what which who "
    "whom whose where why how please tell know let show explain again not no yes any some all both each every "
    "either neither much many long often far soon more most less least other another same such very only just even "
    "still already ever up down out off one ones somebody someone anybody anyone something anything isn aren wasn "
    "weren don doesn didn couldn won wouldn shouldn s t re ve ll d m okay ok well now".split()
)
# Words that say something of a topic, but are none: whoever asks with these alone means the topic of before.
_GENERIC: Final = frozenset(
    "maximum minimum duration amount amounts apply applied applies applying approve approves approved approval need "
    "needs needed require requires required requirement requirements document documents paperwork form forms "
    "deadline deadlines process procedure procedures step steps cost costs price prices fee fees take takes took "
    "last lasts day days week weeks month months hour hours minute minutes year years time times limit limits "
    "contact contacts responsible charge online advance happen happens happened work works working mean means meant "
    "allowed possible mandatory optional necessary submit submitted start starts started begin begins end ends "
    "finish change changes changed cancel canceled cancelled extend extended renew get gets got use used using find "
    "do make made details detail exception exceptions reason reasons rule rules number phone email address "
    "available effective valid count counts counted calculated paid expire expires included include includes "
    "covered cover eligible qualify early late high low big large small good bad first second third actually "
    "exactly usually normally roughly difference example examples go come see give given say says said".split()
)
_WORD: Final = re.compile(r"[^\W_]+(?:[-./+#&][^\W_]+)*[+#]*")
_POINTING: Final = frozenset("it they them he him she this that these those its their theirs his her hers".split())
_OWNING: Final = frozenset("its their theirs his her hers".split())
_PEOPLE: Final = frozenset("they them he him she their theirs his her hers".split())
# Between an antecedent and what stands for it in the same question.
_LINKS: Final = frozenset(
    "if when before after once because while and but that which who unless until since so".split()
)
_TIME: Final = frozenset(
    "month week year quarter semester term morning afternoon evening night weekend summer winter spring autumn fall "
    "season fiscal calendar monday tuesday wednesday thursday friday saturday sunday".split()
)
_ORDINALS: Final = {
    word: n
    for n, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th", "seventh 7th", "eighth 8th"),
        start=1,
    )
    for word in words.split()
}
_PARTS: Final = frozenset("one point item step option part bullet condition requirement case rule reason".split())
_EMPTY_IT: Final = re.compile(
    r"\bit(?:'s|\s+(?:is|was|be|will\s+be|would\s+be))?\s+(?:also\s+|really\s+|still\s+)?(?:possible|necessary|required|allowed|"
    r"mandatory|okay|ok|true|important|legal|safe|advisable|acceptable|permitted|common|compulsory|better|best|worth|enough|"
    r"likely|normal|correct|right|wrong|mean|matter|matters)\s+(?:to|that|for|if|whether|when|what|how)\b"
    r"|\bit\s+costs?\s+(?:\w+\s+)?to\s+\w+|\btakes?\s+it\s+to\b|\bit\s+takes?\s+(?:\w+\s+)?to\s+\w+|\bit\s+take\s+(?:\w+\s+)?(?:to|for)\s+\w+"
)
_ABOUT: Final = re.compile(
    r"^(?:and\s+|or\s+|but\s+|so\s+|ok(?:ay)?,?\s+|then\s+)*(?:(?:what|how)\s+about|what\s+of|same\s+(?:question\s+)?for)\s+(?P<about>.+)$"
    r"|^(?:and|or)\s+(?P<also>.+)$|^(?P<too>.+?),?\s+(?:too|as\s+well|also|either)$"
    r"|^(?P<only>(?:for|with|in|on|at|from|by|under|during|after|before|without|within|outside)\s+.+)$"
)
_LINKED: Final = re.compile(r"^(?:for|with|in|on|at|as|from|to|the|a|an|my|our|your|his|her|their)\s+")
_ASKING: Final = frozenset("what which who whom whose when where why how".split())
_VERBS: Final = frozenset(
    "is are was were am do does did can could may might must shall should will would have has had".split()
)
_MOST_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class _Word:
    """A word in lower case, and where it stands."""

    text: str
    start: int
    end: int


def cue(question: str) -> Cue | None:
    """How a question leans on the one before; None if it stands on its own."""
    words = _words(question)
    if not words:
        return None
    found = _ordinal(words) or _named(question) or _pointer(question, words)
    if found is None and not any(map(_tells, words)):
        found = Cue(Kind.BARE)
    return found


def topic(question: str) -> str:
    """A question from its first telling word to its last, without what asks and helps; "" if nothing tells."""
    words = _words(question)
    telling = [n for n, word in enumerate(words) if _tells(word)]
    if not telling:
        return ""
    kept: list[str] = []
    for n in range(telling[0], telling[-1] + 1):
        word = words[n]
        # "days of annual leave" keeps its "of"; "benefits do interns receive" needs no "do".
        if word.text in _VERBS or word.text in _ASKING or word.text in ("i", "we", "you"):
            continue
        if kept and question[words[n - 1].end : word.start].strip(" ") in (",", ";", ".", "?", "!", ":"):
            kept[-1] += ","
        kept.append(question[word.start : word.end])
    return " ".join(kept)


def swapped(before: str, what: str) -> str | None:
    """The question `before`, asked of `what` instead; None where it cannot be told what that takes the place of.

    What shares its last word with `what`, or all but its last: annual leave and sick leave, plan A and plan B.
    """
    old, new = _words(before), _words(_LINKED.sub("", what))
    if len(new) < 2:
        return None
    place = next((n for n, word in enumerate(old) if word.text == new[-1].text), None)
    if place is not None:
        first = place
        while first > 0 and old[first - 1].text not in _FUNCTION and first > place - len(new) + 1:
            first -= 1
        if first < place:
            return before[: old[first].start] + _given(what, new) + before[old[place].end :]
    beginning = [word.text for word in new[:-1]]
    for n in range(len(old) - len(beginning)):
        last = old[n + len(beginning)]
        alike = len(last.text) <= 2 or last.text.isdigit() or not last.text.isalpha()
        if [word.text for word in old[n : n + len(beginning)]] == beginning and last.text not in _VERBS and alike:
            return before[: old[n].start] + _given(what, new) + before[last.end :]
    return None


def _given(what: str, words: list[_Word]) -> str:
    bare = _LINKED.sub("", what)
    return bare[words[0].start : words[-1].end]


def _words(text: str) -> list[_Word]:
    """The words of a text. IT is the department where not everything is in capitals."""
    found = []
    for match in _WORD.finditer(_lowered(text)):
        written = unicodedata.normalize("NFKC", text[match.start() : match.end()])
        is_name = written == "IT" and not text.isupper()
        found.append(_Word(written if is_name else match[0], match.start(), match.end()))
    return found


def _lowered(text: str) -> str:
    """The text in lower case, and of the same length."""
    return aligned(text).replace("’", "'")


def _tells(word: _Word) -> bool:
    return word.text not in _FUNCTION and word.text not in _GENERIC


def _ordinal(words: list[_Word]) -> Cue | None:
    """The second one: one ordinal, and no telling word."""
    found = [n for n, word in enumerate(words) if word.text in _ORDINALS]
    if len(found) != 1:
        return None
    rest = [word for n, word in enumerate(words) if n != found[0]]
    if any(_tells(word) and word.text not in _PARTS for word in rest):
        return None
    after = words[found[0] + 1].text if found[0] + 1 < len(words) else ""
    if after not in _PARTS and after not in _FUNCTION and after != "":
        return None
    return Cue(Kind.ORDINAL, number=_ORDINALS[words[found[0]].text])


def _named(question: str) -> Cue | None:
    """What about sick leave, and for contractors: the question of before, of something else."""
    bare = question.strip(" ?!.,;？！。")
    match = _ABOUT.match(_lowered(bare))
    if match is None:
        return None
    group = next(name for name, found in match.groupdict().items() if found is not None)
    if group == "only" and not question.rstrip().endswith(("?", "？")):
        return None  # key words
    what = bare[match.start(group) : match.end(group)].strip()
    words = _words(what)
    if not words or len(words) > _MOST_NAMED or all(word.text in _POINTING for word in words):
        return None
    if not any(word.text not in _FUNCTION for word in words):
        return None
    if group != "about" and any(word.text in _VERBS or word.text in _ASKING for word in words):
        return None  # a question of its own
    return Cue(Kind.NAMED, what=what)


def _pointer(question: str, words: list[_Word]) -> Cue | None:
    empty = [match.span() for match in _EMPTY_IT.finditer(_lowered(question))]
    for n, word in enumerate(words):
        if word.text not in _POINTING or any(start <= word.start < end for start, end in empty):
            continue
        if not _points_back(words, n):
            continue
        before = words[:n]
        antecedent = next((place for place, one in enumerate(before) if _tells(one)), None)
        telling = antecedent is not None
        between = question[before[antecedent].end : word.start] if antecedent is not None else ""
        divided = any(c in ",;.?!:" for c in _lowered(between))
        linked = antecedent is not None and any(one.text in _LINKS for one in before[antecedent:])
        owning = word.text in _OWNING and n + 1 < len(words) and words[n + 1].text not in _FUNCTION
        if telling and (owning or divided or linked):
            continue  # it points back within the question
        return Cue(Kind.PERSON if word.text in _PEOPLE else Kind.POINTER)
    return None


def _points_back(words: list[_Word], n: int) -> bool:
    """Whether a pronoun stands for something, and neither for a time nor for nothing."""
    word = words[n].text
    after = words[n + 1].text if n + 1 < len(words) else ""
    if word in ("this", "that", "these", "those") and (after in _TIME or (word == "those" and after == "who")):
        return False
    if word == "that" and n:
        # "the documents that expire", "I heard that the office closes"; but "who approves that?"
        return not after or words[n - 1].text in _FUNCTION - {"so", "such", "now", "all", "those", "one", "ones"}
    return True
