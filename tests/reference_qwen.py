"""What the model cards of Qwen3-Embedding and Qwen3-Reranker compute, written plainly: padded, one batch, no tricks.

Sources: README and examples of QwenLM/Qwen3-Embedding. Everything goes through transformers' own classes; nothing of
qianxun is used, so that it can be held against this.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

TASK = "Given a web search query, retrieve relevant passages that answer the query"
RERANKER_SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
RERANKER_PREFIX = f"<|im_start|>system\n{RERANKER_SYSTEM}<|im_end|>\n<|im_start|>user\n"
RERANKER_SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def instructed(task: str, question: str) -> str:
    """A question as the embedding model reads it."""
    return f"Instruct: {task}\nQuery:{question}"


def embed(
    folder: Path,
    texts: Sequence[str],
    *,
    padding_side: str = "left",
    max_length: int = 8192,
    precision: str = "float32",
) -> Any:
    """Unit vectors `(n, hidden)` float32: the last token's state, found for either side of padding."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side=padding_side)
    model = AutoModel.from_pretrained(folder, dtype=getattr(torch, precision)).eval()
    batch = tokenizer(list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"]
    # Where every row ends with a token, padding is in front, or there is none.
    last = torch.full((len(states),), -1) if bool(mask[:, -1].all()) else mask.sum(dim=1) - 1
    pooled = states[torch.arange(len(states)), last]
    return torch.nn.functional.normalize(pooled.float(), p=2, dim=1).numpy()


def embed_pooled(folder: Path, texts: Sequence[str], pooling: str) -> Any:
    """Unit vectors of a model that pools by "mean" or "cls", `(n, hidden)` float32."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer(list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    if pooling == "cls":
        return torch.nn.functional.normalize(states[:, 0], dim=1).numpy()
    mask = batch["attention_mask"][:, :, None].float()
    return torch.nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=1).numpy()


def rerank(
    folder: Path,
    question: str,
    passages: Sequence[str],
    *,
    task: str = TASK,
    max_length: int = 8192,
    precision: str = "float32",
) -> Any:
    """P(yes) of each passage, `(n,)` float32: the body cut, prefix and suffix set around it, padded in front."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision)).eval()
    prefix = tokenizer.encode(RERANKER_PREFIX, add_special_tokens=False)
    suffix = tokenizer.encode(RERANKER_SUFFIX, add_special_tokens=False)
    bodies = [f"<Instruct>: {task}\n<Query>: {question}\n<Document>: {passage}" for passage in passages]
    cut = tokenizer(bodies, truncation=True, max_length=max_length - len(prefix) - len(suffix))["input_ids"]
    batch = tokenizer.pad({"input_ids": [prefix + body + suffix for body in cut]}, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits[:, -1]
    answers = [tokenizer.convert_tokens_to_ids(word) for word in ("no", "yes")]
    chances = torch.nn.functional.log_softmax(logits[:, answers].float(), dim=1)[:, 1].exp()
    return chances.numpy().astype(np.float32)


def classify_pairs(folder: Path, question: str, passages: Sequence[str], *, max_length: int = 512) -> Any:
    """The probability that a cross-encoder of one number gives each pair, `(n,)` float32."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer(
        [question] * len(passages),
        list(passages),
        padding=True,
        truncation="only_second",
        max_length=max_length,
        return_tensors="pt",
    )
    with torch.no_grad():
        return torch.sigmoid(model(**batch).logits[:, 0].float()).numpy()
