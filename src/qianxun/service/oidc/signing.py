"""Leads somebody to the issuer and back, and says who came.

What must be the same on the way back travels with the browser, sealed: any process can take it up, and nothing is kept
of who never comes back. A ticket names one state, one nonce and one code verifier; the code that comes back is worth
nothing without the last (RFC 7636), and what comes back from elsewhere than it was begun is refused.
"""

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit

from qianxun.errors import SettingsError, Unauthorized
from qianxun.service.issuers import check_address
from qianxun.service.lanes import Lane
from qianxun.service.oidc.provider import Provider, name_of_error, secret_of
from qianxun.service.oidc.renewing import Renewal, Renewing
from qianxun.service.tokens import Tokens, is_of_another_time
from qianxun.settings import Settings
from qianxun.storage.database import Database
from qianxun.storage.sessions import Sessions
from qianxun.storage.tickets import Tickets

logger = logging.getLogger(__name__)

# How long somebody may take to sign in at the issuer.
LASTS: Final = timedelta(minutes=10)
# A cookie may have 4 KB, and a ticket is a little longer than what is in it.
_MAX_NEXT_BYTES: Final = 2000
_MAX_CODE_CHARS: Final = 4096
# The address that the browser is sent to must not become longer than servers take.
_MAX_HINT_CHARS: Final = 4000


