"""The OpenAPI document: what FastAPI derives from the routes, and what every route has in common.

Each operation says every status that it may answer: errors are problem details, but for paths whose clients know
another shape, which describe their own.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from qianxun.service import problems

PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `detail` says what is wrong, `remedy` what to do, `kind` is the class in qianxun.errors.",
    "required": ["type", "title", "status", "detail", "remedy", "kind", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "remedy": {"type": "string"},
        "kind": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
# What any operation may answer. What a handler cannot answer but the doorway can is among them.
_ALWAYS: Final = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500, 501, 502, 503, 504)
_WAIT: Final = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}


def described(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description="Search and cited answers over an organisation's own documents.",
        routes=app.routes,
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = PROBLEM
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "a key of `qianxun keys create`, or a token"}
    }
    for leftover in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(leftover, None)
    for methods in document.get("paths", {}).values():
        for operation in methods.values():
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    replies = operation["responses"]
    if "422" in replies and "HTTPValidationError" in str(replies["422"]):
        del replies["422"]
    if operation.pop("x-open", False):
        operation["security"] = []
        return
    # With a key, or without one as `public`.
    operation["security"] = [{"key": []}, {}]
    for status in _ALWAYS:
        if str(status) not in replies:
            replies[str(status)] = {
                "description": problems.TITLES[status],
                "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                **({"headers": _WAIT} if status in (429, 503) else {}),
            }
