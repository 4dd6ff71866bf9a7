"""Which loader reads which kind of file: those of the package, then plugins."""

import functools
import importlib
import importlib.util
import logging
from pathlib import PurePath
from typing import Final, cast

from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.protocols import Loader

logger = logging.getLogger(__name__)

SOURCE_CODE: Final = (
    ".py .pyi .sql .js .mjs .cjs .jsx .ts .mts .cts .tsx .java .go .rs .c .h .cc .cpp .cxx .hh .hpp .hxx .cs "
    ".php .swift .kt .kts .scala .dart .groovy .gradle .proto .r .rb .lua .jl .m .ex .exs .sh .bash .zsh .pl "
    ".pm .ps1 .toml .ini .cfg .conf .yaml .yml .tex .vue .svelte .properties .css .scss .less .bib .cmake .mk "
    ".bat .graphql .tf"
).split()
PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
# What comes with the package, so that no metadata of installed packages is scanned for a common file.
BUILT_IN: Final = {
    ".txt": "text:TextLoader",
    ".text": "text:TextLoader",
    ".log": "text:TextLoader",
    ".md": "markdown:MarkdownLoader",
    ".markdown": "markdown:MarkdownLoader",
    ".html": "html:HtmlLoader",
    ".htm": "html:HtmlLoader",
    ".xhtml": "html:HtmlLoader",
    ".pdf": "pdf:PdfLoader",
    ".docx": "docx:DocxLoader",
    ".pptx": "slides:SlidesLoader",
    ".pptm": "slides:SlidesLoader",
    ".ppsx": "slides:SlidesLoader",
    ".xlsx": "spreadsheet:SpreadsheetLoader",
    ".xlsm": "spreadsheet:SpreadsheetLoader",
    ".xls": "spreadsheet:SpreadsheetLoader",
    ".xlsb": "spreadsheet:SpreadsheetLoader",
    ".ods": "spreadsheet:SpreadsheetLoader",
    ".csv": "delimited:DelimitedLoader",
    ".tsv": "delimited:DelimitedLoader",
    ".json": "json_records:JsonLoader",
    ".geojson": "json_records:JsonLoader",
    ".jsonl": "json_records:JsonLoader",
    ".ndjson": "json_records:JsonLoader",
    ".xml": "xml:XmlLoader",
    ".rss": "xml:XmlLoader",
    ".atom": "xml:XmlLoader",
    ".odt": "opendocument:OpenTextLoader",
    ".odp": "opendocument:OpenSlidesLoader",
    ".rtf": "rtf:RtfLoader",
    ".epub": "epub:EpubLoader",
    **dict.fromkeys(PICTURES, "image:ImageLoader"),
    ".eml": "mail:MailLoader",
    ".mbox": "mail:MailboxLoader",
    ".msg": "mail:OutlookLoader",
    ".zip": "archive:ZipLoader",
    ".tar": "archive:TarLoader",
    ".tgz": "archive:TarLoader",
    ".gz": "archive:TarLoader",
    ".bz2": "archive:TarLoader",
    ".xz": "archive:TarLoader",
    **dict.fromkeys(SOURCE_CODE, "source_code:SourceCodeLoader"),
}

# Kinds with files inside them; a plugin says so by an attribute `holds_files`.
_HOLDING: Final = frozenset({".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".eml", ".mbox", ".msg"})


def loader_for(file: RawFile) -> Loader:
    """The loader for a file by its suffix. Raises UnreadableDocument naming the suffixes that can be read."""
    suffix = file.suffix
    name = BUILT_IN.get(suffix)
    if name is not None:
        module, _, loader = name.partition(":")
        return cast(Loader, getattr(importlib.import_module(f"qianxun.documents.formats.{module}"), loader)())
    plugin = _plugins().get(suffix)
    if plugin is not None:
        return plugin
    raise _unreadable(file.name, suffix)


def must_be_readable(name: str, suffix: str) -> None:
    """Raises UnreadableDocument naming the suffixes that can be read where there is no loader for a file's."""
    if suffix not in BUILT_IN and suffix not in _plugins():
        raise _unreadable(name, suffix)


def known_suffixes() -> tuple[str, ...]:
    """The suffixes that `must_be_readable` lets through, sorted."""
    return tuple(sorted({*BUILT_IN, *_plugins()}))


def _unreadable(name: str, suffix: str) -> UnreadableDocument:
    if not suffix:
        return UnreadableDocument(
            "{path} has no suffix that says what kind of file it is.",
            remedy="Rename it to one of these: {supported}.",
            path=name,
            supported=", ".join(supported_suffixes()),
        )
    return UnreadableDocument(
        "{path}: files named {suffix} cannot be read.",
        remedy="Convert it to one of these: {supported}.",
        path=name,
        suffix=suffix,
        supported=", ".join(supported_suffixes()),
    )


def supported_suffixes(*, pictures: bool = True) -> tuple[str, ...]:
    """The suffixes that can be read, sorted; plugins' too.

    Those of pictures only where the extra `ocr` is installed, and not if `pictures` is False (`reading.ocr` is off).
    """
    built_in = BUILT_IN if pictures and _can_read_pictures() else BUILT_IN.keys() - set(PICTURES)
    return tuple(sorted({*built_in, *_plugins()}))


@functools.cache
def _can_read_pictures() -> bool:
    # A folder of pictures is passed over without it, as other kinds are; one that is named is told the install line.
    return all(importlib.util.find_spec(name) is not None for name in ("PIL", "rapidocr"))


def may_hold_files(source: str) -> bool:
    """Whether a source is of a kind that has files inside it."""
    suffix = PurePath(source).suffix.lower()
    return suffix in _HOLDING or bool(getattr(_plugins().get(suffix), "holds_files", False))


@functools.cache
def _plugins() -> dict[str, Loader]:
    from importlib.metadata import entry_points

    found: dict[str, Loader] = {}
    for entry in entry_points(group="qianxun.loaders"):
        if entry.value.startswith("qianxun.documents.formats."):
            continue
        try:
            loader = cast(Loader, entry.load()())
            suffixes = [suffix.lower() for suffix in loader.suffixes]
        except Exception as error:  # a broken plugin must not keep other files from being read
            logger.warning("loader plugin %s cannot be used: %s", entry.name, error)
            continue
        for suffix in suffixes:
            if suffix in BUILT_IN:
                logger.warning("loader plugin %s: %s is read by the built-in loader", entry.name, suffix)
            else:
                found.setdefault(suffix, loader)
    return found
