"""Questions that got no answer, or one that little bears, as far as the audit keeps them. Knows no HTTP.

They are read from the audit's rows and nowhere else: what is kept of a question (its text, a hash, nothing), for how
long, and who can be made unknown is what the audit's settings say. Everybody sees their own; administrators all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from qianxun import assemble
from qianxun.errors import NotFound
from qianxun.records import Document, document_of
from qianxun.service.visit import Visit
from qianxun.storage.audit_records import Row, micros_of, moment_of

# Of answers: refused; and those that what they cite bears in part, or not at all.
REFUSED: Final = ("no_evidence",)
POOR: Final = ("partial", "ungrounded")
_ROWS: Final = 5_000
_SOURCES: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and how often it was asked in vain. `question` "" where its text is not kept.

    `at` names its newest row: microseconds since 1970. `found` are documents that were found for it then and that the
    reader may see.
    """

    at: int
    base: str
    question: str
    times: int
    last: datetime
    verdict: str
    found: tuple[Document, ...]


def asked_in_vain(visit: Visit, *, base: str, verdicts: Sequence[str], days: int, count: int) -> list[Asked]:
    """The questions of the last days, those that were asked most first; at most `count`.

    The same question, also in other widths or scripts, is one; where nothing tells questions apart each is its own.
    """
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in _rows(visit, base=base, verdicts=verdicts, since=datetime.now(UTC) - timedelta(days=days)):
        grouped.setdefault((str(row.body.get("kb")), str(row.body.get("question") or row.seq)), []).append(row)
    first = sorted(grouped.values(), key=lambda rows: (-len(rows), -rows[0].seq))[:count]
    return [_asked(visit, rows) for rows in first]


def question_at(visit: Visit, at: int) -> tuple[str, str]:
    """Knowledge base and text of the question of the row at a moment. Raises NotFound."""
    moment = moment_of(at)
    until = moment + timedelta(microseconds=1)
    found = list(_rows(visit, base="", verdicts=(*REFUSED, *POOR), since=moment, until=until))
    if not found or not found[0].question:
        raise NotFound("This question is not kept.", remedy="It may be too old, or its text is not kept.")
    return str(found[0].body.get("kb")), found[0].question


def _rows(
    visit: Visit, *, base: str, verdicts: Sequence[str], since: datetime, until: datetime | None = None
) -> list[Row]:
    service = visit.service
    if not service.settings.audit.enabled:
        return []
    usable = set(visit.bases())
    found = assemble.audit(service.settings, service.database).rows(
        since=since,
        until=until,
        who="" if visit.caller.is_admin else visit.caller.id,
        kb=base,
        verdicts=verdicts,
        newest_first=True,
    )
    return list(islice((row for row in found if row.body.get("kb") in usable), _ROWS))


def _asked(visit: Visit, rows: Sequence[Row]) -> Asked:
    newest = rows[0]
    base = str(newest.body.get("kb"))
    return Asked(
        at=micros_of(newest.at),
        base=base,
        question=next((row.question for row in rows if row.question), ""),
        times=len(rows),
        last=newest.at,
        verdict=str(newest.body.get("verdict")),
        found=_documents(visit, base, newest.body.get("passages", ())),
    )


def _documents(visit: Visit, base: str, passages: Sequence[int]) -> tuple[Document, ...]:
    kb = visit.base(base, "evaluate").kb
    found: list[Document] = []
    for id in dict.fromkeys(map(document_of, passages)):
        if len(found) == _SOURCES:
            break
        try:
            found.append(visit.may_see(kb.document(id, asker=visit.asker)))
        except NotFound:
            continue
    return tuple(found)
