"""What a text states, clause by clause, as tokens that can be compared: figures, negations, limits, words, characters.

Chinese is read by characters, other scripts by stemmed words; figures are one token each, whatever their spelling.
Knows no citation and no answer.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figure_words import LIMIT
from qianxun.answering.checking.figures import figures, limit_of, spelled
from qianxun.documents.sentences import sentences
from qianxun.text import CJK, STOP_WORDS, fold, words

Kind: TypeAlias = Literal["word", "han", "figure", "not", "limit"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word's stem, a Chinese character, a figure, a negation or a limit that stands by no figure.

    `capital` tells that a word is written with one, `initial` that it is the first of its sentence. It stands at
    `start` to `end` of the spelled text, a figure without its limit; tokens at two places can be the same.
    """

    kind: Kind
    text: str
    figure: Figure | None = None
    capital: bool = False
    initial: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """What is the same in two texts. Units and limits of figures are not in it: they are compared apart."""
        return self.kind, self.text

    @property
    def says_something(self) -> bool:
        """False for negations, limits, and words that any sentence may have."""
        return self.kind == "figure" or (self.kind in ("word", "han") and self.text not in LIGHT)


Clause: TypeAlias = tuple[Token, ...]

# Words and characters that paraphrase adds and drops without changing what is said.
LIGHT: Final = frozenset(
    "的了着之是为于在有所以与和及或并而则将已均各每其该此本这那也就都又再还可能应须需要必当会得对从把使让给等们个请即便"
) | frozenset(
    "can could may might must shall should will would be been being am has had there they them their he she his her "
    "we our us you your i my any also then so than such by".split()
)
# Connect equals: what stands before and after them may change places.
CONJUNCTIONS: Final = frozenset("和与及或并跟同、") | {"and", "or"}

# Tells that what it stands after is suffered: the "by" of "was acquired by", 被.
PASSIVE: Final = "by"

