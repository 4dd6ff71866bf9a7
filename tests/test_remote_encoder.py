"""Vectors over HTTP: the same as in process, whoever serves the model, and none at all when anything is wrong."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from model_server import DIMENSION, END, END_TEXT, Fault, ModelServer, tokens_of, vector_of

from qianxun.errors import (
    BadModelReply,
    ModelBusy,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    SettingsError,
)
from qianxun.models.families import QWEN3_TASK
from qianxun.models.formats import encoder_format
from qianxun.models.remote.client import Client
from qianxun.models.remote.encoder import HttpEncoder, open_encoder
from qianxun.settings import EncoderSettings, RemoteSettings, Settings

# A name of no known family: its dimension is what the server answers, its tokenizer whatever the server has.
TOY = "toy-embedding"
TEXTS = [
    "北京是中国的首都。",
    "The capital of China is Beijing.",
    "Release 2.3 于 2025年3月18日 发布，修复了 timeout 问题（Ｅ－１０４２）。",
    "台北分公司：加班須事先申請，經主管核准後方可報支加班費。",
    "e = mc²  # 🙂",
]
Open = Callable[..., HttpEncoder]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(model=TOY) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens an encoder on a server, with settings of [encoder]; `remote` are those of [remote]."""
    with ExitStack() as stack:

        def open_(server: ModelServer, *, remote: RemoteSettings | None = None, **encoder: Any) -> HttpEncoder:
            section = EncoderSettings(**{"model": TOY, "url": server.url} | encoder)
            settings = Settings(encoder=section, remote=remote or RemoteSettings(retries=2))
            client = Client("encoder", section, settings.remote, wait=lambda _: None)
            made = HttpEncoder(settings, client=client)
            stack.callback(made.close)
            return made

        yield open_


def expected(*texts: str) -> np.ndarray:
    return np.stack([vector_of(tokens_of(text)) for text in texts])


def inputs(server: ModelServer) -> list[Any]:
    return [text for body in server.asked("/v1/embeddings") for text in body["input"]]


