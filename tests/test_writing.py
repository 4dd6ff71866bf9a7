"""Tokens into text: whole characters, no stop strings, and the whole text in the end."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.models.in_process.writing import Writing

END = 256
LETTERS = "年假五天ab，。Ａ🦉"


def decoded(tokens: Sequence[int]) -> str:
    """A token is a byte, the smallest part that a real tokenizer may make of a character."""
    return bytes(tokens).decode("utf-8", "replace")


def written(tokens: Sequence[int], stops: Sequence[str] = (), max_tokens: int = 10_000) -> tuple[list[str], Writing]:
    writing = Writing(decoded, stops, {END}, max_tokens)
    texts = []
    for token in tokens:
        texts.append(writing.add(token))
        if writing.finish_reason is not None:
            break
    return texts, writing


def test_a_character_comes_when_its_last_byte_has_come() -> None:
    texts, writing = written([*"年a".encode(), END])
    assert texts == ["", "", "年", "a", ""]
    assert (writing.finish_reason, writing.n_tokens) == ("stop", 5)


def test_a_stop_string_never_shows_though_it_comes_in_parts() -> None:
    texts, writing = written(b"five days<|im_end|> more", ["<|im_end|>"])
    assert "".join(texts) == "five days"
    assert all("<" not in text for text in texts)
    assert writing.finish_reason == "stop"
    assert writing.n_tokens == len("five days<|im_end|>")


def test_what_only_begins_like_a_stop_string_is_given_later() -> None:
    texts, _ = written([*b"a<|im_x", END], ["<|im_end|>"])
    assert texts == ["a", "", "", "", "", "", "<|im_x", ""]
    texts, _ = written([*b"a<|im_", END], ["<|im_end|>"])
    assert texts == ["a", "", "", "", "", "", "<|im_"]


def test_the_first_of_several_stop_strings_counts() -> None:
    assert "".join(written("一。二\n三".encode(), ["。", "一。二"])[0]) == "一"
    assert "".join(written("一。二\n三".encode(), ["\n", "。"])[0]) == "一"
    assert "".join(written("一。二\n三".encode(), ["\n", "。二\n", ""])[0]) == "一"


def test_the_length_limit_leaves_no_half_character() -> None:
    texts, writing = written("年假".encode(), max_tokens=5)
    assert "".join(texts) == "年"
    assert (writing.finish_reason, writing.n_tokens) == ("length", 5)


def test_an_end_at_the_limit_is_an_end() -> None:
    assert written([*b"ab", END], max_tokens=3)[1].finish_reason == "stop"
    assert written([*b"abc", END], max_tokens=3)[1].finish_reason == "length"


def test_a_real_replacement_character_is_given() -> None:
    assert "".join(written([*"a\N{REPLACEMENT CHARACTER}b".encode(), END])[0]) == "a\N{REPLACEMENT CHARACTER}b"


@given(st.text(LETTERS, max_size=20), st.lists(st.text(LETTERS, max_size=4), max_size=3))
def test_the_joined_text_is_the_text_up_to_the_first_stop(text: str, stops: list[str]) -> None:
    texts, writing = written([*text.encode(), END], stops)
    # The first stop is the one that is whole first, as a reader of the stream sees it.
    read = next((text[:n] for n in range(len(text) + 1) if any(stop and stop in text[:n] for stop in stops)), text)
    ends = [at for stop in stops if stop and (at := read.find(stop)) >= 0]
    assert "".join(texts) == (read[: min(ends)] if ends else text)
    assert not any("\N{REPLACEMENT CHARACTER}" in part for part in texts)
    assert writing.finish_reason == "stop"


@given(st.lists(st.integers(0, 255), max_size=30))
def test_bytes_that_are_no_text_come_as_the_decoder_has_them(tokens: list[int]) -> None:
    texts, _ = written([*tokens, END])
    whole = decoded(tokens)
    joined = "".join(texts)
    assert whole.startswith(joined)
    assert set(whole[len(joined) :]) <= {"\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tokens_may_be_words(n: int) -> None:
    """Tokens of several bytes at any place, as of a real vocabulary."""
    text = "年假有五天，見員工手冊 §３ (leave)。"
    data = text.encode()
    pieces = [data[i : i + n] for i in range(0, len(data), n)]
    writing = Writing(
        lambda tokens: b"".join(pieces[i] for i in tokens).decode("utf-8", "replace"), ["手冊 §４"], {-1}, 10_000
    )
    texts = [writing.add(token) for token in [*range(len(pieces)), -1]]
    assert "".join(texts) == text
