"""`qianxun info`: what is in the knowledge base, which models made it, and what is in force."""

import argparse
from collections.abc import Mapping
from typing import Any

from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.cli.words import shown_bytes, shown_seconds
from qianxun.messages import say
from qianxun.shapes import info_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the facts."""
    with session.open() as base:
        info = base.info()
    if session.as_json:
        session.print_json(info_shape(info))
    else:
        session.out.pairs(facts_of(info_shape(info)))
    return 0


def facts_of(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Piece]]:
    """Nested facts as names and values: `indexes.dense.chunks`, `1,234`. Names are those of the JSON."""
    rows: list[tuple[str, Piece]] = []
    for key, value in facts.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += facts_of(value, f"{name}.") or [(name, say("none"))]
        else:
            rows.append((name, _in_words(key, value)))
    return rows


def _in_words(key: str, value: Any) -> str:
    if value is None or value == "" or value == [] or value == ():
        return say("none")
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if "bytes" in key and isinstance(value, int | float):
        return shown_bytes(value)
    if "seconds" in key and isinstance(value, int | float):
        return shown_seconds(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
