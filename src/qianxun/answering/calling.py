"""Calls of a model within what one answer may take of it: so many of them, so much time, until somebody cancels."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from qianxun.answering.bounds import Bounds
from qianxun.protocols import Generator, Message, Sampling
from qianxun.settings import GeneratorSettings

# A model that says more than so many times what it may does not heed what it is told.
_HEEDLESS = 2


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said. `in_time` is False where time ran out, or somebody cancelled, before it had done."""

    text: str
    in_time: bool


@dataclass(slots=True)
class Calls:
    """`most` calls until `deadline` (of `time.monotonic`). `made` counts them, `usage` adds up their tokens."""

    generator: Generator
    generation: GeneratorSettings
    most: int
    deadline: float = float("inf")
    cancelled: asyncio.Event | None = None
    made: int = 0
    usage: tuple[int, int] | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return max(0, self.most - self.made)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody stopped it."""
        return self.cancelled is not None and self.cancelled.is_set()

    def seconds(self, share: float = 1.0) -> float:
        """What is left of this share of the time."""
        return self.started + (self.deadline - self.started) * share - time.monotonic()

    def may_go_on(self, share: float = 1.0) -> bool:
        """Whether there is a call left, and anything of this share of the time."""
        return self.left > 0 and not self.is_cancelled and self.seconds(share) > 0

    def sampling(self, max_tokens: int) -> Sampling:
        """How the model chooses tokens, by the settings."""
        return Sampling(max_tokens=max_tokens, temperature=self.generation.temperature, top_p=self.generation.top_p)

    def bounds(self, max_tokens: int, share: float = 1.0) -> Bounds:
        """What one call may take."""
        seconds = self.seconds(share)
        return Bounds(
            max_tokens=_HEEDLESS * max_tokens, total_seconds=None if seconds == float("inf") else max(seconds, 0.0)
        )

    async def text(
        self, turns: list[Message], max_tokens: int, *, share: float = 1.0, schema: dict[str, Any] | None = None
    ) -> Said:
        """What the model says, all of it. Raises ModelError."""
        self.made += 1
        said: list[str] = []
        bounded = self.bounds(max_tokens, share).around(
            self.generator.stream(turns, schema=schema, sampling=self.sampling(max_tokens)),
            count_tokens=self.generator.count_tokens,
            cancelled=self.cancelled,
        )
        async with aclosing(bounded) as deltas:
            async for delta in deltas:
                said.append(delta.text)
                self.add(delta.usage)
        return Said("".join(said), bounded.ended_by not in ("total", "cancelled"))

    def add(self, usage: tuple[int, int] | None) -> None:
        """Tokens that a call took."""
        if usage is not None:
            before = self.usage or (0, 0)
            self.usage = before[0] + usage[0], before[1] + usage[1]