def test_rows_are_in_the_order_of_the_texts_although_the_server_answers_in_another(
    server: ModelServer, opened: Open
) -> None:
    rows = opened(server).encode_passages(TEXTS)
    assert rows.shape == (5, DIMENSION)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    np.testing.assert_allclose(rows, expected(*TEXTS), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_order_is_kept_when_many_requests_run_side_by_side(server: ModelServer, opened: Open) -> None:
    texts = [f"第 {number} 段 paragraph {number}" for number in range(60)]
    server.together = threading.Barrier(1)
    encoder = opened(server, remote=RemoteSettings(texts_per_request=3, concurrency=4))
    encoder.encode_passages(["first"])
    server.together = threading.Barrier(4)  # requests pass by fours, so four must be under way at a time
    rows = encoder.encode_passages(texts)
    np.testing.assert_allclose(rows, expected(*texts), atol=1e-6)
    assert server.most_at_a_time == 4
    assert {len(body["input"]) for body in server.asked("/v1/embeddings")[1:]} == {3}


def test_many_callers_share_one_encoder(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, remote=RemoteSettings(concurrency=2))
    found: dict[int, np.ndarray] = {}

    def call(number: int) -> None:
        found[number] = encoder.encode_queries([TEXTS[number % 5]])

    threads = [threading.Thread(target=call, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, row in found.items():
        np.testing.assert_allclose(row, expected(TEXTS[number % 5]), atol=1e-6)
    assert len(found) == 12
    assert len(server.asked("/v1/models")) == 1
    assert server.most_at_a_time <= 2


@pytest.mark.parametrize("kind", ["vllm", "tei", "llamacpp", "ollama", "infinity", "sglang", "xinference", "plain"])
def test_the_vectors_are_the_same_whoever_serves_the_model(kind: str, opened: Open) -> None:
    with ModelServer(kind, model=TOY) as server:
        encoder = opened(server)
        np.testing.assert_allclose(encoder.encode_passages(TEXTS), expected(*TEXTS), atol=1e-6)
        base = server.url if kind == "infinity" else f"{server.url}/v1"
        name = {"vllm": "vllm 0.32.0", "tei": "tei 1.9.0", "plain": "openai"}.get(kind, kind)
        assert encoder.served_by == f"{base} ({name})"


def test_vllm_is_asked_for_base64_and_others_for_floats(opened: Open) -> None:
    for kind, form in (("vllm", "base64"), ("ollama", "float")):
        with ModelServer(kind, model=TOY) as server:
            opened(server).encode_passages(["文"])
            assert server.asked("/v1/embeddings")[-1]["encoding_format"] == form


def test_dashscope_is_asked_for_the_dimension_and_given_ten_texts_at_a_time(opened: Open) -> None:
    with ModelServer("dashscope", model="text-embedding-v4") as server:
        server.matryoshka = True
        server.dimension, server.max_texts = 1024, 10
        encoder = opened(
            server,
            model="text-embedding-v4",
            url=f"{server.url}/compatible-mode/v1",
            api="dashscope",
            dimension=256,
        )
        rows = encoder.encode_passages([f"段落 {number}" for number in range(25)])
        asked = server.asked("/compatible-mode/v1/embeddings")
        assert rows.shape == (25, 256)
        assert sorted(len(body["input"]) for body in asked) == [5, 10, 10]
        assert {(body["dimensions"], body["encoding_format"]) for body in asked} == {(256, "float")}
        # Nothing else is asked of a hosted service: not what it serves, not what it is.
        assert len(server.requests) == 3


def test_questions_carry_the_instruction_and_passages_nothing(opened: Open) -> None:
    with ModelServer(model="qwen3-embedding-0.6b") as server:
        server.dimension = 1024
        encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
        encoder.encode_queries(["中国的首都是哪里？"])
        encoder.encode_passages(["北京是中国的首都。"])
        # Character by character: nothing stands between "Query:" and the question.
        assert inputs(server) == [f"Instruct: {QWEN3_TASK}\nQuery:中国的首都是哪里？", "北京是中国的首都。"]
        assert {body["model"] for body in server.asked("/v1/embeddings")} == {"qwen3-embedding-0.6b"}
        # input_type is ignored by vLLM, and /v2/embed wraps the text in the chat template: neither is used.
        assert {frozenset(body) for body in server.asked("/v1/embeddings")} == {
            frozenset({"model", "input", "encoding_format"})
        }


def test_the_fingerprint_is_that_of_the_model_not_of_the_server(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
    settings = Settings(encoder=EncoderSettings(model="Qwen/Qwen3-Embedding-0.6B"))
    assert encoder.fingerprint == encoder_format(settings).fingerprint
    assert encoder.dim == 1024
    assert encoder.served_by == f"{server.url}/v1"
    assert server.requests == []  # none of it needs the server


def test_a_model_known_only_to_the_server_is_asked_for(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, model=server.url, url="")
    assert encoder.fingerprint.startswith("toy-embedding-")
    assert encoder.dim == DIMENSION
    assert encoder.fingerprint == opened(server).fingerprint


def test_opening_asks_nothing_of_the_server() -> None:
    section = EncoderSettings(model=TOY, url="http://127.0.0.1:1/v1")
    encoder = open_encoder(Settings(encoder=section))
    assert encoder.name == "http"
    assert encoder.served_by == "http://127.0.0.1:1/v1"
    encoder.close()


def test_fewer_dimensions_are_cut_here_and_made_unit_again(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, dimension=3)
    rows = encoder.encode_passages(TEXTS)
    wanted = expected(*TEXTS)[:, :3]
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, wanted, atol=1e-6)
    assert encoder.dim == 3
    assert rows.flags.c_contiguous
    assert "dimensions" not in server.asked("/v1/embeddings")[0]  # which a vLLM not started for it refuses


def test_an_empty_text_is_a_row_of_zeros_that_nobody_is_asked_for(server: ModelServer, opened: Open) -> None:
    encoder = opened(server)
    rows = encoder.encode_passages(["", "北京", " \n\t　", "Beijing"])
    assert not rows[[0, 2]].any()
    np.testing.assert_allclose(rows[[1, 3]], expected("北京", "Beijing"), atol=1e-6)
    assert inputs(server) == ["北京", "Beijing"]
    assert encoder.encode_passages([" "]).shape == (1, DIMENSION)
    assert encoder.encode_passages([]).shape == (0, DIMENSION)


# -- texts that are too long ----------------------------------------------------------------------------------


def test_an_overlong_text_is_split_at_its_tokens_and_each_part_keeps_the_end_token(opened: Open) -> None:
    text = "一二三四五六七八九十甲乙丙丁"  # 14 tokens; 9 fit beside the end token
    with ModelServer(model=TOY, max_tokens=10) as server:
        rows = opened(server).encode_passages(["短", text])
        parts = [tokens_of(text[:7]), tokens_of(text[7:])]  # equal parts, not 9 and 5
        assert sorted(inputs(server), key=len) == ["短", *parts]  # text and tokens go in requests of their own
        wanted = vector_of(parts[0]) + vector_of(parts[1])
        np.testing.assert_allclose(rows[1], wanted / np.linalg.norm(wanted), atol=1e-6)
        np.testing.assert_allclose(rows[0], expected("短")[0], atol=1e-6)
        assert all(part[-1] == END for part in parts)


def test_an_overlong_text_is_cut_at_its_end_if_so_set(opened: Open) -> None:
    text = "一二三四五六七八九十甲乙丙丁"
    with ModelServer(model=TOY, max_tokens=10) as server:
        rows = opened(server, overlong="cut").encode_passages([text])
        assert inputs(server) == [tokens_of(text[:9])]
        np.testing.assert_allclose(rows, expected(text[:9]), atol=1e-6)


def test_parts_of_unequal_length_weigh_what_they_hold(opened: Open) -> None:
    text = "甲乙丙丁戊己庚"  # 7 tokens, 3 in a part: 2 + 3 + 2 (nearly equal)
    with ModelServer(model=TOY, max_tokens=4) as server:
        rows = opened(server).encode_passages([text])
        parts = [text[:2], text[2:5], text[5:]]
        wanted = sum(len(part) * vector_of(tokens_of(part)) for part in parts)
        np.testing.assert_allclose(rows[0], wanted / np.linalg.norm(wanted), atol=1e-6)


def test_the_prefix_stands_before_every_part_of_a_question(opened: Open) -> None:
    with ModelServer(model="multilingual-e5-small", max_tokens=12) as server:
        server.dimension = 384
        encoder = opened(server, model="multilingual-e5-small")
        encoder.encode_queries(["一二三四五六七八"])  # "query: " takes 7 of 12 tokens, the end token one
        assert inputs(server) == [tokens_of("query: " + part) for part in ("一二三四", "五六七八")]


def test_a_text_that_fits_is_sent_as_it_is_however_many_bytes_it_has(opened: Open) -> None:
    text = "鑫" * 9
    with ModelServer(model=TOY, max_tokens=10) as server:
        opened(server).encode_passages([text])
        assert inputs(server) == [text]
        assert len(server.asked("/tokenize")) == 1


def test_most_texts_are_not_counted_at_all(server: ModelServer, opened: Open) -> None:
    opened(server).encode_passages(TEXTS)
    assert server.asked("/tokenize") == []


@pytest.mark.parametrize("kind", ["tei", "llamacpp", "ollama", "plain"])
@pytest.mark.parametrize("overlong", ["split", "cut"])
def test_a_server_that_takes_no_tokens_gets_text_that_is_sure_to_fit(kind: str, overlong: str, opened: Open) -> None:
    text = "今天的会议讨论了第三季度的预算。" * 40  # 640 characters
    with ModelServer(kind, model=TOY, max_tokens=200) as server:
        row = opened(server, overlong=overlong, max_tokens=200).encode_passages([text])[0]
        sent = [part for part in inputs(server) if part in text]
        assert all(isinstance(part, str) for part in sent)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)
        if overlong == "cut":
            assert text.startswith(sent[-1])
            np.testing.assert_allclose(row, expected(sent[-1])[0], atol=1e-6)
        else:
            assert "".join(part for part in sent) == text
            assert max(map(len, sent)) - min(map(len, sent)) <= 32


@pytest.mark.parametrize("kind", ["tei", "llamacpp", "ollama", "plain", "vllm"])
def test_a_server_that_takes_less_than_it_should_gets_less(kind: str, opened: Open) -> None:
    """The settings promise 8,192 tokens; the server was started with 50 and does not tell."""
    text = "今天的会议讨论了第三季度的预算。" * 20
    with ModelServer(kind, model=TOY, max_tokens=50) as server:
        server.spoil = lambda reply: _without_limits(reply)
        first = opened(server).encode_passages(["短文", text, "short"])
        again = opened(server).encode_passages([text])
        np.testing.assert_allclose(first[[0, 2]], expected("短文", "short"), atol=1e-6)
        np.testing.assert_allclose(first[1], again[0], atol=1e-6)  # the same way each time, whatever is beside it
        assert np.linalg.norm(first[1]) == pytest.approx(1, abs=1e-6)


def _without_limits(reply: Any) -> Any:
    if isinstance(reply, dict):
        reply.pop("max_input_length", None)
        for entry in reply.get("data", []):
            entry.pop("max_model_len", None)
    return reply


def test_a_text_of_100_000_tokens_is_encoded_in_parts(server: ModelServer, opened: Open) -> None:
    text = "天地玄黄宇宙洪荒日月盈昃辰宿列张" * 6250
    row = opened(server).encode_passages([text])[0]
    parts = inputs(server)
    assert len(parts) == 13  # 8,191 in each at most
    assert max(map(len, parts)) <= 8192
    assert [token for part in parts for token in part[:-1]] == tokens_of(text, special=False)
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_more_texts_than_a_server_takes_are_sent_in_halves(opened: Open) -> None:
    for kind in ("tei", "plain"):
        with ModelServer(kind, model=TOY) as server:
            server.max_texts = 5
            server.spoil = lambda reply: _without_limit_of_texts(reply)
            encoder = opened(server)
            texts = [f"text {number}" for number in range(16)]
            np.testing.assert_allclose(encoder.encode_passages(texts), expected(*texts), atol=1e-6)
            assert [len(b["input"]) for b in server.asked("/v1/embeddings")] == [16, 8, 4, 4, 8, 4, 4]
            # Asked wrongly once, it is not asked so again.
            encoder.encode_passages(texts[:8])
            assert [len(b["input"]) for b in server.asked("/v1/embeddings")[7:]] == [4, 4]


def _without_limit_of_texts(reply: Any) -> Any:
    if isinstance(reply, dict) and "max_client_batch_size" in reply:
        reply["max_client_batch_size"] = 0
    return reply


def test_a_limit_that_the_server_tells_is_kept_from_the_start(opened: Open) -> None:
    with ModelServer("tei", model=TOY) as server:
        server.max_texts = 5
        opened(server).encode_passages([f"text {number}" for number in range(12)])
        assert sorted(len(body["input"]) for body in server.asked("/v1/embeddings")) == [2, 5, 5]


def test_a_limit_below_that_of_the_settings_is_logged(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    with ModelServer(model=TOY, max_tokens=512) as server, caplog.at_level(logging.WARNING):
        opened(server).encode_passages(["文"])
    assert "takes 512 tokens at most, the settings say 8192" in caplog.text


def test_an_instruction_longer_than_the_limit_is_a_matter_of_settings(opened: Open) -> None:
    with ModelServer(model="multilingual-e5-small", max_tokens=8) as server:
        encoder = opened(server, model="multilingual-e5-small")
        with pytest.raises(SettingsError, match=r"encoder\.max_tokens is 8, which leaves no room"):
            encoder.encode_queries(["一二三四五六七八"])


# -- the end token ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["llamacpp", "ollama"])
def test_an_end_token_that_a_conversion_forgot_is_sent(
    kind: str, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with ModelServer(kind, model="Qwen3-Embedding-0.6B") as server, caplog.at_level(logging.INFO):
        server.dimension = 1024
        server.appends_end = False
        encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
        row = encoder.encode_passages(["北京"])[0]
        np.testing.assert_allclose(row, vector_of([ord("北"), ord("京"), END], 1024), atol=1e-6)
        assert f"does not append {END_TEXT}" in caplog.text


def test_an_end_token_is_never_sent_twice(opened: Open) -> None:
    for kind in ("vllm", "llamacpp", "ollama", "plain"):
        with ModelServer(kind, model="Qwen3-Embedding-0.6B") as server:
            server.dimension = 1024
            opened(server, model="Qwen/Qwen3-Embedding-0.6B").encode_passages(["北京"])
            assert inputs(server)[-1] == "北京"


def test_token_counts_tell_what_was_read_and_what_should_have_been(opened: Open) -> None:
    for kind in ("vllm", "tei", "llamacpp"):
        with ModelServer(kind, model="Qwen3-Embedding-0.6B") as server:
            server.dimension = 1024
            encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
            assert encoder.token_counts(["北京", "a b"]) == ([3, 4], [3, 4])
    with ModelServer("vllm", model="Qwen3-Embedding-0.6B") as server:
        server.dimension = 1024
        server.appends_end = False  # neither when it encodes nor when it counts: still found out
        encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
        assert encoder.token_counts(["北京"]) == ([2], [3])
    with ModelServer("plain", model=TOY) as server:
        assert opened(server).token_counts(["北京"]) is None


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, lists, name",
    [
        ("Qwen/Qwen3-Embedding-0.6B", ["Qwen/Qwen3-Embedding-0.6B", "other"], "Qwen/Qwen3-Embedding-0.6B"),
        ("Qwen/Qwen3-Embedding-0.6B", ["other", "qwen3-embedding-0.6b"], "qwen3-embedding-0.6b"),
        ("toy-embedding", ["other", "toy-embedding:latest"], "toy-embedding:latest"),
        ("toy-embedding", ["whatever-it-is-called"], "whatever-it-is-called"),
    ],
)
def test_the_server_is_asked_by_its_own_name_for_the_model(
    model: str, lists: list[str], name: str, opened: Open
) -> None:
    with ModelServer("plain") as server:
        server.models = lists
        server.dimension = 1024
        opened(server, model=model).encode_passages(["文"])
        assert server.asked("/v1/embeddings")[0]["model"] == name


def test_a_model_may_be_known_by_the_folder_that_vllm_was_started_with(opened: Open) -> None:
    with ModelServer() as server:
        server.models = ["a", "b"]  # their roots are /models/a and /models/b
        opened(server, model="Org/B").encode_passages(["文"])
        assert server.asked("/v1/embeddings")[0]["model"] == "b"


def test_a_model_that_is_not_served_is_refused_with_those_that_are(opened: Open) -> None:
    with ModelServer() as server:
        server.models = ["bge-m3", "gte-small"]
        with pytest.raises(ModelRefused) as caught:
            opened(server).encode_passages(["文"])
        assert str(caught.value) == (
            f"{server.url}/v1 does not serve 'toy-embedding'. It has: bge-m3, gte-small. "
            "Set encoder.served_as to one of them."
        )
        with pytest.raises(ModelRefused, match=r"does not serve 'nobody'.*It has: bge-m3, gte-small"):
            opened(server, served_as="nobody").encode_passages(["文"])
        assert len(server.asked("/v1/embeddings")) == 1
        with pytest.raises(ModelRefused, match="does not tell which model to use; it has: bge-m3, gte-small"):
            opened(server, model=server.url, url="").encode_passages(["文"])


def test_a_server_that_lists_nothing_is_asked_for_the_model_by_its_name(opened: Open) -> None:
    with ModelServer("plain", model=TOY) as server:
        server.fail(Fault(404), Fault(405), at="/models")
        opened(server).encode_passages(["文"])
        opened(server, url=f"{server.url}/v1").encode_passages(["文"])
        assert len(server.asked("/v1/embeddings")) == 2


# -- faults ----------------------------------------------------------------------------------------------------


def _first(change: Callable[[list[Any]], object]) -> Callable[[Any], Any]:
    """Changes the list of vectors in a reply."""

    def spoil(reply: Any) -> Any:
        if isinstance(reply, dict) and "usage" in reply:
            change(reply["data"])
        return reply

    return spoil


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda data: data.pop(), "answered 1 results for 2 texts"),
        (lambda data: data.append(data[0]), "answered 3 results for 2 texts"),
        (lambda data: data[0].update(index=0), "cannot be told to which text they belong"),
        (lambda data: data[0].update(index=7), "cannot be told to which text they belong"),
        (lambda data: data[0].pop("index"), "cannot be told to which text they belong"),
        (lambda data: data[0]["embedding"].__setitem__(3, float("nan")), r"numbers that are not finite \(NaN\)"),
        (lambda data: data[0]["embedding"].__setitem__(3, float("inf")), r"numbers that are not finite \(NaN\)"),
        (lambda data: data[0]["embedding"].__setitem__(3, None), "numbers that are not finite|one vector of numbers"),
        (lambda data: data[0].update(embedding=[0.0] * 8), "answered a vector of zeros"),
        (lambda data: data[0].update(embedding=[[1.0] * 8] * 3), "one vector of numbers for each text"),
        (lambda data: data[0].update(embedding="%%%"), "one vector of numbers for each text"),
        (lambda data: data[0].update(embedding="AAA="), "one vector of numbers for each text"),
        (lambda data: data[0].update(embedding=[]), "one vector of numbers for each text"),
        (lambda data: data[0].update(embedding=[1.0] * 7), "a vector of 7 numbers where toy-embedding has 8"),
        (lambda data: data.__setitem__(0, "x"), "something else than a list of results"),
    ],
)
def test_an_unusable_answer_is_one_error_and_no_row(
    change: Callable[[list[Any]], object], words: str, opened: Open
) -> None:
    with ModelServer("plain", model=TOY) as server:
        encoder = opened(server)
        encoder.encode_passages(["learns the dimension"])
        server.spoil = _first(change)
        with pytest.raises(BadModelReply, match=words) as caught:
            encoder.encode_passages(["北京", "Beijing"])
        assert str(caught.value).startswith(f"{server.url}/v1 answered")
        assert len(server.asked("/v1/embeddings")) == 2  # not tried again


