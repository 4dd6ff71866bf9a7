"""What servers answer, checked number by number: nothing that is not finite, complete and in order gets further."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qianxun.errors import BadModelReply

_SEE_ITS_LOG = "Its log should say why; `qianxun models check` shows what works."
# A rounding error beyond 1 is none of the model's.
_ROUNDING = 1e-5


def vectors_of(reply: Any, n: int, address: str) -> list[NDArray[np.float32]]:
    """The vectors in a reply of /v1/embeddings, in the order of the `n` texts. Raises BadModelReply."""
    data = reply.get("data") if isinstance(reply, dict) else None
    return [_vector(value, address) for value in _in_order(data, n, ("embedding",), address)]


def scores_of(reply: Any, n: int, address: str) -> NDArray[np.float32]:
    """The scores in a reply of any rerank endpoint, (n,) in [0, 1], in the order of the documents.

    Raises BadModelReply, also for scores that are no probabilities.
    """
    found: Any = reply
    if isinstance(found, dict) and isinstance(found.get("output"), dict):  # DashScope's own endpoint
        found = found["output"]
    if isinstance(found, dict):
        found = found.get("results", found.get("data"))
    values = _in_order(found, n, ("relevance_score", "score"), address)
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise BadModelReply("{address} answered scores that are no numbers.", remedy=_SEE_ITS_LOG, address=address)
    scores = np.asarray(values, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise _not_finite(address)
    outside = scores[(scores < -_ROUNDING) | (scores > 1 + _ROUNDING)]
    if len(outside):
        raise BadModelReply(
            "{address} answered the score {score:.4g}, which is no probability.",
            remedy="It gives raw scores: start it so that it applies the model's activation (sigmoid), or serve the "
            "model with vLLM.",
            address=address,
            score=float(outside[0]),
        )
    return np.clip(scores, 0.0, 1.0).astype(np.float32)


def prompt_tokens(reply: Any) -> int | None:
    """The tokens that a model read, if the reply tells."""
    usage = reply.get("usage") if isinstance(reply, dict) else None
    found = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return found if isinstance(found, int) else None


def _in_order(data: Any, n: int, names: Sequence[str], address: str) -> list[Any]:
    """What each entry holds under the first of the names that it has, by its index."""
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise BadModelReply(
            "{address} answered something else than a list of results.", remedy=_SEE_ITS_LOG, address=address
        )
    if len(data) != n:
        raise BadModelReply(
            "{address} answered {found} results for {n} texts.",
            remedy=_SEE_ITS_LOG,
            address=address,
            found=len(data),
            n=n,
        )
    by_index = {entry.get("index"): entry for entry in data if isinstance(entry.get("index"), int)}
    if by_index.keys() != set(range(n)):
        raise BadModelReply(
            "{address} answered results of which it cannot be told to which text they belong.",
            remedy=_SEE_ITS_LOG,
            address=address,
        )
    return [next((by_index[i][name] for name in names if name in by_index[i]), None) for i in range(n)]


def _vector(value: Any, address: str) -> NDArray[np.float32]:
    """A vector, from floats or the base64 of little-endian ones."""
    try:
        if isinstance(value, str):
            vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        else:
            vector = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _no_vector(address) from error
    if vector.ndim != 1 or not len(vector):
        raise _no_vector(address)
    if not np.isfinite(vector).all():
        raise _not_finite(address)
    if not vector.any():
        raise BadModelReply("{address} answered a vector of zeros.", remedy=_SEE_ITS_LOG, address=address)
    return vector


def _no_vector(address: str) -> BadModelReply:
    return BadModelReply(
        "{address} answered something else than one vector of numbers for each text.",
        remedy="It must be started as an embedding server, with pooling.",
        address=address,
    )


def _not_finite(address: str) -> BadModelReply:
    return BadModelReply(
        "{address} answered numbers that are not finite (NaN).",
        remedy="Start it with another precision (bfloat16 instead of float16).",
        address=address,
    )
