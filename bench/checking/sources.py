"""What the labelled set is made of: the sample documents of the package, and texts written for it.

A text of `texts/` begins with `name: value` lines, then one statement a line. Under it stand, each on a line of its
own: `= ` the same in other words, `! ` the statement altered, both written by hand; `~ ` is an invention on the
subject of the passage. An empty line or a heading (`## `) ends a passage; lines with `|` are a table. Knows no checker.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import qianxun.samples
from qianxun.answering.pieces import pieces
from qianxun.documents.registry import loader_for
from qianxun.documents.split import split
from qianxun.files import RawFile
from qianxun.records import Passage, RawDocument, Span
from qianxun.settings import load_settings
from qianxun.text import has_cjk, script

Half: TypeAlias = Literal["tuning", "held out"]
Language: TypeAlias = Literal["zh", "en"]

TEXTS: Final = Path(__file__).parent / "texts"
SAMPLES: Final = Path(qianxun.samples.__file__).parent / "documents"
# Documents that say nearly the same are in one half.
SAMPLES_TO_TUNE_ON: Final = frozenset(
    {
        "人事/员工手册.md",
        "finance/费用报销制度-2023（已废止）.md",
        "finance/费用报销制度-2025.md",
        "engineering/oncall-runbook.md",
        "engineering/变更管理流程-Change-Management.docx",
        "products/warranty-terms.html",
        "客服/保修条款.html",
        "生产/电磁流量计校准作业指导书.txt",
        "台北分公司/出勤與加班須知.txt",
        "legal/数据保存与销毁制度.pdf",
        "products/LU-35-ultrasonic-level-sensor-manual.pdf",
    }
)
_BROKEN: Final = "归档/损坏的扫描件.pdf"
_PARALLEL: Final = re.compile(r"(?P<name>[\w-]+)(?: except (?P<lines>[\d, ]+))?")


@dataclass(frozen=True, slots=True)
class Line:
    """A statement of a written text, with what was written of it by hand."""

    text: str
    reworded: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A passage and what is known of it. `sentences` are what can be quoted from it, the rows of tables apart.

    `lines` and `inventions` are written by hand, and empty for a sample document. `number` counts the passages of a
    document from 0.
    """

    document: str
    number: int
    language: Language
    half: Half
    passage: Passage
    sentences: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    inventions: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What the passage is about: its innermost heading, else the document's title."""
        return self.passage.heading[-1] if self.passage.heading else self.passage.title


def language_of(text: str) -> Language:
    """What a sentence is written in; one with both in Chinese."""
    return "zh" if has_cjk(text) else "en"


def sources(half: Half) -> list[Source]:
    """The passages of a half, in a fixed order."""
    return [source for source in _all() if source.half == half]


def parallel(half: Half) -> list[tuple[Source, Line, Source, Line]]:
    """The statements that two written texts make in two languages: (Chinese source, line, English source, line)."""
    by_document: dict[str, list[tuple[Source, Line]]] = {}
    for source in sources(half):
        by_document.setdefault(source.document, []).extend((source, line) for line in source.lines)
    found = []
    for document, mine in by_document.items():
        said = _header(TEXTS / f"{document}.txt").get("says the same as") if mine else None
        if said is None or (match := _PARALLEL.fullmatch(said)) is None:
            continue
        other = {int(n) for n in (match["lines"] or "").split(",") if n}
        pairs = zip(mine, by_document[match["name"]], strict=True)
        found += [(*zh, *en) for n, (zh, en) in enumerate(pairs, 1) if n not in other]
    return found


@functools.cache
def _all() -> tuple[Source, ...]:
    return (*_written(), *_samples())


# -- texts -----------------------------------------------------------------------------------------------------------


