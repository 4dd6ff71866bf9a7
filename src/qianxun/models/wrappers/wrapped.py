"""What every wrapper of an encoder passes through."""

from collections.abc import Sequence
from typing import Any

from qianxun.models import check
from qianxun.protocols import Encoder


class WrappedEncoder:
    """An encoder around another, which it owns. What makes it satisfy `Encoder` is each wrapper's business."""

    def __init__(self, encoder: Encoder) -> None:
        self.name: str = encoder.name
        # `Encoder` says what every encoder has; an engine for Qwen models has more, which shines through below.
        self._encoder: Any = encoder

    @property
    def fingerprint(self) -> str:
        """The wrapped encoder's."""
        return str(self._encoder.fingerprint)

    @property
    def dim(self) -> int:
        """The wrapped encoder's; a server may have to be asked."""
        return int(self._encoder.dim)

    @property
    def format(self) -> Any:
        """The wrapped encoder's `EncoderFormat`; None if it has none."""
        return getattr(self._encoder, "format", None)

    @property
    def served_by(self) -> str:
        """Where and how the wrapped encoder runs; its name if it does not say."""
        return check.served_by(self._encoder)

    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]] | None:
        """The wrapped encoder's: tokens read and tokens of the official tokenizer; None if it cannot tell."""
        counts = getattr(self._encoder, "token_counts", None)
        found: tuple[list[int], list[int]] | None = counts(texts) if counts is not None else None
        return found

    def close(self) -> None:
        """Closes the wrapped encoder."""
        close_engine(self._encoder)


def close_engine(engine: Any) -> None:
    """Lets go of what an engine holds, if it holds anything."""
    close = getattr(engine, "close", None)
    if close is not None:
        close()
