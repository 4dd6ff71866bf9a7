"""P(relevant) over HTTP: bare pairs, all of them, in order, and probabilities or nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from model_server import Fault, ModelServer, score_of

from qianxun.errors import BadModelReply, ModelBusy, ModelRefused, ModelTimeout, ModelUnavailable, SettingsError
from qianxun.models.families import QWEN3_TASK
from qianxun.models.qwen3_reranker import prompt
from qianxun.models.remote.client import Client
from qianxun.models.remote.reranker import HttpReranker, open_reranker
from qianxun.settings import RemoteSettings, RerankerSettings, Settings

MODEL = "Qwen3-Reranker-0.6B"
QUESTION = "中国的首都 capital？"
PASSAGES = [
    "无关的一句话。",
    "北京是中国的首都，也是政治文化中心。",
    "The capital of China is Beijing.",
    "臺北是臺灣的首府 (Taipei)。",
]
TASK = "Find the answer in Chinese law texts"
Open = Callable[..., HttpReranker]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(model=MODEL) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens a reranker on a server, with settings of [reranker]; `remote` are those of [remote]."""
    with ExitStack() as stack:

        def open_(server: ModelServer, *, remote: RemoteSettings | None = None, **reranker: Any) -> HttpReranker:
            section = RerankerSettings(**{"model": MODEL, "url": server.url} | reranker)
            settings = Settings(reranker=section, remote=remote or RemoteSettings(retries=2))
            made = HttpReranker(settings, client=Client("reranker", section, settings.remote, wait=lambda _: None))
            stack.callback(made.close)
            return made

        yield open_


def expected(*passages: str, question: str = QUESTION) -> list[float]:
    return [score_of(question, passage) for passage in passages]


@pytest.mark.parametrize("kind", ["vllm", "tei", "llamacpp", "infinity", "sglang", "plain"])
def test_scores_are_in_the_order_of_the_passages_whoever_serves_the_model(kind: str, opened: Open) -> None:
    with ModelServer(kind, model=MODEL) as server:
        reranker = opened(server)
        scores = reranker.score(QUESTION, PASSAGES)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected(*PASSAGES), atol=1e-6)
        assert scores.argmax() != 0  # the server sorts them
        assert reranker.served_by.startswith(server.url)


def test_question_and_passages_are_sent_bare_and_all_are_asked_for(server: ModelServer, opened: Open) -> None:
    opened(server).score(QUESTION, PASSAGES)
    assert server.asked("/v1/rerank") == [{"model": MODEL, "query": QUESTION, "documents": PASSAGES, "top_n": 4}]


def test_an_instruction_is_sent_only_if_it_is_not_the_models_own(server: ModelServer, opened: Open) -> None:
    opened(server).score(QUESTION, PASSAGES[:1], instruction=QWEN3_TASK)
    opened(server, instruction=TASK).score(QUESTION, PASSAGES[:1])
    opened(server, instruction="x").score(QUESTION, PASSAGES[:1], instruction=TASK)
    assert [body.get("instruction") for body in server.asked("/v1/rerank")] == [None, TASK, TASK]


@pytest.mark.parametrize("kind", ["tei", "plain"])
def test_an_instruction_that_would_be_ignored_is_refused(kind: str, opened: Open) -> None:
    with ModelServer(kind, model=MODEL) as server:
        with pytest.raises(ModelRefused) as caught:
            opened(server).score(QUESTION, PASSAGES, instruction=TASK)
        assert f"has no place for an instruction, but one is set: {TASK!r}" in str(caught.value)
        opened(server).score(QUESTION, PASSAGES)


def test_tei_is_asked_in_its_own_words(opened: Open) -> None:
    with ModelServer("tei", model="bge-reranker-v2-m3") as server:
        opened(server, model="BAAI/bge-reranker-v2-m3").score(QUESTION, PASSAGES)
        assert server.asked("/rerank") == [{"query": QUESTION, "texts": PASSAGES, "raw_scores": False}]


def test_dashscope_has_two_endpoints(opened: Open) -> None:
    with ModelServer("dashscope", model="qwen3-rerank") as server:
        server.has_template = False
        for url in (server.url, f"{server.url}/compatible-mode/v1", f"{server.url}/compatible-api/v1/reranks"):
            scores = opened(server, model="qwen3-rerank", url=url, api="dashscope", instruction=TASK).score(
                QUESTION, PASSAGES
            )
            np.testing.assert_allclose(scores, expected(*PASSAGES), atol=1e-6)
        asked = {"model": "qwen3-rerank", "query": QUESTION, "documents": PASSAGES, "top_n": 4, "instruct": TASK}
        assert server.asked("/compatible-api/v1/reranks") == [asked] * 3
    with ModelServer("dashscope", model="gte-rerank-v2") as server:
        server.has_template = False
        reranker = opened(server, model="gte-rerank-v2", api="dashscope")
        np.testing.assert_allclose(reranker.score(QUESTION, PASSAGES), expected(*PASSAGES), atol=1e-6)
        assert server.asked("/api/v1/services/rerank/text-rerank/text-rerank") == [
            {
                "model": "gte-rerank-v2",
                "input": {"query": QUESTION, "documents": PASSAGES},
                "parameters": {"top_n": 4, "return_documents": False},
            }
        ]
        with pytest.raises(ModelRefused, match="has no place for an instruction"):
            reranker.score(QUESTION, PASSAGES, instruction=TASK)


