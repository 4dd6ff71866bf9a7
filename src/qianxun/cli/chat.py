"""`qianxun chat`: the chat as a process of its own, over a service that runs somewhere."""

import argparse
import sys

from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say(
        "Serves the chat for a running service, until Ctrl-C; it needs the extra `chat`. `qianxun serve` with one "
        "worker has it at /chat by itself."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `chat`."""
    parser.add_argument(
        "--service", metavar="URL", default="", help=say("address of the service (default: service.host and .port)")
    )
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help=say("address to listen on"))
    parser.add_argument(
        "--port", type=int, metavar="N", default=8001, help=say("port to listen on; 0 takes a free one")
    )
    parser.add_argument(
        "--name",
        metavar="HOST",
        action="append",
        default=[],
        help=say("a name that the chat goes by; may be repeated"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Serves until it is ended."""
    from qianxun.chat.process import listen, serve

    settings = session.settings
    service = args.service or f"http://{settings.service.host}:{settings.service.port}"
    listening, url = listen(args.host, args.port)

    def on_start() -> None:
        if session.as_json:
            session.print_json_line({"url": url, "service": service, "version": version()})
            return
        session.out.line(say("The chat listens on {url}. Ctrl-C ends it.", url=url))
        sys.stdout.flush()

    serve(settings, service, listening, host=args.host, names=args.name, on_start=on_start)
    return 0
