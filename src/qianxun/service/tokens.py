"""Bearer tokens of an identity provider: a signed JSON Web Token (RFC 7519) becomes a `Caller`, or is refused.

What is checked follows RFC 8725 and RFC 9068: the signature with a key of the issuer and an algorithm of the settings
(never one that the token brings along, never one with a shared secret), issuer, audience, times, and that it is no
token of another kind. PyJWT does the cryptography. Which claims give which rights is in `tokens` of the settings; a
claim of a shape that is not expected gives none. Knows no HTTP.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

from qianxun.errors import SettingsError, Unauthorized
from qianxun.prompting import as_line
from qianxun.service.access import ACTIONS, Action, Caller, caller_of
from qianxun.service.issuers import check_address
from qianxun.service.token_keys import IssuerKeys
from qianxun.settings import ServiceSettings, Settings, TokensSettings
from qianxun.storage.keys import Grant

logger = logging.getLogger(__name__)

_AGAIN = "Sign in again and send the new token."

# Headers of common servers hold 8 to 16 KB in all; tokens with hundreds of groups fit.
MAX_TOKEN_CHARS: Final = 16_000
MAX_SUBJECT_CHARS: Final = 255
_MAX_NAME_CHARS: Final = 100
_LEAST_RSA_BITS: Final = 2048
_MAX_KEYS_TRIED: Final = 4
_THREADS: Final = 8
# What a key must be for an algorithm (RFC 7518, 3.1; RFC 8037; RFC 9864): kty and, where it has one, crv.
_KEY_OF: Final[Mapping[str, tuple[str, str]]] = {
    **{f"{kind}{bits}": ("RSA", "") for kind in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
_PUBLIC_PARTS: Final = ("kty", "n", "e", "crv", "x", "y")  # an issuer may show too much by mistake
# What a token is (RFC 8725, 3.11): an access token or an ID token, and nothing else that the issuer may sign.
_KINDS_OF_ID: Final = ("", "jwt", "application/jwt")
_KINDS: Final = (*_KINDS_OF_ID, "at+jwt", "application/at+jwt")
_SPACED: Final = ("scope", "scp")  # claims that are one string of several words (RFC 8693, 4.2)
_ACTION_PREFIX: Final = "qianxun:"


def tokens_of(settings: Settings) -> "Tokens | None":
    """What reads tokens; None where the settings name no issuer. Raises SettingsError as `Tokens` does."""
    return Tokens(settings) if settings.tokens.issuer else None


def reader_of_tokens(tokens: "Tokens | None") -> Callable[[str], Awaitable[Caller]] | None:
    """What says who a token is of, for `Service.caller_of_token`; None where no tokens are taken."""
    if tokens is None:
        return None

    # Of their own: tokens that wait for an issuer's keys hold up nothing but tokens.
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="qianxun-tokens")

    async def caller(token: str) -> Caller:
        return await asyncio.get_running_loop().run_in_executor(threads, tokens.caller, token)

    return caller


class Tokens:
    """Tells who somebody with a token is. Safe to share between threads.

    Raises SettingsError for settings that would let in whom nobody meant. `now` is for the keys: a clock in seconds.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings.tokens
        _check(self._settings)
        self._rights = _Rights(self._settings, settings.service)
        self._keys = IssuerKeys(settings, now=now)

    def caller(self, token: str) -> Caller:
        """Who a token is of. May fetch the issuer's keys, which takes seconds: not to be called on an event loop.

        Raises Unauthorized for a token that does not hold, Overloaded while the issuer's keys cannot be had.
        """
        return self._rights.caller(self.claims(token))

    def claims(self, token: str, *, client: str = "") -> Mapping[str, Any]:
        """What a token says, if it holds. With a `client` it must be an ID token, for this client of the issuer's.

        Takes time and raises as `caller` does.
        """
        import jwt

        if len(token) > MAX_TOKEN_CHARS:
            raise Unauthorized(
                "The token is refused: it is longer than {n} characters.", remedy=_AGAIN, n=MAX_TOKEN_CHARS
            )
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthorized("The token is refused: it is no signed JSON Web Token.", remedy=_AGAIN) from error
        algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "")
        if not isinstance(algorithm, str) or algorithm not in self._settings.algorithms:
            raise Unauthorized("The token is refused: its algorithm is not one of tokens.algorithms.", remedy=_AGAIN)
        if not isinstance(kind, str) or kind.lower() not in (_KINDS_OF_ID if client else _KINDS):
            raise Unauthorized("The token is refused: it is a token of another kind.", remedy=_AGAIN)
        if "crit" in header:
            raise Unauthorized("The token is refused: it asks for an extension that is not understood.", remedy=_AGAIN)
        for key in self._fitting(algorithm, key_id):
            try:
                return self._verified(token, key, algorithm, client)
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError as error:
                raise Unauthorized("The token is refused: it has expired.", remedy=_AGAIN) from error
            except jwt.ImmatureSignatureError as error:
                raise Unauthorized("The token is refused: it is not valid yet.", remedy=_AGAIN) from error
            except jwt.InvalidIssuerError as error:
                raise Unauthorized("The token is refused: it is of another issuer.", remedy=_AGAIN) from error
            except jwt.InvalidAudienceError as error:
                raise Unauthorized("The token is refused: it is for another audience.", remedy=_AGAIN) from error
            except jwt.MissingRequiredClaimError as error:
                raise Unauthorized(
                    "The token is refused: it has no claim {claim!r}.", remedy=_AGAIN, claim=error.claim
                ) from error
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
                raise Unauthorized("The token is refused: its claims are malformed.", remedy=_AGAIN) from error
        raise Unauthorized("The token is refused: it is not signed with a key of the issuer.", remedy=_AGAIN)

    def _fitting(self, algorithm: str, key_id: Any) -> list[Any]:
        """The keys that this token may be signed with, as PyJWT takes them."""
        import jwt

        found = []
        for given in self._keys.with_id(key_id):
            if (given.get("kty"), given.get("crv", "")) != _KEY_OF[algorithm]:
                continue
            if given.get("alg", algorithm) != algorithm or given.get("use", "sig") != "sig":
                continue
            try:
                key = jwt.PyJWK({part: given[part] for part in _PUBLIC_PARTS if part in given}, algorithm)
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                logger.warning("a key of %s cannot be read: %s", self._settings.issuer, type(error).__name__)
                continue
            if getattr(key.key, "key_size", _LEAST_RSA_BITS) < _LEAST_RSA_BITS and algorithm[:2] in ("RS", "PS"):
                logger.warning("a key of %s is too short: %d bits", self._settings.issuer, key.key.key_size)
                continue
            found.append(key)
        return found[:_MAX_KEYS_TRIED]

    def _verified(self, token: str, key: Any, algorithm: str, client: str) -> Mapping[str, Any]:
        import jwt

        found: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=[client] if client else list(self._settings.audience),
            issuer=self._settings.issuer,
            leeway=self._settings.leeway_seconds,
            options={"require": ["exp", "iss", "aud", *(["sub", "iat"] if client else [])]},
        )
        # Made for another client that may also show it to this one (OpenID Connect Core 1.0, 3.1.3.7).
        if client and found.get("azp", client) != client:
            raise jwt.InvalidAudienceError
        return found


