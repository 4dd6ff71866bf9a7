"""Quality of extractive answers: does the answer hold the answer, and is what cannot be answered refused?

    python -m bench.answers [DATASET…] [--json OUT.json] [--limit N] [--fit] [--set KEY=VALUE]…

DATASET is a folder of one of two layouts (default: those of `DATASETS` below `$BENCH_SHARED/data/dev`).
One like `rgb-rag` has `qa.jsonl.gz`: answerable and unanswerable questions with the aliases of each part
of the answer. An answer *holds* the answer if an alias of every part occurs in its text (after folding,
white space removed). One in BEIR layout only judges evidence: at most 300 questions, evenly spaced, each
once as it is found and once with its relevant documents taken out of the result. "off topic" are questions
with what was found for a question of another set. AUROC: how often a question that can be answered has
stronger evidence than one that cannot (0.5: chance).

Rates come with n and the 95 % Wilson interval. A question is in the `fit` half if the SHA-1 of its id is
even; `--fit` fits the coefficients of `qianxun.answering.evidence` on that half and prints them. The other
half is `held out`.
"""

import argparse
import gzip
import hashlib
import json
import math
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.corpus import shared
from qianxun import assemble
from qianxun.answering import evidence, extract
from qianxun.answering.answer import _similarities
from qianxun.answering.pack import pack
from qianxun.evaluation.datasets import read_dataset
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Answer, Passage
from qianxun.retrieval.search import Searcher
from qianxun.settings import Settings, load_settings
from qianxun.text import fold

DATASETS = (
    "rgb-rag", "xquad-mixed", "xquad-zh-to-en", "xquad-en-to-zh", "xquad-zh-to-zh", "xquad-en-to-en", "drcd-zht",
    "cmrc2018-zh",
)  # fmt: skip
N_QUESTIONS, N_OFF_TOPIC = 300, 900
OFF_TOPIC = "off topic"
# Passages asked for, so that enough are left when the relevant ones are taken out.
DEPTH = 24


@dataclass(frozen=True)
class Judged:
    """A question with the passages found for it. `answerable`: they are thought to hold the answer."""

    dataset: str
    id: str
    question: str
    answerable: bool
    passages: tuple[Passage, ...]
    term_weights: dict[str, float]


@dataclass(frozen=True)
class Weighed:
    """A judged question's evidence in [0, 1], and what it comes from (None: nothing to quote)."""

    judged: Judged
    strength: float
    features: evidence.Features | None


def rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def holds(text: str, parts: list[list[str]]) -> bool:
    """True if an alias of every part occurs in the text."""
    where = "".join(fold(text).split())
    return all(any("".join(fold(alias).split()) in where for alias in part) for part in parts)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def half(identifier: str) -> str:
    return "fit" if hashlib.sha1(identifier.encode()).digest()[-1] % 2 == 0 else "held out"


