"""Chinese for PDF files."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "{path}: {n} of {pages} pages are pictures with hardly any text.": "{path}：共 {pages} 页，其中 {n} 页是图片，几乎没有文字。",
    # settings/sections.py
    "text file with a password on each line, which are tried on encrypted PDF files; empty: none": (
        "每行一个密码的文本文件，用于尝试打开加密的 PDF 文件；空表示不用"
    ),
    # documents/formats/pdf.py
    "Save a copy without a password. Or write its password into a file, and name that file in "
    "reading.passwords_file.": (
        "请另存一份没有密码的副本；或将密码写入一个文件，并在 reading.passwords_file 中指定该文件。"
    ),
    "{path} is encrypted, and none of the {n} passwords in reading.passwords_file opens it.": (
        "{path} 已加密，reading.passwords_file 中的 {n} 个密码都打不开它。"
    ),
    "Add its password there as a line of its own, or save a copy without a password.": (
        "请在其中另起一行添加密码，或另存一份没有密码的副本。"
    ),
    "{path} is encrypted, and the file that reading.passwords_file names cannot be read ({error}).": (
        "{path} 已加密，而 reading.passwords_file 指定的文件无法读取（{error}）。"
    ),
    "Set it to a text file with a password on each line.": "请将其设为每行一个密码的文本文件。",
}
