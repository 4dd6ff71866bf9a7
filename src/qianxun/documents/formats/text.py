"""Plain text: paragraphs, simple headings, logs. A file of any size is read a piece at a time."""

import itertools
import re
from collections.abc import Iterable, Iterator

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import text_pieces
from qianxun.documents.splitting.logs import begins_record, is_log
from qianxun.files import RawFile
from qianxun.records import Block, BlockKind, RawDocument
from qianxun.settings import ReadingSettings

MAX_PARAGRAPH_CHARS = 8192  # longer ones are handed on in pieces, at line or sentence ends
MAX_WRAPPED_CHARS = 110  # nobody wraps lines later than this: such a line is a paragraph

_NUMBER = "一二三四五六七八九十百千零〇两0-9０-９"
_BRIEF = "[^，。；！？,;]{0,20}"
# Level and shape of a heading line. A numbered line counts only if it is short, alone, and ends like a title.
_HEADINGS = (
    (1, re.compile(rf"第[{_NUMBER}]{{1,6}}[编編篇卷部](?:[ 　].*|$|[^，。；！？,;]{{0,30}}$)")),
    (2, re.compile(rf"第[{_NUMBER}]{{1,6}}章(?:[ 　].*|$|[^，。；！？,;]{{0,30}}$)")),
    (3, re.compile(rf"第[{_NUMBER}]{{1,6}}[节節](?:[ 　].*|$|[^，。；！？,;]{{0,30}}$)")),
    (4, re.compile(rf"第[{_NUMBER}]{{1,6}}[条條](?:[ 　]{_BRIEF}$|$|[（(【]{_BRIEF}[）)】]$)")),
    (2, re.compile(r"[一二三四五六七八九十]{1,3}、[^，。；！？：,;]{1,28}$")),
    (3, re.compile(r"[（(][一二三四五六七八九十]{1,3}[）)][^，。；！？：,;]{1,24}$")),
    (1, re.compile(r"(?:Chapter|CHAPTER|Part|PART|Appendix|APPENDIX)\s+(?:\d{1,3}|[IVXLC]{1,6}|[A-Z])\b.{0,60}$")),
    (2, re.compile(r"(?:Section|SECTION|Article|ARTICLE)\s+(?:\d{1,3}|[IVXLC]{1,6})\b.{0,60}$")),
    (1, re.compile(r"(?:附录|附錄|附件)[一二三四五六七八九十0-9A-Z]?[ 　：:]?[^，。；！？,;]{0,28}$")),
)
HEADING_STARTS = frozenset("第一二三四五六七八九十（(附CPAS")  # of the shapes above
_DOTTED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,3})[ 　\t]+\S[^，。；！？,;]{0,50}$")
_MARKED = re.compile(
    r"\s*(?:[-*+•·●○■□◆▪►※☐☑✓]\s+\S|[(（\[]?\d{1,3}[)）\].、．]\s*\S|[①-⑳]"
    r"|[（(][一二三四五六七八九十]{1,3}[）)])"
)
_CELLS = re.compile(r"\S(?: {3,}|\t)\S")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_SENTENCE_END = re.compile(r"[。！？；…]|[.!?;](?=\s)")


