"""Sources that disagree: how often a conflict is named with both, and how often where there is none; questions back.

    python -m bench.conflicts [--half tuned|held-out|both] [--only SET]… [--limit N] [--json OUT.json]

Extractive answers, the builtin encoder. With `rgb-rag/counterfactual.jsonl.gz` (below `$BENCH_SHARED/data/dev`) the
false passages of its questions are added to the corpus: a conflict counts as *named with both* if the answer has one
that cites a quote with the true answer and a quote with the false one; `both in the passages` leaves out the questions
of which search did not find both. The same corpus without the false passages, and the other sets, tell how often an
answer names a conflict or asks back for no reason; a few of these conflicts are real.

Rules were written and numbers chosen with the `tuned` half of the questions, by a hash of their ids. A set that is not
there is skipped, and said so. Rates come with n and the 95 % Wilson interval.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.answers import rows, wilson
from bench.corpus import shared
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Answer
from qianxun.settings import load_settings
from qianxun.text import fold

SETS = ("rgb-rag", "cmrc2018-zh", "drcd-zht", "xquad-zh-to-zh", "xquad-en-to-en", "xquad-mixed", "cmed-zh")
HALVES = ("tuned", "held-out", "both")


def is_in_half(id_: str, half: str) -> bool:
    """Whether a question belongs to a half."""
    held_out = int(hashlib.sha256(id_.encode()).hexdigest(), 16) % 2
    return half == "both" or held_out == (half == "held-out")


def has(text: str, answer: Any) -> bool:
    """Whether a text holds an answer, or one of several ways to write it."""
    if isinstance(answer, list):
        return any(has(text, one) for one in answer)
    return "".join(fold(answer).split()) in "".join(fold(text).split())


def names_both(answer: Answer, true: Any, false: Any) -> bool:
    """Whether a conflict of the answer cites both: in each of two values a quote with one of the two."""
    for conflict in answer.conflicts:
        quotes = [" ".join(citation.quote for citation in value.citations) for value in conflict.values]
        for i, one in enumerate(quotes):
            if has(one, true) and any(has(other, false) for n, other in enumerate(quotes) if n != i):
                return True
    return False


def questions_of(folder: Path, half: str, limit: int | None) -> list[tuple[str, str]]:
    """Ids and texts of a set's questions, in the order of a hash, so that a limit takes no corner of it."""
    file = folder / "qa.jsonl.gz"
    found = [(q["id"], q["question"]) for q in rows(file)] if file.is_file() else []
    found = found or [(q["_id"], q["text"]) for q in rows(folder / "queries.jsonl.gz")]
    found.sort(key=lambda one: hashlib.sha256(one[0].encode()).hexdigest())
    return [one for one in found[:limit] if is_in_half(one[0], half)]


def items(folder: Path) -> Iterable[TextItem]:
    """The documents of a set."""
    return (TextItem(d["_id"], d["title"], d["text"]) for d in rows(folder / "corpus.jsonl.gz"))


def alarms(kb: KnowledgeBase, asked: Iterable[tuple[str, str]]) -> dict[str, list[int]]:
    """How many of the questions that were not refused were said to have sources that disagree, or were asked back."""
    counts = {"conflict named": [0, 0], "asked back": [0, 0]}
    for _, question in asked:
        answer = kb.ask(question)
        if answer.verdict != "no_evidence":
            for name, hit in (("conflict named", bool(answer.conflicts)), ("asked back", answer.verdict == "clarify")):
                counts[name][0] += hit
                counts[name][1] += 1
    return counts


def named(kb: KnowledgeBase, asked: Iterable[dict[str, Any]]) -> dict[str, list[int]]:
    """How many conflicts were named with both sources, by language."""
    counts: dict[str, list[int]] = {}
    for question in asked:
        answer = kb.ask(question["question"])
        hit = names_both(answer, question["answer"], question["fake_answer"])
        both = all(any(has(p.text, question[key]) for p in answer.passages) for key in ("answer", "fake_answer"))
        groups = ["all", question["lang"], *(["both in the passages"] if both else [])]
        for group in groups:
            counted = counts.setdefault(f"named with both ({group})", [0, 0])
            counted[0] += hit
            counted[1] += 1
    return counts


def share(hits: int, n: int) -> str:
    """A rate in words."""
    low, high = wilson(hits, n)
    return f"{hits} of {n}: {hits / n:.3f} ({low:.3f} to {high:.3f})" if n else "-"


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, default="held-out")
    parser.add_argument("--only", action="append", choices=SETS, help="only these sets")
    parser.add_argument("--limit", type=int, default=800, help="questions of each set, before they are halved")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    given = parser.parse_args(arguments)
    data = shared() / "data" / "dev"
    settings = load_settings(overrides=[], environ={})
    figures: dict[str, dict[str, list[int]]] = {}
    for name in given.only or SETS:
        if not (data / name / "corpus.jsonl.gz").is_file():
            print(f"skipped: no {name} below {data}; set BENCH_SHARED")
            continue
        with tempfile.TemporaryDirectory() as folder, open_knowledge_base(folder, settings=settings) as kb:
            kb.add_texts(items(data / name))
            figures[name] = alarms(kb, questions_of(data / name, given.half, given.limit))
            file = data / name / "counterfactual.jsonl.gz"
            if file.is_file():
                false = list(rows(file))
                texts = ((f"false-{q['id']}-{n}", text) for q in false for n, text in enumerate(q["wrong_passages"]))
                kb.add_texts(TextItem(source, "", text) for source, text in texts)
                figures["counterfactual"] = named(kb, [q for q in false if is_in_half(q["id"], given.half)])
        for of in (name, "counterfactual") if name == "rgb-rag" else (name,):
            for what, (hits, n) in figures.get(of, {}).items():
                print(f"{of:16} {what:40} {share(hits, n)}", flush=True)
    if given.json:
        given.json.write_text(json.dumps({"half": given.half, "figures": figures}) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
