"""Is what cannot be answered refused, and is the probability that says so right?

    python -m bench.refusal [DATASET…] [--fit] [--write] [--json OUT.json] [--limit N] [--again] [--set KEY=VALUE]…

At most N questions of each development set (default 240, evenly spaced), each asked once. By bits of the SHA-1
of its id, a question is asked as it is (half of them), or with its relevant documents kept out of the search by a
filter (two fifths); in place of the last tenth, questions of sets on other subjects are asked ("off topic"). rgb-rag
also has questions of its own that cannot be answered; all of its questions are asked.

The passages *hold the answer* if a relevant document is among them, and an answer stands in what they show of it
where the set knows the answers. Questions of rgb-rag whose answer stands in the passages all the same are left out.

Another bit makes the `fit` half, whose coefficients `--fit` writes to `src/qianxun/answering/evidence.json`;
every figure is of the other half, at the setting `answer.min_support` unless a threshold is named. Two sets are
never fitted on and not in the totals: of cmed-zh only the recorded reply counts as relevant, although others
answer as well, and cranfield-en asks for abstracts on a subject, not for what stands in a sentence. Parallel
questions of the XQuAD sets are in one half. Intervals are 95 %: Wilson for shares, 2,000 bootstrap resamples of
the questions for AUROC.

What searching and encoding give is kept in `bench/cache/refusal`, by encoder, settings and the code that it
comes from; `--again` makes it anew. `--write` writes the tables into `docs/evaluation.md`.
"""

import argparse
import datetime
import hashlib
import json
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import qianxun
from bench.answers import holds, rows, share, wilson, write_block
from bench.corpus import shared
from bench.rows import WORK
from qianxun import assemble
from qianxun.answering import evidence, extract
from qianxun.answering.pack import pack
from qianxun.answering.quoting import similarities_by
from qianxun.evaluation.datasets import read_dataset
from qianxun.filters import Equals, Not, Or
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.protocols import Encoder
from qianxun.records import Passage
from qianxun.settings import Settings, load_settings
from qianxun.text import script

DATASETS = (
    "xquad-zh-to-zh", "xquad-en-to-en", "xquad-zh-to-en", "xquad-en-to-zh", "xquad-mixed", "cmrc2018-zh", "drcd-zht",
    "rgb-rag", "cranfield-en", "cmed-zh",
)  # fmt: skip
NOT_COUNTED = ("cranfield-en", "cmed-zh")
N_QUESTIONS = 240
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
N_BINS = 10
AS_IS, REMOVED, OFF_TOPIC, OF_THE_SET = "as it is", "relevant removed", "off topic", "unanswerable"


@dataclass(frozen=True)
class Question:
    """A question of a set, the documents that answer it, and its answers (aliases by part), where known."""

    id: str
    text: str
    relevant: tuple[str, ...]
    parts: list[list[str]]
    answerable: bool


@dataclass(frozen=True)
class Judged:
    """A question as it was asked: whether what was found holds the answer, and by what evidence judges that.

    `features` is None where there was nothing to quote.
    """

    dataset: str
    id: str
    question: str
    asked: str
    holds: bool
    features: evidence.Features | None

    @property
    def direction(self) -> str:
        """The languages of the question and of the best sentence."""
        languages = ("Chinese", "English") if script(self.question) == "cjk" else ("English", "Chinese")
        across = self.features is not None and self.features.across
        return f"question {languages[0]}, text {languages[across]}"


def bits(id: str) -> bytes:
    """The bytes that decide what is done with a question; parallel questions of XQuAD have the same."""
    return hashlib.sha1(re.sub(r"^xq-q-(en|zh)-", "xq-q-", id).encode()).digest()


def is_fitted_on(judged: Judged) -> bool:
    return bits(judged.id)[-1] % 2 == 0


def how_asked(question: Question) -> str:
    if not question.answerable:
        return OF_THE_SET
    return AS_IS if bits(question.id)[-2] % 2 else REMOVED


