"""The user's file of what means the same: a line each.

    年假, 带薪休假, annual leave         each stands for each
    k8s => kubernetes                    only what stands before the arrow is also looked for as what follows it
    # a comment

Commas may be full width or 、; white space around expressions does not count, nor do case, width and traditional
characters. An expression in several lines means all of them.
"""

import re
from pathlib import Path
from typing import Final

from qianxun.errors import SettingsError
from qianxun.retrieval.expand import Synonyms
from qianxun.text import fold

_COMMA: Final = re.compile("[,，、]")
_ARROW: Final = re.compile("=>|->|→")
_MAX_BYTES: Final = 16_000_000


def read_synonyms(path: Path) -> Synonyms:
    """The synonyms of a file in UTF-8. Raises SettingsError naming file, line and what stands there."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unusable(path, f"{path.stat().st_size:,} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, getattr(error, "strerror", None) or str(error)) from error
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        before, *after = (_expressions(part) for part in _ARROW.split(line))
        if len(after) > 1 or not before or (after and not after[0]) or (not after and len(before) < 2):
            raise SettingsError(
                "{path}, line {line}: {text!r} names nothing that means the same.",
                remedy="Write `年假, annual leave`, or `k8s => kubernetes`.",
                path=path,
                line=number,
                text=line.strip()[:80],
            )
        for one in before:
            for other in after[0] if after else before:
                if other != one:
                    found.setdefault(one, {})[other] = None
    return Synonyms({one: tuple(others) for one, others in found.items()})


def _expressions(part: str) -> list[str]:
    return [" ".join(fold(text).split()) for text in _COMMA.split(part) if text.strip()]


def _unusable(path: Path, seen: str) -> SettingsError:
    return SettingsError(
        "search.synonyms_file {path} cannot be read ({error}).",
        remedy="Name a text file in UTF-8, or leave it empty.",
        path=path,
        error=seen,
    )
