"""What the authors of a model say about it, for models that are known by name.

A checkpoint's own files go over this table (`models/formats.py`); it is for servers, whose files nobody sees.
Sources: the model cards of each family. Prompts are copied character by character: there is no space after
`Query:`, and passages of Qwen3-Embedding carry nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Pooling = Literal["last", "mean", "cls", "server"]

# Qwen3-Embedding and Qwen3-Reranker, both READMEs.
QWEN3_TASK: Final = "Given a web search query, retrieve relevant passages that answer the query"
# The official code of both models cuts here, although they can read 32,768 tokens.
QWEN3_MAX_TOKENS: Final = 8192
END_OF_TEXT: Final = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Family:
    """An embedding model: how text becomes a vector.

    `instruct` is the text before a question, with `{instruction}` where the task stands, for models that take
    one. `dimensions` maps a part of the name to the vector's full size; `smallest` is the least that its vectors
    may be cut to (None: they may not). `asks_dimension`: the server makes vectors of another size when asked.
    """

    name: str
    pattern: str
    pooling: Pooling
    appended: str = ""
    query_prefix: str = ""
    passage_prefix: str = ""
    instruct: str = ""
    max_tokens: int = 512
    dimensions: Mapping[str, int] = field(default_factory=dict)
    smallest: int | None = None
    asks_dimension: bool = False
    texts_per_request: int | None = None

    def dimension(self, model: str) -> int | None:
        """The full size of a vector of the model with this name, if it is known."""
        low = model.lower()
        return next((size for part, size in self.dimensions.items() if part in low), None)


FAMILIES: Final = (
    Family(
        name="Qwen3-Embedding",
        pattern=r"qwen3-embedding",
        pooling="last",
        appended=END_OF_TEXT,
        query_prefix=f"Instruct: {QWEN3_TASK}\nQuery:",
        instruct="Instruct: {instruction}\nQuery:",
        max_tokens=QWEN3_MAX_TOKENS,
        dimensions={"0.6b": 1024, "4b": 2560, "8b": 4096},
        smallest=32,
    ),
    Family(
        name="DashScope text-embedding",
        pattern=r"text-embedding-v[34]$",
        pooling="server",
        max_tokens=8192,
        dimensions={"text-embedding-v": 1024},
        smallest=64,
        asks_dimension=True,
        texts_per_request=10,
    ),
    Family(name="bge-m3", pattern=r"bge-m3", pooling="cls", max_tokens=8192, dimensions={"bge-m3": 1024}),
    Family(
        name="bge zh",
        pattern=r"bge-(small|base|large)-zh-v1\.5",
        pooling="cls",
        query_prefix="为这个句子生成表示以用于检索相关文章：",
        dimensions={"small": 512, "base": 768, "large": 1024},
    ),
    Family(
        name="bge en",
        pattern=r"bge-(small|base|large)-en-v1\.5",
        pooling="cls",
        query_prefix="Represent this sentence for searching relevant passages: ",
        dimensions={"small": 384, "base": 768, "large": 1024},
    ),
    Family(
        name="multilingual-e5",
        pattern=r"multilingual-e5-(small|base|large)$",
        pooling="mean",
        query_prefix="query: ",
        passage_prefix="passage: ",
        dimensions={"small": 384, "base": 768, "large": 1024},
    ),
)


def family_of(model: str) -> Family | None:
    """The family that a model's name, folder or served name speaks of, if it is a known one."""
    low = model.rstrip("/").rpartition("/")[2].lower()
    return next((family for family in FAMILIES if re.search(family.pattern, low)), None)


def is_qwen3_reranker(model: str) -> bool:
    """Whether a name speaks of a Qwen3-Reranker."""
    return "qwen3-reranker" in model.rstrip("/").rpartition("/")[2].lower()
