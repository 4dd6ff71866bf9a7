"""A report as Markdown: tables in pipes, as GitHub and most wikis show them. Plots are left out: tables hold it all."""

import re
from collections.abc import Iterator

from qianxun.evaluation.reports.page import Bars, Block, Facts, Folded, Notes, Page, Table
from qianxun.messages import say

# What means something in a line of Markdown or HTML wherever it stands, and what does only in some places: beside
# letters (`_`), in names of people and smileys, which GitHub looks for, in addresses, and where a line begins.
_SPECIAL = re.compile(
    r"([\\`*{}\[\]<>#|~&$^]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])|(?<!\w)@|@(?=[^\W\d])|:(?=\S)|(?<=www)\.|^[-+=])",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(\d+)([.)])")


def as_markdown(page: Page) -> str:
    """The page as one Markdown text."""
    parts = [f"# {escaped(page.title)}"]
    if page.lead:
        parts.append(f"**{escaped(page.lead)}**")
    for section in page.sections:
        parts.append(f"## {escaped(section.title)}")
        for block in section.blocks:
            parts += _block(block)
    parts.append(say("Made by qianxun {version}.", version=escaped(page.version)))
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Facts):
        yield "\n".join(f"- {escaped(say('{name}: {value}', name=name, value=value))}" for name, value in block.pairs)
    elif isinstance(block, Notes):
        yield "\n".join(f"- {escaped(line)}" for line in block.lines)
    elif isinstance(block, Table):
        yield _table(block)
    elif isinstance(block, Folded):
        yield f"### {escaped(block.title)}"
        yield _table(block.table)
    elif isinstance(block, Bars) and block.rest:
        yield f"**{escaped(block.title)}**\n\n{escaped(block.rest)}"


def _table(table: Table) -> str:
    right = set(table.right)
    lines = [
        [escaped(header) for header in table.headers],
        ["---:" if column in right else "---" for column in range(len(table.headers))],
        *([escaped(cell) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def escaped(text: str) -> str:
    """The text on one line, so that it is shown as it is, also inside a table."""
    line = " ".join(text.split())
    # A figure is no markup; everything else that could be is escaped.
    if re.fullmatch(r"[+-]?[\d,.]+( … [+-]?[\d,.]+)?", line):
        return line
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", line))
