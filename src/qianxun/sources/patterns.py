"""Ignore files: `.qianxunignore` in any folder, in the form of a `.gitignore`. Pure but for reading the file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FILE_NAME: Final = ".qianxunignore"


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of an ignore file. `shape` matches a path relative to the file's folder, with `/` between names."""

    shape: re.Pattern[str]
    ignores: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one folder's ignore file."""

    folder: Path
    rules: tuple[Rule, ...]

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """True if the path is to be left out, False if it is not after all, None if no rule speaks of it."""
        relative = path.relative_to(self.folder).as_posix()
        for rule in reversed(self.rules):  # the last one that fits decides
            if (is_folder or not rule.folders_only) and rule.shape.fullmatch(relative):
                return rule.ignores
        return None


def read_rules(folder: Path) -> Rules | None:
    """The rules of this folder's ignore file; None if it has none, or it cannot be read."""
    try:
        lines = (folder / FILE_NAME).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return None
    return Rules(folder, tuple(rules_of(lines)))


def is_ignored(path: Path, known: Sequence[Rules], *, is_folder: bool) -> bool:
    """Whether the rules of the folders around a path leave it out; the innermost folder that speaks of it decides."""
    for rules in reversed(known):
        verdict = rules.verdict(path, is_folder=is_folder)
        if verdict is not None:
            return verdict
    return False


def rules_of(lines: Iterable[str]) -> Iterable[Rule]:
    """The rules in the lines of an ignore file; blank lines and comments are none."""
    for line in lines:
        pattern = re.sub(r"(?<!\\)\s+$", "", line)
        if not pattern or pattern.startswith("#"):
            continue
        ignores = not pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        folders_only = pattern.endswith("/")
        pattern = pattern.rstrip("/")
        if not pattern:
            continue
        anchored = "/" in pattern
        anywhere = "" if anchored else "(?:.*/)?"
        pattern = pattern.removeprefix("/")
        try:
            shape = re.compile(anywhere + _translated(pattern))
        except re.error:  # a range that runs backwards: then it is a name
            shape = re.compile(anywhere + re.escape(pattern))
        yield Rule(shape, ignores, folders_only)


def _translated(pattern: str) -> str:
    """A pattern as a regular expression: `*` and `?` stop at `/`, `**` does not."""
    found, i = "", 0
    while i < len(pattern):
        rest = pattern[i:]
        if rest.startswith("**/") and (i == 0 or pattern[i - 1] == "/"):
            found, i = f"{found}(?:.*/)?", i + 3
        elif rest == "**" and found.endswith("/"):
            found, i = f"{found}.*", i + 2
        elif rest[0] == "*":
            found, i = f"{found}[^/]*", i + 1
        elif rest[0] == "?":
            found, i = f"{found}[^/]", i + 1
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inner = rest[1:end].replace("\\", "\\\\")
            inner = f"^{inner[1:]}" if inner[0] == "!" else inner
            found, i = f"{found}[{inner}]", i + end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            found, i = found + re.escape(rest[1]), i + 2
        else:
            found, i = found + re.escape(rest[0]), i + 1
    return found
