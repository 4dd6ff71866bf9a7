"""The tables of jobs in the service's file, as numbered steps. A step, once released, never changes."""

import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "jobs"


def m001_tables(db: sqlite3.Connection) -> None:
    """Jobs, and up to when each schedule was looked at."""
    for statement in (
        # The order of ids is the order of asking. base, owner, schedule, key, holder: '' is none. due: not before then.
        # lost: how many holders went away without a word. stopping: somebody asked it to stop. total NULL: not known.
        # arguments, result, error: JSON; no text of a document is in any of them.
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            token TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            base TEXT NOT NULL,
            owner TEXT NOT NULL,
            arguments TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'queued',
            stage TEXT NOT NULL DEFAULT '',
            done INTEGER NOT NULL DEFAULT 0,
            total INTEGER,
            result TEXT,
            error TEXT,
            created TEXT NOT NULL,
            due TEXT NOT NULL DEFAULT '',
            started TEXT NOT NULL DEFAULT '',
            finished TEXT NOT NULL DEFAULT '',
            heard TEXT NOT NULL DEFAULT '',
            attempts INTEGER NOT NULL DEFAULT 0,
            lost INTEGER NOT NULL DEFAULT 0,
            stopping INTEGER NOT NULL DEFAULT 0,
            schedule TEXT NOT NULL DEFAULT '',
            priority INTEGER NOT NULL DEFAULT 0,
            key TEXT NOT NULL DEFAULT '',
            holder TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        "CREATE UNIQUE INDEX jobs_key ON jobs (owner, key) WHERE key <> ''",
        "CREATE INDEX jobs_open ON jobs (state, priority, id) WHERE state IN ('queued', 'running')",
        "CREATE INDEX jobs_owner ON jobs (owner, id)",
        "CREATE INDEX jobs_schedule ON jobs (schedule, id) WHERE schedule <> ''",
        "CREATE INDEX jobs_finished ON jobs (finished) WHERE finished <> ''",
        # rule: what it was looked at with; another one begins anew.
        """CREATE TABLE schedules (
            name TEXT PRIMARY KEY,
            rule TEXT NOT NULL,
            looked TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
    ):
        db.execute(statement)


def m002_tokens_and_fingerprints(db: sqlite3.Connection) -> None:
    """What a job used; how many tokens a day its owner had when asking (0: any); what was asked for under its key."""
    for column in (
        "prompt_tokens INTEGER NOT NULL DEFAULT 0",
        "completion_tokens INTEGER NOT NULL DEFAULT 0",
        "quota INTEGER NOT NULL DEFAULT 0",
        # begun: when it was claimed for the first time. fingerprint: '' where none was given.
        "begun TEXT NOT NULL DEFAULT ''",
        "fingerprint TEXT NOT NULL DEFAULT ''",
    ):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")


STEPS: Final[tuple[Step, ...]] = (m001_tables, m002_tokens_and_fingerprints)
