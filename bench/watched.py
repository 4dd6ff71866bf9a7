"""Whether every query of the shipped Grafana dashboard has data after a load test, with a real Prometheus.

`qianxun serve` over a knowledge base that is searched by many clients, and a small one to which all else is done
meanwhile: answers of a scripted model, whole and streamed, a model that fails, questions without an answer, a full
house, a caller beyond their limit, an upload, a check, a conversation, paths that there are not. vLLM's and NVIDIA's
metrics come from exporters by a script. Prometheus reads all of it every second, with the configuration and the rules
that `qianxun monitoring` writes; then each query of the dashboard is put to it for the time of the load.

    python -m bench.watched [--chunks 100000] [--clients 64] [--seconds 120] [--json]

Ends with 1 where a query has no data, or says 0 although the load does what it shows; where a rule fails, or a target
is not up.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from bench import corpus
from bench.prometheus import Shown, n_rules, watching
from bench.rows import ROOT
from bench.serving import asked, loaded, started
from qianxun.testing import Reply, ScriptedServer
from qianxun.testing.server import Request

SMALL: Final = "small"
_LEAVE: Final = "工作满一年的员工每年有五天带薪年假。未休的年假在次年三月三十一日之前有效。"
_REMOTE: Final = "Remote work needs the manager's approval. It is limited to 3 days per week."
# Where a question has this, the model's server fails. At a time: how many may be answered, and how many ask.
_FAILS: Final = "请问"
_STREAMS: Final = 2
_CROWD: Final = 5
_PER_MINUTE: Final = 1
_DONE_SECONDS: Final = 120.0
# Panels that may say 0 all the time: nothing was wrong, or nobody had to wait when Prometheus looked. The load moves
# all others.
MAY_REST: Final = frozenset(
    (
        "Stale", "Lanes", "Age of queues", "Answers being made", "Age of jobs", "Indexes behind", "Orphans",
        "Unreadable", "Last check", "Waiting", "Not recorded",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watched:
    """What the dashboard showed, what was wrong, what came of the searches, and of all else by its name and status."""

    shown: list[Shown]
    wrong: list[str]
    searches: dict[str, Any]
    beside: dict[str, int]

    @property
    def without_data(self) -> list[str]:
        """The queries that gave nothing."""
        return [f"{one.panel}: {one.legend}" for one in self.shown if not one.series]

    @property
    def unmoved(self) -> list[str]:
        """The queries that have data, and said 0 all the time although the load does what they show."""
        return [
            f"{one.panel}: {one.legend}"
            for one in self.shown
            if one.panel not in MAY_REST and one.series and one.highest == 0
        ]

    @property
    def is_complete(self) -> bool:
        """Whether all is as it should be."""
        return not (self.without_data or self.unmoved or self.wrong)


def watched(
    base: Path, questions: Sequence[str], *, clients: int, seconds: float, engine: str = "", patience: float = 60.0
) -> Watched:
    """Loads the service for so long and looks at the dashboard; what has no data yet may come for `patience` seconds.

    `engine` is the knowledge base's encoder, where it is not the usual one.
    """
    with (
        tempfile.TemporaryDirectory() as place,
        ScriptedServer(_script) as model,
        _serving(Path(place), base, model.url, engine) as (pid, url, key, limited),
    ):
        host, _, port = url.removeprefix("http://").rpartition(":")
        folder = Path(place) / "monitoring"
        folder.mkdir()
        with watching(folder, f"{host}:{port}") as prometheus:
            begun = time.time()
            with _beside(url, key, limited) as beside:
                searches = loaded(pid, int(port), asked("big", questions, key), clients=clients, seconds=seconds)
                until = time.monotonic() + patience
                while True:
                    shown, wrong = prometheus.shown(begun, time.time()), prometheus.wrong()
                    found = Watched(shown, wrong, searches, dict(sorted(beside.items())))
                    if found.is_complete or time.monotonic() > until:
                        return found
                    time.sleep(0.5)


@contextmanager
def _serving(place: Path, base: Path, model: str, engine: str) -> Iterator[tuple[int, str, str, str]]:
    """Process, address, the administrator's key, and the key of somebody who may ask little."""
    import qianxun
    from qianxun.settings import load_settings
    from qianxun.storage.keys import USUAL, Grant, Keys
    from qianxun.storage.service import open_service

    home = place / "home"
    home.mkdir()
    sections: dict[str, dict[str, Any]] = {
        "encoder": {"name": engine},
        "generator": {"url": model},
        "remote": {"retries": 0},
        "service": {"port": 0, "streams": _STREAMS, "knowledge_bases": [f"big={base}", SMALL]},
    }
    lines = [f"home = {json.dumps(str(home))}"]
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    config = home / "qianxun.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with qianxun.open(home / "kb" / SMALL, settings=load_settings(config=config)) as kb:
        kb.add_texts([qianxun.TextItem("leave", "年假", _LEAVE), qianxun.TextItem("remote", "Remote work", _REMOTE)])
    keys = Keys(open_service(home))
    limited = keys.create("limited", Grant(None, None, frozenset(USUAL), requests_per_minute=_PER_MINUTE))[1]
    administrator = keys.create("administrator", Grant.everything())[1]
    keys.close()
    command = [sys.executable, "-m", "qianxun", "serve", "--json", "--config", str(config)]
    sources = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    with started(command, {"QIANXUN_HOME": str(home), "PYTHONPATH": sources}) as (process, line):
        yield process.pid, json.loads(line)["url"], administrator, limited


