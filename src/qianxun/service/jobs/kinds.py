"""What jobs do: a table from the names of kinds to functions of a `Work` that return the shape of what was done.

Each may be interrupted at any moment and asked for again: it goes on, or finds that it is done. Arguments were checked
by who asked; what they name may have gone since.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qianxun.errors import Forbidden, InputError, NotFound
from qianxun.filters import Not, Prefix
from qianxun.records import Answer, Asker, Document, Passage
from qianxun.service.jobs import receipts, results, uploads
from qianxun.service.jobs.work import Work
from qianxun.service.visit import OWN_FILES
from qianxun.shapes import Shape, add_shape, check_shape, receipt_shape, reindex_shape, version, work_shape

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase

logger = logging.getLogger(__name__)

Kind: TypeAlias = Callable[[Work], Shape]

# Folder of question sets and data sets, below home, that evaluations may name.
QUESTIONS_FOLDER: Final = "questions"
# Files of conversations are their owners' alone.
EVERYBODYS: Final = Not(Prefix("source", OWN_FILES))
_JOURNAL: Final = "extraction.jsonl"
_MOST_DAYS: Final = 36_500


def add(work: Work) -> Shape:
    """Adds uploaded files, or pages of the web.

    `files` as `uploads.Upload` has them, `addresses`; `labels` (null: what the settings say), `retry`; `below`, the
    folder of a caller whose labels are limited, for addresses; `conversation`, whose own the files are to be.
    """
    given = work.arguments
    talk = given.get("conversation")
    if talk is not None and not work.kb.conversations.exists(talk):
        raise NotFound("There is no conversation {token}.", remedy="`qianxun conversations` lists them.", token=talk)
    labels, retry = given.get("labels"), bool(given.get("retry"))
    files = uploads.files_in(given, work.home, work.job.token)
    there = receipts.before(work, files)
    report = _added(work, files, labels, retry)
    receipts.complete(report, work, files, there)
    return add_shape(report)


def _added(work: Work, files: Mapping[str, Path], labels: Any, retry: bool) -> Any:
    if files:
        return work.kb.add_handed(files, labels=labels, retry=retry, progress=work.telling)
    given = work.arguments
    addresses, below = given.get("addresses", ()), given.get("below", "")
    if below:
        from qianxun.sources.below import Below
        from qianxun.sources.registry import open_source

        sources = [Below(below, open_source(address, work.kb.settings)) for address in addresses]
        return work.kb.add_sources(sources, labels=labels, retry=retry, progress=work.telling)
    return work.kb.add(addresses, labels=labels, retry=retry, progress=work.telling)


def sync(work: Work) -> Shape:
    """Brings the knowledge base in step with everything that was added to it. `retry`."""
    return add_shape(work.kb.sync(retry=bool(work.arguments.get("retry")), progress=work.telling))


def remove(work: Work) -> Shape:
    """Removes documents. `ids`, `purge`; `asker`: the labels of who asked, null for an administrator.

    What is gone already, or was taken out of sight since, is left out.
    """
    asker = asker_of(work)
    ids = [document.id for document in _seen(work, asker, work.arguments["ids"])]
    if not ids:
        return {"removed": [], "chunks": 0, "vectors": 0, "version": version()}
    receipt = work.kb.remove(ids, purge=bool(work.arguments.get("purge")), progress=work.telling)
    _forget_results(work)
    return receipt_shape(receipt)


def _seen(work: Work, asker: Asker, ids: Any) -> list[Document]:
    found = []
    for id in ids:
        try:
            found.append(work.kb.document(id, asker=asker))
        except NotFound:
            continue
    return found


def check(work: Work) -> Shape:
    """Compares every index with the documents; what was found is kept for the metrics."""
    from qianxun.storage.checks import Checks

    shape = check_shape(work.kb.check(progress=work.telling))
    Checks(work.database).note(work.job.base, len(shape["problems"]))
    return shape


def rebuild(work: Work) -> Shape:
    """Makes the indexes anew."""
    return work_shape(work.kb.rebuild(progress=work.telling))


def compact(work: Work) -> Shape:
    """Erases the bytes of what was removed."""
    _forget_results(work)
    return work_shape(work.kb.compact(progress=work.telling))


def _forget_results(work: Work) -> None:
    """Takes rows of documents that are gone out of what jobs found in this knowledge base."""
    from qianxun.storage.jobs import Jobs

    documents = work.kb.documents()
    for folder in (work.home / results.FOLDER_NAME).glob("*"):
        try:
            job = Jobs(work.database).get(folder.name)
        except NotFound:
            continue
        if job.base == work.job.base:
            results.forget_documents(work.home, job.token, results.still_there(documents, job))


def reindex(work: Work) -> Shape:
    """Changes the encoder or the enrichment. `encoder` (null: what the settings say), `enrich` (true, false, null)."""
    given = work.arguments
    return reindex_shape(work.kb.reindex(given.get("encoder"), enrich=given.get("enrich"), progress=work.telling))


def evaluate(work: Work) -> Shape:
    """Measures answers on a question set, or retrieval on a data set, whose own corpus is what is searched.

    `what` (`answers`, the default, or `retrieval`), `limit`, `asker`. `set` names a set below `<home>/questions/`;
    without it, it was uploaded with the job.
    """
    if work.arguments.get("what") == "retrieval":
        return _evaluate_retrieval(work)
    from qianxun.evaluation.answers.measuring import evaluate_answers
    from qianxun.evaluation.question_sets.file import read_questions

    report = evaluate_answers(
        Everybodys(work.kb),
        read_questions(_questions(work)),
        asker=asker_of(work),
        limit=work.arguments.get("limit"),
        progress=work.telling.staged,
    ).as_json()
    results.write(work.home, work.job.token, report.pop("results"))
    left_out = report.pop("left_out")
    return {**report, "left_out": [{"id": one["id"], "reason": one["reason"]} for one in left_out]}


@dataclass(frozen=True, slots=True)
class Everybodys:
    """A knowledge base without what belongs to single conversations: an administrator's rights reach that, too."""

    kb: "KnowledgeBase"

    def ask(self, question: str, *, asker: Asker) -> Answer:
        """An answer from the rest."""
        return self.kb.ask(question, asker=asker, where=EVERYBODYS)

    def documents(self, *, asker: Asker) -> list[Document]:
        """The other documents."""
        return self.kb.documents(asker=asker, where=EVERYBODYS)

    def text(self, id: int, *, asker: Asker) -> str:
        """The text of one."""
        return self.kb.text(id, asker=asker)

    def chunks(self, id: int, *, asker: Asker) -> list[Passage]:
        """The chunks of one."""
        return self.kb.chunks(id, asker=asker)


