"""The Grafana dashboard, as the JSON that Grafana imports. Pure: a table of panels, and where they go on the page.

Queries name only metrics of `metric_table`, of vLLM and of the dcgm-exporter; a test holds them against these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

UID: Final = "qianxun"
_WIDTH: Final = 24
_HEIGHT: Final = 8
# What stands in a panel of which nobody tells anything.
NO_VLLM: Final = "no vLLM server"
NO_EXPORTER: Final = "no exporter"

_BASE: Final = '{base=~"$base"}'
_RATE: Final = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries by their legend. `unit` is Grafana's; `none` is shown where there is no data."""

    title: str
    about: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    none: str = "no data"


def _share(part: str, whole: str) -> str:
    """A part of a whole, 0 where there is no whole."""
    return f"sum(rate({part}{_RATE})) / (sum(rate({whole}{_RATE})) > 0) or vector(0)"


def _quantile(q: float, name: str, by: str = "") -> str:
    return f"histogram_quantile({q}, sum by (le{by and ', ' + by}) (rate({name}_bucket{_RATE})))"


_REQUESTS: Final = "qianxun_requests_total"
_FAILED: Final = 'qianxun_requests_total{status="5xx"}'

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Requests",
        (
            Panel(
                "Requests", "requests a second, by class of status",
                {"{{status}}": f"sum by (status) (rate({_REQUESTS}{_RATE}))"}, "reqps",
            ),
            Panel(
                "Time", "time from a request to the end of its reply",
                {
                    "p50": _quantile(0.5, "qianxun_request_seconds"),
                    "p95": _quantile(0.95, "qianxun_request_seconds"),
                    "p99": _quantile(0.99, "qianxun_request_seconds"),
                },
                "s",
            ),
            Panel("Failed", "share of requests answered with 5xx", {"5xx": _share(_FAILED, _REQUESTS)}, "percentunit"),
            Panel(
                "Time by route", "p95 of each route",
                {"{{route}}": _quantile(0.95, "qianxun_request_seconds", "route")}, "s", width=12,
            ),
            Panel(
                "Turned away", "requests beyond what their caller may ask, and calls that found a queue full",
                {
                    "limit: {{reason}}": f"sum by (reason) (rate(qianxun_limited_total{_RATE}))",
                    "full: {{lane}}": f"sum by (lane) (rate(qianxun_lane_refused_total{_RATE}))",
                },
                "reqps",
            ),
            Panel("Version", "what runs", {"{{version}}": "count by (version) (qianxun_info)"}, kind="stat", width=4),
        ),
    ),
    (
        "Search and answers",
        (
            Panel(
                "Stages", "p95 of each stage of a search or an answer",
                {"{{stage}}": _quantile(0.95, "qianxun_stage_seconds", "stage")}, "s",
            ),
            Panel(
                "Nothing found", "share of searches without a passage",
                {"empty": _share("qianxun_empty_results_total", "qianxun_searches_total")}, "percentunit",
            ),
            Panel(
                "Answers", "answers a second, by verdict",
                {"{{verdict}}": f"sum by (verdict) (rate(qianxun_answers_total{_RATE}))"}, "reqps",
            ),
            Panel(
                "Not answered", "share of questions without an answer, by reason",
                {
                    "{{reason}}": f"sum by (reason) (rate(qianxun_refusals_total{_RATE})) / ignoring (reason) "
                    f"group_left () (sum(rate(qianxun_answers_total{_RATE})) > 0)"
                },
                "percentunit",
            ),
            Panel(
                "Unsupported", "share of the sentences of models that no cited passage bears",
                {"unsupported": _share("qianxun_unsupported_statements_total", "qianxun_statements_total")},
                "percentunit",
            ),
            Panel(
                "Done without", "requests a second served without a part",
                {"{{part}}": f"sum by (part) (rate(qianxun_degraded_total{_RATE}))"}, "reqps",
            ),
            Panel(
                "Tokens", "tokens a second that models read and wrote",
                {"{{direction}}": f"sum by (direction) (rate(qianxun_tokens_total{_RATE}))"},
            ),
            Panel(
                "Cache hits", "share of looks into each cache that found something",
                {
                    "{{cache}}": f'sum by (cache) (rate(qianxun_cache_lookups_total{{result="hit"}}{_RATE})) / '
                    f"(sum by (cache) (rate(qianxun_cache_lookups_total{_RATE})) > 0)"
                },
                "percentunit",
            ),
            Panel(
                "Stale", "looks a second that found what no longer holds",
                {"{{cache}}": f'sum by (cache) (rate(qianxun_cache_lookups_total{{result="stale"}}{_RATE}))'}, "ops",
            ),
        ),
    ),
    (
        "Load",
        (
            Panel(
                "Lanes", "calls that run, and that wait for a thread",
                {
                    "{{lane}} runs": "sum by (lane) (qianxun_lane_running)",
                    "{{lane}} waits": "sum by (lane) (qianxun_lane_waiting)",
                },
            ),
            Panel(
                "Age of queues", "how long the call that waits longest has waited",
                {"{{lane}}": "max by (lane) (qianxun_lane_oldest_seconds)"}, "s",
            ),
            Panel("Answers being made", "streams open", {"open": "sum(qianxun_streams_open)"}),
            Panel("Jobs", "jobs by state", {"{{state}}": "max by (state) (qianxun_jobs)"}, width=12),
            Panel(
                "Age of jobs", "how long the job that waits longest has waited",
                {"oldest": "max(qianxun_jobs_oldest_seconds)"}, "s", width=12,
            ),
        ),
    ),
    (
        "Models",
        (
            Panel(
                "Errors of engines", "calls of a model server that failed after all tries, a second",
                {"{{engine}} {{kind}}": f"sum by (engine, kind) (rate(qianxun_engine_errors_total{_RATE})) > 0"},
                "ops", none="no errors",
            ),
            Panel(
                "vLLM: requests", "running and waiting",
                {
                    "{{model_name}} runs": "sum by (model_name) (vllm:num_requests_running)",
                    "{{model_name}} waits": "sum by (model_name) (vllm:num_requests_waiting)",
                },
                none=NO_VLLM,
            ),
            Panel(
                "vLLM: time in queue", "p95",
                {"{{model_name}}": _quantile(0.95, "vllm:request_queue_time_seconds", "model_name")},
                "s", none=NO_VLLM,
            ),
            Panel(
                "vLLM: KV cache", "share in use",
                {"{{model_name}}": "max by (model_name) (vllm:kv_cache_usage_perc)"}, "percentunit", none=NO_VLLM,
            ),
            Panel(
                "vLLM: prefix cache", "share of tokens found in it",
                {
                    "{{model_name}}": f"sum by (model_name) (rate(vllm:prefix_cache_hits_total{_RATE})) / "
                    f"(sum by (model_name) (rate(vllm:prefix_cache_queries_total{_RATE})) > 0)"
                },
                "percentunit", none=NO_VLLM,
            ),
            Panel(
                "vLLM: first token", "p50 and p95",
                {
                    "{{model_name}} p50": _quantile(0.5, "vllm:time_to_first_token_seconds", "model_name"),
                    "{{model_name}} p95": _quantile(0.95, "vllm:time_to_first_token_seconds", "model_name"),
                },
                "s", none=NO_VLLM,
            ),
            Panel(
                "vLLM: between tokens", "p95",
                {"{{model_name}}": _quantile(0.95, "vllm:inter_token_latency_seconds", "model_name")},
                "s", none=NO_VLLM,
            ),
            Panel(
                "vLLM: tokens", "read and written a second",
                {
                    "{{model_name}} read": f"sum by (model_name) (rate(vllm:prompt_tokens_total{_RATE}))",
                    "{{model_name}} written": f"sum by (model_name) (rate(vllm:generation_tokens_total{_RATE}))",
                },
                none=NO_VLLM,
            ),
            Panel(
                "GPU", "utilisation in percent, told by the dcgm-exporter",
                {"GPU {{gpu}}": "max by (gpu, Hostname) (DCGM_FI_DEV_GPU_UTIL)"}, "percent", none=NO_EXPORTER,
            ),
        ),
    ),
    (
        "Knowledge bases",
        (
            Panel("Documents", "that can be found", {"{{base}}": f"max by (base) (qianxun_documents{_BASE})"}),
            Panel("Chunks", "passages to be searched", {"{{base}}": f"max by (base) (qianxun_chunks{_BASE})"}),
            Panel(
                "Could not be read",
                "documents set aside",
                {"{{base}}": f"max by (base) (qianxun_failed_documents{_BASE})"},
            ),
            Panel(
                "Indexes behind", "changes that an index does not know yet",
                {"{{base}} {{index}}": f"max by (base, index) (qianxun_index_lag{_BASE})"},
            ),
            Panel(
                "Orphans", "what the last check found", {"{{base}}": f"max by (base) (qianxun_orphans{_BASE})"},
                none="never checked",
            ),
            Panel(
                "Last check", "time since then", {"{{base}}": f"max by (base) (qianxun_check_age_seconds{_BASE})"}, "s",
                none="never checked",
            ),
            Panel(
                "Unreadable", "1: the state of the knowledge base cannot be read",
                {"{{base}}": f"max by (base) (qianxun_unreadable{_BASE})"}, width=12,
            ),
            Panel("Conversations", "that are kept", {"kept": "max(qianxun_conversations)"}, width=12),
        ),
    ),
    (
        "Audit",
        (
            Panel("Rows", "number of the last row", {"head": "max(qianxun_audit_head)"}),
            Panel(
                "Waiting", "requests not on disk yet; 1 beside it: the audit cannot be written",
                {"waiting": "sum(qianxun_audit_waiting)", "failing": "max(qianxun_audit_failing)"},
            ),
            Panel(
                "Not recorded", "requests a second that were not recorded",
                {"dropped": f"sum(rate(qianxun_audit_dropped_total{_RATE}))"}, "reqps",
            ),
        ),
    ),
)  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, shown in ROWS:
        panels.append(
            {
                "id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [],
                "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1},
            }
        )  # fmt: skip
        top += 1
        left = 0
        for panel in shown:
            if left + panel.width > _WIDTH:
                left, top = 0, top + _HEIGHT
            panels.append(_panel(len(panels) + 1, panel, left, top))
            left += panel.width
        top += _HEIGHT
    return {
        "uid": UID,
        "title": "qianxun",
        "tags": ["qianxun"],
        "schemaVersion": 39,
        "timezone": "browser",
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_SOURCE, _BASES]},
        "panels": panels,
    }


def queries() -> list[str]:
    """Every query of the dashboard."""
    return [query for _, panels in ROWS for panel in panels for query in panel.queries.values()]


_DATA: Final = {"type": "prometheus", "uid": "${source}"}
_SOURCE: Final = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
_BASES: Final = {
    "name": "base",
    "label": "knowledge base",
    "type": "query",
    "datasource": _DATA,
    "query": {"query": "label_values(qianxun_documents, base)", "refId": "base"},
    "includeAll": True,
    "multi": True,
    "allValue": ".*",
    "current": {"text": "All", "value": "$__all"},
    "refresh": 2,
}


def _panel(id: int, panel: Panel, left: int, top: int) -> dict[str, Any]:
    return {
        "id": id,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATA,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "noValue": panel.none, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        if panel.kind == "timeseries"
        else {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "name"},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _DATA, "expr": query, "legendFormat": legend, "range": True}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }
