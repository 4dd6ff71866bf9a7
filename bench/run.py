"""Runs the benchmark rows: `python -m bench.run [--only NAME]… [--save] [--tiny]`. Exit 1 if a target is missed.

NAME is a module of rows: startup, encoding, documents, mixed, adding, searching, stages, retrieval, qwen or merging
(the last two need the extra `qwen`). `bench.indexes`, `bench.answers`, `bench.refusal`, `bench.decoding`,
`bench.recognition`, `bench.splitting`, `bench.ablation`, `bench.scored_answers`, `bench.citation_checking`,
`bench.conflicts`, `bench.serving` (the service under load), `bench.pages`, `bench.first_token` (in a browser) and the
studies are scripts.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from bench.rows import Row, Sizes, in_words, save

MODULES = ("startup", "encoding", "documents", "mixed", "adding", "searching", "stages", "retrieval", "qwen", "merging")
TINY = Sizes(chunks=(60,), files=5, questions=5, runs=2, peer_runs=0, peers=False)


def run(names: Sequence[str], sizes: Sizes, *, keep: bool) -> list[Row]:
    """The rows of these modules, printed as they come."""
    found: list[Row] = []
    for name in names:
        for row in importlib.import_module(f"bench.{name}").rows(sizes):
            print(in_words(row.as_record()), flush=True)
            found.append(row)
            if keep:
                save([row])
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=MODULES, help="only these rows")
    parser.add_argument("--save", action="store_true", help="append to bench/results, then `python -m bench.table`")
    parser.add_argument("--tiny", action="store_true", help="check that everything runs; the figures mean nothing")
    parser.add_argument("--no-peers", action="store_true", help="ours only")
    parser.add_argument("--runs", type=int, default=Sizes.runs, help="samples of each figure")
    parser.add_argument("--peer-runs", type=int, default=Sizes.peer_runs, help="samples of each peer's figure")
    arguments = parser.parse_args()
    sizes = TINY if arguments.tiny else Sizes(
        runs=arguments.runs, peer_runs=arguments.peer_runs, peers=not arguments.no_peers
    )  # fmt: skip
    rows = run(arguments.only or MODULES, sizes, keep=arguments.save)
    missed = [row.name for row in rows if row.met() is False]
    if missed and not arguments.tiny:
        print("missed:", ", ".join(missed))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
