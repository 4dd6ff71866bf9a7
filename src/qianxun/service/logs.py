"""The service's log: lines for people or JSON, each with the request that it belongs to, and no words of anybody.

Questions, documents and what libraries say of them stay out of it by three rules. The access log knows routes by their
template, never a path or a query. An error is shown by its kind and our own sentence for it, without the values in it.
A traceback is shown by its places in the code, without the error's message. What is left goes through the mask of
personal data ([guard]).
"""

import contextvars
import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final, TextIO

from qianxun.errors import QianxunError, SettingsError
from qianxun.guarding.log_filter import MaskingFilter
from qianxun.service.facts import Ended
from qianxun.settings import Settings

access = logging.getLogger("qianxun.access")

# The request in whose name something is done, in its task and in the threads that it calls.
request_id: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("qianxun_request", default="")
# Asked by machines, all the time.
_QUIET: Final = frozenset(("/healthz", "/readyz", "/metrics"))
# What the access log adds to a record.
_FIELDS: Final = ("route", "method", "status", "seconds", "caller", "action", "base", "verdict", "trace")


def configure_logs(settings: Settings, stream: TextIO | None = None) -> logging.Handler:
    """Has everything that is logged written to a stream (standard error) in the form of the settings; for `serve`.

    Replaces the handlers that there are; a server's own access log should be off (`access_log=False`,
    `log_config=None`).
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if settings.telemetry.logs == "json" else Lines())
    handler.addFilter(Wordless())
    if settings.guard.mask_logs:
        masking = MaskingFilter()
        # Lines of the access log hold nothing that could be masked, and there are many.
        handler.addFilter(lambda record: record.name == access.name or masking.filter(record))
    root, ours = logging.getLogger(), logging.getLogger("qianxun")
    for logger in (root, ours):
        for old in list(logger.handlers):
            logger.removeHandler(old)
    ours.setLevel(logging.NOTSET)
    ours.propagate = True
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # One line for each request to a model server or a page: too many, and with addresses that may hold words. What each
    # search says of itself is in the access log and the metrics.
    # faiss says which instructions it tries, a server that it is a process, each time one starts.
    for name in ("httpx", "httpcore", "qianxun.retrieval.search", "faiss.loader", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def log_access(ended: Ended) -> None:
    """A line for a request that has ended; a listener of the service."""
    if ended.route in _QUIET and ended.status < 400:
        return
    facts = ended.facts
    extra: dict[str, Any] = {
        "request": ended.id,
        "route": ended.route,
        "method": ended.method,
        "status": ended.status,
        "seconds": round(ended.seconds, 4),
        "caller": ended.caller.id,
        "action": facts.action,
        "base": facts.base,
        "verdict": facts.verdict,
    }
    access.info("%s %s %d %.1f ms", ended.method, ended.route or "-", ended.status, 1000 * ended.seconds, extra=extra)


class Wordless(logging.Filter):
    """Puts our own sentence in the place of an error among a record's arguments, and places in the place of a stack.

    Also notes the request. Lets every record pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record in place; a second time changes nothing more."""
        if not hasattr(record, "request"):
            record.request = request_id.get()
        if isinstance(record.args, tuple):
            record.args = tuple(_plain(value) for value in record.args)
        elif isinstance(record.args, Mapping):
            record.args = {key: _plain(value) for key, value in record.args.items()}
        if isinstance(record.msg, BaseException):
            record.msg = _plain(record.msg)
        if record.exc_info and not record.exc_text:
            record.exc_text = _places(record.exc_info[1])
        record.exc_info = None
        return True


class JsonLines(logging.Formatter):
    """A JSON object on each line: time, level, logger, message, request, and what the access log adds."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": getattr(record, "request", ""),
        }
        fields |= {name: getattr(record, name) for name in _FIELDS if getattr(record, name, "") != ""}
        if record.exc_text:
            fields["error"] = record.exc_text
        return json.dumps(fields, ensure_ascii=False, default=str)


class Lines(logging.Formatter):
    """A line for people: time, level, logger, message, request."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; of an error one more for each place."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%S")
        request = getattr(record, "request", "")
        line = f"{at} {record.levelname.lower():7} {record.name}: {_on_one_line(record.getMessage())}"
        line += f" [{request}]" if request else ""
        return f"{line}\n{record.exc_text}" if record.exc_text else line


def _plain(value: object) -> object:
    """An error as its kind and our own sentence; of a foreign one only the kind, since it may say anything.

    What is wrong with settings is said whole: it is the operator's own text, and nobody else's.
    """
    if isinstance(value, SettingsError):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, QianxunError):
        return f"{type(value).__name__}: {value.template}"
    if isinstance(value, BaseException):
        return type(value).__name__
    return value


def _places(error: BaseException | None) -> str:
    """An error's kind, and where it happened: file, line and function, the innermost last."""
    lines: list[str] = []
    while error is not None:
        lines.append(str(_plain(error)))
        frames = traceback.extract_tb(error.__traceback__)
        lines += [f"  {PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _on_one_line(text: str) -> str:
    return " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
