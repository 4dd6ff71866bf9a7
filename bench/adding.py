"""Row: small text files to searchable, through the command, process start and first parse included, beside txtai."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import corpus
from bench.rows import PEERS_ABSENT, WORK, Figure, Row, Sizes, peers_python, qianxun_command, run_process

_PEER = Path(__file__).with_name("peer_txtai.py")


def rows(sizes: Sizes) -> Iterator[Row]:
    """Files per second, whole process."""
    folder = _files(sizes.files)

    def rate(command: list[str | Path]) -> float:
        return sizes.files / run_process(command).wall_seconds

    ours, theirs = [], []
    python = peers_python(sizes)
    for i in range(max(sizes.runs, sizes.peer_runs)):
        with tempfile.TemporaryDirectory(dir=WORK) as place:
            if i < sizes.runs:
                ours.append(rate([qianxun_command(), "add", folder, "--kb", Path(place) / "kb"]))
            if python is not None and i < sizes.peer_runs:
                theirs.append(rate([python, _PEER, "add", folder, Path(place) / "txtai"]))
    yield Row(
        name="add-files",
        what=f"adding {sizes.files:,} small text files to searchable",
        unit="files/s",
        ours=Figure.of(ours),
        target=100,
        more_is_better=True,
        peers={"txtai": Figure.of(theirs) if theirs else PEERS_ABSENT},
        command="python -m bench.run --only adding",
        data=f"{corpus.described(sizes.files)}, a file each; the whole process into an empty knowledge base",
    )


def _files(n: int) -> Path:
    folder = WORK / f"files-{n}"
    if not folder.exists():
        making = folder.with_suffix(".new")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for i, text in enumerate(corpus.passages(n)):
            (making / f"p{i:06d}.txt").write_text(text, encoding="utf-8")
        making.rename(folder)
    return folder
