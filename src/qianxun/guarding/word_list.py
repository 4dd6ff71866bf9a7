"""Word lists as people write them: a line each, in UTF-8.

    # a comment
    敏感词
    trade secret | warn
    内部代号X7 | block
    * | warn                  whatever follows without an action of its own is warned of; until then it is masked

The bar may be full width. An entry that begins with # is written with a full-width ＃: both mean the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from qianxun.errors import SettingsError
from qianxun.guarding.letters import letters

Action: TypeAlias = Literal["warn", "mask", "block"]
# From the mildest to the strictest.
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
DEFAULT_ACTION: Final[Action] = "mask"
LONGEST_ENTRY: Final = 200  # letters
_MAX_BYTES: Final = 16_000_000
_EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class Entry:
    """A word or a few that are looked for, as somebody wrote them, and what is done where they stand."""

    text: str
    action: Action = DEFAULT_ACTION


def read_word_list(path: Path) -> tuple[Entry, ...]:
    """The entries of a file, in its order. Raises SettingsError naming the file, the line and what stands there."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unusable(path, f"{path.stat().st_size:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(
            "{path}, line {line}: this is not UTF-8.",
            remedy="Save the word list as UTF-8.",
            path=path,
            line=content.count(b"\n", 0, error.start) + 1,
        ) from error
    return tuple(parsed(text, path))


def parsed(text: str, name: object) -> Iterator[Entry]:
    """The entries of a list's text; `name` is what errors call it."""
    usual: Action = DEFAULT_ACTION
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        written, bar, after = (part.strip() for part in line.replace("｜", "|").rpartition("|"))
        action = next((known for known in ACTIONS if after.lower() == known), None)
        if bar and action is None:
            raise SettingsError(
                "{path}, line {line}: {text!r} is no action.",
                remedy="Write block, mask or warn behind the bar.",
                path=name,
                line=number,
                text=after[:80],
            )
        if not bar:
            written = after
        if written == _EVERYTHING and action:
            usual = action
            continue
        if not 0 < len(letters(written, symbols=True).text) <= LONGEST_ENTRY:
            raise SettingsError(
                "{path}, line {line}: {text!r} cannot be looked for.",
                remedy="Write one entry of at most {most} letters.",
                path=name,
                line=number,
                text=written[:80],
                most=LONGEST_ENTRY,
            )
        yield Entry(written, action or usual)


def _unusable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        "The word list {path} cannot be read ({reason}).",
        remedy="Name a text file in UTF-8, or take it out of the settings.",
        path=path,
        reason=reason,
    )
