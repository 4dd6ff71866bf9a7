"""The chat as an application: Chainlit with our callbacks, behind the door. One in a process: Chainlit is global."""

import asyncio
import logging
import secrets
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from qianxun.chat import folder, panel
from qianxun.chat.api import Api
from qianxun.chat.door import ANONYMOUS, Door
from qianxun.chat.history import History, was_just_deleted
from qianxun.chat.ids import place_of
from qianxun.chat.talk import AGAIN, Talk, answered, answered_again, as_message, offered_again, read_on, sent
from qianxun.chat.words import error_in_words
from qianxun.errors import QianxunError
from qianxun.messages import say

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
    from chainlit.config import config
    from chainlit.emitter import ChainlitEmitter
    from chainlit.server import sio
    from chainlit.session import WebsocketSession
    from chainlit.socket import connection_successful

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
            await _begin(cl.user_session.get("chat_profile"))
        except QianxunError as error:
            await cl.ErrorMessage(content=as_message(error)).send()

    async def _resume(thread: Any) -> None:
        place = place_of(thread["id"])
        await _begin(place.base, place.token, thread["metadata"]["settings"])
        questions = [step for step in thread["steps"] if step["type"] == "user_message"]
        if not questions:
            return
        last, question = thread["steps"][-1], questions[-1]
        if last is question:
            talk = cl.user_session.get("talk")
            goes_on = read_on(api, talk, place_of(last["id"]).turn, last["output"])
        else:
            goes_on = offered_again(last["id"], question["output"])
        task = asyncio.create_task(goes_on)
        running.add(task)
        task.add_done_callback(running.discard)

    async def _begin(profile: str | None, token: str = "", kept: object = None) -> None:
        """A conversation on this page; `kept` is what was set for it before, as the service has it."""
        bases = {base.name: base for base in await api.bases()}
        if not bases:
            await cl.ErrorMessage(content=say("There is no knowledge base that you may use.")).send()
            return
        base = bases.get(profile or "") or next(iter(bases.values()))
        me = await api.me()
        settings = panel.usable(base, kept)
        cl.user_session.set("talk", Talk(base.name, me.id != ANONYMOUS, token, settings=settings))
        cl.user_session.set("base", base)
        cl.user_session.set("panel", settings)
        await cl.ChatSettings(panel.widgets(base, settings)).send()
        if gone := panel.lost(kept, settings):
            said = say("What was set here does not hold any more: {fields}", fields=say(", ").join(gone))
            await cl.context.emitter.send_toast(said, "warning")

    async def _connected(sid: str) -> None:
        """Chainlit's, and the panel once more where a page connects anew: it may have gone where nobody listened."""
        await connection_successful(sid)
        base = cl.user_session.get("base")
        if base is not None and cl.context.session.restored:
            await cl.ChatSettings(panel.widgets(base, cl.user_session.get("chat_settings") or {})).refresh()

    async def _edited(settings: dict[str, Any]) -> None:
        """While the panel is open: another persona may leave something else to choose."""
        base, shown = cl.user_session.get("base"), cl.user_session.get("panel")
        if base is not None and panel.moved(base, shown, settings):
            cl.user_session.set("panel", settings)
            await cl.ChatSettings(panel.widgets(base, settings)).refresh()

    async def _set(settings: dict[str, Any]) -> None:
        """What was chosen; what may not be with the persona chosen beside it is as it is set."""
        base, talk = cl.user_session.get("base"), cl.user_session.get("talk")
        if base is not None:
            cl.user_session.set("panel", settings)
            await cl.ChatSettings(panel.widgets(base, settings)).send()
            if talk is not None:
                await _keep(talk, panel.chosen(settings))

    async def _keep(talk: Talk, settings: dict[str, Any]) -> None:
        """Keeps what was chosen with the conversation; whoever chose it is told where that fails, and it holds here."""
        try:
            await talk.set(api, settings)
        except QianxunError as error:
            logger.info("what is set for a conversation is not kept: %s", error)
            why = error_in_words(error)
            said = say("This holds here, but is not kept with the conversation: {why}", why=why)
            await cl.context.emitter.send_toast(said, "warning")

    keep_file = WebsocketSession.persist_file

    async def _file(session: Any, name: str, mime: str, path: Any = None, content: Any = None) -> Any:
        """Chainlit's, which breaks at an empty file and does not say why."""
        if not path and not content:
            raise HTTPException(400, say("The file is empty."))
        return await keep_file(session, name, mime, path, content)

    async def _no_thread(emitter: Any, _: str) -> None:
        session = emitter.session
        if session.user is None or not was_just_deleted(session.user.identifier, session.thread_id_to_resume or ""):
            await emitter.emit("resume_thread_error", say("There is no such conversation."))

    async def _message(message: Any) -> None:
        talk = cl.user_session.get("talk")
        if talk is None:
            await cl.ErrorMessage(content=say("There is no knowledge base that you may use.")).send()
            return
        files = [(str(one.name), Path(one.path)) for one in message.elements or () if one.path]
        if files and not await sent(api, talk, files, message.content):
            return
        if message.content.strip():
            await answered(api, talk, message.content, cl.user_session.get("chat_settings") or {})

    async def _again(action: Any) -> None:
        talk, question = cl.user_session.get("talk"), str(action.payload.get("question", "")).strip()
        if talk is None or not question or talk.turn:
            return
        await cl.context.emitter.task_start()
        asked = answered_again(api, talk, question, cl.user_session.get("chat_settings") or {})
        # What `_stop` cancels must not be the request.
        task = cl.context.session.current_task = asyncio.create_task(asked)
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        finally:
            await cl.context.emitter.task_end()

    async def _running_turn(talk: Talk) -> int:
        """The newest turn that the service is at; 0 for none."""
        turns = (await api.conversation(talk.base, talk.token)).turns
        return max((one.turn for one in turns if one.state == "running"), default=0)

    async def _stop(sid: str) -> None:
        """Instead of Chainlit's, which says something in English and forgets what was written."""
        from chainlit.context import init_ws_context

        session = WebsocketSession.get(sid)
        if session is None:
            return
        init_ws_context(session)
        talk = cl.user_session.get("talk")
        if talk is not None and talk.keeps and talk.token:
            try:
                told = talk.turn
                if turn := told or await _running_turn(talk):
                    await api.stop(talk.base, talk.token, turn)
                if told:
                    return
            except QianxunError as error:
                logger.info("an answer was not stopped: %s", error)
        # Of an answer that has not begun nothing comes that could be waited for: the service may hear late of its end.
        if session.current_task:
            session.current_task.cancel()

    cl.header_auth_callback(_nobody)
    cl.set_chat_profiles(_bases)
    cl.on_chat_start(_start)
    cl.on_chat_resume(_resume)
    cl.on_message(_message)
    cl.action_callback(AGAIN)(_again)
    # Not by their decorators, by which every key that is pressed there would be shown as a task.
    config.code.on_settings_edit, config.code.on_settings_update = _edited, _set
    WebsocketSession.persist_file, ChainlitEmitter.send_resume_thread_error = _file, _no_thread
    sio.on("stop")(_stop)
    sio.on("connection_successful")(_connected)


def _about(base: Any) -> str:
    return say("{n} documents", n=base.documents)