def is_of_another_time(error: Unauthorized) -> bool:
    """Whether a token was refused because it does not hold yet, or no longer."""
    import jwt

    return isinstance(error.__cause__, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError)


class _Rights:
    """What claims let somebody do."""

    def __init__(self, settings: TokensSettings, service: ServiceSettings) -> None:
        self._settings = settings
        self._service = service
        self._label_of: dict[str, set[str]] = {}
        for entry in settings.label_of:
            value, _, label = entry.rpartition("=")
            self._label_of.setdefault(value.strip(), set()).add(label.strip())

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        settings = self._settings
        subject = _claim(claims, settings.subject_claim)
        if not isinstance(subject, str) or not subject or len(subject) > MAX_SUBJECT_CHARS or not subject.isprintable():
            raise Unauthorized(
                "The token is refused: its claim {claim!r} names nobody.", remedy=_AGAIN, claim=settings.subject_claim
            )
        name = _claim(claims, settings.name_claim)
        shown = as_line(name)[:_MAX_NAME_CHARS] if isinstance(name, str) else ""
        values = _values(claims, settings.labels_claim)
        grant = Grant.everything()
        if not values & set(settings.admin_values):
            bases = frozenset(_values(claims, settings.bases_claim)) if settings.bases_claim else None
            grant = Grant(frozenset(settings.labels) | self._labels(values), bases, self._actions(claims))
        return caller_of(f"token:{settings.issuer}:{subject}", shown or subject, grant, self._service)

    def _labels(self, values: set[str]) -> set[str]:
        if self._label_of:
            return {label for value in values for label in self._label_of.get(value, ())}
        # A comma divides labels wherever they are typed, so no label has one.
        return {self._settings.labels_prefix + value for value in values if "," not in value}

    def _actions(self, claims: Mapping[str, Any]) -> frozenset[Action]:
        most = cast(frozenset[Action], frozenset(self._settings.actions))
        if not self._settings.actions_claim:
            return most
        given = {value.removeprefix(_ACTION_PREFIX) for value in _values(claims, self._settings.actions_claim)}
        return most & cast(frozenset[Action], given)


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of this name, which may have dots in it, or else be inside another; None if there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _values(claims: Mapping[str, Any], name: str) -> set[str]:
    """The values of a claim: of a list its texts, of a text itself, of anything else nothing."""
    found = _claim(claims, name) if name else None
    if isinstance(found, str):
        found = found.split() if name in _SPACED else [found]
    if not isinstance(found, list):
        return set()
    return {value.strip() for value in found if isinstance(value, str) and value.strip() and value.isprintable()}


