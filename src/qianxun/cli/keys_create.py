"""`qianxun keys create`: a key for somebody, to these documents, until then."""

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from qianxun.cli.keys import opened, record, show_secret
from qianxun.cli.session import Session, labels_of
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.storage.keys import ACTIONS, USUAL, Grant, Key, Keys

# Of the knowledge bases that there are.
_SHOWN: Final = 10
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def description() -> str:
    """What help says at the top."""
    return say(
        "Makes a key and prints its secret, once. It opens documents labelled `public` unless --label names others; it "
        "may search, ask, read and give feedback unless --may says otherwise."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `keys create`."""
    parser.add_argument("name", metavar="NAME", help=say("whose it is"))
    parser.add_argument(
        "--label", metavar="LABEL", action="append", default=[], help=say("documents with this label; may be repeated")
    )
    parser.add_argument("--all-documents", action="store_true", help=say("every document, whatever its labels"))
    parser.add_argument(
        "--base", metavar="NAME", action="append", default=[], help=say("only this knowledge base; may be repeated")
    )
    parser.add_argument(
        "--may",
        metavar="ACTION",
        action="append",
        default=[],
        help=say("only these: {actions}", actions=", ".join(ACTIONS)),
    )
    parser.add_argument("--admin", action="store_true", help=say("everything"))
    parser.add_argument(
        "--until", metavar="WHEN", help=say("when it ends: a day as 2027-01-31, or a time from now as 90d, 12h")
    )
    parser.add_argument(
        "--requests-per-minute", type=int, default=0, metavar="N", help=say("most requests in a minute (default: any)")
    )
    parser.add_argument(
        "--tokens-per-day", type=int, default=0, metavar="N", help=say("most tokens in a day (default: any)")
    )
    parser.add_argument(
        "--streams", type=int, default=0, metavar="N", help=say("most answers at a time (default: any)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Makes the key."""
    if args.admin and (args.label or args.base or args.may or args.all_documents):
        raise InputError("--admin is everything.", remedy="Leave --label, --base, --may and --all-documents out.")
    if args.all_documents and args.label:
        raise InputError("--all-documents and --label contradict each other.", remedy="Leave one out.")
    limits = (args.requests_per_minute, args.tokens_per_day, args.streams)
    if min(limits) < 0:
        raise InputError("A limit of {n} cannot be kept.", remedy="Give 1 or more; 0 is no limit.", n=min(limits))
    if args.admin:
        grant = Grant(None, None, frozenset(ACTIONS), *limits)
    else:
        labels = None if args.all_documents else frozenset(labels_of(args.label) or ["public"])
        may = [one.strip() for text in args.may for one in text.split(",") if one.strip()]
        grant = Grant(labels, frozenset(labels_of(args.base)) or None, frozenset(may or USUAL), *limits)
    notes = _of_bases(session, sorted(grant.bases or ()))
    with opened(session) as keys:
        key, secret = keys.create(args.name, grant, expires=moment_of(args.until) if args.until else None)
        record(session, keys, "keys.create", key)
        notes += _of_namesakes(keys, key)
    show_secret(session, key, secret)
    for note in notes:
        session.note(note)
    return 0


def _of_bases(session: Session, names: Sequence[str]) -> list[str]:
    """What is to be said of knowledge bases that are not there: they may be made later, or be misspelled."""
    if not names:
        return []
    from qianxun.service.bases import Bases

    known = Bases(session.settings).names()
    missing = [name for name in names if name not in known]
    shown = say(", ").join((*known[:_SHOWN], *(["…"] if len(known) > _SHOWN else ())))
    return [
        say(
            "There is no knowledge base {name}; the key opens it as soon as there is. There are: {known}.",
            name=name,
            known=shown,
        )
        if known
        else say("There is no knowledge base {name}; the key opens it as soon as there is.", name=name)
        for name in missing
    ]


def _of_namesakes(keys: Keys, key: Key) -> list[str]:
    """What is to be said where others of this name hold: the new one may have been meant to replace them."""
    now = datetime.now(UTC)
    ids = [one.id for one in keys.all() if one.name == key.name and one.id != key.id and one.holds(now)]
    if not ids:
        return []
    if len(ids) == 1:
        return [say("{name} has another key that holds: `qianxun keys revoke {id}` ends it.", name=key.name, id=ids[0])]
    return [
        say(
            "{name} has {n} other keys that hold: {ids}. `qianxun keys revoke ID` ends one.",
            name=key.name,
            n=len(ids),
            ids=say(", ").join(ids),
        )
    ]


def moment_of(text: str) -> datetime:
    """`90d`, `12h` from now; the end of a day as `2027-01-31`, on this machine's clock. Raises InputError."""
    span = seconds_of(text)
    if span is not None:
        return datetime.now(UTC) + span
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=1), time()).astimezone()
    except (ValueError, OverflowError) as error:
        raise InputError("{text!r} is no moment.", remedy="Write 2027-01-31, 90d or 12h.", text=text) from error


def seconds_of(text: str) -> timedelta | None:
    """`90d`, `12h`, `30m`, `2w` as a time span; None for anything else."""
    form = re.fullmatch(r"(\d{1,5})([mhdw])", text.strip())
    return timedelta(**{_UNITS[form[2]]: int(form[1])}) if form else None
