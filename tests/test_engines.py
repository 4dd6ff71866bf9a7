"""Which engine a section of the settings means, what a profile brings, and what happens when an engine fails."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qianxun
from qianxun import assemble
from qianxun.cli.main import main
from qianxun.errors import ModelUnavailable, SettingsError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.formats import encoder_format
from qianxun.models.hashing import HashEncoder
from qianxun.protocols import Delta, Message, Sampling, Vectors
from qianxun.settings import (
    PROFILES,
    EncoderSettings,
    GeneratorSettings,
    RerankerSettings,
    Settings,
    address_of,
    engine_of,
    for_knowledge_base,
    load_settings,
    model_of,
    own_text,
)


def settings(*overrides: str) -> Settings:
    return load_settings(overrides=overrides, environ={})


class TestSettings:
    """Sections and profiles."""

    def test_an_engine_follows_from_what_is_set(self) -> None:
        assert engine_of(EncoderSettings()) == "builtin"
        assert engine_of(RerankerSettings()) == "none"
        assert engine_of(GeneratorSettings()) == "none"
        assert engine_of(EncoderSettings(model="Qwen/Qwen3-Embedding-0.6B")) == "transformers"
        assert engine_of(EncoderSettings(model="m", url="http://127.0.0.1:8101/v1/")) == "http"
        by_address = EncoderSettings(model="http://127.0.0.1:8101/v1/")
        assert (engine_of(by_address), address_of(by_address)) == ("http", "http://127.0.0.1:8101/v1")
        assert model_of(by_address) == ""
        assert engine_of(EncoderSettings(name="hash", model="m")) == "hash"

    @pytest.mark.parametrize(
        ("profile", "engines"),
        [
            ("builtin", ("builtin", "none", "none")),
            ("qwen-local", ("transformers", "transformers", "transformers")),
            ("qwen-vllm", ("http", "http", "http")),
            ("dashscope", ("http", "http", "http")),
        ],
    )
    def test_a_profile_is_one_line(self, profile: str, engines: tuple[str, str, str]) -> None:
        found = settings(f"profile={profile}")
        assert tuple(engine_of(getattr(found, name)) for name in ("encoder", "reranker", "generator")) == engines
        assert set(PROFILES) == {"builtin", "qwen-local", "qwen-vllm", "dashscope"}

    def test_everything_else_goes_over_the_profile(self, tmp_path: Path) -> None:
        (tmp_path / "qianxun.toml").write_text(
            'profile = "qwen-vllm"\n[encoder]\nurl = "http://gpu:9000/v1"\n[reranker]\nname = "none"\n', "utf-8"
        )
        found = load_settings(environ={"QIANXUN_PROFILE": "dashscope"}, cwd=tmp_path)
        assert found.profile == "dashscope"
        assert found.encoder.url == "http://gpu:9000/v1"
        assert found.encoder.model == "text-embedding-v4"
        assert engine_of(found.reranker) == "none"
        with pytest.raises(SettingsError, match="profile = 'gwen'"):
            settings("profile=gwen")

    def test_a_relative_folder_means_the_same_from_everywhere(self, tmp_path: Path) -> None:
        (tmp_path / "qianxun.toml").write_text('[encoder]\nmodel = "./模型"\n', "utf-8")
        assert load_settings(environ={}, cwd=tmp_path).encoder.model == str(tmp_path / "模型")

    def test_who_serves_a_model_is_not_the_datas_business(self, tmp_path: Path) -> None:
        local = settings("profile=qwen-local", "encoder.dimension=512")
        served = settings("profile=qwen-vllm", "encoder.dimension=512")
        assert encoder_format(local).fingerprint == encoder_format(served).fingerprint
        (tmp_path / "kb.toml").write_text(own_text(local), "utf-8")
        assert engine_of(for_knowledge_base(served, tmp_path).encoder) == "http"
        assert engine_of(for_knowledge_base(local, tmp_path).encoder) == "transformers"
        # A knowledge base keeps its model whatever the file says by now.
        kept = for_knowledge_base(settings(), tmp_path).encoder
        assert (kept.model, kept.dimension) == ("Qwen/Qwen3-Embedding-0.6B", 512)

    def test_what_decides_a_vector_is_in_the_fingerprint_and_nothing_else(self) -> None:
        base = encoder_format(settings("profile=qwen-local")).fingerprint
        for same in (
            "encoder.precision=float32",
            "encoder.instruction=Find laws",
            "encoder.batch=7",
            "encoder.device=cpu",
        ):
            assert encoder_format(settings("profile=qwen-local", same)).fingerprint == base
        others = ("encoder.dimension=256", "encoder.max_tokens=512", "encoder.overlong=cut", "encoder.pooling=mean")
        found = {encoder_format(settings("profile=qwen-local", other)).fingerprint for other in others}
        assert len(found | {base}) == 5
        assert encoder_format(settings("profile=qwen-local", "encoder.revision=abc")).fingerprint != base

    def test_prompts_are_the_authors(self) -> None:
        found = encoder_format(settings("profile=qwen-local"))
        assert found.query_prefix == (
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
        )
        assert (found.passage_prefix, found.appended, found.pooling) == ("", "<|endoftext|>", "last")
        other = encoder_format(settings("profile=qwen-local", "encoder.instruction=Find the clause"))
        assert other.query_prefix == "Instruct: Find the clause\nQuery:"
        assert encoder_format(settings("profile=qwen-local", "encoder.instruction=")).query_prefix == ""
        e5 = encoder_format(settings("encoder.url=http://h/v1", "encoder.model=intfloat/multilingual-e5-base"))
        assert (e5.query_prefix, e5.passage_prefix, e5.full_dimension) == ("query: ", "passage: ", 768)

    @pytest.mark.parametrize(
        ("overrides", "words"),
        [
            (("profile=qwen-local", "encoder.dimension=2000"), "vectors of Qwen/Qwen3-Embedding-0.6B have 1024"),
            (("profile=qwen-local", "encoder.dimension=16"), "cut to 32 at least"),
            (("encoder.url=http://h", "encoder.model=BAAI/bge-m3", "encoder.instruction=x"), "takes no instruction"),
            (("encoder.model=./nowhere",), "There is no model at nowhere"),
        ],
    )
    def test_what_a_model_does_not_have_is_one_clear_line(self, overrides: tuple[str, ...], words: str) -> None:
        with pytest.raises(SettingsError, match=words) as caught:
            encoder_format(settings(*overrides))
        assert "\n" not in str(caught.value)


class Away(HashEncoder):
    """An encoder whose server comes and goes."""

    name = "away"
    fingerprint = "away-1"
    gone = False
    encoded: list[str] = []  # noqa: RUF012 (every instance of a test adds to it)

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32."""
        if Away.gone:
            raise ModelUnavailable("http://gpu:8101 cannot be reached.")
        return super().encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32."""
        if Away.gone:
            raise ModelUnavailable("http://gpu:8101 cannot be reached.")
        Away.encoded += texts
        return super().encode_passages(texts)


class Longest:
    """A reranker that likes long passages."""

    name = "longest"
    gone = False

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made."""

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32 in [0, 1]."""
        if Longest.gone:
            raise ModelUnavailable("http://gpu:8102 cannot be reached.")
        return np.array([min(1.0, len(text) / 1000) for text in passages], dtype=np.float32)


class Parrot:
    """A generator that says what it was taught."""

    name = "parrot"
    context_tokens = 4096
    gone = False

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made."""

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """A sentence that the first passage bears."""
        if Parrot.gone:
            raise ModelUnavailable("http://gpu:8103 cannot be reached.")
        for piece in ("工作满一年的员工", "每年有五天带薪年假。[1]"):
            yield Delta(piece)
        yield Delta(finish_reason="stop", usage=(100, 12))

    def count_tokens(self, text: str) -> int:
        """A safe over-estimate."""
        return len(text.encode())


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, made in (("encoders", Away), ("rerankers", Longest), ("generators", Parrot)):
        table: Any = assemble.BUILT_IN[kind]
        monkeypatch.setitem(table, made.name, f"{__name__}:{made.__name__}")
        monkeypatch.setattr(made, "gone", False)
    monkeypatch.setattr(Away, "encoded", [])


