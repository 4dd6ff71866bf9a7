"""Tokens into text as they come: no half characters, no stop strings, and when it is over. Knows no model."""

from collections.abc import Callable, Collection, Sequence

# What a decoder writes for bytes that are no character, or not yet one.
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Writing:
    """One answer. `decoded(tokens)` is the text of tokens; `ends` are the tokens that end an answer.

    The texts that `add` gives, joined, are what all tokens decode to, up to the stop string that is whole first, and
    without a character that the last token leaves incomplete.
    """

    def __init__(
        self, decoded: Callable[[Sequence[int]], str], stops: Sequence[str], ends: Collection[int], max_tokens: int
    ) -> None:
        self.n_tokens = 0  # the one that ends the answer included
        self.finish_reason: str | None = None
        self._decoded = decoded
        self._stops = [stop for stop in stops if stop]
        self._ends = ends
        self._max_tokens = max_tokens
        # Tokens whose text was given last, because a decoder may treat a first token in its own way, then newer ones.
        self._given: list[int] = []
        self._newer: list[int] = []
        self._held = ""

    def add(self, token: int) -> str:
        """The text that is certain now; "" if none is. Sets `finish_reason` when the answer is over."""
        self.n_tokens += 1
        ended = token in self._ends
        if not ended:
            self._newer.append(token)
        over = ended or self.n_tokens >= self._max_tokens
        self._held += self._new_text(whole=over)
        found = [(at, stop) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.finish_reason = "stop"
            return self._held[: min(found)[0]]
        if over:
            self.finish_reason = "stop" if ended else "length"
            return self._held
        n_certain = len(self._held) - self._n_of_a_stop()
        text, self._held = self._held[:n_certain], self._held[n_certain:]
        return text

    def _new_text(self, *, whole: bool) -> str:
        """The text of the newer tokens, once it ends with a whole character."""
        before = self._decoded(self._given)
        text = self._decoded([*self._given, *self._newer])
        if text.endswith(_INCOMPLETE) and not whole:
            return ""
        self._given, self._newer = self._newer or self._given, []
        return text[len(before) :].rstrip(_INCOMPLETE) if whole else text[len(before) :]

    def _n_of_a_stop(self) -> int:
        """How many characters at the end may be the beginning of a stop string."""
        longest = max(map(len, self._stops), default=1) - 1
        for n in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-n:]) for stop in self._stops):
                return n
        return 0
