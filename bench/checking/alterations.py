"""Planted mistakes: a sentence of a passage → one that says something else, by kind; None where a kind does not apply.

Each is made by rules of its own, which share nothing with those of the checker. Knows no checker.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from bench.checking.names import KINDS
from bench.checking.sources import Source, language_of

_HAN_NUMERALS: Final = "一二三四五六七八九十"
_ENGLISH_NUMBERS: Final = "two three four five six seven eight nine ten eleven twelve fourteen fifteen twenty".split()
_HAN_MEASURED = re.compile(
    rf"(?<![第星期周週{_HAN_NUMERALS}百千])[二三四五六七八九十](?=[天日年月周週次名人台份版]|个|個|小时|小時|分钟|級|级)"
)
_ENGLISH_NUMBER = re.compile(rf"\b(?:{'|'.join(_ENGLISH_NUMBERS)})\b")
# Not in dates, times, codes, nor the number of a section.
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_.:：/,\-–@#第年月])(?<![年月] )(?:\d{1,3}(?:,\d{3})+(?![\w,])|"
    r"\d+(?:\.\d+)?(?![\d.:：/\-–A-Za-z])(?!\s*[年月号號時时点]|\s*日(?:前|止|起|至|之前)|\.\d))"
)
_CODE = re.compile(r"(?<![\w\-])[A-Za-z]{1,5}[\-‑]\d{1,5}[A-Za-z]?(?![\w\-])|(?<![\w.])\d+\.\d+\.\d+(?![\w.])")
_MONTHS: Final = "January February March April May June July August September October November December".split()
_WEEKDAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_UNITS: Final = (
    "个工作日|个自然日|個工作天|天|个月|個月|周|小时|小時|分钟|分鐘|秒|年",
    "元|美元|欧元|港元",
    "%|‰",
    "公里|米|厘米|毫米|千米",
    "平方米|立方米",
    "GB|MB|TB",
    "bar|kPa",
    "V|kV",
    "mA|A",
    "m³/h|L/h",
    "working days|calendar days|days|hours|weeks|months|years|minutes|seconds",
    "day|hour|week|month|year|minute|second",
    "euros|dollars|pounds|yen",
    "kilometres|metres|miles|centimetres",
    "kilometre|metre|mile",
    "percent|per mille",
    "litres|gallons",
    "square metres|square feet",
)
_LIMITS: Final = (
    ("不超过", "不少于"),
    ("不得超过", "不得少于"),
    ("不大于", "不小于"),
    ("不低于", "不高于"),
    ("不少于", "不超过"),
    ("至少", "至多"),
    ("最多", "最少"),
    ("最长", "最短"),
    ("最短", "最长"),
    ("以上", "以下"),
    ("以下", "以上"),
    ("以内", "以上"),
    ("超过", "低于"),
    ("低于", "超过"),
    ("满", "未满"),
    ("及以上", "及以下"),
    ("不足", "超过"),
    ("少于", "多于"),
    ("为限", "起"),
    ("之前", "之后"),
    ("日前", "日后"),
    ("以后", "以前"),
    ("上限", "下限"),
    ("至多", "至少"),
    ("以內", "以上"),
    ("超過", "低於"),
    ("不得超過", "不得少於"),
    ("最長", "最短"),
    ("以後", "以前"),
    ("at least", "at most"),
    ("at most", "at least"),
    ("more than", "less than"),
    ("less than", "more than"),
    ("no more than", "no less than"),
    ("up to", "at least"),
    ("not exceed", "not fall below"),
    ("before", "after"),
    ("after", "before"),
    ("above", "below"),
    ("below", "above"),
    ("longer than", "shorter than"),
    ("within", "after"),
    ("or later", "or earlier"),
    ("or more", "or less"),
    ("older than", "younger than"),
    ("fewer than", "more than"),
    ("maximum", "minimum"),
    ("minimum", "maximum"),
    ("until", "from"),
    ("by no more than", "by at least"),
)
_NEGATION_DROPPED: Final = (
    ("不得(?!超过|少于|低于|大于|小于|高于|超過)", "可以"),
    ("不(?=予|接受|支持|提供|包括|享受|受影响|召回|需要|承担|影響)", ""),
    ("不能", "能"),
    ("不可(?!逆|抗)", "可以"),
    ("不必|无须|無須|无需|不用", "须"),
    ("未经", "经"),
    ("未(?=[进進开開报按说])", "已"),
    ("没有(?!无)|沒有", "有"),
    ("禁止|严禁", "允许"),
    ("不再", "仍"),
    ("不(?=[含需看])", ""),
    ("不(?=[接重])", ""),
    ("拒绝", "同意"),
    (r"\bmust not\b", "must"),
    (r"\bmay not\b(?! exceed)", "may"),
    (r"\bcannot\b", "can"),
    (r"\b(is|are|was|were) not\b", r"\1"),
    (r"\b(does|do|did|will|shall|should) not\b", r"\1"),
    (r"\bnever\b", "always"),
    (r"\bno longer\b", "still"),
    (r"\bNo (?!more|less|later|fewer|earlier)(?=[a-z])", "Some "),
    (r"\bno (?!more|less|later|fewer|earlier)(?=[a-z])", "some "),
    (r"\bwithout\b", "with"),
    (r"\bforbidden\b", "allowed"),
    (r"\bNobody\b", "Everybody"),
    (r"\bNever\b", "Always"),
    (r"\bDo not\b", "Always"),
)
_NEGATION_ADDED: Final = (
    ("(?<![不无無必])必须", "不必"),
    ("(?<![不无無必])须(?!知)", "无须"),
    ("(?<![不无無必])須(?!知)", "無須"),
    ("(?<![不响反适相对供适])应(?=[于在当先向由按填])", "不应"),
    ("(?<![不许认])可以", "不可以"),
    ("(?<![不许认])可(?=[在申用自选免通])", "不可"),
    ("(?<![不])支持", "不支持"),
    ("(?<!不)包括", "不包括"),
    ("(?<!不)(?<!据)由(?=[一-鿿]{2,8}(?:承担|负责|审批|批准|確認|确认|校验|管理))", "不由"),
    ("(?<![没沒])有(?=权|權)", "无"),
    ("(?<!不)提供", "不提供"),
    ("(?<!不)接受", "不接受"),
    ("(?<!不)适用于", "不适用于"),
    ("(?<!不)采用", "不采用"),
    ("(?<!不)需要", "不需要"),
    (r"\bmust\b(?! not)", "need not"),
    (r"\bmay\b(?! not)", "may not"),
    (r"\bcan\b(?! not)", "cannot"),
    (r"\b(is|are|was|were)\b(?! not| no)", r"\1 not"),
    (r"\b(will|shall|should)\b(?! not)", r"\1 not"),
    (r"\bincludes\b", "does not include"),
    (r"\brequires\b", "does not require"),
    (r"\baccepts\b", "does not accept"),
    (r"\breceive\b", "do not receive"),
    (r"\bsupports\b", "does not support"),
    (r"\bpays\b", "does not pay"),
)
_JOINED = re.compile(r"^(?:[\s、，,/]|和|与|與|及|或|以及|and|or|a|an|the)*$")


def number(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Another number: digits that changed places, one more, ten times as much."""

    def other(text: str) -> str:
        if text in _HAN_NUMERALS:
            return rng.choice([n for n in _HAN_NUMERALS[1:] if n != text])
        if not text[0].isdigit():
            return rng.choice([n for n in _ENGLISH_NUMBERS if n != text.lower()])
        value = text.replace(",", "")
        digits = [c for c in value if c.isdigit()]
        ways = [
            str(int(float(value)) + rng.choice((1, 2, 3, 5, 10)) if "." not in value else round(float(value) + 0.3, 2))
        ]
        if len(set(digits)) > 1 and "." not in value and digits[-1] != "0":
            ways.append(value[:-2] + value[-1] + value[-2])
        ways.append(value + "0" if "." not in value else value.replace(".", "", 1).lstrip("0"))
        chosen = rng.choice([way for way in ways if way != value] or [f"{value}1"])
        return f"{int(chosen):,}" if "," in text else chosen

    return _with_one(_figures_of(sentence), sentence, lambda match: other(match[0]), rng)


