"""Values out of documents: what a schema asks for, as validated JSON, each value with the place that says so.

`schema.wanted` reads what is wanted, `material.read_files` reads files as `add` does, `batch.extract_all` asks a
generator about one document after the other (`drawing` about one), `citing` finds each value in the text,
`journal` keeps what is done, `tables` writes it as CSV or a workbook. Needs no knowledge base.
"""

from qianxun.extraction.batch import extract_all, known_in
from qianxun.extraction.journal import Journal, open_journal
from qianxun.extraction.material import jobs_of, list_files, read_files
from qianxun.extraction.records import Extraction, Field, Material, Unread
from qianxun.extraction.schema import Wanted, wanted

__all__ = [
    "Extraction",
    "Field",
    "Journal",
    "Material",
    "Unread",
    "Wanted",
    "extract_all",
    "jobs_of",
    "known_in",
    "list_files",
    "open_journal",
    "read_files",
    "wanted",
]
