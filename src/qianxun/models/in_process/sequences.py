"""Text into the token sequences that an encoder reads: prompt before, end token behind, overlong text cut or split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qianxun.errors import SettingsError
from qianxun.models.tokens import windows


@dataclass(frozen=True, slots=True)
class Part:
    """A sequence for the model, and how many of its tokens are the text's own."""

    tokens: list[int]
    n_text_tokens: int


class Sequences:
    """Makes the sequences of texts.

    `appended` is the token that must end every sequence: "tokenizer" for whatever the tokenizer adds, "" for none.
    What the tokenizer's template sets around a text stays around every part of it.
    """

    def __init__(self, tokenizer: Any, *, appended: str, max_tokens: int, overlong: Literal["split", "cut"]) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._overlong = overlong
        self._before, self._after = _template(tokenizer)
        if appended == "":
            self._after = []
        elif appended != "tokenizer":
            end = tokenizer.token_to_id(appended)
            if end is None:
                raise SettingsError(
                    "The model's tokenizer has no token {token}, which must end every text.",
                    remedy="Copy the model again: its tokenizer.json is not the one that its authors publish.",
                    token=appended,
                )
            if self._after[-1:] != [end]:
                self._after.append(end)

    def parts(self, texts: Sequence[str], prefix: str) -> list[list[Part]]:
        """The parts of each text: one, or several where it is too long and is to be split."""
        encodings = self._tokenizer.encode_batch([prefix + text for text in texts], add_special_tokens=False)
        return [list(self._of(encoding, prefix)) for encoding in encodings]

    def n_whole(self, text: str, prefix: str) -> int:
        """How many tokens a text has with all that belongs around it, uncut."""
        encoding = self._tokenizer.encode(prefix + text, add_special_tokens=False)
        return len(self._before) + len(encoding.ids) + len(self._after)

    def _of(self, encoding: Any, prefix: str) -> Iterator[Part]:
        numbers: list[int] = encoding.ids
        n_around = len(self._before) + len(self._after)
        n_prefix = _n_tokens_within(encoding.offsets, len(prefix)) if prefix else 0
        n_text = len(numbers) - n_prefix
        if n_around + len(numbers) <= self._max_tokens:
            yield Part([*self._before, *numbers, *self._after], n_text)
            return
        room = self._max_tokens - n_around - n_prefix
        if room < 1:
            raise SettingsError(
                "encoder.max_tokens is {tokens}, but what must stand around every text takes {needed} of them.",
                remedy="Set it higher, or to 0.",
                tokens=self._max_tokens,
                needed=n_around + n_prefix,
            )
        prompt, text = numbers[:n_prefix], numbers[n_prefix:]
        for part in [text[:room]] if self._overlong == "cut" else windows(text, room):
            yield Part([*self._before, *prompt, *part, *self._after], len(part))


def _template(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that the tokenizer sets before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    return [], []


def _n_tokens_within(offsets: Sequence[tuple[int, int]], n_chars: int) -> int:
    """How many tokens at the start lie within the first so many characters; one that reaches beyond does not."""
    for n, (_, end) in enumerate(offsets):
        if end > n_chars:
            return n
    return len(offsets)
