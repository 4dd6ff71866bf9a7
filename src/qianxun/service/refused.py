"""What is said of a request that is not as the OpenAPI document says: one sentence about its first fault.

The framework's own words name its classes and patterns; these are for who wrote the request. Knows no route.
"""

from collections.abc import Mapping
from typing import Any, Final

from qianxun.errors import InputError

_SEE: Final = "The OpenAPI document (/openapi.json) says what is expected."
_NO_OBJECT: Final = frozenset(("model_type", "model_attributes_type", "dict_type"))
# Patterns of `routes/given`, of tokens and of names, in words.
_FORMS: Final[Mapping[str, str]] = {
    r"^[^\x00]*$": "{where} holds a null character.",
    r"^[^\x00]*[^\s\x00][^\x00]*$": "{where} is empty, or holds a null character.",
    r"^[^\x00]*\S[^\x00]*$": "{where} is empty, or holds a null character.",
    r"^[^\x00,]*[^\s\x00,][^\x00,]*$": "{where} is no label: it is empty, or holds a comma or a null character.",
    r"^[0-9a-f]{32}$": "{where} is no token: those have 32 digits and letters a to f.",
    r"^[^\x00/\\]*$": "{where} is no name: it holds a slash or a null character.",
}


_MOST_SEEN_CHARS: Final = 100


class InvalidRequest(InputError):
    """A request that is not as the OpenAPI document says."""

    status: int = 422


def invalid(fault: Mapping[str, Any], content_type: str) -> InvalidRequest:
    """The error of a fault as pydantic tells it, with the media type that the request was sent as."""
    place = [str(part) for part in fault.get("loc", ())]
    where, kind = ".".join(place) or "body", fault.get("type")
    if kind == "json_invalid":
        told = str(dict(fault.get("ctx") or {}).get("error", "")).rstrip(".") or "not readable"
        return InvalidRequest(
            "The body is not valid JSON at character {at}: {told}.",
            remedy="Send a JSON object in UTF-8.",
            at=place[-1] if len(place) > 1 else 0,
            told=told,
        )
    if place == ["body"] and (kind in _NO_OBJECT or kind == "missing"):
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return InvalidRequest(
                "The body is not sent as JSON but as {seen!r}.",
                remedy="Send it with the header Content-Type: application/json.",
                seen=content_type[:100],
            )
        return InvalidRequest("The body is no JSON object.", remedy=_SEE)
    if kind == "missing":
        return InvalidRequest("{where} is missing.", remedy=_SEE, where=where)
    if kind == "extra_forbidden":
        return InvalidRequest("{where} is not known here.", remedy=_SEE, where=where)
    form = _FORMS.get(str(dict(fault.get("ctx") or {}).get("pattern", "")))
    if kind == "string_pattern_mismatch" and form is not None:
        return InvalidRequest(form, remedy=_SEE, where=where)
    bounds, seen = dict(fault.get("ctx") or {}), repr(fault.get("input"))[:_MOST_SEEN_CHARS]
    if kind == "greater_than_equal":
        return InvalidRequest(
            "{where} is {seen}; the least is {least}.", remedy=_SEE, where=where, seen=seen, least=bounds["ge"]
        )
    if kind == "less_than_equal":
        return InvalidRequest(
            "{where} is {seen}; the most is {most}.", remedy=_SEE, where=where, seen=seen, most=bounds["le"]
        )
    if kind == "literal_error":
        known = str(bounds["expected"]).replace(" or ", ", ")
        return InvalidRequest("{where} is {seen}.", remedy="Known: {known}.", where=where, seen=seen, known=known)
    what = str(fault.get("msg", "not valid")).rstrip(".")
    return InvalidRequest("{where}: {what}.", remedy=_SEE, where=where, what=what)
