"""`qianxun eval make`: a question set from the user's own documents: propose, review, freeze."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qianxun.cli.arguments import positive
from qianxun.cli.counts import documents, questions
from qianxun.cli.evaluating import Staged
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of, readable
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say

if TYPE_CHECKING:
    from qianxun.evaluation.question_sets.making import Made
    from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet
    from qianxun.evaluation.question_sets.review import Review
    from qianxun.knowledge_base import KnowledgeBase

PROPOSED: Final = 50
# Characters of the document shown before and after the quote.
AROUND: Final = 120
_ACCEPT, _REJECT, _EDIT, _SKIP, _QUIT = "a", "r", "e", "s", "q"


def description() -> str:
    """What help says at the top."""
    return say(
        "Proposes questions from your own documents, with the generator of the settings, or by rules without one; "
        "--review lets you accept, edit or reject each; --freeze writes the accepted ones as a set with a version, for "
        "`qianxun eval answers`; --dataset writes them for `qianxun eval retrieval`. The file is JSON lines and may be "
        "edited by hand."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `eval make`."""
    parser.add_argument(
        "file", metavar="FILE", help=say("the question set, such as questions.jsonl; made if it is not there")
    )
    parser.add_argument(
        "-n", metavar="N", type=positive, default=PROPOSED, help=say("how many to propose (default: 50)")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    parser.add_argument("--rules", action="store_true", help=say("propose by rules, even if there is a generator"))
    parser.add_argument(
        "--unanswerable",
        metavar="SHARE",
        type=_share,
        default=0.2,
        help=say("the share of questions that the documents do not answer (default: 0.2)"),
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help=say("draw other passages (default: 0)"))
    parser.add_argument("--review", action="store_true", help=say("decide on what is proposed, one question at a time"))
    parser.add_argument("--freeze", action="store_true", help=say("write the accepted ones beside it, with a version"))
    parser.add_argument("--name", metavar="NAME", help=say("what the set is called (default: as its file)"))
    parser.add_argument(
        "--dataset",
        metavar="FOLDER",
        help=say("write the accepted ones and the documents' text as a data set into a folder"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Proposes, reviews, freezes or exports."""
    asked = [option for option in ("review", "freeze", "dataset") if getattr(args, option)]
    if len(asked) > 1:
        raise InputError(
            "--{first} and --{second} do not go together.",
            remedy="Run one after the other.",
            first=asked[0],
            second=asked[1],
        )
    path = Path(args.file).expanduser()
    if args.review:
        return _review(session, path, args)
    if args.freeze:
        return _freeze(session, path, args.name or "")
    if args.dataset:
        return _export(session, path, args)
    return _propose(session, path, args)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


# Named as argparse prints it: invalid <name> value.
_share.__name__ = "share"


# -- proposing -------------------------------------------------------------------------------------------------------


def _propose(session: Session, path: Path, args: argparse.Namespace) -> int:
    from qianxun.evaluation.question_sets.file import read_questions, write_questions
    from qianxun.evaluation.question_sets.making import propose
    from qianxun.evaluation.question_sets.naming import refuse_long
    from qianxun.evaluation.question_sets.review import with_proposals
    from qianxun.storage.store import now

    is_there = os.path.exists(path)  # noqa: PTH110 (which raises for a name that is too long for the disk)
    if not is_there:
        refuse_long(_stem(path))
    known = read_questions(path, edited=True) if is_there else None
    if known is not None and not known.made:
        raise InputError(
            "{path} was not written by `qianxun eval make`: it is not written over.",
            remedy="Name a new file.",
            path=path,
        )
    if known is not None and known.frozen:
        raise InputError(
            "{path} is frozen: nothing is added to it.",
            remedy="Name the file that it was frozen from, or a new one.",
            path=path,
        )
    with session.open() as base, session.progress() as progress:
        made = propose(
            base,
            args.n,
            asker=asker_of(args.labels),
            generator=None if args.rules else base._generator,
            generator_name=session.settings.generator.model,
            known=known.questions if known is not None else (),
            unanswerable=args.unanswerable,
            seed=args.seed,
            progress=Staged(progress),
        )
    result = with_proposals(known, made.questions, name=args.name or _stem(path), made=now())
    if made.questions:
        write_questions(path, result)
    if session.as_json:
        session.print_json(_shape(path, result) | made.as_json())
    else:
        _show_made(session, path, result, made)
    return 0


def _show_made(session: Session, path: Path, result: "QuestionSet", made: "Made") -> None:
    rows = [[one.made_by.partition(":")[0], one.question, _answers(one)] for one in made.questions]
    if rows:
        session.out.table([say("made by"), say("question"), say("answer")], rows)
    for what in made.degraded:
        session.note(say("Done without: {what}", what=what))
    if made.dropped:
        reasons = say(", ").join(f"{fault_in_words(fault)} {n:,}" for fault, n in made.dropped.most_common())
        session.note(say("Not proposed: {reasons}", reasons=reasons))
    if not made.questions:
        session.out.line(say("Nothing new to ask was found in {documents}.", documents=documents(made.documents)))
        return
    session.out.line(
        say(
            "{path}: {proposed} proposed from {documents}; {all} in all.",
            path=path,
            proposed=questions(len(made.questions)),
            documents=documents(made.documents),
            all=questions(len(result.questions)),
        )
    )
    session.out.line(say("Decide on them: qianxun eval make --review {path}", path=path))


def fault_in_words(fault: str) -> str:
    """What was wrong with a proposal; unknown reasons as they are."""
    words = {
        "not in the document": say("answer not in the document"),
        "answers itself": say("answer in the question"),
        "points at a text": say("points at a text"),
        "not a question": say("no question"),
        "length": say("too short or too long"),
        "repeated": say("asked already"),
        "answerable": say("answerable after all"),
        "no use of the generator's answer": say("no use of the generator's answer"),
    }
    return words.get(fault, fault)


# -- reviewing -------------------------------------------------------------------------------------------------------


def _review(session: Session, path: Path, args: argparse.Namespace) -> int:
    from qianxun.evaluation.question_sets.review import Review

    if session.as_json or not sys.stdin.isatty():
        raise InputError(
            "Nobody is there to review {path}.",
            remedy='Run it in a terminal, or edit the file: set each "status" to accepted or rejected.',
            path=path,
        )
    review = Review(path)
    pending = list(review.pending())
    with session.open() as base:
        for place, question in enumerate(pending, 1):
            session.out.blank()
            session.out.line((say("Question {n} of {all}", n=place, all=len(pending)), "dim"))
            _show_question(session, base, question, args.labels)
            if not _decided(session, review, question):
                break
    counts = review.counts
    session.out.blank()
    session.out.line(
        say(
            "Accepted {accepted}, rejected {rejected}, still open {proposed}.",
            **{status: counts.get(status, 0) for status in ("accepted", "rejected", "proposed")},
        )
    )
    if counts.get("accepted"):
        session.out.line(say("Freeze the accepted ones: qianxun eval make --freeze {path}", path=path))
    return 0


def _show_question(session: Session, base: "KnowledgeBase", question: "Question", labels: str | None) -> None:
    session.out.paragraph(question.question, style="bold")
    answers = _answers(question) if question.answerable else say("(the documents have no answer)")
    session.out.line((say("answer: {answer}", answer=answers), "green"))
    for evidence in question.evidence:
        session.out.line("    ", (shown_source(evidence.source), "cyan"))
        before, quote, after = _around(base, evidence, labels)
        shown = f"{before}{quote}{after}"
        session.out.paragraph(shown, indent=4, marks=[(len(before), len(before) + len(quote))])


def _around(base: "KnowledgeBase", evidence: "Evidence", labels: str | None) -> tuple[str, str, str]:
    """The evidence in its document: what stands before, the quote, what stands after; each on one line."""
    from qianxun.evaluation.answers.measuring import found_in

    asker = asker_of(labels)
    document = next((one for one in base.documents(asker=asker) if one.source == evidence.source), None)
    text = base.text(document.id, asker=asker) if document is not None else ""
    span = found_in(text, evidence.quote) if evidence.quote else None
    if span is None:
        return "", " ".join(evidence.quote.split()), ""
    before, after = text[max(0, span.start - AROUND) : span.start], text[span.end : span.end + AROUND]
    flat = [" ".join(part.split()) for part in (before, text[span.start : span.end], after)]
    lead = f"{'…' if span.start > AROUND else ''}{flat[0]} "
    return lead, flat[1], f" {flat[2]}{'…' if span.end + AROUND < len(text) else ''}"


def _decided(session: Session, review: "Review", question: "Question") -> bool:
    """Asks until one of the keys is given, and writes the decision; False to stop here."""
    while True:
        key = _typed(session, say("[a]ccept, [r]eject, [e]dit, [s]kip, [q]uit?"))
        if key is None or key[:1].lower() == _QUIT:
            return False
        choice = key[:1].lower()
        if choice == _ACCEPT:
            review.decide(question.id, "accepted")
        elif choice == _REJECT:
            review.decide(question.id, "rejected")
        elif choice == _EDIT:
            if not _edited(session, review, question):
                continue
        elif choice != _SKIP:
            continue
        return True


def _edited(session: Session, review: "Review", question: "Question") -> bool:
    """Asks for another wording and other answers, and accepts what comes of it; False if that cannot be accepted."""
    from qianxun.evaluation.question_sets.review import answers_of

    worded = _typed(session, say("question (Enter keeps it):"))
    if worded is None:
        return False
    answers = None
    if question.answerable:
        given = _typed(session, say("answer (Enter keeps it; | between answers that will each do):"))
        if given is None:
            return False
        answers = answers_of(given) if given else None
        if given and not answers:
            return False
    review.decide(question.id, "accepted", question=worded, answers=answers)
    return True


def _typed(session: Session, prompt: str) -> str | None:
    """A line that a person types; None when there will be no more."""
    session.out.stream.write(f"{prompt} ")
    session.out.stream.flush()
    line = sys.stdin.readline()
    return readable(line).strip() if line else None


def _answers(question: "Question") -> str:
    from qianxun.evaluation.question_sets.review import answers_in_words

    return answers_in_words(question.answers)


# -- freezing --------------------------------------------------------------------------------------------------------


def _freeze(session: Session, path: Path, name: str) -> int:
    from qianxun.evaluation.question_sets.file import freeze
    from qianxun.storage.store import now

    where, frozen = freeze(path, made=now(), name=name)
    if session.as_json:
        session.print_json(_shape(where, frozen))
        return 0
    pairs: list[tuple[str, Piece]] = [
        (say("file"), str(where)),
        (say("questions"), _kinds(frozen.questions)),
        (say("version"), str(frozen.frozen)),
        (say("digest"), frozen.digest),
    ]
    session.out.pairs(pairs)
    session.out.line(say("Measure answers on it: qianxun eval answers {path}", path=where))
    return 0


def _kinds(given: "Sequence[Question]") -> str:
    n = sum(not one.answerable for one in given)
    return say("{questions}, {n} of them unanswerable", questions=questions(len(given)), n=n)


def _export(session: Session, path: Path, args: argparse.Namespace) -> int:
    from qianxun.evaluation.question_sets.data_sets import write_data_set
    from qianxun.evaluation.question_sets.file import read_questions

    folder = Path(args.dataset).expanduser()
    given = read_questions(path)
    with session.open() as base:
        left_out = write_data_set(folder, given, base, asker=asker_of(args.labels))
    written = [question for question in given.accepted if question not in left_out]
    if left_out:
        n, first = questions(len(left_out)), left_out[0].question
        session.note(say("Left out {questions}: no such document. The first: {first}", questions=n, first=first))
    if session.as_json:
        shape = {"written": len(written), "left_out": [question.id for question in left_out]}
        session.print_json(_shape(folder, given) | shape)
        return 0
    session.out.line(say("{path}: {questions}, and their documents.", path=folder, questions=_kinds(written)))
    session.out.line(say("Measure search on it: qianxun eval retrieval {path}", path=folder))
    return 0


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def _shape(path: Path, given: "QuestionSet") -> dict[str, object]:
    """A question set as JSON: where it is, and how many questions it has by status."""
    from qianxun.shapes import version

    statuses = [question.status for question in given.questions]
    return {
        "path": str(path),
        "name": given.name,
        "frozen": given.frozen,
        "digest": given.digest,
        "made": given.made,
        "questions": {status: statuses.count(status) for status in ("proposed", "accepted", "rejected")},
        "version": version(),
    }
