"""What a web site asks of programs that read it (RFC 9309). Knows no network: `fetching` brings the file."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

PRODUCT: Final = "qianxun"
MAX_BYTES: Final = 500 * 1024  # what is beyond need not be read
MAX_DELAY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of one host. `rules` None: `everything` may be read, or nothing."""

    rules: Any = None
    everything: bool = True

    @classmethod
    def of(cls, data: bytes) -> "Robots":
        """The rules in the bytes of a robots.txt."""
        from protego import Protego

        return cls(Protego.parse(data[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")))

    def allows(self, url: str) -> bool:
        """Whether this page may be read."""
        if self.rules is None:
            return self.everything
        return bool(self.rules.can_fetch(quote(url, safe="/:@!$&'()*+,;=%?~[]"), PRODUCT))

    @property
    def delay_seconds(self) -> float:
        """The time between two requests that the host asks for, within reason."""
        asked = None if self.rules is None else self.rules.crawl_delay(PRODUCT)
        return min(max(float(asked or 0.0), 0.0), MAX_DELAY_SECONDS)
