"""How long the name of a question set may be: it is the name of a file, and disks count bytes. Knows no disk."""

from typing import Final

from qianxun.errors import InputError

# A disk takes 255. What stands behind the name fits too: `-draft`, `.v12`, the ending, what a file has while it is
# written; and so does the frozen set's name where a service is told of it.
MAX_NAME_BYTES: Final = 192
# Of UTF-8, for a Chinese character.
_BYTES: Final = 3
_SHOWN_CHARS: Final = 20


def refuse_long(name: str) -> None:
    """Raises InputError for a name that no new set may have: it says how much of it would fit."""
    coded = name.encode("utf-8", "surrogatepass")
    if len(coded) > MAX_NAME_BYTES:
        raise InputError(
            "The name {name} is too long for a question set.",
            remedy="It may have {signs} Chinese characters or {letters} letters; the first {n} of yours fit.",
            name=f"{name[:_SHOWN_CHARS]}…",
            signs=MAX_NAME_BYTES // _BYTES,
            letters=MAX_NAME_BYTES,
            # A character that is cut is none.
            n=len(coded[:MAX_NAME_BYTES].decode("utf-8", "ignore")),
        )
