"""A knowledge base whose models are behind HTTP: each fault is one line, nothing is half-written, adding goes on.

The server is real, on loopback; its model is a toy (`model_server`), so the checks of meaning are waived.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_server import Fault, ModelServer, Request, vector_of

import qianxun
from qianxun import TextItem
from qianxun.cli.main import main
from qianxun.errors import (
    BadModelReply,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    UnfitModel,
)
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.check import PROBES

N_TEXTS = 24
BATCH = 4
TEXTS = [
    TextItem(f"note{n:02}.txt", f"第{n}号", f"第{n}号通知：差旅報銷標準 {n * 10} 元，Expense limit {n * 10}（全角）。")
    for n in range(N_TEXTS)
]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        started.dimension = 1024
        yield started


def opened(tmp_path: Path, server: ModelServer, *more: str) -> KnowledgeBase:
    return qianxun.open(tmp_path / "kb", overrides=overrides(server, *more))


def overrides(server: ModelServer, *more: str) -> list[str]:
    return [
        "encoder.model=Qwen/Qwen3-Embedding-0.6B",
        f"encoder.url={server.url}/v1",
        f"encoder.batch={BATCH}",
        f"remote.texts_per_request={BATCH}",
        "remote.concurrency=1",
        "remote.retries=0",
        "remote.read_seconds=0.5",
        "models.waive_meaning_checks=true",
        "reading.workers=1",
        *more,
    ]


class Failing:
    """Answers requests for vectors of our texts with a fault, from the n-th on, until it is mended."""

    def __init__(self, server: ModelServer, n: int, fault: Fault) -> None:
        self.mended = False
        note, seen = server.note, Counter[str]()

        def failing(request: Request) -> Fault | None:
            found = note(request)
            if any("通知" in str(text) for text in (request.body or {}).get("input", ())):
                seen["requests"] += 1
                return fault if seen["requests"] > n and not self.mended else found
            return found

        server.note = failing  # type: ignore[method-assign]


def spoilt(change: Callable[[list[float]], list[float]]) -> Callable[[Any], Any]:
    def spoil(reply: Any) -> Any:
        for item in reply.get("data", ()):
            if "embedding" in item:
                item["embedding"] = change(vector_of([1], 1024).tolist())
        return reply

    return spoil


HTML = Fault(body=b"<html><title>502 from the proxy</title></html>", media="text/html")
FAULTS: dict[str, tuple[Fault | Callable[[Any], Any], type[ModelError], str]] = {
    "down": (Fault(how="hang up"), ModelUnavailable, "cannot be reached|hung up|closed"),
    "slow": (Fault(how="silence"), ModelTimeout, "0.5 s"),
    "html": (HTML, BadModelReply, "502 from the proxy|HTML"),
    "closed in the middle": (Fault(how="break off", body=b'{"data": ['), BadModelReply, "in the middle of its answer"),
    "busy": (Fault(429, headers={"Retry-After": "7"}), ModelBusy, "429"),
    "wrong key": (Fault(401, body=b'{"error": "no"}'), ModelRefused, "401|key"),
    "not served": (Fault(404, body=b'{"error": {"message": "no such model"}}'), ModelRefused, "no such model|serve"),
    "not a number": (spoilt(lambda v: [math.nan, *v[1:]]), BadModelReply, "number|NaN|finite"),
    "wrong dimension": (spoilt(lambda v: v[:512]), BadModelReply, "512"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_while_adding_is_one_line_and_the_next_run_goes_on(
    name: str, tmp_path: Path, server: ModelServer
) -> None:
    fault, kind, words = FAULTS[name]
    n_good = 2
    failing = Failing(server, n_good, fault) if isinstance(fault, Fault) else None
    with opened(tmp_path, server) as kb:
        kb.add_texts(TEXTS[:0])
        if not isinstance(fault, Fault):
            kb.add_texts(TEXTS[: n_good * BATCH])  # these go well
            server.spoil = fault
        with pytest.raises(kind, match=words) as caught:
            kb.add_texts(TEXTS)
        assert "\n" not in str(caught.value)
        assert caught.value.remedy
        kept = kb._keeping.vectors
        assert len(kept.hashes()) == n_good * BATCH
        rows = kept.get(sorted(kept.hashes()))
        assert np.isfinite(rows).all()
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
        server.spoil = lambda reply: reply
        if failing is not None:
            failing.mended = True
        before = len(asked_for(server))
        kb.add_texts(TEXTS)
        assert len(asked_for(server)) - before == N_TEXTS - n_good * BATCH, "what was encoded is encoded once"
        assert kb.check().ok
        found = kb.search("第7号通知", mode="lexical")
        assert found.passages[0].source.endswith("note07.txt")


def asked_for(server: ModelServer) -> list[str]:
    """Every passage of ours that a vector was asked for, in order."""
    return [
        text
        for body in server.asked("/v1/embeddings")
        for text in body["input"]
        if isinstance(text, str) and "通知" in text and not text.startswith("Instruct")
    ]


def test_the_command_ends_with_its_code_and_one_line(
    tmp_path: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "通知.txt").write_text("第一号通知。", "utf-8")
    failing = Failing(server, 0, HTML)
    line = ["add", str(tmp_path / "通知.txt"), "--kb", str(tmp_path / "kb")]
    line += [word for text in overrides(server) for word in ("--set", text)]
    assert main(line) == 76
    err = capsys.readouterr().err.strip().splitlines()
    assert server.url in err[-1]
    failing.mended = True
    assert main(line) == 0


def test_texts_without_words_and_a_text_of_a_hundred_thousand_tokens(tmp_path: Path, server: ModelServer) -> None:
    long = "通知：" + "差旅報銷 Expense 標準。" * 6000
    with opened(tmp_path, server, "splitting.max_tokens=8192") as kb:
        kb.add_texts([TextItem("empty.txt", "", "  \n"), TextItem("long.txt", "长", long)])
        assert kb.check().ok
        assert kb.search("差旅報銷").degraded == ()
    with opened(tmp_path / "2", server) as kb:
        rows = kb._keeping.encoder.encode_passages([long, "", "  \u3000"])
        assert np.isclose(np.linalg.norm(rows[0]), 1, atol=1e-5)
        assert not rows[1:].any()


def test_another_model_at_the_same_address_is_refused(tmp_path: Path, server: ModelServer) -> None:
    with opened(tmp_path, server) as kb:
        kb.add_texts(TEXTS)

    def other(reply: Any) -> Any:
        for item in reply.get("data", ()):
            if "embedding" in item:
                item["embedding"] = vector_of([item["index"]], 1024).tolist()
        return reply

    server.spoil = other
    with opened(tmp_path, server) as kb:
        found = kb.search("第7号通知")
        assert "self-test (same model)" in found.degraded[0]
        assert found.passages[0].source.endswith("note07.txt")
        with pytest.raises(UnfitModel, match="qianxun reindex"):
            kb.search("第7号通知", mode="dense")


def test_a_server_that_drops_the_instruction_encodes_nothing(tmp_path: Path, server: ModelServer) -> None:
    encode = server._embeddings

    def bare(body: Any) -> Any:
        texts = [text.partition("\nQuery:")[2] or text for text in body["input"]]
        return encode({**body, "input": texts})

    server._embeddings = bare  # type: ignore[method-assign]
    with opened(tmp_path, server) as kb:
        with pytest.raises(UnfitModel, match="question and passage differ"):
            kb.add_texts(TEXTS)
        assert kb._keeping.vectors.hashes() == set()
        assert asked_for(server) == []


def test_a_reranker_without_its_template_is_not_used(tmp_path: Path, server: ModelServer) -> None:
    with ModelServer(model="Qwen3-Reranker-0.6B") as judge:
        more = ("reranker.model=Qwen/Qwen3-Reranker-0.6B", f"reranker.url={judge.url}")
        with opened(tmp_path, server, *more) as kb:
            kb.add_texts(TEXTS)
            found = kb.search("第7号通知")
            assert found.degraded == ()
            assert "reranker" in found.passages[0].stages
        judge.has_template = False
        with opened(tmp_path / "2", server, *more) as kb:
            kb.add_texts(TEXTS)
            found = kb.search("第7号通知")
            assert "self-test (prompt)" in found.degraded[0]
            assert "--chat-template" in found.degraded[0]
            assert "reranker" not in found.passages[0].stages


def test_the_self_test_is_kept_with_what_it_saw(tmp_path: Path, server: ModelServer) -> None:
    with opened(tmp_path, server) as kb:
        kb.add_texts(TEXTS[:1])
        (page,) = (
            json.loads(value)
            for key, value in kb._store._rows("SELECT key, value FROM meta")
            if key.startswith("model:encoder:")
        )
        (run,) = page["runs"].values()
        assert run["waived"] is True
        assert {found["check"]: found["passed"] for found in run["findings"]}["end token"] is True
        n_probes = sum(body["input"] == list(PROBES) for body in server.asked("/v1/embeddings"))
    with opened(tmp_path, server) as kb:
        kb.search("第7号")
    again = sum(body["input"] == list(PROBES) for body in server.asked("/v1/embeddings"))
    assert again == n_probes + 1, "compared with the probes once in this process, and tested no further"
