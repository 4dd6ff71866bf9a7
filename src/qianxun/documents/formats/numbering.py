"""Automatic numbers of Word paragraphs, written out: a contract's "第三条" is often not in its text."""

from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DIGITS = "零一二三四五六七八九"
_CHINESE = frozenset(
    {"chineseCounting", "chineseCountingThousand", "ideographTraditional", "japaneseCounting", "taiwaneseCounting",
     "taiwaneseCountingThousand", "ideographDigital"}
)  # fmt: skip


class Numbering:
    """Counts along with Word. One object reads one document, from its beginning."""

    def __init__(self, document: Any) -> None:
        self.abstract_of: dict[str, str] = {}
        self.levels: dict[str, dict[int, tuple[str, str, int]]] = {}  # abstract → level → format, text, start
        self.counts: dict[str, dict[int, int]] = {}
        self.by_style: dict[str, tuple[str, int]] = {}
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError, AttributeError):
            return
        for abstract in root.iter(f"{_W}abstractNum"):
            self.levels[abstract.get(f"{_W}abstractNumId")] = {
                int(level.get(f"{_W}ilvl") or 0): (
                    _value(level, "numFmt", "decimal"),
                    _value(level, "lvlText", ""),
                    int(_value(level, "start", "1")),
                )
                for level in abstract.findall(f"{_W}lvl")
            }
        for num in root.findall(f"{_W}num"):
            self.abstract_of[num.get(f"{_W}numId")] = _value(num, "abstractNumId", "")
        for style in document.styles.element.iter(f"{_W}style"):
            found = style.find(f"{_W}pPr/{_W}numPr")
            if found is not None:
                number = _value(found, "numId", "")
                self.by_style[style.get(f"{_W}styleId") or ""] = (number, int(_value(found, "ilvl", "0")))

    def next_for(self, paragraph: Any, style: str) -> str:
        """The number or bullet before this paragraph, with a space after it, or ""; counts it."""
        own = paragraph.find(f"{_W}pPr/{_W}numPr")
        number, level = self.by_style.get(style, ("", 0))
        if own is not None:
            number = _value(own, "numId", number)
            level = int(_value(own, "ilvl", str(level)))
        abstract = self.abstract_of.get(number)
        levels = self.levels.get(abstract or "", {})
        if abstract is None or level not in levels:
            return ""
        shape, text, start = levels[level]
        if shape == "bullet":
            return "- "
        counts = self.counts.setdefault(abstract, {})
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        if shape == "none":
            return ""
        for other in range(level + 1):
            other_shape, _, other_start = levels.get(other, ("decimal", "", 1))
            text = text.replace(f"%{other + 1}", written_number(counts.get(other, other_start), other_shape))
        return f"{text} " if text else ""


def _value(element: Any, name: str, default: str) -> str:
    found = element.find(f"{_W}{name}")
    value = found.get(f"{_W}val") if found is not None else None
    return default if value is None else str(value)


def written_number(n: int, shape: str) -> str:
    """A number of a list as its shape (a value of ST_NumberFormat, ECMA-376 17.18.59) wants it."""
    if shape in _CHINESE:
        return chinese_number(n)
    if shape in ("lowerLetter", "upperLetter"):
        letter = chr(ord("a") + (n - 1) % 26) * ((n - 1) // 26 + 1)
        return letter if shape == "lowerLetter" else letter.upper()
    if shape in ("lowerRoman", "upperRoman"):
        roman = _roman(n)
        return roman.lower() if shape == "lowerRoman" else roman
    if shape.startswith("decimalEnclosedCircle") and 1 <= n <= 20:
        return chr(0x2460 + n - 1)
    return f"{n:02d}" if shape == "decimalZero" else str(n)


def chinese_number(n: int) -> str:
    """1 to 9999 as counted in Chinese: 十一, 一百零二; other numbers as digits.

    >>> chinese_number(11), chinese_number(102), chinese_number(20)
    ('十一', '一百零二', '二十')
    """
    if not 0 < n < 10_000:
        return str(n)
    text = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // unit % 10
        if digit:
            text += _DIGITS[digit] + name
        elif text and not text.endswith("零") and n % unit:
            text += "零"
    return text.removeprefix("一") if text.startswith("一十") else text


def _roman(n: int) -> str:
    text = ""
    for value, letters in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
        (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        text += letters * (n // value)
        n %= value
    return text
