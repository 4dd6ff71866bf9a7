"""Where documents come from, and what became of each file at the last look: notes beside the truth.

A root is a folder or an address that was added. Its files are named here with what the last run did with them. A name
that is removed is noted as such until `compact`; what a person removes leaves no note at all.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from qianxun.storage.database import batches, marks
from qianxun.storage.store import Store, now

State: TypeAlias = Literal["indexed", "unchanged", "empty", "needs attention", "failed", "removed"]
STATES: Final[tuple[State, ...]] = ("indexed", "unchanged", "empty", "needs attention", "failed", "removed")


@dataclass(frozen=True, slots=True)
class FileNote:
    """What the last run that met it did with a file. `reason` is English, as in `Document`."""

    source: str
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RootNote:
    """A folder or an address that was added.

    `labels` are for its new documents, None for the default ones. `finished` is the UTC time of the last run that came
    to its end, "" if none did; `begun` that of the last one. `problem` says why it could not be looked into.
    """

    address: str
    labels: tuple[str, ...] | None
    begun: str
    finished: str
    problem: str
    files: Mapping[State, int] = field(default_factory=dict)


class SourceNotes:
    """The notes of one knowledge base. Writing methods expect the `write` lock, as the store's do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, address: str, labels: Sequence[str] | None) -> None:
        """A run begins with this root; `labels` None leaves those that it has."""
        given = None if labels is None else json.dumps(sorted(set(labels)), ensure_ascii=False)
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO roots (address, labels, begun) VALUES (?1, ?2, ?3) ON CONFLICT (address) DO UPDATE SET "
                "begun = ?3, problem = '', labels = coalesce(?2, labels)",
                (address, given, now()),
            )

    def end(self, address: str, *, problem: str = "", gone: Iterable[str] = ()) -> None:
        """The run is done with this root. `gone` are files that it no longer has, and of which nothing is kept."""
        with self._store.transaction() as db:
            if problem:
                db.execute("UPDATE roots SET problem = ? WHERE address = ?", (problem, address))
            else:
                db.execute("UPDATE roots SET finished = ? WHERE address = ?", (now(), address))
            db.executemany(
                "DELETE FROM root_files WHERE root = ? AND source = ?", [(address, source) for source in gone]
            )

    def write(self, address: str, notes: Iterable[FileNote], unlisted: Collection[str] = ()) -> None:
        """Notes what was done with files of a root, those that a person removed meanwhile excepted.

        `unlisted` are parts that could not be looked into, of which there is no document.
        """
        with self._store.transaction() as db:
            # A person may have removed everything of it meanwhile, and with that the root.
            db.execute("INSERT OR IGNORE INTO roots (address, begun) VALUES (?, ?)", (address, now()))
            db.executemany(
                "INSERT INTO root_files (root, source, state, reason) SELECT ?1, ?2, ?3, ?4 WHERE ?5 OR EXISTS "
                "(SELECT 1 FROM documents WHERE source = ?2 AND live = 1) "
                "ON CONFLICT (root, source) DO UPDATE SET state = excluded.state, reason = excluded.reason",
                [(address, note.source, note.state, note.reason, note.source in unlisted) for note in notes],
            )

    def removed(self, sources: Sequence[str]) -> None:
        """Notes that a run removed these documents, whichever root they came from."""
        with self._store.transaction() as db:
            db.executemany("UPDATE root_files SET state = 'removed', reason = '' WHERE source = ?", _each(sources))

    def forget(self, sources: Sequence[str]) -> None:
        """Forgets files that a person removed, and roots of which nothing is left."""
        with self._store.transaction() as db:
            roots = {
                root
                for batch in batches(sources)
                for (root,) in db.execute(
                    f"SELECT DISTINCT root FROM root_files WHERE source IN ({marks(len(batch))})", batch
                )
            }
            db.executemany("DELETE FROM root_files WHERE source = ?", _each(sources))
            db.executemany(
                "DELETE FROM roots WHERE address = ?1 AND NOT EXISTS (SELECT 1 FROM root_files f JOIN documents d "
                "ON d.source = f.source AND d.live = 1 WHERE f.root = ?1)",
                _each([*roots, *sources]),
            )

    def forget_root(self, address: str) -> bool:
        """Forgets a root with its notes; its documents stay. False if there is none."""
        with self._store.transaction() as db:
            return db.execute("DELETE FROM roots WHERE address = ?", (address,)).rowcount > 0

    def forget_removed(self) -> None:
        """Forgets the names of what was removed."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM root_files WHERE state = 'removed'")

    def roots(self) -> list[RootNote]:
        """Every root, by address."""
        counts: dict[str, dict[State, int]] = {}
        for root, state, n in self._store.database.rows(
            "SELECT root, state, count(*) FROM root_files GROUP BY root, state"
        ):
            counts.setdefault(root, {})[state] = n
        rows = self._store.database.rows("SELECT address, labels, begun, finished, problem FROM roots ORDER BY address")
        return [
            RootNote(
                address,
                None if labels is None else tuple(json.loads(labels)),
                begun,
                finished,
                problem,
                {state: counts[address][state] for state in STATES if state in counts.get(address, {})},
            )
            for address, labels, begun, finished, problem in rows
        ]

    def files(self, address: str) -> list[FileNote]:
        """The files of a root, by name."""
        rows = self._store.database.rows(
            "SELECT source, state, reason FROM root_files WHERE root = ? ORDER BY source", (address,)
        )
        return [FileNote(*row) for row in rows]

    def elsewhere(self, sources: Sequence[str], without: Iterable[str]) -> set[str]:
        """Those of the files that another root than these has, too."""
        known = set(without)
        return {
            source
            for batch in batches(sources)
            for root, source in self._store.database.rows(
                f"SELECT root, source FROM root_files WHERE state != 'removed' AND source IN ({marks(len(batch))})",
                batch,
            )
            if root not in known
        }


def _each(texts: Iterable[str]) -> list[tuple[str]]:
    return [(text,) for text in texts]
