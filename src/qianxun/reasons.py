"""Stored reasons in the reader's language.

The store keeps why a document failed as an English sentence, because whoever reads it later may read
another language. The sentence was made from templates whose translations are known; here the
templates are found again.
"""

import functools
import importlib
import re
from collections.abc import Mapping

from qianxun.messages import language, say

# A template with fewer fixed letters than this ("{file}: {reason}") would match anything.
_FIXED_LETTERS = 8
_FIELD = re.compile(r"\{(\w+)[^{}]*\}")


def reason_of_the_file(source: str, reason: str) -> str:
    """Why a file was not read, for where it is named already: its path is left out."""
    flat = reason_in_words(" ".join(reason.split()))
    for colon in (": ", "："):
        flat = flat.removeprefix(f"{source}{colon}")
    if source not in flat:
        return flat
    space = "" if language() == "en" else " ?"  # between Han characters there is none
    said = re.sub(f"{space}{re.escape(source)}{space}", lambda _: say("the file"), flat)
    return said[0].upper() + said[1:]


def reason_in_words(reason: str) -> str:
    """An English message, with or without its remedy, in the reader's language; as it is when it is not known.

    Values in it that are words themselves ("a PNG image") are translated too.
    """
    if language() == "en" or not reason:
        return reason
    catalogue: Mapping[str, str] = importlib.import_module(f"qianxun.languages.{language()}").MESSAGES
    best: tuple[int, str] = 0, reason
    # A message alone would also match, with its remedy as the end of its last value: most fixed letters win.
    for end in (len(reason), *(m.end() for m in re.finditer(r"\.(?= )", reason))):
        message = _translated(reason[:end], catalogue)
        remedy = _translated(reason[end:].strip(), catalogue) if end < len(reason) else (0, "")
        if message is not None and remedy is not None and message[0] + remedy[0] > best[0]:
            best = message[0] + remedy[0], message[1] + remedy[1]
    return best[1]


def _translated(sentence: str, catalogue: Mapping[str, str]) -> tuple[int, str] | None:
    """How many letters of the sentence's template are fixed, and its translation."""
    best: tuple[int, str] | None = None
    for template, translation in catalogue.items():
        letters = sum(c.isalpha() for c in _FIELD.sub("", template))
        if letters < _FIXED_LETTERS or (best is not None and letters <= best[0]):
            continue
        values = _values(sentence, template)
        if values is not None:
            values = {name: catalogue.get(value, value) for name, value in values.items()}
            best = letters, _FIELD.sub(lambda field, known=values: known[field[1]], translation)  # type: ignore[misc]
    return best


def _values(sentence: str, template: str) -> dict[str, str] | None:
    found = _pattern(template).fullmatch(sentence)
    return None if found is None else found.groupdict()


@functools.cache  # of every template: a page asks for many reasons
def _pattern(template: str) -> re.Pattern[str]:
    pattern, place = "", 0
    seen: set[str] = set()
    for field in _FIELD.finditer(template):
        pattern += re.escape(template[place : field.start()])
        pattern += f"(?P={field[1]})" if field[1] in seen else f"(?P<{field[1]}>.+?)"
        seen.add(field[1])
        place = field.end()
    return re.compile(pattern + re.escape(template[place:]), re.DOTALL)
