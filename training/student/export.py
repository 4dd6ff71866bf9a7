"""Turns a checkpoint into the files of the package: eight-bit weights, an ONNX graph for ONNX Runtime, a vocabulary.

    python training/student/export.py --checkpoint PT... --texts FILE... [--out src/qianxun/models/builtin_data]

Linear layers multiply integers: weights with one scale an output, made once; activations with one scale a tensor,
made by the runtime as it goes (`DynamicQuantizeMatMul`). Done plainly that loses much on this model, because a few
of its dimensions are far larger than the rest. So (1) what enters a layer is divided, dimension by dimension, by
what equalises it with the weights, which are multiplied by the same (SmoothQuant, Xiao et al. 2023); `--texts` are
run for that once. (2) The inputs of the narrowing layers, whose outliers are single tokens, are scaled token by
token. (3) Weights take seven bits, not eight: on processors without VNNI instructions the sum of two products
of full size would not fit 16 bits and would be cut without a word.

The word embedding has one scale a row and stays outside the graph, memory-mapped: a question touches a few rows.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import data
import numpy as np
import onnx
import torch
from model import Student
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from qianxun.models.tokens import Tokenizer

PACKAGE_DATA = Path(__file__).parents[2] / "src/qianxun/models/builtin_data"
# Weights are in [-63, 63], see (3) above.
LARGEST = 63
# How much of an outlier moves from the activations to the weights; .5 to .75 measured alike, 0 and 1 worse.
MIGRATION = 0.6
OPSET = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]


def rows_to_8_bits(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8 `(n, dim)`, float32 scales `(n,)`) whose product is nearest to the rows given."""
    scales = np.abs(weights).max(axis=1) / 127
    scales[scales == 0] = 1
    return np.rint(weights / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def columns_to_integers(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8 `(inputs, outputs)`, float32 scales `(outputs,)`) whose product is nearest to the weights given."""
    scales = np.abs(weights).max(axis=0) / LARGEST
    scales[scales == 0] = 1
    return np.rint(weights / scales).astype(np.int8), scales.astype(np.float32)


def equalising(largest: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """By what to divide inputs whose largest values are given, `(inputs,)`, before `weights (inputs, outputs)`."""
    factors = np.maximum(largest, 1e-3) ** MIGRATION / np.maximum(np.abs(weights).max(axis=1), 1e-5) ** (1 - MIGRATION)
    return (factors / np.exp(np.log(factors).mean())).astype(np.float32)


def largest_inputs(model: Student, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, np.ndarray]:
    """The largest absolute value that entered each dimension of each linear layer, `(inputs,)` by layer name."""
    found: dict[str, Tensor] = {}

    def watch(name: str) -> Callable[..., None]:
        def seen(_: nn.Module, inputs: tuple[Tensor], __: Tensor) -> None:
            now = inputs[0].abs().flatten(0, -2).amax(0)
            found[name] = torch.maximum(found.get(name, now), now)

        return seen

    handles = [m.register_forward_hook(watch(n)) for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    with torch.inference_mode():
        for numbers, lengths in batches:
            model(numbers, lengths)
    for handle in handles:
        handle.remove()
    return {name: value.float().numpy() for name, value in found.items()}


class Graph:
    """Nodes and constants as they are added; `linear`, `norm` and `layer` give the name of their result."""

    def __init__(self, weights: dict[str, np.ndarray], n_heads: int, largest: dict[str, np.ndarray] | None) -> None:
        self.weights = weights
        self.n_heads = n_heads
        self.largest = largest
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """A constant of the graph."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], name: str, n_outputs: int = 1, **attributes: object) -> list[str]:
        """One operation; its results are called after it."""
        outputs = [f"{name}.{i}" for i in range(n_outputs)]
        domain = "com.microsoft" if op in FUSED else ""
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs

    def linear(self, x: str, name: str) -> str:
        """`x @ weights.T`, without the bias."""
        weight = self.weights[f"{name}.weight"].T
        if self.largest is None:
            return self.node("MatMul", [x, self.constant(f"{name}.weight", weight)], name)[0]
        factors = equalising(self.largest[name], weight)
        x = self.node("Mul", [x, self.constant(f"{name}.factors", 1 / factors)], f"{name}.equal")[0]
        by_token = name.endswith("narrow")
        if by_token:
            sizes = self.node("Abs", [x], f"{name}.sizes")
            size = self.node("ReduceMax", sizes, f"{name}.size", axes=[-1], keepdims=1)[0]
            x = self.node("Div", [x, size], f"{name}.scaled")[0]
        values, scales = columns_to_integers(weight * factors[:, None])
        constants = [self.constant(f"{name}.values", values), self.constant(f"{name}.scales", scales)]
        y = self.node("DynamicQuantizeMatMul", [x, *constants], name)[0]
        return self.node("Mul", [y, size], f"{name}.back")[0] if by_token else y

    def bias(self, name: str) -> str:
        """The bias of a linear layer."""
        return self.constant(f"{name}.bias", self.weights[f"{name}.bias"])

    def layer(self, x: str, number: int) -> str:
        """One transformer layer."""
        at = f"layers.{number}."
        size = self.weights[f"{at}mixed.weight"].shape[0]
        sizes = self.constant(f"{at}sizes", np.array([size] * 3, dtype=np.int64))
        q, k, v = self.node("Split", [self.linear(x, f"{at}qkv"), sizes], f"{at}split", 3, axis=-1)
        heads = self.node("MultiHeadAttention", [q, k, v, self.bias(f"{at}qkv")], f"{at}heads", num_heads=self.n_heads)[
            0
        ]
        x = self.norm(self.linear(heads, f"{at}mixed"), x, f"{at}mixed_norm", self.bias(f"{at}mixed"))
        wide = self.node("BiasGelu", [self.linear(x, f"{at}widen"), self.bias(f"{at}widen")], f"{at}gelu")[0]
        return self.norm(self.linear(wide, f"{at}narrow"), x, f"{at}norm", self.bias(f"{at}narrow"))

    def norm(self, x: str, beside: str, name: str, bias: str) -> str:
        """The normalised sum of x, `beside` and a bias."""
        gains = [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.node("SkipLayerNormalization", [x, beside, *gains, bias], name, epsilon=1e-12)[0]


FUSED = {"DynamicQuantizeMatMul", "MultiHeadAttention", "BiasGelu", "SkipLayerNormalization"}


def graph(weights: dict[str, np.ndarray], n_heads: int, largest: dict[str, np.ndarray] | None) -> onnx.ModelProto:
    """The model between the embedding and the pooled vector.

    In: `tokens (n, length, dim) float32`, word and position vectors added, no padding. Out: `pooled (n, dim)`, the
    mean over the tokens, not scaled. `largest` as `largest_inputs` gives it; None: no integers, for comparison.
    """
    made = Graph(weights, n_heads, largest)
    n_layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    gains = [made.constant(f"norm.{part}", weights[f"norm.{part}"]) for part in ("weight", "bias")]
    x = made.node("LayerNormalization", ["tokens", *gains], "norm", epsilon=1e-12)[0]
    for number in range(n_layers):
        x = made.layer(x, number)
    made.nodes.append(helper.make_node("ReduceMean", [x], ["pooled"], axes=[1], keepdims=0))
    dim = weights["norm.weight"].shape[0]
    model = helper.make_model(
        helper.make_graph(
            made.nodes,
            "encoder",
            [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", "length", dim])],
            [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["n", dim])],
            made.constants,
        ),
        opset_imports=OPSET,
        ir_version=8,
    )
    return model


def write(folder: Path, saved: dict[str, Any], largest: dict[str, np.ndarray] | None, n_heads: int = 12) -> str:
    """Writes the package's files into `folder` and returns the fingerprint."""
    weights = {name: value.float().numpy() for name, value in saved["weights"].items()}
    folder.mkdir(parents=True, exist_ok=True)
    words = np.concatenate([weights["fixed.weight"], weights["learned.weight"]])
    values, scales = rows_to_8_bits(words)
    longest = int(saved["settings"]["longest"])
    np.save(folder / "words.npy", values)
    np.save(folder / "word_scales.npy", scales)
    np.save(folder / "positions.npy", weights["positions.weight"][:longest].astype(np.float16))
    np.save(folder / "token_scores.npy", np.array(saved["scores"], dtype=np.float32))
    (folder / "tokens.txt").write_text("".join(f"{t}\n" for t in saved["tokens"]), encoding="utf-8")
    onnx.save(graph(weights, n_heads, largest), folder / "layers.onnx")
    names = ["words.npy", "word_scales.npy", "positions.npy", "token_scores.npy", "tokens.txt", "layers.onnx"]
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()[:12]
    about = {
        "fingerprint": f"builtin-2-{digest}",
        "dim": words.shape[1],
        "longest": longest,
        "n_tokens": len(words),
        "settings": saved["settings"],
        "texts_seen": saved["seen"],
    }
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return about["fingerprint"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the package's files from a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, nargs="+", required=True, help="of train.py; several: their mean")
    parser.add_argument("--out", type=Path, default=PACKAGE_DATA)
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="JSON lines of zh, en to calibrate with")
    parser.add_argument("--floats", action="store_true", help="keep the layers as floats, for comparison")
    given = parser.parse_args()
    saved = averaged([torch.load(path) for path in given.checkpoint])
    largest = None if given.floats else calibrated(saved, data.read(given.texts))
    fingerprint = write(given.out, saved, largest)
    size = sum(path.stat().st_size for path in given.out.iterdir())
    print(f"{fingerprint}: {size / 1e6:.1f} MB in {given.out}")


def averaged(checkpoints: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last checkpoint with the mean of all weights: better than each, where one run went on from the other
    (Izmailov et al. 2018, Averaging Weights Leads to Wider Optima)."""
    last = checkpoints[-1]
    if any(one["tokens"] != last["tokens"] for one in checkpoints):
        raise SystemExit("Checkpoints of different vocabularies have no mean: give those of one --work.")
    weights = {name: sum(one["weights"][name] for one in checkpoints) / len(checkpoints) for name in last["weights"]}
    return {**last, "weights": weights}


def calibrated(saved: dict[str, Any], records: Sequence[data.Record], n: int = 1500) -> dict[str, np.ndarray]:
    """`largest_inputs` over n records, both languages, short and long."""
    model = Student(len(saved["weights"]["fixed.weight"]), len(saved["weights"]["learned.weight"]))
    model.load_state_dict(saved["weights"])
    tokenizer = Tokenizer(saved["tokens"], saved["scores"])
    chosen = [records[i] for i in np.random.default_rng(0).permutation(len(records))[:n]]
    texts = data.tokenised(tokenizer, [r[side] for r in chosen for side in ("zh", "en")])
    longer = data.joined(texts, [range(start, start + 8) for start in range(0, len(texts) - 8, 16)])
    batches = [
        data.padded([of[i] for i in range(start, min(start + 32, len(of)))], tokenizer, saved["settings"]["longest"])
        for of in (texts, longer)
        for start in range(0, len(of), 32)
    ]
    return largest_inputs(model, batches)


if __name__ == "__main__":
    main()
