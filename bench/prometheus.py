"""A real Prometheus with the configuration that we ship, and whether every query of the shipped dashboard has data.

Knows nothing of our service but the files that `qianxun monitoring` writes; of these only addresses and intervals are
changed. Needs the program `prometheus` (Debian: prometheus). Every port is one that was free.
"""

import json
import math
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from qianxun.service.monitoring import DASHBOARD, RULES, SCRAPE, files

# Seconds between two readings, and what Grafana makes of that for `$__rate_interval`.
INTERVAL: Final = 1
RATE: Final = f"{4 * INTERVAL}s"
_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What one query of a panel gave: how many series have a number, and of these the last and the highest."""

    panel: str
    legend: str
    series: int
    last: float | None
    highest: float | None


class Prometheus:
    """A running Prometheus that has read the shipped rules."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Lets go of the connection."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def shown(self, begun: float, ended: float) -> list[Shown]:
        """Every query of the dashboard between two moments (seconds since 1970), and its list of knowledge bases."""
        found = []
        for panel in json.loads(files()[DASHBOARD])["panels"]:
            for target in panel.get("targets", ()):
                query = target["expr"].replace("$__rate_interval", RATE).replace("$base", ".*")
                data = self._told("query_range", query=query, start=begun, end=ended, step=INTERVAL)
                found.append(_shown(panel["title"], target["legendFormat"], data["result"]))
        names = self._told("label/base/values", **{"match[]": "qianxun_documents"})
        return [*found, Shown("(list of knowledge bases)", "base", len(names), None, None)]

    def wrong(self) -> list[str]:
        """What is not as it should be: targets that are not up, rules that are missing, or fail."""
        lines = []
        targets = self._told("targets")["activeTargets"]
        if len(targets) != len(_addresses()):
            lines.append(f"{len(targets)} of {len(_addresses())} targets")
        for one in targets:
            if one["health"] != "up":
                lines.append(f"target {one['labels']['job']} is {one['health']}: {one['lastError']}")
        rules = [rule for group in self._told("rules")["groups"] for rule in group["rules"]]
        if len(rules) != n_rules():
            lines.append(f"{len(rules)} of {n_rules()} rules")
        for rule in rules:
            if rule["health"] != "ok" or rule.get("lastError"):
                lines.append(f"rule {rule['name']} is {rule['health']}: {rule.get('lastError', '')}")
        return lines

    def _told(self, what: str, **asked: Any) -> Any:
        reply = self._http.get(f"/api/v1/{what}", params=asked).json()
        if reply["status"] != "success":
            raise RuntimeError(f"{what} {asked}: {reply['error']}")
        return reply["data"]


def n_rules() -> int:
    """How many alerts are shipped."""
    return len(re.findall(r"^ +- alert:", files()[RULES], re.MULTILINE))


def _shown(panel: str, legend: str, result: list[dict[str, Any]]) -> Shown:
    # A quantile of nothing is NaN: Grafana draws no line for it.
    numbers = [[float(text) for _, text in one["values"] if math.isfinite(float(text))] for one in result]
    numbers = [one for one in numbers if one]
    if not numbers:
        return Shown(panel, legend, 0, None, None)
    return Shown(panel, legend, len(numbers), max(one[-1] for one in numbers), max(map(max, numbers)))


def _addresses() -> list[str]:
    """The addresses in the shipped configuration, in its order: the service, models' servers, the GPUs' exporter."""
    return re.findall(r'"(127\.0\.0\.1:\d+)"', files()[SCRAPE])


def configured(folder: Path, service: str, exporters: list[str]) -> Path:
    """The shipped files in a folder, with other addresses and intervals. Gives the configuration."""
    text = re.sub(r"(?m)^( +\w+_interval): \w+$", rf"\1: {INTERVAL}s", files()[SCRAPE])
    for old, new in zip(_addresses(), [service, *exporters], strict=True):
        text = text.replace(f'"{old}"', f'"{new}"')
    for name, content in (files() | {SCRAPE: text}).items():
        if name != DASHBOARD:
            (folder / name).write_text(content, encoding="utf-8")
    return folder / SCRAPE


