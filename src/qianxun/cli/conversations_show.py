"""`qianxun conversations show`: one conversation, as you may read it now."""

import argparse

from qianxun.cli.ask import show as show_answer
from qianxun.cli.session import Session, asker_of
from qianxun.messages import say
from qianxun.shapes import conversation_shape
from qianxun.transcripts import moment_in_words, state_in_words


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conversations show`."""
    parser.add_argument("token", metavar="TOKEN", help=say("the conversation: its token, or the beginning of it"))
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints its questions and answers."""
    with session.open() as base:
        talk = base.conversations.get(base.conversations.find(args.token), asker=asker_of(args.labels))
    if session.as_json:
        session.print_json(conversation_shape(talk))
        return 0
    screen = session.out
    screen.line((talk.conversation.title, "bold"))
    screen.line((f"{talk.conversation.token}  {moment_in_words(talk.conversation.begun)}", "dim"))
    for turn in talk.turns:
        screen.blank()
        screen.paragraph(f"{turn.turn}. {turn.question}", style="cyan")
        screen.blank()
        if turn.answer is not None:
            show_answer(screen, turn.answer)
        words = state_in_words(turn.state)
        if words:
            screen.line((words, "yellow"))
    return 0
