"""The corpus of the speed rows: the first 100,000 distinct passages of the training text.

`zh_pairs` b first, then both sides of the parallel file, from `$BENCH_SHARED/data/train` (default:
`../shared` beside the repository). Where that is absent, a seeded generator makes as many passages of
the same length. Each passage is a document of one chunk.

    python -m bench.corpus            builds the knowledge bases of the rows, once, under bench/cache
"""

import gzip
import hashlib
import itertools
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.rows import ROOT, WORK

N_PASSAGES = 100_000
_MEAN_CHARS = 147


def shared() -> Path:
    """The folder with the project's shared data."""
    return Path(os.environ.get("BENCH_SHARED", ROOT.parent / "shared"))


def described(n: int) -> str:
    """What the corpus is, for a row."""
    kind = "shared/data/train" if _train().is_dir() else "generated, seed 1"
    return f"{n:,} passages ({kind})"


def passages(n: int = N_PASSAGES) -> list[str]:
    """The first n distinct passages."""
    found = list(itertools.islice(_distinct(_train_passages() if _train().is_dir() else _generated(1)), n))
    if len(found) < n:
        raise SystemExit(f"The corpus has only {len(found):,} of {n:,} passages.")
    return found


def questions(n: int, n_passages: int) -> list[str]:
    """n questions, evenly spread over the passages: what the training text pairs with them, else their beginnings."""
    if not _train().is_dir():
        step = max(1, n_passages // n)
        return [text[:24] for text in passages(n_passages)[::step]][:n]
    pairs: dict[str, str] = {}
    for record in _records("zh_pairs.jsonl.gz"):
        pairs.setdefault(record["b"], record["a"])
        if len(pairs) >= n_passages:
            break
    asked = list(dict.fromkeys(pairs.values()))
    step = max(1, len(asked) // n)
    return asked[::step][:n]


def knowledge_base(n: int) -> Path:
    """The folder of a knowledge base of the first n passages, built on first use for each encoder."""
    import qianxun
    from qianxun.settings import Settings

    folder = WORK / f"kb-{n}-{_fingerprint()}"
    if (folder / "complete").exists():
        return folder / "kb"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    start = time.perf_counter()
    base = qianxun.open(folder / "kb", settings=Settings())
    try:
        base.add_texts(qianxun.TextItem(source=f"p{i:06d}", title="", text=text) for i, text in enumerate(passages(n)))
    finally:
        base.close()
    (folder / "complete").write_text(f"{time.perf_counter() - start:.1f} s\n")
    return folder / "kb"


def vectors(n: int, n_questions: int, dim: int = 384) -> Path:
    """A folder for peers: texts.jsonl, questions.jsonl and our vectors of both, cut or padded to `dim` columns."""
    import numpy as np

    from qianxun.models.builtin import BuiltinEncoder

    folder = WORK / f"vectors-{n}-{n_questions}-{_fingerprint()}"
    if (folder / "questions.npy").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    encoder = BuiltinEncoder()
    for name, texts in (("texts", passages(n)), ("questions", questions(n_questions, n))):
        encoded = encoder.encode_passages(texts) if name == "texts" else encoder.encode_queries(texts)
        fitted = np.zeros((len(texts), dim), dtype=np.float32)
        fitted[:, : min(dim, encoded.shape[1])] = encoded[:, :dim]
        fitted /= np.maximum(np.linalg.norm(fitted, axis=1, keepdims=True), 1e-9)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
        np.save(folder / f"{name}.npy", fitted)
    return folder


def _fingerprint() -> str:
    from qianxun.models.builtin import BuiltinEncoder

    return hashlib.sha256(BuiltinEncoder().fingerprint.encode()).hexdigest()[:12]


def _train() -> Path:
    return shared() / "data" / "train"


def _records(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(_train() / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _train_passages() -> Iterator[str]:
    for record in _records("zh_pairs.jsonl.gz"):
        yield record["b"]
    for record in _records("parallel_zh_en.jsonl.gz"):
        yield record["zh"]
        yield record["en"]


def _distinct(texts: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text


def _generated(seed: int) -> Iterator[str]:
    """Chinese-looking text: words of two characters drawn by Zipf's law, in sentences."""
    chance = random.Random(seed)
    characters = [chr(0x4E00 + i) for i in range(3000)]
    words = ["".join(chance.choices(characters, k=2)) for _ in range(40_000)]
    heaviness = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    while True:
        n_words = max(8, round(chance.gauss(_MEAN_CHARS / 2, 20)))
        drawn = chance.choices(words, cum_weights=heaviness, k=n_words)
        yield "".join(word + ("，" if i % 9 == 8 else "") for i, word in enumerate(drawn)) + "。"


if __name__ == "__main__":
    for size in [int(argument) for argument in sys.argv[1:]] or [10_000, N_PASSAGES]:
        begun = time.perf_counter()
        print(knowledge_base(size), f"{time.perf_counter() - begun:.1f} s")
