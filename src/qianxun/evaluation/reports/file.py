"""A report's file: its name says its kind."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.evaluation.reports.html import as_html
from qianxun.evaluation.reports.markdown import as_markdown
from qianxun.evaluation.reports.page import Page
from qianxun.evaluation.writing import written_whole

KINDS: Final = (".html", ".md", ".json")


def report_file(name: str) -> Path:
    """The file that a report shall be written to, looked at before anything is measured for it.

    Raises InputError if its name ends in none of KINDS, or it cannot be written there.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() not in KINDS:
        raise InputError(
            "A report cannot be written to {path}: its name ends in none of {known}.",
            remedy="Example: --report report.html",
            path=path,
            known=", ".join(KINDS),
        )
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(
            "A report cannot be written to {path}: it is a folder, or {folder} is none that can be written in.",
            remedy="Make the folder, or name another.",
            path=path,
            folder=folder,
        )
    return path


def write_report(path: Path, page: Page, shape: Mapping[str, Any]) -> None:
    """Writes the page, or for .json the shape itself, whole or not at all. Raises InputError."""
    with written_whole(path) as file:
        kind = path.suffix.lower()
        if kind == ".json":
            json.dump(shape, file, ensure_ascii=False, indent=2)
            file.write("\n")
        else:
            file.write(as_html(page) if kind == ".html" else as_markdown(page))
