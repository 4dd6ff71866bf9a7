"""A question divided into the questions that it consists of, by rules for Chinese and English. Pure, no generator.

    年假有几天？病假呢？                          several question marks
    How long is probation, and who approves it?   clauses that ask
    比较方案A和方案B的价格 · Compare A and B      what is compared, one after the other
    A、B和C的上限分别是多少                       an enumeration

A question that is none of these is left whole: a wrong division names things that nobody asked for. What leans on the
question before it is completed from that (`follow_up`).
"""

import re
from collections.abc import Callable
from typing import Final

from qianxun.retrieval.follow_up import Turn, follow_up
from qianxun.text import fold, has_cjk

# A part of an enumeration is a name, not a clause.
_MOST_CJK, _MOST_WORDS = 14, 6
_MARKS: Final = re.compile(r"(?<=[?？])[\s」』”’\"')）]*")
_END: Final = re.compile(r"[\s?？。.!！]+$")
_ASKS_ZH: Final = (
    r"什么|什麼|多少|几|幾|谁|誰|哪|怎么|怎麼|怎样|怎樣|如何|为何|為何|为什么|為什麼|是否|能否|可否|有没有|有沒有"
    r"|多久|多长|多長|吗|嗎|何时|何時"
)
_CLAUSE_ZH: Final = re.compile(r"[，,；;]\s*(?:以及|并且|並且|还有|還有|另外|同时|同時|而且|然后|然後|又|和)?")
_ASKS_EN: Final = (
    r"what|how|when|who|whom|whose|where|which|why|does|do|did|is|are|was|were|can|could|may|must|should|will"
)
_CLAUSE_EN: Final = re.compile(rf"\s*[,;]?\s+(?:and|as well as|and also)\s+(?=(?:{_ASKS_EN})\b)|\s*;\s*", re.IGNORECASE)
_COMPARE_ZH: Final = re.compile(
    r"^(?:请|請)?(?:帮我|幫我)?(?:比较|比較|对比|對比)(?:一下)?(?P<items>.+?)(?:(?:的|在)(?P<of>[^的在]{1,12}?)(?:上|方面)?)?$"
)
_DIFFER_ZH: Final = re.compile(
    r"^(?P<items>.+?)(?:之间|之間)?(?:的(?P<of>[^的]{1,12}))?(?:有什么|有什麼|有何|有哪些|有啥|的)(?:区别|區別|不同|差别|差別|差异|差異).*$"
)
_EACH_ZH: Final = re.compile(r"^(?P<items>[^，,；;]+?)(?P<of>的[^，,；;]*?)?(?P<each>各自|分别|分別|各)(?P<rest>.+)$")
_LIST_ZH: Final = re.compile(r"^(?P<items>[^，,；;]*?、[^，,；;]+?)(?P<rest>的.+)$")
_ITEMS_ZH: Final = re.compile(r"\s*[、,，]\s*|\s*(?:以及|和|与|與|跟|及|vs\.?)\s*", re.IGNORECASE)
_COMPARE_EN: Final = re.compile(
    r"^(?:please\s+)?compare\s+(?:the\s+)?(?:(?P<of>(?:(?!\band\b)[^,])+?)\s+(?:of|for|under)\s+)?(?P<items>.+?)"
    r"(?:\s+(?:in terms of|with respect to|with regard to|regarding|by|on)\s+(?P<of2>.+))?$",
    re.IGNORECASE,
)
_DIFFER_EN: Final = re.compile(
    r"^(?:what(?:'s| is| are)|how)\s+(?:the\s+)?differen(?:ces?|t)\s+(?:in\s+(?P<of>.+?)\s+)?(?:between|are|is)\s+"
    r"(?P<items>.+?)(?:\s+(?:in terms of|regarding|in)\s+(?P<of2>.+))?$",
    re.IGNORECASE,
)
_LIST_EN: Final = re.compile(
    r"^(?P<head>.+\b(?:of|for|in|under)\s+)(?P<items>[^,]+(?:,\s*[^,]+)*,?\s+and\s+[^,]+?)(?P<rest>\s+respectively)?$",
    re.IGNORECASE,
)
_ITEMS_EN: Final = re.compile(r"\s*,\s*(?:and\s+)?|\s+(?:and|with|to|versus|vs\.?)\s+", re.IGNORECASE)


