"""What the pages of the library call things: states of documents, files, jobs and sources, in the reader's language.

Functions, for the templates: they are called while the reader's language is spoken.
"""

from collections.abc import Mapping
from typing import Any, Final

from qianxun import files as named
from qianxun.messages import say
from qianxun.reasons import reason_in_words
from qianxun.records import Status
from qianxun.stages import name_of_stage
from qianxun.storage.sources import RootNote

# How far a state is from what one would wish: told by a sign as well as by colour.
SIGNS: Final[Mapping[str, str]] = {"good": "✓", "warn": "!", "wrong": "✗", "going": "…", "none": "–"}

# Parts of a result that name files.
_NAMED: Final = ("failed", "empty", "attention")


def document_state(state: Status) -> str:
    """What became of a document."""
    return {
        Status.READY: say("ready"),
        Status.EMPTY: say("empty"),
        Status.ATTENTION: say("needs attention"),
        Status.FAILED: say("failed"),
    }[state]


def tone_of(state: Status) -> str:
    """The tone of a document's state: a key of `SIGNS`."""
    return {Status.READY: "good", Status.EMPTY: "none", Status.ATTENTION: "warn", Status.FAILED: "wrong"}[state]


def file_state(state: str) -> str:
    """What a job has made of a file."""
    return {
        "waiting": say("waiting"),
        "read": say("read"),
        "added": say("newly added"),
        "replaced": say("replaced"),
        "unchanged": say("unchanged"),
        "attention": say("needs attention"),
        "empty": say("empty"),
        "failed": say("failed"),
        "left": say("not added"),
    }[state]


def job_name(kind: str) -> str:
    """What a job does."""
    names = {
        "add": say("Adding documents"),
        "sync": say("Looking at all sources"),
        "remove": say("Removing documents"),
        "check": say("Checking the indexes"),
        "rebuild": say("Rebuilding the indexes"),
        "compact": say("Erasing what was removed"),
        "reindex": say("Re-indexing"),
        "evaluate": say("Measuring"),
        "extract": say("Extracting"),
    }
    return names.get(kind, kind)


def extent_of(job: Mapping[str, Any]) -> str:
    """How many files or addresses a job was given, from its shape; "" for one of another kind."""
    if job["kind"] == "evaluate":  # its files are questions
        return ""
    files, addresses = len(job["files"]), len(job["addresses"])
    if files:
        extent = say("1 file") if files == 1 else say("{n} files", n=f"{files:,}")
        is_own = any(named.is_own_file(one) for one in job["files"])
        return f"{extent} · {say('of a conversation')}" if is_own else extent
    if addresses:
        return say("1 address") if addresses == 1 else say("{n} addresses", n=f"{addresses:,}")
    return ""


def job_state(state: str) -> str:
    """Where a job stands."""
    return {
        "queued": say("queued"),
        "running": say("running"),
        "done": say("done"),
        "failed": say("failed"),
        "cancelled": say("cancelled"),
    }[state]


def tone_of_job(job: Mapping[str, Any]) -> str:
    """The tone of a job, from its shape: a key of `SIGNS`. One that did its work on what it could is not all good."""
    if job["state"] == "done" and unread_of(job):
        result = job["result"]
        return "warn" if any(result.get(one) for one in ("added", "replaced", "unchanged")) else "wrong"
    return {"done": "good", "failed": "wrong", "cancelled": "none"}.get(job["state"], "going")


def unread_of(job: Mapping[str, Any]) -> str:
    """How many of its files a job could not read, or not well, from its shape; "" where it read them all."""
    result = job["result"] or {}
    failed, attention = (len(one) if isinstance(one := result.get(key), list) else 0 for key in ("failed", "attention"))
    told = []
    if failed:
        one = say("1 file could not be read")
        told.append(one if failed == 1 else say("{n} files could not be read", n=f"{failed:,}"))
    if attention:
        one = say("1 file needs attention")
        told.append(one if attention == 1 else say("{n} files need attention", n=f"{attention:,}"))
    return " · ".join(told)


# Templates ask for these here, as for the other names.
stage_name: Final = name_of_stage
own_name: Final = named.own_name


def problem_of_source(root: RootNote) -> str:
    """Why the last look at a source was not whole; "" where it was."""
    if root.problem:
        return reason_in_words(root.problem)
    return say("the last run was stopped") if root.finished < root.begun else ""


def source_file_state(state: str) -> str:
    """What became of a source's file."""
    return {
        "indexed": say("indexed"),
        "unchanged": say("unchanged"),
        "empty": say("empty"),
        "needs attention": say("needs attention"),
        "failed": say("failed"),
        "removed": say("removed"),
    }[state]


def strategy_name(strategy: str) -> str:
    """What a way of cutting keeps together."""
    return {
        "structure": say("by structure: sections, articles, questions"),
        "paragraphs": say("by paragraphs"),
        "sentences": say("by sentences"),
        "fixed": say("by size alone"),
    }[strategy]


def facts_of(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a job's result, with their names; those that nobody has a name for are left out."""
    names = {
        "added": say("newly added"),
        "replaced": say("replaced"),
        "unchanged": say("unchanged"),
        "removed": say("removed"),
        "failed": say("failed"),
        "empty": say("empty"),
        "attention": say("needs attention"),
        "skipped": say("passed over"),
        "chunks": say("chunks"),
        "vectors": say("vectors"),
        "reused": say("vectors used again"),
        "before": say("model before"),
        "after": say("model now"),
        "bytes_before": say("bytes before"),
        "bytes_after": say("bytes now"),
        "seconds": say("seconds"),
    }
    # What was not as one would wish is named one by one; how often is told where it was at all.
    counted = {
        key: len(value) if key in _NAMED else value for key, value in result.items() if key not in _NAMED or value
    }
    return [(name, shown(counted[key])) for key, name in names.items() if is_figure(counted.get(key))]


def is_figure(value: object) -> bool:
    """Whether a value can stand in a row of figures."""
    return isinstance(value, int | float | str) and not isinstance(value, bool) and value != ""


def shown(value: object) -> str:
    """A figure as it is written."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def failure_of(job: Mapping[str, Any]) -> str:
    """Why a job failed, from its shape as it is told; "" for one that did not."""
    error = job["error"]
    return reason_in_words(f"{error['message']} {error['remedy']}".strip()) if error else ""


def moment(at: str) -> str:
    """A time as people write it, to the minute, in UTC."""
    return at[:16].replace("T", " ")
