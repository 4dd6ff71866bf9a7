"""Signals beside relevance: how fresh, trusted, used and literal a passage is, and what that does to its place.

    log odds(score) = log odds(relevance) + Σ weight · value

Relevance is the fused score, or the reranker's P(relevant). Adding to log odds is how evidence that does not depend on
the question's words joins a score that is a log odds itself, as BM25 is (Craswell, Robertson, Zaragoza and Taylor,
"Relevance weighting for query independent evidence", SIGIR 2005). Elasticsearch's function_score and Azure's scoring
profiles multiply the score by a sum of boosts instead, and Vespa leaves the formula to its user. A factor fits scores
without an upper end; ours have one. With log odds

* a score stays in [0, 1]: 0 stays 0, and 1 stays 1, whatever the signals say;
* a boost counts most where relevance is in doubt, and little against a reranker that is sure: as a factor, it would
  move .999 as far as .5;
* who overtakes whom is bounded: never one whose odds are more than exp(`span`) times as high;
* the weights are those of a logistic regression with the log odds of relevance as its offset, so they can be learned
  from judgements. A weight of 0.7 doubles the odds at the signal's most.

Where every signal is 0, score and order are exactly those of relevance: without configuration and without feedback
nothing changes. The signals:

    freshness   2 · 2^(−age / half-life) − 1        in [−1, 1]; 0 at one half-life and for an unknown date; what is
                                                    dated in the future is of today
    authority   ln(factors of source and labels)    in [−2.3, 2.3]: a factor, 0.1 to 10, is what the odds are multiplied
                                                    by where the weight is 1
    clicks      (c − s) / (c + s + prior)           in (−1, 1); c clicks, s times skipped
    feedback    (u + a − d) / (u + a + d + prior)   in (−1, 1); thumbs up and down, a accepted citations
    exact       share of what was asked literally   in [0, 1]: quoted phrases and identifiers that the passage holds; 1
                                                    also if the whole question stands in it

`clicks` and `feedback` are 2p − 1 for the mean p of the Beta posterior whose prior is `prior` observations, half of
them good: with a prior of 10, one click gives 0.09 and ten give 0.5. Position bias: what stands first is clicked
because it stands first. So a click speaks for a passage only against those that stood above it and were passed over
(Joachims, "Optimizing search engines using clickthrough data", KDD 2002): it counts 1 for the one and −1 in all for the
others, and a click on the first counts nothing. Who records clicks makes them so (`qianxun.storage.feedback`).

Nothing here looks beyond the passages that the asker may read: no mean over other documents, no rank among them.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from qianxun.errors import SettingsError
from qianxun.records import Contribution, Passage, Signal
from qianxun.retrieval.phrases import compared, stands_in
from qianxun.text import fold, has_cjk, runs

LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
# Log odds beyond which a score is 0 or 1 in double precision; larger ones would only overflow.
_FARTHEST: Final = 500.0
# Below it, the mean slope of a score is computed from its derivatives: differences would be nothing but rounding.
_FLAT: Final = 1e-4
# A whole question counts as said literally from so many words or CJK characters on: one word stands everywhere.
_LEAST_WORDS, _LEAST_CHARACTERS = 2, 4

_QUOTED: Final = re.compile('"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|「([^」]+)」|『([^』]+)』|《([^》]+)》')
# Letters and digits, perhaps with signs between: LF-2301, E1042, GB/T-2312.
_IDENTIFIER: Final = re.compile(r"(?<![a-z0-9])(?=[a-z0-9._/-]*\d)(?=[0-9._/-]*[a-z])[a-z0-9]+(?:[-._/][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Counts:
    """What people made known of a passage, or of a document. No whole numbers: one event may count in part."""

    clicks: float = 0.0
    skips: float = 0.0
    up: float = 0.0
    down: float = 0.0
    accepted: float = 0.0

    def blended(self, whole: "Counts", share: float) -> "Counts":
        """These, of a passage, and a share of those of the rest of its document; `whole` are all of the document's."""
        return Counts(
            *(
                own + share * max(0.0, of_all - own)
                for own, of_all in (
                    (self.clicks, whole.clicks),
                    (self.skips, whole.skips),
                    (self.up, whole.up),
                    (self.down, whole.down),
                    (self.accepted, whole.accepted),
                )
            )
        )


