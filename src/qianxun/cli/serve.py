"""`qianxun serve`: search, answers and documents over HTTP, for many people and their programs."""

import argparse
import dataclasses
import sys

from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.settings import Settings, load_settings, with_overrides
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say(
        "Serves knowledge bases over HTTP: its own API, and those of OpenAI and of rerankers, until Ctrl-C. Without a "
        "key, what is labelled `public` can be read on this machine; `qianxun keys` makes keys. SIGHUP reads the "
        "settings anew."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `serve`."""
    parser.add_argument("--host", metavar="ADDRESS", help=say("address to listen on (default: service.host)"))
    parser.add_argument("--port", type=int, metavar="N", help=say("port to listen on (default: service.port)"))
    parser.add_argument(
        "--workers", type=int, metavar="N", help=say("processes that answer (default: service.workers)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Serves until it is ended."""
    from qianxun.service.logs import configure_logs
    from qianxun.service.processes import Supervisor, address_of, check, first_base, first_key, listen

    given = {name: getattr(args, name) for name in ("host", "port", "workers") if getattr(args, name) is not None}

    def with_arguments(settings: Settings) -> Settings:
        settings = with_overrides(settings, [f"service.{name}={value}" for name, value in given.items()])
        if session.kb is None:
            return settings
        only = dataclasses.replace(settings.service, knowledge_bases=(session.kb,))
        return dataclasses.replace(settings, service=only)

    settings = with_arguments(session.settings)
    check(settings)
    listening = listen(settings)
    url = address_of(listening)

    def load() -> Settings:
        return with_arguments(load_settings(config=session.config, overrides=session.overrides))

    def on_start() -> None:
        key = first_key(settings)
        if key is not None:
            first_base(settings)
        if session.as_json:
            session.print_json_line({"url": url, "key": key, "version": version()})
            return
        session.out.line(say("qianxun {version} listens on {url}. Ctrl-C ends it.", version=version(), url=url))
        if key is not None:
            session.out.line(say("Administrator's key, shown this once: {key}", key=key))
        sys.stdout.flush()

    configure_logs(settings)
    Supervisor(settings, listening, load=load).run(on_start)
    return 0
