"""What is asked in the chat, and how its answers are shown: as they are written, with what bears them one click away.

An answer of a conversation goes on in the service whatever becomes of the page; a page that comes back reads on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from qianxun.answering.events import AnswerEvent, Checked, Done, Mark, Shown, Text, Withdrawn
from qianxun.chat import first_words
from qianxun.chat.api import Api
from qianxun.chat.folder import PREFIX
from qianxun.chat.ids import Place
from qianxun.chat.remembered import RUNS
from qianxun.chat.shown import MOST_CITED, Streaming, answer_text, as_text, report_of
from qianxun.chat.words import error_in_words, names_file, unread, why_it_failed
from qianxun.client.records import Job, Stopped, Told
from qianxun.errors import InputError, NotFound, QianxunError, Unauthorized
from qianxun.marking import known_by
from qianxun.messages import say
from qianxun.reasons import reason_of_the_file
from qianxun.records import Answer, Citation, Passage

logger = logging.getLogger(__name__)

AGAIN: Final = "again"
# What a message says that is not to be judged (`folder.at_home`).
NO_THUMBS: Final[Mapping[str, Any]] = {"thumbs": False}
# No names of personas.
AS_SET, NOBODY = "=", "-"
# Questions before this one that are told with it where nothing is kept.
_MAX_TURNS: Final = 20
_MAX_TITLE_CHARS: Final = 100
_RESUMED_SECONDS: Final = 0.3


@dataclass(slots=True)
class Talk:
    """One conversation on one page. Without `keeps` nothing of it is kept but here: nobody is signed in.

    `asked` are the questions so far, where it is not kept. `turn` is the one that is being answered, 0 for none.
    `settings` are what is set for it (`panel.chosen`), kept with it when it begins and when they change: so no question
    waits for that.
    """

    base: str
    keeps: bool
    token: str = ""
    turn: int = 0
    asked: list[str] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def begun(self, api: Api, title: str) -> str:
        """Its token in the service, which is made at the first question: that is its title."""
        async with self.beginning:
            if not self.token:
                self.token = await self._begin(api, " ".join(title.split())[:_MAX_TITLE_CHARS])
            return self.token

    async def _begin(self, api: Api, title: str) -> str:
        settings = self.settings
        try:
            return await api.begin(self.base, title, settings)
        except InputError as error:
            if not settings:
                raise
            # A question that may be asked is not refused for what cannot be kept beside it.
            logger.warning("what is set for a conversation is not kept: %s", error)
            return await api.begin(self.base, title, {})

    async def set(self, api: Api, settings: Mapping[str, Any]) -> None:
        """What is set from now on, kept with the conversation; one that has not begun will begin with it.

        Raises QianxunError if it is not kept; it holds on this page all the same.
        """
        self.settings = settings
        if not self.keeps:
            return
        # One that is just being begun is begun with what was set before.
        async with self.beginning:
            token = self.token
        if token:
            # One after the other: the newest must be the last.
            async with self.writing:
                await api.keep_settings(self.base, token, self.settings)

    @property
    def id(self) -> str:
        """What Chainlit calls it; "" where it is not kept."""
        return Place(self.base, self.token).id if self.token else ""


def how(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's settings ask of an answer."""
    asked: dict[str, Any] = {}
    persona = settings.get("persona") or AS_SET
    if persona != AS_SET:
        asked["persona"] = "" if persona == NOBODY else persona
    if str(settings.get("filter") or "").strip():
        asked["filter"] = str(settings["filter"]).strip()
    if int(settings.get("deep") or 0):
        asked["deep"] = int(settings["deep"])
    options = _options_of(settings)
    return {**asked, "options": options} if options else asked


def _options_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the answer itself; what is left as it was is as the knowledge base's settings say."""
    said: dict[str, Any] = {}
    unsupported = settings.get("unsupported") or AS_SET
    if unsupported != AS_SET:
        said["unsupported"] = unsupported
    for name in ("passages", "context_tokens"):
        # An emptied field is none; what a page sends of a number may be a text.
        if number := int(float(settings.get(name) or 0)):
            said[name] = number
    if instructions := str(settings.get("instructions") or "").strip():
        said["instructions"] = instructions
    return said