@pytest.fixture
def directory(tmp_path: Path, documents: Path, engines: None) -> Path:
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=away", "reading.workers=1"]) as kb:
        kb.add([documents])
    return tmp_path / "kb"


def opened(directory: Path, *overrides: str) -> KnowledgeBase:
    return qianxun.open(directory, overrides=overrides)


class TestFailures:
    """What is done without, and named."""

    def test_without_the_encoder_words_are_searched_and_the_result_says_so(self, directory: Path) -> None:
        Away.gone = True
        with opened(directory) as kb:
            found = kb.search("E-1042 coil")
            assert found.passages[0].source.endswith("oncall.md")
            assert found.degraded == ("dense: http://gpu:8101 cannot be reached.",)
            with pytest.raises(ModelUnavailable):
                kb.search("E-1042 coil", mode="dense")
            answer = kb.ask("What does error E-1042 mean?")
            assert answer.citations
            assert answer.degraded == found.degraded

    def test_the_reranker_orders_and_says_what_it_thought(self, directory: Path) -> None:
        with opened(directory) as kb:
            before = [p.chunk for p in kb.search("年假 月薪 page 加班").passages]
        with opened(directory, "reranker.name=longest") as kb:
            found = kb.search("年假 月薪 page 加班")
            lengths = [len(p.context) + len(p.text) for p in found.passages]
            assert lengths == sorted(lengths, reverse=True)
            assert sorted(p.chunk for p in found.passages) == sorted(before)
            assert [p.rank for p in found.passages] == list(range(1, len(before) + 1))
            assert found.passages[0].stages["reranker"].rank == 1
            assert found.models["reranker"] == "longest"
            assert "rerank" in found.seconds

    def test_only_the_candidates_are_judged_and_k_is_kept(self, directory: Path) -> None:
        with opened(directory, "reranker.name=longest", "reranker.candidates=2") as kb:
            found = kb.search("年假 月薪 page 加班", k=4)
            assert ["reranker" in p.stages for p in found.passages] == [True, True, False, False]
            assert len(kb.search("年假 月薪 page 加班", k=1).passages) == 1

    def test_without_the_reranker_the_order_stays(self, directory: Path) -> None:
        with opened(directory) as kb:
            before = [p.chunk for p in kb.search("年假").passages]
        Longest.gone = True
        with opened(directory, "reranker.name=longest") as kb:
            found = kb.search("年假")
            assert [p.chunk for p in found.passages] == before
            assert found.degraded == ("reranker: http://gpu:8102 cannot be reached.",)

    def test_the_generator_writes_and_its_sentences_are_checked(self, directory: Path) -> None:
        with opened(directory, "generator.name=parrot") as kb:
            answer = kb.ask("工作满一年有几天年假？")
            assert answer.text == "工作满一年的员工每年有五天带薪年假。[1]"
            assert [c.support for c in answer.citations] == ["supported"]
            assert answer.models["answer"] == "parrot"
            Parrot.gone = True
            assert kb.ask("工作满一年有几天年假？").cached
            answer = kb.ask("工作满一年年假有几天？")
            assert answer.models["answer"] == "extractive"
            assert "五天" in answer.text
            assert answer.degraded == ("generator: http://gpu:8103 cannot be reached.",)

    def test_adding_without_the_encoder_loses_nothing_and_goes_on(
        self, directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        later = tmp_path / "later.md"
        later.write_text("# 新增\n\n龙井茶须在清明前采摘。", "utf-8")
        Away.gone = True
        line = ["add", str(later), "--kb", str(directory)]
        assert main(line) == 76
        assert "http://gpu:8101 cannot be reached." in capsys.readouterr().err
        Away.gone = False
        n_encoded = len(Away.encoded)
        assert main(line) == 0
        assert len(Away.encoded) == n_encoded + 1
        with opened(directory) as kb:
            assert kb.search("龙井茶").passages[0].source.endswith("later.md")
            assert kb.check().ok

    def test_the_knowledge_base_keeps_its_encoder_and_says_so(
        self, directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("QIANXUN_PROFILE", "qwen-vllm")
        assert main(["info", "--kb", str(directory)]) == 0
        assert "keeps its own encoder (away); `qianxun reindex` goes over to Qwen/Qwen3" in capsys.readouterr().err
        monkeypatch.delenv("QIANXUN_PROFILE")
        assert main(["info", "--kb", str(directory)]) == 0
        assert capsys.readouterr().err == ""

    def test_info_names_every_model(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["--set", "reranker.name=longest", "--set", "generator.url=http://gpu:8103/v1"]
        assert main(["info", "--kb", str(directory), "--json", *given]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert shape["encoder"]["name"] == "away"
        assert (shape["reranker"], shape["generator"]) == ("longest", "http://gpu:8103/v1")