def test_nan_in_base64_is_found_as_well(server: ModelServer, opened: Open) -> None:
    import base64

    nan = base64.b64encode(np.full(DIMENSION, np.nan, dtype="<f4").tobytes()).decode()
    server.spoil = _first(lambda data: data[0].update(embedding=nan))
    with pytest.raises(BadModelReply, match="not finite"):
        opened(server).encode_passages(["北京", "Beijing"])


def test_a_model_of_another_size_is_found_out(opened: Open) -> None:
    with ModelServer(model="Qwen3-Embedding-0.6B") as server:
        server.dimension = 2560
        encoder = opened(server, model="Qwen/Qwen3-Embedding-0.6B")
        with pytest.raises(BadModelReply) as caught:
            encoder.encode_passages(["文"])
        assert "answered a vector of 2560 numbers where Qwen3-Embedding-0.6B has 1024" in str(caught.value)
        server.dimension = 100
        with pytest.raises(BadModelReply, match="a vector of 100 numbers"):
            opened(server, model=TOY, dimension=512).encode_passages(["文"])


def test_faults_of_the_way_reach_the_caller_as_they_are(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, remote=RemoteSettings(retries=2, read_seconds=0.5))
    encoder.encode_passages(["文"])
    cases = [
        ([Fault(429)] * 3, ModelBusy),
        ([Fault(500)] * 3, BadModelReply),
        ([Fault(502)] * 3, ModelUnavailable),
        ([Fault(how="hang up")] * 3, ModelUnavailable),
        ([Fault(how="silence")], ModelTimeout),
        ([Fault(how="break off")], BadModelReply),
        ([Fault(body=b"<html>login</html>", media="text/html")], BadModelReply),
        ([Fault(body=b"{}")], BadModelReply),
        ([Fault(body=b"[]")], BadModelReply),
        ([Fault(401)], ModelRefused),
        ([Fault(400, b'{"error": "no such option"}')], ModelRefused),
    ]
    for faults, kind in cases:
        server.requests.clear()
        server.fail(*faults)
        with pytest.raises(kind) as caught:
            encoder.encode_passages(["北京", "Beijing"])
        assert type(caught.value) is kind
        assert len(server.requests) == len(faults)
    np.testing.assert_allclose(encoder.encode_passages(["北京"]), expected("北京"), atol=1e-6)  # and it goes on


def test_a_refusal_that_is_not_about_size_is_not_tried_in_halves(server: ModelServer, opened: Open) -> None:
    encoder = opened(server)
    encoder.encode_passages(["文"])
    server.fail(Fault(400, b'{"error": {"message": "Arrearage: access denied, quota exceeded"}}'))
    with pytest.raises(ModelRefused, match="Arrearage"):
        encoder.encode_passages(TEXTS)
    assert len(server.asked("/v1/embeddings")) == 2


def test_a_text_that_no_cut_makes_short_enough_ends_in_the_refusal(opened: Open) -> None:
    with ModelServer("plain", model=TOY, max_tokens=1) as server, pytest.raises(ModelRefused, match="context length"):
        opened(server).encode_passages(["文字"])


def test_one_failed_request_among_many_leaves_nothing(server: ModelServer, opened: Open) -> None:
    encoder = opened(server, remote=RemoteSettings(texts_per_request=1, retries=0))
    encoder.encode_passages(["文"])
    server.fail(Fault(500), at="/embeddings")
    with pytest.raises(BadModelReply):
        encoder.encode_passages(TEXTS)
