"""Rows: files to chunks in one process, beside the bare libraries that do the first step of it.

Files are made here: PDF pages of text in two languages, some with tables, web pages with menus around the text. Ours is
everything from the file to its chunks; the peer only takes the text out, or the tables.

    python -m bench.documents speed FOLDER      our figures as JSON; `rows` calls it
    python -m bench.documents peers FOLDER      the libraries' figures as JSON
"""

import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench import corpus
from bench.rows import ROOT, Figure, Row, Sizes, peers_python, run_process

_HTML_PEERS = Path(__file__).with_name("peer_html.py")
_COMMAND = "python -m bench.run --only documents"
_LINES_PER_PAGE = 38
_PAGES_PER_FILE = 20
_TABLE_ROWS = 24
_TABLE_COLUMNS = (60.0, 150.0, 290.0, 380.0, 460.0, 535.0)
_MENU = "".join(
    f'<li><a href="/{n}">{name}</a></li>' for n, name in enumerate(["首页", "产品", "Support", "關於我們"] * 6)
)


def rows(sizes: Sizes) -> Iterator[Row]:
    """Pages a second for PDF, with tables apart; MB a second for web pages and plain text."""
    n_files = max(1, sizes.questions // 10)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _make(folder, n_files)
        _make_tables(folder, max(1, n_files // 20))
        ours, theirs, extractors = [], [], []
        python = peers_python(sizes)
        for number in range(sizes.runs):  # taken in turns, so that a busy moment hits both
            if python is not None and number < sizes.peer_runs:
                extractors.append(json.loads(run_process([python, _HTML_PEERS, folder]).output))
            theirs.append(json.loads(run_process([sys.executable, "-m", "bench.documents", "peers", folder]).output))
            ours.append(json.loads(run_process([sys.executable, "-m", "bench.documents", "speed", folder]).output))

    def row(
        name: str,
        what: str,
        unit: str,
        peer: str,
        data: str,
        ratio: float | None,
        more: Mapping[str, Figure] = MappingProxyType({}),
    ) -> Row:
        samples = [run[name] for run in theirs if name in run]
        return Row(
            name=f"documents-{name}",
            what=what,
            unit=unit,
            ours=Figure.of([run[name] for run in ours]),
            more_is_better=True,
            ratio=ratio,
            peers={peer: Figure.of(samples) if samples else "absent: not installed", **more},
            command=_COMMAND,
            data=data,
        )

    yield row("pdf", "PDF without tables to chunks, one process", "pages/s", "pypdfium2, bare text",
              f"{n_files} files of {_PAGES_PER_FILE} pages", 0.7)  # fmt: skip
    yield row("pdf-tables", "PDF with a table on every page to chunks, one process", "pages/s", "pdfplumber, tables",
              f"{max(1, n_files // 20)} files of {_PAGES_PER_FILE} pages, {_TABLE_ROWS} rows each", None)  # fmt: skip
    yield row("html", "web pages to chunks, one process", "MB/s", "lxml, bare text of the tree",
              f"{n_files * 5} pages with menus", None,
              {name: Figure.of([run[name] for run in extractors]) for name in (extractors[0] if extractors else ())},
              )  # fmt: skip
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


def _make_tables(folder: Path, n_files: int) -> None:
    """Pages with a paragraph and a table below it, all borders drawn."""
    from test_pdf_format import pdf

    passages = corpus.passages(n_files * _PAGES_PER_FILE * 4)
    waiting = iter(" ".join(passages) * 3)
    ys = [640.0 - 22 * i for i in range(_TABLE_ROWS + 1)]
    left, right = _TABLE_COLUMNS[0], _TABLE_COLUMNS[-1]
    drawn = "0.5 w\n" + "\n".join(
        [f"{left} {y} m {right} {y} l S" for y in ys] + [f"{x} {ys[-1]} m {x} {ys[0]} l S" for x in _TABLE_COLUMNS]
    )
    for n in range(n_files):
        pages = []
        for page in range(_PAGES_PER_FILE):
            lines = [(60.0, 780.0 - 19 * i, 10.0, "".join(next(waiting, "完") for _ in range(40))) for i in range(6)]
            table = [("编号", "设备名称", "Quantity", "单价（元）", "備註")]
            table += [
                (f"LF-{n}{page:02d}{r:02d}", "电磁流量计 DN50", str(7 * r + 3), f"{1200 + r * 31}.50", "库存充足")
                for r in range(1, _TABLE_ROWS)
            ]
            for y, row in zip(ys, table, strict=False):
                lines += [(x + 4, y - 15, 10.0, text) for x, text in zip(_TABLE_COLUMNS, row, strict=False)]
            pages.append(lines)
        (folder / f"{n}.tables").write_bytes(pdf(pages, drawn=[drawn] * _PAGES_PER_FILE))


_KINDS = (("pdf", "pdf"), ("pdf-tables", "tables"), ("html", "html"), ("text", "txt"))


def _rates(folder: Path, read: Callable[[Path], Any]) -> dict[str, float]:
    """Pages a second, MB a second; a kind that a library does not read is left out."""
    found = {}
    for name, suffix in _KINDS:
        paths = sorted(folder.glob(f"*.{suffix}"))
        if read(paths[0]) is None:  # what a library does at its first file is not counted
            continue
        is_paged = name.startswith("pdf")
        amount = len(paths) * _PAGES_PER_FILE if is_paged else sum(p.stat().st_size for p in paths) / 1e6
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

    file = RawFile.on_disk(path, suffix=".pdf" if path.suffix == ".tables" else "")
    documents = [raw for raw in loader_for(file).load(file, ReadingSettings()) if isinstance(raw, RawDocument)]
    return sum(len(part.chunks) for raw in documents for part in split(raw.blocks, SplittingSettings()))


def _bare(path: Path) -> int | None:
    if path.suffix == ".tables":
        return _bare_tables(path)
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


def _bare_tables(path: Path) -> int | None:
    if importlib.util.find_spec("pdfplumber") is None:
        return None
    import pdfplumber

    with pdfplumber.open(path) as pdf:
        return sum(len(page.extract_tables()) for page in pdf.pages)


if __name__ == "__main__":
    print(json.dumps(_rates(Path(sys.argv[2]), _chunks if sys.argv[1] == "speed" else _bare)))
