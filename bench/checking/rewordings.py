"""The same in another writing, shorter, in another order or with other function words; None where a way does not apply.

Each keeps what a sentence says. Made by rules of its own, which share nothing with those of the checker.
"""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from bench.checking.sources import Source, language_of
from qianxun.answering.pieces import cells, pieces

_MONTHS: Final = "January February March April May June July August September October November December".split()
_SMALL: Final = "zero one two three four five six seven eight nine ten eleven twelve".split()
_HAN: Final = "零一二三四五六七八九"
_MEASURES: Final = r"个工作日|个月|小时|分钟|个|天|次|年|周|名|人|台|份|倍"
_TO_FULL: Final = str.maketrans("0123456789%", "０１２３４５６７８９％")
# What can stand for what in a sentence of this kind; the first fits the second wherever it stands.
_FUNCTION_WORDS: Final = (
    (r"不得(?!超过|少于|低于|大于|小于|高于|超過)", "不能|不可以|不准"),
    (r"(?<![必无無])须(?!知)", "必须|需要|应当"),
    (r"(?<![无無必])必须", "须|应当"),
    (r"(?<![一-鿿]供)(?<![反响相对适])应(?=[于在先向由按填从])", "应当|须"),
    (r"(?<!书面)(?<=[一-鿿])(?<!不)可(?=[在申用自选免通享补])", "可以"),
    ("按照|依照", "按"),
    ("每次", "一次"),
    ("不超过", "最多为|不多于"),
    ("至少", "最少|不少于"),
    ("不少于", "至少"),
    ("不大于", "不超过"),
    ("低于", "小于"),
    ("超过", "多于|大于"),
    ("以内", "之内"),
    ("之前", "以前"),
    ("进行", "做"),
    ("并且|，并(?=[一-鿿]{2})", "，而且"),
    ("以及|、", "和"),
    ("每年(?![^，。]{0,8}月)", "一年"),
    ("逾期", "过期"),
    ("(?<![人平月日年])均", "都"),
    ("不予", "不"),
    ("本人", "自己"),
    ("所有|全部", "全部"),
    ("由于|因为", "因"),
    ("如果|如(?=[有需未遇])", "若"),
    ("时，", "的时候，"),
    ("即可", "就可以"),
    (r"\bmust not\b", "may not|shall not"),
    (r"\bmust\b(?! not)", "has to|shall|needs to"),
    (r"\bcannot\b", "can not|can't"),
    (r"\bis not\b", "isn't"),
    (r"\bare not\b", "aren't"),
    (r"\bdo not\b", "don't"),
    (r"\bat least\b", "no less than|a minimum of"),
    (r"\bno more than\b", "at most"),
    (r"(?<!no )(?<!not )\bmore than\b", "over"),
    (r"\bup to\b", "at most"),
    (r"\bwithin\b", "in no more than"),
    (r"\bfor each\b|\bper\b", "for every"),
    (r"\bonly if\b", "only when"),
    (r"\bif\b", "when"),
    (r"\bsuch as\b", "like"),
    (r"\bmay\b(?! not)", "can"),
    (r"\bcan\b", "may"),
    (r"\bvia\b", "through"),
    (r"\bbecause of\b", "due to"),
    (r"\bdo not have to\b", "need not"),
    (r"\bshall\b", "must"),
)
_FRAMES: Final = {
    "zh": ("根据规定，{}", "文件指出，{}", "按照文件，{}", "文中写明：{}", "{}"),
    "en": ("According to the document, {}", "The document says that {}", "It is stated that {}", "{}"),
}
_UNFINISHED: Final = re.compile(r"(?:的|时|时候|后|前|内|起|者|如|若|为|於|于|則|时间|，)$")
_DEPENDENT: Final = re.compile(
    r"\s*(?:但|则|并|而|且|逾期|超过|超過|其中|也|还|否则|即|以|凭|且须|並|其|该|如|若|故|须|應|应|不|可|由|经|在|报|等|是|均|每|另|按|请|請|已|再|未|同|为|主要|直至|存放|最多|累计)"
)


