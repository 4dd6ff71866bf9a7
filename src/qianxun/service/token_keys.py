"""The public keys of an issuer of tokens: found, fetched, kept for a while. Knows no token and no claim.

Only from where the settings say: the issuer's own host (and what it names, if that is on the public internet or opened
in `sources.allow_networks`), over https unless it is on this machine. A key that the issuer has taken back is gone with
the next look. While the issuer cannot be reached its last keys hold, for a limited time.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from qianxun.errors import Overloaded, QianxunError, SourceError
from qianxun.service.issuers import for_fetching, is_safe, json_at, metadata
from qianxun.settings import Settings

logger = logging.getLogger(__name__)

MAX_KEYS: Final = 200
# An unknown key id may be a new key, or somebody who makes them up: one look a minute for both.
LOOK_AGAIN_SECONDS: Final = 60.0
# With no keys at all nobody with a token gets in: then sooner.
_LOOK_FOR_FIRST_SECONDS: Final = 5.0


class IssuerKeys:
    """The keys of the issuer in `tokens`, as JSON Web Keys (RFC 7517). Safe to share between threads.

    `now` is a clock that only goes forward, in seconds.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings.tokens
        self._fetcher_settings = for_fetching(settings)
        self._now = now
        self._guard = threading.Lock()
        self._fetching = threading.Lock()
        self._keys: tuple[Mapping[str, Any], ...] | None = None
        self._fetched = 0.0  # when the keys were there last
        self._tried = -1e9  # when they were looked for last

    def with_id(self, key_id: str | None) -> Sequence[Mapping[str, Any]]:
        """The keys of this id, or all where a token names none; none if the issuer has no such key.

        May fetch, and so take seconds. Raises Overloaded where the issuer cannot be reached and its last keys, if there
        were any, are too old.
        """
        keys, age = self._kept()
        if keys is None or age > self._settings.keys_minutes * 60:
            self._look(_LOOK_FOR_FIRST_SECONDS if keys is None else LOOK_AGAIN_SECONDS, waits=keys is None)
            keys, age = self._kept()
        found = _of(keys or (), key_id)
        if keys is not None and not found:
            self._look(LOOK_AGAIN_SECONDS, waits=True)
            keys, age = self._kept()
            found = _of(keys or (), key_id)
        if keys is None or age > self._settings.keys_hours_unreachable * 3600:
            error = Overloaded(
                "Tokens cannot be checked: the keys of {issuer} cannot be had.",
                remedy="Try again in a minute; the log of the service says what is wrong.",
                issuer=self._settings.issuer,
            )
            error.retry_after = LOOK_AGAIN_SECONDS
            raise error
        return found

    def _kept(self) -> tuple[tuple[Mapping[str, Any], ...] | None, float]:
        with self._guard:
            return self._keys, self._now() - self._fetched

    def _look(self, pause: float, *, waits: bool) -> None:
        """Fetches the keys, unless that was tried in the last `pause` seconds; one thread at a time does.

        Another one `waits` for it, or goes on with what there is.
        """
        if not self._fetching.acquire(blocking=waits):
            return
        try:
            if self._now() - self._tried < pause:
                return
            self._tried = self._now()
            try:
                keys = self._fetched_keys()
            except QianxunError as error:
                logger.warning("%s: the keys cannot be fetched: %s", self._settings.issuer, error)
                return
            with self._guard:
                if self._keys is None or [key.get("kid") for key in keys] != [key.get("kid") for key in self._keys]:
                    logger.info("%s: %d keys", self._settings.issuer, len(keys))
                self._keys, self._fetched = keys, self._now()
        finally:
            self._fetching.release()

    def _fetched_keys(self) -> tuple[Mapping[str, Any], ...]:
        from qianxun.sources.fetching import Fetcher

        fetcher = Fetcher(self._fetcher_settings)
        try:
            address = self._settings.jwks_url or self._discovered(fetcher)
            found = json_at(fetcher, address).get("keys")
        finally:
            fetcher.close()
        if not isinstance(found, list) or len(found) > MAX_KEYS:
            raise SourceError("{url} holds no set of keys.", remedy="Check tokens.jwks_url.", url=address)
        return tuple(key for key in found if isinstance(key, dict))

    def _discovered(self, fetcher: Any) -> str:
        """Where the issuer says that its keys are."""
        issuer = self._settings.issuer
        address = metadata(fetcher, issuer).get("jwks_uri")
        if not isinstance(address, str) or not is_safe(address):
            raise SourceError(
                "{issuer} does not say where its keys are, or not over https.",
                remedy="Set tokens.jwks_url.",
                issuer=issuer,
            )
        return address


def _of(keys: Sequence[Mapping[str, Any]], key_id: str | None) -> list[Mapping[str, Any]]:
    return [key for key in keys if key_id is None or key.get("kid") == key_id]
