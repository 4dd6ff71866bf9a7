"""Errors as HTTP says them: the one place that knows status codes.

Our own API answers problem details (RFC 9457); what other clients speak has shapes of its own (`service/openai`).
"""

import json
import logging
import math
import traceback
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from qianxun.errors import (
    AccessError,
    Busy,
    Forbidden,
    InputError,
    LimitReached,
    MissingExtra,
    ModelBusy,
    ModelError,
    ModelTimeout,
    NotFound,
    OutOfTime,
    Overloaded,
    QianxunError,
    SettingsError,
    Unauthorized,
)
from qianxun.messages import say

if TYPE_CHECKING:
    from qianxun.service.visit import Visit

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
CLIENT_GONE: Final = 499

# What these say is the caller's business; what others say names files and servers of the operator's.
_EVERYBODYS: Final = (InputError, AccessError, Overloaded)
# What is told instead of what is the operator's.
PLAIN: Final = QianxunError("This cannot be done at the moment.", remedy="The log of the service says why.")
_FRAMES: Final = 8
# The first that fits counts.
STATUS: Final[tuple[tuple[type[QianxunError], int], ...]] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (LimitReached, 429),
    (Overloaded, 503),
    (Busy, 503),
    (NotFound, 404),
    (InputError, 400),
    (SettingsError, 500),
    (MissingExtra, 501),
    (ModelTimeout, 504),
    (OutOfTime, 504),
    (ModelBusy, 503),
    (ModelError, 502),
)
TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request not complete",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Bad request",
    421: "Not served here",
    429: "Too many requests",
    500: "Internal error",
    501: "Not installed",
    502: "A model failed",
    503: "Try again later",
    504: "A model did not answer in time",
}


def status_of(error: QianxunError) -> int:
    """The status code of an error."""
    own: int | None = getattr(error, "status", None)
    return own or next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def headers_of(error: QianxunError) -> dict[str, str]:
    """What else a reply to it says: when to come again, how to say who one is."""
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="qianxun"'}
    if isinstance(error, Busy | ModelBusy | Overloaded | LimitReached):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after or 1.0)))}
    return {}


def tellable(error: QianxunError, visit: "Visit") -> QianxunError:
    """What the caller is told of an error: who is no administrator learns nothing of the machine that it happened on.

    What they are not told is in the log, under the id of the request.
    """
    if visit.caller.is_admin:
        return error
    if is_everybodys(type(error)):
        return without_places(error, visit.service.home)
    logger.warning("request %s: %s", visit.id, error)
    return _saying(error, PLAIN.template, PLAIN.remedy, {})


def is_everybodys(kind: type[QianxunError]) -> bool:
    """Whether what errors of this kind say is for every caller."""
    return kind is QianxunError or issubclass(kind, _EVERYBODYS)


def without_places(error: QianxunError, home: Path) -> QianxunError:
    """The same error in which files of the machine go by their names, without the folders that they lie in."""
    values = {name: _without_place(value, home) for name, value in error.values.items()}
    return error if values == error.values else _saying(error, error.template, error.remedy, values)


def _without_place(value: object, home: Path) -> object:
    if isinstance(value, PurePath):
        return value.name
    return value.replace(f"{home}/", "") if isinstance(value, str) else value


def _saying(error: QianxunError, template: str, remedy: str, values: Mapping[str, object]) -> QianxunError:
    """An error of the same kind and status that says something else."""
    told = type(error)(template, remedy=remedy, **values)
    told.retry_after = error.retry_after
    if hasattr(error, "status"):
        told.status = error.status  # type: ignore[attr-defined]
    return told


def unforeseen() -> QianxunError:
    """What is told of an error that nobody foresaw."""
    return QianxunError("Something went wrong that nobody foresaw.", remedy="The log of the service says more.")


def places(error: BaseException) -> str:
    """What an error is and where it came from: not what it says, which may hold words of a request or a document."""
    found = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    at = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(found))
    return f"{type(error).__name__} in {at}"


def as_json(body: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8. Halves of characters, which a request may hold, become question marks."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


class JSONReply(JSONResponse):
    """A reply that repeats what a request says, whatever that is."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return as_json(content)


def problem_of(error: QianxunError, request_id: str) -> dict[str, Any]:
    """The problem details of an error."""
    status = status_of(error)
    return problem(
        status,
        say(error.template, **error.values),
        request_id,
        kind=type(error).__name__,
        remedy=say(error.remedy, **error.values) if error.remedy else "",
    )


def problem(status: int, detail: str, request_id: str, *, kind: str, remedy: str = "") -> dict[str, Any]:
    """Problem details."""
    return {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "remedy": remedy,
        "kind": kind,
        "request_id": request_id,
    }


def reply(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Problem details as a response."""
    return Response(
        as_json(body),
        status_code=body["status"],
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )
