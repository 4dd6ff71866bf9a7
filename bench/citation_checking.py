"""Are sentences that their passage bears accepted, and altered ones rejected? Several checkers, side by side.

    python -m bench.citation_checking [--half tuning] [--seed N] [--json OUT.json] [--failures CHECKER]

`--failures` prints what a checker judges wrongly in the half to tune on; that of the other half is not to be looked at.

Accepted means "supported"; everything else is rejected. The sentences and their labels come from `bench/checking`: half
of the sources is to tune on, and what is reported is of the other half. Shares come with their Wilson 95 % interval, by
language and kind, then over all items and as the mean of the kinds. Exit code 1 if a checker of the product accepts
less than 0.95 of the true sentences or rejects less than 0.95 of the altered ones, Chinese or English.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.answers import wilson
from bench.checking.checkers import Checker, alone, careful, rules, topical, with_judge, words_alone
from bench.checking.items import Item, across, items
from bench.checking.sources import Half, Language, sources
from qianxun.answering import cite
from qianxun.answering.checking import bearing, readings, statements
from qianxun.documents.splitting.sizes import tokens
from qianxun.records import Passage, Span

LEAST: Final = 0.95
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
CHECKERS: Final[dict[str, Checker]] = {
    "words alone": words_alone,
    "rules": rules,
    "rules, careful judge": with_judge(careful),
    "rules, topical judge": with_judge(topical),
    "careful judge alone": alone(careful),
    "topical judge alone": alone(topical),
}
# What the demand is on.
OURS: Final = ("rules", "rules, careful judge", "rules, topical judge")
# What can be compared in two languages.
ACROSS: Final = ("rules", "rules, careful judge", "careful judge alone")
_TOKENS: Final = 300
_N_TIMED: Final = 60


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `n` items of a language and kind a checker judged rightly."""

    language: str
    true: bool
    kind: str
    checker: str
    right: int
    n: int

    @property
    def value(self) -> float:
        return self.right / self.n


def measured(checked: Sequence[Item], checker: str) -> list[tuple[Item, bool]]:
    """Each item, and whether the checker judged it rightly."""
    accepts = CHECKERS[checker]
    return [(item, accepts(item) == item.true) for item in checked]


def shares(judged: Sequence[tuple[Item, bool]], checker: str) -> list[Share]:
    """By language, label and kind; the kind "all" is all items of a label."""
    counts: dict[tuple[str, bool, str], list[bool]] = defaultdict(list)
    for item, right in judged:
        for kind in (item.kind, "all"):
            counts[item.language, item.true, kind].append(right)
    return [Share(*key, checker, sum(found), len(found)) for key, found in sorted(counts.items())]


def milliseconds(half: Half, language: Language) -> tuple[float, float]:
    """The median time to check a sentence against a passage of `_TOKENS` tokens: the first one, and the next ones."""
    texts = [sentence for source in sources(half) if source.language == language for sentence in source.sentences]
    cold, warm = [], []
    for first in range(0, len(texts), max(1, len(texts) // _N_TIMED)):
        passage = _passage_of(texts[first:] + texts[:first])
        for cached in (readings.read, readings.read_together, statements.by_sentence, bearing.windows_of):
            cached.cache_clear()
        # Neither a copy, which is found at once, nor one that shares nothing.
        for times, sentence in ((cold, texts[first]), (warm, texts[(first + 1) % len(texts)])):
            start = time.perf_counter()
            cite.verify(f"{sentence[:-1]} {sentence[:4]}", passage)
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(cold), statistics.median(warm)


def _passage_of(texts: Sequence[str]) -> Passage:
    text, n = "", 0
    while tokens(text) < _TOKENS:
        text, n = f"{text}{texts[n]}\n", n + 1
    return Passage(1, 1.0, 1, 1, "timed", "", None, None, (), Span(0, len(text)), text, "", ("public",), {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tuning", "held out"), default="held out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--failures", choices=tuple(CHECKERS), help="print what this checker judges wrongly (half to tune on)"
    )
    arguments = parser.parse_args()
    if arguments.failures:
        return _print_failures(arguments.failures, arguments.seed)
    checked = items(arguments.half, arguments.seed)
    found = [share for checker in CHECKERS for share in shares(measured(checked, checker), checker)]
    _print_table(found, tuple(CHECKERS))
    print("\nIn the other language than the passage:\n")
    in_other = across(arguments.half)
    _print_table([share for checker in ACROSS for share in shares(measured(in_other, checker), checker)], ACROSS)
    print()
    for language in LANGUAGES:
        cold, warm = milliseconds(arguments.half, language)
        print(f"{language}: {cold:.1f} ms for a sentence and a new passage of {_TOKENS} tokens, then {warm:.1f} ms")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(share) for share in found], ensure_ascii=False, indent=1))
    failed = [s for s in found if s.kind == "all" and s.checker in OURS and s.value < LEAST]
    for share in failed:
        what = "true accepted" if share.true else "altered rejected"
        print(f"below {LEAST}: {share.checker}, {share.language}, {what}: {share.value:.3f}")
    return int(bool(failed))


def _print_table(found: Sequence[Share], checkers: Sequence[str]) -> None:
    by_key = {(s.language, s.true, s.kind, s.checker): s for s in found}
    print("| language | sentences | n | " + " | ".join(checkers) + " |")
    print("|---|---|---|" + "---|" * len(checkers))
    for language in LANGUAGES:
        for true in (True, False):
            kinds = sorted({s.kind for s in found if (s.language, s.true) == (language, true)} - {"all"})
            for kind in (*kinds, "all"):
                row = [by_key[language, true, kind, checker] for checker in checkers]
                label = f"{'true' if true else 'altered'}: {kind}"
                print(f"| {language} | {label} | {row[0].n} | " + " | ".join(map(_cell, row)) + " |")
            means = [
                sum(by_key[language, true, kind, checker].value for kind in kinds) / len(kinds) for checker in checkers
            ]
            label = f"{'true' if true else 'altered'}: mean of the kinds"
            print(f"| {language} | {label} | | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


def _cell(share: Share) -> str:
    low, high = wilson(share.right, share.n)
    return f"{share.value:.3f} ({low:.3f}–{high:.3f})"


def _print_failures(checker: str, seed: int) -> int:
    for item, right in measured(items("tuning", seed), checker):
        if not right:
            label = "true" if item.true else "altered"
            print(f"[{item.language} {label}: {item.kind}] {item.sentence}\n      {item.passage.text!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
