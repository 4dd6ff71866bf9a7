"""What a server's refusal means: which of them pass, which mean too much text, and what a person should read.

Servers word the same refusal in many ways; the words known here are those of vLLM, TEI, llama.cpp, Ollama, SGLang and
DashScope.
"""

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from qianxun.errors import BadModelReply, ModelBusy, ModelRefused, ModelUnavailable, QianxunError
from qianxun.models.remote.address import Place

_SHOWN_CHARS: Final = 200
_TOO_LONG: Final = re.compile(
    r"context (length|size|window)|too (long|large)|longer than the|max_model_len|must have less than \d+ tokens"
    r"|input length|token limit|exceeds? the (available|maximum|model)",
    re.IGNORECASE,
)
_TOO_MANY: Final = re.compile(
    r"batch size|too many (inputs|texts|documents)|number of (inputs|documents)", re.IGNORECASE
)
# What a server has not built in does not come with another try.
_NOT_IMPLEMENTED: Final = 501


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    status: int
    media: str
    retry_after: str
    location: str
    body: bytes

    @classmethod
    def of(cls, response: Any, body: bytes) -> "Answer":
        """The answer in a response whose body has been read."""
        headers = response.headers
        return cls(
            status=response.status_code,
            media=headers.get("content-type", ""),
            retry_after=headers.get("retry-after", ""),
            location=headers.get("location", ""),
            body=body,
        )

    @property
    def is_web_page(self) -> bool:
        """Whether it is a page for people."""
        return "html" in self.media or self.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))

    def retry_after_seconds(self, now: float) -> float | None:
        """What Retry-After asks for, in seconds from `now` (Unix time); None if it says nothing understandable."""
        value = self.retry_after.strip()
        if not value:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - now)
        except ValueError:
            return None


def is_worth_another_try(outcome: Answer | ModelUnavailable) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(outcome, ModelUnavailable):
        return not outcome.values.get("final")
    if outcome.status == 429:
        return True
    return outcome.status >= 500 and outcome.status != _NOT_IMPLEMENTED and not _is_too_long(outcome)


def _is_too_long(answer: Answer) -> bool:
    """Whether an inner error is none: llama.cpp says 500 to a text that is too long."""
    return answer.status == 500 and bool(_TOO_LONG.search(_words(answer.body)))


def is_too_many(error: QianxunError) -> bool:
    """Whether a refusal is about the number of texts in the request."""
    return is_refused(error, 400, 413, 422) and bool(_TOO_MANY.search(said_by(error)))


def is_too_much(error: QianxunError) -> bool:
    """Whether a refusal means that the request held too many texts, or one that is too long."""
    if is_refused(error, 413) or is_too_many(error):
        return True
    return is_refused(error, 400, 422, 500) and bool(_TOO_LONG.search(said_by(error)))


def is_refused(error: QianxunError, *statuses: int) -> bool:
    """Whether the server answered with one of these statuses."""
    return error.values.get("status") in statuses


def is_unknown_field(error: QianxunError, field: str) -> bool:
    """Whether a refusal is about a field of the request that the server does not know."""
    said = said_by(error).lower()
    return field in said or bool(re.search(r"extra (field|input)|unrecogni[sz]ed|unknown (field|arg|param)", said))


def said_by(error: QianxunError) -> str:
    """What the server said with a refusal; "" if it said nothing."""
    return str(error.values.get("said", ""))


def one_line(body: bytes, key: str) -> str:
    """The beginning of what a server said, on one line, without its markup and without the key."""
    words = _words(body)
    if key:
        words = words.replace(key, "…")
    return words if len(words) <= _SHOWN_CHARS else words[: _SHOWN_CHARS - 1] + "…"


def _words(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        text = _message(json.loads(text)) or text
    except ValueError:
        text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    return " ".join(text.split())


def _message(value: Any) -> str:
    """The message in an error of any of the usual shapes; "" if there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # FastAPI: one entry for each fault; what it quotes of the request is left out
        return "; ".join(filter(None, map(_message, value)))
    if isinstance(value, dict):
        for name in ("error", "message", "msg", "detail", "error_message", "code"):
            found = _message(value.get(name))
            if found:
                return found
    return ""


def web_page(place: Place, url: str, body: bytes) -> BadModelReply:
    """A page for people came instead of JSON."""
    return BadModelReply(
        '{address} answered with a web page instead of JSON: "{answer}".',
        remedy="Check the address; a proxy or a login page may stand between.",
        address=url,
        answer=one_line(body, place.key()),
    )


def refusal(place: Place, url: str, answer: Answer, tries: int) -> QianxunError:
    """The error for an answer that is no success, after that many tries."""
    said = one_line(answer.body, place.key())
    status = answer.status
    values: dict[str, Any] = {"address": url, "status": status, "said": said, "answer": f"HTTP {status}: {said or '–'}"}
    if status in (429, 503):
        return ModelBusy(
            "{address} is overloaded or out of quota ({answer}); tried {tries} times.",
            remedy="Try again later, or set remote.concurrency lower.",
            tries=tries,
            **values,
        )
    if status in (502, 504):
        return ModelUnavailable(
            "{address} stands before a model server that does not answer ({answer}); tried {tries} times.",
            remedy="Start the model server behind it.",
            tries=tries,
            **values,
        )
    if status >= 500 and status != _NOT_IMPLEMENTED and not _is_too_long(answer):
        return BadModelReply(
            "{address} failed ({answer}); tried {tries} times.",
            remedy="Its log should say why.",
            tries=tries,
            **values,
        )
    if status in (401, 403):
        return _wrong_key(place, values)
    if status == 404 and "model" not in said.lower():
        return ModelRefused(
            "{address} does not exist on that server ({answer}).",
            remedy="Correct {section}.url: it may be a server of another kind, or another path.",
            section=place.section,
            **values,
        )
    if 300 <= status < 400:
        return ModelRefused(
            "{address} is not the server itself: it points to {location} ({answer}).",
            remedy="Set {section}.url to the address it points to.",
            section=place.section,
            location=answer.location.partition("?")[0] or "–",
            **values,
        )
    return ModelRefused(
        "{address} refuses the request ({answer}).",
        remedy="Check the settings of [{section}]; the server's log may say more.",
        section=place.section,
        **values,
    )


def _wrong_key(place: Place, values: dict[str, Any]) -> ModelRefused:
    if place.key_variable:
        return ModelRefused(
            "{address} refuses the key from the environment variable {variable} ({answer}).",
            remedy="Put a key into {variable} that is valid there.",
            variable=place.key_variable,
            **values,
        )
    return ModelRefused(
        "{address} wants a key ({answer}).",
        remedy="Put it into an environment variable, and the variable's name into {section}.api_key_env.",
        section=place.section,
        **values,
    )
