"""The pipeline-loss gate: no stage may make the result worse than the stage before it.

Here on small data, so that every run of the tests sees it; `make test-quality` holds it on all development sets.
"""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from qianxun.evaluation.measures import bootstrap_interval
from qianxun.evaluation.retrieval import RetrievalReport, evaluate_retrieval
from qianxun.settings import load_settings

SHARED = Path(__file__).parents[2] / "shared" / "data" / "dev"
# As much as hybrid search may fall behind the better of its legs, nDCG@10.
ALLOWED = 0.005
SAMPLES = Path(__file__).parents[1] / "src" / "qianxun" / "samples"


def loss(report: RetrievalReport) -> tuple[float, float]:
    """(mean, least by the paired 95 % interval) of what the better leg's nDCG@10 is ahead of hybrid's."""
    measured = {result.mode: result.measured for result in report.results}
    better = max(("lexical", "dense"), key=lambda mode: measured[mode].mean["nDCG@10"])
    pairs = zip(measured[better].by_question["nDCG@10"], measured["hybrid"].by_question["nDCG@10"], strict=True)
    differences = [leg - hybrid for leg, hybrid in pairs]
    return sum(differences) / len(differences), bootstrap_interval(differences)[0]


@pytest.mark.parametrize("name", ["xquad-mixed", "xquad-zh-to-en", "xquad-en-to-zh"])
def test_hybrid_search_loses_nothing_against_its_better_leg(name: str, tmp_path: Path) -> None:
    source = SHARED / name
    if not source.is_dir():
        pytest.skip(f"the development set {name} is not there")
    folder = tmp_path / name
    (folder / "qrels").mkdir(parents=True)
    shutil.copy(source / "corpus.jsonl.gz", folder)
    with gzip.open(source / "queries.jsonl.gz", "rt", encoding="utf-8") as lines:
        kept = list(lines)[::8]
    (folder / "queries.jsonl").write_text("".join(kept), encoding="utf-8")
    ids = {json.loads(line)["_id"] for line in kept}
    with gzip.open(source / "qrels" / "test.tsv.gz", "rt", encoding="utf-8") as lines:
        judgements = [line for i, line in enumerate(lines) if i == 0 or line.split("\t")[0] in ids]
    (folder / "qrels" / "test.tsv").write_text("".join(judgements), encoding="utf-8")

    mean, least = loss(evaluate_retrieval(folder, settings=load_settings(), work=tmp_path / "work"))
    assert least <= ALLOWED, f"hybrid is {mean:.4f} behind the better leg"


def test_hybrid_search_loses_nothing_on_the_samples(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    (folder / "qrels").mkdir(parents=True)
    questions = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    judged = [q for q in questions if q["answerable"] and (SAMPLES / "documents" / q["source"]).suffix == ".md"]
    texts = {path.relative_to(SAMPLES / "documents").as_posix(): path for path in (SAMPLES / "documents").rglob("*.md")}
    assert len(judged) > 10
    corpus = [{"_id": n, "title": "", "text": p.read_text(encoding="utf-8")} for n, p in texts.items()]
    queries = [{"_id": q["id"], "text": q["question"]} for q in judged]
    for name, records in (("corpus", corpus), ("queries", queries)):
        lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    rows = [f"{q['id']}\t{q['source']}\t1\n" for q in judged]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows), encoding="utf-8")

    mean, least = loss(evaluate_retrieval(folder, settings=load_settings(), work=tmp_path / "work"))
    assert least <= ALLOWED, f"hybrid is {mean:.4f} behind the better leg"
