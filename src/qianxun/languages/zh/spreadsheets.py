"""Chinese for the messages of spreadsheets and delimited text."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "{path}: formulas without a value, since no program has calculated them: {n}; their cells are empty.": "{path}：{n} 个公式没有值，因为没有程序计算过它们；这些单元格为空。",
    "Open it in a spreadsheet program, save it, and add it again.": "请用表格程序打开并保存，再重新添加。",
    # documents/formats/spreadsheet.py
    "{path} is more than {mb} MB unpacked.": "{path} 解压后超过 {mb} MB。",
    "{path} is not a readable workbook ({error}).": "{path} 不是可读的工作簿（{error}）。",
    "Open it in a spreadsheet program and save it again.": "请用电子表格软件打开并重新保存。",
    "Raise reading.max_unpacked_mb, or split the file.": "请调高 reading.max_unpacked_mb，或拆分文件。",
}
