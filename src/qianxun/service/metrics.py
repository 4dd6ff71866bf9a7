"""Metrics of the service for Prometheus: counted as requests end, and looked up when somebody reads them.

In one process all is in memory. With several, each writes to files in PROMETHEUS_MULTIPROC_DIR, which must be set
before this module is imported (the supervisor does so, and takes away the gauges of a worker that ended); any of them
then tells of all. What the files of the service say is looked up by whoever is read.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from qianxun import tally
from qianxun.parts import OTHER, PARTS, parts_of, stage_of
from qianxun.service.facts import Ended
from qianxun.service.metric_table import BY_NAME, METRICS, Metric

logger = logging.getLogger(__name__)

# The time at which each counter was made: twice as many lines, and nobody reads them.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Actions that look for passages.
SEARCHING: Final = frozenset(("search", "ask", "conversations.ask", "mcp.search", "mcp.ask"))
VERDICTS: Final = ("answered", "partial", "no_evidence", "ungrounded", "clarify")
REFUSALS: Final = ("no_evidence", "clarify")
ENGINES: Final = ("encoder", "reranker", "generator")
ENGINE_ERRORS: Final = (
    "ModelUnavailable", "ModelTimeout", "ModelBusy", "ModelRefused", "BadModelReply", "UnfitModel",
)  # fmt: skip
CACHES: Final = ("answers", "vectors_memory", "vectors_redis")
LIMITS: Final = ("requests", "streams", "tokens")
_METHODS: Final = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
_CLIENT_GONE: Final = 499
# How long what was looked up serves who asks again, and how often a process notes its own state for the others.
STATE_SECONDS: Final = 10.0
_NOTE_SECONDS: Final = 5.0

Look = Callable[[], Iterable[tuple[str, tuple[str, ...], float]]]


class Metrics:
    """The metrics of one process. `look` gives the state of the whole as (metric, labels, value)."""

    def __init__(self, look: Look = tuple) -> None:
        self.is_shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self._own = CollectorRegistry()
        self._made: dict[str, Any] = {m.name: self._metric(m) for m in METRICS if not m.state}
        self._state = StateCollector(look)
        self._seen: dict[tuple[str, ...], float] = {}
        self._guard = threading.Lock()
        self._noting: list[Callable[[Metrics], None]] = []
        self._closed = threading.Event()
        self._begin_at_nothing()
        if self.is_shared:
            threading.Thread(target=self._note_on, name="metrics", daemon=True).start()

    def ended(self, ended: Ended) -> None:
        """Counts a request. Quick: no file is read."""
        facts, made = ended.facts, self._made
        route = ended.route or OTHER
        method = ended.method if ended.method in _METHODS else OTHER
        made["qianxun_requests_total"].labels(route, method, _class_of(ended.status)).inc()
        made["qianxun_request_seconds"].labels(route).observe(ended.seconds)
        for stage, seconds in facts.stages.items():
            if stage != "total":
                made["qianxun_stage_seconds"].labels(stage_of(stage)).observe(seconds)
        if facts.action in SEARCHING and facts.stages:
            made["qianxun_searches_total"].inc()
            if not facts.passages:
                made["qianxun_empty_results_total"].inc()
        if facts.verdict in VERDICTS:
            made["qianxun_answers_total"].labels(facts.verdict).inc()
        if facts.verdict in REFUSALS:
            made["qianxun_refusals_total"].labels(facts.verdict).inc()
        made["qianxun_statements_total"].inc(facts.statements)
        made["qianxun_unsupported_statements_total"].inc(facts.unsupported)
        made["qianxun_tokens_total"].labels("prompt").inc(facts.prompt_tokens)
        made["qianxun_tokens_total"].labels("completion").inc(facts.completion_tokens)
        for part in parts_of(facts.degraded):
            made["qianxun_degraded_total"].labels(part).inc()

    def noting(self, note: "Callable[[Metrics], None]") -> None:
        """Has `note` called when this process's own state is wanted; it calls `put` and `rose_to`."""
        self._noting.append(note)

    def put(self, name: str, value: float, *labels: str) -> None:
        """The value of a gauge of this process now."""
        made = self._made[name]
        (made.labels(*labels) if labels else made).set(value)

    def rose_to(self, name: str, value: float, *labels: str) -> None:
        """A counter that somebody else keeps has come to this value; at 0 it is there too."""
        with self._guard:
            more = value - self._seen.get((name, *labels), 0.0)
            self._seen[name, *labels] = value
        made = self._made[name]
        counter = made.labels(*labels) if labels else made
        if more > 0:
            counter.inc(more)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it (`CONTENT_TYPE`)."""
        self._note()
        registry = CollectorRegistry()
        if self.is_shared:
            from prometheus_client import multiprocess

            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(_Registered(self._own))
        registry.register(self._state)
        return generate_latest(registry)

    def close(self) -> None:
        """Ends the thread that notes the state of this process."""
        self._closed.set()

    def _metric(self, metric: Metric) -> Any:
        name, about, labels = metric.name, metric.about, metric.labels
        if metric.kind == "counter":
            return Counter(name.removesuffix("_total"), about, labels, registry=self._own)
        if metric.kind == "histogram":
            return Histogram(name, about, labels, registry=self._own, buckets=metric.buckets)
        # The oldest of all processes waits longest; everything else adds up.
        mode: Any = "livemax" if name.endswith("_seconds") or name.endswith("_failing") else "livesum"
        return Gauge(name, about, labels, registry=self._own, multiprocess_mode=mode)

    def _begin_at_nothing(self) -> None:
        """Counters of closed sets are there from the beginning: a first error is then a rise, not a new series."""
        closed: Mapping[str, Iterable[tuple[str, ...]]] = {
            "qianxun_answers_total": [(one,) for one in VERDICTS],
            "qianxun_refusals_total": [(one,) for one in REFUSALS],
            "qianxun_tokens_total": [("prompt",), ("completion",)],
            "qianxun_degraded_total": [(one,) for one in (*PARTS, OTHER)],
            "qianxun_cache_lookups_total": [(one, result) for one in CACHES for result in ("hit", "miss", "stale")],
            "qianxun_engine_errors_total": [(one, kind) for one in ENGINES for kind in ENGINE_ERRORS],
            "qianxun_limited_total": [(one,) for one in LIMITS],
        }
        for name, known in closed.items():
            for labels in known:
                self._made[name].labels(*labels)

    def _note(self) -> None:
        for (name, *labels), value in tally.counts().items():
            found = _TALLIED.get(name)
            if found is not None:
                self.rose_to(found, value, *labels)
        for note in self._noting:
            note(self)

    def _note_on(self) -> None:
        while not self._closed.wait(_NOTE_SECONDS):
            try:
                self._note()
            except Exception as error:
                logger.warning("the state of this process was not noted: %s", type(error).__name__)


class StateCollector(Collector):
    """What the files of the service say, looked up at most every STATE_SECONDS."""

    def __init__(self, look: Look, *, seconds: float = STATE_SECONDS) -> None:
        self._look = look
        self._seconds = seconds
        self._guard = threading.Lock()
        self._known: list[tuple[str, tuple[str, ...], float]] = []
        self._until = float("-inf")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """A family for each metric of which there is something to say."""
        with self._guard:
            if time.monotonic() >= self._until:
                self._known = list(self._look())
                self._until = time.monotonic() + self._seconds
            known = self._known
        families: dict[str, GaugeMetricFamily] = {}
        for name, labels, value in known:
            metric = BY_NAME[name]
            if name not in families:
                families[name] = GaugeMetricFamily(name, metric.about, labels=metric.labels)
            families[name].add_metric(labels, value)
        yield from families.values()

    def describe(self) -> list[Any]:
        """Nothing beforehand: registering must not look."""
        return []


class _Registered(Collector):
    """The metrics of a registry, within another one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Any]:
        return self._registry.collect()

    def describe(self) -> list[Any]:
        return []


# What is tallied below the doors, and the metric that shows it.
_TALLIED: Final = {
    "cache": "qianxun_cache_lookups_total",
    "engine_errors": "qianxun_engine_errors_total",
    "limited": "qianxun_limited_total",
    "tokens": "qianxun_tokens_total",  # of jobs; those of requests are counted as these end
}


def _class_of(status: int) -> str:
    return "gone" if status == _CLIENT_GONE else f"{status // 100}xx"
