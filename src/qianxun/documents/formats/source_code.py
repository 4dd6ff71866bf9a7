"""Source code and configuration: blocks by class and function, under headings of path and signature.

Python is parsed; other languages are scanned for braces or indentation, past strings and comments. The scanner
knows how definitions look, not what the language means: what it cannot follow is cut at blank lines. Text is the
source's own.
"""

import ast
import bisect
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import read_text
from qianxun.files import MEMBER, RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

MAX_BLOCK_LINES: Final = 30  # a longer stretch is cut at its blank lines, so that locations say where
MAX_HEADING_CHARS: Final = 120
MAX_HEADER_CHARS: Final = 4000  # from a definition's beginning to its brace
PATH_PARTS: Final = 3  # of a file's path in its heading: its folders, not where they are on this machine
MAX_PARSED_CHARS: Final = 2_000_000  # larger files are data or generated; a syntax tree is 200 times its text

_BRACES: Final = (
    ".js .mjs .cjs .jsx .ts .mts .cts .tsx .java .go .rs .c .h .cc .cpp .cxx .hh .hpp .hxx .cs .php .swift .kt .kts "
    ".scala .dart .groovy .gradle .proto .r"
).split()
_DIRECTED: Final = frozenset(".c .h .cc .cpp .cxx .hh .hpp .hxx .cs".split())
_CLOSED: Final = {".rb": "end", ".lua": "end", ".jl": "end", ".m": "end", ".ex": "end", ".exs": "end", ".sh": "}",
                  ".bash": "}", ".zsh": "}", ".pl": "}", ".pm": "}", ".ps1": "}"}  # fmt: skip
_SECTIONS: Final = {
    ".toml": re.compile(r"(?P<name>\[\[?[^\]\n]+\]\]?)\s*(?:#.*)?$"),
    ".ini": re.compile(r"(?P<name>\[[^\]\n]+\])"),
    ".cfg": re.compile(r"(?P<name>\[[^\]\n]+\])"),
    ".conf": re.compile(r"(?P<name>\[[^\]\n]+\])"),
    # Only keys with something below them: a heading for each plain value would be longer than the value.
    ".yaml": re.compile(r"(?P<name>[^\s#\-][^\n]{0,120}?):\s*(?:[|>&!][^\n]*)?(?:#[^\n]*)?$"),
    ".yml": re.compile(r"(?P<name>[^\s#\-][^\n]{0,120}?):\s*(?:[|>&!][^\n]*)?(?:#[^\n]*)?$"),
    ".tex": re.compile(
        r"\s*\\(?:part|chapter|(?:sub)*section)\*?\s*(?:\[[^\]]*\])?\{(?P<name>[^\n]+?)\}\s*(?:[\\%].*)?$"
    ),
    ".vue": re.compile(r"(?P<name><(?:template|script|style)\b[^>\n]*>)"),
    ".svelte": re.compile(r"(?P<name><(?:script|style)\b[^>\n]*>)"),
}
_TEX_LEVELS: Final = ("part", "chapter", "section", "subsection", "subsubsection")
_PLAIN: Final = (".properties", ".css", ".scss", ".less", ".bib", ".cmake", ".mk", ".bat", ".graphql", ".tf")

_LINE_ENDS: Final = re.compile("\r\n?")
_NO_WORDS: Final = re.compile(r"\W*(?:end\b)?\W*$|[\s})\];]+(?://|/\*)")

# Longest first. Everything is bounded or always matches, so that no file makes the scanner look at it many times.
_COMMENTS: Final = r"//[^\n]*|/\*.*?(?:\*/|\Z)"
_STRINGS: Final = (
    r'"""(?:.{0,65536}?)"""|\br(?P<hashes>#{1,8})".{0,4096}?"(?P=hashes)'
    r'|\bR"(?P<mark>[^(\s"]{0,16})\(.{0,4096}?\)(?P=mark)"|@"(?:[^"]|"")*"|"(?:\\.|[^"\\\n])*"?'
)
_CHARACTER: Final = r"|'(?:\\[^\n][^'\n]{0,8}|[^'\\\n]{1,2})'"
_QUOTED: Final = r"|'(?:\\.|[^'\\\n])*'?"
_BACKTICK: Final = r"|`(?:\\.|[^`\\])*`?"
_PATTERN: Final = r"|(?<=[(,=:\[!&|?{};])[ \t]*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n]){1,100}\]|[^/\\\n\[]){1,200}/[a-z]*"
_DIRECTIVE: Final = r"|^[ \t]*#(?:\\\n|[^\n])*"
_HASH: Final = r"|#(?!\[)[^\n]*"
_DOLLARS: Final = r"|\$(?P<tag>\w{0,32})\$.{0,16384}?\$(?P=tag)\$"

