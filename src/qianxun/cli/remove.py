"""`qianxun remove`: documents and everything made from them; asks first, prints a receipt."""

import argparse

from qianxun.cli.counts import chunks, documents, vectors
from qianxun.cli.session import Session, lines_of_stdin, what_of
from qianxun.cli.words import shown_source
from qianxun.errors import InputError, NotFound
from qianxun.messages import say
from qianxun.records import Document
from qianxun.shapes import document_shape, receipt_shape, version

MOST_NAMED = 20


def description() -> str:
    """What help says at the top."""
    return say(
        "Takes documents out of the knowledge base, with their chunks, vectors and postings. "
        "The files themselves stay where they are. `qianxun compact` then erases the freed bytes."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `remove`."""
    parser.add_argument(
        "what",
        metavar="ID|PATH|GLOB",
        nargs="+",
        help=say("ids, files, folders or patterns such as '*.tmp'; - reads a list from standard input"),
    )
    parser.add_argument("-y", "--yes", action="store_true", help=say("do not ask"))
    parser.add_argument(
        "--purge", action="store_true", help=say("also erase the answers in conversations for which they were read")
    )
    parser.add_argument("--dry-run", action="store_true", help=say("only show what would be removed"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Removes what was named, after asking, and prints the receipt."""
    named = [text for given in args.what for text in (lines_of_stdin() if given == "-" else [given])]
    if not named:
        raise InputError(
            "Standard input names no document.", remedy="Give one id, path or pattern a line; nothing was removed."
        )
    with session.open() as base:
        chosen = base.matching(what_of(named))
        if not chosen:
            raise NotFound(
                "No document matches {what}.", remedy="`qianxun list` shows what is there.", what=", ".join(named)
            )
        if args.dry_run:
            _show_dry_run(session, chosen)
            return 0
        if not args.yes:
            _show_documents(session, chosen)
            if not session.confirm(say("Remove {documents}?", documents=documents(len(chosen)))):
                session.note(say("Nothing was removed."))
                return 0
        with session.progress() as progress:
            receipt = base.remove([document.id for document in chosen], purge=args.purge, progress=progress)
    if session.as_json:
        session.print_json(receipt_shape(receipt))
        return 0
    for id, source in receipt.documents:
        session.out.line(say("removed {id} {source}", id=id, source=shown_source(source)))
    session.out.line(
        say(
            "Removed {documents}, {chunks}, {vectors} (revision {revision}). `qianxun compact` erases their bytes.",
            documents=documents(len(receipt.documents)),
            chunks=chunks(receipt.chunks),
            vectors=vectors(receipt.vectors),
            revision=receipt.revision,
        )
    )
    if receipt.purge:
        session.out.line(say("{n} stored answers for which they were read were erased.", n=receipt.answers))
    elif receipt.answers or receipt.questions:
        session.out.line(
            say(
                "{answers} stored answers and {questions} evaluation questions cite them.",
                answers=receipt.answers,
                questions=receipt.questions,
            )
        )
    if receipt.judgements:
        session.out.line(say("{n} judgements of them went too.", n=receipt.judgements))
    return 0


def _show_dry_run(session: Session, chosen: list[Document]) -> None:
    if session.as_json:
        session.print_json({"dry_run": True, "would_remove": [document_shape(d) for d in chosen], "version": version()})
        return
    for document in chosen:
        session.out.line(say("would remove {id} {source}", id=document.id, source=shown_source(document.source)))


def _show_documents(session: Session, chosen: list[Document]) -> None:
    for document in chosen[:MOST_NAMED]:
        session.note(f"{document.id:>6}  {shown_source(document.source)}")
    if len(chosen) > MOST_NAMED:
        session.note(say("… and {n} more", n=len(chosen) - MOST_NAMED))