def questions_of(path: Path, limit: int) -> list[Question]:
    """The questions of a set: all of one like rgb-rag, else at most `limit`, evenly spaced."""
    dataset = read_dataset(path)

    def relevant(id: str) -> tuple[str, ...]:
        return tuple(document for document, grade in dataset.judgements.get(id, {}).items() if grade > 0)

    if (path / "qa.jsonl.gz").exists():
        return [
            Question(q["id"], q["question"], relevant(q["id"]), q["answer_parts"], q["answerable"])
            for q in rows(path / "qa.jsonl.gz")
        ]
    answers = {row["_id"]: row.get("metadata", {}).get("answers") for row in rows(path / "queries.jsonl.gz")}
    step = max(1, len(dataset.questions) // limit)
    return [
        Question(id, text, relevant(id), [answers[id]] if answers[id] else [], True)
        for id, text in list(dataset.questions.items())[::step][:limit]
    ]


def to_ask(path: Path, questions: dict[str, list[Question]], limit: int) -> list[tuple[Question, str]]:
    """What a set's knowledge base is asked, and how. Off topic are questions of sets with another subject."""
    own = [(q, how_asked(q)) for q in questions[path.name]]
    own = [(q, how) for q, how in own if how != REMOVED or bits(q.id)[-3] % 5]
    subject = path.name.partition("-")[0]
    others = [q for name, of_set in questions.items() if name.partition("-")[0] != subject for q in of_set]
    chosen = random.Random(path.name).sample(others, min(limit // 10, len(others)))
    return own + [(q, OFF_TOPIC) for q in chosen]


def holds_answer(question: Question, asked: str, passages: Sequence[Passage], *, by_text: bool) -> bool | None:
    """Whether the passages hold the answer; None if that cannot be told. `by_text`: answers are unmistakable."""
    if asked == REMOVED and by_text and holds(_joined(passages), question.parts):
        return None
    relevant = [p for p in passages if p.source in question.relevant] if asked == AS_IS else []
    return bool(relevant) and (not question.parts or holds(_joined(relevant), question.parts))


def _joined(passages: Sequence[Passage]) -> str:
    return "\n".join(f"{p.context}\n{p.text}" for p in passages)


def judged(
    kb: KnowledgeBase, encoder: Encoder, path: Path, ask: Iterable[tuple[Question, str]], settings: Settings
) -> Iterator[Judged]:
    """Each question asked as `ask` does it, up to the evidence."""
    n = settings.answer.passages
    by_text = (path / "qa.jsonl.gz").exists()
    for question, asked in ask:
        removed = Not(Or(tuple(Equals("source", id) for id in question.relevant))) if asked == REMOVED else None
        passages = pack(kb.search(question.text, k=n, where=removed).passages, n)
        verdict = holds_answer(question, asked, passages, by_text=by_text)
        if verdict is None:
            continue
        found = extract.candidates(
            question.text,
            passages,
            term_weights=kb._searcher.term_weights(question.text),
            similarities=similarities_by(encoder),
        )
        features = evidence.features(found) if found else None
        yield Judged(path.name, question.id, question.text, asked, verdict, features)


def collected(folders: Sequence[Path], settings: Settings, limit: int, *, again: bool) -> list[Judged]:
    """Every set's judged questions, from the files of an earlier run where they still fit."""
    encoder = assemble.encoder(settings)
    work = WORK / "refusal" / encoder.fingerprint
    questions = {path.name: questions_of(path, limit) for path in folders}
    found: list[Judged] = []
    for path in folders:
        ask = to_ask(path, questions, limit)
        kept = work / f"{path.name}-{print_of(ask, settings)}.jsonl"
        if again or not kept.exists():
            start = time.perf_counter()
            (work / "kb").mkdir(parents=True, exist_ok=True)
            with open_knowledge_base(work / "kb" / path.name, settings=settings) as kb:
                kb.add_texts(TextItem(d.id, d.title, d.text) for d in read_dataset(path).documents())
                made = list(judged(kb, encoder, path, ask, settings))
            lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in made)
            part = kept.with_suffix(".part")
            part.write_text("".join(lines), encoding="utf-8")
            part.replace(kept)
            print(f"{path.name}: {len(made)} questions, {time.perf_counter() - start:.0f} s", flush=True)
        for line in kept.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            known = one.pop("features")
            found.append(Judged(**one, features=evidence.Features(**known) if known else None))
    return found


def print_of(ask: Sequence[tuple[Question, str]], settings: Settings) -> str:
    """Changes when what is kept would: with the questions, the settings, and the code that searches and reads."""
    package = Path(qianxun.__file__).parent
    digest = hashlib.sha256(repr(([(q.id, how) for q, how in ask], settings)).encode())
    for room in ("answering", "documents", "retrieval"):
        for module in sorted((package / room).glob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:12]


# -- fitting -----------------------------------------------------------------------------------------------


def fitted(found: Sequence[Judged], encoder: str) -> list[evidence.Calibration]:
    """Coefficients for the encoder, and those of words alone; fitted on the fit half, each question counting once."""
    use = [j for j in found if is_fitted_on(j) and j.dataset not in NOT_COUNTED and j.features]
    use = [j for j in use if j.features and not j.features.strange]
    within, across = ([j for j in use if j.features and j.features.across is kind] for kind in (False, True))
    every = tuple(evidence.SIGNS)
    return [
        evidence.Calibration(encoder, _coefficients(within, every), _coefficients(across, every)),
        evidence.Calibration("", _coefficients(within, evidence.LEXICAL)),
    ]


def _coefficients(use: Sequence[Judged], names: Sequence[str]) -> dict[str, float]:
    """A feature that comes out against its sign is noise here: it is left out, and the rest fitted again."""
    x = np.array([[1.0, *(float(getattr(j.features, name)) for name in names)] for j in use])
    b = logistic(x, np.array([float(j.holds) for j in use]))
    kept = [name for name, value in zip(names, b[1:], strict=True) if value * evidence.SIGNS[name] > 0]
    if len(kept) < len(names):
        return _coefficients(use, kept)
    return dict(zip(("bias", *names), (round(float(value), 3) for value in b), strict=True))


def logistic(x: np.ndarray, y: np.ndarray, ridge: float = 0.1) -> np.ndarray:
    """Newton's method for a logistic regression; column 0 is the bias, which the ridge spares."""
    b, kept = np.zeros(x.shape[1]), np.r_[0.0, np.full(x.shape[1] - 1, ridge)]
    for _ in range(60):
        p = 1 / (1 + np.exp(-(x @ b)))
        slope = x.T @ (p - y) + kept * b
        curve = (x * (p * (1 - p))[:, None]).T @ x + np.diag(kept + 1e-9)
        b -= np.linalg.solve(curve, slope)
    return b


def save(calibrations: Sequence[evidence.Calibration], n: int) -> None:
    """Writes the coefficients where `qianxun.answering.evidence` reads them."""
    content = {
        "about": f"Written by `python -m bench.refusal --fit` from {n:,} questions, {datetime.date.today()}.",
        "calibrations": [asdict(one) for one in calibrations],
    }
    evidence.COEFFICIENTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    evidence._fitted.cache_clear()


# -- figures -----------------------------------------------------------------------------------------------


def auroc(p: np.ndarray, y: np.ndarray) -> float:
    """How often a question whose answer was found has the greater probability; ties count half. NaN without both."""
    _, where, counts = np.unique(p, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[where]
    yes, no = int(y.sum()), int((~y).sum())
    return float((rank[y].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else float("nan")


def bootstrapped(
    measure: Callable[[np.ndarray, np.ndarray], float], p: np.ndarray, y: np.ndarray
) -> tuple[float, float]:
    """The 95 % interval of a measure over 2,000 resamples of the questions."""
    chance = np.random.default_rng(0)
    drawn = (chance.integers(0, len(p), len(p)) for _ in range(2000))
    low, high = np.nanquantile([measure(p[i], y[i]) for i in drawn], [0.025, 0.975])
    return float(low), float(high)


def reliability(p: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """For each bin of probability: n, mean predicted, and the share observed with its interval."""
    place = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    table = []
    for bin in range(N_BINS):
        of_bin = place == bin
        n, hits = int(of_bin.sum()), int(y[of_bin].sum())
        low, high = wilson(hits, n)
        mean = float(p[of_bin].mean()) if n else None
        table.append(
            {
                "from": bin / N_BINS,
                "to": (bin + 1) / N_BINS,
                "n": n,
                "mean": mean,
                "hits": hits,
                "low": low,
                "high": high,
            }
        )
    return table


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """ECE: how far mean and share are apart in a bin, on average over the questions."""
    return sum(abs(b["mean"] * b["n"] - b["hits"]) for b in reliability(p, y) if b["n"]) / len(p)


def refusal(p: np.ndarray, y: np.ndarray, threshold: float) -> dict[str, Any]:
    """Refusing below the threshold: precision, recall, and the wrongly refused."""

    def of(hits: np.ndarray, among: np.ndarray) -> dict[str, Any]:
        low, high = wilson(int(hits.sum()), int(among.sum()))
        return {"hits": int(hits.sum()), "n": int(among.sum()), "low": low, "high": high}

    refused = p < threshold
    return {
        "threshold": threshold,
        "precision": of(refused & ~y, refused),
        "recall": of(refused & ~y, ~y),
        "wrongly refused": of(refused & y, y),
    }


def figures(found: Sequence[Judged], probability: Callable[[Judged], float], threshold: float) -> dict[str, Any]:
    """Everything that is reported, of the held-out half."""
    held_out = [j for j in found if not is_fitted_on(j)]
    counted = [j for j in held_out if j.dataset not in NOT_COUNTED]

    def arrays(group: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray]:
        return np.array([probability(j) for j in group]), np.array([j.holds for j in group], dtype=bool)

    def row(name: str, group: Sequence[Judged]) -> dict[str, Any]:
        p, y = arrays(group)
        area = auroc(p, y)
        return {
            "name": name,
            "n": len(p),
            "hold": int(y.sum()),
            "AUROC": None if np.isnan(area) else area,
            "interval": None if np.isnan(area) else bootstrapped(auroc, p, y),
            "ECE": calibration_error(p, y),
            "Brier": float(np.mean((p - y) ** 2)),
            **refusal(p, y, threshold),
        }

    groups: dict[str, dict[str, list[Judged]]] = {key: defaultdict(list) for key in ("direction", "dataset", "asked")}
    for j in counted:
        groups["direction"][j.direction].append(j)
        if j.asked != AS_IS:
            groups["asked"][j.asked].append(j)
    for j in held_out:
        if j.asked != OFF_TOPIC:
            groups["dataset"][j.dataset].append(j)
    p, y = arrays(counted)
    return {
        "all": row("all", counted),
        **{key: [row(name, group) for name, group in sorted(of.items())] for key, of in groups.items()},
        "reliability": reliability(p, y),
        "thresholds": [refusal(p, y, t) for t in THRESHOLDS],
    }


def report(f: dict[str, Any], encoder: str, threshold: float) -> str:
    """The figures as Markdown."""
    whole = f["all"]
    low, high = whole["interval"]
    lines = [
        f"Encoder `{encoder}`, held-out half: {whole['n']:,} questions, the passages found hold the answer to "
        f"{whole['hold']:,}. AUROC {whole['AUROC']:.3f} ({low:.3f} to {high:.3f}), ECE {whole['ECE']:.3f}, "
        f"Brier {whole['Brier']:.3f}.",
        "",
        "| probability | n | mean predicted | share observed |",
        "|---|---|---|---|",
    ]
    for b in f["reliability"]:
        mean = f"{b['mean']:.2f}" if b["n"] else "–"
        observed = share(b).partition(", n")[0]
        lines.append(f"| {b['from']:.1f} to {b['to']:.1f} | {b['n']} | {mean} | {observed} |")
    names = "refusals that are right (precision) | of what cannot be answered, refused (recall) | wrongly refused |"
    lines += ["", f"| `min_support` | {names}", "|---|---|---|---|"]
    for t in f["thresholds"]:
        lines.append(f"| {t['threshold']} | {_rates(t)} |")
    for key, head in (("direction", "languages"), ("dataset", "set")):
        lines += [
            "",
            f"| {head}, at {threshold} | n (answer found) | AUROC | ECE | {names}",
            "|---|---|---|---|---|---|---|",
        ]
        for r in f[key]:
            area = f"{r['AUROC']:.2f} ({r['interval'][0]:.2f} to {r['interval'][1]:.2f})" if r["interval"] else "–"
            lines.append(f"| {r['name']} | {r['n']} ({r['hold']}) | {area} | {r['ECE']:.2f} | {_rates(r)} |")
    lines += ["", f"| of what cannot be answered, at {threshold} | refused |", "|---|---|"]
    lines += [f"| {r['name']} | {share(r['recall'])} |" for r in f["asked"]]
    return "\n".join(lines)


def _rates(r: dict[str, Any]) -> str:
    return " | ".join(share(r[name]) for name in ("precision", "recall", "wrongly refused"))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", metavar="DATASET")
    parser.add_argument("--fit", action="store_true", help="fit the coefficients and write them to their place")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/evaluation.md")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--limit", type=int, default=N_QUESTIONS, help="at most N questions of each set")
    parser.add_argument("--again", action="store_true", help="search and encode again")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `qianxun`")
    given = parser.parse_args(arguments)
    folders = given.data or [shared() / "data" / "dev" / name for name in DATASETS]
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}; set BENCH_SHARED or name the data sets")
    settings = load_settings(overrides=given.set, environ={})
    encoder = assemble.encoder(settings).fingerprint
    found = collected(folders, settings, given.limit, again=given.again)
    if given.fit:
        save(fitted(found, encoder), sum(is_fitted_on(j) and j.dataset not in NOT_COUNTED for j in found))
    weights = evidence.calibration(encoder)
    threshold = settings.answer.min_support
    by_name = {"fitted": weights, "words alone": evidence.calibration("")}
    result = {
        name: figures(found, lambda j, w=w: evidence.probability(j.features, w) if j.features else 0.0, threshold)
        for name, w in by_name.items()
    }
    text = report(result["fitted"], encoder, threshold)
    print(text)
    print(f"\n{json.dumps(asdict(weights))}\nwords alone:")
    for r in result["words alone"]["direction"]:
        print(f"  {r['name']}: AUROC {r['AUROC']}, ECE {r['ECE']:.2f}, {_rates(r)}")
    if given.write:
        write_block("refusal", text)
    if given.json:
        given.json.write_text(json.dumps({"encoder": encoder, **result}, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