async def answered(api: Api, talk: Talk, question: str, settings: Mapping[str, Any]) -> None:
    """Asks, and shows the answer."""
    asked = {"question": question, **how(settings)}
    if talk.keeps:
        events = _of_a_turn(talk, _asked(api, talk, asked))
    else:
        turns = talk.asked[-_MAX_TURNS:]
        talk.asked.append(question)
        events = _of_no_turn(api.ask_once(talk.base, {**asked, "turns": turns}))
    await _shown(talk, question, events)


async def _asked(api: Api, talk: Talk, asked: Mapping[str, Any]) -> AsyncGenerator[Told, None]:
    """What the conversation is told, which is begun if it is not yet: that may fail as the asking may."""
    token = await talk.begun(api, asked["question"])
    async with aclosing(api.ask(talk.base, token, asked)) as told:  # type: ignore[type-var]
        async for one in told:
            yield one


async def answered_again(api: Api, talk: Talk, question: str, settings: Mapping[str, Any]) -> None:
    """Shows the question once more, and its answer."""
    import chainlit as cl

    asked = await cl.Message(content=question, type="user_message").send()
    async with cl.Step(name="on_message", type="run", parent_id=asked.id):
        await answered(api, talk, question, settings)


async def read_on(api: Api, talk: Talk, turn: int, question: str) -> None:
    """Shows the answer that was being written when the page was opened, and how it goes on."""
    import chainlit as cl

    talk.turn = turn
    # Chainlit sends what was said before only after it was told that it may; until then it would not know the question.
    await asyncio.sleep(_RESUMED_SECONDS)
    asked = Place(talk.base, talk.token, turn, "q").id
    # Else there is no button that stops it.
    await cl.context.emitter.task_start()
    try:
        async with cl.Step(name="on_message", type="run", parent_id=asked):
            await _shown(talk, question, _of_a_turn(talk, api.read_on(talk.base, talk.token, turn, 0)))
    finally:
        await cl.context.emitter.task_end()


async def offered_again(answer: str, question: str) -> None:
    """The button below the last answer of a page that was loaded anew."""
    await asyncio.sleep(_RESUMED_SECONDS)
    # A page that was not loaded anew, or comes twice, has it already.
    again = _again(question, answer)
    await again.remove()
    await again.send(for_id=answer)


async def _of_a_turn(talk: Talk, told: AsyncIterator[Any]) -> AsyncGenerator[AnswerEvent | Stopped, None]:
    try:
        async for one in told:
            talk.turn = one.turn
            yield one.event
    finally:
        talk.turn = 0


async def _of_no_turn(told: AsyncIterator[AnswerEvent]) -> AsyncGenerator[AnswerEvent | Stopped, None]:
    async for one in told:
        yield one


async def _shown(talk: Talk, question: str, events: AsyncGenerator[AnswerEvent | Stopped, None]) -> None:
    import chainlit as cl

    step = await _begun(say("Search"))
    begun = time.perf_counter()
    message: Any = None
    streaming = Streaming()
    passages: Sequence[Passage] = ()
    try:
        with first_words.awaited() as first:
            async with aclosing(events) as told:
                async for event in told:
                    if message is None:
                        judged = {} if talk.keeps else dict(NO_THUMBS)
                        message = cl.Message(content="", id=_answer_id(talk), created_at=_now(), metadata=judged)
                    match event:
                        case Shown(passages):
                            streaming.found(passages)
                            await _found(step, passages, time.perf_counter() - begun)
                        case Text(piece) | Mark(piece):
                            shown, anew = streaming.add(piece)
                            await message.stream_token(shown, is_sequence=anew)
                            first.set()
                        case Withdrawn():
                            streaming.clear()
                            await message.stream_token(" ", is_sequence=True)
                        case Checked():
                            pass
                        case Done(answer):
                            await _finished(step, message, talk, question, answer)
                            return
                        case Stopped("stopped"):
                            await _cut(step, message, question)
                            return
                        case Stopped(state):
                            if state == "removed" and message is not None:
                                message.content = ""
                            raise NotFound(ended_in_words(state), remedy="Ask the question again.")
    except asyncio.CancelledError:
        # Not raised again: Chainlit would show it as an error, and there is nothing more to do.
        await _cut(step, message, question)
    except QianxunError as error:
        step.is_error = True
        await _cut(step, message, question, as_message(error), is_error=True)