@dataclass(frozen=True, slots=True)
class SignalRules:
    """How much each signal counts, in log odds at its most (0: not at all), and how its value is made.

    `sources` are prefixes of sources and `labels` are labels, each with a factor from 0.1 to 10 (see `factors`).
    `document_share` is how much of what people made known of the rest of a document counts for a passage of it.
    """

    freshness: float = 0.0
    half_life_days: float = 365.0
    authority: float = 1.0
    sources: tuple[tuple[str, float], ...] = ()
    labels: tuple[tuple[str, float], ...] = ()
    clicks: float = 0.5
    feedback: float = 1.0
    prior: float = 10.0
    document_share: float = 0.2
    exact: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a question could stand in a passage literally: all of it ("" if that says nothing), and parts of it."""

    whole: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the signals need to know besides passages and rules, all of it of documents that the asker may read.

    `modified` maps documents to their dates (ISO 8601, as the store has them), `passages` chunks and `documents`
    documents to what people made known of them. What is not in there is unknown, or nothing. `now` is in UTC.
    """

    now: datetime
    modified: Mapping[int, str] = field(default_factory=dict)
    passages: Mapping[int, Counts] = field(default_factory=dict)
    documents: Mapping[int, Counts] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True)
class Signalled:
    """A passage, by its place from 0 among those given, with its score in [0, 1] and what made it."""

    place: int
    score: float
    contributions: tuple[Contribution, ...]


def signalled(passages: Sequence[Passage], rules: SignalRules, facts: Facts) -> list[Signalled]:
    """The passages by score, best first; ties by what the signals add, then as they were.

    `passages` are in order of relevance, and their scores on one scale: those that a reranker judged, or those that it
    did not, never both together. If no signal says anything of any of them, the order stays as it is.
    """
    found = [
        (sum(weight * value for _, value, weight in told), place, *combined(passage.score, told))
        for place, passage in enumerate(passages)
        for told in [_told(passage, rules, facts)]
    ]
    if any(shift for shift, *_ in found):
        found.sort(key=lambda one: (-one[2], -one[0], one[1]))
    return [Signalled(place, score, contributions) for _, place, score, contributions in found]


def combined(relevance: float, told: Sequence[tuple[Signal, float, float]]) -> tuple[float, tuple[Contribution, ...]]:
    """The score in [0, 1] of a relevance in [0, 1] and of signals, each with its value and its weight."""
    relevance = min(1.0, max(0.0, relevance))
    shift = max(-_FARTHEST, min(_FARTHEST, math.fsum(weight * value for _, value, weight in told)))
    if abs(shift) < _FLAT:
        slope = relevance * (1.0 - relevance) * (1.0 + shift * (1.0 - 2.0 * relevance) / 2.0)
        score = relevance + slope * shift
    else:
        gain = math.exp(shift)
        score = relevance * gain / (1.0 - relevance + relevance * gain)
        slope = (score - relevance) / shift
    effects = [Contribution(signal, value, weight, slope * weight * value) for signal, value, weight in told]
    return min(1.0, max(0.0, score)), (Contribution("relevance", relevance, 1.0, relevance), *effects)


def span(rules: SignalRules) -> float:
    """The most by which signals can bring two passages nearer, in log odds: who is farther ahead stays ahead."""
    sources = [math.log(factor) for _, factor in rules.sources]
    labels = [math.log(factor) for _, factor in rules.labels]
    up = max(0.0, *sources) if sources else 0.0
    down = min(0.0, *sources) if sources else 0.0
    up = min(math.log(MOST_FACTOR), up + sum(one for one in labels if one > 0.0))
    down = max(math.log(LEAST_FACTOR), down + sum(one for one in labels if one < 0.0))
    return 2.0 * (rules.freshness + rules.clicks + rules.feedback) + (up - down) * rules.authority + rules.exact