def _check(settings: TokensSettings) -> None:
    check_address("tokens.issuer", settings.issuer)
    if settings.jwks_url:
        check_address("tokens.jwks_url", settings.jwks_url)
    if not any(map(str.strip, settings.audience)):
        raise SettingsError(
            "tokens.audience is empty, so tokens for any other service of {issuer} would do here.",
            remedy="Set it to what the issuer knows this service by: a client id or an address.",
            issuer=settings.issuer,
        )
    for algorithm in settings.algorithms or ("",):
        if algorithm not in _KEY_OF:
            raise SettingsError(
                "tokens.algorithms: {seen!r} is no signature with a public key that is known here.",
                remedy="Known are: {known}.",
                seen=algorithm,
                known=", ".join(_KEY_OF),
            )
    for action in settings.actions:
        if action not in ACTIONS or action == "admin":
            raise SettingsError(
                "tokens.actions: {seen!r} cannot be given to everybody with a token.",
                remedy="Possible are: {known}. Who may do everything is in tokens.admin_values.",
                seen=action,
                known=", ".join(one for one in ACTIONS if one != "admin"),
            )
    for entry in settings.label_of:
        value, _, label = entry.rpartition("=")
        if not value.strip() or not label.strip() or "," in label:
            raise SettingsError(
                "tokens.label_of: {seen!r} is not VALUE=LABEL.", remedy="Example: 人力资源部=hr", seen=entry
            )
    for label in (*settings.labels, settings.labels_prefix):
        if "," in label:
            raise SettingsError(
                "tokens: {seen!r} has a comma in it, and no label has.", remedy="Take it out.", seen=label
            )
    if settings.admin_values and not settings.labels_claim:
        raise SettingsError(
            "tokens.admin_values are values of tokens.labels_claim, which is empty.", remedy="Name the claim."
        )
