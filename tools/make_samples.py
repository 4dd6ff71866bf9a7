#!/usr/bin/env python3
"""Make the sample documents that are not plain UTF-8 text.

The readable sources lie in ``tools/sample_sources/``; the results go to
``src/qianxun/samples/documents/``. Plain UTF-8 samples (.md, some .txt and .html)
are edited in place there and are not touched by this script.

Needs ``pip install reportlab python-docx`` and two TrueType fonts, which are
embedded as subsets only and are not part of the repository::

    apt-get install fonts-wqy-microhei fonts-dejavu-core

Run ``python tools/make_samples.py``. The same sources, fonts and library versions
give the same bytes. ``--only NAME`` makes just the targets whose path contains NAME.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import re
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools" / "sample_sources"
DOCUMENTS = ROOT / "src" / "qianxun" / "samples" / "documents"

# source name -> path below DOCUMENTS
PDF = {
    "LF-200电磁流量计用户手册.md": "products/LF-200电磁流量计用户手册.pdf",
    "LU-35-ultrasonic-level-sensor-manual.md": "products/LU-35-ultrasonic-level-sensor-manual.pdf",
    "数据保存与销毁制度.md": "legal/数据保存与销毁制度.pdf",
    "内刊-澜砚通讯-2025春.md": "内刊/澜砚通讯-2025春.pdf",
    "distributor-programme-guide.md": "sales/distributor-programme-guide-2025.pdf",
    "实验室安全规程-Lab-Safety-Rules.md": "security/实验室安全规程-Lab-Safety-Rules.pdf",
}
DOCX = {
    "采购合同-汀南精密铸造.md": "legal/采购合同-汀南精密铸造.docx",
    "engineer-onboarding-guide.md": "hr/engineer-onboarding-guide.docx",
    "绩效考核办法.md": "人事/绩效考核办法.docx",
    "变更管理流程-Change-Management.md": "engineering/变更管理流程-Change-Management.docx",
}
# source name -> (path, codec, line ending)
ENCODED = {
    "客服-常见问题.txt": ("客服/常见问题.txt", "gb18030", "\r\n"),
    "台北分公司-出勤與加班須知.txt": ("台北分公司/出勤與加班須知.txt", "utf-16", "\r\n"),
    "security-password-and-access-policy.txt": (
        "security/password-and-access-policy.txt",
        "utf-8-sig",
        "\r\n",
    ),
    # Declares gb2312 and holds one character that only GBK has, as real pages do.
    "客服-保修条款.html": ("客服/保修条款.html", "gbk", "\r\n"),
}
# a truncated copy of a good PDF: (source of the bytes, path, number of bytes kept)
BROKEN = ("legal/数据保存与销毁制度.pdf", "归档/损坏的扫描件.pdf", 9000)

CJK_FONT = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")
LATIN_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf")
LATIN_BOLD = Path("/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf")


@dataclass
class Block:
    """One block of a source: heading, paragraph, list item or table."""

    kind: str  # h1 h2 h3 p bullet number table
    text: str = ""
    number: int = 0
    rows: list[list[str]] = field(default_factory=list)


def read_source(path: Path) -> tuple[dict[str, str], list[Block]]:
    """Read the small Markdown subset used here: its header lines and its blocks."""
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    meta = dict(line.split(": ", 1) for line in head.splitlines())
    blocks: list[Block] = []
    for chunk in re.split(r"\n\s*\n", body.strip()):
        for line in chunk.splitlines():
            if match := re.match(r"(#{1,3}) (.+)", line):
                blocks.append(Block(f"h{len(match[1])}", match[2]))
            elif line.startswith("|"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if all(re.fullmatch(r"-+", cell) for cell in cells):
                    continue
                if not (blocks and blocks[-1].kind == "table" and blocks[-1].rows):
                    blocks.append(Block("table"))
                blocks[-1].rows.append(cells)
            elif line.startswith("- "):
                blocks.append(Block("bullet", line[2:]))
            elif match := re.match(r"(\d+)\. (.+)", line):
                blocks.append(Block("number", match[2], int(match[1])))
            else:
                blocks.append(Block("p", line))
    return meta, blocks


def marked(text: str) -> str:
    """Escape text for a PDF paragraph and turn ``**x**`` and ``*x*`` into mark-up."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))
    return re.sub(r"\*(.+?)\*", r"\1", text)


# A Latin word, or one character; closing marks stay with what is before them and
# opening marks with what follows.
CLOSING = "，。、；：？！”’）》】〉」％%"
TOKEN = re.compile(rf"[“‘（《【〈「]*(?:[!-~°±²³µμΩ–−×·]+|\s+|.)[{CLOSING}]*")


def broken_lines(text: str, font: str, points: float, width: float) -> str:
    """Break Chinese text as Chinese printers do, with ``<br/>`` between the lines."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    lines = [""]
    for token in TOKEN.findall(text):
        if lines[-1] and stringWidth(lines[-1] + token.rstrip(), font, points) > width:
            lines[-1] = lines[-1].rstrip()
            token = token.lstrip()
            lines.append("")
        lines[-1] += token
    return "<br/>".join(marked(line) for line in lines)


def check_glyphs(text: str, font: str) -> None:
    """Fail where the font has no picture for a character: it would be left blank."""
    from reportlab.pdfbase import pdfmetrics

    known = pdfmetrics.getFont(font).face.charToGlyph
    missing = sorted({c for c in text if not c.isspace() and ord(c) not in known})
    if missing:
        raise SystemExit(f"{font} lacks: {' '.join(missing)}")


def write_pdf(source: Path, target: Path) -> None:
    """Set one source as an A4 PDF with page header, page numbers and tables."""
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import (
        BaseDocTemplate,
        Frame,
        PageTemplate,
        Paragraph,
        Spacer,
        Table,
        TableStyle,
    )

    meta, blocks = read_source(source)
    cjk = meta.get("font") == "cjk"
    if cjk:
        regular = bold = "Sample"
        pdfmetrics.registerFont(TTFont("Sample", str(CJK_FONT), subfontIndex=0))
        pdfmetrics.registerFontFamily("Sample", regular, bold, regular, bold)
    else:
        regular, bold = "SampleLatin", "SampleLatinBold"
        pdfmetrics.registerFont(TTFont(regular, str(LATIN_FONT)))
        pdfmetrics.registerFont(TTFont(bold, str(LATIN_BOLD)))
        pdfmetrics.registerFontFamily(regular, regular, bold, regular, bold)

    check_glyphs(source.read_text(encoding="utf-8"), regular)
    columns = int(meta.get("columns", "1"))
    wrap = "CJK" if cjk else None
    size = 10.5

    def style(name: str, font: str, points: float, **more: object) -> ParagraphStyle:
        return ParagraphStyle(name, fontName=font, fontSize=points, leading=points * 1.55, wordWrap=wrap, **more)

    styles = {
        "h1": style("h1", bold, size + 7, spaceAfter=8, textColor=colors.HexColor("#12355b")),
        "h2": style("h2", bold, size + 3, spaceBefore=10, spaceAfter=4, keepWithNext=1),
        "h3": style("h3", bold, size + 1, spaceBefore=6, spaceAfter=3, keepWithNext=1),
        "p": style("p", regular, size, spaceAfter=5),
        "bullet": style("bullet", regular, size, leftIndent=14, bulletIndent=3, spaceAfter=2),
        "number": style("number", regular, size, leftIndent=18, bulletIndent=2, spaceAfter=2),
    }
    cell_style = style("cell", regular, size - 1.2)
    head_style = style("cellhead", bold, size - 1.2)

    width, height = A4
    margin, gap = 20 * mm, 8 * mm
    column_width = (width - 2 * margin - gap * (columns - 1)) / columns

    def paragraph(text: str, look: ParagraphStyle, room: float, **more: str) -> Paragraph:
        if cjk:
            room -= look.leftIndent + 0.5
            return Paragraph(broken_lines(text, look.fontName, look.fontSize, room), look, **more)
        return Paragraph(marked(text), look, **more)

    story: list[object] = []
    for block in blocks:
        if block.kind == "table":
            # width of a column follows its longest cell, within limits
            counts = [
                max(sum(2 if ord(c) > 0x2E80 else 1 for c in row[i]) for row in block.rows)
                for i in range(len(block.rows[0]))
            ]
            counts = [min(max(count, 8), 40) for count in counts]
            widths = [column_width * count / sum(counts) for count in counts]
            rows = [
                [
                    paragraph(cell, head_style if i == 0 else cell_style, room - 12)
                    for cell, room in zip(row, widths, strict=True)
                ]
                for i, row in enumerate(block.rows)
            ]
            table = Table(rows, colWidths=widths, repeatRows=1)
            table.setStyle(
                TableStyle(
                    [
                        ("GRID", (0, 0), (-1, -1), 0.5, colors.HexColor("#8a99a8")),
                        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e6edf4")),
                        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                        ("TOPPADDING", (0, 0), (-1, -1), 2),
                        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
                    ]
                )
            )
            story += [Spacer(1, 3), table, Spacer(1, 6)]
        elif block.kind == "bullet":
            story.append(paragraph(block.text, styles["bullet"], column_width, bulletText="•"))
        elif block.kind == "number":
            mark = f"{block.number}."
            story.append(paragraph(block.text, styles["number"], column_width, bulletText=mark))
        else:
            story.append(paragraph(block.text, styles[block.kind], column_width))

    # The list marks use the embedded font as well, never a standard one.
    for name in ("bullet", "number"):
        styles[name].bulletFontName = regular
        styles[name].bulletFontSize = size

    def furniture(canvas: Any, doc: Any) -> None:
        canvas.saveState()
        canvas.setFont(regular, 8)
        canvas.setFillGray(0.4)
        canvas.drawString(margin, height - 13 * mm, meta["header"])
        page = f"第 {doc.page} 页" if cjk else f"Page {doc.page}"
        canvas.drawRightString(width - margin, 11 * mm, page)
        canvas.setLineWidth(0.4)
        canvas.line(margin, height - 15 * mm, width - margin, height - 15 * mm)
        canvas.restoreState()

    frames = [
        Frame(
            margin + i * (column_width + gap),
            18 * mm,
            column_width,
            height - 38 * mm,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )
        for i in range(columns)
    ]
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=meta["title"],
        author="澜砚仪器" if cjk else "Lanyan Instruments",
        invariant=1,
        initialFontName=regular,
    )
    document.addPageTemplates([PageTemplate(frames=frames, onPage=furniture)])
    document.build(story)
    target.write_bytes(buffer.getvalue())


def write_docx(source: Path, target: Path) -> None:
    """Set one source as a Word document with real headings, lists and tables."""
    from docx import Document
    from docx.oxml.ns import qn
    from docx.shared import Pt

    meta, blocks = read_source(source)
    document = Document()
    normal = document.styles["Normal"]
    normal.font.name = "Calibri"
    normal.font.size = Pt(10.5)
    for name in ("Normal", "Title", "Heading 1", "Heading 2"):
        fonts = document.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), "宋体" if name == "Normal" else "黑体")
    for block in blocks:
        if block.kind == "h1":
            document.add_heading(block.text, level=0)
        elif block.kind in ("h2", "h3"):
            document.add_heading(block.text, level=int(block.kind[1]) - 1)
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]))
            table.style = "Table Grid"
            for i, row in enumerate(block.rows):
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    run = cell.paragraphs[0].add_run(text)
                    run.bold = i == 0
            document.add_paragraph()
        elif block.kind == "bullet":
            document.add_paragraph(re.sub(r"\*(.+?)\*", r"\1", block.text), style="List Bullet")
        elif block.kind == "number":
            document.add_paragraph(block.text, style="List Number")
        else:
            paragraph = document.add_paragraph()
            for i, part in enumerate(re.split(r"\*(.+?)\*", block.text)):
                paragraph.add_run(part).italic = bool(i % 2)
    properties = document.core_properties
    properties.title = meta["title"]
    properties.author = "澜砚仪器 Lanyan Instruments"
    properties.comments = ""
    properties.created = properties.modified = dt.datetime(2025, 5, 20, 9, 0, 0)

    buffer = io.BytesIO()
    document.save(buffer)
    # Same bytes at every run: write the archive again with a fixed time, and without
    # the preview picture of python-docx's template.
    out = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/thumbnail.jpeg":
                continue
            if name == "_rels/.rels":
                data = re.sub(rb"<Relationship [^>]*thumbnail[^>]*/>", b"", data)
            info = zipfile.ZipInfo(name, (2025, 5, 20, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)
    target.write_bytes(out.getvalue())


def write_encoded(source: Path, target: Path, codec: str, ending: str) -> None:
    """Write a text source in another encoding and with other line ends."""
    text = source.read_text(encoding="utf-8").replace("\n", ending)
    if codec == "utf-16":  # the byte order must not depend on this machine
        target.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    else:
        target.write_bytes(text.encode(codec))


def main(argv: list[str] | None = None) -> int:
    """Make all targets, or those whose path contains ``--only``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="make only targets whose path contains this")
    parser.add_argument("--out", type=Path, default=DOCUMENTS, help="folder to write to")
    args = parser.parse_args(argv)

    def wanted(relative: str) -> Path | None:
        if args.only not in relative:
            return None
        target: Path = args.out / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        print(relative)
        return target

    for name, relative in PDF.items():
        if target := wanted(relative):
            write_pdf(SOURCES / name, target)
    for name, relative in DOCX.items():
        if target := wanted(relative):
            write_docx(SOURCES / name, target)
    for name, (relative, codec, ending) in ENCODED.items():
        if target := wanted(relative):
            write_encoded(SOURCES / name, target, codec, ending)
    whole, relative, keep = BROKEN
    if target := wanted(relative):
        target.write_bytes((args.out / whole).read_bytes()[:keep])
    return 0


if __name__ == "__main__":
    sys.exit(main())
