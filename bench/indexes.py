"""Speed, size and recall of the indexes on a seeded synthetic Chinese and English corpus.

    python bench/indexes.py [--n 10000 100000] [--dim 256] [--only faiss tantivy] [--questions 200] [--json]

Texts are Zipf-distributed words and characters, so posting lists have the lengths of real ones. Vectors
are a mixture of topics within topics with a falling spectrum, as float16 (what the store keeps); recall
is against all vectors compared in numpy. `open` is a new process' time from `open_index` to the first
hits, engines imported; `resident` is what that adds to its memory.
"""

import argparse
import functools
import importlib
import itertools
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qianxun import text as matching
from qianxun.filters import AnyLabel
from qianxun.protocols import Where
from qianxun.records import IndexRow, Query, chunk_id
from qianxun.settings import IndexSettings

CHUNKS_PER_DOCUMENT = 20
CHARS_PER_CHUNK = 300
BATCH = 2000
COLUMNS = (
    ("index", "{}"),
    ("n", "{}"),
    ("dim", "{}"),
    ("p50_ms", "{:.2f}"),
    ("p95_ms", "{:.2f}"),
    ("filtered_p50_ms", "{:.2f}"),
    ("build_seconds", "{:.1f}"),
    ("rows_per_second", "{:.0f}"),
    ("recall@10", "{:.4f}"),
    ("recall@100", "{:.4f}"),
    ("open_ms", "{:.0f}"),
    ("resident_mb", "{:.0f}"),
    ("disk_mb", "{:.1f}"),
)


