"""Extractive answers on the development sets, scored by `qianxun eval answers`: right, cited, refused.

    python -m bench.scored_answers [DATASET…] [--limit N] [--write] [--set KEY=VALUE]…

DATASET is a folder below `$BENCH_SHARED/data/dev`. Of rgb-rag all questions are asked, 58 of which its documents do
not answer. Of the others `--limit` questions (300), by a hash of their ids; of every sixth the relevant documents are
left out of the knowledge base, so that it cannot be answered. Means come with n and a 95 % bootstrap interval,
precision and recall of refusals with the Wilson interval. `--write` writes the table into `docs/evaluation.md`.
"""

import argparse
import gzip
import hashlib
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.answers import rows, wilson, write_block
from bench.corpus import shared
from qianxun.evaluation.answers.measuring import AnswerReport, evaluate_answers
from qianxun.evaluation.question_sets.records import Evidence, Question, QuestionSet
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.settings import load_settings

DATASETS = (
    "rgb-rag",
    "cmrc2018-zh",
    "drcd-zht",
    "xquad-zh-to-zh",
    "xquad-en-to-en",
    "xquad-en-to-zh",
    "xquad-zh-to-en",
)
COLUMNS = {
    "contained": "answer contained",
    "correctness": "correct",
    "citation_precision": "citation precision",
    "citation_recall": "citation recall",
    "evidence_recall": "evidence cited",
}
_EVERY = 6


def order(id: str) -> str:
    """A place among questions that has nothing to do with what they ask."""
    return hashlib.sha256(id.encode()).hexdigest()


def of_rgb(folder: Path) -> tuple[list[Question], set[str]]:
    """All questions of a folder with `qa.jsonl.gz`; nothing is left out."""
    found = []
    for row in rows(folder / "qa.jsonl.gz"):
        parts = row["answer_parts"]
        # A part has aliases; a question with several parts is answered by all of them, by their first names.
        answers: tuple[Any, ...] = (tuple(part[0] for part in parts),) if len(parts) > 1 else tuple(*parts)
        evidence = tuple(Evidence(id) for id in row["gold_passage_ids"])
        found.append(Question(row["id"], row["question"], answers, evidence, answerable=row["answerable"]))
    return found, set()


def of_beir(folder: Path, limit: int) -> tuple[list[Question], set[str]]:
    """Some questions, and the documents to be left out, which are what every sixth is about."""
    relevant: dict[str, list[str]] = defaultdict(list)
    with gzip.open(folder / "qrels" / "test.tsv.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            query, document, score = line.split("\t")
            if int(score) > 0:
                relevant[query].append(document)
    chosen = sorted(rows(folder / "queries.jsonl.gz"), key=lambda row: order(row["_id"]))[:limit]
    withheld = {document for row in chosen[::_EVERY] for document in relevant[row["_id"]]}
    found = []
    for row in chosen:
        there = [document for document in relevant[row["_id"]] if document not in withheld]
        answers = tuple(row["metadata"]["answers"]) if there else ()
        evidence = tuple(Evidence(document) for document in there)
        found.append(Question(row["_id"], row["text"], answers, evidence, answerable=bool(there)))
    return found, withheld


def documents(folder: Path, withheld: set[str]) -> Iterator[TextItem]:
    """The documents of a data set, without those."""
    for row in rows(folder / "corpus.jsonl.gz"):
        if row["_id"] not in withheld:
            yield TextItem(row["_id"], row["title"], row["text"])


def scored(folder: Path, kb: KnowledgeBase, limit: int) -> AnswerReport:
    """The report of one data set."""
    is_rgb = (folder / "qa.jsonl.gz").is_file()
    questions, withheld = of_rgb(folder) if is_rgb else of_beir(folder, limit)
    kb.add_texts(documents(folder, withheld))
    return evaluate_answers(kb, QuestionSet(folder.name, tuple(questions)))


def line(report: AnswerReport) -> str:
    """A data set's row of the table."""
    cells = [report.name, str(len(report.results))]
    for measure in COLUMNS:
        mean = report.mean(measure)
        cells.append("–" if mean is None else f"{mean.mean:.3f} ({mean.interval[0]:.3f}–{mean.interval[1]:.3f})")
    refused = report.refusals
    for n in (refused.refused, refused.unanswerable):
        low, high = wilson(refused.right, n)
        cells.append(f"{refused.right} of {n} ({low:.2f}–{high:.2f})" if n else "–")
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", metavar="DATASET")
    parser.add_argument("--limit", type=int, default=300, help="questions of each set but rgb-rag")
    parser.add_argument("--write", action="store_true", help="write the table into docs/evaluation.md")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `qianxun`")
    given = parser.parse_args(arguments)
    folders = given.data or [shared() / "data" / "dev" / name for name in DATASETS]
    missing = [str(folder) for folder in folders if not (folder / "corpus.jsonl.gz").is_file()]
    if missing:
        parser.error(f"no corpus.jsonl.gz in: {', '.join(missing)}; set BENCH_SHARED or name the data sets")
    settings = load_settings(overrides=given.set, environ={})
    headers = ["data set", "n", *COLUMNS.values(), "refusals right", "unanswerable refused"]
    table = [f"| {' | '.join(headers)} |", "|---" * len(headers) + "|"]
    print("\n".join(table), flush=True)
    for folder in folders:
        with tempfile.TemporaryDirectory() as home, open_knowledge_base(home, settings=settings) as kb:
            table.append(line(scored(folder, kb, given.limit)))
        print(table[-1], flush=True)
    if given.write:
        write_block("scored answers", "\n".join(table))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
