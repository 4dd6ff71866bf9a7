"""Errors and reasons as who reads the chat is told them: in their language, with the names that the page has. Pure.

A service may tell a reason in English, which was kept so; and what it advises may be for programs.
"""

import re
import unicodedata

from qianxun.client.records import Job
from qianxun.errors import QianxunError, ServiceUnavailable
from qianxun.files import own_name
from qianxun.messages import language, say
from qianxun.reasons import is_for_programs, reason_in_words, reason_of_the_file


def error_in_words(error: QianxunError) -> str:
    """An error on one line, without what only a program could do about it, or who runs the service."""
    if isinstance(error, ServiceUnavailable) and "url" in error.values:
        return say("The service cannot be reached at the moment. Try again.")
    said = [error.template] if is_for_programs(error.remedy) else [error.template, error.remedy]
    words = " ".join(reason_in_words(_said(part, error)) for part in said if part)
    space = "" if language() == "en" else " ?"  # between Han characters there is none
    for name, shown in _fields().items():
        words = re.sub(re.escape(name) + space, lambda _, shown=shown: shown, words)  # type: ignore[misc]
    return own_name(" ".join(words.split()).replace("。 ", "。"))


def _said(part: str, error: QianxunError) -> str:
    """A template in words; of one without values, which a service told, braces are written twice."""
    return say(part, **error.values) if error.values else say(part.format())


def unread(job: Job) -> list[tuple[str, str]]:
    """Files that nothing could be read of, and why."""
    result = job.result or {}
    rows = [*result.get("failed", ()), *result.get("attention", ()), *result.get("empty", ())]
    return [_unread(str(row.get("source", "")), str(row.get("reason", ""))) for row in rows]


def names_file(error: QianxunError, name: str) -> bool:
    """Whether an error speaks of a file, by its name as it was sent or as the service writes it."""
    named = re.escape(_compared(name))
    return re.search(rf"(?<!\w){named}(?!\w)", _compared(str(error))) is not None


def _compared(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words).split()).casefold()


def why_it_failed(job: Job) -> str:
    """Why a job failed; "" if it says nothing of that."""
    if job.error is None:
        return ""
    remedy = "" if is_for_programs(job.error.remedy) else job.error.remedy
    return own_name(reason_in_words(f"{job.error.message} {remedy}".strip()))


def _unread(source: str, reason: str) -> tuple[str, str]:
    return own_name(source), own_name(reason_of_the_file(source, reason))


def _fields() -> dict[str, str]:
    """Fields of a question, as the panel calls them; the longer names first."""
    return {
        "body.options.context_tokens": say("Context length"),
        "body.options.passages": say("Number of passages"),
        "body.options.instructions": say("Instructions of your own"),
        "body.options.unsupported": say("Sentences without support"),
        "body.filter": say("Which documents"),
        "body.persona": say("Persona"),
        "body.deep": say("Divide the question"),
        "body.question": say("Question"),
    }
