"""Fine-tuning of a Qwen3-Reranker: cross-entropy of its yes and no over the prompt that its authors fix.

P(yes) = sigmoid(state · (yes − no)) at the last position, as the engine scores; the loss of a pair is −log P of what
was judged. Of each question, the passages that answer weigh as much as those that do not, so that many negatives do not
teach a general no. Source: the training of Qwen3-Reranker as its authors tell it (Zhang et al., Qwen3 Embedding, 2025,
section 2.2: supervised fine-tuning on yes and no).
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from qianxun.errors import InputError, SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.families import QWEN3_MAX_TOKENS
from qianxun.models.in_process.body import Judge
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.loading import load_tokenizer
from qianxun.models.in_process.qwen3 import Qwen3Reranker
from qianxun.models.in_process.weights import Weights
from qianxun.settings import RerankerSettings
from qianxun.training.lora import Tuned, descend, order_of_steps
from qianxun.training.pairs import Examples
from qianxun.training.recipe import Recipe

ARCHITECTURES = ("Qwen3ForCausalLM", "Qwen3ForSequenceClassification")


@dataclass(frozen=True, slots=True)
class Pair:
    """The whole prompt in tokens, whether the passage answers, and how much it counts: 1 in all for each question."""

    tokens: list[int]
    answers: bool
    weight: float


def refuse_untrainable(checkpoint: Checkpoint) -> None:
    """Raises SettingsError for a reranker that judges in another way."""
    if checkpoint.architecture not in ARCHITECTURES:
        raise SettingsError(
            "{model} is a {architecture}, and only Qwen3-Reranker can be fine-tuned here.",
            remedy="Name a Qwen3-Reranker in reranker.model.",
            model=checkpoint.folder.name,
            architecture=checkpoint.architecture,
        )


def train_reranker(
    checkpoint: Checkpoint,
    place: Place,
    section: RerankerSettings,
    recipe: Recipe,
    examples: Examples,
    done: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], list[float]]:
    """What training adds to the weights, by name, and the loss of each step. `done` is called after each.

    Raises MissingExtra, SettingsError, InputError (a prompt that leaves no room for the passage).
    """
    tokenizer = load_tokenizer(checkpoint)
    pairs = _pairs(tokenizer, section, recipe, examples)
    tuned = Tuned(checkpoint, place, recipe)
    direction = _direction(checkpoint, tokenizer).to(tuned.model.device)
    order = order_of_steps(len(examples.examples), recipe)

    def step(i: int) -> float:
        batch = [pair for example in order[i] for pair in pairs[example]]
        loss = 0.0
        for part in tuned.in_parts([pair.tokens for pair in batch]):
            found = _loss(tuned, direction, [batch[place] for place in part]) / len(order[i])
            found.backward()
            loss += found.detach().item()
        return loss

    losses = descend(tuned, recipe, len(order), step, done)
    return tuned.differences(), losses


def _loss(tuned: Tuned, direction: Any, pairs: Sequence[Pair]) -> Any:
    torch = tuned.torch
    logits = tuned.states([pair.tokens for pair in pairs], "last") @ direction
    answers = torch.tensor([float(pair.answers) for pair in pairs], device=logits.device)
    weights = torch.tensor([pair.weight for pair in pairs], device=logits.device)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, answers, weight=weights, reduction="sum")


def _pairs(tokenizer: Any, section: RerankerSettings, recipe: Recipe, examples: Examples) -> list[list[Pair]]:
    """The pairs of each example, cut as the engine cuts them."""
    longest = min(recipe.max_tokens, section.max_tokens or QWEN3_MAX_TOKENS)
    # Only its way of making a prompt is wanted: no pair is scored with it.
    engine = Qwen3Reranker(tokenizer, Judge(None, None), longest, 0)  # type: ignore[arg-type]
    instruction = None if section.instruction == "auto" else section.instruction
    found = []
    for example in examples.examples:
        chunks = (*example.positives, *example.negatives)
        try:
            prompts = engine.sequences(example.question, [examples.texts[chunk] for chunk in chunks], instruction)
        except SettingsError as error:
            raise InputError(
                "--max-tokens is {tokens}, which leaves no room for a passage after the question {question!r}.",
                remedy="Set it higher.",
                tokens=longest,
                question=example.question,
            ) from error
        weights = [0.5 / len(example.positives)] * len(example.positives)
        weights += [0.5 / len(example.negatives)] * len(example.negatives)
        answers = [chunk in example.positives for chunk in chunks]
        found.append([Pair(*of_pair) for of_pair in zip(prompts, answers, weights, strict=True)])
    return found


def _direction(checkpoint: Checkpoint, tokenizer: Any) -> Any:
    """What the last state is multiplied with, `(hidden,)` float32; it is not trained."""
    hidden = checkpoint.hidden_size
    with closing(Weights(checkpoint)) as weights:
        if not checkpoint.causal:
            return weights.get("score.weight", (1, hidden))[0].float()
        yes, no = Qwen3Reranker.answers(tokenizer)
        name = "lm_head.weight" if weights.has("lm_head.weight") else "embed_tokens.weight"
        rows = weights.get(name, (int(checkpoint.config["vocab_size"]), hidden))[[yes, no]].float()
        return rows[0] - rows[1]
