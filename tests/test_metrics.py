"""Metrics: what is counted, who may read it, several processes, and that names, page and dashboard agree."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from service_fixtures import URL, Served
from starlette.testclient import TestClient

from qianxun import tally
from qianxun.service.facts import Ended, Facts
from qianxun.service.metric_table import METRICS, series_of
from qianxun.service.metrics import Metrics, StateCollector
from qianxun.service.monitoring import files
from qianxun.service.monitoring.dashboard import NO_EXPORTER, NO_VLLM, dashboard, queries
from qianxun.storage.checks import Checks

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "metrics.md"
QUESTION = "工作满一年的员工有几天带薪年假？"
# As vLLM 0.32 and dcgm-exporter 4 name them.
VLLM = {
    "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
    "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total", "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    *(
        f"vllm:{name}_{part}"
        for name in ("request_queue_time_seconds", "time_to_first_token_seconds", "inter_token_latency_seconds")
        for part in ("bucket", "sum", "count")
    ),
}  # fmt: skip
DCGM = {"DCGM_FI_DEV_GPU_UTIL"}
OURS = {series for metric in METRICS for series in series_of(metric)}
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")


@pytest.fixture
def served(tmp_path: Path, documents: Path) -> Iterator[Served]:
    found = Served(tmp_path / "home")
    with found.base() as kb:
        kb.add([documents])
    yield found
    found.close()


def scraped(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return scraped(text)[name, frozenset(labels.items())]


def on_this_machine(served: Served) -> TestClient:
    return TestClient(served.app, base_url=URL, client=("127.0.0.1", 50000), raise_server_exceptions=False)


def read(served: Served) -> str:
    assert served.service.telemetry is not None
    return served.service.telemetry.metrics.text().decode()


# -- what is counted ---------------------------------------------------------------------------------


def test_requests_searches_and_answers_are_counted(served: Served) -> None:
    client = served.client(admin=True)
    assert client.post("/api/v1/bases/default/search", json={"query": QUESTION}).status_code == 200
    assert (
        client.post("/api/v1/bases/default/search", json={"query": "年假", "filter": "format = pdf"}).status_code == 200
    )
    assert client.post("/api/v1/bases/default/ask", json={"question": QUESTION}).status_code == 200
    assert client.get("/nowhere/住宿").status_code == 404
    text = read(served)
    route = "/api/v1/bases/{base}/search"
    assert value(text, "qianxun_requests_total", route=route, method="POST", status="2xx") == 2
    assert value(text, "qianxun_requests_total", route="other", method="GET", status="4xx") == 1
    assert value(text, "qianxun_request_seconds_count", route=route) == 2
    assert value(text, "qianxun_stage_seconds_count", stage="lexical") == 3
    assert value(text, "qianxun_searches_total") == 3
    assert value(text, "qianxun_empty_results_total") == 1
    assert sum(v for (name, _), v in scraped(text).items() if name == "qianxun_answers_total") == 1
    assert "住宿" not in text
    assert "年假" not in text


def test_the_state_of_knowledge_bases_is_told(served: Served) -> None:
    served.client(admin=True).post("/api/v1/bases/default/search", json={"query": QUESTION})
    checks = Checks(served.service.database)
    checks.note("default", 3)
    checks.note("gone", 9)
    text = read(served)
    assert value(text, "qianxun_documents", base="default") == 5
    assert value(text, "qianxun_chunks", base="default") >= 5
    assert value(text, "qianxun_index_lag", base="default", index="tantivy") == 0
    assert value(text, "qianxun_orphans", base="default") == 3
    assert 0 <= value(text, "qianxun_check_age_seconds", base="default") < 60
    assert value(text, "qianxun_unreadable", base="default") == 0
    assert value(text, "qianxun_audit_head") >= 0
    assert 'base="gone"' not in text
    checks.forget("default")
    assert [one.base for one in checks.all()] == ["gone"]


def test_what_lies_deep_below_is_counted() -> None:
    before = tally.counts().get(("cache", "answers", "stale"), 0)
    metrics = Metrics()
    first = value(metrics.text().decode(), "qianxun_cache_lookups_total", cache="answers", result="stale")
    tally.count("cache", "answers", "stale", n=3)
    second = value(metrics.text().decode(), "qianxun_cache_lookups_total", cache="answers", result="stale")
    assert (second - first, tally.counts()["cache", "answers", "stale"] - before) == (3, 3)


def test_errors_of_engines_are_counted(tmp_path: Path, documents: Path) -> None:
    served = Served(tmp_path / "home", ["reranker.url=http://127.0.0.1:9/v1", "remote.retries=0", "reranker.name=http"])
    with served.base() as kb:
        kb.add([documents])
    before = value(read(served), "qianxun_engine_errors_total", engine="reranker", kind="ModelUnavailable")
    reply = served.client(admin=True).post("/api/v1/bases/default/search", json={"query": QUESTION})
    assert reply.json()["degraded"]
    text = read(served)
    assert value(text, "qianxun_engine_errors_total", engine="reranker", kind="ModelUnavailable") > before
    assert value(text, "qianxun_degraded_total", part="reranker") == 1
    served.close()


def test_tokens_statements_and_unknown_words() -> None:
    metrics = Metrics()
    # Those of jobs that ran in this process are in it, too.
    before = tally.counts().get(("tokens", "prompt"), 0)
    facts = Facts("ask", stages={"generate": 1.0, "秘密": 1.0, "total": 9.0}, verdict="no_evidence", statements=4)
    facts.unsupported, facts.prompt_tokens, facts.completion_tokens = 1, 100, 7
    facts.degraded = ("reranker: http://secret said 年假",)
    caller: Any = None
    metrics.ended(Ended("r", caller, facts, "", "BREW", 499, 1.5))
    text = metrics.text().decode()
    assert value(text, "qianxun_requests_total", route="other", method="other", status="gone") == 1
    assert value(text, "qianxun_tokens_total", direction="prompt") == before + 100
    assert value(text, "qianxun_statements_total") == 4
    assert value(text, "qianxun_unsupported_statements_total") == 1
    assert value(text, "qianxun_refusals_total", reason="no_evidence") == 1
    assert value(text, "qianxun_degraded_total", part="reranker") == 1
    assert value(text, "qianxun_stage_seconds_count", stage="other") == 1
    assert "secret" not in text
    assert "秘密" not in text


def test_what_was_never_refused_is_told_as_nought(served: Served) -> None:
    refused = {labels: n for (name, labels), n in scraped(read(served)).items() if name == "qianxun_lane_refused_total"}
    lanes = {*served.service.lanes, served.service.streams.name, served.service.watchers.name}
    assert refused == {frozenset({("lane", lane)}): 0 for lane in lanes}


def test_a_second_reading_looks_nothing_up_again() -> None:
    looks: list[int] = []

    def look() -> list[tuple[str, tuple[str, ...], float]]:
        looks.append(1)
        return [("qianxun_chunks", ("制度",), 5.0)]

    collector = StateCollector(look, seconds=60)
    for _ in range(3):
        (family,) = collector.collect()
        assert family.samples[0].labels == {"base": "制度"}
    assert looks == [1]


def test_reading_is_cheap(served: Served) -> None:
    read(served)
    begun = time.perf_counter()
    for _ in range(10):
        read(served)
    assert (time.perf_counter() - begun) / 10 < 0.1


# -- who may read it ---------------------------------------------------------------------------------


def test_whoever_is_on_this_machine_may_read(served: Served) -> None:
    reply = on_this_machine(served).get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert "qianxun_info" in reply.text
    assert served.client().get("/metrics").status_code == 401  # from elsewhere
    assert served.client(admin=True).get("/metrics").status_code == 200
    assert served.client(actions=("search",)).get("/metrics").status_code == 403
    assert on_this_machine(served).get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.0.0.1"}, {"Origin": "http://evil"}, {"Host": "evil:8000"}])
def test_neither_a_proxy_nor_a_page_of_another_site_is_on_this_machine(served: Served, headers: dict[str, str]) -> None:
    assert on_this_machine(served).get("/metrics", headers=headers).status_code == 401


@pytest.mark.parametrize("rule, here, admin", [("key", 401, 200), ("off", 404, 404)])
def test_the_settings_close_it(tmp_path: Path, rule: str, here: int, admin: int) -> None:
    served = Served(tmp_path / "home", [f"telemetry.metrics={rule}"])
    assert on_this_machine(served).get("/metrics").status_code == here
    assert served.client(admin=True).get("/metrics").status_code == admin
    served.close()


# -- several processes -------------------------------------------------------------------------------


def test_each_of_several_processes_tells_of_all(tmp_path: Path) -> None:
    code = """
