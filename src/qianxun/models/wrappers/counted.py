"""A generator whose tokens are tallied as they are used, whoever asks it, for whatever it is asked.

`tally` has them as ("generated", "prompt") and ("generated", "completion"). What ended before the generator told is
estimated by its own count. Knows nobody whose tokens they are.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from qianxun import tally
from qianxun.errors import BadModelReply
from qianxun.models.wrappers.wrapped import close_engine
from qianxun.protocols import Delta, Generator, Message, Sampling

NAME: Final = "generated"


def tokens() -> tuple[int, int]:
    """Tokens that generators of this process have read and written so far."""
    counts = tally.counts()
    return counts.get((NAME, "prompt"), 0), counts.get((NAME, "completion"), 0)


class CountedGenerator:
    """A generator around another, which it owns. Satisfies `Generator`; what else an engine has shines through."""

    def __init__(self, generator: Generator) -> None:
        self.name: str = generator.name
        self._generator = generator

    @property
    def context_tokens(self) -> int:
        """The wrapped generator's."""
        return self._generator.context_tokens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The answer as it comes."""
        usage: tuple[int, int] | None = None
        written: list[str] = []
        answered = False
        stream = self._generator.stream(messages, schema=schema, sampling=sampling)
        try:
            async for delta in stream:
                answered = True
                usage = delta.usage or usage
                written.append(delta.text)
                yield delta
        except BadModelReply:
            answered = True
            raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
            if usage is None and answered:
                read = sum(self.count_tokens(message.content) for message in messages)
                usage = read, self.count_tokens("".join(written))
            if usage is not None:
                tally.count(NAME, "prompt", n=usage[0])
                tally.count(NAME, "completion", n=usage[1])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, exact or a safe over-estimate."""
        return self._generator.count_tokens(text)

    def close(self) -> None:
        """Closes the wrapped generator."""
        close_engine(self._generator)
