"""Conversations: questions that lean on those before. Each is its key's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Literal
from urllib.parse import quote

from qianxun.answering.events import Done
from qianxun.client import reading
from qianxun.client.connection import Connection, Repeat
from qianxun.client.documents import Sendable, Sent, sent
from qianxun.client.records import Conversation, Job, Stopped, Told, WholeConversation
from qianxun.errors import ServiceUnavailable
from qianxun.records import Answer, AnswerOptions, Document

# Of a turn that breaks off again and again without a word more.
_MOST_BREAKS: Final = 5


class ConversationsRoom:
    """`Client.conversations`. `base` of every call is the knowledge base; None is the client's."""

    def __init__(self, connection: Connection, path: Callable[[str | None, str], str]) -> None:
        self._connection = connection
        self._base_path = path

    def list(self, *, after: int = 0, count: int = 100, base: str | None = None) -> list[Conversation]:
        """At most `count` conversations, newest change first, without the first `after`."""
        asked = {"after": after, "count": count}
        reply = self._connection.json(
            "GET", self._base_path(base, "/conversations"), params=asked, repeat=Repeat.BROKEN
        )
        return reading.read(lambda given: [reading.conversation(one) for one in given["conversations"]], reply)

    def begin(
        self,
        *,
        title: str = "",
        profile: str = "",
        settings: Mapping[str, Any] | None = None,
        base: str | None = None,
    ) -> str:
        """A new conversation; returns its token. `settings` are those of `keep_settings`."""
        path = self._base_path(base, "/conversations")
        told = {"title": title, "profile": profile, "settings": dict(settings or {})}
        reply = self._connection.json("POST", path, json=told, repeat=Repeat.NEVER)
        return reading.read(lambda given: str(given["token"]), reply)

    def show(self, token: str, *, base: str | None = None) -> WholeConversation:
        """A conversation with what was said, as the key may read it now. Raises NotFound."""
        reply = self._connection.json("GET", self._path(token, base), repeat=Repeat.BROKEN)
        return reading.read(reading.whole_conversation, reply)

    def export(self, token: str, *, format: Literal["markdown", "json"] = "markdown", base: str | None = None) -> str:
        """A conversation as Markdown or JSON, with what its answers cite."""
        path = self._path(token, base, "/export")
        text: str = self._connection.reply("GET", path, params={"format": format}, repeat=Repeat.BROKEN).text
        return text

    def rename(self, token: str, title: str, *, base: str | None = None) -> None:
        """Gives it another title."""
        self._connection.json("PATCH", self._path(token, base), json={"title": title}, repeat=Repeat.REFUSED)

    def keep_settings(self, token: str, settings: Mapping[str, Any], *, base: str | None = None) -> None:
        """Keeps what is set for it, in place of what was set before: a small JSON object of your own. `show` has it."""
        asked = {"settings": dict(settings)}
        self._connection.json("PATCH", self._path(token, base), json=asked, repeat=Repeat.REFUSED)

    def delete(self, token: str, *, base: str | None = None) -> None:
        """Deletes it with all that was said and with its own files."""
        self._connection.json("DELETE", self._path(token, base), repeat=Repeat.REFUSED)

    def ask(
        self,
        token: str,
        question: str,
        *,
        filter: str = "",
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[int] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
        base: str | None = None,
    ) -> Answer:
        """The answer to the next question of a conversation."""
        asked = _question(question, filter, persona, attachments, documents, deep, options)
        reply = self._connection.json("POST", self._path(token, base, "/ask"), json=asked, repeat=Repeat.NEVER)
        return reading.read(reading.answer, reply)

    def stream(
        self,
        token: str,
        question: str,
        *,
        filter: str = "",
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[int] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
        base: str | None = None,
    ) -> Iterator[Told]:
        """The answer as it comes into being. Where the connection breaks, it is read on from where it was.

        Closing the iterator does not stop the answer: `events` reads on, `stop` ends it.
        """
        asked = {**_question(question, filter, persona, attachments, documents, deep, options), "stream": True}
        last: Told | None = None
        events = reading.Events()
        try:
            path = self._path(token, base, "/ask")
            for event in self._connection.events("POST", path, json=asked, repeat=Repeat.NEVER):
                last = reading.read(events.told, event.data)
                yield last
        except ServiceUnavailable:
            if last is None:
                raise
        if last is not None and not _is_end(last):
            yield from self._read_on(token, last.turn, last.place, base, events)

    def events(self, token: str, turn: int, *, after: int = 0, base: str | None = None) -> Iterator[Told]:
        """What a turn said after a place, then what comes until it ends. Where the connection breaks, it is read on.

        After a place, the spans of marks count from there.
        """
        return self._read_on(token, turn, after, base, reading.Events())

    def _read_on(self, token: str, turn: int, after: int, base: str | None, events: reading.Events) -> Iterator[Told]:
        path = self._path(token, base, f"/turns/{int(turn)}/events")
        breaks, last = 0, None
        while last is None or not _is_end(last):
            try:
                for event in self._connection.events("GET", path, params={"after": after}, repeat=Repeat.BROKEN):
                    last = reading.read(events.told, event.data)
                    after, breaks = last.place, 0
                    yield last
                if last is None or not _is_end(last):
                    # It ended before this place: documents' own words are told to who listens, and not kept.
                    last = self._end(token, turn, after + 1, base)
                    yield last
            except ServiceUnavailable:
                breaks += 1
                if breaks > _MOST_BREAKS:
                    raise
                self._connection.wait(0.2 * 2.0**breaks)

    def _end(self, token: str, turn: int, place: int, base: str | None) -> Told:
        """What a turn ended with. Raises ServiceUnavailable while it is running."""
        for one in self.show(token, base=base).turns:
            if one.turn == turn and one.state != "running":
                return Told(turn, place, Stopped(one.state) if one.answer is None else Done(one.answer))
        raise ServiceUnavailable("The answer was broken off.", remedy="Ask for the rest again.")

    def stop(self, token: str, turn: int, *, base: str | None = None) -> None:
        """Ends a running answer with what was said."""
        self._connection.json("POST", self._path(token, base, f"/turns/{int(turn)}/stop"), repeat=Repeat.REFUSED)

    def files(self, token: str, *, base: str | None = None) -> tuple[Document, ...]:
        """The conversation's own files."""
        reply = self._connection.json("GET", self._path(token, base, "/files"), repeat=Repeat.BROKEN)
        return reading.read(reading.documents, reply).documents

    def upload(
        self,
        token: str,
        files: Sendable | Sequence[Sendable],
        *,
        progress: Sent | None = None,
        base: str | None = None,
    ) -> Job:
        """Sends files that only this conversation sees, as a job; they go with it, or some days later."""
        path = self._path(token, base, "/files")
        return sent(self._connection, path, files, progress, {}, headers={}, repeat=Repeat.REFUSED)

    def _path(self, token: str, base: str | None, rest: str = "") -> str:
        return self._base_path(base, f"/conversations/{quote(token, safe='')}{rest}")


def _is_end(told: Told) -> bool:
    return isinstance(told.event, Done | Stopped)


def _question(
    question: str,
    filter: str,
    persona: str | None,
    attachments: Sequence[str],
    documents: Sequence[int],
    deep: int,
    options: AnswerOptions,
) -> dict[str, Any]:
    return {
        "question": question,
        "filter": filter,
        "persona": persona,
        "attachments": list(attachments),
        "documents": list(documents),
        "deep": deep,
        "options": asdict(options),
    }
