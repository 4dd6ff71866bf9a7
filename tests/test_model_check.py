"""The self-test of models: each mistake that answers with wrong numbers is named, and with what to do."""

import asyncio
import dataclasses
import json
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from qianxun.errors import UnfitModel
from qianxun.models.check import (
    PROBES,
    ModelReport,
    check_encoder,
    check_generator,
    check_reranker,
    packed,
    still_the_same,
    unpacked,
)
from qianxun.models.formats import EncoderFormat
from qianxun.models.hashing import HashEncoder
from qianxun.models.wrappers.checked import CheckedEncoder, CheckedGenerator, CheckedReranker, Notebook
from qianxun.protocols import Delta, Message, Sampling, Vectors
from qianxun.settings import Settings

FORM = EncoderFormat(
    identity="sound",
    pooling="last",
    query_prefix="Instruct: 找出相关段落\nQuery:",
    passage_prefix="",
    appended="<|endoftext|>",
    max_tokens=512,
    overlong="split",
    full_dimension=64,
    dimension=64,
)
# What fits together, as the self-test has it: an encoder that knows this has meaning.
SUBJECTS = {
    "首都": 0,
    "gravity": 1,
    "Gravity": 1,
    "fall to the ground": 1,
    "capital": 0,
    "Beijing": 0,
    "面粉": 2,
    "invoice": 3,
    "超时": 4,
    "逾時": 4,
    "超時": 4,
    "石斑魚": 5,
}


class Sound:
    """An encoder with meaning and an instruction, in 64 dimensions; subclasses are wrong in one way each."""

    name = "sound"
    dim = 64
    form = FORM
    served_by = "in process"

    def __init__(self) -> None:
        self.n_calls = 0

    @property
    def format(self) -> EncoderFormat:
        return self.form

    @property
    def fingerprint(self) -> str:
        return self.form.fingerprint

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows."""
        return self.encode_passages([self.form.query_prefix + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows."""
        self.n_calls += 1
        rows = HashEncoder().encode_passages(texts) * 0.3
        for row, text in zip(rows, texts, strict=True):
            for word, place in SUBJECTS.items():
                if word in text:
                    row[place] += 1.0
            row[63] += 0.2 if text.startswith("Instruct:") else 0.0
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]] | None:
        """As the official tokenizer has it."""
        return [len(text) + 1 for text in texts], [len(text) + 1 for text in texts]

    def close(self) -> None:
        """Nothing to let go of."""


class NoUnit(Sound):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return super().encode_passages(texts) * 2


class NotANumber(Sound):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return super().encode_passages(texts) * np.float32("nan")


class OtherDimension(Sound):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return super().encode_passages(texts)[:, :32]


class BatchMatters(Sound):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        rows = super().encode_passages(texts) + np.float32(len(texts))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class NoInstruction(Sound):
    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_passages(texts)


class Rewritten(Sound):
    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_passages([f"<|im_start|>system {text} 系统 用户" for text in texts])


class NoEndToken(Sound):
    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]] | None:
        return [len(text) for text in texts], [len(text) + 1 for text in texts]