async def _cut(step: Any, message: Any, question: str, words: str = "", *, is_error: bool = False) -> None:
    """What was written until it was stopped, or failed, and why it ended (`words`: Markdown; else that it was stopped);
    a service that keeps what was stopped tells that by itself."""
    import chainlit as cl

    message = message or cl.Message(content="")
    words = words or say("This answer was stopped.")
    if message.content.strip():
        message.content = "\n\n> ".join((message.content, words.replace("\n", "\n> ")))
    else:
        step.name = say("No answer")
        message.content, message.is_error = words, is_error
    step.end = _now()
    await step.update()
    message.metadata = dict(NO_THUMBS)
    message.actions = [_again(question, message.id)]
    await message.send()


async def _begun(name: str, output: str = "") -> Any:
    """A step that begins now, beside the message that comes of it."""
    import chainlit as cl
    from chainlit.context import local_steps

    around = local_steps.get() or []
    step = cl.Step(name=name, type="tool", show_input=False, parent_id=around[-1].id if around else None)
    step.start = _now()
    step.output = output
    await step.send()
    return step


async def _found(step: Any, passages: Sequence[Passage], seconds: float) -> None:
    step.name = say("Search: {n} passages, {seconds} s", n=len(passages), seconds=f"{seconds:.2f}")
    lines = [f"{passage.rank}. {as_text(passage.title)} — {as_text(passage.source)}" for passage in passages]
    step.output = "\n".join(lines)
    step.end = _now()
    await step.update()


async def _finished(step: Any, message: Any, talk: Talk, question: str, answer: Answer) -> None:
    """The answer as it is to stay, its passages, and how long what took."""
    if message.parent_id and talk.turn:
        # Thumbs are about runs, whose names are not ours.
        RUNS.keep(message.parent_id, message.id)
    message.content = answer_text(answer)
    message.elements = chips(answer, talk.base, talk.id, _answer_id(talk) or "")
    message.actions = [*_options(answer), _again(question, message.id)]
    await message.send()
    step.name = say(
        "Search: {n} passages; answer after {seconds} s",
        n=len(answer.passages),
        seconds=f"{answer.seconds.get('total', 0.0):.2f}",
    )
    step.output = "\n\n".join(part for part in (step.output, *report_of(answer)) if part)
    step.end = _now()
    await step.update()


def chips(answer: Answer, base: str, thread: str, id: str = "") -> list[Any]:
    """A passage at the side for each number that is cited, with all that is cited by it marked: Chainlit knows them by
    their numbers. Its text is asked for when it is opened.

    `thread` and `id` are the conversation's and the answer's, where they are kept.
    """
    import chainlit as cl

    cited: dict[int, list[Citation]] = {}
    for citation in answer.citations:
        if citation.number:
            cited.setdefault(citation.number, []).append(citation)
    return [
        cl.Text(
            name=f"[{number}]",
            url=source_address(base, these, id),
            display="side",
            mime="text/plain",
            thread_id=thread,
        )
        for number, these in sorted(cited.items())
    ]


def source_address(base: str, cited: Sequence[Citation], answer: str = "") -> str:
    """Where the passage of citations is read; files of a conversation are found by the answer that cites them.

    `cited`: what is cited of one passage, at least one.
    """
    spans = dict.fromkeys((one.span.start, one.span.end, known_by(one.quote)) for one in cited)
    asked = [pair for span in list(spans)[:MOST_CITED] for pair in zip(("from", "to", "words"), span, strict=True)]
    where = urlencode([*asked, ("of", answer)] if answer else asked)
    return f"{PREFIX}/source/{quote(base, safe='')}/{cited[0].chunk}?{where}"


