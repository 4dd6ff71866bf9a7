"""Trains the builtin encoder: `python training/student/train.py --help`; README.md says what it learns from and how.

A small English sentence encoder is taught Chinese. Its vocabulary gains Chinese words and characters; a Chinese
sentence is pulled to the vector that the teacher gives its English side; English is rehearsed so that it stays
where it was; questions and headings are pulled to the Chinese text that belongs to them.
"""

import argparse
import copy
import json
import logging
import pickle
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import data
import numpy as np
import torch
from data import Record, Sampler, Texts
from model import Student, load_teacher, teacher_folder, teacher_weights
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from qianxun.models.tokens import Tokenizer

logger = logging.getLogger("train")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training can vary; README.md explains the losses."""

    n_learned: int = 22_000
    held_out: float = 0.02
    longest: int = 256
    longest_pair: int = 128
    batch_tokens: int = 9000
    batch_texts: int = 384
    rate_words: float = 1.5e-3
    rate_body: float = 1.2e-4
    warm_up: int = 200
    imitation: float = 0.62
    rehearsal: float = 0.23
    source_power: float = 0.6
    temperature: float = 0.05
    contrast: float = 0.3
    similarity: float = 5.0
    pairs: float = 0.5
    tokens: float = 2.0
    negatives: int = 8
    seed: int = 0


# Sources that are narrow, noisy or teach single words: drawn less often than their size asks for.
WORTH = {
    "mojlaw_tw": 0.6, "quran_json": 0.7, "bible_web": 0.6, "tatoeba_manythings": 2.0, "cc_cedict": 0.7,
    "cc_cedict_long_gloss": 0.4, "wordnet_lemmas": 0.5, "wordnet_definitions": 0.4, "cldr_names": 0.7,
}  # fmt: skip
PAIR_WORTH = {"mojlaw_tw": 0.25, "lawrefbook": 0.6, "xiehouyu": 0.15, "ms_dynamics_ops": 0.6, "toyhom_medical": 1.6}


@dataclass
class Prepared:
    """Everything made once from text."""

    tokens: list[str]
    scores: list[float]
    kept: list[int]
    first: np.ndarray  # learned rows of the embedding at the start
    sources: list[str]
    zh: Texts
    en: Texts
    teacher: np.ndarray  # (n, dim) float16, of the English sides
    pair_sources: list[str]
    same: np.ndarray
    queries: Texts
    passages: Texts
    negatives: np.ndarray
    held: list[Record]

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokeniser of this vocabulary."""
        return Tokenizer(self.tokens, self.scores)


