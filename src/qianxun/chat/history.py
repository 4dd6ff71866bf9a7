"""Chainlit's data layer over the service's conversations: nothing is kept here.

What Chainlit would keep of messages is the service's already. Of whoever is not signed in nothing is kept anywhere.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException

from qianxun.chat import first_words
from qianxun.chat.api import Api
from qianxun.chat.door import ANONYMOUS
from qianxun.chat.ids import Place, place_of
from qianxun.chat.remembered import DELETED, RUNS, THUMBS
from qianxun.chat.shown import answer_text, as_text
from qianxun.chat.talk import NO_THUMBS, chips, ended_in_words
from qianxun.chat.words import error_in_words
from qianxun.client.records import Turn
from qianxun.errors import NotFound, QianxunError
from qianxun.files import is_own_file
from qianxun.messages import say
from qianxun.records import Answer

logger = logging.getLogger(__name__)

# Titles are looked through in so many conversations of a knowledge base.
_MOST: Final = 1000
# A thumb on an answer that cites nothing is about what it was made from, the first of it.
_JUDGED: Final = 5
_MAX_COMMENT_CHARS: Final = 2000
_JUST_SECONDS: Final = 30.0
_WITHOUT_EVIDENCE: Final = ("no_evidence", "clarify")


class NoThumb(HTTPException):
    """A thumb that is not taken. Chainlit shows `str` of it, in the reader's language."""

    def __init__(self, why: str) -> None:
        super().__init__(400, why)

    def __str__(self) -> str:
        return self.detail


