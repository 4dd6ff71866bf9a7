"""How fast 10,000 entries of word lists are found, beside the naive ways and another automaton.

    python -m bench.guarding [--entries N] [--megabytes N] [--runs N]

Text: passages of the corpus of the speed rows (`bench.corpus`). Entries: 70 % Chinese of two to five characters, 30 %
English of one or two words, drawn from the text's own characters and words, shuffled, so that they look like the text
and seldom stand in it; one of a hundred is cut out of it. A MB is 10^6 bytes of UTF-8.

`whole` is one call of `guard` for all of the text, `passages` one for each passage, `pieces` one `feed` for each two
characters of an answer. The naive ways see only what is written exactly as in the list: a Python regular expression of
all entries (alternatives, the longest first), and `in` for each entry and passage. `pyahocorasick` is the automaton
alone on the text as it is, if it is installed; `automaton` is ours alone. `masked`, `as_material` and `safe_links` know
no entries; each goes through every passage. Processor time, median of the runs: one thread, whatever else the machine
does.
"""

import argparse
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from bench.corpus import described, passages
from qianxun.guarding import Entry, Guarding, Words, guard, masked, safe_links
from qianxun.prompting import as_material

_SEED = 1
_LATIN = re.compile(r"[A-Za-z]{3,}")
_HAN = re.compile("[\u4e00-\u9fff]")
# Of the text, for ways that would take minutes.
_NAIVE_SHARE = 0.02
_PIECES_CHARS = 20_000


def entries(texts: Sequence[str], n: int) -> list[str]:
    """n different entries, the same for the same texts."""
    chance = random.Random(_SEED)
    joined = "\n".join(texts)
    words, characters = sorted(set(_LATIN.findall(joined))) or ["word"], sorted(set(_HAN.findall(joined)))
    found: set[str] = set()
    while len(found) < n:
        if chance.random() < 0.01:
            start = chance.randrange(len(joined) - 5)
            entry = joined[start : start + chance.randint(4, 6)].strip()
            if len(entry) < 4 or not entry.isalnum():
                continue
        elif characters and chance.random() < 0.7:
            entry = "".join(chance.choices(characters, k=chance.randint(2, 5)))
        else:
            entry = "".join(chance.sample(word := chance.choice(words), len(word)))
            entry += " " + chance.choice(words) if chance.random() < 0.3 else ""
        found.add(entry)
    return sorted(found)


def ways(listed: Sequence[str], texts: Sequence[str]) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """(name, the text it goes through, what to time)."""
    words = Words(map(Entry, listed))
    whole = "\n".join(texts)
    part = texts[: max(1, int(len(texts) * _NAIVE_SHARE))]
    answer = whole[:_PIECES_CHARS]
    yield "whole", whole, lambda: guard(whole, words)
    yield "passages", "".join(texts), lambda: [guard(text, words) for text in texts]
    yield "pieces", answer, lambda: _in_pieces(answer, words)
    yield "masked (personal data)", "".join(texts), lambda: [masked(text) for text in texts]
    yield "as_material", "".join(texts), lambda: [as_material(text) for text in texts]
    yield "safe_links", "".join(texts), lambda: [safe_links(text, ()) for text in texts]
    from ahocorasick_rs import AhoCorasick, Implementation

    bare = AhoCorasick(listed, implementation=Implementation.ContiguousNFA)
    yield "automaton", whole, lambda: bare.find_matches_as_indexes(whole, overlapping=True)
    try:
        import ahocorasick
    except ImportError:
        print("pyahocorasick: absent (pip install pyahocorasick)")
    else:
        other = ahocorasick.Automaton()
        for entry in listed:
            other.add_word(entry, entry)
        other.make_automaton()
        yield "pyahocorasick", whole, lambda: list(other.iter(whole))
    pattern = re.compile("|".join(map(re.escape, sorted(listed, key=len, reverse=True))))
    yield "regular expression", "".join(part), lambda: [pattern.findall(text) for text in part]
    yield "`in` for each", "".join(part), lambda: [entry for text in part for entry in listed if entry in text]


def _in_pieces(answer: str, words: Words) -> str:
    stream = Guarding(words)
    given = [stream.feed(answer[i : i + 2]) for i in range(0, len(answer), 2)]
    return "".join([*given, stream.close()])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--megabytes", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    n_passages = max(1, int(arguments.megabytes * 1e6 / 150))
    texts, size = [], 0
    for text in passages(2 * n_passages):
        if size >= arguments.megabytes * 1e6:
            break
        texts.append(text)
        size += len(text.encode())
    random.Random(_SEED).shuffle(texts)
    listed = entries(texts, arguments.entries)
    Words([Entry("敏感词")]).find(texts[0])  # loads what is loaded once
    started = time.process_time()
    words = Words(map(Entry, listed))
    built = time.process_time() - started
    n_found = sum(len(words.find(text)) for text in texts)
    print(f"{described(len(texts))}, {size / 1e6:.1f} MB; {len(words):,} entries, made ready in {built:.2f} s")
    print(f"found: {n_found:,} places in {sum(bool(words.find(text)) for text in texts):,} passages")
    for name, text, timed in ways(listed, texts):
        seconds = []
        for _ in range(arguments.runs):
            started = time.process_time()
            timed()
            seconds.append(time.process_time() - started)
        took, megabytes = statistics.median(seconds), len(text.encode()) / 1e6
        line = f"{name}: {megabytes / took:,.2f} MB/s (n={arguments.runs}, {megabytes:.2f} MB)"
        if name == "pieces":
            line += f", {took / (len(text) / 2) * 1e6:.0f} µs a piece"
        print(line, flush=True)


if __name__ == "__main__":
    main()
