"""`qianxun conversations`: what was asked in turns, one conversation a line."""

import argparse
from typing import TYPE_CHECKING

from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import conversations_shape
from qianxun.transcripts import moment_in_words

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase

# Tokens are shown so far: enough to tell a few thousand apart.
SHOWN_TOKEN = 8
_MOST = 1_000_000


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists conversations, the newest first. `qianxun ask --conversation new` begins one; of answers that quote, "
        "only the places are kept ([conversation])."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conversations`."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the conversations."""
    with session.open() as base:
        found = base.conversations.list(count=_MOST)
    if session.as_json:
        session.print_json(conversations_shape(found))
        return 0
    if not found and session.out.styled:
        session.out.line(say("No conversations."))
        return 0
    rows: list[list[Piece]] = [
        [(one.token[:SHOWN_TOKEN], "cyan"), moment_in_words(one.changed), str(one.turns), (one.title, "bold")]
        for one in found
    ]
    session.out.table([say("token"), say("last question (UTC)"), say("questions"), say("title")], rows, elided=[3])
    return 0


def conversation_of(session: Session, base: "KnowledgeBase", given: str) -> str:
    """The token that is meant; `new` begins a conversation, and tells its token to people."""
    if given != "new":
        return base.conversations.find(given)
    token = base.conversations.begin()
    if not session.as_json:
        session.note(say("Conversation {token}: ask on with `--conversation {token}`.", token=token[:SHOWN_TOKEN]))
    return token
