"""Keeping a knowledge base in step with files: add and sync, remove, check, rebuild, compact."""

from qianxun.ingestion.add import AddReport, TextItem, add_files, add_texts
from qianxun.ingestion.remove import remove_documents
from qianxun.ingestion.upkeep import CheckReport, Problem, check, compact, rebuild, recover

__all__ = [
    "AddReport",
    "CheckReport",
    "Problem",
    "TextItem",
    "add_files",
    "add_texts",
    "check",
    "compact",
    "rebuild",
    "recover",
    "remove_documents",
]
