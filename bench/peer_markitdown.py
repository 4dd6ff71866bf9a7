"""The peer of `bench.mixed`, in the peers' environment: so many files of a folder to text, files a second.

python peer_markitdown.py FOLDER N
"""

import random
import sys
import time
from pathlib import Path


def main() -> None:
    """Prints files a second; a file that it cannot read counts as read."""
    from markitdown import MarkItDown

    folder, n = Path(sys.argv[1]), int(sys.argv[2])
    paths = random.Random(7).sample(sorted(path for path in folder.rglob("*") if path.is_file()), n)
    converter = MarkItDown()
    converter.convert(str(paths[0]))  # what it loads at its first file is not counted
    start = time.perf_counter()
    for path in paths:
        try:
            converter.convert(str(path))
        except Exception:
            continue
    print(n / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
