"""The public keys of an issuer of tokens: found, fetched, kept for a while. Knows no token and no claim.

Only from where the settings say: the issuer's own host (and what it names, if that is on the public internet or opened
in `sources.allow_networks`), over https unless it is on this machine. A key that the issuer has taken back is gone with
the next look. While the issuer cannot be reached its last keys hold, for a limited time.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from qianxun.errors import Overloaded, QianxunError, SettingsError, SourceError
from qianxun.settings import Settings
from qianxun.sources.addresses import host_name, page_address

logger = logging.getLogger(__name__)

# A key set of a large issuer has some dozens of keys of a kilobyte or two.
MAX_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 200
# An unknown key id may be a new key, or somebody who makes them up: one look a minute for both.
LOOK_AGAIN_SECONDS: Final = 60.0
# With no keys at all nobody with a token gets in: then sooner.
_LOOK_FOR_FIRST_SECONDS: Final = 5.0
_FETCH_SECONDS: Final = 10.0
_DISCOVERY: Final = "/.well-known/openid-configuration"


class IssuerKeys:
    """The keys of the issuer in `tokens`, as JSON Web Keys (RFC 7517). Safe to share between threads.

    `now` is a clock that only goes forward, in seconds.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings.tokens
        self._fetcher_settings = _for_fetching(settings)
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
            found = _json(fetcher, address).get("keys")
        finally:
            fetcher.close()
        if not isinstance(found, list) or len(found) > MAX_KEYS:
            raise SourceError("{url} holds no set of keys.", remedy="Check tokens.jwks_url.", url=address)
        return tuple(key for key in found if isinstance(key, dict))

    def _discovered(self, fetcher: Any) -> str:
        """Where the issuer says that its keys are (OpenID Connect Discovery 1.0, 4)."""
        issuer = self._settings.issuer
        told = _json(fetcher, issuer.rstrip("/") + _DISCOVERY)
        if told.get("issuer") != issuer:
            raise SourceError(
                "{url} speaks for another issuer: {seen!r}.",
                remedy="Write tokens.issuer exactly as it calls itself.",
                url=issuer.rstrip("/") + _DISCOVERY,
                seen=str(told.get("issuer"))[:200],
            )
        address = told.get("jwks_uri")
        if not isinstance(address, str) or not _is_safe(address):
            raise SourceError(
                "{issuer} does not say where its keys are, or not over https.",
                remedy="Set tokens.jwks_url.",
                issuer=issuer,
            )
        return address


def check_address(key: str, address: str) -> None:
    """Raises SettingsError for an address that keys are not fetched from: not https, and not on this machine."""
    if not _is_safe(address):
        raise SettingsError(
            "{key} is no https address, or has a user name in it.",
            remedy="Example: https://login.example.com/realms/main; http only on this machine.",
            key=key,
        )


def _is_safe(address: str) -> bool:
    try:
        page_address(address)
    except QianxunError:
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or _is_here(parts.hostname or "")


def _is_here(host: str) -> bool:
    name = host_name(host)
    return name in ("localhost", "::1") or name.startswith("127.")


def _json(fetcher: Any, url: str) -> dict[str, Any]:
    """The JSON object at an address, which may not lead on to another."""
    body = bytearray()
    with fetcher.answered(url, obey=False) as answer:
        if answer.status != 200 or answer.url != url:
            raise SourceError(
                "{url} is not where keys are.", remedy="Check tokens.issuer and tokens.jwks_url.", url=url
            )
        for piece in answer.body():
            body += piece
            if len(body) > MAX_BYTES:
                raise SourceError("{url} is too large for a set of keys.", remedy="Check tokens.jwks_url.", url=url)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SourceError("{url} is no JSON object.", remedy="Check tokens.issuer and tokens.jwks_url.", url=url)
    return found


def _of(keys: Sequence[Mapping[str, Any]], key_id: str | None) -> list[Mapping[str, Any]]:
    return [key for key in keys if key_id is None or key.get("kid") == key_id]


def _for_fetching(settings: Settings) -> Settings:
    """Those for fetching keys: a host that an operator names may be anywhere; quick, and no retries."""
    named = {urlsplit(url).hostname or "" for url in (settings.tokens.issuer, settings.tokens.jwks_url) if url}
    sources = replace(
        settings.sources,
        allow_networks=(*settings.sources.allow_networks, *sorted(filter(None, map(host_name, named)))),
        connect_seconds=min(settings.sources.connect_seconds, _FETCH_SECONDS),
        read_seconds=_FETCH_SECONDS,
        fetch_seconds=_FETCH_SECONDS,
        retries=0,
        delay_seconds=0.0,
        max_page_mb=1,
        obey_robots=False,
    )
    return replace(settings, sources=sources)