@dataclass(frozen=True, slots=True)
class Begun:
    """What must be the same on the way back, and where somebody wants to go."""

    state: str
    nonce: str
    verifier: str
    next: str

    @classmethod
    def of(cls, text: str) -> "Begun":
        """As it was sealed: a line for each, the last as long as it likes."""
        return cls(*text.split("\n", 3))

    def __str__(self) -> str:
        return f"{self.state}\n{self.nonce}\n{self.verifier}\n{self.next}"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came back: the token that a session stands for, and what renews it."""

    shown: str
    renewal: str


class Oidc:
    """Signing in with the issuer of `tokens`. What asks the issuer blocks; `lane` is where sessions are renewed."""

    def __init__(
        self, settings: Settings, tokens: Tokens, provider: Provider, database: Database, sessions: Sessions, lane: Lane
    ) -> None:
        self.name = provider.name
        self._scopes = " ".join(dict.fromkeys(("openid", *settings.oidc.scopes)))
        self._tokens = tokens
        self._provider = provider
        self._tickets = Tickets(database)
        self._sessions = sessions
        self._renewing = Renewing(tokens, provider, sessions, lane)

    async def shown_by(self, secret: str) -> str:
        """The token that a session stands for now. Raises Unauthorized if it has ended, Overloaded."""
        return await self._renewing.shown_by(secret)

    def close(self) -> None:
        """Lets go of connections."""
        self._provider.close()

    # -- there and back ------------------------------------------------------------------------------

    def begin(self, back: str, next: str, language: str) -> tuple[str, str]:
        """Where a browser goes to sign in, and the ticket that it brings back. Raises Overloaded."""
        goes_on = next if len(next.encode("utf-8", "replace")) <= _MAX_NEXT_BYTES else "/"
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), goes_on)
        asked = {
            "response_type": "code",
            "client_id": self._provider.client,
            "redirect_uri": back,
            "scope": self._scopes,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": _challenge(begun.verifier),
            "code_challenge_method": "S256",
            "ui_locales": "zh-CN" if language == "zh" else "en",
        }
        address = _with_query(self._provider.endpoints().sign_in, asked)
        return address, self._tickets.give(str(begun), LASTS)

    def begun(self, ticket: str, state: str) -> Begun:
        """What was begun with this ticket and state. Raises Unauthorized for what was not."""
        text = self._tickets.opened(ticket) if ticket else None
        begun = None if text is None else Begun.of(text)
        if begun is None or not hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "replace")):
            raise Unauthorized("This browser did not begin to sign in, or too long ago.", remedy="Sign in again.")
        return begun

    def finish(self, begun: Begun, back: str, answer: Mapping[str, str]) -> SignedIn:
        """Who came back with the issuer's answer. Raises Unauthorized, Overloaded."""
        issuer = answer.get("iss")
        if issuer is None and self._provider.endpoints().names_itself:
            issuer = ""
        if issuer is not None and issuer != self._provider.issuer:  # RFC 9207
            raise Unauthorized("The answer is not of {issuer}.", remedy="Sign in again.", issuer=self.name)
        if "error" in answer:
            raise Unauthorized(
                "{issuer} refused to sign you in ({reason}).",
                remedy="Try again.",
                issuer=self.name,
                reason=name_of_error(answer["error"]),
            )
        code = answer.get("code", "")
        if not code or len(code) > _MAX_CODE_CHARS:
            raise Unauthorized("The answer is not of {issuer}.", remedy="Sign in again.", issuer=self.name)
        granted = self._provider.redeem(code, begun.verifier, back)
        subject = self._subject(granted.id, begun.nonce)
        shown, renewal = self._renewing.kept(granted, subject)
        return SignedIn(shown, str(renewal))

    def _subject(self, token: str, nonce: str) -> str:
        """Who the ID token says that it is, if it is for us and was made for this nonce."""
        try:
            claims = self._tokens.claims(token, client=self._provider.client)
        except Unauthorized as error:
            logger.warning("%s: an ID token does not hold: %s", self._provider.issuer, error)
            if not is_of_another_time(error):
                raise _does_not_hold(self.name) from error
            raise Unauthorized(
                "The clocks of {issuer} and of this service differ.",
                remedy="Your administrator sets them right.",
                issuer=self.name,
            ) from error
        seen, subject = claims.get("nonce"), claims["sub"]
        if not isinstance(seen, str) or not hmac.compare_digest(seen.encode("utf-8", "replace"), nonce.encode()):
            logger.warning("%s: an ID token has another nonce", self._provider.issuer)
            raise _does_not_hold(self.name)
        return str(subject)

    # -- signing out ---------------------------------------------------------------------------------

    def leave(self, secret: str) -> str:
        """A ticket to sign out at the issuer too, for a session that is about to end; "" where there is no way to.

        Raises Overloaded.
        """
        found = self._sessions.found(secret)
        if found is None or not found.renewal or not self._provider.endpoints().sign_out:
            return ""
        # What the issuer knows somebody by is too long for a cookie. Nobody is signed in with this.
        kept = replace(Renewal.of(found.renewal), refresh="", renew_at=0.0, until=0.0)
        return self._sessions.begin("", LASTS, renewal=str(kept))

    def way_out(self, ticket: str, back: str) -> str:
        """Where a browser signs out at the issuer (OpenID Connect RP-Initiated Logout 1.0); "" for no such ticket."""
        found = self._sessions.found(ticket)
        sign_out = self._provider.endpoints().sign_out if found is not None and found.renewal else ""
        if found is None or not sign_out:
            return ""
        self._sessions.end(ticket)
        known_by = Renewal.of(found.renewal).id
        asked = {"client_id": self._provider.client, "post_logout_redirect_uri": back}
        if known_by and len(known_by) <= _MAX_HINT_CHARS:
            asked["id_token_hint"] = known_by
        return _with_query(sign_out, asked)


def oidc_of(
    settings: Settings, tokens: Tokens | None, database: Database, sessions: Sessions, lane: Lane
) -> Oidc | None:
    """Signing in as the settings say; None where they name no client. Raises SettingsError."""
    check_oidc(settings)
    if not settings.oidc.client_id or tokens is None:
        return None
    return Oidc(settings, tokens, Provider(settings), database, sessions, lane)


def check_oidc(settings: Settings) -> None:
    """Raises SettingsError where nobody could sign in as the settings say."""
    if settings.web.address:
        _check_web_address(settings.web.address)
    if not settings.oidc.client_id:
        return
    if not settings.tokens.issuer:
        raise SettingsError(
            "oidc.client_id is set, and no issuer to sign in with.", remedy="Set tokens.issuer and tokens.audience."
        )
    secret_of(settings)


def _check_web_address(address: str) -> None:
    check_address("web.address", address)
    parts = urlsplit(address)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(
            "web.address: {seen!r} is more than a scheme, a host and a port.",
            remedy="Example: https://search.example.com",
            seen=address,
        )


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"


def _does_not_hold(issuer: str) -> Unauthorized:
    return Unauthorized(
        "{issuer} signed you in with a token that does not hold.",
        remedy="Your administrator finds why in the log of the service.",
        issuer=issuer,
    )
