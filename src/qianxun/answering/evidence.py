"""How strongly the passages support answering a question at all. Pure; knows no engine and no model.

A logistic function of a few features of the best candidate; it says nothing about whether the quoted
sentences are true. Words in common say how much of the question is spoken of. Where the question and
the best candidate are in two languages they say little, and the encoder's similarity decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qianxun.answering.extract import Candidate
from qianxun.records import Verdict
from qianxun.text import cjk_share

# Fitted 2026-11-21 with the builtin encoder `builtin-1-218234cd3fa6` by `python -m bench.answers --fit` on half of
# the questions (by a hash of their ids): rgb-rag; XQuAD (zh, en, mixed, both cross-lingual directions), DRCD and
# CMRC, each question once as it is and once with its relevant passages taken out of the result; and 900 questions
# with the passages of another set's question. Weighted as if 7 in 10 could be answered. Figures of the other half,
# with intervals: docs/evaluation.md.
#   held-out half (n)         AUROC  refused of what cannot be answered  wrongly refused, both at 0.5
#   XQuAD zh (146)            0.92   0.88                                0.19
#   XQuAD en (129)            0.92   0.83                                0.13
#   DRCD (142)                0.92   0.73                                0.08
#   CMRC (124)                0.96   0.81                                0.02
#   XQuAD mixed (150)         0.88   0.69                                0.13
#   question zh, text en (146)  0.60   0.36                              0.23
#   question en, text zh (129)  0.64   0.29                              0.17
#   off topic (445)           -      0.95 (all: one language 1.00, across 0.91)
#   rgb-rag (28; 196)         0.68   0.04                                0.02
# The unanswerable questions of rgb-rag have passages on the very thing asked that lack only the value:
# words in common do not tell these apart. Nor do the kind of answer found (AUROC 0.43 to 0.55) and how far the
# best sentence is ahead of the others (no gain, and wrong where there are few). The weight of a conflict
# across languages is that within one: it occurred there too seldom to fit.
# Across languages AUROC is poor whatever is tried: there the figures are mostly a choice of whom to fail. The
# likeness of the best candidate instead of the nearest one (both refitted, 6,081 rows, chosen looking at both
# halves) refuses fewer wrongly (zh over en 0.26 to 0.23, en over zh 0.21 to 0.17), fewer of what cannot be answered
# (0.40 to 0.35, 0.31 to 0.30), and more off topic (0.85 to 0.88).
_SAME_LANGUAGE = {"bias": -2.5, "covered": 4.89, "similar": 0.35, "conflict": -2.97}
_ACROSS_LANGUAGES = {"bias": -2.46, "covered": 6.95, "similar": 7.9, "conflict": -2.97}
# Set by hand, the sets have too few: a question about E-1043 is not answered by a page that lacks E-1043.
_STRANGE = -4.0
# More than this share of CJK characters: Chinese.
_CJK = 0.2
# Less of the question than this in any one passage: part of what is asked is not in the documents.
_PARTIAL = 0.4


@dataclass(frozen=True, slots=True)
class Features:
    """What the evidence is judged by, each in [0, 1]: of the best candidate.

    Only `similar` is, within one language, of the nearest candidate.
    """

    covered: float
    similar: float
    conflict: float
    strange: bool
    across: bool


def features(question: str, candidates: Sequence[Candidate]) -> Features:
    """The features of a question's candidates, of which there must be some."""
    best = _best(candidates)
    across = (cjk_share(question) > _CJK) != (cjk_share(best.piece.shown) > _CJK)
    return Features(
        covered=best.coverage,
        similar=max(0.0, best.similarity if across else max(c.similarity for c in candidates)),
        conflict=best.conflict,
        strange=best.strange,
        across=across,
    )


def evidence(question: str, candidates: Sequence[Candidate]) -> float:
    """The strength of support in [0, 1], higher is better; 0 where nothing can be quoted."""
    if not candidates:
        return 0.0
    found = features(question, candidates)
    weights = _ACROSS_LANGUAGES if found.across else _SAME_LANGUAGE
    total = weights["bias"] + sum(getattr(found, name) * w for name, w in weights.items() if name != "bias")
    total += _STRANGE if found.strange else 0.0
    return 1 / (1 + math.exp(-total))


def verdict(question: str, candidates: Sequence[Candidate], min_support: float) -> Verdict:
    """Whether to answer: "no_evidence" below `min_support`, "partial" if part of what is asked is in no passage."""
    if not candidates or evidence(question, candidates) < min_support:
        return "no_evidence"
    if features(question, candidates).across:
        return "answered"
    return "partial" if max(c.known for c in candidates) < _PARTIAL else "answered"


def _best(candidates: Sequence[Candidate]) -> Candidate:
    return max((c for c in candidates if not c.asks), key=lambda c: c.score, default=candidates[0])
