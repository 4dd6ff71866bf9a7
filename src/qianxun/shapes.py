"""Records as the JSON that programs read. `docs/json.md` documents each shape; readers ignore unknown keys.

The command line and the HTTP server print the same shapes, made here and nowhere else. Keys and the
values of closed sets are English; nothing here is in the reader's language. A key, once
published, keeps its meaning.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from qianxun import __version__
from qianxun.records import Answer, Citation, Document, Passage, Receipt, SearchResult, Statement, Support

if TYPE_CHECKING:
    from qianxun.answering.events import AnswerEvent
    from qianxun.answering.keeping import Talk
    from qianxun.answering.prompts import Template
    from qianxun.answering.telling import Ended, Told
    from qianxun.errors import QianxunError
    from qianxun.evaluation.adaptation import AdaptReport
    from qianxun.evaluation.comparing.ablation import AblationReport
    from qianxun.evaluation.comparing.differences import ComparisonReport
    from qianxun.extraction import Extraction
    from qianxun.ingestion import AddReport, ChangeReport, CheckReport, DuplicateGroup
    from qianxun.models.check import ModelReport
    from qianxun.models.getting.inventory import ListedModel
    from qianxun.models.getting.manifest import Verified
    from qianxun.models.getting.pull import Pulled
    from qianxun.models.planning.compare import Cell, Row
    from qianxun.models.planning.plan import Plan
    from qianxun.models.serving.vllm_command import ModelServer
    from qianxun.service.jobs.schedules import ScheduleState
    from qianxun.storage.audit_records import Row as AuditRow
    from qianxun.storage.audit_records import Verified as VerifiedAudit
    from qianxun.storage.conversations import Conversation
    from qianxun.storage.enrich import EnrichReport
    from qianxun.storage.feedback import Kind
    from qianxun.storage.jobs import Job
    from qianxun.storage.keys import Key
    from qianxun.storage.sources import FileNote, RootNote

Shape: TypeAlias = dict[str, Any]
HEADING_SEPARATOR = " › "


def version() -> str:
    """The version of this package."""
    return __version__


def search_shape(result: SearchResult) -> Shape:
    """`{"query", "searched", "hits": […], "good", "notes", "seconds", "timings", "models", "degraded", "version"}`."""
    return {
        "query": result.query,
        "searched": result.searched,
        "hits": [passage_shape(passage) for passage in result.passages],
        "good": result.good,
        "notes": [str(note) for note in result.notes],
        "seconds": total_seconds(result.seconds),
        "timings": timings_shape(result.seconds),
        "models": dict(result.models),
        "degraded": list(result.degraded),
        "version": version(),
    }


def passage_shape(passage: Passage) -> Shape:
    """A hit of `search`, a passage of `ask`, a chunk of `show`."""
    return {
        "rank": passage.rank,
        "score": _rounded(passage.score),
        "chunk": passage.chunk,
        "document": passage.document,
        "source": passage.source,
        "title": passage.title,
        "page": passage.page,
        "location": location_of(passage.page, passage.location),
        "heading": HEADING_SEPARATOR.join(passage.heading),
        "start": passage.span.start,
        "end": passage.span.end,
        "text": passage.text,
        "stages": {
            name: {"rank": stage.rank, "score": _rounded(stage.score)} for name, stage in passage.stages.items()
        },
        "labels": list(passage.labels),
        "matched": list(passage.matched),
        "duplicates": list(passage.duplicates),
        "near_duplicates": list(passage.near_duplicates),
        "contributions": [
            {"signal": one.signal, "value": _rounded(one.value), "weight": one.weight, "effect": _rounded(one.effect)}
            for one in passage.contributions
        ],
        "relevant": passage.relevant,
    }


def answer_shape(answer: Answer) -> Shape:
    """`{"question", "searched", "answer", "verdict", "citations": […], "passages": […], "seconds", "stages", …}`."""
    return {
        "question": answer.question,
        "searched": answer.searched,
        "answer": answer.text,
        "verdict": answer.verdict,
        "statements": [statement_shape(one) for one in answer.statements],
        "citations": [citation_shape(citation) for citation in answer.citations],
        "passages": [passage_shape(passage) for passage in answer.passages],
        "seconds": total_seconds(answer.seconds),
        "stages": timings_shape(answer.seconds),
        "models": dict(answer.models),
        "persona": answer.persona,
        "material": answer.material,
        "finish_reason": answer.finish_reason,
        "cached": answer.cached,
        "usage": answer.usage and {"prompt_tokens": answer.usage[0], "completion_tokens": answer.usage[1]},
        "degraded": list(answer.degraded),
        "notes": list(answer.notes),
        "coverage": answer.coverage and asdict(answer.coverage),
        "plan": answer.plan and asdict(answer.plan),
        "conflicts": [
            [
                {"value": one.value, "dated": one.dated, "citations": list(map(citation_shape, one.citations))}
                for one in conflict.values
            ]
            for conflict in answer.conflicts
        ],
        "options": [
            {
                "label": one.label,
                "question": one.question,
                "value": one.value,
                "citations": list(map(citation_shape, one.citations)),
            }
            for one in answer.options
        ],
        "version": version(),
    }


def prompts_shape(prompts: "Iterable[Template]") -> Shape:
    """`{"prompts": [{"name", "language", "prompt", "own"}], "version"}`."""
    return {
        "prompts": [
            {"name": one.name, "language": one.language, "prompt": one.version, "own": one.own} for one in prompts
        ],
        "version": version(),
    }


def statement_shape(one: Statement) -> Shape:
    """One sentence of an answer."""
    return {
        "text": one.text,
        "start": one.span.start,
        "end": one.span.end,
        "numbers": list(one.numbers),
        "support": one.support,
        "claim": one.claim,
        "quoted": one.quoted is not None,
        "own": one.own,
        "unknown": list(one.unknown),
    }


def citation_shape(citation: Citation) -> Shape:
    """One `[number]` of an answer."""
    return {
        "number": citation.number,
        "source": citation.source,
        "title": citation.title,
        "page": citation.page,
        "location": location_of(citation.page, citation.location),
        "heading": HEADING_SEPARATOR.join(citation.heading),
        "start": citation.span.start,
        "end": citation.span.end,
        "quote": citation.quote,
        "support": citation.support,
        "sentence": citation.sentence,
        "statement": citation.statement,
        "chunk": citation.chunk,
        "document": citation.document,
    }


def embedding_shape(facts: Mapping[str, Any], kind: str, vectors: Sequence[Sequence[float]]) -> Shape:
    """`{"encoder": {…}, "kind": "query" | "passage", "vectors": [[…]], "version"}`, in the order of the texts."""
    rows = [[float(f"{number:.8g}") for number in row] for row in vectors]
    return {"encoder": dict(facts), "kind": kind, "vectors": rows, "version": version()}


def reranking_shape(facts: Mapping[str, Any], question: str, scores: Sequence[float], threshold: float) -> Shape:
    """`{"question", "reranker": {…}, "threshold", "results": [{"index", "score", "label"}], "version"}`, as given."""
    return {
        "question": question,
        "reranker": dict(facts),
        "threshold": threshold,
        "results": [
            {"index": place, "score": float(f"{score:.8g}"), "label": "yes" if score >= threshold else "no"}
            for place, score in enumerate(scores)
        ],
        "version": version(),
    }


def generation_shape(facts: Mapping[str, Any], found: Mapping[str, Any], value: Any) -> Shape:
    """`{"generator": {…}, "text", "value", "finish_reason", "usage", "version"}`; `value` if a schema was given."""
    read, written = found["usage"]
    return {
        "generator": dict(facts),
        "text": found["text"],
        "value": value,
        "finish_reason": found["finish_reason"],
        "usage": {"prompt_tokens": read, "completion_tokens": written},
        "version": version(),
    }


def reindex_shape(report: "ChangeReport") -> Shape:
    """What `reindex` did: `before` and `after` are fingerprints, `comparison` null if no pairs were given."""
    found = report.comparison
    return {
        "before": report.before,
        "after": report.after,
        "chunks": report.chunks,
        "vectors": report.vectors,
        "reused": report.reused,
        "enrichment": enrichment_shape(report.enrichment),
        "comparison": found
        and {
            **found.as_json(),
            "verdict": found.verdict,
            "left_out": len(found.left_out),
        },
        "switched": report.switched,
        "seconds": round(report.seconds, 3),
        "version": version(),
    }


def model_report_shape(report: "ModelReport") -> Shape:
    """The self-test of one model: `{"role", "identity", "served_by", "ok", "waived", "checks": […], "seconds"}`."""
    return {
        "role": report.role,
        "identity": report.identity,
        "served_by": report.served_by,
        "ok": report.ok,
        "waived": report.waived,
        "checks": [
            {
                "check": finding.check,
                "passed": finding.passed,
                "of_meaning": finding.of_meaning,
                "seen": finding.seen,
                "remedy": "" if finding.passed else finding.remedy,
            }
            for finding in report.findings
        ],
        "seconds": round(report.seconds, 3),
    }


def plan_shape(plan: "Plan") -> Shape:
    """What `models plan` computed; sizes are bytes, `lines` say how each number comes about."""
    return {
        "model": plan.model,
        "role": plan.role,
        "weights": plan.form,
        "context_tokens": plan.context_tokens,
        "concurrency": plan.concurrency,
        "parameters": plan.n_parameters,
        "weight_bytes": plan.weight_bytes,
        "kv_bytes_per_token": plan.kv_bytes_per_token,
        "kv_bytes": plan.kv_bytes,
        "gpu_bytes": plan.gpu_bytes,
        "gpus": plan.gpus,
        "bytes_on_each_gpu": plan.bytes_on_each_gpu,
        "fits": plan.fits,
        "full_sequences": plan.full_sequences,
        "longest_context": plan.longest_context,
        "by_gpus": [
            {
                "gpus": fit.gpus,
                "full_sequences": fit.full_sequences,
                "longest_context": fit.longest_context,
                "fits": fit.full_sequences >= plan.concurrency,
            }
            for fit in plan.by_gpus
        ],
        "command": list(plan.command),
        "lines": [
            {"what": line.what, "value": line.value, "because": line.because, "estimated": line.estimated}
            for line in plan.lines
        ],
        "notes": list(plan.notes),
        "version": version(),
    }


def comparison_shape(model: str, rows: "Sequence[Row]") -> Shape:
    """`{"model", "ways": [{"way", "gpus", "memory_bytes": {…}, "p95_seconds": {…}, "money_per_1000": {…}}], …}`."""

    def cell(found: "Cell") -> Shape:
        return {"value": found.value, "origin": found.origin, "because": found.because}

    return {
        "model": model,
        "ways": [
            {
                "way": row.name,
                "gpus": row.gpus,
                "memory_bytes": cell(row.memory_bytes),
                "p95_seconds": cell(row.p95_seconds),
                "money_per_1000": cell(row.money_per_1000),
            }
            for row in rows
        ],
        "version": version(),
    }


def models_shape(models: "Sequence[ListedModel]") -> Shape:
    """`{"models": [{"name", "kind", "used_for": […], "found", "folder", "bytes", "revision", …}], "version"}`."""
    return {
        "models": [
            {
                "name": model.name,
                "kind": model.kind,
                "used_for": list(model.used_for),
                "found": model.where,
                "folder": None if model.folder is None else str(model.folder),
                "bytes": model.bytes,
                "revision": model.revision,
                "source": model.source,
                "url": model.url,
            }
            for model in models
        ],
        "version": version(),
    }


def pulled_shape(models: "Sequence[Pulled]") -> Shape:
    """`{"models": [{"model", "folder", "source", "revision", "files", "bytes", "fetched_bytes"}], "version"}`."""
    return {
        "models": [
            {
                "model": pulled.model,
                "folder": str(pulled.folder),
                "source": pulled.source,
                "revision": pulled.revision,
                "files": pulled.n_files,
                "bytes": pulled.bytes,
                "fetched_bytes": pulled.fetched_bytes,
            }
            for pulled in models
        ],
        "version": version(),
    }


def verified_shape(found: "Mapping[str, Verified]") -> Shape:
    """`{"models": [{"model", "folder", "files", "problems": [{"file", "what"}]}], "version"}`."""
    return {
        "models": [
            {
                "model": name,
                "folder": str(one.folder),
                "files": one.n_files,
                "problems": [{"file": problem.path, "what": problem.what} for problem in one.problems],
            }
            for name, one in found.items()
        ],
        "version": version(),
    }


def servers_shape(servers: "Sequence[ModelServer]", command: Sequence[str]) -> Shape:
    """`{"servers": [{"role", "model", "served_as", "url", "command": […], "environment": {…}, …}], "version"}`."""
    return {
        "servers": [
            {
                "role": server.role,
                "model": server.model,
                "served_as": server.served_as,
                "url": server.url,
                "command": list(server.words(command)),
                "environment": dict(server.environment),
                "gpu_share": server.gpu_share,
                "notes": list(server.notes),
            }
            for server in servers
        ],
        "version": version(),
    }


def document_shape(document: Document) -> Shape:
    """One document of `list`, `show`, `label`."""
    return {
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "status": document.status.value,
        "reason": document.reason,
        "labels": list(document.labels),
        "chunks": document.chunks,
        "pages": document.pages,
        "format": document.format,
        "chars": document.chars,
        "modified": document.modified,
        "added": document.added,
    }


def documents_shape(documents: Iterable[Document]) -> Shape:
    """`{"documents": […], "version"}`."""
    return {"documents": [document_shape(document) for document in documents], "version": version()}


def duplicates_shape(groups: "Iterable[DuplicateGroup]") -> Shape:
    """Groups of documents that say the same: `{"groups": [{"likeness", "documents"}], "version"}`."""
    return {
        "groups": [
            {"likeness": round(group.likeness, 4), "documents": [document_shape(d) for d in group.documents]}
            for group in groups
        ],
        "version": version(),
    }


def shown_shape(
    document: Document,
    *,
    text: str | None = None,
    chunks: Sequence[Passage] | None = None,
    chunk: Passage | None = None,
    around: Sequence[Passage] | None = None,
    section: Passage | None = None,
) -> Shape:
    """What `show` prints: the document, and what was asked for of `text`, `chunks`, one `chunk`, what is `around` it,
    the `section` it stands in."""
    shape: Shape = {"document": document_shape(document)}
    if text is not None:
        shape["text"] = text
    if chunks is not None:
        shape["chunks"] = [passage_shape(passage) for passage in chunks]
    if chunk is not None:
        shape["chunk"] = passage_shape(chunk)
    if around is not None:
        shape["around"] = [passage_shape(passage) for passage in around]
    if section is not None:
        shape["section"] = passage_shape(section)
    return shape | {"version": version()}


def feedback_shape(totals: "Mapping[Kind, int]") -> Shape:
    """How many judgements of each kind there are."""
    return {**{str(kind): n for kind, n in totals.items()}, "version": version()}


def receipt_shape(receipt: Receipt) -> Shape:
    """What `remove` took away."""
    return {
        "removed": [{"id": id, "source": source} for id, source in receipt.documents],
        "chunks": receipt.chunks,
        "vectors": receipt.vectors,
        "revision": receipt.revision,
        "answers": receipt.answers,
        "questions": receipt.questions,
        "judgements": receipt.judgements,
        "purge": receipt.purge,
        "version": version(),
    }


def add_shape(report: "AddReport") -> Shape:
    """What `add` did. `failed`, `attention` and `empty` name the files and why."""
    return {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": _reasons(report.failed),
        "attention": _reasons(report.attention),
        "empty": _reasons(report.empty),
        "skipped": report.skipped,
        "skipped_suffixes": dict(report.skipped_suffixes),
        "chunks": report.chunks,
        "vectors": report.vectors,
        "enrichment": enrichment_shape(report.enrichment),
        "seconds": _rounded(report.seconds),
        "waited_for": report.waited_for,
        "version": version(),
    }


def sources_shape(roots: "Iterable[RootNote]") -> Shape:
    """`{"sources": [{"address", "labels", "begun", "finished", "problem", "files": {status: n}}], "version"}`."""
    return {
        "sources": [
            {
                "address": root.address,
                "labels": None if root.labels is None else list(root.labels),
                "begun": root.begun,
                "finished": root.finished,
                "problem": root.problem,
                "files": dict(root.files),
            }
            for root in roots
        ],
        "version": version(),
    }


def source_files_shape(files: "Iterable[tuple[str, FileNote]]") -> Shape:
    """`{"files": [{"address", "source", "status", "reason"}], "version"}`."""
    return {
        "files": [
            {"address": address, "source": note.source, "status": note.state, "reason": note.reason}
            for address, note in files
        ],
        "version": version(),
    }


def enrichment_shape(report: "EnrichReport") -> Shape:
    """What came of enriching: `{"enriched", "vain", "waiting", "problem"}`; they count different texts of chunks."""
    return {
        "enriched": report.enriched,
        "vain": report.vain,
        "waiting": report.waiting,
        "problem": "" if report.problem is None else str(report.problem),
    }


def adapt_shape(report: "AdaptReport") -> Shape:
    """What came of learning a query adapter. `in_force` is null where there was none before."""
    return {
        "verdict": report.verdict,
        "kept": report.kept,
        "learned_from": report.learned_from,
        "held_back": report.held_back,
        "documents": report.documents,
        "measure": report.measure,
        "before": _rounded(report.before),
        "after": _rounded(report.after),
        "interval": [_rounded(bound) for bound in report.interval],
        "p": _rounded(report.p),
        "in_force": _rounded(report.in_force),
        "ridge": report.ridge,
        "nearest": report.nearest,
        "left_out": [
            {
                "question": left.pair.question,
                "source": left.pair.source,
                "document": left.pair.document,
                "reason": left.reason,
            }
            for left in report.left_out
        ],
        "seconds": _rounded(report.seconds),
        "version": version(),
    }


def check_shape(report: "CheckReport") -> Shape:
    """What `check` compared, and every orphan and gap by name."""
    return {
        "ok": report.ok,
        "problems": [
            {"kind": problem.kind, "where": problem.where, "name": problem.name, "detail": problem.detail}
            for problem in report.problems
        ],
        "checked": dict(report.checked),
        "caught_up": report.caught_up,
        "seconds": _rounded(report.seconds),
        "version": version(),
    }


def info_shape(info: Mapping[str, Any]) -> Shape:
    """What is in a knowledge base, as `KnowledgeBase.info` tells it."""
    return {"version": version()} | {key: _plain(value) for key, value in info.items()}


def work_shape(done: Mapping[str, Any]) -> Shape:
    """What `rebuild` or `compact` did."""
    return {"version": version()} | {key: _plain(value) for key, value in done.items()}


def evaluation_shape(reports: Sequence[Mapping[str, Any]]) -> Shape:
    """One data set: its report. Several: `{"reports": […], "version"}`."""
    return dict(reports[0]) if len(reports) == 1 else {"reports": [dict(r) for r in reports], "version": version()}


def location_of(page: int | None, location: str | None) -> str | None:
    """Where in the source: a slide, `Sheet1!A2:C9`, an archive's member, else the page; None where there is neither."""
    return location or (None if page is None else f"page {page}")


