"""What stands below an answer in the text of a chat: what is to be known of it, and the sources that its marks mean.

In Markdown, since chat clients show that, and readable as it is. It begins with a rule and has lines of two forms only,
so that it is known again when a client sends it back as what was said before. Titles come from documents: in them
nothing is a link, an image or a tag.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from qianxun.answering import cite
from qianxun.guarding import safe_links
from qianxun.records import Answer, Citation, Statement
from qianxun.shapes import HEADING_SEPARATOR

# Behind a sentence that what it cites does not bear.
SIGN: Final = " ⚠"
_RULE: Final = "\n\n---\n\n"
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "sources": "Sources",
        "sign": "⚠ Not borne out by what it cites.",
        "page": "page {page}",
        "withdrawn": "What stands above is withdrawn; the answer is this:",
        "material": "what the question brought along",
    },
    "zh": {
        "sources": "来源",
        "sign": "⚠ 这句话没有得到所引原文的支持。",
        "page": "第 {page} 页",
        "withdrawn": "以上内容已撤回，以下面的回答为准：",
        "material": "提问中附带的内容",
    },
}
_WITHDRAWN: Final = tuple(words["withdrawn"] for words in _WORDS.values())
_LINE: Final = re.compile(
    rf"> .*|\*\*(?:{'|'.join(words['sources'] for words in _WORDS.values())})\*\*|- \[(?:\d+|Q)\] .*"
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_LONGEST: Final = 200


def trailer(answer: Answer, *, signs: bool) -> str:
    """What to put below the text of an answer, in which there are `signs`; "" where there is nothing to say."""
    notes = list(map(_one_line, answer.notes))
    if signs and any(map(is_doubtful, answer.statements)):
        notes.insert(0, _word("sign", answer.language))
    blocks = ["\n".join(f"> {note}" for note in notes)] if notes else []
    sources = source_lines(answer.citations, answer.language)
    if sources:
        blocks.append("\n".join((f"**{_word('sources', answer.language)}**", "", *sources)))
    return _RULE + "\n\n".join(blocks) if blocks else ""


def is_doubtful(one: Statement) -> bool:
    """Whether a sentence says something that what it cites does not bear, or bears only weakly."""
    return one.claim and not one.own and one.support != "supported"


def source_lines(citations: Sequence[Citation], language: str) -> list[str]:
    """A line for each number, in the order in which they are cited first."""
    first: dict[int, Citation] = {}
    for citation in citations:
        first.setdefault(citation.number, citation)
    return [f"- {cite.mark(number)} {_named(citation, language)}" for number, citation in first.items()]


def withdrawal(language: str) -> str:
    """What is put between what was shown and is void, and the answer that takes its place."""
    return f"{_RULE}> {_word('withdrawn', language)}\n\n"


def without_trailer(text: str) -> str:
    """An answer as it was before anything was put below it, without signs and without what was withdrawn above it."""
    text = text.replace(SIGN, "")
    for notice in _WITHDRAWN:
        text = text.rpartition(f"> {notice}")[2]
    above, rule, below = text.rpartition(_RULE.rstrip())
    is_trailer = all(not line or _LINE.fullmatch(line) for line in map(str.rstrip, below.splitlines()))
    return (above if rule and is_trailer else text).strip()


def _named(citation: Citation, language: str) -> str:
    if citation.number == 0:
        return _word("material", language)
    heading = citation.heading[1:] if citation.heading[:1] == (citation.title,) else citation.heading
    title = _one_line(HEADING_SEPARATOR.join((citation.title, *heading)))
    page = _word("page", language).format(page=citation.page) if citation.page is not None else citation.location
    # Its own address may be followed: whoever added the document has given it.
    place = ", ".join(_one_line(part, {citation.source}) for part in (citation.source, page) if part)
    return f"{title} ({place})"


def _one_line(text: str, allowed: Collection[str] = ()) -> str:
    """Words from elsewhere on one line, of which no renderer makes more than words, but for allowed addresses."""
    plain = " ".join(_CONTROLS.sub(" ", text).split())
    return safe_links(plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…", allowed)


def _word(key: str, language: str) -> str:
    return _WORDS.get(language, _WORDS["en"])[key]