def divided(question: str, most: int) -> list[str]:
    """The questions that it consists of, at most `most`, each once; the question alone where no rule divides it."""
    found: list[str] = []
    before: list[Turn] = []
    for sentence in _MARKS.split(question):
        for clause in _clauses(_END.sub("", sentence.strip())):
            parts = _enumerated(clause)
            # What follows an enumeration leans on all of it, and that cannot be carried over.
            found += parts or [follow_up(clause, before).text]
            before = [] if parts else [Turn(found[-1])]
    unique = {fold(one): one for one in reversed(found)}
    return list(unique.values())[::-1][:most] or [question.strip()]


def _enumerated(question: str) -> list[str]:
    """A question for each thing that this one names; none if it names one."""
    rules: tuple[Callable[[str], list[str]], ...] = (
        (_compared_zh, _each_zh) if has_cjk(question) else (_compared_en, _listed_en)
    )
    return next((parts for rule in rules if (parts := rule(question))), [])


def _clauses(question: str) -> list[str]:
    """Its clauses, where each of them asks something, else the whole."""
    if not any(map(str.isalnum, question)):
        return []
    pattern, asks = (_CLAUSE_ZH, _ASKS_ZH) if has_cjk(question) else (_CLAUSE_EN, rf"\b(?:{_ASKS_EN})\b")
    clauses = [clause.strip() for clause in pattern.split(question) if clause.strip()]
    is_asked = all(re.search(asks, clause, re.IGNORECASE) for clause in clauses)
    return clauses if len(clauses) > 1 and is_asked else [question]


def _compared_zh(question: str) -> list[str]:
    found = _COMPARE_ZH.match(question) or _DIFFER_ZH.match(question)
    if found is None:
        return []
    of = found["of"] or ""
    return [_with(item, f"的{of}" if of else "") for item in _items(found["items"], _ITEMS_ZH)]


def _each_zh(question: str) -> list[str]:
    found = _EACH_ZH.match(question)
    if found is not None:
        of, rest = found["of"] or "", found["rest"]
        items = _items(found["items"], _ITEMS_ZH)
        return [f"{_with(item, of)}{rest}" for item in items] or [
            f"{item}{rest}" for item in _items(found["items"] + of, _ITEMS_ZH)
        ]
    found = _LIST_ZH.match(question)
    return [f"{item}{found['rest']}" for item in _items(found["items"], _ITEMS_ZH)] if found is not None else []


def _with(item: str, of: str) -> str:
    """住宿 + 的标准, but 住宿标准 as it is."""
    return item if of and item.endswith(of[1:]) else item + of


def _compared_en(question: str) -> list[str]:
    found = _COMPARE_EN.match(question) or _DIFFER_EN.match(question)
    if found is None:
        return []
    of = found["of"] or found["of2"] or ""
    return [f"{of} of {item}" if of else item for item in _items(found["items"], _ITEMS_EN)]


def _listed_en(question: str) -> list[str]:
    found = _LIST_EN.match(question)
    return [f"{found['head']}{item}" for item in _items(found["items"], _ITEMS_EN)] if found is not None else []


def _items(text: str, joint: re.Pattern[str]) -> list[str]:
    """The items of an enumeration; none if it is not one."""
    items = [item.strip() for item in joint.split(text) if item.strip()]
    are_names = all(len(item) <= _MOST_CJK if has_cjk(item) else len(item.split()) <= _MOST_WORDS for item in items)
    return items if len(items) > 1 and are_names else []
