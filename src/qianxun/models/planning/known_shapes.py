"""Sizes of Qwen models that are known by name, for planning before anything is downloaded.

A checkpoint's own config.json goes over this table. Sources: Qwen2.5 from copies of the models' config.json in public
repositories, 0.5B and 1.5B also from their model cards (layers, heads, tied embeddings, number of parameters);
Qwen3-Embedding from its README (layers, dimensions) and public copies of its config.json; the number of parameters of
each comes out as its card says. Not confirmed by any source: the vocabulary of the 4B and 8B rerankers, whose rows are
marked so; another one would move the sum by less than a thousandth.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final, NamedTuple

from qianxun.models.planning.shapes import Shape

_ORGANISATION: Final = "Qwen/"
_QUANTISED: Final = ("-awq", "-gptq-int4", "-gptq-int8", "-gguf")
# The published int4 copies of the 72B were padded from 29,568, so that groups of 128 can be divided among GPUs
# (Qwen's answer in QwenLM/Qwen3-VL issue 231).
_PADDED_72B: Final = 29_696


class _Sizes(NamedTuple):
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    tied: bool
    positions: int = 32_768
    confirmed: bool = True


_QWEN25: Final[Mapping[str, _Sizes]] = {
    "0.5B": _Sizes(151_936, 896, 4_864, 24, 14, 2, tied=True),
    "1.5B": _Sizes(151_936, 1_536, 8_960, 28, 12, 2, tied=True),
    "3B": _Sizes(151_936, 2_048, 11_008, 36, 16, 2, tied=True),
    "7B": _Sizes(152_064, 3_584, 18_944, 28, 28, 4, tied=False),
    "14B": _Sizes(152_064, 5_120, 13_824, 48, 40, 8, tied=False),
    "32B": _Sizes(152_064, 5_120, 27_648, 64, 40, 8, tied=False),
    "72B": _Sizes(152_064, 8_192, 29_568, 80, 64, 8, tied=False),
}
# Query heads have 128 numbers in all of Qwen3, whatever the hidden size.
_QWEN3: Final[Mapping[str, _Sizes]] = {
    "Embedding-0.6B": _Sizes(151_669, 1_024, 3_072, 28, 16, 8, tied=True),
    "Embedding-4B": _Sizes(151_665, 2_560, 9_728, 36, 32, 8, tied=True, positions=40_960),
    "Embedding-8B": _Sizes(151_665, 4_096, 12_288, 36, 32, 8, tied=False, positions=40_960),
    "Reranker-0.6B": _Sizes(151_669, 1_024, 3_072, 28, 16, 8, tied=True, positions=40_960),
    "Reranker-4B": _Sizes(151_669, 2_560, 9_728, 36, 32, 8, tied=True, positions=40_960, confirmed=False),
    "Reranker-8B": _Sizes(151_669, 4_096, 12_288, 36, 32, 8, tied=False, positions=40_960, confirmed=False),
}


def known_names() -> tuple[str, ...]:
    """Names that can be planned for without a file."""
    instruct = [f"{_ORGANISATION}Qwen2.5-{size}-Instruct" for size in _QWEN25]
    return (*instruct, *(f"{_ORGANISATION}Qwen3-{size}" for size in _QWEN3))


def known_shape(model: str, *, int4: bool = False) -> Shape | None:
    """The shape of a model known by name, whoever's copy it is; None for others.

    Quantised copies (`-AWQ`, `-GPTQ-Int4`, `-GGUF`) have the sizes of their original, but for the int4 ones of 72B:
    `int4` asks for that form of a model named without it.
    """
    bare = model.rstrip("/").rpartition("/")[2].lower()
    for suffix in _QUANTISED:
        int4 = int4 or (bare.endswith(suffix) and suffix in ("-awq", "-gptq-int4"))
        bare = bare.removesuffix(suffix)
    for size, sizes in _QWEN25.items():
        if bare == f"qwen2.5-{size}-instruct".lower():
            found = _shape(model, "qwen2", sizes, sizes.hidden // sizes.heads)
            return dataclasses.replace(found, intermediate=_PADDED_72B) if int4 and size == "72B" else found
    for size, sizes in _QWEN3.items():
        if bare == f"qwen3-{size}".lower():
            return _shape(model, "qwen3", sizes, 128)
    return None


def _shape(model: str, kind: str, sizes: _Sizes, head_dim: int) -> Shape:
    return Shape(
        name=model,
        model_type=kind,
        vocabulary=sizes.vocabulary,
        hidden=sizes.hidden,
        intermediate=sizes.intermediate,
        layers=sizes.layers,
        heads=sizes.heads,
        kv_heads=sizes.kv_heads,
        head_dim=head_dim,
        positions=sizes.positions,
        rope_theta=1_000_000.0,
        tied=sizes.tied,
        qkv_bias=kind == "qwen2",
        o_bias=False,
        mlp_bias=False,
        qk_norm=kind == "qwen3",
        source="known" if sizes.confirmed else "partly known",
    )
