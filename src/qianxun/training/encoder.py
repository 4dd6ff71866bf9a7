"""Fine-tuning of an encoder: contrastive, with hard negatives and those of the other questions in the batch.

The loss of a question is −log of its answer's share of exp(cosine / temperature) among all passages of the batch
(InfoNCE; van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018). Left out of the
denominator are passages that answer the question too, and other questions' passages that lie nearer to it than its
answer by more than 0.1: they may be answers that nobody judged (Zhang et al., Qwen3 Embedding, 2025, section 2.2).

All passages of a batch must be there at once. Their vectors are computed without gradients first; the loss's gradient
by each vector is then carried through the model a part at a time, which gives the same as all at once in far less
memory (Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qianxun.models.checkpoint import Checkpoint
from qianxun.models.formats import EncoderFormat
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.loading import load_tokenizer
from qianxun.models.in_process.sequences import Sequences
from qianxun.training.lora import Tuned, descend, order_of_steps
from qianxun.training.pairs import Example, Examples
from qianxun.training.recipe import Recipe

_MARGIN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions, and chunks in the order of their columns. `answers[i]` is the column of the i-th question's answer.

    `own[i]` are the columns of its hard negatives, `left_out[i]` those of other chunks that answer it.
    """

    questions: tuple[int, ...]
    chunks: tuple[int, ...]
    answers: tuple[int, ...]
    own: tuple[tuple[int, ...], ...]
    left_out: tuple[tuple[int, ...], ...]


def train_encoder(
    checkpoint: Checkpoint,
    place: Place,
    form: EncoderFormat,
    recipe: Recipe,
    examples: Examples,
    done: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], list[float]]:
    """What training adds to the weights, by name, and the loss of each step. `done` is called after each.

    Questions and passages are made into tokens as the engine makes them, their ends cut off where they are too long.
    Raises MissingExtra, SettingsError.
    """
    tokenizer = load_tokenizer(checkpoint)
    longest = min(recipe.max_tokens, form.max_tokens, checkpoint.positions or form.max_tokens)
    sequences = Sequences(tokenizer, appended=form.appended, max_tokens=longest, overlong="cut")
    questions = _tokens(sequences, [example.question for example in examples.examples], form.query_prefix)
    chunks = list(examples.texts)
    passages = dict(
        zip(chunks, _tokens(sequences, [examples.texts[c] for c in chunks], form.passage_prefix), strict=True)
    )
    tuned = Tuned(checkpoint, place, recipe)
    steps = order_of_steps(len(examples.examples), recipe)
    n_in_epoch = len(steps) // recipe.epochs

    def step(i: int) -> float:
        batch = batch_of(steps[i], examples.examples, i // n_in_epoch)
        tokens = [*(questions[place] for place in batch.questions), *(passages[chunk] for chunk in batch.chunks)]
        return _step(tuned, form, batch, tokens, recipe.temperature)

    losses = descend(tuned, recipe, len(steps), step, done)
    return tuned.differences(), losses


def batch_of(places: Sequence[int], examples: Sequence[Example], epoch: int) -> Batch:
    """The batch of some examples. Of a question with several answers each epoch takes the next."""
    chosen = [examples[place] for place in places]
    answers = [example.positives[epoch % len(example.positives)] for example in chosen]
    chunks = tuple(
        dict.fromkeys(c for example, answer in zip(chosen, answers, strict=True) for c in (answer, *example.negatives))
    )
    column = {chunk: place for place, chunk in enumerate(chunks)}
    return Batch(
        tuple(places),
        chunks,
        tuple(column[answer] for answer in answers),
        tuple(tuple(column[chunk] for chunk in example.negatives) for example in chosen),
        tuple(
            tuple(column[chunk] for chunk in chunks if chunk in example.accepted and chunk != answer)
            for example, answer in zip(chosen, answers, strict=True)
        ),
    )


def contrastive_loss(torch: Any, vectors: Any, batch: Batch, temperature: float) -> Any:
    """The mean loss of a batch. `vectors` are unit rows, the questions' and then the chunks': `(n + m, dim)`."""
    n = len(batch.questions)
    cosines = vectors[:n] @ vectors[n:].T
    rows = torch.arange(n, device=cosines.device)
    answers = torch.tensor(batch.answers, device=cosines.device)
    left_out = (cosines > cosines[rows, answers][:, None] + _MARGIN).detach()
    for row in range(n):
        left_out[row, list(batch.own[row])] = False
        left_out[row, list(batch.left_out[row])] = True
    left_out[rows, answers] = False
    logits = (cosines / temperature).masked_fill(left_out, float("-inf"))
    return torch.nn.functional.cross_entropy(logits, answers)


def _step(
    tuned: Tuned, form: EncoderFormat, batch: Batch, tokens: Sequence[Sequence[int]], temperature: float
) -> float:
    """Computes the gradients of a batch, and returns its loss."""
    torch = tuned.torch
    parts = tuned.in_parts(tokens)
    with torch.no_grad():
        computed = torch.cat([_vectors(tuned, form, [tokens[place] for place in part]) for part in parts])
    vectors = torch.empty_like(computed)
    vectors[[place for part in parts for place in part]] = computed
    vectors.requires_grad_()
    loss = contrastive_loss(torch, vectors, batch, temperature)
    loss.backward()
    for part in parts:
        (_vectors(tuned, form, [tokens[place] for place in part]) * vectors.grad[part]).sum().backward()
    return float(loss.detach().item())


def _vectors(tuned: Tuned, form: EncoderFormat, tokens: Sequence[Sequence[int]]) -> Any:
    """Unit rows, cut to the dimension that the knowledge base has."""
    states = tuned.states(tokens, form.pooling)
    return tuned.torch.nn.functional.normalize(states[:, : form.dimension or None], dim=-1)


def _tokens(sequences: Sequences, texts: Sequence[str], prefix: str) -> list[list[int]]:
    return [parts[0].tokens for parts in sequences.parts(texts, prefix)]
