"""The issuer as its client asks it: where people sign in, tokens for a code, tokens for those that run out.

What it answers is taken up to a size and for a time only, and nothing of it is logged but names of errors (RFC 6749).
Blocking; knows neither sessions nor browsers, and believes no token: `Tokens` reads those.
"""

import base64
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from qianxun.errors import Overloaded, QianxunError, SettingsError, SourceError, Unauthorized
from qianxun.service.issuers import for_fetching, is_safe, json_in, metadata
from qianxun.settings import Settings, issuer_name

logger = logging.getLogger(__name__)

# An issuer that did not answer is left alone for a moment: else everybody would wait for it, one after another.
_PAUSE_SECONDS: Final = 5.0
# These say that it is not able to answer now, not that it will not.
_BUSY: Final = (408, 429)
_NAME_OF_ERROR: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where things are at the issuer. `sign_out` may be ""; `names_itself` says that its answers carry `iss`."""

    sign_in: str
    tokens: str
    sign_out: str
    names_itself: bool
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens that the issuer gave, unread; "" for one that it did not give."""

    access: str
    id: str
    refresh: str


class Provider:
    """The issuer of `tokens`, for the client of `oidc`. Safe to share between threads. `now` is a clock in seconds.

    Raises SettingsError where the variable of the client's secret is not set.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.monotonic) -> None:
        from qianxun.sources.fetching import Fetcher

        self.issuer = settings.tokens.issuer
        self.client = settings.oidc.client_id
        self.name = issuer_name(settings)
        self._secret = secret_of(settings)
        self._fetcher = Fetcher(for_fetching(settings))
        self._keep_seconds = settings.tokens.keys_minutes * 60
        self._now = now
        self._guard = threading.Lock()
        self._known: Endpoints | None = None
        self._fetched = self._failed = float("-inf")

    def endpoints(self) -> Endpoints:
        """Where things are; as it said last, while it cannot be reached. Raises Overloaded where it never could."""
        with self._guard:
            now = self._now()
            if self._known is not None and now - self._fetched < self._keep_seconds:
                return self._known
            if now - self._failed >= _PAUSE_SECONDS:
                try:
                    self._known, self._fetched = _endpoints(metadata(self._fetcher, self.issuer)), now
                except QianxunError as error:
                    logger.warning("%s: where one signs in cannot be read: %s", self.issuer, error)
                    self._failed = self._now()
            if self._known is None:
                raise self._away()
            return self._known

    def redeem(self, code: str, verifier: str, back: str) -> Granted:
        """Tokens for the code that a browser brought `back`. Raises Unauthorized if it is refused, Overloaded."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        return self._granted(asked)

    def refresh(self, token: str) -> Granted:
        """New tokens. Raises Unauthorized if they are refused, Overloaded while the issuer does not answer."""
        return self._granted({"grant_type": "refresh_token", "refresh_token": token})

    def close(self) -> None:
        """Lets go of connections."""
        self._fetcher.close()

    def _granted(self, asked: dict[str, str]) -> Granted:
        endpoints = self.endpoints()
        if self._now() - self._failed < _PAUSE_SECONDS:
            raise self._away()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._secret and endpoints.takes_basic:
            # Both are encoded before they are joined (RFC 6749, 2.3.1).
            pair = f"{quote_plus(self.client)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            asked = {**asked, "client_id": self.client, **({"client_secret": self._secret} if self._secret else {})}
        try:
            with self._fetcher.posted(endpoints.tokens, urlencode(asked).encode(), headers) as answer:
                if 400 <= answer.status < 500 and answer.status not in _BUSY:
                    raise self._refused(_error_in(answer))
                if answer.status != 200:
                    raise SourceError("{url}: HTTP {status}", url=endpoints.tokens, status=answer.status)
                found = json_in(answer)
        except SourceError as error:
            logger.warning("%s gives no tokens: %s", self.issuer, error)
            self._failed = self._now()
            raise self._away() from error
        texts = (found.get(name) for name in ("access_token", "id_token", "refresh_token"))
        return Granted(*(text if isinstance(text, str) else "" for text in texts))

    def _refused(self, name: str) -> Unauthorized:
        logger.warning("%s refuses tokens: %s", self.issuer, name)
        return Unauthorized(
            "{issuer} refused to sign you in ({reason}).", remedy="Try again.", issuer=self.name, reason=name
        )

    def _away(self) -> Overloaded:
        error = Overloaded(
            "{issuer} cannot be reached.",
            remedy="Try again in a minute; the log of the service says what is wrong.",
            issuer=self.name,
        )
        error.retry_after = _PAUSE_SECONDS
        return error


def name_of_error(given: object) -> str:
    """An error of the issuer's by its name. Anything else that stands there may be anybody's words, and is not told."""
    return given if isinstance(given, str) and _NAME_OF_ERROR.fullmatch(given) else "error"


def _error_in(answer: Any) -> str:
    try:
        return name_of_error(json_in(answer).get("error"))
    except SourceError:
        return f"HTTP {answer.status}"


def _endpoints(told: Mapping[str, Any]) -> Endpoints:
    sign_in, tokens = told.get("authorization_endpoint"), told.get("token_endpoint")
    if not (isinstance(sign_in, str) and is_safe(sign_in) and isinstance(tokens, str) and is_safe(tokens)):
        raise SourceError(
            "{issuer} does not say where one signs in, or not over https.",
            remedy="Check tokens.issuer.",
            issuer=told.get("issuer"),
        )
    sign_out = told.get("end_session_endpoint")
    methods = told.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        sign_in,
        tokens,
        sign_out if isinstance(sign_out, str) and is_safe(sign_out) else "",
        told.get("authorization_response_iss_parameter_supported") is True,
        # Where nothing is said it is this one (OpenID Connect Discovery 1.0, 3).
        not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def secret_of(settings: Settings) -> str:
    """The client's secret; "" for one without. Raises SettingsError where its variable is not set."""
    variable = settings.oidc.secret_env
    secret = os.environ.get(variable, "").strip() if variable else ""
    if variable and not secret:
        raise SettingsError(
            "oidc.secret_env names the environment variable {variable}, which is not set.",
            remedy="Put the client's secret into it, or empty oidc.secret_env for a client without one.",
            variable=variable,
        )
    return secret
