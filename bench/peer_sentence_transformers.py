"""sentence-transformers and the model card's code, for the rows of `bench.qwen`. Needs nothing of ours installed.

    python bench/peer_sentence_transformers.py GIVEN BATCHES      JSON: the figures by row name

GIVEN is the file that `bench.qwen` writes. BATCHES maps row names to the batch sizes to try ({}: all of GIVEN's).
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# The model card's texts.
TASK = "Given a web search query, retrieve relevant passages that answer the query"
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def main() -> None:
    """The command."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    batches: dict[str, Sequence[int]] = json.loads(sys.argv[2])
    found: dict[str, Any] = {"best_batch": {}}
    encode(given, batches, found)
    rerank(given, batches, found)
    print(json.dumps(found))


def encode(given: dict[str, Any], batches: dict[str, Sequence[int]], found: dict[str, Any]) -> None:
    """Tokens a second of each corpus at the best batch size, and of the mixed one as sentence-transformers starts."""
    import sentence_transformers
    import torch
    from sentence_transformers import SentenceTransformer

    # Nothing is set: device and numbers are what it chooses.
    model = SentenceTransformer(given["encoder"])
    started_in = next(model.parameters()).dtype
    tokenizer = model.tokenizer

    def rate(texts: Sequence[str], **how: Any) -> float:
        n_tokens = sum(len(tokenizer(text)["input_ids"]) for text in texts)
        return n_tokens / seconds(lambda: model.encode(texts, show_progress_bar=False, **how))

    model.encode(given["warm_up"], show_progress_bar=False)
    found["mixed-default"] = rate(given["texts"]["mixed"])
    if model.device.type == "cpu" and started_in == torch.float32 and bfloat16_is_fast():
        model = model.to(torch.bfloat16)
    model.encode(given["warm_up"], show_progress_bar=False)
    for name, texts in given["texts"].items():
        tried = {size: rate(texts, batch_size=size) for size in batches.get(name, given["batches"])}
        found["best_batch"][name], found[name] = max(tried.items(), key=lambda item: item[1])
    some = model.encode(given["texts"]["mixed"][:8], show_progress_bar=False, convert_to_tensor=True).float().cpu()
    found["some"] = torch.nn.functional.normalize(some, dim=1).tolist()
    found["about"] = {
        "sentence_transformers": sentence_transformers.__version__,
        "torch": torch.__version__,
        "as_it_starts": f"batch size 32, {started_in}, {model.device}",
        "best": f"{next(model.parameters()).dtype}",
        "threads": torch.get_num_threads(),
    }


def rerank(given: dict[str, Any], batches: dict[str, Sequence[int]], found: dict[str, Any]) -> None:
    """Pairs a second of the model card's code at the best batch size, and its scores."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(given["reranker"], padding_side="left")
    precision = torch.bfloat16 if torch.cuda.is_available() or bfloat16_is_fast() else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(given["reranker"], dtype=precision).eval().to(device)
    prefix = tokenizer.encode(PREFIX, add_special_tokens=False)
    suffix = tokenizer.encode(SUFFIX, add_special_tokens=False)
    answers = [tokenizer.convert_tokens_to_ids(word) for word in ("no", "yes")]

    @torch.no_grad()
    def score(passages: Sequence[str], size: int) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(passages), size):
            bodies = [
                f"<Instruct>: {TASK}\n<Query>: {given['question']}\n<Document>: {passage}"
                for passage in passages[start : start + size]
            ]
            inputs = tokenizer(bodies, truncation=True, max_length=8192 - len(prefix) - len(suffix))["input_ids"]
            batch = tokenizer.pad(
                {"input_ids": [prefix + body + suffix for body in inputs]}, padding=True, return_tensors="pt"
            ).to(device)
            logits = model(**batch).logits[:, -1, answers]
            scores += torch.nn.functional.log_softmax(logits.float(), dim=1)[:, 1].exp().tolist()
        return scores

    passages = given["passages"]
    score(passages[:2], 2)
    sizes = batches.get("rerank", [size for size in given["batches"] if size <= len(passages)])
    tried = {size: len(passages) / seconds(lambda size=size: score(passages, size)) for size in sizes}
    found["best_batch"]["rerank"], found["rerank"] = max(tried.items(), key=lambda item: item[1])
    found["scores"] = score(passages, found["best_batch"]["rerank"])


def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16."""
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def seconds(measured: Callable[[], Any]) -> float:
    """How long a call takes, what it started on a GPU included."""
    import torch

    start = time.perf_counter()
    measured()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
