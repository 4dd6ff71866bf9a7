"""`qianxun serve` with nothing to search: every search returns what the first one found. For `bench.serving`.

Run as `python -m bench.nothing serve …`; workers import it too, since they are told where the program began.
"""

import sys

from qianxun.cli.main import main
from qianxun.knowledge_base import KnowledgeBase

_search = KnowledgeBase.search
_found: dict[str, object] = {}


def _the_same(self: KnowledgeBase, query: str, **how: object) -> object:
    if "result" not in _found:
        _found["result"] = _search(self, query, **how)  # type: ignore[arg-type]
    return _found["result"]


KnowledgeBase.search = _the_same  # type: ignore[method-assign,assignment]

if __name__ == "__main__":
    sys.exit(main())
