"""16 bits, int4 and hosted side by side: memory, time of an answer, money. Every figure says where it is from.

Derived times come from a plain model of a GPU: reading a prompt takes its arithmetic, writing a token takes reading
all weights and the caches of those who write at the same time; both at a stated share of what the card's maker says.
A measured figure goes over a derived one. Prices are given or missing; none is known here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.models.planning.memory import GIB, Wanted
from qianxun.models.planning.plan import find_shape, plan
from qianxun.models.planning.plan_lines import gib
from qianxun.models.planning.shapes import Shape
from qianxun.models.planning.weights import Form
from qianxun.settings import Settings

Origin = Literal["derived", "measured", "missing"]

# Estimates: what serving reaches of a card's bandwidth while writing, and of its arithmetic while reading.
BANDWIDTH_SHARE: Final = 0.7
ARITHMETIC_SHARE: Final = 0.5
_SECONDS_PER_HOUR: Final = 3600
_MEASURABLE: Final = ("memory_bytes", "p95_seconds", "money_per_1000")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A card as its maker describes it: bytes, bytes per second, and 16-bit operations per second without sparsity."""

    name: str
    memory_bytes: int
    bytes_per_second: float
    flops: float


# From the makers' data sheets as public comparisons quote them.
GPUS: Final[Mapping[str, Gpu]] = {
    gpu.name: gpu
    for gpu in (
        Gpu("rtx4090", 24 * GIB, 1008e9, 165e12),
        Gpu("l4", 24 * GIB, 300e9, 121e12),
        Gpu("a10", 24 * GIB, 600e9, 125e12),
        Gpu("l20", 48 * GIB, 864e9, 119.5e12),
        Gpu("l40s", 48 * GIB, 864e9, 362e12),
        Gpu("a100", 80 * GIB, 2039e9, 312e12),
        Gpu("h20", 96 * GIB, 4000e9, 148e12),
        Gpu("h100", 80 * GIB, 3350e9, 989e12),
        Gpu("h200", 141 * GIB, 4800e9, 989e12),
    )
}


@dataclass(frozen=True, slots=True)
class Workload:
    """A question as the generator sees it, and how many are under way at once."""

    prompt_tokens: int = 3000
    answer_tokens: int = 300
    concurrency: int = 16


@dataclass(frozen=True, slots=True)
class Prices:
    """What things cost, in one currency; None where it is not known. Hosted prices are per million tokens."""

    gpu_per_hour: float | None = None
    hosted_prompt: float | None = None
    hosted_answer: float | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: its value (None if missing), in words, where it is from, and how it comes about or what is missing."""

    value: float | None
    words: str
    origin: Origin
    because: str


@dataclass(frozen=True, slots=True)
class Row:
    """One way to run the model: "bf16", "awq-int4", …, or "hosted". `gpus` is how many cards it takes; 0 hosted."""

    name: str
    gpus: int
    memory_bytes: Cell
    p95_seconds: Cell
    money_per_1000: Cell


def compare(
    model: str,
    settings: Settings,
    *,
    gpu: Gpu,
    workload: Workload = Workload(),
    prices: Prices = Prices(),
    forms: Sequence[Form] = ("fp16", "awq-int4"),
    measured: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Row, ...]:
    """The ways to run a model, one row each, hosted last.

    A form takes as many GPUs as it needs for the workload at full length. Raises as `find_shape` and `plan` do.
    """
    rows = [_own(model, settings, form, gpu, workload, prices) for form in forms]
    rows.append(_hosted(workload, prices))
    return tuple(_with_measured(row, (measured or {}).get(row.name, {}), prices) for row in rows)


def read_measured(path: Path) -> dict[str, dict[str, float]]:
    """Measured figures from a JSON file: {"fp16": {"p95_seconds": 4.2, …}, "hosted": {…}}.

    Keys: memory_bytes, p95_seconds, money_per_1000. Raises InputError for a file of another form.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = {str(name): {key: float(row[key]) for key in _MEASURABLE if key in row} for name, row in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            "{path} holds no measured figures: {reason}.",
            remedy='Its form is {{"fp16": {{"p95_seconds": 4.2}}, "hosted": {{"p95_seconds": 3.1}}}}.',
            path=path,
            reason=str(error).rstrip("."),
        ) from error
    return rows


def gpu_named(name: str, *, memory_bytes: int = 0, bytes_per_second: float = 0, flops: float = 0) -> Gpu:
    """A card by name, with what is given over what is known. Raises InputError for an unknown one half described."""
    known = GPUS.get(name.lower().replace(" ", "").replace("-", ""))
    found = Gpu(
        name=name,
        memory_bytes=memory_bytes or (known.memory_bytes if known else 0),
        bytes_per_second=bytes_per_second or (known.bytes_per_second if known else 0),
        flops=flops or (known.flops if known else 0),
    )
    if not (found.memory_bytes and found.bytes_per_second and found.flops):
        raise InputError(
            "The GPU {name!r} is not known here.",
            remedy="Name one of {known}, or give its memory, bandwidth and 16-bit operations per second.",
            name=name,
            known=", ".join(GPUS),
        )
    return found