def _header(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def _written() -> Iterator[Source]:
    for path in sorted(TEXTS.glob("*.txt")):
        header = _header(path)
        body = path.read_text(encoding="utf-8").partition("\n\n")[2]
        headings: list[str] = []
        for number, block in enumerate(re.split(r"\n\n+|\n(?=## )", body.strip())):
            marked = block.splitlines()
            if marked[0].startswith("## "):
                headings = [marked.pop(0)[3:]]
            said = [line for line in marked if line[:2] not in ("= ", "! ", "~ ")]
            table = [line for line in said if line.startswith("|")]
            statements = [line for line in said if not line.startswith("|")]
            between = "" if all(has_cjk(line) for line in statements) else " "
            is_log = bool(statements) and statements[0][:4].isdigit()
            text = "\n".join([*table, ("\n" if is_log else between).join(statements)]).strip()
            half: Half = "tuning" if header["half"] == "tuning" else "held out"
            passage = _passage(text, header["title"], tuple(headings), path.stem, number)
            yield Source(
                document=path.stem,
                number=number,
                language="en" if path.stem.startswith("en-") else "zh",
                half=half,
                passage=passage,
                sentences=_sentences(passage),
                lines=tuple(_lines(marked)),
                inventions=tuple(line[2:] for line in marked if line.startswith("~ ")),
            )


def _lines(marked: list[str]) -> Iterator[Line]:
    text, reworded, altered = "", [], []
    for line in [*marked, ""]:
        if line.startswith("= "):
            reworded.append(line[2:])
        elif line.startswith("! "):
            altered.append(line[2:])
        elif not line.startswith(("|", "~ ")):
            if text:
                yield Line(text, tuple(reworded), tuple(altered))
            text, reworded, altered = line, [], []


# -- sample documents ------------------------------------------------------------------------------------------------


def _samples() -> Iterator[Source]:
    settings = load_settings()
    for path in sorted(SAMPLES.rglob("*")):
        name = path.relative_to(SAMPLES).as_posix()
        if not path.is_file() or name == _BROKEN:
            continue
        file = RawFile.on_disk(path)
        number = 0
        for raw in loader_for(file).load(file, settings.reading):
            if not isinstance(raw, RawDocument):
                continue
            for part in split(raw.blocks, settings.splitting):
                for place, chunk in enumerate(part.chunks):
                    headings = tuple(_of_context(part.contexts[place], chunk.headings))
                    passage = _passage(
                        part.text_of(place), raw.title or path.stem, headings, name, number, part.contexts[place]
                    )
                    yield Source(
                        document=name,
                        number=number,
                        language="zh" if script(passage.text) == "cjk" else "en",
                        half="tuning" if name in SAMPLES_TO_TUNE_ON else "held out",
                        passage=passage,
                        sentences=_sentences(passage),
                    )
                    number += 1


def _of_context(context: str, spans: tuple[Span, ...]) -> Iterator[str]:
    at = 0
    for span in spans:
        yield context[at : at + span.end - span.start].strip("# \n")
        at += span.end - span.start + len(" › ")


def _passage(
    text: str, title: str, heading: tuple[str, ...], document: str, number: int, context: str | None = None
) -> Passage:
    return Passage(
        rank=1,
        score=1.0,
        chunk=number,
        document=1,
        source=document,
        title=title,
        page=None,
        location=None,
        heading=heading,
        span=Span(0, len(text)),
        text=text,
        context="\n".join(heading) if context is None else context,
        labels=("public",),
        stages={},
    )


def _sentences(passage: Passage) -> tuple[str, ...]:
    """What states something and is no row: not too short, no question, not only a heading."""
    found = []
    for piece in pieces(passage):
        text = " ".join(piece.text.split())
        length = len(text) if has_cjk(text) else 2 * len(text.split())
        if piece.row or not 10 <= length <= 120 or text.endswith(("?", "？", ":", "：")) or text.startswith("#"):
            continue
        if not has_cjk(text) and not text.endswith((".", ";")):
            continue
        # A line of a title page, and the way to a page of a website.
        if text.count("：") > 1 or " > " in text:
            continue
        found.append(text)
    return tuple(found)
