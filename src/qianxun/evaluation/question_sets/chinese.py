"""Chinese sentences turned into questions: the figure, date or person is replaced by the word that asks for it.

工作满一年的员工每年有五天年假。 → 工作满一年的员工每年有多少天年假？ Pure.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figures import figures, spelled
from qianxun.text import CJK, fold

Asked: TypeAlias = Literal["figure", "date", "person"]
# The clause that is asked about, with those before it in its sentence.
_MAX_STEM_CHARS: Final = 60
_MIN_STEM_CHARS: Final = 6
# What stands before a sentence without being part of what it says.
LEADING = re.compile(
    r"^(?:其中|同时|同時|此外|另外|但是?|而且|并且|並且|因此|所以|例如|比如|如|即|则|則|并|並|且|也|还|還|另|凡)[，,、:：]?"
    r"|^[(（]?[一二三四五六七八九十\d]{1,2}[)）.、．]\s*|^第[一二三四五六七八九十百零〇\d]+[条條款项項][ 　:：]*"
    r"|^[-*•·]\s*"
)
_OURSELVES = re.compile(
    r"^本(办法|辦法|制度|规定|規定|合同|条例|條例|手册|手冊|协议|協議|标准|標準|指南|规范|規範|产品|產品|公司|项目|項目)"
)
_BEGINS_POINTING = re.compile(r"^(?:该|該|此|其|这|這|那|上述|前款|前述|以上|以下|如下|它|他|她|我们|我們|您|你)")
_BY_ZH = re.compile(
    r"由(?P<who>[^，,。；;、的由于於]{2,12}?)(?P<does>统一|統一|负责|負責|审批|審批|审核|審核|批准|核准|管理|保管|承担|承擔|支付|组织|組織|制定|解释|解釋|"
    r"调整|調整|签署|簽署|签发|簽發|发布|發布|主持|执导|執導|主演|提供|确认|確認)"
)
_CJK_END = re.compile(rf"[{CJK}]\s*$")
_OF_A_RANGE = re.compile(r"[\d点點分日号號月年时時%]\s*[至到~～—–-]\s*$")
_LIMITED = re.compile(r"(?:以[上下内內外]|之[内內])的[^有为為是须須应應由需可不]+$")
_TO_THE_END = re.compile(r"\s*[至到~～—–-]\s*\d")


def asked_of(text: str, *, title: str, topic: str) -> Iterator[tuple[Asked, str, str]]:
    """What asks for each figure and date of a sentence, and for who does what: kind, question, answer.

    `title` is the document's, `topic` what the sentence is about: said where it stands alone without subject.
    """
    written = spelled(text)
    if len(written) == len(text):  # else the places of its figures are not known
        for figure in figures(written):
            word, kind = _asking_word(figure, text)
            if word:
                stem = _stem(text, *figure.core, word, title, topic)
                if stem:
                    yield kind, stem, text[slice(*figure.core)].strip()
    found = _BY_ZH.search(text)
    if found is not None:
        stem = _stem(text, found.start("who"), found.end("who"), "谁", title, topic)
        if stem:
            yield "person", stem, found["who"]


def _asking_word(figure: Figure, text: str) -> tuple[str, Asked]:
    """What asks for a figure in its place; "" for one that is not asked for."""
    said = text[slice(*figure.core)]
    if figure.kind == "date":
        year, month, day = figure.value.split("-")
        word = "哪一天" if day != "?" else "哪一年" if month == "?" else "哪个月" if year == "?" else "哪年哪月"
        return word, "date"
    if figure.kind == "time":
        return "几点", "date"
    if figure.kind != "number" or figure.unit == "ordinal":
        return "", "figure"
    if figure.unit == "%":
        return "百分之多少", "figure"
    unit = re.sub(r"^[\s\-−\d,，.．０-９零〇一二两三四五六七八九十百千万萬亿億兩]+", "", said)
    if unit == "日" and text[: figure.core[0]].rstrip().endswith("月"):
        return "几日", "date"
    return (f"多少{unit}", "figure") if unit else ("", "figure")


def _stem(text: str, start: int, end: int, word: str, title: str, topic: str) -> str:
    """The clause around what is asked for, with the clauses before it, as a question that stands by itself."""
    stop = min((i for i in (text.find(mark, end) for mark in "，,。；;！!") if i >= 0), default=len(text))
    begin = 0
    while stop - begin > _MAX_STEM_CHARS:
        comma = min((i for i in (text.find(mark, begin, start) for mark in "，,；;：:") if i >= 0), default=-1)
        if comma < 0:
            return ""
        begin = comma + 1
    before, after = text[begin:start], text[end:stop]
    if _CJK_END.search(before):  # no space is written between Chinese words
        before, after = before.rstrip(), after.lstrip()
    # Half of 9:00至18:00; 超过两天的 and 500元以上的报销, which only say what the next clause speaks of.
    of_what = (after.endswith("的") and "是" not in before) or _LIMITED.match(after)
    if of_what or _OF_A_RANGE.search(before) or _TO_THE_END.match(after):
        return ""
    while (shorter := LEADING.sub("", before, count=1).lstrip()) != before:
        before = shorter
    if title and _OURSELVES.match(before):
        before = _OURSELVES.sub(lambda found: "" if found[1] == "公司" else f"《{title}》", before)
    if _BEGINS_POINTING.match(before) or "\n" in text[begin:stop] or sum(map(text[begin:stop].count, "()（）")) % 2:
        return ""
    stem = f"{before}{word}{after}".strip()
    # What is left out before it, and a clause without subject: said by what the passage is about.
    if begin or sum(c.isalnum() for c in before) < 3:
        if not topic or len(topic) > 30:
            return ""
        if fold(topic) not in fold(stem):
            stem = f"关于{topic}，{stem}"
    return f"{stem}？" if len(stem) >= _MIN_STEM_CHARS else ""