# Forms of verbs that stemming does not bring together.
_IRREGULAR: Final = {
    form: verb
    for verb, *forms in map(
        str.split,
        (
            "become became|begin began begun|break broke broken|bring brought|build built|buy bought|catch caught"
            "|choose chose chosen|come came|deal dealt|do done|draw drew drawn|drive drove driven|eat ate eaten"
            "|fall fell fallen|feel felt|find found|fly flew flown|forget forgot|get got gotten|give gave given"
            "|go went gone|grow grew grown|hold held|keep kept|know knew known|lead led|lend lent|lose lost|make made"
            "|mean meant|meet met|pay paid|ride rode ridden|rise rose risen|run ran|see saw seen|sell sold|send sent"
            "|show shown|sit sat|speak spoke spoken|spend spent|stand stood|take took taken|teach taught|tell told"
            "|think thought|throw threw thrown|wear wore worn|win won|write wrote written"
        ).split("|"),
    )
    for form in forms
}
# Names the source of what is said, and says nothing of it: 根据规定， / The document says that.
_ATTRIBUTION = re.compile(
    r"^\W*(?:根据|按照|依据|依照|据)?(?:本|该|上述|相关|有关|公司|贵公司|提供的|以上|所给|给出的)*(?:《[^《》]{2,40}》)?的?"
    r"(?:规定|文件|文档|文中|资料|手册|制度|办法|合同|合约|协议|通知|说明书|说明|条款|原文|政策|报告|内容|记录|日志|段落|要求)?"
    r"(?:中|里)?(?:的?(?:规定|要求|内容|记载|约定))?(?:指出|写明|说明|提到|规定|显示|表明|记载|要求|所述)?[:，,：]"
    r"|^\W*according\s+to\s+(?:the|this|that|these|your|our)\s+(?:[\w-]+\s+){0,4}?(?P<doc>document|documents|policy|handbook"
    r"|manual|report|contract|agreement|guide|rules|text|passage|source|notes|table|log|terms)[\w\s-]{0,20}?[,:]"
    r"|^\W*(?:the|this)\s+(?:[\w-]+\s+){0,3}?(?:document|policy|handbook|manual|report|contract|agreement|guide|text|passage"
    r"|source)\s+(?:says|states|notes|specifies|mentions|explains|indicates|reads)(?:\s+that\b|:)"
    r"|^\W*it\s+is\s+(?:stated|specified|noted|said|written|mentioned)(?:\s+that\b|:)",
    re.IGNORECASE,
)
# No negation, although it is written with one.
_AFFIRMED = re.compile(
    r"不(?:仅|但|光|只(?:是|有)|同|断|久|等|管|论|锈钢|动产|定期|过(?!期)|少(?=[数人])|可或缺|妨|乏|惜|料|愧)|差不多|对不起"
    r"|未来|无(?:论|线|人机|形|锡|数|偿|疑|非)|非(?:常|洲|凡|遗)|(?:区|分|特|级|类|性|识|差|个|派|辨|判|国|组)别|别(?:人|名|墅|致|的)"
    r"|是否|能否|可否|与否|否则|没收|莫(?:斯科|名)"
    r"|not\s+only\b|no\s+doubt\b|no\.\s*(?=\d|\0)|nothing\s+but\b|non-(?=stop|profit)",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"没有|[不没未无非勿莫]|禁止|严禁|谢绝|拒绝|别(?=[去做把让再乱])"
    r"|\b(?:not|no|never|cannot|without|neither|none|nobody|nothing|nowhere|prohibit(?:s|ed)?|forbid(?:s|den)?|unable)\b"
    r"|\bnor\b|\bnon-",
    re.IGNORECASE,
)
_WORD = re.compile(rf"[^\W\d_{CJK}]+(?:'[^\W\d_{CJK}]+)?")
_HAN = re.compile(rf"[{CJK}]")
_PARTICIPLE = re.compile(
    r"\b(?:is|are|was|were|be|been|being|get|got)\s(?:[\w\s-]{0,30}\s)?(?:\w+ed|\w+en|made|held|paid|sent|led|run|kept|bought"
    r"|sold|won|lost|built|told|taught|brought|found)\s*$",
    re.IGNORECASE,
)
# Counts the sentences of a list: no figure of what they say.
_ENUMERATOR = re.compile(r"^\W*(?:\(?\d{1,2}\)|\d{1,2}[.、](?!\d)|\d{1,2}\.\d{1,2}(?=\s+[A-Z][a-z]))")
# A is included in B: B includes A.
_CONTAINED = re.compile(r"\b(?:included|contained)\s*$", re.IGNORECASE)
_CLAUSE_END = re.compile(
    r"[,;!?。\n|]|\.(?=\s|$)|\s(?=(?:but|while|whereas|although|though|unless|except|because)\s)"
    # Of two things joined by "and" each is said for itself, if it has a verb of its own.
    r"|\s(?=(?:and|or)\s(?:[\w-]+\s){1,5}?(?:is|are|was|were|must|may|can|cannot|shall|should|will|do|does|did|has|have|had)\s)",
    re.IGNORECASE,
)


