"""Rows: the time `import qianxun` takes, and the size of an environment with nothing but the base install."""

import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.rows import ROOT, Figure, Row, Sizes, run_process

_TORCH = ("torch", "nvidia", "tensorflow", "jax")


def rows(sizes: Sizes) -> Iterator[Row]:
    """Both rows; the second installs into a fresh environment."""
    yield importing(sizes)
    yield installed()


def importing(sizes: Sizes) -> Row:
    """Whole process with the import, less one without, in turns."""

    def wall_ms(code: str) -> float:
        return run_process([sys.executable, "-c", code]).wall_seconds * 1000

    wall_ms("import qianxun")
    pairs = [(wall_ms("import qianxun"), wall_ms("pass")) for _ in range(max(5, sizes.runs) * 3)]
    command = [sys.executable, "-X", "importtime", "-c", "import qianxun"]
    traced = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    own = [int(cumulative) for cumulative in re.findall(r"\|\s*(\d+) \| qianxun$", traced.stderr, re.M)]
    return Row(
        name="import",
        what="`import qianxun`",
        unit="ms",
        ours=Figure.of([with_it - without for with_it, without in pairs]),
        target=150,
        command="python -m bench.run --only startup",
        data="whole process, less one that imports nothing",
        notes={
            "whole_process_ms": round(Figure.of([with_it for with_it, _ in pairs]).median, 1),
            "bare_python_ms": round(Figure.of([without for _, without in pairs]).median, 1),
            "importtime_us": own,
        },
    )


def installed() -> Row:
    """What `pip install .` puts on disk, its environment included."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
        packages = next((Path(place) / "lib").glob("python*/site-packages"))
        sizes = {entry.name: _megabytes(entry) for entry in packages.iterdir()}
        largest = dict(sorted(sizes.items(), key=lambda item: -item[1])[:8])
        whole = _megabytes(Path(place))
    return Row(
        name="installed-size",
        what="environment with the base install",
        unit="MB",
        ours=Figure.of([whole]),
        target=350,
        command="python -m bench.run --only startup",
        data="fresh environment, pip install ., pip itself included; MB of 1,000,000 bytes on disk",
        notes={
            "largest": {name: round(size, 1) for name, size in largest.items()},
            "torch": any(name.lower().startswith(_TORCH) for name in sizes),
        },
    )


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_blocks * 512 for file in files) / 1e6