def test_a_request_to_dashscope_stays_below_its_limit_of_tokens(opened: Open) -> None:
    passages = ["天地玄黄宇宙洪荒" * 300] * 12  # 2,400 characters each, 2,400 to 2,800 tokens
    with ModelServer("dashscope", model="qwen3-rerank") as server:
        server.max_tokens = 100_000
        opened(server, model="qwen3-rerank", api="dashscope").score(QUESTION, passages)
        sizes = [len(body["documents"]) for body in server.asked("/compatible-api/v1/reranks")]
        assert sum(sizes) == 12
        assert max(sizes) * 2400 <= 30_000
        assert len(sizes) == 2


def test_nothing_to_judge_is_not_asked_about(server: ModelServer, opened: Open) -> None:
    reranker = opened(server)
    assert reranker.score(QUESTION, []).shape == (0,)
    assert reranker.score(QUESTION, ["", " \n　"]).tolist() == [0.0, 0.0]
    assert server.requests == []
    np.testing.assert_allclose(
        reranker.score(QUESTION, ["", PASSAGES[1], " "]), [0.0, *expected(PASSAGES[1]), 0.0], atol=1e-6
    )
    assert server.asked("/v1/rerank")[0]["documents"] == [PASSAGES[1]]


def test_many_passages_go_in_several_requests(server: ModelServer, opened: Open) -> None:
    passages = [PASSAGES[number % 4] for number in range(21)]
    scores = opened(server, batch=4).score(QUESTION, passages)
    np.testing.assert_allclose(scores, expected(*passages), atol=1e-6)
    assert sorted(len(body["documents"]) for body in server.asked("/v1/rerank")) == [1, 4, 4, 4, 4, 4]
    with ModelServer("tei", model=MODEL) as other:
        other.max_texts = 10
        opened(other).score(QUESTION, passages)
        assert sorted(len(body["texts"]) for body in other.asked("/rerank")) == [1, 10, 10]


# -- what is too long ------------------------------------------------------------------------------------------


def test_vllm_cuts_the_passage_and_never_the_prompts_end(opened: Open) -> None:
    passage = "北京是中国的首都。" * 200
    with ModelServer(model=MODEL, max_tokens=500) as server:
        scores = opened(server).score(QUESTION, [passage, PASSAGES[2]])
        room = 500 - len(prompt(QUESTION, ""))
        whole, cut = sorted(server.asked("/v1/rerank"), key=len)
        assert (whole["documents"], cut["documents"]) == ([PASSAGES[2]], [passage])
        assert cut["max_tokens_per_doc"] == room
        assert "truncate_prompt_tokens" not in cut
        np.testing.assert_allclose(scores, expected(passage[:room], PASSAGES[2]), atol=1e-6)


@pytest.mark.parametrize("kind", ["tei", "llamacpp", "plain"])
def test_other_servers_get_a_passage_that_fits(kind: str, opened: Open) -> None:
    passage = "北京是中国的首都。" * 2000  # 18,000 tokens
    with ModelServer(kind, model=MODEL, max_tokens=4000) as server:
        scores = opened(server, max_tokens=4000).score(QUESTION, [passage, PASSAGES[2]])
        np.testing.assert_allclose(scores, expected(passage, PASSAGES[2]), atol=1e-6)
        [body] = server.asked("/v1/rerank") + server.asked("/rerank")
        long = (body.get("documents") or body["texts"])[0]
        assert passage.startswith(long)
        assert 1500 < len(long) < 4000


@pytest.mark.parametrize("kind", ["vllm", "tei", "llamacpp", "plain"])
def test_a_server_that_takes_less_than_it_should_gets_less(kind: str, opened: Open) -> None:
    passage = "北京是中国的首都。" * 300
    with ModelServer(kind, model=MODEL, max_tokens=700) as server:

        def forget(reply: Any) -> Any:
            if isinstance(reply, dict):
                reply.pop("max_input_length", None)
                for entry in reply.get("data", []):
                    entry.pop("max_model_len", None)
            return reply

        server.spoil = forget
        scores = opened(server).score(QUESTION, [PASSAGES[0], passage, PASSAGES[2]])
        np.testing.assert_allclose(scores, expected(PASSAGES[0], passage, PASSAGES[2]), atol=1e-6)