class NoMeaning(Sound):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        rows = np.stack([np.random.default_rng(zlib.crc32(t.encode())).standard_normal(64) for t in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_sound_encoder_passes_every_check() -> None:
    report = check_encoder(Sound())
    assert report.failed == []
    assert [f.check for f in report.findings] == [
        "dimension",
        "norm",
        "repeatable",
        "question and passage differ",
        "instruction",
        "end token",
        "meaning",
    ]
    report.require()


@pytest.mark.parametrize(
    ("kind", "check", "words"),
    [
        (NoUnit, "norm", "no unit vectors"),
        (NotANumber, "norm", "no unit vectors"),
        (OtherDimension, "dimension", "32 numbers, expected 64"),
        (BatchMatters, "repeatable", "padding or pooling"),
        (NoInstruction, "question and passage differ", "drops or replaces"),
        (Rewritten, "instruction", "no prompt or template"),
        (NoEndToken, "end token", "end-of-text token is missing"),
        (NoMeaning, "meaning", "waive_meaning_checks"),
    ],
)
def test_each_mistake_is_named_with_what_to_do(kind: type[Sound], check: str, words: str) -> None:
    report = check_encoder(kind())
    assert check in [f.check for f in report.failed]
    with pytest.raises(UnfitModel, match=words) as caught:
        dataclasses.replace(report, findings=[f for f in report.failed if f.check == check]).require()
    assert "\n" not in str(caught.value)


def test_checks_of_meaning_can_be_waived_and_no_others() -> None:
    assert check_encoder(NoMeaning(), waive_meaning=True).ok
    assert not check_encoder(NoInstruction(), waive_meaning=True).ok


def test_the_model_card_is_asked_for_where_it_has_scores() -> None:
    class Named(Sound):
        form = dataclasses.replace(FORM, identity="qwen3-embedding-0.6b@")

    report = check_encoder(Named())
    found = next(f for f in report.findings if f.check == "published scores")
    assert not found.passed
    assert "0.7646, 0.1414, 0.1355, 0.6000" in found.seen


def test_another_model_is_told_by_the_probes() -> None:
    rows = Sound().encode_passages(PROBES)
    assert check_encoder(Sound(), known=rows).ok
    report = check_encoder(NoMeaning(), known=rows, waive_meaning=True)
    assert [f.check for f in report.failed] == ["same model"]
    with pytest.raises(UnfitModel, match="qianxun reindex"):
        report.require()
    assert still_the_same(Sound(), rows).ok
    kept = unpacked(packed(rows), 64)
    assert kept is not None
    assert np.abs(kept - rows).max() < 1e-3
    assert unpacked(packed(rows), 32) is None


class Judge:
    """A reranker with meaning whose prompt is known."""

    name = "judge"
    served_by = "http://127.0.0.1:8102"
    read_more = 0
    factor = 1.0

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32."""
        sound = Sound()
        scores = sound.encode_queries([question])[0] @ sound.encode_passages(passages).T
        return np.where(scores > 0.5, 0.95, 0.05).astype(np.float32) * np.float32(self.factor)

    def token_counts(self, question: str, passage: str) -> tuple[int, int] | None:
        """Tokens read, tokens of the official prompt."""
        return 89 + self.read_more, 89

    def close(self) -> None:
        """Nothing to let go of."""


def test_a_reranker_started_without_its_template_is_refused() -> None:
    class Started(Judge):
        read_more = -74

    assert check_reranker(Judge()).ok
    report = check_reranker(Started(), waive_meaning=True)
    with pytest.raises(UnfitModel, match=r"read 15 tokens, the official prompt has 89.*--chat-template"):
        report.require()


def test_scores_that_are_no_probabilities_and_scores_without_meaning() -> None:
    class Raw(Judge):
        factor = 7.0

    class Flat(Judge):
        factor = 0.0

    assert [f.check for f in check_reranker(Raw()).failed] == ["probability"]
    assert [f.check for f in check_reranker(Flat()).failed] == ["meaning"]
    assert check_reranker(Flat(), waive_meaning=True).ok


class Writer:
    """A generator that can add."""

    name = "writer"
    context_tokens = 512
    served_by = "in process"
    answers = ("5", "5")
    usage: tuple[int, int] | None = (20, 1)

    def __init__(self) -> None:
        self.n_asked = 0

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The next answer."""
        yield Delta(self.answers[self.n_asked % 2])
        self.n_asked += 1
        yield Delta(finish_reason="stop", usage=self.usage)

    def count_tokens(self, text: str) -> int:
        """A safe over-estimate."""
        return len(text.encode())

    def close(self) -> None:
        """Nothing to let go of."""


def test_generators_are_tested_too() -> None:
    class Moody(Writer):
        answers = ("5", "five")

    class Uncounted(Writer):
        usage = None

    def failed(writer: Writer) -> list[str]:
        report: ModelReport = asyncio.run(check_generator(writer))
        return [f.check for f in report.failed]

    assert failed(Writer()) == []
    assert failed(Moody()) == ["repeatable"]
    assert failed(Uncounted()) == ["usage"]


@pytest.fixture
def pages() -> dict[str, str]:
    return {}


def notebook(pages: dict[str, str], *, waive: bool = False) -> Notebook:
    def read(key: str) -> dict[str, Any] | None:
        return json.loads(pages[key]) if key in pages else None

    def write(key: str, page: dict[str, Any]) -> None:
        pages[key] = json.dumps(page)

    return Notebook(read, write, now=lambda: "2026-11-21T00:00:00Z", waive_meaning=waive)


def test_an_encoder_is_tested_once_and_what_was_found_is_kept(pages: dict[str, str]) -> None:
    first = CheckedEncoder(Sound(), notebook(pages), run="in process", remote=False)
    assert first.encode_queries(["首都"]).shape == (1, 64)
    wrapped = Sound()
    second = CheckedEncoder(wrapped, notebook(pages), run="in process", remote=False)
    second.encode_passages(["首都"])
    assert wrapped.n_calls == 1, "tested again"
    remote = Sound()
    CheckedEncoder(remote, notebook(pages), run="http://127.0.0.1:8101", remote=True).encode_passages(["首都"])
    assert remote.n_calls > 2, "another way of running it is tested whole"
    again = Sound()
    CheckedEncoder(again, notebook(pages), run="http://127.0.0.1:8101", remote=True).encode_passages(["首都"])
    assert again.n_calls == 2, "a server is compared with the probes once in a process"


def test_a_failed_encoder_encodes_nothing_and_is_tested_again(pages: dict[str, str]) -> None:
    encoder = CheckedEncoder(NoEndToken(), notebook(pages), run="in process", remote=False)
    for _ in range(2):
        with pytest.raises(UnfitModel, match="end token"):
            encoder.encode_passages(["首都"])
    assert pages == {}


def test_what_was_waived_is_kept_and_does_not_hold_without_the_waiver(pages: dict[str, str]) -> None:
    CheckedEncoder(NoMeaning(), notebook(pages, waive=True), run="here", remote=False).encode_passages(["首都"])
    (page,) = (json.loads(text) for text in pages.values())
    assert page["runs"]["here"]["waived"] is True
    with pytest.raises(UnfitModel, match="meaning"):
        CheckedEncoder(NoMeaning(), notebook(pages), run="here", remote=False).encode_passages(["首都"])


def test_rerankers_and_generators_are_tested_before_their_first_use(pages: dict[str, str]) -> None:
    class Started(Judge):
        read_more = -74

    judge = CheckedReranker(Judge(), notebook(pages), identity="judge", run="a")
    assert judge.score("中国的首都是哪座城市？", ["北京是首都。"])[0] > 0.5
    with pytest.raises(UnfitModel):
        CheckedReranker(Started(), notebook(pages), identity="judge", run="b").score("首都？", ["北京"])

    async def written(generator: CheckedGenerator) -> str:
        return "".join([d.text async for d in generator.stream([Message("user", "2 + 3")], sampling=Sampling())])

    writer = Writer()
    assert asyncio.run(written(CheckedGenerator(writer, notebook(pages), identity="writer", run="a"))) == "5"
    assert writer.n_asked == 3, "twice for the test"
    assert asyncio.run(written(CheckedGenerator(writer, notebook(pages), identity="writer", run="a"))) == "5"
    assert writer.n_asked == 4


def test_the_builtin_encoder_needs_no_test() -> None:
    from qianxun import assemble

    assert not isinstance(assemble.encoder(Settings(), notebook({})), CheckedEncoder)