def measured(questions: list[dict], answers: list[Answer]) -> dict[str, dict[str, float | int]]:
    """Rates by language and split: `hits` of `n`, the rate and its interval."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(name: str, hit: bool) -> None:
        counts[name][0] += hit
        counts[name][1] += 1

    for question, given in zip(questions, answers, strict=True):
        refused = given.verdict == "no_evidence"
        for group in ("all", question["lang"], half(question["id"])):
            if not question["answerable"]:
                count(f"refused, unanswerable ({group})", refused)
                continue
            count(f"holds the answer ({group})", not refused and holds(given.text, question["answer_parts"]))
            count(f"wrongly refused ({group})", refused)
    for given in answers:
        for citation in given.citations:
            count("quotes that check as supported", citation.support == "supported")
    result: dict[str, dict[str, float | int]] = {}
    for name, (hits, n) in sorted(counts.items()):
        low, high = wilson(hits, n)
        result[name] = {"hits": hits, "n": n, "rate": hits / n, "low": low, "high": high}
    return result


def beir_questions(path: Path, kb: KnowledgeBase, searcher: Searcher, limit: int) -> Iterator[Judged]:
    """Each question twice: as it is found, and with its relevant documents taken out."""
    dataset = read_dataset(path)
    kb.add_texts(TextItem(d.id, d.title, d.text) for d in dataset.documents())
    step = max(1, math.ceil(len(dataset.questions) / limit))
    for id, question in list(dataset.questions.items())[::step]:
        relevant = {document for document, grade in dataset.judgements[id].items() if grade > 0}
        found, weights = kb.search(question, k=DEPTH).passages, searcher.term_weights(question)
        yield Judged(dataset.name, id, question, True, found, weights)
        rest = tuple(p for p in found if p.source not in relevant)
        yield Judged(dataset.name, id, question, False, rest, weights)


def off_topic(judged: Sequence[Judged], n: int) -> Iterator[Judged]:
    """Questions with the passages of a question of an unrelated set (the XQuAD sets are one text)."""
    chance = random.Random(0)
    answerable = [j for j in judged if j.answerable]
    family = [j.dataset.partition("-")[0] for j in answerable]
    if len(set(family)) < 2:
        return
    for i in sorted(chance.sample(range(len(answerable)), min(n, len(answerable)))):
        other = chance.choice([k for k in range(len(answerable)) if family[k] != family[i]])
        asked = answerable[i]
        yield Judged(OFF_TOPIC, asked.id, asked.question, False, answerable[other].passages, asked.term_weights)


def weighed(judged: Judged, similarities: extract.Similarities, settings: Settings) -> Weighed:
    """Its evidence, as `ask` computes it."""
    found = extract.candidates(
        judged.question,
        pack(judged.passages, settings.answer.passages),
        term_weights=judged.term_weights,
        similarities=similarities,
    )
    strength = evidence.evidence(judged.question, found)
    return Weighed(judged, strength, evidence.features(judged.question, found) if found else None)


def auroc(answerable: Sequence[float], unanswerable: Sequence[float]) -> float | None:
    """How often an answerable question has the stronger evidence; ties count half. None if one kind is missing."""
    if not answerable or not unanswerable:
        return None
    a, b = np.asarray(answerable)[:, None], np.asarray(unanswerable)[None, :]
    return float((a > b).mean() + (a == b).mean() / 2)


def evidence_table(of_all: Sequence[Weighed], min_support: float) -> list[dict[str, object]]:
    """A row for each set, and the off-topic questions within one language and across; held-out half only."""
    rows_of: dict[str, list[Weighed]] = defaultdict(list)
    for w in of_all:
        if half(w.judged.id) == "held out":
            rows_of[w.judged.dataset].append(w)
            if w.judged.dataset == OFF_TOPIC and w.features:
                rows_of[f"{OFF_TOPIC}, {'across languages' if w.features.across else 'one language'}"].append(w)
    table: list[dict[str, object]] = []
    for name, group in rows_of.items():
        yes, no = ([w.strength for w in group if w.judged.answerable is kind] for kind in (True, False))
        row: dict[str, object] = {"set": name, "auroc": auroc(yes, no)}
        for measure, strengths in (("refused", no), ("wrongly_refused", yes)):
            hits = sum(s < min_support for s in strengths)
            low, high = wilson(hits, len(strengths))
            row[measure] = {"hits": hits, "n": len(strengths), "low": low, "high": high}
        table.append(row)
    return table


def print_evidence(table: Sequence[dict[str, object]]) -> None:
    print(f"\n{'evidence, held-out half':28} AUROC  {'refused of what cannot be answered':36} wrongly refused")
    for row in table:
        area = "    -" if row["auroc"] is None else f"{row['auroc']:5.2f}"
        print(f"{row['set']!s:28} {area}  {share(row['refused']):36} {share(row['wrongly_refused'])}")


def share(f: dict) -> str:
    return f"{f['hits'] / f['n']:.2f} ({f['low']:.2f} to {f['high']:.2f}), n {f['n']}" if f["n"] else "-"


def fitted(of_all: Sequence[Weighed]) -> dict[str, dict[str, float]]:
    """The coefficients of evidence, fitted on the fit half: a set counts as much as another, rgb-rag and the
    off-topic questions as two; 7 in 10 can be answered. A strange identifier has a weight set by hand; a conflict
    across languages is too rare to fit and weighs what it does within one."""
    use = [w for w in of_all if w.features and not w.features.strange]
    sizes: dict[tuple[str, bool], int] = defaultdict(int)
    for w in use:
        sizes[w.judged.dataset, w.judged.answerable] += 1

    def weight(w: Weighed) -> float:
        counts = 2 if w.judged.dataset in ("rgb-rag", OFF_TOPIC) else 1
        return 1000 * counts * (7 / 3 if w.judged.answerable else 1) / sizes[w.judged.dataset, w.judged.answerable]

    result: dict[str, dict[str, float]] = {}
    conflict = 0.0
    for name, across in (("_SAME_LANGUAGE", False), ("_ACROSS_LANGUAGES", True)):
        part = [w for w in use if w.features and w.features.across is across and half(w.judged.id) == "fit"]
        columns = ("covered", "similar") if across else ("covered", "similar", "conflict")
        x = np.array([[1.0, *(getattr(w.features, c) for c in columns)] for w in part])
        fixed = np.array([conflict * w.features.conflict if w.features and across else 0.0 for w in part])
        y = np.array([float(w.judged.answerable) for w in part])
        b = logistic(x, y, np.array([weight(w) for w in part]), fixed)
        result[name] = dict(zip(("bias", *columns), (round(float(v), 2) for v in b), strict=True))
        conflict = result[name].setdefault("conflict", conflict)
    return result


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, fixed: np.ndarray, ridge: float = 0.05) -> np.ndarray:
    """Newton's method for a weighted logistic regression; column 0 is the bias, which the ridge spares."""
    b, kept = np.zeros(x.shape[1]), np.r_[0.0, np.full(x.shape[1] - 1, ridge)]
    for _ in range(60):
        p = 1 / (1 + np.exp(-(x @ b + fixed)))
        slope = x.T @ (weight * (p - y)) + kept * b
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(kept + 1e-9)
        b -= np.linalg.solve(curve, slope)
    return b