def number_of_another_sentence(sentence: str, source: Source, rng: random.Random) -> str | None:
    """A number that the passage has in another sentence, counting the same."""
    theirs = [
        (match[0], other[match.end() : match.end() + 2].strip()[:1])
        for other in source.sentences
        if other != sentence
        for match in _figures_of(narrow(other))
    ]
    fits = []
    for match in _figures_of(sentence):
        after = sentence[match.end() : match.end() + 2].strip()[:1]
        fits += [
            (match, value) for value, unit in theirs if unit == after and value != match[0] and value not in sentence
        ]
    if not fits:
        return None
    match, value = rng.choice(fits)
    return sentence[: match.start()] + value + sentence[match.end() :]


def unit(sentence: str, source: Source, rng: random.Random) -> str | None:
    """The same number of something else."""
    found = []
    for row in _UNITS:
        units = row.split("|")
        alike = [u for u in units if (language_of(u) == language_of(sentence)) or not u.isalpha() or len(u) < 4]
        for mine in sorted(units, key=len, reverse=True):
            before = (
                rf"(?<=\d)(\s*)|(?<=\b(?:one|two|six|ten))(\s)|(?<=[{_HAN_NUMERALS}])()"
                if mine[0].isascii()
                else r"(?<=[\d一二三四五六七八九十])(\s*)"
            )
            end = r"(?![A-Za-z³])" if mine[0].isascii() else "(?!内瓦)"
            for match in re.finditer(rf"(?:{before}){re.escape(mine)}{end}", sentence):
                if mine == "年" and re.search(r"(?:19|20)\d\d\s*$", sentence[: match.start()]):
                    continue
                if any(a <= match.start() < b for a, b, _ in found):
                    continue
                others = [u for u in alike if u != mine and mine not in u and u not in mine and not _same_time(u, mine)]
                if others:
                    start = match.end() - len(mine)
                    found.append((start, match.end(), rng.choice(others)))
    if not found:
        return None
    start, end, new = rng.choice(found)
    return sentence[:start] + new + sentence[end:]


