"""Rows: what encoding costs: a question, passages of three lengths on one core, the first vector, memory, files.

Beside it the encoder's teacher, all-MiniLM-L6-v2, which has as many layers of the same sizes: as
sentence-transformers runs it, and as ONNX Runtime runs its plain float32 graph. The second tells how much comes
from the runtime and how much from eight-bit arithmetic.

Everyone's time is from text to vector, cutting into tokens included, in one thread on one core. Passages are cut off
by everyone's own tokeniser, so that all encode the same number of tokens; that a token of ours holds more Chinese (a
word, where the teacher has a character) is left out. Questions are whole, and the teacher gets the English ones only.
"""

import gzip
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import corpus
from bench.rows import PEERS_ABSENT, ROOT, Figure, Row, Sizes, peers_python, run_process
from bench.searching import resident

LENGTHS = (32, 128, 256)
LANGUAGES = {"zh": "Chinese", "en": "English"}
N_WARM = 20
_PEER = Path(__file__).with_name("peer_teacher.py")
# The names that `peer_teacher.py` gives its figures.
PEERS = {"transformers": "teacher in sentence-transformers", "onnx": "teacher in ONNX Runtime"}
_PEER_PATHS = (ROOT, ROOT / "src", ROOT / "training" / "student")
_COMMAND = "python -m bench.run --only encoding"


def rows(sizes: Sizes) -> Iterator[Row]:
    """Questions, passages of each length, then what the encoder takes: time to load, memory, disk."""
    with tempfile.TemporaryDirectory() as place:
        texts = Path(place) / "texts.json"
        texts.write_text(json.dumps(_texts(sizes)), encoding="utf-8")
        yield from _speed(texts, sizes)
        yield _load(sizes)
        yield _memory(texts, sizes)
    yield _files()


