"""What an answer may link to when it is shown: addresses that stand in what it cites, and nothing else.

A document can ask the model to put what it knows into an address: an image of that address is a request as soon as it
is rendered, a link one as soon as it is clicked. So no image is kept, and no link but to an address that the passages
have, letter for letter. The text is held safe for renderers of Markdown with or without HTML, and for those that make
links of bare addresses.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

# An address with its scheme, also with the slashes escaped, or one that begins with www.
_WRITTEN: Final = (
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:\\?/){2}|[Ww]{3}\.)"
    r"[^\s<>\"'`|\\^{}，。；、！？：（）「」『』【】《》“”‘’]*"
)
_ADDRESS: Final = re.compile(_WRITTEN)
# What renderers may make more of than text: an address; what begins a tag, a comment or a pointed address; a character
# written by its number or name; the end of a label where an address or a definition follows.
_ACTIVE: Final = re.compile(rf"(?P<address>{_WRITTEN})|<(?=[A-Za-z/!?])|&(?=#|[A-Za-z][A-Za-z0-9]{{1,31}};)|\](?=[(:])")
_ACTIVE_WITHIN: Final = re.compile(
    r":(?=(?:\\?/){2})|(?<=(?<![A-Za-z0-9])[Ww]{3})\.|&(?=#|[A-Za-z][A-Za-z0-9]{1,31};)|\](?=[(:])"
)
_CLICKABLE: Final = re.compile(r"https?://[!-~]+", re.IGNORECASE)
_AT_THE_END: Final = ".,;:!?*_~'\""
_OPENINGS: Final = {")": "(", "]": "["}
# [label](address "title"), with at most one pair of parentheses in the address; an image with a ! before it.
_LINK: Final = re.compile(
    r"(?P<image>!?)\[(?P<label>[^\[\]\n]{0,500})\]\(\s{0,3}"
    r"(?:<(?P<pointed>[^<>\n]{0,2000})>|(?P<plain>[^\s()<>]{0,2000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,2000})?))"
    r"(?:\s{1,3}(?:\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'))?\s{0,3}\)"
    r"|<(?P<alone>[A-Za-z][A-Za-z0-9+.-]{0,30}:[^\s<>]{0,2000})>"
)


def addresses(texts: Iterable[str]) -> frozenset[str]:
    """The addresses that stand in these texts, as they are written, without the punctuation behind them.

    Where letters of another script follow without a space, 见https://example.com/a的说明, it is not known where an
    address ends: both are among them.
    """
    found = {match[0] for text in texts for match in _ADDRESS.finditer(text)}
    return frozenset(_trimmed(address) for each in found for address in (each, _ascii(each)))


def safe_links(text: str, allowed: Collection[str]) -> str:
    """The text with links to allowed addresses only, and no image. For text that is whole, not for pieces of it.

    `[label](address)`, `<address>` and bare addresses stay if `allowed` has just this address (http or https); titles
    go. Others become plain text: `label (https：//example.com/…)`, with a full-width colon, and so do all images. Tags,
    comments, definitions of references and characters written by number or name are made such that no renderer reads
    more than text in them: `< img`, `] :`, `& #58;`. Done twice it changes nothing more.
    """
    parts, last = [], 0
    for found in _LINK.finditer(text):
        shown = _link(found, allowed)
        if shown is not None:
            parts += [_plain(text[last : found.start()], allowed), shown]
            last = found.end()
    return "".join([*parts, _plain(text[last:], allowed)])


def _link(found: re.Match[str], allowed: Collection[str]) -> str | None:
    """A link or image as it may be shown; None if it is to be treated as any text."""
    address = next(part for part in (found["alone"], found["pointed"], found["plain"]) if part is not None)
    may_stay = address in allowed and _CLICKABLE.fullmatch(address) is not None and _trimmed(address) == address
    if found["alone"] is not None:
        return found[0] if may_stay else None
    label = _plain(found["label"], ())
    if may_stay and not found["image"]:
        return f"[{label}]({address})"
    if found["image"] or _ADDRESS.search(address):
        return f"{label} ({_plain(address, ())})"
    return None


def _plain(text: str, allowed: Collection[str]) -> str:
    """Text of which nothing is a link but allowed bare addresses."""
    parts, last = [], 0
    while found := _ACTIVE.search(text, last):
        start, end = found.span()
        parts.append(text[last:start])
        if found["address"] is None:
            parts.append(f"{found[0]} ")
        else:
            written = found["address"]
            address = next((each for each in (_trimmed(written), _trimmed(_ascii(written))) if each in allowed), None)
            if address is None:
                parts.append(_ACTIVE_WITHIN.sub(_inert, written))
            else:
                end = start + len(address)
                parts += [address, " " if any(map(str.isalnum, written[len(address) :])) else ""]
        last = end
    return "".join([*parts, text[last:]])


def _inert(active: re.Match[str]) -> str:
    return {":": "：", ".": "．"}.get(active[0], f"{active[0]} ")


def _ascii(address: str) -> str:
    """The address up to the first letter of another script."""
    return re.match(r"[\x00-\x7f]*", address)[0]  # type: ignore[index]


def _trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it, and closing brackets that were opened before it."""
    surplus = {closing: address.count(closing) - address.count(opening) for closing, opening in _OPENINGS.items()}
    end = len(address)
    while end:
        last = address[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _AT_THE_END:
            break
        end -= 1
    return address[:end]
