"""What speaks for a sentence as the answer: weights compared offline on questions whose answers are known.

Every set is searched and the sentences found are dumped once (`bench/cache/extraction`); a choice of weights
then costs seconds. A choice is measured by the share of questions of which the quoted sentences hold the answer, with
`answer.max_sentences` sentences and with one, nobody being refused. What was learnt is in LOG.md; what was chosen
is `qianxun.answering.extract.WEIGHTS`.

    python -m bench.extraction_study [DATASET…] [--limit N]     chosen on half of the questions, reported on the others
"""

import argparse
import itertools
import pickle
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from bench.answers import holds
from bench.corpus import shared
from bench.refusal import bits, print_of, questions_of
from bench.rows import WORK
from qianxun import assemble
from qianxun.answering import extract
from qianxun.answering.pack import pack
from qianxun.answering.quoting import similarities_by
from qianxun.evaluation.datasets import read_dataset
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Passage
from qianxun.settings import Settings

DATASETS = (
    "rgb-rag", "xquad-zh-to-zh", "xquad-en-to-en", "xquad-en-to-zh", "xquad-zh-to-en", "cmrc2018-zh", "drcd-zht",
)  # fmt: skip
N_QUESTIONS = 240
GRID: dict[str, tuple[float, ...]] = {
    "similarity": (0.05, 0.15, 0.25, 0.4),
    "kind": (0.05, 0.1, 0.15),
    "passage": (0.15, 0.3, 0.5, 0.8, 1.2),
    "conflict": (0.15,),
}

# Sentences that can be quoted are among these; the rest need not be looked at.
_LEADING = 30


@dataclass(frozen=True)
class Asked:
    """A question whose answer stands in its passages, and the sentences of them."""

    dataset: str
    id: str
    parts: list[list[str]]
    passages: tuple[Passage, ...]
    candidates: list[extract.Candidate]


def asked(path: Path, limit: int, settings: Settings) -> list[Asked]:
    """A set's questions, from an earlier run where it still fits. Questions whose answer was not found are left out."""
    encoder = assemble.encoder(settings)
    questions = [q for q in questions_of(path, limit) if q.answerable and q.parts]
    made = WORK / "extraction" / encoder.fingerprint / f"{path.name}-{print_of([(q, '') for q in questions], settings)}"
    if made.exists():
        return [Asked(*one) for one in pickle.loads(made.read_bytes())]
    found: list[Asked] = []
    n = settings.answer.passages
    with tempfile.TemporaryDirectory() as folder, open_knowledge_base(folder, settings=settings) as kb:
        kb.add_texts(TextItem(d.id, d.title, d.text) for d in read_dataset(path).documents())
        for q in questions:
            passages = pack(kb.search(q.text, k=n).passages, n)
            if not holds("\n".join(p.text for p in passages), q.parts):
                continue
            weights = kb._searcher.term_weights(q.text)
            sentences = extract.candidates(
                q.text, passages, term_weights=weights, similarities=similarities_by(encoder)
            )
            found.append(Asked(path.name, q.id, q.parts, passages, sentences))
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(pickle.dumps([tuple(getattr(o, f.name) for f in fields(o)) for o in found]))
    return found


def answered(one: Asked, weights: extract.Weights, n: int) -> bool:
    """Whether `n` sentences chosen with these weights hold the answer."""
    scores = [extract.score(c, one.passages[c.passage], weights) for c in one.candidates]
    leading = sorted(range(len(scores)), key=lambda i: -scores[i])[:_LEADING]
    scored = [replace(one.candidates[i], score=scores[i]) for i in leading]
    return holds("\n".join(c.shown for c in extract.choose(scored, n)), one.parts)


def rates(found: Sequence[Asked], weights: extract.Weights, n: int) -> dict[str, float]:
    """The share of each set, and their mean as `mean`."""
    hits: dict[str, list[bool]] = {}
    for one in found:
        hits.setdefault(one.dataset, []).append(answered(one, weights, n))
    shares = {name: sum(of_set) / len(of_set) for name, of_set in hits.items()}
    return {**shares, "mean": sum(shares.values()) / len(shares)}


def line(name: str, found: dict[str, float]) -> str:
    return f"{name:<64}" + "".join(f"{value:>9.3f}" for value in found.values())


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", metavar="DATASET")
    parser.add_argument("--limit", type=int, default=N_QUESTIONS, help="questions of a set; all of rgb-rag")
    given = parser.parse_args()
    settings = Settings()
    dev = shared() / "data" / "dev"
    everything = [one for name in given.datasets or DATASETS for one in asked(dev / name, given.limit, settings)]
    fitted = [one for one in everything if bits(one.id)[-1] % 2 == 0]
    reported = [one for one in everything if bits(one.id)[-1] % 2]
    n = settings.answer.max_sentences
    choices = [replace(extract.WEIGHTS, **dict(zip(GRID, v, strict=True))) for v in itertools.product(*GRID.values())]
    # The best sentence alone counts half: an answer that begins with it reads better.
    tried = []
    for weights in choices:
        all_of_them, best_alone = rates(fitted, weights, n), rates(fitted, weights, 1)
        tried.append((all_of_them["mean"] + best_alone["mean"] / 2, weights, all_of_them))
    tried.sort(key=lambda one: -one[0])
    print(line(f"{len(fitted)} questions fitted on", dict.fromkeys(tried[0][2], 0.0)), *tried[0][2])
    for _, weights, shares in tried[:12]:
        print(line(str(tuple(asdict(weights).values())), shares))
    print(f"the other half, {len(reported)} questions, {n} sentences and one")
    for name, weights in (("WEIGHTS", extract.WEIGHTS), ("best of the fitted half", tried[0][1])):
        print(line(f"{name} {tuple(asdict(weights).values())}", rates(reported, weights, n)))
        print(line("", rates(reported, weights, 1)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
