"""The chat as an application: Chainlit with our callbacks, behind the door. One in a process: Chainlit is global."""

import asyncio
import logging
import secrets
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from qianxun.chat import folder
from qianxun.chat.api import Api
from qianxun.chat.door import ANONYMOUS, Door
from qianxun.chat.history import History
from qianxun.chat.ids import place_of
from qianxun.chat.talk import AGAIN, AS_SET, NOBODY, Talk, answered, answered_again, read_on, sent
from qianxun.errors import QianxunError
from qianxun.messages import say
from qianxun.records import LEAST_CONTEXT_TOKENS, MOST_CONTEXT_TOKENS, MOST_PASSAGES

logger = logging.getLogger(__name__)


def create_chat(
    api: Api,
    home: Path,
    *,
    names: Collection[str] = (),
    anonymous: bool = True,
    max_upload_mb: int = 100,
    sign_in: str = "",
    shown_at: str = "",
    issuer: str = "",
) -> ASGIApp:
    """The application, for the path /chat. Imports Chainlit, which takes seconds. Raises MissingExtra.

    `names`, `anonymous`, `sign_in`, `shown_at` and `issuer` are the door's.
    """
    own = folder.prepared(home, max_upload_mb=max_upload_mb, pages=f"{shown_at}/")
    folder.enter(own, secrets.token_hex(32))
    # It must not read settings of others from the working directory, and finds its own by the environment.
    from chainlit.auth import create_jwt
    from chainlit.server import app as page
    from chainlit.user import User

    _attach(api)

    def token_of(id: str, name: str) -> str:
        return str(create_jwt(User(identifier=id, display_name=name)))

    return Door(
        Starlette(routes=[Mount(folder.PREFIX, app=page)]),
        api,
        token_of,
        names=names,
        anonymous=anonymous,
        max_upload_mb=max_upload_mb,
        sign_in=sign_in,
        shown_at=shown_at,
        issuer=issuer,
    )


def _attach(api: Api) -> None:
    """Tells Chainlit what to do."""
    import chainlit as cl
    from chainlit.input_widget import NumberInput, Select, Slider, TextInput
    from chainlit.server import sio
    from chainlit.session import WebsocketSession

    # It asks for the profiles once more from where nothing can be waited for, and goes on without.
    warnings.filterwarnings("ignore", r"coroutine '_attach\..*_bases' was never awaited", RuntimeWarning)
    running: set[asyncio.Task[None]] = set()
    cl.data_layer(lambda: History(api))

    async def _nobody(headers: Any) -> None:
        """Whoever the door lets in is known; there is no other way in. That it is here makes Chainlit ask who."""

    async def _bases(user: Any, language: str) -> list[Any]:
        bases = await api.bases()
        return [cl.ChatProfile(name=base.name, markdown_description=_about(base)) for base in bases]

    async def _start() -> None:
        try:
            await _begin(cl.user_session.get("chat_profile"), "")
        except QianxunError as error:
            await cl.ErrorMessage(content=error.in_words()).send()

    async def _resume(thread: Any) -> None:
        place = place_of(thread["id"])
        await _begin(place.base, place.token)
        last = thread["steps"][-1] if thread["steps"] else None
        if last is not None and last["type"] == "user_message":
            talk = cl.user_session.get("talk")
            task = asyncio.create_task(read_on(api, talk, place_of(last["id"]).turn, last["output"]))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _begin(profile: str | None, token: str) -> None:
        bases = {base.name: base for base in await api.bases()}
        if not bases:
            await cl.ErrorMessage(content=say("There is no knowledge base that you may use.")).send()
            return
        base = bases.get(profile or "") or next(iter(bases.values()))
        me = await api.me()
        cl.user_session.set("talk", Talk(base.name, me.id != ANONYMOUS, token))
        usual = {say("as set for everybody"): AS_SET, say("none"): NOBODY}
        personas = {**usual, **{name: name for name in base.personas}}
        widgets: list[Any] = [
            TextInput(
                id="filter",
                label=say("Which documents"),
                initial="",
                placeholder='source ^= "docs/" and label != draft',
                description=say("A filter as in the search page. Empty: all."),
            ),
            Slider(
                id="deep",
                label=say("Divide the question"),
                initial=0,
                min=0,
                max=10,
                step=1,
                description=say("Into so many sub-questions at most, each searched by itself. 0: not at all."),
            ),
        ]
        widgets += [
            Select(
                id="unsupported",
                label=say("Sentences without support"),
                items={
                    say("as set for everybody"): AS_SET,
                    say("show them, marked"): "mark",
                    say("leave them out"): "remove",
                    say("rather no answer than one with such"): "refuse",
                },
                initial_value=AS_SET,
                description=say("What becomes of what no passage bears."),
            ),
            Slider(
                id="passages",
                label=say("Number of passages"),
                initial=0,
                min=0,
                max=MOST_PASSAGES,
                step=1,
                description=say("From how many an answer is made at most. 0: as the settings say."),
            ),
            NumberInput(
                id="context_tokens",
                label=say("Context length"),
                initial=0,
                description=say(
                    "Tokens of passages that the model reads at a time, {least} to {most}. 0: as the settings say.",
                    least=LEAST_CONTEXT_TOKENS,
                    most=f"{MOST_CONTEXT_TOKENS:,}",
                ),
            ),
        ]
        if base.own_instructions:
            widgets.append(
                TextInput(
                    id="instructions",
                    label=say("Instructions of your own"),
                    initial="",
                    multiline=True,
                    placeholder=say("Answer in three points, for somebody who is new here."),
                    description=say(
                        "Tone and form, in at most {n} characters. Every sentence must rest on passages all the same.",
                        n=base.own_instructions,
                    ),
                )
            )
        if base.personas:
            widgets.insert(0, Select(id="persona", label=say("Persona"), items=personas, initial_value=AS_SET))
        await cl.ChatSettings(widgets).send()

    async def _message(message: Any) -> None:
        talk = cl.user_session.get("talk")
        if talk is None:
            await cl.ErrorMessage(content=say("There is no knowledge base that you may use.")).send()
            return
        files = [(str(one.name), Path(one.path)) for one in message.elements or () if one.path]
        if files and not await sent(api, talk, files):
            return
        if message.content.strip():
            await answered(api, talk, message.content, cl.user_session.get("chat_settings") or {})

    async def _again(action: Any) -> None:
        talk, question = cl.user_session.get("talk"), str(action.payload.get("question", "")).strip()
        if talk is None or not question or talk.turn:
            return
        await cl.context.emitter.task_start()
        try:
            await answered_again(api, talk, question, cl.user_session.get("chat_settings") or {})
        finally:
            await cl.context.emitter.task_end()

    async def _stop(sid: str) -> None:
        """Instead of Chainlit's, which says something in English and forgets what was written."""
        from chainlit.context import init_ws_context

        session = WebsocketSession.get(sid)
        if session is None:
            return
        init_ws_context(session)
        talk = cl.user_session.get("talk")
        if talk is not None and talk.keeps and talk.turn:
            try:
                await api.stop(talk.base, talk.token, talk.turn)
                return
            except QianxunError as error:
                logger.info("an answer was not stopped: %s", error)
        if session.current_task:
            session.current_task.cancel()

    cl.header_auth_callback(_nobody)
    cl.set_chat_profiles(_bases)
    cl.on_chat_start(_start)
    cl.on_chat_resume(_resume)
    cl.on_message(_message)
    cl.action_callback(AGAIN)(_again)
    sio.on("stop")(_stop)


def _about(base: Any) -> str:
    return say("{n} documents", n=base.documents)
