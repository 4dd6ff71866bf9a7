"""`qianxun show`: one document, its text or its chunks; or one passage by its chunk id."""

import argparse

from qianxun.cli.arguments import positive
from qianxun.cli.list import status_in_words
from qianxun.cli.passages import heading_below, place
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.reasons import reason_of_the_file
from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Document, Passage, document_of
from qianxun.shapes import shown_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `show`."""
    parser.add_argument("id", metavar="ID", help=say("a document's id (`qianxun list`), or a passage's chunk id"))
    parser.add_argument("--text", action="store_true", help=say("the cleaned text, as it is searched and quoted"))
    parser.add_argument("--chunks", action="store_true", help=say("the chunks it was cut into"))
    parser.add_argument(
        "--around", metavar="N", type=positive, help=say("with a chunk id: also N chunks before and after it")
    )
    parser.add_argument(
        "--section", action="store_true", help=say("with a chunk id: the whole section that it stands in")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the document, and the text or chunks when asked for."""
    if not args.id.isdecimal():
        raise InputError("{id!r} is not an id.", remedy="`qianxun list` shows the ids.", id=args.id)
    id, asker = int(args.id), asker_of(args.labels)
    chunk: Passage | None = None
    around: list[Passage] | None = None
    section: Passage | None = None
    with session.open() as base:
        if id >= MAX_CHUNKS_PER_DOCUMENT:
            document = base.document(document_of(id), asker=asker)
            (chunk,) = base.chunks(id, asker=asker)
            if args.around is not None:
                around = base.neighbours(id, before=args.around, after=args.around, asker=asker)
            if args.section:
                section = base.parent(id, asker=asker)
        else:
            document = base.document(id, asker=asker)
            if args.around is not None or args.section:
                raise InputError(
                    "{id} is a document's id; --around and --section go with a passage's chunk id.",
                    remedy="`qianxun search --json` and `qianxun show ID --chunks` show them.",
                    id=id,
                )
        text = base.text(document.id, asker=asker) if args.text else None
        chunks = base.chunks(document.id, asker=asker) if args.chunks else None
    if session.as_json:
        session.print_json(shown_shape(document, text=text, chunks=chunks, chunk=chunk, around=around, section=section))
    elif text is not None:
        session.out.stream.write(text if text.endswith("\n") else text + "\n")
    elif section is not None:
        _show(session, document, [section])
    else:
        shown = chunks if chunk is None else sorted([chunk, *(around or ())], key=lambda passage: passage.chunk)
        _show(session, document, shown)
    return 0


def _show(session: Session, document: Document, chunks: list[Passage] | None) -> None:
    rows: list[tuple[str, Piece]] = [
        (say("id"), str(document.id)),
        (say("title"), (document.title, "bold")),
        (say("source"), (shown_source(document.source), "cyan")),
        (say("status"), status_in_words(document.status)),
        (say("reason"), reason_of_the_file(document.source, document.reason)),
        (say("format"), document.format),
        (say("pages"), "" if document.pages is None else str(document.pages)),
        (say("characters"), f"{document.chars:,}"),
        (say("chunks"), str(document.chunks)),
        (say("labels"), ", ".join(document.labels)),
        (say("modified"), document.modified),
        (say("added"), document.added),
    ]
    session.out.pairs([(name, value) for name, value in rows if value])
    for chunk in chunks or ():
        session.out.blank()
        heading = heading_below(document.title, chunk.heading)
        facts = say(
            "chunk {id}, characters {start} to {end}", id=chunk.chunk, start=chunk.span.start, end=chunk.span.end
        )
        session.out.line((facts, "bold"), (f"  {heading}" if heading else "", "dim"))
        if chunk.page is not None or chunk.location:
            session.out.line((place(chunk.source, chunk.page, chunk.location), "cyan"))
        session.out.paragraph(chunk.text)
