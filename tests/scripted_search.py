"""A knowledge base for tests of evaluation: what it finds follows from the settings by a rule that a test can state."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qianxun.records import Asker, Document, Passage, SearchResult, Span, Status
from qianxun.settings import Settings

# question → documents, best first
Rule = Callable[[str, Settings, str], Sequence[str]]


@dataclass
class Scripted:
    """Opens knowledge bases that answer by a rule, and remembers what was opened, added and asked."""

    rule: Rule
    degraded: Callable[[Settings], tuple[str, ...]] = lambda settings: ()
    opened: list[tuple[Path, Settings]] = field(default_factory=list)
    added: list[Path] = field(default_factory=list)
    asked: list[tuple[str, int, Settings]] = field(default_factory=list)

    def __call__(self, path: Path, settings: Settings) -> "ScriptedBase":
        self.opened.append((path, settings))
        return ScriptedBase(self, path, settings)


class ScriptedBase:
    """One of them."""

    def __init__(self, script: Scripted, path: Path, settings: Settings) -> None:
        self.script, self.path, self.settings = script, path, settings

    def add_texts(self, items: Iterable[Any]) -> None:
        self.script.added.append(self.path)
        self.sources = [item.source for item in items]

    def documents(self) -> list[Document]:
        return [
            Document(i, source, "", "text", Status.READY, "", (), 1, None, 9, "", "", "")
            for i, source in enumerate(self.sources)
        ]

    def search(self, query: str, *, k: int, mode: str, asker: Asker) -> SearchResult:
        self.script.asked.append((query, k, self.settings))
        found = [
            Passage(rank, 1 / rank, rank, 1, source, "", None, None, (), Span(0, 1), "x", "", ("public",), {})
            for rank, source in enumerate(self.script.rule(query, self.settings, mode), 1)
        ]
        seconds = {"encode": 0.002, "fuse": 0.001} if mode != "lexical" else {"fuse": 0.001}
        return SearchResult(query, tuple(found[:k]), seconds, {}, self.script.degraded(self.settings))

    def reindex(self, *, enrich: bool, progress: Any) -> None:
        raise AssertionError("nothing is enriched here")

    def close(self) -> None:
        """Holds nothing."""


def written_dataset(
    folder: Path,
    questions: Mapping[str, str],
    relevant: Mapping[str, Mapping[str, int]],
    texts: Mapping[str, str] | None = None,
) -> Path:
    """A data set in BEIR layout whose corpus is the documents judged; their texts are their ids, or as given."""
    (folder / "qrels").mkdir(parents=True)
    documents = dict.fromkeys(document for grades in relevant.values() for document in grades)
    lines = {
        "corpus.jsonl": [
            {"_id": document, "title": "", "text": (texts or {}).get(document, document)} for document in documents
        ],
        "queries.jsonl": [{"_id": id, "text": text} for id, text in questions.items()],
    }
    for name, records in lines.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / name).write_text(text, encoding="utf-8")
    rows = [f"{q}\t{document}\t{grade}\n" for q, grades in relevant.items() for document, grade in grades.items()]
    (folder / "qrels" / "test.tsv").write_text("".join(rows), encoding="utf-8")
    return folder


def numbered(folder: Path, n: int, word: str = "第") -> Path:
    """A data set of n questions in Chinese, English and traditional Chinese; each is answered by one document."""
    texts = ("第 {n} 条，报销几天到账？", "When is invoice {n} due?", "第 {n} 項加班費如何申請（須經核准）？")
    questions = {f"{word}{i}": texts[i % 3].format(n=i) for i in range(n)}
    relevant = {id: {f"d-{id}": 1} for id in questions}
    return written_dataset(folder, questions, relevant, {f"d-{id}": text for id, text in questions.items()})
