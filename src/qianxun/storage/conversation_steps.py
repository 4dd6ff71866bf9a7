"""The tables of conversations in the service's file, as numbered steps. A step, once released, never changes."""

import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "conversations"


def m001_tables(db: sqlite3.Connection) -> None:
    """Conversations, their turns, what each turn was shown and cites, and what is still being said."""
    for statement in (
        # AUTOINCREMENT: what was deleted never comes back as another's.
        """CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            token TEXT NOT NULL UNIQUE,
            base TEXT NOT NULL,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            profile TEXT NOT NULL,
            begun TEXT NOT NULL,
            changed TEXT NOT NULL,
            summary TEXT NOT NULL DEFAULT '',
            summarised INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        "CREATE INDEX conversations_owner ON conversations (base, owner, changed)",
        # statements: JSON [[text, quoted, start, end, [number, …], support, claim], …]; the text of quotes is "".
        # facts: JSON of what else an answer tells (models, seconds, notes).
        """CREATE TABLE conversation_turns (
            conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            turn INTEGER NOT NULL,
            state TEXT NOT NULL,
            asked TEXT NOT NULL,
            question TEXT NOT NULL,
            text TEXT NOT NULL DEFAULT '',
            searched TEXT NOT NULL DEFAULT '',
            verdict TEXT NOT NULL DEFAULT '',
            statements TEXT NOT NULL DEFAULT '[]',
            facts TEXT NOT NULL DEFAULT '{}',
            PRIMARY KEY (conversation, turn)
        ) STRICT, WITHOUT ROWID""",
        # number: what [number] in the answer points to; also of passages that were shown and not cited.
        """CREATE TABLE conversation_passages (
            conversation INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            number INTEGER NOT NULL,
            document INTEGER NOT NULL,
            chunk INTEGER NOT NULL,
            start INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            PRIMARY KEY (conversation, turn, number),
            FOREIGN KEY (conversation, turn) REFERENCES conversation_turns (conversation, turn) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX conversation_passages_document ON conversation_passages (document)",
        """CREATE TABLE conversation_citations (
            conversation INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            place INTEGER NOT NULL,
            statement INTEGER NOT NULL,
            number INTEGER NOT NULL,
            start INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            support TEXT NOT NULL,
            PRIMARY KEY (conversation, turn, place),
            FOREIGN KEY (conversation, turn) REFERENCES conversation_turns (conversation, turn) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        # Of a turn that is still running: what was said so far, so that who lost the connection goes on reading.
        """CREATE TABLE conversation_events (
            conversation INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            place INTEGER NOT NULL,
            event TEXT NOT NULL,
            PRIMARY KEY (conversation, turn, place),
            FOREIGN KEY (conversation, turn) REFERENCES conversation_turns (conversation, turn) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
    ):
        db.execute(statement)


def m002_running(db: sqlite3.Connection) -> None:
    """When a running turn was last heard of, whether it is to stop; which documents were recalled from turns before."""
    for statement in (
        "ALTER TABLE conversation_turns ADD COLUMN heard TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE conversation_turns ADD COLUMN stopping INTEGER NOT NULL DEFAULT 0",
        # What a model is told of earlier answers comes from their documents: so does what it then writes.
        """CREATE TABLE conversation_recalled (
            conversation INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            document INTEGER NOT NULL,
            PRIMARY KEY (conversation, turn, document),
            FOREIGN KEY (conversation, turn) REFERENCES conversation_turns (conversation, turn) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX conversation_recalled_document ON conversation_recalled (document)",
        "CREATE INDEX conversation_turns_running ON conversation_turns (heard) WHERE state = 'running'",
    ):
        db.execute(statement)


def m003_settings(db: sqlite3.Connection) -> None:
    """What a client has set for a conversation: a JSON object that is the client's own."""
    db.execute("ALTER TABLE conversations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'")


STEPS: Final[tuple[Step, ...]] = (m001_tables, m002_running, m003_settings)