def _told(passage: Passage, rules: SignalRules, facts: Facts) -> list[tuple[Signal, float, float]]:
    """Every signal that says something of a passage, with its value and its weight."""
    told: list[tuple[Signal, float, float]] = []
    if rules.freshness:
        modified = facts.modified.get(passage.document, "")
        told.append(("freshness", freshness(modified, rules.half_life_days, facts.now), rules.freshness))
    told.append(("authority", authority(passage.source, passage.labels, rules), rules.authority))
    whole = facts.documents.get(passage.document, Counts())
    counts = facts.passages.get(passage.chunk, Counts()).blended(whole, rules.document_share)
    told.append(("clicks", balance(counts.clicks, counts.skips, rules.prior), rules.clicks))
    told.append(("feedback", balance(counts.up + counts.accepted, counts.down, rules.prior), rules.feedback))
    if rules.exact:  # to fold a passage costs more than all else here
        told.append(("exact", exactness(passage, facts.wanted), rules.exact))
    return [one for one in told if one[1] and one[2]]


# --- the signals ---


def freshness(modified: str, half_life_days: float, now: datetime) -> float:
    """In [−1, 1]: 1 for today, 0 for one half-life ago, nearly −1 for long ago; 0 for no date that can be read."""
    try:
        at = datetime.fromisoformat(modified)
        age = now - (at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return 0.0
    days = max(0.0, age.total_seconds() / 86_400.0)
    return float(2.0 * 0.5 ** (days / half_life_days) - 1.0)


def authority(source: str, labels: Sequence[str], rules: SignalRules) -> float:
    """The natural logarithm of the factor of the longest prefix of the source that has one, times those of the labels.

    In [−2.3, 2.3]; 0 where nothing was said of either.
    """
    prefixes = [(len(prefix), factor) for prefix, factor in rules.sources if source.startswith(prefix)]
    found = math.log(max(prefixes)[1]) if prefixes else 0.0
    found += math.fsum(math.log(factor) for label, factor in rules.labels if label in labels)
    return min(math.log(MOST_FACTOR), max(math.log(LEAST_FACTOR), found))


def balance(good: float, bad: float, prior: float) -> float:
    """In (−1, 1): 0 for no observations, nearer to 1 the more of them there are and are good. `prior` is above 0."""
    return (good - bad) / (good + bad + prior)


def exactness(passage: Passage, wanted: Wanted) -> float:
    """The share of the wanted parts that stand in title, heading or text of a passage; 1 if the whole question does."""
    if not wanted.whole and not wanted.parts:
        return 0.0
    text = compared(fold(f"{passage.title}\n{passage.context}\n{passage.text}"))
    if wanted.whole and stands_in(wanted.whole, text):
        return 1.0
    return sum(stands_in(part, text) for part in wanted.parts) / len(wanted.parts) if wanted.parts else 0.0


def wanted_of(question: str, phrases: Sequence[str] | None = None) -> Wanted:
    """What of a question could stand in a passage literally.

    The parts are `phrases`, those that the question quotes if none are given, and the identifiers in it, each once.
    """
    folded = fold(question)
    if phrases is None:
        phrases = [next(filter(None, match.groups())) for match in _QUOTED.finditer(folded)]
    outside = _QUOTED.sub(" ", folded)
    parts = (*(" ".join(fold(phrase).split()) for phrase in phrases), *_IDENTIFIER.findall(outside))
    whole = folded.strip().strip(" ?!。,;:.…~")
    long_enough = len(runs(whole)) >= _LEAST_WORDS or (has_cjk(whole) and len(whole) >= _LEAST_CHARACTERS)
    return Wanted(whole if long_enough else "", tuple(dict.fromkeys(part for part in parts if part)))


def factors(entries: Sequence[str], key: str) -> tuple[tuple[str, float], ...]:
    """`NAME=FACTOR` texts of the setting `key` as pairs. Raises SettingsError naming the entry that is none."""
    found: dict[str, float] = {}
    for entry in entries:
        name, _, number = entry.rpartition("=")
        try:
            factor = float(number)
        except ValueError:
            factor = 0.0
        if not name.strip() or not LEAST_FACTOR <= factor <= MOST_FACTOR:
            raise SettingsError(
                "{key}: {entry!r} is not NAME=FACTOR with a factor from {least:g} to {most:g}.",
                remedy="Example: {example}.",
                key=key,
                entry=entry,
                least=LEAST_FACTOR,
                most=MOST_FACTOR,
                example="guidelines=1.5",
            )
        found[name.strip()] = factor
    return tuple(found.items())
