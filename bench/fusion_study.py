"""How to join the lexical and the dense leg: formulas compared offline on every development set.

Both legs' hits are dumped once for each set (bench/cache/fusion), each document a chunk of its own; a
formula then costs milliseconds. What was learnt is in LOG.md; the formula chosen is `qianxun.retrieval.fuse`.

    python -m bench.fusion_study                     the table of formulas
    python -m bench.fusion_study --fresh             dump the legs again (after a new encoder)
    python -m bench.fusion_study --leave-one-out     constants chosen on the other sets, measured on the one left out
    python -m bench.fusion_study --encoder DIR       weights from another folder
    python -m bench.fusion_study --all               every constant, not only the best of each family
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.retrieval import BEST_BM25, datasets
from bench.rows import WORK
from qianxun.assemble import factory
from qianxun.evaluation.datasets import read_dataset
from qianxun.models.builtin import BuiltinEncoder
from qianxun.records import IndexRow, chunk_id, document_of
from qianxun.retrieval.understand import understand
from qianxun.settings import Settings
from qianxun.text import script

Floats = npt.NDArray[np.float32]
DEPTH = 200
TOLERANCE = 0.005


@dataclass(frozen=True)
class Legs:
    """The union of both legs' candidates, a row a question, padded: `(n, 2 * depth)` each.

    `lexical` is BM25 (0 where the lexical leg did not find it), `dense` the exact cosine of every
    candidate; `rank_*` count from 1, a large number where the leg did not find it; `across` is 1 where question and
    candidate are in two languages (one Chinese, one not); `relevant` is 0 or 1; `rows` are the candidates' rows in
    `vectors`, `(documents, dim)`; `attainable`, `n_relevant` are `(n,)`. Padding has -inf in `dense` and ranks
    beyond any depth.
    """

    name: str
    lexical: Floats
    dense: Floats
    rank_lexical: npt.NDArray[np.int32]
    rank_dense: npt.NDArray[np.int32]
    across: npt.NDArray[np.int8]
    relevant: npt.NDArray[np.int8]
    attainable: Floats
    n_relevant: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float16]


_NOT_FOUND = 1 << 20


def dump(path: Path, encoder: BuiltinEncoder, lexical: str) -> Legs:
    """The legs of a data set."""
    judged = read_dataset(path)
    documents = list(judged.documents())
    texts = [f"{document.title}\n{document.text}".strip() for document in documents]
    row_of = {document.id: i for i, document in enumerate(documents)}
    vectors = encoder.encode_passages(texts)
    scripts = np.array([script(text) for text in texts])
    questions = list(judged.questions)
    vectors_asked = encoder.encode_queries([judged.questions[id] for id in questions])
    n, width = len(questions), 2 * DEPTH
    legs = Legs(
        name=judged.name,
        lexical=np.zeros((n, width), np.float32),
        dense=np.full((n, width), -np.inf, np.float32),
        rank_lexical=np.full((n, width), _NOT_FOUND, np.int32),
        rank_dense=np.full((n, width), _NOT_FOUND, np.int32),
        across=np.zeros((n, width), np.int8),
        relevant=np.zeros((n, width), np.int8),
        attainable=np.zeros(n, np.float32),
        n_relevant=np.zeros(n, np.int32),
        rows=np.zeros((n, width), np.int32),
        vectors=vectors.astype(np.float16),
    )
    place_of_index = Path(tempfile.mkdtemp(prefix="fusion-"))
    find = _index(lexical, texts, place_of_index)
    for i, id in enumerate(questions):
        cosines = vectors @ vectors_asked[i]
        by_cosine = np.argsort(-cosines, kind="stable")[:DEPTH]
        rows, scores, legs.attainable[i] = find(judged.questions[id])
        union = np.union1d(rows, by_cosine)
        place = {int(row): j for j, row in enumerate(union)}
        legs.dense[i, : union.size] = cosines[union]
        legs.rows[i, : union.size] = union
        asked = script(judged.questions[id])
        legs.across[i, : union.size] = (scripts[union] != asked) & (scripts[union] != "") & (asked != "")
        for rank, (row, score) in enumerate(zip(rows, scores, strict=True), 1):
            legs.lexical[i, place[int(row)]] = score
            legs.rank_lexical[i, place[int(row)]] = rank
        for rank, row in enumerate(by_cosine, 1):
            legs.rank_dense[i, place[int(row)]] = rank
        relevant = {row_of[document] for document, grade in judged.judgements[id].items() if grade > 0}
        legs.n_relevant[i] = len(relevant)
        for row in relevant:
            if row in place:
                legs.relevant[i, place[row]] = 1
    shutil.rmtree(place_of_index)
    return legs


Find = Callable[[str], tuple[npt.NDArray[np.int64], Floats, float]]


def _index(name: str, texts: Sequence[str], folder: Path) -> Find:
    """The lexical index as the product uses it."""
    index = factory("indexes", name)(folder / "index", fingerprint="study", settings=Settings().index, dim=None)
    for start in range(0, len(texts), 1000):
        rows = list(enumerate(texts[start : start + 1000], start))
        index.upsert([IndexRow(chunk_id(row + 1, 0), text, (), str(row), "", "text", "") for row, text in rows])
    index.commit(1)

    def find(question: str) -> tuple[npt.NDArray[np.int64], Floats, float]:
        hits = index.search(understand(question), DEPTH)
        rows = np.array([document_of(hit.chunk) - 1 for hit in hits], np.int64)
        return rows, np.array([hit.score for hit in hits], np.float32), hits[0].attainable if hits else 1.0

    return find


def load(encoder: BuiltinEncoder, lexical: str, *, fresh: bool, only: Sequence[str]) -> list[Legs]:
    """The legs of every set, from the cache where they are."""
    tag = hashlib.sha256(f"{encoder.fingerprint} {lexical}".encode()).hexdigest()[:12]
    found = []
    for path in datasets():
        if only and path.name not in only:
            continue
        cached = WORK / "fusion" / f"{path.name}-{tag}.npz"
        if cached.exists() and not fresh:
            with np.load(cached) as arrays:
                found.append(Legs(name=path.name, **arrays))
            continue
        legs = dump(path, encoder, lexical)
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cached, **{key: value for key, value in vars(legs).items() if key != "name"})
        found.append(legs)
    return found


def ndcg(legs: Legs, scores: Floats, k: int = 10) -> float:
    """Mean nDCG@k of candidates ordered by score; -inf is not found. Ties by position (ascending document)."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    gains = np.take_along_axis(legs.relevant, best, axis=1) * np.isfinite(np.take_along_axis(scores, best, axis=1))
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0], np.cumsum(discounts)])[np.minimum(legs.n_relevant, k)]
    return float(np.mean(gains @ discounts[: gains.shape[1]] / ideal))


