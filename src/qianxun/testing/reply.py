"""What a scripted server answers: text, how it comes in pieces, and what goes wrong. Plain values; knows no network."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import cycle
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from qianxun.errors import InputError

Fault: TypeAlias = Literal["", "hang up", "silence", "malformed", "error", "endless"]
Sizes: TypeAlias = int | tuple[int, ...] | None

BY_ITSELF: Final = "auto"
_TOKEN: Final = re.compile(r"\s*(?:[A-Za-z0-9]+|\S)|\s+")
# What seeded sizes may be.
_MOST_CHARS: Final = 8
_MOST_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Only `text` is needed; everything else makes it come otherwise, or go wrong.

    How it comes:
        `text`: the answer, or its deltas one by one. A server may cut a character in two halves: "\\ud83d", "\\ude00".
        `delta_chars`: characters in each delta, one size or several in turn. Without it a delta is a token.
        `write_bytes`: bytes in each write to the socket, likewise: cuts lines and characters. Without it, an event.
        `seed`: draws both sizes by chance, always the same ones.
        `first_seconds`, `between_seconds`: time before the first delta, and before each further one.
        `heeds_limits`: whether `max_tokens` and `stop` of the request are heeded.
    How it ends:
        `finish_reason`: "auto" is "stop", or "length" where `max_tokens` cut it; None sends none.
        `usage`: whether tokens are counted if the request asks for it, or what is said of them: (prompt, completion).
        `done`: whether [DONE] comes at the end.
    What is odd in it:
        `role_deltas`: how many deltas say who speaks. `line_end`: "\\n" or "\\r\\n".
        `comments`: whether comments that keep the connection open stand between the events.
    What goes wrong:
        `status`, `body`, `headers`: an answer of HTTP instead; a body that is no text is sent as JSON.
        `fault`: "hang up"; "silence" (until the client goes; with `comments` these go on); "malformed" (an event that
        is no JSON, then on); "error" (an event that says so, then the end); "endless" (the text again and again,
        whatever the limits).
        `after`: how many deltas come before the fault; "finish": it comes behind the finish reason; None: before the
        first byte, so that not even a status comes.

    Raises InputError for what is none of this.
    """

    text: str | tuple[str, ...] = ""
    delta_chars: Sizes = None
    write_bytes: Sizes = None
    seed: int | None = None
    first_seconds: float = 0.0
    between_seconds: float = 0.0
    heeds_limits: bool = True
    finish_reason: str | None = BY_ITSELF
    usage: bool | tuple[int, int] = True
    done: bool = True
    role_deltas: int = 1
    line_end: str = "\n"
    comments: bool = False
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = ""
    after: int | Literal["finish"] | None = 0

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if not allowed(value):
                raise InputError(
                    "A scripted reply cannot have {name} = {value}.",
                    remedy="docs/testing.md says what a reply may hold.",
                    name=name,
                    value=repr(value),
                )

    @classmethod
    def of(cls, value: "str | Reply | Mapping[str, Any]") -> "Reply":
        """A reply from its text, or from its fields as a file of JSON holds them. Raises InputError."""
        if isinstance(value, Reply):
            return value
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping):
            raise InputError(
                "{value} is no scripted reply.", remedy="Write a text, or an object.", value=repr(value)[:80]
            )
        for name in value:
            if name not in _NAMES:
                raise InputError(
                    "A scripted reply has no {name!r}.",
                    remedy="It may have: {names}.",
                    name=str(name),
                    names=", ".join(_NAMES),
                )
        given: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items()}
        return cls(**given)

    @property
    def is_chat(self) -> bool:
        """Whether it is the answer of a chat, and not one of HTTP alone."""
        return self.status == 200 and self.body is None

    def deltas(self, n_chars: int) -> Iterator[str]:
        """The pieces that its first characters come in."""
        pieces = self.text if isinstance(self.text, tuple) else self._cut()
        for piece in pieces:
            if n_chars <= 0:
                return
            yield piece[:n_chars]
            n_chars -= len(piece)

    def cutter(self) -> Callable[[bytes], list[bytes]]:
        """Cuts one event after the other into what is written to the socket at a time."""
        if self.write_bytes is None and self.seed is None:
            return lambda event: [event]
        # Another sequence than that of the characters, and as steady.
        sizes = _sizes(self.write_bytes, random.Random(f"bytes {self.seed}"), _MOST_BYTES)

        def cut(event: bytes) -> list[bytes]:
            pieces = []
            while event:
                size = next(sizes)
                pieces.append(event[:size])
                event = event[size:]
            return pieces

        return cut

    def _cut(self) -> Iterator[str]:
        assert isinstance(self.text, str)
        if self.delta_chars is None and self.seed is None:
            yield from tokens_of(self.text)
            return
        sizes, start = _sizes(self.delta_chars, random.Random(self.seed), _MOST_CHARS), 0
        while start < len(self.text):
            size = next(sizes)
            yield self.text[start : start + size]
            start += size

    @property
    def whole_text(self) -> str:
        """All that it says."""
        return self.text if isinstance(self.text, str) else "".join(self.text)

    def limited(self, request: Mapping[str, Any]) -> tuple[int, str]:
        """How many characters of it the request allows, and why it ends there: "stop" or "length"."""
        text = self.whole_text
        if not self.heeds_limits:
            return len(text), "stop"
        stops = request.get("stop") or []
        found = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops)]
        n_chars = min((place for place in found if place >= 0), default=len(text))
        most = request.get("max_completion_tokens") or request.get("max_tokens")
        if most is None:
            return n_chars, "stop"
        allowed = sum(map(len, tokens_of(text)[:most]))
        return (allowed, "length") if allowed < n_chars else (n_chars, "stop")