def prepare(parallel: list[Record], pairs: list[Record], settings: Settings) -> Prepared:
    """Vocabulary, tokens, where learning starts, what the teacher says, hard negatives."""
    rng = np.random.default_rng(settings.seed)
    training, held = data.split(parallel, settings.held_out)
    logger.info("%d parallel records, %d held out, %d pairs", len(training), len(held), len(pairs))
    old = (teacher_folder() / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    kept = data.kept_pieces(old)
    groups = {f"zh {name}": (1.0, texts) for name, texts in data.by_source(training, "zh").items()}
    groups |= {f"a {name}": (0.5, texts) for name, texts in data.by_source(pairs, "a").items()}
    groups |= {f"b {name}": (0.5, texts) for name, texts in data.by_source(pairs, "b").items()}
    words, word_scores = data.han_vocabulary(groups, settings.n_learned)
    tokens = [old[number] for number in kept] + words
    scores = [min(word_scores)] * len(kept) + word_scores
    tokenizer = Tokenizer(tokens, scores)
    logger.info("vocabulary: %d kept, %d learned, last %s", len(kept), len(words), words[-8:])
    zh = data.tokenised(tokenizer, [r["zh"] for r in training])
    en = data.tokenised(tokenizer, [r["en"] for r in training])
    queries = data.tokenised(tokenizer, [r["a"] for r in pairs])
    passages = data.tokenised(tokenizer, [r["b"] for r in pairs])
    sources = [r["src"] for r in training]

    # Longer texts: two to six records of one source behind each other. The teacher reads them as one.
    groups_of: list[list[int]] = []
    places: dict[str, list[int]] = {}
    for i, source in enumerate(sources):
        if zh.lengths[i] >= 6:
            places.setdefault(source, []).append(i)
    for group in places.values():
        order = rng.permutation(group).tolist()
        while order:
            size = int(rng.integers(2, 7))
            groups_of.append(order[:size])
            order = order[size:]
    longer_zh, longer_en = data.joined(zh, groups_of), data.joined(en, groups_of)
    sources += [sources[group[0]] + " longer" for group in groups_of]
    zh = Texts(
        np.concatenate([zh.numbers, longer_zh.numbers]),
        np.concatenate([zh.starts, zh.starts[-1] + longer_zh.starts[1:]]),
    )
    en = Texts(
        np.concatenate([en.numbers, longer_en.numbers]),
        np.concatenate([en.starts, en.starts[-1] + longer_en.starts[1:]]),
    )
    lengths = zh.lengths.mean(), en.lengths.mean()
    logger.info("tokens a record: %.1f zh, %.1f en; %d longer records", *lengths, len(groups_of))

    teacher = Student(len(kept), 1)
    load_teacher(teacher, teacher_weights(), kept)
    english = teacher.fixed.weight.detach().numpy()
    n = len(training)
    started = time.monotonic()
    first = data.first_embedding(
        Texts(zh.numbers[: zh.starts[n]], zh.starts[: n + 1]),
        Texts(en.numbers[: en.starts[n]], en.starts[: n + 1]),
        english,
        len(kept),
        len(words),
    )
    logger.info("first embedding in %.0f s", time.monotonic() - started)
    for word in ("天气", "糖尿病", "总统"):
        if word in words:
            row = first[words.index(word)]
            near = np.argsort(-(english @ row) / np.linalg.norm(english, axis=1))[:5]
            logger.info("%s ~ %s", word, [tokens[i] for i in near])
    started = time.monotonic()
    vectors = encode(teacher.bfloat16(), en, tokenizer, settings.longest)
    logger.info("teacher in %.0f s", time.monotonic() - started)
    started = time.monotonic()
    _, same = np.unique([r["a"] for r in pairs], return_inverse=True)
    negatives = data.hard_negatives(queries, passages, same, settings.negatives, len(tokens))
    logger.info("hard negatives in %.0f s", time.monotonic() - started)
    return Prepared(
        tokens, scores, kept, first, sources, zh, en, vectors.astype(np.float16),
        [r["src"] for r in pairs], same, queries, passages, negatives, held,
    )  # fmt: skip


def encode(model: Student, texts: Texts, tokenizer: Tokenizer, longest: int, batch_tokens: int = 16384) -> np.ndarray:
    """Unit vectors of all texts, `(n, dim) float32`."""
    found = np.zeros((len(texts), model.shape.dim), dtype=np.float32)
    lengths = np.minimum(texts.lengths + 2, longest)
    order = np.argsort(lengths, kind="stable")
    start = 0
    with torch.inference_mode():
        while start < len(order):
            size = max(1, min(1024, batch_tokens // int(lengths[order[min(start + 255, len(order) - 1)]])))
            batch = order[start : start + size]
            found[batch] = model(*data.padded([texts[i] for i in batch], tokenizer, longest)).float().numpy()
            start += size
    return found


class Training:
    """One run: half-precision weights for the passes, full-precision ones that learn."""

    def __init__(self, prepared: Prepared, settings: Settings, start: Path | None = None) -> None:
        self.settings = settings
        self.prepared = prepared
        self.tokenizer = prepared.tokenizer
        self.model = Student(len(prepared.kept), len(prepared.first))
        load_teacher(self.model, teacher_weights(), prepared.kept)
        with torch.no_grad():
            self.model.learned.weight.copy_(torch.from_numpy(prepared.first))
        self.unchanged = copy.deepcopy(self.model).bfloat16().requires_grad_(False)
        self.seen: Counter[str] = Counter()
        if start is not None:
            before = torch.load(start, weights_only=True)
            if before["tokens"] != prepared.tokens:
                raise SystemExit(f"{start} has another vocabulary than --work: go on with the text it began with.")
            self.model.load_state_dict(before["weights"])
            self.seen.update(before["seen"])
        self.full = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.model.bfloat16()
        self.light = dict(self.model.named_parameters())
        words, body = [], []
        for name, p in self.full.items():
            if not name.startswith("fixed."):
                p.requires_grad_(True)
                (words if name.startswith("learned.") else body).append(p)
        self.optimizer = torch.optim.AdamW(
            [{"params": words, "lr": 0.0}, {"params": body, "lr": 0.0}], weight_decay=0.0, betas=(0.9, 0.98), fused=True
        )
        rng = np.random.default_rng([settings.seed + 1, self.seen.total()])  # a run that goes on draws other batches
        self.rng = rng
        worth = {name: WORTH.get(name, 1.0) for name in set(prepared.sources)}
        for name in worth:
            if name.endswith(" longer"):
                worth[name] = 0.35 * WORTH.get(name.removesuffix(" longer"), 1.0)
        weights = data.source_weights(prepared.sources, settings.source_power, worth)
        sampler = lambda lengths, w, most: Sampler(  # noqa: E731
            np.minimum(lengths + 2, settings.longest), w, settings.batch_tokens, most, rng
        )
        self.imitate = sampler(prepared.zh.lengths, weights, settings.batch_texts)
        self.rehearse = sampler(prepared.en.lengths, weights, settings.batch_texts)
        self.teacher = torch.from_numpy(prepared.teacher)
        pair_weights = data.source_weights(prepared.pair_sources, settings.source_power, PAIR_WORTH)
        # A pair costs its query, its passage and a negative of about the passage's length. Most of what tells a
        # passage from others stands at its beginning, and more pairs in a batch are worth more than longer ones.
        passage_lengths = np.minimum(prepared.passages.lengths, settings.longest_pair)
        self.match = Sampler(
            2 * passage_lengths + prepared.queries.lengths, pair_weights, settings.batch_tokens, 96, rng
        )

    def _vectors(self, texts: Sequence[np.ndarray], longest: int = 0) -> Tensor:
        return self.model(*data.padded(texts, self.tokenizer, longest or self.settings.longest))

    def _imitation(self, texts: Texts, batch: np.ndarray) -> Tensor:
        wanted = self.teacher[batch].float()
        got = self._vectors([texts[i] for i in batch])
        here = torch.arange(len(batch))
        # Different records with one meaning are no negatives of each other.
        meant = wanted @ wanted.T
        alike = (meant > 0.95) & ~torch.eye(len(batch), dtype=torch.bool)
        scores = (got @ wanted.T / self.settings.temperature).masked_fill(alike, -1e4)
        return (
            (1 - (got * wanted).sum(1)).mean()
            + self.settings.contrast * cross_entropy(scores, here)
            + self.settings.similarity * ((got @ got.T - meant) ** 2).mean()
        )

    def _rehearsal(self, batch: np.ndarray) -> Tensor:
        """English stays where it was, token by token: a far stronger hold than that of the pooled vectors alone."""
        texts = data.padded([self.prepared.en[i] for i in batch], self.tokenizer, self.settings.longest)
        got, real = self.model.states(*texts)
        with torch.no_grad():
            wanted, _ = self.unchanged.states(*texts)
        here = real[..., None]
        apart = torch.where(here, (got.float() - wanted.float()) ** 2, 0).sum()
        tokens = apart / torch.where(here, wanted.float() ** 2, 0).sum()
        means = [normalize(torch.where(here, states.float(), 0).sum(1), dim=1) for states in (got, wanted)]
        texts_apart = (1 - (means[0] * means[1]).sum(1)).mean()
        return self.settings.tokens * tokens + 4 * texts_apart

    def _matching(self, batch: np.ndarray) -> Tensor:
        p = self.prepared
        drawn = p.negatives[batch, self.rng.integers(0, p.negatives.shape[1], len(batch))]
        negatives = drawn[drawn >= 0]
        passages = np.concatenate([batch, negatives])
        asked = self._vectors([p.queries[i] for i in batch])
        found = self._vectors([p.passages[i] for i in passages], self.settings.longest_pair)
        here = torch.arange(len(batch))
        same = torch.from_numpy(p.same[batch][:, None] == p.same[passages][None, :])
        same[here, here] = False
        scores = (asked @ found.T / self.settings.temperature).masked_fill(same, -1e4)
        n = len(batch)
        return self.settings.pairs * (cross_entropy(scores, here) + 0.5 * cross_entropy(scores[:, :n].T, here))

    def step(self, factor: float) -> tuple[str, float]:
        """One batch of one kind, chosen by chance; `factor` in [0, 1] scales the rates."""
        s = self.settings
        draw = self.rng.random()
        if draw < s.imitation:
            kind, batch = "imitation", next(self.imitate)
            loss = self._imitation(self.prepared.zh, batch)
        elif draw < s.imitation + s.rehearsal:
            kind, batch = "rehearsal", next(self.rehearse)
            loss = self._rehearsal(batch)
        else:
            kind, batch = "matching", next(self.match)
            loss = self._matching(batch)
        self.seen[kind] += len(batch)
        loss.backward()
        for name, p in self.full.items():
            if p.requires_grad:
                grad = self.light[name].grad
                p.grad = None if grad is None else grad.float()
                self.light[name].grad = None
        torch.nn.utils.clip_grad_norm_([p for p in self.full.values() if p.requires_grad], 1.0)
        self.optimizer.param_groups[0]["lr"] = s.rate_words * factor
        self.optimizer.param_groups[1]["lr"] = s.rate_body * factor
        self.optimizer.step()
        with torch.no_grad():
            for name, p in self.full.items():
                if p.requires_grad:
                    self.light[name].copy_(p)
        return kind, loss.item()

    def save(self, path: Path) -> None:
        """The full-precision weights, the vocabulary and the settings, for `export.py`."""
        torch.save(
            {
                "weights": {name: p.detach().clone() for name, p in self.full.items()},
                "tokens": self.prepared.tokens,
                "scores": self.prepared.scores,
                "settings": asdict(self.settings),
                "seen": dict(self.seen),
            },
            path.with_suffix(".part"),
        )
        path.with_suffix(".part").replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the builtin encoder.")
    parser.add_argument("--parallel", type=Path, nargs="+", required=True, help="JSON lines of zh, en, src")
    parser.add_argument("--pairs", type=Path, nargs="+", required=True, help="JSON lines of a, b, src")
    parser.add_argument("--work", type=Path, default=Path("training/cache"), help="what is made once; checkpoints")
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from: learning rates rise and fall once more")
    parser.add_argument("--rate", type=float, default=1.0, help="scales the highest learning rates")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(given.threads)
    settings = Settings()
    torch.manual_seed(settings.seed)
    given.work.mkdir(parents=True, exist_ok=True)
    made = given.work / "prepared.pickle"
    if made.exists():
        prepared: Prepared = pickle.loads(made.read_bytes())
    else:
        prepared = prepare(data.read(given.parallel), data.read(given.pairs), settings)
        made.write_bytes(pickle.dumps(prepared, protocol=5))
        (given.work / "held.jsonl").write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in prepared.held), encoding="utf-8"
        )
    training = Training(prepared, settings, given.start)
    logger.info("training for %.0f minutes", given.minutes)
    started, n, saved = time.monotonic(), 0, 0.0
    recent: dict[str, list[float]] = {}
    while (spent := (time.monotonic() - started) / 60) < given.minutes:
        factor = given.rate * min(1.0, (n + 1) / settings.warm_up) * max(0.01, 1 - spent / given.minutes)
        kind, loss = training.step(factor)
        recent.setdefault(kind, []).append(loss)
        n += 1
        if n % 50 == 0:
            logger.info("%d %.1f min %s", n, spent, {k: round(float(np.mean(v[-40:])), 4) for k, v in recent.items()})
        if spent - saved > 5:
            training.save(given.work / "student.pt")
            saved = spent
    training.save(given.work / "student.pt")
    logger.info("done: %d steps, %s", n, dict(training.seen))


if __name__ == "__main__":
    main()
