"""Every fusion method of the product, with some weights, on the development sets: which one should be the default?

Each question is searched once through the product. What its indexes found, and what its vectors tell, is then fused in
every way; documents are ranked by their best passage. The first line repeats the product's own ranking: a study whose
default differs from the product is one of something else, and ends with an error.

    python -m bench.fusion_methods [DATASET…]        the table: nDCG@10, and the worst difference to the better leg
    python -m bench.fusion_methods --leave-one-out   weights chosen on the other sets, measured on the one left out
    python -m bench.fusion_methods --all             every weight, not only the best of each method
    python -m bench.fusion_methods --set KEY=VALUE   other settings, such as search.candidates=200
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import qianxun
from bench.retrieval import BELOW_LEG, datasets
from qianxun.evaluation.datasets import Dataset, read_dataset
from qianxun.evaluation.measures import Measured, bootstrap_interval, measure
from qianxun.ingestion import TextItem
from qianxun.records import Asker, Hit, document_of
from qianxun.retrieval import search
from qianxun.retrieval.fuse import METHODS, Fused, fuse
from qianxun.settings import Settings, load_settings

WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6)
RRF_KS = (10, 60)
_LEGS = ("lexical", "dense")


@dataclass(frozen=True)
class Asked:
    """What the product gave its fusion for one question, and the ranking of documents that came out in the end."""

    legs: Mapping[str, Sequence[Hit]]
    given: Mapping[str, Any]
    product: Sequence[str]


@dataclass(frozen=True)
class Variant:
    """A method with its constants."""

    name: str
    arguments: Mapping[str, Any]


def variants() -> dict[str, list[Variant]]:
    """Every method with every weight; reciprocal rank with some k too."""
    found: dict[str, list[Variant]] = {}
    for method in METHODS:
        for weight in WEIGHTS:
            for k in RRF_KS if method == "rrf" else (None,):
                arguments = {"method": method, "dense_weight": weight} | ({"rrf_k": k} if k is not None else {})
                name = f"{method} {weight:g}" + (f", k {k}" if k is not None else "")
                found.setdefault(method, []).append(Variant(name, arguments))
    return found


def asked(judged: Dataset, settings: Settings) -> tuple[dict[str, Asked], dict[int, str]]:
    """Each question's fusion as the product does it, and the documents' sources by id."""
    alone = dataclasses.replace(settings.search, group_duplicates=False, group_near_duplicates=False)
    found: dict[str, Asked] = {}
    with tempfile.TemporaryDirectory(prefix="fusion-methods-") as folder:
        base = qianxun.open(Path(folder) / "kb", settings=dataclasses.replace(settings, search=alone))
        with base:
            base.add_texts(_items(judged))
            source_of = {document.id: document.source for document in base.documents()}
            for id, question in judged.questions.items():
                told: list[tuple[Any, Any]] = []

                def listening(legs: Any, told: Any = told, **given: Any) -> list[Fused]:
                    told.append((legs, given))
                    return fuse(legs, **given)

                with patch.object(search, "fuse", listening):
                    result = base.search(question, k=alone.candidates, mode="hybrid", asker=Asker.admin())
                legs, given = told[0] if told else (dict.fromkeys(_LEGS, ()), {"dense_weight": alone.dense_weight})
                sources = list(dict.fromkeys(passage.source for passage in result.passages))
                found[id] = Asked(legs, given, sources[:10])
    return found, source_of


def _items(judged: Dataset) -> Iterator[TextItem]:
    for document in judged.documents():
        if document.text.strip() or document.title.strip():
            yield TextItem(source=document.id, title=document.title, text=document.text)


class Set:
    """One data set, searched; `measured` answers for any way of fusing."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._judged = read_dataset(path)
        self.name = self._judged.name
        self._asked, self._source_of = asked(self._judged, settings)
        self.product = measure(self._judged.judgements, {id: one.product for id, one in self._asked.items()})
        alone = [
            self._measured({id: [hit.chunk for hit in one.legs[leg]] for id, one in self._asked.items()})
            for leg in _LEGS
        ]
        self.lexical, self.dense = alone
        self.better = max(one.mean["nDCG@10"] for one in alone)

    def fused(self, variant: Variant) -> Measured:
        """The rankings of a variant."""
        return self._measured(
            {
                id: [f.chunk for f in fuse(one.legs, **{**one.given, **variant.arguments})]
                for id, one in self._asked.items()
            }
        )

    def _measured(self, chunks: Mapping[str, Sequence[int]]) -> Measured:
        named = {
            id: list(dict.fromkeys(self._source_of[document_of(chunk)] for chunk in found))[:10]
            for id, found in chunks.items()
        }
        return measure(self._judged.judgements, named)


