"""A report as one HTML page that needs nothing else: no script, no address of anything outside, light and dark."""

import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Final

from qianxun.evaluation.reports.page import Block, Facts, Folded, Intervals, Notes, Page, Section, Table
from qianxun.evaluation.reports.plots import bars_plot, intervals_plot
from qianxun.messages import language, say

# Rows of a table; the JSON has all.
MAX_ROWS: Final = 5000
# A table with more columns is set narrower; one of texts is as wide as three.
_MANY: Final = 9
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_TAGS: Final = {"en": "en", "zh": "zh-CN"}


def as_html(page: Page) -> str:
    """The page as one HTML document."""
    style = resources.files("qianxun.evaluation.reports").joinpath("report.css").read_text(encoding="utf-8")
    lead = f'<p class="lead">{escaped(page.lead)}</p>' if page.lead else ""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{_TAGS[language()]}">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            # Even if something slipped through the escaping: nothing is fetched, nothing runs.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escaped(page.title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<header><h1>{escaped(page.title)}</h1>{lead}</header>",
            *(_section(section) for section in page.sections),
            f"<footer>{escaped(say('Made by qianxun {version}.', version=page.version))}</footer>",
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def escaped(text: str) -> str:
    """The text as it is to be shown, in an element or in an attribute; what no page can hold is replaced."""
    return html.escape(_NO_TEXT.sub("\ufffd", text), quote=True)


def _section(section: Section) -> str:
    body = "\n".join(block_as_html(block) for block in section.blocks)
    return f"<section>\n<h2>{escaped(section.title)}</h2>\n{body}\n</section>"


def block_as_html(block: Block) -> str:
    """A part of a report as elements with classes: no style, no script, so that any page may hold it."""
    if isinstance(block, Facts):
        pairs = "".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in block.pairs)
        return f"<dl>{pairs}</dl>"
    if isinstance(block, Notes):
        return f'<ul class="notes">{_each("li", block.lines)}</ul>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Folded):
        title = say("{title} ({n})", title=block.title, n=f"{len(block.table.rows):,}")
        return f"<details><summary>{escaped(title)}</summary>\n{_table(block.table)}\n</details>"
    if isinstance(block, Intervals):
        return intervals_plot(block, escaped)
    return bars_plot(block, escaped)


def _each(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escaped(text)}</{tag}>" for text in texts)


def _table(table: Table) -> str:
    classes = [
        "number" if column in table.right else "text" if column in table.wide else ""
        for column in range(len(table.headers))
    ]
    head = _row("th", table.headers, classes)
    rows = "\n".join(_row("td", row, classes) for row in table.rows[:MAX_ROWS])
    more = ""
    if len(table.rows) > MAX_ROWS:
        more = say("The first {n} of {all} rows.", n=f"{MAX_ROWS:,}", all=f"{len(table.rows):,}")
        more = f'<p class="rest">{escaped(more)}</p>'
    many = ' class="many"' if len(table.headers) + 2 * len(table.wide) > _MANY else ""
    whole = f"<table{many}>\n<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    # Who has no mouse scrolls it, too.
    return f'<div class="scroll" tabindex="0">{whole}</div>{more}'


def _row(tag: str, cells: Sequence[str], classes: Sequence[str]) -> str:
    shown = []
    for cell, kind in zip(cells, classes, strict=True):
        named = f' class="{kind}"' if kind else ""
        # Questions may be in any language, whatever the page is in.
        direction = ' dir="auto"' if kind == "text" and tag == "td" else ""
        scope = ' scope="col"' if tag == "th" else ""
        shown.append(f"<{tag}{scope}{named}{direction}>{escaped(cell)}</{tag}>")
    return f"<tr>{''.join(shown)}</tr>"