def _evaluate_retrieval(work: Work) -> Shape:
    from qianxun.evaluation.retrieval import evaluate_retrieval

    report = evaluate_retrieval(_questions(work), settings=work.settings, progress=work.telling.staged)
    return {**report.as_json(), "version": version()}


def _questions(work: Work) -> Path:
    """The question set or data set. Raises NotFound, InputError; Forbidden for a named one that is not to be seen."""
    name, files = work.arguments.get("set"), work.arguments.get("files", ())
    if name is not None:
        may_name_sets(asker_of(work))
    if name is None and files:
        return uploads.folder_of(work.home, work.job.token) / str(files[0]["file"])
    return questions_path(work.home, str(name or ""))


def may_name_sets(asker: Asker) -> None:
    """Raises Forbidden unless the asker sees every document: a set is made of any of them, and has no labels."""
    if asker.labels is not None:
        raise Forbidden(
            "Named sets are for who sees every document: they have no labels.", remedy="Send `questions` of your own."
        )


def set_name(name: str) -> str:
    """A name of a question set, which is the name of a file or folder. Raises InputError for what can be none."""
    from qianxun.evaluation.question_sets.naming import refuse_long

    if len(name.encode("utf-8", "surrogatepass")) > uploads.MAX_NAME_BYTES:
        refuse_long(name)
    if not name or name.startswith(".") or name != uploads.safe_name(name):
        raise InputError("{name!r} is no name of a question set.", remedy="Name one without folders.", name=name[:80])
    return name


def questions_path(home: Path, name: str) -> Path:
    """Where a question set or data set of this name lies. Raises NotFound; InputError for what is more than a name."""
    folder = home / QUESTIONS_FOLDER
    name = set_name(name)
    for path in (folder / name, folder / f"{name}.jsonl"):
        if path.exists():
            return path
    raise NotFound("There is no question set {name}.", remedy="Put it into questions/ below home.", name=name)