@dataclass(frozen=True)
class Line:
    """A variant's nDCG@10 on each set, its losses against the better leg, and its values by question, less the
    product's."""

    name: str
    values: tuple[float, ...]
    losses: tuple[float, ...]
    gained: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)


def line(name: str, sets: Sequence[Set], measured: Sequence[Measured]) -> Line:
    """A line of the table."""
    values = tuple(one.mean["nDCG@10"] for one in measured)
    gained = [
        ours - theirs
        for one, found in zip(sets, measured, strict=True)
        for ours, theirs in zip(found.by_question["nDCG@10"], one.product.by_question["nDCG@10"], strict=True)
    ]
    losses = tuple(one.better - value for one, value in zip(sets, values, strict=True))
    return Line(name, values, losses, tuple(gained))


def chosen(lines: Sequence[Line], among: Sequence[int]) -> Line:
    """The best mean over these sets of those within the gate on all of them; else the one that misses it by least."""

    def key(one: Line) -> tuple[float, float]:
        excess = max(0.0, max((one.losses[i] for i in among), default=0.0) - BELOW_LEG)
        return -round(excess, 6), sum(one.values[i] for i in among)

    return max(lines, key=key)


def main() -> int:
    """Prints the table; 1 if what was fused here is not what the product does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", type=Path)
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    settings = load_settings(overrides=arguments.set)
    sets = [Set(path, settings) for path in arguments.datasets or datasets()]
    lines = {
        method: [line(variant.name, sets, [one.fused(variant) for one in sets]) for variant in found]
        for method, found in variants().items()
    }
    everything = range(len(sets))
    print(f"{'nDCG@10':<26}" + "".join(f"{one.name[:13]:>14}" for one in sets), end="")
    print(f"{'mean':>8}{'worst':>8}   by question, less the product's (95 %)")
    for name, measured in (
        ("the product", [one.product for one in sets]),
        ("lexical alone", [one.lexical for one in sets]),
        ("dense alone", [one.dense for one in sets]),
    ):
        _show(line(name, sets, measured))
    for found in lines.values():
        for one in found if arguments.all else [chosen(found, everything)]:
            _show(one)
    if arguments.leave_one_out:
        print("\nleave one set out: weights chosen on the others, loss against the better leg on the one left out")
        for method, found in lines.items():
            held = [(chosen(found, [j for j in everything if j != i]), i) for i in everything]
            values = [one.values[i] for one, i in held]
            print(f"{method:<26}" + "".join(f"{-one.losses[i]:>+14.4f}" for one, i in held), end="")
            print(f"{sum(values) / len(values):>8.4f}{-max(one.losses[i] for one, i in held):>+8.4f}")
    return _differs(sets, Variant("as set", {}))


def _show(one: Line) -> None:
    low, high = bootstrap_interval(one.gained)
    print(f"{one.name:<26}" + "".join(f"{value:>14.4f}" for value in one.values), end="")
    print(f"{one.mean:>8.4f}{-max(one.losses):>+8.4f}", end="")
    print(f"   {sum(one.gained) / len(one.gained):+.4f} ({low:+.4f} … {high:+.4f})", flush=True)


def _differs(sets: Sequence[Set], as_set: Variant) -> int:
    """1 if the product's rankings are worth something else than those fused here as it is set."""
    found = [one.name for one in sets if abs(one.fused(as_set).mean["nDCG@10"] - one.product.mean["nDCG@10"]) > 0.0005]
    if found:
        print(f"the product ranks otherwise than its fusion: {', '.join(found)}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
