"""Low-rank adapters on a model of the transformers library: made, trained a step at a time, read out as differences.

The model itself stays as it is; beside each chosen matrix W stands B · A of a low rank, which alone is trained, in
float32 (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022). The rest computes in the precision
that the engine computes with on this device. There is no dropout, so the same seed, examples and number of threads
give the same differences on a processor. Memory: activations are computed anew on the way back (Chen et al., Training
Deep Nets with Sublinear Memory Cost, 2016), and a step goes through the model a few thousand tokens at a time. Knows
tokens, no texts.
"""

import logging
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from qianxun.errors import MissingExtra, SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.families import Pooling
from qianxun.models.in_process import batches
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.loading import import_torch, load_transformer
from qianxun.models.in_process.padded import PaddedModel
from qianxun.training.recipe import Recipe, Targets

logger = logging.getLogger(__name__)

# Names of matrices, by how the architecture calls them: those of attention, then those of the inner layers.
_NAMES: Final = (
    (("q_proj", "k_proj", "v_proj", "o_proj"), ("gate_proj", "up_proj", "down_proj")),
    (("query", "key", "value"), ("dense",)),
)
_CPU_TOKENS: Final = 2048
_GPU_TOKENS: Final = 16384
_WARMING: Final = 0.1
_MAX_NORM: Final = 1.0
_WEIGHT_DECAY: Final = 0.01
_INFIX: Final = "base_model.model."


def import_peft() -> Any:
    """The module. Raises MissingExtra."""
    try:
        import_torch()
        import peft
    except (ImportError, MissingExtra) as error:
        raise MissingExtra(
            "Fine-tuning needs torch, transformers and peft.", remedy="Run `pip install 'qianxun[train]'`."
        ) from error
    return peft


class Tuned:
    """A model with adapters. Not safe between threads."""

    def __init__(self, checkpoint: Checkpoint, place: Place, recipe: Recipe) -> None:
        peft = import_peft()
        self.torch = import_torch()
        # Half precision in 16 bits loses small gradients; bfloat16 has the exponents of float32.
        precision = "float32" if place.precision == "float16" else place.precision
        body = load_transformer(checkpoint, "AutoModel", place.device, precision)
        _without_dropout(self.torch, body)
        # transformers renamed it in 5.23.
        recompute = getattr(body, "activation_checkpointing_enable", None) or body.gradient_checkpointing_enable
        recompute({"use_reentrant": False})
        body.config.use_cache = False
        config = peft.LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            target_modules=_targets(checkpoint, body, recipe.targets),
            lora_dropout=0.0,
            bias="none",
        )
        with _seeded(self.torch, recipe.seed), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that it renamed
            self.model = peft.get_peft_model(body, config)
        self.model.train()
        self._padding = PaddedModel(self.model, checkpoint.pad_token)
        self.max_batch_tokens = _CPU_TOKENS if place.on_cpu else _GPU_TOKENS

    @property
    def trained(self) -> list[Any]:
        """The adapters' tensors, float32."""
        return [values for values in self.model.parameters() if values.requires_grad]

    @property
    def n_trained(self) -> int:
        """How many numbers are trained."""
        return sum(values.numel() for values in self.trained)

    def states(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        """One vector for each sequence from the last layer's states, `(n, hidden)` float32 on the model's device."""
        numbers, mask = self._padding.batch(sequences)
        states = self.model(input_ids=numbers, attention_mask=mask).last_hidden_state.float()
        if pooling == "mean":
            weights = mask[:, :, None].float()
            return (states * weights).sum(dim=1) / weights.sum(dim=1)
        if pooling == "last":
            return states[self.torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
        return states[:, 0]

    def in_parts(self, sequences: Sequence[Sequence[int]]) -> list[list[int]]:
        """Places of the sequences in parts that go through the model together."""
        return batches.by_length([len(tokens) for tokens in sequences], self.max_batch_tokens, padded=True)

    def differences(self) -> dict[str, Any]:
        """What training adds to each matrix, by its name in the model: float32 tensors on the processor."""
        found = {}
        for name, module in self.model.named_modules():
            if hasattr(module, "get_delta_weight"):
                delta = module.get_delta_weight("default").detach().float().cpu()
                found[f"{name.removeprefix(_INFIX)}.weight"] = delta
        return found


def descend(
    tuned: Tuned,
    recipe: Recipe,
    n_steps: int,
    step: Callable[[int], float],
    done: Callable[[], None],
) -> list[float]:
    """Takes the steps and returns the loss of each. `step(i)` computes the gradients of the i-th and returns its loss.

    AdamW with the gradient's length cut to 1 (Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019).
    """
    torch = tuned.torch
    optimizer = torch.optim.AdamW(tuned.trained, lr=recipe.rate, weight_decay=_WEIGHT_DECAY)
    losses = []
    with _seeded(torch, recipe.seed):
        for i in range(n_steps):
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * _share(i, n_steps)
            optimizer.zero_grad(set_to_none=True)
            losses.append(step(i))
            torch.nn.utils.clip_grad_norm_(tuned.trained, _MAX_NORM)
            optimizer.step()
            done()
    logger.info("trained %d numbers in %d steps: loss %.4f … %.4f", tuned.n_trained, n_steps, losses[0], losses[-1])
    return losses


def order_of_steps(n: int, recipe: Recipe) -> list[list[int]]:
    """Places of n examples by step, in another order in every epoch; each once in each."""
    steps = []
    for epoch in range(recipe.epochs):
        places = list(range(n))
        random.Random(f"{recipe.seed}:{epoch}").shuffle(places)
        steps += [places[start : start + recipe.batch] for start in range(0, n, recipe.batch)]
    return steps


def _share(i: int, n_steps: int) -> float:
    """The share of the rate at a step: up over the first tenth, then down to 0 in a line."""
    n_warming = max(1, round(n_steps * _WARMING))
    if i < n_warming:
        return (i + 1) / n_warming
    return (n_steps - i) / max(1, n_steps - n_warming + 1)


def _targets(checkpoint: Checkpoint, body: Any, wanted: Targets) -> list[str]:
    """The last parts of the names of the matrices that get adapters."""
    there = {name.rpartition(".")[2] for name, _ in body.named_modules()}
    for attention, inner in _NAMES:
        names = [*attention, *(inner if wanted == "all" else ())]
        if there.issuperset(attention):
            return [name for name in names if name in there]
    raise SettingsError(
        "{model} is a {architecture}, which is not known how to fine-tune here.",
        remedy="Qwen3-Embedding, Qwen3-Reranker and encoders of BERT's and RoBERTa's kind can be.",
        model=checkpoint.folder.name,
        architecture=checkpoint.architecture,
    )


def _without_dropout(torch: Any, body: Any) -> None:
    for module in body.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0


@contextmanager
def _seeded(torch: Any, seed: int) -> Iterator[None]:
    """Random numbers of this seed within; whoever else draws any goes on with their own."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
