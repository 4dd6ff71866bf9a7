"""What an issuer of tokens says over HTTP: where its things are (OpenID Connect Discovery 1.0), and JSON of any kind.

Only from where the settings say: the issuer's own host (and what it names, if that is on the public internet or opened
in `sources.allow_networks`), over https unless it is on this machine; never much, never for long. Knows no token.
"""

import json
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from qianxun.errors import QianxunError, SettingsError, SourceError
from qianxun.hosts import is_here
from qianxun.settings import Settings
from qianxun.sources.addresses import host_name, page_address

# A key set of a large issuer has some dozens of keys of a kilobyte or two.
MAX_BYTES: Final = 256 * 1024
_FETCH_SECONDS: Final = 10.0
_DISCOVERY: Final = "/.well-known/openid-configuration"


def metadata(fetcher: Any, issuer: str) -> dict[str, Any]:
    """What the issuer says of itself. Raises SourceError, also where it calls itself otherwise."""
    address = issuer.rstrip("/") + _DISCOVERY
    told = json_at(fetcher, address)
    if told.get("issuer") != issuer:
        raise SourceError(
            "{url} speaks for another issuer: {seen!r}.",
            remedy="Write tokens.issuer exactly as it calls itself.",
            url=address,
            seen=str(told.get("issuer"))[:200],
        )
    return told


def json_at(fetcher: Any, url: str) -> dict[str, Any]:
    """The JSON object at an address, which may not lead on to another. Raises SourceError."""
    with fetcher.answered(url, obey=False) as answer:
        if answer.status != 200 or answer.url != url:
            raise SourceError(
                "{url} is not where keys are.", remedy="Check tokens.issuer and tokens.jwks_url.", url=url
            )
        return json_in(answer)


def json_in(answer: Any) -> dict[str, Any]:
    """The JSON object that is answered. Raises SourceError."""
    body = bytearray()
    for piece in answer.body():
        body += piece
        if len(body) > MAX_BYTES:
            raise SourceError("{url} is too large for a set of keys.", remedy="Check tokens.jwks_url.", url=answer.url)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SourceError("{url} is no JSON object.", remedy="Check tokens.issuer and tokens.jwks_url.", url=answer.url)
    return found


def check_address(key: str, address: str) -> None:
    """Raises SettingsError for an address that keys are not fetched from: not https, and not on this machine."""
    if not is_safe(address):
        raise SettingsError(
            "{key} is no https address, or has a user name in it.",
            remedy="Example: https://login.example.com/realms/main; http only on this machine.",
            key=key,
        )


def is_safe(address: str) -> bool:
    """Whether something may be fetched from there, or people be led there: https, or this machine."""
    try:
        page_address(address)
    except QianxunError:
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or is_here(host_name(parts.hostname or ""))


def for_fetching(settings: Settings) -> Settings:
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