class History:
    """What Chainlit asks of a data layer (`chainlit.data.base.BaseDataLayer`)."""

    def __init__(self, api: Api) -> None:
        self._api = api

    # -- people --------------------------------------------------------------------------------------

    async def get_user(self, identifier: str) -> Any:
        """Whoever the door let in: it asked the service."""
        from chainlit.user import PersistedUser

        return PersistedUser(id=identifier, createdAt="", identifier=identifier)

    async def create_user(self, user: Any) -> Any:
        """The same."""
        return await self.get_user(user.identifier)

    # -- conversations -------------------------------------------------------------------------------

    async def list_threads(self, pagination: Any, filters: Any) -> Any:
        """Conversations of all knowledge bases, newest change first. Raises QianxunError."""
        from chainlit.types import PageInfo, PaginatedResponse

        me = await self._api.me()
        if me.id == ANONYMOUS:
            return PaginatedResponse(pageInfo=PageInfo(False, None, None), data=[])
        await first_words.sent()
        first = int(pagination.cursor or 0)
        last = first + pagination.first
        words = (filters.search or "").casefold()
        names = [base.name for base in await self._api.bases()]
        count = _MOST if words else min(last + 1, _MOST)
        lists = await asyncio.gather(*(self._api.conversations(name, count) for name in names))
        found = [(name, one) for name, of in zip(names, lists, strict=True) for one in of]
        found = [(name, one) for name, one in found if words in one.title.casefold()]
        found.sort(key=lambda pair: pair[1].changed, reverse=True)
        data = [
            {
                "id": Place(name, one.token).id,
                "createdAt": one.changed,
                "name": one.title or say("(no title)"),
                "userId": me.id,
                "userIdentifier": me.id,
                "tags": [name],
                "metadata": {},
                "steps": [],
                "elements": [],
            }
            for name, one in found[first:last]
        ]
        return PaginatedResponse(pageInfo=PageInfo(len(found) > last, str(first), str(last)), data=data)

    async def get_thread(self, thread_id: str) -> Any:
        """A conversation with what was said, as it may be read now; None if there is none for who asks."""
        try:
            place = place_of(thread_id)
            me = await self._api.me()
            talk = await self._api.conversation(place.base, place.token)
            files = await self._api.files(place.base, place.token)
        except QianxunError:
            return None
        steps = [_files(place, files, talk.conversation.begun)] if files else []
        elements: list[dict[str, Any]] = []
        for turn in talk.turns:
            of, shown = _steps(place, turn)
            steps += of
            elements += shown
        return {
            "id": thread_id,
            "createdAt": talk.conversation.begun,
            "name": talk.conversation.title,
            "userId": me.id,
            "userIdentifier": me.id,
            "tags": [place.base],
            # What was set for it is not `chat_settings`: a page would take that as it is.
            "metadata": {"chat_profile": place.base, "settings": dict(talk.settings)},
            "steps": steps,
            "elements": elements,
        }

    async def get_thread_author(self, thread_id: str) -> str:
        """Whoever asks, if the service shows it to them: it shows nobody another's."""
        try:
            place = place_of(thread_id)
            await self._api.conversation(place.base, place.token)
            return (await self._api.me()).id
        except QianxunError:
            return ""

    async def update_thread(self, thread_id: str, name: str | None = None, **_: Any) -> None:
        """A new title; of a conversation that has no place yet, its beginning."""
        import chainlit as cl
        from chainlit.context import ChainlitContextException, context

        try:
            place = place_of(thread_id)
        except NotFound:
            try:
                talk = cl.user_session.get("talk")
                if talk is not None and talk.keeps:
                    await talk.begun(self._api, name or "")
                    context.session.thread_id = talk.id
            except ChainlitContextException:
                pass
            except QianxunError as error:
                # Who asks is told so, below the question.
                logger.info("a conversation was not begun: %s", error)
            return
        if name is not None and not _has_just_begun():
            await self._api.rename(place.base, place.token, name)

    async def delete_thread(self, thread_id: str) -> None:
        """Deletes it with all that was said."""
        place = place_of(thread_id)
        me = await self._api.me()
        # The page may ask for it once more before it knows.
        DELETED.keep(f"{me.id} {thread_id}", time.monotonic())
        await self._api.delete(place.base, place.token)

    # -- feedback ------------------------------------------------------------------------------------

    async def upsert_feedback(self, feedback: Any) -> str:
        """A thumb on an answer, kept by the service for what the answer cites. Raises NoThumb."""
        try:
            if (await self._api.me()).id == ANONYMOUS:
                raise NoThumb(say("Answers can be judged by who is signed in."))
            return await self._kept(feedback)
        except QianxunError as error:
            raise NoThumb(error_in_words(error)) from error

    async def _kept(self, feedback: Any) -> str:
        try:
            place = place_of(RUNS.get(feedback.forId) or feedback.forId)
        except NotFound:
            raise NoThumb(say("Load the page anew, then this answer can be judged.")) from None
        talk = await self._api.conversation(place.base, place.token)
        turn = next((one for one in talk.turns if one.turn == place.turn), None)
        chunks = judged(turn.answer) if turn is not None and turn.answer is not None else []
        if turn is None or not chunks:
            raise NoThumb(_why_not(turn.answer if turn is not None else None))
        if feedback.id:
            await self.delete_feedback(feedback.id)
        kind = "up" if feedback.value else "down"
        comment = (feedback.comment or "").strip()[:_MAX_COMMENT_CHARS]
        token = await self._api.judge(place.base, kind, turn.question, chunks, comment)
        kept = f"{token}@{place.base}"
        answered = Place(place.base, place.token, place.turn, "a").id
        thumb = {"id": kept, "forId": feedback.forId, "value": feedback.value, "comment": feedback.comment}
        THUMBS.keep(answered, thumb)
        return kept

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Takes it back. Raises NoThumb."""
        token, _, base = feedback_id.partition("@")
        try:
            await self._api.take_back(base, token)
        except QianxunError as error:
            raise NoThumb(error_in_words(error)) from error
        THUMBS.forget(lambda thumb: thumb["id"] == feedback_id)
        return True

    # -- what is the service's already ---------------------------------------------------------------

    async def create_step(self, step_dict: Any) -> None:
        """Nothing is kept here."""

    async def update_step(self, step_dict: Any) -> None:
        """Nothing is kept here."""

    async def delete_step(self, step_id: str) -> None:
        """Nothing is kept here."""

    async def create_element(self, element: Any) -> None:
        """Nothing is kept here."""

    async def get_element(self, thread_id: str, element_id: str) -> None:
        """Passages have addresses of their own."""

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Nothing is kept here."""

    async def get_favorite_steps(self, user_id: str) -> list[Any]:
        """There are none."""
        return []

    async def build_debug_url(self) -> str:
        """There is none."""
        return ""

    async def close(self) -> None:
        """Lets go of connections."""
        await self._api.close()


