"""`qianxun jobs schedules`: what runs by the clock, when next, and what came of it last."""

import argparse

from qianxun.cli.jobs import STYLES, opened, state_in_words
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import schedules_shape
from qianxun.transcripts import moment_in_words


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists the schedules of the settings ([schedules.NAME]): when each is due, and what came of its last job."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs schedules`."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the schedules."""
    from qianxun.service.jobs.schedules import Schedules

    schedules = Schedules(session.settings)
    with opened(session, create=True) as jobs:
        found = schedules.states(jobs) if jobs is not None else []
    shape = schedules_shape(found)
    if session.as_json:
        session.print_json(shape)
        return 0
    rows: list[list[Piece]] = [
        [
            (one.schedule.name, "bold"),
            one.schedule.kind,
            one.schedule.base,
            one.schedule.cron,
            "" if one.due is None else one.due.strftime("%Y-%m-%d %H:%M"),
            "" if one.last is None else moment_in_words(one.last.finished),
            ("", "") if one.last is None else (state_in_words(one.last.state), STYLES.get(one.last.state, "")),
        ]
        for one in found
    ]
    headers = [
        say("name"),
        say("job"),
        say("knowledge base"),
        say("when"),
        say("next (UTC)"),
        say("last (UTC)"),
        say("state"),
    ]
    session.out.table(headers, rows)
    return 0