class Corpus:
    """Seeded texts and vectors; row i is the same whatever n is."""

    def __init__(self, n: int, dim: int) -> None:
        self.n, self.dim = n, dim
        rng = np.random.default_rng(20_240_611)
        han = [chr(c) for c in rng.permutation(np.arange(0x4E00, 0x4E00 + 4000))]
        # Two-character words from frequent characters: a text of them has the pair statistics of Chinese.
        self.chinese = ["".join(pair) for pair in zip(*self._zipf_choice(rng, han, (2, 30_000)), strict=True)]
        letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
        self.english = ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(20_000)]
        self.vectors = _vectors(n, dim)
        self.questions = _vectors(1000, dim, seed=1)

    @staticmethod
    def _zipf_choice(rng: np.random.Generator, items: list[str], shape: tuple[int, ...]) -> Any:
        weights = 1 / np.arange(10, len(items) + 10)
        return np.array(items)[rng.choice(len(items), shape, p=weights / weights.sum())]

    def text(self, i: int, chars: int = CHARS_PER_CHUNK) -> str:
        rng = np.random.default_rng((7, i))
        words, mean = (self.english, 7) if i % 4 == 3 else (self.chinese, 2)
        # Log-uniform ranks: Zipf's law.
        ranks = np.exp(rng.random(chars // mean) * np.log(len(words))).astype(int) - 1
        return ("" if mean == 2 else " ").join(words[r] for r in ranks)

    def rows(self, start: int, end: int, dense: bool) -> list[IndexRow]:
        rows = []
        for i in range(start, end):
            document, ordinal = divmod(i, CHUNKS_PER_DOCUMENT)
            text = "" if dense else self.text(i)
            vector = self.vectors[i] if dense else None
            labels = ("public",) if document % 2 else ("hr",)
            rows.append(
                IndexRow(
                    chunk=chunk_id(document + 1, ordinal),
                    text=text,
                    labels=labels,
                    source=f"/{document}",
                    title=f"{document}",
                    format="md",
                    modified="2024-01-01",
                    vector=vector,
                )
            )
        return rows

    def question(self, i: int, dense: bool) -> Query:
        if dense:
            return Query("", vector=self.questions[i])
        # About fifteen terms in a field: a Chinese question of sixteen characters cut from some text.
        folded = matching.fold(self.text(4 * (i * 37 % (self.n // 4)))[40:56])
        return Query(
            folded,
            words=tuple(dict.fromkeys(matching.words(folded))),
            characters=tuple(dict.fromkeys(matching.characters(folded))),
        )

    def where(self) -> Where:
        documents = np.arange(1, self.n // CHUNKS_PER_DOCUMENT + 1)
        return Where(AnyLabel(frozenset({"public"})), documents[documents % 2 == 0].astype(np.int64))


@functools.cache
def _centres(dim: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    scale = (np.arange(1, dim + 1) ** -0.35).astype(np.float32)
    broad = rng.standard_normal((60, dim), dtype=np.float32) * scale
    narrow = rng.standard_normal((3000, dim), dtype=np.float32) * scale
    return scale, broad, narrow


def _vectors(n: int, dim: int, seed: int = 0) -> Any:
    rng = np.random.default_rng((5, seed))
    scale, broad, narrow = _centres(dim)
    found = np.empty((n, dim), np.float32)
    for start in range(0, n, 10_000):
        m = min(10_000, n - start)
        topic = rng.integers(0, len(narrow), m)
        rows = broad[topic % len(broad)] * 0.7 + narrow[topic] * 0.8
        rows += rng.standard_normal((m, dim), dtype=np.float32) * scale
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        found[start : start + m] = rows.astype(np.float16)
    return found


def measure(name: str, corpus: Corpus, n_questions: int) -> dict[str, Any]:
    """One row of the table."""
    module = importlib.import_module("qianxun.indexes." + name.replace("-", "_"))
    dense = module.NAME in ("exact", "faiss")
    row: dict[str, Any] = {"index": name, "n": corpus.n, "dim": corpus.dim if dense else 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        index = module.open_index(path, fingerprint="bench", settings=IndexSettings(), dim=corpus.dim)
        seconds = upserting = 0.0
        step = corpus.n if name.startswith("exact") else BATCH
        for start in range(0, corpus.n, step):
            rows = corpus.rows(start, min(corpus.n, start + step), dense)
            begin = time.perf_counter()
            index.upsert(rows)
            upserting += time.perf_counter() - begin
            index.commit(start + step)
            seconds += time.perf_counter() - begin
        row |= {"build_seconds": seconds, "rows_per_second": corpus.n / seconds}
        row["upserts_per_second"] = corpus.n / upserting
        questions = [corpus.question(i, dense) for i in range(n_questions)]
        times = sorted(_milliseconds(index, question, None) for question in questions)
        row |= {"p50_ms": times[len(times) // 2], "p95_ms": times[len(times) * 95 // 100]}
        where = corpus.where()
        row["filtered_p50_ms"] = sorted(_milliseconds(index, q, where) for q in questions)[len(questions) // 2]
        if dense:
            row |= _recall(index, corpus, questions)
        row["disk_mb"] = sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) / 1e6
        index.close()
        row |= _cold(module.__name__, path, corpus.dim, questions[0])
    return row


def _milliseconds(index: Any, question: Query, where: Where | None) -> float:
    begin = time.perf_counter()
    index.search(question, 100, where)
    return (time.perf_counter() - begin) * 1e3


def _recall(index: Any, corpus: Corpus, questions: list[Query]) -> dict[str, float]:
    ids = np.array(list(itertools.islice(_chunks(), corpus.n)))
    found: dict[str, list[float]] = {"recall@10": [], "recall@100": []}
    for i, question in enumerate(questions):
        order = np.argsort(-(corpus.vectors @ corpus.questions[i]), kind="stable")[:100]
        hits = [hit.chunk for hit in index.search(question, 100)]
        for k in (10, 100):
            found[f"recall@{k}"].append(len(set(hits[:k]) & set(ids[order[:k]].tolist())) / k)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _chunks() -> Iterator[int]:
    for i in itertools.count():
        document, ordinal = divmod(i, CHUNKS_PER_DOCUMENT)
        yield chunk_id(document + 1, ordinal)


def _cold(module: str, path: Path, dim: int, question: Query) -> dict[str, float]:
    script = f"""
import importlib, json, resource, time
import numpy as np
from pathlib import Path
from qianxun.records import Query
from qianxun.settings import IndexSettings
module = importlib.import_module({module!r})
try: importlib.import_module({module.rpartition(".")[2]!r})
except ImportError: pass
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
query = Query("", {question.words!r}, {question.characters!r}, np.ones({dim}, np.float32) / {dim} ** 0.5)
before, begin = resident(), time.perf_counter()
index = module.open_index(Path({str(path)!r}), fingerprint="bench", settings=IndexSettings(), dim={dim}, read_only=True)
index.search(query, 100)
print(json.dumps(dict(open_ms=(time.perf_counter() - begin) * 1e3, resident_mb=resident() - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--only", nargs="+", default=["exact", "faiss", "exact-lexical", "tantivy"])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="a JSON line per row instead of a table")
    chosen = parser.parse_args()
    if not chosen.json:
        print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}; k = 100")
        print("  ".join(f"{name:>15}" for name, _ in COLUMNS))
    for n in chosen.n:
        corpus = Corpus(n, chosen.dim)
        for name in chosen.only:
            row = measure(name, corpus, chosen.questions)
            if chosen.json:
                print(json.dumps(row), flush=True)
            else:
                cells = (form.format(row[key]) if key in row else "" for key, form in COLUMNS)
                print("  ".join(f"{cell:>15}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