def writing(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Other figures, dates and characters for the same: 三天 for 3 天, 2025-03-01 for 2025年3月1日, 繁體 for 简体."""
    ways = list(_zh_writings() if language_of(sentence) == "zh" else _en_writings())
    rng.shuffle(ways)
    changed, n = sentence, 0
    for way in ways:
        new = way(changed)
        if new != changed and n < rng.choice((1, 2, 3)):
            changed, n = new, n + 1
    return changed if n else None


def shortened(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Without a last clause or what stands in brackets."""
    options = [re.sub(r"（[^（）]*）|\s*\([^()]*\)", "", sentence)]
    if language_of(sentence) == "zh":
        for match in re.finditer(r"(?<!\d)[，；]|[，；](?!\d)", sentence):
            kept, left = sentence[: match.start()], sentence[match.end() :]
            if (
                len(kept) >= 10
                and not _UNFINISHED.search(kept)
                and len(left) > 2
                and left[0] not in "但除且不"
                and not kept.startswith(("如", "若", "当"))
            ):
                options.append(kept + "。")
    else:
        for match in re.finditer(r"; |, and (?=the |a |it |they )|, (?=which |but |while )", sentence):
            kept = sentence[: match.start()]
            if len(kept.split()) >= 5 and not re.match(
                r"(?:If|When|Before|After|For|In|On|At|While|To|Because)\b", kept
            ):
                options.append(kept + ".")
    options = [option for option in options if option != sentence]
    return rng.choice(options) if options else None


def reordered(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Its clauses, or the sentence and one after it, in another order."""
    options = []
    if language_of(sentence) == "zh":
        body = re.sub(r"^\s*\d{1,2}[.、](?!\d)\s*", "", sentence).rstrip("。；")
        parts = re.split("[，；]", body)
        if (
            len(parts) == 2
            and all(len(p) >= 6 for p in parts)
            and not _UNFINISHED.search(parts[0])
            and not _DEPENDENT.match(parts[1])
            and "如有" not in body
        ):
            options.append(f"{parts[1]}，{parts[0]}。")
        dated = re.match(
            r"(?P<s>[一-鿿]{2,8})(?P<when>(?:于|在|自)\s*\d{1,4}\s*[年月][^，。]{0,12}?(?:日|月(?!\s*\d)))(?P<rest>[^，。]{2,})",
            body,
        )
        if dated and not dated["rest"].startswith(("起", "前", "至", "以", "之", "后")):
            options.append(f"{dated['when']}，{dated['s']}{dated['rest']}{body[dated.end() :]}。")
    else:
        body = sentence.rstrip(".;")
        condition = re.match(r"(If|When|After|Before|Until)\s([^,]+), ([^,;]+)$", body)
        if condition:
            rest = condition[3].removeprefix("then ")
            options.append(f"{rest[:1].upper()}{rest[1:]} {condition[1].lower()} {condition[2]}.")
        time = re.match(r"(In|On|At|For|During) ([^,]+), ([^,;]+)$", body)
        if time:
            options.append(f"{time[3][:1].upper()}{time[3][1:]} {time[1].lower()} {time[2]}.")
        two = re.match(r"([^;,]+); ([^;,]+)$", body)
        if two and len(two[1].split()) > 3 and len(two[2].split()) > 3:
            options.append(f"{two[2][:1].upper()}{two[2][1:]}; {two[1][:1].lower()}{two[1][1:]}.")
    at = source.sentences.index(sentence)
    if at + 1 < len(source.sentences) and rng.random() < 0.4:
        following = source.sentences[at + 1]
        if language_of(following) == language_of(sentence) and len(following + sentence) < 160:
            options.append(f"{following}{'' if language_of(sentence) == 'zh' else ' '}{sentence}")
    return rng.choice(options) if options else None


def function_words(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Other function words (at most three), and perhaps a phrase before it that names the source."""
    options = [(pattern, new) for pattern, new in _FUNCTION_WORDS if re.search(pattern, sentence)]
    if not options:
        return None
    changed = re.sub(r"^\s*\d{1,2}[.、](?!\d)\s*", "", sentence)
    for pattern, new in rng.sample(options, min(len(options), rng.choice((1, 2, 3)))):
        if re.search(pattern, changed):
            changed = re.sub(pattern, rng.choice(new.split("|")), changed, count=1)
    frame = rng.choice(_FRAMES[language_of(sentence)])
    if frame != "{}" and language_of(sentence) == "en" and not changed[:2].isupper():
        changed = changed[:1].lower() + changed[1:]
    return frame.format(changed)


REWORDINGS: Final[dict[str, Callable[[str, Source, random.Random], str | None]]] = {
    "other writing": writing,
    "shortened": shortened,
    "reordered": reordered,
    "function words": function_words,
}


# -- tables ----------------------------------------------------------------------------------------------------------


def table(source: Source) -> tuple[list[str], list[list[str]]]:
    """The names of the columns of the passage's table, and its rows; nothing where there is none."""
    rows = [piece for piece in pieces(source.passage) if piece.row and piece.header]
    headers = {piece.header for piece in rows}
    if len(headers) != 1:
        return [], []
    return cells(headers.pop()), [cells(piece.text) for piece in rows]


def cells_said(source: Source, rng: random.Random) -> Iterator[str]:
    """Each cell of the passage's table as a sentence."""
    names, rows = table(source)
    for row in rows:
        for column in range(1, len(names)):
            if row[column]:
                yield cell_said(names, row[0], column, row[column], source.language)


def cell_said(names: list[str], row: str, column: int, value: str, language: str) -> str:
    """LF-200 的目录价为 5,680 元: the unit of a column's name goes after the value."""
    name = re.match(r"\s*(.*?)\s*(?:[（(](.*)[)）])?\s*$", names[column])
    assert name is not None
    unit = name[2] or ""
    if language == "zh":
        return f"{row}的{name[1]}为{value}{'' if not unit else unit if len(unit) < 3 else ' ' + unit}。"
    first, column_name = (text if any(map(str.isdigit, text)) else text.lower() for text in (names[0], name[1]))
    said = f"{value} {unit}".strip() if unit != "USD" else f"${value}"
    return f"The {column_name} of the {first} {row} is {said}."


# -- writing ---------------------------------------------------------------------------------------------------------


@cache
def _converter(way: str) -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC(way).convert
    return convert


def _han(number: int) -> str:
    if number < 10:
        return _HAN[number]
    tens, ones = divmod(number, 10)
    return ("" if tens == 1 else _HAN[tens]) + "十" + (_HAN[ones] if ones else "")


def _zh_writings() -> Iterator[Callable[[str], str]]:
    def numerals(text: str) -> str:
        return re.sub(
            rf"(?<![\d.\-–:：,/A-Za-z~至])(?<!至 )(\d{{1,2}}) ?(?={_MEASURES})(?!\s*年?[度代])",
            lambda m: ("两" if m[1] == "2" else _han(int(m[1]))) if int(m[1]) else m[0],
            text,
        )

    def digits(text: str) -> str:
        return re.sub(
            rf"(?<![一-鿿十百千])([二两三四五六七八九])(?={_MEASURES})",
            lambda m: "2" if m[1] == "两" else str(_HAN.index(m[1])),
            text,
        )

    def dates(text: str) -> str:
        iso = re.sub(
            r"(20\d\d)\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日",
            lambda m: f"{m[1]}-{int(m[2]):02d}-{int(m[3]):02d}",
            text,
        )
        if iso != text:
            return iso
        return re.sub(r"(20\d\d)-(\d\d)-(\d\d)", lambda m: f"{m[1]}年{int(m[2])}月{int(m[3])}日", text)

    def times(text: str) -> str:
        return re.sub(r"(?<![\d:])(\d{1,2}):00(?![\d:])", lambda m: f"{m[1]}点", text)

    yield numerals
    yield digits
    yield dates
    yield times
    yield lambda text: text.translate(_TO_FULL)
    yield lambda text: re.sub(r"(?<=\d),(?=\d{3})", "", text)
    yield lambda text: re.sub(r"(?<![\d.])(\d{1,2})%", lambda m: f"百分之{_han(int(m[1]))}", text)
    yield lambda text: _converter("s2t")(text)
    yield lambda text: _converter("t2s")(text)
    yield lambda text: re.sub(r"(?<=[一-鿿])\s(?=\d)|(?<=\d)\s(?=[一-鿿])", "", text)


def _en_writings() -> Iterator[Callable[[str], str]]:
    def digits(text: str) -> str:
        return re.sub(rf"\b(?:{'|'.join(_SMALL[2:])})\b", lambda m: str(_SMALL.index(m[0])), text)

    def in_words(text: str) -> str:
        return re.sub(
            r"(?<![\w.,:/\-–$€£])([2-9]|1[0-2])(?= [a-z]{3,})(?!\s(?:%|mm|bar|percent of))",
            lambda m: _SMALL[int(m[1])],
            text,
        )

    def dates(text: str) -> str:
        other = re.sub(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (20\d\d)\b", lambda m: f"{m[2]} {m[1]}, {m[3]}", text)
        if other != text:
            return other
        return re.sub(r"\b(20\d\d)-(\d\d)-(\d\d)\b", lambda m: f"{int(m[3])} {_MONTHS[int(m[2]) - 1]} {m[1]}", text)

    def iso(text: str) -> str:
        return re.sub(
            rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (20\d\d)\b",
            lambda m: f"{m[3]}-{_MONTHS.index(m[2]) + 1:02d}-{int(m[1]):02d}",
            text,
        )

    def times(text: str) -> str:
        return re.sub(
            r"(?<![\d:\-])(1[3-9]|2[0-3]):(\d\d)(?![:\d])",
            lambda m: f"{int(m[1]) - 12}:{m[2]} pm" if m[2] != "00" else f"{int(m[1]) - 12} pm",
            text,
        )

    yield digits
    yield in_words
    yield dates
    yield iso
    yield times
    yield lambda text: re.sub(r"(?<=\d),(?=\d{3})", "", text)
    yield lambda text: re.sub(r"(?<![\d,\-])(\d)(\d{3})(?!\d|-)(?= [a-z])", r"\1,\2", text)
    yield lambda text: re.sub(r"(?<=\d) ?%", " percent", text)
    yield lambda text: re.sub(r"\b(\d[\d,.]*) dollars\b", r"$\1", text)
    yield lambda text: text.replace("'", "’").replace(" - ", " – ")
    yield lambda text: text.rstrip(".;")