_MODIFIERS: Final = (
    r"\s*(?:(?:public|private|protected|internal|static|final|abstract|async|export|default|override|open|sealed|data|"
    r"inline|virtual|extern|unsafe|const(?=\s+fn)|partial|readonly|synchronized|native|suspend|operator|mutating|"
    r"fileprivate|implicit|case|declare|companion|inner|annotation|constexpr|explicit|required|convenience|typedef|"
    r"local|pub(?:\([^)]*\))?|@\w+(?:\([^)]*\))?)\s+)*"
)
_CONTAINER: Final = re.compile(
    _MODIFIERS + r"(?:type\s+\w+(?:\[[^\]]*\])?\s+)?(?P<kind>class|interface|struct|enum|trait|impl|namespace|module|"
    r"object|extension|protocol|record|union|mod|actor|message|service|defmodule|defprotocol|extern(?=\s+\{))\b"
    r"(?!\s*[=(:.,;])"
)
_KEYWORD: Final = re.compile(
    _MODIFIERS + r"(?:(?:func|fn|function|fun|def|defp|defmacro|sub|rpc|macro_rules!)\b[\s*(]"
    r"|(?:constructor|init|deinit)\s*[({]"
    r"|(?:const|let|var|val)\s+[\w$]+\s*(?::[^=]{1,100})?=\s*(?:async\s*)?(?:function\b|\([^=]{0,200}=>|\([^)]{0,200}$|[\w$]+\s*=>)"
    r"|[\w.]+\s*(?:<-|=)\s*function\s*\()"
)
_CALLED: Final = re.compile(
    _MODIFIERS + r"(?:[\w$<>\[\],.:&*?~@ \t]{1,200}?[\s&*>\]])?(?P<name>~?[\w$#]+(?:::~?[\w$]+){0,4}|operator[^\w\s(]+)"
    r"\s*(?:<[^()]{0,100}>)?\s*\("
)
_NO_FUNCTIONS: Final = frozenset(
    "if for while switch catch return else do try foreach lock using with when match guard defer unless until sizeof "
    "new throw await yield typeof elif select synchronized assert delete in of".split()
)
_SHELL_FUNCTION: Final = re.compile(r"\s*(?:function\s+)?[\w:.-]+\s*\(\)\s*[{(]?\s*$|\s*function\s+[\w:.-]+\s*\{?\s*$")
_CONTINUATION: Final = re.compile(
    r"\s*(?:\{|:|->|=|,|&|(?:where|throws|extends|implements|permits|with|returns|noexcept|const|override)\b)"
)
_CONTINUED: Final = ("=", "=>", ",", "->", "&&", "||", "+", "?", ":")
_IMPORT: Final = re.compile(r"\s*(?:import|package|use|using|from|export|include|require|var|let|const|val|return)\b")
_STATEMENT_NAME: Final = re.compile(
    r"(?P<name>create\s+(?:or\s+\w+\s+)?(?:(?:global|local|temp|temporary|unique|materialized|external|definer\s*=\s*\S+)\s+){0,3}"
    r"(?P<what>table|view|function|procedure|trigger|index|type|schema|database|sequence|event|package)\s+"
    r"(?:if\s+not\s+exists\s+)?[^\s(;]+)",
    re.IGNORECASE,
)
_WITH_BODY: Final = frozenset({"function", "procedure", "trigger", "event", "package"})
_SQL_WORDS: Final = re.compile(
    r";|^[ \t]*go[ \t]*$|\b(?:begin|case|if|loop|while|repeat)\b|\bend\b(?:[ \t]+(?:case|if|loop|while|repeat|for)\b)?",
    re.IGNORECASE | re.MULTILINE,
)


