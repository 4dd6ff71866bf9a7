"""What generators wrote about chunks, kept by what it was written from: (hash of context and text, maker).

Every chunk with the hash shares it: whoever may read one of them may read all of its words, so nothing of another
document can be in it, and it goes with the last of them. It is searched and never shown: who reads text reads
`Store`. Knows no model and no prompt.

A row's `key` names what the chunk is searched by with it, and is the key of that vector. Where nothing of use was
written, the key is the chunk's own hash: it was asked for, and is not asked for again.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from qianxun.documents.dedupe import text_hash
from qianxun.records import CHUNK_BITS, Enrichment
from qianxun.storage.database import Database, batches, marks

# The revision up to which every chunk was asked about, by maker, among the facts about the knowledge base.
_REACHED = "enriched:"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """All that is shown of a chunk to who writes about it: what its hash is of."""

    hash: bytes
    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """What was written about an excerpt; empty where nothing of use was."""

    excerpt: Excerpt
    enrichment: Enrichment


class Enricher(Protocol):
    """Writes enrichments."""

    def write(self, excerpts: Iterable[Excerpt]) -> Iterator[Written]:
        """What is written about each, in any order, as it comes; closing the iterator stops it.

        Raises a ModelError or SettingsError, after what came before, if some could not be asked about: they are
        tried again another time.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeptEnrichment:
    """An enrichment with the key of the text that it is searched in."""

    key: bytes
    enrichment: Enrichment


class Enrichments:
    """The enrichments of one knowledge base. Writing methods expect that the caller holds the `write` lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, hashes: Sequence[bytes], maker: str) -> dict[bytes, KeptEnrichment]:
        """Hash → what this maker wrote about it, of those that it was asked about."""
        found: dict[bytes, KeptEnrichment] = {}
        for batch in batches(list(dict.fromkeys(hashes))):
            rows = self._database.rows(
                "SELECT hash, key, context, questions FROM enrichments "
                f"WHERE maker = ? AND hash IN ({marks(len(batch))})",
                [maker, *batch],
            )
            for hash_, key, context, questions in rows:
                found[hash_] = KeptEnrichment(key, Enrichment(context, tuple(json.loads(questions))))
        return found

    def put(self, hash_: bytes, maker: str, text: str, enrichment: Enrichment) -> None:
        """Keeps what was written about the chunks with this hash, whose context and text is `text`."""
        key = text_hash(searched_text(text, enrichment)) if enrichment.lines else hash_
        questions = json.dumps(enrichment.questions, ensure_ascii=False)
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO enrichments VALUES (?, ?, ?, ?, ?)",
                (hash_, maker, key, enrichment.context, questions),
            )

    def missing(self, document: int, maker: str) -> set[bytes]:
        """The hashes of a document's chunks that this maker was not asked about."""
        rows = self._database.rows(
            "SELECT DISTINCT hash FROM chunks c WHERE c.id >= ? AND c.id < ? "
            "AND NOT EXISTS (SELECT 1 FROM enrichments e WHERE e.hash = c.hash AND e.maker = ?)",
            (document << CHUNK_BITS, (document + 1) << CHUNK_BITS, maker),
        )
        return {row[0] for row in rows}

    def keys_by_hash(self, maker: str) -> dict[bytes, bytes]:
        """Hash → key, of everything that this maker wrote."""
        return dict(self._database.rows("SELECT hash, key FROM enrichments WHERE maker = ?", (maker,)))

    def keys(self) -> set[bytes]:
        """The keys of every maker's."""
        return {row[0] for row in self._database.rows("SELECT DISTINCT key FROM enrichments")}

    def used(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those that are the key of an enrichment."""
        rows = self._database.rows(f"SELECT key FROM enrichments WHERE key IN ({marks(len(keys))})", keys)
        return {row[0] for row in rows}

    def orphans(self) -> list[bytes]:
        """Hashes with an enrichment that no chunk has: their words belong to nobody."""
        rows = self._database.rows(
            "SELECT DISTINCT hash FROM enrichments e WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.hash = e.hash)"
        )
        return [row[0] for row in rows]

    def counts(self, maker: str) -> tuple[int, int, int]:
        """Chunks with an enrichment of this maker, those that it was asked about in vain, and those not asked about."""
        row = self._database.rows(
            "SELECT count(*) FILTER (WHERE e.key <> c.hash), count(*) FILTER (WHERE e.key = c.hash), "
            "count(*) FILTER (WHERE e.key IS NULL) FROM chunks c JOIN documents d "
            f"ON d.id = c.id >> {CHUNK_BITS} AND d.live = 1 "
            "LEFT JOIN enrichments e ON e.hash = c.hash AND e.maker = ?",
            (maker,),
        )[0]
        return int(row[0]), int(row[1]), int(row[2])

    def reached(self, maker: str) -> int:
        """The revision up to which this maker was asked about every chunk; -1 if it never was."""
        rows = self._database.rows("SELECT value FROM meta WHERE key = ?", (_REACHED + maker,))
        return int(rows[0][0]) if rows else -1

    def set_reached(self, maker: str, revision: int) -> None:
        """Notes up to where this maker was asked about every chunk."""
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_REACHED + maker, str(revision)))

    def forget_vain(self, maker: str) -> int:
        """Forgets that this maker was asked in vain, so that it is asked again; returns about how many hashes."""
        with self._database.transaction() as db:
            self.set_reached(maker, -1)
            return db.execute("DELETE FROM enrichments WHERE maker = ? AND key = hash", (maker,)).rowcount

    def keep_only(self, maker: str) -> int:
        """Takes out what other makers wrote, and what belongs to no chunk; returns how many rows went."""
        with self._database.transaction() as db:
            db.execute(
                "DELETE FROM meta WHERE substr(key, 1, ?) = ? AND key <> ?", (len(_REACHED), _REACHED, _REACHED + maker)
            )
            gone = db.execute("DELETE FROM enrichments WHERE maker <> ?", (maker,)).rowcount
            gone += db.execute(
                "DELETE FROM enrichments WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.hash = enrichments.hash)"
            ).rowcount
            return gone


def searched_text(text: str, enrichment: Enrichment | None) -> str:
    """What encoders and lexical indexes see of a chunk: its context and text, then what was written about it."""
    lines = enrichment.lines if enrichment is not None else ""
    return f"{text}\n{lines}" if lines else text


def erase(db: sqlite3.Connection, hashes: Collection[bytes]) -> None:
    """Takes out the enrichments of those hashes that no chunk has any more, and notes their vectors as forgotten."""
    gone = "hash = ?1 AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.hash = ?1)"
    given = [(hash_,) for hash_ in hashes]
    db.executemany(f"INSERT OR IGNORE INTO forgotten SELECT key FROM enrichments WHERE {gone}", given)
    db.executemany(f"DELETE FROM enrichments WHERE {gone}", given)
