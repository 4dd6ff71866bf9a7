"""Makes a loader's block into text worth keeping: the only place where text is normalised.

Shown text stays as its author wrote it, so the form is NFC, never NFKC; folding for matching is
`qianxun.text`. Pure: knows no file and no document.
"""

import dataclasses
import itertools
import re
import unicodedata

from qianxun.records import Block

# Control characters (tab and line feed are kept), lone surrogates and non-characters that no database takes,
# zero-width and direction marks, soft hyphens.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
# Joiners mean something in emoji and in Arabic and Indic scripts, and nowhere else.
_STRAY_JOINER = re.compile("(?<![\u0600-\u0dff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_ODD_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
# Whatever one of these four could match.
_ODD = re.compile(
    f"[\r\x0b\x0c\x85\u2028\u2029\u200c\u200d{_ODD_SPACES.pattern.strip('[]')}{_REMOVED.pattern.strip('[]')}]"
)
_SPACES = re.compile(r"[ \t]{2,}|\t")
_BLANK = " \t\u3000"
_BLANK_LINES = re.compile(r"\n{4,}")
_ANY_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(r"[\n\x20-\x7e\u4e00-\u9fff\u3001-\u3003\u3008-\u3011\u2018\u2019\u201c\u201d\u2026\uff01-\uff5e]*")

# Scripts written without spaces between words (Hangul is not one) and their punctuation.
_TIGHT = (
    "\u3001-\u3003\u3005-\u3011\u3014-\u301f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\u2014\u2018\u2019\u201c\u201d\u2026\U00020000-\U000323af"
)
_TIGHT_CHARACTER = re.compile(f"[{_TIGHT}]")
_NO_SPACE_AFTER = "\u3001\u3002\uff0c\uff1b\uff1a\uff01\uff1f\uff08\u300a\u300c\u300e\u3010\u2014"
_DELIBERATE_START = re.compile(
    r"(?:[-*+•·●○■□◆▪►※☐☑✓–—]\s*\S"  # bullets
    r"|[(（\[]?(?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十百]{1,4})[)）\].、．]"  # 1. （二） a)
    r"|[①-⑳]|第[一二三四五六七八九十百千零〇\d]{1,7}[编編章节節条條款篇]|[QA]\d{1,3}[.、]|【[问問答]】"
    r"|(?:Article|ARTICLE|Section|SECTION|Clause|CLAUSE|Rule|RULE|§§?) ?(?:\d[\d.]*[a-z]?|[IVXLC]+)"
    r"(?:[:：)]|\.?(?: [A-Z(\u4e00-\u9fff]|$))"
    r"|[^\s：:，。,.]{1,12}[：:]"  # 姓名： Phone:
    r"|\d{4}[-/年]\d{1,2}[-/月]|\[?\d{1,2}:\d{2}"  # dated lines
    r"|\||>|#)"
)


def clean_block(block: Block) -> Block | None:
    """The block with its text cleaned, or None when nothing is left."""
    text = clean_text(block.text)
    if block.kind == "heading":
        text = _ANY_SPACE.sub(" ", text).strip()
    elif block.kind == "paragraph":
        text = joined_lines(text)
    elif block.kind == "code":
        text = _without_blank_lines(_without_trailing_space(text)).strip("\n")
    else:
        text = _without_blank_lines(_without_trailing_space(text).replace("\t", " ")).strip()
    if not text.strip():
        return None
    header_lines = min(block.header_lines, text.count("\n") + 1) if block.kind == "table" else 0
    if text == block.text and header_lines == block.header_lines:
        return block
    return dataclasses.replace(block, text=text, header_lines=header_lines)


def clean_text(text: str) -> str:
    """NFC, without control and zero-width characters, line ends as line feeds, odd spaces as spaces."""
    if text.isascii() and text.isprintable():
        return text
    if _PLAIN.fullmatch(text):  # nearly every Chinese or English paragraph: seven passes saved
        return text
    if _ODD.search(text):  # one pass instead of four
        text = _ODD_SPACES.sub(" ", _LINE_ENDS.sub("\n", text))
        text = _STRAY_JOINER.sub("", _REMOVED.sub("", text))
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Cleaned text on one line, for titles."""
    return _ANY_SPACE.sub(" ", clean_text(text)).strip()


def joined_lines(text: str) -> str:
    """A paragraph's lines joined where they were only wrapped; lines that were meant stay lines.

    Chinese and Japanese join without a space, other scripts with one. A line break is kept after a
    colon, before an item, a `name:` or a date, and after a line that was clearly not full.
    """
    if "  " in text or "\t" in text:
        text = _SPACES.sub(" ", text)
    text = text.strip()
    if "\n" not in text:
        return text
    lines = [line.strip(_BLANK) for line in text.split("\n")]
    widest = max(map(_columns, lines))
    pieces = [lines[0]]
    for before, line in itertools.pairwise(lines):
        if not line:
            if pieces[-1] != "\n":
                pieces.append("\n")
            continue
        if pieces[-1] == "\n":
            pieces.append(line)
            continue
        if before.endswith(("：", ":")) or _DELIBERATE_START.match(line) or _columns(before) < 0.5 * widest:
            pieces.append("\n")
        else:
            pieces.append(glue(before, line))
        pieces.append(line)
    return "".join(pieces)


def glue(before: str, after: str) -> str:
    """What goes between two lines that belong together: nothing or a space."""
    last = before[-1:]
    if last in _NO_SPACE_AFTER or (_TIGHT_CHARACTER.match(last) and _TIGHT_CHARACTER.match(after)):
        return ""
    if before.endswith("-") and before[-2:-1].isalpha() and after[:1].islower():
        return ""
    return " "


def _without_trailing_space(text: str) -> str:
    # Not a pattern: on a long run of spaces it would look at every tail of the run.
    return "\n".join([line.rstrip(_BLANK) for line in text.split("\n")])


def _without_blank_lines(text: str) -> str:
    """Two blank lines where there are more."""
    return _BLANK_LINES.sub("\n\n\n", text) if "\n\n\n\n" in text else text


def _columns(line: str) -> int:
    """Width on a screen: about two columns for a character beyond Latin."""
    return len(line) if line.isascii() else len(line) + sum(c >= "\u2e80" for c in line)
