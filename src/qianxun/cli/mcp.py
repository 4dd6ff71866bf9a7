"""`qianxun mcp`: the tools of the Model Context Protocol over standard input and output."""

import argparse
import asyncio
from dataclasses import replace

from qianxun.cli.session import Session, asker_of
from qianxun.messages import say
from qianxun.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mcp`."""
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def description() -> str:
    """What it is for."""
    return say(
        "Serves an assistant that starts this command (an MCP client) with tools to search, ask and read documents. It "
        "talks over standard input and output; --kb is the one knowledge base it may use, else all of them."
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Serves until the client closes standard input."""
    from qianxun.service.access import USUAL, Caller, Limits
    from qianxun.service.app import create_service
    from qianxun.service.mcp.doors import over_stdio

    labels = asker_of(args.labels).labels
    service = create_service(_with_the_one(session))
    try:
        asyncio.run(over_stdio(service, Caller("local", "local", labels, None, USUAL, Limits())))
    finally:
        service.close()
    return 0


def _with_the_one(session: Session) -> Settings:
    """The settings, narrowed to the knowledge base that `--kb` names. Raises NotFound."""
    settings = session.settings
    if session.kb is None:
        return settings
    session.open().close()
    one = (f"{session.directory.name}={session.directory}",)
    return replace(settings, service=replace(settings.service, knowledge_bases=one))