def asked(path: Path, kb: KnowledgeBase, searcher: Searcher, limit: int | None) -> tuple[dict, list[Judged]]:
    """Every question of a set like rgb-rag answered: the figures, and what evidence is judged on."""
    questions = list(rows(path / "qa.jsonl.gz"))[:limit]
    kb.add_texts(TextItem(d["_id"], d["title"], d["text"]) for d in rows(path / "corpus.jsonl.gz"))
    kb.ask(questions[0]["question"])  # makes the parts, so that the times below are of asking alone
    answers, seconds = [], []
    for question in questions:
        start = time.perf_counter()
        answers.append(kb.ask(question["question"]))
        seconds.append(time.perf_counter() - start)
    figures = measured(questions, answers)
    print(f"{path.name:44} {'hits':>5} {'n':>5}   rate   95 % interval")
    for name, f in figures.items():
        print(f"{name:44} {f['hits']:5} {f['n']:5}  {f['rate']:.3f}   {f['low']:.3f} to {f['high']:.3f}")
    n_quoted = sum(len(a.citations) for a in answers if a.citations) / max(1, sum(1 for a in answers if a.citations))
    print(f"quotes per answer {n_quoted:.2f}; median {1000 * float(np.median(seconds)):.1f} ms per question")
    judged = [
        Judged(
            path.name,
            q["id"],
            q["question"],
            q["answerable"],
            kb.search(q["question"], k=DEPTH).passages,
            searcher.term_weights(q["question"]),
        )
        for q in questions
    ]
    return figures, judged


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", metavar="DATASET")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--limit", type=int, help="at most N questions of each set")
    parser.add_argument("--fit", action="store_true", help="print fitted coefficients too")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `qianxun`")
    given = parser.parse_args(arguments)
    folders = given.data or [shared() / "data" / "dev" / name for name in DATASETS]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}; set BENCH_SHARED or name the data sets")
    settings = load_settings(overrides=given.set, environ={})
    encoder = assemble.encoder(settings)
    figures: dict[str, dict] = {}
    judged: list[Judged] = []
    for path in folders:
        with tempfile.TemporaryDirectory() as folder, open_knowledge_base(folder, settings=settings) as kb:
            searcher = kb._searcher
            if (path / "qa.jsonl.gz").exists():
                figures[path.name], found = asked(path, kb, searcher, given.limit)
            else:
                found = list(beir_questions(path, kb, searcher, min(given.limit or N_QUESTIONS, N_QUESTIONS)))
            judged += found
    judged += list(off_topic(judged, N_OFF_TOPIC))
    of_all = [weighed(j, _similarities(encoder), settings) for j in judged]
    table = evidence_table(of_all, settings.answer.min_support)
    print_evidence(table)
    if given.fit:
        print(json.dumps(fitted(of_all), indent=1))
    print(f"encoder {encoder.fingerprint}")
    if given.json:
        text = json.dumps({"figures": figures, "evidence": table, "encoder": encoder.fingerprint}, ensure_ascii=False)
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
