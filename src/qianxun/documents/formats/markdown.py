"""Markdown: its block structure; the text of a block stays as it is written in the source."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from qianxun.documents.decoding import text_pieces
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

SEGMENT_CHARS = 1 << 18  # parsed at a time; cut at blank lines outside code

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)(?:^|\n)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*(.+?)\s*$", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKUP = re.compile(r"(\*\*|__|`|\*|~~)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_LINE_ENDS = re.compile("\r\n?")


class MarkdownLoader:
    """Reads `.md` and `.markdown`."""

    suffixes = (".md", ".markdown")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        segments = _segments(text_pieces(file, settings))
        first = next(segments, "").removeprefix("\ufeff")
        title = ""
        front = _FRONT_MATTER.match(first)
        if front and (":" in front.group(2) or "=" in front.group(2) or not front.group(2).strip()):
            first = first[front.end() :]
            named = _TITLE.search(front.group(2))
            title = named.group(1).strip("\"'") if named else ""
        beginning = list(_blocks(first))
        headings = [block for block in beginning if block.kind == "heading"]
        if not title and headings:
            title = _LINK.sub(r"\1", _MARKUP.sub("", headings[0].text))
        rest = (block for segment in segments for block in _blocks(segment))
        yield RawDocument(file.name, title or file.stem, "markdown", itertools.chain(beginning, rest))


def _segments(pieces: Iterable[str]) -> Iterator[str]:
    lines: list[str] = []
    chars = 0
    fence = ""
    for line in _lines(pieces):
        lines.append(line)
        chars += len(line) + 1
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark.group(1)
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        if (chars >= SEGMENT_CHARS and not line.strip() and not fence) or chars >= 16 * SEGMENT_CHARS:
            yield "\n".join(lines)
            lines, chars = [], 0
    if lines:
        yield "\n".join(lines)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        rest += piece
        if rest.endswith("\r"):
            continue
        *whole, rest = _LINE_ENDS.sub("\n", rest).split("\n")
        yield from whole
    if rest:
        yield from _LINE_ENDS.sub("\n", rest).split("\n")


def _blocks(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    tokens = _parser().parse(text)
    for i, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        source = "\n".join(lines[token.map[0] : token.map[1]]).strip("\n")
        if token.type == "heading_open":
            yield Block("heading", tokens[i + 1].content, level=int(token.tag[1]))
        elif token.type in ("paragraph_open", "blockquote_open"):
            yield Block("paragraph", source)
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield Block("list", source)
        elif token.type == "table_open":
            yield Block("table", source, header_lines=2)
        elif token.type in ("fence", "code_block"):
            yield Block("code", token.content)
        elif token.type == "html_block":
            from qianxun.documents.formats.html import blocks_of_html

            yield from blocks_of_html(source)


def _parser() -> Any:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable(["inline"])  # the source is kept as written; only blocks matter
    return parser