async def sent(api: Api, talk: Talk, files: Sequence[tuple[str, Path]], question: str = "") -> bool:
    """Gives files to the conversation, and shows how far that is. Returns whether the question is to be answered: also
    where a file was not read, which is then said; not where the reading was stopped."""
    import chainlit as cl

    step = await _begun(say("Reading files"), "\n".join(f"- {as_text(name)}" for name, _ in files))
    job: Job | None = None
    refused: list[tuple[str, str]] = []
    words, goes_on = "", True
    try:
        if not talk.keeps:
            raise Unauthorized("Files can be sent by who is signed in.")
        job = await _taken(api, talk.base, await talk.begun(api, files[0][0]), files, refused)
        if job is None:
            step.name = say("Files are not read")
        else:
            async for now in api.job(job.token):
                job = now
                step.name = _job_in_words(job, len(files), len(refused))
                await step.update()
            if job.state != "done":
                words = as_text(why_it_failed(job) or _job_in_words(job, len(files)))
    except QianxunError as error:
        words, step.name = as_message(error), say("Files are not read")
    except asyncio.CancelledError:
        # Not raised again, as in `_shown`.
        goes_on, refused = False, []
        words, step.name = as_text(say("Reading was stopped.")), say("Files are not read")
        await _cancel(api, job)
    left_out = [*refused, *(unread(job) if job is not None and goes_on else ())]
    failed = [f"- {as_text(name)}: {as_text(why)}" for name, why in left_out]
    step.end, step.is_error = _now(), bool(words or failed)
    step.output = "\n\n".join(part for part in (step.output, words, "\n".join(failed)) if part)
    await step.update()
    if words or failed:
        message = cl.Message(content="\n\n".join([words, *failed]).strip(), metadata=dict(NO_THUMBS))
        message.actions = [_again(question, message.id)] if question.strip() and not goes_on else []
        await message.send()
    return goes_on


async def _taken(
    api: Api, base: str, token: str, files: Sequence[tuple[str, Path]], refused: list[tuple[str, str]]
) -> Job | None:
    """The job that reads the files that the service takes, None if it takes none; others come to `refused`, with why.

    The service refuses all that is sent together with one that it does not take, and names that one.
    """
    left = list(files)
    while left:
        try:
            return await api.upload(base, token, left)
        except InputError as error:
            named = [one for one in left if names_file(error, one[0])]
            if isinstance(error, NotFound) or not named:
                raise
            wrong = max(named, key=lambda one: len(one[0]))
            left.remove(wrong)
            refused.append((wrong[0], reason_of_the_file(wrong[0], error_in_words(error))))
    return None


def as_message(error: QianxunError) -> str:
    """An error as Markdown; with where to sign in, if that helps."""
    words = as_text(error_in_words(error))
    return f"{words}\n\n[{say('Sign in')}]({PREFIX}/sign-in)" if isinstance(error, Unauthorized) else words


async def _cancel(api: Api, job: Job | None) -> None:
    """Stops a job that nobody waits for any more."""
    try:
        if job is not None and not job.ended:
            await api.cancel(job.token)
    except QianxunError as error:
        logger.info("a job was not stopped: %s", error)


def _job_in_words(job: Job, n_files: int, n_refused: int = 0) -> str:
    n_unread = len(unread(job)) + n_refused
    if job.state == "done" and n_unread < n_files:
        return say("Some files are not read") if n_unread else say("Files are read")
    if job.ended:
        return say("Files are not read")
    if job.total:
        return say("Reading files: {done} of {total}", done=job.done, total=job.total)
    return say("Reading files")


def _options(answer: Answer) -> list[Any]:
    """What the question may be about, to choose from."""
    import chainlit as cl

    return [cl.Action(name=AGAIN, payload={"question": one.question}, label=one.label) for one in answer.options]


def _again(question: str, answer: str) -> Any:
    """The button below an answer, of which there is one."""
    import chainlit as cl

    return cl.Action(
        id=f"{answer}#again", name=AGAIN, payload={"question": question}, label=say("Ask again"), icon="refresh-cw"
    )


def _answer_id(talk: Talk) -> str | None:
    return Place(talk.base, talk.token, talk.turn, "a").id if talk.keeps and talk.turn else None


def ended_in_words(state: str) -> str:
    """Why there is no answer."""
    return {
        "failed": say("This answer was not finished: a model failed, or the service ended while it was written."),
        "removed": say("A document that was read for this answer was removed."),
    }.get(state, say("This answer was stopped."))


def _now() -> str:
    from chainlit.utils import utc_now

    return str(utc_now())
