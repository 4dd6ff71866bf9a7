"""How many bytes a model's weights take in each form that servers read them in.

Every matrix is counted by itself, since forms of few bits leave some of them alone: the int4 and fp8 forms the
embeddings and the head, all of them the biases and norms. Knows no GPU.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

from qianxun.models.planning.shapes import Matrix, Part, Shape

Form = Literal["bf16", "fp16", "fp32", "fp8", "awq-int4", "gptq-int4", "gguf-q4_k_m", "gguf-q8_0"]
FORMS: Final[tuple[Form, ...]] = ("bf16", "fp16", "fp32", "fp8", "awq-int4", "gptq-int4", "gguf-q4_k_m", "gguf-q8_0")

# Weights of one group share a scale and a zero point: what AWQ and GPTQ checkpoints of Qwen are made with.
INT4_GROUP: Final = 128
# Bits per number of llama.cpp's blocks (ggml-common.h): bytes of a block × 8 / numbers in it.
_Q4_K: Final = Fraction(144 * 8, 256)
_Q6_K: Final = Fraction(210 * 8, 256)
_Q5_0: Final = Fraction(22 * 8, 32)
_Q8_0: Final = Fraction(34 * 8, 32)
_K_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class PartBytes:
    """The weights of one part of the model in a form: how many numbers, and bytes."""

    part: Part
    n_parameters: int
    bytes: int

    @property
    def bits(self) -> float:
        """Bits per number, scales and zero points included."""
        return self.bytes * 8 / self.n_parameters


def parts_in_bytes(shape: Shape, form: Form, *, head: bool = True) -> tuple[PartBytes, ...]:
    """The bytes of each part of the model that has weights, in the order embedding, linear, head, bias, norm.

    `head=False` leaves out the output head, which models that embed or classify do not load.
    """
    found: dict[Part, PartBytes] = {}
    for matrix in shape.matrices(head=head):
        before = found.get(matrix.part, PartBytes(matrix.part, 0, 0))
        found[matrix.part] = dataclasses.replace(
            before,
            n_parameters=before.n_parameters + matrix.n_parameters,
            bytes=before.bytes + _BYTES[form](matrix, shape),
        )
    order: tuple[Part, ...] = ("embedding", "linear", "head", "bias", "norm")
    return tuple(found[part] for part in order if part in found)


def weight_bytes(shape: Shape, form: Form, *, head: bool = True) -> int:
    """The bytes of all weights of a model in a form."""
    return sum(part.bytes for part in parts_in_bytes(shape, form, head=head))


def form_of(quantization: str, dtype: str = "auto") -> Form:
    """The form of weights that a server's quantisation and number format amount to; bf16 if they say nothing."""
    low = quantization.lower()
    if "awq" in low:
        return "awq-int4"
    if "gptq" in low:
        return "gptq-int4"
    if "fp8" in low:
        return "fp8"
    forms: Mapping[str, Form] = {"float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32"}
    return forms.get(dtype.lower(), "bf16")


def _plain(bytes_per_number: int) -> Callable[[Matrix, Shape], int]:
    return lambda matrix, shape: matrix.n_parameters * bytes_per_number


def _fp8(matrix: Matrix, shape: Shape) -> int:
    """A byte per weight and a float32 scale per row; other parts in 16 bits."""
    if matrix.part != "linear":
        return matrix.n_parameters * 2
    return matrix.n_parameters + matrix.rows * 4 * matrix.count


def _awq(matrix: Matrix, shape: Shape) -> int:
    """Four bits per weight; a 16-bit scale and a 4-bit zero point per group of a row. Other parts in 16 bits."""
    if matrix.part != "linear":
        return matrix.n_parameters * 2
    groups = matrix.rows * -(-matrix.columns // INT4_GROUP) * matrix.count
    return matrix.n_parameters // 2 + groups * 2 + groups // 2


def _gptq(matrix: Matrix, shape: Shape) -> int:
    """As AWQ, and the group of each column as 32-bit numbers."""
    order = matrix.columns * 4 * matrix.count if matrix.part == "linear" else 0
    return _awq(matrix, shape) + order


def _gguf_q8_0(matrix: Matrix, shape: Shape) -> int:
    """Blocks of 32 eight-bit numbers with a 16-bit scale; vectors in float32."""
    if matrix.part in ("bias", "norm"):
        return matrix.n_parameters * 4
    return int(matrix.n_parameters * _Q8_0 / 8)


def _gguf_q4_k_m(matrix: Matrix, shape: Shape) -> int:
    """llama.cpp's mixture (llama-quant.cpp): Q4_K, but Q6_K for the head and for half of the layers' v and down.

    Rows that 256 does not divide fall back to Q5_0 and Q8_0.
    """
    if matrix.part in ("bias", "norm"):
        return matrix.n_parameters * 4
    four, six = (_Q4_K, _Q6_K) if matrix.columns % _K_BLOCK == 0 else (_Q5_0, _Q8_0)
    one = matrix.rows * matrix.columns
    if matrix.part == "head" or (matrix.part == "embedding" and shape.tied):
        return int(one * six / 8)
    if matrix.name in ("v_proj", "down_proj"):
        n_six = sum(_gets_more_bits(layer, shape.layers) for layer in range(shape.layers))
        return int(one * (n_six * six + (matrix.count - n_six) * four) / 8)
    return int(matrix.n_parameters * four / 8)


def _gets_more_bits(layer: int, layers: int) -> bool:
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


_BYTES: Final[Mapping[Form, Callable[[Matrix, Shape], int]]] = {
    "bf16": _plain(2),
    "fp16": _plain(2),
    "fp32": _plain(4),
    "fp8": _fp8,
    "awq-int4": _awq,
    "gptq-int4": _gptq,
    "gguf-q4_k_m": _gguf_q4_k_m,
    "gguf-q8_0": _gguf_q8_0,
}
