"""Tuned values in a knowledge base's `kb.toml`, each marked, so that they can be taken out again. Pure, texts only.

    [search]
    dense_weight = 0.4  # qianxun tune
    # before qianxun tune: dense_weight = 0.35

What stood there before is kept in a comment; every other line, and every comment, stays as it is.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.settings import to_toml

_MARK: Final = "# qianxun tune"
_BEFORE: Final = "# before qianxun tune: "
_HEADER: Final = re.compile(r"^\s*\[\s*([\w.-]+)\s*\]\s*(#.*)?$")
_KEY: Final = re.compile(r"^\s*([\w-]+)\s*=")


def tuned_text(text: str, values: Mapping[str, Any], path: str = "kb.toml") -> str:
    """The file with these values (`section.key` → value) in force. What an earlier run wrote is replaced.

    Raises SettingsError where the file is written so that no line can be put in.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    lines = text.splitlines()
    for section, of_section in sections.items():
        lines = _with(lines, section, of_section)
    found = "\n".join(lines).strip("\n") + "\n"
    _refuse_lost(found, sections, text, path)
    return found


def untuned_text(text: str) -> tuple[str, list[str]]:
    """The file as it was before, and the keys (`section.key`) that were taken out."""
    kept: list[str] = []
    gone: list[str] = []
    section = ""
    for line in text.splitlines():
        header, key = _HEADER.match(line), _KEY.match(line)
        section = header[1] if header else section
        if key and line.rstrip().endswith(_MARK):
            gone.append(f"{section}.{key[1]}")
        elif line.startswith(_BEFORE):
            kept.append(line.removeprefix(_BEFORE))
        else:
            kept.append(line)
    return "\n".join(_without_empty(kept, {key.partition(".")[0] for key in gone})).strip("\n") + "\n", gone


def as_lines(values: Mapping[str, Any]) -> str:
    """The values as lines of a settings file, by section."""
    sections: dict[str, list[str]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, []).append(f"{name} = {to_toml(value)}")
    return "\n\n".join("\n".join([f"[{section}]", *lines]) for section, lines in sections.items())


def _with(lines: list[str], section: str, values: Mapping[str, Any]) -> list[str]:
    start = next((i for i, line in enumerate(lines) if (at := _HEADER.match(line)) and at[1] == section), None)
    if start is None:
        lines = [*lines, *([""] if lines and lines[-1].strip() else []), f"[{section}]"]
        start = len(lines) - 1
    end = next((i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")), len(lines))
    body: list[str] = []
    for line in lines[start + 1 : end]:
        key = _KEY.match(line)
        if not key or key[1] not in values:
            body.append(line)
        elif not line.rstrip().endswith(_MARK):
            body.append(f"{_BEFORE}{line.strip()}")
    written = [f"{name} = {to_toml(value)}  {_MARK}" for name, value in values.items()]
    return [*lines[: start + 1], *written, *body, *lines[end:]]


def _without_empty(lines: list[str], sections: set[str]) -> list[str]:
    """The lines without the headers of those sections in which nothing is left."""
    found: list[str] = []
    for i, line in enumerate(lines):
        header = _HEADER.match(line)
        if header and header[1] in sections:
            rest = next((other for other in lines[i + 1 :] if other.strip()), "[")
            if rest.lstrip().startswith("["):
                continue
        found.append(line)
    return found


def _refuse_lost(text: str, sections: Mapping[str, Mapping[str, Any]], before: str, path: str) -> None:
    try:
        found = tomllib.loads(text)
        whole = all(found.get(s, {}).get(key) == value for s, of in sections.items() for key, value in of.items())
    except (tomllib.TOMLDecodeError, AttributeError):
        whole = False
    if not whole:
        raise SettingsError(
            "{path} is written so that the values cannot be put in.",
            remedy="Give each of {sections} its own [section], one key a line, and run the command again.",
            path=path,
            sections=", ".join(sections),
        )