class SourceCodeLoader:
    """Reads source code and configuration files."""

    suffixes = (".py", ".pyi", ".sql", *_BRACES, *_CLOSED, *_SECTIONS, *_PLAIN)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document of `code` blocks, located as `lines 10–42`."""
        lines = _LINE_ENDS.sub("\n", read_text(file, settings).removeprefix("\ufeff")).split("\n")
        *_, own = path = file.name.replace("\\", "/").replace(MEMBER, "/").split("/")
        stretches = _stretches(lines, file.suffix)
        blocks = _blocks(lines, "/".join(path[-PATH_PARTS:]).lstrip("/"), stretches)
        yield RawDocument(file.name, own or file.stem, file.suffix.lstrip("."), blocks)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Lines (`first` included, `end` not, from 0) and the signatures around them, outermost first."""

    first: int
    end: int
    names: tuple[str, ...] = ()


def _stretches(lines: list[str], suffix: str) -> list[_Stretch]:
    """The file's parts in order, without a gap."""
    whole = _Stretch(0, len(lines))
    text = "\n".join(lines)
    if len(text) > MAX_PARSED_CHARS and suffix != ".sql":
        return [whole]
    if suffix in (".py", ".pyi"):
        return _of_python(text, lines) or [whole]
    if suffix == ".sql":
        return _of_sql(text) or [whole]
    if suffix in _BRACES:
        return _Braces(text, lines, suffix).stretches() or [whole]
    if suffix in _CLOSED:
        found = list(_closed(lines, 0, len(lines), (), suffix))
        return _gathered(lines, found) or [whole]
    if suffix in _SECTIONS:
        return _of_sections(lines, suffix)
    return [whole]


def _blocks(lines: list[str], path: str, stretches: Iterable[_Stretch]) -> Iterator[Block]:
    above: tuple[str, ...] = ()
    for stretch in stretches:
        names = (path, *stretch.names)
        n_same = 0
        while n_same < min(len(names), len(above)) and names[n_same] == above[n_same]:
            n_same += 1
        # Back in what is around the part before it: only a heading ends a heading's section.
        n_same = min(n_same, len(names) - 1) if names != above else n_same
        where = _location(stretch.first, max(_behind_text(lines, stretch.first, stretch.end), stretch.first + 1))
        for level, name in enumerate(names[n_same:], n_same + 1):
            yield Block("heading", name, level=min(level, 9), location=where)
        above = names
        for first, end in _at_blank_lines(lines, stretch.first, stretch.end):
            yield Block("code", "\n".join(lines[first:end]), location=_location(first, end))


def _at_blank_lines(lines: list[str], first: int, end: int) -> Iterator[tuple[int, int]]:
    begins = blank = -1
    for at in range(first, end):
        if not lines[at].strip():
            blank = at
            continue
        if begins < 0:
            begins = at
        elif at - begins >= MAX_BLOCK_LINES and blank > begins:
            yield begins, _behind_text(lines, begins, blank)
            begins = blank + 1
    if begins >= 0:
        yield begins, _behind_text(lines, begins, end)


def _behind_text(lines: list[str], first: int, end: int) -> int:
    while end > first and not lines[end - 1].strip():
        end -= 1
    return end


def _location(first: int, end: int) -> str:
    return f"lines {first + 1}–{end}" if end - first > 1 else f"line {first + 1}"


def _signature(source: str) -> str:
    line = one_line(source)
    return line if len(line) <= MAX_HEADING_CHARS else line[: MAX_HEADING_CHARS - 1].rstrip() + "…"


def _gathered(lines: list[str], found: Iterable[_Stretch]) -> list[_Stretch]:
    """Those with words, each with what closes it; neighbours under the same signatures are one."""
    gathered: list[_Stretch] = []
    for stretch in found:
        if stretch.end <= stretch.first:
            continue
        before = gathered[-1] if gathered else None
        is_empty = all(map(_NO_WORDS.match, lines[stretch.first : stretch.end]))
        if before is not None and (before.names == stretch.names or is_empty):
            gathered[-1] = _Stretch(before.first, stretch.end, before.names)
        else:
            gathered.append(stretch)
    return gathered


# Python


def _of_python(text: str, lines: list[str]) -> list[_Stretch]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the code that is read, not about ours
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return _gathered(lines, _of_body(tree.body, lines, 0, len(lines), ()))


