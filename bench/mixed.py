"""Rows: thousands of mixed files, from the disk to searchable, by the command line.

The files are made here: eleven kinds in turn, Chinese and English, of the corpus of the other rows; some are damaged.
Memory is that of the command and all its parsing processes together, sampled.
"""

import csv
import io
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from bench import corpus
from bench.rows import ROOT, Figure, Row, Sizes, peers_python, run_process

_COMMAND = "python -m bench.run --only mixed"
_N_FILES = 5_000
_PASSAGES_PER_FILE = 8
_PEER = Path(__file__).with_name("peer_markitdown.py")
_PEER_FILES = 500
_SAMPLE_SECONDS = 0.05
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")


def rows(sizes: Sizes) -> Iterator[Row]:
    """Files a second and memory, beside a converter that only takes the text out."""
    n = 44 if sizes.files < 100 else _N_FILES
    python = peers_python(sizes)
    ours: list[dict[str, float]] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "files"
        n_bytes, n_damaged = make(folder, n)
        for run in range(max(1, min(sizes.runs, 3))):
            ours.append(added(folder, Path(place) / f"kb{run}"))
            if python is not None and run < sizes.peer_runs:
                output = run_process([python, _PEER, folder, str(min(n, _PEER_FILES))]).output
                theirs.append(float(output.split()[-1]))
    peer: Figure | str = Figure.of(theirs) if theirs else "absent: pip install 'markitdown[all]' into the peers"
    data = f"{n:,} files of 11 kinds, {n_bytes / 1e6:.0f} MB, {n_damaged} of them damaged"

    def figure(name: str) -> Figure:
        return Figure.of([run[name] for run in ours])

    yield Row(
        name="mixed-add",
        what=f"{n:,} mixed files to searchable, 2 parsing processes",
        unit="files/s",
        ours=figure("files_per_second"),
        more_is_better=True,
        peers={"markitdown, text only, its own process": peer},
        command=_COMMAND,
        data=data,
        notes={"failed": ours[0]["failed"], "chunks": ours[0]["chunks"], "peer_files": _PEER_FILES},
    )
    yield Row(
        name="mixed-memory",
        what=f"{n:,} mixed files: memory of all processes",
        unit="MB",
        ours=figure("resident_mb"),
        command=_COMMAND,
        data=data,
    )


def added(folder: Path, kb: Path) -> dict[str, float]:
    """Adds a folder by the command line: files a second, most memory of the process and its children, counts."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "qianxun", "add", str(folder), "--kb", str(kb), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    most = [0.0]
    watcher = threading.Thread(target=_sample, args=(process, most), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - start
    watcher.join()
    report = json.loads(output)
    return {
        "files_per_second": sum(1 for path in folder.rglob("*") if path.is_file()) / seconds,
        "resident_mb": most[0],
        "failed": len(report["failed"]),
        "chunks": report["chunks"],
    }


def _sample(process: "subprocess.Popen[str]", most: list[float]) -> None:
    while process.poll() is None:
        most[0] = max(most[0], _resident_mb(process.pid))
        time.sleep(_SAMPLE_SECONDS)


def _resident_mb(pid: int) -> float:
    """Of a process and those below it; what they share is counted in each."""
    total = 0.0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) / 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_resident_mb(int(child)) for child in (task / "children").read_text().split())
    except (OSError, ValueError):
        return total  # it has just ended
    return total


def make(folder: Path, n: int, seed: int = 5) -> tuple[int, int]:
    """Writes n files below a folder; returns their bytes and how many are damaged."""
    chosen = random.Random(seed)
    # A workbook can hold no control characters, and no writer of XML asks.
    texts = [_CONTROL.sub("", text) for text in corpus.passages(max(n * _PASSAGES_PER_FILE // 2, _PASSAGES_PER_FILE))]
    n_bytes = n_damaged = 0
    for number in range(n):
        suffix, write = KINDS[number % len(KINDS)]
        own = chosen.sample(texts, _PASSAGES_PER_FILE)
        data = write(f"文件 {number} 号 File {number}", own)
        if number % 97 == 96:  # a damaged file here and there
            data = data[: len(data) // 3]
            n_damaged += 1
        path = folder / f"部门{number % 37}" / f"文件-{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        n_bytes += len(data)
    return n_bytes, n_damaged


def _plain(title: str, texts: Sequence[str]) -> str:
    return "\n\n".join((title, *texts)) + "\n"


def _html(title: str, texts: Sequence[str]) -> bytes:
    body = "".join(f"<p>{text}</p>" for text in texts)
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>".encode()


def _docx(title: str, texts: Sequence[str]) -> bytes:
    from docx import Document

    document = Document()
    document.add_heading(title, 1)
    for text in texts:
        document.add_paragraph(text)
    return _saved(document.save)


def _xlsx(title: str, texts: Sequence[str]) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("数据")
    sheet.append(["编号", "说明", "金额"])
    for row, text in enumerate(texts):
        sheet.append([row, text, row * 1.5])
    return _saved(book.save)


def _saved(save: Callable[[Any], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def _csv(title: str, texts: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("编号", "说明"), *enumerate(texts)])
    return buffer.getvalue().encode()


def _pdf(title: str, texts: Sequence[str]) -> bytes:
    sys.path.append(str(ROOT / "tests"))
    from test_pdf_format import pdf

    text = " ".join(texts)
    lines = [title, *(text[i : i + 44] for i in range(0, len(text), 44))]
    pages = [lines[first : first + 38] for first in range(0, len(lines), 38)]
    return pdf([[(60, 780 - 18 * i, 10, line) for i, line in enumerate(page)] for page in pages])


def _eml(title: str, texts: Sequence[str]) -> bytes:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "王芳 <wang@example.com>", title
    letter.set_content(_plain(title, texts[:4]))
    letter.add_attachment(_csv(title, texts[4:]), maintype="text", subtype="csv", filename="附件.csv")
    return letter.as_bytes()


def _zip(title: str, texts: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("说明.txt", _plain(title, texts[:4]))
        archive.writestr("page.html", _html(title, texts[4:]))
    return buffer.getvalue()


KINDS: Sequence[tuple[str, Callable[[str, Sequence[str]], bytes]]] = (
    (".txt", lambda title, texts: _plain(title, texts).encode()),
    (".txt", lambda title, texts: _plain(title, texts).encode("gb18030")),
    (".md", lambda title, texts: (f"# {title}\n\n" + "\n\n".join(texts)).encode()),
    (".html", _html),
    (".docx", _docx),
    (".xlsx", _xlsx),
    (".csv", _csv),
    (".json", lambda title, texts: json.dumps([{"text": text} for text in texts], ensure_ascii=False).encode()),
    (".pdf", _pdf),
    (".eml", _eml),
    (".zip", _zip),
)