class TextLoader:
    """Reads `.txt`, `.text` and `.log`."""

    suffixes = (".txt", ".text", ".log")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        lines = _lines(text_pieces(file, settings))
        beginning = list(itertools.islice(lines, 40))  # decoding errors come up here, before anything is handed on
        log = file.suffix == ".log" or is_log([line for line in beginning if line.strip()])
        blocks = _log_blocks if log else _prose_blocks
        title = file.stem if log else _title(beginning) or file.stem
        yield RawDocument(file.name, title, "text", blocks(itertools.chain(beginning, lines)))


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines without their ends; a line longer than a paragraph may be comes as several, cut at sentence ends."""
    rest = ""
    for piece in pieces:
        if piece.endswith("\r"):  # perhaps half of a line end
            rest += piece
            continue
        text = rest + piece
        if "\r" in text or "\x85" in text or "\u2028" in text or "\u2029" in text:
            text = _LINE_ENDS.sub("\n", text)
        *whole, rest = text.split("\n")
        for line in whole:
            if len(line) > MAX_PARAGRAPH_CHARS:
                yield from _cut(line)
            else:
                yield line
        if len(rest) > MAX_PARAGRAPH_CHARS:
            *done, rest = _cut(rest)
            yield from done
    rest = _LINE_ENDS.sub("\n", rest)
    for line in rest.split("\n") if rest else ():
        yield from _cut(line)


def _cut(line: str) -> Iterator[str]:
    start = 0
    while len(line) - start > MAX_PARAGRAPH_CHARS:
        half = start + MAX_PARAGRAPH_CHARS // 2
        window = line[half : start + MAX_PARAGRAPH_CHARS]
        ends = [match.end() for match in _SENTENCE_END.finditer(window)]
        at = ends[-1] if ends else window.rfind(" ") + 1 or len(window)
        yield line[start : half + at]
        start = half + at
    yield line[start:]


def _prose_blocks(lines: Iterable[str]) -> Iterator[Block]:
    paragraph: list[str] = []
    chars = 0
    for line in lines:
        stripped = line.strip(" \t\u3000\ufeff\x0c")
        if not stripped:
            yield from _paragraph(paragraph)
            paragraph, chars = [], 0
            continue
        level = heading_level(stripped)
        # An indented line begins a paragraph where others are not indented: Chinese letters have no blank lines.
        indented = line.startswith("\u3000\u3000") and bool(paragraph)
        if level or indented or chars + len(line) > MAX_PARAGRAPH_CHARS:
            yield from _paragraph(paragraph)
            paragraph, chars = [], 0
        if level:
            yield Block("heading", stripped, level=level)
            continue
        paragraph.append(line)
        chars += len(line) + 1
        if len(line) > MAX_WRAPPED_CHARS:
            yield from _paragraph(paragraph)
            paragraph, chars = [], 0
    yield from _paragraph(paragraph)


def _paragraph(lines: list[str]) -> Iterator[Block]:
    if lines:
        kind: BlockKind = "paragraph"
        if len(lines) > 1 and (_mostly(_MARKED, lines) or is_log(lines) or _mostly_cells(lines)):
            kind = "list"
        yield Block(kind, "\n".join(lines))


def _log_blocks(lines: Iterable[str]) -> Iterator[Block]:
    """Blocks that begin with a record, unless one record is longer than half a block."""
    block: list[str] = []
    chars = 0
    for line in lines:
        full = chars + len(line) > MAX_PARAGRAPH_CHARS
        if full or (chars > MAX_PARAGRAPH_CHARS // 2 and begins_record(line)):
            yield Block("code", "\n".join(block))
            block, chars = [], 0
        block.append(line)
        chars += len(line) + 1
    if block:
        yield Block("code", "\n".join(block))


def heading_level(line: str) -> int:
    """The depth of a plain-text line that is a heading, or 0. Conservative: a missed heading costs less."""
    if len(line) > 80:
        return 0
    if line[0] not in HEADING_STARTS:
        if line[0].isascii() and line[0].isdigit():
            dotted = _DOTTED.match(line)
            return min(dotted.group(1).count(".") + 2, 6) if dotted and not line.endswith((".", ":", "：")) else 0
        return 0
    for level, shape in _HEADINGS:
        if shape.match(line) and not line.endswith((".", "。", ":", "：")):
            return level
    return 0


def _title(beginning: list[str]) -> str | None:
    """The first line when it looks like a title: short, and no sentence."""
    for line in beginning:
        title = one_line(line)
        if title:
            fits = len(title) <= 60 and not title.endswith(("。", "，", "；", ".", ",", ";", "：", ":"))
            return title if fits and "\t" not in line and not _MARKED.match(line) else None
    return None


def _mostly(shape: re.Pattern[str], lines: list[str]) -> bool:
    return bool(lines) and sum(shape.match(line) is not None for line in lines) * 2 > len(lines)


def _mostly_cells(lines: list[str]) -> bool:
    return sum(_CELLS.search(line) is not None for line in lines) * 2 > len(lines)
