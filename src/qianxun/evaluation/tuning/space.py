"""Which settings `qianxun tune` varies, over what, and which of them could say anything on these questions.

A setting that has no say on any passage found (an age where all documents are of one day, feedback where nobody gave
any) cannot be learned; it is left out and named. So is what the judgements cannot decide: `search.k` and diversity are
what an asker wants to see, and how many documents come out is not what is measured.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from qianxun.evaluation.tuning.choosing import Parameter, Space
from qianxun.evaluation.tuning.observed import Observed
from qianxun.records import Passage
from qianxun.retrieval.fusion_methods import RRF_K
from qianxun.retrieval.question import parse_question
from qianxun.retrieval.search import LEGS
from qianxun.retrieval.signals import Counts, authority, balance, exactness, freshness, wanted_of

Part: TypeAlias = Literal["search", "signals", "reranker", "answer"]
PARTS: Final[tuple[Part, ...]] = ("search", "signals", "reranker", "answer")
Reason: TypeAlias = Literal[
    "one index", "no reranker", "no dates", "no factors", "no feedback", "same judgements", "nothing literal",
    "fixed", "no negatives", "few unanswerable", "generator", "few judged",
]  # fmt: skip

WEIGHTS: Final = (0.0, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
HALF_LIVES: Final = (30.0, 90.0, 180.0, 365.0, 730.0, 1825.0)
DENSE_WEIGHTS: Final = tuple(round(0.1 * i, 1) for i in range(11))
FUSIONS: Final = ("adaptive", "rrf", "weighted", "weighted-minmax", "weighted-zscore", "weighted-best")
RRF_KS: Final = (10, 20, 40, RRF_K, 100, 200)
CANDIDATES: Final = (20, 50, 100, 200)
RERANKED: Final = (10, 20, 50, 100)
PRIORS: Final = (3.0, 10.0, 30.0)
SHARES: Final = (0.0, 0.2, 0.5)
# So many passages of each question are looked at for what signals would say of them.
LOOKED_AT: Final = 30
# Two dates of which the older counts the same for every half-life that can be set say nothing.
_DIFFERENT: Final = 1e-3


@dataclass(frozen=True, slots=True)
class LeftOutSetting:
    """A setting that is not tuned, and why."""

    key: str
    reason: Reason


def space_of(
    observed: Sequence[tuple[Observed, Sequence[str]]],
    parts: Collection[Part],
    *,
    fixed: Collection[str] = (),
    from_feedback: bool = False,
) -> tuple[Space, list[LeftOutSetting]]:
    """What may vary for these searchers and their questions, and what is left out.

    `fixed` are keys that must stay. `from_feedback`: the judgements may be the very clicks and thumbs that the signals
    count, which would then foretell themselves.
    """
    searcher = observed[0][0].searcher
    settings, rules, reranking = searcher.settings, searcher.rules, searcher.reranking
    blocks: list[list[Parameter]] = []
    left_out: list[LeftOutSetting] = []

    def without(reason: Reason, *keys: str) -> None:
        left_out.extend(LeftOutSetting(key, reason) for key in keys)

    if "search" in parts:
        if len(LEGS[settings.mode]) > 1:
            fusion = Parameter("search.fusion", FUSIONS, settings.fusion)
            weight = Parameter("search.dense_weight", DENSE_WEIGHTS, settings.dense_weight)
            constant = Parameter(
                "search.rrf_k", RRF_KS, settings.rrf_k, logarithmic=True, counts=_is("search.fusion", "rrf")
            )
            blocks += [[fusion, weight], [constant, weight]]
        else:
            without("one index", "search.fusion", "search.dense_weight", "search.rrf_k")
        blocks.append([Parameter("search.candidates", CANDIDATES, settings.candidates, logarithmic=True)])
    if "reranker" in parts:
        if searcher.reranker is None:
            without("no reranker", "reranker.candidates")
        else:
            blocks.append([Parameter("reranker.candidates", RERANKED, reranking.candidates, logarithmic=True)])
    if "signals" in parts:
        said = _said(observed)
        if said.freshness:
            weight = Parameter("signals.freshness", WEIGHTS, rules.freshness)
            life = Parameter(
                "signals.half_life_days", HALF_LIVES, rules.half_life_days, logarithmic=True,
                counts=_above_0("signals.freshness"),
            )  # fmt: skip
            blocks.append([weight, life])
        else:
            without("no dates", "signals.freshness", "signals.half_life_days")
        if said.authority:
            blocks.append([Parameter("signals.authority", WEIGHTS, rules.authority)])
        else:
            without("no factors", "signals.authority")
        people = [Parameter(f"signals.{name}", WEIGHTS, getattr(rules, name)) for name in ("clicks", "feedback")]
        heard = [one for one, there in zip(people, (said.clicks, said.feedback), strict=True) if there]
        if from_feedback and heard:
            without("same judgements", *(one.key for one in heard), "signals.prior", "signals.document_share")
        elif heard:
            counted = _above_0(*(one.key for one in heard))
            prior = Parameter("signals.prior", PRIORS, rules.prior, logarithmic=True, counts=counted)
            share = Parameter("signals.document_share", SHARES, rules.document_share, counts=counted)
            blocks += [[one, prior] for one in heard] + [[share]]
        silent = [one.key for one in people if one not in heard]
        if silent:
            without("no feedback", *silent, *(() if heard else ("signals.prior", "signals.document_share")))
        if said.exact:
            blocks.append([Parameter("signals.exact", WEIGHTS, rules.exact)])
        else:
            without("nothing literal", "signals.exact")
    return _space(blocks, fixed, left_out), left_out


def _space(blocks: Sequence[Sequence[Parameter]], fixed: Collection[str], left_out: list[LeftOutSetting]) -> Space:
    found: dict[str, Parameter] = {}
    for block in blocks:
        for parameter in block:
            if parameter.key in fixed:
                left_out.append(LeftOutSetting(parameter.key, "fixed"))
            else:
                found.setdefault(parameter.key, parameter)
    left_out[:] = list(dict.fromkeys(left_out))
    places = {key: place for place, key in enumerate(found)}
    kept = [tuple(places[p.key] for p in block if p.key in places) for block in blocks]
    return Space(tuple(found.values()), tuple(dict.fromkeys(block for block in kept if block)))


def _is(key: str, value: Any) -> Any:
    return lambda values: values.get(key, value) == value


def _above_0(*keys: str) -> Any:
    def counts(values: Mapping[str, Any]) -> bool:
        return any(values.get(key, 1.0) > 0.0 for key in keys)

    return counts


@dataclass(frozen=True, slots=True)
class _Said:
    """Which signals say different things of passages that were found for the same question."""

    freshness: bool
    authority: bool
    clicks: bool
    feedback: bool
    exact: bool


def _said(observed: Sequence[tuple[Observed, Sequence[str]]]) -> _Said:
    differ = dict.fromkeys(("freshness", "authority", "clicks", "feedback", "exact"), False)
    for one, questions in observed:
        for question in questions:
            if all(differ.values()):
                break
            for name, values in _values(one, question, [name for name, known in differ.items() if not known]).items():
                differ[name] = differ[name] or max(values, default=0.0) - min(values, default=0.0) > _DIFFERENT
    return _Said(**differ)


def _values(observed: Observed, question: str, names: Collection[str]) -> dict[str, list[float]]:
    """Signal → what it says of each passage found for a question, with the rules in force."""
    searcher = observed.searcher
    rules = searcher.rules
    passages: Sequence[Passage] = observed.search(question, LOOKED_AT).passages
    documents = list({passage.document for passage in passages})
    found: dict[str, list[float]] = {}
    if "freshness" in names:
        now, live = datetime.now(UTC), searcher.store.live(documents)
        dates = [live[p.document].modified if p.document in live else "" for p in passages]
        found["freshness"] = [freshness(date, rules.half_life_days, now) for date in dates]
    if "authority" in names:
        found["authority"] = [authority(p.source, p.labels, rules) for p in passages]
    feedback = searcher.feedback()
    if feedback is not None and not {"clicks", "feedback"}.isdisjoint(names):
        by_chunk, by_document = feedback.counts(documents)
        counts = [
            by_chunk.get(p.chunk, Counts()).blended(by_document.get(p.document, Counts()), rules.document_share)
            for p in passages
        ]
        found["clicks"] = [balance(c.clicks, c.skips, rules.prior) for c in counts]
        found["feedback"] = [balance(c.up + c.accepted, c.down, rules.prior) for c in counts]
    if "exact" in names:
        asked = parse_question(question, datetime.now(UTC)) if searcher.settings.operators else None
        wanted = wanted_of(question) if asked is None else wanted_of(asked.text, (*asked.phrases, *asked.emphasised))
        found["exact"] = [exactness(passage, wanted) for passage in passages]
    return {name: values for name, values in found.items() if name in names}
