"""`<home>/service.db`: what belongs to the service as a whole and to no knowledge base. Knows no table of its users.

Several rooms keep tables in it: feedback, later keys, jobs, conversations. Each has a name and numbered steps of its
own, applied when it is opened, so that none waits for another's release. A step, once released, never changes.
Transactions are short; whoever finds the file in use waits (see `Database`). Nothing in it can be made again from the
documents.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from qianxun.errors import Busy, Damaged, InputError, NewerVersion
from qianxun.storage.database import Database

FILE_NAME: Final = "service.db"
APPLICATION_ID: Final = 0x7173  # "qs", beside the "qx" of a knowledge base

Step: TypeAlias = Callable[[sqlite3.Connection], None]

# SQLite does not wait while another process makes the file: a new one is tried again for so long.
_OPENING_SECONDS: Final = 30.0


def open_service(home: Path) -> Database:
    """The file in a home folder, made if it is not there. Raises InputError, Damaged."""
    path = home / FILE_NAME
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # questions of people may be in it; its log takes the same rights
    except OSError as error:
        raise InputError(
            "{path} cannot be written ({error}).",
            remedy="Name another folder with home.",
            path=path,
            error=error.strerror or error,
        ) from error
    database = Database(path, _damaged)
    until = time.monotonic() + _OPENING_SECONDS
    while True:
        try:
            _claim(database)
            return database
        except Busy:
            if time.monotonic() > until:
                raise
            database.close()
            time.sleep(0.05)


def has_service(home: Path) -> bool:
    """Whether there is such a file: who only reads need not make one."""
    return (home / FILE_NAME).is_file()


def migrate(database: Database, room: str, steps: Sequence[Step]) -> None:
    """Brings a room's tables to the newest of its steps, each in a transaction of its own.

    Raises NewerVersion if a newer qianxun was here before.
    """
    version = _version_of(database, room)
    if version > len(steps):
        raise NewerVersion(
            "{room} in {path} has format {seen}, made by a newer qianxun; this one knows format {known}.",
            remedy="Upgrade with `pip install --upgrade qianxun`.",
            room=room,
            path=database.path,
            seen=version,
            known=len(steps),
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        with database.transaction() as db:
            # Another process may have done this step while we waited for the file.
            if _version_of(database, room) < number:
                step(db)
                db.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (room, number))


def _version_of(database: Database, room: str) -> int:
    rows = database.rows("SELECT version FROM rooms WHERE name = ?", (room,))
    return int(rows[0][0]) if rows else 0


def _claim(database: Database) -> None:
    """Makes the table of rooms in a new file; refuses a file that is something else."""
    if database.rows("PRAGMA application_id")[0][0] == APPLICATION_ID:
        return
    with database.transaction() as db:
        # Another process may have made it while we waited for the file.
        if db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
            return
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise _damaged(database.path, "it is another program's")
        db.execute("CREATE TABLE rooms (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _damaged(path: Path, words: str) -> Damaged:
    return Damaged(
        "{path} cannot be read ({error}).",
        remedy="Restore it from a backup, or move it away: feedback and what else is in it begins anew.",
        path=path,
        error=words,
    )