def total_seconds(timings: Mapping[str, float]) -> float:
    """The whole time: what the flow measured as `total`, else the sum of the stages."""
    return round(timings.get("total", sum(timings.values())), 6)


def timings_shape(timings: Mapping[str, float]) -> dict[str, float]:
    """Seconds by stage."""
    return {stage: round(seconds, 6) for stage, seconds in timings.items() if stage != "total"}


def _rounded(number: float | None) -> float | None:
    # Through float(): a numpy float32 is no JSON.
    return None if number is None else round(float(number), 6)


def _reasons(files: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"source": source, "reason": reason} for source, reason in files]


def _plain(value: Any) -> Any:
    """Paths and other odd values as text, tuples as lists, so that everything is JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def eval_compare_shape(report: "ComparisonReport") -> Shape:
    """A against B: `{"a", "b", "measure", "alpha", "verdict", "n", "pooled", "datasets", "gate", "notes", …}`."""
    return report.as_json() | {"version": version()}


def eval_ablation_shape(report: "AblationReport") -> Shape:
    """Variants of the settings: `{"measure", "alpha", "pooled", "datasets", "left_out", "as_set", "version"}`."""
    return report.as_json() | {"version": version()}


def conversations_shape(conversations: "Iterable[Conversation]") -> Shape:
    """`{"conversations": [{"token", "title", "profile", "begun", "changed", "turns"}], "version"}`."""
    return {"conversations": [_conversation(one) for one in conversations], "version": version()}


def conversation_shape(talk: "Talk") -> Shape:
    """A conversation: what `conversations_shape` has of it, in `turns` each question with its answer, `settings`."""
    turns = [
        {
            "turn": one.turn,
            "state": one.state,
            "asked": one.asked,
            "question": one.question,
            "answer": None if one.answer is None else answer_shape(one.answer),
            "whole": one.whole,
        }
        for one in talk.turns
    ]
    kept = {"turns": turns, "settings": dict(talk.settings)}
    return {**_conversation(talk.conversation), **kept, "version": version()}


def _conversation(one: "Conversation") -> Shape:
    return {
        "token": one.token,
        "title": one.title,
        "profile": one.profile,
        "begun": one.begun,
        "changed": one.changed,
        "turns": one.turns,
    }


def told_shape(told: "Told") -> Shape:
    """An event of a turn of a conversation: `{"turn", "place", …}` and what `event_shape` says."""
    return {"turn": told.turn, "place": told.place, **event_shape(told.event)}


def event_shape(event: "AnswerEvent | Ended") -> Shape:
    """What is told of an answer while it comes into being; `event` says what it is."""
    from qianxun.answering.events import Checked, Done, Mark, Shown, Text, Withdrawn

    match event:
        case Shown(passages):
            return {"event": "shown", "passages": [passage_shape(one) for one in passages]}
        case Text(text):
            return {"event": "text", "text": text}
        case Mark(text, numbers):
            return {"event": "mark", "text": text, "numbers": list(numbers)}
        case Checked(statement, citations, added, unknown):
            return {
                "event": "checked",
                "statement": statement_shape(statement),
                "citations": [citation_shape(one) for one in citations],
                "added": list(added),
                "unknown": list(unknown),
            }
        case Withdrawn(reason):
            return {"event": "withdrawn", "reason": reason}
        case Done(answer):
            return {"event": "done", "answer": answer_shape(answer)}
        case _:
            return {"event": event.state}


def extract_shape(found: "Sequence[Extraction]", out: str | None) -> Shape:
    """What was drawn out of documents; the results themselves only where they are not written to a file."""
    from qianxun.extraction.journal import shape_of
    from qianxun.extraction.records import Outcome

    fields = [field for one in found for field in one.fields]
    return {
        "out": out,
        "results": [] if out else [shape_of(one) | {"kept": one.kept} for one in found],
        "outcomes": {name: sum(one.outcome == name for one in found) for name in get_args(Outcome)},
        "kept": sum(one.kept for one in found),
        "fields": {name: sum(field.support == name for field in fields) for name in get_args(Support)},
        "usage": {
            "prompt_tokens": sum(one.usage[0] for one in found if not one.kept),
            "completion_tokens": sum(one.usage[1] for one in found if not one.kept),
        },
        "version": version(),
    }


def job_shape(job: "Job") -> Shape:
    """A job: what it is about, how far it is, what came of it."""
    files = job.arguments.get("files", ())
    return {
        "job": job.token,
        "kind": job.kind,
        "base": job.base or None,
        "state": job.state,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "files": [one["source"] for one in files],
        "addresses": list(job.arguments.get("addresses", ())),
        "result": None if job.result is None else dict(job.result),
        "error": job.error and {"kind": job.error.kind, **_problem(job.error.as_error())},
        "created": job.created,
        "started": job.started or None,
        "finished": job.finished or None,
        "attempts": job.attempts,
        "stopping": job.stopping and not job.ended,
        "schedule": job.schedule or None,
        "version": version(),
    }


def _problem(error: "QianxunError") -> Shape:
    return {
        "message": error.template.format(**error.values),
        "remedy": error.remedy.format(**error.values),
    }


def jobs_shape(jobs: "Iterable[Job]") -> Shape:
    """`{"jobs": […], "version"}`."""
    return {"jobs": [job_shape(job) for job in jobs], "version": version()}


def schedules_shape(schedules: "Iterable[ScheduleState]") -> Shape:
    """`{"schedules": [{"name", "job", "base", "cron", "time_zone", "next", "open", "last"}], "version"}`."""
    return {
        "schedules": [
            {
                "name": one.schedule.name,
                "job": one.schedule.kind,
                "base": one.schedule.base or None,
                "cron": one.schedule.cron,
                "time_zone": str(one.schedule.zone),
                "next": None if one.due is None else one.due.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "open": one.open and job_shape(one.open),
                "last": one.last and job_shape(one.last),
            }
            for one in schedules
        ],
        "version": version(),
    }


def keys_shape(keys: "Iterable[Key]") -> Shape:
    """`{"keys": [{"id", "name", "labels", "bases", "actions", "expires", "revoked", …}], "version"}`; null: all."""
    return {
        "keys": [
            {
                "id": key.id,
                "name": key.name,
                "labels": None if key.grant.labels is None else sorted(key.grant.labels),
                "bases": None if key.grant.bases is None else sorted(key.grant.bases),
                "actions": sorted(key.grant.actions),
                "requests_per_minute": key.grant.requests_per_minute,
                "tokens_per_day": key.grant.tokens_per_day,
                "streams": key.grant.streams,
                "created": key.created,
                "expires": key.expires or None,
                "revoked": key.revoked or None,
                "used": key.used or None,
            }
            for key in keys
        ],
        "version": version(),
    }


def audit_shape(rows: "Iterable[AuditRow]") -> Shape:
    """`{"rows": [what `audit_row_shape` says of each], "version"}`."""
    return {"rows": [audit_row_shape(row) for row in rows], "version": version()}


def audit_row_shape(row: "AuditRow") -> Shape:
    """A row of the audit: ids, counts and hashes. `question_text` only where the settings keep it."""
    body = row.body
    prompt, completion = body.get("tokens", (0, 0))
    return {
        "seq": row.seq,
        "at": row.at.isoformat(timespec="microseconds"),
        "who": row.who,
        "action": row.action,
        "request": body.get("request", ""),
        "route": body.get("route", ""),
        "method": body.get("method", ""),
        "status": body.get("status", 0),
        "kb": body.get("kb", ""),
        "question": body.get("question", ""),
        "question_text": row.question,
        "passages": body.get("passages", []),
        "documents": body.get("documents", []),
        "models": body.get("models", {}),
        "tokens": {"prompt": prompt, "completion": completion},
        "seconds": body.get("seconds", 0.0),
        "verdict": body.get("verdict", ""),
        "degraded": body.get("degraded", []),
        "cached": body.get("cached", False),
        "changes": body.get("changes", False),
        "detail": body.get("detail", {}),
        "hash": row.hash.hex(),
    }


def audit_verify_shape(found: "VerifiedAudit") -> Shape:
    """Whether the audit holds; each problem with the first row concerned, and the last of several."""
    return {
        "ok": found.ok,
        "rows": found.rows,
        "first": found.first,
        "head": found.head,
        "dropped": found.dropped,
        "dropped_until": None if found.dropped_until is None else found.dropped_until.isoformat(),
        "signed": found.signed,
        "unchecked": found.unchecked,
        "problems": [{"seq": one.seq, "last": one.last or one.seq, "fault": one.fault} for one in found.problems],
        "version": version(),
    }
