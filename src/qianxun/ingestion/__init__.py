"""Keeping a knowledge base in step with files: add and sync, remove, check, rebuild, compact; changing the encoder."""

from qianxun.ingestion.add import TextItem, add_files, add_texts, sync_all
from qianxun.ingestion.change import ChangeReport, change_encoder
from qianxun.ingestion.duplicates import DuplicateGroup, find_duplicates
from qianxun.ingestion.originals import keep_originals
from qianxun.ingestion.preview import Preview, preview
from qianxun.ingestion.remove import bring_up_to_date, remove_documents, select
from qianxun.ingestion.run import AddReport
from qianxun.ingestion.upkeep import CheckReport, Problem, check, compact, finish, rebuild
from qianxun.ingestion.watch import watch_files

__all__ = [
    "AddReport",
    "ChangeReport",
    "CheckReport",
    "DuplicateGroup",
    "Preview",
    "Problem",
    "TextItem",
    "add_files",
    "add_texts",
    "bring_up_to_date",
    "change_encoder",
    "check",
    "compact",
    "find_duplicates",
    "finish",
    "keep_originals",
    "preview",
    "rebuild",
    "remove_documents",
    "select",
    "sync_all",
    "watch_files",
]
