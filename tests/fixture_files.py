"""A small file of every format, each with the same facts in it, in Chinese and English."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from email.message import EmailMessage

import compound_file
import page_images
from test_pdf_format import pdf

CHINESE = "设备 LF-2043 的检查周期为九十天，由第七组负责记录。"
TRADITIONAL = "食堂開放時間為上午十一點半至下午一點半。"
ENGLISH = "Travel expenses are refunded within thirty days of the request."
FACTS = (CHINESE, TRADITIONAL, ENGLISH)
_PLAIN = "\n\n".join(("Handbook 手册", *FACTS)) + "\n"


def fixture(suffix: str) -> bytes:
    """A file of this kind that holds the facts."""
    return _MAKERS.get(suffix, _text)()


def _text() -> bytes:
    return _PLAIN.encode()


def _html() -> bytes:
    return f"<html><head><title>Handbook</title></head><body><h1>手册</h1>{_paragraphs('p')}</body></html>".encode()


def _paragraphs(tag: str) -> str:
    return "".join(f"<{tag}>{fact}</{tag}>" for fact in FACTS)


def _pdf() -> bytes:
    return pdf([[(60, 760 - 40 * i, 10, fact) for i, fact in enumerate(FACTS)]], title="手册")


def _docx() -> bytes:
    from docx import Document

    document = Document()
    document.add_heading("手册", 1)
    for fact in FACTS:
        document.add_paragraph(fact)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("部门", "天数", "研发", "５"), strict=True):
        cell.text = text
    return _saved(document.save)


def _xlsx() -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "手册"
    sheet.append(["编号 No.", "说明 Text"])
    for number, fact in enumerate(FACTS):
        sheet.append([number, fact])
    return _saved(book.save)


def _xls() -> bytes:
    from xlwt import Workbook

    book = Workbook()
    sheet = book.add_sheet("手册")
    for number, row in enumerate([("编号 No.", "说明 Text"), *enumerate(FACTS)]):
        for column, value in enumerate(row):
            sheet.write(number, column, value)
    return _saved(book.save)


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def packed(parts: Mapping[str, "str | bytes"]) -> bytes:
    """A zip file; the first part is stored as it is, as OpenDocument and EPUB want it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, (name, content) in enumerate(parts.items()):
            archive.writestr(name, content, zipfile.ZIP_STORED if i == 0 else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


_OFFICE = "http://schemas.openxmlformats.org"
_RELATIONS = f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
_RELATION = f"{_OFFICE}/officeDocument/2006/relationships"


def _pptx() -> bytes:
    shapes = "".join(
        f'<p:sp><p:nvSpPr><p:cNvPr id="{i + 2}" name="t"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        f"<p:txBody><a:bodyPr/><a:p><a:r><a:t>{fact}</a:t></a:r></a:p></p:txBody></p:sp>"
        for i, fact in enumerate(FACTS)
    )
    names = (
        f'xmlns:a="{_OFFICE}/drawingml/2006/main" xmlns:p="{_OFFICE}/presentationml/2006/main" xmlns:r="{_RELATION}"'
    )
    return packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{_OFFICE}/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/ppt/presentation.xml" ContentType="application/'
            'vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"/>'
            '<Override PartName="/ppt/slides/slide1.xml" ContentType="application/'
            'vnd.openxmlformats-officedocument.presentationml.slide+xml"/></Types>',
            "_rels/.rels": f'{_RELATIONS}<Relationship Id="rId1" Type="{_RELATION}/officeDocument" '
            'Target="ppt/presentation.xml"/></Relationships>',
            "ppt/presentation.xml": f'<p:presentation {names}><p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst>'
            "</p:presentation>",
            "ppt/_rels/presentation.xml.rels": f'{_RELATIONS}<Relationship Id="rId1" Type="{_RELATION}/slide" '
            'Target="slides/slide1.xml"/></Relationships>',
            "ppt/slides/slide1.xml": f"<p:sld {names}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>",
        }
    )


_ODF = "urn:oasis:names:tc:opendocument:xmlns"


def _opendocument(kind: str, body: str) -> bytes:
    mime = f"application/vnd.oasis.opendocument.{kind}"
    names = " ".join(f'xmlns:{name}="{_ODF}:{name}:1.0"' for name in ("office", "text", "table"))
    names += f' xmlns:draw="{_ODF}:drawing:1.0" xmlns:presentation="{_ODF}:presentation:1.0"'
    return packed(
        {
            "mimetype": mime,
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{_ODF}:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
            "content.xml": '<?xml version="1.0" encoding="UTF-8"?>'
            f'<office:document-content {names} office:version="1.2">'
            f"<office:body>{body}</office:body></office:document-content>",
        }
    )


def _odt() -> bytes:
    return _opendocument(
        "text",
        f'<office:text><text:h text:outline-level="1">手册</text:h>{_paragraphs("text:p")}</office:text>',
    )


def _odp() -> bytes:
    boxes = "".join(f"<draw:frame><draw:text-box><text:p>{f}</text:p></draw:text-box></draw:frame>" for f in FACTS)
    return _opendocument(
        "presentation", f'<office:presentation><draw:page draw:name="p1">{boxes}</draw:page></office:presentation>'
    )


