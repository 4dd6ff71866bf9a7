"""The prompt of Qwen3-Reranker, as its authors fix it. Source: README and examples of QwenLM/Qwen3-Embedding.

The score is P(yes) = sigmoid(logit(yes) − logit(no)) at the last position. Every character counts: a missing
newline at the end is read at another token and gives another number.
"""

from typing import Final

from qianxun.models.families import QWEN3_TASK

PREFIX: Final = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SUFFIX: Final = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
YES: Final = "yes"
NO: Final = "no"


def head(question: str, instruction: str | None = None) -> str:
    """The body up to the passage: the same for all passages of one question."""
    return f"<Instruct>: {instruction or QWEN3_TASK}\n<Query>: {question}\n<Document>: "


def prompt(question: str, passage: str, instruction: str | None = None) -> str:
    """The whole text that the model reads for one pair, uncut."""
    return f"{PREFIX}{head(question, instruction)}{passage}{SUFFIX}"
