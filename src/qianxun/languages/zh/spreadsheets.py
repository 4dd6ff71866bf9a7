"""Chinese for the messages of spreadsheets and delimited text."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # documents/formats/spreadsheet.py
    "{path} is more than {mb} MB unpacked.": "{path} 解压后超过 {mb} MB。",
    "{path} is not a readable workbook ({error}).": "{path} 不是可读的工作簿（{error}）。",
    "Open it in a spreadsheet program and save it again.": "请用电子表格软件打开并重新保存。",
    "Raise reading.max_unpacked_mb, or split the file.": "请调高 reading.max_unpacked_mb，或拆分文件。",
}
