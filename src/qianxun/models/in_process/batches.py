"""Which texts go through a model together: such of like length, within a budget of tokens."""

from collections.abc import Sequence


def by_length(lengths: Sequence[int], max_tokens: int, *, padded: bool, max_texts: int = 0) -> list[list[int]]:
    """Positions of `lengths`, longest first, in batches of at most `max_tokens` tokens, or of one text.

    A padded batch takes as many tokens as its longest text times its texts; one that is not takes their sum.
    `max_texts` 0: as many as fit. Longest first, so that memory is short at the start or never.
    """
    found: list[list[int]] = []
    n_tokens = longest = 0
    for position in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[position]
        if found:
            n_texts = len(found[-1]) + 1
            needed = longest * n_texts if padded else n_tokens + length
            if needed <= max_tokens and not (max_texts and n_texts > max_texts):
                found[-1].append(position)
                n_tokens += length
                continue
        found.append([position])
        n_tokens = longest = length
    return found