import sys
from qianxun.service.facts import Ended, Facts
from qianxun.service.metrics import Metrics
metrics = Metrics()
facts = Facts("search", stages={"lexical": 0.5}, passages=(1,))
for _ in range(int(sys.argv[1])):
    metrics.ended(Ended("r", None, facts, "/x", "GET", 200, 0.5))
metrics.put("qianxun_lane_waiting", int(sys.argv[1]), "search")
metrics.put("qianxun_lane_oldest_seconds", int(sys.argv[1]), "search")
print("ready", flush=True)
sys.stdin.readline()
sys.stdout.write(metrics.text().decode())
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, n],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for n in ("2", "3")
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        text = worker.communicate("\n", timeout=30)[0]
        assert value(text, "qianxun_requests_total", route="/x", method="GET", status="2xx") == 5
        assert value(text, "qianxun_searches_total") == 5
        assert value(text, "qianxun_stage_seconds_bucket", stage="lexical", le="0.5") == 5
        assert value(text, "qianxun_lane_oldest_seconds", lane="search") == 3
        if worker is workers[0]:
            assert value(text, "qianxun_lane_waiting", lane="search") == 5


# -- names, page, dashboard, rules -------------------------------------------------------------------


def test_every_metric_has_a_line_in_the_page_and_every_line_a_metric() -> None:
    rows = re.findall(r"^\| `(qianxun_\w+)` \| (\w+) \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    written = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert written == {metric.name: (metric.kind, metric.labels) for metric in METRICS}
    assert len(rows) == len(METRICS)


def test_what_is_told_is_in_the_table(served: Served) -> None:
    client = served.client(admin=True)
    client.post("/api/v1/bases/default/ask", json={"question": QUESTION})
    Checks(served.service.database).note("default", 0)
    families = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for family in text_string_to_metric_families(read(served))
    }
    table = {metric.name: metric.kind for metric in METRICS}
    assert {name: kind for name, kind in families.items() if name in table} == {name: table[name] for name in families}
    assert set(table) == set(families)


