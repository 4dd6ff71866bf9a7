"""What people read, in their language. Ground: knows no command and no document.

Every sentence for a person is written once, in English, as a `str.format` template, and that template
is the key of its translation in `qianxun/languages/<code>.py`. The language is set once, by a door,
from the settings or the locale; a page sets its reader's for the time of a request. A test checks that every
template in the code has a translation.
Logs and JSON keys stay English.
"""

import contextvars
import importlib
import os
import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

LANGUAGES: Final = ("en", "zh")

# Characters between which Chinese has no space: Han, kana, full-width signs and punctuation.
_WIDE: Final = r"[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
_GAP_AFTER: Final = re.compile(f" {_WIDE}")
_GAP_BEFORE: Final = re.compile(f"{_WIDE} $")
_BEGINS_CHINESE: Final = re.compile(_WIDE)
_ENDS_CHINESE: Final = re.compile(f"{_WIDE}$")
_FORMATTER: Final = string.Formatter()

_catalogue: Mapping[str, str] = {}
_language = "en"
# The language of one reader among several; None: that of the process.
_spoken: contextvars.ContextVar[str | None] = contextvars.ContextVar("qianxun_language", default=None)


def language_of_locale(environ: Mapping[str, str] | None = None) -> str:
    """ "zh" when the first locale variable that is set names Chinese, else "en" (POSIX order)."""
    values = os.environ if environ is None else environ
    for key in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = values.get(key)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def language_of_browser(accepted: str) -> str | None:
    """The first language of an Accept-Language header that we speak; None if there is none."""
    wishes = []
    for place, wish in enumerate(accepted.split(",")[:20]):
        tag, _, more = wish.strip().partition(";")
        try:
            weight = float(more.strip().removeprefix("q=") or 1.0)
        except ValueError:
            weight = 0.0
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES and weight > 0:
            wishes.append((-weight, place, code))
    return min(wishes)[2] if wishes else None


def set_language(code: str) -> None:
    """Makes `say` speak this language. Unknown codes speak English."""
    global _catalogue, _language
    _language = code if code in LANGUAGES else "en"
    _catalogue = _catalogue_of(_language)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """`say` speaks this language here and in what is called from here, whatever others speak at the same time."""
    token = _spoken.set(code if code in LANGUAGES else "en")
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """The code of the language spoken now."""
    return _spoken.get() or _language


def _catalogue_of(code: str) -> Mapping[str, str]:
    return {} if code == "en" else importlib.import_module(f"qianxun.languages.{code}").MESSAGES


def say(template: str, /, **values: object) -> str:
    """The template in the reader's language, filled in."""
    spoken = _spoken.get()
    translated = (_catalogue if spoken is None else _catalogue_of(spoken)).get(template, template)
    if not values:
        return translated
    return _without_gaps(translated, values) if spoken == "zh" else translated.format(**values)


def _without_gaps(template: str, values: Mapping[str, object]) -> str:
    """The template filled in, without the spaces beside a value that turned out to be Chinese.

    Templates set values apart, as Latin words and figures are in Chinese: `{name} 的设置`. What a value itself holds
    stays as it is.
    """
    parts: list[str] = []
    before = ""
    for literal, field, form, conversion in _FORMATTER.parse(template):
        if _GAP_AFTER.match(literal) and _ENDS_CHINESE.search(before):
            literal = literal[1:]
        if field is None:  # the end, or a brace that is one
            parts.append(literal)
            before = ""
            continue
        value, _ = _FORMATTER.get_field(field, (), values)
        before = str(_FORMATTER.format_field(_FORMATTER.convert_field(value, conversion), form or ""))
        if _GAP_BEFORE.search(literal) and _BEGINS_CHINESE.match(before):
            literal = literal[:-1]
        parts += [literal, before]
    return "".join(parts)


class Remark:
    """Something to be known of a result: a template and its values. `str()` is English, `in_words()` the reader's."""

    __slots__ = ("template", "values")

    def __init__(self, template: str, /, **values: object) -> None:
        self.template = template
        self.values = values

    def __str__(self) -> str:
        return self.template.format(**self.values)

    def __repr__(self) -> str:
        return f"Remark({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remark) and (self.template, self.values) == (other.template, other.values)

    def __hash__(self) -> int:
        return hash((self.template, str(self)))

    def in_words(self) -> str:
        """The remark in the reader's language."""
        return say(self.template, **self.values)