# --- formulas: legs → scores, -inf for what is no candidate ---

Formula = Callable[[Legs, int], Floats]


def candidates(legs: Legs, depth: int) -> npt.NDArray[np.bool_]:
    """What either leg found within its depth."""
    return (legs.rank_lexical <= depth) | (legs.rank_dense <= depth)


def attained(legs: Legs, depth: int) -> Floats:
    """The lexical score over what the question could attain, 0 beyond the depth."""
    return np.where(legs.rank_lexical <= depth, legs.lexical, 0) / legs.attainable[:, None]


def cosine(legs: Legs, depth: int, *, filled: bool = True) -> Floats:
    """The cosine of candidates; without `filled`, 0 for what only the lexical leg found."""
    known = np.isfinite(legs.dense) if filled else legs.rank_dense <= depth
    return np.where(known, legs.dense, 0).astype(np.float32)


def only_candidates(legs: Legs, depth: int, scores: Floats) -> Floats:
    return np.where(candidates(legs, depth), scores, -np.inf).astype(np.float32)


def lexical_alone(legs: Legs, depth: int) -> Floats:
    return np.where(legs.rank_lexical <= depth, legs.lexical, -np.inf).astype(np.float32)


def dense_alone(legs: Legs, depth: int) -> Floats:
    return np.where(legs.rank_dense <= depth, legs.dense, -np.inf).astype(np.float32)


def rrf(k: float = 60.0) -> Formula:
    """Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009)."""

    def scores(legs: Legs, depth: int) -> Floats:
        total = np.zeros_like(legs.dense)
        for ranks in (legs.rank_lexical, legs.rank_dense):
            total += np.where(ranks <= depth, 1 / (k + ranks), 0)
        return only_candidates(legs, depth, total)

    return scores


def convex(weight: float, *, filled: bool = True) -> Formula:
    """weight * cosine + (1 - weight) * attained."""
    return lambda legs, depth: only_candidates(
        legs, depth, weight * cosine(legs, depth, filled=filled) + (1 - weight) * attained(legs, depth)
    )


