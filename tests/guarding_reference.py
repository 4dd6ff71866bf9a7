"""What finding words means, slowly: every entry is tried at every character, one character after the other."""

import unicodedata
from collections.abc import Sequence

from qianxun.guarding.letters import Kind, is_spaced, kind, one_form
from qianxun.guarding.word_list import Entry

JOINERS = "-‐‑–·•・'’_"
BLANK = {Kind.SPACE, Kind.LINE_END}


def found(text: str, entries: Sequence[Entry]) -> set[tuple[int, int, str]]:
    """(start, end, letters of the entry) of every place."""
    return {
        (start, end, form)
        for entry in entries
        for exact, form, joints in [written(entry.text)]
        for start in range(len(text))
        for end in [end_of(text, start, form, joints, exact=exact)]
        if end is not None
    }


def written(entry: str) -> tuple[bool, str, set[int]]:
    """Whether an entry has symbols of its own, its letters (with these), and where it has spaces or joiners."""
    exact = False
    for i, c in enumerate(entry):
        if kind(c) in (Kind.SYMBOL, Kind.STOP):
            inside = 0 < i < len(entry) - 1 and {kind(entry[i - 1]), kind(entry[i + 1])} == {Kind.LETTER}
            if not inside or c not in JOINERS or entry[i - 1].isdecimal() or entry[i + 1].isdecimal():
                exact = True
    form, joints = "", set()
    for c in entry:
        if kind(c) == Kind.SPACE or (c in JOINERS and not exact):
            joints.add(len(form))
        else:
            form += letters_of(c, exact=exact)
    return exact, form, joints


def letters_of(character: str, *, exact: bool) -> str:
    return "".join(c for c in one_form(character) if exact or kind(c) == Kind.LETTER)


def end_of(text: str, start: int, form: str, joints: set[int], *, exact: bool) -> int | None:
    """Where the entry that begins at this character ends, if it does."""
    matched, place, gaps, gap = 0, start, {}, ""
    if not letters_of(text[start], exact=exact):
        return None
    while matched < len(form):
        if place == len(text):
            return None
        here = letters_of(text[place], exact=exact)
        if not here:
            gap += text[place]
        elif form.startswith(here, matched):
            if matched:
                gaps[matched] = gap
            gap, matched = "", matched + len(here)
        else:
            return None
        place += 1
    if len(form) != matched or not fits(form, gaps, joints, n_characters=sum(1 for _ in gaps) + 1):
        return None
    before = neighbour(text[max(0, start - 64) : start][::-1])
    after = neighbour(text[place : place + 64])
    if after and (unicodedata.category(after).startswith("M") or 0x1160 <= ord(after) <= 0x11FF):
        return None
    if before and one_form(before) and goes_on(form[0], one_form(before)[-1]):
        return None
    if after and one_form(after) and goes_on(form[-1], one_form(after)[0]):
        return None
    return place


def fits(form: str, gaps: dict[int, str], joints: set[int], *, n_characters: int) -> bool:
    seen = {k: [kind(c) for c in gap if kind(c) != Kind.UNSEEN] for k, gap in gaps.items()}
    if any(len(gap) > 64 for gap in gaps.values()) or any(len(each) > 3 for each in seen.values()):
        return False
    spelt = len(form) >= 3 and n_characters == len(form) and all(seen.values())
    for k, kinds in seen.items():
        left, right, joint, long = form[k - 1], form[k], k in joints, len(form) >= 6
        if not kinds:
            continue
        if left.isdecimal() and right.isdecimal() and not long and not joint:
            return False
        if spelt:
            continue
        if (is_spaced(left) or left.isdecimal()) and (is_spaced(right) or right.isdecimal()):
            if BLANK & set(kinds) and (Kind.STOP in kinds or not (joint or long)):
                return False
        elif Kind.STOP in kinds or (Kind.LINE_END in kinds and not joint):
            return False
    return True


def neighbour(characters: str) -> str:
    return next((c for c in characters if kind(c) != Kind.UNSEEN), "")


def goes_on(edge: str, beside: str) -> bool:
    if is_spaced(edge):
        return is_spaced(beside)
    return edge.isdecimal() and (beside.isdecimal() or is_spaced(beside))