def _of_body(
    body: list[ast.stmt], lines: list[str], first: int, end: int, names: tuple[str, ...]
) -> Iterator[_Stretch]:
    at = first
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        begins = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        while begins > at and lines[begins - 1].lstrip().startswith("#"):
            begins -= 1
        ends = node.end_lineno or node.lineno
        if begins < at:  # two on a line
            continue
        yield _Stretch(at, begins, names)
        if isinstance(node, ast.ClassDef):
            yield from _of_body(node.body, lines, begins, ends, (*names, f"class {node.name}"))
        else:
            yield _Stretch(begins, ends, (*names, _python_signature(node)))
        at = ends
    yield _Stretch(at, end, names)


def _python_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Without types and defaults, which stand in the code."""
    given = node.args
    shown = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    if given.vararg or given.kwonlyargs:
        shown.append(f"*{given.vararg.arg}" if given.vararg else "*")
    shown += [argument.arg for argument in given.kwonlyargs]
    shown += [f"**{given.kwarg.arg}"] if given.kwarg else []
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return _signature(f"{kind} {node.name}({', '.join(shown)})")


# Braces


class _Braces:
    """A language of braces: its definitions, found on lines outside strings, comments and parentheses."""

    def __init__(self, text: str, lines: list[str], suffix: str) -> None:
        self.lines = lines
        self.text = text
        self.bare = _without_strings(text, suffix)
        self.has_directives = suffix in _DIRECTED
        self.bare_lines = self.bare.split("\n")
        self.starts = [0]
        for line in lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.partner: dict[int, int] = {}
        self.inside: list[int] = []  # of each line: the bracket open where it begins, -1 if none

    def stretches(self) -> list[_Stretch]:
        """Empty when the brackets do not match, so that nothing can be said of what is in them."""
        if not self._match():
            return []
        return _gathered(self.lines, self._within(0, len(self.lines), -1, ()))

    def _match(self) -> bool:
        stack: list[int] = []
        at_line = 0
        self.inside = [-1] * len(self.lines)
        for match in re.finditer(r"[(){}\[\]\n]", self.bare):
            sign, at = match.group(), match.start()
            if sign == "\n":
                at_line += 1
                self.inside[at_line] = stack[-1] if stack else -1
            elif sign in "({[":
                stack.append(at)
            elif not stack or self.bare[stack[-1]] + sign not in ("()", "{}", "[]"):
                return False
            else:
                self.partner[stack.pop()] = at
        return not stack

    def _within(self, first: int, end: int, bracket: int, names: tuple[str, ...]) -> Iterator[_Stretch]:
        """The definitions that stand directly in this bracket (-1: in none)."""
        at = line = first
        while line < end:
            found = self._definition(line, end) if self.inside[line] == bracket else None
            if found is None:
                line += 1
                continue
            opens, ends, is_container = found
            begins = self._with_comments(line, at)
            header = self.text[self.starts[line] : opens if opens >= 0 else self.starts[ends] - 1]
            inner = (*names, _header(header))
            yield _Stretch(at, begins, names)
            if is_container and ends - line > 1:
                body = self._line_of(opens) + 1
                yield _Stretch(begins, body, inner)
                yield from self._within(body, max(ends - 1, body), opens, inner)
                yield _Stretch(max(ends - 1, body), ends, inner)
            else:
                yield _Stretch(begins, ends, inner)
            at = line = max(ends, line + 1)
        yield _Stretch(at, end, names)

    def _definition(self, line: int, end: int) -> tuple[int, int, bool] | None:
        """Of the definition that begins on a line: its brace (-1: none), the line behind it, and what it is."""
        bare = self.bare_lines[line][:300]
        if not bare.strip():
            return None
        container = _CONTAINER.match(bare)
        if container is not None:
            opens = self._opening(line, end)
            header = self.bare[self.starts[line] : opens]
            if opens < 0 or "=" in header:
                return None
            # In C these are types of what functions return, too.
            is_type = container.group("kind") not in ("struct", "union", "enum") or "(" not in header
            return opens, self._line_of(self.partner[opens]) + 1, is_type or "enum class" in header
        keyword = _KEYWORD.match(bare)
        if keyword is not None:
            opens = self._opening(line, end)
            ends = self._line_of(self.partner[opens]) + 1 if opens >= 0 else self._statement_end(line, end)
            header = self.bare[self.starts[line] : opens if opens >= 0 else self.starts[ends]]
            is_value = re.match(r"\s*(?:\w+\s+)*(?:const|let|var|val)\s", header) is not None
            return None if is_value and "=>" not in header and "function" not in header else (opens, ends, False)
        called = _CALLED.match(bare)
        if called is None or called.group("name") in _NO_FUNCTIONS or _NO_FUNCTIONS & set(called.group().split()):
            return None
        opens = self._opening(line, end)
        if opens < 0:
            return None
        closes = self.partner.get(self.starts[line] + called.end() - 1, -1)
        between = self.bare[closes + 1 : opens] if 0 <= closes < opens else "="
        if "=" in between:
            return None
        return opens, self._line_of(self.partner[opens]) + 1, False

    def _opening(self, line: int, end: int) -> int:
        """The brace of the definition's body: the first outside parentheses, before the statement's end."""
        at = self.starts[line]
        stop = min(self.starts[min(line + 40, end)], len(self.bare), at + MAX_HEADER_CHARS)
        while at < stop:
            sign = self.bare[at]
            if sign == "{":
                return at
            if sign in "([":
                at = self.partner[at]
            elif sign in ";)}]" or (sign == "\n" and not self._goes_on(self._line_of(at))):
                return -1
            at += 1
        return -1

    def _goes_on(self, line: int) -> bool:
        """Whether a header goes on behind the end of a line outside parentheses."""
        after = self.bare_lines[line + 1] if line + 1 < len(self.lines) else ""
        return _CONTINUATION.match(after) is not None or self.bare_lines[line].rstrip().endswith(_CONTINUED)

    def _statement_end(self, line: int, end: int) -> int:
        """The line behind a definition without braces: it ends at `;`, or where its brackets are closed."""
        at = line
        while at + 1 < end:
            bare = self.bare_lines[at].rstrip()
            if not bare.endswith(_CONTINUED) and self.inside[at + 1] < self.starts[line]:
                break
            at += 1
        return at + 1

    def _with_comments(self, line: int, at: int) -> int:
        """The line where what belongs to a definition begins: its comments, attributes, a type on its own line."""
        while line > at and self.lines[line - 1].strip():
            bare = self.bare_lines[line - 1].strip()
            is_type = re.fullmatch(r"[\w\s*&<>:,]{1,100}", bare) and not _IMPORT.match(bare)
            is_directive = not bare and self.has_directives and self.lines[line - 1].lstrip().startswith("#")
            if is_directive or (bare and not bare.startswith(("@", "#[", "[")) and not is_type):
                break
            line -= 1
        return line

    def _line_of(self, at: int) -> int:
        return bisect.bisect_right(self.starts, at) - 1


def _without_strings(text: str, suffix: str) -> str:
    """The text with blanks for strings and comments, every other character where it was."""
    pattern = (_HASH[1:] + "|" if suffix == ".r" else _COMMENTS + "|") + _STRINGS
    if suffix in (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx"):
        pattern += _QUOTED + _BACKTICK + _PATTERN
    elif suffix in (".php", ".r", ".dart", ".groovy", ".gradle", ".proto"):
        pattern += _QUOTED + (_HASH if suffix == ".php" else "")
    else:
        pattern += _CHARACTER
        if suffix == ".go":
            pattern += _BACKTICK
        if suffix in _DIRECTED:
            pattern += _DIRECTIVE
    return _blanked(pattern, text)


def _blanked(pattern: str, text: str) -> str:
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.DOTALL | re.MULTILINE)


def _header(source: str) -> str:
    line = one_line(source)
    bare = re.sub(
        r"^(?:(?:public|private|protected|internal|export|default|pub(?:\([^)]*\))?|@\w+(?:\([^)]*\))?)\s+)+", "", line
    )
    bare = bare.replace("( ", "(").replace(", )", ")").replace(" )", ")")
    return _signature(re.sub(r"\s*(?:=>?|;|\{)\s*$", "", bare))


# Indentation and closing words


def _closed(lines: list[str], first: int, end: int, names: tuple[str, ...], suffix: str) -> Iterator[_Stretch]:
    """Definitions that end with a closing word (or brace) as far in as they begin."""
    closing = re.compile(r"end\b" if _CLOSED[suffix] == "end" else r"\}")
    of_shell = suffix in (".sh", ".bash", ".zsh")
    at = line = first
    while line < end:
        source = lines[line][:300]
        stripped = source.lstrip()
        is_container = not of_shell and _CONTAINER.match(source) is not None
        shape = _SHELL_FUNCTION if of_shell else _KEYWORD
        closes = -1
        if is_container or shape.match(source):
            closes = _closing_line(lines, line, end, len(source) - len(stripped), closing)
        if closes < 0:
            line += 1
            continue
        begins = line
        while begins > at and lines[begins - 1].lstrip().startswith(("#", "--", "%", "@")):
            begins -= 1
        inner = (*names, _signature(stripped.rstrip("{; \t")))
        yield _Stretch(at, begins, names)
        if is_container and closes - line > 1:
            yield _Stretch(begins, line + 1, inner)
            yield from _closed(lines, line + 1, closes, inner, suffix)
            yield _Stretch(closes, closes + 1, inner)
        else:
            yield _Stretch(begins, closes + 1, inner)
        at = line = closes + 1
    yield _Stretch(at, end, names)


def _closing_line(lines: list[str], line: int, end: int, indent: int, closing: re.Pattern[str]) -> int:
    for at in range(line + 1, end):
        source = lines[at]
        stripped = source.lstrip()
        if not stripped or len(source) - len(stripped) > indent:
            continue
        if len(source) - len(stripped) == indent and closing.match(stripped):
            return at
        if not stripped.startswith(("{", "rescue", "ensure", "else", "#", "--")):
            return -1
    return -1


# Sections and statements


def _of_sections(lines: list[str], suffix: str) -> list[_Stretch]:
    found: list[_Stretch] = []
    shape = _SECTIONS[suffix]
    names: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    at = 0
    for line, source in enumerate(lines):
        match = shape.match(source[:400])
        top_level = suffix in (".yaml", ".yml") and source[:1].strip() and not source.startswith(("#", "- ", "}", "]"))
        if match is None and not (top_level and names):
            continue
        begins = line
        while begins > at and lines[begins - 1].startswith(("#", ";", "%")):
            begins -= 1
        found.append(_Stretch(at, begins, names))
        at = begins
        if match is None:
            names = ()
            continue
        level = 0
        if suffix == ".tex":
            level = next(i for i, name in enumerate(_TEX_LEVELS) if re.search(rf"\\{name}\b", source))
        n_kept = sum(above < level for above in levels)
        names = (*names[:n_kept], _signature(match.group("name")))
        levels = (*levels[:n_kept], level)
    found.append(_Stretch(at, len(lines), names))
    return _gathered(lines, found)


def _of_sql(text: str) -> list[_Stretch]:
    """The statements; those that create something under its name."""
    bare = _blanked(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^'\\]|''|\\.)*'?|\"[^\"\n]*\"?" + _DOLLARS, text)
    lines = text.split("\n")
    found: list[_Stretch] = []
    line = at = 0
    depth = 0
    named: re.Match[str] | None = None
    begins = True
    for match in _SQL_WORDS.finditer(bare):
        word = match.group().lower().strip()
        if begins:
            start = at + len(bare[at : match.end()]) - len(bare[at : match.end()].lstrip())
            named = _STATEMENT_NAME.match(text, start)
            depth, begins = 0, False
        if word not in (";", "go"):
            if named is not None and named.group("what").lower() in _WITH_BODY:
                depth += _nesting(word)
            continue
        if depth > 0 and word == ";":
            continue
        n_lines = text.count("\n", at, match.end())
        end = line + n_lines + 1
        rest = text[match.end() : text.find("\n", match.end())] if text.find("\n", match.end()) >= 0 else ""
        first = found[-1].end if found else 0
        if end > first and not bare[match.end() : match.end() + len(rest)].strip():
            found.append(_Stretch(first, end, (_signature(named.group("name")),) if named is not None else ()))
        line += n_lines
        at, begins = match.end(), True
    last = _Stretch(found[-1].end if found else 0, len(lines))
    return [*found, last]


def _nesting(word: str) -> int:
    return {"begin": 1, "case": 1, "end": -1, "end case": -1}.get(" ".join(word.split()), 0)