def names_in(query: str) -> set[str]:
    """The metrics that a PromQL query names: identifiers that are no function, keyword or label."""
    text = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', "", query)
    text = re.sub(r"\{[^{}]*\}", " ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", " ", text)
    found = re.findall(r"[A-Za-z_:][\w:]*(?!\w)(?!\s*\()", re.sub(r"\b\d[\w.]*", " ", text))
    return set(found) - {"and", "or", "unless", "offset", "bool", "by", "le"} - {"inf", "nan"}


def test_names_are_found_in_queries() -> None:
    query = 'histogram_quantile(0.9, sum by (le, x) (rate(a:b_bucket{c=~"d(e)"}[5m]))) > 1e3 or vector(0)'
    query += " unless f offset 5m"
    assert names_in(query) == {"a:b_bucket", "f"}
    assert names_in('max by (gpu) (DCGM_X) / on (instance) group_left () y{z="up(w)"}') == {"DCGM_X", "y"}


def rules() -> str:
    return files()["qianxun-rules.yml"]


def expressions() -> dict[str, str]:
    """Alert → expression, without a library for YAML: `expr:` on one line, or folded below it."""
    found = {}
    for block in re.split(r"\n      - alert: ", rules())[1:]:
        name, _, rest = block.partition("\n")
        folded = re.search(r"        expr: >-\n((?:          .*\n)+)", rest)
        single = re.search(r"        expr: (.*)\n", rest)
        assert single is not None
        found[name] = " ".join(folded[1].split()) if folded else single[1]
    return found


@pytest.mark.parametrize("query", [*queries(), *expressions().values()])
def test_every_query_names_what_is_told(query: str) -> None:
    named = names_in(query)
    assert named
    assert named <= OURS | VLLM | DCGM | {"up"}


def test_the_dashboard_shows_every_metric_and_says_where_there_is_none() -> None:
    shown = set().union(*(names_in(query) for query in queries()))
    assert [m.name for m in METRICS if not shown & set(series_of(m))] == []
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    texts = {panel["title"]: panel["fieldConfig"]["defaults"]["noValue"] for panel in panels}
    assert texts["GPU"] == NO_EXPORTER
    assert {texts[title] for title in texts if title.startswith("vLLM")} == {NO_VLLM}
    places = [(p["gridPos"]["x"] + column, p["gridPos"]["y"]) for p in panels for column in range(p["gridPos"]["w"])]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert json.loads(files()["qianxun-dashboard.json"]) == dashboard()


def test_every_alert_says_what_to_do() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", page, re.MULTILINE)
    assert headings == list(expressions())
    for name in expressions():
        assert f"runbook: docs/monitoring.md#{name.lower()}\n" in rules()
    assert rules().count("severity:") == rules().count("summary:") == len(headings)


# -- promtool ----------------------------------------------------------------------------------------


def tool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], input=given, capture_output=True, text=True, timeout=60)


@promtool
def test_promtool_reads_the_metrics(served: Served) -> None:
    served.client(admin=True).post("/api/v1/bases/default/search", json={"query": QUESTION})
    found = tool("check", "metrics", given=read(served))
    assert (found.returncode, found.stderr) == (0, "")


@promtool
def test_promtool_reads_rules_queries_and_configuration(tmp_path: Path) -> None:
    for name, text in files().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert tool("check", "rules", "--lint=all", str(tmp_path / "qianxun-rules.yml")).returncode == 0
    assert tool("check", "config", str(tmp_path / "prometheus.yml")).returncode == 0
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for n, query in enumerate(queries()):
        plain = query.replace("$__rate_interval", "5m").replace("$base", ".*")
        lines += [f"      - record: panel:{n}", f"        expr: {json.dumps(plain)}"]
    (tmp_path / "panels.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = tool("check", "rules", str(tmp_path / "panels.yml"))
    assert found.returncode == 0, found.stderr


@promtool
def test_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    (tmp_path / "qianxun-rules.yml").write_text(rules(), encoding="utf-8")
    (tmp_path / "test.yml").write_text((ROOT / "tests" / "alerts.yml").read_text(encoding="utf-8"), encoding="utf-8")
    found = tool("test", "rules", str(tmp_path / "test.yml"))
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_alert_is_tested() -> None:
    text = (ROOT / "tests" / "alerts.yml").read_text(encoding="utf-8")
    assert {name for name in expressions() if f"alertname: {name}\n" not in text} == set()