@contextmanager
def watching(folder: Path, service: str) -> Iterator[Prometheus]:
    """A Prometheus that reads the service at HOST:PORT, and exporters that speak as vLLM and NVIDIA's do."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("prometheus is not installed. Debian and Ubuntu: apt-get install prometheus.")
    with exporting() as exporters:
        arguments = [f"--config.file={configured(folder, service, exporters)}"]
        arguments += [f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"]
        log = folder / "prometheus.log"
        with log.open("w") as written:
            process = subprocess.Popen([program, *arguments], stdout=written, stderr=written)
        try:
            found = Prometheus(f"http://127.0.0.1:{_port(process, log)}")
            try:
                _wait_for(found.is_ready, process, log)
                yield found
            finally:
                found.close()
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """It takes a free port and says which."""

    def told() -> "re.Match[str] | None":
        return re.search(r'msg="Listening on".* address=\S+:(\d+)', log.read_text())

    _wait_for(told, process, log)
    found = told()
    assert found is not None
    return int(found[1])


def _wait_for(what: Callable[[], Any], process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not what():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"prometheus did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


# -- exporters ---------------------------------------------------------------------------------------


@contextmanager
def exporting() -> Iterator[list[str]]:
    """Addresses of exporters by a script, one for each address of the configuration but the first."""
    begun = time.monotonic()
    jobs: list[Callable[[float], str]] = [
        lambda seconds, name=name: vllm_text(name, seconds)  # type: ignore[misc]
        for name in ("Qwen3-Embedding-0.6B", "Qwen3-Reranker-0.6B", "Qwen3-4B")
    ]
    servers = []
    for text in (*jobs, gpu_text):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(text, begun))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    try:
        yield [f"127.0.0.1:{server.server_address[1]}" for server in servers]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def vllm_text(model: str, seconds: float) -> str:
    """What a vLLM server with ten requests a second says after so many seconds."""
    n = 10 * seconds
    labels = f'engine="0",model_name="{model}"'
    gauges = {"num_requests_running": 3.0, "num_requests_waiting": 1.0, "kv_cache_usage_perc": 0.4}
    counters = {
        "prefix_cache_queries_total": 100 * n,
        "prefix_cache_hits_total": 60 * n,
        "prompt_tokens_total": 800 * n,
        "generation_tokens_total": 90 * n,
    }
    lines = _family("gauge", {f"vllm:{name}": value for name, value in gauges.items()}, labels)
    lines += _family("counter", {f"vllm:{name}": value for name, value in counters.items()}, labels)
    for name in ("request_queue_time_seconds", "time_to_first_token_seconds", "inter_token_latency_seconds"):
        lines.append(f"# TYPE vllm:{name} histogram")
        for bound, share in (("0.01", 0.2), ("0.1", 0.8), ("1.0", 1.0), ("+Inf", 1.0)):
            lines.append(f'vllm:{name}_bucket{{{labels},le="{bound}"}} {n * share}')
        lines += [f"vllm:{name}_sum{{{labels}}} {n * 0.07}", f"vllm:{name}_count{{{labels}}} {n}"]
    return "\n".join(lines) + "\n"


def gpu_text(seconds: float) -> str:
    """What the dcgm-exporter of a machine with two GPUs says."""
    lines = ["# TYPE DCGM_FI_DEV_GPU_UTIL gauge"]
    lines += [f'DCGM_FI_DEV_GPU_UTIL{{gpu="{n}",Hostname="gpu-1"}} {30 * n + seconds % 40:.0f}' for n in range(2)]
    return "\n".join(lines) + "\n"


def _family(kind: str, values: Mapping[str, float], labels: str) -> list[str]:
    return [line for name, value in values.items() for line in (f"# TYPE {name} {kind}", f"{name}{{{labels}}} {value}")]


def _handler(text: Callable[[float], str], begun: float) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = text(time.monotonic() - begun).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