def _script(request: Request) -> Reply:
    """The self-test, an answer of which one sentence is borne by nothing, or a failure."""
    text = request.body["messages"][-1]["content"]
    if "2 + 3" in text:
        return Reply("5")
    if _FAILS in text:
        return Reply(status=500, body={"error": {"message": "out of memory"}})
    return Reply("工作满一年的员工每年有五天带薪年假[1]。公司在火星设有分部[1]。", first_seconds=0.2)


# -- what is done beside the searches ----------------------------------------------------------------


@contextmanager
def _beside(url: str, key: str, limited: str) -> "Iterator[Counter[str]]":
    """Everything but the searches, over and over from here to the end; what came of it. Raises what went wrong."""
    came: Counter[str] = Counter()
    stop = threading.Event()
    with (
        ThreadPoolExecutor(1) as threads,
        httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=120) as http,
    ):
        http.headers["Authorization"] = f"Bearer {key}"
        running = threads.submit(_go_on, http, limited, came, stop)
        try:
            yield came
        finally:
            stop.set()
        running.result()


def _go_on(http: httpx.Client, limited: str, came: "Counter[str]", stop: threading.Event) -> None:
    def call(name: str, method: str, path: str, **given: Any) -> Any:
        reply = http.request(method, path, **given)
        came[f"{name} {reply.status_code}"] += 1
        return reply

    def ask(name: str, question: str, **more: Any) -> None:
        call(name, "POST", f"/bases/{SMALL}/ask", json={"question": question, **more})

    def job(name: str, path: str, **given: Any) -> None:
        token = call(name, "POST", path, **given).json()["job"]
        until = time.monotonic() + _DONE_SECONDS
        while (state := http.get(f"/jobs/{token}").json()["state"]) in ("queued", "running"):
            if time.monotonic() > until:
                raise RuntimeError(f"{name} is {state} after {_DONE_SECONDS:g} s")
            time.sleep(0.1)
        came[f"{name} {state}"] += 1

    texts = [("files", ("加班.txt", "加班須事先申請，經主管核准。".encode())), ("files", ("broken.pdf", b"%PDF-1.7 x"))]
    job("upload", f"/bases/{SMALL}/documents", files=texts)
    job("check", f"/bases/{SMALL}/maintenance", json={"job": "check"})
    call("conversation", "POST", f"/bases/{SMALL}/conversations", json={"title": "年假"})
    search = f"/bases/{SMALL}/search"
    n = 0
    with ThreadPoolExecutor(_CROWD) as crowd:
        while not stop.is_set():
            n += 1
            call("search", "POST", search, json={"query": "remote work"})
            call("search for nothing", "POST", search, json={"query": "年假", "filter": "format = pdf"})
            ask("ask", "年假有几天？")  # from the second time on from the cache
            ask("ask anew", f"员工每年有几天带薪年假？（{n}）")
            ask("ask, streamed", f"工作满一年有几天年假？（{n}）", stream=True)
            ask("ask a model that fails", f"{_FAILS}员工每年有几天带薪年假？（{n}）")
            ask("ask in vain", f"年假有几天？（{n}）", filter="format = pdf")
            list(crowd.map(lambda i: ask("ask, crowded", f"年假几天？（{n}，{i}）", stream=True), range(_CROWD)))  # noqa: B023
            headers = {"Authorization": f"Bearer {limited}"}
            call("search beyond the limit", "POST", search, json={"query": "年假"}, headers=headers)
            call("nowhere", "GET", "/nowhere")
            stop.wait(0.2)


# -- the command -------------------------------------------------------------------------------------


def table(found: Watched) -> str:
    """What each query gave, as text."""
    lines = [f"{'panel':<28}{'query':<24}{'series':>7}{'last':>12}{'highest':>12}"]
    for one in found.shown:
        numbers = "".join(f"{'' if value is None else f'{value:.4g}':>12}" for value in (one.last, one.highest))
        lines.append(f"{one.panel:<28}{one.legend:<24}{one.series or 'no data':>7}{numbers}")
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    base = corpus.knowledge_base(given.chunks)
    questions = corpus.questions(400, given.chunks)
    found = watched(base, questions, clients=given.clients, seconds=given.seconds)
    if given.json:
        told = dataclasses.asdict(found) | {"without_data": found.without_data, "unmoved": found.unmoved}
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(table(found))
        print(f"searches: {found.searches['replies']}, {found.searches['per_second']:.0f}/s")
        print("beside: " + ", ".join(f"{name}: {n}" for name, n in found.beside.items()))
        have = len(found.shown) - len(found.without_data)
        print(f"{have} of {len(found.shown)} queries have data; {n_rules()} rules are evaluated")
        for what, lines in (("no data", found.without_data), ("always 0", found.unmoved), ("wrong", found.wrong)):
            for line in lines:
                print(f"{what}: {line}")
    return 0 if found.is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
