"""Which stage of search earns its cost, on every development set; and the loss gate for each of them.

    python -m bench.ablation [DATASET…] [--questions N] [--json FILE]

Each variant of `qianxun eval ablation` on each set, beside the default. A stage that is on must not cost quality: a
variant without it may be above the default by at most LOSS in nDCG@10 on any set. Nor may one leg alone. Exit 1 if it
is. Variants that turn on what is off by default are there to be looked at.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.retrieval import datasets
from qianxun.evaluation.comparing.ablation import ablate
from qianxun.evaluation.datasets import read_dataset
from qianxun.settings import load_settings

LOSS = 0.005
# Without these the default would be as good, or better: what they leave out must earn its place.
_WITHOUT = ("lexical only", "dense only", "without operators", "without other writings", "without spelling")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", type=Path)
    parser.add_argument("--questions", type=int, default=0, help="at most so many of each set, evenly spread; 0: all")
    parser.add_argument("--json", type=Path, help="the whole report")
    arguments = parser.parse_args()
    lost: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        sets = [_part(path, Path(place), arguments.questions) for path in arguments.datasets or datasets()]
        report = ablate(sets, load_settings()).as_json()
    if arguments.json:
        arguments.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    names = [row["variant"] for row in report["pooled"]["rows"]] if isinstance(report["pooled"], dict) else [
        row["variant"] for row in report["pooled"]
    ]  # fmt: skip
    print("| variant | " + " | ".join(on["dataset"] for on in report["datasets"]) + " | mean | difference | ms |")
    print("|---" * (len(report["datasets"]) + 4) + "|")
    for place_of, name in enumerate(names):
        of = [on["rows"][place_of] for on in report["datasets"]]
        whole = report["pooled"][place_of]
        difference = "" if whole["difference"] is None else (
            f"{whole['difference']:+.4f} ({whole['interval'][0]:+.4f} … {whole['interval'][1]:+.4f})"
        )  # fmt: skip
        values = " | ".join(f"{row['nDCG@10']:.4f}" for row in of)
        print(f"| {name} | {values} | {whole['nDCG@10']:.4f} | {difference} | {whole['milliseconds']['median']} |")
        for on, row in zip(report["datasets"], of, strict=True):
            if name in _WITHOUT and row["nDCG@10"] > on["rows"][0]["nDCG@10"] + LOSS:
                lost.append(f"{on['dataset']}: {name} is better by {row['nDCG@10'] - on['rows'][0]['nDCG@10']:.4f}")
    for line in lost:
        print(line)
    return 1 if lost else 0


def _part(path: Path, place: Path, questions: int) -> Path:
    """The set with at most so many questions; all documents stay."""
    whole = read_dataset(path)
    if not questions or len(whole.questions) <= questions:
        return path
    step = -(-len(whole.questions) // questions)
    kept = dict(list(whole.questions.items())[::step])
    folder = place / path.name
    (folder / "qrels").mkdir(parents=True)
    for file in path.glob("corpus.jsonl*"):
        (folder / file.name).symlink_to(file.resolve())
    lines = "".join(json.dumps({"_id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in kept.items())
    (folder / "queries.jsonl").write_text(lines, encoding="utf-8")
    judged = "".join(f"{id}\t{document}\t{grade}\n" for id in kept for document, grade in whole.judgements[id].items())
    (folder / "qrels" / "test.tsv").write_text(judged, encoding="utf-8")
    return folder


if __name__ == "__main__":
    sys.exit(main())
