"""Every metric of the service: name, kind, labels, what it says. docs/metrics.md says the same; a test compares them.

Labels are of closed sets: routes by their template, names of knowledge bases, words of the code. Pure.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
STAGE_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Counters are named as they are shown, with `_total`. `state`: looked up when somebody reads it."""

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    state: bool = False


METRICS: Final[tuple[Metric, ...]] = (
    # What happened, counted by each process.
    Metric(
        "qianxun_requests_total",
        "counter",
        "requests by route, method and class of status",
        ("route", "method", "status"),
    ),
    Metric(
        "qianxun_request_seconds",
        "histogram",
        "time from a request to the end of its reply",
        ("route",),
        SECONDS,
    ),
    Metric(
        "qianxun_stage_seconds",
        "histogram",
        "time of each stage of a search or an answer",
        ("stage",),
        STAGE_SECONDS,
    ),
    Metric("qianxun_searches_total", "counter", "searches, and answers that looked for passages"),
    Metric("qianxun_empty_results_total", "counter", "of these, those that found no passage"),
    Metric("qianxun_answers_total", "counter", "answers by verdict", ("verdict",)),
    Metric(
        "qianxun_refusals_total",
        "counter",
        "answers that were not given: no evidence, or the question unclear",
        ("reason",),
    ),
    Metric("qianxun_statements_total", "counter", "sentences of models that claim something"),
    Metric("qianxun_unsupported_statements_total", "counter", "of these, those that no cited passage bears"),
    Metric("qianxun_tokens_total", "counter", "tokens that models read and wrote", ("direction",)),
    Metric("qianxun_degraded_total", "counter", "requests served without a part that was away", ("part",)),
    Metric("qianxun_cache_lookups_total", "counter", "looks into caches: hit, miss, stale", ("cache", "result")),
    Metric(
        "qianxun_engine_errors_total",
        "counter",
        "calls of a model server that failed after all tries",
        ("engine", "kind"),
    ),
    Metric(
        "qianxun_limited_total",
        "counter",
        "requests beyond what their caller may ask: requests, streams, tokens",
        ("reason",),
    ),
    Metric("qianxun_lane_refused_total", "counter", "calls turned away because a queue was full", ("lane",)),
    Metric(
        "qianxun_audit_dropped_total",
        "counter",
        "requests that were not recorded because too many waited to be",
    ),
    # The state of each process, added up.
    Metric("qianxun_lane_waiting", "gauge", "calls that wait for a thread", ("lane",)),
    Metric("qianxun_lane_running", "gauge", "calls that run", ("lane",)),
    Metric("qianxun_lane_oldest_seconds", "gauge", "how long the call that waits longest has waited", ("lane",)),
    Metric("qianxun_streams_open", "gauge", "answers that are being made"),
    Metric("qianxun_audit_waiting", "gauge", "requests that are not recorded on disk yet"),
    Metric("qianxun_audit_failing", "gauge", "1 while the audit cannot be written"),
    # The state of the whole, read from the files.
    Metric("qianxun_info", "gauge", "always 1; the version is a label", ("version",), state=True),
    Metric("qianxun_documents", "gauge", "documents that can be found", ("base",), state=True),
    Metric("qianxun_failed_documents", "gauge", "documents that could not be read", ("base",), state=True),
    Metric("qianxun_chunks", "gauge", "chunks", ("base",), state=True),
    Metric(
        "qianxun_index_lag",
        "gauge",
        "changes of the documents that an index does not know yet",
        ("base", "index"),
        state=True,
    ),
    Metric("qianxun_orphans", "gauge", "orphans and gaps that the last check found", ("base",), state=True),
    Metric("qianxun_check_age_seconds", "gauge", "time since the last check", ("base",), state=True),
    Metric("qianxun_conversations", "gauge", "conversations that are kept", state=True),
    Metric("qianxun_jobs", "gauge", "jobs by state", ("state",), state=True),
    Metric("qianxun_jobs_oldest_seconds", "gauge", "how long the job that waits longest has waited", state=True),
    Metric("qianxun_audit_head", "gauge", "number of the audit's last row", state=True),
    Metric(
        "qianxun_unreadable",
        "gauge",
        "1 where the state of a knowledge base could not be read",
        ("base",),
        state=True,
    ),
)
BY_NAME: Final = {metric.name: metric for metric in METRICS}


def series_of(metric: Metric) -> tuple[str, ...]:
    """The names of its series, as a query has them."""
    if metric.kind == "histogram":
        return tuple(f"{metric.name}_{part}" for part in ("bucket", "sum", "count"))
    return (metric.name,)
