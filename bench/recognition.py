"""How well text is read from generated pages: the share of characters that are wrong, by language and damage.

    python -m bench.recognition [--n N] [--only LANGUAGE…] [--seed S] [--no-peer] [--scores] [--filled SHARE]
                                [--font FILE]

Pages are A4, some 1,500 characters of 10.5 points put together from words of the sample documents: invented text in
a clean font, so optimistic for scans of books. The error is the edit distance over the length of the true text, both
in NFKC (full-width forms count as their narrow ones) and without spaces beside Chinese; the interval is a bootstrap
over pages, 95 %. `exact` folds nothing. The peer is RapidOCR as it starts, with the same models, where it can be
imported. `--scores` shows instead how scores and errors go together on pages from bad to unreadable.
"""

import argparse
import functools
import random
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.page_images import DAMAGES, LANGUAGES, RUINS, Damage, font_path, page
from qianxun.documents.formats.scanned import text_of_picture

_BESIDE_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\s+|\s+(?=[\u3000-\u9fff\uff00-\uffef])")
Reader = Callable[[Any], tuple[str, float]]
Drawer = Callable[[str, Damage, random.Random], tuple[Any, str]]


def ours(picture: Any) -> tuple[str, float]:
    """The text as qianxun reads it, and its score."""
    read = text_of_picture(picture)
    return "\n".join(block.text for block in read.blocks), read.score


def peer() -> Reader | None:
    """RapidOCR as it starts; None where it cannot be imported."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(picture: Any) -> tuple[str, float]:
        found = engine(picture[:, :, ::-1])
        texts, scores = list(found.txts or ()), list(found.scores or ())
        return "\n".join(texts), float(np.mean(scores)) if scores else 1.0

    return read


def folded(text: str) -> str:
    """What is compared: NFKC, one space for several, none beside Chinese."""
    return exact(unicodedata.normalize("NFKC", text))


def exact(text: str) -> str:
    """The text with one space for several, and none beside Chinese."""
    return _BESIDE_CHINESE.sub("", " ".join(text.split()))


def edit_distance(a: str, b: str) -> int:
    """Levenshtein's distance; Myers 1999, "A fast bit-vector algorithm", with one long word."""
    if not a:
        return len(b)
    places: dict[str, int] = {}
    for i, char in enumerate(a):
        places[char] = places.get(char, 0) | 1 << i
    everything, last = (1 << len(a)) - 1, 1 << (len(a) - 1)
    up, down, distance = everything, 0, len(a)
    for char in b:
        equal = places.get(char, 0)
        vertical = equal | down
        horizontal = (((equal & up) + up) ^ up) | equal
        grows = down | (everything & ~(horizontal | up))
        shrinks = up & horizontal
        distance += bool(grows & last) - bool(shrinks & last)
        grows = (grows << 1 | 1) & everything
        shrinks = shrinks << 1 & everything
        up = shrinks | (everything & ~(vertical | grows))
        down = grows & vertical
    return distance


def error_rate(true: str, read: str) -> float:
    """Edit distance over the length of the true text."""
    return edit_distance(true, read) / max(1, len(true))


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean."""
    generator = np.random.default_rng(seed)
    means = generator.choice(np.array(values), (2000, len(values))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def by_damage(drawn: Drawer, n: int, languages: Sequence[str], seed: int, with_peer: bool) -> None:
    """Prints a line for each language and damage."""
    readers: dict[str, Reader] = {"qianxun": ours}
    other = peer() if with_peer else None
    if other is not None:
        readers["rapidocr"] = other
    print(f"{'language':12}{'damage':30}{'reader':10}{'errors %':>9}  {'interval':16}{'exact %':>8}  score  CPU s/page")
    for language in languages:
        for damage in DAMAGES:
            seeds = [random.Random(f"{seed} {language} {damage.name} {i}") for i in range(n)]
            pages = [drawn(language, damage, seeded) for seeded in seeds]
            for name, read in readers.items():
                rows = [_measured(read, *one) for one in pages]
                errors, exacts, scores, seconds = zip(*rows, strict=True)
                low, high = interval(errors)
                print(
                    f"{language:12}{damage.name:30}{name:10}{100 * np.mean(errors):9.2f}  "
                    f"{f'{100 * low:.2f}–{100 * high:.2f}':16}{100 * np.mean(exacts):8.2f}{np.mean(scores):7.3f}"
                    f"{np.median(seconds):12.2f}",
                    flush=True,
                )


def _measured(read: Reader, picture: Any, true: str) -> tuple[float, float, float, float]:
    begun = time.process_time()  # one thread: what else the machine does counts less
    text, score = read(picture)
    seconds = time.process_time() - begun
    return error_rate(folded(true), folded(text)), error_rate(exact(true), exact(text)), score, seconds


def by_score(drawn: Drawer, n: int, languages: Sequence[str], seed: int) -> None:
    """Prints how scores and errors go together."""
    rows = []
    for language in languages:
        for damage in (*DAMAGES, *RUINS):
            for i in range(n):
                seeded = random.Random(f"{seed} {language} {damage.name} {i}")
                error, _, score, _ = _measured(ours, *drawn(language, damage, seeded))
                rows.append((score, error, language, damage.name))
                print(f"{language:12}{damage.name:30}{score:7.3f}{100 * error:8.1f} %", flush=True)
    print("\nleast score   pages kept   errors of those kept, mean and worst   readable pages (errors <= 10 %) refused")
    for least in np.arange(0.5, 0.96, 0.05):
        kept = [error for score, error, *_ in rows if score >= least]
        readable = [score for score, error, *_ in rows if error <= 0.1]
        refused = sum(score < least for score in readable) / max(1, len(readable))
        print(
            f"{least:11.2f}{len(kept) / len(rows):12.0%}{100 * np.mean(kept or [0]):16.1f} %"
            f"{100 * max(kept, default=0):10.1f} %{refused:20.1%}"
        )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=5, help="pages of each language and damage")
    parser.add_argument("--only", nargs="*", choices=LANGUAGES, default=list(LANGUAGES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--scores", action="store_true")
    parser.add_argument("--filled", type=float, default=1.0, help="share of each page that is written on")
    parser.add_argument("--font", type=Path, default=None, help="another font; default: that of the test extra")
    asked = parser.parse_args()
    font = asked.font or font_path()
    if font is None:
        print("No font: pip install noto-cjk-sans-otc, or --font FILE.")
        return 1
    drawn = functools.partial(page, font=font, filled=asked.filled)
    if asked.scores:
        by_score(drawn, asked.n, asked.only, asked.seed)
    else:
        by_damage(drawn, asked.n, asked.only, asked.seed, not asked.no_peer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