def convex_max(weight: float) -> Formula:
    """Both legs over their best hit of this question."""

    def scores(legs: Legs, depth: int) -> Floats:
        lexical, dense = attained(legs, depth), cosine(legs, depth)
        lexical = lexical / np.maximum(lexical.max(axis=1, keepdims=True), 1e-9)
        dense = dense / np.maximum(dense.max(axis=1, keepdims=True), 1e-9)
        return only_candidates(legs, depth, weight * dense + (1 - weight) * lexical)

    return scores


def convex_z(weight: float, *, lexical_z: bool = True) -> Formula:
    """Each leg less its candidates' mean over their standard deviation."""

    def scores(legs: Legs, depth: int) -> Floats:
        here = candidates(legs, depth)
        lexical = attained(legs, depth)
        lexical = _standard(lexical, here) if lexical_z else lexical
        return only_candidates(legs, depth, weight * _standard(cosine(legs, depth), here) + (1 - weight) * lexical)

    return scores


def _standard(values: Floats, here: npt.NDArray[np.bool_]) -> Floats:
    n = here.sum(axis=1, keepdims=True)
    mean = np.where(here, values, 0).sum(axis=1, keepdims=True) / n
    spread = np.sqrt(np.where(here, (values - mean) ** 2, 0).sum(axis=1, keepdims=True) / n)
    return (values - mean) / np.maximum(spread, 1e-6)


def convex_minmax(weight: float) -> Formula:
    """Each leg between its candidates' least (0 for lexical) and best."""

    def scores(legs: Legs, depth: int) -> Floats:
        here = candidates(legs, depth)
        lexical, dense = attained(legs, depth), cosine(legs, depth)
        low = np.where(here, dense, np.inf).min(axis=1, keepdims=True)
        dense = (dense - low) / np.maximum(np.where(here, dense, -np.inf).max(axis=1, keepdims=True) - low, 1e-6)
        lexical = lexical / np.maximum(lexical.max(axis=1, keepdims=True), 1e-9)
        return only_candidates(legs, depth, weight * dense + (1 - weight) * lexical)

    return scores


def scaled(gain: float, power: float = 1.0) -> Formula:
    """cosine + gain * attained ** power."""
    return lambda legs, depth: only_candidates(legs, depth, cosine(legs, depth) + gain * attained(legs, depth) ** power)


def trusting(gain: float, power: float = 1.0) -> Formula:
    """cosine + gain * best ** power * attained, best: the highest attained of this question."""

    def scores(legs: Legs, depth: int) -> Floats:
        lexical = attained(legs, depth)
        best = lexical.max(axis=1, keepdims=True)
        return only_candidates(legs, depth, cosine(legs, depth) + gain * best**power * lexical)

    return scores


def sharpened(weight: float, sharpness: float = 2.0, trust: float = 0.5, *, missing: str = "exact") -> Formula:
    """weight * cosine + (1 - weight) * best ** trust * (attained / best) ** sharpness.

    The best lexical hit counts by what it attained, the others by how near they come to it. `missing` is the cosine
    of what only the lexical leg found: "exact", "lowest" (that of the dense leg's last hit), or "zero".
    """

    def scores(legs: Legs, depth: int) -> Floats:
        lexical = attained(legs, depth)
        best = np.maximum(lexical.max(axis=1, keepdims=True), 1e-6)
        dense = cosine(legs, depth, filled=missing == "exact")
        if missing == "lowest":
            lowest = np.where(legs.rank_dense <= depth, legs.dense, np.inf).min(axis=1, keepdims=True)
            dense = np.where(legs.rank_dense <= depth, legs.dense, lowest)
        joined = weight * np.maximum(dense, 0) + (1 - weight) * best**trust * (lexical / best) ** sharpness
        return only_candidates(legs, depth, joined)

    return scores


def bridged(
    weight: float, sharpness: float = 2.0, bridge: float = 2.0, trust: float = 0.5, *, missing: str = "lowest"
) -> Formula:
    """`sharpened`, but a candidate in another language, which words cannot find, gets of the lexical part what its
    cosine over the best cosine, to the power `bridge`, lets one expect."""

    def scores(legs: Legs, depth: int) -> Floats:
        lexical = attained(legs, depth)
        best = np.maximum(lexical.max(axis=1, keepdims=True), 1e-6)
        seen = legs.rank_dense <= depth
        lowest = np.where(seen, legs.dense, np.inf).min(axis=1, keepdims=True) if missing == "lowest" else 0.0
        dense = cosine(legs, depth) if missing == "exact" else np.where(seen, legs.dense, lowest)
        dense = np.maximum(dense, 0)
        by_words = (lexical / best) ** sharpness
        nearest = np.maximum(dense.max(axis=1, keepdims=True), 1e-6)
        expected = np.where(legs.across > 0, (dense / nearest) ** bridge, 0)
        joined = weight * dense + (1 - weight) * best**trust * np.maximum(by_words, expected)
        return only_candidates(legs, depth, joined)

    return scores


