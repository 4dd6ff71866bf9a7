"""Rows: encoding and reranking with models of the true shape of Qwen3-0.6B, in this process.

The weights are random: speed is real, meaning is none. Beside ours: sentence-transformers, at the batch size that it
does best with and as a user starts it, and the model card's own code for the reranker; all in bfloat16 where the
processor has instructions for it, each in a process of its own, in turns. Texts are the same; time is from text to
vector, tokens included.

The limit is what torch reaches on the products of one layer, in the same precision, with whatever number of rows is
best. On a processor with AMX the rows are taken a second time with what oneDNN does without it: the targets were set on
such a machine, where the same work next to the products weighs an eighth as much.

    python -m bench.qwen speed GIVEN        our figures as JSON; `rows` calls it
    python -m bench.qwen limit GIVEN        the limit as JSON

Needs the extra `qwen`, and sentence-transformers in this environment or the peers'.
"""

import importlib.util
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import corpus
from bench.rows import ROOT, WORK, Figure, Row, Sizes, peers_python, run_process

TRUE_SHAPE = {
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_669,
}
TINY_SHAPE = {**TRUE_SHAPE, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "vocab_size": 2000}
LENGTHS = {"128": 80.0, "512": 75.0}  # tokens → least share of the limit, in percent
BATCHES = (1, 4, 8, 16, 32)
N_PASSAGES = 20
WITHOUT_AMX = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
_PEER = Path(__file__).with_name("peer_sentence_transformers.py")
_PEER_ABSENT = "absent: pip install sentence-transformers in this environment, or bench/cache/peers"
_COMMAND = "python -m bench.run --only qwen"


@dataclass(frozen=True)
class _Set:
    """Rows of one instruction set: what is added to names and texts, and the environment that brings it about."""

    suffix: str
    called: str
    environment: dict[str, str]


def rows(sizes: Sizes) -> Iterator[Row]:
    """Tokens a second at each length and on mixed lengths, shares of the limit, pairs a second."""
    tiny = sizes.questions < 100
    with tempfile.TemporaryDirectory() as place:
        given = Path(place) / "given.json"
        given.write_text(json.dumps(_given(sizes, TINY_SHAPE if tiny else TRUE_SHAPE)), encoding="utf-8")
        for one in _sets():
            yield from _rows_of(one, given, sizes)


def _sets() -> list[_Set]:
    import torch

    if torch.cuda.is_available():
        return [_Set("-gpu", torch.cuda.get_device_name(), {})]
    if torch.cpu.get_capabilities().get("amx_bf16"):
        return [_Set("", "AMX", {}), _Set("-avx512", "AVX-512 BF16, AMX left unused", WITHOUT_AMX)]
    return [_Set("", "all instructions", {})]


