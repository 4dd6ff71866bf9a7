"""`qianxun extract`: what a JSON schema asks for, out of files or documents of the knowledge base."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qianxun.cli.arguments import positive
from qianxun.cli.counts import documents
from qianxun.cli.reasons import named_reason
from qianxun.cli.session import Session, asker_of, lines_of_stdin
from qianxun.cli.words import shown_source
from qianxun.errors import InputError, UnreadableDocument
from qianxun.messages import say
from qianxun.prompting import as_line
from qianxun.shapes import extract_shape

if TYPE_CHECKING:
    from qianxun.extraction import Extraction

SOME_FAILED = UnreadableDocument.exit_code
MOST_POINTERS = 8


def description() -> str:
    """What help says at the top."""
    return say(
        "Has the generator of the settings fill in a JSON schema from each document, checks what it says against the "
        "schema, and finds each value in the document: supported, weak or absent. With --out the same command resumes "
        "after a stop, and only new and changed files are asked about. Files are read as `qianxun add` reads them; "
        "nothing is stored in the knowledge base."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `extract`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help=say("files and folders; - reads a list from standard input")
    )
    parser.add_argument("--schema", metavar="FILE", required=True, help=say("the JSON schema of what is wanted"))
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=say("write to FILE.jsonl, FILE.csv or FILE.xlsx, one row a document (default: print)"),
    )
    parser.add_argument("--retry", action="store_true", help=say("ask again about what was not valid"))
    parser.add_argument(
        "--kb-documents",
        metavar="IDS",
        action="append",
        help=say("documents of the knowledge base instead of files: 3,7; may be repeated"),
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    parser.add_argument(
        "--stdin",
        metavar="NAME",
        help=say("read one document from standard input and call it NAME, whose ending says its kind"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Draws out and prints. Exit code 3 when some documents gave nothing valid; the others are kept."""
    from qianxun import extracting

    if args.kb_documents and (args.paths or args.stdin is not None):
        raise InputError("--kb-documents and files do not go together.", remedy="Run one after the other.")
    if args.kb_documents:
        ids = _ids(args.kb_documents)
        with session.open() as base, session.progress() as progress:
            found = base.extract(
                args.schema, ids, asker=asker_of(args.labels), out=args.out, retry=args.retry, progress=progress
            )
    else:
        if args.labels is not None:
            raise InputError("--as needs --kb-documents: files have no labels.", remedy="Leave it out.")
        paths = [line for path in args.paths for line in (lines_of_stdin() if path == "-" else [path])]
        if not paths and args.stdin is None:
            raise InputError("There is no document to draw values from.", remedy="Name files or folders.")
        with session.progress() as progress:
            found = extracting.extract(
                args.schema,
                paths,
                stream=(args.stdin, sys.stdin.buffer) if args.stdin is not None else None,
                settings=session.settings,
                out=args.out,
                retry=args.retry,
                progress=progress,
            )
    if session.as_json:
        session.print_json(extract_shape(found, args.out))
    else:
        _show(session, found, args.out)
    session.out.stream.flush()
    _name_problems(session, found)
    return 0 if all(one.valid for one in found) else SOME_FAILED


def _ids(given: Sequence[str]) -> list[int]:
    """`--kb-documents 3,7 --kb-documents 9` as three ids."""
    try:
        return [positive(part.strip()) for text in given for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InputError(
            "{value!r} is no document's id.", remedy="`qianxun list` shows ids and sources.", value=str(error)
        ) from error


def _show(session: Session, found: Sequence["Extraction"], out: str | None) -> None:
    """Each value with its support and quote, unless they are written to a file; then the counts."""
    supports = {"supported": say("supported"), "weak": say("weak"), "absent": say("absent")}
    if out is None:
        for one in found:
            session.out.line(shown_source(one.source))
            if one.valid:
                rows = [
                    [field.pointer, as_line(str(field.value)), supports[field.support], field.quote]
                    for field in one.fields
                ]
                session.out.table([say("field"), say("value"), say("support"), say("quote")], rows)
    counts = [say("valid {n}", n=sum(one.outcome == "valid" for one in found))]
    for outcome, words in (
        ("invalid", say("invalid {n}", n=sum(one.outcome == "invalid" for one in found))),
        ("unreadable", say("not readable {n}", n=sum(one.outcome == "unreadable" for one in found))),
        ("unanswered", say("not answered {n}", n=sum(one.outcome == "unanswered" for one in found))),
    ):
        if any(one.outcome == outcome for one in found):
            counts.append(words)
    if any(one.kept for one in found):
        counts.append(say("of an earlier run {n}", n=sum(one.kept for one in found)))
    fields = [field for one in found for field in one.fields if one.valid]
    session.out.line(
        say(
            "{documents}: {counts}. Of {values} values {supported} are supported, {weak} weak, {absent} absent.",
            documents=documents(len(found)),
            counts=say(", ").join(counts),
            values=len(fields),
            **{name: sum(field.support == name for field in fields) for name in ("supported", "weak", "absent")},
        )
    )
    if out is not None:
        session.out.line(say("Written to {path}.", path=out))


def _name_problems(session: Session, found: Sequence["Extraction"]) -> None:
    """A line for each document that gave nothing valid, and for each with values that stand nowhere in it."""
    for one in found:
        for problem in one.problems[: 1 if one.valid else None]:
            session.note(named_reason(one.source, as_line(problem)))
        if one.valid and one.absent:
            pointers = [field.pointer or "/" for field in one.absent]
            more = ["…"] if len(pointers) > MOST_POINTERS else []
            session.note(
                say(
                    "{file}: not in the document: {fields}",
                    file=shown_source(one.source),
                    fields=say(", ").join([*pointers[:MOST_POINTERS], *more]),
                )
            )