def evident(
    weight: float,
    sharpness: float = 2.0,
    given: float = 0.6,
    bridge: float = 3.0,
    ahead: float = 0.45,
    feedback: float = 1.0,
    trust: float = 0.5,
) -> Formula:
    """What `qianxun.retrieval.fuse` does: as `bridged`, but what a candidate in another language is given is added to
    what its words earn, cosines are exact, words are trusted less where ten candidates match about equally well,
    and all is scored once more with the question drawn to what leads, as far as both legs agree on it."""

    def scores(legs: Legs, depth: int) -> Floats:
        lexical = attained(legs, depth)
        best = np.maximum(lexical.max(axis=1, keepdims=True), 1e-6)
        dense = np.where(candidates(legs, depth), cosine(legs, depth), 0)
        ranked = -np.sort(-lexical, axis=1)[:, 1:10]
        trusted = best**trust * np.minimum(1, (1 - ranked.mean(axis=1, keepdims=True) / best) / ahead)
        by_words = (lexical / best) ** sharpness

        def scored(dense: Floats) -> Floats:
            meant = np.maximum(dense, 0)
            nearest = np.maximum(meant.max(axis=1, keepdims=True), 1e-6)
            words = by_words + np.where(legs.across > 0, given * (meant / nearest) ** bridge, 0)
            return only_candidates(legs, depth, weight * meant + (1 - weight) * trusted * words / (1 + given))

        first = scored(dense)
        return scored(_drawn(legs, dense, by_words, first, feedback)) if feedback else first

    return scores


def _drawn(legs: Legs, dense: Floats, by_words: Floats, scores: Floats, feedback: float) -> Floats:
    """The cosines with the question's vector moved towards that of the candidate that leads."""
    drawn = dense.copy()
    for i, leader in enumerate(np.argmax(scores, axis=1)):
        near = dense[i, leader]
        share = feedback * max(0.0, near) * by_words[i, leader]
        if share:
            vectors = legs.vectors[legs.rows[i]].astype(np.float32)
            drawn[i] = (dense[i] + share * (vectors @ vectors[leader])) / np.sqrt(1 + 2 * share * near + share**2)
    return drawn


_EVIDENT = [
    (w, q, g, 3.0, a, f) for w in (0.25, 0.3, 0.35, 0.4) for q in (1.5, 2.0) for g in (0.6, 0.8)
    for a in (0.3, 0.45, 0.6) for f in (0.0, 1.0, 1.5)
]  # fmt: skip
_SHARPENED = [(w, q) for w in (0.3, 0.4, 0.5, 0.6, 0.7) for q in (1.5, 2.0, 3.0)]
_BRIDGED = [
    (w, q, r, t) for w in (0.4, 0.5, 0.6) for q in (1.5, 2.0) for r in (2.0, 4.0, 12.0) for t in (0.5, 0.75)
]  # fmt: skip
FAMILIES: dict[str, tuple[Callable[..., Formula], list[tuple[Any, ...]]]] = {
    "rrf k": (rrf, [(10.0,), (60.0,)]),
    "convex w": (convex, [(w,) for w in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)]),
    "convex w, missing zero": (lambda w: convex(w, filled=False), [(w,) for w in (0.2, 0.3, 0.4, 0.5)]),
    "convex over max w": (convex_max, [(w,) for w in (0.3, 0.35, 0.4, 0.45, 0.5, 0.6)]),
    "convex min-max w": (convex_minmax, [(w,) for w in (0.2, 0.3, 0.4, 0.5)]),
    "convex z w": (convex_z, [(w,) for w in (0.3, 0.4, 0.5, 0.6)]),
    "z dense, attained lexical w": (lambda w: convex_z(w, lexical_z=False), [(w,) for w in (0.01, 0.02, 0.03, 0.05)]),
    "cosine + g * attained^p": (scaled, [(g, p) for g in (2.0, 3.0, 4.0, 6.0) for p in (0.5, 1.0, 1.5, 2.0)]),
    "cosine + g * best^p * attained": (trusting, [(g, p) for g in (4.0, 8.0, 12.0) for p in (0.5, 1.0)]),
    "sharpened w, q": (sharpened, _SHARPENED),
    "sharpened w, q; whole trust": (lambda w, q: sharpened(w, q, 0.0), _SHARPENED),
    "sharpened w, q; linear trust": (lambda w, q: sharpened(w, q, 1.0), _SHARPENED),
    "sharpened w, q, missing lowest": (lambda w, q: sharpened(w, q, missing="lowest"), _SHARPENED),
    "bridged w, q, r, t": (bridged, _BRIDGED),
    "bridged w, q, r, t, missing exact": (lambda *given: bridged(*given, missing="exact"), _BRIDGED),
    "evident w, q, given, r, ahead, feedback": (evident, _EVIDENT),
    "sharpened w, q, missing zero": (lambda w, q: sharpened(w, q, missing="zero"), _SHARPENED),
}
CHOSEN = evident(0.3)


