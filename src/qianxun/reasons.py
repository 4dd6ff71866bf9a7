"""Stored reasons in the reader's language.

The store keeps why a document failed as an English sentence, because whoever reads it later may read
another language. The sentence was made from templates whose translations are known; here the
templates are found again.
"""

import functools
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from qianxun.messages import language, say

# A template with fewer fixed letters than this ("{file}: {reason}") would match anything.
_FIXED_LETTERS = 8
_FIELD = re.compile(r"\{(\w+)[^{}]*\}")
# Names of files are anybody's words: how long it takes to look for templates in them must not be theirs to say. What is
# longer stays as it is, and a remedy has no more sentences.
_MOST_CHARS = 1000
_MOST_SENTENCES = 12
# What to do, as a command or a request of a program.
_OF_PROGRAMS = re.compile(r"`|/api/|/v1/|openapi|curl|--|\b(?:GET|POST|PUT|PATCH|DELETE) /")
# Stands for the name of the file while the sentence around it is looked for.
_THE_FILE = "\ue000"


@dataclass(frozen=True, slots=True)
class _Template:
    """A message and its translation; how many of its letters are fixed, and what stands between its fields."""

    text: str
    translation: str
    letters: int
    fixed: tuple[str, ...]


def is_for_programs(remedy: str) -> bool:
    """Whether a remedy is of no use to who reads a page: a command, or a request of a program."""
    return _OF_PROGRAMS.search(remedy) is not None


def reason_of_the_file(source: str, reason: str) -> str:
    """Why a file was not read, for where it is named already: its path is left out."""
    named = re.sub(rf"(?<!\w){re.escape(source)}(?!\w)", _THE_FILE, reason) if source else reason
    flat = reason_in_words(" ".join(named.split()))
    for colon in (": ", "："):
        flat = flat.removeprefix(f"{_THE_FILE}{colon}")
    if _THE_FILE not in flat:
        return flat
    space = "" if language() == "en" else " ?"  # between Han characters there is none
    said = re.sub(f"{space}{_THE_FILE}{space}", lambda _: say("the file"), flat)
    return said[0].upper() + said[1:]


def reason_in_words(reason: str) -> str:
    """An English message, with or without its remedy, in the reader's language; as it is when it is not known.

    Values in it that are words themselves ("a PNG image") are translated too.
    """
    spoken = language()
    return reason if spoken == "en" or not reason or len(reason) > _MOST_CHARS else _in_words(reason, spoken)


@functools.lru_cache(maxsize=4096)  # a page asks for many, of which most say the same
def _in_words(reason: str, spoken: str) -> str:
    best: tuple[int, str] = 0, reason
    # A message alone would also match, with its remedy as the end of its last value: most fixed letters win.
    sentences = [found.end() for found in re.finditer(r"\.(?= )", reason)]
    for end in (len(reason), *sentences[-_MOST_SENTENCES:]):
        remedy = _translated(reason[end:].strip(), spoken) if end < len(reason) else (0, "")
        message = _translated(reason[:end], spoken) if remedy is not None else None
        if message is not None and remedy is not None and message[0] + remedy[0] > best[0]:
            best = message[0] + remedy[0], message[1] + remedy[1]
    return best[1]


def _translated(sentence: str, spoken: str) -> tuple[int, str] | None:
    """How many letters of the sentence's template are fixed, and its translation."""
    catalogue = _catalogue(spoken)
    for one in _templates(spoken):
        if not all(part in sentence for part in one.fixed):
            continue
        found = _pattern(one.text).fullmatch(sentence)
        if found is not None:
            values = {name: catalogue.get(value, value) for name, value in found.groupdict().items()}
            return one.letters, _FIELD.sub(lambda field, known=values: known[field[1]], one.translation)  # type: ignore[misc]
    return None


def _catalogue(spoken: str) -> Mapping[str, str]:
    messages: Mapping[str, str] = importlib.import_module(f"qianxun.languages.{spoken}").MESSAGES
    return messages


@functools.cache
def _templates(spoken: str) -> tuple[_Template, ...]:
    """Those that say enough to be known again; of which more is fixed first."""
    found = []
    for text, translation in _catalogue(spoken).items():
        fixed = tuple(part for part in _FIELD.sub("\0", text).split("\0") if part)
        letters = sum(c.isalpha() for part in fixed for c in part)
        if letters >= _FIXED_LETTERS:
            found.append(_Template(text, translation, letters, fixed))
    return tuple(sorted(found, key=lambda one: -one.letters))


@functools.cache  # of every template that was ever needed
def _pattern(template: str) -> re.Pattern[str]:
    pattern, place = "", 0
    seen: set[str] = set()
    for field in _FIELD.finditer(template):
        pattern += re.escape(template[place : field.start()])
        pattern += f"(?P={field[1]})" if field[1] in seen else f"(?P<{field[1]}>.+?)"
        seen.add(field[1])
        place = field.end()
    return re.compile(pattern + re.escape(template[place:]), re.DOTALL)
