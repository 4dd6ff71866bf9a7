"""JSON that a model wrote, checked against the schema it was asked for. Knows no engine and no server.

Whoever asks a model for JSON checks what comes back here, also where a server promises to enforce the schema: an
answer that ran into its length limit is cut in the middle, and some servers accept a schema and ignore it.
"""

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from qianxun.errors import BadModelReply, InputError
from qianxun.protocols import Message

# Models wrap JSON in a Markdown code block even when they are told not to.
_FENCED: Final = re.compile(r"```[\w-]*[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)
# What a validator says of a long text holds the text.
_MAX_REASON_CHARS: Final = 300


def json_in(text: str) -> str:
    """The JSON in an answer: all of it, without the white space and the Markdown code block around it."""
    stripped = text.strip()
    fenced = _FENCED.fullmatch(stripped)
    return fenced.group(1).strip() if fenced else stripped


def parse_json(text: str, schema: dict[str, Any]) -> object:
    """What an answer says, if it is JSON that fits the schema (JSON Schema; drafts 4 to 2020-12 by its `$schema`).

    Raises BadModelReply that names the first misfit and where it is, InputError if the schema itself is wrong. A
    schema that refers to another address is wrong: nothing is fetched.
    """
    try:
        value: object = json.loads(json_in(text), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        refused = BadModelReply(
            "The model's answer is not JSON: {reason}.",
            remedy="Ask again, or allow a longer answer if it was cut off.",
            reason=_short(str(error)),
        )
        refused.reply = text
        raise refused from error
    misfit = _first_misfit(value, schema)
    if misfit:
        refused = BadModelReply(
            "The model's answer does not fit the JSON schema: {reason}.",
            remedy="Ask again, or ask for a simpler form.",
            reason=misfit,
        )
        refused.reply = text
        raise refused
    return value


def schema_in_words(schema: dict[str, Any]) -> str:
    """What to tell a model that cannot be held to a schema; in English, which all of them follow."""
    return (
        "Answer with one JSON value and nothing else: no explanation, no Markdown. "
        "It must be valid against this JSON Schema:\n" + json.dumps(schema, ensure_ascii=False)
    )


def with_schema(messages: Sequence[Message], schema: dict[str, Any]) -> list[Message]:
    """The messages with the schema in words at the end of the last one, where models heed it most."""
    if not messages:
        return []
    *before, last = messages
    return [*before, Message(last.role, f"{last.content}\n\n{schema_in_words(schema)}")]


def checked_json(text: str, schema: dict[str, Any], *, complete: bool = True) -> str:
    """The JSON in an answer, as text that fits the schema. `complete`: the model ended it, no length limit did.

    Raises what `parse_json` raises; of an answer that was cut off, that it was.
    """
    try:
        parse_json(text, schema)
    except BadModelReply as error:
        if complete:
            raise
        raise BadModelReply(
            "The model's answer was cut off by its length limit before its JSON ended.",
            remedy="Set generator.max_tokens higher.",
        ) from error
    return json_in(text)


def misfits_of(value: object, schema: dict[str, Any]) -> list[Any]:
    """Everything about a value that does not fit, as jsonschema's errors, by place; formats such as `date` count.

    Raises InputError as `parse_json` does.
    """
    found: list[Any] = _checked(schema, lambda _, made: list(made.iter_errors(value)), True)
    return sorted(found, key=lambda one: one.json_path)


def misfit_in_words(misfit: Any) -> str:
    """Where something does not fit and why, on one line."""
    return f"{misfit.json_path}: {_short(misfit.message)}"


def _first_misfit(value: object, schema: dict[str, Any]) -> str:
    """Why a value does not fit, in the validator's words; "" if it does."""
    misfit = _checked(schema, lambda judging, made: judging.best_match(made.iter_errors(value)), False)
    return misfit_in_words(misfit) if misfit is not None else ""


def _checked(schema: dict[str, Any], look: Callable[[Any, Any], Any], formats: bool) -> Any:
    """What is found with jsonschema's exceptions and a validator of this schema."""
    # Not needed before a model is asked for JSON, and a tenth of a second to import.
    import jsonschema
    from referencing.exceptions import Unresolvable

    try:
        return look(jsonschema.exceptions, _validator(json.dumps(schema, default=str), formats))
    except (jsonschema.SchemaError, Unresolvable, RecursionError) as error:
        raise InputError(
            "The JSON schema cannot be used: {reason}.",
            remedy="Correct it; it may refer to its own parts only.",
            reason=_short(getattr(error, "message", "") or str(error) or type(error).__name__),
        ) from error


@functools.lru_cache(maxsize=64)
def _validator(stated: str, formats: bool) -> Any:
    """The validator of a schema, which is checked itself: that takes ten times as long as checking a value."""
    import jsonschema
    from jsonschema_specifications import REGISTRY

    schema = json.loads(stated)
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    kind.check_schema(schema)
    # Its own registry would fetch what a `$ref` names.
    return kind(schema, registry=REGISTRY, format_checker=kind.FORMAT_CHECKER if formats else None)


def _no_constant(name: str) -> None:
    # Python reads NaN and Infinity; JSON has neither.
    raise ValueError(f"{name} is not JSON")


def _short(reason: str) -> str:
    reason = " ".join(reason.split()).rstrip(".")
    return reason if len(reason) <= _MAX_REASON_CHARS else reason[:_MAX_REASON_CHARS] + "…"