@dataclass(frozen=True)
class Judged:
    """A formula's nDCG@10 on each set; `losses` against the better leg (positive: worse)."""

    name: str
    values: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def passes(self) -> bool:
        return max(self.losses) <= TOLERANCE


def judge(all_legs: Sequence[Legs], depth: int) -> tuple[Judged, Judged, dict[str, list[Judged]]]:
    """Lexical alone, dense alone, and every formula of every family."""

    def of(name: str, formula: Formula, better: Sequence[float]) -> Judged:
        values = tuple(ndcg(legs, formula(legs, depth)) for legs in all_legs)
        return Judged(name, values, tuple(b - v for b, v in zip(better, values, strict=True)))

    zero = [0.0] * len(all_legs)
    lexical, dense = of("lexical", lexical_alone, zero), of("dense", dense_alone, zero)
    better = [max(pair) for pair in zip(lexical.values, dense.values, strict=True)]
    lexical, dense = of("lexical", lexical_alone, better), of("dense", dense_alone, better)
    families = {
        family: [of(f"{family} {arguments}", make(*arguments), better) for arguments in grid]
        for family, (make, grid) in FAMILIES.items()
    }
    return lexical, dense, families


def chosen(judged: Sequence[Judged], sets: Sequence[int]) -> Judged:
    """The best mean over these sets among those that pass on all of them; else the one that fails by least."""

    def key(one: Judged) -> tuple[float, float]:
        excess = max(0.0, max(one.losses[i] for i in sets) - TOLERANCE)
        return -round(excess, 6), sum(one.values[i] for i in sets)

    return max(judged, key=key)


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--lexical", default="tantivy")
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--all", action="store_true", help="every constant, not only each family's best")
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()
    all_legs = load(BuiltinEncoder(arguments.encoder), arguments.lexical, fresh=arguments.fresh, only=arguments.only)
    lexical, dense, families = judge(all_legs, arguments.depth)
    names = [legs.name for legs in all_legs]
    print(f"{'':<44}" + "".join(f"{name[:13]:>14}" for name in names) + f"{'mean':>8}{'worst':>8}")
    everything = range(len(names))
    best = [chosen(judged, everything) for judged in families.values()]
    shown = [one for judged in families.values() for one in judged] if arguments.all else best
    better = [max(pair) for pair in zip(lexical.values, dense.values, strict=True)]
    values = tuple(ndcg(legs, CHOSEN(legs, arguments.depth)) for legs in all_legs)
    shown.append(Judged("CHOSEN", values, tuple(b - v for b, v in zip(better, values, strict=True))))
    print(f"{'best BM25 listed':<44}" + "".join(f"{BEST_BM25[name]:>14.4f}" for name in names))
    for one in (lexical, dense, *shown):
        print(f"{one.name:<44}" + "".join(f"{value:>14.4f}" for value in one.values), end="")
        print(f"{one.mean:>8.4f}{-max(one.losses):>+8.4f}{'  passes' if one.passes else ''}")
    if arguments.leave_one_out:
        print("\nleave one set out: constants chosen on the others, loss against the better leg on the one left out")
        for family, judged in families.items():
            held = [(chosen(judged, [j for j in everything if j != i]), i) for i in everything]
            print(f"{family:<44}" + "".join(f"{-one.losses[i]:>+14.4f}" for one, i in held), end="")
            values = [one.values[i] for one, i in held]
            print(f"{sum(values) / len(values):>8.4f}{-max(one.losses[i] for one, i in held):>+8.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