def _same_time(one: str, other: str) -> bool:
    """True for a unit in simplified and in traditional characters."""
    return {one, other} in (
        {"小时", "小時"},
        {"个月", "個月"},
        {"分钟", "分鐘"},
        {"个工作日", "個工作天"},
        {"公里", "千米"},
        {"天", "个自然日"},
    )


def date(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Another day, month, year, day of the week, or time of the day."""
    patterns: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"(?<=月)(\s*)(\d{1,2})(?=\s*[日号號])", lambda m: m[1] + _other_than(int(m[2]), 28, rng)),
        (r"(?<!\d)(\d{1,2})(?=\s*月(?!以|内))", lambda m: _other_than(int(m[1]), 12, rng)),
        (r"(?<!\d)(20\d\d)(?=\s*年)", lambda m: str(int(m[1]) + rng.choice((-2, -1, 1, 2)))),
        (r"(?<!\d)(20\d\d)-(\d\d)-(\d\d)", lambda m: f"{m[1]}-{m[2]}-{int(_other_than(int(m[3]), 28, rng)):02d}"),
        (rf"\b(\d{{1,2}})(?= (?:{'|'.join(_MONTHS)})\b)", lambda m: _other_than(int(m[1]), 28, rng)),
        (rf"\b({'|'.join(_MONTHS)})\b(?= \d|\b)", lambda m: rng.choice([x for x in _MONTHS if x != m[1]])),
        (rf"\b({'|'.join(_WEEKDAYS)})(?=s?\b)", lambda m: rng.choice([x for x in _WEEKDAYS if x != m[1]])),
        (r"(?<=[周週])([一二三四五六])(?![年期])", lambda m: rng.choice([x for x in "一二三四五六" if x != m[1]])),
        (r"(?<=星期)([一二三四五六])", lambda m: rng.choice([x for x in "一二三四五六" if x != m[1]])),
        (r"(?<![\d:：])(\d{1,2})(?=[:：]\d\d)", lambda m: _other_than(int(m[1]), 23, rng)),
    ]
    options = [(match, new) for pattern, new in patterns for match in re.finditer(pattern, sentence)]
    if not options:
        return None
    match, new = rng.choice(options)
    return sentence[: match.start()] + new(match) + sentence[match.end() :]


def code(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Another model, error code or version."""

    def other(match: re.Match[str]) -> str:
        digits = list(re.finditer(r"\d", match[0]))
        at = rng.choice(digits).start()
        return match[0][:at] + str((int(match[0][at]) + rng.randint(1, 8)) % 10) + match[0][at + 1 :]

    return _with_one(list(_CODE.finditer(sentence)), sentence, other, rng)


def limit(sentence: str, source: Source, rng: random.Random) -> str | None:
    """At most in place of at least, after in place of before."""
    if not (re.search(r"\d", sentence) or _HAN_MEASURED.search(sentence) or _ENGLISH_NUMBER.search(sentence)):
        return None
    found: list[tuple[int, int, str]] = []
    for old, new in sorted(_LIMITS, key=lambda pair: -len(pair[0])):
        pattern = rf"\b{old}\b" if old.isascii() else f"(?<![不未年]){old}" if old[0] not in "不" else old
        for match in re.finditer(pattern, sentence):
            near = re.search(
                r"\d|[一二三四五六七八九十]|\b(?:one|two|three|four|five|six|eight|ten|twenty)\b",
                sentence[max(0, match.start() - 8) : match.end() + 12],
            )
            if near and not any(a < match.end() and match.start() < b for a, b, _ in found):
                found.append((match.start(), match.end(), new))
    if not found:
        return None
    start, end, new = rng.choice(found)
    return sentence[:start] + new + sentence[end:]


def entity_swapped(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Two names of the sentence that have changed places, unless they only stand in a list."""
    found = []
    for row in KINDS:
        places = sorted((m.start(), m.end()) for name in row for m in re.finditer(_name(name), sentence))
        for n, (start, end) in enumerate(places):
            for next_start, next_end in places[n + 1 :]:
                between = sentence[end:next_start]
                for name in row:
                    between = between.replace(name, "")
                different = sentence[start:end] != sentence[next_start:next_end]
                if next_start >= end and different and not _JOINED.match(between):
                    found.append((start, end, next_start, next_end))
    if not found:
        return None
    start, end, next_start, next_end = rng.choice(found)
    first, second = sentence[start:end], sentence[next_start:next_end]
    return sentence[:start] + second + sentence[end:next_start] + first + sentence[next_end:]


def entity_replaced(sentence: str, source: Source, rng: random.Random) -> str | None:
    """Another name or thing in the place of one; half of the time one that the passage has elsewhere, if it does."""
    found = []
    for row in KINDS:
        for name in row:
            for match in re.finditer(_name(name), sentence):
                others = [other for other in row if other not in sentence]
                here = [other for other in others if other in source.passage.text]
                if others:
                    found.append((match, rng.choice(here if here and rng.random() < 0.5 else others)))
    if not found:
        return None
    match, new = rng.choice(found)
    return sentence[: match.start()] + new + sentence[match.end() :]


def negation_dropped(sentence: str, source: Source, rng: random.Random) -> str | None:
    """What was denied is affirmed."""
    return _rewritten(_NEGATION_DROPPED, sentence, rng)


def negation_added(sentence: str, source: Source, rng: random.Random) -> str | None:
    """What was affirmed is denied."""
    if re.search(r"[不未无無沒没]|\b(?:not|no|never|cannot|without|neither|nobody)\b", sentence, re.IGNORECASE):
        return None
    return _rewritten(_NEGATION_ADDED, sentence, rng)


ALTERATIONS: Final[dict[str, Callable[[str, Source, random.Random], str | None]]] = {
    "number": number,
    "number of another sentence": number_of_another_sentence,
    "unit": unit,
    "date or time": date,
    "code": code,
    "limit": limit,
    "entity swapped": entity_swapped,
    "entity replaced": entity_replaced,
    "negation dropped": negation_dropped,
    "negation added": negation_added,
}


def cells_mixed(source: Source, rng: random.Random) -> Iterator[str]:
    """Statements of a table's cells with the value of another row or of another column."""
    from bench.checking.rewordings import cell_said, table

    names, rows = table(source)
    for row in rows:
        for column in range(1, len(names)):
            values = [r[column] for r in rows if r[column] != row[column]]
            values += [
                v
                for n, v in enumerate(row[1:], 1)
                if n != column and v != row[column] and v[:1].isdigit() == row[column][:1].isdigit()
            ]
            if values and row[column]:
                yield cell_said(names, row[0], column, rng.choice(values), source.language)


def narrow(text: str) -> str:
    """The text with figures and letters of half width, so that they can be found; punctuation stays as it is."""
    return re.sub(
        "(?<=[０-９0-9])[．：，](?=[０-９])|[０-９Ａ-Ｚａ-ｚ％]",
        lambda match: unicodedata.normalize("NFKC", match[0]),
        text,
    )


# -- helpers ---------------------------------------------------------------------------------------------------------


def _figures_of(sentence: str) -> list[re.Match[str]]:
    text_start = re.match(r"\s*(?:\d+(?:\.\d+)*[.、)]?\s|第[一-鿿]+条)", sentence)
    begin = text_start.end() if text_start else 0
    patterns = (_NUMBER, _HAN_MEASURED) if language_of(sentence) == "zh" else (_NUMBER, _ENGLISH_NUMBER)
    found = []
    for pattern in patterns:
        for match in pattern.finditer(sentence, begin):
            months = "|".join(_MONTHS)
            in_date = re.search(rf"(?:{months})\s*$", sentence[: match.start()]) or re.match(
                rf"\s*(?:{months})", sentence[match.end() :]
            )
            is_year = re.fullmatch(r"(?:19|20)\d\d", match[0]) is not None
            if not in_date and not is_year:
                found.append(match)
    return found


def _with_one(
    matches: list[re.Match[str]], sentence: str, new: Callable[[re.Match[str]], str], rng: random.Random
) -> str | None:
    if not matches:
        return None
    match = rng.choice(matches)
    return sentence[: match.start()] + new(match) + sentence[match.end() :]


def _other_than(value: int, most: int, rng: random.Random) -> str:
    return str(rng.choice([n for n in range(1, most + 1) if n != value]))


def _name(name: str) -> str:
    return rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)


def _rewritten(table: tuple[tuple[str, str], ...], sentence: str, rng: random.Random) -> str | None:
    options = [(match, new) for pattern, new in table for match in re.finditer(pattern, sentence)]
    if not options:
        return None
    match, new = rng.choice(options)
    changed = sentence[: match.start()] + match.expand(new) + sentence[match.end() :]
    return changed[:1].upper() + changed[1:] if sentence[:1].isupper() else changed
