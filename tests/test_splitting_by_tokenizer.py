"""Chunks measured by the encoder's own tokenizer, on tiny tokenizers of the true kinds."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models
from test_splitting import assert_holds_together, blocks_strategy

import qianxun
from qianxun.assemble import tokenizer
from qianxun.documents.split import STRATEGIES, measure_of, split, tokens
from qianxun.documents.splitting.pieces import pieces_of
from qianxun.documents.splitting.sizes import ESTIMATE
from qianxun.errors import SettingsError
from qianxun.records import Block
from qianxun.settings import SplittingSettings, load_settings

LEAVE = "员工入职满一年以后，每年有五天带薪年假。合同到期前三十天，双方应当书面通知对方是否续签。"
MIXED = f"{LEAVE}資料庫連線逾時時，請先檢查連線池是否已滿。Employees are entitled to five days of paid leave. "


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_embedding(tmp_path_factory.mktemp("models") / "Qwen3-Embedding-tiny")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_bert(tmp_path_factory.mktemp("models") / "bert", "mean")


@pytest.mark.parametrize("kind", ["qwen", "bert"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=60, deadline=None)
@given(blocks=blocks_strategy, most=st.integers(32, 120), overlap=st.integers(0, 2))
def test_every_strategy_keeps_to_the_budget_as_the_tokenizer_counts(
    request: pytest.FixtureRequest, kind: str, strategy: str, blocks: list[Block], most: int, overlap: int
) -> None:
    measure = measure_of(request.getfixturevalue(kind) / "tokenizer.json")
    chosen = SplittingSettings(
        strategy=strategy,  # type: ignore[arg-type]
        max_tokens=most,
        overlap_sentences=overlap,
        overlap_tokens=10 * overlap,
    )
    parts = list(split(blocks, chosen, measure=measure))
    # Where pieces meet, a tokenizer may cut otherwise than in each by itself.
    assert_holds_together(parts, chosen, measure, above=2)
    assert "".join(part.text for part in parts) == "".join(part.text for part in split(blocks, chosen))


def test_a_chunk_of_chinese_is_as_long_as_the_encoder_finds_it(qwen: Path) -> None:
    measure = measure_of(qwen / "tokenizer.json")
    chosen = SplittingSettings(strategy="sentences", max_tokens=100)
    blocks = [Block("paragraph", MIXED * 20)]
    sizes = [
        [measure.tokens(part.text_of(i)) for part in split(blocks, chosen, measure=by) for i in range(len(part.chunks))]
        for by in (measure, ESTIMATE)
    ]
    assert all(60 < size <= 100 for size in sizes[0][:-1]), sizes[0]
    # The tiny tokenizer knows these sentences: an estimate makes more and shorter chunks of them.
    assert len(sizes[0]) < len(sizes[1])


@pytest.mark.parametrize("text", ["", "年", "x" * 5000, "年假" * 2000, "\ud800半个", "🙂" * 50, "- " * 400, "a\n\nb"])
def test_pieces_of_odd_texts_fit(qwen: Path, text: str) -> None:
    measure = measure_of(qwen / "tokenizer.json")
    for start, end, cost in pieces_of(text, "paragraph", 40.0, measure):
        assert cost == measure.tokens(text[start:end])
        assert cost <= 40 or end - start == 1


def test_words_are_counted_once_and_alike(qwen: Path) -> None:
    measure = measure_of(qwen / "tokenizer.json")
    assert measure is measure_of(qwen / "tokenizer.json")
    for text in ("年假", "leave", " leave", "，", "𠮷", "🙂"):
        assert measure.tokens(text) == measure.tokens(text) >= 1
    assert measure.tokens(LEAVE * 3) == 3 * measure.tokens(LEAVE)


def test_what_counts_is_a_setting(qwen: Path, tmp_path: Path) -> None:
    def found(*overrides: str) -> Path | None:
        return tokenizer(load_settings(overrides=overrides))

    model = f"encoder.model={qwen}"
    assert found(model) == found(model, "splitting.counted_by=encoder") == qwen / "tokenizer.json"
    # Behind a server too, if the files are here as well.
    served = "encoder.url=http://127.0.0.1:8101/v1"
    assert found(model, served) == qwen / "tokenizer.json"
    assert found() is found(model, "splitting.counted_by=estimate") is None
    assert found(served, "encoder.model=Qwen/Qwen3-Embedding-0.6B") is None
    for nowhere in ((), (served,), (f"encoder.model={tmp_path / 'nowhere'}", served)):
        with pytest.raises(SettingsError, match=r"counted_by is encoder.*models pull"):
            found(*nowhere, "splitting.counted_by=encoder")


def test_documents_are_cut_by_the_encoder_in_use(qwen: Path, tmp_path: Path) -> None:
    (tmp_path / "制度.md").write_text("# 制度\n\n" + "\n\n".join([MIXED * 3] * 12), encoding="utf-8")
    measure = measure_of(qwen / "tokenizer.json")
    counts = {}
    for by in ("auto", "estimate"):
        overrides = [
            f"encoder.model={qwen}",
            "models.waive_meaning_checks=true",
            "splitting.max_tokens=120",
            f"splitting.counted_by={by}",
            "reading.workers=1",
        ]
        with qianxun.open(tmp_path / by, overrides=overrides) as kb:
            kb.add([tmp_path / "制度.md"])
            kb.add_texts([qianxun.TextItem("又一份制度", "", MIXED * 8)])
            chunks = [chunk.text for document in kb.documents() for chunk in kb._store.chunks(document.id)]
        assert all(measure.tokens(text) <= 122 for text in chunks) or by == "estimate"
        assert all(tokens(text) <= 120 for text in chunks) or by == "auto"
        counts[by] = len(chunks)
        # It is kept with the knowledge base.
        assert re.search(rf'^counted_by = "{by}"$', (tmp_path / by / "kb.toml").read_text(encoding="utf-8"), re.M)
    assert counts["auto"] < counts["estimate"]


def test_a_broken_tokenizer_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"tokenizer\.json: this tokenizer cannot be read: .*counted_by") as caught:
        measure_of(broken)
    assert "\n" not in str(caught.value)
