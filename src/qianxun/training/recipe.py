"""How a model is fine-tuned: the numbers that can be chosen, each with its range. Knows no model."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias

from qianxun.errors import InputError

Targets: TypeAlias = Literal["attention", "all"]

# Field → least and greatest value.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "rank": (1, 256),
    "alpha": (1, 1024),
    "rate": (1e-7, 1e-1),
    "epochs": (1, 100),
    "batch": (1, 256),
    "negatives": (1, 30),
    "max_tokens": (128, 8192),
    "temperature": (0.005, 1.0),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """LoRA of `rank`, scaled by alpha / rank, on the matrices of attention or on `all`; AdamW at `rate`.

    `batch` questions make a step, each with at most `negatives` passages that do not answer; `epochs` times all of
    them. Pairs longer than `max_tokens` lose their end while training. `temperature` divides cosines (encoder only).
    The rate rises over the first tenth of the steps and then falls to 0 in a line. Defaults are those of LoRA's
    authors and of the models' (Hu et al., LoRA, ICLR 2022; Zhang et al., Qwen3 Embedding, 2025) where these say
    any; none of them was tuned here. Raises InputError for a value out of its range.
    """

    rank: int = 16
    alpha: float = 32.0
    targets: Targets = "all"
    rate: float = 1e-4
    epochs: int = 2
    batch: int = 8
    negatives: int = 7
    max_tokens: int = 512
    temperature: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, greatest) in RANGES.items():
            value = getattr(self, name)
            if not least <= value <= greatest:  # also what is no number
                raise InputError(
                    "--{name} is {value:g}, but it must be {least:g} to {greatest:g}.",
                    remedy="Leave it out for {default:g}.",
                    name=name.replace("_", "-"),
                    value=value,
                    least=least,
                    greatest=greatest,
                    default=default_of(name),
                )

    def as_json(self) -> dict[str, Any]:
        """The recipe by field."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def default_of(name: str) -> Any:
    """The default of a field."""
    return next(field.default for field in fields(Recipe) if field.name == name)
