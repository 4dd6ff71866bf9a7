"""What a question brings along itself: a pasted table, a text, a file. It is evidence, cited as [Q]. Knows no model.

Only what is set apart from the question counts: a table, what stands between fences, several lines around one that
asks. A sentence of the question itself bears nothing, or "is the limit 80 yuan?" would be its own proof.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.records import Passage, Span

# What [Q] points to, where [1] points to the first passage.
NUMBER: Final = 0
# Shorter lines around a question are a part of it.
_LEAST_CHARS: Final = 80
_LONGEST_QUESTION: Final = 200
_FENCED: Final = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(?P<text>.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_MAY_HAVE_A_TABLE: Final = re.compile(r"\n|\t|[|｜│]|\d\D+\d")
_ASKS: Final = re.compile(
    r"[?？:：]\s*$|^(?:请|麻烦|帮|根据|依据|总结|概括|归纳|提取|翻译|列出|分析|说明|解释|计算|比较|對比|总结|總結|請|計算|提煉|翻譯)"
    r"|(?:以下|下面|如下|上面|以上|上述|上文)"
    r"|^(?:please\b|summari[sz]e|extract|translate|list|explain|answer|compare|calculate|compute|describe|analy[sz]e"
    r"|what|who|whom|whose|when|where|which|why|how|is|are|was|were|does|do|did|can|could|should)\b"
    r"|\b(?:below|above|following)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question by itself, and what it brings along as a passage; None if nothing. Its span counts in its own text."""

    question: str
    material: Passage | None


def asked(text: str, attachments: Sequence[str] = ()) -> Asked:
    """What is asked, and what is given with it: within the text, and as attached texts."""
    question, parts = _apart(text)
    parts += [attached for attached in attachments if attached.strip()]
    if not parts:
        return Asked(text, None)
    return Asked(question, as_material_passage("\n\n".join(part.strip("\n") for part in parts)))


def as_material_passage(text: str) -> Passage:
    """What a question brings along, as a passage that [Q] points to: of no document, and nobody's secret."""
    return Passage(NUMBER, 1.0, 0, 0, "", "", None, None, (), Span(0, len(text)), text, "", (), {})


def _apart(text: str) -> tuple[str, list[str]]:
    """The question, and the parts of the text that are material, in order."""
    fenced = [match["text"] for match in _FENCED.finditer(text)]
    if fenced and (rest := _FENCED.sub("\n", text).strip()):
        return rest, fenced
    if not _MAY_HAVE_A_TABLE.search(text):
        return _lines_apart(text)
    # The room of tables takes a tenth of a second to load, and most questions have none.
    from qianxun.answering.tables import instruction, tables_in

    tables = tables_in(text)
    if tables:
        rest = instruction(text, tables)
        first, last = tables[0].span.start, tables[-1].span.end
        # What stands between two tables belongs to them.
        line = text.rfind("\n", 0, first) + 1
        if rest and len(rest) <= _LONGEST_QUESTION:
            return rest, [text[first if any(map(str.isalnum, text[line:first])) else line : last]]
    return _lines_apart(text)


def _lines_apart(text: str) -> tuple[str, list[str]]:
    """The first or the last line is the question, if it asks; what is left is material, if that is long enough."""
    lines = text.strip().split("\n")
    for place in (0, len(lines) - 1):
        line = lines[place].strip()
        rest = "\n".join(lines[1:] if place == 0 else lines[:-1])
        if len(line) <= _LONGEST_QUESTION and _ASKS.search(line) and len(rest.strip()) >= _LEAST_CHARS:
            return line, [rest]
    return text, []
