"""Where the terms that a question matched stand in a text. Pure; for every door that shows passages."""

import functools
import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection
from typing import Final

# What a sentence or a line ends with.
_BEGINNING: Final = re.compile(r"[。！？；\n]|[.!?;]\s+")
# Of words between spaces.
_LETTER: Final = re.compile(r"[A-Za-z0-9_]")
_LETTERS: Final = re.compile(r"[A-Za-z0-9_]{0,24}")


def highlights(text: str, matched: Collection[str]) -> list[tuple[int, int]]:
    """Where the matched terms (folded, stemmed, character pairs) stand in the text: sorted, apart, (start, end)."""
    return joined([(a, b) for a, b, _ in occurrences(text, matched)])


def occurrences(text: str, matched: Collection[str]) -> list[tuple[int, int, str]]:
    """Every matched term in the text, in its order: (start, end, term as it is compared)."""
    from qianxun import text as matching  # compiles large patterns, which help and lists do not need

    terms = frozenset(matched)
    longer = any(len(t) > 1 and matching.has_cjk(t) for t in terms)
    marks: list[tuple[int, int, str]] = []
    for run in _runs().finditer(text):
        if not matching.has_cjk(run.group()):
            folded = matching.fold(run.group())
            term = folded if folded in terms else next((w for w in matching.words(folded) if w in terms), None)
            if term is not None:
                marks.append((*run.span(), term))
            continue
        # Folded one by one, so that places stay places; a pair is then two neighbours.
        folded = "".join(map(_folded, run.group()))
        for i in range(len(folded)):
            if folded[i : i + 2] in terms and i + 1 < len(folded):
                marks.append((run.start() + i, run.start() + i + 2, folded[i : i + 2]))
            elif folded[i] in terms and (not longer or len(folded) == 1):
                marks.append((run.start() + i, run.start() + i + 1, folded[i]))
    return marks


@functools.lru_cache(32_768)
def _folded(character: str) -> str:
    """A character as it is compared, one for one."""
    from qianxun import text as matching

    return (matching.fold(character) or character)[0]


@functools.cache
def _runs() -> re.Pattern[str]:
    from qianxun.text import CJK

    return re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")


def joined(marks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges without what lies in another or touches it, in order."""
    found: list[tuple[int, int]] = []
    for a, b in sorted(marks):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


def excerpt(text: str, matched: Collection[str], most: int) -> tuple[int, int]:
    """The part of a text, of at most about `most` characters, that holds most of the matched terms: (start, end).

    It begins where a sentence or a line does, if one begins nearby, and cuts no word. Where nothing matched it is the
    beginning.
    """
    if len(text) <= most:
        return 0, len(text)
    marks = occurrences(text, matched)
    lead = most // 4
    best, start = 0, 0
    begins, n_terms = [a for a, _, _ in marks], len({term for _, _, term in marks})
    for first, a in enumerate(begins):
        until = a + most - lead
        within = {term for _, b, term in marks[first : bisect_left(begins, until)] if b <= until}
        if len(within) > best:
            best, start = len(within), a
        if best == n_terms:
            break
    if start <= lead:
        start = 0
    else:
        begun = [found.end() for found in _BEGINNING.finditer(text, start - lead, start)]
        start = begun[0] if begun else _whole_word(text, start - lead // 2)
    end = min(len(text), start + most)
    return start, end if end == len(text) else _whole_word(text, end)


def _whole_word(text: str, at: int) -> int:
    """This place, or the end of the word that it is in; words that are longer than most are cut."""
    if at == 0 or _LETTER.match(text, at - 1) is None:
        return at
    found = _LETTERS.match(text, at)
    return found.end() if found is not None else at


def known_by(words: str) -> str:
    """Eight digits by which cited words are known again; white space does not count."""
    return hashlib.sha256("".join(words.split()).encode("utf-8", "replace")).hexdigest()[:8]
