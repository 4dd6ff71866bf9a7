"""Tokens without a tokenizer: never fewer than there are, and pieces that are sure to fit."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.models.remote.counting import (
    cut_to_tokens,
    estimated_tokens,
    local_tokenizer,
    most_tokens,
    split_to_tokens,
)
from qianxun.settings import EncoderSettings, Settings

# Counted with the ranks of Qwen's tokenizer (qwen.tiktoken), which Qwen2.5 and Qwen3 share.
COUNTED = [
    ("北京是中国的首都，也是政治文化中心。", 10),
    ("工程师三级的月薪为２８０００元，由人事部每年四月调整。", 20),
    ("台北分公司：加班須事先申請，經主管核准後方可報支加班費。", 18),
    ("鱲鱷龘驫麤。", 11),
    ("COSI 边车", 6),
    ("The primary engineer answers a page within 15 minutes.", 12),
    ("Antidisestablishmentarianism", 6),
    ("xqzjvkwp tgbnhy", 10),
    ("GET /v1/models HTTP/1.1", 10),
    ("d41d8cd98f00b204e9800998ecf8427e", 30),
    ("dGhpcyBpcyBiYXNlNjQgdGV4dA==", 22),
    ('for i in range(10):\n    print(f"{i:>3}")\n', 16),
    ("0123456789 1,234.50 2025-03-18", 30),
    ("Release 2.3 于 2025年3月18日 发布，修复了 timeout 问题（E-1042）。", 34),
    ("🙂🚀👩‍👩‍👧‍👦", 12),
    ("ひらがなとカタカナ、漢字。", 13),
    ("안녕하세요 세계", 4),
    ("Übergrößenträger naïve café", 11),
    ("\n\n\n\t\t  x   y\n", 6),
    ("……——「」『』《》", 8),
    ("a", 1),
    ("|---|---|\n| 1 | 2 |", 12),
]
LONG = "天地玄黄，The quick brown fox 42。臺灣\n" * 200


@pytest.mark.parametrize("text, counted", COUNTED)
def test_the_estimate_is_never_too_low(text: str, counted: int) -> None:
    assert counted <= estimated_tokens(text) <= most_tokens(text)


def test_the_estimate_is_not_far_too_high_for_what_people_write() -> None:
    for text, counted in COUNTED[:3] + COUNTED[5:6] + COUNTED[11:14]:
        assert estimated_tokens(text) <= 2.3 * counted


def test_nothing_has_no_tokens() -> None:
    assert estimated_tokens("") == most_tokens("") == 0


@given(st.text(max_size=300), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_a_cut_is_a_beginning_that_fits(text: str, tokens: int) -> None:
    cut = cut_to_tokens(text, tokens)
    assert text.startswith(cut)
    assert bool(cut) == bool(text)
    assert estimated_tokens(cut) <= max(tokens, 4)
    if estimated_tokens(text) <= tokens:
        assert cut == text


@given(st.text(max_size=600), st.integers(20, 200))
@settings(max_examples=200, deadline=None)
def test_parts_are_the_whole_text(text: str, tokens: int) -> None:
    parts = split_to_tokens(text, tokens)
    assert "".join(parts) == text
    assert all(parts) or parts == [""]


def test_parts_of_a_long_text_fit_and_are_alike() -> None:
    for tokens in (100, 512, 4000):
        sizes = [estimated_tokens(part) for part in split_to_tokens(LONG, tokens)]
        assert max(sizes) <= tokens
        assert max(sizes) - min(sizes) <= 80


def test_a_cut_of_a_long_text_uses_what_it_may() -> None:
    assert 450 <= estimated_tokens(cut_to_tokens(LONG, 512)) <= 512


def test_the_models_own_tokenizer_counts_where_its_files_are(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {"[UNK]": 0, "北": 1, "京": 2, "end": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    made.post_processor = tokenizers.processors.TemplateProcessing(single="$A end", special_tokens=[("end", 3)])
    made.enable_truncation(3)
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3"}), encoding="utf-8")
    tokenize = local_tokenizer(EncoderSettings(model=str(tmp_path)), Settings())
    assert tokenize is not None
    assert tokenize("北京北京", True) == [1, 2, 1, 2, 3]  # not cut, though the file asks for it
    assert tokenize("北京", False) == [1, 2]


def test_a_model_of_another_machine_has_no_tokenizer_here(tmp_path: Path) -> None:
    for model in (str(tmp_path / "nowhere"), "Qwen/Qwen3-Embedding-0.6B", "http://127.0.0.1:8101/v1", ""):
        assert local_tokenizer(EncoderSettings(model=model), Settings()) is None