def tokens_of(text: str) -> list[str]:
    """A text in the tokens of the scripted model: a run of Latin letters and digits, or any other character.

    White space belongs to the token behind it, and at the end it is one of its own.
    """
    return _TOKEN.findall(text)


def read_script(path: Path) -> list[Reply]:
    """The replies in a file of JSON: a list of them. Raises InputError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "{path} cannot be read ({reason}).",
            remedy="Name a file of JSON with a list of replies.",
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from error
    except ValueError as error:
        raise InputError(
            "{path} is not JSON: {reason}.", remedy="Write a list of replies.", path=str(path), reason=str(error)
        ) from error
    if not isinstance(found, list) or not found:
        raise InputError("{path} holds no replies.", remedy="Write a list of replies.", path=str(path))
    return [Reply.of(value) for value in found]


def _sizes(given: Sizes, chance: random.Random, most: int) -> Iterator[int]:
    if given is None:
        while True:
            yield chance.randint(1, most)
    yield from cycle([given] if isinstance(given, int) else given)


def _is_whole(value: object, at_least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= at_least


def _are_sizes(value: object) -> bool:
    return value is None or _is_whole(value, 1) or (_are(value, 1) and value != ())


def _are(value: object, at_least: int) -> bool:
    return isinstance(value, Sequence) and all(_is_whole(part, at_least) for part in value)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _are_texts(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and all(isinstance(part, str) for part in value))


_NAMES: Final = tuple(field.name for field in fields(Reply))
_ALLOWED: Final[dict[str, Callable[[Any], bool]]] = {
    "text": _are_texts,
    "delta_chars": _are_sizes,
    "write_bytes": _are_sizes,
    "seed": lambda value: value is None or isinstance(value, int),
    "first_seconds": _is_time,
    "between_seconds": _is_time,
    "heeds_limits": lambda value: isinstance(value, bool),
    "finish_reason": lambda value: value is None or isinstance(value, str),
    "usage": lambda value: isinstance(value, bool) or (_are(value, 0) and len(value) == 2),
    "done": lambda value: isinstance(value, bool),
    "role_deltas": lambda value: _is_whole(value, 0),
    "line_end": lambda value: value in ("\n", "\r\n"),
    "comments": lambda value: isinstance(value, bool),
    "status": lambda value: _is_whole(value, 200) and value < 600,
    "headers": lambda value: isinstance(value, Mapping) and all(map(_is_pair_of_texts, value.items())),
    "fault": lambda value: value in get_args(Fault),
    "after": lambda value: value is None or value == "finish" or _is_whole(value, 0),
}


def _is_pair_of_texts(pair: tuple[object, object]) -> bool:
    return all(isinstance(part, str) for part in pair)
