"""What `qianxun tune reranker` and `qianxun tune encoder` share: arguments, the run, and what came of it."""

import argparse
import contextlib
import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qianxun.cli.adapt import left_out_in_words
from qianxun.cli.counts import documents, questions
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version

if TYPE_CHECKING:
    from qianxun.evaluation.comparison import Comparison
    from qianxun.records import Asker
    from qianxun.storage.store import Store
    from qianxun.training.judgements import Judgements
    from qianxun.training.proof import Role
    from qianxun.training.recipe import Recipe
    from qianxun.training.report import Plan, TuneReport

SHOWN_CELLS = 60
_WHOLE = ("rank", "epochs", "batch", "negatives", "max_tokens", "seed")


def tuning_arguments(parser: argparse.ArgumentParser, role: "Role") -> None:
    """The arguments of both commands; `temperature` is the encoder's."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help=say("judgements: question sets, accepted pairs, or folders with queries.jsonl and qrels/test.tsv"),
    )
    parser.add_argument(
        "--qrels", metavar="FILE", help=say("judgements in TREC's format, of the questions in --queries")
    )
    parser.add_argument("--queries", metavar="FILE", help=say("questions of --qrels: id and text by line"))
    parser.add_argument(
        "--feedback",
        action=argparse.BooleanOptionalAction,
        default=True,
        help=say("learn from recorded feedback too, as far as questions were kept (default: yes)"),
    )
    parser.add_argument(
        "--as", dest="labels", metavar="LABELS", help=say("learn only from what carries one of these labels")
    )
    parser.add_argument(
        "--dry-run", action="store_true", help=say("say what would be trained with what; train nothing")
    )
    for name, words in _numbers().items():
        if name != "temperature" or role == "encoder":
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, dest=name, metavar="N", type=_reader(option, name), help=words)
    parser.add_argument(
        "--targets",
        choices=("attention", "all"),
        help=say("matrices that get adapters: those of attention, or all (default: all)"),
    )


def _numbers() -> dict[str, str]:
    """Field of a recipe → help. The defaults and ranges are those of `training.recipe`; a test holds them together."""
    return {
        "rank": say("rank of the adapters, 1 to 256 (default: 16)"),
        "alpha": say("scale of the adapters, divided by the rank, 1 to 1024 (default: 32)"),
        "rate": say("learning rate, 1e-7 to 0.1 (default: 0.0001)"),
        "epochs": say("times that every question is learned from, 1 to 100 (default: 2)"),
        "batch": say("questions in a step, 1 to 256 (default: 8)"),
        "negatives": say("passages that do not answer, for each question, 1 to 30 (default: 7)"),
        "max_tokens": say("longest text in tokens while training, 128 to 8192 (default: 512)"),
        "temperature": say("what cosines are divided by, 0.005 to 1 (default: 0.05)"),
        "seed": say("seed of division, order and adapters (default: 0)"),
    }


def run_tuning(session: Session, args: argparse.Namespace, role: "Role") -> int:
    """Plans, or trains, proves and keeps, and prints what came of it. Not kept is no error."""
    from qianxun import knowledge_base
    from qianxun.training.tuning import tune

    recipe = _recipe(args)
    asker = asker_of(args.labels)

    def opened(more: Sequence[str]) -> Any:
        return knowledge_base.open(
            session.directory, settings=session.settings, overrides=[*session.overrides, *more], create=False
        )

    with session.progress() as progress:
        report = tune(
            role,
            lambda store: _judgements(session, args, store, asker),
            directory=session.directory,
            opener=opened,
            asker=asker,
            recipe=recipe,
            dry_run=args.dry_run,
            report=progress,
        )
    if session.as_json:
        session.print_json({**report.as_json(), "version": version()})
    else:
        _show(session, report)
    return 0


def _judgements(session: Session, args: argparse.Namespace, store: "Store", asker: "Asker") -> "Judgements":
    """Everything that was named, and feedback."""
    from qianxun.assemble import FeedbackFile
    from qianxun.training.judgements import Named, judgements, named_in, named_in_feedback, named_in_qrels

    if (args.qrels is None) != (args.queries is None):
        raise InputError("--qrels and --queries belong together.", remedy="Name both files.")
    named = Named()
    for path in args.files:
        named += named_in(Path(path).expanduser())
    if args.qrels is not None:
        named += named_in_qrels(Path(args.qrels).expanduser(), Path(args.queries).expanduser())
    if args.feedback:
        with contextlib.closing(FeedbackFile(session.directory, session.settings)) as file:
            feedback = file()
            if feedback is not None:
                named += named_in_feedback(feedback, store, asker)
    if not named.accepted:
        raise InputError(
            "There is nothing to learn from: no judgements were named, and no feedback with its questions was kept.",
            remedy="Name a question set or a file of accepted pairs, or set feedback.keep_questions and wait.",
        )
    return judgements(named, store, asker)


def _recipe(args: argparse.Namespace) -> "Recipe":
    from qianxun.training.recipe import Recipe

    given = {name: getattr(args, name, None) for name in (*_numbers(), "targets")}
    return Recipe(**{name: value for name, value in given.items() if value is not None})


def _reader(option: str, name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = int(text) if name in _WHOLE else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(
                "{option} is {value}, which is not a whole number."
                if name in _WHOLE
                else "{option} is {value}, which is not a number.",
                remedy="Leave it out for the default.",
                option=option,
                value=repr(text),
            )
        return value

    return read


def _show(session: Session, report: "TuneReport") -> None:
    session.out.pairs([*_planned(report.plan), *_measured(report)])
    plan = report.plan
    if plan.left_out:
        session.note(left_out_in_words(plan.left_out))
    if plan.n_unpaired:
        session.note(
            say(
                "{questions} could not be learned from: nothing that answers, or nothing that does not, was found.",
                questions=questions(plan.n_unpaired),
            )
        )
    if plan.n_shared:
        session.note(
            say(
                "{documents} were accepted for questions of both parts, so that the gain may be less on others.",
                documents=documents(plan.n_shared),
            )
        )
    session.out.line(_verdict(report))
    if report.kept:
        for line in report.settings:
            session.out.line(line)
        if report.command:
            session.out.line(shlex.join(report.command))


def _planned(plan: "Plan") -> list[tuple[str, Piece]]:
    recipe = plan.recipe
    return [
        (say("model"), shown_source(plan.model)),
        (say("runs"), plan.place),
        (say("learned from"), say(", ").join([questions(plan.n_learned_from), documents(plan.n_documents)])),
        (
            say("examples"),
            say(
                "{positives} that answer, {negatives} that do not ({judged} of them judged)",
                positives=f"{plan.n_positives:,}",
                negatives=f"{plan.n_negatives:,}",
                judged=f"{plan.n_judged:,}",
            ),
        ),
        (say("held back"), questions(plan.n_held_back)),
        (
            say("training"),
            say(
                "{steps} steps of {batch} questions; rank {rank}, rate {rate:g}, seed {seed}",
                steps=f"{plan.n_steps:,}",
                batch=recipe.batch,
                rank=recipe.rank,
                rate=recipe.rate,
                seed=recipe.seed,
            ),
        ),
    ]


def _measured(report: "TuneReport") -> list[tuple[str, Piece]]:
    rows: list[tuple[str, Piece]] = []
    if report.losses is not None:
        first, last = report.losses
        rows.append((say("loss"), say("{first} at first, {last} at last", first=f"{first:.4f}", last=f"{last:.4f}")))
    if report.proof is not None:
        rows += _proven(report.proof)
    return rows


def _proven(proof: "Comparison") -> list[tuple[str, Piece]]:
    low, high = (f"{bound:+.4f}" for bound in proof.interval)
    gain = f"{proof.after - proof.before:+.4f}"
    return [
        (say("{measure} now", measure=proof.measure), f"{proof.before:.4f}"),
        (say("{measure} with the tuned model", measure=proof.measure), f"{proof.after:.4f}"),
        (
            say("gain"),
            say(
                "{gain} (95 % interval {low} … {high}, p {p}; {n} of {all} questions changed)",
                gain=gain,
                low=low,
                high=high,
                p=f"{proof.p:.4f}",
                n=f"{proof.n_changed:,}",
                all=f"{proof.n:,}",
            ),
        ),
    ]


def _verdict(report: "TuneReport") -> Piece:
    if report.verdict is None:
        return say("Nothing was trained. It would go into {folder}.", folder=report.plan.folder)
    if report.verdict == "unfit":
        return say("Not kept: {reason}", reason=report.unfit)
    if report.verdict == "worse":
        return say("Not kept: search is worse with it. Nothing was changed.")
    if not report.kept:
        return say("Not kept: it cannot be told from chance that search is better with it. Nothing was changed.")
    if report.command:
        return say("Kept in {folder}. To go over to it:", folder=report.plan.folder), "green"
    return say("Kept in {folder}. To use it, set in qianxun.toml:", folder=report.plan.folder), "green"