def _texts(sizes: Sizes) -> dict[str, Any]:
    n_passages = max(1, sizes.questions // 4)
    n_questions = sizes.questions + N_WARM
    # Enough to join several for each long text, those of the warm-up included.
    passages = corpus.passages(8 * (n_passages + N_WARM))
    return {
        "n_passages": n_passages,
        "passages": passages,
        "longest": list(cut(passages, n_passages, max(LENGTHS), _our_tokens())),
        "questions": {
            "zh": corpus.questions(n_questions, 25 * n_questions),
            "en": _english_questions(n_questions),
        },
    }


def _english_questions(n: int) -> list[str]:
    """What is asked in the English side of the corpus' parallel text, evenly spread; made up where that is absent."""
    path = corpus.shared() / "data" / "train" / "parallel_zh_en.jsonl.gz"
    if not path.exists():
        things = ("router", "contract", "printer", "invoice", "password", "engine", "museum", "patient", "river")
        verbs = ("change", "find", "check", "return", "describe", "replace")
        pairs = itertools.permutations(things, 2)
        asked = [f"How do I {verb} the {a} of the {b}?" for a, b in pairs for verb in verbs]
    else:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            english = (json.loads(line)["en"] for line in lines)
            asked = list(dict.fromkeys(text for text in english if text.endswith("?") and 5 <= len(text.split()) <= 16))
    return asked[:: max(1, len(asked) // n)][:n]


def _speed(texts: Path, sizes: Sizes) -> Iterator[Row]:
    python = peers_python(sizes)
    environment = {"PYTHONPATH": os.pathsep.join(map(str, _PEER_PATHS))}
    ours, theirs = [], []
    for i in range(max(sizes.runs, sizes.peer_runs)):  # taken in turns, so that a busy moment hits both
        if i < sizes.runs:
            ours.append(json.loads(run_process([sys.executable, "-m", "bench.encoding", "speed", texts]).output))
        if python is not None and i < sizes.peer_runs:
            theirs.append(json.loads(run_process([python, _PEER, texts], environment).output))

    def row(name: str, what: str, unit: str, data: str, *, beside: bool = True, more_is_better: bool = False) -> Row:
        peers = {
            peer: Figure.of([run[key][name] for run in theirs]) if theirs else PEERS_ABSENT
            for key, peer in PEERS.items()
            if beside
        }
        return Row(
            name=name,
            what=what,
            unit=unit,
            ours=Figure.of([run[name] for run in ours]),
            more_is_better=more_is_better,
            peers=peers,
            command=_COMMAND,
            data=data,
        )

    for language, called in LANGUAGES.items():
        n_tokens = ours[0][f"tokens-{language}"]
        data = f"{sizes.questions} different questions of {n_tokens:g} tokens (median), one at a time, one core"
        what = f"encoding a question in {called}, warm, p50"
        yield row(f"encode-query-{language}", what, "ms", data, beside=language == "en")
    for length in LENGTHS:
        data = f"{corpus.described(max(1, sizes.questions // 4))} joined and cut, one core, processor time"
        what = f"encoding passages of {length} tokens, one core"
        yield row(f"encode-passages-{length}", what, "passages/s", data, more_is_better=True)


def _load(sizes: Sizes) -> Row:
    """Whole process that ends after the first vector, less one that only imports numpy, in turns."""
    bare = "import numpy"
    first = "import numpy; from qianxun.models.builtin import BuiltinEncoder as E; E().encode_queries(['年假有几天？'])"

    def wall_ms(code: str) -> float:
        return run_process([sys.executable, "-c", code]).wall_seconds * 1000

    wall_ms(first)
    pairs = [(wall_ms(first), wall_ms(bare)) for _ in range(sizes.runs * 3)]
    return Row(
        name="encoder-load",
        what="the encoder's first vector in a fresh process",
        unit="ms",
        ours=Figure.of([with_it - without for with_it, without in pairs]),
        command=_COMMAND,
        data="whole process that encodes one Chinese question (importing qianxun, ONNX Runtime and OpenCC, reading the "
        "files, first run), less one that imports numpy; files in the page cache",
        notes={
            "whole_process_ms": round(statistics.median(with_it for with_it, _ in pairs), 1),
            "python_and_numpy_ms": round(statistics.median(without for _, without in pairs), 1),
        },
    )


def _memory(texts: Path, sizes: Sizes) -> Row:
    command = [sys.executable, "-m", "bench.encoding", "memory", texts]
    found = [json.loads(run_process(command).output) for _ in range(sizes.runs)]
    return Row(
        name="encoder-memory",
        what="resident memory that the encoder adds to a process",
        unit="MB",
        ours=Figure.of([one["passages"] for one in found]),
        command=_COMMAND,
        data=f"after {max(1, sizes.questions // 4)} passages of {max(LENGTHS)} tokens on all cores, less what a process"
        " has that imported numpy; pages of mapped files included",
        notes={
            "of_files_mb": round(statistics.median(one["files"] for one in found), 1),
            "after_questions_only_mb": round(statistics.median(one["questions"] for one in found), 1),
        },
    )


def _files() -> Row:
    from qianxun.models.builtin import DATA

    n_bytes = {path.name: path.stat().st_size for path in DATA.iterdir() if path.is_file()}
    return Row(
        name="encoder-size",
        what="the encoder's files in the package",
        unit="MB",
        ours=Figure.of([sum(n_bytes.values()) / 1e6]),
        target=32,
        command=_COMMAND,
        data="MB of 1,000,000 bytes, not packed",
        notes={"bytes": n_bytes},
    )


# -- what is run in a process of its own; the peers' process measures with the same code ---------------------


def on_one_core() -> None:
    """Leaves this process one core. Before libraries are imported: they make as many threads as they see cores."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measured_speed(
    given: dict[str, Any], encode: Callable[[Sequence[str]], Any], n_tokens: Callable[[str], int]
) -> dict[str, float]:
    """The figures of one encoder by row name, and the median token count of its questions by language.

    `n_tokens` counts what the transformer sees, start and end included. Warm-up texts are others than the timed ones:
    what a tokeniser has kept of a text must not help it.
    """
    found: dict[str, float] = {}
    for language, questions in given["questions"].items():
        for question in questions[:N_WARM]:
            encode([question])
        milliseconds = []
        for question in questions[N_WARM:]:
            start = time.perf_counter()
            encode([question])
            milliseconds.append((time.perf_counter() - start) * 1000)
        found[f"encode-query-{language}"] = statistics.median(milliseconds)
        found[f"tokens-{language}"] = statistics.median(map(n_tokens, questions[N_WARM:]))
    for length in LENGTHS:
        texts = list(cut(given["passages"], given["n_passages"] + N_WARM, length, n_tokens))
        encode(texts[:N_WARM])
        start = time.process_time()
        encode(texts[N_WARM:])
        found[f"encode-passages-{length}"] = given["n_passages"] / (time.process_time() - start)
    return found


def cut(passages: Sequence[str], n: int, length: int, n_tokens: Callable[[str], int]) -> Iterator[str]:
    """n texts of exactly `length` tokens: passages joined in their order until they are long enough, and cut off."""
    waiting = iter(passages)
    made = 0
    while made < n:
        text = next(waiting, None)
        while text is not None and n_tokens(text) < length:
            further = next(waiting, None)
            text = None if further is None else f"{text}\n{further}"
        if text is None:
            raise SystemExit(f"The passages make {made} texts of {length} tokens, not {n}.")
        shortest, longest = 0, len(text)
        while shortest < longest:
            middle = (shortest + longest) // 2
            if n_tokens(text[:middle]) < length:
                shortest = middle + 1
            else:
                longest = middle
        # One character more can be several tokens more; such a text is left out.
        if n_tokens(text[:longest]) == length:
            made += 1
            yield text[:longest]


def _our_tokens() -> Callable[[str], int]:
    from qianxun.models.builtin import DATA
    from qianxun.models.tokens import Tokenizer

    # Not the encoder's: it remembers what it has cut.
    tokenizer = Tokenizer.read(DATA / "tokens.txt", DATA / "token_scores.npy")
    return lambda text: len(tokenizer.numbers(text)) + 2


def _our_speed(given: dict[str, Any]) -> dict[str, float]:
    on_one_core()
    from qianxun.models.builtin import BuiltinEncoder

    return measured_speed(given, BuiltinEncoder().encode_passages, _our_tokens())


def _our_memory(given: dict[str, Any]) -> dict[str, float]:
    import numpy  # noqa: F401

    before = resident()
    from qianxun.models.builtin import BuiltinEncoder

    encoder = BuiltinEncoder()
    for questions in given["questions"].values():
        for question in questions:
            encoder.encode_queries([question])
    asked = resident()
    encoder.encode_passages(given["longest"])
    after = resident()
    return {
        "questions": asked["resident_mb"] - before["resident_mb"],
        "passages": after["resident_mb"] - before["resident_mb"],
        "files": after["file_mb"] - before["file_mb"],
    }


if __name__ == "__main__":
    measure = {"speed": _our_speed, "memory": _our_memory}[sys.argv[1]]
    print(json.dumps(measure(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
