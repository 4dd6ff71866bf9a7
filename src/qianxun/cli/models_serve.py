"""`qianxun models serve`: vLLM for the models of the settings, kept running until it is ended."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.cli.session import Session
from qianxun.cli.words import cut, shown_seconds
from qianxun.messages import say
from qianxun.settings import home_directory
from qianxun.shapes import servers_shape

if TYPE_CHECKING:
    from qianxun.models.serving.serve import ServerEvent

NAMES = ("encoder", "reranker", "generator")
SHOWN_CELLS = 90


def description() -> str:
    """What help says at the top."""
    return say(
        "Starts the vLLM servers that the settings need, with the flags, overrides and prompt templates that each "
        "model wants, waits until they are healthy, restarts what crashes and ends them all on Ctrl-C. Logs go to "
        "files. --compose prints the same as a docker compose file."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `models serve`."""
    parser.add_argument(
        "roles",
        metavar="ROLE",
        nargs="*",
        choices=(*NAMES, []),
        help=say("encoder, reranker, generator (default: all)"),
    )
    parser.add_argument("--compose", action="store_true", help=say("print a docker compose file and start nothing"))
    parser.add_argument("--dry-run", action="store_true", help=say("print the commands and start nothing"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Runs the servers until it is ended, or prints what would be run."""
    from qianxun.models.planning.memory import gpu_memory
    from qianxun.models.serving.compose import compose
    from qianxun.models.serving.serve import Limits, Supervisor
    from qianxun.models.serving.vllm_command import ROLES, command_words, servers_of

    section = session.settings.serve
    here = gpu_memory()
    servers = servers_of(
        session.settings, [r for r in ROLES if not args.roles or r in args.roles], gpu_bytes=min(here) if here else None
    )
    for server in servers:
        for note in server.notes:
            session.note(note)
    if args.compose:
        sys.stdout.write(compose(servers, start_seconds=section.start_seconds))
        return 0
    if args.dry_run or session.as_json:
        if session.as_json:
            session.print_json(servers_shape(servers, shlex.split(section.vllm_command)))
        else:
            for server in servers:
                session.out.line(shlex.join(server.words(shlex.split(section.vllm_command))))
        return 0
    logs = Path(home_directory(session.settings)) / "logs"
    supervisor = Supervisor(
        servers,
        command_words(section.vllm_command),
        logs,
        limits=Limits(start=section.start_seconds),
        progress=_Shown(session),
    )
    session.note(say("Logs are in {folder}. Ctrl-C ends the servers.", folder=logs))
    supervisor.run()
    return 0


class _Shown:
    """Shows what becomes of each server; of one that starts, a line now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._said: dict[str, tuple[str, float]] = {}

    def __call__(self, event: "ServerEvent") -> None:
        state, when = self._said.get(event.role, ("", -1e9))
        if event.state == state and (event.state != "starting" or event.seconds - when < _EVERY_SECONDS):
            return
        self._said[event.role] = event.state, event.seconds
        states = {
            "waiting": say("waiting"),
            "starting": say("starting"),
            "healthy": say("healthy"),
            "restarting": say("restarting"),
            "stopped": say("stopped"),
        }
        detail = f"  {cut(event.detail, SHOWN_CELLS)}" if event.detail else ""
        self._session.note(f"{event.role}: {states[event.state]} ({shown_seconds(event.seconds)}){detail}")


_EVERY_SECONDS = 10.0
