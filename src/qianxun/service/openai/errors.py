"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "code", "param"}}`.

The status codes are those of `service.problems`; the codes within the body are those that clients look for.
"""

from typing import Any, Final

from qianxun.errors import (
    Forbidden,
    InputError,
    LimitReached,
    ModelError,
    NotFound,
    Overloaded,
    QianxunError,
    Unauthorized,
)
from qianxun.service import problems

# What begins so is answered in this shape; and so are the paths that have no version.
_BEGINNINGS: Final = ("/v1/", "/v2/")
_PATHS: Final = frozenset(("/v1", "/v2", "/rerank", "/score"))


def speaks(path: str) -> bool:
    """Whether the clients of this path read errors in this shape."""
    return path.startswith(_BEGINNINGS) or path in _PATHS


def no_model(name: str) -> NotFound:
    """What is said of a model that there is not, or that the caller may not use: it is not said which."""
    return NotFound(
        "The model {model!r} does not exist, or you may not use it.",
        remedy="GET /v1/models lists those that you may.",
        model=name[:200],
        param="model",
    )


def error_of(error: QianxunError) -> dict[str, Any]:
    """The body that says an error."""
    status = problems.status_of(error)
    kind, code = _kind_and_code(error, status)
    return {
        "error": {
            "message": error.in_words(),
            "type": kind,
            "code": code,
            "param": error.values.get("param") or None,
        }
    }


def _kind_and_code(error: QianxunError, status: int) -> tuple[str, str | None]:
    match error:
        case Unauthorized():
            return "invalid_request_error", "invalid_api_key"
        case Forbidden():
            return "permission_error", "permission_denied"
        case LimitReached():
            return "requests", "rate_limit_exceeded"
        case NotFound():
            return "invalid_request_error", "model_not_found" if error.values.get("param") == "model" else "not_found"
        case InputError():
            return "invalid_request_error", None
        case Overloaded():
            return "server_error", "overloaded"
        case ModelError():
            return "server_error", "model_error"
        case _:
            return "server_error" if status >= 500 else "invalid_request_error", None