def _ods() -> bytes:
    rows = "".join(
        f'<table:table-row><table:table-cell office:value-type="string"><text:p>{i}</text:p></table:table-cell>'
        f'<table:table-cell office:value-type="string"><text:p>{fact}</text:p></table:table-cell></table:table-row>'
        for i, fact in enumerate(("说明 Text", *FACTS))
    )
    return _opendocument(
        "spreadsheet",
        f'<office:spreadsheet><table:table table:name="手册">{rows}</table:table></office:spreadsheet>',
    )


def _rtf() -> bytes:
    def escaped(text: str) -> str:
        return "".join(c if c.isascii() else f"\\u{ord(c) - 65536 if ord(c) > 32767 else ord(c)}?" for c in text)

    return ("{\\rtf1\\ansi\\ansicpg936\\uc1 " + "".join(f"{escaped(fact)}\\par\n" for fact in FACTS) + "}").encode()


def _epub() -> bytes:
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": f'<container xmlns="{_ODF}:container" version="1.0">'
            '<rootfiles><rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
            "</container>",
            "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>手册</dc:title></metadata>'
            '<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>',
            "OPS/a.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml">'
            f"<body><h1>一</h1>{_paragraphs('p')}</body></html>",
        }
    )


def _json() -> bytes:
    return json.dumps([{"no": i, "text": fact} for i, fact in enumerate(FACTS)], ensure_ascii=False).encode()


def _jsonl() -> bytes:
    return "".join(json.dumps({"no": i, "文字": f}, ensure_ascii=False) + "\n" for i, f in enumerate(FACTS)).encode()


def _xml() -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><manual><title>手册</title>{_paragraphs("para")}</manual>'.encode()


def _rss() -> bytes:
    items = "".join(f"<item><title>{i}</title><description>{fact}</description></item>" for i, fact in enumerate(FACTS))
    return f'<rss version="2.0"><channel><title>手册</title>{items}</channel></rss>'.encode()


def _atom() -> bytes:
    entries = "".join(f"<entry><title>{i}</title><summary>{fact}</summary></entry>" for i, fact in enumerate(FACTS))
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>手册</title>{entries}</feed>'.encode()


def _delimited(separator: str) -> bytes:
    return "".join(f"{a}{separator}{b}\n" for a, b in [("No.", "Text"), *enumerate(FACTS)]).encode()


def _letter() -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "王芳 <wang@example.com>", "手册"
    letter["Date"] = "Tue, 04 Mar 2025 09:30:00 +0800"
    letter.set_content(_PLAIN)
    letter.add_attachment(_docx(), maintype="application", subtype="octet-stream", filename="手册.docx")
    return letter


def _mbox() -> bytes:
    return b"From wang@example.com Tue Mar  4 09:30:00 2025\n" + _letter().as_bytes() + b"\n"


def _msg() -> bytes:
    return compound_file.letter("手册", _PLAIN, sender="王芳", attachments={"手册.txt": _PLAIN.encode()})


def _picture(kind: str) -> bytes:
    return page_images.saved(page_images.drawn(page_images.column(FACTS), (1200, 260)), kind)


def _zip() -> bytes:
    return packed({"手册.txt": _PLAIN, "folder/handbook.html": _html(), "手册.docx": _docx()})


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("手册.txt", _PLAIN.encode()), ("handbook.pdf", _pdf())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


_MAKERS: dict[str, Callable[[], bytes]] = {
    **dict.fromkeys([".html", ".htm", ".xhtml"], _html),
    **dict.fromkeys([".pptx", ".pptm", ".ppsx"], _pptx),
    **dict.fromkeys([".xlsx", ".xlsm"], _xlsx),
    **dict.fromkeys([".json", ".geojson"], _json),
    **dict.fromkeys([".jsonl", ".ndjson"], _jsonl),
    **dict.fromkeys([".jpg", ".jpeg"], lambda: _picture("JPEG")),
    **dict.fromkeys([".tif", ".tiff"], lambda: _picture("TIFF")),
    ".png": lambda: _picture("PNG"),
    ".bmp": lambda: _picture("BMP"),
    ".webp": lambda: _picture("WEBP"),
    ".gif": lambda: _picture("GIF"),
    ".pdf": _pdf,
    ".docx": _docx,
    ".xls": _xls,
    ".ods": _ods,
    ".odt": _odt,
    ".odp": _odp,
    ".rtf": _rtf,
    ".epub": _epub,
    ".xml": _xml,
    ".rss": _rss,
    ".atom": _atom,
    ".csv": lambda: _delimited(","),
    ".tsv": lambda: _delimited("\t"),
    ".eml": lambda: _letter().as_bytes(),
    ".mbox": _mbox,
    ".msg": _msg,
    ".zip": _zip,
    ".tar": _tar,
    ".tgz": lambda: gzip.compress(_tar()),
    ".gz": lambda: gzip.compress(_PLAIN.encode()),
    ".bz2": lambda: bz2.compress(_PLAIN.encode()),
    ".xz": lambda: lzma.compress(_PLAIN.encode()),
}


def file_name(suffix: str) -> str:
    """A name for the fixture of this kind; a packed file is named for what is in it."""
    return f"manual.txt{suffix}" if suffix in (".gz", ".bz2", ".xz") else f"manual{suffix}"
