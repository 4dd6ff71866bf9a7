"""Numbers in digits and in words, Chinese and English, as decimal text."""

import re

_HAN_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}
_HAN_MYRIADS = {"万": 10_000, "亿": 100_000_000}
HAN_NUMERAL = "[零〇一二三四五六七八九十百千两]"
DECIMAL = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_ENGLISH_ONES = {
    word: i
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_ENGLISH_TENS = {w: i * 10 for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
ENGLISH_WORD = "(?:" + "|".join([*_ENGLISH_TENS, *reversed(_ENGLISH_ONES), *_ENGLISH_SCALES]) + ")"
_NUMERAL = re.compile(rf"{HAN_NUMERAL}+")


def numerals(text: str) -> frozenset[str]:
    """The values of Chinese numerals, whatever they count: 八核 has eight, and 一般 one."""
    return frozenset(from_han(found) for found in _NUMERAL.findall(text))


def value_of(text: str) -> str:
    """A number in digits or in Chinese as decimal text."""
    return moved(text if text[0].isdigit() and text.isascii() else from_han(text), 0)


def moved(number: str, exponent: int) -> str:
    """Decimal text without separators, leading and trailing zeros, with the point moved to the right."""
    whole, _, fraction = number.replace(",", "").partition(".")
    fraction = fraction.ljust(exponent, "0")
    whole, fraction = whole + fraction[:exponent], fraction[exponent:].rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def from_han(numeral: str) -> str:
    """三百二十 → 320; 一万二千 → 12000; 二〇二五 → 2025; 三点五 → 3.5."""
    whole, _, fraction = numeral.partition("点")
    if any(c in _HAN_SCALES or c in _HAN_MYRIADS for c in whole):
        total, part, digit = 0, 0, 0
        for c in whole:
            if c in _HAN_MYRIADS:
                total, part, digit = total + (part + digit) * _HAN_MYRIADS[c], 0, 0
            elif c in _HAN_SCALES:
                part, digit = part + (digit or 1) * _HAN_SCALES[c], 0
            else:
                digit = _HAN_DIGITS[c]
        text = str(total + part + digit)
    else:
        text = "".join(str(_HAN_DIGITS[c]) for c in whole)
    return text + ("." + "".join(str(_HAN_DIGITS[c]) for c in fraction) if fraction else "")


def from_english(numeral: str) -> str:
    """Two hundred and five → 205."""
    total, part = 0, 0
    for word in re.split(r"[\s-]+", numeral.lower()):
        if word in _ENGLISH_SCALES:
            scale = _ENGLISH_SCALES[word]
            part = (part or 1) * scale
            if scale > 100:
                total, part = total + part, 0
        elif word != "and":
            part += _ENGLISH_ONES.get(word) or _ENGLISH_TENS.get(word) or 0
    return str(total + part)
