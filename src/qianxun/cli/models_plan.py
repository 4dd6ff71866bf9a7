"""`qianxun models plan`: what a model needs, what fits on a GPU, and the command that serves it."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from qianxun.cli.arguments import positive
from qianxun.cli.session import Session
from qianxun.cli.words import cut
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.settings import model_of
from qianxun.shapes import comparison_shape, plan_shape

if TYPE_CHECKING:
    from qianxun.models.planning.compare import Row
    from qianxun.models.planning.plan import Plan

DOES_NOT_FIT = 1
SHOWN_CELLS = 110


def description() -> str:
    """What help says at the top."""
    return say(
        "Computes from a model's config.json what its weights, its cache and the rest need, on how many GPUs it fits, "
        "and prints the command. Each number says how it comes about; nothing is started. --compare shows 16 bits, "
        "int4 and hosted side by side."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `models plan`."""
    from qianxun.models.planning.weights import Form

    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help=say("a model's name or folder (default: the settings' generator)")
    )
    parser.add_argument("--gpu", metavar="SIZE|NAME", help=say("memory of one GPU, as 24GiB, or its name, as a100"))
    parser.add_argument("--gpus", metavar="N", type=positive, help=say("GPUs at hand (default: up to 8)"))
    parser.add_argument("--context", metavar="N", type=positive, default=32768, help=say("tokens of a conversation"))
    parser.add_argument("--concurrency", metavar="N", type=positive, default=16, help=say("conversations at once"))
    parser.add_argument(
        "--weights",
        metavar="FORM",
        choices=get_args(Form),
        help=say("form of the weights: {forms}", forms=", ".join(get_args(Form))),
    )
    parser.add_argument("--compare", action="store_true", help=say("16 bits, int4 and hosted side by side"))
    parser.add_argument(
        "--prompt-tokens", metavar="N", type=positive, default=3000, help=say("with --compare: tokens of a prompt")
    )
    parser.add_argument(
        "--answer-tokens", metavar="N", type=positive, default=300, help=say("with --compare: tokens of an answer")
    )
    parser.add_argument("--gpu-price", metavar="PRICE", type=float, help=say("with --compare: a GPU for an hour"))
    parser.add_argument(
        "--hosted-price", metavar="PROMPT,ANSWER", help=say("with --compare: a million tokens read, and written")
    )
    parser.add_argument("--currency", metavar="NAME", default="", help=say("with --compare: what the prices are in"))
    parser.add_argument(
        "--measured", metavar="FILE", help=say("with --compare: measured figures, JSON (docs/models.md)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the plan, or the comparison. Exit code 1 if it does not fit."""
    model = args.model or model_of(session.settings.generator) or _DEFAULT
    if args.compare:
        rows = _compared(session, args, model)
        if session.as_json:
            session.print_json(comparison_shape(model, rows))
        else:
            _show_compared(session, rows)
        return 0
    found = _planned(session, args, model)
    if session.as_json:
        session.print_json(plan_shape(found))
    else:
        _show(session, found)
    return 0 if found.fits else DOES_NOT_FIT


_DEFAULT = "Qwen/Qwen2.5-7B-Instruct"


def _planned(session: Session, args: argparse.Namespace, model: str) -> "Plan":
    from qianxun.models.planning.memory import Wanted
    from qianxun.models.planning.plan import find_shape, plan

    shape = find_shape(model, session.settings, revision=session.settings.generator.revision, form=args.weights)
    wanted = Wanted(
        _gpu_bytes(args.gpu), context_tokens=args.context, concurrency=args.concurrency, gpus=args.gpus or 0
    )
    return plan(shape, wanted, form=args.weights)


def _gpu_bytes(given: str | None) -> int:
    from qianxun.models.planning.compare import GPUS
    from qianxun.models.planning.memory import gpu_memory
    from qianxun.models.planning.plan import memory_bytes

    if given is None:
        here = gpu_memory()
        if not here:
            raise InputError("No GPU is here, and none was named.", remedy="Say how large one is: --gpu 24GiB")
        return min(here)
    known = GPUS.get(given.lower().replace(" ", "").replace("-", ""))
    return known.memory_bytes if known else memory_bytes(given)


def _compared(session: Session, args: argparse.Namespace, model: str) -> "tuple[Row, ...]":
    from qianxun.models.planning.compare import Prices, Workload, compare, gpu_named, read_measured

    hosted: list[float | None] = [None, None]
    if args.hosted_price:
        try:
            prompt, answer = args.hosted_price.split(",")
            hosted = [float(prompt), float(answer)]
        except ValueError as error:
            raise InputError(
                "--hosted-price {given!r} is not two prices.",
                remedy="Example: --hosted-price 0.5,1",
                given=args.hosted_price,
            ) from error
    return compare(
        model,
        session.settings,
        gpu=gpu_named(args.gpu or "a100"),
        workload=Workload(args.prompt_tokens, args.answer_tokens, args.concurrency),
        prices=Prices(args.gpu_price, hosted[0], hosted[1], args.currency),
        measured=read_measured(Path(args.measured).expanduser()) if args.measured else None,
    )


def _show(session: Session, found: "Plan") -> None:
    session.out.line((f"{found.model}, {found.form}", "bold"))
    rows = [[line.what + (" ≈" if line.estimated else ""), line.value, line.because] for line in found.lines]
    session.out.table([say("what"), say("how much"), say("how it comes about")], rows, right=[1], elided=[2])
    session.out.line(
        (say("It fits on {n} GPU(s).", n=found.gpus), "green")
        if found.fits
        else (
            say("It does not fit: {n} at once at most, on {gpus} GPUs.", n=found.full_sequences, gpus=found.gpus),
            "yellow",
        )
    )
    if found.gpus > 1 or not found.fits:
        ways = [[f"{fit.gpus}", f"{fit.full_sequences:,}", f"{fit.longest_context:,}"] for fit in found.by_gpus]
        session.out.blank()
        session.out.table([say("GPUs"), say("at full length at once"), say("longest context")], ways, right=[0, 1, 2])
    for note in found.notes:
        session.out.paragraph(note, style="dim")
    session.out.blank()
    session.out.line(shlex.join(found.command))


def _show_compared(session: Session, rows: "tuple[Row, ...]") -> None:
    origins = {"derived": say("derived"), "measured": say("measured"), "missing": say("missing")}
    heads = {
        "memory_bytes": say("memory"),
        "p95_seconds": say("time of an answer, P95"),
        "money_per_1000": say("money for 1,000 questions"),
    }
    table = []
    for row in rows:
        cells = [getattr(row, key) for key in heads]
        table.append([row.name, *(f"{cell.words} ({origins[cell.origin]})" for cell in cells)])
    session.out.table([say("way"), *heads.values()], table, right=[1, 2, 3])
    session.out.blank()
    for row in rows:
        for key, head in heads.items():
            session.out.line(
                (f"{row.name}, {head}", "bold"), say(": "), cut(getattr(row, key).because, SHOWN_CELLS * 3)
            )
