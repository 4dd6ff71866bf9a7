"""What the commands about the audit share: which rows, and a day or time as people write it."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from qianxun.cli.session import readable
from qianxun.errors import InputError
from qianxun.messages import say

_AGO = re.compile(r"(\d{1,5})([hd])")


def add_selection(parser: argparse.ArgumentParser, *, action: bool = True) -> None:
    """`--since`, `--until`, `--who`, `--action`: which rows. The common `--kb` counts too: rows of that base."""
    parser.add_argument(
        "--since", metavar="WHEN", help=say("only from then on: 2026-03-18, 2026-03-18T09:30 (UTC), 7d or 12h ago")
    )
    parser.add_argument("--until", metavar="WHEN", help=say("only before then"))
    parser.add_argument("--who", metavar="ID", help=say("only of this caller, as in key:3f9a1c2e"))
    if action:
        parser.add_argument(
            "--action", metavar="NAME", help=say("only this action, or all of a kind: documents.add, or documents")
        )


def selection_of(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments for `Audit.rows` and `report`. Raises InputError for a time that cannot be read."""
    chosen = {
        "since": None if args.since is None else moment(args.since),
        "until": None if args.until is None else moment(args.until),
        "who": readable(args.who or ""),
        "kb": readable(args.kb or ""),
    }
    return chosen | ({"action": readable(args.action or "")} if hasattr(args, "action") else {})


def moment(text: str, now: datetime | None = None) -> datetime:
    """A day, a time (UTC unless it says otherwise), or how long ago. Raises InputError."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            hours = int(ago[1]) * (24 if ago[2] == "d" else 1)
            return (now or datetime.now(UTC)) - timedelta(hours=hours)
        found = datetime.fromisoformat(text.strip())
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            "{text!r} is no time.", remedy="Write 2026-03-18, 2026-03-18T09:30, 7d or 12h.", text=text[:100]
        ) from error