def _own(model: str, settings: Settings, form: Form, gpu: Gpu, work: Workload, prices: Prices) -> Row:
    shape = find_shape(model, settings, form=form)
    context = work.prompt_tokens + work.answer_tokens
    wanted = Wanted(gpu.memory_bytes, context_tokens=context, concurrency=work.concurrency)
    found = plan(shape, wanted, form=form, role="generator")
    total = found.bytes_on_each_gpu * found.gpus
    memory = say(
        "{gpus} × {gpu}: weights {weights}, cache for {n} × {context} tokens, CUDA",
        gpus=found.gpus,
        gpu=gpu.name,
        weights=gib(found.weight_bytes),
        n=work.concurrency,
        context=context,
    )
    seconds = _seconds(shape, found.weight_bytes, gpu, found.gpus, work)
    return Row(
        name=form,
        gpus=found.gpus,
        memory_bytes=Cell(total, gib(total), "derived", memory),
        p95_seconds=seconds,
        money_per_1000=_own_money(seconds.value or 0.0, found.gpus, work, prices),
    )


def _seconds(shape: Shape, weights: int, gpu: Gpu, gpus: int, work: Workload) -> Cell:
    """Seconds until nineteen of twenty answers are whole, when as many questions as may be come at the same moment.

    Reading a prompt: two operations for each number of the layers' matrices and each token, and attention of each
    token to those before it. The embeddings are looked up, the head is asked for the last token only.
    """
    speed, arithmetic = gpu.bytes_per_second * BANDWIDTH_SHARE * gpus, gpu.flops * ARITHMETIC_SHARE * gpus
    matrices = sum(matrix.n_parameters for matrix in shape.matrices() if matrix.part == "linear")
    attention = 2 * shape.layers * shape.heads * shape.head_dim * work.prompt_tokens**2
    operations = 2 * matrices * work.prompt_tokens + attention
    reading = operations / arithmetic * max(1.0, 0.95 * work.concurrency)
    cached = shape.kv_bytes_per_token() * (work.prompt_tokens + work.answer_tokens // 2) * work.concurrency
    writing = work.answer_tokens * (weights + cached) / speed
    because = say(
        "prompts {reading} s ({n} at once, {operations} each at {arithmetic}/s) + answer {writing} s ({tokens} tokens, "
        "each reading {weights} of weights and {cache} of cache at {speed}/s)",
        reading=f"{reading:.2f}",
        n=work.concurrency,
        operations=f"{operations / 1e12:.1f} TFLOP",
        arithmetic=f"{arithmetic / 1e12:.0f} TFLOP",
        writing=f"{writing:.2f}",
        tokens=work.answer_tokens,
        weights=gib(weights),
        cache=gib(cached),
        speed=f"{speed / 1e9:.0f} GB",
    )
    return Cell(reading + writing, f"{reading + writing:.1f} s", "derived", because)


def _own_money(seconds: float, gpus: int, work: Workload, prices: Prices) -> Cell:
    if prices.gpu_per_hour is None:
        return Cell(None, "–", "missing", say("the price of a GPU for an hour"))
    money = prices.gpu_per_hour * gpus * 1000 * seconds / work.concurrency / _SECONDS_PER_HOUR
    because = say(
        "{gpus} GPUs × {price} an hour × 1,000 × {seconds} s ÷ {n} at once, always busy; half as busy costs twice that",
        gpus=gpus,
        price=f"{prices.gpu_per_hour:g}",
        seconds=f"{seconds:.1f}",
        n=work.concurrency,
    )
    return Cell(money, _money(money, prices), "derived", because)


def _hosted(work: Workload, prices: Prices) -> Row:
    memory = Cell(0.0, gib(0), "derived", say("on the provider's machines"))
    seconds = Cell(None, "–", "missing", say("a measurement: the provider's machines are unknown"))
    if prices.hosted_prompt is None or prices.hosted_answer is None:
        return Row("hosted", 0, memory, seconds, Cell(None, "–", "missing", say("the provider's prices")))
    each = work.prompt_tokens * prices.hosted_prompt + work.answer_tokens * prices.hosted_answer
    because = say(
        "1,000 × ({prompt} tokens × {price} + {answer} tokens × {dear}) ÷ 1,000,000",
        prompt=work.prompt_tokens,
        price=f"{prices.hosted_prompt:g}",
        answer=work.answer_tokens,
        dear=f"{prices.hosted_answer:g}",
    )
    money = 1000 * each / 1e6
    return Row("hosted", 0, memory, seconds, Cell(money, _money(money, prices), "derived", because))


def _with_measured(row: Row, measured: Mapping[str, float], prices: Prices) -> Row:
    cells: dict[str, Any] = {key: getattr(row, key) for key in _MEASURABLE}
    for key, value in measured.items():
        words = {"memory_bytes": gib(value), "p95_seconds": f"{value:.1f} s", "money_per_1000": _money(value, prices)}
        if key in cells:
            cells[key] = Cell(value, words[key], "measured", say("measured"))
    return Row(row.name, row.gpus, **cells)


def _money(value: float, prices: Prices) -> str:
    return f"{value:,.2f} {prices.currency}".strip()
