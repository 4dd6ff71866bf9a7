"""P(the passages hold the answer): how surely they do, from a few features of the best sentences. Pure.

A logistic function, whose coefficients were fitted to questions of which it is known whether what was found
holds the answer (`python -m bench.refusal --fit`; how well it does: docs/evaluation.md). It says nothing about
whether a quoted sentence is true. Words in common say how much of the question is spoken of. Where the question
and the best sentence are in two languages they say little, and the encoder's similarity decides.

Similarities mean something else with every encoder, so coefficients belong to one. They are looked up by the
encoder's fingerprint up to its last hyphen (`builtin-2` of `builtin-2-8333b23b205f`): training it again does not
make them worthless. Of an encoder to which nothing was fitted, and without any, only words count; where the
question and the best sentence are in two languages there is then nothing to go by, and the probability is one half.
"""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.answering.extract import Candidate
from qianxun.records import Verdict

COEFFICIENTS = Path(__file__).parent / "evidence.json"
# What coefficients are fitted to; each can only speak for the answer, or only against it.
SIGNS: Mapping[str, int] = {"covered": 1, "similar": 1, "agreed": 1, "conflict": -1}
# Of these the ones that need no encoder.
LEXICAL = ("covered", "conflict")
# Set by hand, judged questions have too few: one about E-1043 is not answered by a page that lacks E-1043.
STRANGE = -6.0
# Less of the question than this in any one passage: part of what is asked is not in the documents.
_PARTIAL = 0.4


@dataclass(frozen=True, slots=True)
class Features:
    """What the evidence is judged by, each in [0, 1].

    `covered` is the share of the question's idf mass that the best sentence and its context speak of; `similar` the
    similarity of the nearest sentence; `agreed` is 1 if the nearest sentence is the best one. `conflict` and
    `strange` are of the best sentence (see `Candidate`), `across` tells that it is in another language.
    """

    covered: float
    similar: float
    agreed: float
    conflict: float
    strange: bool
    across: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of the logistic function, by feature and "bias"; a feature that is not named counts nothing.

    `encoder` is the fingerprint that they were fitted to; empty: to words alone. `across` is used where the
    question and the best sentence are in two languages, `within` elsewhere.
    """

    encoder: str
    within: Mapping[str, float]
    across: Mapping[str, float] = field(default_factory=lambda: {"bias": 0.0})


def calibration(encoder: str) -> Calibration:
    """The coefficients for an encoder's fingerprint: its own, else those of words alone."""
    fitted = _fitted()
    return fitted.get(encoder.rpartition("-")[0]) or fitted[""]


@functools.cache
def _fitted() -> dict[str, Calibration]:
    known = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))["calibrations"]
    return {one["encoder"].rpartition("-")[0]: Calibration(**one) for one in known}


def features(candidates: Sequence[Candidate]) -> Features:
    """The features of a question's candidates, of which there must be some."""
    best = max((c for c in candidates if not c.asks), key=lambda c: c.score, default=candidates[0])
    nearest = max(c.similarity for c in candidates)
    return Features(
        covered=best.coverage,
        similar=min(max(0.0, nearest), 1.0),
        agreed=float(best.similarity == nearest),
        conflict=best.conflict,
        strange=best.strange,
        across=best.across,
    )


def probability(found: Features, weights: Calibration) -> float:
    """P(the passages hold the answer), in [0, 1]."""
    used = weights.across if found.across else weights.within
    total = used["bias"] + sum(getattr(found, name) * used.get(name, 0.0) for name in SIGNS)
    total += STRANGE if found.strange else 0.0
    return 1 / (1 + math.exp(-total))


def evidence(candidates: Sequence[Candidate], *, encoder: str) -> float:
    """P(the passages hold the answer), in [0, 1]; 0 where nothing can be quoted, or nothing that is at all like it.

    `encoder` is the fingerprint of what the candidates' similarities come from, empty if from nothing.
    """
    if not candidates:
        return 0.0
    found = features(candidates)
    return probability(found, calibration(encoder)) if found.covered or found.similar else 0.0


def verdict(candidates: Sequence[Candidate], min_support: float, *, encoder: str) -> Verdict:
    """Whether to answer: "no_evidence" below `min_support`, "partial" if part of what is asked is in no passage."""
    if not candidates or evidence(candidates, encoder=encoder) < min_support:
        return "no_evidence"
    if features(candidates).across:
        return "answered"
    return "partial" if max(c.known for c in candidates) < _PARTIAL else "answered"