def extract(work: Work) -> Shape:
    """Draws out of documents what a schema asks for. `schema`, `ids` (null: all that may be seen), `asker`, `retry`."""
    from qianxun.extraction.journal import shape_of
    from qianxun.shapes import extract_shape

    asker = asker_of(work)
    ids = work.arguments.get("ids")
    chosen = work.kb.documents(asker=asker, where=EVERYBODYS) if ids is None else _seen(work, asker, ids)
    journal = results.make_folder(work.home, work.job.token) / _JOURNAL
    found = work.kb.extract(
        work.arguments["schema"],
        [document.id for document in chosen],
        asker=asker,
        out=journal,
        retry=bool(work.arguments.get("retry")),
        progress=work.telling,
    )
    results.write(work.home, work.job.token, [shape_of(one) for one in found])
    journal.unlink(missing_ok=True)
    shape = extract_shape(found, None)
    return {name: value for name, value in shape.items() if name not in ("out", "results")}


def keep_what_is_done(work: Work) -> None:
    """Makes results of what a job drew out that could not be finished."""
    from qianxun.extraction.journal import rows_in, shape_of

    journal = results.folder_of(work.home, work.job.token) / _JOURNAL
    if work.job.kind == "extract" and journal.is_file():
        results.write(work.home, work.job.token, [shape_of(one) for one in rows_in(journal)])
        journal.unlink(missing_ok=True)


def expire(work: Work) -> Shape:
    """Takes out what is older than it may be: jobs, what they found, uploads nobody needs, conversations, feedback."""
    from qianxun import assemble
    from qianxun.service import own_files
    from qianxun.storage.conversations import Conversations
    from qianxun.storage.feedback import Feedback
    from qianxun.storage.jobs import Jobs
    from qianxun.storage.quotas import Quotas

    jobs = Jobs(work.database, retention_days=work.settings.jobs.retention_days)
    now = datetime.now(UTC)
    gone = {"jobs": jobs.expire(now)}
    gone["uploads"] = uploads.sweep(work.home, jobs.open_tokens())
    gone["results"] = results.sweep(work.home, jobs.kept_tokens())
    days = work.settings.conversation.retention_days
    gone["conversations"] = Conversations(work.database, "", retention_days=days).expire(now)
    gone["files"] = sum(own_files.expire(work.open(name), work.settings.service.files_days) for name in work.names())
    gone["audit"] = assemble.audit(work.settings, work.database).expire(now)
    gone["quotas"] = Quotas(work.database).expire(now)
    gone["judgements"] = Feedback(work.database, "", retention_days=work.settings.feedback.retention_days).expire(now)
    return {"expired": gone, "version": version()}


def audit(work: Work) -> Shape:
    """The record of who asked or changed what, in figures. `days`: so many up to now (1)."""
    from qianxun import assemble
    from qianxun.storage.audit_report import report

    days = work.arguments.get("days", 1)
    if not isinstance(days, int) or not 1 <= days <= _MOST_DAYS:
        raise InputError("{days!r} is no number of days.", remedy="Write days=7.", days=days)
    since = datetime.now(UTC) - timedelta(days=days)
    return {**report(assemble.audit(work.settings, work.database), since=since), "version": version()}


KINDS: Final[Mapping[str, Kind]] = {
    "audit": audit,
    "add": add,
    "sync": sync,
    "remove": remove,
    "check": check,
    "rebuild": rebuild,
    "compact": compact,
    "reindex": reindex,
    "evaluate": evaluate,
    "extract": extract,
    "expire": expire,
}
# These store documents and index them afterwards.
STORING: Final = frozenset({"add", "sync"})
# These are about the service as a whole and no knowledge base.
WITHOUT_BASE: Final = frozenset({"audit", "expire"})
# What needs nobody's files or choice.
BY_THE_CLOCK: Final = frozenset(KINDS.keys() - {"add", "remove", "extract"})


def asker_of(work: Work) -> Asker:
    """Who asked, as far as documents are concerned: the labels are those of that time."""
    labels = work.arguments.get("asker")
    return Asker.admin() if labels is None else Asker.of(*labels)
