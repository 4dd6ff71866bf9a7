"""`qianxun keys`: who may call the service, and what each may do."""

import argparse
import contextlib
import getpass
import os
from collections.abc import Iterator
from datetime import UTC, datetime

from qianxun.assemble import record_of_keys
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.settings import home_directory
from qianxun.shapes import keys_shape
from qianxun.storage.keys import Key, Keys
from qianxun.storage.service import open_service
from qianxun.transcripts import moment_in_words


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists the keys of the service: whose they are, which documents they open, and until when. Secrets are shown "
        "only when they are made."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `keys`."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the keys."""
    with opened(session) as keys:
        found = keys.all()
    if session.as_json:
        session.print_json(keys_shape(found))
        return 0
    if not found and session.out.styled:
        session.out.line(say("No keys. `qianxun keys create NAME` makes one."))
        return 0
    heads = [
        say("id"),
        say("name"),
        say("labels"),
        say("knowledge bases"),
        say("may"),
        say("until"),
        say("last used (UTC)"),
    ]
    session.out.table(heads, [_row(key) for key in found], elided=[1, 2, 3])
    return 0


@contextlib.contextmanager
def opened(session: Session) -> Iterator[Keys]:
    """The keys of this home's service."""
    with contextlib.closing(Keys(open_service(home_directory(session.settings)))) as keys:
        yield keys


def record(session: Session, keys: Keys, action: str, key: Key) -> None:
    """Puts what was done into the audit, under the name of who is at this machine."""
    record_of_keys(session.settings, keys.database, action, key.id, f"local:{_user()}", name=key.name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this number of a user
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def show_secret(session: Session, key: Key, secret: str) -> None:
    """Prints a new secret, alone on its line, so that it can be taken by a script."""
    if session.as_json:
        session.print_json(keys_shape([key]) | {"secret": secret})
        return
    session.out.line(secret)
    session.note(say("Key {id} of {name}. The secret is not shown again.", id=key.id, name=key.name))


def _row(key: Key) -> list[Piece]:
    grant = key.grant
    until: Piece = moment_in_words(key.expires) if key.expires else "–"
    if key.revoked:
        until = (say("revoked"), "red")
    elif not key.holds(datetime.now(UTC)):
        until = (say("ended"), "red")
    return [
        (key.id, "cyan"),
        (key.name, "bold"),
        say("all") if grant.labels is None else ", ".join(sorted(grant.labels)),
        say("all") if grant.bases is None else ", ".join(sorted(grant.bases)),
        "admin" if "admin" in grant.actions else ", ".join(sorted(grant.actions)),
        until,
        moment_in_words(key.used) if key.used else "–",
    ]
