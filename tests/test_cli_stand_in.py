"""A knowledge base of three documents that remembers what it was asked, for tests of the command line.

It stands where `qianxun.open` stands and holds to the same signatures (a test below compares them), so the
command line is tested without indexes; `test_cli_real.py` goes through the real ones.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qianxun import knowledge_base
from qianxun.errors import Busy, NotFound
from qianxun.filters import Filter, visible_to
from qianxun.filters import matches as lets_through
from qianxun.ingestion import AddReport, CheckReport, Problem
from qianxun.records import (
    MAX_CHUNKS_PER_DOCUMENT,
    Answer,
    AnswerOptions,
    Asker,
    Citation,
    Document,
    Passage,
    Receipt,
    SearchResult,
    Span,
    Stage,
    Status,
    chunk_id,
)
from qianxun.settings import Settings
from qianxun.storage.reindex import Progress

FOLDER = str(Path("docs").absolute())


def document(id: int, name: str, title: str, *, labels: tuple[str, ...] = ("public",), **more: Any) -> Document:
    facts: dict[str, Any] = {
        "format": "markdown",
        "status": Status.READY,
        "reason": "",
        "chunks": 2,
        "pages": None,
        "chars": 120,
        "digest": "0" * 64,
        "modified": "2025-01-02T03:04:05+00:00",
        "added": "2025-02-03T04:05:06+00:00",
    }
    return Document(id=id, source=f"{FOLDER}/{name}", title=title, labels=labels, **(facts | more))


DOCUMENTS = [
    document(1, "人事/员工手册.md", "员工手册"),
    document(2, "finance/policy.pdf", "Expense policy", labels=("finance",), pages=3, format="pdf"),
    document(
        3,
        "scan.pdf",
        "scan",
        status=Status.FAILED,
        reason=f"{FOLDER}/scan.pdf is an empty file.",
        chunks=0,
    ),
]
TEXT = "工作满五年的员工，每年有十天年休假。The hotel limit is 650 yuan a night."


def passage(rank: int, of: Document, *, page: int | None = None) -> Passage:
    return Passage(
        rank=rank,
        score=0.9 - rank / 10,
        chunk=chunk_id(of.id, 0),
        document=of.id,
        source=of.source,
        title=of.title,
        page=page,
        location=None,
        heading=("休假", "年休假"),
        span=Span(10, 10 + len(TEXT)),
        text=TEXT,
        context="休假",
        labels=of.labels,
        stages={"dense": Stage(rank, 0.81), "lexical": Stage(None, None)},
        matched=("年休", "休假", "hotel"),
        duplicates=(f"{FOLDER}/copy.md",) if rank == 1 else (),
    )


@dataclass
class StandIn:
    """Remembers `asked` and raises `fails` when it is set."""

    directory: Path
    opened: dict[str, Any]
    asked: list[tuple[str, dict[str, Any]]]
    fails: BaseException | None = None
    report: AddReport | None = None
    problems: tuple[Problem, ...] = ()
    settings = Settings()
    verdict: str = "answered"

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append(("close", {}))

    def _note(self, name: str, **values: Any) -> None:
        self.asked.append((name, values))
        if self.fails is not None:
            raise self.fails

    def add(
        self, paths: Any, *, labels: Any = None, sync: Any = False, retry: Any = False, progress: Any = None
    ) -> Any:
        self._note("add", paths=paths, labels=labels, sync=sync, retry=retry)
        for done in (1, 2):
            progress(Progress("reading", done, 2, f"{FOLDER}/a.md", 0.5))
        return self.report or AddReport(added=2, unchanged=1, chunks=7, seconds=1.25)

    def matching(self, what: Sequence[Any], *, asker: Asker = Asker.admin()) -> list[Document]:  # noqa: B008
        self._note("matching", what=what)
        found = [d for d in DOCUMENTS if any(w == d.id or (isinstance(w, str) and w in d.source) for w in what)]
        if not found:
            raise NotFound(
                "No document matches {item!r}.", remedy="`qianxun list` shows ids and sources.", item=what[0]
            )
        return found

    def remove(
        self,
        what: Sequence[Any],
        *,
        purge: bool = False,
        asker: Asker = Asker.admin(),  # noqa: B008
        progress: Any = None,
    ) -> Receipt:
        self._note("remove", what=what, purge=purge)
        gone = self.matching(what, asker=asker)
        return Receipt(tuple((d.id, d.source) for d in gone), chunks=2 * len(gone), vectors=2, revision=9, purge=purge)

    def label(
        self,
        what: Sequence[Any],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        asker: Asker = Asker.admin(),  # noqa: B008
    ) -> list[Document]:
        self._note("label", what=what, add=add, remove=remove)
        return self.matching(what, asker=asker)

    def search(
        self,
        query: str,
        *,
        k: int | None = None,
        mode: str | None = None,
        asker: Asker = Asker.admin(),  # noqa: B008
        where: Filter | None = None,
        explain: bool = False,
        turns: Sequence[Any] = (),
    ) -> SearchResult:
        assert explain, "the command line shows which terms matched"
        self._note("search", query=query, k=k, mode=mode, asker=asker, where=where)
        found = [d for d in self.documents(asker=asker, where=where) if d.status is Status.READY]
        passages = [passage(rank, d, page=d.pages) for rank, d in enumerate(found, start=1)]
        return SearchResult(query, tuple(passages), {"encode": 0.001, "dense": 0.002}, {"encoder": "builtin"})

    def ask(
        self,
        question: str,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008
        where: Filter | None = None,
        turns: Sequence[Any] = (),
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[Any] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008
    ) -> Answer:
        self._note("ask", question=question, asker=asker, where=where, options=options)
        first = passage(1, (DOCUMENTS or [document(1, "甲.md", "甲")])[0])
        citation = Citation(
            number=1,
            chunk=first.chunk,
            document=1,
            source=first.source,
            title=first.title,
            page=None,
            location=None,
            heading=first.heading,
            span=Span(10, 28),
            quote=TEXT[:18],
            support="supported",
            sentence=TEXT[:18],
        )
        nothing = self.verdict == "no_evidence"
        return Answer(
            question=question,
            text="没有找到依据。" if nothing else "每年有十天年休假。[1]",
            verdict=self.verdict,  # type: ignore[arg-type]
            citations=() if nothing else (citation,),
            passages=(first,) if DOCUMENTS else (),
            seconds={"encode": 0.001, "extract": 0.003},
            models={"encoder": "builtin", "answer": "extractive"},
            notes=("没有配置语言模型，因此直接摘引原文。",),
        )

    def documents(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008
        where: Filter | None = None,
    ) -> list[Document]:
        allowed = visible_to(asker, where)
        return [d for d in DOCUMENTS if allowed is None or lets_through(allowed, d)]

    other_encoder: str | None = None

    def document(self, id: int, *, asker: Asker = Asker.admin()) -> Document:  # noqa: B008
        self._note("document", id=id)
        for found in self.documents(asker=asker):
            if found.id == id:
                return found
        raise NotFound("There is no document {id}.", id=id)

    def text(self, id: int, *, asker: Asker = Asker.admin()) -> str:  # noqa: B008
        return TEXT

    def chunks(
        self,
        id: int,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008
        first: int = 0,
        count: int = MAX_CHUNKS_PER_DOCUMENT,
    ) -> list[Passage]:
        self._note("chunks", id=id)
        return [passage(1, DOCUMENTS[0])]

    def info(self) -> dict[str, Any]:
        return {
            "directory": str(self.directory),
            "documents": {"ready": 2, "failed": 1},
            "chunks": 4,
            "indexes": {"faiss": {"revision": 3, "chunks": 4, "reason": "exact: small", "bytes": 2048}},
            "unfinished": [],
            "bytes": 4096,
        }

    def check(self, *, progress: Any = None) -> CheckReport:
        return CheckReport(list(self.problems), {"documents": 3, "chunks": 4})

    def rebuild(self, *, progress: Any = None) -> dict[str, Any]:
        self._note("rebuild")
        return {"chunks": 4, "reset": []}

    def compact(self, *, progress: Any = None) -> dict[str, Any]:
        self._note("compact")
        return {"bytes_before": 4096, "bytes_after": 2048}


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The stand-in, opened by every command of the test."""
    stand_in = StandIn(tmp_path / "kb", {}, [])

    def opened(path: Path, **options: Any) -> StandIn:
        stand_in.opened = options | {"path": path}
        if stand_in.fails is not None and isinstance(stand_in.fails, NotFound | Busy):
            raise stand_in.fails
        return stand_in

    monkeypatch.setattr(knowledge_base, "open", opened)
    monkeypatch.setattr(sys, "argv", ["qianxun"])
    return stand_in  # type: ignore[return-value]


@pytest.mark.parametrize(
    "name", [name for name in vars(StandIn) if not name.startswith("_") and callable(getattr(StandIn, name))]
)
def test_stand_in_takes_what_the_knowledge_base_takes(name: str) -> None:
    real, ours = (inspect.signature(getattr(kind, name)) for kind in (knowledge_base.KnowledgeBase, StandIn))
    assert set(ours.parameters) == set(real.parameters)