def _rows_of(one: _Set, given: Path, sizes: Sizes) -> Iterator[Row]:
    ours, theirs, limits = [], [], []
    python = _peer_python(sizes)
    batches: dict[str, Sequence[int]] = {}
    command = [sys.executable, "-m", "bench.qwen"]
    for i in range(max(sizes.runs, sizes.peer_runs)):  # taken in turns, so that a busy moment hits all
        if i < sizes.runs:
            limits.append(json.loads(run_process([*command, "limit", given], one.environment).output))
            ours.append(json.loads(run_process([*command, "speed", given], one.environment).output))
        if python is not None and i < sizes.peer_runs:
            arguments = [python, _PEER, given, json.dumps(batches)]
            theirs.append(json.loads(run_process(arguments, one.environment).output))
            # The first time all sizes are tried, then only the best.
            batches = {name: [best] for name, best in theirs[0]["best_batch"].items()}

    def peer(name: str) -> Figure | str:
        return Figure.of([run[name] for run in theirs]) if theirs else _PEER_ABSENT

    def figure(name: str) -> Figure:
        return Figure.of([run[name] for run in ours])

    about = ours[0]["about"]
    notes = {"ours": about, "peer": theirs[0]["about"] if theirs else {}, "gflops_limit": limits[0]["gflops"]}
    for length, share in LENGTHS.items():
        data = f"{about['n_texts'][length]} texts of {length} tokens, {one.called}"
        yield Row(
            name=f"qwen-encode-{length}{one.suffix}",
            what=f"Qwen3-0.6B shape, texts of {length} tokens, {one.called}",
            unit="tokens/s",
            ours=figure(length),
            more_is_better=True,
            peers={"sentence-transformers, best batch": peer(length)},
            command=_COMMAND,
            data=data,
            notes={**notes, "best_batch": batches.get(length)},
        )
        shares = [100 * run[length] / limit[length] for run, limit in zip(ours, limits, strict=True)]
        yield Row(
            name=f"qwen-limit-{length}{one.suffix}",
            what=f"the same, share of what its matrix products take, {length} tokens, {one.called}",
            unit="%",
            ours=Figure.of(shares),
            target=share,
            more_is_better=True,
            command=_COMMAND,
            data=data,
            notes={"tokens_per_second_limit": limits[0][length], "limit": limits[0]["about"]},
        )
    data = f"{about['n_texts']['mixed']} texts of 20 to 600 tokens, mixed, {one.called}"
    for name, called, ratio in (("mixed", "best batch", 1.1), ("mixed-default", "as it starts", 1.3)):
        yield Row(
            name=f"qwen-encode-{name}{one.suffix}",
            what=f"Qwen3-0.6B shape, texts of mixed lengths, beside sentence-transformers {called}, {one.called}",
            unit="tokens/s",
            ours=figure("mixed"),
            more_is_better=True,
            ratio=ratio,
            peers={f"sentence-transformers, {called}": peer(name)},
            command=_COMMAND,
            data=data,
            notes={**notes, "best_batch": batches.get("mixed"), "least_cosine": _least_cosine(ours, theirs)},
        )
    yield Row(
        name=f"qwen-rerank{one.suffix}",
        what=f"Qwen3-0.6B shape, reranking {N_PASSAGES} passages of some 300 tokens, {one.called}",
        unit="pairs/s",
        ours=figure("rerank"),
        more_is_better=True,
        ratio=1.6,
        peers={"the model card's code, best batch": peer("rerank")},
        command=_COMMAND,
        data=f"{N_PASSAGES} passages, {about['n_rerank_tokens']} tokens with the prompt, {one.called}",
        notes={**notes, "best_batch": batches.get("rerank"), "largest_difference": _largest_difference(ours, theirs)},
    )


def _least_cosine(ours: Sequence[Any], theirs: Sequence[Any]) -> float | None:
    if not theirs:
        return None
    pairs = zip(ours[0]["some"], theirs[0]["some"], strict=True)
    return min(sum(a * b for a, b in zip(x, y, strict=True)) for x, y in pairs)


def _largest_difference(ours: Sequence[Any], theirs: Sequence[Any]) -> float | None:
    if not theirs:
        return None
    return max(abs(a - b) for a, b in zip(ours[0]["scores"], theirs[0]["scores"], strict=True))


def _peer_python(sizes: Sizes) -> Path | None:
    """This environment if it has sentence-transformers (the same torch for all), else the peers'."""
    if not sizes.peers:
        return None
    if importlib.util.find_spec("sentence_transformers") is not None:
        return Path(sys.executable)
    return peers_python(sizes)


# -- texts and checkpoints -----------------------------------------------------------------------------------