def test_a_question_longer_than_half_the_limit_is_cut_as_well(opened: Open) -> None:
    question = "中国的首都是哪里" * 100
    with ModelServer(model=MODEL, max_tokens=1200) as server:
        opened(server).score(question, PASSAGES)
        [body] = server.asked("/v1/rerank")
        assert question.startswith(body["query"])
        assert 200 < len(body["query"]) <= 600


def test_no_room_for_a_passage_is_a_matter_of_settings(opened: Open) -> None:
    with (
        ModelServer(model=MODEL, max_tokens=100) as server,
        pytest.raises(SettingsError, match=r"reranker\.max_tokens is 100, which leaves no room"),
    ):
        opened(server).score(QUESTION, PASSAGES)


# -- the prompt ------------------------------------------------------------------------------------------------


def test_token_counts_find_a_server_without_the_template(server: ModelServer, opened: Open) -> None:
    reranker = opened(server)
    official = len(prompt(QUESTION, PASSAGES[1]))
    assert reranker.token_counts(QUESTION, PASSAGES[1]) == (official, official)
    server.has_template = False
    assert reranker.token_counts(QUESTION, PASSAGES[1]) == (len(QUESTION + PASSAGES[1]), official)


def test_token_counts_need_a_tokenizer_and_an_official_prompt(opened: Open) -> None:
    with ModelServer("plain", model=MODEL) as server:
        assert opened(server).token_counts(QUESTION, PASSAGES[1]) is None
    with ModelServer(model="bge-reranker-v2-m3") as server:
        assert opened(server, model="BAAI/bge-reranker-v2-m3").token_counts(QUESTION, PASSAGES[1]) is None


# -- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda results: results.pop(), "answered 3 results for 4 texts"),
        (lambda results: results[0].update(index=results[1]["index"]), "cannot be told to which text they belong"),
        (lambda results: results[0].pop("index"), "cannot be told to which text they belong"),
        (lambda results: results[0].update(relevance_score=float("nan")), "not finite"),
        (lambda results: results[0].update(relevance_score=None), "scores that are no numbers"),
        (lambda results: results[0].update(relevance_score="0.5"), "scores that are no numbers"),
        (lambda results: results[0].pop("relevance_score"), "scores that are no numbers"),
        (lambda results: results[0].update(relevance_score=3.25), r"the score 3\.25, which is no probability"),
        (lambda results: results[0].update(relevance_score=-0.5), r"the score -0\.5, which is no probability"),
    ],
)
def test_an_unusable_answer_is_one_error(
    change: Callable[[list[Any]], object], words: str, server: ModelServer, opened: Open
) -> None:
    def spoil(reply: Any) -> Any:
        if "results" in reply:
            change(reply["results"])
        return reply

    server.spoil = spoil
    with pytest.raises(BadModelReply, match=words):
        opened(server).score(QUESTION, PASSAGES)
    assert len(server.asked("/v1/rerank")) == 1


def test_rounding_beyond_one_is_no_fault(server: ModelServer, opened: Open) -> None:
    server.spoil = lambda reply: (
        reply | ({"results": [{"index": 0, "relevance_score": 1.0000001}]} if "results" in reply else {})
    )
    assert opened(server).score(QUESTION, PASSAGES[:1]).tolist() == [1.0]


def test_faults_of_the_way_reach_the_caller_as_they_are(server: ModelServer, opened: Open) -> None:
    reranker = opened(server, remote=RemoteSettings(retries=1, read_seconds=0.5))
    reranker.score(QUESTION, PASSAGES)
    cases = [
        ([Fault(429), Fault(503)], ModelBusy),
        ([Fault(how="hang up")] * 2, ModelUnavailable),
        ([Fault(how="silence")], ModelTimeout),
        ([Fault(how="break off")], BadModelReply),
        ([Fault(body=b"<html>login</html>", media="text/html")], BadModelReply),
        ([Fault(body=b"{}")], BadModelReply),
        ([Fault(403)], ModelRefused),
        ([Fault(404, b'{"error": {"message": "The model `x` does not exist."}}')], ModelRefused),
    ]
    for faults, kind in cases:
        server.requests.clear()
        server.fail(*faults)
        with pytest.raises(kind) as caught:
            reranker.score(QUESTION, PASSAGES)
        assert type(caught.value) is kind
        assert len(server.requests) == len(faults)
    assert "It has: Qwen3-Reranker-0.6B" in str(caught.value)


def test_opening_asks_nothing_of_the_server() -> None:
    section = RerankerSettings(model=MODEL, url="http://127.0.0.1:1")
    reranker = open_reranker(Settings(reranker=section))
    assert (reranker.name, reranker.served_by) == ("http", "http://127.0.0.1:1/v1")
    reranker.close()
