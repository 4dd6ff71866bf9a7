"""The peers of `bench.documents` for web pages, in the peers' environment: the main text, MB a second, as JSON.

python peer_html.py FOLDER
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

_MOST_BYTES = 4_000_000  # the slow ones need no more to be measured


def main() -> None:
    """Prints {library: MB/s} of those that are installed."""
    pages = [path.read_text(encoding="utf-8") for path in sorted(Path(sys.argv[1]).glob("*.html"))]
    found = {}
    for name, extract in _libraries().items():
        extract(pages[0])  # what it loads at its first page is not counted
        n_bytes = 0
        start = time.perf_counter()
        for page in pages:
            extract(page)
            n_bytes += len(page.encode())
            if n_bytes > _MOST_BYTES:
                break
        found[name] = n_bytes / 1e6 / (time.perf_counter() - start)
    print(json.dumps(found))


def _libraries() -> dict[str, Callable[[str], object]]:
    found: dict[str, Callable[[str], object]] = {}
    try:
        from resiliparse.extract.html2text import extract_plain_text

        found["resiliparse, main text"] = lambda page: extract_plain_text(page, main_content=True)
    except ImportError:
        pass
    try:
        import trafilatura

        found["trafilatura, main text"] = trafilatura.extract
    except ImportError:
        pass
    return found


if __name__ == "__main__":
    main()
