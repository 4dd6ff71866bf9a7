"""`qianxun audit verify`: whether the record was tampered with."""

import argparse
from contextlib import closing

from qianxun import assemble
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import audit_verify_shape
from qianxun.storage.audit_records import Problem, Verified
from qianxun.storage.audit_verify import head_of, verify

# As for `check`: something is not as it should be.
NOT_SOUND = 5


def description() -> str:
    """What help says at the top."""
    return say(
        "Goes through the whole record: each row is held against the hash of the one before it, and against its "
        "signature where audit.key_env names a key. Exit code 5 if anything is wrong."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit verify`."""
    parser.add_argument("--expect", metavar="SEQ:HASH", help=say("a head noted before: the record must still hold it"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Verifies and prints what was found."""
    expect = None if args.expect is None else head_of(args.expect)
    audit = assemble.audit_of_home(session.settings)
    with closing(audit.database):
        found = verify(audit, expect=expect)
    if session.as_json:
        session.print_json(audit_verify_shape(found))
    else:
        _show(session, found)
    return 0 if found.ok else NOT_SOUND


def _show(session: Session, found: Verified) -> None:
    for problem in found.problems:
        session.out.line((in_words(problem), "red"))
    session.out.line(say("{n} rows, the last one {head}.", n=found.rows, head=found.head))
    if found.dropped_until is not None:
        moment = found.dropped_until.strftime("%Y-%m-%d %H:%M:%S")
        session.out.line(
            say("{n} rows up to {moment} (UTC) were dropped by the retention.", n=found.dropped, moment=moment)
        )
    if found.signed:
        session.out.line(say("{n} signatures hold.", n=found.signed))
    if found.unchecked:
        session.out.line(say("{n} signatures were not checked: audit.key_env names no key.", n=found.unchecked))
    if found.ok:
        session.out.line((say("Nothing was changed, taken out or put in."), "green"))


def in_words(problem: Problem) -> str:
    """What is wrong, and from which row on."""
    seq, last = problem.seq, problem.last or problem.seq
    match problem.fault:
        case "missing" if last > seq:
            return say("Rows {seq} to {last} are missing, and were not dropped by the retention.", seq=seq, last=last)
        case "missing":
            return say("Row {seq} is missing, and was not dropped by the retention.", seq=seq)
        case "inserted":
            return say("Row {seq} was put in: the retention had dropped everything up to there.", seq=seq)
        case "changed":
            return say("Row {seq} is not what was written, or does not follow on the row before it.", seq=seq)
        case "unsigned":
            return say("Row {seq} is not signed.", seq=seq)
        case "forged":
            return say("Row {seq} has a signature that was made with none of the keys.", seq=seq)
        case "expected":
            return say("Row {seq} is not the expected one: the end was cut off, or the record made anew.", seq=seq)
        case "dropped":
            return say("Row {seq}, which is expected, was dropped by the retention: expect a newer one.", seq=seq)
        case "person":
            return say("Row {seq}: the person's name does not belong to it.", seq=seq)
        case "question":
            return say("Row {seq}: the question's text does not belong to it.", seq=seq)
