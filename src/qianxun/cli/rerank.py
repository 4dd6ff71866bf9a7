"""`qianxun rerank`: how likely each passage answers a question, as the reranker in force judges."""

import argparse

from qianxun.cli.search import text_of
from qianxun.cli.session import Session, texts_of_stdin
from qianxun.cli.words import cut
from qianxun.errors import InputError, SettingsError
from qianxun.messages import say
from qianxun.shapes import reranking_shape

SHOWN_CELLS = 70


def description() -> str:
    """What help says at the top."""
    return say(
        "Judges the lines of standard input, each a passage, by the reranker of the settings. For looking at a model: "
        "--set reranker.model=NAME, FOLDER or URL. No self-test is run; `qianxun models check` does that."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rerank`."""
    parser.add_argument("question", metavar="QUESTION", nargs="+", help=say("the question"))
    parser.add_argument(
        "--instruction", metavar="TEXT", help=say("the task that passages are judged for (default: the model's own)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints P(yes) and the label of each passage, in the order given."""
    from qianxun import assemble

    passages = texts_of_stdin()
    if not passages:
        raise InputError(
            "There is no passage on standard input.", remedy="Example: qianxun rerank QUESTION < passages.txt"
        )
    reranker = assemble.reranker(session.settings)
    if reranker is None:
        raise SettingsError("No reranker is set.", remedy="Set reranker.model to a name, a folder or a URL.")
    question = text_of(args.question)
    try:
        scores = reranker.score(question, passages, instruction=args.instruction).tolist()
        facts = {"name": assemble.model_name(session.settings.reranker), "served_by": assemble.served_by(reranker)}
    finally:
        assemble.close(reranker)
    threshold = session.settings.reranker.threshold
    if session.as_json:
        session.print_json(reranking_shape(facts, question, scores, threshold))
        return 0
    order = sorted(range(len(passages)), key=lambda place: -scores[place])
    rows = [
        [f"{place + 1}", f"{scores[place]:.4f}", _label(scores[place], threshold), cut(passages[place], SHOWN_CELLS)]
        for place in order
    ]
    session.out.table([say("line"), "P(yes)", say("label"), say("passage")], rows, right=[0, 1])
    session.note(say("{name}, {served_by}", **facts))
    return 0


def _label(score: float, threshold: float) -> str:
    return say("yes") if score >= threshold else say("no")
