"""Writes the table in `bench/README.md` from the newest row of each file in `bench/results`.

`python -m bench.table` writes it, `python -m bench.table --check` exits 1 if it is not up to date.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.rows import RESULTS, ROOT, number

README = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- table -->", "<!-- /table -->"


def newest(results: Path = RESULTS) -> list[dict[str, Any]]:
    """The last record of each file, by name."""
    return [json.loads(path.read_text(encoding="utf-8").splitlines()[-1]) for path in sorted(results.glob("*.jsonl"))]


def table(records: Sequence[dict[str, Any]]) -> str:
    """The records as Markdown, and below it where and by which commit they were made."""
    lines = ["| what | figure (range, n) | target | beside | met | commit |", "|---|---|---|---|---|---|"]
    machines: dict[str, None] = {}
    for record in records:
        ours = record["ours"]
        spread = f"{_figure(ours['low'], record)}–{_figure(ours['high'], record)}, n={ours['n']}"
        figure = f"**{_figure(ours['median'], record)}** ({spread})"
        machine = record["machine"]
        cores, gib, python = machine["cores"], machine["gib"], machine["python"]
        machines[f"{machine['processor']}, {cores} cores, {gib} GiB, Python {python}"] = None
        met = {True: "yes", False: "**no**", None: ""}[record["met"]]
        lines.append(
            f"| {record['what']} | {figure} {record['unit']} | {_target(record)} | {_beside(record)} | {met} "
            f"| {record['commit']} |"
        )
    return "\n".join([*lines, "", "Machine: " + "; ".join(machines) + "."])


def _figure(value: float, record: dict[str, Any]) -> str:
    return number(value) if record["unit"] else f"{value:.4f}"


def _target(record: dict[str, Any]) -> str:
    parts = []
    if record["target"] is not None:
        parts.append(f"{'≥' if record['more_is_better'] else '≤'} {_figure(record['target'], record)}")
    if record["ratio"] is not None:
        parts.append(f"{number(record['ratio'])} × better")
    return ", ".join(parts)


def _beside(record: dict[str, Any]) -> str:
    parts = []
    for peer, theirs in record["peers"].items():
        if isinstance(theirs, str):
            parts.append(f"{peer}: not measured")
        else:
            parts.append(f"{peer} {_figure(theirs['median'], record)} ({number(record['times_better'][peer])} ×)")
    return "; ".join(parts)


def main() -> int:
    """Writes or checks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}\n{table(newest())}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(wanted != text)
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
