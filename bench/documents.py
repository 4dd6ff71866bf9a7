"""Rows: files to chunks in one process, beside the bare libraries that do the first step of it.

Files are made here: PDF pages of text in two languages, web pages with menus around the text. Ours is everything from
the file to its chunks; the peer only takes the text out.

    python -m bench.documents speed FOLDER      our figures as JSON; `rows` calls it
    python -m bench.documents peers FOLDER      the libraries' figures as JSON
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import corpus
from bench.rows import ROOT, Figure, Row, Sizes, run_process

_COMMAND = "python -m bench.run --only documents"
_LINES_PER_PAGE = 38
_PAGES_PER_FILE = 20
_MENU = "".join(
    f'<li><a href="/{n}">{name}</a></li>' for n, name in enumerate(["首页", "产品", "Support", "關於我們"] * 6)
)


def rows(sizes: Sizes) -> Iterator[Row]:
    """Pages a second for PDF, MB a second for web pages and plain text."""
    n_files = max(1, sizes.questions // 10)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _make(folder, n_files)
        ours, theirs = [], []
        for _ in range(sizes.runs):  # taken in turns, so that a busy moment hits both
            theirs.append(json.loads(run_process([sys.executable, "-m", "bench.documents", "peers", folder]).output))
            ours.append(json.loads(run_process([sys.executable, "-m", "bench.documents", "speed", folder]).output))

    def row(name: str, what: str, unit: str, peer: str, data: str, ratio: float | None) -> Row:
        return Row(
            name=f"documents-{name}",
            what=what,
            unit=unit,
            ours=Figure.of([run[name] for run in ours]),
            more_is_better=True,
            ratio=ratio,
            peers={peer: Figure.of([run[name] for run in theirs])},
            command=_COMMAND,
            data=data,
        )

    yield row("pdf", "PDF to chunks, one process", "pages/s", "pypdfium2, bare text",
              f"{n_files} files of {_PAGES_PER_FILE} pages", 0.7)  # fmt: skip
    yield row("html", "web pages to chunks, one process", "MB/s", "lxml, bare text of the tree",
              f"{n_files * 5} pages with menus", None)  # fmt: skip
    yield row("text", "plain text to chunks, one process", "MB/s", "Python, read and decoded",
              f"{n_files} files of some 100 KB", None)  # fmt: skip


def _make(folder: Path, n_files: int) -> None:
    sys.path.append(str(ROOT / "tests"))
    from test_pdf_format import pdf

    passages = corpus.passages(n_files * 400)
    waiting = iter(" ".join(passages) * 3)
    for n in range(n_files):
        pages = []
        for _ in range(_PAGES_PER_FILE):
            lines = ["".join(next(waiting, "完") for _ in range(40)) for _ in range(_LINES_PER_PAGE)]
            pages.append([(60.0, 780.0 - 19 * i, 10.0, line) for i, line in enumerate(lines)])
        (folder / f"{n}.pdf").write_bytes(pdf(pages))
        own = passages[n * 400 : (n + 1) * 400]
        (folder / f"{n}.txt").write_text("\n\n".join(own), encoding="utf-8")
        for part in range(5):
            body = "".join(f"<h2>{p[:20]}</h2><p>{p}</p>" for p in own[part * 80 : (part + 1) * 80])
            page = (
                f"<html><body><nav><ul>{_MENU}</ul></nav><article>{body}</article><footer>© 2025</footer></body></html>"
            )
            (folder / f"{n}-{part}.html").write_text(page, encoding="utf-8")


def _rates(folder: Path, read: Callable[[Path], Any]) -> dict[str, float]:
    """Pages a second, MB a second."""
    found = {}
    for name, suffix in (("pdf", "pdf"), ("html", "html"), ("text", "txt")):
        paths = sorted(folder.glob(f"*.{suffix}"))
        read(paths[0])  # what a library does at its first file is not counted
        amount = len(paths) * _PAGES_PER_FILE if name == "pdf" else sum(p.stat().st_size for p in paths) / 1e6
        start = time.perf_counter()
        for path in paths:
            read(path)
        found[name] = amount / (time.perf_counter() - start)
    return found


def _chunks(path: Path) -> int:
    from qianxun.documents.registry import loader_for
    from qianxun.documents.split import split
    from qianxun.files import RawFile
    from qianxun.records import RawDocument
    from qianxun.settings import ReadingSettings, SplittingSettings

    file = RawFile.on_disk(path)
    documents = [raw for raw in loader_for(file).load(file, ReadingSettings()) if isinstance(raw, RawDocument)]
    return sum(len(part.chunks) for raw in documents for part in split(raw.blocks, SplittingSettings()))


def _bare(path: Path) -> int:
    if path.suffix == ".pdf":
        import pypdfium2

        pdf = pypdfium2.PdfDocument(path)
        n = 0
        for page in pdf:
            text = page.get_textpage()
            n += len(text.get_text_range())
            text.close()
            page.close()
        pdf.close()
        return n
    if path.suffix == ".html":
        from lxml import html

        return len(html.document_fromstring(path.read_text(encoding="utf-8")).text_content())
    return len(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(json.dumps(_rates(Path(sys.argv[2]), _chunks if sys.argv[1] == "speed" else _bare)))
