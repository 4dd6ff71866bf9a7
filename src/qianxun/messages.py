"""What people read, in their language. Ground: knows no command and no document.

Every sentence for a person is written once, in English, as a `str.format` template, and that template
is the key of its translation in `qianxun/languages/<code>.py`. The language is set once, by a door,
from the settings or the locale; a test checks that every template in the code has a translation.
Logs and JSON keys stay English.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "zh")

_catalogue: Mapping[str, str] = {}
_language = "en"


def language_of_locale(environ: Mapping[str, str] | None = None) -> str:
    """ "zh" when the first locale variable that is set names Chinese, else "en" (POSIX order)."""
    values = os.environ if environ is None else environ
    for key in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = values.get(key)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def set_language(code: str) -> None:
    """Makes `say` speak this language. Unknown codes speak English."""
    global _catalogue, _language
    _language = code if code in LANGUAGES else "en"
    _catalogue = {} if _language == "en" else importlib.import_module(f"qianxun.languages.{_language}").MESSAGES


def language() -> str:
    """The code of the language spoken now."""
    return _language


def say(template: str, /, **values: object) -> str:
    """The template in the reader's language, filled in."""
    translated = _catalogue.get(template, template)
    return translated.format(**values) if values else translated


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