def was_just_deleted(person: str, thread_id: str) -> bool:
    """Whether somebody deleted a conversation a moment ago: that it is not there is no news to them."""
    at = DELETED.get(f"{person} {thread_id}")
    return at is not None and time.monotonic() - at < _JUST_SECONDS


def judged(answer: Answer) -> list[int]:
    """The passages that a thumb on an answer is about: what it cites, else the first of what it was made from.

    Of an answer that found nothing, or asks back, these bear nothing; and files of a conversation are for it alone.
    """
    if answer.verdict in _WITHOUT_EVIDENCE:
        return []
    cited = [one for one in answer.citations if one.number and one.chunk]
    if cited:
        return list(dict.fromkeys(one.chunk for one in cited if not is_own_file(one.source)))
    return [one.chunk for one in answer.passages if not is_own_file(one.source)][:_JUDGED]


def _why_not(answer: Answer | None) -> str:
    """Why a thumb would be about no passage."""
    if answer is None:
        return say("There is no answer that could be judged.")
    if answer.verdict in _WITHOUT_EVIDENCE:
        return say(
            "A thumb is about passages, and an answer that found nothing names none. "
            "The page Quality lists such questions."
        )
    sources = [*(one.source for one in answer.citations), *(one.source for one in answer.passages)]
    if any(is_own_file(source) for source in sources):
        return say("A thumb is about documents of the knowledge base; this answer rests on files of this conversation.")
    return say("There is no passage that this could be about.")


def _has_just_begun() -> bool:
    """Whether the first question is being asked: Chainlit calls its words the title; the service does so itself."""
    import chainlit as cl
    from chainlit.context import ChainlitContextException

    try:
        return cl.user_session.get("talk") is not None
    except ChainlitContextException:
        return False


def _steps(place: Place, turn: Turn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A turn as Chainlit's messages, with the passages of its answer."""
    asked, run, replied = (Place(place.base, place.token, turn.turn, part).id for part in "qra")
    steps = [_step(place.id, asked, "user_message", turn.question, turn.asked)]
    if turn.state == "running":
        return steps, []
    # Thumbs are for what has a run.
    steps.append(_step(place.id, run, "run", "", turn.asked, parent=asked))
    if turn.answer is None:
        words = as_text(ended_in_words(turn.state))
        ended = _step(place.id, replied, "assistant_message", words, turn.asked, parent=run)
        return [*steps, {**ended, "metadata": NO_THUMBS}], []
    text = answer_text(turn.answer)
    if turn.state == "stopped" and turn.answer.finish_reason != "cancelled":  # else the answer says so itself
        text = f"{text}\n\n> {say('This answer was stopped.')}"
    steps.append(_step(place.id, replied, "assistant_message", text, turn.asked, parent=run))
    for step in steps[1:]:
        step["feedback"] = THUMBS.get(replied)
    shown = chips(turn.answer, place.base, place.id, replied)
    return steps, [{**chip.to_dict(), "forId": replied} for chip in shown]


def _files(place: Place, names: Sequence[str], at: str) -> dict[str, Any]:
    """The files that were sent, above all that was said."""
    listed = "\n".join(f"- {as_text(name)}" for name in names)
    words = f"{say('Files of this conversation:')}\n\n{listed}"
    return _step(place.id, f"{place.id}#files", "assistant_message", words, at)


def _step(thread: str, id: str, type: str, output: str, at: str, *, parent: str | None = None) -> dict[str, Any]:
    return {
        "id": id,
        "threadId": thread,
        "parentId": parent,
        "name": {"user_message": "", "run": "on_message"}.get(type, "qianxun"),
        "type": type,
        "output": output,
        "input": "",
        "createdAt": at,
        "start": at,
        "end": at,
        "streaming": False,
        "isError": False,
        "waitForAnswer": False,
        "metadata": {},
        "tags": None,
        "language": None,
        "showInput": False,
        "defaultOpen": False,
        "autoCollapse": False,
        "generation": None,
    }
