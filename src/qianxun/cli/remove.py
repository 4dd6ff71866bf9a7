"""`qianxun remove`: documents and everything made from them; asks first, prints a receipt."""

import argparse

from qianxun.cli.session import Session, lines_of_stdin, what_of
from qianxun.cli.words import shown_source
from qianxun.errors import NotFound
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
    parser.add_argument("--dry-run", action="store_true", help=say("only show what would be removed"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Removes what was named, after asking, and prints the receipt."""
    named = [text for given in args.what for text in (lines_of_stdin() if given == "-" else [given])]
    with session.open() as base:
        documents = base.matching(what_of(named))
        if not documents:
            raise NotFound(
                "No document matches {what}.", remedy="`qianxun list` shows what is there.", what=", ".join(named)
            )
        if args.dry_run:
            _show_dry_run(session, documents)
            return 0
        if not args.yes:
            _show_documents(session, documents)
            if not session.confirm(say("Remove {n} documents?", n=len(documents))):
                session.note(say("Nothing was removed."))
                return 0
        with session.progress() as progress:
            receipt = base.remove([document.id for document in documents], progress=progress)
    if session.as_json:
        session.print_json(receipt_shape(receipt))
        return 0
    for id, source in receipt.documents:
        session.out.line(say("removed {id} {source}", id=id, source=shown_source(source)))
    session.out.line(
        say(
            "Removed {n} documents, {chunks} chunks, {vectors} vectors (revision {revision}). "
            "`qianxun compact` erases their bytes.",
            n=len(receipt.documents),
            chunks=receipt.chunks,
            vectors=receipt.vectors,
            revision=receipt.revision,
        )
    )
    if receipt.answers or receipt.questions:
        session.out.line(
            say(
                "{answers} stored answers and {questions} evaluation questions cite them.",
                answers=receipt.answers,
                questions=receipt.questions,
            )
        )
    return 0


def _show_dry_run(session: Session, documents: list[Document]) -> None:
    if session.as_json:
        session.print_json(
            {"dry_run": True, "would_remove": [document_shape(d) for d in documents], "version": version()}
        )
        return
    for document in documents:
        session.out.line(say("would remove {id} {source}", id=document.id, source=shown_source(document.source)))


def _show_documents(session: Session, documents: list[Document]) -> None:
    for document in documents[:MOST_NAMED]:
        session.note(f"{document.id:>6}  {shown_source(document.source)}")
    if len(documents) > MOST_NAMED:
        session.note(say("… and {n} more", n=len(documents) - MOST_NAMED))
