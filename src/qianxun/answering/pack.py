"""The passages an answer may cite. Pure; knows no engine and no model."""

from collections.abc import Sequence

from qianxun.records import Passage
from qianxun.text import fold


def pack(passages: Sequence[Passage], n: int) -> tuple[Passage, ...]:
    """At most n passages, best first, each text once: script, width, case and spacing do not tell texts apart.

    Order is by rank; of equal texts the best is kept. The same text under another context (heading, table
    header) is another passage: "上限 80 元" says something else under 市内交通 than under 餐补.
    """
    seen: set[tuple[str, str]] = set()
    packed: list[Passage] = []
    for passage in sorted(passages, key=lambda p: p.rank):
        key = ("".join(fold(passage.context).split()), "".join(fold(passage.text).split()))
        if key not in seen:
            seen.add(key)
            packed.append(passage)
    return tuple(packed[:n])
