"""Rerank as clients of Cohere, Jina, TEI and vLLM ask, unmodified, against a real server."""

from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest
from model_server import ModelServer
from service_fixtures import Served, running

from qianxun import TextItem

QUESTION = "带薪年假有几天？"
DOCUMENTS = ["Remote work needs approval.", "员工每年有五天带薪年假。", "加班須事先申請。"]


class Ranked:
    """A service whose `rerank:` is the encoder, and a key for it."""

    def __init__(self, served: Served, url: str) -> None:
        self.served = served
        self.url = url
        self.key = served.key(actions=("models",))

    def post(self, path: str, body: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=20)


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranked]:
    served = Served(tmp_path_factory.mktemp("home"))
    with served.base("staff") as kb:
        kb.add_texts([TextItem("leave", "年假", DOCUMENTS[1])])
    with running(served.app) as url:
        yield Ranked(served, url)


def cosines(ranked: Ranked) -> list[float]:
    with ranked.served.base("staff") as kb:
        asked = kb.encoder.encode_queries([QUESTION])[0]
        return [float(row @ asked) for row in kb.encoder.encode_passages(DOCUMENTS)]


def test_cohere_of_both_versions(ranked: Ranked) -> None:
    expected = cosines(ranked)
    best = max(range(3), key=expected.__getitem__)
    assert best == 1
    with httpx.Client() as http:
        one = cohere.Client(api_key=ranked.key, base_url=ranked.url, httpx_client=http)
        reply = one.rerank(query=QUESTION, documents=DOCUMENTS, model="rerank:hash", top_n=2, return_documents=True)
        assert next(result.index for result in reply.results) == best
        assert len(reply.results) == 2
        assert reply.results[0].document.text == DOCUMENTS[best]
        assert reply.results[0].relevance_score == pytest.approx(expected[best], abs=1e-6)
        objects: Any = [{"text": text} for text in DOCUMENTS]
        assert one.rerank(query=QUESTION, documents=objects, model="hash").results[0].index == best
        two = cohere.ClientV2(api_key=ranked.key, base_url=ranked.url, httpx_client=http)
        again = two.rerank(model="rerank:hash", query=QUESTION, documents=DOCUMENTS)
        assert [result.index for result in again.results] == sorted(range(3), key=lambda n: -expected[n])
        with pytest.raises(cohere.errors.NotFoundError) as unknown:
            two.rerank(model="rerank-v3.5", query=QUESTION, documents=DOCUMENTS)
        assert unknown.value.body["error"]["code"] == "model_not_found"


def test_as_jina_and_vllm_ask(ranked: Ranked) -> None:
    for path in ("/rerank", "/v1/rerank"):
        body = {"model": "rerank:hash", "query": QUESTION, "documents": DOCUMENTS, "top_n": 1}
        reply = ranked.post(path, body).json()
        assert reply["model"] == "rerank:hash"
        assert reply["results"] == [
            {"index": 1, "relevance_score": pytest.approx(max(cosines(ranked))), "document": {"text": DOCUMENTS[1]}}
        ]
        assert reply["usage"]["total_tokens"] > 0
        assert "document" not in ranked.post(path, {**body, "return_documents": False}).json()["results"][0]
    assert "document" not in ranked.post("/v2/rerank", body).json()["results"][0]


def test_as_tei_asks(ranked: Ranked) -> None:
    reply = ranked.post("/rerank", {"query": QUESTION, "texts": DOCUMENTS, "truncate": True}).json()
    assert next(one["index"] for one in reply) == 1
    assert set(reply[0]) == {"index", "score"}
    told = ranked.post("/rerank", {"query": QUESTION, "texts": DOCUMENTS, "return_text": True}).json()
    assert told[0]["text"] == DOCUMENTS[1]


@pytest.mark.parametrize("path", ["/score", "/v1/score"])
def test_as_vllm_scores(ranked: Ranked, path: str) -> None:
    expected = [pytest.approx(value, abs=1e-6) for value in cosines(ranked)]
    reply = ranked.post(path, {"model": "rerank:hash", "text_1": QUESTION, "text_2": DOCUMENTS}).json()
    assert [(one["index"], one["object"], one["score"]) for one in reply["data"]] == [
        (place, "score", value) for place, value in enumerate(expected)
    ]
    pairs = ranked.post(path, {"text_1": [QUESTION, "加班"], "text_2": DOCUMENTS[1:]}).json()
    assert pairs["data"][0]["score"] == expected[1]
    assert len(pairs["data"]) == 2
    newer = ranked.post(path, {"queries": QUESTION, "documents": DOCUMENTS}).json()
    assert [one["score"] for one in newer["data"]] == expected


@pytest.mark.parametrize(
    "path, body, param",
    [
        ("/v1/rerank", {"query": QUESTION, "documents": []}, "documents"),
        ("/v1/rerank", {"query": QUESTION}, "documents"),
        ("/v1/rerank", {"query": " ", "documents": DOCUMENTS}, "query"),
        ("/v1/rerank", {"documents": DOCUMENTS}, "query"),
        ("/v1/rerank", {"query": QUESTION, "documents": [{"title": "a"}]}, "documents.0"),
        ("/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS, "rank_fields": ["title"]}, "rank_fields"),
        ("/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS, "instruction": "x"}, "instruction"),
        ("/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS, "top_n": -1}, "top_n"),
        ("/v1/rerank", {"query": QUESTION, "documents": ["a"] * 3000}, "documents"),
        ("/v1/rerank", {"query": QUESTION, "documents": DOCUMENTS, "max_chunks_per_doc": 3}, "max_chunks_per_doc"),
        ("/rerank", {"query": QUESTION, "texts": DOCUMENTS, "raw_scores": True}, "raw_scores"),
        ("/score", {"text_1": QUESTION}, "text_1"),
        ("/score", {"text_1": [QUESTION, "a"], "text_2": DOCUMENTS}, "text_1"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(ranked: Ranked, path: str, body: Any, param: str) -> None:
    reply = ranked.post(path, body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_who_may_not_use_models_finds_none(ranked: Ranked) -> None:
    key = ranked.served.key(actions=("ask", "search"))
    for body in ({"query": QUESTION, "documents": DOCUMENTS}, {"query": QUESTION, "texts": DOCUMENTS}):
        reply = httpx.post(f"{ranked.url}/rerank", json=body, headers={"Authorization": f"Bearer {key}"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


def test_a_reranker_judges_where_there_is_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with ModelServer() as server:
        overrides = [
            f"reranker.url={server.url}",
            "reranker.model=Qwen/Qwen3-Reranker-0.6B",
            "models.waive_meaning_checks=true",
            "remote.retries=0",
        ]
        served = Served(tmp_path_factory.mktemp("home"), overrides)
        with served.base("staff") as kb:
            kb.add_texts([TextItem("leave", "年假", DOCUMENTS[1])])
        client = served.client(actions=("models",))
        with client:
            ids = [one["id"] for one in client.get("/v1/models").json()["data"]]
            assert ids == ["embed:hash", "rerank:Qwen/Qwen3-Reranker-0.6B"]
            body = {"query": QUESTION, "documents": DOCUMENTS, "instruction": "Find the rule."}
            reply = client.post("/v1/rerank", json=body)
            with served.base("staff") as kb:
                scores = kb.reranker.score(QUESTION, DOCUMENTS, instruction="Find the rule.").tolist()
    assert reply.json()["model"] == "rerank:Qwen/Qwen3-Reranker-0.6B"
    found = {one["index"]: one["relevance_score"] for one in reply.json()["results"]}
    assert [found[place] for place in range(3)] == pytest.approx(scores)