def _given(sizes: Sizes, shape: dict[str, int]) -> dict[str, Any]:
    folder = WORK / f"qwen3-{shape['hidden_size']}"
    encoder, reranker = checkpoint(folder / "Qwen3-Embedding-random", shape), folder / "Qwen3-Reranker-random"
    checkpoint(reranker, shape)
    n_tokens = _counter(encoder)
    chance = random.Random(1)
    n_mixed = max(3, sizes.questions // 10)
    lengths = [min(600, max(20, round(chance.lognormvariate(5.2, 0.8)))) for _ in range(n_mixed)]
    passages = corpus.passages(max(60, 40 * n_mixed))
    texts = {"128": _texts(passages, [128] * max(1, sizes.questions // 25), n_tokens)}
    texts["512"] = _texts(passages, [512] * max(1, sizes.questions // 100), n_tokens)
    texts["mixed"] = _texts(passages, lengths, n_tokens)
    n_judged = N_PASSAGES if sizes.questions >= 100 else 3
    return {
        "encoder": str(encoder),
        "reranker": str(reranker),
        "shape": shape,
        "texts": texts,
        # Other texts than the measured ones: kernels for much used shapes are made, nothing is remembered.
        "warm_up": _texts(passages[::-1], [128, 128, 512, *(chance.randint(20, 600) for _ in range(6))], n_tokens),
        "question": "数据库连接超时应该怎么排查？连接池要设多大？",
        "passages": _texts(passages[::-1], [chance.randint(260, 340) for _ in range(n_judged)], n_tokens),
        "batches": BATCHES if sizes.questions >= 100 else (2,),
    }


def _texts(passages: Sequence[str], lengths: Sequence[int], n_tokens: Callable[[str], int]) -> list[str]:
    """A text of each of these numbers of tokens, or one or two fewer, each from passages of its own."""
    waiting = iter(passages)
    found = []
    for length in lengths:
        enough: list[str] = []
        while not enough or n_tokens("\n".join(enough)) < length:
            enough.append(next(waiting))
        text = "\n".join(enough)
        fits, too_long = 0, len(text) + 1
        while fits + 1 < too_long:
            middle = (fits + too_long) // 2
            if n_tokens(text[:middle]) <= length:
                fits = middle
            else:
                too_long = middle
        found.append(text[:fits])
    return found


def _counter(folder: Path) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return lambda text: len(tokenizer.encode(text).ids)


def checkpoint(folder: Path, shape: dict[str, int]) -> Path:
    """A random checkpoint in bfloat16 with the tests' small tokenizer, made at first use (1.2 GB at the true shape)."""
    if (folder / "complete").exists():
        return folder
    sys.path.append(str(ROOT / "tests"))
    import tiny_models
    import torch
    from safetensors.torch import save_file

    make = tiny_models.make_embedding if "Embedding" in folder.name else tiny_models.make_reranker
    make(folder)
    config = json.loads((folder / "config.json").read_text())
    n_layers = shape["num_hidden_layers"]
    config |= {**shape, "dtype": "bfloat16", "layer_types": ["full_attention"] * n_layers}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    chance = torch.Generator().manual_seed(7)

    def matrix(n_out: int, n_in: int) -> Any:
        return torch.empty(n_out, n_in, dtype=torch.bfloat16).normal_(0, 0.02, generator=chance)

    hidden, head = shape["hidden_size"], shape["head_dim"]
    tensors = {"model.embed_tokens.weight": matrix(shape["vocab_size"], hidden)}
    ones = {"model.norm": hidden}
    for i in range(n_layers):
        for name, n_out, n_in in _products(shape):
            tensors[f"model.layers.{i}.{name}.weight"] = matrix(n_out, n_in)
        ones |= {f"model.layers.{i}.{name}": hidden for name in ("input_layernorm", "post_attention_layernorm")}
        ones |= {f"model.layers.{i}.self_attn.{name}": head for name in ("q_norm", "k_norm")}
    tensors |= {f"{name}.weight": torch.ones(n, dtype=torch.bfloat16) for name, n in ones.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "complete").touch()
    return folder


def _products(shape: dict[str, int]) -> list[tuple[str, int, int]]:
    """The matrices of a layer: name, rows out, rows in."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    asked = shape["num_attention_heads"] * shape["head_dim"]
    given = shape["num_key_value_heads"] * shape["head_dim"]
    return [
        ("self_attn.q_proj", asked, hidden),
        ("self_attn.k_proj", given, hidden),
        ("self_attn.v_proj", given, hidden),
        ("self_attn.o_proj", hidden, asked),
        ("mlp.gate_proj", inner, hidden),
        ("mlp.up_proj", inner, hidden),
        ("mlp.down_proj", hidden, inner),
    ]


# -- what is run in a process of its own ---------------------------------------------------------------------


def seconds(measured: Callable[[], Any]) -> float:
    """How long a call takes, what it started on a GPU included."""
    import torch

    start = time.perf_counter()
    measured()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _our_speed(given: dict[str, Any]) -> dict[str, Any]:
    import torch

    from qianxun.models.in_process.encoder import open_encoder
    from qianxun.models.in_process.reranker import open_reranker
    from qianxun.settings import load_settings

    settings = load_settings(
        overrides=[f"encoder.model={given['encoder']}", f"reranker.model={given['reranker']}"], environ={}
    )
    encoder, reranker = open_encoder(settings), open_reranker(settings)
    n_tokens = _counter(Path(given["encoder"]))
    found: dict[str, Any] = {
        "about": {
            "served_by": encoder.served_by,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "n_texts": {name: len(texts) for name, texts in given["texts"].items()},
            "n_rerank_tokens": sum(reranker.token_counts(given["question"], p)[0] for p in given["passages"]),
        }
    }
    encoder.encode_passages(given["warm_up"])
    for name, texts in given["texts"].items():
        found[name] = sum(map(n_tokens, texts)) / seconds(lambda texts=texts: encoder.encode_passages(texts))
    found["some"] = encoder.encode_passages(given["texts"]["mixed"][:8]).tolist()
    encoder.close()
    passages = given["passages"]
    reranker.score(given["question"], passages[:2])
    found["rerank"] = len(passages) / seconds(lambda: reranker.score(given["question"], passages))
    found["scores"] = reranker.score(given["question"], passages).tolist()
    return found


def _limit(given: dict[str, Any]) -> dict[str, Any]:
    """Tokens a second if nothing took time but the products, attention's at the same rate."""
    import torch

    from qianxun.models.in_process.device import choose_place

    shape = given["shape"]
    place = choose_place("auto", "auto")
    precision = getattr(torch, place.precision)
    n_layers = shape["num_hidden_layers"]
    # Several layers' worth, so that weights come from where they come from in the model.
    matrices = [
        torch.randn(n_out, n_in, device=place.device).to(precision)
        for _ in range(min(8, n_layers))
        for _, n_out, n_in in _products(shape)
    ]
    n_weights = sum(m.numel() for m in matrices)
    rates = {}
    with torch.inference_mode():
        laid_out = _laid_out(torch, matrices) if place.on_cpu else None
        for n_rows in (256, 512, 1024, 2048, 4096):
            inputs = {m.shape[1]: torch.randn(n_rows, m.shape[1], device=place.device).to(precision) for m in matrices}
            into = {m.shape[0]: inputs[m.shape[1]].new_empty(n_rows, m.shape[0]) for m in matrices}

            def plain(inputs: Any = inputs, into: Any = into) -> None:
                for m in matrices:
                    torch.mm(inputs[m.shape[1]], m.t(), out=into[m.shape[0]])

            ways = {"mm": plain}
            if laid_out is not None:

                def reordered(inputs: Any = inputs) -> None:
                    for m, product in zip(matrices, laid_out, strict=True):
                        product(inputs[m.shape[1]])

                ways["oneDNN layout"] = reordered
            for way, products in ways.items():
                products()
                best = min(seconds(products) for _ in range(3))
                rates[f"{way}, {n_rows} rows"] = 2 * n_weights * n_rows / best
    way, rate = max(rates.items(), key=lambda item: item[1])
    found: dict[str, Any] = {"gflops": round(rate / 1e9), "about": f"{way}, {place.precision}, {torch.__version__}"}
    per_token = 2 * n_layers * sum(n_out * n_in for _, n_out, n_in in _products(shape))
    for length in LENGTHS:
        attention = n_layers * 4 * shape["num_attention_heads"] * shape["head_dim"] * int(length) / 2
        found[length] = rate / (per_token + attention)
    return found


def _laid_out(torch: Any, matrices: Sequence[Any]) -> list[Callable[[Any], Any]] | None:
    """The products with matrices in oneDNN's layout, as the packed decoder has them; None where that is not offered."""
    from qianxun.models.in_process.decoder_weights import reordered

    found = [reordered(torch, m, None) for m in matrices]
    return None if None in found else found


if __name__ == "__main__":
    measure = {"speed": _our_speed, "limit": _limit}[sys.argv[1]]
    print(json.dumps(measure(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