def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a text that hold anything to compare, in its order."""
    return tuple(clause for sentence in by_sentence(text) for clause in sentence)


@functools.lru_cache(maxsize=1024)
def by_sentence(text: str) -> tuple[tuple[Clause, ...], ...]:
    """The clauses of each sentence."""
    written = spelled(text)
    found: list[tuple[Clause, ...]] = []
    for start, end in sentences(written):
        sentence = _ENUMERATOR.sub(lambda found: " " * len(found[0]), written[start:end])
        read = figures(sentence, spoken=True)
        own: list[Clause] = []
        for a, b in _spans(sentence, read):
            tokens = tuple(_tokens(sentence, a, b, read, offset=start, first=not own))
            if tokens:
                own.append(tokens)
        if own:
            found.append(tuple(own))
    return tuple(found)


def without_attribution(text: str) -> str:
    """The text without words at its beginning that only name where it stands."""
    found = _ATTRIBUTION.match(spelled(text))
    rest = spelled(text)[found.end() :].strip() if found is not None else ""
    return rest or text


def _spans(sentence: str, read: list[Figure]) -> Iterator[tuple[int, int]]:
    """Where clauses stand; what is inside a figure ends none (1,200; March 1, 2025)."""
    inside = [(figure.start, figure.end) for figure in read]
    start = 0
    for mark in _CLAUSE_END.finditer(sentence):
        if not any(a <= mark.start() < b for a, b in inside):
            yield start, mark.start()
            start = mark.end()
    yield start, len(sentence)


def _tokens(text: str, start: int, end: int, read: list[Figure], *, offset: int, first: bool) -> Iterator[Token]:
    at, following = start, [figure for figure in read if start <= figure.start < end]
    negated_pair = False  # neither … nor is one negation
    while at < end:
        if following and at >= following[0].start:
            figure = following.pop(0)
            a, b = figure.core
            yield Token("figure", figure.value, figure, start=offset + a, end=offset + b)
            at, first = max(at, figure.end), False
            continue
        stop = following[0].start if following else end
        affirmed = _AFFIRMED.match(text, at, stop)
        if affirmed is None:
            limit = LIMIT.match(text, at, stop)
            if limit is not None and limit.end() > at:
                yield Token("limit", limit_of(limit))
                at = limit.end()
                continue
            negation = _NEGATION.match(text, at, stop)
            if negation is not None and not (text[at - 1 : at].isalnum() and negation[0][0].isascii()):
                said = negation[0].lower()
                if said != "nor" or not negated_pair:
                    yield Token("not", "not")
                negated_pair = said == "neither" or (negated_pair and said != "nor")
                at = negation.end()
                continue
        last = affirmed.end() if affirmed is not None else at + 1
        while at < last:
            word = _WORD.match(text, at, stop)
            if word is not None:
                lower = word[0].lower()
                if (lower == "by" and _PARTICIPLE.search(text, start, at) is not None) or (
                    lower == "in" and _CONTAINED.search(text, start, at) is not None
                ):
                    yield Token("word", PASSIVE)
                elif lower not in STOP_WORDS or _is_letter_of_a_name(text, at, word.end()):
                    lower = lower.removesuffix("'s")
                    stem = words(fold(_IRREGULAR.get(lower, lower)))
                    text_of = stem[0] if stem else lower
                    yield Token("word", text_of, None, word[0][0].isupper(), first, offset + at, offset + word.end())
                first = False
                at = word.end()
            else:
                if _HAN.match(text, at) is not None:
                    yield Token("han", text[at], start=offset + at, end=offset + at + 1)
                    first = False
                at += 1


def _is_letter_of_a_name(text: str, start: int, end: int) -> bool:
    """True for the A of A公司, which is no article."""
    return end - start == 1 and (_HAN.match(text, end) or (start and _HAN.match(text, start - 1))) is not None


@functools.lru_cache(maxsize=1024)
def quoted_names(text: str) -> frozenset[str]:
    """What stands in 《》, 「」 or quotation marks, without white space, folded: titles and names."""
    written = spelled(text)
    return frozenset("".join(fold(written[a:b]).split()) for a, b in quoted_places(written))


def quoted_places(written: str) -> list[tuple[int, int]]:
    """Where quoted names stand in a spelled text, without their marks; single letters are none."""
    found = [match.span(match.lastindex or 0) for match in _QUOTED.finditer(written)]
    return [(a, b) for a, b in found if len("".join(written[a:b].split())) > 1]


_QUOTED = re.compile(r"《([^《》]{2,40})》|「([^「」]{2,30})」|“([^“”]{2,30})”|\"([^\"]{2,40})\"")
