"""all-MiniLM-L6-v2, the builtin encoder's teacher, for the rows that compare with it. Run by the peers' Python.

    python bench/peer_teacher.py TEXTS      JSON: the figures of `bench.encoding` for each way to run it

`transformers`: sentence-transformers as it comes, but in one thread. `onnx`: the float32 graph that
`training/student/export.py` makes of its weights, a text at a time as our encoder does. Needs the repository's root,
`src` and `training/student` on the path, and nothing of ours installed.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.encoding import measured_speed, on_one_core


def main() -> None:
    """The command."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # It reads Chinese as characters without meaning; what that takes says nothing.
    given["questions"].pop("zh")
    on_one_core()
    import numpy as np
    import torch
    from model import teacher_folder
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = SentenceTransformer(str(teacher_folder()), device="cpu")
    tokenizer = model.tokenizer

    def numbers(text: str) -> list[int]:
        return tokenizer(text, truncation=False, verbose=False)["input_ids"]

    def with_transformers(texts: Sequence[str]) -> Any:
        return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    session, words, positions = graph_of_teacher()

    def with_onnx(texts: Sequence[str]) -> Any:
        found = []
        for text in texts:
            tokens = numbers(text)
            pooled = session.run(None, {"tokens": (words[tokens] + positions[: len(tokens)])[None]})[0][0]
            found.append(pooled / np.linalg.norm(pooled))
        return np.array(found)

    some = [text[:200] for text in given["questions"]["en"][:4] + given["passages"][:4]]
    agreement = (with_transformers(some) * with_onnx(some)).sum(axis=1).min()
    if agreement < 0.9999:
        raise SystemExit(f"The graph is not the teacher: cosine {agreement}.")
    ways = {"transformers": with_transformers, "onnx": with_onnx}
    print(json.dumps({way: measured_speed(given, encode, lambda t: len(numbers(t))) for way, encode in ways.items()}))


def graph_of_teacher() -> tuple[Any, Any, Any]:
    """An ONNX Runtime session of one thread, the word vectors and the position vectors that enter it."""
    import onnxruntime
    from export import graph
    from model import Student, load_teacher, teacher_weights

    weights = teacher_weights()
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    n_words = len(weights[name])
    student = Student(n_words, 0)
    load_teacher(student, weights, list(range(n_words)))
    arrays = {name: value.float().numpy() for name, value in student.state_dict().items()}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    made = graph(arrays, student.layers[0].n_heads, largest=None).SerializeToString()
    session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
    return session, arrays["fixed.weight"], arrays["positions.weight"]


if __name__ == "__main__":
    main()
